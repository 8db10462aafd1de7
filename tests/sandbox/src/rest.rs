//! api.linkedin.com: bearer tokens, a few resources, and the errors of linkedin.md section 8.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::http::{Reply, Request};
use crate::oidc;
use crate::random;
use crate::state::{Member, PERMISSION_CACHE, Scopes, State, Status, TokenKind};

/// URLs longer than this get 414.
const URL_LIMIT: usize = 8192;
/// Queries longer than this get 414.
const QUERY_LIMIT: usize = 4096;
/// Comments of one member are throttled within this time.
const COMMENT_INTERVAL: i64 = 60;

/// The holder of a bearer token.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) client_id: &'a str,
    /// None: an application token.
    pub(crate) member: Option<&'a Member>,
    pub(crate) scopes: Scopes,
}

/// One method of one resource.
struct Resource {
    /// Whether it stands under `/rest/`, with a version, or under `/v2/`.
    versioned: bool,
    /// Segments of the path after the base; `*` is any one segment.
    path: &'static [&'static str],
    method: Method,
    /// As the permission error spells it.
    permission: &'static str,
    /// All of the scopes of one of these sets.
    scopes: &'static [&'static [&'static str]],
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    UserInfo,
    Me,
    /// A list, which is empty here.
    Finder,
    /// Creating a post with these fields in its body.
    Post(&'static [&'static str]),
    Comment,
}

const MEMBER_POST: &[&[&str]] = &[&["w_member_social"]];
const ANY_POST: &[&[&str]] = &[&["w_member_social"], &["w_organization_social"]];
const BASIC_PROFILE: &[&[&str]] = &[&["r_liteprofile"], &["r_basicprofile"]];
const ORGANIZATION_ADMIN: &[&[&str]] = &[&["r_organization_admin"], &["rw_organization_admin"]];
const UGC_POST_FIELDS: &[&str] = &["author", "lifecycleState", "specificContent", "visibility"];
const POST_FIELDS: &[&str] = &[
    "author",
    "commentary",
    "content",
    "distribution",
    "isReshareDisabledByAuthor",
    "lifecycleState",
    "visibility",
];

const RESOURCES: &[Resource] = &[
    Resource {
        versioned: false,
        path: &["userinfo"],
        method: Method::GET,
        permission: "userinfo.GET",
        scopes: &[&["openid", "profile"]],
        action: Action::UserInfo,
    },
    Resource {
        versioned: false,
        path: &["me"],
        method: Method::GET,
        permission: "me.GET",
        scopes: BASIC_PROFILE,
        action: Action::Me,
    },
    Resource {
        versioned: false,
        path: &["ugcPosts"],
        method: Method::POST,
        permission: "ugcPosts.CREATE",
        scopes: MEMBER_POST,
        action: Action::Post(UGC_POST_FIELDS),
    },
    Resource {
        versioned: false,
        path: &["socialActions", "*", "comments"],
        method: Method::POST,
        permission: "socialActions.CREATE",
        scopes: MEMBER_POST,
        action: Action::Comment,
    },
    Resource {
        versioned: true,
        path: &["me"],
        method: Method::GET,
        permission: "partnerApiMe.GET",
        scopes: BASIC_PROFILE,
        action: Action::Me,
    },
    Resource {
        versioned: true,
        path: &["posts"],
        method: Method::POST,
        permission: "partnerApiPostsExternal.CREATE",
        scopes: ANY_POST,
        action: Action::Post(POST_FIELDS),
    },
    Resource {
        versioned: true,
        path: &["organizationAcls"],
        method: Method::GET,
        permission: "partnerApiOrganizationAcls.FINDER-roleAssignee",
        scopes: ORGANIZATION_ADMIN,
        action: Action::Finder,
    },
    Resource {
        versioned: true,
        path: &["socialActions", "*", "comments"],
        method: Method::POST,
        permission: "partnerApiSocialActions.CREATE",
        scopes: ANY_POST,
        action: Action::Comment,
    },
];

