//! The words of known answers, one row a symptom.

use super::Fix;

/// What stands in the placeholders of a finding's texts.
pub(super) enum Argument {
    /// Nothing.
    None,
    /// What the description has in double quotes.
    Quoted,
}

/// A known answer. An empty field matches anything.
pub(super) struct Answer {
    /// HTTP status; 0 for any.
    status: u16,
    /// `error`, whole.
    error: &'static str,
    /// A part of `error_description`.
    contains: &'static str,
    /// The finding.
    pub(super) finding: &'static str,
    /// Its placeholders.
    pub(super) argument: Argument,
    /// Its button.
    pub(super) fix: Fix,
}

impl Answer {
    /// The first row that fits.
    pub(super) fn find<'a>(rows: &'a [Self], status: u16, error: &str, description: &str) -> Option<&'a Self> {
        rows.iter().find(|row| {
            (row.status == 0 || row.status == status)
                && (row.error.is_empty() || row.error == error)
                && description.contains(row.contains)
        })
    }
}

const fn row(error: &'static str, contains: &'static str, finding: &'static str, fix: Fix) -> Answer {
    Answer {
        status: 0,
        error,
        contains,
        finding,
        argument: Argument::None,
        fix,
    }
}

const fn row_quoted(error: &'static str, contains: &'static str, finding: &'static str, fix: Fix) -> Answer {
    Answer {
        status: 0,
        error,
        contains,
        finding,
        argument: Argument::Quoted,
        fix,
    }
}

/// Errors of the authorization endpoint, redirected back (linkedin.md section 3, RFC 6749 section 4.1.2.1).
pub(super) const AUTHORIZATION_ANSWERS: &[Answer] = &[
    row("user_cancelled_login", "", "user_cancelled_login", Fix::AuthorizeAgain),
    row(
        "user_cancelled_authorize",
        "",
        "user_cancelled_authorize",
        Fix::AuthorizeAgain,
    ),
    row("access_denied", "", "access_denied", Fix::AuthorizeAgain),
    row(
        "invalid_request",
        "\"scope\" parameter",
        "scope_missing",
        Fix::EditProfile,
    ),
];

/// Errors of the token endpoint (linkedin.md section 4, RFC 6749 section 5.2).
pub(super) const TOKEN_ANSWERS: &[Answer] = &[
    row_quoted(
        "",
        "The passed in client_id is invalid",
        "invalid_client_id",
        Fix::EditProfile,
    ),
    row(
        "",
        "Client authentication failed",
        "client_authentication_failed",
        Fix::EditProfile,
    ),
    row("invalid_client", "", "client_authentication_failed", Fix::EditProfile),
    row(
        "",
        "authorization code not found",
        "code_not_found",
        Fix::AuthorizeAgain,
    ),
    row(
        "",
        "appid/redirect uri/code verifier",
        "code_mismatch",
        Fix::AuthorizeAgain,
    ),
    row("invalid_redirect_uri", "", "code_mismatch", Fix::AuthorizeAgain),
    row_quoted("", "A required parameter", "parameter_missing", Fix::EditProfile),
    row(
        "access_denied",
        "application tokens",
        "two_legged_denied",
        Fix::AuthorizeAgain,
    ),
];
