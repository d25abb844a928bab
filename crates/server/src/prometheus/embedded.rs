//! The embedded store as a sink.

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use vigie_store::{AppendError, Metadata, Sample, Store, Value};

use super::metrics::{Appended, MetricSink, SeriesNames, SinkError, StoreFigures};
use super::write::{Batch, BatchSample, BatchValue, MetricMetadata, MetricType};

impl MetricSink for Store {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>> {
        let Batch { known, series, names, samples, metadata } = batch;
        for MetricMetadata { name, kind, help, unit } in metadata {
            self.metadata_set(&name, Metadata { kind: kind.as_str().to_owned(), unit, help });
        }
        let handles: Vec<_> = series.iter().map(|labels| self.series(labels)).collect();
        let named = names
            .iter()
            .zip(&handles)
            .filter_map(|(name, handle)| Some((name.as_deref()?, *handle.as_ref().ok()?)));
        self.name(named);
        let mut refused = 0;
        let of_histograms = known.iter().filter(|one| matches!(one.value, Value::Histogram(_)));
        let mut histograms = of_histograms.count() as u64;
        let mut taken = known;
        taken.reserve(samples.len());
        for BatchSample { series, time, value } in samples {
            // A series that is not taken has no samples that are.
            let Some(Ok(series)) = handles.get(series as usize) else {
                refused += 1;
                continue;
            };
            let value = match value {
                BatchValue::Float(value) => Value::Float(value),
                BatchValue::Histogram(value) => {
                    histograms += 1;
                    Value::Histogram(value)
                }
            };
            taken.push(Sample { series: *series, time, value });
        }
        let why = handles.into_iter().find_map(Result::err).map(|error| error.to_string());
        let (tell, told) = oneshot::channel();
        self.append(taken, move |result| {
            // A sender that has left is told nothing.
            drop(tell.send(result));
        });
        Box::pin(async move {
            match told.await.unwrap_or(Err(AppendError::Closed)) {
                Ok(appended) => Ok(counted(&appended, histograms, refused, why)),
                Err(error @ AppendError::Backlog { .. }) => {
                    Err(SinkError::Overloaded(error.to_string()))
                }
                Err(error) => Err(SinkError::NotNow(error.to_string())),
            }
        })
    }

    fn names(&self) -> Box<dyn SeriesNames + '_> {
        Box::new(self.names())
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata> {
        let all = self.metadata().into_iter();
        all.filter(|(name, _)| metric.is_none_or(|metric| metric == name))
            .map(|(name, Metadata { kind, unit, help })| MetricMetadata {
                name,
                kind: MetricType::from_word(&kind),
                help,
                unit,
            })
            .collect()
    }

    fn figures(&self) -> StoreFigures {
        let status = self.status();
        StoreFigures {
            series: status.series as u64,
            chunks: status.blocks as u64,
            min_time: status.oldest.unwrap_or_default(),
            max_time: status.newest.unwrap_or_default(),
            damaged: status.damaged.len() as u64,
            bytes: status.block_bytes + status.wal_bytes,
            downsampled_bytes: status.downsampled_bytes,
            refused: status.refused.total(),
            failing: self.trouble().is_some(),
        }
    }
}

/// The store does not say of which kind those are that it refused: they are taken off the floats first.
fn counted(
    appended: &vigie_store::Appended,
    histograms: u64,
    refused: u64,
    why: Option<String>,
) -> Appended {
    let floats = appended.accepted as u64 + appended.refused() as u64 - histograms;
    let left = floats.saturating_sub(appended.refused() as u64);
    let reasons = [
        (appended.duplicates, "have another value at their time"),
        (appended.too_old, "are older than the out-of-order window"),
        (appended.too_new, "are too far in the future"),
        (appended.unknown, "are of series that were forgotten"),
    ];
    let told = reasons.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> =
        why.into_iter().chain(told.map(|(count, why)| format!("{count} {why}"))).collect();
    Appended {
        floats: left,
        histograms: appended.accepted as u64 - left,
        refused: refused + appended.refused() as u64,
        reason: (!told.is_empty()).then(|| told.join("; ")),
    }
}
