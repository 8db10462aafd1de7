//! linkedin.md section 4: the code exchange's answers and every row of its errors; the client credentials grant.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Client, TOKEN, USERINFO, assert_error, encode, with};

const MISMATCH: &str = "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization \
                        code. Or authorization code expired. Or external member binding exists";
const NOT_FOUND: &str = "Unable to retrieve access token: authorization code not found";
const AUTHENTICATION: &str = "Client authentication failed";

fn basic(client_id: &str, client_secret: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{client_id}:{client_secret}"))
    )
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn success_with_openid() {
    let client = Client::logged_in().await;
    let tokens = client
        .tokens(&client.ready().app, "w_member_social profile openid email")
        .await;
    assert_eq!(
        names(&tokens),
        ["access_token", "expires_in", "scope", "token_type", "id_token"]
    );
    assert_eq!(tokens["expires_in"], 5_183_999);
    assert_eq!(tokens["scope"], "email,openid,profile,w_member_social");
    assert_eq!(tokens["token_type"], "Bearer");
    let access_token = tokens["access_token"].as_str().unwrap();
    assert!(access_token.starts_with("AQ"));
    assert!((350..=500).contains(&access_token.len()), "{}", access_token.len());
    assert!(
        access_token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
}

#[tokio::test]
async fn success_without_openid_has_no_token_type() {
    let client = Client::logged_in().await;
    let tokens = client.tokens(&client.ready().app, "w_member_social").await;
    assert_eq!(names(&tokens), ["access_token", "expires_in", "scope"]);
    let tokens = client
        .tokens(&client.ready().legacy_app, "r_liteprofile r_emailaddress")
        .await;
    assert_eq!(names(&tokens), ["access_token", "expires_in", "scope"]);
    assert_eq!(tokens["scope"], "r_emailaddress,r_liteprofile");
}

#[tokio::test]
async fn success_of_apps_with_refresh_tokens() {
    let client = Client::logged_in().await;
    let tokens = client
        .tokens(&client.ready().community_app, "w_organization_social")
        .await;
    let expected = [
        "access_token",
        "expires_in",
        "refresh_token",
        "refresh_token_expires_in",
        "scope",
    ];
    assert_eq!(names(&tokens), expected);
    assert_eq!(tokens["refresh_token_expires_in"], 31_536_059);
    let tokens = client.tokens(&client.ready().refresh_app, "openid r_ads").await;
    assert_eq!(names(&tokens), [&expected[..], &["token_type", "id_token"]].concat());
}

#[tokio::test]
async fn success_is_not_cached() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let code = client.authorize(app, "openid").await;
    let answer = client.form(TOKEN, &client.exchange(app, &code)).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn parameters_may_stand_in_the_query_but_not_in_json() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let code = client.authorize(app, "openid").await;
    let pairs = client.exchange(app, &code);
    let object: serde_json::Map<String, Value> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let json_type = [("content-type", "application/json")];
    let answer = client
        .send(Method::POST, TOKEN, &json_type, &Value::Object(object).to_string())
        .await;
    assert_error(
        &answer,
        400,
        "invalid_request",
        "A required parameter \"grant_type\" is missing",
    );
    let answer = client
        .send(Method::POST, &format!("{TOKEN}?{}", encode(&pairs)), &[], "")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn unknown_code() {
    let client = Client::start().await;
    let exchange = client.exchange(&client.ready().app, "garbage");
    assert_error(&client.form(TOKEN, &exchange).await, 401, "invalid_request", NOT_FOUND);
    client.control("quirks", &json!({"unknown_code_is_400": true})).await;
    assert_error(&client.form(TOKEN, &exchange).await, 400, "invalid_request", NOT_FOUND);
}

#[tokio::test]
async fn redirect_uri_differs() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let code = client.authorize(app, "openid").await;
    let exchange = client.exchange(app, &code);
    for redirect_uri in ["https://app.tokenkeep.test/callback/", &app.redirect_uris[1]] {
        let differs = with(&exchange, "redirect_uri", Some(redirect_uri));
        client.control("quirks", &json!({})).await;
        assert_error(
            &client.form(TOKEN, &differs).await,
            400,
            "invalid_redirect_uri",
            MISMATCH,
        );
        client
            .control("quirks", &json!({"redirect_mismatch_is_invalid_request": true}))
            .await;
        assert_error(&client.form(TOKEN, &differs).await, 400, "invalid_request", MISMATCH);
    }
    assert_eq!(
        client.form(TOKEN, &exchange).await.status,
        200,
        "the code was not redeemed"
    );
}

