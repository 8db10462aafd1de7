//! The profiles with their tokens.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    Element, EventTarget, HtmlDetailsElement, HtmlElement, HtmlInputElement, HtmlProgressElement, HtmlSelectElement,
    MouseEvent,
};

use crate::diagnosis::{Finding, Fix, RENEWAL_FAILED, diagnose_redirect_uri};
use crate::flow::{FlowId, Phase, StepName};
use crate::handoff::{self, Format, Subject};
use crate::profile::{ProfileDraft, ScopeState, Settings};
use crate::vault;
use crate::view::{
    CardState, Command, DetailView, MainAction, OWN_TEMPLATE, PopupView, ProfileView, Reply, StepState, StepView,
    TokenLife, TokenView,
};

use super::clipboard::copy_secret;
use super::setup::{self, Form};
use super::{
    announce, ask_for, check, command, command_unasked, copy, dom, load, localise, pass_on, redraw, report, say_failed,
    say_failed_as, send, with,
};
use crate::browser::api::{answer, api, object, words};
use crate::browser::dom::{by_id, children, find, from_template, set_attribute, set_text, set_text_in, show, show_in};
use crate::browser::storage::{local, read};
use crate::browser::texts;

/// Listens to clicks below the list: one listener, whatever stands there.
pub(super) fn listen() -> Result<(), JsValue> {
    let list: Element = by_id("profiles")?;
    dom::listen(&list, "click", |event| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else {
            return;
        };
        let clicked = target
            .closest("button")
            .ok()
            .flatten()
            .and_then(|button| button.dyn_into::<HtmlElement>().ok());
        let card = target.closest(".profile").ok().flatten();
        if let (Some(button), Some(id)) = (clicked, card.and_then(|card| card.get_attribute("data-profile"))) {
            report(click(&button, &id));
        }
    })?;
    dom::listen(&list, "input", |event| {
        let field = event.target().and_then(|target| target.dyn_into().ok());
        if let Some(field) = field.filter(|field: &HtmlInputElement| field.class_list().contains("compare-registered"))
        {
            report(compare(&field));
        }
    })?;
    dom::listen(&by_id::<EventTarget>("profiles-more")?, "click", |_| {
        with(|page| page.visible = usize::MAX);
        spawn_local(async {
            let loaded = load().await;
            report(loaded.and_then(|()| redraw()));
        });
    })?;
    dom::listen(&by_id::<EventTarget>("add_profile")?, "click", |event| {
        // A synthetic event is no person's wish.
        if event.is_trusted() && event.dyn_ref::<MouseEvent>().is_some() {
            report(open_form(Some(Form::new())));
        }
    })?;
    dom::listen(&by_id::<EventTarget>("manage")?, "click", |_| {
        // A tab that is there already comes to the front.
        let opened = answer(api().runtime().open_options_page());
        spawn_local(async {
            if let Err(error) = opened.await {
                say_failed(&words(&error));
            }
        });
    })
}

/// Opens a form in a click. The button goes with the list that it stands in, and the focus would be nowhere.
fn open_form(form: Option<Form>) -> Result<(), JsValue> {
    with(|page| page.form = form);
    redraw()?;
    by_id::<HtmlElement>("setup_title")?.focus()
}

/// Whoever comes back to a flow that still waits may wonder why: a worker that was stopped looks once more.
pub(super) fn look_again() {
    let waits = with(|page| {
        let mut flows = page.engine.flows.iter();
        flows.any(|flow| matches!(flow.phase, Phase::AwaitingRedirect { .. }))
    });
    if waits {
        command_unasked(Command::Look);
    }
}

