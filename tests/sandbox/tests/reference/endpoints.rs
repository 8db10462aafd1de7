//! linkedin.md section 1: every endpoint is there, by its method, and none sends CORS headers (section 0, item 3).

use hyper::Method;
use serde_json::json;

use crate::client::{API, AUTHORIZATION, Client, INTROSPECTION, NATIVE_AUTHORIZATION, REVOKE, TOKEN, USERINFO, WWW};

#[tokio::test]
async fn every_endpoint_answers_its_method() {
    let client = Client::start().await;
    // Without parameters each has its own refusal; none is 404 or 405.
    for (method, url, status, content_type) in [
        (Method::GET, AUTHORIZATION, 401, "text/html; charset=utf-8"),
        (
            Method::GET,
            "https://www.linkedin.com/uas/oauth2/authorization",
            401,
            "text/html; charset=utf-8",
        ),
        (Method::GET, NATIVE_AUTHORIZATION, 401, "text/html; charset=utf-8"),
        (Method::POST, TOKEN, 400, "application/json"),
        (Method::POST, INTROSPECTION, 400, "application/json"),
        (Method::POST, REVOKE, 400, "application/json"),
        (
            Method::GET,
            "https://www.linkedin.com/oauth/.well-known/openid-configuration",
            200,
            "application/json",
        ),
        (
            Method::GET,
            "https://www.linkedin.com/oauth/openid/jwks",
            200,
            "application/json",
        ),
        (Method::GET, USERINFO, 401, "application/json"),
    ] {
        let answer = client.send(method, url, &[], "").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some(content_type)),
            "{url}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    let client = Client::start().await;
    for (method, url) in [
        (Method::POST, AUTHORIZATION),
        (Method::GET, TOKEN),
        (Method::GET, INTROSPECTION),
        (Method::GET, REVOKE),
        (Method::POST, "https://www.linkedin.com/oauth/openid/jwks"),
    ] {
        assert_eq!(
            client.send(method.clone(), url, &[], "").await.status,
            405,
            "{method} {url}"
        );
    }
}

#[tokio::test]
async fn oauth_server_metadata_is_404() {
    let client = Client::start().await;
    for url in [
        "https://www.linkedin.com/.well-known/oauth-authorization-server",
        "https://www.linkedin.com/.well-known/openid-configuration",
        "https://api.linkedin.com/uas/oauth/invalidateToken",
    ] {
        assert_eq!(client.get(url).await.status, 404, "{url}");
    }
}

#[tokio::test]
async fn discovery_document_is_linkedins() {
    let client = Client::start().await;
    let answer = client
        .get("https://www.linkedin.com/oauth/.well-known/openid-configuration")
        .await;
    let expected = json!({"issuer":"https://www.linkedin.com/oauth",
        "authorization_endpoint":"https://www.linkedin.com/oauth/v2/authorization",
        "token_endpoint":"https://www.linkedin.com/oauth/v2/accessToken",
        "userinfo_endpoint":"https://api.linkedin.com/v2/userinfo",
        "jwks_uri":"https://www.linkedin.com/oauth/openid/jwks",
        "response_types_supported":["code"],
        "subject_types_supported":["pairwise"],
        "id_token_signing_alg_values_supported":["RS256"],
        "scopes_supported":["openid","profile","email"],
        "claims_supported":["iss","aud","iat","exp","sub","name","given_name","family_name","picture","email",
            "email_verified","locale"]});
    // As text: the members' order counts, and there are no others.
    assert_eq!(answer.text(), expected.to_string());
}

#[tokio::test]
async fn no_answer_has_cors_headers() {
    let client = Client::start().await;
    let origin = [
        ("origin", "https://app.tokenkeep.test"),
        ("access-control-request-method", "POST"),
    ];
    for (method, url) in [
        (Method::OPTIONS, TOKEN),
        (Method::POST, TOKEN),
        (Method::OPTIONS, INTROSPECTION),
        (Method::POST, INTROSPECTION),
        (Method::OPTIONS, USERINFO),
        (Method::GET, USERINFO),
        (Method::GET, AUTHORIZATION),
    ] {
        let answer = client.send(method.clone(), url, &origin, "").await;
        let cors = answer
            .headers
            .keys()
            .find(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(cors, None, "{method} {url}");
        assert!(
            method != Method::OPTIONS || answer.status >= 400,
            "{url} accepts a preflight"
        );
    }
}

#[tokio::test]
async fn unknown_paths_are_404() {
    let client = Client::start().await;
    for url in [
        format!("{WWW}/oauth/v2/accessToken/"),
        format!("{WWW}/"),
        format!("{API}/"),
    ] {
        assert_eq!(client.get(&url).await.status, 404, "{url}");
    }
}
