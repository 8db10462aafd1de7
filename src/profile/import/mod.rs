//! A profile from whatever a developer has at hand: recognised by its content, without a question asked.
//!
//! Every kind of text comes down to names and values. `pairs` knows which of them a profile is made of; the other files
//! find the pairs. What is missing stays empty, and the form asks for it.

mod authorization_url;
mod curl;
mod dotenv;
mod json;
mod own;
mod pairs;
mod shell;

use std::fmt;

use super::ProfileDraft;

/// The longest text that is looked at.
pub const MAX_IMPORT_BYTES: usize = 1 << 20;

/// The most profiles that one text may hold.
pub const MAX_PROFILES: usize = 1000;

/// A profile that was found. `Debug` shows no secret, because its draft's does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the form can be filled in with. An empty provider is one that this version does not know.
    pub draft: ProfileDraft,
    /// Names of what was there and was not used; no value.
    pub unknown: Vec<String>,
}

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The URL of an authorization request, or its parameters.
    AuthorizationUrl,
    /// A curl command.
    Curl,
    /// A `.env` file.
    Dotenv,
    /// An environment or a collection of Postman.
    Postman,
    /// An environment or an export of Insomnia.
    Insomnia,
    /// Some other JSON with names and values.
    Json,
    /// A file that [`export`](super::export()) wrote.
    Tokenkeep,
}

impl Kind {
    /// A stable name for messages and tests.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AuthorizationUrl => "authorization_url",
            Self::Curl => "curl",
            Self::Dotenv => "dotenv",
            Self::Postman => "postman",
            Self::Insomnia => "insomnia",
            Self::Json => "json",
            Self::Tokenkeep => "tokenkeep",
        }
    }
}

/// Why nothing was imported. No variant holds a piece of the text but a member's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// No text.
    Empty,
    /// More than [`MAX_IMPORT_BYTES`], JSON with too many values, or a command of too many words.
    TooLarge,
    /// More than [`MAX_PROFILES`].
    TooManyProfiles,
    /// None of the kinds.
    NothingRecognized,
    /// It begins as JSON and is none.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A known kind, without a client id, a client secret or a redirect URI.
    NothingIn(Kind),
    /// A token and nothing of the client that it was issued to.
    OnlyToken,
    /// The answer of a flow instead of its request.
    Callback,
    /// A quote in a command that is never closed.
    UnclosedQuote,
    /// YAML, as Insomnia 5 exports it.
    Yaml,
    /// A profile file of a newer version.
    NewerVersion {
        /// The file's version.
        found: i64,
    },
    /// A profile file with a member that can't be read.
    Unfit {
        /// The profile's place, from 1; 0 for the file itself.
        profile: usize,
        /// The member.
        member: &'static str,
    },
}

impl ImportError {
    /// A stable name, for messages and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::TooManyProfiles => "too_many_profiles",
            Self::NothingRecognized => "nothing_recognized",
            Self::NotJson { .. } => "not_json",
            Self::NothingIn(_) => "nothing_in",
            Self::OnlyToken => "only_token",
            Self::Callback => "callback",
            Self::UnclosedQuote => "unclosed_quote",
            Self::Yaml => "yaml",
            Self::NewerVersion { .. } => "newer_version",
            Self::Unfit { profile: 0, .. } => "unfit_file",
            Self::Unfit { .. } => "unfit",
        }
    }

    /// What stands in the message's placeholders.
    #[must_use]
    pub fn args(&self) -> Vec<String> {
        match self {
            Self::NotJson { line, column } => vec![line.to_string(), column.to_string()],
            Self::NothingIn(kind) => vec![kind.code().to_owned()],
            Self::NewerVersion { found } => vec![found.to_string()],
            Self::Unfit { profile: 0, member } => vec![(*member).to_owned()],
            Self::Unfit { profile, member } => vec![profile.to_string(), (*member).to_owned()],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        for arg in self.args() {
            f.write_str(" ")?;
            f.write_str(&arg)?;
        }
        Ok(())
    }
}

impl std::error::Error for ImportError {}

/// Every profile that a text holds, each once.
pub fn import(text: &str) -> Result<Vec<Imported>, ImportError> {
    if text.len() > MAX_IMPORT_BYTES {
        return Err(ImportError::TooLarge);
    }
    let text = text.trim_start_matches('\u{FEFF}').trim();
    let mut each = Vec::new();
    for imported in recognize(text)? {
        if each.iter().any(|other: &Imported| other.draft == imported.draft) {
            continue;
        }
        if each.len() >= MAX_PROFILES {
            return Err(ImportError::TooManyProfiles);
        }
        each.push(imported);
    }
    Ok(each)
}

fn recognize(text: &str) -> Result<Vec<Imported>, ImportError> {
    if text.is_empty() {
        return Err(ImportError::Empty);
    }
    // A template's braces and an INI file's section begin no JSON.
    if text.starts_with(['{', '[']) {
        return json::import(text);
    }
    if let Some(commands) = curl::commands(text) {
        return curl::import(&commands?);
    }
    if let Some(found) = authorization_url::whole(text) {
        return found;
    }
    if is_insomnia_yaml(text) {
        return Err(ImportError::Yaml);
    }
    if let Some(found) = dotenv::import(text) {
        return found;
    }
    if let Some(found) = authorization_url::inside(text) {
        return Ok(vec![found]);
    }
    Err(if pairs::is_token(text) {
        ImportError::OnlyToken
    } else {
        ImportError::NothingRecognized
    })
}

fn is_insomnia_yaml(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.starts_with("type:") && line.contains(".insomnia.rest/"))
}

/// What was found in a text of this kind, or why there is nothing.
fn at_least_one(kind: Kind, found: Vec<Imported>, token: bool) -> Result<Vec<Imported>, ImportError> {
    match (found.is_empty(), token) {
        (false, _) => Ok(found),
        (true, true) => Err(ImportError::OnlyToken),
        (true, false) => Err(ImportError::NothingIn(kind)),
    }
}
