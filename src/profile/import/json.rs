//! JSON with names and values in it: environments and exports of Postman and Insomnia, `http-client.env.json`, Google's
//! `client_secret.json` and their like.

use crate::plain::Plain;

use super::pairs::Pairs;
use super::{ImportError, Imported, Kind, at_least_one, authorization_url, own};

pub(super) fn import(json: &str) -> Result<Vec<Imported>, ImportError> {
    let json = Plain::from_others(json.as_bytes()).map_err(|error| {
        if error.is_data() {
            ImportError::TooLarge
        } else {
            ImportError::NotJson {
                line: error.line(),
                column: error.column(),
            }
        }
    })?;
    if json.get("tokenkeep").is_some() {
        return own::import(&json);
    }
    let kind = kind(&json);
    let mut walk = Walk::default();
    if let Some(Plain::List(resources)) = json.get("resources").filter(|_| kind == Kind::Insomnia) {
        let environments = resources
            .iter()
            .filter(|resource| text(resource, "_type") == Some("environment"));
        // Each is compared with every other one.
        let environments: Vec<&Plain> = environments.take(500).collect();
        for resource in resources {
            walk.resource(resource, &environments);
        }
    } else {
        walk.value(&json, "");
    }
    at_least_one(kind, walk.found, walk.token)
}

fn kind(json: &Plain) -> Kind {
    let schema = json
        .get("info")
        .and_then(|info| info.get("schema"))
        .and_then(Plain::as_str);
    let postman =
        json.get("_postman_variable_scope").is_some() || schema.is_some_and(|schema| schema.contains("postman"));
    let insomnia = json.get("__export_format").is_some() || json.get("_type").is_some();
    match (postman, insomnia) {
        (true, _) => Kind::Postman,
        (_, true) => Kind::Insomnia,
        _ => Kind::Json,
    }
}

/// The names and values of a JSON object in another text.
pub(super) fn members(text: &str) -> Vec<(String, String)> {
    let json = Plain::from_others(text.as_bytes());
    json.map(|json| direct(&json)).unwrap_or_default()
}

#[derive(Default)]
struct Walk {
    found: Vec<Imported>,
    token: bool,
}

impl Walk {
    fn pairs(&mut self, list: Vec<(String, String)>, name: &str) {
        for (_, value) in &list {
            self.found.extend(authorization_url::in_value(value));
        }
        let pairs = Pairs {
            list,
            name: name.to_owned(),
            ..Pairs::default()
        };
        self.token |= pairs.has_token();
        self.found.extend(pairs.into_imported());
    }

    /// Everything below a value. `name` is what the nearest thing around it is called.
    fn value(&mut self, value: &Plain, name: &str) {
        match value {
            Plain::Object(members) => {
                let own = title(value).unwrap_or(name);
                self.pairs(direct(value), own);
                for (key, member) in members {
                    // `http-client.env.json` names an environment by its key.
                    let name = if own.is_empty() && !STRUCTURE.contains(&key.as_ref()) {
                        key
                    } else {
                        own
                    };
                    self.value(member, name);
                }
            }
            Plain::List(items) => {
                if let Some(entries) = entries(items) {
                    self.pairs(entries, name);
                } else {
                    for item in items {
                        self.value(item, name);
                    }
                }
            }
            _ => {}
        }
    }

    /// A resource of an Insomnia export. An environment has what its parent has; one that has children is no profile.
    fn resource(&mut self, resource: &Plain, environments: &[&Plain]) {
        if text(resource, "_type") != Some("environment") {
            self.value(resource, "");
            return;
        }
        let id = text(resource, "_id");
        if id.is_some() && environments.iter().any(|other| text(other, "parentId") == id) {
            return;
        }
        let parent = text(resource, "parentId");
        let parent = environments
            .iter()
            .find(|other| parent.is_some() && text(other, "_id") == parent);
        let name = text(resource, "name").unwrap_or_default();
        let mut list = Vec::new();
        for data in parent
            .into_iter()
            .chain([&resource])
            .filter_map(|environment| environment.get("data"))
        {
            list.extend(direct(data));
        }
        self.pairs(list, name);
        if let Some(data) = resource.get("data") {
            self.below(data, name);
        }
    }

    /// What is nested in an object whose own members were looked at.
    fn below(&mut self, value: &Plain, name: &str) {
        if let Plain::Object(members) = value {
            for (_, member) in members {
                self.value(member, name);
            }
        }
    }
}

/// Members that hold something and do not name it.
const STRUCTURE: [&str; 9] = [
    "data",
    "auth",
    "oauth2",
    "web",
    "installed",
    "values",
    "variable",
    "authentication",
    "item",
];

fn text<'a>(value: &'a Plain, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// What a tool calls an object.
fn title(value: &Plain) -> Option<&str> {
    let info = value.get("info").and_then(|info| text(info, "name"));
    text(value, "name").or(info).filter(|name| !name.is_empty())
}

/// The texts among an object's members, and lists of texts: the first redirect URI, all the scopes.
fn direct(value: &Plain) -> Vec<(String, String)> {
    let Plain::Object(members) = value else {
        return Vec::new();
    };
    let mut list = Vec::new();
    for (name, value) in members {
        // An object's own name is no parameter.
        if name == "name" {
            continue;
        }
        match value {
            Plain::Text(text) => list.push((name.to_string(), text.clone())),
            Plain::List(items) => {
                let texts: Vec<&str> = items.iter().filter_map(Plain::as_str).collect();
                let is_scope = name.to_ascii_lowercase().contains("scope");
                let text = if is_scope {
                    texts.join(" ")
                } else {
                    (*texts.first().unwrap_or(&"")).to_owned()
                };
                list.push((name.to_string(), text));
            }
            _ => {}
        }
    }
    list
}

/// `[{"key": …, "value": …}]`, without what is switched off; Insomnia's parameters and HAR say `name` for the key. None for any
/// other list.
fn entries(items: &[Plain]) -> Option<Vec<(String, String)>> {
    let mut list = None;
    for item in items {
        let off = item.get("enabled") == Some(&Plain::Bool(false)) || item.get("disabled") == Some(&Plain::Bool(true));
        let key = text(item, "key").or_else(|| text(item, "name"));
        if let (Some(key), Some(value)) = (key, text(item, "value")) {
            let list = list.get_or_insert_with(Vec::new);
            if !off {
                list.push((key.to_owned(), value.to_owned()));
            }
        }
    }
    list
}
