//! The words of known answers, one row a symptom.

use super::{Finding, Fix, NOT_REGISTERED, with};

/// What follows where the words were no words: the name of a parameter, in a request that stands in the same log, or the
/// beginning of another name.
fn is_name(after: &str) -> bool {
    ["=", "%3D", "\":", "':", "_verifier", " verifier"]
        .iter()
        .any(|begin| after.starts_with(begin))
}

/// Cuts what stands in the placeholder of a finding's texts out of a description. A pointer, so that a module without the
/// REST API's table goes without its cutters.
type Argument = fn(&str) -> Option<&str>;

/// How much an answer of the REST API says by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// All of it.
    Certain,
    /// Something about the token: its age matters.
    Token,
    /// Something about permissions: age and scopes of the token matter.
    Permission,
}

/// A known answer. An empty field matches anything.
pub(super) struct Answer {
    /// HTTP status; 0 for any.
    status: u16,
    /// `error`, or `code` of the REST API, whole.
    error: &'static str,
    /// A part of `error_description`, or of `message` of the REST API.
    contains: &'static str,
    /// The finding.
    pub(super) finding: &'static str,
    /// Its placeholder.
    argument: Argument,
    /// The finding where an answer leaves out what stands in the placeholder.
    unnamed: &'static str,
    /// What else decides.
    pub(super) cause: Cause,
    /// Its button.
    fix: Fix,
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

    /// The first row whose words stand somewhere in a text, and the text from them on: what stands before them belongs to
    /// something else. A row that goes by the status alone has no words.
    pub(super) fn mentioned<'a, 't>(rows: &'a [Self], text: &'t str) -> Option<(&'a Self, &'t str)> {
        rows.iter().find_map(|row| {
            let words = if row.contains.is_empty() {
                row.error
            } else {
                row.contains
            };
            let mut places = text.match_indices(words).filter(|_| !words.is_empty());
            let (at, _) = places.find(|(at, words)| !is_name(&text[at + words.len()..]))?;
            Some((row, &text[at..]))
        })
    }

    /// The finding of this row.
    pub(super) fn explain(&self, description: &str) -> Finding {
        let argument = (self.argument)(description);
        let code = if argument.is_some() { self.finding } else { self.unnamed };
        with(
            code,
            argument.into_iter().map(str::to_owned).collect(),
            self.fix.clone(),
        )
    }

    const fn with(mut self, argument: Argument, unnamed: &'static str) -> Self {
        self.argument = argument;
        self.unnamed = unnamed;
        self
    }

    const fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }
}

fn none(_: &str) -> Option<&str> {
    None
}

/// The first number.
fn number(text: &str) -> Option<&str> {
    run(text, |c| c.is_ascii_digit(), |c| c.is_ascii_digit())
}

/// The first path, such as `/memberId`.
fn path(text: &str) -> Option<&str> {
    run(text, |c| c == '/', |c| !c.is_whitespace() && c != ']')
}

/// What a 403 names: `ugcPosts.CREATE.NO_VERSION`, or `GET /me` in older answers (linkedin.md section 8).
pub(super) fn operation(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("to access: ")?;
    rest.split(['"', '\n', ','])
        .next()
        .filter(|operation| !operation.is_empty())
}

/// The first text in double quotes.
fn quoted(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('"')?;
    rest.split_once('"').map(|(inside, _)| inside)
}

/// The scope in LinkedIn's words `Scope "r_liteprofile" is not authorized for your application`.
pub(super) fn scope(text: &str) -> Option<&str> {
    quoted(&text[text.find("Scope \"")?..]).filter(|scope| !scope.is_empty())
}

/// The first run of characters that begins so and goes on so.
fn run(text: &str, begins: fn(char) -> bool, goes_on: fn(char) -> bool) -> Option<&str> {
    let rest = &text[text.find(begins)?..];
    Some(&rest[..rest.find(|c| !goes_on(c)).unwrap_or(rest.len())])
}

const fn row(error: &'static str, contains: &'static str, finding: &'static str, fix: Fix) -> Answer {
    rest_row(0, error, contains, finding, fix)
}

const fn row_quoted(error: &'static str, contains: &'static str, finding: &'static str, fix: Fix) -> Answer {
    rest_row(0, error, contains, finding, fix).with(quoted, finding)
}

const fn rest_row(status: u16, error: &'static str, contains: &'static str, finding: &'static str, fix: Fix) -> Answer {
    Answer {
        status,
        error,
        contains,
        finding,
        argument: none,
        unnamed: finding,
        cause: Cause::Certain,
        fix,
    }
}

/// Errors of the authorization endpoint, redirected back (linkedin.md section 3, RFC 6749 section 4.1.2.1).
pub(super) static AUTHORIZATION_ANSWERS: &[Answer] = &[
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
    row("invalid_scope", "", "scope_refused", Fix::EditProfile),
    row("invalid_scope_error", "", "scope_refused", Fix::EditProfile),
    row("unauthorized_client", "", "client_not_enabled", Fix::EditProfile),
    row("unsupported_response_type", "", "client_not_enabled", Fix::EditProfile),
];

