//! The worker's writes, in the order of `browser/writing.rs` and of the commands that write more than one record; a worker may
//! die between any two of them, and a browser in the middle of one.

use tokenkeep::flow::{Event, StoredToken};
use tokenkeep::vault::heal::{Damage, Damaged, Manifest, Outcome, Plan, plan};
use tokenkeep::vault::stored::{check_stored, former_key};
use tokenkeep::vault::{
    DAMAGE_KEY, INDEX_KEY, Index, KEYS_KEY, SCHEMA, TRASH_KEY, Trash, has_former, own_keys, profile_key,
    profile_of_token, token_key,
};

use crate::storage::{Harm, Pace, Storage, Texts, json, record, written};
use crate::world::{Broken, World};

/// Why something is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The browser refuses it, and the person is told.
    Refused,
    /// The worker is dead.
    Died,
}

/// A batch on its way to `storage.local`.
#[derive(Default)]
struct Batch {
    items: Texts,
    texts: Texts,
}

impl Batch {
    fn put(&mut self, key: &str, text: String) {
        if has_former(key) {
            self.texts.push((key.to_owned(), text.clone()));
        }
        self.items.push((key.to_owned(), text));
    }
}

fn manifest_in(storage: &Storage) -> Option<Manifest> {
    record(KEYS_KEY, storage.stores.manifest_text()?)
}

impl World {
    /// The generation of the next text: the time, in which no two writes are at the same millisecond.
    fn next(&self, last: Option<u64>) -> u64 {
        let now_ms = self.now_ms.max(self.storage.clock_ms);
        last.map_or(0, |last| last + 1).max(now_ms)
    }

    /// Writes records in one batch, and keeps the ones before.
    pub(crate) fn store(&mut self, records: &[(&str, String)]) -> Result<(), Stopped> {
        let mut batch = Batch::default();
        let mut news = Vec::new();
        for (key, record) in records {
            let former = former_key(key);
            let last = self.storage.generation(key, key);
            let stands = self.storage.text(key);
            let whole = last.is_some();
            let last = last.or_else(|| self.storage.generation(key, &former));
            if stands.is_none() {
                news.push(*key);
            }
            if let Some(text) = stands.filter(|_| whole && has_former(key)) {
                batch.items.push((former, text.to_owned()));
            }
            batch.put(key, written(key, self.next(last), record));
        }
        if !news.is_empty() {
            self.expect(&mut batch, |manifest| manifest.add(news.into_iter()));
        }
        self.write(batch, Vec::new())
    }

    /// Changes the manifest along with a batch.
    fn expect(&self, batch: &mut Batch, change: impl FnOnce(&mut Manifest) -> bool) {
        let known = self.storage.generation(KEYS_KEY, KEYS_KEY);
        let mut manifest: Manifest = self.storage.get(KEYS_KEY).unwrap_or_else(|| {
            let mut manifest = Manifest::default();
            manifest.add(self.storage.stores.local.keys().map(String::as_str));
            manifest
        });
        if change(&mut manifest) {
            batch.put(KEYS_KEY, written(KEYS_KEY, self.next(known), &json(&manifest)));
        }
    }

    /// Writes a batch; the copy follows.
    fn write(&mut self, batch: Batch, gone: Vec<String>) -> Result<(), Stopped> {
        if self.storage.refuses() {
            self.counts.refused += 1;
            return Err(Stopped::Refused);
        }
        if let Some(subset) = self.tear.take_if(|_| batch.items.len() > 1) {
            // No browser does this: their batches are whole or not there. What is written bears it all the same.
            let items = batch.items.into_iter().enumerate();
            let items = items
                .filter(|(place, _)| subset & (1 << place) != 0)
                .map(|(_, item)| item);
            self.storage.set(self.now_ms, items.collect());
            self.counts.torn += 1;
            self.browser_ends();
            return Err(Stopped::Died);
        }
        self.storage.set(self.now_ms, batch.items);
        self.storage.copy_soon(batch.texts, gone);
        Ok(())
    }

