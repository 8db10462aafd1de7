//! JSON as text. Written here and not by `serde_json`, whose writer the WebAssembly does not have.

/// Pretty-printed, each value already JSON. `indent` is that of the closing brace.
pub(crate) fn object(members: &[(&str, String)], indent: &str) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in members.iter().enumerate() {
        out.push_str(if index == 0 { "\n  " } else { ",\n  " });
        out.push_str(indent);
        out.push_str(&string(name));
        out.push_str(": ");
        out.push_str(value);
    }
    out.push('\n');
    out.push_str(indent);
    out.push('}');
    out
}

/// A string that JSON, JavaScript, Python and YAML read alike. Controls and direction marks are escaped: YAML takes
/// some of them not at all, and the others make a line read as another one.
pub(crate) fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\u{0}'..='\u{1F}'
            | '\u{7F}'..='\u{9F}'
            | '\u{61C}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}'
            | '\u{FEFF}'
            | '\u{FFFE}'..='\u{FFFF}' => {
                out.push_str("\\u");
                let code = u32::from(c);
                for shift in [12, 8, 4, 0] {
                    out.extend(char::from_digit((code >> shift) & 15, 16));
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_comes_back() {
        for c in '\0'..=char::MAX {
            let text = string(c.encode_utf8(&mut [0; 4]));
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), c.to_string(), "{text}");
        }
    }

    #[test]
    fn nothing_that_is_not_seen_is_written_as_it_is() {
        assert_eq!(
            string("\0\u{1b}\u{7f}\u{85}\u{200b}\u{2028}\u{202e}\u{feff}\r\n\t"),
            r#""\u0000\u001b\u007f\u0085\u200b\u2028\u202e\ufeff\u000d\n\u0009""#
        );
        assert_eq!(string("é😀 </script> $"), "\"é😀 </script> $\"");
    }

    #[test]
    fn an_object_without_members() {
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&object(&[], "")).unwrap(),
            serde_json::json!({})
        );
    }
}
