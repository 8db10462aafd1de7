//! What was damaged in storage, what became of it, and what can still be saved.

use std::cell::Cell;

use wasm_bindgen::JsValue;
use web_sys::{Element, EventTarget};

use crate::view::{Command, Reply, damage_views};

use super::{command, dom, load_from, send_again, with};
use crate::browser::dom::{by_id, children, set_attribute, set_text_in, show, show_in};
use crate::browser::storage::{ask, local, session};
use crate::browser::texts;
use crate::vault;

thread_local! {
    /// Whether the worker was asked since the page last found all that it looked for.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Has the worker look storage through and reads it once more, where a page could not read it or found nothing: an empty
/// storage need not be a new one.
pub(super) async fn heal_unless(whole: Result<bool, JsValue>) -> Result<(), JsValue> {
    let asked = ASKED.replace(!matches!(whole, Ok(true)));
    let error = match whole {
        Ok(true) => return Ok(()),
        // Every change would have all of storage looked through.
        Ok(false) if asked => return Ok(()),
        Ok(false) => None,
        Err(error) => Some(error),
    };
    let healed = match send_again(&Command::Heal).await {
        Ok(Reply::Failed { message }) => Err(js_sys::Error::new(&message).into()),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    // What the page itself met says more.
    healed.map_err(|failed| error.unwrap_or(failed))?;
    let engine = ask(&session(), &vault::SESSION_KEYS);
    let whole = load_from(engine, ask(&local(), &vault::PAGE_KEYS), &[]).await?;
    ASKED.set(!whole);
    Ok(())
}

/// The notice, as long as nobody said that it was seen.
pub(super) fn draw_notice() -> Result<(), JsValue> {
    let damaged = with(|page| !page.damage.records.is_empty() && !page.vault.locked);
    show(&by_id("damage")?, damaged);
    Ok(())
}

/// Listens to the section.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("understood")?, "click", |_| {
        command(Command::Understood);
    })
}

/// Draws the section.
pub(super) fn draw() -> Result<(), JsValue> {
    let views = with(|page| damage_views(&page.damage, &page.index));
    let list: Element = by_id("damaged")?;
    for (item, view) in children(&list, views.len(), "damaged-template")?.iter().zip(&views) {
        set_attribute(item, "data-outcome", view.outcome)?;
        set_text_in(item, ".damaged-what", &texts::text(view.what))?;
        set_text_in(item, ".damaged-profile", view.profile.as_deref().unwrap_or_default())?;
        set_text_in(item, ".damaged-outcome", &texts::text(view.outcome))?;
        show_in(item, ".damaged-fix", view.fix.is_some())?;
        set_text_in(item, ".damaged-fix", &view.fix.map(texts::text).unwrap_or_default())?;
    }
    Ok(())
}
