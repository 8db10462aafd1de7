//! The token's data as JSON.

pub(super) use crate::plain::json::{object, string};

use super::{Subject, field};

/// The token's data; `null` is what is not known.
pub(super) fn record(subject: &Subject<'_>) -> String {
    let members = field::members(field::RECORD, subject, |value| {
        Some(value.map_or_else(|| "null".to_owned(), |value| string(&value)))
    });
    object(&members, "") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record as token_record, subject};

    #[test]
    fn the_record() {
        let mut record = token_record("a\"b", "openid profile");
        assert_eq!(
            super::record(&subject(&record)),
            r#"{
  "access_token": "a\"b",
  "token_type": "Bearer",
  "scope": "openid profile",
  "expires_at": "2024-01-13T22:13:20Z",
  "client_id": "78abc",
  "obtained_at": "2023-11-14T22:13:20Z",
  "provider": "linkedin",
  "profile": "My app"
}
"#
        );
        record.expires_ms = None;
        assert!(super::record(&subject(&record)).contains("\"expires_at\": null,"));
    }
}
