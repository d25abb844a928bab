//! The verdict in English, for the command line and the API. The dashboard has its own words in each language.

use vigie_model::Time;

use crate::cause::Cause;
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
            Cause::Starting => "Starting: no source has answered yet.".to_owned(),
            Cause::NoSource => "No source is configured.".to_owned(),
            Cause::NoQueues { sources: 1 } => "The source answers and has no queue yet.".to_owned(),
            Cause::NoQueues { sources } => {
                format!("All {sources} sources answer and have no queue yet.")
            }
            Cause::SourceDown { error } => format!("{source} does not answer{lasting}: {error}."),
            Cause::StuckWorkersIdle { waiting, workers, .. } => format!(
                "{queue} is stuck{lasting}: {} alive but consume nothing; {} wait.",
                counted(*workers, "worker is", "workers are"),
                counted(*waiting, "job", "jobs")
            ),
            Cause::StuckJobsHang { waiting, running, .. } => format!(
                "{queue} is stuck{lasting}: {} and none ends; {} wait.",
                counted(*running, "job runs", "jobs run"),
                counted(*waiting, "job", "jobs")
            ),
            Cause::NoWorkers { waiting, .. } => {
                format!(
                    "{queue} has no worker: {} wait{lasting}.",
                    counted(*waiting, "job", "jobs")
                )
            }
            Cause::PausedWaiting { waiting } => {
                format!("{queue} is paused and {} wait.", counted(*waiting, "job", "jobs"))
            }
            Cause::DoesNotDrain { waiting, net_rate } => format!(
                "{queue} does not drain: {} wait, {net_rate:.1} more each second.",
                counted(*waiting, "job", "jobs")
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
