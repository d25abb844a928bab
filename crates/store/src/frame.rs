//! Records in a file that grows: each with its length and checksums, so that one damaged record costs only itself.
//!
//! A record is its body's length, the body's CRC-32, the CRC-32 of those eight bytes, and the body. After damage the next
//! record is found by looking for a place where both checksums hold.

use std::ops::Range;

/// Bytes before a body.
pub const HEAD: usize = 12;
/// A body is at most this long.
pub const LONGEST: usize = 64 << 20;
/// A file begins with this many bytes that say what it is.
pub const MAGIC: usize = 8;

/// Appends a record.
pub fn put(out: &mut Vec<u8>, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("callers split long before 4 GiB");
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    let check = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&check.to_le_bytes());
    out.extend_from_slice(body);
}

/// What is in such a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Bodies that are whole, in order.
    pub bodies: Vec<Range<usize>>,
    /// What lies between whole records and is none.
    pub damaged: Vec<Range<usize>>,
    /// Where the last whole record ends.
    pub end: usize,
}

/// Reads all records from `start` on.
#[must_use]
pub fn scan(bytes: &[u8], start: usize) -> Scan {
    let mut found = Scan { end: start, ..Scan::default() };
    let mut at = start;
    while at + HEAD <= bytes.len() {
        let Some(body) = record(bytes, at) else {
            at += 1;
            continue;
        };
        if at > found.end {
            found.damaged.push(found.end..at);
        }
        at = body.end;
        found.end = at;
        found.bodies.push(body);
    }
    found
}

fn record(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let head = bytes.get(at..at + HEAD)?;
    let word = |place: usize| {
        head.get(place..)
            .and_then(|rest| rest.first_chunk::<4>())
            .map(|word| u32::from_le_bytes(*word))
    };
    let length = word(0)? as usize;
    // Cheap before dear: most places that are no record say so here.
    if length > LONGEST || length > bytes.len() - at - HEAD {
        return None;
    }
    if crc32fast::hash(head.get(..8)?) != word(8)? {
        return None;
    }
    let body = at + HEAD..at + HEAD + length;
    (crc32fast::hash(bytes.get(body.clone())?) == word(4)?).then_some(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"MAGIC-01".to_vec();
        bodies.iter().for_each(|body| put(&mut out, body));
        out
    }

    proptest! {
        #[test]
        fn a_flipped_bit_costs_one_record(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..8),
            place: prop::sample::Index,
            bit in 0u8..8,
        ) {
            let mut bytes = file(&bodies);
            let at = MAGIC + place.index(bytes.len() - MAGIC);
            bytes[at] ^= 1 << bit;
            let found = scan(&bytes, MAGIC);
            let back: Vec<&[u8]> = found.bodies.iter().map(|body| &bytes[body.clone()]).collect();
            prop_assert_eq!(back.len(), bodies.len() - 1);
            prop_assert!(back.iter().all(|body| bodies.iter().any(|one| one == body)));
            // The last one cannot be told from one that was being written.
            prop_assert!(found.damaged.len() <= 1);
            prop_assert_eq!(found.damaged.is_empty(), found.end < bytes.len());
        }

        #[test]
        fn a_torn_tail_costs_what_was_torn(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8),
            cut: prop::sample::Index,
        ) {
            let bytes = file(&bodies);
            let length = MAGIC + cut.index(bytes.len() - MAGIC);
            let found = scan(&bytes[..length], MAGIC);
            let whole = bodies.iter().scan(MAGIC, |end, body| {
                *end += HEAD + body.len();
                Some(*end)
            }).take_while(|end| *end <= length).count();
            prop_assert_eq!(found.bodies.len(), whole);
            prop_assert!(found.damaged.is_empty());
        }
    }
}
