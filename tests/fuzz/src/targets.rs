//! What is fuzzed: every parser and format that reads what others wrote.
//!
//! A target is a line of [`TARGETS`] and a function, which reads an input, asserts what must hold of every input, and
//! tells how it ended: an input that ended as no other one is kept to make new ones from.

mod addresses;
mod answers;
mod ours;
mod person;
mod sealed;

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use tokenkeep::flow::{Note, Reminded};
use tokenkeep::plain::{Plain, Record};
use tokenkeep::profile::Profile;
use tokenkeep::provider::{self, Provider};
use tokenkeep::vault::{Index, SecretRecord, Trash};
use tokenkeep::view::{Command, Reply};

use crate::{planted, seeds};

/// Something that reads outside input.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What its inputs stand for.
    pub(crate) about: &'static str,
    /// Inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    pub(crate) run: Run,
    /// The longest input that it can get.
    pub(crate) most: usize,
}

/// What a target takes. What comes back stands for how an input ended.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Bytes(fn(&[u8]) -> u64),
    Text(fn(&str) -> u64),
    /// An address as a browser tells it.
    Address(fn(&str) -> u64),
}

/// More than any reader takes.
const ANY: usize = 2 << 20;
/// What was ours before a disk or a newer version damaged it is not that long.
const OURS: usize = 64 << 10;

/// What takes one kind of input.
macro_rules! constructors {
    ($($name:ident($run:ty) => $variant:ident, $most:ident;)+) => {$(
        const fn $name(
            name: &'static str,
            about: &'static str,
            seeds: fn() -> Vec<Vec<u8>>,
            run: $run,
        ) -> Target {
            let run = Run::$variant(run);
            let most = $most;
            Target { name, about, seeds, run, most }
        }
    )+};
}
constructors! {
    address(fn(&str) -> u64) => Address, ANY;
    text(fn(&str) -> u64) => Text, ANY;
    bytes(fn(&[u8]) -> u64) => Bytes, ANY;
    stored(fn(&[u8]) -> u64) => Bytes, OURS;
    line(fn(&str) -> u64) => Text, OURS;
}

/// All targets: a line each.
#[rustfmt::skip]
pub(crate) const TARGETS: &[Target] = &[
    address("redirect", "callback URLs", || seeds::members("callbacks", "callback"), addresses::redirect),
    text("redirect-uri", "redirect URIs that a person enters", || seeds::texts("redirect_uris"), addresses::redirect_uri),
    text("redirect-uris", "two redirect URIs to compare", addresses::redirect_uri_pairs, addresses::redirect_uris),
    text("endpoint-url", "endpoint URLs", || seeds::texts("endpoint_urls"), addresses::endpoint_url),
    text("scope", "scopes, entered or answered", || seeds::members("diagnosis", "scope"), addresses::scope),
    bytes("form", "form bodies", || seeds::texts("form"), addresses::form_body),
    bytes("token", "answers of the token endpoint", seeds::answers, answers::token),
    bytes("error", "answers that are diagnosed", seeds::answers, answers::error),
    bytes("introspection", "answers of introspection and revocation", seeds::answers, answers::introspection),
    bytes("userinfo", "answers of userinfo", seeds::answers, answers::userinfo),
    text("id-token", "ID tokens", || seeds::texts("id_tokens"), answers::id_token),
    text("date", "Date headers", answers::dates, answers::date),
    bytes("error-page", "pages of the authorization endpoint", || seeds::members("diagnosis", "page"), answers::error_page),
    text("words", "an error that somebody pasted", || seeds::texts("diagnosis"), answers::words),
    bytes("clean", "texts of a server, made fit to be shown", || seeds::texts("diagnosis"), answers::clean),
    text("import", "texts with profiles in them", || seeds::members("imports", "input"), person::import),
    text("import-file", "files that Tokenkeep exported", || seeds::members("imports/tokenkeep", "input"), person::import),
    text("template", "a person's own format", || seeds::members("records/template", "template"), person::template),
    stored("draft", "a profile as the form holds it", || seeds::records("draft"), person::draft),
    text("days", "days as a person enters them", || vec![b"14, 3 1".to_vec(), b"60;7".to_vec()], person::days),
    stored("json", "JSON as plain data", || seeds::texts("token_responses"), ours::json),
    bytes("exchange", "answers of the token endpoint, in a flow that is traced", seeds::answers, ours::exchange),
    stored("engine", "what the worker wakes up with", || seeds::records("engine"), ours::engine),
    stored("index", "the list of profiles", || seeds::records("index"), ours::record::<Index>),
    stored("profile", "a profile", || seeds::records("profile"), ours::record::<Profile>),
    stored("secret", "a client secret", || seeds::records("secret"), ours::record::<SecretRecord>),
    stored("stored-token", "a token", || seeds::records("stored_token"), ours::stored_token),
    stored("trash", "a deleted profile", || seeds::records("trash"), ours::record::<Trash>),
    stored("settings", "the settings", || seeds::records("settings"), ours::settings),
    stored("traces", "the traces of a profile", || seeds::records("traces"), ours::traces),
    stored("check", "what the servers said", || seeds::records("check"), ours::check),
    stored("reminded", "the reminders", || seeds::records("reminded"), ours::record::<Vec<Reminded>>),
    stored("notes", "flows in tabs, for when the session is lost", || seeds::records("notes"), ours::record::<Vec<Note>>),
    stored("pages", "all that a page reads", || seeds::records("pages"), ours::pages),
    stored("vault-header", "the header of what is sealed", sealed::files, sealed::header),
    stored("backup", "a backup's file, before its passphrase", sealed::files, sealed::backup),
    stored("backup-contents", "what stands in a backup", || seeds::members("vault/backups", "contents"), sealed::contents),
    line("stored-text", "a record as storage has it", sealed::stored_seeds, sealed::stored),
    stored("command", "messages to the worker", || seeds::records("command"), ours::record::<Command>),
    stored("reply", "answers of the worker", || seeds::records("reply"), ours::record::<Reply>),
];

