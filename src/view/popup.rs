//! The popup, and the result page, which is the popup in a tab.

use crate::diagnosis::{Finding, Fix, TokenFacts, diagnose_lifetime, issued_to_another_app};
use crate::flow::{Check, Ended, Engine, Flow, FlowId, Phase, Step, StepName, StoredToken, Way};
use crate::handoff::Format;
use crate::profile::{Profile, ScopeState, TokenRecord};
use crate::provider::GrantType;
use crate::vault::Index;

use super::{CheckView, TimeLeft};

/// Profiles that a popup shows before the person asks for the rest.
pub const VISIBLE_AT_FIRST: usize = 20;

/// The person's own template, where a format is chosen.
pub const OWN_TEMPLATE: &str = "template";

/// What the storage holds, as far as the page has read it.
#[derive(Debug)]
pub struct Model<'a> {
    /// All profiles, in order.
    pub index: &'a Index,
    /// The profiles that are shown.
    pub profiles: &'a [Profile],
    /// Their tokens.
    pub tokens: &'a [(String, StoredToken)],
    /// What the servers said of them.
    pub checks: &'a [(String, Check)],
    /// The engine.
    pub engine: &'a Engine,
    /// Now, in milliseconds of the Unix epoch.
    pub now_ms: u64,
    /// The profile that the person opened; none leaves the choice to the view.
    pub expanded: Option<&'a str>,
    /// The profiles whose token the person asked to see.
    pub revealed: &'a [String],
    /// How many profiles are shown.
    pub visible: usize,
}

impl Model<'_> {
    /// A profile's token: the one that could not be stored yet, as long as there is one.
    pub(super) fn token(&self, profile: &str) -> Option<&StoredToken> {
        let stored = || self.tokens.iter().find(|(id, _)| id == profile);
        match self.engine.unstored_of(profile) {
            Some((unstored, _)) => Some(unstored),
            None => stored().map(|(_, stored)| stored),
        }
    }
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct PopupView {
    /// The profiles; empty on a first run.
    pub profiles: Vec<ProfileView>,
    /// How many are not shown.
    pub more: usize,
}

/// The state of a profile, as `data-state` and `state_<name>` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardState {
    /// No token yet.
    Ready,
    /// The browser has to be asked for hosts.
    WaitingPermission,
    /// A flow is under way.
    Running,
    /// A token that lives.
    Token,
    /// A token that does not.
    Expired,
    /// The last flow failed.
    Failed,
}

impl CardState {
    /// The name in attributes and message keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::WaitingPermission => "waiting_permission",
            Self::Running => "running",
            Self::Token => "token",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// The main action of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MainAction {
    /// Start a flow.
    Authorize,
    /// The same for a token of the app itself, which nobody authorizes.
    GetToken,
    /// Ask the browser for the hosts.
    AllowAccess,
    /// Renew by the refresh token.
    Renew,
    /// Copy the token.
    CopyToken,
}

/// How a step stands, as `data-state` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Finished.
    Done,
    /// Under way.
    Active,
    /// To come.
    Pending,
    /// Here it ended.
    Failed,
}

impl StepState {
    /// The name in attributes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// A step of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepView {
    /// Which one.
    pub name: StepName,
    /// How it stands.
    pub state: StepState,
    /// When it was finished, in milliseconds after the flow's first step.
    pub after_ms: Option<u64>,
}

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLife {
    /// When it dies, in milliseconds of the Unix epoch; unknown without `expires_in`.
    pub expires_ms: Option<u64>,
    /// How much is left.
    pub left: Option<TimeLeft>,
    /// The part of its life that is left, in hundredths.
    pub percent_left: Option<u8>,
}

/// A token on an open card.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct TokenView {
    /// The value with its middle left out.
    pub masked: String,
    /// Whether the person asked to see the value.
    pub revealed: bool,
    /// Whether it can be renewed without a click at the provider.
    pub renewable: bool,
    /// Whether it will be without the person doing anything, as far as anybody knows.
    pub renews_itself: bool,
    /// Whether that is under way.
    pub renewing: bool,
    /// Until when it can be renewed so, in milliseconds of the Unix epoch, where that is known.
    pub renewable_until_ms: Option<u64>,
    /// What its life needs of the person, or will; none where it can be renewed for a long time.
    pub lifetime: Option<Finding>,
    /// How many minutes this computer's clock is behind the server's, or ahead of it when negative; none when it is right.
    pub clock_behind_min: Option<i64>,
    /// Scopes, granted against requested.
    pub scopes: Vec<(String, ScopeState)>,
    /// Whose token it is, as the API says, or else the ID token, unverified.
    pub account: Option<String>,
    /// What the servers said of it.
    pub check: Option<CheckView>,
}

