//! The rules of a flow, member by member as the browsers take them.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::OnceLock;

use regex::Regex;
use serde_json::{Value, json};
use tokenkeep::flow::{Engine, Event, Flow, FlowId, NewFlow, Rule, Snapshot, TabId};
use tokenkeep::oauth::{ClientSecret, CodeVerifier, RedirectUri, Scopes, State};
use tokenkeep::profile::{Look, Profile};
use tokenkeep::provider::{self, OriginPolicy, Provider};

const STATE: &str = "canary-state-1";
const NOW_MS: u64 = 1_700_000_000_000;

/// The flow of this name after those before it; its provider refuses an `Origin` header, or does not mind.
fn flow(name: &str, provider: &str, engine: &mut Engine) -> Flow {
    let id = FlowId(name.into());
    let new = NewFlow {
        id: id.clone(),
        snapshot: Snapshot {
            provider: provider::by_id(provider).unwrap(),
            profile: Profile {
                id: name.into(),
                name: "My app".into(),
                provider: provider.into(),
                client_id: "78abcdefghijkl".into(),
                redirect_uri: RedirectUri::parse("https://app.tokenkeep.test/call.back").unwrap(),
                scopes: Scopes::parse("openid").unwrap(),
                renew_automatically: true,
                renew_in_tab: false,
                copy_as: None,
                look: Look::default(),
                created_ms: 1,
                first_app: None,
            },
            client_secret: Some(ClientSecret::new("secret")),
        },
        state: State::new(STATE),
        code_verifier: Some(CodeVerifier::new("verifier")),
        renews: None,
        quiet_tab: false,
        permitted: true,
    };
    engine.step(NOW_MS, Event::Authorize(Box::new(new)));
    engine.flow(&id).unwrap().clone()
}

/// A rule without its regular expression, and that expression.
fn taken_apart(rule: &tokenkeep::flow::Rule) -> (Value, Regex) {
    let mut json = serde_json::to_value(rule.to_plain()).unwrap();
    let regex = json["condition"]
        .as_object_mut()
        .unwrap()
        .remove("regexFilter")
        .unwrap();
    (json, Regex::new(regex.as_str().unwrap()).unwrap())
}

#[test]
fn what_stands_while_a_flow_waits() {
    let flow = flow("f1", "linkedin", &mut Engine::new());
    let rules = flow.rules(TabId(7));
    let [tab, state, origin] = rules.as_slice() else {
        panic!("{} rules", rules.len());
    };
    let condition = |more: Value| {
        let mut condition = json!({"isUrlFilterCaseSensitive": true, "resourceTypes": ["main_frame"]});
        condition
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        condition
    };

    let (rule, regex) = taken_apart(tab);
    let block = json!({"type": "block"});
    assert_eq!(
        rule,
        json!({"id": flow.rule, "priority": 1, "action": block, "condition": condition(json!({"tabIds": [7]}))})
    );
    assert!(regex.is_match("https://app.tokenkeep.test/call.back?code=c"));
    assert!(!regex.is_match("https://app.tokenkeep.test/callxback?code=c"));

    let (rule, regex) = taken_apart(state);
    assert_eq!(
        rule,
        json!({"id": flow.rule + 2, "priority": 1, "action": block, "condition": condition(json!({}))})
    );
    assert!(regex.is_match("https://app.tokenkeep.test/call.back?code=c&state=canary-state-1"));
    assert!(!regex.is_match("https://app.tokenkeep.test/call.back?code=c&state=canary-state-2"));

    let lasting = flow.lasting_rule();
    let (rule, regex) = taken_apart(&lasting);
    let elsewhere = condition(json!({"excludedRequestDomains": ["www.linkedin.com"]}));
    assert_eq!(
        rule,
        json!({"id": 1_000_000_000 + flow.rule, "priority": 1, "action": block, "condition": elsewhere})
    );
    assert!(Rule::lasts(lasting.id) && !rules.iter().any(|rule| Rule::lasts(rule.id)));
    // It stands on the disk: nothing in it says whose flow it is of.
    assert!(!regex.as_str().contains("tokenkeep"));
    for callback in [
        "http://localhost:1/?state=canary-state-1",
        "https://x.test/a?code=c&state=canary-state-1#f",
    ] {
        assert!(regex.is_match(callback), "{callback}");
    }
    for other in [
        "https://x.test/a?code=c&state=canary-state-12",
        "https://x.test/a?code=c&substate=canary-state-1",
        "https://x.test/state=canary-state-1",
        "https://x.test/a?code=c#&state=canary-state-1",
    ] {
        assert!(!regex.is_match(other), "{other}");
    }

    let (rule, regex) = taken_apart(origin);
    let remove = json!({"type": "modifyHeaders", "requestHeaders": [{"header": "origin", "operation": "remove"}]});
    let own =
        json!({"isUrlFilterCaseSensitive": true, "resourceTypes": ["xmlhttprequest"], "requestMethods": ["post"]});
    assert_eq!(
        rule,
        json!({"id": flow.rule + 1, "priority": 1, "action": remove, "condition": own})
    );
    // The worker fills in its own host, which only it knows.
    assert!(
        origin.condition.own_requests_only && !tab.condition.own_requests_only && !state.condition.own_requests_only
    );
    let endpoint = "https://www.linkedin.com/oauth/v2/accessToken";
    assert!(regex.is_match(endpoint));
    for other in [
        "https://www.linkedin.com/oauth/v2/accessToken?x",
        "https://www.linkedin.com/oauth/v2/accessTokens",
        "https://wwwxlinkedin.com/oauth/v2/accessToken",
        "http://localhost/https://www.linkedin.com/oauth/v2/accessToken",
    ] {
        assert!(!regex.is_match(other), "{other}");
    }
}

