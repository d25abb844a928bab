//! What can be wrong with one queue, and how that is told from its figures.

use vigie_model::{Broker, Severity, Time};

/// Failing is worth a word from this share of ended attempts on, at no less than [`FAILING_RATE`].
const FAILING_RATIO: f64 = 0.2;
/// Failed attempts a second under which a bad ratio is only a few jobs.
const FAILING_RATE: f64 = 0.1;
/// Fewer waiting jobs than this are not a queue that grows, whatever the rates say.
const GROWING_WAITING: u64 = 10;
/// Jobs that wait longer than this without any worker are without a worker, not between two.
const NO_WORKER_SECONDS: f64 = 5.0;

/// What is known of a queue, as far as a cause can be told from it.
#[derive(Debug, Clone, Default)]
pub struct QueueFacts {
    /// Its source is stale: nothing can be said.
    pub stale: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Jobs waiting.
    pub waiting: Option<u64>,
    /// Workers that consume it.
    pub workers: Option<u64>,
    /// When its oldest waiting job became eligible.
    pub oldest: Option<Time>,
    /// Since when its workers start nothing although they could.
    pub idle_since: Option<Time>,
    /// Jobs that run.
    pub running: Option<u64>,
    /// Since when none of those ends although others wait, for far longer than they usually take.
    pub hung_since: Option<Time>,
    /// Jobs a second in, less out; positive when it grows.
    pub net_rate: Option<f64>,
    /// Whether it drains; `None` when nothing waits or it is unknown.
    pub drains: Option<bool>,
    /// Share of ended attempts that failed.
    pub error_ratio: Option<f64>,
    /// Failed attempts a second.
    pub failed_rate: Option<f64>,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The source.
    pub source: Option<String>,
    /// The broker, when it is about a queue.
    pub broker: Option<Broker>,
    /// The queue.
    pub queue: Option<String>,
}

/// A value that a sentence is made with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A count, a rate, a ratio or seconds, as the name says.
    Number(f64),
    /// Words from outside, for example a queue's name or an error.
    Text(String),
    /// Not known.
    Absent,
}

/// Instances of one role, some of which are not as they should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Instances {
    /// The role.
    pub role: String,
    /// The first of those.
    pub instance: String,
    /// How many those are.
    pub affected: usize,
    /// How many of the role answer as they should.
    pub up: usize,
    /// How many there are.
    pub all: usize,
    /// What is wrong with the first, where somebody says.
    pub error: Option<String>,
}

impl Instances {
    fn values(&self) -> Vec<(&'static str, Value)> {
        let count = |number: usize| Value::Number(number as f64);
        vec![
            ("role", Value::Text(self.role.clone())),
            ("instance", Value::Text(self.instance.clone())),
            ("affected", count(self.affected)),
            ("up", count(self.up)),
            ("all", count(self.all)),
            ("error", self.error.clone().map_or(Value::Absent, Value::Text)),
        ]
    }
}

/// What is the matter. Every variant has a word on the wire and a severity.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// No poll has ended yet.
    Starting,
    /// No source is configured.
    NoSource,
    /// Every source of queues answers; none has a queue.
    NoQueues {
        /// How many sources of queues.
        sources: usize,
    },
    /// All is well, and no source is one of queues.
    AllUp {
        /// How many sources.
        sources: usize,
        /// How many instances.
        instances: usize,
    },
    /// A source does not answer.
    SourceDown {
        /// Its error.
        error: String,
    },
    /// Instances of one role do not answer, or get no requests.
    InstancesDown(Instances),
    /// Instances of one role answer, but not as they should.
    InstancesDegraded(Instances),
    /// What a schedule should have started was not started.
    Overdue {
        /// What people call it.
        schedule: String,
    },
    /// The disk does not take what is to be kept.
    NotKept {
        /// `metrics` or `logs`.
        what: &'static str,
        /// What the disk says.
        error: String,
    },
    /// Jobs wait, workers are alive, and nothing starts.
    StuckWorkersIdle {
        /// Jobs waiting.
        waiting: u64,
        /// Workers alive, where the broker tells.
        workers: Option<u64>,
        /// Seconds since something started or ended.
        idle_seconds: f64,
    },
    /// Jobs wait, others run, and none of those ends.
    StuckJobsHang {
        /// Jobs waiting.
        waiting: u64,
        /// Jobs that run.
        running: u64,
        /// Seconds since something started or ended.
        hung_seconds: f64,
    },
    /// Jobs wait and nobody consumes the queue.
    NoWorkers {
        /// Jobs waiting.
        waiting: u64,
        /// Age of the oldest.
        oldest_seconds: Option<f64>,
    },
    /// Jobs wait in a paused queue.
    PausedWaiting {
        /// Jobs waiting.
        waiting: u64,
    },
    /// More comes in than goes out.
    DoesNotDrain {
        /// Jobs waiting.
        waiting: u64,
        /// Jobs a second by which it grows.
        net_rate: f64,
    },
    /// Many attempts fail.
    Failing {
        /// Share of ended attempts.
        error_ratio: f64,
        /// Failed attempts a second.
        failed_rate: f64,
    },
    /// All is well, and jobs flow.
    Flowing {
        /// How many queues.
        queues: usize,
        /// The queue that takes longest to drain.
        slowest_queue: Option<String>,
        /// In how many seconds that is empty.
        slowest_drain_seconds: Option<f64>,
    },
    /// All is well, and nothing waits.
    Idle {
        /// How many queues.
        queues: usize,
    },
}

