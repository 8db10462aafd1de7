//! An answer of the REST API and its explanation (linkedin.md section 8).

use crate::oauth::http::HttpResponse;
use crate::oauth::json::{self, Json};
use crate::oauth::text;
use crate::plain::Plain;
use crate::provider::Provider;

use super::answers::{Answer, Cause, RESOURCES, REST_ANSWERS, SERVICE_ERRORS, operation};
use super::facts::TokenFacts;
use super::{Finding, Fix, joined, with};

/// What an answer of the REST API says, without tokens and secrets. LinkedIn's envelope is
/// `{status, serviceErrorCode?, code?, message}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestEvidence {
    /// The HTTP status.
    pub status: u16,
    /// `serviceErrorCode`.
    pub service_error_code: Option<i64>,
    /// `code`; empty when there was none.
    pub code: String,
    /// `message`; empty when there was none.
    pub message: String,
    /// The beginning of a body without a message.
    pub excerpt: String,
    /// `x-li-uuid`, or `x-li-request-id`: what LinkedIn's support asks for.
    pub request_id: Option<String>,
    /// `Retry-After`, with its name.
    pub retry_after: Option<String>,
}

impl RestEvidence {
    /// Reads an answer and replaces every one of `secrets`, and whatever else has the shape of a token.
    #[must_use]
    pub fn read(response: &HttpResponse, secrets: &[&str]) -> Self {
        Self {
            retry_after: response.retry_after(),
            ..Self::without_time(response, secrets)
        }
    }

    /// The same without a look at `Retry-After`: reading dates is a lot of code.
    pub(super) fn without_time(response: &HttpResponse, secrets: &[&str]) -> Self {
        let said = |text: &str, max: usize| {
            let mut text = text::clean(text, max);
            text::hide(&mut text, secrets);
            text::without_tokens(&text)
        };
        let mut evidence = Self {
            status: response.status,
            service_error_code: None,
            code: String::new(),
            message: String::new(),
            excerpt: String::new(),
            request_id: response
                .header("x-li-uuid")
                .or_else(|| response.header("x-li-request-id"))
                .map(|id| said(id, 100)),
            retry_after: None,
        };
        if let Json::Object(object) = json::parse(&response.body) {
            evidence.service_error_code = object.get("serviceErrorCode").and_then(Plain::as_i64);
            evidence.code = said(object.text("code").unwrap_or_default(), 100);
            evidence.message = said(object.text("message").unwrap_or_default(), 1000);
        }
        if evidence.message.is_empty() {
            evidence.excerpt = text::excerpt(&response.body);
            text::hide(&mut evidence.excerpt, secrets);
        }
        evidence
    }

    /// `code`, or the name that `serviceErrorCode` stands for. The name wins where both are there: 65601 has been seen
    /// with more than one.
    fn name(&self) -> &str {
        let numbered = || SERVICE_ERRORS.iter().find(|row| Some(row.0) == self.service_error_code);
        match self.code.as_str() {
            "" => numbered().map_or("", |row| row.1),
            code => code,
        }
    }

    /// The answer in one or two lines.
    fn words(&self) -> String {
        let number = self.service_error_code.map(|number| number.to_string());
        let parts = [
            self.code.as_str(),
            number.as_deref().unwrap_or_default(),
            self.message.as_str(),
            self.excerpt.as_str(),
        ];
        let mut words = joined(&["HTTP ", &self.status.to_string()]);
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            words.push(' ');
            words.push_str(part);
        }
        if let Some(time) = &self.retry_after {
            words.push('\n');
            words.push_str(time);
        }
        if let Some(id) = &self.request_id {
            words.push_str("\nrequest id: ");
            words.push_str(id);
        }
        words
    }
}

/// Explains an answer of the REST API that is no success. A token that is younger than LinkedIn's caches is the cause
/// wherever the answer leaves room for it (linkedin.md section 10, symptom 14).
#[must_use]
pub fn diagnose_rest(evidence: &RestEvidence, provider: &Provider, token: &TokenFacts<'_>) -> Finding {
    let answer = Answer::find(REST_ANSWERS, evidence.status, evidence.name(), &evidence.message);
    let finding = match answer.map(|answer| (answer, answer.cause)) {
        Some((answer, Cause::Permission)) => permission(answer, evidence, provider, token),
        Some((_, Cause::Token)) if token.is_expired() => with("token_expired", Vec::new(), Fix::Renew),
        Some((_, Cause::Token)) if token.is_settling() => settling(),
        Some((answer, _)) => answer.explain(&evidence.message),
        None => {
            let code = if evidence.status >= 500 {
                "api_server_error"
            } else {
                "api_unknown"
            };
            with(code, vec![evidence.status.to_string()], Fix::CheckLater)
        }
    };
    Finding {
        evidence: Some(evidence.words()),
        ..finding
    }
}

fn settling() -> Finding {
    with("token_settling", Vec::new(), Fix::CheckLater)
}

/// A 403: a scope that the token lacks is certain, whatever its age; everything else may be the caches.
fn permission(answer: &Answer, evidence: &RestEvidence, provider: &Provider, token: &TokenFacts<'_>) -> Finding {
    let operation = operation(&evidence.message).unwrap_or_default();
    let (resource, needed) = resource(operation);
    let is_known = !token.granted.is_empty();
    let lacks = is_known && !needed.iter().any(|scope| token.granted.contains(scope));
    if lacks && !needed.is_empty() {
        return match resource {
            "userinfo" => with("userinfo_denied", Vec::new(), Fix::EditProfile),
            "me" | "partnerApiMe" => with("me_denied", Vec::new(), Fix::ChangeRequest),
            _ => with(
                "api_scope_missing",
                takes(operation, needed, provider),
                Fix::EditProfile,
            ),
        };
    }
    if token.is_settling() {
        return settling();
    }
    if !is_known && let Some(finding) = perhaps_lacking(operation, provider) {
        return finding;
    }
    if resource == "userinfo" {
        return with("userinfo_stale", Vec::new(), Fix::AuthorizeAgain);
    }
    answer.explain(&evidence.message)
}

/// A 403 for a token whose scopes nobody knows; none where what it names takes no scope that is known.
pub(super) fn perhaps_lacking(operation: &str, provider: &Provider) -> Option<Finding> {
    Some(match resource(operation) {
        (_, []) => return None,
        ("userinfo", _) => with("userinfo_unsure", Vec::new(), Fix::EditProfile),
        ("me" | "partnerApiMe", _) => with("me_denied", Vec::new(), Fix::ChangeRequest),
        (_, needed) => with("api_scope_unsure", takes(operation, needed, provider), Fix::EditProfile),
    })
}

/// The resource of an operation, and the scopes of which it takes one.
fn resource(operation: &str) -> (&str, &'static [&'static str]) {
    let resource = match operation.split_once('/') {
        Some((_, path)) => path,
        None => operation.split('.').next().unwrap_or_default(),
    };
    let known = RESOURCES.iter().find(|(name, _)| *name == resource);
    (resource, known.map_or(&[][..], |(_, scopes)| *scopes))
}

/// The operation, its scopes, and the product of the first one.
fn takes(operation: &str, needed: &[&str], provider: &Provider) -> Vec<String> {
    let product = needed.first().and_then(|first| provider.scope(first));
    let product = product.map_or("", |scope| scope.product);
    vec![operation.to_owned(), needed.join(", "), product.to_owned()]
}
