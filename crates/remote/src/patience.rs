//! How long is waited before something is tried again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;

/// No receiver makes Vigie wait longer than this by `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Seconds; a date is not waited for longer than usual.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// Pauses that get longer, each a little different, so that shards do not knock together.
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// The first pause, which doubles, and the longest.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// The next one.
    pub fn next(&mut self) -> Duration {
        let whole = self.next.min(self.longest);
        self.next = whole * 2;
        // Between half of it and all of it.
        let random = RandomState::new().build_hasher().finish() as u32;
        whole.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(30));
        let all: Vec<f64> = (0..20).map(|_| pauses.next().as_secs_f64()).collect();
        assert!((0.05..=0.1).contains(&all[0]) && (0.1..=0.2).contains(&all[1]), "{all:?}");
        assert!(all[12..].iter().all(|pause| (15.0..=30.0).contains(pause)), "{all:?}");
    }

    #[test]
    fn patience_that_is_asked_for_is_bounded() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(with("7"), Some(Duration::from_secs(7)));
        assert_eq!(with("999999999999"), Some(LONGEST_RETRY_AFTER));
        assert_eq!((with("-1"), with("Wed, 21 Oct 2026 07:28:00 GMT")), (None, None));
    }
}
