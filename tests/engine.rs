//! The engine by scripts: what happens, line by line, and what it asks for and keeps. The simulation shows what always holds; these
//! show each effect, each time and each finding. `tests/vectors/engine/scripts.txt` explains its form.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use tokenkeep::diagnosis::{Finding, Needed, RENEWAL_FAILED, TransportError};
use tokenkeep::flow::{
    Effect, Engine, Event, FLOWS_AT_MOST, Flow, FlowId, GUARDS_AT_MOST, Guard, NewFlow, Note, Phase, Rule, Snapshot,
    StoredToken, TabId, Way,
};
use tokenkeep::oauth::http::HttpResponse;
use tokenkeep::oauth::{AccessToken, ClientSecret, CodeVerifier, IdToken, RedirectUri, RefreshToken, Scopes, State};
use tokenkeep::profile::{Look, Profile, TokenRecord};
use tokenkeep::provider::{self, Provider, RefreshTokens};
use url::Url;

const SCRIPTS: &str = include_str!("vectors/engine/scripts.txt");
const START: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 86_400_000;
/// What the ids of rules that outlive the session begin at.
const LASTING: u32 = 1_000_000_000;

/// LinkedIn, with the other habits that a server may have.
fn provider_of(name: &str) -> &'static Provider {
    static GRACE: OnceLock<Provider> = OnceLock::new();
    let Some(grace_ms) = name.strip_prefix("rotating-") else {
        return provider::by_id(name).unwrap_or_else(|| panic!("no provider {name}"));
    };
    assert_eq!(grace_ms, "60000");
    GRACE.get_or_init(|| Provider {
        refresh_tokens: RefreshTokens::Rotated { grace_ms: 60_000 },
        ..*provider::by_id("linkedin").unwrap()
    })
}

/// `{"sub": …}` with a signature that nobody looks at.
fn id_token(member: &str) -> IdToken {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{member}","name":"{member}"}}"#));
    IdToken::new(format!("e30.{claims}.x"))
}

fn old_token(words: &[&str]) -> StoredToken {
    let number = |name: &str| -> Option<u64> {
        let value = words
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.parse().unwrap())
    };
    StoredToken {
        flow: FlowId("old".into()),
        token: TokenRecord {
            v: TokenRecord::VERSION,
            access_token: AccessToken::new("AQX-old"),
            token_type: "Bearer".into(),
            scope_requested: Scopes::parse("openid").unwrap(),
            scope_granted: None,
            obtained_ms: START - number("aged").unwrap_or(DAY_MS),
            expires_ms: Some(START + DAY_MS),
            clock_skew_ms: None,
            refresh_token: words.contains(&"refresh").then(|| RefreshToken::new("AQW-old")),
            refresh_expires_ms: number("refresh-lives").map(|lives_ms| START + lives_ms),
            refresh_refused_ms: None,
            refresh_again_until_ms: None,
            id_token: words.contains(&"ada").then(|| id_token("ada")),
            account: None,
            issued_to: words
                .contains(&"of-another-app")
                .then(|| "linkedin 77another".to_owned()),
        },
    }
}

/// `f1 p1 linkedin` and what else holds.
fn new_flow(words: &[&str], renews: bool) -> Box<NewFlow> {
    let [id, profile, provider, more @ ..] = words else {
        panic!("{words:?}");
    };
    Box::new(NewFlow {
        id: FlowId((*id).into()),
        snapshot: Snapshot {
            provider: provider_of(provider),
            profile: Profile {
                id: (*profile).into(),
                name: "My app".into(),
                provider: (*provider).into(),
                client_id: "78abcdefghijkl".into(),
                redirect_uri: RedirectUri::parse("https://app.test/cb").unwrap(),
                scopes: Scopes::parse("openid").unwrap(),
                renew_automatically: true,
                renew_in_tab: false,
                copy_as: None,
                look: Look::default(),
                created_ms: 1,
                first_app: None,
            },
            client_secret: Some(ClientSecret::new(if more.contains(&"cut-secret") {
                "WPL_AP1.abcdefghijklmnop.ab12cd"
            } else {
                "secret"
            })),
        },
        state: State::new(format!("state-{id}")),
        code_verifier: Some(CodeVerifier::new("verifier")),
        renews: renews.then(|| old_token(more)),
        quiet_tab: more.contains(&"quiet-tab"),
        permitted: !more.contains(&"not-permitted"),
    })
}

