//! What the engine remembers, as it stands in `storage.session`.

use crate::diagnosis::Finding;
use crate::oauth::secret::{AuthorizationCode, ClientSecret, CodeVerifier, State};
use crate::plain::record;
use crate::profile::{Profile, TokenRecord};
use crate::provider::Provider;

/// Names one flow; random, no secret: it stands in the address of the result page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId(pub String);
record!(FlowId(String));

/// A tab, as `tabs.Tab.id` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TabId(pub i32);
record!(TabId(i32));

/// Everything that a flow needs of its profile, copied when it starts, so that an edit can't send the code or the secret
/// elsewhere (RFC 9700 section 4.4.2). Issuer and endpoints are the provider's, which are constants.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Issuer, endpoints and habits.
    pub provider: &'static Provider,
    /// Client id, redirect URI and scopes.
    pub profile: Profile,
    /// The secret, where the provider wants one.
    pub client_secret: Option<ClientSecret>,
}
record!(Snapshot {
    provider,
    profile,
    client_secret
});

/// How a flow gets its token. A renewal tries one after the other (DESIGN.md section 5): its refresh token, a request of
/// the worker, an inactive tab where the profile allows one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a code, in a tab that the person asked for.
    Tab,
    /// By a code, in an inactive tab that closes itself.
    QuietTab,
    /// By a code that the worker asks for with the person's cookies, without a tab.
    Background,
    /// By a refresh token.
    RefreshToken,
    /// By the client's own credentials (RFC 6749 section 4.4), which LinkedIn calls 2-legged.
    ClientCredentials,
}
record!(
    enum Way {
        Tab,
        QuietTab,
        Background,
        RefreshToken,
        ClientCredentials,
    }
);

impl Way {
    /// Whether a tab is made for it.
    #[must_use]
    pub fn has_tab(self) -> bool {
        matches!(self, Self::Tab | Self::QuietTab)
    }
}

/// Where a flow stands.
#[derive(Clone, Debug)]
pub enum Phase {
    /// The hosts are not granted yet; nothing has started.
    AwaitingPermission,
    /// The tab is being made.
    Opening,
    /// The rules stand, or are being set, and the person is at the provider.
    AwaitingRedirect {
        /// The flow's tab.
        tab: TabId,
        /// Whether the tab was sent to the authorization endpoint.
        navigated: bool,
    },
    /// The worker asks the authorization endpoint itself, or was about to.
    Asking {
        /// How often so far: a lost answer is asked for once more.
        attempts: u32,
    },
    /// The code is here and was not sent anywhere.
    Captured {
        /// The flow's tab, and the one in which the callback was stopped: another one for a callback in a popup. None of
        /// a code that the worker asked for.
        tabs: Vec<TabId>,
        /// The code; it is erased before it is posted.
        code: AuthorizationCode,
        /// The worker found the hosts no longer granted; it waits for them as long as the code lives.
        waiting_for_permission: bool,
    },
    /// The code was posted, or was about to be. It is never posted again.
    Exchanging,
    /// A refresh token or the client's credentials were posted, or were about to be.
    Refreshing {
        /// How often so far: a lost answer is asked for once more.
        attempts: u32,
    },
}
record!(enum Phase {
    AwaitingPermission,
    Opening,
    AwaitingRedirect { tab, navigated },
    Asking { attempts },
    Captured { tabs, code, waiting_for_permission },
    Exchanging,
    Refreshing { attempts },
});

/// What a person sees happening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepName {
    /// The browser was asked for the hosts.
    Permission,
    /// The tab was opened and the rules were set.
    Open,
    /// The person signs in and consents.
    SignIn,
    /// The redirect was captured.
    Capture,
    /// The code was exchanged.
    Exchange,
    /// The token was stored.
    Store,
}
record!(
    enum StepName {
        Permission,
        Open,
        SignIn,
        Capture,
        Exchange,
        Store,
    }
);

impl StepName {
    /// Whether only a flow with a tab has it.
    #[must_use]
    pub fn needs_tab(self) -> bool {
        matches!(self, Self::Open | Self::SignIn | Self::Capture)
    }

    /// All steps, in their order.
    pub const ALL: [Self; 6] = [
        Self::Permission,
        Self::Open,
        Self::SignIn,
        Self::Capture,
        Self::Exchange,
        Self::Store,
    ];
}

/// A step that was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub name: StepName,
    /// When, in milliseconds of the Unix epoch.
    pub at_ms: u64,
}
record!(Step { name, at_ms });

