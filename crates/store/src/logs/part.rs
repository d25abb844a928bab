//! A part of a block: some ten thousand rows as compressed columns, and what its meta says of them.

use std::cell::RefCell;
use std::sync::Arc;

use zstd::bulk::Decompressor;
use zstd::zstd_safe::CParameter;

use super::columns::{Columns, Dictionary, FEW, TEXTS, Text, Texts};
use super::shaped;
use super::words::Gather;
use crate::bytes::{Bytes, Corrupt, put_signed, put_text, put_varint};

/// A part has at most this many rows.
pub const MOST_ROWS: usize = 32_768;
/// A part is ended when it has this many bytes of text.
pub const MOST_TEXT: usize = 8 << 20;
/// A column takes at most this many bytes when it is read: the text above, and one entry more.
pub const MOST_RAW: usize = 24 << 20;
/// The compression of columns.
const LEVEL: i32 = 3;
/// Texts: matches of at least six bytes, from a window that stays in the processor's second cache. Both make a column of log
/// lines smaller and faster to read.
const TEXT_MATCH: u32 = 6;
const TEXT_WINDOW_LOG: u32 = 18;

pub const MINUTE_NANOS: i64 = 60_000_000_000;
pub const LEVELS: usize = 7;

/// Columns of a part, by their place in it.
pub const TIMES: usize = 0;
pub const NUMBERS: usize = 1;
pub const LEVEL_CODES: usize = 2;
pub const FIRST_FEW: usize = 3;
pub const FIRST_TEXT: usize = FIRST_FEW + FEW;
pub const BLOOM: usize = FIRST_TEXT + TEXTS;
pub const RUNS: usize = BLOOM + 1;
pub const FIRST_SHAPES: usize = RUNS + 1;
pub const COLUMNS: usize = FIRST_SHAPES + SHAPED.len();

/// The texts that may be kept as shapes.
pub const SHAPED: [Text; 2] = [Text::Message, Text::Fields];
/// Added to the number of rows of a part that has shapes: the lengths of their columns follow the others.
const WITH_SHAPES: u32 = 1 << 16;

/// What `job` and `trace` are told apart by in the bloom filter, by their place among the texts.
pub const SALTS: [u64; 2] = [0x6a6f_6200, 0x7472_6163];

/// What a block's meta says of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartMeta {
    /// Time of the first row, and of the last; nanoseconds.
    pub start: i64,
    pub end: i64,
    /// The least and the greatest number of its entries.
    pub first_number: u64,
    pub last_number: u64,
    pub rows: u32,
    /// Bytes of text, uncompressed.
    pub text: u64,
    /// Where its first column is in the file.
    pub offset: u64,
    /// How long each column is, without its checksum; 0: every row is empty, and there is no checksum.
    pub lengths: [u32; COLUMNS],
    /// Rows by minute and level: [`Minutes`] reads it.
    pub minutes: Vec<u8>,
}

impl PartMeta {
    /// Where a column is.
    pub fn column(&self, which: usize) -> (u64, u32) {
        let before = self.lengths.iter().take(which);
        let bytes: u64 =
            before.filter(|length| **length > 0).map(|length| u64::from(*length) + 4).sum();
        (self.offset + bytes, self.lengths.get(which).copied().unwrap_or(0))
    }

