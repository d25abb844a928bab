//! The store: what it holds, and what is in sight of a query at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use roaring::RoaringBitmap;
use vigie_model::Labels;

use crate::block::{Block, Resolution};
use crate::error::AppendError;
use crate::head::Head;
use crate::held::HeldFolder;
use crate::index::Index;
use crate::maintain::Maintainer;
use crate::metadata::Metadata;
use crate::names::Names;
use crate::options::StoreOptions;
use crate::registry::{self, Record};
use crate::sample::SeriesHandle;
use crate::status::{Damage, Refusals, StoreStatus};
use crate::wal::Wal;

/// So many damages are named one by one.
const MOST_DAMAGES: usize = 1000;
/// This many metrics are described.
const MOST_DESCRIBED: usize = 50_000;

/// A store of metrics. Clones are handles to the same store; it is closed by [`Store::close`] or with the last of them.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

/// What is in sight at one moment. Blocks are ordered by generation: where two have a sample of one time, the first
/// one's counts.
#[derive(Clone)]
pub(crate) struct View {
    pub blocks: Arc<Vec<Arc<Block>>>,
    /// A head that is being made a block.
    pub frozen: Option<Arc<Head>>,
    pub active: Arc<Head>,
}

/// What one appender at a time has.
#[derive(Default)]
pub(crate) struct Appender {
    /// Series that were forgotten; their handles are void.
    pub forgotten: RoaringBitmap,
    pub scratch: Vec<crate::wal::record::LogSample>,
}

/// What the registry's file says, in memory.
#[derive(Default)]
pub(crate) struct Known {
    pub index: RwLock<Index>,
    pub metadata: RwLock<BTreeMap<String, Metadata>>,
}

impl Known {
    pub fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a registry with only what is known now.
    pub fn registry(&self) -> Vec<u8> {
        let index = self.index();
        let mut out = Vec::new();
        Record::Next(index.next()).put(&mut out);
        for id in index.all() {
            if let Some(labels) = index.labels(id) {
                Record::Series(id, labels).put(&mut out);
            }
        }
        let metadata = self.metadata.read().unwrap_or_else(PoisonError::into_inner);
        for (metric, one) in metadata.iter() {
            Record::Metadata(metric.clone(), one.clone()).put(&mut out);
        }
        [&registry::MAGIC[..], &registry::grouped(&out)].concat()
    }
}

pub(crate) struct Inner {
    pub options: StoreOptions,
    pub folder: Arc<HeldFolder>,
    pub wal: Wal,
    pub known: Arc<Known>,
    pub names: RwLock<Names>,
    pub view: RwLock<View>,
    pub appender: Mutex<Appender>,
    pub maintainer: Mutex<Maintainer>,
    pub now: AtomicI64,
    pub figures: Figures,
    pub damaged: Mutex<Vec<Damage>>,
    pub maintenance_error: Mutex<Option<String>>,
}

/// Counts since the start.
#[derive(Default)]
pub(crate) struct Figures {
    pub appended: AtomicU64,
    pub out_of_order: AtomicU64,
    pub duplicates: AtomicU64,
    pub too_old: AtomicU64,
    pub too_new: AtomicU64,
    pub unknown: AtomicU64,
    pub backlog: AtomicU64,
    pub series_limit: AtomicU64,
    pub label_limit: AtomicU64,
}

/// Adds to a count.
pub(crate) fn count(figure: &AtomicU64, by: usize) {
    figure.fetch_add(by as u64, Ordering::Relaxed);
}

/// What a lock protects is whole even after a panic elsewhere: every change is made at once.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what is in sight, at once.
    pub fn change_view<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names something that is damaged.
    pub fn damage(&self, damage: Damage) {
        let mut damaged = lock(&self.damaged);
        if damaged.len() < MOST_DAMAGES && !damaged.contains(&damage) {
            tracing::error!(
                file = damage.file,
                what = damage.what,
                "something in the store is damaged"
            );
            damaged.push(damage);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.wal.stop();
    }
}

impl Store {
    /// The handle of a series, which is registered if it is new. A series is on the disk no later than its first sample.
    ///
    /// # Errors
    /// When it is new and there are as many as there may be, or its labels are beyond their limits; both are counted.
    pub fn series(&self, labels: &Labels) -> Result<SeriesHandle, AppendError> {
        let inner = &self.0;
        let known = inner.known.index().find(labels);
        if let Some(id) = known {
            return Ok(SeriesHandle(id));
        }
        if let Err(error) = check(labels, &inner.options) {
            count(&inner.figures.label_limit, 1);
            return Err(error);
        }
        let mut index = inner.known.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = index.find(labels) {
            return Ok(SeriesHandle(id));
        }
        let limit = inner.options.max_series;
        if index.len() >= limit {
            count(&inner.figures.series_limit, 1);
            return Err(AppendError::TooManySeries { limit });
        }
        let id = index.add(labels);
        // Under the index's lock: a registry that is written anew has either the series, or its record after it.
        inner.wal.register(|out| Record::Series(id, labels.clone()).put(out));
        Ok(SeriesHandle(id))
    }

