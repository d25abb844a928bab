//! A copy of a store of log entries while it runs. It is put back by [`crate::restore`], as one of metrics is.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::open::FORMAT;
use super::positions;
use super::store::{LogStore, lock};
use crate::backup::{BackupReport, Files, failed, new_backup};
use crate::error::StoreError;
use crate::folder::{BLOCKS, FORMAT_FILE};
use crate::wal;

impl LogStore {
    /// Writes a backup to `dir`, which must be empty or not there. All that was acknowledged before the call is in it, and
    /// with each entry how far its reader had come.
    ///
    /// # Errors
    /// When the log cannot be written, the folder is not empty, or the disk fails.
    pub fn backup(&self, dir: &Path) -> Result<BackupReport, StoreError> {
        let inner = &*self.0;
        let own = &inner.options.dir;
        new_backup(dir)?;
        let mut files = Files::default();
        let (mut linked, mut to_copy) = (Vec::new(), Vec::new());
        {
            // No block is made or removed meanwhile.
            let _one = lock(&inner.maintaining);
            inner.wal.flush()?;
            let segments = own.join(wal::FOLDER);
            for entry in fs::read_dir(&segments).map_err(failed(&segments))? {
                let name = entry.map_err(failed(&segments))?.file_name();
                if Path::new(&name).extension() == Some(OsStr::new("wal")) {
                    // One that goes now is in a block.
                    files.copy_if_there(own, dir, &Path::new(wal::FOLDER).join(name))?;
                }
            }
            files.copy_if_there(own, dir, Path::new(positions::FILE))?;
            let blocks = lock(&inner.state).blocks.clone();
            for block in blocks.iter() {
                let name = Path::new(BLOCKS).join(block.file.name());
                match fs::hard_link(block.file.path(), dir.join(&name)) {
                    Ok(()) => linked.push(name),
                    // Another file system, or one without links.
                    Err(_) => to_copy.push((name, block.clone())),
                }
            }
        }
        for name in linked {
            files.linked(dir, &name)?;
        }
        // A block that is open can be read even when it is removed meanwhile.
        for (name, block) in to_copy {
            files.write(dir, &name, &mut block.file.bytes_from_start())?;
        }
        files.write(dir, Path::new(FORMAT_FILE), &mut FORMAT.text().as_bytes())?;
        files.finish(dir)
    }
}

impl Files {
    fn copy_if_there(&mut self, from: &Path, to: &Path, name: &Path) -> Result<(), StoreError> {
        let path = from.join(name);
        match fs::File::open(&path) {
            Ok(mut file) => self.write(to, name, &mut file).map(drop),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&path)(error)),
        }
    }
}
