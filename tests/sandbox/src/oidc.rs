//! OIDC: discovery, keys, `id_token` and userinfo (linkedin.md sections 1 and 7).

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper::StatusCode;
use rsa::PrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::http::Reply;
use crate::random;
use crate::rest::Caller;
use crate::state::{App, Member, Scopes, Secret};

/// The issuer since April 2024; the documentation still has the host alone.
pub(crate) const ISSUER: &str = "https://www.linkedin.com/oauth";
/// An `id_token` lives one hour.
const ID_TOKEN_LIFETIME: i64 = 3600;
/// LinkedIn's key seems to be larger; nothing depends on it.
const KEY_BITS: usize = 2048;

struct Key {
    id: String,
    signer: SigningKey<Sha256>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// Made once per process: generation takes about half a second.
#[expect(
    clippy::expect_used,
    reason = "2048 bits is a valid size, and without entropy there is no sandbox"
)]
fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = PrivateKey::new(&mut getrandom::SysRng, KEY_BITS).expect("an RSA key");
        Key {
            id: random::uuid(),
            modulus: key.n_bytes().to_vec(),
            exponent: key.e_bytes().to_vec(),
            signer: SigningKey::new(key),
        }
    })
}

/// Makes the key now rather than in the first answer that needs it.
pub(crate) fn prepare_key() {
    key();
}

/// The discovery document, with exactly LinkedIn's members.
pub(crate) fn discovery() -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://www.linkedin.com/oauth/v2/authorization",
            "token_endpoint": "https://www.linkedin.com/oauth/v2/accessToken",
            "userinfo_endpoint": "https://api.linkedin.com/v2/userinfo",
            "jwks_uri": "https://www.linkedin.com/oauth/openid/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "claims_supported": [
                "iss", "aud", "iat", "exp", "sub", "name", "given_name", "family_name", "picture", "email",
                "email_verified", "locale"
            ],
        }),
    )
}

/// The keys (RFC 7517).
pub(crate) fn jwks() -> Reply {
    let key = key();
    let key = json!({
        "kty": "RSA",
        "e": BASE64_URL_SAFE_NO_PAD.encode(&key.exponent),
        "use": "sig",
        "kid": key.id,
        "alg": "RS256",
        "n": BASE64_URL_SAFE_NO_PAD.encode(&key.modulus),
    });
    Reply::json(StatusCode::OK, &json!({"keys": [key]}))
}

/// A subject identifier that differs from app to app, ten characters long.
pub(crate) fn subject(app: &str, member: &Member) -> String {
    let digest = Sha256::digest(format!("{app}\n{}", member.username));
    let mut subject = BASE64_URL_SAFE_NO_PAD.encode(digest);
    subject.truncate(10);
    subject
}

fn picture(subject: &str) -> String {
    format!("https://media.licdn.com/sandbox/{subject}")
}

/// The `id_token`: a bogus `zip` header, `email_verified` as a string, no `nonce`, no `at_hash`.
pub(crate) fn id_token(app: &App, member: &Member, scopes: &Scopes, now: i64) -> Secret {
    let key = key();
    let header = json!({"zip": "RS256", "typ": "JWT", "kid": key.id, "alg": "RS256"});
    let subject = subject(&app.client_id, member);
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("iss", json!(ISSUER));
    claim("aud", json!(app.client_id));
    claim("iat", json!(now));
    claim("exp", json!(now + ID_TOKEN_LIFETIME));
    claim("sub", json!(subject));
    if scopes.has("profile") {
        claim("name", json!(member.name()));
        claim("given_name", json!(member.given_name));
        claim("family_name", json!(member.family_name));
        claim("picture", json!(picture(&subject)));
    }
    if scopes.has("email")
        && let Some(email) = &member.email
    {
        claim("email", json!(email));
        claim("email_verified", json!("true"));
    }
    if scopes.has("profile") {
        claim("locale", json!("en_US"));
    }
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&Value::Object(claims)));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.signer.sign(signed.as_bytes()).to_bytes());
    Secret(format!("{signed}.{signature}"))
}

/// `GET /v2/userinfo`: `email_verified` as a boolean, `locale` as an object.
pub(crate) fn userinfo(caller: &Caller<'_>, member: &Member) -> Value {
    let subject = subject(caller.client_id, member);
    let email = member.email.as_ref().filter(|_| caller.scopes.has("email"));
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("sub", json!(subject));
    if email.is_some() {
        claim("email_verified", json!(true));
    }
    claim("name", json!(member.name()));
    claim("locale", json!({"country": "US", "language": "en"}));
    claim("given_name", json!(member.given_name));
    claim("family_name", json!(member.family_name));
    if let Some(email) = email {
        claim("email", json!(email));
    }
    claim("picture", json!(picture(&subject)));
    Value::Object(claims)
}
