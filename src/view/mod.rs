//! What a page shows, as plain data, and what it asks of the worker.
//!
//! A view names message keys of `_locales` and numbers; words, dates and durations are the browser's business.

mod check;
mod command;
mod manager;
mod popup;
mod recovery;
mod time_left;
mod trace;

pub use check::{CheckState, CheckView, initials};
pub use command::{Command, Reply};
pub use manager::{ManagerModel, ManagerView, RowView, ScopeGroup, scope_change_revokes, scope_groups, with_successor};
pub use popup::{
    CardState, DetailView, MainAction, Model, OWN_TEMPLATE, PopupView, ProfileView, StepState, StepView, TokenLife,
    TokenView, VISIBLE_AT_FIRST,
};
pub use recovery::{DamageView, damage_views};
pub use time_left::{TimeLeft, TimeUnit};
pub use trace::{TraceStepView, TraceView, trace_views};
