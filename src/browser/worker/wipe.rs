//! Deleting everything: the wish is written, tokens are revoked where the provider does that, and then nothing is left.
//!
//! The wish stands in `storage.local` until that is emptied and in `storage.session` from a moment before, so that a worker that is
//! stopped between any two steps goes on with the rest.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use crate::flow::trace::Recorder;
use crate::flow::{Effect, Event};
use crate::plain::{Plain, Record as _};
use crate::vault::stored::Sealing;
use crate::vault::wipe::Wipe;
use crate::vault::{self, ENGINE_KEY, WIPE_KEY};

use super::super::api::{self, answer, api, object, property, strings, words};
use super::super::clock;
use super::super::storage::{is_locked, local, read, session, set_sealing, write};
use super::super::writing::{self, store};
use super::effects::{run_one, set_alarm};
use super::profiles::Turn;
use super::tokens::look_soon;
use super::{checks, clipboard, dispatch, wait_while, with};

/// Wakes a worker that goes on.
const WIPE_ALARM: &str = "wipe";
const AGAIN_MS: u64 = 30_000;

/// How long what was posted before is waited for.
const QUIET_WITHIN_MS: u64 = 30_000;

/// How many tokens are being revoked at a time, and how long all of it may take.
const AT_ONCE: usize = 6;
const REVOKED_WITHIN_MS: i32 = 30_000;
/// How long the clipboard may take.
const CLEARED_WITHIN_MS: i32 = 5_000;

/// The permissions that the browser can take back; origins aside.
const OPTIONAL: [&str; 5] = ["notifications", "idle", "clipboardRead", "clipboardWrite", "offscreen"];

/// Notes the wish, and begins.
pub(super) async fn begin(access: bool) -> Result<(), JsValue> {
    let wipe = Wipe {
        access,
        ..Wipe::default()
    };
    with(|worker| worker.wiping = true);
    let noted = note(&wipe).await;
    if noted.is_ok() {
        go_on(wipe);
    } else {
        with(|worker| worker.wiping = false);
    }
    noted
}

async fn note(wipe: &Wipe) -> Result<(), JsValue> {
    store(&[(WIPE_KEY, wipe.to_plain())]).await
}

/// The wish that an instance of the worker left undone.
pub(super) async fn left() -> Result<Option<Wipe>, JsValue> {
    let last: Option<Wipe> = read(&session(), &[WIPE_KEY]).await?.get(WIPE_KEY)?;
    if let Some(wipe) = last.filter(|wipe| !wipe.done) {
        return Ok(Some(wipe));
    }
    read(&local(), &[WIPE_KEY]).await?.get(WIPE_KEY)
}

/// Does what is left. A failure leaves the wish, and the alarm that wakes the next instance.
pub(super) fn go_on(wipe: Wipe) {
    spawn_local(async {
        if let Err(error) = wipe_all(wipe).await {
            web_sys::console::warn_2(&"not everything could be deleted:".into(), &words(&error).into());
            // The next event begins again.
            with(|worker| worker.starting = None);
        }
    });
}

/// The person has seen how it ended.
pub(super) async fn seen() -> Result<(), JsValue> {
    answer(session().remove(&strings([WIPE_KEY].iter()))).await?;
    Ok(())
}

async fn wipe_all(mut wipe: Wipe) -> Result<(), JsValue> {
    answer(set_alarm(WIPE_ALARM, Some(clock::now_ms() + AGAIN_MS))).await?;
    // Those that storage refused go with the lock.
    let unstored = with(|worker| worker.engine.unstored());
    if !wipe.asked {
        revoke(&mut wipe, unstored).await;
    }
    // What was posted may bring one token more, which is revoked with the others.
    dispatch(Event::Lock).await;
    quiet().await;
    if !wipe.asked {
        revoke_all(&mut wipe).await;
        wipe.asked = true;
        note(&wipe).await?;
    }
    within(CLEARED_WITHIN_MS, async {
        let _ = clipboard::clear().await;
    })
    .await;
    if wipe.access {
        // A browser that keeps it is no reason to keep everything else.
        let _ = give_back(&mut wipe).await;
    }
    erase(wipe).await
}

/// Waits until no flow is under way, no question asked and no trace to be written.
async fn quiet() {
    let busy =
        || with(|worker| worker.busy || worker.tidies || !worker.engine.flows.is_empty() || !worker.asking.is_empty());
    wait_while(QUIET_WITHIN_MS, busy).await;
}

/// Goes on when it is done, or when the time is over.
async fn within(milliseconds: i32, work: impl Future<Output = ()> + 'static) {
    let work = future_to_promise(async {
        work.await;
        Ok(JsValue::UNDEFINED)
    });
    let over = future_to_promise(async move {
        clock::pause(milliseconds).await;
        Ok(JsValue::UNDEFINED)
    });
    // Neither of them rejects.
    let _ = answer(Ok(Promise::race(&Array::of2(&work, &over)))).await;
}

