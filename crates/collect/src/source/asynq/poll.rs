//! What is asked of asynq at each poll, and what is made of the answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;

use redis::RedisError;
use vigie_model::{
    Broker, JobBatch, JobEvent, JobFact, Limits, Name, Observation, QueueId, SourceName, Time,
    WorkersReading,
};

use super::account::Poll;
use super::failed;
use super::folded::Folded;
use super::keys;
use super::queue::{Lookup, Queue};
use super::registry::Registry;
use super::told::Told;
use super::watch::{Over, TaskState, Watch};
use crate::source::{
    Candidate, FailedPlace, Plan, PollContext, QueueSystem, ReaderContext, Replies, ToldJobs, Which,
};

/// Bytes of task messages that are read at each poll.
const MESSAGE_BUDGET: u64 = 256 << 10;
/// Tasks that are looked up at each poll.
const MOST_LOOKUPS: usize = 2_000;
/// Longest-running jobs that are told of a queue.
const MOST_ACTIVE: usize = 20;
/// Things that could not be read that are told at each poll.
const MOST_WRONG: usize = 5;
/// A queue that has no groups is asked for them at each so many-th poll.
const GROUPS_EVERY: usize = 10;
/// A queue in which nothing moves is asked for what it keeps at each so many-th poll.
const KEPT_EVERY: usize = 3;
/// Polls between two looks at the set of queues, when it is enormous.
const ENORMOUS_PAUSE: u32 = 60;

/// asynq in one Redis.
pub struct AsynqSystem {
    source: SourceName,
    limits: Limits,
    queues: BTreeMap<Vec<u8>, Queue>,
    folded: Folded,
    registry: Registry,
    watch: Watch,
    /// Queues that this poll saw for the first time.
    fresh: Vec<Vec<u8>>,
    gone: Vec<QueueId>,
    /// Whose task each lookup of this poll is.
    lookups: Vec<(Vec<u8>, Lookup)>,
    /// Of each task that is followed: this poll saw it wait, so that its state need not be asked.
    still_waiting: Vec<bool>,
    /// What the tasks that are followed did, by queue.
    events: HashMap<Vec<u8>, Vec<JobEvent>>,
    asked_names: bool,
    /// Whether the set of queues was read before over this connection.
    knows_names: bool,
    names_pause: u32,
    /// Where the next poll begins to look up tasks, so that every queue gets its turn.
    turn: usize,
    polls: usize,
    workers_folded: usize,
    wrong: Vec<String>,
    /// What workers tell of their tasks.
    told: Told,
    /// When the set of queues was last read.
    names_at: Option<Time>,
}

impl AsynqSystem {
    /// asynq as part of the source `source`.
    #[must_use]
    pub fn new(source: SourceName, limits: Limits) -> Self {
        Self {
            told: Told::new(source.clone()),
            names_at: None,
            source,
            limits,
            queues: BTreeMap::new(),
            folded: Folded::default(),
            registry: Registry::default(),
            watch: Watch::default(),
            fresh: Vec::new(),
            gone: Vec::new(),
            lookups: Vec::new(),
            still_waiting: Vec::new(),
            events: HashMap::new(),
            asked_names: false,
            knows_names: false,
            names_pause: 0,
            turn: 0,
            polls: 0,
            workers_folded: 0,
            wrong: Vec::new(),
        }
    }

    /// The same, which hears what workers tell of their tasks.
    #[must_use]
    pub(crate) fn with_told_jobs(mut self, jobs: ToldJobs) -> Self {
        self.told.listen(jobs);
        self
    }

    fn id(&self, name: &[u8]) -> QueueId {
        QueueId { source: self.source.clone(), broker: Broker::Asynq, name: Name::from_bytes(name) }
    }

    /// Compares the set of queues with what is known.
    fn read_names(&mut self, replies: &mut Replies, context: &PollContext) {
        let names: Vec<Vec<u8>> = match replies.next_as() {
            Ok(names) => names,
            Err(error) => {
                // First, because it explains the others.
                self.wrong.insert(0, format!("asynq:queues: {error}"));
                return;
            }
        };
        if names.len() > self.limits.queues.saturating_mul(4) {
            self.names_pause = ENORMOUS_PAUSE;
        }
        let names: BTreeSet<Vec<u8>> = names.into_iter().collect();
        let gone: Vec<Vec<u8>> =
            self.queues.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in gone {
            if let Some(queue) = self.queues.remove(&name) {
                self.gone.push(queue.id);
            }
        }
        let mut over = BTreeSet::new();
        for name in names {
            if self.queues.contains_key(&name) {
                continue;
            }
            if self.queues.len() < self.limits.queues {
                self.queues.insert(
                    name.clone(),
                    Queue::new(
                        self.id(&name),
                        &name,
                        context.now,
                        self.names_at.filter(|_| self.knows_names),
                    ),
                );
                self.fresh.push(name);
            } else {
                over.insert(name);
            }
        }
        self.folded.set(over, self.limits.queues);
        self.knows_names = true;
        self.names_at = Some(context.now);
    }

