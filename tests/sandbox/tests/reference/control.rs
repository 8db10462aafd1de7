//! The control interface: what it sets shows, and a reset takes all of it back.

use hyper::Method;
use serde_json::json;

use crate::client::{AUTHORIZATION, Client, TOKEN, USERINFO, WWW, with};

#[tokio::test]
async fn reset_goes_back_to_the_start() {
    let client = Client::start().await;
    let mut fresh = client.state().await;
    client
        .control("session", &json!({"member": client.ready().member.username}))
        .await;
    client.tokens(&client.ready().app, "openid").await;
    client.control("apps", &json!({"client_id": "77sandboxother"})).await;
    client
        .control(
            "apps",
            &json!({"client_id": client.ready().app.client_id, "client_secret": "changed"}),
        )
        .await;
    client
        .control("members", &json!({"username": "new@sandbox.test"}))
        .await;
    client.control("clock", &json!({"offset_s": 1000})).await;
    client.control("redirect", &json!({"kind": "meta"})).await;
    client.control("quirks", &json!({"cors": true})).await;
    client
        .control("faults", &json!({"endpoint": "token", "fault": {"kind": "reset"}}))
        .await;
    client
        .control(
            "pages",
            &json!({"host": "www.tokenkeep.test", "path": "/x", "body": "x"}),
        )
        .await;
    client.get(&client.ready().redirect_hosts.live_https).await;
    client.connect("example.com:443").await.unwrap();

    client.control("reset", &json!({})).await;
    let mut after = client.state().await;
    for state in [&mut fresh, &mut after] {
        state.as_object_mut().unwrap().remove("now_s");
    }
    assert_eq!(after, fresh);
    assert_eq!(client.log().await, [json!(null); 0]);
    assert_eq!(client.get("https://www.tokenkeep.test/x").await.status, 404);
}

#[tokio::test]
async fn a_cookie_of_before_the_reset_is_worthless() {
    let client = Client::start().await;
    let member = &client.ready().member;
    let credentials = [
        ("session_key", &*member.username),
        ("session_password", &*member.password),
    ];
    let answer = client.form(&format!("{WWW}/uas/login-submit"), &credentials).await;
    assert_eq!((answer.status, answer.location()), (303, "/feed/"));
    assert!(
        client
            .get(&format!("{WWW}/feed/"))
            .await
            .text()
            .contains("Signed in as Member One")
    );
    client.control("reset", &json!({})).await;
    assert_eq!(client.get(&format!("{WWW}/feed/")).await.location(), "/login");
}

#[tokio::test]
async fn the_session_shortcut_is_stronger_than_the_cookie() {
    let client = Client::start().await;
    let (one, two) = (&client.ready().member, &client.ready().second_member);
    let credentials = [("session_key", &*one.username), ("session_password", &*one.password)];
    client.form(&format!("{WWW}/uas/login-submit"), &credentials).await;
    let who = async || client.get(&format!("{WWW}/feed/")).await.text().to_owned();
    client.control("session", &json!({"member": two.username})).await;
    assert!(who().await.contains("Signed in as Member Two"));
    client.control("session", &json!({"member": null})).await;
    assert!(who().await.contains("Signed in as Member One"));
    client.forget_cookies();
    assert_eq!(client.get(&format!("{WWW}/feed/")).await.status, 303);
}

