//! The engine under random schedules: clicks, consents, callbacks that repeat or lie, tabs that close, hosts that come and
//! go, and a worker that is killed between any two effects. The world is a model of the two browsers as measured: session
//! rules and `storage.session` survive the worker, its memory does not.

// A model that can't go on is a broken test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokenkeep::diagnosis::TransportError;
use tokenkeep::flow::{
    Effect, Engine, Event, FlowId, NewFlow, Phase, REFRESHES_AT_MOST, Rule, Snapshot, StoredToken, TabId,
};
use tokenkeep::oauth::http::HttpResponse;
use tokenkeep::oauth::redirect_uri::RedirectUri;
use tokenkeep::oauth::scope::Scopes;
use tokenkeep::oauth::secret::{ClientSecret, State};
use tokenkeep::profile::{Look, Profile};
use tokenkeep::provider;
use url::Url;

const REDIRECT_URI: &str = "https://app.tokenkeep.test/callback";

/// Marks the pending request of a renewal, before the profile.
const REFRESH: &str = "refresh of ";

/// The profile whose renewals may open an inactive tab.
const QUIET: u8 = 2;

#[derive(Clone, Debug)]
enum Action {
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
    Advance(u32),
    Tick,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Code,
    Error,
    WrongState,
    NoState,
    NoCode,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Token,
    /// As most of LinkedIn's apps get it.
    NoRefreshToken,
    Refused,
    /// The refresh token is refused for good.
    Dead,
    Timeout,
}

#[derive(Clone, Copy, Debug)]
enum Silent {
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

fn action() -> impl Strategy<Value = Action> {
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
        4 => (any::<u8>(), silent).prop_map(|(flow, silent)| Action::Silent(flow, silent)),
        1 => any::<u8>().prop_map(Action::CloseTab),
        1 => any::<u8>().prop_map(Action::Cancel),
        2 => (0..3u8).prop_map(Action::Delete),
        2 => Just(Action::Undo),
        1 => Just(Action::EmptyTrash),
        4 => (0..8u8).prop_map(Action::Kill),
        1 => any::<bool>().prop_map(Action::RefuseRules),
        2 => (0..2_000_000u32).prop_map(Action::Advance),
        1 => Just(Action::Tick),
    ]
}

/// A flow that the person started, as the world sees it.
struct Seen {
    id: FlowId,
    state: String,
    tab: Option<TabId>,
}

struct World {
    now_ms: u64,
    granted: bool,
    // What survives the worker.
    session: Option<Engine>,
    tokens: BTreeMap<String, StoredToken>,
    /// A deleted profile that can come back.
    trash: Option<String>,
    /// Profiles that were deleted for good; nothing of theirs may be stored.
    gone: BTreeSet<String>,
    rules: BTreeMap<u32, Rule>,
    /// Where each tab stands, once a redirect was blocked in it.
    tabs: BTreeMap<TabId, Option<Url>>,
    alarm: Option<u64>,
    // What does not.
    worker: Option<Engine>,
    exchanges: Vec<(FlowId, String)>,
    /// Authorization requests of the worker itself.
    asked: Vec<(FlowId, Url)>,
    kill_after: Option<u8>,
    // The provider and the redirect host.
    posts: BTreeMap<String, u32>,
    refreshes: BTreeMap<FlowId, u32>,
    silent_requests: BTreeMap<FlowId, u32>,
    /// Profiles of which two refreshes were under way at once.
    doubled: BTreeSet<String>,
    redirect_host_requests: Vec<Url>,
    // The person.
    seen: Vec<Seen>,
    /// The last callback and when its code dies.
    last_callback: Option<(Url, u64)>,
    acknowledged: Vec<(String, FlowId)>,
    next: u32,
    rules_work: bool,
    refuse_rules: bool,
}

