//! The beginning of what is sealed under a passphrase: how its key is derived, and the data key under that key.
//!
//! 112 bytes, numbers big-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `89 54 4B 45 45 50 0D 0A`: no text, and broken by whoever changes line ends |
//! | 8 | 2 | the version: 1 |
//! | 10 | 1 | what it begins: 1 a backup, 2 a browser's storage |
//! | 11 | 1 | the key derivation: 1 Argon2id, version 1.3 |
//! | 12 | 4 | its memory in KiB |
//! | 16 | 4 | its passes |
//! | 20 | 4 | its lanes |
//! | 24 | 16 | its salt |
//! | 40 | 24 | the nonce of the data key |
//! | 64 | 48 | the data key, sealed by XChaCha20-Poly1305 under the derived key; the 64 bytes before are its associated data |
//!
//! All 112 bytes are associated data of every record that is sealed under the data key. Another passphrase wraps the same
//! data key anew; nothing else has to be sealed again but what is bound to the header.

use zeroize::Zeroizing;

use super::kdf::{KdfError, KdfParams, SALT_LEN, derive};
use super::passphrase::Passphrase;
use super::seal::{KEY_LEN, Key, NONCE_LEN, TAG_LEN, decrypt, encrypt};

/// The length of a header.
pub const HEADER_LEN: usize = NONCE_AT + NONCE_LEN + KEY_LEN + TAG_LEN;
/// The version that this code writes.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"\x89TKEEP\r\n";
const KIND_AT: usize = 10;
const SALT_AT: usize = 24;
const NONCE_AT: usize = 40;
const WRAPPED_AT: usize = 64;
const ARGON2ID: u8 = 1;

/// What a header begins. The numbers stand in files: none is ever used anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// A backup in a file.
    Backup = 1,
    /// The storage of a browser.
    Vault = 2,
}

/// What is drawn at random for a new header.
pub struct HeaderEntropy {
    /// For the key derivation.
    pub salt: [u8; SALT_LEN],
    /// For wrapping the data key.
    pub nonce: [u8; NONCE_LEN],
    /// The data key.
    pub key: Zeroizing<[u8; KEY_LEN]>,
}

/// A header that this code can read. Whether its passphrase is right shows when it is unlocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; HEADER_LEN],
    params: KdfParams,
}

/// Why what is sealed can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It begins with other bytes.
    #[error("this is no file of Tokenkeep's backups")]
    Foreign,
    /// It ends too soon.
    #[error("the end is missing")]
    Truncated,
    /// A newer version wrote it.
    #[error("a newer version wrote it: {found}")]
    NewerVersion {
        /// The version found.
        found: u16,
    },
    /// The key derivation is unknown, or its parameters are below the floor or above the ceiling.
    #[error("the parameters of the key derivation are refused")]
    RefusedParameters,
    /// The browser has not enough memory for the key derivation.
    #[error("there is not enough memory for the key derivation")]
    OutOfMemory,
    /// The data key does not open. The cipher can't tell a wrong passphrase from a damaged header.
    #[error("the passphrase is wrong, or the file is damaged")]
    WrongPassphrase,
    /// The passphrase is right, and what follows is not what was sealed.
    #[error("the file is damaged")]
    Damaged,
}

impl OpenError {
    /// As a key for the texts.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Truncated => "truncated",
            Self::NewerVersion { .. } => "newer_version",
            Self::RefusedParameters => "refused_parameters",
            Self::OutOfMemory => "out_of_memory",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Damaged => "damaged",
        }
    }
}

impl From<KdfError> for OpenError {
    fn from(error: KdfError) -> Self {
        match error {
            KdfError::Refused => Self::RefusedParameters,
            KdfError::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl Header {
    /// Makes a header for a new data key, and gives that key.
    pub fn create(
        begins: Begins,
        passphrase: &Passphrase,
        params: KdfParams,
        entropy: HeaderEntropy,
    ) -> Result<(Self, Key), OpenError> {
        let mut bytes = [0; HEADER_LEN];
        bytes[..KIND_AT - 2].copy_from_slice(&MAGIC);
        bytes[KIND_AT - 2..KIND_AT].copy_from_slice(&VERSION.to_be_bytes());
        bytes[KIND_AT] = begins as u8;
        bytes[KIND_AT + 1] = ARGON2ID;
        for (place, number) in [(12, params.memory_kib), (16, params.passes), (20, params.lanes)] {
            bytes[place..place + 4].copy_from_slice(&number.to_be_bytes());
        }
        bytes[SALT_AT..NONCE_AT].copy_from_slice(&entropy.salt);
        bytes[NONCE_AT..WRAPPED_AT].copy_from_slice(&entropy.nonce);
        let kek = derive(passphrase, &entropy.salt, params)?;
        let wrapped = encrypt(
            kek.expose(),
            &entropy.nonce,
            &bytes[..WRAPPED_AT],
            entropy.key.as_slice(),
        )
        .ok_or(OpenError::Damaged)?;
        bytes[WRAPPED_AT..].copy_from_slice(&wrapped);
        Ok((Self { bytes, params }, Key::new(entropy.key)))
    }

    /// Reads the beginning of a file, and refuses what must not be computed.
    pub fn parse(begins: Begins, file: &[u8]) -> Result<Self, OpenError> {
        let known = file.len().min(MAGIC.len());
        if file[..known] != MAGIC[..known] || file.is_empty() {
            return Err(OpenError::Foreign);
        }
        let number = |place: usize| {
            let bytes: [u8; 4] = file.get(place..place + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        // The version first: what follows it may be another length in a newer one.
        let version: [u8; 2] = file
            .get(KIND_AT - 2..KIND_AT)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(OpenError::Truncated)?;
        let found = u16::from_be_bytes(version);
        if found > VERSION {
            return Err(OpenError::NewerVersion { found });
        }
        let bytes: [u8; HEADER_LEN] = file
            .get(..HEADER_LEN)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(OpenError::Truncated)?;
        if found != VERSION || bytes[KIND_AT] != begins as u8 {
            return Err(OpenError::Foreign);
        }
        if bytes[KIND_AT + 1] != ARGON2ID {
            return Err(OpenError::RefusedParameters);
        }
        let [Some(memory_kib), Some(passes), Some(lanes)] = [12, 16, 20].map(number) else {
            return Err(OpenError::Truncated);
        };
        let params = KdfParams {
            memory_kib,
            passes,
            lanes,
        }
        .checked()?;
        Ok(Self { bytes, params })
    }

    /// Its bytes: the beginning of the file, and the associated data of what is sealed under its key.
    #[must_use]
    pub fn bytes(&self) -> &[u8; HEADER_LEN] {
        &self.bytes
    }

    /// The data key. Takes as long as the parameters say.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<Key, OpenError> {
        let mut salt = [0; SALT_LEN];
        salt.copy_from_slice(&self.bytes[SALT_AT..NONCE_AT]);
        let kek = derive(passphrase, &salt, self.params)?;
        let (data, wrapped) = self.bytes.split_at(WRAPPED_AT);
        let opened = decrypt(kek.expose(), &data[NONCE_AT..], data, wrapped).ok_or(OpenError::WrongPassphrase)?;
        let opened = Zeroizing::new(opened);
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if opened.len() != KEY_LEN {
            return Err(OpenError::WrongPassphrase);
        }
        key.copy_from_slice(&opened);
        Ok(Key::new(key))
    }
}
