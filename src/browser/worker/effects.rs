//! What the engine wants done, in the browser's own terms.

use js_sys::{Array, Object, Promise};
use url::Url;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::flow::{Effect, Event, FlowId, Rule, TabId};
use crate::plain::{Plain, Record as _};
use crate::vault;

use super::super::api::{self, answer, api, granted, object, property};
use super::super::storage::{session, to_js, write};
use super::super::writing::store;
use super::super::{clock, fetch};
use super::tokens::look_later;
use super::{PAGE, dispatch, tab_id, with};

/// The alarm for whatever the engine has to give up or clear.
const DEADLINE_ALARM: &str = "deadline";

/// The shortest alarm that browsers take, in milliseconds.
const SHORTEST_ALARM_MS: i32 = 30_000;

/// Does one thing. `begun` is the answer to its question, where that was asked before.
pub(super) async fn run_one(effect: Effect, begun: Option<JsFuture>) -> Result<Option<Event>, JsValue> {
    let (asked, result) = match effect {
        Effect::Persist => {
            let (engine, notes) = with(|worker| (worker.engine.to_plain(), worker.engine.notes.to_plain()));
            let written = write(&session(), &[(vault::ENGINE_KEY, engine)]);
            // It stands there before its tab goes anywhere.
            if with(|worker| worker.noted != notes) {
                store(&[(vault::NOTES_KEY, notes.clone())]).await?;
                with(|worker| worker.noted = notes);
            }
            (written, None)
        }
        Effect::OpenTab { flow, active } => {
            let tab = open_tab(active).await?;
            return Ok(Some(Event::TabOpened { flow, tab }));
        }
        Effect::AddRules { rules, .. } => {
            let ids: Vec<u32> = rules.iter().map(|rule| rule.id).collect();
            (change_rules(&ids, rules), None)
        }
        Effect::RemoveRules(ids) => {
            for lasting in [true, false] {
                let ids: Vec<u32> = ids.iter().copied().filter(|id| Rule::lasts(*id) == lasting).collect();
                if !ids.is_empty() {
                    answer(change_rules(&ids, Vec::new())).await?;
                }
            }
            return Ok(None);
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
        Effect::Exchange { flow, request, code } => {
            spawn_local(async move {
                let answer = fetch::send(&request).await;
                dispatch(Event::TokenAnswered { flow, answer, code }).await;
            });
            return Ok(None);
        }
        Effect::Ask { flow, url } => {
            spawn_local(async move {
                let answer = fetch::page(&url, true).await;
                dispatch(Event::Asked { flow, answer }).await;
            });
            return Ok(None);
        }
        Effect::ReadPage { flow, url } => {
            spawn_local(async move {
                // A page that can't be read explains nothing; the flow waits on.
                if let Ok(Some(answer)) = fetch::page(&url, false).await {
                    dispatch(Event::PageRead { flow, answer }).await;
                }
            });
            return Ok(None);
        }
        Effect::StoreToken { profile, token, .. } => {
            store(&[(&vault::token_key(&profile), token.to_plain())]).await?;
            // A look reads every token: with a thousand it would stand in the way of what shows this one.
            // One that the browser refuses is no failure of the token's.
            look_later();
            return Ok(Some(Event::TokenStored(token.flow)));
        }
        Effect::ShowResult { flow, beside } => return show_result(&flow, beside).await.map(|_| None),
        Effect::CloseTab(tab) => {
            // It may be gone already, and that is what is wanted.
            let _ = answer(api().tabs().remove(tab.0)).await;
            return Ok(None);
        }
        Effect::SetAlarm(at_ms) => {
            look_up_at(at_ms);
            (set_alarm(DEADLINE_ALARM, at_ms), None)
        }
    };
    answer(asked).await?;
    Ok(result)
}

/// Browsers ring no alarm within half a minute: while the worker lives it looks at the clock itself.
fn look_up_at(at_ms: Option<u64>) {
    let left_ms = at_ms.map(|at_ms| at_ms.saturating_sub(clock::now_ms()));
    if let Some(left_ms) = left_ms.and_then(|left_ms| i32::try_from(left_ms).ok())
        && left_ms < SHORTEST_ALARM_MS
    {
        spawn_local(async move {
            clock::pause(left_ms).await;
            dispatch(Event::Tick).await;
        });
    }
}

/// A tab at about:blank, next to the one that the person looks at.
async fn open_tab(active: bool) -> Result<TabId, JsValue> {
    let properties = object([("url", "about:blank".into()), ("active", active.into())]);
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

/// Takes rules away and sets others: rules of the session, or rules that outlive it.
pub(super) fn change_rules(ids: &[u32], rules: Vec<Rule>) -> Result<Promise, JsValue> {
    let lasting = ids.iter().any(|id| Rule::lasts(*id));
    let ids: Array = ids.iter().map(|id| JsValue::from(*id)).collect();
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
    let api = api().declarative_net_request();
    if lasting {
        api.update_dynamic_rules(&options)
    } else {
        api.update_session_rules(&options)
    }
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
pub(super) fn set_alarm(name: &str, at_ms: Option<u64>) -> Result<Promise, JsValue> {
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
