//! The labels of one line, while it passes the stages.

use std::borrow::Cow;
use std::sync::Arc;

use vigie_model::{Label, Labels};
use vigie_store::logs::{DECIMAL_HERE, HEX_HERE};

use crate::logql::{ERROR, ERROR_DETAILS};

/// What a name gets that a stream's label has already.
pub(crate) const TAKEN: &str = "_extracted";

/// Where a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The stream.
    Stream,
    /// The line's structured metadata.
    Metadata,
    /// A stage.
    Parsed,
}

/// The labels of a line: those of its stream, of its structured metadata and of the stages, each over the ones before.
#[derive(Debug, Clone, Default)]
pub(crate) struct LabelSet {
    stream: Labels,
    metadata: Vec<Label>,
    parsed: Vec<Label>,
    deleted: Vec<Arc<str>>,
    error: Option<&'static str>,
    details: String,
    /// The only ones that anybody looks at; `None`: all.
    only: Option<Vec<Arc<str>>>,
}

impl LabelSet {
    /// One of which nobody looks at other labels than these: parsers need not find them.
    pub(crate) fn of_only(names: &[String]) -> Self {
        let only = names.iter().map(|name| Arc::from(name.as_str())).collect();
        Self { only: Some(only), ..Self::default() }
    }

    /// Whether a label made of this key may be looked at.
    pub(crate) fn may_want(&self, key: &str) -> bool {
        self.only.as_ref().is_none_or(|names| {
            names.iter().any(|name| **name == *key)
                || !key.is_ascii()
                || names.iter().any(|name| may_be_of(name, key))
        })
    }

    /// The same for a key of which some parts are not known: signs stand there, as [`vigie_store::logs::Parts`] is told a message.
    pub(crate) fn may_want_like(&self, key: &str) -> bool {
        self.only.as_ref().is_none_or(|names| {
            let like = |name: &Arc<str>| may_be_like(name.as_bytes(), key.as_bytes());
            match key.contains([DECIMAL_HERE, HEX_HERE]) {
                true => !key.is_ascii() || names.iter().any(like),
                false => self.may_want(key),
            }
        })
    }

    /// Begins a line.
    pub(crate) fn begin(&mut self, stream: &Labels, metadata: &Labels) {
        self.stream = stream.clone();
        self.begin_next(metadata);
    }

    /// Begins another line of the same stream.
    pub(crate) fn begin_next(&mut self, metadata: &Labels) {
        self.metadata.clear();
        self.parsed.clear();
        self.deleted.clear();
        self.error = None;
        self.details.clear();
        for label in metadata {
            let taken = self.stream.get(&label.name).is_some();
            let name = if taken {
                Arc::from(format!("{}{TAKEN}", label.name))
            } else {
                Arc::clone(&label.name)
            };
            set(&mut self.metadata, Label { name, value: Arc::clone(&label.value) });
        }
    }