/// A profile on a card.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its tokens are used.
    pub label: Option<String>,
    /// Its state.
    pub state: CardState,
    /// Whether its token could not be stored yet.
    pub unsaved: bool,
    /// Its main action; none while a flow runs.
    pub main: Option<MainAction>,
    /// How its token is copied unless the person chooses otherwise; none for the person's own template.
    pub copy_as: Option<Format>,
    /// The life of its token.
    pub life: Option<TokenLife>,
    /// The rest, of an open card.
    pub detail: Option<DetailView>,
}

/// What shows of a profile when its card is open.
#[derive(Clone, Debug, PartialEq)]
pub struct DetailView {
    /// The flow under way.
    pub flow: Option<FlowId>,
    /// The steps of the flow under way, or of the one that failed.
    pub steps: Vec<StepView>,
    /// Why the last flow failed.
    pub finding: Option<Finding>,
    /// The token.
    pub token: Option<TokenView>,
    /// The redirect URI; none where nobody is redirected.
    pub redirect_uri: Option<String>,
}

impl PopupView {
    /// Makes the view.
    #[must_use]
    pub fn new(model: &Model<'_>) -> Self {
        let shown: Vec<&Profile> = model
            .index
            .entries
            .iter()
            .take(model.visible)
            .filter_map(|entry| model.profiles.iter().find(|profile| profile.id == entry.id))
            .collect();
        let expanded = model.expanded.map(str::to_owned).or_else(|| lively(model, &shown));
        let profiles = shown
            .into_iter()
            .map(|profile| ProfileView::new(model, profile, expanded.as_deref() == Some(profile.id.as_str())))
            .collect();
        Self {
            profiles,
            more: model.index.entries.len().saturating_sub(model.visible),
        }
    }
}

/// The profile that most likely matters: the one with the newest flow, else the first.
fn lively(model: &Model<'_>, shown: &[&Profile]) -> Option<String> {
    let newest = model
        .engine
        .flows
        .iter()
        .max_by_key(|flow| flow.started_ms)
        .map(|flow| flow.profile().to_owned());
    let ended = || {
        model
            .engine
            .ended
            .iter()
            .max_by_key(|ended| ended.at_ms)
            .map(|ended| ended.profile.clone())
    };
    newest
        .or_else(ended)
        .or_else(|| shown.first().map(|profile| profile.id.clone()))
}

