//! Import from a pasted text or a file, and export to a file. Nothing of it leaves the page but what the person saves.

use std::cell::RefCell;

use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, Element, EventTarget, HtmlElement, HtmlInputElement, Url};

use crate::profile::{ImportError, Imported, MAX_IMPORT_BYTES, Profile, ProfileDraft, export, import, validate};
use crate::view::{Command, Reply};

use super::{announce, backup, copy, dom, report, restore, say_failed, send, with};
use crate::browser::api::{property, set, words};
use crate::browser::dom::{by_id, children, find, for_each, set_attribute, set_text, set_text_in, show, show_in};
use crate::browser::texts;

thread_local! {
    static FOUND: RefCell<Vec<Imported>> = const { RefCell::new(Vec::new()) };
    /// What the form is to be filled in with.
    static DRAFT: RefCell<Option<ProfileDraft>> = const { RefCell::new(None) };
}

/// What the next form begins with, once.
pub(super) fn take_draft() -> Option<ProfileDraft> {
    DRAFT.take()
}

/// Listens to the section.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("import_text")?, "input", |_| {
        report(by_id::<Element>("import_text").and_then(|field| read(&text_of(&field))));
    })?;
    dom::listen(&by_id::<EventTarget>("import_file")?, "change", |_| {
        report(by_id("import_file").and_then(|field| choose_file(&field)));
    })?;
    dom::listen(&by_id::<EventTarget>("import_found")?, "click", |event| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let place = target
            .filter(|target| target.class_list().contains("found-add"))
            .and_then(|target| target.get_attribute("data-place"))
            .and_then(|place| place.parse::<usize>().ok());
        if let Some(place) = place {
            report(add(place));
        }
    })?;
    dom::listen(&by_id::<EventTarget>("export_list")?, "change", |_| {
        report(draw_buttons());
    })?;
    dom::listen(&by_id::<EventTarget>("export_download")?, "click", |_| {
        report(download());
    })?;
    dom::listen(&by_id::<EventTarget>("export_copy")?, "click", |_| {
        let copied = by_id::<HtmlElement>("export_copy").and_then(|button| {
            copy(export(&chosen()?), &button);
            Ok(())
        });
        report(copied);
    })?;
    backup::listen()?;
    restore::listen()
}

/// Forgets what was pasted, chosen or typed: it may hold a secret.
pub(super) fn clear() -> Result<(), JsValue> {
    backup::clear()?;
    restore::clear()?;
    show(&by_id("backup_saved")?, false);
    set(
        by_id::<HtmlElement>("import_text")?.unchecked_ref(),
        "value",
        &"".into(),
    );
    by_id::<HtmlInputElement>("import_file")?.set_value("");
    take(Ok(Vec::new()))
}

fn text_of(field: &Element) -> String {
    property(field, "value").as_string().unwrap_or_default()
}

fn read(text: &str) -> Result<(), JsValue> {
    take(match import(text) {
        // Nothing is wrong with an empty field.
        Err(ImportError::Empty) => Ok(Vec::new()),
        result => result,
    })
}

fn choose_file(field: &HtmlInputElement) -> Result<(), JsValue> {
    let file = property(&property(field, "files"), "0");
    if file.is_undefined() {
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "a megabyte is exact")]
    let limit = MAX_IMPORT_BYTES as f64;
    if property(&file, "size").as_f64().is_some_and(|size| size > limit) {
        return take(Err(ImportError::TooLarge));
    }
    let text: Promise = property(&file, "text")
        .dyn_into::<Function>()?
        .call0(&file)?
        .dyn_into()?;
    spawn_local(async move {
        let text = JsFuture::from(text).await;
        report(text.and_then(|text| read(&text.as_string().unwrap_or_default())));
    });
    Ok(())
}

/// Shows what was found, or why there is nothing.
fn take(result: Result<Vec<Imported>, ImportError>) -> Result<(), JsValue> {
    let error = result.as_ref().err().map(explain);
    FOUND.set(result.unwrap_or_default());
    show(&by_id("import_error")?, error.is_some());
    set_text(&by_id::<Element>("import_error")?, error.as_deref().unwrap_or_default());
    let invalid = if error.is_some() { "true" } else { "false" };
    set_attribute(&by_id::<Element>("import_text")?, "aria-invalid", invalid)?;
    draw_found()?;
    let count = FOUND.with_borrow(Vec::len);
    if count > 0 {
        announce(&texts::text_with("import_count", &[&count.to_string()]));
    }
    Ok(())
}

fn explain(error: &ImportError) -> String {
    if let ImportError::NothingIn(kind) = error {
        let kind = texts::text(&["import_kind_", kind.code()].concat());
        return texts::text_with("import_error_nothing_in", &[&kind]);
    }
    let args = error.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    texts::text_with(&["import_error_", error.code()].concat(), &args)
}

