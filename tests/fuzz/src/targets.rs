//! What is fuzzed: every parser and format that reads what others wrote.
//!
//! A target is a line of [`TARGETS`] and a function, which reads an input, asserts what must hold of every input, and
//! tells how it ended: an input that ended as no other one is kept to make new ones from.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use tokenkeep::diagnosis::{
    self, Failure, Finding, Grant, RequestFacts, RestEvidence, TokenFacts, TransportError, diagnose, diagnose_exchange,
    diagnose_introspection, diagnose_redirect_uri, diagnose_renewal, diagnose_rest, diagnose_revocation,
    diagnose_strange_answer, diagnose_words,
};
use tokenkeep::flow::trace::{Recorder, Trace, merged, report};
use tokenkeep::flow::{Check, Engine, Event, FlowId, KnownToken, Plan, Reminded, StoredToken, Subject};
use tokenkeep::handoff::{self, Format, check_template, fill, quote};
use tokenkeep::oauth::{
    EndpointUrl, Expected, HttpResponse, IdToken, RedirectUri, Scopes, State, form, parse_account,
    parse_authorization_response, parse_introspection_response, parse_token_response, state_of, text,
    unverified_claims,
};
use tokenkeep::plain::{Plain, Record};
use tokenkeep::profile::{
    self, MAX_PROFILES, Profile, ProfileDraft, Settings, TokenRecord, validate, validate_keeping_secret,
};
use tokenkeep::provider::{self, Provider};
use tokenkeep::vault::{Index, SecretRecord, Trash};
use tokenkeep::view::{Command, ManagerModel, ManagerView, Model, PopupView, Reply, initials, trace_views};
use url::Url;

use crate::dictionary::CANARY;
use crate::{planted, seeds};

/// Something that reads outside input.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What its inputs stand for.
    pub(crate) about: &'static str,
    /// Inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    pub(crate) run: Run,
    /// The longest input that it can get.
    pub(crate) most: usize,
}

/// What a target takes. What comes back stands for how an input ended.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Bytes(fn(&[u8]) -> u64),
    Text(fn(&str) -> u64),
}

/// More than any reader takes.
const ANY: usize = 2 << 20;
/// What was ours before a disk or a newer version damaged it is not that long.
const OURS: usize = 64 << 10;

const fn text(name: &'static str, about: &'static str, seeds: fn() -> Vec<Vec<u8>>, run: fn(&str) -> u64) -> Target {
    let run = Run::Text(run);
    Target {
        name,
        about,
        seeds,
        run,
        most: ANY,
    }
}

const fn bytes(name: &'static str, about: &'static str, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8]) -> u64) -> Target {
    let run = Run::Bytes(run);
    Target {
        name,
        about,
        seeds,
        run,
        most: ANY,
    }
}

