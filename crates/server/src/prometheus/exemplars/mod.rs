//! Exemplars: single observations with what leads to their trace, kept in memory, the newest of all series.
//!
//! Nothing of them is on the disk. What there is no room for is counted, as is what Prometheus would not take either.

mod decode;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use vigie_model::Labels;
use vigie_store::Matcher;

pub(super) use decode::{OfSeries, of_version_1, of_version_2};

/// Exemplars that are kept; more of one request are not read.
pub(super) const MOST: usize = 10_000;
/// Bytes of their labels and of their series' labels.
const MOST_BYTES: usize = 16 << 20;
/// Characters of an exemplar's labels, as OpenMetrics allows them.
const MOST_LABEL_CHARS: usize = 128;

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exemplar {
    /// What leads to it, such as `trace_id`.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// When it was made, in Unix milliseconds.
    pub time: i64,
}

/// How many exemplars there are, and what became of the others since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ExemplarCounts {
    /// Kept now.
    pub kept: u64,
    /// Gone, as newer ones took their place.
    pub replaced: u64,
    /// Refused: older than their series' newest, or with labels that are too long.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Ring {
    series: BTreeMap<Labels, VecDeque<Exemplar>>,
    /// The series of each, in the order in which they came.
    order: VecDeque<Labels>,
    bytes: usize,
    counts: ExemplarCounts,
}

/// The newest exemplars.
#[derive(Debug, Default)]
pub(super) struct Exemplars(Mutex<Ring>);

/// Whether an exemplar may have these labels.
pub(super) fn fits(labels: &Labels) -> bool {
    let chars = |text: &str| text.chars().count();
    let all: usize = labels.iter().map(|one| chars(&one.name) + chars(&one.value)).sum();
    all <= MOST_LABEL_CHARS
}

fn bytes(labels: &Labels) -> usize {
    labels.iter().map(|one| one.name.len() + one.value.len()).sum()
}

impl Ring {
    /// Whether it is kept, or was there already.
    fn add(&mut self, series: &Labels, exemplar: Exemplar) -> bool {
        let newest = self.series.get(series).and_then(VecDeque::back);
        if newest == Some(&exemplar) {
            return true;
        }
        let before = newest
            .is_some_and(|newest| (exemplar.time, exemplar.value) < (newest.time, newest.value));
        if !fits(&exemplar.labels) || before {
            self.counts.refused += 1;
            return false;
        }
        self.bytes += bytes(series) + bytes(&exemplar.labels);
        self.order.push_back(series.clone());
        self.series.entry(series.clone()).or_default().push_back(exemplar);
        while self.order.len() > MOST || self.bytes > MOST_BYTES {
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        let Some(series) = self.order.pop_front() else { return };
        let Some(all) = self.series.get_mut(&series) else { return };
        if let Some(gone) = all.pop_front() {
            self.bytes -= bytes(&series) + bytes(&gone.labels);
            self.counts.replaced += 1;
        }
        if all.is_empty() {
            self.series.remove(&series);
        }
    }
}

impl Exemplars {
    /// Takes what of `came` exemplars could be read; how many of them are there now.
    pub(super) fn take(&self, read: Vec<OfSeries>, came: u64) -> u64 {
        let count: usize = read.iter().map(|(_, all)| all.len()).sum();
        self.refuse(came.saturating_sub(count as u64));
        read.into_iter().map(|(series, all)| self.add(&series, all)).sum()
    }

    /// Takes exemplars of a series; how many of them are there now.
    fn add(&self, series: &Labels, all: Vec<Exemplar>) -> u64 {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.into_iter().filter(|one| ring.add(series, one.clone())).count() as u64
    }

    /// Counts some that were not even read.
    pub(super) fn refuse(&self, count: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.refused += count;
    }

