//! Files, with the faults that tests ask for: a disk that is full, that fails, that may not be written to.
//!
//! Everything that the store writes goes through here. Where a test may mount a small file system or fill a real disk is
//! not everybody's to say, so the faults are made here, just before the operating system is asked.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// What the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// It works.
    None,
    /// No space is left (ENOSPC).
    Full,
    /// Writing fails (EIO).
    Broken,
    /// It may not be written to (EROFS).
    ReadOnly,
    /// What was written does not reach the disk: `fsync` fails (EIO).
    NoSync,
}

/// The faults of one store's disk; clones share them. Without faults it costs an atomic load a write.
#[derive(Debug, Clone)]
pub struct Disk(Arc<State>);

#[derive(Debug)]
struct State {
    fault: AtomicU8,
    /// Bytes until [`Fault::Full`]; negative: no end.
    space: AtomicI64,
    /// Milliseconds that each sync takes more.
    delay: AtomicU64,
    /// Where each file is that was written to, and how much of it is on the disk, by its number; nothing where nobody
    /// wants to know.
    synced: OnceLock<Mutex<Synced>>,
}

type Synced = HashMap<u64, (PathBuf, u64)>;

impl Default for Disk {
    fn default() -> Self {
        Self(Arc::new(State {
            fault: AtomicU8::new(Fault::None as u8),
            space: AtomicI64::new(-1),
            delay: AtomicU64::new(0),
            synced: OnceLock::new(),
        }))
    }
}

