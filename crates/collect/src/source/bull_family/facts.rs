//! From what was seen to what is told: events that wait for what only the job's hash knows.

use std::collections::{BTreeMap, HashMap, HashSet};

use vigie_model::{Broker, JobBatch, JobEvent, JobFact, Name, Observation, Outcome, Time};

use super::base::Base;
use super::job_hash::{Backoff, JobHash};
use super::rate::Nudges;
use super::shared::State;
use super::tracker::{JobId, Stage};
use crate::source::ReaderContext;

/// Something that happened to a job and is not told yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pending {
    /// When, on Vigie's clock.
    pub at: Time,
    pub id: JobId,
    pub job_type: Option<Name>,
    /// When the job became eligible for the attempt that this is about, on the clock of whoever delayed it.
    pub due: Option<Time>,
    pub fact: PendingFact,
    /// The job ended with this, for good as far as is known.
    pub is_end: bool,
    /// The attempt failed and the next one was announced (Bull).
    pub retry: Option<Retry>,
}

/// What the announcement of the next attempt says of the one before: it is due a pause after that one has ended.
/// All times are on the clock of the worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retry {
    /// When the next attempt is due.
    pub due: Time,
    /// How many have failed.
    pub failures: u32,
    /// When the one that failed had started, and how long the pause is, where that is known already.
    pub started: Option<Time>,
    pub backoff: Option<Backoff>,
}

