//! How a store of log entries is set up, what it says of itself, and what can go wrong with an append.

use std::path::PathBuf;
use std::sync::Arc;

use vigie_model::Level;

use crate::disk::Disk;
use crate::error::AppendError;
use crate::status::Damage;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// How a store of log entries is set up. [`LogOptions::new`] has sensible values; durations are milliseconds.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The folder; made if it is not there. Nothing else may be in it.
    pub dir: PathBuf,
    /// How old entries get: 14 days.
    pub retention_ms: i64,
    /// How many bytes blocks and log take; the oldest blocks go first. None: no limit.
    pub retention_bytes: Option<u64>,
    /// How much newer than now an entry may be: 1 day.
    pub future_ms: i64,
    /// How long entries stay in memory before a block is written: 30 min.
    pub head_span_ms: i64,
    /// How many entries stay in memory before a block is written.
    pub head_rows: usize,
    /// How many bytes of them.
    pub head_bytes: usize,
    /// Blocks are merged until they are this large, in bytes: 128 MiB.
    pub block_bytes: u64,
    /// How much may wait in memory for a disk that does not work, in bytes of the log.
    pub backlog_bytes: usize,
    /// The disk.
    pub disk: Disk,
}

impl LogOptions {
    /// The usual values, for a store in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            retention_ms: 14 * DAY,
            retention_bytes: None,
            future_ms: DAY,
            head_span_ms: 30 * MINUTE,
            head_rows: super::part::MOST_ROWS,
            head_bytes: super::part::MOST_TEXT,
            block_bytes: 128 << 20,
            backlog_bytes: 64 << 20,
            disk: Disk::default(),
        }
    }
}

/// How far a reader of a foreign log has come, in its own notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which reader: at most 512 bytes.
    pub reader: String,
    /// How far: at most 64 KiB.
    pub bytes: Vec<u8>,
}

/// What became of an append.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogAppended {
    /// Entries that were taken.
    pub accepted: usize,
    /// Those that were not, in the order in which they were given.
    pub refused: Vec<LogRefused>,
}

/// An entry that was not taken, and never will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRefused {
    /// Which of those that were given, from 0.
    pub index: usize,
    /// Its source.
    pub source: Arc<str>,
    /// Its level.
    pub level: Level,
    /// Its type.
    pub kind: Arc<str>,
    /// Why.
    pub why: LogRefusal,
}

/// Why an entry is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum LogRefusal {
    /// It is older than the retention.
    #[error("its time is before what is kept (logs.retention_days)")]
    TooOld,
    /// It is from too far in the future.
    #[error("its time is more than a day in the future")]
    TooNew,
    /// Its texts are longer than [`super::LONGEST_ENTRY`].
    #[error("it has more than {} bytes of text", super::LONGEST_ENTRY)]
    TooLong,
}

impl LogRefusal {
    /// As the metric of dropped entries names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::TooLong => "too_long",
        }
    }
}

/// Why nothing of an append was taken, or is not on the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogAppendError {
    /// The disk did not take it. It is in memory, is found by searches, and is written when the disk works: not to be
    /// appended again.
    #[error(
        "the log entries could not be written to the disk ({reason}): they are kept in memory and written when it works again"
    )]
    NotWritten {
        /// What the disk said.
        reason: String,
        /// What was taken, and what will never be.
        appended: LogAppended,
    },
    /// So much waits for the disk that nothing more is taken.
    #[error("the log entries are refused: too much already waits for the disk ({0})")]
    Backlog(String),
    /// More than one append may have.
    #[error(
        "the log entries are refused: they have {found} bytes, one append may have {limit}; send fewer at a time"
    )]
    TooLarge {
        /// Bytes.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A reader's name or position is too long, or there are too many readers.
    #[error("the position is refused: {0}")]
    Position(&'static str),
    /// The store is closed.
    #[error("the log store is closed")]
    Closed,
}

impl LogAppendError {
    /// From what the log said of an append of which this was taken.
    pub(super) fn of(error: AppendError, appended: LogAppended) -> Self {
        match error {
            AppendError::NotWritten(reason) => Self::NotWritten { reason, appended },
            AppendError::Backlog { reason, .. } => Self::Backlog(reason),
            AppendError::Closed => Self::Closed,
            other => Self::NotWritten { reason: other.to_string(), appended },
        }
    }
}

impl From<AppendError> for LogAppendError {
    fn from(error: AppendError) -> Self {
        Self::of(error, LogAppended::default())
    }
}

/// What was found at a start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRecovery {
    /// Blocks that are served.
    pub blocks: usize,
    /// Entries in them.
    pub entries: u64,
    /// Entries that were read from the log.
    pub replayed: u64,
    /// Bytes of writes that were cut off; they were never acknowledged.
    pub torn_bytes: u64,
    /// What is damaged; whole blocks are set aside as `*.damaged`.
    pub damaged: Vec<Damage>,
}

/// A log store's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Entries that are not in a block yet.
    pub head_entries: u64,
    /// Memory of those, in bytes.
    pub head_bytes: usize,
    /// Entries in blocks.
    pub block_entries: u64,
    /// Bytes of all blocks.
    pub block_bytes: u64,
    /// How many blocks.
    pub blocks: usize,
    /// Bytes of the log on the disk.
    pub wal_bytes: u64,
    /// Bytes that wait for a disk that does not work.
    pub waiting_bytes: usize,
    /// Why the last write to the log failed; none when the last one did not.
    pub write_error: Option<String>,
    /// Why the last maintenance failed; none when it did not.
    pub maintenance_error: Option<String>,
    /// Entries accepted since the start.
    pub appended: u64,
    /// Entries refused since the start.
    pub refused: u64,
    /// Time of the oldest entry, nanoseconds.
    pub oldest: Option<i64>,
    /// Time of the newest.
    pub newest: Option<i64>,
    /// What is or was damaged.
    pub damaged: Vec<Damage>,
}

/// What one call of [`super::LogStore::maintain`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogMaintenance {
    /// Blocks that came from the head.
    pub sealed: usize,
    /// Blocks that came from other blocks.
    pub merged: usize,
    /// Blocks that were removed for their age or for the size of all.
    pub expired: usize,
    /// There is more to do: the next call need not wait.
    pub more: bool,
}