impl ProfileView {
    pub(super) fn new(model: &Model<'_>, profile: &Profile, expanded: bool) -> Self {
        let under_way = model.engine.flow_of(&profile.id);
        let under_way = under_way.filter(|flow| flow.refused().is_none());
        let renewing = under_way.is_some_and(|flow| flow.renews.is_some());
        let ended = model.engine.ended_of(&profile.id);
        let unsaved = model.engine.unstored_of(&profile.id);
        let waits = unsaved.and_then(|unsaved| of_unsaved(unsaved, ended));
        let stored = model.token(&profile.id);
        let check = model.checks.iter().find(|(id, _)| *id == profile.id);
        // Of another token it says nothing.
        let check = check.map(|(_, check)| check).filter(|check| {
            let own = stored.map(|stored| &stored.flow);
            own == Some(&check.token)
        });
        let life = stored.map(|stored| TokenLife::new(&stored.token, check, model.now_ms));
        let lives = life.is_some_and(|life| life.left.is_some() || life.expires_ms.is_none());
        // A token that lives is at hand while it is renewed.
        let flow = under_way.filter(|flow| !(lives && renewing) || waits_for_permission(flow));
        let finding = match (under_way, waits) {
            (Some(_), _) => None,
            (None, Some(finding)) => Some(finding.clone()),
            (None, None) => ended.and_then(|ended| Some(own_button(ended.finding.clone()?, ended.renewal))),
        };
        let finding = finding.as_ref();

        let renewable = stored.is_some_and(|stored| profile.renews_by_itself(&stored.token, model.now_ms));
        // Nor does a renewal that failed take it away.
        let grave = finding.filter(|_| !(lives && (waits.is_some() || ended.is_some_and(|ended| ended.renewal))));
        let other_app = stored.is_some_and(|stored| !profile.has_issued(&stored.token));
        // It works until it ends, and that it can't be renewed matters more than why its own app did not do it.
        let told = (lives && other_app && under_way.is_none() && unsaved.is_none()).then(issued_to_another_app);
        let state = match (flow, grave, life) {
            (Some(flow), ..) if waits_for_permission(flow) => CardState::WaitingPermission,
            (Some(_), ..) => CardState::Running,
            (None, Some(_), _) => CardState::Failed,
            (None, None, Some(_)) if lives => CardState::Token,
            (None, None, Some(_)) => CardState::Expired,
            (None, None, None) => CardState::Ready,
        };
        let main = match state {
            CardState::WaitingPermission => Some(MainAction::AllowAccess),
            CardState::Running => None,
            CardState::Token => Some(MainAction::CopyToken),
            CardState::Failed => match finding.map(|finding| &finding.fix) {
                Some(Fix::AllowAccess) => Some(MainAction::AllowAccess),
                Some(Fix::Renew) if renewable && unsaved.is_none() => Some(MainAction::Renew),
                _ => Some(MainAction::Authorize),
            },
            CardState::Expired if renewable => Some(MainAction::Renew),
            CardState::Ready | CardState::Expired => Some(MainAction::Authorize),
        };
        let for_itself = profile
            .provider()
            .is_some_and(|provider| provider.grant_type == GrantType::ClientCredentials);
        let main = main.map(|main| match main {
            MainAction::Authorize if for_itself => MainAction::GetToken,
            other => other,
        });
        let untroubled = model.engine.renewal_retry_ms(&profile.id).is_none();
        let renews_itself = profile.renew_automatically && renewable && lives && untroubled;
        let detail = expanded.then(|| DetailView {
            flow: flow.map(|flow| flow.id.clone()),
            steps: match (flow, ended) {
                (Some(flow), _) if !renewing => steps(flow.way, &flow.steps, StepState::Active),
                (None, Some(ended)) if finding.is_some() && waits.is_none() && !ended.renewal => {
                    steps(ended.way, &ended.steps, StepState::Failed)
                }
                _ => Vec::new(),
            },
            finding: grave.or(told.as_ref()).or(finding).cloned(),
            token: stored.map(|stored| {
                let revealed = model.revealed.contains(&profile.id);
                let mut check = check.map(|check| CheckView::new(check, profile.provider(), model.now_ms));
                let asks = check.as_mut().and_then(|check| check.finding.as_mut());
                if let Some(finding) = asks.filter(|finding| other_app && finding.fix == Fix::Renew) {
                    finding.fix = Fix::AuthorizeAgain;
                }
                let known = check.as_ref().and_then(|check| check.account.clone());
                let view = TokenView::new(&stored.token, revealed, model.now_ms);
                let renews_itself = renews_itself && view.renews_itself;
                TokenView {
                    lifetime: view.lifetime.filter(|_| !for_itself && !other_app && !renews_itself),
                    renewable,
                    renews_itself,
                    renewing,
                    account: known.or(view.account),
                    check,
                    ..view
                }
            }),
            redirect_uri: (!for_itself).then(|| profile.redirect_uri.as_str().to_owned()),
        });
        Self {
            id: profile.id.clone(),
            name: profile.name.clone(),
            label: profile.look.label.clone(),
            state,
            unsaved: unsaved.is_some(),
            main,
            copy_as: match profile.copy_as.as_deref() {
                Some(OWN_TEMPLATE) => None,
                chosen => Some(chosen.and_then(Format::from_id).unwrap_or(Format::Raw)),
            },
            life,
            detail,
        }
    }
}

/// What is told of a token that is not stored yet, unless something failed since: that is what the person waits for.
fn of_unsaved<'a>((unsaved, finding): (&StoredToken, &'a Finding), ended: Option<&Ended>) -> Option<&'a Finding> {
    let newer = |ended: &Ended| ended.finding.is_some() && ended.at_ms > unsaved.token.obtained_ms;
    (!ended.is_some_and(newer)).then_some(finding)
}

/// Renew asks for the hosts that a renewal lacks, and needs no tab.
fn own_button(finding: Finding, renewal: bool) -> Finding {
    match finding.fix {
        Fix::AllowAccess if renewal => Finding {
            fix: Fix::Renew,
            ..finding
        },
        _ => finding,
    }
}

fn waits_for_permission(flow: &Flow) -> bool {
    matches!(
        flow.phase,
        Phase::AwaitingPermission
            | Phase::Captured {
                waiting_for_permission: true,
                ..
            }
    )
}

