//! Profiles as a file: to keep, or to share with a team. No secret can be in it, because what it is written from has none.

use crate::plain::json::{object, string};

use super::Profile;

/// What the file calls itself, and its newest version.
pub(super) const FILE: &str = "profiles";
pub(super) const VERSION: u32 = 1;

/// The file that [`import`](super::import()) reads back. Ids and times stay behind: they belong to this browser.
#[must_use]
pub fn export(profiles: &[Profile]) -> String {
    let mut list = String::from("[");
    for (index, profile) in profiles.iter().enumerate() {
        list.push_str(if index == 0 { "\n    " } else { ",\n    " });
        let mut members = vec![
            ("name", string(&profile.name)),
            ("provider", string(&profile.provider)),
            ("client_id", string(&profile.client_id)),
            ("redirect_uri", string(profile.redirect_uri.as_str())),
            ("scopes", scopes(profile)),
            ("renew_automatically", profile.renew_automatically.to_string()),
            ("renew_in_tab", profile.renew_in_tab.to_string()),
        ];
        let look = &profile.look;
        for (name, mark) in [("label", &look.label), ("icon", &look.icon), ("color", &look.color)] {
            members.extend(mark.as_ref().map(|mark| (name, string(mark))));
        }
        list.push_str(&object(&members, "    "));
    }
    list.push_str(if profiles.is_empty() { "]" } else { "\n  ]" });
    let members = [
        ("tokenkeep", string(FILE)),
        ("version", VERSION.to_string()),
        ("profiles", list),
    ];
    object(&members, "") + "\n"
}

fn scopes(profile: &Profile) -> String {
    let mut list = String::from("[");
    for (index, scope) in profile.scopes.iter().enumerate() {
        if index > 0 {
            list.push_str(", ");
        }
        list.push_str(&string(scope));
    }
    list.push(']');
    list
}
