//! The control interface: what tests read and set. Every body and every answer is JSON.
//!
//! | command | body | effect |
//! |---|---|---|
//! | `GET /state` | | apps, members, grants, codes with their posts, tokens, counters, settings |
//! | `GET /log` | | every request since the last reset |
//! | `POST /reset` | | back to the start |
//! | `POST /apps` | `client_id`, and what is to change | adds or changes an app |
//! | `POST /members` | `username`, and what is to change | adds or changes a member |
//! | `POST /session` | `member` or null, and `sign_out` | every browser counts as logged in as that member; `sign_out` ends the logins by cookie |
//! | `POST /grants` | `client_id`, `member`, `scopes` | consent given, with live tokens |
//! | `POST /revoke` | `client_id`, `member` | the member removes the app |
//! | `POST /clock` | `offset_s` | moves the clock |
//! | `POST /redirect` | [`Delivery`] | how answers reach the redirect URI |
//! | `POST /faults` | [`Planned`] | one more fault; `DELETE` clears them |
//! | `POST /hostile` | a list of [`Hostile`] | answers that are written byte by byte, for a client or a token |
//! | `POST /quirks` | [`Quirks`] | switches; those left out are off |
//! | `POST /pages` | `host`, `path`, `body`, and `status`, `content_type`, `headers` | serves a page |

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::delivery::{Delivery, StateDefect};
use crate::faults::Planned;
use crate::hostile::Hostile;
use crate::http::{Host, Reply, Request};
use crate::random;
use crate::server::Shared;
use crate::state::{ACCESS_TOKEN_LIFETIME, App, Member, NewToken, Page, Quirks, Scopes, Secret, State};

/// `POST /apps`: what is left out stays as it was, or gets a default in a new app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpsertApp {
    client_id: String,
    client_secret: Option<Secret>,
    name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    scopes: Option<Scopes>,
    refresh: Option<bool>,
    two_legged: Option<bool>,
    pkce: Option<bool>,
}

/// `POST /members`: what is left out stays as it was, or gets a default in a new member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpsertMember {
    username: String,
    password: Option<Secret>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// An empty one removes it.
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSession {
    member: Option<String>,
    /// Whether cookies of earlier logins count no more.
    #[serde(default)]
    sign_out: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddGrant {
    client_id: String,
    member: String,
    scopes: Scopes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    client_id: String,
    member: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    offset_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddPage {
    host: String,
    path: String,
    body: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default = "html")]
    content_type: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

const fn ok() -> u16 {
    200
}

fn html() -> String {
    "text/html; charset=utf-8".to_owned()
}

/// A refusal, with its status.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(problem: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, problem.into())
    }
}

type Outcome = Result<Value, Refusal>;

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    serde_json::from_slice(&request.body).map_err(|error| Refusal::bad(error.to_string()))
}

/// Any request to the control interface.
pub(crate) fn control(shared: &Shared, request: &Request) -> Reply {
    let state = &mut *shared.state();
    let outcome = match (&request.method, request.path.as_str()) {
        (&Method::GET, "/state") => Ok(show(state)),
        (&Method::GET, "/log") => Ok(json!(state.log.entries())),
        (&Method::POST, "/reset") => {
            reset(state, &shared.redirect_uris);
            Ok(json!({}))
        }
        (&Method::POST, "/apps") => upsert_app(state, request),
        (&Method::POST, "/members") => upsert_member(state, request),
        (&Method::POST, "/session") => set_session(state, request),
        (&Method::POST, "/grants") => add_grant(state, request),
        (&Method::POST, "/revoke") => revoke(state, request),
        (&Method::POST, "/clock") => read(request).map(|SetClock { offset_s }| {
            state.clock_offset_s = offset_s;
            json!({"now_s": state.now()})
        }),
        (&Method::POST, "/redirect") => set_redirect(state, request),
        (&Method::POST, "/faults") => read::<Planned>(request).map(|planned| {
            state.faults.plan(planned);
            json!(state.faults)
        }),
        (&Method::DELETE, "/faults") => {
            state.faults.clear();
            Ok(json!(state.faults))
        }
        (&Method::POST, "/hostile") => read::<Vec<Hostile>>(request).map(|answers| {
            let set = answers.len();
            for answer in answers {
                state.hostile.put(answer);
            }
            json!({"set": set})
        }),
        (&Method::POST, "/quirks") => read::<Quirks>(request).map(|quirks| {
            state.quirks = quirks;
            json!(state.quirks)
        }),
        (&Method::POST, "/pages") => add_page(state, request),
        (method, path) => Err(Refusal(StatusCode::NOT_FOUND, format!("there is no {method} {path}"))),
    };
    match outcome {
        Ok(answer) => Reply::json(StatusCode::OK, &answer),
        Err(Refusal(status, problem)) => Reply::refuse(status, problem),
    }
}

