//! How hard a passphrase is to guess, in bits, by a cautious estimate.
//!
//! The estimator that everybody knows, zxcvbn, is 2 MB of WebAssembly, five times the whole package. This one knows what
//! guessers try first: common passwords also in disguise, repetitions, rows of keys and numbers, years, and that words are
//! far fewer than letters. It errs on the low side: a word that it does not know is worth what a list of some ten thousand is.

/// How a new passphrase is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Not accepted.
    Weak,
    /// Months of guessing on many machines: Argon2id makes each guess slow.
    Good,
    /// Beyond guessing.
    Strong,
}

/// The least that is accepted. With Argon2id at 64 MiB a machine for this tries some thousand a second: a thousand years.
const ACCEPTED_BITS: u32 = 45;
const STRONG_BITS: u32 = 65;

/// Judges a passphrase.
#[must_use]
pub fn strength(text: &str) -> Strength {
    match bits(text) {
        STRONG_BITS.. => Strength::Strong,
        ACCEPTED_BITS.. => Strength::Good,
        _ => Strength::Weak,
    }
}

impl Strength {
    /// As a key for the texts.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Good => "good",
            Self::Strong => "strong",
        }
    }
}

/// Rows that fingers follow, in either direction.
const ROWS: [&str; 6] = [
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
];

/// What most guessers try first, in small letters. Longer ones stand before those that they begin with.
const COMMON: &str = "password passwort passphrase passw0rd letmein welcome dragon monkey football baseball superman batman \
    iloveyou princess sunshine trustno master shadow michael jennifer jordan charlie qwerty azerty qwertz admin login secret \
    access google linkedin facebook tokenkeep chrome firefox oauth token backup summer winter spring autumn hello freedom \
    whatever starwars computer internet changeme default guest root test user pass love money ninja mustang flower cheese \
    january february march april june july august september october november december monday friday sunday";

/// Bits for one of [`COMMON`].
const COMMON_BITS: u32 = 7;
/// Bits for what follows from what stands before it.
const FOLLOWS_BITS: u32 = 1;

/// The estimate.
fn bits(text: &str) -> u32 {
    let letters: Vec<char> = text.chars().collect();
    let small: Vec<char> = letters.iter().map(|letter| plain(*letter)).collect();
    let mut bits = 0;
    let mut place = 0;
    while place < letters.len() {
        let (length, cost) = next(&letters, &small, place);
        bits += cost;
        place += length;
    }
    bits
}

