//! The JSON shapes of the REST API and of the live stream, and how they are made from the board's answers.
//! Times are RFC 3339 with milliseconds, durations float seconds; what is absent is null, never 0.

use serde::Serialize;
use utoipa::ToSchema;
use vigie_board::{QueueView, SourceView, Stat as BoardStat, TypeView, WINDOW_SECONDS, WorkerView};
use vigie_model::{ActiveJob as ModelJob, Counts, Event as ModelEvent, EventId, Time};

use crate::time_text::rfc3339;

/// Durations of the last five minutes, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Stat {
    /// How many attempts.
    pub count: u64,
    /// Their mean.
    pub avg: Option<f64>,
    /// The shortest.
    pub min: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// How far back this looks.
    pub window_seconds: i64,
    /// `exact`, `gap` (exact, but a stretch is missing) or `sampled`.
    pub quality: &'static str,
}

impl From<BoardStat> for Stat {
    fn from(stat: BoardStat) -> Self {
        let summary = stat.summary;
        let tidy = |value: Option<f64>| value.map(micros);
        Self {
            count: summary.count,
            avg: tidy(summary.avg),
            min: tidy(summary.min),
            max: tidy(summary.max),
            p50: tidy(summary.p50),
            p95: tidy(summary.p95),
            p99: tidy(summary.p99),
            window_seconds: WINDOW_SECONDS,
            quality: stat.quality.as_str(),
        }
    }
}

/// Seconds to the microsecond: what is measured, without the noise of binary fractions.
pub(crate) fn micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Jobs of a queue by state; null where the broker has no such state or it could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Jobs {
    /// Eligible to run, not started.
    pub waiting: Option<u64>,
    /// Running.
    pub active: Option<u64>,
    /// To run later.
    pub scheduled: Option<u64>,
    /// To run again after a failure (asynq; Bull and BullMQ keep these among the scheduled).
    pub retry: Option<u64>,
    /// Finished well and still kept.
    pub completed: Option<u64>,
    /// Failed for good and still kept.
    pub failed: Option<u64>,
    /// Waiting for other jobs.
    pub blocked: Option<u64>,
}

impl From<Counts> for Jobs {
    fn from(counts: Counts) -> Self {
        let Counts { waiting, active, scheduled, retry, completed, failed, blocked } = counts;
        Self { waiting, active, scheduled, retry, completed, failed, blocked }
    }
}

/// What happened to the jobs of a queue since a moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// Jobs added.
    pub enqueued: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that ended: succeeded and failed.
    pub processed: u64,
    /// The moment.
    pub since: String,
    /// `exact`, `gap` or `sampled`.
    pub quality: &'static str,
}

impl From<vigie_board::Totals> for Totals {
    fn from(totals: vigie_board::Totals) -> Self {
        Self {
            enqueued: totals.enqueued,
            succeeded: totals.succeeded,
            failed: totals.failed,
            processed: totals.processed(),
            since: rfc3339(totals.since),
            quality: totals.quality.as_str(),
        }
    }
}

/// Jobs a second over the last minute; null in the first two seconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Rates {
    /// How far back this looks, or to the start of watching if that is later.
    pub window_seconds: i64,
    /// Added.
    pub enqueued: Option<f64>,
    /// Attempts that ended.
    pub processed: Option<f64>,
    /// Attempts that failed.
    pub failed: Option<f64>,
}

impl From<Option<vigie_board::Rates>> for Rates {
    fn from(rates: Option<vigie_board::Rates>) -> Self {
        Self {
            window_seconds: vigie_board::Rates::WINDOW_SECONDS,
            enqueued: rates.map(|rates| micros(rates.enqueued)),
            processed: rates.map(|rates| micros(rates.processed)),
            failed: rates.map(|rates| micros(rates.failed)),
        }
    }
}

/// A job type of a queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JobType {
    /// Its name: asynq's task type, Bull's and BullMQ's job name.
    #[serde(rename = "type")]
    pub name: String,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// From eligible to started.
    pub wait: Stat,
    /// From started to finished.
    pub run: Stat,
}

