//! The file that Tokenkeep itself writes. Strict: a member of another type is an error, and so is a newer version.

use crate::oauth::text;
use crate::plain::Plain;
use crate::profile::export::{FILE, VERSION};
use crate::profile::{Look, ProfileDraft};

use super::pairs::tell;
use super::{ImportError, Imported, Kind};

/// The members of a profile. A secret is none of them, whoever wrote one in.
const MEMBERS: [&str; 10] = [
    "name",
    "provider",
    "client_id",
    "redirect_uri",
    "scopes",
    "renew_automatically",
    "renew_in_tab",
    "label",
    "icon",
    "color",
];

pub(super) fn import(json: &Plain) -> Result<Vec<Imported>, ImportError> {
    let unfit = |member| ImportError::Unfit { profile: 0, member };
    if json.get("tokenkeep").and_then(Plain::as_str) != Some(FILE) {
        return Err(unfit("tokenkeep"));
    }
    let version = json.get("version").and_then(Plain::as_i64).ok_or(unfit("version"))?;
    if version > i64::from(VERSION) {
        return Err(ImportError::NewerVersion { found: version });
    }
    if version < 1 {
        return Err(unfit("version"));
    }
    let Some(Plain::List(profiles)) = json.get("profiles") else {
        return Err(unfit("profiles"));
    };
    let mut found = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        let draft = draft(profile).map_err(|member| ImportError::Unfit {
            profile: index + 1,
            member,
        })?;
        let mut unknown = Vec::new();
        if let Plain::Object(members) = profile {
            let others = members.iter().filter(|(name, _)| !MEMBERS.contains(&name.as_ref()));
            others.for_each(|(name, _)| tell(&mut unknown, name));
        }
        found.push(Imported { draft, unknown });
    }
    if found.is_empty() {
        return Err(ImportError::NothingIn(Kind::Tokenkeep));
    }
    Ok(found)
}

fn draft(profile: &Plain) -> Result<ProfileDraft, &'static str> {
    if !matches!(profile, Plain::Object(_)) {
        return Err("profiles");
    }
    let text = |name: &'static str| match profile.get(name) {
        None | Some(Plain::Null) => Ok(String::new()),
        Some(Plain::Text(text)) => Ok(text.clone()),
        Some(_) => Err(name),
    };
    let mark = |name| text(name).map(|text| Some(text).filter(|text| !text.is_empty()));
    let scopes = match profile.get("scopes") {
        None | Some(Plain::Null) => Vec::new(),
        Some(Plain::List(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Plain::as_str).collect();
            texts.ok_or("scopes")?
        }
        Some(_) => return Err("scopes"),
    };
    let choice = |name: &'static str, default: bool| match profile.get(name) {
        None => Ok(default),
        Some(Plain::Bool(chosen)) => Ok(*chosen),
        Some(_) => Err(name),
    };
    Ok(ProfileDraft {
        name: text::clean(&text("name")?, 99),
        provider: text("provider")?,
        client_id: text("client_id")?,
        client_secret: String::new(),
        redirect_uri: text("redirect_uri")?,
        scope: scopes.join(" "),
        renew_automatically: choice("renew_automatically", true)?,
        renew_in_tab: choice("renew_in_tab", false)?,
        look: Look {
            label: mark("label")?,
            icon: mark("icon")?,
            color: mark("color")?,
        },
    })
}
