//! What the fuzz targets drive: the decoders of `vigie-collect` and of what is pushed to `vigie-server`, metrics and log entries, the readers of
//! `vigie-store`'s files, and the parsers of PromQL and LogQL, each with what must hold whatever it reads.
//!
//! Most decoders are private to their module, as they should be, so their very files are compiled here a second
//! time, in a tree of modules like the one that they live in. Whoever moves such a file sees this crate fail to
//! build.

mod instances;
mod logql;
mod logs;
mod prometheus;
mod promql;
mod source;
mod store;

pub use instances::{certificate, go_api_pages, haproxy_csv, metrics_text, n8n_answers};
pub use logql::logql;
pub use logs::{file_lines, log_bulk, log_ndjson, loki_push, otlp_logs};
pub use prometheus::{otlp_metrics, remote_write_v1, remote_write_v2};
pub use promql::promql;
pub use source::{
    asynq_messages, bull_message, bullmq_answer, client_list, config_yaml, job_hash, redis_url,
};
pub use store::{log_block, log_segment, store_block, store_log, store_registry};
