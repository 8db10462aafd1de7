//! What stands in extension storage: the keys, the records and the schema's version.
//!
//! One key for each record of a profile, so that a renewal writes the same few bytes however many profiles there are.
//! Secrets stand here as they are; without a passphrase the browser's profile folder holds them unencrypted.
//!
//! What leaves storage under a passphrase is sealed: [`passphrase`] and [`strength`], [`kdf`], [`seal`], [`header`], and
//! [`backup`] with [`restore`] on top of them. Randomness is an argument.

pub mod backup;
pub mod copied;
pub mod header;
pub mod heal;
pub mod kdf;
pub mod lock;
pub mod passphrase;
pub mod restore;
pub mod seal;
pub mod stored;
pub mod strength;
pub mod wipe;

use crate::oauth::endpoint::EndpointUrl;
use crate::oauth::secret::ClientSecret;
use crate::plain::record;
use crate::profile::{Profile, ProfileDraft};

/// The schema that this code writes. In the first one, records stood as plain objects instead of the texts of [`stored`].
pub const SCHEMA: u32 = 2;

/// Key of the schema's version in `storage.local`.
pub const SCHEMA_KEY: &str = "schema";
/// Key of the [`Index`] in `storage.local`.
pub const INDEX_KEY: &str = "index";
/// What tells which profiles there are.
pub const HEAD_KEYS: [&str; 2] = [SCHEMA_KEY, INDEX_KEY];
/// What a page reads first of `storage.local`.
pub const PAGE_KEYS: [&str; 5] = [SCHEMA_KEY, INDEX_KEY, VAULT_KEY, WAITING_KEY, DAMAGE_KEY];
/// What is read first of `storage.session`.
pub const SESSION_KEYS: [&str; 2] = [ENGINE_KEY, OPEN_KEY];
/// Key of the [`Engine`](crate::flow::Engine) in `storage.session`.
pub const ENGINE_KEY: &str = "engine";

/// Key of the [`Settings`](crate::profile::Settings) in `storage.local`.
pub const SETTINGS_KEY: &str = "settings";
/// Key of the list of [`Reminded`](crate::flow::Reminded) in `storage.local`.
pub const REMINDED_KEY: &str = "reminded";
/// Key of the list of [`Note`](crate::flow::Note)s in `storage.local`.
pub const NOTES_KEY: &str = "notes";
/// Key of the [`VaultRecord`](lock::VaultRecord) in `storage.local`.
pub const VAULT_KEY: &str = "vault";
/// Key of the [`OpenKey`](lock::OpenKey) in `storage.session`.
pub const OPEN_KEY: &str = "key";
/// Key of the [`Wipe`](wipe::Wipe) in `storage.local` and, at its end, in `storage.session`.
pub const WIPE_KEY: &str = "wipe";
/// Key of what was [`Copied`](copied::Copied) in `storage.session`.
pub const COPIED_KEY: &str = "copied";
/// Key of the [`Waiting`](lock::Waiting) in `storage.local`.
pub const WAITING_KEY: &str = "waiting";

/// Key of the [`Manifest`](heal::Manifest) in `storage.local`.
pub const KEYS_KEY: &str = "keys";
/// Key of the [`Damage`](heal::Damage) in `storage.local`, as long as nobody has seen it.
pub const DAMAGE_KEY: &str = "damage";
/// Key in `storage.local` that stands as long as the browser's files may hold what stood there before it was sealed anew.
pub const UNSETTLED_KEY: &str = "unsettled";

/// Key of the [`Trash`] in `storage.local`.
pub const TRASH_KEY: &str = "trash";

/// How the keys begin of what a page shows.
pub const SHOWN_RECORDS: [&str; 6] = [SCHEMA_KEY, INDEX_KEY, PROFILE, TOKEN, CHECK, DAMAGE_KEY];

const PROFILE: &str = "profile:";
const SECRET: &str = "secret:";
const TOKEN: &str = "token:";
const CHECK: &str = "check:";

/// Key of a [`Profile`](crate::profile::Profile) in `storage.local`.
#[must_use]
pub fn profile_key(id: &str) -> String {
    [PROFILE, id].concat()
}

/// Key of a [`SecretRecord`] in `storage.local`.
#[must_use]
pub fn secret_key(id: &str) -> String {
    [SECRET, id].concat()
}

/// Key of a [`StoredToken`](crate::flow::StoredToken) in `storage.local`.
#[must_use]
pub fn token_key(id: &str) -> String {
    [TOKEN, id].concat()
}

/// Whose token stands under a key; none for other keys.
#[must_use]
pub fn profile_of_token(key: &str) -> Option<&str> {
    key.strip_prefix(TOKEN)
}

