//! What the compatible paths stand on: where metrics are read, what evaluates, where they are written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use vigie_model::Labels;
use vigie_model::catalogue::COPY_LABEL;
use vigie_query::{Engine, EngineLimits};
use vigie_remote::RemoteQuery;
use vigie_store::{KnownNames, SeriesHandle, Storage};

use super::exemplars::{ExemplarCounts, Exemplars};
use super::write::{Batch, MetricMetadata};

/// Prometheus allows 11,000 steps between start and end: one point more.
const POINTS_A_SERIES: u64 = 11_001;

/// What was made of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Floats that are durable now.
    pub floats: u64,
    /// Histograms that are durable now.
    pub histograms: u64,
    /// Samples that were refused for good: sending them again changes nothing.
    pub refused: u64,
    /// Why, of the first of them.
    pub reason: Option<String>,
}

/// Why nothing of a batch was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It cannot be written now; it may be later, so that the sender does well to try again.
    #[error("{0}")]
    NotNow(String),
    /// There is more to write than can be written: the sender is asked to wait.
    #[error("{0}")]
    Overloaded(String),
}

/// Figures about what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreFigures {
    /// Series that are known.
    pub series: u64,
    /// Parts in which they are kept.
    pub chunks: u64,
    /// The earliest sample, in Unix milliseconds.
    pub min_time: i64,
    /// The latest sample, in Unix milliseconds.
    pub max_time: i64,
    /// Parts that were found damaged, and set aside.
    pub damaged: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Of those, bytes of five-minute and hourly values.
    pub downsampled_bytes: u64,
    /// Samples and series that were refused since the start.
    pub refused: u64,
    /// The disk does not take what is to be written.
    pub failing: bool,
}

/// Series by the bytes of their names, as [`Batch::names`] told them.
pub trait SeriesNames {
    /// The series with exactly this name.
    fn find(&self, name: &[u8]) -> Option<SeriesHandle>;
}

/// No series is known by a name.
struct NoNames;

impl SeriesNames for NoNames {
    fn find(&self, _name: &[u8]) -> Option<SeriesHandle> {
        None
    }
}

impl SeriesNames for KnownNames<'_> {
    fn find(&self, name: &[u8]) -> Option<SeriesHandle> {
        Self::find(self, name)
    }
}

/// Where metrics are written: the embedded store, or a backend elsewhere.
pub trait MetricSink: Send + Sync {
    /// Stores a batch. The answer comes once what it counts is durable.
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>>;

    /// Which series it knows by the bytes of their names: of these, no labels are read. Nobody else appends while this is
    /// held, so it must be let go before [`Self::append`].
    fn names(&self) -> Box<dyn SeriesNames + '_> {
        Box::new(NoNames)
    }

    /// What is known of metrics: of the one that is named, or of all; by ascending name.
    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata>;

    /// Figures about what is stored.
    fn figures(&self) -> StoreFigures;
}

/// What a query may use beside the limits of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// Queries that run at once.
    pub concurrency: usize,
    /// Queries that wait for their turn; more are turned away.
    pub queue: usize,
    /// The longest that a query runs, its waiting included.
    pub timeout: Duration,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { concurrency: 20, queue: 256, timeout: Duration::from_secs(30) }
    }
}

/// Where metrics are read.
#[derive(Clone)]
pub(super) enum Reading {
    /// From a storage, by the engine.
    Here(Arc<dyn Storage>),
    /// By a backend elsewhere, which evaluates.
    Elsewhere {
        /// Asks it.
        query: Arc<RemoteQuery>,
        /// Whether it has native histograms.
        histograms: bool,
    },
}

/// Metrics: read, evaluated, written. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    pub(super) reading: Reading,
    pub(super) sink: Arc<dyn MetricSink>,
    pub(super) engine: EngineLimits,
    pub(super) limits: QueryLimits,
    pub(super) running: Arc<Semaphore>,
    pub(super) waiting: Arc<Semaphore>,
    pub(super) doors: super::write::Doors,
    pub(super) exemplars: Arc<Exemplars>,
    /// What series get where another Prometheus scrapes them.
    pub(super) external: Arc<Labels>,
    own: Arc<BTreeMap<String, String>>,
}

