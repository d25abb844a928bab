//! A store's folder, whether of samples or of log entries: its format, and its blocks.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::block_file::{BlockError, BlockFile};
use crate::disk::{Disk, DiskFile};
use crate::error::OpenError;
use crate::status::Damage;

/// The folder of blocks within a store's folder.
pub const BLOCKS: &str = "blocks";
/// The file that says the format.
pub const FORMAT_FILE: &str = "format";

/// A block's file.
pub fn block_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(BLOCKS).join(format!("{number:08}.block"))
}

pub fn disk_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |error| OpenError::Disk { path, error }
}

/// A file that is whole or not there, whatever happens.
pub fn write_new(disk: &Disk, path: &Path, bytes: &[u8]) -> io::Result<DiskFile> {
    let temporary = path.with_extension("tmp");
    let mut file = disk.create(&temporary)?;
    file.write_all(bytes)?;
    file.sync()?;
    disk.rename(&temporary, path)?;
    Ok(file)
}

/// What a folder of one kind says of its format.
#[derive(Debug)]
pub struct Format {
    /// What the number follows.
    pub word: &'static str,
    /// The format that is written, and the newest that is read.
    pub number: u32,
    /// Files and folders that hold data: a folder with data must say its format.
    pub data: &'static [&'static str],
}

impl Format {
    /// What the format file has in it.
    pub fn text(&self) -> String {
        format!("{}{}\n", self.word, self.number)
    }

    /// Checks what the folder says; a new one is told, and so is an older one: from now on blocks may be written that an
    /// older Vigie cannot read.
    pub fn check(&self, dir: &Path, disk: &Disk) -> Result<(), OpenError> {
        let path = dir.join(FORMAT_FILE);
        let found = match fs::read(&path) {
            Ok(bytes) => self.number_in(&bytes).ok_or_else(|| OpenError::Format(path.clone()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.data.iter().any(|name| holds_data(&dir.join(name))) {
                    return Err(OpenError::Format(path));
                }
                0
            }
            Err(error) => return Err(disk_error(&path)(error)),
        };
        if found > self.number {
            return Err(OpenError::Newer { path: dir.to_owned(), found, known: self.number });
        }
        if found < self.number {
            write_new(disk, &path, self.text().as_bytes()).map_err(disk_error(&path))?;
        }
        Ok(())
    }

    fn number_in(&self, bytes: &[u8]) -> Option<u32> {
        let number = std::str::from_utf8(bytes).ok()?.strip_prefix(self.word)?;
        number.trim_end().parse().ok().filter(|number| *number > 0)
    }
}

fn holds_data(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut files) => files.next().is_some(),
        Err(_) => path.is_file(),
    }
}

/// What opening a folder must know of its blocks.
pub trait Numbered: Sized {
    /// Opens a block and reads its meta.
    fn open(path: &Path) -> Result<Self, BlockError>;
    /// Its number, by which it is called, and the numbers of the blocks that it takes the place of.
    fn numbers(&self) -> (u64, &[u64]);
    /// Its file.
    fn file(&self) -> &BlockFile;
}

/// Opens all blocks; removes what was left half done, and what other blocks took the place of. With them, in no order,
/// comes the next number that no block ever had.
pub fn open_blocks<B: Numbered>(
    dir: &Path,
    disk: &Disk,
    damaged: &mut Vec<Damage>,
) -> Result<(Vec<Arc<B>>, u64), OpenError> {
    let folder = dir.join(BLOCKS);
    let mut blocks: Vec<Arc<B>> = Vec::new();
    let mut next = 1;
    for entry in fs::read_dir(&folder).map_err(disk_error(&folder))? {
        let path = entry.map_err(disk_error(&folder))?.path();
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let number = name.split('.').next().and_then(|number| number.parse::<u64>().ok());
        next = next.max(number.unwrap_or(0) + 1);
        if name.ends_with(".tmp") {
            disk.remove(&path).map_err(disk_error(&path))?;
        } else if name.ends_with(".damaged") {
            let what = "set aside at an earlier start".to_owned();
            damaged.push(Damage { file: format!("{BLOCKS}/{name}"), what });
        } else if name.ends_with(".block") {
            match B::open(&path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => damaged.push(set_aside(disk, &path, &error)),
            }
        }
    }
    let replaced: HashSet<u64> =
        blocks.iter().flat_map(|block| block.numbers().1.iter().copied()).collect();
    blocks.retain(|block| {
        let gone = replaced.contains(&block.numbers().0);
        if gone {
            remove(disk, block.file());
        }
        !gone
    });
    Ok((blocks, next))
}

/// Renames a block that cannot be read, so that it is not tried again; one that the disk does not give is left alone.
fn set_aside(disk: &Disk, path: &Path, error: &BlockError) -> Damage {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = format!("{BLOCKS}/{name}");
    let BlockError::Damaged { .. } = error else {
        return Damage { file, what: format!("{error}; it is not served") };
    };
    let done = match disk.rename(path, &path.with_extension("block.damaged")) {
        Ok(()) => format!("set aside as {name}.damaged"),
        Err(problem) => format!("not served, and not set aside: {problem}"),
    };
    Damage { file, what: format!("{error}; {done}") }
}

/// Takes away a block that another one has the place of; one that is damaged is kept beside, which is named.
pub fn retire(disk: &Disk, block: &BlockFile) -> Option<Damage> {
    let name = block.name();
    if block.damages() > 0 {
        let done = match disk.rename(block.path(), &block.path().with_extension("block.damaged")) {
            Ok(()) => format!("set aside as {name}.damaged"),
            Err(error) => format!("not set aside: {error}"),
        };
        let what = format!("{done}; what is whole of it is served");
        return Some(Damage { file: format!("{BLOCKS}/{name}"), what });
    }
    remove(disk, block);
    None
}

/// Takes away a block that nobody needs, damaged or not.
pub fn remove(disk: &Disk, block: &BlockFile) {
    if let Err(error) = disk.remove(block.path()) {
        tracing::warn!(block = block.name(), %error, "a block that is not needed stays on the disk until the next start");
    }
}
