//! linkedin.md section 3: failures that are redirected, raw as LinkedIn writes them, and failures that are not.

use hyper::Method;
use serde_json::json;

use crate::client::{AUTHORIZATION, Client, STATE, WWW, with};

/// The raw query of a refusal.
async fn refusal(client: &Client, name: &'static str, value: Option<&str>) -> (u16, String) {
    let request = client.request(&client.ready().app, "openid");
    let answer = client.query(AUTHORIZATION, &with(&request, name, value)).await;
    let base = format!("{}?", client.ready().redirect_hosts.live_https);
    (answer.status, answer.location().strip_prefix(&base).unwrap().to_owned())
}

#[tokio::test]
async fn scope_that_the_app_does_not_have() {
    let client = Client::start().await;
    // Before login and consent; the first offending scope is named, and the whole request is refused.
    for scope in [
        "r_liteprofile",
        "openid r_liteprofile profile",
        "r_liteprofile r_emailaddress",
        "openid,r_liteprofile",
    ] {
        assert_eq!(
            refusal(&client, "scope", Some(scope)).await,
            (
                302,
                "error=unauthorized_scope_error&error_description=Scope+%26quot%3Br_liteprofile%26quot%3B+is+not+\
                 authorized+for+your+application&state=state-of-this-test"
                    .to_owned()
            ),
            "{scope}"
        );
    }
}

#[tokio::test]
async fn scope_is_absent() {
    let client = Client::start().await;
    let expected = "error=invalid_request&error_description=You+need+to+pass+the+%26quot%3Bscope%26quot%3B+parameter\
                    &state=state-of-this-test";
    for scope in [None, Some("")] {
        assert_eq!(refusal(&client, "scope", scope).await, (302, expected.to_owned()));
    }
}

#[tokio::test]
async fn response_type_other_than_code() {
    let client = Client::start().await;
    for response_type in [None, Some("token"), Some("code token"), Some("")] {
        let (status, query) = refusal(&client, "response_type", response_type).await;
        assert_eq!(status, 302);
        assert!(query.starts_with("error=unsupported_response_type&"), "{query}");
        assert!(query.ends_with(&format!("&state={STATE}")), "{query}");
    }
}

#[tokio::test]
async fn cancel_on_the_login_page() {
    let client = Client::start().await;
    let login = client
        .query(AUTHORIZATION, &client.request(&client.ready().app, "openid"))
        .await;
    let submit = format!("{WWW}{}", login.form_action());
    let answer = client.form(&submit, &[("session_key", ""), ("action", "cancel")]).await;
    assert_eq!(answer.status, 302);
    assert_eq!(
        answer.location(),
        "https://app.tokenkeep.test/callback?error=user_cancelled_login&error_description=The+user+cancelled+LinkedIn\
         +login&state=state-of-this-test"
    );
    assert_eq!(
        client.form(&submit, &[("action", "cancel")]).await.status,
        401,
        "the request is over"
    );
}

#[tokio::test]
async fn cancel_on_the_consent_page() {
    let client = Client::logged_in().await;
    let consent = client
        .query(AUTHORIZATION, &client.request(&client.ready().app, "openid"))
        .await;
    let answer = client
        .form(&format!("{WWW}{}", consent.form_action()), &[("action", "cancel")])
        .await;
    assert_eq!(answer.status, 302);
    assert_eq!(
        answer.location(),
        "https://app.tokenkeep.test/callback?error=user_cancelled_authorize&error_description=The+user+cancelled+the+\
         authorization&state=state-of-this-test"
    );
    assert_eq!(client.state().await["codes"], json!([]));
}

#[tokio::test]
async fn a_refusal_without_state_has_none() {
    let client = Client::start().await;
    let request = with(&client.request(&client.ready().app, "nothing"), "state", None);
    let answer = client.query(AUTHORIZATION, &request).await;
    let names: Vec<String> = answer.callback().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["error", "error_description"]);
}

