//! `/loki/api/v1/query`, `query_range` and `format_query`.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use vigie_query::logql::{LogAnswer, LogRangeQuery, parse};

use super::answer::{Cost, answer, success};
use super::error::LokiError;
use super::evaluate::{Evaluated, evaluate};
use super::params::Params;
use crate::state::AppState;

/// Lines of an answer where nobody says how many.
const LINES: usize = 100;

/// The time, in nanoseconds since the Unix epoch.
pub(super) fn now(app: &AppState) -> i64 {
    app.time().micros().saturating_mul(1_000)
}

/// Evaluates LogQL for numbers at one time, as Loki does.
#[utoipa::path(method(get, post), path = "/loki/api/v1/query", tag = "loki",
    operation_id = "loki_query",
    params(("query" = String, Query, description = "LogQL; not one for lines."),
        ("time" = Option<String>, Query, description = "Nanoseconds, seconds or RFC 3339; now by default.")),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn instant(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let now = now(&app);
    let time = params.time("time", now)?;
    let query = params.query()?.to_owned();
    let evaluated = evaluate(app.loki()?, move |engine, source, control| {
        Ok(engine.instant(source, &query, (time, now), control)?)
    });
    Ok(respond(&evaluated.await?, params.categorize))
}

/// Evaluates LogQL over a range, as Loki does: lines, or numbers at each step.
#[utoipa::path(method(get, post), path = "/loki/api/v1/query_range", tag = "loki",
    operation_id = "loki_query_range",
    params(("query" = String, Query, description = "LogQL."),
        ("start" = Option<String>, Query, description = "Nanoseconds, seconds or RFC 3339; an hour ago by default."),
        ("end" = Option<String>, Query, description = "Now by default; lines end before it."),
        ("since" = Option<String>, Query, description = "How long before `end` it starts."),
        ("limit" = Option<u64>, Query, description = "Lines: 100 by default, at most 5,000."),
        ("direction" = Option<String>, Query, description = "`backward` (the default) or `forward`."),
        ("step" = Option<String>, Query, description = "Seconds, or a duration; at most 11,000 steps."),
        ("interval" = Option<String>, Query, description = "Of lines, only those that are so far apart: seconds, or a duration.")),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn range(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let logs = app.loki()?;
    let now = now(&app);
    let (start, end) = params.range(now)?;
    let asked = LogRangeQuery {
        start,
        end,
        step: params.step((start, end))?,
        direction: params.direction()?,
        limit: params.limit("limit", LINES, logs.engine.limits().max_entries)?,
        interval: params.interval()?,
        now,
    };
    let query = params.query()?.to_owned();
    let evaluated = evaluate(logs, move |engine, source, control| {
        Ok(engine.range(source, &query, &asked, control)?)
    });
    Ok(respond(&evaluated.await?, params.categorize))
}

fn respond(evaluated: &Evaluated<LogAnswer>, categorize: bool) -> Response {
    let Evaluated { value, queued, ran } = evaluated;
    let cost = Cost { stats: value.stats, queued: *queued, ran: *ran };
    answer(&value.value, cost, categorize)
}

/// A query in one form, on one line.
#[utoipa::path(method(get, post), path = "/loki/api/v1/format_query", tag = "loki",
    operation_id = "loki_format_query", params(("query" = String, Query, description = "LogQL.")),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn format(params: Params) -> Result<Response, LokiError> {
    Ok(success(&json!(parse(params.query()?)?.to_string())))
}
