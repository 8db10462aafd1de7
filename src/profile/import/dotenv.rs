//! `.env` files: `NAME=value`, in the forms that their many readers take.

use super::authorization_url;
use super::pairs::{EXPANSION, Pairs};
use super::{ImportError, Imported, Kind, at_least_one};

/// What the file holds of a profile; none when no line of it is an assignment.
pub(super) fn import(text: &str) -> Option<Result<Vec<Imported>, ImportError>> {
    let list = assignments(text);
    if list.is_empty() {
        return None;
    }
    let urls: Vec<Imported> = list
        .iter()
        .filter_map(|(_, value)| authorization_url::in_value(value))
        .collect();
    let pairs = Pairs {
        list,
        ..Pairs::default()
    };
    let token = pairs.has_token();
    let mut found: Vec<Imported> = pairs.into_imported().into_iter().collect();
    if found.is_empty() {
        found = urls;
    }
    Some(at_least_one(Kind::Dotenv, found, token))
}

/// Every variable, in order. A line that is none is passed over.
fn assignments(text: &str) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && list.len() < MAX_VARIABLES {
        let line = rest.split('\n').next().unwrap_or_default();
        let bare = line.trim_start();
        let bare = bare.strip_prefix("export ").map_or(bare, str::trim_start);
        let mut used = line.len();
        if let Some((name, value)) = bare.split_once('=').filter(|(name, _)| is_name(name.trim_end())) {
            // A quoted value may go on over several lines.
            let value = value.trim_start_matches([' ', '\t']);
            let begins = line.len() - value.len();
            let (value, length) = read(&rest[begins..], &list);
            used = begins + length;
            list.push((name.trim_end().to_owned(), value));
        }
        rest = rest[used..].split_once('\n').map_or("", |(_, next)| next);
    }
    list
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// The value that a text begins with, and how long it is as it stands there.
fn read(text: &str, list: &[(String, String)]) -> (String, usize) {
    let mut chars = text.chars();
    let quote = chars.next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let inner = chars.as_str();
    if let Some(quote) = quote
        && let Some(end) = closing(inner, quote)
    {
        let raw = &inner[..end];
        let value = if quote == '"' {
            expanded(raw, true, list)
        } else {
            raw.to_owned()
        };
        return (value, end + 2);
    }
    let line = text.split('\n').next().unwrap_or_default();
    let bare = if line.starts_with('#') { "" } else { line };
    // Without a space before it the sign belongs to the value, as in a URL.
    let comment = [" #", "\t#"].iter().filter_map(|mark| bare.find(mark)).min();
    let value = bare[..comment.unwrap_or(bare.len())].trim();
    (expanded(value, false, list), line.len())
}

/// Where the closing quote stands.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (place, c) in text.char_indices() {
        if c == quote && !escaped {
            return Some(place);
        }
        escaped = c == '\\' && !escaped && quote == '"';
    }
    None
}

/// The value with the variables of the lines above in it; an unknown one makes it unknown.
fn expanded(text: &str, quoted: bool, list: &[(String, String)]) -> String {
    if text.len() > MAX_EXPANDED {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' if quoted => {
                let next = rest.chars().next();
                match next {
                    Some('n') => out.push('\n'),
                    Some(own @ ('\\' | '"' | '$' | '`')) => out.push(own),
                    Some(other) => out.extend(['\\', other]),
                    None => out.push('\\'),
                }
                rest = &rest[next.map_or(0, char::len_utf8)..];
            }
            '$' => {
                let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
                let word = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(rest.len());
                let (name, after) = braced.unwrap_or(rest.split_at(word));
                if is_name(name) {
                    let known = list.iter().rev().find(|(own, _)| own == name);
                    match known {
                        Some((_, value)) if out.len() < MAX_EXPANDED => out.push_str(value),
                        _ => out.push(EXPANSION),
                    }
                    rest = after;
                } else {
                    out.push('$');
                }
            }
            _ => out.push(c),
        }
    }
    out
}

/// Each one may name every other.
const MAX_VARIABLES: usize = 1000;

/// A value that doubles the one above it, line by line, must not fill the memory.
const MAX_EXPANDED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let list = assignments(text);
        list.last().map(|(_, value)| value.clone()).unwrap_or_default()
    }

    #[test]
    fn values() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A = b ", "b"),
            ("export A=b", "b"),
            ("A=b # c", "b"),
            ("A=b#c", "b#c"),
            ("A=# c", ""),
            ("A='b # c' # d", "b # c"),
            ("A=\"b\\\"c\\n\\\\d\\e\"", "b\"c\n\\d\\e"),
            ("A=`b'c`", "b'c"),
            ("A='b\nc'\nB=d", "d"),
            ("A='b\nc'", "b\nc"),
            ("A='b", "'b"),
            ("A=\"b\nB=c", "c"),
            ("A=x\r\nB=y\r\n", "y"),
            ("A=x\nB=${A}/c", "x/c"),
            ("A=x\nB=\"$A/c\"", "x/c"),
            ("A=x\nB='$A'", "$A"),
            ("A=$", "$"),
            ("A=a$1", "a$1"),
            ("A=", ""),
            ("A=\nB", ""),
            ("1A=b", ""),
            ("a b=c", ""),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        assert!(value("A=${NOBODY}").contains(EXPANSION));
    }

    #[test]
    fn values_that_double_stay_small() {
        let lines = (1..1000).map(|index| format!("A{index}=$A{0}$A{0}\n", index - 1));
        let text = "A0=0123456789\n".to_owned() + &lines.collect::<String>();
        assert!(value(&text).len() < 4 * MAX_EXPANDED);
    }
}
