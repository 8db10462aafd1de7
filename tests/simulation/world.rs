//! The world around the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use proptest::prelude::*;
use tokenkeep::diagnosis::{Fix, TransportError};
use tokenkeep::flow::{
    ANSWER_WITHIN_MS, Effect, Engine, Event, Flow, FlowId, NewFlow, Phase, REFRESHES_AT_MOST, Rule, Snapshot,
    StoredToken, TabId,
};
use tokenkeep::oauth::http::HttpResponse;
use tokenkeep::oauth::redirect_uri::RedirectUri;
use tokenkeep::oauth::scope::Scopes;
use tokenkeep::oauth::secret::{ClientSecret, State};
use tokenkeep::profile::{Look, Profile};
use tokenkeep::provider::{self, Provider, RefreshTokens};
use tokenkeep::vault::profile_key;
use url::Url;

use crate::losses::Losses;
use crate::server::{Reply, Server};
use crate::storage::{Harm, PROFILES, Pace, Storage};
use crate::tally::{Counts, Tally};
use crate::writer::Stopped;

pub(crate) const REDIRECT_URI: &str = "https://app.tokenkeep.test/callback";

/// The profile whose renewals may open an inactive tab.
pub(crate) const QUIET: u8 = 2;

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Authorize(u8),
    /// The person clicks Renew, or a renewal is due.
    Renew(u8),
    Grant,
    Revoke,
    Refuse(u8),
    /// The provider sends the browser to the redirect URI, in the flow's tab or in another one.
    Callback(u8, Answer, bool),
    /// The last callback once more: Back, Reload, a reopened tab.
    Again(bool),
    Answer(u8, Outcome),
    /// The server does what a request asks for; its answer is still on the way.
    Arrive(u8),
    /// The authorization endpoint answers the worker's own request.
    Silent(u8, Silent),
    CloseTab(u8),
    Cancel(u8),
    /// The person deletes the profile; the one that lies in the trash goes for good.
    Delete(u8),
    /// The person takes the deletion back.
    Undo,
    /// A minute is over.
    EmptyTrash,
    /// The worker dies after this many more effects.
    Kill(u8),
    /// From now on the browser refuses rules, or takes them.
    RefuseRules(bool),
    /// The browser refuses so many writes of `storage.local`, and then takes them again.
    RefuseWrites(u8),
    /// The same of the session.
    RefuseSession(u8),
    /// The browser dies over the next batch of several records, and these of them are written.
    Tear(u8),
    /// How the copy follows from now on.
    Copying(Pace),
    /// The power goes, and with it at most so many of the last batches.
    CutPower(u8),
    /// The browser is killed, and finds something harmed when it starts: in the copy or not, which record and where.
    Damage(Harm, bool, u8, u8),
    /// The person has seen what was damaged.
    Understood,
    /// The person removes a token.
    Remove(u8),
    Advance(u32),
    /// The computer sleeps: no alarm rings meanwhile.
    Sleep(u32),
    /// The browser is killed and started again.
    Restart,
    Tick,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Code,
    Error,
    WrongState,
    NoState,
    NoCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server does what was asked.
    Token,
    /// The same, as most of LinkedIn's apps get it: a code brings no refresh token.
    NoRefreshToken,
    /// The server refuses the client, before it looks at the grant.
    Refused,
    /// The member has ended the grant.
    Dead,
    /// The request is lost on its way.
    Timeout,
    /// The server did what was asked, and its answer is lost.
    Cut,
    /// 503.
    Busy,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Silent {
    /// The callback with a code.
    Code,
    /// The callback, saying that the person is needed.
    LoginRequired,
    /// A redirect to the login page.
    Login,
    /// The consent page.
    Page,
    Timeout,
}

pub(crate) fn action() -> impl Strategy<Value = Action> {
    let answer = prop_oneof![
        6 => Just(Answer::Code),
        1 => Just(Answer::Error),
        1 => Just(Answer::WrongState),
        1 => Just(Answer::NoState),
        1 => Just(Answer::NoCode),
    ];
    let outcome = prop_oneof![
        6 => Just(Outcome::Token),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Dead),
        1 => Just(Outcome::Timeout),
        1 => Just(Outcome::Cut),
        1 => Just(Outcome::Busy),
        2 => Just(Outcome::NoRefreshToken),
    ];
    let silent = prop_oneof![
        6 => Just(Silent::Code),
        1 => Just(Silent::LoginRequired),
        1 => Just(Silent::Login),
        1 => Just(Silent::Page),
        1 => Just(Silent::Timeout),
    ];
    prop_oneof![
        6 => (0..3u8).prop_map(Action::Authorize),
        4 => (0..3u8).prop_map(Action::Renew),
        2 => Just(Action::Grant),
        1 => Just(Action::Revoke),
        1 => (0..3u8).prop_map(Action::Refuse),
        8 => (any::<u8>(), answer, prop::bool::weighted(0.2)).prop_map(|(flow, answer, elsewhere)| {
            Action::Callback(flow, answer, elsewhere)
        }),
        3 => any::<bool>().prop_map(Action::Again),
        6 => (any::<u8>(), outcome).prop_map(|(flow, outcome)| Action::Answer(flow, outcome)),
        2 => any::<u8>().prop_map(Action::Arrive),
        4 => (any::<u8>(), silent).prop_map(|(flow, silent)| Action::Silent(flow, silent)),
        1 => any::<u8>().prop_map(Action::CloseTab),
        1 => any::<u8>().prop_map(Action::Cancel),
        2 => (0..3u8).prop_map(Action::Delete),
        2 => Just(Action::Undo),
        1 => Just(Action::EmptyTrash),
        4 => (0..8u8).prop_map(Action::Kill),
        1 => any::<bool>().prop_map(Action::RefuseRules),
        1 => (0..2_000_000u32).prop_map(Action::Advance),
        2 => (0..60_000u32).prop_map(Action::Advance),
        1 => (0..100_000_000u32).prop_map(Action::Sleep),
        1 => Just(Action::Restart),
        1 => Just(Action::Tick),
        6 => of_storage(),
    ]
}

