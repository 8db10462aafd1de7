//! One manifest source, one manifest per browser.
//!
//! The source is `extension/manifest.source.json`. A key written `__chromium__name` or `__firefox__name` is `name` in that
//! browser's manifest and absent from the other's; every other key is in both. The version is Cargo's.

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

use crate::browser::Browser;
use crate::workspace::Workspace;

/// The manifest for one browser, as the text of `manifest.json`.
pub(crate) fn generate(workspace: &Workspace, browser: Browser) -> Result<String> {
    let path = workspace.root().join("extension").join("manifest.source.json");
    let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let source: Value = serde_json::from_str(&source).with_context(|| format!("parsing {}", path.display()))?;
    let manifest = for_browser(source, browser, env!("CARGO_PKG_VERSION"))?;
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}

fn for_browser(source: Value, browser: Browser, version: &str) -> Result<Value> {
    let mut manifest = select(source, browser)?;
    let Value::Object(keys) = &mut manifest else {
        bail!("the manifest source is no object")
    };
    if keys.insert("version".to_owned(), version.into()).is_some() {
        bail!("the manifest source has a version: Cargo.toml's is the only one");
    }
    Ok(manifest)
}

/// Keeps what is meant for `browser`, at every depth.
fn select(value: Value, browser: Browser) -> Result<Value> {
    Ok(match value {
        Value::Object(keys) => {
            let mut selected = Map::new();
            for (key, value) in keys {
                let name = match key.strip_prefix("__") {
                    None => key.as_str(),
                    Some(rest) => {
                        let Some((meant_for, name)) = rest.split_once("__") else {
                            bail!("manifest key {key}: a prefix ends with __")
                        };
                        if !Browser::ALL.iter().any(|browser| browser.name() == meant_for) {
                            bail!("manifest key {key}: there is no browser {meant_for}");
                        }
                        if meant_for != browser.name() {
                            continue;
                        }
                        name
                    }
                };
                if selected.insert(name.to_owned(), select(value, browser)?).is_some() {
                    bail!("manifest key {name} is there twice for {browser}");
                }
            }
            Value::Object(selected)
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| select(item, browser))
            .collect::<Result<_>>()?,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{for_browser, select};
    use crate::browser::Browser;

    /// The manifest that ships, from the source in the repository.
    fn shipped(browser: Browser) -> Value {
        let source = include_str!("../../extension/manifest.source.json");
        for_browser(serde_json::from_str(source).expect("JSON"), browser, "1.2.3").expect("a manifest")
    }

    #[test]
    fn a_prefixed_key_is_for_one_browser_at_any_depth() {
        let source = json!({"a": 1, "__chromium__b": 2, "c": [{"__firefox__d": 3, "e": 4}]});
        assert_eq!(
            select(source.clone(), Browser::Chromium).unwrap(),
            json!({"a": 1, "b": 2, "c": [{"e": 4}]})
        );
        assert_eq!(
            select(source, Browser::Firefox).unwrap(),
            json!({"a": 1, "c": [{"d": 3, "e": 4}]})
        );
    }

    #[test]
    fn mistakes_in_the_source_are_refused() {
        for (source, complaint) in [
            (json!({"__opera__a": 1}), "no browser opera"),
            (json!({"__chromium": 1}), "a prefix ends with __"),
            (json!({"a": 1, "__chromium__a": 2}), "twice"),
            (json!({"version": "1"}), "Cargo.toml"),
            (json!([]), "no object"),
        ] {
            let error = for_browser(source, Browser::Chromium, "1.2.3")
                .expect_err(complaint)
                .to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    /// A change of this list is a change of what people are asked to trust: it needs a reason in the README.
    #[test]
    fn permissions_are_frozen() {
        for browser in Browser::ALL {
            let manifest = shipped(browser);
            let permissions = json!(["storage", "alarms", "webRequest", "declarativeNetRequestWithHostAccess"]);
            assert_eq!(manifest["permissions"], permissions, "{browser}");
            let hosts = json!([
                "https://*/*",
                "http://localhost/*",
                "http://127.0.0.1/*",
                "http://[::1]/*"
            ]);
            assert_eq!(manifest["optional_host_permissions"], hosts, "{browser}");
            let mut optional = vec!["notifications", "idle", "clipboardRead", "clipboardWrite"];
            if browser == Browser::Chromium {
                // Its worker has no clipboard of its own; Firefox knows no such permission.
                optional.push("offscreen");
            }
            assert_eq!(manifest["optional_permissions"], json!(optional), "{browser}");
            for absent in [
                "host_permissions",
                "content_scripts",
                "externally_connectable",
                "web_accessible_resources",
                "sandbox",
                "update_url",
                "key",
            ] {
                assert_eq!(manifest[absent], Value::Null, "{browser} {absent}");
            }
            assert_eq!(manifest["incognito"], "not_allowed", "{browser}");
        }
    }

    #[test]
    fn pages_may_run_only_packaged_code() {
        for browser in Browser::ALL {
            let policy = shipped(browser)["content_security_policy"]["extension_pages"].clone();
            let policy = policy.as_str().expect("a policy");
            let directive = |name: &str| {
                policy
                    .split("; ")
                    .filter_map(|directive| directive.split_once(' '))
                    .find(|(key, _)| *key == name)
            };
            assert_eq!(directive("default-src"), Some(("default-src", "'none'")));
            assert_eq!(
                directive("script-src"),
                Some(("script-src", "'self' 'wasm-unsafe-eval'"))
            );
            for forbidden in ["base-uri", "form-action", "frame-ancestors"] {
                assert_eq!(directive(forbidden), Some((forbidden, "'none'")));
            }
            assert!(
                !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
                "{policy}"
            );
        }
    }

    #[test]
    fn each_browser_gets_its_own_background() {
        let (chromium, firefox) = (shipped(Browser::Chromium), shipped(Browser::Firefox));
        assert_eq!(
            chromium["background"],
            json!({"service_worker": "background.js", "type": "module"})
        );
        assert_eq!(
            firefox["background"],
            json!({"scripts": ["background.js", "clipboard.js"], "type": "module"})
        );
        assert_eq!(chromium["minimum_chrome_version"], "121");
        assert_eq!(chromium["browser_specific_settings"], Value::Null);
        assert_eq!(firefox["minimum_chrome_version"], Value::Null);
        assert_eq!(
            firefox["browser_specific_settings"]["gecko"],
            json!({
                "id": "tokenkeep@tokenkeep.dev",
                "strict_min_version": "142.0",
                "data_collection_permissions": {"required": ["authenticationInfo"]},
            })
        );
    }

    #[test]
    fn the_version_is_cargos() {
        assert_eq!(shipped(Browser::Chromium)["version"], "1.2.3");
    }
}
