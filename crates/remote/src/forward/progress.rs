//! How far a destination is: what is kept of that in the log store, and since when the oldest entry waits.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use vigie_store::logs::Position;

/// The version of what is kept.
const FORMAT: u8 = 1;
const LENGTH: usize = 1 + 3 * 8;
/// Moments that are remembered; beyond that, every other one.
const MOST_MARKS: usize = 256;

/// How far a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Tells the ids of this store's documents from those of others.
    pub salt: u64,
    /// Entries with lesser numbers are done with. 0: from the oldest that there is.
    pub next: u64,
    /// When that was kept, in milliseconds.
    pub at: i64,
}

impl Place {
    /// Of a destination that is new.
    pub fn new(next: u64, at: i64) -> Self {
        Self { salt: RandomState::new().build_hasher().finish(), next, at }
    }

    /// What is kept under the destination's name.
    pub fn position(self, name: &str) -> Position {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.next.to_le_bytes());
        bytes.extend_from_slice(&self.at.to_le_bytes());
        Position { reader: reader(name), bytes }
    }

    /// What was kept; none where it is of another version, or nonsense.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (FORMAT, rest) = bytes.split_first().map(|(first, rest)| (*first, rest))? else {
            return None;
        };
        let numbers = (bytes.len() == LENGTH).then_some(rest.as_chunks::<8>().0)?;
        let [salt, next, at] = numbers else { return None };
        Some(Self {
            salt: u64::from_le_bytes(*salt),
            next: u64::from_le_bytes(*next),
            at: i64::from_le_bytes(*at),
        })
    }
}

/// Under which name the log store keeps it.
pub(super) fn reader(name: &str) -> String {
    format!("forward:{name}")
}

/// Moments with the number that came next then.
#[derive(Debug, Default)]
pub(super) struct Marks(VecDeque<(u64, i64)>);

impl Marks {
    /// At this moment the next entry to come has this number; entries before `done` are of no interest any more.
    pub fn set(&mut self, number: u64, now: i64, done: u64) {
        match self.0.back_mut() {
            Some(last) if last.0 == number => last.1 = now,
            _ => self.0.push_back((number, now)),
        }
        while self.0.get(1).is_some_and(|second| second.0 <= done) {
            self.0.pop_front();
        }
        if self.0.len() > MOST_MARKS {
            let last = self.0.back().copied();
            let mut keep = [true, false].into_iter().cycle();
            self.0.retain(|mark| keep.next() == Some(true) || Some(*mark) == last);
        }
    }

    /// For how long the oldest of the entries from `next` on has waited at the most, in seconds.
    pub fn waited(&self, next: u64, now: i64) -> Option<f64> {
        let (_, at) = self.0.iter().rev().find(|mark| mark.0 <= next)?;
        Some(now.saturating_sub(*at).max(0) as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_nonsense_does_not() {
        let place = Place { salt: u64::MAX - 1, next: 7, at: -3 };
        let position = place.position("elk");
        assert_eq!(
            (position.reader.as_str(), Place::read(&position.bytes)),
            ("forward:elk", Some(place))
        );
        let mut other = position.bytes.clone();
        other[0] = 2;
        for wrong in [&other[..], &position.bytes[1..], &position.bytes[..LENGTH - 1], &[]] {
            assert_eq!(Place::read(wrong), None, "{wrong:?}");
        }
        assert_ne!(Place::new(1, 0).salt, Place::new(1, 0).salt);
    }

    #[test]
    fn the_oldest_has_waited_since_the_mark_before_it() {
        let mut marks = Marks::default();
        assert_eq!(marks.waited(1, 0), None);
        marks.set(10, 1_000, 10);
        marks.set(10, 2_000, 10);
        marks.set(20, 3_000, 10);
        marks.set(30, 4_000, 10);
        assert_eq!(marks.waited(10, 5_000), Some(3.0));
        assert_eq!(marks.waited(25, 5_000), Some(2.0));
        marks.set(30, 6_000, 30);
        assert_eq!((marks.waited(30, 6_000), marks.waited(5, 6_000)), (Some(0.0), None));
        for n in 0..10_000 {
            marks.set(100 + n, n as i64, 100);
        }
        assert!(marks.0.len() <= MOST_MARKS, "{}", marks.0.len());
        assert!(marks.waited(100, 10_000).unwrap() >= 10.0);
    }
}
