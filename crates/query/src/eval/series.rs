//! What expressions evaluate to.

use std::collections::HashMap;

use vigie_model::{Labels, METRIC_NAME};
use vigie_store::Samples;

use super::Grid;
use crate::answer::{RangeSeries, SampleValue};
use crate::engine::QueryError;

/// A value a step; none where there is no sample.
pub(crate) type Row = Vec<Option<SampleValue>>;

/// One series at all steps.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub labels: Labels,
    pub row: Row,
}

/// The value of an expression at all steps.
#[derive(Debug)]
pub(crate) enum Evaluated {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Series>),
}

/// Takes the series of a vector one after the other; `false` where no more of them are wanted.
pub(crate) type Take<'a> = &'a mut dyn FnMut(Series) -> Result<bool, QueryError>;

impl Evaluated {
    /// How many points it holds.
    pub(crate) fn points(&self) -> u64 {
        match self {
            Self::Scalar(values) => values.len() as u64,
            Self::Text(_) => 1,
            Self::Vector(series) => series.iter().map(|one| one.row.len() as u64).sum(),
        }
    }
}

impl Series {
    /// With the times of its steps.
    pub(crate) fn with_times(self, grid: Grid) -> RangeSeries {
        let is_float = |value: &&Option<SampleValue>| matches!(value, Some(SampleValue::Float(_)));
        let mut with = RangeSeries { labels: self.labels, ..RangeSeries::default() };
        with.floats.reserve_exact(self.row.iter().filter(is_float).count());
        for (time, value) in grid.times().zip(self.row) {
            match value {
                Some(SampleValue::Float(value)) => with.floats.push((time, value)),
                Some(SampleValue::Histogram(value)) => with.histograms.push((time, value)),
                None => {}
            }
        }
        with
    }

    /// As samples of a storage.
    pub(crate) fn samples(self, grid: Grid) -> Samples {
        let mut samples = Samples::default();
        for (time, value) in grid.times().zip(self.row) {
            match value {
                Some(SampleValue::Float(value)) => {
                    samples.float_times.push(time);
                    samples.floats.push(value);
                }
                Some(SampleValue::Histogram(value)) => {
                    samples.histogram_times.push(time);
                    samples.histograms.push(super::native::without_hint(value));
                }
                None => {}
            }
        }
        samples
    }

    /// Whether it has a value at some step.
    pub(crate) fn has_values(&self) -> bool {
        self.row.iter().any(Option::is_some)
    }
}

/// Whether a label says what a metric is, rather than whose: its name, and where they are kept, its type and unit.
pub(crate) fn of_metric(label: &str) -> bool {
    matches!(label, METRIC_NAME | "__type__" | "__unit__")
}

/// Labels without those of the metric itself.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    labels.only(|one| !of_metric(&one.name))
}

/// The error of a vector in which labels occur twice at one step.
pub(crate) fn twice() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Makes one series of those with equal labels, and drops those without any value.
pub(crate) fn merged(series: Vec<Series>) -> Result<Vec<Series>, QueryError> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(series.len());
    let mut merged: Vec<Series> = Vec::with_capacity(series.len());
    for one in series {
        if !one.has_values() {
            continue;
        }
        match places.get(&one.labels).and_then(|place| merged.get_mut(*place)) {
            None => {
                places.insert(one.labels.clone(), merged.len());
                merged.push(one);
            }
            Some(into) => {
                for (old, new) in into.row.iter_mut().zip(one.row) {
                    match (old.is_some(), new) {
                        (_, None) => {}
                        (true, Some(_)) => return Err(twice()),
                        (false, new) => *old = new,
                    }
                }
            }
        }
    }
    Ok(merged)
}
