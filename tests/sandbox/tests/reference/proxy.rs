//! The proxy, the redirect hosts, and what reaches them.

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, TOKEN, WWW};

#[tokio::test]
async fn tunnels_lead_to_the_four_hosts_with_a_valid_certificate() {
    let client = Client::start().await;
    for host in [
        "www.linkedin.com",
        "api.linkedin.com",
        "app.tokenkeep.test",
        "www.tokenkeep.test",
    ] {
        client
            .tunnel(host)
            .await
            .unwrap_or_else(|error| panic!("{host}: {error}"));
        assert_eq!(client.counter("tunnels").await[host], json!(1));
    }
    assert_eq!(client.counter("refused_hosts").await, json!([]));
    assert_eq!(
        client.log().await,
        [json!(null); 0],
        "a tunnel that nobody used is no request"
    );
}

#[tokio::test]
async fn other_hosts_and_ports_are_refused_and_logged() {
    let client = Client::start().await;
    let refused = [
        "nowhere.tokenkeep.test:443",
        "example.com:443",
        "www.linkedin.com:8443",
        "www.linkedin.com.example.com:443",
        "evil-www.linkedin.com:443",
        "127.0.0.1:443",
    ];
    for authority in refused {
        assert_eq!(client.connect(authority).await.unwrap().0, 502, "{authority}");
    }
    assert_eq!(client.connect(refused[0]).await.unwrap().0, 502);
    assert_eq!(
        client.counter("refused_hosts").await,
        json!(refused),
        "each once, in order"
    );
    let log = client.log().await;
    assert_eq!(log.len(), refused.len() + 1, "every one of them");
    for (entry, authority) in log.iter().zip(refused) {
        assert_eq!(
            json!([entry["host"], entry["method"], entry["path"], entry["status"]]),
            json!([authority, "CONNECT", "", 502])
        );
    }
}

#[tokio::test]
async fn plain_http_through_the_proxy_is_refused_and_logged() {
    let client = Client::start().await;
    let mut stream = TcpStream::connect(&client.ready().proxy).await.unwrap();
    let request = "GET http://app.tokenkeep.test/callback?code=1 HTTP/1.1\r\nHost: app.tokenkeep.test\r\n\
                   Connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(client.counter("refused_hosts").await, json!(["app.tokenkeep.test"]));
    let log = client.log().await;
    assert_eq!(
        json!([log[0]["host"], log[0]["method"], log[0]["path"], log[0]["status"]]),
        json!(["app.tokenkeep.test", "GET", "/callback", 502])
    );
    assert_eq!(client.counter("redirect_host_requests").await, json!(0));
}

#[tokio::test]
async fn live_redirect_hosts_count_every_request() {
    let client = Client::start().await;
    let hosts = &client.ready().redirect_hosts;
    let callback = format!("{}?code=abc&state=s", hosts.live_https);
    for (count, (method, url)) in (1..).zip([
        (Method::GET, &callback),
        (Method::POST, &callback),
        (Method::HEAD, &hosts.live_https),
        (Method::GET, &hosts.live_loopback),
        (Method::GET, &hosts.live_loopback_ip),
        (Method::GET, &"https://app.tokenkeep.test/favicon.ico".to_owned()),
    ]) {
        let answer = client.send(method.clone(), url, &[], "").await;
        let body = if method == Method::HEAD { "" } else { "redirect host" };
        assert_eq!((answer.status, answer.text()), (200, body), "{url}");
        assert_eq!(client.counter("redirect_host_requests").await, json!(count), "{url}");
    }
    // Other hosts are not counted.
    client.get(&format!("{WWW}/login")).await;
    assert_eq!(client.counter("redirect_host_requests").await, json!(6));
}

#[tokio::test]
async fn nothing_listens_on_the_dead_port() {
    let client = Client::start().await;
    let port = url::Url::parse(&client.ready().redirect_hosts.dead_loopback)
        .unwrap()
        .port()
        .unwrap();
    for host in ["127.0.0.1", "::1"] {
        TcpStream::connect((host, port)).await.unwrap_err();
    }
    std::net::TcpListener::bind(("127.0.0.1", port)).expect_err("the port is reserved");
}

#[tokio::test]
async fn requests_are_logged_whole() {
    let client = Client::start().await;
    let headers = [
        ("origin", "https://app.tokenkeep.test"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-mode", "cors"),
        ("authorization", "Basic YTpi"),
        ("cookie", "li_at=secret"),
    ];
    client
        .send(
            Method::POST,
            &format!("{WWW}/x?a=1&a=2&b=%2B"),
            &headers,
            "code=c+d&client_secret=s%3D",
        )
        .await;
    client.get(&client.ready().redirect_hosts.live_loopback).await;
    let log = client.log().await;
    assert_eq!(log.len(), 2, "the control interface's own requests stay out");
    let entry = &log[0];
    assert!(entry["at_ms"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        json!([
            entry["host"],
            entry["method"],
            entry["path"],
            entry["raw_query"],
            entry["status"]
        ]),
        json!(["www.linkedin.com", "POST", "/x", "a=1&a=2&b=%2B", 404])
    );
    assert_eq!(entry["query"], json!({"a": ["1", "2"], "b": "+"}));
    assert_eq!(entry["form"], json!({"code": "c d", "client_secret": "s="}));
    assert_eq!(
        entry["headers"],
        json!({
            "cookie": true,
            "authorization": "Basic YTpi",
            "content-type": "application/x-www-form-urlencoded",
            "origin": "https://app.tokenkeep.test",
            "sec-fetch-mode": "cors",
        })
    );
    let loopback = url::Url::parse(&client.ready().redirect_hosts.live_loopback).unwrap();
    assert_eq!(log[1]["host"], json!(format!("localhost:{}", loopback.port().unwrap())));
    assert_eq!(
        (&log[1]["form"], &log[1]["headers"]["cookie"]),
        (&json!(null), &json!(false))
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_logged() {
    let client = Client::start().await;
    let body = vec![b'x'; (1 << 20) + 1];
    let token = client.try_send(Method::POST, TOKEN, &[], body.clone()).await;
    // The answer may come before the body was sent to its end, and the connection closes then.
    assert!(token.is_ok_and(|answer| answer.status == 413) || client.log().await[0]["status"] == 413);
    client
        .try_send(Method::POST, &client.ready().redirect_hosts.live_https, &[], body)
        .await
        .ok();
    assert_eq!(client.counter("redirect_host_requests").await, json!(1));
    assert_eq!(client.log().await.len(), 2);
}
