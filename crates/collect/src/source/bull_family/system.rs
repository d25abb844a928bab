//! Polling the queues of one of the two libraries.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;

use redis::Value;
use vigie_model::{
    Broker, Counts, JobBatch, JobEvent, JobFact, Limits, Observation, Quality, QueueId,
    QueueReading, SourceName,
};

use super::base::{Base, PLAIN_PREFIXES, after_prefix, is_within, job_key};
use super::dialect::{Dialect, Reader, Seen};
use super::failed;
use super::ownership::{Evidence, Owner};
use super::shared::{ReaderState, Shared};
use super::watched::{LookUp, Watched};
use super::workers::{self, Consumers, Running};
use crate::source::n8n::ExecutionQueue;
use crate::source::{
    Candidate, FailedPlace, Plan, PollContext, QueueSystem, ReaderContext, Replies, Which,
};

/// Candidates that are examined in one poll, at 10 commands each.
const EXAMINED: usize = 25;
/// Candidates that may wait for that.
const UNDECIDED: usize = 10_000;
/// A candidate that was no queue is examined again after this many polls, if it is found again.
const FORGIVEN_AFTER: u32 = 60;
/// Hashes of jobs that are read in one poll.
const LOOK_UPS: usize = 300;
/// Things that could not be read that are told at each poll.
const MOST_WRONG: usize = 5;
/// A queue is gone when this many polls in a row saw no key of it.
const GONE_AFTER: u8 = 2;

/// Bull or BullMQ in one Redis.
pub(crate) struct FamilySystem<D> {
    source: SourceName,
    only_prefix: Option<Vec<u8>>,
    shared: Arc<Shared>,
    queues: BTreeMap<Base, Watched>,
    undecided: VecDeque<(Base, bool)>,
    rejected: HashSet<Base>,
    polls: u32,
    consumers: Consumers,
    /// Queues whose end is to be told.
    gone: Vec<QueueId>,
    /// What was counted by this poll for want of events.
    counted: Vec<JobBatch>,
    round: Round,
    /// What the last poll could not read, for people.
    wrong: Vec<String>,
    dialect: PhantomData<D>,
}

/// What was asked in the poll under way, in order.
#[derive(Default)]
struct Round {
    asked: Vec<Asked>,
    examined: Vec<(Base, bool)>,
    fresh: Vec<Base>,
}

struct Asked {
    base: Base,
    before: Seen,
    look_ups: Vec<LookUp>,
}

impl<D: Dialect> FamilySystem<D> {
    /// `exact_jobs_per_second` bounds how many single jobs the reader looks up.
    pub fn new(source: SourceName, limits: Limits, exact_jobs_per_second: u32) -> Self {
        Self {
            shared: Arc::new(Shared::new(source.clone(), D::BROKER, limits, exact_jobs_per_second)),
            source,
            only_prefix: None,
            queues: BTreeMap::new(),
            undecided: VecDeque::new(),
            rejected: HashSet::new(),
            polls: 0,
            consumers: Consumers::new(),
            gone: Vec::new(),
            counted: Vec::new(),
            round: Round::default(),
            wrong: Vec::new(),
            dialect: PhantomData,
        }
    }

