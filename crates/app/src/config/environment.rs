//! `${NAME}` within double quotes. Within plain text the YAML library fills it in, and within single quotes nobody does.

use std::collections::HashMap;
use std::fmt::Write;

/// Where a scan of the text is.
enum Place {
    Plain,
    Comment,
    Single,
    Double,
}

/// Fills in each `${NAME}` within double quotes, as that text and nothing else: no value becomes syntax.
///
/// # Errors
/// The line, from 1, of a name that is not in `environment`, and what to do.
pub(super) fn fill_quoted(
    text: &str,
    environment: &HashMap<String, String>,
) -> Result<String, (usize, String)> {
    let mut out = String::with_capacity(text.len());
    let (mut place, mut line) = (Place::Plain, 1);
    // The last character of the line that is no blank, and the last one.
    let (mut before, mut last) = ('\n', '\n');
    let mut rest = text;
    while let Some(one) = rest.chars().next() {
        let begins = matches!(before, '\n' | ':' | '-' | '[' | '{' | ',' | '?');
        let mut taken = one.len_utf8();
        match (&place, one) {
            (Place::Plain, '"') if begins => place = Place::Double,
            (Place::Plain, '\'') if begins => place = Place::Single,
            (Place::Plain, '#') if last.is_whitespace() => place = Place::Comment,
            (Place::Comment, '\n') | (Place::Double, '"') | (Place::Single, '\'') => {
                place = Place::Plain;
            }
            (Place::Double, '\\') => {
                taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
            }
            (Place::Double, '$') => {
                if let Some(name) = named(rest) {
                    let value = environment.get(name).ok_or_else(|| (line, unset(name)))?;
                    push_escaped(&mut out, value);
                    rest = &rest["${}".len() + name.len()..];
                    continue;
                }
            }
            _ => {}
        }
        if one == '\n' {
            line += 1;
        }
        if !one.is_whitespace() || one == '\n' {
            before = one;
        }
        last = one;
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Ok(out)
}

/// What is said of a name that nothing is known of.
pub(super) fn unset(name: &str) -> String {
    format!("the environment variable {name} is not set; ${{{name}}} stands for its value")
}

/// The name at the beginning of a text, if it begins with `${NAME}`.
fn named(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.split('}').next()?;
    let known = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let ends = text.as_bytes().get(2 + name.len()) == Some(&b'}');
    (ends && !name.is_empty() && name.chars().all(known)).then_some(name)
}

/// Adds a value as it stands within double quotes.
fn push_escaped(out: &mut String, value: &str) {
    for one in value.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            one if one.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(one));
            }
            one => out.push(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, (usize, String)> {
        let values = [("A", "x"), ("ODD", "q\": \\ #\n[")];
        let pairs = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        fill_quoted(text, &pairs.into())
    }

    #[test]
    fn values_are_filled_in_within_double_quotes_only() {
        for (text, expected) in [
            ("a: \"${A}\"", "a: \"x\""),
            ("a: \"Bearer ${A}, ${A}\"", "a: \"Bearer x, x\""),
            ("{a: \"${A}\", b: [\"${A}\"]}", "{a: \"x\", b: [\"x\"]}"),
            ("- \"${ODD}\"", "- \"q\\\": \\\\ #\\u000a[\""),
            ("a: ${A}", "a: ${A}"),
            ("a: '\"${A}\"'", "a: '\"${A}\"'"),
            ("a: it's \"${A}\"", "a: it's \"${A}\""),
            ("a: 1 # \"${A}\"\nb: \"${A}\"", "a: 1 # \"${A}\"\nb: \"x\""),
            ("a: \"\\\"${A}\"", "a: \"\\\"x\""),
            ("a: \"$A ${} ${A ${a-b}\"", "a: \"$A ${} ${A ${a-b}\""),
            ("a: \"${A\"", "a: \"${A\""),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_not_set_is_named_with_its_line() {
        let (line, why) = filled("a: 1\n\nb: \"${NOPE}\"").unwrap_err();
        assert_eq!(line, 3);
        assert!(why.contains("the environment variable NOPE is not set"), "{why}");
    }
}
