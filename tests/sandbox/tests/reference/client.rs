//! A small HTTP client with a cookie jar, through the sandbox's proxy, and the steps that many tests share.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokenkeep_sandbox::{Options, Ready, ReadyApp, Sandbox};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use url::Url;

pub(crate) const WWW: &str = "https://www.linkedin.com";
pub(crate) const API: &str = "https://api.linkedin.com";
pub(crate) const AUTHORIZATION: &str = "https://www.linkedin.com/oauth/v2/authorization";
pub(crate) const NATIVE_AUTHORIZATION: &str = "https://www.linkedin.com/oauth/native-pkce/authorization";
pub(crate) const TOKEN: &str = "https://www.linkedin.com/oauth/v2/accessToken";
pub(crate) const INTROSPECTION: &str = "https://www.linkedin.com/oauth/v2/introspectToken";
pub(crate) const REVOKE: &str = "https://www.linkedin.com/oauth/v2/revoke";
pub(crate) const USERINFO: &str = "https://api.linkedin.com/v2/userinfo";
pub(crate) const STATE: &str = "state-of-this-test";

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        self.header("location")
            .unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }

    /// The query of the `Location`, names and values in order.
    #[track_caller]
    pub(crate) fn callback(&self) -> Vec<(String, String)> {
        Url::parse(self.location())
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect()
    }

    /// One value of the `Location`'s query.
    #[track_caller]
    pub(crate) fn callback_value(&self, name: &str) -> String {
        let pairs = self.callback();
        let found = pairs.iter().find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("no {name} in {pairs:?}")).1.clone()
    }

    /// Where the page's form is posted.
    #[track_caller]
    pub(crate) fn form_action(&self) -> String {
        let page = self.text();
        let (_, rest) = page
            .split_once("action=\"")
            .unwrap_or_else(|| panic!("no form in {page}"));
        rest.split_once('"').unwrap().0.replace("&amp;", "&")
    }
}