    /// Reads only queues with this key prefix, and does not show it.
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.shared.lock().only_prefix = Some(prefix.as_bytes().to_vec());
        self.only_prefix = Some(prefix.as_bytes().to_vec());
        self
    }

    /// The jobs of these queues are executions of n8n.
    pub fn with_executions(self, queues: &[ExecutionQueue]) -> Self {
        let links = queues.iter().map(|queue| (queue.base.as_bytes().into(), queue.link.clone()));
        self.shared.lock().executions = links.collect();
        self
    }

    /// Why the server does not let us read job events: totals are then counted by polling. `None` when it does,
    /// or when that was not tried yet.
    pub fn events_refused(&self) -> Option<String> {
        match &self.shared.lock().reader {
            ReaderState::Refused(words) => Some(words.clone()),
            _ => None,
        }
    }

    fn watch(&mut self, base: &Base) {
        let adopted = match self.shared.lock().adopt(base) {
            Some((adopted, _)) => adopted.clone(),
            None => return,
        };
        self.queues.entry(base.clone()).or_insert_with(|| {
            self.shared.changed.notify_one();
            Watched::new(adopted.id, adopted.folded)
        });
    }

    fn unwatch(&mut self, base: &Base) {
        if self.queues.remove(base).is_some() {
            let gone = self.shared.lock().forget_queue(base).filter(|gone| !gone.folded);
            self.gone.extend(gone.map(|gone| gone.id));
            self.shared.changed.notify_one();
        }
    }

    /// Starts to poll queues whose events came before a poll had found them. True when there are no events.
    fn take_discovered(&mut self) -> bool {
        let state = self.shared.lock();
        for (base, adopted) in &state.queues {
            if !self.queues.contains_key(base) {
                let queue = Watched::new(adopted.id.clone(), adopted.folded);
                self.queues.insert(base.clone(), queue);
            }
        }
        matches!(state.reader, ReaderState::Refused(_))
    }

    /// Notes that a base may be a queue of ours.
    fn consider(&mut self, base: &Base, trusted: bool) {
        let known = self.queues.contains_key(base) || self.rejected.contains(base);
        if known
            || !is_within(base, self.only_prefix.as_deref())
            || self.undecided.len() >= UNDECIDED
            || self.undecided.iter().any(|(other, _)| other == base)
        {
            return;
        }
        self.undecided.push_back((base.clone(), trusted));
    }

    fn is_trusted(&self, base: &[u8]) -> bool {
        let named = self.only_prefix.as_deref().into_iter();
        named.chain(PLAIN_PREFIXES).any(|prefix| after_prefix(base, prefix).is_some())
    }

    /// Adopts or drops a candidate.
    fn decide(&mut self, base: &Base, evidence: Evidence, trusted: bool) -> bool {
        if evidence.owner(trusted) == Some(D::OWNER) {
            self.watch(base);
            return self.queues.contains_key(base);
        }
        if self.rejected.len() < UNDECIDED {
            self.rejected.insert(base.clone());
        }
        false
    }

    fn see_clients(&mut self, context: &PollContext, out: &mut Vec<Observation>) {
        let Some(clients) = &context.clients else { return };
        self.consumers = workers::consumers(clients);
        let waiting: Vec<Base> = self
            .consumers
            .iter()
            .filter(|(_, own)| D::OWNER == Owner::BullMq || !own.iter().any(|one| one.bullmq_only))
            .map(|(base, _)| base.clone())
            .collect();
        for base in waiting {
            self.consider(&base, true);
        }
        let queues = &self.queues;
        let running = |base: &Base| {
            let queue = queues.get(base)?;
            Some(Running {
                queue: &queue.id,
                active: queue.seen.counts.active,
                jobs: &queue.jobs,
                run_by: &queue.run_by,
            })
        };
        workers::reading(D::BROKER, context, &self.consumers, running, out);
    }

    /// Looks whether a queue is still there; true when it is gone now.
    fn is_gone(&mut self, base: &Base) -> bool {
        let has_worker = self.consumers.contains_key(base);
        let Some(queue) = self.queues.get_mut(base) else { return false };
        queue.absent = if queue.seen.present || has_worker { 0 } else { queue.absent + 1 };
        if queue.absent < GONE_AFTER {
            return false;
        }
        self.unwatch(base);
        true
    }

    fn report(
        &mut self,
        base: &Base,
        before: &Seen,
        context: &PollContext,
    ) -> Option<QueueReading> {
        let queue = self.queues.get_mut(base)?;
        let reading = {
            let state = self.shared.lock();
            queue.reading::<D>(base, &state, context)
        };
        if reading.quality == Quality::Sampled
            && let Some(batch) = counted(&queue.id, before, &queue.seen, context)
        {
            self.counted.push(batch);
        }
        Some(reading)
    }

    fn see_wrong(&mut self) {
        let wrong = self.queues.values().flat_map(|queue| {
            let name = &queue.id.name;
            let states = queue.seen.wrong.iter();
            states
                .map(move |(state, error)| format!("{} queue {name}: {state}: {error}", D::BROKER))
        });
        self.wrong = wrong.take(MOST_WRONG).collect();
    }

    fn tell_folded(&mut self, out: &mut Vec<Observation>) {
        let count = std::mem::take(&mut self.shared.lock().folded);
        if count > 0 {
            out.push(Observation::Folded { source: self.source.clone(), what: "queues", count });
        }
    }
}

