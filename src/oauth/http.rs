//! Requests and responses as values: they can be printed (redacted), compared and replayed.

use std::fmt;

use super::form;

/// At most this much of a response is read.
pub const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Form and query parameters that may be printed; every other value is a secret until proven otherwise.
const PUBLIC_PARAMETERS: [&str; 8] = [
    "client_id",
    "code_challenge_method",
    "grant_type",
    "iss",
    "redirect_uri",
    "response_type",
    "scope",
    "token_type_hint",
];

/// Headers that may be printed.
const PUBLIC_HEADERS: [&str; 5] = ["accept", "content-length", "content-type", "date", "x-li-uuid"];

/// The methods that the protocol uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl Method {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request body; `Debug` shows its length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretBody(Vec<u8>);

impl SecretBody {
    /// Takes the bytes to send.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes to send.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted_bytes(f, self.0.len())
    }
}

/// A request to send. `Debug` shows no value of a parameter or header that is not known to be public.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: SecretBody,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let is_form = self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.starts_with("application/x-www-form-urlencoded")
        });
        let mut out = f.debug_struct("HttpRequest");
        out.field("method", &self.method)
            .field("url", &base)
            .field("query", &Parameters(query.as_bytes()));
        out.field("headers", &Headers(&self.headers));
        if is_form {
            out.field("body", &Parameters(self.body.expose())).finish()
        } else {
            out.field("body", &self.body).finish()
        }
    }
}

fn seconds(value: &str) -> Option<u64> {
    let is_seconds = (1..10).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    is_seconds.then(|| value.parse().ok())?
}

fn http_date_ms(value: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(value).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    since.as_millis().try_into().ok()
}

/// A response as it was read. `Debug` shows the length of the body only: a token may be inside.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was read of the body, at most [`MAX_RESPONSE_BYTES`].
    pub body: Vec<u8>,
    /// Whether the body went on, or broke off.
    pub truncated: bool,
}

impl HttpResponse {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `Date`, in milliseconds of the Unix epoch; none where it is missing or no date (RFC 9110 section 6.6.1).
    #[must_use]
    pub fn date_ms(&self) -> Option<u64> {
        http_date_ms(self.header("date")?)
    }

    /// `Retry-After` as it was written, with its name; none where it is neither seconds nor a date (RFC 9110 section
    /// 10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<String> {
        let value = self.header("retry-after")?.trim();
        (seconds(value).is_some() || http_date_ms(value).is_some()).then(|| ["Retry-After: ", value].concat())
    }

    /// When to come back by `Retry-After`, in milliseconds of the Unix epoch. A date is read by the server's own clock,
    /// where the answer shows it.
    #[must_use]
    pub fn retry_at_ms(&self, now_ms: u64) -> Option<u64> {
        let value = self.header("retry-after")?.trim();
        let wait_ms = match seconds(value) {
            Some(seconds) => seconds * 1000,
            None => http_date_ms(value)?.saturating_sub(self.date_ms().unwrap_or(now_ms)),
        };
        Some(now_ms.saturating_add(wait_ms))
    }

    /// Whether the status is one of success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the media type, without its parameters, is this one.
    #[must_use]
    pub fn is_media_type(&self, media_type: &str) -> bool {
        self.header("content-type").is_some_and(|value| {
            value
                .split(';')
                .next()
                .is_some_and(|own| own.trim().eq_ignore_ascii_case(media_type))
        })
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &Headers(&self.headers))
            .field("body", &Redacted(self.body.len()))
            .field("truncated", &self.truncated)
            .finish()
    }
}

struct Redacted(usize);

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted_bytes(f, self.0)
    }
}

fn redacted_bytes(f: &mut fmt::Formatter<'_>, length: usize) -> fmt::Result {
    write!(f, "[{length} bytes redacted]")
}

struct Parameters<'a>(&'a [u8]);

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(form::parse(self.0).iter().map(|pair| shown(pair, &PUBLIC_PARAMETERS)))
            .finish()
    }
}

struct Headers<'a>(&'a [(String, String)]);

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|pair| shown(pair, &PUBLIC_HEADERS)))
            .finish()
    }
}