impl Metrics {
    /// What says what all metrics are: of Vigie's own, and of what was pushed in.
    pub fn describing(&self) -> impl Fn() -> Vec<MetricMetadata> + Send + Sync + use<> {
        let sink = Arc::clone(&self.sink);
        move || super::metadata::known(&*sink, None)
    }

    /// Metrics that are read from `storage` and written to `sink`.
    #[must_use]
    pub fn new(
        storage: Arc<dyn Storage>,
        sink: Arc<dyn MetricSink>,
        engine: EngineLimits,
        limits: QueryLimits,
    ) -> Self {
        Self::with(Reading::Here(storage), sink, engine, limits)
    }

    /// Metrics of a backend elsewhere, which answers all queries: those of `sink` get there somehow. Without
    /// `histograms` it has no native ones.
    #[must_use]
    pub fn elsewhere(
        query: RemoteQuery,
        histograms: bool,
        sink: Arc<dyn MetricSink>,
        limits: QueryLimits,
    ) -> Self {
        let reading = Reading::Elsewhere { query: Arc::new(query), histograms };
        Self::with(reading, sink, EngineLimits::default(), limits)
    }

    fn with(
        reading: Reading,
        sink: Arc<dyn MetricSink>,
        engine: EngineLimits,
        limits: QueryLimits,
    ) -> Self {
        Self {
            reading,
            sink,
            engine: EngineLimits { max_steps: POINTS_A_SERIES, ..engine },
            limits,
            running: Arc::new(Semaphore::new(limits.concurrency)),
            waiting: Arc::new(Semaphore::new(limits.concurrency + limits.queue)),
            doors: super::write::Doors::default(),
            exemplars: Arc::default(),
            external: Arc::default(),
            own: Arc::new(BTreeMap::from([(COPY_LABEL.to_owned(), String::new())])),
        }
    }

    /// Metrics to which `external` labels are added on their way elsewhere: Vigie's own are found by them there.
    #[must_use]
    pub fn labelled(mut self, external: &Labels) -> Self {
        let pairs = external.iter().map(|label| (label.name.to_string(), label.value.to_string()));
        Arc::make_mut(&mut self.own).extend(pairs);
        self
    }

    /// Metrics that are read here, of which another Prometheus is told with these labels.
    #[must_use]
    pub fn federated(self, external: Labels) -> Self {
        Self { external: Arc::new(external), ..self }
    }

    /// What tells Vigie's own series from others of their names, beside the labels of the catalogue; an empty one is a label
    /// that they do not have.
    pub(crate) fn own(&self) -> &BTreeMap<String, String> {
        &self.own
    }

    /// Whether a backend elsewhere answers queries.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self.reading, Reading::Elsewhere { .. })
    }

    /// Where they are written.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn MetricSink> {
        Arc::clone(&self.sink)
    }

    /// Figures about what is stored here; none where it is stored elsewhere.
    pub(crate) fn figures(&self) -> Option<StoreFigures> {
        let figures = matches!(self.reading, Reading::Here(_)).then(|| self.sink.figures())?;
        Some(StoreFigures { refused: figures.refused + self.doors.refused(), ..figures })
    }

    /// Whether native histograms can be asked for.
    pub(crate) fn has_histograms(&self) -> bool {
        !matches!(self.reading, Reading::Elsewhere { histograms: false, .. })
    }

    /// How many exemplars are kept, and are not.
    pub(crate) fn exemplar_counts(&self) -> ExemplarCounts {
        self.exemplars.counts()
    }

    /// An engine for one query; `lookback` in milliseconds where the query says so, `at_once` as of [`EngineLimits`].
    pub(super) fn engine(&self, lookback: Option<i64>, at_once: Option<u64>) -> Engine {
        let lookback = lookback.filter(|millis| *millis > 0).unwrap_or(self.engine.lookback);
        Engine::new(EngineLimits { lookback, at_once, ..self.engine })
    }
}
