//! The evidence: why a flow ended without a token.

use crate::oauth::redirect::RedirectError;
use crate::oauth::token::TokenError;

/// Why a flow ended without a token. It holds no code, state, verifier, secret or token.
#[derive(Clone, Debug, PartialEq)]
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
    /// The provider showed a page where the person has to do something.
    NeedsClick,
    /// Somebody else is signed in at the provider than the one whose token was to be renewed.
    OtherMember {
        /// Whose token it is.
        old: String,
        /// Who is signed in.
        new: String,
    },
    /// The provider stopped on its own error page and never redirected.
    ErrorPage {
        /// What the page says.
        words: String,
    },
    /// The browser refused something that the flow needs.
    Refused {
        /// What was refused.
        what: Needed,
        /// The browser's own words.
        message: String,
    },
    /// The token is here, and `storage.local` does not take it.
    Unstored {
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

/// What LinkedIn says of a refresh token that it will not take again (linkedin.md section 5).
const DEAD_REFRESH_TOKEN: &str = "refresh token is invalid, expired or revoked";

impl Failure {
    /// Whether the token endpoint refused a refresh token for good. Another `invalid_request`, such as a missing
    /// parameter, says nothing of the token, and neither does a server that is down or has enough of us.
    #[must_use]
    pub fn is_dead_refresh_token(&self) -> bool {
        let Self::Token(TokenError::Refused {
            error,
            error_description,
            ..
        }) = self
        else {
            return false;
        };
        let said = error_description.as_deref().unwrap_or_default();
        self.says_that_nothing_was_done()
            && (error == "invalid_grant" || (error == "invalid_request" && said.contains(DEAD_REFRESH_TOKEN)))
    }

    /// Whether no whole answer came: the network was away, as a rule, or the server.
    #[must_use]
    pub fn reached_nobody(&self) -> bool {
        let Self::Transport(error) = self else { return false };
        matches!(
            error,
            TransportError::Timeout | TransportError::Cut | TransportError::Unreachable { .. }
        )
    }

    /// Whether the token endpoint read the request and refused it. A server that is down, or has enough of us, may have
    /// done what was asked all the same.
    #[must_use]
    pub fn says_that_nothing_was_done(&self) -> bool {
        matches!(self, Self::Token(TokenError::Refused { status, .. }) if *status != 429 && *status < 500)
    }
}

/// What a flow needs of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Storage takes the engine or the token.
    Storage,
    /// A tab is made or moved.
    Tab,
    /// Rules are set.
    Rules,
    /// Anything else.
    Other,
}

/// Why no whole answer came from the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// Nothing, or not all, within the time limit.
    Timeout,
    /// A redirect, which is never followed: it would carry the secret to a second host.
    Redirected,
    /// More than [`MAX_RESPONSE_BYTES`](crate::oauth::http::MAX_RESPONSE_BYTES).
    TooLarge,
    /// The answer broke off.
    Cut,
    /// No answer: name resolution, connection, TLS.
    Unreachable {
        /// The browser's own words.
        message: String,
    },
}
