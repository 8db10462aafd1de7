//! A model of what the browser stores: `storage.local`, which takes a batch at once and brings it to the disk later, and the
//! copy in `IndexedDB`, whose writes are on the disk when they end. It refuses, tears, loses and damages.

use std::sync::OnceLock;

use tokenkeep::plain::Record;
use tokenkeep::vault::heal::{Manifest, Stores, Value};
use tokenkeep::vault::stored::{Sealing, check_stored, former_key, read_stored, write_stored};
use tokenkeep::vault::{INDEX_KEY, Index, KEYS_KEY, SCHEMA, profile_key, secret_key};

/// The profiles that there are in the beginning.
pub(crate) const PROFILES: u8 = 3;

/// The operating system has brought to the disk what was written before this.
const SYNCED_AFTER_MS: u64 = 30_000;

/// Keys with their texts.
pub(crate) type Texts = Vec<(String, String)>;

/// When the copy follows a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Before anything else is done.
    AtOnce,
    /// Once the event is dealt with: a worker that dies before leaves it undone.
    Later,
    /// The browser lets nobody at it.
    Never,
}

/// What becomes of one record, or of all, while the browser does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// One byte is another one.
    Flipped,
    /// The text ends early.
    Cut,
    /// Chromium deletes what it can't read.
    Gone,
    Unreadable,
    /// Nothing is left on this side.
    Everything,
}

/// A batch that the disk may not have: what stood there before.
#[derive(Clone, Debug)]
struct Unsynced {
    at_ms: u64,
    before: Vec<(String, Option<Value>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) stores: Stores,
    /// The schema's number, which is no text.
    pub(crate) schema: Option<u32>,
    /// The time of the next write.
    pub(crate) clock_ms: u64,
    unsynced: Vec<Unsynced>,
    /// What the copy is behind by.
    waiting: Vec<(Texts, Vec<String>)>,
    /// Whether the copy did not follow some write, and was not made good since.
    pub(crate) behind: bool,
    pub(crate) pace: Pace,
    /// So many writes are refused from now on.
    pub(crate) refuses: u8,
}

/// The text of a record. Nothing is sealed here: that changes nothing of what is written when.
pub(crate) fn written(key: &str, generation: u64, json: &str) -> String {
    write_stored(key, generation, json, &Sealing::Off, &[0; 24]).unwrap()
}

pub(crate) fn json(record: &impl Record) -> String {
    serde_json::to_string(&record.to_plain()).unwrap()
}

/// The record of a text, if it is whole.
pub(crate) fn record<T: Record>(key: &str, text: &str) -> Option<T> {
    let json = read_stored(key, text, &Sealing::Off).ok()?;
    T::from_plain(&serde_json::from_str(&json).ok()?).ok()
}

impl Storage {
    /// One with profiles, as saving them leaves it.
    pub(crate) fn new() -> Self {
        static FIRST: OnceLock<Storage> = OnceLock::new();
        FIRST.get_or_init(Self::first).clone()
    }

