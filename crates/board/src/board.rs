//! The board itself: takes observations in, answers questions.

use std::collections::BTreeMap;

use vigie_model::{
    Broker, Counts, EventKind, InstancesReading, JobBatch, Limits, Observation, PollReport,
    QueueId, QueueReading, SourceName, Time, Worker, WorkersReading,
};

use crate::activity::Tally;
use crate::history::{Columns, Span};
use crate::instances::{InstanceView, InstancesState};
use crate::overall::{Overall, OverallTotals};
use crate::queue::{QueueState, WorkerFigures};
use crate::source::{SourceState, SourceView};
use crate::timeline::{About, Timeline};
use crate::view::{
    Drain, LatencyView, OutcomeHistogram, OverviewView, QueueView, Rates, Stat, Totals, TypeView,
};
use crate::window::Window;
use crate::workers::{WorkerView, WorkersState};

/// A worker that starts nothing is called idle when jobs have waited for this many seconds.
const IDLE_SECONDS: f64 = 5.0;
/// Jobs that run while others wait are called hung when nothing has ended for this long, and for
/// [`HUNG_MEAN_RUNS`] times the mean of all attempts; [`HUNG_UNKNOWN_SECONDS`] where no attempt has ended yet.
const HUNG_SECONDS: f64 = 60.0;
const HUNG_MEAN_RUNS: f64 = 20.0;
const HUNG_UNKNOWN_SECONDS: f64 = 900.0;

/// What the configuration says of a source and people should see.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSettings {
    /// Its name.
    pub name: SourceName,
    /// What the configuration calls it: `redis`, `haproxy`, `probe`, …
    pub kind: &'static str,
    /// Its address, without secrets.
    pub url: String,
    /// Seconds between two polls.
    pub poll_interval_seconds: f64,
}

