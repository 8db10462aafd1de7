//! On a card: whose the token is, whether it works, and how to end it.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlElement};

use crate::flow::{StoredToken, check_hosts};
use crate::view::{CheckState, Command, Reply, TokenView, initials};

use super::home::{draw_finding, open, own_finding};
use super::{announce, ask_for, command, pass_on, redraw, report, say_failed, send, with};
use crate::browser::api::{answer, words};
use crate::browser::clock;
use crate::browser::dom::{find, set_attribute, set_text, set_text_in, show, show_in};
use crate::browser::texts;

/// What the two buttons are called while they wait.
const TEST: &str = "testing";
const REVOKE: &str = "revoking";

/// Takes a click; false when it is somebody else's.
pub(super) fn click(button: &HtmlElement, id: &str, fix: Option<&str>) -> Result<bool, JsValue> {
    let classes = button.class_list();
    let is = |class: &str| classes.contains(class);
    let own = is("finding-action") && button.closest(".token-check")?.is_some();
    if is("token-test") || (own && fix == Some("allow")) {
        test(id);
    } else if is("token-revoke") {
        revoke(id);
    } else if is("token-permitted") {
        open(with(|page| page.profile(id)?.provider()?.permitted_services_url))?;
    } else if is("token-remove") {
        command(Command::RemoveToken { profile: id.to_owned() });
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// The click that tests: the browser is asked for the hosts in the click itself. The worker is told at the same time,
/// because the question may close a popup; it waits for the hosts and hears of the grant by itself.
fn test(id: &str) {
    let hosts = with(|page| {
        let provider = page.profile(id)?.provider()?;
        Some(check_hosts(provider, page.token(id)?.scopes()))
    });
    let Some(hosts) = hosts else { return };
    let asked = ask_for(&hosts);
    let id = id.to_owned();
    spawn_local(async move {
        say(Command::TestToken { profile: id.clone() }, &id, TEST).await;
        pass_on(asked, id).await;
    });
}

fn revoke(id: &str) {
    let host = with(|page| Some(page.profile(id)?.provider()?.token_endpoint_url().host_permission()));
    let Some(host) = host else { return };
    let asked = ask_for(&[host]);
    let id = id.to_owned();
    spawn_local(async move {
        if answer(asked).await.is_ok_and(|granted| granted.is_truthy()) {
            say(Command::Revoke { profile: id.clone() }, &id, REVOKE).await;
        }
    });
}

/// Sends a command; the button says so until the worker has answered.
async fn say(command: Command, id: &str, button: &'static str) {
    match ask(command, id, button).await {
        Ok(()) => announce(&texts::text("announce_answered")),
        Err(message) => say_failed(&message),
    }
}

async fn ask(command: Command, id: &str, button: &'static str) -> Result<(), String> {
    let mine = (id.to_owned(), button);
    with(|page| {
        page.waiting.push(mine.clone());
        page.drawn = None;
    });
    report(redraw());
    let answer = match send(&command).await {
        Ok(Reply::Failed { message }) => Err(message),
        Ok(_) => Ok(()),
        Err(error) => Err(words(&error)),
    };
    with(|page| {
        if let Some(place) = page.waiting.iter().position(|other| *other == mine) {
            page.waiting.swap_remove(place);
        }
        page.drawn = None;
    });
    report(redraw());
    answer
}

/// A fresh token is asked about again while the page is open; when it is closed, an alarm does it, which is slower.
pub(super) fn try_again() {
    let now_ms = clock::now_ms();
    let due: Vec<(String, Option<u64>)> = with(|page| {
        let mut due = Vec::new();
        for (id, check) in &page.checks {
            let own = |(other, stored): &(String, StoredToken)| other == id && stored.flow == check.token;
            let wanted = (id.clone(), check.next_ms);
            let busy = page.waiting.iter().any(|(other, _)| other == id) || page.in_vain.contains(&wanted);
            if check.is_due(now_ms) && page.tokens.iter().any(own) && !busy {
                due.push(wanted);
            }
        }
        due
    });
    for wanted in due {
        spawn_local(async move {
            let (id, _) = &wanted;
            match ask(Command::TryAgain { profile: id.clone() }, id, TEST).await {
                Ok(()) => announce(&texts::text("announce_answered")),
                // Nobody clicked. Whoever wants to know why presses the button.
                Err(_) => with(|page| page.in_vain.push(wanted)),
            }
        });
    }
}

/// Draws all of it.
pub(super) fn draw(card: &Element, id: &str, token: &TokenView) -> Result<(), JsValue> {
    draw_account(card, token.account.as_deref())?;
    let waits = |name| {
        with(|page| {
            page.waiting
                .iter()
                .any(|(other, button)| other == id && *button == name)
        })
    };
    draw_button(card, ".token-test", waits(TEST), TEST, "action_test")?;
    draw_button(card, ".token-revoke", waits(REVOKE), REVOKE, "action_revoke")?;

    let root: Element = find(card, ".token-check")?;
    let check = token.check.as_ref();
    let state = check.map_or(CheckState::None, |check| check.state);
    set_attribute(&root, "data-state", state.as_str())?;
    let (result, at, said) = match check {
        None => (String::new(), String::new(), String::new()),
        Some(check) => {
            let result = match (state, check.account.as_deref(), check.next_s) {
                (CheckState::Waiting, ..) => texts::text("check_waiting"),
                (CheckState::Works, Some(name), _) => texts::text_with("check_works_as", &[name]),
                (CheckState::Works, ..) => texts::text("check_works"),
                (CheckState::Active, ..) => texts::text("check_active"),
                (CheckState::Unknowable, ..) => texts::text("check_unknowable"),
                (CheckState::SecretMissing, ..) => texts::text("check_secret_missing"),
                (CheckState::Settling, _, Some(seconds)) => {
                    texts::text_with("check_next", &[&texts::whole_seconds(seconds)])
                }
                _ => String::new(),
            };
            let at = check
                .at_ms
                .map(|at_ms| texts::text_with("check_at", &[&texts::date_time(at_ms)]));
            let said = check.introspection.as_deref();
            let said = said.map(|said| texts::text_with("check_introspection", &[said]));
            (result, at.unwrap_or_default(), said.unwrap_or_default())
        }
    };
    set_text_in(&root, ".check-result", &result)?;
    set_text_in(&root, ".check-at", &[at.as_str(), said.as_str()].join(" "))?;
    let finding = check.and_then(|check| check.finding.as_ref());
    own_finding(card, &root)?;
    draw_finding(&root, finding.filter(|_| state != CheckState::Waiting), None)?;
    show(root.unchecked_ref(), state != CheckState::None || finding.is_some());
    draw_revocation(card, token)
}

fn draw_button(card: &Element, selector: &str, waits: bool, busy: &str, idle: &str) -> Result<(), JsValue> {
    let button: HtmlElement = find(card, selector)?;
    set_text(&button, &texts::text(if waits { busy } else { idle }));
    button.toggle_attribute_with_force("disabled", waits)?;
    Ok(())
}

fn draw_account(card: &Element, account: Option<&str>) -> Result<(), JsValue> {
    show_in(card, ".account", account.is_some())?;
    let account = account.unwrap_or_default();
    set_text_in(card, ".account-mark", &initials(account))?;
    set_text_in(card, ".token-account", &texts::text_with("token_account", &[account]))
}

fn draw_revocation(card: &Element, token: &TokenView) -> Result<(), JsValue> {
    let tried = token.check.as_ref().and_then(|check| check.revocation.as_ref());
    let root: Element = find(card, ".revocation")?;
    show(root.unchecked_ref(), tried.is_some());
    let Some(tried) = tried else { return Ok(()) };
    own_finding(card, &root)?;
    draw_finding(&root, tried.finding.as_ref(), None)?;
    // What is to be done stands beside it, whatever the finding's own button would be.
    show_in(&root, ".finding-action", false)?;
    let done = match tried.finding {
        None => texts::text("revoked_done"),
        Some(_) => String::new(),
    };
    let after = texts::text(match tried.active {
        Some(false) => "revoked_inactive",
        Some(true) => "revoked_active",
        None => "revoked_unknown",
    });
    set_text_in(&root, ".revocation-result", &[done.as_str(), after.as_str()].join(" "))
}
