//! The form of a profile: first run, another profile, or an edit.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    Element, EventTarget, HtmlDetailsElement, HtmlDialogElement, HtmlElement, HtmlInputElement, HtmlSelectElement,
};

use crate::diagnosis::has_lost_query;
use crate::oauth::redirect_uri::RedirectUri;
use crate::oauth::scope::Scopes;
use crate::profile::{COLORS, FieldError, Look, Profile, ProfileDraft, validate, validate_keeping_secret};
use crate::provider::{self, GrantType, ScopeInfo, ScopeStatus};
use crate::vault::keeps_secret;
use crate::view::{Command, Reply, scope_change_revokes, with_successor};

use super::{ask_for, copy, dom, is_manager, load, pass_on, picker, redraw, report, say_failed, send, with};
use crate::browser::api::words;
use crate::browser::dom::{by_id, children, find, for_each, set_attribute, set_text, set_text_in, show};
use crate::browser::{clock, texts};

/// Suggested where nothing is registered yet: nothing has to listen there.
const SUGGESTED_REDIRECT_URI: &str = "http://localhost:8585/callback";

/// The fields that can be wrong, as their elements and [`FieldError`] name them.
const FIELDS: [&str; 6] = ["client_id", "client_secret", "redirect_uri", "scope", "label", "icon"];

/// What the form is about.
pub(super) struct Form {
    /// The profile under edit; none for a new one.
    profile: Option<Profile>,
    /// What a new one begins with, where it was imported.
    draft: Option<ProfileDraft>,
    /// Whether the fields hold its values already.
    filled: bool,
    /// Whether a flow starts once it is confirmed that other scopes may end the present tokens.
    authorize: bool,
    /// Whether it is on its way to the worker: a second click must not make a second profile.
    sent: bool,
    /// Why it shows.
    reason: Reason,
}

/// Why a form shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// There was no profile, and nobody has done anything with it yet.
    NoProfile,
    /// The person wants it.
    Person,
}

impl Form {
    /// A new profile.
    pub(super) fn new() -> Self {
        Self {
            profile: None,
            draft: None,
            filled: false,
            authorize: false,
            sent: false,
            reason: Reason::Person,
        }
    }

    /// The first run.
    pub(super) fn first() -> Self {
        Self {
            reason: Reason::NoProfile,
            ..Self::new()
        }
    }

    /// Whether nothing is lost without it.
    pub(super) fn is_untouched(&self) -> bool {
        self.reason == Reason::NoProfile
    }

    /// A new profile of which something is known.
    pub(super) fn imported(draft: ProfileDraft) -> Self {
        Self {
            draft: Some(draft),
            ..Self::new()
        }
    }

    /// An edit.
    pub(super) fn edit(profile: &Profile) -> Self {
        Self {
            profile: Some(profile.clone()),
            ..Self::new()
        }
    }
}

/// Listens to the form.
pub(super) fn listen() -> Result<(), JsValue> {
    dom::listen(&by_id::<EventTarget>("setup")?, "submit", |event| {
        event.prevent_default();
        report(submit(true, false));
    })?;
    dom::listen(&by_id::<EventTarget>("setup_save")?, "click", |_| {
        report(submit(false, false));
    })?;
    dom::listen(&by_id::<EventTarget>("setup_cancel")?, "click", |_| {
        with(|page| page.form = None);
        report(redraw());
    })?;
    dom::listen(&by_id::<EventTarget>("setup")?, "input", |_| {
        touched();
        report(draw_hosts().and_then(|()| draw_scopes()).and_then(|()| draw_sign()));
    })?;
    dom::listen(&by_id::<EventTarget>("setup")?, "click", |event| {
        touched();
        // The successor of a legacy scope, wherever its button stands.
        let button = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if let Some(button) = button.filter(|button| button.class_list().contains("scope-successor")) {
            report(replace_scope(&button));
        }
    })?;
    dom::listen(&by_id::<EventTarget>("scope_warning_cancel")?, "click", |_| {
        report(by_id::<HtmlDialogElement>("scope_warning").map(|dialog| dialog.close()));
    })?;
    dom::listen(&by_id::<EventTarget>("scope_warning_confirm")?, "click", |_| {
        let confirmed = by_id::<HtmlDialogElement>("scope_warning").and_then(|dialog| {
            dialog.close();
            submit(with(|page| page.form.as_ref().is_some_and(|form| form.authorize)), true)
        });
        report(confirmed);
    })?;
    if is_manager() {
        picker::listen()?;
    }
    dom::listen(&by_id::<EventTarget>("redirect_uri_copy")?, "click", |_| {
        let copied = by_id::<HtmlElement>("redirect_uri_copy").and_then(|button| {
            copy(value("redirect_uri")?, &button);
            Ok(())
        });
        report(copied);
    })?;
    dom::listen(&by_id::<EventTarget>("client_secret_reveal")?, "click", |_| {
        report(reveal());
    })?;
    for_each(&by_id("setup")?, ".scope-suggestion", |chip| {
        let chip = chip.clone();
        dom::listen(&chip.clone(), "click", move |_| {
            report(toggle_scope(&chip.get_attribute("data-scope").unwrap_or_default()));
        })
    })
}