#[tokio::test]
async fn apps_are_added_and_changed() {
    let client = Client::logged_in().await;
    let added = client
        .control(
            "apps",
            &json!({"client_id": "77sandboxnew01", "name": "<New>", "scopes": ["openid"], "refresh": true,
                "redirect_uris": ["https://app.tokenkeep.test/new"]}),
        )
        .await;
    let secret = added["client_secret"].as_str().unwrap();
    assert!(
        secret.starts_with("WPL_AP1.") && secret.ends_with("==") && secret.len() == 33,
        "{secret}"
    );
    let request = with(
        &client.request(&client.ready().app, "openid"),
        "client_id",
        Some("77sandboxnew01"),
    );
    let request = with(&request, "redirect_uri", Some("https://app.tokenkeep.test/new"));
    let consent = client.query(AUTHORIZATION, &request).await;
    assert!(consent.text().contains("&lt;New&gt;"), "the name is escaped");

    client
        .control("apps", &json!({"client_id": "77sandboxnew01", "scopes": []}))
        .await;
    let answer = client.query(AUTHORIZATION, &request).await;
    assert_eq!(answer.callback_value("error"), "unauthorized_scope_error");
    let state = client.state().await;
    let app = state["apps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|app| app["client_id"] == "77sandboxnew01")
        .unwrap();
    assert_eq!(
        (&app["refresh"], &app["client_secret"]),
        (&json!(true), &json!(secret)),
        "the rest stayed"
    );
}

#[tokio::test]
async fn members_are_added_and_changed() {
    let client = Client::start().await;
    let added = client
        .control("members", &json!({"username": "m@sandbox.test", "password": "p"}))
        .await;
    assert_eq!(added["email"], "m@sandbox.test");
    let credentials = [("session_key", "m@sandbox.test"), ("session_password", "p")];
    assert_eq!(
        client
            .form(&format!("{WWW}/uas/login-submit"), &credentials)
            .await
            .status,
        303
    );
    let changed = client
        .control("members", &json!({"username": "m@sandbox.test", "email": ""}))
        .await;
    assert_eq!((&changed["email"], &changed["password"]), (&json!(null), &json!("p")));
}

#[tokio::test]
async fn a_grant_bypasses_consent() {
    let client = Client::logged_in().await;
    let (app, member) = (&client.ready().refresh_app, &client.ready().member.username);
    let grant = json!({"client_id": app.client_id, "member": member, "scopes": ["openid", "profile"]});
    let tokens = client.control("grants", &grant).await;
    assert_eq!(
        client
            .bearer(USERINFO, tokens["access_token"].as_str().unwrap())
            .await
            .status,
        200
    );
    assert!(tokens["refresh_token"].is_string());
    assert_eq!(
        client
            .query(AUTHORIZATION, &client.request(app, "profile openid"))
            .await
            .status,
        302
    );
    let state = client.state().await;
    assert_eq!(state["grants"][0]["scopes"], json!(["openid", "profile"]));
    assert_eq!(state["codes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn authorization_requests_are_counted_and_the_pages_between_are_not() {
    let client = Client::start().await;
    let member = &client.ready().member;
    let login = client
        .query(AUTHORIZATION, &client.request(&client.ready().app, "openid"))
        .await;
    let credentials = [
        ("session_key", &*member.username),
        ("session_password", &*member.password),
    ];
    let answer = client
        .form(&format!("{WWW}{}", login.form_action()), &credentials)
        .await;
    let consent = client.get(&format!("{WWW}{}", answer.location())).await;
    client
        .form(&format!("{WWW}{}", consent.form_action()), &[("action", "allow")])
        .await;
    assert_eq!(client.counter("authorization_requests").await, json!(1));
    assert_eq!(client.counter("token_posts").await, json!(0));
}

#[tokio::test]
async fn the_clock_moves_both_ways() {
    let client = Client::start().await;
    let real = client.state().await["now_s"].as_i64().unwrap();
    for offset in [86_400, -86_400, 0] {
        let now = client.control("clock", &json!({"offset_s": offset})).await["now_s"]
            .as_i64()
            .unwrap();
        assert!((real + offset..real + offset + 30).contains(&now), "{offset}");
    }
}

#[tokio::test]
async fn pages_stand_on_every_named_host() {
    let client = Client::start().await;
    for host in ["www.tokenkeep.test", "www.linkedin.com", "app.tokenkeep.test"] {
        let page = json!({"host": host, "path": "/x", "body": "<h1>x</h1>", "headers": {"x-test": "1"}});
        let answer = client.control("pages", &page).await;
        let answer = client.get(answer["url"].as_str().unwrap()).await;
        assert_eq!((answer.status, answer.text()), (200, "<h1>x</h1>"));
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("x-test"), Some("1"));
    }
    assert_eq!(
        client.counter("redirect_host_requests").await,
        json!(1),
        "a page there counts too"
    );
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_with_the_reason() {
    let client = Client::start().await;
    for (method, command, body, status) in [
        (Method::POST, "session", json!({"member": "nobody"}), 400),
        (Method::POST, "session", json!({}), 200),
        (
            Method::POST,
            "grants",
            json!({"client_id": "x", "member": "y", "scopes": []}),
            400,
        ),
        (Method::POST, "revoke", json!({"client_id": "x", "member": "y"}), 400),
        (Method::POST, "clock", json!({"offset_s": "1"}), 400),
        (Method::POST, "apps", json!({"name": "no id"}), 400),
        (
            Method::POST,
            "apps",
            json!({"client_id": "x", "secret": "misspelt"}),
            400,
        ),
        (Method::POST, "members", json!({}), 400),
        (Method::POST, "quirks", json!({"cache5minutes": true}), 400),
        (
            Method::POST,
            "pages",
            json!({"host": "example.com", "path": "/x", "body": ""}),
            400,
        ),
        (
            Method::POST,
            "pages",
            json!({"host": "www.tokenkeep.test", "path": "x", "body": ""}),
            400,
        ),
        (Method::POST, "nothing", json!({}), 404),
        (Method::GET, "reset", json!({}), 404),
    ] {
        let url = format!("{}/{command}", client.ready().control);
        let answer = client.send(method, &url, &[], &body.to_string()).await;
        assert_eq!(answer.status, status, "{command} {body}: {}", answer.text());
        assert_eq!(answer.json()["error"].is_string(), status != 200, "{command} {body}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let answer = client
        .send(
            Method::POST,
            &format!("{}/clock", client.ready().control),
            &[],
            "no JSON",
        )
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(client.form(TOKEN, &[]).await.status, 400);
}
