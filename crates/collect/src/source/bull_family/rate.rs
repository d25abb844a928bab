//! Bounds on what exactness may cost.

use std::collections::{HashMap, VecDeque};

use vigie_model::Time;

use super::base::Base;

/// How many look-ups of single jobs are allowed: so many in any sliding second, the excess is sampled out.
#[derive(Debug)]
pub(crate) struct LookupBudget {
    per_second: usize,
    /// When how many were spent, oldest first.
    spent: VecDeque<(Time, usize)>,
    total: usize,
}

impl LookupBudget {
    pub fn new(per_second: u32) -> Self {
        Self { per_second: per_second as usize, spent: VecDeque::new(), total: 0 }
    }

    /// Takes up to `wanted` and says how many are granted.
    pub fn take(&mut self, now: Time, wanted: usize) -> usize {
        while let Some((at, count)) = self.spent.front().copied()
            && now.since(at) >= 1.0
        {
            self.spent.pop_front();
            self.total -= count;
        }
        let granted = wanted.min(self.per_second.saturating_sub(self.total));
        if granted > 0 {
            self.spent.push_back((now, granted));
            self.total += granted;
        }
        granted
    }
}

/// Lets an early look at a queue through at most every 200 ms.
#[derive(Debug, Default)]
pub(crate) struct Nudges {
    last: HashMap<Base, Time>,
}

impl Nudges {
    const SECONDS: f64 = 0.2;

    /// Whether `queue` may be looked at again now.
    pub fn allow(&mut self, queue: &Base, now: Time) -> bool {
        if self.last.get(queue).is_some_and(|last| now.since(*last) < Self::SECONDS) {
            return false;
        }
        if self.last.len() > 10_000 {
            self.last.retain(|_, last| now.since(*last) < Self::SECONDS);
        }
        self.last.insert(queue.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sliding_second_holds_no_more_than_the_bound() {
        let mut budget = LookupBudget::new(100);
        let start = Time::from_seconds(1_000);
        assert_eq!(budget.take(start, 60), 60);
        assert_eq!(budget.take(start + 0.5, 60), 40);
        assert_eq!(budget.take(start + 0.9, 1), 0);
        assert_eq!(budget.take(start + 1.0, 100), 60);
        assert_eq!(budget.take(start + 1.5, 100), 40);
    }

    #[test]
    fn a_queue_is_nudged_at_most_every_200_ms() {
        let mut nudges = Nudges::default();
        let (one, two): (Base, Base) = (b"bull:a".to_vec().into(), b"bull:b".to_vec().into());
        let start = Time::from_seconds(5);
        assert!(nudges.allow(&one, start));
        assert!(!nudges.allow(&one, start + 0.1));
        assert!(nudges.allow(&two, start + 0.1));
        assert!(nudges.allow(&one, start + 0.21));
    }
}