    /// Rows by minute and level.
    pub fn counts(&self) -> Minutes<'_> {
        Minutes { bytes: Bytes(&self.minutes), minute: 0, counts: None }
    }

    pub fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, self.start);
        put_varint(out, self.end.wrapping_sub(self.start).cast_unsigned());
        put_varint(out, self.first_number);
        put_varint(out, self.last_number.wrapping_sub(self.first_number));
        let (others, shapes) = self.lengths.split_at(FIRST_SHAPES);
        let with_shapes = shapes.iter().any(|length| *length > 0);
        put_varint(out, u64::from(self.rows | if with_shapes { WITH_SHAPES } else { 0 }));
        put_varint(out, self.text);
        put_varint(out, self.offset);
        let lengths = others.iter().chain(shapes.iter().filter(|_| with_shapes));
        lengths.for_each(|length| put_varint(out, u64::from(*length)));
        put_varint(out, self.minutes.len() as u64);
        out.extend_from_slice(&self.minutes);
    }

    pub fn read(bytes: &mut Bytes<'_>) -> Result<Self, Corrupt> {
        let start = bytes.signed()?;
        let end = start.wrapping_add(bytes.varint()?.cast_signed());
        let first_number = bytes.varint()?;
        let last_number = first_number.wrapping_add(bytes.varint()?);
        let (said, text, offset) = (bytes.small()?, bytes.varint()?, bytes.varint()?);
        let rows = said & !WITH_SHAPES;
        let columns = if said == rows { FIRST_SHAPES } else { COLUMNS };
        if end < start || last_number < first_number || rows == 0 || rows as usize > MOST_ROWS {
            return Err(Corrupt("a part that cannot be"));
        }
        let mut lengths = [0; COLUMNS];
        for length in lengths.iter_mut().take(columns) {
            *length = bytes.small()?;
        }
        // Places are added up with this later.
        if offset > 1 << 48 {
            return Err(Corrupt("a part that is too far away"));
        }
        let count = bytes.count()?;
        let minutes = bytes.take(count)?.to_vec();
        let meta =
            Self { start, end, first_number, last_number, rows, text, offset, lengths, minutes };
        let mut counts = meta.counts();
        let total: u64 = counts.by_ref().map(|one| one.1.iter().sum::<u64>()).sum();
        if total != u64::from(rows) || !counts.bytes.is_empty() {
            return Err(Corrupt("counts that do not add up"));
        }
        Ok(meta)
    }
}

/// Reads the counts of a part: minute since the Unix epoch, and rows by level.
pub struct Minutes<'a> {
    bytes: Bytes<'a>,
    minute: i64,
    counts: Option<usize>,
}

impl Iterator for Minutes<'_> {
    type Item = (i64, [u64; LEVELS]);

    fn next(&mut self) -> Option<Self::Item> {
        let left = match self.counts {
            Some(left) => left,
            None => self.bytes.count().ok()?,
        };
        self.counts = Some(left.checked_sub(1)?);
        self.minute = self.minute.checked_add(self.bytes.signed().ok()?)?;
        let there = self.bytes.byte().ok()?;
        let mut counts = [0; LEVELS];
        for (level, count) in counts.iter_mut().enumerate() {
            if there >> level & 1 == 1 {
                *count = u64::from(self.bytes.small().ok()?);
            }
        }
        Some((self.minute, counts))
    }
}

fn minutes(columns: &Columns) -> Vec<u8> {
    let mut all: Vec<(i64, [u64; LEVELS])> = Vec::new();
    for (time, level) in columns.times.iter().zip(&columns.levels) {
        let minute = time.div_euclid(MINUTE_NANOS);
        if all.last().is_none_or(|last| last.0 != minute) {
            all.push((minute, [0; LEVELS]));
        }
        if let Some((_, counts)) = all.last_mut()
            && let Some(count) = counts.get_mut(usize::from(*level).min(LEVELS - 1))
        {
            *count += 1;
        }
    }
    let mut out = Vec::new();
    put_varint(&mut out, all.len() as u64);
    let mut before = 0;
    for (minute, counts) in all {
        put_signed(&mut out, minute - before);
        before = minute;
        let there = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        out.push(there.fold(0, |bits, (level, _)| bits | 1 << level));
        counts.iter().filter(|count| **count > 0).for_each(|count| put_varint(&mut out, *count));
    }
    out
}

