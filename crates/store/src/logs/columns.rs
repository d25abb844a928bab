//! Entries as columns in memory: what the head holds, and what a part of a block is made of and read into.

use std::collections::HashMap;
use std::sync::Arc;

use vigie_model::{Label, Labels, Level, LogEntry};

use crate::bytes::Corrupt;

/// Fields with few values: a dictionary and a code a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Few {
    Kind,
    Source,
    Instance,
    Queue,
    LevelText,
    Labels,
}

/// How many [`Few`].
pub const FEW: usize = 6;

/// Fields with a text of its own a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Text {
    Job,
    Trace,
    Message,
    Fields,
}

/// How many [`Text`].
pub const TEXTS: usize = 4;

/// A column of codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dictionary {
    /// Each value once.
    pub values: Vec<Arc<str>>,
    /// Which one a row has.
    pub codes: Vec<u16>,
}

impl Dictionary {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Option<&Arc<str>> {
        self.values.get(usize::from(*self.codes.get(row)?))
    }
}

/// A column of texts, one behind the other.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// Where the first one begins: what was read has something else before it.
    pub start: usize,
    /// Where each ends.
    pub ends: Vec<u32>,
    /// All of them.
    pub bytes: Vec<u8>,
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        let same = |row| self.get(row) == other.get(row);
        self.ends.len() == other.ends.len() && (0..self.ends.len()).all(same)
    }
}
impl Eq for Texts {}

impl Texts {
    /// Where the text of a row is.
    pub fn place(&self, row: usize) -> std::ops::Range<usize> {
        let start = row
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(self.start, |end| *end as usize);
        start..self.ends.get(row).map_or(start, |end| *end as usize)
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> &[u8] {
        self.bytes.get(self.place(row)).unwrap_or_default()
    }

    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }
}

/// Rows of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Nanoseconds since the Unix epoch.
    pub times: Vec<i64>,
    /// The number of each entry in the order of arrival.
    pub numbers: Vec<u64>,
    /// [`Level`] as a number.
    pub levels: Vec<u8>,
    pub few: [Dictionary; FEW],
    pub texts: [Texts; TEXTS],
}

impl Columns {
    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Memory, about.
    pub fn bytes(&self) -> usize {
        let texts: usize =
            self.texts.iter().map(|text| text.bytes.len() + 4 * text.ends.len()).sum();
        texts + self.len() * (17 + 2 * FEW)
    }

    /// Bytes of text.
    pub fn text_bytes(&self) -> usize {
        self.texts.iter().map(|text| text.bytes.len()).sum()
    }
}

/// The level with this number; those of a later Vigie are unknown.
pub fn level(number: u8) -> Level {
    Level::ALL.get(usize::from(number)).copied().unwrap_or_default()
}

/// Labels as one text: length, colon, name, length, colon, value, and so on. No labels: empty.
pub fn labels_text(labels: &Labels) -> String {
    let mut out = String::new();
    for label in labels {
        for part in [&label.name, &label.value] {
            out.push_str(&part.len().to_string());
            out.push(':');
            out.push_str(part);
        }
    }
    out
}

/// What [`labels_text`] made.
pub fn labels_of(text: &str) -> Result<Labels, Corrupt> {
    const WRONG: Corrupt = Corrupt("labels that cannot be read");
    let (mut rest, mut parts) = (text, Vec::new());
    while !rest.is_empty() {
        let (length, after) = rest.split_once(':').ok_or(WRONG)?;
        let length: usize = length.parse().map_err(|_| WRONG)?;
        let (part, after) = after.split_at_checked(length).ok_or(WRONG)?;
        parts.push(part);
        rest = after;
    }
    let pairs = parts.chunks(2).map(|pair| match pair {
        [name, value] => Ok(Label::new(*name, *value)),
        _ => Err(WRONG),
    });
    Ok(Labels::new(pairs.collect::<Result<_, _>>()?))
}

/// Which codes of a builder the codes of other columns are, as far as that is known.
#[derive(Debug, Default)]
pub struct Codes([Vec<Option<u16>>; FEW]);