/// Without case and without the disguises that everybody uses.
fn plain(letter: char) -> char {
    match letter.to_ascii_lowercase() {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// The piece that begins here, by what explains most of it: its length and its bits.
fn next(letters: &[char], small: &[char], place: usize) -> (usize, u32) {
    let rest = &letters[place..];
    let repeated = repeated(small, place);
    if repeated >= 3 {
        // Which earlier piece, and how much of it.
        return (repeated, 4);
    }
    for word in COMMON.split_whitespace() {
        let length = word.chars().count();
        let disguised = |at: usize| small.get(place + at).copied();
        if word
            .chars()
            .map(plain)
            .enumerate()
            .all(|(at, letter)| disguised(at) == Some(letter))
        {
            return (length, COMMON_BITS + capitals(&rest[..length]));
        }
    }
    let row = row(rest);
    if row >= 3 {
        return (row, 5 + FOLLOWS_BITS);
    }
    if year(rest) {
        return (4, 6);
    }
    if rest[0].is_ascii_digit() {
        return (1, 3);
    }
    let word = rest.iter().take_while(|letter| letter.is_alphabetic()).count();
    if word > 0 {
        // Not into a common word, a row or a repetition that begins in the middle.
        return word_piece(letters, small, place, word);
    }
    if matches!(rest[0], ' ' | '-' | '_' | '.' | ',') {
        return (1, FOLLOWS_BITS);
    }
    (1, 5)
}

/// How many characters from here on stand earlier in the same order, or repeat the one before.
fn repeated(small: &[char], place: usize) -> usize {
    let mut most = 0;
    for earlier in 0..place {
        let same = small[earlier..]
            .iter()
            .zip(&small[place..])
            .take_while(|(one, other)| one == other)
            .count();
        most = most.max(same);
    }
    most
}

/// How far a row of keys, letters or numbers goes from here.
fn row(rest: &[char]) -> usize {
    let mut most = 1;
    for row in ROWS {
        let at = |letter: char| row.chars().position(|other| other == letter.to_ascii_lowercase());
        for forward in [true, false] {
            let mut length = 1;
            while length < rest.len() {
                let (Some(before), Some(after)) = (at(rest[length - 1]), at(rest[length])) else {
                    break;
                };
                if (forward && after != before + 1) || (!forward && before != after + 1) {
                    break;
                }
                length += 1;
            }
            most = most.max(length);
        }
    }
    most
}

fn year(rest: &[char]) -> bool {
    matches!(rest, ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// Letters up to something that the guessers know. What can be spoken is taken for a word, all else for letters at random.
fn word_piece(letters: &[char], small: &[char], place: usize, word: usize) -> (usize, u32) {
    let ends = |at: usize| {
        let here = &small[place + at..];
        let common = COMMON
            .split_whitespace()
            .filter(|word| word.len() >= 4)
            .any(|word| here.len() >= word.len() && word.chars().zip(here).all(|(one, other)| one == *other));
        common || row(&letters[place + at..]) >= 4 || repeated(small, place + at) >= 4
    };
    let length = (1..word).find(|at| ends(*at)).unwrap_or(word);
    let piece = &letters[place..place + length];
    let count = u32::try_from(length).unwrap_or(u32::MAX);
    let cost = if spoken(&small[place..place + length]) {
        // Each seven letters are one word of a long list; a longer one is somewhat rarer.
        7 * count.div_ceil(7) + count
    } else {
        4 * count
    };
    (length, cost.min(5 * count) + capitals(piece))
}

/// Whether there are vowels, and never four consonants or three vowels in a row.
fn spoken(piece: &[char]) -> bool {
    let (mut vowels, mut consonants, mut any) = (0, 0, false);
    for letter in piece {
        // Another alphabet is taken for words.
        let vowel = !letter.is_ascii() || matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        (vowels, consonants) = if vowel { (vowels + 1, 0) } else { (0, consonants + 1) };
        any |= vowel;
        if (letter.is_ascii() && vowels > 2) || consonants > 3 {
            return false;
        }
    }
    any
}

/// One bit for a capital at the beginning or for all of them; one for each change otherwise.
fn capitals(piece: &[char]) -> u32 {
    let changes = piece
        .windows(2)
        .filter(|pair| pair[0].is_uppercase() != pair[1].is_uppercase())
        .count();
    let first = u32::from(piece.first().is_some_and(|letter| letter.is_uppercase()));
    first + u32::try_from(changes).unwrap_or(0).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guessers_try_is_weak() {
        for text in [
            "",
            "123456789012",
            "111111111111111111111111",
            "abababababababababababab",
            "abcdefghijklmnopqrstuvwxyz",
            "qwertyuiopasdfghjklzxcvbnm",
            "PoiuytrewqLkjhgfdsa",
            "passwordpassword",
            "P@ssw0rd2026!!",
            "Tr0ub4dor&3",
            "LinkedInPassword1!",
            "Summer2026Winter2025",
            "31.12.1999 01.01.2000",
            "iloveyouiloveyou",
            "correct horse",
            "letmeinletmeinplease",
            "correctcorrectcorrectcorrect",
        ] {
            assert_eq!(strength(text), Strength::Weak, "{text}: {} bits", bits(text));
        }
    }

    #[test]
    fn four_words_or_a_dozen_random_characters_are_good() {
        for text in [
            "correct horse battery staple",
            "tundra-velvet-okapi-lantern",
            "Kiefer Nebel Anker Zitrone",
            "k7wdm3qx9fzt",
            "8tQz!mV2rK#p",
        ] {
            assert_ne!(strength(text), Strength::Weak, "{text}: {} bits", bits(text));
        }
        for text in [
            "tundra velvet okapi lantern gravel mosaic",
            "qzmkvhwpxtjrbnlgcdfs",
            "k7wd-m3qx-9fzt-h2vr-8pnc",
        ] {
            assert_eq!(strength(text), Strength::Strong, "{text}: {} bits", bits(text));
        }
    }

    #[test]
    fn each_rule_counts_what_it_says() {
        for (text, expected) in [
            // letters at random: four bits each; what can be spoken: a word of a long list for each seven, and never five bits a letter
            ("k", 4),
            ("kq", 8),
            ("kqx", 12),
            ("krtpl", 20),
            ("strakal", 14),
            ("strkal", 24),
            ("strtkal", 28),
            ("ka", 9),
            ("katori", 13),
            ("katorim", 14),
            ("katorimo", 22),
            ("katorimokatu", 26),
            ("kaak", 11),
            ("kaaak", 20),
            // capitals
            ("KATORI", 14),
            ("Katori", 14),
            ("KAtori", 14),
            ("kaTori", 15),
            ("kaToRi", 17),
            // rows of keys, letters and numbers, either way
            ("ab", 9),
            ("abc", 6),
            ("abcd", 6),
            ("ABCd", 6),
            ("cba", 6),
            ("dcba", 6),
            ("xabcd", 10),
            ("katabc", 13),
            ("katabcd", 16),
            ("qwe", 6),
            ("rewq", 6),
            ("lkj", 6),
            ("0123", 6),
            ("7890", 6),
            ("0987", 6),
            ("987", 6),
            ("98", 6),
            ("12", 6),
            // numbers and years
            ("1", 3),
            ("1999", 6),
            ("2026", 6),
            ("1826", 12),
            ("2126", 12),
            ("19a9", 14),
            ("199a", 14),
            ("202x", 13),
            // common words, in disguise as well, and up to one in the middle
            ("password", 7),
            ("Password", 8),
            ("PASSWORD", 8),
            ("pAssword", 9),
            ("p@$$w0rd", 7),
            ("passw0rd", 7),
            ("m0ntag", 18),
            ("l3tm31n", 7),
            ("7est", 7),
            ("!n7ern37", 7),
            ("katpass", 17),
            ("katlove", 17),
            ("katlov", 13),
            // what stands between words, and other signs
            ("kat-dog", 21),
            ("kat dog", 21),
            ("kat_dog", 21),
            ("kat.dog", 21),
            ("kat,dog", 21),
            ("kat#dog", 25),
            ("#", 5),
            ("##", 10),
            // what stood there before
            ("#a#a#a", 14),
            ("xyxyx", 12),
            ("kokoko", 13),
            ("katkat", 13),
            ("katkatkat", 14),
            ("katlkatl", 15),
            // other alphabets
            ("é", 5),
            ("éà", 9),
            ("日本語", 10),
            ("日本語学校会議室", 22),
            ("Éa", 10),
        ] {
            assert_eq!(bits(text), expected, "{text}");
        }
    }

    #[test]
    fn the_bounds_belong_to_the_better() {
        for (text, expected, judged) in [
            ("#%&*+/=?k", 44, Strength::Weak),
            ("#%&*+/=?^", 45, Strength::Good),
            ("#%&*+/=?^~|<k", 64, Strength::Good),
            ("#%&*+/=?^~|<>", 65, Strength::Strong),
        ] {
            assert_eq!((bits(text), strength(text)), (expected, judged), "{text}");
        }
        let codes = [Strength::Weak, Strength::Good, Strength::Strong].map(Strength::code);
        assert_eq!(codes, ["weak", "good", "strong"]);
    }

    #[test]
    fn a_longer_one_is_never_weaker_by_much_and_any_text_is_judged() {
        let mut text = String::new();
        for letter in "a1 Ä\u{1f680}日本\u{0}\u{202e}zzzz--99".chars() {
            let before = bits(&text);
            text.push(letter);
            assert!(bits(&text) + 8 > before, "{text:?}");
        }
    }
}