fn click(button: &HtmlElement, id: &str) -> Result<(), JsValue> {
    let classes = button.class_list();
    let is = |class: &str| classes.contains(class);
    if is("profile-toggle") {
        let open = button.get_attribute("aria-expanded").as_deref() == Some("true");
        with(|page| page.expanded = Some(if open { String::new() } else { id.to_owned() }));
        return redraw();
    }
    if is("profile-main") {
        match button.get_attribute("data-action").as_deref() {
            Some("copy") => {
                let chosen = with(|page| page.profile(id)?.copy_as.clone());
                match chosen.as_deref() {
                    Some(OWN_TEMPLATE) => copy_by_template(button, id),
                    format => copy_token(
                        button,
                        id,
                        format.and_then(Format::from_id).unwrap_or(Format::Raw),
                        false,
                    ),
                }
            }
            Some("renew") => renew(id),
            _ => authorize(button, id),
        }
        return Ok(());
    }
    let fix = button.get_attribute("data-fix").filter(|_| is("finding-action"));
    if check::click(button, id, fix.as_deref())? {
        return Ok(());
    }
    match fix.as_deref() {
        Some("scope") => return change_scopes(button, id),
        Some("portal") => return open_portal(id),
        _ => {}
    }
    if is("profile-renew") || fix.as_deref() == Some("renew") {
        renew(id);
        return Ok(());
    }
    if is("profile-authorize") || matches!(fix.as_deref(), Some("authorize" | "allow")) {
        authorize(button, id);
        return Ok(());
    }
    if is("profile-edit") || fix.as_deref() == Some("edit") {
        return open_form(with(|page| page.profile(id).map(Form::edit)));
    }
    if is("flow-cancel") {
        if let Some(flow) = button.get_attribute("data-flow") {
            command(Command::Cancel { flow });
        }
    } else if is("token-reveal") {
        with(|page| match page.revealed.iter().position(|revealed| revealed == id) {
            Some(place) => drop(page.revealed.swap_remove(place)),
            None => page.revealed.push(id.to_owned()),
        });
        return redraw();
    } else if is("copy-token") || fix.as_deref() == Some("copy") {
        // What a finding asks for is no choice for the next time.
        copy_token(button, id, Format::Raw, fix.is_none());
    } else if is("copy-header") {
        copy_token(button, id, Format::Header, true);
    } else if is("copy-curl") {
        copy_token(button, id, Format::Curl, true);
    } else if is("copy-as") {
        let chosen = button
            .previous_element_sibling()
            .and_then(|select| select.dyn_into::<HtmlSelectElement>().ok());
        let chosen = chosen.map(|select| select.value()).unwrap_or_default();
        if chosen == OWN_TEMPLATE {
            copy_by_template(button, id);
        } else if let Some(format) = Format::from_id(&chosen) {
            copy_token(button, id, format, true);
        }
    } else if (is("profile-redirect-copy") || fix.as_deref() == Some("copy-uri"))
        && let Some(uri) = with(|page| page.profile(id).map(|profile| profile.redirect_uri.as_str().to_owned()))
    {
        copy(uri, button);
    }
    Ok(())
}

/// Copies the token as a tool takes it. What the person chose is what the card's own Copy does from now on.
fn copy_token(button: &HtmlElement, id: &str, format: Format, chosen: bool) {
    let text = with(|page| {
        let subject = Subject::new(page.profile(id)?, page.token(id)?)?;
        Some(handoff::write(format, &subject))
    });
    if let Some(text) = text {
        copy_secret(text, button);
    }
    if chosen {
        choose(id, format.id());
    }
}

fn choose(id: &str, format: &str) {
    let known = with(|page| page.profile(id).and_then(|profile| profile.copy_as.clone()));
    if known.as_deref() != Some(format) {
        let command = Command::ChooseFormat {
            profile: id.to_owned(),
            format: format.to_owned(),
        };
        spawn_local(async move {
            let said = match send(&command).await {
                Ok(Reply::Failed { message }) => message,
                Ok(_) => return,
                Err(error) => words(&error),
            };
            // What was to be copied was, or not; the button says that.
            say_failed_as("format_forgotten", &said);
        });
    }
}

