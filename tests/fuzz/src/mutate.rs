//! Inputs: one that is known, changed a few times. Bytes, texts with a dictionary, and JSON as a tree.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fastrand::Rng;
use tokenkeep::plain::Plain;

use crate::dictionary::{INTERESTING_NUMBERS, STRANGE, WORDS};

/// What most inputs stay below.
const USUAL: usize = 8 << 10;
/// One of so many inputs may grow to [`LONG`].
const LONG_EVERY: u32 = 512;
const LONG: usize = 64 << 10;
/// One of so many inputs may grow to [`HUGE`], which is more than any reader takes.
const HUGE_EVERY: u32 = 16 << 10;
const HUGE: usize = 1_200_000;
/// What is known at most: the oldest that was found on the way goes first.
const KNOWN_AT_MOST: usize = 1024;

/// The inputs that new ones are made from.
pub(crate) struct Corpus {
    inputs: Vec<Vec<u8>>,
    given: usize,
    next: usize,
    outcomes: HashSet<u64>,
}

impl Corpus {
    /// Begins with what the target's vectors give.
    pub(crate) fn new(mut inputs: Vec<Vec<u8>>) -> Self {
        if inputs.is_empty() {
            inputs.push(Vec::new());
        }
        Self {
            given: inputs.len(),
            next: 0,
            inputs,
            outcomes: HashSet::new(),
        }
    }

    /// How many were found on the way.
    pub(crate) fn found(&self) -> usize {
        self.inputs.len() - self.given
    }

    /// Keeps an input that ended as no other one did.
    pub(crate) fn learn(&mut self, input: &[u8], outcome: u64) {
        if input.len() > LONG || !self.outcomes.insert(outcome) {
            return;
        }
        if self.found() < KNOWN_AT_MOST {
            self.inputs.push(input.to_vec());
        } else {
            input.clone_into(&mut self.inputs[self.given + self.next]);
            self.next = (self.next + 1) % KNOWN_AT_MOST;
        }
    }

    /// The next input.
    pub(crate) fn make(&self, rng: &mut Rng) -> Vec<u8> {
        let mut input = self.pick(rng).clone();
        // As it is, now and then: the vectors themselves must pass.
        if rng.u32(..64) == 0 {
            return input;
        }
        let most = match rng.u32(..HUGE_EVERY) {
            0 => rng.usize(LONG..HUGE),
            n if n % LONG_EVERY == 1 => LONG,
            _ => USUAL,
        };
        loop {
            self.change(&mut input, rng, most);
            if rng.u32(..3) == 0 {
                break;
            }
        }
        if most > USUAL && input.len() < most / 2 {
            grow(&mut input, rng, most);
        }
        input.truncate(most.max(USUAL));
        input
    }

    fn pick(&self, rng: &mut Rng) -> &Vec<u8> {
        // Half of them from what was given, however much was found.
        let among = if rng.bool() { self.given } else { self.inputs.len() };
        &self.inputs[rng.usize(..among)]
    }

    fn change(&self, input: &mut Vec<u8>, rng: &mut Rng, most: usize) {
        if rng.u32(..3) > 0 && change_json(input, rng, most) {
            return;
        }
        match rng.u32(..18) {
            0 => *self.spot(input, rng) ^= 1 << rng.u32(..8),
            1 => *self.spot(input, rng) = rng.u8(..),
            2 => {
                let byte = rng.u8(..);
                insert(input, rng, &[byte]);
            }
            3 => {
                let (from, to) = range(input, rng);
                input.drain(from..to);
            }
            4 => {
                let (from, to) = range(input, rng);
                let piece = input[from..to].to_vec();
                insert(input, rng, &piece);
            }
            5 => {
                let other = self.pick(rng);
                let (from, to) = range(other, rng);
                insert(input, rng, &other[from..to]);
            }
            6 => {
                let other = self.pick(rng);
                let at = rng.usize(..=input.len());
                input.truncate(at);
                input.extend_from_slice(&other[rng.usize(..=other.len())..]);
            }
            7 | 8 => {
                let word = word(rng);
                insert(input, rng, word.as_bytes());
            }
            9 => {
                let strange = strange(rng);
                insert(input, rng, strange);
            }
            10 => {
                let (from, to) = token(input, rng);
                input.splice(from..to, word(rng).bytes());
            }
            11 => {
                let (from, to) = token(input, rng);
                let number = INTERESTING_NUMBERS[rng.usize(..INTERESTING_NUMBERS.len())];
                input.splice(from..to, number.bytes());
            }
            12 => double_parameter(input, rng),
            13 => encode(input, rng),
            14 => {
                let (from, to) = token(input, rng);
                if rng.bool() {
                    input[from..to].make_ascii_uppercase();
                } else {
                    input[from..to].make_ascii_lowercase();
                }
            }
            15 => {
                let at = rng.usize(..=input.len());
                input.truncate(at);
            }
            16 => {
                let (from, to) = token(input, rng);
                let piece = input[from..to].to_vec();
                let times = rng.usize(1..64);
                let long = piece.repeat(times.min(most / piece.len().max(1)));
                input.splice(from..to, long);
            }
            _ => swap_lines(input, rng),
        }
    }

