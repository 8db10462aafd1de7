//! The background worker: the one writer of storage, and the only place where flows run.
//!
//! Events queue up and are taken one after the other; the effects of one are done before the next is looked at. Only
//! the answer of the token endpoint is waited for beside the queue.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

mod checks;
mod clipboard;
mod effects;
mod lock;
mod profiles;
mod restore;
mod tokens;
mod traces;
mod trash;
mod wipe;

use std::cell::RefCell;
use std::collections::VecDeque;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::diagnosis::ERROR_PAGE;
use crate::flow::trace::Recorder;
use crate::flow::{Effect, Engine, Event, FlowId, Note, Phase, Rule, StoredToken, TabId};
use crate::oauth::web_url;
use crate::plain::{Plain, Record};
use crate::vault;
use crate::view::{Command, Reply};

use super::api::{answer, api, granted, object, property, words};
use super::storage::{from_js, is_locked, local, session, take_sealing, to_js};
use super::writing::read;
use super::{clock, writing};

use checks::{Asking, Question};
use clipboard::CLIPBOARD_ALARM;
use effects::{change_rules, run_one};
use lock::LOCK_ALARM;
use profiles::{choose_format, move_profile, save, save_copy, save_settings};
use restore::restore;
use tokens::{TOKENS_ALARM, look_at_tokens, look_soon, mend_alarm, new_flow, renewal, stored_token};
use traces::write_traces;
use trash::{TRASH_ALARM, delete, empty_trash, undo_delete};

/// The page of this extension; the toolbar's popup, and the result of a flow when it stands in a tab.
const PAGE: &str = "popup.html";
/// All pages that may command the worker.
const PAGES: [&str; 2] = [PAGE, "manager.html"];

/// How long a page that has come takes to get its title.
const TITLE_AFTER_MS: i32 = 500;

/// How long what is queued may take before it is waited for no longer, and how often to look.
const WORKED_OFF_WITHIN_MS: u64 = 30_000;
const LOOK_EVERY_MS: i32 = 50;

thread_local! {
    static WORKER: RefCell<Worker> = const {
        RefCell::new(Worker {
            engine: Engine::new(),
            noted: Plain::List(Vec::new()),
            recorder: Recorder::new(),
            starting: None,
            busy: false,
            queue: VecDeque::new(),
            saving: None,
            tidying: VecDeque::new(),
            tidies: false,
            asking: Vec::new(),
            closing: false,
            wiping: false,
        })
    };
}

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
struct Worker {
    engine: Engine,
    /// The engine's notes as they stand in `storage.local`.
    noted: Plain,
    recorder: Recorder,
    starting: Option<Promise>,
    busy: bool,
    queue: VecDeque<Event>,
    /// Ends with the last profile that is being written.
    saving: Option<Promise>,
    /// What nothing waits for, and whether it is being done.
    tidying: VecDeque<Tidying>,
    tidies: bool,
    /// Questions about tokens under way.
    asking: Vec<Asking>,
    /// Whether storage is locked as soon as what was posted has been answered.
    closing: bool,
    /// Whether everything is being deleted.
    wiping: bool,
}

fn with<T>(use_worker: impl FnOnce(&mut Worker) -> T) -> T {
    WORKER.with(|worker| use_worker(&mut worker.borrow_mut()))
}

