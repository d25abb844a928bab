//! What the engines are asked: what it is called, and in PromQL. `crates/query/examples/cost.rs` asks the same.

pub const QUERIES: [(&str, &str); 7] = [
    ("one series", "job_queue_waiting{queue=\"team07/orders-00007\"}"),
    ("rate by type", "sum by (type)(rate(jobs_enqueued_total[5m]))"),
    ("rate by queue", "sum by (queue)(rate(jobs_enqueued_total[5m]))"),
    ("max over time", "max by (type)(max_over_time(job_queue_waiting[10m]))"),
    (
        "mean duration",
        "sum by (type)(rate(job_run_seconds_sum[5m])) / sum by (type)(rate(job_run_seconds_count[5m]))",
    ),
    ("join", "job_queue_waiting / on(queue) group_left() job_queue_workers > 100"),
    ("everything now", "{job=\"queues\"}"),
];
