//! Writing `storage.local`, which only the worker does: one batch after the other, each with its copy, its manifest and the texts
//! before; and healing it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::thread::LocalKey;

use js_sys::{Function, JSON, Object, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::plain::{Plain, Record as _};
use crate::profile::Profile;
use crate::vault::heal::{Damage, Manifest, Outcome, Plan, Stores, Value, plan};
use crate::vault::lock::{OpenKey, VaultRecord, sealing};
use crate::vault::stored::{Sealing, check_stored, former_key, read_stored, write_stored};
use crate::vault::{
    DAMAGE_KEY, INDEX_KEY, Index, IndexEntry, KEYS_KEY, SCHEMA, SCHEMA_KEY, SESSION_KEYS, UNSETTLED_KEY, VAULT_KEY,
    check_schema, has_former, own_keys, profile_key, stays_open,
};

use super::api::{self, StorageArea, answer, object, property, words};
use super::storage::{Records, ask, is_locked, local, session, set_sealing, take_sealing, to_js, with_sealing};
use super::{clock, copy, entropy, storage};

/// Where the session notes that storage was looked through.
const LOOKED_KEY: &str = "looked";

thread_local! {
    /// Ends with the last write of `storage.local`.
    static WRITING: RefCell<Option<Promise>> = const { RefCell::new(None) };
    /// Ends with the last write of the copy.
    static COPYING: RefCell<Option<Promise>> = const { RefCell::new(None) };
    /// Whether `storage.local` was emptied, to be filled again, and is not filled yet.
    static EMPTIED: Cell<bool> = const { Cell::new(false) };
}

/// One after the other: each counts on from the one before.
struct Queued(Option<Function>);

impl Queued {
    async fn wait(queue: &'static LocalKey<RefCell<Option<Promise>>>) -> Self {
        let mut resolve = None;
        let mine = Promise::new(&mut |resolved, _| resolve = Some(resolved));
        if let Some(before) = queue.replace(Some(mine)) {
            // It resolves and never rejects.
            let _ = JsFuture::from(before).await;
        }
        Self(resolve)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some(resolve) = &self.0 {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Waits for the writes before. Storage that was emptied and could not be filled again is healed first: nobody takes it for a
/// first run.
async fn turn() -> Result<Queued, JsValue> {
    let mut writing = Queued::wait(&WRITING).await;
    while EMPTIED.get() {
        drop(writing);
        heal().await?;
        writing = Queued::wait(&WRITING).await;
    }
    Ok(writing)
}

/// A batch on its way to `storage.local`.
#[derive(Default)]
struct Batch {
    items: Object,
    texts: Vec<(String, String)>,
}

impl Batch {
    fn put(&mut self, key: &str, text: String) {
        api::set(&self.items, key, &text.as_str().into());
        if has_former(key) {
            self.texts.push((key.to_owned(), text));
        }
    }

    /// Writes it, and then the copy: what waits for the write does not wait for the disk.
    async fn write(self, gone: Vec<String>) -> Result<(), JsValue> {
        answer(local().set(&self.items)).await?;
        copy_soon(self.texts, gone);
        Ok(())
    }
}

/// Has the copy follow. One that can't be written is made good when storage is looked through.
fn copy_soon(texts: Vec<(String, String)>, gone: Vec<String>) {
    spawn_local(async move {
        let _copying = Queued::wait(&COPYING).await;
        if let Err(error) = copy::write(&texts, &gone).await {
            warn("the copy could not be written:", &error);
        }
    });
}

fn warn(what: &str, error: &JsValue) {
    web_sys::console::warn_2(&what.into(), &words(error).into());
}

fn written(key: &str, generation: u64, json: &str, sealing: &Sealing) -> Result<String, JsValue> {
    let sealing = if stays_open(key) { &Sealing::Off } else { sealing };
    write_stored(key, generation, json, sealing, &entropy::bytes()?)
        .ok_or_else(|| js_sys::Error::new("the storage is locked").into())
}

fn json(plain: &Plain) -> Result<String, JsValue> {
    Ok(JSON::stringify(&to_js(plain)?)?.into())
}

fn text_in(items: &JsValue, key: &str) -> Option<String> {
    property(items, key).as_string()
}

fn generation_in(items: &JsValue, key: &str, place: &str) -> Option<u64> {
    let text = text_in(items, place)?;
    check_stored(key, &text).ok().map(|whole| whole.generation)
}

/// The generation of the next text. It goes by the clock: a text that was removed, or that only the copy has, may come into sight
/// again, and is not to outdo a later one.
fn next(last: Option<u64>) -> u64 {
    last.map_or(0, |last| last + 1).max(clock::now_ms())
}

/// Writes records to `storage.local` in one batch, all of them or none, and keeps the ones before where the kind of record asks
/// for it; returns when the browser has taken them.
pub(super) async fn store(records: &[(&str, Plain)]) -> Result<(), JsValue> {
    let _writing = turn().await?;
    let formers: Vec<String> = records.iter().map(|(key, _)| former_key(key)).collect();
    let keys = records.iter().map(|(key, _)| *key);
    let keys: Vec<&str> = keys
        .chain(formers.iter().map(String::as_str))
        .chain([SCHEMA_KEY])
        .collect();
    let before = everything(Some(&keys)).await?;
    refuse_newer(&before)?;
    let mut batch = Batch::default();
    let mut news = Vec::new();
    for ((key, record), former) in records.iter().zip(&formers) {
        if *key == SCHEMA_KEY {
            api::set(&batch.items, key, &to_js(record)?);
            continue;
        }
        let last = generation_in(&before, key, key).or_else(|| generation_in(&before, key, former));
        let stands = text_in(&before, key);
        if stands.is_none() {
            news.push(*key);
        }
        if let Some(text) = stands.filter(|text| has_former(key) && check_stored(key, text).is_ok()) {
            api::set(&batch.items, former, &text.into());
        }
        let text = with_sealing(|sealing| written(key, next(last), &json(record)?, sealing))?;
        batch.put(key, text);
    }
    if !news.is_empty() {
        expect(&mut batch, |manifest| manifest.add(news.into_iter())).await?;
    }
    batch.write(Vec::new()).await
}

/// What a newer version wrote is not written over.
fn refuse_newer(items: &JsValue) -> Result<(), JsValue> {
    let schema: Option<u32> = Records::new(items.clone()).get(SCHEMA_KEY).unwrap_or_default();
    check_schema(schema).map_err(|error| js_sys::Error::new(&error.to_string()).into())
}

/// Changes the manifest along with a batch.
async fn expect(batch: &mut Batch, change: impl FnOnce(&mut Manifest) -> bool) -> Result<(), JsValue> {
    let items = everything(Some(&[KEYS_KEY])).await?;
    let known = generation_in(&items, KEYS_KEY, KEYS_KEY);
    let stands = known.and_then(|_| Records::new(items).get(KEYS_KEY).ok().flatten());
    let mut manifest = if let Some(manifest) = stands {
        manifest
    } else {
        // Nobody knows: everything that is there.
        let mut manifest = Manifest::default();
        let keys = keys_of(&everything(None).await?);
        manifest.add(keys.iter().map(String::as_str));
        manifest
    };
    if change(&mut manifest) {
        let text = written(KEYS_KEY, next(known), &json(&manifest.to_plain())?, &Sealing::Off)?;
        batch.put(KEYS_KEY, text);
    }
    Ok(())
}

/// Removes records from `storage.local`, with those before them; returns when they are gone.
pub(super) async fn remove(keys: &[String]) -> Result<(), JsValue> {
    let writing = turn().await?;
    remove_in(&writing, keys).await
}

/// The same, for who has waited for the turn.
async fn remove_in(_writing: &Queued, keys: &[String]) -> Result<(), JsValue> {
    refuse_newer(&everything(Some(&[SCHEMA_KEY])).await?)?;
    // First nobody expects them: a kill between the two leaves records that nobody misses.
    let mut batch = Batch::default();
    expect(&mut batch, |manifest| manifest.remove(keys)).await?;
    batch.write(keys.to_vec()).await?;
    let keys: Vec<String> = keys.iter().flat_map(|key| [key.clone(), former_key(key)]).collect();
    answer(local().remove(&api::strings(keys.iter()))).await?;
    Ok(())
}

/// Deletes everything.
pub(super) async fn clear() -> Result<(), JsValue> {
    let _writing = Queued::wait(&WRITING).await;
    let _copying = Queued::wait(&COPYING).await;
    // Afterwards nothing could bring anything back.
    copy::delete().await?;
    answer(local().clear()).await?;
    EMPTIED.set(false);
    Ok(())
}

/// Seals everything under another key, or nothing any more, in one write: a kill leaves all of the old or all of the new. What
/// stood before each record is written over, too.
pub(super) async fn seal_anew(vault: &VaultRecord, open: Option<&OpenKey>) -> Result<SealedAnew, JsValue> {
    // What is missing now would be missing for good: former texts and the copy go.
    heal().await?;
    let writing = turn().await?;
    let all = answer(local().get_all(&JsValue::NULL)).await?;
    refuse_newer(&all)?;
    let new = sealing(Some(vault), open);
    let keys: Vec<String> = keys_of(&all);
    let records = Records::new(all.clone());
    let mut batch = Batch::default();
    for key in &keys {
        if key.starts_with('~') || *key == VAULT_KEY {
            continue;
        }
        if stays_open(key) {
            api::set(&batch.items, key, &property(&all, key));
            batch.texts.extend(
                text_in(&all, key)
                    .filter(|_| has_former(key))
                    .map(|text| (key.clone(), text)),
            );
            continue;
        }
        let plain = match records.plain(key) {
            // Where the next test or flow replaces it, what can't be read stands in nobody's way.
            Err(_) if !has_former(key) => Plain::Null,
            plain => plain?.unwrap_or(Plain::Null),
        };
        let (generation, json) = (next(generation_in(&all, key, key)), json(&plain)?);
        let text = written(key, generation, &json, &new)?;
        let former = former_key(key);
        if keys.contains(&former) {
            // By its number it is the one before, which tells that the copy's is the last one.
            let text = written(key, generation - 1, &json, &new)?;
            api::set(&batch.items, &former, &text.into());
        }
        batch.put(key, text);
    }
    let generation = next(generation_in(&all, VAULT_KEY, VAULT_KEY));
    batch.put(
        VAULT_KEY,
        written(VAULT_KEY, generation, &json(&vault.to_plain())?, &Sealing::Off)?,
    );
    expect(&mut batch, |manifest| manifest.add([VAULT_KEY].into_iter())).await?;
    let unsettled = written(UNSETTLED_KEY, next(None), &json(&Plain::Bool(true))?, &Sealing::Off)?;
    batch.put(UNSETTLED_KEY, unsettled);
    answer(local().set(&batch.items)).await?;
    api::unset(&batch.items, UNSETTLED_KEY);
    set_sealing(new);
    Ok(SealedAnew {
        _writing: writing,
        batch,
    })
}

/// Everything under another key; nothing else is written before it is [settled](SealedAnew::settle).
#[must_use]
pub(super) struct SealedAnew {
    _writing: Queued,
    batch: Batch,
}

impl SealedAnew {
    /// Makes storage and copy anew, so that what stood there before does not stay in the browser's files. Where that fails, all of
    /// it is written nevertheless, and left to be [settled](settle_left).
    pub(super) async fn settle(self) -> Result<(), JsValue> {
        make_anew(&self.batch).await
    }
}

/// What was sealed anew and not [settled](SealedAnew::settle), if anything was. It takes no key.
pub(super) async fn settle_left() -> Result<(), JsValue> {
    let _writing = turn().await?;
    let all = everything(None).await?;
    let schema: Option<u32> = Records::new(all.clone()).get(SCHEMA_KEY).unwrap_or_default();
    // What a newer version wrote is left alone.
    if schema != Some(SCHEMA) || property(&all, UNSETTLED_KEY).is_undefined() {
        return Ok(());
    }
    let mut batch = Batch::default();
    for key in keys_of(&all) {
        let value = property(&all, &key);
        if let Some(text) = value.as_string().filter(|_| has_former(&key) && !key.starts_with('~')) {
            batch.texts.push((key.clone(), text));
        }
        if key != UNSETTLED_KEY {
            api::set(&batch.items, &key, &value);
        }
    }
    make_anew(&batch).await
}

/// Empties storage and copy and fills them again. Whoever dies between the two finds the copy at the next start, and where filling
/// fails, whoever comes next does.
async fn make_anew(batch: &Batch) -> Result<(), JsValue> {
    let _copying = Queued::wait(&COPYING).await;
    copy::delete().await?;
    copy::write(&batch.texts, &[]).await?;
    answer(session().remove(&api::strings([LOOKED_KEY].iter()))).await?;
    EMPTIED.set(true);
    answer(local().clear()).await?;
    answer(local().set(&batch.items)).await?;
    EMPTIED.set(false);
    looked().await
}

fn keys_of(items: &JsValue) -> Vec<String> {
    let keys = Object::keys(items.unchecked_ref::<Object>());
    keys.iter().filter_map(|key| key.as_string()).collect()
}

/// Notes that storage was looked through.
async fn looked() -> Result<(), JsValue> {
    answer(session().set(&object([(LOOKED_KEY, true.into())]))).await?;
    Ok(())
}

/// Looks storage through, once while the browser runs.
pub(super) async fn look_through() -> Result<(), JsValue> {
    let items = answer(ask(&session(), &[LOOKED_KEY])).await?;
    if property(&items, LOOKED_KEY).is_truthy() {
        return Ok(());
    }
    heal().await?;
    looked().await
}

/// Reads these keys of `storage.local`, or all. Chromium refuses once what it can't read, and has deleted it when it is asked again.
async fn everything(keys: Option<&[&str]>) -> Result<JsValue, JsValue> {
    let ask = || match keys {
        Some(keys) => ask(&local(), keys),
        None => local().get_all(&JsValue::NULL),
    };
    match answer(ask()).await {
        Ok(items) => Ok(items),
        Err(_) => answer(ask()).await,
    }
}

/// Reads these keys of an area; heals `storage.local` when the browser can't read it.
pub(super) async fn read(area: &StorageArea, keys: &[&str]) -> Result<Records, JsValue> {
    if EMPTIED.get() {
        drop(turn().await?);
    }
    match storage::read(area, keys).await {
        Ok(records) => Ok(records),
        Err(error) => match heal().await {
            Ok(()) => storage::read(area, keys).await,
            Err(_) => Err(error),
        },
    }
}

fn manifest_in(stores: &Stores) -> Option<Manifest> {
    let json = read_stored(KEYS_KEY, stores.manifest_text()?, &Sealing::Off).ok()?;
    Manifest::from_plain(&serde_json::from_str(&json).ok()?).ok()
}

/// Puts back what is damaged or missing, and notes it for the person to see. What a newer version wrote is left alone.
pub(super) async fn heal() -> Result<(), JsValue> {
    let _writing = Queued::wait(&WRITING).await;
    let _copying = Queued::wait(&COPYING).await;
    let mut all = everything(None).await?;
    let mut copy = copy::read().await;
    if copy.is_err() && keys_of(&all).is_empty() {
        // All that there may be: a disk that is slow once is asked again.
        copy = copy::read().await;
    }
    if let Err(error) = &copy {
        warn("the copy could not be read:", error);
        if EMPTIED.get() {
            // All of it lies there.
            return Err(error.clone());
        }
    }
    // The browser keeps what it granted apart from storage.
    let used = copy.is_err() && api::any_host_granted().await;
    let mut stores = Stores {
        local: values_of(&all),
        copy: copy.unwrap_or_default(),
    };
    let found = Records::new(all.clone()).get::<u32>(SCHEMA_KEY).unwrap_or_default();
    let mut manifest = manifest_in(&stores);
    let schema = stores.schema(found, manifest.as_ref());
    if schema > SCHEMA {
        return Ok(());
    }
    if schema < SCHEMA {
        migrate(&all).await?;
        all = everything(None).await?;
        stores.local = values_of(&all);
        manifest = manifest_in(&stores);
    }
    let mut plan = plan(&stores, manifest.as_ref());
    plan.damaged.extend(stores.vanished(used));
    let numbered = found == Some(SCHEMA) || (stores.local.is_empty() && stores.copy.is_empty());
    put_back(&all, plan, !numbered, used).await?;
    EMPTIED.set(false);
    Ok(())
}

fn values_of(all: &JsValue) -> BTreeMap<String, Value> {
    let keys = keys_of(all).into_iter().filter(|key| key != SCHEMA_KEY);
    keys.map(|key| {
        let text = text_in(all, &key);
        (key, text.map_or(Value::Unreadable, Value::Text))
    })
    .collect()
}

/// `used` says that the copy is there and can't be read: its list of profiles is not to be outdone by an empty one.
async fn put_back(all: &JsValue, plan: Plan, number: bool, used: bool) -> Result<(), JsValue> {
    let mut batch = Batch::default();
    for (key, text) in &plan.local {
        api::set(&batch.items, key, &text.as_str().into());
    }
    if number {
        api::set(&batch.items, SCHEMA_KEY, &SCHEMA.into());
    }
    batch.texts = plan.copy;
    if !plan.named.is_empty() {
        let manifest = Manifest {
            keys: plan.named,
            ..Manifest::default()
        };
        let known = generation_in(all, KEYS_KEY, KEYS_KEY);
        batch.put(
            KEYS_KEY,
            written(KEYS_KEY, next(known), &json(&manifest.to_plain())?, &Sealing::Off)?,
        );
    }
    let whole = plan.damaged.is_empty();
    let index_lost = plan
        .damaged
        .iter()
        .any(|damaged| damaged.key == INDEX_KEY && damaged.outcome == Outcome::Lost);
    let mut damage: Damage = Records::new(all.clone())
        .get(DAMAGE_KEY)
        .unwrap_or_default()
        .unwrap_or_default();
    let mut gone = plan.gone;
    if plan.local.iter().any(|(key, _)| *key == VAULT_KEY) {
        // The disk has lost that everything was sealed under another passphrase. What has no copy is not, and all of it stands in the
        // files still.
        let kept = |key: &String| stays_open(key) || (has_former(key) && !key.starts_with('~'));
        gone.extend(keys_of(all).into_iter().filter(|key| !kept(key)));
        let unsettled = json(&Plain::Bool(true))?;
        api::set(
            &batch.items,
            UNSETTLED_KEY,
            &written(UNSETTLED_KEY, next(None), &unsettled, &Sealing::Off)?.into(),
        );
    }
    if !gone.is_empty() {
        answer(local().remove(&api::strings(gone.iter()))).await?;
    }
    if damage.add(plan.damaged) {
        let generation = next(generation_in(all, DAMAGE_KEY, DAMAGE_KEY));
        let report = json(&damage.to_plain())?;
        api::set(
            &batch.items,
            DAMAGE_KEY,
            &written(DAMAGE_KEY, generation, &report, &Sealing::Off)?.into(),
        );
    }
    if Object::keys(&batch.items).length() > 0 {
        answer(local().set(&batch.items)).await?;
    }
    if let Err(error) = copy::write(&batch.texts, &plan.surplus).await {
        warn("the copy could not be written:", &error);
        if whole {
            // Nothing in it is needed: where it is damaged itself, a new one is made at the next look.
            if let Err(error) = copy::delete().await {
                warn("the copy could not be deleted:", &error);
            }
        }
    }
    if index_lost && !(used && keys_of(all).is_empty()) {
        list_anew().await
    } else {
        Ok(())
    }
}

/// Makes a new index of the profiles that are there; while they are locked, it waits.
async fn list_anew() -> Result<(), JsValue> {
    let all = everything(None).await?;
    take_sealing(
        &storage::read(&session(), &SESSION_KEYS).await?,
        &Records::new(all.clone()),
    )?;
    if is_locked() {
        return Ok(());
    }
    let index = json(&index_of(&all).to_plain())?;
    let mut batch = Batch::default();
    batch.put(
        INDEX_KEY,
        with_sealing(|sealing| written(INDEX_KEY, next(None), &index, sealing))?,
    );
    batch.write(Vec::new()).await
}

/// The profiles whose records are there, where nobody knows their order any more.
fn index_of(all: &JsValue) -> Index {
    let records = Records::new(all.clone());
    let mut index = Index::default();
    for key in keys_of(all) {
        if key.starts_with("profile:")
            && let Ok(Some(profile)) = records.get::<Profile>(&key)
        {
            index.put(&profile.id, &profile.name);
        }
    }
    index
}

/// From the first schema, whose records stood as plain objects: all of them in one batch.
async fn migrate(all: &JsValue) -> Result<(), JsValue> {
    let records = Records::new(all.clone());
    let items = Object::new();
    let mut manifest = Manifest::default();
    for key in keys_of(all) {
        if key == SCHEMA_KEY || text_in(all, &key).is_some() {
            continue;
        }
        let plain = records.plain(&key)?.unwrap_or(Plain::Null);
        let text = with_sealing(|sealing| written(&key, 1, &json(&plain)?, sealing))?;
        api::set(&items, &key, &text.into());
        manifest.add([key.as_str()].into_iter());
    }
    let text = written(KEYS_KEY, 1, &json(&manifest.to_plain())?, &Sealing::Off)?;
    api::set(&items, KEYS_KEY, &text.into());
    api::set(&items, SCHEMA_KEY, &SCHEMA.into());
    answer(local().set(&items)).await?;
    Ok(())
}

/// The person has seen what was damaged; what is lost is expected no more. What belonged to a profile that is lost goes with it.
pub(super) async fn understood() -> Result<(), JsValue> {
    let records = read(&local(), &[DAMAGE_KEY, INDEX_KEY]).await?;
    let damage: Damage = records.get(DAMAGE_KEY)?.unwrap_or_default();
    let lost = damage.records.into_iter();
    let lost = lost.filter(|damaged| damaged.outcome == Outcome::Lost);
    let lost: Vec<String> = lost.map(|damaged| damaged.key).collect();
    let mut gone = still_gone(&turn().await?, &lost).await?;
    let mut index: Index = records.get(INDEX_KEY)?.unwrap_or_default();
    let without = |entry: &&IndexEntry| gone.contains(&profile_key(&entry.id));
    let ids: Vec<String> = index
        .entries
        .iter()
        .filter(without)
        .map(|entry| entry.id.clone())
        .collect();
    for id in &ids {
        index.remove(id);
        gone.extend(own_keys(id));
    }
    if !ids.is_empty() {
        store(&[(INDEX_KEY, index.to_plain())]).await?;
    }
    let writing = turn().await?;
    let again = still_gone(&writing, &lost).await?;
    gone.retain(|key| again.contains(key) || !lost.contains(key));
    gone.push(DAMAGE_KEY.to_owned());
    remove_in(&writing, &gone).await
}

/// Those of what was lost that have not been written anew since.
async fn still_gone(_writing: &Queued, lost: &[String]) -> Result<Vec<String>, JsValue> {
    let keys: Vec<&str> = lost.iter().map(String::as_str).collect();
    let items = everything(Some(&keys)).await?;
    let gone = lost.iter().filter(|key| generation_in(&items, key, key).is_none());
    Ok(gone.cloned().collect())
}
