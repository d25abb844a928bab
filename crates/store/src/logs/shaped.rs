//! A column of texts as shapes, a code a row, and apart from these what each row has of its own: one column for each mark of
//! each shape.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::columns::{Dictionary, Texts};
use super::lines::Parts;
use super::numbers;
use super::part::MOST_RAW;
use super::shape::{MOST_DIGITS, Own, Piece, WHOLE, digits, pieces, specimen, take_apart};
use super::verdict::{Judge, Verdict};
use crate::bytes::{Bytes, Corrupt, put_varint};

/// A shape of fewer rows is none: they are kept whole.
const LEAST_ROWS: u32 = 16;
/// So many shapes are no shapes: what lines have in common is something else.
const MOST_SHAPES: usize = 4096;
/// Of so many rows one may be kept whole, or all are.
const ONE_WHOLE_OF: usize = 2;
/// Bytes of a piece of text that are copied at once.
const AT_ONCE: usize = 16;
const STRANGE: Corrupt = Corrupt("a shape that cannot be");
const LONG: Corrupt = Corrupt("texts that are too long");

/// The shapes of a column, and what its rows have of their own; none where too few rows have a shape.
pub fn encode(column: &Texts) -> Option<(Dictionary, Vec<u8>)> {
    let rows = column.ends.len();
    let mut found = Found::default();
    for row in 0..rows {
        found.add(column, row);
        if found.shapes.len() > MOST_SHAPES {
            return None;
        }
    }
    let whole = found.counts.iter().skip(1).filter(|count| **count < LEAST_ROWS).sum::<u32>()
        + found.counts.first().copied().unwrap_or(0);
    if whole as usize * ONE_WHOLE_OF > rows || column.bytes.len() == column.start {
        return None;
    }
    Some(found.finish(column))
}

/// Shapes and what rows have of their own, as they came.
struct Found {
    known: HashMap<Vec<u8>, u32>,
    shapes: Vec<Vec<u8>>,
    counts: Vec<u32>,
    codes: Vec<u32>,
    own: Own,
    /// Of the row that is looked at.
    shape: Vec<u8>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            // The first is of what is kept whole.
            shapes: vec![WHOLE.to_vec()],
            counts: vec![0],
            codes: Vec::new(),
            own: Own::default(),
            shape: Vec::new(),
        }
    }
}

impl Found {
    fn add(&mut self, column: &Texts, row: usize) {
        self.shape.clear();
        let before = (self.own.numbers.len(), self.own.words.len());
        let apart = take_apart(&column.bytes, column.place(row), &mut self.shape, &mut self.own)
            && std::str::from_utf8(&self.shape).is_ok();
        let code = match self.known.get(&self.shape) {
            _ if !apart => {
                self.own.numbers.truncate(before.0);
                self.own.words.truncate(before.1);
                0
            }
            Some(code) => *code,
            None => {
                let code = self.shapes.len() as u32;
                self.known.insert(self.shape.clone(), code);
                self.shapes.push(self.shape.clone());
                self.counts.push(0);
                code
            }
        };
        self.codes.push(code);
        if let Some(count) = self.counts.get_mut(code as usize) {
            *count += 1;
        }
    }

    fn finish(self, column: &Texts) -> (Dictionary, Vec<u8>) {
        let mut dictionary = Dictionary::default();
        let mut templates: Vec<Vec<Slot>> = Vec::new();
        // Of each shape that was found: what marks it has, and which one it is of those that stay.
        let mut all: Vec<(Vec<bool>, usize)> = Vec::with_capacity(self.shapes.len());
        for (shape, count) in self.shapes.iter().zip(&self.counts) {
            let mut slots: Vec<Slot> = pieces(shape).flatten().filter_map(Slot::of).collect();
            let marks = slots.iter().map(|slot| matches!(slot, Slot::Numbers(..))).collect();
            let stays = all.is_empty() || *count >= LEAST_ROWS;
            all.push((marks, if stays { templates.len() } else { 0 }));
            if stays {
                slots.iter_mut().for_each(|slot| slot.reserve(*count as usize));
                templates.push(slots);
                dictionary.values.push(Arc::from(String::from_utf8_lossy(shape)));
            }
        }
        let (mut numbers, mut words) = (self.own.numbers.into_iter(), self.own.words.into_iter());
        for (row, code) in self.codes.iter().enumerate() {
            let Some((marks, to)) = all.get(*code as usize) else { continue };
            dictionary.codes.push(*to as u16);
            let Some(slots) = templates.get_mut(*to) else { continue };
            if *to == 0 {
                let place = column.place(row);
                if let Some(Slot::Texts(texts)) = slots.first_mut() {
                    texts.push((place.start as u32, place.end as u32));
                }
                // Of a shape that does not stay.
                if *code > 0 {
                    for is_number in marks {
                        if *is_number {
                            numbers.next();
                        } else {
                            words.next();
                        }
                    }
                }
                continue;
            }
            for slot in slots {
                match slot {
                    Slot::Numbers(_, values) => values.extend(numbers.next()),
                    Slot::Texts(texts) => texts.extend(words.next()),
                }
            }
        }
        let mut out = Vec::new();
        templates.iter().flatten().for_each(|slot| slot.put(column, &mut out));
        (dictionary, out)
    }
}

