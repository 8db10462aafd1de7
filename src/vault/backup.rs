//! A backup: everything that is worth keeping, sealed under a passphrase in one file.
//!
//! The file is a [header](super::header) of kind 1, then:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 112 | 8 | the length of what follows, big-endian: a file that was cut is told from one that was changed |
//! | 120 | 24 | a nonce |
//! | 144 | n + 16 | the contents, sealed by XChaCha20-Poly1305 under the data key; associated data: the header, `01`, eight zero bytes |
//!
//! The contents are JSON in UTF-8: a [`Backup`] with the records as they stand in storage. `schema` is the version of these contents. Its
//! vectors are in `tests/vectors/vault/backups.json`.

use crate::flow::StoredToken;
use crate::plain::{Plain, Record as _, record};
use crate::profile::{MAX_NAME, Profile, Settings};

use super::SecretRecord;
use super::header::{Begins, HEADER_LEN, Header, HeaderEntropy, OpenError};
use super::kdf::KdfParams;
use super::passphrase::Passphrase;
use super::seal::{Identity, NONCE_LEN, RecordKind, TAG_LEN, open, seal};

/// What a file may weigh: a browser's storage holds 10 MiB.
pub const MAX_BACKUP_BYTES: usize = 16 * 1024 * 1024;

/// The version of the contents that this code writes.
const CONTENTS: u32 = 1;

const LENGTH_LEN: usize = 8;

const IDENTITY: Identity<'_> = Identity {
    kind: RecordKind::Backup,
    name: "",
    generation: 0,
};

/// What is drawn at random for a backup.
pub struct BackupEntropy {
    /// For its header.
    pub header: HeaderEntropy,
    /// For its contents.
    pub nonce: [u8; NONCE_LEN],
}

/// The file with these contents.
pub fn seal_backup(
    passphrase: &Passphrase,
    params: KdfParams,
    entropy: BackupEntropy,
    contents: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let (header, key) = Header::create(Begins::Backup, passphrase, params, entropy.header)?;
    let sealed = seal(&key, header.bytes(), &IDENTITY, &entropy.nonce, contents).ok_or(OpenError::Damaged)?;
    let mut file = Vec::with_capacity(HEADER_LEN + LENGTH_LEN + sealed.len());
    file.extend_from_slice(header.bytes());
    file.extend_from_slice(&(sealed.len() as u64).to_be_bytes());
    file.extend_from_slice(&sealed);
    Ok(file)
}

/// The contents of a file. What can be said without the passphrase is said before the key is derived.
pub fn open_backup(passphrase: &Passphrase, file: &[u8]) -> Result<Vec<u8>, OpenError> {
    let header = Header::parse(Begins::Backup, file)?;
    let sealed = body(file)?;
    let key = header.unlock(passphrase)?;
    open(&key, header.bytes(), &IDENTITY, sealed).ok_or(OpenError::Damaged)
}

/// Whether a file can be opened at all, before anybody is asked for a passphrase.
pub fn inspect_backup(file: &[u8]) -> Result<(), OpenError> {
    Header::parse(Begins::Backup, file)?;
    body(file).map(|_| ())
}

fn body(file: &[u8]) -> Result<&[u8], OpenError> {
    let rest = file.get(HEADER_LEN..).ok_or(OpenError::Truncated)?;
    let (length, sealed) = rest.split_at_checked(LENGTH_LEN).ok_or(OpenError::Truncated)?;
    let length = length
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| OpenError::Truncated)?;
    match (sealed.len() as u64).cmp(&length) {
        std::cmp::Ordering::Less => Err(OpenError::Truncated),
        std::cmp::Ordering::Equal if sealed.len() >= NONCE_LEN + TAG_LEN => Ok(sealed),
        std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Err(OpenError::Damaged),
    }
}

/// The contents of a backup.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The version of these contents.
    pub schema: u32,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// What holds for all profiles.
    pub settings: Settings,
    /// The profiles in the person's order.
    pub profiles: Vec<Kept>,
}
record!(Backup {
    schema,
    made_ms,
    settings,
    profiles
});

/// A profile with what belongs to it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The profile.
    pub profile: Profile,
    /// Its secret.
    pub secret: Option<SecretRecord>,
    /// Its token.
    pub token: Option<StoredToken>,
}
record!(Kept { profile, secret, token });

/// Why contents that were opened can't be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentsError {
    /// A newer version wrote them.
    Newer,
    /// They are not what a backup holds; names what does not fit.
    Unfit(&'static str),
}

impl Backup {
    /// Puts one together.
    #[must_use]
    pub fn new(made_ms: u64, settings: Settings, profiles: Vec<Kept>) -> Self {
        Self {
            schema: CONTENTS,
            made_ms,
            settings,
            profiles,
        }
    }

    /// Reads contents, and refuses what no page of ours could have stored.
    pub fn read(contents: &Plain) -> Result<Self, ContentsError> {
        let schema: u32 = contents
            .member("schema")
            .map_err(|unfit| ContentsError::Unfit(unfit.0))?;
        if schema > CONTENTS {
            return Err(ContentsError::Newer);
        }
        let backup = Self::from_plain(contents).map_err(|unfit| ContentsError::Unfit(unfit.0))?;
        backup.settings.clone().checked().map_err(ContentsError::Unfit)?;
        for (place, kept) in backup.profiles.iter().enumerate() {
            let twice = backup.profiles[..place]
                .iter()
                .any(|other| other.profile.id == kept.profile.id);
            kept.checked().map_err(ContentsError::Unfit)?;
            if twice {
                return Err(ContentsError::Unfit("id"));
            }
        }
        Ok(backup)
    }
}

impl Kept {
    /// The id becomes part of a key in storage and of an address.
    fn checked(&self) -> Result<(), &'static str> {
        let profile = &self.profile;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if profile.id.is_empty() || profile.id.len() > 64 || !profile.id.bytes().all(plain) {
            return Err("id");
        }
        if profile.name.chars().count() > MAX_NAME {
            return Err("name");
        }
        profile.look.too_long().map_or(Ok(()), Err)
    }
}
