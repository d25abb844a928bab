//! The failed tasks of a queue: those that are archived, and those that wait to be tried again.

use vigie_model::{FailedJob, FailedState, Time};

use super::decode;
use super::keys::QueueKeys;
use crate::source::bull_family::job_hash::bytes_of;
use crate::source::{FailedEntry, FailedFields, FailedPlace, FailedRead};

/// Where those of `queue` are.
pub(super) fn place(queue: &[u8]) -> FailedPlace {
    let keys = QueueKeys::new(queue);
    FailedPlace {
        lists: vec![
            (keys.archived(), FailedState::Failed),
            // By when each runs again: of those that failed equally often, what failed last is last.
            (keys.retry(), FailedState::Retry),
        ],
        mixed: None,
        key: Box::new(move |id| keys.task(id)),
        fields: &["msg"],
        long: &["msg"],
        decode,
    }
}

fn decode(entry: &FailedEntry, read: &FailedFields<'_>) -> Option<FailedRead> {
    let archived = entry
        .score
        .filter(|_| entry.state == FailedState::Failed)
        .map(|seconds| Time::from_micros((seconds * 1e6) as i64));
    let known = FailedJob { at: archived, ..entry.job() };
    let Some(value) = read.values.first() else { return Some(known.into()) };
    let Ok(task) = decode::failed_task(bytes_of(value)?) else {
        return Some(known.into());
    };
    let job = FailedJob {
        at: task.failed_at.or(archived),
        job_type: Some(task.kind),
        // The failure that archives a task is no retry any more; who archives one by hand makes no failure.
        attempt: Some(
            task.retried.saturating_add(u32::from(archived.is_some() && task.failed_at.is_some())),
        ),
        attempts: Some(task.retries.saturating_add(1)),
        error: FailedJob::error_text(&task.error),
        trace: task.trace,
        ..known
    };
    Some(job.into())
}
