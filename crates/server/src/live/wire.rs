//! The documents of the stream's topics.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use vigie_board::{Board, InstanceView, OverviewView, Point as BoardPoint, QueueView};
use vigie_model::Time;

use crate::api::instances::{Instance, Latency};
use crate::api::verdict::{Verdict, facts};
use crate::api::wire::{ActiveJob, Event, JobType, Jobs, Source, Stat, Totals, Worker};
use crate::time_text::rfc3339;

/// The data of an `event: snapshot`: the whole document of a topic.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Snapshot {
    /// The topic, as it was asked for.
    pub topic: String,
    /// When it was made.
    pub at: String,
    /// The document; see the `…Document` schemas.
    pub doc: serde_json::Value,
}

/// The data of an `event: patch`: an RFC 7396 merge patch of a topic's document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Patch {
    /// The topic, as it was asked for.
    pub topic: String,
    /// When it was made.
    pub at: String,
    /// The merge patch; null removes, which means absent.
    pub patch: serde_json::Value,
}

/// The data of an `event: lines`: log lines of a topic `logs:…`, in the order in which they came. The first has none and says that
/// lines are followed from here on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Lines {
    /// The topic, as it was asked for.
    pub topic: String,
    /// When it was sent.
    pub at: String,
    /// The lines; see `LogLine`.
    pub lines: Vec<crate::logs::LogLine>,
    /// Lines before these that came faster than they could be sent, and were not.
    pub skipped: u64,
    /// Why there will be no lines; absent while all is well.
    pub error: Option<String>,
}

/// Topic `now`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NowDocument {
    /// What a person should read first.
    pub verdict: Verdict,
    /// All queues together.
    pub overview: Overview,
    /// Latencies of the last five minutes, in bars.
    pub latency: LatencyHistogram,
    /// The newest second of the history of all queues together.
    pub point: Point,
}

/// Topic `queues`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueuesDocument {
    /// The queues by row id, a small number that holds while Vigie runs.
    pub rows: BTreeMap<String, Row>,
}

/// Topic `workers`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkersDocument {
    /// The workers by id.
    pub rows: BTreeMap<String, Worker>,
}

/// Topic `sources`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourcesDocument {
    /// The sources by name.
    pub rows: BTreeMap<String, Source>,
}

/// Topic `instances`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InstancesDocument {
    /// The instances by `source/role/instance`.
    pub rows: BTreeMap<String, InstanceRow>,
}

/// An instance as a row of a table: what the REST API says, and what stands behind it. Durations have three
/// significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InstanceRow {
    /// What the REST API says.
    #[serde(flatten)]
    pub instance: Instance,
    /// Where it listens, `host:port`; absent where nobody tells.
    pub address: Option<String>,
    /// Its source does not answer.
    pub stale: bool,
    /// The load balancer says up and the probe down, or the reverse.
    pub disagree: bool,
    /// How often it began anew while Vigie watched; absent where nobody tells.
    pub restarts: Option<u64>,
    /// Whether it leads its peers (n8n's main processes); absent where there is nothing to lead.
    pub leader: Option<bool>,
}

/// Topic `events`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventsDocument {
    /// The last 200 events by id.
    pub rows: BTreeMap<String, Event>,
}

/// Topic `queue:<source>/<kind>/<queue>`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueueDocument {
    /// Everything about it; absent when there is no such queue (any more).
    pub queue: Option<Queue>,
    /// The newest second of its history.
    pub point: Option<Point>,
}

/// All queues together. Rates are jobs a second over the last minute.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Overview {
    /// How many queues.
    pub queues: usize,
    /// Jobs waiting.
    pub waiting: Option<u64>,
    /// Jobs running.
    pub active: Option<u64>,
    /// Jobs scheduled.
    pub scheduled: Option<u64>,
    /// Jobs waiting for a retry.
    pub retry: Option<u64>,
    /// Jobs failed for good and still kept.
    pub failed_jobs: Option<u64>,
    /// Added.
    pub in_rate: Option<f64>,
    /// Attempts that ended.
    pub out_rate: Option<f64>,
    /// Attempts that failed.
    pub failed_rate: Option<f64>,
    /// Share of ended attempts that failed.
    pub error_ratio: Option<f64>,
    /// Waits of the last five minutes.
    pub wait_p95: Option<f64>,
    /// Runs of the last five minutes.
    pub run_p95: Option<f64>,
    /// Workers.
    pub workers: Option<u64>,
    /// Their slots; absent when a broker does not tell.
    pub capacity: Option<u64>,
    /// Jobs that run.
    pub busy: Option<u64>,
    /// When the oldest waiting job became eligible.
    pub oldest_at: Option<String>,
    /// `exact`, `gap` or `sampled`: the worst of the queues.
    pub quality: &'static str,
    /// Sources that answer.
    pub sources_up: usize,
    /// Sources.
    pub sources: usize,
}

