//! The list of all profiles: search, order, copies, and deletion with a way back.

use std::cell::RefCell;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, Event, EventTarget, HtmlElement, HtmlInputElement, PointerEvent};

use crate::view::{CardState, Command, ManagerModel, ManagerView, Model, Reply, RowView};

use super::home::time_left;
use super::{announce, dom, home, load, localise, redraw, report, say_failed, send, with};
use crate::browser::api::words;
use crate::browser::dom::{by_id, children, document, find, for_each, set_attribute, set_text, set_text_in, show};
use crate::browser::{clock, texts};

/// Rows that show before the person asks for more: enough to scroll through, and few enough to be drawn at each key.
const ROWS: usize = 50;

/// How long Undo is offered; longer while the pointer or the focus is on it, but no longer than the worker keeps it.
const TOAST_MS: u64 = 12_000;
const TOAST_MOST_MS: u64 = 55_000;

thread_local! {
    static LIST: RefCell<List> = const {
        RefCell::new(List { search: String::new(), rows: ROWS, drawn: None, focus: None, drag: None, deleted: None })
    };
}

struct List {
    search: String,
    rows: usize,
    drawn: Option<ManagerView>,
    /// The profile whose button, by its class, gets the focus when the list is drawn.
    focus: Option<(String, &'static str)>,
    drag: Option<Drag>,
    deleted: Option<Deleted>,
}

/// A row that is being dragged.
struct Drag {
    id: String,
    /// Where it would be dropped; none where it would stay.
    gap: Option<Gap>,
}

/// Between two rows: before this one, or at the end.
#[derive(Clone)]
struct Gap {
    before: Option<String>,
}

/// What Undo would bring back.
struct Deleted {
    id: String,
    name: String,
    at_ms: u64,
}

fn list<T>(use_list: impl FnOnce(&mut List) -> T) -> T {
    LIST.with_borrow_mut(use_list)
}

/// Listens to the list: one listener an event, whatever stands there.
pub(super) fn listen(section: &EventTarget) -> Result<(), JsValue> {
    dom::listen(section, "click", |event| {
        let Some(target) = element_of(&event) else { return };
        let button = target.closest("button").ok().flatten();
        if let (Some(button), Some(id)) = (button, profile_of(&target)) {
            click(&button, id);
        }
    })?;
    dom::listen(&by_id::<EventTarget>("search")?, "input", |event| {
        let field = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        list(|list| {
            list.search = field.map(|field| field.value()).unwrap_or_default();
            list.rows = ROWS;
        });
        report(draw());
    })?;
    dom::listen(&by_id::<EventTarget>("rows_more")?, "click", |_| {
        list(|list| list.rows += 4 * ROWS);
        report(draw());
    })?;
    dom::listen(&by_id::<EventTarget>("undo")?, "click", |_| undo())?;
    for event in ["pointerdown", "pointermove", "pointerup", "pointercancel"] {
        dom::listen(section, event, move |event| {
            if let Some(event) = event.dyn_ref::<PointerEvent>() {
                report(pointer(event));
            }
        })?;
    }
    dom::listen(document()?.as_ref(), "keydown", |event| {
        let escape = event
            .dyn_ref::<web_sys::KeyboardEvent>()
            .is_some_and(|event| event.key() == "Escape");
        if escape && list(|list| list.drag.take()).is_some() {
            report(mark_drop(None, ""));
        }
    })
}

fn element_of(event: &Event) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()
}

/// The profile of the row that an element stands in.
fn profile_of(element: &Element) -> Option<String> {
    let row = element.closest(".row").ok().flatten()?;
    row.get_attribute("data-profile")
}