/// How many entries were folded into `other`, by source and what they were.
pub type Folds = BTreeMap<(SourceName, &'static str), u64>;

/// Everything that is true now. See the crate's documentation.
#[derive(Debug)]
pub struct Board {
    limits: Limits,
    started: Time,
    sources: BTreeMap<SourceName, SourceState>,
    queues: BTreeMap<QueueId, QueueState>,
    workers: WorkersState,
    instances: InstancesState,
    pub(crate) schedules: crate::schedules::Schedules,
    timeline: Timeline,
    pub(crate) not_kept: crate::kept::AllNotKept,
    folds: Folds,
    rows: u32,
    types: BTreeMap<SourceName, usize>,
    overall: Overall,
    version: u64,
}

impl Board {
    /// An empty board that knows its sources and nothing of them.
    #[must_use]
    pub fn new(sources: Vec<SourceSettings>, limits: Limits, now: Time) -> Self {
        let sources = sources
            .into_iter()
            .map(|settings| (settings.name.clone(), SourceState::new(settings)))
            .collect();
        Self {
            limits,
            started: now,
            sources,
            queues: BTreeMap::new(),
            workers: WorkersState::default(),
            instances: InstancesState::default(),
            schedules: BTreeMap::new(),
            timeline: Timeline::default(),
            not_kept: BTreeMap::new(),
            folds: Folds::new(),
            rows: 0,
            types: BTreeMap::new(),
            overall: Overall::default(),
            version: 0,
        }
    }

    /// Takes in one observation.
    pub fn observe(&mut self, observation: Observation) {
        self.version += 1;
        match observation {
            Observation::Polled(report) => self.polled(report),
            Observation::Queue(reading) => self.read(reading),
            Observation::QueueGone { queue, at } => self.gone(&queue, at),
            Observation::Workers(reading) => self.workers_read(reading),
            Observation::Instances(reading) => self.instances_read(reading),
            Observation::Schedules(one) => drop(self.schedules.insert(one.source.clone(), one)),
            Observation::Jobs(batch) => self.happened(&batch),
            Observation::Folded { source, what, count } => {
                *self.folds.entry((source, what)).or_default() += count
            }
        }
    }

    fn polled(&mut self, report: PollReport) {
        let (source, at) = (report.source.clone(), report.at);
        let Some(state) = self.sources.get_mut(&source) else { return };
        let first = state.good.is_none();
        let detail = match &report.outcome {
            Ok(_) => describe_found(state.settings.kind, &report, self.instances.count(&source)),
            Err(fault) => fault.error.clone(),
        };
        let up = report.outcome.is_ok();
        if !state.polled(report) {
            return;
        }
        let kind = match (up, first) {
            (true, true) => EventKind::SourceFound,
            (true, false) => EventKind::SourceRecovered,
            (false, _) => EventKind::SourceLost,
        };
        self.timeline.note(at, kind, &source, About::source(detail));
    }

    fn read(&mut self, reading: QueueReading) {
        let (at, paused) = (reading.at, reading.paused);
        let known = self.queues.get(&reading.queue).and_then(|queue| queue.reading.as_ref());
        let was_paused = known.map(|reading| reading.paused);
        // The queues of a source's first poll were there before Vigie: they did not appear now.
        let settled =
            self.sources.get(&reading.queue.source).is_some_and(|source| source.good.is_some());
        let kind = match was_paused {
            None if settled => Some(EventKind::QueueAppeared),
            Some(false) if paused => Some(EventKind::QueuePaused),
            Some(true) if !paused => Some(EventKind::QueueResumed),
            _ => None,
        };
        if let Some(kind) = kind {
            self.note_queue(at, kind, &reading.queue);
        }
        self.queue(&reading.queue.clone(), at).read(reading);
    }

    fn gone(&mut self, queue: &QueueId, at: Time) {
        if let Some(state) = self.queues.remove(queue) {
            if let Some(types) = self.types.get_mut(&queue.source) {
                *types = types.saturating_sub(state.types.len());
            }
            self.note_queue(at, EventKind::QueueGone, queue);
        }
    }

    fn note_queue(&mut self, at: Time, kind: EventKind, queue: &QueueId) {
        self.timeline.note(at, kind, &queue.source, About::queue(queue));
    }

    fn workers_read(&mut self, reading: WorkersReading) {
        let (source, at) = (reading.source.clone(), reading.at);
        let turnover = self.workers.read(reading);
        let both =
            [(EventKind::WorkerJoined, turnover.joined), (EventKind::WorkerLeft, turnover.left)];
        for (kind, workers) in both {
            for worker in workers {
                self.timeline.note(at, kind, &source, About::worker(worker));
            }
        }
    }

    fn instances_read(&mut self, reading: InstancesReading) {
        let (source, at) = (reading.source.clone(), reading.at);
        let changes = self.instances.read(reading);
        let kinds = [
            (EventKind::InstanceJoined, changes.joined),
            (EventKind::InstanceLeft, changes.left),
            (EventKind::InstanceDown, changes.down),
            (EventKind::InstanceUp, changes.up),
        ];
        for (kind, instances) in kinds {
            for instance in instances {
                let name = self.instances.known_as(&instance);
                let about = About::instance(&instance, name, instance.error.clone());
                self.timeline.note(at, kind, &source, about);
            }
        }
        for (instance, versions) in changes.restarted {
            let about = About::instance(&instance, self.instances.known_as(&instance), versions);
            self.timeline.note(at, EventKind::InstanceRestarted, &source, about);
        }
    }

    fn happened(&mut self, batch: &JobBatch) {
        let (limits, started) = (self.limits, self.started);
        for event in &batch.events {
            self.overall.count(event.at, event.fact, event.at < started);
        }
        let room = limits
            .types_of_source
            .saturating_sub(self.types.get(&batch.queue.source).copied().unwrap_or(0));
        let (folded, added) =
            self.queue(&batch.queue, batch.at).happened(batch, &limits, room, started);
        *self.types.entry(batch.queue.source.clone()).or_default() += added;
        if folded > 0 {
            *self.folds.entry((batch.queue.source.clone(), "types")).or_default() += folded;
        }
    }

    fn queue(&mut self, id: &QueueId, now: Time) -> &mut QueueState {
        let rows = &mut self.rows;
        self.queues.entry(id.clone()).or_insert_with(|| {
            *rows += 1;
            QueueState::new(id.clone(), *rows, now)
        })
    }

    /// Keeps the state of this second for the charts; to be called about once a second.
    pub fn tick(&mut self, now: Time) {
        let stale: Vec<(SourceName, bool)> =
            self.sources.iter().map(|(name, source)| (name.clone(), source.stale(now))).collect();
        for queue in self.queues.values_mut() {
            let stale = stale.iter().any(|(name, stale)| *stale && *name == queue.id.source);
            let workers = self.workers.of_queue(&queue.id);
            queue.tick(now, stale, workers);
        }
        for window in [&mut self.overall.wait, &mut self.overall.run, &mut self.overall.latency] {
            window.settle(now);
        }
        self.overall.activity.forget_before(now);
        self.instances.settle(now);
        let point = self.overview(now).point();
        self.overall.history.record(now, point);
    }

    /// Counts up with each observation: nothing changed since when it is the same.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When this board began.
    #[must_use]
    pub fn started(&self) -> Time {
        self.started
    }

    /// Every configured source, by name.
    pub fn sources(&self, now: Time) -> impl Iterator<Item = SourceView<'_>> {
        self.sources.values().map(move |source| source.view(now))
    }

    /// Every queue, by source, broker and name.
    pub fn queues(&self, now: Time) -> impl Iterator<Item = QueueView<'_>> {
        self.queues.values().map(move |queue| self.view(queue, now))
    }

    /// One queue.
    #[must_use]
    pub fn queue_view(&self, id: &QueueId, now: Time) -> Option<QueueView<'_>> {
        self.queues.get(id).map(|queue| self.view(queue, now))
    }

    /// The brokers under which a source has a queue of this name.
    #[must_use]
    pub fn brokers_of(&self, source: &str, name: &str) -> Vec<Broker> {
        self.queues
            .keys()
            .filter(|id| id.source.as_str() == source && id.name.as_str() == name)
            .map(|id| id.broker)
            .collect()
    }

    fn view<'a>(&'a self, queue: &'a QueueState, now: Time) -> QueueView<'a> {
        let reading = queue.reading.as_ref();
        let counts = reading.map(|reading| reading.counts).unwrap_or_default();
        let rates = queue.rates(now);
        let workers = self.workers.of_queue(&queue.id);
        let paused = reading.is_some_and(|reading| reading.paused);
        let drain = Drain::of(counts.waiting, rates);
        let stopped = paused || workers.workers == Some(0);
        QueueView {
            id: &queue.id,
            row: queue.row,
            version: queue.version,
            seen: reading.map(|reading| reading.at),
            age_seconds: reading.map(|reading| now.age(reading.at)),
            stale: reading.is_none()
                || self.sources.get(&queue.id.source).is_none_or(|source| source.stale(now)),
            paused,
            counts,
            raw: reading.map_or(&[], |reading| &reading.raw),
            totals: totals(queue),
            rates,
            oldest: reading.and_then(|reading| reading.oldest),
            drain: if stopped { drain.of_stopped() } else { drain },
            workers: workers.workers,
            capacity: workers.capacity,
            busy: counts.active,
            wait: queue.stat(queue.wait.summary(now), now),
            run: queue.stat(queue.run.summary(now), now),
            active_jobs: reading.map_or(&[], |reading| &reading.active_jobs),
            idle_since: idle_since(queue, counts, workers, now),
            hung_since: hung_since(queue, counts, now),
        }
    }

    /// The job types of a queue, by name.
    pub fn types<'a>(
        &'a self,
        id: &QueueId,
        now: Time,
    ) -> impl Iterator<Item = TypeView<'a>> + use<'a> {
        self.queues.get(id).into_iter().flat_map(move |queue| {
            queue.types.iter().map(move |(name, state)| TypeView {
                name: name.as_str(),
                enqueued: state.counted.enqueued + state.seen.enqueued,
                succeeded: state.counted.succeeded + state.seen.succeeded,
                failed: state.counted.failed + state.seen.failed,
                wait: queue.stat(state.wait.summary(now), now),
                run: queue.stat(state.run.summary(now), now),
            })
        })
    }

    /// Jobs added to a queue since Vigie's start, by type; what is of no known type comes under an empty one.
    #[must_use]
    pub fn enqueued_by_type(&self, id: &QueueId) -> Vec<(&str, u64)> {
        let Some(queue) = self.queues.get(id) else { return Vec::new() };
        let by_type = || {
            queue
                .types
                .iter()
                .map(|(name, state)| (name.as_str(), state.counted_since_start.enqueued))
        };
        let typed: u64 = by_type().map(|(_, enqueued)| enqueued).sum();
        let untyped = queue.totals_since_start.enqueued.saturating_sub(typed);
        std::iter::once(("", untyped)).chain(by_type()).collect()
    }

    /// What ended in a queue since Vigie's start, by type and outcome; for `/metrics` and the store.
    #[must_use]
    pub fn outcomes(&self, id: &QueueId, now: Time) -> Vec<OutcomeHistogram<'_>> {
        let Some(queue) = self.queues.get(id) else { return Vec::new() };
        let mut untyped = queue.totals_since_start;
        let mut rows = Vec::with_capacity(queue.types.len() * 2 + 2);
        for (name, state) in &queue.types {
            untyped.succeeded =
                untyped.succeeded.saturating_sub(state.counted_since_start.succeeded);
            untyped.failed = untyped.failed.saturating_sub(state.counted_since_start.failed);
            for (outcome, finished, ended) in state.outcomes() {
                let recent = (ended.recent_wait.summary(now), ended.recent_run.summary(now));
                let durations = Some((&ended.wait, &ended.run));
                rows.push(OutcomeHistogram::new(
                    name.as_str(),
                    outcome,
                    finished,
                    durations,
                    recent,
                ));
            }
        }
        for (outcome, finished) in [
            (vigie_model::Outcome::Succeeded, untyped.succeeded),
            (vigie_model::Outcome::Failed, untyped.failed),
        ] {
            rows.push(OutcomeHistogram::new("", outcome, finished, None, Default::default()));
        }
        rows
    }

    /// Every worker.
    pub fn workers(&self, now: Time) -> impl Iterator<Item = WorkerView<'_>> {
        self.workers.all().map(move |(source, seen, worker)| WorkerView {
            source,
            worker,
            seen,
            stale: self.sources.get(source).is_none_or(|source| source.stale(now)),
            instance: [Some(&worker.name), worker.host.as_ref()]
                .into_iter()
                .flatten()
                .find_map(|known_by| self.instances.named(known_by))
                .or(worker.host.as_ref()),
            idle_since: self.worker_idle_since(source, worker, now),
        })
    }

    fn worker_idle_since(&self, source: &SourceName, worker: &Worker, now: Time) -> Option<Time> {
        if worker.busy != Some(0) {
            return None;
        }
        worker
            .queues
            .iter()
            .filter_map(|name| {
                let id =
                    QueueId { source: source.clone(), broker: worker.broker, name: name.clone() };
                let queue = self.queues.get(&id)?;
                let counts =
                    queue.reading.as_ref().map(|reading| reading.counts).unwrap_or_default();
                idle_since(queue, counts, self.workers.of_queue(&id), now)
            })
            .min()
    }

    /// Every instance, by source, role and name.
    pub fn instances(&self, now: Time) -> impl Iterator<Item = InstanceView<'_>> {
        self.instances.views(now, move |name| {
            let told = self.instances.told(name);
            self.sources.get(name).is_none_or(|source| source.stale_instances(told, now))
        })
    }

    /// All queues together.
    #[must_use]
    pub fn overview(&self, now: Time) -> OverviewView {
        let mut sum = Sum::default();
        for view in self.queues(now) {
            sum.add(&view);
        }
        let workers = self.workers.overall();
        let overall = &self.overall;
        let quality =
            self.queues.values().map(|queue| queue.quality_in_sums(now)).max().unwrap_or_default();
        let stat = |window: &Window| Stat { summary: window.summary(now), quality };
        OverviewView {
            queues: self.queues.len(),
            counts: sum.counts,
            rates: sum.rates,
            totals: sum.totals,
            oldest: sum.oldest,
            workers: workers.workers,
            capacity: workers.capacity,
            busy: sum.busy,
            wait: stat(&overall.wait),
            run: stat(&overall.run),
            recent_wait: overall.wait.recent(now).summary(),
            recent_run: overall.run.recent(now).summary(),
            sources_up: self.sources(now).filter(|source| source.up).count(),
            sources: self.sources.len(),
        }
    }

    /// What happened in all queues since Vigie's start.
    #[must_use]
    pub fn overall_totals(&self) -> OverallTotals<'_> {
        self.overall.totals()
    }

    /// Latencies of all queues, in bars.
    #[must_use]
    pub fn latency(&self, bounds: &[f64], now: Time) -> LatencyView {
        let merged = self.overall.latency.merged(now);
        let quality =
            self.queues.values().map(|queue| queue.quality_in_sums(now)).max().unwrap_or_default();
        LatencyView {
            bounds: bounds.to_vec(),
            counts: merged.counts_between(bounds),
            stat: Stat { summary: merged.summary(), quality },
        }
    }

    /// The history of a queue.
    #[must_use]
    pub fn history(&self, id: &QueueId, span: Span) -> Option<Columns> {
        let queue = self.queues.get(id)?;
        Some(queue.history.columns(&queue.activity, Some(queue.since), span))
    }

    /// The history of all queues together.
    #[must_use]
    pub fn overall_history(&self, span: Span) -> Columns {
        let since = self.queues.values().map(|queue| queue.since).min();
        self.overall.history.columns(&self.overall.activity, since, span)
    }

    /// What happened lately.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The timeline, to take from it what was noted and to tell it what was kept.
    pub fn timeline_mut(&mut self) -> &mut Timeline {
        self.version += 1;
        &mut self.timeline
    }

    /// How many entries were folded into `other`.
    #[must_use]
    pub fn folds(&self) -> &Folds {
        &self.folds
    }
}

