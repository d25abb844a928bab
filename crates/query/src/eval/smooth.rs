//! Instant selectors with `smoothed`: values on the lines between samples.

use vigie_model::Labels;
use vigie_store::Samples;

use super::extended::between;
use super::native;
use super::series::Row;
use super::window::Windows;
use super::{Context, Grid};
use crate::answer::SampleValue;
use crate::promql::ast::At;

impl Context<'_> {
    /// The value at each step, from the samples around it.
    pub(crate) fn smoothed_row(
        &self,
        (labels, at): (&Labels, At),
        samples: &Samples,
        ends: Grid,
        lookback: i64,
    ) -> Row {
        let lookback = samples.coarse.map_or(lookback, |coarse| lookback.max(coarse.step));
        let mut windows = Windows::new(samples, lookback.saturating_mul(2));
        let value = |time: i64| {
            let window = windows.at(time.saturating_add(lookback));
            if window.is_mixed() {
                let message = "encountered a mix of histograms and floats for metric name";
                self.notes.warn(at, format!("{message} {:?}", labels.metric_name()));
                return None;
            }
            if window.floats.is_empty() {
                let reconciled = |operation: &str| {
                    let message = "mismatched custom buckets were reconciled during";
                    self.notes.info(at, format!("{message} {operation}"));
                };
                let Ok(found) = native::extended::at(&window, time, &reconciled) else {
                    native::many::mixed_schemas(self, at, labels.metric_name());
                    return None;
                };
                return found.map(SampleValue::Histogram);
            }
            let place = window.float_times.partition_point(|one| *one < time);
            let sample = |place: usize| (window.float_times[place], window.floats[place]);
            let exact = window.float_times.get(place) == Some(&time);
            let value = if exact {
                window.floats[place]
            } else if place == 0 {
                return None;
            } else if place < window.floats.len() {
                between(sample(place - 1), sample(place), time, false)
            } else {
                window.floats[place - 1]
            };
            Some(SampleValue::Float(value))
        };
        ends.times().map(value).collect()
    }
}
