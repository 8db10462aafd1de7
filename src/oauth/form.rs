//! `application/x-www-form-urlencoded` (RFC 6749 appendix B, WHATWG URL §5).

use url::form_urlencoded;

/// Encodes one name or value; a space becomes `+`.
#[must_use]
pub fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The same for a place where a space must be `%20`: LinkedIn's documentation shows the scope parameter so.
#[must_use]
pub fn encode_percent(text: &str) -> String {
    // A literal plus sign is already %2B, so every remaining one is a space.
    encode(text).replace('+', "%20")
}

/// Appends `name=value` to a form body.
pub fn push(body: &mut String, name: &str, value: &str) {
    if !body.is_empty() {
        body.push('&');
    }
    body.push_str(&encode(name));
    body.push('=');
    body.push_str(&encode(value));
}

/// The most pairs of a body that are read: one takes a hundred times its one character.
pub(crate) const MOST_PAIRS: usize = 1000;

/// The pairs of a form body in their order, the first thousand; bytes that are no UTF-8 become replacement characters.
#[must_use]
pub fn parse(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().take(MOST_PAIRS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pairs_are_read() {
        let body = "a&".repeat(MOST_PAIRS + 1) + "b=1";
        assert_eq!(
            parse(body.as_bytes()),
            vec![("a".to_owned(), String::new()); MOST_PAIRS]
        );
    }
}
