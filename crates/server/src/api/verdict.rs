//! `GET /api/v1/verdict`: the verdict on the wire, and how the board's figures are handed to the diagnosis.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use vigie_board::{Board, InstanceView, QueueView};
use vigie_diagnose::{
    Facts, InstanceFacts, NotKeptFacts, OverdueFacts, Place, QueueFacts, SourceFacts, Value,
    Verdict as Diagnosis,
};
use vigie_model::Time;

use crate::access::NoQuery;
use crate::live::wire::shown;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// The kind of sources that have queues.
const QUEUES: &str = "redis";

/// What a person should read first: is anything wrong, what, where, since when.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(no_recursion)]
pub struct Verdict {
    /// `ok`, `unknown`, `warning` or `critical`.
    pub severity: &'static str,
    /// What is the matter, for example `stuck_workers_idle`.
    pub code: &'static str,
    /// The source, when it is about one.
    pub source: Option<String>,
    /// The broker, when it is about a queue.
    pub kind: Option<&'static str>,
    /// The queue, when it is about one.
    pub queue: Option<String>,
    /// Since when, if that is known.
    pub since: Option<String>,
    /// What the sentence is made with: numbers, words, or null. Ages are not among them: see `since`.
    pub values: BTreeMap<&'static str, serde_json::Value>,
    /// The sentence, in English; absent on the live stream, where it would be a message a second.
    pub text: String,
    /// What else is the matter, worst first; at most four.
    pub also: Vec<Verdict>,
    /// How many things are the matter beyond those.
    pub more: usize,
}

/// Is anything stuck, where, since when, and why: one sentence, and what it is made of.
#[utoipa::path(get, path = "/api/v1/verdict", tag = "queues", responses((status = 200, body = Verdict), (status = 400, body = Problem, description = "a parameter: there are none")))]
pub(crate) async fn show(_: NoQuery, State(app): State<AppState>) -> Json<Verdict> {
    let now = app.time();
    Json(verdict(&app.board.read(), now))
}

impl Verdict {
    fn new(diagnosis: &Diagnosis, now: Time) -> Self {
        // What ticks by itself would be a message every time; who shows an age counts it from `since`.
        let lasting =
            |name: &str| matches!(name, "idle_seconds" | "hung_seconds" | "oldest_seconds");
        let values = diagnosis.cause.values().into_iter().filter(|(name, _)| !lasting(name));
        let values = values.map(|(name, value)| (name, json(value)));
        Self {
            severity: diagnosis.severity().as_str(),
            code: diagnosis.cause.code(),
            source: diagnosis.place.source.clone(),
            kind: diagnosis.place.broker.map(|broker| broker.as_str()),
            queue: diagnosis.place.queue.clone(),
            since: diagnosis.since.map(rfc3339),
            values: values.collect(),
            text: diagnosis.sentence(now),
            also: diagnosis.also.iter().map(|also| Self::new(also, now)).collect(),
            more: diagnosis.more,
        }
    }
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            (number as i64).into()
        }
        Value::Number(number) => shown(number).into(),
        Value::Text(text) => text.into(),
        Value::Absent => serde_json::Value::Null,
    }
}

/// What the diagnosis may know of a queue.
pub(crate) fn facts(view: &QueueView<'_>) -> QueueFacts {
    QueueFacts {
        stale: view.stale,
        paused: view.paused,
        waiting: view.counts.waiting,
        workers: view.workers,
        oldest: view.oldest,
        running: view.counts.active,
        idle_since: view.idle_since,
        hung_since: view.hung_since,
        net_rate: view.rates.map(|rates| rates.enqueued - rates.processed),
        drains: view.drain.drains(),
        error_ratio: view.rates.and_then(|rates| rates.error_ratio()),
        failed_rate: view.rates.map(|rates| rates.failed),
    }
}

/// The verdict on everything that the board holds.
pub(crate) fn verdict(board: &Board, now: Time) -> Verdict {
    let sources = board.sources(now).map(|source| SourceFacts {
        name: source.name().to_string(),
        has_queues: source.settings.kind == QUEUES,
        polled: source.report.is_some(),
        error: source.error(),
        since: source.since,
    });
    let queues = board.queues(now).map(|view| {
        let place = Place {
            source: Some(view.id.source.to_string()),
            broker: Some(view.id.broker),
            queue: Some(view.id.name.to_string()),
        };
        (place, facts(&view), view.drain.seconds())
    });
    let told = |view: &InstanceView<'_>| !view.stale && !view.is_taken_out();
    let instances = board.instances(now).filter(told).map(|view| InstanceFacts {
        source: view.source.to_string(),
        role: view.instance.key.role.to_string(),
        name: view.known_as().to_string(),
        address: view.instance.address.as_ref().map(ToString::to_string),
        is_named: view.is_named(),
        status: view.status,
        since: view.since,
        error: view.error,
    });
    let overdue = board.schedules(now).filter_map(|(source, schedule, at)| {
        let late = schedule.overdue.filter(|late| *late > 0.0)?;
        let (source, schedule) = (source.to_string(), schedule.name.to_string());
        Some(OverdueFacts { source, schedule, since: at - late })
    });
    let not_kept = board.not_kept().map(|(what, not_kept)| NotKeptFacts {
        what: what.as_str(),
        error: not_kept.why.clone(),
        since: not_kept.since,
    });
    let facts = Facts {
        sources: sources.collect(),
        queues: queues.collect(),
        instances: instances.collect(),
        overdue: overdue.collect(),
        not_kept: not_kept.collect(),
    };
    Verdict::new(&vigie_diagnose::verdict(&facts, now), now)
}
