//! A text that entries must have, or must not, and the rows that have it.

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};
use vigie_model::LogEntry;

use super::columns::{Text, Texts};
use super::filter::FilterError;
use super::rows::Rows;
use super::stretch::Stretch;
use super::words::{self, Needs, OfPattern};
use crate::block_file::BlockError;

/// A regular expression may take this much memory when compiled.
const REGEX_BYTES: usize = 1 << 20;

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
    /// What must be in a part for it to be found there.
    needs: Needs,
    scope: TextScope,
    wanted: bool,
}

#[derive(Debug, Clone)]
enum How {
    Exact(Box<memmem::Finder<'static>>),
    Pattern { regex: Regex, first: First },
}

/// What the rows that may match a regular expression are found by, all at once.
#[derive(Debug, Clone)]
enum First {
    /// A text that every match has.
    Literal(Box<memmem::Finder<'static>>),
    /// Classes that every match has.
    Stretch(Stretch),
    /// The expression: what is around a match never decides, and nothing empty matches.
    Itself,
    /// Nothing: each row must be looked at.
    Nothing,
}

fn finder(text: &[u8]) -> Box<memmem::Finder<'static>> {
    Box::new(memmem::Finder::new(text).into_owned())
}

impl TextMatch {
    /// That this text is somewhere. Ignoring case: ASCII letters alone, where the text is ASCII.
    ///
    /// # Errors
    /// When the text is too long to be looked for without its case.
    pub fn contains(text: &str, ignore_case: bool) -> Result<Self, FilterError> {
        let needs = if ignore_case && !text.is_ascii() {
            Needs::default()
        } else {
            Needs::of(text.as_bytes())
        };
        let how =
            if ignore_case && text.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 128) {
                let mut builder = RegexBuilder::new(&regex::escape(text));
                builder.case_insensitive(true).unicode(!text.is_ascii());
                How::Pattern { regex: build(&mut builder, text)?, first: First::Itself }
            } else {
                How::Exact(finder(text.as_bytes()))
            };
        Ok(Self { how, needs, scope: TextScope::default(), wanted: true })
    }

    /// That this regular expression matches somewhere.
    ///
    /// # Errors
    /// When it does not parse, or needs more than 1 MiB.
    pub fn regex(pattern: &str) -> Result<Self, FilterError> {
        let regex = build(&mut RegexBuilder::new(pattern), pattern)?;
        let OfPattern { needs, literal, stretch, looks } = words::of_pattern(pattern);
        let first = match (literal, stretch) {
            (Some(literal), _) => First::Literal(finder(&literal)),
            (None, Some(stretch)) => First::Stretch(stretch),
            (None, None) if looks || regex.is_match(b"") => First::Nothing,
            (None, None) => First::Itself,
        };
        let how = How::Pattern { regex, first };
        Ok(Self { how, needs, scope: TextScope::default(), wanted: true })
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

    /// What must be in a part that has such entries; none when it is about what must not be there.
    pub(super) fn needs(&self) -> Option<&Needs> {
        self.wanted.then_some(&self.needs)
    }

    fn is_in(&self, text: &[u8]) -> bool {
        match &self.how {
            How::Exact(finder) => finder.find(text).is_some(),
            How::Pattern { regex, .. } => regex.is_match(text),
        }
    }

    pub(super) fn holds(&self, entry: &LogEntry) -> bool {
        let fields = self.scope == TextScope::MessageAndFields;
        let there =
            self.is_in(entry.message.as_bytes()) || (fields && self.is_in(entry.fields.as_bytes()));
        there == self.wanted
    }

    /// Where the first candidate ends that begins at `at` or later; it may lie across rows.
    fn end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        match &self.how {
            How::Exact(finder) | How::Pattern { first: First::Literal(finder), .. } => {
                finder.find(bytes.get(at..)?).map(|start| at + start + finder.needle().len())
            }
            How::Pattern { regex, .. } => regex.shortest_match_at(bytes, at),
        }
    }

    /// Whether [`Self::mark`] can be asked.
    fn marks(&self) -> bool {
        match &self.how {
            How::Exact(finder) => !finder.needle().is_empty(),
            How::Pattern { first, .. } => !matches!(first, First::Nothing),
        }
    }

    /// Which of a column's rows have it: all of them are looked through at once, and only the row in which a candidate ends
    /// is looked at by itself. One in a row ends there before any that goes on into the next row.
    fn mark(&self, column: &Texts, hits: &mut [bool]) {
        if let How::Pattern { regex, first: First::Stretch(stretch) } = &self.how {
            return stretch.mark(column, |row| regex.is_match(row), hits);
        }
        let mut row = 0;
        while let Some(end) = self.end(&column.bytes, column.place(row).start) {
            row += column
                .ends
                .get(row..)
                .map_or(0, |ends| ends.partition_point(|place| (*place as usize) < end));
            // Neighbours are often alike.
            while let Some(hit) = hits.get_mut(row) {
                let there = self.is_in(column.get(row));
                *hit |= there;
                row += 1;
                if !there {
                    break;
                }
            }
            if row >= hits.len() {
                break;
            }
        }
    }

    /// Keeps the rows that are wanted.
    pub(super) fn retain(&self, rows: &Rows, kept: &mut Vec<u32>) -> Result<(), BlockError> {
        let message = rows.text(Text::Message)?;
        let fields = match self.scope {
            TextScope::Message => None,
            TextScope::MessageAndFields => {
                Some(rows.text(Text::Fields)?).filter(|fields| !fields.bytes.is_empty())
            }
        };
        if kept.len() > rows.len() / 4 && self.marks() {
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
