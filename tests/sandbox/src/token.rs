//! The token endpoint: code, refresh and client credentials grants, with LinkedIn's errors in its order
//! (linkedin.md sections 4 and 5); and the undocumented revocation endpoint.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::http::{Params, Reply, Request};
use crate::oidc;
use crate::state::{ACCESS_TOKEN_LIFETIME, App, Code, NewToken, Scopes, Secret, State, Status, TokenKind};

/// One text for every mismatch of a code (section 4).
pub(crate) const CODE_MISMATCH: &str = "Unable to retrieve access token: appid/redirect uri/code verifier does not \
     match authorization code. Or authorization code expired. Or external member binding exists";
/// What a dead refresh token gets (section 5).
pub(crate) const DEAD_REFRESH_TOKEN: &str =
    "The provided authorization grant or refresh token is invalid, expired or revoked";
/// Client credentials tokens live 30 minutes (section 4).
const APPLICATION_TOKEN_LIFETIME: i64 = 1800;

/// An error of the token and introspection endpoints.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    status: StatusCode,
    error: &'static str,
    error_description: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            error_description: description.into(),
        }
    }

    fn missing(name: &str) -> Self {
        let description = format!("A required parameter \"{name}\" is missing");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    fn code_mismatch(error: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, CODE_MISMATCH)
    }

    pub(crate) fn unknown_client(client_id: &str) -> Self {
        let description = format!("The passed in client_id is invalid \"{client_id}\"");
        Self::new(StatusCode::BAD_REQUEST, "invalid_client_id", description)
    }

    fn authentication_failed() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed",
        )
    }
}

impl From<Failure> for Reply {
    fn from(error: Failure) -> Self {
        Self::json(error.status, &error).with("cache-control", "no-store")
    }
}

/// A success, in all of LinkedIn's shapes (section 4).
#[derive(Debug, Serialize)]
struct TokenResponse {
    access_token: Secret,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_expires_in: Option<i64>,
    scope: String,
    /// Only with `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<Secret>,
}

/// The request's parameters: the body's, then those that people put in the query (section 1).
pub(crate) fn parameters(request: &Request) -> Params {
    request.form.clone().chain(&request.query)
}

pub(crate) fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    params.get(name).ok_or_else(|| Failure::missing(name))
}

/// `POST` on the token endpoint.
pub(crate) fn token(state: &mut State, request: &Request) -> Reply {
    let params = parameters(request);
    let answer = match params.get("grant_type") {
        None => Err(Failure::missing("grant_type")),
        Some("authorization_code") => authorization_code(state, request, &params),
        Some("refresh_token") => refresh_token(state, request, &params),
        Some("client_credentials") => return client_credentials(state, request, &params),
        // Not verified (section 12).
        Some(_) => Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "The grant type is not supported by the authorization server",
        )),
    };
    match answer {
        Ok(answer) => Reply::json(StatusCode::OK, &answer).with("cache-control", "no-store"),
        Err(error) => error.into(),
    }
}

/// The client's id and secret of a Basic header, as sent and not decoded.
fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let (scheme, encoded) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, client_secret) = decoded.split_once(':')?;
    Some((client_id.to_owned(), client_secret.to_owned()))
}

/// A client's credentials as the body has them.
struct Credentials<'a> {
    client_id: &'a str,
    /// None: a native client, whose verifier stands for the secret.
    client_secret: Option<&'a str>,
}

/// Finds the credentials in the body, the only place that works for members' tokens (section 0, item 1).
fn credentials<'a>(state: &State, request: &Request, params: &'a Params) -> Result<Credentials<'a>, Failure> {
    let client_id = required(params, "client_id")?;
    let client_secret = params.get("client_secret");
    if client_secret.is_none() {
        match state.apps.get(client_id) {
            Some(app) if app.pkce && params.get("code_verifier").is_some() => {}
            // The secret came in a Basic header, where nobody looks (section 4).
            Some(_) if basic_credentials(request).is_some() => return Err(Failure::authentication_failed()),
            _ => return Err(Failure::missing("client_secret")),
        }
    }
    Ok(Credentials {
        client_id,
        client_secret,
    })
}