/// What rows have at one mark.
enum Slot {
    /// Numbers, of so many digits if they are hexadecimal.
    Numbers(usize, Vec<u64>),
    /// Places in the column.
    Texts(Vec<(u32, u32)>),
}

impl Slot {
    fn of(piece: Piece<'_>) -> Option<Self> {
        match piece {
            Piece::Text(_) => None,
            Piece::Decimal => Some(Self::Numbers(0, Vec::new())),
            Piece::Digits(count) => Some(Self::Numbers(count, Vec::new())),
            Piece::Word | Piece::Any => Some(Self::Texts(Vec::new())),
        }
    }

    fn reserve(&mut self, count: usize) {
        match self {
            Self::Numbers(_, values) => values.reserve(count),
            Self::Texts(places) => places.reserve(count),
        }
    }

    /// Each with its length before it.
    fn put(&self, column: &Texts, out: &mut Vec<u8>) {
        let mut own = Vec::new();
        match self {
            Self::Numbers(digits, values) => numbers::put(*digits, values, &mut own),
            Self::Texts(places) => {
                let lengths = places.iter().map(|(start, end)| u64::from(end - start));
                lengths.for_each(|length| put_varint(&mut own, length));
                let texts = places.iter().map(|(start, end)| *start as usize..*end as usize);
                texts.for_each(|place| {
                    own.extend_from_slice(column.bytes.get(place).unwrap_or_default());
                });
            }
        }
        put_varint(out, own.len() as u64);
        out.extend_from_slice(&own);
    }
}

/// A shape of which rows are made.
struct Template<'a> {
    pieces: Vec<Made<'a>>,
    /// How many of its rows came before.
    next: usize,
    /// Bytes of a row at most, but for words and whole lines.
    most: usize,
}

/// A piece, and what rows have there.
enum Made<'a> {
    /// In stretches that are copied at once, and how long it is.
    Text(Vec<[u8; AT_ONCE]>, usize),
    Decimal(Vec<u64>),
    Digits(usize, Vec<u64>),
    /// Ends in the bytes.
    Any(Vec<u32>, &'a [u8]),
}

/// Rows, and which parts of them, if not all.
pub type Named<'a> = (&'a [u32], Option<Parts<'a>>);

/// The column of which [`encode`] was given the rows. Where some are named, no others are made: these are empty.
pub fn decode(shapes: &Dictionary, own: &[u8], of: Option<Named<'_>>) -> Result<Texts, Corrupt> {
    let all = of.is_none();
    let (mut rows, mut needed) = (vec![all; shapes.codes.len()], vec![all; shapes.values.len()]);
    let (named, parts) = of.unwrap_or_default();
    for row in named.iter().map(|row| *row as usize) {
        let code = shapes.codes.get(row).map(|code| usize::from(*code));
        let marks = (rows.get_mut(row), code.and_then(|code| needed.get_mut(code)));
        if let (Some(row), Some(needed)) = marks {
            (*row, *needed) = (true, true);
        }
    }
    let counts = counts(shapes);
    let mut own = Bytes(own);
    let mut templates = Vec::with_capacity(counts.len());
    for ((shape, count), needed) in shapes.values.iter().zip(counts).zip(needed) {
        let parts = if needed { parts_of(shape, parts) } else { Vec::new() };
        templates.push(Template::read(shape, count, &parts, &mut own)?);
    }
    if !own.is_empty() {
        return Err(Corrupt("more than rows have of their own"));
    }
    let mut ends = Vec::with_capacity(shapes.codes.len());
    let mut out = Out::default();
    for (code, wanted) in shapes.codes.iter().zip(rows) {
        if let Some(template) = templates.get_mut(usize::from(*code)) {
            if wanted {
                template.put(&mut out);
            }
            template.next += 1;
        }
        if out.at > MOST_RAW {
            return Err(LONG);
        }
        ends.push(out.at as u32);
    }
    out.bytes.truncate(out.at);
    Ok(Texts { start: 0, ends, bytes: out.bytes })
}

