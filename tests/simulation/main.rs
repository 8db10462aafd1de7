//! The engine under random schedules: clicks, consents, callbacks that repeat or lie, tabs that close, hosts that come and
//! go, a worker that is killed between any two effects, and storage that refuses, tears, loses and damages what is written. The
//! world is a model of the two browsers as measured: session rules and `storage.session` survive the worker, its memory does not.

// A model that can't go on is a broken test.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// A long run says how far it is.
#![allow(clippy::print_stdout)]

mod losses;
mod server;
mod storage;
mod tally;
mod world;
mod writer;

use std::collections::BTreeSet;
use std::env;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokenkeep::flow::{ANSWER_WITHIN_MS, Event, TabId};
use tokenkeep::oauth::http::HttpResponse;
use tokenkeep::provider::RefreshTokens;
use url::Url;

use storage::Pace;
use tally::Tally;
use world::{Action, Answer, Broken, Outcome, QUIET, REDIRECT_URI, Silent, World, answer, schedule};

/// How many schedules are run without a word from outside, and from which seed: the same ones each time.
const RUNS: u32 = 4_000;
const SEED: u64 = 1;

/// Schedules that have one seed: what is printed of a failure is enough to see it again.
const BATCH: u32 = 5_000;

/// Runs schedules that a seed gives; the smallest that fails is the error.
fn simulate(runs: u32, seed: u64, broken: Option<Broken>, tally: &Tally) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: runs,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let run = runner.run(&schedule(), |(refresh_tokens, actions)| {
        let mut world = World::with(refresh_tokens, broken);
        world.run(&actions)?;
        world.tell(tally);
        Ok(())
    });
    run.map_err(|error| error.to_string())
}

