//! The verdict in English, for the command line and the API. The dashboard has its own words in each language.

use vigie_model::Time;

use crate::cause::{Cause, Instances};
use crate::verdict::Verdict;

impl Verdict {
    /// One plain sentence.
    #[must_use]
    pub fn sentence(&self, now: Time) -> String {
        let source = self.place.source.as_deref().unwrap_or("the source");
        let queue = self.place.queue.as_deref().unwrap_or("the queue");
        let lasting =
            self.since.map_or(String::new(), |since| format!(" for {}", duration(now.age(since))));
        match &self.cause {
            Cause::Starting => "Starting: not every source has answered yet.".to_owned(),
            Cause::NoSource => "No source is configured.".to_owned(),
            Cause::NoQueues { sources: 1 } => "The source answers and has no queue yet.".to_owned(),
            Cause::NoQueues { sources } => {
                format!("All {sources} sources answer and have no queue yet.")
            }
            Cause::AllUp { sources, instances } => match (sources, instances) {
                (1, 0) => "The source answers.".to_owned(),
                (many, 0) => format!("All {many} sources answer."),
                (_, 1) => "The instance is up.".to_owned(),
                (_, many) => format!("All {many} instances are up."),
            },
            Cause::InstancesDown(instances) => instances_are(instances, "down", &lasting),
            Cause::InstancesDegraded(instances) => instances_are(instances, "degraded", &lasting),
            Cause::Overdue { schedule } => {
                format!("{schedule} ({source}) should have been started and was not{lasting}.")
            }
            Cause::NotKept { what, error } => {
                let what = match *what {
                    "logs" => "Log entries and events are",
                    _ => "The history of all figures is",
                };
                format!("{what} not kept{lasting}: {error}.")
            }
            Cause::SourceDown { error } => format!("{source} does not answer{lasting}: {error}."),
            Cause::StuckWorkersIdle { waiting, workers, .. } => {
                let alive = match workers {
                    None => "workers are alive but consume nothing".to_owned(),
                    Some(1) => "1 worker is alive but consumes nothing".to_owned(),
                    Some(many) => format!("{many} workers are alive but consume nothing"),
                };
                format!("{queue} is stuck{lasting}: {alive}; {}.", waits(*waiting))
            }
            Cause::StuckJobsHang { waiting, running, .. } => format!(
                "{queue} is stuck{lasting}: {} and none ends; {}.",
                counted(*running, "job runs", "jobs run"),
                waits(*waiting)
            ),
            Cause::NoWorkers { waiting, .. } => {
                format!("{queue} has no worker: {}{lasting}.", waits(*waiting))
            }
            Cause::PausedWaiting { waiting } => {
                format!("{queue} is paused and {}.", waits(*waiting))
            }
            Cause::DoesNotDrain { waiting, net_rate } => format!(
                "{queue} does not drain: {}, {net_rate:.1} more each second.",
                waits(*waiting)
            ),
            Cause::Failing { error_ratio, failed_rate } => format!(
                "{queue} is failing: {:.0} % of attempts, {failed_rate:.1} each second.",
                error_ratio * 100.0
            ),
            Cause::Flowing {
                queues,
                slowest_queue: Some(slowest),
                slowest_drain_seconds: Some(seconds),
            } => format!(
                "{} flowing; the slowest, {slowest}, is empty in {}.",
                all(*queues),
                duration(*seconds)
            ),
            Cause::Flowing { queues, .. } => format!("{} flowing.", all(*queues)),
            Cause::Idle { queues } => format!("{} idle: nothing waits.", all(*queues)),
        }
    }
}

fn all(queues: usize) -> String {
    match queues {
        1 => "The queue is".to_owned(),
        many => format!("All {many} queues are"),
    }
}

fn waits(jobs: u64) -> String {
    counted(jobs, "job waits", "jobs wait")
}

fn instances_are(instances: &Instances, how: &str, lasting: &str) -> String {
    let Instances { role, instance, affected, all, error, .. } = instances;
    let which = match (affected, all) {
        (1, 1) => format!("{instance} ({role}) is"),
        (1, all) => format!("{instance}, 1 of {all} {role} instances, is"),
        (some, all) if some == all => format!("All {all} {role} instances are"),
        (some, all) => format!("{some} of {all} {role} instances are"),
    };
    let error = error.as_ref().map_or(String::new(), |error| format!(": {error}"));
    format!("{which} {how}{lasting}{error}.")
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Seconds as people say them: two units at most.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}
