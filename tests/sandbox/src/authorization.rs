//! The authorization endpoint and its pages: login, consent, refusal (linkedin.md sections 2 and 3).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper::StatusCode;
use url::{Host as UrlHost, Url};

use crate::delivery::{Answer, deliver};
use crate::http::{Reply, Request};
use crate::state::{App, AuthorizationRequest, Scopes, Secret, State};
use crate::{pages, random};

/// Where the login form is posted.
pub(crate) const LOGIN_SUBMIT: &str = "/uas/login-submit";
/// Where a login leads back to its authorization request.
pub(crate) const LOGIN_SUCCESS: &str = "/oauth/v2/login-success";
/// Where the consent form is posted.
pub(crate) const CONSENT_SUBMIT: &str = "/oauth/v2/authorization-submit";

/// Which of the two authorization endpoints was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// `/oauth/v2/authorization`: confidential clients; PKCE parameters are ignored.
    Ordinary,
    /// `/oauth/native-pkce/authorization`: apps enabled for it, loopback redirects.
    NativePkce,
}

/// Why a request goes no further.
enum Refusal {
    /// Shown to the member on our own host: there is no redirect URI to trust.
    Page(String),
    /// Sent back to the redirect URI.
    Redirect {
        redirect_uri: String,
        error: &'static str,
        description: String,
    },
}

/// `GET` on an authorization endpoint.
pub(crate) fn authorization(state: &mut State, request: &Request, flow: Flow) -> Reply {
    let checked = check(state, request, flow);
    match checked {
        Ok(authorization) => go_on(state, request, &authorization),
        Err(Refusal::Page(sentence)) => bummer(&sentence),
        Err(Refusal::Redirect {
            redirect_uri,
            error,
            description,
        }) => {
            let answer = Answer::error(error, &description, sent_state(request));
            deliver(state, &redirect_uri, answer)
        }
    }
}

fn bummer(sentence: &str) -> Reply {
    Reply::html(StatusCode::UNAUTHORIZED, pages::bummer(sentence))
}

/// `state` is returned unchanged, an empty one included.
fn sent_state(request: &Request) -> Option<String> {
    request.query.get_raw("state").map(ToOwned::to_owned)
}

/// The checks, in the order of linkedin.md section 11.
fn check(state: &State, request: &Request, flow: Flow) -> Result<AuthorizationRequest, Refusal> {
    let query = &request.query;
    let client_id = query.get("client_id").unwrap_or_default();
    let app = state
        .apps
        .get(client_id)
        .filter(|app| flow == Flow::Ordinary || app.pkce)
        .ok_or_else(|| Refusal::Page(format!("The passed in client_id is invalid \"{client_id}\"")))?;

    let redirect_uri = query.get("redirect_uri").unwrap_or_default();
    let known = match flow {
        Flow::Ordinary => is_registered(app, redirect_uri),
        Flow::NativePkce => is_loopback_ip(redirect_uri),
    };
    if !known {
        return Err(Refusal::Page(
            "The redirect_uri does not match the registered value".to_owned(),
        ));
    }

    let refuse = |error, description| {
        Err(Refusal::Redirect {
            redirect_uri: redirect_uri.to_owned(),
            error,
            description,
        })
    };
    let needed = |name: &str| format!("You need to pass the \"{name}\" parameter");
    if query.get("response_type") != Some("code") {
        // Not verified which words LinkedIn uses here (section 3).
        return refuse(
            "unsupported_response_type",
            "The response_type must be \"code\"".to_owned(),
        );
    }
    let Some(scope) = query.get("scope") else {
        return refuse("invalid_request", needed("scope"));
    };
    if let Some(offender) = Scopes::split(scope).find(|scope| !app.scopes.has(scope)) {
        let description = format!("Scope \"{offender}\" is not authorized for your application");
        return refuse("unauthorized_scope_error", description);
    }
    let code_challenge = match flow {
        Flow::Ordinary => None,
        // Both parameters are required (section 2); the words are not verified.
        Flow::NativePkce => match (query.get("code_challenge"), query.get("code_challenge_method")) {
            (None, _) => return refuse("invalid_request", needed("code_challenge")),
            (_, None) => return refuse("invalid_request", needed("code_challenge_method")),
            (Some(challenge), Some("S256")) if is_s256(challenge) => Some(challenge.to_owned()),
            _ => {
                return refuse(
                    "invalid_request",
                    "The code_challenge must be made with \"S256\"".to_owned(),
                );
            }
        },
    };
    Ok(AuthorizationRequest {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scopes: Scopes::parse(scope),
        state: sent_state(request),
        code_challenge,
        extended_login: query.get("enable_extended_login") == Some("true"),
    })
}

/// Exact match; the query of a registered URL is ignored (section 2).
fn is_registered(app: &App, redirect_uri: &str) -> bool {
    !redirect_uri.is_empty()
        && app
            .redirect_uris
            .iter()
            .any(|registered| registered.split('?').next() == Some(redirect_uri))
}

/// `http` or `https` on a loopback IP, any port (section 2, native variant).
fn is_loopback_ip(redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.fragment().is_none()
            && url.host().is_some_and(|host| match host {
                UrlHost::Ipv4(ip) => ip.is_loopback(),
                UrlHost::Ipv6(ip) => ip.is_loopback(),
                UrlHost::Domain(_) => false,
            })
    })
}

