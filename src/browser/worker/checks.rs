//! What the servers say of a stored token: the test call, introspection, revocation. No flow: nothing here changes a token,
//! but for the person who removes one.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use crate::flow::{Answer, Check, StoredToken, Subject};
use crate::oauth::HttpRequest;
use crate::plain::Record as _;
use crate::profile::Profile;
use crate::provider;
use crate::vault::{self, Index, SecretRecord};

use super::super::api::{answer, granted, words};
use super::super::storage::{local, read, write};
use super::super::{clock, fetch};
use super::effects::set_alarm;
use super::tokens::look_soon;
use super::with;

/// What is asked of the servers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether the token works.
    Test,
    /// To end it.
    Revoke,
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
        let done = match question {
            Question::Test => test(&name).await,
            Question::Revoke => revoke(&name).await,
        };
        with(|worker| worker.asking.retain(|asking| asking.profile != name));
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

/// Asks all the profiles whose test waits for hosts that are granted by now.
pub(super) async fn ask_waiting() -> Result<(), JsValue> {
    let index: Index = read(&local(), &[vault::INDEX_KEY])
        .await?
        .get(vault::INDEX_KEY)?
        .unwrap_or_default();
    let keys: Vec<String> = index.entries.iter().map(|entry| vault::check_key(&entry.id)).collect();
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let checks = read(&local(), &all_keys).await?;
    for (entry, key) in index.entries.into_iter().zip(&keys) {
        if let Ok(Some(check)) = checks.get::<Check>(key)
            && check.waits(clock::now_ms())
        {
            ask(entry.id, Question::Test).await?;
        }
    }
    Ok(())
}

/// The same without being waited for.
pub(super) fn ask_waiting_soon() {
    soon(async { ask_waiting().await });
}

/// The alarm of a fresh token rang.
pub(super) fn ask_if_due(profile: String) {
    soon(async move {
        let key = vault::check_key(&profile);
        match read(&local(), &[&key]).await?.get::<Check>(&key)? {
            Some(check) if check.is_due(clock::now_ms()) => ask(profile, Question::Test).await,
            _ => Ok(()),
        }
    });
}

fn soon(asking: impl Future<Output = Result<(), JsValue>> + 'static) {
    spawn_local(async {
        if let Err(error) = asking.await {
            web_sys::console::warn_2(&"a token could not be tested:".into(), &words(&error).into());
        }
    });
}

/// The browser was asked for hosts and the person refused: a test that waits for them ends.
pub(super) async fn refused(profile: &str) -> Result<(), JsValue> {
    let key = vault::check_key(profile);
    let check = read(&local(), &[&key]).await?.get::<Check>(&key)?;
    if let Some(check) = check.filter(|check| check.waits(clock::now_ms()))
        && let Some((subject, _)) = subject(profile).await?
    {
        store(profile, &subject, check.refused(&subject.hosts())).await?;
    }
    Ok(())
}

/// Deletes the stored token with what was found out about it.
pub(super) async fn remove_token(profile: &str) -> Result<(), JsValue> {
    if with(|worker| worker.engine.flow_of(profile).is_some()) {
        return Err(js_sys::Error::new("a new token is on its way").into());
    }
    let (token, check) = (vault::token_key(profile), vault::check_key(profile));
    answer(local().remove(&super::super::api::strings([token, check].iter()))).await?;
    look_soon();
    Ok(())
}

/// A profile's token with all that a question needs, and what is known of it; none without a token.
async fn subject(id: &str) -> Result<Option<(Subject, Check)>, JsValue> {
    let [profile, secret, token, check] = [
        vault::profile_key(id),
        vault::secret_key(id),
        vault::token_key(id),
        vault::check_key(id),
    ];
    let records = read(&local(), &[&profile, &secret, &token, &check]).await?;
    let (Some(profile), Some(stored)) = (records.get::<Profile>(&profile)?, records.get::<StoredToken>(&token)?) else {
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

async fn test(id: &str) -> Result<(), JsValue> {
    let Some((subject, known)) = subject(id).await? else {
        return Ok(());
    };
    if !granted(&subject.hosts()).await?.is_truthy() {
        // The browser's question may outlive the page and this worker.
        return store(id, &subject, known.waiting(clock::now_ms())).await;
    }
    let asked = send_beside(subject.introspection());
    let call = send(subject.call(clock::now_ms())).await;
    let asked = asked.received().await;
    let check = known.answered(&subject, clock::now_ms(), call.as_ref(), asked.as_ref());
    store(id, &subject, check).await
}

async fn revoke(id: &str) -> Result<(), JsValue> {
    let Some((subject, known)) = subject(id).await? else {
        return Ok(());
    };
    let Some(request) = subject.revocation() else {
        return Ok(());
    };
    let host = subject.provider.token_endpoint_url().host_permission();
    if !granted(&[host]).await?.is_truthy() {
        return Err(js_sys::Error::new("the host is not allowed").into());
    }
    let answer = fetch::send(&request).await;
    let asked = send(subject.introspection()).await;
    let check = known.revoked(&subject, clock::now_ms(), &answer, asked.as_ref());
    store(id, &subject, check).await
}

/// Stores what was found out, unless the token is another one by now, and has a fresh token asked about again.
async fn store(id: &str, subject: &Subject, check: Check) -> Result<(), JsValue> {
    let key = vault::token_key(id);
    let now: Option<StoredToken> = read(&local(), &[&key]).await?.get(&key)?;
    if now.is_none_or(|now| now.flow != subject.stored.flow) {
        return Ok(());
    }
    let key = vault::check_key(id);
    answer(write(&local(), &[(&key, check.to_plain())])).await?;
    answer(set_alarm(&key, check.next_ms)).await?;
    Ok(())
}

async fn send(request: Option<HttpRequest>) -> Option<Answer> {
    Some(fetch::send(&request?).await)
}

/// An answer that is waited for later.
struct Beside {
    done: Promise,
    answer: Rc<RefCell<Option<Answer>>>,
}

fn send_beside(request: Option<HttpRequest>) -> Beside {
    let answer = Rc::new(RefCell::new(None));
    let place = answer.clone();
    let done = future_to_promise(async move {
        *place.borrow_mut() = send(request).await;
        Ok(JsValue::UNDEFINED)
    });
    Beside { done, answer }
}

impl Beside {
    async fn received(self) -> Option<Answer> {
        // It resolves and never rejects.
        let _ = JsFuture::from(self.done).await;
        self.answer.take()
    }
}