    /// The value of a label; `None` where there is none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let own = find(&self.metadata, name).or_else(|| find(&self.parsed, name));
        if own.is_some() {
            return own;
        }
        if self.deleted.iter().any(|deleted| **deleted == *name) {
            return None;
        }
        self.stream.get(name)
    }

    /// Sets a label that a stage made, whatever was there.
    pub(crate) fn set(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        let label = Label::new(name, value);
        self.metadata.retain(|known| known.name != label.name);
        set(&mut self.parsed, label);
    }

    /// Sets a label that a parser found: under another name, where the stream or the metadata have this one.
    pub(crate) fn extract(&mut self, name: &str, value: impl Into<Arc<str>>) {
        let known = self.only.as_ref().map(|names| names.iter().find(|wanted| ***wanted == *name));
        if known.is_some_and(|known| known.is_none()) {
            return;
        }
        if self.given(name) {
            self.set(format!("{name}{TAKEN}"), value);
        } else if let Some(Some(known)) = known {
            let known = Arc::clone(known);
            self.set(known, value);
        } else {
            self.set(name, value);
        }
    }

    /// Whether a stage made, took or changed one of these labels, or failed.
    pub(crate) fn differs_in(&self, names: &[String]) -> bool {
        let one_of = |name: &str| names.iter().any(|one| one == name);
        self.error.is_some()
            || self.metadata.iter().chain(&self.parsed).any(|label| one_of(&label.name))
            || self.deleted.iter().any(|name| one_of(name))
    }

    /// Whether the stream or the metadata have a label.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.stream.get(name).is_some() || find(&self.metadata, name).is_some()
    }

    /// Takes a label away.
    pub(crate) fn delete(&mut self, name: &str) {
        self.metadata.retain(|label| *label.name != *name);
        self.parsed.retain(|label| *label.name != *name);
        self.deleted.push(Arc::from(name));
    }

    /// That a stage failed: what it is called, and why.
    pub(crate) fn fail(&mut self, error: &'static str, details: impl Into<String>) {
        self.error = Some(error);
        self.details = details.into();
    }

    /// The same, unless another stage did before.
    pub(crate) fn fail_first(&mut self, error: &'static str, details: impl Into<String>) {
        if self.error.is_none() {
            self.fail(error, details);
        }
    }

    /// What failed.
    pub(crate) fn error(&self) -> Option<&'static str> {
        self.error
    }

    /// Why.
    pub(crate) fn details(&self) -> &str {
        &self.details
    }

    /// Forgets what failed.
    pub(crate) fn forgive(&mut self) {
        self.error = None;
    }

    /// Forgets why.
    pub(crate) fn forget_details(&mut self) {
        self.details.clear();
    }

    /// All labels but those of errors, with where they come from.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Label, Origin)) {
        for label in &self.stream {
            let gone = self.deleted.contains(&label.name);
            if !gone
                && find(&self.metadata, &label.name).is_none()
                && find(&self.parsed, &label.name).is_none()
            {
                visit(label, Origin::Stream);
            }
        }
        for label in &self.metadata {
            if find(&self.parsed, &label.name).is_none() {
                visit(label, Origin::Metadata);
            }
        }
        for label in &self.parsed {
            visit(label, Origin::Parsed);
        }
    }

    /// The labels of errors, where there are any.
    fn errors(&self) -> impl Iterator<Item = Label> + '_ {
        let error = self.error.map(|error| Label::new(ERROR, error));
        let details =
            (!self.details.is_empty()).then(|| Label::new(ERROR_DETAILS, self.details.as_str()));
        error.into_iter().chain(details)
    }

    /// All labels, those of errors included.
    pub(crate) fn all(&self) -> Labels {
        if self.metadata.is_empty()
            && self.parsed.is_empty()
            && self.deleted.is_empty()
            && self.error.is_none()
            && self.details.is_empty()
        {
            return self.stream.clone();
        }
        let mut labels =
            Vec::with_capacity(self.stream.len() + self.metadata.len() + self.parsed.len());
        self.each(|label, _| labels.push(label.clone()));
        labels.extend(self.errors());
        Labels::new(labels)
    }

    /// The labels of one origin; errors are parsed.
    pub(crate) fn of(&self, origin: Origin) -> Labels {
        let mut labels = Vec::new();
        self.each(|label, from| {
            if from == origin {
                labels.push(label.clone());
            }
        });
        if origin == Origin::Parsed {
            labels.extend(self.errors());
        }
        Labels::new(labels)
    }
}

/// Whether [`label_name`] may make this name of a key without blanks.
fn may_be_of(name: &str, key: &str) -> bool {
    // Before a digit comes a `_`.
    let number = key.starts_with(|one: char| one.is_ascii_digit());
    let name = if number { name.strip_prefix('_') } else { Some(name) };
    name.is_some_and(|name| {
        let alike =
            |(name, key): (u8, u8)| name == key || (name == b'_' && !key.is_ascii_alphanumeric());
        name.len() == key.len() && name.bytes().zip(key.bytes()).all(alike)
    })
}

/// Whether it may make it of some key that looks like this one with marks, by its length and both ends: more is seldom needed.
fn may_be_like(name: &[u8], key: &[u8]) -> bool {
    const OF_NUMBER: u8 = DECIMAL_HERE as u8;
    const OF_HEX: u8 = HEX_HERE as u8;
    let alike = |name: u8, key: u8| match key {
        OF_NUMBER => name.is_ascii_digit(),
        // It may stand for itself, of which a `_` is made.
        OF_HEX => name.is_ascii_hexdigit() || name == b'_',
        _ => name == key || (name == b'_' && !key.is_ascii_alphanumeric()),
    };
    // Before a digit comes a `_`.
    let name = if key.first() == Some(&OF_NUMBER) { name.strip_prefix(b"_") } else { Some(name) };
    name.is_some_and(|name| {
        let ends = [name.first().zip(key.first()), name.last().zip(key.last())];
        name.len() >= key.len()
            && ends.iter().all(|end| end.is_some_and(|(name, key)| alike(*name, *key)))
    })
}

