//! Makes the documents of the topics from the board.

use serde::Serialize;
use serde_json::{Map, Value, json};
use vigie_board::{Board, EventFilter, Span};
use vigie_model::{QueueId, Time};

use super::topic::Topic;
use super::wire::{InstanceRow, LatencyHistogram, Overview, Point, Queue, Row};
use crate::api::events_of;
use crate::api::verdict::verdict;
use crate::api::wire::{JobType, Source, Worker};
use crate::time_text::rfc3339;

/// Events of the topic `events`.
const EVENTS: usize = 200;
/// The newest point is of a second that ended this long ago, so that its events have arrived.
const SETTLED_SECONDS: f64 = 0.4;

/// The document of a topic. Absent figures are left out: to a merge patch that is the same as null.
pub(crate) fn document(topic: &Topic, board: &Board, now: Time) -> Value {
    let document = match topic {
        Topic::Now => json!({
            "verdict": without_text(value(&verdict(board, now))),
            "overview": value(&Overview::new(&board.overview(now))),
            "latency": value(&LatencyHistogram::new(board, now)),
            "point": overall_point(board, now),
        }),
        Topic::Queues => {
            rows(board.queues(now).map(|view| (view.row.to_string(), Row::new(&view, now))))
        }
        Topic::Workers => {
            rows(board.workers(now).map(|view| (view.worker.id.to_string(), Worker::new(&view))))
        }
        Topic::Sources => {
            rows(board.sources(now).map(|view| (view.name().to_string(), Source::new(&view))))
        }
        Topic::Instances => rows(board.instances(now).map(|view| InstanceRow::new(&view))),
        Topic::Events => {
            let newest = EventFilter::default();
            let events = events_of(board.timeline().newest(&newest).take(EVENTS));
            rows(events.into_iter().map(|event| (event.id.clone(), event)))
        }
        Topic::Queue(id) => {
            json!({ "queue": queue(board, id, now), "point": queue_point(board, id, now) })
        }
    };
    without_nulls(document)
}

/// The rows of those queues that were observed since `version` was seen, by row id.
pub(crate) fn changed_rows<'a>(
    board: &'a Board,
    now: Time,
    changed: impl Fn(u32, u64) -> bool + 'a,
) -> impl Iterator<Item = (String, Value)> + 'a {
    board
        .queues(now)
        .filter(move |view| changed(view.row, view.version))
        .map(move |view| (view.row.to_string(), without_nulls(value(&Row::new(&view, now)))))
}

/// The sentence ticks, and who listens has words of its own.
fn without_text(mut verdict: Value) -> Value {
    if let Some(map) = verdict.as_object_mut() {
        map.remove("text");
        for also in map.get_mut("also").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(also) = also.as_object_mut() {
                also.remove("text");
            }
        }
    }
    verdict
}

fn rows<T: Serialize>(rows: impl Iterator<Item = (String, T)>) -> Value {
    let rows: Map<String, Value> = rows.map(|(id, row)| (id, value(&row))).collect();
    json!({ "rows": rows })
}

fn value(shape: &impl Serialize) -> Value {
    // Our own shapes have text keys and finite numbers only, so this does not fail.
    serde_json::to_value(shape).unwrap_or(Value::Null)
}

fn newest_second(now: Time) -> Span {
    Span { start: (now - SETTLED_SECONDS).seconds() - 1, step: 1, points: 1 }
}

fn overall_point(board: &Board, now: Time) -> Value {
    let columns = board.overall_history(newest_second(now));
    columns
        .points
        .first()
        .map_or(Value::Null, |point| value(&Point::new(columns.span.start, point)))
}

fn queue_point(board: &Board, id: &QueueId, now: Time) -> Value {
    let Some(columns) = board.history(id, newest_second(now)) else { return Value::Null };
    columns
        .points
        .first()
        .map_or(Value::Null, |point| value(&Point::new(columns.span.start, point)))
}

fn queue(board: &Board, id: &QueueId, now: Time) -> Value {
    let Some(view) = board.queue_view(id, now) else { return Value::Null };
    let about = EventFilter::of_queue(id);
    value(&Queue {
        row: Row::new(&view, now),
        seen: view.seen.map(rfc3339),
        totals: view.totals.into(),
        wait: view.wait.into(),
        run: view.run.into(),
        types: board.types(id, now).map(JobType::from).collect(),
        active_jobs: view.active_jobs.iter().map(Into::into).collect(),
        events: events_of(board.timeline().newest(&about).take(50)),
        raw: view.raw.iter().copied().collect(),
    })
}

fn without_nulls(document: Value) -> Value {
    match document {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect::<Map<String, Value>>()
            .into(),
        other => other,
    }
}
