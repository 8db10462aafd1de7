//! The copy of `storage.local` in `IndexedDB`: each text once more, on the disk itself when it is written.
//!
//! Chromium's storage is not written through to the disk, so that a loss of power can take what was stored a moment ago; and what
//! damages one need not damage the other. There it lies in a storage bucket of its own, whose files go when it is deleted:
//! those of a mere database keep what was deleted in it. Firefox has no buckets, and deletes a database's file.

use std::collections::BTreeMap;

use js_sys::{Array, Function, Object, Promise};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use super::api::{object, property};
use super::clock;

const DATABASE: &str = "tokenkeep";
const STORE: &str = "copy";
const BUCKET: &str = "copy";
const LIMIT_MS: i32 = 5_000;

#[wasm_bindgen]
extern "C" {
    type Factory;
    #[wasm_bindgen(method, catch)]
    fn open(this: &Factory, name: &str, version: u32) -> Result<Request, JsValue>;
    #[wasm_bindgen(method, catch, js_name = deleteDatabase)]
    fn delete_database(this: &Factory, name: &str) -> Result<Request, JsValue>;

    /// A request, or a transaction: both say when they have ended.
    type Request;
    #[wasm_bindgen(method, getter)]
    fn result(this: &Request) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_onsuccess(this: &Request, listener: &Function);
    #[wasm_bindgen(method, setter)]
    fn set_oncomplete(this: &Request, listener: &Function);
    #[wasm_bindgen(method, setter)]
    fn set_onerror(this: &Request, listener: &Function);
    #[wasm_bindgen(method, setter)]
    fn set_onabort(this: &Request, listener: &Function);
    #[wasm_bindgen(method, setter)]
    fn set_onupgradeneeded(this: &Request, listener: &Function);

    /// `navigator.storageBuckets`
    type Buckets;
    #[wasm_bindgen(method, catch)]
    fn open(this: &Buckets, name: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn delete(this: &Buckets, name: &str) -> Result<Promise, JsValue>;

    type Database;
    #[wasm_bindgen(method, catch, js_name = createObjectStore)]
    fn create_object_store(this: &Database, name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn transaction(this: &Database, store: &str, mode: &str, options: &Object) -> Result<Transaction, JsValue>;
    #[wasm_bindgen(method)]
    fn close(this: &Database);

    #[wasm_bindgen(extends = Request)]
    type Transaction;
    #[wasm_bindgen(method, catch, js_name = objectStore)]
    fn object_store(this: &Transaction, name: &str) -> Result<Store, JsValue>;

    type Store;
    #[wasm_bindgen(method, catch, js_name = getAll)]
    fn get_all(this: &Store) -> Result<Request, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getAllKeys)]
    fn get_all_keys(this: &Store) -> Result<Request, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn put(this: &Store, value: &str, key: &str) -> Result<Request, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn delete(this: &Store, key: &str) -> Result<Request, JsValue>;
}

/// Waits for a request or a transaction. One that is blocked, by a connection that is just being closed, goes on when it may.
async fn ended(request: &Request) -> Result<(), JsValue> {
    let ended = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(&resolve);
        request.set_oncomplete(&resolve);
        request.set_onerror(&reject);
        request.set_onabort(&reject);
    });
    match limited(ended).await {
        Ok(_) => Ok(()),
        Err(event) => {
            let error = property(&property(&event, "target"), "error");
            // Otherwise it is no event: the time was up.
            Err(if error.is_object() { error } else { event })
        }
    }
}

/// Nothing waits for the copy any longer than this: without it there is one protection less, and that is all.
async fn limited(promise: Promise) -> Result<JsValue, JsValue> {
    let over = future_to_promise(async {
        clock::pause(LIMIT_MS).await;
        Err(js_sys::Error::new("the copy does not answer").into())
    });
    JsFuture::from(Promise::race(&Array::of2(&promise, &over))).await
}

/// None in Firefox.
fn buckets() -> Option<Buckets> {
    let navigator = property(&js_sys::global(), "navigator");
    let buckets = property(&navigator, "storageBuckets");
    buckets.is_object().then(|| buckets.unchecked_into())
}

async fn factory() -> Result<Factory, JsValue> {
    match buckets() {
        Some(buckets) => {
            let bucket = limited(buckets.open(BUCKET)?).await?;
            Ok(property(&bucket, "indexedDB").unchecked_into())
        }
        None => Ok(property(&js_sys::global(), "indexedDB").unchecked_into()),
    }
}

/// Opens it for one transaction, and closes it afterwards: one that stays open stands in the way of its deletion.
struct Open(Database);

impl Open {
    async fn new() -> Result<Self, JsValue> {
        let request = factory().await?.open(DATABASE, 1)?;
        let make = Closure::<dyn FnMut(JsValue)>::new(|event: JsValue| {
            let database: Database = property(&property(&event, "target"), "result").unchecked_into();
            // Where it can't be made, the transaction fails.
            let _ = database.create_object_store(STORE);
        });
        request.set_onupgradeneeded(make.as_ref().unchecked_ref());
        let opened = ended(&request).await;
        let open = |request: &Request| Self(request.result().unchecked_into());
        if opened.is_err() {
            // It may open after all, and then nobody else would close it.
            let late =
                Closure::once_into_js(move |event: JsValue| drop(open(property(&event, "target").unchecked_ref())));
            request.set_onsuccess(late.unchecked_ref());
        }
        opened.map(|()| open(&request))
    }

    fn transaction(&self, mode: &str) -> Result<Transaction, JsValue> {
        self.0
            .transaction(STORE, mode, &object([("durability", "strict".into())]))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// All texts, by their keys.
pub(super) async fn read() -> Result<BTreeMap<String, String>, JsValue> {
    let open = Open::new().await?;
    let transaction = open.transaction("readonly")?;
    let store = transaction.object_store(STORE)?;
    let (keys, texts) = (store.get_all_keys()?, store.get_all()?);
    ended(&transaction).await?;
    let (keys, texts): (Array, Array) = (keys.result().unchecked_into(), texts.result().unchecked_into());
    let pairs = keys.iter().zip(texts.iter());
    Ok(pairs
        .filter_map(|(key, text)| Some((key.as_string()?, text.as_string()?)))
        .collect())
}

/// Writes and deletes texts; returns when they are on the disk.
pub(super) async fn write(texts: &[(String, String)], gone: &[String]) -> Result<(), JsValue> {
    if texts.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let open = Open::new().await?;
    let transaction = open.transaction("readwrite")?;
    let store = transaction.object_store(STORE)?;
    for (key, text) in texts {
        store.put(text, key)?;
    }
    for key in gone {
        store.delete(key)?;
    }
    ended(&transaction).await
}

/// Deletes it, with all that it held.
pub(super) async fn delete() -> Result<(), JsValue> {
    if let Some(buckets) = buckets() {
        limited(buckets.delete(BUCKET)?).await?;
        return Ok(());
    }
    let request = factory().await?.delete_database(DATABASE)?;
    ended(&request).await
}
