//! What the person chose of a backup is written in one batch, or not at all.

use wasm_bindgen::JsValue;

use crate::flow::StoredToken;
use crate::plain::Record as _;
use crate::profile::Settings;
use crate::vault;
use crate::vault::restore::Restored;

use super::super::entropy;
use super::super::storage::local;
use super::super::writing::{read, store};
use super::profiles::{Turn, index_of};
use super::tokens::look_soon;
use super::with;

/// The person chose by what the page showed.
fn changed() -> JsValue {
    js_sys::Error::new("the profiles changed meanwhile; nothing was restored").into()
}

/// Writes profiles, and the settings. What is no longer as the page showed it is left alone, and everything else with it.
pub(super) async fn restore(profiles: Vec<Restored>, settings: Option<Settings>) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    // A flow may store a newer token between the read and the write.
    let busy = with(|worker| {
        let mut flows = worker.engine.flows.iter();
        flows.any(|flow| {
            profiles
                .iter()
                .any(|restored| restored.kept.profile.id == flow.profile())
        })
    });
    let unstored = with(|worker| {
        let mut ids = profiles.iter().map(|restored| &restored.kept.profile.id);
        ids.any(|id| worker.engine.unstored_of(id).is_some())
    });
    if unstored {
        let words = "a token of one of these profiles is not saved yet: save or remove it first; nothing was restored";
        return Err(js_sys::Error::new(words).into());
    }
    if busy {
        return Err(js_sys::Error::new("a flow of one of these profiles is under way; nothing was restored").into());
    }
    let tokens: Vec<String> = profiles
        .iter()
        .map(|restored| vault::token_key(&restored.kept.profile.id))
        .collect();
    let mut keys = vault::HEAD_KEYS.to_vec();
    keys.extend(tokens.iter().map(String::as_str));
    let records = read(&local(), &keys).await?;
    let mut index = index_of(&records)?;
    let mut written = vec![(vault::SCHEMA_KEY.to_owned(), vault::SCHEMA.to_plain())];
    for (Restored { kept, replaces, seen }, token_key) in profiles.into_iter().zip(&tokens) {
        let mut profile = kept.profile;
        if profile.id.is_empty() {
            profile.id = entropy::name()?;
        } else {
            let stored: Option<StoredToken> = records.get(token_key)?;
            let now = stored.map(|stored| stored.flow.0);
            let there = index.place(&profile.id).is_some();
            if there != replaces || (there && now != seen) {
                return Err(changed());
            }
        }
        index.put(&profile.id, &profile.name);
        written.push((vault::profile_key(&profile.id), profile.to_plain()));
        if let Some(secret) = kept.secret {
            written.push((vault::secret_key(&profile.id), secret.to_plain()));
        }
        if let Some(token) = kept.token {
            written.push((vault::token_key(&profile.id), token.to_plain()));
        }
    }
    written.push((vault::INDEX_KEY.to_owned(), index.to_plain()));
    if let Some(settings) = settings {
        let settings = settings.checked().map_err(js_sys::Error::new)?;
        written.push((vault::SETTINGS_KEY.to_owned(), settings.to_plain()));
    }
    let mut batch = Vec::with_capacity(written.len());
    for (key, plain) in &written {
        batch.push((key.as_str(), plain.clone()));
    }
    store(&batch).await?;
    look_soon();
    Ok(())
}
