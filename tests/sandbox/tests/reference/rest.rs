//! linkedin.md section 8: every row of the REST errors, and the headers.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{API, Answer, Client, TOKEN, USERINFO};

const DAY: u64 = 86_400;

/// A version that is alive whatever the day: forty to seventy days back it appeared.
fn version() -> String {
    let days = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / DAY - 45;
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}{month:02}")
}

async fn call(client: &Client, method: Method, path: &str, token: &str, version: Option<&str>, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", &*bearer)];
    headers.extend(version.map(|version| ("linkedin-version", version)));
    client.send(method, &format!("{API}{path}"), &headers, body).await
}

#[track_caller]
fn assert_answer(answer: &Answer, expected: &Value) {
    assert_eq!(answer.json(), *expected);
    assert_eq!(json!(answer.status), expected["status"]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for name in ["x-li-uuid", "x-li-fabric", "x-li-request-id"] {
        assert!(answer.header(name).is_some(), "no {name}");
    }
}

fn denied(what: &str) -> Value {
    json!({"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED",
        "message":format!("Not enough permissions to access: {what}")})
}

#[tokio::test]
async fn no_or_empty_token() {
    let client = Client::start().await;
    let documented = json!({"message":"Empty oauth2_access_token","serviceErrorCode":401,"status":401});
    assert_answer(&client.get(USERINFO).await, &documented);
    for header in ["", "Bearer", "Bearer "] {
        let answer = client
            .send(Method::GET, USERINFO, &[("authorization", header)], "")
            .await;
        assert_answer(&answer, &documented);
    }
    client.control("quirks", &json!({"empty_token_is_65604": true})).await;
    let newer = json!({"status":401,"serviceErrorCode":65604,"code":"EMPTY_ACCESS_TOKEN",
        "message":"Empty oauth2 access token"});
    assert_answer(&client.get(USERINFO).await, &newer);
}

#[tokio::test]
async fn invalid_token() {
    let client = Client::logged_in().await;
    let app = &client.ready().refresh_app;
    let code = client.authorize(app, "openid profile").await;
    let tokens = client.form(TOKEN, &client.exchange(app, &code)).await.json();
    let expected =
        json!({"status":401,"serviceErrorCode":65600,"code":"INVALID_ACCESS_TOKEN","message":"Invalid access token"});
    let access_token = tokens["access_token"].as_str().unwrap();
    // What people send by mistake: the code, the id_token, the secret, the refresh token, a truncated token.
    for value in [
        "garbage",
        &code,
        &app.client_secret,
        tokens["id_token"].as_str().unwrap(),
        tokens["refresh_token"].as_str().unwrap(),
        &access_token[..255],
    ] {
        assert_answer(&client.bearer(USERINFO, value).await, &expected);
    }
    assert_eq!(client.bearer(USERINFO, access_token).await.status, 200);
}

#[tokio::test]
async fn revoked_token() {
    let client = Client::logged_in().await;
    let (app, member) = (&client.ready().app, &client.ready().member.username);
    let expected = json!({"status":401,"serviceErrorCode":65601,"code":"REVOKED_ACCESS_TOKEN",
        "message":"The token used in the request has been revoked by the user"});
    let token = client.access_token(app, "openid profile").await;
    client
        .control("revoke", &json!({"client_id": app.client_id, "member": member}))
        .await;
    assert_answer(&client.bearer(USERINFO, &token).await, &expected);
    let token = client.access_token(app, "openid profile").await;
    client.access_token(app, "openid").await;
    assert_answer(&client.bearer(USERINFO, &token).await, &expected);
}

#[tokio::test]
async fn expired_token() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "openid profile").await;
    client.later(5_184_000).await;
    let expected = json!({"status":401,"serviceErrorCode":65602,"code":"EXPIRED_ACCESS_TOKEN",
        "message":"The token used in the request has expired"});
    assert_answer(&client.bearer(USERINFO, &token).await, &expected);
}

#[tokio::test]
async fn unknown_authentication_schema() {
    let client = Client::start().await;
    for header in ["Basic YTpi", "Token abc", "AQVabc"] {
        let answer = client
            .send(Method::GET, USERINFO, &[("authorization", header)], "")
            .await;
        assert_answer(
            &answer,
            &json!({"status": 401, "message": "Unknown authentication schema"}),
        );
    }
}

