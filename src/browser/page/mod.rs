//! The pages: the toolbar's popup, which is also the result of a flow when it stands in a tab, and the manager.
//!
//! They read storage themselves, so that they open without waking the worker, draw what [`crate::view`] says, and send
//! commands. Asking for permissions is the one thing that they do themselves: browsers want it done in the click.

#![expect(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

mod backup;
mod check;
mod clipboard;
mod explain;
mod home;
mod lock;
mod manager;
mod passphrase;
mod picker;
mod recovery;
mod restore;
mod rows;
mod settings;
mod setup;
mod traces;
mod transfer;
mod wipe;

use std::cell::RefCell;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, HtmlElement};

use crate::flow::{Check, Engine, FlowId, StoredToken};
use crate::plain::Record as _;
use crate::profile::{Profile, TokenRecord};
use crate::vault::heal::Damage;
use crate::vault::lock::{OpenKey, VaultRecord, Waiting};
use crate::vault::{self, Index};
use crate::view::{Command, Model, PopupView, Reply, VISIBLE_AT_FIRST};

use super::api::{answer, api, object, strings, words};
use super::dom::{self, by_id, document, for_each};
use super::storage::{Changes, Vault, ask, asked, from_js, local, on_changed, read, session, take_sealing, to_js};
use super::{clock, texts};

thread_local! {
    static PAGE: RefCell<Page> = const { RefCell::new(Page::new()) };
}

/// What the page knows.
struct Page {
    index: Index,
    profiles: Vec<Profile>,
    tokens: Vec<(String, StoredToken)>,
    checks: Vec<(String, Check)>,
    engine: Engine,
    /// Buttons that wait for the worker's answer, by profile.
    waiting: Vec<(String, &'static str)>,
    /// Tests that were due at this time and tried in vain, by profile.
    in_vain: Vec<(String, Option<u64>)>,
    /// The profile that the person opened; an empty name when all were closed.
    expanded: Option<String>,
    /// Tokens that the person asked to see.
    revealed: Vec<String>,
    visible: usize,
    /// What the form is about, while it shows.
    form: Option<setup::Form>,
    /// In a tab, as the result of a flow, rather than in the toolbar.
    tab: bool,
    /// The manager rather than the popup.
    manager: bool,
    /// Whether there is a passphrase, and storage is locked.
    vault: Vault,
    /// What waits while it is locked.
    waits: Waiting,
    /// What was damaged in storage, until the person has seen it.
    damage: Damage,
    /// When somebody last did something here.
    active_ms: u64,
    /// Whether the browser speaks another language than the static page.
    foreign: bool,
    /// What the list shows.
    drawn: Option<PopupView>,
    /// Keys of the records that show.
    keys: String,
    /// How many reads of storage were begun, and the newest whose result was taken.
    begun: u32,
    taken: u32,
    /// The same for the engine, which also comes with its changes.
    engine_taken: u32,
}

impl Page {
    const fn new() -> Self {
        Self {
            index: Index { entries: Vec::new() },
            profiles: Vec::new(),
            tokens: Vec::new(),
            checks: Vec::new(),
            engine: Engine::new(),
            waiting: Vec::new(),
            in_vain: Vec::new(),
            expanded: None,
            revealed: Vec::new(),
            visible: VISIBLE_AT_FIRST,
            form: None,
            tab: false,
            manager: false,
            vault: Vault {
                header: String::new(),
                locked: false,
                closing: false,
            },
            waits: Waiting {
                renewals_ms: Vec::new(),
                ends_ms: Vec::new(),
            },
            damage: Damage { records: Vec::new() },
            active_ms: 0,
            foreign: false,
            drawn: None,
            keys: String::new(),
            begun: 0,
            taken: 0,
            engine_taken: 0,
        }
    }

    /// The profile of a flow that is under way or was its profile's last.
    fn profile_of(&self, flow: &FlowId) -> Option<String> {
        let running = self.engine.flow(flow).map(|flow| flow.profile().to_owned());
        running.or_else(|| {
            let ended = self.engine.ended.iter().find(|ended| ended.flow == *flow);
            ended.map(|ended| ended.profile.clone())
        })
    }

    fn profile(&self, id: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == id)
    }