/// All steps: those done with their times, then the one that is active or failed, then those to come.
fn steps(way: Way, done: &[Step], next: StepState) -> Vec<StepView> {
    let first_ms = done.first().map_or(0, |step| step.at_ms);
    let mut next = Some(next);
    let has = |name: &StepName| way.has_tab() || !name.needs_tab();
    StepName::ALL
        .into_iter()
        .filter(has)
        .map(|name| match done.iter().find(|step| step.name == name) {
            Some(step) => StepView {
                name,
                state: StepState::Done,
                after_ms: Some(step.at_ms.saturating_sub(first_ms)),
            },
            None => StepView {
                name,
                state: next.take().unwrap_or(StepState::Pending),
                after_ms: None,
            },
        })
        .collect()
}

impl TokenLife {
    fn new(token: &TokenRecord, check: Option<&Check>, now_ms: u64) -> Self {
        let expires_ms = check.map_or(token.expires_ms, |check| check.expires_ms(token.expires_ms));
        let percent_left = expires_ms.map(|expires_ms| {
            let life = expires_ms.saturating_sub(token.obtained_ms).max(1);
            let left = expires_ms.saturating_sub(now_ms).min(life);
            u8::try_from(left * 100 / life).unwrap_or(100)
        });
        Self {
            expires_ms,
            left: expires_ms.and_then(|expires_ms| TimeLeft::until(now_ms, expires_ms)),
            percent_left,
        }
    }
}

impl TokenView {
    fn new(token: &TokenRecord, revealed: bool, now_ms: u64) -> Self {
        let facts = TokenFacts {
            obtained_ms: token.obtained_ms,
            expires_ms: token.expires_ms,
            now_ms,
            granted: token.scopes(),
            has_refresh_token: token.living_refresh_token(now_ms).is_some(),
            refresh_expires_ms: token.refresh_expires_ms,
        };
        Self {
            masked: mask(token.access_token.expose()),
            revealed,
            renewable: false,
            // What has no end is never due.
            renews_itself: token.renewal_due_ms().is_some(),
            renewing: false,
            renewable_until_ms: token
                .refresh_expires_ms
                .filter(|_| token.living_refresh_token(now_ms).is_some()),
            lifetime: diagnose_lifetime(&facts),
            clock_behind_min: token.clock_skew_ms.map(|skew_ms| skew_ms / 60_000),
            scopes: token.scope_report(),
            account: token.account.clone(),
            check: None,
        }
    }
}