#[tokio::test]
async fn not_enough_permissions() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "email").await;
    let version = version();
    let dated = |what: &str| denied(&format!("{what}.{version}01"));
    for (method, path, expected) in [
        (Method::GET, "/v2/userinfo", denied("userinfo.GET.NO_VERSION")),
        (Method::GET, "/v2/me", denied("me.GET.NO_VERSION")),
        (Method::POST, "/v2/ugcPosts", denied("ugcPosts.CREATE.NO_VERSION")),
        (Method::GET, "/rest/me", dated("partnerApiMe.GET")),
        (Method::POST, "/rest/posts", dated("partnerApiPostsExternal.CREATE")),
        (
            Method::GET,
            "/rest/organizationAcls?q=roleAssignee",
            dated("partnerApiOrganizationAcls.FINDER-roleAssignee"),
        ),
    ] {
        let answer = call(&client, method, path, &token, Some(&version), "{}").await;
        assert_answer(&answer, &expected);
    }
    client.control("quirks", &json!({"old_permission_names": true})).await;
    assert_answer(
        &call(&client, Method::GET, "/v2/me", &token, None, "").await,
        &denied("GET /me"),
    );
}

#[tokio::test]
async fn application_tokens_are_nobody() {
    let client = Client::start().await;
    let app = &client.ready().legacy_app;
    let request = [
        ("grant_type", "client_credentials"),
        ("client_id", &*app.client_id),
        ("client_secret", &*app.client_secret),
    ];
    let tokens = client.form(TOKEN, &request).await.json();
    let answer = call(
        &client,
        Method::GET,
        "/v2/me",
        tokens["access_token"].as_str().unwrap(),
        None,
        "",
    )
    .await;
    assert_answer(&answer, &denied("me.GET.NO_VERSION"));
}

#[tokio::test]
async fn enough_permissions() {
    let client = Client::logged_in().await;
    let ready = client.ready();
    let version = version();
    let legacy = client.access_token(&ready.legacy_app, "r_liteprofile").await;
    let me = call(&client, Method::GET, "/v2/me", &legacy, None, "").await;
    assert_eq!((me.status, &me.json()["localizedLastName"]), (200, &json!("One")));
    let community = client
        .access_token(&ready.community_app, "rw_organization_admin r_basicprofile")
        .await;
    for path in ["/rest/me", "/rest/organizationAcls?q=roleAssignee"] {
        let answer = call(&client, Method::GET, path, &community, Some(&version), "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn creating_a_post() {
    let client = Client::logged_in().await;
    let token = client
        .access_token(&client.ready().app, "openid profile w_member_social")
        .await;
    let version = version();
    let subject = client.bearer(USERINFO, &token).await.json()["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let author = format!("urn:li:person:{subject}");
    let as_somebody = |author: &str| json!({"author": author, "lifecycleState": "PUBLISHED"}).to_string();
    for path in ["/v2/ugcPosts", "/rest/posts"] {
        let answer = call(
            &client,
            Method::POST,
            path,
            &token,
            Some(&version),
            &as_somebody(&author),
        )
        .await;
        assert_eq!((answer.status, answer.text()), (201, ""), "{path}");
        assert!(answer.header("x-restli-id").unwrap().starts_with("urn:li:share:"));
        // Somebody else, and a numeric id.
        for author in ["urn:li:person:another", "urn:li:person:123456789"] {
            let answer = call(
                &client,
                Method::POST,
                path,
                &token,
                Some(&version),
                &as_somebody(author),
            )
            .await;
            assert_answer(
                &answer,
                &json!({"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED",
                "message":"Unpermitted fields present in RESOURCE_KEY: Data Processing Exception while processing \
                           fields [/memberId]"}),
            );
        }
        let unknown = json!({"author": author, "field": 1}).to_string();
        assert_answer(
            &call(&client, Method::POST, path, &token, Some(&version), &unknown).await,
            &json!({"message":"ERROR :: /field :: unrecognized field found but not allowed","status":422}),
        );
    }
}

#[tokio::test]
async fn version_is_missing() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "email").await;
    for version in [None, Some("")] {
        let answer = call(&client, Method::GET, "/rest/me", &token, version, "").await;
        assert_answer(
            &answer,
            &json!({"status":400,"code":"VERSION_MISSING",
            "message":"A version must be present. Please specify a version by adding the LinkedIn-Version header."}),
        );
        assert!(answer.header("x-restli-gateway-error").is_some());
    }
    // Under /v2/ nobody asks for one.
    assert_eq!(call(&client, Method::GET, "/v2/me", &token, None, "").await.status, 403);
}

#[tokio::test]
async fn version_is_not_active() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "email").await;
    for (version, shown) in [("202402", "20240201"), ("209901", "20990101"), ("20240201", "20240201")] {
        let answer = call(&client, Method::GET, "/rest/me", &token, Some(version), "").await;
        let message = format!("Requested version {shown} is not active");
        assert_answer(
            &answer,
            &json!({"status":426,"code":"NONEXISTENT_VERSION","message":message}),
        );
    }
    let active = version();
    for version in [active.clone(), format!("{active}01"), format!("{active}.02")] {
        let answer = call(&client, Method::GET, "/rest/me", &token, Some(&version), "").await;
        assert_eq!(answer.status, 403, "{version}");
    }
    // A version dies after a year.
    client.later(400 * 86_400).await;
    let token = client.access_token(&client.ready().app, "email").await;
    assert_eq!(
        call(&client, Method::GET, "/rest/me", &token, Some(&active), "")
            .await
            .status,
        426
    );
}