    fn first() -> Self {
        let mut storage = Self {
            stores: Stores::default(),
            schema: Some(SCHEMA),
            clock_ms: 0,
            unsynced: Vec::new(),
            waiting: Vec::new(),
            behind: false,
            pace: Pace::Later,
            refuses: 0,
        };
        let mut index = Index::default();
        let mut records = Vec::new();
        for number in 0..PROFILES {
            let id = number.to_string();
            index.put(&id, "");
            // Nobody here reads what stands in them.
            records.push((profile_key(&id), r#"{"name":""}"#.to_owned()));
            records.push((secret_key(&id), r#"{"client_secret":"secret"}"#.to_owned()));
        }
        records.push((INDEX_KEY.to_owned(), json(&index)));
        let mut manifest = Manifest::default();
        manifest.add(records.iter().map(|(key, _)| key.as_str()));
        records.push((KEYS_KEY.to_owned(), json(&manifest)));
        for (key, json) in records {
            let text = written(&key, 1, &json);
            storage.stores.copy.insert(key.clone(), text.clone());
            storage.stores.local.insert(key, Value::Text(text));
        }
        storage
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.stores.local.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn get<T: Record>(&self, key: &str) -> Option<T> {
        record(key, self.text(key)?)
    }

    /// The number of the text of this key that stands in that place.
    pub(crate) fn generation(&self, key: &str, place: &str) -> Option<u64> {
        check_stored(key, self.text(place)?).ok().map(|whole| whole.generation)
    }

    /// The newest whole text of a key, wherever it can be read.
    pub(crate) fn newest(&self, key: &str) -> Option<&str> {
        let texts = [
            self.text(key),
            self.text(&former_key(key)),
            self.stores
                .copy
                .get(key)
                .filter(|_| self.pace != Pace::Never)
                .map(String::as_str),
        ];
        let whole = |text: &&str| check_stored(key, text).ok().map(|whole| whole.generation);
        texts
            .into_iter()
            .flatten()
            .filter(|text| whole(text).is_some())
            .max_by_key(whole)
    }

    /// Whether it refuses the write that is asked for now.
    pub(crate) fn refuses(&mut self) -> bool {
        let refuses = self.refuses > 0;
        self.refuses = self.refuses.saturating_sub(1);
        refuses
    }

    fn note(&mut self, now_ms: u64, before: Vec<(String, Option<Value>)>) {
        self.clock_ms = now_ms.max(self.clock_ms) + 1;
        self.unsynced.retain(|batch| batch.at_ms + SYNCED_AFTER_MS > now_ms);
        self.unsynced.push(Unsynced { at_ms: now_ms, before });
    }

    /// Writes a batch.
    pub(crate) fn set(&mut self, now_ms: u64, items: Texts) {
        let mut before = Vec::with_capacity(items.len());
        for (key, text) in items {
            let stood = self.stores.local.insert(key.clone(), Value::Text(text));
            before.push((key, stood));
        }
        self.note(now_ms, before);
    }

    pub(crate) fn remove(&mut self, now_ms: u64, keys: &[String]) {
        let local = &mut self.stores.local;
        let before = keys.iter().map(|key| (key.clone(), local.remove(key))).collect();
        self.note(now_ms, before);
    }

    /// Has the copy follow a write.
    pub(crate) fn copy_soon(&mut self, texts: Texts, gone: Vec<String>) {
        match self.pace {
            Pace::Never => self.behind = true,
            Pace::Later => self.waiting.push((texts, gone)),
            Pace::AtOnce => {
                self.copy_what_waits();
                self.copy(texts, &gone);
            }
        }
    }

    pub(crate) fn copy(&mut self, texts: Texts, gone: &[String]) {
        self.stores.copy.extend(texts);
        for key in gone {
            self.stores.copy.remove(key);
        }
    }

    pub(crate) fn copy_what_waits(&mut self) {
        for (texts, gone) in std::mem::take(&mut self.waiting) {
            if self.pace == Pace::Never {
                self.behind = true;
            } else {
                self.copy(texts, &gone);
            }
        }
    }

    /// The worker is dead; how often the copy stays behind.
    pub(crate) fn forget_what_waits(&mut self) -> usize {
        self.behind |= !self.waiting.is_empty();
        std::mem::take(&mut self.waiting).len()
    }

    /// The power goes: of the last batches, so many never came to the disk. Returns how many that are.
    pub(crate) fn cut_power(&mut self, now_ms: u64, batches: u8) -> usize {
        let mut lost = 0;
        for _ in 0..batches {
            let Some(batch) = self.unsynced.pop_if(|batch| batch.at_ms + SYNCED_AFTER_MS > now_ms) else {
                break;
            };
            for (key, stood) in batch.before {
                match stood {
                    Some(value) => self.stores.local.insert(key, value),
                    None => self.stores.local.remove(&key),
                };
            }
            lost += 1;
        }
        // Whatever is there now comes from the disk.
        self.unsynced.clear();
        lost
    }

    /// Does harm to one record, or to all of them, in `storage.local` or in the copy.
    pub(crate) fn harm(&mut self, harm: Harm, in_copy: bool, which: u8, at: u8) {
        self.unsynced.clear();
        let Stores { local, copy } = &mut self.stores;
        if harm == Harm::Everything {
            // Where both are empty, there is no trace that anything was there.
            if in_copy && !local.is_empty() {
                copy.clear();
            } else if !in_copy && !copy.is_empty() {
                local.clear();
                self.schema = None;
            }
            return;
        }
        let harmed = |text: &str| {
            let at = usize::from(at) % text.len().max(1);
            match harm {
                Harm::Cut => Some(text[..at].to_owned()),
                Harm::Flipped => {
                    let mut bytes = text.to_owned().into_bytes();
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1;
                    }
                    Some(String::from_utf8_lossy(&bytes).into_owned())
                }
                _ => None,
            }
        };
        if in_copy {
            let key = copy.keys().nth(usize::from(which) % copy.len().max(1)).cloned();
            let Some((key, text)) = key.and_then(|key| copy.remove_entry(&key)) else {
                return;
            };
            if let Some(text) = harmed(&text) {
                copy.insert(key, text);
            }
            return;
        }
        let key = local.keys().nth(usize::from(which) % local.len().max(1)).cloned();
        let Some((key, value)) = key.and_then(|key| local.remove_entry(&key)) else {
            return;
        };
        match (harm, value) {
            (Harm::Unreadable, _) => {
                local.insert(key, Value::Unreadable);
            }
            (_, Value::Text(text)) => {
                if let Some(text) = harmed(&text) {
                    local.insert(key, Value::Text(text));
                }
            }
            (_, Value::Unreadable) => {}
        }
    }
}
