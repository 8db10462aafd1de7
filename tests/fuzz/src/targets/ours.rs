//! What Tokenkeep itself wrote, before a disk damaged it or another version read it.

use std::fmt::Debug;

use tokenkeep::diagnosis::TransportError;
use tokenkeep::flow::trace::{Recorder, Trace, merged, report};
use tokenkeep::flow::{Check, Engine, Event, FlowId, KnownToken, NewFlow, Plan, Snapshot, StoredToken, Subject, TabId};
use tokenkeep::handoff::{self, Format};
use tokenkeep::oauth::{ClientSecret, CodeVerifier, HttpResponse, State};
use tokenkeep::plain::{Plain, Record};
use tokenkeep::profile::{Profile, Settings};
use tokenkeep::vault::Index;
use tokenkeep::view::{ManagerModel, ManagerView, Model, PopupView, trace_views};
use url::Url;

use super::answers::answer;
use super::{NOW_MS, end, linkedin, sample};
use crate::dictionary::CANARY;

pub(super) fn json(input: &[u8]) -> u64 {
    let Ok(value) = serde_json::from_slice::<Plain>(input) else {
        return 0;
    };
    match serde_json::to_vec(&value) {
        Ok(written) => assert!(alike(&plain(&written), &value), "it is written otherwise"),
        Err(error) => panic!("{error}"),
    }
    shape(&value, 2)
}

/// The same, but for the last bit of a number that is no integer: `serde_json` is fast there and not exact.
fn alike(left: &Plain, right: &Plain) -> bool {
    match (left, right) {
        (Plain::Number(left), Plain::Number(right)) => (left - right).abs() <= left.abs() * 1e-15,
        (Plain::List(left), Plain::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| alike(left, right))
        }
        (Plain::Object(left), Plain::Object(right)) => {
            let mut pairs = left.iter().zip(right);
            left.len() == right.len() && pairs.all(|(left, right)| left.0 == right.0 && alike(&left.1, &right.1))
        }
        (left, right) => left == right,
    }
}

/// A record that is written as it was read, and shows none of its secrets.
pub(super) fn read<T: Record + Debug>(plain: &Plain) -> Result<T, u64> {
    let value = T::from_plain(plain).map_err(|unfit| end(&unfit.0))?;
    let written = value.to_plain();
    match T::from_plain(&written) {
        Ok(again) => assert_eq!(again.to_plain(), written),
        Err(unfit) => panic!("what was written is refused: {unfit}"),
    }
    let text = serde_json::to_vec(&written).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<Plain>(&text).ok(), Some(written.clone()));
    let (mut secrets, mut others) = (Vec::new(), Vec::new());
    sort_texts(&written, &mut secrets, &mut others);
    // Others may have any value; those of the vectors are secrets by their text.
    secrets.retain(|secret| secret.contains("canary") && !others.iter().any(|other| other.contains(*secret)));
    if !secrets.is_empty() {
        let printed = format!("{value:?}");
        for secret in secrets {
            assert!(!printed.contains(secret), "{secret} is printed");
        }
    }
    Ok(value)
}

fn sort_texts<'a>(value: &'a Plain, secrets: &mut Vec<&'a str>, others: &mut Vec<&'a str>) {
    match value {
        Plain::List(items) => items.iter().for_each(|item| sort_texts(item, secrets, others)),
        Plain::Object(members) => {
            for (name, member) in members {
                let secret = match name.as_ref() {
                    "client_secret" | "access_token" | "refresh_token" | "id_token" | "code_verifier" | "state" => true,
                    // A finding has a code, too.
                    "code" => value.get("tabs").is_some(),
                    _ => false,
                };
                match member {
                    Plain::Text(text) if secret => secrets.push(text),
                    Plain::Text(text) => others.push(text),
                    member => sort_texts(member, secrets, others),
                }
            }
        }
        Plain::Text(text) => others.push(text),
        _ => {}
    }
}

pub(super) fn plain(input: &[u8]) -> Plain {
    serde_json::from_slice(input).unwrap_or(Plain::Null)
}

pub(super) fn record<T: Record + Debug>(input: &[u8]) -> u64 {
    match read::<T>(&plain(input)) {
        Ok(value) => end(&shape(&value.to_plain(), 3)),
        Err(end) => end,
    }
}

/// What kinds of values stand in it, down to a depth.
fn shape(value: &Plain, depth: u32) -> u64 {
    match value {
        Plain::Null => 0,
        Plain::Bool(value) => 1 + u64::from(*value),
        Plain::Number(_) => 3,
        Plain::Text(text) => 4 + u64::from(text.is_empty()),
        Plain::List(items) if depth == 0 || items.is_empty() => 6,
        Plain::List(items) => end(&(shape(&items[0], depth - 1), items.len().min(4))),
        Plain::Object(_) if depth == 0 => 7,
        Plain::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.as_ref(), shape(value, depth - 1)));
            end(&members.collect::<Vec<(&str, u64)>>())
        }
    }
}

