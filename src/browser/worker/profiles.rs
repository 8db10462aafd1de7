//! The profiles and the settings: the worker writes them, one after the other.

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::oauth::text::clean;
use crate::plain::Record as _;
use crate::profile::{MAX_NAME, Profile, ProfileDraft, Settings, validate, validate_keeping_secret};
use crate::vault::{self, Index, SecretRecord, keeps_secret};
use crate::view::Reply;

use super::super::storage::{Records, local};
use super::super::writing::{read, store};
use super::super::{clock, entropy, texts};
use super::tokens::look_soon;
use super::with;

/// One profile is written after the other: each reads the index, adds to it and writes it back.
pub(super) struct Turn(Option<Function>);

impl Turn {
    pub(super) async fn wait() -> Self {
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

/// Whether these records, the schema's number among them, are not a newer version's.
pub(super) fn check_version(records: &Records) -> Result<(), JsValue> {
    vault::check_schema(records.get(vault::SCHEMA_KEY)?).map_err(|error| js_sys::Error::new(&error.to_string()).into())
}

/// The index, unless a newer version wrote it.
pub(super) fn index_of(records: &Records) -> Result<Index, JsValue> {
    check_version(records)?;
    Ok(records.get(vault::INDEX_KEY)?.unwrap_or_default())
}

/// A page still shows what another one deleted.
pub(super) fn gone() -> JsValue {
    js_sys::Error::new("this profile is no longer there").into()
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
    let mut index = index_of(&records)?;
    let stored: Option<Profile> = records.get(&profile_key)?;
    // Until the trash is emptied, the record of a deleted profile may still be there.
    if known && (stored.is_none() || index.place(&id).is_none()) {
        return Err(gone());
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
    let (mut profile, client_secret) = valid.into_profile(id.clone(), created_ms);
    if let Some(stored) = stored {
        profile.take_place_of(stored);
    }
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
    store(&written).await?;
    look_soon();
    Ok(Reply::Saved { profile: id })
}

/// Writes a copy of a profile and its secret behind it; a token belongs to one profile only.
pub(super) async fn save_copy(id: &str) -> Result<Reply, JsValue> {
    let _turn = Turn::wait().await;
    let (profile_key, secret_key) = (vault::profile_key(id), vault::secret_key(id));
    let [schema, index] = vault::HEAD_KEYS;
    let records = read(&local(), &[schema, index, &profile_key, &secret_key]).await?;
    let mut index = index_of(&records)?;
    let mut profile: Profile = records.get(&profile_key)?.ok_or_else(gone)?;
    let place = index.place(id).ok_or_else(gone)?;
    let copy = entropy::name()?;
    // Room for the word that says so.
    let name = clean(&profile.name, MAX_NAME - 20);
    profile.name = clean(&texts::text_with("profile_copy", &[&name]), MAX_NAME);
    profile.id.clone_from(&copy);
    profile.created_ms = clock::now_ms();
    index.insert(place + 1, &copy, &profile.name);
    let (profile_key, copied_key) = (vault::profile_key(&copy), vault::secret_key(&copy));
    let mut written = vec![
        (vault::INDEX_KEY, index.to_plain()),
        (profile_key.as_str(), profile.to_plain()),
    ];
    if let Some(secret) = records.get::<SecretRecord>(&secret_key)? {
        written.push((copied_key.as_str(), secret.to_plain()));
    }
    store(&written).await?;
    Ok(Reply::Saved { profile: copy })
}

/// Moves a profile in the person's order.
pub(super) async fn move_profile(id: &str, before: Option<&str>) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let mut index = index_of(&read(&local(), &vault::HEAD_KEYS).await?)?;
    index.move_before(id, before);
    store(&[(vault::INDEX_KEY, index.to_plain())]).await?;
    Ok(())
}

/// Writes what holds for all profiles.
pub(super) async fn save_settings(settings: Settings) -> Result<Reply, JsValue> {
    let _turn = Turn::wait().await;
    // Nothing of a newer version is written over.
    index_of(&read(&local(), &vault::HEAD_KEYS).await?)?;
    match settings.checked() {
        Ok(settings) => {
            let written = [
                (vault::SCHEMA_KEY, vault::SCHEMA.to_plain()),
                (vault::SETTINGS_KEY, settings.to_plain()),
            ];
            store(&written).await?;
            look_soon();
            Ok(Reply::Done)
        }
        Err(code) => Ok(Reply::Invalid {
            errors: vec![("remind_days".to_owned(), code.to_owned())],
        }),
    }
}

/// Remembers a format in the profile; one that is gone is no loss.
pub(super) async fn choose_format(id: &str, format: String) -> Result<(), JsValue> {
    let _turn = Turn::wait().await;
    let key = vault::profile_key(id);
    if let Some(mut profile) = read(&local(), &[&key]).await?.get::<Profile>(&key)? {
        profile.copy_as = Some(format);
        store(&[(&key, profile.to_plain())]).await?;
    }
    Ok(())
}