/// Figures of all queues, as they are added up. Stale queues add nothing that is "now".
#[derive(Default)]
struct Sum {
    counts: Counts,
    rates: Option<Rates>,
    totals: Option<Totals>,
    oldest: Option<Time>,
    busy: Option<u64>,
}

impl Sum {
    fn add(&mut self, view: &QueueView<'_>) {
        self.add_totals(&view.totals);
        if view.stale {
            return;
        }
        let (sum, own) = (&mut self.counts, &view.counts);
        for (sum, own) in [
            (&mut sum.waiting, own.waiting),
            (&mut sum.active, own.active),
            (&mut sum.scheduled, own.scheduled),
            (&mut sum.retry, own.retry),
            (&mut sum.completed, own.completed),
            (&mut sum.failed, own.failed),
            (&mut sum.blocked, own.blocked),
            (&mut self.busy, view.busy),
        ] {
            if let Some(own) = own {
                *sum = Some(sum.unwrap_or(0) + own);
            }
        }
        if let Some(rates) = view.rates {
            let sum = self.rates.get_or_insert_default();
            sum.enqueued += rates.enqueued;
            sum.processed += rates.processed;
            sum.failed += rates.failed;
        }
        self.oldest = [self.oldest, view.oldest].into_iter().flatten().min();
    }