impl From<TypeView<'_>> for JobType {
    fn from(view: TypeView<'_>) -> Self {
        Self {
            name: view.name.to_owned(),
            succeeded: view.succeeded,
            failed: view.failed,
            wait: view.wait.into(),
            run: view.run.into(),
        }
    }
}

/// Everything about one queue, now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueStatus {
    /// The source in which it is.
    pub source: String,
    /// `asynq`, `bull` or `bullmq`.
    pub kind: &'static str,
    /// Its name.
    pub queue: String,
    /// Whether it is paused.
    pub paused: bool,
    /// Its source does not answer: the figures are those of `age_seconds` ago.
    pub stale: bool,
    /// Seconds since it was last read.
    pub age_seconds: Option<f64>,
    /// Jobs by state.
    pub jobs: Jobs,
    /// What happened since Vigie watches it.
    pub totals: Totals,
    /// Jobs a second.
    pub rates: Rates,
    /// Age of the oldest waiting job; null when nothing waits.
    pub oldest_seconds: Option<f64>,
    /// Seconds until it is empty at the net rate of the last minute; negative when it grows.
    pub drain_seconds: Option<f64>,
    /// Whether it drains; null when nothing waits or it is not known.
    pub drains: Option<bool>,
    /// Workers that consume it; null when the server does not let us see them.
    pub workers: Option<u64>,
    /// Slots of those workers; null where the broker does not tell (Bull, BullMQ).
    pub capacity: Option<u64>,
    /// Jobs that run.
    pub busy: Option<u64>,
    /// From eligible to started.
    pub wait: Stat,
    /// From started to finished.
    pub run: Stat,
    /// By job type.
    pub types: Vec<JobType>,
}

impl QueueStatus {
    pub(crate) fn new(view: &QueueView<'_>, types: Vec<JobType>, now: Time) -> Self {
        Self {
            source: view.id.source.to_string(),
            kind: view.id.broker.as_str(),
            queue: view.id.name.to_string(),
            paused: view.paused,
            stale: view.stale,
            age_seconds: view.age_seconds.map(micros),
            jobs: view.counts.into(),
            totals: view.totals.into(),
            rates: view.rates.into(),
            oldest_seconds: view.oldest.map(|oldest| micros(now.age(oldest))),
            drain_seconds: view.drain.seconds().map(micros),
            drains: view.drain.drains(),
            workers: view.workers,
            capacity: view.capacity,
            busy: view.busy,
            wait: view.wait.into(),
            run: view.run.into(),
            types,
        }
    }
}

/// A job that runs now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ActiveJob {
    /// The broker's id of it.
    pub id: String,
    /// Its type; null when it is not known.
    #[serde(rename = "type")]
    pub job_type: Option<String>,
    /// When this attempt started; null when it is not known.
    pub since: Option<String>,
    /// The worker that runs it; null where the broker does not tell.
    pub worker: Option<String>,
}

impl From<&ModelJob> for ActiveJob {
    fn from(job: &ModelJob) -> Self {
        Self {
            id: job.id.to_string(),
            job_type: job.job_type.as_ref().map(ToString::to_string),
            since: job.since.map(rfc3339),
            worker: job.worker.as_ref().map(ToString::to_string),
        }
    }
}

/// An entry of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Its id, the same after a restart; also the cursor to what is older.
    pub id: String,
    /// When, RFC 3339 with milliseconds.
    pub time: String,
    /// What happened, for example `queue_paused` or `deploy`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `ok`, `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// The source it happened in, or by which it came; null when nobody said.
    pub source: Option<String>,
    /// What it is about: a queue, a worker, a service; null when nobody said.
    pub subject: Option<String>,
    /// What happened, in a sentence.
    pub message: String,
    /// Everything else. Of Vigie's own events: `kind` (the broker), `queue` and `worker`, where it is about those, and `detail`.
    #[schema(value_type = Object)]
    pub fields: serde_json::Value,
}

