//! Relabelling, in Prometheus's own words: `relabel_configs` over what a target is, `metric_relabel_configs` over what it
//! says.

use md5::{Digest, Md5};
use regex::Regex;
use vigie_model::{Label, Labels};

/// Bytes of a compiled regular expression.
const REGEX_BYTES: usize = 1 << 20;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Writes `replacement` into `target_label` where `regex` matches.
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops what has not the value of `target_label`.
    KeepEqual,
    /// Drops what has the value of `target_label`.
    DropEqual,
    /// Writes the remainder of a hash into `target_label`.
    HashMod,
    /// Copies labels whose names match to names made with `replacement`.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Writes the values in small letters.
    Lowercase,
    /// Writes the values in capitals.
    Uppercase,
}

/// Why a rule cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelabelError {
    /// There is no such action.
    #[error(
        "unknown action {0:?}: replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase \
         or uppercase"
    )]
    Action(String),
    /// The regular expression is none.
    #[error("regex {regex:?}: {why}")]
    Regex {
        /// The expression.
        regex: String,
        /// What is wrong with it.
        why: String,
    },
    /// An action needs something that is not there.
    #[error("the action {action} needs {needs}")]
    Needs {
        /// The action.
        action: &'static str,
        /// What it needs.
        needs: &'static str,
    },
}

impl Action {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }

    const ALL: [Self; 11] = [
        Self::Replace,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
        Self::Lowercase,
        Self::Uppercase,
    ];
}

impl std::str::FromStr for Action {
    type Err = RelabelError;

    fn from_str(word: &str) -> Result<Self, RelabelError> {
        let word = word.to_ascii_lowercase();
        let found = Self::ALL.into_iter().find(|action| action.as_str() == word);
        found.ok_or(RelabelError::Action(word))
    }
}

/// A regular expression that matches from the first to the last letter; `(.*)` by default.
#[derive(Debug, Clone)]
pub struct Anchored(Regex);

impl Default for Anchored {
    fn default() -> Self {
        Self(Regex::new("^(?s:(.*))$").expect("it is an expression"))
    }
}

impl std::str::FromStr for Anchored {
    type Err = RelabelError;

    fn from_str(text: &str) -> Result<Self, RelabelError> {
        let anchored = format!("^(?s:{text})$");
        let built = regex::RegexBuilder::new(&anchored).size_limit(REGEX_BYTES).build();
        let why = |error: regex::Error| RelabelError::Regex {
            regex: text.chars().take(200).collect(),
            why: error.to_string().lines().last().unwrap_or_default().to_owned(),
        };
        Ok(Self(built.map_err(why)?))
    }
}

/// One rule. [`Relabeling::default`] has Prometheus's defaults, and does nothing until it has a target label.
#[derive(Debug, Clone)]
pub struct Relabeling {
    /// Labels whose values are put together …
    pub source_labels: Vec<String>,
    /// … with this in between.
    pub separator: String,
    /// The label that is written.
    pub target_label: String,
    /// What matches.
    pub regex: Anchored,
    /// What the hash is divided by.
    pub modulus: u64,
    /// What is written; `$1` and `${name}` stand for what the groups of the expression matched.
    pub replacement: String,
    /// What is done.
    pub action: Action,
}

impl Default for Relabeling {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".to_owned(),
            target_label: String::new(),
            regex: Anchored::default(),
            modulus: 0,
            replacement: "$1".to_owned(),
            action: Action::Replace,
        }
    }
}

impl Relabeling {
    /// What must hold of a rule as a whole.
    ///
    /// # Errors
    /// When the action needs a part that is missing.
    pub fn checked(self) -> Result<Self, RelabelError> {
        let action = self.action.as_str();
        let needs = |needs| Err(RelabelError::Needs { action, needs });
        let writes = matches!(
            self.action,
            Action::Replace
                | Action::KeepEqual
                | Action::DropEqual
                | Action::HashMod
                | Action::Lowercase
                | Action::Uppercase
        );
        if writes && self.target_label.is_empty() {
            return needs("target_label");
        }
        if self.action == Action::HashMod && self.modulus == 0 {
            return needs("a modulus above 0");
        }
        Ok(self)
    }

    /// The labels after this rule; `None`: dropped.
    fn apply(&self, labels: &mut Vec<Label>) -> Option<()> {
        let values = || {
            let values: Vec<&str> =
                self.source_labels.iter().map(|name| value(labels, name)).collect();
            values.join(&self.separator)
        };
        match self.action {
            Action::Keep => self.regex.0.is_match(&values()).then_some(()),
            Action::Drop => (!self.regex.0.is_match(&values())).then_some(()),
            Action::KeepEqual => (values() == value(labels, &self.target_label)).then_some(()),
            Action::DropEqual => (values() != value(labels, &self.target_label)).then_some(()),
            Action::Replace => {
                self.replace(&values(), labels);
                Some(())
            }
            Action::HashMod => {
                let hash: [u8; 16] = Md5::digest(values()).into();
                let low = u64::from_be_bytes([
                    hash[8], hash[9], hash[10], hash[11], hash[12], hash[13], hash[14], hash[15],
                ]);
                let rest = low.checked_rem(self.modulus).unwrap_or(0);
                set(labels, &self.target_label, &rest.to_string());
                Some(())
            }
            Action::Lowercase => {
                let value = values().to_lowercase();
                set(labels, &self.target_label, &value);
                Some(())
            }
            Action::Uppercase => {
                let value = values().to_uppercase();
                set(labels, &self.target_label, &value);
                Some(())
            }
            Action::LabelMap => {
                let copies: Vec<(String, Label)> = labels
                    .iter()
                    .filter(|label| self.regex.0.is_match(&label.name))
                    .map(|label| {
                        let name = self.regex.0.replace(&label.name, self.replacement.as_str());
                        (name.into_owned(), label.clone())
                    })
                    .collect();
                for (name, label) in copies {
                    set(labels, &name, &label.value);
                }
                Some(())
            }
            Action::LabelDrop => {
                labels.retain(|label| !self.regex.0.is_match(&label.name));
                Some(())
            }
            Action::LabelKeep => {
                labels.retain(|label| self.regex.0.is_match(&label.name));
                Some(())
            }
        }
    }

    fn replace(&self, value: &str, labels: &mut Vec<Label>) {
        let Some(found) = self.regex.0.captures(value) else { return };
        let mut target = String::new();
        found.expand(&self.target_label, &mut target);
        if target.is_empty() {
            return;
        }
        let mut replacement = String::new();
        found.expand(&self.replacement, &mut replacement);
        set(labels, &target, &replacement);
    }
}

/// All rules in their order; `None`: dropped.
#[must_use]
pub fn relabel(labels: &Labels, rules: &[Relabeling]) -> Option<Labels> {
    if rules.is_empty() {
        return Some(labels.clone());
    }
    let mut all: Vec<Label> = labels.iter().cloned().collect();
    for rule in rules {
        rule.apply(&mut all)?;
    }
    Some(Labels::new(all))
}

fn value<'a>(labels: &'a [Label], name: &str) -> &'a str {
    labels.iter().find(|label| &*label.name == name).map_or("", |label| &label.value)
}

/// An empty value takes the label away.
fn set(labels: &mut Vec<Label>, name: &str, value: &str) {
    labels.retain(|label| &*label.name != name);
    if !value.is_empty() {
        labels.push(Label::new(name, value));
    }
}
