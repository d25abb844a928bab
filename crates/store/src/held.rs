//! The folder that a store has open: nobody else has it, and it is known again.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use vigie_model::io_words;

use crate::error::OpenError;
use crate::folder::disk_error;

/// The file that the process which has the store open holds locked.
pub const LOCK_FILE: &str = "lock";

/// A folder, from when a store is opened until the last of its handles is gone.
#[derive(Debug)]
pub(crate) struct HeldFolder {
    dir: PathBuf,
    lock: File,
}

impl HeldFolder {
    /// Takes the folder.
    ///
    /// # Errors
    /// When another process has it, or the disk fails.
    pub fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(disk_error(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_owned())),
            Err(TryLockError::Error(error)) => Err(disk_error(&path)(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Whether what is written now will be found there: files go on taking bytes after they were removed.
    ///
    /// # Errors
    /// When the folder was removed, replaced, or cannot be read any more.
    pub fn is_there(&self) -> io::Result<()> {
        let number = |file: Metadata| (file.dev(), file.ino());
        let dir = self.dir.display();
        match fs::metadata(self.dir.join(LOCK_FILE)).map(number) {
            Ok(found) if found == number(self.lock.metadata()?) => Ok(()),
            Ok(_) => Err(io::Error::other(format!(
                "another folder has taken the place of {dir}; start Vigie anew to write to it"
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other(
                format!("{dir} was removed; put it back, or start Vigie anew to begin another"),
            )),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!(
                    "{dir} cannot be read any more, give it back to Vigie's user: {}",
                    io_words(&error)
                ),
            )),
        }
    }
}
