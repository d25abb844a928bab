//! Which entries are wanted, and which rows that is.

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};
use vigie_model::{Level, LogEntry};

use super::block::BlockError;
use super::columns::{Dictionary, Few, Text, Texts, labels_of};
use super::part::{BLOOM, RUNS, SALTS};
use super::rows::Rows;
use super::words::{self, Needs};
use crate::matcher::{MatchOp, Matcher};

/// A regular expression may take this much memory when compiled.
const REGEX_BYTES: usize = 1 << 20;

/// Why there is no such filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The regular expression does not parse, or is too large.
    #[error("the regular expression {pattern:?} does not parse: {reason}")]
    Regex {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a condition is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    /// The level's word.
    Level,
    /// [`vigie_model::LogEntry::kind`], which the API calls `type`.
    Kind,
    /// [`vigie_model::LogEntry::source`].
    Source,
    /// [`vigie_model::LogEntry::instance`].
    Instance,
    /// [`vigie_model::LogEntry::queue`].
    Queue,
    /// [`vigie_model::LogEntry::job`].
    Job,
    /// [`vigie_model::LogEntry::trace`].
    Trace,
    /// The label of the matcher's name; where an entry has none, the field of that name (`level`, `type`, `source`,
    /// `instance`, `queue`), as Loki's API shows an entry.
    Label,
}

/// A condition on a field or a label. What an entry does not have is empty.
#[derive(Debug, Clone)]
pub struct Condition {
    /// On what.
    pub field: LogField,
    /// What it is to be; its name matters for [`LogField::Label`] only.
    pub matcher: Matcher,
}

impl Condition {
    /// That a field is exactly this.
    #[must_use]
    pub fn equal(field: LogField, value: &str) -> Self {
        let matcher =
            Matcher::new("", MatchOp::Equal, value).expect("only regular expressions can be wrong");
        Self { field, matcher }
    }
}

/// Where a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextScope {
    /// In the message.
    Message,
    /// In the message and in the fields, each by itself.
    #[default]
    MessageAndFields,
}

/// A text that entries must have, or must not.
#[derive(Debug, Clone)]
pub struct TextMatch {
    how: How,
    /// What must be in a part for it to be found there; none when nothing can be said.
    needs: Option<Needs>,
    scope: TextScope,
    wanted: bool,
}

#[derive(Debug, Clone)]
enum How {
    Exact(Box<memmem::Finder<'static>>),
    Pattern(Regex),
}

impl TextMatch {
    /// That this text is somewhere. Ignoring case: ASCII letters alone, where the text is ASCII.
    ///
    /// # Errors
    /// When the text is too long to be looked for without its case.
    pub fn contains(text: &str, ignore_case: bool) -> Result<Self, FilterError> {
        let needs = (!ignore_case || text.is_ascii()).then(|| Needs::of(text.as_bytes()));
        let how =
            if ignore_case && text.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 128) {
                How::Pattern(build(
                    RegexBuilder::new(&regex::escape(text))
                        .case_insensitive(true)
                        .unicode(!text.is_ascii()),
                    text,
                )?)
            } else {
                How::Exact(Box::new(memmem::Finder::new(text.as_bytes()).into_owned()))
            };
        Ok(Self { how, needs, scope: TextScope::default(), wanted: true })
    }

    /// That this regular expression matches somewhere.
    ///
    /// # Errors
    /// When it does not parse, or needs more than 1 MiB.
    pub fn regex(pattern: &str) -> Result<Self, FilterError> {
        let how = How::Pattern(build(&mut RegexBuilder::new(pattern), pattern)?);
        Ok(Self { how, needs: None, scope: TextScope::default(), wanted: true })
    }

    /// Looked for there.
    #[must_use]
    pub fn within(self, scope: TextScope) -> Self {
        Self { scope, ..self }
    }

