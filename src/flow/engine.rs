//! The step function.

use url::Url;

use crate::diagnosis::{
    Failure, Finding, Fix, Grant, Needed, RequestFacts, TransportError, diagnose, diagnose_renewal,
    diagnose_unregistered, error_page, interrupted,
};
use crate::oauth::http::HttpResponse;
use crate::oauth::redirect::{RedirectError, state_of};
use crate::oauth::secret::{AuthorizationCode, ClientSecret, State};
use crate::oauth::token::{TokenError, parse_token_response};
use crate::plain::record;
use crate::profile::TokenRecord;
use crate::provider::{GrantType, RefreshTokens};

use super::effect::Effect;
use super::event::{Event, NewFlow};
use super::record::{
    Ended, Flow, FlowId, Guard, Note, Phase, Snapshot, Step, StepName, StoredToken, TabId, Unstored, Way,
};
use super::rules::Rule;
use super::schedule::{asked_back_ms, unreached_ms};
use super::{
    ANSWER_WITHIN_MS, FLOWS_AT_MOST, GUARDS_AT_MOST, LOOK_MS, QUIET_DEADLINE_MS, REDIRECT_DEADLINE_MS,
    REFRESHES_AT_MOST, RETRY_MS, RETRY_WITHOUT_PERSON_MS, WAKE_MS,
};

/// The newest form of [`Engine`] that this code writes.
const VERSION: u32 = 1;

/// Everything the worker knows between two events; it stands in `storage.session`.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Version of this form.
    pub v: u32,
    /// The next free rule id.
    pub next_rule: u32,
    /// Flows under way.
    pub flows: Vec<Flow>,
    /// The last flow of each profile that ended.
    pub ended: Vec<Ended>,
    /// Callbacks that stay blocked.
    pub guards: Vec<Guard>,
    /// What stands in `storage.local`, too.
    pub notes: Vec<Note>,
}
record!(Engine {
    v,
    next_rule,
    flows,
    ended,
    guards,
    notes
});

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// One that knows of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            v: VERSION,
            next_rule: 1,
            flows: Vec::new(),
            ended: Vec::new(),
            guards: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Takes one event and says what to do. `now_ms` is the time in milliseconds of the Unix epoch.
    pub fn step(&mut self, now_ms: u64, event: Event) -> Vec<Effect> {
        let mut turn = Turn {
            engine: self,
            now_ms,
            first: Vec::new(),
            effects: Vec::new(),
            changed: false,
        };
        turn.take(event);
        turn.expire();
        turn.finish()
    }

    /// When something has to be given up or cleared, in milliseconds of the Unix epoch.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let flows = self
            .flows
            .iter()
            .flat_map(|flow| flow.wake_ms.into_iter().chain([flow.deadline_ms]));
        flows.chain(self.guards.iter().map(|guard| guard.until_ms)).min()
    }

    /// The flow under way of a profile, the newest first.
    #[must_use]
    pub fn flow_of(&self, profile: &str) -> Option<&Flow> {
        self.flows
            .iter()
            .filter(|flow| flow.profile() == profile && !flow.superseded)
            .max_by_key(|flow| flow.started_ms)
    }

    /// The flow with this name, if it is under way.
    #[must_use]
    pub fn flow(&self, id: &FlowId) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.id == *id)
    }

    /// What a refused effect means. `own` is its [`Effect::failure`], or none for a refused [`Effect::Persist`]; `rest`
    /// stands behind it. The flows that must hear of it are returned, and what they had coming is taken out of `rest`.
    /// Nobody hears of it when it is harmless, or when its flow has ended and there is only tidying left.
    #[must_use]
    pub fn refused(
        &self,
        own: Option<(FlowId, Needed)>,
        persist: bool,
        rest: &mut Vec<Effect>,
    ) -> Vec<(FlowId, Needed)> {
        let mut blamed: Vec<(FlowId, Needed)> = own.into_iter().collect();
        if persist {
            // What could not be written down must not be done.
            for (flow, _) in rest.iter().filter_map(Effect::failure) {
                if !blamed.iter().any(|(other, _)| other == flow) {
                    blamed.push((flow.clone(), Needed::Storage));
                }
            }
        }
        blamed.retain(|(flow, _)| self.flow(flow).is_some());
        rest.retain(|effect| {
            let flow = effect.failure().map(|(flow, _)| flow);
            !flow.is_some_and(|flow| blamed.iter().any(|(other, _)| other == flow))
        });
        blamed
    }

    fn flow_mut(&mut self, id: &FlowId) -> Option<&mut Flow> {
        self.flows.iter_mut().find(|flow| flow.id == *id)
    }

    /// A profile's token that `storage.local` refused, with what the person is told of it. There is no second one: the next
    /// token takes its place.
    #[must_use]
    pub fn unstored_of(&self, profile: &str) -> Option<(&StoredToken, &Finding)> {
        let mut flows = self.flows.iter().filter(|flow| flow.profile() == profile);
        flows.find_map(Flow::refused)
    }

    /// The profiles whose token `storage.local` has refused.
    #[must_use]
    pub fn unstored(&self) -> Vec<String> {
        let refused = self.flows.iter().filter(|flow| flow.refused().is_some());
        refused.map(|flow| flow.profile().to_owned()).collect()
    }

    /// How the last flow of a profile ended.
    #[must_use]
    pub fn ended_of(&self, profile: &str) -> Option<&Ended> {
        self.ended.iter().find(|ended| ended.profile == profile)
    }

    /// When to renew a profile's token again after the last renewal failed, if it did, in milliseconds of the Unix epoch.
    #[must_use]
    pub fn renewal_retry_ms(&self, profile: &str) -> Option<u64> {
        self.ended_of(profile)?.again_ms
    }

    /// Whether a renewal waits for a network.
    #[must_use]
    pub fn waits_for_network(&self) -> bool {
        self.ended.iter().any(|ended| ended.tries > 0)
    }

    /// Rule ids that belong to something here.
    fn owned_rules(&self) -> Vec<u32> {
        let flows = self.flows.iter().flat_map(Flow::rule_ids);
        flows
            .chain(self.guards.iter().flat_map(|guard| guard.rules.iter().copied()))
            .collect()
    }
}