/// All but the log's numbering goes back to the start.
fn reset(state: &mut State, redirect_uris: &[String]) {
    let mut log = std::mem::take(&mut state.log);
    log.clear();
    *state = State {
        log,
        ..State::new(redirect_uris)
    };
}

fn show(state: &State) -> Value {
    let now = state.now();
    let posts = |code: &Secret| state.code_posts.get(code).copied().unwrap_or_default();
    let codes: Vec<Value> = state
        .codes
        .iter()
        .map(|code| {
            json!({
                "code": code.value,
                "client_id": code.client_id,
                "member": code.member,
                "redirect_uri": code.redirect_uri,
                "scopes": code.scopes,
                "expires_at": code.expires_at,
                "redeemed": code.redeemed,
                "posts": posts(&code.value),
            })
        })
        .collect();
    let grants: Vec<Value> = state
        .grants
        .iter()
        .map(|((client_id, member), grant)| {
            json!({
                "client_id": client_id,
                "member": member,
                "scopes": grant.scopes,
                "authorized_at": grant.authorized_at,
            })
        })
        .collect();
    let tokens: Vec<Value> = state
        .tokens
        .iter()
        .map(|token| {
            json!({
                "token": token.value,
                "kind": token.kind,
                "client_id": token.client_id,
                "member": token.member,
                "scopes": token.scopes,
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "status": token.status(now),
            })
        })
        .collect();
    json!({
        "now_s": now,
        "session": state.session,
        "apps": state.apps.values().collect::<Vec<_>>(),
        "members": state.members.values().collect::<Vec<_>>(),
        "grants": grants,
        "codes": codes,
        "tokens": tokens,
        "counters": {
            "authorization_requests": state.counters.authorization_requests,
            "token_posts": state.counters.token_posts,
            "second_code_posts": state.code_posts.values().map(|posts| u64::from(posts - 1)).sum::<u64>(),
            "redirect_host_requests": state.counters.redirect_host_requests,
            "refused_hosts": state.counters.refused_hosts,
            "tunnels": state.counters.tunnels,
        },
        "redirect": state.delivery,
        "faults": state.faults,
        "quirks": state.quirks,
    })
}

fn upsert_app(state: &mut State, request: &Request) -> Outcome {
    let new: UpsertApp = read(request)?;
    let app = state.apps.entry(new.client_id.clone()).or_insert_with(|| App {
        name: format!("Sandbox app {}", new.client_id),
        client_id: new.client_id.clone(),
        client_secret: Secret(random::client_secret()),
        redirect_uris: Vec::new(),
        scopes: Scopes::default(),
        refresh: false,
        two_legged: false,
        pkce: false,
    });
    set(&mut app.client_secret, new.client_secret);
    set(&mut app.name, new.name);
    set(&mut app.redirect_uris, new.redirect_uris);
    set(&mut app.scopes, new.scopes);
    set(&mut app.refresh, new.refresh);
    set(&mut app.two_legged, new.two_legged);
    set(&mut app.pkce, new.pkce);
    Ok(json!(app))
}

