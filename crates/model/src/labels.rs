//! Labels: what tells one series from every other, as Prometheus has them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// One label: a name and its value, both any UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// The name, such as `queue`.
    pub name: Arc<str>,
    /// The value; never empty within [`Labels`].
    pub value: Arc<str>,
}

impl Label {
    /// A label.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Ord for Label {
    /// By name, then by value. Series of one store share their texts: those that are one need not be read.
    fn cmp(&self, other: &Self) -> Ordering {
        let text = |one: &Arc<str>, two: &Arc<str>| match Arc::ptr_eq(one, two) {
            true => Ordering::Equal,
            false => one.cmp(two),
        };
        text(&self.name, &other.name).then_with(|| text(&self.value, &other.value))
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A set of labels: sorted by name, each name once, none with an empty value (an empty value is an absent label, as
/// in Prometheus). The metric's name is the label [`METRIC_NAME`]. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Default for Labels {
    /// None: all that are empty share one place.
    fn default() -> Self {
        static NONE: LazyLock<Arc<[Label]>> = LazyLock::new(|| Arc::new([]));
        Self(Arc::clone(&NONE))
    }
}

impl Labels {
    /// From labels in any order; of several with one name the last counts.
    #[must_use]
    pub fn new(mut labels: Vec<Label>) -> Self {
        // Stable, so that the last of one name stays last.
        labels.sort_by(|one, two| one.name.cmp(&two.name));
        labels.reverse();
        labels.dedup_by(|one, two| one.name == two.name);
        labels.reverse();
        labels.retain(|label| !label.value.is_empty());
        Self(labels.into())
    }

    /// From labels that are as [`Labels`] are already: by ascending name, each name once, no value empty.
    #[must_use]
    pub fn from_sorted(labels: impl IntoIterator<Item = Label>) -> Self {
        let labels: Arc<[Label]> = labels.into_iter().collect();
        debug_assert!(labels.windows(2).all(|pair| pair[0].name < pair[1].name));
        debug_assert!(labels.iter().all(|label| !label.value.is_empty()));
        Self(labels)
    }

    /// Those of the labels that are wanted.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&&Label) -> bool) -> Self {
        let Some(first) = self.0.iter().position(|label| wanted(&label)) else {
            return Self::default();
        };
        let end = 1 + self.0.iter().rposition(|label| wanted(&label)).unwrap_or(first);
        let stretch = &self.0[first..end];
        match stretch.iter().all(|label| wanted(&label)) {
            true if stretch.len() == self.0.len() => self.clone(),
            // Nothing is left out but at the ends, as the metric's name is: their number is known, and they are copied once.
            true => Self(stretch.into()),
            false => Self::from_sorted(stretch.iter().filter(wanted).cloned()),
        }
    }

    /// From pairs of text, such as `[("__name__", "up"), ("job", "api")]`.
    #[must_use]
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let labels =
            pairs.into_iter().map(|(name, value)| Label::new(name.as_ref(), value.as_ref()));
        Self::new(labels.collect())
    }

    /// The value of a label; `None` when it has none of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.0.binary_search_by(|label| (*label.name).cmp(name)).ok()?;
        self.0.get(place).map(|label| &*label.value)
    }

    /// The metric's name; empty when there is none.
    #[must_use]
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// The labels, by ascending name.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.iter()
    }

    /// How many labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = &'a Label;
    type IntoIter = std::slice::Iter<'a, Label>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Labels {
    /// `up{job="api"}`, as PromQL writes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        out.write_str(name)?;
        let others = self.0.iter().filter(|label| &*label.name != METRIC_NAME);
        for (place, label) in others.enumerate() {
            out.write_str(if place == 0 { "{" } else { ", " })?;
            write!(out, "{}={:?}", label.name, label.value)?;
        }
        let alone = self.0.len() == usize::from(!name.is_empty());
        out.write_str(match (alone, name.is_empty()) {
            (true, true) => "{}",
            (true, false) => "",
            (false, _) => "}",
        })
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_are_wanted() {
        let labels = Labels::from_pairs([("a", "1"), ("b", "2"), ("c", "3")]);
        for wanted in ["", "a", "b", "c", "ab", "bc", "ac", "abc"] {
            let only = labels.only(|label| wanted.contains(&*label.name));
            let names: String = only.iter().map(|label| &*label.name).collect();
            assert_eq!(names, wanted);
        }
    }

    #[test]
    fn sorted_each_once_and_none_empty() {
        let labels =
            Labels::from_pairs([("b", "1"), ("a", "x"), ("b", "2"), ("c", ""), ("__name__", "up")]);
        assert_eq!(labels.to_string(), r#"up{a="x", b="2"}"#);
        assert_eq!((labels.get("b"), labels.get("c")), (Some("2"), None));
        assert_eq!(labels.metric_name(), "up");
        // An empty value that comes last takes the label away.
        assert!(Labels::from_pairs([("b", "1"), ("b", "")]).is_empty());
        assert_eq!(Labels::default().to_string(), "{}");
        assert_eq!(Labels::from_pairs([("__name__", "up")]).to_string(), "up");
        assert_eq!(Labels::from_pairs([("a", "\"")]).to_string(), r#"{a="\""}"#);
    }
}
