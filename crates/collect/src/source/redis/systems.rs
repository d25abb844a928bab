//! The queue systems that may live in a Redis.

use vigie_model::{Broker, Observation, QueueId};

use super::config::RedisConfig;
use crate::source::asynq::AsynqSystem;
use crate::source::bull::BullSystem;
use crate::source::bullmq::BullMqSystem;
use crate::source::{
    Candidate, FailedPlace, Plan, PollContext, QueueSystem, Replies, Reply, ToldJobs, Which,
};

/// All of them.
pub(super) struct Systems {
    asynq: AsynqSystem,
    bull: BullSystem,
    bullmq: BullMqSystem,
}

/// What is asked of which system.
pub(super) type Looks = Vec<(Broker, Which)>;

impl Systems {
    pub(super) fn new(config: &RedisConfig) -> Self {
        let (name, limits, exact) = (&config.name, config.limits, config.exact_jobs_per_second);
        let mut bull = BullSystem::new(name.clone(), limits, exact);
        let mut bullmq = BullMqSystem::new(name.clone(), limits, exact);
        bull = bull.with_executions(&config.executions);
        if let Some(prefix) = &config.prefix {
            bull = bull.with_prefix(prefix);
            bullmq = bullmq.with_prefix(prefix);
        }
        Self { asynq: AsynqSystem::new(name.clone(), limits), bull, bullmq }
    }

    /// The same, which hear what workers tell of their jobs.
    pub(super) fn with_told_jobs(mut self, jobs: ToldJobs) -> Self {
        self.asynq = self.asynq.with_told_jobs(jobs);
        self
    }

    /// A look at every queue of every system.
    pub(super) fn everything() -> Looks {
        Broker::IN_REDIS.into_iter().map(|broker| (broker, Which::All)).collect()
    }

    pub(super) fn all(&self) -> [&dyn QueueSystem; 3] {
        [&self.asynq, &self.bull, &self.bullmq]
    }

    fn one(&mut self, broker: Broker) -> &mut dyn QueueSystem {
        match broker {
            Broker::Asynq => &mut self.asynq,
            Broker::Bull => &mut self.bull,
            // n8n's own queue is in no Redis: nobody asks for it here.
            Broker::BullMq | Broker::N8n => &mut self.bullmq,
        }
    }

    /// Why job events may not be read, if so.
    pub(super) fn events_refused(&self) -> Option<String> {
        self.bull.events_refused().or_else(|| self.bullmq.events_refused())
    }

    /// How many queues each system knows, those without any left out.
    pub(super) fn found(&self) -> Vec<(Broker, usize)> {
        let count = |system: &dyn QueueSystem| (system.broker(), system.queues());
        self.all().into_iter().map(count).filter(|(_, queues)| *queues > 0).collect()
    }

    /// Where the failed jobs of a queue are, if it is known.
    pub(super) fn failed(&self, queue: &QueueId) -> Option<FailedPlace> {
        self.all().into_iter().find(|system| system.broker() == queue.broker)?.failed(queue)
    }

    pub(super) fn offer(&mut self, candidates: &[Candidate]) {
        if !candidates.is_empty() {
            self.bull.found(candidates);
            self.bullmq.found(candidates);
        }
    }

    pub(super) fn reconnected(&mut self) {
        for broker in Broker::IN_REDIS {
            self.one(broker).reconnected();
        }
    }

    /// Adds what each asks first; returns how many answers belong to each.
    pub(super) fn ask(&mut self, looks: &Looks, plan: &mut Plan) -> Vec<usize> {
        let mut counts = Vec::with_capacity(looks.len());
        for (broker, which) in looks {
            let before = plan.len();
            self.one(*broker).ask(which, plan);
            counts.push(plan.len() - before);
        }
        counts
    }

    /// Hands each its answers and adds what it asks next.
    pub(super) fn ask_more(
        &mut self,
        looks: &Looks,
        answers: &mut Parts,
        plan: &mut Plan,
        context: &PollContext,
    ) -> Vec<usize> {
        let mut counts = Vec::with_capacity(looks.len());
        for (broker, which) in looks {
            let before = plan.len();
            self.one(*broker).ask_more(which, &mut answers.next_part(), plan, context);
            counts.push(plan.len() - before);
        }
        counts
    }

    /// Hands each its last answers and gathers what was observed.
    pub(super) fn tell(
        &mut self,
        looks: &Looks,
        answers: &mut Parts,
        context: &PollContext,
    ) -> Vec<Observation> {
        let mut out = Vec::new();
        for (broker, which) in looks {
            self.one(*broker).tell(which, &mut answers.next_part(), context, &mut out);
        }
        out
    }
}

/// Answers, divided among those who asked: none can take what belongs to the next.
pub(super) struct Parts {
    answers: std::vec::IntoIter<Reply>,
    counts: std::vec::IntoIter<usize>,
}

impl Parts {
    pub(super) fn new(answers: Vec<Reply>, counts: Vec<usize>) -> Self {
        Self { answers: answers.into_iter(), counts: counts.into_iter() }
    }

    fn next_part(&mut self) -> Replies {
        let count = self.counts.next().unwrap_or(0);
        Replies::new(self.answers.by_ref().take(count).collect())
    }

    /// What nobody has taken yet.
    pub(super) fn rest(self) -> Replies {
        Replies::new(self.answers.collect())
    }
}
