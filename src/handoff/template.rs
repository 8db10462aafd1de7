//! The person's own format.

use super::{
    Subject,
    field::{ALL, field_names},
    find,
};
use crate::oauth::text::clean;

/// The most that is told of a name that is none.
const NAME: usize = 60;

/// Why a template can't be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A field that there is not.
    #[error("there is no field \"{name}\"; the fields are {}", known())]
    UnknownField {
        /// What stands between the braces, made fit to be shown.
        name: String,
    },
    /// A `{{` without its `}}`.
    #[error("the \"{{{{\" in line {line} has no \"}}}}\" after it")]
    Unclosed {
        /// Where it stands, from 1.
        line: usize,
    },
}

/// The names of [`field_names`], separated by commas.
fn known() -> String {
    field_names().collect::<Vec<_>>().join(", ")
}

/// Puts values in the places of `{{field}}`; spaces may stand around the name. A value that is not known is empty.
/// Values stand as they are: what a quote means is known to the template alone.
///
/// `{{{{` is a literal `{{`. Of three braces the first is literal, so that `{{{access_token}}}` is the token in braces.
/// `}}` outside a field is literal.
pub fn fill(template: &str, subject: &Subject<'_>) -> Result<String, TemplateError> {
    expand(template, Some(subject))
}

/// Whether [`fill`] can fill it, for any token.
pub fn check_template(template: &str) -> Result<(), TemplateError> {
    expand(template, None).map(drop)
}

fn expand(template: &str, subject: Option<&Subject<'_>>) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = find(rest, "{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("{{{{") {
            out.push_str("{{");
            rest = after;
        } else if from.starts_with("{{{") {
            out.push('{');
            rest = &from[1..];
        } else {
            let Some(end) = find(from, "}}") else {
                let read = template.len() - from.len();
                let line = template[..read].matches('\n').count() + 1;
                return Err(TemplateError::Unclosed { line });
            };
            let name = from[2..end].trim();
            let Some((_, value)) = ALL.iter().find(|(own, _)| *own == name) else {
                return Err(TemplateError::UnknownField {
                    name: clean(name, NAME),
                });
            };
            out.push_str(&subject.and_then(value).unwrap_or_default());
            rest = &from[end + 2..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, subject};
    use super::*;
    use crate::oauth::{IdToken, RefreshToken};

    fn filled(template: &str) -> Result<String, TemplateError> {
        let mut record = record("AQ{{scope}}", "openid profile");
        record.refresh_token = Some(RefreshToken::new("AQr"));
        record.id_token = Some(IdToken::new("eyJ"));
        fill(template, &subject(&record))
    }

    #[test]
    fn fields_have_their_values() {
        for (template, expected) in [
            ("", ""),
            ("no field } }} {", "no field } }} {"),
            ("{{token_type}}", "Bearer"),
            ("<{{ client_id\t}}>", "<78abc>"),
            ("{{profile}}{{provider}}", "My applinkedin"),
            (
                "{{expires_at}} {{obtained_at}}",
                "2024-01-13T22:13:20Z 2023-11-14T22:13:20Z",
            ),
            ("{{scope}}", "openid profile"),
            ("{{userinfo_url}}", "https://api.linkedin.com/v2/userinfo"),
            ("{{variable}}", "LINKEDIN_ACCESS_TOKEN"),
            ("{{refresh_token}}{{id_token}}", "AQreyJ"),
            ("[{{account}}]", "[]"),
            // A value is not looked at again.
            ("{{access_token}}", "AQ{{scope}}"),
            ("{{authorization}}", "Bearer AQ{{scope}}"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn braces_can_be_written() {
        for (template, expected) in [
            ("{{{{", "{{"),
            ("{{{{scope}}", "{{scope}}"),
            ("{{{{{{scope}}}}", "{{openid profile}}"),
            ("{{{scope}}}", "{openid profile}"),
            ("{{{{{", "{{{"),
            ("{ {scope} }", "{ {scope} }"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn an_unknown_field_is_named_with_those_that_there_are() {
        for name in ["", "token", "Scope", "client_secret", "scope scope", "{x", "é"] {
            let template = ["{{", name, "}}"].concat();
            let template = if name == "{x" { "{{ {x }}".to_owned() } else { template };
            let error = filled(&template).unwrap_err();
            assert_eq!(error, TemplateError::UnknownField { name: name.into() });
            let text = error.to_string();
            assert!(
                text.contains(name) && field_names().all(|known| text.contains(known)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_that_is_none_is_told_in_short() {
        for (name, told) in [("a\nb", "a b".to_owned()), (&"x".repeat(1000), "x".repeat(NAME) + "…")] {
            let error = check_template(&["{{", name, "}}"].concat());
            assert_eq!(error, Err(TemplateError::UnknownField { name: told }));
        }
    }

    #[test]
    fn a_field_that_does_not_end_is_found() {
        for (template, line) in [
            ("{{", 1),
            ("{{scope}", 1),
            ("{{scope}}\n\n{{ scope", 3),
            ("{{{", 1),
            ("{{{{\n{{", 2),
        ] {
            let error = filled(template).unwrap_err();
            assert_eq!(error, TemplateError::Unclosed { line }, "{template}");
            assert!(error.to_string().contains("\"{{\" in line"), "{error}");
        }
    }
}
