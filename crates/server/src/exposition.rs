//! `GET /metrics`: every series of the catalogue in Prometheus's text format, or OpenMetrics where asked for.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use vigie_board::{Board, QueueView, SourceView, WorkerView};
use vigie_model::catalogue::{self, DURATION_BUCKETS, Metric, MetricKind};
use vigie_model::{QueueId, Time};

use crate::state::AppState;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every series of the catalogue. Absent figures have no series; a stale source's queues keep their last counts
/// out of sight, so that an alert on them cannot be quiet for the wrong reason.
#[utoipa::path(get, path = "/metrics", tag = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text, or OpenMetrics by Accept")))]
pub(crate) async fn metrics(State(app): State<AppState>, headers: HeaderMap) -> impl IntoResponse {
    let accepts =
        headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let open = accepts.contains("application/openmetrics-text");
    let kind = if open { OPENMETRICS } else { PROMETHEUS };
    ([(header::CONTENT_TYPE, kind)], text(&app, open))
}

fn text(app: &AppState, open: bool) -> String {
    let now = app.time();
    let board = app.board.read();
    let mut out = Exposition { text: String::with_capacity(64 * 1024), open };
    queues(&mut out, &board, now);
    jobs(&mut out, &board, now);
    workers(&mut out, &board, now);
    sources(&mut out, &board, now);
    own(&mut out, app, &board);
    if open {
        out.text.push_str("# EOF\n");
    }
    out.text
}

/// Writes series family by family.
struct Exposition {
    text: String,
    open: bool,
}

impl Exposition {
    /// Begins a family. OpenMetrics names counters and infos without their suffix here.
    fn family(&mut self, metric: &Metric) {
        let (kind, suffix) = match metric.kind {
            MetricKind::Gauge => ("gauge", ""),
            MetricKind::Counter => ("counter", "_total"),
            MetricKind::Histogram => ("histogram", ""),
            MetricKind::Info if self.open => ("info", "_info"),
            MetricKind::Info => ("gauge", ""),
        };
        let name = if self.open { metric.name.trim_end_matches(suffix) } else { metric.name };
        let _ = writeln!(self.text, "# HELP {name} {}", metric.help);
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if self.open && !metric.unit.is_empty() && name.ends_with(metric.unit) {
            let _ = writeln!(self.text, "# UNIT {name} {}", metric.unit);
        }
    }

    fn sample(
        &mut self,
        metric: &Metric,
        suffix: &str,
        values: &[&str],
        extra: Option<(&str, &str)>,
        value: f64,
    ) {
        debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
        self.text.push_str(metric.name);
        self.text.push_str(suffix);
        let own = metric.labels.iter().copied().zip(values.iter().copied());
        for (place, (label, value)) in own.chain(extra).enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        if !values.is_empty() || extra.is_some() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn value(&mut self, metric: &Metric, values: &[&str], value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.sample(metric, "", values, None, value);
        }
    }

    fn histogram(&mut self, metric: &Metric, values: &[&str], counts: &[u64], sum: f64) {
        let mut cumulative = 0;
        for (count, bound) in counts.iter().zip(DURATION_BUCKETS) {
            cumulative += count;
            let bound = if self.open { format!("{bound:?}") } else { bound.to_string() };
            self.sample(metric, "_bucket", values, Some(("le", &bound)), cumulative as f64);
        }
        cumulative += counts.last().copied().unwrap_or(0);
        self.sample(metric, "_bucket", values, Some(("le", "+Inf")), cumulative as f64);
        self.sample(metric, "_sum", values, None, sum);
        self.sample(metric, "_count", values, None, cumulative as f64);
    }
}

fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

fn labels(id: &QueueId) -> [&str; 3] {
    [id.source.as_str(), id.broker.as_str(), id.name.as_str()]
}

