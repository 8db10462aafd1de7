//! What is damaged in storage, and what takes its place.
//!
//! A record stands in `storage.local`, before its last write under [`former_key`], and once more in the copy (`IndexedDB`, which is
//! written to the disk itself). The [`Manifest`] says which keys there should be: what is missing is told from what never was. All of
//! this works while records are sealed, for a text tells without a key whether it is whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::plain::record;

use super::stored::{check_stored, former_key};
use super::{DAMAGE_KEY, INDEX_KEY, KEYS_KEY, SCHEMA, SCHEMA_KEY, has_former};

/// The keys that stand in `storage.local`, but for those that the next flow or test writes anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The [`SCHEMA`] of what stands there. The number under [`SCHEMA_KEY`], which every version can read, has no checksum.
    pub schema: u32,
    /// Each key once.
    pub keys: Vec<String>,
}
record!(Manifest { schema, keys });

impl Default for Manifest {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            keys: Vec::new(),
        }
    }
}

impl Manifest {
    /// Adds keys; says whether it has changed.
    pub fn add<'a>(&mut self, keys: impl Iterator<Item = &'a str>) -> bool {
        let before = self.keys.len();
        for key in keys.filter(|key| is_expected(key)) {
            if !self.keys.iter().any(|other| other == key) {
                self.keys.push(key.to_owned());
            }
        }
        self.keys.len() != before
    }

    /// Takes keys out; says whether it has changed.
    pub fn remove(&mut self, keys: &[String]) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| !keys.contains(key));
        self.keys.len() != before
    }
}

/// Whether the manifest names such a key: not itself, nor what is no text.
fn is_expected(key: &str) -> bool {
    has_former(key) && !key.starts_with('~') && ![KEYS_KEY, SCHEMA_KEY, DAMAGE_KEY].contains(&key)
}

/// What became of a record that was damaged or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it was last written.
    Restored,
    /// It is as it was before; how often it was written since, nobody knows.
    Older,
    /// Nothing of it is left.
    Lost,
}
record!(
    enum Outcome {
        Restored,
        Older,
        Lost,
    }
);

/// A record that was damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Its key in `storage.local`.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
}
record!(Damaged { key, outcome });

/// What was found, until the person has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The records, each once.
    pub records: Vec<Damaged>,
}
record!(Damage { records });

impl Damage {
    /// Adds what was found just now; says whether that is news.
    pub fn add(&mut self, found: Vec<Damaged>) -> bool {
        let before = self.clone();
        for damaged in found {
            match self.records.iter_mut().find(|known| known.key == damaged.key) {
                Some(known) => *known = damaged,
                None => self.records.push(damaged),
            }
        }
        *self != before
    }
}

/// What stands under a key of `storage.local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, whole or not.
    Text(String),
    /// Something else, or what the browser can't read.
    Unreadable,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Texts for `storage.local`.
    pub local: Vec<(String, String)>,
    /// Texts for the copy.
    pub copy: Vec<(String, String)>,
    /// Keys that the copy should not have any more.
    pub surplus: Vec<String>,
    /// Keys that `storage.local` should not have any more.
    pub gone: Vec<String>,
    /// What a new manifest should name, where there is none or it does not name everything.
    pub named: Vec<String>,
    /// What was damaged or missing.
    pub damaged: Vec<Damaged>,
}

/// A whole text with its generation.
type Found<'a> = Option<(u64, &'a str)>;

/// The whole text of the highest generation among these and the one that was found before.
fn best<'a>(key: &str, mut best: Found<'a>, texts: &[Option<&'a str>]) -> Found<'a> {
    for text in texts.iter().flatten() {
        // One of a newer version is never whole for this one, and is not written over either: see `check_schema`.
        if best.is_none_or(|(_, found)| found != *text)
            && let Ok(whole) = check_stored(key, text)
            && best.is_none_or(|(generation, _)| whole.generation > generation)
        {
            best = Some((whole.generation, text));
        }
    }
    best
}

/// What `storage.local` holds, and its copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stores {
    /// `storage.local`, but for the schema's number.
    pub local: BTreeMap<String, Value>,
    /// The copy.
    pub copy: BTreeMap<String, String>,
}