/// The first three and the last four characters, where that leaves enough hidden: LinkedIn's tokens all begin alike.
#[must_use]
fn mask(token: &str) -> String {
    const HIDDEN: &str = "••••••••••••";
    if token.is_ascii() && token.len() >= 24 {
        [&token[..3], HIDDEN, &token[token.len() - 4..]].concat()
    } else {
        HIDDEN.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::flow::{Event, NewFlow, Snapshot, TabId};
    use crate::oauth::http::HttpResponse;
    use crate::oauth::redirect_uri::RedirectUri;
    use crate::oauth::scope::Scopes;
    use crate::oauth::secret::{RefreshToken, State};
    use crate::oauth::token::parse_token_response;
    use crate::provider;
    use crate::vault::IndexEntry;

    const NOW_MS: u64 = 1_700_000_000_000;
    const DAY_MS: u64 = 86_400_000;

    fn profile(id: &str) -> Profile {
        Profile {
            id: id.to_owned(),
            name: format!("Profile {id}"),
            provider: "linkedin".to_owned(),
            client_id: "77sandbox00000".to_owned(),
            redirect_uri: RedirectUri::parse("http://localhost:8585/callback").unwrap(),
            scopes: Scopes::parse("openid w_member_social").unwrap(),
            renew_automatically: true,
            renew_in_tab: false,
            copy_as: None,
            look: crate::profile::Look::default(),
            created_ms: 0,
            first_app: None,
        }
    }

    fn token(answer: &str) -> StoredToken {
        let response = HttpResponse {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: answer.as_bytes().to_vec(),
            truncated: false,
        };
        let token = TokenRecord::from_response(
            &parse_token_response(&response).unwrap(),
            &Scopes::parse("openid w_member_social").unwrap(),
            NOW_MS,
        );
        StoredToken {
            flow: FlowId("f0".to_owned()),
            token,
        }
    }

    fn new_flow(profile_id: &str, flow: &str, permitted: bool) -> NewFlow {
        NewFlow {
            id: FlowId(flow.to_owned()),
            snapshot: Snapshot {
                provider: provider::by_id("linkedin").unwrap(),
                profile: profile(profile_id),
                client_secret: None,
            },
            state: State::new("state"),
            code_verifier: None,
            renews: None,
            quiet_tab: false,
            permitted,
        }
    }

    fn start(engine: &mut Engine, profile_id: &str, flow: &str, permitted: bool) {
        let new = new_flow(profile_id, flow, permitted);
        engine.step(NOW_MS, Event::Authorize(Box::new(new)));
    }

    fn view(engine: &Engine, tokens: &[(String, StoredToken)], now_ms: u64) -> ProfileView {
        let index = Index {
            entries: vec![IndexEntry {
                id: "a".to_owned(),
                name: "A".to_owned(),
            }],
        };
        let view = PopupView::new(&Model {
            index: &index,
            profiles: &[profile("a")],
            tokens,
            checks: &[],
            engine,
            now_ms,
            expanded: None,
            revealed: &[],
            visible: VISIBLE_AT_FIRST,
        });
        assert_eq!((view.profiles.len(), view.more), (1, 0));
        view.profiles[0].clone()
    }

    const ANSWER: &str = r#"{"access_token":"AQX0123456789abcdefghijkl","expires_in":5183999,"scope":"email,openid"}"#;

    #[test]
    fn before_the_first_token() {
        let card = view(&Engine::default(), &[], NOW_MS);
        assert_eq!((card.state, card.main), (CardState::Ready, Some(MainAction::Authorize)));
        let detail = card.detail.unwrap();
        assert!(card.life.is_none() && detail.steps.is_empty() && detail.token.is_none());
    }

    #[test]
    fn what_needs_a_tab_is_no_step_of_a_flow_without_one() {
        use StepName::{Capture, Exchange, Open, Permission, SignIn, Store};
        let shown = |way| {
            steps(way, &[], StepState::Active)
                .iter()
                .map(|step| step.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(Way::Tab), [Permission, Open, SignIn, Capture, Exchange, Store]);
        assert_eq!(shown(Way::QuietTab), StepName::ALL);
        for way in [Way::Background, Way::RefreshToken, Way::ClientCredentials] {
            assert_eq!(shown(way), [Permission, Exchange, Store], "{way:?}");
        }
    }

    #[test]
    fn a_flow_that_waits_for_the_hosts() {
        let mut engine = Engine::default();
        start(&mut engine, "a", "f1", false);
        let card = view(&engine, &[], NOW_MS);
        assert_eq!(
            (card.state, card.main),
            (CardState::WaitingPermission, Some(MainAction::AllowAccess))
        );
        assert_eq!(card.detail.unwrap().steps[0].state, StepState::Active);
    }

    #[test]
    fn a_flow_under_way_hides_what_was_before() {
        let mut engine = Engine::default();
        start(&mut engine, "a", "f1", true);
        engine.step(
            NOW_MS,
            Event::TabOpened {
                flow: FlowId("f1".to_owned()),
                tab: TabId(7),
            },
        );
        engine.step(NOW_MS + 120, Event::Navigated(FlowId("f1".to_owned())));
        let card = view(&engine, &[("a".to_owned(), token(ANSWER))], NOW_MS);
        assert_eq!((card.state, card.main), (CardState::Running, None));
        let detail = card.detail.unwrap();
        assert_eq!(detail.flow, Some(FlowId("f1".to_owned())));
        let states: Vec<StepState> = detail.steps.iter().map(|step| step.state).collect();
        assert_eq!(
            states[..4],
            [StepState::Done, StepState::Done, StepState::Active, StepState::Pending]
        );
        assert_eq!(detail.steps[1].after_ms, Some(120));
    }

    #[test]
    fn a_token_that_could_not_be_stored_is_at_hand_and_told() {
        let mut engine = Engine::default();
        start(&mut engine, "a", "f1", true);
        let unstored = |finding| crate::flow::Unstored {
            token: token(ANSWER),
            finding,
        };
        let finding = issued_to_another_app();
        let before = [("a".to_owned(), token(&ANSWER.replace("ijkl", "wxyz")))];
        for tokens in [&[][..], &before] {
            // Nothing is shown that storage may still refuse.
            engine.flows[0].unstored = Some(unstored(None));
            assert_eq!(view(&engine, tokens, NOW_MS).state, CardState::Running);
            engine.flows[0].unstored = Some(unstored(Some(finding.clone())));
            let card = view(&engine, tokens, NOW_MS);
            assert_eq!((card.state, card.main), (CardState::Token, Some(MainAction::CopyToken)));
            let detail = card.detail.unwrap();
            assert_eq!(detail.finding, Some(finding.clone()));
            assert!(detail.steps.is_empty() && detail.flow.is_none());
            let shown = detail.token.unwrap();
            assert!(shown.masked.ends_with("ijkl") && !shown.renewing, "{}", shown.masked);
        }
        // A failure since then is what the person waits for.
        engine.ended.push(Ended {
            profile: "a".to_owned(),
            flow: FlowId("f9".to_owned()),
            renewal: false,
            way: Way::Tab,
            finding: Some(Finding {
                code: "tab_closed".to_owned(),
                ..finding.clone()
            }),
            steps: Vec::new(),
            at_ms: NOW_MS + 1,
            tries: 0,
            again_ms: None,
        });
        let card = view(&engine, &before, NOW_MS);
        assert_eq!((card.state, card.unsaved), (CardState::Failed, true));
        assert_eq!(card.detail.unwrap().finding.unwrap().code, "tab_closed");
        engine.ended[0].at_ms = NOW_MS - 1;
        assert_eq!(
            view(&engine, &before, NOW_MS).detail.unwrap().finding,
            Some(finding.clone())
        );
        // Who authorizes anew sees that, and has the token at hand all the same.
        engine.step(NOW_MS + 1, Event::Authorize(Box::new(new_flow("a", "f2", true))));
        let card = view(&engine, &before, NOW_MS);
        assert_eq!((card.state, card.detail.unwrap().finding), (CardState::Running, None));
        engine.flows.truncate(1);
        // Renew would only store it again.
        engine.flows[0].unstored.as_mut().unwrap().token.token.refresh_token = Some(RefreshToken::new("AQW"));
        let card = view(&engine, &before, NOW_MS + 70 * DAY_MS);
        assert_eq!(
            (card.state, card.main),
            (CardState::Failed, Some(MainAction::Authorize))
        );
    }

    #[test]
    fn a_token_that_lives_and_one_that_does_not() {
        let tokens = [("a".to_owned(), token(ANSWER))];
        let card = view(&Engine::default(), &tokens, NOW_MS + 10 * DAY_MS);
        assert_eq!((card.state, card.main), (CardState::Token, Some(MainAction::CopyToken)));
        let life = card.life.unwrap();
        assert_eq!(life.left.map(|left| left.value), Some(49));
        assert_eq!(life.percent_left, Some(83));
        let shown = card.detail.unwrap().token.unwrap();
        assert!(!shown.masked.contains("0123456789"));
        assert_eq!(
            shown.scopes,
            [
                ("openid".to_owned(), ScopeState::Granted),
                ("w_member_social".to_owned(), ScopeState::Missing),
                ("email".to_owned(), ScopeState::Extra),
            ]
        );
        let card = view(&Engine::default(), &tokens, NOW_MS + 60 * DAY_MS);
        assert_eq!(
            (card.state, card.main),
            (CardState::Expired, Some(MainAction::Authorize))
        );
        assert_eq!(card.life.unwrap().percent_left, Some(0));
    }

    #[test]
    fn a_token_without_an_end_is_valid() {
        let card = view(
            &Engine::default(),
            &[("a".to_owned(), token(r#"{"access_token":"x"}"#))],
            NOW_MS + 999 * DAY_MS,
        );
        assert_eq!(card.state, CardState::Token);
        assert_eq!(card.life.unwrap().percent_left, None);
    }

    #[test]
    fn a_failed_flow_keeps_the_token_beside_its_finding() {
        let mut engine = Engine::default();
        start(&mut engine, "a", "f1", true);
        engine.step(
            NOW_MS,
            Event::TabOpened {
                flow: FlowId("f1".to_owned()),
                tab: TabId(7),
            },
        );
        engine.step(NOW_MS, Event::TabRemoved(TabId(7)));
        let card = view(&engine, &[("a".to_owned(), token(ANSWER))], NOW_MS);
        assert_eq!(
            (card.state, card.main),
            (CardState::Failed, Some(MainAction::Authorize))
        );
        let detail = card.detail.unwrap();
        assert_eq!(detail.finding.unwrap().code, "tab_closed");
        assert!(detail.token.is_some());
        assert!(detail.steps.iter().any(|step| step.state == StepState::Failed));
        engine.step(NOW_MS, Event::Dismiss("a".to_owned()));
        assert_eq!(view(&engine, &[], NOW_MS).state, CardState::Ready);
    }

    #[test]
    fn a_token_is_at_hand_while_it_is_renewed_and_after_that_failed() {
        const WITH_REFRESH: &str = r#"{"access_token":"AQX0123456789abcdefghijkl","expires_in":1000,"refresh_token":"AQW0",
            "refresh_token_expires_in":2000}"#;
        let tokens = [("a".to_owned(), token(WITH_REFRESH))];
        let mut engine = Engine::default();
        let renew = |engine: &mut Engine, now_ms| {
            let new = NewFlow {
                renews: Some(tokens[0].1.clone()),
                quiet_tab: false,
                ..new_flow("a", "r1", true)
            };
            engine.step(now_ms, Event::Renew(Box::new(new)));
        };
        let shown = |card: &ProfileView| card.detail.clone().unwrap().token.unwrap();

        let card = view(&engine, &tokens, NOW_MS);
        assert!(shown(&card).renewable && !shown(&card).renewing);
        renew(&mut engine, NOW_MS);
        let card = view(&engine, &tokens, NOW_MS);
        assert_eq!((card.state, card.main), (CardState::Token, Some(MainAction::CopyToken)));
        assert!(shown(&card).renewing && card.detail.unwrap().steps.is_empty());

        let failed = Event::TokenAnswered {
            flow: FlowId("r1".to_owned()),
            answer: Err(crate::diagnosis::TransportError::Timeout),
            code: None,
        };
        engine.step(NOW_MS, failed);
        let card = view(&engine, &tokens, NOW_MS);
        assert_eq!((card.state, card.main), (CardState::Token, Some(MainAction::CopyToken)));
        assert_eq!(card.detail.unwrap().finding.unwrap().code, "renewal_failed");

        // Dead, it is renewed or authorized anew.
        let later_ms = NOW_MS + 1_500_000;
        let card = view(&engine, &tokens, later_ms);
        assert_eq!((card.state, card.main), (CardState::Failed, Some(MainAction::Renew)));
        engine.step(later_ms, Event::Dismiss("a".to_owned()));
        let card = view(&engine, &tokens, later_ms);
        assert_eq!((card.state, card.main), (CardState::Expired, Some(MainAction::Renew)));
        renew(&mut engine, later_ms);
        assert_eq!(view(&engine, &tokens, later_ms).state, CardState::Running);
        let card = view(&Engine::default(), &tokens, NOW_MS + 2_000_000);
        assert_eq!(
            (card.state, card.main),
            (CardState::Expired, Some(MainAction::Authorize))
        );
    }

    #[test]
    fn a_token_of_another_app_is_at_hand_and_not_renewed() {
        const WITH_REFRESH: &str =
            r#"{"access_token":"AQX0123456789abcdefghijkl","expires_in":1000,"refresh_token":"AQW0"}"#;
        let of = |app: &str| {
            let mut stored = token(WITH_REFRESH);
            stored.token.issued_to = Some(app.to_owned());
            [("a".to_owned(), stored)]
        };
        let code = |card: &ProfileView| {
            let detail = card.detail.clone().unwrap();
            detail.finding.map(|finding| finding.code)
        };
        let own = view(&Engine::default(), &of("linkedin 77sandbox00000"), NOW_MS);
        assert_eq!(code(&own), None);
        let tokens = of("linkedin 77another00000");
        let card = view(&Engine::default(), &tokens, NOW_MS);
        assert_eq!((card.state, card.main), (CardState::Token, Some(MainAction::CopyToken)));
        assert_eq!(code(&card).as_deref(), Some("issued_to_another_app"));
        let shown = card.detail.unwrap().token.unwrap();
        assert!(!shown.renewable && shown.lifetime.is_none());
        // Once it has ended, that is all there is to say.
        let card = view(&Engine::default(), &tokens, NOW_MS + 1_000_000);
        assert_eq!(
            (card.state, card.main, code(&card)),
            (CardState::Expired, Some(MainAction::Authorize), None)
        );
        // An authorization that fails says why.
        let mut engine = Engine::default();
        start(&mut engine, "a", "f1", false);
        assert_eq!(code(&view(&engine, &tokens, NOW_MS)), None);
        engine.step(NOW_MS, Event::PermissionRefused("a".to_owned()));
        assert_eq!(
            code(&view(&engine, &tokens, NOW_MS)).as_deref(),
            Some("permission_refused")
        );
    }

    #[test]
    fn advice_is_for_what_does_not_renew_itself() {
        const RUNS_OUT: &str =
            r#"{"access_token":"AQX0","expires_in":5183999,"refresh_token":"AQW0","refresh_token_expires_in":99}"#;
        let mut engine = Engine::default();
        let said = |engine: &Engine, answer: &str, days: u64| {
            let card = view(engine, &[("a".to_owned(), token(answer))], NOW_MS + days * DAY_MS);
            let token = card.detail.unwrap().token.unwrap();
            (token.renews_itself, token.lifetime.map(|finding| finding.code))
        };
        let advice = |code: &str| (false, Some(code.to_owned()));
        for days in [1, 54, 59] {
            assert_eq!(said(&engine, ANSWER, days), (true, None), "day {days}");
        }
        assert_eq!(said(&engine, RUNS_OUT, 0), (true, None));
        assert_eq!(said(&engine, ANSWER, 60), advice("token_expired"));
        assert_eq!(said(&engine, r#"{"access_token":"x"}"#, 1), advice("no_refresh_token"));
        // It did not, and what to do is told again.
        let new = NewFlow {
            renews: Some(token(ANSWER)),
            ..new_flow("a", "r1", true)
        };
        engine.step(NOW_MS, Event::Renew(Box::new(new)));
        engine.step(NOW_MS + DAY_MS, Event::Tick);
        assert_eq!(said(&engine, ANSWER, 54), advice("token_ends"));
    }

    #[test]
    fn a_renewal_that_lacks_hosts_asks_for_them_beside_its_token() {
        let tokens = [("a".to_owned(), token(ANSWER))];
        let mut engine = Engine::default();
        let new = NewFlow {
            renews: Some(tokens[0].1.clone()),
            ..new_flow("a", "r1", false)
        };
        engine.step(NOW_MS, Event::Renew(Box::new(new)));
        engine.step(NOW_MS, Event::PermissionRefused("a".to_owned()));
        assert_eq!(
            engine.renewal_retry_ms("a"),
            Some(NOW_MS),
            "as soon as they are granted"
        );
        let card = view(&engine, &tokens, NOW_MS);
        assert_eq!((card.state, card.main), (CardState::Token, Some(MainAction::CopyToken)));
        let finding = card.detail.unwrap().finding.unwrap();
        assert_eq!((finding.code.as_str(), finding.fix), ("permission_refused", Fix::Renew));
    }

    #[test]
    fn a_refused_permission_offers_to_ask_again() {
        let mut engine = Engine::default();
        start(&mut engine, "a", "f1", false);
        engine.step(NOW_MS, Event::PermissionRefused("a".to_owned()));
        let card = view(&engine, &[], NOW_MS);
        assert_eq!(
            (card.state, card.main),
            (CardState::Failed, Some(MainAction::AllowAccess))
        );
    }

    #[test]
    fn the_profile_with_the_newest_flow_is_open_and_the_rest_is_counted() {
        let names: Vec<String> = (0..25).map(|number| format!("p{number}")).collect();
        let index = Index {
            entries: names
                .iter()
                .map(|id| IndexEntry {
                    id: id.clone(),
                    name: id.clone(),
                })
                .collect(),
        };
        let profiles: Vec<Profile> = names.iter().map(|id| profile(id)).collect();
        let mut engine = Engine::default();
        start(&mut engine, "p3", "f1", false);
        let model = |expanded| Model {
            index: &index,
            profiles: &profiles,
            tokens: &[],
            checks: &[],
            engine: &engine,
            now_ms: NOW_MS,
            expanded,
            revealed: &[],
            visible: VISIBLE_AT_FIRST,
        };
        let open = |view: &PopupView| -> Vec<String> {
            view.profiles
                .iter()
                .filter(|card| card.detail.is_some())
                .map(|card| card.id.clone())
                .collect()
        };
        let view = PopupView::new(&model(None));
        assert_eq!((view.profiles.len(), view.more), (VISIBLE_AT_FIRST, 5));
        assert_eq!(open(&view), ["p3"]);
        assert_eq!(open(&PopupView::new(&model(Some("p7")))), ["p7"]);
        assert!(open(&PopupView::new(&model(Some("")))).is_empty());
    }

    #[test]
    fn a_mask_gives_nothing_away() {
        assert_eq!(mask("AQV0123456789abcdefghijkl"), "AQV••••••••••••ijkl");
        for short in ["", "short", "AQV0123456789abcdefghij", "ü".repeat(30).as_str()] {
            assert!(mask(short).chars().all(|character| character == '•'), "{short}");
        }
    }
}
