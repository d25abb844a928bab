//! Jobs and attempts of Bull and BullMQ, put together from what the broker did.

use std::collections::{BTreeMap, HashMap};

use vigie_testkit::{Durations, Ledger};

use crate::tape::{Entry, Step, What};

/// An attempt as the broker saw it; `index`es are places on the tape.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub queue: String,
    pub job_type: String,
    pub job: String,
    pub start: f64,
    pub started: usize,
    /// Where the first was said of its turn: that it was added, is due, or waits.
    pub announced: Option<usize>,
    /// How much later a listener heard of the start.
    pub lag: f64,
    /// Since it was eligible, by the clock of Redis and by the library's own.
    pub wait: Option<f64>,
    pub own_wait: Option<f64>,
    /// The library's own time of the start.
    pub own_start: Option<f64>,
    pub end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    pub at: f64,
    pub index: usize,
    pub lag: f64,
    /// The library's own time.
    pub own: Option<f64>,
    pub how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Succeeded,
    /// Failed for good.
    Failed,
    /// Failed, to run again.
    Retried,
    /// Its worker was killed.
    Stalled,
}

/// All that happened to the jobs of a broker.
#[derive(Debug, Default)]
pub struct Truth {
    /// Queue, type, place on the tape.
    pub added: Vec<(String, String, usize)>,
    pub attempts: Vec<Attempt>,
    pub unstarted: Vec<Unstarted>,
}

/// A worker took a job and was killed before it said that it starts: no attempt, but the broker calls it stalled.
#[derive(Debug, Clone, PartialEq)]
pub struct Unstarted {
    pub queue: String,
    pub job_type: String,
    /// The places on the tape where the job began to wait and where it was found.
    pub waiting: Option<usize>,
    pub found: usize,
}

/// Counts by queue and type: enqueued, succeeded, failed attempts.
pub type Counts = BTreeMap<(String, String), (u64, u64, u64)>;

