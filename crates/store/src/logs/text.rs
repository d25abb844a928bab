//! A text that entries must have, or must not, and the rows that have it.

use std::ops::Range;
use std::sync::OnceLock;

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};
use vigie_model::LogEntry;

use super::columns::{Text, Texts};
use super::filter::{self, FilterError};
use super::rows::Rows;
use super::stretch::{Stretch, Walk};
use super::verdict::{Judge, Verdict};
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
    /// Made when a part with shapes is looked through.
    judge: OnceLock<Option<Judge>>,
}

#[derive(Debug, Clone)]
enum How {
    Exact(Box<memmem::Finder<'static>>),
    /// In any case. Where few rows have it the expression finds it faster, where many have it the stretch.
    Folded {
        regex: Regex,
        often: Option<Stretch>,
    },
    Pattern {
        regex: Regex,
        first: First,
    },
}

/// After so many rows that have a text in any case, and if it is in one of so many, the stretch looks on.
const OFTEN: (usize, usize) = (64, 8);

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
                let often = text.is_ascii().then(|| Stretch::of_text(text)).flatten();
                How::Folded { regex: build(&mut builder, text)?, often }
            } else {
                How::Exact(finder(text.as_bytes()))
            };
        Ok(Self::new(how, needs))
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
        Ok(Self::new(how, needs))
    }

    fn new(how: How, needs: Needs) -> Self {
        Self { how, needs, scope: TextScope::default(), wanted: true, judge: OnceLock::new() }
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
            How::Folded { regex, .. } | How::Pattern { regex, .. } => regex.is_match(text),
        }
    }

    pub(super) fn holds(&self, entry: &LogEntry) -> bool {
        let fields = self.scope == TextScope::MessageAndFields;
        let there =
            self.is_in(entry.message.as_bytes()) || (fields && self.is_in(entry.fields.as_bytes()));
        there == self.wanted
    }

    /// Whether [`Self::mark`] can be asked.
    fn marks(&self) -> bool {
        match &self.how {
            How::Exact(finder) => !finder.needle().is_empty(),
            How::Folded { .. } => true,
            How::Pattern { first, .. } => !matches!(first, First::Nothing),
        }
    }

    /// Which of a column's rows have it: all of them are looked through at once.
    fn mark(&self, column: &Texts, hits: &mut [bool]) {
        let never = |_, _| false;
        match &self.how {
            How::Exact(finder) => {
                mark_texts(column, hits, of_finder(finder), |_| true, never);
            }
            How::Folded { regex, often } => {
                let (many, one_of) = OFTEN;
                let dense = |found, rows| often.is_some() && found > many && found * one_of > rows;
                let find = |bytes: &[u8], at| regex.find_at(bytes, at).map(|found| found.range());
                let row = mark_texts(column, hits, find, |_| true, dense);
                if let Some(stretch) = often {
                    stretch.mark(column, row, |row| regex.is_match(row), hits);
                }
            }
            How::Pattern { regex, first: First::Literal(finder) } => {
                mark_texts(column, hits, of_finder(finder), |row| regex.is_match(row), never);
            }
            How::Pattern { regex, first: First::Stretch(stretch) } => {
                stretch.mark(column, 0, |row| regex.is_match(row), hits);
            }
            How::Pattern { regex, .. } => mark_matches(column, hits, regex),
        }
    }

    /// What judges the shapes of lines.
    fn judge(&self) -> Option<&Judge> {
        let made = || match &self.how {
            How::Exact(finder) => {
                Judge::new(&regex::escape(std::str::from_utf8(finder.needle()).ok()?))
            }
            How::Folded { regex, .. } => Judge::new(&format!("(?i){}", regex.as_str())),
            How::Pattern { regex, .. } => Judge::new(regex.as_str()),
        };
        self.judge.get_or_init(made).as_ref()
    }

    /// Keeps the rows that are wanted.
    pub(super) fn retain(&self, rows: &Rows, kept: &mut Vec<u32>) -> Result<(), BlockError> {
        let mut hits = vec![false; rows.len()];
        self.hit(rows, Text::Message, kept, &mut hits)?;
        if self.scope == TextScope::MessageAndFields
            && (rows.shapes(Text::Fields)?.is_some() || !rows.text(Text::Fields)?.bytes.is_empty())
        {
            self.hit(rows, Text::Fields, kept, &mut hits)?;
        }
        filter::keep(kept, |row| hits.get(row) == Some(&self.wanted));
        Ok(())
    }

    /// Marks the rows of a column that have it: those of `of` at least.
    fn hit(
        &self,
        rows: &Rows,
        which: Text,
        of: &[u32],
        hits: &mut [bool],
    ) -> Result<(), BlockError> {
        let (Some(shapes), Some(judge)) = (rows.shapes(which)?, self.judge()) else {
            self.look(rows.text(which)?, of, hits);
            return Ok(());
        };
        let verdicts: Vec<Verdict> =
            shapes.values.iter().map(|shape| judge.verdict(shape)).collect();
        let verdict = |row: usize| {
            let code = shapes.codes.get(row).copied().map_or(usize::MAX, usize::from);
            verdicts.get(code).copied().unwrap_or(Verdict::Look)
        };
        let own = |verdict: &Verdict| matches!(verdict, Verdict::Own(..));
        if verdicts.iter().any(own) {
            let decided = rows.decided(which, &verdicts, judge)?;
            hits.iter_mut().zip(decided).for_each(|(hit, decided)| *hit |= decided);
        }
        let all: Vec<bool> = verdicts.iter().map(|one| *one == Verdict::All).collect();
        for (hit, code) in hits.iter_mut().zip(&shapes.codes) {
            *hit |= all.get(usize::from(*code)) == Some(&true);
        }
        if verdicts.contains(&Verdict::Look) {
            let mut open = of.to_vec();
            filter::keep(&mut open, |row| verdict(row) == Verdict::Look);
            if !open.is_empty() {
                let texts = rows.text_of_rows(which, &open, None)?;
                // What marks finds nothing in texts that are not there.
                self.look(&texts, &open, hits);
            }
        }
        Ok(())
    }

    /// Marks the rows of texts that have it.
    fn look(&self, texts: &Texts, of: &[u32], hits: &mut [bool]) {
        if of.len() > hits.len() / 4 && self.marks() {
            return self.mark(texts, hits);
        }
        for row in of {
            if let Some(hit) = hits.get_mut(*row as usize) {
                *hit |= self.is_in(texts.get(*row as usize));
            }
        }
    }
}