    /// Asks for the states of the tasks that are followed, but not of those that are still seen to wait.
    fn ask_watched(&mut self, plan: &mut Plan) {
        self.still_waiting.clear();
        for task in self.watch.tasks() {
            let queue = self.queues.get(&task.queue);
            let waits = Watch::waits(task) && queue.is_some_and(|queue| queue.is_at_head(&task.id));
            self.still_waiting.push(waits);
            if !waits {
                plan.ask("HMGET", &keys::QueueKeys::new(&task.queue).task(&task.id)).arg("state");
            }
        }
    }

    fn read_watched(&mut self, replies: &mut Replies, context: &PollContext) {
        let state = |waits: &bool| match waits {
            true => TaskState::Pending,
            false => match replies.next_as::<Vec<Option<Vec<u8>>>>() {
                Ok(fields) => TaskState::parse(fields.first().and_then(Option::as_deref)),
                Err(_) => TaskState::Other,
            },
        };
        let states: Vec<TaskState> = self.still_waiting.iter().map(state).collect();
        for Over { queue, id, event, lapsed } in self.watch.look(&states, context.now) {
            self.registry.ended(&queue, &id);
            let is_told = self.queues.get(&queue).is_some_and(|queue| queue.account.is_told());
            if let Some(job) = lapsed.filter(|_| is_told) {
                self.told.enter(job);
            }
            self.events.entry(queue).or_default().push(event);
        }
    }

    fn ask_lookups(&mut self, plan: &mut Plan) {
        self.lookups.clear();
        let mut budget = MESSAGE_BUDGET;
        let count = self.queues.len().max(1);
        let start = self.turn % count;
        self.turn = start + 1;
        let (before, from): (Vec<_>, Vec<_>) =
            self.queues.iter_mut().enumerate().partition(|(place, _)| *place < start);
        for (_, (name, queue)) in from.into_iter().chain(before) {
            for lookup in queue.lookups(&self.watch, &mut budget) {
                if self.lookups.len() < MOST_LOOKUPS {
                    queue.ask_task(&lookup, plan);
                    self.lookups.push((name.clone(), lookup));
                }
            }
        }
    }

    fn tell_queues(&mut self, context: &PollContext, out: &mut Vec<Observation>) {
        let mut active = self.registry.active(context, MOST_ACTIVE);
        let tellers = self.told.take(context.now);
        for (name, queue) in &mut self.queues {
            let moved = queue.count();
            let seen = self.events.remove(name).unwrap_or_default();
            let (now, ended, told) = (context.now, moved.ended, self.told.of(name));
            let mut news = queue.account.settle(Poll { now, ended, seen, told }, tellers);
            news.gap |= moved.taken_away && queue.account.is_exact();
            add(moved.added, now, &mut news.events);
            let jobs = active.remove(name).unwrap_or_default();
            out.push(Observation::Queue(queue.reading(jobs, context)));
            if news.gap || !news.events.is_empty() {
                out.push(Observation::Jobs(JobBatch {
                    queue: queue.id.clone(),
                    at: now,
                    gap: news.gap,
                    types_sampled: news.sampled,
                    events: news.events,
                }));
            }
        }
        self.events.clear();
        self.wrong.extend(self.told.rest(!self.folded.is_empty()));
    }

    fn tell_folded(&mut self, context: &PollContext, out: &mut Vec<Observation>) {
        let folded = self.folded.news();
        if folded > 0 {
            out.push(Observation::Folded {
                source: self.source.clone(),
                what: "queues",
                count: folded,
            });
        }
        if self.registry.over > self.workers_folded {
            let count = (self.registry.over - self.workers_folded) as u64;
            out.push(Observation::Folded { source: self.source.clone(), what: "workers", count });
            self.workers_folded = self.registry.over;
        }
        if let Some(reading) = self.folded.reading(self.id(Limits::OTHER.as_bytes()), context) {
            out.push(Observation::Queue(reading));
        }
    }
}