/// Takes a browser event that `background.js` listens to. `arguments` are the listener's own.
#[wasm_bindgen]
pub async fn handle(event: String, arguments: Array) -> Result<JsValue, JsValue> {
    let argument = arguments.get(0);
    let taken = match event.as_str() {
        "notifications.onClicked" => {
            tokens::reminder_clicked(&argument.as_string().unwrap_or_default()).await?;
            return Ok(JsValue::UNDEFINED);
        }
        "runtime.onMessage" => return message(argument, &arguments.get(1)).await,
        "webRequest.onErrorOccurred" => request_failed(&argument),
        "webRequest.onHeadersReceived" => redirected(&argument),
        "webRequest.onCompleted" => page_shown(&argument).await,
        "tabs.onRemoved" => tab_id(&argument).map(Event::TabRemoved),
        "permissions.onAdded" | "permissions.onRemoved" => Some(permissions_changed().await?),
        "online" => Some(Event::Online),
        // `start`, `alarms.onAlarm`, `runtime.onStartup` and `runtime.onInstalled`: whatever is due is done.
        _ => Some(Event::Tick),
    };
    if let Some(taken) = taken {
        dispatch(taken).await;
    }
    if with(|worker| worker.wiping) {
        return Ok(JsValue::UNDEFINED);
    }
    if event.starts_with("idle.") {
        lock::screen_changed(&argument).await?;
        return Ok(JsValue::UNDEFINED);
    }
    // Not every browser keeps alarms when it ends.
    let alarm = (event == "alarms.onAlarm")
        .then(|| property(&argument, "name").as_string())
        .flatten();
    if alarm.as_deref() == Some(LOCK_ALARM) {
        lock::lock().await?;
    }
    if alarm.as_deref() == Some(CLIPBOARD_ALARM) {
        clipboard::clear().await?;
    }
    let allowed = event == "permissions.onAdded";
    let again = event == "online" && with(|worker| worker.engine.waits_for_network());
    if allowed || again || event.starts_with("runtime.") || alarm.as_deref() == Some(TOKENS_ALARM) {
        look_at_tokens().await?;
    }
    if is_locked() {
        return Ok(JsValue::UNDEFINED);
    }
    // Nobody can undo after a start of the browser: the page that offers it is gone.
    if event.starts_with("runtime.") || alarm.as_deref() == Some(TRASH_ALARM) {
        empty_trash().await?;
    }
    if allowed || alarm.as_deref().is_some_and(vault::is_check_key) {
        checks::ask_soon();
    }
    if event == "runtime.onInstalled" && property(&argument, "reason").as_string().as_deref() == Some("install") {
        let page = object([("url", api().runtime().get_url(PAGE).into())]);
        answer(api().tabs().create(&page)).await?;
    }
    Ok(JsValue::UNDEFINED)
}

fn request_failed(details: &JsValue) -> Option<Event> {
    let url = web_url::told(&property(details, "url").as_string()?)?;
    let tab = tab_id(&property(details, "tabId"))?;
    Some(Event::RequestFailed { url, tab })
}

/// Only the worker's own requests have no tab.
fn redirected(details: &JsValue) -> Option<Event> {
    let own = tab_id(&property(details, "tabId")).is_some_and(|tab| tab.0 < 0);
    let redirects = property(details, "statusCode")
        .as_f64()
        .is_some_and(|status| (300.0..400.0).contains(&status));
    if !own || !redirects {
        return None;
    }
    let from = web_url::told(&property(details, "url").as_string()?)?;
    let headers: Array = property(details, "responseHeaders").dyn_into().ok()?;
    let location = headers.iter().find(|header| {
        let name = property(header, "name").as_string();
        name.is_some_and(|name| name.eq_ignore_ascii_case("location"))
    });
    let to = from.join(&property(&location?, "value").as_string()?).ok()?;
    Some(Event::Redirected { from, to })
}

/// A page of the authorization endpoint that stands in a tab: an error by its status or by its title.
async fn page_shown(details: &JsValue) -> Option<Event> {
    let url = web_url::told(&property(details, "url").as_string()?)?;
    let tab = tab_id(&property(details, "tabId"))?;
    let failed = property(details, "statusCode")
        .as_f64()
        .is_some_and(|status| status >= 400.0);
    if !failed {
        // The title comes with the document, a moment after the answer.
        clock::pause(TITLE_AFTER_MS).await;
        let shown = answer(api().tabs().get(tab.0)).await.ok()?;
        let title = property(&shown, "title").as_string()?;
        if !title.contains(ERROR_PAGE) {
            return None;
        }
    }
    Some(Event::PageShown { url, tab })
}

fn tab_id(value: &JsValue) -> Option<TabId> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "tab ids are 32-bit integers in both browsers"
    )]
    value.as_f64().map(|id| TabId(id as i32))
}

