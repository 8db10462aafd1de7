//! The switches of linkedin.md section 11.

use hyper::Method;
use serde_json::json;

use crate::client::{AUTHORIZATION, Client, TOKEN, USERINFO, encode};

#[tokio::test]
async fn cache5min_keeps_the_former_permissions() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.control("quirks", &json!({"cache5min": true})).await;
    // The first grant has nothing before it.
    let first = client.access_token(app, "openid").await;
    assert_eq!(client.bearer(USERINFO, &first).await.status, 403);
    let wider = client.access_token(app, "openid profile").await;
    assert_eq!(client.bearer(USERINFO, &wider).await.status, 403, "as narrow as before");
    client.later(300).await;
    assert_eq!(client.bearer(USERINFO, &wider).await.status, 200);
    // The same scopes again are known already.
    let same = client.access_token(app, "openid profile").await;
    assert_eq!(client.bearer(USERINFO, &same).await.status, 200);
}

#[tokio::test]
async fn slow_activation_looks_like_a_revoked_token() {
    let client = Client::logged_in().await;
    client.control("quirks", &json!({"slow_activation_seconds": 100})).await;
    let token = client.access_token(&client.ready().app, "openid profile").await;
    assert_eq!(client.bearer(USERINFO, &token).await.json()["serviceErrorCode"], 65601);
    client.later(100).await;
    assert_eq!(client.bearer(USERINFO, &token).await.status, 200);
}

#[tokio::test]
async fn navigations_only_shows_a_background_request_the_login_page() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.access_token(app, "openid").await;
    let ask = async |mode| {
        let url = format!("{AUTHORIZATION}?{}", encode(&client.request(app, "openid")));
        client
            .send(Method::GET, &url, &[("sec-fetch-mode", mode)], "")
            .await
            .status
    };
    assert_eq!((ask("cors").await, ask("navigate").await), (302, 302));
    client.control("quirks", &json!({"navigations_only": true})).await;
    assert_eq!((ask("cors").await, ask("navigate").await), (200, 302));
}

#[tokio::test]
async fn cors_lets_a_page_read() {
    let client = Client::start().await;
    client.control("quirks", &json!({"cors": true})).await;
    let preflight = client.send(Method::OPTIONS, TOKEN, &[], "").await;
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (204, Some("*"))
    );
    assert_eq!(
        client.form(TOKEN, &[]).await.header("access-control-allow-origin"),
        Some("*")
    );
}