/// One call of [`Engine::step`].
struct Turn<'a> {
    engine: &'a mut Engine,
    now_ms: u64,
    /// What must be done before the engine is written.
    first: Vec<Effect>,
    effects: Vec<Effect>,
    changed: bool,
}

impl Turn<'_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::Authorize(new) => self.authorize(*new),
            Event::Renew(new) => self.renew(*new),
            Event::PermissionsChanged { granted } => self.permissions_changed(&granted),
            Event::PermissionRefused(profile) => self.permission_refused(&profile),
            Event::PermissionChecked { flow, granted } => self.permission_checked(&flow, granted),
            Event::TabOpened { flow, tab } => self.tab_opened(&flow, tab),
            Event::Navigated(flow) => self.navigated(&flow),
            Event::RequestFailed { url, tab } => self.request_failed(&url, tab),
            Event::Redirected { from, to } => self.redirected(&from, &to),
            Event::Asked { flow, answer } => self.asked(&flow, answer),
            Event::PageShown { url, tab } => self.page_shown(&url, tab),
            Event::PageRead { flow, answer } => self.page_read(&flow, &answer),
            Event::TabRemoved(tab) => self.tab_removed(tab),
            Event::TokenAnswered { flow, answer, code } => self.token_answered(&flow, answer, code.as_ref()),
            Event::TokenStored(flow) => self.token_stored(&flow),
            Event::StoreAgain(profile) => self.store_again(&profile),
            Event::Cancel(flow) => self.cancel(&flow),
            Event::Dismiss(profile) => self.dismiss(&profile),
            Event::ProfileDeleted { profile, for_good } => self.profile_deleted(&profile, for_good),
            Event::Lock => self.lock(),
            Event::Tick => {}
            Event::Online => self.online(),
            Event::SessionLost { notes } => self.session_lost(notes),
            Event::WorkerStarted { stored, granted, rules } => self.worker_started(&stored, &granted, &rules),
            Event::EffectFailed { flow, what, message } => self.effect_failed(&flow, what, message),
        }
    }

    /// The engine is written before anything that it describes is done, and the alarm follows it.
    fn finish(self) -> Vec<Effect> {
        let mut effects = self.first;
        if !self.changed {
            effects.extend(self.effects);
            return effects;
        }
        let Engine {
            flows, guards, notes, ..
        } = self.engine;
        // A code that is used up needs no note.
        notes.retain(|note| {
            let guarded = guards.iter().any(|guard| guard.flow == note.flow && !guard.redeemed);
            guarded || flows.iter().any(|flow| flow.id == note.flow)
        });
        effects.push(Effect::Persist);
        // Before the rest: a worker that dies in the middle of it is woken again.
        effects.push(Effect::SetAlarm(self.engine.next_deadline_ms()));
        effects.extend(self.effects);
        effects
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn authorize(&mut self, new: NewFlow) {
        let profile = new.snapshot.profile.id.as_str();
        // A click on Authorize takes the place of an earlier one that still waits for the hosts.
        self.engine
            .flows
            .retain(|flow| flow.profile() != profile || !matches!(flow.phase, Phase::AwaitingPermission));
        let renewals = self.engine.flows.iter_mut();
        let renewals = renewals.filter(|flow| flow.profile() == profile && flow.renews.is_some());
        let mut given_up = Vec::new();
        for flow in renewals {
            match flow.phase {
                // What was posted can't be called back.
                // A token that is here already is kept until the newer one is.
                Phase::Exchanging | Phase::Refreshing { .. } => flow.superseded = flow.unstored.is_none(),
                _ => given_up.push(flow.id.clone()),
            }
        }
        for id in given_up {
            self.forget(&id);
        }
        self.start(new);
    }

    /// One renewal of a profile at a time, and none beside an authorization.
    fn renew(&mut self, new: NewFlow) {
        let profile = &new.snapshot.profile.id;
        // A request of a worker that died may still be on its way: once its refresh token is two behind, it would be taken
        // for stolen.
        let rotates = new.snapshot.provider.refresh_tokens != RefreshTokens::Kept;
        let fresh_ms = self.now_ms.saturating_sub(ANSWER_WITHIN_MS.into());
        let fresh = new.renews.as_ref().is_some_and(|old| old.token.obtained_ms > fresh_ms);
        // The refresh token of another app would be refused for good, and a token of this one is asked for with a click.
        let own = new
            .renews
            .as_ref()
            .is_none_or(|old| new.snapshot.profile.has_issued(&old.token));
        if own && !(rotates && fresh || self.engine.flows.iter().any(|flow| flow.profile() == profile)) {
            self.start(new);
        }
    }

    fn start(&mut self, new: NewFlow) {
        let NewFlow {
            id,
            snapshot,
            state,
            code_verifier,
            renews,
            quiet_tab,
            permitted,
        } = new;
        let profile = snapshot.profile.id.as_str();
        let tries = self.engine.ended_of(profile).map_or(0, |ended| ended.tries);
        self.engine.ended.retain(|ended| ended.profile != profile);
        let rule = self.engine.next_rule;
        self.engine.next_rule = rule.saturating_add(Flow::RULES);
        let flow = Flow {
            id: id.clone(),
            way: match &renews {
                _ if snapshot.provider.grant_type == GrantType::ClientCredentials => Way::ClientCredentials,
                Some(old) => old.first_way(self.now_ms),
                None => Way::Tab,
            },
            snapshot,
            state,
            code_verifier,
            renews,
            unstored: None,
            quiet_tab,
            setback: None,
            superseded: false,
            tries,
            again_ms: None,
            rule,
            phase: Phase::AwaitingPermission,
            steps: Vec::new(),
            started_ms: self.now_ms,
            wake_ms: None,
            deadline_ms: self.now_ms + REDIRECT_DEADLINE_MS,
        };
        self.changed = true;
        let crowded = self.engine.flows.len() >= FLOWS_AT_MOST;
        self.engine.flows.push(flow);
        if crowded {
            self.fail(&id, Failure::TooManyFlows);
        } else if permitted {
            self.open(&id);
        }
    }

    /// The hosts are granted.
    fn open(&mut self, id: &FlowId) {
        let Some(flow) = self.engine.flow_mut(id) else { return };
        flow.steps.push(Step {
            name: StepName::Permission,
            at_ms: self.now_ms,
        });
        self.changed = true;
        let way = flow.way;
        self.go(id, way);
    }

    /// Begins a way to the token.
    fn go(&mut self, id: &FlowId, way: Way) {
        let now_ms = self.now_ms;
        let Some(flow) = self.engine.flow_mut(id) else { return };
        flow.way = way;
        if matches!(way, Way::Background | Way::QuietTab) {
            flow.deadline_ms = now_ms + QUIET_DEADLINE_MS;
        }
        self.changed = true;
        match way {
            Way::Tab | Way::QuietTab => {
                flow.phase = Phase::Opening;
                flow.wake_ms = Some(now_ms + WAKE_MS);
                self.push(Effect::OpenTab {
                    flow: id.clone(),
                    active: way == Way::Tab,
                });
            }
            Way::Background => self.ask(id, 1),
            Way::RefreshToken | Way::ClientCredentials => self.refresh(id, 1),
        }
    }

    /// The worker asks the authorization endpoint itself: the person may still be signed in, and have consented before.
    fn ask(&mut self, id: &FlowId, attempts: u32) {
        let Some(flow) = self.engine.flow_mut(id) else { return };
        flow.phase = Phase::Asking { attempts };
        flow.wake_ms = None;
        let url = flow.authorization_url();
        self.changed = true;
        self.push(Effect::Ask { flow: id.clone(), url });
    }

    /// The provider wants the person. That is never opened uninvited: it ends in a click, unless the profile allows an
    /// inactive tab, where a provider may go on that refuses the worker's own request.
    fn needs_person(&mut self, id: &FlowId) {
        match self.engine.flow(id) {
            Some(flow) if flow.way != Way::QuietTab && flow.quiet_tab && !flow.may_refresh(self.now_ms) => {
                self.go(id, Way::QuietTab);
            }
            _ => self.fail_silent(id, Failure::NeedsClick),
        }
    }

    /// What was asked silently brought nothing. A refresh token that soon ends, and waited for this, goes on for what it still
    /// gives.
    fn fail_silent(&mut self, id: &FlowId, failure: Failure) {
        if self.engine.flow(id).is_some_and(|flow| flow.may_refresh(self.now_ms)) {
            self.set_back(id, &failure);
            if let Some(flow) = self.engine.flow_mut(id) {
                flow.deadline_ms = self.now_ms + REDIRECT_DEADLINE_MS;
            }
            self.go(id, Way::RefreshToken);
        } else {
            self.fail(id, failure);
        }
    }

    fn redirected(&mut self, from: &Url, to: &Url) {
        let Some(state) = state_of(from).map(State::new) else {
            return;
        };
        let mut flows = self.engine.flows.iter();
        let asking = flows.find(|flow| matches!(flow.phase, Phase::Asking { .. }) && flow.state == state);
        let Some(flow) = asking else { return };
        let id = flow.id.clone();
        if !flow.snapshot.profile.redirect_uri.is_at(to) {
            // The login page, mostly.
            self.needs_person(&id);
            return;
        }
        match flow.authorization_response(to) {
            Ok(code) => self.captured(&id, Vec::new(), code),
            Err(RedirectError::Authorization(error)) if error.wants_person() => self.needs_person(&id),
            Err(error) => self.fail_silent(&id, Failure::Redirect(error)),
        }
    }

    /// The request is over; a redirect's address comes by itself, before or after this.
    fn asked(&mut self, id: &FlowId, answer: Result<Option<HttpResponse>, TransportError>) {
        if !self
            .engine
            .flow(id)
            .is_some_and(|flow| matches!(flow.phase, Phase::Asking { .. }))
        {
            return;
        }
        match answer {
            Ok(None) => {}
            Ok(Some(page)) if page.status == 429 || page.status >= 500 => {
                self.sent_away(id, &page);
                let (status, excerpt) = (page.status, String::new());
                self.fail(id, Failure::Token(TokenError::Status { status, excerpt }));
            }
            // What it says helps more than that a click is needed, and holds for a tab as well.
            Ok(Some(page)) => match error_page(&page.body, page.status >= 400) {
                Some(words) => self.fail(id, Failure::ErrorPage { words }),
                None => self.needs_person(id),
            },
            Err(error) => self.fail(id, Failure::Transport(error)),
        }
    }

    /// The provider's own error page never leads back: it is read once more, to say what it is about.
    fn page_shown(&mut self, url: &Url, tab: TabId) {
        let state = state_of(url).map(State::new);
        let mut flows = self.engine.flows.iter();
        let shown = flows.find(|flow| {
            matches!(flow.phase, Phase::AwaitingRedirect { tab: flow_tab, .. } if flow_tab == tab)
                && state.as_ref() == Some(&flow.state)
        });
        if let Some(flow) = shown {
            let (flow, url) = (flow.id.clone(), flow.authorization_url());
            self.push(Effect::ReadPage { flow, url });
        }
    }

    fn page_read(&mut self, id: &FlowId, answer: &HttpResponse) {
        let Some(flow) = self.engine.flow(id) else { return };
        let Phase::AwaitingRedirect { tab, .. } = flow.phase else {
            return;
        };
        if let Some(words) = error_page(&answer.body, true) {
            self.show_result(id, vec![tab]);
            self.fail(id, Failure::ErrorPage { words });
        }
    }

    /// What a renewal does that has no refresh token to send: it asks silently, unless it `asked` so before.
    fn without_refresh_token(&mut self, id: &FlowId, asked: bool) {
        if asked {
            self.needs_person(id);
        } else {
            self.go(id, Way::Background);
        }
    }

    fn refresh(&mut self, id: &FlowId, attempts: u32) {
        let now_ms = self.now_ms;
        let Some(flow) = self.engine.flow_mut(id) else { return };
        let refresh_token = flow.renews.as_ref();
        let request = match refresh_token.and_then(|old| old.token.living_refresh_token(now_ms)) {
            _ if flow.way == Way::ClientCredentials => flow.client_credentials_request(),
            Some(refresh_token) => flow.refresh_request(refresh_token),
            // It has ended meanwhile, or may be used up.
            None => {
                let asked = flow.setback.is_some();
                self.without_refresh_token(id, asked);
                return;
            }
        };
        let sent_before = flow.renews.as_ref().is_some_and(StoredToken::may_be_used_up);
        flow.phase = Phase::Refreshing {
            attempts: if sent_before { REFRESHES_AT_MOST } else { attempts },
        };
        flow.wake_ms = Some(now_ms + WAKE_MS);
        let rules: Vec<Rule> = flow.origin_rule().into_iter().collect();
        self.changed = true;
        self.mark_as_sent(id);
        if !rules.is_empty() {
            let flow = id.clone();
            self.push(Effect::AddRules { flow, rules });
        }
        self.push(Effect::Exchange {
            flow: id.clone(),
            request,
            code: None,
        });
    }

    /// Notes with the token, before it happens, that its refresh token goes out to a server that rotates: should the
    /// answer be lost, with the worker or with the whole browser, sending it again too late would end the grant.
    fn mark_as_sent(&mut self, id: &FlowId) {
        let now_ms = self.now_ms;
        let Some(flow) = self.engine.flow_mut(id) else { return };
        let RefreshTokens::Rotated { grace_ms } = flow.snapshot.provider.refresh_tokens else {
            return;
        };
        // What is sent at the last moment arrives a little later.
        let until_ms = now_ms + grace_ms.saturating_sub(ANSWER_WITHIN_MS.into());
        if let Some(old) = flow.renews.as_mut().filter(|_| flow.way == Way::RefreshToken) {
            old.token.refresh_again_until_ms.get_or_insert(until_ms);
            // The second time as well: the worker may have died before the first note was written.
            self.keep_old_token(id);
        }
    }

    /// The server says that it did not use the refresh token.
    fn mark_as_not_sent(&mut self, id: &FlowId) {
        let flow = self.engine.flow_mut(id);
        let Some(old) = flow.and_then(|flow| flow.renews.as_mut()) else {
            return;
        };
        if old.token.refresh_again_until_ms.take().is_some() {
            self.keep_old_token(id);
        }
    }

    /// Writes what is newly known of the token that is to be renewed.
    fn keep_old_token(&mut self, id: &FlowId) {
        let Some(flow) = self.engine.flow(id) else { return };
        let Some(token) = flow.renews.clone() else { return };
        let profile = flow.profile().to_owned();
        self.push(Effect::StoreToken {
            flow: id.clone(),
            profile,
            token: Box::new(token),
        });
    }

    fn permissions_changed(&mut self, granted: &[(FlowId, bool)]) {
        for (id, granted) in granted {
            let Some(flow) = self.engine.flow(id) else {
                continue;
            };
            match (&flow.phase, granted) {
                (Phase::AwaitingPermission, true) => self.open(id),
                (Phase::Captured { .. }, true) => self.check_permission(id),
                // Without the hosts the rules are inert: the next redirect would reach the redirect host.
                (Phase::Opening | Phase::AwaitingRedirect { .. }, false) => self.fail(id, Failure::PermissionRemoved),
                _ => {}
            }
        }
    }

    fn permission_refused(&mut self, profile: &str) {
        let waiting = self
            .engine
            .flows
            .iter()
            .find(|flow| flow.profile() == profile && matches!(flow.phase, Phase::AwaitingPermission));
        if let Some(id) = waiting.map(|flow| flow.id.clone()) {
            self.fail(&id, Failure::PermissionRefused);
        }
    }

    fn tab_opened(&mut self, id: &FlowId, tab: TabId) {
        let Some(flow) = self.engine.flow_mut(id) else {
            // The flow ended while its tab was being made.
            self.push(Effect::CloseTab(tab));
            return;
        };
        flow.phase = Phase::AwaitingRedirect { tab, navigated: false };
        let note = Note {
            flow: id.clone(),
            profile: flow.profile().to_owned(),
            way: flow.way,
            state_hash: flow.state.hash(),
            rule: flow.lasting_rule().id,
            until_ms: flow.deadline_ms.saturating_add(flow.snapshot.code_lifetime_ms()),
            over: false,
        };
        self.engine.notes.push(note);
        self.changed = true;
        self.arm_and_navigate(id, tab);
    }

    /// The rules stand before the navigation starts.
    fn arm_and_navigate(&mut self, id: &FlowId, tab: TabId) {
        let Some(flow) = self.engine.flow(id) else { return };
        let url = flow.authorization_url();
        self.add_rules(id, tab);
        self.push(Effect::Navigate {
            flow: id.clone(),
            tab,
            url,
        });
    }

    fn add_rules(&mut self, id: &FlowId, tab: TabId) {
        let Some(flow) = self.engine.flow(id) else { return };
        for rules in [vec![flow.lasting_rule()], flow.rules(tab)] {
            let flow = id.clone();
            self.effects.push(Effect::AddRules { flow, rules });
        }
    }

    /// Sets the rules again if the browser does not hold them: the flow was ended, and that could not be written.
    fn rearm(&mut self, id: &FlowId, tab: TabId, held: &[u32]) {
        let Some(flow) = self.engine.flow(id) else { return };
        let rules = flow.rules(tab);
        if !rules.iter().all(|rule| held.contains(&rule.id)) || !held.contains(&flow.lasting_rule().id) {
            self.add_rules(id, tab);
        }
    }

    fn navigated(&mut self, id: &FlowId) {
        if let Some(flow) = self.engine.flow_mut(id)
            && let Phase::AwaitingRedirect {
                navigated: navigated @ false,
                ..
            } = &mut flow.phase
        {
            *navigated = true;
            flow.wake_ms = Some(self.now_ms + LOOK_MS);
            flow.steps.push(Step {
                name: StepName::Open,
                at_ms: self.now_ms,
            });
            self.changed = true;
        }
    }

    fn request_failed(&mut self, url: &Url, tab: TabId) {
        let Some(id) = self.flow_of_callback(url, tab) else {
            self.lost_callback(url, tab);
            return;
        };
        let Some(flow) = self.engine.flow_mut(&id) else {
            return;
        };
        let Phase::AwaitingRedirect { tab: flow_tab, .. } = flow.phase else {
            return;
        };
        let answer = flow.authorization_response(url);
        let quiet = flow.way == Way::QuietTab;
        let mut tabs = vec![flow_tab];
        if tab != flow_tab {
            tabs.push(tab);
        }
        flow.steps.push(Step {
            name: StepName::SignIn,
            at_ms: self.now_ms,
        });
        self.changed = true;
        match answer {
            Ok(code) => self.captured(&id, tabs, code),
            Err(error) => {
                self.guard_stray_code(&id, url, &error);
                match &error {
                    RedirectError::Authorization(said) if quiet && said.wants_person() => self.needs_person(&id),
                    _ => {
                        self.show_result(&id, tabs);
                        self.fail(&id, Failure::Redirect(error));
                    }
                }
            }
        }
    }

    /// The callback of a flow that went with the session: the person still finds our page where its tab was.
    fn lost_callback(&mut self, url: &Url, tab: TabId) {
        let state_hash = state_of(url).map(|state| State::new(state).hash());
        let mut notes = self.engine.notes.iter();
        let Some(note) = notes.find(|note| Some(&note.state_hash) == state_hash.as_ref()) else {
            return;
        };
        let ended = self
            .engine
            .ended_of(&note.profile)
            .filter(|ended| ended.flow == note.flow);
        let finding = ended.and_then(|ended| ended.finding.as_ref());
        let lost = finding.is_some_and(Finding::is_interrupted);
        let (flow, quiet) = (note.flow.clone(), note.way == Way::QuietTab);
        if lost {
            self.push(Effect::ShowResult { flow, beside: tab });
        }
        if lost || quiet {
            self.push(Effect::CloseTab(tab));
        }
    }

    /// The code is here.
    fn captured(&mut self, id: &FlowId, tabs: Vec<TabId>, code: AuthorizationCode) {
        let Some(flow) = self.engine.flow_mut(id) else { return };
        flow.steps.push(Step {
            name: StepName::Capture,
            at_ms: self.now_ms,
        });
        flow.deadline_ms = self.now_ms + flow.snapshot.code_lifetime_ms();
        flow.wake_ms = Some(self.now_ms + WAKE_MS);
        flow.phase = Phase::Captured {
            tabs,
            code,
            waiting_for_permission: false,
        };
        self.changed = true;
        self.check_permission(id);
    }

    /// Whose callback is it? By its `state`, in any tab; else by the flow's own tab.
    fn flow_of_callback(&self, url: &Url, tab: TabId) -> Option<FlowId> {
        let state = state_of(url).map(State::new);
        let mut in_tab = None;
        for flow in &self.engine.flows {
            let Phase::AwaitingRedirect { tab: flow_tab, .. } = flow.phase else {
                continue;
            };
            if !flow.snapshot.profile.redirect_uri.is_at(url) {
                continue;
            }
            if state.as_ref().is_some_and(|state| *state == flow.state) {
                return Some(flow.id.clone());
            }
            if flow_tab == tab {
                in_tab = Some(flow.id.clone());
            }
        }
        in_tab
    }

    /// A code that came without our `state` is nobody's here, and the redirect host's least of all.
    fn guard_stray_code(&mut self, id: &FlowId, url: &Url, error: &RedirectError) {
        let stray = matches!(
            error,
            RedirectError::StateMissing | RedirectError::StateMismatch | RedirectError::StateDuplicate
        );
        let code = url
            .query()
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("code="));
        let (Some(flow), Some(code), true) = (self.engine.flow(id), code, stray) else {
            return;
        };
        if !code.is_empty() {
            let rule = flow.code_rule(code);
            // Once the end of the flow is written, a kill would leave this undone.
            self.first.push(Effect::AddRules {
                flow: id.clone(),
                rules: vec![rule],
            });
        }
    }

    fn check_permission(&mut self, id: &FlowId) {
        if let Some(flow) = self.engine.flow(id) {
            self.push(Effect::CheckPermission {
                flow: id.clone(),
                hosts: flow.hosts(),
            });
        }
    }

    fn permission_checked(&mut self, id: &FlowId, granted: bool) {
        let Some(flow) = self.engine.flow_mut(id) else {
            return;
        };
        let Phase::Captured {
            tabs,
            waiting_for_permission,
            ..
        } = &mut flow.phase
        else {
            return;
        };
        let tabs = tabs.clone();
        self.changed = true;
        if !granted {
            // Without the host permission the POST would be sent and its answer unreadable: the code would be burnt.
            let first = !std::mem::replace(waiting_for_permission, true);
            flow.wake_ms = None;
            if first {
                self.show_result(id, tabs);
            }
            return;
        }
        let waited = *waiting_for_permission;
        let Phase::Captured { code, .. } = std::mem::replace(&mut flow.phase, Phase::Exchanging) else {
            return;
        };
        flow.wake_ms = Some(self.now_ms + WAKE_MS);
        let request = flow.token_request(&code);
        self.push(Effect::Exchange {
            flow: id.clone(),
            request,
            code: Some(code),
        });
        if !waited {
            self.show_result(id, tabs);
        }
    }

    /// Our own page takes the place of the first tab: a blocked URL left in a tab gives the code away on Back or Reload.
    /// A quiet tab just goes.
    fn show_result(&mut self, id: &FlowId, tabs: Vec<TabId>) {
        let seen = self.engine.flow(id).is_some_and(|flow| flow.way == Way::Tab);
        if let Some(beside) = tabs.first().copied().filter(|_| seen) {
            let flow = id.clone();
            self.push(Effect::ShowResult { flow, beside });
        }
        self.effects.extend(tabs.into_iter().map(Effect::CloseTab));
    }

    fn token_answered(
        &mut self,
        id: &FlowId,
        answer: Result<HttpResponse, TransportError>,
        code: Option<&AuthorizationCode>,
    ) {
        let Some(flow) = self.engine.flow_mut(id) else {
            return;
        };
        if !matches!(flow.phase, Phase::Exchanging | Phase::Refreshing { .. }) || flow.unstored.is_some() {
            return;
        }
        if flow.superseded {
            self.forget(id);
            return;
        }
        let date_ms = answer.as_ref().ok().and_then(HttpResponse::date_ms);
        if let Ok(answer) = &answer {
            self.sent_away(id, answer);
        }
        let Some(flow) = self.engine.flow_mut(id) else {
            return;
        };
        let response = match answer {
            Ok(response) => parse_token_response(&response).map_err(|error| {
                // A server that quotes the request back must not get our secrets onto the page.
                let mut secrets = flow.secrets();
                secrets.extend(code.map(AuthorizationCode::expose));
                Failure::Token(error.without(&secrets))
            }),
            Err(error) => Err(Failure::Transport(error)),
        };
        match response {
            Ok(response) => {
                flow.steps.push(Step {
                    name: StepName::Exchange,
                    at_ms: self.now_ms,
                });
                let token = match &flow.renews {
                    Some(old) if flow.way == Way::RefreshToken => old.token.renewed(&response, self.now_ms),
                    _ => TokenRecord::from_response(&response, &flow.snapshot.profile.scopes, self.now_ms),
                };
                let mut token = token.dated(date_ms, self.now_ms);
                token.issued_to = Some(flow.snapshot.profile.app());
                if let Some(old) = &flow.renews
                    && let Some((old, new)) = old.token.other_member(&token)
                {
                    self.fail_silent(id, Failure::OtherMember { old, new });
                    return;
                }
                flow.unstored = Some(Unstored {
                    token: StoredToken {
                        flow: id.clone(),
                        token,
                    },
                    finding: None,
                });
                self.forget_older_token(id);
                self.store(id);
            }
            Err(failure) => {
                if flow.way == Way::RefreshToken && failure.is_dead_refresh_token() {
                    let asked = flow.setback.is_some();
                    self.keep_without_refresh_token(id);
                    self.set_back(id, &failure);
                    self.without_refresh_token(id, asked);
                    return;
                }
                let first = matches!(flow.phase, Phase::Refreshing { attempts } if attempts < REFRESHES_AT_MOST);
                if first && flow.renews.as_ref().is_some_and(StoredToken::may_be_used_up) {
                    if !failure.says_that_nothing_was_done() {
                        // Now or never: the server rotates.
                        self.refresh(id, REFRESHES_AT_MOST);
                        return;
                    }
                    self.mark_as_not_sent(id);
                }
                self.fail(id, failure);
            }
        }
    }

    /// Nothing comes before this write, and nothing that is refused keeps it from being done: a kill until it is done loses
    /// the token.
    fn store(&mut self, id: &FlowId) {
        let Some(flow) = self.engine.flow(id) else { return };
        let Some(unstored) = &flow.unstored else { return };
        self.first.push(Effect::StoreToken {
            flow: id.clone(),
            profile: flow.profile().to_owned(),
            token: Box::new(unstored.token.clone()),
        });
    }

    /// A token that still waits to be stored must not be written over this one later.
    fn forget_older_token(&mut self, id: &FlowId) {
        let Some(flow) = self.engine.flow(id) else { return };
        let profile = flow.profile();
        let flows = self.engine.flows.iter();
        let older = flows.filter(|other| other.id != *id && other.profile() == profile && other.unstored.is_some());
        let older: Vec<FlowId> = older.map(|flow| flow.id.clone()).collect();
        for id in older {
            self.forget(&id);
        }
    }

    fn store_again(&mut self, profile: &str) {
        let refused = self.engine.unstored_of(profile);
        if let Some(id) = refused.map(|(token, _)| token.flow.clone()) {
            self.store(&id);
        }
    }

    fn effect_failed(&mut self, id: &FlowId, what: Needed, message: String) {
        let now_ms = self.now_ms;
        match self.engine.flow_mut(id) {
            // The only copy stays until storage takes it, or the session ends.
            Some(flow) if flow.unstored.is_some() => {
                let finding = explain(flow, &Failure::Unstored { message });
                if let Some(unstored) = &mut flow.unstored {
                    unstored.finding = Some(finding);
                }
                flow.offer_again(now_ms);
                self.changed = true;
            }
            _ => self.fail(id, Failure::Refused { what, message }),
        }
    }

    /// The token stays, and its refresh token is not tried again.
    fn keep_without_refresh_token(&mut self, id: &FlowId) {
        let now_ms = self.now_ms;
        let flow = self.engine.flow_mut(id);
        if let Some(old) = flow.and_then(|flow| flow.renews.as_mut()) {
            old.token.refresh_refused_ms = Some(now_ms);
            self.keep_old_token(id);
        }
    }

    /// Remembers why a way of a renewal failed.
    fn set_back(&mut self, id: &FlowId, failure: &Failure) {
        if let Some(flow) = self.engine.flow_mut(id) {
            flow.setback = Some(explain(flow, failure));
            self.changed = true;
        }
    }

    fn token_stored(&mut self, id: &FlowId) {
        if let Some(flow) = self.engine.flow_mut(id) {
            flow.steps.push(Step {
                name: StepName::Store,
                at_ms: self.now_ms,
            });
            self.end(id, None);
        }
    }

    fn tab_removed(&mut self, tab: TabId) {
        let flow = self
            .engine
            .flows
            .iter()
            .find(|flow| matches!(flow.phase, Phase::AwaitingRedirect { tab: flow_tab, .. } if flow_tab == tab));
        if let Some((id, way)) = flow.map(|flow| (flow.id.clone(), flow.way)) {
            let quiet = way == Way::QuietTab;
            self.fail(&id, if quiet { Failure::NeedsClick } else { Failure::TabClosed });
        }
    }

    fn cancel(&mut self, id: &FlowId) {
        // A code that was posted can't be called back; its answer still counts.
        if self
            .engine
            .flow(id)
            .is_some_and(|flow| !flow.is_posted() || flow.refused().is_some())
        {
            self.fail(id, Failure::Cancelled);
        }
    }

    fn profile_deleted(&mut self, profile: &str, for_good: bool) {
        let ids: Vec<FlowId> = self
            .engine
            .flows
            .iter()
            // What was posted can't be called back: a profile that comes back needs the answer, for its own refresh
            // token may be used up, and until then no second request may go beside the first.
            .filter(|flow| flow.profile() == profile && (for_good || !flow.is_posted()))
            .map(|flow| flow.id.clone())
            .collect();
        for id in ids {
            self.fail(&id, Failure::Cancelled);
        }
        self.dismiss(profile);
    }

    fn lock(&mut self) {
        let ids: Vec<FlowId> = self
            .engine
            .flows
            .iter()
            // What storage did not take until now would stand in the session.
            .filter(|flow| !flow.is_posted() || flow.refused().is_some())
            .map(|flow| flow.id.clone())
            .collect();
        for id in ids {
            self.fail(&id, Failure::Cancelled);
        }
        self.changed |= !self.engine.ended.is_empty();
        self.engine.ended.clear();
    }

    /// Only a hint: no renewal comes sooner than it would after its first failure.
    fn online(&mut self) {
        for ended in self.engine.ended.iter_mut().filter(|ended| ended.tries > 0) {
            let soonest_ms = self.now_ms.max(ended.at_ms.saturating_add(unreached_ms(0)));
            ended.again_ms = ended.again_ms.map(|at_ms| at_ms.min(soonest_ms));
            self.changed = true;
        }
    }

    /// Notes when a server that has enough, or is down, would see the flow again. One that does not say is left alone for as long
    /// as any other failure.
    fn sent_away(&mut self, id: &FlowId, answer: &HttpResponse) {
        let now_ms = self.now_ms;
        if let Some(flow) = self.engine.flow_mut(id)
            && (answer.status == 429 || answer.status >= 500)
        {
            let at_ms = answer.retry_at_ms(now_ms);
            let again_ms = at_ms.map_or(now_ms + RETRY_MS, |at_ms| asked_back_ms(now_ms, at_ms, id));
            flow.again_ms = Some(again_ms);
        }
    }

    fn dismiss(&mut self, profile: &str) {
        let before = self.engine.ended.len();
        self.engine.ended.retain(|ended| ended.profile != profile);
        self.changed |= self.engine.ended.len() != before;
    }

    /// Whatever was under way is over. The browser still blocks the callbacks, and somebody must know until when.
    fn session_lost(&mut self, notes: Vec<Note>) {
        for note in notes {
            self.changed = true;
            let next_rule = Rule::in_session(note.rule).saturating_add(Flow::RULES);
            self.engine.next_rule = self.engine.next_rule.max(next_rule);
            self.engine.guards.push(Guard {
                flow: note.flow.clone(),
                rules: vec![note.rule],
                until_ms: note.until_ms,
                redeemed: false,
            });
            // A renewal is tried again without a word.
            if !note.over && note.way == Way::Tab && note.until_ms > self.now_ms {
                self.engine.ended.push(Ended {
                    profile: note.profile.clone(),
                    flow: note.flow.clone(),
                    renewal: false,
                    way: note.way,
                    finding: Some(interrupted()),
                    steps: Vec::new(),
                    at_ms: self.now_ms,
                    tries: 0,
                    again_ms: None,
                });
            }
            self.engine.notes.push(Note { over: true, ..note });
        }
    }

    fn worker_started(&mut self, stored: &[FlowId], granted: &[(FlowId, bool)], rules: &[u32]) {
        self.changed = true;
        // The worker died between storing a token and writing down that an older one no longer waits.
        for id in stored {
            self.forget_older_token(id);
        }
        let permitted = |id: &FlowId| granted.iter().any(|(other, granted)| other == id && *granted);
        let flows: Vec<(FlowId, Phase)> = self
            .engine
            .flows
            .iter()
            .map(|flow| (flow.id.clone(), flow.phase.clone()))
            .collect();
        for (id, phase) in flows {
            match phase {
                Phase::AwaitingPermission if permitted(&id) => self.open(&id),
                Phase::AwaitingRedirect { .. } if !permitted(&id) => {
                    self.fail(&id, Failure::PermissionRemoved);
                }
                Phase::AwaitingRedirect { tab, navigated: false } => self.arm_and_navigate(&id, tab),
                Phase::AwaitingRedirect { tab, .. } => self.rearm(&id, tab, rules),
                Phase::AwaitingPermission => {}
                Phase::Captured { .. } => self.check_permission(&id),
                Phase::Exchanging | Phase::Refreshing { .. } if stored.contains(&id) => self.token_stored(&id),
                _ if self.engine.flow(&id).is_some_and(|flow| flow.unstored.is_some()) => self.store(&id),
                Phase::Exchanging | Phase::Refreshing { .. } if self.engine.flow(&id).is_some_and(|f| f.superseded) => {
                    self.forget(&id);
                }
                Phase::Refreshing { attempts } if attempts < REFRESHES_AT_MOST => self.refresh(&id, attempts + 1),
                Phase::Asking { attempts } if attempts < REFRESHES_AT_MOST => self.ask(&id, attempts + 1),
                Phase::Opening | Phase::Asking { .. } => self.fail(&id, Failure::Interrupted),
                Phase::Refreshing { .. } | Phase::Exchanging => self.fail(&id, Failure::OutcomeUnknown),
            }
        }
        let owned = self.engine.owned_rules();
        let orphans: Vec<u32> = rules.iter().copied().filter(|rule| !owned.contains(rule)).collect();
        if let Some(highest) = rules.iter().map(|rule| Rule::in_session(*rule)).max() {
            self.engine.next_rule = self.engine.next_rule.max(highest.saturating_add(1));
        }
        if !orphans.is_empty() {
            self.push(Effect::RemoveRules(orphans));
        }
    }

    /// Gives up what is overdue.
    fn expire(&mut self) {
        let now_ms = self.now_ms;
        let overdue: Vec<FlowId> = self
            .engine
            .flows
            .iter()
            .filter(|flow| flow.deadline_ms <= now_ms && !flow.is_posted())
            .map(|flow| flow.id.clone())
            .collect();
        for id in overdue {
            let way = self.engine.flow(&id).map(|flow| flow.way);
            match way {
                Some(Way::Background | Way::QuietTab) => self.needs_person(&id),
                _ => self.fail(&id, Failure::TimedOut),
            }
        }
        let mut refused = Vec::new();
        for flow in &mut self.engine.flows {
            if flow.wake_ms.is_some_and(|wake_ms| wake_ms <= now_ms) {
                let waits = matches!(flow.phase, Phase::AwaitingRedirect { navigated: true, .. });
                flow.wake_ms = waits.then_some(now_ms + LOOK_MS);
                if flow.refused().is_some() {
                    flow.offer_again(now_ms);
                    refused.push(flow.id.clone());
                }
                self.changed = true;
            }
        }
        for id in refused {
            self.store(&id);
        }
        let mut dead: Vec<u32> = Vec::new();
        self.engine.guards.retain(|guard| {
            let keep = guard.until_ms > now_ms;
            if !keep {
                dead.extend(&guard.rules);
            }
            keep
        });
        while self.engine.guards.len() > GUARDS_AT_MOST {
            let oldest = self
                .engine
                .guards
                .iter()
                .enumerate()
                .min_by_key(|(_, guard)| (!guard.redeemed, guard.until_ms));
            let Some((place, _)) = oldest else { break };
            dead.extend(self.engine.guards.remove(place).rules);
        }
        if !dead.is_empty() {
            self.changed = true;
            self.push(Effect::RemoveRules(dead));
        }
    }

    fn fail(&mut self, id: &FlowId, failure: Failure) {
        self.end(id, Some(failure));
    }

    /// Ends a superseded renewal: nobody waits for its result.
    fn forget(&mut self, id: &FlowId) {
        if let Some(place) = self.engine.flows.iter().position(|flow| flow.id == *id) {
            let flow = self.engine.flows.remove(place);
            self.changed = true;
            if let Phase::AwaitingRedirect { tab, .. } = flow.phase {
                self.push(Effect::CloseTab(tab));
            }
            let dead = self.guard(&flow, false);
            self.push(Effect::RemoveRules(dead));
        }
    }

    /// Keeps the `state` of a flow that is over blocked while a code could still live; which of its rules can go.
    fn guard(&mut self, flow: &Flow, redeemed: bool) -> Vec<u32> {
        let [tab_rule, origin_rule, guarding @ .., lasting_rule] = flow.rule_ids();
        let mut dead = vec![tab_rule, origin_rule];
        for note in &mut self.engine.notes {
            note.over |= note.flow == flow.id;
        }
        // Only an authorization that was begun can have a code.
        let coded = flow.way.has_tab() && !matches!(flow.phase, Phase::AwaitingPermission | Phase::Opening);
        if coded {
            let mut rules = guarding.to_vec();
            // A code that is used up needs no guard beyond the session.
            if redeemed { &mut dead } else { &mut rules }.push(lasting_rule);
            self.engine.guards.push(Guard {
                flow: flow.id.clone(),
                rules,
                until_ms: self.now_ms + flow.snapshot.code_lifetime_ms(),
                redeemed,
            });
        } else {
            dead.extend(guarding);
        }
        dead
    }

    /// Ends a flow: its secrets go, its tab's rule goes, and its `state` stays blocked while a code could still live.
    fn end(&mut self, id: &FlowId, failure: Option<Failure>) {
        let Some(place) = self.engine.flows.iter().position(|flow| flow.id == *id) else {
            return;
        };
        let flow = self.engine.flows.remove(place);
        self.changed = true;
        let dead = self.guard(&flow, failure.is_none());
        let close = match (&flow.phase, &failure) {
            (Phase::AwaitingRedirect { tab, .. }, Some(failure)) => {
                // The tab is the person's when they still sign in, but without rules it would give the code away.
                let closed = matches!(
                    failure,
                    Failure::TabClosed | Failure::Redirect(_) | Failure::ErrorPage { .. }
                );
                (!closed).then_some(*tab)
            }
            _ => None,
        };
        // The tab closes before its rule goes.
        if let Some(tab) = close {
            self.push(Effect::CloseTab(tab));
        }
        self.push(Effect::RemoveRules(dead));
        let unreached = failure.as_ref().is_some_and(Failure::reached_nobody);
        // Somebody has to change the app or the profile first.
        let stopped = matches!(failure, Some(Failure::ErrorPage { .. }));
        let finding = failure.map(|failure| match &flow.setback {
            Some(setback) if failure == Failure::NeedsClick => setback.clone(),
            _ => explain(&flow, &failure),
        });
        let renewal = flow.renews.is_some();
        let unreached = renewal && flow.again_ms.is_none() && unreached;
        let again_ms = finding.as_ref().filter(|_| renewal).map(|finding| match finding.fix {
            _ if stopped => self.now_ms + RETRY_WITHOUT_PERSON_MS,
            Fix::AuthorizeAgain => self.now_ms + RETRY_WITHOUT_PERSON_MS,
            // As soon as the hosts are granted: who looks at the tokens begins nothing before.
            Fix::AllowAccess => self.now_ms,
            _ if unreached => self.now_ms + unreached_ms(flow.tries),
            _ => flow.again_ms.unwrap_or(self.now_ms + RETRY_MS),
        });
        let Snapshot { profile, .. } = flow.snapshot;
        self.engine.ended.retain(|ended| ended.profile != profile.id);
        self.engine.ended.push(Ended {
            profile: profile.id,
            flow: flow.id,
            renewal,
            way: flow.way,
            finding,
            steps: flow.steps,
            at_ms: self.now_ms,
            tries: if unreached { flow.tries.saturating_add(1) } else { 0 },
            again_ms,
        });
    }
}

/// Why a flow has no token, in the light of what it asked for.
fn explain(flow: &Flow, failure: &Failure) -> Finding {
    let Snapshot {
        provider,
        profile,
        client_secret,
    } = &flow.snapshot;
    let grant = match flow.way {
        Way::RefreshToken => Grant::RefreshToken,
        Way::ClientCredentials => Grant::ClientCredentials,
        Way::Tab | Way::QuietTab | Way::Background => Grant::AuthorizationCode,
    };
    let request = RequestFacts::sent(provider, grant, client_secret.as_ref().map(ClientSecret::expose));
    let finding = if flow.renews.is_some() {
        diagnose_renewal(failure, provider, &profile.host_names(), request)
    } else {
        diagnose(failure, provider, &profile.host_names(), request)
    };
    diagnose_unregistered(finding, provider, profile.redirect_uri.as_str())
}
