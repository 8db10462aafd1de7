//! What holds for all profiles.

use std::cell::RefCell;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, EventTarget, HtmlInputElement, HtmlTextAreaElement};

use crate::handoff::{TemplateError, check_template, field_names};
use crate::profile::Settings;
use crate::vault;
use crate::view::{Command, Reply};

use super::{announce, clipboard, dom, passphrase, report, say_failed, send_again};
use crate::browser::api::{answer, api, object, strings, words};
use crate::browser::dom::{by_id, set_attribute, set_text, show};
use crate::browser::storage::{local, read};
use crate::browser::texts;

thread_local! {
    static STORED: RefCell<(Settings, bool)> = RefCell::new((Settings::default(), false));
}

/// Reads them, and whether the browser lets us notify.
pub(super) async fn load() -> Result<(), JsValue> {
    let settings = read(&local(), &[vault::SETTINGS_KEY]).await?.get(vault::SETTINGS_KEY)?;
    let permission = object([("permissions", strings(["notifications"].iter()).into())]);
    let permitted = answer(api().permissions().contains(&permission)).await?.is_truthy();
    STORED.set((settings.unwrap_or_default(), permitted));
    clipboard::load().await?;
    fill()
}

pub(super) fn stored() -> Settings {
    STORED.with_borrow(|(settings, _)| settings.clone())
}

/// Puts what is stored into the fields.
pub(super) fn fill() -> Result<(), JsValue> {
    let settings = stored();
    let mut days = String::new();
    for number in &settings.remind_days {
        if !days.is_empty() {
            days += ", ";
        }
        days += &number.to_string();
    }
    by_id::<HtmlInputElement>("remind_days")?.set_value(&days);
    by_id::<HtmlTextAreaElement>("template")?.set_value(settings.template.as_deref().unwrap_or_default());
    let fields: Vec<&str> = field_names().collect();
    set_text(
        &by_id::<Element>("template_fields")?,
        &texts::text_with("template_fields", &[&fields.join(", ")]),
    );
    draw_template_error(None)?;
    draw_error(None)?;
    passphrase::fill()?;
    fill_choices()
}

/// Listens to the section.
pub(super) fn listen() -> Result<(), JsValue> {
    passphrase::listen()?;
    clipboard::listen()?;
    dom::listen(&by_id::<EventTarget>("settings")?, "submit", |event| {
        event.prevent_default();
        report(save_days());
    })?;
    dom::listen(&by_id::<EventTarget>("own")?, "submit", |event| {
        event.prevent_default();
        report(save_template());
    })?;
    // A click comes from the keyboard as well, and browsers take it for a person's act.
    dom::listen(&by_id::<EventTarget>("notify")?, "click", |event| {
        let switch = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        if let Some(switch) = switch {
            notify(switch.checked());
        }
    })
}

fn draw_error(code: Option<&str>) -> Result<(), JsValue> {
    let text = code.map(|code| texts::text(&["error_remind_days_", code].concat()));
    show(&by_id("remind_days_error")?, text.is_some());
    set_text(&by_id::<Element>("remind_days_error")?, &text.unwrap_or_default());
    let field: HtmlInputElement = by_id("remind_days")?;
    set_attribute(&field, "aria-invalid", if code.is_some() { "true" } else { "false" })?;
    if code.is_some() { field.focus() } else { Ok(()) }
}

fn draw_template_error(text: Option<&str>) -> Result<(), JsValue> {
    show(&by_id("template_error")?, text.is_some());
    set_text(&by_id::<Element>("template_error")?, text.unwrap_or_default());
    let field: HtmlTextAreaElement = by_id("template")?;
    set_attribute(&field, "aria-invalid", if text.is_some() { "true" } else { "false" })?;
    if text.is_some() { field.focus() } else { Ok(()) }
}

/// An empty one is none.
fn save_template() -> Result<(), JsValue> {
    let typed = by_id::<HtmlTextAreaElement>("template")?.value();
    if let Err(error) = check_template(&typed) {
        let text = match &error {
            TemplateError::UnknownField { name } => texts::text_with("error_template_unknown", &[name]),
            TemplateError::Unclosed { line } => texts::text_with("error_template_unclosed", &[&line.to_string()]),
        };
        return draw_template_error(Some(&text));
    }
    save(Settings {
        template: Some(typed).filter(|typed| !typed.is_empty()),
        ..stored()
    });
    draw_template_error(None)
}

fn save_days() -> Result<(), JsValue> {
    let typed = by_id::<HtmlInputElement>("remind_days")?.value();
    let checked = Settings::parse_days(&typed).and_then(|remind_days| {
        Settings {
            remind_days,
            ..stored()
        }
        .checked()
    });
    match checked {
        Ok(settings) => {
            save(settings);
            draw_error(None)
        }
        Err(code) => draw_error(Some(code)),
    }
}

/// Asks the browser in the click, and saves what it said.
fn notify(wanted: bool) {
    let permission = object([("permissions", strings(["notifications"].iter()).into())]);
    let asked = wanted.then(|| answer(api().permissions().request(&permission)));
    spawn_local(async move {
        let granted = match asked {
            Some(asked) => asked.await.is_ok_and(|granted| granted.is_truthy()),
            None => true,
        };
        report(by_id("notify_refused").map(|note| show(&note, !granted)));
        if granted {
            STORED.with_borrow_mut(|(_, permitted)| *permitted |= wanted);
            save(Settings {
                notify: wanted,
                ..stored()
            });
        } else {
            report(by_id::<HtmlInputElement>("notify").map(|switch| switch.set_checked(false)));
        }
    });
}

pub(super) fn save(settings: Settings) {
    spawn_local(async move {
        let command = Command::SaveSettings {
            settings: settings.clone(),
        };
        match send_again(&command).await {
            Ok(Reply::Done) => {
                // The same again changes nothing in storage, and what was typed may still look different.
                STORED.with_borrow_mut(|(stored, _)| *stored = settings);
                report(fill());
                announce(&texts::text("announce_saved"));
            }
            Ok(Reply::Failed { message }) => failed(&message),
            Ok(Reply::Invalid { errors }) => {
                let code = errors.first().map(|(_, code)| code.as_str());
                report(draw_error(code));
            }
            Ok(Reply::Saved { .. }) => {}
            Err(error) => failed(&words(&error)),
        }
    });
}

/// Says why nothing was saved. What was typed stays, to be saved again; what was switched or chosen goes back to what holds.
fn failed(message: &str) {
    report(fill_choices());
    say_failed(message);
}

fn fill_choices() -> Result<(), JsValue> {
    let (settings, permitted) = STORED.with_borrow(Clone::clone);
    passphrase::fill_times(&settings)?;
    clipboard::fill(&settings)?;
    // A permission that was taken back in the browser's own settings takes the switch along.
    by_id::<HtmlInputElement>("notify")?.set_checked(settings.notify && permitted);
    Ok(())
}