/// Any request to api.linkedin.com.
pub(crate) fn api(state: &mut State, request: &Request) -> Reply {
    let reply = match answer(state, request) {
        Ok(reply) | Err(reply) => reply,
    };
    // What LinkedIn's support asks for.
    reply
        .with("x-li-fabric", "prod-sandbox")
        .with("x-li-request-id", &random::uuid())
        .with("x-li-uuid", &random::uuid())
}

/// The gateway's checks, then the token, then the resource. Only the texts are known, not this order.
fn answer(state: &mut State, request: &Request) -> Result<Reply, Reply> {
    if request.target().len() > URL_LIMIT || request.raw_query.len() > QUERY_LIMIT {
        return Err(plain(StatusCode::URI_TOO_LONG, "Request URI is too long"));
    }
    let has_length = ["content-length", "transfer-encoding"]
        .iter()
        .any(|name| request.headers.contains_key(*name));
    if request.method == Method::POST && !has_length {
        return Err(plain(StatusCode::LENGTH_REQUIRED, "Content-Length is required"));
    }
    let (versioned, path) = match request.path.split_once('/').map(|(_, path)| path.split_once('/')) {
        Some(Some(("v2", path))) => (false, path),
        Some(Some(("rest", path))) => (true, path),
        _ => return Err(no_such_resource()),
    };
    let caller = caller(state, request)?;
    if state.quirks.throttle {
        return Err(throttled());
    }
    let version = if versioned {
        Some(version(state, request)?)
    } else {
        None
    };
    let segments: Vec<&str> = path.split('/').collect();
    let at_path = || {
        RESOURCES
            .iter()
            .filter(|one| one.versioned == versioned && matches(one.path, &segments))
    };
    if at_path().next().is_none() {
        return Err(no_such_resource());
    }
    let resource = at_path().find(|one| one.method == request.method).ok_or_else(|| {
        plain(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("{} is not supported for this resource", request.method),
        )
    })?;
    let allowed = resource
        .scopes
        .iter()
        .any(|set| set.iter().all(|scope| caller.scopes.has(scope)));
    let Some(member) = caller.member.filter(|_| allowed) else {
        return Err(no_permission(state, request, resource, version.as_deref()));
    };
    match resource.action {
        Action::UserInfo => Ok(Reply::json(StatusCode::OK, &oidc::userinfo(&caller, member))),
        Action::Me => Ok(Reply::json(
            StatusCode::OK,
            &json!({
                "id": oidc::subject(caller.client_id, member),
                "localizedFirstName": member.given_name,
                "localizedLastName": member.family_name,
            }),
        )),
        Action::Finder => Ok(Reply::json(
            StatusCode::OK,
            &json!({"paging": {"start": 0, "count": 10, "links": []}, "elements": []}),
        )),
        Action::Post(fields) => create_post(request, fields, &oidc::subject(caller.client_id, member)),
        Action::Comment => {
            let username = member.username.clone();
            comment(state, username)
        }
    }
}

fn matches(pattern: &[&str], segments: &[&str]) -> bool {
    pattern.len() == segments.len()
        && pattern
            .iter()
            .zip(segments)
            .all(|(pattern, segment)| *pattern == "*" || pattern == segment)
}

/// An error of the usual envelope, `{status, serviceErrorCode?, code?, message}`.
fn error(status: StatusCode, service_error_code: Option<u32>, code: Option<&str>, message: &str) -> Reply {
    let mut body = Map::new();
    body.insert("status".to_owned(), json!(status.as_u16()));
    if let Some(number) = service_error_code {
        body.insert("serviceErrorCode".to_owned(), json!(number));
    }
    if let Some(code) = code {
        body.insert("code".to_owned(), json!(code));
    }
    body.insert("message".to_owned(), json!(message));
    Reply::json(status, &Value::Object(body))
}

