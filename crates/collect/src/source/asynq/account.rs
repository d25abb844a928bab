//! What ended in a queue: counted by Redis, told by workers, and never both (ADR 0020).
//!
//! Redis counts every attempt but knows no types and no durations; workers that use the SDK tell both, a moment later. Until somebody
//! tells of a queue, Redis's counts are sent on, and what polling happens to see. From then on the records are sent on, and Redis's
//! counts judge them: what it has counted and nobody has told of is sent on without a type, and is a gap.
//!
//! A record is made before Redis counts it. So of what Redis had counted at a moment, everything was told that ended up to a little
//! after it, and what is not among that is missing for certain.

use std::collections::{BTreeMap, VecDeque};

use vigie_model::{JobEvent, JobFact, Outcome, Time};

use crate::source::ToldJob;

/// What happened while nobody has told of a queue is held back for so many seconds where somebody tells of others: a record of it may
/// be on its way.
const HOLD_SECONDS: f64 = 5.0;
/// How far the clocks of a worker and of Redis may be apart, in seconds.
const SLACK_SECONDS: f64 = 0.25;
/// A record is waited for so many seconds, even if its worker is silent.
const PATIENCE_SECONDS: f64 = 15.0;
/// What was told this many seconds ago must have been counted.
const COUNTED_WITHIN_SECONDS: f64 = 5.0;
/// Nobody has told for so many seconds: the queue is sampled again.
const FORSAKEN_SECONDS: f64 = 60.0;
/// Records are summed up in slots of so many microseconds.
const SLOT_MICROS: i64 = 100_000;

/// Attempts that succeeded and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ended {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
}

impl Ended {
    fn none(self) -> bool {
        self == Self::default()
    }

    fn plus(self, other: Self) -> Self {
        Self {
            succeeded: self.succeeded.saturating_add(other.succeeded),
            failed: self.failed.saturating_add(other.failed),
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            succeeded: self.succeeded.saturating_sub(other.succeeded),
            failed: self.failed.saturating_sub(other.failed),
        }
    }

    fn min(self, other: Self) -> Self {
        Self {
            succeeded: self.succeeded.min(other.succeeded),
            failed: self.failed.min(other.failed),
        }
    }

    fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed => &mut self.failed,
        }
    }

    fn event(self, at: Time) -> Option<JobEvent> {
        let Self { succeeded, failed } = self;
        let fact = JobFact::Counted { enqueued: 0, succeeded, failed };
        (!self.none()).then_some(JobEvent { at, job_type: None, fact })
    }
}

/// One poll's part.
pub(super) struct Poll {
    /// When the counters were read.
    pub now: Time,
    /// What ended since the poll before, by the counters.
    pub ended: Ended,
    /// What the polls happened to see of it.
    pub seen: Vec<JobEvent>,
    /// What workers told of it.
    pub told: Vec<ToldJob>,
}

/// Those who tell of jobs of this Redis.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tellers {
    /// There are some, and they come through, or may still.
    pub alive: bool,
    /// What ended before is told.
    pub whole_until: Option<Time>,
    /// Some records were lost on the way.
    pub torn: bool,
}

/// What is to be sent on.
#[derive(Debug, Default, PartialEq)]
pub(super) struct News {
    pub events: Vec<JobEvent>,
    /// A stretch is missing.
    pub gap: bool,
    /// Types and durations are only some of what happened.
    pub sampled: bool,
}

/// The account of one queue.
#[derive(Debug)]
pub(super) struct Account {
    /// When the counters were last read.
    last: Time,
    state: State,
    /// Something was sent on without a type.
    untyped: bool,
    /// Somebody tells of jobs of this Redis.
    heard: bool,
}

#[derive(Debug)]
enum State {
    /// Nobody tells of this queue; with what is held back.
    Sampled(VecDeque<Held>),
    Told(Box<Books>),
}

#[derive(Debug)]
struct Held {
    from: Time,
    at: Time,
    ended: Ended,
    seen: Vec<JobEvent>,
}

/// Both sides of a queue that somebody tells of, since `from`.
#[derive(Debug)]
struct Books {
    from: Time,
    /// When the tellers were last alive.
    alive: Time,
    /// Counted by Redis, as of each poll that is not settled yet.
    counted: Ended,
    polls: VecDeque<(Time, Ended)>,
    /// Told, by slot of the time of the end; what is long settled is summed up.
    told: Ended,
    slots: BTreeMap<i64, Ended>,
    /// Sent on without a type.
    untold: Ended,
    /// What of that may still be told.
    owed: Ended,
    /// Up to when polls are settled.
    settled: Time,
    /// Records from just before `from`: Redis may have counted them just after it.
    edge: Ended,
    /// Records from just after `from`: Redis may have counted them just before it.
    early_edge: Ended,
}