#[test]
fn the_origin_header_stays_where_the_server_does_not_mind() {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    let mut flow = flow("f1", "linkedin", &mut Engine::new());
    assert!(flow.origin_rule().is_some());
    flow.snapshot.provider = PROVIDER.get_or_init(|| Provider {
        origin: OriginPolicy::Keep,
        ..*provider::by_id("linkedin").unwrap()
    });
    assert_eq!(flow.origin_rule(), None);
    assert_eq!(flow.rules(TabId(7)).len(), 2);
}

#[test]
fn a_stray_code_is_blocked_by_its_beginning() {
    let flow = flow("f1", "linkedin", &mut Engine::new());
    let at = |code: &str| format!("https://app.tokenkeep.test/call.back?code={code}&state=other");
    for (length, longer) in [(59, false), (60, true), (61, true)] {
        let code = "AQ%2B".repeat(13)[..length].to_owned();
        let (rule, regex) = taken_apart(&flow.code_rule(&code));
        assert_eq!(rule["id"], flow.rule + 3);
        assert_eq!(rule["action"], json!({"type": "block"}));
        assert!(regex.is_match(&at(&code)), "{length}");
        assert_eq!(regex.is_match(&at(&(code.clone() + "x"))), longer, "{length}");
        assert!(!regex.is_match(&at(&code.replacen("AQ", "AR", 1))), "{length}");
    }
}

#[test]
fn no_two_flows_own_one_rule() {
    let mut engine = Engine::new();
    let mut ids = Vec::new();
    for name in ["f1", "f2", "f3"] {
        let flow = flow(name, "linkedin", &mut engine);
        let own = flow.rule_ids();
        let [.., lasting] = own;
        assert_eq!(own, [flow.rule, flow.rule + 1, flow.rule + 2, flow.rule + 3, lasting]);
        let mut used: Vec<u32> = flow.rules(TabId(7)).iter().map(|rule| rule.id).collect();
        used.extend([flow.code_rule("c").id, flow.lasting_rule().id]);
        assert!(used.iter().all(|id| own.contains(id)));
        ids.extend(own);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3 * (Flow::RULES as usize + 1));
}

#[test]
fn the_anchor_lasts_and_matches_no_address_that_could_be_answered() {
    let (rule, regex) = taken_apart(&Rule::anchor());
    assert!(Rule::lasts(Rule::ANCHOR));
    assert_eq!(rule["id"], json!(Rule::ANCHOR));
    assert!(regex.is_match("https://anchor.invalid/"));
    for address in [
        "https://anchor.invalid/x",
        "https://anchor.invalid.test/",
        "https://www.linkedin.com/",
        "http://anchor.invalid/",
    ] {
        assert!(!regex.is_match(address), "{address}");
    }
    let first = flow("first", "linkedin", &mut Engine::new());
    assert!(!first.rule_ids().contains(&Rule::ANCHOR));
}
