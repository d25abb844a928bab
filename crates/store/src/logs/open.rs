//! Opening a store of log entries: what is damaged is set aside and named, the log is read.

use std::fs;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};

use super::block::Block;
use super::status::{LogOptions, LogRecovery};
use super::store::{Head, Inner, LogStore, State};
use super::{positions, record};
use crate::error::OpenError;
use crate::folder::{BLOCKS, Format, disk_error, open_blocks};
use crate::held::HeldFolder;
use crate::wal::queue::Beginning;
use crate::wal::{self, Wal};

/// The format that is written.
pub(super) const FORMAT: Format =
    Format { word: "vigie-logs ", number: 2, data: &[positions::FILE, wal::FOLDER, BLOCKS] };

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
        FORMAT.check(&dir, &options.disk)?;
        let mut recovery = LogRecovery::default();
        let (mut blocks, next_block) =
            open_blocks::<Block>(&dir, &options.disk, &mut recovery.damaged)?;
        blocks.sort_by_key(|block| block.meta.number);
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
