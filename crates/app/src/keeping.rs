//! What is kept on disk: opens the store, and looks after it.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_board::{Board, Keeping};
use vigie_model::Time;
use vigie_model::catalogue::{self, MetricKind};
use vigie_server::{Logs, MetricType, Now, SharedBoard};
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

/// Opens the store, and says what had to be mended. Where the disk fails, there is none, loudly, and the board knows why: a
/// lookout that cannot remember still looks.
///
/// # Errors
/// When another Vigie has the folder, a newer version made it, or it is not a store's.
pub(crate) fn open(
    config: &Config,
    board: &mut Board,
    now: Time,
) -> Result<Option<Store>, Failure> {
    let folder = metrics_dir(&config.data_dir);
    let metrics = &config.metrics;
    let options = StoreOptions {
        retention_ms: i64::from(metrics.retention_days) * DAY_MS,
        retention_bytes: metrics.retention_bytes,
        max_series: metrics.max_series,
        out_of_order_ms: i64::from(metrics.out_of_order_seconds) * 1_000,
        ..StoreOptions::new(folder.clone())
    };
    let opened = Store::open(options, now.millis());
    let Some((store, recovery)) = opened_or_told(opened, Keeping::Metrics, config, board, now)?
    else {
        return Ok(None);
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
pub(crate) fn open_logs(
    config: &Config,
    board: &mut Board,
    now: Time,
) -> Result<Option<Logs>, Failure> {
    let folder = logs_dir(&config.data_dir);
    let options = LogOptions {
        retention_ms: i64::from(config.logs.retention_days) * DAY_MS,
        retention_bytes: config.logs.retention_bytes,
        ..LogOptions::new(folder.clone())
    };
    let opened = LogStore::open(options, now.millis());
    let Some((store, recovery)) = opened_or_told(opened, Keeping::Logs, config, board, now)? else {
        return Ok(None);
    };
    tracing::info!(
        folder = %folder.display(), blocks = recovery.blocks, entries = recovery.entries,
        replayed = recovery.replayed, torn_bytes = recovery.torn_bytes, "the log store is open"
    );
    let logs = Logs::new(store, &config.logs.rules);
    logs.map(Some).map_err(|error| Failure::failed(format!("logs.redact_patterns: {error}")))
}

/// What was opened; none, and told, where the disk does not work.
fn opened_or_told<T>(
    opened: Result<T, OpenError>,
    what: Keeping,
    config: &Config,
    board: &mut Board,
    now: Time,
) -> Result<Option<T>, Failure> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(error @ OpenError::Disk { .. }) => {
            let nothing = what.as_str();
            tracing::error!(%error, "no {nothing} are kept until Vigie is started with a data_dir that works");
            board.keeps(what, Some(error.to_string()), now);
            Ok(None)
        }
        Err(error) => {
            let data_dir = config.data_dir.display();
            Err(Failure::failed(format!("{error} (data_dir is {data_dir})")))
        }
    }
}

/// Makes a folder that nobody else of this machine may look into: log lines are in it. One that is there stays as it is.
///
/// # Errors
/// What the disk says.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// That others of this machine may look into the data folder, and how to change it; none where they may not, and where none is.
pub(crate) fn open_to_others(data_dir: &Path) -> Option<(String, String)> {
    let mode = std::fs::metadata(data_dir).ok()?.permissions().mode() & 0o777;
    let folder = data_dir.display();
    (mode & 0o077 != 0).then(|| {
        let what = format!(
            "others of this machine may look into {folder} (its mode is {mode:o}), and there are log lines in it"
        );
        (what, format!("chmod 700 {folder}"))
    })
}

/// Bytes that are written to see whether there is room.
const TRIED_BYTES: usize = 1 << 20;

/// Writes a file of a megabyte into the data folder and takes it away again, with the folders that it had to make.
///
/// # Errors
/// What the disk says, and of which place.
pub(crate) fn try_folder(data_dir: &Path) -> Result<(), String> {
    let missing: Vec<&Path> = data_dir.ancestors().take_while(|path| !path.exists()).collect();
    let tried = private_folder(data_dir).and_then(|()| {
        let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
        file.write_all(&vec![0; TRIED_BYTES])?;
        file.as_file().sync_all()
    });
    for made in missing {
        // One that was not made, or that another Vigie uses meanwhile, stays.
        drop(std::fs::remove_dir(made));
    }
    tried.map_err(|error| format!("{}: {}", data_dir.display(), vigie_model::io_words(&error)))
}

/// How a store is looked after.
pub(crate) struct Care<S> {
    /// What is in it.
    what: Keeping,
    /// Does a part of what there is to do at a time in milliseconds; whether there is more.
    look_after: fn(&S, i64) -> Result<bool, StoreError>,
    /// Why what it is given may not be found on the disk later.
    trouble: fn(&S) -> Option<String>,
}

/// How the store of metrics is.
pub(crate) const METRICS: Care<Store> = Care {
    what: Keeping::Metrics,
    look_after: |store, now| store.maintain(now).map(|done| done.more),
    trouble: Store::trouble,
};

