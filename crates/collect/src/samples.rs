//! The bounded channel between sources that scrape and whoever keeps their samples.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use vigie_model::ScrapeReading;

/// Makes a channel that holds readings of at most `capacity` samples together, but one at least. Sending never waits:
/// when it is full, the oldest readings are dropped and their samples counted.
#[must_use]
pub fn samples(capacity: usize) -> (SampleSender, SampleReceiver) {
    let shared = Arc::new(Shared {
        waiting: Mutex::new(Waiting::default()),
        capacity,
        dropped: AtomicU64::new(0),
        arrived: Notify::new(),
    });
    (SampleSender(Arc::clone(&shared)), SampleReceiver(shared))
}

#[derive(Default)]
struct Waiting {
    readings: VecDeque<ScrapeReading>,
    samples: usize,
}

struct Shared {
    waiting: Mutex<Waiting>,
    capacity: usize,
    dropped: AtomicU64,
    arrived: Notify,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere cannot leave this half-changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub struct SampleSender(Arc<Shared>);

impl SampleSender {
    /// Sends without waiting; drops the oldest where there is no room.
    pub fn send(&self, reading: ScrapeReading) {
        let mut waiting = self.0.waiting();
        waiting.samples += reading.samples.len();
        waiting.readings.push_back(reading);
        while waiting.samples > self.0.capacity && waiting.readings.len() > 1 {
            let Some(lost) = waiting.readings.pop_front() else { break };
            waiting.samples -= lost.samples.len();
            self.0.dropped.fetch_add(lost.samples.len() as u64, Ordering::Relaxed);
        }
        drop(waiting);
        self.0.arrived.notify_one();
    }
}

/// The receiving end.
pub struct SampleReceiver(Arc<Shared>);

impl SampleReceiver {
    /// Waits for the next reading.
    pub async fn receive(&self) -> ScrapeReading {
        loop {
            let arrived = self.0.arrived.notified();
            {
                let mut waiting = self.0.waiting();
                if let Some(reading) = waiting.readings.pop_front() {
                    waiting.samples -= reading.samples.len();
                    return reading;
                }
            }
            arrived.await;
        }
    }

    /// Samples that were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use vigie_model::{Labels, ScrapedSample, ScrapedValue};

    use super::*;

    fn reading(samples: usize, time: i64) -> ScrapeReading {
        let sample = ScrapedSample {
            labels: Labels::default(),
            time_millis: Some(time),
            value: ScrapedValue::Float(1.0),
        };
        ScrapeReading { samples: vec![sample; samples], families: Vec::new() }
    }

    #[tokio::test]
    async fn the_oldest_go_when_there_is_no_room_and_are_counted() {
        let (sender, receiver) = samples(10);
        for time in 0..4 {
            sender.send(reading(4, time));
        }
        assert_eq!(receiver.dropped(), 8);
        let times = [receiver.receive().await, receiver.receive().await];
        assert_eq!(times.map(|reading| reading.samples[0].time_millis), [Some(2), Some(3)]);
        // One that is larger than all room comes through alone.
        sender.send(reading(50, 5));
        assert_eq!(receiver.receive().await.samples.len(), 50);
        assert_eq!(receiver.dropped(), 8);
    }
}
