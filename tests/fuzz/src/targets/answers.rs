//! What servers answer.

use std::fmt::Debug;

use tokenkeep::diagnosis::{
    self, Failure, Finding, Grant, RequestFacts, RestEvidence, TokenFacts, diagnose, diagnose_exchange,
    diagnose_introspection, diagnose_pasted, diagnose_renewal, diagnose_rest, diagnose_revocation,
    diagnose_strange_answer, diagnose_words,
};
use tokenkeep::flow::{FlowId, StoredToken};
use tokenkeep::handoff::quote;
use tokenkeep::oauth::http::MAX_RESPONSE_BYTES;
use tokenkeep::oauth::{
    HttpResponse, IdToken, RefreshToken, Scopes, parse_account, parse_introspection_response, parse_token_response,
    text, unverified_claims,
};
use tokenkeep::plain::Record;
use tokenkeep::profile::TokenRecord;
use tokenkeep::provider;
use tokenkeep::view::initials;

use super::ours::stored;
use super::{NOW_MS, SHOWN_AT_MOST, end, linkedin, printed_len, shown_text};
use crate::dictionary::CANARY;

/// What may be shown: short, and without the secret that a server said back.
fn shown(what: &impl Debug, input: &str) {
    let shown = format!("{what:?}");
    assert!(!shown.contains(CANARY), "the secret is shown: {shown}");
    assert!(
        printed_len(&shown) <= SHOWN_AT_MOST,
        "{} bytes for {}",
        printed_len(&shown),
        input.len()
    );
}

/// The longest head of an answer that a browser takes, in bytes: Firefox 153's limit; Chromium 156's is 256 KiB. Measured.
const MAX_HEAD: usize = 384 * 1024;

/// A line with the status, the headers, an empty line, the body.
pub(super) fn answer(input: &[u8]) -> HttpResponse {
    let at = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let head = String::from_utf8_lossy(&input[..at.min(MAX_HEAD)]).into_owned();
    let body = input.get(at + 2..).unwrap_or_default();
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    HttpResponse {
        status: status.trim_end_matches('+').parse().unwrap_or(200),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body[..body.len().min(MAX_RESPONSE_BYTES)].to_vec(),
        // As a body is read that is longer.
        truncated: status.ends_with('+') || body.len() > MAX_RESPONSE_BYTES,
    }
}

pub(super) fn token(input: &[u8]) -> u64 {
    let response = answer(input);
    // A printed character may take ten.
    let head = input.len().saturating_sub(response.body.len());
    assert!(format!("{response:?}").len() <= 10 * head + 1000, "the body is printed");
    match parse_token_response(&response) {
        Ok(token) => {
            let scopes = Scopes::default();
            let record = TokenRecord::from_response(&token, &scopes, NOW_MS).dated(response.date_ms(), NOW_MS);
            let secrets = [
                Some(token.access_token.expose()),
                token.refresh_token.as_ref().map(RefreshToken::expose),
                token.id_token.as_ref().map(IdToken::expose),
            ];
            let printed = format!("{token:?}");
            for secret in secrets.into_iter().flatten() {
                assert!(!secret.is_empty() && secret.bytes().all(|byte| matches!(byte, b' '..=b'~')));
                // Nothing else that is printed of a token is that long.
                assert!(
                    secret.len() < 40
                        || secret.starts_with("http")
                        || !printed.contains(secret)
                        || echoes(token.scope.as_ref(), secret)
                );
            }
            let renewed = record.renewed(&token, NOW_MS + 1);
            assert_eq!(renewed.access_token, record.access_token);
            assert!(
                renewed.other_member(&record).is_none(),
                "the same ID token, another member"
            );
            stored(&StoredToken {
                flow: FlowId("f".into()),
                token: record,
            });
            let mut unusable: Vec<String> = token.unusable.iter().map(|field| format!("{field:?}")).collect();
            unusable.sort();
            end(&(
                token.token_type_missing,
                token.expires_in.is_some(),
                token.refresh_token.is_some(),
                unusable,
            ))
        }
        Err(error) => {
            let error = error.without(&[CANARY]);
            shown(&error, &error.to_string());
            let findings = [
                diagnose_exchange(&error, linkedin(), RequestFacts::of(linkedin())),
                diagnose(
                    &Failure::Token(error.clone()),
                    linkedin(),
                    &[],
                    RequestFacts::sent(linkedin(), Grant::ClientCredentials, None),
                ),
                diagnose_renewal(
                    &Failure::Token(error),
                    linkedin(),
                    &[],
                    RequestFacts::sent(linkedin(), Grant::RefreshToken, None),
                ),
            ];
            findings.iter().for_each(finding);
            end(&findings.map(|finding| (finding.code, finding.args.len())))
        }
    }
}

fn echoes(scope: Option<&Scopes>, secret: &str) -> bool {
    scope.is_some_and(|scopes| scopes.iter().any(|own| own.contains(secret)))
}

/// A finding comes back from storage as it is, is short and shows no secret.
fn finding(finding: &Finding) {
    shown(finding, "");
    assert_eq!(Finding::from_plain(&finding.to_plain()).as_ref(), Ok(finding));
}

pub(super) fn error(input: &[u8]) -> u64 {
    let response = answer(input);
    let evidence = RestEvidence::read(&response, &[CANARY]);
    shown(&evidence, "");
    let granted = Scopes::from_answer("openid profile w_member_social");
    let token = TokenFacts {
        obtained_ms: NOW_MS - 1_000_000,
        expires_ms: Some(NOW_MS + 1_000_000),
        now_ms: NOW_MS,
        granted: &granted,
        has_refresh_token: false,
        refresh_expires_ms: None,
    };
    let mut codes = Vec::new();
    for provider in provider::all() {
        let rest = diagnose_rest(&evidence, provider, &token);
        finding(&rest);
        codes.push(rest.code);
    }
    let strange = diagnose_strange_answer(&response, &[CANARY]);
    finding(&strange);
    end(&(
        codes,
        strange.code,
        evidence.code.is_empty(),
        evidence.request_id.is_some(),
    ))
}