fn input(id: &str) -> Result<HtmlInputElement, JsValue> {
    by_id(id)
}

fn value(id: &str) -> Result<String, JsValue> {
    Ok(input(id)?.value())
}

/// What the person typed.
fn draft() -> Result<ProfileDraft, JsValue> {
    Ok(ProfileDraft {
        name: value("profile_name")?,
        provider: by_id::<HtmlSelectElement>("provider")?.value(),
        client_id: value("client_id")?,
        client_secret: value("client_secret")?,
        redirect_uri: value("redirect_uri")?,
        scope: value("scope")?,
        renew_automatically: input("renew_automatically")?.checked(),
        renew_in_tab: input("renew_in_tab")?.checked(),
        look: look()?,
    })
}

fn look() -> Result<Look, JsValue> {
    let typed = |id: &str| value(id).map(|text| Some(text).filter(|text| !text.is_empty()));
    let color = find::<HtmlInputElement>(&by_id("setup")?, "[name=color]:checked")?.value();
    Ok(Look {
        label: typed("label")?,
        icon: typed("icon")?,
        // The first one is the quiet one that nobody has to choose.
        color: Some(color).filter(|color| color != COLORS[0]),
    })
}

/// The sign as the list will show it.
fn draw_sign() -> Result<(), JsValue> {
    let look = look()?;
    let sign: Element = by_id("sign")?;
    set_attribute(&sign, "data-color", look.color())?;
    set_text(&sign, &look.sign(&value("profile_name")?));
    Ok(())
}

/// Puts the values of the profile, or the suggestions, into the fields once; then they are the person's.
pub(super) fn draw() -> Result<(), JsValue> {
    let form = with(|page| {
        let first_run = page.index.entries.is_empty();
        let form = page.form.as_mut()?;
        let fill = !std::mem::replace(&mut form.filled, true);
        Some((form.profile.clone(), form.draft.take(), fill, first_run))
    });
    let Some((profile, draft, true, first_run)) = form else {
        return Ok(());
    };
    let title = match &profile {
        Some(profile) => texts::text_with("setup_title_edit", &[profile.name.as_str()]),
        None if first_run => texts::text("setup_title"),
        None => texts::text("setup_title_add"),
    };
    set_text(&by_id::<Element>("setup_title")?, &title);
    let set = |id: &str, value: &str| input(id).map(|input| input.set_value(value));
    set("client_secret", "")?;
    // What another profile chose, or a version of its own, is no choice for this one.
    let app = draft.as_ref().map(|draft| draft.provider.as_str());
    let app = app.filter(|app| provider::by_id(app).is_some()).unwrap_or("linkedin");
    by_id::<HtmlSelectElement>("provider")?.set_value(app);
    if let Some(profile) = &profile {
        set("client_id", &profile.client_id)?;
        set("redirect_uri", profile.redirect_uri.as_str())?;
        set("scope", &profile.scopes.join(" "))?;
        set("profile_name", &profile.name)?;
        by_id::<HtmlSelectElement>("provider")?.set_value(&profile.provider);
    } else if let Some(draft) = &draft {
        set("client_id", &draft.client_id)?;
        set("client_secret", &draft.client_secret)?;
        set("redirect_uri", &draft.redirect_uri)?;
        set("scope", &draft.scope)?;
        set("profile_name", &draft.name)?;
    } else {
        let scopes = provider::by_id("linkedin").map(|linkedin| linkedin.default_scopes.join(" "));
        set("client_id", "")?;
        set("redirect_uri", SUGGESTED_REDIRECT_URI)?;
        set("scope", &scopes.unwrap_or_default())?;
        set("profile_name", "")?;
    }
    let known = profile.as_ref().map(|profile| &profile.look);
    let look = known
        .or(draft.as_ref().map(|draft| &draft.look))
        .cloned()
        .unwrap_or_default();
    set("label", look.label.as_deref().unwrap_or_default())?;
    set("icon", look.icon.as_deref().unwrap_or_default())?;
    let color = ["[name=color][value=", look.color(), "]"].concat();
    find::<HtmlInputElement>(&by_id("setup")?, &color)?.set_checked(true);
    input("renew_automatically")?.set_checked(match (&profile, &draft) {
        (Some(profile), _) => profile.renew_automatically,
        (None, Some(draft)) => draft.renew_automatically,
        (None, None) => true,
    });
    input("renew_in_tab")?.set_checked(match (&profile, &draft) {
        (Some(profile), _) => profile.renew_in_tab,
        (None, draft) => draft.as_ref().is_some_and(|draft| draft.renew_in_tab),
    });
    let placeholder = if profile.is_some() {
        "field_client_secret_keep"
    } else {
        "field_client_secret_placeholder"
    };
    input("client_secret")?.set_placeholder(&texts::text(placeholder));
    input("client_secret")?.set_type("password");
    show(&by_id("setup_cancel")?, !first_run);
    if is_manager() {
        by_id::<HtmlDetailsElement>("advanced")?.set_open(true);
        picker::fill()?;
    }
    draw_errors(&[])?;
    draw_hosts()?;
    draw_sign()?;
    draw_scopes()
}