/// What becomes of storage.
fn of_storage() -> impl Strategy<Value = Action> {
    let harm = prop_oneof![
        2 => Just(Harm::Flipped),
        2 => Just(Harm::Cut),
        2 => Just(Harm::Gone),
        1 => Just(Harm::Unreadable),
        1 => Just(Harm::Everything),
    ];
    prop_oneof![
        1 => (1..4u8).prop_map(Action::RefuseWrites),
        1 => (1..3u8).prop_map(Action::RefuseSession),
        1 => any::<u8>().prop_map(Action::Tear),
        2 => prop_oneof![Just(Pace::AtOnce), Just(Pace::Later), Just(Pace::Never)].prop_map(Action::Copying),
        1 => (1..6u8).prop_map(Action::CutPower),
        1 => (harm, any::<bool>(), any::<u8>(), any::<u8>()).prop_map(|(harm, in_copy, which, at)| {
            Action::Damage(harm, in_copy, which, at)
        }),
        1 => Just(Action::Understood),
        1 => (0..3u8).prop_map(Action::Remove),
    ]
}

/// What a server does with refresh tokens, with the provider that says so.
pub(crate) fn habit() -> impl Strategy<Value = RefreshTokens> {
    prop_oneof![
        Just(RefreshTokens::Kept),
        Just(RefreshTokens::Rotated { grace_ms: 60_000 }),
        Just(RefreshTokens::Rotated { grace_ms: 0 }),
    ]
}

/// A schedule: what the server does with refresh tokens, and what happens. Half of them begin with a token, so that there is
/// something to renew and to lose.
pub(crate) fn schedule() -> impl Strategy<Value = (RefreshTokens, Vec<Action>)> {
    let begun = prop_oneof![
        Just(Vec::new()),
        (0..3u8).prop_map(|profile| {
            vec![
                Action::Authorize(profile),
                Action::Callback(0, Answer::Code, false),
                Action::Answer(0, Outcome::Token),
                Action::Advance(ANSWER_WITHIN_MS),
                Action::Renew(profile),
            ]
        }),
    ];
    let schedule = (begun, prop::collection::vec(action(), 1..40)).prop_map(|(begun, then)| [begun, then].concat());
    (habit(), schedule)
}

/// LinkedIn, if it had that habit.
pub(crate) fn provider_with(refresh_tokens: RefreshTokens) -> &'static Provider {
    static WITH_GRACE: OnceLock<Provider> = OnceLock::new();
    static WITHOUT: OnceLock<Provider> = OnceLock::new();
    let linkedin = provider::by_id("linkedin").unwrap();
    let place = match refresh_tokens {
        RefreshTokens::Kept => return linkedin,
        RefreshTokens::Rotated { grace_ms: 0 } => &WITHOUT,
        RefreshTokens::Rotated { .. } => &WITH_GRACE,
    };
    let rotating = place.get_or_init(|| Provider {
        refresh_tokens,
        ..*linkedin
    });
    assert_eq!(rotating.refresh_tokens, refresh_tokens, "one grace for all");
    rotating
}

/// A token request that was sent.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) flow: FlowId,
    profile: String,
    pub(crate) grant: Grant,
    at_ms: u64,
    /// The server has seen it, and this is on its way back.
    reply: Option<Reply>,
}

#[derive(Clone)]
pub(crate) enum Grant {
    Code(String),
    RefreshToken(String),
}

/// An engine that is broken in one way, to see that the world notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A renewal does not see that another one is under way.
    DropsTheLock,
    /// A token is called stored before it is.
    AcknowledgesBeforeStoring,
    /// What is written down is the step before the exchange: the next worker posts the code again.
    RetriesACode,
    /// A token that the browser refused to write is called stored.
    CallsStoredWhatWasRefused,
    /// A token that the browser refused to write is forgotten when time goes by.
    DropsWhatWasRefused,
    /// What the copy holds takes the place of what is newer.
    HealsWithTheCopy,
    /// Where the manifest is missing, nothing was there.
    TakesItForAFirstRun,
}

/// Flows whose token storage refused, with their profiles and when it came.
fn held(engine: &Engine) -> Vec<(FlowId, String, u64)> {
    let flows = engine.flows.iter();
    let refused = flows.filter_map(|flow| {
        let (token, _) = flow.refused()?;
        Some((flow.id.clone(), flow.profile().to_owned(), token.token.obtained_ms))
    });
    refused.collect()
}