/// How the store of log entries is.
pub(crate) const LOGS: Care<LogStore> = Care {
    what: Keeping::Logs,
    look_after: |store, now| store.maintain(now).map(|done| done.more),
    trouble: LogStore::trouble,
};

/// Seals, merges and forgets, once a second, until `stop`, and tells the board whether the disk takes it.
pub(crate) async fn maintain<S: Clone + Send + 'static>(
    store: S,
    care: Care<S>,
    board: SharedBoard,
    now: Now,
    stop: CancellationToken,
) {
    let Care { look_after, trouble, .. } = care;
    let what = care.what.as_str();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = second.tick() => {}
        }
        let mut more = true;
        while more && !stop.is_cancelled() {
            let (store, now) = (store.clone(), now().millis());
            // The disk may be slow: nobody else waits for it.
            more = match tokio::task::spawn_blocking(move || look_after(&store, now)).await {
                // What failed, the store says as its trouble.
                Ok(done) => done.unwrap_or(false),
                Err(error) => {
                    tracing::error!(%error, "looking after the store of {what} failed");
                    false
                }
            };
        }
        let why = trouble(&store);
        if board.read().why_not_kept(care.what).map(|known| &known.why) != why.as_ref() {
            match &why {
                Some(error) => tracing::error!(error, "{what} may not be kept"),
                None => tracing::info!("{what} are kept again"),
            }
            board.write().keeps(care.what, why, now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use vigie_model::{Labels, Limits, LogEntry};
    use vigie_store::disk::{Disk, Fault};
    use vigie_store::{Sample, Value};

    use super::*;

    const NOW: Time = Time::from_seconds(1_795_442_619);

    async fn until(board: &SharedBoard, what: Keeping, failing: bool) -> Option<String> {
        let begun = Instant::now();
        loop {
            let why = board.read().why_not_kept(what).map(|known| known.why.clone());
            if why.is_some() == failing {
                return why;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{what:?}: {why:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Fills the disk under a store that `write` writes to, and waits until the board says so, and until it does not.
    async fn fills_and_empties<S: Clone + Send + 'static>(
        store: S,
        care: Care<S>,
        disk: Disk,
        write: impl Fn(&S, i64) -> bool,
    ) {
        let board = SharedBoard::new(Board::new(Vec::new(), Limits::default(), NOW));
        let stop = CancellationToken::new();
        let (what, now) = (care.what, Arc::new(|| NOW));
        let kept = tokio::spawn(maintain(store.clone(), care, board.clone(), now, stop.clone()));
        assert!(write(&store, NOW.millis()));
        disk.set(Fault::Full);
        assert!(!write(&store, NOW.millis() + 1));
        let why = until(&board, what, true).await.unwrap();
        assert!(why.contains("no space is left"), "{why}");
        disk.set(Fault::None);
        until(&board, what, false).await;
        stop.cancel();
        kept.await.unwrap();
    }

    #[tokio::test]
    async fn a_disk_that_fills_is_on_the_board_until_there_is_room_again() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let options =
            StoreOptions { disk: disk.clone(), ..StoreOptions::new(dir.path().join("metrics")) };
        let (store, _) = Store::open(options, NOW.millis()).unwrap();
        fills_and_empties(store, METRICS, disk, |store, time| {
            let series = store.series(&Labels::from_pairs([("__name__", "up")])).unwrap();
            let sample = Sample { series, time, value: Value::Float(1.0) };
            store.append_wait(vec![sample]).is_ok()
        })
        .await;
        let disk = Disk::default();
        let options = LogOptions { disk: disk.clone(), ..LogOptions::new(dir.path().join("logs")) };
        let (store, _) = LogStore::open(options, NOW.millis()).unwrap();
        fills_and_empties(store, LOGS, disk, |store, time| {
            let entry = LogEntry::blank("api", Time::from_millis(time));
            store.append_wait(vec![entry], None).is_ok()
        })
        .await;
    }

    #[test]
    fn a_folder_that_others_may_look_into_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        assert_eq!(open_to_others(&folder), None, "there is none");
        private_folder(&folder).unwrap();
        assert_eq!(open_to_others(&folder), None);
        for mode in [0o755, 0o750, 0o701] {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
            private_folder(&folder).unwrap();
            let (what, fix) = open_to_others(&folder).unwrap();
            assert!(what.contains(&format!("mode is {mode:o}")), "{what}");
            assert_eq!(fix, format!("chmod 700 {}", folder.display()));
        }
    }

    #[test]
    fn whether_a_folder_takes_what_is_kept_is_tried_without_leaving_anything() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("a/b");
        assert_eq!(try_folder(&data_dir), Ok(()));
        assert!(!dir.path().join("a").exists(), "what was made to try is gone");
        std::fs::create_dir_all(data_dir.join("logs")).unwrap();
        assert_eq!(try_folder(&data_dir), Ok(()));
        assert_eq!(std::fs::read_dir(&data_dir).unwrap().count(), 1);
        std::fs::write(dir.path().join("file"), "").unwrap();
        let why = try_folder(&dir.path().join("file")).unwrap_err();
        assert!(why.contains("file: ") && why.contains("exists"), "{why}");
    }
}
