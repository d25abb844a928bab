//! Following jobs from message to message.
//!
//! Bull says nothing, or no id, where a job fails and is to be retried:
//! - With a delay, `delayed` has the due time and the low bits of the id. Which job it is, is asked of the sorted
//!   set `delayed` (one read by score); if the delay is over before that, `waiting@` names the job, and the
//!   message before it that fits says when the attempt ended.
//! - Without a delay nothing at all is published. But the worker's slot looks for its next job at once, so either
//!   `active@<the same worker>` or `drained` follows within a round trip or two. Every such message that is not
//!   explained otherwise (a slot that completes a job takes the next in the same script) is a reason to ask the
//!   hashes of this worker's running jobs for `attemptsMade`: a job that has one more has failed, at the time of
//!   that message. If several messages are possible and lie further apart than 1 ms or 1 % of the run, the run
//!   is not told. Without the answer, the next `active@` of the job says that it failed, and no more.
//! - A job that its own handler moves to the delayed jobs counts as failed: Bull cannot tell them apart.

use std::collections::{HashMap, HashSet, VecDeque};

use vigie_model::{JobFact, Outcome, Time};

use super::decode::{Due, Heard, What};
use crate::source::bull_family::base::Base;
use crate::source::bull_family::facts::{Hashes, Pending, PendingFact, Pendings, Retry};
use crate::source::bull_family::job_hash::JobHash;
use crate::source::bull_family::shared::State;
use crate::source::bull_family::tracker::{Attempt, JobId, Stage};
use crate::source::n8n::FailedRun;

/// `delayed` messages of one queue that may still find their job.
const RECENT_DELAYED: usize = 256;
/// A worker's own time of a start and the message about it are no further apart, or they are not about the same.
const SAME_START: f64 = 0.25;
/// A job may wait so many seconds before it is due, as far as clocks can tell.
const DUE_SLACK: f64 = 0.1;
/// More running jobs of one worker than this are not asked for a silent retry.
const MAX_CHECKED: usize = 100;

/// Executions that have ended and whose jobs have not.
const MAX_VERDICTS: usize = 10_000;

/// What is known between messages.
#[derive(Default)]
pub(super) struct Follower {
    pub pendings: Pendings,
    /// From when on every message is heard.
    pub hears_since: Option<Time>,
    /// The last message was `completed` of this queue: an `active@` right behind it is the same slot.
    slot_freed: Option<Base>,
    /// Running jobs that may have failed silently, each with the times at which that may have been.
    checks: HashMap<(Base, JobId), Check>,
    /// `delayed` messages whose job is to be asked for.
    announced: HashMap<Base, Vec<(Due, Time)>>,
    /// How executions of n8n ended whose jobs end next.
    verdicts: HashMap<(Base, JobId), Outcome>,
    /// `delayed` messages of the last seconds, for jobs that wait again before anything could be asked.
    recent: HashMap<Base, VecDeque<(Due, Time)>>,
}

/// A running job that may have failed without a word.
#[derive(Debug, Clone)]
pub(super) struct Check {
    started: Time,
    /// The first and the last message that may have been its end.
    between: (Time, Time),
}

/// What is to be asked of Redis.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// Jobs of these due times: queue, milliseconds, and when that was announced.
    pub due: Vec<(Base, Due, Time)>,
    /// Running jobs that may have failed.
    pub checks: Vec<((Base, JobId), Check)>,
}

/// Whether a job that entered the waiting jobs unknown was added just now. One that had no delay, and had not failed
/// before that, has no other way there: all its failures were heard before its hash was asked for. For the others the
/// time of adding tells.
pub(super) fn is_new(hash: &JobHash, since: Option<Time>, heard_failures: u32) -> bool {
    let plain = is_fresh(hash, heard_failures) && hash.delay <= 0.0;
    let added_since = hash.added.zip(since).is_some_and(|(added, since)| added >= since);
    plain || (added_since && !hash.retried)
}

/// Whether nothing has happened to a job but what was heard: one whose addition was heard is new then, whatever its producer's clock said.
fn is_fresh(hash: &JobHash, heard_failures: u32) -> bool {
    hash.failures() <= heard_failures && hash.stalled == 0 && !hash.retried
}

