//! The trace of a flow: what happened when, and the requests and answers in the form in which they may be shown to
//! anybody, for a bug report.
//!
//! What is in it is chosen, not filtered: names of parameters, values of those few that are public, and what a server says
//! of an error. A search for the flow's own secrets follows, as a second net, over every text that came from outside.
//! The recorder stands beside the engine and reads it; the engine does not know of it.

use url::Url;

use crate::diagnosis::{Needed, TransportError};
use crate::oauth::form;
use crate::oauth::http::{HttpRequest, HttpResponse};
use crate::oauth::redirect::state_of;
use crate::oauth::secret::{IdToken, RefreshToken, State};
use crate::oauth::text::{self, clean, html_unescape, without_tokens};
use crate::oauth::token::{TokenError, TokenResponse, parse_token_response};
use crate::plain::{Plain, record};

use super::{Effect, Ended, Engine, Event, Flow, FlowId, NewFlow, Phase, Rule, Snapshot};

/// Traces kept of a profile.
pub const TRACES_AT_MOST: usize = 5;
/// A flow has some ten steps; one that the browser wakes again and again has more.
const STEPS_AT_MOST: usize = 40;
/// All details of a trace together, in bytes: with the rest a trace stays below 16 KB.
const DETAILS_AT_MOST: usize = 10_000;
const DETAIL_AT_MOST: usize = 2_000;
/// The longest value that is shown.
const VALUE: usize = 300;
/// The most parameters or members that are named.
const NAMES: usize = 30;
/// An answer that is larger is not read a second time while the token waits.
const BODY_AT_MOST: usize = 64 * 1024;

/// Outcome of a flow that brought a token.
pub const TOKEN_STORED: &str = "token_stored";
/// Outcome of a renewal that an authorization took the place of.
pub const SUPERSEDED: &str = "superseded";
/// Outcome of a flow that was neither finished nor given up.
pub const INTERRUPTED: &str = "interrupted";

/// One step of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// When, in milliseconds of the Unix epoch.
    pub at_ms: u64,
    /// What happened, as a stable name.
    pub what: String,
    /// Lines of `name: value`.
    pub detail: String,
}
record!(TraceStep { at_ms, what, detail });

/// What is known of one flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The flow.
    pub flow: FlowId,
    /// The profile's id.
    pub profile: String,
    /// The profile's name at that time.
    pub profile_name: String,
    /// Whether it was a renewal.
    pub renewal: bool,
    /// When the flow began, in milliseconds of the Unix epoch.
    pub began_ms: u64,
    /// What happened.
    pub steps: Vec<TraceStep>,
    /// How it ended: a finding, or one of the words above; none when no end was written.
    pub outcome: Option<String>,
}
record!(Trace {
    flow,
    profile,
    profile_name,
    renewal,
    began_ms,
    steps,
    outcome
});

impl Trace {
    fn add(&mut self, at_ms: u64, what: &str, detail: &str) {
        if self.steps.len() >= STEPS_AT_MOST {
            return;
        }
        let used: usize = self.steps.iter().map(|step| step.detail.len()).sum();
        let room = DETAILS_AT_MOST.saturating_sub(used).min(DETAIL_AT_MOST);
        self.steps.push(TraceStep {
            at_ms,
            what: what.to_owned(),
            detail: cut(detail, room),
        });
    }
}

fn status(answer: &HttpResponse) -> String {
    line("status", &answer.status.to_string())
}

/// At most `room` bytes of a text, and a sign where something is missing.
fn cut(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    [&text[..end], "…"].concat()
}

/// Writes down what happens, until the worker stores it.
#[derive(Default)]
pub struct Recorder {
    pending: Vec<Trace>,
    /// The flows before the step, without steps.
    before: Vec<Trace>,
    /// What was sent and must not come back in a trace, for each flow that waits for an answer.
    sent: Vec<(FlowId, Vec<String>)>,
}

