//! curl commands: a token request in any of the ways that curl can say it, or an authorization request.

use crate::oauth::text;

use super::pairs::{Pairs, form_pairs};
use super::shell::Unread;
use super::{ImportError, Imported, Kind, at_least_one, authorization_url, json, shell};

/// Short options of curl that take a value.
const WITH_VALUE: &str = "AbcCdDeEFhHKmoPQrTtuUwxXyYz";

/// Long options that take a value and are not looked at.
const LONG_WITH_VALUE: [&str; 22] = [
    "--request",
    "--output",
    "--user-agent",
    "--referer",
    "--cookie",
    "--cookie-jar",
    "--max-time",
    "--connect-timeout",
    "--proxy",
    "--proxy-user",
    "--write-out",
    "--cacert",
    "--cert",
    "--key",
    "--resolve",
    "--retry",
    "--retry-delay",
    "--interface",
    "--max-redirs",
    "--limit-rate",
    "--dump-header",
    "--config",
];

/// The curl commands of a text; none when there is no curl in it.
pub(super) fn commands(text: &str) -> Option<Result<Vec<Vec<String>>, ImportError>> {
    let text = without_prose(text);
    if text.is_empty() {
        return None;
    }
    // As a browser copies a request for cmd.
    let (commands, unread) = if text.contains(" ^\"") {
        shell::commands(&without_carets(&text))
    } else {
        shell::commands(&text)
    };
    let place = |command: &Vec<String>| command.iter().position(|word| word == "curl" || word == "curl.exe");
    match unread {
        Some(Unread::TooManyWords) => return Some(Err(ImportError::TooLarge)),
        // An apostrophe in what is said below a command is no quote of it.
        Some(Unread::Unclosed) if commands.last().and_then(place).is_some() => {
            return Some(Err(ImportError::UnclosedQuote));
        }
        _ => {}
    }
    let found = commands.iter().filter_map(|command| {
        let place = place(command)?;
        Some(command[place + 1..].to_vec())
    });
    Some(Ok(found.collect()))
}

/// The lines from each curl on. What is said above it, and around the fences of Markdown, is no command, and its apostrophes
/// are no quotes.
fn without_prose(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            inside = false;
            continue;
        }
        inside |= begins(line);
        if inside {
            kept.push_str(line);
        }
    }
    kept
}

fn begins(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches(['$', '>', '%']).trim_start();
    ["curl ", "curl.exe ", "curl\t"]
        .iter()
        .any(|curl| line.starts_with(curl))
}

/// What cmd makes of its carets: each stands for the character behind it, and at the end of a line for nothing.
fn without_carets(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let own = if c == '^' { chars.next() } else { Some(c) };
        match own {
            Some('\r' | '\n') if c == '^' => {
                if own == Some('\r') {
                    chars.next();
                }
            }
            own => plain.extend(own),
        }
    }
    plain
}

pub(super) fn import(commands: &[Vec<String>]) -> Result<Vec<Imported>, ImportError> {
    let mut found = Vec::new();
    let mut token = false;
    for command in commands {
        let pairs = pairs(command);
        token |= pairs.has_token();
        found.extend(pairs.into_imported());
    }
    at_least_one(Kind::Curl, found, token)
}

fn pairs(command: &[String]) -> Pairs {
    let mut pairs = Pairs { ..Pairs::default() };
    let mut words = command.iter();
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix("--") {
            match name {
                "url" => url(&mut pairs, words.next()),
                "data" | "data-raw" | "data-ascii" | "data-binary" | "json" => {
                    data(&mut pairs, words.next(), name != "data-raw");
                }
                "data-urlencode" => urlencode(&mut pairs, words.next()),
                "user" => user(&mut pairs, words.next()),
                "header" => header(&mut pairs, words.next()),
                "form" | "form-string" => part(&mut pairs, words.next()),
                _ if LONG_WITH_VALUE.contains(&word.as_str()) => {
                    words.next();
                }
                _ => {}
            }
        } else if let Some(options) = word.strip_prefix('-').filter(|options| !options.is_empty()) {
            let Some((place, option)) = options.char_indices().find(|(_, c)| WITH_VALUE.contains(*c)) else {
                continue;
            };
            // `-dname=value` and `-d name=value` are the same.
            let attached = options[place + option.len_utf8()..].to_owned();
            let value = if attached.is_empty() {
                words.next()
            } else {
                Some(&attached)
            };
            match option {
                'd' => data(&mut pairs, value, true),
                'u' => user(&mut pairs, value),
                'H' => header(&mut pairs, value),
                'F' => part(&mut pairs, value),
                _ => {}
            }
        } else {
            url(&mut pairs, Some(word));
        }
    }
    pairs
}

fn url(pairs: &mut Pairs, word: Option<&String>) {
    let Some(found) = word.and_then(|word| authorization_url::url(word)) else {
        return;
    };
    pairs.list.extend(found.list);
    pairs.url = pairs.url.take().or(found.url);
}

/// A form body or a JSON one. A file's content is not here.
fn data(pairs: &mut Pairs, value: Option<&String>, files: bool) {
    let Some(value) = value else { return };
    if files && value.starts_with('@') {
        return;
    }
    if value.trim_start().starts_with('{') {
        pairs.list.extend(json::members(value));
    } else {
        pairs.list.extend(form_pairs(value));
    }
}

/// `name=content` and `=content`, where curl encodes the content; `name@file` is a file's.
fn urlencode(pairs: &mut Pairs, value: Option<&String>) {
    if let Some((name, content)) = value.and_then(|value| value.split_once('=')) {
        pairs.push(name, content);
    }
}

/// A part of a multipart body.
fn part(pairs: &mut Pairs, value: Option<&String>) {
    match value.and_then(|value| value.split_once('=')) {
        Some((name, content)) if !content.starts_with(['@', '<']) => pairs.push(name, content),
        _ => {}
    }
}

/// HTTP Basic: where other providers want id and secret.
fn user(pairs: &mut Pairs, value: Option<&String>) {
    if let Some((id, secret)) = value.and_then(|value| value.split_once(':')) {
        pairs.push("client_id", id);
        pairs.push("client_secret", secret);
    }
}

fn header(pairs: &mut Pairs, value: Option<&String>) {
    let Some((name, value)) = value.and_then(|value| value.split_once(':')) else {
        return;
    };
    let (name, value) = (name.trim(), value.trim());
    if !name.eq_ignore_ascii_case("authorization") {
        return;
    }
    let basic = value.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("basic "));
    match basic.and_then(|_| decoded(value[6..].trim())) {
        Some(pair) => user(pairs, Some(&pair)),
        None => pairs.push(name, value),
    }
}

/// Base64 of RFC 4648 §4, to a text. The module of the pages does not have the crate for it.
fn decoded(base64: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for b in base64.trim_end_matches('=').bytes() {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(bits.checked_shr(count)?.to_le_bytes()[0]);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(text::is_invisible))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_a_text() {
        for (base64, text) in [
            ("NzhhYmM6V1BMLmErL2I9PQ==", Some("78abc:WPL.a+/b==")),
            ("YQ", Some("a")),
            ("", Some("")),
            ("Y*==", None),
            ("////", None),
            ("AAAA", None),
        ] {
            assert_eq!(decoded(base64).as_deref(), text, "{base64}");
        }
    }
}
