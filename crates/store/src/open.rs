//! Opening a store: what is there is checked, what is damaged is set aside and named, the log is read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, RwLock};

use roaring::RoaringBitmap;

use crate::block::Block;
use crate::disk::{Disk, DiskFile};
use crate::error::OpenError;
use crate::folder::{BLOCKS, Format, disk_error, open_blocks, write_new};
use crate::frame;
use crate::head::Head;
use crate::held::HeldFolder;
use crate::index::Index;
use crate::maintain::Maintainer;
use crate::metadata::Metadata;
use crate::options::StoreOptions;
use crate::registry::{self, Record};
use crate::status::{Damage, Recovery};
use crate::store::{Appender, Figures, Inner, Known, Store, View};
use crate::wal::queue::Beginning;
use crate::wal::{self, Wal, replay};

/// A registry is written anew at a start when so many bytes of it are in no group.
const LOOSE_BYTES: usize = 64 << 10;
/// The format that is written.
pub const FORMAT: Format =
    Format { word: "vigie-store ", number: 4, data: &[registry::FILE, wal::FOLDER, BLOCKS] };

impl Store {
    /// Opens the store in `options.dir`, or makes one. `now` is the time in milliseconds since the Unix epoch; later
    /// ones are said to [`Store::maintain`].
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it, or a newer Vigie wrote it. Damage is no error: what is
    /// whole is served, and [`Recovery`] names the rest.
    pub fn open(options: StoreOptions, now: i64) -> Result<(Self, Recovery), OpenError> {
        let dir = options.dir.clone();
        for folder in [dir.clone(), dir.join(BLOCKS), dir.join(wal::FOLDER)] {
            fs::create_dir_all(&folder).map_err(disk_error(&folder))?;
        }
        let folder = Arc::new(HeldFolder::take(&dir)?);
        FORMAT.check(&dir, &options.disk)?;
        let mut recovery = Recovery::default();
        let (mut blocks, next_block) =
            open_blocks::<Block>(&dir, &options.disk, &mut recovery.damaged)?;
        blocks.sort_by_key(|block| (block.meta.generation, block.meta.number));
        let mut known = read_registry(&dir, &options.disk, &mut recovery)?;
        let covered = blocks.iter().map(|block| block.meta.seals).max().unwrap_or(0);
        let (head, segments) = read_log(&dir, covered, &mut known, &blocks, &mut recovery)?;
        recovery.series = known.index.len();
        recovery.blocks = blocks.len();
        let wal = Wal::start(Beginning {
            folder: Arc::clone(&folder),
            disk: options.disk.clone(),
            magic: wal::record::MAGIC,
            registry: Some(known.file),
            registry_length: known.length,
            segments,
            covered,
            limit: options.backlog_bytes,
        })
        .map_err(disk_error(&dir))?;
        let maintainer = Maintainer::new(next_block, &head, now, options.head_span_ms);
        let view = View { blocks: Arc::new(blocks), frozen: None, active: Arc::new(head) };
        let store = Self(Arc::new(Inner {
            options,
            folder,
            wal,
            known: Arc::new(Known {
                index: RwLock::new(known.index),
                metadata: RwLock::new(known.metadata),
            }),
            names: RwLock::default(),
            view: RwLock::new(view),
            appender: Mutex::new(Appender::default()),
            maintainer: Mutex::new(maintainer),
            now: AtomicI64::new(now),
            figures: Figures::default(),
            damaged: Mutex::new(Vec::new()),
            maintenance_error: Mutex::new(None),
        }));
        recovery.damaged.iter().for_each(|damage| store.0.damage(damage.clone()));
        if known.rewrite {
            let known = store.0.known.clone();
            store.0.wal.rewrite_registry(Box::new(move || known.registry()));
        }
        Ok((store, recovery))
    }
}

/// What the registry says.
struct FromRegistry {
    index: Index,
    metadata: BTreeMap<String, Metadata>,
    file: DiskFile,
    length: u64,
    rewrite: bool,
}