/// A form that is left keeps no secret in its field.
pub(super) fn forget_secret() -> Result<(), JsValue> {
    if with(|page| page.form.is_none()) {
        input("client_secret")?.set_value("");
    }
    Ok(())
}

/// Says which hosts the browser will be asked for and whether LinkedIn can know the redirect URI, and leaves out the
/// fields that only a member's token needs.
fn draw_hosts() -> Result<(), JsValue> {
    let provider = provider::by_id(&draft()?.provider);
    let for_itself = provider.is_some_and(|provider| provider.grant_type == GrantType::ClientCredentials);
    for_each(&by_id("setup")?, ".for-member", |field| {
        field.toggle_attribute_with_force("hidden", for_itself).map(drop)
    })?;
    if for_itself {
        set_text(&by_id::<Element>("setup_hosts")?, &texts::text("setup_hosts_linkedin"));
        return Ok(());
    }
    let typed = value("redirect_uri")?;
    // No error: LinkedIn may change what it does with a query.
    let never_matches = provider.is_some_and(|provider| has_lost_query(provider, &typed));
    let hint = if never_matches {
        "redirect_uri_query_hint"
    } else {
        "redirect_uri_hint"
    };
    set_text(&by_id::<Element>("redirect_uri_hint")?, &texts::text(hint));
    let token_host = provider.map(|provider| provider.token_endpoint_url().host().to_owned());
    let redirect_host = RedirectUri::parse(&typed).ok().map(|uri| uri.host().to_owned());
    let text = match (token_host, redirect_host) {
        (Some(first), Some(last)) if first != last => {
            texts::text_with("setup_hosts", &[&texts::text_with("list_and", &[&first, &last])])
        }
        _ => texts::text("setup_hosts_default"),
    };
    set_text(&by_id::<Element>("setup_hosts")?, &text);
    Ok(())
}

fn draw_scopes() -> Result<(), JsValue> {
    let scopes = Scopes::parse(&value("scope")?).ok();
    for_each(&by_id("setup")?, ".scope-suggestion", |chip| {
        let scope = chip.get_attribute("data-scope").unwrap_or_default();
        let pressed = scopes.as_ref().is_some_and(|scopes| scopes.contains(&scope));
        set_attribute(chip, "aria-pressed", if pressed { "true" } else { "false" })
    })?;
    // What can't be read is said when the form is sent.
    let scopes = scopes.unwrap_or_default();
    draw_notes(&scopes)?;
    if is_manager() {
        picker::draw(&scopes)?;
    }
    Ok(())
}

