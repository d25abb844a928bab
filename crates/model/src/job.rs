//! Jobs: what happened to one, and what is running now.

use crate::{Name, Time, WorkerId};

/// How an attempt at a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The handler returned.
    Succeeded,
    /// The handler erred, or its worker vanished. The job may run again.
    Failed,
}

impl Outcome {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One thing that happened to one job (or, for [`JobFact::Counted`], to several).
#[derive(Debug, Clone, PartialEq)]
pub struct JobEvent {
    /// When, on Vigie's clock.
    pub at: Time,
    /// The job's type; `None` when it is not known (and then no per-type figure counts it).
    pub job_type: Option<Name>,
    /// What happened.
    pub fact: JobFact,
}

/// What happened to a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JobFact {
    /// It was added to the queue.
    Enqueued,
    /// An attempt began; `wait` is the seconds since it was eligible to run, if known.
    Started {
        /// Seconds from eligible to started.
        wait: Option<f64>,
    },
    /// An attempt ended.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// Seconds from eligible to started, of this attempt.
        wait: Option<f64>,
        /// Seconds from started to finished.
        run: Option<f64>,
    },
    /// Totals moved by this much; nothing is known of the single jobs (their type, their durations).
    Counted {
        /// Jobs added.
        enqueued: u64,
        /// Attempts that succeeded.
        succeeded: u64,
        /// Attempts that failed.
        failed: u64,
    },
    /// An attempt that polling happened to see and that [`JobFact::Counted`] already counts: it adds to the
    /// figures of its type and to the durations, not to the totals of the queue.
    Seen {
        /// How it ended.
        outcome: Outcome,
        /// Seconds from eligible to started, if that was seen.
        wait: Option<f64>,
        /// Seconds from started to finished, if that was seen.
        run: Option<f64>,
    },
}

/// A job that is running now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveJob {
    /// The broker's id of the job.
    pub id: Name,
    /// Its type, if known.
    pub job_type: Option<Name>,
    /// When this attempt started, on Vigie's clock, if known.
    pub since: Option<Time>,
    /// The worker that runs it, where the broker tells.
    pub worker: Option<WorkerId>,
}

/// What a job waits for whose last attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedState {
    /// Nothing: it failed for good, and is kept to be looked at.
    Failed,
    /// Its next attempt.
    Retry,
}

impl FailedState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Retry => "retry",
        }
    }
}

/// A job whose last attempt failed, as its broker keeps it. What the broker does not tell is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedJob {
    /// The broker's id of the job.
    pub id: Name,
    /// Its type.
    pub job_type: Option<Name>,
    /// Whether it is tried again.
    pub state: FailedState,
    /// When its last attempt failed, on Vigie's clock.
    pub at: Option<Time>,
    /// How many attempts failed.
    pub attempt: Option<u32>,
    /// How many it is given.
    pub attempts: Option<u32>,
    /// What the handler said, shortened to [`FailedJob::ERROR_BYTES`].
    pub error: Option<String>,
    /// It is too long to be read; what could not be read is `None`.
    pub is_too_long: bool,
    /// Who ran the last attempt.
    pub worker: Option<Name>,
    /// Seconds from eligible to started, of the last attempt.
    pub wait: Option<f64>,
    /// Seconds from started to finished, of the last attempt.
    pub run: Option<f64>,
    /// The trace that it belongs to: 32 hexadecimal digits.
    pub trace: Option<String>,
}

/// Failed jobs of a queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailedList {
    /// The newest of them, newest first.
    pub jobs: Vec<FailedJob>,
    /// Jobs among which some may wait for another attempt, and that nobody looked at: there are too many.
    pub unseen: u64,
}

impl FailedJob {
    /// The longest error that is kept; a longer one ends in `…`.
    pub const ERROR_BYTES: usize = 2_000;

    /// One of which only this is known.
    #[must_use]
    pub fn new(id: Name, state: FailedState) -> Self {
        Self {
            id,
            job_type: None,
            state,
            at: None,
            attempt: None,
            attempts: None,
            error: None,
            is_too_long: false,
            worker: None,
            wait: None,
            run: None,
            trace: None,
        }
    }

    /// An error of any bytes and any length, as it is kept; `None` where nothing is said.
    #[must_use]
    pub fn error_text(raw: &[u8]) -> Option<String> {
        let head = &raw[..raw.len().min(Self::ERROR_BYTES)];
        let mut text = String::from_utf8_lossy(head).into_owned();
        if text.len() > Self::ERROR_BYTES || head.len() < raw.len() {
            text.truncate(text.floor_char_boundary(Self::ERROR_BYTES - '…'.len_utf8()));
            text.push('…');
        }
        (!text.trim().is_empty()).then_some(text)
    }

    /// The trace in a `traceparent` of W3C Trace Context: `00-<trace>-<span>-<flags>`.
    #[must_use]
    pub fn trace_of(traceparent: &str) -> Option<String> {
        let trace = traceparent.split('-').nth(1)?;
        let is_hex = trace.len() == 32 && trace.bytes().all(|digit| digit.is_ascii_hexdigit());
        let is_one = trace.bytes().any(|digit| digit != b'0');
        (is_hex && is_one).then(|| trace.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_any_bytes_and_length_are_kept_within_bounds() {
        assert_eq!(FailedJob::error_text(b"no such user").as_deref(), Some("no such user"));
        assert_eq!(FailedJob::error_text(b" \n"), None);
        for raw in [vec![b'x'; 5_000], vec![0xff; 5_000], "é".repeat(1_500).into_bytes()] {
            let text = FailedJob::error_text(&raw).unwrap();
            assert!(text.len() <= FailedJob::ERROR_BYTES && text.ends_with('…'), "{}", text.len());
        }
        let whole = "x".repeat(FailedJob::ERROR_BYTES);
        assert_eq!(FailedJob::error_text(whole.as_bytes()), Some(whole));
    }

    #[test]
    fn a_trace_is_one_or_none() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase());
        assert_eq!(FailedJob::trace_of(&parent).as_deref(), Some(trace));
        for wrong in ["", "00", "00-abc-def-01", "00-00000000000000000000000000000000-1-01"] {
            assert_eq!(FailedJob::trace_of(wrong), None, "{wrong}");
        }
    }
}
