//! The kinds of redirects (security.md section 2.1) and the defects of answers that the control interface sets.

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{AUTHORIZATION, Answer, Client, STATE, WWW};

/// A client whose next authorization requests bypass the consent page.
async fn granted() -> Client {
    let client = Client::logged_in().await;
    let (app, member) = (&client.ready().app.client_id, &client.ready().member.username);
    client
        .control(
            "grants",
            &json!({"client_id": app, "member": member, "scopes": ["openid"]}),
        )
        .await;
    client
}

async fn authorize(client: &Client) -> Answer {
    client
        .query(AUTHORIZATION, &client.request(&client.ready().app, "openid"))
        .await
}

/// The one code that was minted.
async fn code(client: &Client) -> String {
    client.state().await["codes"][0]["code"].as_str().unwrap().to_owned()
}

/// Checks one kind of redirect, by the bypass and by the consent form's POST.
async fn check(kind: &str, arrives: impl AsyncFn(&Client, Answer, &str)) {
    let client = granted().await;
    client.control("redirect", &json!({"kind": kind})).await;
    let answer = authorize(&client).await;
    let callback = format!(
        "https://app.tokenkeep.test/callback?code={}&state={STATE}",
        code(&client).await
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    arrives(&client, answer, &callback).await;

    let client = Client::logged_in().await;
    client.control("redirect", &json!({"kind": kind})).await;
    let consent = authorize(&client).await;
    let answer = client
        .form(&format!("{WWW}{}", consent.form_action()), &[("action", "allow")])
        .await;
    let callback = format!(
        "https://app.tokenkeep.test/callback?code={}&state={STATE}",
        code(&client).await
    );
    arrives(&client, answer, &callback).await;
}

#[tokio::test]
async fn http_redirects() {
    for status in [301, 302, 303, 307, 308] {
        check(&status.to_string(), async |_, answer, callback| {
            assert_eq!((answer.status, answer.location()), (status, callback));
        })
        .await;
    }
}

#[tokio::test]
async fn chained_redirect() {
    check("chained", async |client, answer, callback| {
        assert_eq!(answer.status, 302);
        let second = answer.location().to_owned();
        assert!(
            second.starts_with("https://www.linkedin.com/oauth/v2/redirect/"),
            "{second}"
        );
        assert!(!second.contains("code="), "{second}");
        let answer = client.get(&second).await;
        assert_eq!((answer.status, answer.location()), (302, callback));
    })
    .await;
    let client = Client::start().await;
    assert_eq!(
        client.get(&format!("{WWW}/oauth/v2/redirect/unknown")).await.status,
        404
    );
}

#[tokio::test]
async fn script_redirect() {
    check("javascript", async |_, answer, callback| {
        assert_eq!((answer.status, answer.header("location")), (200, None));
        let callback = callback.replace('&', "\\u0026");
        assert!(
            answer
                .text()
                .contains(&format!("<script>window.location.href=\"{callback}\"</script>"))
        );
    })
    .await;
}

#[tokio::test]
async fn meta_redirect() {
    check("meta", async |_, answer, callback| {
        assert_eq!((answer.status, answer.header("location")), (200, None));
        let callback = callback.replace('&', "&amp;");
        assert!(
            answer
                .text()
                .contains(&format!("<meta http-equiv=\"refresh\" content=\"0;url={callback}\">"))
        );
    })
    .await;
}

#[tokio::test]
async fn form_post() {
    check("form_post", async |_, answer, callback| {
        assert_eq!((answer.status, answer.header("location")), (200, None));
        assert_eq!(answer.form_action(), "https://app.tokenkeep.test/callback");
        let url = url::Url::parse(callback).unwrap();
        for (name, value) in url.query_pairs() {
            let input = format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
            assert!(answer.text().contains(&input), "{input}");
        }
        assert!(answer.text().contains("<script>document.forms[0].submit()</script>"));
    })
    .await;
}

#[tokio::test]
async fn refusals_take_the_same_way() {
    let client = Client::start().await;
    client.control("redirect", &json!({"kind": "303"})).await;
    let request = client.request(&client.ready().app, "nothing");
    assert_eq!(client.query(AUTHORIZATION, &request).await.status, 303);
    client.control("redirect", &json!({"kind": "form_post"})).await;
    let page = client.query(AUTHORIZATION, &request).await;
    // The description's entities, escaped once more for the page.
    assert!(
        page.text()
            .contains("value=\"Scope &amp;quot;nothing&amp;quot; is not authorized for your application\"")
    );
}

#[tokio::test]
async fn once_is_the_next_answer_only() {
    let client = granted().await;
    let setting = json!({"kind": "303", "once": true, "mutate": {"state": "missing"}});
    client.control("redirect", &setting).await;
    let first = authorize(&client).await;
    assert_eq!((first.status, first.callback().len()), (303, 1));
    let second = authorize(&client).await;
    assert_eq!((second.status, second.callback_value("state")), (302, STATE.to_owned()));
}

/// The callback's pairs with a defect; the code is written `CODE`.
async fn mutated(mutate: Value) -> Vec<(String, String)> {
    let client = granted().await;
    client.control("redirect", &json!({"mutate": mutate})).await;
    let pairs = authorize(&client).await.callback();
    let code = code(&client).await;
    pairs
        .into_iter()
        .map(|(name, value)| (name, if value == code { "CODE".to_owned() } else { value }))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn defects_of_the_answer() {
    for (mutate, expected) in [
        (json!({}), pairs(&[("code", "CODE"), ("state", STATE)])),
        (json!({"state": "missing"}), pairs(&[("code", "CODE")])),
        (json!({"state": "empty"}), pairs(&[("code", "CODE"), ("state", "")])),
        (
            json!({"state": "doubled"}),
            pairs(&[("code", "CODE"), ("state", STATE), ("state", STATE)]),
        ),
        (json!({"code": "missing"}), pairs(&[("state", STATE)])),
        (json!({"code": "empty"}), pairs(&[("code", ""), ("state", STATE)])),
        (
            json!({"code": "doubled"}),
            pairs(&[("code", "CODE"), ("state", STATE), ("code", "CODE")]),
        ),
        (
            json!({"iss": "https://evil.test"}),
            pairs(&[("code", "CODE"), ("state", STATE), ("iss", "https://evil.test")]),
        ),
        (
            json!({"error": {"error": "access_denied"}}),
            pairs(&[("error", "access_denied"), ("state", STATE)]),
        ),
        (
            json!({"error": {"error": "e", "error_description": "a &quot;b&quot;", "error_uri": "https://x.test/"},
                "state": "missing"}),
            pairs(&[
                ("error", "e"),
                ("error_description", "a &quot;b&quot;"),
                ("error_uri", "https://x.test/"),
            ]),
        ),
    ] {
        assert_eq!(mutated(mutate.clone()).await, expected, "{mutate}");
    }
    let wrong = mutated(json!({"state": "wrong"})).await;
    assert!(
        wrong[1].0 == "state" && wrong[1].1 != STATE && !wrong[1].1.is_empty(),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn a_replayed_state_is_the_answers_before() {
    let client = granted().await;
    let body = json!({"mutate": {"state": "replay"}}).to_string();
    let url = format!("{}/redirect", client.ready().control);
    assert_eq!(
        client.send(Method::POST, &url, &[], &body).await.status,
        409,
        "there is none yet"
    );
    authorize(&client).await;
    assert_eq!(client.send(Method::POST, &url, &[], &body).await.status, 200);
    let request = crate::client::with(&client.request(&client.ready().app, "openid"), "state", Some("second"));
    let answer = client.query(AUTHORIZATION, &request).await;
    assert_eq!(answer.callback_value("state"), STATE);
}

#[tokio::test]
async fn another_target() {
    let client = granted().await;
    for target in [
        "https://app.tokenkeep.test/callback.evil",
        "https://app.tokenkeep.test@www.tokenkeep.test/callback",
        "https://www.tokenkeep.test/callback?x=1",
    ] {
        client.control("redirect", &json!({"mutate": {"target": target}})).await;
        let answer = authorize(&client).await;
        let separator = if target.contains('?') { "&code=" } else { "?code=" };
        assert!(
            answer.location().starts_with(&format!("{target}{separator}")),
            "{}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn unknown_kinds_and_defects_are_refused() {
    let client = Client::start().await;
    let url = format!("{}/redirect", client.ready().control);
    for body in [
        json!({"kind": "304"}),
        json!({"kind": 302}),
        json!({"mutate": {"state": "odd"}}),
        json!({"mutate": {"nonce": "x"}}),
        json!({"how": "302"}),
    ] {
        let answer = client.send(Method::POST, &url, &[], &body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"].is_string());
    }
}