    #[expect(clippy::unused_self, reason = "reads like the others")]
    fn spot<'a>(&self, input: &'a mut Vec<u8>, rng: &mut Rng) -> &'a mut u8 {
        if input.is_empty() {
            input.push(b' ');
        }
        let at = rng.usize(..input.len());
        &mut input[at]
    }
}

fn word(rng: &mut Rng) -> &'static str {
    WORDS[rng.usize(..WORDS.len())]
}

fn strange(rng: &mut Rng) -> &'static [u8] {
    STRANGE[rng.usize(..STRANGE.len())]
}

fn insert(input: &mut Vec<u8>, rng: &mut Rng, piece: &[u8]) {
    let at = rng.usize(..=input.len());
    input.splice(at..at, piece.iter().copied());
}

/// A stretch, more often a short one.
fn range(input: &[u8], rng: &mut Rng) -> (usize, usize) {
    let from = rng.usize(..=input.len());
    let longest = if rng.bool() { 8 } else { input.len() };
    let to = (from + rng.usize(..=longest)).min(input.len());
    (from, to)
}

/// A run of characters that belong together.
fn token(input: &[u8], rng: &mut Rng) -> (usize, usize) {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || !byte.is_ascii();
    let at = rng.usize(..=input.len());
    let from = input[..at]
        .iter()
        .rposition(|byte| !part(byte))
        .map_or(0, |end| end + 1);
    let to = input[at..]
        .iter()
        .position(|byte| !part(byte))
        .map_or(input.len(), |end| at + end);
    (from, to)
}

/// `name=value` once more, with another value or the same, for queries, forms and `.env` files.
fn double_parameter(input: &mut Vec<u8>, rng: &mut Rng) {
    let ends = |byte: &u8| matches!(byte, b'&' | b'?' | b'\n' | b'#' | b' ' | b';');
    let at = rng.usize(..=input.len());
    let from = input[..at].iter().rposition(ends).map_or(0, |end| end + 1);
    let to = input[at..].iter().position(ends).map_or(input.len(), |end| at + end);
    let separator = if input.contains(&b'&') || rng.bool() {
        b'&'
    } else {
        b'\n'
    };
    let mut piece = vec![separator];
    piece.extend_from_slice(&input[from..to]);
    if rng.bool() {
        piece.extend_from_slice(word(rng).as_bytes());
    }
    input.splice(to..to, piece);
}

/// One character as a URL, HTML, JSON or a shell writes it.
fn encode(input: &mut Vec<u8>, rng: &mut Rng) {
    if input.is_empty() {
        return;
    }
    let at = rng.usize(..input.len());
    let byte = input[at];
    let text = match rng.u32(..6) {
        0 => format!("%{byte:02X}"),
        1 => format!("%{byte:02x}"),
        2 => format!("&#{byte};"),
        3 => format!("&#x{byte:x};"),
        4 => format!("\\u{byte:04x}"),
        _ => format!("\\x{byte:02x}"),
    };
    input.splice(at..=at, text.into_bytes());
}

fn swap_lines(input: &mut Vec<u8>, rng: &mut Rng) {
    let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let (one, other) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
    lines.swap(one, other);
    *input = lines.join(&b'\n');
}

