//! linkedin.md section 2: login, consent, its bypass, the redirect URI's rules, the native PKCE variant.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::client::{AUTHORIZATION, Client, NATIVE_AUTHORIZATION, STATE, TOKEN, WWW, assert_error, encode, with};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[tokio::test]
async fn login_then_consent_then_redirect() {
    let client = Client::start().await;
    let (app, member) = (&client.ready().app, &client.ready().member);
    let login = client
        .query(AUTHORIZATION, &client.request(app, "openid profile"))
        .await;
    assert_eq!(login.status, 200);
    for id in ["id=\"username\"", "id=\"password\"", "id=\"sign-in\"", "id=\"cancel\""] {
        assert!(login.text().contains(id), "no {id} in the login page");
    }

    let credentials = [
        ("session_key", &*member.username),
        ("session_password", &*member.password),
        ("action", "sign_in"),
    ];
    let answer = client
        .form(&format!("{WWW}{}", login.form_action()), &credentials)
        .await;
    assert_eq!(answer.status, 303);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("li_at="), "{cookie}");
    for attribute in ["; HttpOnly", "; Secure"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }

    let consent = client.get(&format!("{WWW}{}", answer.location())).await;
    assert_eq!(consent.status, 200);
    for part in [
        "id=\"allow\"",
        "id=\"cancel\"",
        "Sandbox App One",
        "<code>openid</code>",
        "<code>profile</code>",
    ] {
        assert!(consent.text().contains(part), "no {part} in the consent page");
    }
    assert!(
        !consent.text().contains("<code>email</code>"),
        "a scope that was not asked for"
    );

    let answer = client
        .form(&format!("{WWW}{}", consent.form_action()), &[("action", "allow")])
        .await;
    assert_eq!(answer.status, 302);
    let code = answer.callback_value("code");
    assert_eq!(
        answer.location(),
        format!("https://app.tokenkeep.test/callback?code={code}&state={STATE}")
    );
    assert!((100..=200).contains(&code.len()), "{}", code.len());
    assert!(
        code.starts_with("AQ")
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    // The login stays: the next request goes to the consent page at once.
    let again = client
        .query(AUTHORIZATION, &client.request(app, "openid profile"))
        .await;
    assert!(again.text().contains("id=\"allow\""));
}

#[tokio::test]
async fn wrong_password_shows_the_login_page_again() {
    let client = Client::start().await;
    let (app, member) = (&client.ready().app, &client.ready().member);
    let login = client.query(AUTHORIZATION, &client.request(app, "openid")).await;
    let submit = format!("{WWW}{}", login.form_action());
    for (username, password) in [
        (&*member.username, "wrong"),
        ("nobody@sandbox.test", &member.password),
        ("", ""),
    ] {
        let credentials = [("session_key", username), ("session_password", password)];
        let answer = client.form(&submit, &credentials).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("role=\"alert\"") && answer.header("set-cookie").is_none());
        assert_eq!(format!("{WWW}{}", answer.form_action()), submit, "the request is lost");
    }
}

