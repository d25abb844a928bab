//! Every key and channel of Bull that Vigie reads. Seen with Bull 4.16.5.

use crate::source::bull_family::KeyUse;
use crate::source::bull_family::job_hash::job_fields;

/// Jobs that are eligible; the right end is next. Prioritized ones stand here too, by priority.
pub(super) const WAIT: &str = "wait";
/// Where `wait` is moved to while the queue is paused.
pub(super) const PAUSED: &str = "paused";
/// Jobs that run; the right end started first.
pub(super) const ACTIVE: &str = "active";
/// Jobs for later, retries among them; score = due time in ms · 4096 + the low 12 bits of the job's number.
pub(super) const DELAYED: &str = "delayed";
pub(super) const COMPLETED: &str = "completed";
pub(super) const FAILED: &str = "failed";
/// Exists while the queue is paused.
pub(super) const META_PAUSED: &str = "meta-paused";
/// How many jobs were ever added (duplicates included).
pub(super) const ID: &str = "id";

/// The keys, for the documentation.
pub const KEYS: &[KeyUse] = &[
    KeyUse {
        suffix: WAIT,
        redis_type: "list",
        commands: &["LLEN", "LRANGE"],
        why: "waiting jobs; both ends for the oldest",
    },
    KeyUse {
        suffix: PAUSED,
        redis_type: "list",
        commands: &["LLEN", "LRANGE"],
        why: "waiting jobs of a paused queue",
    },
    KeyUse {
        suffix: ACTIVE,
        redis_type: "list",
        commands: &["LLEN", "LRANGE"],
        why: "running jobs; the 20 that run longest",
    },
    KeyUse {
        suffix: DELAYED,
        redis_type: "zset",
        commands: &["ZCARD", "ZRANGEBYSCORE"],
        why: "jobs for later; which job a message without id is about",
    },
    KeyUse {
        suffix: COMPLETED,
        redis_type: "zset",
        commands: &["ZCARD"],
        why: "jobs that ended well and are kept",
    },
    KeyUse {
        suffix: FAILED,
        redis_type: "zset",
        commands: &["ZCARD", "ZRANGE"],
        why: "jobs that failed for good and are kept; the 50 newest when somebody asks",
    },
    KeyUse {
        suffix: META_PAUSED,
        redis_type: "string",
        commands: &["GET", "TYPE"],
        why: "whether the queue is paused",
    },
    KeyUse {
        suffix: ID,
        redis_type: "string",
        commands: &["GET"],
        why: "that the queue exists: an idle one may have no other key",
    },
    KeyUse {
        suffix: "events",
        redis_type: "stream",
        commands: &["TYPE"],
        why: "if there is one, the queue is BullMQ's",
    },
    KeyUse {
        suffix: "meta",
        redis_type: "hash",
        commands: &["HMGET"],
        why: "if BullMQ's fields are there, the queue is BullMQ's",
    },
    KeyUse {
        suffix: "stalled-check",
        redis_type: "string",
        commands: &["TYPE"],
        why: "all that a queue has whose worker never had a job",
    },
    KeyUse {
        suffix: "<job>",
        redis_type: "hash",
        commands: &["HMGET", "HSTRLEN"],
        why: "name, timestamp, opts, processedOn, finishedOn, attemptsMade, stalledCounter, retriedOn: type and times; of failed ones, when somebody asks, failedReason; never data, of which n8n's queue alone has a part that is read: the workflow's id",
    },
];

/// The fields of a job's hash that are read.
pub(super) const JOB_FIELDS: &[&str] = job_fields!["stalledCounter", "retriedOn"];

/// A channel that Vigie listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelUse {
    /// What follows `<prefix>:*:` in the pattern.
    pub pattern: &'static str,
    /// What is published there.
    pub payload: &'static str,
}

/// How an execution of n8n ended is published here. Only the queue of an n8n that is a source of its own is listened to, and
/// of each message only that is kept: others hold whole HTTP responses.
pub(super) const PROGRESS: &str = "progress";

/// The channels of every queue. [`PROGRESS`] is not among them: it is nobody's business what an application says there.
pub const CHANNELS: &[ChannelUse] = &[
    ChannelUse {
        pattern: "waiting@*",
        payload: "job id; the token in the name is the producer's, or the worker's for a retry",
    },
    ChannelUse { pattern: "active@*", payload: "job id; the token in the name is the worker's" },
    ChannelUse {
        pattern: "completed",
        payload: "JSON: jobId, val (the result, which is not kept)",
    },
    ChannelUse {
        pattern: "failed",
        payload: "JSON: jobId, val (the reason); only the last attempt",
    },
    ChannelUse { pattern: "delayed", payload: "a due time in ms, without an id" },
    ChannelUse { pattern: "stalled@*", payload: "job id" },
    ChannelUse { pattern: "paused", payload: "a word" },
    ChannelUse { pattern: "resumed", payload: "a word" },
    ChannelUse { pattern: "drained", payload: "nothing: a worker looked for a job and found none" },
];