impl Account {
    /// Of a queue of whose counters all is known that was counted after `since`.
    pub(super) fn new(since: Time) -> Self {
        Self { last: since, state: State::Sampled(VecDeque::new()), untyped: false, heard: false }
    }

    /// Whether workers tell of the queue.
    pub(super) fn is_told(&self) -> bool {
        matches!(self.state, State::Told(_))
    }

    /// Whether its figures are whole: workers tell of it, or tell of others and of this one there was nothing to tell yet.
    pub(super) fn is_exact(&self) -> bool {
        self.is_told() || (self.heard && !self.untyped)
    }

    /// Takes a poll's part.
    pub(super) fn settle(&mut self, poll: Poll, tellers: Tellers) -> News {
        let from = std::mem::replace(&mut self.last, poll.now);
        let mut news = News::default();
        self.heard = tellers.alive;
        match &mut self.state {
            State::Sampled(held) => {
                let Poll { now, ended, seen, told } = poll;
                held.push_back(Held { from, at: now, ended, seen });
                if tellers.alive && !told.is_empty() {
                    let begun = Books::begin(std::mem::take(held), now);
                    // What was before that has no types.
                    news.gap = std::mem::take(&mut self.untyped);
                    self.state = State::Told(Box::new(begun));
                    let nothing = Poll { now, ended: Ended::default(), seen: Vec::new(), told };
                    return self.told(nothing, tellers, news);
                }
                while held
                    .front()
                    .is_some_and(|one| !tellers.alive || now.since(one.at) >= HOLD_SECONDS)
                {
                    let Some(one) = held.pop_front() else { break };
                    self.untyped |= !one.ended.none();
                    news.sampled |= !one.ended.none() || !one.seen.is_empty();
                    news.events.extend(one.ended.event(one.at));
                    news.events.extend(one.seen);
                }
                news
            }
            State::Told(_) => self.told(poll, tellers, news),
        }
    }

    fn told(&mut self, poll: Poll, tellers: Tellers, mut news: News) -> News {
        let State::Told(books) = &mut self.state else { return news };
        let now = poll.now;
        books.counted = books.counted.plus(poll.ended);
        books.polls.push_back((now, books.counted));
        for job in poll.told {
            books.enter(job, now, &mut news.events);
        }
        news.gap |= tellers.torn;
        if tellers.alive {
            books.alive = now;
        }
        let forsaken = now.since(books.alive) >= FORSAKEN_SECONDS;
        books.judge(now, tellers.whole_until, forsaken, &mut news);
        if forsaken {
            (self.state, self.untyped) = (State::Sampled(VecDeque::new()), true);
        }
        news
    }
}

impl Books {
    fn begin(held: VecDeque<Held>, now: Time) -> Self {
        let from = held.front().map_or(now, |one| one.from);
        let mut counted = Ended::default();
        let mut polls = VecDeque::with_capacity(held.len());
        for one in held {
            counted = counted.plus(one.ended);
            polls.push_back((one.at, counted));
        }
        Self {
            from,
            alive: now,
            counted,
            polls,
            told: Ended::default(),
            slots: BTreeMap::new(),
            untold: Ended::default(),
            owed: Ended::default(),
            settled: from,
            edge: Ended::default(),
            early_edge: Ended::default(),
        }
    }

    /// Takes a record and sends it on.
    fn enter(&mut self, job: ToldJob, now: Time, out: &mut Vec<JobEvent>) {
        let ToldJob { job_type, started, finished, outcome, wait, run, .. } = job;
        // A clock that is ahead must not hide what is missing now.
        let finished = if finished > now { now } else { finished };
        let before = self.from.since(finished);
        if before > 0.0 {
            if before <= SLACK_SECONDS * 2.0 {
                *self.edge.of(outcome) += 1;
            }
            return;
        }
        if -before <= SLACK_SECONDS * 2.0 {
            *self.early_edge.of(outcome) += 1;
        }
        *self.slots.entry(slot(finished)).or_default().of(outcome) += 1;
        let job_type = Some(job_type);
        let owed = self.owed.of(outcome);
        if finished <= self.settled && *owed > 0 {
            // The totals have it already.
            *owed -= 1;
            *self.untold.of(outcome) -= 1;
            out.push(JobEvent {
                at: finished,
                job_type,
                fact: JobFact::Seen { outcome, wait, run },
            });
            return;
        }
        let started = if started > finished { finished } else { started };
        let fact = JobFact::Started { wait };
        out.push(JobEvent { at: started, job_type: job_type.clone(), fact });
        let fact = JobFact::Finished { outcome, wait, run };
        out.push(JobEvent { at: finished, job_type, fact });
    }

