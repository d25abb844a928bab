//! Following jobs from entry to entry. All times here are the Redis server's, from the ids of the entries.
//!
//! What an entry does not say:
//! - `delayed` and `waiting` of a job that ran may be a failed attempt or a job that stepped back by itself
//!   (`moveToDelayed`, a rate limit, `moveToWait`). The broker counts only failures in `atm`: the hash decides.
//!   Without an answer it was a failure, which is by far the more frequent.
//! - `stalled` follows `waiting` of the same job: its worker has vanished, the attempt failed.
//! - After too many stalls BullMQ 6 starts the job once more only to fail it. The stalls were counted as failed
//!   attempts already, so this one is not. A real attempt cannot stall within a second: locks live longer.

use vigie_model::{JobFact, Name, Outcome, Time};

use super::decode::{Entry, What};
use crate::source::bull_family::base::Base;
use crate::source::bull_family::facts::{Pending, PendingFact, Pendings};
use crate::source::bull_family::job_hash::JobHash;
use crate::source::bull_family::shared::State;
use crate::source::bull_family::tracker::{Attempt, JobId, Stage, Tracker};

/// An attempt that ends sooner after a stall was none.
const SHORTEST_STALL: f64 = 1.0;

/// Every job that is added says so: what enters the waiting jobs unknown was added before.
pub(super) fn is_new(_: &JobHash, _: Option<Time>, _: u32) -> bool {
    false
}

/// What is known between entries.
#[derive(Default)]
pub(super) struct Follower {
    pub pendings: Pendings,
}

/// One entry's place and time.
struct At<'a> {
    base: &'a Base,
    server: Time,
    local: Time,
}

impl Follower {
    /// Takes in an entry of the stream of `base`; `offset` leads from the server's clock to Vigie's.
    pub fn read(&mut self, base: &Base, entry: Entry, offset: f64, state: &mut State) {
        let server = Time::from_millis(i64::try_from(entry.id.0).unwrap_or(i64::MAX));
        let at = At { base, server, local: server + offset };
        let tracker = &mut state.tracker;
        match entry.what {
            Ok(What::Added { job, name }) => self.added(&at, job.into(), &name, tracker),
            Ok(What::Waiting { job, from_active }) => {
                self.waiting(&at, job.into(), from_active, tracker);
            }
            Ok(What::Active { job }) => self.active(&at, job.into(), tracker),
            Ok(What::Completed { job }) => {
                self.ended(&at, job.into(), Outcome::Succeeded, false, tracker);
            }
            Ok(What::Failed { job, stalled }) => {
                self.ended(&at, job.into(), Outcome::Failed, stalled, tracker);
            }
            Ok(What::Delayed { job, due }) => self.delayed(&at, job.into(), due, tracker),
            Ok(What::Stalled { job }) => self.stalled(&at, job.into(), tracker),
            Ok(What::WaitingChildren { job }) => {
                tracker.set_stage(base, &job.into(), Stage::Blocked);
                self.pendings.stir(base);
            }
            Ok(What::Removed { job }) => {
                tracker.forget(base, &job);
                self.pendings.stir(base);
            }
            Ok(What::PausedOrResumed) => self.pendings.stir(base),
            Ok(What::Other) => {}
            Err(reason) => tracing::debug!(%reason, "an entry of an event stream is passed over"),
        }
    }

    fn push(&mut self, at: &At<'_>, id: &JobId, fact: PendingFact, tracker: &Tracker) {
        let job = tracker.get(at.base, id);
        let job_type = job.and_then(|job| job.job_type.clone());
        let is_end = job.is_some_and(|job| job.stage == Stage::Ended);
        let id = id.clone();
        self.pendings.push(
            at.base,
            Pending { at: at.local, id, job_type, due: None, fact, is_end, retry: None },
        );
    }

    fn added(&mut self, at: &At<'_>, id: JobId, name: &[u8], tracker: &mut Tracker) {
        // An id may be used again once its job is gone.
        tracker.forget(at.base, &id);
        let job = tracker.set_stage(at.base, &id, Stage::Added);
        job.job_type = Some(Name::from_bytes(name));
        job.looked_up = true;
        self.push(at, &id, PendingFact::Sure(JobFact::Enqueued), tracker);
    }

