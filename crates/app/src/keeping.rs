//! What is kept on disk: opens the store, and looks after it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_model::catalogue::{self, MetricKind};
use vigie_server::{Logs, MetricType, Now};
use vigie_store::logs::{LogOptions, LogStore};
use vigie_store::{Metadata, OpenError, Store, StoreError, StoreOptions};

use crate::config::Config;
use crate::exit::Failure;

const DAY_MS: i64 = 86_400_000;

/// Where metrics are, within the data folder.
pub(crate) fn metrics_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("metrics")
}

/// Where log entries are, within the data folder.
pub(crate) fn logs_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

/// Opens the store, and says what had to be mended. Where the disk fails, there is none, loudly: a lookout that cannot
/// remember still looks.
///
/// # Errors
/// When another Vigie has the folder, a newer version made it, or it is not a store's.
pub(crate) fn open(config: &Config, now: i64) -> Result<Option<Store>, Failure> {
    let folder = metrics_dir(&config.data_dir);
    let metrics = &config.metrics;
    let options = StoreOptions {
        retention_ms: i64::from(metrics.retention_days) * DAY_MS,
        retention_bytes: metrics.retention_bytes,
        max_series: metrics.max_series,
        out_of_order_ms: i64::from(metrics.out_of_order_seconds) * 1_000,
        ..StoreOptions::new(folder.clone())
    };
    let (store, recovery) = match Store::open(options, now) {
        Ok(opened) => opened,
        Err(error @ OpenError::Disk { .. }) => {
            tracing::error!(%error, "no history is kept until Vigie is started with a data_dir that works");
            return Ok(None);
        }
        Err(error) => {
            let data_dir = config.data_dir.display();
            return Err(Failure::failed(format!("{error} (data_dir is {data_dir})")));
        }
    };
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
    Ok(Some(store))
}

/// Opens the store of log entries, in the same way.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_logs(config: &Config, now: i64) -> Result<Option<Logs>, Failure> {
    let folder = logs_dir(&config.data_dir);
    let options = LogOptions {
        retention_ms: i64::from(config.logs.retention_days) * DAY_MS,
        retention_bytes: config.logs.retention_bytes,
        ..LogOptions::new(folder.clone())
    };
    let (store, recovery) = match LogStore::open(options, now) {
        Ok(opened) => opened,
        Err(error @ OpenError::Disk { .. }) => {
            tracing::error!(%error, "no log entries are kept until Vigie is started with a data_dir that works");
            return Ok(None);
        }
        Err(error) => {
            let data_dir = config.data_dir.display();
            return Err(Failure::failed(format!("{error} (data_dir is {data_dir})")));
        }
    };
    tracing::info!(
        folder = %folder.display(), blocks = recovery.blocks, entries = recovery.entries,
        replayed = recovery.replayed, torn_bytes = recovery.torn_bytes, "the log store is open"
    );
    let logs = Logs::new(store, &config.logs.rules);
    logs.map(Some).map_err(|error| Failure::failed(format!("logs.redact_patterns: {error}")))
}

/// Seals, merges and forgets, once a second, until `stop`. `look_after` does a part of that at a time in milliseconds and
/// says whether there is more to do; `what` is the store's name in a log line.
pub(crate) async fn maintain(
    what: &'static str,
    look_after: impl Fn(i64) -> Result<bool, StoreError> + Clone + Send + 'static,
    now: Now,
    stop: CancellationToken,
) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = second.tick() => {}
        }
        let mut more = true;
        while more && !stop.is_cancelled() {
            let (look_after, now) = (look_after.clone(), now().millis());
            // The disk may be slow: nobody else waits for it.
            more = match tokio::task::spawn_blocking(move || look_after(now)).await {
                Ok(Ok(more)) => more,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the {what} could not be looked after");
                    false
                }
                Err(error) => {
                    tracing::error!(%error, "looking after the {what} failed");
                    false
                }
            };
        }
    }
}
