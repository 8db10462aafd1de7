//! `storage.local` and `storage.session`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};

use super::api::{self, StorageArea, answer, api, property};

/// What a read gave: several keys at once.
pub(super) struct Records(JsValue);

impl Records {
    /// One record; none when the key is absent.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, JsValue> {
        let value = property(&self.0, key);
        if value.is_undefined() {
            return Ok(None);
        }
        from_js(value).map(Some).map_err(|error| {
            // The key tells which record is damaged; the value stays out of the message.
            js_sys::Error::new(&["the stored record ", key, " can't be read: ", &api::words(&error)].concat()).into()
        })
    }
}

/// From a JavaScript value.
pub(super) fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(JsValue::from)
}

/// To a plain JavaScript value.
pub(super) fn to_js<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(JsValue::from)
}

/// Reads these keys of an area.
pub(super) async fn read<S: AsRef<str>>(area: &StorageArea, keys: &[S]) -> Result<Records, JsValue> {
    Ok(Records(answer(area.get(&api::strings(keys))).await?))
}

/// Writes one record and waits until the browser has taken it.
pub(super) async fn write<T: Serialize + ?Sized>(area: &StorageArea, key: &str, record: &T) -> Result<(), JsValue> {
    write_all(area, &[(key, to_js(record)?)]).await
}

/// Writes several records in one batch: all of them or none.
pub(super) async fn write_all(area: &StorageArea, records: &[(&str, JsValue)]) -> Result<(), JsValue> {
    let items = js_sys::Object::new();
    for (key, record) in records {
        api::set(&items, key, record);
    }
    answer(area.set(&items)).await.map(drop)
}

/// `storage.local`: on disk.
pub(super) fn local() -> StorageArea {
    api().storage().local()
}

/// `storage.session`: in memory, gone with the browser or an update of the extension.
pub(super) fn session() -> StorageArea {
    api().storage().session()
}

/// Calls back on each change in either area.
pub(super) fn on_changed(callback: impl FnMut() + 'static) {
    let callback = wasm_bindgen::closure::Closure::<dyn FnMut()>::new(callback);
    api()
        .storage()
        .on_changed()
        .add_listener(callback.as_ref().unchecked_ref());
    // The listener lives as long as the page.
    callback.forget();
}
