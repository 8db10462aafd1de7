//! Runs the files of tests/vectors: examples of the RFCs, LinkedIn's answers (linkedin.md), and named bad inputs.
//!
//! Each file says what it is about and holds vectors of a name, a source, an input and what is expected of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;
#[cfg(not(target_arch = "wasm32"))]
use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokenkeep::oauth::{
    AuthorizationCode, AuthorizationRequest, ClientAuthentication, ClientSecret, CodeChallenge, CodeVerifier,
    EndpointUrl, Expected, HttpResponse, IdToken, Method, RedirectError, RedirectUri, Scopes, State, TokenError,
    TokenRequest, client_auth, form, parse_authorization_response, parse_token_response, state_of, unverified_claims,
};
use url::Url;
// In a browser the same vectors run in the WebAssembly (tests/browser_page.rs, tests/browser_worker.rs).
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

struct File {
    whole: Value,
    vectors: Vec<Vector>,
}

struct Vector {
    name: String,
    input: Value,
    expect: Value,
}

#[cfg(not(target_arch = "wasm32"))]
fn source(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    fs::read_to_string(folder.join(name).with_extension("json")).unwrap()
}

#[cfg(target_arch = "wasm32")]
fn source(name: &str) -> String {
    let text = match name {
        "authorization_requests" => include_str!("vectors/authorization_requests.json"),
        "basic" => include_str!("vectors/basic.json"),
        "callbacks" => include_str!("vectors/callbacks.json"),
        "endpoint_urls" => include_str!("vectors/endpoint_urls.json"),
        "entropy" => include_str!("vectors/entropy.json"),
        "form" => include_str!("vectors/form.json"),
        "id_tokens" => include_str!("vectors/id_tokens.json"),
        "pkce" => include_str!("vectors/pkce.json"),
        "redirect_uris" => include_str!("vectors/redirect_uris.json"),
        "token_requests" => include_str!("vectors/token_requests.json"),
        "token_responses" => include_str!("vectors/token_responses.json"),
        _ => panic!("{name} is not built in"),
    };
    text.to_owned()
}

fn read(name: &str, at_least: usize) -> File {
    let whole: Value = serde_json::from_str(&source(name)).unwrap();
    assert!(
        whole["about"].as_str().is_some_and(|about| !about.is_empty()),
        "{name} says what it is about"
    );
    let mut names = HashSet::new();
    let vectors: Vec<Vector> = whole["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vector| {
            let keys: HashSet<&str> = vector.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, HashSet::from(["name", "source", "input", "expect"]), "{vector}");
            let name = vector["name"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} twice");
            Vector {
                name,
                input: vector["input"].clone(),
                expect: vector["expect"].clone(),
            }
        })
        .collect();
    assert!(vectors.len() >= at_least, "{name} has {} vectors", vectors.len());
    File { whole, vectors }
}

/// Runs every vector and names all that fail, not only the first.
fn run(vectors: &[Vector], actual: impl Fn(&Value) -> Value) {
    let wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| {
            let got = actual(&vector.input);
            (got != vector.expect).then(|| format!("{}\n  expected {}\n  got      {got}", vector.name, vector.expect))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        vectors.len(),
        wrong.join("\n")
    );
}

fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input[name].as_str().unwrap_or_default()
}

/// What is stored must read back as the same value.
fn stored<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Value {
    let json = serde_json::to_value(value).unwrap();
    assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), value);
    json
}

#[test]
fn pkce() {
    run(&read("pkce", 1).vectors, |input| {
        json!(CodeChallenge::s256(&CodeVerifier::new(input.as_str().unwrap())).as_str())
    });
}

#[test]
fn entropy() {
    run(&read("entropy", 3).vectors, |input| {
        let entropy: [u8; 32] = serde_json::from_value(input.clone()).unwrap();
        let verifier = CodeVerifier::from_entropy(&entropy);
        assert_eq!(verifier.expose(), State::from_entropy(&entropy).expose());
        json!(verifier.expose())
    });
}

#[test]
fn form_encoding() {
    run(&read("form", 7).vectors, |input| {
        let encoded = form::encode(input.as_str().unwrap());
        let body = format!("a={encoded}");
        assert_eq!(
            form::parse(body.as_bytes()),
            [("a".to_owned(), input.as_str().unwrap().to_owned())]
        );
        json!(encoded)
    });
}

