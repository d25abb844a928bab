//! Rows to search: a chunk of the head, or a part of a block, whose columns are read when they are asked for.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use vigie_model::LogEntry;

use super::block::Block;
use super::columns::{Columns, Dictionary, FEW, Few, TEXTS, Text, Texts, labels_of, level};
use super::lines::Parts;
use super::part::{self, PartMeta, SHAPED};
use super::shaped::{self, Named};
use super::verdict::{Judge, Verdict};
use crate::block_file::BlockError;
use crate::bytes::Corrupt;

/// Where rows are.
#[derive(Clone)]
pub enum Unit {
    Chunk(Arc<Columns>),
    Part(Arc<Block>, usize),
}

impl Unit {
    /// Time of the first and the last row.
    pub fn range(&self) -> Option<(i64, i64)> {
        match self {
            Self::Chunk(columns) => {
                Some((*columns.times.iter().min()?, *columns.times.iter().max()?))
            }
            Self::Part(block, place) => {
                block.meta.parts.get(*place).map(|part| (part.start, part.end))
            }
        }
    }

    pub fn part(&self) -> Option<&PartMeta> {
        match self {
            Self::Chunk(_) => None,
            Self::Part(block, place) => block.meta.parts.get(*place),
        }
    }

    /// The least number of its entries.
    pub fn first_number(&self) -> u64 {
        match self {
            Self::Chunk(columns) => columns.numbers.iter().copied().min().unwrap_or(0),
            Self::Part(..) => self.part().map_or(0, |part| part.first_number),
        }
    }

    /// The greatest number of its entries.
    pub fn last_number(&self) -> u64 {
        match self {
            Self::Chunk(columns) => columns.numbers.iter().copied().max().unwrap_or(0),
            Self::Part(..) => self.part().map_or(0, |part| part.last_number),
        }
    }
}

/// Rows whose columns are at hand, or are read.
pub struct Rows {
    pub unit: Unit,
    times: OnceCell<Vec<i64>>,
    numbers: OnceCell<Vec<u64>>,
    levels: OnceCell<Vec<u8>>,
    few: [OnceCell<Dictionary>; FEW],
    texts: [OnceCell<Texts>; TEXTS],
    shapes: [OnceCell<Dictionary>; SHAPED.len()],
    /// What rows have of their own in columns with shapes: it is searched, and then texts are made of it.
    own: [OnceCell<Vec<u8>>; SHAPED.len()],
}

