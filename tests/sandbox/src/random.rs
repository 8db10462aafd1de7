//! Identifiers that nobody can guess, in the forms that LinkedIn uses.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// `N` bytes of the operating system's entropy.
fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without entropy there is no sandbox; there is nobody to report to"
    )]
    getrandom::fill(&mut bytes).expect("the operating system has entropy");
    bytes
}

/// A number below `bound`; a slight bias does not matter here.
fn below(bound: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes())) % bound
}

/// An opaque value: `prefix` and url-safe characters, `length` in all (at most 512 after the prefix).
fn opaque(prefix: &str, length: usize) -> String {
    let mut value = BASE64_URL_SAFE_NO_PAD.encode(bytes::<384>());
    value.truncate(length.saturating_sub(prefix.len()));
    value.insert_str(0, prefix);
    value
}

/// An authorization code: `AQ` and 100 to 200 characters (linkedin.md section 2).
pub(crate) fn code() -> String {
    opaque("AQ", 100 + below(101))
}

/// An access token: `AQV` and 350 to 500 characters (section 4).
pub(crate) fn access_token() -> String {
    opaque("AQV", 350 + below(151))
}

/// A refresh token: `AQW` and about 500 characters (sections 4 and 5).
pub(crate) fn refresh_token() -> String {
    opaque("AQW", 500)
}

/// An identifier of our own: sessions, pages waiting for an answer.
pub(crate) fn id() -> String {
    opaque("", 32)
}

/// A random UUID (RFC 9562, version 4): key ids and request ids.
pub(crate) fn uuid() -> String {
    let mut value = u128::from_be_bytes(bytes());
    value = value & !(0xf << 76) | (0x4 << 76);
    value = value & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{value:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A client secret of the form that new apps have: `WPL_AP1.`, 16 alphanumerics, 6 base64 characters and `==`.
pub(crate) fn client_secret() -> String {
    let alphanumerics: String = opaque("", 512)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(16)
        .collect();
    format!("WPL_AP1.{alphanumerics}.a+b/cQ==")
}
