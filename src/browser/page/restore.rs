//! Restoring a backup: the file, its passphrase, what would change, and then the change.

use std::cell::RefCell;

use js_sys::{Function, JSON, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, EventTarget, HtmlElement, HtmlInputElement, HtmlSelectElement};

use crate::oauth::text::clean;
use crate::profile::{MAX_NAME, Settings};
use crate::vault::backup::{Backup, ContentsError, Kept, MAX_BACKUP_BYTES, inspect_backup};
use crate::vault::restore::{Choice, Compared, Side, compare, settings_differ};
use crate::view::{Command, Reply};

use super::backup::{collect, complain, say, working};
use super::lock::{ask, typed};
use super::{announce, dom, report, send};
use crate::browser::api::{property, words};
use crate::browser::dom::{
    by_id, children, document, find, for_each, set_attribute, set_text, set_text_in, show, show_in,
};
use crate::browser::storage::from_js;
use crate::browser::texts;

/// A backup that was opened, beside what is here.
struct Opened {
    backup: Backup,
    here: Vec<Kept>,
    compared: Vec<Compared>,
    settings_differ: bool,
}

impl Opened {
    fn new(backup: Backup, settings: &Settings, here: Vec<Kept>) -> Self {
        Self {
            compared: compare(&backup, &here),
            settings_differ: settings_differ(&backup, settings),
            backup,
            here,
        }
    }
}

thread_local! {
    static FILE: RefCell<Option<Uint8Array>> = const { RefCell::new(None) };
    static OPENED: RefCell<Option<Opened>> = const { RefCell::new(None) };
}

/// Listens to the form.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("restore_file")?, "change", |_| {
        report(by_id("restore_file").and_then(|field| choose_file(&field)));
    })?;
    dom::listen(&by_id::<EventTarget>("restore_passphrase")?, "input", |_| {
        report(say("restore", None));
    })?;
    dom::listen(&by_id::<EventTarget>("restore")?, "submit", |event| {
        event.prevent_default();
        report(open());
    })?;
    dom::listen(&by_id::<EventTarget>("restore_write")?, "click", |_| {
        spawn_local(async {
            if let Err(error) = restore().await {
                report(complain("restore", Some(&words(&error))));
            }
        });
    })?;
    dom::listen(&by_id::<EventTarget>("restore_cancel")?, "click", |_| report(clear()))
}

/// Forgets the file, the passphrase and what was in it.
pub(super) fn clear() -> Result<(), JsValue> {
    by_id::<HtmlInputElement>("restore_file")?.set_value("");
    forget()?;
    say("restore", None)
}

fn forget() -> Result<(), JsValue> {
    by_id::<HtmlInputElement>("restore_passphrase")?.set_value("");
    FILE.set(None);
    OPENED.set(None);
    show(&by_id("restore_ask")?, false);
    draw()
}

fn choose_file(field: &HtmlInputElement) -> Result<(), JsValue> {
    forget()?;
    say("restore", None)?;
    let file = property(&property(field, "files"), "0");
    if file.is_undefined() {
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "some megabytes are exact")]
    let limit = MAX_BACKUP_BYTES as f64;
    if property(&file, "size").as_f64().is_some_and(|size| size > limit) {
        return say("restore", Some("too_large"));
    }
    let bytes: Promise = property(&file, "arrayBuffer")
        .dyn_into::<Function>()?
        .call0(&file)?
        .dyn_into()?;
    spawn_local(async move {
        report(match JsFuture::from(bytes).await {
            Ok(bytes) => take_file(&bytes),
            Err(_) => say("restore", Some("unreadable_file")),
        });
    });
    Ok(())
}

/// Whoever chose a wrong file hears it before they type a passphrase.
fn take_file(bytes: &JsValue) -> Result<(), JsValue> {
    let file = Uint8Array::new(bytes);
    if let Err(error) = inspect_backup(&file.to_vec()) {
        // The same file, once it is mended, can be chosen again.
        by_id::<HtmlInputElement>("restore_file")?.set_value("");
        return say("restore", Some(error.code()));
    }
    FILE.set(Some(file));
    show(&by_id("restore_ask")?, true);
    by_id::<HtmlElement>("restore_passphrase")?.focus()
}

fn open() -> Result<(), JsValue> {
    let Some(file) = FILE.with_borrow(Clone::clone) else {
        return Ok(());
    };
    let passphrase = typed("restore_passphrase")?;
    working("restore", true)?;
    say("restore", None)?;
    spawn_local(async move {
        let contents = ask("open", passphrase, file.clone().into()).await;
        report(working("restore", false));
        // Another file was chosen, or the section left.
        if !FILE.with_borrow(|chosen| chosen.as_ref().is_some_and(|chosen| js_sys::Object::is(chosen, &file))) {
            return;
        }
        report(match contents.and_then(|contents| read(&contents)) {
            Ok(backup) => match show_opened(backup).await {
                Ok(()) => focus("restore_about"),
                Err(error) => complain("restore", Some(&words(&error))),
            },
            Err(code) => say("restore", Some(&code)),
        });
    });
    Ok(())
}

