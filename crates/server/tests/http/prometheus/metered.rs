//! Vigie's server with metrics that are kept in memory: what is written can be read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use serde_json::Value;
use vigie_model::Labels;
use vigie_query::EngineLimits;
use vigie_server::{
    Appended, Batch, BatchValue, MetricMetadata, MetricSink, Metrics, QueryLimits, SinkError,
    StoreFigures,
};
use vigie_store::{FoundSeries, Matcher, ReadError, Storage, TimeRange};

use super::memory::MemoryStorage;
use crate::filled::{Filled, text};

/// Storage and sink at once.
#[derive(Default)]
pub struct Kept {
    memory: RwLock<MemoryStorage>,
    metadata: Mutex<BTreeMap<String, MetricMetadata>>,
    /// What every write is answered with instead of being kept.
    pub broken: Mutex<Option<SinkError>>,
    /// Samples at or before this time are refused, as those that are too old.
    pub too_old: Mutex<i64>,
}

impl Kept {
    pub fn change(&self, change: impl FnOnce(&mut MemoryStorage)) {
        change(&mut self.memory.write().unwrap());
    }

    fn read<T>(&self, read: impl FnOnce(&MemoryStorage) -> T) -> T {
        read(&self.memory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The floats of a series: (time, value).
    pub fn floats(&self, labels: &Labels) -> Vec<(i64, f64)> {
        self.read(|memory| {
            let samples = memory.0.get(labels).cloned().unwrap_or_default();
            samples.float_times.into_iter().zip(samples.floats).collect()
        })
    }

    /// Every series.
    pub fn series(&self) -> Vec<String> {
        self.read(|memory| memory.0.keys().map(ToString::to_string).collect())
    }

    pub fn histograms(&self, labels: &Labels) -> Vec<(i64, vigie_model::NativeHistogram)> {
        self.read(|memory| {
            let samples = memory.0.get(labels).cloned().unwrap_or_default();
            let values = samples.histograms.iter().map(|value| (**value).clone());
            samples.histogram_times.into_iter().zip(values).collect()
        })
    }
}

impl Storage for Kept {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        step: i64,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        self.read(|memory| memory.select(matchers, range, step))
    }
}

impl MetricSink for Kept {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>> {
        if let Some(error) = self.broken.lock().unwrap().clone() {
            return Box::pin(async { Err(error) });
        }
        let oldest = *self.too_old.lock().unwrap();
        let mut appended = Appended::default();
        self.change(|memory| {
            for sample in batch.samples {
                let labels = &batch.series[sample.series as usize];
                if sample.time <= oldest {
                    appended.refused += 1;
                    appended.reason.get_or_insert_with(|| format!("{labels} is too old"));
                    continue;
                }
                match sample.value {
                    BatchValue::Float(value) => {
                        memory.float(labels, sample.time, value);
                        appended.floats += 1;
                    }
                    BatchValue::Histogram(value) => {
                        memory.histogram(labels, sample.time, (*value).clone());
                        appended.histograms += 1;
                    }
                }
            }
        });
        let mut metadata = self.metadata.lock().unwrap();
        metadata.extend(batch.metadata.into_iter().map(|one| (one.name.clone(), one)));
        Box::pin(async { Ok(appended) })
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata> {
        let metadata = self.metadata.lock().unwrap();
        metadata
            .values()
            .filter(|one| metric.is_none_or(|name| name == one.name))
            .cloned()
            .collect()
    }

    fn figures(&self) -> StoreFigures {
        let series = self.read(|memory| memory.0.len() as u64);
        StoreFigures {
            series,
            chunks: series,
            min_time: 0,
            max_time: i64::MAX,
            ..StoreFigures::default()
        }
    }
}

/// The server and what it keeps.
pub struct Metered {
    pub filled: Filled,
    pub kept: Arc<Kept>,
}

impl Metered {
    pub fn new() -> Self {
        Self::with(QueryLimits::default())
    }

    pub fn with(limits: QueryLimits) -> Self {
        let kept = Arc::new(Kept::default());
        let mut filled = Filled::new();
        let storage: Arc<dyn Storage> = kept.clone();
        let metrics = Metrics::new(storage, kept.clone(), EngineLimits::default(), limits);
        filled.state = filled.state.with_metrics(metrics);
        Self { filled, kept }
    }

    /// `GET path`: the status and the JSON.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        self.filled.json(path).await
    }

    /// `POST path` with a form.
    pub async fn form(&self, path: &str, form: &str) -> (u16, Value) {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let response = self.post(path, &[kind], form.as_bytes().to_vec()).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&text(response).await).unwrap())
    }

    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Response<Body> {
        let mut request = Request::post(path).header("host", "127.0.0.1:4780");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.filled.send(request.body(body.into()).unwrap()).await
    }

    /// `POST /api/v1/write`: the status and the text.
    pub async fn write(&self, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String) {
        let response = self.post("/api/v1/write", headers, body).await;
        (response.status().as_u16(), text(response).await)
    }
}
