//! A stand-in for www.linkedin.com and api.linkedin.com, for Tokenkeep's tests and demo.
//!
//! It is built from `linkedin.md`, the project's reference on LinkedIn's OAuth 2.0 and REST behaviour: LinkedIn's
//! documentation, and answers that others recorded in public. **It was never checked against the live service.** Where
//! the reference knows nothing, a comment at the place says that the behaviour is a guess.
//!
//! The browser reaches it through a CONNECT proxy, under the real host names and over TLS, so that the extension under
//! test is the packed one, unchanged. Beside LinkedIn's two hosts there are a redirect host that counts what reaches it
//! and a host for tests' own pages. A control interface on loopback reads and sets everything.

mod authorization;
mod control;
mod delivery;
mod faults;
mod hostile;
mod http;
mod introspection;
mod log;
mod oidc;
mod pages;
mod proxy;
mod random;
mod rest;
mod seed;
mod server;
mod state;
mod tls;
mod token;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Serialize;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::http::Host;
use crate::server::Shared;
use crate::state::{App, State};
use crate::tls::Tls;
pub use crate::tls::TlsError;

/// How the sandbox starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Port of the proxy; 0 is any free one.
    pub proxy_port: u16,
    /// Port of the control interface; 0 is any free one.
    pub control_port: u16,
}

/// Why the sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be had.
    #[error("cannot listen on loopback: {0}")]
    Listen(#[from] io::Error),
    /// No certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Redirect URIs of every kind that matters; the seeded apps register them all.
#[derive(Clone, Debug, Serialize)]
pub struct RedirectHosts {
    /// A live host behind the proxy.
    pub live_https: String,
    /// A live loopback port.
    pub live_loopback: String,
    /// A loopback port where nothing listens, reserved for as long as the sandbox runs.
    pub dead_loopback: String,
    /// A name that the proxy refuses.
    pub unknown: String,
    /// The live loopback port by its address, as the native PKCE flow wants it; not registered.
    pub live_loopback_ip: String,
}

impl RedirectHosts {
    fn registered(&self) -> Vec<String> {
        [
            &self.live_https,
            &self.live_loopback,
            &self.dead_loopback,
            &self.unknown,
        ]
        .map(Clone::clone)
        .to_vec()
    }
}

/// A registered app, as the ready line tells it.
#[derive(Clone, Serialize)]
pub struct ReadyApp {
    /// 14 lowercase alphanumerics.
    pub client_id: String,
    /// Made up, in the form of LinkedIn's.
    pub client_secret: String,
    /// What it has registered.
    pub redirect_uris: Vec<String>,
    /// What its products allow.
    pub scopes: Vec<String>,
}

impl ReadyApp {
    fn of(app: &App) -> Self {
        Self {
            client_id: app.client_id.clone(),
            client_secret: app.client_secret.0.clone(),
            redirect_uris: app.redirect_uris.clone(),
            scopes: app.scopes.0.iter().cloned().collect(),
        }
    }
}

/// Somebody who can sign in, as the ready line tells it.
#[derive(Clone, Serialize)]
pub struct ReadyMember {
    /// For `#username`.
    pub username: String,
    /// For `#password`.
    pub password: String,
}

/// The line that the program prints when everything listens.
#[derive(Clone, Serialize)]
pub struct Ready {
    /// `host:port` of the CONNECT proxy.
    pub proxy: String,
    /// Base URL of the control interface.
    pub control: String,
    /// Base64 of the SHA-256 of the TLS leaf's public key.
    pub spki: String,
    /// The certificate authority.
    pub ca_pem: String,
    /// The redirect URIs.
    pub redirect_hosts: RedirectHosts,
    /// An app of the self-serve products.
    pub app: ReadyApp,
    /// Another one.
    pub second_app: ReadyApp,
    /// An app with native PKCE.
    pub native_app: ReadyApp,
    /// An app that gets refresh tokens, with `openid`.
    pub refresh_app: ReadyApp,
    /// An app that gets refresh tokens, without `openid`.
    pub community_app: ReadyApp,
    /// An app with legacy scopes and the client credentials grant.
    pub legacy_app: ReadyApp,
    /// A member.
    pub member: ReadyMember,
    /// Another one.
    pub second_member: ReadyMember,
}

/// A running sandbox; it stops when this is dropped.
pub struct Sandbox {
    ready: Ready,
    /// Bound and never listening, so that nobody else gets the port.
    _dead_sockets: Vec<TcpSocket>,
    _listeners: JoinSet<()>,
}

impl Sandbox {
    /// Starts it; everything listens when this returns.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let tls = Tls::new()?;
        let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, options.proxy_port)).await?;
        let control = TcpListener::bind((Ipv4Addr::LOCALHOST, options.control_port)).await?;
        let (redirect_v4, redirect_v6) = live_port().await?;
        let live_port = redirect_v4.local_addr()?.port();
        let (dead_port, dead_sockets) = dead_port()?;
        let redirect_hosts = RedirectHosts {
            live_https: format!("https://{}/callback", Host::App.name()),
            live_loopback: format!("http://localhost:{live_port}/callback"),
            dead_loopback: format!("http://localhost:{dead_port}/callback"),
            unknown: "https://nowhere.tokenkeep.test/callback".to_owned(),
            live_loopback_ip: format!("http://127.0.0.1:{live_port}/callback"),
        };
        let shared = Shared::new(redirect_hosts.registered());
        let Tls { acceptor, ca_pem, spki } = tls;
        let (proxy_address, control_address) = (proxy.local_addr()?, control.local_addr()?);
        let ready = ready(
            &shared.state(),
            proxy_address,
            control_address,
            (ca_pem, spki),
            redirect_hosts,
        );

        let mut listeners = JoinSet::new();
        listeners.spawn(proxy::serve(proxy, acceptor, shared.clone()));
        for listener in [Some(redirect_v4), redirect_v6].into_iter().flatten() {
            listeners.spawn(server::serve(listener, shared.clone(), Host::Loopback));
        }
        listeners.spawn(server::serve_control(control, shared));
        listeners.spawn_blocking(oidc::prepare_key);
        Ok(Self {
            ready,
            _dead_sockets: dead_sockets,
            _listeners: listeners,
        })
    }

    /// Where everything is.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }
}

