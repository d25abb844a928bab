//! Text to tokens.

use std::sync::LazyLock;

use regex::Regex;

use super::error::ParseError;
use super::quoted::unquote;

/// What a token is. Keywords are names here: what a name means depends on where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A metric's name, a label, a function or a keyword.
    Name(String),
    /// A number.
    Number(f64),
    /// A duration in seconds, such as `1h30m`.
    Duration(f64),
    /// A string, already unquoted.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// Whether a character is of Unicode's letters, which names may have without quotes.
fn is_letter(one: char) -> bool {
    static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}$").ok());
    let letter = LETTER.as_ref();
    letter.is_some_and(|letter| letter.is_match(one.encode_utf8(&mut [0; 4])))
}

/// A token and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub token: Token,
    pub at: usize,
}

/// Signs by descending length, so that the longest one wins.
const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "</", ">/", "=~", "!~", "=", "<", ">", "+", "-", "*", "/", "%", "^",
    "(", ")", "{", "}", "[", "]", ",", "@", ":",
];

/// All tokens of a text; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut lexer = Lexer { text, at: 0, open: Vec::new(), ranges: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.next_token()?;
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
    /// Brackets that are open, and where.
    open: Vec<(char, usize)>,
    /// How many of them are square ones.
    ranges: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, at, message)
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let after = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            let after = match after.strip_prefix('#') {
                Some(comment) => &comment[comment.find(['\n', '\r']).unwrap_or(comment.len())..],
                None if after.len() == rest.len() => return,
                None => after,
            };
            self.at = self.text.len() - after.len();
        }
    }

    fn next_token(&mut self) -> Result<Token, ParseError> {
        let Some(first) = self.peek() else { return self.end() };
        let second = self.rest().chars().nth(1).unwrap_or(' ');
        let in_range = self.ranges > 0;
        if first.is_ascii_digit() || (first == '.' && second.is_ascii_digit()) {
            return self.number_or_duration();
        }
        if matches!(first, '"' | '\'' | '`') {
            let (value, length) =
                unquote(self.rest()).map_err(|message| self.error(self.at, message))?;
            self.at += length;
            return Ok(Token::Text(value));
        }
        let in_braces = self.open.last().is_some_and(|(open, _)| *open == '{');
        let colon = !in_range && !in_braces;
        let begins = |one: char| {
            one.is_ascii_alphabetic()
                || one == '_'
                || (colon && one == ':')
                || (!in_range && !one.is_ascii() && is_letter(one))
        };
        if begins(first) {
            let name = |one: char| begins(one) || one.is_ascii_digit() || (!in_range && one == '.');
            let rest = self.rest();
            let length = rest.find(|one| !name(one)).unwrap_or(rest.len());
            let found = rest[..length].to_owned();
            self.at += length;
            return Ok(Token::Name(found));
        }
        let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) else {
            let message = match in_braces {
                true => format!("unexpected character inside braces: {first:?}"),
                false => format!("unexpected character: {first:?}"),
            };
            return Err(self.error(self.at, message));
        };
        self.bracket(first)?;
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    /// Keeps the book of open brackets.
    fn bracket(&mut self, sign: char) -> Result<(), ParseError> {
        let wanted = match sign {
            '(' | '[' | '{' => {
                self.ranges += usize::from(sign == '[');
                self.open.push((sign, self.at));
                return Ok(());
            }
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => return Ok(()),
        };
        self.ranges = self.ranges.saturating_sub(usize::from(sign == ']'));
        if self.open.pop().is_some_and(|(open, _)| open == wanted) {
            return Ok(());
        }
        let name = match sign {
            ')' => "right parenthesis",
            ']' => "right bracket",
            _ => "right brace",
        };
        Err(self.error(self.at, format!("unexpected {name} {sign:?}")))
    }

    fn end(&self) -> Result<Token, ParseError> {
        let message = match self.open.last() {
            None => return Ok(Token::End),
            Some(('(', _)) => "unclosed left parenthesis",
            Some(('[', _)) => "unclosed left bracket",
            Some(_) => "unexpected end of input inside braces",
        };
        Err(self.error(self.text.len(), message))
    }

    fn number_or_duration(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let rest = self.rest();
        let bytes = rest.as_bytes();
        // A sign belongs to the number after the `e` of an exponent only.
        let hex = rest.starts_with("0x") || rest.starts_with("0X");
        let mut length = 0;
        while let Some(byte) = bytes.get(length) {
            let exponent = !hex && length > 0 && matches!(bytes[length - 1], b'e' | b'E');
            let part = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            let sign = exponent && matches!(byte, b'+' | b'-');
            if !part && !sign {
                break;
            }
            length += 1;
        }
        let word = &rest[..length];
        let token = match super::number::number(word) {
            Some(value) => Token::Number(value),
            None => match super::number::duration(word) {
                Ok(seconds) => Token::Duration(seconds),
                Err(message) => return Err(self.error(start, message)),
            },
        };
        self.at += length;
        Ok(token)
    }
}