/// The contents of a file; the reason's code when they are none that this version knows.
fn read(contents: &JsValue) -> Result<Backup, String> {
    let plain = JSON::parse(&contents.as_string().unwrap_or_default()).and_then(|contents| from_js(&contents));
    match plain.map(|plain| Backup::read(&plain)) {
        Ok(Ok(backup)) => Ok(backup),
        Ok(Err(ContentsError::Newer)) => Err("newer_version".to_owned()),
        _ => Err("contents".to_owned()),
    }
}

/// Compares with what is here now.
async fn show_opened(backup: Backup) -> Result<(), JsValue> {
    let (settings, here) = collect().await?;
    OPENED.set(Some(Opened::new(backup, &settings, here)));
    by_id::<HtmlInputElement>("restore_passphrase")?.set_value("");
    show(&by_id("restore_ask")?, false);
    draw()
}

fn focus(id: &str) -> Result<(), JsValue> {
    by_id::<HtmlElement>(id)?.focus()
}

fn draw() -> Result<(), JsValue> {
    OPENED.with_borrow(|opened| {
        show(&by_id("restore_found")?, opened.is_some());
        match opened {
            Some(opened) => draw_opened(opened),
            None => children(&by_id("restore_list")?, 0, "restore-template").map(|_| ()),
        }
    })
}

fn draw_opened(opened: &Opened) -> Result<(), JsValue> {
    let Opened { backup, compared, .. } = opened;
    let made = texts::date_time(backup.made_ms);
    let about = texts::text_with("restore_about", &[&made, &compared.len().to_string()]);
    set_text(&by_id::<Element>("restore_about")?, &about);
    // Nothing is left of another backup's choices.
    let list: Element = by_id("restore_list")?;
    children(&list, 0, "restore-template")?;
    let items = children(&list, compared.len(), "restore-template")?;
    for ((item, compared), kept) in items.iter().zip(compared).zip(&backup.profiles) {
        draw_item(item, compared, kept, opened.mine(compared))?;
    }
    show(&by_id("restore_settings_row")?, opened.settings_differ);
    by_id::<HtmlInputElement>("restore_settings")?.set_checked(opened.here.is_empty());
    let nothing = !opened.settings_differ && compared.iter().all(Compared::is_same);
    show(&by_id("restore_nothing")?, nothing);
    show(&by_id("restore_write")?, !nothing);
    Ok(())
}

impl Opened {
    fn mine(&self, compared: &Compared) -> Option<&Kept> {
        let id = compared.mine.as_ref()?;
        self.here.iter().find(|mine| mine.profile.id == *id)
    }
}

fn draw_item(item: &Element, compared: &Compared, kept: &Kept, mine: Option<&Kept>) -> Result<(), JsValue> {
    set_text_in(item, ".found-name", &kept.profile.name)?;
    set_text_in(item, ".restore-client", &kept.profile.client_id)?;
    let state = match (mine, compared.is_same()) {
        (None, _) => "restore_new",
        (_, true) => "restore_same",
        (_, false) => "restore_differs",
    };
    set_text_in(item, ".restore-state", &texts::text(state))?;
    let lines = match mine {
        Some(mine) => differences(compared, kept, mine),
        None => news(kept),
    };
    let list: Element = find(item, ".restore-changes")?;
    for (line, text) in children(&list, lines.len(), "line-template")?.iter().zip(&lines) {
        set_text(line, text);
    }
    show_in(item, ".restore-changes", !lines.is_empty())?;
    let choice: HtmlSelectElement = find(item, ".restore-choice")?;
    show(&choice, !compared.is_same());
    set_attribute(
        &choice,
        "aria-label",
        &texts::text_with("restore_choice_label", &[&kept.profile.name]),
    )?;
    for known in compared.choices() {
        let option = document()?.create_element("option")?;
        set_attribute(&option, "value", value(*known))?;
        set_text(&option, &texts::text(words_of(*known, mine.is_some())));
        choice.append_child(&option)?;
    }
    choice.set_value(value(compared.first_choice()));
    Ok(())
}

fn value(choice: Choice) -> &'static str {
    match choice {
        Choice::Mine => "mine",
        Choice::Backup => "backup",
        Choice::Both => "both",
    }
}

fn words_of(choice: Choice, known: bool) -> &'static str {
    match (choice, known) {
        (Choice::Mine, true) => "restore_choice_mine",
        (Choice::Backup, true) => "restore_choice_backup",
        (Choice::Both, _) => "restore_choice_both",
        (Choice::Mine, false) => "restore_choice_skip",
        (Choice::Backup, false) => "restore_choice_add",
    }
}