fn draw_found() -> Result<(), JsValue> {
    let found = FOUND.with_borrow(Clone::clone);
    let list: Element = by_id("import_found")?;
    for (place, (item, imported)) in children(&list, found.len(), "found-template")?
        .iter()
        .zip(&found)
        .enumerate()
    {
        let draft = &imported.draft;
        let name = [&draft.name, &draft.client_id]
            .into_iter()
            .find(|name| !name.is_empty());
        let unnamed = texts::text("import_unnamed");
        let name = name.map_or(unnamed.as_str(), String::as_str);
        set_text_in(item, ".found-name", name)?;
        let none = texts::text("import_missing");
        let or_none = |text: &str| if text.is_empty() { none.clone() } else { text.to_owned() };
        set_text_in(item, ".found-client", &or_none(&draft.client_id))?;
        // That there is one, and not what it is.
        let secret = if draft.client_secret.is_empty() {
            none.clone()
        } else {
            texts::text("import_secret")
        };
        set_text_in(item, ".found-secret", &secret)?;
        set_text_in(item, ".found-uri", &or_none(&draft.redirect_uri))?;
        set_text_in(item, ".found-scope", &or_none(&draft.scope))?;
        let unknown = imported.unknown.join(", ");
        show_in(item, ".found-unknown", !unknown.is_empty())?;
        set_text_in(item, ".found-unknown", &texts::text_with("import_unknown", &[&unknown]))?;
        let button: HtmlElement = find(item, ".found-add")?;
        let key = if validate(draft).is_ok() {
            "import_add"
        } else {
            "import_complete"
        };
        let action = texts::text(key);
        set_text(&button, &action);
        set_attribute(&button, "aria-label", &texts::text_with("action_for", &[&action, name]))?;
        set_attribute(&button, "data-place", &place.to_string())?;
    }
    Ok(())
}

/// Saves a whole profile; one with something missing goes to the form.
fn add(place: usize) -> Result<(), JsValue> {
    let Some(imported) = FOUND.with_borrow(|found| found.get(place).cloned()) else {
        return Ok(());
    };
    if validate(&imported.draft).is_err() {
        DRAFT.set(Some(imported.draft));
        return super::manager::go("new");
    }
    spawn_local(async move {
        let draft = Box::new(imported.draft.clone());
        let command = Command::SaveProfile {
            id: None,
            draft,
            authorize: false,
        };
        match send(&command).await {
            Ok(Reply::Saved { .. }) => {
                FOUND.with_borrow_mut(|found| found.retain(|other| *other != imported));
                announce(&texts::text("announce_saved"));
                let left = FOUND.with_borrow(Vec::len);
                report(if left == 0 {
                    clear().and_then(|()| super::manager::go("profiles"))
                } else {
                    draw_found()
                });
            }
            // The worker sees what this page did not: the form says what.
            Ok(Reply::Invalid { .. }) => {
                DRAFT.set(Some(imported.draft));
                report(super::manager::go("new"));
            }
            Ok(Reply::Failed { message }) => say_failed(&message),
            Ok(Reply::Done) => {}
            Err(error) => say_failed(&words(&error)),
        }
    });
    Ok(())
}

/// One line a profile, all chosen at first.
pub(super) fn draw() -> Result<(), JsValue> {
    let names: Vec<(String, String)> = with(|page| {
        let profiles = page.profiles.iter();
        profiles
            .map(|profile| (profile.id.clone(), profile.name.clone()))
            .collect()
    });
    for id in ["export", "backup"] {
        show(&by_id(id)?, !names.is_empty());
    }
    let list: Element = by_id("export_list")?;
    for (item, (id, name)) in children(&list, names.len(), "export-template")?.iter().zip(&names) {
        let check: HtmlInputElement = find(item, "input")?;
        if check.get_attribute("value").as_deref() != Some(id) {
            set_attribute(&check, "value", id)?;
            check.set_checked(true);
        }
        set_text_in(item, ".export-name", name)?;
    }
    draw_buttons()
}

fn draw_buttons() -> Result<(), JsValue> {
    let none = chosen()?.is_empty();
    for id in ["export_download", "export_copy"] {
        let button: HtmlElement = by_id(id)?;
        if none {
            set_attribute(&button, "disabled", "")?;
        } else {
            button.remove_attribute("disabled")?;
        }
    }
    Ok(())
}

fn chosen() -> Result<Vec<Profile>, JsValue> {
    let mut ids = Vec::new();
    for_each(&by_id("export_list")?, "input", |check| {
        let check: &HtmlInputElement = check.unchecked_ref();
        if check.checked() {
            ids.push(check.value());
        }
        Ok(())
    })?;
    Ok(with(|page| {
        page.profiles
            .iter()
            .filter(|profile| ids.contains(&profile.id))
            .cloned()
            .collect()
    }))
}

fn download() -> Result<(), JsValue> {
    let text = export(&chosen()?);
    let blob = Blob::new_with_str_sequence(&Array::of1(&text.into()))?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlElement = by_id("export_link")?;
    set_attribute(&link, "href", &url)?;
    link.click();
    // The browser has taken it by then.
    dom::after(10_000, move || {
        let _ = Url::revoke_object_url(&url);
    });
    Ok(())
}