fn click(button: &Element, id: String) {
    let classes = button.class_list();
    if classes.contains("row-up") || classes.contains("row-down") {
        let up = classes.contains("row-up");
        let target = with(|page| {
            let entries = &page.index.entries;
            let place = page.index.place(&id)?;
            // Down is before the one after the next, which may be the end.
            let before = if up { place.checked_sub(1)? } else { place + 2 };
            (before <= entries.len()).then(|| (entries.get(before).map(|entry| entry.id.clone()), before))
        });
        if let Some((before, place)) = target {
            let place = if up { place + 1 } else { place };
            move_row(id, before, place, if up { ".row-up" } else { ".row-down" });
        }
    } else if classes.contains("row-copy") {
        spawn_local(async move {
            match send(&Command::DuplicateProfile { profile: id }).await {
                Ok(Reply::Saved { profile }) => show_at(profile, ".row-name").await,
                Ok(Reply::Failed { message }) => say_failed(&message),
                Ok(_) => {}
                Err(error) => say_failed(&words(&error)),
            }
        });
    } else if classes.contains("row-delete") {
        delete(id);
    }
}

fn name_of(id: &str) -> String {
    with(|page| page.profile(id).map(|profile| profile.name.clone())).unwrap_or_default()
}

/// Shows what is stored now, with the focus on a part of this profile's row.
async fn show_at(id: String, class: &'static str) {
    let loaded = load().await;
    list(|list| list.focus = Some((id, class)));
    report(loaded.and_then(|()| redraw()));
}

fn move_row(id: String, before: Option<String>, place: usize, focus: &'static str) {
    let said = texts::text_with("announce_moved", &[&name_of(&id), &place.to_string()]);
    spawn_local(async move {
        let profile = id.clone();
        match send(&Command::MoveProfile { profile, before }).await {
            Ok(Reply::Failed { message }) => say_failed(&message),
            Ok(_) => {
                announce(&said);
                show_at(id, focus).await;
            }
            Err(error) => say_failed(&words(&error)),
        }
    });
}

fn delete(id: String) {
    let name = name_of(&id);
    spawn_local(async move {
        let command = Command::DeleteProfile { profile: id.clone() };
        match send(&command).await {
            Ok(Reply::Done) => {
                announce(&texts::text_with("toast_deleted", &[&name]));
                let at_ms = clock::now_ms();
                list(|list| list.deleted = Some(Deleted { id, name, at_ms }));
                let shown = redraw().and_then(|()| by_id::<HtmlElement>("undo")?.focus());
                report(shown);
            }
            Ok(Reply::Failed { message }) => say_failed(&message),
            Ok(_) => {}
            Err(error) => say_failed(&words(&error)),
        }
    });
}

fn undo() {
    let Some(Deleted { id, name, .. }) = list(|list| list.deleted.take()) else {
        return;
    };
    spawn_local(async move {
        let command = Command::UndoDelete { profile: id.clone() };
        match send(&command).await {
            Ok(Reply::Done) => {
                show_at(id, ".row-name").await;
                announce(&texts::text_with("announce_restored", &[&name]));
            }
            Ok(_) => say_failed(&texts::text("undo_too_late")),
            Err(error) => say_failed(&words(&error)),
        }
        report(redraw());
    });
}

/// Shows what can be brought back, for a while.
pub(super) fn draw_toast() -> Result<(), JsValue> {
    let toast: HtmlElement = by_id("toast")?;
    let age_ms = list(|list| {
        list.deleted
            .as_ref()
            .map(|deleted| clock::now_ms().saturating_sub(deleted.at_ms))
    });
    let over = match age_ms {
        Some(age_ms) => age_ms > TOAST_MOST_MS || (age_ms > TOAST_MS && !toast.matches(":hover, :focus-within")?),
        None => false,
    };
    let text = list(|list| {
        if over {
            list.deleted = None;
        }
        let name = list.deleted.as_ref().map(|deleted| deleted.name.as_str());
        name.map(|name| texts::text_with("toast_deleted", &[name]))
    });
    show(&toast, text.is_some());
    if let Some(text) = text {
        set_text(&by_id::<Element>("toast_text")?, &text);
    }
    Ok(())
}

