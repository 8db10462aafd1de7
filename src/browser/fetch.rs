//! The token request on the wire.

use gloo_net::http::RequestBuilder;
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials, RequestRedirect,
    ResponseType,
};

use crate::diagnosis::TransportError;
use crate::flow::ANSWER_WITHIN_MS;
use crate::oauth::http::{HttpRequest, HttpResponse, MAX_RESPONSE_BYTES, Method, SecretBody};

use super::api::property;

/// Sends a request that carries credentials: once, without cookies, cache or referrer, following no redirect.
///
/// A redirect is answered by an opaque response instead of an error, so that it can be told from an unreachable host;
/// either way nothing is sent to the second one.
pub async fn send(request: &HttpRequest) -> Result<HttpResponse, TransportError> {
    fetched(request, RequestCredentials::Omit).await
}

async fn fetched(request: &HttpRequest, credentials: RequestCredentials) -> Result<HttpResponse, TransportError> {
    let signal = AbortSignal::timeout_with_u32(ANSWER_WITHIN_MS);
    let mut builder = RequestBuilder::new(&request.url)
        .method(match request.method {
            Method::Get => gloo_net::http::Method::GET,
            Method::Post => gloo_net::http::Method::POST,
        })
        .redirect(RequestRedirect::Manual)
        .credentials(credentials)
        .cache(RequestCache::NoStore)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(Some(&signal));
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let request = match request.method {
        Method::Get => builder.build(),
        Method::Post => builder.body(Uint8Array::from(request.body.expose())),
    };
    let request = request.map_err(|error| TransportError::Unreachable {
        message: error.to_string(),
    })?;
    let timeout = || TransportError::Timeout;
    let response = request.send().await.map_err(|error| {
        if signal.aborted() {
            timeout()
        } else {
            TransportError::Unreachable {
                message: error.to_string(),
            }
        }
    })?;
    if response.type_() == ResponseType::Opaqueredirect {
        return Err(TransportError::Redirected);
    }
    let body = match response.body() {
        Some(stream) => read(stream).await.map_err(|error| match error {
            Unread::TooLarge => TransportError::TooLarge,
            Unread::Broken if signal.aborted() => timeout(),
            Unread::Broken => TransportError::Cut,
        })?,
        None => Vec::new(),
    };
    Ok(HttpResponse {
        status: response.status(),
        headers: response.headers().entries().collect(),
        body,
        truncated: false,
    })
}

/// Asks for a page, following no redirect: with the person's cookies, as if they went there, or without any. A redirect
/// has no answer that could be read; where it leads comes by `webRequest.onHeadersReceived`.
pub(super) async fn page(url: &str, with_cookies: bool) -> Result<Option<HttpResponse>, TransportError> {
    let credentials = if with_cookies {
        RequestCredentials::Include
    } else {
        RequestCredentials::Omit
    };
    let request = HttpRequest {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: SecretBody::new(String::new()),
    };
    match fetched(&request, credentials).await {
        Err(TransportError::Redirected) => Ok(None),
        answer => answer.map(Some),
    }
}

enum Unread {
    TooLarge,
    Broken,
}

/// Reads at most [`MAX_RESPONSE_BYTES`] bytes; past that the rest is not fetched.
async fn read(stream: web_sys::ReadableStream) -> Result<Vec<u8>, Unread> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut body = Vec::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(|_| Unread::Broken)?;
        if property(&chunk, "done").is_truthy() {
            return Ok(body);
        }
        let bytes: Uint8Array = property(&chunk, "value").unchecked_into();
        if body.len() + bytes.length() as usize > MAX_RESPONSE_BYTES {
            // Stops the transfer; its outcome does not matter any more.
            let _ = reader.cancel();
            return Err(Unread::TooLarge);
        }
        body.extend(bytes.to_vec());
    }
}