/// The target of that name; those that fail on purpose have one, too.
pub(crate) fn by_name(name: &str) -> Option<&'static Target> {
    TARGETS
        .iter()
        .chain(planted::TARGETS)
        .find(|target| target.name == name)
}

/// Now, for whatever has to know.
const NOW_MS: u64 = 1_790_000_000_000;
/// More than any finding is long.
const SHOWN_AT_MOST: usize = 16 << 10;

fn end(parts: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn linkedin() -> &'static Provider {
    &provider::all()[0]
}

/// How long it is that `Debug` prints, with one for each character that it escapes: what is shown is the character.
fn printed_len(printed: &str) -> usize {
    let mut parts = printed.split("\\u{");
    let plain = parts.next().map_or(0, str::len);
    parts.fold(plain, |len, part| {
        len + 1 + part.split_once('}').map_or(part, |(_, rest)| rest).len()
    })
}

fn shown_text(text: &str) {
    assert!(text.len() <= SHOWN_AT_MOST, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "a control character is shown");
}

/// A record of the vectors.
fn sample<T: Record>(kind: &str) -> Option<T> {
    thread_local! {
        static KNOWN: RefCell<Vec<(String, Plain)>> = const { RefCell::new(Vec::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if !known.iter().any(|(own, _)| own == kind) {
            let json = seeds::records(kind).into_iter().next()?;
            known.push((kind.to_owned(), serde_json::from_slice(&json).ok()?));
        }
        let (_, plain) = known.iter().find(|(own, _)| own == kind)?;
        T::from_plain(plain).ok()
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use tokenkeep::flow::trace::Trace;
    use tokenkeep::flow::{Check, Engine, StoredToken};
    use tokenkeep::profile::{ProfileDraft, Settings};

    use super::ours::{plain, read};
    use super::*;

    #[test]
    fn names_are_plain_and_no_two_alike() {
        let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TARGETS.len());
    }

    #[test]
    fn every_target_has_vectors_to_begin_with() {
        for target in TARGETS {
            assert!(!(target.seeds)().is_empty(), "{}", target.name);
        }
    }

    /// What was found is in a vector, and must not come again.
    #[test]
    fn every_vector_passes() {
        for target in TARGETS {
            for seed in (target.seeds)() {
                match target.run {
                    Run::Bytes(run) => run(&seed),
                    Run::Text(run) | Run::Address(run) => run(&String::from_utf8_lossy(&seed)),
                };
            }
        }
    }

    #[test]
    fn an_escaped_character_counts_once() {
        assert_eq!(
            printed_len(&format!("{:?}", "a\u{10ffff}b\u{1}\u{202e}c")),
            "\"a-b--c\"".len()
        );
        // Twice a thousand of them are shown of this.
        let words = "\u{10ffff}".repeat(2_000);
        let answer =
            format!("400\ncontent-type: application/json\n\n{{\"error\":\"x\",\"error_description\":\"{words}\"}}");
        let token = by_name("token").expect("a target");
        let Run::Bytes(run) = token.run else {
            panic!("an answer is bytes")
        };
        run(answer.as_bytes());
    }

    /// Otherwise the fuzzing of a record ends at its first member.
    #[test]
    fn the_vectors_of_records_are_records() {
        fn all<T: Record + Debug>(kind: &str) {
            let records = seeds::records(kind);
            assert!(!records.is_empty(), "{kind}");
            for record in records {
                assert!(
                    read::<T>(&plain(&record)).is_ok(),
                    "{kind}: {}",
                    String::from_utf8_lossy(&record)
                );
            }
        }
        all::<Engine>("engine");
        all::<Index>("index");
        all::<Profile>("profile");
        all::<SecretRecord>("secret");
        all::<StoredToken>("stored_token");
        all::<Trash>("trash");
        all::<Settings>("settings");
        all::<Vec<Trace>>("traces");
        all::<Check>("check");
        all::<Vec<Reminded>>("reminded");
        all::<Vec<Note>>("notes");
        all::<Command>("command");
        all::<Reply>("reply");
        all::<ProfileDraft>("draft");
    }
}