fn id(word: &str) -> FlowId {
    FlowId(word.into())
}

fn tab(word: &str) -> TabId {
    TabId(word.parse().unwrap())
}

/// Addresses are written short: `cb?…` is at the redirect URI, `auth?…` at the authorization endpoint.
fn url(word: &str) -> Url {
    let url = match word.split_once('?') {
        Some(("cb", query)) => format!("https://app.test/cb?{query}"),
        Some(("auth", query)) => format!("https://www.linkedin.com/oauth/v2/authorization?{query}"),
        _ => word.to_owned(),
    };
    Url::parse(&url).unwrap()
}

fn transport(words: &[&str]) -> TransportError {
    match words {
        ["timeout"] => TransportError::Timeout,
        ["cut"] => TransportError::Cut,
        ["redirected"] => TransportError::Redirected,
        ["unreachable"] => TransportError::Unreachable {
            message: "no network".into(),
        },
        _ => panic!("{words:?}"),
    }
}

/// `f1=yes f2=no`.
fn granted(words: &[&str]) -> Vec<(FlowId, bool)> {
    let each = words.iter().map(|word| word.split_once('=').unwrap());
    each.map(|(flow, answer)| (id(flow), answer == "yes")).collect()
}

fn event(name: &str, words: &[&str]) -> Event {
    match (name, words) {
        ("authorize", words) => Event::Authorize(new_flow(words, false)),
        ("renew", words) => Event::Renew(new_flow(words, true)),
        ("permissions", words) => Event::PermissionsChanged {
            granted: granted(words),
        },
        ("refused-hosts", [profile]) => Event::PermissionRefused((*profile).into()),
        ("checked", [flow, answer]) => Event::PermissionChecked {
            flow: id(flow),
            granted: *answer == "yes",
        },
        ("opened", [flow, number]) => Event::TabOpened {
            flow: id(flow),
            tab: tab(number),
        },
        ("navigated", [flow]) => Event::Navigated(id(flow)),
        ("blocked", [address, number]) => Event::RequestFailed {
            url: url(address),
            tab: tab(number),
        },
        ("redirected", [from, to]) => Event::Redirected {
            from: url(from),
            to: url(to),
        },
        ("asked", [flow, "redirect"]) => Event::Asked {
            flow: id(flow),
            answer: Ok(None),
        },
        ("asked", [flow, "error", words @ ..]) => Event::Asked {
            flow: id(flow),
            answer: Err(transport(words)),
        },
        ("asked", [flow, status, words @ ..]) => Event::Asked {
            flow: id(flow),
            answer: Ok(Some(response(status, words))),
        },
        ("shown", [address, number]) => Event::PageShown {
            url: url(address),
            tab: tab(number),
        },
        ("read", [flow, words @ ..]) => Event::PageRead {
            flow: id(flow),
            answer: response("400", words),
        },
        ("removed", [number]) => Event::TabRemoved(tab(number)),
        ("answered", [flow, "error", words @ ..]) => Event::TokenAnswered {
            flow: id(flow),
            answer: Err(transport(words)),
            code: None,
        },
        ("answered", [flow, "token", words @ ..]) => Event::TokenAnswered {
            flow: id(flow),
            answer: Ok(token_answer(words)),
            code: None,
        },
        ("answered", [flow, status, words @ ..]) => Event::TokenAnswered {
            flow: id(flow),
            answer: Ok(response(status, words)),
            code: None,
        },
        ("stored", [flow]) => Event::TokenStored(id(flow)),
        ("store-again", [profile]) => Event::StoreAgain((*profile).into()),
        ("cancel", [flow]) => Event::Cancel(id(flow)),
        ("dismiss", [profile]) => Event::Dismiss((*profile).into()),
        ("deleted", [profile, more @ ..]) => Event::ProfileDeleted {
            profile: (*profile).into(),
            for_good: more == ["for-good"],
        },
        ("lock", []) => Event::Lock,
        ("tick", []) => Event::Tick,
        ("online", []) => Event::Online,
        ("session-lost", words) => Event::SessionLost {
            notes: words.iter().map(|word| note(word)).collect(),
        },
        ("started", words) => started(words),
        ("failed", [flow, what]) => Event::EffectFailed {
            flow: id(flow),
            what: match *what {
                "tab" => Needed::Tab,
                "rules" => Needed::Rules,
                "storage" => Needed::Storage,
                _ => Needed::Other,
            },
            message: "the browser's words".into(),
        },
        _ => panic!("no event {name} {words:?}"),
    }
}

