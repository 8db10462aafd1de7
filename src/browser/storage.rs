//! `storage.local` and `storage.session`.

use std::cell::RefCell;

use js_sys::Promise;
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

use crate::plain::{Plain, Record};
use crate::vault::lock::{OpenKey, VaultRecord, sealing};
use crate::vault::stored::{Sealing, StoredError, check_stored, read_stored};
use crate::vault::{OPEN_KEY, VAULT_KEY, stays_open};

use super::api::{self, StorageArea, answer, api, object, property};

thread_local! {
    static SEALING: RefCell<Sealing> = const { RefCell::new(Sealing::Off) };
}

/// What a read gave: several keys at once.
pub(super) struct Records(JsValue);

impl Records {
    /// One record; none when the key is absent.
    pub(super) fn get<T: Record>(&self, key: &str) -> Result<Option<T>, JsValue> {
        match self.plain(key)? {
            None => Ok(None),
            Some(plain) => T::from_plain(&plain).map(Some).map_err(|unfit| damaged(key, unfit.0)),
        }
    }

    /// What `storage.local.get` gave.
    pub(super) fn new(items: JsValue) -> Self {
        Self(items)
    }

    /// Whether anything stands there, readable or not.
    pub(super) fn holds(&self, key: &str) -> bool {
        !property(&self.0, key).is_undefined()
    }

    /// The same as plain data.
    pub(super) fn plain(&self, key: &str) -> Result<Option<Plain>, JsValue> {
        let value = property(&self.0, key);
        if value.is_undefined() {
            return Ok(None);
        }
        // Records of the session, the schema's number and what the first schema wrote are no texts.
        let Some(text) = value.as_string() else {
            return from_js(&value)
                .map(Some)
                .map_err(|error| damaged(key, &api::words(&error)));
        };
        let json = SEALING.with_borrow(|sealing| match sealing {
            Sealing::Off => read_stored(key, &text, sealing),
            _ if stays_open(key) => read_stored(key, &text, sealing),
            // Nobody but who knows the passphrase puts a record in.
            _ => check_stored(key, &text).and_then(|whole| {
                if whole.sealed {
                    read_stored(key, &text, sealing)
                } else {
                    Err(StoredError::Damaged)
                }
            }),
        });
        let json = json.map_err(|error| damaged(key, &error.to_string()))?;
        serde_json::from_str(&json)
            .map(Some)
            .map_err(|_| damaged(key, "no JSON"))
    }
}

/// The key tells which record is damaged, and `what` which member; the value stays out of the message.
fn damaged(key: &str, what: &str) -> JsValue {
    js_sys::Error::new(&["the stored record ", key, " can't be read: ", what].concat()).into()
}

/// From a JavaScript value, by way of JSON: it holds nothing that JSON has no form for, and JSON is read here anyway.
/// The other reader, of serde-wasm-bindgen, would take 10 KB.
pub(super) fn from_js(value: &JsValue) -> Result<Plain, JsValue> {
    // Of nothing, which a browser answers for a worker that was stopped, there is no JSON.
    let json = JsValue::from(js_sys::JSON::stringify(value)?).as_string();
    json.and_then(|json| serde_json::from_str(&json).ok())
        .ok_or_else(|| js_sys::Error::new("no plain data").into())
}

/// To a plain JavaScript value.
pub(super) fn to_js(plain: &Plain) -> Result<JsValue, JsValue> {
    plain
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(JsValue::from)
}

/// Asks for these keys of an area; the browser reads while others are asked.
pub(super) fn ask(area: &StorageArea, keys: &[&str]) -> Result<Promise, JsValue> {
    area.get(&api::strings(keys.iter()))
}

/// What was asked for.
pub(super) async fn asked(promise: Result<Promise, JsValue>) -> Result<Records, JsValue> {
    Ok(Records(answer(promise).await?))
}

/// Reads these keys of an area.
pub(super) async fn read(area: &StorageArea, keys: &[&str]) -> Result<Records, JsValue> {
    asked(ask(area, keys)).await
}

/// Writes records of the session in one batch, all of them or none; answered when the browser has taken them.
pub(super) fn write(area: &StorageArea, records: &[(&str, Plain)]) -> Result<Promise, JsValue> {
    let items = js_sys::Object::new();
    for (key, record) in records {
        api::set(&items, key, &to_js(record)?);
    }
    area.set(&items)
}

/// Whether there is a passphrase, and what it keeps closed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Vault {
    /// The header in Base64; empty when there is no passphrase.
    pub(super) header: String,
    /// Whether nothing sealed can be read, or soon can't.
    pub(super) locked: bool,
    /// Whether it is being locked.
    pub(super) closing: bool,
}

/// Learns from what is read first whether records are sealed, and whether they can be opened.
pub(super) fn take_sealing(session: &Records, local: &Records) -> Result<Vault, JsValue> {
    let vault: Option<VaultRecord> = local.get(VAULT_KEY)?;
    let open: Option<OpenKey> = session.get(OPEN_KEY)?;
    SEALING.set(sealing(vault.as_ref(), open.as_ref()));
    let closing = open.is_some_and(|open| open.closing);
    Ok(Vault {
        header: vault.map(|vault| vault.header).unwrap_or_default(),
        locked: closing || is_locked(),
        closing,
    })
}

/// Whether records are sealed and can't be opened.
pub(super) fn is_locked() -> bool {
    SEALING.with_borrow(|sealing| matches!(sealing, Sealing::Locked))
}

/// Writes what is sealed.
pub(super) fn with_sealing<T>(write: impl FnOnce(&Sealing) -> T) -> T {
    SEALING.with_borrow(write)
}

/// Opens what is sealed from now on, or forgets the key, which wipes it.
pub(super) fn set_sealing(sealing: Sealing) {
    SEALING.set(sealing);
}

/// `storage.local`: on disk.
pub(super) fn local() -> StorageArea {
    api().storage().local()
}

/// `storage.session`: in memory, gone with the browser or an update of the extension.
pub(super) fn session() -> StorageArea {
    api().storage().session()
}

/// What has changed in one area.
pub(super) struct Changes(JsValue);

impl Changes {
    /// Whether a key with one of these beginnings is among them.
    pub(super) fn touch(&self, beginnings: &[&str]) -> bool {
        let keys = js_sys::Object::keys(self.0.unchecked_ref::<js_sys::Object>());
        keys.iter().filter_map(|key| key.as_string()).any(|key| {
            let mut beginnings = beginnings.iter();
            beginnings.any(|beginning| key.starts_with(beginning))
        })
    }

    /// Whether this key is gone.
    pub(super) fn removed(&self, key: &str) -> bool {
        let change = property(&self.0, key);
        change.is_object() && property(&change, "newValue").is_undefined()
    }

    /// The new record under a key that is among them; none when it was removed.
    pub(super) fn get<T: Record>(&self, key: &str) -> Result<Option<T>, JsValue> {
        let value = object([(key, property(&property(&self.0, key), "newValue"))]);
        Records(value.into()).get(key)
    }
}

/// Calls back on each change, with the name of its area.
pub(super) fn on_changed(mut callback: impl FnMut(Changes, &str) + 'static) {
    let callback = wasm_bindgen::closure::Closure::<dyn FnMut(JsValue, JsValue)>::new(move |changes, area: JsValue| {
        callback(Changes(changes), &area.as_string().unwrap_or_default());
    });
    api()
        .storage()
        .on_changed()
        .add_listener(callback.as_ref().unchecked_ref());
    // The listener lives as long as the page.
    callback.forget();
}