    /// A profile's token: the one that could not be stored yet, as long as there is one.
    fn token(&self, id: &str) -> Option<&TokenRecord> {
        if let Some((unstored, _)) = self.engine.unstored_of(id) {
            return Some(&unstored.token);
        }
        let stored = self.tokens.iter().find(|(profile, _)| profile == id);
        stored.map(|(_, stored)| &stored.token)
    }
}

fn with<T>(use_page: impl FnOnce(&mut Page) -> T) -> T {
    PAGE.with(|page| use_page(&mut page.borrow_mut()))
}

/// Starts the page with what it asked for while WebAssembly was compiled: the tab that it stands in, the engine, and what
/// `storage.local` holds under [`vault::HEAD_KEYS`] and the keys of the records that the last page showed.
#[cfg(feature = "popup")]
#[wasm_bindgen]
pub async fn popup(tab: Promise, engine: Promise, records: Promise, shown: Vec<String>) -> Result<(), JsValue> {
    speak()?;
    let loaded = load_from(Ok(engine), Ok(records), &shown).await;
    recovery::heal_unless(loaded).await?;
    // A popup has no tab of its own.
    let tab = JsFuture::from(tab).await?;
    with(|page| page.tab = !tab.is_undefined());
    if !tab.is_undefined() {
        let root = document()?.document_element();
        root.map_or(Ok(()), |root| root.set_attribute("data-mode", "tab"))?;
    }
    with(|page| page.expanded = flow_in_address().and_then(|flow| page.profile_of(&flow)));
    wipe::forget();
    home::listen()?;
    redraw()?;
    // The rest can wait until the main action stands.
    setup::listen()?;
    lock::listen()?;
    listen_for_failures()?;
    follow_storage();
    home::look_again();
    // Time left is text, and time goes by.
    dom::every(1000, || {
        check::try_again();
        report(redraw());
    });
    Ok(())
}

/// Whether this page is the manager. The module of one page has no code of the other.
fn is_manager() -> bool {
    cfg!(feature = "manager") && (!cfg!(feature = "popup") || with(|page| page.manager))
}

/// Starts the manager, with what the popup's start is given.
#[cfg(feature = "manager")]
#[wasm_bindgen]
pub async fn manager(tab: Promise, engine: Promise, records: Promise, shown: Vec<String>) -> Result<(), JsValue> {
    drop(tab);
    with(|page| {
        page.manager = true;
        page.visible = usize::MAX;
    });
    speak()?;
    let loaded = load_from(Ok(engine), Ok(records), &shown).await;
    recovery::heal_unless(loaded).await?;
    settings::load().await?;
    manager::listen()?;
    setup::listen()?;
    lock::listen()?;
    listen_for_failures()?;
    wipe::listen()?;
    manager::arrive(false)?;
    wipe::forget();
    wipe::arrive().await?;
    follow_storage();
    dom::every(1000, || report(redraw()));
    Ok(())
}

/// Puts the texts of the browser's language into the static page.
fn speak() -> Result<(), JsValue> {
    let language = api().i18n().get_ui_language();
    if language != "en" && !language.starts_with("en-") {
        with(|page| page.foreign = true);
        if let Some(root) = document()?.document_element() {
            root.set_attribute("lang", &language)?;
            localise(&root)?;
        }
    }
    Ok(())
}

/// Hears of every change from now on, and reads once more: what changed since the first read was begun, while WebAssembly
/// was compiled, nobody told this page.
fn follow_storage() {
    on_changed(|changes, area| report(changed(&changes, area)));
    spawn_local(async {
        let loaded = load().await;
        report(loaded.and_then(|()| redraw()));
    });
}

