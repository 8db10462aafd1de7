//! Backing up everything into one file under a passphrase.

use js_sys::{Array, Date, JSON, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, Element, EventTarget, HtmlElement, HtmlInputElement, Url};

use crate::plain::Record as _;
use crate::profile::{Profile, Settings};
use crate::vault::backup::{Backup, Kept};
use crate::vault::passphrase::Passphrase;
use crate::vault::strength::{Strength, strength};
use crate::vault::{self, Index};

use super::lock::{ask, typed};
use super::{announce, dom, report, with};
use crate::browser::dom::{by_id, set_attribute, set_text, show};
use crate::browser::storage::{Records, local, read, to_js};
use crate::browser::{clock, entropy, texts};

const FIELDS: [&str; 2] = ["backup_passphrase", "backup_again"];

/// Listens to the form.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("backup")?, "submit", |event| {
        event.prevent_default();
        report(save());
    })?;
    dom::listen(&by_id::<EventTarget>("backup")?, "input", |_| {
        report(judge("backup").and_then(|()| say("backup", None)));
    })?;
    dom::listen(&by_id::<EventTarget>("backup_suggest")?, "click", |_| report(suggest()))
}

/// Forgets what was typed.
pub(super) fn clear() -> Result<(), JsValue> {
    for id in FIELDS {
        let field: HtmlInputElement = by_id(id)?;
        field.set_value("");
        field.set_type("password");
    }
    show(&by_id("backup_suggested")?, false);
    judge("backup")?;
    say("backup", None)
}

/// Shows an error of a form by its code, or none.
pub(super) fn say(form: &str, code: Option<&str>) -> Result<(), JsValue> {
    let text = code.map(|code| texts::text(&["backup_error_", code].concat()));
    complain(form, text.as_deref())
}

/// The same with a text of its own.
pub(super) fn complain(form: &str, text: Option<&str>) -> Result<(), JsValue> {
    let slot: HtmlElement = by_id(&[form, "_error"].concat())?;
    show(&slot, text.is_some());
    set_text(&slot, text.unwrap_or_default());
    let field: Element = by_id(&[form, "_passphrase"].concat())?;
    set_attribute(&field, "aria-invalid", if text.is_some() { "true" } else { "false" })
}

/// Says how hard the passphrase is to guess, while it is typed.
pub(super) fn judge(form: &str) -> Result<(), JsValue> {
    let text = typed(&[form, "_passphrase"].concat())?;
    let slot: HtmlElement = by_id(&[form, "_strength"].concat())?;
    let code = match Passphrase::new(&text).checked() {
        _ if text.is_empty() => "hint",
        Err(_) => "short",
        Ok(()) => strength(&text).code(),
    };
    set_attribute(&slot, "data-strength", code)?;
    set_text(&slot, &texts::text(&["strength_", code].concat()));
    Ok(())
}

/// Twenty random characters of an alphabet of 32 are a hundred bits.
fn random() -> Result<String, JsValue> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut text = String::with_capacity(23);
    for (place, byte) in entropy::bytes::<20>()?.into_iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(byte & 31)]));
    }
    Ok(text)
}

fn suggest() -> Result<(), JsValue> {
    let mut text = random()?;
    // One of some twelve looks to the cautious estimate as if somebody had thought of it.
    for _ in 0..30 {
        if strength(&text) == Strength::Strong {
            break;
        }
        text = random()?;
    }
    for id in FIELDS {
        let field: HtmlInputElement = by_id(id)?;
        field.set_type("text");
        field.set_value(&text);
    }
    show(&by_id("backup_suggested")?, true);
    judge("backup")?;
    say("backup", None)
}

/// Why this passphrase can't be taken.
pub(super) fn refusal(form: &str, text: &str) -> Result<Option<&'static str>, JsValue> {
    Ok(match Passphrase::new(text).checked() {
        Err(code) => Some(code),
        Ok(()) if strength(text) == Strength::Weak => Some("weak"),
        Ok(()) if text != typed(&[form, "_again"].concat())? => Some("not_the_same"),
        Ok(()) => None,
    })
}

