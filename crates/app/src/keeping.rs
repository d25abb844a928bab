//! What is kept on disk: opens the store, looks after it, and lets the server write to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_model::catalogue::{self, MetricKind};
use vigie_server::{
    Appended, Batch, BatchValue, MetricMetadata, MetricSink, MetricType, Now, SinkError,
    StoreFigures,
};
use vigie_store::{AppendError, Metadata, Sample, Store, StoreOptions, Value};

use crate::config::Config;
use crate::exit::Failure;

const DAY_MS: i64 = 86_400_000;

/// Where metrics are, within the data folder.
pub(crate) fn metrics_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("metrics")
}

/// Opens the store, and says what had to be mended.
///
/// # Errors
/// When the folder cannot be used: another Vigie has it, it may not be written, or a newer version made it.
pub(crate) fn open(config: &Config, now: i64) -> Result<Store, Failure> {
    let folder = metrics_dir(&config.data_dir);
    let metrics = config.metrics;
    let options = StoreOptions {
        retention_ms: i64::from(metrics.retention_days) * DAY_MS,
        retention_bytes: metrics.retention_bytes,
        max_series: metrics.max_series,
        out_of_order_ms: i64::from(metrics.out_of_order_seconds) * 1_000,
        ..StoreOptions::new(folder.clone())
    };
    let (store, recovery) = Store::open(options, now).map_err(|error| {
        Failure::failed(format!("{error} (data_dir is {})", config.data_dir.display()))
    })?;
    tracing::info!(
        folder = %folder.display(), series = recovery.series, blocks = recovery.blocks,
        replayed = recovery.replayed, torn_bytes = recovery.torn_bytes, "the store is open"
    );
    for metric in catalogue::ALL {
        let kind = match metric.kind {
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Histogram => MetricType::Histogram,
            MetricKind::Info => MetricType::Info,
        };
        let (unit, help) = (metric.unit.to_owned(), metric.help.to_owned());
        store.metadata_set(metric.name, Metadata { kind: kind.as_str().to_owned(), unit, help });
    }
    Ok(store)
}

/// Seals, merges and forgets, once a second, until `stop`.
pub(crate) async fn maintain(store: Store, now: Now, stop: CancellationToken) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = second.tick() => {}
        }
        let (store, now) = (store.clone(), now().millis());
        // The disk may be slow: nobody else waits for it.
        match tokio::task::spawn_blocking(move || store.maintain(now)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the store could not be looked after"),
            Err(error) => tracing::error!(%error, "looking after the store failed"),
        }
    }
}

/// Writes to the store what the server received.
pub(crate) struct StoreSink(pub(crate) Store);

impl MetricSink for StoreSink {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>> {
        let (floats, histograms, mut appended) = self.resolved(batch);
        let store = self.0.clone();
        Box::pin(async move {
            // Apart, so that the answer can say how many of each are durable.
            let (floats, histograms) =
                futures_util::join!(kept(&store, floats), kept(&store, histograms));
            (appended.floats, appended.histograms) = (0, 0);
            for (count, outcome) in
                [(&mut appended.floats, floats?), (&mut appended.histograms, histograms?)]
            {
                *count = outcome.accepted as u64;
                appended.refused += outcome.refused() as u64;
                if let (None, Some(reason)) = (&appended.reason, reason(&outcome)) {
                    appended.reason = Some(reason);
                }
            }
            Ok(appended)
        })
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata> {
        let all = self.0.metadata();
        let wanted = all.into_iter().filter(|(name, _)| metric.is_none_or(|one| one == name));
        wanted
            .map(|(name, Metadata { kind, unit, help })| MetricMetadata {
                name,
                kind: MetricType::from_word(&kind),
                help,
                unit,
            })
            .collect()
    }

    fn figures(&self) -> StoreFigures {
        let status = self.0.status();
        StoreFigures {
            series: status.series as u64,
            chunks: status.blocks as u64,
            min_time: status.oldest.unwrap_or(0),
            max_time: status.newest.unwrap_or(0),
        }
    }
}

impl StoreSink {
    /// Finds or makes the series of a batch; what has none is refused.
    fn resolved(&self, batch: Batch) -> (Vec<Sample>, Vec<Sample>, Appended) {
        let mut appended = Appended::default();
        for MetricMetadata { name, kind, help, unit } in batch.metadata {
            let kind = kind.as_str().to_owned();
            self.0.metadata_set(&name, Metadata { kind, unit, help });
        }
        let series: Vec<_> = batch.series.iter().map(|labels| self.0.series(labels)).collect();
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        for sample in batch.samples {
            let time = sample.time;
            match (&series[sample.series as usize], sample.value) {
                (Ok(series), BatchValue::Float(value)) => {
                    floats.push(Sample { series: *series, time, value: Value::Float(value) });
                }
                (Ok(series), BatchValue::Histogram(value)) => {
                    let value = Value::Histogram(value);
                    histograms.push(Sample { series: *series, time, value });
                }
                (Err(error), _) => {
                    appended.refused += 1;
                    appended.reason.get_or_insert_with(|| error.to_string());
                }
            }
        }
        (floats, histograms, appended)
    }
}

/// Appends, and waits until that is durable.
async fn kept(store: &Store, samples: Vec<Sample>) -> Result<vigie_store::Appended, SinkError> {
    if samples.is_empty() {
        return Ok(vigie_store::Appended::default());
    }
    let (told, outcome) = oneshot::channel();
    store.append(samples, move |outcome| {
        // Nobody waits any more when the client has left.
        let _ = told.send(outcome);
    });
    match outcome.await.unwrap_or(Err(AppendError::Closed)) {
        Ok(appended) => Ok(appended),
        Err(error @ AppendError::Backlog { .. }) => Err(SinkError::Overloaded(error.to_string())),
        Err(error) => Err(SinkError::NotNow(error.to_string())),
    }
}

/// Why some were refused, in the words that Prometheus's users know.
fn reason(appended: &vigie_store::Appended) -> Option<String> {
    let reasons = [
        (appended.duplicates, "duplicate sample for timestamp: another value is there already"),
        (
            appended.too_old,
            "too old sample: older than metrics.out_of_order_seconds or the retention",
        ),
        (appended.too_new, "sample is too far in the future: check the sender's clock"),
        (appended.unknown, "the series was forgotten meanwhile: send it again"),
    ];
    reasons.into_iter().find(|(count, _)| *count > 0).map(|(_, why)| why.to_owned())
}
