//! One read of the provider's API with a token (RFC 6750 §2.1; linkedin.md §8).

use super::{
    http::{HttpRequest, Method, SecretBody},
    secret::AccessToken,
};

/// A GET that changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct ApiRequest<'a> {
    /// The URL: a constant of `provider`, so that a token can't be sent elsewhere.
    pub url: &'static str,
    /// The token.
    pub access_token: &'a AccessToken,
    /// `LinkedIn-Version`, where the API wants one.
    pub version: Option<&'a str>,
}

impl ApiRequest<'_> {
    /// The request as it goes on the wire.
    #[must_use]
    pub fn http_request(&self) -> HttpRequest {
        let mut headers = vec![
            (
                "authorization".to_owned(),
                ["Bearer ", self.access_token.expose()].concat(),
            ),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        if let Some(version) = self.version {
            headers.push(("linkedin-version".to_owned(), version.to_owned()));
            headers.push(("x-restli-protocol-version".to_owned(), "2.0.0".to_owned()));
        }
        HttpRequest {
            method: Method::Get,
            url: self.url.to_owned(),
            headers,
            body: SecretBody::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_goes_where_one_is_wanted_and_the_token_is_not_printed() {
        let token = AccessToken::new("AQVsecret");
        let plain = ApiRequest {
            url: "https://api.linkedin.com/v2/userinfo",
            access_token: &token,
            version: None,
        };
        let names =
            |request: &HttpRequest| -> Vec<String> { request.headers.iter().map(|(name, _)| name.clone()).collect() };
        let request = plain.http_request();
        assert_eq!(names(&request), ["authorization", "accept"]);
        assert_eq!(request.headers[0].1, "Bearer AQVsecret");
        assert!(request.body.is_empty() && !format!("{request:?} {plain:?}").contains("secret"));
        let versioned = ApiRequest {
            version: Some("202608"),
            ..plain
        };
        let request = versioned.http_request();
        assert_eq!(names(&request)[2..], ["linkedin-version", "x-restli-protocol-version"]);
        assert_eq!(request.headers[2].1, "202608");
    }
}