impl Event {
    pub(crate) fn new(id: EventId, event: &ModelEvent) -> Self {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            id: id.to_string(),
            time: rfc3339(Time::from_micros(event.time_nanos.div_euclid(1_000))),
            kind: event.kind.to_string(),
            severity: event.severity.as_str(),
            source: given(&event.source),
            subject: given(&event.subject),
            message: event.message.clone(),
            fields: event.fields.clone().into(),
        }
    }
}

/// A job that a worker runs, with its queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WorkerJob {
    /// The queue that it came from.
    pub queue: String,
    /// The job.
    #[serde(flatten)]
    pub job: ActiveJob,
}

/// A worker, now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Worker {
    /// Its identity: `source/kind/…`.
    pub id: String,
    /// The source in which it was seen.
    pub source: String,
    /// `asynq`, `bull` or `bullmq`.
    pub kind: &'static str,
    /// A short name for people.
    pub name: String,
    /// The machine it runs on; null where the broker does not tell.
    pub host: Option<String>,
    /// What its log entries are signed with: the name of the instance that it is, else its host; null where nobody tells.
    pub instance: Option<String>,
    /// Its process id; null where the broker does not tell.
    pub pid: Option<u32>,
    /// The address of its connection to Redis; null where the broker does not tell.
    pub address: Option<String>,
    /// The queues that it consumes.
    pub queues: Vec<String>,
    /// Jobs that it can run at once; null where the broker does not tell (Bull, BullMQ).
    pub capacity: Option<u32>,
    /// Jobs that it runs, as of its last heartbeat where it has one (asynq: each 5 s); null where the broker does not
    /// tell. Those of `jobs` that were seen to end since are still counted: their slots are most likely taken again.
    pub busy: Option<u32>,
    /// The broker's word for what it does.
    pub status: Option<String>,
    /// When the process started.
    pub started: Option<String>,
    /// When it was last heard of.
    pub heartbeat: Option<String>,
    /// Its source does not answer: it may be gone.
    pub stale: bool,
    /// Since when it is alive and consumes nothing although one of its queues has waiting jobs.
    pub idle_since: Option<String>,
    /// The seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<f64>,
    /// What it runs, without what was seen to end since; null where the broker does not tell.
    pub jobs: Option<Vec<WorkerJob>>,
}

impl Worker {
    pub(crate) fn new(view: &WorkerView<'_>) -> Self {
        let worker = view.worker;
        let text = |name: &Option<vigie_model::Name>| name.as_ref().map(ToString::to_string);
        let jobs = worker.jobs.as_ref().map(|jobs| {
            let job = |(queue, job): &(vigie_model::Name, ModelJob)| WorkerJob {
                queue: queue.to_string(),
                job: job.into(),
            };
            jobs.iter().map(job).collect()
        });
        Self {
            id: worker.id.to_string(),
            source: view.source.to_string(),
            kind: worker.broker.as_str(),
            name: worker.name.to_string(),
            host: text(&worker.host),
            instance: view.instance.map(ToString::to_string),
            pid: worker.pid,
            address: text(&worker.address),
            queues: worker.queues.iter().map(ToString::to_string).collect(),
            capacity: worker.capacity,
            busy: worker.busy,
            status: text(&worker.status),
            started: worker.started.map(rfc3339),
            heartbeat: worker.heartbeat.map(rfc3339),
            stale: view.stale,
            idle_since: view.idle_since.map(rfc3339),
            idle_seconds: None,
            jobs,
        }
    }
}

/// One line of the first-run checklist.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Check {
    /// What was checked.
    pub id: &'static str,
    /// `ok`, `missing`, `warning` or `unknown`.
    pub state: &'static str,
    /// What was found.
    pub detail: String,
    /// The one line that mends it.
    pub fix: Option<String>,
}

/// Queues found, by broker.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Found {
    /// Queues of asynq.
    pub asynq: usize,
    /// Queues of Bull.
    pub bull: usize,
    /// Queues of BullMQ.
    pub bullmq: usize,
}