/// How the keys begin of the [`Trace`](crate::flow::trace::Trace)s in `storage.local`.
pub const TRACES: &str = "trace:";

/// Key of the last traces of a profile in `storage.local`.
#[must_use]
pub fn traces_key(id: &str) -> String {
    [TRACES, id].concat()
}

/// Key of a [`Check`](crate::flow::Check) in `storage.local`; also the name of its alarm.
#[must_use]
pub fn check_key(id: &str) -> String {
    [CHECK, id].concat()
}

/// The keys of a profile's own records.
#[must_use]
pub fn own_keys(id: &str) -> [String; 5] {
    [
        profile_key(id),
        secret_key(id),
        token_key(id),
        traces_key(id),
        check_key(id),
    ]
}

/// Whether the record before the last one is kept: not where the next test or flow replaces what is lost.
#[must_use]
pub fn has_former(key: &str) -> bool {
    ![TRACES, CHECK, REMINDED_KEY, WIPE_KEY, NOTES_KEY, UNSETTLED_KEY]
        .iter()
        .any(|kind| key.starts_with(kind))
}

/// Whether a record stays readable when the others are sealed: what is needed while locked, and no secret.
#[must_use]
pub fn stays_open(key: &str) -> bool {
    [
        SCHEMA_KEY,
        SETTINGS_KEY,
        VAULT_KEY,
        WAITING_KEY,
        KEYS_KEY,
        DAMAGE_KEY,
        WIPE_KEY,
        NOTES_KEY,
        UNSETTLED_KEY,
    ]
    .contains(&key.trim_start_matches('~'))
}

/// Whether this is a [`check_key`].
#[must_use]
pub fn is_check_key(key: &str) -> bool {
    key.starts_with(CHECK)
}

/// The profiles in the person's order. A renewal does not touch it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// One entry a profile.
    pub entries: Vec<IndexEntry>,
}
record!(Index { entries });

/// One profile of the [`Index`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The profile's id.
    pub id: String,
    /// Its name.
    pub name: String,
}
record!(IndexEntry { id, name });

