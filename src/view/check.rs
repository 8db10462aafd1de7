//! What a card says of the last test of its token.

use crate::diagnosis::Finding;
use crate::flow::{Check, Revocation};
use crate::provider::{Provider, SecretRule};

/// What came out, as `data-state` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// Nothing is known.
    None,
    /// The browser has to be asked for hosts.
    Waiting,
    /// A fresh token that is tried again.
    Settling,
    /// The API answered.
    Works,
    /// Introspection alone was asked, and says that it is active.
    Active,
    /// Nobody can be asked.
    Unknowable,
    /// Nobody can be asked without the client secret, which the profile has lost.
    SecretMissing,
    /// The finding says what is wrong.
    Failed,
}

impl CheckState {
    /// The name in attributes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Settling => "settling",
            Self::Works => "works",
            Self::Active => "active",
            Self::Unknowable => "unknowable",
            Self::SecretMissing => "secret-missing",
            Self::Failed => "failed",
        }
    }
}

/// What is known of a token from the servers.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckView {
    /// What came out.
    pub state: CheckState,
    /// What is wrong, or what introspection objects to.
    pub finding: Option<Finding>,
    /// Seconds until the next try.
    pub next_s: Option<u64>,
    /// When it was tested.
    pub at_ms: Option<u64>,
    /// Whom the API takes the bearer for: a name, an address, or an identifier.
    pub account: Option<String>,
    /// The `status` of introspection.
    pub introspection: Option<String>,
    /// How an attempt to revoke it ended.
    pub revocation: Option<Revocation>,
}

impl CheckView {
    pub(super) fn new(check: &Check, provider: Option<&Provider>, now_ms: u64) -> Self {
        let finding = check.finding.as_ref().or(check.doubt.as_ref());
        let needs_secret = provider.is_some_and(|own| own.secret == SecretRule::Required);
        let state = if check.waits(now_ms) {
            CheckState::Waiting
        } else if check.next_ms.is_some() {
            CheckState::Settling
        } else if check.finding.is_some() {
            CheckState::Failed
        } else if check.at_ms.is_none() {
            CheckState::None
        } else if check.called {
            CheckState::Works
        } else if check.introspection.is_some() {
            CheckState::Active
        } else if needs_secret {
            CheckState::SecretMissing
        } else {
            CheckState::Unknowable
        };
        let unasked = matches!(state, CheckState::Unknowable | CheckState::SecretMissing);
        let account = check.account.as_ref();
        let introspection = check.introspection.as_ref();
        Self {
            state,
            finding: finding.cloned(),
            next_s: check
                .next_ms
                .map(|next_ms| next_ms.saturating_sub(now_ms).div_ceil(1000)),
            at_ms: check.at_ms.filter(|_| !unasked),
            account: account.map(|account| {
                let named = account.name.as_ref().or(account.email.as_ref());
                named.unwrap_or(&account.sub).clone()
            }),
            introspection: introspection.map(|said| {
                let plain = if said.active { "active" } else { "not active" };
                said.status.clone().unwrap_or_else(|| plain.to_owned())
            }),
            revocation: check.revocation.clone(),
        }
    }
}

/// The first letters of the first and the last word of a name, for the place where others show a picture. A picture would
/// take a request to a further host, with its permission, and tell that host when a token is used. The style sheet makes
/// them capitals: the tables for that are larger than this room.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut letters = String::new();
    let mut last = None;
    let mut begins = true;
    for letter in name.chars() {
        if begins && letter != ' ' {
            if letters.is_empty() {
                letters.push(letter);
            } else {
                last = Some(letter);
            }
        }
        begins = letter == ' ';
    }
    letters.extend(last);
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{TransportError, diagnose_call};
    use crate::flow::FlowId;
    use crate::oauth::{Account, Introspection};
    use crate::provider::by_id;

    const NOW_MS: u64 = 1_790_000_000_000;

    fn check() -> Check {
        Check::new(FlowId("f".to_owned()))
    }

    fn view(check: &Check, provider: &str) -> CheckView {
        CheckView::new(check, by_id(provider), NOW_MS)
    }

    #[test]
    fn states() {
        let tested = Check {
            at_ms: Some(NOW_MS),
            called: true,
            ..check()
        };
        let finding = Some(diagnose_call(&TransportError::Timeout, "api.linkedin.com"));
        let failed = Check {
            finding: finding.clone(),
            ..tested.clone()
        };
        let settling = Check {
            next_ms: Some(NOW_MS + 4_001),
            ..failed.clone()
        };
        let unasked = Check {
            called: false,
            ..tested.clone()
        };
        let only_writes = Check {
            introspection: Some(Introspection {
                active: true,
                status: None,
                expires_ms: None,
                scope: None,
            }),
            ..unasked.clone()
        };
        for (check, expected) in [
            (check(), CheckState::None),
            (check().waiting(NOW_MS), CheckState::Waiting),
            (check().waiting(0), CheckState::None),
            (tested.clone(), CheckState::Works),
            (failed.clone(), CheckState::Failed),
            (settling.clone(), CheckState::Settling),
            (settling.clone().waiting(NOW_MS), CheckState::Waiting),
            (only_writes, CheckState::Active),
            (unasked.clone(), CheckState::SecretMissing),
        ] {
            assert_eq!(view(&check, "linkedin").state, expected, "{check:?}");
        }
        assert_eq!(view(&unasked, "linkedin-native").state, CheckState::Unknowable);
        assert_eq!(view(&unasked, "linkedin").at_ms, None);
        assert_eq!(view(&settling, "linkedin").next_s, Some(5));
        let doubted = Check {
            doubt: finding.clone(),
            ..tested
        };
        let shown = view(&doubted, "linkedin");
        assert_eq!((shown.state, shown.finding), (CheckState::Works, finding));
    }

    #[test]
    fn who_and_what() {
        let account = |name: Option<&str>, email: Option<&str>| {
            let account = Some(Account {
                sub: "sub".to_owned(),
                name: name.map(str::to_owned),
                email: email.map(str::to_owned),
            });
            view(&Check { account, ..check() }, "linkedin").account.unwrap()
        };
        assert_eq!(account(Some("Ada"), Some("a@b")), "Ada");
        assert_eq!(account(None, Some("a@b")), "a@b");
        assert_eq!(account(None, None), "sub");
        let status = |active, status: Option<&str>| {
            let introspection = Some(Introspection {
                active,
                status: status.map(str::to_owned),
                expires_ms: None,
                scope: None,
            });
            let check = Check {
                introspection,
                ..check()
            };
            view(&check, "linkedin").introspection.unwrap()
        };
        assert_eq!(status(false, Some("revoked")), "revoked");
        assert_eq!(
            (status(true, None), status(false, None)),
            ("active".to_owned(), "not active".to_owned())
        );
    }

    #[test]
    fn initials_of_names() {
        for (name, expected) in [
            ("Ada Lovelace", "AL"),
            ("ada", "a"),
            ("Ada Byron  King ", "AK"),
            ("Élodie ßtein", "Éß"),
            ("", ""),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