    fn add_totals(&mut self, own: &Totals) {
        let sum =
            self.totals.get_or_insert(Totals { enqueued: 0, succeeded: 0, failed: 0, ..*own });
        sum.enqueued += own.enqueued;
        sum.succeeded += own.succeeded;
        sum.failed += own.failed;
        sum.since = sum.since.min(own.since);
        sum.quality = sum.quality.worst(own.quality);
    }
}

fn totals(queue: &QueueState) -> Totals {
    let Tally { enqueued, succeeded, failed } = queue.totals;
    Totals { enqueued, succeeded, failed, since: queue.since, quality: queue.totals_quality() }
}

/// Since when a queue's workers start nothing although they could: nothing of it runs, and not every worker is
/// known to be full (of another queue's jobs).
fn idle_since(
    queue: &QueueState,
    counts: Counts,
    workers: WorkerFigures,
    now: Time,
) -> Option<Time> {
    let paused = queue.reading.as_ref().is_none_or(|reading| reading.paused);
    let waits = counts.waiting.unwrap_or(0) > 0 && !paused;
    let alive = workers.workers.unwrap_or(0) > 0;
    let could = counts.active.unwrap_or(0) == 0 && !workers.full;
    (waits && alive && could && now.since(queue.last_progress) >= IDLE_SECONDS)
        .then_some(queue.last_progress)
}