/// An error of the body with two fields.
fn plain(status: StatusCode, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message, "status": status.as_u16()}))
}

fn no_such_resource() -> Reply {
    error(
        StatusCode::NOT_FOUND,
        None,
        Some("RESOURCE_NOT_FOUND"),
        "No virtual resource found",
    )
}

/// The daily limit of the app or the member: no `Retry-After`, no rate-limit headers.
pub(crate) fn throttled() -> Reply {
    let message = "Resource level throttle limit for calls to this resource is reached.";
    let status = StatusCode::TOO_MANY_REQUESTS;
    Reply::json(
        status,
        &json!({"serviceErrorCode": 101, "message": message, "status": status.as_u16()}),
    )
}

/// Checks the bearer token.
fn caller<'a>(state: &'a State, request: &Request) -> Result<Caller<'a>, Reply> {
    let unauthorized = |number, code, message| error(StatusCode::UNAUTHORIZED, Some(number), Some(code), message);
    let header = request.header("authorization").unwrap_or_default().trim();
    let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
    if header.is_empty() || (scheme.eq_ignore_ascii_case("bearer") && value.trim().is_empty()) {
        return Err(if state.quirks.empty_token_is_65604 {
            unauthorized(65604, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token")
        } else {
            let message = "Empty oauth2_access_token";
            let body = json!({"message": message, "serviceErrorCode": 401, "status": 401});
            Reply::json(StatusCode::UNAUTHORIZED, &body)
        });
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        // Its numbers are not known.
        return Err(error(
            StatusCode::UNAUTHORIZED,
            None,
            None,
            "Unknown authentication schema",
        ));
    }
    let now = state.now();
    let revoked = || {
        unauthorized(
            65601,
            "REVOKED_ACCESS_TOKEN",
            "The token used in the request has been revoked by the user",
        )
    };
    let token = state
        .token(value.trim())
        .filter(|token| token.kind == TokenKind::Access)
        .ok_or_else(|| unauthorized(65600, "INVALID_ACCESS_TOKEN", "Invalid access token"))?;
    match token.status(now) {
        Status::Revoked => return Err(revoked()),
        Status::Expired => {
            let message = "The token used in the request has expired";
            return Err(unauthorized(65602, "EXPIRED_ACCESS_TOKEN", message));
        }
        Status::Active => {}
    }
    if now < token.created_at + state.quirks.slow_activation_seconds {
        return Err(revoked());
    }
    let cached = state.quirks.cache5min && now < token.created_at + PERMISSION_CACHE;
    let scopes = token.former_scopes.as_ref().filter(|_| cached).unwrap_or(&token.scopes);
    Ok(Caller {
        client_id: &token.client_id,
        member: token.member.as_ref().and_then(|username| state.members.get(username)),
        scopes: scopes.clone(),
    })
}

