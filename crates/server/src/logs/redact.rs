//! What must not be kept: values whose names say that they are secrets, in fields, labels and messages.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use vigie_model::{Label, Labels, LogEntry};

const REDACTED: &str = "[redacted]";
/// The same, after what says that it is a secret.
const ASSIGNED: &str = "${1}[redacted]";
const LOGIN: &str = "${1}[redacted]@";
/// Fields are kept down to this depth where they nest deeper than their reader goes.
const DEEPEST: usize = 64;
const TOO_DEEP: &str = "\"[not kept: it nests too deep]\"";
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
    /// The password in `scheme://user:password@host` within a text.
    login: Regex,
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
        let login = r#"(?i)\b([a-z][a-z0-9+.-]*://[^\s/?\#:@"'<>]*:)[^\s/?\#"'<>]+@"#;
        let (assigned, login) = (build(&assigned.to_owned())?, build(&login.to_owned())?);
        Ok(Self { names, patterns, assigned, login })
    }

    fn is_secret(&self, name: &str) -> bool {
        let name = plain(name);
        self.names.iter().any(|secret| name.contains(secret.as_str()))
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    /// Takes secrets out of a message.
    fn text(&self, text: &str) -> Option<String> {
        let mut out: Option<String> = None;
        let mut replace = |pattern: &Regex, by: &str| {
            let now = out.as_deref().unwrap_or(text);
            if let Cow::Owned(changed) = pattern.replace_all(now, by) {
                out = Some(changed);
            }
        };
        replace(&self.assigned, ASSIGNED);
        if text.contains("://") {
            replace(&self.login, LOGIN);
        }
        self.patterns.iter().for_each(|pattern| replace(pattern, REDACTED));
        out
    }

    /// Takes secrets out of a name: of a source, an instance, a job. Without patterns of the user's own only those that may have any
    /// are looked at.
    fn name(&self, name: &mut Arc<str>) {
        if self.patterns.is_empty() && !name.contains(['=', '@', ' ']) {
            return;
        }
        if let Some(changed) = self.text(name) {
            *name = changed.into();
        }
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

    /// Takes secrets out of an entry. Whether its fields nest so deep that they are kept in part only.
    pub(super) fn entry(&self, entry: &mut LogEntry) -> bool {
        let mut cut = false;
        let LogEntry { level_text, kind, source, instance, queue, job, trace, .. } = entry;
        for name in [level_text, kind, source, instance, queue, job, trace] {
            self.name(name);
        }
        if let Some(changed) = self.text(&entry.message) {
            entry.message = changed;
        }
        if !entry.fields.is_empty() {
            let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
            let fields = read(&entry.fields).or_else(|_| {
                cut = true;
                read(&shallow(&entry.fields))
            });
            // What cannot be looked through is not kept.
            let mut fields = fields.unwrap_or_else(|_| {
                Map::from_iter([("fields".to_owned(), "[not kept: they are no JSON]".into())])
            });
            if self.map(&mut fields) || cut {
                entry.fields = Value::Object(fields).to_string();
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
        cut
    }
}

/// JSON without what nests deeper than can be read: a text says so in its place.
fn shallow(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for letter in json.chars() {
        let opens = !in_text && matches!(letter, '{' | '[');
        if opens {
            depth += 1;
            if depth == DEEPEST {
                out.push_str(TOO_DEEP);
            }
        }
        if depth < DEEPEST {
            out.push(letter);
        }
        if !in_text && matches!(letter, '}' | ']') {
            depth = depth.saturating_sub(1);
        }
        in_text ^= letter == '"' && !escaped;
        escaped = in_text && letter == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use vigie_model::Time;

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
            (
                "GET https://user:p%40ss@host:80/a?b=c@d failed",
                "GET https://user:[redacted]@host:80/a?b=c@d failed",
            ),
            (
                "redis://:pa@ss@h:6379/0 and amqp+tls://u:x@i",
                "redis://:[redacted]@h:6379/0 and amqp+tls://u:[redacted]@i",
            ),
        ] {
            assert_eq!(redaction.text(text).as_deref(), Some(expected));
        }
        assert_eq!(redaction.text("token bucket, 5 tokens: fine; secretary"), None);
        for fine in
            ["http://h:80/users/@me", "http://h:80?to=a@b", "mail://a@b", "12:30 a://b c:d@e"]
        {
            assert_eq!(redaction.text(fine), None, "{fine}");
        }
        let mut fields = serde_json::json!({
            "user": {"Pass-Word": "a", "name": "b", "pinCode": 17}, "list": [{"x_token": "c"}], "token_count": 5, "password": null
        });
        assert!(redaction.value(&mut fields));
        let expected = serde_json::json!({
            "user": {"Pass-Word": "[redacted]", "name": "b", "pinCode": "[redacted]"}, "list": [{"x_token": "[redacted]"}],
            "token_count": 5, "password": null
        });
        assert_eq!(fields, expected);
        let mut entry = LogEntry {
            instance: "http://u:p@h".into(),
            job: "4111 1111 1111 1111".into(),
            fields: r#"{"url":"http://u:p@h/x","list":["ftp://u:p@h"]}"#.to_owned(),
            ..LogEntry::blank("api password=x", Time::from_seconds(1_800_000_000))
        };
        assert!(!redaction.entry(&mut entry));
        let names = (&*entry.source, &*entry.instance, &*entry.job);
        assert_eq!(names, ("api password=[redacted]", "http://u:[redacted]@h", "[redacted]"));
        assert_eq!(
            entry.fields,
            r#"{"list":["ftp://u:[redacted]@h"],"url":"http://u:[redacted]@h/x"}"#
        );
        let wrong = LogRules { redact_patterns: vec!["(".into()], ..LogRules::default() };
        assert!(Redaction::new(&wrong).unwrap_err().to_string().contains("does not parse"));
    }

    #[test]
    fn fields_that_nest_too_deep_are_kept_as_far_as_they_can_be_read_and_that_is_said() {
        let redaction = Redaction::new(&LogRules::default()).unwrap();
        let deep = |levels: usize| {
            let (open, close) = ("{\"a\":[".repeat(levels), "]}".repeat(levels));
            format!(
                r#"{{"before":"{{[\\\"","deep":{open}{{"password":"hunter2"}}{close},"token":"t","after":1}}"#
            )
        };
        let kept = |fields: &str| {
            let start = Time::from_seconds(1_800_000_000);
            let mut entry =
                LogEntry { fields: fields.to_owned(), ..LogEntry::blank("otlp", start) };
            let cut = redaction.entry(&mut entry);
            (cut, entry.fields)
        };
        let (cut, fields) = kept(&deep(60));
        assert!(!cut && fields.contains("[redacted]") && !fields.contains("hunter2"), "{fields}");
        for levels in [64, 100, 5_000] {
            let (cut, fields) = kept(&deep(levels));
            assert!(cut && fields.contains(TOO_DEEP) && !fields.contains("hunter2"), "{fields}");
            let fields: Value = serde_json::from_str(&fields).unwrap();
            assert_eq!((&fields["before"], &fields["after"]), (&"{[\\\"".into(), &1.into()));
            assert_eq!(fields["token"], REDACTED);
        }
        let (cut, fields) = kept("{\"password\": \"hunter2\"");
        assert!(cut && fields.contains("not kept") && !fields.contains("hunter2"), "{fields}");
    }
}