/// Since when jobs wait while others run and not one of those ends, for far longer than attempts of this queue take.
fn hung_since(queue: &QueueState, counts: Counts, now: Time) -> Option<Time> {
    let paused = queue.reading.as_ref().is_none_or(|reading| reading.paused);
    let waits = counts.waiting.unwrap_or(0) > 0 && !paused;
    let runs = counts.active.unwrap_or(0) > 0;
    let lasts = now.since(queue.last_progress);
    if !(waits && runs && lasts >= HUNG_SECONDS) {
        return None;
    }
    let usual = queue.mean_run().map_or(HUNG_UNKNOWN_SECONDS, |run| run * HUNG_MEAN_RUNS);
    (lasts >= usual).then_some(queue.last_progress)
}

/// What a source has: queues, or instances, or what its first check says, such as files and targets.
fn describe_found(kind: &str, report: &PollReport, instances: Option<usize>) -> String {
    if let Some(count) = instances {
        return format!("instances: {count}");
    }
    let found: Vec<String> = report
        .found
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(broker, count)| format!("{count} {broker}"))
        .collect();
    // What is no source of queues says itself what it has.
    let looks_for_queues = kind == "redis" || kind == "n8n";
    match report.checks.first() {
        _ if !found.is_empty() => format!("queues: {}", found.join(", ")),
        Some(check) if !looks_for_queues => check.detail.clone(),
        _ => "no queues yet".to_owned(),
    }
}
