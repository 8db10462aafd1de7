//! The clipboard after a copy: cleared after the person's time, or when storage is locked, if it still holds what was copied here.
//! What that was, the session knows by a salted hash; `www/clipboard.js` compares.

use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

use crate::oauth::secret::CopiedText;
use crate::plain::Record as _;
use crate::profile::Settings;
use crate::vault::copied::Copied;
use crate::vault::{COPIED_KEY, SETTINGS_KEY};

use super::super::api::{answer, api, clipboard_permissions, object, property, strings, words};
use super::super::storage::{is_locked, local, session, to_js, write};
use super::super::writing::read;
use super::super::{clock, entropy};
use super::effects::set_alarm;

/// The alarm that clears the clipboard.
pub(super) const CLIPBOARD_ALARM: &str = "clipboard";

/// Another program may hold the clipboard: when to try again, and how long.
const AGAIN_MS: u64 = 30_000;
const GIVE_UP_MS: u64 = 10 * 60_000;

async fn after_ms() -> Result<Option<u64>, JsValue> {
    let settings = read(&local(), &[SETTINGS_KEY]).await?.get::<Settings>(SETTINGS_KEY)?;
    Ok(settings.unwrap_or_default().clear_after_ms())
}

async fn known() -> Result<Option<Copied>, JsValue> {
    read(&session(), &[COPIED_KEY]).await?.get(COPIED_KEY)
}

/// Plans to clear the clipboard of what a page copies.
pub(super) async fn copied(text: &CopiedText) -> Result<(), JsValue> {
    let Some(after_ms) = after_ms().await? else {
        return Ok(());
    };
    let due_ms = clock::now_ms() + after_ms;
    let copied = Copied::new(text, &entropy::bytes()?, due_ms);
    answer(write(&session(), &[(COPIED_KEY, copied.to_plain())])).await?;
    answer(set_alarm(CLIPBOARD_ALARM, Some(due_ms))).await?;
    Ok(())
}

/// Clears it now. Where that is not wanted or not allowed any more, it is left alone.
pub(super) async fn clear() -> Result<(), JsValue> {
    let Some(copied) = known().await? else {
        return Ok(());
    };
    let allowed = answer(api().permissions().contains(&clipboard_permissions()));
    if after_ms().await?.is_some()
        && allowed.await?.is_truthy()
        && let Err(error) = empty(&copied).await
    {
        let now_ms = clock::now_ms();
        if now_ms < copied.due_ms + GIVE_UP_MS {
            answer(set_alarm(CLIPBOARD_ALARM, Some(now_ms + AGAIN_MS))).await?;
            return Ok(());
        }
        warn(&error);
    }
    // Meanwhile something else may have been copied.
    if known().await?.is_some_and(|last| last == copied) {
        answer(session().remove(&strings([COPIED_KEY].iter()))).await?;
        answer(set_alarm(CLIPBOARD_ALARM, None)).await?;
    }
    Ok(())
}

/// Clears it when nothing else is to be done.
pub(super) fn clear_soon() {
    spawn_local(async {
        if let Err(error) = clear().await {
            warn(&error);
        }
    });
}

fn warn(error: &JsValue) {
    web_sys::console::warn_2(&"the clipboard could not be cleared:".into(), &words(error).into());
}

/// Goes on with what the last instance of the worker had planned.
pub(super) fn mend() {
    spawn_local(async {
        let Ok(Some(copied)) = known().await else { return };
        if is_locked() || copied.due_ms <= clock::now_ms() {
            clear_soon();
        } else if let Ok(alarm) = answer(api().alarms().get(CLIPBOARD_ALARM)).await
            && alarm.is_undefined()
        {
            let _ = set_alarm(CLIPBOARD_ALARM, Some(copied.due_ms));
        }
    });
}

/// Compares, and empties it, in a document: Firefox's background page is one, Chromium's worker opens one for as long as it takes.
async fn empty(copied: &Copied) -> Result<(), JsValue> {
    let copied = to_js(&copied.to_plain())?;
    if let Ok(here) = property(&js_sys::global(), "clearClipboard").dyn_into::<Function>() {
        let done: Promise = here.call1(&JsValue::UNDEFINED, &copied)?.unchecked_into();
        answer(Ok(done)).await?;
        return Ok(());
    }
    let failed = |what: &str| JsValue::from(js_sys::Error::new(what));
    let offscreen = api().offscreen().ok_or_else(|| failed("no document can be opened"))?;
    let options = object([
        ("url", "clipboard.html".into()),
        ("reasons", strings(["CLIPBOARD"].iter()).into()),
        ("justification", "clear a copied token".into()),
    ]);
    // One that a stopped worker left open is as good.
    let _ = answer(offscreen.create_document(&options)).await;
    let message = object([("clipboard", copied)]);
    let done = answer(api().runtime().send_message(&message)).await;
    let _ = answer(offscreen.close_document()).await;
    if done?.is_truthy() {
        return Ok(());
    }
    Err(failed("it could not be read"))
}
