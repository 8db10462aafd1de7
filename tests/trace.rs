//! Traces of flows against a server that says everything back: nothing of the flow's secrets may come into them.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tokenkeep::diagnosis::TransportError;
use tokenkeep::flow::trace::{INTERRUPTED, Recorder, TOKEN_STORED, TRACES_AT_MOST, Trace, merged, report};
use tokenkeep::flow::{Effect, Engine, Event, FlowId, NewFlow, Snapshot, StoredToken, TabId};
use tokenkeep::oauth::http::HttpResponse;
use tokenkeep::oauth::{
    AccessToken, ClientSecret, CodeVerifier, IdToken, RedirectUri, RefreshToken, Scopes, State, form,
};
use tokenkeep::profile::{Look, Profile, TokenRecord};
use tokenkeep::provider;
use url::Url;

// Short and plain, so that only who knows them can find them; the characters differ when they are encoded.
const SECRET: &str = "canary/secret+1";
const STATE: &str = "canary-state-1";
const CODE: &str = "canary/code+1";
const VERIFIER: &str = "canary-verifier-1";
const ACCESS: &str = "canary/access+1";
const REFRESH: &str = "canary/refresh+1";
const ID: &str = "canary.id.1";
const NEW_ACCESS: &str = "canary/newaccess+1";
const NEW_REFRESH: &str = "canary/newrefresh+1";
const NEW_ID: &str = "canary.newid.1";

const REDIRECT_URI: &str = "https://app.tokenkeep.test/callback";
const START: u64 = 1_700_000_000_000;

fn profile() -> Profile {
    Profile {
        id: "p1".into(),
        name: "My app".into(),
        provider: "linkedin-native".into(),
        client_id: "78abcdefghijkl".into(),
        redirect_uri: RedirectUri::parse(REDIRECT_URI).unwrap(),
        scopes: Scopes::parse("openid profile").unwrap(),
        renew_automatically: true,
        renew_in_tab: false,
        copy_as: None,
        look: Look::default(),
        created_ms: 1,
        first_app: None,
    }
}

fn old_token() -> StoredToken {
    StoredToken {
        flow: FlowId("old".into()),
        token: TokenRecord {
            v: TokenRecord::VERSION,
            access_token: AccessToken::new(ACCESS),
            token_type: "Bearer".into(),
            scope_requested: Scopes::parse("openid").unwrap(),
            scope_granted: None,
            obtained_ms: START,
            expires_ms: Some(START + 1000),
            clock_skew_ms: None,
            refresh_token: Some(RefreshToken::new(REFRESH)),
            refresh_expires_ms: None,
            refresh_refused_ms: None,
            refresh_again_until_ms: None,
            id_token: Some(IdToken::new(ID)),
            account: None,
            issued_to: None,
        },
    }
}

fn new_flow(id: &str, renews: bool) -> Box<NewFlow> {
    Box::new(NewFlow {
        id: FlowId(id.into()),
        snapshot: Snapshot {
            provider: provider::by_id("linkedin-native").unwrap(),
            profile: profile(),
            client_secret: Some(ClientSecret::new(SECRET)),
        },
        state: State::new(STATE),
        code_verifier: Some(CodeVerifier::new(VERIFIER)),
        renews: renews.then(old_token),
        quiet_tab: false,
        permitted: true,
    })
}

/// The worker's loop, with the browser's part left out.
#[derive(Default)]
struct Worker {
    engine: Engine,
    recorder: Recorder,
    stored: Vec<Trace>,
    now_ms: u64,
    /// Whether something was written while the answer was on its way.
    wrote_in_a_hurry: bool,
}

impl Worker {
    fn new() -> Self {
        Self {
            now_ms: START,
            ..Self::default()
        }
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
        self.now_ms += 10;
        self.recorder.before(&self.engine, self.now_ms, &event);
        let effects = self.engine.step(self.now_ms, event);
        self.recorder.after(&self.engine, self.now_ms, &effects);
        let new = self.recorder.take(&self.engine);
        if !new.is_empty() {
            self.wrote_in_a_hurry |= effects
                .iter()
                .any(|effect| matches!(effect, Effect::Exchange { .. } | Effect::StoreToken { .. }));
            self.stored = merged(std::mem::take(&mut self.stored), new, &self.engine);
        }
        effects
    }