/// A change comes with its new value, so the engine, which changes at every step of a flow, is not read again.
fn changed(changes: &Changes, area: &str) -> Result<(), JsValue> {
    if area == "session" {
        if changes.touch(&[vault::WIPE_KEY]) {
            return wipe::changed(changes);
        }
        // Locked, unlocked, or sealed under another key.
        if changes.touch(&[vault::OPEN_KEY]) {
            let open: Option<OpenKey> = changes.get(vault::OPEN_KEY)?;
            let stays = with(|page| match &open {
                Some(open) if !open.closing => {
                    // A page that was loaded meanwhile knows it.
                    !page.vault.locked && !page.vault.closing && page.vault.header == open.header
                }
                _ => page.vault.locked || (open.is_none() && page.vault.header.is_empty()),
            });
            return if stays { Ok(()) } else { lock::reload() };
        }
        if !changes.touch(&[vault::ENGINE_KEY]) {
            return Ok(());
        }
        let engine: Option<Engine> = changes.get(vault::ENGINE_KEY)?;
        with(|page| {
            page.begun += 1;
            page.engine_taken = page.begun;
            page.engine = engine.unwrap_or_default();
        });
        return redraw();
    }
    // Storage is made anew, and all of it comes again at once.
    if area == "local" && changes.removed(vault::UNSETTLED_KEY) {
        return Ok(());
    }
    if area == "local" && changes.touch(&[vault::VAULT_KEY]) {
        let vault: Option<VaultRecord> = changes.get(vault::VAULT_KEY)?;
        if vault.is_none_or(|vault| vault.header.is_empty()) {
            return lock::reload();
        }
    }
    if with(|page| page.vault.locked) {
        return Ok(());
    }
    if area == "local" && is_manager() && changes.touch(&[vault::SETTINGS_KEY]) {
        spawn_local(async { report(settings::load().await.and_then(|()| redraw())) });
    }
    if area == "local" && is_manager() && changes.touch(&[vault::TRACES]) {
        traces::load();
    }
    if area == "local" && changes.touch(&vault::SHOWN_RECORDS) {
        spawn_local(async {
            let loaded = load().await;
            report(loaded.and_then(|()| redraw()));
        });
    }
    Ok(())
}

/// The flow whose result this page shows: it only chooses the profile that is open.
fn flow_in_address() -> Option<FlowId> {
    let hash = web_sys::window()?.location().hash().ok()?;
    Some(FlowId(hash.strip_prefix('#')?.to_owned()))
}

