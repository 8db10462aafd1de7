//! Explains an error answer that the person pastes. Nothing of it is stored or sent.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, EventTarget, HtmlElement};

use crate::diagnosis::diagnose_pasted;
use crate::provider;

use super::home::draw_explanation;
use super::{announce, dom, report};
use crate::browser::api::{property, set};
use crate::browser::dom::{by_id, find, set_attribute, show_in};

/// Listens to the section.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("explain_text")?, "input", |_| report(draw()))
}

/// Forgets what was pasted: it may hold a secret.
pub(super) fn clear() -> Result<(), JsValue> {
    set(
        by_id::<HtmlElement>("explain_text")?.unchecked_ref(),
        "value",
        &"".into(),
    );
    draw()
}

fn draw() -> Result<(), JsValue> {
    let field: Element = by_id("explain_text")?;
    let text = property(&field, "value").as_string().unwrap_or_default();
    // What answers like LinkedIn is asked about: the other kinds of app have the same answers.
    let provider = provider::all().first();
    let finding = provider.and_then(|provider| diagnose_pasted(&text, provider));
    let root: Element = by_id("explain_found")?;
    show_in(&root, ".finding", finding.is_some())?;
    let Some(finding) = finding else {
        return root.remove_attribute("data-code");
    };
    draw_explanation(&root, &finding)?;
    // Not with each letter.
    if root.get_attribute("data-code").as_deref() != Some(&finding.code) {
        set_attribute(&root, "data-code", &finding.code)?;
        let what: Element = find(&root, ".finding-what")?;
        announce(&what.text_content().unwrap_or_default());
    }
    Ok(())
}
