//! A block of entries: a file of parts, and at its end what it says of them.

use std::io;
use std::path::{Path, PathBuf};

use super::part::{self, PartMeta};
use crate::block_file::{BlockError, BlockFile, Marks, NewBlockFile};
use crate::bytes::{Bytes, Corrupt, put_varint};
use crate::disk::Disk;
use crate::folder::Numbered;

/// What a block begins and ends with.
pub const MARKS: Marks = Marks { magic: b"VIGLOG\0\x01", end: b"VIGLGEND" };

/// What a block says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Its number, which is its file's name.
    pub number: u64,
    /// Generations of the head up to this are in this and older blocks; 0: it says nothing of that.
    pub seals: u64,
    /// Numbers of the blocks that it takes the place of.
    pub replaces: Vec<u64>,
    /// Its parts, as they follow in the file.
    pub parts: Vec<PartMeta>,
}

impl Meta {
    /// Time of the first and the last entry, in nanoseconds.
    pub fn range(&self) -> (i64, i64) {
        let start = self.parts.iter().map(|part| part.start).min().unwrap_or(0);
        (start, self.parts.iter().map(|part| part.end).max().unwrap_or(0))
    }

    /// How many entries.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.rows)).sum()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.number);
        put_varint(&mut out, self.seals);
        put_varint(&mut out, self.replaces.len() as u64);
        self.replaces.iter().for_each(|number| put_varint(&mut out, *number));
        put_varint(&mut out, self.parts.len() as u64);
        self.parts.iter().for_each(|part| part.put(&mut out));
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut bytes = Bytes(bytes);
        let (number, seals) = (bytes.varint()?, bytes.varint()?);
        let count = bytes.count()?;
        let replaces = (0..count).map(|_| bytes.varint()).collect::<Result<_, _>>()?;
        let count = bytes.count()?;
        let parts =
            (0..count).map(|_| PartMeta::read(&mut bytes)).collect::<Result<Vec<_>, _>>()?;
        if !bytes.is_empty() {
            return Err(Corrupt("a meta that is longer than it says"));
        }
        Ok(Self { number, seals, replaces, parts })
    }
}

/// A block that is open.
#[derive(Debug)]
pub struct Block {
    /// Its file.
    pub file: BlockFile,
    /// What it says of itself.
    pub meta: Meta,
}

impl Block {
    /// Opens a block and reads its meta.
    pub fn open(path: &Path) -> Result<Self, BlockError> {
        let (file, meta) = BlockFile::open(path, &MARKS, Meta::decode)?;
        Ok(Self { file, meta })
    }

    /// A column of a part, decompressed; empty where every row is.
    pub fn column(&self, part: &PartMeta, which: usize) -> Result<Vec<u8>, BlockError> {
        let (offset, length) = part.column(which);
        if length == 0 {
            return Ok(Vec::new());
        }
        let stored = self.file.checked(offset, length)?;
        part::raw(&stored).map_err(|Corrupt(what)| self.file.damage(offset, what))
    }

    /// All bytes of a part, each column of which has been checked.
    pub fn whole_part(&self, part: &PartMeta) -> Result<Vec<u8>, BlockError> {
        let mut out = Vec::new();
        for which in 0..part::COLUMNS {
            let (offset, length) = part.column(which);
            if length > 0 {
                let bytes = self.file.checked(offset, length)?;
                let sum = crc32fast::hash(&bytes);
                out.extend_from_slice(&bytes);
                out.extend_from_slice(&sum.to_le_bytes());
            }
        }
        Ok(out)
    }
}

impl Numbered for Block {
    fn open(path: &Path) -> Result<Self, BlockError> {
        Self::open(path)
    }

    fn numbers(&self) -> (u64, &[u64]) {
        (self.meta.number, &self.meta.replaces)
    }

    fn file(&self) -> &BlockFile {
        &self.file
    }
}

/// A block that is being made. Dropped without [`BlockWriter::finish`], its file is taken away.
#[derive(Debug)]
pub struct BlockWriter {
    file: NewBlockFile,
    meta: Meta,
}

impl BlockWriter {
    /// A block at `path`, of which the parts are still to come.
    pub fn create(disk: &Disk, path: &Path, meta: Meta) -> io::Result<Self> {
        Ok(Self { file: NewBlockFile::create(disk, path, &MARKS)?, meta })
    }

    /// Where the next part will be.
    pub fn at(&self) -> u64 {
        self.file.at()
    }

    /// Adds a part.
    pub fn part(&mut self, mut part: PartMeta, bytes: &[u8]) -> io::Result<()> {
        part.offset = self.file.at();
        self.file.write(bytes)?;
        self.meta.parts.push(part);
        Ok(())
    }

    /// Writes the meta; on success the block is whole and on the disk, under its name.
    pub fn finish(self) -> io::Result<PathBuf> {
        self.file.finish(self.meta.encode())
    }
}