/// Latencies (wait and run of one attempt) of all queues over the last five minutes, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LatencyHistogram {
    /// Upper bounds of the bars, ascending.
    pub bounds_seconds: Vec<f64>,
    /// Attempts in each bar: one more than bounds, the last is what is above them all.
    pub counts: Vec<u64>,
    /// The figures.
    #[serde(flatten)]
    pub stat: Stat,
}

/// One second of a history; see `History` for the names.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// Where the second begins.
    pub t: String,
    /// The figures by name; absent is a gap.
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, f64>,
}

/// A queue as a row of a table. Rates are jobs a second over the last minute; durations look back five minutes.
/// Figures have three significant digits; the REST API has them all.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Row {
    /// The source; how fresh the row is, its topic tells.
    pub source: String,
    /// `asynq`, `bull` or `bullmq`.
    pub kind: &'static str,
    /// Its name.
    pub queue: String,
    /// `ok`, `unknown`, `warning` or `critical`.
    pub severity: &'static str,
    /// What is the matter: a verdict's code.
    pub reason: Option<&'static str>,
    /// Whether it is paused.
    pub paused: bool,
    /// Its source does not answer: the figures are old.
    pub stale: bool,
    /// Jobs by state.
    #[serde(flatten)]
    pub jobs: Jobs,
    /// When the oldest waiting job became eligible.
    pub oldest_at: Option<String>,
    /// Added.
    pub in_rate: Option<f64>,
    /// Attempts that ended.
    pub out_rate: Option<f64>,
    /// Attempts that failed.
    pub failed_rate: Option<f64>,
    /// Share of ended attempts that failed.
    pub error_ratio: Option<f64>,
    /// Seconds until it is empty; negative when it grows.
    pub drain_seconds: Option<f64>,
    /// Whether it drains.
    pub drains: Option<bool>,
    /// From eligible to started.
    pub wait_p95: Option<f64>,
    /// From started to finished.
    pub run_p95: Option<f64>,
    /// Workers that consume it.
    pub workers: Option<u64>,
    /// Their slots.
    pub capacity: Option<u64>,
    /// Jobs that run.
    pub busy: Option<u64>,
    /// `exact`, `gap` or `sampled`.
    pub quality: &'static str,
}

/// Everything about one queue, as the stream sends it: ages are times, so that they need no message to tick.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Queue {
    /// The figures of its row.
    #[serde(flatten)]
    pub row: Row,
    /// When it was last read.
    pub seen: Option<String>,
    /// What happened since Vigie watches it.
    pub totals: Totals,
    /// From eligible to started.
    pub wait: Stat,
    /// From started to finished.
    pub run: Stat,
    /// By job type.
    pub types: Vec<JobType>,
    /// The longest-running jobs, oldest first, at most 20.
    pub active_jobs: Vec<ActiveJob>,
    /// What happened to it lately, newest first, at most 50.
    pub events: Vec<Event>,
    /// The broker's own words and counts.
    pub raw: BTreeMap<&'static str, u64>,
}

/// Three significant digits: what a screen shows, and no more than that on the wire.
pub(crate) fn shown(value: f64) -> f64 {
    significant(value, 3.0)
}

/// Two significant digits: for a forecast, which is no better than that.
fn about(value: f64) -> f64 {
    significant(value, 2.0)
}

fn significant(value: f64, digits: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let magnitude = value.abs().log10().floor();
    let behind = digits - 1.0;
    let scale = 10_f64.powf(behind - magnitude);
    // Dividing by a power of ten that is at least 1 keeps whole numbers whole and short fractions short.
    let rounded = (value * scale).round();
    if magnitude >= behind { rounded * 10_f64.powf(magnitude - behind) } else { rounded / scale }
}

/// A time to a tenth of a second: the clocks of Redis and Vigie are compared anew at each poll, and a millisecond
/// of difference is no news.
fn tenth(time: Time) -> String {
    rfc3339(Time::from_millis((time.millis() + 50).div_euclid(100) * 100))
}

