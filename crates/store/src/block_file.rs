//! The file of a block, whatever is in it: a magic, stretches with their checksums, a meta that says what is where, and
//! a trailer. Blocks of samples and blocks of log entries are made of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bytes::Corrupt;
use crate::disk::{Disk, DiskFile, ReadFile};

/// Length of the trailer: the meta's length and checksum, and the end.
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

/// What a block of one kind begins and ends with.
#[derive(Debug)]
pub struct Marks {
    /// The first bytes; the last two of them are the number of the layout.
    pub magic: &'static [u8; 8],
    /// The last bytes.
    pub end: &'static [u8; 8],
}

/// The file of a block that is open.
#[derive(Debug)]
pub struct BlockFile {
    file: ReadFile,
    damages: AtomicU64,
}

impl BlockFile {
    /// Opens a block's file, and has its meta decoded.
    pub fn open<M>(
        path: &Path,
        marks: &Marks,
        decode: impl FnOnce(&[u8]) -> Result<M, Corrupt>,
    ) -> Result<(Self, M), BlockError> {
        let name = name(path);
        let disk = |error| BlockError::Disk { file: name.clone(), error };
        let damaged = |offset, what| BlockError::Damaged { file: name.clone(), offset, what };
        let file = ReadFile::open(path).map_err(disk)?;
        if file.length < (marks.magic.len() + TRAILER) as u64 {
            return Err(damaged(0, "the file is too short to be a block"));
        }
        if file.read(0, marks.magic.len()).map_err(disk)? != marks.magic {
            return Err(damaged(0, "it does not begin like a block"));
        }
        let end = file.length - TRAILER as u64;
        let trailer = file.read(end, TRAILER).map_err(disk)?;
        if trailer.get(8..) != Some(marks.end) {
            return Err(damaged(
                end,
                "it does not end like a block: its end is missing or damaged",
            ));
        }
        let length = word(&trailer, 0);
        let start = end
            .checked_sub(u64::from(length))
            .ok_or_else(|| damaged(end, "its meta is longer than itself"))?;
        let bytes = file.read(start, length as usize).map_err(disk)?;
        if crc32fast::hash(&bytes) != word(&trailer, 4) {
            return Err(damaged(start, "its meta's checksum does not hold"));
        }
        let meta = decode(&bytes).map_err(|Corrupt(what)| damaged(start, what))?;
        Ok((Self { file, damages: AtomicU64::new(0) }, meta))
    }

    /// Its name within the folder of blocks.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.file.path)
    }

    /// Where it was when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file.length
    }

    /// All of it, also when its name is gone.
    pub fn bytes_from_start(&self) -> impl io::Read + '_ {
        self.file.from_start()
    }

    /// How often something in it turned out to be damaged.
    #[must_use]
    pub fn damages(&self) -> u64 {
        self.damages.load(Ordering::Relaxed)
    }

    /// Names what is damaged at a place, and remembers that something is.
    pub fn damage(&self, offset: u64, what: &'static str) -> BlockError {
        self.damages.fetch_add(1, Ordering::Relaxed);
        BlockError::Damaged { file: self.name(), offset, what }
    }

    /// Bytes whose checksum, which follows them, holds.
    pub fn checked(&self, offset: u64, length: u32) -> Result<Vec<u8>, BlockError> {
        let mut bytes = Vec::new();
        self.checked_into(offset, length, false, &mut bytes)?;
        Ok(bytes)
    }

    /// The same, in place of what is in `bytes`; with `at_once` nothing waits for the disk: what the system does not have in
    /// memory is an error of the kind `WouldBlock`.
    pub fn checked_into(
        &self,
        offset: u64,
        length: u32,
        at_once: bool,
        bytes: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let length = length as usize;
        let read = if at_once {
            self.file.read_at_once(offset, length + 4, bytes)
        } else {
            self.file.read_into(offset, length + 4, bytes)
        };
        match read {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.damage(offset, "the file is too short"));
            }
            Err(error) => return Err(BlockError::Disk { file: self.name(), error }),
        }
        let sum = word(bytes, length);
        bytes.truncate(length);
        if crc32fast::hash(bytes) == sum {
            Ok(())
        } else {
            Err(self.damage(offset, "a checksum does not hold"))
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    word.map_or(0, |word| u32::from_le_bytes(*word))
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A block's file that is being made, under another name until it is whole and on the disk. Dropped without
/// [`NewBlockFile::finish`], it is taken away.
#[derive(Debug)]
pub struct NewBlockFile {
    file: DiskFile,
    disk: Disk,
    path: PathBuf,
    temporary: PathBuf,
    written: u64,
    end: &'static [u8; 8],
    finished: bool,
}

impl NewBlockFile {
    /// A file that will be at `path`.
    pub fn create(disk: &Disk, path: &Path, marks: &Marks) -> io::Result<Self> {
        let temporary = path.with_extension("tmp");
        let file = disk.create(&temporary)?;
        let (disk, path, end) = (disk.clone(), path.to_owned(), marks.end);
        let mut new = Self { file, disk, path, temporary, written: 0, end, finished: false };
        new.write(marks.magic)?;
        Ok(new)
    }

    /// Where what is written next will be.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.written
    }

    /// Adds bytes, whose checksums are in them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Ends it with the meta; on success the block is whole and on the disk, under its name.
    pub fn finish(mut self, mut meta: Vec<u8>) -> io::Result<PathBuf> {
        let length = u32::try_from(meta.len()).map_err(io::Error::other)?;
        let sum = crc32fast::hash(&meta);
        meta.extend_from_slice(&length.to_le_bytes());
        meta.extend_from_slice(&sum.to_le_bytes());
        meta.extend_from_slice(self.end);
        self.write(&meta)?;
        self.file.sync()?;
        self.disk.rename(&self.temporary, &self.path)?;
        self.finished = true;
        Ok(self.path.clone())
    }
}

impl Drop for NewBlockFile {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.disk.remove(&self.temporary)
        {
            tracing::warn!(path = %self.temporary.display(), %error, "an unfinished block stays until the next start");
        }
    }
}