/// What a poll cost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cost {
    /// Times that the last good poll waited for Redis.
    pub round_trips: u32,
    /// Commands that it sent.
    pub commands: u32,
    /// CPU seconds that the whole Redis used since the poll before, for everybody.
    pub redis_cpu_seconds: Option<f64>,
    /// Bytes of names and values that it read.
    pub bytes_in: u64,
}

/// A source and its health.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Source {
    /// Its name.
    pub source: String,
    /// What the configuration calls it: `redis`, `haproxy`, `probe`, …
    pub kind: &'static str,
    /// The brokers found in it.
    pub kinds: Vec<&'static str>,
    /// Its address, without secrets.
    pub url: String,
    /// The last poll succeeded and is recent.
    pub up: bool,
    /// Since when it is up, or down; null before the first poll ended.
    pub since: Option<String>,
    /// When the last good poll ended; null before the first.
    pub seen: Option<String>,
    /// Seconds since then; null before the first. Absent on the live stream, where it would be a message a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub age_seconds: Option<Option<f64>>,
    /// How long the last good poll took.
    pub poll_seconds: Option<f64>,
    /// Seconds between two polls.
    pub poll_interval_seconds: f64,
    /// Why it is down.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The version of Redis; null of other servers.
    pub redis_version: Option<String>,
    /// What the server is: `redis`, `haproxy`, …; null when it does not tell.
    pub product: Option<&'static str>,
    /// Its version.
    pub version: Option<String>,
    /// Of a Redis: `standalone`, `sentinel` or `cluster`.
    pub mode: Option<String>,
    /// Queues found.
    pub queues: Found,
    /// What the last good poll cost.
    pub cost: Option<Cost>,
    /// The first-run checklist.
    pub checks: Vec<Check>,
}

impl Source {
    pub(crate) fn new(view: &SourceView<'_>) -> Self {
        let report = view.report;
        let found = |kind| {
            let found = report.map_or(&[][..], |report| &report.found);
            found.iter().find(|(broker, _)| *broker == kind).map_or(0, |(_, count)| *count)
        };
        let queues = Found {
            asynq: found(vigie_model::Broker::Asynq),
            bull: found(vigie_model::Broker::Bull),
            bullmq: found(vigie_model::Broker::BullMq),
        };
        let facts = report.and_then(|report| report.server.as_ref());
        Self {
            source: view.name().to_string(),
            kind: view.settings.kind,
            kinds: kinds(view),
            url: view.settings.url.clone(),
            up: view.up,
            since: view.since.map(rfc3339),
            seen: view.good.map(|(at, _)| rfc3339(at)),
            age_seconds: None,
            poll_seconds: view.good.map(|(_, cost)| micros(cost.seconds)),
            poll_interval_seconds: view.settings.poll_interval_seconds,
            error: view.error(),
            hint: view.hint().map(ToOwned::to_owned),
            redis_version: facts
                .filter(|facts| facts.product == "redis")
                .map(|facts| facts.version.clone()),
            product: facts.map(|facts| facts.product),
            version: facts.map(|facts| facts.version.clone()),
            mode: facts.and_then(|facts| facts.mode.clone()),
            queues,
            cost: view.good.map(|(_, cost)| Cost {
                round_trips: cost.round_trips,
                commands: cost.commands,
                redis_cpu_seconds: cost.server_cpu_seconds.map(micros),
                bytes_in: cost.bytes,
            }),
            checks: report
                .map_or_else(Vec::new, |report| report.checks.iter().map(check).collect()),
        }
    }
}

fn check(check: &vigie_model::Check) -> Check {
    Check {
        id: check.id,
        state: check.state.as_str(),
        detail: check.detail.clone(),
        fix: check.fix.clone(),
    }
}

/// The brokers found in a source.
pub(crate) fn kinds(view: &SourceView<'_>) -> Vec<&'static str> {
    let found = view.report.map_or(&[][..], |report| &report.found);
    found.iter().filter(|(_, count)| *count > 0).map(|(broker, _)| broker.as_str()).collect()
}