pub(super) fn engine(input: &[u8]) -> u64 {
    let mut engine: Engine = match read(&plain(input)) {
        Ok(engine) => engine,
        Err(end) => return end,
    };
    let ends = end(&shape(&engine.to_plain(), 4));
    let ids: Vec<FlowId> = engine.flows.iter().map(|flow| flow.id.clone()).take(3).collect();
    let mut recorder = Recorder::new();
    let mut events = vec![Event::WorkerStarted {
        stored: ids.iter().take(1).cloned().collect(),
        granted: ids.iter().map(|id| (id.clone(), true)).collect(),
        rules: vec![0, 1, u32::MAX],
    }];
    for flow in &ids {
        let answer = HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: br#"{"access_token":"AQVx","expires_in":5184000}"#.to_vec(),
            truncated: false,
        };
        events.push(Event::PermissionChecked {
            flow: flow.clone(),
            granted: true,
        });
        events.push(Event::TokenAnswered {
            flow: flow.clone(),
            answer: Ok(answer),
            code: None,
        });
        events.push(Event::TokenStored(flow.clone()));
        events.push(Event::TokenAnswered {
            flow: flow.clone(),
            answer: Err(TransportError::Cut),
            code: None,
        });
        events.push(Event::Cancel(flow.clone()));
    }
    events.push(Event::Tick);
    let mut now_ms = NOW_MS;
    for event in events {
        now_ms += 1000;
        recorder.before(&engine, now_ms, &event);
        let effects = engine.step(now_ms, event);
        recorder.after(&engine, now_ms, &effects);
        let _ = (recorder.take(&engine), engine.next_deadline_ms());
    }
    ends
}

/// A flow from the click to this answer: nothing of its secrets comes into its trace.
pub(super) fn exchange(input: &[u8]) -> u64 {
    const SECRETS: [&str; 4] = [CANARY, "canary-state-1", "canary/code+1", "canary-verifier-1"];
    let (Some(profile), Ok(callback)) = (
        sample::<Profile>("profile"),
        Url::parse("https://app.example.com/callback?code=canary%2Fcode%2B1&state=canary-state-1"),
    ) else {
        return 0;
    };
    let flow = FlowId("f".to_owned());
    let new = NewFlow {
        id: flow.clone(),
        snapshot: Snapshot {
            provider: linkedin(),
            profile,
            client_secret: Some(ClientSecret::new(SECRETS[0])),
        },
        state: State::new(SECRETS[1]),
        code_verifier: Some(CodeVerifier::new(SECRETS[3])),
        renews: None,
        quiet_tab: false,
        permitted: true,
    };
    let tab = TabId(7);
    let events = [
        Event::Authorize(Box::new(new)),
        Event::TabOpened {
            flow: flow.clone(),
            tab,
        },
        Event::Navigated(flow.clone()),
        Event::RequestFailed { url: callback, tab },
        Event::PermissionChecked {
            flow: flow.clone(),
            granted: true,
        },
        Event::TokenAnswered {
            flow: flow.clone(),
            answer: Ok(answer(input)),
            code: None,
        },
        Event::TokenStored(flow),
    ];
    let (mut engine, mut recorder, mut stored) = (Engine::new(), Recorder::new(), Vec::new());
    let mut now_ms = NOW_MS;
    for event in events {
        now_ms += 10;
        recorder.before(&engine, now_ms, &event);
        let effects = engine.step(now_ms, event);
        recorder.after(&engine, now_ms, &effects);
        stored = merged(stored, recorder.take(&engine), &engine);
    }
    let written = report(&stored);
    for secret in SECRETS {
        assert!(!written.contains(secret), "{secret} is in the trace: {written}");
    }
    assert!(written.len() <= 32 << 10, "a trace of {} bytes", written.len());
    assert!(engine.flows.is_empty(), "the flow goes on");
    end(&stored
        .iter()
        .map(|trace| (trace.outcome.clone(), trace.steps.len()))
        .collect::<Vec<_>>())
}

