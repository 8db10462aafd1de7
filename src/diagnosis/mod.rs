//! Evidence to findings: what happened, why, what to change.
//!
//! A finding names its texts (`finding_<code>_what`, `_why`, `_fix` in `_locales`) and the one button that helps. The
//! words of LinkedIn's answers are matched as data, one row a symptom (linkedin.md sections 3, 4 and 10).

mod answers;
mod facts;
mod failure;
mod pasted;
mod redirect_uri;
mod rest;

use crate::oauth::http::{HttpResponse, MAX_RESPONSE_BYTES};
use crate::oauth::introspection::{IntrospectionError, parse_introspection_response};
use crate::oauth::redirect::{AuthorizationError, RedirectError};
use crate::oauth::revocation::parse_revocation_response;
use crate::oauth::text;
use crate::oauth::token::TokenError;
use crate::plain::record;
use crate::provider::{Provider, ScopeStatus};

pub use facts::{Grant, RequestFacts, TokenFacts, secret_looks_damaged};
pub use failure::{Failure, Needed, TransportError};
pub use pasted::diagnose_pasted;
pub use redirect_uri::{
    DifferenceKind, RedirectUriDifference, diagnose_redirect_uri, diagnose_unregistered, has_lost_query,
    redirect_uri_difference,
};
pub use rest::{RestEvidence, diagnose_rest};

use answers::{
    AUTHORIZATION_ANSWERS, Answer, Cause, INTROSPECTION_ANSWERS, LAST_WORDS, REFRESH_ANSWERS, REST_ANSWERS,
    SERVER_ANSWERS, TOKEN_ANSWERS, WORDS,
};

/// The button of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Start again.
    AuthorizeAgain,
    /// Ask the browser for the hosts again.
    AllowAccess,
    /// Open the profile's form.
    EditProfile,
    /// Copy the profile's redirect URI, to register exactly that.
    CopyRedirectUri,
    /// Copy the whole access token.
    CopyToken,
    /// Take a scope out of the profile and start again.
    DropScope {
        /// The scope that the answer names.
        scope: String,
    },
    /// Ask for other scopes in the place of one.
    ReplaceScope {
        /// The scope that the answer names.
        scope: String,
        /// What gives the same today, separated by spaces.
        successor: String,
    },
    /// Send id and secret where the provider wants them.
    SwitchClientAuthentication,
    /// Get a new token before or after the old one ends: by the refresh token, or by authorizing again.
    Renew,
    /// Open the Auth tab of the app in the provider's portal.
    OpenAuthTab,
    /// Open the Products tab of the app in the provider's portal.
    OpenProductsTab,
    /// Nothing to change here: the same request works later.
    CheckLater,
    /// Nothing to change here: the request of the person's own program has to change.
    ChangeRequest,
}
record!(
    enum Fix {
        AuthorizeAgain,
        AllowAccess,
        EditProfile,
        CopyRedirectUri,
        CopyToken,
        DropScope { scope },
        ReplaceScope { scope, successor },
        SwitchClientAuthentication,
        Renew,
        OpenAuthTab,
        OpenProductsTab,
        CheckLater,
        ChangeRequest,
    }
);

/// One result of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Names the texts.
    pub code: String,
    /// What stands in the texts' placeholders.
    pub args: Vec<String>,
    /// The button.
    pub fix: Fix,
    /// The provider's or the browser's own words.
    pub evidence: Option<String>,
}
record!(Finding {
    code,
    args,
    fix,
    evidence
});

