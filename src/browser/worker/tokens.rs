//! The stored tokens: what is due, what the icon says, and the flow that gets the next one.

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::flow::{
    AT_ONCE, BEGUN_MS, Badge, Event, FlowId, KnownToken, LOOK_WITHIN_MS, NEXT_MS, NewFlow, Plan, Reminded, Snapshot,
    StoredToken,
};
use crate::oauth::secret::{CodeVerifier, State};
use crate::plain::Record as _;
use crate::profile::{Profile, Settings};
use crate::provider;
use crate::vault::lock::Waiting;
use crate::vault::{self, Index, SecretRecord};
use crate::view::{TimeLeft, TimeUnit};

use super::super::api::{answer, api, granted, object, property, words};
use super::super::storage::{Records, is_locked, local};
use super::super::writing::{read, store};
use super::super::{clock, entropy, texts};
use super::effects::set_alarm;
use super::profiles::{check_version, gone, index_of};
use super::trash::in_trash;
use super::{PAGE, dispatch, start, with, work_off};

/// The alarm for the next look at the stored tokens.
pub(super) const TOKENS_ALARM: &str = "tokens";

/// How long after a token was stored the tokens are looked at; a browser may take half a minute.
const LOOK_AFTER_MS: u64 = 1_000;

/// The icon's colours: something is coming, something is over.
const CALM: &str = "#0b6b58";
const URGENT: &str = "#b3261e";

/// A renewal of this profile's token; none without a token.
pub(super) async fn renewal(id: &str) -> Result<Option<NewFlow>, JsValue> {
    match stored_token(id).await? {
        Some(token) => new_flow(id, Some(token)).await.map(Some),
        None => Ok(None),
    }
}

/// Offers a token to `storage.local` that it refused, and says if it does so again.
pub(super) async fn store_again(profile: String) -> Result<(), JsValue> {
    work_off(Event::StoreAgain(profile.clone())).await;
    let refused = with(|worker| {
        let finding = worker
            .engine
            .unstored_of(&profile)
            .map(|(_, finding)| finding.evidence.clone());
        finding.map(Option::unwrap_or_default)
    });
    refused.map_or(Ok(()), |words| Err(js_sys::Error::new(&words).into()))
}

/// A profile's token as it stands in `storage.local`.
pub(super) async fn stored_token(id: &str) -> Result<Option<StoredToken>, JsValue> {
    let key = vault::token_key(id);
    read(&local(), &[&key]).await?.get(&key)
}

/// Looks at the stored tokens, when nothing else is to be done.
pub(super) fn look_soon() {
    spawn_local(async {
        if let Err(error) = look_at_tokens().await {
            web_sys::console::warn_2(&"the tokens could not be looked at:".into(), &words(&error).into());
        }
    });
}

/// Has the tokens looked at soon, by its alarm: a look reads every token, and with a thousand it would stand in the way.
pub(super) fn look_later() {
    // One that the browser refuses is no failure of the token's.
    let _ = set_alarm(TOKENS_ALARM, Some(clock::now_ms() + LOOK_AFTER_MS));
}

/// Has the tokens looked at where their alarm was lost, or a clock that was wrong put it too far away. A browser that
/// slept, updated or lost power keeps no promise, so every new worker asks.
pub(super) fn mend_alarm() {
    spawn_local(async {
        let Ok(alarm) = answer(api().alarms().get(TOKENS_ALARM)).await else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "times of this age are exact")]
        let latest_ms = (clock::now_ms() + LOOK_WITHIN_MS) as f64;
        let stands = property(&alarm, "scheduledTime").as_f64();
        if stands.is_none_or(|at_ms| at_ms > latest_ms) {
            look_later();
        }
    });
}