impl Disk {
    /// From now on the disk does this; [`Fault::None`] ends it.
    pub fn set(&self, fault: Fault) {
        self.0.space.store(-1, Ordering::SeqCst);
        self.0.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// After this many more bytes the disk is full, in the middle of a write if it comes so.
    pub fn full_after(&self, bytes: u32) {
        self.0.space.store(i64::from(bytes), Ordering::SeqCst);
    }

    /// From now on each sync takes this much longer.
    pub fn slow(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.0.delay.store(millis, Ordering::SeqCst);
    }

    /// A disk that knows what of its files was synced, for [`Self::lose_power`].
    #[must_use]
    pub fn that_may_lose_power() -> Self {
        let disk = Self::default();
        disk.0.synced.get_or_init(Mutex::default);
        disk
    }

    /// The power is gone: from now on nothing is written, and of each file only what was synced is left. What a folder
    /// says of its files is not looked at.
    ///
    /// # Errors
    /// When a file cannot be cut.
    pub fn lose_power(&self) -> io::Result<()> {
        let Some(synced) = self.synced() else { return Ok(()) };
        self.set(Fault::Broken);
        for (path, length) in synced.values() {
            match OpenOptions::new().write(true).open(path) {
                Ok(file) => file.set_len(*length)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// While it is held, nothing is written.
    fn synced(&self) -> Option<MutexGuard<'_, Synced>> {
        let synced = self.0.synced.get()?;
        Some(synced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the time that a slow disk takes.
    fn wait(&self) {
        let delay = self.0.delay.load(Ordering::Relaxed);
        if delay > 0 {
            std::thread::sleep(Duration::from_millis(delay));
        }
    }

    fn fault(&self) -> u8 {
        self.0.fault.load(Ordering::Relaxed)
    }

    fn check(&self, sync: bool) -> io::Result<()> {
        let fault = self.fault();
        let of = |fault: Fault| fault as u8;
        if fault == of(Fault::None) || (fault == of(Fault::NoSync) && !sync) {
            Ok(())
        } else if fault == of(Fault::Full) {
            // What is written already can be synced.
            if sync { Ok(()) } else { Err(ErrorKind::StorageFull.into()) }
        } else if fault == of(Fault::ReadOnly) {
            Err(ErrorKind::ReadOnlyFilesystem.into())
        } else {
            Err(io::Error::other("input/output error"))
        }
    }

    /// How many of these bytes there is space for.
    fn room(&self, bytes: usize) -> usize {
        let space = self.0.space.load(Ordering::SeqCst);
        if space < 0 {
            return bytes;
        }
        let room = bytes.min(usize::try_from(space).unwrap_or(usize::MAX));
        self.0.space.fetch_sub(i64::try_from(room).unwrap_or(i64::MAX), Ordering::SeqCst);
        if room < bytes {
            self.0.fault.store(Fault::Full as u8, Ordering::SeqCst);
        }
        room
    }

    /// A new file; one of that name is emptied.
    pub fn create(&self, path: &Path) -> io::Result<DiskFile> {
        self.check(false)?;
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
        if let Some(mut synced) = self.synced() {
            synced.insert(file.metadata()?.ino(), (path.to_owned(), 0));
        }
        Ok(DiskFile { file, disk: self.clone() })
    }

    /// A file that is there, to be written to from `length` on; what is after that is cut off.
    pub fn continue_at(&self, path: &Path, length: u64) -> io::Result<DiskFile> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() > length {
            self.check(false)?;
            file.set_len(length)?;
        }
        io::Seek::seek(&mut file, io::SeekFrom::Start(length))?;
        if let Some(mut synced) = self.synced() {
            synced.insert(file.metadata()?.ino(), (path.to_owned(), length));
        }
        Ok(DiskFile { file, disk: self.clone() })
    }

    /// Returns when all of a file is on the disk that somebody else has written; that it is gone is fine.
    pub fn sync(&self, path: &Path) -> io::Result<()> {
        self.check(true)?;
        self.wait();
        match File::open(path).and_then(|file| file.sync_data()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Renames within a folder, durably.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(false)?;
        fs::rename(from, to)?;
        if let Some(mut synced) = self.synced() {
            synced.retain(|_, (path, _)| path != to);
            synced.values_mut().filter(|one| one.0 == from).for_each(|one| one.0 = to.to_owned());
        }
        self.sync_folder(to)
    }

    /// Takes a file away; that it is gone already is fine.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes names in the folder of `path` durable.
    pub fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.check(true)?;
        self.wait();
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// A file that is written to.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    disk: Disk,
}

impl DiskFile {
    /// Writes all of it. After an error any part of it may be there.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let _powered = self.disk.synced();
        self.disk.check(false)?;
        let room = self.disk.room(bytes.len());
        self.file.write_all(bytes.get(..room).unwrap_or(bytes))?;
        if room < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Returns when all that was written is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.check(true)?;
        let before = self.disk.synced().map(|_| self.file.metadata()).transpose()?;
        self.disk.wait();
        self.file.sync_data()?;
        if let (Some(before), Some(mut synced)) = (before, self.disk.synced()) {
            // The power may have gone meanwhile.
            self.disk.check(true)?;
            if let Some(file) = synced.get_mut(&before.ino()) {
                file.1 = before.len();
            }
        }
        Ok(())
    }
}

/// A file that is read at places.
#[derive(Debug)]
pub struct ReadFile {
    file: File,
    /// How long it was when it was opened.
    pub length: u64,
    /// Where it was then.
    pub path: PathBuf,
}

impl ReadFile {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, path: path.to_owned() })
    }

    /// `length` bytes from `offset`; an error when there are fewer.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(offset, length, &mut bytes)?;
        Ok(bytes)
    }

    /// The same, in place of what is in `bytes`.
    pub fn read_into(&self, offset: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        if offset.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes.resize(length, 0);
        self.file.read_exact_at(bytes, offset)
    }

    /// The same where the system has it in memory; otherwise an error of the kind `WouldBlock`.
    pub fn read_at_once(&self, offset: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        if offset.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes.resize(length, 0);
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{ReadWriteFlags, preadv2};
            let mut whole = [io::IoSliceMut::new(bytes)];
            let read = preadv2(&self.file, &mut whole, offset, ReadWriteFlags::NOWAIT);
            // Some file systems do not know the flag.
            if read.is_ok_and(|read| read == length) {
                return Ok(());
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// All of it, from the beginning.
    pub fn from_start(&self) -> impl io::Read + '_ {
        FromStart { file: &self.file, at: 0 }
    }
}

struct FromStart<'a> {
    file: &'a File,
    at: u64,
}

impl io::Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
