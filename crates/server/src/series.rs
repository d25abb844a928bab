//! Every series of the catalogue with its value now: what `/metrics` shows and what is kept in the store.

use std::sync::atomic::Ordering;

use vigie_board::{
    Board, DurationTotals, InstanceView, OutcomeHistogram, QueueView, SourceView, WorkerView,
};
use vigie_model::catalogue::{self, Metric};
use vigie_model::{InstanceStatus, QueueId, Time};
use vigie_remote::{ForwardStatus, RemoteStatus, ShardStatus};

use crate::prometheus::Metrics;
use crate::state::AppState;

/// The value of a series.
#[derive(Debug, Clone, Copy)]
pub enum SeriesValue<'a> {
    /// Of a gauge, a counter or an info.
    Number(f64),
    /// Of a histogram.
    Durations(&'a DurationTotals),
}

/// Takes the series one by one.
pub trait SeriesVisitor {
    /// The series that follow are of this metric. Each metric of the catalogue comes once, whether it has series
    /// or not.
    fn family(&mut self, metric: &'static Metric);

    /// One series; `values` are those of the metric's labels.
    fn series(&mut self, metric: &'static Metric, values: &[&str], value: SeriesValue<'_>);
}

/// Visits every series of the catalogue. Absent figures have no series; a stale source's queues have no gauges, so
/// that an alert on them cannot be quiet for the wrong reason.
pub fn visit_series(app: &AppState, visitor: &mut dyn SeriesVisitor) {
    let now = app.time();
    let board = app.board.read();
    queues(visitor, &board, now);
    jobs(visitor, &board, now);
    overall(visitor, &board, now);
    workers(visitor, &board, now);
    instances(visitor, &board, now);
    schedules(visitor, &board, now);
    sources(visitor, &board, now);
    own(visitor, app, &board);
}

fn number(
    visitor: &mut dyn SeriesVisitor,
    metric: &'static Metric,
    values: &[&str],
    value: impl Into<Option<f64>>,
) {
    if let Some(value) = value.into() {
        visitor.series(metric, values, SeriesValue::Number(value));
    }
}

fn labels(id: &QueueId) -> [&str; 3] {
    [id.source.as_str(), id.broker.as_str(), id.name.as_str()]
}

fn queues(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    let fresh = || board.queues(now).filter(|view| !view.stale);
    visitor.family(&catalogue::QUEUE_JOBS);
    for view in fresh() {
        let [source, kind, queue] = labels(view.id);
        for (state, count) in view.counts.by_state() {
            let values = [source, kind, queue, state];
            number(visitor, &catalogue::QUEUE_JOBS, &values, count.map(|count| count as f64));
        }
    }
    let count = |count: Option<u64>| count.map(|count| count as f64);
    type Figure<'a> = &'a dyn Fn(&QueueView<'_>) -> Option<f64>;
    let gauges: [(&'static Metric, Figure<'_>); 6] = [
        (&catalogue::QUEUE_OLDEST, &|view| view.oldest.map(|oldest| now.age(oldest))),
        (&catalogue::QUEUE_PAUSED, &|view| Some(f64::from(u8::from(view.paused)))),
        (&catalogue::QUEUE_DRAIN, &|view| view.drain.seconds()),
        (&catalogue::QUEUE_WORKERS, &|view| count(view.workers)),
        (&catalogue::QUEUE_CAPACITY, &|view| count(view.capacity)),
        (&catalogue::QUEUE_BUSY, &|view| count(view.busy)),
    ];
    for (metric, figure) in gauges {
        visitor.family(metric);
        for view in fresh() {
            number(visitor, metric, &labels(view.id), figure(&view));
        }
    }
}

fn jobs(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    let ids: Vec<&QueueId> = board.queues(now).map(|view| view.id).collect();
    visitor.family(&catalogue::JOBS_ENQUEUED);
    for id in &ids {
        let [source, kind, queue] = labels(id);
        for (job_type, count) in
            board.enqueued_by_type(id).into_iter().filter(|(name, count)| known(name, *count))
        {
            let values = [source, kind, queue, job_type];
            number(visitor, &catalogue::JOBS_ENQUEUED, &values, count as f64);
        }
    }
    let outcomes: Vec<_> = ids.iter().map(|id| (labels(id), board.outcomes(id, now))).collect();
    let each = |visit: &mut dyn FnMut(&[&str; 5], &OutcomeHistogram<'_>)| {
        for ([source, kind, queue], rows) in &outcomes {
            for row in rows {
                visit(&[source, kind, queue, row.job_type, row.outcome.as_str()], row);
            }
        }
    };
    visitor.family(&catalogue::JOBS_FINISHED);
    each(&mut |values, row| {
        if known(row.job_type, row.finished) {
            number(visitor, &catalogue::JOBS_FINISHED, values, row.finished as f64);
        }
    });
    type Durations = for<'a> fn(&OutcomeHistogram<'a>) -> Option<&'a DurationTotals>;
    type Extreme = fn(&OutcomeHistogram<'_>) -> Option<f64>;
    type Figure = (&'static Metric, Durations, [(&'static Metric, Extreme); 2]);
    let figures: [Figure; 2] = [
        (
            &catalogue::JOB_WAIT,
            |row| row.wait(),
            [
                (&catalogue::JOB_WAIT_MIN, |row| row.recent_wait.min),
                (&catalogue::JOB_WAIT_MAX, |row| row.recent_wait.max),
            ],
        ),
        (
            &catalogue::JOB_RUN,
            |row| row.run(),
            [
                (&catalogue::JOB_RUN_MIN, |row| row.recent_run.min),
                (&catalogue::JOB_RUN_MAX, |row| row.recent_run.max),
            ],
        ),
    ];
    for (metric, durations, extremes) in figures {
        visitor.family(metric);
        each(&mut |values, row| {
            if let Some(durations) = durations(row) {
                visitor.series(metric, values, SeriesValue::Durations(durations));
            }
        });
        for (metric, extreme) in extremes {
            visitor.family(metric);
            each(&mut |values, row| number(visitor, metric, values, extreme(row)));
        }
    }
}

