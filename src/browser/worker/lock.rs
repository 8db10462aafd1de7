//! Storage under a passphrase: set, changed, removed, opened and locked.

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

use crate::flow::Event;
use crate::flow::trace::Recorder;
use crate::plain::Record as _;
use crate::profile::Settings;
use crate::vault::lock::{EncodedKey, OpenKey, VaultRecord, sealing};
use crate::vault::stored::Sealing;
use crate::vault::{self, is_check_key};
use crate::view::Command;

use super::super::api::{answer, api, property, strings, words};
use super::super::storage::{Vault, is_locked, local, session, set_sealing, take_sealing, write};
use super::super::writing::{read, seal_anew, store};
use super::super::{clock, writing};
use super::clipboard::clear_soon;
use super::effects::set_alarm;
use super::profiles::Turn;
use super::tokens::{look_soon, look_while_locked, waiting};
use super::{dispatch, start, wipe, with};

/// The browser may take a while to close what a worker that was stopped had opened, and the copy can't be deleted before.
const SETTLE_MS: [i32; 4] = [0, 1_000, 10_000, 60_000];

/// The alarm that locks what was not used for a while.
pub(super) const LOCK_ALARM: &str = "lock";

/// Which vault there is now.
async fn vault_now() -> Result<Vault, JsValue> {
    let records = read(&session(), &vault::SESSION_KEYS).await?;
    take_sealing(&records, &read(&local(), &[vault::VAULT_KEY]).await?)
}

/// Two pages at once: the other one was faster.
fn changed() -> JsValue {
    js_sys::Error::new("the passphrase was changed meanwhile").into()
}

/// Puts the data key where every new instance and every page finds it.
async fn keep(open: &OpenKey) -> Result<(), JsValue> {
    answer(write(&session(), &[(vault::OPEN_KEY, open.to_plain())])).await?;
    Ok(())
}

/// Does what is about the lock; while it is locked, nothing else is done.
pub(super) async fn command(command: &Command) -> Option<Result<(), JsValue>> {
    Some(match command {
        Command::SetPassphrase { before, header, key } => set_passphrase(before, header, key).await,
        Command::RemovePassphrase { before } => remove_passphrase(before).await,
        Command::Unlock { header, key } => unlock(header, key).await,
        Command::StartOver => start_over().await,
        Command::Lock => lock().await,
        Command::Heal => writing::heal().await,
        _ if is_locked() || with(|worker| worker.closing) => Err(js_sys::Error::new("Tokenkeep is locked").into()),
        _ => {
            used();
            if matches!(command, Command::Understood) {
                let _turn = Turn::wait().await;
                writing::understood().await
            } else {
                return None;
            }
        }
    })
}

/// Seals everything under another data key; `before` is the header that the page saw.
async fn set_passphrase(before: &str, header: &str, key: &EncodedKey) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let now = vault_now().await?;
    if now.header != before || now.locked {
        return Err(changed());
    }
    let vault = VaultRecord {
        header: header.to_owned(),
    };
    let open = OpenKey {
        header: vault.header.clone(),
        key: key.clone(),
        closing: false,
    };
    let sealed = seal_anew(&vault, Some(&open)).await?;
    keep(&open).await?;
    settled(sealed.settle().await);
    used();
    Ok(())
}

/// Seals nothing any more.
async fn remove_passphrase(before: &str) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let now = vault_now().await?;
    if now.header != before || now.locked {
        return Err(changed());
    }
    let sealed = seal_anew(&VaultRecord::new(&[]), None).await?;
    answer(session().remove(&strings([vault::OPEN_KEY].iter()))).await?;
    settled(sealed.settle().await);
    answer(set_alarm(LOCK_ALARM, None)).await?;
    Ok(())
}

/// Storage is written whether it was made anew or not; where it was not, it is tried again, and by the next worker as well.
fn settled(made: Result<(), JsValue>) {
    if let Err(error) = made {
        warn_not_anew(&error);
        settle_after(&SETTLE_MS[1..]);
    }
}

/// Goes on where a worker sealed everything anew and left the old texts in the files.
pub(super) fn settle_left() {
    settle_after(&SETTLE_MS);
}

fn settle_after(pauses: &'static [i32]) {
    spawn_local(async move {
        for milliseconds in pauses {
            clock::pause(*milliseconds).await;
            let _turn = Turn::wait().await;
            match writing::settle_left().await {
                Ok(()) => return,
                Err(error) => warn_not_anew(&error),
            }
        }
    });
}

fn warn_not_anew(error: &JsValue) {
    web_sys::console::warn_2(&"storage could not be made anew:".into(), &words(error).into());
}

/// Opens what is sealed; the page has derived the key and seen that it fits.
async fn unlock(header: &str, key: &EncodedKey) -> Result<(), JsValue> {
    // What was posted before it was locked has its answer first.
    finish().await?;
    let now = vault_now().await?;
    if now.header != header {
        return Err(changed());
    }
    if !now.locked {
        return Ok(());
    }
    let open = OpenKey {
        header: header.to_owned(),
        key: key.clone(),
        closing: false,
    };
    let vault = VaultRecord {
        header: open.header.clone(),
    };
    set_sealing(sealing(Some(&vault), Some(&open)));
    with(|worker| worker.closing = false);
    keep(&open).await?;
    used();
    look_soon();
    Ok(())
}

