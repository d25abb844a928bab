//! What is where in a block: chunks and columns of times as they came, then pages that say where each series' chunks
//! are, then the meta that says where the pages are, and what all of it is.

use std::ops::RangeInclusive;

use roaring::RoaringBitmap;

use super::chunk::Kind;
use crate::block_file::Marks;
use crate::bytes::{Bytes, Corrupt, put_signed, put_varint};
use crate::codec::CHUNK;
use crate::read::TimeRange;
use crate::resolution::{day, span};

/// What a block begins and ends with.
pub const MARKS: Marks = Marks { magic: b"VIGBLK\x00\x01", end: b"VIGBLKEN" };
/// A page is ended after the series with which it has this many rows.
pub const PAGE_ROWS: usize = 96;

/// How far apart a block's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// As they came.
    Raw,
    /// One for each five minutes.
    FiveMinutes,
    /// One for each hour.
    Hour,
}

impl Resolution {
    /// Milliseconds from one sample to the next; 0 for [`Self::Raw`].
    #[must_use]
    pub const fn step(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
        }
    }

    /// How many days of UTC a block has at most: at low resolutions so many that a series fills a chunk, or half of one. A block
    /// is within such a span, which begins at a multiple of it since the epoch.
    #[must_use]
    pub const fn days(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::FiveMinutes => 5,
            Self::Hour => 30,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::FiveMinutes => 1,
            Self::Hour => 2,
        }
    }
}

/// Where a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRef {
    /// The first series in it.
    pub first: u32,
    /// Where it begins.
    pub offset: u64,
    /// How long it is, without its checksum.
    pub length: u32,
}

/// What a block says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// How far apart its samples are.
    pub resolution: Resolution,
    /// 0 from the head, 1 merged to 2 h, 2 merged to a day or more.
    pub level: u8,
    /// Its number, also in its file's name.
    pub number: u64,
    /// The newest generation of the head that is in it.
    pub generation: u64,
    /// All of the head up to this generation is in this and older blocks; 0 when that is not said.
    pub seals: u64,
    /// Blocks that this one takes the place of.
    pub replaces: Vec<u64>,
    /// The earliest time.
    pub start: i64,
    /// The latest time.
    pub end: i64,
    /// How many samples.
    pub samples: u64,
    /// Its series.
    pub series: RoaringBitmap,
    /// Where they are.
    pub pages: Vec<PageRef>,
}

impl Meta {
    /// The first and the last day that it has samples of; at low resolutions it has all days between.
    #[must_use]
    pub fn days(&self) -> RangeInclusive<i64> {
        day(self.start)..=day(self.end)
    }

    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.resolution.number(), self.level];
        for number in [self.number, self.generation, self.seals, self.samples] {
            put_varint(&mut out, number);
        }
        put_signed(&mut out, self.start);
        put_signed(&mut out, self.end);
        put_varint(&mut out, self.replaces.len() as u64);
        self.replaces.iter().for_each(|number| put_varint(&mut out, *number));
        put_varint(&mut out, self.pages.len() as u64);
        put_varint(&mut out, self.pages.first().map_or(0, |page| page.offset));
        let mut before = 0;
        for page in &self.pages {
            put_varint(&mut out, u64::from(page.first - before));
            put_varint(&mut out, u64::from(page.length));
            before = page.first;
        }
        self.series.serialize_into(&mut out).expect("a Vec takes all that is written");
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut bytes = Bytes(bytes);
        let resolution = match bytes.byte()? {
            0 => Resolution::Raw,
            1 => Resolution::FiveMinutes,
            2 => Resolution::Hour,
            _ => return Err(Corrupt("an unknown resolution")),
        };
        let level = bytes.byte()?;
        let (number, generation, seals, samples) =
            (bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?);
        let (start, end) = (bytes.signed()?, bytes.signed()?);
        if span(resolution, day(start)) != span(resolution, day(end)) {
            return Err(Corrupt("a block of more days than one may have"));
        }
        let count = bytes.count()?;
        let replaces: Result<Vec<u64>, Corrupt> = (0..count).map(|_| bytes.varint()).collect();
        let count = bytes.count()?;
        let mut offset = bytes.varint()?;
        let mut first = 0u32;
        let mut page = |_| {
            first = first
                .checked_add(bytes.small()?)
                .ok_or(Corrupt("a series' number is too large"))?;
            let page = PageRef { first, offset, length: bytes.small()? };
            let next = offset.checked_add(u64::from(page.length) + 4);
            offset = next.ok_or(Corrupt("a page beyond all files"))?;
            Ok(page)
        };
        let pages: Result<Vec<PageRef>, Corrupt> = (0..count).map(&mut page).collect();
        let series = RoaringBitmap::deserialize_from(bytes.0)
            .map_err(|_| Corrupt("the list of series cannot be read"))?;
        Ok(Self {
            resolution,
            level,
            number,
            generation,
            seals,
            replaces: replaces?,
            start,
            end,
            samples,
            series,
            pages: pages?,
        })
    }
}

/// A column of times: one for all the series of a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Where it begins.
    pub offset: u64,
    /// How long it is, without its checksum.
    pub length: u32,
    /// How many times.
    pub count: u32,
    /// The first time.
    pub start: i64,
    /// The last time.
    pub end: i64,
}