#[test]
fn basic_authentication() {
    run(&read("basic", 8).vectors, |input| {
        json!(client_auth::basic(
            text(input, "client_id"),
            &ClientSecret::new(text(input, "client_secret"))
        ))
    });
}

#[test]
fn redirect_uris() {
    let file = read("redirect_uris", 70);
    run(&file.vectors, |input| {
        let given = input.as_str().unwrap();
        match RedirectUri::parse(given) {
            Ok(uri) => {
                assert_eq!(uri.as_str(), given);
                assert!(uri.matches(uri.url()), "{given} matches itself");
                json!({"accepted": {
                    "url": uri.url().as_str(),
                    "host_permission": uri.host_permission(),
                    "rule_regex": uri.rule_regex(),
                }})
            }
            Err(refusal) => json!({"refused": refusal.code()}),
        }
        .with_only_expected(&file, input)
    });
}

#[test]
fn endpoint_urls() {
    run(&read("endpoint_urls", 20).vectors, |input| {
        match EndpointUrl::parse(input.as_str().unwrap()) {
            Ok(endpoint) => {
                assert_eq!(endpoint.as_str(), input.as_str().unwrap());
                json!({"accepted": {"origin": endpoint.origin(), "host_permission": endpoint.host_permission()}})
            }
            Err(refusal) => json!({"refused": refusal.code()}),
        }
    });
}

#[test]
fn authorization_requests() {
    run(&read("authorization_requests", 9).vectors, |input| {
        let scopes: Scopes = serde_json::from_value(input["scopes"].clone()).unwrap();
        let challenge = input["code_verifier"]
            .as_str()
            .map(|text| CodeChallenge::s256(&CodeVerifier::new(text)));
        let extra: Vec<(String, String)> =
            serde_json::from_value(input.get("extra").cloned().unwrap_or_else(|| json!([]))).unwrap();
        let request = AuthorizationRequest {
            endpoint: &EndpointUrl::parse(text(input, "endpoint")).unwrap(),
            client_id: text(input, "client_id"),
            redirect_uri: &RedirectUri::parse(text(input, "redirect_uri")).unwrap(),
            scopes: &scopes,
            scope_separator: input["scope_separator"].as_str().unwrap_or(" "),
            state: &State::new(text(input, "state")),
            code_challenge: challenge.as_ref(),
            extra: &extra,
        };
        json!(request.url().as_str())
    });
}

#[test]
fn token_requests() {
    run(&read("token_requests", 6).vectors, |input| {
        let secret = input["client_secret"].as_str().map(ClientSecret::new);
        let verifier = input["code_verifier"].as_str().map(CodeVerifier::new);
        let authentication: ClientAuthentication = serde_json::from_value(input["authentication"].clone()).unwrap();
        let request = TokenRequest {
            endpoint: &EndpointUrl::parse(text(input, "endpoint")).unwrap(),
            client_id: text(input, "client_id"),
            client_secret: secret.as_ref(),
            authentication,
            code: &AuthorizationCode::new(text(input, "code")),
            redirect_uri: &RedirectUri::parse(text(input, "redirect_uri")).unwrap(),
            code_verifier: verifier.as_ref(),
        }
        .http_request();
        assert_eq!(
            (request.method, request.url.as_str()),
            (Method::Post, text(input, "endpoint"))
        );
        json!({"headers": request.headers, "body": String::from_utf8(request.body.expose().to_vec()).unwrap()})
    });
}

#[test]
fn token_responses() {
    run(
        &read("token_responses", 100).vectors,
        |input| match parse_token_response(&response(input)) {
            Ok(token) => {
                assert_eq!(token.token_type, "Bearer");
                let mut fields = json!({
                    "access_token": token.access_token,
                    "token_type_missing": token.token_type_missing,
                    "expires_in": token.expires_in,
                    "scope": token.scope,
                    "refresh_token": token.refresh_token,
                    "refresh_token_expires_in": token.refresh_token_expires_in,
                    "id_token": token.id_token,
                    "unusable": token.unusable,
                });
                drop_absent(&mut fields);
                json!({"token": fields})
            }
            Err(error) => json!({"error": stored::<TokenError>(&error)}),
        },
    );
}

