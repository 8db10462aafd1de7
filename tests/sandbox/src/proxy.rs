//! The CONNECT proxy: tunnels to the sandbox's hosts end here, in its own TLS; everything else is refused.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::faults::{Body, response};
use crate::http::{Host, Reply};
use crate::server::{Shared, accept, connection};

/// Accepts connections, for ever.
pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let stream = accept(&listener).await;
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        tokio::spawn(async move {
            let service =
                service_fn(|request| std::future::ready(Ok::<_, Infallible>(handle(&acceptor, &shared, request))));
            // A client that leaves is no error of ours.
            drop(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await,
            );
        });
    }
}

/// The host that a tunnel is for: one of ours on port 443.
fn tunnel_host(uri: &Uri) -> Option<Host> {
    let authority = uri.authority()?;
    let host = Host::NAMED
        .into_iter()
        .find(|host| authority.host().eq_ignore_ascii_case(host.name()))?;
    (authority.port_u16() == Some(443)).then_some(host)
}

fn handle(acceptor: &TlsAcceptor, shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> Response<Body> {
    let tunnel = if request.method() == Method::CONNECT {
        tunnel_host(request.uri())
    } else {
        None
    };
    let Some(host) = tunnel else {
        return refuse(shared, &request);
    };
    *shared.state().counters.tunnels.entry(host.name()).or_default() += 1;
    let (acceptor, shared) = (acceptor.clone(), shared.clone());
    tokio::spawn(async move {
        // A client that leaves, or that does not trust the certificate, shows itself on its own side.
        if let Ok(upgraded) = hyper::upgrade::on(request).await
            && let Ok(stream) = acceptor.accept(TokioIo::new(upgraded)).await
        {
            connection(stream, shared, host).await;
        }
    });
    response(Reply::empty(StatusCode::OK))
}

fn refuse(shared: &Shared, request: &hyper::Request<Incoming>) -> Response<Body> {
    let uri = request.uri();
    let authority = uri.authority().map_or_else(|| "none".to_owned(), ToString::to_string);
    let status = StatusCode::BAD_GATEWAY;
    let mut state = shared.state();
    state.counters.refuse(&authority);
    // A CONNECT has no path, and Uri gives it a slash.
    let path = if request.method() == Method::CONNECT {
        ""
    } else {
        uri.path()
    };
    state
        .log
        .refused(&authority, request.method().as_str(), path, status.as_u16());
    response(Reply::new(
        status,
        "text/plain; charset=utf-8",
        "the sandbox's proxy reaches the sandbox only\n",
    ))
}