    /// That it is not there.
    #[must_use]
    pub fn absent(self) -> Self {
        Self { wanted: false, ..self }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        match &self.how {
            How::Exact(finder) => finder.find(text).is_some(),
            How::Pattern(regex) => regex.is_match(text),
        }
    }

    fn holds(&self, entry: &LogEntry) -> bool {
        let fields = self.scope == TextScope::MessageAndFields;
        let there =
            self.is_in(entry.message.as_bytes()) || (fields && self.is_in(entry.fields.as_bytes()));
        there == self.wanted
    }

    /// Where it is next, from `at` on: a text without anchors only.
    fn find(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = bytes.get(at..)?;
        match &self.how {
            How::Exact(finder) => {
                finder.find(rest).map(|start| (at + start, at + start + finder.needle().len()))
            }
            How::Pattern(regex) => {
                regex.find_at(bytes, at).map(|found| (found.start(), found.end()))
            }
        }
    }

    /// Which of a column's rows have it, all at once: faster than one by one.
    fn mark(&self, column: &Texts, hits: &mut [bool]) {
        let (mut at, mut row) = (0, 0);
        while let Some((start, end)) = self.find(&column.bytes, at) {
            row += column
                .ends
                .get(row..)
                .map_or(0, |ends| ends.partition_point(|end| *end as usize <= start));
            let place = column.place(row);
            if end <= place.end && !place.is_empty() {
                if let Some(hit) = hits.get_mut(row) {
                    *hit = true;
                }
                at = place.end;
            } else {
                // It lies across two rows.
                at = start + 1;
            }
        }
    }

    /// Keeps the rows that are wanted.
    fn retain(&self, rows: &Rows, kept: &mut Vec<u32>) -> Result<(), BlockError> {
        let message = rows.text(Text::Message)?;
        let fields = match self.scope {
            TextScope::Message => None,
            TextScope::MessageAndFields => {
                Some(rows.text(Text::Fields)?).filter(|fields| !fields.bytes.is_empty())
            }
        };
        let empty = matches!(&self.how, How::Exact(finder) if finder.needle().is_empty());
        if kept.len() > rows.len() / 4 && self.needs.is_some() && !empty {
            let mut hits = vec![false; rows.len()];
            self.mark(message, &mut hits);
            if let Some(fields) = fields {
                self.mark(fields, &mut hits);
            }
            kept.retain(|row| hits.get(*row as usize) == Some(&self.wanted));
        } else {
            kept.retain(|row| {
                let row = *row as usize;
                let there = self.is_in(message.get(row))
                    || fields.is_some_and(|fields| self.is_in(fields.get(row)));
                there == self.wanted
            });
        }
        Ok(())
    }
}

fn build(builder: &mut RegexBuilder, pattern: &str) -> Result<Regex, FilterError> {
    builder.size_limit(REGEX_BYTES).build().map_err(|error| FilterError::Regex {
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    })
}

/// Which entries are wanted: all conditions must hold.
#[derive(Debug, Clone)]
pub struct LogFilter {
    /// From this time on, in nanoseconds since the Unix epoch.
    pub start_nanos: i64,
    /// Up to this time, which is included.
    pub end_nanos: i64,
    /// Of this level at least.
    pub min_level: Level,
    /// Conditions on fields and labels.
    pub conditions: Vec<Condition>,
    /// Conditions on the text.
    pub texts: Vec<TextMatch>,
    /// Only entries that arrived as this one or later: see [`super::LogStore::next_number`].
    pub from_number: u64,
}

impl Default for LogFilter {
    /// Everything.
    fn default() -> Self {
        Self {
            start_nanos: i64::MIN,
            end_nanos: i64::MAX,
            min_level: Level::Unknown,
            conditions: Vec::new(),
            texts: Vec::new(),
            from_number: 0,
        }
    }
}

impl LogFilter {
    /// Whether time and level alone decide.
    pub(super) fn is_plain(&self) -> bool {
        self.conditions.is_empty() && self.texts.is_empty() && self.from_number == 0
    }

