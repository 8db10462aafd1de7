//! The lock: what shows while storage is locked, and the module of its own that derives keys.

use js_sys::{Array, JsString, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{EventTarget, HtmlElement, HtmlInputElement, Worker};

use crate::profile::Settings;
use crate::vault;
use crate::vault::lock::{EncodedKey, VaultRecord, Waiting};
use crate::view::{Command, Reply};

use super::{dom, report, send_again, show_view, with};
use crate::browser::api::{api, object, property};
use crate::browser::dom::{by_id, document, for_each, set_attribute, set_text, show};
use crate::browser::storage::{local, read};
use crate::browser::{clock, texts};

/// How often activity in a page puts off the lock.
const ACTIVE_EVERY_MS: u64 = 20_000;

/// What a field holds, in normalization form C.
pub(super) fn typed(id: &str) -> Result<String, JsValue> {
    let text = JsString::from(by_id::<HtmlInputElement>(id)?.value());
    Ok(text.normalize("NFC").into())
}

/// Has the module of its own seal or open something, in a worker that lives as long as that takes: the page does not stand
/// still, and the memory is given back. A refusal is the code of its reason.
pub(super) async fn ask(what: &str, passphrase: String, input: JsValue) -> Result<JsValue, String> {
    let broken = |_| "broken".to_owned();
    let worker = Worker::new("safe.js").map_err(broken)?;
    let answer = Promise::new(&mut |resolve, reject| {
        worker.set_onmessage(Some(&resolve));
        worker.set_onerror(Some(&reject));
    });
    let message = Array::of3(&what.into(), &passphrase.into(), &input);
    let asked = worker.post_message(&message).map_err(broken);
    let answered = match asked {
        Ok(()) => JsFuture::from(answer).await.map_err(broken),
        Err(code) => Err(code),
    };
    worker.terminate();
    let data = property(&answered?, "data");
    match property(&data, "failed").as_string() {
        Some(code) => Err(code),
        None => Ok(property(&data, "done")),
    }
}

/// The bytes of an answer of that module.
pub(super) fn bytes(answer: &JsValue) -> Vec<u8> {
    answer.unchecked_ref::<Uint8Array>().to_vec()
}

/// Listens to the locked view and to the button that locks.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("locked")?, "submit", |event| {
        event.prevent_default();
        report(unlock());
    })?;
    dom::listen(&by_id::<EventTarget>("lock")?, "click", |_| {
        super::command(Command::Lock);
    })?;
    dom::listen(&by_id::<EventTarget>("start_over_sure")?, "change", |_| {
        report(by_id::<HtmlInputElement>("start_over_sure").and_then(|sure| enable("start_over", sure.checked())));
    })?;
    dom::listen(&by_id::<EventTarget>("start_over")?, "click", |_| {
        super::command(Command::StartOver);
    })?;
    for kind in ["pointerdown", "keydown"] {
        dom::listen(document()?.as_ref(), kind, |_| active())?;
    }
    Ok(())
}

/// Whether a button or a box can be used.
pub(super) fn enable(id: &str, enabled: bool) -> Result<(), JsValue> {
    let button: HtmlElement = by_id(id)?;
    if enabled {
        button.remove_attribute("disabled")
    } else {
        set_attribute(&button, "disabled", "")
    }
}

/// Somebody is here: the alarm that locks is put off, without waking the worker.
fn active() {
    let now_ms = clock::now_ms();
    let due = with(|page| {
        let open = !page.vault.header.is_empty() && !page.vault.locked;
        let due = open && now_ms >= page.active_ms + ACTIVE_EVERY_MS;
        if due {
            page.active_ms = now_ms;
        }
        due
    });
    if due {
        spawn_local(async move {
            let settings = read(&local(), &[vault::SETTINGS_KEY])
                .await
                .and_then(|records| records.get::<Settings>(vault::SETTINGS_KEY));
            let settings = settings.ok().flatten().unwrap_or_default();
            if let Some(after_ms) = settings.lock_after_ms() {
                #[expect(clippy::cast_precision_loss, reason = "times of this age are exact")]
                let info = object([("when", ((now_ms + after_ms) as f64).into())]);
                // The worker's own is good for a while.
                let _ = api().alarms().create("lock", &info);
            }
        });
    }
}

