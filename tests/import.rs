//! Runs the files of tests/vectors/imports: a text in, drafts or an error out. And what export and import promise together.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tokenkeep::{
    handoff::{self, Format, Subject},
    oauth::{AccessToken, RedirectUri, Scopes},
    profile::{Imported, Look, MAX_IMPORT_BYTES, MAX_PROFILES, Profile, TokenRecord, export, import},
    provider,
};

fn cases() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/imports");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let name = [
                path.file_stem().unwrap().to_str().unwrap(),
                ": ",
                case["name"].as_str().unwrap(),
            ]
            .concat();
            cases.push((name, case.clone()));
        }
    }
    cases
}

fn json_of(imported: &Imported) -> Value {
    let draft = &imported.draft;
    json!({
        "name": draft.name,
        "provider": draft.provider,
        "client_id": draft.client_id,
        "client_secret": draft.client_secret,
        "redirect_uri": draft.redirect_uri,
        "scope": draft.scope,
        "renew_automatically": draft.renew_automatically,
        "unknown": imported.unknown,
    })
}

/// What a case expects, with what most have in common.
fn expected(case: &Value) -> Value {
    let drafts = case["expected"].as_array().unwrap().iter().map(|draft| {
        let mut whole = json!({
            "name": "",
            "provider": "linkedin",
            "client_id": "",
            "client_secret": "",
            "redirect_uri": "",
            "scope": "",
            "renew_automatically": true,
            "unknown": [],
        });
        for (name, value) in draft.as_object().unwrap() {
            *whole.get_mut(name).unwrap() = value.clone();
        }
        whole
    });
    drafts.collect()
}

