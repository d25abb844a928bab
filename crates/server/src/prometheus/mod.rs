//! Prometheus's HTTP API over Vigie's metrics, so that Grafana, promtool and every other client just work, and the
//! doors by which metrics come in: remote write and OTLP.
//!
//! These paths answer as Prometheus 3 does, errors included; Vigie's own paths answer with problem documents.

mod alerting;
mod backend;
#[cfg(test)]
mod decoder_tests;
mod embedded;
mod error;
mod escaping;
mod evaluate;
mod exemplars;
mod features;
mod federate;
mod histogram_json;
mod metadata;
mod metrics;
pub(crate) mod number;
mod otlp;
mod outgoing;
mod params;
mod query;
mod read;
mod selectors;
mod series;
mod status;
pub(crate) mod success;
mod syntax;
mod targets;
mod write;

pub(crate) use backend::pass_on;
pub(crate) use error::ApiError;
pub(crate) use evaluate::ranges;
pub use metrics::{
    Appended, MetricSink, Metrics, QueryLimits, SeriesNames, SinkError, StoreFigures,
};
pub use outgoing::Outgoing;
pub(crate) use write::door::{Doors, Refusal};
pub use write::{Batch, BatchSample, BatchValue, MetricMetadata, MetricType};
pub(crate) use write::{Encoding, Field, Fields, WriteError, limited};

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// The longest form of a query.
const FORM_BYTES: usize = 1 << 20;

/// Every compatible path. Queries and writes have time limits of their own.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(query::instant))
        .routes(routes!(query::range))
        .routes(routes!(query::exemplars))
        .routes(routes!(query::format))
        .routes(routes!(syntax::tree))
        .routes(routes!(query::functions))
        .routes(routes!(read::read))
        .routes(routes!(series::series))
        .routes(routes!(series::names))
        .routes(routes!(series::values))
        .routes(routes!(metadata::metadata))
        .routes(routes!(targets::targets))
        .routes(routes!(targets::scrape_pools))
        .routes(routes!(targets::metadata))
        .routes(routes!(federate::federate))
        .routes(routes!(features::features))
        .routes(routes!(alerting::rules))
        .routes(routes!(alerting::alerts))
        .routes(routes!(alerting::alertmanagers))
        .routes(routes!(status::buildinfo))
        .routes(routes!(status::config))
        .routes(routes!(status::flags))
        .routes(routes!(status::runtimeinfo))
        .routes(routes!(status::tsdb))
        .routes(routes!(status::walreplay))
        .routes(routes!(status::healthy))
        .routes(routes!(status::ready))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .routes(routes!(write::door::write))
        .routes(routes!(otlp::metrics))
        .routes(routes!(otlp::metrics_as_prometheus))
        .routes(routes!(otlp::logs::logs))
        .routes(routes!(otlp::logs::logs_beside_metrics))
}