/// Copies the token as the person's own template says; where there is none, or one that can't be filled, the settings
/// open, which say so.
fn copy_by_template(button: &HtmlElement, id: &str) {
    let (button, id) = (button.clone(), id.to_owned());
    spawn_local(async move {
        let stored = read(&local(), &[vault::SETTINGS_KEY]).await;
        let settings: Option<Settings> = stored
            .ok()
            .and_then(|stored| stored.get(vault::SETTINGS_KEY).ok().flatten());
        let template = settings.and_then(|settings| settings.template);
        let filled = template.and_then(|template| {
            with(|page| {
                let subject = Subject::new(page.profile(&id)?, page.token(&id)?)?;
                handoff::fill(&template, &subject).ok()
            })
        });
        if let Some(text) = filled {
            copy_secret(text, &button);
            choose(&id, OWN_TEMPLATE);
            return;
        }
        let url = api().runtime().get_url("manager.html#settings");
        if let Err(error) = answer(api().tabs().create(&object([("url", url.into())]))).await {
            say_failed(&words(&error));
        }
    });
}

/// The click that starts a flow: the browser is asked for the hosts in the click itself, and the worker is told at the
/// same time, because the question may close a popup.
fn authorize(button: &HtmlElement, id: &str) {
    let Some(hosts) = with(|page| page.profile(id).map(crate::profile::Profile::hosts)) else {
        return;
    };
    let asked = ask_for(&hosts);
    let waits = button.get_attribute("data-action").as_deref() == Some("allow");
    if !waits || with(|page| page.engine.flow_of(id).is_none()) {
        command(Command::Authorize { profile: id.to_owned() });
    }
    spawn_local(pass_on(asked, id.to_owned()));
}

/// The button that asks without a scope, or for its successors: the profile is saved so, and a flow starts at once.
fn change_scopes(button: &HtmlElement, id: &str) -> Result<(), JsValue> {
    let scope = button.get_attribute("data-scope").unwrap_or_default();
    let successor = button.get_attribute("data-successor").unwrap_or_default();
    let Some(profile) = with(|page| page.profile(id).cloned()) else {
        return Ok(());
    };
    let kept = profile.scopes.iter().filter(|name| *name != scope);
    let wanted = kept
        .chain(successor.split_ascii_whitespace())
        .collect::<Vec<_>>()
        .join(" ");
    if wanted.is_empty() {
        // Which ones instead is for the person to say.
        return open_form(Some(Form::edit(&profile)));
    }
    let draft = ProfileDraft {
        scope: wanted.clone(),
        ..ProfileDraft::of(&profile)
    };
    let asked = ask_for(&profile.hosts());
    let command = Command::SaveProfile {
        id: Some(profile.id.clone()),
        draft: Box::new(draft),
        authorize: true,
    };
    spawn_local(pass_on(asked, profile.id.clone()));
    spawn_local(async move {
        match send(&command).await {
            // Its secret is lost, for one.
            Ok(Reply::Invalid { errors }) => report(setup::complete(&profile, &wanted, &errors)),
            Ok(Reply::Failed { message }) => say_failed(&message),
            Ok(_) => {}
            Err(error) => say_failed(&words(&error)),
        }
    });
    Ok(())
}

/// The page of the provider where the app is set up.
fn open_portal(id: &str) -> Result<(), JsValue> {
    open(with(|page| Some(page.profile(id)?.provider()?.app_settings_url)))
}

/// A page of the provider, in a tab of its own.
pub(super) fn open(url: Option<&str>) -> Result<(), JsValue> {
    if let (Some(window), Some(url)) = (web_sys::window(), url) {
        window.open_with_url_and_target_and_features(url, "_blank", "noopener,noreferrer")?;
    }
    Ok(())
}

/// The click that renews: the token endpoint's host is all that it needs, and nearly always granted already.
fn renew(id: &str) {
    let host = with(|page| {
        let provider = page.profile(id)?.provider()?;
        let unsaved = page.engine.unstored_of(id).is_some();
        Some((!unsaved).then(|| provider.token_endpoint_url().host_permission()))
    });
    let Some(host) = host else { return };
    let renew = Command::Renew { profile: id.to_owned() };
    // A token that waits to be stored needs no host.
    let Some(host) = host else { return command(renew) };
    let asked = ask_for(&[host]);
    command(renew);
    spawn_local(pass_on(asked, id.to_owned()));
}

