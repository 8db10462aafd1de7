//! Properties of the pure rooms that no example can show.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fmt::Debug, process::Command};

use proptest::{collection::vec, prelude::*, sample::select};
use regex::Regex;
use tokenkeep::{
    handoff,
    oauth::{
        AccessToken, AuthorizationCode, AuthorizationRequest, ClientAuthentication, ClientSecret, CodeChallenge,
        CodeVerifier, EndpointUrl, Expected, HttpResponse, IdToken, RedirectError, RedirectUri, RefreshToken, Scopes,
        State, TokenRequest, form, parse_authorization_response, parse_token_response, state_of, text,
        unverified_claims,
    },
    profile::{Look, ProfileDraft, TokenRecord, validate},
    provider,
};
use url::Url;

/// Texts of every kind: any Unicode, and many of the signs that mean something in a URL, a form, JSON or a shell.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        vec(
            select(r#"&=+%?#/\:;@'"$`*!|<>(){}[]~^ abcAZ09é😀"#.chars().collect::<Vec<_>>()),
            0..40
        )
        .prop_map(String::from_iter),
    ]
}

/// A secret that occurs nowhere by chance.
fn secret_text() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_-]{24,60}"
}

/// Redirect URIs that are accepted, in parts that look alike from one to the next.
fn redirect_uri() -> impl Strategy<Value = RedirectUri> {
    redirect_text().prop_filter_map("accepted ones", |text| RedirectUri::parse(&text).ok())
}

