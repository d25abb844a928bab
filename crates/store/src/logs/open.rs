//! Opening a store of log entries: what is damaged is set aside and named, the log is read.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};

use super::block::{Block, BlockError};
use super::status::{LogOptions, LogRecovery};
use super::store::{Head, Inner, LogStore, State};
use super::{positions, record};
use crate::disk::Disk;
use crate::error::OpenError;
use crate::held::HeldFolder;
use crate::open::{BLOCKS, FORMAT_FILE, disk_error, write_new};
use crate::status::Damage;
use crate::wal::queue::Beginning;
use crate::wal::{self, Wal};

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
const FORMAT_WORD: &str = "vigie-logs ";

impl LogStore {
    /// Opens the store in `options.dir`, or makes one. `now` is the time in milliseconds since the Unix epoch; later
    /// ones are said to [`LogStore::maintain`].
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it, or a newer Vigie wrote it. Damage is no error: what is
    /// whole is served, and [`LogRecovery`] names the rest.
    pub fn open(options: LogOptions, now: i64) -> Result<(Self, LogRecovery), OpenError> {
        let dir = options.dir.clone();
        for folder in [dir.clone(), dir.join(BLOCKS), dir.join(wal::FOLDER)] {
            fs::create_dir_all(&folder).map_err(disk_error(&folder))?;
        }
        let folder = Arc::new(HeldFolder::take(&dir)?);
        check_format(&dir, &options.disk)?;
        let mut recovery = LogRecovery::default();
        let (blocks, next_block) = open_blocks(&dir, &options.disk, &mut recovery)?;
        let mut positions =
            positions::read(&dir, &mut recovery.damaged).map_err(disk_error(&dir))?;
        let covered = blocks.iter().map(|block| block.meta.seals).max().unwrap_or(0);
        let parts = || blocks.iter().flat_map(|block| &block.meta.parts);
        let mut next_number =
            parts().map(|part| part.last_number.saturating_add(1)).max().unwrap_or(1);
        let mut head = Head::default();
        let replayed = record::replay(&dir, covered, |record| {
            for (number, entry) in (record.first..).zip(&record.entries) {
                head.push(number, entry);
                next_number = next_number.max(number + 1);
            }
            if let Some(position) = record.position {
                positions.insert(position.reader, position.bytes);
            }
        })
        .map_err(disk_error(&dir.join(wal::FOLDER)))?;
        let newest = replayed.segments.iter().map(|segment| segment.generation).max().unwrap_or(0);
        head.generation = newest.max(covered + 1);
        head.since = (head.rows > 0).then_some(now);
        recovery.blocks = blocks.len();
        recovery.entries = blocks.iter().map(|block| block.meta.rows()).sum();
        recovery.replayed = head.rows as u64;
        recovery.torn_bytes = replayed.torn;
        recovery.damaged.extend(replayed.damaged);
        let wal = Wal::start(Beginning {
            folder: Arc::clone(&folder),
            disk: options.disk.clone(),
            magic: record::MAGIC,
            registry: None,
            registry_length: 0,
            segments: replayed.segments,
            covered,
            limit: options.backlog_bytes,
        })
        .map_err(disk_error(&dir))?;
        let state = State {
            head,
            frozen: None,
            blocks: Arc::new(blocks),
            positions,
            next_number,
            next_block,
        };
        let store = Self(Arc::new(Inner {
            options,
            folder,
            wal,
            state: Mutex::new(state),
            maintaining: Mutex::new(()),
            maintenance_error: Mutex::new(None),
            now: AtomicI64::new(now),
            durable: Arc::new(AtomicU64::new(next_number)),
            appended: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            damaged: Mutex::new(Vec::new()),
        }));
        recovery.damaged.iter().for_each(|damage| store.0.damage(damage.clone()));
        Ok((store, recovery))
    }
}

/// What the format file has in it.
pub(super) fn format_text() -> String {
    format!("{FORMAT_WORD}{FORMAT}\n")
}

fn check_format(dir: &Path, disk: &Disk) -> Result<(), OpenError> {
    let path = dir.join(FORMAT_FILE);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write_new(disk, &path, format_text().as_bytes())
                .map(drop)
                .map_err(disk_error(&path));
        }
        Err(error) => return Err(disk_error(&path)(error)),
    };
    match text.strip_prefix(FORMAT_WORD).and_then(|number| number.trim_end().parse().ok()) {
        Some(found) if found > FORMAT => {
            Err(OpenError::Newer { path: dir.to_owned(), found, known: FORMAT })
        }
        Some(1..) => Ok(()),
        _ => Err(OpenError::Format(path)),
    }
}

/// Opens all blocks; removes what was left half done, and what other blocks took the place of.
fn open_blocks(
    dir: &Path,
    disk: &Disk,
    recovery: &mut LogRecovery,
) -> Result<(Vec<Arc<Block>>, u64), OpenError> {
    let folder = dir.join(BLOCKS);
    let mut blocks: Vec<Arc<Block>> = Vec::new();
    let mut next = 1;
    for entry in fs::read_dir(&folder).map_err(disk_error(&folder))? {
        let path: PathBuf = entry.map_err(disk_error(&folder))?.path();
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let number = name.split('.').next().and_then(|number| number.parse::<u64>().ok());
        next = next.max(number.unwrap_or(0) + 1);
        if name.ends_with(".tmp") {
            disk.remove(&path).map_err(disk_error(&path))?;
        } else if name.ends_with(".damaged") {
            let what = "set aside at an earlier start".to_owned();
            recovery.damaged.push(Damage { file: format!("{BLOCKS}/{name}"), what });
        } else if name.ends_with(".block") {
            match Block::open(&path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => recovery.damaged.push(set_aside(disk, &path, &error)),
            }
        }
    }
    let replaced: HashSet<u64> =
        blocks.iter().flat_map(|block| block.meta.replaces.iter().copied()).collect();
    blocks.retain(|block| {
        let gone = replaced.contains(&block.meta.number);
        if gone && let Err(error) = disk.remove(block.path()) {
            tracing::warn!(block = block.name(), %error, "a block that another one replaces stays on the disk");
        }
        !gone
    });
    blocks.sort_by_key(|block| block.meta.number);
    Ok((blocks, next))
}

/// Renames a block that cannot be read, so that it is not tried again; one that the disk does not give is left alone.
pub(super) fn set_aside(disk: &Disk, path: &Path, error: &BlockError) -> Damage {
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