/// Draws the list, keeping what stands there already, so that focus and selection stay where they are.
pub(super) fn draw(view: &PopupView) -> Result<(), JsValue> {
    let list: Element = by_id("profiles")?;
    for (index, profile) in view.profiles.iter().enumerate() {
        let present = list.children().item(u32::try_from(index).unwrap_or(u32::MAX));
        let card = match present {
            Some(card) if card.get_attribute("data-profile").as_deref() == Some(&profile.id) => card,
            other => {
                let card = from_template("profile-template")?;
                set_attribute(&card, "data-profile", &profile.id)?;
                list.insert_before(&card, other.as_deref().map(AsRef::as_ref))?;
                card
            }
        };
        draw_card(&card, profile)?;
    }
    children(&list, view.profiles.len(), "profile-template")?;
    let more: HtmlElement = by_id("profiles-more")?;
    show(&more, view.more > 0);
    set_text(&more, &texts::text_with("profiles_more", &[&view.more.to_string()]));
    Ok(())
}

/// The state of a profile in words.
pub(super) fn state_of(view: &ProfileView) -> String {
    match view.state {
        CardState::Token if view.unsaved => texts::text("state_unsaved"),
        state => texts::text(&["state_", state.as_str()].concat()),
    }
}

fn draw_card(card: &Element, view: &ProfileView) -> Result<(), JsValue> {
    let state = state_of(view);
    let before = card.get_attribute("data-state");
    if before.as_deref() != Some(view.state.as_str()) {
        set_attribute(card, "data-state", view.state.as_str())?;
        if before.is_some() {
            announce(&texts::text_with(
                "announce_state",
                &[view.name.as_str(), state.as_str()],
            ));
        }
    }
    set_attribute(card, "data-unsaved", if view.unsaved { "true" } else { "false" })?;
    set_text_in(card, ".profile-name", &view.name)?;
    set_text_in(card, ".tag", view.label.as_deref().unwrap_or_default())?;
    set_text_in(card, ".profile-state", &state)?;
    let left = match view.state {
        CardState::Token => view.life.map(time_left),
        _ => None,
    };
    set_text_in(card, ".profile-left", &left.unwrap_or_default())?;
    let toggle: Element = find(card, ".profile-toggle")?;
    let expanded = view.detail.is_some();
    set_attribute(&toggle, "aria-expanded", if expanded { "true" } else { "false" })?;
    draw_main(card, view, before.as_deref())?;
    draw_detail(card, view)
}

/// The inside of a card stands in the document while it is open: nineteen closed ones cost nothing.
fn draw_detail(card: &Element, view: &ProfileView) -> Result<(), JsValue> {
    let present = card.query_selector(".profile-detail")?;
    let Some(detail) = &view.detail else {
        if let Some(present) = present {
            present.remove();
        }
        return Ok(());
    };
    let inside = if let Some(present) = present {
        present
    } else {
        let inside = from_template("detail-template")?;
        localise(&inside)?;
        let select: HtmlSelectElement = find(&inside, ".copy-format")?;
        select.set_value(view.copy_as.map_or(OWN_TEMPLATE, Format::id));
        if select.selected_index() < 0 {
            // It has a button of its own.
            select.set_selected_index(0);
        }
        card.append_child(&inside)?;
        inside
    };
    draw_finding(&inside, detail.finding.as_ref(), view.main)?;
    offer_comparison(&inside, detail.finding.as_ref())?;
    draw_steps(&inside, &detail.steps)?;
    draw_cancel(&inside, detail.flow.as_ref())?;
    draw_token(&inside, view, detail)?;
    show_in(&inside, ".redirect", detail.redirect_uri.is_some())?;
    // Where everything works there is nothing to compare.
    let compares = detail.finding.is_some() || view.state == CardState::Ready;
    show_in(&inside, ".compare", compares && detail.redirect_uri.is_some())?;
    set_text_in(
        &inside,
        ".profile-redirect",
        detail.redirect_uri.as_deref().unwrap_or_default(),
    )?;
    // An app that asks for itself has no page to go to: Renew does it.
    // What lives and can't be renewed is another app's, of which the finding tells, with its own button.
    let other_app = detail.token.as_ref().is_some_and(|token| !token.renewable);
    let again = view.state == CardState::Token && detail.redirect_uri.is_some() && !other_app;
    show_in(&inside, ".profile-authorize", again)
}

