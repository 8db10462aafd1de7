//! Requests and answers as plain values, so that every endpoint is a function that can be read and tested alone.

use std::fmt::Write as _;

use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::ser::SerializeMap as _;
use serde_json::Value;

/// More than any request of the protocol needs; a longer body is refused with 413.
const BODY_LIMIT: usize = 1 << 20;

/// Where a connection arrived: the name that the proxy was asked for, or one of the loopback ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// `www.linkedin.com`: the authorization server.
    Www,
    /// `api.linkedin.com`: userinfo and REST.
    Api,
    /// `app.tokenkeep.test`: the redirect host that lives, over TLS.
    App,
    /// `www.tokenkeep.test`: pages that tests put there.
    Pages,
    /// The same redirect host on a loopback port, over plain HTTP.
    Loopback,
}

impl Host {
    /// The hosts behind the proxy.
    pub(crate) const NAMED: [Self; 4] = [Self::Www, Self::Api, Self::App, Self::Pages];

    /// The name as the proxy is asked for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Www => "www.linkedin.com",
            Self::Api => "api.linkedin.com",
            Self::App => "app.tokenkeep.test",
            Self::Pages => "www.tokenkeep.test",
            Self::Loopback => "localhost",
        }
    }

    /// Whether this is a redirect host, whose every request is counted.
    pub(crate) const fn is_redirect_host(self) -> bool {
        matches!(self, Self::App | Self::Loopback)
    }
}

/// Name and value pairs of a query or a form, in order, repetitions kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of `name`; an empty one counts as absent, as for a required parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The first value of `name`, empty or not.
    pub(crate) fn get_raw(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value, in order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, value)| value.as_str())
    }

    /// These pairs, followed by `others`.
    pub(crate) fn chain(mut self, others: &Self) -> Self {
        self.0.extend(others.0.iter().cloned());
        self
    }
}

/// As an object; a repeated name has an array of its values.
impl Serialize for Params {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.0 {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let mut map = serializer.serialize_map(Some(names.len()))?;
        for name in names {
            let values: Vec<&str> = self
                .0
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| &**value)
                .collect();
            match values.as_slice() {
                [value] => map.serialize_entry(name, value)?,
                values => map.serialize_entry(name, values)?,
            }
        }
        map.end()
    }
}

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) host: Host,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The query as it stood in the URL.
    pub(crate) raw_query: String,
    pub(crate) query: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body's pairs when its type says that it is a form.
    pub(crate) form: Params,
    /// The body was too long, or the client left; the request counts nevertheless.
    pub(crate) incomplete: bool,
}

impl Request {
    pub(crate) async fn read(host: Host, request: hyper::Request<Incoming>) -> Self {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await.map(Collected::to_bytes);
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let mut request = Self {
            host,
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: Params::parse(raw_query.as_bytes()),
            raw_query,
            headers: parts.headers,
            incomplete: body.is_err(),
            body: body.unwrap_or_default(),
            form: Params::default(),
        };
        if request.has_form() {
            request.form = Params::parse(&request.body);
        }
        request
    }

    /// Whether the body is `application/x-www-form-urlencoded`.
    pub(crate) fn has_form(&self) -> bool {
        self.header("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
    }

    /// A header's value, when it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Path and query, as the request line had them.
    pub(crate) fn target(&self) -> String {
        if self.raw_query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.raw_query)
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
        .with("content-type", content_type)
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(error) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
        }
    }

    pub(crate) fn html(status: StatusCode, body: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    /// The control interface's refusal.
    pub(crate) fn refuse(status: StatusCode, problem: impl Into<String>) -> Self {
        Self::json(status, &serde_json::json!({"error": Value::String(problem.into())}))
    }

    pub(crate) fn redirect(status: StatusCode, location: &str) -> Self {
        Self::empty(status).with("location", location)
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Text for an HTML page or an attribute in double quotes. LinkedIn's descriptions are escaped in the same way
/// before they are encoded for the URL (linkedin.md section 0, item 10).
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text as a JavaScript string literal that is safe inside a `<script>` element.
pub(crate) fn script_string(text: &str) -> String {
    let mut literal = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b" /:?=+.-_%".contains(&byte) => literal.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(literal, "\\u{unit:04x}");
            }
        }
    }
    literal.push('"');
    literal
}