impl Stores {
    fn text(&self, key: &str) -> Option<&str> {
        match self.local.get(key) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The last text, the one before it and the copied one.
    fn texts(&self, key: &str) -> [Option<&str>; 3] {
        [
            self.text(key),
            self.text(&former_key(key)),
            self.copy.get(key).map(String::as_str),
        ]
    }

    /// What stands whole in its place, and the best of what is left.
    fn found(&self, key: &str) -> (Found<'_>, Found<'_>) {
        let [own, former, copied] = self.texts(key);
        let stands = best(key, None, &[own]);
        (stands, best(key, stands, &[former, copied]))
    }

    /// The text of the manifest, which is not sealed.
    #[must_use]
    pub fn manifest_text(&self) -> Option<&str> {
        self.found(KEYS_KEY).1.map(|(_, text)| text)
    }

    /// The schema that all of this has. `found` is the number that stands there; the manifest's own is checked, and outweighs it.
    #[must_use]
    pub fn schema(&self, found: Option<u32>, manifest: Option<&Manifest>) -> u32 {
        let objects = || self.local.values().any(|value| *value == Value::Unreadable);
        match (manifest, found) {
            (Some(manifest), _) => manifest.schema,
            (None, Some(found)) => found,
            (None, None) if objects() => 1,
            (None, None) => SCHEMA,
        }
    }

    /// The list of profiles, which is lost where nothing is left of anything. `used` says that the copy can't be read, and that
    /// something outside storage tells that there was something: without that it is a first run.
    #[must_use]
    pub fn vanished(&self, used: bool) -> Option<Damaged> {
        let vanished = used && self.local.is_empty() && self.copy.is_empty();
        vanished.then(|| Damaged {
            key: INDEX_KEY.to_owned(),
            outcome: Outcome::Lost,
        })
    }
}

/// Compares what `storage.local` holds with the copy.
#[must_use]
pub fn plan(stores: &Stores, manifest: Option<&Manifest>) -> Plan {
    let Stores { local, copy } = stores;
    let generation = |found: Found<'_>| found.map(|(generation, _)| generation);
    let (own, known) = stores.found(KEYS_KEY);
    let known = manifest.and(generation(known));
    let mut expected: BTreeSet<&str> = manifest
        .iter()
        .flat_map(|manifest| &manifest.keys)
        .map(String::as_str)
        .collect();
    let keys = local.keys().chain(copy.keys()).map(String::as_str);
    let unnamed: BTreeSet<&str> = keys.filter(|key| is_expected(key) && !expected.contains(key)).collect();
    // Nobody knows, or it was written after the manifest that is left. What is older than that was removed.
    let newer = |key: &str| known.is_none_or(|known| generation(stores.found(key).1) > Some(known));
    let (named, removed): (Vec<&str>, Vec<&str>) = unnamed.into_iter().partition(|key| newer(key));
    let mut plan = Plan::default();
    expected.extend(&named);
    if !named.is_empty() {
        plan.named = expected.iter().map(|key| (*key).to_owned()).collect();
    }
    if known.is_some() || !expected.is_empty() {
        expected.insert(KEYS_KEY);
    }
    // A removal that the disk did not keep; the copy has heard of it.
    if generation(own).is_some_and(|own| Some(own) < known) {
        plan.gone = removed
            .iter()
            .flat_map(|key| [(*key).to_owned(), former_key(key)])
            .collect();
    }
    // What a flipped bit in a key made of a record: nobody asks for it, and nobody would ever remove it.
    let stray = |key: &&String| match key.strip_prefix('~') {
        Some(base) => is_expected(base) && !expected.contains(base) && !local.contains_key(base),
        None => is_expected(key) && !expected.contains(key.as_str()) && stores.found(key).0.is_none(),
    };
    plan.gone.extend(local.keys().filter(stray).cloned());
    if local.contains_key(DAMAGE_KEY) && stores.found(DAMAGE_KEY).0.is_none() {
        plan.gone.push(DAMAGE_KEY.to_owned());
    }
    for key in &expected {
        let (stands, found) = stores.found(key);
        let in_copy = copy.get(*key).map(String::as_str);
        match found {
            None if *key == KEYS_KEY => {}
            None => plan.damaged.push(Damaged {
                key: (*key).to_owned(),
                outcome: Outcome::Lost,
            }),
            Some((number, text)) => {
                if stands.is_none_or(|(own, _)| own < number) {
                    plan.local.push(((*key).to_owned(), text.to_owned()));
                    // The copy follows every write, and has the last one if it has another one than the one before.
                    let former = best(key, None, &[stores.text(&former_key(key))]);
                    let last = in_copy == Some(text) && generation(former) != Some(number);
                    plan.damaged.push(Damaged {
                        key: (*key).to_owned(),
                        outcome: if last { Outcome::Restored } else { Outcome::Older },
                    });
                }
                if in_copy != Some(text) {
                    plan.copy.push(((*key).to_owned(), text.to_owned()));
                }
            }
        }
    }
    // A deletion that the copy did not hear of.
    plan.surplus = copy
        .keys()
        .filter(|key| !expected.contains(key.as_str()))
        .cloned()
        .collect();
    plan
}

#[cfg(test)]
mod tests {
    use super::super::seal::NONCE_LEN;
    use super::super::stored::{Sealing, write_stored};
    use super::*;

