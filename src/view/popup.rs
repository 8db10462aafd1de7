//! The popup, and the result page, which is the popup in a tab.

use crate::diagnosis::{Finding, Fix};
use crate::flow::{Engine, Flow, FlowId, Phase, Step, StepName, StoredToken};
use crate::oauth::id_token::unverified_claims;
use crate::profile::{Profile, ScopeState, TokenRecord};
use crate::vault::Index;

use super::TimeLeft;

/// Profiles that a popup shows before the person asks for the rest.
pub const VISIBLE_AT_FIRST: usize = 20;

/// What the storage holds, as far as the page has read it.
#[derive(Debug)]
pub struct Model<'a> {
    /// All profiles, in order.
    pub index: &'a Index,
    /// The profiles that are shown.
    pub profiles: &'a [Profile],
    /// Their tokens.
    pub tokens: &'a [(String, StoredToken)],
    /// The engine.
    pub engine: &'a Engine,
    /// Now, in milliseconds of the Unix epoch.
    pub now_ms: u64,
    /// The profile that the person opened; none leaves the choice to the view.
    pub expanded: Option<&'a str>,
    /// How many profiles are shown.
    pub visible: usize,
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
    /// Ask the browser for the hosts.
    AllowAccess,
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

/// A token on a card.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenView {
    /// The value with its middle left out.
    pub masked: String,
    /// When it dies, in milliseconds of the Unix epoch; unknown without `expires_in`.
    pub expires_ms: Option<u64>,
    /// How much is left.
    pub left: Option<TimeLeft>,
    /// The part of its life that is left, in hundredths.
    pub percent_left: Option<u8>,
    /// Scopes, granted against requested.
    pub scopes: Vec<(String, ScopeState)>,
    /// Whose token it is, as the ID token says, unverified.
    pub account: Option<String>,
}

/// A profile on a card.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: CardState,
    /// Its main action; none while a flow runs.
    pub main: Option<MainAction>,
    /// Whether its details show.
    pub expanded: bool,
    /// The flow under way.
    pub flow: Option<FlowId>,
    /// The steps of the flow under way, or of the one that failed.
    pub steps: Vec<StepView>,
    /// Why the last flow failed.
    pub finding: Option<Finding>,
    /// The token.
    pub token: Option<TokenView>,
    /// The redirect URI.
    pub redirect_uri: String,
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
    fn new(model: &Model<'_>, profile: &Profile, expanded: bool) -> Self {
        let flow = model.engine.flow_of(&profile.id);
        let ended = model.engine.ended_of(&profile.id);
        let stored = model.tokens.iter().find(|(id, _)| *id == profile.id);
        let token = stored.map(|(_, stored)| TokenView::new(&stored.token, model.now_ms));
        let lives = token
            .as_ref()
            .is_some_and(|token| token.left.is_some() || token.expires_ms.is_none());
        let finding = if flow.is_some() {
            None
        } else {
            ended.and_then(|ended| ended.finding.clone())
        };

        let state = match (flow, &finding, &token) {
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
            CardState::Failed => match finding.as_ref().map(|finding| finding.fix) {
                Some(Fix::AllowAccess) => Some(MainAction::AllowAccess),
                _ => Some(MainAction::Authorize),
            },
            CardState::Ready | CardState::Expired => Some(MainAction::Authorize),
        };
        let steps = match (flow, ended) {
            (Some(flow), _) => steps(&flow.steps, StepState::Active),
            (None, Some(ended)) if finding.is_some() => steps(&ended.steps, StepState::Failed),
            _ => Vec::new(),
        };
        Self {
            id: profile.id.clone(),
            name: profile.name.clone(),
            state,
            main,
            expanded,
            flow: flow.map(|flow| flow.id.clone()),
            steps,
            finding,
            token,
            redirect_uri: profile.redirect_uri.as_str().to_owned(),
        }
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
fn steps(done: &[Step], next: StepState) -> Vec<StepView> {
    let first_ms = done.first().map_or(0, |step| step.at_ms);
    let mut next = Some(next);
    StepName::ALL
        .into_iter()
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

impl TokenView {
    fn new(token: &TokenRecord, now_ms: u64) -> Self {
        let percent_left = token.expires_ms.map(|expires_ms| {
            let life = expires_ms.saturating_sub(token.obtained_ms).max(1);
            let left = expires_ms.saturating_sub(now_ms).min(life);
            u8::try_from(left * 100 / life).unwrap_or(100)
        });
        Self {
            masked: mask(token.access_token.expose()),
            expires_ms: token.expires_ms,
            left: token
                .expires_ms
                .and_then(|expires_ms| TimeLeft::until(now_ms, expires_ms)),
            percent_left,
            scopes: token.scope_report(),
            account: token.id_token.as_ref().and_then(|token| {
                let claims = unverified_claims(token).ok()?;
                claims.name.or(claims.email)
            }),
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
