//! A token as it is stored.

use serde::{Deserialize, Serialize};

use crate::oauth::id_token::unverified_claims;
use crate::oauth::{AccessToken, IdToken, RefreshToken, Scopes, TokenResponse};
use crate::plain::record;

/// Whether a scope that was asked for came, or one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeState {
    /// Asked for and granted.
    Granted,
    /// Asked for and not granted.
    Missing,
    /// Granted without being asked for.
    Extra,
}

/// A token with what was known when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The schema's version.
    pub v: u32,
    /// `access_token`.
    pub access_token: AccessToken,
    /// `token_type`.
    pub token_type: String,
    /// The scopes that the request asked for.
    pub scope_requested: Scopes,
    /// The scopes of the answer; `None` when it had none, which means: as requested (RFC 6749 §5.1).
    pub scope_granted: Option<Scopes>,
    /// When it came, in milliseconds since 1970.
    pub obtained_ms: u64,
    /// When it ends, by this computer's clock.
    pub expires_ms: Option<u64>,
    /// How far the server's clock was ahead of this computer's, in milliseconds, where that was a minute or more.
    pub clock_skew_ms: Option<i64>,
    /// `refresh_token`.
    pub refresh_token: Option<RefreshToken>,
    /// When the refresh token ends.
    pub refresh_expires_ms: Option<u64>,
    /// When the provider refused the refresh token for good.
    pub refresh_refused_ms: Option<u64>,
    /// Until when the refresh token may be sent once more: it was sent, its answer is not known, and the provider takes
    /// one that was used before for stolen.
    pub refresh_again_until_ms: Option<u64>,
    /// `id_token`.
    pub id_token: Option<IdToken>,
    /// Whose token it is: the name or address in the ID token, which nobody has verified.
    pub account: Option<String>,
    /// To which [app](super::Profile::app) it was issued; a token that was stored before this was noted has none.
    pub issued_to: Option<String>,
}
record!(TokenRecord {
    v,
    access_token,
    token_type,
    scope_requested,
    scope_granted,
    obtained_ms,
    expires_ms,
    clock_skew_ms,
    refresh_token,
    refresh_expires_ms,
    refresh_refused_ms,
    refresh_again_until_ms,
    id_token,
    account,
    issued_to,
});

/// How far a server's clock is ahead of this computer's; none where that is as good as nothing.
#[must_use]
pub fn clock_skew_ms(date_ms: u64, now_ms: u64) -> Option<i64> {
    const AS_GOOD_AS_NONE_MS: u64 = 60_000;
    let far = date_ms.abs_diff(now_ms) >= AS_GOOD_AS_NONE_MS;
    date_ms.checked_signed_diff(now_ms).filter(|_| far)
}

impl TokenRecord {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;

    /// Turns lifetimes into times.
    #[must_use]
    pub fn from_response(response: &TokenResponse, requested: &Scopes, now_ms: u64) -> Self {
        let at = |seconds: u64| now_ms.saturating_add(seconds.saturating_mul(1000));
        Self {
            v: Self::VERSION,
            access_token: response.access_token.clone(),
            token_type: response.token_type.clone(),
            scope_requested: requested.clone(),
            scope_granted: response.scope.clone(),
            obtained_ms: now_ms,
            expires_ms: response.expires_in.map(at),
            clock_skew_ms: None,
            refresh_token: response.refresh_token.clone(),
            refresh_expires_ms: response.refresh_token_expires_in.map(at),
            refresh_refused_ms: None,
            refresh_again_until_ms: None,
            id_token: response.id_token.clone(),
            account: response.id_token.as_ref().and_then(|token| {
                let claims = unverified_claims(token).ok()?;
                claims.name.or(claims.email)
            }),
            issued_to: None,
        }
    }

