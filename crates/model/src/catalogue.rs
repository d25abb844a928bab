//! Every metric that Vigie has, declared once: `GET /metrics`, the store and the docs are derived from this list.

use crate::Labels;

/// What kind of series a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, and starts again at 0 when Vigie does.
    Counter,
    /// Counts in cumulative buckets.
    Histogram,
    /// Always 1; its labels are the message.
    Info,
}

/// One metric: what `# HELP` and `# TYPE` say, its labels, and where its values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name, in Prometheus's conventions (base units, `_total` for counters).
    pub name: &'static str,
    /// What kind of series it is.
    pub kind: MetricKind,
    /// The unit of its values: `seconds`, `jobs`, `bytes`, … or empty for a number without one.
    pub unit: &'static str,
    /// The labels of each series, in order.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub help: &'static str,
    /// Where the values come from.
    pub origin: &'static str,
}

/// Upper bounds in seconds of the buckets of every duration histogram in `/metrics`.
pub const DURATION_BUCKETS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 1_800.0, 3_600.0,
];

/// What tells copies from Vigie's own series: those have no `job`, what was scraped of a Vigie has one.
pub const COPY_LABEL: &str = "job";

/// The metric of Vigie's own that a series from elsewhere would be taken for: one of its name (those of a classic histogram
/// included) without [`COPY_LABEL`].
#[must_use]
pub fn claimed(labels: &Labels) -> Option<&'static Metric> {
    if labels.get(COPY_LABEL).is_some_and(|job| !job.is_empty()) {
        return None;
    }
    let name = labels.metric_name();
    ALL.iter().find(|metric| match name.strip_prefix(metric.name) {
        Some("") => true,
        Some("_bucket" | "_sum" | "_count") => metric.kind == MetricKind::Histogram,
        _ => false,
    })
}