/// A number that `cargo xtask simulate` sets.
fn asked(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// No code is posted twice, none reaches the redirect host, no acknowledged token is lost, no grant is ended by us, a lost
/// one is told, and nothing is left behind. `TOKENKEEP_SIMULATE_RUNS` and `TOKENKEEP_SIMULATE_SEED` ask for others.
#[test]
fn random_schedules_with_kills() {
    let runs = asked("TOKENKEEP_SIMULATE_RUNS").map_or(RUNS, |runs| u32::try_from(runs).unwrap());
    let first = asked("TOKENKEEP_SIMULATE_SEED").unwrap_or(SEED);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicU32::new(0);
    let batches = runs.div_ceil(BATCH);
    let tally = Tally::default();
    let work = || {
        loop {
            let batch = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if batch >= batches {
                return;
            }
            let seed = first + u64::from(batch);
            let runs = BATCH.min(runs - batch * BATCH);
            if let Err(error) = simulate(runs, seed, None, &tally) {
                panic!("seed {seed}, {runs} runs: {error}");
            }
            if batches > 20 && (batch + 1).is_multiple_of(10) {
                println!("{} of {} schedules", (batch + 1) * BATCH, batches * BATCH);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    println!("{tally}");
}

/// An engine that is broken is caught, each in its own way, and by a schedule that a person can read.
#[test]
fn broken_engines_are_caught() {
    for (broken, said, at_most) in [
        (Broken::DropsTheLock, "two renewals of one profile at once", 8),
        (Broken::AcknowledgesBeforeStoring, "was called stored and is not", 8),
        (Broken::RetriesACode, "was posted 2 times", 8),
        (Broken::CallsStoredWhatWasRefused, "was called stored and is not", 8),
        (Broken::DropsWhatWasRefused, "was refused, kept, and is gone", 8),
        (Broken::HealsWithTheCopy, "was called stored and is not", 9),
        (Broken::TakesItForAFirstRun, "was taken for a first run", 8),
    ] {
        let error = simulate(20_000, SEED, Some(broken), &Tally::default()).expect_err("a broken engine");
        assert!(error.contains(said), "{broken:?}: {error}");
        let actions = error
            .lines()
            .filter(|line| line.starts_with("        ") && line.ends_with(['(', ',']))
            .count();
        assert!(actions <= at_most * 4, "{broken:?} is not minimal: {error}");
    }
}

/// The same world notices when the rules don't work.
#[test]
fn a_world_without_rules_is_caught() {
    let mut world = World::new();
    world.rules_work = false;
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    assert!(world.check().is_err());
}

/// The plain way, so that the random ones don't pass by never getting anywhere.
#[test]
fn the_plain_way_ends_in_a_token() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::Token));
    world.check().unwrap();
    assert_eq!(world.tokens.len(), 1);
    assert_eq!(world.acknowledged.len(), 1);
    assert_eq!(world.posts.values().copied().collect::<Vec<_>>(), [1]);
    world.act(&Action::Again(true));
    world.act(&Action::Again(false));
    world.check().unwrap();
    world.settle();
    world.check_settled().unwrap();
}

/// A code that came without our state is kept from the redirect host as well, in whatever tab it is opened again.
#[test]
fn a_stray_code_stays_blocked() {
    for answer in [Answer::WrongState, Answer::NoState] {
        let mut world = World::new();
        world.act(&Action::Authorize(0));
        world.act(&Action::Callback(0, answer, false));
        let code = format!("code-{}", world.next);
        let other_tab = TabId(1000);
        world.navigate(
            &Url::parse(&format!("{REDIRECT_URI}?code={code}&state=other")).unwrap(),
            other_tab,
        );
        world.check().unwrap();
        // The person's own login at that host, in another tab, is none of ours.
        world.navigate(
            &Url::parse(&format!("{REDIRECT_URI}?code=own&state=own")).unwrap(),
            other_tab,
        );
        assert_eq!(world.redirect_host_requests.len(), 1);
        world.settle();
        world.check_settled().unwrap();
    }
}

/// A kill at each place of the plain way: a token, or a finding that says why not.
#[test]
fn a_kill_at_every_effect_of_the_plain_way_has_a_defined_end() {
    let mut ends = BTreeSet::new();
    for place in 0..40 {
        let mut world = World::new();
        world.act(&Action::Kill(place));
        world.act(&Action::Authorize(0));
        world.act(&Action::Callback(0, Answer::Code, false));
        world.act(&Action::Tick);
        world.act(&Action::Answer(0, Outcome::Token));
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
        let engine = world.worker.as_ref().unwrap();
        ends.insert(match engine.ended_of("0") {
            Some(ended) => ended
                .finding
                .as_ref()
                .map_or("token".to_owned(), |finding| finding.code.clone()),
            // The click itself was lost before anything was written down or done.
            None => "nothing".to_owned(),
        });
    }
    let expected = ["interrupted", "nothing", "outcome_unknown", "timed_out", "token"];
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), expected);
}

/// A worker that dies with the redirect in its hands, before it wrote any of it, leaves it to the next one.
#[test]
fn a_redirect_that_the_worker_died_over_is_found_in_the_tab() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Kill(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    assert!(world.worker.is_none() && world.wire.is_empty());
    // Nobody does anything: the alarm wakes the next worker after a minute.
    world.act(&Action::Advance(60_000));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.finding("0"), "token");
    world.check().unwrap();
    assert_eq!(world.posts.values().copied().collect::<Vec<_>>(), [1]);
}

/// The same for a tab that was closed.
#[test]
fn a_closed_tab_that_the_worker_died_over_ends_the_flow() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Kill(0));
    world.act(&Action::CloseTab(0));
    assert!(world.worker.is_none());
    world.act(&Action::Advance(90_000));
    assert_eq!(world.finding("0"), "tab_closed");
}

/// A world with a token of profile 0, which has a refresh token.
fn with_token() -> World {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::Token));
    world
}

