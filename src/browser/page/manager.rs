//! The manager: sections in a tab, chosen by the hash of its address.
//!
//! `#profiles`, `#new`, `#profile=<id>`, `#transfer`, `#explain`, `#traces`, `#settings`, `#recovery`. A section is a link in the navigation, a `<section>` named
//! `view-<name>`, and a line in [`redraw`].

use std::cell::RefCell;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, EventTarget, HtmlElement, HtmlInputElement, KeyboardEvent};

use super::setup::{self, Form};
use super::{dom, explain, recovery, report, rows, settings, show_view, traces, transfer, with};
use crate::browser::dom::{by_id, document, for_each, set_attribute};

/// What the address names.
#[derive(Clone)]
enum Route {
    Profiles,
    New,
    Edit(String),
    Transfer,
    Explain,
    Traces,
    Settings,
    Recovery,
}

impl Route {
    /// It only chooses what shows.
    fn now() -> Self {
        let hash = web_sys::window().and_then(|window| window.location().hash().ok());
        let hash = hash.unwrap_or_default();
        match hash.trim_start_matches('#') {
            "new" => Self::New,
            "transfer" => Self::Transfer,
            "explain" => Self::Explain,
            "traces" => Self::Traces,
            "settings" => Self::Settings,
            "recovery" => Self::Recovery,
            other => match other.strip_prefix("profile=") {
                Some(id) => Self::Edit(id.to_owned()),
                None => Self::Profiles,
            },
        }
    }

    /// The link of the navigation that leads there.
    fn section(&self) -> &'static str {
        match self {
            Self::Profiles | Self::New | Self::Edit(_) => "#profiles",
            Self::Transfer => "#transfer",
            Self::Explain => "#explain",
            Self::Traces => "#traces",
            Self::Settings => "#settings",
            Self::Recovery => "#recovery",
        }
    }
}

thread_local! {
    /// The section that the page has come to. The address is ahead of it for a moment: what is drawn meanwhile, because
    /// something in storage has changed, belongs to the old section.
    static SECTION: RefCell<Route> = const { RefCell::new(Route::Profiles) };
}

/// Goes to another section.
pub(super) fn go(hash: &str) -> Result<(), JsValue> {
    web_sys::window().map_or(Ok(()), |window| window.location().set_hash(hash))
}

/// Listens to the page.
pub(super) fn listen() -> Result<(), JsValue> {
    if let Some(window) = web_sys::window() {
        dom::listen(&window, "hashchange", |_| report(arrive(true)))?;
    }
    dom::listen(document()?.as_ref(), "keydown", |event| {
        let Some(event) = event.dyn_ref::<KeyboardEvent>() else {
            return;
        };
        let typing = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok())
            .is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA"));
        // In another section it is a key like any other.
        let listed = by_id::<HtmlElement>("view-profiles").is_ok_and(|view| !view.hidden());
        let asked = event.key() == "/" && listed && !typing && !event.ctrl_key() && !event.meta_key();
        if let (true, Ok(search)) = (asked, by_id::<HtmlInputElement>("search")) {
            event.prevent_default();
            let _ = search.focus();
        }
    })?;
    let section: EventTarget = by_id("view-profiles")?;
    rows::listen(&section)?;
    transfer::listen()?;
    explain::listen()?;
    traces::listen()?;
    recovery::listen()?;
    settings::listen()
}

/// Takes the address: which section, and what its form is about. A person who followed a link hears its heading.
pub(super) fn arrive(followed: bool) -> Result<(), JsValue> {
    if with(|page| page.vault.locked) {
        return super::redraw();
    }
    let route = Route::now();
    SECTION.with(|section| section.borrow_mut().clone_from(&route));
    with(|page| {
        page.form = match &route {
            Route::New => Some(transfer::take_draft().map_or_else(Form::new, Form::imported)),
            Route::Edit(id) => page.profile(id).map(Form::edit),
            Route::Profiles | Route::Transfer | Route::Explain | Route::Traces | Route::Settings | Route::Recovery => {
                None
            }
        };
    });
    match route {
        Route::Settings => settings::fill()?,
        Route::Traces => traces::load(),
        _ => {}
    }
    if !matches!(route, Route::Transfer) {
        transfer::clear()?;
    }
    if !matches!(route, Route::Explain) {
        explain::clear()?;
    }
    for_each(&by_id("sections")?, ".section", |link| {
        if link.get_attribute("href").as_deref() == Some(route.section()) {
            set_attribute(link, "aria-current", "page")
        } else {
            link.remove_attribute("aria-current")
        }
    })?;
    redraw()?;
    if followed {
        let heading = document()?.query_selector(".view:not([hidden]) h1")?;
        if let Some(heading) = heading.and_then(|heading| heading.dyn_into::<HtmlElement>().ok()) {
            heading.focus()?;
        }
        if let Some(window) = web_sys::window() {
            window.scroll_to_with_x_and_y(0.0, 0.0);
        }
    }
    Ok(())
}

/// Draws the section.
pub(super) fn redraw() -> Result<(), JsValue> {
    let (empty, form) = with(|page| (page.index.entries.is_empty(), page.form.is_some()));
    rows::draw_toast()?;
    match SECTION.with(|section| section.borrow().clone()) {
        // Saved, given up, or deleted elsewhere.
        Route::New | Route::Edit(_) if !form => go("profiles"),
        Route::New | Route::Edit(_) => {
            setup::draw()?;
            show_view("view-setup")
        }
        Route::Profiles if empty => {
            with(|page| {
                if page.form.is_none() {
                    page.form = Some(Form::new());
                }
            });
            setup::draw()?;
            show_view("view-setup")
        }
        Route::Profiles => {
            with(|page| page.form = None);
            rows::draw()?;
            show_view("view-profiles")
        }
        Route::Transfer => {
            transfer::draw()?;
            show_view("view-transfer")
        }
        Route::Explain => show_view("view-explain"),
        Route::Traces => {
            traces::draw()?;
            show_view("view-traces")
        }
        Route::Settings => show_view("view-settings"),
        // Seen, here or elsewhere.
        Route::Recovery if with(|page| page.damage.records.is_empty()) => go("profiles"),
        Route::Recovery => {
            recovery::draw()?;
            show_view("view-recovery")
        }
    }
}