/// Errors of the token endpoint (linkedin.md section 4, RFC 6749 section 5.2).
pub(super) static TOKEN_ANSWERS: &[Answer] = &[
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
    row("invalid_grant", "", "code_mismatch", Fix::AuthorizeAgain),
    row_quoted("", "A required parameter \"", "parameter_missing", Fix::EditProfile),
    row(
        "access_denied",
        "application tokens",
        "two_legged_denied",
        Fix::EditProfile,
    ),
    row("unsupported_grant_type", "", "client_not_enabled", Fix::EditProfile),
    row("unauthorized_client", "", "client_not_enabled", Fix::EditProfile),
    row("invalid_scope", "", "scope_refused", Fix::EditProfile),
];

/// What either of the two endpoints says of its own server (linkedin.md section 3, RFC 6749 section 4.1.2.1). Other servers'
/// errors are named so too, so this is never looked for in a text.
pub(super) static SERVER_ANSWERS: &[Answer] = &[
    row("server_error", "", "server_unavailable", Fix::AuthorizeAgain),
    row("temporarily_unavailable", "", "server_unavailable", Fix::AuthorizeAgain),
];

/// What the token endpoint says of a refresh token; everything else is as for a code (linkedin.md section 5).
pub(super) static REFRESH_ANSWERS: &[Answer] = &[
    row(
        "",
        "refresh token is invalid, expired or revoked",
        "refresh_token_dead",
        Fix::AuthorizeAgain,
    ),
    row("invalid_grant", "", "refresh_token_dead", Fix::AuthorizeAgain),
    row(
        "",
        "A required parameter \"refresh_token\"",
        "no_refresh_token",
        Fix::OpenProductsTab,
    ),
];

/// Errors of the introspection endpoint (linkedin.md section 6), after those of the token endpoint.
pub(super) static INTROSPECTION_ANSWERS: &[Answer] = &[
    rest_row(400, "", "", "introspection_refused", Fix::EditProfile),
    rest_row(401, "", "", "client_authentication_failed", Fix::EditProfile),
];

/// What LinkedIn's own page says instead of redirecting (linkedin.md section 3), and what other people's libraries say of
/// LinkedIn's answers (linkedin.md section 10). An initial is left out where its case varies.
pub(super) static WORDS: &[Answer] = &[
    row("", "redirect_uri does not match", NOT_REGISTERED, Fix::CopyRedirectUri),
    row("", "nvalid redirect_uri", NOT_REGISTERED, Fix::CopyRedirectUri),
    row("", "Access-Control-Allow-Origin", "page_cors", Fix::ChangeRequest),
    row("", "Cross-Origin Request Blocked", "page_cors", Fix::ChangeRequest),
    row("", "rong issuer", "library_issuer", Fix::ChangeRequest),
    row("", "nvalid issuer", "library_issuer", Fix::ChangeRequest),
    row("", "unexpected iss value", "library_issuer", Fix::ChangeRequest),
    row("", "unexpected \"iss\" claim", "library_issuer", Fix::ChangeRequest),
    row("", "unexpected JWT \"iss\"", "library_issuer", Fix::ChangeRequest),
    row("", "id token is invalid", "library_id_token", Fix::ChangeRequest),
    row("", "Scope has changed", "library_scopes", Fix::ChangeRequest),
    row("", "scope_mismatch_error", "library_scopes", Fix::ChangeRequest),
    row("", "nvalid state", "library_callback", Fix::ChangeRequest),
    row("", "issing code", "library_callback", Fix::ChangeRequest),
];

/// Words that stand in many a log: they count where nothing else is known (linkedin.md section 10, row 21).
pub(super) static LAST_WORDS: &[Answer] = &[row("", "nonce", "library_nonce", Fix::ChangeRequest)];

