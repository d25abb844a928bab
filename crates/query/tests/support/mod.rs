//! A storage in memory, for tests of the engine.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram};
use vigie_store::{FoundSeries, Matcher, ReadError, Samples, SeriesReader, Storage, TimeRange};

/// Series and their samples, by labels.
#[derive(Debug, Default, Clone)]
pub struct MemoryStorage(pub BTreeMap<Labels, Samples>);

impl MemoryStorage {
    /// Adds a float; times of one series ascend.
    pub fn float(&mut self, labels: &Labels, time: i64, value: f64) {
        let samples = self.0.entry(labels.clone()).or_default();
        samples.float_times.push(time);
        samples.floats.push(value);
    }

    /// Adds a histogram; times of one series ascend.
    pub fn histogram(&mut self, labels: &Labels, time: i64, value: NativeHistogram) {
        let samples = self.0.entry(labels.clone()).or_default();
        samples.histogram_times.push(time);
        samples.histograms.push(Arc::new(value));
    }

    fn matching<'a>(
        &'a self,
        matchers: &'a [Matcher],
        range: TimeRange,
    ) -> impl Iterator<Item = (&'a Labels, Samples)> {
        let wanted = move |labels: &Labels| {
            matchers.iter().all(|one| one.matches(labels.get(one.name()).unwrap_or_default()))
        };
        let found = self.0.iter().filter(move |(labels, _)| wanted(labels));
        found
            .map(move |(labels, samples)| (labels, within(samples, range)))
            .filter(|(_, samples)| !samples.is_empty())
    }
}

fn within(samples: &Samples, range: TimeRange) -> Samples {
    let cut = |times: &[i64]| {
        let first = times.partition_point(|time| *time < range.start);
        first..times.partition_point(|time| *time <= range.end).max(first)
    };
    let (floats, histograms) = (cut(&samples.float_times), cut(&samples.histogram_times));
    Samples {
        float_times: samples.float_times[floats.clone()].to_vec(),
        floats: samples.floats[floats].to_vec(),
        histogram_times: samples.histogram_times[histograms.clone()].to_vec(),
        histograms: samples.histograms[histograms].to_vec(),
        ..Samples::default()
    }
}

struct Held(Samples);

impl SeriesReader for Held {
    fn read(&self) -> Result<Samples, ReadError> {
        Ok(self.0.clone())
    }
}

impl Storage for MemoryStorage {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _step: i64,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        let found = self.matching(matchers, range).map(|(labels, samples)| FoundSeries {
            labels: labels.clone(),
            reader: Box::new(Held(samples)),
        });
        Ok(found.collect())
    }
}