macro_rules! catalogue {
    ($($constant:ident = $name:literal, $kind:ident, $unit:literal, [$($label:literal),*], $help:literal, $origin:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name, kind: MetricKind::$kind, unit: $unit, labels: &[$($label),*], help: $help, origin: $origin,
            };
        )*
        /// Every metric, in the order in which `/metrics` shows them.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

catalogue! {
    QUEUE_JOBS = "vigie_queue_jobs", Gauge, "", ["source", "kind", "queue", "state"],
        "Jobs of a queue by state.", "counted in Redis at each poll";
    QUEUE_OLDEST = "vigie_queue_oldest_seconds", Gauge, "seconds", ["source", "kind", "queue"],
        "Age of the oldest waiting job; absent when nothing waits.", "the job at the head of the queue";
    QUEUE_PAUSED = "vigie_queue_paused", Gauge, "", ["source", "kind", "queue"],
        "1 when the queue is paused.", "the broker's own mark";
    QUEUE_DRAIN = "vigie_queue_drain_seconds", Gauge, "seconds", ["source", "kind", "queue"],
        "Seconds until the queue is empty at the net rate of the last minute; negative when it grows.", "waiting jobs and rates";
    QUEUE_WORKERS = "vigie_queue_workers", Gauge, "", ["source", "kind", "queue"],
        "Workers that consume the queue.", "the broker's registry, or CLIENT LIST";
    QUEUE_CAPACITY = "vigie_queue_capacity", Gauge, "", ["source", "kind", "queue"],
        "Jobs that those workers can run at once; absent where the broker does not tell.", "asynq's registry";
    QUEUE_BUSY = "vigie_queue_busy", Gauge, "", ["source", "kind", "queue"],
        "Jobs that run now.", "asynq's registry, or the active list";
    JOBS_ENQUEUED = "vigie_jobs_enqueued_total", Counter, "", ["source", "kind", "queue", "type"],
        "Jobs added to a queue since Vigie's start; type is empty where the broker does not tell.", "job events, or counted from asynq's totals";
    JOBS_FINISHED = "vigie_jobs_finished_total", Counter, "", ["source", "kind", "queue", "type", "outcome"],
        "Attempts that ended since Vigie's start; type is empty where the broker does not tell.", "job events, or asynq's totals";
    JOB_WAIT = "vigie_job_wait_seconds", Histogram, "seconds", ["source", "kind", "queue", "type", "outcome"],
        "Seconds from eligible to started of finished attempts.", "job events, or samples of asynq's queue";
    JOB_WAIT_MIN = "vigie_job_wait_seconds_min", Gauge, "seconds", ["source", "kind", "queue", "type", "outcome"],
        "Shortest wait of the last 5 minutes.", "job events, or samples of asynq's queue";
    JOB_WAIT_MAX = "vigie_job_wait_seconds_max", Gauge, "seconds", ["source", "kind", "queue", "type", "outcome"],
        "Longest wait of the last 5 minutes.", "job events, or samples of asynq's queue";
    JOB_RUN = "vigie_job_run_seconds", Histogram, "seconds", ["source", "kind", "queue", "type", "outcome"],
        "Seconds from started to finished of finished attempts.", "job events, or samples of asynq's workers";
    JOB_RUN_MIN = "vigie_job_run_seconds_min", Gauge, "seconds", ["source", "kind", "queue", "type", "outcome"],
        "Shortest run of the last 5 minutes.", "job events, or samples of asynq's workers";
    JOB_RUN_MAX = "vigie_job_run_seconds_max", Gauge, "seconds", ["source", "kind", "queue", "type", "outcome"],
        "Longest run of the last 5 minutes.", "job events, or samples of asynq's workers";
    OVERALL_JOBS = "vigie_overall_jobs", Gauge, "", ["state"],
        "Jobs of all queues by state.", "the sum over the queues of sources that answer";
    OVERALL_WORKERS = "vigie_overall_workers", Gauge, "", [],
        "Workers of all queues, each counted once.", "the brokers' registries, or CLIENT LIST";
    OVERALL_CAPACITY = "vigie_overall_capacity", Gauge, "", [],
        "Jobs that all workers can run at once; absent where a broker does not tell.", "the brokers' registries";
    OVERALL_BUSY = "vigie_overall_busy", Gauge, "", [],
        "Jobs of all queues that run now.", "the sum over the queues of sources that answer";
    OVERALL_ENQUEUED = "vigie_overall_enqueued_total", Counter, "", [],
        "Jobs added to any queue since Vigie's start.", "job events, or asynq's totals";
    OVERALL_FINISHED = "vigie_overall_finished_total", Counter, "", ["outcome"],
        "Attempts of any queue that ended since Vigie's start.", "job events, or asynq's totals";
    OVERALL_WAIT = "vigie_overall_wait_seconds", Histogram, "seconds", [],
        "Seconds from eligible to started of finished attempts of any queue.", "job events, or samples of asynq's queues";
    OVERALL_RUN = "vigie_overall_run_seconds", Histogram, "seconds", [],
        "Seconds from started to finished of finished attempts of any queue.", "job events, or samples of asynq's workers";
    WORKER_UP = "vigie_worker_up", Gauge, "", ["source", "kind", "worker", "host"],
        "1 while the worker is registered with its broker.", "asynq's registry, or CLIENT LIST";
    WORKER_CAPACITY = "vigie_worker_capacity", Gauge, "", ["source", "kind", "worker", "host"],
        "Jobs that the worker can run at once; absent where the broker does not tell.", "asynq's registry";
    WORKER_BUSY = "vigie_worker_busy", Gauge, "", ["source", "kind", "worker", "host"],
        "Jobs that the worker runs now; absent where the broker does not tell.", "asynq's registry, BullMQ's processedBy";
    INSTANCE_UP = "vigie_instance_up", Gauge, "", ["source", "instance", "role"],
        "1 while the instance is up or degraded, 0 while it is down; absent while nobody knows.", "the load balancer, the probe, or the instance itself";
    INSTANCE_PROBE = "vigie_instance_probe_seconds", Gauge, "seconds", ["source", "instance", "role"],
        "How long the instance took to answer at the last look; absent when it did not.", "the probe, or the load balancer's health check";
    INSTANCE_LOAD = "vigie_instance_load", Gauge, "", ["source", "instance", "role"],
        "Requests in flight or sessions of the instance; absent where nobody tells.", "the load balancer, or the instance itself";
    WORKFLOW_OVERDUE = "vigie_n8n_workflow_overdue_seconds", Gauge, "seconds", ["source", "workflow", "workflow_id"],
        "Seconds since a workflow should have been started by its schedule and was not; 0 while it is on time, absent where that is not known.", "its schedule and its executions, by n8n's public API";
    SOURCE_UP = "vigie_source_up", Gauge, "", ["source"],
        "1 when the last poll of the source succeeded.", "the poll";
    SOURCE_AGE = "vigie_source_age_seconds", Gauge, "seconds", ["source"],
        "Seconds since the last good poll; absent before the first.", "the poll";
    SOURCE_POLL = "vigie_source_poll_seconds", Gauge, "seconds", ["source"],
        "Duration of the last good poll.", "the poll";
    POLL_COMMANDS = "vigie_source_poll_commands", Gauge, "", ["source"],
        "Redis commands that the last good poll sent.", "the poll";
    POLL_ROUND_TRIPS = "vigie_source_poll_round_trips", Gauge, "", ["source"],
        "Times that the last good poll waited for Redis.", "the poll";
    POLL_BYTES = "vigie_source_poll_bytes", Gauge, "bytes", ["source"],
        "Bytes of names and values that the last good poll read.", "the poll";
    POLLS = "vigie_source_polls_total", Counter, "", ["source", "outcome"],
        "Polls by outcome.", "the poll";
    FOLDED = "vigie_folded_total", Counter, "", ["source", "what"],
        "Entries over a memory limit that were folded into `other`.", "the limits";
    OBSERVATIONS_DROPPED = "vigie_observations_dropped_total", Counter, "", [],
        "Observations dropped because the board was behind.", "the channel between sources and board";
    STORE_SERIES = "vigie_store_series", Gauge, "", [],
        "Series that the store knows.", "the store";
    STORE_BYTES = "vigie_store_bytes", Gauge, "bytes", [],
        "Bytes of the store on disk: blocks and log.", "the store";
    STORE_DOWNSAMPLED_BYTES = "vigie_store_downsampled_bytes", Gauge, "bytes", [],
        "Of the bytes of the store, those of the five-minute and hourly values of days that are over.", "the store";
    STORE_DAMAGED = "vigie_store_damaged", Gauge, "", [],
        "Parts of the store that were found damaged and set aside.", "the store's checksums";
    STORE_FAILING = "vigie_store_failing", Gauge, "", [],
        "1 while the disk does not take what is to be stored (it is kept in memory until it does), no block can be made of it, or the store is not open.", "the store's last write and maintenance";
    STORE_REFUSED = "vigie_store_refused_total", Counter, "", [],
        "Samples and series that were refused: too old, too many, in conflict with what is there, or with labels that cannot be.", "the store";
    STORE_LOST = "vigie_store_lost_total", Counter, "", [],
        "Samples of Vigie's own series that were not kept.", "the recorder";
    EXEMPLARS = "vigie_exemplars", Gauge, "", [],
        "Exemplars that are kept, in memory.", "remote write";
    EXEMPLARS_DROPPED = "vigie_exemplars_dropped_total", Counter, "", ["reason"],
        "Exemplars that are not kept: newer ones replaced them, or they were refused.", "remote write";
    REMOTE_UP = "vigie_remote_up", Gauge, "", ["remote"],
        "1 while a backend elsewhere takes what is written to it; absent before the first request.", "the last requests";
    REMOTE_PENDING = "vigie_remote_pending_samples", Gauge, "", ["remote"],
        "Samples on disk that wait for a backend elsewhere.", "the queue";
    REMOTE_OLDEST = "vigie_remote_oldest_pending_seconds", Gauge, "seconds", ["remote"],
        "How long the oldest sample has waited for a backend elsewhere; absent when nothing waits.", "the queue";
    REMOTE_BYTES = "vigie_remote_queue_bytes", Gauge, "bytes", ["remote"],
        "Bytes on disk of the queue for a backend elsewhere.", "the queue";
    REMOTE_SENT = "vigie_remote_sent_total", Counter, "", ["remote"],
        "Samples that a backend elsewhere has taken.", "its answers";
    REMOTE_REFUSED = "vigie_remote_refused_total", Counter, "", ["remote"],
        "Samples that a backend elsewhere refused for good; the log says why.", "its answers";
    REMOTE_REPEATED = "vigie_remote_repeated_total", Counter, "", ["remote"],
        "Samples that were sent again because nobody knew whether they had arrived, and had.", "its answers";
    REMOTE_DROPPED = "vigie_remote_dropped_total", Counter, "", ["remote"],
        "Samples that were dropped unsent because the queue was full.", "the queue";
    REMOTE_DAMAGED = "vigie_remote_damaged_total", Counter, "", ["remote"],
        "Samples of the queue that damage on disk took.", "the queue's checksums";
    REMOTE_RETRIES = "vigie_remote_retries_total", Counter, "", ["remote"],
        "Requests to a backend elsewhere that had to be tried again.", "the sender";
    LOG_ENTRIES = "vigie_log_entries_total", Counter, "", ["source", "level", "type"],
        "Log entries taken in since Vigie's start, by level and type.", "the doors and sources of logs";
    LOGS_DROPPED = "vigie_log_entries_dropped_total", Counter, "", ["source", "reason"],
        "Log entries that were not kept: over the source's rate, too old, too new or too long, of a stream whose labels cannot be read, or the disk did not take them.", "the log store";
    LOG_LINES_ALTERED = "vigie_log_lines_altered_total", Counter, "", ["source", "reason"],
        "Lines that are not kept as they were: of files, longer than longest_line_bytes and cut, or not UTF-8 (encoding); of any, with fields that nest too deep (depth).", "the file tail and the doors of logs";
    LOGS_BYTES = "vigie_log_store_bytes", Gauge, "bytes", [],
        "Bytes of the log store on disk.", "the log store";
    LOGS_DAMAGED = "vigie_log_store_damaged", Gauge, "", [],
        "Parts of the log store that were found damaged and set aside.", "the store's checksums";
    LOGS_FAILING = "vigie_log_store_failing", Gauge, "", [],
        "1 while the disk does not take log entries, no block can be made of them, or the log store is not open.", "the log store's last write and maintenance";
    FORWARD_UP = "vigie_forward_up", Gauge, "", ["destination"],
        "1 while a destination takes the log entries that are forwarded to it; absent before the first request.", "the last requests";
    FORWARD_PENDING = "vigie_forward_pending_entries", Gauge, "", ["destination"],
        "Entries of the log store that are still to be forwarded.", "the log store's numbers";
    FORWARD_OLDEST = "vigie_forward_oldest_pending_seconds", Gauge, "seconds", ["destination"],
        "How long the oldest of those has waited, at the most; absent when nothing waits.", "when it came";
    FORWARD_SENT = "vigie_forward_sent_total", Counter, "", ["destination"],
        "Log entries that a destination has taken.", "its answers";
    FORWARD_REPEATED = "vigie_forward_repeated_total", Counter, "", ["destination"],
        "Log entries that were sent again because nobody knew whether they had arrived, and had.", "its answers";
    FORWARD_DEAD = "vigie_forward_dead_letters_total", Counter, "", ["destination"],
        "Log entries that a destination refused for good: they are in its dead letters, with the reason.", "its answers";
    FORWARD_LOST = "vigie_forward_lost_total", Counter, "", ["destination"],
        "Log entries that retention or damage took before they were forwarded.", "gaps in the log store's numbers";
    FORWARD_SKIPPED = "vigie_forward_skipped_total", Counter, "", ["destination"],
        "Log entries below the destination's min_level.", "the configuration";
    FORWARD_RETRIES = "vigie_forward_retries_total", Counter, "", ["destination"],
        "Requests to a destination that failed, in whole or in part, and had to be sent again.", "its answers";
    STREAM_CLIENTS = "vigie_stream_clients", Gauge, "", [],
        "Clients of the live stream.", "the live hub";
    STREAM_DROPPED = "vigie_stream_dropped_total", Counter, "", [],
        "Clients of the live stream that were cut because they read too slowly.", "the live hub";
    STREAM_MESSAGES = "vigie_stream_messages_total", Counter, "", [],
        "Messages that the live hub encoded.", "the live hub";
    STREAM_BYTES = "vigie_stream_bytes_total", Counter, "bytes", [],
        "Bytes that the live hub encoded, once for all clients, before compression.", "the live hub";
    PROCESS_CPU = "process_cpu_seconds_total", Counter, "seconds", [],
        "CPU seconds that Vigie has used, user and system.", "the operating system";
    PROCESS_MEMORY = "process_resident_memory_bytes", Gauge, "bytes", [],
        "Resident memory of Vigie.", "the operating system";
    BUILD_INFO = "vigie_build_info", Info, "", ["version"],
        "The version of Vigie.", "the build";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        let mut seen = HashSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "{} is declared twice", metric.name);
            assert!(
                metric.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            );
            let counter = metric.kind == MetricKind::Counter;
            assert_eq!(counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}: help is a sentence", metric.name);
            assert!(
                metric.unit.is_empty() || metric.name.contains(metric.unit),
                "{}: unit in the name",
                metric.name
            );
        }
    }

    #[test]
    fn buckets_ascend() {
        assert!(DURATION_BUCKETS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