/// Columns that grow.
#[derive(Debug, Default)]
pub struct Builder {
    /// What there is so far.
    pub columns: Columns,
    known: [HashMap<Arc<str>, u16>; FEW],
    /// The labels of the row before, and their text: streams come in runs.
    last_labels: Option<(Labels, Arc<str>)>,
}

impl Builder {
    fn few(&mut self, which: Few, value: &Arc<str>) {
        let place = which as usize;
        let (Some(column), Some(known)) =
            (self.columns.few.get_mut(place), self.known.get_mut(place))
        else {
            return;
        };
        // Most rows are like the one before.
        if let Some(last) = column.codes.last().copied()
            && column.values.get(usize::from(last)).is_some_and(|before| before == value)
        {
            return column.codes.push(last);
        }
        let code = match known.get(value) {
            Some(code) => *code,
            None => {
                let code = u16::try_from(column.values.len())
                    .expect("a chunk or part has at most 65,536 rows");
                column.values.push(value.clone());
                known.insert(value.clone(), code);
                code
            }
        };
        column.codes.push(code);
    }

    fn text(&mut self, which: Text, value: &[u8]) {
        if let Some(column) = self.columns.texts.get_mut(which as usize) {
            column.push(value);
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, number: u64, entry: &LogEntry) {
        self.columns.times.push(entry.time_nanos);
        self.columns.numbers.push(number);
        self.columns.levels.push(entry.level as u8);
        self.few(Few::Kind, &entry.kind);
        self.few(Few::Source, &entry.source);
        self.few(Few::Instance, &entry.instance);
        self.few(Few::Queue, &entry.queue);
        self.few(Few::LevelText, &entry.level_text);
        let labels = match &self.last_labels {
            Some((labels, text)) if *labels == entry.labels => text.clone(),
            _ => {
                let text: Arc<str> = labels_text(&entry.labels).into();
                self.last_labels = Some((entry.labels.clone(), text.clone()));
                text
            }
        };
        self.few(Few::Labels, &labels);
        self.text(Text::Job, entry.job.as_bytes());
        self.text(Text::Trace, entry.trace.as_bytes());
        self.text(Text::Message, entry.message.as_bytes());
        self.text(Text::Fields, entry.fields.as_bytes());
    }

    /// Adds a row of others. `codes` is kept from row to row of the same `from`.
    pub fn copy(&mut self, from: &Columns, row: usize, codes: &mut Codes) {
        self.columns.times.push(from.times.get(row).copied().unwrap_or_default());
        self.columns.numbers.push(from.numbers.get(row).copied().unwrap_or_default());
        self.columns.levels.push(from.levels.get(row).copied().unwrap_or_default());
        for which in
            [Few::Kind, Few::Source, Few::Instance, Few::Queue, Few::LevelText, Few::Labels]
        {
            let place = which as usize;
            let (Some(column), Some(codes)) = (from.few.get(place), codes.0.get_mut(place)) else {
                continue;
            };
            codes.resize(column.values.len(), None);
            let code = column.codes.get(row).copied().map_or(0, usize::from);
            match (codes.get(code), column.values.get(code)) {
                (Some(Some(known)), _) => {
                    if let Some(to) = self.columns.few.get_mut(place) {
                        to.codes.push(*known);
                    }
                }
                (_, Some(value)) => {
                    self.few(which, value);
                    let made = self.columns.few.get(place).and_then(|to| to.codes.last());
                    if let Some(slot) = codes.get_mut(code) {
                        *slot = made.copied();
                    }
                }
                _ => {}
            }
        }
        for (to, from) in self.columns.texts.iter_mut().zip(&from.texts) {
            to.push(from.get(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn labels_come_back(pairs in prop::collection::vec((".{0,8}", ".{1,8}"), 0..6)) {
            let labels = Labels::from_pairs(pairs);
            prop_assert_eq!(labels_of(&labels_text(&labels)), Ok(labels));
        }

        #[test]
        fn any_text_is_labels_or_an_error(text: String) {
            let _ = labels_of(&text);
        }
    }
}