/// All that is asked of a stored token.
pub(super) fn stored(stored: &StoredToken) -> u64 {
    let token = &stored.token;
    let known = KnownToken {
        profile: "p".to_owned(),
        flow: stored.flow.clone(),
        expires_ms: token.expires_ms,
        renewal_ms: token.renewal_due_ms(),
        retry_ms: None,
    };
    let plan = Plan::new(NOW_MS, &[known], &[14, 3, 1], &[]);
    assert!(plan.wake_ms > NOW_MS, "a plan that is late at once");
    let _ = (
        token.expires_by_server_ms(),
        token.scope_report(),
        token.living_refresh_token(NOW_MS),
    );
    if let Some(profile) = sample::<Profile>("profile")
        && let Some(subject) = handoff::Subject::new(&profile, token)
    {
        for format in Format::ALL {
            assert!(!handoff::write(format, &subject).is_empty() || token.access_token.expose().is_empty());
        }
    }
    end(&(plan.due.len(), format!("{:?}", plan.badge), plan.remind.len()))
}

pub(super) fn stored_token(input: &[u8]) -> u64 {
    match read::<StoredToken>(&plain(input)) {
        Ok(token) => end(&(stored(&token), shape(&token.to_plain(), 3))),
        Err(end) => end,
    }
}

pub(super) fn settings(input: &[u8]) -> u64 {
    match read::<Settings>(&plain(input)) {
        Ok(settings) => match settings.checked() {
            Ok(checked) => end(&checked.remind_days.len()),
            Err(code) => end(&code),
        },
        Err(end) => end,
    }
}

pub(super) fn traces(input: &[u8]) -> u64 {
    match read::<Vec<Trace>>(&plain(input)) {
        Ok(traces) => {
            let engine = Engine::new();
            let shown = report(&traces).len();
            let views = trace_views(&traces, &engine).len();
            let kept = merged(traces.clone(), traces, &engine);
            end(&(shown.min(4000) / 100, views, kept.len()))
        }
        Err(end) => end,
    }
}

pub(super) fn check(input: &[u8]) -> u64 {
    let check: Check = match read(&plain(input)) {
        Ok(check) => check,
        Err(end) => return end,
    };
    let (Some(profile), Some(stored)) = (sample::<Profile>("profile"), sample::<StoredToken>("stored_token")) else {
        return 0;
    };
    let subject = Subject {
        provider: linkedin(),
        profile,
        client_secret: None,
        stored,
    };
    let refused = HttpResponse {
        status: 401,
        headers: Vec::new(),
        body: br#"{"status":401,"serviceErrorCode":65600,"code":"INVALID_ACCESS_TOKEN","message":"x"}"#.to_vec(),
        truncated: false,
    };
    let _ = (
        check.waits(NOW_MS),
        check.is_due(NOW_MS),
        check.expires_ms(Some(NOW_MS)),
    );
    let shape = shape(&check.to_plain(), 3);
    let again = check
        .clone()
        .answered(&subject, subject.stored.token.obtained_ms, Some(&Ok(refused)), None);
    let revoked = check.revoked(&subject, NOW_MS, &Err(TransportError::Cut), None);
    end(&(shape, again.next_ms.is_some(), revoked.revocation.is_some()))
}

fn list<T: Record + Debug>(all: &Plain, name: &str) -> Vec<T> {
    match all.get(name) {
        Some(Plain::List(items)) => items.iter().filter_map(|item| read(item).ok()).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn pages(input: &[u8]) -> u64 {
    let all = plain(input);
    let null = Plain::Null;
    let own = |name: &str| all.get(name).unwrap_or(&null).clone();
    let index: Index = read(&own("index")).unwrap_or_default();
    let engine: Engine = read(&own("engine")).unwrap_or_default();
    let profiles: Vec<Profile> = list(&all, "profiles");
    let named = |number: usize| {
        profiles
            .get(number)
            .map_or_else(String::new, |profile| profile.id.clone())
    };
    let tokens = list::<StoredToken>(&all, "tokens").into_iter().enumerate();
    let tokens: Vec<(String, StoredToken)> = tokens.map(|(number, token)| (named(number), token)).collect();
    let checks = list::<Check>(&all, "checks").into_iter().enumerate();
    let checks: Vec<(String, Check)> = checks.map(|(number, check)| (named(number), check)).collect();
    let model = Model {
        index: &index,
        profiles: &profiles,
        tokens: &tokens,
        checks: &checks,
        engine: &engine,
        now_ms: NOW_MS,
        expanded: None,
        revealed: &[],
        visible: 20,
    };
    let popup = PopupView::new(&model);
    let printed = format!("{popup:?}");
    let search = own("search");
    let manager = ManagerView::new(&ManagerModel {
        stored: model,
        search: search.as_str().unwrap_or_default(),
    });
    end(&(
        popup.profiles.len(),
        popup.more.min(3),
        manager.found,
        printed.len() / 200,
    ))
}