/// `stored f1 granted f2=yes rules 1 2`.
fn started(words: &[&str]) -> Event {
    let (mut stored, mut hosts, mut rules, mut list) = (Vec::new(), Vec::new(), Vec::new(), "");
    for word in words {
        match (*word, list) {
            (name @ ("stored" | "granted" | "rules"), _) => list = name,
            (flow, "stored") => stored.push(id(flow)),
            (pair, "granted") => hosts.extend(granted(&[pair])),
            (rule, "rules") => rules.push(match rule.strip_prefix('*') {
                Some(lasting) => LASTING + lasting.parse::<u32>().unwrap(),
                None => rule.parse().unwrap(),
            }),
            _ => panic!("{words:?}"),
        }
    }
    Event::WorkerStarted {
        stored,
        granted: hosts,
        rules,
    }
}

/// `f1:p1:1:+900000`: a flow, its profile, its first rule and until when; `over` and `quiet` may follow.
fn note(word: &str) -> Note {
    let words: Vec<&str> = word.split(':').collect();
    let [flow, profile, rule, until_ms, more @ ..] = words.as_slice() else {
        panic!("{word}");
    };
    Note {
        flow: id(flow),
        profile: (*profile).into(),
        way: if more.contains(&"quiet") {
            Way::QuietTab
        } else {
            Way::Tab
        },
        state_hash: State::new(format!("state-{flow}")).hash(),
        rule: LASTING + rule.parse::<u32>().unwrap(),
        until_ms: START + until_ms.parse::<u64>().unwrap(),
        over: more.contains(&"over"),
    }
}

/// `503 retry-after=120 body…`
fn response(status: &str, words: &[&str]) -> HttpResponse {
    let after = words.first().and_then(|word| word.strip_prefix("retry-after="));
    let words = &words[usize::from(after.is_some())..];
    let headers = after.map(|value| ("retry-after".to_owned(), value.replace('_', " ")));
    HttpResponse {
        status: status.parse().unwrap_or_else(|_| panic!("{status} is no status")),
        headers: headers.into_iter().collect(),
        body: words.join(" ").into_bytes(),
        truncated: false,
    }
}

fn token_answer(words: &[&str]) -> HttpResponse {
    let mut body = serde_json::json!({"access_token": "AQX-new", "expires_in": 3600});
    for word in words {
        match *word {
            "refresh" => body["refresh_token"] = "AQW-new".into(),
            member => body["id_token"] = id_token(member).expose().into(),
        }
    }
    let mut response = response("200", &[]);
    response.body = body.to_string().into_bytes();
    response
}

/// Times as they differ from the start of the script.
fn after(at_ms: u64) -> String {
    let at_ms = i128::from(at_ms) - i128::from(START);
    format!("{at_ms:+}")
}

fn said(finding: &Finding) -> String {
    let mut text = finding.code.clone();
    if let (RENEWAL_FAILED, Some(reason)) = (text.as_str(), finding.args.first()) {
        text = format!("{text} by {reason}");
    }
    let _ = write!(text, " ({:?})", finding.fix);
    if let Some(evidence) = &finding.evidence {
        let _ = write!(text, " “{}”", evidence.replace('\n', " / "));
    }
    text
}