    /// Whether an entry is wanted that has no number yet: for those who follow what comes in.
    #[must_use]
    pub fn wants(&self, entry: &LogEntry) -> bool {
        entry.time_nanos >= self.start_nanos
            && entry.time_nanos <= self.end_nanos
            && entry.level >= self.min_level
            && self.conditions.iter().all(|condition| condition.holds(entry))
            && self.texts.iter().all(|text| text.holds(entry))
    }

    /// The rows that are wanted, ascending.
    pub(super) fn rows(&self, rows: &Rows) -> Result<Vec<u32>, BlockError> {
        if let Some(part) = rows.unit.part()
            && self.min_level > Level::Unknown
            && !part.counts().any(|(_, counts)| {
                counts.iter().skip(self.min_level as usize).any(|count| *count > 0)
            })
        {
            return Ok(Vec::new());
        }
        if !self.may_be_in(rows)? {
            return Ok(Vec::new());
        }
        let times = rows.times()?;
        let all = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let in_range = |time: &i64| *time >= self.start_nanos && *time <= self.end_nanos;
        let mut kept: Vec<u32> =
            if rows.unit.range().is_some_and(|(start, end)| in_range(&start) && in_range(&end)) {
                (0..all).collect()
            } else {
                (0..all).zip(times).filter(|(_, time)| in_range(time)).map(|(row, _)| row).collect()
            };
        if self.min_level > Level::Unknown && !kept.is_empty() {
            let levels = rows.levels()?;
            kept.retain(|row| {
                levels.get(*row as usize).is_some_and(|level| *level >= self.min_level as u8)
            });
        }
        if self.from_number > 0 && !kept.is_empty() {
            let numbers = rows.numbers()?;
            kept.retain(|row| {
                numbers.get(*row as usize).is_some_and(|number| *number >= self.from_number)
            });
        }
        for condition in &self.conditions {
            if kept.is_empty() {
                break;
            }
            condition.retain(rows, &mut kept)?;
        }
        for text in &self.texts {
            if kept.is_empty() {
                break;
            }
            text.retain(rows, &mut kept)?;
        }
        Ok(kept)
    }

    /// Whether the bloom filter and the bitmap leave it possible that something is found here.
    fn may_be_in(&self, rows: &Rows) -> Result<bool, BlockError> {
        let needs: Vec<&Needs> = self
            .texts
            .iter()
            .filter(|text| text.wanted)
            .filter_map(|text| text.needs.as_ref())
            .collect();
        if !needs.is_empty()
            && let Some(runs) = rows.words(RUNS)?
            && !needs.iter().all(|needs| needs.runs_may_be_in(&runs))
        {
            return Ok(false);
        }
        let value = |condition: &Condition| {
            let salt = match condition.field {
                LogField::Job => SALTS[0],
                LogField::Trace => SALTS[1],
                _ => return None,
            };
            let value = condition.matcher.value();
            let whole = condition.matcher.op() == MatchOp::Equal && !value.is_empty();
            whole.then(|| words::hash(salt, value.as_bytes()))
        };
        let values: Vec<u64> = self.conditions.iter().filter_map(value).collect();
        if values.is_empty() && !needs.iter().any(|needs| needs.words()) {
            return Ok(true);
        }
        let Some(bloom) = rows.words(BLOOM)? else { return Ok(true) };
        Ok(values.iter().all(|hash| words::may_have(&bloom, *hash))
            && needs.iter().all(|needs| needs.words_may_be_in(&bloom)))
    }
}

/// Which codes of a dictionary are wanted.
fn wanted(column: &Dictionary, matcher: &Matcher) -> Vec<bool> {
    column.values.iter().map(|value| matcher.matches(value)).collect()
}

fn retain_codes(column: &Dictionary, wanted: &[bool], kept: &mut Vec<u32>) {
    if wanted.iter().all(|wanted| *wanted) {
        return;
    }
    if !wanted.contains(&true) {
        return kept.clear();
    }
    kept.retain(|row| {
        column
            .codes
            .get(*row as usize)
            .is_some_and(|code| wanted.get(usize::from(*code)) == Some(&true))
    });
}