    fn waiting(&mut self, at: &At<'_>, id: JobId, from_active: bool, tracker: &mut Tracker) {
        let mut eligible = at.server;
        match tracker.stage(at.base, &id) {
            Some(Stage::Active(attempt)) => self.stepped_back(at, &id, Some(attempt), tracker),
            Some(Stage::Scheduled(due)) => eligible = due.min(at.server),
            None if from_active => self.stepped_back(at, &id, None, tracker),
            _ => self.pendings.stir(at.base),
        }
        tracker.set_stage(at.base, &id, Stage::Waiting(eligible));
    }

    fn delayed(&mut self, at: &At<'_>, id: JobId, due: Option<Time>, tracker: &mut Tracker) {
        if let Some(Stage::Active(attempt)) = tracker.stage(at.base, &id) {
            self.stepped_back(at, &id, Some(attempt), tracker);
        } else {
            self.pendings.stir(at.base);
        }
        tracker.set_stage(at.base, &id, Stage::Scheduled(due.unwrap_or(at.server)));
    }

    /// A job left the running ones without an outcome.
    fn stepped_back(
        &mut self,
        at: &At<'_>,
        id: &JobId,
        attempt: Option<Attempt>,
        tracker: &mut Tracker,
    ) {
        let wait = attempt.and_then(|attempt| attempt.wait);
        let run = attempt.map(|attempt| at.server.age(attempt.started));
        self.push(at, id, PendingFact::PerhapsFailed { wait, run }, tracker);
        if let Some(job) = tracker.note(at.base, id) {
            job.stepped_back = attempt.map(|attempt| (attempt, at.server));
        }
    }

    fn active(&mut self, at: &At<'_>, id: JobId, tracker: &mut Tracker) {
        let wait = match tracker.stage(at.base, &id) {
            Some(Stage::Waiting(eligible) | Stage::Scheduled(eligible)) => {
                Some(at.server.age(eligible))
            }
            _ => None,
        };
        let attempt = Attempt { started: at.server, wait, worker: 0 };
        tracker.set_stage(at.base, &id, Stage::Active(attempt)).stepped_back = None;
        self.push(at, &id, PendingFact::Sure(JobFact::Started { wait }), tracker);
    }

    /// The attempt that the `waiting` before this ended, failed.
    fn stalled(&mut self, at: &At<'_>, id: JobId, tracker: &mut Tracker) {
        let Some(job) = tracker.note(at.base, &id) else { return };
        job.stalled = true;
        let stepped_back = job.stepped_back.take();
        let attempt = match (stepped_back, job.stage) {
            (Some((attempt, end)), _) => Some((attempt, end)),
            // Old versions say `stalled` first.
            (None, Stage::Active(attempt)) => {
                tracker.set_stage(at.base, &id, Stage::Waiting(at.server));
                Some((attempt, at.server))
            }
            (None, _) => None,
        };
        let fact = JobFact::Finished {
            outcome: Outcome::Failed,
            wait: attempt.and_then(|(attempt, _)| attempt.wait),
            run: attempt.map(|(attempt, end)| end.age(attempt.started)),
        };
        // It was not told yet, unless the entries came in two reads; then the hash has said that it is none.
        match self.pendings.newest(at.base, &id) {
            Some(pending) if matches!(pending.fact, PendingFact::PerhapsFailed { .. }) => {
                pending.fact = PendingFact::Sure(fact);
            }
            _ if attempt.is_some() => self.push(at, &id, PendingFact::Sure(fact), tracker),
            _ => {}
        }
    }

    fn ended(
        &mut self,
        at: &At<'_>,
        id: JobId,
        outcome: Outcome,
        stalled: bool,
        tracker: &mut Tracker,
    ) {
        let fact = match tracker.get(at.base, &id).map(|job| (job.stage, job.stalled)) {
            Some((Stage::Active(attempt), stalled_before)) => {
                let run = at.server.age(attempt.started);
                if stalled && stalled_before && run < SHORTEST_STALL {
                    tracker.forget(at.base, &id);
                    self.pendings.stir(at.base);
                    return;
                }
                let (wait, run) = (attempt.wait, Some(run));
                PendingFact::Sure(JobFact::Finished { outcome, wait, run })
            }
            _ => PendingFact::EndedUnseen(outcome),
        };
        tracker.set_stage(at.base, &id, Stage::Ended);
        self.push(at, &id, fact, tracker);
    }
}
