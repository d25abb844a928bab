//! A block of entries: a file of parts, and at its end what it says of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::part::{self, PartMeta};
use crate::bytes::{Bytes, Corrupt, put_varint};
use crate::disk::{Disk, DiskFile, ReadFile};

/// What a block begins with; the last two bytes are the format's number.
pub const MAGIC: &[u8; 8] = b"VIGLOG\0\x01";
const END: &[u8; 8] = b"VIGLGEND";
/// Length of the meta, its checksum, and the end.
pub const TRAILER: usize = 16;

/// Why a block, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The disk failed.
    #[error("{file}: {}", vigie_model::io_words(.error))]
    Disk {
        /// The block's file name.
        file: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// What is there is not what was written.
    #[error("{file}, byte {offset}: {what}")]
    Damaged {
        /// The block's file name.
        file: String,
        /// Where.
        offset: u64,
        /// What does not hold.
        what: &'static str,
    },
}

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
    file: ReadFile,
    /// What it says of itself.
    pub meta: Meta,
    /// Something in it turned out to be damaged.
    damaged: AtomicBool,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    word.map_or(0, |word| u32::from_le_bytes(*word))
}

impl Block {
    /// Opens a block and reads its meta.
    pub fn open(path: &Path) -> Result<Self, BlockError> {
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let disk = |error| BlockError::Disk { file: name.clone(), error };
        let damaged = |offset, what| BlockError::Damaged { file: name.clone(), offset, what };
        let file = ReadFile::open(path).map_err(disk)?;
        if file.length < (MAGIC.len() + TRAILER) as u64 {
            return Err(damaged(0, "the file is too short to be a block"));
        }
        if file.read(0, MAGIC.len()).map_err(disk)? != MAGIC {
            return Err(damaged(0, "it does not begin like a block of log entries"));
        }
        let at = file.length - TRAILER as u64;
        let trailer = file.read(at, TRAILER).map_err(disk)?;
        if trailer.get(8..) != Some(END) {
            return Err(damaged(at, "it does not end like a block: its end is missing or damaged"));
        }
        let length = word(&trailer, 0);
        let start = at
            .checked_sub(u64::from(length))
            .ok_or_else(|| damaged(at, "its meta is longer than itself"))?;
        let bytes = file.read(start, length as usize).map_err(disk)?;
        if crc32fast::hash(&bytes) != word(&trailer, 4) {
            return Err(damaged(start, "its meta's checksum does not hold"));
        }
        let meta = Meta::decode(&bytes).map_err(|Corrupt(what)| damaged(start, what))?;
        Ok(Self { file, meta, damaged: AtomicBool::new(false) })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Its file's name.
    pub fn name(&self) -> String {
        self.file
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// All of it.
    pub fn bytes_from_start(&self) -> impl io::Read + '_ {
        self.file.from_start()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.file.length
    }

    /// Whether something in it turned out to be damaged.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Names what is damaged at a place, and remembers that something is.
    pub fn damage(&self, offset: u64, what: &'static str) -> BlockError {
        self.damaged.store(true, Ordering::Relaxed);
        BlockError::Damaged { file: self.name(), offset, what }
    }

    /// A column of a part, decompressed; empty where every row is.
    pub fn column(&self, part: &PartMeta, which: usize) -> Result<Vec<u8>, BlockError> {
        let (offset, length) = part.column(which);
        if length == 0 {
            return Ok(Vec::new());
        }
        let stored = self.checked(offset, length)?;
        part::raw(&stored).map_err(|Corrupt(what)| self.damage(offset, what))
    }

    /// Bytes whose checksum holds.
    fn checked(&self, offset: u64, length: u32) -> Result<Vec<u8>, BlockError> {
        let length = length as usize;
        let mut bytes = match self.file.read(offset, length + 4) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.damage(offset, "the file is too short"));
            }
            Err(error) => return Err(BlockError::Disk { file: self.name(), error }),
        };
        let sum = word(&bytes, length);
        bytes.truncate(length);
        if crc32fast::hash(&bytes) == sum {
            Ok(bytes)
        } else {
            Err(self.damage(offset, "a checksum does not hold"))
        }
    }

    /// All bytes of a part, each column of which has been checked.
    pub fn whole_part(&self, part: &PartMeta) -> Result<Vec<u8>, BlockError> {
        let mut out = Vec::new();
        for which in 0..part::COLUMNS {
            let (offset, length) = part.column(which);
            if length > 0 {
                let bytes = self.checked(offset, length)?;
                let sum = crc32fast::hash(&bytes);
                out.extend_from_slice(&bytes);
                out.extend_from_slice(&sum.to_le_bytes());
            }
        }
        Ok(out)
    }
}

/// A block that is being made. Dropped without [`BlockWriter::finish`], its file is taken away.
#[derive(Debug)]
pub struct BlockWriter {
    file: DiskFile,
    disk: Disk,
    path: PathBuf,
    temporary: PathBuf,
    written: u64,
    meta: Meta,
    finished: bool,
}

impl BlockWriter {
    /// A block at `path`, of which the parts are still to come.
    pub fn create(disk: &Disk, path: &Path, meta: Meta) -> io::Result<Self> {
        let temporary = path.with_extension("tmp");
        let mut file = disk.create(&temporary)?;
        file.write_all(MAGIC)?;
        let (disk, path, written) = (disk.clone(), path.to_owned(), MAGIC.len() as u64);
        Ok(Self { file, disk, path, temporary, written, meta, finished: false })
    }

    /// Where the next part will be.
    pub fn at(&self) -> u64 {
        self.written
    }

    /// Adds a part.
    pub fn part(&mut self, mut part: PartMeta, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        part.offset = self.written;
        self.written += bytes.len() as u64;
        self.meta.parts.push(part);
        Ok(())
    }

    /// Writes the meta; on success the block is whole and on the disk, under its name.
    pub fn finish(mut self) -> io::Result<PathBuf> {
        let mut out = self.meta.encode();
        let (length, sum) =
            (u32::try_from(out.len()).map_err(io::Error::other)?, crc32fast::hash(&out));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(END);
        self.file.write_all(&out)?;
        self.file.sync()?;
        self.disk.rename(&self.temporary, &self.path)?;
        self.finished = true;
        Ok(self.path.clone())
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.disk.remove(&self.temporary)
        {
            tracing::warn!(path = %self.temporary.display(), %error, "an unfinished block stays until the next start");
        }
    }
}