/// Renews what is due, says on the icon what needs the person, and sets the alarm for the next look.
pub(super) async fn look_at_tokens() -> Result<(), JsValue> {
    start().await?;
    if with(|worker| worker.wiping) {
        return Ok(());
    }
    if is_locked() || with(|worker| worker.closing) {
        return look_while_locked().await;
    }
    let [schema, index] = vault::HEAD_KEYS;
    let head = read(&local(), &[schema, index, vault::SETTINGS_KEY, vault::REMINDED_KEY]).await?;
    // Neither stops a renewal when it can't be read.
    let settings: Settings = head.get(vault::SETTINGS_KEY).ok().flatten().unwrap_or_default();
    let reminded: Vec<Reminded> = head.get(vault::REMINDED_KEY).ok().flatten().unwrap_or_default();
    // What a newer version wrote is not renewed: the answer could not be stored.
    let index = index_of(&head)?;
    let keys = index.entries.iter();
    let keys: Vec<String> = keys
        .flat_map(|entry| [vault::profile_key(&entry.id), vault::token_key(&entry.id)])
        .collect();
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let records = read(&local(), &all_keys).await?;
    let now_ms = clock::now_ms();
    let (tokens, names) = known(&records, &keys, now_ms);
    let days: &[u32] = if settings.notify { &settings.remind_days } else { &[] };
    let plan = Plan::new(now_ms, &tokens, days, &reminded);
    let unsaved = with(|worker| !worker.engine.unstored().is_empty());
    show_badge(if unsaved { Badge::Expired } else { plan.badge })?;
    answer(set_alarm(TOKENS_ALARM, Some(plan.wake_ms))).await?;
    if plan.reminded != reminded {
        // Said afterwards: a reminder twice is better than none.
        for (profile, days) in &plan.remind {
            let name = names
                .iter()
                .find(|(id, _)| id == profile)
                .map(|(_, name)| name.as_str());
            remind(profile, name.unwrap_or_default(), *days).await?;
        }
        store(&[(vault::REMINDED_KEY, plan.reminded.to_plain())]).await?;
    }
    renew_some(plan.due, plan.wake_ms).await
}

/// Renews as many as may be under way at once. The next look, which was to come at `wake_ms`, comes sooner, to the others or to what
/// has become of these.
async fn renew_some(due: Vec<String>, wake_ms: u64) -> Result<(), JsValue> {
    for profile in due {
        let (renews, renewals) = with(|worker| {
            let mut flows = worker.engine.flows.iter();
            // One whose token waits to be stored keeps no other from being renewed.
            let renewals = flows
                .clone()
                .filter(|flow| flow.renews.is_some() && flow.refused().is_none());
            let renewals = renewals.count();
            (flows.any(|flow| flow.profile() == profile), renewals)
        });
        if renews {
            continue;
        }
        let Some(new) = renewal(&profile).await? else { continue };
        let permitted = new.permitted;
        // What the person knows of is told once.
        if !permitted && with(|worker| worker.engine.renewal_retry_ms(&profile).is_some()) {
            continue;
        }
        let full = renewals >= AT_ONCE;
        let look_ms = clock::now_ms() + if full { NEXT_MS } else { BEGUN_MS };
        answer(set_alarm(TOKENS_ALARM, Some(look_ms.min(wake_ms)))).await?;
        if full {
            break;
        }
        let mut event = Event::Renew(Box::new(new));
        if !permitted {
            // Nobody is there to be asked for hosts.
            with(|worker| worker.queue.push_back(event));
            event = Event::PermissionRefused(profile);
        }
        dispatch(event).await;
    }
    Ok(())
}

/// The tokens that can be read, with the names of their profiles.
fn known(records: &Records, keys: &[String], now_ms: u64) -> (Vec<KnownToken>, Vec<(String, String)>) {
    let mut tokens = Vec::new();
    let mut names = Vec::new();
    for keys in keys.chunks(2) {
        // A record that can't be read is the page's to report; it stops no other token's renewal.
        let (Ok(Some(profile)), Ok(Some(StoredToken { flow, token }))) =
            (records.get::<Profile>(&keys[0]), records.get::<StoredToken>(&keys[1]))
        else {
            continue;
        };
        let renews = profile.renew_automatically && profile.renews_by_itself(&token, now_ms);
        names.push((profile.id.clone(), profile.name));
        tokens.push(KnownToken {
            flow,
            expires_ms: token.expires_ms,
            renewal_ms: token.renewal_due_ms().filter(|_| renews),
            retry_ms: with(|worker| worker.engine.renewal_retry_ms(&profile.id)),
            profile: profile.id,
        });
    }
    (tokens, names)
}

/// What comes due once storage is locked: times, and not whose.
pub(super) async fn waiting() -> Result<Waiting, JsValue> {
    let index: Index = read(&local(), &vault::HEAD_KEYS)
        .await?
        .get(vault::INDEX_KEY)?
        .unwrap_or_default();
    let keys = index.entries.iter();
    let keys: Vec<String> = keys
        .flat_map(|entry| [vault::profile_key(&entry.id), vault::token_key(&entry.id)])
        .collect();
    let all_keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let records = read(&local(), &all_keys).await?;
    let (tokens, _) = known(&records, &keys, clock::now_ms());
    Ok(Waiting {
        renewals_ms: tokens.iter().filter_map(|token| token.renewal_ms).collect(),
        ends_ms: tokens.iter().filter_map(|token| token.expires_ms).collect(),
    })
}

