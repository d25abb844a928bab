//! The bounded channel between the sources and whoever consumes their observations.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use vigie_model::{Observation, QueueId};

/// Makes a channel that holds at most `capacity` observations. Sending never waits: when it is full, the oldest
/// is dropped and counted, and the next job batch of a queue that lost one says `gap`.
#[must_use]
pub fn observations(capacity: usize) -> (ObservationSender, ObservationReceiver) {
    let shared = Arc::new(Shared {
        queue: Mutex::new(Pending::default()),
        capacity: capacity.max(1),
        dropped: AtomicU64::new(0),
        arrived: Notify::new(),
    });
    (ObservationSender(Arc::clone(&shared)), ObservationReceiver(shared))
}

#[derive(Default)]
struct Pending {
    waiting: VecDeque<Observation>,
    /// Queues whose last batches were dropped and that were not told so yet.
    torn: HashSet<QueueId>,
}

struct Shared {
    queue: Mutex<Pending>,
    capacity: usize,
    dropped: AtomicU64,
    arrived: Notify,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // A panic elsewhere cannot leave a VecDeque half-changed: the data is as good as before.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub struct ObservationSender(Arc<Shared>);

impl ObservationSender {
    /// Sends without waiting; drops the oldest when the channel is full.
    pub fn send(&self, observation: Observation) {
        let mut pending = self.0.pending();
        if pending.waiting.len() >= self.0.capacity
            && let Some(lost) = pending.waiting.pop_front()
        {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            if let Observation::Jobs(batch) = lost {
                pending.torn.insert(batch.queue);
            }
        }
        pending.waiting.push_back(observation);
        drop(pending);
        self.0.arrived.notify_one();
    }
}

/// The receiving end.
pub struct ObservationReceiver(Arc<Shared>);

impl ObservationReceiver {
    /// Waits until there is something, then takes all of it, in order.
    pub async fn receive(&self) -> Vec<Observation> {
        loop {
            let taken = self.take();
            if !taken.is_empty() {
                return taken;
            }
            self.0.arrived.notified().await;
        }
    }

    fn take(&self) -> Vec<Observation> {
        let mut pending = self.0.pending();
        let mut taken: Vec<Observation> = pending.waiting.drain(..).collect();
        for observation in &mut taken {
            if let Observation::Jobs(batch) = observation {
                batch.gap |= pending.torn.remove(&batch.queue);
            }
        }
        taken
    }

    /// How many observations were dropped so far because the channel was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_model::{Broker, JobBatch, Name, SourceName, Time};

    fn batch(queue: &str) -> Observation {
        Observation::Jobs(JobBatch {
            queue: QueueId {
                source: SourceName::new("main"),
                broker: Broker::Bull,
                name: Name::from(queue),
            },
            at: Time::default(),
            gap: false,
            types_sampled: false,
            events: Vec::new(),
        })
    }

    fn gaps(taken: &[Observation]) -> Vec<bool> {
        taken.iter().map(|one| matches!(one, Observation::Jobs(batch) if batch.gap)).collect()
    }

    #[tokio::test]
    async fn a_full_channel_drops_the_oldest_counts_it_and_marks_the_gap() {
        let (sender, receiver) = observations(2);
        for queue in ["a", "b", "a"] {
            sender.send(batch(queue));
        }
        assert_eq!(gaps(&receiver.receive().await), [false, true]);
        assert_eq!(receiver.dropped(), 1);
        sender.send(batch("a"));
        assert_eq!(gaps(&receiver.receive().await), [false], "a gap is told once");
    }
}