/// Puts the texts of `_locales` below this element; the English ones stand there already.
fn localise(root: &Element) -> Result<(), JsValue> {
    if !with(|page| page.foreign) {
        return Ok(());
    }
    for (data, attribute) in [
        ("data-i18n", None),
        ("data-i18n-label", Some("aria-label")),
        ("data-i18n-placeholder", Some("placeholder")),
        ("data-i18n-title", Some("title")),
    ] {
        for_each(root, &["[", data, "]"].concat(), |element| {
            let text = texts::text(&element.get_attribute(data).unwrap_or_default());
            match attribute {
                None => dom::set_text(element, &text),
                Some(attribute) => dom::set_attribute(element, attribute, &text)?,
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads everything that shows.
async fn load() -> Result<(), JsValue> {
    let lock = || with(|page| (page.vault.header.clone(), page.vault.locked));
    let before = lock();
    let engine = ask(&session(), &vault::SESSION_KEYS);
    let loaded = load_from(engine, ask(&local(), &vault::PAGE_KEYS), &[]).await;
    recovery::heal_unless(loaded).await?;
    // Locked, unlocked or sealed anew before the page heard of changes.
    if lock() == before { Ok(()) } else { lock::reload() }
}

/// Takes the index, and reads the records of the profiles that show unless they came with it. Says whether all that it looked
/// for was there.
async fn load_from(
    engine: Result<Promise, JsValue>,
    head: Result<Promise, JsValue>,
    came: &[String],
) -> Result<bool, JsValue> {
    let turn = with(|page| {
        page.begun += 1;
        page.begun
    });
    let head = asked(head).await?;
    let engine = asked(engine).await?;
    // A passphrase that is removed leaves its record: storage that has none is being made anew.
    if !head.holds(vault::VAULT_KEY) && with(|page| !page.vault.header.is_empty()) {
        return Ok(false);
    }
    let vault = take_sealing(&engine, &head)?;
    let locked = vault.locked;
    with(|page| page.vault = vault);
    if locked {
        let waits = head.get(vault::WAITING_KEY)?.unwrap_or_default();
        with(|page| page.waits = waits);
        return Ok(true);
    }
    vault::check_schema(head.get(vault::SCHEMA_KEY)?)
        .map_err(|error| js_sys::Error::new(&texts::text_with("storage_version", &[&error.found.to_string()])))?;
    let index: Option<Index> = head.get(vault::INDEX_KEY)?;
    let mut whole = index.is_some();
    let index = index.unwrap_or_default();
    let damage = head.get(vault::DAMAGE_KEY)?.unwrap_or_default();
    let visible = with(|page| page.visible);
    let shown: Vec<&str> = index
        .entries
        .iter()
        .take(visible)
        .map(|entry| entry.id.as_str())
        .collect();
    let keys: Vec<String> = shown
        .iter()
        .flat_map(|id| [vault::profile_key(id), vault::token_key(id), vault::check_key(id)])
        .collect();
    let records = if keys.iter().all(|key| came.contains(key)) {
        head
    } else {
        let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        read(&local(), &all_keys).await?
    };
    let mut profiles = Vec::new();
    let mut tokens = Vec::new();
    let mut checks = Vec::new();
    for (id, keys) in shown.iter().zip(keys.chunks(3)) {
        if let [profile_key, token_key, check_key] = keys {
            profiles.extend(records.get::<Profile>(profile_key)?);
            tokens.extend(records.get(token_key)?.map(|token| ((*id).to_owned(), token)));
            // One that can't be read hides no token; the next test replaces it.
            let check = records.get(check_key).unwrap_or_default();
            checks.extend(check.map(|check| ((*id).to_owned(), check)));
        }
    }
    whole &= profiles.len() == shown.len();
    let engine = engine.get(vault::ENGINE_KEY)?.unwrap_or_default();
    let keys = keys.join(" ");
    // Reads overtake each other; what an earlier one saw is no longer so.
    if with(|page| turn < page.taken) {
        return Ok(true);
    }
    let news = with(|page| page.keys != keys);
    if news && visible == VISIBLE_AT_FIRST {
        remember(&keys);
    }
    with(|page| {
        page.taken = turn;
        page.keys = keys;
        page.profiles = profiles;
        page.tokens = tokens;
        page.checks = checks;
        if turn > page.engine_taken {
            page.engine = engine;
        }
        page.index = index;
        page.damage = damage;
    });
    Ok(whole)
}

/// Tells the next page which records this one shows. Without it the next page reads twice.
fn remember(keys: &str) {
    let area = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
    if let Some(area) = area {
        // Where there is no profile, nothing is left.
        let _ = if keys.is_empty() {
            area.remove_item("shown")
        } else {
            area.set_item("shown", keys)
        };
    }
}

/// Draws what is so now.
fn redraw() -> Result<(), JsValue> {
    lock::draw_state()?;
    if with(|page| page.vault.locked) {
        let waits = with(|page| page.waits.clone());
        return lock::draw(&waits);
    }
    setup::forget_secret()?;
    recovery::draw_notice()?;
    if is_manager() {
        return manager::redraw();
    }
    let form = with(|page| {
        let none = page.index.entries.is_empty();
        if none && page.form.is_none() {
            page.form = Some(setup::Form::first());
        }
        // A profile came from elsewhere: from the manager, or an import.
        if !none && page.form.as_ref().is_some_and(setup::Form::is_untouched) {
            page.form = None;
        }
        page.form.is_some()
    });
    if form {
        with(|page| page.drawn = None);
        setup::draw()?;
        return show_view("view-setup");
    }
    let view = with(|page| {
        let view = PopupView::new(&Model {
            index: &page.index,
            profiles: &page.profiles,
            tokens: &page.tokens,
            checks: &page.checks,
            engine: &page.engine,
            now_ms: clock::now_ms(),
            expanded: page.expanded.as_deref(),
            revealed: &page.revealed,
            visible: page.visible,
        });
        (page.drawn.as_ref() != Some(&view)).then_some(view)
    });
    let Some(view) = view else { return Ok(()) };
    home::draw(&view)?;
    with(|page| page.drawn = Some(view));
    show_view("view-home")
}

fn show_view(id: &str) -> Result<(), JsValue> {
    let main: Element = by_id("main")?;
    for_each(&main, ".view", |element| {
        if let Ok(view) = wasm_bindgen::JsCast::dyn_into::<HtmlElement>(element.clone()) {
            dom::show(&view, element.id() == id);
        }
        Ok(())
    })
}

/// Shows what could not be done, in place of everything else: the page no longer tells the truth.
fn report(result: Result<(), JsValue>) {
    if let Err(error) = result {
        with(|page| page.drawn = None);
        let shown = by_id::<Element>("error-text").and_then(|element| {
            dom::set_text(&element, &texts::text_with("storage_unreadable", &[&words(&error)]));
            show_view("view-error")
        });
        if shown.is_err() {
            web_sys::console::error_1(&error);
        }
    }
}

/// Says something to a screen reader.
fn announce(text: &str) {
    if let Ok(element) = by_id::<Element>("announce") {
        dom::set_text(&element, text);
    }
}

/// Says to everybody that a click did not do what it was for.
fn say_failed(message: &str) {
    say_failed_as("failed_text", message);
}

/// The same in this text.
fn say_failed_as(text: &str, message: &str) {
    let shown = by_id::<Element>("failed_text").and_then(|element| {
        dom::set_text(&element, &texts::text_with(text, &[message]));
        show_failed(true)
    });
    if shown.is_err() {
        announce(message);
    }
}

fn show_failed(shown: bool) -> Result<(), JsValue> {
    dom::show(&by_id::<HtmlElement>("failed")?, shown);
    Ok(())
}

/// With the next click, Close among them, the person has read it.
fn listen_for_failures() -> Result<(), JsValue> {
    dom::listen(&document()?.into(), "click", |_| report(show_failed(false)))
}

/// Sends a command to the worker.
async fn send(command: &Command) -> Result<Reply, JsValue> {
    let reply = answer(api().runtime().send_message(&to_js(&command.to_plain())?)).await?;
    Reply::from_plain(&from_js(&reply)?).map_err(|unfit| js_sys::Error::new(&unfit.to_string()).into())
}

/// Sends a command that may be given twice, up to three times: a worker that is stopped over it answers nobody, and the next one
/// can be asked the same.
async fn send_again(command: &Command) -> Result<Reply, JsValue> {
    let mut reply = send(command).await;
    for _ in 0..2 {
        if reply.is_err() {
            reply = send(command).await;
        }
    }
    reply
}

/// Sends a command whose answer shows in storage.
fn command(command: Command) {
    spawn_local(async move {
        match send(&command).await {
            Ok(Reply::Failed { message }) => say_failed(&message),
            Ok(_) => {}
            Err(error) => say_failed(&words(&error)),
        }
    });
}

/// The same of one that no click is for: nobody waits for it.
fn command_unasked(command: Command) {
    spawn_local(async move {
        if let Err(error) = send(&command).await {
            announce(&words(&error));
        }
    });
}

/// Asks the browser for hosts, in the click, before anything is waited for; the promise says whether it grants them.
fn ask_for(hosts: &[String]) -> Result<Promise, JsValue> {
    api()
        .permissions()
        .request(&object([("origins", strings(hosts.iter()).into())]))
}

/// Tells the worker what the browser said. When the page closes under the question, the worker hears of a grant by
/// itself.
async fn pass_on(asked: Result<Promise, JsValue>, profile: String) {
    let granted = match asked {
        Ok(asked) => JsFuture::from(asked).await.is_ok_and(|granted| granted.is_truthy()),
        Err(_) => false,
    };
    command(Command::PermissionAnswered { profile, granted });
}

/// Copies a text and says so on the button.
fn copy(text: String, button: &HtmlElement) {
    let button = button.clone();
    spawn_local(async move {
        let copied = match web_sys::window() {
            Some(window) => JsFuture::from(window.navigator().clipboard().write_text(&text))
                .await
                .is_ok(),
            None => false,
        };
        drop(text);
        let (said, shown) = if copied {
            ("announce_copied", "action_copied")
        } else {
            ("announce_copy_failed", "action_copy_failed")
        };
        announce(&texts::text(said));
        let before = button.text_content().unwrap_or_default();
        // A second click while the answer stands would keep the answer for good.
        if button.has_attribute("data-answer") {
            return;
        }
        let _ = button.set_attribute("data-answer", "");
        button.set_text_content(Some(&texts::text(shown)));
        dom::after(1500, move || {
            let _ = button.remove_attribute("data-answer");
            button.set_text_content(Some(&before));
            // Meanwhile it may have come to mean something else.
            with(|page| page.drawn = None);
            report(redraw());
        });
    });
}