fn response(input: &Value) -> HttpResponse {
    let body = if let Some(encoded) = input["body_base64"].as_str() {
        STANDARD.decode(encoded).unwrap()
    } else if let Some(repeat) = input["repeat"].as_array() {
        let times = usize::try_from(repeat[1].as_u64().unwrap()).unwrap();
        repeat[0].as_str().unwrap().repeat(times).into_bytes()
    } else {
        text(input, "body").as_bytes().to_vec()
    };
    HttpResponse {
        status: u16::try_from(input["status"].as_u64().unwrap()).unwrap(),
        headers: input["content_type"]
            .as_str()
            .map(|value| ("content-type".to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        body,
        truncated: input["truncated"] == true,
    }
}

#[test]
fn callbacks() {
    let file = read("callbacks", 100);
    let refused = file
        .vectors
        .iter()
        .filter(|vector| vector.expect.get("error").is_some())
        .count();
    assert!(refused >= 80, "{refused} bad callbacks");
    let state = State::new(text(&file.whole, "state"));
    let registered = text(&file.whole, "redirect_uri");
    run(&file.vectors, |input| {
        let redirect_uri = RedirectUri::parse(input["redirect_uri"].as_str().unwrap_or(registered)).unwrap();
        let expect = Expected {
            redirect_uri: &redirect_uri,
            state: &state,
            issuer: input["issuer"].as_str(),
            iss_required: input["iss_required"] == true,
        };
        let callback = Url::parse(text(input, "callback")).unwrap();
        match parse_authorization_response(&callback, &expect) {
            Ok(code) => {
                assert_eq!(state_of(&callback).as_deref(), Some(state.expose()));
                json!({"code": code})
            }
            Err(error) => {
                let shown = format!("{error:?} {error}");
                assert!(
                    !shown.contains(state.expose()) && !shown.contains("AQTQ-abc_1"),
                    "{shown}"
                );
                if matches!(error, RedirectError::StateMissing | RedirectError::StateDuplicate) {
                    assert_eq!(state_of(&callback), None, "{callback}");
                }
                json!({"error": stored::<RedirectError>(&error)})
            }
        }
    });
}

#[test]
fn id_tokens() {
    run(&read("id_tokens", 23).vectors, |input| {
        match unverified_claims(&IdToken::new(input.as_str().unwrap())) {
            Ok(claims) => {
                let mut fields = json!({
                    "iss": claims.iss, "sub": claims.sub, "aud": claims.aud, "exp": claims.exp, "iat": claims.iat,
                    "name": claims.name, "given_name": claims.given_name, "family_name": claims.family_name,
                    "email": claims.email, "email_verified": claims.email_verified, "picture": claims.picture,
                    "locale": claims.locale,
                });
                // An email_verified of false is there; everything else that is false or empty is not.
                drop_absent(&mut fields);
                if claims.email_verified == Some(false) {
                    fields["email_verified"] = json!(false);
                }
                json!({"claims": fields})
            }
            Err(error) => json!({"error": format!("{error:?}")}),
        }
    });
}

/// Every file of the folder is run by a test above.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn no_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let source = include_str!("vectors.rs");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The findings have a folder and a test of their own (tests/diagnosis.rs).
        if path.is_dir() {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(source.contains(&format!("read(\"{name}\"")), "{name} is not run");
    }
}

fn drop_absent(fields: &mut Value) {
    let is_absent = |value: &Value| value.is_null() || *value == json!(false) || *value == json!([]);
    fields.as_object_mut().unwrap().retain(|_, value| !is_absent(value));
}

trait WithOnlyExpected {
    /// Leaves out the accepted fields that the vector does not name.
    fn with_only_expected(self, file: &File, input: &Value) -> Value;
}

impl WithOnlyExpected for Value {
    fn with_only_expected(mut self, file: &File, input: &Value) -> Value {
        let vector = file.vectors.iter().find(|vector| vector.input == *input).unwrap();
        if let (Some(accepted), Some(named)) = (
            self.get_mut("accepted").and_then(Value::as_object_mut),
            vector.expect["accepted"].as_object(),
        ) {
            accepted.retain(|name, _| named.contains_key(name));
        }
        self
    }
}
