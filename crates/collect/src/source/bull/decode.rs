//! What Bull publishes: channel and payload in, a transition or a precise error out.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use vigie_model::{Outcome, Time};

use crate::source::n8n::FailedRun;

/// A published transition of the queue whose keys begin with `base`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard<'a> {
    pub base: &'a [u8],
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A job is eligible: it was added, its delay is over, or somebody retries it by hand.
    Waiting(Vec<u8>),
    /// A worker took a job.
    Active {
        id: Vec<u8>,
        /// Tells workers apart.
        worker: u64,
    },
    /// A job ended well.
    Completed(Vec<u8>),
    /// A job failed for good.
    Failed(Vec<u8>),
    /// Some job is to run later: one that was added so, one that failed and will be retried, one over a rate
    /// limit, or just the next of those that were announced before.
    Delayed(Due),
    /// The worker of a job has vanished; the job waits again.
    Stalled(Vec<u8>),
    /// The queue was paused or goes on.
    PausedOrResumed,
    /// A worker looked for a job and found none.
    Drained,
    /// n8n says how an execution ended; its job ends well all the same.
    Verdict { id: Vec<u8>, outcome: Outcome, failed: Option<Box<FailedRun>> },
    /// Progress that is of no interest.
    Progress,
}

/// A due time as Bull keeps it: milliseconds · 4096 + the low 12 bits of a number, divided by 4096. A retry has
/// the low bits of its job's id there, a job when it is added none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub millis: i64,
    pub rest: u16,
}

impl Due {
    /// As a time.
    pub fn time(self) -> Time {
        Time::from_millis(self.millis)
    }

    /// Whether a retry of the job `id` would be announced with this rest.
    pub fn may_be_of(self, id: &[u8]) -> bool {
        self.rest == low_bits(id)
    }
}

/// The low 12 bits of an id as JavaScript's `id & 0xfff` has them: 0 for what is no number. Ids that Bull makes
/// itself are decimal; others that JavaScript would take for a number (`1e3`, ` 7`) only lose their match.
fn low_bits(id: &[u8]) -> u16 {
    let number = std::str::from_utf8(id).ok().and_then(|text| text.parse::<u64>().ok());
    number.map_or(0, |number| (number & 0xfff) as u16)
}

/// Why a message is none of Bull's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// The channel has another form.
    #[error("not a channel of a queue")]
    Channel,
    /// No id where one belongs.
    #[error("no job id in the message")]
    NoId,
    /// A due time that is none.
    #[error("no time in the message")]
    NoTime,
}

/// Longer ids are nobody's.
const MAX_ID_BYTES: usize = 64 * 1024;

/// Reads a message.
pub(super) fn decode<'a>(channel: &'a [u8], payload: &[u8]) -> Result<Heard<'a>, DecodeError> {
    let colon = channel.iter().rposition(|byte| *byte == b':').ok_or(DecodeError::Channel)?;
    let (base, event) = (&channel[..colon], &channel[colon + 1..]);
    if !base.contains(&b':') {
        return Err(DecodeError::Channel);
    }
    let mut parts = event.splitn(2, |byte| *byte == b'@');
    let (event, token) = (parts.next().unwrap_or_default(), parts.next());
    let what = match (event, token) {
        (b"waiting", Some(_)) => What::Waiting(plain_id(payload)?),
        (b"active", Some(token)) => What::Active { id: plain_id(payload)?, worker: hash(token) },
        (b"stalled", Some(_)) => What::Stalled(plain_id(payload)?),
        (b"completed", None) => What::Completed(json_id(payload)?),
        (b"failed", None) => What::Failed(json_id(payload)?),
        (b"delayed", None) => What::Delayed(due(payload)?),
        (b"paused" | b"resumed", None) => What::PausedOrResumed,
        (b"drained", None) => What::Drained,
        (b"progress", None) => progress(payload)?,
        _ => return Err(DecodeError::Channel),
    };
    Ok(Heard { base, what })
}