#[tokio::test]
async fn code_used_expired_or_of_another_client() {
    let client = Client::logged_in().await;
    let (app, other) = (&client.ready().app, &client.ready().second_app);
    let code = client.authorize(app, "openid").await;
    let foreign = client.form(TOKEN, &client.exchange(other, &code)).await;
    assert_error(&foreign, 400, "invalid_request", MISMATCH);
    let header = [("x-li-src", "msdk")];
    let sdk = client.form_with(TOKEN, &header, &client.exchange(app, &code)).await;
    assert_error(&sdk, 400, "invalid_request", MISMATCH);
    assert_eq!(client.form(TOKEN, &client.exchange(app, &code)).await.status, 200);
    let used = client.form(TOKEN, &client.exchange(app, &code)).await;
    assert_error(&used, 400, "invalid_request", MISMATCH);

    let [early, late] = [
        client.authorize(app, "openid").await,
        client.authorize(app, "openid").await,
    ];
    client.later(1700).await;
    assert_eq!(client.form(TOKEN, &client.exchange(app, &early)).await.status, 200);
    client.later(1800).await;
    let expired = client.form(TOKEN, &client.exchange(app, &late)).await;
    assert_error(&expired, 400, "invalid_request", MISMATCH);
}

#[tokio::test]
async fn a_required_parameter_is_missing() {
    let client = Client::start().await;
    let exchange = client.exchange(&client.ready().app, "garbage");
    for name in ["grant_type", "code", "client_id", "client_secret", "redirect_uri"] {
        for value in [None, Some("")] {
            let answer = client.form(TOKEN, &with(&exchange, name, value)).await;
            let description = format!("A required parameter \"{name}\" is missing");
            assert_error(&answer, 400, "invalid_request", &description);
        }
    }
}

#[tokio::test]
async fn client_authentication_fails() {
    let client = Client::logged_in().await;
    let (app, other) = (&client.ready().app, &client.ready().second_app);
    let code = client.authorize(app, "openid").await;
    let exchange = client.exchange(app, &code);
    let padding_lost = app.client_secret.trim_end_matches('=');
    // What arrives when the secret's `+` is sent unencoded.
    let plus_lost = app.client_secret.replace('+', " ");
    assert!(padding_lost != app.client_secret && plus_lost != app.client_secret);
    for secret in [
        "wrong",
        &other.client_secret,
        padding_lost,
        &plus_lost,
        &app.client_secret.to_lowercase(),
    ] {
        let answer = client
            .form(TOKEN, &with(&exchange, "client_secret", Some(secret)))
            .await;
        assert_error(&answer, 401, "invalid_client", AUTHENTICATION);
    }
    let raw = encode(&with(&exchange, "client_secret", None)) + "&client_secret=" + &app.client_secret;
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    let answer = client.send(Method::POST, TOKEN, &form_type, &raw).await;
    assert_error(&answer, 401, "invalid_client", AUTHENTICATION);

    let verifier = with(
        &exchange,
        "code_verifier",
        Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    );
    assert_error(
        &client.form(TOKEN, &verifier).await,
        401,
        "invalid_client",
        AUTHENTICATION,
    );
    assert_eq!(
        client.form(TOKEN, &exchange).await.status,
        200,
        "none of it used the code up"
    );
}