/// Explains why a flow ended without a token. `request` is its token request, or what that would have been.
#[must_use]
pub fn diagnose(failure: &Failure, provider: &Provider, hosts: &[String], request: RequestFacts) -> Finding {
    match failure {
        Failure::PermissionRefused => with("permission_refused", vec![list(hosts)], Fix::AllowAccess),
        Failure::PermissionRemoved => with("permission_removed", vec![list(hosts)], Fix::AllowAccess),
        Failure::TabClosed => plain("tab_closed"),
        Failure::Cancelled => plain("cancelled"),
        Failure::TimedOut => plain("timed_out"),
        Failure::Interrupted => interrupted(),
        Failure::OutcomeUnknown => plain("outcome_unknown"),
        Failure::TooManyFlows => plain("too_many_flows"),
        Failure::NeedsClick => plain("needs_click"),
        Failure::OtherMember { old, new } => with(
            "other_member",
            vec![text::without_tokens(old), text::without_tokens(new)],
            Fix::AuthorizeAgain,
        ),
        Failure::ErrorPage { words } => match diagnose_words(words, provider) {
            finding if finding.code == "unknown" => Finding {
                code: "error_page".to_owned(),
                fix: Fix::OpenAuthTab,
                ..finding
            },
            finding => finding,
        },
        Failure::Refused { what, message } => {
            let code = match what {
                Needed::Storage => "storage_failed",
                Needed::Tab => "tab_failed",
                Needed::Rules => "rules_failed",
                Needed::Other => "unknown",
            };
            Finding {
                evidence: Some(message.clone()),
                ..plain(code)
            }
        }
        Failure::Unstored { message } => Finding {
            evidence: Some(message.clone()),
            ..with("token_unsaved", Vec::new(), Fix::Renew)
        },
        Failure::Redirect(error) => redirect(error, provider),
        Failure::Transport(error) => transport(error),
        Failure::Token(error) => diagnose_exchange(error, provider, request),
    }
}

/// The finding of a redirect URI that the provider does not know.
const NOT_REGISTERED: &str = "redirect_uri_not_registered";

/// The finding whose arguments are another one: its code and what stands in the placeholders of its texts.
pub const RENEWAL_FAILED: &str = "renewal_failed";

/// Explains why a renewal brought no token. The one that was to be renewed is untouched.
#[must_use]
pub fn diagnose_renewal(failure: &Failure, provider: &Provider, hosts: &[String], request: RequestFacts) -> Finding {
    let finding = diagnose(failure, provider, hosts, request);
    let wants_person = matches!(
        failure,
        Failure::NeedsClick | Failure::OtherMember { .. } | Failure::ErrorPage { .. }
    );
    if finding.fix != Fix::AuthorizeAgain || wants_person || failure.is_dead_refresh_token() {
        return finding;
    }
    // Which of the many ways to get no token it was, is told in its own words: what to do is always the same.
    let Finding {
        code,
        mut args,
        evidence,
        ..
    } = finding;
    args.insert(0, code);
    Finding {
        evidence,
        ..with(RENEWAL_FAILED, args, Fix::Renew)
    }
}

fn list(hosts: &[String]) -> String {
    hosts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// A flow that the browser took away, with the worker or with the whole session.
#[must_use]
pub fn interrupted() -> Finding {
    plain("interrupted")
}

/// The profile describes another app than the one that its token was issued to.
#[must_use]
pub fn issued_to_another_app() -> Finding {
    plain("issued_to_another_app")
}

impl Finding {
    /// Whether it is [`interrupted`].
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.code == "interrupted"
    }
}

fn plain(code: &'static str) -> Finding {
    with(code, Vec::new(), Fix::AuthorizeAgain)
}

fn with(code: &'static str, args: Vec<String>, fix: Fix) -> Finding {
    Finding {
        code: code.to_owned(),
        args,
        fix,
        evidence: None,
    }
}

fn redirect(error: &RedirectError, provider: &Provider) -> Finding {
    match error {
        RedirectError::NotTheRedirectUri => plain("unknown"),
        RedirectError::StateMissing => plain("state_missing"),
        RedirectError::StateDuplicate => with("state_duplicate", Vec::new(), Fix::EditProfile),
        RedirectError::StateMismatch => plain("state_mismatch"),
        RedirectError::IssuerMismatch { expected, got } => with(
            "issuer_mismatch",
            vec![expected.clone(), text::without_tokens(got)],
            Fix::AuthorizeAgain,
        ),
        RedirectError::IssuerMissing => plain("issuer_missing"),
        RedirectError::Duplicate { name } => with("duplicate_parameter", vec![name.clone()], Fix::EditProfile),
        RedirectError::CodeMissing => plain("code_missing"),
        RedirectError::CodeAndError => plain("code_and_error"),
        RedirectError::Authorization(error) => authorization(error, provider),
    }
}