impl Truth {
    pub fn of(entries: &[Entry]) -> Self {
        let mut truth = Self::default();
        let mut jobs: HashMap<(String, String), Known> = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let What::Job { queue, job, step } = &entry.what else { continue };
            let known = jobs.entry((queue.clone(), job.clone())).or_default();
            if !matches!(step, Step::Active | Step::Stamp(_)) {
                known.announced.get_or_insert(index);
            }
            match step {
                Step::Added(name, at) => {
                    known.job_type.clone_from(name);
                    known.own_eligible = *at;
                    truth.added.push((queue.clone(), name.clone(), index));
                }
                Step::Delayed(due) => {
                    known.stamp = Some(*due - BACKOFF);
                    truth.end(known, entry, index, How::Retried);
                    (known.due, known.own_eligible) = (Some(*due), Some(*due));
                }
                Step::Waiting => {
                    truth.end(known, entry, index, How::Stalled);
                    let due = known.due.take();
                    known.waiting = Some(index);
                    known.eligible = Some(due.map_or(entry.at, |due| due.min(entry.at)));
                }
                Step::Stalled => {
                    if known.running.is_none() {
                        let (queue, job_type) = (queue.clone(), known.job_type.clone());
                        let waiting = known.waiting;
                        truth.unstarted.push(Unstarted { queue, job_type, waiting, found: index });
                    }
                    truth.end(known, entry, index, How::Stalled);
                    known.waiting = Some(index);
                    (known.eligible, known.own_eligible) = (Some(entry.at), Some(entry.at));
                }
                Step::Stamp(at) => match known.running {
                    Some(place) if truth.attempts[place].started + 1 == index => {
                        let attempt = &mut truth.attempts[place];
                        attempt.own_start = Some(*at);
                        attempt.own_wait =
                            known.own_eligible.take().map(|since| (at - since).max(0.0));
                    }
                    _ => known.stamp = Some(*at),
                },
                Step::Completed => truth.end(known, entry, index, How::Succeeded),
                Step::Failed => truth.end(known, entry, index, How::Failed),
                Step::Active => {
                    known.running = Some(truth.attempts.len());
                    let wait = known
                        .eligible
                        .take()
                        .or(known.due.take())
                        .map(|since| (entry.at - since).max(0.0));
                    truth.attempts.push(Attempt {
                        queue: queue.clone(),
                        job_type: known.job_type.clone(),
                        job: job.clone(),
                        start: entry.at,
                        started: index,
                        announced: known.announced.take(),
                        lag: entry.lag,
                        wait,
                        own_wait: None,
                        own_start: None,
                        end: None,
                    });
                }
            }
        }
        truth
    }

    fn end(&mut self, known: &mut Known, entry: &Entry, index: usize, how: How) {
        if let Some(place) = known.running.take() {
            let own = known.stamp.take().filter(|_| how != How::Stalled);
            let end = End { at: entry.at, index, lag: entry.lag, own, how };
            self.attempts[place].end = Some(end);
        }
    }

    /// What happened at places of the tape that `counts` says yes to. `attempts` that began elsewhere are handed
    /// over with their start.
    pub fn counts(&self, counts: impl Fn(usize) -> bool, whole: bool) -> Counts {
        let mut sums = Counts::new();
        for (queue, job_type, index) in &self.added {
            let own = sums.entry((queue.clone(), job_type.clone())).or_default();
            own.0 += u64::from(counts(*index));
        }
        for attempt in &self.attempts {
            let own = sums.entry((attempt.queue.clone(), attempt.job_type.clone())).or_default();
            let Some(end) = attempt.end.filter(|end| counts(end.index)) else { continue };
            match end.how {
                How::Succeeded => own.1 += 1,
                // Bull announces a retry without naming the job: whose start was not heard cannot be told.
                How::Retried if whole && !counts(attempt.started) => {}
                _ => own.2 += 1,
            }
        }
        sums
    }

    /// Adds to the failed the jobs that were found stalled without a start, at places of the tape that `found` says
    /// yes to: who has not heard such a job wait (`heard`) cannot know that it never started.
    pub fn add_unstarted(
        &self,
        sums: &mut Counts,
        found: impl Fn(usize) -> bool,
        heard: impl Fn(usize) -> bool,
    ) {
        for one in self.unstarted.iter().filter(|one| found(one.found)) {
            if !one.waiting.is_some_and(&heard) {
                println!("{one:?} may be counted as a failed attempt");
                sums.entry((one.queue.clone(), one.job_type.clone())).or_default().2 += 1;
            }
        }
    }

    /// Waits and runs of the attempts of a queue and, if given, a type, for somebody who hears some of what happens from
    /// the place `begins` of the tape on, and everything from `listens` on.
    pub fn durations(
        &self,
        queue: &str,
        job_type: Option<&str>,
        (begins, listens): (usize, usize),
    ) -> [Heard; 2] {
        let mut heard = [(); 2].map(|()| (Vec::new(), Vec::new()));
        for one in &self.attempts {
            if one.queue != queue || job_type.is_some_and(|name| one.job_type != name) {
                continue;
            }
            let wait = one.wait.filter(|_| one.started >= begins).map(|wait| {
                let whole = one.announced.is_some_and(|place| place >= listens);
                (whole, (wait, one.own_wait.unwrap_or(wait)))
            });
            let run = one.end.filter(|end| end.index >= begins).map(|end| {
                let broker = end.at - one.start;
                let own = end.own.zip(one.own_start).map(|(end, start)| end - start);
                (one.started >= listens, (broker, own.unwrap_or(broker)))
            });
            for ((whole, part), duration) in heard.iter_mut().zip([wait, run]) {
                match duration {
                    Some((true, pair)) => whole.push(pair),
                    Some((false, pair)) => part.push(pair),
                    None => {}
                }
            }
        }
        heard.map(|(whole, part)| Heard { whole: Bounds::new(whole), part: Bounds::new(part) })
    }

    /// By how much a listener on this machine would misjudge each run: the difference of the two lags.
    pub fn jitter(&self) -> Durations {
        let off = |one: &Attempt| one.end.map(|end| (end.lag - one.lag).abs());
        Durations::new(self.attempts.iter().filter_map(off).collect())
    }

    /// Finds the attempt of the broker that holds each attempt of the ledger, and says how much longer it was.
    ///
    /// Node's ledger takes its time from a monotonic clock that is anchored anew when it is 5 ms off, and Redis
    /// tells whole milliseconds: an attempt may seem to begin 6 ms early. The length of one is not concerned.
    pub fn overheads(&self, ledger: &Ledger) -> Durations {
        const CLOCKS: f64 = 6.0;
        let mut by_job: HashMap<(&str, &str), Vec<&Attempt>> = HashMap::new();
        for attempt in &self.attempts {
            by_job.entry((&attempt.queue, &attempt.job)).or_default().push(attempt);
        }
        let mut overheads = Vec::new();
        let mut found = 0;
        for real in &ledger.attempts {
            let candidates =
                by_job.get_mut(&(&*real.queue, &*real.job)).expect("the broker knows the job");
            // The latest that fits: after a kill the next attempt may follow within the same millisecond.
            let place = candidates.iter().rposition(|one| {
                let until = one.end.map_or(f64::INFINITY, |end| end.at);
                (one.start - CLOCKS..until + CLOCKS).contains(&real.start)
            });
            let broker =
                candidates.remove(place.unwrap_or_else(|| panic!("{real:?} in {candidates:?}")));
            found += 1;
            assert_eq!(broker.job_type, real.job_type, "{real:?}");
            let Some(end) = broker.end else { continue };
            if end.how == How::Stalled {
                continue;
            }
            let (finish, well) =
                real.finish.unwrap_or_else(|| panic!("{broker:?} ended by itself"));
            assert_eq!(end.how == How::Succeeded, well, "{broker:?}");
            assert!(end.at + CLOCKS >= finish, "{broker:?} ended before its handler at {finish}");
            overheads.push(end.at - broker.start - (finish - real.start));
        }
        let unheard = by_job.values().flatten().collect::<Vec<_>>();
        // A worker may be killed between taking a job and calling its handler.
        let stalled = |one: &&&Attempt| one.end.is_some_and(|end| end.how == How::Stalled);
        assert!(unheard.iter().all(stalled), "{unheard:?} are in no ledger");
        assert_eq!(found, ledger.attempts.len());
        Durations::new(overheads)
    }
}