    /// Those between two times, both included, of the series that one of the selectors means; by ascending labels.
    pub(super) fn find(
        &self,
        selectors: &[Vec<Matcher>],
        (start, end): (i64, i64),
    ) -> Vec<(Labels, Vec<Exemplar>)> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = |labels: &Labels| {
            let fits = |one: &Matcher| one.matches(labels.get(one.name()).unwrap_or_default());
            selectors.iter().any(|all| all.iter().all(fits))
        };
        let found = ring.series.iter().filter(|(labels, _)| meant(labels));
        let found = found.map(|(labels, all)| {
            let within = all.iter().filter(|one| (start..=end).contains(&one.time));
            (labels.clone(), within.cloned().collect::<Vec<_>>())
        });
        found.filter(|(_, all)| !all.is_empty()).collect()
    }

    /// How many there are, and were.
    pub(super) fn counts(&self) -> ExemplarCounts {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ExemplarCounts { kept: ring.order.len() as u64, ..ring.counts }
    }
}

#[cfg(test)]
mod tests {
    use vigie_store::MatchOp;

    use super::*;

    fn labels(name: &str, value: &str) -> Labels {
        Labels::from_pairs([("__name__", name), ("a", value)])
    }

    fn one(trace: &str, value: f64, time: i64) -> Exemplar {
        Exemplar { labels: Labels::from_pairs([("trace_id", trace)]), value, time }
    }

    fn named(name: &str) -> Vec<Matcher> {
        vec![Matcher::new("__name__", MatchOp::Equal, name).unwrap()]
    }

    #[test]
    fn they_are_found_by_selector_and_time() {
        let all = Exemplars::default();
        all.add(&labels("x", "2"), vec![one("t1", 1.0, 10), one("t2", 2.0, 20)]);
        all.add(&labels("x", "1"), vec![one("t3", 3.0, 15)]);
        all.add(&labels("y", "1"), vec![one("t4", 4.0, 15)]);
        let found = all.find(&[named("x")], (15, 20));
        assert_eq!(
            found,
            [
                (labels("x", "1"), vec![one("t3", 3.0, 15)]),
                (labels("x", "2"), vec![one("t2", 2.0, 20)]),
            ]
        );
        assert_eq!(all.find(&[named("x"), named("y")], (15, 15)).len(), 2);
        assert!(all.find(&[], (0, 100)).is_empty());
        assert!(all.find(&[named("x")], (21, 100)).is_empty());
    }

    #[test]
    fn what_prometheus_refuses_is_refused_and_counted() {
        let all = Exemplars::default();
        let series = labels("x", "1");
        assert_eq!(all.add(&series, vec![one("t", 1.0, 10)]), 1);
        // The same again is there already; older ones and long ones are not taken.
        assert_eq!(all.add(&series, vec![one("t", 1.0, 10)]), 1);
        assert_eq!(all.add(&series, vec![one("t", 9.0, 9), one("t", 0.5, 10)]), 0);
        assert_eq!(all.add(&series, vec![one(&"ü".repeat(121), 1.0, 11)]), 0);
        assert_eq!(all.add(&series, vec![one(&"ü".repeat(120), 1.0, 11)]), 1);
        assert_eq!(all.counts(), ExemplarCounts { kept: 2, replaced: 0, refused: 3 });
    }

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let all = Exemplars::default();
        for time in 0..(MOST as i64 + 50) {
            let series = labels("x", if time < 30 { "early" } else { "late" });
            assert_eq!(all.add(&series, vec![one("t", 1.0, time)]), 1);
        }
        assert_eq!(all.counts(), ExemplarCounts { kept: MOST as u64, replaced: 50, refused: 0 });
        let found = all.find(&[named("x")], (0, i64::MAX));
        // The early series is gone altogether.
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.first(), Some(&one("t", 1.0, 50)));
    }

    #[test]
    fn long_labels_of_series_do_not_fill_the_memory() {
        let all = Exemplars::default();
        for number in 0..5_000 {
            let series = labels("x", &format!("{number}{}", "y".repeat(8_000)));
            all.add(&series, vec![one("t", 1.0, 1)]);
        }
        let counts = all.counts();
        assert!(counts.kept * 8_000 <= MOST_BYTES as u64, "{counts:?}");
        assert_eq!(counts.kept + counts.replaced, 5_000);
    }
}
