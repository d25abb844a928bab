//! What a configuration says, as fingerprints by which a later start tells what is different: of secrets, too, that is why they are
//! made with a key of this Vigie's own. Without that nobody finds out by trying whether a fingerprint is that of a password.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DEFAULT_SOURCE, default_url};

/// What is in a file that a configuration names is a part of what it says, up to this many bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Bytes of a fingerprint.
const KEPT: usize = 16;

/// Something by key, and by the name of its source or section.
type ByKey<T> = BTreeMap<String, BTreeMap<String, T>>;

/// A configuration as it is read, with the values that `${NAME}` stands for: there are secrets in it.
#[derive(Clone, Default)]
pub(crate) struct Written {
    sources: ByKey<Value>,
    /// A section that has no keys has one without a name.
    sections: ByKey<Value>,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Written").finish_non_exhaustive()
    }
}

/// Fingerprints of all that a configuration says.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprints {
    sources: ByKey<String>,
    sections: ByKey<String>,
}

impl Written {
    /// Of a text that was read without an error; none where it cannot be told.
    pub(super) fn of(text: &str, options: serde_saphyr::Options) -> Option<Self> {
        let read = serde_saphyr::from_str_with_options(text, options);
        let Value::Object(map) = read.ok()? else { return None };
        let mut written = Self::default();
        for (section, value) in map {
            match (section.as_str(), value) {
                ("sources", Value::Array(sources)) => {
                    for source in sources {
                        let name = source.get("name")?.as_str()?.to_owned();
                        written.sources.insert(name, keys(source));
                    }
                }
                (_, value) => drop(written.sections.insert(section, keys(value))),
            }
        }
        Some(written)
    }

    /// With the source of those who name none.
    pub(super) fn with_default_source(mut self, redis_url: Option<&str>) -> Self {
        let keys = [("url".to_owned(), default_url(redis_url).0.into())].into();
        self.sources.insert(DEFAULT_SOURCE.to_owned(), keys);
        self
    }

    /// Fingerprints under a key. What is in files is read now.
    pub(crate) fn fingerprints(&self, key: &hmac::Key) -> Fingerprints {
        let of = |all: &ByKey<Value>| {
            let of_keys = |keys: &BTreeMap<String, Value>| {
                let one = |(name, value): (&String, &Value)| {
                    let said = with_files(name, value.clone()).to_string();
                    let tag = hmac::sign(key, said.as_bytes());
                    (name.clone(), hex(&tag.as_ref()[..KEPT]))
                };
                keys.iter().map(one).collect()
            };
            all.iter().map(|(name, keys)| (name.clone(), of_keys(keys))).collect()
        };
        Fingerprints { sources: of(&self.sources), sections: of(&self.sections) }
    }
}

impl Fingerprints {
    /// What is different now, in words; none where nothing is.
    pub(crate) fn changed(&self, now: &Self) -> Option<String> {
        let names = |all: &Self| all.sources.keys().cloned().collect::<BTreeSet<_>>();
        let (was, is) = (names(self), names(now));
        let list = |names: Vec<String>| (!names.is_empty()).then(|| names.join(", "));
        let added = list(is.difference(&was).cloned().collect());
        let removed = list(was.difference(&is).cloned().collect());
        let both = was.intersection(&is).filter_map(|name| {
            Some(different(name, self.sources.get(name)?, now.sources.get(name)?))
        });
        let none = BTreeMap::new();
        let sections: BTreeSet<&String> = self.sections.keys().chain(now.sections.keys()).collect();
        let sections = sections.into_iter().map(|name| {
            let of = |all: &'_ Self| all.sections.get(name).unwrap_or(&none).clone();
            different(name, &of(self), &of(now))
        });
        let changed = list(both.chain(sections).flatten().collect());
        let all = [
            added.map(|names| format!("sources added: {names}")),
            removed.map(|names| format!("sources removed: {names}")),
            changed.map(|names| format!("other settings: {names}")),
        ];
        list_of_sentences(all.into_iter().flatten().collect())
    }
}

fn list_of_sentences(all: Vec<String>) -> Option<String> {
    (!all.is_empty()).then(|| all.join("; "))
}

/// A source or section with the keys that are different.
fn different(
    name: &str,
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
) -> Option<String> {
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differ: Vec<&str> =
        keys.into_iter().filter(|key| was.get(*key) != is.get(*key)).map(String::as_str).collect();
    match differ.as_slice() {
        [] => None,
        [""] => Some(name.to_owned()),
        keys => Some(format!("{name} ({})", keys.join(", "))),
    }
}

