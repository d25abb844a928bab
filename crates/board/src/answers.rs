//! What the board answers: every figure of this moment, from what it took in.

use vigie_model::{Broker, Counts, Outcome, QueueId, SourceName, Time, Worker};

use crate::activity::Tally;
use crate::board::{Board, Folds};
use crate::history::{Columns, Span};
use crate::instances::InstanceView;
use crate::overall::OverallTotals;
use crate::queue::QueueState;
use crate::source::SourceView;
use crate::standstill::{hung_since, idle_since};
use crate::timeline::Timeline;
use crate::view::{
    Drain, LatencyView, OutcomeHistogram, OverviewView, QueueView, Rates, Stat, Totals, TypeView,
};
use crate::window::Window;
use crate::workers::WorkerView;

impl Board {
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
        for (outcome, finished) in
            [(Outcome::Succeeded, untyped.succeeded), (Outcome::Failed, untyped.failed)]
        {
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
