//! The document, by id and class. Text goes in as `textContent` only.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, Event, HtmlElement, HtmlTemplateElement};

/// The page's document.
pub(super) fn document() -> Result<Document, JsValue> {
    web_sys::window()
        .and_then(|window| window.document())
        .ok_or_else(|| missing("document"))
}

fn missing(what: &str) -> JsValue {
    js_sys::Error::new(&["the page has no ", what].concat()).into()
}

/// The element with this id.
pub(super) fn by_id<T: JsCast>(id: &str) -> Result<T, JsValue> {
    cast(document()?.get_element_by_id(id), id)
}

fn cast<T: JsCast>(element: Option<Element>, what: &str) -> Result<T, JsValue> {
    match element.map(JsCast::dyn_into) {
        Some(Ok(element)) => Ok(element),
        _ => Err(missing(what)),
    }
}

/// The first element below `root` that a selector names.
pub(super) fn find<T: JsCast>(root: &Element, selector: &str) -> Result<T, JsValue> {
    cast(root.query_selector(selector)?, selector)
}

/// Calls `each` for every element below `root` that a selector names.
pub(super) fn for_each(
    root: &Element,
    selector: &str,
    mut each: impl FnMut(&Element) -> Result<(), JsValue>,
) -> Result<(), JsValue> {
    let nodes = root.query_selector_all(selector)?;
    for index in 0..nodes.length() {
        if let Some(element) = nodes.get(index).and_then(|node| node.dyn_into::<Element>().ok()) {
            each(&element)?;
        }
    }
    Ok(())
}

/// Sets the text of an element; one that is right already is left alone, so that nothing is read out twice.
pub(super) fn set_text(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// The same, for the first element below `root` that a selector names.
pub(super) fn set_text_in(root: &Element, selector: &str, text: &str) -> Result<(), JsValue> {
    set_text(&find::<Element>(root, selector)?, text);
    Ok(())
}

/// Sets an attribute, if it is not so already.
pub(super) fn set_attribute(element: &Element, name: &str, value: &str) -> Result<(), JsValue> {
    if element.get_attribute(name).as_deref() == Some(value) {
        return Ok(());
    }
    element.set_attribute(name, value)
}

/// Shows or hides an element.
pub(super) fn show(element: &HtmlElement, visible: bool) {
    if element.hidden() == visible {
        element.set_hidden(!visible);
    }
}

/// The same, for the first element below `root` that a selector names.
pub(super) fn show_in(root: &Element, selector: &str, visible: bool) -> Result<(), JsValue> {
    show(&find::<HtmlElement>(root, selector)?, visible);
    Ok(())
}

/// A copy of a template's first element.
pub(super) fn from_template(id: &str) -> Result<Element, JsValue> {
    let template: HtmlTemplateElement = by_id(id)?;
    let copy = document()?.import_node_with_deep(&template.content(), true)?;
    copy.unchecked_ref::<web_sys::DocumentFragment>()
        .first_element_child()
        .ok_or_else(|| missing(id))
}

/// The children of a list, made this many with copies of a template.
pub(super) fn children(list: &Element, count: usize, template: &str) -> Result<Vec<Element>, JsValue> {
    while list.child_element_count() as usize > count {
        list.last_element_child().ok_or_else(|| missing("child"))?.remove();
    }
    while (list.child_element_count() as usize) < count {
        let child = from_template(template)?;
        list.append_child(&child)?;
    }
    let children = list.children();
    Ok((0..children.length())
        .filter_map(|index| children.item(index))
        .collect())
}

/// Listens for as long as the page lives.
pub(super) fn listen(
    target: &web_sys::EventTarget,
    event: &str,
    callback: impl FnMut(Event) + 'static,
) -> Result<(), JsValue> {
    let callback = Closure::<dyn FnMut(Event)>::new(callback);
    target.add_event_listener_with_callback(event, callback.as_ref().unchecked_ref())?;
    callback.forget();
    Ok(())
}

/// Calls back once, after this many milliseconds.
pub(super) fn after(milliseconds: i32, callback: impl FnOnce() + 'static) {
    if let Some(window) = web_sys::window() {
        let callback = Closure::once_into_js(callback);
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(callback.unchecked_ref(), milliseconds);
    }
}

/// Calls back again and again for as long as the page lives.
pub(super) fn every(milliseconds: i32, callback: impl FnMut() + 'static) {
    if let Some(window) = web_sys::window() {
        let callback = Closure::<dyn FnMut()>::new(callback);
        let _ = window
            .set_interval_with_callback_and_timeout_and_arguments_0(callback.as_ref().unchecked_ref(), milliseconds);
        callback.forget();
    }
}