impl Recorder {
    /// One that knows of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pending: Vec::new(),
            before: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Looks at an event before the engine takes it.
    pub fn before(&mut self, engine: &Engine, now_ms: u64, event: &Event) {
        self.before = engine.flows.iter().map(head).collect();
        match event {
            Event::Authorize(new) | Event::Renew(new) => {
                self.before.push(new_head(new, now_ms));
                self.add(&new.id, now_ms, "started", &started(new));
            }
            Event::PermissionsChanged { granted } => {
                for (flow, granted) in granted {
                    if engine
                        .flow(flow)
                        .is_some_and(|flow| matches!(flow.phase, Phase::AwaitingPermission))
                        == *granted
                    {
                        self.add(flow, now_ms, "access_changed", &line("granted", yes(*granted)));
                    }
                }
            }
            Event::PermissionRefused(profile) => {
                for flow in engine.flows.iter().filter(|flow| flow.profile() == profile) {
                    self.add(&flow.id, now_ms, "access_refused", "");
                }
            }
            Event::PermissionChecked { flow, granted } => {
                self.add(flow, now_ms, "access_checked", &line("granted", yes(*granted)));
            }
            Event::TabOpened { flow, .. } => self.add(flow, now_ms, "tab_opened", ""),
            Event::RequestFailed { url, .. } => {
                if let Some(flow) = flow_of(engine, event) {
                    let detail = callback(url, flow);
                    self.add(&flow.id, now_ms, "callback", &detail);
                }
            }
            Event::Redirected { from, to } => {
                if let Some(flow) = asking(engine, from) {
                    let at = flow.snapshot.profile.redirect_uri.is_at(to);
                    let detail = if at {
                        callback(to, flow)
                    } else {
                        line("host", to.host_str().unwrap_or_default())
                    };
                    self.add(&flow.id, now_ms, "silent_redirect", &detail);
                }
            }
            Event::Asked { flow, answer } => {
                let detail = match (answer, engine.flow(flow)) {
                    (Ok(Some(page)), _) => status(page),
                    (Err(error), Some(known)) => not_answered(error, &self.secrets(known)),
                    _ => String::new(),
                };
                self.add(flow, now_ms, "silent_answer", &detail);
            }
            Event::PageRead { flow, answer } => self.add(flow, now_ms, "page_read", &status(answer)),
            Event::TabRemoved(_) => {
                if let Some(flow) = flow_of(engine, event) {
                    self.add(&flow.id, now_ms, "tab_closed", "");
                }
            }
            Event::TokenAnswered { flow, answer, .. } => {
                if let Some(known) = engine.flow(flow) {
                    let detail = match answer {
                        Ok(response) => answered(response, self.secrets(known)),
                        Err(error) => not_answered(error, &self.secrets(known)),
                    };
                    self.add(flow, now_ms, "token_answer", &detail);
                }
            }
            Event::TokenStored(flow) => self.add(flow, now_ms, "token_stored", ""),
            Event::Cancel(flow) => self.add(flow, now_ms, "cancelled", ""),
            Event::WorkerStarted { .. } => {
                for flow in &engine.flows {
                    self.add(&flow.id, now_ms, "worker_started", &line("phase", phase(&flow.phase)));
                }
            }
            Event::EffectFailed { flow, what, message } => self.refused(engine, now_ms, flow, *what, message),
            Event::ProfileDeleted { profile, .. } => {
                self.pending.retain(|trace| trace.profile != *profile);
                self.before.retain(|trace| trace.profile != *profile);
            }
            Event::Navigated(_)
            | Event::StoreAgain(_)
            | Event::PageShown { .. }
            | Event::Dismiss(_)
            | Event::Lock
            | Event::Tick
            | Event::Online
            | Event::SessionLost { .. } => {}
        }
    }