/// What two polls tell of the jobs between them when no event does: at least so many were added and ended.
fn counted(queue: &QueueId, before: &Seen, seen: &Seen, context: &PollContext) -> Option<JobBatch> {
    let grown = |now: Option<u64>, before: Option<u64>| now?.checked_sub(before?);
    let enqueued = grown(seen.added, before.added).unwrap_or(0);
    let succeeded = grown(seen.counts.completed, before.counts.completed).unwrap_or(0);
    let failed = grown(seen.counts.failed, before.counts.failed).unwrap_or(0);
    let fact = JobFact::Counted { enqueued, succeeded, failed };
    (enqueued + succeeded + failed > 0 && before.added.is_some()).then(|| JobBatch {
        queue: queue.clone(),
        at: context.now,
        gap: false,
        types_sampled: true,
        events: vec![JobEvent { at: context.now, job_type: None, fact }],
    })
}

impl<D: Dialect> QueueSystem for FamilySystem<D> {
    fn broker(&self) -> Broker {
        D::BROKER
    }

    fn found(&mut self, candidates: &[Candidate]) {
        for candidate in candidates {
            let base: Base = candidate.base.clone().into();
            match (D::OWNER, candidate.has_event_stream) {
                (Owner::BullMq, true) => self.watch(&base),
                (Owner::Bull, true) => {
                    // Moved from Bull to BullMQ: its entry there takes over.
                    self.unwatch(&base);
                }
                (_, false) => {
                    let trusted = self.is_trusted(&base);
                    self.consider(&base, trusted);
                }
            }
        }
    }

    fn ask(&mut self, which: &Which, plan: &mut Plan) {
        let refused = self.take_discovered();
        self.round = Round::default();
        let shared = Arc::clone(&self.shared);
        let state = shared.lock();
        for (base, queue) in &mut self.queues {
            if which.contains(base) {
                let quiet = queue.is_quiet(base, &state);
                let before = Seen { count_by_polling: refused, quiet, ..queue.seen.clone() };
                D::ask(base, &before, plan);
                self.round.asked.push(Asked { base: base.clone(), before, look_ups: Vec::new() });
            }
        }
        drop(state);
        if *which != Which::All {
            return;
        }
        self.polls += 1;
        if self.polls.is_multiple_of(FORGIVEN_AFTER) {
            self.rejected.clear();
        }
        let count = self.undecided.len().min(EXAMINED);
        self.round.examined = self.undecided.drain(..count).collect();
        for (base, _) in &self.round.examined {
            Evidence::ask(base, plan);
        }
    }