/// A loopback port that browsers reach by `localhost`, whichever address they try first.
async fn live_port() -> io::Result<(TcpListener, Option<TcpListener>)> {
    loop {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind((Ipv6Addr::LOCALHOST, v4.local_addr()?.port())).await {
            Ok(v6) => return Ok((v4, Some(v6))),
            // Somebody else has the port there: another one then.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            // No IPv6 on this machine.
            Err(_) => return Ok((v4, None)),
        }
    }
}

/// A loopback port where nothing listens and nobody else can.
fn dead_port() -> io::Result<(u16, Vec<TcpSocket>)> {
    loop {
        let v4 = TcpSocket::new_v4()?;
        v4.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let port = v4.local_addr()?.port();
        let v6 = TcpSocket::new_v6();
        let bound = v6.and_then(|v6| v6.bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).map(|()| v6));
        match bound {
            Ok(v6) => return Ok((port, vec![v4, v6])),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(_) => return Ok((port, vec![v4])),
        }
    }
}

fn ready(
    state: &State,
    proxy: SocketAddr,
    control: SocketAddr,
    (ca_pem, spki): (String, String),
    redirect_hosts: RedirectHosts,
) -> Ready {
    let app = |client_id: &str| ReadyApp::of(&state.apps[client_id]);
    let member = |username: &str| {
        let member = &state.members[username];
        ReadyMember {
            username: member.username.clone(),
            password: member.password.0.clone(),
        }
    };
    Ready {
        proxy: proxy.to_string(),
        control: format!("http://{control}"),
        spki,
        ca_pem,
        redirect_hosts,
        app: app(seed::ORDINARY),
        second_app: app(seed::SECOND),
        native_app: app(seed::NATIVE),
        refresh_app: app(seed::REFRESH),
        community_app: app(seed::COMMUNITY),
        legacy_app: app(seed::LEGACY),
        member: member(seed::MEMBER),
        second_member: member(seed::SECOND_MEMBER),
    }
}
