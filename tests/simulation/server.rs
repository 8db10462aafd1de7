//! A model of the token endpoint: codes that work once, and refresh tokens that stay or rotate, with a moment's grace or
//! without one.

use std::collections::BTreeMap;

use tokenkeep::provider::RefreshTokens;

/// What the token endpoint makes of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Token {
        access_token: String,
        refresh_token: Option<String>,
    },
    /// `invalid_grant`.
    Dead,
}

/// Everything that came from one consent.
#[derive(Clone, Debug)]
struct Family {
    current: u32,
    /// The one before, and when it was first used.
    previous: Option<(u32, u64)>,
    alive: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) refresh_tokens: RefreshTokens,
    codes: BTreeMap<String, u32>,
    families: BTreeMap<u32, Family>,
    next: u32,
    /// Refresh tokens that were used again too late: the server took them for stolen and ended the family.
    pub(crate) taken_for_stolen: Vec<String>,
}

impl Server {
    pub(crate) fn new(refresh_tokens: RefreshTokens) -> Self {
        Self {
            refresh_tokens,
            codes: BTreeMap::new(),
            families: BTreeMap::new(),
            next: 0,
            taken_for_stolen: Vec::new(),
        }
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// A code works once; used again, it ends what it gave (RFC 6749 §4.1.2).
    pub(crate) fn exchange(&mut self, code: &str, with_refresh_token: bool) -> Reply {
        if let Some(family) = self.codes.get(code) {
            if let Some(family) = self.families.get_mut(family) {
                family.alive = false;
            }
            return Reply::Dead;
        }
        let (family, current) = (self.fresh(), self.fresh());
        self.codes.insert(code.to_owned(), family);
        if with_refresh_token {
            self.families.insert(
                family,
                Family {
                    current,
                    previous: None,
                    alive: true,
                },
            );
        }
        Reply::Token {
            access_token: format!("AQX-{family}-{current}"),
            refresh_token: with_refresh_token.then(|| format!("AQW-{family}-{current}")),
        }
    }

    pub(crate) fn refresh(&mut self, now_ms: u64, refresh_token: &str) -> Reply {
        let (family_id, number) = numbers(refresh_token);
        let fresh = self.fresh();
        let Some(family) = self.families.get_mut(&family_id).filter(|family| family.alive) else {
            return Reply::Dead;
        };
        match self.refresh_tokens {
            RefreshTokens::Kept => {}
            RefreshTokens::Rotated { .. } if number == family.current => {
                family.previous = Some((number, now_ms));
                family.current = fresh;
            }
            // The answer may have been lost: the same one again.
            RefreshTokens::Rotated { grace_ms }
                if family
                    .previous
                    .is_some_and(|(previous, used_ms)| previous == number && now_ms <= used_ms + grace_ms) => {}
            RefreshTokens::Rotated { .. } => {
                family.alive = false;
                self.taken_for_stolen.push(refresh_token.to_owned());
                return Reply::Dead;
            }
        }
        Reply::Token {
            access_token: format!("AQX-{family_id}-{fresh}"),
            refresh_token: Some(format!("AQW-{family_id}-{}", family.current)),
        }
    }

    /// The member took the app's access away.
    pub(crate) fn end_grant(&mut self, refresh_token: &str) {
        if let Some(family) = self.families.get_mut(&numbers(refresh_token).0) {
            family.alive = false;
        }
    }

    /// Whether the grant lives and this is no longer its refresh token: the answer that had the next one was lost.
    pub(crate) fn is_used_up(&self, refresh_token: &str) -> bool {
        let (family, number) = numbers(refresh_token);
        let family = self.families.get(&family);
        family.is_some_and(|family| family.alive && family.current != number)
            && self.refresh_tokens != RefreshTokens::Kept
    }
}

/// Family and number of a refresh token.
fn numbers(refresh_token: &str) -> (u32, u32) {
    let numbers = refresh_token.strip_prefix("AQW-").and_then(|rest| rest.split_once('-'));
    let (family, number) = numbers.expect("a refresh token of this server");
    (family.parse().expect("a number"), number.parse().expect("a number"))
}
