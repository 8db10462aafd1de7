//! The manager: all profiles in a list, and what its form says of scopes.

use crate::oauth::scope::Scopes;
use crate::profile::{Profile, ProfileDraft, TokenRecord};
use crate::provider::{self, Access, Provider, ScopeInfo};

use super::popup::{Model, ProfileView};

/// What the manager shows, and of that which part.
#[derive(Debug)]
pub struct ManagerModel<'a> {
    /// What the storage holds: all profiles; `visible` is the number of rows.
    pub stored: Model<'a>,
    /// What the person searches for.
    pub search: &'a str,
}

/// The list of profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagerView {
    /// The rows that show.
    pub rows: Vec<RowView>,
    /// How many profiles fit the search.
    pub found: usize,
    /// How many there are.
    pub total: usize,
}

/// A profile in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct RowView {
    /// What a closed card shows.
    pub card: ProfileView,
    /// A letter or two, or an emoji.
    pub sign: String,
    /// The colour of the sign, by its name in the style sheet.
    pub color: &'static str,
    /// The provider, as people read it.
    pub provider: String,
    /// `client_id`.
    pub client_id: String,
    /// Whose token it has.
    pub account: Option<String>,
}

impl ManagerView {
    /// Makes the view.
    #[must_use]
    pub fn new(model: &ManagerModel<'_>) -> Self {
        let stored = &model.stored;
        let search = fold(model.search);
        let words: Vec<&str> = search.split_whitespace().collect();
        let mut rows = Vec::new();
        let mut found = 0;
        for profile in stored.profiles {
            if !words.is_empty() && !fits(profile, &words) {
                continue;
            }
            found += 1;
            if found <= stored.visible {
                rows.push(RowView::new(stored, profile));
            }
        }
        Self {
            rows,
            found,
            total: stored.profiles.len(),
        }
    }
}

/// Whether every word stands somewhere in what people know of a profile.
fn fits(profile: &Profile, words: &[&str]) -> bool {
    let text = [
        profile.name.as_str(),
        "\n",
        profile.look.label.as_deref().unwrap_or_default(),
        "\n",
        &profile.client_id,
        "\n",
        &profile.scopes.join("\n"),
        "\n",
        profile.redirect_uri.host(),
    ];
    let text = fold(&text.concat());
    words.iter().all(|word| text.contains(word))
}

/// Small letters, for a comparison: of the Latin, Greek and Cyrillic alphabets by their places in Unicode. The whole of
/// Unicode's tables would be a tenth of the WebAssembly.
fn fold(text: &str) -> String {
    let small = |letter: char| {
        let code = u32::from(letter);
        let folded = match code {
            0x41..=0x5A | 0xC0..=0xD6 | 0xD8..=0xDE | 0x391..=0x3A1 | 0x3A3..=0x3A9 | 0x410..=0x42F => code + 0x20,
            0x400..=0x40F => code + 0x50,
            // Pairs: the large one has the even number, or the odd one.
            0x100..=0x12F | 0x132..=0x137 | 0x14A..=0x177 | 0x460..=0x481 | 0x1E00..=0x1EFF => code | 1,
            0x139..=0x148 | 0x179..=0x17E => code + code % 2,
            _ => code,
        };
        char::from_u32(folded).unwrap_or(letter)
    };
    text.chars().map(small).collect()
}

impl RowView {
    fn new(model: &Model<'_>, profile: &Profile) -> Self {
        let token = model.token(&profile.id);
        Self {
            card: ProfileView::new(model, profile, false),
            sign: profile.look.sign(&profile.name),
            color: profile.look.color(),
            provider: profile
                .provider()
                .map_or(profile.provider.as_str(), |provider| provider.name)
                .to_owned(),
            client_id: profile.client_id.clone(),
            account: token.and_then(|stored| stored.token.account.clone()),
        }
    }
}

/// The scopes of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeGroup {
    /// The product, as the provider's portal calls it.
    pub product: &'static str,
    /// How an app comes to the first of them; the others may differ.
    pub access: Access,
    /// Its scopes.
    pub scopes: Vec<&'static ScopeInfo>,
}

/// A provider's scopes by product, in the order of its table.
#[must_use]
pub fn scope_groups(provider: &'static Provider) -> Vec<ScopeGroup> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for scope in provider.scopes {
        match groups.iter_mut().find(|group| group.product == scope.product) {
            Some(group) => group.scopes.push(scope),
            None => groups.push(ScopeGroup {
                product: scope.product,
                access: scope.access,
                scopes: vec![scope],
            }),
        }
    }
    groups
}

