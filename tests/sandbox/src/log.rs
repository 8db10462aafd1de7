//! What reached the sandbox: every request, and the few numbers that tests ask for most.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::http::{Host, Params, Request};

/// The numbers of `GET /state`. Second POSTs of a code follow from the codes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) authorization_requests: u64,
    pub(crate) token_posts: u64,
    pub(crate) redirect_host_requests: u64,
    /// `host:port` of every refused proxy request, each once, in the order of first sight.
    pub(crate) refused_hosts: Vec<String>,
    /// Tunnels opened to each host: a connection that nobody used still shows.
    pub(crate) tunnels: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(crate) fn refuse(&mut self, authority: &str) {
        if !self.refused_hosts.iter().any(|known| known == authority) {
            self.refused_hosts.push(authority.to_owned());
        }
    }
}

/// The headers that tests look at.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LoggedHeaders {
    /// Whether there was a `Cookie` header; its value stays out.
    cookie: bool,
    #[serde(flatten)]
    values: BTreeMap<&'static str, String>,
}

impl LoggedHeaders {
    const NAMES: [&str; 9] = [
        "accept",
        "authorization",
        "content-type",
        "linkedin-version",
        "origin",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
    ];

    fn of(request: &Request) -> Self {
        let value = |name: &'static str| Some((name, request.header(name)?.to_owned()));
        Self {
            cookie: request.headers.contains_key("cookie"),
            values: Self::NAMES.into_iter().filter_map(value).collect(),
        }
    }
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    #[serde(skip)]
    id: u64,
    /// Milliseconds since the epoch, by the real clock.
    at_ms: u64,
    host: String,
    method: String,
    path: String,
    /// As an object; `raw_query` has it as it stood in the URL.
    query: Params,
    raw_query: String,
    /// The body's pairs, when it is a form.
    form: Option<Params>,
    headers: LoggedHeaders,
    /// None: no answer was sent, or not yet.
    status: Option<u16>,
    /// The kind of the fault that took the request.
    fault: Option<&'static str>,
}

/// Every request since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    next_id: u64,
}

impl Log {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets the entries; ids go on, so that an answer under way cannot mark a newer entry.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds a request as it arrives; returns the id to [`Log::settle`] it with.
    pub(crate) fn arrived(&mut self, request: &Request) -> u64 {
        // Where it arrived, not where it says it goes; only loopback has names and ports to tell apart.
        let host = match (request.host, request.header("host")) {
            (Host::Loopback, Some(host)) => host.to_owned(),
            _ => request.host.name().to_owned(),
        };
        self.push(Entry {
            id: 0,
            at_ms: now_ms(),
            host,
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.query.clone(),
            raw_query: request.raw_query.clone(),
            form: request.has_form().then(|| request.form.clone()),
            headers: LoggedHeaders::of(request),
            status: None,
            fault: None,
        })
    }

    /// Adds a request that the proxy refused.
    pub(crate) fn refused(&mut self, authority: &str, method: &str, path: &str, status: u16) {
        let id = self.push(Entry {
            id: 0,
            at_ms: now_ms(),
            host: authority.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: Params::default(),
            raw_query: String::new(),
            form: None,
            headers: LoggedHeaders::default(),
            status: None,
            fault: None,
        });
        self.settle(id, Some(status), None);
    }

    /// Says how a request ended.
    pub(crate) fn settle(&mut self, id: u64, status: Option<u16>, fault: Option<&'static str>) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.id == id) {
            entry.status = status;
            entry.fault = fault;
        }
    }

    fn push(&mut self, entry: Entry) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push(Entry { id, ..entry });
        id
    }
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