impl Cause {
    /// The word on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::NoSource => "no_source",
            Self::NoQueues { .. } => "no_queues",
            Self::AllUp { .. } => "all_up",
            Self::SourceDown { .. } => "source_down",
            Self::InstancesDown(_) => "instances_down",
            Self::InstancesDegraded(_) => "instances_degraded",
            Self::Overdue { .. } => "overdue",
            Self::NotKept { .. } => "not_kept",
            Self::StuckWorkersIdle { .. } => "stuck_workers_idle",
            Self::StuckJobsHang { .. } => "stuck_jobs_hang",
            Self::NoWorkers { .. } => "no_workers",
            Self::PausedWaiting { .. } => "paused_waiting",
            Self::DoesNotDrain { .. } => "does_not_drain",
            Self::Failing { .. } => "failing",
            Self::Flowing { .. } => "flowing",
            Self::Idle { .. } => "idle",
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::SourceDown { .. }
            | Self::NotKept { .. }
            | Self::StuckWorkersIdle { .. }
            | Self::StuckJobsHang { .. }
            | Self::NoWorkers { .. } => Severity::Critical,
            Self::InstancesDown(instances) if instances.up == 0 => Severity::Critical,
            Self::InstancesDown(_)
            | Self::InstancesDegraded(_)
            | Self::Overdue { .. }
            | Self::PausedWaiting { .. }
            | Self::DoesNotDrain { .. }
            | Self::Failing { .. } => Severity::Warning,
            Self::Starting | Self::NoSource | Self::NoQueues { .. } => Severity::Unknown,
            Self::AllUp { .. } | Self::Flowing { .. } | Self::Idle { .. } => Severity::Ok,
        }
    }

    /// The values that a sentence about it is made with, by name.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, Value)> {
        let count = |number: u64| Value::Number(number as f64);
        let maybe = |number: Option<f64>| number.map_or(Value::Absent, Value::Number);
        match self {
            Self::Starting | Self::NoSource => Vec::new(),
            Self::NoQueues { sources } => vec![("source_count", count(*sources as u64))],
            Self::AllUp { sources, instances } => vec![
                ("source_count", count(*sources as u64)),
                ("instance_count", count(*instances as u64)),
            ],
            Self::SourceDown { error } => vec![("error", Value::Text(error.clone()))],
            Self::InstancesDown(instances) | Self::InstancesDegraded(instances) => {
                instances.values()
            }
            Self::Overdue { schedule } => vec![("schedule", Value::Text(schedule.clone()))],
            Self::NotKept { what, error } => {
                vec![
                    ("what", Value::Text((*what).to_owned())),
                    ("error", Value::Text(error.clone())),
                ]
            }
            Self::StuckWorkersIdle { waiting, workers, idle_seconds } => vec![
                ("waiting", count(*waiting)),
                ("workers", maybe(workers.map(|workers| workers as f64))),
                ("idle_seconds", Value::Number(*idle_seconds)),
            ],
            Self::StuckJobsHang { waiting, running, hung_seconds } => vec![
                ("waiting", count(*waiting)),
                ("running", count(*running)),
                ("hung_seconds", Value::Number(*hung_seconds)),
            ],
            Self::NoWorkers { waiting, oldest_seconds } => {
                vec![("waiting", count(*waiting)), ("oldest_seconds", maybe(*oldest_seconds))]
            }
            Self::PausedWaiting { waiting } => vec![("waiting", count(*waiting))],
            Self::DoesNotDrain { waiting, net_rate } => {
                vec![("waiting", count(*waiting)), ("net_rate", Value::Number(*net_rate))]
            }
            Self::Failing { error_ratio, failed_rate } => {
                vec![
                    ("error_ratio", Value::Number(*error_ratio)),
                    ("failed_rate", Value::Number(*failed_rate)),
                ]
            }
            Self::Flowing { queues, slowest_queue, slowest_drain_seconds } => vec![
                ("queues", count(*queues as u64)),
                ("slowest_queue", slowest_queue.clone().map_or(Value::Absent, Value::Text)),
                ("slowest_drain_seconds", maybe(*slowest_drain_seconds)),
            ],
            Self::Idle { queues } => vec![("queues", count(*queues as u64))],
        }
    }
}

