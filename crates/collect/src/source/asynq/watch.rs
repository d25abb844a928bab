//! Samples of single tasks: some are followed from the head of the queue, or from a worker, to their end.
//!
//! asynq tells of no transition, so a task is asked for its state at each poll. What happened between two polls is
//! known to within their distance; a duration is told only when it is longer than what is uncertain about it.

use std::collections::{HashMap, HashSet};

use vigie_model::{JobEvent, JobFact, Name, Outcome, Time};

use crate::source::ToldJob;

/// Tasks that are followed at once, of all queues.
pub(super) const MOST: usize = 512;
/// Tasks that are followed at once, of one queue.
pub(super) const MOST_OF_QUEUE: usize = 16;
/// Tasks beside those whose worker is gone, until another one takes them back.
const MOST_LEFT: usize = 512;

/// A stretch in which something happened; both ends on Vigie's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    earliest: Time,
    latest: Time,
}

impl Span {
    fn exactly(at: Time) -> Self {
        Self { earliest: at, latest: at }
    }

    /// Seconds from here to a later stretch, when they are more than what is uncertain about them.
    fn until(self, end: Self) -> Option<f64> {
        let shortest = end.earliest.age(self.latest);
        let longest = end.latest.age(self.earliest);
        let middle = f64::midpoint(shortest, longest);
        (longest - shortest <= middle).then_some(middle)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Waiting,
    Running { started: Span },
}

/// A task that is followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watched {
    pub(super) queue: Vec<u8>,
    pub(super) id: Vec<u8>,
    kind: Option<Name>,
    /// When it became eligible to run, on Vigie's clock.
    pending_since: Option<Time>,
    phase: Phase,
    holder: Holder,
    /// When it was last seen in this phase.
    seen: Time,
}

/// Who has a task that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// A worker that is there, for all that is known.
    Worker,
    /// One that is gone; it may have ended the task before.
    Gone,
    /// Nobody: it was called active when its worker was gone.
    Nobody,
}

/// A task that was followed and has ended.
#[derive(Debug, PartialEq)]
pub(super) struct Over {
    pub queue: Vec<u8>,
    pub id: Vec<u8>,
    pub event: JobEvent,
    /// The attempt that nobody but Redis can tell of: its lease ran out, and asynq took the task back as failed.
    pub lapsed: Option<ToldJob>,
}

/// What a poll found a task's `state` to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    Pending,
    Active,
    Failed,
    /// Kept as completed, or no longer there at all.
    Gone,
    /// Anything else: not worth following.
    Other,
}

impl TaskState {
    pub(super) fn parse(state: Option<&[u8]>) -> Self {
        match state {
            None | Some(b"completed") => Self::Gone,
            Some(b"pending") => Self::Pending,
            Some(b"active") => Self::Active,
            Some(b"retry" | b"archived") => Self::Failed,
            Some(_) => Self::Other,
        }
    }
}

/// All tasks that are followed.
#[derive(Debug, Default)]
pub(super) struct Watch {
    tasks: Vec<Watched>,
    known: HashSet<(Vec<u8>, Vec<u8>)>,
    by_queue: HashMap<Vec<u8>, usize>,
}

impl Watch {
    pub(super) fn tasks(&self) -> &[Watched] {
        &self.tasks
    }

    /// Whether a task was still waiting when it was last looked at.
    pub(super) fn waits(task: &Watched) -> bool {
        task.phase == Phase::Waiting
    }

    pub(super) fn contains(&self, queue: &[u8], id: &[u8]) -> bool {
        self.known.contains(&(queue.to_vec(), id.to_vec()))
    }

    /// How many more of this queue may be followed.
    pub(super) fn room(&self, queue: &[u8]) -> usize {
        let own = self.by_queue.get(queue).copied().unwrap_or(0);
        MOST.saturating_sub(self.tasks.len()).min(MOST_OF_QUEUE.saturating_sub(own))
    }

    /// Follows a task that waits.
    pub(super) fn waiting(
        &mut self,
        queue: &[u8],
        id: &[u8],
        kind: Option<Name>,
        since: Option<Time>,
        now: Time,
    ) {
        self.add(Watched {
            queue: queue.to_vec(),
            id: id.to_vec(),
            kind,
            pending_since: since,
            phase: Phase::Waiting,
            holder: Holder::Worker,
            seen: now,
        });
    }

    /// Follows a task that a worker runs since `started`, or learns that of one that is followed already.
    pub(super) fn running(
        &mut self,
        queue: &[u8],
        id: &[u8],
        kind: &Name,
        started: Time,
        now: Time,
    ) {
        if self.contains(queue, id) {
            let task = self.tasks.iter_mut().find(|task| task.id == id && task.queue == queue);
            if let Some(task) = task {
                task.kind.get_or_insert_with(|| kind.clone());
                task.phase = Phase::Running { started: Span::exactly(started) };
                task.holder = Holder::Worker;
            }
            return;
        }
        self.add(Watched {
            queue: queue.to_vec(),
            id: id.to_vec(),
            kind: Some(kind.clone()),
            pending_since: None,
            phase: Phase::Running { started: Span::exactly(started) },
            holder: Holder::Worker,
            seen: now,
        });
    }

