//! What is remembered of single jobs between two of their events, bounded in memory.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use vigie_model::{Name, Time};

use super::base::Base;
use super::job_hash::Backoff;

/// The id of a job as its broker knows it: any bytes, colons included.
pub(crate) type JobId = Arc<[u8]>;

/// Where a job stands. All times of one tracker are on one clock (BullMQ: the Redis server's, Bull: Vigie's).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stage {
    /// Added; what comes next was not seen yet.
    Added,
    /// To become eligible at a time.
    Scheduled(Time),
    /// Eligible to run since a time.
    Waiting(Time),
    /// Waiting for other jobs.
    Blocked,
    /// Running.
    Active(Attempt),
    /// It ended, for good or until somebody retries it by hand.
    Ended,
}

/// One attempt at a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Attempt {
    /// When it started.
    pub started: Time,
    /// Seconds from eligible to started, if known.
    pub wait: Option<f64>,
    /// Tells apart the workers of a queue, where events name them.
    pub worker: u64,
}

/// A job that is remembered.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub stage: Stage,
    pub job_type: Option<Name>,
    /// Whether its hash was read: it is read once.
    pub looked_up: bool,
    /// Whether it goes back to the waiting jobs at once when it fails; known once it was looked up.
    pub retries_at_once: Option<bool>,
    /// Failed attempts that were counted and that the broker counts too (those whose worker vanished are not).
    pub failures: u32,
    /// `failures` when its hash was asked for: what the hash counts beyond that may be older than the job's first
    /// message here.
    pub failures_when_asked: u32,
    /// Whether its first message was about its being added, as its hash said when it was read first (Bull). Later
    /// readings say less.
    pub is_new: Option<bool>,
    /// Its last attempt was heard to succeed (Bull).
    pub completed: bool,
    /// It was found by an announcement as only jobs have that are added for later (Bull).
    pub added_for_later: bool,
    /// When it became eligible after a delay, on the clock of whoever delayed it (Bull).
    pub due: Option<Time>,
    /// When its newest attempt started, on its worker's clock, and how long it waits after a failure (Bull).
    pub processed_on: Option<Time>,
    pub backoff: Option<Backoff>,
    /// Its first event seen was that it became eligible, so nothing of this attempt or before was missed.
    pub seen_waiting: bool,
    /// Its worker vanished at some time, and that was counted.
    pub stalled: bool,
    /// The attempt that ended without an outcome, and when (BullMQ).
    pub stepped_back: Option<(Attempt, Time)>,
    serial: u64,
}

#[derive(Debug, Default)]
struct QueueJobs {
    jobs: HashMap<JobId, Job>,
    waiting: BTreeSet<(Time, JobId)>,
    active: HashSet<JobId>,
    /// Some of its jobs had to be forgotten, and that was not told yet.
    forgot: bool,
}

/// The jobs of all queues of one source, at most so many: over that, the one known longest is forgotten.
#[derive(Debug)]
pub(crate) struct Tracker {
    queues: HashMap<Base, QueueJobs>,
    /// In the order of being first seen; entries whose job is gone are skipped.
    order: VecDeque<(Base, JobId, u64)>,
    count: usize,
    capacity: usize,
    serial: u64,
}

impl Tracker {
    pub fn new(capacity: usize) -> Self {
        Self {
            queues: HashMap::new(),
            order: VecDeque::new(),
            count: 0,
            capacity: capacity.max(1),
            serial: 0,
        }
    }

    pub fn get(&self, queue: &[u8], id: &[u8]) -> Option<&Job> {
        self.queues.get(queue)?.jobs.get(id)
    }

    /// Where a job stands, if it is known.
    pub fn stage(&self, queue: &[u8], id: &[u8]) -> Option<Stage> {
        self.get(queue, id).map(|job| job.stage)
    }

