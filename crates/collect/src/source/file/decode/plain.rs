//! The level in a line of text.

use vigie_model::Level;

/// In so many bytes at the beginning a level is looked for: further on the word is part of what is said.
const WITHIN: usize = 160;

/// The word of a line that is its level: in capitals, in brackets, or before a colon. Words within sentences are none.
pub fn level_word(text: &str) -> Option<&str> {
    let end = text.char_indices().map(|(place, _)| place).find(|place| *place >= WITHIN);
    let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let mut from = 0;
    while let Some((start, word)) = next_word(text, from) {
        from = start + word.len();
        // `t`, `i` and `log` are too common to mean a level.
        if word.len() < 3 || word.len() > 13 || word.eq_ignore_ascii_case("log") {
            continue;
        }
        if Level::from_word(word) == Level::Unknown || word.eq_ignore_ascii_case("config") {
            continue;
        }
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let after = text.get(from..).and_then(|after| after.chars().next());
        let capital = word.chars().all(|letter| letter.is_ascii_uppercase());
        let bracketed =
            matches!((before, after), (Some('[' | '<' | '('), Some(']' | '>' | ')' | ':')));
        let announced = after == Some(':') && before.is_none_or(char::is_whitespace);
        let assigned = before == Some('=');
        if capital || bracketed || announced || assigned {
            return Some(word);
        }
    }
    None
}

fn next_word(text: &str, from: usize) -> Option<(usize, &str)> {
    let rest = text.get(from..)?;
    let start = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
    let word = rest.get(start..)?;
    let end = word.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(word.len());
    Some((from + start, word.get(..end)?))
}