impl Follower {
    /// Takes in a message that arrived at `now`.
    pub fn hear(&mut self, heard: Heard<'_>, now: Time, state: &mut State) {
        let base: Base = match state.queues.get_key_value(heard.base) {
            Some((base, _)) => base.clone(),
            None => {
                let base = Base::from(heard.base);
                if state.adopt(&base).is_none() {
                    return;
                }
                base
            }
        };
        let slot_freed = self.slot_freed.take();
        match heard.what {
            What::Waiting(id) => self.waiting(&base, id.into(), now, state),
            What::Active { id, worker } => {
                let explained = slot_freed.as_ref() == Some(&base);
                self.active(&base, id.into(), worker, explained, now, state);
            }
            What::Completed(id) => {
                let id: JobId = id.into();
                let verdict = self.verdicts.remove(&(base.clone(), id.clone()));
                let outcome = verdict.unwrap_or(Outcome::Succeeded);
                self.ended(&base, id.clone(), outcome, now, state);
                if let Some(job) = state.tracker.note(&base, &id) {
                    job.completed = true;
                }
                self.slot_freed = Some(base);
            }
            What::Failed(id) => self.ended(&base, id.into(), Outcome::Failed, now, state),
            What::Delayed(due) => self.delayed(&base, due, now, state),
            What::Stalled(id) => self.stalled(&base, id.into(), now, state),
            What::PausedOrResumed => self.pendings.stir(&base),
            What::Drained => self.slot_looked(&base, None, None, now, state),
            What::Verdict { id, outcome, failed } => {
                self.verdict(&base, id.into(), outcome, failed.map(|run| *run), state);
                self.slot_freed = slot_freed;
            }
            What::Progress => self.slot_freed = slot_freed,
        }
    }

    /// n8n says how an execution ended, a moment before its job is completed.
    fn verdict(
        &mut self,
        base: &Base,
        id: JobId,
        outcome: Outcome,
        failed: Option<FailedRun>,
        state: &State,
    ) {
        let Some(link) = state.executions.get(base) else { return };
        if let Some(run) = failed {
            link.failed(run);
        }
        // Those whose worker vanished in between are never completed.
        if self.verdicts.len() >= MAX_VERDICTS {
            self.verdicts.clear();
        }
        self.verdicts.insert((base.clone(), id), outcome);
    }

    fn push(&mut self, base: &Base, id: &JobId, at: Time, fact: PendingFact, state: &State) {
        let is_end = state.tracker.stage(base, id) == Some(Stage::Ended);
        let job = state.tracker.get(base, id);
        let job_type = job.and_then(|job| job.job_type.clone());
        let due = job.and_then(|job| job.due);
        self.pendings
            .push(base, Pending { at, id: id.clone(), job_type, due, fact, is_end, retry: None });
    }

    /// An attempt ended and the job was announced for `due`, a message that arrived at `end`.
    fn push_announced(
        &mut self,
        base: &Base,
        id: &JobId,
        run: Attempt,
        (due, end): (Due, Time),
        state: &State,
    ) {
        self.push_failure(base, id, run, Some(end), end, state);
        let job = state.tracker.get(base, id);
        let retry = Retry {
            due: due.time(),
            failures: job.map_or(0, |job| job.failures) + 1,
            started: job.and_then(|job| job.processed_on),
            backoff: job.and_then(|job| job.backoff),
        };
        if let Some(pending) = self.pendings.newest(base, id) {
            pending.retry = Some(retry);
        }
    }

    /// An attempt ended at `end`, or at a time that is not known.
    fn push_failure(
        &mut self,
        base: &Base,
        id: &JobId,
        run: Attempt,
        end: Option<Time>,
        now: Time,
        state: &State,
    ) {
        let fact = JobFact::Finished {
            outcome: Outcome::Failed,
            wait: run.wait,
            run: end.map(|end| end.age(run.started)),
        };
        self.push(base, id, end.unwrap_or(now), PendingFact::Sure(fact), state);
    }