    /// Says where a job stands now; a job that is not known yet is from now on.
    pub fn set_stage(&mut self, queue: &Base, id: &JobId, stage: Stage) -> &mut Job {
        self.make_room(queue, id);
        let jobs = self.queues.entry(queue.clone()).or_default();
        let before = jobs.jobs.get(id).map(|job| job.stage);
        if let Some(Stage::Waiting(eligible)) = before {
            jobs.waiting.remove(&(eligible, id.clone()));
        }
        match stage {
            Stage::Active(_) => drop(jobs.active.insert(id.clone())),
            _ => drop(jobs.active.remove(id)),
        }
        if let Stage::Waiting(eligible) = stage {
            jobs.waiting.insert((eligible, id.clone()));
        }
        let job = jobs.jobs.entry(id.clone()).or_insert_with(|| {
            self.serial += 1;
            self.count += 1;
            self.order.push_back((queue.clone(), id.clone(), self.serial));
            Job {
                stage,
                job_type: None,
                looked_up: false,
                retries_at_once: None,
                failures: 0,
                failures_when_asked: 0,
                is_new: None,
                completed: false,
                added_for_later: false,
                due: None,
                processed_on: None,
                backoff: None,
                seen_waiting: matches!(stage, Stage::Waiting(_)),
                stalled: false,
                stepped_back: None,
                serial: self.serial,
            }
        });
        job.stage = stage;
        job
    }

    /// The job, to note something about it.
    pub fn note(&mut self, queue: &[u8], id: &[u8]) -> Option<&mut Job> {
        self.queues.get_mut(queue)?.jobs.get_mut(id)
    }

    /// Corrects the wait of the attempt that runs now, when it was found out better later. `before` is what it was
    /// taken for: another attempt that has begun since has another.
    pub fn note_wait(&mut self, queue: &[u8], id: &[u8], before: Option<f64>, seconds: f64) {
        if let Some(Job { stage: Stage::Active(attempt), .. }) = self.note(queue, id)
            && attempt.wait == before
        {
            attempt.wait = Some(seconds);
        }
    }

    pub fn forget(&mut self, queue: &[u8], id: &[u8]) {
        let Some(jobs) = self.queues.get_mut(queue) else { return };
        let Some(job) = jobs.jobs.remove(id) else { return };
        self.count -= 1;
        if let Stage::Waiting(eligible) = job.stage {
            jobs.waiting.remove(&(eligible, JobId::from(id)));
        }
        jobs.active.remove(id);
        self.compact();
    }

    pub fn forget_queue(&mut self, queue: &[u8]) {
        if let Some(jobs) = self.queues.remove(queue) {
            self.count -= jobs.jobs.len();
            self.compact();
        }
    }

    /// Forgets which jobs of a queue run: a stretch of events is missing, and an attempt that goes on cannot be
    /// told from the next one of the same job.
    pub fn forget_active(&mut self, queue: &[u8]) {
        let active = self.queues.get(queue).map(|jobs| jobs.active.clone()).unwrap_or_default();
        for id in active {
            self.forget(queue, &id);
        }
    }

    /// The known job of a queue that has been eligible longest.
    pub fn oldest_waiting(&self, queue: &[u8]) -> Option<(Time, &JobId)> {
        self.queues.get(queue)?.waiting.first().map(|(eligible, id)| (*eligible, id))
    }

    /// The jobs of a queue that are known to run, in no order.
    pub fn active(&self, queue: &[u8]) -> impl Iterator<Item = (&JobId, &Job, Attempt)> {
        self.queues.get(queue).into_iter().flat_map(|jobs| {
            jobs.active.iter().filter_map(|id| {
                let job = jobs.jobs.get(id)?;
                let Stage::Active(attempt) = job.stage else { return None };
                Some((id, job, attempt))
            })
        })
    }

    /// Whether jobs of this queue were forgotten for want of room since this was last asked.
    pub fn take_forgot(&mut self, queue: &[u8]) -> bool {
        self.queues.get_mut(queue).is_some_and(|jobs| std::mem::take(&mut jobs.forgot))
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.count
    }

