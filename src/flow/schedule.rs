//! When to look at the stored tokens again, which of them to renew, of which to remind, and what the icon says.

use crate::plain::record;

use super::record::FlowId;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// The tokens are looked at this often even when nothing is due: an alarm that stands later was set by another clock.
pub const LOOK_WITHIN_MS: u64 = DAY_MS;

/// From so many days before its end a token is counted down on the icon.
const COUNTED_DAYS: u64 = 14;

/// How long a renewal that failed, or could not start, waits for the next try.
pub const RETRY_MS: u64 = 3_600_000;

/// The same for one that reached nobody: sooner at first, and then as seldom.
const UNREACHED_MS: [u64; 4] = [60_000, 300_000, 900_000, RETRY_MS];

/// When to look whether a renewal that was begun has come through.
pub const BEGUN_MS: u64 = UNREACHED_MS[0];

/// How long after a renewal that reached nobody for the `tries`th time in a row the next one comes.
#[must_use]
pub(super) fn unreached_ms(tries: u32) -> u64 {
    let [.., longest] = UNREACHED_MS;
    usize::try_from(tries).map_or(longest, |tries| *UNREACHED_MS.get(tries).unwrap_or(&longest))
}

/// When to come back to a server that says when: not before that, within a day, and up to a tenth later, so that those who were
/// sent away together do not come back together. The flow's name is random.
#[must_use]
pub(super) fn asked_back_ms(now_ms: u64, at_ms: u64, flow: &FlowId) -> u64 {
    let wait_ms = at_ms.saturating_sub(now_ms).clamp(UNREACHED_MS[0], DAY_MS);
    let random = flow
        .0
        .bytes()
        .fold(0, |sum: u64, byte| (sum * 31 + u64::from(byte)) % 1009);
    now_ms + wait_ms + wait_ms / 10 * random / 1009
}

/// The same for one that wants the person, who may sign in at the provider meanwhile, or may not.
pub const RETRY_WITHOUT_PERSON_MS: u64 = 86_400_000;

/// How many renewals that nobody asked for are under way at once: hundreds of tokens may be due after a long sleep.
pub const AT_ONCE: usize = 4;

/// When to look again while more are due than that.
pub const NEXT_MS: u64 = 30_000;

/// What the schedule has to know of a stored token. All times in milliseconds of the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownToken {
    /// The profile's id.
    pub profile: String,
    /// The flow that brought it: it names the token.
    pub flow: FlowId,
    /// When it dies; none without `expires_in`.
    pub expires_ms: Option<u64>,
    /// When to renew it; none where the profile does not want that or there is no living refresh token.
    pub renewal_ms: Option<u64>,
    /// When to try again after the last renewal failed; none when it did not.
    pub retry_ms: Option<u64>,
}

/// Of which of a person's days before its end they were reminded of a token. In storage, so that neither a restart nor an
/// extra look says it twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminded {
    /// The profile's id.
    pub profile: String,
    /// The flow that brought the token.
    pub flow: FlowId,
    /// The days, as the person chose them.
    pub days: u32,
}
record!(Reminded { profile, flow, days });

/// What the toolbar's icon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Badge {
    /// A token is dead.
    Expired,
    /// The token that dies next has so many days left, begun ones counted; at most 14.
    Days(u64),
    /// Nothing needs the person.
    Nothing,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Profiles whose token is to be renewed, that which dies next first.
    pub due: Vec<String>,
    /// When to look again, in milliseconds of the Unix epoch: within [`LOOK_WITHIN_MS`].
    pub wake_ms: u64,
    /// What the icon says until then.
    pub badge: Badge,
    /// Profiles of whose token to remind the person, and how many days it has, begun ones counted.
    pub remind: Vec<(String, u64)>,
    /// What the person was reminded of, when that is done.
    pub reminded: Vec<Reminded>,
}

