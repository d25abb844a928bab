//! Ending a query from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a query was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It took too long.
    Timeout,
    /// Nobody waits for its answer.
    Canceled,
}

/// Ends a running query: clones share one flag, which evaluation looks at often.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<AtomicU8>);

impl Control {
    /// Ends the query; the first reason counts.
    pub fn stop(&self, reason: StopReason) {
        let reason = match reason {
            StopReason::Timeout => 1,
            StopReason::Canceled => 2,
        };
        let _ = self.0.compare_exchange(0, reason, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether it was ended, and why.
    #[must_use]
    pub fn stopped(&self) -> Option<StopReason> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(StopReason::Timeout),
            _ => Some(StopReason::Canceled),
        }
    }
}
