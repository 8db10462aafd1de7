//! The profiles: the worker writes them, one after the other.

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::plain::Record as _;
use crate::profile::{Profile, ProfileDraft, validate, validate_keeping_secret};
use crate::vault::{self, Index, SecretRecord, keeps_secret};
use crate::view::Reply;

use super::super::api::answer;
use super::super::storage::{local, read, write};
use super::super::{clock, entropy};
use super::tokens::look_soon;
use super::with;

/// One profile is written after the other: each reads the index, adds to it and writes it back.
struct Turn(Option<Function>);

impl Turn {
    async fn wait() -> Self {
        let mut resolve = None;
        let mine = Promise::new(&mut |resolved, _| resolve = Some(resolved));
        let before = with(|worker| worker.saving.replace(mine));
        if let Some(before) = before {
            // It resolves and never rejects.
            let _ = JsFuture::from(before).await;
        }
        Self(resolve)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(resolve) = &self.0 {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Writes a profile with its secret and its place in the index, all at once.
pub(super) async fn save(id: Option<String>, draft: ProfileDraft) -> Result<Reply, JsValue> {
    let _turn = Turn::wait().await;
    let (id, known) = match id {
        Some(id) => (id, true),
        None => (entropy::name()?, false),
    };
    let (profile_key, secret_key) = (vault::profile_key(&id), vault::secret_key(&id));
    let records = read(
        &local(),
        &[vault::SCHEMA_KEY, vault::INDEX_KEY, &profile_key, &secret_key],
    )
    .await?;
    vault::check_schema(records.get(vault::SCHEMA_KEY)?).map_err(|error| js_sys::Error::new(&error.to_string()))?;
    let stored: Option<Profile> = records.get(&profile_key)?;
    if known && stored.is_none() {
        return Err(js_sys::Error::new("this profile is no longer there").into());
    }
    let secret: Option<SecretRecord> = records.get(&secret_key)?;
    let keep = stored.as_ref().is_some_and(|stored| keeps_secret(stored, &draft)) && secret.is_some();
    let checked = if keep {
        validate_keeping_secret(&draft)
    } else {
        validate(&draft)
    };
    let valid = match checked {
        Ok(valid) => valid,
        Err(errors) => {
            let errors = errors
                .into_iter()
                .map(|error| (error.field.to_owned(), error.code.to_owned()))
                .collect();
            return Ok(Reply::Invalid { errors });
        }
    };
    let token_endpoint = valid.provider.token_endpoint_url();
    let created_ms = stored.as_ref().map_or_else(clock::now_ms, |profile| profile.created_ms);
    let copy_as = stored.and_then(|profile| profile.copy_as);
    let (mut profile, client_secret) = valid.into_profile(id.clone(), created_ms);
    profile.copy_as = copy_as;
    let mut index: Index = records.get(vault::INDEX_KEY)?.unwrap_or_default();
    index.put(&id, &profile.name);
    let mut written = vec![
        (vault::SCHEMA_KEY, vault::SCHEMA.to_plain()),
        (vault::INDEX_KEY, index.to_plain()),
        (profile_key.as_str(), profile.to_plain()),
    ];
    if let Some(client_secret) = client_secret {
        let record = SecretRecord::new(client_secret, &token_endpoint);
        written.push((secret_key.as_str(), record.to_plain()));
    }
    answer(write(&local(), &written)).await?;
    look_soon();
    Ok(Reply::Saved { profile: id })
}

/// Remembers a format in the profile; one that is gone is no loss.
pub(super) async fn choose_format(id: &str, format: String) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let key = vault::profile_key(id);
    if let Some(mut profile) = read(&local(), &[&key]).await?.get::<Profile>(&key)? {
        profile.copy_as = Some(format);
        answer(write(&local(), &[(&key, profile.to_plain())])).await?;
    }
    Ok(())
}
