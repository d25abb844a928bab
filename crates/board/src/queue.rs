//! What is known of one queue.

use std::collections::BTreeMap;

use vigie_model::{
    JobBatch, JobEvent, JobFact, Limits, Name, Quality, QueueId, QueueReading, Summary, Time,
};

use crate::activity::{Activity, Tally};
use crate::history::{History, Point};
use crate::job_types::JobTypeState;
use crate::view::{OverviewView, Rates, Stat};
use crate::window::{WINDOW_SECONDS, Window};

/// Rates look back this far, in seconds.
pub(crate) const RATE_SECONDS: i64 = 60;

/// Everything about one queue.
#[derive(Debug)]
pub(crate) struct QueueState {
    pub id: QueueId,
    /// A small number that is its name on the live stream.
    pub row: u32,
    /// The newest reading; `None` when job events came first.
    pub reading: Option<QueueReading>,
    pub since: Time,
    pub totals: Tally,
    /// What of the totals happened since Vigie's start.
    pub totals_since_start: Tally,
    pub types: BTreeMap<Name, JobTypeState>,
    pub wait: Window,
    pub run: Window,
    /// Wait and run together, of one attempt.
    pub latency: Window,
    pub activity: Activity,
    pub history: History,
    /// A stretch of job events is missing since `since`.
    torn: bool,
    last_gap: Option<Time>,
    types_sampled_at: Option<Time>,
    /// When a job last started or ended, or there was nothing to start.
    pub last_progress: Time,
    /// Counts up with each change, so that others know what to look at again.
    pub version: u64,
}

impl QueueState {
    pub(crate) fn new(id: QueueId, row: u32, now: Time) -> Self {
        Self {
            id,
            row,
            reading: None,
            since: now,
            totals: Tally::default(),
            totals_since_start: Tally::default(),
            types: BTreeMap::new(),
            wait: Window::default(),
            run: Window::default(),
            latency: Window::default(),
            activity: Activity::default(),
            history: History::default(),
            torn: false,
            last_gap: None,
            types_sampled_at: None,
            last_progress: now,
            version: 0,
        }
    }

    /// Mean seconds of an attempt that has ended since Vigie's start; `None` when none is known.
    pub(crate) fn mean_run(&self) -> Option<f64> {
        let ended = self.types.values().flat_map(|of| [&of.succeeded.run, &of.failed.run]);
        let (count, sum) = ended.fold((0, 0.0), |(count, sum), run| {
            (count + run.counts().iter().sum::<u64>(), sum + run.sum())
        });
        (count > 0).then(|| sum / count as f64)
    }

    pub(crate) fn read(&mut self, reading: QueueReading) {
        self.since = reading.since;
        let nothing_to_start = reading.paused || reading.counts.waiting.unwrap_or(0) == 0;
        let moved = self.reading.as_ref().is_some_and(|last| {
            let ids = |reading: &QueueReading| {
                reading.active_jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>()
            };
            ids(last) != ids(&reading)
        });
        if nothing_to_start || moved {
            self.last_progress = self.last_progress.max(reading.at);
        }
        self.reading = Some(reading);
        self.version += 1;
    }

    /// Takes in a batch; returns how many job types were folded into `other`. `room` is how many more types the
    /// source may have; `started` is when Vigie did.
    pub(crate) fn happened(
        &mut self,
        batch: &JobBatch,
        limits: &Limits,
        room: usize,
        started: Time,
    ) -> (u64, usize) {
        if batch.gap {
            self.torn = true;
            self.last_gap = Some(batch.at);
        }
        if batch.types_sampled {
            self.types_sampled_at = Some(batch.at);
        }
        let (mut folded, mut added) = (0, 0);
        for event in &batch.events {
            let past = event.at < started;
            self.count(event, past);
            let Some(name) = &event.job_type else { continue };
            if let Some(known) = self.types.get_mut(name.as_str()) {
                known.apply(event.at, event.fact, past);
                continue;
            }
            let full = self.types.len() >= limits.types || added >= room;
            let name = if full { Name::from(Limits::OTHER) } else { name.clone() };
            folded += u64::from(full);
            added += usize::from(!self.types.contains_key(&name));
            self.types.entry(name).or_default().apply(event.at, event.fact, past);
        }
        self.version += 1;
        (folded, added)
    }

    fn count(&mut self, event: &JobEvent, past: bool) {
        let tally = Tally::of(event.fact);
        if tally != Tally::default() {
            self.totals.add(tally);
            if !past {
                self.totals_since_start.add(tally);
            }
            self.activity.record(event.at, tally);
        }
        let started = matches!(event.fact, JobFact::Started { .. });
        if started || tally.processed() > 0 {
            self.last_progress = self.last_progress.max(event.at);
        }
        self.measure(event);
    }