/// Draws what fits the search. Rows stay where they are and change what they say, so that nothing moves but words.
pub(super) fn draw() -> Result<(), JsValue> {
    let view = with(|page| {
        list(|list| {
            let view = ManagerView::new(&ManagerModel {
                stored: Model {
                    index: &page.index,
                    profiles: &page.profiles,
                    tokens: &page.tokens,
                    checks: &page.checks,
                    engine: &page.engine,
                    now_ms: clock::now_ms(),
                    expanded: None,
                    revealed: &[],
                    visible: list.rows,
                },
                search: &list.search,
            });
            (list.drawn.as_ref() != Some(&view)).then_some(view)
        })
    });
    if let Some(view) = view {
        let rows: Element = by_id("rows")?;
        let searching = view.found < view.total;
        let before = rows.child_element_count();
        let elements = children(&rows, view.rows.len(), "row-template")?;
        let last = view.total.saturating_sub(1);
        for (place, (element, row)) in elements.iter().zip(&view.rows).enumerate() {
            if place >= before as usize {
                localise(element)?;
            }
            draw_row(element, row)?;
            // An order among some of the rows says nothing of all.
            draw_move(element, (".row-up", "row_up"), row, searching || place == 0)?;
            draw_move(element, (".row-down", "row_down"), row, searching || place == last)?;
        }
        set_attribute(&rows, "data-order", if searching { "" } else { "free" })?;
        let (found, total) = (view.found.to_string(), view.total.to_string());
        let count = if searching {
            texts::text_with("profiles_found", &[&found, &total])
        } else {
            texts::text_with("profiles_total", &[&total])
        };
        set_text(&by_id::<Element>("profiles_count")?, &count);
        show(&by_id("rows_none")?, view.found == 0);
        let more: HtmlElement = by_id("rows_more")?;
        let rest = view.found - view.rows.len();
        show(&more, rest > 0);
        set_text(&more, &texts::text_with("profiles_more", &[&rest.to_string()]));
        list(|list| list.drawn = Some(view));
    }
    focus()
}

fn draw_row(element: &Element, row: &RowView) -> Result<(), JsValue> {
    let card = &row.card;
    set_attribute(element, "data-profile", &card.id)?;
    set_attribute(element, "data-state", card.state.as_str())?;
    set_attribute(element, "data-unsaved", if card.unsaved { "true" } else { "false" })?;
    let sign: Element = find(element, ".sign")?;
    set_attribute(&sign, "data-color", row.color)?;
    set_text(&sign, &row.sign);
    let name: Element = find(element, ".row-name")?;
    set_attribute(&name, "href", &["#profile=", &card.id].concat())?;
    set_text(&name, &card.name);
    set_text_in(element, ".tag", card.label.as_deref().unwrap_or_default())?;
    set_text_in(element, ".row-provider", &row.provider)?;
    set_text_in(element, ".row-client", &row.client_id)?;
    set_text_in(element, ".row-account", row.account.as_deref().unwrap_or_default())?;
    set_text_in(element, ".row-status", &home::state_of(card))?;
    let left = card.life.filter(|_| card.state == CardState::Token).map(time_left);
    set_text_in(element, ".row-left", &left.unwrap_or_default())?;
    draw_tool(&find(element, ".row-copy")?, "row_copy", &card.name)?;
    draw_tool(&find(element, ".row-delete")?, "row_delete", &card.name)
}

fn draw_move(element: &Element, (class, key): (&str, &str), row: &RowView, stays: bool) -> Result<(), JsValue> {
    let button: Element = find(element, class)?;
    if button.has_attribute("disabled") != stays {
        button.toggle_attribute_with_force("disabled", stays)?;
    }
    draw_tool(&button, key, &row.card.name)
}

/// A button that is a picture says what it does in words as well.
fn draw_tool(button: &Element, key: &str, name: &str) -> Result<(), JsValue> {
    let said = texts::text_with(key, &[name]);
    set_attribute(button, "title", &said)?;
    set_attribute(button, "aria-label", &said)
}

/// Gives the focus to what was asked for, once it is there.
fn focus() -> Result<(), JsValue> {
    let Some((id, class)) = list(|list| list.focus.take()) else {
        return Ok(());
    };
    let row = document()?.query_selector(&[".row[data-profile=\"", &id, "\"]"].concat())?;
    // Behind a search, or beyond the rows that show.
    let Some(row) = row else { return Ok(()) };
    let button: HtmlElement = find(&row, class)?;
    if button.has_attribute("disabled") {
        // At its end of the list, only the other way is left.
        let other = if class == ".row-up" { ".row-down" } else { ".row-up" };
        return find::<HtmlElement>(&row, other)?.focus();
    }
    button.focus()
}

