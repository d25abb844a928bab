//! How far a shard has been sent, on disk.
//!
//! Two slots are written in turn, so that one is whole whatever happens. They are not synced: a kill leaves them as they
//! are, and after a power cut samples are sent again, which changes nothing at the receiver.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const SLOT: usize = 64;
const NUMBERS: usize = 7;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    /// The segment's number, from 1.
    pub segment: u64,
    /// Bytes from its beginning.
    pub offset: u64,
    /// The number of the next sample.
    pub ordinal: u64,
}

/// How far it has been sent, and what is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// What is before it is sent.
    pub done: Place,
    /// What is between is being sent: it may have arrived.
    pub sending: Place,
}

/// The file.
pub(super) struct PositionFile {
    file: File,
    turn: u64,
}

impl PositionFile {
    /// Opens or makes the file. Where neither slot is whole it is from the beginning.
    pub fn open(path: &Path) -> io::Result<(Self, Progress)> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let slots = [0, 1].map(|slot| {
            let mut bytes = [0; SLOT];
            file.read_exact_at(&mut bytes, (slot * SLOT) as u64).ok()?;
            decode(&bytes)
        });
        let newest = slots.into_iter().flatten().max_by_key(|(turn, _)| *turn);
        let (turn, progress) = newest.unwrap_or_default();
        Ok((Self { file, turn }, progress))
    }

    /// Writes how far it is.
    pub fn write(&mut self, progress: &Progress) -> io::Result<()> {
        self.turn += 1;
        let slot = self.turn % 2 * SLOT as u64;
        self.file.write_all_at(&encode(self.turn, progress), slot)
    }
}

fn encode(turn: u64, progress: &Progress) -> [u8; SLOT] {
    let Progress { done, sending } = progress;
    let numbers: [u64; NUMBERS] = [
        turn,
        done.segment,
        done.offset,
        done.ordinal,
        sending.segment,
        sending.offset,
        sending.ordinal,
    ];
    let mut bytes = [0; SLOT];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let check = crc32fast::hash(&bytes[..NUMBERS * 8]);
    bytes[NUMBERS * 8..NUMBERS * 8 + 4].copy_from_slice(&check.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; SLOT]) -> Option<(u64, Progress)> {
    let (numbers, check) = bytes.split_at(NUMBERS * 8);
    if *check.first_chunk::<4>()? != crc32fast::hash(numbers).to_le_bytes() {
        return None;
    }
    let (numbers, _) = numbers.as_chunks::<8>();
    let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let turn = numbers.next()?;
    let mut place = || {
        Some(Place { segment: numbers.next()?, offset: numbers.next()?, ordinal: numbers.next()? })
    };
    // A file of zeros has no checksum that holds, since CRC-32 of zeros is not zero.
    Some((turn, Progress { done: place()?, sending: place()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("position");
        let place = |ordinal| Place { segment: 1, offset: 2, ordinal };
        let progress = |n| Progress { done: place(n), sending: place(n + 1) };
        let (mut file, first) = PositionFile::open(&path).unwrap();
        assert_eq!(first, Progress::default());
        for n in 0..3 {
            file.write(&progress(n)).unwrap();
            assert_eq!(PositionFile::open(&path).unwrap().1, progress(n));
        }
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[SLOT + 9] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(PositionFile::open(&path).unwrap().1, progress(1));
        std::fs::write(&path, vec![0; 2 * SLOT]).unwrap();
        assert_eq!(PositionFile::open(&path).unwrap().1, Progress::default());
    }
}
