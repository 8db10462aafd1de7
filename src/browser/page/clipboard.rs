//! What a page copies, and the settings of when the clipboard is cleared of it.

use std::cell::Cell;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{EventTarget, HtmlElement, HtmlInputElement, HtmlSelectElement};

use crate::oauth::secret::CopiedText;
use crate::profile::Settings;
use crate::vault;
use crate::view::Command;

use super::{copy, dom, report, settings};
use crate::browser::api::{answer, api, clipboard_permissions};
use crate::browser::dom::{by_id, show};
use crate::browser::storage::{local, read};

thread_local! {
    /// Whether the browser lets the clipboard be read and changed.
    static PERMITTED: Cell<bool> = const { Cell::new(false) };
}

/// Copies a text with a token in it. Where the clipboard is to be cleared of it, the worker is told: the page may be gone by then.
pub(super) fn copy_secret(text: String, button: &HtmlElement) {
    let copied = CopiedText::new(text.as_str());
    spawn_local(async move {
        let stored = read(&local(), &[vault::SETTINGS_KEY]).await;
        let settings: Option<Settings> = stored
            .ok()
            .and_then(|stored| stored.get(vault::SETTINGS_KEY).ok().flatten());
        if settings.is_some_and(|settings| settings.clear_after_s.is_some()) {
            super::command_unasked(Command::Copied { text: copied });
        }
    });
    copy(text, button);
}

/// Asks whether the browser still allows it.
pub(super) async fn load() -> Result<(), JsValue> {
    let permitted = answer(api().permissions().contains(&clipboard_permissions())).await?;
    PERMITTED.set(permitted.is_truthy());
    Ok(())
}

/// Shows what is so.
pub(super) fn fill(settings: &Settings) -> Result<(), JsValue> {
    let on = settings.clear_after_s.is_some();
    let permitted = PERMITTED.get();
    by_id::<HtmlInputElement>("clear_clipboard")?.set_checked(on && permitted);
    show(&by_id("clear_after_row")?, on && permitted);
    // A permission that was taken back in the browser's own settings.
    show(&by_id("clear_clipboard_missing")?, on && !permitted);
    if let Some(seconds) = settings.clear_after_s {
        by_id::<HtmlSelectElement>("clear_after")?.set_value(&seconds.to_string());
    }
    Ok(())
}

/// Listens to the form.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("clear_after")?, "change", |_| report(save()))?;
    dom::listen(&by_id::<EventTarget>("clear_clipboard")?, "click", |event| {
        let switch = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        if let Some(switch) = switch {
            switched(switch.checked());
        }
    })
}

/// Saves the time that is chosen.
fn save() -> Result<(), JsValue> {
    let seconds = by_id::<HtmlSelectElement>("clear_after")?.value().parse().ok();
    settings::save(Settings {
        clear_after_s: seconds,
        ..settings::stored()
    });
    Ok(())
}

/// Asks the browser in the click, and saves what it said.
fn switched(wanted: bool) {
    let asked = wanted.then(|| answer(api().permissions().request(&clipboard_permissions())));
    spawn_local(async move {
        let granted = match asked {
            Some(asked) => asked.await.is_ok_and(|granted| granted.is_truthy()),
            None => true,
        };
        report(by_id("clear_clipboard_refused").map(|note| show(&note, !granted)));
        if !granted {
            report(by_id::<HtmlInputElement>("clear_clipboard").map(|switch| switch.set_checked(false)));
        } else if wanted {
            PERMITTED.set(true);
            report(save());
        } else {
            settings::save(Settings {
                clear_after_s: None,
                ..settings::stored()
            });
        }
    });
}