/// A flow that the person started, as the world sees it.
pub(crate) struct Seen {
    id: FlowId,
    state: String,
    tab: Option<TabId>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) granted: bool,
    // What survives the worker.
    pub(crate) session: Option<Engine>,
    pub(crate) storage: Storage,
    /// What can be read of storage: the tokens, the profiles that are not deleted, and the one that can come back.
    pub(crate) tokens: BTreeMap<String, StoredToken>,
    pub(crate) listed: BTreeSet<String>,
    pub(crate) trash: Option<String>,
    /// Whether storage was looked through since the browser started.
    pub(crate) looked: bool,
    /// Profiles that were deleted for good; nothing of theirs may be stored.
    pub(crate) gone: BTreeSet<String>,
    pub(crate) rules: BTreeMap<u32, Rule>,
    /// Where each tab stands, once a redirect was blocked in it.
    pub(crate) tabs: BTreeMap<TabId, Option<Url>>,
    pub(crate) alarm: Option<u64>,
    // What does not.
    pub(crate) worker: Option<Engine>,
    pub(crate) wire: Vec<Sent>,
    /// Requests of a worker that is dead: they may still arrive, and nobody waits for their answers.
    pub(crate) strays: Vec<Sent>,
    /// Authorization requests of the worker itself.
    pub(crate) asked: Vec<(FlowId, Url)>,
    pub(crate) kill_after: Option<u8>,
    // The provider and the redirect host.
    pub(crate) server: Server,
    pub(crate) posts: BTreeMap<String, u32>,
    pub(crate) refreshes: BTreeMap<FlowId, u32>,
    pub(crate) silent_requests: BTreeMap<FlowId, u32>,
    /// Profiles of which two refreshes were under way at once.
    pub(crate) doubled: BTreeSet<String>,
    pub(crate) redirect_host_requests: Vec<Url>,
    // The person.
    pub(crate) seen: Vec<Seen>,
    /// The last callback and when its code dies.
    pub(crate) last_callback: Option<(Url, u64)>,
    pub(crate) acknowledged: Vec<(String, FlowId)>,
    pub(crate) next: u32,
    pub(crate) rules_work: bool,
    pub(crate) refuse_rules: bool,
    pub(crate) refuse_session: u8,
    /// Which records of the next batch are written, in whose middle the browser dies.
    pub(crate) tear: Option<u8>,
    /// The browser was started and has not told so yet.
    pub(crate) starting: bool,
    /// The session does not hold what the worker last knew.
    pub(crate) stale: bool,
    pub(crate) broken: Option<Broken>,
    /// Tokens that a broken engine has yet to store.
    pub(crate) unstored: Vec<(String, StoredToken)>,
    /// Flows whose token the browser did not take, and that have not heard of it.
    pub(crate) refused: Vec<FlowId>,
    pub(crate) losses: Losses,
    /// What storage did wrong.
    pub(crate) wrong: Vec<String>,
    pub(crate) counts: Counts,
    /// When each stored token came, counted from 1.
    pub(crate) stored: BTreeMap<FlowId, u32>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now_ms: 1_700_000_000_000,
            granted: true,
            session: None,
            storage: Storage::new(),
            tokens: BTreeMap::new(),
            listed: (0..PROFILES).map(|number| number.to_string()).collect(),
            trash: None,
            looked: true,
            gone: BTreeSet::new(),
            rules: BTreeMap::new(),
            tabs: BTreeMap::new(),
            alarm: None,
            worker: None,
            wire: Vec::new(),
            strays: Vec::new(),
            asked: Vec::new(),
            kill_after: None,
            server: Server::new(RefreshTokens::Kept),
            posts: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            silent_requests: BTreeMap::new(),
            doubled: BTreeSet::new(),
            redirect_host_requests: Vec::new(),
            seen: Vec::new(),
            last_callback: None,
            acknowledged: Vec::new(),
            next: 0,
            rules_work: true,
            refuse_rules: false,
            refuse_session: 0,
            tear: None,
            starting: false,
            stale: false,
            broken: None,
            unstored: Vec::new(),
            refused: Vec::new(),
            losses: Losses::default(),
            wrong: Vec::new(),
            counts: Counts::default(),
            stored: BTreeMap::new(),
        }
    }

    /// One whose server has this habit, and whose engine may be broken.
    pub(crate) fn with(refresh_tokens: RefreshTokens, broken: Option<Broken>) -> Self {
        Self {
            server: Server::new(refresh_tokens),
            broken,
            ..Self::new()
        }
    }

    pub(crate) fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub(crate) fn die(&mut self) {
        self.counts.kills += 1;
        self.worker = None;
        self.strays.append(&mut self.wire);
        self.asked.clear();
        self.unstored.clear();
        self.refused.clear();
        self.counts.uncopied += self.storage.forget_what_waits();
        self.kill_after = None;
    }

    /// Whether the browser refuses to write the session now.
    pub(crate) fn refuses_session(&mut self) -> bool {
        let refuses = self.refuse_session > 0;
        self.refuse_session = self.refuse_session.saturating_sub(1);
        self.counts.refused_in_session += usize::from(refuses);
        refuses
    }

    /// Whether the worker dies here.
    pub(crate) fn dies(&mut self) -> bool {
        match self.kill_after {
            Some(0) => {
                self.die();
                true
            }
            Some(left) => {
                self.kill_after = Some(left - 1);
                false
            }
            None => false,
        }
    }

    pub(crate) fn granted_flows(&self, engine: &Engine) -> Vec<(FlowId, bool)> {
        engine
            .flows
            .iter()
            .map(|flow| (flow.id.clone(), self.granted))
            .collect()
    }

    /// What a new worker finds in the tabs of flows that wait for a redirect.
    pub(crate) fn missed_in_tabs(&self, engine: &Engine) -> Vec<Event> {
        let waiting = engine.flows.iter().filter_map(|flow| match flow.phase {
            Phase::AwaitingRedirect { tab, navigated: true } => Some(tab),
            _ => None,
        });
        waiting
            .filter_map(|tab| match self.tabs.get(&tab) {
                Some(Some(url)) => Some(Event::RequestFailed { url: url.clone(), tab }),
                Some(None) => None,
                None => Some(Event::TabRemoved(tab)),
            })
            .collect()
    }

    /// A browser event: it wakes the worker if there is none.
    pub(crate) fn deliver(&mut self, event: Event) {
        let mut queue = Vec::new();
        if self.worker.is_none() {
            if !self.look_through() {
                return;
            }
            let engine = self.session.clone().unwrap_or_default();
            let stored = engine
                .flows
                .iter()
                .filter(|flow| {
                    self.tokens
                        .get(flow.profile())
                        .is_some_and(|token| token.flow == flow.id)
                })
                .map(|flow| flow.id.clone())
                .collect();
            let granted = self.granted_flows(&engine);
            queue.push(Event::WorkerStarted {
                stored,
                granted,
                rules: self.rules.keys().copied().collect(),
            });
            queue.extend(self.missed_in_tabs(&engine));
            self.worker = Some(engine);
        }
        queue.push(event);
        while !queue.is_empty() {
            let mut event = queue.remove(0);
            // As the worker does: what is renewed is what is stored when its turn comes.
            if let Event::Renew(new) = &mut event {
                new.renews = self.tokens.get(&new.snapshot.profile.id).cloned();
                if new.renews.is_none() {
                    continue;
                }
            }
            let Some(engine) = &mut self.worker else { return };
            let before: BTreeSet<FlowId> = engine.flows.iter().map(|flow| flow.id.clone()).collect();
            let hidden = match &event {
                Event::Renew(new) if self.broken == Some(Broken::DropsTheLock) => {
                    let profile = new.snapshot.profile.id.clone();
                    engine.flows.extract_if(.., |flow| flow.profile() == profile).collect()
                }
                _ => Vec::new(),
            };
            let heard = match &event {
                Event::EffectFailed { flow, .. } => self.refused.iter().position(|refused| refused == flow),
                _ => None,
            };
            let held = held(engine);
            let given_up = match &event {
                Event::Cancel(flow) => Some(flow.0.clone()),
                Event::ProfileDeleted { profile, .. } => Some(profile.clone()),
                _ => None,
            };
            let ticks = matches!(event, Event::Tick);
            let mut effects = engine.step(self.now_ms, event);
            engine.flows.extend(hidden);
            if ticks && self.broken == Some(Broken::DropsWhatWasRefused) {
                engine.flows.retain(|flow| flow.refused().is_none());
            }
            self.check_held(held, given_up.as_deref());
            let Some(engine) = &self.worker else { return };
            if let Some(place) = heard {
                let flow = self.refused.remove(place);
                let mut ended = engine.ended.iter();
                let kept = engine.flow(&flow).is_some_and(|flow| flow.refused().is_some());
                if kept || ended.any(|ended| ended.flow == flow && ended.finding.is_some()) {
                    self.counts.refusals_told += 1;
                } else {
                    self.wrong
                        .push(format!("nobody is told that the token of {flow:?} was refused"));
                }
            }
            let mut results = Vec::new();
            while !effects.is_empty() {
                if self.dies() {
                    return;
                }
                let effect = effects.remove(0);
                let persist = matches!(effect, Effect::Persist);
                let own = effect.failure().map(|(flow, needed)| (flow.clone(), needed));
                if let Some(result) = self.apply(effect, &before) {
                    results.extend(result);
                    continue;
                }
                let Some(engine) = &self.worker else { return };
                for (flow, what) in engine.refused(own, persist, &mut effects) {
                    results.push(Event::EffectFailed {
                        flow,
                        what,
                        message: "refused".to_owned(),
                    });
                }
            }
            queue.splice(0..0, results);
        }
        let untold = self.refused.drain(..);
        self.wrong
            .extend(untold.map(|flow| format!("{flow:?} never heard that its token was refused")));
        self.storage.copy_what_waits();
    }

    /// What storage refused is kept until it is stored, given up by the person or behind a newer token.
    fn check_held(&mut self, held: Vec<(FlowId, String, u64)>, given_up: Option<&str>) {
        let Some(engine) = &self.worker else { return };
        for (flow, profile, came_ms) in held {
            let by_person = given_up.is_some_and(|name| [flow.0.as_str(), profile.as_str()].contains(&name));
            if engine.flow(&flow).is_some() || by_person {
                continue;
            }
            // The one that came last, whichever was asked for first.
            let newer = |other: &Flow| {
                let obtained_ms = other.unstored.as_ref().map(|new| new.token.token.obtained_ms);
                other.profile() == profile && obtained_ms.is_some_and(|at_ms| at_ms >= came_ms)
            };
            let stored = self.tokens.get(&profile);
            if stored.is_some_and(|token| token.flow == flow) {
                self.counts.stored_later += 1;
            } else if !engine.flows.iter().any(newer) && stored.is_none_or(|token| token.token.obtained_ms < came_ms) {
                let gone = format!("the token of {flow:?} was refused, kept, and is gone");
                self.wrong.push(gone);
            }
        }
    }

    /// What the browser makes of an effect; none when it refuses.
    pub(crate) fn apply(&mut self, effect: Effect, before: &BTreeSet<FlowId>) -> Option<Vec<Event>> {
        if self.refuse_rules && matches!(effect, Effect::AddRules { .. }) {
            return None;
        }
        match effect {
            Effect::Persist => {
                self.stale = self.refuses_session();
                if self.stale {
                    return None;
                }
                let engine = self.worker.clone().unwrap();
                for ended in &engine.ended {
                    let wanted = !self.losses.unwanted.contains(&ended.flow);
                    if ended.finding.is_none() && before.contains(&ended.flow) && wanted {
                        self.acknowledged.push((ended.profile.clone(), ended.flow.clone()));
                        self.counts.acknowledged += 1;
                    }
                }
                self.session = Some(self.written(engine));
            }
            Effect::Ask { flow, url } => {
                *self.silent_requests.entry(flow.clone()).or_default() += 1;
                self.asked.push((flow, Url::parse(&url).unwrap()));
            }
            Effect::OpenTab { flow, .. } => {
                let tab = TabId(i32::try_from(self.fresh()).unwrap());
                self.tabs.insert(tab, None);
                if let Some(seen) = self.seen.iter_mut().find(|seen| seen.id == flow) {
                    seen.tab = Some(tab);
                }
                return Some(vec![Event::TabOpened { flow, tab }]);
            }
            Effect::AddRules { rules, .. } => self.rules.extend(rules.into_iter().map(|rule| (rule.id, rule))),
            Effect::RemoveRules(ids) => {
                for id in ids {
                    self.rules.remove(&id);
                }
            }
            Effect::Navigate { flow, .. } => return Some(vec![Event::Navigated(flow)]),
            Effect::CheckPermission { flow, .. } => {
                return Some(vec![Event::PermissionChecked {
                    flow,
                    granted: self.granted,
                }]);
            }
            Effect::Exchange { flow, request, .. } => {
                let body = request.body.expose();
                let value = |wanted: &str| {
                    url::form_urlencoded::parse(body)
                        .find(|(name, _)| name == wanted)
                        .map(|(_, value)| value.into_owned())
                };
                let profile = self.worker.as_ref().unwrap().flow(&flow).unwrap().profile().to_owned();
                let grant = if let Some(code) = value("code") {
                    *self.posts.entry(code.clone()).or_default() += 1;
                    Grant::Code(code)
                } else {
                    let refreshes =
                        |sent: &Sent| sent.profile == profile && matches!(sent.grant, Grant::RefreshToken(_));
                    if self.wire.iter().any(refreshes) {
                        self.doubled.insert(profile.clone());
                    }
                    *self.refreshes.entry(flow.clone()).or_default() += 1;
                    Grant::RefreshToken(value("refresh_token").unwrap())
                };
                self.wire.push(Sent {
                    flow,
                    profile,
                    grant,
                    at_ms: self.now_ms,
                    reply: None,
                });
            }
            Effect::StoreToken {
                flow: own,
                profile,
                token,
            } => {
                return self.apply_store(own, profile, *token);
            }
            Effect::ShowResult { .. } | Effect::ReadPage { .. } => {}
            Effect::CloseTab(tab) => {
                if self.tabs.remove(&tab).is_some() {
                    return Some(vec![Event::TabRemoved(tab)]);
                }
            }
            Effect::SetAlarm(at_ms) => self.alarm = at_ms,
        }
        Some(Vec::new())
    }

    /// What the browser makes of [`Effect::StoreToken`].
    fn apply_store(&mut self, own: FlowId, profile: String, token: StoredToken) -> Option<Vec<Event>> {
        let flow = token.flow.clone();
        if self.broken == Some(Broken::AcknowledgesBeforeStoring) {
            self.unstored.push((profile, token));
            return Some(vec![Event::TokenStored(flow)]);
        }
        match self.store_token(&profile, &token) {
            Err(Stopped::Died) => None,
            Err(Stopped::Refused) if self.broken != Some(Broken::CallsStoredWhatWasRefused) => {
                // One that ended with this has its finding already.
                let engine = self.worker.as_ref();
                let under_way = engine.is_some_and(|engine| engine.flow(&own).is_some());
                self.refused.extend(under_way.then_some(own));
                None
            }
            _ => Some(vec![Event::TokenStored(flow)]),
        }
    }

    /// What [`Effect::Persist`] writes.
    pub(crate) fn written(&self, mut engine: Engine) -> Engine {
        if self.broken == Some(Broken::RetriesACode) {
            for flow in &mut engine.flows {
                let sent = self.session.as_ref().and_then(|session| session.flow(&flow.id));
                if let (Phase::Exchanging, Some(before)) = (&flow.phase, sent)
                    && matches!(before.phase, Phase::Captured { .. })
                {
                    flow.phase = before.phase.clone();
                }
            }
        }
        engine
    }

    /// The server sees a request.
    pub(crate) fn arrive(&mut self, sent: &Sent, outcome: Outcome) -> Reply {
        match &sent.grant {
            Grant::Code(code) => self.server.exchange(code, outcome != Outcome::NoRefreshToken),
            Grant::RefreshToken(token) => {
                if outcome == Outcome::Dead {
                    self.server.end_grant(token);
                }
                self.server.refresh(self.now_ms, token)
            }
        }
    }

    /// What comes back to a request.
    pub(crate) fn answer(&mut self, sent: &Sent, outcome: Outcome) -> Result<HttpResponse, TransportError> {
        if let Some(reply) = &sent.reply {
            return match outcome {
                Outcome::Timeout | Outcome::Cut => Err(TransportError::Timeout),
                _ => Ok(response(reply)),
            };
        }
        match (outcome, &sent.grant) {
            (Outcome::Timeout | Outcome::Refused | Outcome::Busy, _) | (Outcome::Dead, Grant::Code(_)) => {
                answer(outcome)
            }
            (Outcome::Cut, _) => {
                self.arrive(sent, outcome);
                Err(TransportError::Timeout)
            }
            (Outcome::Token | Outcome::NoRefreshToken | Outcome::Dead, _) => Ok(response(&self.arrive(sent, outcome))),
        }
    }

    /// Nobody waits longer than this for an answer, and nothing arrives later.
    pub(crate) fn give_up(&mut self) {
        let late = |sent: &Sent, now_ms: u64| now_ms >= sent.at_ms + u64::from(ANSWER_WITHIN_MS);
        let now_ms = self.now_ms;
        while let Some(place) = self.wire.iter().position(|sent| late(sent, now_ms)) {
            let flow = self.wire.remove(place).flow;
            self.deliver(Event::TokenAnswered {
                flow,
                answer: answer(Outcome::Timeout),
                code: None,
            });
        }
        self.strays.retain(|sent| !late(sent, now_ms));
    }

    /// Time goes by, and what is due on the way happens.
    pub(crate) fn advance(&mut self, milliseconds: u32) {
        let end_ms = self.now_ms + u64::from(milliseconds);
        loop {
            let answers = self.wire.iter().map(|sent| sent.at_ms + u64::from(ANSWER_WITHIN_MS));
            let next_ms = answers.chain(self.alarm).min().unwrap_or(u64::MAX);
            self.now_ms = next_ms.clamp(self.now_ms, end_ms);
            self.give_up();
            self.ring();
            if self.now_ms == end_ms {
                return;
            }
        }
    }

    /// The browser is killed: session storage and session rules are gone, and so are the tabs.
    pub(crate) fn browser_ends(&mut self) {
        self.counts.restarts += 1;
        // What a worker is to die of may be its start.
        let kill_after = self.kill_after;
        self.die();
        self.kill_after = kill_after;
        self.session = None;
        self.stale = false;
        self.looked = false;
        self.rules.clear();
        self.tabs.clear();
        self.seen.clear();
        self.alarm = None;
        self.last_callback = None;
        self.starting = true;
    }

    /// The browser says that it was started. What was called stored is stored; the flows are forgotten.
    pub(crate) fn starts_up(&mut self) {
        self.starting = false;
        self.deliver(Event::Tick);
        self.empty_trash();
    }

    /// A main-frame request to the redirect URI: a rule stops it, or the redirect host gets it.
    pub(crate) fn navigate(&mut self, url: &Url, tab: TabId) {
        let blocked = self.rules_work && self.granted && self.rules.values().any(|rule| blocks(rule, url, tab));
        if blocked {
            if let Some(at) = self.tabs.get_mut(&tab) {
                *at = Some(url.clone());
            }
            self.deliver(Event::RequestFailed { url: url.clone(), tab });
        } else {
            self.redirect_host_requests.push(url.clone());
        }
    }

    pub(crate) fn act(&mut self, action: &Action) {
        match action {
            Action::Authorize(profile) => self.authorize(*profile),
            Action::Renew(profile) => self.renew(*profile),
            Action::Grant | Action::Revoke => {
                self.granted = matches!(action, Action::Grant);
                let engine = self.worker.clone().or_else(|| self.session.clone()).unwrap_or_default();
                let granted = self.granted_flows(&engine);
                self.deliver(Event::PermissionsChanged { granted });
            }
            Action::Refuse(profile) => self.deliver(Event::PermissionRefused(profile.to_string())),
            Action::Callback(which, answer, elsewhere) => self.callback(*which, *answer, *elsewhere),
            Action::Again(same_tab) => {
                let Some((url, dead_ms)) = self.last_callback.clone() else {
                    return;
                };
                let tab = match self.tabs.keys().next() {
                    Some(tab) if *same_tab => *tab,
                    _ => TabId(i32::try_from(self.fresh()).unwrap()),
                };
                // A dead code harms nobody; and where the person took the hosts away, the rules went with them.
                if self.granted && self.now_ms < dead_ms {
                    self.navigate(&url, tab);
                }
            }
            Action::Answer(which, outcome) => {
                if self.wire.is_empty() {
                    return;
                }
                let sent = self.wire.remove(usize::from(*which) % self.wire.len());
                let answer = self.answer(&sent, *outcome);
                self.deliver(Event::TokenAnswered {
                    flow: sent.flow,
                    answer,
                    code: None,
                });
            }
            Action::Arrive(which) => {
                self.give_up();
                if !self.strays.is_empty() {
                    let sent = self.strays.remove(usize::from(*which) % self.strays.len());
                    if sent.reply.is_none() {
                        self.arrive(&sent, Outcome::Token);
                    }
                } else if !self.wire.is_empty() {
                    let place = usize::from(*which) % self.wire.len();
                    let sent = self.wire[place].clone();
                    if sent.reply.is_none() {
                        self.wire[place].reply = Some(self.arrive(&sent, Outcome::Token));
                    }
                }
            }
            Action::Silent(which, silent) => self.silent(*which, *silent),
            Action::CloseTab(which) => {
                let tabs: Vec<TabId> = self.tabs.keys().copied().collect();
                if !tabs.is_empty() {
                    let tab = tabs[usize::from(*which) % tabs.len()];
                    self.tabs.remove(&tab);
                    self.deliver(Event::TabRemoved(tab));
                }
            }
            Action::Cancel(which) => {
                if !self.seen.is_empty() {
                    let flow = self.seen[usize::from(*which) % self.seen.len()].id.clone();
                    self.deliver(Event::Cancel(flow));
                }
            }
            Action::Delete(profile) => self.delete(*profile),
            Action::Undo => self.undo(),
            Action::EmptyTrash => self.empty_trash(),
            Action::RefuseRules(refuse) => self.refuse_rules = *refuse,
            Action::Kill(effects) => self.kill_after = Some(*effects),
            Action::Advance(milliseconds) => self.advance(*milliseconds),
            Action::Sleep(milliseconds) => {
                self.now_ms += u64::from(*milliseconds);
                self.give_up();
                self.ring();
            }
            Action::Restart => {
                self.browser_ends();
                self.starts_up();
            }
            Action::RefuseWrites(writes) => self.storage.refuses = *writes,
            Action::RefuseSession(writes) => self.refuse_session = *writes,
            Action::Tear(records) => self.tear = Some(*records),
            Action::Copying(pace) => self.storage.pace = *pace,
            Action::CutPower(batches) => self.cut_power(*batches),
            Action::Damage(harm, in_copy, which, at) => self.harm(*harm, *in_copy, *which, *at),
            Action::Understood => self.understood(),
            Action::Remove(profile) => self.remove_token(*profile),
            Action::Tick => self.deliver(Event::Tick),
        }
        // A broken engine's promises are kept with the next thing that happens, if it lives to see it.
        for (profile, token) in std::mem::take(&mut self.unstored) {
            let _ = self.store_token(&profile, &token);
        }
        if self.worker.is_some() {
            self.storage.copy_what_waits();
        }
        if self.starting {
            self.starts_up();
        }
    }

    /// The alarm, if it is due.
    pub(crate) fn ring(&mut self) {
        if self.alarm.is_some_and(|at_ms| at_ms <= self.now_ms) {
            self.alarm = None;
            self.deliver(Event::Tick);
        }
    }

    pub(crate) fn is_deleted(&self, profile: u8) -> bool {
        !self.listed.contains(&profile.to_string())
    }

    pub(crate) fn authorize(&mut self, profile: u8) {
        // A worker that does not start reads nothing, and a profile that can't be read is said to be gone.
        if self.is_deleted(profile) || !self.looked || !self.has_profile(profile) {
            return;
        }
        let number = self.fresh();
        let state = format!("state-{number}");
        let id = FlowId(format!("flow-{number}"));
        self.seen.push(Seen {
            id: id.clone(),
            state: state.clone(),
            tab: None,
        });
        let new = self.new_flow(id, state, profile, None);
        self.deliver(Event::Authorize(Box::new(new)));
    }

    pub(crate) fn renew(&mut self, profile: u8) {
        if self.is_deleted(profile) || !self.looked || !self.has_profile(profile) {
            return;
        }
        let Some(token) = self.tokens.get(&profile.to_string()).cloned() else {
            return;
        };
        let number = self.fresh();
        let id = FlowId(format!("renewal-{number}"));
        let state = format!("state-{number}");
        self.seen.push(Seen {
            id: id.clone(),
            state: state.clone(),
            tab: None,
        });
        let new = self.new_flow(id, state, profile, Some(token));
        self.deliver(Event::Renew(Box::new(new)));
    }

    pub(crate) fn new_flow(&self, id: FlowId, state: String, profile: u8, renews: Option<StoredToken>) -> NewFlow {
        NewFlow {
            id,
            snapshot: Snapshot {
                provider: provider_with(self.server.refresh_tokens),
                profile: Profile {
                    id: profile.to_string(),
                    name: String::new(),
                    provider: "linkedin".to_owned(),
                    client_id: "77sandbox00000".to_owned(),
                    redirect_uri: RedirectUri::parse(REDIRECT_URI).unwrap(),
                    scopes: Scopes::parse("openid").unwrap(),
                    renew_automatically: true,
                    renew_in_tab: profile == QUIET,
                    copy_as: None,
                    look: Look::default(),
                    created_ms: 0,
                    first_app: None,
                },
                client_secret: Some(ClientSecret::new("secret")),
            },
            state: State::new(state),
            code_verifier: None,
            quiet_tab: renews.is_some() && profile == QUIET,
            renews,
            permitted: self.granted,
        }
    }

    /// The browser tells of a redirect by itself, and the request is over.
    pub(crate) fn silent(&mut self, which: u8, silent: Silent) {
        if self.asked.is_empty() {
            return;
        }
        let (flow, from) = self.asked.remove(usize::from(which) % self.asked.len());
        let state = from
            .query_pairs()
            .find(|(name, _)| name == "state")
            .map(|(_, state)| state.into_owned())
            .unwrap();
        let code = format!("code-{}", self.fresh());
        let to = match silent {
            Silent::Code => Some(format!("{REDIRECT_URI}?code={code}&state={state}")),
            Silent::LoginRequired => Some(format!("{REDIRECT_URI}?error=login_required&state={state}")),
            Silent::Login => Some("https://www.linkedin.com/uas/login".to_owned()),
            Silent::Page | Silent::Timeout => None,
        };
        let answer = match (&to, silent) {
            (Some(_), _) => Ok(None),
            (None, Silent::Timeout) => Err(TransportError::Timeout),
            (None, _) => Ok(Some(json(200, String::new()))),
        };
        if let Some(to) = to {
            let to = Url::parse(&to).unwrap();
            self.deliver(Event::Redirected { from, to });
        }
        self.deliver(Event::Asked { flow, answer });
    }

    /// Whether a profile can be read.
    pub(crate) fn has_profile(&self, number: u8) -> bool {
        let key = profile_key(&number.to_string());
        self.storage.generation(&key, &key).is_some()
    }

    /// What the last flow of a profile ended with.
    pub(crate) fn finding(&self, profile: &str) -> String {
        let ended = self.worker.as_ref().and_then(|engine| engine.ended_of(profile));
        match ended {
            None => "nothing".to_owned(),
            Some(ended) => ended
                .finding
                .as_ref()
                .map_or("token".to_owned(), |finding| finding.code.clone()),
        }
    }

    pub(crate) fn callback(&mut self, which: u8, answer: Answer, elsewhere: bool) {
        let at_provider: Vec<usize> = (0..self.seen.len())
            .filter(|index| self.seen[*index].tab.is_some_and(|tab| self.tabs.contains_key(&tab)))
            .collect();
        if at_provider.is_empty() || !self.granted {
            return;
        }
        let seen = &self.seen[at_provider[usize::from(which) % at_provider.len()]];
        let (own_tab, state, id) = (seen.tab.unwrap(), seen.state.clone(), seen.id.clone());
        // The provider answers only a tab that was sent there.
        let engine = self.worker.as_ref().or(self.session.as_ref());
        let sent = engine
            .and_then(|engine| engine.flow(&id))
            .is_some_and(|flow| matches!(flow.phase, Phase::AwaitingRedirect { navigated: true, .. }));
        if !sent {
            return;
        }
        // The browser refuses the rule for a foreign code, or to write that the flow is over: nothing is promised of that one.
        if (self.refuse_rules || self.stale) && matches!(answer, Answer::WrongState | Answer::NoState) {
            return;
        }
        let code = format!("code-{}", self.fresh());
        let query = match answer {
            Answer::Code => format!("code={code}&state={state}"),
            Answer::Error => format!("error=user_cancelled_authorize&state={state}"),
            Answer::WrongState => format!("code={code}&state=other"),
            Answer::NoState => format!("code={code}"),
            Answer::NoCode => format!("state={state}"),
        };
        let url = Url::parse(&format!("{REDIRECT_URI}?{query}")).unwrap();
        // Without our state, another tab's callback is the person's own business.
        let elsewhere = elsewhere && !matches!(answer, Answer::WrongState | Answer::NoState);
        let tab = if elsewhere {
            TabId(i32::try_from(self.fresh()).unwrap())
        } else {
            own_tab
        };
        let lifetime_ms = provider::by_id("linkedin").unwrap().code_lifetime_s * 1000;
        // A code without our state is not one of ours: blocked in the flow's tab, and later unless a kill came between.
        if !matches!(answer, Answer::WrongState | Answer::NoState) {
            self.last_callback = Some((url.clone(), self.now_ms + lifetime_ms));
        }
        self.navigate(&url, tab);
    }

    /// Lets everything come to its end: no more kills, and time goes by.
    pub(crate) fn settle(&mut self) {
        self.kill_after = None;
        self.refuse_rules = false;
        self.refuse_session = 0;
        self.tear = None;
        self.storage.refuses = 0;
        self.storage.pace = Pace::AtOnce;
        self.deliver(Event::Tick);
        while !self.asked.is_empty() {
            self.silent(0, Silent::Timeout);
        }
        while let Some(sent) = self.wire.pop() {
            self.deliver(Event::TokenAnswered {
                flow: sent.flow,
                answer: answer(Outcome::Timeout),
                code: None,
            });
        }
        while !self.asked.is_empty() {
            self.silent(0, Silent::Timeout);
        }
        for _ in 0..4 {
            self.now_ms += 3_600_000;
            self.ring();
            self.deliver(Event::Tick);
        }
    }

    pub(crate) fn check(&self) -> Result<(), TestCaseError> {
        for (code, posts) in &self.posts {
            prop_assert!(*posts <= 1, "{code} was posted {posts} times");
        }
        // Where the session can't be written, a worker that dies takes the number with it.
        let at_most = REFRESHES_AT_MOST + u32::try_from(self.counts.refused_in_session).unwrap();
        for (renewal, posts) in &self.refreshes {
            prop_assert!(*posts <= at_most, "{renewal:?} posted {posts} times");
        }
        for (renewal, requests) in &self.silent_requests {
            prop_assert!(*requests <= at_most, "{renewal:?} asked {requests} times");
        }
        prop_assert!(
            self.doubled.is_empty(),
            "two renewals of one profile at once: {:?}",
            self.doubled
        );
        prop_assert!(
            self.redirect_host_requests.is_empty(),
            "the redirect host got {:?}",
            self.redirect_host_requests
        );
        let wrong = self.wrong.first();
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap());
        let stolen = self.server.taken_for_stolen.iter();
        let stolen: Vec<&String> = stolen.filter(|token| !self.losses.forgotten.contains(*token)).collect();
        prop_assert!(stolen.is_empty(), "the server took {stolen:?} for stolen");
        // What is damaged is put back when it is looked through.
        if !self.looked {
            return Ok(());
        }
        for (profile, flow) in &self.acknowledged {
            let stored = self.tokens.get(profile).and_then(|token| self.stored.get(&token.flow));
            prop_assert!(
                self.gone.contains(profile) || stored >= self.stored.get(flow).or(Some(&u32::MAX)),
                "the token of {flow:?} was called stored and is not"
            );
        }
        for (profile, flow) in &self.losses.removed {
            let token = self.tokens.get(profile);
            prop_assert!(
                token.is_none_or(|token| token.flow != *flow),
                "the token of {flow:?} was removed and is there again"
            );
        }
        for profile in &self.gone {
            prop_assert!(
                !self.tokens.contains_key(profile),
                "a token of the deleted profile {profile} is stored"
            );
        }
        Ok(())
    }

    pub(crate) fn check_settled(&self) -> Result<(), TestCaseError> {
        let engine = self.worker.as_ref().unwrap();
        prop_assert!(engine.flows.is_empty(), "flows without an end: {:?}", engine.flows);
        prop_assert!(engine.guards.is_empty(), "guards without an end: {:?}", engine.guards);
        prop_assert!(self.rules.is_empty(), "rules that nobody owns: {:?}", self.rules.keys());
        prop_assert_eq!(self.alarm, None);
        Ok(())
    }

    /// A grant whose next refresh token was lost with an answer is not found out about by ending it: once the moment's
    /// grace is over, the person is asked to sign in again.
    pub(crate) fn check_losses(&mut self) -> Result<(), TestCaseError> {
        self.granted = true;
        let lost = |world: &Self| {
            let used_up = world.tokens.iter().filter(|(_, token)| {
                let refresh_token = token.token.refresh_token.as_ref();
                refresh_token.is_some_and(|token| {
                    world.server.is_used_up(token.expose()) && !world.losses.forgotten.contains(token.expose())
                })
            });
            used_up.map(|(profile, _)| profile.clone()).collect::<Vec<_>>()
        };
        for profile in lost(self) {
            let number = profile.parse().unwrap();
            if number == QUIET || self.is_deleted(number) || !self.has_profile(number) {
                continue;
            }
            self.renew(number);
            self.silent(0, Silent::Login);
            let worker = self.worker.as_ref().unwrap();
            let finding = worker.ended_of(&profile).and_then(|ended| ended.finding.as_ref());
            prop_assert_eq!(
                finding.map(|finding| &finding.fix),
                Some(&Fix::AuthorizeAgain),
                "the loss of {}'s grant is not told",
                profile
            );
            self.counts.losses_told += 1;
        }
        self.check()
    }

    pub(crate) fn tell(&self, tally: &Tally) {
        tally.add(&Counts {
            schedules: 1,
            kills: self.counts.kills - self.counts.restarts,
            codes: self.posts.len(),
            sent_unknowingly: self.server.taken_for_stolen.len(),
            refreshes: self.refreshes.values().sum::<u32>() as usize,
            ..self.counts.clone()
        });
    }

    /// Runs a whole schedule.
    pub(crate) fn run(&mut self, actions: &[Action]) -> Result<(), TestCaseError> {
        for action in actions {
            self.act(action);
            self.check()?;
        }
        self.settle();
        self.check()?;
        self.check_settled()?;
        self.check_losses()
    }
}

