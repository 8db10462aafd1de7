//! What the servers say of a stored token: the test call, introspection, revocation. No flow: nothing here changes a token,
//! but for the person who removes one.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::flow::{Answer, Check, Event, StoredToken, Subject};
use crate::oauth::HttpRequest;
use crate::plain::Record as _;
use crate::profile::Profile;
use crate::provider;
use crate::vault::{self, Index, SecretRecord};

use super::super::api::{answer, granted, words};
use super::super::storage::{Records, local};
use super::super::writing::{read, remove, store};
use super::super::{clock, fetch};
use super::effects::set_alarm;
use super::lock::finish_soon;
use super::profiles::Turn;
use super::tokens::look_soon;
use super::{Worker, with, work_off};

/// What is asked of the servers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether the token works.
    Test,
    /// The same, if that is still to be found out: pages and alarms come for one retry.
    Again,
    /// To end it.
    Revoke,
    /// Nothing, because the person refused the hosts that a test waits for.
    Refused,
}

/// A question under way: one at a time for a profile.
pub(super) struct Asking {
    profile: String,
    question: Question,
    done: Promise,
}

/// Asks the servers about a profile's token. The same question under way is waited for instead of asked again.
pub(super) async fn ask(profile: String, question: Question) -> Result<(), JsValue> {
    loop {
        let under_way = with(|worker| {
            let mut asking = worker.asking.iter();
            let found = asking.find(|asking| asking.profile == profile);
            found.map(|asking| (asking.question == question, asking.done.clone()))
        });
        let Some((same, done)) = under_way else { break };
        let done = JsFuture::from(done).await;
        if same {
            return done.map(|_| ());
        }
    }
    let name = profile.clone();
    let done = future_to_promise(async move {
        let done = find_out(&name, question).await;
        let closing = with(|worker| {
            worker.asking.retain(|asking| asking.profile != name);
            worker.closing
        });
        if closing {
            finish_soon();
        }
        done.map(|()| JsValue::UNDEFINED)
    });
    with(|worker| {
        worker.asking.push(Asking {
            profile,
            question,
            done: done.clone(),
        });
    });
    JsFuture::from(done).await.map(|_| ())
}

/// Asks about every token whose test waits for hosts that may be granted by now, or that is to be tried again.
pub(super) fn ask_soon() {
    spawn_local(async {
        if let Err(error) = ask_waiting().await {
            web_sys::console::warn_2(&"a token could not be tested:".into(), &words(&error).into());
        }
    });
}

async fn ask_waiting() -> Result<(), JsValue> {
    let head = read(&local(), &[vault::INDEX_KEY]).await?;
    let index: Index = head.get(vault::INDEX_KEY)?.unwrap_or_default();
    let keys: Vec<String> = index.entries.iter().map(|entry| vault::check_key(&entry.id)).collect();
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let checks = read(&local(), &all_keys).await?;
    let now_ms = clock::now_ms();
    for (entry, key) in index.entries.into_iter().zip(&keys) {
        if let Ok(Some(check)) = checks.get::<Check>(key)
            && (check.waits(now_ms) || check.is_due(now_ms))
        {
            ask(entry.id, Question::Again).await?;
        }
    }
    Ok(())
}

/// Deletes the stored token with what was found out about it.
pub(super) async fn remove_token(profile: &str) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let on_its_way = |worker: &mut Worker| {
        let flow = worker.engine.flow_of(profile);
        flow.is_some_and(|flow| flow.refused().is_none())
    };
    if with(on_its_way) {
        return Err(js_sys::Error::new("a new token is on its way").into());
    }
    let keys = [vault::token_key(profile), vault::check_key(profile)];
    remove(&keys).await?;
    // Only now: what can't be removed from storage is no reason to forget what is in memory alone.
    let unstored = with(|worker| worker.engine.unstored_of(profile).map(|(token, _)| token.flow.clone()));
    if let Some(flow) = unstored {
        work_off(Event::Cancel(flow)).await;
        work_off(Event::Dismiss(profile.to_owned())).await;
        // Before that, storage may have taken it after all.
        remove(&keys).await?;
    }
    look_soon();
    Ok(())
}

/// A profile's token: the one that could not be stored yet, as long as there is one.
fn token_of(id: &str, records: &Records) -> Result<Option<StoredToken>, JsValue> {
    match with(|worker| worker.engine.unstored_of(id).map(|(token, _)| token.clone())) {
        Some(unstored) => Ok(Some(unstored)),
        None => records.get(&vault::token_key(id)),
    }
}