/// Only our own pages may speak to the worker.
fn is_our_page(sender: &JsValue) -> bool {
    let runtime = api().runtime();
    let Some(url) = property(sender, "url").as_string() else {
        return false;
    };
    let is = |page: &str| {
        url.strip_prefix(&runtime.get_url(page))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '?']))
    };
    property(sender, "id").as_string() == Some(runtime.id()) && PAGES.into_iter().any(is)
}

async fn message(message: JsValue, sender: &JsValue) -> Result<JsValue, JsValue> {
    let reply = if is_our_page(sender) {
        match from_js(&message).map(|plain| Command::from_plain(&plain)) {
            Ok(Ok(command)) => command_reply(command).await,
            Ok(Err(unfit)) => Err(JsValue::from_str(&unfit.to_string())),
            Err(error) => Err(error),
        }
    } else {
        Err(JsValue::from_str("refused: not a page of this extension"))
    };
    to_js(
        &reply
            .unwrap_or_else(|error| Reply::Failed { message: words(&error) })
            .to_plain(),
    )
}

async fn command_reply(command: Command) -> Result<Reply, JsValue> {
    // What is damaged may be what the start reads.
    if !matches!(command, Command::Heal) {
        start().await?;
        if with(|worker| worker.wiping) {
            return Err(js_sys::Error::new("everything is being deleted").into());
        }
    }
    if let Some(done) = lock::command(&command).await {
        return done.map(|()| Reply::Done);
    }
    if let Some(done) = beside(&command).await {
        return done.map(|()| Reply::Done);
    }
    let mut reply = Reply::Done;
    let mut authorized = None;
    let event = match command {
        Command::SaveProfile { id, draft, authorize } => {
            reply = save(id, *draft).await?;
            if let (Reply::Saved { profile }, true) = (&reply, authorize) {
                authorized = Some(profile.clone());
            }
            None
        }
        Command::DuplicateProfile { profile } => {
            reply = save_copy(&profile).await?;
            None
        }
        Command::DeleteProfile { profile } => {
            delete(&profile).await?;
            Some(Event::ProfileDeleted {
                profile,
                for_good: false,
            })
        }
        Command::SaveSettings { settings } => {
            reply = save_settings(settings).await?;
            None
        }
        Command::Restore { profiles, settings } => {
            restore(profiles, settings).await?;
            None
        }
        Command::Authorize { profile } => {
            authorized = Some(profile);
            None
        }
        Command::Renew { profile } if with(|worker| worker.engine.unstored_of(&profile).is_some()) => {
            tokens::store_again(profile).await?;
            None
        }
        Command::Renew { profile } => renewal(&profile).await?.map(|new| Event::Renew(Box::new(new))),
        Command::TestToken { profile } => {
            checks::ask(profile, Question::Test).await?;
            None
        }
        Command::TryAgain { profile } => {
            checks::ask(profile, Question::Again).await?;
            None
        }
        Command::Revoke { profile } => {
            checks::ask(profile, Question::Revoke).await?;
            None
        }
        Command::ChooseFormat { profile, format } => {
            choose_format(&profile, format).await?;
            None
        }
        Command::PermissionAnswered { profile, granted } => Some(permission_answered(profile, granted).await?),
        Command::MoveProfile { .. }
        | Command::UndoDelete { .. }
        | Command::RemoveToken { .. }
        | Command::ClearTraces { .. }
        | Command::Copied { .. }
        | Command::Wipe { .. }
        | Command::WipeSeen
        | Command::SetPassphrase { .. }
        | Command::RemovePassphrase { .. }
        | Command::Unlock { .. }
        | Command::Lock
        | Command::StartOver
        | Command::Heal
        | Command::Understood => None,
        Command::Look => Some(Event::Tick),
        Command::Cancel { flow } => Some(Event::Cancel(FlowId(flow))),
        Command::Dismiss { profile } => Some(Event::Dismiss(profile)),
    };
    let event = match authorized {
        Some(profile) => {
            let new = new_flow(&profile, None).await?;
            Some(Event::Authorize(Box::new(new)))
        }
        None => event,
    };
    if let Some(event) = event {
        dispatch(event).await;
    }
    Ok(reply)
}

