//! asynq's protobuf messages: bytes in, what Vigie needs of them or a precise error out.
//!
//! Only the fields that are needed are declared: payloads are skipped where they stand, and are never copied.

use prost::Message;
use std::collections::HashMap;
use vigie_model::{FailedJob, Name, Time};

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no such message.
    #[error("{what}: {detail}")]
    Protobuf {
        /// Which message it should be.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// It is longer than Vigie reads.
    #[error("{what}: {length} bytes, more than the {limit} that Vigie reads")]
    TooLong {
        /// Which message it should be.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A number is none.
    #[error("{what}: {text:?} is no number")]
    Number {
        /// What it should say.
        what: &'static str,
        /// Its beginning.
        text: String,
    },
}

const LONGEST: usize = 16 << 20;
/// Queues of one server that are kept.
const MOST_QUEUES: usize = 1_000;

/// A task, from `msg` of its hash.
#[derive(Clone, PartialEq, Message)]
struct TaskMessage {
    #[prost(bytes = "vec", tag = "1")]
    kind: Vec<u8>,
}

/// A task that failed, from `msg` of its hash.
#[derive(Clone, PartialEq, Message)]
struct FailedTaskMessage {
    #[prost(bytes = "vec", tag = "1")]
    kind: Vec<u8>,
    #[prost(int32, tag = "5")]
    retry: i32,
    #[prost(int32, tag = "6")]
    retried: i32,
    #[prost(bytes = "vec", tag = "7")]
    error: Vec<u8>,
    #[prost(int64, tag = "11")]
    last_failed_at: i64,
    #[prost(map = "string, string", tag = "15")]
    headers: HashMap<String, String>,
}

/// A server, from its key.
#[derive(Clone, PartialEq, Message)]
struct ServerInfo {
    #[prost(bytes = "vec", tag = "1")]
    host: Vec<u8>,
    #[prost(int32, tag = "2")]
    pid: i32,
    #[prost(int32, tag = "4")]
    concurrency: i32,
    #[prost(map = "string, int32", tag = "5")]
    queues: HashMap<String, i32>,
    #[prost(bytes = "vec", tag = "7")]
    status: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    start_time: Option<Timestamp>,
}

/// A task that runs, from a field of a server's hash.
#[derive(Clone, PartialEq, Message)]
struct WorkerInfo {
    #[prost(bytes = "vec", tag = "4")]
    task_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    task_type: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    queue: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    start_time: Option<Timestamp>,
}

/// google.protobuf.Timestamp.
#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Timestamp {
    /// `None` for Go's zero time and everything else before 1970.
    fn time(self) -> Option<Time> {
        let whole = Time::from_seconds(self.seconds).micros();
        (self.seconds > 0)
            .then(|| Time::from_micros(whole.saturating_add(i64::from(self.nanos) / 1_000)))
    }
}

/// A process that runs tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The machine.
    pub host: Name,
    /// The process id.
    pub pid: Option<u32>,
    /// Tasks that it can run at once.
    pub concurrency: Option<u32>,
    /// The queues that it consumes, by name.
    pub queues: Vec<Name>,
    /// `active`, `stopped`, …
    pub status: Name,
    /// When it started, on its own clock.
    pub started: Option<Time>,
}

/// A task that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The task's id.
    pub id: Vec<u8>,
    /// Its type.
    pub kind: Name,
    /// Its queue.
    pub queue: Vec<u8>,
    /// When this attempt started, on the worker's clock.
    pub started: Option<Time>,
}

fn parse<M: Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, DecodeError> {
    if bytes.len() > LONGEST {
        return Err(DecodeError::TooLong { what, length: bytes.len(), limit: LONGEST });
    }
    M::decode(bytes).map_err(|error| DecodeError::Protobuf { what, detail: error.to_string() })
}

/// The type of a task, from its message.
///
/// # Errors
/// [`DecodeError`] when the bytes are no task message.
pub fn task_type(bytes: &[u8]) -> Result<Name, DecodeError> {
    parse::<TaskMessage>("task message", bytes).map(|task| Name::from_bytes(&task.kind))
}

/// What a task says of its failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTask {
    /// Its type.
    pub kind: Name,
    /// How often it may be tried again.
    pub retries: u32,
    /// How often it was.
    pub retried: u32,
    /// What its handler said last.
    pub error: Vec<u8>,
    /// When that was, to the second, on the worker's clock.
    pub failed_at: Option<Time>,
    /// The trace of whoever enqueued it.
    pub trace: Option<String>,
}

/// What a task says of its failures, from its message.
///
/// # Errors
/// [`DecodeError`] when the bytes are no task message.
pub fn failed_task(bytes: &[u8]) -> Result<FailedTask, DecodeError> {
    let task: FailedTaskMessage = parse("task message", bytes)?;
    let parent = task.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
    Ok(FailedTask {
        kind: Name::from_bytes(&task.kind),
        retries: u32::try_from(task.retry).unwrap_or(0),
        retried: u32::try_from(task.retried).unwrap_or(0),
        error: task.error,
        failed_at: (task.last_failed_at > 0).then(|| Time::from_seconds(task.last_failed_at)),
        trace: parent.and_then(|(_, parent)| FailedJob::trace_of(parent)),
    })
}

/// A server, from the value of its key.
///
/// # Errors
/// [`DecodeError`] when the bytes are no server info.
pub fn server(bytes: &[u8]) -> Result<Server, DecodeError> {
    let info: ServerInfo = parse("server info", bytes)?;
    let mut queues: Vec<Name> = info.queues.keys().map(|name| Name::from(name.as_str())).collect();
    queues.sort_unstable();
    queues.truncate(MOST_QUEUES);
    Ok(Server {
        host: Name::from_bytes(&info.host),
        pid: u32::try_from(info.pid).ok().filter(|pid| *pid != 0),
        concurrency: u32::try_from(info.concurrency).ok().filter(|slots| *slots != 0),
        queues,
        status: Name::from_bytes(&info.status),
        started: info.start_time.and_then(Timestamp::time),
    })
}

/// A running task, from a field of a server's hash.
///
/// # Errors
/// [`DecodeError`] when the bytes are no worker info.
pub fn running(bytes: &[u8]) -> Result<Running, DecodeError> {
    let info: WorkerInfo = parse("worker info", bytes)?;
    Ok(Running {
        id: info.task_id,
        kind: Name::from_bytes(&info.task_type),
        queue: info.queue,
        started: info.start_time.and_then(Timestamp::time),
    })
}

/// A time in nanoseconds since 1970, as `pending_since` has it.
///
/// # Errors
/// [`DecodeError::Number`] when it is none.
pub fn nanoseconds(text: &[u8]) -> Result<Time, DecodeError> {
    number::<i64>("pending_since", text).map(|nanos| Time::from_micros(nanos / 1_000))
}

/// A count, as `processed` and `failed` have it.
///
/// # Errors
/// [`DecodeError::Number`] when it is none.
pub fn count(text: &[u8]) -> Result<u64, DecodeError> {
    number("a count", text)
}

fn number<N: std::str::FromStr>(what: &'static str, text: &[u8]) -> Result<N, DecodeError> {
    let wrong = || DecodeError::Number {
        what,
        text: String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned(),
    };
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)
}
