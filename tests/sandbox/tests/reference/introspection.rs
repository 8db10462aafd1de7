//! linkedin.md section 6.

use serde_json::{Value, json};

use crate::client::{Client, INTROSPECTION, TOKEN, assert_error, with};

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_active_token() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let token = client.access_token(app, "profile openid").await;
    let answer = client.introspect(app, &token).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(
        names(&answer),
        [
            "active",
            "client_id",
            "authorized_at",
            "created_at",
            "status",
            "expires_at",
            "scope",
            "auth_type"
        ]
    );
    assert_eq!(answer["active"], true);
    assert_eq!(answer["status"], "active");
    assert_eq!(answer["client_id"], json!(app.client_id));
    assert_eq!(answer["scope"], "openid,profile");
    assert_eq!(answer["auth_type"], "3L");
    let seconds = |name: &str| answer[name].as_i64().unwrap();
    assert_eq!(seconds("expires_at") - seconds("created_at"), 5_183_999);
    assert!(seconds("authorized_at") <= seconds("created_at"));
    let now = client.state().await["now_s"].as_i64().unwrap();
    assert!(
        (now - 30..=now).contains(&seconds("created_at")),
        "seconds, not milliseconds"
    );
}

#[tokio::test]
async fn expired_and_revoked_tokens() {
    let client = Client::logged_in().await;
    let (app, member) = (&client.ready().app, &client.ready().member.username);
    let token = client.access_token(app, "openid").await;
    client.later(5_184_000).await;
    let expired = client.introspect(app, &token).await.json();
    assert_eq!(
        (&expired["active"], &expired["status"]),
        (&json!(false), &json!("expired"))
    );
    client.later(0).await;
    client
        .control("revoke", &json!({"client_id": app.client_id, "member": member}))
        .await;
    let revoked = client.introspect(app, &token).await.json();
    assert_eq!(
        (&revoked["active"], &revoked["status"]),
        (&json!(false), &json!("revoked"))
    );
    assert_eq!(revoked.get("authorized_at"), None);
}

#[tokio::test]
async fn refresh_and_application_tokens() {
    let client = Client::logged_in().await;
    let (app, legacy) = (&client.ready().refresh_app, &client.ready().legacy_app);
    let tokens = client.tokens(app, "r_ads").await;
    let refresh = client
        .introspect(app, tokens["refresh_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(
        (&refresh["active"], &refresh["auth_type"]),
        (&json!(true), &json!("3L"))
    );
    let request = [
        ("grant_type", "client_credentials"),
        ("client_id", &*legacy.client_id),
        ("client_secret", &*legacy.client_secret),
    ];
    let tokens = client.form(TOKEN, &request).await.json();
    let application = client
        .introspect(legacy, tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(
        (&application["active"], &application["auth_type"]),
        (&json!(true), &json!("2L"))
    );
    assert_eq!(application.get("scope"), None);
}

#[tokio::test]
async fn another_apps_token_is_inactive_and_nothing_else() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "openid").await;
    let answer = client.introspect(&client.ready().second_app, &token).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"active": false})));
}

#[tokio::test]
async fn errors() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let token = client.access_token(app, "openid").await;
    let request = [
        ("client_id", &*app.client_id),
        ("client_secret", &*app.client_secret),
        ("token", &*token),
    ];
    for (name, _) in request {
        let answer = client.form(INTROSPECTION, &with(&request, name, None)).await;
        let description = format!("A required parameter \"{name}\" is missing");
        assert_error(&answer, 400, "invalid_request", &description);
    }
    for (name, status) in [("client_id", 400), ("client_secret", 401), ("token", 400)] {
        let answer = client
            .form(INTROSPECTION, &with(&request, name, Some("abcdefghijk")))
            .await;
        assert_eq!(answer.status, status, "{name}");
    }
    client.control("quirks", &json!({"throttle": true})).await;
    assert_eq!(client.form(INTROSPECTION, &request).await.status, 429);
}