    const KEYS: [&str; 4] = ["index", "profile:a1", "secret:a1", "token:a1"];

    fn text(key: &str, generation: u64, json: &str) -> String {
        write_stored(key, generation, json, &Sealing::Off, &[0; NONCE_LEN]).expect("it is not sealed")
    }

    fn read(text: &str) -> Option<Manifest> {
        let json = super::super::stored::read_stored(KEYS_KEY, text, &Sealing::Off).ok()?;
        serde_json::from_str(&json).ok()
    }

    /// A small storage with its copy; the token was written twice.
    fn store() -> Stores {
        let manifest = Manifest {
            schema: SCHEMA,
            keys: KEYS.iter().map(|key| (*key).to_owned()).collect(),
        };
        let mut local = BTreeMap::new();
        let mut copy = BTreeMap::new();
        let mut put = |key: &str, generation, json: &str| {
            let text = text(key, generation, json);
            copy.insert(key.to_owned(), text.clone());
            let before = local.insert(key.to_owned(), Value::Text(text));
            if let Some(before) = before {
                local.insert(former_key(key), before);
            }
        };
        put(KEYS_KEY, 1, &serde_json::to_string(&manifest).expect("a record"));
        for key in KEYS {
            put(key, 1, "{\"old\":1}");
        }
        put("token:a1", 2, "{\"new\":1}");
        Stores { local, copy }
    }

    #[test]
    fn what_vanished_is_told_where_something_else_tells_of_it() {
        let lost = Damaged {
            key: "index".to_owned(),
            outcome: Outcome::Lost,
        };
        assert_eq!(Stores::default().vanished(true), Some(lost));
        assert_eq!(Stores::default().vanished(false), None);
        let Stores { local, copy } = store();
        let parts = [(local, BTreeMap::new()), (BTreeMap::new(), copy)];
        for (local, copy) in parts {
            assert_eq!(Stores { local, copy }.vanished(true), None);
        }
    }

    fn planned(stores: &Stores) -> Plan {
        plan(stores, stores.manifest_text().and_then(read).as_ref())
    }

    /// What stands in `storage.local` once the plan is done.
    fn after(store: &Stores) -> BTreeMap<String, Value> {
        let mut local = store.local.clone();
        let plan = planned(store);
        local.retain(|key, _| !plan.gone.contains(key));
        for (key, text) in plan.local {
            local.insert(key, Value::Text(text));
        }
        local
    }

    fn last(local: &BTreeMap<String, Value>) -> Vec<Option<&Value>> {
        KEYS.iter().chain([&KEYS_KEY]).map(|key| local.get(*key)).collect()
    }

    #[test]
    fn what_is_whole_is_left_alone() {
        assert_eq!(planned(&store()), Plan::default());
        assert_eq!(planned(&Stores::default()), Plan::default(), "a first run");
    }

    #[test]
    fn an_empty_storage_with_a_copy_is_no_first_run() {
        let whole = store();
        let empty = Stores {
            local: BTreeMap::new(),
            copy: whole.copy.clone(),
        };
        assert_eq!(last(&after(&empty)), last(&whole.local));
        let plan = planned(&empty);
        assert_eq!(plan.damaged.len(), KEYS.len() + 1);
        assert!(plan.damaged.iter().all(|damaged| damaged.outcome == Outcome::Restored));
    }

    #[test]
    fn without_its_copy_it_makes_a_new_one() {
        let Stores { local, copy } = store();
        let plan = planned(&Stores {
            local,
            copy: BTreeMap::new(),
        });
        assert_eq!(plan.local, []);
        assert_eq!(plan.damaged, []);
        assert_eq!(plan.copy.into_iter().collect::<BTreeMap<_, _>>(), copy);
    }