    /// Up to the person's consent.
    fn open(&mut self, id: &str) {
        self.take(Event::Authorize(new_flow(id, false)));
        let flow = FlowId(id.into());
        self.take(Event::TabOpened {
            flow: flow.clone(),
            tab: TabId(7),
        });
        self.take(Event::Navigated(flow));
    }

    fn callback(&mut self, query: &str) {
        let url = Url::parse(&[REDIRECT_URI, "?", query].concat()).unwrap();
        self.take(Event::RequestFailed { url, tab: TabId(7) });
    }

    fn authorize(&mut self, id: &str, answer: Result<HttpResponse, TransportError>) {
        self.open(id);
        self.callback(&format!("code={}&state={STATE}", form::encode(CODE)));
        let flow = FlowId(id.into());
        self.take(Event::PermissionChecked {
            flow: flow.clone(),
            granted: true,
        });
        self.answer(flow, answer);
    }

    fn renew(&mut self, id: &str, answer: Result<HttpResponse, TransportError>) {
        self.take(Event::Renew(new_flow(id, true)));
        self.answer(FlowId(id.into()), answer);
    }

    fn answer(&mut self, flow: FlowId, answer: Result<HttpResponse, TransportError>) {
        let effects = self.take(Event::TokenAnswered {
            flow: flow.clone(),
            answer,
            code: None,
        });
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::StoreToken { token, .. } if token.flow == flow))
        {
            self.take(Event::TokenStored(flow));
        }
    }

    fn last(&self) -> &Trace {
        self.stored.last().unwrap()
    }

    fn steps(&self) -> Vec<&str> {
        self.last().steps.iter().map(|step| step.what.as_str()).collect()
    }

    fn detail(&self, what: &str) -> &str {
        &self.last().steps.iter().find(|step| step.what == what).unwrap().detail
    }

    /// Everything that leaves, as text.
    fn everything(&self) -> String {
        serde_json::to_string(&self.stored).unwrap() + &report(&self.stored)
    }
}

fn response(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![
            ("content-type".into(), content_type.into()),
            ("x-li-uuid".into(), "AAYpWSlEQg==".into()),
            ("set-cookie".into(), "canary-cookie".into()),
        ],
        body: body.into(),
        truncated: false,
    }
}

fn success() -> HttpResponse {
    let body = format!(
        r#"{{"access_token":"{NEW_ACCESS}","expires_in":5183999,"scope":"openid,profile","refresh_token":"{NEW_REFRESH}","id_token":"{NEW_ID}","canary-member-1":1}}"#
    );
    response(200, "application/json", body)
}

