//! When a queue stands still although it should not: workers that take nothing, and jobs that never end.

use vigie_model::{Counts, Time};

use crate::queue::{QueueState, WorkerFigures};

/// A worker that starts nothing is called idle when jobs have waited for this many seconds.
const IDLE_SECONDS: f64 = 5.0;
/// Jobs that run while others wait are called hung when nothing has ended for this long, and for
/// [`HUNG_MEAN_RUNS`] times the mean of all attempts; [`HUNG_UNKNOWN_SECONDS`] where no attempt has ended yet.
const HUNG_SECONDS: f64 = 60.0;
const HUNG_MEAN_RUNS: f64 = 20.0;
const HUNG_UNKNOWN_SECONDS: f64 = 900.0;

/// Since when a queue's workers start nothing although they could: nothing of it runs, and not every worker is
/// known to be full (of another queue's jobs).
pub(crate) fn idle_since(
    queue: &QueueState,
    counts: Counts,
    workers: WorkerFigures,
    now: Time,
) -> Option<Time> {
    let paused = queue.reading.as_ref().is_none_or(|reading| reading.paused);
    let waits = counts.waiting.unwrap_or(0) > 0 && !paused;
    let alive = workers.workers.unwrap_or(0) > 0;
    let could = counts.active.unwrap_or(0) == 0 && !workers.full;
    (waits && alive && could && now.since(queue.last_progress) >= IDLE_SECONDS)
        .then_some(queue.last_progress)
}

/// Since when jobs wait while others run and not one of those ends, for far longer than attempts of this queue take.
pub(crate) fn hung_since(queue: &QueueState, counts: Counts, now: Time) -> Option<Time> {
    let paused = queue.reading.as_ref().is_none_or(|reading| reading.paused);
    let waits = counts.waiting.unwrap_or(0) > 0 && !paused;
    let runs = counts.active.unwrap_or(0) > 0;
    let lasts = now.since(queue.last_progress);
    if !(waits && runs && lasts >= HUNG_SECONDS) {
        return None;
    }
    let usual = queue.mean_run().map_or(HUNG_UNKNOWN_SECONDS, |run| run * HUNG_MEAN_RUNS);
    (lasts >= usual).then_some(queue.last_progress)
}
