//! `GET /api/v1/queue/failed`. A browser cannot send every queue's name in a path (`..`), so it is a parameter.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_model::{
    FailedJob as ModelJob, FailedList, FailedState, Level, LogEntry, Name, QueueId, Time,
};
use vigie_store::logs::{Condition, LogField, LogFilter, Order};

use super::queues::{find, no_queue};
use super::wire::micros;
use crate::access::Query;
use crate::logs::search;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 50;
/// Lines of the queue that are looked through for more about its jobs.
const LINES: usize = 500;
/// How far back, in seconds, at most; and how long before the oldest of the jobs.
const LINES_SECONDS: f64 = 86_400.0;
const BEFORE_SECONDS: f64 = 60.0;
/// The type of lines that are about a job that failed where the broker keeps none: n8n's executions.
const EXECUTION: &str = "execution";

/// Failed jobs of a queue as their broker keeps them, newest first; or why they cannot be told.
pub type JobsRead = Result<Arc<FailedList>, NotRead>;

/// Why failed jobs cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRead {
    /// The source keeps none of this queue.
    Unknown,
    /// It does not answer now, or may not; why, for people.
    NotNow(String),
}

/// Reads the failed jobs of a queue where its broker keeps them, at a bounded cost.
pub trait FailedJobReader: Send + Sync {
    /// The newest of them.
    fn read(&self, queue: QueueId) -> BoxFuture<'_, JobsRead>;
}

/// Which are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FailedFilter {
    /// The source's name.
    source: String,
    /// The queue's name.
    queue: String,
    /// `asynq`, `bull`, `bullmq` or `n8n`.
    kind: Option<String>,
    /// At most so many, up to 50; 20 by default.
    limit: Option<usize>,
}

/// The answer of `/failed`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FailedJobs {
    /// When this was read.
    at: String,
    /// The jobs, newest first.
    jobs: Vec<FailedJob>,
    /// Of Bull and BullMQ: jobs that wait or are for later, and were not looked at because there are too many. Some of them
    /// may wait for another attempt.
    unseen: u64,
}

/// A job whose last attempt failed. What nobody tells is null.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FailedJob {
    /// The broker's id of it.
    id: String,
    /// Its type.
    #[serde(rename = "type")]
    job_type: Option<String>,
    /// `failed`: for good; `retry`: it is tried again.
    state: &'static str,
    /// When its last attempt failed.
    time: Option<String>,
    /// How many attempts failed.
    attempt: Option<u32>,
    /// How many it is given.
    attempts: Option<u32>,
    /// What the handler said, at most 2,000 bytes; a longer text ends in `…`.
    error: Option<String>,
    /// The error, or all that the broker keeps of the job, is too long to be read.
    too_long: bool,
    /// The worker that ran it, as the broker calls it.
    worker: Option<String>,
    /// The process that wrote lines about it.
    instance: Option<String>,
    /// From eligible to started, of the last attempt.
    wait_seconds: Option<f64>,
    /// From started to finished, of the last attempt.
    run_seconds: Option<f64>,
    /// The trace that it belongs to, from the job itself or from lines about it.
    trace: Option<String>,
}

impl From<&ModelJob> for FailedJob {
    fn from(job: &ModelJob) -> Self {
        let text = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
        Self {
            id: job.id.to_string(),
            job_type: text(&job.job_type),
            state: job.state.as_str(),
            time: job.at.map(rfc3339),
            attempt: job.attempt,
            attempts: job.attempts,
            error: job.error.clone(),
            too_long: job.is_too_long,
            worker: text(&job.worker),
            instance: None,
            wait_seconds: job.wait.map(micros),
            run_seconds: job.run.map(micros),
            trace: job.trace.clone(),
        }
    }
}

