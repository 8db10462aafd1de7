//! From a passphrase to a key: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use super::seal::{KEY_LEN, Key};

/// The length of a salt (RFC 9106 section 3.1 recommends 16 bytes).
pub const SALT_LEN: usize = 16;

/// How much a guess costs. What is below the floor or above the ceiling is refused, whoever wrote it: a file must neither
/// make guessing cheap nor ask for more memory than a browser has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParams {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes. WebAssembly has one thread, so that more than one gain nothing here.
    pub lanes: u32,
}

/// The parameters can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KdfError {
    /// Below the floor or above the ceiling.
    #[error("the parameters of the key derivation are refused")]
    Refused,
    /// The browser gives no more.
    #[error("there is not enough memory for the key derivation")]
    OutOfMemory,
}

impl KdfParams {
    /// What new headers get (DESIGN.md section 6).
    pub const NEW: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };
    /// OWASP's Password Storage Cheat Sheet: the least that is worth the name.
    pub const FLOOR: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// The most that a header may ask for.
    pub const CEILING: Self = Self {
        memory_kib: 256 * 1024,
        passes: 10,
        lanes: 4,
    };

    /// Refuses what no header of ours has.
    pub fn checked(self) -> Result<Self, KdfError> {
        let within = |value: u32, floor: u32, ceiling: u32| (floor..=ceiling).contains(&value);
        let (floor, ceiling) = (Self::FLOOR, Self::CEILING);
        let fits = within(self.memory_kib, floor.memory_kib, ceiling.memory_kib)
            && within(self.passes, floor.passes, ceiling.passes)
            && within(self.lanes, floor.lanes, ceiling.lanes);
        if fits { Ok(self) } else { Err(KdfError::Refused) }
    }
}

/// The key of a passphrase.
pub fn derive(passphrase: &Passphrase, salt: &[u8; SALT_LEN], params: KdfParams) -> Result<Key, KdfError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    argon2id(passphrase.expose(), salt, &[], &[], params.checked()?, &mut *key)?;
    Ok(Key::new(key))
}

/// Argon2id, version 1.3, with all its inputs and without the floor: for [`derive`], and for the vectors, whose
/// parameters are small.
pub fn argon2id(
    password: &[u8],
    salt: &[u8],
    secret: &[u8],
    data: &[u8],
    params: KdfParams,
    out: &mut [u8],
) -> Result<(), KdfError> {
    let mut builder = ParamsBuilder::new();
    builder
        .m_cost(params.memory_kib)
        .t_cost(params.passes)
        .p_cost(params.lanes)
        .output_len(out.len())
        .data(AssociatedData::new(data).map_err(refused)?);
    let params = builder.build().map_err(refused)?;
    Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params)
        .and_then(|argon2| argon2.hash_password_into(password, salt, out))
        .map_err(refused)
}

// By value, for `map_err`.
#[allow(clippy::needless_pass_by_value)]
fn refused(error: argon2::Error) -> KdfError {
    match error {
        argon2::Error::OutOfMemory => KdfError::OutOfMemory,
        _ => KdfError::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_headers_are_within_the_limits() {
        assert_eq!(KdfParams::NEW.checked(), Ok(KdfParams::NEW));
        assert_eq!(KdfParams::FLOOR.checked(), Ok(KdfParams::FLOOR));
        assert_eq!(KdfParams::CEILING.checked(), Ok(KdfParams::CEILING));
    }

    /// By their numbers, which stand in no other place of this crate: a floor that sinks would go unnoticed.
    #[test]
    fn the_limits_are_those_of_the_design() {
        let [floor, new, ceiling] = [KdfParams::FLOOR, KdfParams::NEW, KdfParams::CEILING]
            .map(|params| (params.memory_kib, params.passes, params.lanes));
        assert_eq!(
            (floor, new, ceiling),
            ((19_456, 2, 1), (65_536, 3, 1), (262_144, 10, 4))
        );
    }

    #[test]
    fn too_little_memory_is_told_from_what_is_refused() {
        assert_eq!(refused(argon2::Error::OutOfMemory), KdfError::OutOfMemory);
        assert_eq!(refused(argon2::Error::SaltTooShort), KdfError::Refused);
    }

    #[test]
    fn parameters_beyond_the_limits_are_refused_before_anything_is_computed() {
        let (floor, ceiling) = (KdfParams::FLOOR, KdfParams::CEILING);
        for params in [
            KdfParams {
                memory_kib: floor.memory_kib - 1,
                ..floor
            },
            KdfParams {
                passes: floor.passes - 1,
                ..floor
            },
            KdfParams { lanes: 0, ..floor },
            KdfParams {
                memory_kib: 0,
                passes: 0,
                lanes: 0,
            },
            KdfParams {
                memory_kib: ceiling.memory_kib + 1,
                ..floor
            },
            KdfParams {
                memory_kib: 4 * 1024 * 1024,
                ..floor
            },
            KdfParams {
                memory_kib: u32::MAX,
                ..floor
            },
            KdfParams {
                passes: ceiling.passes + 1,
                ..floor
            },
            KdfParams {
                passes: u32::MAX,
                ..floor
            },
            KdfParams {
                lanes: ceiling.lanes + 1,
                ..floor
            },
            KdfParams {
                lanes: u32::MAX,
                ..floor
            },
        ] {
            assert_eq!(params.checked(), Err(KdfError::Refused), "{params:?}");
            let derived = derive(&Passphrase::new("correct horse battery"), &[7; SALT_LEN], params);
            assert_eq!(derived.err(), Some(KdfError::Refused), "{params:?}");
        }
    }
}