fn queues(out: &mut Exposition, board: &Board, now: Time) {
    let fresh = || board.queues(now).filter(|view| !view.stale);
    out.family(&catalogue::QUEUE_JOBS);
    for view in fresh() {
        let [source, kind, queue] = labels(view.id);
        for (state, count) in view.counts.by_state() {
            let values = [source, kind, queue, state];
            out.value(&catalogue::QUEUE_JOBS, &values, count.map(|count| count as f64));
        }
    }
    let number = |count: Option<u64>| count.map(|count| count as f64);
    type Figure<'a> = &'a dyn Fn(&QueueView<'_>) -> Option<f64>;
    let gauges: [(&Metric, Figure<'_>); 6] = [
        (&catalogue::QUEUE_OLDEST, &|view| view.oldest.map(|oldest| now.age(oldest))),
        (&catalogue::QUEUE_PAUSED, &|view| Some(f64::from(u8::from(view.paused)))),
        (&catalogue::QUEUE_DRAIN, &|view| view.drain.seconds()),
        (&catalogue::QUEUE_WORKERS, &|view| number(view.workers)),
        (&catalogue::QUEUE_CAPACITY, &|view| number(view.capacity)),
        (&catalogue::QUEUE_BUSY, &|view| number(view.busy)),
    ];
    for (metric, figure) in gauges {
        out.family(metric);
        for view in fresh() {
            out.value(metric, &labels(view.id), figure(&view));
        }
    }
}

fn jobs(out: &mut Exposition, board: &Board, now: Time) {
    let ids: Vec<&QueueId> = board.queues(now).map(|view| view.id).collect();
    out.family(&catalogue::JOBS_ENQUEUED);
    for id in &ids {
        let [source, kind, queue] = labels(id);
        for (job_type, count) in
            board.enqueued_by_type(id).into_iter().filter(|(name, count)| known(name, *count))
        {
            out.value(&catalogue::JOBS_ENQUEUED, &[source, kind, queue, job_type], count as f64);
        }
    }
    let outcomes: Vec<_> = ids.iter().map(|id| (labels(id), board.outcomes(id, now))).collect();
    let each = |visit: &mut dyn FnMut(&[&str; 5], &vigie_board::OutcomeHistogram<'_>)| {
        for ([source, kind, queue], rows) in &outcomes {
            for row in rows {
                visit(&[source, kind, queue, row.job_type, row.outcome.as_str()], row);
            }
        }
    };
    out.family(&catalogue::JOBS_FINISHED);
    each(&mut |values, row| {
        if known(row.job_type, row.finished) {
            out.value(&catalogue::JOBS_FINISHED, values, row.finished as f64);
        }
    });
    out.family(&catalogue::JOB_WAIT);
    each(&mut |values, row| {
        if let Some((counts, sum)) = row.wait() {
            out.histogram(&catalogue::JOB_WAIT, values, counts, sum);
        }
    });
    out.family(&catalogue::JOB_RUN);
    each(&mut |values, row| {
        if let Some((counts, sum)) = row.run() {
            out.histogram(&catalogue::JOB_RUN, values, counts, sum);
        }
    });
    type Figure = fn(&vigie_board::OutcomeHistogram<'_>) -> Option<f64>;
    let extremes: [(&Metric, Figure); 4] = [
        (&catalogue::JOB_WAIT_MIN, |row| row.recent_wait.min),
        (&catalogue::JOB_WAIT_MAX, |row| row.recent_wait.max),
        (&catalogue::JOB_RUN_MIN, |row| row.recent_run.min),
        (&catalogue::JOB_RUN_MAX, |row| row.recent_run.max),
    ];
    for (metric, figure) in extremes {
        out.family(metric);
        each(&mut |values, row| out.value(metric, values, figure(row)));
    }
}

/// Jobs of no known type have a series only once there are any.
fn known(job_type: &str, count: u64) -> bool {
    !job_type.is_empty() || count > 0
}

fn workers(out: &mut Exposition, board: &Board, now: Time) {
    type Figure = fn(&WorkerView<'_>) -> Option<f64>;
    let gauges: [(&Metric, Figure); 3] = [
        (&catalogue::WORKER_UP, |_| Some(1.0)),
        (&catalogue::WORKER_CAPACITY, |view| view.worker.capacity.map(f64::from)),
        (&catalogue::WORKER_BUSY, |view| view.worker.busy.map(f64::from)),
    ];
    for (metric, figure) in gauges {
        out.family(metric);
        for view in board.workers(now).filter(|view| !view.stale) {
            let host = view.worker.host.as_ref().map_or("", |host| host.as_str());
            let values =
                [view.source.as_str(), view.worker.broker.as_str(), view.worker.id.as_str(), host];
            out.value(metric, &values, figure(&view));
        }
    }
}

fn sources(out: &mut Exposition, board: &Board, now: Time) {
    type Figure = fn(&SourceView<'_>) -> Option<f64>;
    let gauges: [(&Metric, Figure); 6] = [
        (&catalogue::SOURCE_UP, |view| Some(f64::from(u8::from(view.up)))),
        (&catalogue::SOURCE_AGE, |view| view.age_seconds),
        (&catalogue::SOURCE_POLL, |view| view.good.map(|(_, cost)| cost.seconds)),
        (&catalogue::POLL_COMMANDS, |view| view.good.map(|(_, cost)| f64::from(cost.commands))),
        (&catalogue::POLL_ROUND_TRIPS, |view| {
            view.good.map(|(_, cost)| f64::from(cost.round_trips))
        }),
        (&catalogue::POLL_BYTES, |view| view.good.map(|(_, cost)| cost.bytes as f64)),
    ];
    for (metric, figure) in gauges {
        out.family(metric);
        for view in board.sources(now) {
            out.value(metric, &[view.name().as_str()], figure(&view));
        }
    }
    out.family(&catalogue::POLLS);
    for view in board.sources(now) {
        let source = view.name().as_str();
        out.value(&catalogue::POLLS, &[source, "succeeded"], view.polls_succeeded as f64);
        out.value(&catalogue::POLLS, &[source, "failed"], view.polls_failed as f64);
    }
}

fn own(out: &mut Exposition, app: &AppState, board: &Board) {
    out.family(&catalogue::FOLDED);
    for ((source, what), count) in board.folds() {
        out.value(&catalogue::FOLDED, &[source.as_str(), what], *count as f64);
    }
    let hub = app.hub.counters();
    let process = process();
    let figures: [(&Metric, Option<f64>); 7] = [
        (&catalogue::OBSERVATIONS_DROPPED, Some(app.dropped() as f64)),
        (&catalogue::STREAM_CLIENTS, Some(hub.clients.load(Ordering::Relaxed) as f64)),
        (&catalogue::STREAM_DROPPED, Some(hub.dropped.load(Ordering::Relaxed) as f64)),
        (&catalogue::STREAM_MESSAGES, Some(hub.messages.load(Ordering::Relaxed) as f64)),
        (&catalogue::STREAM_BYTES, Some(hub.bytes.load(Ordering::Relaxed) as f64)),
        (&catalogue::PROCESS_CPU, process.map(|(cpu, _)| cpu)),
        (&catalogue::PROCESS_MEMORY, process.map(|(_, memory)| memory)),
    ];
    for (metric, value) in figures {
        out.family(metric);
        out.value(metric, &[], value);
    }
    out.family(&catalogue::BUILD_INFO);
    out.value(&catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
}

/// CPU seconds and resident bytes of this process, from Linux's `/proc`; absent elsewhere.
fn process() -> Option<(f64, f64)> {
    const TICKS_PER_SECOND: f64 = 100.0; // USER_HZ, fixed in Linux's user interface
    const PAGE_BYTES: f64 = 4_096.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some(((number(11)? + number(12)?) / TICKS_PER_SECOND, number(21)? * PAGE_BYTES))
}
