//! What was damaged in storage, as the manager shows it.

use crate::vault::heal::{Damage, Damaged, Outcome};
use crate::vault::{INDEX_KEY, Index, SETTINGS_KEY, VAULT_KEY};

/// One record that was damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamageView {
    /// The profile that it belongs to, by its name or, where nobody knows that any more, by its id.
    pub profile: Option<String>,
    /// Names the text of what it is.
    pub what: &'static str,
    /// Names the text of what became of it.
    pub outcome: &'static str,
    /// Names the text of what the person can do.
    pub fix: Option<&'static str>,
}

/// What is lost first.
#[must_use]
pub fn damage_views(damage: &Damage, index: &Index) -> Vec<DamageView> {
    let mut views: Vec<DamageView> = damage.records.iter().map(|damaged| view(damaged, index)).collect();
    views.sort_by_key(|view| {
        ["damage_lost", "damage_older", "damage_restored"]
            .iter()
            .position(|outcome| *outcome == view.outcome)
    });
    views
}

fn view(damaged: &Damaged, index: &Index) -> DamageView {
    let (kind, id) = match damaged.key.split_once(':') {
        Some((kind, id)) => (kind, Some(id)),
        None => (damaged.key.as_str(), None),
    };
    let (what, when_lost) = match kind {
        "profile" => ("damage_profile", Some("damage_fix_profile")),
        "secret" => ("damage_secret", Some("damage_fix_secret")),
        "token" => ("damage_token", Some("damage_fix_token")),
        INDEX_KEY => ("damage_index", Some("damage_fix_index")),
        SETTINGS_KEY => ("damage_settings", Some("damage_fix_settings")),
        VAULT_KEY => ("damage_vault", Some("damage_fix_vault")),
        _ => ("damage_other", None),
    };
    let (outcome, fix) = match damaged.outcome {
        Outcome::Restored => ("damage_restored", None),
        Outcome::Older if kind == "token" => ("damage_older", Some("damage_fix_older_token")),
        Outcome::Older => ("damage_older", Some("damage_fix_older")),
        Outcome::Lost => ("damage_lost", when_lost),
    };
    let named = |id: &str| {
        index
            .entries
            .iter()
            .find(|entry| entry.id == id)
            .map(|entry| entry.name.clone())
    };
    DamageView {
        profile: id.map(|id| named(id).unwrap_or_else(|| id.to_owned())),
        what,
        outcome,
        fix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_comes_first_with_its_profile_and_what_to_do() {
        let damaged = |key: &str, outcome| Damaged {
            key: key.to_owned(),
            outcome,
        };
        let damage = Damage {
            records: vec![
                damaged("profile:a1", Outcome::Restored),
                damaged("token:a1", Outcome::Older),
                damaged("secret:b2", Outcome::Lost),
                damaged("index", Outcome::Lost),
                damaged("keys", Outcome::Restored),
            ],
        };
        let mut index = Index::default();
        index.put("a1", "Production");
        let views = damage_views(&damage, &index);
        let shown: Vec<(Option<&str>, &str, &str, Option<&str>)> = views
            .iter()
            .map(|view| (view.profile.as_deref(), view.what, view.outcome, view.fix))
            .collect();
        assert_eq!(
            shown,
            [
                (Some("b2"), "damage_secret", "damage_lost", Some("damage_fix_secret")),
                (None, "damage_index", "damage_lost", Some("damage_fix_index")),
                (
                    Some("Production"),
                    "damage_token",
                    "damage_older",
                    Some("damage_fix_older_token")
                ),
                (Some("Production"), "damage_profile", "damage_restored", None),
                (None, "damage_other", "damage_restored", None),
            ]
        );
    }
}