fn read_registry(
    dir: &Path,
    disk: &Disk,
    recovery: &mut Recovery,
) -> Result<FromRegistry, OpenError> {
    let path = dir.join(registry::FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) if bytes.len() >= registry::MAGIC.len() => bytes,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(disk_error(&path)(error));
        }
        _ => {
            // Not there, or cut off while it was made.
            let file = write_new(disk, &path, registry::MAGIC).map_err(disk_error(&path))?;
            let (index, metadata) = (Index::default(), BTreeMap::new());
            let length = registry::MAGIC.len() as u64;
            return Ok(FromRegistry { index, metadata, file, length, rewrite: false });
        }
    };
    let mut damaged = Vec::new();
    let Parsed { index, metadata, end, loose } = parse_registry(&bytes, &mut damaged);
    recovery.torn_bytes += (bytes.len() - end) as u64;
    let rewrite = !damaged.is_empty() || loose > LOOSE_BYTES;
    if !damaged.is_empty()
        && let Err(error) = fs::copy(&path, dir.join("registry.damaged"))
    {
        tracing::warn!(%error, "the damaged registry could not be copied");
    }
    recovery
        .damaged
        .extend(damaged.into_iter().map(|what| Damage { file: registry::FILE.to_owned(), what }));
    let file = disk.continue_at(&path, end as u64).map_err(disk_error(&path))?;
    Ok(FromRegistry { index, metadata, file, length: end as u64, rewrite })
}

/// What a registry's bytes say.
#[derive(Default)]
pub(crate) struct Parsed {
    pub index: Index,
    metadata: BTreeMap<String, Metadata>,
    /// Where the last whole record ends.
    pub end: usize,
    /// Bytes of records that are in no group.
    loose: usize,
}

/// All that a registry's bytes say, and what is wrong with them.
pub(crate) fn parse_registry(bytes: &[u8], damaged: &mut Vec<String>) -> Parsed {
    let mut parsed = Parsed::default();
    if !bytes.starts_with(registry::MAGIC) {
        damaged.push("it does not begin like a registry; its records were read".into());
    }
    let found = frame::scan(bytes, registry::MAGIC.len().min(bytes.len()));
    for gap in found.damaged {
        let (at, length) = (gap.start, gap.len());
        damaged.push(format!("byte {at}: {length} bytes are damaged; the rest was read"));
    }
    parsed.end = found.end;
    for range in found.bodies {
        let (at, body) = (range.start, bytes.get(range).unwrap_or_default());
        parsed.loose += if registry::is_group(body) { 0 } else { body.len() };
        match registry::read(body) {
            Ok(records) => records.into_iter().for_each(|record| parsed.take(record)),
            Err(error) => damaged.push(format!("byte {at}: {error}; the rest was read")),
        }
    }
    parsed
}

impl Parsed {
    fn take(&mut self, record: Record) {
        match record {
            Record::Series(id, labels) => self.index.insert(id, &labels),
            Record::Metadata(metric, one) => drop(self.metadata.insert(metric, one)),
            Record::Next(next) => self.index.reserve(next),
        }
    }
}

/// Reads the log into a head, and finds series that have samples but no labels any more.
fn read_log(
    dir: &Path,
    covered: u64,
    known: &mut FromRegistry,
    blocks: &[Arc<Block>],
    recovery: &mut Recovery,
) -> Result<(Head, Vec<replay::Segment>), OpenError> {
    let mut head = Head::after(blocks.iter().map(|block| block.meta.end).max());
    let mut lost = RoaringBitmap::new();
    for block in blocks {
        lost |= &block.meta.series - known.index.all();
    }
    // Asked for each sample: a bit in a list is found faster than one in a bitmap.
    let mut labelled = vec![false; known.index.next() as usize];
    for id in known.index.all() {
        labelled[id as usize] = true;
    }
    let mut content = head.lock();
    let mut unread = 0u64;
    let replayed = replay::replay(dir, covered, |(id, time, value)| {
        if !labelled.get(id as usize).is_some_and(|labelled| *labelled) {
            lost.insert(id);
        } else if content.append(id, time, &value, i64::MAX).is_err() {
            unread += 1;
        }
    })
    .map_err(disk_error(&dir.join(wal::FOLDER)))?;
    drop(content);
    if unread > 0 {
        let what = format!("{unread} samples do not fit what was read before them");
        recovery.damaged.push(Damage { file: wal::FOLDER.to_owned(), what });
    }
    // Numbers of lost series are not given away again: their blocks would then belong to another series.
    known.index.reserve(lost.max().map_or(0, |max| max.saturating_add(1)));
    recovery.lost_series = lost.len();
    recovery.replayed = replayed.samples;
    recovery.segments = replayed.segments.len();
    recovery.torn_bytes += replayed.torn;
    recovery.damaged.extend(replayed.damaged);
    let newest = replayed.segments.iter().map(|segment| segment.generation).max().unwrap_or(0);
    // Above all that is there: what is older is told from what is newer by this number.
    let in_blocks = blocks.iter().map(|block| block.meta.generation).max().unwrap_or(0);
    head.generation = newest.max(covered + 1).max(in_blocks + 1);
    Ok((head, replayed.segments))
}