#[test]
fn a_renewal_is_one_request_however_often_it_is_asked_for() {
    let mut world = with_token();
    let tabs = world.tabs.len();
    let old = world.tokens["0"].clone();
    for _ in 0..50 {
        world.act(&Action::Renew(0));
    }
    assert_eq!(world.wire.len(), 1);
    assert_eq!(
        world.tokens["0"].flow, old.flow,
        "the old token stays until the new one is stored"
    );
    world.now_ms += 1_000;
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.refreshes.values().copied().collect::<Vec<_>>(), [1]);
    assert_ne!(world.tokens["0"].flow, old.flow);
    assert_eq!(
        world.tokens["0"].token.expires_ms,
        old.token.expires_ms.map(|end| end + 1_000)
    );
    assert_eq!(world.tabs.len(), tabs, "no tab is opened");
    assert!(world.redirect_host_requests.is_empty());
    world.check().unwrap();
    world.settle();
    world.check_settled().unwrap();
}

#[test]
fn a_dead_refresh_token_is_not_tried_again_and_the_old_token_stays() {
    let mut world = with_token();
    let old = world.tokens["0"].clone();
    world.act(&Action::Renew(0));
    world.act(&Action::Answer(0, Outcome::Dead));
    let kept = world.tokens["0"].clone();
    assert_eq!(
        (&kept.flow, &kept.token.access_token),
        (&old.flow, &old.token.access_token)
    );
    assert!(kept.token.refresh_refused_ms.is_some());
    // The next way is tried, and the person is told of the first.
    world.act(&Action::Silent(0, Silent::Login));
    assert_eq!(world.finding("0"), "refresh_token_dead");
    for _ in 0..3 {
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Page));
    }
    assert_eq!(world.refreshes.values().sum::<u32>(), 1);
    assert_eq!(world.finding("0"), "needs_click");
}

/// An answer that says nothing of the refresh token leaves it alone.
#[test]
fn a_renewal_that_failed_may_be_tried_again() {
    for outcome in [Outcome::Refused, Outcome::Timeout] {
        let mut world = with_token();
        world.act(&Action::Renew(0));
        world.act(&Action::Answer(0, outcome));
        assert!(world.tokens["0"].token.refresh_refused_ms.is_none());
        world.act(&Action::Renew(0));
        world.act(&Action::Answer(0, Outcome::Token));
        let engine = world.worker.as_ref().unwrap();
        assert_eq!(engine.ended_of("0").unwrap().finding, None);
    }
}

/// A deleted profile's flow ends, unless something was posted: that answer is kept for as long as the profile can come
/// back, and nothing is left once it can't.
#[test]
fn a_deleted_profile_keeps_only_what_was_posted_and_only_while_it_can_come_back() {
    let begun: [(&[Action], usize); 4] = [
        (&[Action::Authorize(1)], 0),
        (&[Action::Authorize(1), Action::Callback(0, Answer::Code, false)], 1),
        (&[Action::Authorize(1), Action::Callback(0, Answer::Error, false)], 0),
        (&[Action::Revoke, Action::Authorize(1)], 0),
    ];
    for (actions, under_way) in begun {
        for answered in [true, false] {
            let mut world = World::new();
            for action in actions {
                world.act(action);
            }
            world.act(&Action::Delete(1));
            assert_eq!(world.worker.as_ref().unwrap().flows.len(), under_way, "{actions:?}");
            if answered {
                world.act(&Action::Answer(0, Outcome::Token));
                assert_eq!(world.tokens.len(), under_way, "{actions:?}");
            }
            world.act(&Action::EmptyTrash);
            world.act(&Action::Answer(0, Outcome::Token));
            let engine = world.worker.as_ref().unwrap();
            assert!(engine.flows.is_empty(), "{actions:?}");
            assert!(engine.ended_of("1").is_none(), "{actions:?}");
            assert!(world.tokens.is_empty(), "{actions:?}");
            world.check().unwrap();
            world.settle();
            world.check_settled().unwrap();
        }
    }
}