/// Real durations as two clocks tell them: that of Redis and, of Bull, the library's own, whose times are taken in
/// the worker before it asks Redis. Each real one lies between its two, so every figure lies between the two figures.
#[derive(Debug, Clone)]
pub struct Bounds {
    pub shortest: Durations,
    pub longest: Durations,
}

/// Durations of which somebody heard the beginning and the end, and those of which they heard the end alone: they may
/// have found out how long it was, or not.
#[derive(Debug, Clone)]
pub struct Heard {
    pub whole: Bounds,
    pub part: Bounds,
}

impl Heard {
    /// Between what the figures of so many durations lie: all that were heard whole, and some of the others.
    pub fn of_so_many(&self, count: usize) -> Option<Bounds> {
        let some = count.checked_sub(self.whole.longest.count())?;
        let (shortest, longest) = (&self.whole.shortest, &self.whole.longest);
        Some(Bounds {
            shortest: shortest.with(&self.part.shortest.least(some)?),
            longest: longest.with(&self.part.longest.greatest(some)?),
        })
    }
}

impl Bounds {
    /// Of what two clocks say of each.
    pub fn new(pairs: Vec<(f64, f64)>) -> Self {
        let pairs = pairs.into_iter().map(|(one, other)| (one.min(other), one.max(other)));
        let (shortest, longest) = pairs.unzip();
        Self { shortest: Durations::new(shortest), longest: Durations::new(longest) }
    }
}

/// Retries wait so long in the ledger mode of the examples.
const BACKOFF: f64 = 200.0;

#[derive(Debug, Default)]
struct Known {
    own_eligible: Option<f64>,
    stamp: Option<f64>,
    job_type: String,
    due: Option<f64>,
    eligible: Option<f64>,
    running: Option<usize>,
    waiting: Option<usize>,
    announced: Option<usize>,
}
