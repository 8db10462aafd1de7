//! The background worker: the one writer of storage, and the only place where flows run.
//!
//! Events queue up and are taken one after the other; the effects of one are done before the next is looked at. Only
//! the answer of the token endpoint is waited for beside the queue.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use std::cell::RefCell;
use std::collections::VecDeque;

use js_sys::{Array, Function, Object, Promise};
use url::Url;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::flow::{
    Badge, Effect, Engine, Event, FlowId, KnownToken, NewFlow, Phase, Plan, Rule, Snapshot, StoredToken, TabId,
};
use crate::oauth::secret::{CodeVerifier, State};
use crate::plain::{Plain, Record as _};
use crate::profile::{Profile, ProfileDraft, validate, validate_keeping_secret};
use crate::provider;
use crate::vault::{self, Index, SecretRecord, keeps_secret};
use crate::view::{Command, Reply};

use super::api::{self, answer, api, granted, object, property, words};
use super::storage::{from_js, local, read, session, to_js, write};
use super::{clock, entropy, fetch};

/// The alarm for whatever the engine has to give up or clear.
const DEADLINE_ALARM: &str = "deadline";
/// The alarm for the next look at the stored tokens.
const TOKENS_ALARM: &str = "tokens";

/// How long after a token was stored the tokens are looked at; a browser may take half a minute.
const LOOK_AFTER_MS: u64 = 1_000;

/// The page of this extension; the toolbar's popup, and the result of a flow when it stands in a tab.
const PAGE: &str = "popup.html";

/// The icon's colours: something is coming, something is over.
const CALM: &str = "#0b6b58";
const URGENT: &str = "#b3261e";

thread_local! {
    static WORKER: RefCell<Worker> = const {
        RefCell::new(Worker {
            engine: Engine::new(),
            starting: None,
            busy: false,
            queue: VecDeque::new(),
            saving: None,
            tidying: VecDeque::new(),
            tidies: false,
        })
    };
}

struct Worker {
    engine: Engine,
    starting: Option<Promise>,
    busy: bool,
    queue: VecDeque<Event>,
    /// Ends with the last profile that is being written.
    saving: Option<Promise>,
    /// Effects that nothing waits for, and whether they are being run.
    tidying: VecDeque<Effect>,
    tidies: bool,
}

fn with<T>(use_worker: impl FnOnce(&mut Worker) -> T) -> T {
    WORKER.with(|worker| use_worker(&mut worker.borrow_mut()))
}

/// Takes a browser event that `background.js` listens to. `arguments` are the listener's own.
#[wasm_bindgen]
pub async fn handle(event: String, arguments: Array) -> Result<JsValue, JsValue> {
    let argument = arguments.get(0);
    let taken = match event.as_str() {
        "runtime.onMessage" => return message(argument, &arguments.get(1)).await,
        "webRequest.onErrorOccurred" => request_failed(&argument),
        "tabs.onRemoved" => tab_id(&argument).map(Event::TabRemoved),
        "permissions.onAdded" | "permissions.onRemoved" => Some(permissions_changed().await?),
        // `alarms.onAlarm`, `runtime.onStartup` and `runtime.onInstalled`: whatever is due is done.
        _ => Some(Event::Tick),
    };
    if let Some(taken) = taken {
        dispatch(taken).await;
    }
    // Not every browser keeps alarms when it ends.
    let alarm = (event == "alarms.onAlarm")
        .then(|| property(&argument, "name").as_string())
        .flatten();
    if event.starts_with("runtime.") || alarm.as_deref() == Some(TOKENS_ALARM) {
        look_at_tokens().await?;
    }
    if event == "runtime.onInstalled" && property(&argument, "reason").as_string().as_deref() == Some("install") {
        let page = object([("url", api().runtime().get_url(PAGE).into())]);
        answer(api().tabs().create(&page)).await?;
    }
    Ok(JsValue::UNDEFINED)
}

fn request_failed(details: &JsValue) -> Option<Event> {
    let url = Url::parse(&property(details, "url").as_string()?).ok()?;
    let tab = tab_id(&property(details, "tabId"))?;
    Some(Event::RequestFailed { url, tab })
}