/// Says which of the scopes can no longer be had, and offers what took their place.
fn draw_notes(scopes: &Scopes) -> Result<(), JsValue> {
    let Some(provider) = provider::by_id(&by_id::<HtmlSelectElement>("provider")?.value()) else {
        return Ok(());
    };
    let known = scopes.iter().filter_map(|name| provider.scope(name));
    let old: Vec<_> = known.filter(|scope| scope.status != ScopeStatus::Current).collect();
    let list: Element = by_id("scope_notes")?;
    for (note, scope) in children(&list, old.len(), "scope-note-template")?.iter().zip(old) {
        let key = if scope.successor().is_some() {
            "scope_note_legacy"
        } else {
            "scope_note_closed"
        };
        set_text_in(note, ".scope-note-text", &texts::text_with(key, &[scope.name]))?;
        offer_successor(&find(note, ".scope-successor")?, scope)?;
    }
    Ok(())
}

/// The button that replaces a scope; hidden where nothing took its place.
pub(super) fn offer_successor(button: &HtmlElement, scope: &ScopeInfo) -> Result<(), JsValue> {
    show(button, scope.successor().is_some());
    if let Some(successor) = scope.successor() {
        set_attribute(button, "data-scope", scope.name)?;
        set_attribute(button, "data-successor", successor)?;
        set_text(button, &texts::text_with("action_use_scope", &[successor]));
    }
    Ok(())
}

fn replace_scope(button: &Element) -> Result<(), JsValue> {
    let attribute = |name: &str| button.get_attribute(name).unwrap_or_default();
    let (scope, successor) = (attribute("data-scope"), attribute("data-successor"));
    let field = input("scope")?;
    let before = field.value();
    let mut after = with_successor(&before, &scope, &successor);
    if after == before {
        // In the picker it need not be chosen to give way.
        after = with_successor(&[before.as_str(), &scope].join(" "), &scope, &successor);
    }
    field.set_value(&after);
    draw_scopes()?;
    // The button may be gone.
    field.focus()
}

pub(super) fn toggle_scope(scope: &str) -> Result<(), JsValue> {
    let field = input("scope")?;
    let text = field.value();
    let mut scopes: Vec<&str> = text.split([' ', ',']).filter(|scope| !scope.is_empty()).collect();
    match scopes.iter().position(|other| *other == scope) {
        Some(place) => drop(scopes.remove(place)),
        None => scopes.push(scope),
    }
    field.set_value(&scopes.join(" "));
    draw_scopes()
}

fn touched() {
    with(|page| {
        if let Some(form) = &mut page.form {
            form.reason = Reason::Person;
        }
    });
}

fn reveal() -> Result<(), JsValue> {
    let field = input("client_secret")?;
    let hidden = field.type_() == "password";
    field.set_type(if hidden { "text" } else { "password" });
    set_attribute(
        &by_id::<Element>("client_secret_reveal")?,
        "aria-pressed",
        if hidden { "true" } else { "false" },
    )
}

/// Shows what is wrong beside each field, and goes to the first.
fn draw_errors(errors: &[(&str, String)]) -> Result<(), JsValue> {
    let mut first = None;
    for field in FIELDS {
        let text = errors
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, text)| text.as_str());
        let slot: HtmlElement = by_id(&[field, "_error"].concat())?;
        show(&slot, text.is_some());
        set_text(&slot, text.unwrap_or_default());
        let input = input(field)?;
        set_attribute(&input, "aria-invalid", if text.is_some() { "true" } else { "false" })?;
        if text.is_some() && first.is_none() {
            first = Some(input);
        }
    }
    // What has no place of its own.
    let others = errors.iter().find(|(name, _)| !FIELDS.contains(name));
    if let Some((_, text)) = others {
        say_failed(text);
    }
    first.map_or(Ok(()), |input| input.focus())
}

fn explain(errors: &[FieldError]) -> Vec<(&'static str, String)> {
    errors
        .iter()
        .map(|error| {
            let detail: Vec<&str> = error.detail.iter().map(String::as_str).collect();
            (
                error.field,
                texts::text_with(&["error_", error.field, "_", error.code].concat(), &detail),
            )
        })
        .collect()
}