/// The newest failed jobs of a queue, with what they failed of: as the broker keeps them, and of n8n as its lines tell.
#[utoipa::path(get, path = "/api/v1/queue/failed", tag = "queues", params(FailedFilter),
    responses((status = 200, body = FailedJobs), (status = 400, body = Problem),
        (status = 404, body = Problem, description = "no such queue"),
        (status = 409, body = Problem, description = "several brokers have a queue of this name"),
        (status = 503, body = Problem, description = "the source cannot be asked now, or may not be")))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<FailedFilter>,
) -> Result<Json<FailedJobs>, Problem> {
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::bad_parameter(format!(
            "limit is {limit}; it is between 1 and {MAX_LIMIT}."
        )));
    }
    let FailedFilter { source, queue, .. } = &filter;
    let now = app.time();
    let id = {
        let board = app.board.read();
        let id = find(&board, source, queue, filter.kind.as_deref())?;
        board.queue_view(&id, now).ok_or_else(|| no_queue(source, queue))?;
        id
    };
    let read = match &app.failed {
        Some(reader) => reader.read(id.clone()).await,
        None => Err(NotRead::Unknown),
    };
    let kept = match read {
        Ok(jobs) => jobs,
        Err(NotRead::Unknown) => Arc::default(),
        Err(NotRead::NotNow(why)) => return Err(Problem::unavailable(why)),
    };
    let oldest = kept.jobs.iter().take(limit).filter_map(|job| job.at).min();
    let since =
        oldest.map_or(now - LINES_SECONDS, |at| (at - BEFORE_SECONDS).max(now - LINES_SECONDS));
    let lines = match &app.logs {
        // They say more about the jobs that are there: without them, the list is still true.
        Some(_) => lines_of(&app, &id, since).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let jobs = joined(&kept.jobs, lines, limit);
    Ok(Json(FailedJobs { at: rfc3339(now), jobs, unseen: kept.unseen }))
}

/// The newest errors about jobs of a queue.
async fn lines_of(app: &AppState, id: &QueueId, since: Time) -> Result<Vec<LogEntry>, Problem> {
    let filter = LogFilter {
        start_nanos: since.micros().saturating_mul(1_000),
        min_level: Level::Warn,
        conditions: vec![Condition::equal(LogField::Queue, id.name.as_str())],
        ..LogFilter::default()
    };
    search(app, move |store, cancelled| {
        let mut scan = store.scan(filter, Order::NewestFirst, None);
        let mut lines = Vec::new();
        while lines.len() < LINES
            && let Some(found) = scan.next(cancelled)?
        {
            if !found.entry.job.is_empty() {
                lines.push(found.entry);
            }
        }
        Ok(lines)
    })
    .await
}

/// What the broker keeps, in its order, with what lines say beside; and jobs that only lines tell of.
fn joined(kept: &[ModelJob], lines: Vec<LogEntry>, limit: usize) -> Vec<FailedJob> {
    // Of whom nobody knows when it failed stays before what failed earlier.
    let mut by = None;
    let mut jobs: Vec<(Option<Time>, FailedJob)> = Vec::with_capacity(kept.len());
    for job in kept.iter().rev() {
        by = job.at.or(by);
        jobs.push((by, job.into()));
    }
    jobs.reverse();
    let mut known: HashMap<String, usize> =
        jobs.iter().enumerate().map(|(place, (_, job))| (job.id.clone(), place)).collect();
    // The newest line about a job says most of its last attempt.
    for line in lines {
        match known.get(&*line.job).and_then(|place| jobs.get_mut(*place)) {
            Some((_, job)) => add(job, &line),
            None if &*line.kind == EXECUTION && line.level >= Level::Error => {
                known.insert(line.job.to_string(), jobs.len());
                jobs.push((
                    Some(Time::from_micros(line.time_nanos.div_euclid(1_000))),
                    told(&line),
                ));
            }
            None => {}
        }
    }
    jobs.sort_by_key(|(at, _)| Reverse(*at));
    jobs.into_iter().take(limit).map(|(_, job)| job).collect()
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn add(job: &mut FailedJob, line: &LogEntry) {
    job.instance = job.instance.take().or_else(|| given(&line.instance));
    job.trace = job.trace.take().or_else(|| given(&line.trace));
}

/// A job as a line about it tells.
fn told(line: &LogEntry) -> FailedJob {
    let fields: serde_json::Value = serde_json::from_str(&line.fields).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(|value| value.as_str()).map(Name::from);
    let at = Time::from_micros(line.time_nanos.div_euclid(1_000));
    let job = ModelJob {
        at: Some(at),
        job_type: field("workflow"),
        worker: field("worker"),
        error: ModelJob::error_text(line.message.as_bytes()),
        ..ModelJob::new(Name::from(&*line.job), FailedState::Failed)
    };
    let mut told = FailedJob::from(&job);
    add(&mut told, line);
    told
}