fn effect_line(effect: &Effect) -> String {
    let ids = |ids: Vec<u32>| ids.into_iter().map(rule_name).collect::<Vec<_>>().join(" ");
    match effect {
        Effect::Persist => "persist".into(),
        Effect::OpenTab { flow, active } => {
            format!("open tab {} {}", flow.0, if *active { "active" } else { "inactive" })
        }
        Effect::Ask { flow, url } => format!("ask {} {}", flow.0, state_in(url)),
        Effect::ReadPage { flow, url } => format!("read page {} {}", flow.0, state_in(url)),
        Effect::AddRules { flow, rules } => {
            let rules = rules.iter().map(|rule| rule.id).collect();
            format!("add rules {} {}", flow.0, ids(rules))
        }
        Effect::RemoveRules(rules) => format!("remove rules {}", ids(rules.clone())),
        Effect::Navigate { flow, tab, url } => format!("navigate {} {} {}", flow.0, tab.0, state_in(url)),
        Effect::CheckPermission { flow, hosts } => format!("check {} {}", flow.0, hosts.join(" ")),
        Effect::Exchange { flow, request, .. } => {
            let body = String::from_utf8_lossy(request.body.expose());
            let grant = body.split('&').find_map(|pair| pair.strip_prefix("grant_type="));
            let sent = body
                .split('&')
                .find(|pair| pair.starts_with("code=") || pair.starts_with("refresh_token="));
            format!(
                "post {} {} {}",
                flow.0,
                grant.unwrap_or_default(),
                sent.unwrap_or_default()
            )
        }
        Effect::StoreToken { flow, profile, token } => format!("store {} {profile} {}", flow.0, token_line(token)),
        Effect::ShowResult { flow, beside } => format!("show result {} beside {}", flow.0, beside.0),
        Effect::CloseTab(tab) => format!("close tab {}", tab.0),
        Effect::SetAlarm(at_ms) => format!("alarm {}", at_ms.map_or("none".into(), after)),
    }
}

/// A rule that outlives the session is called by its flow's first one: `*1`.
fn rule_name(id: u32) -> String {
    if Rule::lasts(id) {
        format!("*{}", id - LASTING)
    } else {
        id.to_string()
    }
}

fn state_in(address: &str) -> String {
    let url = Url::parse(address).unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state");
    state.map(|(_, state)| state.into_owned()).unwrap_or_default()
}

fn token_line(stored: &StoredToken) -> String {
    let token = &stored.token;
    let mut line = format!("{} by {}", token.access_token.expose(), stored.flow.0);
    if let Some(refresh_token) = &token.refresh_token {
        let _ = write!(line, ", {}", refresh_token.expose());
    }
    for (name, at_ms) in [
        ("expires", token.expires_ms),
        ("refused", token.refresh_refused_ms),
        ("again until", token.refresh_again_until_ms),
    ] {
        if let Some(at_ms) = at_ms {
            let _ = write!(line, ", {name} {}", after(at_ms));
        }
    }
    line
}

fn flow_line(flow: &Flow) -> String {
    let phase = match &flow.phase {
        Phase::Captured {
            tabs,
            code,
            waiting_for_permission,
        } => {
            let tabs: Vec<i32> = tabs.iter().map(|tab| tab.0).collect();
            let waits = if *waiting_for_permission {
                ", waits for hosts"
            } else {
                ""
            };
            format!("captured {} in {tabs:?}{waits}", code.expose())
        }
        Phase::AwaitingRedirect { tab, navigated } => {
            format!(
                "awaits redirect in {}{}",
                tab.0,
                if *navigated { "" } else { ", not yet there" }
            )
        }
        phase => format!("{phase:?}"),
    };
    let mut line = format!(
        "{} of {}: {:?}, {phase}, until {}",
        flow.id.0,
        flow.profile(),
        flow.way,
        after(flow.deadline_ms)
    );
    if let Some(wake_ms) = flow.wake_ms {
        let _ = write!(line, ", look {}", after(wake_ms));
    }
    if let Some(setback) = &flow.setback {
        let _ = write!(line, ", set back by {}", said(setback));
    }
    if flow.superseded {
        line.push_str(", superseded");
    }
    if let Some((token, finding)) = flow.refused() {
        let _ = write!(line, ", holds {}: {}", token_line(token), said(finding));
    }
    line
}

