//! What a query answers. All times are milliseconds since the Unix epoch.

use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A histogram.
    Histogram(Arc<NativeHistogram>),
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct InstantSample {
    /// Its labels.
    pub labels: Labels,
    /// When.
    pub time: i64,
    /// Its value.
    pub value: SampleValue,
}

/// One series of a matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RangeSeries {
    /// Its labels.
    pub labels: Labels,
    /// (time, value) by ascending time.
    pub floats: Vec<(i64, f64)>,
    /// (time, histogram) by ascending time; no time is in both.
    pub histograms: Vec<(i64, Arc<NativeHistogram>)>,
}

/// What a query evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// A number at a time.
    Scalar(i64, f64),
    /// A text at a time.
    Text(i64, String),
    /// One value a series; sorted as the query asks, else in no promised order.
    Vector(Vec<InstantSample>),
    /// Many values a series, by ascending labels.
    Matrix(Vec<RangeSeries>),
}

/// What a query wants to say beside its value, in the words of Prometheus; each once, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// The value may be wrong.
    pub warnings: Vec<String>,
    /// The query may be meant otherwise.
    pub infos: Vec<String>,
}

/// What a query touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Series that were selected.
    pub series: u64,
    /// Samples that were read from the storage.
    pub samples_read: u64,
    /// Points that were held at once at the most.
    pub peak_points: u64,
}

/// A query's whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: QueryValue,
    /// Warnings and infos.
    pub annotations: Annotations,
    /// What it cost.
    pub stats: Stats,
}
