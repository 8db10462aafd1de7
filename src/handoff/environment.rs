//! Environments of the tools that keep variables.
//!
//! Postman, Bruno and the HTTP clients replace `{{name}}` inside a value when a variable of that name exists, and have no
//! way to write the braces themselves. A token with such braces has not been seen.

use super::{
    Subject,
    field::{VARIABLES, members},
    find,
    json::{object, string},
    variable, vendor,
};

/// A file to import. The types make Postman hide the token.
pub(super) fn postman(subject: &Subject<'_>) -> String {
    let mut values = String::from("[");
    for (index, (name, value)) in members(VARIABLES, subject, |value| value).iter().enumerate() {
        values.push_str(if index == 0 { "\n    " } else { ",\n    " });
        let kind = if index == 0 { "\"secret\"" } else { "\"default\"" };
        let members = [
            ("key", string(name)),
            ("value", string(value)),
            ("type", kind.to_owned()),
            ("enabled", "true".to_owned()),
        ];
        values.push_str(&object(&members, "    "));
    }
    values.push_str("\n  ]");
    let members = [
        ("name", string(subject.profile)),
        ("values", values),
        ("_postman_variable_scope", string("environment")),
    ];
    object(&members, "") + "\n"
}

/// What stands in Insomnia's environment editor.
pub(super) fn insomnia(subject: &Subject<'_>) -> String {
    let members = members(VARIABLES, subject, |value| Some(string(&nunjucks(value?))));
    object(&members, "") + "\n"
}

/// Insomnia renders each value with Nunjucks: one that would mean something there is written as a string of it.
fn nunjucks(value: String) -> String {
    if !["{{", "{%", "{#"].iter().any(|tag| find(&value, tag).is_some()) {
        return value;
    }
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"");
    ["{{ \"", &escaped, "\" }}"].concat()
}

/// A file whose name is the environment's. The language has no quotes: a value ends with its line and loses the spaces
/// around it. Newer versions read more lines between `'''`. Secret variables are no choice: their values stand elsewhere.
pub(super) fn bruno(subject: &Subject<'_>) -> String {
    let mut out = String::from("vars {\n");
    for (name, value) in members(VARIABLES, subject, |value| value) {
        let value = if value.contains(['\n', '\r']) {
            ["'''\n    ", &value.replace('\n', "\n    "), "\n  '''"].concat()
        } else {
            value
        };
        out.push_str(&["  ", name, ": ", &value, "\n"].concat());
    }
    out.push_str("}\n");
    out
}

/// A file with one environment, named as the profile.
pub(super) fn http_client(subject: &Subject<'_>) -> String {
    let members = members(VARIABLES, subject, |value| Some(string(&value?)));
    object(&[(subject.profile, object(&members, "  "))], "") + "\n"
}

/// The value is quoted because base64 may read as a number.
pub(super) fn kubernetes(subject: &Subject<'_>) -> String {
    [
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ",
        vendor(subject.provider),
        "-access-token\ntype: Opaque\ndata:\n  ",
        &variable(subject.provider),
        ": \"",
        &base64(subject.token().as_bytes()),
        "\"\n",
    ]
    .concat()
}

/// Base64 of RFC 4648 §4. The module of the pages does not have the crate for it, which is several times as large.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, place| {
            bits << 8 | three.get(place).map_or(0, |byte| usize::from(*byte))
        });
        for place in 0..4 {
            let sign = if place <= three.len() {
                ALPHABET[bits >> (18 - 6 * place) & 63]
            } else {
                b'='
            };
            out.push(sign.into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, subject};
    use super::*;

    #[test]
    fn what_nunjucks_would_read_is_a_string_of_it() {
        for plain in ["", "AQ", "{", "}}", "{ {", "%}", "a\"b\\c"] {
            assert_eq!(nunjucks(plain.to_owned()), plain);
        }
        assert_eq!(nunjucks("a{{b}}".to_owned()), r#"{{ "a{{b}}" }}"#);
        assert_eq!(nunjucks("{%\\\"".to_owned()), r#"{{ "{%\\\"" }}"#);
        assert_eq!(nunjucks("{#".to_owned()), r#"{{ "{#" }}"#);
    }

    #[test]
    fn what_is_not_known_is_no_variable() {
        let mut record = record("AQ", "openid");
        record.expires_ms = None;
        let subject = subject(&record);
        for text in [
            postman(&subject),
            insomnia(&subject),
            bruno(&subject),
            http_client(&subject),
        ] {
            assert!(!text.contains("expires_at") && text.contains("client_id"), "{text}");
        }
    }

    #[test]
    fn a_bruno_file() {
        let record = record("AQ {x}: #1", "openid");
        let text = bruno(&Subject {
            client_id: "two\nlines",
            ..subject(&record)
        });
        assert_eq!(
            text,
            "vars {\n  access_token: AQ {x}: #1\n  token_type: Bearer\n  scope: openid\n  expires_at: 2024-01-13T22:13:20Z\n  \
             client_id: '''\n    two\n    lines\n  '''\n}\n"
        );
    }

    #[test]
    fn base64_of_every_length() {
        // RFC 4648 §10
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("\0\u{7f}>?~~\u{fffd}", "AH8+P35+77+9"),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded, "{text}");
        }
    }

    #[test]
    fn a_kubernetes_manifest() {
        assert_eq!(
            kubernetes(&subject(&record("it's", "openid"))),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: linkedin-access-token\ntype: Opaque\ndata:\n  \
             LINKEDIN_ACCESS_TOKEN: \"aXQncw==\"\n"
        );
    }
}