/// A server that rotates refresh tokens has ended the old one by now.
#[test]
fn a_profile_that_comes_back_in_the_middle_of_a_renewal_gets_its_token_and_no_second_request() {
    let mut world = with_token();
    let old = world.tokens["0"].flow.clone();
    world.act(&Action::Renew(0));
    world.act(&Action::Delete(0));
    world.act(&Action::Undo);
    world.act(&Action::Renew(0));
    assert_eq!(world.refreshes.len(), 1);
    world.act(&Action::Answer(0, Outcome::Token));
    assert_ne!(world.tokens["0"].flow, old);
    world.check().unwrap();
    world.settle();
    world.check_settled().unwrap();
}

const GRACE: RefreshTokens = RefreshTokens::Rotated { grace_ms: 60_000 };
const NO_GRACE: RefreshTokens = RefreshTokens::Rotated { grace_ms: 0 };

/// A world with a token of profile 0, whose refresh token has been sent once; its server has this habit.
fn with_token_of(refresh_tokens: RefreshTokens) -> World {
    let mut world = World::with(refresh_tokens, None);
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::Token));
    world.act(&Action::Advance(ANSWER_WITHIN_MS));
    world.act(&Action::Renew(0));
    world
}

/// Sends, of all refresh requests.
fn refreshes(world: &World) -> u32 {
    world.refreshes.values().sum()
}

/// The answer with the next refresh token is lost. While the server's grace lasts the old one is sent once more.
#[test]
fn a_lost_answer_of_a_server_that_rotates_is_asked_for_again_while_its_grace_lasts() {
    let mut world = with_token_of(GRACE);
    let old = world.tokens["0"].flow.clone();
    world.act(&Action::Answer(0, Outcome::Cut));
    assert_eq!((refreshes(&world), world.wire.len()), (2, 1));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.finding("0"), "token");
    assert_ne!(world.tokens["0"].flow, old);
    // The same by a worker that died, which its alarm wakes.
    world.act(&Action::Advance(ANSWER_WITHIN_MS));
    world.act(&Action::Renew(0));
    world.act(&Action::Arrive(0));
    world.act(&Action::Kill(0));
    world.act(&Action::Tick);
    world.act(&Action::Advance(30_000));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!((refreshes(&world), world.finding("0").as_str()), (4, "token"));
    // And by a browser that died, which knows of no flow any more.
    world.act(&Action::Advance(ANSWER_WITHIN_MS));
    world.act(&Action::Renew(0));
    world.act(&Action::Arrive(0));
    world.act(&Action::Restart);
    world.act(&Action::Renew(0));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.finding("0"), "token");
    world.run(&[]).unwrap();
}

/// Without grace, or once it is over, sending it again would end the grant: the person is asked instead.
#[test]
fn a_lost_answer_of_a_server_that_rotates_is_told_when_its_grace_is_over() {
    let late: [(RefreshTokens, &[Action]); 3] = [
        (NO_GRACE, &[Action::Answer(0, Outcome::Cut)]),
        (NO_GRACE, &[Action::Arrive(0), Action::Restart, Action::Renew(0)]),
        (
            GRACE,
            &[
                Action::Arrive(0),
                Action::Restart,
                Action::Sleep(3_600_000),
                Action::Renew(0),
            ],
        ),
    ];
    for (habit, actions) in late {
        let mut world = with_token_of(habit);
        for action in actions {
            world.act(action);
        }
        assert_eq!((refreshes(&world), world.asked.len()), (1, 1), "{habit:?} {actions:?}");
        world.act(&Action::Silent(0, Silent::Login));
        assert_eq!(world.finding("0"), "needs_click");
        assert!(
            world
                .server
                .is_used_up(world.tokens["0"].token.refresh_token.as_ref().unwrap().expose())
        );
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Code));
        world.act(&Action::Answer(0, Outcome::Token));
        assert_eq!(world.finding("0"), "token");
        world.run(&[]).unwrap();
    }
}