/// Where a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Whose it is.
    pub id: u32,
    /// What is in it.
    pub kind: Kind,
    /// Its times.
    pub column: Column,
    /// Where its values begin.
    pub offset: u64,
    /// How long they are, without their checksum.
    pub length: u32,
}

impl Row {
    /// Whether its chunk has times within a range.
    #[must_use]
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.column.start <= range.end && self.column.end >= range.start
    }
}

/// A page's rows as bytes: the columns that they use, then the rows.
#[must_use]
pub fn encode_page(rows: &[Row]) -> Vec<u8> {
    let mut columns: Vec<Column> = Vec::new();
    let places: Vec<usize> = rows
        .iter()
        .map(|row| {
            columns.iter().rposition(|column| *column == row.column).unwrap_or_else(|| {
                columns.push(row.column);
                columns.len() - 1
            })
        })
        .collect();
    let mut out = Vec::with_capacity(rows.len() * 6);
    put_varint(&mut out, columns.len() as u64);
    let (mut offset, mut start) = (0i64, 0i64);
    for column in &columns {
        put_signed(&mut out, column.offset.cast_signed().wrapping_sub(offset));
        put_varint(&mut out, u64::from(column.length));
        put_varint(&mut out, u64::from(column.count));
        put_signed(&mut out, column.start.wrapping_sub(start));
        put_varint(&mut out, column.end.wrapping_sub(column.start).cast_unsigned());
        (offset, start) = (column.offset.cast_signed(), column.start);
    }
    put_varint(&mut out, rows.len() as u64);
    let (mut id, mut next) = (0u32, 0u64);
    for (row, place) in rows.iter().zip(places) {
        put_varint(&mut out, u64::from(row.id - id));
        put_varint(&mut out, (place as u64) << 2 | row.kind.number());
        put_signed(&mut out, row.offset.wrapping_sub(next).cast_signed());
        put_varint(&mut out, u64::from(row.length));
        (id, next) = (row.id, row.offset.wrapping_add(u64::from(row.length) + 4));
    }
    out
}

/// The rows of a page.
pub fn decode_page(bytes: &[u8]) -> Result<Vec<Row>, Corrupt> {
    let mut bytes = Bytes(bytes);
    let count = bytes.count()?;
    let (mut offset, mut start) = (0i64, 0i64);
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        offset = offset.wrapping_add(bytes.signed()?);
        let (length, count) = (bytes.small()?, bytes.small()?);
        if count as usize > CHUNK {
            return Err(Corrupt("a chunk of too many samples"));
        }
        start = start.wrapping_add(bytes.signed()?);
        let end = start.wrapping_add(bytes.varint()?.cast_signed());
        columns.push(Column { offset: offset.cast_unsigned(), length, count, start, end });
    }
    let count = bytes.count()?;
    let (mut id, mut next) = (0u32, 0u64);
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        id = id.checked_add(bytes.small()?).ok_or(Corrupt("a series' number is too large"))?;
        let place = bytes.length()?;
        let kind = Kind::from_number((place & 3) as u64)?;
        let column = *columns.get(place >> 2).ok_or(Corrupt("a column that is not there"))?;
        let offset = next.wrapping_add(bytes.signed()?.cast_unsigned());
        let length = bytes.small()?;
        next = offset.wrapping_add(u64::from(length) + 4);
        rows.push(Row { id, kind, column, offset, length });
    }
    if bytes.is_empty() { Ok(rows) } else { Err(Corrupt("a page is too long")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resolution::DAY;

    fn any_row() -> impl Strategy<Value = Row> {
        (any::<u32>(), 0u64..4, 0u64..4, any::<u32>(), any::<u32>()).prop_map(
            |(id, kind, column, offset, length)| Row {
                id,
                kind: Kind::from_number(kind).unwrap(),
                column: Column {
                    offset: column * 1000,
                    length: 7,
                    count: 1440,
                    start: column as i64 - 2,
                    end: column as i64 * 9,
                },
                offset: u64::from(offset),
                length,
            },
        )
    }

    proptest! {
        #[test]
        fn pages_come_back(mut rows in prop::collection::vec(any_row(), 0..50)) {
            rows.sort_by_key(|row| row.id);
            prop_assert_eq!(decode_page(&encode_page(&rows)), Ok(rows));
        }

        #[test]
        fn metas_come_back(numbers: [u64; 4], start: i32, days in 0i64..30, replaces: Vec<u64>, series: Vec<u32>) {
            let start = i64::from(start) * Resolution::Hour.days() * DAY;
            let meta = Meta {
                resolution: Resolution::Hour,
                level: 2,
                number: numbers[0],
                generation: numbers[1],
                seals: numbers[2],
                replaces,
                start,
                end: start + days * DAY + 1,
                samples: numbers[3],
                series: series.into_iter().collect(),
                pages: vec![
                    PageRef { first: 3, offset: 100, length: 20 },
                    PageRef { first: 9, offset: 124, length: 7 },
                ],
            };
            prop_assert_eq!(Meta::decode(&meta.encode()), Ok(meta.clone()));
            let longer = Meta { end: start + Resolution::Hour.days() * DAY, ..meta };
            prop_assert!(Meta::decode(&longer.encode()).is_err());
        }

        #[test]
        fn any_bytes_are_an_error_or_a_page(bytes: Vec<u8>) {
            let _ = decode_page(&bytes);
            let _ = Meta::decode(&bytes);
        }
    }
}
