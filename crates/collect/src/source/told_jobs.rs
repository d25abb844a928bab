//! The way of job records from services that tell of them to the source whose queues they are of.
//!
//! A service says what its workers did (`go_api`), a Redis what it has counted (asynq). Only the two together are exact, and only
//! one of them may send it on: the source of the queue (ADR 0020).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vigie_model::{Name, Outcome, SourceName, Time};

/// Records that may wait for one source.
const MOST_WAITING: usize = 200_000;
/// A reader that has come through this lately, in seconds, is alive.
const ALIVE_SECONDS: f64 = 10.0;

/// An attempt at a job that has ended, as its worker tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldJob {
    /// The queue's name as its broker has it.
    pub queue: Box<[u8]>,
    /// The job's type.
    pub job_type: Name,
    /// When the attempt began, on Vigie's clock.
    pub started: Time,
    /// When it ended, on Vigie's clock.
    pub finished: Time,
    /// How it counts.
    pub outcome: Outcome,
    /// Seconds from eligible to started, if known.
    pub wait: Option<f64>,
    /// Seconds from started to finished, if known.
    pub run: Option<f64>,
}

/// Records on their way, by the source that they are for; cheap to clone, and shared by all sources of one Vigie.
#[derive(Debug, Clone, Default)]
pub struct ToldJobs(Arc<Mutex<HashMap<SourceName, Inbox>>>);

#[derive(Debug, Default)]
struct Inbox {
    waiting: VecDeque<ToldJob>,
    /// Of each reader: until when it has everything; `None` until it has come through once.
    readers: BTreeMap<u64, Option<Time>>,
    next_reader: u64,
    torn: bool,
}

/// What is there for a source.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The records, in no order.
    pub jobs: Vec<ToldJob>,
    /// There are readers, and one of them has come through lately.
    pub alive: bool,
    /// There are readers.
    pub expected: bool,
    /// All that ended until then is here, as far as the readers that are alive can tell.
    pub whole_until: Option<Time>,
    /// Some were lost on the way.
    pub torn: bool,
}

impl ToldJobs {
    /// One more reader of jobs of `source`.
    pub(crate) fn teller(&self, source: &SourceName) -> JobTeller {
        let mut known = self.known();
        let inbox = known.entry(source.clone()).or_default();
        inbox.next_reader += 1;
        inbox.readers.insert(inbox.next_reader, None);
        JobTeller { to: self.clone(), source: source.clone(), reader: inbox.next_reader }
    }

    /// Takes what is there for a source.
    pub(crate) fn take(&self, source: &SourceName, now: Time) -> Taken {
        let mut known = self.known();
        let Some(inbox) = known.get_mut(source) else { return Taken::default() };
        let alive = |at: &&Time| now.since(**at) <= ALIVE_SECONDS;
        let whole_until = inbox.readers.values().flatten().filter(alive).min().copied();
        Taken {
            jobs: std::mem::take(&mut inbox.waiting).into(),
            alive: whole_until.is_some(),
            expected: !inbox.readers.is_empty(),
            whole_until,
            torn: std::mem::take(&mut inbox.torn),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SourceName, Inbox>> {
        // A panic elsewhere cannot leave a map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader of jobs; gone when dropped.
#[derive(Debug)]
pub(crate) struct JobTeller {
    to: ToldJobs,
    source: SourceName,
    reader: u64,
}

impl JobTeller {
    /// Tells of jobs. `whole_until`: what ended before is told, if that is so; `torn`: some before these are lost.
    pub(crate) fn tell(&self, jobs: Vec<ToldJob>, whole_until: Option<Time>, torn: bool) {
        let mut known = self.to.known();
        let inbox = known.entry(self.source.clone()).or_default();
        inbox.waiting.extend(jobs);
        let over = inbox.waiting.len().saturating_sub(MOST_WAITING);
        drop(inbox.waiting.drain(..over));
        inbox.torn |= torn || over > 0;
        if whole_until.is_some() {
            inbox.readers.insert(self.reader, whole_until);
        }
    }
}

impl Drop for JobTeller {
    fn drop(&mut self) {
        if let Some(inbox) = self.to.known().get_mut(&self.source) {
            inbox.readers.remove(&self.reader);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> ToldJob {
        ToldJob {
            queue: b"q"[..].into(),
            job_type: Name::from("mail"),
            started: Time::from_seconds(1),
            finished: Time::from_seconds(2),
            outcome: Outcome::Succeeded,
            wait: None,
            run: Some(1.0),
        }
    }

    #[test]
    fn what_is_told_is_there_once_and_whole_as_far_as_the_slowest_reader() {
        let (told, source) = (ToldJobs::default(), SourceName::new("main"));
        assert!(!told.take(&source, Time::default()).expected);
        let (one, other) = (told.teller(&source), told.teller(&source));
        let at = Time::from_seconds(100);
        one.tell(vec![job()], Some(at), false);
        other.tell(vec![job()], Some(at + 1.0), true);
        let taken = told.take(&source, at + 2.0);
        assert_eq!((taken.jobs.len(), taken.whole_until, taken.torn), (2, Some(at), true));
        let taken = told.take(&source, at + 10.5);
        assert_eq!((taken.jobs.len(), taken.torn), (0, false));
        assert_eq!(taken.whole_until, Some(at + 1.0), "who is silent for long is not waited for");
        drop((one, other));
        assert!(!told.take(&source, at).expected);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_the_loss_is_told() {
        let (told, source) = (ToldJobs::default(), SourceName::new("main"));
        let teller = told.teller(&source);
        teller.tell(vec![job(); MOST_WAITING], None, false);
        teller.tell(vec![job(); 2], None, false);
        let taken = told.take(&source, Time::default());
        assert_eq!((taken.jobs.len(), taken.torn, taken.alive), (MOST_WAITING, true, false));
    }
}