/// A flow under way.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub id: FlowId,
    /// What it needs of its profile.
    pub snapshot: Snapshot,
    /// The one-time `state`.
    pub state: State,
    /// The verifier of PKCE, where the provider takes it.
    pub code_verifier: Option<CodeVerifier>,
    /// The token that it renews; none for an authorization.
    pub renews: Option<StoredToken>,
    /// The token that came, until it stands in `storage.local`.
    pub unstored: Option<Unstored>,
    /// How it gets its token, as far as it has come.
    pub way: Way,
    /// Whether it may open an inactive tab when nothing else helps.
    pub quiet_tab: bool,
    /// Why an earlier way of a renewal failed; it says more than that a click is needed.
    pub setback: Option<Finding>,
    /// Whether the person authorized anew meanwhile: the answer is waited for, and not stored over the newer token.
    pub superseded: bool,
    /// How often in a row the renewals before it reached nobody.
    pub tries: u32,
    /// When the server that it reached would see it again, in milliseconds of the Unix epoch; none when that said nothing.
    pub again_ms: Option<u64>,
    /// Its first rule id; it owns [`Flow::RULES`] of them.
    pub rule: u32,
    /// Where it stands.
    pub phase: Phase,
    /// What is done.
    pub steps: Vec<Step>,
    /// When it started, in milliseconds of the Unix epoch.
    pub started_ms: u64,
    /// When to look whether the worker died over it, in milliseconds of the Unix epoch; none while it waits for the
    /// person.
    pub wake_ms: Option<u64>,
    /// When it is given up, in milliseconds of the Unix epoch.
    pub deadline_ms: u64,
}
record!(Flow {
    id,
    snapshot,
    state,
    code_verifier,
    renews,
    unstored,
    way,
    quiet_tab,
    setback,
    superseded,
    tries,
    again_ms,
    rule,
    phase,
    steps,
    started_ms,
    deadline_ms,
    wake_ms,
});

/// The last flow of a profile that ended: for the pages.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The profile's id.
    pub profile: String,
    /// Which flow.
    pub flow: FlowId,
    /// Whether it was a renewal.
    pub renewal: bool,
    /// How it was to get its token, at last.
    pub way: Way,
    /// Why there is no token; none when there is one.
    pub finding: Option<Finding>,
    /// What was done before.
    pub steps: Vec<Step>,
    /// When, in milliseconds of the Unix epoch.
    pub at_ms: u64,
    /// How often in a row a renewal has reached nobody.
    pub tries: u32,
    /// When to try again what failed, in milliseconds of the Unix epoch; none where nothing renews by itself.
    pub again_ms: Option<u64>,
}
record!(Ended {
    profile,
    flow,
    renewal,
    way,
    finding,
    steps,
    at_ms,
    tries,
    again_ms
});

/// Keeps blocking one flow's callback after the flow ended, so that Back, Reload or a reopened tab can't bring its code
/// to the redirect host.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The flow.
    pub flow: FlowId,
    /// The rules that block.
    pub rules: Vec<u32>,
    /// Until when, in milliseconds of the Unix epoch: the code's own life.
    pub until_ms: u64,
    /// Whether the code is already used up.
    pub redeemed: bool,
}
record!(Guard {
    flow,
    rules,
    until_ms,
    redeemed
});

/// What `storage.local` keeps of a flow in a tab while its code could live: an update of the extension, or the end of the
/// browser, takes the session away and leaves the tab. It is no secret, and readable while all else is sealed.
#[derive(Clone, Debug)]
pub struct Note {
    /// The flow.
    pub flow: FlowId,
    /// The profile's id.
    pub profile: String,
    /// [`Way::Tab`] or [`Way::QuietTab`].
    pub way: Way,
    /// By which its callback is known: [`State::hash`].
    pub state_hash: String,
    /// The id of its rule that the browser keeps: [`Flow::lasting_rule`].
    pub rule: u32,
    /// Until when a code could live, in milliseconds of the Unix epoch.
    pub until_ms: u64,
    /// Whether the flow has ended, and nobody needs to be told.
    pub over: bool,
}
record!(Note {
    flow,
    profile,
    way,
    state_hash,
    rule,
    until_ms,
    over
});

/// A token as it stands in `storage.local`, with the flow that brought it: after a kill it tells a finished exchange
/// from an unknown one.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// The flow.
    pub flow: FlowId,
    /// The token.
    pub token: TokenRecord,
}
record!(StoredToken { flow, token });

/// A token whose only copy is in memory and, once `storage.local` has refused it, in `storage.session`.
#[derive(Clone, Debug)]
pub struct Unstored {
    /// The token.
    pub token: StoredToken,
    /// What the person is told; none as long as nothing was refused.
    pub finding: Option<Finding>,
}
record!(Unstored { token, finding });

impl StoredToken {
    /// How a renewal begins. A refresh token that runs out comes second, as long as the provider may skip its consent page: a
    /// new authorization brings another year.
    #[must_use]
    pub(super) fn first_way(&self, now_ms: u64) -> Way {
        let Self { token, .. } = self;
        if token.living_refresh_token(now_ms).is_none() || token.lives(now_ms) && token.refresh_token_runs_out(now_ms) {
            Way::Background
        } else {
            Way::RefreshToken
        }
    }

    /// Whether its refresh token was sent to a server that rotates, and nobody knows what became of it.
    #[must_use]
    pub(super) fn may_be_used_up(&self) -> bool {
        self.token.refresh_again_until_ms.is_some()
    }
}