/// The page may be gone before it can say so; then `permissions.onAdded` does.
async fn permission_answered(profile: String, granted: bool) -> Result<Event, JsValue> {
    if granted {
        checks::ask_soon();
        return permissions_changed().await;
    }
    checks::ask(profile.clone(), Question::Refused).await?;
    Ok(Event::PermissionRefused(profile))
}

/// Does what the engine need not know of.
async fn beside(command: &Command) -> Option<Result<(), JsValue>> {
    Some(match command {
        Command::MoveProfile { profile, before } => move_profile(profile, before.as_deref()).await,
        Command::UndoDelete { profile } => undo_delete(profile).await,
        Command::RemoveToken { profile } => checks::remove_token(profile).await,
        Command::ClearTraces { profile } => traces::clear(profile).await,
        Command::Copied { text } => clipboard::copied(text).await,
        Command::Wipe { access } => wipe::begin(*access).await,
        Command::WipeSeen => wipe::seen().await,
        _ => return None,
    })
}

async fn permissions_changed() -> Result<Event, JsValue> {
    start().await?;
    let granted = granted_flows().await?;
    Ok(Event::PermissionsChanged { granted })
}

/// Loads the engine in a new worker instance, once, before anything else is done.
fn start() -> JsFuture {
    let starting = with(|worker| {
        let load = || {
            future_to_promise(async {
                let loaded = load().await;
                if loaded.is_err() {
                    // The next event tries again.
                    with(|worker| worker.starting = None);
                }
                loaded.map(|()| JsValue::UNDEFINED)
            })
        };
        worker.starting.get_or_insert_with(load).clone()
    });
    JsFuture::from(starting)
}

/// Reads what the last instance left, and lets the engine put it right.
async fn load() -> Result<(), JsValue> {
    writing::look_through().await?;
    let records = read(&session(), &vault::SESSION_KEYS).await?;
    let open = read(&local(), &[vault::VAULT_KEY, vault::NOTES_KEY, vault::UNSETTLED_KEY]).await?;
    let vault = take_sealing(&records, &open)?;
    let engine: Option<Engine> = records.get(vault::ENGINE_KEY)?;
    // Notes that can't be read are written anew by the next flow.
    let noted = open.plain(vault::NOTES_KEY).ok().flatten();
    let noted = noted.unwrap_or(Plain::List(Vec::new()));
    let lost: Option<Vec<Note>> = match engine {
        None => Record::from_plain(&noted).ok(),
        Some(_) => None,
    };
    let engine = engine.unwrap_or_default();
    let exchanging: Vec<(FlowId, String)> = engine
        .flows
        .iter()
        .filter(|flow| matches!(flow.phase, Phase::Exchanging | Phase::Refreshing { .. }))
        .map(|flow| (flow.id.clone(), vault::token_key(flow.profile())))
        .collect();
    let keys: Vec<&str> = exchanging.iter().map(|(_, key)| key.as_str()).collect();
    let tokens = read(&local(), &keys).await?;
    let mut stored = Vec::new();
    for (id, key) in &exchanging {
        // Nothing was stored while everything was locked.
        let locked = is_locked();
        let token = if locked { None } else { tokens.get::<StoredToken>(key)? };
        if token.is_some_and(|token| token.flow == *id) {
            stored.push(id.clone());
        }
    }
    let rules = api().declarative_net_request();
    let lasting = rules.get_dynamic_rules();
    let rules: Array = answer(rules.get_session_rules()).await?.unchecked_into();
    let lasting: Array = answer(lasting).await?.unchecked_into();
    let rules = rules.concat(&lasting);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rule ids are ours: small and positive"
    )]
    let mut rules: Vec<u32> = rules
        .iter()
        .filter_map(|rule| property(&rule, "id").as_f64())
        .map(|id| id as u32)
        .collect();
    let before = rules.len();
    rules.retain(|id| *id != Rule::ANCHOR);
    if rules.len() == before {
        // Without it everything works but what follows a crash.
        let _ = answer(change_rules(&[Rule::ANCHOR], vec![Rule::anchor()])).await;
    }
    with(|worker| {
        worker.engine = engine;
        worker.noted = noted;
        worker.closing = vault.closing;
    });
    let event = Event::WorkerStarted {
        stored,
        granted: granted_flows().await?,
        rules,
    };
    let missed = missed_in_tabs().await;
    with(|worker| {
        for event in missed.into_iter().rev() {
            worker.queue.push_front(event);
        }
        worker.queue.push_front(event);
        if let Some(notes) = lost {
            worker.queue.push_front(Event::SessionLost { notes });
        }
    });
    mend_alarm();
    lock::mend_alarm(&vault);
    clipboard::mend();
    if open.holds(vault::UNSETTLED_KEY) {
        lock::settle_left();
    }
    if let Some(wipe) = wipe::left().await? {
        with(|worker| worker.wiping = true);
        wipe::go_on(wipe);
    }
    Ok(())
}

