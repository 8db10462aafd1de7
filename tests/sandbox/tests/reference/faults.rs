//! Each kind of fault, as a client sees it.

use std::pin::pin;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::client::{AUTHORIZATION, Client, INTROSPECTION, REVOKE, TOKEN, USERINFO, WWW, encode};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

async fn fault(client: &Client, endpoint: &str, fault: &Value) {
    client
        .control("faults", &json!({"endpoint": endpoint, "fault": fault}))
        .await;
}

/// A client with a code that is not redeemed yet, and its exchange.
async fn with_code() -> (Client, String) {
    let client = Client::logged_in().await;
    let code = client.authorize(&client.ready().app, "openid profile email").await;
    let exchange = encode(&client.exchange(&client.ready().app, &code));
    (client, exchange)
}

async fn redeemed(client: &Client) -> bool {
    client.state().await["codes"][0]["redeemed"].as_bool().unwrap()
}

async fn last_log(client: &Client) -> (Value, Value) {
    let log = client.log().await;
    let entry = log.last().unwrap();
    (entry["fault"].clone(), entry["status"].clone())
}

#[tokio::test]
async fn delay_is_the_real_answer_late() {
    let (client, exchange) = with_code().await;
    fault(&client, "token", &json!({"kind": "delay", "ms": 400})).await;
    let start = Instant::now();
    let answer = client.send(Method::POST, TOKEN, &FORM, &exchange).await;
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(answer.status, 200);
    assert!(redeemed(&client).await);
    assert_eq!(last_log(&client).await, (json!("delay"), json!(200)));
}

#[tokio::test]
async fn hang_never_answers() {
    let (client, exchange) = with_code().await;
    fault(&client, "token", &json!({"kind": "hang"})).await;
    let mut answer = pin!(client.try_send(Method::POST, TOKEN, &FORM, exchange));
    while client.counter("token_posts").await == 0 {
        timeout(Duration::from_millis(10), &mut answer)
            .await
            .expect_err("there is an answer");
    }
    timeout(Duration::from_millis(500), answer)
        .await
        .expect_err("there is an answer");
    assert!(!redeemed(&client).await);
    assert_eq!(last_log(&client).await, (json!("hang"), json!(null)));
}

#[tokio::test]
async fn reset_closes_without_an_answer() {
    let (client, exchange) = with_code().await;
    fault(&client, "token", &json!({"kind": "reset"})).await;
    client.try_send(Method::POST, TOKEN, &FORM, exchange).await.unwrap_err();
    assert!(!redeemed(&client).await);
    assert_eq!(last_log(&client).await, (json!("reset"), json!(null)));
}

#[tokio::test]
async fn cut_sends_half_of_the_real_answer() {
    let (client, exchange) = with_code().await;
    fault(&client, "token", &json!({"kind": "cut"})).await;
    let error = client
        .try_send(Method::POST, TOKEN, &FORM, exchange.clone())
        .await
        .unwrap_err();
    // The head arrived: it is the body that breaks off.
    let error = error.downcast::<hyper::Error>().unwrap();
    assert!(error.to_string().contains("reading a body"), "{error}");
    assert!(redeemed(&client).await, "the answer was real");
    assert_eq!(last_log(&client).await, (json!("cut"), json!(200)));
}

#[tokio::test]
async fn cut_announces_the_whole_and_sends_half() {
    let (client, exchange) = with_code().await;
    fault(&client, "token", &json!({"kind": "cut"})).await;
    let mut stream = client.tunnel("www.linkedin.com").await.unwrap();
    let head = format!(
        "POST /oauth/v2/accessToken HTTP/1.1\r\nHost: www.linkedin.com\r\nContent-Length: {}\r\nContent-Type: {}\r\n\r\n",
        exchange.len(),
        FORM[0].1
    );
    stream.write_all((head + &exchange).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The connection ends without TLS's farewell, which the TLS library calls an error.
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let announced = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(body.len(), announced.parse::<usize>().unwrap() / 2);
    assert!(body.starts_with("{\"access_token\":\"AQ"));
}

#[tokio::test]
async fn huge_streams_that_many_bytes_of_json() {
    let client = Client::start().await;
    for bytes in [19, 20, 100_000, 5 << 20] {
        fault(&client, "token", &json!({"kind": "huge", "bytes": bytes})).await;
        let answer = client.form(TOKEN, &[]).await;
        assert_eq!((answer.status, answer.body.len()), (200, bytes));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("content-length"), None, "the length is not announced");
        assert_eq!(answer.json()["access_token"].as_str().unwrap().len(), bytes - 19);
    }
}

#[tokio::test]
async fn echo_says_the_request_back() {
    let client = Client::start().await;
    fault(&client, "token", &json!({"kind": "echo", "status": 418})).await;
    let answer = client.form(TOKEN, &[("code", "a+b/c=="), ("x", "y")]).await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.json()["error_description"], "a+b/c== y code=a%2Bb%2Fc%3D%3D&x=y");
    fault(
        &client,
        "token",
        &json!({"kind": "echo", "status": 400, "content_type": "text/html"}),
    )
    .await;
    let answer = client.form(TOKEN, &[("code", "<b>")]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("&lt;b&gt;"), "{}", answer.text());
}

