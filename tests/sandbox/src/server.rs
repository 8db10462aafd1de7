//! Connections, and the way of a request: log it, count it, take its fault, answer it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::authorization::{self, Flow};
use crate::delivery::{self, CHAINED_PATH};
use crate::faults::{Body, Endpoint, Fault, Reset, response, send};
use crate::hostile::{self, Step};
use crate::http::{Host, Reply, Request};
use crate::state::{Page, Secret, State};
use crate::{control, introspection, oidc, pages, rest, token};

/// What every connection shares.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The redirect URIs that the seeded apps register.
    pub(crate) redirect_uris: Vec<String>,
}

impl Shared {
    pub(crate) fn new(redirect_uris: Vec<String>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::new(&redirect_uris)),
            redirect_uris,
        })
    }

    /// The state. A panic in another request leaves it usable: every change is complete or harmless.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next connection. Running out of file descriptors passes; it must not end the listener.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers go out at once; without it they are only later.
                drop(stream.set_nodelay(true));
                return stream;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Accepts connections of one host, for ever.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, host: Host) {
    loop {
        let stream = accept(&listener).await;
        tokio::spawn(connection(stream, shared.clone(), host));
    }
}

/// Accepts connections of the control interface, for ever.
pub(crate) async fn serve_control(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let stream = accept(&listener).await;
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| control_request(&shared, request));
            // A client that leaves is no error of ours.
            drop(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn control_request(shared: &Shared, request: hyper::Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let request = Request::read(Host::Loopback, request).await;
    Ok(response(control::control(shared, &request)))
}

/// Serves one connection of one host until it ends.
pub(crate) async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>, host: Host) {
    let raw = Mutex::new(None);
    let service = service_fn(|request| Box::pin(handle(&shared, host, &raw, request)));
    let mut served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| served.poll_without_shutdown(context)).await;
    let mut stream = served.into_parts().io.into_inner();
    let steps = raw.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A client that leaves is no error of ours, and a reset is what a test asked for.
    drop(match (steps, ended) {
        (Some(steps), _) => hostile::play(steps, &mut stream).await,
        (None, Ok(())) => stream.shutdown().await,
        (None, Err(_)) => Ok(()),
    });
}