#[track_caller]
fn assert_bummer(answer: &crate::client::Answer, sentence: &str) {
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("location"), None);
    assert!(answer.text().contains("<title>Bummer, something went wrong.</title>"));
    assert!(answer.text().contains("<h1>Bummer, something went wrong.</h1>"));
    assert!(answer.text().contains(&format!(">{sentence}</p>")), "{}", answer.text());
}

#[tokio::test]
async fn unregistered_redirect_uri_is_a_page() {
    let client = Client::start().await;
    let request = client.request(&client.ready().app, "openid");
    for redirect_uri in [Some("https://app.tokenkeep.test/other"), Some(""), None] {
        let answer = client
            .query(AUTHORIZATION, &with(&request, "redirect_uri", redirect_uri))
            .await;
        assert_bummer(&answer, "The redirect_uri does not match the registered value");
    }
}

#[tokio::test]
async fn bad_client_id_is_a_page() {
    let client = Client::start().await;
    let request = client.request(&client.ready().app, "openid");
    for (client_id, shown) in [
        (Some("undefined"), "undefined"),
        (Some("None"), "None"),
        (Some("<script>"), "&lt;script&gt;"),
        (None, ""),
    ] {
        let answer = client
            .query(AUTHORIZATION, &with(&request, "client_id", client_id))
            .await;
        assert_bummer(
            &answer,
            &format!("The passed in client_id is invalid &quot;{shown}&quot;"),
        );
    }
}

#[tokio::test]
async fn checks_come_in_linkedins_order() {
    let client = Client::start().await;
    // Everything is wrong; one thing after another is put right (section 11).
    let mut request = vec![("client_id", "x"), ("redirect_uri", "x"), ("response_type", "x")];
    let app = &client.ready().app;
    assert_bummer(
        &client.query(AUTHORIZATION, &request).await,
        "The passed in client_id is invalid &quot;x&quot;",
    );
    request = with(&request, "client_id", Some(&app.client_id));
    assert_bummer(
        &client.query(AUTHORIZATION, &request).await,
        "The redirect_uri does not match the registered value",
    );
    request = with(&request, "redirect_uri", Some(&app.redirect_uris[0]));
    let answer = client.query(AUTHORIZATION, &request).await;
    assert_eq!(answer.callback_value("error"), "unsupported_response_type");
    request = with(&request, "response_type", Some("code"));
    let answer = client.query(AUTHORIZATION, &request).await;
    assert_eq!(answer.callback_value("error"), "invalid_request");
    request = with(&request, "scope", Some("nothing"));
    let answer = client.query(AUTHORIZATION, &request).await;
    assert_eq!(answer.callback_value("error"), "unauthorized_scope_error");
    request = with(&request, "scope", Some("openid"));
    assert!(
        client
            .query(AUTHORIZATION, &request)
            .await
            .text()
            .contains("id=\"sign-in\"")
    );
}

#[tokio::test]
async fn errors_that_no_ordinary_request_brings_about() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.tokens(app, "openid").await;
    for error in [
        "invalid_scope_error",
        "server_error",
        "temporarily_unavailable",
        "access_denied",
    ] {
        let mutate =
            json!({"error": {"error": error, "error_description": "as sent", "error_uri": "https://x.test/e"}});
        client.control("redirect", &json!({"mutate": mutate})).await;
        let answer = client.query(AUTHORIZATION, &client.request(app, "openid")).await;
        assert_eq!(
            answer.location(),
            format!(
                "https://app.tokenkeep.test/callback?error={error}&error_description=as+sent&\
                 error_uri=https%3A%2F%2Fx.test%2Fe&state={STATE}"
            )
        );
    }
    // The edge's and the infrastructure's failures.
    let fault = json!({"kind": "answer", "status": 503, "content_type": "text/html", "body": "<h1>503</h1>"});
    client
        .control("faults", &json!({"endpoint": "authorization", "fault": fault}))
        .await;
    let answer = client.send(Method::GET, AUTHORIZATION, &[], "").await;
    assert_eq!((answer.status, answer.text()), (503, "<h1>503</h1>"));
}
