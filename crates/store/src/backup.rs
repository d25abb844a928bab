//! A copy of a store while it runs, and a store from such a copy; `logs::backup` makes those of log entries in the same way.
//!
//! A backup is a folder like the store's own, with a list of its files, their lengths and CRC-32s. Blocks never change, so
//! within one file system they are hard links; log and registry are copied, the log first: what it names the registry has.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::error::StoreError;
use crate::folder::{BLOCKS, FORMAT_FILE};
use crate::open::FORMAT;
use crate::registry;
use crate::store::{Store, lock};
use crate::wal;

/// The list of a backup's files.
const LIST: &str = "backup";
const LIST_HEAD: &str = "vigie-store backup 1";

/// What a backup or a restore made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// How many files.
    pub files: usize,
    /// How many of those are hard links, which take no space of their own.
    pub linked: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Store {
    /// Writes a backup to `dir`, which must be empty or not there. All that was acknowledged before the call is in it.
    ///
    /// # Errors
    /// When the log cannot be written, the folder is not empty, or the disk fails.
    pub fn backup(&self, dir: &Path) -> Result<BackupReport, StoreError> {
        let own = &self.0.options.dir;
        new_backup(dir)?;
        let mut files = Files::default();
        let mut to_copy = Vec::new();
        {
            // No block is made or removed, and no log segment goes, meanwhile.
            let _maintainer = lock(&self.0.maintainer);
            self.0.wal.flush()?;
            let segments = own.join(wal::FOLDER);
            for entry in fs::read_dir(&segments).map_err(failed(&segments))? {
                let name = entry.map_err(failed(&segments))?.file_name();
                if Path::new(&name).extension() == Some(OsStr::new("wal")) {
                    files.copy(own, dir, &Path::new(wal::FOLDER).join(name))?;
                }
            }
            files.copy(own, dir, Path::new(registry::FILE))?;
            for block in self.0.view().blocks.iter() {
                let name = Path::new(BLOCKS).join(block.file.name());
                match fs::hard_link(block.file.path(), dir.join(&name)) {
                    Ok(()) => files.linked(dir, &name)?,
                    // Another file system, or one without links.
                    Err(_) => to_copy.push((name, block.clone())),
                }
            }
        }
        // A block that is open can be read even when it is removed meanwhile.
        for (name, block) in to_copy {
            files.write(dir, &name, &mut block.file.bytes_from_start())?;
        }
        files.write(dir, Path::new(FORMAT_FILE), &mut FORMAT.text().as_bytes())?;
        files.finish(dir)
    }
}

/// Makes a store in `to`, which must be empty or not there, of the backup in `from`. Every file is checked against the
/// backup's list, and nothing else is taken.
///
/// # Errors
/// When `from` is no backup or is damaged, `to` is not empty, or the disk fails.
pub fn restore(from: &Path, to: &Path) -> Result<BackupReport, StoreError> {
    let listed = read_list(from)?;
    new_backup(to)?;
    let mut files = Files::default();
    // The format comes last: a folder without it is not opened.
    let (last, others): (Vec<Listed>, Vec<Listed>) =
        listed.into_iter().partition(|one| one.name == Path::new(FORMAT_FILE));
    for one in others.into_iter().chain(last) {
        let path = from.join(&one.name);
        let kind = fs::symlink_metadata(&path).map_err(failed(&path))?;
        if !kind.is_file() {
            return Err(unfit(&path, "it is no ordinary file: a backup has no links"));
        }
        let mut file = File::open(&path).map_err(failed(&path))?;
        let (bytes, sum) = files.write(to, &one.name, &mut file)?;
        if (bytes, sum) != (one.bytes, one.sum) {
            return Err(unfit(
                &path,
                "it is not what was backed up: its length or checksum differs",
            ));
        }
    }
    File::open(to).and_then(|opened| opened.sync_all()).map_err(failed(to))?;
    Ok(files.report)
}

pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    StoreError::disk(path.display().to_string())
}

fn unfit(path: &Path, what: &str) -> StoreError {
    StoreError::Backup { path: path.to_owned(), what: what.to_owned() }
}

fn new_folder(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(failed(dir))?;
    let mut entries = fs::read_dir(dir).map_err(failed(dir))?;
    if entries.next().is_some() {
        return Err(unfit(dir, "the folder is not empty: name one that is, or a new one"));
    }
    Ok(())
}