/// Which rows have what is looked for, of those of which what they have of their own decides.
pub fn decide(
    shapes: &Dictionary,
    own: &[u8],
    verdicts: &[Verdict],
    judge: &Judge,
) -> Result<Vec<bool>, Corrupt> {
    let counts = counts(shapes);
    let mut own = Bytes(own);
    let mut decided = Vec::with_capacity(counts.len());
    for ((shape, count), verdict) in shapes.values.iter().zip(counts).zip(verdicts) {
        let (from, mut lines) = match verdict {
            Verdict::Own(from, state) => (*from, judge.follow(*state, count)),
            _ => (usize::MAX, judge.follow(0, 0)),
        };
        for (place, piece) in pieces(shape.as_bytes()).enumerate() {
            let mark = match piece.ok_or(STRANGE)? {
                Piece::Text(text) if place >= from => {
                    lines.text(text);
                    continue;
                }
                Piece::Text(_) => continue,
                mark => mark,
            };
            let length = own.length()?;
            let bytes = own.take(length)?;
            if place < from {
                continue;
            }
            match Made::read(mark, count, bytes)? {
                Made::Decimal(values) => lines.decimals(&values),
                Made::Digits(count, values) => lines.digits(&values, count),
                Made::Any(ends, bytes) => {
                    let starts = std::iter::once(0).chain(ends.iter().copied());
                    let places =
                        starts.zip(&ends).map(|(start, end)| start as usize..*end as usize);
                    lines.texts(places.map(|place| bytes.get(place).unwrap_or_default()));
                }
                Made::Text(..) => {}
            }
        }
        decided.push(lines.end().into_iter());
    }
    let mut next = |code: &u16| {
        let shape = decided.get_mut(usize::from(*code));
        shape.and_then(Iterator::next).unwrap_or(false)
    };
    Ok(shapes.codes.iter().map(&mut next).collect())
}

/// Which parts of a shape are wanted, as places in its [`specimen`].
fn parts_of(shape: &str, parts: Option<Parts<'_>>) -> Vec<Range<usize>> {
    let some = parts.and_then(|parts| Some(parts(&specimen(shape)?)));
    some.unwrap_or_else(|| std::iter::once(0..usize::MAX).collect())
}

/// How many rows have each shape.
fn counts(shapes: &Dictionary) -> Vec<usize> {
    let mut counts = vec![0; shapes.values.len()];
    for code in &shapes.codes {
        if let Some(count) = counts.get_mut(usize::from(*code)) {
            *count += 1;
        }
    }
    counts
}

impl<'a> Template<'a> {
    /// The parts of it that are wanted, with a space between them; what it has at other marks is passed over.
    fn read(
        shape: &'a str,
        count: usize,
        parts: &[Range<usize>],
        own: &mut Bytes<'a>,
    ) -> Result<Self, Corrupt> {
        let mut template = Self { pieces: Vec::new(), next: 0, most: 0 };
        let (mut parts, mut start) = (parts.iter().enumerate().peekable(), 0);
        for piece in pieces(shape.as_bytes()) {
            let piece = piece.ok_or(STRANGE)?;
            let (length, bytes) = match piece {
                Piece::Text(text) => (text.len(), text),
                _ => {
                    let length = own.length()?;
                    (piece.stands_for().map_or(1, char::len_utf8), own.take(length)?)
                }
            };
            let end = start + length;
            while let Some((place, part)) = parts.peek().filter(|(_, part)| part.start < end) {
                if *place > 0 && part.start >= start {
                    template.push(Made::text(b" "));
                }
                template.push(match piece {
                    Piece::Text(text) => {
                        let wanted = part.start.max(start) - start..part.end.min(end) - start;
                        Made::text(text.get(wanted).unwrap_or_default())
                    }
                    mark => Made::read(mark, count, bytes)?,
                });
                if part.end > end {
                    break;
                }
                parts.next();
            }
            start = end;
        }
        Ok(template)
    }

    fn push(&mut self, made: Made<'a>) {
        self.most += match &made {
            Made::Text(_, length) => length + AT_ONCE,
            _ => 2 * AT_ONCE,
        };
        self.pieces.push(made);
    }