#[tokio::test]
async fn a_consent_form_answers_once() {
    let client = Client::logged_in().await;
    let consent = client
        .query(AUTHORIZATION, &client.request(&client.ready().app, "openid"))
        .await;
    let submit = format!("{WWW}{}", consent.form_action());
    assert_eq!(client.form(&submit, &[("action", "allow")]).await.status, 302);
    let again = client.form(&submit, &[("action", "allow")]).await;
    assert_eq!((again.status, again.header("location")), (401, None));
    assert_eq!(client.state().await["codes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn consent_is_bypassed_for_the_same_scopes_while_a_token_lives() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let first = client.authorize(app, "openid profile").await;
    // A code alone is no grant yet.
    assert_eq!(
        client
            .query(AUTHORIZATION, &client.request(app, "openid profile"))
            .await
            .status,
        200
    );
    assert_eq!(client.form(TOKEN, &client.exchange(app, &first)).await.status, 200);

    for (scope, status) in [
        ("openid profile", 302),
        ("profile openid", 302),
        ("profile,openid", 302),
        ("openid", 200),
        ("openid profile email", 200),
    ] {
        let answer = client.query(AUTHORIZATION, &client.request(app, scope)).await;
        assert_eq!(answer.status, status, "{scope}");
        if status == 302 {
            assert_ne!(answer.callback_value("code"), first, "a fresh code");
        }
    }

    let other_app = client
        .query(
            AUTHORIZATION,
            &client.request(&client.ready().second_app, "openid profile"),
        )
        .await;
    assert_eq!(other_app.status, 200, "the grant is the first app's");
    client
        .control("session", &json!({"member": client.ready().second_member.username}))
        .await;
    let other_member = client
        .query(AUTHORIZATION, &client.request(app, "openid profile"))
        .await;
    assert_eq!(other_member.status, 200, "the grant is the first member's");
    client.control("session", &json!({"member": null})).await;
    let nobody = client
        .query(AUTHORIZATION, &client.request(app, "openid profile"))
        .await;
    assert!(nobody.text().contains("id=\"sign-in\""), "nobody is logged in");
}

#[tokio::test]
async fn consent_is_asked_for_again_when_the_token_expired_or_was_revoked() {
    let client = Client::logged_in().await;
    let (app, member) = (&client.ready().app, &client.ready().member);
    client.tokens(app, "openid").await;
    let request = client.request(app, "openid");
    assert_eq!(client.query(AUTHORIZATION, &request).await.status, 302);
    client.later(5_183_900).await;
    assert_eq!(client.query(AUTHORIZATION, &request).await.status, 302);
    client.later(5_184_000).await;
    assert_eq!(client.query(AUTHORIZATION, &request).await.status, 200);

    client.tokens(app, "openid").await;
    assert_eq!(client.query(AUTHORIZATION, &request).await.status, 302);
    client
        .control(
            "revoke",
            &json!({"client_id": app.client_id, "member": member.username}),
        )
        .await;
    assert_eq!(client.query(AUTHORIZATION, &request).await.status, 200);
}

#[tokio::test]
async fn state_comes_back_unchanged() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.tokens(app, "openid").await;
    let request = client.request(app, "openid");
    for state in ["a b+c%20d", "ä€", "\"<>&=?#", ""] {
        let answer = client.query(AUTHORIZATION, &with(&request, "state", Some(state))).await;
        assert_eq!(answer.callback_value("state"), state);
    }
    let answer = client.query(AUTHORIZATION, &with(&request, "state", None)).await;
    assert_eq!(
        answer.callback().iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["code"]
    );
}

#[tokio::test]
async fn scopes_are_separated_by_spaces_or_commas() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    for separator in ["%20", "+", ",", "%2C"] {
        let request = encode(&with(&client.request(app, "-"), "scope", None));
        let url = format!("{AUTHORIZATION}?{request}&scope=w_member_social{separator}email{separator}openid");
        let consent = client.get(&url).await;
        let answer = client
            .form(&format!("{WWW}{}", consent.form_action()), &[("action", "allow")])
            .await;
        let code = answer.callback_value("code");
        let tokens = client.form(TOKEN, &client.exchange(app, &code)).await.json();
        assert_eq!(tokens["scope"], "email,openid,w_member_social", "{separator}");
        client.control("reset", &json!({})).await;
        client
            .control("session", &json!({"member": client.ready().member.username}))
            .await;
    }
}

#[tokio::test]
async fn redirect_uri_must_match_exactly() {
    let client = Client::logged_in().await;
    let registered = "https://app.tokenkeep.test/callback?id=1";
    let app = json!({"client_id": "77sandboxmatch", "redirect_uris": [registered], "scopes": ["openid"]});
    client.control("apps", &app).await;
    let request = with(
        &client.request(&client.ready().app, "openid"),
        "client_id",
        Some("77sandboxmatch"),
    );
    for (redirect_uri, accepted) in [
        // The registered URL's own query is ignored.
        ("https://app.tokenkeep.test/callback", true),
        ("https://app.tokenkeep.test/callback?id=1", false),
        ("https://app.tokenkeep.test/callback?", false),
        ("https://app.tokenkeep.test/callback/", false),
        ("https://app.tokenkeep.test/callback#", false),
        ("https://app.tokenkeep.test/Callback", false),
        ("https://app.tokenkeep.test:443/callback", false),
        ("http://app.tokenkeep.test/callback", false),
        ("https://APP.tokenkeep.test/callback", false),
        ("https://app.tokenkeep.test/callback.evil", false),
        ("https://app.tokenkeep.test@evil.test/callback", false),
        ("/callback", false),
        ("", false),
    ] {
        let answer = client
            .query(AUTHORIZATION, &with(&request, "redirect_uri", Some(redirect_uri)))
            .await;
        assert_eq!(answer.status == 200, accepted, "{redirect_uri}");
        assert_eq!(answer.header("location"), None, "{redirect_uri}");
    }
}

