//! What the engine remembers, as it stands in `storage.session`.

use serde::{Deserialize, Serialize};

use crate::oauth::client_auth::ClientAuthentication;
use crate::oauth::endpoint::EndpointUrl;
use crate::oauth::redirect::RedirectError;
use crate::oauth::redirect_uri::RedirectUri;
use crate::oauth::scope::Scopes;
use crate::oauth::secret::{AuthorizationCode, ClientSecret, CodeVerifier, State};
use crate::oauth::token::TokenError;
use crate::profile::TokenRecord;

use super::event::TransportError;

/// Names one flow; random, no secret: it stands in the address of the result page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(pub String);

/// Names a profile in storage keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileId(pub String);

/// A tab, as `tabs.Tab.id` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TabId(pub i32);

/// Everything that a flow needs of its profile, copied when it starts, so that an edit of the profile or of its
/// endpoints can't send the code or the secret elsewhere (RFC 9700 section 4.4.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The provider's id.
    pub provider: String,
    /// The issuer that an `iss` parameter must name (RFC 9207).
    pub issuer: Option<String>,
    /// Whether an answer without `iss` is refused.
    pub iss_required: bool,
    /// Where the authorization request goes.
    pub authorization_endpoint: EndpointUrl,
    /// Where the code goes.
    pub token_endpoint: EndpointUrl,
    /// `client_id` of the profile.
    pub client_id: String,
    /// The secret, where the provider wants one.
    pub client_secret: Option<ClientSecret>,
    /// How the client authenticates at the token endpoint.
    pub authentication: ClientAuthentication,
    /// The registered redirect URI, byte for byte.
    pub redirect_uri: RedirectUri,
    /// The scopes that are asked for.
    pub scopes: Scopes,
    /// What stands between two scopes in the request.
    pub scope_separator: String,
    /// Further parameters of the authorization request.
    pub extra: Vec<(String, String)>,
    /// How long a code may be redeemed, in seconds.
    pub code_lifetime_s: u64,
    /// Whether the browser's `Origin` header is taken off the token request.
    pub remove_origin: bool,
    /// Match patterns of the hosts that must be granted before anything starts.
    pub hosts: Vec<String>,
}

/// Where a flow stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The code is here and was not sent anywhere.
    Captured {
        /// The flow's tab.
        tab: TabId,
        /// The tab in which the callback was stopped; another one for a callback in a popup.
        callback_tab: TabId,
        /// The code; it is erased before it is posted.
        code: AuthorizationCode,
        /// The worker found the hosts no longer granted; it waits for them as long as the code lives.
        waiting_for_permission: bool,
    },
    /// The code was posted, or was about to be. It is never posted again.
    Exchanging,
}

/// What a person sees happening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl StepName {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which one.
    pub name: StepName,
    /// When, in milliseconds of the Unix epoch.
    pub at_ms: u64,
}

/// A flow under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// Its profile.
    pub profile: ProfileId,
    /// What it needs of the profile.
    pub snapshot: Snapshot,
    /// The one-time `state`.
    pub state: State,
    /// The verifier of PKCE, where the provider takes it.
    pub code_verifier: Option<CodeVerifier>,
    /// Its first rule id; it owns [`Flow::RULES`] of them.
    pub rule: u32,
    /// Where it stands.
    pub phase: Phase,
    /// What is done.
    pub steps: Vec<Step>,
    /// The callback came in another tab than the flow's.
    pub other_tab: bool,
    /// When it started, in milliseconds of the Unix epoch.
    pub started_ms: u64,
    /// When it is given up, in milliseconds of the Unix epoch.
    pub deadline_ms: u64,
}

/// Why a flow ended without a token. It holds no code, state, verifier, secret or token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Failure {
    /// The person refused the hosts, or the browser did.
    PermissionRefused,
    /// The hosts were taken away while the flow ran.
    PermissionRemoved,
    /// The person closed the flow's tab.
    TabClosed,
    /// The person pressed Cancel in our page.
    Cancelled,
    /// No redirect came in time, or the code grew too old.
    TimedOut,
    /// The worker was stopped before the tab stood.
    Interrupted,
    /// The worker was stopped while the code was being exchanged: the code may be used up.
    OutcomeUnknown,
    /// Too many flows at once.
    TooManyFlows,
    /// The browser refused something that the flow needs.
    Effect {
        /// What was refused.
        kind: super::EffectKind,
        /// The browser's own words.
        message: String,
    },
    /// The redirect did not carry a code for this flow.
    Redirect(RedirectError),
    /// The token endpoint gave no whole answer.
    Transport(TransportError),
    /// The token endpoint's answer is an error, or none that can be understood.
    Token(TokenError),
}

/// How a flow ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// The token is stored.
    Token,
    /// There is none.
    Failed(Failure),
}

/// The last flow of a profile that ended: for the pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Which flow.
    pub flow: FlowId,
    /// How.
    pub outcome: Outcome,
    /// What was done before.
    pub steps: Vec<Step>,
    /// When, in milliseconds of the Unix epoch.
    pub at_ms: u64,
    /// The callback came in another tab than the flow's.
    pub other_tab: bool,
}

/// Keeps blocking one flow's callback after the flow ended, so that Back, Reload or a reopened tab can't bring its code
/// to the redirect host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guard {
    /// The rules that block.
    pub rules: Vec<u32>,
    /// Until when, in milliseconds of the Unix epoch: the code's own life.
    pub until_ms: u64,
    /// Whether the code is already used up.
    pub redeemed: bool,
}

/// A token as it stands in `storage.local`, with the flow that brought it: after a kill it tells a finished exchange
/// from an unknown one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredToken {
    /// The flow.
    pub flow: FlowId,
    /// The token.
    pub token: TokenRecord,
}
