//! linkedin.md section 5: refresh tokens, their year, their errors.

use serde_json::{Value, json};

use crate::client::{Client, REVOKE, TOKEN, USERINFO, assert_error, with};
use tokenkeep_sandbox::ReadyApp;

const DEAD: &str = "The provided authorization grant or refresh token is invalid, expired or revoked";
const DAY: i64 = 86_400;

fn refresh<'a>(app: &'a ReadyApp, tokens: &'a Value) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
    ]
}

#[tokio::test]
async fn only_enabled_apps_get_refresh_tokens() {
    let client = Client::logged_in().await;
    let ready = client.ready();
    for (app, scope, expected) in [
        (&ready.app, "openid", false),
        (&ready.legacy_app, "r_liteprofile", false),
        (&ready.refresh_app, "r_ads", true),
        (&ready.community_app, "w_organization_social", true),
    ] {
        let tokens = client.tokens(app, scope).await;
        assert_eq!(tokens.get("refresh_token").is_some(), expected, "{}", app.client_id);
        assert_eq!(
            tokens.get("refresh_token_expires_in").is_some(),
            expected,
            "{}",
            app.client_id
        );
    }
}

#[tokio::test]
async fn the_refresh_token_does_not_rotate_and_its_year_runs_on() {
    let client = Client::logged_in().await;
    let app = &client.ready().refresh_app;
    let tokens = client.tokens(app, "r_ads r_basicprofile").await;
    client.later(59 * DAY).await;
    let answer = client.form(TOKEN, &refresh(app, &tokens)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let refreshed = answer.json();
    let names: Vec<&String> = refreshed.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "access_token",
            "expires_in",
            "refresh_token",
            "refresh_token_expires_in",
            "scope"
        ]
    );
    assert_ne!(refreshed["access_token"], tokens["access_token"]);
    assert_eq!(refreshed["refresh_token"], tokens["refresh_token"]);
    assert_eq!(refreshed["scope"], "r_ads,r_basicprofile");
    assert_eq!(refreshed["expires_in"], 5_183_999);
    // 306 days are left; a few seconds may have passed.
    let left = refreshed["refresh_token_expires_in"].as_i64().unwrap();
    let expected = 31_536_059 - 59 * DAY;
    assert!((expected - 30..=expected).contains(&left), "{left}");
}

#[tokio::test]
async fn the_former_access_token_stays_valid() {
    let client = Client::logged_in().await;
    let app = &client.ready().refresh_app;
    let tokens = client.tokens(app, "openid profile").await;
    let refreshed = client.form(TOKEN, &refresh(app, &tokens)).await.json();
    assert!(refreshed["id_token"].is_string(), "openid was granted");
    for answer in [&tokens, &refreshed] {
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(client.bearer(USERINFO, token).await.status, 200);
    }
}

#[tokio::test]
async fn no_access_token_outlives_the_refresh_token() {
    let client = Client::logged_in().await;
    let app = &client.ready().refresh_app;
    let tokens = client.tokens(app, "r_ads").await;
    client.later(360 * DAY).await;
    let refreshed = client.form(TOKEN, &refresh(app, &tokens)).await.json();
    assert_eq!(refreshed["expires_in"], refreshed["refresh_token_expires_in"]);
    let days = refreshed["expires_in"].as_i64().unwrap() / DAY;
    assert!((4..=5).contains(&days), "{days}");
}

#[tokio::test]
async fn a_dead_refresh_token() {
    let client = Client::logged_in().await;
    let ready = client.ready();
    let app = &ready.refresh_app;
    let tokens = client.tokens(app, "r_ads").await;
    let request = refresh(app, &tokens);

    let garbage = client
        .form(TOKEN, &with(&request, "refresh_token", Some("garbage")))
        .await;
    assert_error(&garbage, 400, "invalid_request", DEAD);
    let access_token = tokens["access_token"].as_str().unwrap();
    let access = client
        .form(TOKEN, &with(&request, "refresh_token", Some(access_token)))
        .await;
    assert_error(&access, 400, "invalid_request", DEAD);
    let foreign = client.form(TOKEN, &refresh(&ready.community_app, &tokens)).await;
    assert_error(&foreign, 400, "invalid_request", DEAD);

    assert_eq!(client.form(TOKEN, &request).await.status, 200);
    client.later(366 * DAY).await;
    assert_error(&client.form(TOKEN, &request).await, 400, "invalid_request", DEAD);
    client.later(0).await;
    assert_eq!(client.form(TOKEN, &request).await.status, 200);
    // Another scope set revokes the refresh token as well.
    client.tokens(app, "r_ads rw_ads").await;
    assert_error(&client.form(TOKEN, &request).await, 400, "invalid_request", DEAD);
}

#[tokio::test]
async fn revoked_by_the_member_or_by_the_undocumented_endpoint() {
    let client = Client::logged_in().await;
    let app = &client.ready().refresh_app;
    let tokens = client.tokens(app, "r_ads").await;
    let member = &client.ready().member.username;
    client
        .control("revoke", &json!({"client_id": app.client_id, "member": member}))
        .await;
    assert_error(
        &client.form(TOKEN, &refresh(app, &tokens)).await,
        400,
        "invalid_request",
        DEAD,
    );

    let tokens = client.tokens(app, "r_ads").await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let revoke = [
        ("client_id", &*app.client_id),
        ("client_secret", &*app.client_secret),
        ("token", token),
    ];
    let wrong = client
        .form(REVOKE, &with(&revoke, "client_secret", Some("wrong")))
        .await;
    assert_error(&wrong, 401, "invalid_client", "Client authentication failed");
    let missing = client.form(REVOKE, &revoke[..2]).await;
    assert_error(
        &missing,
        400,
        "invalid_request",
        "A required parameter \"token\" is missing",
    );
    assert_eq!(client.form(TOKEN, &refresh(app, &tokens)).await.status, 200);
    let answer = client.form(REVOKE, &revoke).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_error(
        &client.form(TOKEN, &refresh(app, &tokens)).await,
        400,
        "invalid_request",
        DEAD,
    );
}

#[tokio::test]
async fn refresh_errors_before_the_token() {
    let client = Client::logged_in().await;
    let app = &client.ready().refresh_app;
    let tokens = client.tokens(app, "r_ads").await;
    let request = refresh(app, &tokens);
    for name in ["refresh_token", "client_id", "client_secret"] {
        let answer = client.form(TOKEN, &with(&request, name, None)).await;
        let description = format!("A required parameter \"{name}\" is missing");
        assert_error(&answer, 400, "invalid_request", &description);
    }
    let wrong = client
        .form(TOKEN, &with(&request, "client_secret", Some("wrong")))
        .await;
    assert_error(&wrong, 401, "invalid_client", "Client authentication failed");
    let unknown = client
        .form(TOKEN, &with(&request, "client_id", Some("abcdefghijk")))
        .await;
    assert_error(
        &unknown,
        400,
        "invalid_client_id",
        "The passed in client_id is invalid \"abcdefghijk\"",
    );
}
