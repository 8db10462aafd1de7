//! Deleting everything: the question before, and what became of the tokens afterwards.

use std::cell::Cell;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, EventTarget, HtmlDialogElement, HtmlInputElement};

use crate::vault::WIPE_KEY;
use crate::vault::wipe::Wipe;
use crate::view::{Command, Reply};

use super::lock::{enable, reload};
use super::{command, dom, manager, report, send, with};
use crate::browser::dom::{by_id, set_text, show};
use crate::browser::storage::{Changes, read, session};
use crate::browser::{clock, texts};

thread_local! {
    /// Whether the page waits for the end.
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Where there is no profile, nothing tells the next page which ones there were.
pub(super) fn forget() {
    let none = with(|page| page.index.entries.is_empty() && !page.vault.locked);
    let area = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
    if let (true, Some(area)) = (none, area) {
        let _ = area.clear();
    }
}

/// Loads the page anew when everything is deleted.
pub(super) fn changed(changes: &Changes) -> Result<(), JsValue> {
    let wipe: Option<Wipe> = changes.get(WIPE_KEY)?;
    if wipe.is_some_and(|wipe| wipe.done) {
        return reload();
    }
    Ok(())
}

/// Listens to the dialogs.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("wipe_open")?, "click", |_| report(ask()))?;
    dom::listen(&by_id::<EventTarget>("wipe_sure")?, "change", |_| {
        report(by_id::<HtmlInputElement>("wipe_sure").and_then(|sure| enable("wipe_go", sure.checked())));
    })?;
    dom::listen(&by_id::<EventTarget>("wipe_cancel")?, "click", |_| {
        report(by_id::<HtmlDialogElement>("wipe_dialog").map(|dialog| dialog.close()));
    })?;
    dom::listen(&by_id::<EventTarget>("wipe_go")?, "click", |_| report(go()))?;
    // By its button or by the key Escape.
    dom::listen(&by_id::<EventTarget>("wiped")?, "close", |_| {
        command(Command::WipeSeen);
        report(manager::go("profiles"));
    })?;
    dom::listen(&by_id::<EventTarget>("wiped_ok")?, "click", |_| {
        report(by_id::<HtmlDialogElement>("wiped").map(|dialog| dialog.close()));
    })
}

/// The question; nothing is ticked yet.
fn ask() -> Result<(), JsValue> {
    by_id::<HtmlInputElement>("wipe_sure")?.set_checked(false);
    enable("wipe_go", false)?;
    show(&by_id("wipe_error")?, false);
    by_id::<HtmlDialogElement>("wipe_dialog")?.show_modal()
}

fn working(works: bool) -> Result<(), JsValue> {
    show(&by_id("wipe_working")?, works);
    for id in ["wipe_sure", "wipe_access", "wipe_cancel", "wipe_go"] {
        enable(id, !works)?;
    }
    Ok(())
}

fn go() -> Result<(), JsValue> {
    let access = by_id::<HtmlInputElement>("wipe_access")?.checked();
    show(&by_id("wipe_error")?, false);
    working(true)?;
    watch();
    spawn_local(async move {
        // Where the worker was stopped over it, whoever watches finds out what became of the wish.
        if let Ok(Reply::Failed { .. }) = send(&Command::Wipe { access }).await {
            WATCHING.set(false);
            report(failed());
        }
    });
    Ok(())
}

fn failed() -> Result<(), JsValue> {
    working(false)?;
    show(&by_id("wipe_error")?, true);
    Ok(())
}

/// Wakes the worker where it was stopped, until everything is deleted; then the page is loaded anew.
fn watch() {
    WATCHING.set(true);
    spawn_local(async {
        loop {
            clock::pause(2000).await;
            if !WATCHING.get() {
                break;
            }
            spawn_local(async {
                report(look().await);
            });
        }
    });
}

async fn look() -> Result<(), JsValue> {
    // A worker that is at it refuses.
    if send(&Command::Look).await != Ok(Reply::Done) || !WATCHING.replace(false) {
        return Ok(());
    }
    let wipe: Option<Wipe> = read(&session(), &[WIPE_KEY]).await?.get(WIPE_KEY)?;
    // The last worker was stopped before it could note the wish.
    if wipe.is_none() { failed() } else { reload() }
}

/// Tells how it ended, to the page that comes first.
pub(super) async fn arrive() -> Result<(), JsValue> {
    let wipe: Option<Wipe> = read(&session(), &[WIPE_KEY]).await?.get(WIPE_KEY)?;
    let Some(wipe) = wipe else { return Ok(()) };
    if !wipe.done {
        watch();
        return Ok(());
    }
    for (id, name, count) in [
        ("wiped_revoked", "wiped_revoked", wipe.revoked),
        ("wiped_kept", "wiped_kept", wipe.kept),
    ] {
        show(&by_id(id)?, count > 0);
        set_text(&by_id::<Element>(id)?, &texts::text_with(name, &[&count.to_string()]));
    }
    show(&by_id("wiped_none")?, wipe.revoked + wipe.kept == 0);
    show(&by_id("wiped_blocking")?, wipe.blocking);
    by_id::<HtmlDialogElement>("wiped")?.show_modal()
}