    /// Compares what was counted with what was told, of each poll about which all is told that will be.
    fn judge(&mut self, now: Time, whole: Option<Time>, all: bool, news: &mut News) {
        while let Some((at, counted)) = self.polls.front().copied() {
            let whole = whole.is_some_and(|whole| whole.since(at) > SLACK_SECONDS);
            if !(whole || all || now.since(at) >= PATIENCE_SECONDS) {
                return;
            }
            self.polls.pop_front();
            self.settled = at;
            let missing = counted.less(self.told_until(at + SLACK_SECONDS).plus(self.untold));
            let at_edge = missing.min(self.edge);
            self.edge = self.edge.less(at_edge);
            news.gap |= !missing.less(at_edge).none();
            news.events.extend(missing.event(at));
            self.untold = self.untold.plus(missing);
            self.owed = self.owed.plus(missing.less(at_edge));
            // Told and never counted: another Redis's, or the worker had lost the task.
            self.sum_up(at + -COUNTED_WITHIN_SECONDS);
            let excess = self.told.less(counted);
            let at_edge = excess.min(self.early_edge);
            self.early_edge = self.early_edge.less(at_edge);
            news.gap |= !excess.less(at_edge).none();
            self.told = self.told.less(excess);
        }
    }

    fn told_until(&self, at: Time) -> Ended {
        let slots = self.slots.range(..=slot(at));
        slots.fold(self.told, |sum, (_, ended)| sum.plus(*ended))
    }

    fn sum_up(&mut self, until: Time) {
        let later = self.slots.split_off(&(slot(until) + 1));
        let earlier = std::mem::replace(&mut self.slots, later);
        self.told = earlier.values().fold(self.told, |sum, ended| sum.plus(*ended));
    }
}