/// An S256 challenge is 32 bytes in base64url (RFC 7636 section 4.2).
fn is_s256(challenge: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD
        .decode(challenge)
        .is_ok_and(|digest| digest.len() == 32)
}

/// Who is logged in: by the control's shortcut, else by the cookie.
fn member_of(state: &State, request: &Request) -> Option<String> {
    state.session.clone().or_else(|| {
        let cookie = Secret(request.cookie("li_at")?.to_owned());
        state.sessions.get(&cookie).cloned()
    })
}

/// Login, then consent or its bypass, then the redirect.
fn go_on(state: &mut State, request: &Request, authorization: &AuthorizationRequest) -> Reply {
    let background = request.header("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
    let seen = !(state.quirks.navigations_only && background);
    let Some(username) = member_of(state, request).filter(|_| seen) else {
        let id = wait(state, authorization.clone());
        return page(pages::login(&form_action(LOGIN_SUBMIT, &id), Some(authorization), None));
    };
    if state.consent_given(&authorization.client_id, &username, &authorization.scopes) {
        return allow(state, authorization, &username);
    }
    let (Some(app), Some(member)) = (state.apps.get(&authorization.client_id), state.members.get(&username)) else {
        return bummer("The member or the application is gone");
    };
    let (app, member) = (app.clone(), member.clone());
    let id = wait(state, authorization.clone());
    page(pages::consent(
        &form_action(CONSENT_SUBMIT, &id),
        &app,
        &member,
        authorization,
    ))
}

fn wait(state: &mut State, authorization: AuthorizationRequest) -> String {
    let id = random::id();
    state.waiting.insert(id.clone(), authorization);
    id
}

fn form_action(path: &str, id: &str) -> String {
    format!("{path}?request={id}")
}

fn page(html: String) -> Reply {
    Reply::html(StatusCode::OK, html).with("cache-control", "no-store")
}

fn allow(state: &mut State, authorization: &AuthorizationRequest, member: &str) -> Reply {
    let code = state.mint_code(authorization, member);
    deliver(
        state,
        &authorization.redirect_uri,
        Answer::code(code.0, authorization.state.clone()),
    )
}

/// The request that a page's form is about.
fn waiting_id(request: &Request) -> &str {
    request.query.get("request").unwrap_or_default()
}

fn stale() -> Reply {
    bummer("This page was answered before, or it is too old")
}

/// `GET /login`: a sign-in without an authorization request.
pub(crate) fn login_page() -> Reply {
    page(pages::login(LOGIN_SUBMIT, None, None))
}

/// The login form's POST, within an authorization request or without one.
pub(crate) fn login_submit(state: &mut State, request: &Request) -> Reply {
    let id = waiting_id(request).to_owned();
    let authorization = state.waiting.get(&id).cloned();
    if authorization.is_none() && !id.is_empty() {
        return stale();
    }
    if let Some(authorization) = &authorization
        && request.form.get("action") == Some("cancel")
    {
        state.waiting.remove(&id);
        let text = "The user cancelled LinkedIn login";
        let answer = Answer::error("user_cancelled_login", text, authorization.state.clone());
        return deliver(state, &authorization.redirect_uri, answer);
    }
    let username = request.form.get("session_key").unwrap_or_default();
    let password = request.form.get("session_password").unwrap_or_default();
    let known = state
        .members
        .get(username)
        .is_some_and(|member| member.password.0 == password);
    if !known {
        let problem = Some("That is not the email and password of a member of this sandbox.");
        return page(pages::login(&request.target(), authorization.as_ref(), problem));
    }
    let cookie = random::id();
    state.sessions.insert(Secret(cookie.clone()), username.to_owned());
    let next = if id.is_empty() {
        "/feed/".to_owned()
    } else {
        form_action(LOGIN_SUCCESS, &id)
    };
    Reply::redirect(StatusCode::SEE_OTHER, &next).with(
        "set-cookie",
        &format!("li_at={cookie}; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=None"),
    )
}

/// The way back from the login to the authorization request.
pub(crate) fn login_success(state: &mut State, request: &Request) -> Reply {
    match state.waiting.remove(waiting_id(request)) {
        Some(authorization) => go_on(state, request, &authorization),
        None => stale(),
    }
}

/// The consent form's POST.
pub(crate) fn consent_submit(state: &mut State, request: &Request) -> Reply {
    let Some(member) = member_of(state, request) else {
        return stale();
    };
    let Some(authorization) = state.waiting.remove(waiting_id(request)) else {
        return stale();
    };
    if request.form.get("action") == Some("allow") {
        return allow(state, &authorization, &member);
    }
    let text = "The user cancelled the authorization";
    let answer = Answer::error("user_cancelled_authorize", text, authorization.state.clone());
    deliver(state, &authorization.redirect_uri, answer)
}

/// `GET /feed/`: shows who is signed in.
pub(crate) fn feed(state: &State, request: &Request) -> Reply {
    match member_of(state, request).and_then(|username| state.members.get(&username)) {
        Some(member) => page(pages::signed_in(member)),
        None => Reply::redirect(StatusCode::SEE_OTHER, "/login"),
    }
}