/// [`OnceCell`] with a maker that may fail.
fn once<T>(
    cell: &OnceCell<T>,
    make: impl FnOnce() -> Result<T, BlockError>,
) -> Result<&T, BlockError> {
    if let Some(there) = cell.get() {
        return Ok(there);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

impl Rows {
    pub fn new(unit: Unit) -> Self {
        Self {
            unit,
            times: OnceCell::new(),
            numbers: OnceCell::new(),
            levels: OnceCell::new(),
            few: Default::default(),
            texts: Default::default(),
            shapes: Default::default(),
            own: Default::default(),
        }
    }

    pub fn len(&self) -> usize {
        match &self.unit {
            Unit::Chunk(columns) => columns.len(),
            Unit::Part(..) => self.unit.part().map_or(0, |part| part.rows as usize),
        }
    }

    /// Memory of all columns when they are read, about; those of the head are there.
    pub fn bytes(&self) -> usize {
        let of = |part: &PartMeta| part.text as usize + self.len() * (17 + 2 * FEW + 4 * TEXTS);
        self.unit.part().map_or(0, of)
    }

    /// The raw bytes of a column of a part, read by `decode`.
    fn column<T>(
        &self,
        which: usize,
        decode: impl FnOnce(Vec<u8>, usize) -> Result<T, Corrupt>,
    ) -> Result<T, BlockError> {
        let (Unit::Part(block, _), Some(part)) = (&self.unit, self.unit.part()) else {
            return Err(self.wrong("a part that is not there"));
        };
        decode(block.column(part, which)?, part.rows as usize)
            .map_err(|Corrupt(what)| block.file.damage(part.column(which).0, what))
    }

    pub fn times(&self) -> Result<&[i64], BlockError> {
        match &self.unit {
            Unit::Chunk(columns) => Ok(&columns.times),
            Unit::Part(..) => {
                once(&self.times, || self.column(part::TIMES, |raw, rows| part::times(&raw, rows)))
                    .map(Vec::as_slice)
            }
        }
    }

    pub fn numbers(&self) -> Result<&[u64], BlockError> {
        match &self.unit {
            Unit::Chunk(columns) => Ok(&columns.numbers),
            Unit::Part(..) => once(&self.numbers, || {
                self.column(part::NUMBERS, |raw, rows| part::numbers(&raw, rows))
            })
            .map(Vec::as_slice),
        }
    }

    pub fn levels(&self) -> Result<&[u8], BlockError> {
        let read = |raw: Vec<u8>, rows| {
            if raw.len() == rows { Ok(raw) } else { Err(Corrupt("levels of another length")) }
        };
        match &self.unit {
            Unit::Chunk(columns) => Ok(&columns.levels),
            Unit::Part(..) => {
                once(&self.levels, || self.column(part::LEVEL_CODES, read)).map(Vec::as_slice)
            }
        }
    }

    pub fn few(&self, which: Few) -> Result<&Dictionary, BlockError> {
        let place = which as usize;
        match (&self.unit, self.few.get(place)) {
            (Unit::Part(..), Some(cell)) => once(cell, || {
                self.column(part::FIRST_FEW + place, |raw, rows| part::dictionary(&raw, rows))
            }),
            (Unit::Chunk(columns), _) => {
                Ok(columns.few.get(place).expect("each field has a column"))
            }
            _ => Err(BlockError::Damaged { file: String::new(), offset: 0, what: "no such field" }),
        }
    }

    pub fn text(&self, which: Text) -> Result<&Texts, BlockError> {
        let place = which as usize;
        match (&self.unit, self.texts.get(place)) {
            (Unit::Part(..), Some(cell)) => once(cell, || self.read_text(which, None)),
            (Unit::Chunk(columns), _) => {
                Ok(columns.texts.get(place).expect("each field has a column"))
            }
            _ => Err(BlockError::Damaged { file: String::new(), offset: 0, what: "no such field" }),
        }
    }

    /// Reads a column of texts; of one with shapes only these rows, if some are named: the others are empty.
    fn read_text(&self, which: Text, of: Option<Named<'_>>) -> Result<Texts, BlockError> {
        match self.shaped(which)? {
            Some((shapes, own)) => {
                shaped::decode(shapes, own, of).map_err(|Corrupt(what)| self.wrong(what))
            }
            None => self.column(part::FIRST_TEXT + which as usize, part::texts),
        }
    }

    /// A column of texts, in which rows that are not wanted may be empty, and of others parts that are not.
    pub fn text_of_rows(
        &self,
        which: Text,
        wanted: &[u32],
        parts: Option<Parts<'_>>,
    ) -> Result<Cow<'_, Texts>, BlockError> {
        let there = self.texts.get(which as usize).is_some_and(|cell| cell.get().is_some());
        if there || self.shapes(which)?.is_none() {
            return self.text(which).map(Cow::Borrowed);
        }
        self.read_text(which, Some((wanted, parts))).map(Cow::Owned)
    }

    /// Which rows of a column with shapes have what is looked for, of those of which what they have of their own decides.
    pub fn decided(
        &self,
        which: Text,
        verdicts: &[Verdict],
        judge: &Judge,
    ) -> Result<Vec<bool>, BlockError> {
        let Some((shapes, own)) = self.shaped(which)? else { return Ok(Vec::new()) };
        shaped::decide(shapes, own, verdicts, judge).map_err(|Corrupt(what)| self.wrong(what))
    }

    /// The shapes of a column of texts, if it has them.
    pub fn shapes(&self, which: Text) -> Result<Option<&Dictionary>, BlockError> {
        let Some(place) = SHAPED.iter().position(|shaped| *shaped == which) else {
            return Ok(None);
        };
        let column = part::FIRST_SHAPES + place;
        match (self.unit.part(), self.shapes.get(place)) {
            (Some(part), Some(cell)) if part.column(column).1 > 0 => {
                once(cell, || self.column(column, |raw, rows| part::dictionary(&raw, rows)))
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    /// These, and what rows have of their own.
    fn shaped(&self, which: Text) -> Result<Option<(&Dictionary, &[u8])>, BlockError> {
        let place = SHAPED.iter().position(|shaped| *shaped == which);
        let cell = place.and_then(|place| self.own.get(place));
        let (Some(cell), Some(shapes)) = (cell, self.shapes(which)?) else { return Ok(None) };
        let column = part::FIRST_TEXT + which as usize;
        Ok(Some((shapes, once(cell, || self.column(column, |raw, _| Ok(raw)))?)))
    }

    /// The bloom filter and the bitmap of runs; none of the head.
    pub fn words(&self, which: usize) -> Result<Option<Vec<u8>>, BlockError> {
        match &self.unit {
            Unit::Chunk(_) => Ok(None),
            Unit::Part(..) => self.column(which, |raw, _| Ok(raw)).map(Some),
        }
    }

    /// That something in a column is not what it must be.
    pub fn wrong(&self, what: &'static str) -> BlockError {
        match &self.unit {
            Unit::Part(block, _) => block.file.damage(0, what),
            Unit::Chunk(_) => BlockError::Damaged { file: "head".into(), offset: 0, what },
        }
    }

    /// The entries of some rows, of which alone texts are made, unless all of them are there.
    pub fn entries(&self, wanted: &[u32]) -> Result<Vec<LogEntry>, BlockError> {
        let (times, levels) = (self.times()?, self.levels()?);
        let texts = |which| self.text_of_rows(which, wanted, None);
        let (job, trace) = (texts(Text::Job)?, texts(Text::Trace)?);
        let (message, fields) = (texts(Text::Message)?, texts(Text::Fields)?);
        let entry = |row: usize| {
            let few = |which: Few| {
                let value = self.few(which)?.get(row).cloned();
                value.ok_or_else(|| self.wrong("a code without a value"))
            };
            let text = |column: &'_ Texts| {
                let text = std::str::from_utf8(column.get(row)).map(str::to_owned);
                text.map_err(|_| self.wrong("a text is not UTF-8"))
            };
            let time = times.get(row).ok_or_else(|| self.wrong("a row without a time"))?;
            Ok(LogEntry {
                time_nanos: *time,
                level: level(levels.get(row).copied().unwrap_or(0)),
                level_text: few(Few::LevelText)?,
                kind: few(Few::Kind)?,
                source: few(Few::Source)?,
                instance: few(Few::Instance)?,
                queue: few(Few::Queue)?,
                job: text(&job)?.into(),
                trace: text(&trace)?.into(),
                labels: labels_of(&few(Few::Labels)?).map_err(|Corrupt(what)| self.wrong(what))?,
                message: text(&message)?,
                fields: text(&fields)?,
            })
        };
        wanted.iter().map(|row| entry(*row as usize)).collect()
    }

    /// All columns at once: to be merged.
    pub fn all(&self) -> Result<Columns, BlockError> {
        const FEWS: [Few; FEW] =
            [Few::Kind, Few::Source, Few::Instance, Few::Queue, Few::LevelText, Few::Labels];
        const ALL: [Text; TEXTS] = [Text::Job, Text::Trace, Text::Message, Text::Fields];
        let mut out = Columns {
            times: self.times()?.to_vec(),
            numbers: self.numbers()?.to_vec(),
            levels: self.levels()?.to_vec(),
            ..Columns::default()
        };
        for (to, which) in out.few.iter_mut().zip(FEWS) {
            *to = self.few(which)?.clone();
        }
        for (to, which) in out.texts.iter_mut().zip(ALL) {
            *to = self.text(which)?.clone();
        }
        Ok(out)
    }
}
