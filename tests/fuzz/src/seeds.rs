//! What the vectors have for a target to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

/// A file of tests/vectors, or all those of a folder in it. One that is missing is a mistake of the list of targets.
fn files(name: &str) -> Vec<Value> {
    let path = folder().join(name);
    let mut paths = vec![path.with_extension("json")];
    if path.is_dir() {
        paths = fs::read_dir(&path)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        // A folder has no order, and the runs of a seed must have one.
        paths.sort();
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}

/// Calls `each` for every value below one.
fn walk(value: &Value, each: &mut impl FnMut(&Value)) {
    each(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, each)),
        Value::Object(members) => members.values().for_each(|member| walk(member, each)),
        _ => {}
    }
}

/// Every text of a file or a folder, but not the names of its vectors.
pub(crate) fn texts(name: &str) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for file in files(name) {
        walk(&file, &mut |value| {
            if let Value::Object(members) = value {
                let named = members
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "name" | "source" | "about"));
                texts.extend(
                    named
                        .filter_map(|(_, value)| value.as_str())
                        .map(|text| text.as_bytes().to_vec()),
                );
            }
        });
    }
    texts
}

/// What stands in a member of that name, wherever it is: a text as it is, anything else as JSON.
pub(crate) fn members(name: &str, member: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files(name) {
        walk(&file, &mut |value| match value.get(member) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => found.push(text.as_bytes().to_vec()),
            Some(json) => found.push(json.to_string().into_bytes()),
        });
    }
    found
}

/// The records of one kind, as JSON.
pub(crate) fn records(kind: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files(&format!("records/{kind}")) {
        for record in file["records"].as_array().into_iter().flatten() {
            found.push(record.to_string().into_bytes());
        }
    }
    found
}

/// The answers of servers: a line with the status, the headers, an empty line, the body.
pub(crate) fn answers() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files("token_responses").into_iter().chain(files("diagnosis")) {
        walk(&file, &mut |value| {
            let Some(status) = value.get("status").and_then(Value::as_u64) else {
                return;
            };
            let body = match value.get("body") {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => return,
                Some(json) => json.to_string(),
            };
            let content_type = value.get("content_type").and_then(Value::as_str);
            let mut answer = format!(
                "{status}\ncontent-type: {}\n",
                content_type.unwrap_or("application/json")
            );
            for (name, value) in value.get("headers").and_then(Value::as_object).into_iter().flatten() {
                answer.push_str(&[name, ": ", value.as_str().unwrap_or_default(), "\n"].concat());
            }
            found.push((answer + "\n" + &body).into_bytes());
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_give_something_to_begin_with() {
        assert!(answers().len() > 150, "{}", answers().len());
        assert!(texts("redirect_uris").len() > 70);
        assert!(members("callbacks", "callback").len() > 100);
        assert!(members("diagnosis", "page").iter().all(|page| page.starts_with(b"<")));
    }

    #[test]
    #[should_panic(expected = "no_such_file")]
    fn a_file_that_is_not_there_is_a_mistake() {
        texts("no_such_file");
    }
}