fn save() -> Result<(), JsValue> {
    let passphrase = typed("backup_passphrase")?;
    if let Some(code) = refusal("backup", &passphrase)? {
        by_id::<HtmlElement>(FIELDS[usize::from(code == "not_the_same")])?.focus()?;
        return say("backup", Some(code));
    }
    working("backup", true)?;
    spawn_local(async move {
        let file = make(passphrase).await;
        report(working("backup", false));
        report(match file {
            Ok(file) => download(&file).and_then(|()| {
                clear()?;
                announce(&texts::text("backup_done"));
                show(&by_id("backup_saved")?, true);
                Ok(())
            }),
            Err(code) => say("backup", Some(&code)),
        });
    });
    Ok(())
}

/// A form can't be sent twice while it is at work, and says that it is.
pub(super) fn working(form: &str, works: bool) -> Result<(), JsValue> {
    let button: HtmlElement = by_id(&[form, "_go"].concat())?;
    show(&by_id(&[form, "_working"].concat())?, works);
    if works {
        show(&by_id("backup_saved")?, false);
        set_attribute(&button, "disabled", "")
    } else {
        button.remove_attribute("disabled")
    }
}

async fn make(passphrase: String) -> Result<JsValue, String> {
    let unreadable = |_| "unreadable".to_owned();
    let (settings, mut profiles) = collect().await.map_err(unreadable)?;
    // What storage refused is in the backup all the same.
    with(|page| {
        for kept in &mut profiles {
            if let Some((unstored, _)) = page.engine.unstored_of(&kept.profile.id) {
                kept.token = Some(unstored.clone());
            }
        }
    });
    let backup = Backup::new(clock::now_ms(), settings, profiles);
    let contents = to_js(&backup.to_plain())
        .and_then(|contents| JSON::stringify(&contents))
        .map_err(unreadable)?;
    ask("seal", passphrase, contents.into()).await
}

/// Everything that a backup holds, as it stands in storage.
pub(super) async fn collect() -> Result<(Settings, Vec<Kept>), JsValue> {
    let [schema, index] = vault::HEAD_KEYS;
    let head = read(&local(), &[schema, index, vault::SETTINGS_KEY]).await?;
    vault::check_schema(head.get(schema)?)
        .map_err(|error| js_sys::Error::new(&texts::text_with("storage_version", &[&error.found.to_string()])))?;
    let index: Index = head.get(index)?.unwrap_or_default();
    let settings = head.get(vault::SETTINGS_KEY)?.unwrap_or_default();
    let mut keys = Vec::new();
    for entry in &index.entries {
        keys.extend([
            vault::profile_key(&entry.id),
            vault::secret_key(&entry.id),
            vault::token_key(&entry.id),
        ]);
    }
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let records = read(&local(), &all_keys).await?;
    let mut profiles = Vec::new();
    for keys in keys.chunks(3) {
        profiles.extend(kept(&records, keys)?);
    }
    Ok((settings, profiles))
}

fn kept(records: &Records, keys: &[String]) -> Result<Option<Kept>, JsValue> {
    let [profile, secret, token] = keys else {
        return Ok(None);
    };
    let Some(profile) = records.get::<Profile>(profile)? else {
        return Ok(None);
    };
    Ok(Some(Kept {
        profile,
        secret: records.get(secret)?,
        token: records.get(token)?,
    }))
}

fn download(file: &JsValue) -> Result<(), JsValue> {
    let bytes: &Uint8Array = file.unchecked_ref();
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(bytes))?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlElement = by_id("backup_link")?;
    set_attribute(&link, "href", &url)?;
    set_attribute(
        &link,
        "download",
        &["tokenkeep-backup-", &today(), ".tokenkeep"].concat(),
    )?;
    link.click();
    // The browser has taken it by then.
    dom::after(10_000, move || {
        let _ = Url::revoke_object_url(&url);
    });
    Ok(())
}

/// The person's own date, as ISO 8601 writes it.
fn today() -> String {
    let date = Date::new_0();
    let two = |number: u32| [if number < 10 { "0" } else { "" }, &number.to_string()].concat();
    [
        date.get_full_year().to_string().as_str(),
        "-",
        &two(date.get_month() + 1),
        "-",
        &two(date.get_date()),
    ]
    .concat()
}