    /// Looks at what the engine wants done, and at what has ended.
    pub fn after(&mut self, engine: &Engine, now_ms: u64, effects: &[Effect]) {
        for effect in effects {
            match effect {
                // The one that outlives the session is set just before the others.
                Effect::AddRules { flow, rules } if !rules.iter().any(|rule| Rule::lasts(rule.id)) => {
                    self.add(flow, now_ms, "rules_set", &line("rules", &rules.len().to_string()));
                }
                Effect::Navigate { flow, url, .. } => {
                    self.add(flow, now_ms, "authorization_request", &authorization_request(url));
                }
                Effect::Ask { flow, url } => {
                    self.add(flow, now_ms, "silent_request", &authorization_request(url));
                }
                Effect::CheckPermission { flow, hosts } => {
                    self.add(flow, now_ms, "access_check", &line("hosts", &hosts.join(" ")));
                }
                Effect::Exchange { flow, request, .. } => {
                    self.add(flow, now_ms, "token_request", &token_request(request));
                    self.sent.push((flow.clone(), sent(request)));
                }
                _ => {}
            }
        }
        for head in std::mem::take(&mut self.before) {
            if engine.flow(&head.flow).is_some() {
                continue;
            }
            let outcome = match engine.ended.iter().find(|ended| ended.flow == head.flow) {
                Some(Ended {
                    finding: Some(finding), ..
                }) => finding.code.as_str(),
                Some(_) => TOKEN_STORED,
                None => SUPERSEDED,
            };
            self.sent.retain(|(flow, _)| *flow != head.flow);
            let mut place = self.pending.iter().position(|trace| trace.flow == head.flow);
            if place.is_none() && outcome != SUPERSEDED {
                place = Some(self.pending.len());
                self.pending.push(head);
            }
            if let Some(place) = place {
                let trace = &mut self.pending[place];
                if outcome == SUPERSEDED && trace.steps.len() == 1 && trace.steps[0].what == "started" {
                    // A renewal beside another flow: it was not begun.
                    self.pending.remove(place);
                    continue;
                }
                trace.add(now_ms, "ended", &line("outcome", outcome));
                trace.outcome = Some(outcome.to_owned());
            }
        }
    }

    /// What is to be stored now: nothing while a code or a token is on its way, which storage must not be kept from.
    #[must_use]
    pub fn take(&mut self, engine: &Engine) -> Vec<Trace> {
        if self.is_due(engine) {
            std::mem::take(&mut self.pending)
        } else {
            Vec::new()
        }
    }

    /// Whether [`Recorder::take`] has something to give.
    #[must_use]
    pub fn is_due(&self, engine: &Engine) -> bool {
        let hurry = engine.flows.iter().any(|flow| match flow.phase {
            Phase::Captured {
                waiting_for_permission, ..
            } => !waiting_for_permission,
            // Where a token is refused a trace would be, too.
            Phase::Exchanging | Phase::Refreshing { .. } => true,
            Phase::AwaitingPermission | Phase::Opening | Phase::AwaitingRedirect { .. } | Phase::Asking { .. } => false,
        });
        !self.pending.is_empty() && !hurry
    }

    fn refused(&mut self, engine: &Engine, now_ms: u64, flow: &FlowId, what: Needed, message: &str) {
        let under_way = engine.flow(flow);
        // Said once: it is tried every minute.
        if under_way.is_some_and(|flow| flow.refused().is_some()) {
            return;
        }
        let what = match what {
            Needed::Storage => "storage",
            Needed::Tab => "tab",
            Needed::Rules => "rules",
            Needed::Other => "other",
        };
        let said = under_way
            .map(|flow| foreign(message, &secrets(flow)))
            .unwrap_or_default();
        let detail = [line("what", what), line("message", &said)].concat();
        self.add(flow, now_ms, "browser_refused", &detail);
    }

    fn secrets(&self, flow: &Flow) -> Vec<String> {
        let mut all = secrets(flow);
        let sent = self.sent.iter().filter(|(id, _)| *id == flow.id);
        all.extend(sent.flat_map(|(_, sent)| sent.iter().cloned()));
        all
    }

    fn add(&mut self, flow: &FlowId, at_ms: u64, what: &str, detail: &str) {
        if let Some(trace) = self.pending.iter_mut().find(|trace| trace.flow == *flow) {
            trace.add(at_ms, what, detail);
        } else if let Some(head) = self.before.iter().find(|head| head.flow == *flow) {
            let mut trace = head.clone();
            trace.add(at_ms, what, detail);
            self.pending.push(trace);
        }
    }
}