fn authorization(error: &AuthorizationError, provider: &Provider) -> Finding {
    let name = text::without_tokens(&error.error);
    let description = text::without_tokens(error.error_description.as_deref().unwrap_or_default());
    let finding = if name == UNAUTHORIZED_SCOPE {
        unauthorized_scope(&description, provider)
    } else {
        let found = |rows| Answer::find(rows, 0, &name, &description);
        match found(AUTHORIZATION_ANSWERS).or_else(|| found(SERVER_ANSWERS)) {
            Some(answer) => answer.explain(&description),
            None => unexplained(["authorization_error", "authorization_error_bare"], &name, &description),
        }
    };
    Finding {
        evidence: Some(words(&name, &description)),
        ..finding
    }
}

const UNAUTHORIZED_SCOPE: &str = "unauthorized_scope_error";

/// LinkedIn refuses the whole request for one scope and names it in quotes (linkedin.md section 3). A log may have the
/// error's name alone.
fn unauthorized_scope(description: &str, provider: &Provider) -> Finding {
    let Some(scope) = answers::scope(description).map(str::to_owned) else {
        return with("unauthorized_scope_unnamed", Vec::new(), Fix::EditProfile);
    };
    let drop = Fix::DropScope { scope: scope.clone() };
    let Some(known) = provider.scopes.iter().find(|info| info.name == scope) else {
        return with("unauthorized_scope_unknown", vec![scope], drop);
    };
    match known.status {
        ScopeStatus::Legacy { successor } => {
            let fix = Fix::ReplaceScope {
                scope: scope.clone(),
                successor: successor.to_owned(),
            };
            with("unauthorized_scope_legacy", vec![scope, successor.to_owned()], fix)
        }
        ScopeStatus::Closed => with("unauthorized_scope_closed", vec![scope], drop),
        ScopeStatus::Current => with("unauthorized_scope", vec![scope, known.product.to_owned()], drop),
    }
}

fn transport(error: &TransportError) -> Finding {
    match error {
        TransportError::Timeout => plain("token_timeout"),
        TransportError::Redirected => plain("token_redirected"),
        TransportError::TooLarge => too_large(),
        TransportError::Cut => plain("token_cut"),
        TransportError::Unreachable { message } => Finding {
            evidence: Some(message.clone()),
            ..plain("token_unreachable")
        },
    }
}

/// Explains a token endpoint's answer by the request that it belongs to.
#[must_use]
pub fn diagnose_exchange(error: &TokenError, provider: &Provider, request: RequestFacts) -> Finding {
    match error {
        TokenError::Refused {
            status,
            error,
            error_description,
            ..
        } => exchange_refused(
            *status,
            error,
            error_description.as_deref().unwrap_or_default(),
            provider,
            request,
        ),
        TokenError::NotJson {
            status,
            content_type,
            excerpt,
        } => Finding {
            evidence: Some(joined(&[
                "HTTP ",
                &status.to_string(),
                " ",
                &text::without_tokens(content_type.as_deref().unwrap_or_default()),
                "\n",
                excerpt,
            ])),
            ..not_json(*status, provider, request)
        },
        TokenError::Status { status, excerpt } => exchange_failed(*status, excerpt, provider, request),
        TokenError::TooLarge => too_large(),
        TokenError::Truncated => plain("token_cut"),
        other => with(
            "token_malformed",
            vec![text::without_tokens(&other.to_string())],
            Fix::AuthorizeAgain,
        ),
    }
}

fn exchange_refused(
    status: u16,
    error: &str,
    description: &str,
    provider: &Provider,
    request: RequestFacts,
) -> Finding {
    let name = text::without_tokens(error);
    let description = text::without_tokens(description);
    let found = |rows| Answer::find(rows, status, &name, &description);
    let refresh = match request.grant {
        Grant::RefreshToken => found(REFRESH_ANSWERS),
        _ => None,
    };
    let answer = refresh
        .or_else(|| found(TOKEN_ANSWERS))
        .or_else(|| found(SERVER_ANSWERS));
    // A server that is down, or has enough of us, knows nothing of what it says beside that.
    let finding = by_status(status).or_else(|| answer.map(|answer| answer.explain(&description)));
    let finding = match finding {
        Some(finding) if is_about_the_client(&finding) => request.client_cause(provider).unwrap_or(finding),
        Some(finding) => finding,
        None => unexplained(["token_refused", "token_refused_bare"], &name, &description),
    };
    Finding {
        evidence: Some(joined(&[
            "HTTP ",
            &status.to_string(),
            " ",
            &words(&name, &description),
        ])),
        ..finding
    }
}

