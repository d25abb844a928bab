//! `key=value` pairs.

use std::borrow::Cow;
use std::ops::Range;

/// One pair, or what is wrong with it.
pub(crate) type Pair<'a> = Result<(&'a str, Cow<'a, str>), String>;

/// The pairs of a line, one after the other; a malformed one is told, and the next begins after the next blank.
pub(crate) struct Pairs<'a> {
    line: &'a str,
    at: usize,
}

/// Where the pairs of a line are whose keys are wanted; they are read alike where they stand alone, and so are those of all lines that
/// have something else than this one within runs of letters and digits.
pub(crate) fn places(line: &str, wanted: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let (mut pairs, mut found) = (Pairs::new(line), Vec::new());
    loop {
        pairs.until(|byte| byte > b' ');
        let start = pairs.at;
        let Some(pair) = pairs.next() else { return found };
        if line[start..pairs.at].contains('\\') {
            // What follows a backslash decides whether a quotation is one, and what comes right behind it another pair.
            pairs.until(|byte| byte <= b' ');
            found.push(start..pairs.at);
        } else if pair.is_ok_and(|(key, _)| wanted(key)) {
            found.push(start..pairs.at);
        }
    }
}

impl<'a> Pairs<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        &self.line.as_bytes()[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().first().copied()
    }

    /// Goes to the first byte that is one of these; to the end where none is.
    fn until(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = self.bytes();
        self.at += rest.iter().position(|byte| wanted(*byte)).unwrap_or(rest.len());
    }

    fn wrong(&mut self, why: &str) -> Pair<'a> {
        let place = self.at + 1;
        self.until(|byte| byte <= b' ');
        Err(format!("logfmt syntax error at pos {place} : {why}"))
    }

    fn unexpected(&mut self, byte: u8) -> Pair<'a> {
        self.wrong(&format!("unexpected '{}'", byte as char))
    }

    fn quoted(&mut self, key: &'a str) -> Pair<'a> {
        let start = self.at;
        let bytes = self.line.as_bytes();
        let mut escaped = false;
        let mut place = start + 1;
        loop {
            match bytes.get(place) {
                None => {
                    self.at = bytes.len();
                    return self.wrong("unterminated quoted value");
                }
                Some(b'\\') => {
                    escaped = true;
                    place += 1;
                }
                Some(b'"') => break,
                Some(_) => {}
            }
            place += 1;
        }
        self.at = place + 1;
        let inside = &self.line[start + 1..place];
        if !escaped {
            return Ok((key, Cow::Borrowed(inside)));
        }
        // Control characters may stand there as they are.
        let plain = |one: char| {
            if one.is_control() { format!("\\u{:04x}", one as u32) } else { one.to_string() }
        };
        let inside: String = inside.chars().map(plain).collect();
        match serde_json::from_str::<String>(&format!("\"{inside}\"")) {
            Ok(value) => Ok((key, Cow::Owned(value))),
            Err(_) => self.wrong("invalid quoted value"),
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        self.until(|byte| byte > b' ');
        let start = self.at;
        self.peek()?;
        self.until(|byte| byte <= b' ' || matches!(byte, b'=' | b'"'));
        let key = &self.line[start..self.at];
        match self.peek() {
            Some(b'"') => return Some(self.unexpected(b'"')),
            Some(b'=') if key.is_empty() => return Some(self.unexpected(b'=')),
            Some(b'=') => self.at += 1,
            _ => return Some(Ok((key, Cow::Borrowed("")))),
        }
        match self.peek() {
            Some(b'"') => return Some(self.quoted(key)),
            Some(byte) if byte > b' ' => {}
            _ => return Some(Ok((key, Cow::Borrowed("")))),
        }
        let start = self.at;
        self.until(|byte| byte <= b' ' || matches!(byte, b'=' | b'"'));
        match self.peek() {
            Some(byte @ (b'=' | b'"')) => Some(self.unexpected(byte)),
            _ => Some(Ok((key, Cow::Borrowed(&self.line[start..self.at])))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_what_is_none() {
        let line = r#"a=1 b="x \"y\" é" c= d e=f=g "h" =i j=k"l m="n"#;
        let found: Vec<_> = Pairs::new(line)
            .map(|pair| pair.map(|(key, value)| format!("{key}:{value}")).unwrap_or_default())
            .collect();
        assert_eq!(found, ["a:1", "b:x \"y\" é", "c:", "d:", "", "", "", "", ""]);
        let wrong = Pairs::new("a=b=c").next().unwrap().unwrap_err();
        assert_eq!(wrong, "logfmt syntax error at pos 4 : unexpected '='");
    }
}
