//! Carries observations from the sources to the board, and keeps the board's seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_collect::ObservationReceiver;
use vigie_server::{Now, SharedBoard};

/// Observations that may wait for the board. A poll of 5,000 queues brings 5,000; a busy second a few thousand more.
pub(crate) const PENDING: usize = 65_536;

/// Runs until `stop`; `noted` is told when the board saw something happen.
pub(crate) async fn run(
    receiver: ObservationReceiver,
    board: SharedBoard,
    now: Now,
    dropped: Arc<AtomicU64>,
    noted: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            observations = receiver.receive() => {
                let mut board = board.write();
                observations.into_iter().for_each(|observation| board.observe(observation));
                dropped.store(receiver.dropped(), Ordering::Relaxed);
                if board.timeline().noted().next().is_some() {
                    noted.notify_one();
                }
            }
            _ = second.tick() => board.write().tick(now()),
        }
    }
}
