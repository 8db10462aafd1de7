//! The `WebExtension` APIs, as far as Tokenkeep uses them.
//!
//! One set of bindings for both browsers: `browser` where it exists, else `chrome`; both answer with promises under
//! Manifest V3.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// The root: `browser` or `chrome`.
    pub(super) type Api;
    #[wasm_bindgen(method, getter)]
    pub(super) fn storage(this: &Api) -> Storage;
    #[wasm_bindgen(method, getter)]
    pub(super) fn tabs(this: &Api) -> Tabs;
    #[wasm_bindgen(method, getter)]
    pub(super) fn runtime(this: &Api) -> Runtime;
    #[wasm_bindgen(method, getter)]
    pub(super) fn permissions(this: &Api) -> Permissions;
    #[wasm_bindgen(method, getter)]
    pub(super) fn alarms(this: &Api) -> Alarms;
    #[wasm_bindgen(method, getter)]
    pub(super) fn action(this: &Api) -> Action;
    #[wasm_bindgen(method, getter)]
    pub(super) fn i18n(this: &Api) -> I18n;
    #[wasm_bindgen(method, getter, js_name = declarativeNetRequest)]
    pub(super) fn declarative_net_request(this: &Api) -> DeclarativeNetRequest;

    /// None until the person has granted `notifications`.
    #[wasm_bindgen(method, getter)]
    pub(super) fn notifications(this: &Api) -> Option<Notifications>;

    /// None in Firefox, and until the person has granted `offscreen`.
    #[wasm_bindgen(method, getter)]
    pub(super) fn offscreen(this: &Api) -> Option<Offscreen>;

    pub(super) type Offscreen;
    #[wasm_bindgen(method, catch, js_name = createDocument)]
    pub(super) fn create_document(this: &Offscreen, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = closeDocument)]
    pub(super) fn close_document(this: &Offscreen) -> Result<Promise, JsValue>;

    pub(super) type Notifications;
    #[wasm_bindgen(method, catch)]
    pub(super) fn create(this: &Notifications, id: &str, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn clear(this: &Notifications, id: &str) -> Result<Promise, JsValue>;

    pub(super) type Storage;
    #[wasm_bindgen(method, getter)]
    pub(super) fn local(this: &Storage) -> StorageArea;
    #[wasm_bindgen(method, getter)]
    pub(super) fn session(this: &Storage) -> StorageArea;
    #[wasm_bindgen(method, getter, js_name = onChanged)]
    pub(super) fn on_changed(this: &Storage) -> ApiEvent;

    pub(super) type StorageArea;
    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &StorageArea, keys: &Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = get)]
    pub(super) fn get_all(this: &StorageArea, none: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn clear(this: &StorageArea) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn set(this: &StorageArea, items: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn remove(this: &StorageArea, keys: &Array) -> Result<Promise, JsValue>;

    pub(super) type ApiEvent;
    #[wasm_bindgen(method, js_name = addListener)]
    pub(super) fn add_listener(this: &ApiEvent, listener: &Function);

    pub(super) type Tabs;
    #[wasm_bindgen(method, catch)]
    pub(super) fn create(this: &Tabs, properties: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &Tabs, tab: i32) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn query(this: &Tabs, query: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn update(this: &Tabs, tab: i32, properties: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn remove(this: &Tabs, tab: i32) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getCurrent)]
    pub(super) fn get_current(this: &Tabs) -> Result<Promise, JsValue>;

    pub(super) type Runtime;
    #[wasm_bindgen(method, getter)]
    pub(super) fn id(this: &Runtime) -> String;
    #[wasm_bindgen(method, js_name = getURL)]
    pub(super) fn get_url(this: &Runtime, path: &str) -> String;
    #[wasm_bindgen(method, catch, js_name = sendMessage)]
    pub(super) fn send_message(this: &Runtime, message: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = openOptionsPage)]
    pub(super) fn open_options_page(this: &Runtime) -> Result<Promise, JsValue>;

    pub(super) type Permissions;
    #[wasm_bindgen(method, catch)]
    pub(super) fn contains(this: &Permissions, permissions: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn request(this: &Permissions, permissions: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn remove(this: &Permissions, permissions: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getAll)]
    pub(super) fn get_all(this: &Permissions) -> Result<Promise, JsValue>;

    pub(super) type Alarms;
    #[wasm_bindgen(method, catch)]
    pub(super) fn create(this: &Alarms, name: &str, info: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn clear(this: &Alarms, name: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &Alarms, name: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getAll)]
    pub(super) fn get_all(this: &Alarms) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = clearAll)]
    pub(super) fn clear_all(this: &Alarms) -> Result<Promise, JsValue>;

    pub(super) type Action;
    #[wasm_bindgen(method, catch, js_name = setBadgeText)]
    pub(super) fn set_badge_text(this: &Action, details: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setBadgeBackgroundColor)]
    pub(super) fn set_badge_background_color(this: &Action, details: &Object) -> Result<JsValue, JsValue>;

    pub(super) type I18n;
    #[wasm_bindgen(method, js_name = getMessage)]
    pub(super) fn get_message(this: &I18n, name: &str, substitutions: &Array) -> String;
    #[wasm_bindgen(method, js_name = getUILanguage)]
    pub(super) fn get_ui_language(this: &I18n) -> String;

    pub(super) type DeclarativeNetRequest;
    #[wasm_bindgen(method, catch, js_name = updateSessionRules)]
    pub(super) fn update_session_rules(this: &DeclarativeNetRequest, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getSessionRules)]
    pub(super) fn get_session_rules(this: &DeclarativeNetRequest) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = updateDynamicRules)]
    pub(super) fn update_dynamic_rules(this: &DeclarativeNetRequest, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getDynamicRules)]
    pub(super) fn get_dynamic_rules(this: &DeclarativeNetRequest) -> Result<Promise, JsValue>;

    /// `crypto`, in pages and workers alike.
    pub(super) type Crypto;
    #[wasm_bindgen(method, catch, js_name = getRandomValues)]
    pub(super) fn get_random_values(this: &Crypto, bytes: &mut [u8]) -> Result<Object, JsValue>;
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    pub(super) static CRYPTO: Crypto;
}