/// Shows what the worker found wrong, which knows more: whether there is a secret to keep.
fn draw_refusal(errors: &[(String, String)]) -> Result<(), JsValue> {
    let errors: Vec<(&str, String)> = errors
        .iter()
        .map(|(field, code)| (field.as_str(), texts::text(&["error_", field, "_", code].concat())))
        .collect();
    draw_errors(&errors)
}

/// Opens the form of a profile that could not be saved with other scopes: with them, and with what is wrong.
pub(super) fn complete(profile: &Profile, scope: &str, errors: &[(String, String)]) -> Result<(), JsValue> {
    with(|page| page.form = Some(Form::edit(profile)));
    redraw()?;
    input("scope")?.set_value(scope);
    draw_scopes()?;
    draw_refusal(errors)
}

fn mark_sent(sent: bool) {
    with(|page| {
        if let Some(form) = &mut page.form {
            form.sent = sent;
        }
    });
}

/// Whether another page has saved the profile since the form shows it. Who is told and saves again means it.
fn saved_elsewhere() -> bool {
    with(|page| {
        let stored = page.form.as_ref().and_then(|form| form.profile.as_ref());
        let Some(now) = stored.and_then(|stored| page.profile(&stored.id)).cloned() else {
            return false;
        };
        let before = page.form.as_mut().and_then(|form| form.profile.replace(now.clone()));
        // What the form does not show may differ.
        before.is_some_and(|before| {
            let (copy_as, first_app) = (now.copy_as.clone(), now.first_app.clone());
            let before = Profile {
                copy_as,
                first_app,
                ..before
            };
            before != now
        })
    })
}

/// Checks the form, asks for the hosts in the click, and sends the profile to the worker.
/// Other scopes than those of the app's living tokens are `confirmed` first.
fn submit(authorize: bool, confirmed: bool) -> Result<(), JsValue> {
    if with(|page| page.form.as_ref().is_some_and(|form| form.sent)) {
        return Ok(());
    }
    let draft = draft()?;
    let (id, keep) = with(|page| {
        let profile = page.form.as_ref().and_then(|form| form.profile.as_ref());
        (
            profile.map(|profile| profile.id.clone()),
            profile.is_some_and(|profile| keeps_secret(profile, &draft)),
        )
    });
    let checked = if keep {
        validate_keeping_secret(&draft)
    } else {
        validate(&draft)
    };
    let profile = match checked {
        Ok(valid) => valid.into_profile(String::new(), 0).0,
        Err(errors) => return draw_errors(&explain(&errors)),
    };
    if saved_elsewhere() {
        return draw_errors(&[("client_id", texts::text("error_saved_elsewhere"))]);
    }
    draw_errors(&[])?;
    let revokes = with(|page| {
        let stored = page.form.as_ref().and_then(|form| form.profile.as_ref());
        // Who changes only the name has been asked.
        let asks = authorize || stored.is_none_or(|stored| !stored.scopes.same_set(&profile.scopes));
        let tokens = page
            .profiles
            .iter()
            .filter_map(|other| Some((other, page.token(&other.id)?)));
        asks && scope_change_revokes(&draft, tokens, clock::now_ms())
    });
    if revokes && !confirmed {
        with(|page| {
            if let Some(form) = &mut page.form {
                form.authorize = authorize;
            }
        });
        return by_id::<HtmlDialogElement>("scope_warning")?.show_modal();
    }
    mark_sent(true);
    let asked = authorize.then(|| ask_for(&profile.hosts()));
    spawn_local(async move {
        let draft = Box::new(draft);
        let reply = send(&Command::SaveProfile { id, draft, authorize }).await;
        if !matches!(reply, Ok(Reply::Saved { .. })) {
            mark_sent(false);
        }
        match reply {
            Ok(Reply::Saved { profile }) => {
                // The form goes when the profile has come: without any, a redraw in between would begin a first run.
                let loaded = load().await;
                with(|page| {
                    page.form = None;
                    page.expanded = Some(profile.clone());
                });
                report(loaded.and_then(|()| redraw()));
                if let Some(asked) = asked {
                    pass_on(asked, profile).await;
                }
            }
            Ok(Reply::Invalid { errors }) => report(draw_refusal(&errors)),
            // Nothing was saved: what the fields hold can be sent again.
            Ok(Reply::Failed { message }) => say_failed(&message),
            Ok(Reply::Done) => {}
            Err(error) => say_failed(&words(&error)),
        }
    });
    Ok(())
}