/// Opens the comparison with what is registered once a finding is about that; then it is the person's to close.
fn offer_comparison(inside: &Element, finding: Option<&Finding>) -> Result<(), JsValue> {
    let asks = finding.is_some_and(|finding| finding.fix == Fix::CopyRedirectUri);
    let compare: HtmlDetailsElement = find(inside, ".compare")?;
    if asks != compare.has_attribute("data-offered") {
        compare.toggle_attribute_with_force("data-offered", asks)?;
        compare.set_open(asks);
    }
    Ok(())
}

/// Says where the redirect URI differs from the one that the person pasted beside it.
fn compare(field: &HtmlInputElement) -> Result<(), JsValue> {
    let card = field.closest(".profile")?;
    let id = card.as_ref().and_then(|card| card.get_attribute("data-profile"));
    let (Some(card), Some(id)) = (card, id) else {
        return Ok(());
    };
    let registered = field.value();
    let finding = with(|page| {
        let profile = page.profile(&id).filter(|_| !registered.is_empty())?;
        Some(diagnose_redirect_uri(profile.redirect_uri.as_str(), &registered))
    });
    let root: Element = find(&card, ".comparison")?;
    own_finding(&card, &root)?;
    // Both, one below the other, are what this is for.
    find::<HtmlDetailsElement>(&root, ".finding-evidence")?.set_open(true);
    draw_finding(&root, finding.as_ref(), None)
}

/// The same frame as the card's own finding below `root`, once.
pub(super) fn own_finding(card: &Element, root: &Element) -> Result<(), JsValue> {
    if root.query_selector(".finding")?.is_none() {
        let frame: Element = find(card, ".finding")?;
        root.append_child(&frame.clone_node_with_deep(true)?)?;
    }
    Ok(())
}

fn draw_main(card: &Element, view: &ProfileView, before: Option<&str>) -> Result<(), JsValue> {
    let button: HtmlElement = find(card, ".profile-main")?;
    show(&button, view.main.is_some());
    let Some(main) = view.main else { return Ok(()) };
    let (action, key) = match main {
        MainAction::Authorize => ("authorize", "action_authorize"),
        MainAction::GetToken => ("authorize", "action_get_token"),
        MainAction::AllowAccess => ("allow", "action_allow_access"),
        MainAction::Renew => ("renew", "action_renew"),
        MainAction::CopyToken => ("copy", "action_copy_token"),
    };
    set_attribute(&button, "data-action", action)?;
    let text = match (main, view.copy_as) {
        (MainAction::CopyToken, format) if format != Some(Format::Raw) => {
            let name = texts::text(&["format_", format.map_or(OWN_TEMPLATE, Format::id)].concat());
            texts::text_with("action_copy_as", &[&name])
        }
        _ => texts::text(key),
    };
    set_attribute(
        &button,
        "aria-label",
        &texts::text_with("action_for", &[text.as_str(), view.name.as_str()]),
    )?;
    if !button.has_attribute("data-answer") {
        set_text(&button, &text);
    }
    // The result page is here for one thing: Enter copies.
    let arrived = main == MainAction::CopyToken && before != Some(CardState::Token.as_str());
    if arrived && view.detail.is_some() && with(|page| page.tab) {
        // After the frame: a focus asks for the layout at once.
        dom::after(0, move || {
            let _ = button.focus();
        });
    }
    Ok(())
}