/// A status that is an error, and no error in the body.
fn exchange_failed(status: u16, excerpt: &str, provider: &Provider, request: RequestFacts) -> Finding {
    let evidence = joined(&["HTTP ", &status.to_string()]);
    Finding {
        evidence: Some(joined(&[&evidence, "\n", excerpt])),
        ..if excerpt.starts_with(['{', '[']) {
            by_status(status).unwrap_or_else(|| with("token_malformed", vec![evidence], Fix::AuthorizeAgain))
        } else {
            not_json(status, provider, request)
        }
    }
}

/// A page instead of JSON. LinkedIn's edge has refused a `code_verifier` so (linkedin.md section 4).
fn not_json(status: u16, provider: &Provider, request: RequestFacts) -> Finding {
    if status == 403
        && request.verifier_sent
        && let Some(finding) = request.client_cause(provider)
    {
        return finding;
    }
    by_status(status).unwrap_or_else(|| with("token_not_json", vec![status.to_string()], Fix::AuthorizeAgain))
}

fn too_large() -> Finding {
    let limit = (MAX_RESPONSE_BYTES / 1024).to_string();
    with("token_too_large", vec![limit], Fix::AuthorizeAgain)
}

/// Whether an answer says that the client was not recognised. HTTP Basic is also answered as a missing `client_id`
/// (linkedin.md section 11).
fn is_about_the_client(finding: &Finding) -> bool {
    finding.code == "client_authentication_failed"
        || (finding.code == "parameter_missing" && finding.args.iter().any(|name| name.starts_with("client_")))
}

fn by_status(status: u16) -> Option<Finding> {
    match status {
        429 => Some(plain("token_rate_limited")),
        500.. => Some(with(
            "token_server_error",
            vec![status.to_string()],
            Fix::AuthorizeAgain,
        )),
        _ => None,
    }
}

/// Explains an introspection answer; `None` for an active token (linkedin.md section 6).
#[must_use]
pub fn diagnose_introspection(response: &HttpResponse, provider: &Provider, secrets: &[&str]) -> Option<Finding> {
    let finding = match parse_introspection_response(response) {
        Ok(said) if said.active => return None,
        Ok(said) => match said.status.as_deref() {
            Some("expired") => with("token_expired", Vec::new(), Fix::Renew),
            Some("revoked") => plain("token_revoked"),
            _ => with("token_of_another_app", Vec::new(), Fix::EditProfile),
        },
        Err(IntrospectionError::ActiveMissing) => plain("introspection_malformed"),
        Err(IntrospectionError::Refused(error)) => {
            let finding = refused(error, provider, secrets);
            return Some(match Answer::find(INTROSPECTION_ANSWERS, response.status, "", "") {
                Some(answer) if finding.code.starts_with("token_") => Finding {
                    evidence: finding.evidence,
                    ..answer.explain("")
                },
                _ => finding,
            });
        }
    };
    let mut evidence = text::excerpt(&response.body);
    text::hide(&mut evidence, secrets);
    Some(Finding {
        evidence: Some(joined(&["HTTP ", &response.status.to_string(), "\n", &evidence])),
        ..finding
    })
}

/// Explains a revocation answer; `None` for a success. LinkedIn documents no revocation endpoint (linkedin.md section 1).
#[must_use]
pub fn diagnose_revocation(response: &HttpResponse, provider: &Provider, secrets: &[&str]) -> Option<Finding> {
    let finding = refused(parse_revocation_response(response).err()?, provider, secrets);
    let explained = [
        "token_refused",
        "token_refused_bare",
        "token_not_json",
        "token_malformed",
    ];
    Some(if explained.contains(&finding.code.as_str()) {
        Finding {
            evidence: finding.evidence,
            ..with(
                "revocation_refused",
                vec![response.status.to_string()],
                Fix::AuthorizeAgain,
            )
        }
    } else {
        finding
    })
}

/// An answer of an endpoint that takes id and secret as the token endpoint does.
fn refused(error: TokenError, provider: &Provider, secrets: &[&str]) -> Finding {
    diagnose_exchange(&error.without(secrets), provider, RequestFacts::of(provider))
}

