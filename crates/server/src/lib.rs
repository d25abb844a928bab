//! HTTP: the REST API, the live stream, Prometheus's and Loki's API and `/metrics`, the OpenAPI document and the embedded
//! dashboard.
//!
//! Only this crate knows status codes and JSON shapes. It reads the board and changes nothing there; metrics that are
//! pushed go to a [`MetricSink`].

mod access;
mod api;
mod events;
mod exposition;
mod listener;
mod live;
mod logs;
mod loki;
mod problem;
mod prometheus;
mod router;
mod series;
mod state;
mod time_text;
mod unreadable;
mod web_files;

pub use access::AllowedHosts;
pub use api::{FailedJobReader, JobsRead, NotRead, openapi_json, wire};
pub use events::{follow_events, keep_events};
pub use listener::serve;
pub use live::Hub;
pub use logs::{LogRules, LogRulesError, Logs};
pub use loki::{LogQueries, LogQueryLimits, StoredLogs};
pub use problem::Problem;
pub use prometheus::{
    Appended, Batch, BatchSample, BatchValue, MetricMetadata, MetricSink, MetricType, Metrics,
    Outgoing, QueryLimits, SeriesNames, SinkError, StoreFigures,
};
pub use router::router;
pub use series::{SeriesValue, SeriesVisitor, visit_series};
pub use state::{AppState, Now, SharedBoard};
