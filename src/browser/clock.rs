//! The clock.

/// Now, in milliseconds of the Unix epoch.
pub(super) fn now_ms() -> u64 {
    // A clock before 1970 reads as 1970; `as` saturates.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "Date.now() is integral, below 2^53"
    )]
    let now = js_sys::Date::now() as u64;
    now
}