#[tokio::test]
async fn basic_authentication_does_not_count() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let code = client.authorize(app, "openid").await;
    let header = basic(&app.client_id, &app.client_secret);
    let header = [("authorization", &*header)];
    let id_in_body = with(&client.exchange(app, &code), "client_secret", None);
    assert_error(
        &client.form_with(TOKEN, &header, &id_in_body).await,
        401,
        "invalid_client",
        AUTHENTICATION,
    );
    let nothing_in_body = with(&id_in_body, "client_id", None);
    let answer = client.form_with(TOKEN, &header, &nothing_in_body).await;
    assert_error(
        &answer,
        400,
        "invalid_request",
        "A required parameter \"client_id\" is missing",
    );
}

#[tokio::test]
async fn unknown_client() {
    let client = Client::start().await;
    let exchange = with(
        &client.exchange(&client.ready().app, "garbage"),
        "client_id",
        Some("abcdefghijk"),
    );
    let answer = client.form(TOKEN, &exchange).await;
    assert_error(
        &answer,
        400,
        "invalid_client_id",
        "The passed in client_id is invalid \"abcdefghijk\"",
    );
}

#[tokio::test]
async fn another_grant_type() {
    let client = Client::start().await;
    let exchange = with(
        &client.exchange(&client.ready().app, "garbage"),
        "grant_type",
        Some("password"),
    );
    let answer = client.form(TOKEN, &exchange).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &json!("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn the_edge_and_the_infrastructure_fail_with_html() {
    let client = Client::start().await;
    for (status, body) in [(403, "<h1>403 ERROR</h1>"), (503, "<html></html>"), (500, "")] {
        let fault = json!({"kind": "answer", "status": status, "content_type": "text/html", "body": body});
        client
            .control("faults", &json!({"endpoint": "token", "fault": fault}))
            .await;
        let answer = client.form(TOKEN, &[]).await;
        assert_eq!((answer.status, answer.text()), (status, body));
        assert_eq!(answer.header("content-type"), Some("text/html"));
    }
}

#[tokio::test]
async fn checks_come_in_linkedins_order() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let code = client.authorize(app, "openid").await;
    let mut exchange = vec![
        ("grant_type", "authorization_code"),
        ("code", "garbage"),
        ("client_id", "abcdefghijk"),
        ("client_secret", "wrong"),
    ];
    let missing = "A required parameter \"redirect_uri\" is missing";
    assert_error(&client.form(TOKEN, &exchange).await, 400, "invalid_request", missing);
    exchange.push(("redirect_uri", "https://app.tokenkeep.test/other"));
    let unknown = "The passed in client_id is invalid \"abcdefghijk\"";
    assert_error(&client.form(TOKEN, &exchange).await, 400, "invalid_client_id", unknown);
    exchange = with(&exchange, "client_id", Some(&app.client_id));
    assert_error(
        &client.form(TOKEN, &exchange).await,
        401,
        "invalid_client",
        AUTHENTICATION,
    );
    exchange = with(&exchange, "client_secret", Some(&app.client_secret));
    assert_error(&client.form(TOKEN, &exchange).await, 401, "invalid_request", NOT_FOUND);
    exchange = with(&exchange, "code", Some(&code));
    assert_error(
        &client.form(TOKEN, &exchange).await,
        400,
        "invalid_redirect_uri",
        MISMATCH,
    );
    exchange = with(&exchange, "redirect_uri", Some(&app.redirect_uris[0]));
    assert_eq!(client.form(TOKEN, &exchange).await.status, 200);
}

#[tokio::test]
async fn tokens_of_the_same_scopes_coexist_and_other_scopes_revoke_them() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let first = client.access_token(app, "openid profile").await;
    let second = client.access_token(app, "openid profile").await;
    let other_apps = client.access_token(&client.ready().second_app, "openid profile").await;
    assert_ne!(first, second);
    for token in [&first, &second, &other_apps] {
        assert_eq!(client.bearer(USERINFO, token).await.status, 200);
    }
    let third = client.access_token(app, "openid profile email").await;
    for token in [&first, &second] {
        assert_eq!(
            client.bearer(USERINFO, token).await.json()["code"],
            "REVOKED_ACCESS_TOKEN"
        );
    }
    for token in [&third, &other_apps] {
        assert_eq!(client.bearer(USERINFO, token).await.status, 200);
    }
}

