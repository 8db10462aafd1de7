//! What a page and a service worker must do alike: the vectors in WebAssembly, and the token request on the wire.

#[path = "../vectors.rs"]
mod vectors;

use js_sys::{Reflect, global};
use tokenkeep::browser::send;
use tokenkeep::diagnosis::TransportError;
use tokenkeep::oauth::http::{HttpRequest, Method, SecretBody};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

pub(crate) fn get(url: String) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url,
        headers: Vec::new(),
        body: SecretBody::new(Vec::new()),
    }
}

#[wasm_bindgen_test]
async fn an_answer_is_read_whole() {
    let location = Reflect::get(&global(), &"location".into()).unwrap();
    let origin = Reflect::get(&location, &JsValue::from_str("origin"))
        .unwrap()
        .as_string()
        .unwrap();
    let answer = send(&get(origin)).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .is_some_and(|value| value.starts_with("text/html"))
    );
    assert!(String::from_utf8(answer.body).unwrap().contains("<html"));
}

#[wasm_bindgen_test]
async fn nobody_listens() {
    let error = send(&get("http://127.0.0.1:9/".to_owned())).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error:?}");
}