    fn measure(&mut self, event: &JobEvent) {
        let (first_wait, wait, run) = match event.fact {
            JobFact::Started { wait } => (wait, None, None),
            JobFact::Finished { wait, run, .. } => (None, wait, run),
            JobFact::Seen { wait, run, .. } => (wait, wait, run),
            JobFact::Enqueued | JobFact::Counted { .. } => return,
        };
        if let Some(wait) = first_wait {
            self.wait.record(event.at, wait);
        }
        if let Some(run) = run {
            self.run.record(event.at, run);
            self.latency.record(event.at, run + wait.unwrap_or(0.0));
        }
    }

    /// The quality of totals since the start.
    pub(crate) fn totals_quality(&self) -> Quality {
        let torn = if self.torn { Quality::Gap } else { Quality::Exact };
        self.own_quality().worst(torn)
    }

    /// The quality of figures over the window that ends now.
    pub(crate) fn window_quality(&self, now: Time) -> Quality {
        let within = |at: Option<Time>| at.is_some_and(|at| now.since(at) <= WINDOW_SECONDS as f64);
        let gap = if within(self.last_gap) { Quality::Gap } else { Quality::Exact };
        let sampled = if within(self.types_sampled_at) { Quality::Sampled } else { Quality::Exact };
        self.own_quality().worst(gap).worst(sampled)
    }

    /// What it takes from the quality of figures of several queues: one that is sampled takes nothing while it has none.
    pub(crate) fn quality_in_sums(&self, now: Time) -> Quality {
        let quality = self.window_quality(now);
        let has_some =
            || [&self.wait, &self.run].iter().any(|window| window.summary(now).count > 0);
        if quality == Quality::Sampled && !has_some() { Quality::Exact } else { quality }
    }

    fn own_quality(&self) -> Quality {
        self.reading.as_ref().map_or(Quality::Exact, |reading| reading.quality)
    }

    /// Jobs a second over the last whole seconds of the window, or over what has been watched of it.
    pub(crate) fn rates(&self, now: Time) -> Option<Rates> {
        let to = now.seconds();
        let from = (to - RATE_SECONDS).max(self.since.seconds() + 1);
        let tally = self.activity.between(from, to);
        let seconds = to - from;
        (seconds >= 2).then(|| Rates {
            enqueued: tally.enqueued as f64 / seconds as f64,
            processed: tally.processed() as f64 / seconds as f64,
            failed: tally.failed as f64 / seconds as f64,
        })
    }

    pub(crate) fn stat(&self, summary: Summary, now: Time) -> Stat {
        Stat { summary, quality: self.window_quality(now) }
    }

    /// Keeps the state of this second.
    pub(crate) fn tick(&mut self, now: Time, stale: bool, workers: WorkerFigures) {
        for window in [&mut self.wait, &mut self.run, &mut self.latency] {
            window.settle(now);
        }
        for job_type in self.types.values_mut() {
            job_type.wait.settle(now);
            job_type.run.settle(now);
        }
        self.activity.forget_before(now);
        let point = if stale { Point::default() } else { self.point(now, workers) };
        self.history.record(now, point);
    }

    fn point(&self, now: Time, workers: WorkerFigures) -> Point {
        let counts = self.reading.as_ref().map(|reading| reading.counts).unwrap_or_default();
        let (wait, run) = (self.wait.recent(now), self.run.recent(now));
        Point {
            waiting: counts.waiting,
            active: counts.active,
            scheduled: counts.scheduled,
            retry: counts.retry,
            workers: workers.workers,
            capacity: workers.capacity,
            busy: counts.active,
            wait_p50: wait.quantile(0.5),
            wait_p95: wait.quantile(0.95),
            run_p50: run.quantile(0.5),
            run_p95: run.quantile(0.95),
            ..Point::default()
        }
    }
}

/// Workers of a queue, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WorkerFigures {
    pub workers: Option<u64>,
    pub capacity: Option<u64>,
    /// Each of them is known to have no free slot.
    pub full: bool,
}

impl OverviewView {
    /// The overview as a point of the history of all queues together.
    #[must_use]
    pub fn point(&self) -> Point {
        Point {
            waiting: self.counts.waiting,
            active: self.counts.active,
            scheduled: self.counts.scheduled,
            retry: self.counts.retry,
            workers: self.workers,
            capacity: self.capacity,
            busy: self.busy,
            wait_p50: self.recent_wait.p50,
            wait_p95: self.recent_wait.p95,
            run_p50: self.recent_run.p50,
            run_p95: self.recent_run.p95,
            ..Point::default()
        }
    }
}