    fn make_room(&mut self, queue: &[u8], id: &[u8]) {
        if self.count < self.capacity || self.get(queue, id).is_some() {
            return;
        }
        while let Some((queue, id, serial)) = self.order.pop_front() {
            if self.get(&queue, &id).is_some_and(|job| job.serial == serial) {
                self.forget(&queue, &id);
                if let Some(jobs) = self.queues.get_mut(&queue) {
                    jobs.forgot = true;
                }
                return;
            }
        }
    }

    /// Drops the places of jobs that are gone once they are most of the line.
    fn compact(&mut self) {
        if self.order.len() > 64 && self.order.len() > 2 * self.count {
            let queues = &self.queues;
            self.order.retain(|(queue, id, serial)| {
                let job = queues.get(queue).and_then(|jobs| jobs.jobs.get(id));
                job.is_some_and(|job| job.serial == *serial)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn queue() -> Base {
        b"bull:mail".to_vec().into()
    }

    fn id(number: u32) -> JobId {
        number.to_string().into_bytes().into()
    }

    fn at(seconds: i64) -> Time {
        Time::from_seconds(seconds)
    }

    #[test]
    fn over_the_bound_the_job_known_longest_is_forgotten_and_that_is_told_once() {
        let mut tracker = Tracker::new(2);
        for number in 1..=3 {
            tracker.set_stage(&queue(), &id(number), Stage::Waiting(at(i64::from(number))));
        }
        assert_eq!(tracker.len(), 2);
        assert_eq!(tracker.stage(&queue(), &id(1)), None);
        assert_eq!(tracker.oldest_waiting(&queue()), Some((at(2), &id(2))));
        assert!(tracker.take_forgot(&queue()));
        assert!(!tracker.take_forgot(&queue()));
    }

    #[test]
    fn what_waits_and_what_runs_is_known() {
        let mut tracker = Tracker::new(10);
        tracker.set_stage(&queue(), &id(1), Stage::Waiting(at(5)));
        tracker.set_stage(&queue(), &id(2), Stage::Waiting(at(3)));
        tracker.set_stage(&queue(), &id(1), Stage::Waiting(at(1)));
        assert_eq!(tracker.oldest_waiting(&queue()), Some((at(1), &id(1))));
        let attempt = Attempt { started: at(6), wait: None, worker: 0 };
        tracker.set_stage(&queue(), &id(1), Stage::Active(attempt));
        tracker.note_wait(&queue(), &id(1), None, 5.0);
        assert_eq!(tracker.oldest_waiting(&queue()), Some((at(3), &id(2))));
        let active: Vec<_> =
            tracker.active(&queue()).map(|(id, _, run)| (id.clone(), run.wait)).collect();
        assert_eq!(active, [(id(1), Some(5.0))]);
        tracker.forget_queue(&queue());
        assert_eq!((tracker.len(), tracker.oldest_waiting(&queue())), (0, None));
    }

    proptest! {
        #[test]
        fn the_bound_holds_whatever_happens(
            steps in proptest::collection::vec((0u32..40, 0u8..6, 0i64..100), 0..400)
        ) {
            let mut tracker = Tracker::new(10);
            for (number, step, seconds) in steps {
                let attempt = Attempt { started: at(seconds), wait: None, worker: 0 };
                match step {
                    0 => tracker.forget(&queue(), &id(number)),
                    1 => drop(tracker.set_stage(&queue(), &id(number), Stage::Active(attempt))),
                    2 => tracker.forget_active(b"bull:mail"),
                    _ => drop(tracker.set_stage(&queue(), &id(number), Stage::Waiting(at(seconds)))),
                }
                let jobs = tracker.queues.get(&queue());
                let held = jobs.map_or(0, |jobs| jobs.jobs.len());
                prop_assert!(held <= 10 && held == tracker.len());
                prop_assert!(tracker.order.len() <= 100);
                if let Some(jobs) = jobs {
                    for (eligible, id) in &jobs.waiting {
                        prop_assert_eq!(jobs.jobs[id].stage, Stage::Waiting(*eligible));
                    }
                    prop_assert_eq!(jobs.active.len(), tracker.active(&queue()).count());
                }
            }
        }
    }
}