/// Client authentication. A verifier from an app without PKCE fails it, right secret or not (section 0, item 2).
fn authenticate<'a>(state: &'a State, credentials: &Credentials<'_>, params: &Params) -> Result<&'a App, Failure> {
    let Credentials {
        client_id,
        client_secret,
    } = *credentials;
    let app = state
        .apps
        .get(client_id)
        .ok_or_else(|| Failure::unknown_client(client_id))?;
    let secret_is_right = client_secret.is_none_or(|secret| secret == app.client_secret.0);
    if !secret_is_right || (params.get("code_verifier").is_some() && !app.pkce) {
        return Err(Failure::authentication_failed());
    }
    Ok(app)
}

/// What is missing is said before what is wrong (section 4, "Validation order").
fn authorization_code(state: &mut State, request: &Request, params: &Params) -> Result<TokenResponse, Failure> {
    let value = required(params, "code")?;
    let credentials = credentials(state, request, params)?;
    let redirect_uri = required(params, "redirect_uri")?;
    let app = authenticate(state, &credentials, params)?.clone();

    let index = state
        .codes
        .iter()
        .position(|code| code.value.0 == value)
        .ok_or_else(|| {
            let status = if state.quirks.unknown_code_is_400 {
                StatusCode::BAD_REQUEST
            } else {
                StatusCode::UNAUTHORIZED
            };
            Failure::new(
                status,
                "invalid_request",
                "Unable to retrieve access token: authorization code not found",
            )
        })?;
    let now = state.now();
    let code = &state.codes[index];
    // The header is a leftover of LinkedIn's mobile SDK (section 10, row 7).
    let foreign = code.client_id != app.client_id || request.header("x-li-src") == Some("msdk");
    if code.redeemed || now >= code.expires_at || foreign {
        return Err(Failure::code_mismatch("invalid_request"));
    }
    if code.redirect_uri != redirect_uri {
        let quirk = state.quirks.redirect_mismatch_is_invalid_request;
        return Err(Failure::code_mismatch(if quirk {
            "invalid_request"
        } else {
            "invalid_redirect_uri"
        }));
    }
    check_verifier(code, params)?;

    state.codes[index].redeemed = true;
    let code = state.codes[index].clone();
    let former_scopes = state.grant(&app.client_id, &code.member, &code.scopes, code.authorized_at);
    let new = NewToken {
        client_id: &app.client_id,
        member: Some(&code.member),
        scopes: &code.scopes,
        former_scopes: &former_scopes,
        authorized_at: code.authorized_at,
    };
    let access_token = state.mint_access_token(new, ACCESS_TOKEN_LIFETIME);
    let refresh_token = app.refresh.then(|| state.mint_refresh_token(new));
    Ok(response(state, &app, &access_token, refresh_token.as_ref()))
}

/// A code of the native flow needs its verifier; a code of the ordinary flow needs the secret, and no verifier.
fn check_verifier(code: &Code, params: &Params) -> Result<(), Failure> {
    match (&code.code_challenge, params.get("code_verifier")) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Failure::authentication_failed()),
        (Some(challenge), Some(verifier))
            if *challenge == BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) =>
        {
            Ok(())
        }
        (Some(_), _) => Err(Failure::code_mismatch("invalid_request")),
    }
}

/// The same refresh token comes back with what is left of its year; no access token outlives it (section 5).
fn refresh_token(state: &mut State, request: &Request, params: &Params) -> Result<TokenResponse, Failure> {
    let value = required(params, "refresh_token")?;
    let credentials = credentials(state, request, params)?;
    let app = authenticate(state, &credentials, params)?.clone();
    let now = state.now();
    let refresh_token = state
        .token(value)
        .filter(|token| {
            token.kind == TokenKind::Refresh && token.client_id == app.client_id && token.status(now) == Status::Active
        })
        .cloned()
        .ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "invalid_request", DEAD_REFRESH_TOKEN))?;
    let new = NewToken {
        client_id: &app.client_id,
        member: refresh_token.member.as_deref(),
        scopes: &refresh_token.scopes,
        former_scopes: &None,
        authorized_at: refresh_token.authorized_at,
    };
    let access_token = state.mint_access_token(new, ACCESS_TOKEN_LIFETIME.min(refresh_token.expires_at - now));
    Ok(response(state, &app, &access_token, Some(&refresh_token.value)))
}