impl Plan {
    /// Makes the plan. A look that comes late, after a sleep or a lost alarm, finds everything that is overdue.
    #[must_use]
    pub fn new(now_ms: u64, tokens: &[KnownToken], remind_days: &[u32], reminded: &[Reminded]) -> Self {
        let mut plan = Self {
            due: Vec::new(),
            wake_ms: now_ms + LOOK_WITHIN_MS,
            badge: Badge::Nothing,
            remind: Vec::new(),
            reminded: Vec::new(),
        };
        let mut tokens: Vec<&KnownToken> = tokens.iter().collect();
        tokens.sort_by_key(|token| token.expires_ms.unwrap_or(u64::MAX));
        for token in tokens {
            if let Some(renewal_ms) = token.renewal_ms {
                let at_ms = renewal_ms.max(token.retry_ms.unwrap_or(0));
                if at_ms <= now_ms {
                    plan.due.push(token.profile.clone());
                    plan.wake_at(now_ms + RETRY_MS);
                } else {
                    plan.wake_at(at_ms);
                }
            }
            let Some(expires_ms) = token.expires_ms else { continue };
            if expires_ms <= now_ms {
                plan.badge = Badge::Expired;
                continue;
            }
            let left_ms = expires_ms - now_ms;
            let days = left_ms.div_ceil(DAY_MS);
            let needs_person = token.renewal_ms.is_none() || token.retry_ms.is_some();
            plan.remind_of(
                token,
                expires_ms,
                now_ms,
                if needs_person { remind_days } else { &[] },
                reminded,
            );
            if days > COUNTED_DAYS {
                plan.wake_at(expires_ms - COUNTED_DAYS * DAY_MS);
                continue;
            }
            // The number changes when the day that has begun is over; at last the token is dead.
            plan.wake_at(expires_ms - (days - 1) * DAY_MS);
            if needs_person {
                plan.badge = plan.badge.min(Badge::Days(days));
            }
        }
        plan
    }

    /// A look that comes late reminds once, by the days that are really left.
    fn remind_of(&mut self, token: &KnownToken, expires_ms: u64, now_ms: u64, days: &[u32], reminded: &[Reminded]) {
        let at_ms = |days: u32| expires_ms.saturating_sub(u64::from(days) * DAY_MS);
        let last = reminded
            .iter()
            .find(|last| last.flow == token.flow)
            .map(|last| last.days);
        let due = days.iter().copied().filter(|days| at_ms(*days) <= now_ms).min();
        let fresh = due.filter(|due| last.is_none_or(|last| *due < last));
        if fresh.is_some() {
            let left = (expires_ms - now_ms).div_ceil(DAY_MS);
            self.remind.push((token.profile.clone(), left));
        }
        if let Some(days) = fresh.or(last) {
            self.reminded.push(Reminded {
                profile: token.profile.clone(),
                flow: token.flow.clone(),
                days,
            });
        }
        for days in days {
            if at_ms(*days) > now_ms {
                self.wake_at(at_ms(*days));
            }
        }
    }