    /// Removes records, with those before them. First nobody expects them.
    fn remove(&mut self, keys: &[String]) -> Result<(), Stopped> {
        let mut batch = Batch::default();
        self.expect(&mut batch, |manifest| manifest.remove(keys));
        self.write(batch, keys.to_vec())?;
        if self.dies() {
            return Err(Stopped::Died);
        }
        if self.storage.refuses() {
            self.counts.refused += 1;
            return Err(Stopped::Refused);
        }
        let keys: Vec<String> = keys.iter().flat_map(|key| [key.clone(), former_key(key)]).collect();
        self.storage.remove(self.now_ms, &keys);
        self.read_storage();
        Ok(())
    }

    /// What can be read of storage.
    pub(crate) fn read_storage(&mut self) {
        let mut tokens = Vec::new();
        for key in self.storage.stores.local.keys() {
            if let Some(profile) = profile_of_token(key)
                && let Some(token) = self.storage.get::<StoredToken>(key)
            {
                tokens.push((profile.to_owned(), token));
            }
        }
        self.tokens = tokens.into_iter().collect();
        self.read_head();
    }

    /// Which profiles there are.
    fn read_head(&mut self) {
        let index: Index = self.storage.get(INDEX_KEY).unwrap_or_default();
        self.listed = index.entries.into_iter().map(|entry| entry.id).collect();
        self.trash = self.storage.get(TRASH_KEY).map(|trash: Trash| trash.entry.id);
    }

    /// Writes a token.
    pub(crate) fn store_token(&mut self, profile: &str, token: &StoredToken) -> Result<(), Stopped> {
        let number = u32::try_from(self.stored.len()).unwrap() + 1;
        self.stored.entry(token.flow.clone()).or_insert(number);
        let key = token_key(profile);
        self.store(&[(key.as_str(), json(token))])?;
        if let Some(refresh_token) = &token.token.refresh_token {
            let refresh_token = refresh_token.expose().to_owned();
            if token.token.refresh_again_until_ms.is_some() {
                self.losses.sent.insert(refresh_token);
            } else {
                self.losses.sent.remove(&refresh_token);
            }
        }
        // As it is read, and not as it was meant.
        let token = self.storage.get(&key).unwrap();
        self.tokens.insert(profile.to_owned(), token);
        Ok(())
    }

    /// A new worker looks storage through, once while the browser runs; without that it does not start.
    pub(crate) fn look_through(&mut self) -> bool {
        if self.looked {
            return true;
        }
        if self.storage.stores.local.is_empty() && self.storage.pace == Pace::Never {
            // Where neither can be read, nobody can know that anything was there.
            self.storage.pace = Pace::Later;
        }
        let left = self.left();
        let takes = self.storage.refuses == 0;
        let healed = self.heal();
        if takes && healed == Err(Stopped::Refused) {
            self.wrong.push("without the copy nothing starts".to_owned());
        }
        if healed.is_ok() && !self.dies() && !self.refuses_session() {
            self.looked = true;
            self.check_healed(&left);
        }
        self.looked
    }

    /// Puts back what is damaged or missing, and notes it for the person to see.
    fn heal(&mut self) -> Result<(), Stopped> {
        let unread = (self.storage.pace == Pace::Never).then(|| std::mem::take(&mut self.storage.stores.copy));
        let manifest = manifest_in(&self.storage);
        let schema = self.storage.stores.schema(self.storage.schema, manifest.as_ref());
        assert_eq!(schema, SCHEMA, "nothing here is of another version");
        let stores = &self.storage.stores;
        let mut plan = plan(stores, manifest.as_ref());
        match self.broken {
            Some(Broken::HealsWithTheCopy) => {
                let other = |(key, text): &(&String, &String)| {
                    let stands = self.storage.text(key);
                    stands.is_some_and(|stands| stands != *text) && check_stored(key, text).is_ok()
                };
                let copied = stores.copy.iter().filter(other);
                plan.local.extend(copied.map(|(key, text)| (key.clone(), text.clone())));
            }
            Some(Broken::TakesItForAFirstRun) if self.storage.generation(KEYS_KEY, KEYS_KEY).is_none() => {
                plan = Plan {
                    surplus: stores.copy.keys().cloned().collect(),
                    ..Plan::default()
                };
            }
            _ => {}
        }
        let numbered = self.storage.schema == Some(SCHEMA) || (stores.local.is_empty() && stores.copy.is_empty());
        if let Some(copy) = unread {
            self.storage.stores.copy = copy;
        }
        self.put_back(plan, !numbered)
    }