/// The root of the APIs.
pub(super) fn api() -> Api {
    let global = js_sys::global();
    let named = |name: &str| {
        Reflect::get(&global, &name.into())
            .ok()
            .filter(|value| !value.is_undefined())
    };
    named("browser")
        .or_else(|| named("chrome"))
        .unwrap_or(JsValue::UNDEFINED)
        .unchecked_into()
}

/// The answer to wait for; what was thrown at once comes as a rejection like any other.
pub(super) fn answer(promise: Result<Promise, JsValue>) -> JsFuture {
    JsFuture::from(promise.unwrap_or_else(|error| Promise::reject(&error)))
}

/// An object of these properties.
pub(super) fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        set(&object, name, &value);
    }
    object
}

/// Sets a property of an object that is ours.
pub(super) fn set(object: &Object, name: &str, value: &JsValue) {
    // Only a frozen object or a proxy can refuse.
    let _ = Reflect::set(object, &name.into(), value);
}

/// Takes a property out of an object that is ours.
pub(super) fn unset(object: &Object, name: &str) {
    // Only a frozen object or a proxy can refuse.
    let _ = Reflect::delete_property(object, &name.into());
}

/// A property; undefined where there is none.
pub(super) fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A list of strings.
pub(super) fn strings<S: AsRef<str>>(values: impl Iterator<Item = S>) -> Array {
    let array = Array::new();
    for value in values {
        array.push(&JsValue::from_str(value.as_ref()));
    }
    array
}

/// The browser's own words for what went wrong.
pub(super) fn words(error: &JsValue) -> String {
    let message = property(error, "message");
    message
        .as_string()
        .or_else(|| error.as_string())
        .unwrap_or_else(|| "unknown error".to_owned())
}

/// The permissions without which nobody can look what the clipboard holds. Firefox's background page needs no document beside it.
pub(super) fn clipboard_permissions() -> Object {
    let firefox = api().runtime().get_url("").starts_with("moz-");
    let names = ["clipboardRead", "clipboardWrite", "offscreen"];
    let names = names.iter().take(if firefox { 2 } else { 3 });
    object([("permissions", strings(names).into())])
}

/// Whether the person has granted a host; not where the browser can't say.
pub(super) async fn any_host_granted() -> bool {
    let granted = answer(api().permissions().get_all()).await;
    granted.is_ok_and(|granted| property(&granted, "origins").unchecked_into::<Array>().length() > 0)
}

/// Whether all these hosts are granted: answered by true or false.
pub(super) fn granted(hosts: &[String]) -> JsFuture {
    let permissions = object([("origins", strings(hosts.iter()).into())]);
    answer(api().permissions().contains(&permissions))
}
