//! Deleted profiles: out of sight at once, and for a minute not out of the world.

use wasm_bindgen::JsValue;

use crate::flow::{Event, StoredToken};
use crate::plain::Record as _;
use crate::profile::Profile;
use crate::vault::{self, Index, SecretRecord, Trash, UNDO_MS};

use super::super::api::answer;
use super::super::clock;
use super::super::storage::{local, read, remove, write};
use super::effects::set_alarm;
use super::profiles::{Turn, gone, index_of};
use super::tokens::look_soon;
use super::{dispatch, start};

/// The alarm after which a deletion can't be undone.
pub(super) const TRASH_ALARM: &str = "trash";

/// The keys of a profile's own records.
fn own_keys(id: &str) -> [String; 5] {
    [
        vault::profile_key(id),
        vault::secret_key(id),
        vault::token_key(id),
        vault::traces_key(id),
        vault::check_key(id),
    ]
}

/// Moves a profile into the trash. One write takes it out of the index and into the trash; what stands under its own
/// keys goes afterwards, and a kill in between leaves nothing that shows or that is not removed with the trash.
pub(super) async fn delete(id: &str) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let own = own_keys(id);
    let [profile_key, secret_key, token_key, ..] = &own;
    let [schema, index] = vault::HEAD_KEYS;
    let keys = [schema, index, vault::TRASH_KEY, profile_key, secret_key, token_key];
    let records = read(&local(), &keys).await?;
    let mut index = index_of(&records)?;
    let (place, _) = index.remove(id).ok_or_else(gone)?;
    let trash = Trash {
        profile: records.get::<Profile>(profile_key)?.ok_or_else(gone)?,
        secret: records.get::<SecretRecord>(secret_key)?,
        token: records.get::<StoredToken>(token_key)?,
        place: u32::try_from(place).unwrap_or(u32::MAX),
    };
    // The one that lies there goes for good, with what a kill may have left of it.
    if let Some(older) = records.get::<Trash>(vault::TRASH_KEY)? {
        remove_leftovers(&index, &older).await?;
    }
    let written = [
        (vault::INDEX_KEY, index.to_plain()),
        (vault::TRASH_KEY, trash.to_plain()),
    ];
    // Before the write: without it the trash would stay for as long as the browser runs.
    answer(set_alarm(TRASH_ALARM, Some(clock::now_ms() + UNDO_MS))).await?;
    answer(write(&local(), &written)).await?;
    answer(remove(&local(), &own)).await?;
    // No test of its token is tried again.
    answer(set_alarm(&vault::check_key(id), None)).await?;
    look_soon();
    Ok(())
}

/// Brings the profile back with its secret, its token and its place.
pub(super) async fn undo_delete(id: &str) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let [profile_key, secret_key, token_key, ..] = &own_keys(id);
    let [schema, index] = vault::HEAD_KEYS;
    let records = read(&local(), &[schema, index, vault::TRASH_KEY, token_key]).await?;
    let mut index = index_of(&records)?;
    let trash: Option<Trash> = records.get(vault::TRASH_KEY)?;
    let Some(trash) = trash.filter(|trash| trash.profile.id == id) else {
        return Err(gone());
    };
    if index.place(id).is_none() {
        index.insert(trash.place as usize, id, &trash.profile.name);
    }
    let mut written = vec![
        (vault::INDEX_KEY, index.to_plain()),
        (profile_key.as_str(), trash.profile.to_plain()),
    ];
    if let Some(secret) = &trash.secret {
        written.push((secret_key.as_str(), secret.to_plain()));
    }
    // One that came after the deletion is the newer one.
    let newer: Option<StoredToken> = records.get(token_key)?;
    if let Some(token) = trash.token.as_ref().filter(|_| newer.is_none()) {
        written.push((token_key.as_str(), token.to_plain()));
    }
    answer(write(&local(), &written)).await?;
    answer(remove(&local(), &[vault::TRASH_KEY.to_owned()])).await?;
    look_soon();
    Ok(())
}

/// Removes what was deleted, for good.
pub(super) async fn empty_trash() -> Result<(), JsValue> {
    start().await?;
    let turn = Turn::wait().await;
    let [schema, index] = vault::HEAD_KEYS;
    let records = read(&local(), &[schema, index, vault::TRASH_KEY]).await?;
    let Some(trash) = records.get::<Trash>(vault::TRASH_KEY)? else {
        return Ok(());
    };
    let deleted = remove_leftovers(&index_of(&records)?, &trash).await?;
    answer(remove(&local(), &[vault::TRASH_KEY.to_owned()])).await?;
    drop(turn);
    if deleted {
        // A flow that was started while the profile was being deleted.
        dispatch(Event::ProfileDeleted(trash.profile.id)).await;
    }
    Ok(())
}

/// Removes the own records of a deleted profile, unless it was brought back and only the trash was left. Says which.
async fn remove_leftovers(index: &Index, trash: &Trash) -> Result<bool, JsValue> {
    let id = &trash.profile.id;
    let deleted = index.place(id).is_none();
    if deleted {
        answer(remove(&local(), &own_keys(id))).await?;
    }
    Ok(deleted)
}
