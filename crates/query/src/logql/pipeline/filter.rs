//! Conditions on lines and on labels.

use regex::Regex;
use vigie_store::Matcher;

use super::address::Addresses;
use super::capture::Pattern;
use super::labels::LabelSet;
use super::regex::compile;
use crate::logql::ast::{Compare, LabelFilter, LineFilter, LineOp, LineText, Quantity};
use crate::logql::source::{Required, Sought};
use crate::logql::{ERROR, units};

const FAILED: &str = "LabelFilterErr";

/// One text of a line filter.
#[derive(Debug, Clone)]
enum LineTest {
    Contains(String),
    Regex(Regex),
    Pattern(Pattern),
    Addresses(Addresses),
}

impl LineTest {
    fn matches(&self, line: &str) -> bool {
        match self {
            Self::Contains(text) => line.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(line),
            Self::Pattern(pattern) => pattern.matches(line),
            Self::Addresses(addresses) => addresses.within(line),
        }
    }
}

/// A line filter.
#[derive(Debug, Clone)]
pub(crate) struct LineTests {
    negative: bool,
    tests: Vec<LineTest>,
}

impl LineTests {
    pub(crate) fn new(filter: &LineFilter) -> Result<Self, String> {
        let test = |text: &LineText| match (filter.op, text) {
            (_, LineText::Ip(pattern)) => Addresses::new(pattern).map(LineTest::Addresses),
            (LineOp::Contains | LineOp::NotContains, LineText::Plain(text)) => {
                Ok(LineTest::Contains(text.clone()))
            }
            (LineOp::Regex | LineOp::NotRegex, LineText::Plain(text)) => {
                compile(text).map(LineTest::Regex)
            }
            (LineOp::Pattern | LineOp::NotPattern, LineText::Plain(text)) => {
                Pattern::filter(text).map(LineTest::Pattern)
            }
        };
        let tests = filter.texts.iter().map(test).collect::<Result<_, _>>()?;
        Ok(Self { negative: filter.op.negative(), tests })
    }

    pub(crate) fn keeps(&self, line: &str) -> bool {
        self.tests.iter().any(|test| test.matches(line)) != self.negative
    }

    /// What each line has that is kept, or has not; and whether each line is kept of which that is true.
    pub(crate) fn required(&self) -> (Vec<Required>, bool) {
        let sought = |test: &LineTest| match test {
            LineTest::Contains(text) => Some(Sought::Text(text.clone())),
            LineTest::Regex(regex) => Some(Sought::Regex(regex.clone())),
            _ => None,
        };
        let wanted = !self.negative;
        let all: Vec<Sought> = self.tests.iter().filter_map(sought).collect();
        let exact = all.len() == self.tests.len();
        let what = match self.tests.as_slice() {
            // None of several is there.
            _ if self.negative => all,
            [LineTest::Pattern(pattern)] => pattern
                .longest_text()
                .map(|text| Sought::Text(text.to_owned()))
                .into_iter()
                .collect(),
            [_] => all,
            // One of several is: as one expression.
            _ => return either(&self.tests).map_or((Vec::new(), false), |one| (vec![one], true)),
        };
        (what.into_iter().map(|what| Required { what, wanted }).collect(), exact)
    }
}

/// That one of several is there, if an expression can say it.
fn either(tests: &[LineTest]) -> Option<Required> {
    let one = |test: &LineTest| match test {
        LineTest::Contains(text) => Some(regex::escape(text)),
        LineTest::Regex(regex) => Some(format!("(?:{regex})")),
        _ => None,
    };
    let all = tests.iter().map(one).collect::<Option<Vec<String>>>()?;
    Some(Required { what: Sought::Regex(compile(&all.join("|")).ok()?), wanted: true })
}

/// A condition on labels.
#[derive(Debug, Clone)]
pub(crate) enum LabelTest {
    Text(Matcher),
    Quantity(String, Compare, Quantity),
    Addresses(String, bool, Addresses),
    And(Box<(LabelTest, LabelTest)>),
    Or(Box<(LabelTest, LabelTest)>),
}

impl LabelTest {
    pub(crate) fn new(filter: &LabelFilter) -> Result<Self, String> {
        let both = |both: &(LabelFilter, LabelFilter)| {
            Ok::<_, String>(Box::new((Self::new(&both.0)?, Self::new(&both.1)?)))
        };
        Ok(match filter {
            LabelFilter::Text(matcher) => Self::Text(matcher.clone()),
            LabelFilter::Quantity(name, compare, value) => {
                Self::Quantity(name.clone(), *compare, *value)
            }
            LabelFilter::Ip { name, negative, pattern } => {
                Self::Addresses(name.clone(), *negative, Addresses::new(pattern)?)
            }
            LabelFilter::And(sides) => Self::And(both(sides)?),
            LabelFilter::Or(sides) => Self::Or(both(sides)?),
        })
    }

    /// Adds the names of labels that are looked at.
    pub(crate) fn names(&self, all: &mut Vec<String>) {
        match self {
            Self::Text(matcher) if matcher.name() == ERROR => {}
            Self::Text(matcher) => all.push(matcher.name().to_owned()),
            Self::Quantity(name, ..) | Self::Addresses(name, ..) => all.push(name.clone()),
            Self::And(both) | Self::Or(both) => {
                both.0.names(all);
                both.1.names(all);
            }
        }
    }

    /// A label without which no line is kept.
    pub(crate) fn needs(&self) -> Option<&str> {
        match self {
            Self::Text(matcher) if matcher.name() != ERROR && !matcher.matches("") => {
                Some(matcher.name())
            }
            Self::Quantity(name, ..) => Some(name),
            Self::And(both) => both.0.needs().or_else(|| both.1.needs()),
            _ => None,
        }
    }

    /// Whether a line with these labels is kept; what cannot be compared is kept with an error.
    pub(crate) fn keeps(&self, labels: &mut LabelSet) -> bool {
        match self {
            Self::Text(matcher) if matcher.name() == ERROR => {
                matcher.matches(labels.error().unwrap_or_default())
            }
            Self::Text(matcher) => matcher.matches(labels.get(matcher.name()).unwrap_or_default()),
            Self::Quantity(name, compare, value) => {
                let Some(text) = labels.get(name) else { return false };
                let held = match value {
                    Quantity::Number(value) => {
                        units::number_of(text).map(|found| compare.holds(found, *value))
                    }
                    Quantity::Duration(value) => {
                        units::duration(text).map(|found| compare.holds(found, *value))
                    }
                    Quantity::Bytes(value) => {
                        units::bytes(text).map(|found| compare.holds(found, *value))
                    }
                };
                held.unwrap_or_else(|why| {
                    labels.fail_first(FAILED, why);
                    true
                })
            }
            Self::Addresses(..) if labels.error().is_some() => true,
            Self::Addresses(name, negative, addresses) => {
                labels.get(name).is_some_and(|text| addresses.within(text) != *negative)
            }
            Self::And(both) => {
                let left = both.0.keeps(labels);
                both.1.keeps(labels) && left
            }
            Self::Or(both) => both.0.keeps(labels) || both.1.keeps(labels),
        }
    }
}