/// A server that says that it did not use the refresh token leaves it usable.
#[test]
fn a_refused_refresh_of_a_server_that_rotates_uses_nothing_up() {
    let mut world = with_token_of(NO_GRACE);
    assert!(
        world.tokens["0"].token.refresh_again_until_ms.is_some(),
        "noted before it is sent"
    );
    world.act(&Action::Answer(0, Outcome::Refused));
    assert_eq!(world.tokens["0"].token.refresh_again_until_ms, None);
    world.act(&Action::Renew(0));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!((refreshes(&world), world.finding("0").as_str()), (2, "token"));
}

/// LinkedIn keeps them: nothing is written before, and nothing is used up.
#[test]
fn a_lost_answer_of_a_server_that_keeps_refresh_tokens_costs_nothing() {
    let mut world = with_token_of(RefreshTokens::Kept);
    assert_eq!(world.tokens["0"].token.refresh_again_until_ms, None);
    world.act(&Action::Answer(0, Outcome::Cut));
    assert_eq!((refreshes(&world), world.finding("0").as_str()), (1, "renewal_failed"));
    world.act(&Action::Renew(0));
    world.act(&Action::Answer(0, Outcome::Token));
    assert_eq!(world.finding("0"), "token");
}

/// Who authorizes anew wants the new token: what an older renewal still brings is not stored over it.
#[test]
fn an_authorization_takes_the_place_of_a_renewal() {
    let mut world = with_token();
    world.act(&Action::Renew(0));
    let renewal = world.wire[0].flow.clone();
    world.act(&Action::Authorize(0));
    world.act(&Action::Renew(0));
    assert_eq!(world.refreshes.len(), 1, "no renewal beside an authorization");
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(1, Outcome::Token));
    let authorized = world.tokens["0"].flow.clone();
    world.deliver(Event::TokenAnswered {
        flow: renewal,
        answer: answer(Outcome::Token),
        code: None,
    });
    assert_eq!(world.tokens["0"].flow, authorized);
    world.settle();
    world.check_settled().unwrap();
}

#[test]
fn a_kill_at_every_effect_of_a_renewal_has_a_defined_end() {
    let mut ends = BTreeSet::new();
    for place in 0..12 {
        let mut world = with_token();
        let old = world.tokens["0"].clone();
        world.act(&Action::Kill(place));
        world.act(&Action::Renew(0));
        world.act(&Action::Answer(0, Outcome::Token));
        // Whatever wakes the worker: what was under way is asked for once more.
        world.act(&Action::Tick);
        world.act(&Action::Answer(0, Outcome::Token));
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
        let engine = world.worker.as_ref().unwrap();
        let ended = engine.ended_of("0").unwrap();
        let finding = ended.finding.as_ref().map_or("token", |finding| finding.code.as_str());
        let renewed = world.tokens["0"].flow != old.flow;
        assert_eq!(
            renewed,
            ended.renewal && finding == "token",
            "kill at {place}: {finding}"
        );
        ends.insert((renewed, finding.to_owned()));
    }
    assert!(ends.contains(&(true, "token".to_owned())), "{ends:?}");
    // The click itself was lost before anything was written down or done.
    assert!(ends.contains(&(false, "token".to_owned())), "{ends:?}");
}

/// A world with a token of this profile that has no refresh token.
fn without_refresh_token(profile: u8) -> World {
    let mut world = World::new();
    world.act(&Action::Authorize(profile));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::NoRefreshToken));
    assert_eq!(world.tokens.len(), 1);
    world
}

