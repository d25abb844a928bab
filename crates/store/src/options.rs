//! How a store is set up.

use std::path::PathBuf;

use crate::disk::Disk;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How a store is set up. [`StoreOptions::new`] has sensible values; all durations are milliseconds.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The folder; made if it is not there. Nothing else may be in it.
    pub dir: PathBuf,
    /// How long samples stay in the head before a block is written: 30 min.
    pub head_span_ms: i64,
    /// How many samples the head holds at most before blocks are written, however short the time: 20 million. A day that
    /// is pushed in a minute does not fill the memory; with few series it is less, an hour or so of each.
    pub head_samples: u64,
    /// How old samples get: 30 days.
    pub retention_ms: i64,
    /// How old samples get at full resolution; none: as old as all others. Older ones are answered from lower ones.
    pub raw_retention_ms: Option<i64>,
    /// How many bytes blocks and log take; the oldest blocks go first. None: no limit.
    pub retention_bytes: Option<u64>,
    /// How old a day gets before it is also kept at 5 min and 1 h: 2 h, when its blocks have become one. None: never.
    pub downsample_after_ms: Option<i64>,
    /// Queries over more than this, with large steps, are answered from lower resolutions: 7 days.
    pub long_range_ms: i64,
    /// How many series there may be.
    pub max_series: usize,
    /// How many labels a series may have, its name included.
    pub max_labels: usize,
    /// How long a label's name may be, in bytes.
    pub max_label_name: usize,
    /// How long a label's value may be, in bytes.
    pub max_label_value: usize,
    /// How much older than its series' newest a sample may be: 1 h.
    pub out_of_order_ms: i64,
    /// How much newer than now a sample may be: 10 min.
    pub future_ms: i64,
    /// How much may wait in memory for a disk that does not work, in bytes of the log.
    pub backlog_bytes: usize,
    /// How many samples one call of [`crate::Store::maintain`] works through.
    pub maintenance_samples: u64,
    /// The disk, for tests that need it to fail.
    pub disk: Disk,
}

impl StoreOptions {
    /// The usual setup, in this folder.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            head_span_ms: 30 * MINUTE,
            head_samples: 20_000_000,
            retention_ms: 30 * DAY,
            raw_retention_ms: None,
            retention_bytes: None,
            downsample_after_ms: Some(2 * HOUR),
            long_range_ms: 7 * DAY,
            max_series: 1_000_000,
            max_labels: 64,
            max_label_name: 256,
            max_label_value: 4096,
            out_of_order_ms: HOUR,
            future_ms: 10 * MINUTE,
            backlog_bytes: 64 << 20,
            maintenance_samples: 1_000_000,
            disk: Disk::default(),
        }
    }

    /// How old samples at full resolution get.
    pub(crate) fn raw_retention(&self) -> i64 {
        self.raw_retention_ms.unwrap_or(self.retention_ms).min(self.retention_ms)
    }
}
