//! The passphrase of the storage, in the settings: set, changed, removed, and when it locks itself.

use std::cell::RefCell;

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, EventTarget, HtmlElement, HtmlInputElement, HtmlSelectElement};

use crate::profile::Settings;
use crate::vault::header::HEADER_LEN;
use crate::vault::lock::{EncodedKey, VaultRecord};
use crate::view::{Command, Reply};

use super::backup::{complain, judge, refusal, say, working};
use super::lock::{ask, key_of, typed};
use super::{dom, report, send, settings, with};
use crate::browser::api::{answer, api, object, strings};
use crate::browser::dom::{by_id, set_text, show};
use crate::browser::texts;

const FIELDS: [&str; 3] = ["vault_before", "vault_passphrase", "vault_again"];

thread_local! {
    /// The header that the form was filled for.
    static HEADER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Listens to the form.
pub(super) fn listen() -> Result<(), JsValue> {
    let form: EventTarget = by_id("vault")?;
    dom::listen(&form, "submit", |event| {
        event.prevent_default();
        report(set());
    })?;
    dom::listen(&form, "input", |_| {
        report(judge("vault").and_then(|()| say("vault", None)));
    })?;
    dom::listen(&by_id::<EventTarget>("vault_remove")?, "click", |_| report(remove()))?;
    dom::listen(&by_id::<EventTarget>("lock_after")?, "change", |_| report(save_time()))?;
    dom::listen(&by_id::<EventTarget>("lock_with_screen")?, "click", |event| {
        let switch = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        if let Some(switch) = switch {
            with_screen(switch.checked());
        }
    })
}

/// Shows what is so, and forgets what was typed.
pub(super) fn fill() -> Result<(), JsValue> {
    let header = with(|page| page.vault.header.clone());
    let on = !header.is_empty();
    HEADER.set(header);
    for id in FIELDS {
        by_id::<HtmlInputElement>(id)?.set_value("");
    }
    for (id, shown) in [
        ("vault_off", !on),
        ("vault_on", on),
        ("vault_present", on),
        ("vault_remove", on),
        ("vault_times", on),
    ] {
        show(&by_id(id)?, shown);
    }
    set_text(
        &by_id::<Element>("vault_go")?,
        &texts::text(if on { "vault_change" } else { "vault_set" }),
    );
    judge("vault")?;
    say("vault", None)
}

/// Shows when it is locked.
pub(super) fn fill_times(settings: &Settings) -> Result<(), JsValue> {
    let minutes = settings.lock_after_ms().unwrap_or_default() / 60_000;
    by_id::<HtmlSelectElement>("lock_after")?.set_value(&minutes.to_string());
    by_id::<HtmlInputElement>("lock_with_screen")?.set_checked(settings.lock_with_screen);
    Ok(())
}

/// The header that is there now, once the present passphrase has opened it.
async fn present() -> Result<String, String> {
    let header = HEADER.with_borrow(Clone::clone);
    if !header.is_empty() {
        let before = typed("vault_before").map_err(|_| "broken")?;
        key_of(before, &header).await?;
    }
    Ok(header)
}

fn set() -> Result<(), JsValue> {
    let passphrase = typed("vault_passphrase")?;
    if let Some(code) = refusal("vault", &passphrase)? {
        let field = if code == "not_the_same" {
            "vault_again"
        } else {
            "vault_passphrase"
        };
        by_id::<HtmlElement>(field)?.focus()?;
        return say("vault", Some(code));
    }
    go(async move {
        let before = present().await?;
        let made = ask("new_vault", passphrase, JsValue::UNDEFINED).await?;
        let made: Uint8Array = made.unchecked_into();
        let made = zeroize::Zeroizing::new(made.to_vec());
        let (header, key) = made.split_at_checked(HEADER_LEN).ok_or("broken")?;
        Ok(Command::SetPassphrase {
            before,
            header: VaultRecord::new(header).header,
            key: EncodedKey::new(key),
        })
    })
}

fn remove() -> Result<(), JsValue> {
    go(async {
        let before = present().await?;
        Ok(Command::RemovePassphrase { before })
    })
}

/// Sends what was made; the page is loaded anew when the worker has done it.
fn go(command: impl Future<Output = Result<Command, String>> + 'static) -> Result<(), JsValue> {
    say("vault", None)?;
    working("vault", true)?;
    spawn_local(async move {
        let done = match command.await {
            Ok(command) => match send(&command).await {
                Ok(Reply::Done) => Ok(()),
                _ => Err("vault_error_failed"),
            },
            Err(code) if code == "wrong_passphrase" => Err("vault_error_present"),
            Err(_) => Err("vault_error_failed"),
        };
        if let Err(name) = done {
            report(working("vault", false).and_then(|()| complain("vault", Some(&texts::text(name)))));
            if name == "vault_error_present" {
                report(by_id::<HtmlElement>("vault_before").and_then(|field| field.focus()));
            }
        }
    });
    Ok(())
}

fn save_time() -> Result<(), JsValue> {
    let minutes = by_id::<HtmlSelectElement>("lock_after")?.value().parse().ok();
    settings::save(Settings {
        lock_after_min: minutes,
        ..settings::stored()
    });
    Ok(())
}

/// Asks the browser in the click, and saves what it said.
fn with_screen(wanted: bool) {
    let permission = object([("permissions", strings(["idle"].iter()).into())]);
    let asked = wanted.then(|| answer(api().permissions().request(&permission)));
    spawn_local(async move {
        let granted = match asked {
            Some(asked) => asked.await.is_ok_and(|granted| granted.is_truthy()),
            None => true,
        };
        report(by_id("lock_with_screen_refused").map(|note| show(&note, !granted)));
        if granted {
            settings::save(Settings {
                lock_with_screen: wanted,
                ..settings::stored()
            });
        } else {
            report(by_id::<HtmlInputElement>("lock_with_screen").map(|switch| switch.set_checked(false)));
        }
    });
}