#[test]
fn without_a_refresh_token_the_worker_asks_by_itself_and_opens_no_tab() {
    let mut world = without_refresh_token(0);
    let (old, tabs) = (world.tokens["0"].flow.clone(), world.tabs.clone());
    for _ in 0..50 {
        world.act(&Action::Renew(0));
    }
    assert_eq!(world.asked.len(), 1, "single-flight");
    world.act(&Action::Silent(0, Silent::Code));
    assert_eq!(
        world.tokens["0"].flow, old,
        "the old token stays until the new one is stored"
    );
    world.act(&Action::Answer(0, Outcome::NoRefreshToken));
    assert_eq!(world.finding("0"), "token");
    assert_ne!(world.tokens["0"].flow, old);
    assert_eq!(world.tabs, tabs, "no tab is opened");
    assert!(world.redirect_host_requests.is_empty());
    world.settle();
    world.check().unwrap();
    world.check_settled().unwrap();
}

#[test]
fn what_wants_the_person_is_never_opened_uninvited() {
    for silent in [Silent::Login, Silent::LoginRequired, Silent::Page] {
        let mut world = without_refresh_token(0);
        let (old, tabs) = (world.tokens["0"].flow.clone(), world.tabs.clone());
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, silent));
        assert_eq!(world.finding("0"), "needs_click", "{silent:?}");
        assert_eq!((&world.tokens["0"].flow, &world.tabs), (&old, &tabs), "{silent:?}");
        world.settle();
        world.check_settled().unwrap();
    }
    // No answer at all says nothing of the person.
    let mut world = without_refresh_token(0);
    world.act(&Action::Renew(0));
    world.act(&Action::Silent(0, Silent::Timeout));
    assert_eq!(world.finding("0"), "renewal_failed");
}

#[test]
fn a_quiet_tab_is_the_last_way_and_closes_itself() {
    let mut world = without_refresh_token(QUIET);
    let (old, tabs) = (world.tokens["2"].flow.clone(), world.tabs.clone());
    world.act(&Action::Renew(QUIET));
    assert_eq!(world.tabs, tabs, "not the first way");
    world.act(&Action::Silent(0, Silent::Page));
    assert_eq!(world.tabs.len(), tabs.len() + 1);
    let mut stopped = World {
        worker: world.worker.clone(),
        session: world.session.clone(),
        storage: world.storage.clone(),
        tokens: world.tokens.clone(),
        tabs: world.tabs.clone(),
        alarm: world.alarm,
        rules: world.rules.clone(),
        now_ms: world.now_ms,
        ..World::new()
    };
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::NoRefreshToken));
    assert_eq!(world.finding("2"), "token");
    assert_ne!(world.tokens["2"].flow, old);
    assert_eq!(world.tabs, tabs);
    // A page that waits for the person.
    stopped.act(&Action::Advance(60_000));
    assert_eq!(stopped.finding("2"), "needs_click");
    assert_eq!(stopped.tabs, tabs);
    for mut world in [world, stopped] {
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
    }
}

/// An ID token that says so much.
fn id_token(sub: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"iss":"https://www.linkedin.com/oauth","sub":"{sub}","name":"Member {sub}"}}"#);
    [encode(r#"{"alg":"RS256"}"#), encode(&claims), encode("no signature")].join(".")
}

fn token_of(sub: &str) -> HttpResponse {
    let body = format!(
        r#"{{"access_token":"AQX-{sub}","expires_in":5183999,"id_token":"{}"}}"#,
        id_token(sub)
    );
    HttpResponse {
        body: body.into_bytes(),
        ..answer(Outcome::Token).unwrap()
    }
}

#[test]
fn another_member_does_not_take_the_place_of_the_token() {
    let mut world = World::new();
    let exchange = |world: &mut World, sub: &str| {
        let flow = world.wire.pop().unwrap().flow;
        world.deliver(Event::TokenAnswered {
            flow,
            answer: Ok(token_of(sub)),
            code: None,
        });
    };
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    exchange(&mut world, "one");
    for (sub, finding, token) in [
        ("two", "other_member", "AQX-one"),
        ("one", "token", "AQX-one"),
        ("two", "other_member", "AQX-one"),
    ] {
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Code));
        exchange(&mut world, sub);
        assert_eq!(world.finding("0"), finding);
        assert_eq!(world.tokens["0"].token.access_token.expose(), token);
    }
    // Who clicks has chosen.
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    exchange(&mut world, "two");
    assert_eq!(world.tokens["0"].token.access_token.expose(), "AQX-two");
}