/// Checks `LinkedIn-Version`; returns it as errors spell it, `YYYYMM01`.
fn version(state: &State, request: &Request) -> Result<String, Reply> {
    let Some(version) = request
        .header("linkedin-version")
        .map(str::trim)
        .filter(|version| !version.is_empty())
    else {
        let message = "A version must be present. Please specify a version by adding the LinkedIn-Version header.";
        return Err(error(StatusCode::BAD_REQUEST, None, Some("VERSION_MISSING"), message)
            .with("x-restli-gateway-error", "true"));
    };
    // `YYYYMM`, and the longer forms `YYYYMMDD` and `YYYYMM.RR`.
    let month = version
        .get(..6)
        .filter(|month| month.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(version);
    let shown = format!("{month}01");
    if active_months(state.now()).any(|active| active == month) {
        Ok(shown)
    } else {
        let message = format!("Requested version {shown} is not active");
        Err(error(
            StatusCode::UPGRADE_REQUIRED,
            None,
            Some("NONEXISTENT_VERSION"),
            &message,
        ))
    }
}

/// A version appears every month and lives twelve: in September 2026 they are 202509 to 202608 (section 8, Versions).
fn active_months(now: i64) -> impl Iterator<Item = String> {
    let this_month = months_since_epoch(now);
    (1..=12).map(move |back| {
        let month = this_month - back;
        format!("{:04}{:02}", 1970 + month / 12, month % 12 + 1)
    })
}

/// Whole months from January 1970 to `now`, in the Gregorian calendar.
fn months_since_epoch(now: i64) -> i64 {
    // Days to civil date: years begin in March, so that the leap day is the last of a year.
    let days = now.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + month_from_march + 2 - 1970 * 12
}

/// `<resource>.<METHOD[-finder]>.<YYYYMMDD|NO_VERSION>`; older answers had the method and path.
fn no_permission(state: &State, request: &Request, resource: &Resource, version: Option<&str>) -> Reply {
    let what = if state.quirks.old_permission_names {
        format!("{} /{}", request.method, resource.path.join("/"))
    } else {
        format!("{}.{}", resource.permission, version.unwrap_or("NO_VERSION"))
    };
    let message = format!("Not enough permissions to access: {what}");
    error(StatusCode::FORBIDDEN, Some(100), Some("ACCESS_DENIED"), &message)
}

/// Creates a post: 201 with its id in a header and an empty body.
fn create_post(request: &Request, fields: &[&str], subject: &str) -> Result<Reply, Reply> {
    let post: Map<String, Value> = serde_json::from_slice(&request.body)
        .map_err(|_| plain(StatusCode::BAD_REQUEST, "The request body is not a JSON object"))?;
    if let Some(unknown) = post.keys().find(|field| !fields.contains(&field.as_str())) {
        let message = format!("ERROR :: /{unknown} :: unrecognized field found but not allowed");
        return Err(plain(StatusCode::UNPROCESSABLE_ENTITY, &message));
    }
    // Somebody else's URN, or a numeric id.
    let author = post.get("author").and_then(Value::as_str).unwrap_or_default();
    if author != format!("urn:li:person:{subject}") && !author.starts_with("urn:li:organization:") {
        let message = "Unpermitted fields present in RESOURCE_KEY: Data Processing Exception while processing fields \
                       [/memberId]";
        return Err(error(StatusCode::FORBIDDEN, Some(100), Some("ACCESS_DENIED"), message));
    }
    Ok(Reply::empty(StatusCode::CREATED).with("x-restli-id", &format!("urn:li:share:{}", random::id())))
}

/// Comments once a minute and member.
fn comment(state: &mut State, username: String) -> Result<Reply, Reply> {
    let now = state.now();
    match state.last_comment.get(&username) {
        Some(last) if now < last + COMMENT_INTERVAL => {
            let message = "Comment create throttled: creation rate limit exceeded for member";
            Err(plain(StatusCode::TOO_MANY_REQUESTS, message))
        }
        _ => {
            state.last_comment.insert(username, now);
            Ok(Reply::empty(StatusCode::CREATED).with("x-restli-id", &random::id()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{active_months, months_since_epoch};

    #[test]
    fn months_follow_the_calendar() {
        for (now, expected) in [
            (0, 0),
            (2_678_399, 0),
            (2_678_400, 1),
            (951_782_400, 30 * 12 + 1),    // 29 February 2000
            (951_868_800, 30 * 12 + 2),    // 1 March 2000
            (1_767_225_599, 55 * 12 + 11), // the last second of 2025
            (1_767_225_600, 56 * 12),
        ] {
            assert_eq!(months_since_epoch(now), expected, "{now}");
        }
    }

    #[test]
    fn versions_are_those_of_september_2026() {
        let months: Vec<String> = active_months(1_788_480_000).collect(); // 4 September 2026
        assert_eq!(months.first().map(String::as_str), Some("202608"));
        assert_eq!(months.last().map(String::as_str), Some("202509"));
    }
}
