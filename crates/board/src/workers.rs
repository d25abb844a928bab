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
    /// What its log entries are signed with: the name of the instance that it is, else its host.
    pub instance: Option<&'a Name>,
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
    pub(crate) fn of_queue(&self, queue: &QueueId) -> WorkerFigures {
        let group = self.groups.get(&(queue.source.clone(), queue.broker));
        let Some(group) = group.filter(|group| group.workers.is_some()) else {
            return WorkerFigures::default();
        };
        let none = WorkerFigures { workers: Some(0), ..WorkerFigures::default() };
        group.by_queue.get(queue.name.as_str()).copied().unwrap_or(none)
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

    /// All workers together.
    pub(crate) fn overall(&self) -> WorkerFigures {
        let known = self.groups.values().any(|group| group.workers.is_some());
        let start =
            known.then_some(WorkerFigures { workers: Some(0), capacity: Some(0), full: true });
        let sum = self.all().fold(start.unwrap_or_default(), |sum, (_, _, worker)| sum.and(worker));
        WorkerFigures { capacity: sum.capacity.filter(|_| sum.workers != Some(0)), ..sum }
    }
}

fn figures_by_queue(workers: &BTreeMap<WorkerId, Worker>) -> BTreeMap<Name, WorkerFigures> {
    let start = WorkerFigures { workers: Some(0), capacity: Some(0), full: true };
    let mut figures: BTreeMap<Name, WorkerFigures> = BTreeMap::new();
    for worker in workers.values() {
        for queue in &worker.queues {
            let of_queue = figures.entry(queue.clone()).or_insert(start);
            *of_queue = of_queue.and(worker);
        }
    }
    figures
}

impl WorkerFigures {
    /// With one worker more. Slots are known only if those of all are: a sum of some would look like all.
    fn and(self, worker: &Worker) -> Self {
        let full =
            worker.capacity.zip(worker.busy).is_some_and(|(capacity, busy)| busy >= capacity);
        Self {
            workers: self.workers.map(|workers| workers + 1),
            capacity: self.capacity.zip(worker.capacity).map(|(sum, own)| sum + u64::from(own)),
            full: self.full && full,
        }
    }
}