/// What is the matter with a queue, worst first; `None` when nothing is, or nothing can be said.
#[must_use]
pub fn of_queue(facts: &QueueFacts, now: Time) -> Option<(Cause, Option<Time>)> {
    if facts.stale {
        return None;
    }
    let waiting = facts.waiting.unwrap_or(0);
    if facts.paused {
        return (waiting > 0).then_some((Cause::PausedWaiting { waiting }, facts.oldest));
    }
    if let Some(since) = facts.idle_since {
        let (workers, idle_seconds) = (facts.workers, now.age(since));
        return Some((Cause::StuckWorkersIdle { waiting, workers, idle_seconds }, Some(since)));
    }
    if let Some(since) = facts.hung_since {
        let (running, hung_seconds) = (facts.running.unwrap_or(0), now.age(since));
        return Some((Cause::StuckJobsHang { waiting, running, hung_seconds }, Some(since)));
    }
    let oldest_seconds = facts.oldest.map(|oldest| now.age(oldest));
    let waited = oldest_seconds.is_none_or(|seconds| seconds >= NO_WORKER_SECONDS);
    if waiting > 0 && facts.workers == Some(0) && waited {
        return Some((Cause::NoWorkers { waiting, oldest_seconds }, facts.oldest));
    }
    if let (Some(error_ratio), Some(failed_rate)) = (facts.error_ratio, facts.failed_rate)
        && error_ratio >= FAILING_RATIO
        && failed_rate >= FAILING_RATE
    {
        return Some((Cause::Failing { error_ratio, failed_rate }, None));
    }
    match (facts.drains, facts.net_rate) {
        (Some(false), Some(net_rate)) if net_rate > 0.0 && waiting >= GROWING_WAITING => {
            Some((Cause::DoesNotDrain { waiting, net_rate }, None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_000);

    fn busy_queue() -> QueueFacts {
        QueueFacts {
            waiting: Some(50),
            workers: Some(2),
            oldest: Some(NOW - 60.0),
            ..QueueFacts::default()
        }
    }

    fn code(facts: &QueueFacts) -> Option<&'static str> {
        of_queue(facts, NOW).map(|(cause, _)| cause.code())
    }

    #[test]
    fn a_queue_that_works_has_no_cause() {
        assert_eq!(code(&busy_queue()), None);
        assert_eq!(code(&QueueFacts::default()), None);
    }

    #[test]
    fn each_cause_is_told_from_its_figures() {
        let stuck = QueueFacts { idle_since: Some(NOW - 9.0), ..busy_queue() };
        assert_eq!(
            of_queue(&stuck, NOW),
            Some((
                Cause::StuckWorkersIdle { waiting: 50, workers: Some(2), idle_seconds: 9.0 },
                Some(NOW - 9.0)
            ))
        );
        let hung = QueueFacts { running: Some(8), hung_since: Some(NOW - 90.0), ..busy_queue() };
        assert_eq!(
            of_queue(&hung, NOW),
            Some((
                Cause::StuckJobsHang { waiting: 50, running: 8, hung_seconds: 90.0 },
                Some(NOW - 90.0)
            ))
        );
        assert_eq!(code(&QueueFacts { workers: Some(0), ..busy_queue() }), Some("no_workers"));
        assert_eq!(code(&QueueFacts { paused: true, ..busy_queue() }), Some("paused_waiting"));
        let growing = QueueFacts { drains: Some(false), net_rate: Some(3.0), ..busy_queue() };
        assert_eq!(code(&growing), Some("does_not_drain"));
        let failing = QueueFacts { error_ratio: Some(0.5), failed_rate: Some(2.0), ..busy_queue() };
        assert_eq!(code(&failing), Some("failing"));
    }

    #[test]
    fn nothing_is_said_of_what_is_stale_or_unknown() {
        assert_eq!(code(&QueueFacts { stale: true, workers: Some(0), ..busy_queue() }), None);
        assert_eq!(code(&QueueFacts { workers: None, ..busy_queue() }), None, "unknown is not 0");
    }

    #[test]
    fn a_worker_that_was_gone_for_a_second_is_no_alarm() {
        let facts = QueueFacts { workers: Some(0), oldest: Some(NOW - 1.0), ..busy_queue() };
        assert_eq!(code(&facts), None);
    }
}
