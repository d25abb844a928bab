//! Entries by the values of some labels, for those who want no other labels: when they were, and their messages.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use memchr::memmem;
use vigie_model::Level;

use super::columns::{Few, Text, labels_of};
use super::filter::{LogField, LogFilter, field_of_label};
use super::rows::{Rows, Unit};
use super::scan::{Cancelled, LogReadError};
use super::store::LogStore;
use super::text::TextMatch;
use crate::block_file::BlockError;

/// What stands where a message may have any decimal number, without zeros before it. No message says of itself what a `0` is.
pub const DECIMAL_HERE: char = '0';
/// What stands where it may have any digits of hexadecimal, the letters small. It may stand for itself, too.
pub const HEX_HERE: char = '\u{7f}';
/// What stands where it may have any letters and digits. It may stand for itself, too.
pub const WORD_HERE: char = '\u{fffd}';

/// Says which parts of a message matter, one after the other: it is told one in which [`DECIMAL_HERE`], [`HEX_HERE`] and [`WORD_HERE`]
/// stand for what each message has of its own.
pub type Parts<'a> = &'a dyn Fn(&str) -> Vec<Range<usize>>;

/// What is wanted of messages, which cost more than all else.
#[derive(Clone, Copy)]
pub enum Messages<'a> {
    /// Nothing: they are empty.
    Nothing,
    /// All of them.
    Whole,
    /// These parts, with a space between them; or all, where that costs no more.
    Parts(Parts<'a>),
}

/// What is wanted of entries.
#[derive(Clone, Copy)]
pub struct LinesOf<'a> {
    /// The labels by which they are told apart, as [`LogField::Label`] has them.
    pub labels: &'a [String],
    /// What of their messages.
    pub messages: Messages<'a>,
    /// What an entry must have that is without one of these labels, which is said by its place.
    pub without: Option<(usize, &'a TextMatch)>,
}

/// Takes the values of the labels, and time in nanoseconds and message of the entries of some stretch of time that have them, by
/// ascending time.
pub type EachLines<'a> = &'a mut dyn FnMut(&[Arc<str>], &[(i64, &str)]) -> ControlFlow<()>;

/// The entries of a part that are told apart by nothing so far, or by all labels.
struct Groups {
    values: Vec<Vec<Arc<str>>>,
    /// Of each row that is wanted, which of those it has.
    of: Vec<u32>,
}

impl LogStore {
    /// Gives all entries to `each`, a part of the store at a time; parts may overlap. The value of a label that an entry does not
    /// have is empty. False: some entry lacks one, but may have a field, job or trace of that name; then not all of them were given.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn lines(
        &self,
        mut filter: LogFilter,
        of: LinesOf<'_>,
        cancelled: Cancelled<'_>,
        each: EachLines<'_>,
    ) -> Result<bool, LogReadError> {
        let mut units = self.0.units(&mut filter);
        units.sort_by_key(|unit| unit.range().map_or(0, |(start, _)| start));
        for unit in units {
            if cancelled() {
                return Err(LogReadError::Cancelled);
            }
            match hand_out(&filter, unit, of, each) {
                Ok(None) => return Ok(false),
                Ok(Some(ControlFlow::Break(()))) => return Ok(true),
                Ok(Some(ControlFlow::Continue(()))) => {}
                Err(error) => self.0.unreadable(&error),
            }
        }
        Ok(true)
    }
}

