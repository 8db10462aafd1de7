//! The engine: one authorization after another, from the click to the stored token, as a value.
//!
//! [`Engine::step`] does no I/O, reads no clock and draws no randomness. Time and random bytes arrive with the event;
//! what is to be done leaves as [`Effect`]s, which `browser` runs in order and whose results come back as [`Event`]s.
//! The worker may be killed between any two effects: the engine as last written by [`Effect::Persist`] is then loaded
//! again and [`Event::WorkerStarted`] puts things right.

mod check;
mod effect;
mod engine;
mod event;
mod record;
mod rules;
mod schedule;
mod snapshot;
pub mod trace;

pub use check::{Answer, Check, Revocation, Subject, check_hosts};
pub use effect::Effect;
pub use engine::Engine;
pub use event::{Event, NewFlow};
pub use record::{
    Ended, Flow, FlowId, Guard, Note, Phase, Snapshot, Step, StepName, StoredToken, TabId, Unstored, Way,
};
pub use rules::{Rule, RuleAction, RuleCondition};
pub use schedule::{
    AT_ONCE, BEGUN_MS, Badge, KnownToken, LOOK_WITHIN_MS, NEXT_MS, Plan, RETRY_MS, RETRY_WITHOUT_PERSON_MS, Reminded,
};

/// How long a person may take between the click and the redirect: 15 minutes, then the flow is given up.
pub const REDIRECT_DEADLINE_MS: u64 = 15 * 60 * 1000;

/// After this long without an end to something that needs no person, an alarm wakes the worker: it may have died over it.
/// The shortest that a packed extension may ask for.
pub const WAKE_MS: u64 = 30_000;

/// While a person is at the provider the worker may sleep, and a new one looks at the flow's tab. An alarm sees to it that
/// there is a new one this often.
pub const LOOK_MS: u64 = 60_000;

/// How long an authorization that needs no person may take: the worker's own request, or an inactive tab.
pub const QUIET_DEADLINE_MS: u64 = 25_000;

/// How often a token that `storage.local` refused is offered to it again.
pub const STORE_AGAIN_MS: u64 = 60_000;

/// How long an answer is waited for: below the 30 s after which a browser stops a worker that waits.
pub const ANSWER_WITHIN_MS: u32 = 20_000;

/// How often a refresh token is posted when no answer comes, or the worker dies over it. LinkedIn's does not rotate, and
/// servers that rotate give a moment's grace for exactly this (providers.md section 3).
pub const REFRESHES_AT_MOST: u32 = 2;

/// Flows that may be under way at once. Each holds two regular-expression rules, of which the browsers allow 1,000.
pub const FLOWS_AT_MOST: usize = 100;

/// Guards kept at once; past that the guards of codes that are already redeemed go first.
pub const GUARDS_AT_MOST: usize = 500;
