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
            (None, Some(_)) => Side::Backup,
            (Some(own), Some(theirs)) if own.token.access_token == theirs.token.access_token => Side::Same,
            (Some(own), Some(theirs)) if theirs.token.obtained_ms > own.token.obtained_ms => Side::BackupNewer,
            // At the same instant nobody knows which is newer: the one that is here stays.
            (Some(_), _) => Side::Here,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowId, StoredToken};
    use crate::oauth::redirect_uri::RedirectUri;
    use crate::oauth::scope::Scopes;
    use crate::oauth::secret::ClientSecret;
    use crate::profile::{Look, Profile};
    use crate::vault::SecretRecord;

    fn kept(id: &str) -> Kept {
        Kept {
            profile: Profile {
                id: id.to_owned(),
                name: "Billing".to_owned(),
                provider: "linkedin".to_owned(),
                client_id: "78abc".to_owned(),
                redirect_uri: RedirectUri::parse("https://app.example.com/cb").unwrap(),
                scopes: Scopes::parse("openid profile").unwrap(),
                renew_automatically: true,
                renew_in_tab: false,
                copy_as: None,
                look: Look::default(),
                created_ms: 1,
                first_app: None,
            },
            secret: Some(secret("s")),
            token: Some(token("f1", 1000)),
        }
    }

    fn secret(text: &str) -> SecretRecord {
        SecretRecord {
            client_secret: ClientSecret::new(text),
            token_origin: "https://www.linkedin.com".to_owned(),
        }
    }

    fn token(flow: &str, obtained_ms: u64) -> StoredToken {
        let json = serde_json::json!({
            "v": 1, "access_token": flow, "token_type": "bearer", "scope_requested": ["openid"], "obtained_ms": obtained_ms,
        });
        StoredToken {
            flow: FlowId(flow.to_owned()),
            token: serde_json::from_value(json).unwrap(),
        }
    }

    fn compare_one(theirs: Kept, mine: Kept) -> Compared {
        let backup = Backup::new(5, Settings::default(), vec![theirs]);
        compare(&backup, &[mine]).remove(0)
    }

    #[test]
    fn a_new_profile_is_added_as_it_is() {
        let backup = Backup::new(5, Settings::default(), vec![kept("a")]);
        let compared = compare(&backup, &[]).remove(0);
        assert_eq!(
            (compared.mine.as_deref(), compared.first_choice()),
            (None, Choice::Backup)
        );
        assert!(!compared.is_same());
        let restored = compared.chosen(&kept("a"), Choice::Backup, "copy".into()).unwrap();
        assert_eq!((restored.kept.profile, restored.replaces), (kept("a").profile, false));
        assert!(restored.kept.secret.is_some() && restored.kept.token.is_some());
        assert!(compared.chosen(&kept("a"), Choice::Mine, "copy".into()).is_none());
        assert!(compared.chosen(&kept("a"), Choice::Both, "copy".into()).is_none());
    }

    #[test]
    fn other_settings_are_seen() {
        let backup = Backup::new(5, Settings::default(), Vec::new());
        assert!(!settings_differ(&backup, &Settings::default()));
        let changed = Settings {
            remind_days: vec![3],
            ..Settings::default()
        };
        assert!(settings_differ(&backup, &changed));
    }

    #[test]
    fn the_same_is_left_alone_whatever_is_chosen() {
        let compared = compare_one(kept("a"), kept("a"));
        assert!(compared.is_same());
        for choice in [Choice::Mine, Choice::Backup, Choice::Both] {
            assert!(compared.chosen(&kept("a"), choice, "copy".into()).is_none());
        }
    }

    #[test]
    fn every_field_that_differs_is_named() {
        for (field, change) in [
            ("name", (|profile| profile.name = "Other".into()) as fn(&mut Profile)),
            ("redirect_uri", |profile| {
                profile.redirect_uri = RedirectUri::parse("http://localhost/cb").unwrap();
            }),
            ("scope", |profile| profile.scopes = Scopes::parse("openid").unwrap()),
            ("renewal", |profile| profile.renew_automatically = false),
            ("renewal", |profile| profile.renew_in_tab = true),
            ("look", |profile| profile.look.label = Some("staging".into())),
        ] {
            let mut theirs = kept("a");
            change(&mut theirs.profile);
            let compared = compare_one(theirs, kept("a"));
            assert_eq!(compared.fields, [field]);
            assert_eq!(compared.choices().len(), 3);
            assert_eq!(compared.first_choice(), Choice::Mine, "{field}");
        }
        // The order of scopes, and what was copied last, say nothing.
        let mut theirs = kept("a");
        theirs.profile.scopes = Scopes::parse("profile openid").unwrap();
        theirs.profile.copy_as = Some("curl".into());
        assert!(compare_one(theirs, kept("a")).is_same());
    }

    fn check_token(theirs: Option<StoredToken>, mine: Option<StoredToken>, side: Side, first: Choice, taken: bool) {
        let (mut their_kept, mut my_kept) = (kept("a"), kept("a"));
        (their_kept.token, my_kept.token) = (theirs, mine);
        let compared = compare_one(their_kept.clone(), my_kept.clone());
        assert_eq!(compared.token, side);
        if compared.is_same() {
            return;
        }
        assert_eq!(compared.first_choice(), first, "{side:?}");
        let restored = compared.chosen(&their_kept, Choice::Backup, String::new()).unwrap();
        assert_eq!(restored.kept.token.is_some(), taken, "{side:?}");
        assert_eq!(restored.seen, my_kept.token.map(|stored| stored.flow.0));
        assert!(restored.replaces);
        // Beside mine nothing is lost, so everything is taken.
        let both = compared.chosen(&their_kept, Choice::Both, "copy".into()).unwrap();
        assert_eq!(both.kept.token.is_some(), their_kept.token.is_some());
        assert_eq!(
            (both.kept.profile.id.as_str(), both.replaces, both.seen),
            ("", false, None)
        );
        assert_eq!(both.kept.profile.name, "copy");
    }

    #[test]
    fn a_newer_token_of_mine_is_never_replaced() {
        let (old, new) = (|| Some(token("old", 1000)), || Some(token("new", 2000)));
        check_token(None, None, Side::Same, Choice::Mine, false);
        check_token(old(), old(), Side::Same, Choice::Mine, false);
        check_token(old(), None, Side::Backup, Choice::Backup, true);
        check_token(None, old(), Side::Here, Choice::Mine, false);
        check_token(new(), old(), Side::BackupNewer, Choice::Backup, true);
        check_token(old(), new(), Side::Here, Choice::Mine, false);
        // Two of the same instant.
        check_token(Some(token("x", 1000)), old(), Side::Here, Choice::Mine, false);
    }

    #[test]
    fn another_secret_is_a_choice_and_one_that_is_missing_is_added() {
        let with = |secret| Kept { secret, ..kept("a") };
        for (theirs, mine, side, first) in [
            (None, None, Side::Same, None),
            (Some(secret("s")), None, Side::Backup, Some(Choice::Backup)),
            (None, Some(secret("s")), Side::Here, Some(Choice::Mine)),
            (Some(secret("t")), Some(secret("s")), Side::Differ, Some(Choice::Mine)),
        ] {
            let compared = compare_one(with(theirs), with(mine));
            assert_eq!(compared.secret, side);
            assert_eq!((!compared.is_same()).then(|| compared.first_choice()), first);
        }
    }

    #[test]
    fn nothing_of_one_app_goes_to_another() {
        let mut mine = kept("a");
        mine.profile.client_id = "78other".into();
        let compared = compare_one(kept("a"), mine);
        assert!(compared.other_app);
        assert_eq!(compared.choices(), [Choice::Mine, Choice::Both]);
        assert!(compared.chosen(&kept("a"), Choice::Backup, String::new()).is_none());
    }

    #[test]
    fn a_registration_that_was_entered_anew_is_the_same_one_once() {
        let theirs = [kept("a"), kept("b")];
        let backup = Backup::new(5, Settings::default(), theirs.to_vec());
        let ids = |here: &[Kept]| {
            let compared = compare(&backup, here);
            compared.into_iter().map(|compared| compared.mine).collect::<Vec<_>>()
        };
        assert_eq!(ids(&[kept("x")]), [Some("x".to_owned()), None]);
        // An id of the backup belongs to its own profile.
        assert_eq!(
            ids(&[kept("b"), kept("x")]),
            [Some("x".to_owned()), Some("b".to_owned())]
        );
        assert_eq!(ids(&[kept("b")]), [None, Some("b".to_owned())]);
        let mut other = kept("x");
        other.profile.client_id = "78other".into();
        assert_eq!(ids(&[other]), [None, None]);
    }
}
