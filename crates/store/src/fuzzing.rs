//! What the fuzz targets drive: the readers of everything that is on the disk, each with what must hold of its answer.
//!
//! Checksums would stop nearly every input at the door, so they are put right first: what is behind them must not panic,
//! loop or take memory without end either, for a checksum is no proof of who wrote the bytes.

use std::convert::Infallible;
use std::path::Path;

use roaring::RoaringBitmap;

use crate::block::layout::{self, MARKS, Meta};
use crate::block::{Block, Cache, chunk};
use crate::block_file::TRAILER;
use crate::bytes::Bytes;
use crate::codec::{CHUNK, histogram, times};
use crate::frame;
use crate::open::parse_registry;
use crate::read::TimeRange;
use crate::registry;
use crate::wal::{record, replay};

/// A block's file; `scratch` is a path that may be written to.
pub fn block(data: &[u8], scratch: &Path) {
    pieces(data);
    let mut bytes = data.to_vec();
    // Without a meta that can be read there is nothing to put right.
    let _ = put_right(&mut bytes);
    if std::fs::write(scratch, &bytes).is_err() {
        return;
    }
    let Ok(block) = Block::open(scratch) else { return };
    let cache = Cache::default();
    let ids: RoaringBitmap = block.meta.series.iter().take(100).collect();
    let all = TimeRange { start: i64::MIN, end: i64::MAX };
    let all = block.all_rows(&ids, all, &cache, |_| Ok::<(), Infallible>(()));
    assert!(all.is_ok_and(|all| all.is_sorted_by_key(|row| row.id)), "rows out of order");
    for id in ids {
        let Ok(rows) = block.rows(id, &cache) else { continue };
        for row in rows.iter().take(100) {
            assert_eq!(row.id, id, "a row of another series");
            if let Ok((times, _)) = block.chunk(row, &cache) {
                assert!(times.len() <= CHUNK, "a chunk that is too long");
            }
        }
    }
}

/// The parts of a block by themselves.
fn pieces(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let count = rest.first().map_or(1, |count| usize::from(*count) * 5);
    if let Ok(rows) = layout::decode_page(rest) {
        assert_eq!(layout::decode_page(&layout::encode_page(&rows)), Ok(rows));
    }
    if let Ok(meta) = Meta::decode(rest) {
        assert_eq!(Meta::decode(&meta.encode()), Ok(meta));
    }
    if let Ok(times) = times::decode(rest, count) {
        assert_eq!(times.len(), count);
    }
    if let Ok(kind) = chunk::Kind::from_number(u64::from(first % 4)) {
        let _ = chunk::decode(kind, rest, count);
    }
    if let Ok(one) = histogram::decode(&mut Bytes(rest), None) {
        let mut out = Vec::new();
        histogram::encode(&one, None, &mut out);
        let back = histogram::decode(&mut Bytes(&out), None);
        assert!(back.is_ok_and(|back| histogram::same(&back, &one)), "{one:?}");
    }
}

/// Puts the checksums of meta, pages, columns and chunks right.
fn put_right(bytes: &mut [u8]) -> Option<()> {
    let start = bytes.get_mut(..MARKS.magic.len())?;
    start.copy_from_slice(MARKS.magic);
    let trailer = bytes.len().checked_sub(TRAILER)?;
    let length = u32::from_le_bytes(*bytes.get(trailer..)?.first_chunk()?) as usize;
    let meta_bytes = bytes.get(trailer.checked_sub(length)?..trailer)?;
    let sum = crc32fast::hash(meta_bytes);
    let meta = Meta::decode(meta_bytes).ok()?;
    bytes.get_mut(trailer + 4..trailer + 8)?.copy_from_slice(&sum.to_le_bytes());
    for page in meta.pages.iter().take(100) {
        let Some(page) = sum_at(bytes, page.offset, page.length) else { continue };
        let Ok(rows) = layout::decode_page(&page) else { continue };
        for row in rows.iter().take(100) {
            sum_at(bytes, row.column.offset, row.column.length);
            sum_at(bytes, row.offset, row.length);
        }
    }
    Some(())
}

/// Puts one checksum right; the bytes that it is of.
fn sum_at(bytes: &mut [u8], offset: u64, length: u32) -> Option<Vec<u8>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(length as usize)?;
    let part = bytes.get(start..end)?.to_vec();
    bytes.get_mut(end..end.checked_add(4)?)?.copy_from_slice(&crc32fast::hash(&part).to_le_bytes());
    Some(part)
}

/// A segment of the log.
pub fn log(data: &[u8]) {
    let content = replay::read(data, 0, |_| {});
    assert!(content.torn <= data.len() as u64);
    // The same bytes as the body of a record whose checksums hold.
    let mut file = record::MAGIC.to_vec();
    frame::put(&mut file, data);
    let mut samples = Vec::new();
    let content = replay::read(&file, 0, |sample| samples.push(sample));
    assert!(content.samples == samples.len() as u64 && content.torn == 0);
    // What can be read can be written and read again.
    let mut again = record::MAGIC.to_vec();
    for part in record::parts(&samples) {
        record::put(&mut again, 1, part);
    }
    let mut same = samples.iter();
    let content = replay::read(&again, 0, |two| {
        let one = same.next().expect("as many come back as were written");
        assert!((one.0, one.1) == (two.0, two.1) && one.2.same(&two.2), "{one:?} {two:?}");
    });
    assert!(content.samples == samples.len() as u64 && content.damaged.is_empty());
}

/// The registry's file.
pub fn registry(data: &[u8]) {
    let mut damaged = Vec::new();
    let parsed = parse_registry(data, &mut damaged);
    let index = &parsed.index;
    assert!(parsed.end <= data.len() && index.len() as u64 == index.all().len());
    if let Ok(records) = registry::read(data) {
        let mut file = Vec::new();
        records.iter().for_each(|record| record.put(&mut file));
        let mut again = Vec::new();
        let file = registry::grouped(&file);
        for body in frame::scan(&file, 0).bodies {
            let read = registry::read(file.get(body).unwrap_or_default());
            again.extend(read.expect("what was just written can be read"));
        }
        assert_eq!(again, records);
    }
}
