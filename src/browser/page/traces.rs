//! What happened in the last flows, step by step, and a report of it.

use std::cell::RefCell;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, EventTarget, HtmlElement};

use crate::flow::trace::{Trace, report as report_of};
use crate::vault;
use crate::view::{Command, TraceView, trace_views};

use super::{command, copy, dom, report, with};
use crate::browser::dom::{by_id, children, find, set_attribute, set_text, set_text_in, show, show_in};
use crate::browser::storage::{local, read};
use crate::browser::texts;

thread_local! {
    static TRACES: RefCell<Vec<Trace>> = const { RefCell::new(Vec::new()) };
    static DRAWN: RefCell<Vec<TraceView>> = const { RefCell::new(Vec::new()) };
}

/// Listens to the section.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("traces_copy")?, "click", |_| {
        let text = TRACES.with_borrow(|traces| report_of(traces));
        report(by_id::<HtmlElement>("traces_copy").map(|button| copy(text, &button)));
    })?;
    dom::listen(&by_id::<EventTarget>("traces_clear")?, "click", |_| {
        let mut profiles: Vec<String> =
            TRACES.with_borrow(|traces| traces.iter().map(|trace| trace.profile.clone()).collect());
        profiles.sort();
        profiles.dedup();
        for profile in profiles {
            command(Command::ClearTraces { profile });
        }
    })?;
    dom::listen(&by_id::<EventTarget>("traces")?, "click", |event| {
        let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
        let Some(button) = target.filter(|target| target.class_list().contains("trace-copy")) else {
            return;
        };
        let place = button
            .get_attribute("data-place")
            .and_then(|place| place.parse::<usize>().ok());
        let text = TRACES.with_borrow(|traces| {
            place
                .and_then(|place| traces.get(place))
                .map(|one| report_of(std::slice::from_ref(one)))
        });
        if let Some(text) = text {
            copy(text, &button);
        }
    })
}

/// Reads the traces of all profiles, and draws them.
pub(super) fn load() {
    spawn_local(async { report(read_all().await.and_then(|()| draw())) });
}

async fn read_all() -> Result<(), JsValue> {
    let keys: Vec<String> = with(|page| {
        let entries = page.index.entries.iter();
        entries.map(|entry| vault::traces_key(&entry.id)).collect()
    });
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let records = read(&local(), &all_keys).await?;
    let mut traces: Vec<Trace> = Vec::new();
    for key in &all_keys {
        // Those that can't be read are no reason to hide the others.
        traces.extend(records.get::<Vec<Trace>>(key).ok().flatten().unwrap_or_default());
    }
    // In the order of their views.
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.began_ms));
    TRACES.set(traces);
    Ok(())
}

/// Draws what has changed.
pub(super) fn draw() -> Result<(), JsValue> {
    let views = with(|page| TRACES.with_borrow(|traces| trace_views(traces, &page.engine)));
    show(&by_id("traces_none")?, views.is_empty());
    for id in ["traces_copy", "traces_clear"] {
        show(&by_id(id)?, !views.is_empty());
    }
    if DRAWN.with_borrow(|drawn| *drawn == views) {
        return Ok(());
    }
    let list: Element = by_id("traces")?;
    for (place, (item, view)) in children(&list, views.len(), "trace-template")?
        .iter()
        .zip(&views)
        .enumerate()
    {
        set_attribute(item, "data-state", view.state)?;
        set_text_in(item, ".trace-name", &view.profile_name)?;
        set_text_in(item, ".trace-title", &texts::text(view.title))?;
        set_text_in(item, ".trace-state", &texts::text(view.state))?;
        show_in(item, ".trace-finding", view.finding.is_some())?;
        set_text_in(item, ".trace-finding", view.finding.as_deref().unwrap_or_default())?;
        let began = texts::date_time(view.began_ms);
        set_text_in(item, ".trace-time", &began)?;
        let button: Element = find(item, ".trace-copy")?;
        set_attribute(&button, "data-place", &place.to_string())?;
        // A profile has several.
        let one = [&view.profile_name, ", ", &began].concat();
        let label = texts::text_with("action_for", &[&texts::text("traces_copy"), &one]);
        set_attribute(&button, "aria-label", &label)?;
        let steps: Element = find(item, ".trace-steps")?;
        for (step, shown) in children(&steps, view.steps.len(), "trace-step-template")?
            .iter()
            .zip(&view.steps)
        {
            set_text_in(step, ".trace-step-time", &shown.time)?;
            let text = texts::text(&["trace_step_", &shown.what].concat());
            // A newer version may name more.
            set_text_in(
                step,
                ".trace-step-what",
                if text.is_empty() { &shown.what } else { &text },
            )?;
            let detail: HtmlElement = find(step, ".trace-step-detail")?;
            show(&detail, !shown.detail.is_empty());
            set_text(&detail, &shown.detail);
        }
    }
    DRAWN.set(views);
    Ok(())
}