impl Index {
    /// Adds a profile at the end, or renames it where it stands.
    pub fn put(&mut self, id: &str, name: &str) {
        match self.entries.iter_mut().find(|entry| entry.id == id) {
            Some(entry) => name.clone_into(&mut entry.name),
            None => self.entries.push(IndexEntry {
                id: id.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// Adds a profile at a place; at the end when there are fewer before it.
    pub fn insert(&mut self, place: usize, id: &str, name: &str) {
        let entry = IndexEntry {
            id: id.to_owned(),
            name: name.to_owned(),
        };
        self.entries.insert(place.min(self.entries.len()), entry);
    }

    /// Where a profile stands.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id == id)
    }

    /// Takes a profile out; none when it is not there.
    pub fn remove(&mut self, id: &str) -> Option<(usize, IndexEntry)> {
        let place = self.place(id)?;
        Some((place, self.entries.remove(place)))
    }

    /// Moves a profile before another one, or to the end. One that is gone, either of the two, changes nothing.
    pub fn move_before(&mut self, id: &str, before: Option<&str>) {
        if before == Some(id) || before.is_some_and(|before| self.place(before).is_none()) {
            return;
        }
        if let Some((_, entry)) = self.remove(id) {
            let place = before.and_then(|before| self.place(before));
            self.entries.insert(place.unwrap_or(self.entries.len()), entry);
        }
    }
}

/// A deleted profile, for as long as that can be undone: its own records stand until the trash is emptied.
#[derive(Clone, Debug)]
pub struct Trash {
    /// What stood in the [`Index`].
    pub entry: IndexEntry,
    /// Where.
    pub place: u32,
}
record!(Trash { entry, place });

/// How long a deletion can be undone, in milliseconds.
pub const UNDO_MS: u64 = 60_000;

/// A client secret and the only origin that it may be sent to (security.md section 1.2, row 10).
#[derive(Clone, Debug)]
pub struct SecretRecord {
    /// The secret.
    pub client_secret: ClientSecret,
    /// Origin of the token endpoint that it was entered for.
    pub token_origin: String,
}
record!(SecretRecord {
    client_secret,
    token_origin
});

impl SecretRecord {
    /// Binds a secret to the token endpoint that it was entered for.
    #[must_use]
    pub fn new(client_secret: ClientSecret, token_endpoint: &EndpointUrl) -> Self {
        Self {
            client_secret,
            token_origin: token_endpoint.origin(),
        }
    }

    /// The secret, if it was entered for this token endpoint.
    #[must_use]
    pub fn for_endpoint(&self, token_endpoint: &EndpointUrl) -> Option<&ClientSecret> {
        (self.token_origin == token_endpoint.origin()).then_some(&self.client_secret)
    }
}

/// Whether an empty secret in the form may keep the stored one: only for the same client at the same provider.
#[must_use]
pub fn keeps_secret(stored: &Profile, draft: &ProfileDraft) -> bool {
    stored.provider == draft.provider && stored.client_id == draft.client_id
}

/// Storage was written by a newer version, which this one must not write over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored data has schema {found}; this version knows schemas up to {SCHEMA}")]
pub struct NewerSchema {
    /// The schema found.
    pub found: u32,
}

/// Whether this code may write over what it found; none is a first run.
pub fn check_schema(found: Option<u32>) -> Result<(), NewerSchema> {
    match found {
        Some(found) if found > SCHEMA => Err(NewerSchema { found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_renames_in_place_and_appends() {
        let mut index = Index::default();
        index.put("a", "First");
        index.put("b", "Second");
        index.put("a", "Renamed");
        let names: Vec<&str> = index.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["Renamed", "Second"]);
    }

    fn index(ids: &str) -> Index {
        let mut index = Index::default();
        for id in ids.split(' ') {
            index.put(id, id);
        }
        index
    }

    fn order(index: &Index) -> String {
        let ids: Vec<&str> = index.entries.iter().map(|entry| entry.id.as_str()).collect();
        ids.join(" ")
    }

    #[test]
    fn index_moves_before_another_or_to_the_end() {
        for (id, before, expected) in [
            ("a", Some("c"), "b a c d"),
            ("d", Some("a"), "d a b c"),
            ("a", None, "b c d a"),
            ("d", None, "a b c d"),
            ("b", Some("b"), "a b c d"),
            ("b", Some("c"), "a b c d"),
            ("b", Some("gone"), "a b c d"),
            ("gone", Some("a"), "a b c d"),
            ("gone", None, "a b c d"),
        ] {
            let mut index = index("a b c d");
            index.move_before(id, before);
            assert_eq!(order(&index), expected, "{id} before {before:?}");
        }
    }

    #[test]
    fn index_takes_out_and_puts_back() {
        let mut index = index("a b c");
        assert_eq!(index.remove("gone"), None);
        let (place, entry) = index.remove("b").expect("it is there");
        assert_eq!((place, order(&index).as_str()), (1, "a c"));
        index.insert(place, &entry.id, &entry.name);
        assert_eq!(order(&index), "a b c");
        index.insert(99, "d", "d");
        assert_eq!(order(&index), "a b c d");
    }

    #[test]
    fn secret_is_not_given_to_another_origin() {
        let endpoint = |url| EndpointUrl::parse(url).expect("a good endpoint");
        let record = SecretRecord::new(
            ClientSecret::new("s"),
            &endpoint("https://www.linkedin.com/oauth/v2/accessToken"),
        );
        assert!(
            record
                .for_endpoint(&endpoint("https://www.linkedin.com/other"))
                .is_some()
        );
        for other in [
            "https://linkedin.com/oauth/v2/accessToken",
            "https://www.linkedin.com:444/x",
            "https://evil.test/",
        ] {
            assert!(record.for_endpoint(&endpoint(other)).is_none(), "{other}");
        }
    }

    #[test]
    fn newer_schema_is_refused() {
        assert_eq!(check_schema(None), Ok(()));
        assert_eq!(check_schema(Some(SCHEMA)), Ok(()));
        assert_eq!(check_schema(Some(SCHEMA + 1)), Err(NewerSchema { found: SCHEMA + 1 }));
    }

    /// What stands in storage has these names; another version finds nothing under others.
    #[test]
    fn keys_are_as_they_were_stored() {
        for (key, stored) in [
            (profile_key("a1"), "profile:a1"),
            (secret_key("a1"), "secret:a1"),
            (token_key("a1"), "token:a1"),
            (traces_key("a1"), "trace:a1"),
            (check_key("a1"), "check:a1"),
        ] {
            assert_eq!(key, stored);
            assert_eq!(is_check_key(&key), stored == "check:a1", "{stored}");
            // A profile that is called like one of the records that stay open is sealed all the same.
            assert!(!stays_open(&key), "{stored}");
            assert!(!stays_open(&stored.replace("a1", SETTINGS_KEY)), "{stored}");
            assert!(!stays_open(&stored::former_key(&key)), "{stored}");
        }
        assert!(!stays_open(INDEX_KEY) && !stays_open(TRASH_KEY) && !stays_open(REMINDED_KEY));
    }

    #[test]
    fn what_is_needed_while_locked_stays_open() {
        for key in ["schema", "settings", "vault", "waiting", "keys", "damage", "notes"] {
            assert!(stays_open(key) && stays_open(&stored::former_key(key)), "{key}");
        }
    }
}