/// Says on the icon that something waits for the passphrase, and looks again when the next thing comes due.
pub(super) async fn look_while_locked() -> Result<(), JsValue> {
    let waiting: Waiting = read(&local(), &[vault::WAITING_KEY])
        .await?
        .get(vault::WAITING_KEY)?
        .unwrap_or_default();
    let now_ms = clock::now_ms();
    let waits = waiting.renewals(now_ms) > 0 || waiting.has_ended(now_ms);
    show_badge(if waits { Badge::Expired } else { Badge::Nothing })?;
    let next_ms = waiting.next_ms(now_ms).unwrap_or(u64::MAX).min(now_ms + LOOK_WITHIN_MS);
    answer(set_alarm(TOKENS_ALARM, Some(next_ms))).await?;
    Ok(())
}

/// Begins the id of a reminder's notification; the profile's follows.
const REMINDER: &str = "reminder:";

async fn remind(profile: &str, name: &str, days: u64) -> Result<(), JsValue> {
    // The permission may have been taken away.
    let Some(notifications) = api().notifications() else {
        return Ok(());
    };
    let days = TimeLeft {
        value: u32::try_from(days).unwrap_or(u32::MAX),
        unit: TimeUnit::Day,
    };
    let options = object([
        ("type", "basic".into()),
        ("iconUrl", api().runtime().get_url("icons/icon-128.png").into()),
        ("title", name.into()),
        (
            "message",
            texts::text_with("reminder", &[&texts::duration(days)]).into(),
        ),
    ]);
    answer(notifications.create(&[REMINDER, profile].concat(), &options)).await?;
    Ok(())
}

/// The person clicked a reminder: the profiles are shown, where its token can be renewed.
pub(super) async fn reminder_clicked(id: &str) -> Result<(), JsValue> {
    if let Some(notifications) = api().notifications() {
        answer(notifications.clear(id)).await?;
    }
    let page = object([("url", api().runtime().get_url(PAGE).into())]);
    answer(api().tabs().create(&page)).await?;
    Ok(())
}

fn show_badge(badge: Badge) -> Result<(), JsValue> {
    let (text, color) = match badge {
        Badge::Nothing => (String::new(), CALM),
        Badge::Days(days) => (days.to_string() + "d", CALM),
        Badge::Expired => ("!".to_owned(), URGENT),
    };
    let action = api().action();
    action.set_badge_text(&object([("text", text.into())]))?;
    action.set_badge_background_color(&object([("color", color.into())]))?;
    Ok(())
}

/// A new flow of this profile: an authorization, or the renewal of a token.
pub(super) async fn new_flow(id: &str, renews: Option<StoredToken>) -> Result<NewFlow, JsValue> {
    let (profile_key, secret_key) = (vault::profile_key(id), vault::secret_key(id));
    let records = read(&local(), &[vault::SCHEMA_KEY, &profile_key, &secret_key]).await?;
    check_version(&records)?;
    // The records of a deleted profile stand until the trash is emptied.
    if in_trash()
        .await?
        .is_some_and(|(entry, deleted)| deleted && entry.id == id)
    {
        return Err(gone());
    }
    let mut profile: Profile = records.get(&profile_key)?.ok_or_else(gone)?;
    let provider = provider::by_id(&profile.provider).ok_or_else(gone)?;
    let secret: Option<SecretRecord> = records.get(&secret_key)?;
    let token_endpoint = provider.token_endpoint_url();
    let client_secret = secret
        .as_ref()
        .and_then(|secret| secret.for_endpoint(&token_endpoint))
        .cloned();
    let tab_permitted = granted(&profile.hosts());
    let (permitted, quiet_tab) = match &renews {
        Some(old) => {
            // Another set of scopes would revoke the member's earlier tokens (linkedin.md section 0, item 8).
            profile.scopes = old.token.scope_requested.clone();
            let permitted = granted(&provider.hosts()).await?.is_truthy();
            (permitted, profile.renew_in_tab && tab_permitted.await?.is_truthy())
        }
        None => (tab_permitted.await?.is_truthy(), false),
    };
    let snapshot = Snapshot {
        provider,
        profile,
        client_secret,
    };
    let code_verifier = if provider.pkce.is_sent() {
        Some(CodeVerifier::from_entropy(&entropy::bytes()?))
    } else {
        None
    };
    Ok(NewFlow {
        id: FlowId(entropy::name()?),
        snapshot,
        state: State::from_entropy(&entropy::bytes()?),
        code_verifier,
        renews,
        quiet_tab,
        permitted,
    })
}