    /// The record after a refresh. What the answer leaves out stays as it was: a provider that does not rotate need not
    /// repeat the refresh token (RFC 6749 §6), and no answer extends LinkedIn's year (linkedin.md §5).
    #[must_use]
    pub fn renewed(&self, response: &TokenResponse, now_ms: u64) -> Self {
        let fresh = Self::from_response(response, &self.scope_requested, now_ms);
        let rotated = fresh.refresh_token.is_some() && fresh.refresh_token != self.refresh_token;
        Self {
            scope_granted: fresh.scope_granted.or_else(|| self.scope_granted.clone()),
            refresh_expires_ms: match (fresh.refresh_expires_ms, rotated) {
                (Some(stated), _) => Some(stated),
                (None, true) => None,
                (None, false) => self.refresh_expires_ms,
            },
            refresh_token: fresh.refresh_token.or_else(|| self.refresh_token.clone()),
            account: fresh.account.or_else(|| self.account.clone()),
            id_token: fresh.id_token.or_else(|| self.id_token.clone()),
            ..fresh
        }
    }

    /// Whether another member's token came in the place of this one: whose they are, by their ID tokens, where both say
    /// so. `sub` tells members apart, and is the same for an app as long as it lives (linkedin.md §7).
    #[must_use]
    pub fn other_member(&self, new: &Self) -> Option<(String, String)> {
        let who = |token: &Self| {
            let claims = unverified_claims(token.id_token.as_ref()?).ok()?;
            let sub = claims.sub?;
            Some((claims.name.or(claims.email).unwrap_or_else(|| sub.clone()), sub))
        };
        let ((old_name, old), (new_name, new)) = (who(self)?, who(new)?);
        (old != new).then_some((old_name, new_name))
    }

    /// The refresh token, as long as it may still work.
    #[must_use]
    pub fn living_refresh_token(&self, now_ms: u64) -> Option<&RefreshToken> {
        let ends = [self.refresh_expires_ms, self.refresh_again_until_ms];
        let lives = ends.into_iter().flatten().all(|end_ms| end_ms > now_ms);
        self.refresh_token
            .as_ref()
            .filter(|_| lives && self.refresh_refused_ms.is_none())
    }

    /// Whether its refresh token ends within an access token's life: what a refresh brings lives shorter, because LinkedIn's
    /// refresh tokens end a year after the authorization and the access tokens with them (linkedin.md §5).
    #[must_use]
    pub fn refresh_token_runs_out(&self, now_ms: u64) -> bool {
        self.refresh_expires_ms
            .is_some_and(|end_ms| end_ms.saturating_sub(now_ms) < self.life_ms())
    }

    /// Whether it lives as long as its refresh token, but for a hundredth of its life: a refresh brings nothing.
    #[must_use]
    pub fn ends_with_refresh_token(&self) -> bool {
        let ends = self.refresh_expires_ms.zip(self.expires_ms);
        self.refresh_token.is_some()
            && ends.is_some_and(|(refresh_ms, own_ms)| refresh_ms <= own_ms.saturating_add(self.life_ms() / 100))
    }

    /// How long it lives in all.
    fn life_ms(&self) -> u64 {
        self.expires_ms.unwrap_or(0).saturating_sub(self.obtained_ms)
    }

