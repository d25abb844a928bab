//! How far a file was read and by what it is known again, and the table of these that is kept with the lines.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use xxhash_rust::xxh3::xxh3_64;

/// So many of a file's first bytes tell it from others.
pub(super) const HEAD: usize = 1024;
/// And so many before the place that was reached.
pub(super) const TAIL: usize = 256;
/// Marks in one table: its bytes must stay within what a position may have.
pub(super) const MOST_MARKS: usize = 1400;

const VERSION: u8 = 1;

/// Which file, as long as it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl FileId {
    pub fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub id: FileId,
    /// Bytes that are done with.
    pub offset: u64,
    /// Hash of the first of them, at most [`HEAD`].
    pub head: u64,
    /// Hash of the last of them, at most [`TAIL`].
    pub tail: u64,
}

/// The first bytes of a file up to a place, and the last before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Edges {
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
}

impl Edges {
    /// Those of `file` before `offset`; `None` when it is shorter.
    pub fn read(file: &File, offset: u64) -> io::Result<Option<Self>> {
        let head = usize::try_from(offset).unwrap_or(usize::MAX).min(HEAD);
        let tail = usize::try_from(offset).unwrap_or(usize::MAX).min(TAIL);
        let mut edges = Self { head: vec![0; head], tail: vec![0; tail] };
        let read = file
            .read_exact_at(&mut edges.head, 0)
            .and_then(|()| file.read_exact_at(&mut edges.tail, offset - tail as u64));
        match read {
            Ok(()) => Ok(Some(edges)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether they are those that the mark was made from.
    pub fn fit(&self, mark: &Mark) -> bool {
        xxh3_64(&self.head) == mark.head && xxh3_64(&self.tail) == mark.tail
    }

    /// The hash of the first bytes.
    pub fn head_hash(&self) -> u64 {
        xxh3_64(&self.head)
    }

    /// The bytes that follow.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if bytes.len() >= TAIL {
            self.tail.clear();
        } else {
            let over = (self.tail.len() + bytes.len()).saturating_sub(TAIL);
            self.tail.drain(..over);
        }
        self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or(bytes));
    }
}

/// The table's bytes.
pub(super) fn encode(marks: &[Mark]) -> Vec<u8> {
    let marks = marks.get(..MOST_MARKS).unwrap_or(marks);
    let mut out = vec![VERSION];
    varint(&mut out, marks.len() as u64);
    for mark in marks {
        varint(&mut out, mark.id.device);
        varint(&mut out, mark.id.inode);
        varint(&mut out, mark.offset);
        out.extend_from_slice(&mark.head.to_le_bytes());
        out.extend_from_slice(&mark.tail.to_le_bytes());
    }
    out
}

/// What a table's bytes say; `None` when they are no such table.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Mark>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let count = take_varint(&mut rest)?;
    let mut marks = Vec::new();
    for _ in 0..count {
        let id = FileId { device: take_varint(&mut rest)?, inode: take_varint(&mut rest)? };
        let offset = take_varint(&mut rest)?;
        marks.push(Mark { id, offset, head: take_u64(&mut rest)?, tail: take_u64(&mut rest)? });
    }
    rest.is_empty().then_some(marks)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(device: u64, inode: u64, offset: u64) -> Mark {
        Mark { id: FileId { device, inode }, offset, head: u64::MAX, tail: offset ^ 7 }
    }

    #[test]
    fn a_full_table_fits_into_a_position() {
        let marks = vec![mark(u64::MAX, u64::MAX, u64::MAX); MOST_MARKS + 5];
        let bytes = encode(&marks);
        assert!(bytes.len() <= 64 << 10, "{}", bytes.len());
        assert_eq!(decode(&bytes).unwrap(), marks[..MOST_MARKS]);
    }

    #[test]
    fn edges_are_the_same_read_or_pushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let bytes: Vec<u8> = (0..5_000_u32).map(|n| (n * 31 % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        for step in [1, 7, 255, 256, 257, 1_500] {
            let mut edges = Edges::default();
            let mut offset = 0;
            for part in bytes.chunks(step) {
                edges.push(part);
                offset += part.len() as u64;
                assert_eq!(Edges::read(&file, offset).unwrap().unwrap(), edges, "{step} {offset}");
            }
        }
        assert_eq!(Edges::read(&file, 5_001).unwrap(), None);
    }

    proptest! {
        #[test]
        fn tables_come_back(raw in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..20)) {
            let marks: Vec<Mark> = raw.into_iter().map(|(a, b, c)| mark(a, b, c)).collect();
            prop_assert_eq!(decode(&encode(&marks)).unwrap(), marks);
        }

        #[test]
        fn any_bytes_are_a_table_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(marks) = decode(&bytes) {
                prop_assert!(marks.len() <= bytes.len());
            }
        }
    }
}