/// Repeats a piece until the input is long.
fn grow(input: &mut Vec<u8>, rng: &mut Rng, most: usize) {
    let room = most - input.len();
    if rng.bool() && grow_json(input, rng, room) {
        return;
    }
    let (piece, separated) = match rng.u32(..4) {
        0 => (strange(rng).to_vec(), false),
        1 => (word(rng).as_bytes().to_vec(), true),
        _ => {
            let (from, to) = range(input, rng);
            (input[from..to].to_vec(), false)
        }
    };
    let mut long = Vec::with_capacity(room);
    let mut number = 0_u32;
    while long.len() < room {
        long.extend_from_slice(&piece);
        if separated || piece.is_empty() {
            // No two alike: what is compared with each before takes longest then.
            long.extend_from_slice(number.to_string().as_bytes());
            long.push(b' ');
            number += 1;
        }
    }
    insert(input, rng, &long);
}

/// Puts a long list, or many members, before the brace that closes the last object.
fn grow_json(input: &mut Vec<u8>, rng: &mut Rng, room: usize) -> bool {
    let Some(at) = input.iter().rposition(|byte| *byte == b'}') else {
        return false;
    };
    let name = word(rng).escape_default();
    let item = [
        "0",
        "[]",
        "{}",
        "\"\"",
        "null",
        "{\"key\":\"client_id\",\"value\":\"7\"}",
        "#",
    ][rng.usize(..7)];
    let members = rng.bool();
    let mut long = if members {
        String::new()
    } else {
        format!(",\"{name}\":[0")
    };
    let mut number = 0_u32;
    while long.len() + 8 < room {
        long.push(',');
        number += 1;
        if members {
            long.push_str(&["\"", &(number % 70_000).to_string(), "\":"].concat());
        }
        if item == "#" {
            long.push_str(&["\"", &number.to_string(), "\""].concat());
        } else {
            long.push_str(item);
        }
    }
    if !members {
        long.push(']');
    }
    input.splice(at..at, long.into_bytes());
    true
}

/// Changes the first JSON in an input as a tree, that of a JSON Web Token included; false when there is none.
fn change_json(input: &mut Vec<u8>, rng: &mut Rng, most: usize) -> bool {
    let Some(from) = input.iter().position(|byte| matches!(byte, b'{' | b'[')) else {
        return change_jwt(input, rng, most);
    };
    let Some(json) = changed_json(&input[from..], rng, most) else {
        return false;
    };
    input.truncate(from);
    input.extend(json);
    true
}

fn change_jwt(input: &mut Vec<u8>, rng: &mut Rng, most: usize) -> bool {
    if !input.starts_with(b"eyJ") {
        return false;
    }
    let parts: Vec<&[u8]> = input.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return false;
    };
    let Some(json) = URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|json| changed_json(&json, rng, most))
    else {
        return false;
    };
    *input = [*header, URL_SAFE_NO_PAD.encode(json).as_bytes(), *signature].join(&b'.');
    true
}

fn changed_json(json: &[u8], rng: &mut Rng, most: usize) -> Option<Vec<u8>> {
    let mut tree: Plain = serde_json::from_slice(json).ok()?;
    for _ in 0..=rng.u32(..3) {
        let mut place = rng.usize(..count(&tree));
        change_value(nth(&mut tree, &mut place)?, rng, most);
    }
    let mut changed = serde_json::to_vec(&tree).ok()?;
    if rng.u32(..8) == 0 {
        lone_surrogate(&mut changed, rng);
    }
    Some(changed)
}

fn count(value: &Plain) -> usize {
    1 + match value {
        Plain::List(items) => items.iter().map(count).sum(),
        Plain::Object(members) => members.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    }
}

/// The value at a place, counted depth first.
fn nth<'a>(value: &'a mut Plain, place: &mut usize) -> Option<&'a mut Plain> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Plain::List(items) => items.iter_mut().find_map(|item| nth(item, place)),
        Plain::Object(members) => members.iter_mut().find_map(|(_, value)| nth(value, place)),
        _ => None,
    }
}