/// A sandbox, and a browser in front of it as far as these tests need one.
pub(crate) struct Client {
    sandbox: Sandbox,
    tls: TlsConnector,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Client {
    pub(crate) async fn start() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(sandbox.ready().ca_pem.as_bytes()).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            sandbox,
            tls: TlsConnector::from(Arc::new(config)),
            cookies: Mutex::default(),
        }
    }

    /// The same, with everybody logged in as the first member.
    pub(crate) async fn logged_in() -> Self {
        let client = Self::start().await;
        client
            .control("session", &json!({"member": client.ready().member.username}))
            .await;
        client
    }

    pub(crate) fn ready(&self) -> &Ready {
        self.sandbox.ready()
    }

    pub(crate) fn forget_cookies(&self) {
        self.cookies.lock().unwrap().clear();
    }

    /// Opens a tunnel, checks the certificate, and returns the connection.
    pub(crate) async fn tunnel(&self, host: &str) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, Failure> {
        let (status, stream) = self.connect(&format!("{host}:443")).await?;
        if status != 200 {
            return Err(format!("the proxy answered {status}").into());
        }
        Ok(self.tls.connect(ServerName::try_from(host.to_owned())?, stream).await?)
    }

    /// Asks the proxy for a tunnel; returns its status and the connection.
    pub(crate) async fn connect(&self, authority: &str) -> Result<(u16, TcpStream), Failure> {
        let mut stream = TcpStream::connect(&self.ready().proxy).await?;
        stream
            .write_all(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes())
            .await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head)?;
        let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
        Ok((status, stream))
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Failure> {
        let url = Url::parse(url)?;
        let host = url.host_str().ok_or("no host")?;
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let body = body.into();
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder().method(method).uri(target).header("host", &authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = self.cookies.lock().unwrap().get(host) {
            request = request.header("cookie", cookie);
        }
        let request = request.body(Full::new(body))?;
        let answer = if url.scheme() == "https" {
            exchange(self.tunnel(host).await?, request).await?
        } else {
            exchange(TcpStream::connect((host, url.port().unwrap_or(80))).await?, request).await?
        };
        if let Some(cookie) = answer.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default().to_owned();
            self.cookies
                .lock()
                .unwrap()
                .insert(host.to_owned(), format!("other=1; {pair}"));
        }
        Ok(answer)
    }

    pub(crate) async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send(method, url, headers, body.to_owned()).await.unwrap()
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.send(Method::GET, url, &[], "").await
    }

    /// `GET` with these pairs as the query.
    pub(crate) async fn query(&self, url: &str, pairs: &[(&str, &str)]) -> Answer {
        self.get(&format!("{url}?{}", encode(pairs))).await
    }

    pub(crate) async fn bearer(&self, url: &str, token: &str) -> Answer {
        self.send(Method::GET, url, &[("authorization", &format!("Bearer {token}"))], "")
            .await
    }

    /// `POST` with these pairs as a form.
    pub(crate) async fn form(&self, url: &str, pairs: &[(&str, &str)]) -> Answer {
        self.form_with(url, &[], pairs).await
    }

    pub(crate) async fn form_with(&self, url: &str, headers: &[(&str, &str)], pairs: &[(&str, &str)]) -> Answer {
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.iter().copied().chain([form_type]).collect();
        self.send(Method::POST, url, &headers, &encode(pairs)).await
    }

    /// A command of the control interface that must succeed.
    #[track_caller]
    pub(crate) fn control(&self, command: &str, body: &Value) -> impl Future<Output = Value> {
        let url = format!("{}/{command}", self.ready().control);
        async move {
            let answer = self.send(Method::POST, &url, &[], &body.to_string()).await;
            assert_eq!(answer.status, 200, "{command}: {}", answer.text());
            answer.json()
        }
    }

    pub(crate) async fn state(&self) -> Value {
        self.get(&format!("{}/state", self.ready().control)).await.json()
    }

    pub(crate) async fn counter(&self, name: &str) -> Value {
        self.state().await["counters"][name].clone()
    }

    pub(crate) async fn log(&self) -> Vec<Value> {
        let answer = self.get(&format!("{}/log", self.ready().control)).await.json();
        answer.as_array().unwrap().clone()
    }

    /// An authorization request that nothing is wrong with.
    pub(crate) fn request<'a>(&'a self, app: &'a ReadyApp, scope: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![
            ("response_type", "code"),
            ("client_id", &app.client_id),
            ("redirect_uri", &self.ready().redirect_hosts.live_https),
            ("state", STATE),
            ("scope", scope),
        ]
    }

    /// Authorizes as the logged-in member, by the consent page or its bypass; returns the code.
    pub(crate) async fn authorize(&self, app: &ReadyApp, scope: &str) -> String {
        let mut answer = self.query(AUTHORIZATION, &self.request(app, scope)).await;
        if answer.status == 200 {
            answer = self
                .form(&format!("{WWW}{}", answer.form_action()), &[("action", "allow")])
                .await;
        }
        answer.callback_value("code")
    }

    /// A token request that nothing is wrong with.
    pub(crate) fn exchange<'a>(&'a self, app: &'a ReadyApp, code: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &app.client_id),
            ("client_secret", &app.client_secret),
            ("redirect_uri", &self.ready().redirect_hosts.live_https),
        ]
    }

    /// Authorizes and exchanges; returns the token endpoint's answer.
    pub(crate) async fn tokens(&self, app: &ReadyApp, scope: &str) -> Value {
        let code = self.authorize(app, scope).await;
        let answer = self.form(TOKEN, &self.exchange(app, &code)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn access_token(&self, app: &ReadyApp, scope: &str) -> String {
        self.tokens(app, scope).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn introspect(&self, app: &ReadyApp, token: &str) -> Answer {
        let pairs = [
            ("client_id", &*app.client_id),
            ("client_secret", &app.client_secret),
            ("token", token),
        ];
        self.form(INTROSPECTION, &pairs).await
    }

    /// Moves the sandbox's clock.
    pub(crate) async fn later(&self, seconds: i64) {
        self.control("clock", &json!({"offset_s": seconds})).await;
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Failure> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    connection.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// `pairs` with one value changed, added, or (None) left out.
pub(crate) fn with<'a>(
    pairs: &[(&'static str, &'a str)],
    name: &'static str,
    value: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let mut changed = pairs.to_vec();
    match (changed.iter().position(|(key, _)| *key == name), value) {
        (Some(index), Some(value)) => changed[index].1 = value,
        (Some(index), None) => drop(changed.remove(index)),
        (None, Some(value)) => changed.push((name, value)),
        (None, None) => {}
    }
    changed
}

/// An error of the token and introspection endpoints, whole.
#[track_caller]
pub(crate) fn assert_error(answer: &Answer, status: u16, error: &str, description: &str) {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), json!({"error": error, "error_description": description}));
    assert_eq!(answer.status, status);
}
