//! `GET /api/v1/events`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_board::EventFilter;
use vigie_model::{EventKind, Name, SourceName};

use super::queues::parse_kind;
use super::wire::Event;
use crate::access::Query;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Which events are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only of this type, for example `queue_paused`.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only of this source.
    source: Option<String>,
    /// Only about queues and workers of this broker: `asynq`, `bull` or `bullmq`.
    kind: Option<String>,
    /// Only about this queue.
    queue: Option<String>,
    /// At most so many, up to 1000; 100 by default.
    limit: Option<usize>,
    /// From the `next_cursor` of an earlier answer: only what is older.
    cursor: Option<String>,
}

/// The answer of `/events`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Events {
    /// The moment that this describes.
    at: String,
    /// The events, newest first.
    events: Vec<Event>,
    /// What to ask for next to get older ones; null when there are none.
    next_cursor: Option<String>,
}

/// What happened: sources lost and found, queues that came, went, were paused and resumed, workers that came and
/// went, instances that came, went, went down and came back. Kept in memory: the last 2,000 of this run.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = Events), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Events>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::bad_parameter(format!(
            "limit is {limit}; it is between 1 and {MAX_LIMIT}."
        )));
    }
    let filter = EventFilter {
        kind: query.event_type.as_deref().map(parse_type).transpose()?,
        source: query.source.as_deref().map(SourceName::new),
        broker: query.kind.as_deref().map(parse_kind).transpose()?,
        queue: query.queue.as_deref().map(Name::from),
        before: query.cursor.as_deref().map(parse_cursor).transpose()?,
    };
    let now = app.time();
    let board = app.board.read();
    let mut wanted = board.timeline().newest(&filter);
    let events: Vec<Event> = wanted.by_ref().take(limit).map(Into::into).collect();
    let next_cursor = wanted.next().and_then(|_| events.last().map(|event| event.id.clone()));
    Ok(Json(Events { at: rfc3339(now), events, next_cursor }))
}

fn parse_type(text: &str) -> Result<EventKind, Problem> {
    EventKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Problem::bad_parameter(format!("type is {text:?}; it is one of {}.", known.join(", ")))
    })
}

fn parse_cursor(text: &str) -> Result<u64, Problem> {
    let wrong = |_| {
        Problem::bad_parameter(format!(
            "cursor is {text:?}; it comes from next_cursor of an answer."
        ))
    };
    text.parse().map_err(wrong)
}
