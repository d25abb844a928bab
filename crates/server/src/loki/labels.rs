//! `/loki/api/v1/labels`, `label/…/values` and `series`.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value, json};
use vigie_model::Labels;
use vigie_query::logql::{StreamFigures, parse_selector};
use vigie_store::Matcher;

use super::answer::success;
use super::error::LokiError;
use super::evaluate::evaluate;
use super::params::Params;
use super::query::now;
use crate::state::AppState;

/// The streams that match one of several lists and have lines within a range of nanoseconds.
pub(super) async fn streams(
    app: &AppState,
    matchers: Vec<Vec<Matcher>>,
    range: (i64, i64),
) -> Result<Vec<StreamFigures>, LokiError> {
    let found = evaluate(app.loki()?, move |engine, source, control| {
        Ok(engine.streams(source, &matchers, range, control)?)
    });
    Ok(found.await?.value)
}

/// Selectors, of which empty ones and `{}` mean every stream.
pub(super) fn selectors<'a>(
    given: impl Iterator<Item = &'a str>,
) -> Result<Vec<Vec<Matcher>>, LokiError> {
    let mut found = Vec::new();
    for text in given {
        if matches!(text.trim(), "" | "{}") {
            return Ok(Vec::new());
        }
        found.push(parse_selector(text)?);
    }
    Ok(found)
}

async fn asked(app: &AppState, params: &Params) -> Result<Vec<StreamFigures>, LokiError> {
    let query = [params.get("query")];
    streams(app, selectors(query.into_iter())?, params.range(now(app))?).await
}

/// The names of the labels of streams.
#[utoipa::path(method(get, post), path = "/loki/api/v1/labels", tag = "loki", operation_id = "loki_labels",
    params(("query" = Option<String>, Query, description = "A stream selector."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("since" = Option<String>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn names(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let found = asked(&app, &params).await?;
    let names = found.iter().flat_map(|stream| stream.labels.iter().map(|label| &*label.name));
    Ok(success(&json!(names.collect::<BTreeSet<_>>())))
}

/// The values of a label of streams.
#[utoipa::path(method(get, post), path = "/loki/api/v1/label/{name}/values", tag = "loki",
    operation_id = "loki_label_values",
    params(("name" = String, Path), ("query" = Option<String>, Query, description = "A stream selector."),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("since" = Option<String>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn values(
    State(app): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, LokiError> {
    let found = asked(&app, &params).await?;
    let values = found.iter().filter_map(|stream| stream.labels.get(&name));
    Ok(success(&json!(values.collect::<BTreeSet<_>>())))
}

/// Labels as a JSON object.
pub(super) fn object(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|label| (label.name.to_string(), json!(&*label.value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// The labels of streams.
#[utoipa::path(method(get, post), path = "/loki/api/v1/series", tag = "loki", operation_id = "loki_series",
    params(("match[]" = Vec<String>, Query, description = "Stream selectors."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("since" = Option<String>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn series(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let matchers = selectors(params.all("match"))?;
    let found = streams(&app, matchers, params.range(now(&app))?).await?;
    Ok(success(&Value::Array(found.iter().map(|stream| object(&stream.labels)).collect())))
}
