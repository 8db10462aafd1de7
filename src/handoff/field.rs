//! What there is to tell about a token, by name.

use super::{Subject, iso8601};

/// A name and its value; `None` is not known.
pub(super) type Field = (&'static str, fn(&Subject<'_>) -> Option<String>);

/// Every field. Those that more formats tell stand first.
pub(super) static ALL: [Field; 14] = [
    ("access_token", |subject| Some(subject.token().to_owned())),
    ("token_type", |subject| Some(subject.record.token_type.clone())),
    ("scope", |subject| Some(subject.record.scopes().join(" "))),
    ("expires_at", |subject| {
        subject.record.expires_by_server_ms().map(iso8601)
    }),
    ("client_id", |subject| Some(subject.client_id.to_owned())),
    ("obtained_at", |subject| Some(iso8601(subject.record.obtained_ms))),
    ("provider", |subject| Some(subject.provider.id.to_owned())),
    ("profile", |subject| Some(subject.profile.to_owned())),
    ("authorization", |subject| Some(subject.authorization())),
    ("userinfo_url", |subject| {
        subject.provider.userinfo_endpoint.map(str::to_owned)
    }),
    ("variable", |subject| Some(super::variable(subject.provider))),
    ("account", |subject| subject.record.account.clone()),
    // These two are told only to a template that names them: a format for everybody gives away no more than it must.
    ("refresh_token", |subject| {
        let token = subject.record.refresh_token.as_ref();
        token.map(|token| token.expose().to_owned())
    }),
    ("id_token", |subject| {
        let token = subject.record.id_token.as_ref();
        token.map(|token| token.expose().to_owned())
    }),
];

/// The variables of an environment.
pub(super) static VARIABLES: &[Field] = ALL.split_at(5).0;

/// The members of the JSON record.
pub(super) static RECORD: &[Field] = ALL.split_at(8).0;

/// The names that a template may use.
pub fn field_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// Names with values, each value written by `write`, which leaves a field out by `None`. One function for all formats:
/// as iterators of their own they were larger.
pub(super) fn members(
    fields: &[Field],
    subject: &Subject<'_>,
    write: fn(Option<String>) -> Option<String>,
) -> Vec<(&'static str, String)> {
    let mut members = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        if let Some(value) = write(value(subject)) {
            members.push((*name, value));
        }
    }
    members
}