/// Locks what is sealed: nothing that can be read stays in storage, in the session or in a page. What was posted is waited for;
/// its answer is sealed like everything else.
pub(super) async fn lock() -> Result<(), JsValue> {
    start().await?;
    if with(|worker| worker.wiping) {
        return Ok(());
    }
    if is_locked() || with(|worker| worker.closing) {
        return finish().await;
    }
    let records = read(&session(), &vault::SESSION_KEYS).await?;
    let Some(open) = records.get::<OpenKey>(vault::OPEN_KEY)? else {
        return Ok(());
    };
    with(|worker| worker.closing = true);
    // First: the pages go at once, and a worker that dies over the rest goes on with it.
    keep(&OpenKey { closing: true, ..open }).await?;
    clear_soon();
    // The last time that storage can take what it refused before.
    let unstored = with(|worker| worker.engine.unstored());
    for profile in unstored {
        dispatch(Event::StoreAgain(profile)).await;
    }
    dispatch(Event::Lock).await;
    finish().await
}

/// Locks when nothing is on its way any more; a failure is told where the next instance tries again.
pub(super) fn finish_soon() {
    spawn_local(async {
        if let Err(error) = finish().await {
            web_sys::console::warn_2(&"the storage could not be locked:".into(), &words(&error).into());
        }
    });
}

async fn finish() -> Result<(), JsValue> {
    let on_its_way = |worker: &mut super::Worker| {
        !worker.closing || worker.busy || !worker.engine.flows.is_empty() || !worker.asking.is_empty()
    };
    if with(on_its_way) {
        return Ok(());
    }
    let _turn = Turn::wait().await;
    if with(on_its_way) {
        return Ok(());
    }
    // Storage that is full or damaged does not keep the key from going.
    if let Err(error) = note_waiting().await {
        web_sys::console::warn_2(&"what waits could not be noted:".into(), &words(&error).into());
    }
    with(|worker| {
        worker.recorder = Recorder::new();
        worker.engine.ended.clear();
    });
    // What is left of the engine keeps living codes blocked.
    let engine = with(|worker| worker.engine.to_plain());
    answer(write(&session(), &[(vault::ENGINE_KEY, engine)])).await?;
    answer(session().remove(&strings([vault::OPEN_KEY].iter()))).await?;
    set_sealing(Sealing::Locked);
    // Until now it kept flows from beginning; from now on the lock does.
    with(|worker| worker.closing = false);
    let alarms: Array = answer(api().alarms().get_all()).await?.unchecked_into();
    for alarm in alarms {
        let name = property(&alarm, "name").as_string().unwrap_or_default();
        if is_check_key(&name) || name == LOCK_ALARM {
            answer(set_alarm(&name, None)).await?;
        }
    }
    look_while_locked().await
}

/// The renewals that come due, for the time until it is opened.
async fn note_waiting() -> Result<(), JsValue> {
    store(&[(vault::WAITING_KEY, waiting().await?.to_plain())]).await
}

/// Deletes everything, where nobody can open it.
async fn start_over() -> Result<(), JsValue> {
    if !is_locked() {
        return Err(js_sys::Error::new("it is not locked").into());
    }
    wipe::begin(false).await
}

/// Somebody used it: the time until it locks itself begins anew.
fn used() {
    spawn_local(async {
        let set = async {
            let records = read(&local(), &[vault::VAULT_KEY, vault::SETTINGS_KEY]).await?;
            let vault: Option<VaultRecord> = records.get(vault::VAULT_KEY)?;
            if is_locked() || vault.is_none_or(|vault| vault.header.is_empty()) {
                return Ok(());
            }
            let settings = records.get::<Settings>(vault::SETTINGS_KEY)?;
            let after_ms = settings.unwrap_or_default().lock_after_ms();
            let at_ms = after_ms.map(|after_ms| clock::now_ms() + after_ms);
            answer(set_alarm(LOCK_ALARM, at_ms)).await.map(|_| ())
        };
        let set: Result<(), JsValue> = set.await;
        if let Err(error) = set {
            web_sys::console::warn_2(
                &"the time until it locks could not be set:".into(),
                &words(&error).into(),
            );
        }
    });
}

/// Sets the alarm again where it was lost.
pub(super) fn mend_alarm(vault: &Vault) {
    if vault.header.is_empty() || vault.locked {
        return;
    }
    spawn_local(async {
        if let Ok(alarm) = answer(api().alarms().get(LOCK_ALARM)).await
            && alarm.is_undefined()
        {
            used();
        }
    });
}

/// The screen was locked, or the person came back.
pub(super) async fn screen_changed(state: &JsValue) -> Result<(), JsValue> {
    if state.as_string().as_deref() != Some("locked") {
        return Ok(());
    }
    let settings = read(&local(), &[vault::SETTINGS_KEY])
        .await?
        .get::<Settings>(vault::SETTINGS_KEY)?;
    if settings.is_some_and(|settings| settings.lock_with_screen) {
        lock().await?;
    }
    Ok(())
}