impl Retry {
    /// Seconds that the attempt ran, `heard` by the times of messages.
    fn run(&self, hash: Option<&JobHash>, heard: f64) -> f64 {
        let backoff = self.backoff.or_else(|| hash?.backoff);
        let started = self.started.or_else(|| hash?.processed_on);
        let own = backoff
            .zip(started)
            .map(|(backoff, started)| (self.due - backoff.seconds(self.failures)).since(started));
        let own = own.filter(|own| *own >= 0.0 && (own - heard).abs() <= CLOCKS_DIFFER);
        own.unwrap_or(heard)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PendingFact {
    /// This happened; a wait that is not known may be in the hash.
    Sure(JobFact),
    /// It ended for good, and its start was not seen: its times may be in the hash.
    EndedUnseen(Outcome),
    /// It entered the waiting jobs and was not known: new, unless its hash says otherwise.
    PerhapsEnqueued,
    /// It left the running jobs without an outcome: a failed attempt if the broker counts one more than Vigie
    /// has counted, else the job stepped back by itself (to wait for its turn or its children).
    PerhapsFailed {
        /// Of the attempt that ended.
        wait: Option<f64>,
        /// Of the attempt that ended.
        run: Option<f64>,
    },
}

/// What is pending, by queue, and the hashes that were read for it.
#[derive(Debug, Default)]
pub(crate) struct Pendings {
    by_queue: BTreeMap<Base, Vec<Pending>>,
    /// Queues in which something happened that is no fact about a job.
    stirred: HashSet<Base>,
}

/// Hashes of jobs that were read: `None` for those that are gone. Jobs that were not read are absent.
pub(crate) type Hashes = HashMap<(Base, JobId), Option<JobHash>>;

/// Decides about a job that entered the waiting jobs and was not known: by its hash, since when its queue is heard, and
/// how many of its attempts were heard to fail before the hash was asked for.
pub(crate) type IsNew = fn(&JobHash, Option<Time>, u32) -> bool;

impl Pendings {
    pub fn push(&mut self, queue: &Base, pending: Pending) {
        self.by_queue.entry(queue.clone()).or_default().push(pending);
    }

    /// Notes that an early look at the queue is worth it.
    pub fn stir(&mut self, queue: &Base) {
        self.stirred.insert(queue.clone());
    }

    pub fn is_empty(&self) -> bool {
        self.by_queue.is_empty() && self.stirred.is_empty()
    }

    /// The newest thing pending of a job.
    pub fn newest(&mut self, queue: &Base, id: &[u8]) -> Option<&mut Pending> {
        self.by_queue.get_mut(queue)?.iter_mut().rev().find(|pending| *pending.id == *id)
    }

    /// Adds what became pending later.
    pub fn append(&mut self, later: Self) {
        for (queue, mut pendings) in later.by_queue {
            self.by_queue.entry(queue).or_default().append(&mut pendings);
        }
        self.stirred.extend(later.stirred);
    }

    /// Takes all that is pending.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The jobs whose hash is needed: once for its type, and again where only the hash can tell what happened.
    /// `times`: the hash is also wanted for when attempts began and ended. The most needed come first.
    pub fn wanted(&self, state: &State, times: bool) -> Vec<(Base, JobId)> {
        let mut seen = HashSet::new();
        let mut wanted = Vec::new();
        let mut for_times = Vec::new();
        for (queue, pendings) in &self.by_queue {
            for pending in pendings {
                let job = state.tracker.get(queue, &pending.id);
                let known = pending.job_type.is_some() || job.is_some_and(|job| job.looked_up);
                let unsure = !matches!(pending.fact, PendingFact::Sure(_));
                if (unsure || !known || times) && seen.insert((queue, &pending.id)) {
                    let list = if unsure || !known { &mut wanted } else { &mut for_times };
                    list.push((queue.clone(), pending.id.clone()));
                }
            }
        }
        wanted.append(&mut for_times);
        wanted
    }

    /// Turns everything into observations and sends them.
    pub fn tell(
        self,
        broker: Broker,
        state: &mut State,
        hashes: &Hashes,
        is_new: IsNew,
        nudges: &mut Nudges,
        context: &ReaderContext,
    ) {
        let now = context.clock.now();
        for (queue, pendings) in &self.by_queue {
            let events = settle(broker, queue, pendings, state, hashes, is_new);
            let incomplete = events.iter().any(|event| event.job_type.is_none());
            let types_sampled = state.tracker.take_forgot(queue) || incomplete;
            forget_ended(queue, pendings, state);
            if let Some(batch) = batch(queue, state, now, types_sampled, events) {
                context.out.send(Observation::Jobs(batch));
            }
        }
        for queue in self.by_queue.keys().chain(&self.stirred) {
            if nudges.allow(queue, now) {
                // When too many ask, the next poll is near anyway.
                let _ = context.nudge.try_send((broker, queue.to_vec()));
            }
        }
    }
}

/// A batch of a queue, unless there is nothing to say. Whether a stretch is missing is said once.
pub(crate) fn batch(
    queue: &Base,
    state: &mut State,
    now: Time,
    types_sampled: bool,
    events: Vec<JobEvent>,
) -> Option<JobBatch> {
    let id = state.queues.get(queue)?.id.clone();
    let gap = state.torn.remove(queue);
    (gap || !events.is_empty()).then_some(JobBatch {
        queue: id,
        at: now,
        gap,
        types_sampled,
        events,
    })
}

fn settle(
    broker: Broker,
    queue: &Base,
    pendings: &[Pending],
    state: &mut State,
    hashes: &Hashes,
    is_new: IsNew,
) -> Vec<JobEvent> {
    let mut events = Vec::with_capacity(pendings.len());
    let newest = newest_attempts(pendings);
    for (place, pending) in pendings.iter().enumerate() {
        let read = hashes.get(&(queue.clone(), pending.id.clone()));
        let hash = read.and_then(Option::as_ref);
        // On the clock of whoever adds jobs, for which the server's stands.
        let since = state.new_since(queue);
        let job = state.tracker.note(queue, &pending.id);
        let fact = match pending.fact {
            PendingFact::Sure(fact) => {
                // BullMQ's entries have the server's times. Bull's messages have none, but its hash has those of
                // the newest attempt.
                let newest = newest.get(&pending.id).is_none_or(|start| *start <= place);
                let better = broker == Broker::Bull && newest;
                let fact = with_hash(fact, pending.due, hash, better, better && pending.is_end);
                Some(with_retry(fact, pending.retry.as_ref(), hash))
            }
            PendingFact::EndedUnseen(outcome) => {
                let (wait, run) = (hash.and_then(JobHash::first_wait), hash.and_then(JobHash::run));
                Some(JobFact::Finished { outcome, wait, run })
            }
            PendingFact::PerhapsEnqueued => {
                // What is gone already was short-lived, so it was new.
                let decided = job.as_ref().and_then(|job| job.is_new);
                let heard = job.as_ref().map_or(0, |job| job.failures_when_asked);
                let new = || hash.is_none_or(|hash| is_new(hash, since, heard));
                decided.unwrap_or_else(new).then_some(JobFact::Enqueued)
            }
            PendingFact::PerhapsFailed { wait, run } => {
                let counted = job.as_ref().map_or(0, |job| job.failures);
                let failed = hash.is_none_or(|hash| hash.failures() > counted);
                failed.then_some(JobFact::Finished { outcome: Outcome::Failed, wait, run })
            }
        };
        let mut job_type =
            pending.job_type.clone().or_else(|| hash.and_then(|hash| hash.name.clone()));
        if let Some(job) = job {
            if matches!(pending.fact, PendingFact::PerhapsFailed { .. }) && fact.is_some() {
                job.failures += 1;
                job.stepped_back = None;
            }
            if let Some(read) = read {
                job.looked_up = true;
                job.retries_at_once = read.as_ref().map(|hash| hash.retries_at_once);
            }
            job.job_type = job.job_type.take().or_else(|| job_type.clone());
            job_type = job_type.or_else(|| job.job_type.clone());
        }
        let Some(fact) = fact else { continue };
        if let (
            JobFact::Started { wait: Some(wait) },
            PendingFact::Sure(JobFact::Started { wait: heard }),
        ) = (fact, pending.fact)
        {
            state.tracker.note_wait(queue, &pending.id, heard, wait);
        }
        events.push(JobEvent { at: pending.at, job_type, fact });
    }
    // What was found out later may have happened earlier.
    events.sort_by_key(|event| event.at);
    events
}

/// Clocks of producers and workers that differ by more than this say nothing about a wait.
const CLOCKS_DIFFER: f64 = 0.25;

/// A run's two times are of one worker's clock. What was heard of them differs by how late the news of either came, which on a
/// busy machine may be seconds; by more than this, a clock was set meanwhile.
const NEWS_LATE: f64 = 5.0;

/// Where the newest attempt of each job starts, if that is among these.
fn newest_attempts(pendings: &[Pending]) -> HashMap<&JobId, usize> {
    let starts = pendings
        .iter()
        .enumerate()
        .filter(|(_, pending)| matches!(pending.fact, PendingFact::Sure(JobFact::Started { .. })));
    starts.map(|(place, pending)| (&pending.id, place)).collect()
}

/// Fills in what was not seen and the hash knows. Where both are known, the library's own times may be better than
/// those at which messages arrived here: they do not depend on how busy this machine is.
fn with_hash(
    fact: JobFact,
    due: Option<Time>,
    hash: Option<&JobHash>,
    better_wait: bool,
    better_run: bool,
) -> JobFact {
    let Some(hash) = hash else { return fact };
    let wait_of = |wait: Option<f64>| {
        let own = match due {
            Some(due) => hash.processed_on.map(|started| started.age(due)),
            None => hash.first_wait(),
        };
        better(wait, own, better_wait, CLOCKS_DIFFER)
    };
    match fact {
        JobFact::Started { wait } => JobFact::Started { wait: wait_of(wait) },
        JobFact::Finished { outcome, wait, run } => {
            // Only an attempt that ended the job for good has left its end.
            let run = run.and_then(|run| better(Some(run), hash.run(), better_run, NEWS_LATE));
            JobFact::Finished { outcome, wait: wait_of(wait), run }
        }
        fact => fact,
    }
}

/// Times an attempt by the announcement of the next.
fn with_retry(fact: JobFact, retry: Option<&Retry>, hash: Option<&JobHash>) -> JobFact {
    match (fact, retry) {
        (JobFact::Finished { outcome, wait, run: Some(heard) }, Some(retry)) => {
            JobFact::Finished { outcome, wait, run: Some(retry.run(hash, heard)) }
        }
        _ => fact,
    }
}

/// What was heard, or the library's own where that is wanted and can be the same: it differs by `within` seconds at most.
fn better(heard: Option<f64>, own: Option<f64>, wanted: bool, within: f64) -> Option<f64> {
    match (heard, own) {
        (Some(heard), Some(own)) if !wanted || (heard - own).abs() > within => Some(heard),
        (heard, own) => own.or(heard),
    }
}

/// A job that ended is of no more interest once that is told.
fn forget_ended(queue: &Base, pendings: &[Pending], state: &mut State) {
    for pending in pendings.iter().filter(|pending| pending.is_end) {
        if state.tracker.stage(queue, &pending.id) == Some(Stage::Ended) {
            state.tracker.forget(queue, &pending.id);
        }
    }
}