#[test]
fn an_authorization_takes_the_place_of_a_silent_renewal() {
    for profile in [0, QUIET] {
        let mut world = without_refresh_token(profile);
        world.act(&Action::Renew(profile));
        if profile == QUIET {
            world.act(&Action::Silent(0, Silent::Page));
        }
        world.act(&Action::Authorize(profile));
        assert_eq!(world.worker.as_ref().unwrap().flows.len(), 1);
        // What still comes belongs to nobody.
        world.act(&Action::Silent(0, Silent::Code));
        assert!(world.wire.is_empty());
        world.act(&Action::Callback(0, Answer::Code, false));
        world.act(&Action::Answer(0, Outcome::NoRefreshToken));
        assert_eq!(world.finding(&profile.to_string()), "token");
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
    }
}

/// Its refresh token ends sooner than the next access token would.
fn with_refresh_token_that_runs_out() -> World {
    let mut world = with_token();
    world.act(&Action::Sleep(100_000_000));
    assert!(world.tokens["0"].token.refresh_token_runs_out(world.now_ms));
    world
}

#[test]
fn a_refresh_token_that_runs_out_is_sent_only_where_the_person_is_needed() {
    for (silent, refreshed) in [(Silent::Code, 0), (Silent::Page, 1), (Silent::LoginRequired, 1)] {
        let mut world = with_refresh_token_that_runs_out();
        let old = world.tokens["0"].clone();
        world.act(&Action::Renew(0));
        assert_eq!(refreshes(&world), 0);
        world.act(&Action::Silent(0, silent));
        world.act(&Action::Answer(0, Outcome::Token));
        let new = &world.tokens["0"].token;
        assert_eq!(
            (refreshes(&world), world.finding("0").as_str()),
            (refreshed, "token"),
            "{silent:?}"
        );
        assert_eq!(new.refresh_token != old.token.refresh_token, refreshed == 0);
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
    }
}

#[test]
fn what_was_asked_before_the_refresh_token_is_not_asked_again() {
    for outcome in [Outcome::Dead, Outcome::Timeout] {
        let mut world = with_token_of(NO_GRACE);
        world.act(&Action::Answer(0, Outcome::Token));
        world.act(&Action::Sleep(100_000_000));
        let asks = |world: &World| world.silent_requests.values().sum::<u32>();
        let before = asks(&world);
        world.act(&Action::Renew(0));
        world.act(&Action::Silent(0, Silent::Page));
        let sent = refreshes(&world);
        assert_eq!((asks(&world), sent), (before + 1, 2), "{outcome:?}");
        world.act(&Action::Advance(ANSWER_WITHIN_MS));
        world.act(&Action::Answer(0, outcome));
        assert_eq!(asks(&world), before + 1, "{outcome:?}");
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
    }
}

/// Renews with a kill at each of the first effects, and goes on after it; `answers` is what comes, before and after. Returned is
/// whether the token is another one, and what is told of it.
fn ends_of_kills_over_renewals(start: impl Fn() -> World, answers: &[Action]) -> BTreeSet<(bool, String)> {
    let mut ends = BTreeSet::new();
    for place in 0..16 {
        let mut world = start();
        let old = world.tokens["0"].flow.clone();
        world.act(&Action::Kill(place));
        world.act(&Action::Renew(0));
        for answer in answers {
            world.act(answer);
        }
        // Whatever wakes the worker.
        world.act(&Action::Tick);
        for answer in answers {
            world.act(answer);
        }
        world.settle();
        world.check().unwrap();
        world.check_settled().unwrap();
        ends.insert((world.tokens["0"].flow != old, world.finding("0")));
    }
    ends
}

