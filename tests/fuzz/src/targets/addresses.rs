//! URLs, scopes and forms.

use tokenkeep::diagnosis::{Failure, RequestFacts, diagnose, diagnose_redirect_uri, redirect_uri_difference};
use tokenkeep::oauth::{
    EndpointUrl, Expected, RedirectUri, Scopes, State, form, parse_authorization_response, state_of, web_url,
};
use tokenkeep::plain::Record as _;

use super::{SHOWN_AT_MOST, end, linkedin, printed_len, shown_text};
use crate::seeds;

/// The state of the vectors' callbacks.
const STATE: &str = "Jx9-wq_0kU3sT5vB7nM1pQ2rZ4yA6cE8gI0oL3fHdWs";

pub(super) fn redirect(input: &str) -> u64 {
    let Some(callback) = web_url::told(input) else { return 0 };
    let state = State::new(STATE);
    let mut ends = Vec::new();
    for uri in ["https://app.example.com/callback", "http://localhost:3000/cb?a=b"] {
        let Ok(redirect_uri) = RedirectUri::parse(uri) else {
            panic!("{uri}")
        };
        for (issuer, iss_required) in [(None, false), (Some("https://www.linkedin.com/oauth"), true)] {
            let expect = Expected {
                redirect_uri: &redirect_uri,
                state: &state,
                issuer,
                iss_required,
            };
            match parse_authorization_response(&callback, &expect) {
                Ok(code) => {
                    assert_eq!(state_of(&callback).as_deref(), Some(STATE));
                    assert!(!code.expose().is_empty() && redirect_uri.is_at(&callback));
                    ends.push("code".to_owned());
                }
                Err(error) => {
                    let said = format!("{error:?}");
                    assert!(!said.contains(STATE), "the state is shown: {said}");
                    assert!(printed_len(&said) <= SHOWN_AT_MOST, "{} bytes", said.len());
                    let finding = diagnose(&Failure::Redirect(error), linkedin(), &[], RequestFacts::of(linkedin()));
                    ends.push(finding.code);
                }
            }
        }
    }
    end(&ends)
}

pub(super) fn redirect_uri(input: &str) -> u64 {
    match RedirectUri::parse(input) {
        Ok(uri) => {
            assert_eq!(uri.as_str(), input);
            assert!(uri.matches(uri.url()) && uri.is_at(uri.url()), "it is its own callback");
            let (regex, state) = (uri.rule_regex(), uri.rule_regex_with("state", STATE));
            assert!(regex.starts_with('^') && regex.len() <= 16 * input.len() + 64 && state.len() > regex.len());
            assert!(uri.host_permission().ends_with("/*"));
            assert_eq!(RedirectUri::from_plain(&uri.to_plain()).as_ref(), Ok(&uri));
            end(&(
                uri.url().scheme(),
                uri.is_loopback_ip(),
                uri.url().query().is_some(),
                uri.url().port().is_some(),
            ))
        }
        Err(refusal) => end(&refusal.code()),
    }
}

pub(super) fn redirect_uri_pairs() -> Vec<Vec<u8>> {
    let all = seeds::texts("redirect_uris");
    let pairs = all.windows(2).map(|pair| [pair[0].as_slice(), &pair[1]].join(&b'\n'));
    pairs.collect()
}

pub(super) fn redirect_uris(input: &str) -> u64 {
    let (sent, registered) = input.split_once('\n').unwrap_or((input, ""));
    let finding = diagnose_redirect_uri(sent, registered);
    if let Some(difference) = redirect_uri_difference(sent, registered) {
        assert!(difference.at <= sent.chars().count().min(registered.chars().count()));
    } else {
        assert_eq!(sent, registered);
    }
    end(&(finding.code, finding.args.len()))
}

pub(super) fn endpoint_url(input: &str) -> u64 {
    match EndpointUrl::parse(input) {
        Ok(endpoint) => {
            assert_eq!(endpoint.as_str(), input);
            assert!(endpoint.origin().contains(endpoint.host()));
            end(&endpoint.host_permission().len().min(40))
        }
        Err(refusal) => end(&refusal.code()),
    }
}

pub(super) fn scope(input: &str) -> u64 {
    let answered = Scopes::from_answer(input);
    // Each token is compared with those before it, and what the product does not do would do that four times more.
    let short = input.len() <= 2 << 10;
    if short {
        let joined = answered.join(" ");
        assert_eq!(Scopes::parse(&joined).as_ref(), Ok(&answered));
        assert!(answered.same_set(&Scopes::from_answer(&answered.join(","))));
    }
    match Scopes::parse(input) {
        Ok(entered) => {
            assert_eq!(entered, answered);
            assert!(!short || Scopes::from_plain(&entered.to_plain()).as_ref() == Ok(&entered));
            end(&entered.iter().count().min(20))
        }
        Err(error) => {
            shown_text(&error.token);
            end(&("refused", answered.iter().count().min(20)))
        }
    }
}

pub(super) fn form_body(input: &[u8]) -> u64 {
    let pairs = form::parse(input);
    if input.len() > 256 << 10 {
        // What follows is more than the product does.
        return end(&pairs.len().min(30));
    }
    let mut body = String::new();
    for (name, value) in &pairs {
        form::push(&mut body, name, value);
    }
    assert_eq!(form::parse(body.as_bytes()), pairs);
    end(&pairs.len().min(30))
}