fn of_finder(finder: &memmem::Finder<'_>) -> impl Fn(&[u8], usize) -> Option<Range<usize>> {
    let length = finder.needle().len();
    move |bytes, at| {
        let start = at + finder.find(bytes.get(at..)?)?;
        Some(start..start + length)
    }
}

/// Marks the rows in which `find` finds something, from a place on, and of which `holds` is true. It ends before the row, which it
/// returns, at which `enough` is told that so many were found in so many rows.
fn mark_texts(
    column: &Texts,
    hits: &mut [bool],
    find: impl Fn(&[u8], usize) -> Option<Range<usize>>,
    holds: impl Fn(&[u8]) -> bool,
    enough: impl Fn(usize, usize) -> bool,
) -> usize {
    let (mut walk, mut at, mut found) = (Walk::new(column, 0), column.start, 0);
    while let Some(place) = find(&column.bytes, at) {
        let Some(row) = walk.row_of(place.start, place.len()) else {
            // It lies across two rows.
            at = place.start + 1;
            continue;
        };
        if let Some(hit) = hits.get_mut(row) {
            *hit |= holds(column.get(row));
        }
        (at, found) = (walk.decide(row), found + 1);
        if enough(found, row) {
            return row + 1;
        }
    }
    column.ends.len()
}

/// Marks the rows in which an expression matches to which it does not matter what is around a match, and which matches nothing
/// that is empty.
fn mark_matches(column: &Texts, hits: &mut [bool], regex: &Regex) {
    let mut row = 0;
    while row < hits.len()
        && let Some(end) = regex.shortest_match_at(&column.bytes, column.place(row).start)
    {
        let begun = row;
        let ends = column.ends.get(row..).unwrap_or_default();
        row += ends.partition_point(|place| (*place as usize) < end);
        if let Some(hit) = hits.get_mut(row) {
            // What ends in another row may have begun in the one before. One in a row ends there before any that goes on.
            *hit |= row == begun || regex.is_match(column.get(row));
        }
        row += 1;
        // Neighbours are often alike, and to look at one row is faster than to look on from there.
        while let Some(hit) = hits.get_mut(row)
            && regex.is_match(column.get(row))
        {
            *hit = true;
            row += 1;
        }
    }
}

fn build(builder: &mut RegexBuilder, pattern: &str) -> Result<Regex, FilterError> {
    builder.size_limit(REGEX_BYTES).build().map_err(|error| FilterError::Regex {
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_text() -> impl Strategy<Value = TextMatch> {
        let plain = ("(job|é|Retry|x|=){1,3}", any::<bool>())
            .prop_map(|(text, ignore)| TextMatch::contains(&text, ignore).unwrap());
        let patterns = [
            "job",
            "(?i)retry",
            "job=.*x",
            r"[a-c]{2}\d",
            "ob|et",
            r"\w+",
            "j.b$",
            "^x",
            "(?s)x.+j",
        ];
        let pattern = prop::sample::select(patterns.to_vec())
            .prop_map(|pattern| TextMatch::regex(pattern).unwrap());
        prop_oneof![plain, pattern]
    }

    proptest! {
        #[test]
        fn a_column_has_it_where_its_rows_do(
            text in any_text(),
            rows in prop::collection::vec("(job|JOB|retry|reTRy|é|x|=|ab1|\n|-){0,4}", 0..400),
        ) {
            let mut column = Texts { bytes: b"job".to_vec(), start: 3, ends: Vec::new() };
            rows.iter().for_each(|row| column.push(row.as_bytes()));
            let mut hits = vec![false; rows.len()];
            prop_assume!(text.marks());
            text.mark(&column, &mut hits);
            let expected: Vec<bool> = rows.iter().map(|row| text.is_in(row.as_bytes())).collect();
            prop_assert_eq!(hits, expected, "{:?}", text);
        }
    }
}
