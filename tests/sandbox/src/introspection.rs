//! The introspection endpoint (linkedin.md section 6).

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::{Reply, Request};
use crate::rest;
use crate::state::{State, Status, Token};
use crate::token::{Failure, parameters, required};

/// `POST` on the introspection endpoint.
pub(crate) fn introspection(state: &State, request: &Request) -> Reply {
    if state.quirks.throttle {
        return rest::throttled();
    }
    match answer(state, request) {
        Ok(answer) => Reply::json(StatusCode::OK, &answer).with("cache-control", "no-store"),
        Err(error) => error.into(),
    }
}

/// 400 for an invalid client id or token, 401 for an invalid secret; the bodies are not verified.
fn answer(state: &State, request: &Request) -> Result<Value, Failure> {
    let params = parameters(request);
    let client_id = required(&params, "client_id")?;
    let client_secret = required(&params, "client_secret")?;
    let value = required(&params, "token")?;
    let app = state
        .apps
        .get(client_id)
        .ok_or_else(|| Failure::unknown_client(client_id))?;
    if app.client_secret.0 != client_secret {
        return Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed",
        ));
    }
    let token = state.token(value).ok_or_else(|| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "The provided token is invalid",
        )
    })?;
    // Another app's token says nothing else.
    if token.client_id != client_id {
        return Ok(json!({"active": false}));
    }
    Ok(describe(token, token.status(state.now())))
}

fn describe(token: &Token, status: Status) -> Value {
    let mut answer = Map::new();
    answer.insert("active".to_owned(), json!(status == Status::Active));
    answer.insert("client_id".to_owned(), json!(token.client_id));
    // The sample of a revoked token has no `authorized_at`.
    if status != Status::Revoked {
        answer.insert("authorized_at".to_owned(), json!(token.authorized_at));
    }
    answer.insert("created_at".to_owned(), json!(token.created_at));
    answer.insert("status".to_owned(), json!(status));
    answer.insert("expires_at".to_owned(), json!(token.expires_at));
    // 3-legged only.
    if token.member.is_some() {
        answer.insert("scope".to_owned(), json!(token.scopes.comma_separated()));
    }
    answer.insert(
        "auth_type".to_owned(),
        json!(if token.member.is_some() { "3L" } else { "2L" }),
    );
    Value::Object(answer)
}