    fn waiting(&mut self, base: &Base, id: JobId, now: Time, state: &mut State) {
        let mut eligible = now;
        match state.tracker.stage(base, &id) {
            None | Some(Stage::Ended) => {
                state.tracker.forget(base, &id);
                state.tracker.set_stage(base, &id, Stage::Waiting(now));
                self.push(base, &id, now, PendingFact::PerhapsEnqueued, state);
                return;
            }
            Some(Stage::Scheduled(due)) if due <= now => eligible = due,
            // Somebody did not want to wait for it.
            Some(Stage::Scheduled(_)) => self.set_due(base, &id, None, state),
            Some(Stage::Active(attempt)) => {
                let announced = self.announced_end(base, &id, attempt.started, now, state);
                if let Some((due, _)) = announced {
                    eligible = self.local(due.time(), state).min(now);
                }
                match announced {
                    Some((due, end)) => {
                        eligible = eligible.max(end);
                        self.push_announced(base, &id, attempt, (due, end), state);
                    }
                    None => self.push_failure(base, &id, attempt, None, now, state),
                }
                self.count_failure(base, &id, state);
                self.set_due(base, &id, announced.map(|(due, _)| due.time()), state);
            }
            Some(Stage::Added | Stage::Waiting(_) | Stage::Blocked) => {}
        }
        state.tracker.set_stage(base, &id, Stage::Waiting(eligible));
        self.pendings.stir(base);
    }

    /// The announcement since `started` that may be this job's: one that has just become due.
    fn announced_end(
        &self,
        base: &Base,
        id: &[u8],
        started: Time,
        now: Time,
        state: &State,
    ) -> Option<(Due, Time)> {
        let fits = |(due, at): &&(Due, Time)| {
            *at >= started && due.may_be_of(id) && self.local(due.time(), state) <= now + DUE_SLACK
        };
        self.recent.get(base)?.iter().filter(fits).max_by_key(|(due, _)| due.millis).copied()
    }

    fn set_due(&self, base: &Base, id: &JobId, due: Option<Time>, state: &mut State) {
        if let Some(job) = state.tracker.note(base, id) {
            job.due = due;
        }
    }

    fn local(&self, server: Time, state: &State) -> Time {
        server + state.server_offset.unwrap_or(0.0)
    }

    fn count_failure(&mut self, base: &Base, id: &JobId, state: &mut State) {
        self.checks.remove(&(base.clone(), id.clone()));
        if let Some(job) = state.tracker.note(base, id) {
            job.failures += 1;
        }
    }

    fn active(
        &mut self,
        base: &Base,
        id: JobId,
        worker: u64,
        explained: bool,
        now: Time,
        state: &mut State,
    ) {
        let mut wait = None;
        match state.tracker.stage(base, &id) {
            Some(Stage::Waiting(eligible)) => wait = Some(now.age(eligible)),
            Some(Stage::Scheduled(due)) if due <= now => wait = Some(now.age(due)),
            Some(Stage::Active(attempt)) => {
                let check = self.checks.remove(&(base.clone(), id.clone()));
                let mut end = check
                    .filter(|check| check.started == attempt.started)
                    .map(|check| check.between);
                if end.is_none() && !explained && attempt.worker == worker {
                    end = Some((now, now));
                }
                let end = end.and_then(|between| certain_end(attempt.started, between));
                self.push_failure(base, &id, attempt, end, now, state);
                self.count_failure(base, &id, state);
                wait = end.map(|end| now.age(end));
                self.set_due(base, &id, None, state);
            }
            _ => {}
        }
        let attempt = Attempt { started: now, wait, worker };
        state.tracker.set_stage(base, &id, Stage::Active(attempt)).processed_on = None;
        self.push(base, &id, now, PendingFact::Sure(JobFact::Started { wait }), state);
        if !explained {
            self.slot_looked(base, Some(worker), Some(&id), now, state);
        }
    }

    /// A slot of a worker (of any, if that is not known) has looked for its next job: one of the worker's running
    /// jobs may have failed silently.
    fn slot_looked(
        &mut self,
        base: &Base,
        worker: Option<u64>,
        took: Option<&JobId>,
        now: Time,
        state: &State,
    ) {
        let suspects = state.tracker.active(base).filter(|(id, job, attempt)| {
            let same_worker = worker.is_none_or(|worker| attempt.worker == worker);
            same_worker && Some(*id) != took && job.retries_at_once != Some(false)
        });
        for (id, _, attempt) in suspects.take(MAX_CHECKED) {
            let check = self
                .checks
                .entry((base.clone(), id.clone()))
                .or_insert(Check { started: attempt.started, between: (now, now) });
            if check.started == attempt.started {
                check.between.1 = now;
            } else {
                *check = Check { started: attempt.started, between: (now, now) };
            }
        }
    }

