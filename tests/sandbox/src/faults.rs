//! Faults that a test sets for an endpoint, and how an answer (or none) leaves the sandbox.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::{Reply, Request, escape_html};

/// A body that may break off.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was reset on purpose")]
pub(crate) struct Reset;

/// Where faults apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    /// Both authorization endpoints.
    Authorization,
    /// The login form's POST and the step after it.
    Login,
    /// The consent form's POST.
    Consent,
    /// The second step of a chained redirect.
    Chained,
    Token,
    Introspection,
    Revocation,
    Discovery,
    Jwks,
    Userinfo,
    /// All of api.linkedin.com but userinfo.
    Rest,
    RedirectHost,
    /// Pages that tests put there.
    Page,
    /// Every other path.
    Other,
}

/// What goes wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// The real answer, late.
    Delay { ms: u64 },
    /// No answer for as long as the client stays.
    Hang,
    /// The connection closes without an answer; the request was not looked at.
    Reset,
    /// Half of the real answer's body, then the connection closes.
    Cut,
    /// 200 with a JSON body of this length; 19 is the least.
    Huge { bytes: u64 },
    /// A redirect instead of the answer.
    Redirect { status: u16, location: String },
    /// An error that says the request's form and credentials back, encoded and not, in JSON or as a page.
    Echo {
        status: u16,
        #[serde(default = "json_type")]
        content_type: String,
    },
    /// Any other answer instead of the real one.
    Answer {
        status: u16,
        #[serde(default = "json_type")]
        content_type: String,
        #[serde(default)]
        body: String,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
}

fn json_type() -> String {
    "application/json".to_owned()
}

impl Fault {
    /// The name that the control interface knows it by.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Cut => "cut",
            Self::Huge { .. } => "huge",
            Self::Redirect { .. } => "redirect",
            Self::Echo { .. } => "echo",
            Self::Answer { .. } => "answer",
        }
    }

    /// Whether the real answer is made, with all that it changes.
    pub(crate) const fn keeps_answer(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Cut)
    }

    /// The status that the client sees, when it sees one.
    pub(crate) fn status(&self, real: Option<&Reply>) -> Option<u16> {
        match self {
            Self::Delay { .. } | Self::Cut => real.map(|reply| reply.status.as_u16()),
            Self::Hang | Self::Reset => None,
            Self::Huge { .. } => Some(200),
            Self::Redirect { status, .. } | Self::Echo { status, .. } | Self::Answer { status, .. } => Some(*status),
        }
    }

    /// What it is for this request: an echo becomes the answer that it gives.
    pub(crate) fn to(self, request: &Request) -> Self {
        let Self::Echo { status, content_type } = self else {
            return self;
        };
        let mut said: Vec<&str> = request.form.values().collect();
        said.extend(request.header("authorization"));
        let encoded = String::from_utf8_lossy(&request.body);
        said.push(&encoded);
        let said = said.join(" ");
        let body = if content_type == json_type() {
            // The members in which OAuth and LinkedIn's API give their reasons.
            json!({"error": "invalid_request", "error_description": said, "code": "ECHO", "message": said}).to_string()
        } else {
            ["<html><p>", &escape_html(&said), "</p></html>"].concat()
        };
        Self::Answer {
            status,
            content_type,
            body,
            headers: BTreeMap::new(),
        }
    }
}

/// The body of the control's `POST /faults`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planned {
    endpoint: Endpoint,
    #[serde(default = "once")]
    times: u32,
    pub(crate) fault: Fault,
}

const fn once() -> u32 {
    1
}

/// The faults that are still to happen, in the order in which they were set.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Faults(VecDeque<Planned>);

impl Faults {
    pub(crate) fn plan(&mut self, planned: Planned) {
        if planned.times > 0 {
            self.0.push_back(planned);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The next fault of an endpoint; it counts as used.
    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let index = self.0.iter().position(|planned| planned.endpoint == endpoint)?;
        let planned = &mut self.0[index];
        let fault = planned.fault.clone();
        planned.times -= 1;
        if planned.times == 0 {
            self.0.remove(index);
        }
        Some(fault)
    }
}

/// Sends `real` as it is, or what `fault` makes of it.
pub(crate) async fn send(fault: Option<Fault>, real: Option<Reply>) -> Result<Response<Body>, Reset> {
    let real = real.unwrap_or_else(|| Reply::empty(StatusCode::INTERNAL_SERVER_ERROR));
    match fault {
        None => Ok(response(real)),
        Some(Fault::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(response(real))
        }
        // The client's leaving drops this future.
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset) => Err(Reset),
        Some(Fault::Cut) => Ok(cut(real)),
        Some(Fault::Huge { bytes }) => Ok(huge(bytes)),
        Some(Fault::Redirect { status, location }) => Ok(response(Reply::redirect(code(status), &location))),
        // It was told its request before.
        Some(Fault::Echo { status, .. }) => Ok(response(Reply::empty(code(status)))),
        Some(Fault::Answer {
            status,
            content_type,
            body,
            headers,
        }) => {
            let mut reply = Reply::new(code(status), &content_type, body);
            for (name, value) in &headers {
                reply = reply.with(name, value);
            }
            Ok(response(reply))
        }
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A whole answer.
pub(crate) fn response(reply: Reply) -> Response<Body> {
    let Reply { status, headers, body } = reply;
    with_body(
        status,
        &headers,
        Full::new(body).map_err(|never| match never {}).boxed(),
    )
}

fn with_body(status: StatusCode, headers: &[(String, String)], body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(response.headers_mut().append(name, value)),
            // Only a test's own settings can bring this about.
            _ => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    response
}

/// The whole length is announced, half of it is sent.
fn cut(reply: Reply) -> Response<Body> {
    let Reply {
        status,
        mut headers,
        body,
    } = reply;
    headers.push(("content-length".to_owned(), body.len().to_string()));
    let (mut sender, channel) = Channel::new(1);
    tokio::spawn(async move {
        let half = body.slice(..body.len() / 2);
        if sender.send_data(half).await.is_ok() {
            // Without a pause the half would be thrown away with the connection.
            tokio::time::sleep(Duration::from_millis(100)).await;
            sender.abort(io::Error::other("cut on purpose"));
        }
    });
    with_body(status, &headers, channel.boxed())
}

/// A JSON object of `bytes` bytes, in chunks, without an announced length.
fn huge(bytes: u64) -> Response<Body> {
    const OPENING: &[u8] = b"{\"access_token\":\"";
    const CLOSING: &[u8] = b"\"}";
    const CHUNK: usize = 64 * 1024;
    let (mut sender, channel) = Channel::new(1);
    tokio::spawn(async move {
        let frame = OPENING.len() + CLOSING.len();
        let mut left = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_sub(frame);
        let chunk = Bytes::from(vec![b'A'; CHUNK]);
        let mut reading = sender.send_data(Bytes::from_static(OPENING)).await.is_ok();
        while reading && left > 0 {
            let next = chunk.slice(..left.min(CHUNK));
            left -= next.len();
            reading = sender.send_data(next).await.is_ok();
        }
        // A client that left gets no ending.
        drop(sender.send_data(Bytes::from_static(CLOSING)).await);
    });
    with_body(
        StatusCode::OK,
        &[("content-type".to_owned(), json_type())],
        channel.boxed(),
    )
}
