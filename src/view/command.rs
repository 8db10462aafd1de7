//! Messages between a page and the worker.

use crate::oauth::secret::CopiedText;
use crate::plain::record;
use crate::profile::{ProfileDraft, Settings};
use crate::vault::lock::EncodedKey;
use crate::vault::restore::Restored;

/// What a page asks for. The worker checks the sender before it reads one.
#[derive(Clone, Debug)]
pub enum Command {
    /// Write a profile, new or known.
    SaveProfile {
        /// The profile; none makes a new one.
        id: Option<String>,
        /// What the form holds. An empty secret of a known profile keeps the stored one.
        draft: Box<ProfileDraft>,
        /// Whether a flow starts at once.
        authorize: bool,
    },
    /// Write a copy of a profile with its secret, without its token, behind it.
    DuplicateProfile {
        /// The profile.
        profile: String,
    },
    /// Move a profile in the person's order.
    MoveProfile {
        /// The profile.
        profile: String,
        /// The one that it then stands before; none for the end.
        before: Option<String>,
    },
    /// Delete a profile with its secret and its token.
    DeleteProfile {
        /// The profile.
        profile: String,
    },
    /// Bring a profile back that was deleted a moment ago.
    UndoDelete {
        /// The profile.
        profile: String,
    },
    /// Write what holds for all profiles.
    SaveSettings {
        /// All of it.
        settings: Settings,
    },
    /// Write what the person chose of a backup, all of it or nothing.
    Restore {
        /// The profiles.
        profiles: Vec<Restored>,
        /// What holds for all of them, where that was chosen.
        settings: Option<Settings>,
    },
    /// Start a flow.
    Authorize {
        /// The profile.
        profile: String,
    },
    /// Renew a profile's token by its refresh token.
    Renew {
        /// The profile.
        profile: String,
    },
    /// Ask the servers whether a profile's token works.
    TestToken {
        /// The profile.
        profile: String,
    },
    /// The same once more, where a retry is still due.
    TryAgain {
        /// The profile.
        profile: String,
    },
    /// Ask the provider to end a profile's token.
    Revoke {
        /// The profile.
        profile: String,
    },
    /// Delete a profile's token from storage.
    RemoveToken {
        /// The profile.
        profile: String,
    },
    /// Remember how a profile's token was copied.
    ChooseFormat {
        /// The profile.
        profile: String,
        /// The format, by its name in `handoff`.
        format: String,
    },
    /// A text with a token in it is being copied: the clipboard is to be cleared of it.
    Copied {
        /// The text.
        text: CopiedText,
    },
    /// The browser was asked for the hosts that a flow needs.
    PermissionAnswered {
        /// The profile.
        profile: String,
        /// Whether it grants them.
        granted: bool,
    },
    /// Forget the traces of a profile.
    ClearTraces {
        /// The profile.
        profile: String,
    },
    /// Seal everything under another data key.
    SetPassphrase {
        /// The header that the page saw; empty when there was no passphrase.
        before: String,
        /// The new one.
        header: String,
        /// Its data key.
        key: EncodedKey,
    },
    /// Seal nothing any more.
    RemovePassphrase {
        /// The header that the page saw.
        before: String,
    },
    /// Open what is sealed.
    Unlock {
        /// The header that the page saw.
        header: String,
        /// Its data key.
        key: EncodedKey,
    },
    /// Lock what is sealed.
    Lock,
    /// Delete everything that is locked: nobody knows the passphrase.
    StartOver,
    /// Delete everything, after the tokens were revoked where the provider does that.
    Wipe {
        /// Whether to give back the access that the browser granted.
        access: bool,
    },
    /// Forget how that ended: the person has seen it.
    WipeSeen,
    /// Look storage through and put back what is damaged or missing: a page could not read it, or found nothing.
    Heal,
    /// Forget what was damaged: the person has seen it.
    Understood,
    /// A page opened and shows a flow under way: see that nothing was missed.
    Look,
    /// Give a flow up.
    Cancel {
        /// The flow.
        flow: String,
    },
    /// Forget the result of a profile's last flow.
    Dismiss {
        /// The profile.
        profile: String,
    },
}
record!(enum Command {
    SaveProfile { id, draft, authorize },
    DuplicateProfile { profile },
    MoveProfile { profile, before },
    DeleteProfile { profile },
    UndoDelete { profile },
    SaveSettings { settings },
    Restore { profiles, settings },
    Authorize { profile },
    Renew { profile },
    TestToken { profile },
    TryAgain { profile },
    Revoke { profile },
    RemoveToken { profile },
    ChooseFormat { profile, format },
    Copied { text },
    PermissionAnswered { profile, granted },
    ClearTraces { profile },
    SetPassphrase { before, header, key },
    RemovePassphrase { before },
    Unlock { header, key },
    Lock,
    StartOver,
    Wipe { access },
    WipeSeen,
    Heal,
    Understood,
    Look,
    Cancel { flow },
    Dismiss { profile },
});

/// The worker's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done.
    Done,
    /// The profile is written.
    Saved {
        /// Its id.
        profile: String,
    },
    /// The form's fields that are wrong; nothing was written.
    Invalid {
        /// Field and reason, as [`FieldError`](crate::profile::FieldError) names them.
        errors: Vec<(String, String)>,
    },
    /// It could not be done; nothing was lost.
    Failed {
        /// The browser's own words.
        message: String,
    },
}
record!(enum Reply { Done, Saved { profile }, Invalid { errors }, Failed { message } });
