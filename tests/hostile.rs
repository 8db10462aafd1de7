//! The hostile answers of `tests/vectors/hostile/answers.json` that a browser hands on, through the crate's own parsers and
//! its diagnosis. What a browser makes of the others is for `tests/e2e/hostile.test.mjs`.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tokenkeep::diagnosis::{Failure, Finding, Grant, RequestFacts, TransportError, diagnose, diagnose_renewal};
use tokenkeep::flow::{Answer, Check, FlowId, StoredToken, Subject};
use tokenkeep::oauth::{
    ClientSecret, Expected, HttpResponse, RedirectError, RedirectUri, RefreshToken, Scopes, State, form,
    parse_authorization_response, parse_token_response,
};
use tokenkeep::profile::{Look, Profile, TokenRecord};
use tokenkeep::provider::{self, Provider};
use url::Url;

const NOW_MS: u64 = 1_790_000_000_000;
const STATE: &str = "Jx9-wq_0kU3sT5vB7nM1pQ2rZ4yA6cE8gI0oL3fHdWs";
const REDIRECT_URI: &str = "https://app.tokenkeep.test/callback";
/// Stands in every secret, as it is in every form of it.
const MARK: &str = "Hidd3n";
const GROUPS: [&str; 7] = [
    "client",
    "refresh",
    "code",
    "redirect",
    "userinfo",
    "rest",
    "introspection",
];