impl Overview {
    pub(crate) fn new(view: &OverviewView) -> Self {
        let rates = view.rates;
        Self {
            queues: view.queues,
            waiting: view.counts.waiting,
            active: view.counts.active,
            scheduled: view.counts.scheduled,
            retry: view.counts.retry,
            failed_jobs: view.counts.failed,
            in_rate: rates.map(|rates| shown(rates.enqueued)),
            out_rate: rates.map(|rates| shown(rates.processed)),
            failed_rate: rates.map(|rates| shown(rates.failed)),
            error_ratio: rates.and_then(|rates| rates.error_ratio()).map(shown),
            wait_p95: view.wait.summary.p95.map(shown),
            run_p95: view.run.summary.p95.map(shown),
            workers: view.workers,
            capacity: view.capacity,
            busy: view.busy,
            oldest_at: view.oldest.map(tenth),
            quality: view.wait.quality.as_str(),
            sources_up: view.sources_up,
            sources: view.sources,
        }
    }
}

impl InstanceRow {
    /// Its id, and the row.
    pub(crate) fn new(view: &InstanceView<'_>) -> (String, Self) {
        let mut instance = Instance::new(view);
        instance.latency =
            Latency { p50: instance.latency.p50.map(shown), p95: instance.latency.p95.map(shown) };
        let id = format!("{}/{}/{}", instance.source, instance.role, instance.instance);
        let row = Self {
            instance,
            address: view.instance.address.as_ref().map(ToString::to_string),
            stale: view.stale,
            disagree: view.disagree,
            restarts: view.restarts,
            leader: view.instance.leader.filter(|_| !view.stale),
        };
        (id, row)
    }
}

impl LatencyHistogram {
    /// Two bars an octave-and-a-bit: 1, 2, 5, 10, … from a millisecond to an hour.
    const BOUNDS: [f64; 21] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0,
        100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0,
    ];

    pub(crate) fn new(board: &Board, now: Time) -> Self {
        let view = board.latency(&Self::BOUNDS, now);
        let exact = Stat::from(view.stat);
        let shown = |value: Option<f64>| value.map(shown);
        let stat = Stat {
            avg: shown(exact.avg),
            min: shown(exact.min),
            max: shown(exact.max),
            p50: shown(exact.p50),
            p95: shown(exact.p95),
            p99: shown(exact.p99),
            ..exact
        };
        Self { bounds_seconds: view.bounds, counts: view.counts, stat }
    }
}

impl Point {
    pub(crate) fn new(second: i64, point: &BoardPoint) -> Self {
        let figures = crate::api::figures(point).into_iter();
        Self {
            t: rfc3339(Time::from_seconds(second)),
            figures: figures
                .filter_map(|(name, value)| Some((name, shown_exactly(name, value?))))
                .collect(),
        }
    }
}

/// Counts stay whole; rates and durations are rounded for the screen.
fn shown_exactly(name: &str, value: f64) -> f64 {
    let measured =
        name.ends_with("_rate") || name.starts_with("wait_p") || name.starts_with("run_p");
    if measured { shown(value) } else { value }
}

impl Row {
    pub(crate) fn new(view: &QueueView<'_>, now: Time) -> Self {
        let cause = vigie_diagnose::of_queue(&facts(view), now).map(|(cause, _)| cause);
        let severity = match (&cause, view.stale) {
            (_, true) => "unknown",
            (Some(cause), false) => cause.severity().as_str(),
            (None, false) => "ok",
        };
        let rates = view.rates;
        Self {
            source: view.id.source.to_string(),
            kind: view.id.broker.as_str(),
            queue: view.id.name.to_string(),
            severity,
            reason: cause.map(|cause| cause.code()),
            paused: view.paused,
            stale: view.stale,
            jobs: view.counts.into(),
            oldest_at: view.oldest.map(tenth),
            in_rate: rates.map(|rates| shown(rates.enqueued)),
            out_rate: rates.map(|rates| shown(rates.processed)),
            failed_rate: rates.map(|rates| shown(rates.failed)),
            error_ratio: rates.and_then(|rates| rates.error_ratio()).map(shown),
            drain_seconds: view.drain.seconds().map(about),
            drains: view.drain.drains(),
            wait_p95: view.wait.summary.p95.map(shown),
            run_p95: view.run.summary.p95.map(shown),
            workers: view.workers,
            capacity: view.capacity,
            busy: view.busy,
            quality: view.wait.quality.worst(view.totals.quality).as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_shown() {
        let cases = [
            (0.0, "0.0"),
            (0.123_456, "0.123"),
            (123.456, "123.0"),
            (98_765.4, "98800.0"),
            (-1.0 / 3.0, "-0.333"),
            (0.000_012_345, "1.23e-5"),
            (f64::NAN, "0.0"),
        ];
        for (value, text) in cases {
            assert_eq!(format!("{:?}", shown(value)), text);
        }
    }
}