fn keys(value: Value) -> BTreeMap<String, Value> {
    match value {
        Value::Object(map) => map.into_iter().collect(),
        value => [(String::new(), value)].into(),
    }
}

/// A value with what is in the files that it names.
fn with_files(name: &str, value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| {
                let value = with_files(&name, value);
                (name, value)
            })
            .collect(),
        Value::Array(all) => all.into_iter().map(|value| with_files("", value)).collect(),
        Value::String(path) if name.ends_with("_file") => {
            let fits = |file: &std::fs::Metadata| file.is_file() && file.len() <= LARGEST_FILE;
            let there = std::fs::metadata(&path).is_ok_and(|file| fits(&file));
            let content = there.then(|| std::fs::read(&path).ok()).flatten();
            vec![path.into(), content.map_or(Value::Null, |bytes| hex(&bytes).into())].into()
        }
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::environment::fill_quoted;
    use super::*;

    fn with(password: &str, text: &str) -> Written {
        let environment = [("PASSWORD".to_owned(), password.to_owned())].into();
        let filled = fill_quoted(text, &environment).unwrap();
        Written::of(&filled, serde_saphyr::Options::default()).unwrap()
    }

    fn changed(before: &Written, after: &Written) -> Option<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key");
        before.fingerprints(&key).changed(&after.fingerprints(&key))
    }

    const BEFORE: &str = "listen: 127.0.0.1:1\nlogs: {retention_days: 14}\nsources:\n\
        - {name: main, kind: redis, url: \"redis://u:first@h:1/2\", password: first}\n\
        - {name: old, kind: caddy}\n- {name: shop, kind: go_api, url: \"http://s\", poll_seconds: 5}\n";

    #[test]
    fn what_is_different_is_named_by_source_section_and_key() {
        let before = with("first", BEFORE);
        assert_eq!(changed(&before, &before), None);
        let after = "# a comment, another order\nsources:\n- name: shop\n  poll_seconds: 1\n  kind: go_api\n  url: http://t\n\
            - {name: main, kind: redis, url: \"redis://u:first@h:1/2\", password: \"${PASSWORD}\"}\n\
            - {name: new, kind: caddy}\nlisten: 127.0.0.1:2\nlogs: {retention_days: 14, redact_keys: [pin]}\nhosts: [a]\n";
        let same_password = with("first", after);
        assert_eq!(
            changed(&before, &same_password).unwrap(),
            "sources added: new; sources removed: old; other settings: shop (poll_seconds, url), hosts, listen, logs (redact_keys)"
        );
        let back = changed(&same_password, &before).unwrap();
        assert!(back.starts_with("sources added: old; sources removed: new; "), "{back}");
        let other = changed(&same_password, &with("second", after)).unwrap();
        assert_eq!(other, "other settings: main (password)", "a variable is another");
    }

    #[test]
    fn another_secret_is_told_and_none_is_kept_or_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let text = format!(
            "metrics: {{headers: {{X-Key: \"${{PASSWORD}}\"}}}}\nsources:\n\
             - {{name: a, kind: n8n, url: \"http://n\", api_key: \"${{PASSWORD}}\", api_key_file: {}, params: {{t: [1]}}}}\n",
            file.display()
        );
        std::fs::write(&file, "first").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key");
        let first = with("hunter2", &text).fingerprints(&key);
        assert_eq!(first.changed(&with("hunter2", &text).fingerprints(&key)), None);
        let second = with("correct horse", &text);
        let said = first.changed(&second.fingerprints(&key)).unwrap();
        assert_eq!(said, "other settings: a (api_key), metrics (headers)");
        std::fs::write(&file, "second").unwrap();
        let said = first.changed(&with("hunter2", &text).fingerprints(&key)).unwrap();
        assert_eq!(said, "other settings: a (api_key_file)", "what is in the file is another");
        let shown = format!("{second:?} {}", serde_json::to_string(&first).unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("horse"), "{shown}");
        // Whoever has the fingerprints and not the key cannot try values.
        let other_key = hmac::Key::new(hmac::HMAC_SHA256, b"another");
        assert_ne!(first, with("hunter2", &text).fingerprints(&other_key));
    }
}
