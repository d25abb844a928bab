//! Points in time, as microseconds since the Unix epoch.

use std::ops::{Add, Sub};

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Whose clock it is, is said where one is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From whole seconds since the Unix epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> f64 {
        (self.0.saturating_sub(earlier.0)) as f64 / 1e6
    }

    /// Seconds from `earlier` to `self`, at least 0: two clocks may disagree by a little, an age cannot be negative.
    #[must_use]
    pub fn age(self, earlier: Self) -> f64 {
        self.since(earlier).max(0.0)
    }
}

impl Add<f64> for Time {
    type Output = Self;
    /// Later by `seconds`.
    fn add(self, seconds: f64) -> Self {
        Self(self.0.saturating_add(micros_of(seconds)))
    }
}

fn micros_of(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

impl Sub<f64> for Time {
    type Output = Self;
    /// Earlier by `seconds`.
    fn sub(self, seconds: f64) -> Self {
        self + -seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        assert_eq!(Time::from_micros(-1).seconds(), -1);
        assert_eq!(Time::from_micros(1_999_999).seconds(), 1);
    }

    #[test]
    fn ages_are_never_negative() {
        let early = Time::from_seconds(10);
        let late = Time::from_seconds(12);
        assert_eq!(late.age(early), 2.0);
        assert_eq!(early.age(late), 0.0);
        assert_eq!(early.since(late), -2.0);
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(Time::from_seconds(i64::MAX).micros(), i64::MAX);
        assert!((Time::from_micros(i64::MAX) + 1.0).micros() == i64::MAX);
    }
}
