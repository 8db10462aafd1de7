//! The wish to delete everything, as it stands in storage until nothing is left.

use crate::plain::record;

/// How far it has got. It stands in `storage.local` before anything is done, so that whoever dies over it goes on; and in
/// `storage.session` once `storage.local` is about to be emptied, and afterwards, until the person has seen how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as it stands in storage"
)]
pub struct Wipe {
    /// Whether the access that the browser granted is given back as well.
    pub access: bool,
    /// Whether the provider was asked to revoke the tokens.
    pub asked: bool,
    /// How many it revoked.
    pub revoked: u32,
    /// How many stay valid, or may.
    pub kept: u32,
    /// Whether access had to stay, because a block that a living code needs goes by it.
    pub blocking: bool,
    /// Whether all of it is deleted.
    pub done: bool,
}
record!(Wipe {
    access,
    asked,
    revoked,
    kept,
    blocking,
    done
});