    #[test]
    fn every_byte_flipped_and_every_cut_is_restored() {
        let whole = store();
        for key in whole.local.keys() {
            let Some(Value::Text(text)) = whole.local.get(key) else {
                continue;
            };
            for at in 0..text.len() {
                let mut flipped = text.clone().into_bytes();
                flipped[at] ^= 1;
                for bytes in [flipped, text.as_bytes()[..at].to_vec()] {
                    let mut damaged = whole.clone();
                    let value = Value::Text(String::from_utf8_lossy(&bytes).into_owned());
                    damaged.local.insert(key.clone(), value);
                    assert_eq!(last(&after(&damaged)), last(&whole.local), "{key}, byte {at}");
                    let reported = planned(&damaged).damaged;
                    // What stood before the last write is nobody's loss.
                    assert_eq!(reported.is_empty(), key.starts_with('~'), "{key}, byte {at}");
                }
            }
        }
    }

    #[test]
    fn under_a_key_that_was_flipped_nothing_stays() {
        let whole = store();
        for key in whole.local.keys() {
            for (at, bit) in (0..key.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))) {
                let mut flipped = key.clone().into_bytes();
                flipped[at] ^= 1 << bit;
                let mut damaged = whole.clone();
                let text = damaged.local.remove(key).expect("it stands there");
                let stray = String::from_utf8(flipped).expect("ASCII");
                damaged.local.insert(stray.clone(), text);
                let after = after(&damaged);
                assert!(!after.contains_key(&stray), "{stray:?}");
                assert_eq!(last(&after), last(&whole.local), "{stray:?}");
            }
        }
    }

    #[test]
    fn of_any_two_that_are_damaged_the_third_is_taken_or_the_loss_is_told() {
        let whole = store();
        for key in KEYS {
            for (last_gone, former_gone, copy_gone) in [
                (true, true, false),
                (true, false, true),
                (false, true, true),
                (true, true, true),
            ] {
                let mut damaged = whole.clone();
                if last_gone {
                    damaged.local.insert(key.to_owned(), Value::Unreadable);
                }
                if former_gone {
                    damaged.local.remove(&former_key(key));
                }
                if copy_gone {
                    damaged.copy.insert(key.to_owned(), "damaged".to_owned());
                }
                let outcome = planned(&damaged).damaged.first().map(|damaged| damaged.outcome);
                let older = key == "token:a1" && !former_gone;
                let wanted = match (last_gone, copy_gone) {
                    (false, _) => None,
                    (true, false) => Some(Outcome::Restored),
                    (true, true) if older => Some(Outcome::Older),
                    (true, true) => Some(Outcome::Lost),
                };
                assert_eq!(outcome, wanted, "{key} {last_gone} {former_gone} {copy_gone}");
            }
        }
    }

    #[test]
    fn a_write_that_only_the_copy_has_is_taken_from_there() {
        let mut lost_tail = store();
        lost_tail
            .copy
            .insert("token:a1".to_owned(), text("token:a1", 3, "{\"newest\":1}"));
        let plan = planned(&lost_tail);
        assert_eq!(
            plan.local,
            [("token:a1".to_owned(), text("token:a1", 3, "{\"newest\":1}"))]
        );
        assert_eq!(plan.damaged[0].outcome, Outcome::Restored);
    }

    #[test]
    fn what_was_deleted_stays_deleted() {
        let mut store = store();
        let rest = Manifest {
            schema: SCHEMA,
            keys: vec!["index".to_owned()],
        };
        let json = serde_json::to_string(&rest).expect("a record");
        store
            .local
            .insert(KEYS_KEY.to_owned(), Value::Text(text(KEYS_KEY, 2, &json)));
        store.local.retain(|key, _| ["index", KEYS_KEY].contains(&key.as_str()));
        let plan = planned(&store);
        assert_eq!(plan.damaged, []);
        assert_eq!(plan.surplus, ["profile:a1", "secret:a1", "token:a1"]);
    }

    /// The store, whose copy has a manifest that does not name the profile.
    fn removed_in_the_copy() -> Stores {
        let mut store = store();
        let rest = r#"{"schema":2,"keys":["index"]}"#;
        store.copy.insert(KEYS_KEY.to_owned(), text(KEYS_KEY, 5, rest));
        store.copy.retain(|key, _| ["index", KEYS_KEY].contains(&key.as_str()));
        store
    }

    #[test]
    fn a_removal_that_the_disk_did_not_keep_is_done_again() {
        let mut store = removed_in_the_copy();
        let plan = planned(&store);
        for key in ["profile:a1", "secret:a1", "token:a1", "~token:a1"] {
            assert!(plan.gone.iter().any(|gone| gone == key), "{key}");
        }
        assert!(!plan.gone.iter().any(|gone| gone == "index"));
        assert_eq!(plan.named, [""; 0]);
        // Where the manifest itself is damaged, nothing says that it was older.
        store.local.remove(KEYS_KEY);
        assert_eq!(planned(&store).gone, [""; 0]);
    }

    #[test]
    fn what_was_written_after_the_manifest_is_expected() {
        let mut store = removed_in_the_copy();
        let newer = text("token:a1", 6, "{\"newer\":1}");
        store.local.insert("token:a1".to_owned(), Value::Text(newer.clone()));
        let plan = planned(&store);
        assert_eq!(plan.named, ["index", "token:a1"]);
        assert!(plan.copy.contains(&("token:a1".to_owned(), newer)));
        assert!(!plan.gone.iter().any(|gone| gone.ends_with("token:a1")));
    }

    #[test]
    fn a_copy_that_did_not_follow_is_not_called_the_last_one() {
        let mut store = store();
        store
            .copy
            .insert("token:a1".to_owned(), text("token:a1", 1, "{\"old\":1}"));
        store.local.insert("token:a1".to_owned(), Value::Unreadable);
        let plan = planned(&store);
        assert_eq!(
            plan.local,
            [("token:a1".to_owned(), text("token:a1", 1, "{\"old\":1}"))]
        );
        assert_eq!(plan.damaged[0].outcome, Outcome::Older);
    }

    #[test]
    fn what_was_found_and_is_damaged_itself_goes() {
        let mut store = store();
        store
            .local
            .insert(DAMAGE_KEY.to_owned(), Value::Text("damaged".to_owned()));
        assert_eq!(planned(&store).gone, [DAMAGE_KEY]);
        let whole = text(DAMAGE_KEY, 1, r#"{"records":[]}"#);
        store.local.insert(DAMAGE_KEY.to_owned(), Value::Text(whole));
        assert_eq!(planned(&store), Plan::default());
    }

    #[test]
    fn without_a_manifest_everything_that_is_there_is_named_in_a_new_one() {
        let mut stores = store();
        for store in [KEYS_KEY.to_owned(), former_key(KEYS_KEY)] {
            stores.local.remove(&store);
            stores.copy.remove(&store);
        }
        stores.local.remove("secret:a1");
        let plan = planned(&stores);
        assert_eq!(plan.named, KEYS);
        assert_eq!(plan.damaged.len(), 1, "{:?}", plan.damaged);
        assert_eq!(planned(&store()).named, [""; 0]);
    }

    #[test]
    fn a_damaged_number_is_not_taken_for_a_newer_schema() {
        let whole = store();
        let manifest = whole.manifest_text().and_then(read);
        assert_eq!(whole.schema(Some(3), manifest.as_ref()), SCHEMA);
        assert_eq!(whole.schema(None, manifest.as_ref()), SCHEMA);
        let newer = Manifest {
            schema: 3,
            keys: Vec::new(),
        };
        assert_eq!(whole.schema(Some(SCHEMA), Some(&newer)), 3);
        // What a newer version writes need not be readable.
        assert_eq!(whole.schema(Some(3), None), 3);
        assert_eq!(Stores::default().schema(None, None), SCHEMA, "a first run");
        let mut first = Stores::default();
        first.local.insert("index".to_owned(), Value::Unreadable);
        assert_eq!(first.schema(None, None), 1);
        assert_eq!(first.schema(Some(1), None), 1);
    }

    #[test]
    fn the_same_damage_is_no_news() {
        let lost = |key: &str, outcome| Damaged {
            key: key.to_owned(),
            outcome,
        };
        let mut damage = Damage::default();
        assert!(!damage.add(Vec::new()));
        assert!(damage.add(vec![lost("token:a1", Outcome::Lost)]));
        assert!(!damage.add(vec![lost("token:a1", Outcome::Lost)]));
        assert!(damage.add(vec![lost("token:a1", Outcome::Restored), lost("index", Outcome::Lost)]));
        assert_eq!(damage.records.len(), 2);
    }

    #[test]
    fn the_manifest_names_what_is_precious() {
        let mut manifest = Manifest::default();
        assert!(
            manifest.add(
                [
                    "token:a1",
                    "trace:a1",
                    "check:a1",
                    "~token:a1",
                    "keys",
                    "schema",
                    "reminded"
                ]
                .into_iter()
            )
        );
        assert_eq!(manifest.keys, ["token:a1"]);
        assert!(!manifest.add(["token:a1"].into_iter()));
        assert!(manifest.remove(&["token:a1".to_owned()]));
        assert!(!manifest.remove(&["token:a1".to_owned()]));
    }
}
