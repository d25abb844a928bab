//! What a destination's figures are, and what can go wrong at its start.

use std::path::PathBuf;

/// A destination's figures since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForwardStatus {
    /// Whether it took what was last sent; none before the first request.
    pub up: Option<bool>,
    /// Why it did not, or why nothing can be read; none when all is well.
    pub error: Option<String>,
    /// Entries that it has taken.
    pub sent: u64,
    /// Entries that it had already, from a request of which nobody knew what had become of it.
    pub repeated: u64,
    /// Entries that it refused for good: they are in the dead letters.
    pub refused: u64,
    /// Why it refused the last of those.
    pub refused_reason: Option<String>,
    /// Entries that were gone from the log store before they were sent: retention or damage took them.
    pub lost: u64,
    /// Entries below the level.
    pub skipped: u64,
    /// Requests that had to be sent again, in whole or in part.
    pub retries: u64,
    /// Entries that wait in the log store.
    pub pending: u64,
    /// For how long the oldest of them has waited, about; none when nothing waits.
    pub oldest_pending_seconds: Option<f64>,
}

/// Why a destination cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// How far it is cannot be kept, so that after a kill entries could be left out.
    #[error("how far {name} is cannot be kept: {why}; see data_dir")]
    Position {
        /// The destination.
        name: String,
        /// Why.
        why: String,
    },
}

/// How a destination is served.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// Where its dead letters are.
    pub dir: PathBuf,
    /// A request takes no longer.
    pub timeout: std::time::Duration,
    /// The pause after the first failure; each further one is twice as long.
    pub first_pause: std::time::Duration,
    /// No pause is longer, but where the destination asks for it.
    pub longest_pause: std::time::Duration,
    /// When nothing waits, how often is looked; and a request that is not full waits that long for more.
    pub linger: std::time::Duration,
    /// Entries that are read at once.
    pub read_entries: usize,
    /// Bytes of them, about.
    pub read_bytes: usize,
}

impl ForwardOptions {
    /// The usual values.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            timeout: std::time::Duration::from_secs(30),
            first_pause: std::time::Duration::from_millis(200),
            longest_pause: std::time::Duration::from_secs(30),
            linger: std::time::Duration::from_millis(250),
            read_entries: 8_192,
            read_bytes: 8 << 20,
        }
    }
}