    fn ended(&mut self, base: &Base, id: JobId, outcome: Outcome, now: Time, state: &mut State) {
        self.checks.remove(&(base.clone(), id.clone()));
        let fact = match state.tracker.stage(base, &id) {
            Some(Stage::Active(attempt)) => PendingFact::Sure(JobFact::Finished {
                outcome,
                wait: attempt.wait,
                run: Some(now.age(attempt.started)),
            }),
            _ => PendingFact::EndedUnseen(outcome),
        };
        state.tracker.set_stage(base, &id, Stage::Ended);
        self.push(base, &id, now, fact, state);
    }

    /// Whether a worker had taken the job and vanished before it said that it starts: it was heard to wait, and
    /// nothing since. No attempt has begun then.
    fn never_started(&self, stage: Option<Stage>) -> bool {
        match stage {
            Some(Stage::Waiting(since) | Stage::Scheduled(since)) => {
                self.hears_since.is_some_and(|hears| since >= hears)
            }
            _ => false,
        }
    }

    fn stalled(&mut self, base: &Base, id: JobId, now: Time, state: &mut State) {
        self.checks.remove(&(base.clone(), id.clone()));
        let stage = state.tracker.stage(base, &id);
        if self.never_started(stage) {
            self.pendings.stir(base);
        } else {
            let attempt = match stage {
                Some(Stage::Active(attempt)) => Some(attempt),
                _ => None,
            };
            let fact = JobFact::Finished {
                outcome: Outcome::Failed,
                wait: attempt.and_then(|attempt| attempt.wait),
                run: attempt.map(|attempt| now.age(attempt.started)),
            };
            self.push(base, &id, now, PendingFact::Sure(fact), state);
        }
        state.tracker.set_stage(base, &id, Stage::Waiting(now)).due = None;
    }

    fn delayed(&mut self, base: &Base, due: Due, now: Time, state: &State) {
        let recent = self.recent.entry(base.clone()).or_default();
        if recent.len() >= RECENT_DELAYED {
            recent.pop_front();
        }
        recent.push_back((due, now));
        // With a rest it is a retry, or the next of those that are known; without one it may be a new job.
        let retry = || state.tracker.active(base).any(|(id, _, _)| due.may_be_of(id));
        if due.rest == 0 || retry() {
            let announced = self.announced.entry(base.clone()).or_default();
            if !announced.iter().any(|(other, _)| *other == due) {
                announced.push((due, now));
            }
        }
        self.pendings.stir(base);
    }

    /// What is to be asked now; whatever the answers, it is not asked again.
    pub fn questions(&mut self, now: Time) -> Questions {
        self.recent.retain(|_, recent| {
            recent.retain(|(_, at)| now.since(*at) < 5.0);
            !recent.is_empty()
        });
        let due = std::mem::take(&mut self.announced)
            .into_iter()
            .flat_map(|(base, dues)| dues.into_iter().map(move |(due, at)| (base.clone(), due, at)))
            .collect();
        Questions { due, checks: std::mem::take(&mut self.checks).into_iter().collect() }
    }

    /// Notes what is known of jobs whose hashes are asked for now.
    pub fn asked(jobs: &[(Base, JobId)], state: &mut State) {
        for (base, id) in jobs {
            if let Some(job) = state.tracker.note(base, id).filter(|job| !job.looked_up) {
                job.failures_when_asked = job.failures;
            }
        }
    }

    /// Whether there is nothing to ask or to tell.
    pub fn is_idle(&self) -> bool {
        self.pendings.is_empty() && self.checks.is_empty() && self.announced.is_empty()
    }

    /// Whether running jobs may have failed silently: the sooner they are asked, the better it is known when.
    pub fn has_suspects(&self) -> bool {
        !self.checks.is_empty()
    }

