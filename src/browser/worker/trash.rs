//! Deleted profiles: out of sight at once, and for a minute not out of the world.

use wasm_bindgen::JsValue;

use crate::flow::Event;
use crate::plain::Record as _;
use crate::vault::{self, IndexEntry, Trash, UNDO_MS};

use super::super::api::answer;
use super::super::clock;
use super::super::storage::local;
use super::super::writing::{read, remove, store};
use super::effects::set_alarm;
use super::profiles::{Turn, gone, index_of};
use super::tokens::look_soon;
use super::{start, work_off};

/// The alarm after which a deletion can't be undone.
pub(super) const TRASH_ALARM: &str = "trash";

/// Moves a profile into the trash: one write takes it out of the index, and out of sight. Its records stay where they are,
/// so that a token that is on its way finds its place.
pub(super) async fn delete(id: &str) -> Result<(), JsValue> {
    index_of(&read(&local(), &vault::HEAD_KEYS).await?)?
        .place(id)
        .ok_or_else(gone)?;
    // The one that lies there goes for good, and so does one that another page has put there meanwhile.
    let _turn = loop {
        empty_trash().await?;
        let turn = Turn::wait().await;
        if in_trash().await?.is_none() {
            break turn;
        }
    };
    let mut index = index_of(&read(&local(), &vault::HEAD_KEYS).await?)?;
    let (place, entry) = index.remove(id).ok_or_else(gone)?;
    let trash = Trash {
        entry,
        place: u32::try_from(place).unwrap_or(u32::MAX),
    };
    let written = [
        (vault::INDEX_KEY, index.to_plain()),
        (vault::TRASH_KEY, trash.to_plain()),
    ];
    // Before the write: without it the trash would stay for as long as the browser runs.
    answer(set_alarm(TRASH_ALARM, Some(clock::now_ms() + UNDO_MS))).await?;
    store(&written).await?;
    // No test of its token is tried again.
    answer(set_alarm(&vault::check_key(id), None)).await?;
    look_soon();
    Ok(())
}

/// Brings the profile back to its place.
pub(super) async fn undo_delete(id: &str) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let [schema, index] = vault::HEAD_KEYS;
    let records = read(&local(), &[schema, index, vault::TRASH_KEY]).await?;
    let mut index = index_of(&records)?;
    let trash: Option<Trash> = records.get(vault::TRASH_KEY)?;
    let Some(Trash { entry, place }) = trash.filter(|trash| trash.entry.id == id) else {
        return Err(gone());
    };
    if index.place(id).is_none() {
        index.insert(place as usize, id, &entry.name);
        store(&[(vault::INDEX_KEY, index.to_plain())]).await?;
    }
    remove(&[vault::TRASH_KEY.to_owned()]).await?;
    look_soon();
    Ok(())
}

/// Removes what was deleted, for good.
pub(super) async fn empty_trash() -> Result<(), JsValue> {
    start().await?;
    let Some((entry, deleted)) = in_trash().await? else {
        return Ok(());
    };
    // A worker that dies over this is woken again.
    answer(set_alarm(TRASH_ALARM, Some(clock::now_ms() + UNDO_MS))).await?;
    if deleted {
        // Before its records go: an answer that comes later is not stored any more, and one that is being stored is there to
        // go with them.
        work_off(Event::ProfileDeleted {
            profile: entry.id,
            for_good: true,
        })
        .await;
    }
    let _turn = Turn::wait().await;
    // Looked at again: the profile may have come back meanwhile.
    if let Some((entry, deleted)) = in_trash().await? {
        let mut keys = vec![vault::TRASH_KEY.to_owned()];
        if deleted {
            keys.extend(vault::own_keys(&entry.id));
        }
        remove(&keys).await?;
    }
    answer(set_alarm(TRASH_ALARM, None)).await?;
    Ok(())
}

/// What lies in the trash, and whether it was deleted: brought back, it may lie there still.
pub(super) async fn in_trash() -> Result<Option<(IndexEntry, bool)>, JsValue> {
    let trash: Option<Trash> = read(&local(), &[vault::TRASH_KEY]).await?.get(vault::TRASH_KEY)?;
    let Some(Trash { entry, .. }) = trash else {
        return Ok(None);
    };
    let index = index_of(&read(&local(), &vault::HEAD_KEYS).await?)?;
    let deleted = index.place(&entry.id).is_none();
    Ok(Some((entry, deleted)))
}