/// Makes a part of rows that are sorted by time and number. `offset`: where it will be in the file.
///
/// # Errors
/// When the compressor fails.
pub fn encode(columns: &Columns, offset: u64, out: &mut Vec<u8>) -> std::io::Result<PartMeta> {
    let mut lengths = [0; COLUMNS];
    let mut raws: Vec<Vec<u8>> = Vec::with_capacity(COLUMNS);
    raws.push(raw_times(&columns.times));
    raws.push(raw_numbers(&columns.numbers));
    raws.push(columns.levels.clone());
    raws.extend(columns.few.iter().map(raw_dictionary));
    raws.extend(columns.texts.iter().map(raw_texts));
    let mut shapes = [const { Vec::new() }; SHAPED.len()];
    for (which, shapes) in SHAPED.into_iter().zip(&mut shapes) {
        let place = which as usize;
        if let Some((found, own)) = columns.texts.get(place).and_then(shaped::encode)
            && let Some(raw) = raws.get_mut(FIRST_TEXT + place)
        {
            (*raw, *shapes) = (own, raw_dictionary(&found));
        }
    }
    let mut gather = Gather::default();
    for (text, salt) in columns.texts.iter().zip(SALTS) {
        (0..text.ends.len())
            .map(|row| text.get(row))
            .filter(|value| !value.is_empty())
            .for_each(|value| gather.value(salt, value));
    }
    for text in columns.texts.iter().skip(SALTS.len()) {
        (0..text.ends.len()).for_each(|row| gather.text(text.get(row)));
    }
    let (bloom, runs) = gather.finish();
    raws.push(bloom);
    raws.push(runs);
    raws.extend(shapes);
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    for (which, (raw, length)) in raws.iter().zip(&mut lengths).enumerate() {
        if which == FIRST_TEXT {
            compressor.set_parameter(CParameter::MinMatch(TEXT_MATCH))?;
            compressor.set_parameter(CParameter::WindowLog(TEXT_WINDOW_LOG))?;
        }
        if raw.is_empty() {
            continue;
        }
        let start = out.len();
        put_varint(out, raw.len() as u64);
        out.extend_from_slice(&compressor.compress(raw)?);
        let stored = out.get(start..).unwrap_or_default();
        *length = u32::try_from(stored.len()).map_err(std::io::Error::other)?;
        let sum = crc32fast::hash(stored);
        out.extend_from_slice(&sum.to_le_bytes());
    }
    Ok(PartMeta {
        start: columns.times.first().copied().unwrap_or(0),
        end: columns.times.last().copied().unwrap_or(0),
        first_number: columns.numbers.iter().copied().min().unwrap_or(0),
        last_number: columns.numbers.iter().copied().max().unwrap_or(0),
        rows: u32::try_from(columns.len()).map_err(std::io::Error::other)?,
        text: columns.text_bytes() as u64,
        offset,
        lengths,
        minutes: minutes(columns),
    })
}

thread_local! {
    /// To make one anew for each column costs as much as a small column.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// The bytes of a column as they were before compression.
pub fn raw(stored: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut bytes = Bytes(stored);
    let length = bytes.length()?;
    if length > MOST_RAW {
        return Err(Corrupt("a column that is too large"));
    }
    let raw = DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.decompress(bytes.0, length))
        .map_err(|_| Corrupt("a column that cannot be decompressed"))?;
    if raw.len() == length { Ok(raw) } else { Err(Corrupt("a column of another length")) }
}

fn raw_times(times: &[i64]) -> Vec<u8> {
    // Most writers have milliseconds or microseconds.
    let unit = [1_000_000, 1_000, 1]
        .into_iter()
        .find(|unit| times.iter().all(|time| time % unit == 0))
        .unwrap_or(1);
    let mut out = Vec::with_capacity(times.len() * 2 + 8);
    put_varint(&mut out, unit.cast_unsigned());
    let mut before = 0;
    for time in times {
        put_signed(&mut out, time / unit - before);
        before = time / unit;
    }
    out
}