/// What each kind of flow knows, as it is and in every encoding that a server may use.
fn said_back(renewal: bool) -> String {
    let own: &[&str] = if renewal { &[ACCESS, REFRESH, ID] } else { &[CODE] };
    let all = [SECRET, STATE, VERIFIER].iter().chain(own);
    let forms = all.flat_map(|secret| [(*secret).to_owned(), form::encode(secret), form::encode_percent(secret)]);
    forms.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_good_flow_step_by_step() {
    let mut worker = Worker::new();
    worker.authorize("f1", Ok(success()));
    assert_eq!(
        worker.steps(),
        [
            "started",
            "tab_opened",
            "rules_set",
            "authorization_request",
            "callback",
            "access_check",
            "access_checked",
            "token_request",
            "token_answer",
            "token_stored",
            "ended",
        ]
    );
    assert_eq!(worker.last().outcome.as_deref(), Some(TOKEN_STORED));
    assert!(!worker.wrote_in_a_hurry);
    assert_eq!(
        worker.detail("authorization_request"),
        "GET https://www.linkedin.com/oauth/native-pkce/authorization\nresponse_type: code\nclient_id: 78ab…\n\
         redirect_uri: https://app.tokenkeep.test/callback\nscope: openid profile\nstate: [redacted]\n\
         code_challenge: [redacted]\ncode_challenge_method: S256\n"
    );
    assert_eq!(
        worker.detail("callback"),
        "parameters: code, state\nstate_is_ours: yes\n"
    );
    assert_eq!(
        worker.detail("token_request"),
        "POST https://www.linkedin.com/oauth/v2/accessToken\nheaders: content-type, accept\ngrant_type: authorization_code\n\
         parameters: grant_type, code, redirect_uri, client_id, code_verifier\n"
    );
    let answer = worker.detail("token_answer");
    for line in [
        "status: 200",
        "content-type: application/json",
        "x-li-uuid: AAYpWSlEQg==",
        "members: access_token, expires_in, scope, refresh_token, id_token, [other]",
        "expires_in: 5183999",
        "scope: openid profile",
    ] {
        assert!(answer.lines().any(|own| own == line), "{line} in {answer}");
    }
}

type Answered = Result<HttpResponse, TransportError>;

/// Answers of a server that says back what it was sent.
fn answers(renewal: bool) -> Vec<Answered> {
    let echo = said_back(renewal);
    let own = if renewal { REFRESH } else { CODE };
    let description = |error: &str| {
        let body =
            serde_json::json!({ "error": error, "error_description": echo, "error_uri": "https://x/" }).to_string();
        response(400, "application/json", body)
    };
    let mut long = "x".repeat(985) + " ";
    long.push_str(SECRET);
    vec![
        Ok(success()),
        Ok(description("invalid_request")),
        Ok(description(&echo)),
        Ok(description(&[&"y ".repeat(45), SECRET].concat())),
        Ok(response(401, "text/html", ["<html><p>", &echo, "</p>"].concat())),
        Ok(response(200, "text/plain", echo.clone())),
        Ok(response(200, "application/json", format!("[\"{echo}\"]"))),
        Ok(response(500, &echo, echo.clone())),
        Ok(response(
            200,
            "application/json",
            format!(r#"{{"{SECRET}":1,"{own}":2,"token_type":"{echo}","access_token":"{NEW_ACCESS}"}}"#),
        )),
        Ok(response(
            200,
            "application/json",
            format!(r#"{{"access_token":"{NEW_ACCESS}","scope":"{NEW_ACCESS} {SECRET} {own}"}}"#),
        )),
        Ok(response(
            400,
            "application/json",
            format!(r#"{{"error":"e","error_description":"{long}"}}"#),
        )),
        Ok(response(
            200,
            "application/x-www-form-urlencoded",
            format!("access_token={}&{}=1", form::encode(NEW_ACCESS), form::encode(SECRET)),
        )),
        Ok(HttpResponse {
            headers: vec![
                ("x-li-uuid".into(), echo.clone()),
                ("x-li-fabric".into(), NEW_ACCESS.into()),
            ],
            ..success()
        }),
        Err(TransportError::Unreachable { message: echo.clone() }),
        Err(TransportError::Timeout),
        Err(TransportError::Redirected),
        Err(TransportError::TooLarge),
        Err(TransportError::Cut),
    ]
}

#[test]
fn no_secret_comes_into_a_trace() {
    for (index, (first, second)) in answers(false).into_iter().zip(answers(true)).enumerate() {
        let mut worker = Worker::new();
        worker.authorize("f1", first);
        worker.renew("f2", second);
        assert_eq!(worker.stored.len(), 2, "{index}");
        let text = worker.everything();
        assert!(!text.contains("canary"), "{index}: {text}");
        assert!(text.contains("token_answer"), "{index}");
    }
}

#[test]
fn no_secret_of_a_callback_comes_into_a_trace() {
    let known = [SECRET, STATE, VERIFIER].join(" ");
    let echo = form::encode(&known);
    for query in [
        format!("error=access_denied&error_description={echo}&state={STATE}"),
        format!("error={echo}&state={STATE}"),
        "error=e&error_description=canary%2Fown%2B1+is+bad&state=canary-foreign&code=canary%2Fown%2B1".to_owned(),
        format!("code=canary-a&code=canary-b&state={STATE}"),
        format!("state={STATE}&iss={echo}"),
        format!("canary-{STATE}=1&{echo}=2&state={STATE}"),
        format!("code={}", form::encode(CODE)),
        String::new(),
    ] {
        let mut worker = Worker::new();
        worker.open("f1");
        worker.callback(&query);
        assert!(
            worker.steps().contains(&"callback") && worker.last().outcome.is_some(),
            "{query}"
        );
        let text = worker.everything();
        assert!(!text.contains("canary"), "{query}: {text}");
    }
}

#[test]
fn a_secret_of_letters_is_none_as_a_name() {
    let mut worker = Worker::new();
    let body = r#"{"access_token":"canary_letters","canary_letters":1}"#;
    worker.authorize("f1", Ok(response(200, "application/json", body)));
    let mut renewal = new_flow("f3", true);
    renewal.snapshot.client_secret = Some(ClientSecret::new("canary_secret"));
    worker.take(Event::Renew(renewal));
    let doubled = r#"{"canary_secret":1,"canary_secret":2}"#;
    worker.answer(FlowId("f3".into()), Ok(response(200, "application/json", doubled)));
    assert!(worker.everything().contains("unusable: [redacted]"));
    worker.open("f2");
    worker.callback("code=canary_other&canary_other=1&state=x");
    let text = worker.everything();
    assert!(text.contains("members: access_token, [redacted]") && text.contains("parameters: code, [redacted], state"));
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn no_secret_in_what_the_browser_says() {
    let mut worker = Worker::new();
    worker.open("f1");
    let message = ["Invalid url: https://x/?state=", STATE, " ", SECRET].concat();
    worker.take(Event::EffectFailed {
        flow: FlowId("f1".into()),
        what: tokenkeep::diagnosis::Needed::Tab,
        message,
    });
    assert_eq!(worker.detail("browser_refused").lines().next(), Some("what: tab"));
    assert_eq!(worker.last().outcome.as_deref(), Some("tab_failed"));
    assert!(!worker.everything().contains("canary"));
}

#[test]
fn errors_are_told_in_the_servers_words() {
    let mut worker = Worker::new();
    let body = r#"{"error":"invalid_request","error_description":"Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code."}"#;
    worker.authorize("f1", Ok(response(400, "application/json", body)));
    let answer = worker.detail("token_answer");
    assert!(
        answer.contains("error: invalid_request\nerror_description: Unable to retrieve access token"),
        "{answer}"
    );
    assert!(
        worker
            .last()
            .outcome
            .as_deref()
            .is_some_and(|outcome| outcome != TOKEN_STORED)
    );
}

#[test]
fn a_worker_that_died_leaves_what_it_had_written() {
    let mut worker = Worker::new();
    worker.open("f1");
    worker.callback(&format!("code=c&state={STATE}"));
    // What was noted since the sign-in is lost with the recorder; the engine comes back from storage.
    worker.recorder = Recorder::new();
    worker.take(Event::WorkerStarted {
        stored: vec![],
        granted: vec![(FlowId("f1".into()), true)],
        rules: vec![],
    });
    worker.take(Event::PermissionChecked {
        flow: FlowId("f1".into()),
        granted: true,
    });
    worker.recorder = Recorder::new();
    worker.take(Event::WorkerStarted {
        stored: vec![],
        granted: vec![],
        rules: vec![],
    });
    assert_eq!(worker.stored.len(), 1);
    assert_eq!(
        worker.steps(),
        [
            "started",
            "tab_opened",
            "rules_set",
            "authorization_request",
            "worker_started",
            "ended"
        ]
    );
    assert_eq!(worker.detail("worker_started"), "phase: exchanging\n");
    assert_eq!(worker.last().outcome.as_deref(), Some("outcome_unknown"));
}

#[test]
fn a_flow_that_nobody_knows_any_more_was_interrupted() {
    let mut worker = Worker::new();
    worker.open("f1");
    assert_eq!(worker.last().outcome, None);
    // The browser ended, and with it the engine.
    worker.engine = Engine::new();
    worker.recorder = Recorder::new();
    worker.renew("f2", Ok(success()));
    let outcomes: Vec<Option<&str>> = worker.stored.iter().map(|trace| trace.outcome.as_deref()).collect();
    assert_eq!(outcomes, [Some(INTERRUPTED), Some(TOKEN_STORED)]);
}

#[test]
fn only_flows_that_began_leave_a_trace() {
    let mut worker = Worker::new();
    worker.open("f1");
    worker.take(Event::Renew(new_flow("f2", true)));
    worker.take(Event::Renew(new_flow("f3", true)));
    worker.take(Event::Cancel(FlowId("f1".into())));
    worker.take(Event::Cancel(FlowId("f9".into())));
    worker.take(Event::TokenStored(FlowId("f9".into())));
    let flows: Vec<&str> = worker.stored.iter().map(|trace| trace.flow.0.as_str()).collect();
    assert_eq!(flows, ["f1"]);
    assert_eq!(worker.last().outcome.as_deref(), Some("cancelled"));
}

#[test]
fn a_superseded_renewal_says_so() {
    let mut worker = Worker::new();
    worker.take(Event::Renew(new_flow("f1", true)));
    worker.authorize("f2", Ok(success()));
    worker.answer(FlowId("f1".into()), Ok(success()));
    let first = worker.stored.iter().find(|trace| trace.flow.0 == "f1").unwrap();
    assert_eq!(first.outcome.as_deref(), Some("superseded"));
    assert!(!worker.everything().contains("canary"));
}

#[test]
fn a_deleted_profile_leaves_none() {
    let mut worker = Worker::new();
    worker.take(Event::Renew(new_flow("f1", true)));
    worker.take(Event::ProfileDeleted {
        profile: "p1".into(),
        for_good: true,
    });
    assert!(worker.stored.is_empty(), "{:?}", worker.stored);
}

#[test]
fn traces_stay_few_and_small() {
    let mut worker = Worker::new();
    let words = "All work and no play. ".repeat(2000);
    let body = serde_json::json!({ "error": "e", "error_description": words }).to_string();
    for index in 0..20 {
        let id = format!("f{index}");
        worker.open(&id);
        for _ in 0..200 {
            worker.take(Event::PermissionsChanged {
                granted: vec![(FlowId(id.clone()), true)],
            });
            worker.recorder = Recorder::new();
            worker.take(Event::WorkerStarted {
                stored: vec![],
                granted: vec![(FlowId(id.clone()), true)],
                rules: vec![],
            });
        }
        worker.callback(&format!(
            "code=c&state={STATE}&error_description={}&{}",
            form::encode(&words),
            "a=1&".repeat(5000)
        ));
        worker.take(Event::PermissionChecked {
            flow: FlowId(id.clone()),
            granted: true,
        });
        worker.answer(FlowId(id), Ok(response(400, &words, body.clone())));
        assert!(worker.last().outcome.is_some());
        let size = serde_json::to_string(worker.last()).unwrap().len();
        assert!(size < 16 * 1024, "{size}");
    }
    assert_eq!(worker.stored.len(), TRACES_AT_MOST);
    assert_eq!(worker.last().flow.0, "f19");
}

#[test]
fn a_report_is_text_that_ends_its_own_fence() {
    let mut worker = Worker::new();
    let body = r#"{"error":"e","error_description":"``` **bold** [x](https://evil.example/) ```"}"#;
    worker.authorize("f1", Ok(response(400, "application/json", body)));
    let text = report(&worker.stored);
    assert!(text.starts_with("### authorization: "), "{text}");
    assert_eq!(text.matches("```").count(), 2, "{text}");
    assert!(
        text.contains("\n   0.000 s  started\n") && text.contains("            grant_type: authorization_code\n"),
        "{text}"
    );
    assert!(!text.contains("My app") && !text.contains("78abcdefghijkl"), "{text}");
    assert_eq!(report(&[]), "");
}
