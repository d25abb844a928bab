//! A little randomness, so that many Vigies do not knock at once.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Random numbers that need not be good, only different from the neighbour's.
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new() -> Self {
        // The standard library seeds its hashers from the system's randomness.
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    /// A number from -1 to 1.
    fn swing(&mut self) -> f64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// A duration up to `share` longer or shorter than `middle`.
    pub(crate) fn around(&mut self, middle: Duration, share: f64) -> Duration {
        middle.mul_f64(1.0 + share * self.swing())
    }
}

/// Waiting times between attempts: doubling, bounded, and begun anew after a success.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn wait(&mut self, jitter: &mut Jitter) -> Duration {
        let wait = jitter.around(self.next, 0.2).min(Self::LONGEST);
        self.next = (self.next * 2).min(Self::LONGEST);
        wait
    }

    pub(crate) fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_share_and_varies() {
        let mut jitter = Jitter::new();
        let second = Duration::from_secs(1);
        let drawn: Vec<Duration> = (0..1_000).map(|_| jitter.around(second, 0.1)).collect();
        assert!(drawn.iter().all(|one| (0.9..=1.1).contains(&one.as_secs_f64())));
        assert!(
            drawn.iter().any(|one| one.as_secs_f64() < 0.95)
                && drawn.iter().any(|one| one.as_secs_f64() > 1.05)
        );
    }

    #[test]
    fn waits_double_up_to_five_seconds() {
        let (mut jitter, mut backoff) = (Jitter::new(), Backoff::new());
        let waits: Vec<f64> = (0..10).map(|_| backoff.wait(&mut jitter).as_secs_f64()).collect();
        assert!(waits[0] < 0.25 && waits[1] > 0.3 && waits[2] > 0.6);
        assert!(waits.iter().all(|wait| *wait <= 5.0) && waits[9] >= 4.0);
        backoff.reset();
        assert!(backoff.wait(&mut jitter).as_secs_f64() < 0.25);
    }
}
