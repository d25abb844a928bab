//! Text to tokens.

use super::error::ParseError;
use super::units;
use crate::promql::quoted::unquote;

/// What a token is. Keywords are names here: what a name means depends on where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A label, a function or a keyword.
    Name(String),
    /// A number, as it was written.
    Number(String),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A size in bytes.
    Bytes(u64),
    /// A range such as `[5m]`, in nanoseconds.
    Range(i64),
    /// A string, already unquoted.
    Text(String),
    /// `--strict` or `--keep-empty`.
    Flag(&'static str),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// A token and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub token: Token,
    pub at: usize,
}

const FLAGS: [&str; 2] = ["--strict", "--keep-empty"];

/// Signs by descending length, so that the longest one wins.
const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "=~", "!~", "!>", "|=", "|~", "|>", "=", "<", ">", "+", "-", "*", "/",
    "%", "^", "(", ")", "{", "}", ",", "|", ".",
];

/// All tokens of a text; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.next_token().map_err(|message| ParseError::at(text, at, message))?;
        let end = token == Token::End;
        found.push(Placed { token, at });
        if end {
            return Ok(found);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let after = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            let after = match after.strip_prefix('#') {
                Some(comment) => &comment[comment.find('\n').unwrap_or(comment.len())..],
                None if after.len() == rest.len() => return,
                None => after,
            };
            self.at = self.text.len() - after.len();
        }
    }

    fn next_token(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        let second = rest[first.len_utf8()..].chars().next().unwrap_or(' ');
        if first.is_ascii_digit() || (first == '.' && second.is_ascii_digit()) {
            return self.quantity();
        }
        match first {
            '"' | '`' => {
                let (value, length) = unquote(rest)?;
                self.at += length;
                return Ok(Token::Text(value));
            }
            '[' => return self.range(),
            '-' => {
                if let Some(token) = self.after_minus() {
                    return Ok(token);
                }
            }
            _ => {}
        }
        if first.is_alphabetic() || first == '_' {
            let part = |one: char| one.is_alphanumeric() || one == '_';
            let length = rest.find(|one| !part(one)).unwrap_or(rest.len());
            self.at += length;
            return Ok(Token::Name(rest[..length].to_owned()));
        }
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let sign = sign.ok_or_else(|| format!("syntax error: unexpected character {first:?}"))?;
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    /// A flag or a negative duration.
    fn after_minus(&mut self) -> Option<Token> {
        let rest = self.rest();
        let word = rest.find(|one: char| !one.is_alphabetic() && one != '-').unwrap_or(rest.len());
        if let Some(flag) = FLAGS.iter().find(|flag| **flag == &rest[..word]) {
            self.at += word;
            return Some(Token::Flag(flag));
        }
        let length = 1 + word_length(&rest[1..]);
        let nanos = units::duration(&rest[..length])
            .ok()
            .or_else(|| units::prometheus_duration(&rest[1..length]).map(|nanos| -nanos));
        // `-0` is a number.
        let nanos = nanos.filter(|_| rest[..length].ends_with(char::is_alphabetic))?;
        self.at += length;
        Some(Token::Duration(nanos))
    }

    /// The text between square brackets: a duration.
    fn range(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let end = rest.find(']').ok_or("missing closing ']' in duration")?;
        let written = &rest[1..end];
        let nanos = units::prometheus_duration(written).ok_or_else(|| {
            if written.is_empty() {
                "empty duration string".to_owned()
            } else {
                format!("not a valid duration string: {written:?}")
            }
        })?;
        self.at += end + 1;
        Ok(Token::Range(nanos))
    }

    /// A number, a duration or a size.
    fn quantity(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let length = word_length(rest);
        let word = &rest[..length];
        let plain = number_length(word);
        let token = if plain == length {
            Token::Number(word.to_owned())
        } else if let Some(nanos) = units::query_duration(word) {
            Token::Duration(nanos)
        } else if let Some(size) = units::bytes(word).ok().filter(|_| word.chars().all(of_size)) {
            Token::Bytes(size)
        } else {
            return Err(format!("syntax error: {word:?} is no number, duration or size"));
        };
        self.at += length;
        Ok(token)
    }
}

/// Whether a size may be written with it: within a query units are told by their case.
fn of_size(one: char) -> bool {
    one.is_ascii_digit() || matches!(one, '.' | 'B' | 'i' | 'k' | 'K' | 'M' | 'G' | 'T' | 'P')
}

/// How long the word of digits, letters and points is that a text begins with, with the sign of an exponent.
fn word_length(text: &str) -> usize {
    let number = number_length(text);
    let more = text[number..].find(|one: char| !one.is_alphanumeric() && one != '.');
    number + more.unwrap_or(text.len() - number)
}

/// How long the number is that a text begins with.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    if text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) {
        return 2 + bytes.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
    }
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_signs_and_quantities() {
        let text = "{a=\"b\"} |= `c` | x >= 1.5KiB # why\n --strict -5m [1d] 1e3";
        let found: Vec<Token> =
            tokens(text).unwrap().into_iter().map(|placed| placed.token).collect();
        assert_eq!(
            found,
            [
                Token::Sign("{"),
                Token::Name("a".to_owned()),
                Token::Sign("="),
                Token::Text("b".to_owned()),
                Token::Sign("}"),
                Token::Sign("|="),
                Token::Text("c".to_owned()),
                Token::Sign("|"),
                Token::Name("x".to_owned()),
                Token::Sign(">="),
                Token::Bytes(1_536),
                Token::Flag("--strict"),
                Token::Duration(-300_000_000_000),
                Token::Range(86_400_000_000_000),
                Token::Number("1e3".to_owned()),
                Token::End,
            ]
        );
    }

    #[test]
    fn what_is_no_token_says_where() {
        for text in ["{a=\"", "[5m", "[x]", "5xyz", "$", "'a'"] {
            assert!(tokens(text).is_err(), "{text}");
        }
        let error = tokens("a\n  ?").unwrap_err();
        assert_eq!((error.line, error.column), (2, 3));
    }
}