fn redirect_text() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        select(vec![
            "https://app.example.com",
            "https://app.example.com.evil.example",
            "https://app-example.com"
        ]),
        select(vec![
            "https://appXexample.com",
            "http://localhost",
            "https://localhost",
            "http://127.0.0.1"
        ]),
        select(vec![
            "http://[::1]",
            "https://xn--bcher-kva.example",
            "HTTPS://APP.example.com",
            "https://127.0.0.1.example"
        ]),
    ];
    let port = select(vec!["", "", ":443", ":80", ":8443", ":9200", ":920"]);
    let segment = prop_oneof![
        select(vec![
            "cb", "cb.php", "cbXphp", "CB", "cb/", "c(b)", "c[b]", "c{b}", "c+b", "c$b", "c|b", "%63b", "é", "", ".",
            ".."
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9._~!$&'()+,;=:@|^-]{0,6}",
    ];
    let path = vec(segment, 0..3).prop_map(|segments| segments.iter().fold(String::new(), |path, s| path + "/" + s));
    let query = select(vec!["", "", "?", "?id=1", "?id=1&b=a+b"]);
    (host, port, path, query).prop_map(|(host, port, path, query)| [host, port, &path, query].concat())
}

/// Another URL, made from a redirect URI by one change or none.
fn callback_near(uri: &RedirectUri) -> impl Strategy<Value = Url> + use<> {
    let base = uri.url().clone();
    let change = (
        0..12_u8,
        any_text(),
        select(vec!["x", ".evil.example", "/", ".", "%2f", "@", ":1"]),
    );
    change.prop_filter_map("still a URL", move |(kind, text, suffix)| {
        let mut url = base.clone();
        let query = ["code=c&state=s&", url.query().unwrap_or_default()].concat();
        let mut set_query = true;
        match kind {
            0 => url.set_path(&[url.path(), suffix].concat()),
            1 => url.set_path(&text),
            2 => url.set_host(Some(&[url.host_str()?, suffix].concat())).ok()?,
            3 => url.set_port(Some(9201)).ok()?,
            4 => url.set_port(None).ok()?,
            5 => url.set_username("user").ok()?,
            6 => url.set_password(Some("pw")).ok()?,
            7 => url
                .set_scheme(if url.scheme() == "http" { "https" } else { "http" })
                .ok()?,
            8 => url.set_path(&url.path().to_ascii_uppercase()),
            9 => {
                url.set_query(Some(&form::encode(&text)));
                set_query = false;
            }
            10 => url.set_fragment(Some(&text)),
            _ => {}
        }
        if set_query {
            url.set_query(Some(&query));
        }
        // What a browser reports is a URL that parses to itself.
        Url::parse(url.as_str()).ok()
    })
}

fn redirect_and_callback() -> impl Strategy<Value = (RedirectUri, Url)> {
    redirect_uri().prop_flat_map(|uri| {
        let other = redirect_uri().prop_map(|other| other.url().clone());
        let callback = prop_oneof![8 => callback_near(&uri), 1 => other];
        (Just(uri), callback)
    })
}

/// The place of a URL, taken from the text that the browser would report and not from parsed parts.
fn place(url: &Url) -> &str {
    url.as_str().split(['?', '#']).next().unwrap_or_default()
}

fn has_registered_query(uri: &RedirectUri, callback: &Url) -> bool {
    let got: Vec<_> = callback.query_pairs().collect();
    uri.url().query_pairs().all(|pair| got.contains(&pair))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_form_reads_back(pairs in vec((any_text(), any_text()), 0..6)) {
        let mut body = String::new();
        for (name, value) in &pairs {
            form::push(&mut body, name, value);
        }
        prop_assert!(body.is_ascii());
        prop_assert_eq!(form::parse(body.as_bytes()), pairs);
    }

    #[test]
    fn an_authorization_url_reads_back(
        uri in redirect_uri(), client_id in any_text(), state in any_text(), names in vec("[a-z_.]{1,12}", 0..5),
        extra in vec((any_text(), any_text()), 0..4), endpoint_query in "[a-z0-9=&%+]{0,20}",
    ) {
        let endpoint = EndpointUrl::parse(&["https://as.example/authorize?", &endpoint_query].concat()).unwrap();
        let scopes = Scopes::parse(&names.join(" ")).unwrap();
        let state = State::new(state);
        let url = AuthorizationRequest {
            endpoint: &endpoint, client_id: &client_id, redirect_uri: &uri, scopes: &scopes, scope_separator: " ",
            state: &state, code_challenge: None, extra: &extra,
        }.url();
        prop_assert_eq!(url.origin().ascii_serialization(), "https://as.example");
        prop_assert!(!url.as_str().contains('+') || endpoint_query.contains('+'), "a space is %20");
        let values = |name: &str| url.query_pairs().filter(|(own, _)| own == name).map(|(_, v)| v.into_owned()).collect::<Vec<_>>();
        prop_assert_eq!(values("response_type"), ["code"]);
        prop_assert_eq!(values("client_id"), [client_id]);
        prop_assert_eq!(values("redirect_uri"), [uri.as_str()]);
        prop_assert_eq!(values("state"), [state.expose()]);
        prop_assert_eq!(values("scope"), if scopes.is_empty() { vec![] } else { vec![scopes.join(" ")] });
        prop_assert_eq!(values("code_challenge").len(), 0);
    }

    #[test]
    fn a_token_request_sends_every_byte(
        uri in redirect_uri(), client_id in any_text(), secret in any_text(), code in any_text(), verifier in any_text(),
    ) {
        let (secret, code, verifier) = (ClientSecret::new(secret), AuthorizationCode::new(code), CodeVerifier::new(verifier));
        let request = TokenRequest {
            endpoint: &EndpointUrl::parse("https://as.example/token").unwrap(), client_id: &client_id,
            client_secret: Some(&secret), authentication: ClientAuthentication::Body, code: &code, redirect_uri: &uri,
            code_verifier: Some(&verifier),
        }.http_request();
        let sent = form::parse(request.body.expose());
        let expected = [
            ("grant_type", "authorization_code"), ("code", code.expose()), ("redirect_uri", uri.as_str()),
            ("client_id", client_id.as_str()), ("client_secret", secret.expose()), ("code_verifier", verifier.expose()),
        ];
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(sent, expected);
        prop_assert_eq!(request.url, "https://as.example/token");
    }

    #[test]
    fn a_match_is_the_same_place((uri, callback) in redirect_and_callback()) {
        let same_place = place(&callback) == place(uri.url());
        prop_assert_eq!(uri.matches(&callback), same_place && has_registered_query(&uri, &callback), "{} {}", uri.as_str(), callback);
    }

    #[test]
    fn the_rule_blocks_what_matches_and_nothing_else((uri, callback) in redirect_and_callback()) {
        let blocked = Regex::new(&uri.rule_regex()).unwrap().is_match(callback.as_str());
        // The rule leaves the registered query to the matcher: a form-post callback need not have one.
        prop_assert_eq!(blocked && has_registered_query(&uri, &callback), uri.matches(&callback), "{} {}", uri.rule_regex(), callback);
        prop_assert_eq!(blocked, place(&callback) == place(uri.url()), "{} {}", uri.rule_regex(), callback);
    }

    #[test]
    fn the_state_rule_blocks_only_that_state(
        (uri, callback) in redirect_and_callback(), entropy in any::<[u8; 32]>(), kind in 0..7_u8, noise in any_text(),
    ) {
        let state = State::from_entropy(&entropy);
        let state = state.expose();
        let mut callback = callback;
        let noise = form::encode(&noise);
        let query = match kind {
            0 => format!("code=c&state={state}"),
            1 => format!("state={state}&code=c"),
            2 => format!("{noise}=&state={state}&{noise}"),
            3 => format!("state={state}x"),
            4 => format!("xstate={state}"),
            5 => format!("code=state={state}"),
            _ => format!("code=c#state={state}"),
        };
        let (query, fragment) = query.split_once('#').map_or((query.as_str(), None), |(q, f)| (q, Some(f)));
        callback.set_query(Some(query));
        callback.set_fragment(fragment);
        let regex = Regex::new(&uri.rule_regex_with("state", state)).unwrap();
        let carries = callback.query_pairs().any(|(name, value)| name == "state" && value == state);
        prop_assert_eq!(regex.is_match(callback.as_str()), carries && place(&callback) == place(uri.url()), "{} {}", regex, callback);
    }

    #[test]
    fn a_redirect_uri_is_kept_as_it_is(given in prop_oneof![redirect_text(), any_text()]) {
        if let Ok(uri) = RedirectUri::parse(&given) {
            prop_assert_eq!(uri.as_str(), &given);
            prop_assert!(uri.matches(uri.url()));
            let json = serde_json::to_string(&uri).unwrap();
            prop_assert_eq!(serde_json::from_str::<RedirectUri>(&json).unwrap(), uri);
        }
    }

    #[test]
    fn only_the_right_state_gives_a_code(
        uri in redirect_uri(), sent in any::<[u8; 32]>(), got in prop_oneof![any_text(), secret_text()], code in "[ -~]{1,40}",
    ) {
        let state = State::from_entropy(&sent);
        let expect = Expected { redirect_uri: &uri, state: &state, issuer: None, iss_required: false };
        let arrival = |value: &str| {
            let mut url = uri.url().clone();
            let mut query = url.query().unwrap_or_default().to_owned();
            form::push(&mut query, "code", &code);
            form::push(&mut query, "state", value);
            url.set_query(Some(&query));
            parse_authorization_response(&url, &expect)
        };
        prop_assert_eq!(arrival(state.expose()), Ok(AuthorizationCode::new(code.clone())));
        let refusal = if got.is_empty() { RedirectError::StateMissing } else { RedirectError::StateMismatch };
        prop_assert_eq!(arrival(&got), Err(refusal));
    }

    #[test]
    fn verifier_and_state_share_nothing(entropy in any::<[[u8; 32]; 2]>()) {
        prop_assume!(entropy[0] != entropy[1]);
        let verifier = CodeVerifier::from_entropy(&entropy[0]);
        let state = State::from_entropy(&entropy[1]);
        for text in [verifier.expose(), state.expose()] {
            prop_assert_eq!(text.len(), 43);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        }
        let shared = (0..=43 - 8).any(|at| state.expose().contains(&verifier.expose()[at..at + 8]));
        prop_assert!(!shared, "{} {}", verifier.expose(), state.expose());
        // The challenge, which the browser's address bar shows, says nothing of either.
        let challenge = CodeChallenge::s256(&verifier);
        prop_assert!(challenge.as_str() != verifier.expose() && challenge.as_str() != state.expose());
    }

    #[test]
    fn parsers_take_any_bytes(
        body in prop_oneof![vec(any::<u8>(), 0..300), json_like().prop_map(String::into_bytes)],
        status in any::<u16>(), media_type in prop_oneof![Just("application/x-www-form-urlencoded".to_owned()), any_text()],
        truncated in any::<bool>(),
    ) {
        let response = HttpResponse { status, headers: vec![("content-type".into(), media_type)], body, truncated };
        if let Ok(token) = parse_token_response(&response) {
            prop_assert!((200..300).contains(&status) && !truncated);
            prop_assert!(!token.access_token.expose().is_empty());
            prop_assert!(token.access_token.expose().bytes().all(|b| (0x20..0x7F).contains(&b)));
        }
        let excerpt = text::excerpt(&response.body);
        prop_assert!(excerpt.chars().count() <= 201 && !excerpt.contains(char::is_control));
        let as_text = String::from_utf8_lossy(&response.body);
        let _ = (RedirectUri::parse(&as_text), EndpointUrl::parse(&as_text), Scopes::parse(&as_text));
        let _ = (Scopes::from_answer(&as_text), unverified_claims(&IdToken::new(as_text)));
    }

    #[test]
    fn parsers_take_any_text(given in any_text()) {
        let unescaped = text::html_unescape(&given);
        prop_assert!(unescaped.chars().count() <= given.chars().count());
        if !given.contains('&') {
            prop_assert_eq!(&unescaped, &given);
        }
        let escaped = given.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
        prop_assert_eq!(text::html_unescape(&escaped), given.clone());
        if let Ok(url) = Url::parse(&given) {
            let _ = state_of(&url);
        }
        let draft = ProfileDraft {
            name: given.clone(), provider: "linkedin".into(), client_id: given.clone(), client_secret: given.clone(),
            redirect_uri: given.clone(), scope: given, renew_automatically: false,
            renew_in_tab: false,
            look: Look::default(),
        };
        let _ = validate(&draft);
    }

    #[test]
    fn scopes_read_back(given in any_text(), separator in select(vec![" ", ",", ", ", "\n"])) {
        let lenient = Scopes::from_answer(&given);
        prop_assert_eq!(Scopes::parse(&lenient.join(separator)), Ok(lenient.clone()));
        prop_assert!(lenient.missing_from(&lenient).is_empty());
        if let Ok(strict) = Scopes::parse(&given) {
            prop_assert_eq!(strict, lenient);
        }
    }

    #[test]
    fn debug_shows_no_secret(secret in secret_text(), uri in redirect_uri()) {
        let client_secret = ClientSecret::new(secret.clone());
        let code = AuthorizationCode::new(secret.clone());
        let verifier = CodeVerifier::new(secret.clone());
        let state = State::new(secret.clone());
        let endpoint = EndpointUrl::parse("https://as.example/token").unwrap();
        for authentication in [ClientAuthentication::Body, ClientAuthentication::Basic, ClientAuthentication::None] {
            let request = TokenRequest {
                endpoint: &endpoint, client_id: "client", client_secret: Some(&client_secret), authentication,
                code: &code, redirect_uri: &uri, code_verifier: Some(&verifier),
            };
            hides(&secret, &request)?;
            hides(&secret, &request.http_request())?;
        }
        hides(&secret, &(&client_secret, &code, &verifier, &state))?;
        hides(&secret, &(AccessToken::new(&*secret), RefreshToken::new(&*secret), IdToken::new(&*secret)))?;
        hides(&secret, &Expected { redirect_uri: &uri, state: &state, issuer: None, iss_required: false })?;
        let draft = ProfileDraft {
            name: "n".into(), provider: "linkedin".into(), client_id: "c78".into(), client_secret: secret.clone(),
            redirect_uri: uri.as_str().into(), scope: "openid".into(), renew_automatically: true,
            renew_in_tab: false,
            look: Look::default(),
        };
        hides(&secret, &draft)?;
        hides(&secret, &validate(&draft).unwrap())?;
        hides(&secret, &validate(&ProfileDraft { client_secret: format!("{secret}\n"), ..draft }).unwrap_err())?;
    }

    #[test]
    fn an_answer_shows_no_secret(secret in secret_text(), cut in 0..400_usize, status in select(vec![200_u16, 400, 500])) {
        let whole = format!(
            r#"{{"access_token":"{secret}","token_type":"Bearer","refresh_token":"{secret}","id_token":"{secret}"}}"#
        );
        let html = format!("<html><body><p>{secret}</p>{whole}</body></html>");
        for body in [&whole[..cut.min(whole.len())], &html, &format!("[{whole}]"), &format!("{whole}{whole}")] {
            let response = HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec(), truncated: false };
            hides(&secret, &response)?;
            match parse_token_response(&response) {
                Ok(token) => {
                    hides(&secret, &token)?;
                    hides(&secret, &TokenRecord::from_response(&token, &Scopes::default(), 0))?;
                }
                Err(error) => {
                    hides(&secret, &error)?;
                    prop_assert!(!error.to_string().contains(&secret));
                    prop_assert!(!serde_json::to_string(&error).unwrap().contains(&secret));
                }
            }
        }
        let echo = format!(r#"{{"error":"{secret}","error_description":"bad {secret}","error_uri":"https://as.example/{secret}"}}"#);
        let response = HttpResponse { status: 400, headers: Vec::new(), body: echo.into_bytes(), truncated: false };
        hides(&secret, &parse_token_response(&response).unwrap_err().without(&["", &secret]))?;
    }

    #[test]
    fn a_refused_callback_shows_no_secret(secret in secret_text(), entropy in any::<[u8; 32]>(), uri in redirect_uri(), kind in 0..6_u8) {
        let state = State::from_entropy(&entropy);
        let expect = Expected { redirect_uri: &uri, state: &state, issuer: Some("https://as.example"), iss_required: true };
        let mut url = uri.url().clone();
        let mut query = url.query().unwrap_or_default().to_owned();
        form::push(&mut query, "code", &secret);
        form::push(&mut query, "state", if kind == 0 { &secret } else { state.expose() });
        match kind {
            1 => form::push(&mut query, "code", &secret),
            2 => form::push(&mut query, "error", "access_denied"),
            3 => form::push(&mut query, "state", &secret),
            4 => form::push(&mut query, "iss", &["https://", state.expose()].concat()),
            _ => {}
        }
        url.set_query(Some(&query));
        let error = parse_authorization_response(&url, &expect).unwrap_err();
        for secret in [secret.as_str(), state.expose()] {
            hides(secret, &error)?;
            prop_assert!(!error.to_string().contains(secret));
            prop_assert!(!serde_json::to_string(&error).unwrap().contains(secret));
        }
    }
}

/// Objects that are nearly token responses.
fn json_like() -> impl Strategy<Value = String> {
    let name = select(vec![
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "refresh_token",
        "id_token",
        "error",
        "x",
    ]);
    let value = prop_oneof![
        any_text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        select(vec![
            "null",
            "true",
            "1e99",
            "-1",
            "{}",
            "[]",
            "[\"a\"]",
            "\"Bearer\"",
            "\"a\"",
            "3600",
            "{\"type\":1}"
        ])
        .prop_map(str::to_owned),
    ];
    vec((name, value), 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn hides(secret: &str, value: &dyn Debug) -> Result<(), TestCaseError> {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        prop_assert!(!shown.contains(secret), "{}", shown);
    }
    Ok(())
}

/// Runs a command in a real shell whose `curl` prints its arguments, each ended by a null.
fn arguments_of(command: &str) -> Vec<String> {
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{command}");
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let mut arguments: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .split('\0')
        .map(str::to_owned)
        .collect();
    assert_eq!(arguments.pop().as_deref(), Some(""));
    arguments
}

proptest! {
    // Each case starts a shell.
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn curl_gets_every_byte_through_a_shell(
        token in prop_oneof![any_text(), select(vec!["'", "''", "a'b", "$(exit 1)", "`exit 1`", "\\", "-", "!x", "a\nb"]).prop_map(str::to_owned)],
    ) {
        // A null can be in no argument, and no token has one (RFC 6749 appendix A.12).
        prop_assume!(!token.contains('\0'));
        let record = TokenRecord {
            v: TokenRecord::VERSION, access_token: AccessToken::new(token.clone()), token_type: "Bearer".into(),
            scope_requested: Scopes::parse("openid profile").unwrap(), scope_granted: None, obtained_ms: 0, expires_ms: None,
            clock_skew_ms: None,
            refresh_token: None, refresh_expires_ms: None, refresh_refused_ms: None, refresh_again_until_ms: None, id_token: None, account: None, issued_to: None,
        };
        let command = handoff::curl(&record, provider::by_id("linkedin").unwrap());
        let header = ["Authorization: Bearer ", &token].concat();
        prop_assert_eq!(arguments_of(&command), ["-H", &header, "https://api.linkedin.com/v2/userinfo"]);
    }
}