    fn put_back(&mut self, plan: Plan, number: bool) -> Result<(), Stopped> {
        let mut batch = Batch {
            items: plan.local,
            texts: plan.copy,
        };
        if !plan.named.is_empty() {
            let manifest = Manifest {
                keys: plan.named,
                ..Manifest::default()
            };
            let known = self.storage.generation(KEYS_KEY, KEYS_KEY);
            batch.put(KEYS_KEY, written(KEYS_KEY, self.next(known), &json(&manifest)));
        }
        let whole = plan.damaged.is_empty();
        let lost = |damaged: &Damaged| damaged.key == INDEX_KEY && damaged.outcome == Outcome::Lost;
        let index_lost = plan.damaged.iter().any(lost);
        let mut damage: Damage = self.storage.get(DAMAGE_KEY).unwrap_or_default();
        self.counts.healed += usize::from(!whole);
        if !plan.gone.is_empty() {
            if self.dies() {
                return Err(Stopped::Died);
            }
            self.storage.remove(self.now_ms, &plan.gone);
        }
        if damage.add(plan.damaged) {
            let known = self.storage.generation(DAMAGE_KEY, DAMAGE_KEY);
            let text = written(DAMAGE_KEY, self.next(known), &json(&damage));
            batch.items.push((DAMAGE_KEY.to_owned(), text));
        }
        if number || !batch.items.is_empty() {
            if self.dies() {
                return Err(Stopped::Died);
            }
            if self.storage.refuses() {
                self.counts.refused += 1;
                return Err(Stopped::Refused);
            }
            self.storage.set(self.now_ms, batch.items);
            if number {
                self.storage.schema = Some(SCHEMA);
            }
        }
        if !batch.texts.is_empty() || !plan.surplus.is_empty() {
            if self.dies() {
                return Err(Stopped::Died);
            }
            // Where it can't be written, it can't be deleted either.
            if self.storage.pace != Pace::Never {
                self.storage.copy(batch.texts, &plan.surplus);
            }
        }
        self.storage.behind &= self.storage.pace == Pace::Never;
        if index_lost { self.list_anew() } else { Ok(()) }
    }

    /// Makes a new index of the profiles that are there.
    fn list_anew(&mut self) -> Result<(), Stopped> {
        if self.dies() {
            return Err(Stopped::Died);
        }
        let mut index = Index::default();
        for number in 0..crate::storage::PROFILES {
            if self.has_profile(number) {
                index.put(&number.to_string(), "");
            }
        }
        let mut batch = Batch::default();
        batch.put(INDEX_KEY, written(INDEX_KEY, self.next(None), &json(&index)));
        self.write(batch, Vec::new())
    }

    /// The power goes, with the last batches.
    pub(crate) fn cut_power(&mut self, batches: u8) {
        self.browser_ends();
        let lost = self.storage.cut_power(self.now_ms, batches);
        self.counts.cut += lost;
        if lost > 0 {
            self.losses.cut = true;
        }
        self.starts_up();
    }

    /// The browser ends, and finds something harmed when it starts again.
    pub(crate) fn harm(&mut self, harm: Harm, in_copy: bool, which: u8, at: u8) {
        self.counts.harmed += 1;
        // What the power brought back may be what is harmed, and with it the word that it was deleted.
        self.losses.undone |= self.losses.cut;
        self.browser_ends();
        self.storage.harm(harm, in_copy, which, at);
        self.starts_up();
    }