/// Explains why a host gave no whole answer to a request that can be repeated at any time.
#[must_use]
pub fn diagnose_call(error: &TransportError, host: &str) -> Finding {
    let why = match error {
        TransportError::Redirected => return with("call_redirected", vec![host.to_owned()], Fix::CheckLater),
        TransportError::Timeout => "no answer in time",
        TransportError::TooLarge => "too large",
        TransportError::Cut => "broke off",
        TransportError::Unreachable { message } => message,
    };
    Finding {
        evidence: Some(why.to_owned()),
        ..with("call_failed", vec![host.to_owned()], Fix::CheckLater)
    }
}

/// Explains a successful answer of the API that is none of its own, such as a network's login page.
#[must_use]
pub fn diagnose_strange_answer(response: &HttpResponse, secrets: &[&str]) -> Finding {
    let mut evidence = text::excerpt(&response.body);
    text::hide(&mut evidence, secrets);
    Finding {
        evidence: Some(joined(&["HTTP ", &response.status.to_string(), "\n", &evidence])),
        ..with("call_malformed", Vec::new(), Fix::CheckLater)
    }
}

/// The browser was asked for the hosts that a test of a token needs, and the person refused.
#[must_use]
pub fn diagnose_unasked(hosts: &[String]) -> Finding {
    with("call_not_allowed", vec![list(hosts)], Fix::AllowAccess)
}

/// What the lifetime of a token says before anything fails: it has ended, ends soon, or can't be renewed without the
/// person (linkedin.md section 5 and section 10, symptoms 16 to 18).
#[must_use]
pub fn diagnose_lifetime(token: &TokenFacts<'_>) -> Option<Finding> {
    if token.is_expired() {
        return Some(with("token_expired", Vec::new(), Fix::Renew));
    }
    if token.is_within(token.refresh_expires_ms, 30) {
        return Some(with("refresh_token_ends", Vec::new(), Fix::AuthorizeAgain));
    }
    if token.has_refresh_token {
        return None;
    }
    Some(if token.is_within(token.expires_ms, 7) {
        with("token_ends", Vec::new(), Fix::Renew)
    } else {
        with("no_refresh_token", Vec::new(), Fix::OpenProductsTab)
    })
}

/// Explains an error in the words of LinkedIn's own page or of another program: the nearest row of all tables whose words
/// it has.
#[must_use]
pub fn diagnose_words(words: &str, provider: &Provider) -> Finding {
    let said = text::without_tokens(&text::clean(&text::html_unescape(words), 1000));
    Finding {
        evidence: Some(said.clone()),
        ..nearest(&said, provider).unwrap_or_else(|| plain("unknown"))
    }
}

fn nearest(said: &str, provider: &Provider) -> Option<Finding> {
    let said = &without_escapes(said);
    if said.contains(UNAUTHORIZED_SCOPE) || said.contains("is not authorized for your application") {
        return Some(unauthorized_scope(said, provider));
    }
    let tables = [
        WORDS,
        TOKEN_ANSWERS,
        REFRESH_ANSWERS,
        AUTHORIZATION_ANSWERS,
        REST_ANSWERS,
        LAST_WORDS,
    ];
    let answer = tables.into_iter().find_map(|rows| Answer::mentioned(rows, said));
    answer.map(|(answer, said)| {
        let operation = answers::operation(said).filter(|_| answer.cause == Cause::Permission);
        let lacking = operation.and_then(|operation| rest::perhaps_lacking(operation, provider));
        lacking.unwrap_or_else(|| answer.explain(said))
    })
}

/// Quotes as they were before somebody wrote the text into a JSON string, however often.
fn without_escapes(said: &str) -> String {
    let parts: Vec<&str> = said.split('"').collect();
    let (last, before) = parts.split_last().unwrap_or((&"", &[]));
    let unescaped = before.iter().flat_map(|part| [part.trim_end_matches('\\'), "\""]);
    unescaped.chain([*last]).collect()
}

/// What a provider's own error page says; none for a page that is no such thing, such as the login page (linkedin.md
/// section 3). `refused` is whether its status, or its title, tells already that it is an error.
#[must_use]
pub fn error_page(html: &[u8], refused: bool) -> Option<String> {
    let visible = text::visible(html);
    // Further down, a consent page may have the word in the name of an app.
    if !refused && !visible.starts_with(ERROR_PAGE) {
        return None;
    }
    // The title has it too.
    let begin = visible.rfind(ERROR_PAGE)?;
    Some(text::clean(&visible[begin..], 300))
}

