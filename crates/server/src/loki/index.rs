//! `/loki/api/v1/index/…`: how much there is.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use vigie_model::{Label, Labels};
use vigie_query::logql::{LogValue, StreamFigures};
use vigie_query::{InstantSample, QueryValue, RangeSeries, SampleValue};
use vigie_store::Matcher;

use super::answer::{Cost, answer, json_of};
use super::error::LokiError;
use super::evaluate::evaluate;
use super::labels::{selectors, streams};
use super::params::Params;
use super::query::now;
use crate::state::AppState;

/// Series of a volume where nobody says how many, and the most.
const SERIES: (usize, usize) = (100, 1_000);
/// Steps of a volume over a range.
const STEPS: i64 = 1_000;

/// How many streams, lines and bytes a selector has. Chunks are Loki's; Vigie has none.
#[utoipa::path(method(get, post), path = "/loki/api/v1/index/stats", tag = "loki", operation_id = "loki_index_stats",
    params(("query" = String, Query, description = "A stream selector."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn stats(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let matchers = selectors([params.query()?].into_iter())?;
    let found = streams(&app, matchers, params.range(now(&app))?).await?;
    let sum = |of: fn(&StreamFigures) -> u64| found.iter().map(of).sum::<u64>();
    Ok(json_of(&json!({
        "streams": found.len(), "chunks": 0, "bytes": sum(|one| one.bytes), "entries": sum(|one| one.lines),
    })))
}

/// By what a volume is told.
struct Volume {
    matchers: Vec<Vec<Matcher>>,
    /// The labels that make a series.
    targets: Vec<String>,
    /// A series a name of a label, whatever its value.
    by_name: bool,
    limit: usize,
}

impl Volume {
    fn of(params: &Params) -> Result<Self, LokiError> {
        let matchers = selectors([params.query()?].into_iter())?;
        let named = params.get("targetLabels").split(',').map(str::trim);
        let mut targets: Vec<String> =
            named.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let by_name = match params.get("aggregateBy") {
            "" | "series" => false,
            "labels" => true,
            other => {
                return Err(LokiError::bad(format!(
                    "invalid aggregateBy {other:?}: series or labels"
                )));
            }
        };
        if targets.is_empty() && !by_name {
            targets = matchers.iter().flatten().map(|one| one.name().to_owned()).collect();
        }
        let limit = params.limit("limit", SERIES.0, SERIES.1)?;
        Ok(Self { matchers, targets, by_name, limit })
    }

    /// Bytes by series.
    fn bytes(&self, found: &[StreamFigures]) -> BTreeMap<Labels, u64> {
        let mut volumes = BTreeMap::new();
        let wanted = |label: &&Label| {
            self.targets.iter().any(|name| **name == *label.name)
                || (self.by_name && self.targets.is_empty())
        };
        for stream in found {
            let named = stream.labels.iter().filter(wanted);
            if self.by_name {
                for label in named {
                    // Labels hold no empty value, so that the name is both.
                    let one = Labels::new(vec![Label::new(label.name.clone(), label.name.clone())]);
                    *volumes.entry(one).or_default() += stream.bytes;
                }
            } else {
                let labels = Labels::new(named.cloned().collect());
                // A selector without a label in common, such as `{}`, is one series.
                *volumes.entry(labels).or_default() += stream.bytes;
            }
        }
        volumes
    }
}

/// The bytes of each series of a selector, the largest first.
#[utoipa::path(method(get, post), path = "/loki/api/v1/index/volume", tag = "loki", operation_id = "loki_volume",
    params(("query" = String, Query, description = "A stream selector."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("targetLabels" = Option<String>, Query, description = "Labels that make a series, with commas."),
        ("aggregateBy" = Option<String>, Query, description = "`series` (the default) or `labels`.")),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn volume(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let volume = Volume::of(&params)?;
    let (start, end) = params.range(now(&app))?;
    let found = streams(&app, volume.matchers.clone(), (start, end)).await?;
    let mut volumes: Vec<_> = volume.bytes(&found).into_iter().collect();
    volumes.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    volumes.truncate(volume.limit);
    let time = end.div_euclid(1_000_000);
    let sample = |(labels, bytes): (Labels, u64)| InstantSample {
        labels,
        time,
        value: SampleValue::Float(bytes as f64),
    };
    let value = QueryValue::Vector(volumes.into_iter().map(sample).collect());
    Ok(answer(&LogValue::Metric(value), Cost::default(), false))
}

/// The bytes of each series of a selector, step by step.
#[utoipa::path(method(get, post), path = "/loki/api/v1/index/volume_range", tag = "loki",
    operation_id = "loki_volume_range",
    params(("query" = String, Query, description = "A stream selector."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("step" = Option<String>, Query, description = "At most 1,000 steps."),
        ("limit" = Option<u64>, Query), ("targetLabels" = Option<String>, Query), ("aggregateBy" = Option<String>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn volume_range(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let volume = Volume::of(&params)?;
    let (start, end) = params.range(now(&app))?;
    let step = params.step((start, end))?;
    if (i128::from(end) - i128::from(start)) / i128::from(step) > i128::from(STEPS) {
        return Err(LokiError::bad(format!(
            "the volume has more than {STEPS} steps: choose a longer step"
        )));
    }
    let limit = volume.limit;
    let evaluated = evaluate(app.loki()?, move |engine, source, control| {
        let mut series: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        let mut from = start;
        while from < end {
            let to = from.saturating_add(step).min(end);
            let found = engine.streams(source, &volume.matchers, (from, to), control)?;
            for (labels, bytes) in volume.bytes(&found) {
                series.entry(labels).or_default().push((to.div_euclid(1_000_000), bytes as f64));
            }
            from = to;
        }
        Ok(series)
    });
    let mut series: Vec<_> = evaluated.await?.value.into_iter().collect();
    let total = |points: &[(i64, f64)]| points.iter().map(|(_, bytes)| bytes).sum::<f64>();
    series.sort_by(|one, two| total(&two.1).total_cmp(&total(&one.1)));
    series.truncate(limit);
    let series = series.into_iter().map(|(labels, floats)| RangeSeries {
        labels,
        floats,
        histograms: vec![],
    });
    let value = QueryValue::Matrix(series.collect());
    Ok(answer(&LogValue::Metric(value), Cost::default(), false))
}