fn find<'a>(labels: &'a [Label], name: &str) -> Option<&'a str> {
    labels.iter().find(|label| *label.name == *name).map(|label| &*label.value)
}

fn set(labels: &mut Vec<Label>, label: Label) {
    match labels.iter_mut().find(|one| one.name == label.name) {
        Some(one) => one.value = label.value,
        None => labels.push(label),
    }
}

/// A label's name made of any text: what may not be in a name becomes `_`. Empty where nothing is left.
pub(crate) fn label_name(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if text.bytes().all(plain) && !text.starts_with(|one: char| one.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    let text = text.trim();
    let mut name = String::with_capacity(text.len() + 1);
    if text.starts_with(|one: char| one.is_ascii_digit()) {
        name.push('_');
    }
    name.extend(text.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }));
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> LabelSet {
        let mut set = LabelSet::default();
        set.begin(
            &Labels::from_pairs([("app", "api"), ("level", "info")]),
            &Labels::from_pairs([("level", "warn"), ("trace", "t1")]),
        );
        set
    }

    #[test]
    fn names_that_are_taken_get_a_suffix() {
        let mut set = begun();
        assert_eq!(set.get("level"), Some("info"));
        assert_eq!(set.get("level_extracted"), Some("warn"));
        set.extract("app", "x");
        set.extract("free", "y");
        assert_eq!(
            (set.get("app"), set.get("app_extracted"), set.get("free")),
            (Some("api"), Some("x"), Some("y"))
        );
        set.set("app", "z");
        assert_eq!(set.all().get("app"), Some("z"));
        assert_eq!(
            set.of(Origin::Metadata),
            Labels::from_pairs([("level_extracted", "warn"), ("trace", "t1")])
        );
    }

    #[test]
    fn what_is_deleted_is_gone_from_everywhere() {
        let mut set = begun();
        set.delete("app");
        set.delete("trace");
        set.fail("JSONParserErr", "why");
        assert_eq!((set.get("app"), set.get("trace")), (None, None));
        assert_eq!(
            set.all(),
            Labels::from_pairs([
                ("level", "info"),
                ("level_extracted", "warn"),
                (ERROR, "JSONParserErr"),
                (ERROR_DETAILS, "why")
            ])
        );
    }

    #[test]
    fn keys_are_told_by_the_names_that_are_made_of_them() {
        let names = ["a_b", "_9x", "_", "bytes", "__"];
        for key in [
            "a.b", "a_b", "a-b", "9x", "_9x", ".", "bytes", "é", "a=b", "ab", "byte", "bytes1",
            ".9x", "9", "x9",
        ] {
            for name in names {
                let made = label_name(key) == name;
                let set = LabelSet::of_only(&[name.to_owned()]);
                assert_eq!(set.may_want(key), made || !key.is_ascii(), "{name} of {key}");
            }
        }
    }

    #[test]
    fn keys_of_which_a_part_is_not_known_may_be_any_that_look_like_them() {
        for (like, keys) in [
            ("0", &["7", "42"][..]),
            ("0ms", &["4ms"]),
            ("c0", &["c1", "c17"]),
            (".0", &[".9"]),
            ("a0.0b", &["a1.2b"]),
            ("\u{7f}", &["00ff", "beef", "e", "\u{7f}"]),
            ("x-\u{7f}", &["x-00ff"]),
            ("\u{fffd}", &["x1y2z3", "1y2z3x"]),
            ("bytes", &["bytes"]),
        ] {
            for key in keys {
                let name = label_name(key).into_owned();
                assert!(LabelSet::of_only(&[name]).may_want_like(like), "{key} is like {like}");
            }
        }
        let bytes = LabelSet::of_only(&["bytes".to_owned()]);
        for other in ["0", "0ms", "\u{7f}", "b0", "0s", "status", "b0ytesx"] {
            assert!(!bytes.may_want_like(other), "{other:?}");
        }
    }

    #[test]
    fn names_are_made_of_letters_digits_and_underscores() {
        for (text, name) in [(" a.b ", "a_b"), ("9lives", "_9lives"), ("é", "_"), ("  ", "")] {
            assert_eq!(label_name(text), name);
        }
    }
}