#[test]
fn every_text_gives_its_drafts_or_its_error() {
    let mut wrong = Vec::new();
    let mut failing = 0;
    let cases = cases();
    for (name, case) in &cases {
        let got = import(case["input"].as_str().unwrap());
        let (got, wanted) = match case["error"].as_str() {
            Some(error) => {
                failing += 1;
                (
                    got.map(|found| found.iter().map(json_of).collect()),
                    Err(error.to_owned()),
                )
            }
            None => (got.map(|found| found.iter().map(json_of).collect()), Ok(expected(case))),
        };
        let got: Result<Value, String> = got.map_err(|error| error.to_string());
        if got != wanted {
            wrong.push(format!("{name}\n  got    {got:?}\n  wanted {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        cases.len() > 100 && failing > 40,
        "{} cases, {failing} of them errors",
        cases.len()
    );
}

#[test]
fn no_debug_print_and_no_error_shows_a_secret() {
    for (name, case) in cases() {
        let got = import(case["input"].as_str().unwrap());
        let printed = format!("{got:?}");
        for secret in ["WPL_AP1", "AQXdSP", "it's"] {
            assert!(!printed.contains(secret), "{name}: {printed}");
        }
    }
}

#[test]
fn no_token_becomes_a_secret() {
    let token = "AQVcanary0123456789_-abcdefghij0123456789_-abcdefghij";
    for name in ["client_secret", "LINKEDIN_SECRET", "clientSecret", "LINKEDIN_CLIENT_ID"] {
        for text in [
            format!("{name}={token}"),
            format!("{name}='Bearer {token}'"),
            format!("{{\"{name}\": \"{token}\"}}"),
            format!("curl -d {name}={token} https://www.linkedin.com/oauth/v2/accessToken"),
            format!("curl -u 78a:{token} https://www.linkedin.com/oauth/v2/accessToken"),
            format!("https://www.linkedin.com/oauth/v2/authorization?client_id=78a&{name}={token}"),
        ] {
            for imported in import(&text).unwrap_or_default() {
                assert!(!json_of(&imported).to_string().contains(token), "{text}");
            }
        }
    }
}

#[test]
fn too_much_is_refused() {
    assert_eq!(import(&" ".repeat(MAX_IMPORT_BYTES)).unwrap_err().code(), "empty");
    assert_eq!(
        import(&" ".repeat(MAX_IMPORT_BYTES + 1)).unwrap_err().code(),
        "too_large"
    );
    let file = |count: usize| {
        let profiles: Vec<Value> = (0..count)
            .map(|index| json!({ "client_id": index.to_string() }))
            .collect();
        json!({ "tokenkeep": "profiles", "version": 1, "profiles": profiles }).to_string()
    };
    assert_eq!(import(&file(MAX_PROFILES)).unwrap().len(), MAX_PROFILES);
    assert_eq!(import(&file(MAX_PROFILES + 1)).unwrap_err().code(), "too_many_profiles");
    // The letters of a megabyte, each a word, took 12 MiB and more.
    let words = ["curl", &" a".repeat(MAX_IMPORT_BYTES / 2 - 4)].concat();
    assert_eq!(import(&words).unwrap_err().code(), "too_large");
}

fn profile(name: &str, provider: &str, redirect_uri: &str, scopes: &str, renew_automatically: bool) -> Profile {
    Profile {
        id: "p1".into(),
        name: name.into(),
        provider: provider.into(),
        client_id: "78a\"\\\u{7}".into(),
        redirect_uri: RedirectUri::parse(redirect_uri).unwrap(),
        scopes: Scopes::parse(scopes).unwrap(),
        renew_automatically,
        renew_in_tab: true,
        copy_as: Some("curl".into()),
        look: Look::default(),
        created_ms: 1,
        first_app: None,
    }
}

#[test]
fn an_exported_file_has_these_members_and_no_others() {
    let text = export(&[profile(
        "A \"b\"\u{202e}",
        "linkedin",
        "https://a.example/?x=%22",
        "openid email",
        true,
    )]);
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        file,
        json!({
            "tokenkeep": "profiles",
            "version": 1,
            "profiles": [{
                "name": "A \"b\"\u{202e}",
                "provider": "linkedin",
                "client_id": "78a\"\\\u{7}",
                "redirect_uri": "https://a.example/?x=%22",
                "scopes": ["openid", "email"],
                "renew_automatically": true,
                "renew_in_tab": true,
            }],
        })
    );
    assert!(!text.contains('\u{202e}'), "no direction mark is written as it is");
    let empty: Value = serde_json::from_str(&export(&[])).unwrap();
    assert_eq!(empty["profiles"], json!([]));
}

/// What our own copies say of the profile comes back; the token does not.
#[test]
fn what_the_handoff_writes_is_read() {
    let token = "AQVcanary0123456789_-abcdefghij0123456789_-abcdefghij";
    let record = TokenRecord {
        v: TokenRecord::VERSION,
        access_token: AccessToken::new(token),
        token_type: "Bearer".into(),
        scope_requested: Scopes::parse("openid profile").unwrap(),
        scope_granted: None,
        obtained_ms: 1,
        expires_ms: Some(2),
        clock_skew_ms: None,
        refresh_token: None,
        refresh_expires_ms: None,
        refresh_refused_ms: None,
        refresh_again_until_ms: None,
        id_token: None,
        account: None,
        issued_to: None,
    };
    let subject = Subject {
        record: &record,
        provider: provider::by_id("linkedin").unwrap(),
        profile: "My app",
        client_id: "78abc",
    };
    for format in Format::ALL {
        let result = import(&handoff::write(format, &subject));
        let printed = format!("{result:?}");
        assert!(!printed.contains(token), "{format:?}");
        let named = match format {
            Format::Postman | Format::HttpClient | Format::Json => "My app",
            Format::Insomnia => "",
            _ => {
                assert!(result.is_err(), "{format:?}");
                continue;
            }
        };
        let found = result.unwrap();
        assert_eq!(found.len(), 1, "{format:?}");
        let draft = &found[0].draft;
        assert_eq!(
            (draft.name.as_str(), draft.client_id.as_str()),
            (named, "78abc"),
            "{format:?}"
        );
        assert_eq!(
            (draft.scope.as_str(), draft.client_secret.as_str()),
            ("openid profile", ""),
            "{format:?}"
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "curl ",
        "-d ",
        "-u ",
        "client_id=",
        "client_secret=",
        "&",
        "'",
        "\"",
        "$'",
        "\\",
        "\\x",
        "\\u",
        "${",
        "$(",
        "`",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\n",
        " ",
        "=",
        "#",
        "export ",
        "LINKEDIN_ID",
        "https://",
        "www.linkedin.com",
        "?",
        "%",
        "é",
        "😀",
        "\u{0}",
        "\u{FFFF}",
        "\"key\"",
        "\"value\"",
        "\"tokenkeep\"",
        "\"profiles\"",
        "\"version\"",
        "1",
        "Basic ",
        "-H ",
        "Authorization:",
        "&amp;",
    ];
    prop_oneof![
        any::<String>(),
        vec(select(pieces), 0..60).prop_map(|pieces| pieces.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in text()) {
        let _ = import(&text);
    }

    #[test]
    fn no_shell_text_makes_it_panic(text in text()) {
        let _ = import(&["curl ", &text].concat());
    }

    #[test]
    fn what_is_exported_comes_back(
        names in vec("\\PC{1,40}", 1..5),
        native in any::<bool>(),
        renew in any::<bool>(),
    ) {
        let (provider, uri) = if native {
            ("linkedin-native", "http://127.0.0.1:8123/cb")
        } else {
            ("linkedin", "https://app.example.com/cb?id=1")
        };
        let profiles: Vec<Profile> = names
            .iter()
            .enumerate()
            .map(|(index, name)| Profile {
                client_id: index.to_string(),
                ..profile(name, provider, uri, "openid r_ads", renew)
            })
            .collect();
        let found = import(&export(&profiles)).unwrap();
        prop_assert_eq!(found.len(), profiles.len());
        for (imported, profile) in found.iter().zip(&profiles) {
            prop_assert!(imported.unknown.is_empty());
            let draft = &imported.draft;
            prop_assert_eq!(&draft.provider, &profile.provider);
            prop_assert_eq!(&draft.client_id, &profile.client_id);
            prop_assert_eq!(&draft.redirect_uri, profile.redirect_uri.as_str());
            prop_assert_eq!(&draft.scope, "openid r_ads");
            prop_assert_eq!(draft.renew_automatically, renew);
            prop_assert_eq!(&draft.client_secret, "");
        }
    }
}