/// Draws what is wrong. What the card's `main` action does has no second button.
pub(super) fn draw_finding(card: &Element, finding: Option<&Finding>, main: Option<MainAction>) -> Result<(), JsValue> {
    show_in(card, ".finding", finding.is_some())?;
    let Some(finding) = finding else { return Ok(()) };
    draw_explanation(card, finding)?;
    let action: HtmlElement = find(card, ".finding-action")?;
    let fix = match finding.fix {
        Fix::AllowAccess => "allow",
        Fix::Renew => "renew",
        Fix::DropScope { .. } | Fix::ReplaceScope { .. } => "scope",
        Fix::CopyRedirectUri => "copy-uri",
        Fix::OpenAuthTab | Fix::OpenProductsTab => "portal",
        Fix::EditProfile | Fix::SwitchClientAuthentication => "edit",
        Fix::AuthorizeAgain => "authorize",
        Fix::CopyToken => "copy",
        Fix::CheckLater | Fix::ChangeRequest => "none",
    };
    set_attribute(&action, "data-fix", fix)?;
    if let Fix::DropScope { scope } | Fix::ReplaceScope { scope, .. } = &finding.fix {
        set_attribute(&action, "data-scope", scope)?;
    }
    if let Fix::ReplaceScope { successor, .. } = &finding.fix {
        set_attribute(&action, "data-successor", successor)?;
    } else {
        action.remove_attribute("data-successor")?;
    }
    set_text(&action, &say(finding, "_action"));
    let twice = matches!(
        (fix, main),
        ("authorize", Some(MainAction::Authorize | MainAction::GetToken)) | ("allow", Some(MainAction::AllowAccess))
    );
    show(&action, fix != "none" && !twice);
    Ok(())
}

/// What happened, why, what to do, and the evidence.
pub(super) fn draw_explanation(root: &Element, finding: &Finding) -> Result<(), JsValue> {
    set_text_in(root, ".finding-what", &say(finding, "_what"))?;
    set_text_in(root, ".finding-why", &say(finding, "_why"))?;
    set_text_in(root, ".finding-fix", &say(finding, "_fix"))?;
    show_in(root, ".finding-evidence", finding.evidence.is_some())?;
    set_text_in(
        root,
        ".finding-evidence-text",
        finding.evidence.as_deref().unwrap_or_default(),
    )
}

fn say(finding: &Finding, part: &str) -> String {
    let args: Vec<&str> = finding.args.iter().map(String::as_str).collect();
    let reason = match args.split_first() {
        Some((code, args)) if finding.code == RENEWAL_FAILED => {
            Some(texts::text_with(&["finding_", code, "_what"].concat(), args))
        }
        _ => None,
    };
    let args = reason.as_deref().map_or(args, |reason| vec![reason]);
    texts::text_with(&["finding_", &finding.code, part].concat(), &args)
}

fn draw_steps(card: &Element, steps: &[StepView]) -> Result<(), JsValue> {
    let list: HtmlElement = find(card, ".steps")?;
    show(&list, !steps.is_empty());
    for (item, step) in children(&list, steps.len(), "step-template")?.iter().zip(steps) {
        set_attribute(item, "data-state", step.state.as_str())?;
        let name = match step.name {
            StepName::Permission => "step_permission",
            StepName::Open => "step_open",
            StepName::SignIn => "step_sign_in",
            StepName::Capture => "step_capture",
            StepName::Exchange => "step_exchange",
            StepName::Store => "step_store",
        };
        let text = match step.state {
            StepState::Active => texts::text(&[name, "_active"].concat()),
            _ => texts::text(name),
        };
        set_text_in(item, ".step-name", &text)?;
        set_text_in(
            item,
            ".step-state",
            &texts::text(&["step_state_", step.state.as_str()].concat()),
        )?;
        set_text_in(
            item,
            ".step-time",
            &step.after_ms.map(texts::seconds).unwrap_or_default(),
        )?;
    }
    Ok(())
}

fn draw_cancel(card: &Element, flow: Option<&FlowId>) -> Result<(), JsValue> {
    let cancel: HtmlElement = find(card, ".flow-cancel")?;
    show(&cancel, flow.is_some());
    flow.map_or(Ok(()), |flow| set_attribute(&cancel, "data-flow", &flow.0))
}