/// Jobs of no known type have a series only once there are any.
fn known(job_type: &str, count: u64) -> bool {
    !job_type.is_empty() || count > 0
}

/// Sums of their own: adding up the series of hundreds of queues over a month takes seconds, and those of queues that
/// are gone would be missing (ADR 0012).
fn overall(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    let (view, totals) = (board.overview(now), board.overall_totals());
    let count = |count: Option<u64>| count.map(|count| count as f64);
    visitor.family(&catalogue::OVERALL_JOBS);
    for (state, jobs) in view.counts.by_state() {
        number(visitor, &catalogue::OVERALL_JOBS, &[state], count(jobs));
    }
    let figures: [(&'static Metric, Option<u64>); 4] = [
        (&catalogue::OVERALL_WORKERS, view.workers),
        (&catalogue::OVERALL_CAPACITY, view.capacity),
        (&catalogue::OVERALL_BUSY, view.busy),
        (&catalogue::OVERALL_ENQUEUED, Some(totals.enqueued)),
    ];
    for (metric, figure) in figures {
        visitor.family(metric);
        number(visitor, metric, &[], count(figure));
    }
    visitor.family(&catalogue::OVERALL_FINISHED);
    for (outcome, finished) in [("succeeded", totals.succeeded), ("failed", totals.failed)] {
        number(visitor, &catalogue::OVERALL_FINISHED, &[outcome], finished as f64);
    }
    let histograms: [(&'static Metric, &DurationTotals); 2] =
        [(&catalogue::OVERALL_WAIT, totals.wait), (&catalogue::OVERALL_RUN, totals.run)];
    for (metric, durations) in histograms {
        visitor.family(metric);
        visitor.series(metric, &[], SeriesValue::Durations(durations));
    }
}

fn workers(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    type Figure = fn(&WorkerView<'_>) -> Option<f64>;
    let gauges: [(&'static Metric, Figure); 3] = [
        (&catalogue::WORKER_UP, |_| Some(1.0)),
        (&catalogue::WORKER_CAPACITY, |view| view.worker.capacity.map(f64::from)),
        (&catalogue::WORKER_BUSY, |view| view.worker.busy.map(f64::from)),
    ];
    for (metric, figure) in gauges {
        visitor.family(metric);
        for view in board.workers(now).filter(|view| !view.stale) {
            let host = view.worker.host.as_ref().map_or("", |host| host.as_str());
            let values =
                [view.source.as_str(), view.worker.broker.as_str(), view.worker.id.as_str(), host];
            number(visitor, metric, &values, figure(&view));
        }
    }
}

fn instances(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    type Figure = fn(&InstanceView<'_>) -> Option<f64>;
    let gauges: [(&'static Metric, Figure); 3] = [
        (&catalogue::INSTANCE_UP, |view| match view.instance.status {
            InstanceStatus::Up | InstanceStatus::Degraded => Some(1.0),
            InstanceStatus::Down => Some(0.0),
            InstanceStatus::Unknown => None,
        }),
        (&catalogue::INSTANCE_PROBE, |view| view.instance.latency),
        (&catalogue::INSTANCE_LOAD, |view| view.instance.load),
    ];
    for (metric, figure) in gauges {
        visitor.family(metric);
        for view in board.instances(now).filter(|view| !view.stale) {
            let key = &view.instance.key;
            let values = [view.source.as_str(), key.instance.as_str(), key.role.as_str()];
            number(visitor, metric, &values, figure(&view));
        }
    }
}

fn schedules(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    visitor.family(&catalogue::WORKFLOW_OVERDUE);
    for (source, schedule, _) in board.schedules(now) {
        let values = [source.as_str(), schedule.name.as_str(), schedule.id.as_str()];
        number(visitor, &catalogue::WORKFLOW_OVERDUE, &values, schedule.overdue);
    }
}

fn sources(visitor: &mut dyn SeriesVisitor, board: &Board, now: Time) {
    type Figure = fn(&SourceView<'_>) -> Option<f64>;
    let gauges: [(&'static Metric, Figure); 6] = [
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
        visitor.family(metric);
        for view in board.sources(now) {
            number(visitor, metric, &[view.name().as_str()], figure(&view));
        }
    }
    visitor.family(&catalogue::POLLS);
    for view in board.sources(now) {
        let source = view.name().as_str();
        let outcomes = [("succeeded", view.polls_succeeded), ("failed", view.polls_failed)];
        for (outcome, count) in outcomes {
            number(visitor, &catalogue::POLLS, &[source, outcome], count as f64);
        }
    }
}

/// What came in as lines, and what of it is kept.
fn log_lines(visitor: &mut dyn SeriesVisitor, app: &AppState) {
    let logs = app.logs.as_ref();
    visitor.family(&catalogue::LOG_ENTRIES);
    for ((source, level, kind), count) in logs.map(|logs| logs.counts()).unwrap_or_default() {
        let values = [&*source, level.as_str(), &*kind];
        number(visitor, &catalogue::LOG_ENTRIES, &values, count as f64);
    }
    visitor.family(&catalogue::LOGS_DROPPED);
    for ((source, reason), count) in logs.map(|logs| logs.drops()).unwrap_or_default() {
        number(visitor, &catalogue::LOGS_DROPPED, &[&*source, reason], count as f64);
    }
    visitor.family(&catalogue::LOG_LINES_ALTERED);
    for ((source, reason), count) in logs.map(|logs| logs.altered_lines()).unwrap_or_default() {
        number(visitor, &catalogue::LOG_LINES_ALTERED, &[&*source, reason], count as f64);
    }
    visitor.family(&catalogue::LOGS_BYTES);
    let bytes = logs.map(|logs| logs.bytes() as f64);
    number(visitor, &catalogue::LOGS_BYTES, &[], bytes);
}

fn own(visitor: &mut dyn SeriesVisitor, app: &AppState, board: &Board) {
    visitor.family(&catalogue::FOLDED);
    for ((source, what), count) in board.folds() {
        number(visitor, &catalogue::FOLDED, &[source.as_str(), what], *count as f64);
    }
    log_lines(visitor, app);
    let hub = app.hub.counters();
    let process = process();
    let store = app.metrics.as_ref().and_then(Metrics::figures);
    let lost = app.metrics.as_ref().map(|_| app.lost.load(Ordering::Relaxed) as f64);
    let yes = |is: bool| f64::from(u8::from(is));
    let logs = app.logs.as_ref().map(|logs| logs.store().status());
    let figures: [(&'static Metric, Option<f64>); 16] = [
        (&catalogue::OBSERVATIONS_DROPPED, Some(app.dropped() as f64)),
        (&catalogue::STORE_SERIES, store.map(|store| store.series as f64)),
        (&catalogue::STORE_BYTES, store.map(|store| store.bytes as f64)),
        (&catalogue::STORE_DOWNSAMPLED_BYTES, store.map(|store| store.downsampled_bytes as f64)),
        (&catalogue::STORE_DAMAGED, store.map(|store| store.damaged as f64)),
        (
            &catalogue::STORE_FAILING,
            match &app.metrics {
                None => Some(1.0),
                Some(_) => store.map(|store| yes(store.failing)),
            },
        ),
        (&catalogue::LOGS_DAMAGED, logs.as_ref().map(|logs| logs.damaged.len() as f64)),
        (
            &catalogue::LOGS_FAILING,
            Some(yes(app.logs.as_ref().is_none_or(|logs| logs.store().trouble().is_some()))),
        ),
        (&catalogue::STORE_REFUSED, store.map(|store| store.refused as f64)),
        (&catalogue::STORE_LOST, lost),
        (&catalogue::STREAM_CLIENTS, Some(hub.clients.load(Ordering::Relaxed) as f64)),
        (&catalogue::STREAM_DROPPED, Some(hub.dropped.load(Ordering::Relaxed) as f64)),
        (&catalogue::STREAM_MESSAGES, Some(hub.messages.load(Ordering::Relaxed) as f64)),
        (&catalogue::STREAM_BYTES, Some(hub.bytes.load(Ordering::Relaxed) as f64)),
        (&catalogue::PROCESS_CPU, process.map(|(cpu, _)| cpu)),
        (&catalogue::PROCESS_MEMORY, process.map(|(_, memory)| memory)),
    ];
    for (metric, value) in figures {
        visitor.family(metric);
        number(visitor, metric, &[], value);
    }
    let exemplars = app.metrics.as_ref().map(Metrics::exemplar_counts);
    visitor.family(&catalogue::EXEMPLARS);
    number(visitor, &catalogue::EXEMPLARS, &[], exemplars.map(|all| all.kept as f64));
    visitor.family(&catalogue::EXEMPLARS_DROPPED);
    for (reason, count) in [
        ("replaced", exemplars.map(|all| all.replaced as f64)),
        ("refused", exemplars.map(|all| all.refused as f64)),
    ] {
        number(visitor, &catalogue::EXEMPLARS_DROPPED, &[reason], count);
    }
    outboxes(visitor, app);
    forwarders(visitor, app);
    visitor.family(&catalogue::BUILD_INFO);
    number(visitor, &catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
}

/// What is sent to backends elsewhere.
fn outboxes(visitor: &mut dyn SeriesVisitor, app: &AppState) {
    let now = app.time().millis();
    let all: Vec<(&str, RemoteStatus)> =
        app.outboxes.iter().map(|outbox| (outbox.name(), outbox.status())).collect();
    type Figure<'a> = &'a dyn Fn(&RemoteStatus) -> Option<f64>;
    let total =
        |status: &RemoteStatus, figure: fn(&ShardStatus) -> u64| Some(status.total(figure) as f64);
    let figures: [(&'static Metric, Figure<'_>); 10] = [
        (&catalogue::REMOTE_UP, &|status| status.up().map(|up| f64::from(u8::from(up)))),
        (&catalogue::REMOTE_PENDING, &|status| total(status, |shard| shard.pending)),
        (&catalogue::REMOTE_OLDEST, &|status| {
            status.oldest_pending_age(now).map(|millis| millis as f64 / 1e3)
        }),
        (&catalogue::REMOTE_BYTES, &|status| total(status, |shard| shard.bytes)),
        (&catalogue::REMOTE_SENT, &|status| total(status, |shard| shard.sent)),
        (&catalogue::REMOTE_REFUSED, &|status| total(status, |shard| shard.refused)),
        (&catalogue::REMOTE_REPEATED, &|status| total(status, |shard| shard.repeated)),
        (&catalogue::REMOTE_DROPPED, &|status| total(status, |shard| shard.dropped)),
        (&catalogue::REMOTE_DAMAGED, &|status| total(status, |shard| shard.damaged)),
        (&catalogue::REMOTE_RETRIES, &|status| total(status, |shard| shard.retries)),
    ];
    for (metric, figure) in figures {
        visitor.family(metric);
        for (name, status) in &all {
            number(visitor, metric, &[name], figure(status));
        }
    }
}

fn forwarders(visitor: &mut dyn SeriesVisitor, app: &AppState) {
    let all: Vec<(&str, ForwardStatus)> =
        app.forwarders.iter().map(|one| (one.name(), one.status())).collect();
    type Figure = fn(&ForwardStatus) -> Option<f64>;
    let figures: [(&'static Metric, Figure); 9] = [
        (&catalogue::FORWARD_UP, |status| status.up.map(|up| f64::from(u8::from(up)))),
        (&catalogue::FORWARD_PENDING, |status| Some(status.pending as f64)),
        (&catalogue::FORWARD_OLDEST, |status| status.oldest_pending_seconds),
        (&catalogue::FORWARD_SENT, |status| Some(status.sent as f64)),
        (&catalogue::FORWARD_REPEATED, |status| Some(status.repeated as f64)),
        (&catalogue::FORWARD_DEAD, |status| Some(status.refused as f64)),
        (&catalogue::FORWARD_LOST, |status| Some(status.lost as f64)),
        (&catalogue::FORWARD_SKIPPED, |status| Some(status.skipped as f64)),
        (&catalogue::FORWARD_RETRIES, |status| Some(status.retries as f64)),
    ];
    for (metric, figure) in figures {
        visitor.family(metric);
        for (name, status) in &all {
            number(visitor, metric, &[name], figure(status));
        }
    }
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
