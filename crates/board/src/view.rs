//! What the board answers: figures as they are at the moment of the question.

use vigie_model::{ActiveJob, Counts, Outcome, Quality, QueueId, Summary, Time};

use crate::job_types::DurationTotals;

/// A queue as it is now.
#[derive(Debug, Clone)]
pub struct QueueView<'a> {
    /// Which queue.
    pub id: &'a QueueId,
    /// A small number that is its name on the live stream.
    pub row: u32,
    /// Counts up with each change of what was observed of it.
    pub version: u64,
    /// When it was last read.
    pub seen: Option<Time>,
    /// Seconds since then.
    pub age_seconds: Option<f64>,
    /// Its source is stale.
    pub stale: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Jobs by state.
    pub counts: Counts,
    /// The broker's own words and counts.
    pub raw: &'a [(&'static str, u64)],
    /// What happened since Vigie watches it.
    pub totals: Totals,
    /// Jobs a second over the last minute; `None` in the first seconds.
    pub rates: Option<Rates>,
    /// When the oldest waiting job became eligible.
    pub oldest: Option<Time>,
    /// How long until it is empty.
    pub drain: Drain,
    /// Workers that consume it.
    pub workers: Option<u64>,
    /// Slots of those workers.
    pub capacity: Option<u64>,
    /// Its jobs that run: the active ones.
    pub busy: Option<u64>,
    /// Waits of the last five minutes.
    pub wait: Stat,
    /// Runs of the last five minutes.
    pub run: Stat,
    /// The longest-running jobs.
    pub active_jobs: &'a [ActiveJob],
    /// Since when no job started or ended although jobs wait, it is not paused, and there are workers.
    pub idle_since: Option<Time>,
    /// Since when no job started or ended although jobs wait and others run, for far longer than attempts take.
    pub hung_since: Option<Time>,
}

/// What happened to the jobs of a queue since a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// Jobs added.
    pub enqueued: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// The moment.
    pub since: Time,
    /// How these are come by.
    pub quality: Quality,
}

impl Totals {
    /// Attempts that ended.
    #[must_use]
    pub fn processed(&self) -> u64 {
        self.succeeded + self.failed
    }
}

/// Jobs a second over [`Rates::WINDOW_SECONDS`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Added.
    pub enqueued: f64,
    /// Attempts that ended.
    pub processed: f64,
    /// Attempts that failed.
    pub failed: f64,
}

impl Rates {
    /// How far back rates look, in seconds.
    pub const WINDOW_SECONDS: i64 = crate::queue::RATE_SECONDS;

    /// Share of ended attempts that failed; `None` when none ended.
    #[must_use]
    pub fn error_ratio(&self) -> Option<f64> {
        (self.processed > 0.0).then(|| self.failed / self.processed)
    }
}

/// How long until a queue is empty, at the net rate of the last minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drain {
    /// Nothing waits, or the rates are not known.
    Unknown,
    /// It shrinks, and is empty in so many seconds.
    In(f64),
    /// It does not shrink; it doubles in so many seconds (`None`: it neither grows nor shrinks).
    Grows(Option<f64>),
}

impl Drain {
    /// From what waits and how fast it comes and goes. A net rate of under 1 % of what passes through, or under
    /// one job a minute, is standing still.
    #[must_use]
    pub fn of(waiting: Option<u64>, rates: Option<Rates>) -> Self {
        let (Some(waiting), Some(rates)) = (waiting, rates) else { return Self::Unknown };
        if waiting == 0 {
            return Self::Unknown;
        }
        let net = rates.processed - rates.enqueued;
        let still = (0.01 * rates.processed.max(rates.enqueued)).max(1.0 / 60.0);
        if net.abs() < still {
            Self::Grows(None)
        } else if net > 0.0 {
            Self::In(waiting as f64 / net)
        } else {
            Self::Grows(Some(waiting as f64 / -net))
        }
    }

    /// The same of a queue from which nothing is taken now, whatever the last minute was: it does not drain.
    #[must_use]
    pub fn of_stopped(self) -> Self {
        match self {
            Self::In(_) => Self::Grows(None),
            other => other,
        }
    }