/// For each flow: whether its hosts are all granted.
async fn granted_flows() -> Result<Vec<(FlowId, bool)>, JsValue> {
    let flows: Vec<(FlowId, Vec<String>)> = with(|worker| {
        worker
            .engine
            .flows
            .iter()
            .map(|flow| (flow.id.clone(), flow.hosts()))
            .collect()
    });
    let mut answers = Vec::new();
    for (id, hosts) in flows {
        answers.push((id, granted(&hosts).await?.is_truthy()));
    }
    Ok(answers)
}

/// What the last instance died with in its hands: the tab of a flow still stands at the redirect URI, or is gone.
async fn missed_in_tabs() -> Vec<Event> {
    let waiting: Vec<TabId> = with(|worker| {
        let phases = worker.engine.flows.iter().map(|flow| &flow.phase);
        let tabs = phases.filter_map(|phase| match phase {
            Phase::AwaitingRedirect { tab, navigated: true } => Some(*tab),
            _ => None,
        });
        tabs.collect()
    });
    let mut missed = Vec::new();
    for tab in waiting {
        match answer(api().tabs().get(tab.0)).await {
            // Any other address is nobody's callback, and changes nothing.
            Ok(shown) => missed.extend(
                property(&shown, "url")
                    .as_string()
                    .and_then(|url| web_url::told(&url))
                    .map(|url| Event::RequestFailed { url, tab }),
            ),
            Err(_) => missed.push(Event::TabRemoved(tab)),
        }
    }
    missed
}

/// Hands an event to the engine.
async fn dispatch(event: Event) {
    match start().await {
        Ok(_) => {
            with(|worker| worker.queue.push_back(event));
            drain().await;
        }
        Err(error) => web_sys::console::error_2(&"Tokenkeep could not start".into(), &words(&error).into()),
    }
}

/// The same, and waits until all that was queued is done, for what must not come before it. Not for effects, which it would
/// wait for itself.
async fn work_off(event: Event) {
    dispatch(event).await;
    wait_while(WORKED_OFF_WITHIN_MS, || with(|worker| worker.busy)).await;
}

/// Waits as long as something is so, but no longer than this.
async fn wait_while(milliseconds: u64, is_so: impl Fn() -> bool) {
    let until_ms = clock::now_ms() + milliseconds;
    while is_so() && clock::now_ms() < until_ms {
        clock::pause(LOOK_EVERY_MS).await;
    }
}