/// The field that an entry shows as a label of this name.
pub(super) fn field_of_label(name: &str) -> Option<LogField> {
    Some(match name {
        "level" => LogField::Level,
        "type" => LogField::Kind,
        "source" => LogField::Source,
        "instance" => LogField::Instance,
        "queue" => LogField::Queue,
        _ => return None,
    })
}

impl Condition {
    fn holds(&self, entry: &LogEntry) -> bool {
        let name = self.matcher.name();
        let field = match self.field {
            LogField::Label => match entry.labels.get(name) {
                Some(value) => return self.matcher.matches(value),
                None => field_of_label(name),
            },
            field => Some(field),
        };
        self.matcher.matches(match field {
            Some(LogField::Level) => entry.level.as_str(),
            Some(LogField::Kind) => &entry.kind,
            Some(LogField::Source) => &entry.source,
            Some(LogField::Instance) => &entry.instance,
            Some(LogField::Queue) => &entry.queue,
            Some(LogField::Job) => &entry.job,
            Some(LogField::Trace) => &entry.trace,
            Some(LogField::Label) | None => "",
        })
    }

    fn retain(&self, rows: &Rows, kept: &mut Vec<u32>) -> Result<(), BlockError> {
        let few = |which: Few, kept: &mut Vec<u32>| {
            let column = rows.few(which)?;
            retain_codes(column, &wanted(column, &self.matcher), kept);
            Ok(())
        };
        match self.field {
            LogField::Level => {
                let wanted = Level::ALL.map(|level| self.matcher.matches(level.as_str()));
                let levels = rows.levels()?;
                kept.retain(|row| {
                    levels
                        .get(*row as usize)
                        .is_some_and(|level| wanted.get(usize::from(*level)) == Some(&true))
                });
                Ok(())
            }
            LogField::Kind => few(Few::Kind, kept),
            LogField::Source => few(Few::Source, kept),
            LogField::Instance => few(Few::Instance, kept),
            LogField::Queue => few(Few::Queue, kept),
            LogField::Job => self.retain_text(rows.text(Text::Job)?, kept),
            LogField::Trace => self.retain_text(rows.text(Text::Trace)?, kept),
            LogField::Label => self.retain_label(rows, kept),
        }
    }

    fn retain_text(&self, column: &Texts, kept: &mut Vec<u32>) -> Result<(), BlockError> {
        kept.retain(|row| {
            std::str::from_utf8(column.get(*row as usize))
                .is_ok_and(|text| self.matcher.matches(text))
        });
        Ok(())
    }

    fn retain_label(&self, rows: &Rows, kept: &mut Vec<u32>) -> Result<(), BlockError> {
        let name = self.matcher.name();
        let column = rows.few(Few::Labels)?;
        let values: Vec<Option<bool>> = column
            .values
            .iter()
            .map(|text| {
                labels_of(text)
                    .ok()
                    .and_then(|labels| labels.get(name).map(|value| self.matcher.matches(value)))
            })
            .collect();
        let Some(field) = field_of_label(name) else {
            let without = self.matcher.matches("");
            let wanted: Vec<bool> = values.iter().map(|value| value.unwrap_or(without)).collect();
            retain_codes(column, &wanted, kept);
            return Ok(());
        };
        let code = |row: u32| {
            column.codes.get(row as usize).and_then(|code| *values.get(usize::from(*code))?)
        };
        let (mut by_label, mut by_field): (Vec<u32>, Vec<u32>) =
            kept.iter().partition(|row| code(**row).is_some());
        by_label.retain(|row| code(*row) == Some(true));
        if !by_field.is_empty() {
            Self { field, matcher: self.matcher.clone() }.retain(rows, &mut by_field)?;
        }
        by_label.append(&mut by_field);
        by_label.sort_unstable();
        *kept = by_label;
        Ok(())
    }
}
