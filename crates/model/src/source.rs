//! Sources: configured origins, and what a poll of one had to say.

use std::fmt;
use std::sync::Arc;

use crate::{Broker, Time};

/// The name that the configuration gives to a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(Arc<str>);

impl SourceName {
    /// From the configuration's text, already checked there.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What one poll of one source had to say of the source itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PollReport {
    /// The source.
    pub source: SourceName,
    /// When the poll ended, on Vigie's clock.
    pub at: Time,
    /// What it cost, or why it failed.
    pub outcome: Result<PollCost, SourceFault>,
    /// What is known of the server; kept from the last good poll when this one failed.
    pub server: Option<ServerFacts>,
    /// Queues found by broker; empty until the first good poll.
    pub found: Vec<(Broker, usize)>,
    /// What was looked for and what it would take to get what is missing.
    pub checks: Vec<Check>,
}

/// What a poll cost the monitored server and the network.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PollCost {
    /// Wall-clock seconds from first byte out to last byte in.
    pub seconds: f64,
    /// Times that the poll waited for an answer.
    pub round_trips: u32,
    /// Commands sent.
    pub commands: u32,
    /// Bytes of names and values read, without protocol overhead.
    pub bytes: u64,
    /// CPU seconds that the server spent on everything since the poll before (from `INFO cpu`), where readable.
    pub server_cpu_seconds: Option<f64>,
}

/// Why a poll failed, in words for the people on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFault {
    /// What went wrong, with the server's own words; never a secret.
    pub error: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl fmt::Display for SourceFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.error)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What a server that is watched says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// What it is: `redis`, `haproxy`, `nginx`, …
    pub product: &'static str,
    /// For example `7.0.15`.
    pub version: String,
    /// Of a Redis: `standalone`, `sentinel` or `cluster`.
    pub mode: Option<String>,
}

/// One line of the first-run checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which thing was checked: `connect`, `acl`, `asynq`, `bull`, `bullmq`, `events`, `workers`, `instances`, …
    pub id: &'static str,
    /// How it went.
    pub state: CheckState,
    /// What was found, for people.
    pub detail: String,
    /// The one line that mends it.
    pub fix: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It is there and works.
    Ok,
    /// It is not there; that may be as it should be.
    Missing,
    /// It is there and does not work as it should.
    Warning,
    /// It could not be found out.
    Unknown,
}

impl CheckState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
        }
    }
}