/// Answers a request. `raw` takes what is to be written in the place of an answer, once this has failed.
async fn handle(
    shared: &Shared,
    host: Host,
    raw: &Mutex<Option<Vec<Step>>>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Reset> {
    let request = Request::read(host, request).await;
    let (fault, real) = {
        let mut state = shared.state();
        let id = state.log.arrived(&request);
        let page = state
            .pages
            .get(&(host.name().to_owned(), request.path.clone()))
            .cloned();
        let endpoint = if page.is_some() {
            Endpoint::Page
        } else {
            endpoint(&request)
        };
        count(&mut state, &request, endpoint);
        if let Some(steps) = state.hostile.of(endpoint, &request) {
            state.log.settle(id, None, Some("hostile"));
            *raw.lock().unwrap_or_else(PoisonError::into_inner) = Some(steps);
            return Err(Reset);
        }
        let fault = state.faults.take(endpoint);
        let real = fault.as_ref().is_none_or(Fault::keeps_answer).then(|| match page {
            Some(page) => show(page),
            None => answer(&mut state, &request, endpoint),
        });
        let real = real.map(|reply| {
            if state.quirks.cors {
                with_cors(&request, reply)
            } else {
                reply
            }
        });
        let status = match &fault {
            Some(fault) => fault.status(real.as_ref()),
            None => real.as_ref().map(|reply| reply.status.as_u16()),
        };
        state.log.settle(id, status, fault.as_ref().map(Fault::kind));
        (fault.map(|fault| fault.to(&request)), real)
    };
    send(fault, real).await
}

/// Which endpoint a request is for, by host and path; the method may still be wrong.
fn endpoint(request: &Request) -> Endpoint {
    match (request.host, request.path.as_str()) {
        (Host::App | Host::Loopback, _) => Endpoint::RedirectHost,
        (Host::Www, "/oauth/v2/authorization" | "/uas/oauth2/authorization" | "/oauth/native-pkce/authorization") => {
            Endpoint::Authorization
        }
        (Host::Www, "/login" | authorization::LOGIN_SUBMIT | authorization::LOGIN_SUCCESS) => Endpoint::Login,
        (Host::Www, authorization::CONSENT_SUBMIT) => Endpoint::Consent,
        (Host::Www, path) if path.starts_with(CHAINED_PATH) => Endpoint::Chained,
        (Host::Www, "/oauth/v2/accessToken") => Endpoint::Token,
        (Host::Www, "/oauth/v2/introspectToken") => Endpoint::Introspection,
        (Host::Www, "/oauth/v2/revoke") => Endpoint::Revocation,
        (Host::Www, "/oauth/.well-known/openid-configuration") => Endpoint::Discovery,
        (Host::Www, "/oauth/openid/jwks") => Endpoint::Jwks,
        (Host::Api, "/v2/userinfo") => Endpoint::Userinfo,
        (Host::Api, _) => Endpoint::Rest,
        (Host::Www | Host::Pages, _) => Endpoint::Other,
    }
}

/// Counts a request as it arrives, whatever becomes of it.
fn count(state: &mut State, request: &Request, endpoint: Endpoint) {
    if request.host.is_redirect_host() {
        state.counters.redirect_host_requests += 1;
    }
    match endpoint {
        Endpoint::Authorization => state.counters.authorization_requests += 1,
        Endpoint::Token if request.method == Method::POST => {
            state.counters.token_posts += 1;
            if let Some(code) = token::parameters(request).get("code") {
                *state.code_posts.entry(Secret(code.to_owned())).or_default() += 1;
            }
        }
        _ => {}
    }
}

fn show(page: Page) -> Reply {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
    page.headers.iter().fold(
        Reply::new(status, &page.content_type, page.body),
        |reply, (name, value)| reply.with(name, value),
    )
}

fn answer(state: &mut State, request: &Request, endpoint: Endpoint) -> Reply {
    let path = request.path.as_str();
    let get = request.method == Method::GET || request.method == Method::HEAD;
    let post = request.method == Method::POST;
    match endpoint {
        Endpoint::RedirectHost => Reply::new(StatusCode::OK, "text/plain; charset=utf-8", "redirect host"),
        _ if request.incomplete => Reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
        Endpoint::Userinfo | Endpoint::Rest => rest::api(state, request),
        Endpoint::Authorization if get => {
            let native = path == "/oauth/native-pkce/authorization";
            authorization::authorization(state, request, if native { Flow::NativePkce } else { Flow::Ordinary })
        }
        Endpoint::Login if get && path == authorization::LOGIN_SUCCESS => authorization::login_success(state, request),
        Endpoint::Login if get && path == "/login" => authorization::login_page(),
        Endpoint::Login if post && path == authorization::LOGIN_SUBMIT => authorization::login_submit(state, request),
        Endpoint::Consent if post => authorization::consent_submit(state, request),
        Endpoint::Chained if get => delivery::chained(state, request),
        Endpoint::Token if post => token::token(state, request),
        Endpoint::Introspection if post => introspection::introspection(state, request),
        Endpoint::Revocation if post => token::revoke(state, request),
        Endpoint::Discovery if get => oidc::discovery(),
        Endpoint::Jwks if get => oidc::jwks(),
        Endpoint::Other | Endpoint::Page if request.host == Host::Www && get && path == "/feed/" => {
            authorization::feed(state, request)
        }
        Endpoint::Other | Endpoint::Page => Reply::html(StatusCode::NOT_FOUND, pages::not_found()),
        _ => Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// CORS headers, which LinkedIn does not send (linkedin.md section 0, item 3).
fn with_cors(request: &Request, reply: Reply) -> Reply {
    let reply = if request.method == Method::OPTIONS {
        Reply::empty(StatusCode::NO_CONTENT)
    } else {
        reply
    };
    reply
        .with("access-control-allow-origin", "*")
        .with("access-control-allow-headers", "authorization, content-type")
        .with("access-control-allow-methods", "GET, POST")
}
