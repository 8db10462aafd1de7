//! The traces in storage. They are written when nothing else is to be done, and one that is lost is no failure.

use wasm_bindgen::JsValue;

use crate::flow::trace::{Trace, merged};
use crate::plain::Record as _;
use crate::profile::Profile;
use crate::vault;

use super::super::storage::local;
use super::super::writing::{read, store};
use super::profiles::Turn;
use super::with;

/// Writes what the recorder has, a profile at a time.
pub(super) async fn write_traces() -> Result<(), JsValue> {
    if with(|worker| !worker.recorder.is_due(&worker.engine)) {
        return Ok(());
    }
    // A profile that is being deleted is gone or there, and nothing between.
    let _turn = Turn::wait().await;
    let mut new = with(|worker| worker.recorder.take(&worker.engine));
    while let Some(first) = new.first() {
        let profile = first.profile.clone();
        let (own, others) = new.into_iter().partition(|trace| trace.profile == profile);
        new = others;
        let (profile_key, key) = (vault::profile_key(&profile), vault::traces_key(&profile));
        let records = read(&local(), &[&profile_key, &key]).await?;
        // A profile that was deleted leaves nothing behind.
        if records.get::<Profile>(&profile_key)?.is_none() {
            continue;
        }
        // Traces that can't be read are no reason not to write new ones.
        let stored: Vec<Trace> = records.get(&key).ok().flatten().unwrap_or_default();
        let traces = with(|worker| merged(stored, own, &worker.engine));
        store(&[(&key, traces.to_plain())]).await?;
    }
    Ok(())
}

/// Forgets the traces of a profile.
pub(super) async fn clear(profile: &str) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let none: Vec<Trace> = Vec::new();
    store(&[(&vault::traces_key(profile), none.to_plain())]).await?;
    Ok(())
}
