//! Who a token belongs to: the answers of userinfo (OIDC Core §5.3.2; linkedin.md §7) and of `/v2/me`.

use crate::plain::record;

use super::{
    http::HttpResponse,
    json::{self, Json, Object},
    text,
};

/// Whom the API takes the bearer of a token for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `sub` of userinfo, `id` of `/v2/me`: the last part of `urn:li:person:…`.
    pub sub: String,
    /// The full name.
    pub name: Option<String>,
    /// `email`.
    pub email: Option<String>,
}
record!(Account { sub, name, email });

impl Account {
    /// The same with every one of `secrets` replaced, should the server have echoed one.
    #[must_use]
    pub fn without(mut self, secrets: &[&str]) -> Self {
        let all = [Some(&mut self.sub), self.name.as_mut(), self.email.as_mut()];
        for own in all.into_iter().flatten() {
            text::hide(own, secrets);
        }
        self
    }
}

/// Why a successful answer names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No JSON object: a network's login page, for example.
    #[error("the answer is no JSON object")]
    NotAnObject {
        /// The beginning of the body.
        excerpt: String,
    },
    /// Neither `sub` nor `id`.
    #[error("the answer names no member")]
    SubjectMissing,
}

/// Reads whom an answer names. A picture is left out: it stands at another host, which nobody has to ask.
pub fn parse_account(response: &HttpResponse) -> Result<Account, AccountError> {
    let Json::Object(object) = json::parse(&response.body) else {
        return Err(AccountError::NotAnObject {
            excerpt: text::excerpt(&response.body),
        });
    };
    let said = |name: &str| object.text(name).map(|value| text::clean(value, 200));
    let sub = said("sub").or_else(|| said("id"));
    // Of two members with one name each reader takes another one (RFC 8259 §4).
    let sub = sub.filter(|sub| !sub.is_empty() && object.duplicate().is_none());
    let sub = sub.ok_or(AccountError::SubjectMissing)?;
    let name = said("name")
        .filter(|name| !name.is_empty())
        .or_else(|| both(&object, "given_name", "family_name"))
        .or_else(|| both(&object, "localizedFirstName", "localizedLastName"));
    Ok(Account {
        sub,
        name,
        email: said("email"),
    })
}

fn both(object: &Object, first: &str, last: &str) -> Option<String> {
    let parts = [first, last].map(|name| object.text(name).unwrap_or_default());
    let name = text::clean(&parts.join(" "), 200);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(body: &str) -> Result<Account, AccountError> {
        parse_account(&HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            truncated: false,
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "what the parser gives")]
    fn named(sub: &str, name: Option<&str>, email: Option<&str>) -> Result<Account, AccountError> {
        Ok(Account {
            sub: sub.to_owned(),
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
        })
    }

    #[test]
    fn both_answers_of_linkedin() {
        let userinfo = r#"{"sub":"782bbtaQ","email_verified":true,"name":"Ada Lovelace",
            "locale":{"country":"US","language":"en"},"given_name":"Ada","family_name":"Lovelace","email":"a@b.test",
            "picture":"https://media.licdn.com/x"}"#;
        assert_eq!(
            account(userinfo),
            named("782bbtaQ", Some("Ada Lovelace"), Some("a@b.test"))
        );
        let me = r#"{"id":"yrZCpj2Z12","localizedFirstName":"Bob","localizedLastName":"Smith"}"#;
        assert_eq!(account(me), named("yrZCpj2Z12", Some("Bob Smith"), None));
        assert_eq!(
            account(r#"{"sub":"x","given_name":"Ada"}"#),
            named("x", Some("Ada"), None)
        );
    }

    #[test]
    fn a_name_is_cleaned_and_a_wrong_type_left_out() {
        assert_eq!(
            account("{\"sub\":\"x\",\"name\":\"a\u{202E}b\",\"email\":7}"),
            named("x", Some("a b"), None)
        );
        let long = account(&format!(r#"{{"sub":"x","name":"{}"}}"#, "n".repeat(5000))).unwrap();
        assert!(long.name.unwrap().chars().count() <= 201);
    }

    #[test]
    fn an_answer_that_names_nobody() {
        for body in ["{}", r#"{"sub":""}"#, r#"{"sub":7}"#, r#"{"name":"Ada"}"#] {
            assert_eq!(account(body), Err(AccountError::SubjectMissing), "{body}");
        }
        for body in ["", "[]", "<html>Sign in to the network</html>"] {
            assert!(matches!(account(body), Err(AccountError::NotAnObject { .. })), "{body}");
        }
    }
}