    /// Follows a task whose worker is gone, however many of its queue are followed already.
    pub(super) fn left(
        &mut self,
        queue: Vec<u8>,
        id: Vec<u8>,
        kind: Name,
        started: Time,
        now: Time,
    ) {
        if self.contains(&queue, &id) {
            let task = self.tasks.iter_mut().find(|task| task.id == id && task.queue == queue);
            if let Some(task) = task {
                task.kind.get_or_insert(kind);
                task.holder = Holder::Gone;
            }
            return;
        }
        if self.tasks.iter().filter(|task| task.holder != Holder::Worker).count() < MOST_LEFT {
            let phase = Phase::Running { started: Span::exactly(started) };
            let kind = Some(kind);
            self.follow(Watched {
                queue,
                id,
                kind,
                pending_since: None,
                phase,
                holder: Holder::Gone,
                seen: now,
            });
        }
    }

    fn add(&mut self, task: Watched) {
        if self.room(&task.queue) > 0 {
            self.follow(task);
        }
    }

    fn follow(&mut self, task: Watched) {
        if self.known.insert((task.queue.clone(), task.id.clone())) {
            *self.by_queue.entry(task.queue.clone()).or_default() += 1;
            self.tasks.push(task);
        }
    }

    /// Takes the states of all tasks, in their order, as of `now`; tells what ended.
    pub(super) fn look(&mut self, states: &[TaskState], now: Time) -> Vec<Over> {
        let mut ended = Vec::new();
        let mut kept = Vec::with_capacity(self.tasks.len());
        for (index, mut task) in std::mem::take(&mut self.tasks).into_iter().enumerate() {
            match task.step(states.get(index).copied().unwrap_or(TaskState::Other), now) {
                Step::Keep => kept.push(task),
                Step::Ended(event) => {
                    self.forget(&task);
                    let lapsed = task.lapsed(&event, now);
                    let Watched { queue, id, .. } = task;
                    ended.push(Over { queue, id, event, lapsed });
                }
                Step::Lose => self.forget(&task),
            }
        }
        self.tasks = kept;
        ended
    }

    fn forget(&mut self, task: &Watched) {
        self.known.remove(&(task.queue.clone(), task.id.clone()));
        if let Some(own) = self.by_queue.get_mut(&task.queue) {
            *own -= 1;
            if *own == 0 {
                self.by_queue.remove(&task.queue);
            }
        }
    }

    /// Forgets everything: after a stretch without polls, nothing is known of when things happened.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

enum Step {
    Keep,
    Ended(JobEvent),
    Lose,
}

impl Watched {
    fn step(&mut self, state: TaskState, now: Time) -> Step {
        let between = Span { earliest: self.seen, latest: now };
        self.seen = now;
        match (self.phase, state) {
            (Phase::Waiting, TaskState::Pending) => Step::Keep,
            (Phase::Running { .. }, TaskState::Active) => {
                if self.holder == Holder::Gone {
                    self.holder = Holder::Nobody;
                }
                Step::Keep
            }
            (Phase::Waiting, TaskState::Active) => {
                self.phase = Phase::Running { started: between };
                Step::Keep
            }
            (Phase::Waiting, TaskState::Failed) => {
                Step::Ended(self.end(between, between, Outcome::Failed, now))
            }
            (Phase::Waiting, TaskState::Gone) => {
                Step::Ended(self.end(between, between, Outcome::Succeeded, now))
            }
            (Phase::Running { started }, TaskState::Failed) => {
                Step::Ended(self.end(started, between, Outcome::Failed, now))
            }
            (Phase::Running { started }, TaskState::Gone) => {
                Step::Ended(self.end(started, between, Outcome::Succeeded, now))
            }
            (Phase::Running { .. }, TaskState::Pending) | (_, TaskState::Other) => Step::Lose,
        }
    }

    /// The attempt whose lease ran out, if that is how it ended: nobody had the task any more, and now it failed.
    fn lapsed(&self, event: &JobEvent, now: Time) -> Option<ToldJob> {
        let (Holder::Nobody, Phase::Running { started }) = (self.holder, self.phase) else {
            return None;
        };
        let JobFact::Seen { outcome: Outcome::Failed, .. } = event.fact else { return None };
        Some(ToldJob {
            queue: self.queue.as_slice().into(),
            job_type: self.kind.clone()?,
            started: started.latest,
            finished: now,
            outcome: Outcome::Failed,
            wait: None,
            // When its worker died, nobody knows.
            run: None,
        })
    }