/// What every page shows of the lock: the button, and how things are stored.
pub(super) fn draw_state() -> Result<(), JsValue> {
    let vault = with(|page| page.vault.clone());
    let sealed = !vault.header.is_empty();
    show(&by_id("lock")?, sealed && !vault.locked);
    let Some(root) = document()?.document_element() else {
        return Ok(());
    };
    set_attribute(&root, "data-locked", if vault.locked { "true" } else { "false" })?;
    if sealed {
        for_each(&root, ".storage-note", |note| {
            set_text(note, &texts::text("storage_note_sealed"));
            Ok(())
        })?;
    }
    Ok(())
}

/// The locked view, instead of everything else.
pub(super) fn draw(waiting: &Waiting) -> Result<(), JsValue> {
    let now_ms = clock::now_ms();
    let slot: HtmlElement = by_id("locked_waiting")?;
    let renewals = waiting.renewals(now_ms);
    show(&slot, renewals > 0);
    set_text(
        &slot,
        &match renewals {
            1 => texts::text("locked_waiting_one"),
            many => texts::text_with("locked_waiting_many", &[&many.to_string()]),
        },
    );
    let shown = by_id::<HtmlElement>("view-locked")?.has_attribute("hidden");
    show_view("view-locked")?;
    if shown {
        by_id::<HtmlElement>("locked_passphrase")?.focus()?;
    }
    Ok(())
}

/// The key of the passphrase that was typed into a field, or the code of why there is none.
pub(super) async fn key_of(passphrase: String, header: &str) -> Result<EncodedKey, String> {
    let vault = VaultRecord {
        header: header.to_owned(),
    };
    let header = vault.bytes().ok_or("damaged")?;
    let header = Uint8Array::from(header.as_slice());
    let key = ask("open_vault", passphrase, header.into()).await?;
    Ok(EncodedKey::new(&bytes(&key)))
}

fn unlock() -> Result<(), JsValue> {
    let passphrase = typed("locked_passphrase")?;
    if passphrase.is_empty() {
        return Ok(());
    }
    say(None)?;
    working(true)?;
    let header = with(|page| page.vault.header.clone());
    spawn_local(async move {
        let done = match key_of(passphrase, &header).await {
            // The page is loaded anew when the key is there.
            Ok(key) => match send_again(&Command::Unlock { header, key }).await {
                Ok(Reply::Done) => Ok(()),
                _ => Err("broken".to_owned()),
            },
            Err(code) => Err(code),
        };
        if let Err(code) = done {
            report(working(false).and_then(|()| say(Some(&code))));
        }
    });
    Ok(())
}

fn working(works: bool) -> Result<(), JsValue> {
    show(&by_id("locked_working")?, works);
    enable("locked_go", !works)
}

fn say(code: Option<&str>) -> Result<(), JsValue> {
    let slot: HtmlElement = by_id("locked_error")?;
    show(&slot, code.is_some());
    let text = code.map(|code| texts::text(&["locked_error_", code].concat()));
    set_text(&slot, &text.unwrap_or_default());
    let field: HtmlInputElement = by_id("locked_passphrase")?;
    set_attribute(&field, "aria-invalid", if code.is_some() { "true" } else { "false" })?;
    if code.is_some() {
        field.select();
        field.focus()?;
    }
    Ok(())
}

/// Loads the page anew: nothing of what it knew may stay in its memory, or all of it is needed.
pub(super) fn reload() -> Result<(), JsValue> {
    web_sys::window().map_or(Ok(()), |window| window.location().reload())
}