fn hand_out(
    filter: &LogFilter,
    unit: Unit,
    of: LinesOf<'_>,
    each: EachLines<'_>,
) -> Result<Option<ControlFlow<()>>, BlockError> {
    let rows = Rows::new(unit);
    let mut wanted = filter.rows(&rows)?;
    let Some(mut groups) = Groups::of(&rows, &wanted, of.labels)? else { return Ok(None) };
    if let Some((label, text)) = of.without {
        groups.retain_with(&rows, &mut wanted, label, text)?;
    }
    if wanted.is_empty() {
        return Ok(Some(ControlFlow::Continue(())));
    }
    let times = rows.times()?;
    let messages = match of.messages {
        Messages::Nothing => None,
        Messages::Whole => Some(rows.text_of_rows(Text::Message, &wanted, None)?),
        Messages::Parts(parts) => Some(rows.text_of_rows(Text::Message, &wanted, Some(parts))?),
    };
    let mut counts = vec![0; groups.values.len()];
    for group in &groups.of {
        if let Some(count) = counts.get_mut(*group as usize) {
            *count += 1;
        }
    }
    let lines = counts.into_iter().map(Vec::with_capacity);
    let mut found: Vec<_> = groups.values.into_iter().zip(lines).collect();
    for (row, group) in wanted.iter().zip(groups.of) {
        let row = *row as usize;
        let message = messages.as_ref().map_or(&[][..], |messages| messages.get(row));
        let message =
            std::str::from_utf8(message).map_err(|_| rows.wrong("a text is not UTF-8"))?;
        if let Some((_, lines)) = found.get_mut(group as usize) {
            lines.push((times.get(row).copied().unwrap_or(0), message));
        }
    }
    for (values, lines) in found.iter_mut().filter(|(_, lines)| !lines.is_empty()) {
        if rows.unit.part().is_none() {
            // Those of the head are as they came.
            lines.sort_by_key(|(time, _)| *time);
        }
        if each(values, lines).is_break() {
            return Ok(Some(ControlFlow::Break(())));
        }
    }
    Ok(Some(ControlFlow::Continue(())))
}

impl Groups {
    /// Of entries by labels; `None`: one of them lacks one, but may have something else of that name.
    fn of(rows: &Rows, wanted: &[u32], labels: &[String]) -> Result<Option<Self>, BlockError> {
        let mut groups = Self { values: vec![Vec::new()], of: vec![0; wanted.len()] };
        for name in labels {
            if !wanted.is_empty() && !groups.split(rows, wanted, name)? {
                return Ok(None);
            }
        }
        Ok(Some(groups))
    }

    /// Keeps the rows that have a label or this text.
    fn retain_with(
        &mut self,
        rows: &Rows,
        wanted: &mut Vec<u32>,
        label: usize,
        text: &TextMatch,
    ) -> Result<(), BlockError> {
        let mut having = wanted.clone();
        text.retain(rows, &mut having)?;
        let most = having.len();
        let mut having = having.into_iter().peekable();
        let labelled = |group: u32| {
            let value = self.values.get(group as usize).and_then(|values| values.get(label));
            value.is_some_and(|value| !value.is_empty())
        };
        let labelled: Vec<bool> = (0..self.values.len() as u32).map(labelled).collect();
        if labelled == [false] {
            (self.of, *wanted) = (vec![0; most], having.collect());
            return Ok(());
        }
        let (mut rows, mut of) = (Vec::with_capacity(most), Vec::with_capacity(most));
        for (row, group) in wanted.iter().zip(&self.of) {
            if having.next_if_eq(row).is_some() || labelled.get(*group as usize) == Some(&true) {
                rows.push(*row);
                of.push(*group);
            }
        }
        (*wanted, self.of) = (rows, of);
        Ok(())
    }