/// The model of a session rule; tests/properties.rs holds the regular expressions to [`RedirectUri::is_at`].
fn blocks(rule: &Rule, url: &Url, tab: TabId) -> bool {
    let Some(regex) = &rule.condition.regex_filter else {
        return false;
    };
    if rule.condition.resource_types != ["main_frame"] || !RedirectUri::parse(REDIRECT_URI).unwrap().is_at(url) {
        return false;
    }
    match &rule.condition.tab_ids {
        Some(tabs) => tabs.contains(&tab),
        None => url
            .query()
            .unwrap_or_default()
            .split('&')
            .any(|pair| regex.replace('\\', "").contains(&format!("{pair}([&#]|$)"))),
    }
}

pub(crate) fn answer(outcome: Outcome) -> Result<HttpResponse, TransportError> {
    let (status, body) = match outcome {
        Outcome::Token => (
            200,
            r#"{"access_token":"AQX-simulated","expires_in":5183999,"refresh_token":"AQW-0-0"}"#,
        ),
        Outcome::NoRefreshToken => (200, r#"{"access_token":"AQX-simulated","expires_in":5183999}"#),
        Outcome::Dead => (
            400,
            r#"{"error":"invalid_request","error_description":"The provided authorization grant or refresh token is invalid, expired or revoked"}"#,
        ),
        Outcome::Refused => (
            401,
            r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#,
        ),
        Outcome::Busy => (503, ""),
        Outcome::Timeout | Outcome::Cut => return Err(TransportError::Timeout),
    };
    Ok(json(status, body.to_owned()))
}

fn response(reply: &Reply) -> HttpResponse {
    match reply {
        Reply::Token {
            access_token,
            refresh_token,
        } => {
            // One that a few hours later would bring less than a whole life, or already does.
            let ends_s = |token: &str| {
                if token.starts_with("AQW-4") {
                    2_592_000
                } else {
                    5_240_000
                }
            };
            let refresh_token = refresh_token
                .as_ref()
                .map(|token| {
                    format!(
                        r#","refresh_token":"{token}","refresh_token_expires_in":{}"#,
                        ends_s(token)
                    )
                })
                .unwrap_or_default();
            let body = format!(r#"{{"access_token":"{access_token}","expires_in":5183999{refresh_token}}}"#);
            json(200, body)
        }
        Reply::Dead => json(400, r#"{"error":"invalid_grant"}"#.to_owned()),
    }
}

fn json(status: u16, body: String) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.into_bytes(),
        truncated: false,
    }
}
