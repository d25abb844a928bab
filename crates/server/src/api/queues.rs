//! `GET /api/v1/queue/status` and `GET /api/v1/queue/{source}/{queue}`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_board::{Board, EventFilter, QueueView, SourceView};
use vigie_model::{Broker, Name, QueueId, SourceName, Time};

use super::wire::{ActiveJob, Event, JobType, QueueStatus, kinds, micros};
use crate::access::{Path, Query};
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// Which queues are asked for; what is left out is any.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueueFilter {
    /// Only of this source.
    source: Option<String>,
    /// Only of this name.
    queue: Option<String>,
    /// Only of this broker: `asynq`, `bull` or `bullmq`.
    kind: Option<String>,
}

/// A broker in a source, as `/queue/status` lists it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourceStatus {
    /// The source's name.
    source: String,
    /// A broker found in it; `redis` while none is.
    kind: &'static str,
    /// The last poll succeeded and is recent.
    up: bool,
    /// Seconds since the last good poll; null before the first.
    age_seconds: Option<f64>,
    /// How long that took.
    poll_seconds: Option<f64>,
    /// Why it is down.
    error: Option<String>,
}

/// The answer of `/queue/status`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueStatuses {
    /// The moment that this describes.
    at: String,
    /// Every source, once for each broker found in it.
    sources: Vec<SourceStatus>,
    /// The queues, by source, broker and name.
    queues: Vec<QueueStatus>,
}

/// Everything about one queue, with what is running and what happened lately.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueDetail {
    #[serde(flatten)]
    status: QueueStatus,
    /// The longest-running jobs, oldest first, at most 20.
    active_jobs: Vec<ActiveJob>,
    /// What happened to it lately, newest first, at most 50.
    events: Vec<Event>,
    /// The broker's own words and counts.
    raw: BTreeMap<&'static str, u64>,
}

/// The detailed state of the queues.
#[utoipa::path(get, path = "/api/v1/queue/status", tag = "queues", params(QueueFilter),
    responses((status = 200, body = QueueStatuses), (status = 400, body = Problem, description = "unknown kind or source")))]
pub(crate) async fn status(
    State(app): State<AppState>,
    Query(filter): Query<QueueFilter>,
) -> Result<Json<QueueStatuses>, Problem> {
    let kind = filter.kind.as_deref().map(parse_kind).transpose()?;
    let now = app.time();
    let board = app.board.read();
    check_source(&board, filter.source.as_deref(), now)?;
    let wants_source =
        |source: &str| filter.source.as_deref().is_none_or(|wanted| wanted == source);
    let sources = board.sources(now).filter(|source| wants_source(source.name().as_str()));
    let queues = board.queues(now).filter(|view| {
        wants_source(view.id.source.as_str())
            && kind.is_none_or(|kind| kind == view.id.broker)
            && filter.queue.as_deref().is_none_or(|wanted| wanted == view.id.name.as_str())
    });
    Ok(Json(QueueStatuses {
        at: rfc3339(now),
        sources: sources.flat_map(|source| source_statuses(&source)).collect(),
        queues: queues.map(|view| queue_status(&board, &view, now)).collect(),
    }))
}

/// One queue. The name may be that of queues of several brokers: then `kind` says which.
#[utoipa::path(get, path = "/api/v1/queue/{source}/{queue}", tag = "queues",
    params(("source" = String, Path, description = "The source's name."),
        ("queue" = String, Path, description = "The queue's name, percent-encoded."), KindFilter),
    responses((status = 200, body = QueueDetail), (status = 404, body = Problem, description = "no such queue"),
        (status = 409, body = Problem, description = "several brokers have a queue of this name")))]
pub(crate) async fn detail(
    State(app): State<AppState>,
    Path((source, queue)): Path<(String, String)>,
    Query(filter): Query<KindFilter>,
) -> Result<Json<QueueDetail>, Problem> {
    let now = app.time();
    let board = app.board.read();
    let id = find(&board, &source, &queue, filter.kind.as_deref())?;
    queue_detail(&board, &id, now).map(Json).ok_or_else(|| no_queue(&source, &queue))
}

/// Which broker is meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KindFilter {
    /// `asynq`, `bull` or `bullmq`.
    kind: Option<String>,
}

/// The queue that a source, a name and perhaps a kind mean.
pub(crate) fn find(
    board: &Board,
    source: &str,
    queue: &str,
    kind: Option<&str>,
) -> Result<QueueId, Problem> {
    let brokers = match kind {
        Some(kind) => vec![parse_kind(kind)?],
        None => board.brokers_of(source, queue),
    };
    match brokers[..] {
        [broker] => {
            Ok(QueueId { source: SourceName::new(source), broker, name: Name::from(queue) })
        }
        [] => Err(no_queue(source, queue)),
        _ => {
            let names: Vec<&str> = brokers.iter().map(|broker| broker.as_str()).collect();
            Err(Problem::ambiguous(format!(
                "Source {source:?} has a queue {queue:?} in each of {}: add ?kind= to say which.",
                names.join(", ")
            )))
        }
    }
}

pub(crate) fn no_queue(source: &str, queue: &str) -> Problem {
    Problem::not_found(format!(
        "Source {source:?} has no queue {queue:?}; GET /api/v1/queue/status lists what there is."
    ))
}

pub(crate) fn parse_kind(kind: &str) -> Result<Broker, Problem> {
    Broker::parse(kind).ok_or_else(|| {
        let known = Broker::ALL.map(Broker::as_str).join(", ");
        Problem::bad_parameter(format!("kind is {kind:?}; it is one of {known}."))
    })
}

/// Refuses the name of a source that is none: an empty list would say that all is quiet there.
pub(crate) fn check_source(board: &Board, source: Option<&str>, now: Time) -> Result<(), Problem> {
    let Some(source) = source else { return Ok(()) };
    let known: Vec<&str> = board.sources(now).map(|view| view.settings.name.as_str()).collect();
    if known.contains(&source) {
        return Ok(());
    }
    let known = known.join(", ");
    Err(Problem::bad_parameter(format!("source is {source:?}; it is one of {known}.")))
}

pub(crate) fn queue_detail(board: &Board, id: &QueueId, now: Time) -> Option<QueueDetail> {
    let view = board.queue_view(id, now)?;
    let about = EventFilter::of_queue(id);
    Some(QueueDetail {
        status: queue_status(board, &view, now),
        active_jobs: view.active_jobs.iter().map(Into::into).collect(),
        events: events_of(board.timeline().newest(&about).take(50)),
        raw: view.raw.iter().copied().collect(),
    })
}

/// Events of a timeline as they are on the wire.
pub(crate) fn events_of<'a>(
    events: impl Iterator<Item = &'a (vigie_model::EventId, vigie_model::Event)>,
) -> Vec<Event> {
    events.map(|(id, event)| Event::new(*id, event)).collect()
}

fn queue_status(board: &Board, view: &QueueView<'_>, now: Time) -> QueueStatus {
    let types: Vec<JobType> = board.types(view.id, now).map(Into::into).collect();
    QueueStatus::new(view, types, now)
}

fn source_statuses(source: &SourceView<'_>) -> Vec<SourceStatus> {
    let mut found = kinds(source);
    if found.is_empty() {
        found.push(source.settings.kind);
    }
    let status = |kind| SourceStatus {
        source: source.name().to_string(),
        kind,
        up: source.up,
        age_seconds: source.age_seconds.map(micros),
        poll_seconds: source.good.map(|(_, cost)| micros(cost.seconds)),
        error: source.error(),
    };
    found.into_iter().map(status).collect()
}
