//! The house rules of ARCHITECTURE.md that a compiler does not check.

// A tree that can't be read is a broken test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Value, json};

/// Each room and the rooms that it may name (DESIGN section 3).
const ROOMS: [(&str, &[&str]); 10] = [
    ("plain", &[]),
    ("oauth", &["plain"]),
    ("provider", &["plain", "oauth"]),
    ("profile", &["plain", "oauth", "provider"]),
    ("diagnosis", &["plain", "oauth", "provider"]),
    ("flow", &["plain", "oauth", "provider", "profile", "diagnosis"]),
    ("handoff", &["plain", "oauth", "provider", "profile"]),
    ("vault", &["plain", "oauth", "provider", "profile", "flow"]),
    (
        "view",
        &[
            "plain",
            "oauth",
            "provider",
            "profile",
            "diagnosis",
            "flow",
            "vault",
            "handoff",
        ],
    ),
    (
        "browser",
        &[
            "plain",
            "oauth",
            "provider",
            "profile",
            "diagnosis",
            "flow",
            "handoff",
            "vault",
            "view",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted))
            {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no {endings:?} below {folder}");
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Rust without its comments and its tests.
fn code(path: &Path) -> String {
    let text = read(path);
    let shipped = text.split("#[cfg(test)]").next().unwrap();
    shipped
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Where a pattern stands in these files.
fn places(files: &[PathBuf], pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut places = Vec::new();
    for path in files {
        for (number, line) in code(path).lines().enumerate() {
            if pattern.is_match(line) {
                places.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    places
}

#[test]
fn pure_rooms_name_no_browser_clock_or_randomness() {
    let forbidden = r"web_sys|js_sys|wasm_bindgen|gloo|SystemTime|Instant|getrandom|rand::|std::(fs|net|env|process|thread|io)|println!|eprintln!|dbg!";
    for (room, _) in ROOMS.iter().filter(|(room, _)| *room != "browser") {
        let places = places(&files(&format!("src/{room}"), &["rs"]), forbidden);
        assert!(places.is_empty(), "{places:#?}");
    }
}

#[test]
fn rooms_depend_downwards_only() {
    let named = Regex::new(r"crate::(?:\{)?(\w+)").unwrap();
    let known: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (room, may_use) in ROOMS {
        for path in files(&format!("src/{room}"), &["rs"]) {
            for capture in named.captures_iter(&code(&path)) {
                let other = capture.get(1).unwrap().as_str();
                if known.contains(other) {
                    assert!(
                        other == room || may_use.contains(&other),
                        "{} uses {other}",
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn every_room_is_listed() {
    let folders: BTreeSet<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect());
}

#[test]
fn browser_crates_are_for_webassembly_only() {
    let manifest = read(&root().join("Cargo.toml"));
    let native = manifest
        .split("\n[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    for name in ["wasm-bindgen", "web-sys", "js-sys", "gloo"] {
        assert!(!native.contains(name), "{name} is a dependency of every target");
    }
}

#[test]
fn every_dependency_has_a_checksum() {
    let lock = read(&root().join("Cargo.lock"));
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    let foreign: Vec<&&str> = packages
        .iter()
        .filter(|package| package.contains("\nsource = "))
        .collect();
    // What has no source is a member of this workspace.
    assert!(
        foreign.len() > 100 && packages.len() - foreign.len() == 4,
        "{}",
        foreign.len()
    );
    for package in foreign {
        assert!(
            package.contains("\nsource = \"registry+"),
            "not from the registry:{package}"
        );
        assert!(package.contains("\nchecksum = \""), "without a checksum:{package}");
    }
    let lock: Value = serde_json::from_str(&read(&root().join("tests/e2e/package-lock.json"))).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    assert!(packages.len() > 100);
    for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
        assert!(
            package["integrity"]
                .as_str()
                .is_some_and(|sum| sum.starts_with("sha512-")),
            "{name}"
        );
        // Another place than the registry would stand here.
        assert_eq!(package.get("resolved"), None, "{name}");
    }
}

/// What the browser grants is no more than this; whoever adds to it says so here as well.
#[test]
fn the_permissions_are_these_and_no_others() {
    let manifest: Value = serde_json::from_str(&read(&root().join("extension/manifest.source.json"))).unwrap();
    let asked = manifest
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, _)| key.contains("permissions"));
    let asked: BTreeMap<&str, &Value> = asked.map(|(key, value)| (key.as_str(), value)).collect();
    let hosts = json!([
        "https://*/*",
        "http://localhost/*",
        "http://127.0.0.1/*",
        "http://[::1]/*"
    ]);
    let always = json!(["storage", "alarms", "webRequest", "declarativeNetRequestWithHostAccess"]);
    let chromium = json!(["notifications", "idle", "clipboardRead", "clipboardWrite", "offscreen"]);
    let firefox = json!(["notifications", "idle", "clipboardRead", "clipboardWrite"]);
    let expected = BTreeMap::from([
        ("__chromium__optional_permissions", &chromium),
        ("__firefox__optional_permissions", &firefox),
        ("optional_host_permissions", &hosts),
        ("permissions", &always),
    ]);
    assert_eq!(asked, expected);
    assert!(manifest.get("content_scripts").is_none() && manifest.get("web_accessible_resources").is_none());
    assert!(manifest.get("externally_connectable").is_none());
}

#[test]
fn only_background_js_registers_listeners_of_the_worker() {
    // The pages redraw on `storage.onChanged`; nothing else is listened to from Rust.
    let rust = places(&files("src", &["rs"]), r"add_listener\(");
    assert!(
        rust.iter()
            .all(|place| place.contains("storage.rs") || place.contains("api.rs")),
        "{rust:#?}"
    );
    let script = read(&root().join("extension/background.js"));
    assert!(
        script.lines().count() <= 110,
        "background.js decides nothing and stays short"
    );
    // Its listeners hear of every provider's authorization endpoint.
    for provider in tokenkeep::provider::all() {
        let below = provider
            .authorization_endpoint
            .split_at("https://www.linkedin.com/oauth/".len())
            .0;
        assert!(
            script.contains(&format!("\"{below}*\"")),
            "{}",
            provider.authorization_endpoint
        );
    }
    assert!(!script.contains("await import") && !Regex::new(r"(?m)^await ").unwrap().is_match(&script));
}

#[test]
fn no_markup_is_written_and_no_code_is_inline_or_remote() {
    let mut sources = files("src", &["rs"]);
    sources.extend(files("www", &["js", "html"]));
    sources.extend(files("extension", &["js"]));
    let places = places(
        &sources,
        r"inner_?html|outer_?html|insert_?adjacent_?html|document\.write|eval\(|new Function|set_inner|Html::",
    );
    assert!(places.is_empty(), "{places:#?}");
    for page in files("www", &["html"]) {
        let page = read(&page);
        for (what, pattern) in [
            ("inline script", r"<script(?:\s[^>]*)?>\s*[^<\s]"),
            ("inline handler", r"\son\w+\s*="),
            ("inline style", r"<style|\sstyle\s*="),
            (
                "remote resource",
                r#"<(?:script|link|img|iframe|source)[^>]*(?:src|href)\s*=\s*["'](?:https?:)?//"#,
            ),
        ] {
            assert!(
                !Regex::new(&format!("(?i){pattern}")).unwrap().is_match(&page),
                "{what}"
            );
        }
    }
}

/// The English texts.
fn messages() -> BTreeMap<String, String> {
    let text = read(&root().join("extension/_locales/en/messages.json"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json.as_object()
        .unwrap()
        .iter()
        .map(|(key, message)| (key.clone(), message["message"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn static_texts_are_those_of_the_locale() {
    let messages = messages();
    let page: String = files("www", &["html"]).iter().map(|path| read(path)).collect();
    let mut seen = 0;
    for capture in Regex::new(r#"data-i18n="(\w+)"[^>]*>([^<]*)"#)
        .unwrap()
        .captures_iter(&page)
    {
        seen += 1;
        assert_eq!(
            messages.get(&capture[1]).map(String::as_str),
            Some(&capture[2]),
            "{}",
            &capture[1]
        );
    }
    let tags = Regex::new(r"<[^>]+>").unwrap();
    for (data, attribute) in [
        ("label", "aria-label"),
        ("placeholder", "placeholder"),
        ("title", "title"),
    ] {
        for tag in tags.find_iter(&page).map(|tag| tag.as_str()) {
            let Some(key) = Regex::new(&format!(r#"data-i18n-{data}="(\w+)""#))
                .unwrap()
                .captures(tag)
            else {
                continue;
            };
            let text = Regex::new(&format!(r#"\s{attribute}="([^"]*)""#))
                .unwrap()
                .captures(tag)
                .unwrap();
            seen += 1;
            assert_eq!(messages.get(&key[1]).map(String::as_str), Some(&text[1]), "{}", &key[1]);
        }
    }
    assert!(seen > 30, "the page has texts");
}

#[test]
fn every_text_is_used_and_every_key_exists() {
    let messages = messages();
    let sources: String = files("src", &["rs"]).iter().map(|path| code(path)).collect();
    let mut page: String = files("www", &["html"]).iter().map(|path| read(path)).collect();
    page += &read(&root().join("extension/manifest.source.json"));
    let literals: BTreeSet<&str> = Regex::new(r#""([a-z][a-z0-9_]*)""#)
        .unwrap()
        .captures_iter(&sources)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    // Keys that are put together from a prefix and a code.
    let made = |key: &str| {
        let parts = [
            ("state_", ""),
            ("step_state_", ""),
            ("format_", ""),
            ("error_client_id_", ""),
            ("error_client_secret_", ""),
            ("error_redirect_uri_", ""),
            ("error_scope_", ""),
            ("error_name_", ""),
            ("error_provider_", ""),
            ("import_error_", ""),
            ("import_kind_", ""),
            ("backup_error_", ""),
            ("locked_error_", ""),
            ("strength_", ""),
            ("trace_step_", ""),
            ("error_label_", ""),
            ("error_icon_", ""),
            ("error_remind_days_", ""),
            ("access_", ""),
            ("finding_", "_what"),
            ("finding_", "_why"),
            ("finding_", "_fix"),
            ("finding_", "_action"),
            ("", "_active"),
        ];
        parts.iter().any(|(prefix, suffix)| {
            key.strip_prefix(prefix)
                .and_then(|rest| rest.strip_suffix(suffix))
                .is_some_and(|code| literals.contains(code))
        })
    };
    for key in messages.keys() {
        let in_page = page.contains(&format!("\"{key}\"")) || page.contains(&format!("__MSG_{key}__"));
        assert!(
            in_page || literals.contains(key.as_str()) || made(key),
            "{key} is used nowhere"
        );
    }
    let keys = Regex::new(r#"texts?(?:_with)?\(\s*"(\w+)""#).unwrap();
    let browser: String = files("src/browser", &["rs"]).iter().map(|path| code(path)).collect();
    for found in keys.captures_iter(&browser) {
        assert!(messages.contains_key(&found[1]), "{} has no text", &found[1]);
    }
}

#[test]
fn every_finding_has_its_texts() {
    let messages = messages();
    let diagnosis: String = files("src/diagnosis", &["rs"]).iter().map(|path| code(path)).collect();
    let codes = Regex::new(r#"\b(?:plain|with)\(\s*"(\w+)"|row(?:_quoted)?\([^)]*"(\w+)",\s*Fix|=> "(\w+)""#).unwrap();
    let mut seen = BTreeSet::new();
    for found in codes.captures_iter(&diagnosis) {
        let code = found.iter().skip(1).flatten().next().unwrap().as_str();
        seen.insert(code.to_owned());
        for part in ["what", "why", "fix", "action"] {
            assert!(
                messages.contains_key(&format!("finding_{code}_{part}")),
                "finding_{code}_{part} is missing"
            );
        }
    }
    assert!(seen.len() > 25, "{seen:?}");
}

/// How many tests a row of a table names, as "`file`: `test`"; each must exist.
fn named_tests(row: &str) -> usize {
    let named = Regex::new(r"`([\w./-]+\.(?:rs|mjs))`: `([^`]+)`").unwrap();
    let mut tests = 0;
    for found in named.captures_iter(row) {
        tests += 1;
        let path = root().join(&found[1]);
        assert!(path.exists(), "{} does not exist: {row}", &found[1]);
        assert!(
            read(&path).contains(&found[2]),
            "{} has no test {}",
            &found[1],
            &found[2]
        );
    }
    tests
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let page = read(&root().join("ARCHITECTURE.md"));
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| Regex::new(r"^\| I\d+ \|").unwrap().is_match(line))
        .collect();
    assert!(rows.len() >= 12, "{} invariants", rows.len());
    for row in rows {
        assert!(named_tests(row) > 0, "no test is named: {row}");
    }
}

/// The checklist has 27 rows, there are 30 threats and 52 faults.
#[test]
fn every_row_of_the_coverage_names_a_test_or_says_why_not() {
    let page = read(&root().join("tests/COVERAGE.md"));
    for (letter, count) in [("C", 27), ("T", 30), ("F", 52)] {
        for number in 1..=count {
            let begin = format!("| {letter}{number} | ");
            let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&begin)).collect();
            let [row] = rows.as_slice() else {
                panic!("{letter}{number} stands in {} rows", rows.len());
            };
            let reason = row.rsplit(" | ").next().unwrap();
            let says_why = ["does not apply: ", "open: "]
                .iter()
                .any(|word| reason.strip_prefix(word).is_some_and(|reason| reason.len() > 3));
            assert!(named_tests(row) > 0 || says_why, "nothing shows {row}");
        }
    }
}

/// What two pages have in common is written once, and a page that names no such part, or one that is not there, is broken.
#[test]
fn pages_include_parts_that_exist() {
    let include = Regex::new(r"<!-- include (\S+) -->").unwrap();
    let mut named = BTreeSet::new();
    for page in ["www/popup.html", "www/manager.html"] {
        let page = read(&root().join(page));
        for found in include.captures_iter(&page) {
            assert!(root().join("www").join(&found[1]).exists(), "{}", &found[1]);
            named.insert(found[1].to_owned());
        }
        assert!(page.contains("<!-- include parts/form.html -->"), "there is one form");
        assert_eq!(page.matches("id=\"setup\"").count(), 0, "there is one form");
    }
    let parts = files("www/parts", &["html"]);
    assert_eq!(named.len(), parts.len(), "every part is used: {named:?}");
}

/// The page's script asks for these keys before Rust is there; without the index the page would take itself for new.
#[test]
fn the_start_asks_for_the_keys_that_stand_in_storage() {
    use tokenkeep::vault::{PAGE_KEYS, SESSION_KEYS};
    let start = read(&root().join("www/start.js"));
    let list = |keys: &[&str]| format!("\"{}\"", keys.join("\", \""));
    assert!(start.contains(&format!("storage.local.get([{}, ...shown])", list(&PAGE_KEYS))));
    assert!(start.contains(&format!("storage.session.get([{}])", list(&SESSION_KEYS))));
}

/// The start of a page waits for no document: its script is the last thing in it. And it finds what the page asked for already.
#[test]
fn a_page_ends_with_its_script_and_asks_for_its_webassembly_first() {
    for page in ["popup", "manager"] {
        let html = read(&root().join(format!("www/{page}.html")));
        assert!(
            html.trim_end()
                .ends_with(&format!("<script src=\"{page}.js\"></script>\n</body>\n</html>")),
            "{page}"
        );
        assert_eq!(html.matches("<script").count(), 1, "{page}");
        let asks = format!("<link rel=\"preload\" href=\"{page}_bg.wasm\" as=\"fetch\" crossorigin>");
        assert_eq!(html.matches(&asks).count(), 1, "{page}");
    }
}
