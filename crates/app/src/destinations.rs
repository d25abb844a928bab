//! Where Vigie's own series go: the store here, and queues for backends elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use vigie_model::Labels;
use vigie_remote::Outbox;
use vigie_store::{AppendError, Sample, SeriesHandle, Store, Value};

/// Seconds of samples that may wait for a disk that does not answer; more are dropped and counted.
const WAITING: usize = 30;

/// All of them.
pub(crate) struct Destinations {
    store: Option<Store>,
    outboxes: Vec<Outbox>,
    waiting: Arc<AtomicUsize>,
    /// Samples that were not kept.
    lost: Arc<AtomicU64>,
}

/// A series of theirs.
#[derive(Debug, Clone)]
pub(crate) struct KeptSeries {
    handle: Option<SeriesHandle>,
    labels: Labels,
}

/// A sample of such a series.
pub(crate) struct KeptSample {
    pub(crate) series: KeptSeries,
    /// Unix milliseconds.
    pub(crate) time: i64,
    pub(crate) value: Value,
}

impl Destinations {
    /// The store, if there is one, and queues; what does not get to one of them is counted in `lost`.
    pub(crate) fn new(store: Option<Store>, outboxes: Vec<Outbox>, lost: Arc<AtomicU64>) -> Self {
        Self { store, outboxes, waiting: Arc::default(), lost }
    }

    /// The store here.
    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// A series; none where the store refuses it.
    pub(crate) fn series(&self, labels: Labels) -> Option<KeptSeries> {
        let handle = match &self.store {
            Some(store) => Some(store.series(&labels).ok()?),
            None => None,
        };
        Some(KeptSeries { handle, labels })
    }

    /// Counts samples that got nowhere.
    pub(crate) fn lose(&self, samples: u64) {
        self.lost.fetch_add(samples, Ordering::Relaxed);
    }

    /// Has samples kept everywhere.
    pub(crate) fn keep(&self, samples: Vec<KeptSample>) {
        if samples.is_empty() {
            return;
        }
        for outbox in &self.outboxes {
            self.send(outbox, &samples);
        }
        let Some(store) = &self.store else { return };
        let sample = |KeptSample { series, time, value }: KeptSample| {
            Some(Sample { series: series.handle?, time, value })
        };
        let samples: Vec<Sample> = samples.into_iter().filter_map(sample).collect();
        let count = samples.len() as u64;
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.lose(count);
            return;
        }
        let (waiting, lost) = (Arc::clone(&self.waiting), Arc::clone(&self.lost));
        store.append(samples, move |outcome| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            match outcome {
                Ok(appended) => {
                    let refused = count.saturating_sub(appended.accepted as u64);
                    lost.fetch_add(refused, Ordering::Relaxed);
                }
                // They are in memory, and are written once the disk works again.
                Err(AppendError::NotWritten(error)) => {
                    tracing::warn!(%error, "the disk does not take metrics at present");
                }
                Err(error) => {
                    lost.fetch_add(count, Ordering::Relaxed);
                    tracing::warn!(%error, "metrics of a second were not kept");
                }
            }
        });
    }

    fn send(&self, outbox: &Outbox, samples: &[KeptSample]) {
        let pushed = samples
            .iter()
            .map(|sample| (sample.series.labels.clone(), sample.time, sample.value.clone()));
        let (count, lost) = (samples.len() as u64, Arc::clone(&self.lost));
        let name = outbox.name().to_owned();
        outbox.push(pushed.collect(), move |outcome| {
            if let Err(error) = outcome {
                lost.fetch_add(count, Ordering::Relaxed);
                tracing::warn!(%error, remote = name, "metrics of a second are not sent");
            }
        });
    }
}
