//! JSON as a line of a log has it: read leniently and without a tree, so that what stands before a mistake counts.

/// How deep objects may be nested.
const MAX_DEPTH: usize = 64;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Bool,
    Null,
    Object,
    Array,
}

/// A value: its text as it stands there, strings without their quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

impl Raw<'_> {
    /// The value as a label has it: strings unescaped, nothing for null.
    pub(crate) fn value(&self) -> String {
        match self.kind {
            Kind::Text => unescape(self.text),
            Kind::Null => String::new(),
            _ => self.text.to_owned(),
        }
    }
}

/// What is wrong with a text that is no JSON.
pub(crate) type Malformed = &'static str;

/// Visits the members of the object that a text is.
pub(crate) fn each_member<'a>(
    text: &'a str,
    visit: &mut dyn FnMut(&'a str, Raw<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut scanner = Scanner { text, at: 0 };
    if !scanner.takes(b'{') {
        return Err("the line is no JSON object");
    }
    if scanner.takes(b'}') {
        return Ok(());
    }
    loop {
        scanner.skip_blanks();
        let key = scanner.value()?;
        if key.kind != Kind::Text {
            return Err("a key of a JSON object is no string");
        }
        if !scanner.takes(b':') {
            return Err("a colon is missing in a JSON object");
        }
        scanner.skip_blanks();
        let value = scanner.value()?;
        visit(key.text, value)?;
        if scanner.takes(b'}') {
            return Ok(());
        }
        if !scanner.takes(b',') {
            return Err("a comma is missing in a JSON object");
        }
    }
}

/// Visits each scalar of an object and of those within it, with the keys that lead there. Lists are left out.
pub(crate) fn each_leaf<'a>(
    text: &'a str,
    path: &mut Vec<&'a str>,
    visit: &mut dyn FnMut(&[&'a str], Raw<'a>),
) -> Result<(), Malformed> {
    if path.len() >= MAX_DEPTH {
        return Err("JSON objects are nested too deep");
    }
    each_member(text, &mut |key, value| {
        path.push(key);
        let found = match value.kind {
            Kind::Object => each_leaf(value.text, path, visit),
            Kind::Text | Kind::Number | Kind::Bool => {
                visit(path, value);
                Ok(())
            }
            Kind::Null | Kind::Array => Ok(()),
        };
        path.pop();
        found
    })
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// The path that an expression such as `request.headers["a b"][0]` is; or what is wrong with it.
pub(crate) fn path(text: &str) -> Result<Vec<Step>, String> {
    let wrong =
        || format!("cannot parse expression [{text}]: expected a path such as a.b[0][\"c\"]");
    let mut steps = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let inside = inside.trim_start();
            if inside.starts_with('"') {
                let (key, length) = crate::promql::quoted::unquote(inside)?;
                steps.push(Step::Key(key));
                rest = inside[length..].trim_start().strip_prefix(']').ok_or_else(wrong)?;
            } else {
                let (index, after) = inside.split_once(']').ok_or_else(wrong)?;
                steps.push(Step::Index(index.trim().parse().map_err(|_| wrong())?));
                rest = after;
            }
            continue;
        }
        let field = match rest.strip_prefix('.') {
            Some(field) if !steps.is_empty() => field,
            None if steps.is_empty() => rest,
            _ => return Err(wrong()),
        };
        let part = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let length = field.find(|one| !part(one)).unwrap_or(field.len());
        if length == 0 || field.starts_with(|one: char| one.is_ascii_digit()) {
            return Err(wrong());
        }
        steps.push(Step::Key(field[..length].to_owned()));
        rest = &field[length..];
    }
    if steps.len() > MAX_DEPTH {
        return Err(format!("the expression [{text}] has more than {MAX_DEPTH} steps"));
    }
    Ok(steps)
}

/// The value that a path leads to. What is wrong behind it does not matter, and before it means that it is not there; an
/// error is a value that breaks off.
pub(crate) fn at<'a>(text: &'a str, path: &[Step]) -> Result<Option<Raw<'a>>, Malformed> {
    let mut text = text;
    let mut value = None;
    for step in path {
        let found = match step {
            Step::Key(key) => member(text, key)?,
            Step::Index(index) => element(text, *index)?,
        };
        let Some(found) = found else { return Ok(None) };
        // A string holds no members, whatever it says.
        text = if matches!(found.kind, Kind::Object | Kind::Array) { found.text } else { "" };
        value = Some(found);
    }
    Ok(value)
}

fn member<'a>(text: &'a str, key: &str) -> Result<Option<Raw<'a>>, Malformed> {
    let mut scanner = Scanner { text, at: 0 };
    if !scanner.takes(b'{') {
        return Ok(None);
    }
    loop {
        scanner.skip_blanks();
        let Ok(Raw { kind: Kind::Text, text: name }) = scanner.value() else {
            return Ok(None);
        };
        if !scanner.takes(b':') {
            return Ok(None);
        }
        scanner.skip_blanks();
        let reached = name == key || (name.contains('\\') && unescape(name) == key);
        match scanner.value() {
            Ok(value) if reached => return Ok(Some(value)),
            Ok(_) if scanner.takes(b',') => {}
            Err(why) if reached => return Err(why),
            _ => return Ok(None),
        }
    }
}

