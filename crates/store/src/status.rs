//! What a store says of itself.

use std::time::Duration;

/// Something on the disk that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, within the store's folder.
    pub file: String,
    /// What is wrong, and what was done.
    pub what: String,
}

/// What was found at a start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// Series that are known.
    pub series: usize,
    /// Blocks that are served.
    pub blocks: usize,
    /// Samples that were read from the log.
    pub replayed: u64,
    /// Log segments that were read.
    pub segments: usize,
    /// Bytes of writes that were cut off; they were never acknowledged.
    pub torn_bytes: u64,
    /// What is damaged; whole blocks are set aside as `*.damaged`.
    pub damaged: Vec<Damage>,
    /// Series that blocks or the log have samples of, but whose labels are lost with a damaged registry record.
    pub lost_series: u64,
}

/// How many were refused, by reason, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Samples at whose time there is another value.
    pub duplicates: u64,
    /// Samples older than the window or the retention.
    pub too_old: u64,
    /// Samples too far in the future.
    pub too_new: u64,
    /// Samples of series that are not known.
    pub unknown: u64,
    /// Samples that came while too much waited for the disk.
    pub backlog: u64,
    /// Series beyond the limit on series.
    pub series_limit: u64,
    /// Series with too many or too long labels, or none.
    pub label_limit: u64,
}

impl Refusals {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let samples = self.duplicates + self.too_old + self.too_new + self.unknown + self.backlog;
        samples + self.series_limit + self.label_limit
    }
}

/// A store's figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreStatus {
    /// Series that are known.
    pub series: usize,
    /// Samples that are not in a block yet.
    pub head_samples: u64,
    /// Memory of those, in bytes.
    pub head_bytes: usize,
    /// Bytes of the log on the disk.
    pub wal_bytes: u64,
    /// Bytes that wait for a disk that does not work.
    pub waiting_bytes: usize,
    /// Bytes of all blocks.
    pub block_bytes: u64,
    /// Of those, bytes of blocks of five-minute and hourly values.
    pub downsampled_bytes: u64,
    /// How many blocks.
    pub blocks: usize,
    /// Samples in blocks, downsampled ones included.
    pub block_samples: u64,
    /// The earliest time of a sample; milliseconds since the Unix epoch.
    pub oldest: Option<i64>,
    /// The latest.
    pub newest: Option<i64>,
    /// Samples accepted since the start.
    pub appended: u64,
    /// Of those, out of order.
    pub out_of_order: u64,
    /// What was refused.
    pub refused: Refusals,
    /// What is or was damaged.
    pub damaged: Vec<Damage>,
    /// Why the last write to the log failed; none when the last one did not.
    pub write_error: Option<String>,
    /// Why the last maintenance failed; none when it did not.
    pub maintenance_error: Option<String>,
    /// How often the log was synced.
    pub syncs: u64,
    /// How long that took, in all.
    pub sync_time: Duration,
    /// How long it took the last time.
    pub last_sync: Duration,
}

/// What one call of [`crate::Store::maintain`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Blocks that came from the head.
    pub sealed: usize,
    /// Blocks that came from other blocks.
    pub merged: usize,
    /// Blocks of lower resolution that were made.
    pub downsampled: usize,
    /// Blocks that were removed for their age or for the size of all.
    pub expired: usize,
    /// Series that were forgotten.
    pub forgotten: usize,
    /// There is more to do: the next call need not wait.
    pub more: bool,
}