fn plain_id(payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
    if payload.is_empty() || payload.len() > MAX_ID_BYTES {
        return Err(DecodeError::NoId);
    }
    Ok(payload.to_vec())
}

/// The id in `{"jobId":"1","val":…}`. The value is skipped without being kept.
fn json_id(payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(rename = "jobId")]
        job_id: serde_json::Value,
    }
    match serde_json::from_slice::<Message>(payload) {
        Ok(Message { job_id: serde_json::Value::String(id) }) => plain_id(id.as_bytes()),
        Ok(Message { job_id: serde_json::Value::Number(id) }) => {
            plain_id(id.to_string().as_bytes())
        }
        Ok(_) => Err(DecodeError::NoId),
        Err(_) => {
            // Bull's Lua glues this one together without escaping the id.
            let id = payload.strip_prefix(b"{\"jobId\":\"").and_then(|rest| {
                rest.strip_suffix(b"\", \"val\": \"job stalled more than maxStalledCount\"}")
            });
            plain_id(id.unwrap_or_default())
        }
    }
}

/// What n8n says of an execution when it ends, `{"jobId":…,"progress":{"kind":"job-finished",…}}`. Version 1 says only whether
/// it went well. Messages of other kinds, which hold responses and chunks of them, are passed over.
fn progress(payload: &[u8]) -> Result<What, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        job_id: serde_json::Value,
        progress: Progress,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Progress {
        kind: Option<String>,
        execution_id: Option<String>,
        worker_id: Option<String>,
        success: Option<bool>,
        status: Option<String>,
        last_node_executed: Option<String>,
        error: Option<Words>,
    }
    #[derive(Deserialize)]
    struct Words {
        message: Option<String>,
    }
    let Ok(Message { job_id, progress }) = serde_json::from_slice(payload) else {
        return Ok(What::Progress);
    };
    if progress.kind.as_deref() != Some("job-finished") {
        return Ok(What::Progress);
    }
    let id = match job_id {
        serde_json::Value::String(id) => plain_id(id.as_bytes())?,
        serde_json::Value::Number(id) => plain_id(id.to_string().as_bytes())?,
        _ => return Err(DecodeError::NoId),
    };
    let well = match (progress.status.as_deref(), progress.success) {
        (Some("success" | "waiting"), _) => true,
        (Some("error" | "crashed" | "canceled"), _) => false,
        (_, Some(success)) => success,
        (_, None) => return Ok(What::Progress),
    };
    let outcome = if well { Outcome::Succeeded } else { Outcome::Failed };
    let failed = progress.execution_id.filter(|id| !well && id.len() <= LONGEST_EXECUTION);
    let failed = failed.map(|execution| {
        Box::new(FailedRun {
            execution,
            job: String::from_utf8_lossy(&id).into_owned(),
            status: progress.status.unwrap_or_else(|| "error".to_owned()),
            message: progress.error.and_then(|error| error.message).map(short),
            node: progress.last_node_executed.map(short),
            worker: progress.worker_id.map(short),
        })
    });
    Ok(What::Verdict { id, outcome, failed })
}

/// Longer ids of executions are none of n8n's.
const LONGEST_EXECUTION: usize = 64;
/// Longer words of others are cut.
const SHOWN_CHARACTERS: usize = 2_000;

fn short(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

fn due(payload: &[u8]) -> Result<Due, DecodeError> {
    let text = std::str::from_utf8(payload).map_err(|_| DecodeError::NoTime)?;
    let number: f64 = text.parse().map_err(|_| DecodeError::NoTime)?;
    if !(0.0..253_402_300_800_000.0).contains(&number) {
        return Err(DecodeError::NoTime);
    }
    // Exact: a double of this size resolves 1/4096 ms.
    let rest = ((number - number.floor()) * 4_096.0) as u16;
    Ok(Due { millis: number.floor() as i64, rest })
}

fn hash(token: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}