/// What the engine keeps, a line each.
fn kept(engine: &Engine) -> Vec<String> {
    let mut lines: Vec<String> = engine.flows.iter().map(flow_line).collect();
    for guard in &engine.guards {
        let rules: Vec<String> = guard.rules.iter().copied().map(rule_name).collect();
        let redeemed = if guard.redeemed { ", redeemed" } else { "" };
        let line = format!(
            "guard of {}: {} until {}{redeemed}",
            guard.flow.0,
            rules.join(" "),
            after(guard.until_ms)
        );
        lines.push(line);
    }
    for note in &engine.notes {
        let Note {
            flow,
            profile,
            way,
            rule,
            until_ms,
            over,
            ..
        } = note;
        let over = if *over { ", over" } else { "" };
        let (rule, until) = (rule_name(*rule), after(*until_ms));
        lines.push(format!(
            "note of {} of {profile}: {way:?}, {rule} until {until}{over}",
            flow.0
        ));
    }
    for ended in &engine.ended {
        let steps: Vec<String> = ended
            .steps
            .iter()
            .map(|step| format!("{:?} {}", step.name, after(step.at_ms)))
            .collect();
        let mut line = format!(
            "ended {} of {}, {:?}, {}",
            ended.flow.0,
            ended.profile,
            ended.way,
            after(ended.at_ms)
        );
        if ended.renewal {
            line.push_str(", a renewal");
        }
        let _ = write!(line, ": {}", ended.finding.as_ref().map_or("token".into(), said));
        if let Some(retry_ms) = engine.renewal_retry_ms(&ended.profile) {
            let _ = write!(line, ", again {}", after(retry_ms));
        }
        let _ = write!(line, " [{}]", steps.join(", "));
        lines.push(line);
    }
    lines
}

/// Runs a script: its events with what they give.
fn run(script: &str) -> String {
    let mut engine = Engine::default();
    let mut now_ms = START;
    let mut before = Vec::new();
    let mut posted = BTreeMap::new();
    let mut out = String::new();
    for line in script.lines() {
        let Some(words) = line.strip_prefix("> ") else { continue };
        let _ = writeln!(out, "{line}");
        let mut words: Vec<&str> = words.split(' ').collect();
        if let Some(later_ms) = words[0].strip_prefix('+') {
            now_ms += later_ms.parse::<u64>().unwrap();
            words.remove(0);
        }
        let mut event = event(words[0], &words[1..]);
        if let Event::TokenAnswered { flow, code, .. } = &mut event {
            *code = posted.remove(flow);
        }
        let effects = engine.step(now_ms, event);
        for effect in &effects {
            let _ = writeln!(out, "  {}", effect_line(effect));
            if let Effect::Exchange {
                flow, code: Some(code), ..
            } = effect
            {
                posted.insert(flow.clone(), code.clone());
            }
        }
        let now = kept(&engine);
        for line in &now {
            if !before.contains(line) {
                let _ = writeln!(out, "    {line}");
            }
        }
        if now.is_empty() && !before.is_empty() {
            let _ = writeln!(out, "    nothing is left");
        }
        before = now;
    }
    out
}

#[test]
fn scripts_give_what_they_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for script in SCRIPTS.split("\n## ").skip(1) {
        let (title, script) = script.split_once('\n').unwrap();
        let lines = script.lines().filter(|line| line.starts_with(['>', ' ']));
        let wanted = lines.fold(String::new(), |wanted, line| wanted + line + "\n");
        count += 1;
        let found = run(script);
        if found != wanted {
            wrong.push(format!("## {title}\n\n{found}"));
        }
    }
    assert!(count > 20, "{count} scripts");
    assert!(wrong.is_empty(), "these give something else:\n\n{}", wrong.join("\n"));
}