fn change_value(value: &mut Plain, rng: &mut Rng, most: usize) {
    match (value, rng.u32(..10)) {
        (Plain::Object(members), 0..=6) if !members.is_empty() => {
            let at = rng.usize(..members.len());
            match rng.u32(..6) {
                0 => drop(members.remove(at)),
                1 => {
                    let mut doubled = members[at].clone();
                    if rng.bool() {
                        doubled.1 = any_value(rng);
                    }
                    members.insert(rng.usize(..=members.len()), doubled);
                }
                2 => members[at].0 = word(rng).into(),
                3 => members[at].1 = any_value(rng),
                4 => {
                    let name = word(rng).into();
                    members.push((name, any_value(rng)));
                }
                _ => {
                    let other = rng.usize(..members.len());
                    let taken = members[other].1.clone();
                    members[at].1 = taken;
                }
            }
        }
        (Plain::List(items), 0..=6) if !items.is_empty() => {
            let at = rng.usize(..items.len());
            match rng.u32(..4) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, any_value(rng)),
                2 => {
                    let times = if most > USUAL { 1000 } else { 20 };
                    let item = items[at].clone();
                    let times = rng.usize(..times) / count(&item) + 1;
                    items.extend(std::iter::repeat_n(item, times));
                }
                _ => {
                    let other = rng.usize(..items.len());
                    items.swap(at, other);
                }
            }
        }
        (Plain::Text(text), 0..=7) => change_text(text, rng),
        (Plain::Number(number), 0..=4) => {
            *number = match rng.u32(..5) {
                0 => *number + 1.0,
                1 => *number - 1.0,
                2 => -*number,
                3 => *number * 1000.0,
                _ => *number + 0.5,
            };
        }
        (value, 9) => {
            // Up to what a reader's stack bears, and beyond.
            for _ in 0..rng.u32(1..140) {
                *value = if rng.bool() {
                    Plain::List(vec![value.clone()])
                } else {
                    Plain::Object(vec![(word(rng).into(), value.clone())])
                };
                if rng.u32(..8) == 0 {
                    break;
                }
            }
        }
        (value, _) => *value = any_value(rng),
    }
}

fn change_text(text: &mut String, rng: &mut Rng) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = places[rng.usize(..places.len())];
    match rng.u32(..8) {
        0 => text.clear(),
        1 => text.truncate(at),
        2 | 3 => text.insert_str(at, word(rng)),
        4 => text.insert_str(at, &String::from_utf8_lossy(strange(rng))),
        5 => word(rng).clone_into(text),
        6 => text.insert(at, rng.char(..)),
        _ => *text = text.repeat(rng.usize(..8)),
    }
}

fn any_value(rng: &mut Rng) -> Plain {
    match rng.u32(..9) {
        0 => Plain::Null,
        1 => Plain::Bool(rng.bool()),
        2 => Plain::Text(String::new()),
        3 => Plain::List(Vec::new()),
        4 => Plain::Object(Vec::new()),
        5 => Plain::List(vec![any_value(rng)]),
        6 => Plain::Text(word(rng).to_owned()),
        _ => {
            let number = INTERESTING_NUMBERS[rng.usize(..INTERESTING_NUMBERS.len())];
            Plain::Number(number.parse().unwrap_or(f64::MAX))
        }
    }
}

/// Puts half a pair into a JSON string, which no text can hold.
fn lone_surrogate(json: &mut Vec<u8>, rng: &mut Rng) {
    let quotes: Vec<usize> = (0..json.len()).filter(|at| json[*at] == b'"').collect();
    if !quotes.is_empty() {
        let at = quotes[rng.usize(..quotes.len())] + 1;
        json.splice(at..at, *b"\\ud800");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(seed: u64) -> Vec<Vec<u8>> {
        let corpus = Corpus::new(vec![br#"{"a":[1,{"b":"c"}]}"#.to_vec(), b"x=1&y=2".to_vec()]);
        let mut rng = Rng::with_seed(seed);
        (0..2000).map(|_| corpus.make(&mut rng)).collect()
    }

    #[test]
    fn a_seed_makes_the_same_inputs_and_another_one_others() {
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn inputs_are_json_often_enough_and_broken_often_enough() {
        let made = made(3);
        let json = made
            .iter()
            .filter(|input| serde_json::from_slice::<Plain>(input).is_ok());
        let json = json.count();
        assert!((400..1800).contains(&json), "{json} of {}", made.len());
        let invalid = made.iter().filter(|input| std::str::from_utf8(input).is_err()).count();
        assert!(invalid > 20, "{invalid} are no UTF-8");
        assert!(made.iter().any(|input| input.len() > LONG / 2), "one is long");
    }

    #[test]
    fn what_ended_otherwise_is_kept_once() {
        let mut corpus = Corpus::new(vec![b"a".to_vec()]);
        corpus.learn(b"b", 1);
        corpus.learn(b"c", 1);
        assert_eq!(corpus.found(), 1);
        for outcome in 2..5000 {
            corpus.learn(b"d", outcome);
        }
        assert_eq!(corpus.found(), KNOWN_AT_MOST);
    }
}
