//! linkedin.md section 7: the `id_token`, its signature, and userinfo.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier as _;
use rsa::{BoxedUint, PublicKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Client, USERINFO, WWW};

fn decode(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Header, claims, signed text and signature of a JWT.
fn parts(token: &Value) -> (Value, Value, String, Vec<u8>) {
    let token = token.as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part| serde_json::from_slice(&decode(part)).unwrap();
    (json(header), json(claims), signed.to_owned(), decode(signature))
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn id_token_has_linkedins_header_and_claims() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let tokens = client.tokens(app, "openid profile email").await;
    let (header, claims, ..) = parts(&tokens["id_token"]);
    assert_eq!(names(&header), ["zip", "typ", "kid", "alg"]);
    assert_eq!(
        (&header["zip"], &header["typ"], &header["alg"]),
        (&json!("RS256"), &json!("JWT"), &json!("RS256"))
    );
    let kid = header["kid"].as_str().unwrap();
    assert_eq!(
        kid.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12],
        "a UUID: {kid}"
    );

    let in_order = [
        "iss",
        "aud",
        "iat",
        "exp",
        "sub",
        "name",
        "given_name",
        "family_name",
        "picture",
        "email",
        "email_verified",
        "locale",
    ];
    assert_eq!(names(&claims), in_order);
    assert_eq!(claims["iss"], "https://www.linkedin.com/oauth");
    assert_eq!(claims["aud"], json!(app.client_id));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!(claims["email_verified"], "true", "a string");
    assert_eq!(claims["locale"], "en_US");
    assert_eq!(claims["sub"].as_str().unwrap().len(), 10);
}

#[tokio::test]
async fn id_token_is_signed_with_the_key_of_the_jwks() {
    let client = Client::logged_in().await;
    let tokens = client.tokens(&client.ready().app, "openid").await;
    let (header, _, signed, signature) = parts(&tokens["id_token"]);
    let jwks = client.get(&format!("{WWW}/oauth/openid/jwks")).await.json();
    let key = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .unwrap();
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"))
    );
    let number = |name: &str| BoxedUint::from_be_slice_vartime(&decode(key[name].as_str().unwrap()));
    let key = VerifyingKey::<Sha256>::new(PublicKey::new(number("n"), number("e")).unwrap());
    let mut signature = Signature::try_from(signature.as_slice()).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap();
    key.verify(format!("{signed}A").as_bytes(), &signature).unwrap_err();
    let mut damaged = Box::<[u8]>::from(signature.clone());
    damaged[7] ^= 1;
    signature = Signature::try_from(&*damaged).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap_err();
}

#[tokio::test]
async fn id_token_claims_follow_the_scopes() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    let registered = ["iss", "aud", "iat", "exp", "sub"];
    let profile = ["name", "given_name", "family_name", "picture", "locale"];
    let openid = client.tokens(app, "openid").await;
    assert_eq!(names(&parts(&openid["id_token"]).1), registered);
    let with_profile = client.tokens(app, "openid profile").await;
    assert_eq!(
        names(&parts(&with_profile["id_token"]).1),
        [registered, profile].concat()
    );
    // A member without an address has neither of its claims.
    client
        .control("session", &json!({"member": "member.three@sandbox.test"}))
        .await;
    let no_address = client.tokens(app, "openid profile email").await;
    assert_eq!(names(&parts(&no_address["id_token"]).1), [registered, profile].concat());
}

#[tokio::test]
async fn no_nonce_comes_back() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    client.tokens(app, "openid").await;
    let mut request = client.request(app, "openid");
    request.push(("nonce", "n-0S6_WzA2Mj"));
    let code = client
        .query(crate::client::AUTHORIZATION, &request)
        .await
        .callback_value("code");
    let tokens = client
        .form(crate::client::TOKEN, &client.exchange(app, &code))
        .await
        .json();
    assert_eq!(parts(&tokens["id_token"]).1.get("nonce"), None);
}

#[tokio::test]
async fn userinfo_is_typed_otherwise_than_the_id_token() {
    let client = Client::logged_in().await;
    let tokens = client.tokens(&client.ready().app, "openid profile email").await;
    let (_, claims, ..) = parts(&tokens["id_token"]);
    let answer = client.bearer(USERINFO, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    let userinfo = answer.json();
    assert_eq!(
        names(&userinfo),
        [
            "sub",
            "email_verified",
            "name",
            "locale",
            "given_name",
            "family_name",
            "email",
            "picture"
        ]
    );
    for name in ["sub", "name", "given_name", "family_name", "email", "picture"] {
        assert_eq!(userinfo[name], claims[name], "{name}");
    }
    assert_eq!(userinfo["email_verified"], true, "a boolean");
    assert_eq!(userinfo["locale"], json!({"country": "US", "language": "en"}));
}

#[tokio::test]
async fn subjects_are_pairwise() {
    let client = Client::logged_in().await;
    let ready = client.ready();
    let mut subjects = Vec::new();
    for (app, member) in [
        (&ready.app, &ready.member),
        (&ready.second_app, &ready.member),
        (&ready.app, &ready.second_member),
        (&ready.app, &ready.member),
    ] {
        client.control("session", &json!({"member": member.username})).await;
        let token = client.access_token(app, "openid profile").await;
        subjects.push(client.bearer(USERINFO, &token).await.json()["sub"].clone());
    }
    assert_eq!(subjects[0], subjects[3]);
    assert!(subjects[0] != subjects[1] && subjects[0] != subjects[2] && subjects[1] != subjects[2]);
}

#[tokio::test]
async fn userinfo_needs_openid_and_profile() {
    let client = Client::logged_in().await;
    let app = &client.ready().app;
    for scope in ["openid", "profile email", "w_member_social"] {
        let token = client.access_token(app, scope).await;
        let answer = client.bearer(USERINFO, &token).await;
        let expected = json!({"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED",
            "message":"Not enough permissions to access: userinfo.GET.NO_VERSION"});
        assert_eq!((answer.status, answer.json()), (403, expected), "{scope}");
    }
}