/// A profile's token with all that a question needs, and what is known of it; none without a token.
async fn subject(id: &str) -> Result<Option<(Subject, Check)>, JsValue> {
    let [profile, secret, check] = [vault::profile_key(id), vault::secret_key(id), vault::check_key(id)];
    let records = read(&local(), &[&profile, &secret, &vault::token_key(id), &check]).await?;
    let (Some(profile), Some(stored)) = (records.get::<Profile>(&profile)?, token_of(id, &records)?) else {
        return Ok(None);
    };
    let Some(provider) = provider::by_id(&profile.provider) else {
        return Ok(None);
    };
    let secret: Option<SecretRecord> = records.get(&secret)?;
    // A record that can't be read is replaced by the next one.
    let before = records.get::<Check>(&check).unwrap_or_default();
    let known = Check::of(before, &stored.flow);
    let subject = Subject {
        // It goes to the origin that it was entered for and to no other.
        client_secret: secret.and_then(|secret| secret.for_endpoint(&provider.token_endpoint_url()).cloned()),
        provider,
        profile,
        stored,
    };
    Ok(Some((subject, known)))
}

async fn find_out(id: &str, question: Question) -> Result<(), JsValue> {
    let Some((subject, known)) = subject(id).await? else {
        return Ok(());
    };
    let now_ms = clock::now_ms();
    if question == Question::Again && !known.waits(now_ms) && !known.is_due(now_ms) {
        return Ok(());
    }
    let hosts = match question {
        Question::Revoke => vec![subject.provider.token_endpoint_url().host_permission()],
        _ => subject.hosts(),
    };
    let allowed = question != Question::Refused && granted(&hosts).await?.is_truthy();
    let check = if allowed {
        let request = match question {
            Question::Revoke => subject.revocation(),
            _ => subject.call(now_ms),
        };
        let told = send(request).await;
        // Who waited twenty seconds for nothing is not kept waiting for the other server.
        let silent = matches!(told, Some(Err(_))) && question != Question::Revoke;
        let asked = send(subject.introspection().filter(|_| !silent)).await;
        let now_ms = clock::now_ms();
        match (question, told) {
            (Question::Revoke, Some(told)) => known.revoked(&subject, now_ms, &told, asked.as_ref()),
            (_, told) => known.answered(&subject, now_ms, told.as_ref(), asked.as_ref()),
        }
    } else {
        match question {
            // The browser's question may outlive the page and this worker.
            Question::Test | Question::Again => known.waiting(now_ms),
            Question::Refused if known.waits(now_ms) => known.refused(&hosts),
            _ => return Ok(()),
        }
    };
    // A deletion comes before it or after it.
    let _turn = Turn::wait().await;
    // The token may be another one by now.
    let key = vault::token_key(id);
    let now = token_of(id, &read(&local(), &[&key]).await?)?;
    if now.is_none_or(|now| now.flow != subject.stored.flow) {
        return Ok(());
    }
    let key = vault::check_key(id);
    store(&[(&key, check.to_plain())]).await?;
    answer(set_alarm(&key, check.next_ms)).await?;
    Ok(())
}

/// Asks the provider to end a profile's token, whose record is about to go: whether it did, or none where the token has ended by itself.
pub(super) async fn revoke_finally(id: &str) -> Result<Option<bool>, JsValue> {
    let Some((subject, known)) = subject(id).await? else {
        return Ok(Some(false));
    };
    let token = &subject.stored.token;
    let ended = token.expires_ms.is_some_and(|end_ms| end_ms <= clock::now_ms());
    if ended && token.refresh_token.is_none() {
        return Ok(None);
    }
    let host = subject.provider.token_endpoint_url().host_permission();
    if !granted(&[host]).await?.is_truthy() {
        return Ok(Some(false));
    }
    let Some(told) = send(subject.revocation()).await else {
        return Ok(Some(false));
    };
    let asked = send(subject.introspection().filter(|_| told.is_ok())).await;
    let tried = known
        .revoked(&subject, clock::now_ms(), &told, asked.as_ref())
        .revocation;
    Ok(Some(tried.is_some_and(|tried| {
        tried.finding.is_none() && tried.active != Some(true)
    })))
}

async fn send(request: Option<HttpRequest>) -> Option<Answer> {
    Some(fetch::send(&request?).await)
}
