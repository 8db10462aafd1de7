//! A line of a `.env` file.
//!
//! There is no standard. Readers agree on less than it seems: some take quotes as part of the value (`docker
//! --env-file`), node's dotenv undoes no backslash, python-dotenv undoes some even in single quotes, and a shell expands
//! `$` and backticks in double ones. So the form depends on the value: the first one that they all read alike.
//! python-dotenv replaces `${name}` in every form, and has no way to write it.

use super::find;

/// `NAME=value`, without a newline.
pub(super) fn line(name: &str, value: &str) -> String {
    [name, "=", &quoted(value)].concat()
}

fn quoted(value: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.+/=:@%,".contains(&b);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    // python-dotenv makes one of two backslashes in single quotes, and one at the end would hide the quote.
    if !value.contains('\'') && find(value, r"\\").is_none() && !value.ends_with('\\') {
        return ["'", value, "'"].concat();
    }
    // With a single quote and nothing to escape they still agree. Beyond that no form is read alike by all: the value is
    // written as a shell reads it, which Ruby's dotenv and Docker Compose follow.
    let mut out = String::from("\"");
    for c in value.chars() {
        if matches!(c, '\\' | '"' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_depends_on_the_value() {
        for (value, expected) in [
            ("AQX-_.+/=:@%,09", "AQX-_.+/=:@%,09"),
            ("", "''"),
            (" ", "' '"),
            ("a#b", "'a#b'"),
            ("~", "'~'"),
            ("$HOME", "'$HOME'"),
            ("`id`", "'`id`'"),
            ("say \"hi\"", "'say \"hi\"'"),
            ("a\\b", "'a\\b'"),
            ("a\nb", "'a\nb'"),
            ("é", "'é'"),
            ("it's", "\"it's\""),
            ("it's $1", "\"it's \\$1\""),
            ("\\\\", "\"\\\\\\\\\""),
            ("a\\", "\"a\\\\\""),
            ("'\"`", "\"'\\\"\\`\""),
        ] {
            assert_eq!(quoted(value), expected, "{value}");
        }
        assert_eq!(line("A", "b=c"), "A=b=c");
    }
}