/// The scopes of the form with one of them replaced, where it stands, by those that took its place.
#[must_use]
pub fn with_successor(scope_field: &str, scope: &str, successor: &str) -> String {
    let mut wanted: Vec<&str> = Vec::new();
    for own in scope_field.split([' ', ',']).filter(|own| !own.is_empty()) {
        for name in if own == scope { successor } else { own }.split(' ') {
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
    }
    wanted.join(" ")
}

/// Whether an authorization with this draft ends a token that still lives, of any of these profiles: the provider revokes the
/// earlier ones when the same app asks for another set of scopes. The newest token tells which set holds now.
pub fn scope_change_revokes<'a>(
    draft: &ProfileDraft,
    tokens: impl Iterator<Item = (&'a Profile, &'a TokenRecord)>,
    now_ms: u64,
) -> bool {
    let revokes = provider::by_id(&draft.provider).is_some_and(|provider| provider.scope_change_revokes);
    let of_the_app = |(profile, token): &(&Profile, &TokenRecord)| {
        profile.provider == draft.provider && profile.client_id == draft.client_id && token.lives(now_ms)
    };
    let newest = tokens.filter(of_the_app).max_by_key(|(_, token)| token.obtained_ms);
    let differs = |(_, token): (&Profile, &TokenRecord)| {
        Scopes::parse(&draft.scope).is_ok_and(|scopes| !scopes.same_set(&token.scope_requested))
    };
    revokes && newest.is_some_and(differs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::flow::{Engine, FlowId, StoredToken};
    use crate::oauth::redirect_uri::RedirectUri;
    use crate::profile::Look;
    use crate::vault::Index;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn profile(id: &str, name: &str, label: &str, redirect_uri: &str) -> Profile {
        Profile {
            id: id.to_owned(),
            name: name.to_owned(),
            provider: "linkedin".to_owned(),
            client_id: ["78", id, "client"].concat(),
            redirect_uri: RedirectUri::parse(redirect_uri).unwrap(),
            scopes: Scopes::parse("openid w_member_social").unwrap(),
            renew_automatically: true,
            renew_in_tab: false,
            copy_as: None,
            look: Look {
                label: Some(label.to_owned()).filter(|label| !label.is_empty()),
                ..Look::default()
            },
            created_ms: 0,
            first_app: None,
        }
    }

    fn token(expires_ms: Option<u64>) -> TokenRecord {
        let json = serde_json::json!({
            "v": 1, "access_token": "AQX0", "token_type": "bearer", "scope_requested": ["openid", "profile"], "obtained_ms": NOW_MS,
            "expires_ms": expires_ms, "account": "Ada",
        });
        serde_json::from_value(json).unwrap()
    }

    fn view(search: &str, visible: usize) -> (Vec<String>, usize, usize) {
        let profiles = [
            profile("a", "Billing", "production", "https://app.example.com/cb"),
            profile("b", "Überblick", "Staging", "http://localhost:8585/cb"),
            profile("c", "Third", "", "https://staging.example.org/cb"),
        ];
        let stored = StoredToken {
            flow: FlowId("f".to_owned()),
            token: token(None),
        };
        let view = ManagerView::new(&ManagerModel {
            stored: Model {
                index: &Index::default(),
                profiles: &profiles,
                tokens: &[("b".to_owned(), stored)],
                checks: &[],
                engine: &Engine::default(),
                now_ms: NOW_MS,
                expanded: None,
                revealed: &[],
                visible,
            },
            search,
        });
        for row in &view.rows {
            assert_eq!(row.account.is_some(), row.card.id == "b", "the account is the token's");
            assert!(row.card.detail.is_none());
        }
        let ids = view.rows.iter().map(|row| row.card.id.clone()).collect();
        (ids, view.found, view.total)
    }

    fn check(search: &str, expected: &[&str]) {
        let (ids, found, total) = view(search, 100);
        assert_eq!(ids, expected, "{search}");
        assert_eq!((found, total), (expected.len(), 3), "{search}");
    }

    #[test]
    fn every_word_is_searched_for_everywhere() {
        check("", &["a", "b", "c"]);
        check("  ", &["a", "b", "c"]);
        check("BILL", &["a"]);
        check("über", &["b"]);
        check("staging", &["b", "c"]);
        check("staging third", &["c"]);
        check("78aclient", &["a"]);
        check("w_member", &["a", "b", "c"]);
        check("localhost", &["b"]);
        check("example.org", &["c"]);
        // Neither the path nor what stands across two fields.
        check("/cb", &[]);
        check("billingproduction", &[]);
        check("nobody", &[]);
    }

    #[test]
    fn letters_fold_as_unicode_says() {
        for text in [
            "LinkedIn",
            "\u{dc}BER \u{c5}r\u{d7}",
            "\u{39f}\u{3a3} \u{3a9}",
            "\u{41f}\u{420}\u{41e}\u{414} \u{401}\u{416}",
            "\u{141}\u{f3}d\u{17a} \u{139} \u{17d}\u{160}",
            "\u{1ea0} \u{1f680} \u{65e5}\u{672c}",
        ] {
            let expected: String = text.chars().flat_map(char::to_lowercase).collect();
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    #[test]
    fn rows_beyond_the_visible_ones_are_counted() {
        assert_eq!(view("", 2), (vec!["a".to_owned(), "b".to_owned()], 3, 3));
        assert_eq!(view("staging", 1), (vec!["b".to_owned()], 2, 3));
    }

    #[test]
    fn every_scope_stands_in_one_group() {
        let linkedin = provider::by_id("linkedin").unwrap();
        let groups = scope_groups(linkedin);
        assert_eq!(groups[0].product, "Sign In with LinkedIn using OpenID Connect");
        assert_eq!(groups[0].access, Access::SelfServe);
        let names: Vec<&str> = groups[0].scopes.iter().map(|scope| scope.name).collect();
        assert_eq!(names, ["openid", "profile", "email"]);
        let total: usize = groups.iter().map(|group| group.scopes.len()).sum();
        assert_eq!(total, linkedin.scopes.len());
        for (index, group) in groups.iter().enumerate() {
            assert!(groups[..index].iter().all(|other| other.product != group.product));
        }
        let access = |name| linkedin.scope(name).map(|scope| scope.access);
        assert_eq!(access("r_ads"), Some(Access::Apply));
        assert_eq!(access("r_liteprofile"), Some(Access::Legacy));
        assert_eq!(access("r_member_social"), Some(Access::Closed));
        assert_eq!(access("r_dma_portability_self_serve"), Some(Access::SelfServe));
        assert_eq!(access("r_dma_portability_3rd_party"), Some(Access::Apply));
    }

    #[test]
    fn a_successor_stands_where_the_scope_stood_and_nothing_twice() {
        for (field, expected) in [
            ("r_liteprofile", "openid profile"),
            ("r_liteprofile email", "openid profile email"),
            ("openid, r_liteprofile,w_x", "openid profile w_x"),
            ("profile r_liteprofile", "profile openid"),
            ("r_liteprofile2", "r_liteprofile2"),
            ("", ""),
        ] {
            assert_eq!(
                with_successor(field, "r_liteprofile", "openid profile"),
                expected,
                "{field}"
            );
        }
    }

    #[test]
    fn another_set_of_scopes_ends_a_living_token_of_the_same_app() {
        let stored = profile("a", "Billing", "", "http://localhost/cb");
        let draft = |scope: &str| ProfileDraft {
            scope: scope.to_owned(),
            ..ProfileDraft::of(&stored)
        };
        let revokes = |draft: &ProfileDraft, token: &TokenRecord| {
            scope_change_revokes(draft, [(&stored, token)].into_iter(), NOW_MS)
        };
        let living = token(Some(NOW_MS + 1));
        assert!(revokes(&draft("openid"), &living));
        assert!(revokes(&draft("openid profile email"), &living));
        assert!(revokes(&draft("openid"), &token(None)));
        // The same set in another order, no scope at all that can be asked for, a dead token, another app.
        assert!(!revokes(&draft("profile,openid"), &living));
        assert!(!revokes(&draft("open\"id"), &living));
        assert!(!revokes(&draft("openid"), &token(Some(NOW_MS))));
        let other = ProfileDraft {
            client_id: "78other".to_owned(),
            ..draft("openid")
        };
        assert!(!revokes(&other, &living));
    }

    #[test]
    fn the_newest_token_of_the_app_tells_which_scopes_hold() {
        let [one, two] = ["a", "b"].map(|id| Profile {
            client_id: "78app".to_owned(),
            ..profile(id, "Billing", "", "http://localhost/cb")
        });
        let with = |scope: &str, obtained_ms: u64| TokenRecord {
            scope_requested: Scopes::parse(scope).unwrap(),
            obtained_ms,
            ..token(Some(NOW_MS + 1))
        };
        let draft = |scope: &str| ProfileDraft {
            scope: scope.to_owned(),
            ..ProfileDraft::of(&two)
        };
        let other = with("openid", NOW_MS - 2);
        let revokes = |scope: &str, own: Option<&TokenRecord>| {
            let own = own.map(|own| (&two, own));
            scope_change_revokes(&draft(scope), [(&one, &other)].into_iter().chain(own), NOW_MS)
        };
        // The other profile's token would go.
        assert!(revokes("openid w_member_social", None));
        assert!(!revokes("openid", None));
        // It went already when this profile's came.
        let own = with("openid w_member_social", NOW_MS - 1);
        assert!(!revokes("openid w_member_social", Some(&own)));
        assert!(revokes("openid", Some(&own)));
    }
}
