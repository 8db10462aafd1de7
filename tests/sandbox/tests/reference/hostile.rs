//! Answers that are written byte by byte, for one client or one token.

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, TOKEN, USERINFO};

/// What a request brings, whatever it is, and whether TLS said farewell.
async fn bytes(client: &Client, request: &str) -> (Vec<u8>, bool) {
    let mut stream = client.tunnel("www.linkedin.com").await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    (answer, ended.is_ok())
}

fn post(client_id: &str) -> String {
    let form = format!("grant_type=client_credentials&client_id={client_id}&state=a%26b");
    format!(
        "POST /oauth/v2/accessToken HTTP/1.1\r\nHost: www.linkedin.com\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    )
}

async fn set(client: &Client, key: &str, steps: Value) {
    let answers = json!([{"endpoint": "token", "key": key, "steps": steps}]);
    assert_eq!(client.control("hostile", &answers).await, json!({"set": 1}));
}

#[tokio::test]
async fn every_step_is_on_the_wire_as_it_was_told() {
    let client = Client::start().await;
    let steps = json!([
        {"send": "no HTTP {{state}} {{nothing}} {{\n"},
        {"base64": "AP8="},
        {"pause": 1},
        {"repeat": {"text": "ab", "times": 50_000}},
    ]);
    set(&client, "one", steps).await;
    let (answer, farewell) = bytes(&client, &post("one")).await;
    let expected = [b"no HTTP a&b  {{\n\0\xFF".as_slice(), "ab".repeat(50_000).as_bytes()].concat();
    assert!(answer == expected, "{} bytes", answer.len());
    assert!(farewell, "the connection is closed in order");
    assert_eq!(client.log().await[0]["fault"], json!("hostile"));
}

#[tokio::test]
async fn a_cut_comes_without_a_farewell() {
    let client = Client::start().await;
    set(
        &client,
        "one",
        json!([{"send": "HTTP/1.1 200 OK\r\nConte"}, "cut", {"send": "never"}]),
    )
    .await;
    let (answer, farewell) = bytes(&client, &post("one")).await;
    assert_eq!(answer, b"HTTP/1.1 200 OK\r\nConte");
    assert!(!farewell);
}

#[tokio::test]
async fn they_are_for_one_client_or_one_token_and_stand_until_they_are_replaced() {
    let client = Client::start().await;
    let answer =
        |body: &str| json!([{"send": format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())}]);
    set(&client, "one", answer("first")).await;
    for _ in 0..2 {
        assert_eq!(client.form(TOKEN, &[("client_id", "one")]).await.text(), "first");
    }
    set(&client, "one", answer("second")).await;
    assert_eq!(client.form(TOKEN, &[("client_id", "one")]).await.text(), "second");
    assert_eq!(
        client.form(TOKEN, &[("client_id", "two")]).await.status,
        400,
        "the real answer"
    );
    let answers = json!([{"endpoint": "userinfo", "key": "a token", "steps": answer("mine")}]);
    client.control("hostile", &answers).await;
    let headers = [("authorization", "Bearer a token")];
    assert_eq!(client.send(Method::GET, USERINFO, &headers, "").await.text(), "mine");
    let headers = [("authorization", "Bearer another")];
    assert_eq!(client.send(Method::GET, USERINFO, &headers, "").await.status, 401);
    client.control("reset", &json!({})).await;
    assert_eq!(
        client.form(TOKEN, &[("client_id", "one")]).await.status,
        400,
        "a reset forgets them"
    );
}
