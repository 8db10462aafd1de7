//! Answers that no HTTP library would write: byte by byte, for one client or one token at one endpoint.
//!
//! They stand until they are replaced, because a browser may repeat a request by itself.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::faults::Endpoint;
use crate::http::Request;

/// What is done on the connection once the request was read. After the last step it is closed in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Text. `{{name}}` is that parameter of the request, as it stood in its form or query, decoded.
    Send(String),
    /// Bytes.
    Base64(String),
    /// The same text over and over.
    Repeat { text: String, times: u64 },
    /// The same text for as long as the client reads.
    Endless(String),
    /// Nothing for some milliseconds.
    Pause(u64),
    /// Nothing for as long as the client stays.
    Hang,
    /// The connection breaks off: TLS hears of no end.
    Cut,
}

/// One answer of the control's `POST /hostile`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hostile {
    endpoint: Endpoint,
    /// The `client_id` of the request, or its bearer token.
    key: String,
    steps: Vec<Step>,
}

/// All that were set.
#[derive(Debug, Default)]
pub(crate) struct Answers(HashMap<String, Vec<(Endpoint, Vec<Step>)>>);

impl Answers {
    /// Adds an answer, in the place of an earlier one for the same.
    pub(crate) fn put(&mut self, new: Hostile) {
        let own = self.0.entry(new.key).or_default();
        own.retain(|(endpoint, _)| *endpoint != new.endpoint);
        own.push((new.endpoint, new.steps));
    }

    /// What this request is answered with; none for the real answer.
    pub(crate) fn of(&self, endpoint: Endpoint, request: &Request) -> Option<Vec<Step>> {
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let key = request
            .form
            .get("client_id")
            .or_else(|| request.query.get("client_id"))
            .or(bearer)?;
        let (_, steps) = self.0.get(key)?.iter().find(|(own, _)| *own == endpoint)?;
        Some(steps.iter().map(|step| step.filled(request)).collect())
    }
}

impl Step {
    /// With the request's own parameters in the places for them.
    fn filled(&self, request: &Request) -> Self {
        let Self::Send(text) = self else { return self.clone() };
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            out.push_str(before);
            let Some((name, after)) = after.split_once("}}") else {
                out.push_str("{{");
                rest = after;
                continue;
            };
            out.push_str(
                request
                    .form
                    .get(name)
                    .or_else(|| request.query.get(name))
                    .unwrap_or_default(),
            );
            rest = after;
        }
        out.push_str(rest);
        Self::Send(out)
    }
}

/// Does all steps. An error means that the client left, which is no error of ours, or that the connection was cut.
pub(crate) async fn play(steps: Vec<Step>, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Send(text) => stream.write_all(text.as_bytes()).await?,
            Step::Base64(text) => {
                let bytes = STANDARD.decode(text).map_err(io::Error::other)?;
                stream.write_all(&bytes).await?;
            }
            Step::Repeat { text, times } => repeat(stream, &text, times).await?,
            Step::Endless(text) => repeat(stream, &text, u64::MAX).await?,
            Step::Pause(ms) => {
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            Step::Hang => {
                stream.flush().await?;
                std::future::pending::<()>().await;
            }
            Step::Cut => {
                stream.flush().await?;
                // Without a pause what was sent would be thrown away with the connection.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(io::Error::other("cut on purpose"));
            }
        }
    }
    stream.flush().await?;
    stream.shutdown().await
}

/// In large pieces, because a hundred megabytes are on their way.
async fn repeat(stream: &mut (impl AsyncWrite + Unpin), text: &str, times: u64) -> io::Result<()> {
    const PIECE: usize = 64 * 1024;
    if text.is_empty() {
        return Ok(());
    }
    let in_piece = (PIECE / text.len()).max(1);
    let piece = text.repeat(in_piece);
    let mut left = times;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(in_piece);
        stream.write_all(&piece.as_bytes()[..now * text.len()]).await?;
        left -= now as u64;
    }
    Ok(())
}
