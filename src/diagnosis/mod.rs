//! Evidence to findings: what happened, why, what to change.
//!
//! A finding names its texts (`finding_<code>_what`, `_why`, `_fix` in `_locales`) and the one button that helps. The
//! words of LinkedIn's answers are matched as data, one row a symptom (linkedin.md sections 3, 4 and 10).

mod answers;
mod failure;

use crate::oauth::redirect::{AuthorizationError, RedirectError};
use crate::oauth::token::TokenError;
use crate::plain::record;
use crate::provider::{Provider, ScopeStatus};

pub use failure::{Failure, Needed, TransportError};

use answers::{AUTHORIZATION_ANSWERS, Answer, Argument, TOKEN_ANSWERS};

/// The button of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Start again.
    AuthorizeAgain,
    /// Ask the browser for the hosts again.
    AllowAccess,
    /// Open the profile's form.
    EditProfile,
    /// Renew once more.
    Renew,
}
record!(
    enum Fix {
        AuthorizeAgain,
        AllowAccess,
        EditProfile,
        Renew,
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

/// Explains why a flow ended without a token.
#[must_use]
pub fn diagnose(failure: &Failure, provider: &Provider, hosts: &[String]) -> Finding {
    match failure {
        Failure::PermissionRefused => with("permission_refused", vec![list(hosts)], Fix::AllowAccess),
        Failure::PermissionRemoved => with("permission_removed", vec![list(hosts)], Fix::AllowAccess),
        Failure::TabClosed => plain("tab_closed"),
        Failure::Cancelled => plain("cancelled"),
        Failure::TimedOut => plain("timed_out"),
        Failure::Interrupted => plain("interrupted"),
        Failure::OutcomeUnknown => plain("outcome_unknown"),
        Failure::TooManyFlows => plain("too_many_flows"),
        Failure::NoRefreshToken => plain("renewal_dead"),
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
        Failure::Redirect(error) => redirect(error, provider),
        Failure::Transport(error) => transport(error),
        Failure::Token(error) => token(error),
    }
}

/// Explains why a renewal brought no token. The one that was to be renewed is untouched.
#[must_use]
pub fn diagnose_renewal(failure: &Failure, provider: &Provider, hosts: &[String]) -> Finding {
    let finding = diagnose(failure, provider, hosts);
    if failure.is_dead_refresh_token() {
        return Finding {
            evidence: finding.evidence,
            ..plain("renewal_dead")
        };
    }
    if finding.fix != Fix::AuthorizeAgain {
        return finding;
    }
    // Which of the many ways to get no answer it was, is for the evidence: what to do is always the same.
    let mut evidence = finding.code;
    if let Some(words) = finding.evidence {
        evidence.push('\n');
        evidence.push_str(&words);
    }
    Finding {
        evidence: Some(evidence),
        ..with("renewal_failed", Vec::new(), Fix::Renew)
    }
}

fn list(hosts: &[String]) -> String {
    hosts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
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
            vec![expected.clone(), got.clone()],
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
    let description = error.error_description.as_deref().unwrap_or_default();
    let evidence = Some(words(&error.error, description));
    if error.error == "unauthorized_scope_error" {
        return Finding {
            evidence,
            ..unauthorized_scope(description, provider)
        };
    }
    let answer = Answer::find(AUTHORIZATION_ANSWERS, 0, &error.error, description);
    Finding {
        evidence,
        ..finding(answer, "authorization_error", &error.error, description, None)
    }
}

/// LinkedIn refuses the whole request for one scope and names it in quotes (linkedin.md section 3).
fn unauthorized_scope(description: &str, provider: &Provider) -> Finding {
    let scope = quoted(description).unwrap_or_default();
    let known = provider.scopes.iter().find(|info| info.name == scope);
    match known.map(|info| (info.product, info.status)) {
        Some((_, ScopeStatus::Legacy { successor })) => with(
            "unauthorized_scope_legacy",
            vec![scope, successor.to_owned()],
            Fix::EditProfile,
        ),
        Some((_, ScopeStatus::Closed)) => with("unauthorized_scope_closed", vec![scope], Fix::EditProfile),
        Some((product, ScopeStatus::Current)) => {
            with("unauthorized_scope", vec![scope, product.to_owned()], Fix::EditProfile)
        }
        None => with("unauthorized_scope_unknown", vec![scope], Fix::EditProfile),
    }
}

fn transport(error: &TransportError) -> Finding {
    match error {
        TransportError::Timeout => plain("token_timeout"),
        TransportError::Redirected => plain("token_redirected"),
        TransportError::TooLarge => plain("token_too_large"),
        TransportError::Cut => plain("token_cut"),
        TransportError::Unreachable { message } => Finding {
            evidence: Some(message.clone()),
            ..plain("token_unreachable")
        },
    }
}

fn token(error: &TokenError) -> Finding {
    match error {
        TokenError::Refused {
            status,
            error,
            error_description,
            ..
        } => {
            let description = error_description.as_deref().unwrap_or_default();
            let answer = Answer::find(TOKEN_ANSWERS, *status, error, description);
            Finding {
                evidence: Some(format!("HTTP {status} {}", words(error, description))),
                ..finding(answer, "token_refused", error, description, Some(*status))
            }
        }
        TokenError::NotJson {
            status,
            content_type,
            excerpt,
        } => Finding {
            evidence: Some(format!(
                "HTTP {status} {}\n{excerpt}",
                content_type.as_deref().unwrap_or_default()
            )),
            ..by_status(*status)
                .unwrap_or_else(|| with("token_not_json", vec![status.to_string()], Fix::AuthorizeAgain))
        },
        TokenError::Status { status, excerpt } => Finding {
            evidence: Some(format!("HTTP {status}\n{excerpt}")),
            ..by_status(*status)
                .unwrap_or_else(|| with("token_malformed", vec![format!("HTTP {status}")], Fix::AuthorizeAgain))
        },
        TokenError::TooLarge => plain("token_too_large"),
        TokenError::Truncated => plain("token_cut"),
        other => with("token_malformed", vec![other.to_string()], Fix::AuthorizeAgain),
    }
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

fn finding(
    answer: Option<&Answer>,
    otherwise: &'static str,
    error: &str,
    description: &str,
    status: Option<u16>,
) -> Finding {
    let Some(answer) = answer else {
        return status.and_then(by_status).unwrap_or_else(|| {
            with(
                otherwise,
                vec![error.to_owned(), description.to_owned()],
                Fix::AuthorizeAgain,
            )
        });
    };
    let args = match answer.argument {
        Argument::None => Vec::new(),
        Argument::Quoted => quoted(description).into_iter().collect(),
    };
    with(answer.finding, args, answer.fix)
}

/// The first text in double quotes.
fn quoted(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('"')?;
    rest.split_once('"').map(|(inside, _)| inside.to_owned())
}

fn words(error: &str, description: &str) -> String {
    if description.is_empty() {
        error.to_owned()
    } else {
        format!("{error}: {description}")
    }
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
        )
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
                "server_error",
                "later".to_owned(),
                "authorization_error",
                vec!["server_error", "later"],
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
            (400, "unsupported_grant_type", "no", "token_refused"),
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
                diagnose_renewal(&failure, provider::by_id("linkedin").unwrap(), &[]),
            )
        };
        for (status, error, description, dead, code, fix) in [
            (400, "invalid_request", DEAD, true, "renewal_dead", Fix::AuthorizeAgain),
            (400, "invalid_grant", "", true, "renewal_dead", Fix::AuthorizeAgain),
            (
                400,
                "invalid_request",
                "A required parameter \"refresh_token\" is missing",
                false,
                "parameter_missing",
                Fix::EditProfile,
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
        let finding = diagnose_renewal(&timeout, provider::by_id("linkedin").unwrap(), &[]);
        assert_eq!(
            (finding.code.as_str(), finding.evidence.as_deref()),
            ("renewal_failed", Some("token_timeout"))
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

    #[test]
    fn quotes() {
        assert_eq!(quoted("a \"b\" c"), Some("b".to_owned()));
        assert_eq!(quoted("a \"b c"), None);
        assert_eq!(quoted("a"), None);
    }
}
