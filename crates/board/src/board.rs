//! The board itself: takes observations in. What it answers is in [`crate::answers`].

use std::collections::BTreeMap;

use vigie_model::{
    EventKind, InstancesReading, JobBatch, Limits, Observation, PollReport, QueueId, QueueReading,
    SourceName, Time, WorkersReading,
};

use crate::instances::InstancesState;
use crate::overall::Overall;
use crate::queue::QueueState;
use crate::source::SourceState;
use crate::timeline::{About, Timeline};
use crate::workers::WorkersState;

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
    pub(crate) started: Time,
    pub(crate) sources: BTreeMap<SourceName, SourceState>,
    pub(crate) queues: BTreeMap<QueueId, QueueState>,
    pub(crate) workers: WorkersState,
    pub(crate) instances: InstancesState,
    pub(crate) schedules: crate::schedules::Schedules,
    pub(crate) timeline: Timeline,
    pub(crate) not_kept: crate::kept::AllNotKept,
    pub(crate) folds: Folds,
    rows: u32,
    types: BTreeMap<SourceName, usize>,
    pub(crate) overall: Overall,
    pub(crate) version: u64,
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