/// What stands in storage of a profile, with what is new. `engine` tells which flows still run: another one without an
/// end was cut off.
#[must_use]
pub fn merged(mut stored: Vec<Trace>, new: Vec<Trace>, engine: &Engine) -> Vec<Trace> {
    for trace in new {
        match stored.iter_mut().find(|other| other.flow == trace.flow) {
            Some(known) => {
                for step in &trace.steps {
                    known.add(step.at_ms, &step.what, &step.detail);
                }
                known.outcome = trace.outcome.or(known.outcome.take());
            }
            None => stored.push(trace),
        }
    }
    for trace in &mut stored {
        if trace.outcome.is_none() && engine.flow(&trace.flow).is_none() {
            trace.outcome = Some(INTERRUPTED.to_owned());
        }
    }
    let over = stored.len().saturating_sub(TRACES_AT_MOST);
    stored.drain(..over);
    stored
}

/// Traces as text for an issue. Times are relative, so that it tells no more of the person than it must.
#[must_use]
pub fn report(traces: &[Trace]) -> String {
    let mut out = String::new();
    for trace in traces {
        let kind = if trace.renewal { "renewal" } else { "authorization" };
        let outcome = trace.outcome.as_deref().unwrap_or("no end was written");
        // The profile's name may be an employer's: who reports it sees it on the page.
        out.push_str(&["### ", kind, ": ", outcome, "\n\n```\n"].concat());
        for step in &trace.steps {
            out.push_str(&since(step.at_ms.saturating_sub(trace.began_ms)));
            out.push_str(&["  ", &step.what, "\n"].concat());
            for line in step.detail.lines() {
                // A fence in a server's text must not end ours.
                out.push_str(&["            ", &line.replace("```", "'''"), "\n"].concat());
            }
        }
        out.push_str("```\n\n");
    }
    out
}

/// As wide as a quarter of an hour needs.
fn since(ms: u64) -> String {
    let text = seconds(ms);
    " ".repeat(10_usize.saturating_sub(text.len())) + &text
}

/// Seconds with thousandths.
#[must_use]
pub fn seconds(ms: u64) -> String {
    [
        &(ms / 1000).to_string(),
        ".",
        &(ms % 1000 + 1000).to_string()[1..],
        " s",
    ]
    .concat()
}

fn head(flow: &Flow) -> Trace {
    trace(&flow.id, &flow.snapshot, flow.renews.is_some(), flow.started_ms)
}

fn new_head(new: &NewFlow, now_ms: u64) -> Trace {
    trace(&new.id, &new.snapshot, new.renews.is_some(), now_ms)
}

fn trace(flow: &FlowId, snapshot: &Snapshot, renewal: bool, began_ms: u64) -> Trace {
    Trace {
        flow: flow.clone(),
        profile: snapshot.profile.id.clone(),
        profile_name: clean(&snapshot.profile.name, 100),
        renewal,
        began_ms,
        steps: Vec::new(),
        outcome: None,
    }
}

/// Whose request of the worker it was.
fn asking<'a>(engine: &'a Engine, from: &Url) -> Option<&'a Flow> {
    let state = state_of(from).map(State::new);
    let mut flows = engine.flows.iter();
    flows.find(|flow| matches!(flow.phase, Phase::Asking { .. }) && state.as_ref() == Some(&flow.state))
}

/// Whose callback or tab it is, as the engine finds it.
fn flow_of<'a>(engine: &'a Engine, event: &Event) -> Option<&'a Flow> {
    let in_tab = |flow: &&Flow, tab| matches!(flow.phase, Phase::AwaitingRedirect { tab: own, .. } if own == tab);
    match event {
        Event::RequestFailed { url, tab } => {
            let state = state_of(url).map(State::new);
            let waits = |flow: &&Flow| matches!(flow.phase, Phase::AwaitingRedirect { .. });
            let at = |flow: &&Flow| waits(flow) && flow.snapshot.profile.redirect_uri.is_at(url);
            let by_state = engine
                .flows
                .iter()
                .filter(at)
                .find(|flow| state.as_ref() == Some(&flow.state));
            by_state.or_else(|| engine.flows.iter().filter(at).find(|flow| in_tab(flow, *tab)))
        }
        Event::TabRemoved(tab) => engine.flows.iter().find(|flow| in_tab(flow, *tab)),
        _ => None,
    }
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::AwaitingPermission => "awaiting_permission",
        Phase::Opening => "opening",
        Phase::AwaitingRedirect { .. } => "awaiting_redirect",
        Phase::Asking { .. } => "asking",
        Phase::Captured { .. } => "captured",
        Phase::Exchanging => "exchanging",
        Phase::Refreshing { .. } => "refreshing",
    }
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn line(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    [name, ": ", &clean(value, VALUE), "\n"].concat()
}

