//! What must not be kept: values whose names say that they are secrets, in fields, labels and messages.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use vigie_model::{Label, Labels, LogEntry};

const REDACTED: &str = "[redacted]";
/// A pattern may take this much memory when compiled.
const PATTERN_BYTES: usize = 1 << 20;
/// What names of secrets have in them, without `_`, `-` and `.`, in small letters.
const NAMES: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "cookie",
    "sessionid",
];
/// Names that are secrets as a whole, or end so: `token_count` is none.
const ENDINGS: [&str; 2] = ["token", "pwd"];

/// What is kept, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRules {
    /// More names whose values are secrets, or parts of such names.
    pub redact_keys: Vec<String>,
    /// Regular expressions: what they match in a message or in a field's text is taken out.
    pub redact_patterns: Vec<String>,
    /// Entries a second that each source may bring, over ten seconds.
    pub entries_per_second: u32,
}

impl Default for LogRules {
    fn default() -> Self {
        Self { redact_keys: Vec::new(), redact_patterns: Vec::new(), entries_per_second: 50_000 }
    }
}

impl LogRules {
    /// Whether the patterns parse.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), LogRulesError> {
        Redaction::new(self).map(drop)
    }
}

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} does not parse: {reason}")]
pub struct LogRulesError {
    pattern: String,
    reason: String,
}

/// The rules, ready to be applied.
#[derive(Debug)]
pub(super) struct Redaction {
    names: Vec<String>,
    patterns: Vec<Regex>,
    /// `password=…`, `"token": "…"`, `Authorization: Bearer …` within a text.
    assigned: Regex,
}

fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Redaction {
    pub(super) fn new(rules: &LogRules) -> Result<Self, LogRulesError> {
        let build = |pattern: &String| {
            RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build().map_err(|error| {
                LogRulesError { pattern: pattern.clone(), reason: error.to_string() }
            })
        };
        let own = rules.redact_keys.iter().map(|name| plain(name)).filter(|name| !name.is_empty());
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).chain(own).collect();
        let patterns = rules.redact_patterns.iter().map(build).collect::<Result<_, _>>()?;
        let assigned = r#"(?i)(\b[\w.-]*(?:password|passwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|authorization|credential|cookie|token|pwd)["']?\s*[=:]\s*)((?:bearer|basic)\s+[^\s"',;&]+|"[^"]*"|'[^']*'|[^\s"',;&]+)"#;
        Ok(Self { names, patterns, assigned: build(&assigned.to_owned())? })
    }

    fn is_secret(&self, name: &str) -> bool {
        let name = plain(name);
        self.names.iter().any(|secret| name.contains(secret.as_str()))
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    /// Takes secrets out of a message.
    fn text(&self, text: &str) -> Option<String> {
        let mut out: Option<String> = None;
        if let std::borrow::Cow::Owned(changed) =
            self.assigned.replace_all(text, format!("${{1}}{REDACTED}"))
        {
            out = Some(changed);
        }
        for pattern in &self.patterns {
            let now = out.as_deref().unwrap_or(text);
            if let std::borrow::Cow::Owned(changed) = pattern.replace_all(now, REDACTED) {
                out = Some(changed);
            }
        }
        out
    }

    /// Takes secrets out of fields. Whether any was there.
    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::Object(map) => self.map(map),
            Value::Array(all) => all.iter_mut().fold(false, |any, one| self.value(one) | any),
            Value::String(text) => match self.text(text) {
                Some(changed) => {
                    *text = changed;
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    fn map(&self, map: &mut Map<String, Value>) -> bool {
        let mut any = false;
        for (name, value) in map {
            if self.is_secret(name) && !value.is_null() {
                *value = REDACTED.into();
                any = true;
            } else {
                any |= self.value(value);
            }
        }
        any
    }

    /// Takes secrets out of an entry.
    pub(super) fn entry(&self, entry: &mut LogEntry) {
        if let Some(changed) = self.text(&entry.message) {
            entry.message = changed;
        }
        if !entry.fields.is_empty() {
            match serde_json::from_str::<Map<String, Value>>(&entry.fields) {
                Ok(mut fields) => {
                    if self.map(&mut fields) {
                        entry.fields = Value::Object(fields).to_string();
                    }
                }
                // What cannot be looked through is not kept.
                Err(_) => entry.fields.clear(),
            }
        }
        let secret =
            |label: &Label| self.is_secret(&label.name) || self.text(&label.value).is_some();
        if entry.labels.iter().any(secret) {
            let redacted = |label: &Label| {
                if secret(label) { Label::new(label.name.clone(), REDACTED) } else { label.clone() }
            };
            entry.labels = Labels::new(entry.labels.iter().map(redacted).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_get_through_and_the_rest_does() {
        let rules = LogRules {
            redact_keys: vec!["pin-code".into()],
            redact_patterns: vec![r"\b\d{4}(?: \d{4}){3}\b".into()],
            ..LogRules::default()
        };
        let redaction = Redaction::new(&rules).unwrap();
        for (text, expected) in [
            ("login password=hunter2 ok", "login password=[redacted] ok"),
            (r#"{"api_key": "abc def", "n": 1}"#, r#"{"api_key": [redacted], "n": 1}"#),
            ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
            ("card 4111 1111 1111 1111 used", "card [redacted] used"),
        ] {
            assert_eq!(redaction.text(text).as_deref(), Some(expected));
        }
        assert_eq!(redaction.text("token bucket, 5 tokens: fine; secretary"), None);
        let mut fields = serde_json::json!({
            "user": {"Pass-Word": "a", "name": "b", "pinCode": 17}, "list": [{"x_token": "c"}], "token_count": 5, "password": null
        });
        assert!(redaction.value(&mut fields));
        let expected = serde_json::json!({
            "user": {"Pass-Word": "[redacted]", "name": "b", "pinCode": "[redacted]"}, "list": [{"x_token": "[redacted]"}],
            "token_count": 5, "password": null
        });
        assert_eq!(fields, expected);
        let wrong = LogRules { redact_patterns: vec!["(".into()], ..LogRules::default() };
        assert!(Redaction::new(&wrong).unwrap_err().to_string().contains("does not parse"));
    }
}
