//! What a person types, pastes or opens.

use tokenkeep::flow::StoredToken;
use tokenkeep::handoff::{self, check_template, fill};
use tokenkeep::oauth::text;
use tokenkeep::plain::Plain;
use tokenkeep::profile::{self, MAX_PROFILES, Profile, ProfileDraft, Settings, validate, validate_keeping_secret};

use super::ours::read;
use super::{NOW_MS, end, sample, shown_text};

pub(super) fn import(input: &str) -> u64 {
    let found = match profile::import(input) {
        Err(error) => {
            shown_text(&error.to_string());
            return end(&(
                error.code(),
                error.args().first().filter(|_| error.code() == "nothing_in"),
            ));
        }
        Ok(found) => found,
    };
    assert!(!found.is_empty() && found.len() <= MAX_PROFILES);
    let mut ends = Vec::new();
    for imported in found.iter().take(50) {
        let draft = &imported.draft;
        imported.unknown.iter().for_each(|name| shown_text(name));
        assert!(imported.unknown.len() <= 100, "{} names", imported.unknown.len());
        secret_is_redacted(draft);
        ends.push((
            draft.provider.clone(),
            draft.client_secret.is_empty(),
            draft.scope.is_empty(),
            imported.unknown.len(),
        ));
        keeps_through_export(draft);
    }
    ends.truncate(3);
    end(&ends)
}

fn secret_is_redacted(draft: &ProfileDraft) {
    let secret = draft.client_secret.as_str();
    let others = [&draft.name, &draft.client_id, &draft.redirect_uri, &draft.scope];
    // One that stands elsewhere, too, was no secret there.
    if secret.len() >= 24 && !others.iter().any(|other| other.contains(secret)) {
        assert!(!format!("{draft:?}").contains(secret), "the secret is printed");
    }
}

/// What was accepted comes back from an exported file.
fn keeps_through_export(draft: &ProfileDraft) {
    let Ok(valid) = validate_keeping_secret(draft) else {
        return;
    };
    let (profile, _) = valid.into_profile("p".to_owned(), NOW_MS);
    let file = profile::export(std::slice::from_ref(&profile));
    let again = match profile::import(&file) {
        Ok(again) => again,
        Err(error) => panic!("an exported file is refused: {error}"),
    };
    assert_eq!(again.len(), 1);
    let mut expected = ProfileDraft::of(&profile);
    expected.name = text::clean(&expected.name, 99);
    expected.renew_in_tab = again[0].draft.renew_in_tab;
    assert_eq!(again[0].draft, expected);
}

pub(super) fn template(input: &str) -> u64 {
    let Some(profile) = sample::<Profile>("profile") else {
        return 0;
    };
    let Some(stored) = sample::<StoredToken>("stored_token") else {
        return 0;
    };
    let Some(subject) = handoff::Subject::new(&profile, &stored.token) else {
        return 0;
    };
    let filled = fill(input, &subject);
    assert_eq!(filled.as_ref().map(drop), check_template(input).as_ref().map(drop));
    match filled {
        Ok(text) => {
            assert!(text.len() <= 100 * input.len() + 1000, "{} bytes", text.len());
            end(&(input.matches("{{").count().min(9), text.len() > input.len()))
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() <= input.len() + 1000);
            end(&said.len().min(60))
        }
    }
}

pub(super) fn draft(input: &[u8]) -> u64 {
    let Ok(plain) = serde_json::from_slice::<Plain>(input) else {
        return 0;
    };
    let draft: ProfileDraft = match read(&plain) {
        Ok(draft) => draft,
        Err(end) => return end,
    };
    keeps_through_export(&draft);
    match validate(&draft) {
        Ok(valid) => end(&(valid.provider.id, valid.client_secret.is_some(), valid.name.is_empty())),
        Err(errors) => {
            errors
                .iter()
                .filter_map(|error| error.detail.as_deref())
                .for_each(shown_text);
            end(&errors.iter().map(|error| (error.field, error.code)).collect::<Vec<_>>())
        }
    }
}

pub(super) fn days(input: &str) -> u64 {
    let checked = Settings::parse_days(input).and_then(|remind_days| {
        let settings = Settings {
            remind_days,
            notify: true,
            template: Some(input.to_owned()),
            ..Settings::default()
        };
        settings.checked()
    });
    match checked {
        Ok(settings) => end(&settings.remind_days.len()),
        Err(code) => end(&code),
    }
}
