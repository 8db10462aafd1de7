//! How the authorization server's answer reaches the redirect URI: by which kind of redirect, and with which defects.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::http::{Reply, Request, escape_html};
use crate::state::State;
use crate::{pages, random};

/// The second step of a chained redirect, on the authorization server's own host.
pub(crate) const CHAINED_PATH: &str = "/oauth/v2/redirect/";

/// The ways of security.md section 2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "301")]
    MovedPermanently,
    /// What LinkedIn does.
    #[default]
    #[serde(rename = "302")]
    Found,
    #[serde(rename = "303")]
    SeeOther,
    /// After the consent form's POST, this and 308 make the browser post the form to the redirect URI.
    #[serde(rename = "307")]
    TemporaryRedirect,
    #[serde(rename = "308")]
    PermanentRedirect,
    /// 302 to a second URL of the authorization server, which answers 302 to the redirect URI.
    #[serde(rename = "chained")]
    Chained,
    /// A page whose script sets `location`.
    #[serde(rename = "javascript")]
    JavaScript,
    /// A page with a meta refresh.
    #[serde(rename = "meta")]
    Meta,
    /// A page that posts the answer as a form (OAuth 2.0 Form Post Response Mode).
    #[serde(rename = "form_post")]
    FormPost,
}

/// What happens to `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateDefect {
    Wrong,
    Missing,
    Empty,
    Doubled,
    /// The `state` of the answer before this one.
    Replay,
}

/// What happens to `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CodeDefect {
    Missing,
    Doubled,
    Empty,
}

/// An error answer in place of the real one; the texts are sent as given, without HTML entities.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorAnswer {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<String>,
}

/// Defects of the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mutation {
    pub(crate) state: Option<StateDefect>,
    /// Adds this `iss` (RFC 9207), which LinkedIn does not send.
    iss: Option<String>,
    code: Option<CodeDefect>,
    /// Another base URL than the redirect URI.
    pub(crate) target: Option<String>,
    error: Option<ErrorAnswer>,
}

/// The body of the control's `POST /redirect`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Delivery {
    pub(crate) kind: Kind,
    /// Only the next answer; later ones are LinkedIn's own again.
    pub(crate) once: bool,
    pub(crate) mutate: Mutation,
    /// The `state` of the last answer, for a replay.
    #[serde(skip)]
    pub(crate) last_state: Option<String>,
}

/// The parameters of an answer, in the order in which they are sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer(Vec<(&'static str, String)>);

impl Answer {
    /// `?code=…&state=…` (linkedin.md section 2).
    pub(crate) fn code(code: String, state: Option<String>) -> Self {
        Self(
            [("code", code)]
                .into_iter()
                .chain(state.map(|state| ("state", state)))
                .collect(),
        )
    }

    /// LinkedIn escapes the description for HTML before it encodes it for the URL (section 0, item 10).
    pub(crate) fn error(error: &str, description: &str, state: Option<String>) -> Self {
        let error = [
            ("error", error.to_owned()),
            ("error_description", escape_html(description)),
        ];
        Self(error.into_iter().chain(state.map(|state| ("state", state))).collect())
    }

    fn get(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| *key != name);
    }

    /// Sets a value in place, or at the end when there was none.
    fn set(&mut self, name: &'static str, value: String) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name, value)),
        }
    }

    fn double(&mut self, name: &'static str) {
        if let Some(value) = self.get(name).cloned() {
            self.0.push((name, value));
        }
    }

    fn mutate(&mut self, mutation: &Mutation, last_state: Option<String>) {
        if let Some(ErrorAnswer {
            error,
            error_description,
            error_uri,
        }) = &mutation.error
        {
            let state = self.get("state").cloned();
            self.0 = vec![("error", error.clone())];
            self.0
                .extend(error_description.clone().map(|text| ("error_description", text)));
            self.0.extend(error_uri.clone().map(|uri| ("error_uri", uri)));
            self.0.extend(state.map(|state| ("state", state)));
        }
        match mutation.code {
            Some(CodeDefect::Missing) => self.remove("code"),
            Some(CodeDefect::Empty) => self.set("code", String::new()),
            Some(CodeDefect::Doubled) => self.double("code"),
            None => {}
        }
        match mutation.state {
            Some(StateDefect::Missing) => self.remove("state"),
            Some(StateDefect::Empty) => self.set("state", String::new()),
            Some(StateDefect::Doubled) => self.double("state"),
            Some(StateDefect::Wrong) => self.set("state", random::id()),
            Some(StateDefect::Replay) => self.set("state", last_state.unwrap_or_default()),
            None => {}
        }
        if let Some(iss) = &mutation.iss {
            self.set("iss", iss.clone());
        }
    }

    /// The answer in the query of `base`, with `+` for spaces.
    fn in_query(&self, base: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish();
        if query.is_empty() {
            return base.to_owned();
        }
        format!("{base}{}{query}", if base.contains('?') { '&' } else { '?' })
    }
}

/// Sends `answer` to `redirect_uri` in the way that the control set.
pub(crate) fn deliver(state: &mut State, redirect_uri: &str, mut answer: Answer) -> Reply {
    let sent_state = answer.get("state").cloned();
    let settings = state.delivery.clone();
    answer.mutate(&settings.mutate, settings.last_state);
    state.delivery.last_state = sent_state;
    if settings.once {
        state.delivery = Delivery {
            last_state: state.delivery.last_state.take(),
            ..Delivery::default()
        };
    }
    let base = settings.mutate.target.as_deref().unwrap_or(redirect_uri);
    let location = answer.in_query(base);
    match settings.kind {
        Kind::MovedPermanently => Reply::redirect(StatusCode::MOVED_PERMANENTLY, &location),
        Kind::Found => Reply::redirect(StatusCode::FOUND, &location),
        Kind::SeeOther => Reply::redirect(StatusCode::SEE_OTHER, &location),
        Kind::TemporaryRedirect => Reply::redirect(StatusCode::TEMPORARY_REDIRECT, &location),
        Kind::PermanentRedirect => Reply::redirect(StatusCode::PERMANENT_REDIRECT, &location),
        Kind::Chained => {
            let id = random::id();
            let step = format!("https://www.linkedin.com{CHAINED_PATH}{id}");
            state.chained.insert(id, location);
            Reply::redirect(StatusCode::FOUND, &step)
        }
        Kind::JavaScript => Reply::html(StatusCode::OK, pages::script_redirect(&location)),
        Kind::Meta => Reply::html(StatusCode::OK, pages::meta_redirect(&location)),
        Kind::FormPost => Reply::html(StatusCode::OK, pages::form_post(base, &answer.0)),
    }
    // A cached 301 would answer the next request with this code.
    .with("cache-control", "no-store")
}

/// The second step of a chained redirect.
pub(crate) fn chained(state: &State, request: &Request) -> Reply {
    let id = request.path.strip_prefix(CHAINED_PATH).unwrap_or_default();
    match state.chained.get(id) {
        Some(location) => Reply::redirect(StatusCode::FOUND, location).with("cache-control", "no-store"),
        None => Reply::html(StatusCode::NOT_FOUND, pages::not_found()),
    }
}