const fn ours(name: &'static str, about: &'static str, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8]) -> u64) -> Target {
    let run = Run::Bytes(run);
    Target {
        name,
        about,
        seeds,
        run,
        most: OURS,
    }
}

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    text(
        "redirect",
        "callback URLs",
        || seeds::members("callbacks", "callback"),
        redirect,
    ),
    text(
        "redirect-uri",
        "redirect URIs that a person enters",
        || seeds::texts("redirect_uris"),
        redirect_uri,
    ),
    text(
        "redirect-uris",
        "two redirect URIs to compare, a line each",
        redirect_uri_pairs,
        redirect_uris,
    ),
    text(
        "endpoint-url",
        "endpoint URLs",
        || seeds::texts("endpoint_urls"),
        endpoint_url,
    ),
    text(
        "scope",
        "scopes, entered or answered",
        || seeds::members("diagnosis", "scope"),
        scope,
    ),
    bytes("form", "form bodies", || seeds::texts("form"), form_body),
    bytes("token", "answers of the token endpoint", seeds::answers, token),
    bytes("error", "answers that are diagnosed", seeds::answers, error),
    bytes(
        "introspection",
        "answers of introspection and revocation",
        seeds::answers,
        introspection,
    ),
    bytes("userinfo", "answers of userinfo", seeds::answers, userinfo),
    text("id-token", "ID tokens", || seeds::texts("id_tokens"), id_token),
    text("date", "Date headers", dates, date),
    bytes(
        "error-page",
        "pages of the authorization endpoint",
        || seeds::members("diagnosis", "page"),
        error_page,
    ),
    text(
        "words",
        "an error that somebody pasted",
        || seeds::texts("diagnosis"),
        words,
    ),
    bytes(
        "clean",
        "texts of a server, made fit to be shown",
        || seeds::texts("diagnosis"),
        clean,
    ),
    text(
        "import",
        "texts with profiles in them",
        || seeds::members("imports", "input"),
        import,
    ),
    text(
        "import-file",
        "files that Tokenkeep exported",
        || seeds::members("imports/tokenkeep", "input"),
        import,
    ),
    text(
        "template",
        "a person's own format",
        || seeds::records("template"),
        template,
    ),
    text(
        "draft",
        "a profile as the form holds it",
        || seeds::records("draft"),
        draft,
    ),
    text(
        "days",
        "days as a person enters them",
        || vec![b"14, 3 1".to_vec(), b"60;7".to_vec()],
        days,
    ),
    bytes("json", "JSON as plain data", || seeds::texts("token_responses"), json),
    ours(
        "engine",
        "what the worker wakes up with",
        || seeds::records("engine"),
        engine,
    ),
    ours(
        "index",
        "the list of profiles",
        || seeds::records("index"),
        record::<Index>,
    ),
    ours(
        "profile",
        "a stored profile",
        || seeds::records("profile"),
        record::<Profile>,
    ),
    ours(
        "secret",
        "a stored secret",
        || seeds::records("secret"),
        record::<SecretRecord>,
    ),
    ours(
        "stored-token",
        "a stored token",
        || seeds::records("stored_token"),
        stored_token,
    ),
    ours(
        "trash",
        "a deleted profile",
        || seeds::records("trash"),
        record::<Trash>,
    ),
    ours("settings", "the settings", || seeds::records("settings"), settings),
    ours("traces", "the traces of a profile", || seeds::records("traces"), traces),
    ours("check", "what the servers said", || seeds::records("check"), check),
    ours(
        "reminded",
        "the reminders",
        || seeds::records("reminded"),
        record::<Vec<Reminded>>,
    ),
    ours("pages", "all that a page reads", || seeds::records("pages"), pages),
    ours(
        "command",
        "messages to the worker",
        || seeds::records("command"),
        record::<Command>,
    ),
    ours(
        "reply",
        "answers of the worker",
        || seeds::records("reply"),
        record::<Reply>,
    ),
];

/// The target of that name; those that fail on purpose have one, too.
pub(crate) fn by_name(name: &str) -> Option<&'static Target> {
    TARGETS
        .iter()
        .chain(planted::TARGETS)
        .find(|target| target.name == name)
}

/// Now, for whatever has to know.
const NOW_MS: u64 = 1_790_000_000_000;
/// The state of the vectors' callbacks.
const STATE: &str = "Jx9-wq_0kU3sT5vB7nM1pQ2rZ4yA6cE8gI0oL3fHdWs";
/// More than any finding is long.
const SHOWN_AT_MOST: usize = 16 << 10;

fn end(parts: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn linkedin() -> &'static Provider {
    &provider::all()[0]
}

/// What may be shown: short, and without the secret that a server said back.
fn shown(what: &impl Debug, input: &str) {
    let shown = format!("{what:?}");
    assert!(!shown.contains(CANARY), "the secret is shown: {shown}");
    assert!(
        shown.len() <= SHOWN_AT_MOST,
        "{} bytes for {}",
        shown.len(),
        input.len()
    );
}

// ---- URLs

fn redirect(input: &str) -> u64 {
    let Ok(callback) = Url::parse(input) else { return 0 };
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
                    assert!(said.len() <= SHOWN_AT_MOST, "{} bytes", said.len());
                    let finding = diagnose(&Failure::Redirect(error), linkedin(), &[], Grant::AuthorizationCode);
                    ends.push(finding.code);
                }
            }
        }
    }
    end(&ends)
}

