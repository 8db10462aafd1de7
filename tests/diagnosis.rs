//! Runs the files of tests/vectors/diagnosis: one for each error answer and each symptom of linkedin.md, evidence in and
//! finding out. A symptom that an extension can't see has a file that says why.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokenkeep::diagnosis::{
    Failure, Finding, Grant, Needed, RENEWAL_FAILED, RequestFacts, RestEvidence, TokenFacts, TransportError, diagnose,
    diagnose_call, diagnose_exchange, diagnose_introspection, diagnose_lifetime, diagnose_pasted,
    diagnose_redirect_uri, diagnose_renewal, diagnose_rest, diagnose_revocation, diagnose_strange_answer,
    diagnose_unasked, diagnose_unregistered, diagnose_words, error_page, issued_to_another_app, secret_looks_damaged,
};
use tokenkeep::oauth::{
    ClientAuthentication, Expected, HttpResponse, RedirectUri, Scopes, State, parse_authorization_response,
    parse_token_response,
};
use tokenkeep::provider::{self, Provider};
use url::Url;

const STATE: &str = "Jx9-wq_0kU3sT5vB7nM1pQ2rZ4yA6cE8gI0oL3fHdWs";

/// A secret that nothing but the list of known secrets can tell from a word.
const KNOWN_CANARY: &str = "canary-known";
/// Nobody lists these; their shape gives them away.
const SHAPED_CANARIES: [&str; 3] = [
    "AQVcanary0123456789_-abcdefghij",
    "WPL_AP1.canary0123456789.ab12cd==",
    "eyJcanaryJhbGciOiJS.eyJpc3MiOiJodHRw.canary",
];

fn files() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/diagnosis");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let file = serde_json::from_str(&fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, file)
        })
        .collect()
}