    /// The person has seen what was damaged; what is lost is expected no more.
    pub(crate) fn understood(&mut self) {
        self.deliver(Event::Tick);
        let damage: Option<Damage> = self.storage.get(DAMAGE_KEY);
        let Some(damage) = damage.filter(|_| self.worker.is_some()) else {
            return;
        };
        let lost = damage.records.into_iter();
        let lost = lost.filter(|damaged| damaged.outcome == Outcome::Lost);
        let mut gone: Vec<String> = lost.map(|damaged| damaged.key).collect();
        gone.retain(|key| self.storage.generation(key, key).is_none());
        let mut index: Index = self.storage.get(INDEX_KEY).unwrap_or_default();
        let ids: Vec<String> = self
            .listed
            .iter()
            .filter(|id| gone.contains(&profile_key(id)))
            .cloned()
            .collect();
        for id in &ids {
            index.remove(id);
            gone.extend(own_keys(id));
        }
        if !ids.is_empty() {
            self.acknowledged.retain(|(profile, _)| !ids.contains(profile));
            if self.store(&[(INDEX_KEY, json(&index))]).is_err() {
                return;
            }
            self.read_head();
            if self.dies() {
                return;
            }
        }
        gone.push(DAMAGE_KEY.to_owned());
        let _ = self.remove(&gone);
    }

    /// The person deletes a profile: one write takes it out of the index, and its records stay.
    pub(crate) fn delete(&mut self, profile: u8) {
        if self.is_deleted(profile) {
            return;
        }
        self.empty_trash();
        if self.worker.is_none() {
            return;
        }
        let id = profile.to_string();
        let mut index: Index = self.storage.get(INDEX_KEY).unwrap_or_default();
        let Some((place, entry)) = index.remove(&id) else {
            return;
        };
        let place = u32::try_from(place).unwrap();
        let trash = Trash { entry, place };
        if self
            .store(&[(INDEX_KEY, json(&index)), (TRASH_KEY, json(&trash))])
            .is_err()
        {
            return;
        }
        self.read_head();
        if !self.dies() {
            self.deliver(Event::ProfileDeleted {
                profile: id,
                for_good: false,
            });
        }
    }

    /// The person takes the deletion back.
    pub(crate) fn undo(&mut self) {
        self.deliver(Event::Tick);
        let Some(id) = self.trash.clone().filter(|_| self.worker.is_some()) else {
            return;
        };
        let mut index: Index = self.storage.get(INDEX_KEY).unwrap_or_default();
        if index.place(&id).is_none() {
            index.insert(0, &id, "");
            if self.store(&[(INDEX_KEY, json(&index))]).is_err() {
                return;
            }
            self.read_head();
            if self.dies() {
                return;
            }
        }
        let _ = self.remove(&[TRASH_KEY.to_owned()]);
    }

    /// A minute is over, or the browser starts.
    pub(crate) fn empty_trash(&mut self) {
        self.deliver(Event::Tick);
        let Some(id) = self.trash.clone().filter(|_| self.worker.is_some()) else {
            return;
        };
        let mut keys = vec![TRASH_KEY.to_owned()];
        let deleted = !self.listed.contains(&id);
        if deleted {
            self.deliver(Event::ProfileDeleted {
                profile: id.clone(),
                for_good: true,
            });
            if self.worker.is_none() || self.dies() {
                return;
            }
            keys.extend(own_keys(&id));
            // Whatever comes of it, its token is not asked for any more.
            self.acknowledged.retain(|(other, _)| *other != id);
        }
        // Where the session could not be told of it, the next worker goes on with what was posted.
        if self.remove(&keys).is_ok() && deleted && !self.stale {
            self.gone.insert(id);
        }
    }

    /// The person removes a token, which is not done while a new one is on its way.
    pub(crate) fn remove_token(&mut self, profile: u8) {
        self.deliver(Event::Tick);
        let id = profile.to_string();
        let Some(engine) = &self.worker else { return };
        if self.is_deleted(profile) || engine.flow_of(&id).is_some() {
            return;
        }
        let Some(token) = self.tokens.get(&id) else { return };
        let flow = token.flow.clone();
        // Whatever comes of it, it is not asked for any more.
        self.acknowledged.retain(|(other, _)| *other != id);
        self.losses.unwanted.insert(flow.clone());
        if self.remove(&[token_key(&id)]).is_ok() && !self.stale {
            self.losses.removed.push((id, flow));
        }
    }
}
