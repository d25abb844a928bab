//! What workers tell of their tasks, sorted by queue.

use std::collections::HashMap;

use vigie_model::{Name, SourceName, Time};

use super::account::Tellers;
use crate::source::{Taken, ToldJob, ToldJobs};

/// Records of queues that are not known yet that are kept for the next polls.
const MOST_EARLY: usize = 10_000;
/// Polls after which a queue that is not there yet is none of this Redis.
const EARLY_POLLS: u8 = 5;
/// Tellers may still come for so many seconds after the start: those who are silent for longer are not waited for in any case.
const START_SECONDS: f64 = 60.0;

/// What is there of all queues.
#[derive(Debug)]
pub(super) struct Told {
    source: SourceName,
    jobs: Option<ToldJobs>,
    /// Each with how many polls it has waited for its queue.
    by_queue: HashMap<Box<[u8]>, Vec<(u8, ToldJob)>>,
    started: Option<Time>,
}

impl Told {
    pub(super) fn new(source: SourceName) -> Self {
        Self { source, jobs: None, by_queue: HashMap::new(), started: None }
    }

    pub(super) fn listen(&mut self, jobs: ToldJobs) {
        self.jobs = Some(jobs);
    }

    /// Takes what there is for this poll.
    pub(super) fn take(&mut self, now: Time) -> Tellers {
        let Some(jobs) = &self.jobs else { return Tellers::default() };
        let Taken { jobs, alive, expected, whole_until, torn } = jobs.take(&self.source, now);
        for job in jobs {
            self.by_queue.entry(job.queue.clone()).or_default().push((0, job));
        }
        let started = *self.started.get_or_insert(now);
        let may_come = expected && now.since(started) < START_SECONDS;
        Tellers { alive: alive || may_come, whole_until, torn }
    }

    /// Takes what is known without being told.
    pub(super) fn enter(&mut self, job: ToldJob) {
        self.by_queue.entry(job.queue.clone()).or_default().push((0, job));
    }

    /// What is told of one queue.
    pub(super) fn of(&mut self, queue: &[u8]) -> Vec<ToldJob> {
        let told = self.by_queue.remove(queue).unwrap_or_default();
        told.into_iter().map(|(_, job)| job).collect()
    }

    /// What no queue has asked for is kept for the next polls, boundedly: its queue may be new. Returns what is wrong, for people;
    /// where queues are `folded`, that is nothing.
    pub(super) fn rest(&mut self, folded: bool) -> Option<String> {
        let (mut room, mut strange) = (MOST_EARLY, 0);
        let mut example = None;
        self.by_queue.retain(|queue, jobs| {
            let all = jobs.len();
            jobs.iter_mut().for_each(|(polls, _)| *polls += 1);
            jobs.retain(|(polls, _)| *polls < EARLY_POLLS);
            jobs.truncate(room);
            room -= jobs.len();
            if jobs.len() < all {
                strange += all - jobs.len();
                example.get_or_insert_with(|| Name::from_bytes(queue));
            }
            !jobs.is_empty()
        });
        let example = example.filter(|_| !folded)?;
        Some(format!(
            "{strange} attempts that workers tell of are of queues that this Redis does not have, such as {example}: \
             does asynq of the go_api source name the right one?"
        ))
    }
}