fn table() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/hostile/answers.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(group: &str) -> Vec<Value> {
    table()[group].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// What only a client and the server know, with characters that every way of writing writes in another way.
struct Secrets {
    client_secret: String,
    refresh_token: String,
    access_token: String,
}

impl Secrets {
    fn of(group: &str) -> Self {
        let value = |kind: &str| format!("{MARK}{kind}&\"{group}0\"/+<>==");
        Self {
            client_secret: value("c"),
            refresh_token: value("r"),
            access_token: value("a"),
        }
    }

    fn get(&self, name: &str) -> &str {
        match name {
            "client_secret" => &self.client_secret,
            "refresh_token" => &self.refresh_token,
            "access_token" => &self.access_token,
            _ => panic!("no secret is called {name}"),
        }
    }

    fn all(&self) -> [&str; 3] {
        [&self.client_secret, &self.refresh_token, &self.access_token]
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{client_secret}}", &self.client_secret)
            .replace("{{access_token}}", &self.access_token)
            .replace("{{redirect_uri}}", REDIRECT_URI)
            .replace("{{state}}", STATE)
            .replace("{{code}}", "AQcode123code456")
    }
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn json_text(text: &str) -> String {
    let quoted = json!(text).to_string();
    quoted[1..quoted.len() - 1].replace('/', "\\/")
}

fn written(how: &str, text: &str) -> String {
    match how {
        "plain" => text.to_owned(),
        "form" => form::encode(text),
        "percent" => form::encode_percent(text),
        "html" => html(text),
        "json" => json_text(text),
        "json-json" => json_text(&json_text(text)),
        _ => panic!("nobody writes {how}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn part(part: &Value, secrets: &Secrets) -> Vec<u8> {
    let times = || usize::try_from(part["times"].as_u64().unwrap()).unwrap();
    if let Some(text) = part.as_str() {
        return secrets.fill(text).into_bytes();
    }
    if let Some(digits) = part["hex"].as_str() {
        return hex(digits);
    }
    if let Some(text) = part["repeat"].as_str() {
        return text.repeat(times()).into_bytes();
    }
    if let Some(text) = part["numbers"].as_str() {
        let all: String = (0..times()).map(|n| text.replace('%', &n.to_string())).collect();
        return all.into_bytes();
    }
    written(text(part, "as"), secrets.get(text(part, "secret"))).into_bytes()
}

fn utf16(body: &[u8], mark: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = format!("{mark}{}", std::str::from_utf8(body).unwrap());
    text.encode_utf16().flat_map(bytes).collect()
}

/// The answer as a browser hands it on; none where it hands on none.
fn response(answer: &Value, secrets: &Secrets) -> Option<HttpResponse> {
    let parts = match &answer["body"] {
        Value::Null => return None,
        Value::Array(parts) => parts.clone(),
        one => vec![one.clone()],
    };
    let mut body: Vec<u8> = parts.iter().flat_map(|own| part(own, secrets)).collect();
    for encoding in answer["encode"].as_array().into_iter().flatten() {
        match encoding.as_str().unwrap() {
            "utf-16le-bom" => body = utf16(&body, "\u{FEFF}", u16::to_le_bytes),
            "utf-16be" => body = utf16(&body, "", u16::to_be_bytes),
            // Nobody unpacks what is not called packed.
            "gzip-quiet" => body = hex("1f8b0800000000000003ab564a4c4e4e2d2e"),
            _ => {}
        }
    }
    if let Some(length) = answer["length"].as_u64() {
        body.truncate(usize::try_from(length).unwrap());
    }
    let lines = |name: &str| -> Option<Vec<String>> {
        let lines = answer[name].as_array()?;
        Some(lines.iter().map(|line| secrets.fill(line.as_str().unwrap())).collect())
    };
    let head = lines("head").unwrap_or_default();
    let status_line = head
        .iter()
        .find(|line| line.starts_with("HTTP/") || line.starts_with("ICY "));
    let status = match status_line {
        Some(line) => line.split(' ').nth(1).unwrap().parse().unwrap(),
        None => text(answer, "status").split(' ').next().unwrap().parse().unwrap_or(200),
    };
    if matches!(status, 204 | 205 | 304) {
        body.clear();
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    let default = vec!["Content-Type: application/json".to_owned()];
    for line in lines("headers").unwrap_or(if head.is_empty() { default } else { head }) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        match headers.iter_mut().find(|(own, _)| *own == name) {
            Some((_, all)) => *all = [all, ", ", value].concat(),
            None => headers.push((name, value.to_owned())),
        }
    }
    Some(HttpResponse {
        status,
        headers,
        body,
        truncated: false,
    })
}

fn transport(expect: &Value) -> Option<TransportError> {
    Some(match expect["transport"].as_str()? {
        "cut" => TransportError::Cut,
        "timeout" => TransportError::Timeout,
        "redirected" => TransportError::Redirected,
        "too_large" => TransportError::TooLarge,
        "unreachable" => TransportError::Unreachable {
            message: "Failed to fetch".to_owned(),
        },
        other => panic!("no transport fails so: {other}"),
    })
}

/// What is wrong with a finding.
fn compared(finding: Option<&Finding>, expect: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let code = finding.map(|finding| finding.code.as_str());
    if code != expect["finding"].as_str() {
        wrong.push(format!("the finding is {finding:?} and not {}", expect["finding"]));
    }
    let Some(finding) = finding else { return wrong };
    let evidence = finding.evidence.as_deref().unwrap_or_default();
    let all = [&[evidence.to_owned()], finding.args.as_slice()].concat().join("\0");
    if !all.contains(text(expect, "evidence")) {
        wrong.push(format!("{all:?} lacks {}", expect["evidence"]));
    }
    for unwanted in expect["without"].as_array().into_iter().flatten() {
        if all.contains(unwanted.as_str().unwrap()) {
            wrong.push(format!("{all:?} has {unwanted}"));
        }
    }
    // Not even the beginning.
    if all.contains(&MARK[..4]) {
        wrong.push(format!("{all:?} has a secret"));
    }
    wrong
}

fn seconds(from_ms: u64, to_ms: Option<u64>) -> Value {
    json!(to_ms.map(|to_ms| (to_ms - from_ms) / 1000))
}

/// What is wrong with a token, by the members that the table names.
fn compared_token(token: &TokenRecord, expect: &Value, secrets: &Secrets) -> Vec<String> {
    let sign = match token.clock_skew_ms.map(i64::signum) {
        Some(1) => json!("ahead"),
        Some(-1) => json!("behind"),
        _ => Value::Null,
    };
    let scopes = token
        .scope_granted
        .as_ref()
        .map(|scopes| scopes.iter().collect::<Vec<_>>());
    let access_token = match &expect["access_token"] {
        Value::String(text) => text.clone(),
        run => text(run, "repeat").repeat(usize::try_from(run["times"].as_u64().unwrap()).unwrap()),
    };
    let mut wrong = Vec::new();
    if token.access_token.expose() != access_token {
        wrong.push("another access token".to_owned());
    }
    for (name, got) in [
        ("expires_in", seconds(token.obtained_ms, token.expires_ms)),
        ("scopes", json!(scopes.as_ref().map(Vec::len))),
        ("scope", json!(scopes)),
        (
            "refresh_token",
            json!(token.refresh_token.as_ref().map(RefreshToken::expose)),
        ),
        ("account", json!(token.account)),
        ("clock_skew", sign),
    ] {
        let Some(wanted) = expect.get(name) else { continue };
        let keeps = name == "refresh_token" && *wanted == json!("keeps");
        let wanted = if keeps {
            json!(secrets.refresh_token)
        } else {
            wanted.clone()
        };
        if got != wanted {
            wrong.push(format!("{name} is {got} and not {wanted}"));
        }
    }
    wrong
}

fn provider_of(group: &str) -> &'static Provider {
    let id = if group == "client" {
        "linkedin-application"
    } else {
        "linkedin"
    };
    provider::by_id(id).unwrap()
}

/// A stored token with the secrets of a case.
fn stored(secrets: &Secrets, scopes: &Scopes) -> TokenRecord {
    let body = json!({
        "access_token": secrets.access_token, "refresh_token": secrets.refresh_token, "expires_in": 5_000_000,
    });
    let answer = response(&json!({"body": body.to_string()}), secrets).unwrap();
    TokenRecord::from_response(&parse_token_response(&answer).unwrap(), scopes, NOW_MS - 3_600_000)
}

/// Asserts that nothing is wrong with any case; `check` says what is wrong with one, or none where a browser hands on nothing.
fn run(group: &str, at_least: usize, check: impl Fn(&Value, &Secrets) -> Option<Vec<String>>) {
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    let secrets = Secrets::of(group);
    for case in cases(group) {
        if case["expect"]["native"] == json!(false) {
            continue;
        }
        let Some(problems) = check(&case, &secrets) else {
            continue;
        };
        looked_at += 1;
        wrong.extend(
            problems
                .iter()
                .map(|problem| format!("{group} / {}: {problem}", text(&case, "name"))),
        );
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(looked_at >= at_least, "{looked_at} cases of {group}");
}

fn token_endpoint(group: &str, grant: Grant, at_least: usize) {
    let provider = provider_of(group);
    let scopes = Scopes::parse("openid profile email").unwrap();
    run(group, at_least, |case, secrets| {
        let expect = &case["expect"];
        let renewal = grant == Grant::RefreshToken;
        let request = RequestFacts::sent(provider, grant, None);
        let explain = |failure: &Failure| {
            if renewal {
                diagnose_renewal(failure, provider, &[], request)
            } else {
                diagnose(failure, provider, &[], request)
            }
        };
        if let Some(error) = transport(expect) {
            return Some(compared(Some(&explain(&Failure::Transport(error))), expect));
        }
        let response = response(&case["answer"], secrets)?;
        Some(match parse_token_response(&response) {
            Ok(token) => {
                let token = if renewal {
                    stored(secrets, &scopes).renewed(&token, NOW_MS)
                } else {
                    TokenRecord::from_response(&token, &scopes, NOW_MS)
                };
                let token = token.dated(response.date_ms(), NOW_MS);
                let mut wrong = compared(None, expect);
                wrong.extend(compared_token(&token, &expect["token"], secrets));
                wrong
            }
            Err(error) => {
                let mut known = secrets.all().to_vec();
                known.push("AQcode123code456");
                let failure = Failure::Token(error.without(&known));
                let mut wrong = compared(Some(&explain(&failure)), expect);
                if renewal && failure.is_dead_refresh_token() != expect["dead"].as_bool().unwrap_or_default() {
                    wrong.push("given up, or not".to_owned());
                }
                wrong
            }
        })
    });
}

#[test]
fn the_token_endpoint_after_client_credentials() {
    token_endpoint("client", Grant::ClientCredentials, 240);
}

#[test]
fn the_token_endpoint_after_a_refresh_token() {
    token_endpoint("refresh", Grant::RefreshToken, 20);
}

#[test]
fn the_token_endpoint_after_a_code() {
    token_endpoint("code", Grant::AuthorizationCode, 7);
}

#[test]
fn the_authorization_endpoint() {
    let provider = provider_of("redirect");
    let redirect_uri = RedirectUri::parse(REDIRECT_URI).unwrap();
    let state = State::new(STATE);
    run("redirect", 45, |case, secrets| {
        let expect = &case["expect"];
        let answer = response(&case["answer"], secrets)?;
        let to = Url::parse(answer.header("location")?).unwrap();
        let failure = if redirect_uri.is_at(&to) {
            let expected = Expected {
                redirect_uri: &redirect_uri,
                state: &state,
                issuer: Some(provider.issuer),
                iss_required: false,
            };
            match parse_authorization_response(&to, &expected) {
                Ok(code) => {
                    let empty = code.expose().is_empty();
                    let mut wrong = compared(None, expect);
                    wrong.extend(empty.then(|| "an empty code".to_owned()));
                    return Some(wrong);
                }
                Err(RedirectError::Authorization(error)) if error.wants_person() => Failure::NeedsClick,
                Err(error) => Failure::Redirect(error),
            }
        } else {
            // A code that goes elsewhere is nobody's.
            Failure::NeedsClick
        };
        let finding = diagnose_renewal(&failure, provider, &[], RequestFacts::of(provider));
        let mut wrong = compared(Some(&finding), expect);
        if format!("{finding:?}").contains(STATE) {
            wrong.push("the state is shown".to_owned());
        }
        Some(wrong)
    });
}

/// A test of a token: `call` and `introspection` as they are asked for in the product.
fn checked(group: &str, scope: &str, at_least: usize) {
    let provider = provider_of(group);
    let scopes = Scopes::parse(scope).unwrap();
    run(group, at_least, |case, secrets| {
        let expect = &case["expect"];
        let answer: Answer = match transport(expect) {
            Some(error) => Err(error),
            None => Ok(response(&case["answer"], secrets)?),
        };
        let subject = Subject {
            provider,
            profile: Profile {
                id: "p".to_owned(),
                name: "P".to_owned(),
                provider: provider.id.to_owned(),
                client_id: "77x".to_owned(),
                redirect_uri: RedirectUri::parse(REDIRECT_URI).unwrap(),
                scopes: scopes.clone(),
                renew_automatically: false,
                renew_in_tab: false,
                copy_as: None,
                look: Look::default(),
                created_ms: 0,
                first_app: None,
            },
            client_secret: Some(ClientSecret::new(secrets.client_secret.clone())),
            stored: StoredToken {
                flow: FlowId("f".to_owned()),
                token: stored(secrets, &scopes),
            },
        };
        let (call, asked) = if group == "introspection" {
            (None, Some(&answer))
        } else {
            (Some(&answer), None)
        };
        assert_eq!(subject.call(NOW_MS).is_some(), call.is_some(), "{group} is asked");
        let check = Check::new(FlowId("f".to_owned())).answered(&subject, NOW_MS, call, asked);
        let mut wrong = compared(check.finding.as_ref(), expect);
        let account = check.account.as_ref();
        let introspection = check.introspection.as_ref();
        for (name, got) in [
            ("sub", json!(account.map(|account| &account.sub))),
            ("name", json!(account.and_then(|account| account.name.as_ref()))),
            ("email", json!(account.and_then(|account| account.email.as_ref()))),
        ] {
            if let Some(wanted) = expect["account"].get(name)
                && *wanted != got
            {
                wrong.push(format!("{name} is {got} and not {wanted}"));
            }
        }
        for (name, got) in [
            ("active", json!(introspection.map(|said| said.active))),
            ("status", json!(introspection.and_then(|said| said.status.as_ref()))),
            (
                "expires_at",
                json!(introspection.and_then(|said| said.expires_ms).map(|ms| ms / 1000)),
            ),
        ] {
            if let Some(wanted) = expect["introspection"].get(name)
                && *wanted != got
            {
                wrong.push(format!("{name} is {got} and not {wanted}"));
            }
        }
        Some(wrong)
    });
}

#[test]
fn userinfo() {
    checked("userinfo", "openid profile email", 25);
}

#[test]
fn the_rest_api() {
    checked("rest", "rw_organization_admin", 18);
}

#[test]
fn introspection() {
    checked("introspection", "w_member_social", 27);
}

/// The table is what it says it is: many answers, each another one, each with what has to come of it.
#[test]
fn the_table_is_whole() {
    let mut answers = HashSet::new();
    let mut all = 0;
    for group in GROUPS {
        let mut names = HashSet::new();
        for case in cases(group) {
            all += 1;
            let name = text(&case, "name").to_owned();
            assert!(names.insert(name.clone()), "{group} / {name} twice");
            if group != "code" {
                assert!(
                    answers.insert((group, case["answer"].to_string())),
                    "{group} / {name}: the answer is another's"
                );
            }
            let expect = case["expect"].as_object().unwrap();
            let says = ["finding", "token", "account", "introspection", "works"];
            assert!(
                says.iter().any(|what| expect.contains_key(*what)),
                "{group} / {name} expects nothing"
            );
            if expect.contains_key("chromium") || expect.contains_key("firefox") {
                assert!(
                    !text(&case["expect"], "why").is_empty(),
                    "{group} / {name}: browsers differ, and nobody says why"
                );
            }
        }
    }
    assert!(all >= 150, "{all} answers");
}