fn pointer(event: &PointerEvent) -> Result<(), JsValue> {
    let target = element_of(event);
    match event.type_().as_str() {
        "pointerdown" => {
            let grip = target
                .as_ref()
                .and_then(|target| target.closest(".row-grip").ok().flatten());
            let free = by_id::<Element>("rows")?.get_attribute("data-order").as_deref() == Some("free");
            if let Some(id) = grip.as_ref().filter(|_| free).and_then(profile_of) {
                event.prevent_default();
                // Outside of the list, too, the movement is the row's.
                grip.map_or(Ok(()), |grip| grip.set_pointer_capture(event.pointer_id()))?;
                list(|list| list.drag = Some(Drag { id, gap: None }));
            }
            Ok(())
        }
        "pointermove" => drag_to(event.client_x(), event.client_y()),
        "pointerup" => {
            let drag = list(|list| list.drag.take());
            mark_drop(None, "")?;
            if let Some(Drag {
                id,
                gap: Some(Gap { before }),
            }) = drag
            {
                let place = with(|page| match &before {
                    Some(before) => page.index.place(before).map(|place| {
                        // Its own old place counts no more.
                        place + usize::from(page.index.place(&id).is_none_or(|own| own >= place))
                    }),
                    None => Some(page.index.entries.len()),
                });
                move_row(id, before, place.unwrap_or_default(), ".row-name");
            }
            Ok(())
        }
        _ => {
            list(|list| list.drag = None);
            mark_drop(None, "")
        }
    }
}

/// Finds the gap between two rows that the pointer is nearest to.
fn drag_to(x: i32, y: i32) -> Result<(), JsValue> {
    let Some(id) = list(|list| list.drag.as_ref().map(|drag| drag.id.clone())) else {
        return Ok(());
    };
    scroll_near_edge(y);
    #[expect(clippy::cast_precision_loss, reason = "a screen is not that wide")]
    let under = document()?.element_from_point(x as f32, y as f32);
    let row = under.and_then(|under| under.closest(".row").ok().flatten());
    let Some(row) = row else {
        list(|list| list.drag.iter_mut().for_each(|drag| drag.gap = None));
        return mark_drop(None, "");
    };
    let bounds = row.get_bounding_client_rect();
    let upper = f64::from(y) < bounds.top() + bounds.height() / 2.0;
    let over = row.get_attribute("data-profile").unwrap_or_default();
    let gap = with(|page| {
        let place = page.index.place(&over)? + usize::from(!upper);
        let own = page.index.place(&id)?;
        // The gaps on both sides of the row itself lead nowhere.
        let leads = place != own && place != own + 1;
        leads.then(|| Gap {
            before: page.index.entries.get(place).map(|entry| entry.id.clone()),
        })
    });
    let side = if upper { "before" } else { "after" };
    let marked = gap.is_some().then_some(&row);
    mark_drop(marked, side)?;
    list(|list| list.drag.iter_mut().for_each(|drag| drag.gap.clone_from(&gap)));
    Ok(())
}

/// A list that is longer than the window goes along.
fn scroll_near_edge(y: i32) {
    const EDGE: f64 = 56.0;
    const STEP: f64 = 12.0;
    let Some(window) = web_sys::window() else { return };
    let height = window
        .inner_height()
        .ok()
        .and_then(|height| height.as_f64())
        .unwrap_or_default();
    let y = f64::from(y);
    if y < EDGE {
        window.scroll_by_with_x_and_y(0.0, -STEP);
    } else if y > height - EDGE {
        window.scroll_by_with_x_and_y(0.0, STEP);
    }
}

/// Draws a line where the row would be dropped.
fn mark_drop(row: Option<&Element>, side: &str) -> Result<(), JsValue> {
    for_each(&by_id("rows")?, "[data-drop]", |marked| {
        if row == Some(marked) {
            return Ok(());
        }
        marked.remove_attribute("data-drop")
    })?;
    row.map_or(Ok(()), |row| set_attribute(row, "data-drop", side))
}