    /// Seconds with a sign: positive until empty, negative when it grows.
    #[must_use]
    pub fn seconds(self) -> Option<f64> {
        match self {
            Self::In(seconds) => Some(seconds),
            Self::Grows(Some(seconds)) => Some(-seconds),
            Self::Grows(None) | Self::Unknown => None,
        }
    }

    /// Whether it drains; `None` when nothing waits or it is not known.
    #[must_use]
    pub fn drains(self) -> Option<bool> {
        match self {
            Self::In(_) => Some(true),
            Self::Grows(_) => Some(false),
            Self::Unknown => None,
        }
    }
}

/// Durations of the last five minutes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stat {
    /// The figures.
    pub summary: Summary,
    /// How they are come by.
    pub quality: Quality,
}

/// A job type of a queue.
#[derive(Debug, Clone)]
pub struct TypeView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Jobs added, as far as they were seen by type.
    pub enqueued: u64,
    /// Attempts that succeeded, as far as they were seen by type.
    pub succeeded: u64,
    /// Attempts that failed, as far as they were seen by type.
    pub failed: u64,
    /// Waits of the last five minutes.
    pub wait: Stat,
    /// Runs of the last five minutes.
    pub run: Stat,
}

/// Attempts of one type that ended in one way, since Vigie's start: what `/metrics` shows and the store keeps.
#[derive(Debug, Clone)]
pub struct OutcomeHistogram<'a> {
    /// The type; empty where the broker does not tell.
    pub job_type: &'a str,
    /// How they ended.
    pub outcome: Outcome,
    /// How many of them the totals count under this type.
    pub finished: u64,
    wait: Option<&'a DurationTotals>,
    run: Option<&'a DurationTotals>,
    /// Waits of the last five minutes.
    pub recent_wait: Summary,
    /// Runs of the last five minutes.
    pub recent_run: Summary,
}

impl<'a> OutcomeHistogram<'a> {
    pub(crate) fn new(
        job_type: &'a str,
        outcome: Outcome,
        finished: u64,
        durations: Option<(&'a DurationTotals, &'a DurationTotals)>,
        recent: (Summary, Summary),
    ) -> Self {
        let (wait, run) = durations.unzip();
        Self { job_type, outcome, finished, wait, run, recent_wait: recent.0, recent_run: recent.1 }
    }

    /// Waits.
    #[must_use]
    pub fn wait(&self) -> Option<&'a DurationTotals> {
        self.wait
    }

    /// Runs.
    #[must_use]
    pub fn run(&self) -> Option<&'a DurationTotals> {
        self.run
    }
}

/// All queues of all sources together.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewView {
    /// How many queues.
    pub queues: usize,
    /// Jobs by state, summed over the queues whose figure is known and not stale.
    pub counts: Counts,
    /// Summed rates.
    pub rates: Option<Rates>,
    /// Summed totals; since the earliest, of the worst quality.
    pub totals: Option<Totals>,
    /// When the oldest waiting job of all became eligible.
    pub oldest: Option<Time>,
    /// Workers.
    pub workers: Option<u64>,
    /// Their slots; `None` when a broker does not tell.
    pub capacity: Option<u64>,
    /// Jobs that run.
    pub busy: Option<u64>,
    /// Waits of the last five minutes.
    pub wait: Stat,
    /// Runs of the last five minutes.
    pub run: Stat,
    /// Waits of the last half to whole minute.
    pub recent_wait: Summary,
    /// Runs of the last half to whole minute.
    pub recent_run: Summary,
    /// Sources that answer.
    pub sources_up: usize,
    /// Sources.
    pub sources: usize,
}

/// Latencies (wait and run of one attempt) of the last five minutes, of all queues.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyView {
    /// Upper bounds of the bars in seconds, ascending.
    pub bounds: Vec<f64>,
    /// Attempts in each bar: one more than bounds, the last is what is above them all.
    pub counts: Vec<u64>,
    /// The figures.
    pub stat: Stat,
}