    /// Whether it still works, as far as its own times tell.
    #[must_use]
    pub fn lives(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires_ms| expires_ms > now_ms)
    }

    /// When a renewal is due, in milliseconds since 1970: a tenth of the token's life before its end, five days at most. Where
    /// the refresh token ends as well, the person may have to help, and hears of it two weeks before, half the life at most.
    #[must_use]
    pub fn renewal_due_ms(&self) -> Option<u64> {
        const DAY_MS: u64 = 86_400_000;
        let (part, days) = if self.ends_with_refresh_token() {
            (2, 14)
        } else {
            (10, 5)
        };
        Some(self.expires_ms? - (self.life_ms() / part).min(days * DAY_MS))
    }

    /// Notes the `Date` of the answer that brought it. What counts down here goes by this computer's clock, which a wrong
    /// time of day does not disturb; what other computers are told is the server's time.
    #[must_use]
    pub fn dated(mut self, date_ms: Option<u64>, now_ms: u64) -> Self {
        self.clock_skew_ms = date_ms.and_then(|date_ms| clock_skew_ms(date_ms, now_ms));
        self
    }

    /// When it ends by the server's clock, which is what to tell other computers.
    #[must_use]
    pub fn expires_by_server_ms(&self) -> Option<u64> {
        let skew_ms = self.clock_skew_ms.unwrap_or_default();
        self.expires_ms
            .map(|expires_ms| expires_ms.saturating_add_signed(skew_ms))
    }

    /// What the token may do.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.scope_granted.as_ref().unwrap_or(&self.scope_requested)
    }

    /// Every scope asked for, then those that came unasked.
    #[must_use]
    pub fn scope_report(&self) -> Vec<(String, ScopeState)> {
        let granted = self.scopes();
        let asked = self.scope_requested.iter().map(|name| {
            (
                name.to_owned(),
                if granted.contains(name) {
                    ScopeState::Granted
                } else {
                    ScopeState::Missing
                },
            )
        });
        let extra = granted.missing_from(&self.scope_requested);
        asked
            .chain(extra.iter().map(|name| (name.to_owned(), ScopeState::Extra)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(scope: Option<&str>) -> TokenResponse {
        TokenResponse {
            access_token: AccessToken::new("AQtoken"),
            token_type: "Bearer".into(),
            token_type_missing: false,
            expires_in: Some(5_183_999),
            scope: scope.map(Scopes::from_answer),
            refresh_token: Some(RefreshToken::new("AQrefresh")),
            refresh_token_expires_in: None,
            id_token: None,
            unusable: Vec::new(),
        }
    }

    #[test]
    fn a_wrong_clock_counts_down_rightly_and_others_are_told_the_servers_time() {
        let scopes = Scopes::parse("openid").unwrap();
        let record = TokenRecord::from_response(&response(None), &scopes, 1_000_000);
        let life_ms = 5_183_999_000;
        for (date_ms, skew_ms) in [
            (None, None),
            (Some(1_000_000), None),
            (Some(1_059_999), None),
            (Some(1_060_000), Some(60_000)),
            (Some(400_000), Some(-600_000)),
            (Some(0), Some(-1_000_000)),
            (Some(u64::MAX), None),
        ] {
            let dated = record.clone().dated(date_ms, 1_000_000);
            assert_eq!(dated.clock_skew_ms, skew_ms, "{date_ms:?}");
            assert_eq!(dated.expires_ms, Some(1_000_000 + life_ms));
            let expected = skew_ms.and(date_ms).unwrap_or(1_000_000) + life_ms;
            assert_eq!(dated.expires_by_server_ms(), Some(expected), "{date_ms:?}");
        }
    }

    #[test]
    fn times_and_scopes() {
        let requested = Scopes::parse("profile openid email").unwrap();
        let record = TokenRecord::from_response(&response(Some("email,openid,w_share")), &requested, 1_000);
        assert_eq!(
            (record.expires_ms, record.refresh_expires_ms),
            (Some(5_184_000_000), None)
        );
        let report: Vec<_> = record.scope_report();
        let report: Vec<_> = report.iter().map(|(name, state)| (name.as_str(), *state)).collect();
        let expected = [
            ("profile", ScopeState::Missing),
            ("openid", ScopeState::Granted),
            ("email", ScopeState::Granted),
            ("w_share", ScopeState::Extra),
        ];
        assert_eq!(report, expected);

        let record = TokenRecord::from_response(&response(None), &requested, u64::MAX - 5);
        assert_eq!(record.expires_ms, Some(u64::MAX));
        assert!(
            record
                .scope_report()
                .iter()
                .all(|(_, state)| *state == ScopeState::Granted)
        );
    }

    #[test]
    fn a_refresh_keeps_what_the_answer_leaves_out() {
        let requested = Scopes::parse("openid").unwrap();
        let mut first = response(Some("openid"));
        first.refresh_token_expires_in = Some(100);
        let old = TokenRecord {
            account: Some("Ada".into()),
            ..TokenRecord::from_response(&first, &requested, 1_000)
        };
        let mut second = response(None);
        second.access_token = AccessToken::new("AQnew");
        second.refresh_token = None;
        let new = old.renewed(&second, 50_000);
        assert_eq!(new.access_token.expose(), "AQnew");
        assert_eq!((new.obtained_ms, new.expires_ms), (50_000, Some(5_184_049_000)));
        assert_eq!(
            (&new.refresh_token, new.refresh_expires_ms),
            (&old.refresh_token, Some(101_000))
        );
        assert_eq!((&new.scope_granted, &new.account), (&old.scope_granted, &old.account));

        // What is stated counts, and a new refresh token has an end of its own.
        second.refresh_token_expires_in = Some(10);
        assert_eq!(old.renewed(&second, 50_000).refresh_expires_ms, Some(60_000));
        second.refresh_token_expires_in = None;
        second.refresh_token = Some(RefreshToken::new("AQother"));
        assert_eq!(old.renewed(&second, 50_000).refresh_expires_ms, None);
    }

    #[test]
    fn a_refresh_token_lives_until_its_end_or_a_refusal() {
        let mut record = TokenRecord::from_response(&response(None), &Scopes::default(), 0);
        assert!(record.living_refresh_token(u64::MAX).is_some());
        record.refresh_expires_ms = Some(10);
        assert!(record.living_refresh_token(9).is_some() && record.living_refresh_token(10).is_none());
        record.refresh_expires_ms = None;
        record.refresh_refused_ms = Some(1);
        assert!(record.living_refresh_token(0).is_none());
        record.refresh_refused_ms = None;
        record.refresh_token = None;
        assert!(record.living_refresh_token(0).is_none());
    }

    #[test]
    fn a_renewal_is_due_a_tenth_of_the_life_before_the_end_and_five_days_at_most() {
        let mut record = TokenRecord::from_response(&response(None), &Scopes::default(), 0);
        let end = 5_183_999_000;
        assert_eq!(record.renewal_due_ms(), Some(end - 5 * 86_400_000));
        record.expires_ms = Some(1_800_000);
        assert_eq!(record.renewal_due_ms(), Some(1_620_000));
        record.expires_ms = None;
        assert_eq!(record.renewal_due_ms(), None);
    }

    #[test]
    fn a_refresh_token_runs_out_when_an_access_token_would_outlive_it() {
        const DAY_MS: u64 = 86_400_000;
        let mut record = TokenRecord::from_response(&response(None), &Scopes::default(), 0);
        assert!(!record.refresh_token_runs_out(0) && !record.ends_with_refresh_token());
        let life_ms = 5_183_999_000;
        // A year: the first renewals are the refresh token's.
        record.refresh_expires_ms = Some(365 * DAY_MS);
        let last_ms = 365 * DAY_MS - life_ms;
        assert!(!record.refresh_token_runs_out(last_ms) && record.refresh_token_runs_out(last_ms + 1));
        // On day 330 a refresh brings what ends with it; the person hears of it two weeks before.
        record.obtained_ms = 330 * DAY_MS;
        record.expires_ms = Some(365 * DAY_MS - 2_000);
        assert!(record.ends_with_refresh_token());
        assert_eq!(record.renewal_due_ms(), Some(351 * DAY_MS - 2_000));
        // Nothing is renewed at once, so that nothing goes round.
        record.obtained_ms = 355 * DAY_MS;
        assert_eq!(record.renewal_due_ms(), Some(360 * DAY_MS - 1_000));
        // What a refresh would still bring is worth it.
        record.expires_ms = Some(364 * DAY_MS);
        assert!(!record.ends_with_refresh_token());
        record.refresh_token = None;
        record.expires_ms = Some(365 * DAY_MS);
        assert!(!record.ends_with_refresh_token());
    }

    #[test]
    fn stored_and_read_back_and_not_printed() {
        let record = TokenRecord::from_response(&response(Some("openid")), &Scopes::default(), 1);
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<TokenRecord>(&json).unwrap(), record);
        let shown = format!("{record:?}");
        assert!(!shown.contains("AQtoken") && !shown.contains("AQrefresh"), "{shown}");
    }
}