fn upsert_member(state: &mut State, request: &Request) -> Outcome {
    let new: UpsertMember = read(request)?;
    let member = state.members.entry(new.username.clone()).or_insert_with(|| Member {
        email: Some(new.username.clone()),
        username: new.username.clone(),
        password: Secret(random::id()),
        given_name: "Member".to_owned(),
        family_name: "New".to_owned(),
    });
    set(&mut member.password, new.password);
    set(&mut member.given_name, new.given_name);
    set(&mut member.family_name, new.family_name);
    set(
        &mut member.email,
        new.email.map(|email| Some(email).filter(|email| !email.is_empty())),
    );
    Ok(json!(member))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn known_member(state: &State, username: &str) -> Result<(), Refusal> {
    if state.members.contains_key(username) {
        Ok(())
    } else {
        Err(Refusal::bad(format!("there is no member {username}")))
    }
}

fn known_app(state: &State, client_id: &str) -> Result<(), Refusal> {
    if state.apps.contains_key(client_id) {
        Ok(())
    } else {
        Err(Refusal::bad(format!("there is no app {client_id}")))
    }
}

fn set_session(state: &mut State, request: &Request) -> Outcome {
    let SetSession { member, sign_out } = read(request)?;
    if sign_out {
        state.sessions.clear();
    }
    if let Some(username) = &member {
        known_member(state, username)?;
    }
    state.session = member;
    Ok(json!({"member": state.session}))
}

/// As though the member had consented and the app had redeemed the code just now.
fn add_grant(state: &mut State, request: &Request) -> Outcome {
    let AddGrant {
        client_id,
        member,
        scopes,
    } = read(request)?;
    known_app(state, &client_id)?;
    known_member(state, &member)?;
    let authorized_at = state.now();
    let former_scopes = state.grant(&client_id, &member, &scopes, authorized_at);
    let new = NewToken {
        client_id: &client_id,
        member: Some(&member),
        scopes: &scopes,
        former_scopes: &former_scopes,
        authorized_at,
    };
    let access_token = state.mint_access_token(new, ACCESS_TOKEN_LIFETIME);
    let refresh = state.apps.get(&client_id).is_some_and(|app| app.refresh);
    let refresh_token = refresh.then(|| state.mint_refresh_token(new));
    Ok(json!({"access_token": access_token, "refresh_token": refresh_token}))
}

/// As though the member had removed the app under Permitted services.
fn revoke(state: &mut State, request: &Request) -> Outcome {
    let Revoke { client_id, member } = read(request)?;
    known_app(state, &client_id)?;
    known_member(state, &member)?;
    let revoked = state.revoke_all(&client_id, &member);
    state.grants.remove(&(client_id, member));
    Ok(json!({"revoked": revoked}))
}

fn set_redirect(state: &mut State, request: &Request) -> Outcome {
    let new: Delivery = read(request)?;
    let last_state = state.delivery.last_state.clone();
    if new.mutate.state == Some(StateDefect::Replay) && last_state.is_none() {
        return Err(Refusal(
            StatusCode::CONFLICT,
            "there is no earlier state to replay".to_owned(),
        ));
    }
    state.delivery = Delivery { last_state, ..new };
    Ok(json!(state.delivery))
}

fn add_page(state: &mut State, request: &Request) -> Outcome {
    let AddPage {
        host,
        path,
        body,
        status,
        content_type,
        headers,
    } = read(request)?;
    if !Host::NAMED.iter().any(|known| known.name() == host) {
        return Err(Refusal::bad(format!("there is no host {host}")));
    }
    if !path.starts_with('/') {
        return Err(Refusal::bad("a path starts with a slash"));
    }
    let url = format!("https://{host}{path}");
    state.pages.insert(
        (host, path),
        Page {
            status,
            content_type,
            headers,
            body,
        },
    );
    Ok(json!({"url": url}))
}
