//! Who follows what comes in: each with a filter of its own, which is asked here, so that nothing else is sent.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use vigie_model::LogEntry;
use vigie_store::logs::{LogFilter, LogRefused};

use super::read::LogLine;

/// Tails that are open at once.
const MOST_TAILS: usize = 200;
/// What waits for one of them: so many lines, and so many bytes. Of more, the oldest are dropped and counted.
const MOST_LINES: usize = 1_000;
const MOST_BYTES: usize = 2 << 20;

/// All tails. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tails(Arc<Mutex<Vec<Arc<Following>>>>);

struct Following {
    filter: LogFilter,
    waiting: Mutex<Waiting>,
    /// Told when there is something to take.
    wake: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    skipped: u64,
}

/// One who follows; ends when it is dropped.
pub(crate) struct Tail {
    tails: Tails,
    own: Arc<Following>,
}

/// What of an append is wanted by whom, made before it is known what the store takes of it.
#[derive(Default)]
pub(super) struct Wanted(Vec<(Arc<Following>, Share)>);

/// What one of them wants.
struct Share {
    /// The newest lines, and where in the append they stand.
    lines: Vec<(usize, Arc<str>)>,
    /// Where those stand that are too many.
    skipped: Vec<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tails {
    /// Begins to follow; `wake` is told when lines came. None when too many follow already.
    pub(crate) fn open(&self, filter: LogFilter, wake: Arc<Notify>) -> Option<Tail> {
        let mut all = lock(&self.0);
        if all.len() >= MOST_TAILS {
            return None;
        }
        let own = Arc::new(Following { filter, waiting: Mutex::default(), wake });
        all.push(Arc::clone(&own));
        Some(Tail { tails: self.clone(), own })
    }

    /// Asks every filter. A line is made into text once, whoever wants it; and only as many as may wait.
    pub(super) fn wanted(&self, entries: &[LogEntry]) -> Wanted {
        let following: Vec<Arc<Following>> = lock(&self.0).clone();
        let mut texts: HashMap<usize, Arc<str>> = HashMap::new();
        let wanted = following.into_iter().filter_map(|own| {
            let all = entries.iter().enumerate().filter(|(_, entry)| own.filter.wants(entry));
            let mut skipped: Vec<usize> = all.map(|(place, _)| place).collect();
            let newest = skipped.split_off(skipped.len().saturating_sub(MOST_LINES));
            let lines = newest.into_iter().filter_map(|place| {
                let entry = entries.get(place)?;
                let text = texts.entry(place).or_insert_with(|| text(entry).into());
                Some((place, Arc::clone(text)))
            });
            let lines: Vec<_> = lines.collect();
            (!lines.is_empty()).then_some((own, Share { lines, skipped }))
        });
        Wanted(wanted.collect())
    }
}

/// Whether the entry that stands there in an append is among those that the store did not take.
pub(super) fn is_refused(place: usize, refused: &[LogRefused]) -> bool {
    refused.binary_search_by_key(&place, |one| one.index).is_ok()
}

fn text(entry: &LogEntry) -> String {
    // Our own shape has text keys and finite numbers only, so this does not fail.
    serde_json::to_string(&LogLine::from(entry.clone())).unwrap_or_default()
}

impl Wanted {
    /// Gives everyone what it wanted of what the store took: all but those that it refused. Never waits.
    pub(super) fn give(self, refused: &[LogRefused]) {
        for (own, Share { mut lines, mut skipped }) in self.0 {
            lines.retain(|(place, _)| !is_refused(*place, refused));
            skipped.retain(|place| !is_refused(*place, refused));
            if lines.is_empty() && skipped.is_empty() {
                continue;
            }
            let mut waiting = lock(&own.waiting);
            waiting.skipped += skipped.len() as u64;
            for (_, line) in lines {
                waiting.bytes += line.len();
                waiting.lines.push_back(line);
            }
            while waiting.lines.len() > MOST_LINES
                || (waiting.bytes > MOST_BYTES && waiting.lines.len() > 1)
            {
                let Some(oldest) = waiting.lines.pop_front() else { break };
                waiting.bytes -= oldest.len();
                waiting.skipped += 1;
            }
            drop(waiting);
            own.wake.notify_one();
        }
    }
}

impl Tail {
    /// Whether there is something to take.
    pub(crate) fn has_lines(&self) -> bool {
        !lock(&self.own.waiting).lines.is_empty()
    }

    /// The oldest lines that wait, at most so many, each as JSON; and how many were dropped before them.
    pub(crate) fn take(&self, most: usize) -> (Vec<Arc<str>>, u64) {
        let mut waiting = lock(&self.own.waiting);
        let count = most.min(waiting.lines.len());
        let lines: Vec<Arc<str>> = waiting.lines.drain(..count).collect();
        waiting.bytes -= lines.iter().map(|line| line.len()).sum::<usize>();
        (lines, std::mem::take(&mut waiting.skipped))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        lock(&self.tails.0).retain(|one| !Arc::ptr_eq(one, &self.own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_model::{Level, Time};
    use vigie_store::logs::{Condition, LogField};

    fn lines(count: usize, level: Level) -> Vec<LogEntry> {
        let blank = LogEntry::blank("api", Time::from_millis(1_795_442_619_000));
        let line = |n| LogEntry { level, message: format!("line {n}"), ..blank.clone() };
        (0..count).map(line).collect()
    }

    #[test]
    fn each_gets_what_it_wants_and_is_told_what_it_could_not_keep_up_with() {
        let tails = Tails::default();
        let open = |filter| tails.open(filter, Arc::default()).unwrap();
        let all = open(LogFilter::default());
        let errors = open(LogFilter { min_level: Level::Error, ..LogFilter::default() });
        let queue = vec![Condition::equal(LogField::Queue, "emails")];
        let none = open(LogFilter { conditions: queue, ..LogFilter::default() });
        tails.wanted(&lines(1_200, Level::Info)).give(&[]);
        tails.wanted(&lines(2, Level::Error)).give(&[]);
        assert!(!none.has_lines() && errors.has_lines());
        let (taken, skipped) = errors.take(200);
        assert_eq!((taken.len(), skipped), (2, 0), "a rare line is there whatever else comes");
        let (taken, skipped) = all.take(200);
        assert_eq!((taken.len(), skipped), (200, 202));
        assert!(taken[0].contains("\"message\":\"line 202\""), "{}", taken[0]);
        assert_eq!((all.take(5_000).0.len(), all.has_lines()), (800, false));
        drop((all, errors));
        assert_eq!(lock(&tails.0).len(), 1);
        drop(none);
        let kept: Vec<Tail> = (0..MOST_TAILS).map(|_| open(LogFilter::default())).collect();
        assert!(tails.open(LogFilter::default(), Arc::default()).is_none());
        drop(kept);
    }

    #[test]
    fn few_long_lines_are_bounded_too() {
        let tails = Tails::default();
        let tail = tails.open(LogFilter::default(), Arc::default()).unwrap();
        let mut long = lines(5, Level::Info);
        long.iter_mut().for_each(|line| line.message = "x".repeat(MOST_BYTES / 2));
        tails.wanted(&long).give(&[]);
        let (taken, skipped) = tail.take(10);
        assert_eq!((taken.len(), skipped), (1, 4));
    }
}
