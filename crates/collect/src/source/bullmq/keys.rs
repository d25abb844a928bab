//! Every key of BullMQ that Vigie reads. Seen with BullMQ 6.7.0; what older versions do otherwise is said.

use crate::source::bull_family::KeyUse;
use crate::source::bull_family::job_hash::job_fields;

/// Jobs that are eligible; the right end is next. Those of a paused queue stay here since BullMQ 6.
pub(super) const WAIT: &str = "wait";
/// Before BullMQ 6: where `wait` was moved to while the queue was paused.
pub(super) const PAUSED: &str = "paused";
/// Eligible jobs with a priority, not in `wait`; score = priority · 2^32 + a counter.
pub(super) const PRIORITIZED: &str = "prioritized";
/// Jobs that run; the right end started first.
pub(super) const ACTIVE: &str = "active";
/// Jobs for later, retries among them; score = due time in ms · 4096 + a counter.
pub(super) const DELAYED: &str = "delayed";
/// Jobs that wait for their children.
pub(super) const WAITING_CHILDREN: &str = "waiting-children";
pub(super) const COMPLETED: &str = "completed";
pub(super) const FAILED: &str = "failed";
/// What is set for the queue; written as soon as anything opens it.
pub(super) const META: &str = "meta";
/// How many jobs were ever added.
pub(super) const ID: &str = "id";
/// Every transition of every job, cut to about `meta.opts.maxLenEvents` entries.
pub(super) const EVENTS: &str = "events";

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
        why: "waiting jobs of a queue that an old version paused",
    },
    KeyUse {
        suffix: PRIORITIZED,
        redis_type: "zset",
        commands: &["ZCARD", "ZRANGE", "ZRANGEBYSCORE"],
        why: "waiting jobs with a priority; the oldest of the most and of the least urgent",
    },
    KeyUse {
        suffix: ACTIVE,
        redis_type: "list",
        commands: &["LLEN", "LRANGE"],
        why: "running jobs; the 20 that run longest",
    },
    KeyUse { suffix: DELAYED, redis_type: "zset", commands: &["ZCARD"], why: "jobs for later" },
    KeyUse {
        suffix: WAITING_CHILDREN,
        redis_type: "zset",
        commands: &["ZCARD"],
        why: "jobs that wait for others",
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
        suffix: META,
        redis_type: "hash",
        commands: &["HMGET"],
        why: "whether the queue exists and is paused",
    },
    KeyUse {
        suffix: ID,
        redis_type: "string",
        commands: &["GET"],
        why: "jobs ever added, where the stream may not be read",
    },
    KeyUse {
        suffix: EVENTS,
        redis_type: "stream",
        commands: &["TYPE", "XREAD"],
        why: "what happened to each job",
    },
    KeyUse {
        suffix: "<job>",
        redis_type: "hash",
        commands: &["HMGET", "HSTRLEN"],
        why: "name, timestamp, opts, processedOn, finishedOn, atm, ats, stc, pb, attemptsMade: type, times and worker; of failed ones, when somebody asks, failedReason; never data",
    },
];

/// The fields of a job's hash that are read.
pub(super) const JOB_FIELDS: &[&str] = job_fields!["atm", "ats", "stc", "pb"];