/// Makes the folders of a store, or of a copy of one.
pub(crate) fn new_backup(dir: &Path) -> Result<(), StoreError> {
    new_folder(dir)?;
    for folder in [BLOCKS, wal::FOLDER] {
        let path = dir.join(folder);
        fs::create_dir(&path).map_err(failed(&path))?;
    }
    Ok(())
}

/// One file of a backup.
struct Listed {
    name: PathBuf,
    bytes: u64,
    sum: u32,
}

/// Files that are being written, and what is known of them.
#[derive(Default)]
pub(crate) struct Files {
    listed: Vec<Listed>,
    report: BackupReport,
}

impl Files {
    fn copy(&mut self, from: &Path, to: &Path, name: &Path) -> Result<(), StoreError> {
        let path = from.join(name);
        let mut file = File::open(&path).map_err(failed(&path))?;
        self.write(to, name, &mut file).map(drop)
    }

    pub(crate) fn write(
        &mut self,
        to: &Path,
        name: &Path,
        from: &mut dyn Read,
    ) -> Result<(u64, u32), StoreError> {
        let path = to.join(name);
        let mut file = File::create_new(&path).map_err(failed(&path))?;
        let (bytes, sum) = pass(from, &mut file).map_err(failed(&path))?;
        file.sync_all().map_err(failed(&path))?;
        self.add(name, bytes, sum);
        Ok((bytes, sum))
    }

    pub(crate) fn linked(&mut self, to: &Path, name: &Path) -> Result<(), StoreError> {
        let path = to.join(name);
        let mut file = File::open(&path).map_err(failed(&path))?;
        let (bytes, sum) = pass(&mut file, &mut io::sink()).map_err(failed(&path))?;
        self.report.linked += 1;
        self.add(name, bytes, sum);
        Ok(())
    }

    fn add(&mut self, name: &Path, bytes: u64, sum: u32) {
        self.report.files += 1;
        self.report.bytes += bytes;
        self.listed.push(Listed { name: name.to_owned(), bytes, sum });
    }

    /// Writes the list, which makes the folder a backup.
    pub(crate) fn finish(self, dir: &Path) -> Result<BackupReport, StoreError> {
        self.list(dir)?;
        for folder in [dir.join(BLOCKS), dir.join(wal::FOLDER), dir.to_owned()] {
            File::open(&folder).and_then(|opened| opened.sync_all()).map_err(failed(&folder))?;
        }
        Ok(self.report)
    }

    fn list(&self, dir: &Path) -> Result<(), StoreError> {
        let mut text = format!("{LIST_HEAD}\n");
        for Listed { name, bytes, sum } in &self.listed {
            text.push_str(&format!("{sum:08x} {bytes} {}\n", name.display()));
        }
        let path = dir.join(LIST);
        let mut file = File::create_new(&path).map_err(failed(&path))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(&path))
    }
}

/// Passes all bytes on; how many, and their CRC-32.
fn pass(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(u64, u32)> {
    let mut buffer = vec![0; 1 << 16];
    let (mut bytes, mut sum) = (0, crc32fast::Hasher::new());
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            return Ok((bytes, sum.finalize()));
        }
        sum.update(part);
        to.write_all(part)?;
        bytes += read as u64;
    }
}

fn read_list(dir: &Path) -> Result<Vec<Listed>, StoreError> {
    let path = dir.join(LIST);
    let text = fs::read_to_string(&path).map_err(|error| {
        unfit(&path, &format!("this is no backup, or one that was not finished: {error}"))
    })?;
    let mut lines = text.lines();
    if lines.next() != Some(LIST_HEAD) {
        return Err(unfit(&path, "it is not the list of a backup that this Vigie knows"));
    }
    let one = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let sum = u32::from_str_radix(words.next()?, 16).ok()?;
        let bytes = words.next()?.parse().ok()?;
        let name = PathBuf::from(words.next()?);
        // Within the folder, whatever the list says.
        let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then_some(Listed { name, bytes, sum })
    };
    let listed: Option<Vec<Listed>> = lines.map(one).collect();
    listed.ok_or_else(|| unfit(&path, "a line of it cannot be read"))
}
