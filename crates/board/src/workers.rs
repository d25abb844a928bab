//! What is known of the workers of each broker in each source.

use std::collections::BTreeMap;

use vigie_model::{Broker, Name, QueueId, SourceName, Time, Worker, WorkerId, WorkersReading};

use crate::queue::WorkerFigures;

/// The workers of all sources.
#[derive(Debug, Default)]
pub(crate) struct WorkersState {
    /// The newest reading of each; `None`: the server does not let us see them.
    groups: BTreeMap<(SourceName, Broker), Group>,
}

#[derive(Debug)]
struct Group {
    at: Time,
    workers: Option<BTreeMap<WorkerId, Worker>>,
    by_queue: BTreeMap<Name, WorkerFigures>,
}

/// Who came and who went.
#[derive(Debug, Default)]
pub(crate) struct Turnover {
    pub joined: Vec<Worker>,
    pub left: Vec<Worker>,
}

/// A worker as it is now.
#[derive(Debug, Clone, Copy)]
pub struct WorkerView<'a> {
    /// The source it was seen in.
    pub source: &'a SourceName,
    /// What its broker says of it.
    pub worker: &'a Worker,
    /// When it was read, on Vigie's clock.
    pub seen: Time,
    /// Its source is stale: it may be gone.
    pub stale: bool,
    /// Since when it is alive and runs nothing although one of its queues has waiting jobs; `None` when it works,
    /// has nothing to do, or its broker does not tell.
    pub idle_since: Option<Time>,
}

impl WorkersState {
    /// Takes in a reading. The first one of a group is where it starts from: nobody joins by it.
    pub(crate) fn read(&mut self, reading: WorkersReading) -> Turnover {
        let key = (reading.source, reading.broker);
        let workers: Option<BTreeMap<WorkerId, Worker>> = reading
            .workers
            .map(|workers| workers.into_iter().map(|worker| (worker.id.clone(), worker)).collect());
        let mut turnover = Turnover::default();
        let before = self.groups.get(&key).and_then(|group| group.workers.as_ref());
        if let (Some(before), Some(now)) = (before, &workers) {
            let missing = |from: &BTreeMap<WorkerId, Worker>,
                           other: &BTreeMap<WorkerId, Worker>| {
                from.values().filter(|worker| !other.contains_key(&worker.id)).cloned().collect()
            };
            turnover = Turnover { joined: missing(now, before), left: missing(before, now) };
        }
        let by_queue = workers.as_ref().map(figures_by_queue).unwrap_or_default();
        self.groups.insert(key, Group { at: reading.at, workers, by_queue });
        turnover
    }

    /// The workers of a queue; 0 when its broker's workers are known and none consumes it.
    pub(crate) fn of_queue(&self, queue: &QueueId, active: Option<u64>) -> WorkerFigures {
        let Some(group) = self.groups.get(&(queue.source.clone(), queue.broker)) else {
            return WorkerFigures { busy: active, ..WorkerFigures::default() };
        };
        if group.workers.is_none() {
            return WorkerFigures { busy: active, ..WorkerFigures::default() };
        }
        let none = WorkerFigures { workers: Some(0), ..WorkerFigures::default() };
        let figures = group.by_queue.get(queue.name.as_str()).copied().unwrap_or(none);
        WorkerFigures { busy: figures.busy.or(active), ..figures }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&SourceName, Time, &Worker)> {
        self.groups.iter().flat_map(|((source, _), group)| {
            group
                .workers
                .iter()
                .flat_map(BTreeMap::values)
                .map(move |worker| (source, group.at, worker))
        })
    }

    /// All workers together. Capacity and busy are those that are known; `None` when none is.
    pub(crate) fn overall(&self) -> WorkerFigures {
        let mut sum = WorkerFigures::default();
        for (_, _, worker) in self.all() {
            add(&mut sum.workers, Some(1));
            add(&mut sum.capacity, worker.capacity.map(u64::from));
        }
        if sum.workers.is_none() && self.groups.values().any(|group| group.workers.is_some()) {
            sum.workers = Some(0);
        }
        sum
    }
}

fn figures_by_queue(workers: &BTreeMap<WorkerId, Worker>) -> BTreeMap<Name, WorkerFigures> {
    let mut figures: BTreeMap<Name, WorkerFigures> = BTreeMap::new();
    for worker in workers.values() {
        for queue in &worker.queues {
            let of_queue = figures.entry(queue.clone()).or_default();
            add(&mut of_queue.workers, Some(1));
            add(&mut of_queue.capacity, worker.capacity.map(u64::from));
            if let Some(jobs) = &worker.jobs {
                let own = jobs.iter().filter(|(name, _)| name == queue).count() as u64;
                // A broker that tells who runs what tells it of all its workers, or busy stays unknown.
                if worker.capacity.is_some() {
                    add(&mut of_queue.busy, Some(own));
                }
            }
        }
    }
    figures
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0) + more);
    }
}
