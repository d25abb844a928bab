//! `/api/v1/metadata`: what metrics are.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use vigie_model::catalogue::{self, MetricKind};

use super::error::{ApiError, ErrorShape};
use super::metrics::MetricSink;
use super::params::Params;
use super::success::success_of;
use super::write::{MetricMetadata, MetricType};
use crate::state::AppState;

#[derive(Serialize, PartialEq)]
struct Shape {
    #[serde(rename = "type")]
    kind: &'static str,
    unit: String,
    help: String,
}

/// What is known of metrics: type, unit, help.
#[utoipa::path(get, path = "/api/v1/metadata", tag = "prometheus",
    params(("metric" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("limit_per_metric" = Option<u64>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn metadata(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = number(&params, "limit")?;
    let each = number(&params, "limit_per_metric")?.filter(|limit| *limit > 0);
    let metric = Some(params.get("metric")).filter(|name| !name.is_empty());
    let mut found: BTreeMap<String, Vec<Shape>> = BTreeMap::new();
    for MetricMetadata { name, kind, help, unit } in known(&*app.metrics()?.sink, metric) {
        let shapes = found.entry(name).or_default();
        let shape = Shape { kind: kind.as_str(), unit, help };
        if each.is_none_or(|each| shapes.len() < each) && !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    let shown: BTreeMap<_, _> = found.into_iter().take(limit.unwrap_or(usize::MAX)).collect();
    Ok(success_of(&shown))
}

/// A limit; none where it is negative.
fn number(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        given => match given.parse::<i64>() {
            Ok(limit) => Ok(usize::try_from(limit).ok()),
            Err(_) => Err(ApiError::bad_data(format!("{name} must be a number"))),
        },
    }
}

/// What is known of metrics, or of one: of Vigie's own, and what a sink was told. A metric may be there twice.
pub fn known(sink: &dyn MetricSink, metric: Option<&str>) -> Vec<MetricMetadata> {
    own(metric).chain(sink.metadata(metric)).collect()
}

/// Vigie's own metrics.
fn own(metric: Option<&str>) -> impl Iterator<Item = MetricMetadata> {
    let wanted =
        catalogue::ALL.iter().filter(move |one| metric.is_none_or(|name| name == one.name));
    wanted.map(|one| MetricMetadata {
        name: one.name.to_owned(),
        kind: match one.kind {
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Histogram => MetricType::Histogram,
            MetricKind::Info => MetricType::Info,
        },
        help: one.help.to_owned(),
        unit: one.unit.to_owned(),
    })
}