    /// Says what a metric means. Kept on the disk from the next append on. Texts are cut to 4 KiB, and metrics beyond
    /// 50,000 are not described.
    pub fn metadata_set(&self, metric: &str, metadata: Metadata) {
        let inner = &self.0;
        let metadata = metadata.shortened();
        {
            let all = inner.known.metadata.read().unwrap_or_else(PoisonError::into_inner);
            if all.get(metric) == Some(&metadata) {
                return;
            }
        }
        let mut all = inner.known.metadata.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(metric);
        let full = known.is_none() && all.len() >= MOST_DESCRIBED;
        if full || known == Some(&metadata) || metric.len() > inner.options.max_label_value {
            return;
        }
        inner.wal.register(|out| Record::Metadata(metric.to_owned(), metadata.clone()).put(out));
        all.insert(metric.to_owned(), metadata);
    }

    /// What metrics mean, by name.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, Metadata> {
        self.0.known.metadata.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why what is given to the store now may not be found on the disk later: its folder is gone, the log cannot be written, or no
    /// block can be made of it. `None` while all is well. Cheap, in contrast to [`Self::status`].
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let gone = self.0.folder.is_there().err().map(|error| error.to_string());
        gone.or_else(|| self.0.wal.status().error)
            .or_else(|| lock(&self.0.maintenance_error).clone())
    }

    /// The store's figures.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let inner = &self.0;
        let view = inner.view();
        let log = inner.wal.status();
        let low = view.blocks.iter().filter(|block| block.meta.resolution != Resolution::Raw);
        let mut status = StoreStatus {
            series: inner.known.index().len(),
            wal_bytes: log.bytes,
            waiting_bytes: log.waiting,
            block_bytes: view.blocks.iter().map(|block| block.file.bytes()).sum(),
            downsampled_bytes: low.map(|block| block.file.bytes()).sum(),
            blocks: view.blocks.len(),
            block_samples: view.blocks.iter().map(|block| block.meta.samples).sum(),
            oldest: view.blocks.iter().map(|block| block.meta.start).min(),
            newest: view.blocks.iter().map(|block| block.meta.end).max(),
            refused: inner.figures.refusals(),
            appended: inner.figures.appended.load(Ordering::Relaxed),
            out_of_order: inner.figures.out_of_order.load(Ordering::Relaxed),
            damaged: lock(&inner.damaged).clone(),
            write_error: log.error,
            maintenance_error: lock(&inner.maintenance_error).clone(),
            syncs: log.syncs,
            sync_time: log.sync_time,
            last_sync: log.last_sync,
            ..StoreStatus::default()
        };
        for head in view.frozen.iter().chain([&view.active]) {
            let content = head.lock();
            status.head_samples += content.samples;
            status.head_bytes += content.memory();
            if let Some((start, end)) = content.bounds {
                status.oldest = Some(status.oldest.map_or(start, |oldest| oldest.min(start)));
                status.newest = Some(status.newest.map_or(end, |newest| newest.max(end)));
            }
        }
        status
    }

    /// Writes what waits and ends the store's thread. Other handles answer queries still, and refuse samples.
    pub fn close(self) {
        self.0.wal.stop();
    }
}

impl Figures {
    fn refusals(&self) -> Refusals {
        let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Refusals {
            duplicates: get(&self.duplicates),
            too_old: get(&self.too_old),
            too_new: get(&self.too_new),
            unknown: get(&self.unknown),
            backlog: get(&self.backlog),
            series_limit: get(&self.series_limit),
            label_limit: get(&self.label_limit),
        }
    }
}

/// Labels within their limits.
fn check(labels: &Labels, options: &StoreOptions) -> Result<(), AppendError> {
    if labels.is_empty() {
        return Err(AppendError::NoLabels);
    }
    if labels.len() > options.max_labels {
        let (found, limit) = (labels.len(), options.max_labels);
        return Err(AppendError::TooManyLabels { found, limit });
    }
    for label in labels {
        for (part, text, limit) in [
            ("name", &label.name, options.max_label_name),
            ("value", &label.value, options.max_label_value),
        ] {
            if text.len() > limit {
                let name: String = label.name.chars().take(64).collect();
                return Err(AppendError::LabelTooLong { name, part, found: text.len(), limit });
            }
        }
    }
    Ok(())
}