fn draw_token(card: &Element, view: &ProfileView, detail: &DetailView) -> Result<(), JsValue> {
    let token = detail.token.as_ref().filter(|_| detail.flow.is_none());
    show_in(card, ".token", token.is_some())?;
    let value: Element = find(card, ".token-value")?;
    let (Some(token), Some(life)) = (token, view.life) else {
        set_text(&value, "");
        return Ok(());
    };
    // The value stands in the document only while the person wants to see it.
    let plain = if token.revealed {
        with(|page| {
            page.token(&view.id)
                .map(|token| handoff::raw(&token.access_token).to_owned())
        })
    } else {
        None
    };
    set_text(&value, plain.as_deref().unwrap_or(&token.masked));
    let reveal: Element = find(card, ".token-reveal")?;
    set_attribute(&reveal, "aria-pressed", if token.revealed { "true" } else { "false" })?;
    let progress: HtmlProgressElement = find(card, ".token-progress")?;
    show(&progress, life.percent_left.is_some());
    progress.set_value(f64::from(life.percent_left.unwrap_or_default()));
    set_text_in(card, ".token-left", &time_left(life))?;
    let expires = life.expires_ms.map(|expires_ms| {
        let key = if life.left.is_some() {
            "expires_at"
        } else {
            "expired_at"
        };
        texts::text_with(key, &[&texts::date_time(expires_ms)])
    });
    set_text_in(card, ".token-expires", &expires.unwrap_or_default())?;
    check::draw(card, &view.id, token)?;
    draw_renewal(card, token)?;
    draw_scopes(card, &token.scopes)
}

fn draw_renewal(card: &Element, token: &TokenView) -> Result<(), JsValue> {
    let until = token.renewable_until_ms.filter(|_| token.renewable);
    let until = until.map(|end_ms| texts::text_with("renewable_until", &[&texts::date_time(end_ms)]));
    let until = until.or_else(|| token.renews_itself.then(|| texts::text("renews_itself")));
    show_in(card, ".token-renewable", until.is_some())?;
    set_text_in(card, ".token-renewable", &until.unwrap_or_default())?;
    let says = |part: &str| match &token.lifetime {
        Some(finding) => say(finding, part),
        None => String::new(),
    };
    show_in(card, ".lifetime", token.lifetime.is_some())?;
    for (place, part) in [
        (".lifetime-what", "_what"),
        (".lifetime-why", "_why"),
        (".lifetime-fix", "_fix"),
    ] {
        set_text_in(card, place, &says(part))?;
    }
    let clock = token.clock_behind_min.map(|minutes| {
        let key = if minutes < 0 { "clock_ahead" } else { "clock_behind" };
        texts::text_with(key, &[&texts::whole_minutes(minutes.unsigned_abs())])
    });
    show_in(card, ".token-clock", clock.is_some())?;
    set_text_in(card, ".token-clock", &clock.unwrap_or_default())?;
    let button: HtmlElement = find(card, ".profile-renew")?;
    show(&button, token.renewable);
    let key = if token.renewing { "renewing" } else { "action_renew" };
    set_text(&button, &texts::text(key));
    button.toggle_attribute_with_force("disabled", token.renewing)?;
    Ok(())
}

pub(super) fn time_left(life: TokenLife) -> String {
    match (life.left, life.expires_ms) {
        (Some(left), _) => texts::text_with("time_left", &[&texts::duration(left)]),
        (None, Some(_)) => texts::text("expired"),
        (None, None) => texts::text("time_left_unknown"),
    }
}

fn draw_scopes(card: &Element, scopes: &[(String, ScopeState)]) -> Result<(), JsValue> {
    let list: Element = find(card, ".scopes")?;
    for (item, (scope, state)) in children(&list, scopes.len(), "scope-template")?.iter().zip(scopes) {
        let (state, key) = match state {
            ScopeState::Granted => ("granted", "scope_granted"),
            ScopeState::Missing => ("missing", "scope_absent"),
            ScopeState::Extra => ("extra", "scope_extra"),
        };
        set_attribute(item, "data-state", state)?;
        set_text(item, scope);
        let said = texts::text_with(key, &[scope]);
        set_attribute(item, "title", &said)?;
        set_attribute(item, "aria-label", &said)?;
    }
    Ok(())
}
