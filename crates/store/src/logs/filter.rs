//! Which entries are wanted, and which rows that is.

use vigie_model::{Level, LogEntry};

use super::columns::{Dictionary, Few, Text, Texts, labels_of};
use super::part::{BLOOM, RUNS, SALTS};
use super::rows::Rows;
use super::text::TextMatch;
use super::words::{self, Needs};
use crate::block_file::BlockError;
use crate::matcher::{MatchOp, Matcher};

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
        let all = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let in_range = |time: &i64| *time >= self.start_nanos && *time <= self.end_nanos;
        let mut kept: Vec<u32> =
            if rows.unit.range().is_some_and(|(start, end)| in_range(&start) && in_range(&end)) {
                (0..all).collect()
            } else {
                (0..all)
                    .zip(rows.times()?)
                    .filter(|(_, time)| in_range(time))
                    .map(|(row, _)| row)
                    .collect()
            };
        if self.min_level > Level::Unknown && !kept.is_empty() {
            let levels = rows.levels()?;
            keep(&mut kept, |row| {
                levels.get(row).is_some_and(|level| *level >= self.min_level as u8)
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
        let needs: Vec<&Needs> = self.texts.iter().filter_map(TextMatch::needs).collect();
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

/// Keeps the rows of which `wanted` is true, without a branch for each: which ones they are is often like the throw of a coin.
pub(super) fn keep(kept: &mut Vec<u32>, wanted: impl Fn(usize) -> bool) {
    let mut count = 0;
    for at in 0..kept.len() {
        let row = kept.get(at).copied().unwrap_or(0);
        if let Some(slot) = kept.get_mut(count) {
            *slot = row;
        }
        count += usize::from(wanted(row as usize));
    }
    kept.truncate(count);
}

fn retain_codes(column: &Dictionary, wanted: &[bool], kept: &mut Vec<u32>) {
    if wanted.iter().all(|wanted| *wanted) {
        return;
    }
    if !wanted.contains(&true) {
        return kept.clear();
    }
    keep(kept, |row| {
        column.codes.get(row).is_some_and(|code| wanted.get(usize::from(*code)) == Some(&true))
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
        let by_field = Self { field, matcher: self.matcher.clone() };
        if values.iter().all(Option::is_none) {
            return by_field.retain(rows, kept);
        }
        let code = |row: u32| {
            column.codes.get(row as usize).and_then(|code| *values.get(usize::from(*code))?)
        };
        let (mut labelled, mut others): (Vec<u32>, Vec<u32>) =
            kept.iter().partition(|row| code(**row).is_some());
        labelled.retain(|row| code(*row) == Some(true));
        if !others.is_empty() {
            by_field.retain(rows, &mut others)?;
        }
        labelled.append(&mut others);
        labelled.sort_unstable();
        *kept = labelled;
        Ok(())
    }
}