/// Takes the queue's events, one after the other. A second call while one runs leaves them to the first.
async fn drain() {
    if with(|worker| std::mem::replace(&mut worker.busy, true)) {
        return;
    }
    while let Some(mut event) = with(|worker| worker.queue.pop_front()) {
        // Since it was asked for, a flow that was before it in the queue may have stored another token.
        if let Event::Renew(new) = &mut event
            && let Ok(stored) = stored_token(&new.snapshot.profile.id).await
        {
            let Some(stored) = stored else { continue };
            new.snapshot.profile.scopes = stored.token.scope_requested.clone();
            new.renews = Some(stored);
        }
        // What was asked for before the lock and comes after it would be stored nowhere.
        let begins = matches!(event, Event::Authorize(_) | Event::Renew(_));
        if begins && (is_locked() || with(|worker| worker.closing)) {
            continue;
        }
        let (effects, turned) = with(|worker| {
            let now_ms = clock::now_ms();
            let before = worker.engine.unstored().len();
            worker.recorder.before(&worker.engine, now_ms, &event);
            let effects = worker.engine.step(now_ms, event);
            worker.recorder.after(&worker.engine, now_ms, &effects);
            (effects, worker.engine.unstored().len() != before)
        });
        let results = run(effects).await;
        let refused = results
            .iter()
            .any(|result| matches!(result, Event::EffectFailed { .. }));
        let ends = with(|worker| {
            for result in results.into_iter().rev() {
                worker.queue.push_front(result);
            }
            let ends = worker.closing || worker.wiping;
            // A token that was refused does not wait in the session while everything is being locked or deleted.
            if refused && ends {
                worker.queue.push_back(Event::Lock);
            }
            ends
        });
        if turned && !ends {
            // The icon says it.
            look_soon();
        }
    }
    with(|worker| worker.busy = false);
    tidy(Tidying::Traces);
    if with(|worker| worker.closing) {
        lock::finish_soon();
    }
}

/// Runs effects in order. When the browser refuses one that a flow can't do without, the rest of that flow's are dropped.
async fn run(mut effects: Vec<Effect>) -> Vec<Event> {
    let mut results = Vec::new();
    let mut asked = Vec::new();
    while !effects.is_empty() {
        let effect = effects.remove(0);
        if tidies(&effect) {
            tidy(Tidying::Effect(effect));
            continue;
        }
        let persist = matches!(effect, Effect::Persist);
        if persist {
            // A question changes nothing: the browser may look for its answer while it writes.
            asked = effects.iter().filter_map(question).collect();
        }
        let own = effect.failure().map(|(flow, what)| (flow.clone(), what));
        let begun = match &effect {
            Effect::CheckPermission { flow, .. } => asked.iter().position(|(other, _)| other == flow),
            _ => None,
        };
        let begun = begun.map(|place| asked.swap_remove(place).1);
        match run_one(effect, begun).await {
            Ok(result) => results.extend(result),
            Err(error) => {
                let message = words(&error);
                web_sys::console::warn_2(&"an effect was refused:".into(), &message.as_str().into());
                for (flow, what) in with(|worker| worker.engine.refused(own, persist, &mut effects)) {
                    let message = message.clone();
                    results.push(Event::EffectFailed { flow, what, message });
                }
            }
        }
    }
    results
}

fn question(effect: &Effect) -> Option<(FlowId, JsFuture)> {
    match effect {
        Effect::CheckPermission { flow, hosts } => Some((flow.clone(), granted(hosts))),
        _ => None,
    }
}

/// Effects that nothing waits for: the next event need not, but they keep their order among themselves.
fn tidies(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::ShowResult { .. } | Effect::CloseTab(_) | Effect::RemoveRules(_) | Effect::SetAlarm(_)
    )
}

/// What nothing waits for.
enum Tidying {
    Effect(Effect),
    /// Write the traces, when no token is on its way.
    Traces,
}

fn tidy(what: Tidying) {
    let idle = with(|worker| {
        worker.tidying.push_back(what);
        !std::mem::replace(&mut worker.tidies, true)
    });
    if idle {
        spawn_local(async {
            while let Some(what) = with(|worker| worker.tidying.pop_front()) {
                let done = match what {
                    Tidying::Effect(effect) => run_one(effect, None).await.map(|_| ()),
                    Tidying::Traces => write_traces().await,
                };
                if let Err(error) = done {
                    web_sys::console::warn_2(&"an effect was refused:".into(), &words(&error).into());
                }
            }
            with(|worker| worker.tidies = false);
        });
    }
}