/// Adds what was added to what ended, as one fact where both are of this poll.
fn add(enqueued: u64, at: Time, events: &mut Vec<JobEvent>) {
    if enqueued == 0 {
        return;
    }
    if let Some(JobEvent { at: same, fact: JobFact::Counted { enqueued: added, .. }, .. }) =
        events.first_mut()
        && *same == at
    {
        *added = enqueued;
        return;
    }
    let fact = JobFact::Counted { enqueued, succeeded: 0, failed: 0 };
    events.insert(0, JobEvent { at, job_type: None, fact });
}

impl QueueSystem for AsynqSystem {
    fn broker(&self) -> Broker {
        Broker::Asynq
    }

    fn found(&mut self, _: &[Candidate]) {
        // asynq lists its queues itself.
    }

    fn ask(&mut self, which: &Which, plan: &mut Plan) {
        if *which != Which::All {
            return;
        }
        self.wrong.clear();
        self.asked_names = self.names_pause == 0;
        self.names_pause = self.names_pause.saturating_sub(1);
        if self.asked_names {
            plan.ask("SMEMBERS", keys::QUEUES);
        }
        self.registry.ask(self.limits.workers, plan);
        self.polls = self.polls.wrapping_add(1);
        for (place, queue) in self.queues.values_mut().enumerate() {
            let turn = self.polls.wrapping_add(place);
            queue.ask(plan, turn.is_multiple_of(GROUPS_EVERY), turn.is_multiple_of(KEPT_EVERY));
        }
        self.folded.ask(plan);
    }

    fn ask_more(
        &mut self,
        which: &Which,
        replies: &mut Replies,
        plan: &mut Plan,
        context: &PollContext,
    ) {
        if *which != Which::All {
            return;
        }
        let names = self.asked_names.then(|| replies.next_value());
        let trouble = self.registry.read(replies, self.limits.workers, context);
        self.wrong.extend(trouble);
        for queue in self.queues.values_mut() {
            let trouble = queue.read(replies);
            self.wrong.extend(trouble);
        }
        self.folded.read(replies);
        self.fresh.clear();
        if let Some(names) = names {
            self.read_names(&mut Replies::new(vec![names]), context);
        }
        for name in &self.fresh {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.ask(plan, true, true);
            }
        }
        for queue in self.queues.values_mut() {
            queue.ask_kept(plan);
        }
        self.ask_watched(plan);
        self.ask_lookups(plan);
        self.registry.ask_servers(plan);
    }

    fn tell(
        &mut self,
        which: &Which,
        replies: &mut Replies,
        context: &PollContext,
        out: &mut Vec<Observation>,
    ) {
        if *which != Which::All {
            return;
        }
        for name in std::mem::take(&mut self.fresh) {
            if let Some(queue) = self.queues.get_mut(&name) {
                let trouble = queue.read(replies);
                self.wrong.extend(trouble);
            }
        }
        for queue in self.queues.values_mut() {
            let trouble = queue.read_kept(replies);
            self.wrong.extend(trouble);
        }
        self.read_watched(replies, context);
        for (name, lookup) in std::mem::take(&mut self.lookups) {
            match self.queues.get_mut(&name) {
                Some(queue) => {
                    self.wrong.extend(queue.read_task(&lookup, replies, &mut self.watch, context))
                }
                None => drop(replies.next_value()),
            }
        }
        self.registry.read_servers(replies, &mut self.watch, context, &mut self.wrong);
        for job in self.registry.take_left() {
            let started = job.started.unwrap_or(context.now);
            self.watch.left(job.queue, job.id, job.kind, started, context.now);
        }
        self.wrong.truncate(MOST_WRONG);
        for queue in std::mem::take(&mut self.gone) {
            out.push(Observation::QueueGone { queue, at: context.now });
        }
        self.tell_queues(context, out);
        self.tell_folded(context, out);
        out.push(Observation::Workers(WorkersReading {
            source: self.source.clone(),
            broker: Broker::Asynq,
            at: context.now,
            workers: self.registry.workers(context),
        }));
    }

    fn queues(&self) -> usize {
        self.queues.len()
    }

    fn troubles(&self) -> &[String] {
        &self.wrong
    }

    fn failed(&self, queue: &QueueId) -> Option<FailedPlace> {
        let known = self.queues.iter().find(|(_, own)| own.id == *queue);
        known.map(|(name, _)| failed::place(name))
    }

    fn reconnected(&mut self) {
        // Tasks ended while nobody looked, nobody knows when.
        self.watch.clear();
        self.registry.reread();
        self.knows_names = false;
    }

    fn reader(&self, _: ReaderContext) -> Option<Pin<Box<dyn Future<Output = RedisError> + Send>>> {
        None
    }
}
