//! Evidence to findings: what happened, why, what to change.
//!
//! A finding names its texts (`finding_<code>_what`, `_why`, `_fix` in `_locales`) and the one button that helps. The
//! words of LinkedIn's answers are matched as data, one row a symptom (linkedin.md sections 3, 4 and 10).

mod answers;
mod failure;

use serde::{Deserialize, Serialize};

use crate::oauth::redirect::{AuthorizationError, RedirectError};
use crate::oauth::token::TokenError;
use crate::provider::{Provider, ScopeStatus};

pub use failure::{Failure, Needed, TransportError};

use answers::{AUTHORIZATION_ANSWERS, Answer, Argument, TOKEN_ANSWERS};

/// The button of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fix {
    /// Start again.
    AuthorizeAgain,
    /// Ask the browser for the hosts again.
    AllowAccess,
    /// Open the profile's form.
    EditProfile,
}

/// One result of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Explains why a flow ended without a token.
#[must_use]
pub fn diagnose(failure: &Failure, provider: &Provider, hosts: &[String]) -> Finding {
    match failure {
        Failure::PermissionRefused => with("permission_refused", vec![hosts.join(", ")], Fix::AllowAccess),
        Failure::PermissionRemoved => with("permission_removed", vec![hosts.join(", ")], Fix::AllowAccess),
        Failure::TabClosed => plain("tab_closed"),
        Failure::Cancelled => plain("cancelled"),
        Failure::TimedOut => plain("timed_out"),
        Failure::Interrupted => plain("interrupted"),
        Failure::OutcomeUnknown => plain("outcome_unknown"),
        Failure::TooManyFlows => plain("too_many_flows"),
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
        Some((product, ScopeStatus::Current)) => with("unauthorized_scope", vec![scope, product.to_owned()], Fix::EditProfile),
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