#[tokio::test]
async fn every_post_of_a_code_is_counted() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let code = client.authorize(app, "openid").await;
    let exchange = client.exchange(app, &code);
    let posts = async |expected: [u64; 3]| {
        let state = client.state().await;
        let of_code = state["codes"][0]["posts"].clone();
        let counters = &state["counters"];
        assert_eq!(
            json!([of_code, counters["token_posts"], counters["second_code_posts"]]),
            json!(expected)
        );
    };
    posts([0, 0, 0]).await;
    // A request that a fault took counts as well: the code was sent.
    client
        .control("faults", &json!({"endpoint": "token", "fault": {"kind": "reset"}}))
        .await;
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    client
        .try_send(Method::POST, TOKEN, &form_type, encode(&exchange))
        .await
        .unwrap_err();
    posts([1, 1, 0]).await;
    assert_eq!(client.state().await["codes"][0]["redeemed"], json!(false));
    client.form(TOKEN, &exchange).await;
    posts([2, 2, 1]).await;
    assert_eq!(client.state().await["codes"][0]["redeemed"], json!(true));
    client.form(TOKEN, &exchange).await;
    posts([3, 3, 2]).await;
    // Unknown codes too; other grants have no code.
    let garbage = client.exchange(app, "garbage");
    client.form(TOKEN, &garbage).await;
    posts([3, 4, 2]).await;
    client.form(TOKEN, &garbage).await;
    posts([3, 5, 3]).await;
    client.form(TOKEN, &[("grant_type", "refresh_token")]).await;
    posts([3, 6, 3]).await;
}

#[tokio::test]
async fn client_credentials_answer_is_the_documentations() {
    let client = Client::start().await;
    let app = &client.ready().legacy_app;
    let body = [
        ("grant_type", "client_credentials"),
        ("client_id", &*app.client_id),
        ("client_secret", &*app.client_secret),
    ];
    let header = basic(&app.client_id, &app.client_secret);
    for answer in [
        client.form(TOKEN, &body).await,
        client.form_with(TOKEN, &[("authorization", &header)], &body[..1]).await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tokens = answer.json();
        assert_eq!(names(&tokens), ["access_token", "expires_in"]);
        assert_eq!(tokens["expires_in"], "1800", "a string");
    }
}

#[tokio::test]
async fn client_credentials_errors() {
    let client = Client::start().await;
    let (legacy, app) = (&client.ready().legacy_app, &client.ready().app);
    let body = [
        ("grant_type", "client_credentials"),
        ("client_id", &*legacy.client_id),
        ("client_secret", &*legacy.client_secret),
    ];
    for name in ["client_id", "client_secret"] {
        let answer = client.form(TOKEN, &with(&body, name, None)).await;
        let description = format!("A required parameter \"{name}\" is missing");
        assert_error(&answer, 400, "invalid_request", &description);
    }
    let unknown = client.form(TOKEN, &with(&body, "client_id", Some("abcdefghijk"))).await;
    assert_error(
        &unknown,
        400,
        "invalid_client_id",
        "The passed in client_id is invalid \"abcdefghijk\"",
    );
    let wrong = client.form(TOKEN, &with(&body, "client_secret", Some("wrong"))).await;
    assert_error(&wrong, 401, "invalid_client_id", AUTHENTICATION);
    // With Basic, a secret with reserved characters arrives as it is or form-encoded.
    let encoded = encode(&[("", &app.client_secret)]);
    for secret in [&*app.client_secret, encoded.trim_start_matches('=')] {
        let header = basic(&app.client_id, secret);
        let answer = client.form_with(TOKEN, &[("authorization", &header)], &body[..1]).await;
        let description = "This application is not allowed to create application tokens";
        assert_error(&answer, 401, "access_denied", description);
    }
}
