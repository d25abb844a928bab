//! What the fuzz targets drive: the readers of everything that is on the disk, each with what must hold of its answer.

use std::path::Path;
use std::sync::Arc;

use super::block::{Block, MARKS, Meta};
use super::filter::LogFilter;
use super::part::{self, COLUMNS, PartMeta};
use super::rows::{Rows, Unit};
use super::{TextMatch, record, shaped};
use crate::block_file::TRAILER;

/// A block's file, its checksums put right first; `scratch` is a path that may be written to.
pub fn block(data: &[u8], scratch: &Path) {
    pieces(data);
    let mut bytes = data.to_vec();
    // Without a meta that can be read there is nothing to put right.
    let _ = put_right(&mut bytes);
    if std::fs::write(scratch, &bytes).is_err() {
        return;
    }
    let Ok(block) = Block::open(scratch) else { return };
    let block = Arc::new(block);
    let text = TextMatch::contains("Job", true).expect("it is short");
    for place in 0..block.meta.parts.len().min(20) {
        let rows = Rows::new(Unit::Part(block.clone(), place));
        for texts in [Vec::new(), vec![text.clone()]] {
            let filter = LogFilter { texts, ..LogFilter::default() };
            let Ok(wanted) = filter.rows(&rows) else { continue };
            assert!(
                wanted.iter().all(|row| (*row as usize) < rows.len()),
                "a row that is not there"
            );
            let _ = rows.entries(wanted.get(..10).unwrap_or(&wanted));
        }
    }
}

/// The parts of a block by themselves.
fn pieces(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let count = usize::from(*first);
    if let Ok(meta) = Meta::decode(rest) {
        assert_eq!(Meta::decode(&meta.encode()), Ok(meta));
    }
    let _ = part::raw(rest);
    if let Ok(times) = part::times(rest, count) {
        assert_eq!(times.len(), count);
    }
    if let Ok(column) = part::dictionary(rest, count) {
        assert!(
            column.codes.len() == count
                && column.codes.iter().all(|code| usize::from(*code) < column.values.len())
        );
    }
    // Shapes, and behind them what rows have of their own.
    let (shapes, own) =
        rest.split_at(rest.len().min(usize::from(rest.first().copied().unwrap_or(0))));
    if let Ok(shapes) = part::dictionary(shapes, count)
        && let Ok(column) = shaped::decode(&shapes, own, None)
    {
        assert_eq!(column.ends.len(), count);
    }
    if let Ok(column) = part::texts(rest.to_vec(), count) {
        match count.checked_sub(1) {
            Some(last) => assert_eq!(column.place(last).end, column.bytes.len()),
            None => assert!(column.get(0).is_empty()),
        }
    }
}

fn put_right(bytes: &mut [u8]) -> Option<()> {
    bytes.get_mut(..MARKS.magic.len())?.copy_from_slice(MARKS.magic);
    let trailer = bytes.len().checked_sub(TRAILER)?;
    let length = u32::from_le_bytes(*bytes.get(trailer..)?.first_chunk()?) as usize;
    let meta_bytes = bytes.get(trailer.checked_sub(length)?..trailer)?;
    let sum = crc32fast::hash(meta_bytes);
    let meta = Meta::decode(meta_bytes).ok()?;
    bytes.get_mut(trailer + 4..trailer + 8)?.copy_from_slice(&sum.to_le_bytes());
    let places = |part: &PartMeta| (0..COLUMNS).map(|which| part.column(which)).collect::<Vec<_>>();
    for (offset, length) in meta.parts.iter().take(20).flat_map(places) {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(length as usize)?;
        let Some(stored) = bytes.get(start..end) else { continue };
        let sum = crc32fast::hash(stored);
        if let Some(place) = bytes.get_mut(end..end + 4) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    }
    Some(())
}

/// A segment of the log, and the same bytes as the body of a record whose checksums hold.
pub fn log(data: &[u8]) {
    let mut damaged = Vec::new();
    let (_, torn) = record::segment(data, &mut damaged, |_| {});
    assert!(torn <= data.len() as u64);
    if let Ok(one) = record::read(data) {
        let body = record::body(one.generation, one.first, one.position.as_ref(), &one.entries);
        assert_eq!(record::read(&body), Ok(one));
    }
    let _ = super::positions::parse(data);
}