fn element(text: &str, index: usize) -> Result<Option<Raw<'_>>, Malformed> {
    let mut scanner = Scanner { text, at: 0 };
    if !scanner.takes(b'[') || scanner.takes(b']') {
        return Ok(None);
    }
    for place in 0.. {
        scanner.skip_blanks();
        match scanner.value() {
            Ok(value) if place == index => return Ok(Some(value)),
            Ok(_) if scanner.takes(b',') => {}
            Err(why) if place == index => return Err(why),
            _ => break,
        }
    }
    Ok(None)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn takes(&mut self, wanted: u8) -> bool {
        self.skip_blanks();
        let seen = self.peek() == Some(wanted);
        self.at += usize::from(seen);
        seen
    }

    fn value(&mut self) -> Result<Raw<'a>, Malformed> {
        let start = self.at;
        let text = self.text;
        match self.peek() {
            Some(b'"') => {
                self.string()?;
                Ok(Raw { kind: Kind::Text, text: &text[start + 1..self.at - 1] })
            }
            Some(open @ (b'{' | b'[')) => {
                self.container()?;
                let kind = if open == b'{' { Kind::Object } else { Kind::Array };
                Ok(Raw { kind, text: &text[start..self.at] })
            }
            Some(_) => {
                let end = |byte: u8| {
                    matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b':' | b'"')
                };
                let rest = &text.as_bytes()[start..];
                let length = rest.iter().position(|byte| end(*byte)).unwrap_or(rest.len());
                self.at += length;
                let word = &text[start..self.at];
                let kind = match word {
                    "true" | "false" => Kind::Bool,
                    "null" => Kind::Null,
                    _ if word.starts_with(|one: char| one.is_ascii_digit() || one == '-') => {
                        Kind::Number
                    }
                    _ => return Err("unknown value type"),
                };
                Ok(Raw { kind, text: word })
            }
            None => Err("the line ends within a JSON value"),
        }
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        Err("a JSON string has no end")
    }

    /// Goes behind an object or a list, looking at nothing but brackets and strings.
    fn container(&mut self) -> Result<(), Malformed> {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
        Err("a JSON object or list has no end")
    }
}

/// A string without its escapes; empty where one of them is none.
pub(crate) fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(text: &str) -> (Vec<(String, String)>, Result<(), Malformed>) {
        let mut found = Vec::new();
        let result = each_leaf(text, &mut Vec::new(), &mut |path, value| {
            found.push((path.join("."), value.value()));
        });
        (found, result)
    }

    #[test]
    fn leaves_of_an_object() {
        let (found, result) = leaves(
            r#" {"a": "x\"\u00e9", "b": {"c": 1.50, "d": {"e": true}}, "f": [1, {"g": 2}], "n": null} "#,
        );
        assert_eq!(result, Ok(()));
        let found: Vec<_> =
            found.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
        assert_eq!(found, [("a", "x\"é"), ("b.c", "1.50"), ("b.d.e", "true")]);
    }

    #[test]
    fn what_stands_before_a_mistake_counts() {
        for text in [
            r#"{"a":"1","b"}"#,
            r#"{"a":"1",}"#,
            r#"{"a":"1" "b":2}"#,
            r#"{"a":"1","b":"#,
            r#"{"a":"1","b":x}"#,
            r#"{"a":"1","b":{"c":"#,
            r#"{"a":"1","b":"\"#,
        ] {
            let (found, result) = leaves(text);
            assert_eq!(found, [("a".to_owned(), "1".to_owned())], "{text}");
            assert!(result.is_err(), "{text}");
        }
        for text in ["", "[1]", "plain", "{", "\"a\"", "{1:2}"] {
            assert!(leaves(text).1.is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
        assert!(leaves(&deep).1.is_err());
    }

    #[test]
    fn paths_lead_to_values() {
        let text = r#"{"a":{"b c":[10,{"d":"e"}]},"s":"t"}"#;
        for (expression, value) in [
            ("s", Some("t")),
            (r#"a["b c"][0]"#, Some("10")),
            (r#"["a"]["b c"][1].d"#, Some("e")),
            ("a.x", None),
            ("s.x", None),
            ("s[0]", None),
        ] {
            let found = at(text, &path(expression).unwrap()).unwrap();
            assert_eq!(found.map(|raw| raw.value()).as_deref(), value, "{expression}");
        }
        for expression in ["", ".a", "a.", "a[", "a[x]", "a..b", "a b", "[\"a]", "1a"] {
            assert!(path(expression).is_err(), "{expression}");
        }
    }
}
