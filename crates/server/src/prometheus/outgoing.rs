//! Metrics that are sent elsewhere, as well as stored here or instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use vigie_remote::{Outbox, OutboxError, Pushed};
use vigie_store::Value;

use super::metrics::{Appended, MetricSink, SinkError, StoreFigures};
use super::write::{Batch, BatchSample, BatchValue, MetricMetadata};

/// Metrics of which it is remembered what they are.
const MOST_METADATA: usize = 50_000;

/// A sink that puts what it gets into queues for backends elsewhere, and into the store here where there is one. It is
/// durable once it is in all of them.
pub struct Outgoing {
    here: Option<Arc<dyn MetricSink>>,
    outboxes: Vec<Outbox>,
    /// What was told of metrics since the start: only where there is no store.
    metadata: Mutex<BTreeMap<String, MetricMetadata>>,
}

impl Outgoing {
    /// A sink for these queues, and for the store `here`.
    #[must_use]
    pub fn new(here: Option<Arc<dyn MetricSink>>, outboxes: Vec<Outbox>) -> Self {
        Self { here, outboxes, metadata: Mutex::default() }
    }

    fn learn(&self, told: &[MetricMetadata]) {
        let mut known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        for one in told {
            if known.len() < MOST_METADATA || known.contains_key(&one.name) {
                known.insert(one.name.clone(), one.clone());
            }
        }
    }
}

fn pushed(batch: &Batch) -> Vec<Pushed> {
    let sample = |BatchSample { series, time, value }: &BatchSample| {
        let labels = batch.series.get(*series as usize)?.clone();
        let value = match value {
            BatchValue::Float(value) => Value::Float(*value),
            BatchValue::Histogram(value) => Value::Histogram(Arc::clone(value)),
        };
        Some((labels, *time, value))
    };
    batch.samples.iter().filter_map(sample).collect()
}

impl MetricSink for Outgoing {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>> {
        let samples = pushed(&batch);
        let is_float = |sample: &&Pushed| matches!(sample.2, Value::Float(_));
        let floats = samples.iter().filter(is_float).count() as u64;
        let histograms = samples.len() as u64 - floats;
        let told: Vec<_> = self
            .outboxes
            .iter()
            .map(|outbox| {
                let (tell, told) = oneshot::channel();
                // A sender that has left is told nothing.
                outbox.push(samples.clone(), move |result| drop(tell.send(result)));
                told
            })
            .collect();
        let here = match &self.here {
            Some(here) => Some(here.append(batch)),
            None => {
                self.learn(&batch.metadata);
                None
            }
        };
        Box::pin(async move {
            let mut appended = Appended { floats, histograms, ..Appended::default() };
            if let Some(here) = here {
                appended = here.await?;
            }
            for one in told {
                match one.await.unwrap_or(Err(OutboxError::Closed)) {
                    Ok(()) => {}
                    Err(error @ OutboxError::Backlog) => {
                        return Err(SinkError::Overloaded(error.to_string()));
                    }
                    Err(error) => return Err(SinkError::NotNow(error.to_string())),
                }
            }
            Ok(appended)
        })
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata> {
        if let Some(here) = &self.here {
            return here.metadata(metric);
        }
        let known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        let all = known.values();
        all.filter(|one| metric.is_none_or(|name| name == one.name)).cloned().collect()
    }

    fn figures(&self) -> StoreFigures {
        self.here.as_ref().map(|here| here.figures()).unwrap_or_default()
    }
}