    /// Appends the next row.
    fn put(&self, out: &mut Out) {
        let row = self.next;
        out.room(self.most);
        for piece in &self.pieces {
            match piece {
                Made::Text(stretches, length) => {
                    let end = out.at + length;
                    for stretch in stretches {
                        out.put(stretch, AT_ONCE);
                    }
                    out.at = end;
                }
                Made::Decimal(values) => out.decimal(values.get(row).copied().unwrap_or(0)),
                Made::Digits(count, values) => {
                    let number = values.get(row).copied().unwrap_or(0);
                    // The first digits are those that are wanted.
                    let places = 4 * (MOST_DIGITS - count) as u32;
                    out.put(&digits(number.checked_shl(places).unwrap_or(0)), *count);
                }
                Made::Any(ends, bytes) => {
                    let start = row.checked_sub(1).and_then(|before| ends.get(before));
                    let place = start.map_or(0, |end| *end as usize)
                        ..ends.get(row).map_or(0, |end| *end as usize);
                    out.any(bytes.get(place).unwrap_or_default(), self.most);
                }
            }
        }
    }
}

impl<'a> Made<'a> {
    fn text(text: &[u8]) -> Self {
        let stretch = |bytes: &[u8]| {
            let mut all = [0; AT_ONCE];
            all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            all
        };
        Self::Text(text.chunks(AT_ONCE).map(stretch).collect(), text.len())
    }

    fn read(mark: Piece<'_>, count: usize, bytes: &'a [u8]) -> Result<Self, Corrupt> {
        match mark {
            Piece::Decimal => Ok(Self::Decimal(numbers::read(bytes, count)?)),
            Piece::Digits(digits) => Ok(Self::Digits(digits, numbers::read(bytes, count)?)),
            _ => {
                let (mut rest, mut end) = (Bytes(bytes), 0u32);
                let mut ends = Vec::with_capacity(count.min(bytes.len()));
                for _ in 0..count {
                    end = end.checked_add(rest.small()?).ok_or(LONG)?;
                    ends.push(end);
                }
                match rest.0.len() == end as usize {
                    true => Ok(Self::Any(ends, rest.0)),
                    false => Err(Corrupt("texts of another length")),
                }
            }
        }
    }
}

/// Where texts are made: what is behind `at` means nothing, so that short pieces are copied with bytes that follow them.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    at: usize,
}

impl Out {
    fn room(&mut self, bytes: usize) {
        if self.at + bytes > self.bytes.len() {
            self.bytes.resize((self.at + bytes).max(self.bytes.len() * 2).max(1 << 16), 0);
        }
    }

    /// So many of these bytes.
    fn put<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        if let Some(to) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut::<N>) {
            *to = *bytes;
        }
        self.at += count;
    }

    fn any(&mut self, bytes: &[u8], after: usize) {
        self.room(bytes.len() + after);
        let end = self.at + bytes.len();
        if let Some(to) = self.bytes.get_mut(self.at..end) {
            to.copy_from_slice(bytes);
        }
        self.at = end;
    }

    fn decimal(&mut self, number: u64) {
        const EIGHT: u64 = 100_000_000;
        let (high, low) = (number / EIGHT, eight_decimals((number % EIGHT) as u32));
        let mut zeros = 0;
        if high == 0 {
            // One digit stays.
            zeros = (low.trailing_zeros() / 8).min(7);
        } else {
            self.decimal(high);
        }
        let shown = (low | 0x3030_3030_3030_3030) >> (8 * zeros);
        self.put(&shown.to_le_bytes(), 8 - zeros as usize);
    }
}