fn redirect_uri(input: &str) -> u64 {
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

fn redirect_uri_pairs() -> Vec<Vec<u8>> {
    let all = seeds::texts("redirect_uris");
    let pairs = all.windows(2).map(|pair| [pair[0].as_slice(), &pair[1]].join(&b'\n'));
    pairs.collect()
}

fn redirect_uris(input: &str) -> u64 {
    let (sent, registered) = input.split_once('\n').unwrap_or((input, ""));
    let finding = diagnose_redirect_uri(sent, registered);
    if let Some(difference) = diagnosis::redirect_uri_difference(sent, registered) {
        assert!(difference.at <= sent.chars().count().min(registered.chars().count()));
    } else {
        assert_eq!(sent, registered);
    }
    end(&(finding.code, finding.args.len()))
}

fn endpoint_url(input: &str) -> u64 {
    match EndpointUrl::parse(input) {
        Ok(endpoint) => {
            assert_eq!(endpoint.as_str(), input);
            assert!(endpoint.origin().contains(endpoint.host()));
            end(&endpoint.host_permission().len().min(40))
        }
        Err(refusal) => end(&refusal.code()),
    }
}

fn scope(input: &str) -> u64 {
    let answered = Scopes::from_answer(input);
    let joined = answered.join(" ");
    assert_eq!(Scopes::parse(&joined).as_ref(), Ok(&answered));
    assert!(answered.same_set(&Scopes::from_answer(&answered.join(","))));
    match Scopes::parse(input) {
        Ok(entered) => {
            assert_eq!(entered, answered);
            assert_eq!(Scopes::from_plain(&entered.to_plain()).as_ref(), Ok(&entered));
            end(&entered.iter().count().min(20))
        }
        Err(error) => {
            shown_text(&error.token);
            end(&("refused", answered.iter().count().min(20)))
        }
    }
}

fn shown_text(text: &str) {
    assert!(text.len() <= SHOWN_AT_MOST, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "a control character is shown");
}

fn form_body(input: &[u8]) -> u64 {
    let pairs = form::parse(input);
    let mut body = String::new();
    for (name, value) in &pairs {
        form::push(&mut body, name, value);
    }
    assert_eq!(form::parse(body.as_bytes()), pairs);
    end(&pairs.len().min(30))
}

// ---- Answers

/// A line with the status, the headers, an empty line, the body.
fn answer(input: &[u8]) -> HttpResponse {
    let at = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let head = String::from_utf8_lossy(&input[..at]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    HttpResponse {
        status: status.trim_end_matches('+').parse().unwrap_or(200),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: input.get(at + 2..).unwrap_or_default().to_vec(),
        truncated: status.ends_with('+'),
    }
}

fn token(input: &[u8]) -> u64 {
    let response = answer(input);
    let printed = format!("{response:?}");
    assert!(printed.len() <= 4 * input.len() + 1000, "the body is printed");
    match parse_token_response(&response) {
        Ok(token) => {
            let scopes = Scopes::default();
            let record = TokenRecord::from_response(&token, &scopes, NOW_MS).dated(response.date_ms(), NOW_MS);
            let secrets = [
                Some(token.access_token.expose()),
                token.refresh_token.as_ref().map(|own| own.expose()),
                token.id_token.as_ref().map(|own| own.expose()),
            ];
            let printed = format!("{token:?}");
            for secret in secrets.into_iter().flatten() {
                assert!(!secret.is_empty() && secret.bytes().all(|byte| matches!(byte, b' '..=b'~')));
                // Nothing else that is printed of a token is that long.
                assert!(
                    secret.len() < 40
                        || secret.starts_with("http")
                        || !printed.contains(secret)
                        || echoes(&token.scope, secret)
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
                    Grant::ClientCredentials,
                ),
                diagnose_renewal(&Failure::Token(error), linkedin(), &[], Grant::RefreshToken),
            ];
            findings.iter().for_each(finding);
            end(&findings.map(|finding| (finding.code, finding.args.len())))
        }
    }
}

fn echoes(scope: &Option<Scopes>, secret: &str) -> bool {
    scope
        .as_ref()
        .is_some_and(|scopes| scopes.iter().any(|own| own.contains(secret)))
}

/// A finding comes back from storage as it is, is short and shows no secret.
fn finding(finding: &Finding) {
    shown(finding, "");
    assert_eq!(Finding::from_plain(&finding.to_plain()).as_ref(), Ok(finding));
}

fn error(input: &[u8]) -> u64 {
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

fn introspection(input: &[u8]) -> u64 {
    let response = answer(input);
    let said = match parse_introspection_response(&response) {
        Ok(said) => {
            assert_eq!(<_ as Record>::from_plain(&said.to_plain()).as_ref(), Ok(&said));
            format!("{} {:?}", said.active, said.expires_ms.is_some())
        }
        Err(error) => {
            let said = format!("{error:?}");
            assert!(said.len() <= SHOWN_AT_MOST, "{} bytes", said.len());
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

fn userinfo(input: &[u8]) -> u64 {
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

fn id_token(input: &str) -> u64 {
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

fn dates() -> Vec<Vec<u8>> {
    let forms = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ];
    forms.map(|date| date.as_bytes().to_vec()).to_vec()
}

fn date(input: &str) -> u64 {
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

fn error_page(input: &[u8]) -> u64 {
    let Some(words) = diagnosis::error_page(input) else {
        return 0;
    };
    shown_text(&words);
    let failure = Failure::ErrorPage { words };
    let found = diagnose(
        &failure,
        linkedin(),
        &["app.example.com".to_owned()],
        Grant::AuthorizationCode,
    );
    assert!(format!("{found:?}").len() <= SHOWN_AT_MOST);
    end(&(found.code, found.args))
}

fn words(input: &str) -> u64 {
    let mut codes = Vec::new();
    for provider in provider::all() {
        let found = diagnose_words(input, provider);
        assert!(format!("{found:?}").len() <= SHOWN_AT_MOST);
        assert_eq!(Finding::from_plain(&found.to_plain()).as_ref(), Ok(&found));
        codes.push(found.code);
    }
    end(&codes)
}

fn clean(input: &[u8]) -> u64 {
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

// ---- What a person brings

fn import(input: &str) -> u64 {
    let found = match profile::import(input) {
        Err(error) => {
            shown_text(&error.to_string());
            return end(&(
                error.code(),
                error.args().first().filter(|_| error.code() == "nothing_in"),
            ));
        }
        Ok(found) => found,
    };
    assert!(!found.is_empty() && found.len() <= MAX_PROFILES);
    let mut ends = Vec::new();
    for imported in found.iter().take(50) {
        let draft = &imported.draft;
        imported.unknown.iter().for_each(|name| shown_text(name));
        assert!(imported.unknown.len() <= 100, "{} names", imported.unknown.len());
        secret_is_redacted(draft);
        ends.push((
            draft.provider.clone(),
            draft.client_secret.is_empty(),
            draft.scope.is_empty(),
            imported.unknown.len(),
        ));
        keeps_through_export(draft);
    }
    ends.truncate(3);
    end(&ends)
}

fn secret_is_redacted(draft: &ProfileDraft) {
    let secret = draft.client_secret.as_str();
    let others = [&draft.name, &draft.client_id, &draft.redirect_uri, &draft.scope];
    // One that stands elsewhere, too, was no secret there.
    if secret.len() >= 24 && !others.iter().any(|other| other.contains(secret)) {
        assert!(!format!("{draft:?}").contains(secret), "the secret is printed");
    }
}

/// What was accepted comes back from an exported file.
fn keeps_through_export(draft: &ProfileDraft) {
    let Ok(valid) = validate_keeping_secret(draft) else {
        return;
    };
    let (profile, _) = valid.into_profile("p".to_owned(), NOW_MS);
    let file = profile::export(std::slice::from_ref(&profile));
    let again = match profile::import(&file) {
        Ok(again) => again,
        Err(error) => panic!("an exported file is refused: {error}"),
    };
    assert_eq!(again.len(), 1);
    let mut expected = ProfileDraft::of(&profile);
    expected.name = text::clean(&expected.name, 99);
    expected.renew_in_tab = again[0].draft.renew_in_tab;
    assert_eq!(again[0].draft, expected);
}

fn template(input: &str) -> u64 {
    let Some(profile) = sample::<Profile>("profile") else {
        return 0;
    };
    let Some(stored) = sample::<StoredToken>("stored_token") else {
        return 0;
    };
    let Some(subject) = handoff::Subject::new(&profile, &stored.token) else {
        return 0;
    };
    let filled = fill(input, &subject);
    assert_eq!(filled.as_ref().map(drop), check_template(input).as_ref().map(drop));
    match filled {
        Ok(text) => {
            assert!(text.len() <= 100 * input.len() + 1000, "{} bytes", text.len());
            end(&(input.matches("{{").count().min(9), text.len() > input.len()))
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() <= input.len() + 1000);
            end(&said.len().min(60))
        }
    }
}

/// A record of the vectors.
fn sample<T: Record>(kind: &str) -> Option<T> {
    thread_local! {
        static KNOWN: std::cell::RefCell<Vec<(String, Plain)>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if !known.iter().any(|(own, _)| own == kind) {
            let json = seeds::records(kind).into_iter().next()?;
            known.push((kind.to_owned(), serde_json::from_slice(&json).ok()?));
        }
        let (_, plain) = known.iter().find(|(own, _)| own == kind)?;
        T::from_plain(plain).ok()
    })
}

fn draft(input: &str) -> u64 {
    let Ok(plain) = serde_json::from_str::<Plain>(input) else {
        return 0;
    };
    let draft: ProfileDraft = match read(&plain) {
        Ok(draft) => draft,
        Err(end) => return end,
    };
    keeps_through_export(&draft);
    match validate(&draft) {
        Ok(valid) => end(&(valid.provider.id, valid.client_secret.is_some(), valid.name.is_empty())),
        Err(errors) => {
            errors
                .iter()
                .filter_map(|error| error.detail.as_deref())
                .for_each(shown_text);
            end(&errors.iter().map(|error| (error.field, error.code)).collect::<Vec<_>>())
        }
    }
}

fn days(input: &str) -> u64 {
    let checked = Settings::parse_days(input).and_then(|remind_days| {
        let settings = Settings {
            remind_days,
            notify: true,
            template: Some(input.to_owned()),
        };
        settings.checked()
    });
    match checked {
        Ok(settings) => end(&settings.remind_days.len()),
        Err(code) => end(&code),
    }
}

// ---- What was ours

fn json(input: &[u8]) -> u64 {
    let Ok(plain) = serde_json::from_slice::<Plain>(input) else {
        return 0;
    };
    match serde_json::to_vec(&plain) {
        Ok(written) => assert_eq!(serde_json::from_slice::<Plain>(&written).ok(), Some(plain)),
        Err(error) => panic!("{error}"),
    }
    1
}

/// A record that is written as it was read, and shows none of its secrets.
fn read<T: Record + Debug>(plain: &Plain) -> Result<T, u64> {
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

fn plain(input: &[u8]) -> Plain {
    serde_json::from_slice(input).unwrap_or(Plain::Null)
}

fn record<T: Record + Debug>(input: &[u8]) -> u64 {
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

fn engine(input: &[u8]) -> u64 {
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
        });
        events.push(Event::TokenStored(flow.clone()));
        events.push(Event::TokenAnswered {
            flow: flow.clone(),
            answer: Err(TransportError::Cut),
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

/// All that is asked of a stored token.
fn stored(stored: &StoredToken) -> u64 {
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

fn stored_token(input: &[u8]) -> u64 {
    match read::<StoredToken>(&plain(input)) {
        Ok(token) => end(&(stored(&token), shape(&token.to_plain(), 3))),
        Err(end) => end,
    }
}

fn settings(input: &[u8]) -> u64 {
    match read::<Settings>(&plain(input)) {
        Ok(settings) => match settings.checked() {
            Ok(checked) => end(&checked.remind_days.len()),
            Err(code) => end(&code),
        },
        Err(end) => end,
    }
}

fn traces(input: &[u8]) -> u64 {
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

fn check(input: &[u8]) -> u64 {
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

fn pages(input: &[u8]) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_no_two_alike() {
        let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TARGETS.len());
    }

    #[test]
    fn every_target_has_vectors_to_begin_with() {
        for target in TARGETS {
            assert!(!(target.seeds)().is_empty(), "{}", target.name);
        }
    }

    /// Otherwise the fuzzing of a record ends at its first member.
    #[test]
    fn the_vectors_of_records_are_records() {
        fn all<T: Record + Debug>(kind: &str) {
            let records = seeds::records(kind);
            assert!(!records.is_empty(), "{kind}");
            for record in records {
                assert!(
                    read::<T>(&plain(&record)).is_ok(),
                    "{kind}: {}",
                    String::from_utf8_lossy(&record)
                );
            }
        }
        all::<Engine>("engine");
        all::<Index>("index");
        all::<Profile>("profile");
        all::<SecretRecord>("secret");
        all::<StoredToken>("stored_token");
        all::<Trash>("trash");
        all::<Settings>("settings");
        all::<Vec<Trace>>("traces");
        all::<Check>("check");
        all::<Vec<Reminded>>("reminded");
        all::<Command>("command");
        all::<Reply>("reply");
        all::<ProfileDraft>("draft");
    }
}