#[tokio::test]
async fn every_registered_redirect_uri_works() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.tokens(app, "openid").await;
    let registered: Vec<&str> = app.redirect_uris.iter().map(String::as_str).collect();
    assert_eq!(registered.len(), 4);
    for redirect_uri in registered {
        let request = with(&client.request(app, "openid"), "redirect_uri", Some(redirect_uri));
        let answer = client.query(AUTHORIZATION, &request).await;
        assert!(
            answer.location().starts_with(&format!("{redirect_uri}?code=AQ")),
            "{}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn parameters_that_linkedin_ignores() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.tokens(app, "openid").await;
    let challenge = challenge(VERIFIER);
    let mut request = client.request(app, "openid");
    request.extend([
        ("nonce", "n-1"),
        ("prompt", "none"),
        ("code_challenge", &challenge),
        ("max_age", "0"),
    ]);
    request.push(("code_challenge_method", "S256"));
    let code = client.query(AUTHORIZATION, &request).await.callback_value("code");
    // A challenge alone is harmless: the exchange needs no verifier.
    assert_eq!(client.form(TOKEN, &client.exchange(app, &code)).await.status, 200);
}

#[tokio::test]
async fn extended_login_shows_on_the_login_page() {
    let client = Client::start().await;
    let mut request = client.request(&client.ready().app, "openid");
    assert!(
        !client
            .query(AUTHORIZATION, &request)
            .await
            .text()
            .contains("extended-login")
    );
    request.push(("enable_extended_login", "true"));
    assert!(
        client
            .query(AUTHORIZATION, &request)
            .await
            .text()
            .contains("extended-login")
    );
}

#[tokio::test]
async fn native_pkce_needs_no_secret() {
    let client = Client::logged_in().await;
    let app = &client.ready().native_app;
    let challenge = challenge(VERIFIER);
    for redirect_uri in [
        "http://127.0.0.1:51234",
        "http://[::1]:8080/cb",
        "https://127.0.0.1:9/",
        "http://127.0.0.1/",
    ] {
        let mut request = with(&client.request(app, "openid"), "redirect_uri", Some(redirect_uri));
        request.extend([("code_challenge", &*challenge), ("code_challenge_method", "S256")]);
        let mut answer = client.query(NATIVE_AUTHORIZATION, &request).await;
        if answer.status == 200 {
            answer = client
                .form(&format!("{WWW}{}", answer.form_action()), &[("action", "allow")])
                .await;
        }
        let code = answer.callback_value("code");
        let exchange = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("client_id", &app.client_id),
            ("code_verifier", VERIFIER),
        ];
        let answer = client.form(TOKEN, &exchange).await;
        assert_eq!(answer.status, 200, "{redirect_uri}: {}", answer.text());
    }
}

#[tokio::test]
async fn native_pkce_refuses_what_is_not_loopback_and_apps_that_are_not_enabled() {
    let client = Client::logged_in().await;
    let challenge = challenge(VERIFIER);
    let native = &client.ready().native_app;
    let mut request = with(
        &client.request(native, "openid"),
        "redirect_uri",
        Some("http://127.0.0.1:51234/cb"),
    );
    request.extend([("code_challenge", &*challenge), ("code_challenge_method", "S256")]);
    assert_eq!(client.query(NATIVE_AUTHORIZATION, &request).await.status, 200);

    for redirect_uri in [
        "http://localhost:51234/cb",
        "https://app.tokenkeep.test/callback",
        "http://192.0.2.1/cb",
        "cb:/127.0.0.1",
    ] {
        let answer = client
            .query(
                NATIVE_AUTHORIZATION,
                &with(&request, "redirect_uri", Some(redirect_uri)),
            )
            .await;
        assert_eq!(answer.status, 401, "{redirect_uri}");
        assert!(
            answer
                .text()
                .contains("The redirect_uri does not match the registered value")
        );
    }
    let ordinary = with(&request, "client_id", Some(&client.ready().app.client_id));
    assert_eq!(client.query(NATIVE_AUTHORIZATION, &ordinary).await.status, 401);
}

#[tokio::test]
async fn native_pkce_needs_both_challenge_parameters() {
    let client = Client::logged_in().await;
    let challenge = challenge(VERIFIER);
    let native = &client.ready().native_app;
    let mut request = with(
        &client.request(native, "openid"),
        "redirect_uri",
        Some("http://127.0.0.1:51234/cb"),
    );
    request.extend([("code_challenge", &*challenge), ("code_challenge_method", "S256")]);
    for (name, value) in [
        ("code_challenge", None),
        ("code_challenge", Some("too-short")),
        ("code_challenge_method", None),
        ("code_challenge_method", Some("plain")),
    ] {
        let answer = client.query(NATIVE_AUTHORIZATION, &with(&request, name, value)).await;
        assert_eq!(answer.callback_value("error"), "invalid_request", "{name} {value:?}");
    }
}

#[tokio::test]
async fn native_pkce_checks_the_verifier() {
    let client = Client::logged_in().await;
    let app = &client.ready().native_app;
    let challenge = challenge(VERIFIER);
    let mut request = with(
        &client.request(app, "openid"),
        "redirect_uri",
        Some("http://127.0.0.1:51234/cb"),
    );
    request.extend([("code_challenge", &*challenge), ("code_challenge_method", "S256")]);
    let consent = client.query(NATIVE_AUTHORIZATION, &request).await;
    let answer = client
        .form(&format!("{WWW}{}", consent.form_action()), &[("action", "allow")])
        .await;
    let code = answer.callback_value("code");
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:51234/cb"),
        ("client_id", &app.client_id),
        ("code_verifier", "another-verifier-another-verifier-another-v"),
    ];
    let mismatch = "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization \
                    code. Or authorization code expired. Or external member binding exists";
    assert_error(&client.form(TOKEN, &exchange).await, 400, "invalid_request", mismatch);
    let missing = "A required parameter \"client_secret\" is missing";
    let without = with(&exchange, "code_verifier", None);
    assert_error(&client.form(TOKEN, &without).await, 400, "invalid_request", missing);
    let secret = with(&without, "client_secret", Some(&app.client_secret));
    assert_error(&client.form(TOKEN, &secret).await, 400, "invalid_request", mismatch);
    let right = with(&exchange, "code_verifier", Some(VERIFIER));
    assert_eq!(client.form(TOKEN, &right).await.status, 200);
}
