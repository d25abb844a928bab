//! One queue that is polled: what is remembered of it, and its reading.

use std::collections::HashMap;

use vigie_model::{ActiveJob, Name, Quality, QueueId, QueueReading, Time};

use super::base::Base;
use super::dialect::{Dialect, LISTED_JOBS, Seen};
use super::job_hash::JobHash;
use super::shared::{ReaderState, State};
use super::tracker::{Stage, Tracker};
use crate::source::PollContext;

/// A queue in which nothing happens is asked for everything once in so many polls.
const FULL_EVERY: u8 = 5;
/// Events are read within a fraction of this.
const UNTOLD_SECONDS: f64 = 5.0;

/// A queue that is polled.
#[derive(Debug)]
pub(crate) struct Watched {
    pub id: QueueId,
    /// Over the limit on queues: counted in `other`.
    pub folded: bool,
    /// When it was found, on Vigie's clock; `None` until its first poll.
    pub found: Option<Time>,
    pub seen: Seen,
    /// How far its events were read when it was polled last (BullMQ).
    read: Option<(u64, u64)>,
    /// Polls in a row that saw no key of it.
    pub absent: u8,
    /// The hashes of jobs that are listed now, each read once an attempt.
    hashes: HashMap<Vec<u8>, Known>,
    /// The known job that has waited longest, after a look whether it still does.
    oldest: Option<Time>,
    /// A job that no longer waits although no event has said so, and since when that is known.
    doubted: Option<(Vec<u8>, Time)>,
    pub jobs: Vec<ActiveJob>,
    pub run_by: Vec<Option<Name>>,
}

#[derive(Debug)]
struct Known {
    hash: Option<JobHash>,
    /// The start of the attempt during which it was read, if that was known.
    attempt: Option<Time>,
}

/// Why a job's hash is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// To list it.
    Listed(Vec<u8>),
    /// To make sure that it still waits.
    Oldest(Vec<u8>),
}

impl Watched {
    pub fn new(id: QueueId, folded: bool) -> Self {
        Self {
            id,
            folded,
            found: None,
            seen: Seen::default(),
            read: None,
            absent: 0,
            hashes: HashMap::new(),
            oldest: None,
            doubted: None,
            jobs: Vec::new(),
            run_by: Vec::new(),
        }
    }

    /// Whether nothing has happened since the poll before, as far as events tell. Now and then the answer is no all
    /// the same, each queue in its turn: somebody may have cleaned up, which is no event.
    pub fn is_quiet(&mut self, base: &[u8], state: &State) -> bool {
        let position = state.positions.get(base).filter(|position| {
            state.reader == ReaderState::Running && !position.behind && !position.doubtful
        });
        let read = position.map(|position| position.read);
        let before = std::mem::replace(&mut self.read, read);
        let turn = base.last().map_or(0, |letter| letter % FULL_EVERY);
        let full = self.seen.turn.wrapping_add(turn).is_multiple_of(FULL_EVERY);
        read.is_some() && read == before && self.seen.stands && !full
    }

    /// Which hashes to read now, at most `room`. `want_worker`: the hash is also wanted for who runs the job.
    pub fn look_ups(
        &mut self,
        base: &[u8],
        tracker: &Tracker,
        want_worker: bool,
        room: usize,
    ) -> Vec<LookUp> {
        let Seen { heads, active, .. } = &self.seen;
        self.hashes.retain(|id, _| heads.contains(id) || active.contains(id));
        let mut wanted = Vec::new();
        for id in active {
            let job = tracker.get(base, id);
            let attempt = job.and_then(|job| started(job.stage));
            let told = attempt.is_some() && job.is_some_and(|job| job.job_type.is_some());
            let fresh = self.hashes.get(id).is_some_and(|known| known.attempt == attempt);
            if !fresh && (want_worker || !told) {
                wanted.push(LookUp::Listed(id.clone()));
            }
        }
        for id in heads {
            let told = matches!(tracker.stage(base, id), Some(Stage::Waiting(_)));
            if !told && !self.hashes.contains_key(id) {
                wanted.push(LookUp::Listed(id.clone()));
            }
        }
        let waiting = self.seen.counts.waiting.unwrap_or(0);
        if waiting > heads.len() as u64
            && let Some((_, id)) = tracker.oldest_waiting(base)
            && !heads.iter().any(|head| **head == **id)
        {
            wanted.push(LookUp::Oldest(id.to_vec()));
        }
        wanted.truncate(room);
        wanted
    }

