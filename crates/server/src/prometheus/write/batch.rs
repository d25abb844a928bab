//! What a request brought: series with their samples, and what was refused of it.

use crate::prometheus::exemplars::OfSeries;
use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram};
use vigie_store::{Sample, SeriesHandle, Value};

/// Samples of one request; a bomb has more.
const MAX_SAMPLES: usize = 500_000;
/// Buckets of all histograms of one request.
const MAX_BUCKETS: usize = 1_000_000;
/// Labels of all series of one request.
const MAX_LABELS: usize = 500_000;
/// Metrics of which one request says what they are.
const MAX_METADATA: usize = 50_000;
/// A piece of a large request is handed on when it takes this many bytes of memory.
const PIECE: usize = 2 << 20;
/// A series with a longer name is read each time.
pub(super) const LONGEST_NAME: usize = 1_024;
/// Reasons that are told; the rest is counted.
pub(super) const REASONS: usize = 3;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchValue {
    /// A number.
    Float(f64),
    /// A histogram.
    Histogram(Arc<NativeHistogram>),
}

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchSample {
    /// Which of the batch's series.
    pub series: u32,
    /// Unix milliseconds.
    pub time: i64,
    /// The value.
    pub value: BatchValue,
}

/// What is to be stored together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Samples of series that the sink knew by their names ([`crate::MetricSink::names`]); none where it knows none.
    pub known: Vec<Sample>,
    /// The series; one may be there more than once.
    pub series: Vec<Labels>,
    /// By which bytes each of these series may be known from now on.
    pub names: Vec<Option<Box<[u8]>>>,
    /// Their samples, in the order in which they came.
    pub samples: Vec<BatchSample>,
    /// What metrics are.
    pub metadata: Vec<MetricMetadata>,
}

impl Batch {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.samples.is_empty() && self.metadata.is_empty()
    }
}

/// What kind of metric it is, in Prometheus's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum MetricType {
    /// Not told.
    #[default]
    Unknown,
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
    /// Counts by size, which go up and down.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// Labels as a message.
    Info,
    /// One of several states.
    StateSet,
}

impl MetricType {
    /// Prometheus's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// From Prometheus's word; unknown where it is none.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        const ALL: [MetricType; 7] = [
            MetricType::Counter,
            MetricType::Gauge,
            MetricType::Histogram,
            MetricType::GaugeHistogram,
            MetricType::Summary,
            MetricType::Info,
            MetricType::StateSet,
        ];
        ALL.into_iter().find(|one| one.as_str() == word).unwrap_or_default()
    }

    /// From its number in both versions of the protocol.
    pub(super) fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Counter,
            2 => Self::Gauge,
            3 => Self::Histogram,
            4 => Self::GaugeHistogram,
            5 => Self::Summary,
            6 => Self::Info,
            7 => Self::StateSet,
            _ => Self::Unknown,
        }
    }
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MetricMetadata {
    /// Its name, without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// Its type.
    pub kind: MetricType,
    /// One sentence.
    pub help: String,
    /// Its unit; empty when there is none.
    pub unit: String,
}

/// Why nothing of a request was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    /// It is not what it says it is.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It goes over a limit.
    #[error("over the limit {limit} of {value}: {what}")]
    Limit {
        /// The limit's name.
        limit: &'static str,
        /// The limit.
        value: usize,
        /// What there is too much of, and what to do.
        what: &'static str,
    },
}

impl WriteError {
    pub(crate) fn malformed(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }
}

/// Where what was read goes, piece by piece.
pub(crate) trait Taker {
    /// The series that was named by exactly these bytes before; `None` when it must be read.
    fn find(&mut self, name: &[u8]) -> Option<SeriesHandle>;

    /// Takes a piece.
    fn take(&mut self, batch: Batch);
}

/// What becomes of what is read.
#[derive(Default)]
enum Goes<'t> {
    /// It stays in the batch.
    #[default]
    Nowhere,
    /// It is only checked.
    Away,
    /// It is taken: in one piece, or in several when there is much.
    To { taker: &'t mut dyn Taker, pieces: bool },
}

/// Whose samples come next.
#[derive(Debug, Clone, Copy, Default)]
enum Current {
    #[default]
    None,
    /// The last one of the batch.
    Read,
    Known(SeriesHandle),
}

/// A request that is being read.
#[derive(Default)]
pub(crate) struct Received<'t> {
    /// What is to be stored, or what is left of it.
    pub(crate) batch: Batch,
    /// Exemplars that came along: those of remote write are read elsewhere.
    pub(crate) exemplars: u64,
    /// Those of OTLP, each with its series.
    pub(crate) of_series: Vec<OfSeries>,
    /// Samples that were refused.
    pub(crate) refused: u64,
    /// Why, the first few different reasons.
    pub(crate) reasons: Vec<String>,
    goes: Goes<'t>,
    current: Current,
    buckets: usize,
    labels: usize,
    samples: usize,
    metadata: usize,
    /// What the batch takes in memory, in bytes, roughly.
    weight: usize,
}

impl<'t> Received<'t> {
    /// Only checks: nothing is kept.
    pub(crate) fn checked() -> Self {
        Self { goes: Goes::Away, ..Self::default() }
    }

