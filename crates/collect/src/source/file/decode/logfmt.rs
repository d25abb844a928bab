//! logfmt: `level=info msg="it is \"done\"" took=3ms`.

use serde_json::{Map, Value};

/// Pairs of one line.
const MOST_PAIRS: usize = 1000;

/// The pairs of a line, all of which must be some: values are texts, quoted ones with the escapes of JSON or Go.
///
/// # Errors
/// What is wrong with it.
pub fn logfmt(text: &str) -> Result<Map<String, Value>, String> {
    let mut map = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if map.len() >= MOST_PAIRS {
            return Err(format!("it has more than {MOST_PAIRS} pairs of logfmt"));
        }
        let end = rest.find(|letter: char| letter == '=' || letter.is_whitespace());
        let Some((key, after)) = end.and_then(|end| rest.split_at_checked(end)) else {
            return Err(no_pair(rest));
        };
        let Some(value) = after.strip_prefix('=').filter(|_| is_key(key)) else {
            return Err(no_pair(key));
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => {
                unquote(quoted).ok_or_else(|| format!("the quote of {key} does not end"))?
            }
            None => {
                let end = value.find(char::is_whitespace).unwrap_or(value.len());
                let (value, after) = value.split_at(end);
                (value.to_owned(), after)
            }
        };
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err(format!("there is something behind the quote of {key}"));
        }
        map.insert(key.to_owned(), value.into());
        rest = after.trim_start();
    }
    if map.is_empty() { Err("it is empty".to_owned()) } else { Ok(map) }
}

fn no_pair(word: &str) -> String {
    let word: String = word.chars().take(40).collect();
    format!("it is no logfmt: {word:?} is no key=value")
}

fn is_key(key: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || "_.-/@:".contains(letter);
    !key.is_empty() && key.chars().all(fits)
}

/// A quoted text after its first quote, and what follows the last.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(place + 1..)?)),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'u' => {
                    let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let code = u32::from_str_radix(&digits, 16).ok();
                    value.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
