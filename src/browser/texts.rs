//! Words: `_locales` and `Intl`.

use std::cell::RefCell;

use js_sys::{Array, Date, Function, Intl, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::view::TimeLeft;

use super::api::{self, api, object};

thread_local! {
    /// Formatters by what they are for: a browser takes longer to make one than to use it a hundred times.
    static FORMATS: RefCell<Vec<(&'static str, Function)>> = const { RefCell::new(Vec::new()) };
}

fn format(name: &'static str, value: &JsValue, make: impl FnOnce() -> Option<Function>) -> String {
    let known = FORMATS.with_borrow(|known| {
        let found = known.iter().find(|(other, _)| *other == name);
        found.map(|(_, formatter)| formatter.clone())
    });
    let Some(formatter) = known.or_else(|| {
        let fresh = make()?;
        FORMATS.with_borrow_mut(|known| known.push((name, fresh.clone())));
        Some(fresh)
    }) else {
        return String::new();
    };
    formatter
        .call1(&JsValue::UNDEFINED, value)
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_default()
}

/// A message of `_locales`.
pub(super) fn text(key: &str) -> String {
    text_with(key, &[])
}

/// A message of `_locales` with its placeholders filled.
pub(super) fn text_with(key: &str, substitutions: &[&str]) -> String {
    api().i18n().get_message(key, &api::strings(substitutions.iter()))
}

fn locales() -> Array {
    Array::of1(&api().i18n().get_ui_language().into())
}

/// A number of a unit, spelled out: "59 days".
pub(super) fn duration(left: TimeLeft) -> String {
    amount(left.unit.as_str(), f64::from(left.value), left.unit.as_str(), "long", 0)
}

/// Seconds, short: "1.4 sec".
pub(super) fn seconds(milliseconds: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a flow lasts minutes; one decimal is shown")]
    amount("short", milliseconds as f64 / 1000.0, "second", "short", 1)
}

/// Whole minutes, spelled out: "5 minutes".
pub(super) fn whole_minutes(minutes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a clock is wrong by years at most")]
    amount("minutes", minutes as f64, "minute", "long", 0)
}

/// Whole seconds, short: "12 sec".
pub(super) fn whole_seconds(seconds: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few minutes")]
    amount("whole", seconds as f64, "second", "short", 0)
}

fn amount(name: &'static str, value: f64, unit: &str, display: &str, decimals: u32) -> String {
    format(name, &value.into(), || {
        let options = object([
            ("style", "unit".into()),
            ("unit", unit.into()),
            ("unitDisplay", display.into()),
            ("minimumFractionDigits", decimals.into()),
            ("maximumFractionDigits", decimals.into()),
        ]);
        Some(Intl::NumberFormat::new(&locales(), &options).format())
    })
}

/// A date and time of day.
pub(super) fn date_time(epoch_ms: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "dates of the next 200,000 years are exact")]
    let date = Date::new(&JsValue::from_f64(epoch_ms as f64));
    format("date", &date, || {
        let options = object([("dateStyle", "medium".into()), ("timeStyle", "short".into())]);
        let format = Intl::DateTimeFormat::new(&locales(), &options);
        Reflect::get(&format, &"format".into()).ok()?.dyn_into().ok()
    })
}
