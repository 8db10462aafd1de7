//! Token introspection (RFC 7662 §2; linkedin.md §6).

use crate::plain::{Plain, record};

use super::{
    client_auth::ClientAuthentication,
    endpoint::EndpointUrl,
    form,
    http::{HttpRequest, HttpResponse},
    json::{self, Json},
    scope::Scopes,
    secret::{AccessToken, ClientSecret},
    text,
    token::{TokenError, parse_token_response, post, seconds},
};

/// A question about a token, from the client that got it: the same form for introspection and for revocation.
#[derive(Debug, Clone, Copy)]
pub struct TokenQuery<'a> {
    /// `introspection_endpoint` or `revocation_endpoint`.
    pub endpoint: &'a EndpointUrl,
    /// `client_id`.
    pub client_id: &'a str,
    /// `client_secret`, for a confidential client.
    pub client_secret: Option<&'a ClientSecret>,
    /// Where id and secret go.
    pub authentication: ClientAuthentication,
    /// `token`.
    pub access_token: &'a AccessToken,
}

impl TokenQuery<'_> {
    /// The request as it goes on the wire. There is no `token_type_hint`: LinkedIn's documentation has none.
    #[must_use]
    pub fn http_request(&self) -> HttpRequest {
        let mut body = String::new();
        let authorization = self.authentication.apply(&mut body, self.client_id, self.client_secret);
        form::push(&mut body, "token", self.access_token.expose());
        post(self.endpoint, body, authorization)
    }
}

/// What the introspection endpoint says of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// `active`.
    pub active: bool,
    /// `status`, LinkedIn's own: `active`, `expired` or `revoked`. None for a token of another app.
    pub status: Option<String>,
    /// `expires_at`, in milliseconds since 1970. LinkedIn states seconds; a number that can't be seconds is left out.
    pub expires_ms: Option<u64>,
    /// `scope`.
    pub scope: Option<Scopes>,
}
record!(Introspection {
    active,
    status,
    expires_ms,
    scope
});

/// Why an answer of the introspection endpoint says nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntrospectionError {
    /// An error, or no JSON object.
    #[error("the introspection endpoint did not answer: {0}")]
    Refused(#[from] TokenError),
    /// An object without the one required member, `active`.
    #[error("the introspection endpoint's answer has no active")]
    ActiveMissing,
}

/// Reads the introspection endpoint's answer.
pub fn parse_introspection_response(response: &HttpResponse) -> Result<Introspection, IntrospectionError> {
    let object = match json::parse(&response.body) {
        Json::Object(object) if response.is_success() => object,
        _ => {
            parse_token_response(response)?;
            return Err(IntrospectionError::ActiveMissing);
        }
    };
    // Of two members with one name each reader takes another one (RFC 8259 §4).
    let (Some(Plain::Bool(active)), None) = (object.get("active"), object.duplicate()) else {
        return Err(IntrospectionError::ActiveMissing);
    };
    Ok(Introspection {
        active: *active,
        status: object.text("status").map(|status| text::clean(status, 60)),
        expires_ms: object
            .get("expires_at")
            .and_then(|value| seconds(value).ok().flatten())
            .map(|seconds| seconds * 1000),
        scope: object.text("scope").map(Scopes::from_answer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            truncated: false,
        }
    }

    #[test]
    fn the_form_is_linkedins() {
        let endpoint = EndpointUrl::parse("https://www.linkedin.com/oauth/v2/introspectToken").unwrap();
        let secret = ClientSecret::new("WPL_AP1.abc.d+f/==");
        let query = TokenQuery {
            endpoint: &endpoint,
            client_id: "77x",
            client_secret: Some(&secret),
            authentication: ClientAuthentication::Body,
            access_token: &AccessToken::new("AQV token"),
        };
        let request = query.http_request();
        assert_eq!(request.url, endpoint.as_str());
        assert_eq!(
            request.body.expose(),
            b"client_id=77x&client_secret=WPL_AP1.abc.d%2Bf%2F%3D%3D&token=AQV+token"
        );
        let printed = format!("{request:?} {query:?}");
        assert!(!printed.contains("WPL_AP1") && !printed.contains("AQV"), "{printed}");
        let public = TokenQuery {
            client_secret: None,
            authentication: ClientAuthentication::None,
            ..query
        };
        assert_eq!(public.http_request().body.expose(), b"client_id=77x&token=AQV+token");
    }

    /// The sample of LinkedIn's documentation, to the letter (linkedin.md §6).
    #[test]
    fn the_documented_answer() {
        let sample = r#"{"active":true,"client_id":"xxxxxxxx","authorized_at":1493055596,"created_at":1493055596,
            "status":"active","expires_at":1497497620,"scope":"r_liteprofile,r_emailaddress,w_member_social",
            "auth_type":"3L"}"#;
        let said = parse_introspection_response(&answer(200, sample)).unwrap();
        assert!(said.active);
        assert_eq!(said.status.as_deref(), Some("active"));
        assert_eq!(said.expires_ms, Some(1_497_497_620_000));
        assert_eq!(
            said.scope.unwrap().join(" "),
            "r_liteprofile r_emailaddress w_member_social"
        );
    }

    #[test]
    fn what_is_missing_or_strange_is_left_out() {
        for (body, expected) in [
            (r#"{"active":false}"#, None),
            (r#"{"active":false,"expires_at":1497497620000}"#, None),
            (r#"{"active":false,"expires_at":-1,"status":7,"scope":[]}"#, None),
            (r#"{"active":false,"expires_at":"1497497620"}"#, Some(1_497_497_620_000)),
        ] {
            let said = parse_introspection_response(&answer(200, body)).unwrap();
            assert_eq!(
                (said.active, said.status, said.expires_ms, said.scope),
                (false, None, expected, None),
                "{body}"
            );
        }
    }

    #[test]
    fn no_answer_keeps_its_evidence() {
        use IntrospectionError::{ActiveMissing, Refused};
        for body in ["{}", r#"{"active":"true"}"#, r#"{"active":null}"#] {
            assert_eq!(
                parse_introspection_response(&answer(200, body)),
                Err(ActiveMissing),
                "{body}"
            );
        }
        let refused = parse_introspection_response(&answer(
            401,
            r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#,
        ));
        assert!(
            matches!(&refused, Err(Refused(TokenError::Refused { status: 401, error, .. })) if error == "invalid_client")
        );
        for (status, body) in [(429, "{}"), (200, "<html>"), (200, "[]"), (500, r#"{"active":true}"#)] {
            assert!(
                matches!(parse_introspection_response(&answer(status, body)), Err(Refused(_))),
                "{status} {body}"
            );
        }
        // A token endpoint's answer in the wrong place says nothing of the token.
        assert_eq!(
            parse_introspection_response(&answer(200, r#"{"access_token":"x"}"#)),
            Err(ActiveMissing)
        );
    }
}