fn slot(at: Time) -> i64 {
    at.micros().div_euclid(SLOT_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_model::Name;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(10_000) + seconds
    }

    fn job(finished: f64, outcome: Outcome) -> ToldJob {
        ToldJob {
            queue: b"q"[..].into(),
            job_type: Name::from("mail"),
            started: at(finished - 0.5),
            finished: at(finished),
            outcome,
            wait: Some(0.25),
            run: Some(0.5),
        }
    }

    fn well(finished: f64) -> ToldJob {
        job(finished, Outcome::Succeeded)
    }

    fn seen() -> JobEvent {
        let fact = JobFact::Seen { outcome: Outcome::Succeeded, wait: None, run: None };
        JobEvent { at: at(0.0), job_type: Some(Name::from("mail")), fact }
    }

    /// An account, and the sums of what it has sent on.
    struct Scene {
        account: Account,
        whole: bool,
        /// Succeeded and failed: in the totals, and of them with a type.
        totals: Ended,
        typed: Ended,
        late: u64,
        gaps: usize,
    }

    impl Scene {
        fn new() -> Self {
            let account = Account::new(at(0.0));
            let (totals, typed) = (Ended::default(), Ended::default());
            Self { account, whole: true, totals, typed, late: 0, gaps: 0 }
        }

        fn poll(&mut self, now: f64, ended: (u64, u64), told: Vec<ToldJob>) -> News {
            self.sampled(now, ended, told, Vec::new())
        }

        fn sampled(
            &mut self,
            now: f64,
            (succeeded, failed): (u64, u64),
            told: Vec<ToldJob>,
            seen: Vec<JobEvent>,
        ) -> News {
            let ended = Ended { succeeded, failed };
            let whole_until = self.whole.then_some(at(now - 0.1));
            let tellers = Tellers { alive: self.whole, whole_until, torn: false };
            let news = self.account.settle(Poll { now: at(now), ended, seen, told }, tellers);
            for event in &news.events {
                match event.fact {
                    JobFact::Counted { succeeded, failed, .. } => {
                        self.totals = self.totals.plus(Ended { succeeded, failed });
                    }
                    JobFact::Finished { outcome, .. } => {
                        *self.totals.of(outcome) += 1;
                        *self.typed.of(outcome) += 1;
                    }
                    JobFact::Seen { .. } => self.late += 1,
                    _ => {}
                }
            }
            self.gaps += usize::from(news.gap);
            news
        }

        fn ended(&self) -> (u64, u64, u64, u64) {
            let (totals, typed) = (self.totals, self.typed);
            (totals.succeeded, totals.failed, typed.succeeded, typed.failed)
        }
    }

    #[test]
    fn without_tellers_what_redis_counts_is_sent_on_at_once() {
        let mut scene = Scene::new();
        scene.whole = false;
        let news = scene.sampled(1.0, (3, 1), Vec::new(), vec![seen()]);
        assert_eq!((scene.ended(), scene.late, news.sampled), ((3, 1, 0, 0), 1, true));
        assert!(!scene.account.is_told());
        assert_eq!(scene.poll(2.0, (0, 0), Vec::new()), News::default());
    }

    #[test]
    fn what_is_told_of_is_exact_from_the_first_on() {
        let mut scene = Scene::new();
        // Redis is seen to count before the record comes; what was sampled of the same is of no use then.
        let news = scene.sampled(1.0, (1, 0), Vec::new(), vec![seen()]);
        assert_eq!(news, News::default(), "it is held back");
        scene.poll(2.0, (1, 1), vec![well(0.8), well(1.5), job(1.9, Outcome::Failed)]);
        assert!(scene.account.is_told());
        // The record is there before Redis is seen to count.
        scene.poll(3.0, (0, 0), vec![well(2.99)]);
        for second in 4..30 {
            scene.poll(f64::from(second), (u64::from(second == 4), 0), Vec::new());
        }
        assert_eq!((scene.ended(), scene.late, scene.gaps), ((3, 1, 3, 1), 0, 0));
    }

    #[test]
    fn a_queue_of_which_there_is_nothing_to_tell_yet_is_exact_where_others_are_told_of() {
        let mut scene = Scene::new();
        scene.whole = false;
        scene.sampled(1.0, (0, 0), Vec::new(), Vec::new());
        assert!(!scene.account.is_exact(), "nobody would tell");
        scene.whole = true;
        scene.sampled(2.0, (0, 0), Vec::new(), Vec::new());
        assert!(scene.account.is_exact());
        // What Redis counted may still be told of.
        scene.sampled(3.0, (1, 0), Vec::new(), Vec::new());
        assert!(scene.account.is_exact() && scene.ended() == (0, 0, 0, 0));
        for second in 4..=8 {
            scene.sampled(f64::from(second), (0, 0), Vec::new(), Vec::new());
        }
        assert!(!scene.account.is_exact() && scene.ended() == (1, 0, 0, 0), "it was not");
    }

    #[test]
    fn a_queue_of_which_nobody_tells_is_sampled_a_little_later() {
        let mut scene = Scene::new();
        scene.sampled(1.0, (3, 1), Vec::new(), vec![seen()]);
        for second in 2..6 {
            scene.poll(f64::from(second), (0, 0), Vec::new());
        }
        assert_eq!(scene.ended(), (0, 0, 0, 0));
        let news = scene.poll(6.0, (0, 0), Vec::new());
        assert_eq!((scene.ended(), scene.late, news.sampled), ((3, 1, 0, 0), 1, true));
        assert_eq!(news.events[0].at, at(1.0), "it is said when it was");
        // Now somebody tells: what was sent on without a type stays so, and is a gap.
        scene.poll(20.0, (1, 0), vec![well(19.5)]);
        assert_eq!((scene.ended(), scene.gaps), ((4, 1, 1, 0), 1));
    }

    #[test]
    fn what_nobody_tells_of_is_counted_without_a_type_and_is_a_gap() {
        let mut scene = Scene::new();
        scene.poll(1.0, (1, 0), vec![well(0.5)]);
        // Two ended, one is told: the worker of the other was killed, or has no SDK.
        scene.poll(2.0, (1, 1), vec![well(1.5)]);
        scene.poll(3.0, (0, 0), Vec::new());
        assert_eq!((scene.ended(), scene.gaps), ((2, 1, 2, 0), 1));
        for second in 4..30 {
            scene.poll(f64::from(second), (0, 0), Vec::new());
        }
        assert_eq!((scene.ended(), scene.gaps), ((2, 1, 2, 0), 1), "it is told once");
    }

    #[test]
    fn who_is_away_is_waited_for_and_what_comes_later_is_not_counted_twice() {
        let mut scene = Scene::new();
        scene.poll(1.0, (1, 0), vec![well(0.5)]);
        scene.whole = false;
        scene.poll(2.0, (5, 0), Vec::new());
        scene.poll(16.0, (0, 0), Vec::new());
        assert_eq!(scene.ended(), (1, 0, 1, 0));
        scene.poll(17.5, (0, 0), Vec::new());
        assert_eq!((scene.ended(), scene.gaps), ((6, 0, 1, 0), 1));
        scene.whole = true;
        let told = (0..5).map(|place| well(1.2 + f64::from(place) * 0.1)).collect();
        scene.poll(18.5, (0, 0), told);
        assert_eq!(
            (scene.ended(), scene.late),
            ((6, 0, 1, 0), 5),
            "their types and durations come"
        );
        scene.poll(19.5, (1, 0), vec![well(19.0)]);
        scene.poll(21.0, (0, 0), Vec::new());
        assert_eq!((scene.ended(), scene.gaps), ((7, 0, 2, 0), 1));
    }

    #[test]
    fn a_queue_that_is_forsaken_is_sampled_again() {
        let mut scene = Scene::new();
        scene.poll(1.0, (1, 0), vec![well(0.5)]);
        scene.whole = false;
        for second in 2..=62 {
            scene.poll(f64::from(second), (1, 0), Vec::new());
        }
        assert!(!scene.account.is_told());
        assert_eq!(scene.ended().0, 62, "nothing is held back");
    }

    #[test]
    fn what_redis_never_counted_is_a_gap_and_hides_nothing_later() {
        let mut scene = Scene::new();
        scene.poll(1.0, (0, 0), Vec::new());
        scene.poll(2.0, (1, 0), vec![well(1.5), well(1.6), well(1.7)]);
        for second in 3..12 {
            scene.poll(f64::from(second), (0, 0), Vec::new());
        }
        assert_eq!(scene.gaps, 1);
        scene.poll(12.0, (2, 0), Vec::new());
        scene.poll(13.0, (0, 0), Vec::new());
        assert_eq!((scene.ended().0, scene.gaps), (5, 2), "two that nobody tells of");
    }

    #[test]
    fn the_clocks_at_the_edge_of_the_first_look_are_no_gap() {
        let mut scene = Scene::new();
        // One ended just before the first look and was counted just after it; one the other way round.
        scene.poll(1.0, (1, 0), vec![well(-0.01)]);
        scene.poll(2.0, (0, 0), vec![well(0.02)]);
        for second in 3..12 {
            scene.poll(f64::from(second), (0, 0), Vec::new());
        }
        assert_eq!((scene.ended().0, scene.gaps), (1, 0));
    }

    #[test]
    fn under_a_steady_load_nothing_is_missing_and_a_worker_without_the_sdk_is_noticed() {
        let mut scene = Scene::new();
        let load = |second: f64| (0..100).map(move |place| well(second + f64::from(place) / 100.0));
        let mut late: Vec<ToldJob> = Vec::new();
        for second in 0..20 {
            // Records come a second after Redis is seen to count.
            let told = std::mem::replace(&mut late, load(f64::from(second)).collect());
            scene.whole = second > 0;
            let whole_until = Some(at(f64::from(second)));
            let tellers = Tellers { alive: true, whole_until, torn: false };
            let ended = Ended { succeeded: 100, failed: 0 };
            let poll = Poll { now: at(f64::from(second) + 1.0), ended, seen: Vec::new(), told };
            let news = scene.account.settle(poll, tellers);
            assert!(!news.gap && !news.sampled, "{second}");
        }
        let mut gaps = 0;
        for second in 20..30 {
            let told = std::mem::replace(&mut late, load(f64::from(second)).collect());
            let whole_until = Some(at(f64::from(second)));
            let tellers = Tellers { alive: true, whole_until, torn: false };
            let ended = Ended { succeeded: 120, failed: 0 };
            let poll = Poll { now: at(f64::from(second) + 1.0), ended, seen: Vec::new(), told };
            gaps += usize::from(scene.account.settle(poll, tellers).gap);
        }
        assert!(gaps > 3, "{gaps}");
    }
}