fn response(state: &State, app: &App, access_token: &Secret, refresh_token: Option<&Secret>) -> TokenResponse {
    let now = state.now();
    let left = |token: &Secret| state.token(&token.0).map_or(0, |token| token.expires_at - now);
    let (scopes, member) = match state.token(&access_token.0) {
        Some(token) => (
            token.scopes.clone(),
            token.member.as_ref().and_then(|name| state.members.get(name)),
        ),
        None => (Scopes::default(), None),
    };
    let openid = scopes.has("openid");
    TokenResponse {
        expires_in: left(access_token),
        access_token: access_token.clone(),
        refresh_token: refresh_token.cloned(),
        refresh_token_expires_in: refresh_token.map(left),
        scope: scopes.comma_separated(),
        token_type: openid.then_some("Bearer"),
        id_token: member
            .filter(|_| openid)
            .map(|member| oidc::id_token(app, member, &scopes, now)),
    }
}

/// The 2-legged grant, with Basic or the body (section 4). `expires_in` is a string there.
fn client_credentials(state: &mut State, request: &Request, params: &Params) -> Reply {
    let basic = basic_credentials(request);
    let (basic_id, basic_secret) = basic.as_ref().map(|(id, secret)| (&**id, &**secret)).unzip();
    let Some(client_id) = params.get("client_id").or(basic_id) else {
        return Failure::missing("client_id").into();
    };
    let Some(client_secret) = params.get("client_secret").or(basic_secret) else {
        return Failure::missing("client_secret").into();
    };
    let Some(app) = state.apps.get(client_id).cloned() else {
        return Failure::unknown_client(client_id).into();
    };
    // RFC 6749 section 2.3.1 encodes the secret as a form value before the base64; many clients do not.
    let sent = [Some(client_secret.to_owned()), form_decoded(client_secret)];
    if !sent.iter().flatten().any(|secret| *secret == app.client_secret.0) {
        let description = "Client authentication failed";
        return Failure::new(StatusCode::UNAUTHORIZED, "invalid_client_id", description).into();
    }
    if !app.two_legged {
        let description = "This application is not allowed to create application tokens";
        return Failure::new(StatusCode::UNAUTHORIZED, "access_denied", description).into();
    }
    let new = NewToken {
        client_id: &app.client_id,
        member: None,
        scopes: &Scopes::default(),
        former_scopes: &None,
        authorized_at: state.now(),
    };
    let access_token = state.mint_access_token(new, APPLICATION_TOKEN_LIFETIME);
    let answer = json!({"access_token": access_token, "expires_in": APPLICATION_TOKEN_LIFETIME.to_string()});
    Reply::json(StatusCode::OK, &answer).with("cache-control", "no-store")
}

fn form_decoded(text: &str) -> Option<String> {
    form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
}

/// `POST /oauth/v2/revoke`: undocumented, known from third-party code only (section 1). As RFC 7009 has it: 200 for
/// any token of an authenticated client, known or not.
pub(crate) fn revoke(state: &mut State, request: &Request) -> Reply {
    match try_revoke(state, request) {
        Ok(()) => Reply::empty(StatusCode::OK),
        Err(error) => error.into(),
    }
}

fn try_revoke(state: &mut State, request: &Request) -> Result<(), Failure> {
    let params = parameters(request);
    let credentials = credentials(state, request, &params)?;
    let value = required(&params, "token")?;
    let client_id = authenticate(state, &credentials, &params)?.client_id.clone();
    for token in &mut state.tokens {
        if token.value.0 == value && token.client_id == client_id {
            token.revoked = true;
        }
    }
    Ok(())
}
