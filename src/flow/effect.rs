//! What the engine wants done.

use crate::diagnosis::Needed;
use crate::oauth::http::HttpRequest;
use crate::oauth::secret::AuthorizationCode;

use super::record::{FlowId, StoredToken, TabId};
use super::rules::Rule;

/// One thing to do. Effects run in order; each ends before the next one starts, but for the answer of
/// [`Effect::Exchange`], which comes later as an event.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Write the engine to `storage.session`.
    Persist,
    /// Make a tab at about:blank next to the current one; answered by `Event::TabOpened`.
    OpenTab {
        /// For whom.
        flow: FlowId,
        /// Whether the person is to look at it.
        active: bool,
    },
    /// Ask the authorization endpoint with the person's cookies, following no redirect; answered by
    /// `Event::Redirected` and `Event::Asked`, in any order.
    Ask {
        /// For whom.
        flow: FlowId,
        /// The authorization request.
        url: String,
    },
    /// Read the page that the authorization endpoint shows instead of going on, without cookies; answered by
    /// `Event::PageRead`.
    ReadPage {
        /// For whom.
        flow: FlowId,
        /// The authorization request.
        url: String,
    },
    /// Set these session rules, in place of any with the same ids.
    AddRules {
        /// For whom.
        flow: FlowId,
        /// The rules.
        rules: Vec<Rule>,
    },
    /// Remove session rules; unknown ids don't matter.
    RemoveRules(Vec<u32>),
    /// Send the flow's tab to the authorization endpoint; answered by `Event::Navigated`.
    Navigate {
        /// For whom.
        flow: FlowId,
        /// The tab.
        tab: TabId,
        /// The authorization request.
        url: String,
    },
    /// Ask whether these hosts are granted; answered by `Event::PermissionChecked`.
    CheckPermission {
        /// For whom.
        flow: FlowId,
        /// Match patterns.
        hosts: Vec<String>,
    },
    /// Start the token request; answered by `Event::TokenAnswered`, once.
    Exchange {
        /// For whom.
        flow: FlowId,
        /// The request.
        request: HttpRequest,
        /// The code in it. The engine no longer has it.
        code: Option<AuthorizationCode>,
    },
    /// Write the token to `storage.local`; answered by `Event::TokenStored`.
    StoreToken {
        /// The flow.
        flow: FlowId,
        /// Whose token.
        profile: String,
        /// The token.
        token: Box<StoredToken>,
    },
    /// Open our own page with the flow's result beside this tab.
    ShowResult {
        /// The flow.
        flow: FlowId,
        /// The tab whose place it takes.
        beside: TabId,
    },
    /// Close a tab; one that is gone doesn't matter.
    CloseTab(TabId),
    /// Wake the worker at this time, in milliseconds of the Unix epoch; none clears the alarm.
    SetAlarm(Option<u64>),
}

impl Effect {
    /// The flow that must hear of it when the browser refuses this effect; none where a refusal is harmless.
    #[must_use]
    pub fn failure(&self) -> Option<(&FlowId, Needed)> {
        match self {
            Self::OpenTab { flow, .. } | Self::Navigate { flow, .. } => Some((flow, Needed::Tab)),
            Self::AddRules { flow, .. } => Some((flow, Needed::Rules)),
            Self::StoreToken { flow, .. } => Some((flow, Needed::Storage)),
            Self::CheckPermission { flow, .. } | Self::Exchange { flow, .. } | Self::Ask { flow, .. } => {
                Some((flow, Needed::Other))
            }
            Self::Persist
            | Self::RemoveRules(_)
            | Self::ShowResult { .. }
            | Self::CloseTab(_)
            | Self::SetAlarm(_)
            | Self::ReadPage { .. } => None,
        }
    }
}