    /// Learns which jobs are due at the announced time.
    pub fn found_due(
        &mut self,
        base: &Base,
        due: Due,
        at: Time,
        ids: Vec<Vec<u8>>,
        state: &mut State,
    ) {
        let eligible = self.local(due.time(), state);
        for id in ids {
            let id: JobId = id.into();
            match state.tracker.stage(base, &id) {
                Some(Stage::Active(attempt)) if attempt.started <= at => {
                    self.push_announced(base, &id, attempt, (due, at), state);
                    self.count_failure(base, &id, state);
                }
                None | Some(Stage::Ended) => {
                    let job = state.tracker.set_stage(base, &id, Stage::Scheduled(eligible));
                    job.added_for_later = due.rest == 0;
                    self.push(base, &id, at, PendingFact::PerhapsEnqueued, state);
                    self.set_due(base, &id, Some(due.time()), state);
                    continue;
                }
                // Taken again since the question was sent.
                Some(Stage::Active(_) | Stage::Waiting(_)) => continue,
                Some(_) => {}
            }
            state.tracker.set_stage(base, &id, Stage::Scheduled(eligible));
            self.set_due(base, &id, Some(due.time()), state);
        }
    }

    /// Takes in what hashes say of jobs that were not looked up before.
    pub fn learn(&mut self, hashes: &Hashes, state: &mut State) {
        for ((base, id), hash) in hashes {
            let since = state.new_since(base);
            let offset = state.server_offset.unwrap_or(0.0);
            let Some(job) = state.tracker.note(base, id) else { continue };
            if let (Stage::Active(attempt), Some(Some(started))) =
                (job.stage, hash.as_ref().map(|hash| hash.processed_on))
            {
                let same = (started + offset).since(attempt.started).abs() < SAME_START;
                job.processed_on = same.then_some(started);
            }
            if std::mem::replace(&mut job.looked_up, true) {
                continue;
            }
            job.retries_at_once = Some(hash.as_ref().is_some_and(|hash| hash.retries_at_once));
            let Some(mut hash) = hash.clone() else { continue };
            if job.completed {
                // All its attempts but this one have failed, of which Bull counts the failures alone.
                hash.finished_on = None;
            }
            let new = is_new(&hash, since, job.failures_when_asked)
                || (job.added_for_later && is_fresh(&hash, job.failures_when_asked));
            job.is_new = Some(new);
            if !(job.seen_waiting && new) {
                // What failed before it was seen is not Vigie's to tell.
                job.failures = job.failures.max(hash.failures());
            }
            job.backoff = hash.backoff;
            job.job_type = hash.name;
        }
    }

    /// Learns from their hashes which of the suspects have failed.
    pub fn checked(
        &mut self,
        checks: Vec<((Base, JobId), Check)>,
        hashes: &Hashes,
        state: &mut State,
    ) {
        for ((base, id), check) in checks {
            let Some(Some(hash)) = hashes.get(&(base.clone(), id.clone())) else { continue };
            let Some(job) = state.tracker.get(&base, &id) else { continue };
            let Stage::Active(attempt) = job.stage else { continue };
            if attempt.started != check.started || hash.failures() <= job.failures {
                continue;
            }
            // Its failure is published, and that is on its way: then the end is known for certain.
            if !hash.retries_at_once {
                continue;
            }
            let end = certain_end(attempt.started, check.between);
            self.push_failure(&base, &id, attempt, end, check.between.1, state);
            self.count_failure(&base, &id, state);
            state.tracker.set_stage(&base, &id, Stage::Waiting(check.between.1)).due = None;
        }
    }
}

/// When an attempt ended that may have ended at any time in between: said only if it hardly matters.
fn certain_end(started: Time, (first, last): (Time, Time)) -> Option<Time> {
    let tolerance = (last.age(started) * 0.01).max(0.001);
    (first >= started && last.since(first) <= tolerance).then_some(last)
}

/// Queues of which something is known here.
pub(super) fn prefixes(state: &State) -> HashSet<Vec<u8>> {
    use crate::source::bull_family::base::{PLAIN_PREFIXES, first_part};
    if let Some(only) = &state.only_prefix {
        return HashSet::from([only.clone()]);
    }
    let found = state.queues.keys().map(|base| first_part(base));
    found.chain(PLAIN_PREFIXES).map(<[u8]>::to_vec).collect()
}
