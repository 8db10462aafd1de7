//! What may be missing once storage was damaged or the power went, and what the person must be told of it.

use std::collections::{BTreeMap, BTreeSet};

use tokenkeep::flow::{FlowId, StoredToken};
use tokenkeep::vault::heal::{Damage, Manifest, Outcome, Value};
use tokenkeep::vault::stored::{check_stored, former_key};
use tokenkeep::vault::{DAMAGE_KEY, INDEX_KEY, KEYS_KEY, token_key};

use crate::storage::{Pace, record};
use crate::world::World;

/// What the world knows of stored things that are not where they were.
#[derive(Default)]
pub(crate) struct Losses {
    /// Batches went with the power, and storage was not looked through since.
    pub(crate) cut: bool,
    /// What was removed may be there again.
    pub(crate) undone: bool,
    /// Keys of which `storage.local` had nothing any more: only the copy could tell that there was something, and how old its own
    /// text is nobody knows.
    bare: BTreeSet<String>,
    /// Flows whose token the person wanted removed, whatever came of it.
    pub(crate) unwanted: BTreeSet<FlowId>,
    /// Tokens that the person removed.
    pub(crate) removed: Vec<(String, FlowId)>,
    /// Refresh tokens that are stored as sent, and those of which that was lost.
    pub(crate) sent: BTreeSet<String>,
    pub(crate) forgotten: BTreeSet<String>,
}

/// Of each profile's token, the newest that a whole text is left of, by the number that [`World::store_token`] gave it.
pub(crate) type Left = BTreeMap<String, u32>;

impl World {
    /// What is left before it is put back.
    pub(crate) fn left(&mut self) -> Left {
        // Of these, one alone brings back nothing that was removed.
        let manifest = self.storage.generation(KEYS_KEY, KEYS_KEY);
        let unheard = self.storage.behind || self.storage.pace == Pace::Never;
        let faults = [unheard, self.losses.cut, manifest.is_none()];
        self.losses.undone |= faults.into_iter().filter(|fault| *fault).count() > 1;
        let mut left = Left::new();
        for (profile, _) in &self.acknowledged {
            let key = token_key(profile);
            let token = self.storage.newest(&key).map(|text| record::<StoredToken>(&key, text));
            let number = token.map_or(0, |token| self.stored[&token.unwrap().flow]);
            left.insert(profile.clone(), number);
            let stands = |place: &str| self.storage.generation(&key, place).is_some();
            if !stands(&key) && !stands(&former_key(&key)) {
                self.losses.bare.insert(key);
            }
        }
        left
    }

    /// Storage was looked through: what was damaged is put back or told, as far as anything was left of it.
    pub(crate) fn check_healed(&mut self, left: &Left) {
        self.read_storage();
        let damage: Damage = self.storage.get(DAMAGE_KEY).unwrap_or_default();
        let told = |key: &str| {
            let mut records = damage.records.iter();
            records.any(|known| known.key == key && known.outcome != Outcome::Restored)
        };
        let cut = std::mem::take(&mut self.losses.cut);
        let stored = &self.stored;
        let missing = self
            .acknowledged
            .extract_if(.., |(profile, flow)| stored[flow] > left[profile]);
        for (profile, _) in missing {
            if cut {
                self.counts.lost_with_power += 1;
            } else if told(&token_key(&profile))
                || self.losses.bare.contains(&token_key(&profile)) && !damage.records.is_empty()
            {
                self.counts.beyond_repair += 1;
            } else {
                self.wrong
                    .push(format!("the token of {profile} is lost, and nobody is told"));
            }
        }
        for token in self
            .tokens
            .values()
            .filter(|token| token.token.refresh_again_until_ms.is_none())
        {
            // That it was sent is not known any more.
            let refresh_token = token.token.refresh_token.as_ref();
            let sent = refresh_token.filter(|refresh_token| self.losses.sent.contains(refresh_token.expose()));
            self.losses.forgotten.extend(sent.map(|sent| sent.expose().to_owned()));
        }
        if self.storage.generation(INDEX_KEY, INDEX_KEY).is_none() {
            self.wrong.push("storage was taken for a first run".to_owned());
        }
        let harmed = self.storage.stores.local.iter().filter(|_| self.counts.harmed > 0);
        for (key, value) in harmed {
            let whole = matches!(value, Value::Text(text) if check_stored(key, text).is_ok());
            // What was being removed is expected no more.
            let expected = || {
                self.storage
                    .get::<Manifest>(KEYS_KEY)
                    .is_none_or(|manifest| manifest.keys.contains(key))
            };
            if !whole && !key.starts_with('~') && !told(key) && (key == DAMAGE_KEY || expected()) {
                self.wrong.push(format!("{key} stays damaged, and nobody is told"));
            }
        }
        self.losses.bare.clear();
        if std::mem::take(&mut self.losses.undone) {
            self.gone.clear();
            self.losses.removed.clear();
        } else if cut {
            // What was removed may be there again; what was deleted is in the trash then, or was never deleted.
            self.losses.removed.clear();
            let (listed, trash) = (&self.listed, &self.trash);
            self.gone
                .retain(|profile| !listed.contains(profile) && trash.as_ref() != Some(profile));
        }
    }
}