#[test]
fn a_token_is_stored_with_the_app_that_it_was_issued_to() {
    let mut engine = Engine::default();
    for words in [["f1", "p1", "linkedin-application"], ["f2", "p2", "linkedin"]] {
        let new = new_flow(&[words.as_slice(), &["refresh"]].concat(), true);
        engine.step(START, Event::Renew(new));
        let answer = Event::TokenAnswered {
            flow: id(words[0]),
            answer: Ok(token_answer(&[])),
            code: None,
        };
        let effects = engine.step(START, answer);
        let stored = effects.iter().find_map(|effect| match effect {
            Effect::StoreToken { token, .. } => token.token.issued_to.clone(),
            _ => None,
        });
        assert_eq!(stored, Some([words[2], " 78abcdefghijkl"].concat()));
    }
}

#[test]
fn a_renewal_that_reached_nobody_waits_for_a_network_and_no_other_does() {
    let mut engine = Engine::default();
    let mut now_ms = START;
    for (answer, waits) in [
        (Err(TransportError::TooLarge), false),
        (
            Err(TransportError::Unreachable {
                message: "no network".into(),
            }),
            true,
        ),
        (Ok(token_answer(&[])), false),
    ] {
        engine.step(
            now_ms,
            Event::Renew(new_flow(&["f1", "p1", "linkedin", "refresh"], true)),
        );
        for flow in ["f1", "f1"] {
            let answer = Event::TokenAnswered {
                flow: id(flow),
                answer: answer.clone(),
                code: None,
            };
            engine.step(now_ms, answer);
        }
        engine.step(now_ms, Event::TokenStored(id("f1")));
        assert_eq!(
            (engine.flows.len(), engine.waits_for_network()),
            (0, waits),
            "{answer:?}"
        );
        now_ms += DAY_MS / 24;
    }
}

#[test]
fn a_token_that_storage_refused_is_found_by_its_profile_until_it_is_stored() {
    let mut engine = Engine::default();
    for [flow, profile] in [["f1", "p1"], ["f2", "p2"]] {
        let new = new_flow(&[flow, profile, "linkedin", "refresh"], true);
        engine.step(START, Event::Renew(new));
    }
    let found = |engine: &Engine| {
        let of = |profile: &str| {
            let refused = engine.unstored_of(profile);
            refused.map(|(token, finding)| (token.flow.0.clone(), finding.code.clone()))
        };
        (engine.unstored(), of("p1"), of("p2"))
    };
    let answer = Event::TokenAnswered {
        flow: id("f2"),
        answer: Ok(token_answer(&[])),
        code: None,
    };
    engine.step(START, answer);
    assert_eq!(found(&engine), (vec![], None, None), "it is just being stored");
    let refused = Event::EffectFailed {
        flow: id("f2"),
        what: Needed::Storage,
        message: "the disk is full".to_owned(),
    };
    engine.step(START, refused);
    let told = Some(("f2".to_owned(), "token_unsaved".into()));
    assert_eq!(found(&engine), (vec!["p2".to_owned()], None, told));
    engine.step(START, Event::TokenStored(id("f2")));
    assert_eq!(found(&engine), (vec![], None, None));
}

#[test]
fn the_newest_flow_of_a_profile_is_its_flow() {
    let mut engine = Engine::default();
    for (later_ms, words) in [
        (0, ["f1", "p1", "linkedin"]),
        (5, ["f2", "p1", "linkedin"]),
        (9, ["f3", "p2", "linkedin"]),
    ] {
        engine.step(START + later_ms, Event::Authorize(new_flow(&words, false)));
    }
    let of = |engine: &Engine, profile: &str| engine.flow_of(profile).map(|flow| flow.id.0.clone());
    assert_eq!(of(&engine, "p1").as_deref(), Some("f2"));
    assert_eq!(of(&engine, "p2").as_deref(), Some("f3"));
    assert_eq!(of(&engine, "p3"), None);
    engine.flows[1].superseded = true;
    assert_eq!(of(&engine, "p1").as_deref(), Some("f1"));
}