    /// Tells entries apart by one more label; false: one of them has none.
    fn split(&mut self, rows: &Rows, wanted: &[u32], name: &str) -> Result<bool, BlockError> {
        let mut ids = Ids::default();
        let labels = rows.few(Few::Labels)?;
        let own: Vec<Option<u32>> = labels
            .values
            .iter()
            .map(|text| labels_of(text).ok()?.get(name).map(|value| ids.of(&Arc::from(value))))
            .collect();
        let mut few = |which: Few| {
            let column = rows.few(which)?;
            let known: Vec<u32> = column.values.iter().map(|value| ids.of(value)).collect();
            Ok::<_, BlockError>(Some((known, column)))
        };
        let field = match field_of_label(name) {
            Some(LogField::Kind) => few(Few::Kind)?,
            Some(LogField::Source) => few(Few::Source)?,
            Some(LogField::Instance) => few(Few::Instance)?,
            Some(LogField::Queue) => few(Few::Queue)?,
            _ => None,
        };
        let levels = if name == "level" {
            let known = Level::ALL.map(|level| ids.of(&Arc::from(level.as_str())));
            Some((known, rows.levels()?))
        } else {
            None
        };
        let id = |row: usize| -> Option<u32> {
            if let Some(Some(own)) = own.get(usize::from(*labels.codes.get(row)?)) {
                return Some(*own);
            }
            if let Some((known, column)) = &field {
                return known.get(usize::from(*column.codes.get(row)?)).copied();
            }
            let (known, levels) = levels.as_ref()?;
            known.get(usize::from(*levels.get(row)?)).copied()
        };
        let empty = ids.of(&Arc::from(""));
        let mut fields = Fields::new(rows, name);
        let nobody = own.iter().all(Option::is_none) && field.is_none() && levels.is_none();
        if nobody && !fields.any_may_have()? {
            self.values.iter_mut().for_each(|values| values.push(Arc::from("")));
            return Ok(true);
        }
        let (mut pairs, mut values) = (HashMap::new(), Vec::new());
        let mut last = None;
        for (row, group) in wanted.iter().zip(&mut self.of) {
            let id = id(*row as usize).unwrap_or(empty);
            if id == empty && fields.may_have(*row as usize)? {
                return Ok(false);
            }
            let pair = (*group, id);
            *group = match last {
                Some((before, known)) if before == pair => known,
                _ => *pairs.entry(pair).or_insert_with(|| {
                    let mut all = self.values.get(pair.0 as usize).cloned().unwrap_or_default();
                    all.extend(ids.values.get(id as usize).cloned());
                    values.push(all);
                    values.len() as u32 - 1
                }),
            };
            last = Some((pair, *group));
        }
        self.values = values;
        Ok(true)
    }
}

/// Whether an entry may have something else of a label's name: a field, whose own name may be in pieces, or one that stands for its
/// job, its trace or its level's word.
struct Fields<'a> {
    rows: &'a Rows,
    /// A piece that is in each name of which this one is made.
    piece: Option<memmem::Finder<'a>>,
    own: bool,
}

impl<'a> Fields<'a> {
    fn new(rows: &'a Rows, name: &'a str) -> Self {
        let piece = name.split('_').find(|piece| !piece.is_empty());
        let own = ["job", "trace", "level"].iter().any(|own| name.starts_with(own));
        Self { rows, piece: piece.map(memmem::Finder::new), own }
    }

    /// Whether one of all rows may.
    fn any_may_have(&self) -> Result<bool, BlockError> {
        let fields = &self.rows.text(Text::Fields)?.bytes;
        let said = |piece: &memmem::Finder<'_>| {
            piece.find(fields).is_some() || memchr::memchr(b'\\', fields).is_some()
        };
        Ok(self.own || self.piece.as_ref().map_or(!fields.is_empty(), said))
    }

    fn may_have(&mut self, row: usize) -> Result<bool, BlockError> {
        if self.own {
            let ids = [self.rows.text(Text::Job)?, self.rows.text(Text::Trace)?];
            let word = self.rows.few(Few::LevelText)?.get(row).is_some_and(|word| !word.is_empty());
            if word || ids.iter().any(|column| !column.get(row).is_empty()) {
                return Ok(true);
            }
        }
        let fields = self.rows.text(Text::Fields)?.get(row);
        let Some(piece) = &self.piece else { return Ok(!fields.is_empty()) };
        // With a backslash a name may be written in another way.
        Ok(!fields.is_empty()
            && (piece.find(fields).is_some() || memchr::memchr(b'\\', fields).is_some()))
    }
}

/// Numbers for the values of a label.
#[derive(Default)]
struct Ids {
    known: HashMap<Arc<str>, u32>,
    values: Vec<Arc<str>>,
}

impl Ids {
    fn of(&mut self, value: &Arc<str>) -> u32 {
        if let Some(known) = self.known.get(value) {
            return *known;
        }
        let id = self.values.len() as u32;
        self.known.insert(value.clone(), id);
        self.values.push(value.clone());
        id
    }
}