/// The last eight decimal digits, a byte each, the first the lowest: by halves, then quarters, then eighths.
const fn eight_decimals(number: u32) -> u64 {
    let halves = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    let hundreds = (halves * 10_486) >> 20 & 0x0000_007F_0000_007F;
    let quarters = hundreds | (halves - hundreds * 100) << 16;
    let tens = (quarters * 103) >> 10 & 0x000F_000F_000F_000F;
    tens | (quarters - tens * 10) << 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(rows: &[String]) -> Texts {
        let mut column = Texts { bytes: b"before".to_vec(), start: 6, ends: Vec::new() };
        rows.iter().for_each(|row| column.push(row.as_bytes()));
        column
    }

    #[test]
    fn decimals_are_those_of_the_standard_library() {
        let tens = (0..19).flat_map(|zeros| [10u64.pow(zeros) - 1, 10u64.pow(zeros)]);
        for number in tens.chain(0..20_000).chain([12_345_678, 100_000_001, u64::MAX]) {
            let mut out = Out::default();
            out.room(40);
            out.decimal(number);
            assert_eq!(out.bytes[..out.at], *number.to_string().as_bytes());
        }
    }

    #[test]
    fn only_rows_that_are_named_are_made() {
        let rows: Vec<String> = (0..90)
            .map(|n| if n % 3 == 0 { format!("a {n}") } else { format!("b={n:08x}") })
            .collect();
        let (shapes, own) = encode(&column(&rows)).unwrap();
        for of in [&[][..], &[4], &[89, 3, 0, 88, 7], &[1, 4, 200]] {
            let some = decode(&shapes, &own, Some((of, None))).unwrap();
            for (n, row) in (0..).zip(&rows) {
                let expected = if of.contains(&n) { row } else { "" };
                assert_eq!(some.get(n as usize), expected.as_bytes(), "{n} of {of:?}");
            }
        }
    }

    /// Where words are that begin with one of these letters and have no digit, and the words.
    fn words(line: &str, letters: &str) -> (Vec<Range<usize>>, String) {
        let mut end = 0;
        let places = line.split(' ').map(|word| {
            let start = end;
            end = start + word.len() + 1;
            (start..end - 1, word)
        });
        let is_wanted = |word: &str| {
            word.starts_with(|one| letters.contains(one))
                && !word.contains(|one: char| one.is_ascii_digit())
        };
        let wanted: Vec<_> = places.filter(|(_, word)| is_wanted(word)).collect();
        let text = wanted.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
        (wanted.into_iter().map(|(place, _)| place).collect(), text)
    }

    #[test]
    fn lines_without_anything_in_common_have_no_shapes() {
        // A word of its own each, without a digit.
        let word = |n: u32| format!("{n:05}").bytes().map(|digit| char::from(digit + 49)).collect();
        let rows: Vec<String> = (0..6000).map(word).collect();
        assert!(encode(&column(&rows)).is_none());
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => (any::<u64>(), 0u32..5000, "[a-z0-9]{1,9}").prop_map(|(id, ms, word)| {
                format!("job {id:016x} took {ms}ms for {word} é")
            }),
            4 => (any::<u32>(), any::<u32>()).prop_map(|(one, two)| format!("{one} {two:05}-{two:x}")),
            1 => ".{0,20}",
            1 => Just("\u{1}\u{2}".to_owned()),
            1 => Just(String::new()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn columns_come_back(rows in prop::collection::vec(line(), 0..300)) {
            let column = column(&rows);
            if let Some((shapes, own)) = encode(&column) {
                prop_assert_eq!(shapes.codes.len(), rows.len());
                for pattern in ["job", "a1", r"[a-f]{2}\d", r"\d{3}ms.*[a-z]$", "^job .*0ms", "[a-z]\\d|7-", "0{3}", "é$"] {
                    let judge = Judge::new(pattern).unwrap();
                    let regex = regex::Regex::new(pattern).unwrap();
                    let verdicts: Vec<Verdict> =
                        shapes.values.iter().map(|shape| judge.verdict(shape)).collect();
                    let decided = decide(&shapes, &own, &verdicts, &judge).unwrap();
                    for (row, (code, decided)) in rows.iter().zip(shapes.codes.iter().zip(decided)) {
                        let is = regex.is_match(row);
                        match verdicts[usize::from(*code)] {
                            Verdict::All => prop_assert!(is, "{pattern} {row}"),
                            Verdict::None => prop_assert!(!is, "{pattern} {row}"),
                            Verdict::Own(..) => prop_assert_eq!(decided, is, "{} {}", pattern, row),
                            Verdict::Look => {}
                        }
                    }
                }
                let all: Vec<u32> = (0..rows.len() as u32).collect();
                for letters in ["", "jm", "t", "té"] {
                    let parts = |line: &str| words(line, letters).0;
                    let some = decode(&shapes, &own, Some((&all, Some(&parts)))).unwrap();
                    for (place, (row, code)) in rows.iter().zip(&shapes.codes).enumerate() {
                        let expected = if *code == 0 { row.clone() } else { words(row, letters).1 };
                        prop_assert_eq!(some.get(place), expected.as_bytes(), "{} of {}", letters, row);
                    }
                }
                prop_assert_eq!(decode(&shapes, &own, None), Ok(column));
            }
        }
    }
}
