//! What restoring a backup would change, and what is written for each choice.

use crate::plain::record;
use crate::profile::Settings;

use super::backup::{Backup, Kept};

/// One of the two sides of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Neither has one, or both the same.
    Same,
    /// Only this browser has one, or it has the newer one. It stays.
    Here,
    /// Only the backup has one.
    Backup,
    /// The backup has the newer one.
    BackupNewer,
    /// Both have one, and neither is newer.
    Differ,
}

/// What the person wants of one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Change nothing here.
    Mine,
    /// Take what the backup has. What only this browser has stays, and so does a newer token.
    Backup,
    /// Add the backup's beside mine.
    Both,
}

/// A profile of a backup beside that of this browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The id of the profile here that it would change; none when it is new.
    pub mine: Option<String>,
    /// The fields that differ, as the form names them.
    pub fields: Vec<&'static str>,
    /// The secret.
    pub secret: Side,
    /// The token.
    pub token: Side,
    /// Whether the profile here is now that of another app. The backup's token and secret are then none of its own.
    pub other_app: bool,
    /// The flow that brought the token here.
    pub seen: Option<String>,
}

/// Finds for each profile of the backup the one here: the same id, or else the same registration.
#[must_use]
pub fn compare(backup: &Backup, here: &[Kept]) -> Vec<Compared> {
    let mut taken: Vec<&str> = backup.profiles.iter().map(|kept| kept.profile.id.as_str()).collect();
    let mut all = Vec::new();
    for kept in &backup.profiles {
        let by_id = here.iter().find(|mine| mine.profile.id == kept.profile.id);
        let mine = by_id.or_else(|| {
            here.iter()
                .find(|mine| !taken.contains(&mine.profile.id.as_str()) && same_registration(mine, kept))
        });
        if let Some(mine) = mine {
            taken.push(&mine.profile.id);
        }
        all.push(Compared::new(kept, mine));
    }
    all
}

fn same_registration(mine: &Kept, kept: &Kept) -> bool {
    let (mine, kept) = (&mine.profile, &kept.profile);
    mine.provider == kept.provider
        && mine.client_id == kept.client_id
        && mine.redirect_uri == kept.redirect_uri
        && mine.scopes.same_set(&kept.scopes)
}

impl Compared {
    fn new(kept: &Kept, mine: Option<&Kept>) -> Self {
        let Some(mine) = mine else {
            return Self {
                mine: None,
                fields: Vec::new(),
                secret: kept.secret.as_ref().map_or(Side::Same, |_| Side::Backup),
                token: kept.token.as_ref().map_or(Side::Same, |_| Side::Backup),
                other_app: false,
                seen: None,
            };
        };
        let (own, theirs) = (&mine.profile, &kept.profile);
        let differing = [
            ("name", own.name != theirs.name),
            ("provider", own.provider != theirs.provider),
            ("client_id", own.client_id != theirs.client_id),
            ("redirect_uri", own.redirect_uri != theirs.redirect_uri),
            ("scope", !own.scopes.same_set(&theirs.scopes)),
            (
                "renewal",
                own.renew_automatically != theirs.renew_automatically || own.renew_in_tab != theirs.renew_in_tab,
            ),
            ("look", own.look != theirs.look),
        ];
        let fields = differing
            .into_iter()
            .filter_map(|(field, differs)| differs.then_some(field))
            .collect();
        let secret = match (&mine.secret, &kept.secret) {
            (None, None) => Side::Same,
            (Some(_), None) => Side::Here,
            (None, Some(_)) => Side::Backup,
            (Some(own), Some(theirs))
                if own.client_secret == theirs.client_secret && own.token_origin == theirs.token_origin =>
            {
                Side::Same
            }
            (Some(_), Some(_)) => Side::Differ,
        };
        let token = match (&mine.token, &kept.token) {
            (None, None) => Side::Same,
            (Some(_), None) => Side::Here,
            (None, Some(_)) => Side::Backup,
            (Some(own), Some(theirs)) if own.token.access_token == theirs.token.access_token => Side::Same,
            (Some(own), Some(theirs)) if theirs.token.obtained_ms > own.token.obtained_ms => Side::BackupNewer,
            // At the same instant nobody knows which is newer: the one that is here stays.
            (Some(_), Some(_)) => Side::Here,
        };
        Self {
            mine: Some(own.id.clone()),
            fields,
            secret,
            token,
            other_app: own.provider != theirs.provider || own.client_id != theirs.client_id,
            seen: mine.token.as_ref().map(|stored| stored.flow.0.clone()),
        }
    }

    /// Whether there is anything to choose: a profile that is new always has.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.mine.is_some() && self.fields.is_empty() && self.secret == Side::Same && self.token == Side::Same
    }

    /// The choices that there are.
    #[must_use]
    pub fn choices(&self) -> &'static [Choice] {
        match self.mine {
            None => &[Choice::Backup, Choice::Mine],
            // Nothing of one app's belongs to another's.
            Some(_) if self.other_app => &[Choice::Mine, Choice::Both],
            Some(_) => &[Choice::Mine, Choice::Backup, Choice::Both],
        }
    }

    /// The choice to begin with: the backup's where that only adds something, mine where it would replace anything.
    #[must_use]
    pub fn first_choice(&self) -> Choice {
        let adds = |side| matches!(side, Side::Same | Side::Backup | Side::BackupNewer);
        if self.fields.is_empty() && adds(self.secret) && adds(self.token) {
            Choice::Backup
        } else {
            Choice::Mine
        }
    }

    /// What is to be written; none when nothing is. `copy` is the name of a profile that is added beside another.
    #[must_use]
    pub fn chosen(&self, kept: &Kept, choice: Choice, copy: String) -> Option<Restored> {
        if self.is_same() || !self.choices().contains(&choice) {
            return None;
        }
        let mut kept = kept.clone();
        match (choice, &self.mine) {
            (Choice::Mine, _) => return None,
            (Choice::Backup, None) => {}
            (Choice::Backup, Some(mine)) => {
                kept.profile.id.clone_from(mine);
                if !matches!(self.token, Side::Backup | Side::BackupNewer) {
                    kept.token = None;
                }
            }
            // The worker gives it an id of its own.
            (Choice::Both, _) => {
                kept.profile.id.clear();
                kept.profile.name = copy;
            }
        }
        let replaces = choice == Choice::Backup && self.mine.is_some();
        Some(Restored {
            kept,
            replaces,
            seen: self.seen.clone().filter(|_| replaces),
        })
    }
}

/// What is written of one profile.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The records. A secret or a token that is none leaves what is stored as it is; an empty id asks for a new one.
    pub kept: Kept,
    /// Whether the profile is there already.
    pub replaces: bool,
    /// The flow of the token that the person saw there: of another one nothing was said.
    pub seen: Option<String>,
}
record!(Restored { kept, replaces, seen });

/// Whether the backup's settings are others.
#[must_use]
pub fn settings_differ(backup: &Backup, here: &Settings) -> bool {
    backup.settings != *here
}