pub fn times(raw: &[u8], rows: usize) -> Result<Vec<i64>, Corrupt> {
    let mut bytes = Bytes(raw);
    let unit = i64::from(bytes.small()?);
    let (mut out, mut time) = (Vec::with_capacity(rows.min(raw.len())), 0i64);
    for _ in 0..rows {
        let step = bytes.signed()?;
        time = time.checked_add(step).ok_or(Corrupt("a time that is too large"))?;
        let nanos = time.checked_mul(unit).ok_or(Corrupt("a time that is too large"))?;
        if step < 0 && !out.is_empty() {
            return Err(Corrupt("times that do not ascend"));
        }
        out.push(nanos);
    }
    if bytes.is_empty() { Ok(out) } else { Err(Corrupt("more times than rows")) }
}

fn raw_numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len() + 8);
    let mut before = 0;
    for number in numbers {
        put_signed(&mut out, number.wrapping_sub(before).cast_signed());
        before = *number;
    }
    out
}

pub fn numbers(raw: &[u8], rows: usize) -> Result<Vec<u64>, Corrupt> {
    let (mut bytes, mut number) = (Bytes(raw), 0u64);
    let mut out = Vec::with_capacity(rows.min(raw.len()));
    for _ in 0..rows {
        number = number.wrapping_add(bytes.signed()?.cast_unsigned());
        out.push(number);
    }
    if bytes.is_empty() { Ok(out) } else { Err(Corrupt("more numbers than rows")) }
}