    fn wake_at(&mut self, at_ms: u64) {
        self.wake_ms = self.wake_ms.min(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn token(expires_days: Option<u64>) -> KnownToken {
        KnownToken {
            profile: "a".to_owned(),
            flow: FlowId("f".to_owned()),
            expires_ms: expires_days.map(|days| NOW + days * DAY_MS),
            renewal_ms: None,
            retry_ms: None,
        }
    }

    /// The plan of a person who wants no reminders.
    fn of(now_ms: u64, tokens: &[KnownToken]) -> Plan {
        Plan::new(now_ms, tokens, &[], &[])
    }

    #[test]
    fn nothing_to_do_without_tokens_or_ends() {
        let nothing = Plan {
            due: Vec::new(),
            wake_ms: NOW + DAY_MS,
            badge: Badge::Nothing,
            remind: Vec::new(),
            reminded: Vec::new(),
        };
        assert_eq!(of(NOW, &[]), nothing);
        assert_eq!(of(NOW, &[token(None)]), nothing);
    }

    #[test]
    fn the_last_fourteen_days_are_counted_down_and_then_it_is_dead() {
        let plan = |now| of(now, &[token(Some(60))]);
        let end = NOW + 60 * DAY_MS;
        for (before, badge, wake) in [
            (46 * DAY_MS, Badge::Nothing, 14 * DAY_MS),
            (14 * DAY_MS, Badge::Days(14), 13 * DAY_MS),
            (13 * DAY_MS + 1, Badge::Days(14), 13 * DAY_MS),
            (13 * DAY_MS, Badge::Days(13), 12 * DAY_MS),
            (1, Badge::Days(1), 0),
        ] {
            let plan = plan(end - before);
            assert_eq!(
                (plan.badge, plan.wake_ms),
                (badge, (end - wake).min(end - before + DAY_MS)),
                "{before} before the end"
            );
        }
        for late in [0, 1, 400 * DAY_MS] {
            let plan = plan(end + late);
            assert_eq!(
                (plan.badge, plan.wake_ms),
                (Badge::Expired, end + late + DAY_MS),
                "{late} late"
            );
        }
    }

    #[test]
    fn a_dead_token_is_said_before_one_that_lives() {
        let tokens = [token(Some(0)), token(Some(2)), token(Some(9))];
        assert_eq!(of(NOW, &tokens).badge, Badge::Expired);
        assert_eq!(of(NOW, &tokens[1..]).badge, Badge::Days(2));
    }

    #[test]
    fn a_renewal_is_due_once_however_late_the_look_and_again_after_an_hour() {
        let renewing = KnownToken {
            renewal_ms: Some(NOW),
            ..token(Some(5))
        };
        let plan = |now, retry_ms| {
            let token = KnownToken {
                retry_ms,
                ..renewing.clone()
            };
            of(now, &[token])
        };
        assert_eq!(plan(NOW - 1, None).due.len(), 0);
        assert_eq!(plan(NOW - 1, None).wake_ms, NOW);
        // What renews itself needs no person.
        assert_eq!(plan(NOW, None).badge, Badge::Nothing);
        for late in [0, DAY_MS, 90 * DAY_MS] {
            assert_eq!(plan(NOW + late, None).due, ["a"], "{late} late");
        }
        let failed = plan(NOW + 1, Some(NOW + RETRY_MS));
        assert_eq!((failed.due.len(), failed.wake_ms), (0, NOW + RETRY_MS));
        assert_eq!(failed.badge, Badge::Days(5));
        assert_eq!(plan(NOW + RETRY_MS, Some(NOW + RETRY_MS)).due, ["a"]);
    }

    #[test]
    fn what_waits_for_hosts_is_due_at_each_look_and_needs_the_person() {
        let waiting = KnownToken {
            renewal_ms: Some(NOW),
            retry_ms: Some(NOW + 1),
            ..token(Some(5))
        };
        for later in [1, RETRY_MS, DAY_MS] {
            let plan = of(NOW + later, std::slice::from_ref(&waiting));
            assert_eq!((plan.due.len(), plan.wake_ms), (1, NOW + later + RETRY_MS));
            assert_eq!(plan.badge, Badge::Days(if later < DAY_MS { 5 } else { 4 }));
        }
    }

    #[test]
    fn what_reaches_nobody_is_tried_ever_later() {
        let minutes = |tries| unreached_ms(tries) / 60_000;
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(minutes), [1, 5, 15, 60, 60, 60]);
    }

    #[test]
    fn nobody_comes_back_too_soon_or_all_at_once() {
        let name = |number: u64| FlowId(format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for (wait_ms, least_ms) in [(0, 60_000), (7_200_000, 7_200_000), (90 * DAY_MS, DAY_MS)] {
            let waits = (0..1000).map(|number| asked_back_ms(NOW, NOW + wait_ms, &name(number)) - NOW);
            let waits: Vec<u64> = waits.collect();
            assert!(
                waits
                    .iter()
                    .all(|wait| (least_ms..least_ms + least_ms / 10).contains(wait))
            );
            // In each tenth of the time somebody.
            let tenths: BTreeSet<u64> = waits.iter().map(|wait| (wait - least_ms) * 100 / least_ms).collect();
            assert_eq!(tenths.len(), 10, "{wait_ms}");
        }
        assert_eq!(asked_back_ms(NOW, 0, &name(0)), asked_back_ms(NOW, NOW, &name(0)));
    }

    #[test]
    fn what_dies_next_is_renewed_first() {
        let due = |profile: &str, days| KnownToken {
            profile: profile.to_owned(),
            renewal_ms: Some(NOW),
            ..token(days)
        };
        let tokens = [
            due("never", None),
            due("third", Some(3)),
            due("dead", Some(0)),
            due("second", Some(2)),
        ];
        assert_eq!(of(NOW, &tokens).due, ["dead", "second", "third", "never"]);
    }

    #[test]
    fn each_reminder_comes_once_and_a_late_look_says_what_is_left() {
        let days = [14, 3, 1];
        let end = NOW + 60 * DAY_MS;
        let mut said = Vec::new();
        let mut heard = Vec::new();
        // Looks at these hours before the end, some of them long after the last one.
        for hours in [24 * 15, 24 * 14, 24 * 14 - 1, 24 * 4, 50, 49, 1] {
            let plan = Plan::new(end - hours * 3_600_000, &[token(Some(60))], &days, &said);
            heard.extend(plan.remind.iter().map(|(_, left)| (hours, *left)));
            // What is said now is not waited for.
            assert!(plan.wake_ms > end - hours * 3_600_000, "{hours} hours before");
            said = plan.reminded;
        }
        assert_eq!(heard, [(24 * 14, 14), (50, 3), (1, 1)]);
        // After a sleep of weeks: one reminder, not three.
        let late = Plan::new(end - 1, &[token(Some(60))], &days, &[]);
        assert_eq!((late.remind, late.reminded[0].days), (vec![("a".to_owned(), 1)], 1));
        // The next token is another one.
        let next = KnownToken {
            flow: FlowId("g".to_owned()),
            ..token(Some(2))
        };
        assert_eq!(Plan::new(NOW, &[next], &days, &said).remind, [("a".to_owned(), 2)]);
    }

    #[test]
    fn a_refused_silent_renewal_leaves_the_time_for_all_reminders() {
        // A token ends with its refresh token: asked for two weeks before, then once a day, in vain.
        let mut ending = KnownToken {
            renewal_ms: Some(NOW + 21 * DAY_MS),
            ..token(Some(35))
        };
        let (mut said, mut heard, mut asked) = (Vec::new(), Vec::new(), 0);
        for hour in 0..35 * 24 {
            let now_ms = NOW + hour * 3_600_000;
            let plan = Plan::new(now_ms, std::slice::from_ref(&ending), &[14, 3, 1], &said);
            heard.extend(plan.remind.iter().map(|(_, left)| (*left, plan.badge)));
            said = plan.reminded;
            if !plan.due.is_empty() {
                asked += 1;
                ending.retry_ms = Some(now_ms + RETRY_WITHOUT_PERSON_MS);
            }
        }
        assert_eq!(heard, [14, 3, 1].map(|days| (days, Badge::Days(days))));
        assert_eq!(asked, 14);
    }

    #[test]
    fn reminders_are_for_what_needs_the_person() {
        let renewing = KnownToken {
            renewal_ms: Some(NOW),
            ..token(Some(2))
        };
        assert_eq!(Plan::new(NOW, std::slice::from_ref(&renewing), &[3], &[]).remind, []);
        let failed = KnownToken {
            retry_ms: Some(NOW + RETRY_MS),
            ..renewing
        };
        assert_eq!(Plan::new(NOW, &[failed], &[3], &[]).remind, [("a".to_owned(), 2)]);
        assert_eq!(
            Plan::new(NOW, &[token(Some(0))], &[3], &[]).remind,
            [],
            "a dead one is on the icon"
        );
        let early = Plan::new(NOW, &[token(Some(30))], &[29], &[]);
        assert_eq!((early.remind.len(), early.wake_ms), (0, NOW + DAY_MS));
        let earlier = Plan::new(NOW + DAY_MS - 1, &[token(Some(30))], &[29], &[]);
        assert_eq!((earlier.remind.len(), earlier.wake_ms), (0, NOW + DAY_MS));
    }
}
