//! What a configuration says, as fingerprints, by which a later start tells what is different. Secrets are in none of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values whose names end so are left out: a new password is no other configuration.
const SECRETS: [&str; 8] =
    ["password", "passwd", "pwd", "secret", "token", "api_key", "authorization", "cookie"];
/// Whatever is under these names may be one, too.
const MAY_BE_SECRET: [&str; 2] = ["headers", "params"];

/// Fingerprints by key.
type Keys = BTreeMap<String, u32>;

/// A configuration as it is written, with `${NAME}` as it stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// The keys of each source, by its name.
    sources: BTreeMap<String, Keys>,
    /// The keys of each other section, by its name; one that has none has one without a name.
    sections: BTreeMap<String, Keys>,
}

impl Written {
    /// Of a text that was read without an error; none where it cannot be told.
    pub(super) fn of(text: &str) -> Option<Self> {
        let Value::Object(map) = serde_saphyr::from_str(text).ok()? else { return None };
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
        let none = Keys::new();
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
fn different(name: &str, was: &Keys, is: &Keys) -> Option<String> {
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differ: Vec<&str> =
        keys.into_iter().filter(|key| was.get(*key) != is.get(*key)).map(String::as_str).collect();
    match differ.as_slice() {
        [] => None,
        [""] => Some(name.to_owned()),
        keys => Some(format!("{name} ({})", keys.join(", "))),
    }
}

fn keys(value: Value) -> Keys {
    let fingerprint = |value: Value| crc32fast::hash(value.to_string().as_bytes());
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let value = without_secrets(&key, value);
                (key, fingerprint(value))
            })
            .collect(),
        value => Keys::from([(String::new(), fingerprint(without_secrets("", value)))]),
    }
}

fn without_secrets(name: &str, value: Value) -> Value {
    let lower = name.to_ascii_lowercase();
    if SECRETS.iter().any(|secret| lower.ends_with(secret)) || MAY_BE_SECRET.contains(&&*lower) {
        return match value {
            // That there are such values, and of which names, is no secret.
            Value::Object(map) => map.keys().cloned().collect(),
            _ => Value::Null,
        };
    }
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| {
                let value = without_secrets(&name, value);
                (name, value)
            })
            .collect(),
        Value::Array(all) => all.into_iter().map(|value| without_secrets("", value)).collect(),
        Value::String(text) => without_login(&text).into(),
        other => other,
    }
}

/// An address without user, password and query; other texts as they are.
fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Written {
        Written::of(text).unwrap()
    }

    const BEFORE: &str = "listen: 127.0.0.1:1\nlogs: {retention_days: 14}\nsources:\n\
        - {name: main, kind: redis, url: \"redis://u:first@h:1/2\", password: first}\n\
        - {name: old, kind: caddy}\n- {name: shop, kind: go_api, url: \"http://s\", poll_seconds: 5}\n";

    #[test]
    fn what_is_different_is_named_by_source_section_and_key() {
        assert_eq!(written(BEFORE).changed(&written(BEFORE)), None);
        let after = "# a comment, another order\nsources:\n- name: shop\n  poll_seconds: 1\n  kind: go_api\n  url: http://t\n\
            - {name: main, kind: redis, url: \"redis://u:second@h:1/2\", password: \"${PASSWORD}\"}\n\
            - {name: new, kind: caddy}\nlisten: 127.0.0.1:2\nlogs: {retention_days: 14, redact_keys: [pin]}\nhosts: [a]\n";
        let said = written(BEFORE).changed(&written(after)).unwrap();
        assert_eq!(
            said,
            "sources added: new; sources removed: old; other settings: shop (poll_seconds, url), hosts, listen, logs (redact_keys)"
        );
        let back = written(after).changed(&written(BEFORE)).unwrap();
        assert!(back.starts_with("sources added: old; sources removed: new; "), "{back}");
    }

    #[test]
    fn no_secret_is_in_it() {
        let with = |secret: &str| {
            written(&format!(
                "metrics: {{headers: {{X-Key: {secret}}}, remote_write: [{{name: a, bearer_token: {secret}}}]}}\nsources:\n\
                 - {{name: a, kind: n8n, api_key: {secret}, url: \"http://{secret}@h/p?token={secret}\", params: {{t: [{secret}]}}}}\n"
            ))
        };
        assert_eq!(with("hunter2"), with("other"));
        assert_ne!(
            with("x"),
            written("metrics: {headers: {X-Other: x}}\nsources: [{name: a, kind: n8n}]")
        );
    }
}