/// Values, then the codes' low bytes, then their high ones: so each plane is compressed by itself.
fn raw_dictionary(column: &Dictionary) -> Vec<u8> {
    if let [only] = &column.values[..]
        && only.is_empty()
    {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(column.codes.len() * 2);
    put_varint(&mut out, column.values.len() as u64);
    column.values.iter().for_each(|value| put_text(&mut out, value));
    if column.values.len() > 1 {
        out.extend(column.codes.iter().map(|code| (code & 255) as u8));
    }
    if column.values.len() > 256 {
        out.extend(column.codes.iter().map(|code| (code >> 8) as u8));
    }
    out
}

pub fn dictionary(raw: &[u8], rows: usize) -> Result<Dictionary, Corrupt> {
    if raw.is_empty() {
        return Ok(Dictionary { values: vec![Arc::from("")], codes: vec![0; rows] });
    }
    let mut bytes = Bytes(raw);
    let count = bytes.count()?;
    if count == 0 || count > MOST_ROWS {
        return Err(Corrupt("a dictionary of a size that cannot be"));
    }
    let values =
        (0..count).map(|_| bytes.text().map(Arc::from)).collect::<Result<Vec<Arc<str>>, _>>()?;
    let low = if count > 1 { bytes.take(rows)? } else { &[] };
    let high = if count > 256 { bytes.take(rows)? } else { &[] };
    let mut codes: Vec<u16> = low.iter().map(|byte| u16::from(*byte)).collect();
    codes.resize(rows, 0);
    codes.iter_mut().zip(high).for_each(|(code, byte)| *code |= u16::from(*byte) << 8);
    let most = codes.iter().copied().max().map_or(0, usize::from);
    if !bytes.is_empty() || most >= count {
        return Err(Corrupt("a code without a value"));
    }
    Ok(Dictionary { values, codes })
}

fn raw_texts(column: &Texts) -> Vec<u8> {
    if column.bytes.is_empty() {
        return Vec::new();
    }
    let mut lengths = Vec::with_capacity(column.ends.len() * 2);
    let mut before = 0;
    for end in &column.ends {
        put_varint(&mut lengths, u64::from(end - before));
        before = *end;
    }
    let mut out = Vec::with_capacity(lengths.len() + column.bytes.len() + 4);
    put_varint(&mut out, lengths.len() as u64);
    out.extend_from_slice(&lengths);
    out.extend_from_slice(&column.bytes);
    out
}

pub fn texts(raw: Vec<u8>, rows: usize) -> Result<Texts, Corrupt> {
    const LONG: Corrupt = Corrupt("texts that are too long");
    if raw.is_empty() {
        return Ok(Texts { ends: vec![0; rows], ..Texts::default() });
    }
    let mut bytes = Bytes(&raw);
    let length = bytes.length()?;
    let mut lengths = Bytes(bytes.take(length)?);
    let start = u32::try_from(raw.len() - bytes.0.len()).map_err(|_| LONG)?;
    let (mut ends, mut end) = (Vec::with_capacity(rows.min(length)), start);
    if length == rows && lengths.0.is_ascii() {
        // One byte each: most lines are short.
        let short = lengths.take(length)?.iter();
        ends.extend(short.map(|length| {
            end = end.saturating_add(u32::from(*length));
            end
        }));
    } else {
        for _ in 0..rows {
            end = end.checked_add(lengths.small()?).ok_or(LONG)?;
            ends.push(end);
        }
    }
    if end as usize != raw.len() || !lengths.is_empty() {
        return Err(Corrupt("texts of another length"));
    }
    Ok(Texts { start: start as usize, ends, bytes: raw })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vigie_model::{Labels, Level, LogEntry};

    use super::super::columns::Builder;
    use super::*;

    fn entry() -> impl Strategy<Value = LogEntry> {
        let texts = ("[a-c]{0,3}", "[a-c]{0,3}", ".{0,30}", "(\\{\\})?", "[a-z]{0,2}");
        (-5i64..5, prop::sample::select(vec![1i64, 1000, 7_000_000]), 0u8..7, texts).prop_map(
            |(time, unit, level, (queue, job, message, fields, label))| LogEntry {
                time_nanos: time * unit * 1_000_000,
                level: super::super::columns::level(level),
                level_text: if level == Level::Warn as u8 { "WARNING".into() } else { "".into() },
                kind: "".into(),
                source: "main".into(),
                instance: queue.clone().into(),
                queue: queue.into(),
                job: job.into(),
                trace: "".into(),
                labels: Labels::from_pairs([("l", label)]),
                message,
                fields,
            },
        )
    }

    proptest! {
        #[test]
        fn a_part_comes_back(mut entries in prop::collection::vec(entry(), 1..50)) {
            entries.sort_by_key(|entry| entry.time_nanos);
            let mut builder = Builder::default();
            entries.iter().enumerate().for_each(|(number, entry)| builder.push(number as u64 * 3, entry));
            let columns = builder.columns;
            let mut out = Vec::new();
            let meta = encode(&columns, 0, &mut out).unwrap();
            prop_assert_eq!(meta.column(COLUMNS).0, out.len() as u64);
            let mut bytes = Vec::new();
            meta.put(&mut bytes);
            let mut reader = Bytes(&bytes);
            prop_assert_eq!(&PartMeta::read(&mut reader).unwrap(), &meta);
            prop_assert!(reader.is_empty());
            let column = |which: usize| {
                let (at, length) = meta.column(which);
                if length == 0 { return Vec::new() }
                raw(&out[at as usize..at as usize + length as usize]).unwrap()
            };
            let rows = entries.len();
            prop_assert_eq!(times(&column(TIMES), rows).unwrap(), columns.times);
            prop_assert_eq!(numbers(&column(NUMBERS), rows).unwrap(), columns.numbers);
            for (place, one) in columns.few.iter().enumerate() {
                prop_assert_eq!(&dictionary(&column(FIRST_FEW + place), rows).unwrap(), one);
            }
            for (place, one) in columns.texts.iter().enumerate() {
                prop_assert_eq!(&texts(column(FIRST_TEXT + place), rows).unwrap(), one);
            }
        }
    }

    #[test]
    fn many_values_need_two_bytes_a_code() {
        let mut builder = Builder::default();
        for n in 0..1000u64 {
            let entry = LogEntry {
                queue: format!("queue-{}", n % 700).into(),
                ..super::super::testing::entry(0, "x")
            };
            builder.push(n, &entry);
        }
        let column = &builder.columns.few[super::super::columns::Few::Queue as usize];
        assert_eq!(&dictionary(&raw_dictionary(column), 1000).unwrap(), column);
    }
}
