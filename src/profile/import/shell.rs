//! The words of a command line, as a POSIX shell and bash read them.

use super::pairs::EXPANSION;

/// Why a command line has no words.
pub(super) enum Unread {
    /// A quote that is never closed.
    Unclosed,
    /// More than [`MAX_WORDS`].
    TooManyWords,
}

/// The most words. One takes many times the room of its letters, so that the size of a text is no limit.
const MAX_WORDS: usize = 20_000;

/// Commands in their words. What the shell would fill in is an [`EXPANSION`]. A text that can't be read ends with the command
/// in which that shows.
pub(super) fn commands(text: &str) -> (Vec<Vec<String>>, Option<Unread>) {
    let mut reader = Reader {
        rest: text,
        commands: vec![Vec::new()],
        word: None,
        words: 0,
    };
    let unread = reader.read().err();
    (reader.commands, unread)
}

struct Reader<'a> {
    rest: &'a str,
    commands: Vec<Vec<String>>,
    word: Option<String>,
    /// How many were read.
    words: usize,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Unread> {
        while let Some(c) = self.next() {
            self.take(c)?;
        }
        self.end_command()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn skip(&mut self, beginning: &str) -> bool {
        let rest = self.rest.strip_prefix(beginning);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) -> Result<(), Unread> {
        if let (Some(word), Some(command)) = (self.word.take(), self.commands.last_mut()) {
            self.words += 1;
            if self.words > MAX_WORDS {
                return Err(Unread::TooManyWords);
            }
            command.push(word);
        }
        Ok(())
    }

    fn end_command(&mut self) -> Result<(), Unread> {
        self.end_word()?;
        if self.commands.last().is_some_and(|command| !command.is_empty()) {
            self.commands.push(Vec::new());
        }
        Ok(())
    }

    fn take(&mut self, c: char) -> Result<(), Unread> {
        match c {
            // An address that somebody forgot to quote: a shell would cut it, the person did not mean it.
            '&' if self.word.is_some() && !self.rest.starts_with(['&', ' ', '\n']) => self.push(c),
            '\n' | ';' | '|' | '&' => self.end_command()?,
            _ if c.is_whitespace() => self.end_word()?,
            '#' if self.word.is_none() => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            }
            // A line goes on below: in a POSIX shell, in PowerShell, in cmd.
            '\\' | '`' | '^' if self.skip("\n") || self.skip("\r\n") => {}
            '\\' => {
                let next = self.next().unwrap_or('\\');
                self.push(next);
            }
            '\'' => self.until('\'', |_, _| Ok(false))?,
            '"' => self.until('"', Self::in_double)?,
            '$' if self.skip("'") => self.until('\'', Self::in_ansi)?,
            '$' if self.skip("\"") => self.until('"', Self::in_double)?,
            '$' | '`' => self.expansion(c)?,
            _ => self.push(c),
        }
        Ok(())
    }

    /// Everything up to a quote; `special` takes a character that means something there.
    fn until(&mut self, quote: char, special: fn(&mut Self, char) -> Result<bool, Unread>) -> Result<(), Unread> {
        self.word.get_or_insert_default();
        loop {
            match self.next().ok_or(Unread::Unclosed)? {
                c if c == quote => return Ok(()),
                c if special(self, c)? => {}
                c => self.push(c),
            }
        }
    }

    fn in_double(&mut self, c: char) -> Result<bool, Unread> {
        match c {
            '\\' => {
                if self.skip("\n") || self.skip("\r\n") {
                    return Ok(true);
                }
                let own = self.rest.starts_with(['\\', '"', '$', '`']);
                let next = if own { self.next() } else { None };
                self.push(next.unwrap_or('\\'));
                Ok(true)
            }
            '$' | '`' => self.expansion(c).map(|()| true),
            _ => Ok(false),
        }
    }

    /// `$'…'` of bash.
    fn in_ansi(&mut self, c: char) -> Result<bool, Unread> {
        if c != '\\' {
            return Ok(false);
        }
        let c = self.next().ok_or(Unread::Unclosed)?;
        let (radix, most) = match c {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => (8, 3),
            _ => (0, 0),
        };
        if most > 0 {
            let mut code = if radix == 8 { c.to_digit(8) } else { None };
            for _ in code.map_or(0, |_| 1)..most {
                let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(radix)) else {
                    break;
                };
                self.next();
                code = Some(code.unwrap_or(0).saturating_mul(radix).saturating_add(digit));
            }
            let code = code.and_then(char::from_u32);
            self.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            return Ok(true);
        }
        let control = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'e' | 'E' => '\u{1B}',
            'f' => '\u{C}',
            'v' => '\u{B}',
            '\\' | '\'' | '"' | '?' => c,
            other => {
                self.push('\\');
                other
            }
        };
        self.push(control);
        Ok(true)
    }

    /// `$name`, `${…}`, `$(…)` or `` `…` ``: unknown here.
    fn expansion(&mut self, c: char) -> Result<(), Unread> {
        let closes = match (c, self.rest.chars().next()) {
            ('`', _) => Some('`'),
            (_, Some('{')) => Some('}'),
            (_, Some('(')) => Some(')'),
            _ => None,
        };
        if let Some(closes) = closes {
            let end = self.rest.find(closes).ok_or(Unread::Unclosed)?;
            self.rest = &self.rest[end + 1..];
        } else {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
            if end == 0 {
                self.push('$');
                return Ok(());
            }
            self.rest = &self.rest[end..];
        }
        self.push(EXPANSION);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let (all, _) = commands(text);
        let words = all.into_iter().flatten();
        words.map(|word| word.replace(EXPANSION, "[?]")).collect()
    }

    #[test]
    fn words_and_quotes() {
        for (text, expected) in [
            ("curl -d 'a b' \"c d\" e\\ f", &["curl", "-d", "a b", "c d", "e f"][..]),
            ("'it'\\''s' ''", &["it's", ""]),
            ("\"a\\\"b\\\\c\\$d\\`e\\f\"", &["a\"b\\c$d`e\\f"]),
            ("a\\\nb \\\r\n c", &["ab", "c"]),
            ("\"a\\\nb\"", &["ab"]),
            ("a `\n b `\r\n c^\nd ^\r\n e^f", &["a", "b", "cd", "e^f"]),
            ("$'a\\n\\'\\x41\\u00e9\\101\\q'", &["a\n'A\u{e9}A\\q"]),
            ("$'\\xZ\\u'", &["\u{fffd}Z\u{fffd}"]),
            ("a # b\nc#d", &["a", "c#d"]),
            ("a;b|c&&d & e", &["a", "b", "c", "d", "e"]),
            ("https://x/?a=1&b=2", &["https://x/?a=1&b=2"]),
            (
                "$A ${B}c \"$(d e)\" `f g` '$H' $ \"$\"",
                &["[?]", "[?]c", "[?]", "[?]", "$H", "$", "$"],
            ),
            ("", &[]),
            ("\\", &["\\"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn quotes_that_stay_open() {
        for text in ["'", "a \"b", "$'a\\'", "${a", "`a", "\"a\\\""] {
            assert!(matches!(commands(text), (_, Some(Unread::Unclosed))), "{text}");
        }
    }

    #[test]
    fn so_many_words_are_read() {
        let text = "a ".repeat(MAX_WORDS);
        assert_eq!(words(&text).len(), MAX_WORDS);
        for more in ["b", "b ", ";b\n", "''"] {
            let text = [text.as_str(), more].concat();
            assert!(matches!(commands(&text), (_, Some(Unread::TooManyWords))), "{more}");
        }
    }
}