fn started(new: &NewFlow) -> String {
    let Snapshot { provider, profile, .. } = &new.snapshot;
    let mut out = [
        line("provider", provider.id),
        line("client_id", &shortened(&profile.client_id)),
        line("access", yes(new.permitted)),
    ]
    .concat();
    if new.renews.is_none() {
        out.push_str(&line("redirect_uri", &place(profile.redirect_uri.as_str())));
        out.push_str(&line("scope", &profile.scopes.join(" ")));
    }
    out
}

/// Enough of a client id to tell one from another.
fn shortened(id: &str) -> String {
    let beginning: String = id.chars().take(4).collect();
    if beginning.len() < id.len() {
        beginning + "…"
    } else {
        beginning
    }
}

/// A URL without the values of its query.
fn place(url: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    if query.is_empty() {
        return base.to_owned();
    }
    [base, " with ", &names(&form::parse(query.as_bytes()))].concat()
}

/// The names of parameters, each once. A name is as foreign as a value.
fn names(pairs: &[(String, String)]) -> String {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in pairs {
        let name = name_shown(name);
        if names.len() < NAMES && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

fn name_shown(name: &str) -> String {
    // The longest that means something, `refresh_token_expires_in`, has 24 letters.
    let plain = name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-');
    if plain && !name.is_empty() && name.len() <= 32 && without_tokens(name) == name {
        name.to_owned()
    } else {
        "[other]".to_owned()
    }
}

fn authorization_request(url: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut out = ["GET ", &clean(base, VALUE), "\n"].concat();
    for (name, value) in form::parse(query.as_bytes()).iter().take(NAMES) {
        let shown = match name.as_str() {
            "response_type" | "scope" | "code_challenge_method" => value.clone(),
            "redirect_uri" => place(value),
            "client_id" => shortened(value),
            _ => "[redacted]".to_owned(),
        };
        out.push_str(&line(&name_shown(name), &shown));
    }
    out
}

fn callback(url: &Url, flow: &Flow) -> String {
    let pairs = form::parse(url.query().unwrap_or_default().as_bytes());
    let mut secrets = secrets(flow);
    for (name, value) in &pairs {
        if matches!(name.as_str(), "code" | "state") {
            secrets.push(value.to_owned());
        }
    }
    // A secret may stand as a name, too.
    let mut out = line("parameters", &foreign(&names(&pairs), &secrets));
    let state = state_of(url).map(State::new);
    out.push_str(&line("state_is_ours", yes(state.as_ref() == Some(&flow.state))));
    for wanted in ["error", "error_description", "iss"] {
        if let Some((name, value)) = pairs.iter().find(|(name, _)| name == wanted) {
            out.push_str(&line(name, &foreign(&html_unescape(value), &secrets)));
        }
    }
    out
}

fn token_request(request: &HttpRequest) -> String {
    let body = form::parse(request.body.expose());
    let grant = body.iter().find(|(name, _)| name == "grant_type");
    let headers: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    [
        request.method.as_str().to_owned(),
        " ".to_owned(),
        clean(&place(&request.url), VALUE),
        "\n".to_owned(),
        line("headers", &headers.join(", ")),
        line("grant_type", grant.map_or("", |(_, value)| value.as_str())),
        line("parameters", &names(&body)),
    ]
    .concat()
}

/// The values of a request that are not public: the code among them, which the engine has erased by now.
fn sent(request: &HttpRequest) -> Vec<String> {
    let mut values = form::parse(request.body.expose());
    values.retain(|(name, _)| !matches!(name.as_str(), "grant_type" | "redirect_uri" | "client_id"));
    values.into_iter().map(|(_, value)| value).collect()
}

/// Headers that help to find a request in LinkedIn's logs, and the media type.
const HEADERS: [&str; 4] = ["content-type", "x-li-uuid", "x-li-request-id", "x-li-fabric"];

fn answered(response: &HttpResponse, mut secrets: Vec<String>) -> String {
    let mut out = line("status", &response.status.to_string());
    out.push_str(&line("length", &response.body.len().to_string()));
    if response.body.len() > BODY_AT_MOST {
        return out;
    }
    let parsed = parse_token_response(response);
    if let Ok(token) = &parsed {
        tokens(token, &mut secrets);
    }
    for name in HEADERS {
        if let Some(value) = response.header(name) {
            out.push_str(&line(name, &foreign(value, &secrets)));
        }
    }
    match parsed {
        Ok(token) => {
            out.push_str(&line("members", &foreign(&members(response), &secrets)));
            let expires = token.expires_in.map(|seconds| seconds.to_string());
            out.push_str(&line("expires_in", &expires.unwrap_or_default()));
            let scope = token.scope.map(|scopes| scopes.join(" ")).unwrap_or_default();
            out.push_str(&line("scope", &foreign(&scope, &secrets)));
        }
        Err(error) => refused(&mut out, &error, &secrets),
    }
    out
}

/// The names in a successful answer.
fn members(response: &HttpResponse) -> String {
    let pairs = match Plain::from_others(&response.body) {
        Ok(Plain::Object(members)) => members
            .into_iter()
            .map(|(name, _)| (name.into_owned(), String::new()))
            .collect(),
        _ => form::parse(&response.body),
    };
    names(&pairs)
}

fn refused(out: &mut String, error: &TokenError, secrets: &[String]) {
    match error {
        TokenError::Refused {
            error,
            error_description,
            ..
        } => {
            out.push_str(&line("error", &foreign(error, secrets)));
            let said = error_description.as_deref().unwrap_or_default();
            out.push_str(&line("error_description", &foreign(said, secrets)));
        }
        TokenError::NotJson { excerpt, .. } | TokenError::Status { excerpt, .. } => {
            out.push_str(&line("problem", "no JSON"));
            out.push_str(&line("excerpt", &foreign(excerpt, secrets)));
        }
        TokenError::UnsupportedTokenType { token_type } => {
            out.push_str(&line("token_type", &foreign(token_type, secrets)));
        }
        TokenError::Field { name, .. } => out.push_str(&line("unusable", &foreign(&name_shown(name), secrets))),
        TokenError::NotAnObject => out.push_str(&line("problem", "no object")),
        TokenError::AccessTokenMissing => out.push_str(&line("problem", "no access_token")),
        TokenError::TooLarge => out.push_str(&line("problem", "too large")),
        TokenError::Truncated => out.push_str(&line("problem", "cut short")),
    }
}

fn not_answered(error: &TransportError, secrets: &[String]) -> String {
    let (problem, message) = match error {
        TransportError::Timeout => ("timeout", ""),
        TransportError::Redirected => ("redirect", ""),
        TransportError::TooLarge => ("too large", ""),
        TransportError::Cut => ("cut short", ""),
        TransportError::Unreachable { message } => ("unreachable", message.as_str()),
    };
    [line("problem", problem), line("message", &foreign(message, secrets))].concat()
}

/// A text that came from outside.
fn foreign(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    text::hide(&mut text, &secrets);
    // The beginning of a secret, cut off before it came here, would not be found.
    if text.ends_with('…') {
        let end = text.rfind(char::is_whitespace).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    clean(&without_tokens(&text), VALUE)
}

fn secrets(flow: &Flow) -> Vec<String> {
    flow.secrets().into_iter().map(str::to_owned).collect()
}

fn tokens(response: &TokenResponse, secrets: &mut Vec<String>) {
    let all = [
        Some(response.access_token.expose()),
        response.refresh_token.as_ref().map(RefreshToken::expose),
        response.id_token.as_ref().map(IdToken::expose),
    ];
    secrets.extend(all.into_iter().flatten().map(str::to_owned));
}
