//! Samples as a foreign exporter told them.

use std::sync::Arc;

use crate::{Labels, NativeHistogram};

/// One sample of a series that somebody else has named.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedSample {
    /// The series, the metric's name included.
    pub labels: Labels,
    /// When, in milliseconds since the Unix epoch; `None`: when it was scraped.
    pub time_millis: Option<i64>,
    /// Its value.
    pub value: ScrapedValue,
}

/// The value of a scraped sample.
#[derive(Debug, Clone, PartialEq)]
pub enum ScrapedValue {
    /// A number; NaN is possible.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<NativeHistogram>),
}

/// What an exporter says of a metric, or rather of a family of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrapedFamily {
    /// The name of the family, such as `http_requests`.
    pub name: String,
    /// The type, in Prometheus's word: `counter`, `gauge`, `histogram`, …; empty when nobody said.
    pub kind: String,
    /// The unit; empty when nobody said.
    pub unit: String,
    /// One sentence for people; empty when nobody said.
    pub help: String,
}

/// What one look at one target brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScrapeReading {
    /// Its samples, all with a time, and the ends of series that are gone.
    pub samples: Vec<ScrapedSample>,
    /// What it says of its metrics.
    pub families: Vec<ScrapedFamily>,
}
