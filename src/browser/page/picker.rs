//! All scopes of a provider by the product that gives them: the manager's form.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, EventTarget, HtmlDetailsElement, HtmlElement, HtmlInputElement, HtmlSelectElement};

use crate::oauth::scope::Scopes;
use crate::provider::{self, Access};
use crate::view::scope_groups;

use super::{dom, localise, report, setup};
use crate::browser::dom::{by_id, children, find, for_each, set_attribute, set_text, set_text_in, show};
use crate::browser::texts;

/// Listens to the picker: one listener each, whatever stands in it.
pub(super) fn listen() -> Result<(), JsValue> {
    let products: EventTarget = by_id("scope_products")?;
    dom::listen(&products, "change", |event: Event| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if let Some(scope) = target.and_then(|target| target.get_attribute("data-scope")) {
            report(setup::toggle_scope(&scope));
        }
    })?;
    dom::listen(&by_id::<EventTarget>("scope_search")?, "input", |_| report(search()))
}

/// Writes all products and scopes into it, once.
pub(super) fn fill() -> Result<(), JsValue> {
    by_id::<HtmlInputElement>("scope_search")?.set_value("");
    show(&by_id("scope_picker")?, true);
    let list: Element = by_id("scope_products")?;
    let provider = by_id::<HtmlSelectElement>("provider")?.value();
    let Some(provider) = provider::by_id(&provider).filter(|_| list.child_element_count() == 0) else {
        return search();
    };
    let groups = scope_groups(provider);
    for (product, group) in children(&list, groups.len(), "product-template")?.iter().zip(groups) {
        set_text_in(product, ".product-name", group.product)?;
        let tag: Element = find(product, ".product-access")?;
        draw_access(&tag, group.access)?;
        let picks: Element = find(product, ".picks")?;
        for (pick, scope) in children(&picks, group.scopes.len(), "pick-template")?
            .iter()
            .zip(group.scopes)
        {
            localise(pick)?;
            set_text_in(pick, ".pick-name", scope.name)?;
            set_attribute(&find(pick, ".pick-box")?, "data-scope", scope.name)?;
            if scope.access != group.access {
                draw_access(&find(pick, ".pick-access")?, scope.access)?;
            }
            setup::offer_successor(&find(pick, ".scope-successor")?, scope)?;
        }
    }
    search()
}

fn draw_access(tag: &Element, access: Access) -> Result<(), JsValue> {
    set_text(tag, &texts::text(&["access_", access.as_str()].concat()));
    set_attribute(tag, "data-access", access.as_str())
}

/// Checks what the field holds.
pub(super) fn draw(scopes: &Scopes) -> Result<(), JsValue> {
    for_each(&by_id("scope_products")?, ".product", |product| {
        let mut chosen: u32 = 0;
        for_each(product, ".pick-box", |pick| {
            let scope = pick.get_attribute("data-scope").unwrap_or_default();
            let checked = scopes.contains(&scope);
            chosen += u32::from(checked);
            pick.unchecked_ref::<HtmlInputElement>().set_checked(checked);
            Ok(())
        })?;
        let count = match chosen {
            0 => String::new(),
            _ => texts::text_with("scopes_chosen", &[&chosen.to_string()]),
        };
        set_text_in(product, ".product-count", &count)
    })
}

/// Shows and opens what fits; without a search all products stand there closed.
fn search() -> Result<(), JsValue> {
    let wanted = by_id::<HtmlInputElement>("scope_search")?
        .value()
        .trim()
        .to_ascii_lowercase();
    for_each(&by_id("scope_products")?, ".product", |product| {
        let fits = |text: Option<String>| text.is_some_and(|text| text.to_ascii_lowercase().contains(&wanted));
        let whole = fits(find::<Element>(product, ".product-name")?.text_content());
        let mut any = whole;
        for_each(product, ".pick", |pick| {
            let shown = whole || fits(find::<Element>(pick, ".pick-name")?.text_content());
            any |= shown;
            show(pick.unchecked_ref::<HtmlElement>(), shown);
            Ok(())
        })?;
        show(product.unchecked_ref::<HtmlElement>(), any);
        product
            .unchecked_ref::<HtmlDetailsElement>()
            .set_open(any && !wanted.is_empty());
        Ok(())
    })
}