fn shown<'a>((name, value): &'a (String, String), public: &[&str]) -> (&'a str, &'a str) {
    (
        name,
        if public.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            value
        } else {
            "[redacted]"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_in_its_three_forms_and_no_other() {
        for (value, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777_000)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777_000)),
            ("", None),
            ("yesterday", None),
            ("Sun, 06 Nov 1994 08:49:37 +0100", None),
            ("784111777", None),
        ] {
            let response = HttpResponse {
                status: 200,
                headers: vec![("Date".to_owned(), value.to_owned())],
                body: Vec::new(),
                truncated: false,
            };
            assert_eq!(response.date_ms(), expected, "{value}");
        }
    }

    #[test]
    fn a_time_to_come_back_is_seconds_or_a_date() {
        for (value, is_one) in [
            ("120", true),
            (" 0 ", true),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("", false),
            ("-1", false),
            ("1.5", false),
            ("soon", false),
            ("9999999999", false),
            ("1\u{661}", false),
        ] {
            let response = HttpResponse {
                status: 503,
                headers: vec![("Retry-After".to_owned(), value.to_owned())],
                body: Vec::new(),
                truncated: false,
            };
            let expected = is_one.then(|| format!("Retry-After: {}", value.trim()));
            assert_eq!(response.retry_after(), expected, "{value}");
            assert_eq!(response.retry_at_ms(7).is_some(), is_one, "{value}");
        }
    }

    #[test]
    fn the_time_to_come_back_is_by_the_servers_clock_where_it_shows_one() {
        const NOW_MS: u64 = 784_111_777_000;
        let at_ms = |value: &str, date: Option<&str>| {
            let headers = [("retry-after", Some(value)), ("date", date)];
            let headers = headers.into_iter();
            let response = HttpResponse {
                status: 503,
                headers: headers
                    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
                    .collect(),
                body: Vec::new(),
                truncated: false,
            };
            response.retry_at_ms(NOW_MS).unwrap() - NOW_MS
        };
        let (date, hour_later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:37 GMT");
        assert_eq!(at_ms("120", Some(date)), 120_000);
        assert_eq!(at_ms(hour_later, None), 3_600_000);
        assert_eq!(at_ms(hour_later, Some(date)), 3_600_000);
        assert_eq!(at_ms(hour_later, Some("Sun, 06 Nov 1994 09:48:37 GMT")), 60_000);
        assert_eq!(at_ms(date, Some(hour_later)), 0, "it is over");
    }

    #[test]
    fn debug_shows_only_what_is_public() {
        let request = HttpRequest {
            method: Method::Post,
            url: "https://as.example/token?code=SECRET0".into(),
            headers: vec![
                ("content-type".into(), "application/x-www-form-urlencoded".into()),
                ("Authorization".into(), "Basic SECRET1".into()),
            ],
            body: SecretBody::new("grant_type=authorization_code&code=SECRET2&client_secret=SECRET3&new_thing=SECRET4"),
        };
        let shown = format!("{request:?}");
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(
            shown.contains("authorization_code") && shown.contains("https://as.example/token"),
            "{shown}"
        );

        let response = HttpResponse {
            status: 200,
            headers: vec![
                ("set-cookie".into(), "SECRET5".into()),
                ("content-type".into(), "text/html".into()),
            ],
            body: b"SECRET6".to_vec(),
            truncated: false,
        };
        let shown = format!("{response:?}");
        assert!(
            !shown.contains("SECRET") && shown.contains("7 bytes") && shown.contains("text/html"),
            "{shown}"
        );
    }

    #[test]
    fn headers_by_any_case_and_media_type_without_parameters() {
        let response = HttpResponse {
            status: 200,
            headers: vec![("content-type".into(), "Application/JSON ; charset=utf-8".into())],
            body: Vec::new(),
            truncated: false,
        };
        assert_eq!(
            response.header("Content-Type"),
            Some("Application/JSON ; charset=utf-8")
        );
        assert!(response.is_media_type("application/json") && !response.is_media_type("application/jso"));
    }
}