#[test]
fn a_kill_at_every_effect_of_a_renewal_that_goes_both_ways_has_a_defined_end() {
    let ends = ends_of_kills_over_renewals(
        with_refresh_token_that_runs_out,
        &[Action::Silent(0, Silent::Page), Action::Answer(0, Outcome::Token)],
    );
    // What died before anything was written was never begun; all else goes on.
    assert_eq!(ends, [false, true].map(|renewed| (renewed, "token".to_owned())).into());
}

#[test]
fn a_kill_at_every_effect_of_a_silent_renewal_has_a_defined_end() {
    let ends = ends_of_kills_over_renewals(
        || without_refresh_token(0),
        &[
            Action::Silent(0, Silent::Code),
            Action::Answer(0, Outcome::NoRefreshToken),
        ],
    );
    assert!(ends.contains(&(true, "token".to_owned())), "{ends:?}");
    // The code was posted, and nobody knows what became of it.
    assert!(ends.contains(&(false, "renewal_failed".to_owned())), "{ends:?}");
}

/// The copy is behind, and would bring the removed token back.
#[test]
fn a_removed_token_does_not_take_the_place_of_the_next_one() {
    let mut world = with_token();
    world.act(&Action::Renew(0));
    world.act(&Action::Answer(0, Outcome::Token));
    world.act(&Action::Copying(Pace::Never));
    world.act(&Action::Remove(0));
    assert!(world.tokens.is_empty());
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::Answer(0, Outcome::Token));
    let token = world.tokens["0"].flow.clone();
    world.act(&Action::Copying(Pace::AtOnce));
    world.act(&Action::Restart);
    assert_eq!(world.tokens["0"].flow, token);
    world.run(&[]).unwrap();
}

/// The disk did not keep the removal, and the copy heard of it.
#[test]
fn a_deleted_profile_does_not_come_back_when_the_power_goes() {
    let mut world = with_token();
    world.act(&Action::Delete(0));
    world.act(&Action::EmptyTrash);
    world.act(&Action::CutPower(5));
    let left = world.storage.stores.local.keys().filter(|key| key.ends_with(":0"));
    assert_eq!(left.count(), 0);
    world.run(&[]).unwrap();
}

/// A code is used up, and its token can't be written: that is said, nothing is called stored, and it is written when that
/// can be done.
#[test]
fn a_token_that_is_refused_is_not_called_stored() {
    let mut world = World::new();
    world.act(&Action::Authorize(0));
    world.act(&Action::Callback(0, Answer::Code, false));
    world.act(&Action::RefuseWrites(1));
    world.act(&Action::Answer(0, Outcome::Token));
    assert!(world.tokens.is_empty() && world.acknowledged.is_empty());
    assert!(world.worker.as_ref().unwrap().unstored_of("0").is_some());
    world.run(&[]).unwrap();
    assert_eq!((world.counts.refusals_told, world.counts.stored_later), (1, 1));
    assert_eq!((world.tokens.len(), world.acknowledged.len()), (1, 1));
}

/// Whichever records of the batch with a first token are written: the token is whole or not there, and nothing is damaged.
#[test]
fn a_torn_write_leaves_a_whole_token_or_none() {
    let mut ends = BTreeSet::new();
    for records in 0..4 {
        let mut world = World::new();
        world.act(&Action::Authorize(0));
        world.act(&Action::Callback(0, Answer::Code, false));
        world.act(&Action::Tear(records));
        world.act(&Action::Answer(0, Outcome::Token));
        assert!(world.acknowledged.is_empty());
        ends.insert(world.tokens.contains_key("0"));
        world.run(&[]).unwrap();
        assert_eq!(world.counts.torn, 1);
    }
    assert_eq!(ends.len(), 2);
}