fn cases(file: &Value) -> &[Value] {
    file["cases"].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// An answer. A body that is no text is written as JSON.
fn response(answer: &Value) -> HttpResponse {
    let body = match &answer["body"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        json => json.to_string(),
    };
    let headers = answer["headers"].as_object().into_iter().flatten();
    let mut headers: Vec<(String, String)> = headers
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    headers.push((
        "content-type".to_owned(),
        answer["content_type"].as_str().unwrap_or("application/json").to_owned(),
    ));
    HttpResponse {
        status: answer["status"].as_u64().unwrap().try_into().unwrap(),
        headers,
        body: body.into_bytes(),
        truncated: false,
    }
}

fn request(evidence: &Value, provider: &Provider) -> RequestFacts {
    let request = &evidence["request"];
    let known = RequestFacts::of(provider);
    RequestFacts {
        grant: match text(request, "grant") {
            "refresh_token" => Grant::RefreshToken,
            "client_credentials" => Grant::ClientCredentials,
            _ => Grant::AuthorizationCode,
        },
        authentication: serde_json::from_value::<Option<ClientAuthentication>>(request["authentication"].clone())
            .unwrap()
            .unwrap_or(known.authentication),
        verifier_sent: request["verifier_sent"].as_bool().unwrap_or(known.verifier_sent),
        secret_damaged: secret_looks_damaged(text(request, "client_secret")),
    }
}

fn failure(evidence: &Value) -> Failure {
    let refused = |what| Failure::Refused {
        what,
        message: "no".to_owned(),
    };
    match text(evidence, "failure") {
        "permission_refused" => Failure::PermissionRefused,
        "permission_removed" => Failure::PermissionRemoved,
        "tab_closed" => Failure::TabClosed,
        "cancelled" => Failure::Cancelled,
        "timed_out" => Failure::TimedOut,
        "interrupted" => Failure::Interrupted,
        "outcome_unknown" => Failure::OutcomeUnknown,
        "too_many_flows" => Failure::TooManyFlows,
        "needs_click" => Failure::NeedsClick,
        "other_member" => Failure::OtherMember {
            old: "Member One".to_owned(),
            new: "Member Two".to_owned(),
        },
        "error_page" => Failure::ErrorPage {
            words: error_page(text(evidence, "page").as_bytes(), true).unwrap(),
        },
        "storage" => refused(Needed::Storage),
        "unstored" => Failure::Unstored {
            message: "no".to_owned(),
        },
        "tab" => refused(Needed::Tab),
        "rules" => refused(Needed::Rules),
        "other" => refused(Needed::Other),
        "timeout" => Failure::Transport(TransportError::Timeout),
        "redirected" => Failure::Transport(TransportError::Redirected),
        "too_large" => Failure::Transport(TransportError::TooLarge),
        "cut" => Failure::Transport(TransportError::Cut),
        "unreachable" => Failure::Transport(TransportError::Unreachable {
            message: "Failed to fetch".to_owned(),
        }),
        other => panic!("{other} is no failure"),
    }
}

/// The token beside an answer: `age_s` seconds old, `lives_s` long, with these scopes.
fn with_token<T>(token: &Value, use_it: impl FnOnce(&TokenFacts<'_>) -> T) -> T {
    const OBTAINED_MS: u64 = 1_790_000_000_000;
    let ms = |name: &str| token[name].as_u64().map(|seconds| seconds * 1000);
    let granted = Scopes::from_answer(text(token, "scope"));
    use_it(&TokenFacts {
        obtained_ms: OBTAINED_MS,
        expires_ms: ms("lives_s").map(|lives| OBTAINED_MS + lives),
        now_ms: OBTAINED_MS + ms("age_s").unwrap_or(86_400_000),
        granted: &granted,
        has_refresh_token: token["refresh_lives_s"].is_u64(),
        refresh_expires_ms: ms("refresh_lives_s").map(|lives| OBTAINED_MS + lives),
    })
}

fn finding(evidence: &Value) -> Option<Finding> {
    let provider = provider::by_id(evidence["provider"].as_str().unwrap_or("linkedin")).unwrap();
    let hosts = ["www.linkedin.com".to_owned(), "app.example.com".to_owned()];
    let secrets = [KNOWN_CANARY];
    let answer = &evidence["answer"];
    let renewal = RequestFacts::sent(provider, Grant::RefreshToken, None);
    Some(match text(evidence, "kind") {
        "failure" => {
            let finding = diagnose(&failure(evidence), provider, &hosts, RequestFacts::of(provider));
            diagnose_unregistered(finding, provider, text(evidence, "redirect_uri"))
        }
        "renewal failure" => diagnose_renewal(&failure(evidence), provider, &hosts, renewal),
        "renewal answer" => {
            let error = parse_token_response(&response(answer)).unwrap_err().without(&secrets);
            diagnose_renewal(&Failure::Token(error), provider, &hosts, renewal)
        }
        "callback" => {
            let redirect_uri = RedirectUri::parse("https://app.example.com/callback").unwrap();
            let expect = Expected {
                redirect_uri: &redirect_uri,
                state: &State::new(STATE),
                issuer: Some(provider.issuer),
                iss_required: evidence["iss_required"] == true,
            };
            let callback = text(evidence, "callback").replace("{state}", STATE);
            let error = parse_authorization_response(&Url::parse(&callback).unwrap(), &expect).unwrap_err();
            diagnose(&Failure::Redirect(error), provider, &hosts, RequestFacts::of(provider))
        }
        "token answer" => {
            let error = parse_token_response(&response(answer)).unwrap_err().without(&secrets);
            let facts = request(evidence, provider);
            let finding = diagnose_exchange(&error, provider, facts);
            assert_eq!(diagnose(&Failure::Token(error), provider, &hosts, facts), finding);
            finding
        }
        "REST answer" => {
            let read = RestEvidence::read(&response(answer), &secrets);
            with_token(&evidence["token"], |token| diagnose_rest(&read, provider, token))
        }
        "introspection answer" => return diagnose_introspection(&response(answer), provider, &secrets),
        "revocation answer" => return diagnose_revocation(&response(answer), provider, &secrets),
        "call failure" => match failure(evidence) {
            Failure::Transport(error) => diagnose_call(&error, "api.linkedin.com"),
            other => panic!("{other:?} is no failure of a call"),
        },
        "strange answer" => diagnose_strange_answer(&response(answer), &secrets),
        "unasked" => diagnose_unasked(&hosts),
        "profile of another app" => issued_to_another_app(),
        "token" => return with_token(&evidence["token"], diagnose_lifetime),
        "redirect URIs" => diagnose_redirect_uri(text(evidence, "sent"), text(evidence, "registered")),
        "words" => diagnose_words(text(evidence, "words"), provider),
        "pasted" => return diagnose_pasted(text(evidence, "pasted"), provider),
        other => panic!("{other} is no kind of evidence"),
    })
}

/// What a file expects: the evidence text of a finding only where the file names it.
fn shown(finding: Option<&Finding>, expected: &Value) -> Value {
    let Some(finding) = finding else { return Value::Null };
    let written = serde_json::to_value(finding).unwrap();
    assert_eq!(&serde_json::from_value::<Finding>(written).unwrap(), finding);
    let mut shown = json!({"code": finding.code, "args": finding.args, "fix": finding.fix});
    if expected.get("evidence").is_some() {
        shown["evidence"] = json!(finding.evidence);
    }
    shown
}

#[test]
fn evidence_in_findings_out() {
    let mut wrong = Vec::new();
    for (name, file) in files() {
        for (number, case) in cases(&file).iter().enumerate() {
            let got = shown(finding(&case["evidence"]).as_ref(), &case["finding"]);
            if got != case["finding"] {
                wrong.push(format!(
                    "{name} {number}\n  expected {}\n  got      {got}",
                    case["finding"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_file_names_its_source_and_has_cases_or_a_reason() {
    for (name, file) in files() {
        assert!(
            text(&file, "source").starts_with("linkedin.md section") || text(&file, "source").starts_with("RFC "),
            "{name}"
        );
        assert!(!text(&file, "about").is_empty(), "{name}");
        let reason = text(&file, "not_observable");
        assert_eq!(cases(&file).is_empty(), reason.len() > 40, "{name}");
    }
}

/// The 32 rows of linkedin.md section 10.
#[test]
fn every_symptom_has_its_file() {
    let files = files();
    let mut unseen = BTreeSet::new();
    for number in 1..=32 {
        let begins = format!("symptom_{number:02}_");
        let mut own = files.iter().filter(|(name, _)| name.starts_with(&begins));
        let (name, file) = own.next().unwrap_or_else(|| panic!("symptom {number} has no file"));
        assert!(own.next().is_none(), "symptom {number} has two files");
        assert!(
            text(file, "source").contains(&format!("section 10, row {number}")),
            "{name}"
        );
        if file.get("not_observable").is_some() {
            unseen.insert(number);
        }
    }
    // Nobody else may give up.
    assert_eq!(unseen, BTreeSet::from([31]));
    assert!(files.keys().filter(|name| name.starts_with("symptom_")).count() == 32);
}

/// What another program meets can only be pasted.
#[test]
fn symptoms_of_other_programs_can_be_pasted() {
    let files = files();
    for number in [1, 2, 3, 4, 6, 8, 11, 12, 19, 20, 21, 22, 23, 24, 25, 28, 29] {
        let begins = format!("symptom_{number:02}_");
        let (name, file) = files.iter().find(|(name, _)| name.starts_with(&begins)).unwrap();
        let pasted = cases(file)
            .iter()
            .any(|case| text(&case["evidence"], "kind") == "pasted");
        assert!(pasted, "{name}");
    }
}

/// An answer that is pasted as curl shows it is explained as the answer itself, of a token that nobody knows.
#[test]
fn a_pasted_answer_is_explained_as_the_answer_itself() {
    let mut tried = 0;
    for (name, file) in files() {
        for case in cases(&file) {
            let mut evidence = case["evidence"].clone();
            let kind = text(&evidence, "kind").to_owned();
            if !matches!(kind.as_str(), "REST answer" | "token answer") || evidence.get("provider").is_some() {
                continue;
            }
            let said = response(&evidence["answer"]);
            let rest_like = kind == "token answer" && !evidence["answer"]["body"]["serviceErrorCode"].is_null();
            if said.is_success() || rest_like {
                continue;
            }
            // Who asked for /v2/me had a token of OpenID Connect, as a rule.
            let body = String::from_utf8(said.body).unwrap();
            let of_me = ["access: me.", "access: partnerApiMe.", "GET /me"];
            let scope = if of_me.iter().any(|words| body.contains(words)) {
                "openid"
            } else {
                ""
            };
            evidence["token"] = json!({"age_s": 86_400, "scope": scope});
            let grant = evidence["request"]["grant"].clone();
            evidence["request"] = json!({"grant": grant});
            let expected = finding(&evidence).unwrap();
            let mut pasted = format!("HTTP/1.1 {} Some Reason\r\n", said.status);
            for (header, value) in &said.headers {
                pasted.extend([header, ": ", value, "\r\n"]);
            }
            if kind == "token answer" {
                let grant = grant.as_str().unwrap_or("authorization_code");
                pasted = format!("curl https://www.linkedin.com/oauth/v2/accessToken -d grant_type={grant}\n{pasted}");
            }
            pasted.push_str("\r\n");
            pasted.push_str(&body);
            let got = finding(&json!({"kind": "pasted", "pasted": pasted})).unwrap();
            tried += 1;
            let code = match expected.code.as_str() {
                "client_authentication_failed" => "pasted_client",
                "client_not_enabled" => "pasted_grant",
                "code_mismatch" => "pasted_code",
                "parameter_missing" => "pasted_parameter",
                code => code,
            };
            assert_eq!(got.code, code, "{name}\n{pasted}");
        }
    }
    assert!(tried > 50, "{tried}");
}

fn messages() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("extension/_locales/en/messages.json");
    let json: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let texts = json.as_object().unwrap().iter();
    texts
        .map(|(key, message)| {
            let mut text = text(message, "message").to_owned();
            for (name, place) in message["placeholders"].as_object().into_iter().flatten() {
                let mark = format!("${}$", name.to_uppercase());
                assert!(text.contains(&mark), "{key} does not use {name}");
                text = text.replace(&mark, place["content"].as_str().unwrap());
            }
            (key.clone(), text)
        })
        .collect()
}

/// A finding nobody can get needs no text, and a placeholder that nothing fills leaves a hole in a sentence.
#[test]
fn every_finding_is_reached_and_fills_its_texts() {
    let messages = messages();
    let mut reached = BTreeSet::new();
    let mut buttons = BTreeMap::new();
    for (name, file) in files() {
        for finding in cases(&file).iter().filter_map(|case| finding(&case["evidence"])) {
            let filled = |code: &str, part: &str, args: usize| {
                let key = format!("finding_{code}_{part}");
                let text = messages.get(&key).unwrap_or_else(|| panic!("{key} is missing"));
                for place in 1..=9 {
                    let used = text.contains(&format!("${place}"));
                    assert!(!used || place <= args, "{name}: {key} has no ${place}");
                }
            };
            for part in ["what", "why", "fix", "action"] {
                filled(&finding.code, part, finding.args.len());
            }
            if finding.code == RENEWAL_FAILED {
                filled(&finding.args[0], "what", finding.args.len() - 1);
            }
            // The button has one text, so it must be one button.
            let button = std::mem::discriminant(&finding.fix);
            let same = *buttons.entry(finding.code.clone()).or_insert(button) == button;
            assert!(same, "{name}: {} with {:?}", finding.code, finding.fix);
            reached.insert(finding.code);
        }
    }
    let codes = messages
        .keys()
        .filter_map(|key| key.strip_prefix("finding_")?.strip_suffix("_what"));
    let never: Vec<&str> = codes.filter(|code| !reached.contains(*code)).collect();
    assert!(never.is_empty(), "no vector reaches {never:?}");
}

/// What is pasted comes from another program: there is no profile to change.
#[test]
fn texts_for_what_is_pasted_speak_of_no_profile() {
    let messages = messages();
    for (name, file) in files() {
        let pasted = cases(&file)
            .iter()
            .filter(|case| text(&case["evidence"], "kind") == "pasted");
        for finding in pasted.filter_map(|case| finding(&case["evidence"])) {
            for part in ["what", "why", "fix"] {
                let said = &messages[&format!("finding_{}_{part}", finding.code)];
                for own in [
                    "this profile",
                    "the profile",
                    "scope here",
                    "scopes here",
                    "remove it here",
                ] {
                    assert!(!said.contains(own), "{name}: {said}");
                }
            }
        }
    }
}

/// The app's own token, and a renewal, are asked for without a code.
#[test]
fn texts_of_a_lost_answer_know_of_no_code() {
    let messages = messages();
    for code in ["token_timeout", "token_cut", "outcome_unknown"] {
        for part in ["what", "why", "fix"] {
            let said = &messages[&format!("finding_{code}_{part}")].to_lowercase();
            assert!(!said.contains("the code") && !said.contains("new code"), "{said}");
        }
    }
}

/// Adds the canaries to every text of an answer.
fn taint(value: &mut Value, canaries: &str) {
    match value {
        Value::String(text) => {
            text.push(' ');
            text.push_str(canaries);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| taint(item, canaries)),
        Value::Object(members) => members.values_mut().for_each(|member| taint(member, canaries)),
        _ => {}
    }
}

#[test]
fn no_finding_shows_a_secret_that_a_server_echoes() {
    let mut tried = 0;
    for (name, file) in files() {
        for case in cases(&file) {
            for canary in SHAPED_CANARIES.into_iter().chain([KNOWN_CANARY]) {
                let mut evidence = case["evidence"].clone();
                let kind = text(&evidence, "kind").to_owned();
                if evidence["answer"].is_object() {
                    taint(&mut evidence["answer"]["body"], canary);
                    taint(&mut evidence["answer"]["headers"], canary);
                    taint(&mut evidence["answer"]["content_type"], canary);
                } else if kind == "words" && canary != KNOWN_CANARY {
                    taint(&mut evidence["words"], canary);
                } else if kind == "pasted" {
                    let before = if canary == KNOWN_CANARY { "client_secret=" } else { "" };
                    taint(&mut evidence["pasted"], &[before, canary].concat());
                } else if kind == "callback" && canary != KNOWN_CANARY && text(&evidence, "callback").contains("error=")
                {
                    let tainted = text(&evidence, "callback")
                        .replace("error_description=", &format!("error_description={canary}+"));
                    evidence["callback"] = json!(tainted);
                } else {
                    continue;
                }
                tried += 1;
                let Some(finding) = finding(&evidence) else { continue };
                let shown = format!("{finding:?}").to_lowercase();
                assert!(!shown.contains("canary"), "{name}: {shown}");
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// The settling window is five minutes, and its end is exact.
#[test]
fn a_token_settles_for_five_minutes() {
    let evidence = |age_s: u64| {
        json!({"kind": "REST answer", "answer": {"status": 403, "body": {"code": "ACCESS_DENIED", "message": "Not enough permissions to access: x.GET.NO_VERSION"}},
               "token": {"age_s": age_s, "scope": "openid"}})
    };
    assert_eq!(finding(&evidence(0)).unwrap().code, "token_settling");
    assert_eq!(finding(&evidence(299)).unwrap().code, "token_settling");
    assert_eq!(finding(&evidence(300)).unwrap().code, "api_access_denied");
}
