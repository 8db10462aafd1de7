//! Token revocation (RFC 7009). The request is a [`TokenQuery`](super::introspection::TokenQuery). LinkedIn documents no
//! endpoint for it (linkedin.md §1), so every answer but a success is expected.

use super::{
    http::HttpResponse,
    text,
    token::{TokenError, parse_token_response},
};

/// Reads the revocation endpoint's answer: the status alone says that it was done (RFC 7009 §2.2).
pub fn parse_revocation_response(response: &HttpResponse) -> Result<(), TokenError> {
    if response.is_success() {
        return Ok(());
    }
    match parse_token_response(response) {
        Err(error) => Err(error),
        Ok(_) => Err(TokenError::Status {
            status: response.status,
            excerpt: text::excerpt(&response.body),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides_and_a_refusal_keeps_its_words() {
        let answer = |status, body: &str| {
            parse_revocation_response(&HttpResponse {
                status,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
                truncated: false,
            })
        };
        for (status, body) in [(200, ""), (204, ""), (200, "<html>")] {
            assert_eq!(answer(status, body), Ok(()), "{status} {body}");
        }
        assert!(matches!(
            answer(400, r#"{"error":"unsupported_token_type"}"#),
            Err(TokenError::Refused { status: 400, error, .. }) if error == "unsupported_token_type"
        ));
        for (status, body) in [(404, "<html>Not found</html>"), (302, ""), (503, "{}")] {
            assert!(
                matches!(answer(status, body), Err(TokenError::Status { status: said, .. }) if said == status),
                "{status} {body}"
            );
        }
    }
}