#[tokio::test]
async fn redirect_and_answer_replace_the_real_answer() {
    let (client, exchange) = with_code().await;
    for status in [301, 302, 303, 307, 308] {
        let location = "https://www.tokenkeep.test/stolen";
        fault(
            &client,
            "token",
            &json!({"kind": "redirect", "status": status, "location": location}),
        )
        .await;
        let answer = client.send(Method::POST, TOKEN, &FORM, &exchange).await;
        assert_eq!((answer.status, answer.location()), (status, location));
    }
    let other = json!({"kind": "answer", "status": 429, "content_type": "text/plain", "body": "slow down",
        "headers": {"retry-after": "7"}});
    fault(&client, "token", &other).await;
    let answer = client.send(Method::POST, TOKEN, &FORM, &exchange).await;
    assert_eq!(
        (answer.status, answer.text(), answer.header("retry-after")),
        (429, "slow down", Some("7"))
    );
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert!(!redeemed(&client).await);
    assert_eq!(last_log(&client).await, (json!("answer"), json!(429)));
}

#[tokio::test]
async fn a_fault_happens_as_often_as_it_was_set() {
    let client = Client::start().await;
    let answer = |status: u16| json!({"kind": "answer", "status": status});
    client
        .control(
            "faults",
            &json!({"endpoint": "token", "times": 2, "fault": answer(501)}),
        )
        .await;
    client
        .control("faults", &json!({"endpoint": "token", "fault": answer(502)}))
        .await;
    client
        .control(
            "faults",
            &json!({"endpoint": "token", "times": 0, "fault": answer(503)}),
        )
        .await;
    for expected in [501, 501, 502, 400, 400] {
        assert_eq!(client.form(TOKEN, &[]).await.status, expected);
    }
    client
        .control(
            "faults",
            &json!({"endpoint": "token", "times": 9, "fault": answer(501)}),
        )
        .await;
    let url = format!("{}/faults", client.ready().control);
    assert_eq!(client.send(Method::DELETE, &url, &[], "").await.json(), json!([]));
    assert_eq!(client.form(TOKEN, &[]).await.status, 400);
}

#[tokio::test]
async fn every_endpoint_can_fail_and_fails_alone() {
    let client = Client::start().await;
    let page = json!({"host": "www.tokenkeep.test", "path": "/p", "body": "p"});
    client.control("pages", &page).await;
    let endpoints = [
        ("authorization", Method::GET, AUTHORIZATION),
        ("authorization", Method::GET, crate::client::NATIVE_AUTHORIZATION),
        ("login", Method::POST, "https://www.linkedin.com/uas/login-submit"),
        (
            "consent",
            Method::POST,
            "https://www.linkedin.com/oauth/v2/authorization-submit",
        ),
        ("chained", Method::GET, "https://www.linkedin.com/oauth/v2/redirect/x"),
        ("token", Method::POST, TOKEN),
        ("introspection", Method::POST, INTROSPECTION),
        ("revocation", Method::POST, REVOKE),
        (
            "discovery",
            Method::GET,
            "https://www.linkedin.com/oauth/.well-known/openid-configuration",
        ),
        ("jwks", Method::GET, "https://www.linkedin.com/oauth/openid/jwks"),
        ("userinfo", Method::GET, USERINFO),
        ("rest", Method::GET, "https://api.linkedin.com/v2/me"),
        ("redirect_host", Method::GET, "https://app.tokenkeep.test/callback"),
        (
            "redirect_host",
            Method::GET,
            &client.ready().redirect_hosts.live_loopback,
        ),
        ("page", Method::GET, "https://www.tokenkeep.test/p"),
        ("other", Method::GET, "https://www.linkedin.com/feed/"),
    ];
    for (name, method, url) in &endpoints {
        fault(&client, name, &json!({"kind": "answer", "status": 599})).await;
        for (other, method, url) in &endpoints {
            if other != name {
                assert_ne!(
                    client.send(method.clone(), url, &[], "").await.status,
                    599,
                    "{other} took {name}'s fault"
                );
            }
        }
        assert_eq!(client.send(method.clone(), url, &[], "").await.status, 599, "{name}");
    }
}

#[tokio::test]
async fn unknown_faults_are_refused() {
    let client = Client::start().await;
    let url = format!("{}/faults", client.ready().control);
    for body in [
        json!({"endpoint": "tokens", "fault": {"kind": "reset"}}),
        json!({"endpoint": "token", "fault": {"kind": "explode"}}),
        json!({"endpoint": "token", "fault": {"kind": "delay"}}),
        json!({"endpoint": "token"}),
        json!({"endpoint": "token", "fault": {"kind": "reset"}, "time": 2}),
    ] {
        assert_eq!(
            client.send(Method::POST, &url, &[], &body.to_string()).await.status,
            400,
            "{body}"
        );
    }
    assert_eq!(client.state().await["faults"], json!([]));
    assert_eq!(client.get(&format!("{WWW}/login")).await.status, 200);
}