#[test]
fn there_are_so_many_flows_and_no_more() {
    let mut engine = Engine::default();
    for number in 0..FLOWS_AT_MOST {
        let words = [format!("f{number}"), format!("p{number}"), "linkedin".to_owned()];
        engine.step(
            START,
            Event::Authorize(new_flow(&words.each_ref().map(String::as_str), false)),
        );
    }
    assert_eq!(engine.flows.len(), FLOWS_AT_MOST);
    assert!(engine.ended.is_empty());
    let effects = engine.step(START, Event::Authorize(new_flow(&["last", "last", "linkedin"], false)));
    assert_eq!(engine.flows.len(), FLOWS_AT_MOST);
    assert_eq!(
        said(engine.ended[0].finding.as_ref().unwrap()),
        "too_many_flows (AuthorizeAgain)"
    );
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::OpenTab { .. })));
}

/// Those whose code is used up go first, then those that end first.
#[test]
fn there_are_so_many_guards_and_no_more() {
    let mut engine = Engine::default();
    let guard = |number: u32, redeemed| Guard {
        flow: FlowId(format!("f{number}")),
        rules: vec![number],
        until_ms: START + u64::from(number),
        redeemed,
    };
    let most = u32::try_from(GUARDS_AT_MOST).unwrap();
    engine.guards = (1..=most).map(|number| guard(number, number == 300)).collect();
    assert!(engine.step(START, Event::Tick).is_empty());
    assert_eq!(engine.guards.len(), GUARDS_AT_MOST);
    engine.guards.push(guard(most + 1, false));
    engine.guards.push(guard(most + 2, true));
    engine.guards.push(guard(most + 3, false));
    let effects: Vec<String> = engine.step(START, Event::Tick).iter().map(effect_line).collect();
    assert_eq!(effects[0], "persist");
    assert_eq!(effects[2], format!("remove rules 300 {} 1", most + 2));
    assert_eq!(engine.guards.len(), GUARDS_AT_MOST);
}

#[test]
fn a_refused_effect_stops_what_its_flow_had_coming() {
    let mut engine = Engine::default();
    for words in [["f1", "p1", "linkedin"], ["f2", "p2", "linkedin"]] {
        engine.step(START, Event::Authorize(new_flow(&words, false)));
    }
    let coming = || {
        let open = |flow| Effect::OpenTab {
            flow: id(flow),
            active: true,
        };
        vec![
            open("f1"),
            Effect::CloseTab(TabId(3)),
            open("f2"),
            open("f1"),
            open("gone"),
        ]
    };
    let left = |rest: &[Effect]| rest.iter().map(effect_line).collect::<Vec<_>>().join("; ");
    let blamed = |blamed: Vec<(FlowId, Needed)>| {
        let each = blamed.iter().map(|(flow, what)| format!("{} {what:?}", flow.0));
        each.collect::<Vec<_>>().join("; ")
    };
    let all = left(&coming());

    let mut rest = coming();
    assert_eq!(
        blamed(engine.refused(Some((id("f1"), Needed::Rules)), false, &mut rest)),
        "f1 Rules"
    );
    assert_eq!(left(&rest), "close tab 3; open tab f2 active; open tab gone active");

    let mut rest = coming();
    assert_eq!(
        blamed(engine.refused(Some((id("gone"), Needed::Tab)), false, &mut rest)),
        ""
    );
    assert_eq!(left(&rest), all, "there is only tidying left");

    let mut rest = coming();
    assert_eq!(blamed(engine.refused(None, false, &mut rest)), "");
    assert_eq!(left(&rest), all, "a refusal that is harmless");

    let mut rest = coming();
    assert_eq!(blamed(engine.refused(None, true, &mut rest)), "f1 Storage; f2 Storage");
    assert_eq!(left(&rest), "close tab 3; open tab gone active");
}

#[test]
fn a_flow_knows_what_nobody_else_may_see_of_it_a_captured_code_too() {
    let mut engine = Engine::default();
    for (name, words) in [
        ("renew", ["f1", "p1", "linkedin"].as_slice()),
        ("redirected", &["auth?state=state-f1", "cb?code=c1&state=state-f1"]),
    ] {
        engine.step(START, event(name, words));
    }
    let flow = engine.flow_of("p1").unwrap();
    assert!(matches!(flow.phase, Phase::Captured { .. }), "{:?}", flow.phase);
    for secret in ["c1", "state-f1", "AQX-old"] {
        assert!(flow.secrets().contains(&secret), "{secret}");
    }
}