/// The heading of LinkedIn's error page.
pub const ERROR_PAGE: &str = "Bummer";

/// What nobody has described: the server's own words, or the second code where it has none.
fn unexplained([code, bare]: [&'static str; 2], error: &str, description: &str) -> Finding {
    if description.is_empty() {
        return with(bare, vec![error.to_owned()], Fix::AuthorizeAgain);
    }
    let args = vec![error.to_owned(), description.to_owned()];
    with(code, args, Fix::AuthorizeAgain)
}

fn words(error: &str, description: &str) -> String {
    let between = if description.is_empty() { "" } else { ": " };
    joined(&[error, between, description])
}

fn joined(parts: &[&str]) -> String {
    parts.concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::oauth::http::HttpResponse;
    use crate::oauth::token::parse_token_response;
    use crate::provider;

    fn of(failure: &Failure) -> Finding {
        diagnose(
            failure,
            provider::by_id("linkedin").unwrap(),
            &["www.linkedin.com".to_owned(), "localhost".to_owned()],
            facts(Grant::AuthorizationCode),
        )
    }

    fn facts(grant: Grant) -> RequestFacts {
        RequestFacts::sent(provider::by_id("linkedin").unwrap(), grant, None)
    }

    fn redirected(error: &str, description: &str) -> Finding {
        of(&Failure::Redirect(RedirectError::Authorization(AuthorizationError {
            error: error.to_owned(),
            error_description: Some(description.to_owned()).filter(|description| !description.is_empty()),
            error_uri: None,
        })))
    }

    fn answered(status: u16, content_type: &str, body: &str) -> Finding {
        let response = HttpResponse {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.as_bytes().to_vec(),
            truncated: false,
        };
        of(&Failure::Token(parse_token_response(&response).unwrap_err()))
    }

    fn refused(status: u16, error: &str, description: &str) -> Finding {
        answered(
            status,
            "application/json",
            &serde_json::json!({"error": error, "error_description": description}).to_string(),
        )
    }

    #[test]
    fn errors_of_the_authorization_endpoint() {
        let scope = |name: &str| format!("Scope \"{name}\" is not authorized for your application");
        for (error, description, code, args) in [
            (
                "user_cancelled_login",
                "The user cancelled LinkedIn login".to_owned(),
                "user_cancelled_login",
                vec![],
            ),
            (
                "user_cancelled_authorize",
                "The user cancelled the authorization".to_owned(),
                "user_cancelled_authorize",
                vec![],
            ),
            ("access_denied", String::new(), "access_denied", vec![]),
            (
                "invalid_request",
                "You need to pass the \"scope\" parameter".to_owned(),
                "scope_missing",
                vec![],
            ),
            (
                "unauthorized_scope_error",
                scope("w_member_social"),
                "unauthorized_scope",
                vec!["w_member_social", "Share on LinkedIn"],
            ),
            (
                "unauthorized_scope_error",
                scope("r_liteprofile"),
                "unauthorized_scope_legacy",
                vec!["r_liteprofile", "openid profile"],
            ),
            (
                "unauthorized_scope_error",
                scope("opnid"),
                "unauthorized_scope_unknown",
                vec!["opnid"],
            ),
            (
                "brand_new",
                "later".to_owned(),
                "authorization_error",
                vec!["brand_new", "later"],
            ),
        ] {
            let finding = redirected(error, &description);
            assert_eq!(finding.code, code, "{error} {description}");
            assert_eq!(
                finding.args.first().map(String::as_str),
                args.first().copied(),
                "{error} {description}"
            );
            assert!(finding.evidence.unwrap().starts_with(error));
        }
    }

    #[test]
    fn errors_of_the_token_endpoint() {
        const LONG: &str = "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization \
            code. Or authorization code expired. Or external member binding exists";
        for (status, error, description, code) in [
            (
                401,
                "invalid_client",
                "Client authentication failed",
                "client_authentication_failed",
            ),
            (
                401,
                "invalid_client_id",
                "Client authentication failed",
                "client_authentication_failed",
            ),
            (
                400,
                "invalid_client_id",
                "The passed in client_id is invalid \"78x\"",
                "invalid_client_id",
            ),
            (
                401,
                "invalid_request",
                "Unable to retrieve access token: authorization code not found",
                "code_not_found",
            ),
            (400, "invalid_request", LONG, "code_mismatch"),
            (400, "invalid_redirect_uri", LONG, "code_mismatch"),
            (
                400,
                "invalid_request",
                "A required parameter \"redirect_uri\" is missing",
                "parameter_missing",
            ),
            (
                401,
                "access_denied",
                "This application is not allowed to create application tokens",
                "two_legged_denied",
            ),
            (400, "unsupported_grant_type", "no", "client_not_enabled"),
            (400, "something", "new", "token_refused"),
            (429, "throttled", "slow down", "token_rate_limited"),
            (503, "oops", "", "token_server_error"),
        ] {
            let finding = refused(status, error, description);
            assert_eq!(finding.code, code, "{status} {error} {description}");
            assert!(finding.evidence.unwrap().contains(error));
        }
        assert_eq!(
            refused(400, "x", "A required parameter \"code\" is missing").args,
            ["code"]
        );
    }

    #[test]
    fn answers_that_are_no_token() {
        assert_eq!(
            answered(200, "text/html", "<html>Sign in to the network</html>").code,
            "token_not_json"
        );
        assert_eq!(
            answered(502, "text/html", "<html>Bad gateway</html>").code,
            "token_server_error"
        );
        assert_eq!(answered(429, "text/html", "slow down").code, "token_rate_limited");
        assert_eq!(answered(200, "application/json", "{}").code, "token_malformed");
        assert_eq!(answered(200, "application/json", "[]").code, "token_malformed");
        assert_eq!(
            answered(200, "application/json", r#"{"access_token":"#).code,
            "token_not_json"
        );
    }

    #[test]
    fn a_renewal_that_failed_leaves_the_token_and_says_what_to_do() {
        const DEAD: &str = "The provided authorization grant or refresh token is invalid, expired or revoked";
        let renewal = |status: u16, error: &str, description: &str| {
            let body = serde_json::json!({"error": error, "error_description": description}).to_string();
            let response = HttpResponse {
                status,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: body.into_bytes(),
                truncated: false,
            };
            let failure = Failure::Token(parse_token_response(&response).unwrap_err());
            (
                failure.is_dead_refresh_token(),
                diagnose_renewal(
                    &failure,
                    provider::by_id("linkedin").unwrap(),
                    &[],
                    facts(Grant::RefreshToken),
                ),
            )
        };
        for (status, error, description, dead, code, fix) in [
            (
                400,
                "invalid_request",
                DEAD,
                true,
                "refresh_token_dead",
                Fix::AuthorizeAgain,
            ),
            (
                400,
                "invalid_grant",
                "",
                true,
                "refresh_token_dead",
                Fix::AuthorizeAgain,
            ),
            (
                400,
                "invalid_request",
                "A required parameter \"refresh_token\" is missing",
                false,
                "no_refresh_token",
                Fix::OpenProductsTab,
            ),
            (
                401,
                "invalid_client",
                "Client authentication failed",
                false,
                "client_authentication_failed",
                Fix::EditProfile,
            ),
            (503, "oops", "", false, "renewal_failed", Fix::Renew),
            (429, "throttled", "", false, "renewal_failed", Fix::Renew),
        ] {
            let (is_dead, finding) = renewal(status, error, description);
            assert_eq!(
                (is_dead, finding.code.as_str(), finding.fix),
                (dead, code, fix),
                "{error} {description}"
            );
            assert!(finding.evidence.unwrap().contains(error));
        }
        let timeout = Failure::Transport(TransportError::Timeout);
        let finding = diagnose_renewal(
            &timeout,
            provider::by_id("linkedin").unwrap(),
            &[],
            facts(Grant::RefreshToken),
        );
        assert_eq!(
            (finding.code.as_str(), finding.args, finding.evidence),
            (RENEWAL_FAILED, vec!["token_timeout".to_owned()], None)
        );
    }

    #[test]
    fn a_refused_permission_names_the_hosts() {
        let finding = of(&Failure::PermissionRefused);
        assert_eq!(
            (finding.args, finding.fix),
            (vec!["www.linkedin.com, localhost".to_owned()], Fix::AllowAccess)
        );
    }
}