/// What is known of the tokens: those that nobody has asked about, how many were revoked, and how many had ended before.
#[derive(Default)]
struct Tokens {
    waiting: Vec<String>,
    revoked: u32,
    ended: u32,
}

/// Asks the provider to revoke every stored token, several at a time. What fails is told at the end and stops nothing.
async fn revoke_all(wipe: &mut Wipe) {
    // Storage that can't be read whole is deleted all the same.
    let all = answer(local().get_all(&JsValue::NULL)).await;
    let keys = keys_of(&all.unwrap_or_else(|_| Object::new().into()));
    let waiting: Vec<String> = keys
        .iter()
        .filter_map(|key| vault::profile_of_token(key).map(str::to_owned))
        .collect();
    revoke(wipe, waiting).await;
}

/// The same of the tokens of these profiles.
async fn revoke(wipe: &mut Wipe, waiting: Vec<String>) {
    let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
    let tokens = Rc::new(RefCell::new(Tokens {
        waiting,
        ..Tokens::default()
    }));
    // Nobody can read what is sealed.
    if !is_locked() {
        let all = (0..AT_ONCE).map(|_| {
            let tokens = Rc::clone(&tokens);
            JsValue::from(future_to_promise(async move {
                revoke_some(&tokens).await;
                Ok(JsValue::UNDEFINED)
            }))
        });
        let all: Array = all.collect();
        within(REVOKED_WITHIN_MS, async move {
            let _ = answer(Ok(Promise::all(&all))).await;
        })
        .await;
    }
    let mut tokens = tokens.borrow_mut();
    tokens.waiting.clear();
    wipe.revoked += tokens.revoked;
    wipe.kept += count - tokens.revoked - tokens.ended;
}

async fn revoke_some(tokens: &RefCell<Tokens>) {
    loop {
        let Some(profile) = tokens.borrow_mut().waiting.pop() else {
            break;
        };
        let done = checks::revoke_finally(&profile).await;
        let mut tokens = tokens.borrow_mut();
        match done {
            Ok(Some(true)) => tokens.revoked += 1,
            Ok(None) => tokens.ended += 1,
            _ => {}
        }
    }
}

/// Gives back what the browser granted. Blocks go by the access to their hosts: as long as a code lives, that stays.
async fn give_back(wipe: &mut Wipe) -> Result<(), JsValue> {
    let granted = answer(api().permissions().get_all()).await?;
    wipe.blocking = with(|worker| !worker.engine.guards.is_empty());
    let names: Array = property(&granted, "permissions").unchecked_into();
    let names = names.iter().filter_map(|name| name.as_string());
    let names = names.filter(|name| OPTIONAL.contains(&name.as_str()));
    let given = object([("permissions", strings(names).into())]);
    if !wipe.blocking {
        api::set(&given, "origins", &property(&granted, "origins"));
    }
    answer(api().permissions().remove(&given)).await?;
    Ok(())
}

fn keys_of(items: &JsValue) -> Vec<String> {
    let keys = Object::keys(items.unchecked_ref::<Object>());
    keys.iter().filter_map(|key| key.as_string()).collect()
}

/// Deletes everything that is stored, but for the rules that keep living codes blocked.
async fn erase(mut wipe: Wipe) -> Result<(), JsValue> {
    // A profile that is being written is written first.
    let _turn = Turn::wait().await;
    with(|worker| {
        worker.recorder = Recorder::new();
        worker.engine.flows.clear();
        worker.engine.ended.clear();
        worker.engine.notes.clear();
        worker.noted = Plain::List(Vec::new());
    });
    let engine = with(|worker| worker.engine.to_plain());
    answer(write(&session(), &[(ENGINE_KEY, engine), (WIPE_KEY, wipe.to_plain())])).await?;
    writing::clear().await?;
    set_sealing(Sealing::Off);
    let mut left = keys_of(&answer(session().get_all(&JsValue::NULL)).await?);
    left.retain(|key| ![ENGINE_KEY, WIPE_KEY].contains(&key.as_str()));
    answer(session().remove(&strings(left.iter()))).await?;
    let alarms: Array = answer(api().alarms().get_all()).await?.unchecked_into();
    for alarm in alarms {
        let name = property(&alarm, "name").as_string().unwrap_or_default();
        if name != WIPE_ALARM {
            answer(set_alarm(&name, None)).await?;
        }
    }
    with(|worker| {
        worker.wiping = false;
        worker.closing = false;
    });
    // The alarm that ends the last block.
    let deadline_ms = with(|worker| worker.engine.next_deadline_ms());
    run_one(Effect::SetAlarm(deadline_ms), None).await?;
    wipe.done = true;
    answer(write(&session(), &[(WIPE_KEY, wipe.to_plain())])).await?;
    answer(set_alarm(WIPE_ALARM, None)).await?;
    look_soon();
    Ok(())
}
