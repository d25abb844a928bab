//! What a request brought: series with their samples, and what was refused of it.

use crate::prometheus::exemplars::OfSeries;
use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram};

/// Samples of one request; a bomb has more.
const MAX_SAMPLES: usize = 500_000;
/// Buckets of all histograms of one request.
const MAX_BUCKETS: usize = 1_000_000;
/// Labels of all series of one request.
const MAX_LABELS: usize = 500_000;
/// Metrics of which one request says what they are.
const MAX_METADATA: usize = 50_000;
/// Reasons that are told; the rest is counted.
const REASONS: usize = 3;

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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// The series; one may be there more than once.
    pub series: Vec<Labels>,
    /// Their samples, in the order in which they came.
    pub samples: Vec<BatchSample>,
    /// What metrics are.
    pub metadata: Vec<MetricMetadata>,
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
    pub(in crate::prometheus) fn from_word(word: &str) -> Self {
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

/// A request that is being read.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// What is to be stored.
    pub(crate) batch: Batch,
    /// Exemplars that came along: those of remote write are read elsewhere.
    pub(crate) exemplars: u64,
    /// Those of OTLP, each with its series.
    pub(crate) of_series: Vec<OfSeries>,
    /// Samples that were refused.
    pub(crate) refused: u64,
    /// Why, the first few different reasons.
    pub(crate) reasons: Vec<String>,
    buckets: usize,
    labels: usize,
}

impl Received {
    /// Adds a series, for a sample that comes next.
    pub(crate) fn series(&mut self, labels: Labels) -> Result<u32, WriteError> {
        self.labels += labels.len();
        limited(self.labels, MAX_LABELS, "labels a request", "send fewer series at once")?;
        self.batch.series.push(labels);
        // Each has a label at least, so there are no more than MAX_LABELS.
        Ok((self.batch.series.len() - 1) as u32)
    }

    /// Adds a value.
    pub(crate) fn float(&mut self, series: u32, time: i64, value: f64) -> Result<(), WriteError> {
        self.sample(BatchSample { series, time, value: BatchValue::Float(value) })
    }

    /// Adds a histogram.
    pub(crate) fn histogram(
        &mut self,
        series: u32,
        time: i64,
        value: NativeHistogram,
    ) -> Result<(), WriteError> {
        self.buckets += value.positive.len() + value.negative.len() + value.custom_bounds.len();
        limited(self.buckets, MAX_BUCKETS, "histogram buckets a request", "send fewer at once")?;
        self.sample(BatchSample { series, time, value: BatchValue::Histogram(Arc::new(value)) })
    }

    fn sample(&mut self, sample: BatchSample) -> Result<(), WriteError> {
        limited(
            self.batch.samples.len() + 1,
            MAX_SAMPLES,
            "samples a request",
            "send fewer at once",
        )?;
        self.batch.samples.push(sample);
        Ok(())
    }

    /// Says what a metric is.
    pub(crate) fn metadata(&mut self, metadata: MetricMetadata) -> Result<(), WriteError> {
        limited(
            self.batch.metadata.len() + 1,
            MAX_METADATA,
            "metadata a request",
            "send fewer at once",
        )?;
        self.batch.metadata.push(metadata);
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