    /// Takes in the answer to a look-up.
    pub fn learn<D: Dialect>(
        &mut self,
        base: &[u8],
        look_up: LookUp,
        hash: Option<JobHash>,
        tracker: &mut Tracker,
        context: &PollContext,
    ) {
        match look_up {
            LookUp::Listed(id) => {
                let attempt = tracker.stage(base, &id).and_then(started);
                self.hashes.insert(id, Known { hash, attempt });
            }
            LookUp::Oldest(id) => {
                let Some(Stage::Waiting(eligible)) = tracker.stage(base, &id) else { return };
                let eligible = local::<D>(eligible, context);
                let gone = |hash: &JobHash| {
                    let started = hash.processed_on.map(|started| context.local(started));
                    hash.finished_on.is_some() || started.is_some_and(|at| at > eligible)
                };
                if !hash.as_ref().is_none_or(gone) {
                    self.oldest = Some(eligible);
                    return;
                }
                // Its event may be on its way still. But some ways to take a job out of a queue are told by none.
                let doubted = self.doubted.take().filter(|(doubted, _)| *doubted == id);
                let (_, since) = doubted.unwrap_or_else(|| (Vec::new(), context.now));
                if context.now.since(since) < UNTOLD_SECONDS {
                    self.doubted = Some((id, since));
                } else {
                    tracker.forget(base, &id);
                }
            }
        }
    }

    /// Where nothing waits, no job that became eligible long ago is waiting.
    pub fn forget_gone<D: Dialect>(
        &self,
        base: &[u8],
        tracker: &mut Tracker,
        context: &PollContext,
    ) {
        if self.seen.counts.waiting == Some(0) {
            while let Some((eligible, id)) = tracker.oldest_waiting(base)
                && context.now.since(local::<D>(eligible, context)) > UNTOLD_SECONDS
            {
                let id = id.clone();
                tracker.forget(base, &id);
            }
        }
    }

    /// The reading of this poll.
    pub fn reading<D: Dialect>(
        &mut self,
        base: &Base,
        state: &State,
        context: &PollContext,
    ) -> QueueReading {
        self.list_active::<D>(base, &state.tracker, context);
        let found = *self.found.get_or_insert(context.now);
        let (quality, since) = match state.reader {
            ReaderState::Refused(_) => (Quality::Sampled, found),
            _ => (Quality::Exact, state.since.get(base).copied().unwrap_or(found)),
        };
        QueueReading {
            queue: self.id.clone(),
            at: context.now,
            since,
            counts: self.seen.counts,
            raw: self.seen.raw.clone(),
            paused: self.seen.paused,
            oldest: self.oldest::<D>(base, &state.tracker, context),
            active_jobs: self.jobs.clone(),
            quality,
        }
    }

    fn list_active<D: Dialect>(&mut self, base: &[u8], tracker: &Tracker, context: &PollContext) {
        let mut listed: Vec<(ActiveJob, Option<Name>)> = Vec::with_capacity(self.seen.active.len());
        for id in self.seen.active.iter().take(LISTED_JOBS) {
            let job = tracker.get(base, id);
            let hash = self.hashes.get(id).and_then(|known| known.hash.as_ref());
            let tracked = job.and_then(|job| started(job.stage)).map(|at| local::<D>(at, context));
            let read = || hash.and_then(|hash| hash.processed_on).map(|at| context.local(at));
            let job_type = job
                .and_then(|job| job.job_type.clone())
                .or_else(|| hash.and_then(|hash| hash.name.clone()));
            let active = ActiveJob {
                id: Name::from_bytes(id),
                job_type,
                since: tracked.or_else(read),
                worker: None,
            };
            listed.push((active, hash.and_then(|hash| hash.worker.clone())));
        }
        // Those of unknown age last: the list says who runs longest.
        listed.sort_by_key(|(job, _)| (job.since.is_none(), job.since));
        (self.jobs, self.run_by) = listed.into_iter().unzip();
    }

    /// When the oldest waiting job became eligible, as far as the jobs at the ends of the queue and those whose
    /// events were seen tell.
    fn oldest<D: Dialect>(
        &mut self,
        base: &[u8],
        tracker: &Tracker,
        context: &PollContext,
    ) -> Option<Time> {
        let verified = self.oldest.take();
        if self.seen.counts.waiting == Some(0) {
            return None;
        }
        let eligible = |id: &Vec<u8>| match tracker.stage(base, id) {
            Some(Stage::Waiting(eligible)) => Some(local::<D>(eligible, context)),
            _ => {
                let hash = self.hashes.get(id)?.hash.as_ref()?;
                hash.eligible().map(|eligible| context.local(eligible))
            }
        };
        let Seen { heads, left, .. } = &self.seen;
        let others =
            heads.iter().filter(|id| Some(*id) != left.as_ref()).filter_map(eligible).min();
        let left = left.as_ref().map(eligible);
        if let Some(left) = left {
            self.seen.left_is_older = left.zip(others).is_some_and(|(left, others)| left < others);
        }
        let oldest = others.into_iter().chain(left.flatten()).chain(verified).min();
        oldest.map(|oldest| oldest.min(context.now))
    }
}

fn started(stage: Stage) -> Option<Time> {
    match stage {
        Stage::Active(attempt) => Some(attempt.started),
        _ => None,
    }
}

fn local<D: Dialect>(time: Time, context: &PollContext) -> Time {
    if D::SERVER_TIMES { context.local(time) } else { time }
}