pub(super) fn introspection(input: &[u8]) -> u64 {
    let response = answer(input);
    let said = match parse_introspection_response(&response) {
        Ok(said) => {
            assert_eq!(<_ as Record>::from_plain(&said.to_plain()).as_ref(), Ok(&said));
            format!("{} {:?}", said.active, said.expires_ms.is_some())
        }
        Err(error) => {
            let said = format!("{error:?}");
            assert!(printed_len(&said) <= SHOWN_AT_MOST, "{} bytes", said.len());
            String::new()
        }
    };
    let mut codes = vec![said];
    for provider in provider::all() {
        let findings = [
            diagnose_introspection(&response, provider, &[CANARY]),
            diagnose_revocation(&response, provider, &[CANARY]),
        ];
        for own in findings.into_iter().flatten() {
            finding(&own);
            codes.push(own.code);
        }
    }
    end(&codes)
}

pub(super) fn userinfo(input: &[u8]) -> u64 {
    match parse_account(&answer(input)) {
        Ok(account) => {
            shown_text(&account.sub);
            account
                .name
                .iter()
                .chain(&account.email)
                .for_each(|text| shown_text(text));
            assert_eq!(<_ as Record>::from_plain(&account.to_plain()).as_ref(), Ok(&account));
            end(&(account.name.is_some(), account.email.is_some()))
        }
        Err(error) => end(&format!("{error:?}").len().min(60)),
    }
}

pub(super) fn id_token(input: &str) -> u64 {
    match unverified_claims(&IdToken::new(input)) {
        Ok(claims) => {
            let texts = [
                &claims.iss,
                &claims.sub,
                &claims.name,
                &claims.given_name,
                &claims.family_name,
                &claims.email,
                &claims.locale,
            ];
            texts.into_iter().flatten().for_each(|text| shown_text(text));
            assert!(claims.picture.as_ref().is_none_or(|url| url.starts_with("https://")));
            let there = texts.map(Option::is_some);
            end(&(
                there,
                claims.aud.len().min(9),
                claims.exp.is_some(),
                claims.email_verified,
            ))
        }
        Err(error) => end(&error.to_string()),
    }
}

pub(super) fn dates() -> Vec<Vec<u8>> {
    let forms = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ];
    forms.map(|date| date.as_bytes().to_vec()).to_vec()
}

pub(super) fn date(input: &str) -> u64 {
    let response = HttpResponse {
        status: 200,
        headers: vec![("date".to_owned(), input.to_owned())],
        body: Vec::new(),
        truncated: false,
    };
    let date_ms = response.date_ms();
    // The year 10000 has no such date.
    assert!(date_ms.is_none_or(|date_ms| date_ms < 253_402_300_800_000));
    end(&(date_ms.is_some(), input.len().min(40)))
}

pub(super) fn error_page(input: &[u8]) -> u64 {
    let Some(words) = diagnosis::error_page(input, true) else {
        return 0;
    };
    shown_text(&words);
    let failure = Failure::ErrorPage { words };
    let found = diagnose(
        &failure,
        linkedin(),
        &["app.example.com".to_owned()],
        RequestFacts::of(linkedin()),
    );
    assert!(printed_len(&format!("{found:?}")) <= SHOWN_AT_MOST);
    end(&(found.code, found.args.len()))
}

pub(super) fn words(input: &str) -> u64 {
    let mut codes = Vec::new();
    for provider in provider::all() {
        let found = diagnose_words(input, provider);
        assert!(printed_len(&format!("{found:?}")) <= SHOWN_AT_MOST);
        assert_eq!(Finding::from_plain(&found.to_plain()).as_ref(), Ok(&found));
        codes.push(found.code);
        if let Some(found) = diagnose_pasted(input, provider) {
            assert!(printed_len(&format!("{found:?}")) <= SHOWN_AT_MOST);
            assert!(found.evidence.is_some_and(|evidence| !evidence.is_empty()));
            codes.push(found.code);
        }
    }
    end(&codes)
}

pub(super) fn clean(input: &[u8]) -> u64 {
    let given = String::from_utf8_lossy(&input[..input.len().min(256 << 10)]);
    for max in [0, 1, 60, 1000] {
        let cleaned = text::clean(&given, max);
        assert!(cleaned.chars().count() <= max + 1);
        assert!(!cleaned.chars().any(char::is_control), "a control character is left");
        assert_eq!(text::clean(&cleaned, max + 1), cleaned.trim_end(), "cleaning twice");
    }
    let plain = text::html_unescape(&given);
    assert!(plain.len() <= given.len());
    let excerpt = text::excerpt(input);
    assert!(excerpt.chars().count() <= 201);
    let visible = text::visible(input);
    let sentence = text::without_tokens(&given);
    assert!(!sentence.contains("WPL_AP"), "a client secret is left");
    let mut hidden = given.clone().into_owned();
    text::hide(&mut hidden, &[CANARY]);
    assert!(!hidden.contains(CANARY));
    let _ = (quote(&given), initials(&given));
    end(&(
        visible.len().min(20),
        sentence.contains("[redacted]"),
        plain.len() < given.len(),
        excerpt.contains("[redacted]"),
    ))
}