impl World {
    fn new() -> Self {
        Self {
            now_ms: 1_700_000_000_000,
            granted: true,
            session: None,
            tokens: BTreeMap::new(),
            trash: None,
            gone: BTreeSet::new(),
            rules: BTreeMap::new(),
            tabs: BTreeMap::new(),
            alarm: None,
            worker: None,
            exchanges: Vec::new(),
            asked: Vec::new(),
            kill_after: None,
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
        }
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn die(&mut self) {
        self.worker = None;
        self.exchanges.clear();
        self.asked.clear();
        self.kill_after = None;
    }

    /// Whether the worker dies here.
    fn dies(&mut self) -> bool {
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

    fn granted_flows(&self, engine: &Engine) -> Vec<(FlowId, bool)> {
        engine
            .flows
            .iter()
            .map(|flow| (flow.id.clone(), self.granted))
            .collect()
    }

    /// What a new worker finds in the tabs of flows that wait for a redirect.
    fn missed_in_tabs(&self, engine: &Engine) -> Vec<Event> {
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
    fn deliver(&mut self, event: Event) {
        let mut queue = Vec::new();
        if self.worker.is_none() {
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
            let event = queue.remove(0);
            let Some(engine) = &mut self.worker else { return };
            let before: BTreeSet<FlowId> = engine.flows.iter().map(|flow| flow.id.clone()).collect();
            let mut effects = engine.step(self.now_ms, event);
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
                let engine = self.worker.as_ref().unwrap();
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
    }

    /// What the browser makes of an effect; none when it refuses.
    fn apply(&mut self, effect: Effect, before: &BTreeSet<FlowId>) -> Option<Vec<Event>> {
        if self.refuse_rules && matches!(effect, Effect::AddRules { .. }) {
            return None;
        }
        match effect {
            Effect::Persist => {
                let engine = self.worker.clone().unwrap();
                for ended in &engine.ended {
                    if ended.finding.is_none() && before.contains(&ended.flow) {
                        self.acknowledged.push((ended.profile.clone(), ended.flow.clone()));
                    }
                }
                self.session = Some(engine);
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
            Effect::Exchange { flow, request } => {
                let body = request.body.expose();
                let value = |wanted: &str| {
                    url::form_urlencoded::parse(body)
                        .find(|(name, _)| name == wanted)
                        .map(|(_, value)| value.into_owned())
                };
                if let Some(code) = value("code") {
                    *self.posts.entry(code.clone()).or_default() += 1;
                    self.exchanges.push((flow, code));
                } else {
                    let profile = self.worker.as_ref().unwrap().flow(&flow).unwrap().profile().to_owned();
                    let pending = [REFRESH, &profile].concat();
                    if self.exchanges.iter().any(|(_, other)| *other == pending) {
                        self.doubled.insert(profile);
                    }
                    *self.refreshes.entry(flow.clone()).or_default() += 1;
                    assert!(value("refresh_token").unwrap().starts_with("AQW-"));
                    self.exchanges.push((flow, pending));
                }
            }
            Effect::StoreToken { profile, token } => {
                let flow = token.flow.clone();
                self.tokens.insert(profile, *token);
                return Some(vec![Event::TokenStored(flow)]);
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

    /// A main-frame request to the redirect URI: a rule stops it, or the redirect host gets it.
    fn navigate(&mut self, url: &Url, tab: TabId) {
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

    fn act(&mut self, action: &Action) {
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
                if self.exchanges.is_empty() {
                    return;
                }
                let (flow, _) = self.exchanges.remove(usize::from(*which) % self.exchanges.len());
                self.deliver(Event::TokenAnswered {
                    flow,
                    answer: answer(*outcome),
                });
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
            Action::Undo => self.trash = None,
            Action::EmptyTrash => self.empty_trash(),
            Action::RefuseRules(refuse) => self.refuse_rules = *refuse,
            Action::Kill(effects) => self.kill_after = Some(*effects),
            Action::Advance(milliseconds) => {
                self.now_ms += u64::from(*milliseconds);
                self.ring();
            }
            Action::Tick => self.deliver(Event::Tick),
        }
    }

    /// The alarm, if it is due.
    fn ring(&mut self) {
        if self.alarm.is_some_and(|at_ms| at_ms <= self.now_ms) {
            self.alarm = None;
            self.deliver(Event::Tick);
        }
    }

    fn delete(&mut self, profile: u8) {
        if self.is_deleted(profile) {
            return;
        }
        self.empty_trash();
        self.trash = Some(profile.to_string());
        self.deliver(Event::ProfileDeleted {
            profile: profile.to_string(),
            for_good: false,
        });
    }

    fn empty_trash(&mut self) {
        if let Some(profile) = self.trash.clone() {
            self.deliver(Event::ProfileDeleted {
                profile: profile.clone(),
                for_good: true,
            });
            // A worker that dies over it leaves it to the next one.
            if self.worker.is_some() {
                self.tokens.remove(&profile);
                self.trash = None;
                self.gone.insert(profile);
            }
        }
    }

    fn is_deleted(&self, profile: u8) -> bool {
        let profile = profile.to_string();
        self.gone.contains(&profile) || self.trash.as_ref() == Some(&profile)
    }

    fn authorize(&mut self, profile: u8) {
        if self.is_deleted(profile) {
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

    fn renew(&mut self, profile: u8) {
        if self.is_deleted(profile) {
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

    fn new_flow(&self, id: FlowId, state: String, profile: u8, renews: Option<StoredToken>) -> NewFlow {
        NewFlow {
            id,
            snapshot: Snapshot {
                provider: provider::by_id("linkedin").unwrap(),
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
    fn silent(&mut self, which: u8, silent: Silent) {
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
            (None, _) => Ok(Some(200)),
        };
        if let Some(to) = to {
            let to = Url::parse(&to).unwrap();
            self.deliver(Event::Redirected { from, to });
        }
        self.deliver(Event::Asked { flow, answer });
    }

    /// What the last flow of a profile ended with.
    fn finding(&self, profile: &str) -> String {
        let ended = self.worker.as_ref().and_then(|engine| engine.ended_of(profile));
        match ended {
            None => "nothing".to_owned(),
            Some(ended) => ended
                .finding
                .as_ref()
                .map_or("token".to_owned(), |finding| finding.code.clone()),
        }
    }

    fn callback(&mut self, which: u8, answer: Answer, elsewhere: bool) {
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
        // The browser refuses the rule for a foreign code: nothing is promised of that one.
        if self.refuse_rules && matches!(answer, Answer::WrongState | Answer::NoState) {
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
    fn settle(&mut self) {
        self.kill_after = None;
        self.refuse_rules = false;
        self.deliver(Event::Tick);
        while !self.asked.is_empty() {
            self.silent(0, Silent::Timeout);
        }
        while let Some((flow, _)) = self.exchanges.pop() {
            self.deliver(Event::TokenAnswered {
                flow,
                answer: answer(Outcome::Timeout),
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

    fn check(&self) -> Result<(), TestCaseError> {
        for (code, posts) in &self.posts {
            prop_assert!(*posts <= 1, "{code} was posted {posts} times");
        }
        for (renewal, posts) in &self.refreshes {
            prop_assert!(*posts <= REFRESHES_AT_MOST, "{renewal:?} posted {posts} times");
        }
        for (renewal, requests) in &self.silent_requests {
            prop_assert!(*requests <= REFRESHES_AT_MOST, "{renewal:?} asked {requests} times");
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
        for (profile, flow) in &self.acknowledged {
            prop_assert!(
                self.tokens.contains_key(profile) || self.gone.contains(profile),
                "the token of {flow:?} was called stored and is not"
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

    fn check_settled(&self) -> Result<(), TestCaseError> {
        let engine = self.worker.as_ref().unwrap();
        prop_assert!(engine.flows.is_empty(), "flows without an end: {:?}", engine.flows);
        prop_assert!(engine.guards.is_empty(), "guards without an end: {:?}", engine.guards);
        prop_assert!(self.rules.is_empty(), "rules that nobody owns: {:?}", self.rules.keys());
        prop_assert_eq!(self.alarm, None);
        Ok(())
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

fn answer(outcome: Outcome) -> Result<HttpResponse, TransportError> {
    let (status, body) = match outcome {
        Outcome::Token => (
            200,
            r#"{"access_token":"AQX-simulated","expires_in":5183999,"refresh_token":"AQW-simulated"}"#,
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
        Outcome::Timeout => return Err(TransportError::Timeout),
    };
    Ok(HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        truncated: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No code is posted twice, none reaches the redirect host, no acknowledged token is lost, and nothing is left behind.
    #[test]
    fn random_schedules_with_kills(actions in prop::collection::vec(action(), 1..40)) {
        let mut world = World::new();
        for action in &actions {
            world.act(action);
            world.check()?;
        }
        world.settle();
        world.check()?;
        world.check_settled()?;
    }
}

/// The same world notices when the rules don't work.
#[test]
fn a_world_without_rules_is_caught() {
    let mut world = World::new();
    world.rules_work = false;
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    assert!(world.check().is_err());
}

/// The plain way, so that the random ones don't pass by never getting anywhere.
#[test]
fn the_plain_way_ends_in_a_token() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::Token));
    world.check().unwrap();
    assert_eq!(world.tokens.len(), 1);
    assert_eq!(world.acknowledged.len(), 1);
    assert_eq!(world.posts.values().copied().collect::<Vec<_>>(), [1]);
    world.act(&Action::Again(true));
    world.act(&Action::Again(false));
    world.check().unwrap();
    world.settle();
    world.check_settled().unwrap();
}

/// A code that came without our state is kept from the redirect host as well, in whatever tab it is opened again.
#[test]
fn a_stray_code_stays_blocked() {
    for answer in [Answer::WrongState, Answer::NoState] {
        let mut world = World::new();
        world.act(&Action::Authorize(0));
        world.act(&Action::Callback(0, answer, false));
        let code = format!("code-{}", world.next);
        let other_tab = TabId(1000);
        world.navigate(
            &Url::parse(&format!("{REDIRECT_URI}?code={code}&state=other")).unwrap(),
            other_tab,
        );
        world.check().unwrap();
        // The person's own login at that host, in another tab, is none of ours.
        world.navigate(
            &Url::parse(&format!("{REDIRECT_URI}?code=own&state=own")).unwrap(),
            other_tab,
        );
        assert_eq!(world.redirect_host_requests.len(), 1);
        world.settle();
        world.check_settled().unwrap();
    }
}

/// A kill at each place of the plain way: a token, or a finding that says why not.
#[test]
fn a_kill_at_every_effect_of_the_plain_way_has_a_defined_end() {
    let mut ends = BTreeSet::new();
    for place in 0..40 {
        let mut world = World::new();
        world.act(&Action::Kill(place));
        world.act(&Action::Authorize(0));
        world.act(&Action::Callback(0, Answer::Code, false));
        world.act(&Action::Tick);
        world.act(&Action::Answer(0, Outcome::Token));
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
        let engine = world.worker.as_ref().unwrap();
        ends.insert(match engine.ended_of("0") {
            Some(ended) => ended
                .finding
                .as_ref()
                .map_or("token".to_owned(), |finding| finding.code.clone()),
            // The click itself was lost before anything was written down or done.
            None => "nothing".to_owned(),
        });
    }
    let expected = ["interrupted", "nothing", "outcome_unknown", "timed_out", "token"];
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), expected);
}

/// A worker that dies with the redirect in its hands, before it wrote any of it, leaves it to the next one.
#[test]
fn a_redirect_that_the_worker_died_over_is_found_in_the_tab() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Kill(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    assert!(world.worker.is_none() && world.exchanges.is_empty());
    // Nobody does anything: the alarm wakes the next worker within a minute and a half.
    world.act(&Action::Advance(90_000));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.finding("0"), "token");
    world.check().unwrap();
    assert_eq!(world.posts.values().copied().collect::<Vec<_>>(), [1]);
}

/// The same for a tab that was closed.
#[test]
fn a_closed_tab_that_the_worker_died_over_ends_the_flow() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Kill(0));
    world.act(&Action::CloseTab(0));
    assert!(world.worker.is_none());
    world.act(&Action::Advance(90_000));
    assert_eq!(world.finding("0"), "tab_closed");
}

/// A world with a token of profile 0, which has a refresh token.
fn with_token() -> World {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::Token));
    world
}

#[test]
fn a_renewal_is_one_request_however_often_it_is_asked_for() {
    let mut world = with_token();
    let tabs = world.tabs.len();
    let old = world.tokens["0"].clone();
    for _ in 0..50 {
        world.act(&Action::Renew(0));
    }
    assert_eq!(world.exchanges.len(), 1);
    assert_eq!(
        world.tokens["0"].flow, old.flow,
        "the old token stays until the new one is stored"
    );
    world.now_ms += 1_000;
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.refreshes.values().copied().collect::<Vec<_>>(), [1]);
    assert_ne!(world.tokens["0"].flow, old.flow);
    assert_eq!(
        world.tokens["0"].token.expires_ms,
        old.token.expires_ms.map(|end| end + 1_000)
    );
    assert_eq!(world.tabs.len(), tabs, "no tab is opened");
    assert!(world.redirect_host_requests.is_empty());
    world.check().unwrap();
    world.settle();
    world.check_settled().unwrap();
}

#[test]
fn a_dead_refresh_token_is_not_tried_again_and_the_old_token_stays() {
    let mut world = with_token();
    let old = world.tokens["0"].clone();
    world.act(&Action::Renew(0));
    world.act(&Action::Answer(0, Outcome::Dead));
    let kept = world.tokens["0"].clone();
    assert_eq!(
        (&kept.flow, &kept.token.access_token),
        (&old.flow, &old.token.access_token)
    );
    assert!(kept.token.refresh_refused_ms.is_some());
    // The next way is tried, and the person is told of the first.
    world.act(&Action::Silent(0, Silent::Login));
    assert_eq!(world.finding("0"), "refresh_token_dead");
    for _ in 0..3 {
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Page));
    }
    assert_eq!(world.refreshes.values().sum::<u32>(), 1);
    assert_eq!(world.finding("0"), "needs_click");
}

/// An answer that says nothing of the refresh token leaves it alone.
#[test]
fn a_renewal_that_failed_may_be_tried_again() {
    for outcome in [Outcome::Refused, Outcome::Timeout] {
        let mut world = with_token();
        world.act(&Action::Renew(0));
        world.act(&Action::Answer(0, outcome));
        assert!(world.tokens["0"].token.refresh_refused_ms.is_none());
        world.act(&Action::Renew(0));
        world.act(&Action::Answer(0, Outcome::Token));
        let engine = world.worker.as_ref().unwrap();
        assert_eq!(engine.ended_of("0").unwrap().finding, None);
    }
}

/// A deleted profile's flow ends, unless something was posted: that answer is kept for as long as the profile can come
/// back, and nothing is left once it can't.
#[test]
fn a_deleted_profile_keeps_only_what_was_posted_and_only_while_it_can_come_back() {
    let begun: [(&[Action], usize); 4] = [
        (&[Action::Authorize(1)], 0),
        (&[Action::Authorize(1), Action::Callback(0, Answer::Code, false)], 1),
        (&[Action::Authorize(1), Action::Callback(0, Answer::Error, false)], 0),
        (&[Action::Revoke, Action::Authorize(1)], 0),
    ];
    for (actions, under_way) in begun {
        for answered in [true, false] {
            let mut world = World::new();
            for action in actions {
                world.act(action);
            }
            world.act(&Action::Delete(1));
            assert_eq!(world.worker.as_ref().unwrap().flows.len(), under_way, "{actions:?}");
            if answered {
                world.act(&Action::Answer(0, Outcome::Token));
                assert_eq!(world.tokens.len(), under_way, "{actions:?}");
            }
            world.act(&Action::EmptyTrash);
            world.act(&Action::Answer(0, Outcome::Token));
            let engine = world.worker.as_ref().unwrap();
            assert!(engine.flows.is_empty(), "{actions:?}");
            assert!(engine.ended_of("1").is_none(), "{actions:?}");
            assert!(world.tokens.is_empty(), "{actions:?}");
            world.check().unwrap();
            world.settle();
            world.check_settled().unwrap();
        }
    }
}

/// A server that rotates refresh tokens has ended the old one by now.
#[test]
fn a_profile_that_comes_back_in_the_middle_of_a_renewal_gets_its_token_and_no_second_request() {
    let mut world = with_token();
    let old = world.tokens["0"].flow.clone();
    world.act(&Action::Renew(0));
    world.act(&Action::Delete(0));
    world.act(&Action::Undo);
    world.act(&Action::Renew(0));
    assert_eq!(world.refreshes.len(), 1);
    world.act(&Action::Answer(0, Outcome::Token));
    assert_ne!(world.tokens["0"].flow, old);
    world.check().unwrap();
    world.settle();
    world.check_settled().unwrap();
}

/// Who authorizes anew wants the new token: what an older renewal still brings is not stored over it.
#[test]
fn an_authorization_takes_the_place_of_a_renewal() {
    let mut world = with_token();
    world.act(&Action::Renew(0));
    let (renewal, _) = world.exchanges[0].clone();
    world.act(&Action::Authorize(0));
    world.act(&Action::Renew(0));
    assert_eq!(world.refreshes.len(), 1, "no renewal beside an authorization");
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(1, Outcome::Token));
    let authorized = world.tokens["0"].flow.clone();
    world.deliver(Event::TokenAnswered {
        flow: renewal,
        answer: answer(Outcome::Token),
    });
    assert_eq!(world.tokens["0"].flow, authorized);
    world.settle();
    world.check_settled().unwrap();
}

#[test]
fn a_kill_at_every_effect_of_a_renewal_has_a_defined_end() {
    let mut ends = BTreeSet::new();
    for place in 0..12 {
        let mut world = with_token();
        let old = world.tokens["0"].clone();
        world.act(&Action::Kill(place));
        world.act(&Action::Renew(0));
        world.act(&Action::Answer(0, Outcome::Token));
        // Whatever wakes the worker: what was under way is asked for once more.
        world.act(&Action::Tick);
        world.act(&Action::Answer(0, Outcome::Token));
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
        let engine = world.worker.as_ref().unwrap();
        let ended = engine.ended_of("0").unwrap();
        let finding = ended.finding.as_ref().map_or("token", |finding| finding.code.as_str());
        let renewed = world.tokens["0"].flow != old.flow;
        assert_eq!(
            renewed,
            ended.renewal && finding == "token",
            "kill at {place}: {finding}"
        );
        ends.insert((renewed, finding.to_owned()));
    }
    assert!(ends.contains(&(true, "token".to_owned())), "{ends:?}");
    // The click itself was lost before anything was written down or done.
    assert!(ends.contains(&(false, "token".to_owned())), "{ends:?}");
}

/// A world with a token of this profile that has no refresh token.
fn without_refresh_token(profile: u8) -> World {
    let mut world = World::new();
    world.act(&Action::Authorize(profile));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::NoRefreshToken));
    assert_eq!(world.tokens.len(), 1);
    world
}

#[test]
fn without_a_refresh_token_the_worker_asks_by_itself_and_opens_no_tab() {
    let mut world = without_refresh_token(0);
    let (old, tabs) = (world.tokens["0"].flow.clone(), world.tabs.clone());
    for _ in 0..50 {
        world.act(&Action::Renew(0));
    }
    assert_eq!(world.asked.len(), 1, "single-flight");
    world.act(&Action::Silent(0, Silent::Code));
    assert_eq!(
        world.tokens["0"].flow, old,
        "the old token stays until the new one is stored"
    );
    world.act(&Action::Answer(0, Outcome::NoRefreshToken));
    assert_eq!(world.finding("0"), "token");
    assert_ne!(world.tokens["0"].flow, old);
    assert_eq!(world.tabs, tabs, "no tab is opened");
    assert!(world.redirect_host_requests.is_empty());
    world.settle();
    world.check().unwrap();
    world.check_settled().unwrap();
}

#[test]
fn what_wants_the_person_is_never_opened_uninvited() {
    for silent in [Silent::Login, Silent::LoginRequired, Silent::Page] {
        let mut world = without_refresh_token(0);
        let (old, tabs) = (world.tokens["0"].flow.clone(), world.tabs.clone());
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, silent));
        assert_eq!(world.finding("0"), "needs_click", "{silent:?}");
        assert_eq!((&world.tokens["0"].flow, &world.tabs), (&old, &tabs), "{silent:?}");
        world.settle();
        world.check_settled().unwrap();
    }
    // No answer at all says nothing of the person.
    let mut world = without_refresh_token(0);
    world.act(&Action::Renew(0));
    world.act(&Action::Silent(0, Silent::Timeout));
    assert_eq!(world.finding("0"), "renewal_failed");
}

#[test]
fn a_quiet_tab_is_the_last_way_and_closes_itself() {
    let mut world = without_refresh_token(QUIET);
    let (old, tabs) = (world.tokens["2"].flow.clone(), world.tabs.clone());
    world.act(&Action::Renew(QUIET));
    assert_eq!(world.tabs, tabs, "not the first way");
    world.act(&Action::Silent(0, Silent::Page));
    assert_eq!(world.tabs.len(), tabs.len() + 1);
    let mut stopped = World {
        worker: world.worker.clone(),
        session: world.session.clone(),
        tokens: world.tokens.clone(),
        tabs: world.tabs.clone(),
        alarm: world.alarm,
        rules: world.rules.clone(),
        now_ms: world.now_ms,
        ..World::new()
    };
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::NoRefreshToken));
    assert_eq!(world.finding("2"), "token");
    assert_ne!(world.tokens["2"].flow, old);
    assert_eq!(world.tabs, tabs);
    // A page that waits for the person.
    stopped.act(&Action::Advance(60_000));
    assert_eq!(stopped.finding("2"), "needs_click");
    assert_eq!(stopped.tabs, tabs);
    for mut world in [world, stopped] {
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
    }
}

/// An ID token that says so much.
fn id_token(sub: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"iss":"https://www.linkedin.com/oauth","sub":"{sub}","name":"Member {sub}"}}"#);
    [encode(r#"{"alg":"RS256"}"#), encode(&claims), encode("no signature")].join(".")
}

fn token_of(sub: &str) -> HttpResponse {
    let body = format!(
        r#"{{"access_token":"AQX-{sub}","expires_in":5183999,"id_token":"{}"}}"#,
        id_token(sub)
    );
    HttpResponse {
        body: body.into_bytes(),
        ..answer(Outcome::Token).unwrap()
    }
}

#[test]
fn another_member_does_not_take_the_place_of_the_token() {
    let mut world = World::new();
    let exchange = |world: &mut World, sub: &str| {
        let (flow, _) = world.exchanges.pop().unwrap();
        world.deliver(Event::TokenAnswered {
            flow,
            answer: Ok(token_of(sub)),
        });
    };
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    exchange(&mut world, "one");
    for (sub, finding, token) in [
        ("two", "other_member", "AQX-one"),
        ("one", "token", "AQX-one"),
        ("two", "other_member", "AQX-one"),
    ] {
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Code));
        exchange(&mut world, sub);
        assert_eq!(world.finding("0"), finding);
        assert_eq!(world.tokens["0"].token.access_token.expose(), token);
    }
    // Who clicks has chosen.
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    exchange(&mut world, "two");
    assert_eq!(world.tokens["0"].token.access_token.expose(), "AQX-two");
}

#[test]
fn an_authorization_takes_the_place_of_a_silent_renewal() {
    for profile in [0, QUIET] {
        let mut world = without_refresh_token(profile);
        world.act(&Action::Renew(profile));
        if profile == QUIET {
            world.act(&Action::Silent(0, Silent::Page));
        }
        world.act(&Action::Authorize(profile));
        assert_eq!(world.worker.as_ref().unwrap().flows.len(), 1);
        // What still comes belongs to nobody.
        world.act(&Action::Silent(0, Silent::Code));
        assert!(world.exchanges.is_empty());
        world.act(&Action::Callback(0, Answer::Code, false));
        world.act(&Action::Answer(0, Outcome::NoRefreshToken));
        assert_eq!(world.finding(&profile.to_string()), "token");
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
    }
}

#[test]
fn a_kill_at_every_effect_of_a_silent_renewal_has_a_defined_end() {
    let mut ends = BTreeSet::new();
    for place in 0..16 {
        let mut world = without_refresh_token(0);
        let old = world.tokens["0"].flow.clone();
        world.act(&Action::Kill(place));
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Code));
        world.act(&Action::Answer(0, Outcome::NoRefreshToken));
        // Whatever wakes the worker.
        world.act(&Action::Tick);
        world.act(&Action::Silent(0, Silent::Code));
        world.act(&Action::Answer(0, Outcome::NoRefreshToken));
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
        ends.insert((world.tokens["0"].flow != old, world.finding("0")));
    }
    assert!(ends.contains(&(true, "token".to_owned())), "{ends:?}");
    // The code was posted, and nobody knows what became of it.
    assert!(ends.contains(&(false, "renewal_failed".to_owned())), "{ends:?}");
}