/// What comes with a new profile.
fn news(kept: &Kept) -> Vec<String> {
    let mut lines = Vec::new();
    if kept.secret.is_some() {
        lines.push(texts::text("restore_new_secret"));
    }
    if let Some(stored) = &kept.token {
        let obtained = texts::date_time(stored.token.obtained_ms);
        lines.push(texts::text_with("restore_new_token", &[&obtained]));
    }
    lines
}

/// What differs, and what stays although it does: neither a secret nor a token is shown.
fn differences(compared: &Compared, kept: &Kept, mine: &Kept) -> Vec<String> {
    let mut lines = Vec::new();
    let mut others = Vec::new();
    for field in &compared.fields {
        match *field {
            "name" => lines.push(texts::text_with("restore_name", &[&mine.profile.name])),
            "client_id" => lines.push(texts::text_with("restore_client_id", &[&mine.profile.client_id])),
            "provider" => others.push(texts::text("field_provider")),
            "redirect_uri" => others.push(texts::text("field_redirect_uri")),
            "scope" => others.push(texts::text("field_scope")),
            "renewal" => others.push(texts::text("restore_field_renewal")),
            _ => others.push(texts::text("restore_field_look")),
        }
    }
    if !others.is_empty() {
        lines.push(texts::text_with("restore_fields", &[&others.join(", ")]));
    }
    let secret = match compared.secret {
        Side::Same => None,
        Side::Here => Some("restore_secret_here"),
        Side::Backup | Side::BackupNewer => Some("restore_secret_backup"),
        Side::Differ => Some("restore_secret_differs"),
    };
    lines.extend(secret.map(texts::text));
    let obtained = |kept: &Kept| {
        let stored = kept.token.as_ref();
        stored
            .map(|stored| texts::date_time(stored.token.obtained_ms))
            .unwrap_or_default()
    };
    match compared.token {
        Side::Same => {}
        Side::Here | Side::Differ if kept.token.is_none() => lines.push(texts::text("restore_token_here")),
        Side::Here | Side::Differ => lines.push(texts::text_with(
            "restore_token_newer_here",
            &[&obtained(mine), &obtained(kept)],
        )),
        Side::Backup => lines.push(texts::text_with("restore_token_backup", &[&obtained(kept)])),
        Side::BackupNewer => lines.push(texts::text_with(
            "restore_token_newer_backup",
            &[&obtained(kept), &obtained(mine)],
        )),
    }
    if compared.other_app {
        lines.push(texts::text("restore_other_app"));
    }
    lines
}

/// The choices as they stand, in the order of the profiles.
fn choices() -> Result<Vec<Choice>, JsValue> {
    let mut choices = Vec::new();
    for_each(&by_id("restore_list")?, ".restore-choice", |select| {
        let chosen: &HtmlSelectElement = select.unchecked_ref();
        choices.push(match chosen.value().as_str() {
            "backup" => Choice::Backup,
            "both" => Choice::Both,
            _ => Choice::Mine,
        });
        Ok(())
    })?;
    Ok(choices)
}

/// Has the worker write what was chosen, unless something has changed since it was shown.
async fn restore() -> Result<(), JsValue> {
    let choices = choices()?;
    let (settings, here) = collect().await?;
    let Some(shown) = OPENED.take() else { return Ok(()) };
    let now = Opened::new(shown.backup, &settings, here);
    if now.compared != shown.compared || now.settings_differ != shown.settings_differ {
        OPENED.set(Some(now));
        say("restore", Some("changed"))?;
        return draw();
    }
    let mut profiles = Vec::new();
    for ((compared, kept), choice) in now.compared.iter().zip(&now.backup.profiles).zip(choices) {
        // Room for the words that say so.
        let name = clean(&kept.profile.name, MAX_NAME - 30);
        let copy = clean(&texts::text_with("restore_copy", &[&name]), MAX_NAME);
        profiles.extend(compared.chosen(kept, choice, copy));
    }
    let taken = now.settings_differ && by_id::<HtmlInputElement>("restore_settings")?.checked();
    let settings = taken.then(|| now.backup.settings.clone());
    OPENED.set(Some(now));
    if profiles.is_empty() && settings.is_none() {
        return say("restore", Some("nothing_chosen"));
    }
    let count = profiles.len().to_string();
    let error = match send(&Command::Restore { profiles, settings }).await {
        Ok(Reply::Done) => {
            clear()?;
            announce(&texts::text_with("restore_done", &[&count]));
            return super::manager::go("profiles");
        }
        Ok(Reply::Failed { message }) => message,
        Ok(_) => return Ok(()),
        Err(error) => words(&error),
    };
    complain("restore", Some(&error))
}