/// Errors of the REST API (linkedin.md section 8). The rows of a status alone come last: they are the nearest finding of
/// an answer that nobody has described.
pub(super) static REST_ANSWERS: &[Answer] = &[
    row("EXPIRED_ACCESS_TOKEN", "", "token_expired", Fix::Renew),
    rest_row(401, "", "has expired", "token_expired", Fix::Renew),
    row("REVOKED_ACCESS_TOKEN", "", "token_revoked", Fix::AuthorizeAgain).because(Cause::Token),
    rest_row(401, "", "has been revoked", "token_revoked", Fix::AuthorizeAgain).because(Cause::Token),
    row("EMPTY_ACCESS_TOKEN", "", "token_absent", Fix::CopyToken),
    rest_row(401, "", "Empty oauth2", "token_absent", Fix::CopyToken),
    rest_row(401, "", "authentication schema", "authorization_scheme", Fix::CopyToken),
    row("INVALID_ACCESS_TOKEN", "", "token_invalid", Fix::CopyToken).because(Cause::Token),
    rest_row(403, "", "Unpermitted fields", "fields_unpermitted", Fix::ChangeRequest)
        .with(path, "fields_unpermitted_unnamed"),
    row("VERSION_MISSING", "", "version_missing", Fix::ChangeRequest),
    rest_row(
        400,
        "",
        "version must be present",
        "version_missing",
        Fix::ChangeRequest,
    ),
    row("", "Requested version ", "version_dead", Fix::ChangeRequest).with(number, "version_dead_unnamed"),
    row("NONEXISTENT_VERSION", "", "version_dead", Fix::ChangeRequest).with(number, "version_dead_unnamed"),
    rest_row(426, "", "", "version_dead", Fix::ChangeRequest).with(number, "version_dead_unnamed"),
    rest_row(
        429,
        "",
        "limit exceeded for member",
        "member_throttled",
        Fix::CheckLater,
    ),
    rest_row(429, "", "", "api_throttled", Fix::CheckLater),
    row("RESOURCE_NOT_FOUND", "", "resource_unknown", Fix::ChangeRequest),
    row("", "No virtual resource found", "resource_unknown", Fix::ChangeRequest),
    row("", "Not enough permissions", "api_access_denied", Fix::OpenProductsTab)
        .with(operation, "api_access_denied_unnamed")
        .because(Cause::Permission),
    row("", "Invalid access token", "token_invalid", Fix::CopyToken).because(Cause::Token),
    row("", "throttle limit", "api_throttled", Fix::CheckLater),
    rest_row(401, "", "", "token_invalid", Fix::CopyToken).because(Cause::Token),
    rest_row(403, "", "", "api_access_denied", Fix::OpenProductsTab)
        .with(operation, "api_access_denied_unnamed")
        .because(Cause::Permission),
    rest_row(404, "", "", "resource_unknown", Fix::ChangeRequest),
    rest_row(405, "", "", "method_refused", Fix::ChangeRequest),
    rest_row(411, "", "", "length_missing", Fix::ChangeRequest),
    rest_row(414, "", "", "url_too_long", Fix::ChangeRequest),
    rest_row(422, "", "", "body_refused", Fix::ChangeRequest).with(path, "body_refused_unnamed"),
    rest_row(504, "", "", "api_timeout", Fix::CheckLater),
    rest_row(400, "", "", "api_bad_request", Fix::ChangeRequest),
];

/// The numbers of `serviceErrorCode` where an answer has no `code` (linkedin.md section 8).
pub(super) static SERVICE_ERRORS: [(i64, &str); 4] = [
    (65_600, "INVALID_ACCESS_TOKEN"),
    (65_601, "REVOKED_ACCESS_TOKEN"),
    (65_602, "EXPIRED_ACCESS_TOKEN"),
    (65_604, "EMPTY_ACCESS_TOKEN"),
];

/// Resources of the REST API and the scopes that open them: one of the list is enough (linkedin.md sections 7, 8, 10).
pub(super) static RESOURCES: [(&str, &[&str]); 7] = [
    ("userinfo", &["openid"]),
    ("me", &["r_basicprofile", "r_liteprofile"]),
    ("partnerApiMe", &["r_basicprofile", "r_liteprofile"]),
    ("ugcPosts", &["w_member_social", "w_organization_social"]),
    ("partnerApiPosts", &["w_member_social", "w_organization_social"]),
    ("partnerApiPostsExternal", &["w_member_social", "w_organization_social"]),
    (
        "partnerApiOrganizationAcls",
        &["rw_organization_admin", "r_organization_admin"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_stands_behind_one_that_takes_its_answers() {
        for rows in [
            AUTHORIZATION_ANSWERS,
            TOKEN_ANSWERS,
            REFRESH_ANSWERS,
            INTROSPECTION_ANSWERS,
            SERVER_ANSWERS,
            WORDS,
            REST_ANSWERS,
            LAST_WORDS,
        ] {
            for row in rows {
                let found = Answer::find(rows, row.status, row.error, row.contains);
                assert!(found.is_some_and(|found| std::ptr::eq(found, row)), "{}", row.finding);
            }
        }
    }

    #[test]
    fn details_of_an_answer() {
        assert_eq!(quoted("a \"b\" c"), Some("b"));
        assert_eq!(quoted("a \"b c"), None);
        assert_eq!(quoted("a"), None);
        assert_eq!(scope("\"a\": \"Scope \"b\" is not"), Some("b"));
        assert_eq!(scope("Scope \"\" is not"), None);
        assert_eq!(scope("\"a\""), None);
        assert_eq!(operation("Not enough permissions to access: GET /me"), Some("GET /me"));
        assert_eq!(operation("no"), None);
        assert_eq!(operation("to access: "), None);
        assert_eq!(run("fields [/a/b] x", |c| c == '/', |c| c != ']'), Some("/a/b"));
        assert_eq!(run("version 2024", |c| c == '2', |c| c.is_ascii_digit()), Some("2024"));
        assert_eq!(run("", |c| c == '/', |_| true), None);
    }
}
