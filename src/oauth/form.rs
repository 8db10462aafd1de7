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

/// The pairs of a form body in their order; bytes that are no UTF-8 become replacement characters.
#[must_use]
pub fn parse(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}
