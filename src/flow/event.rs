//! What happens to the engine.

use url::Url;

use crate::diagnosis::{Needed, TransportError};
use crate::oauth::http::HttpResponse;
use crate::oauth::secret::{AuthorizationCode, CodeVerifier, State};

use super::record::{FlowId, Note, Snapshot, StoredToken, TabId};

/// A flow that the person asked for.
#[derive(Clone, Debug)]
pub struct NewFlow {
    /// Its name.
    pub id: FlowId,
    /// What it needs of its profile.
    pub snapshot: Snapshot,
    /// Drawn for this flow alone.
    pub state: State,
    /// Drawn for this flow alone, where the provider takes PKCE.
    pub code_verifier: Option<CodeVerifier>,
    /// The token to renew; none for an authorization.
    pub renews: Option<StoredToken>,
    /// Whether an inactive tab may be opened when nothing else helps.
    pub quiet_tab: bool,
    /// Whether the hosts that it needs are granted.
    pub permitted: bool,
}

/// An event. The time comes beside it.
#[derive(Clone, Debug)]
pub enum Event {
    /// The person clicked Authorize.
    Authorize(Box<NewFlow>),
    /// A token is to be renewed: the person clicked Renew, or it was due.
    Renew(Box<NewFlow>),
    /// Hosts were granted or taken away, or might have been.
    PermissionsChanged {
        /// For each flow that was looked at: whether its hosts are all granted.
        granted: Vec<(FlowId, bool)>,
    },
    /// The person refused the hosts.
    PermissionRefused(String),
    /// Whether the hosts of a captured flow are granted: the answer to `Effect::CheckPermission`.
    PermissionChecked {
        /// The flow.
        flow: FlowId,
        /// The answer.
        granted: bool,
    },
    /// The flow's tab stands at about:blank.
    TabOpened {
        /// The flow.
        flow: FlowId,
        /// Its tab.
        tab: TabId,
    },
    /// The flow's tab was sent to the authorization endpoint.
    Navigated(FlowId),
    /// A main-frame request failed: for a callback, because our rule blocked it.
    RequestFailed {
        /// Where it was to go.
        url: Url,
        /// In which tab.
        tab: TabId,
    },
    /// The authorization endpoint answered the worker's own request with a redirect.
    Redirected {
        /// What was asked for.
        from: Url,
        /// Where it leads; nobody goes there.
        to: Url,
    },
    /// The worker's own request to the authorization endpoint is over.
    Asked {
        /// The flow.
        flow: FlowId,
        /// The page that came instead of a redirect, none for a redirect, or why nothing came.
        answer: Result<Option<HttpResponse>, TransportError>,
    },
    /// The authorization endpoint showed a page in a tab that looks like its own error page.
    PageShown {
        /// Its address.
        url: Url,
        /// The tab.
        tab: TabId,
    },
    /// What that page says.
    PageRead {
        /// The flow.
        flow: FlowId,
        /// The answer's status and body.
        answer: HttpResponse,
    },
    /// A tab was closed.
    TabRemoved(TabId),
    /// The token endpoint answered, or did not.
    TokenAnswered {
        /// The flow.
        flow: FlowId,
        /// What came.
        answer: Result<HttpResponse, TransportError>,
        /// The code that was posted: a server may say it back.
        code: Option<AuthorizationCode>,
    },
    /// The token stands in `storage.local`.
    TokenStored(FlowId),
    /// The person wants the profile's token stored that `storage.local` refused.
    StoreAgain(String),
    /// The person pressed Cancel.
    Cancel(FlowId),
    /// The person dismissed the result of a profile's last flow.
    Dismiss(String),
    /// The profile was deleted.
    ProfileDeleted {
        /// Its id.
        profile: String,
        /// Whether that can't be undone any more.
        for_good: bool,
    },
    /// Storage is being locked: what was not posted ends, and nothing is shown of what ended.
    Lock,
    /// The device says that it has a network again.
    Online,
    /// Time went by: an alarm, or any wake.
    Tick,
    /// The session is gone, with an update of the extension or the end of the browser; comes before
    /// [`Event::WorkerStarted`].
    SessionLost {
        /// What `storage.local` kept of its flows.
        notes: Vec<Note>,
    },
    /// A new worker instance: whatever ran in the former one is gone.
    WorkerStarted {
        /// Flows whose token stands in `storage.local`.
        stored: Vec<FlowId>,
        /// For each flow: whether its hosts are all granted.
        granted: Vec<(FlowId, bool)>,
        /// Session rules that the browser holds.
        rules: Vec<u32>,
    },
    /// An effect of this flow was refused by the browser; those behind it did not run.
    EffectFailed {
        /// The flow.
        flow: FlowId,
        /// What was refused.
        what: Needed,
        /// The browser's own words.
        message: String,
    },
}