    fn ask_more(
        &mut self,
        _which: &Which,
        replies: &mut Replies,
        plan: &mut Plan,
        context: &PollContext,
    ) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        state.server_offset = Some(context.server_offset);
        let mut room = LOOK_UPS;
        for asked in &mut self.round.asked {
            let seen = D::read(&asked.before, replies);
            let Some(queue) = self.queues.get_mut(&asked.base) else { continue };
            queue.seen = seen;
            D::ask_more(&asked.base, &asked.before, &queue.seen, plan);
            if queue.folded {
                continue;
            }
            let several = self.consumers.get(&asked.base).is_some_and(|own| own.len() > 1);
            let want_worker = D::OWNER == Owner::BullMq && several;
            asked.look_ups = queue.look_ups(&asked.base, &state.tracker, want_worker, room);
            room -= asked.look_ups.len();
            let fields = state.job_fields(&asked.base, D::JOB_FIELDS);
            for LookUp::Listed(id) | LookUp::Oldest(id) in &asked.look_ups {
                plan.ask("HMGET", &job_key(&asked.base, id)).arg(fields);
            }
        }
        drop(state);
        for (base, trusted) in std::mem::take(&mut self.round.examined) {
            let evidence = Evidence::read(replies);
            if self.decide(&base, evidence, trusted) {
                D::ask(&base, &Seen::default(), plan);
                self.round.fresh.push(base);
            }
        }
    }

    fn tell(
        &mut self,
        which: &Which,
        replies: &mut Replies,
        context: &PollContext,
        out: &mut Vec<Observation>,
    ) {
        let round = std::mem::take(&mut self.round);
        let mut told: Vec<(Base, Seen)> = Vec::with_capacity(round.asked.len());
        {
            let shared = Arc::clone(&self.shared);
            let mut state = shared.lock();
            for Asked { base, before, look_ups } in round.asked {
                let Some(queue) = self.queues.get_mut(&base) else { continue };
                D::read_more(&before, &mut queue.seen, replies);
                for look_up in look_ups {
                    let answer = replies.next_value().unwrap_or(Value::Nil);
                    let hash = match &answer {
                        Value::Array(values) => state.read_hash(&base, D::JOB_FIELDS, values),
                        _ => None,
                    };
                    queue.learn::<D>(&base, look_up, hash, &mut state.tracker, context);
                }
                if !state.is_behind(&base) {
                    queue.forget_gone::<D>(&base, &mut state.tracker, context);
                }
                told.push((base, before));
            }
        }
        for base in round.fresh {
            let Some(queue) = self.queues.get_mut(&base) else { continue };
            queue.seen = D::read(&Seen::default(), replies);
            // What a paused queue holds is asked in a second round, which comes with the next poll.
            if !queue.seen.paused {
                told.push((base, Seen::default()));
            }
        }
        let mut other: Option<QueueReading> = None;
        for (base, before) in told {
            if self.is_gone(&base) {
                continue;
            }
            let Some(reading) = self.report(&base, &before, context) else { continue };
            if self.queues.get(&base).is_some_and(|queue| queue.folded) {
                other = Some(match other {
                    Some(sum) => add(sum, &reading),
                    None => without_jobs(reading),
                });
            } else {
                out.push(Observation::Queue(reading));
            }
        }
        // An early look reads only some of those that make up `other`.
        if *which == Which::All {
            out.extend(other.map(Observation::Queue));
        }
        self.see_wrong();
        self.see_clients(context, out);
        self.tell_folded(out);
        out.extend(self.counted.drain(..).map(Observation::Jobs));
        let at = context.now;
        out.extend(self.gone.drain(..).map(|queue| Observation::QueueGone { queue, at }));
    }

    fn queues(&self) -> usize {
        self.queues.len()
    }

    fn troubles(&self) -> &[String] {
        &self.wrong
    }

    fn failed(&self, queue: &QueueId) -> Option<FailedPlace> {
        let known = self.queues.iter().find(|(_, own)| !own.folded && own.id == *queue);
        known.map(|(base, _)| failed::place(base))
    }

    fn reconnected(&mut self) {
        // It may be another server now, or one that was restored: whatever was read of its streams is in doubt.
        for position in self.shared.lock().positions.values_mut() {
            position.doubtful = true;
        }
    }

    fn reader(&self, context: ReaderContext) -> Option<Reader> {
        Some(D::read_events(Arc::clone(&self.shared), context))
    }
}

fn without_jobs(reading: QueueReading) -> QueueReading {
    QueueReading { active_jobs: Vec::new(), paused: false, raw: Vec::new(), ..reading }
}

/// The sum of folded queues: what each knows.
fn add(sum: QueueReading, more: &QueueReading) -> QueueReading {
    let add = |one: Option<u64>, two: Option<u64>| match (one, two) {
        (Some(one), Some(two)) => Some(one.saturating_add(two)),
        (one, two) => one.or(two),
    };
    let (one, two) = (sum.counts, more.counts);
    let counts = Counts {
        waiting: add(one.waiting, two.waiting),
        active: add(one.active, two.active),
        scheduled: add(one.scheduled, two.scheduled),
        retry: add(one.retry, two.retry),
        completed: add(one.completed, two.completed),
        failed: add(one.failed, two.failed),
        blocked: add(one.blocked, two.blocked),
    };
    let oldest = sum.oldest.into_iter().chain(more.oldest).min();
    let quality = sum.quality.worst(more.quality);
    QueueReading { counts, oldest, quality, since: sum.since.min(more.since), ..sum }
}