#[tokio::test]
async fn throttled() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "openid profile").await;
    client.control("quirks", &json!({"throttle": true})).await;
    let answer = client.bearer(USERINFO, &token).await;
    assert_answer(
        &answer,
        &json!({"serviceErrorCode":101,
        "message":"Resource level throttle limit for calls to this resource is reached.","status":429}),
    );
    for name in answer.headers.keys() {
        assert!(*name != "retry-after" && !name.as_str().contains("ratelimit"), "{name}");
    }
}

#[tokio::test]
async fn comments_are_throttled_by_the_minute() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "w_member_social").await;
    let path = "/v2/socialActions/urn%3Ali%3Ashare%3A1/comments";
    let comment = async || call(&client, Method::POST, path, &token, None, "{}").await;
    assert_eq!(comment().await.status, 201);
    let again = comment().await;
    assert_answer(
        &again,
        &json!({"message":"Comment create throttled: creation rate limit exceeded for member","status":429}),
    );
    client.later(60).await;
    assert_eq!(comment().await.status, 201);
}

#[tokio::test]
async fn no_virtual_resource() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "email").await;
    let version = version();
    for path in ["/v2/nothing", "/rest/nothing", "/v2/me/", "/nothing", "/v2/posts"] {
        let answer = call(&client, Method::GET, path, &token, Some(&version), "").await;
        assert_answer(
            &answer,
            &json!({"status":404,"code":"RESOURCE_NOT_FOUND","message":"No virtual resource found"}),
        );
    }
}

#[tokio::test]
async fn method_length_and_url_limits() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "openid profile").await;
    assert_eq!(
        call(&client, Method::DELETE, "/v2/userinfo", &token, None, "")
            .await
            .status,
        405
    );
    for (path, status) in [
        (format!("/v2/userinfo?a={}", "x".repeat(4094)), 200),
        (format!("/v2/userinfo?a={}", "x".repeat(4095)), 414),
        (format!("/v2/{}", "x".repeat(8188)), 404),
        (format!("/v2/{}", "x".repeat(8189)), 414),
    ] {
        let answer = call(&client, Method::GET, &path, &token, None, "").await;
        assert_eq!(answer.status, status, "{} characters", path.len());
    }
    // An empty POST without Content-Length; an ordinary client adds the header.
    let mut stream = client.tunnel("api.linkedin.com").await.unwrap();
    stream
        .write_all(b"POST /v2/ugcPosts HTTP/1.1\r\nHost: api.linkedin.com\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
}

#[tokio::test]
async fn failures_that_no_ordinary_request_brings_about() {
    let client = Client::logged_in().await;
    let token = client.access_token(&client.ready().app, "openid profile").await;
    for (endpoint, path, status, message) in [
        ("userinfo", "/v2/userinfo", 500, "downstream token verification failure"),
        ("rest", "/v2/me", 500, "Internal Server Error"),
        ("rest", "/v2/me", 504, "Gateway Timeout"),
    ] {
        let body = json!({"status": status, "message": message}).to_string();
        let fault = json!({"kind": "answer", "status": status, "body": body});
        client
            .control("faults", &json!({"endpoint": endpoint, "fault": fault}))
            .await;
        let answer = call(&client, Method::GET, path, &token, None, "").await;
        assert_eq!((answer.status, answer.text()), (status, &*body));
    }
}