    /// Hands on what is read, in `pieces` of some megabytes or in one.
    pub(crate) fn handed_to(taker: &'t mut dyn Taker, pieces: bool) -> Self {
        Self { goes: Goes::To { taker, pieces }, ..Self::default() }
    }

    /// Hands on the rest.
    pub(crate) fn finish(mut self) -> Self {
        self.hand_on();
        self
    }

    fn hand_on(&mut self) {
        if let Goes::To { taker, .. } = &mut self.goes
            && !self.batch.is_empty()
        {
            taker.take(std::mem::take(&mut self.batch));
            self.weight = 0;
        }
    }

    /// Something that takes this much memory comes next.
    fn weigh(&mut self, more: usize) {
        self.weight += more;
        if self.weight <= PIECE || !matches!(self.goes, Goes::To { pieces: true, .. }) {
            return;
        }
        let last = matches!(self.current, Current::Read).then(|| self.batch.series.last().cloned());
        self.hand_on();
        // Its samples go on in the next piece.
        if let Some(Some(labels)) = last {
            self.batch.series.push(labels);
            self.batch.names.push(None);
        }
    }

    /// Goes on with the series that was named by exactly these bytes before, if it is known.
    pub(crate) fn known(&mut self, name: &[u8], labels: usize) -> Result<bool, WriteError> {
        let Goes::To { taker, .. } = &mut self.goes else { return Ok(false) };
        let Some(series) = taker.find(name) else { return Ok(false) };
        self.count_labels(labels)?;
        self.current = Current::Known(series);
        Ok(true)
    }

    /// Goes on with a series, which has a sample at least. `name` are the bytes by which it is to be known later.
    pub(crate) fn series(&mut self, labels: Labels, name: Option<&[u8]>) -> Result<(), WriteError> {
        self.count_labels(labels.len())?;
        self.current = Current::None;
        if matches!(self.goes, Goes::Away) {
            return Ok(());
        }
        let texts: usize =
            labels.iter().map(|label| 96 + label.name.len() + label.value.len()).sum();
        let name = name.filter(|name| name.len() <= LONGEST_NAME);
        self.weigh(texts + name.map_or(0, <[u8]>::len));
        self.batch.series.push(labels);
        self.batch.names.push(name.map(Into::into));
        self.current = Current::Read;
        Ok(())
    }

    fn count_labels(&mut self, labels: usize) -> Result<(), WriteError> {
        self.labels += labels;
        limited(self.labels, MAX_LABELS, "labels a request", "send fewer series at once")
    }

    /// Adds a value of the series.
    pub(crate) fn float(&mut self, time: i64, value: f64) -> Result<(), WriteError> {
        self.sample(0)?;
        match self.current {
            Current::Known(series) => {
                self.batch.known.push(Sample { series, time, value: Value::Float(value) });
            }
            Current::Read => self.keep(time, BatchValue::Float(value)),
            Current::None => {}
        }
        Ok(())
    }

    /// Adds a histogram of the series.
    pub(crate) fn histogram(
        &mut self,
        time: i64,
        value: NativeHistogram,
    ) -> Result<(), WriteError> {
        let buckets = value.positive.len() + value.negative.len() + value.custom_bounds.len();
        self.buckets += buckets;
        limited(self.buckets, MAX_BUCKETS, "histogram buckets a request", "send fewer at once")?;
        self.sample(size_of::<NativeHistogram>() + 16 * buckets)?;
        match self.current {
            Current::Known(series) => {
                let value = Value::Histogram(Arc::new(value));
                self.batch.known.push(Sample { series, time, value });
            }
            Current::Read => self.keep(time, BatchValue::Histogram(Arc::new(value))),
            Current::None => {}
        }
        Ok(())
    }

    fn keep(&mut self, time: i64, value: BatchValue) {
        // Each series has a label at least, so there are no more than MAX_LABELS.
        let series = self.batch.series.len().saturating_sub(1) as u32;
        self.batch.samples.push(BatchSample { series, time, value });
    }

    fn sample(&mut self, more: usize) -> Result<(), WriteError> {
        self.samples += 1;
        limited(self.samples, MAX_SAMPLES, "samples a request", "send fewer at once")?;
        self.weigh(size_of::<BatchSample>() + more);
        Ok(())
    }

    /// Says what a metric is.
    pub(crate) fn metadata(&mut self, metadata: MetricMetadata) -> Result<(), WriteError> {
        self.metadata += 1;
        limited(self.metadata, MAX_METADATA, "metadata a request", "send fewer at once")?;
        if !matches!(self.goes, Goes::Away) {
            let texts = metadata.name.len() + metadata.help.len() + metadata.unit.len();
            self.weigh(size_of::<MetricMetadata>() + texts);
            self.batch.metadata.push(metadata);
        }
        Ok(())
    }

    /// Counts samples that are not taken, and says why.
    pub(crate) fn refuse(&mut self, samples: u64, why: impl FnOnce() -> String) {
        self.refused += samples;
        if self.reasons.len() < REASONS {
            let why = why();
            if !self.reasons.contains(&why) {
                self.reasons.push(why);
            }
        }
    }
}

/// Whether `count` is within a limit.
pub(crate) fn limited(
    count: usize,
    value: usize,
    limit: &'static str,
    what: &'static str,
) -> Result<(), WriteError> {
    if count <= value { Ok(()) } else { Err(WriteError::Limit { limit, value, what }) }
}