fn tab_id(value: &JsValue) -> Option<TabId> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "tab ids are 32-bit integers in both browsers"
    )]
    value.as_f64().map(|id| TabId(id as i32))
}

/// Only our own page may speak to the worker.
fn is_our_page(sender: &JsValue) -> bool {
    let runtime = api().runtime();
    let page = runtime.get_url(PAGE);
    property(sender, "id").as_string() == Some(runtime.id())
        && property(sender, "url").as_string().is_some_and(|url| {
            url.strip_prefix(&page)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '?']))
        })
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
    start().await?;
    let mut reply = Reply::Done;
    let mut authorized = None;
    let event = match command {
        Command::SaveProfile { id, draft, authorize } => {
            reply = save(id, draft).await?;
            if let (Reply::Saved { profile }, true) = (&reply, authorize) {
                authorized = Some(profile.clone());
            }
            None
        }
        Command::Authorize { profile } => {
            authorized = Some(profile);
            None
        }
        Command::Renew { profile } => renewal(&profile).await?.map(|new| Event::Renew(Box::new(new))),
        Command::ChooseFormat { profile, format } => {
            choose_format(&profile, format).await?;
            None
        }
        // The page may be gone before it can say so; then `permissions.onAdded` does.
        Command::PermissionAnswered { granted: true, .. } => Some(permissions_changed().await?),
        Command::PermissionAnswered { profile, .. } => Some(Event::PermissionRefused(profile)),
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

/// One profile is written after the other: each reads the index, adds to it and writes it back.
struct Turn(Option<Function>);

impl Turn {
    async fn wait() -> Self {
        let mut resolve = None;
        let mine = Promise::new(&mut |resolved, _| resolve = Some(resolved));
        let before = with(|worker| worker.saving.replace(mine));
        if let Some(before) = before {
            // It resolves and never rejects.
            let _ = JsFuture::from(before).await;
        }
        Self(resolve)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(resolve) = &self.0 {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Writes a profile with its secret and its place in the index, all at once.
async fn save(id: Option<String>, draft: ProfileDraft) -> Result<Reply, JsValue> {
    let _turn = Turn::wait().await;
    let (id, known) = match id {
        Some(id) => (id, true),
        None => (entropy::name()?, false),
    };
    let (profile_key, secret_key) = (vault::profile_key(&id), vault::secret_key(&id));
    let records = read(
        &local(),
        &[vault::SCHEMA_KEY, vault::INDEX_KEY, &profile_key, &secret_key],
    )
    .await?;
    vault::check_schema(records.get(vault::SCHEMA_KEY)?).map_err(|error| js_sys::Error::new(&error.to_string()))?;
    let stored: Option<Profile> = records.get(&profile_key)?;
    if known && stored.is_none() {
        return Err(js_sys::Error::new("this profile is no longer there").into());
    }
    let secret: Option<SecretRecord> = records.get(&secret_key)?;
    let keep = stored.as_ref().is_some_and(|stored| keeps_secret(stored, &draft)) && secret.is_some();
    let checked = if keep {
        validate_keeping_secret(&draft)
    } else {
        validate(&draft)
    };
    let valid = match checked {
        Ok(valid) => valid,
        Err(errors) => {
            let errors = errors
                .into_iter()
                .map(|error| (error.field.to_owned(), error.code.to_owned()))
                .collect();
            return Ok(Reply::Invalid { errors });
        }
    };
    let token_endpoint = valid.provider.token_endpoint_url();
    let created_ms = stored.as_ref().map_or_else(clock::now_ms, |profile| profile.created_ms);
    let copy_as = stored.and_then(|profile| profile.copy_as);
    let (mut profile, client_secret) = valid.into_profile(id.clone(), created_ms);
    profile.copy_as = copy_as;
    let mut index: Index = records.get(vault::INDEX_KEY)?.unwrap_or_default();
    index.put(&id, &profile.name);
    let mut written = vec![
        (vault::SCHEMA_KEY, vault::SCHEMA.to_plain()),
        (vault::INDEX_KEY, index.to_plain()),
        (profile_key.as_str(), profile.to_plain()),
    ];
    if let Some(client_secret) = client_secret {
        let record = SecretRecord::new(client_secret, &token_endpoint);
        written.push((secret_key.as_str(), record.to_plain()));
    }
    answer(write(&local(), &written)).await?;
    look_soon();
    Ok(Reply::Saved { profile: id })
}

/// Remembers a format in the profile; one that is gone is no loss.
async fn choose_format(id: &str, format: String) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let key = vault::profile_key(id);
    if let Some(mut profile) = read(&local(), &[&key]).await?.get::<Profile>(&key)? {
        profile.copy_as = Some(format);
        answer(write(&local(), &[(&key, profile.to_plain())])).await?;
    }
    Ok(())
}

/// A renewal of this profile's token; none without a token.
async fn renewal(id: &str) -> Result<Option<NewFlow>, JsValue> {
    let key = vault::token_key(id);
    match read(&local(), &[&key]).await?.get(&key)? {
        Some(token) => new_flow(id, Some(token)).await.map(Some),
        None => Ok(None),
    }
}

/// Looks at the stored tokens, when nothing else is to be done.
fn look_soon() {
    spawn_local(async {
        if let Err(error) = look_at_tokens().await {
            web_sys::console::warn_2(&"the tokens could not be looked at:".into(), &words(&error).into());
        }
    });
}

/// Renews what is due, says on the icon what needs the person, and sets the alarm for the next look.
async fn look_at_tokens() -> Result<(), JsValue> {
    start().await?;
    let head = read(&local(), &vault::HEAD_KEYS).await?;
    let index: Index = head.get(vault::INDEX_KEY)?.unwrap_or_default();
    let keys = index.entries.iter();
    let keys: Vec<String> = keys
        .flat_map(|entry| [vault::profile_key(&entry.id), vault::token_key(&entry.id)])
        .collect();
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let records = read(&local(), &all_keys).await?;
    let now_ms = clock::now_ms();
    let mut tokens = Vec::new();
    for keys in keys.chunks(2) {
        // A record that can't be read is the page's to report; it stops no other token's renewal.
        let (Ok(Some(profile)), Ok(Some(StoredToken { token, .. }))) =
            (records.get::<Profile>(&keys[0]), records.get::<StoredToken>(&keys[1]))
        else {
            continue;
        };
        let renews = profile.renew_automatically && token.living_refresh_token(now_ms).is_some();
        tokens.push(KnownToken {
            expires_ms: token.expires_ms,
            renewal_ms: token.renewal_due_ms().filter(|_| renews),
            failed_ms: with(|worker| worker.engine.renewal_failed_ms(&profile.id)),
            profile: profile.id,
        });
    }
    let plan = Plan::new(now_ms, &tokens);
    show_badge(plan.badge)?;
    answer(set_alarm(TOKENS_ALARM, plan.wake_ms)).await?;
    for profile in plan.due {
        // Nobody is there to be asked for hosts.
        if let Some(new) = renewal(&profile).await?.filter(|new| new.permitted) {
            dispatch(Event::Renew(Box::new(new))).await;
        }
    }
    Ok(())
}

fn show_badge(badge: Badge) -> Result<(), JsValue> {
    let (text, color) = match badge {
        Badge::Nothing => (String::new(), CALM),
        Badge::Days(days) => (days.to_string() + "d", CALM),
        Badge::Expired => ("!".to_owned(), URGENT),
    };
    let action = api().action();
    action.set_badge_text(&object([("text", text.into())]))?;
    action.set_badge_background_color(&object([("color", color.into())]))?;
    Ok(())
}

/// A new flow of this profile: an authorization, or the renewal of a token.
async fn new_flow(id: &str, renews: Option<StoredToken>) -> Result<NewFlow, JsValue> {
    let (profile_key, secret_key) = (vault::profile_key(id), vault::secret_key(id));
    let records = read(&local(), &[&profile_key, &secret_key]).await?;
    let gone = || js_sys::Error::new("this profile is no longer there");
    let profile: Profile = records.get(&profile_key)?.ok_or_else(gone)?;
    let provider = provider::by_id(&profile.provider).ok_or_else(gone)?;
    let secret: Option<SecretRecord> = records.get(&secret_key)?;
    let token_endpoint = provider.token_endpoint_url();
    let client_secret = secret
        .as_ref()
        .and_then(|secret| secret.for_endpoint(&token_endpoint))
        .cloned();
    let hosts = match &renews {
        Some(_) => vec![token_endpoint.host_permission()],
        None => profile.hosts(),
    };
    let permitted = granted(&hosts).await?.is_truthy();
    let snapshot = Snapshot {
        provider,
        profile,
        client_secret,
    };
    let code_verifier = if provider.pkce.is_sent() {
        Some(CodeVerifier::from_entropy(&entropy::bytes()?))
    } else {
        None
    };
    Ok(NewFlow {
        id: FlowId(entropy::name()?),
        snapshot,
        state: State::from_entropy(&entropy::bytes()?),
        code_verifier,
        renews,
        permitted,
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
    let records = read(&session(), &[vault::ENGINE_KEY]).await?;
    let engine: Engine = records.get(vault::ENGINE_KEY)?.unwrap_or_default();
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
        if tokens.get::<StoredToken>(key)?.is_some_and(|token| token.flow == *id) {
            stored.push(id.clone());
        }
    }
    let rules: Array = answer(api().declarative_net_request().get_session_rules())
        .await?
        .unchecked_into();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rule ids are ours: small and positive"
    )]
    let rules = rules
        .iter()
        .filter_map(|rule| property(&rule, "id").as_f64())
        .map(|id| id as u32)
        .collect();
    with(|worker| worker.engine = engine);
    let event = Event::WorkerStarted {
        stored,
        granted: granted_flows().await?,
        rules,
    };
    with(|worker| worker.queue.push_front(event));
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

/// Takes the queue's events, one after the other. A second call while one runs leaves them to the first.
async fn drain() {
    if with(|worker| std::mem::replace(&mut worker.busy, true)) {
        return;
    }
    while let Some(event) = with(|worker| worker.queue.pop_front()) {
        let effects = with(|worker| worker.engine.step(clock::now_ms(), event));
        let results = run(effects).await;
        with(|worker| {
            for result in results.into_iter().rev() {
                worker.queue.push_front(result);
            }
        });
    }
    with(|worker| worker.busy = false);
}

/// Runs effects in order. When the browser refuses one that a flow can't do without, the rest of that flow's are dropped.
async fn run(mut effects: Vec<Effect>) -> Vec<Event> {
    let mut results = Vec::new();
    let mut asked = Vec::new();
    while !effects.is_empty() {
        let effect = effects.remove(0);
        if tidies(&effect) {
            tidy(effect);
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

fn tidy(effect: Effect) {
    let idle = with(|worker| {
        worker.tidying.push_back(effect);
        !std::mem::replace(&mut worker.tidies, true)
    });
    if idle {
        spawn_local(async {
            while let Some(effect) = with(|worker| worker.tidying.pop_front()) {
                if let Err(error) = run_one(effect, None).await {
                    web_sys::console::warn_2(&"an effect was refused:".into(), &words(&error).into());
                }
            }
            with(|worker| worker.tidies = false);
        });
    }
}

/// Does one thing. `begun` is the answer to its question, where that was asked before.
async fn run_one(effect: Effect, begun: Option<JsFuture>) -> Result<Option<Event>, JsValue> {
    let (asked, result) = match effect {
        Effect::Persist => {
            let engine = with(|worker| worker.engine.to_plain());
            (write(&session(), &[(vault::ENGINE_KEY, engine)]), None)
        }
        Effect::OpenTab(flow) => {
            let tab = open_tab().await?;
            return Ok(Some(Event::TabOpened { flow, tab }));
        }
        Effect::AddRules { rules, .. } => (add_rules(rules), None),
        Effect::RemoveRules(ids) => {
            let ids: Array = ids.into_iter().map(JsValue::from).collect();
            let options = object([("removeRuleIds", ids.into())]);
            (api().declarative_net_request().update_session_rules(&options), None)
        }
        Effect::Navigate { flow, tab, url } => {
            let properties = object([("url", url.into())]);
            (api().tabs().update(tab.0, &properties), Some(Event::Navigated(flow)))
        }
        Effect::CheckPermission { flow, hosts } => {
            let answer = begun.unwrap_or_else(|| granted(&hosts));
            let granted = answer.await?.is_truthy();
            return Ok(Some(Event::PermissionChecked { flow, granted }));
        }
        Effect::Exchange { flow, request } => {
            spawn_local(async move {
                let answer = fetch::send(&request).await;
                dispatch(Event::TokenAnswered { flow, answer }).await;
            });
            return Ok(None);
        }
        Effect::StoreToken { profile, token } => {
            let stored = write(&local(), &[(&vault::token_key(&profile), token.to_plain())]);
            answer(stored).await?;
            // A look reads every token: with a thousand it would stand in the way of what shows this one.
            // One that the browser refuses is no failure of the token's.
            let _ = set_alarm(TOKENS_ALARM, Some(clock::now_ms() + LOOK_AFTER_MS));
            return Ok(Some(Event::TokenStored(token.flow)));
        }
        Effect::ShowResult { flow, beside } => return show_result(&flow, beside).await.map(|_| None),
        Effect::CloseTab(tab) => {
            // It may be gone already, and that is what is wanted.
            let _ = answer(api().tabs().remove(tab.0)).await;
            return Ok(None);
        }
        Effect::SetAlarm(at_ms) => (set_alarm(DEADLINE_ALARM, at_ms), None),
    };
    answer(asked).await?;
    Ok(result)
}

/// A tab at about:blank, next to the one that the person looks at.
async fn open_tab() -> Result<TabId, JsValue> {
    let properties = object([("url", "about:blank".into()), ("active", true.into())]);
    let query = object([("active", true.into()), ("lastFocusedWindow", true.into())]);
    let current: Array = answer(api().tabs().query(&query)).await?.unchecked_into();
    let current = current.get(0);
    if let Some(index) = property(&current, "index").as_f64() {
        api::set(&properties, "index", &(index + 1.0).into());
        api::set(&properties, "windowId", &property(&current, "windowId"));
    }
    let tab = answer(api().tabs().create(&properties)).await?;
    tab_id(&property(&tab, "id")).ok_or_else(|| js_sys::Error::new("the new tab has no id").into())
}

fn add_rules(rules: Vec<Rule>) -> Result<Promise, JsValue> {
    let ids: Array = rules.iter().map(|rule| JsValue::from(rule.id)).collect();
    let own_host = Url::parse(&api().runtime().get_url(""))
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let rules = rules
        .into_iter()
        .map(|mut rule| {
            if rule.condition.own_requests_only {
                rule.condition.initiator_domains = Some(own_host.iter().cloned().collect());
            }
            rule.to_plain()
        })
        .collect();
    let options = object([("removeRuleIds", ids.into()), ("addRules", to_js(&Plain::List(rules))?)]);
    api().declarative_net_request().update_session_rules(&options)
}

/// Our own page in the place of the flow's tab.
async fn show_result(flow: &FlowId, beside: TabId) -> Result<JsValue, JsValue> {
    let url = [api().runtime().get_url(PAGE), "#".to_owned(), flow.0.clone()].concat();
    let properties = object([("url", url.into())]);
    if let Ok(tab) = answer(api().tabs().get(beside.0)).await {
        for name in ["index", "windowId", "active"] {
            api::set(&properties, name, &property(&tab, name));
        }
    }
    answer(api().tabs().create(&properties)).await
}

/// Sets an alarm, in place of one with the same name, or clears it.
fn set_alarm(name: &str, at_ms: Option<u64>) -> Result<Promise, JsValue> {
    match at_ms {
        Some(at_ms) => {
            #[expect(clippy::cast_precision_loss, reason = "times of this age are exact")]
            let info: Object = object([("when", (at_ms as f64).into())]);
            let created = api().alarms().create(name, &info)?;
            Ok(Promise::resolve(&created))
        }
        None => api().alarms().clear(name),
    }
}