    fn end(&self, started: Span, ended: Span, outcome: Outcome, now: Time) -> JobEvent {
        let wait = self.pending_since.and_then(|since| Span::exactly(since).until(started));
        let run = started.until(ended);
        JobEvent {
            at: now,
            job_type: self.kind.clone(),
            fact: JobFact::Seen { outcome, wait, run },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(1_000) + seconds
    }

    fn seen(ended: &[Over]) -> (Outcome, Option<f64>, Option<f64>) {
        match ended {
            [Over { event: JobEvent { fact: JobFact::Seen { outcome, wait, run }, .. }, .. }] => {
                (*outcome, *wait, *run)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_dead_worker_had_is_told_when_asynq_takes_it_back() {
        let mut watch = Watch::default();
        let left = |watch: &mut Watch, id: &[u8], now: f64| {
            watch.left(b"q".to_vec(), id.to_vec(), Name::from("mail"), at(0.0), at(now));
        };
        for n in 0..40_u8 {
            watch.running(b"q", &[n], &Name::from("mail"), at(0.0), at(0.0));
        }
        assert_eq!(watch.tasks().len(), MOST_OF_QUEUE);
        (0..40).for_each(|n| left(&mut watch, &[n], 10.0));
        assert_eq!(watch.tasks().len(), 40, "whatever is followed of the queue already");
        // One had failed before its worker died, and its worker has told of it.
        let mut states = vec![TaskState::Active; 40];
        states[0] = TaskState::Failed;
        let ended = watch.look(&states, at(11.0));
        assert_eq!((ended.len(), &ended[0].lapsed), (1, &None));
        // Another server has one of them.
        watch.running(b"q", &[39], &Name::from("mail"), at(12.0), at(13.0));
        let ended = watch.look(&[TaskState::Failed; 39], at(70.0));
        let lapsed: Vec<&ToldJob> = ended.iter().filter_map(|one| one.lapsed.as_ref()).collect();
        assert_eq!((ended.len(), lapsed.len()), (39, 38));
        assert_eq!(
            (lapsed[0].outcome, lapsed[0].finished, lapsed[0].run),
            (Outcome::Failed, at(70.0), None)
        );
        (0..2_000_u32).for_each(|n| left(&mut watch, &n.to_be_bytes(), 80.0));
        assert_eq!(watch.tasks().len(), MOST_LEFT);
    }

    #[test]
    fn a_task_is_followed_from_the_queue_to_its_end() {
        let mut watch = Watch::default();
        watch.waiting(b"q", b"1", Some(Name::from("mail")), Some(at(-9.5)), at(0.0));
        assert!(watch.look(&[TaskState::Pending], at(1.0)).is_empty());
        assert!(watch.look(&[TaskState::Active], at(2.0)).is_empty());
        assert!(watch.look(&[TaskState::Active], at(6.0)).is_empty());
        let ended = watch.look(&[TaskState::Gone], at(7.0));
        let (outcome, wait, run) = seen(&ended);
        assert_eq!(outcome, Outcome::Succeeded);
        assert!(
            (wait.unwrap() - 11.0).abs() < 1e-6,
            "{wait:?}: eligible at -9.5, started between 1 and 2"
        );
        assert!((run.unwrap() - 5.0).abs() < 1e-6, "{run:?}: 4 to 6 seconds");
        assert_eq!(watch.room(b"q"), MOST_OF_QUEUE);
    }

    #[test]
    fn a_worker_tells_the_start_exactly() {
        let mut watch = Watch::default();
        watch.waiting(b"q", b"1", None, Some(at(0.0)), at(0.5));
        watch.running(b"q", b"1", &Name::from("mail"), at(0.75), at(1.0));
        assert!(watch.look(&[TaskState::Active], at(9.0)).is_empty());
        let ended = watch.look(&[TaskState::Failed], at(10.0));
        let (outcome, wait, run) = seen(&ended);
        assert_eq!((outcome, wait), (Outcome::Failed, Some(0.75)));
        assert!((run.unwrap() - 8.75).abs() < 1e-6);
        assert_eq!(ended[0].event.job_type, Some(Name::from("mail")));
    }

    #[test]
    fn what_is_shorter_than_its_uncertainty_is_not_told() {
        let mut watch = Watch::default();
        watch.waiting(b"q", b"1", None, Some(at(0.9)), at(1.0));
        let (_, wait, run) = seen(&watch.look(&[TaskState::Gone], at(2.0)));
        assert_eq!((wait, run), (None, None), "it waited 0.1 to 1.1 s and ran 0 to 1 s");
    }

    #[test]
    fn tasks_that_go_back_or_elsewhere_are_lost() {
        let mut watch = Watch::default();
        watch.running(b"q", b"1", &Name::from("a"), at(0.0), at(0.0));
        watch.waiting(b"q", b"2", None, None, at(0.0));
        assert!(watch.look(&[TaskState::Pending, TaskState::Other], at(1.0)).is_empty());
        assert!(watch.tasks().is_empty());
    }

    #[test]
    fn the_number_of_followed_tasks_is_bounded() {
        let mut watch = Watch::default();
        for queue in 0..100_u32 {
            for id in 0..100_u32 {
                watch.waiting(&queue.to_be_bytes(), &id.to_be_bytes(), None, None, at(0.0));
            }
        }
        assert_eq!(watch.tasks().len(), MOST);
        assert_eq!(watch.room(&0_u32.to_be_bytes()), 0);
        watch.clear();
        assert_eq!(watch.room(&0_u32.to_be_bytes()), MOST_OF_QUEUE);
    }
}
