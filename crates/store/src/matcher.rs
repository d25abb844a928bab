//! Which series are wanted: label matchers with Prometheus's meaning.

use std::borrow::Cow;
use std::fmt;

use regex::{Regex, RegexBuilder};

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, the whole value
    Regex,
    /// `!~`, the whole value
    NotRegex,
}

impl MatchOp {
    /// As PromQL writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// Why there is no such matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The regular expression does not parse, or is too large.
    #[error("error parsing regexp {pattern:?}: {reason}")]
    Regex {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// One condition on one label. A label that a series does not have counts as empty.
#[derive(Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

/// A regular expression may take this much memory when compiled.
const REGEX_BYTES: usize = 1 << 20;

impl Matcher {
    /// A matcher; regular expressions are anchored at both ends, and a dot matches line breaks.
    ///
    /// # Errors
    /// When the regular expression does not parse or needs more than 1 MiB.
    pub fn new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(
                RegexBuilder::new(&format!("^(?s:{})$", with_plain_braces(&value)))
                    .size_limit(REGEX_BYTES)
                    .build()
                    .map_err(|error| MatcherError::Regex {
                        pattern: value.clone(),
                        reason: error.to_string(),
                    })?,
            ),
        };
        Ok(Self { name, op, value, regex })
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with, as it was given.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether each value of the label must be looked at to know which are wanted.
    pub(crate) fn is_regex(&self) -> bool {
        self.regex.is_some()
    }

    /// Whether a label with this value (empty: no such label) is wanted.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        found == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }
}

/// Escapes each `{` that opens no repetition: Go's expressions take it as it is, ours would refuse it.
#[must_use]
pub fn with_plain_braces(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains('{') {
        return Cow::Borrowed(pattern);
    }
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut rest = pattern.chars();
    let mut in_class = false;
    while let Some(one) = rest.next() {
        match one {
            '\\' => {
                out.push(one);
                let Some(escaped) = rest.next() else { break };
                out.push(escaped);
                // A class or a character by name: \p{Greek}, \x{10FFFF}.
                if matches!(escaped, 'p' | 'P' | 'x') && rest.as_str().starts_with('{') {
                    let name: String = rest.by_ref().take_while(|one| *one != '}').collect();
                    out.push_str(&name);
                    out.push('}');
                }
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '{' if !in_class && !repeats(rest.as_str()) => out.push('\\'),
            _ => {}
        }
        out.push(one);
    }
    Cow::Owned(out)
}

/// Whether what follows a `{` makes it a repetition: `3}`, `3,}`, `3,5}`.
fn repeats(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && digits(least) && digits(most)
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_mean_the_whole_value() {
        let matches =
            |op, pattern: &str, value| Matcher::new("a", op, pattern).unwrap().matches(value);
        assert!(matches(MatchOp::Regex, "a|b", "a"));
        assert!(!matches(MatchOp::Regex, "a|b", "ab"));
        assert!(matches(MatchOp::NotRegex, "a|b", "ab"));
        assert!(matches(MatchOp::Regex, "a.b", "a\nb"));
        assert!(matches(MatchOp::Regex, "", ""));
        assert!(matches(MatchOp::Equal, "", ""));
        assert!(matches(MatchOp::NotEqual, "x", ""));
    }

    #[test]
    fn a_brace_that_repeats_nothing_is_a_brace() {
        let matches = |pattern: &str, value| {
            Matcher::new("a", MatchOp::Regex, pattern).unwrap().matches(value)
        };
        assert!(matches("re.*|u{p", "u{p"));
        assert!(matches("a{2}b{1,}c{0,1}", "aabbc"));
        assert!(matches(r"\{x\}{,2}", "{x}{,2}"));
        assert!(matches(r"\p{Greek}\x{41}", "αA"));
        assert!(matches("[{]{2}", "{{"));
        assert!(matches("é{é", "é{é"));
    }

    #[test]
    fn an_expression_made_to_explode_is_refused() {
        let error = Matcher::new("a", MatchOp::Regex, "((a{1000}){1000}){1000}").unwrap_err();
        assert!(error.to_string().starts_with("error parsing regexp"), "{error}");
        assert!(Matcher::new("a", MatchOp::Regex, "(").is_err());
    }
}
