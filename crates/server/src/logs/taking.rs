//! Taking entries in: rates, redaction, counting, and waiting until they are on the disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{Notify, oneshot};
use vigie_model::{EVENT_KIND, Level, LogEntry, Time};
use vigie_store::logs::{
    LARGEST_APPEND, LogAppendError, LogAppended, LogRefused, LogStore, Position,
};

use super::redact::{LogRules, LogRulesError, Redaction};
use super::tails::{Tails, is_refused};
use crate::loki::LogQueries;
use crate::prometheus::{Doors, Refusal};

/// So many sources, and so many combinations of source, level and type, are told apart; the rest is `other`.
const MOST_SOURCES: usize = 1_000;
const MOST_COUNTS: usize = 5_000;
/// A source may bring this many seconds' worth at once.
const BURST_SECONDS: f64 = 10.0;

/// Counts by source, level and type.
type Counts = BTreeMap<(Arc<str>, Level, Arc<str>), u64>;
/// Counts by source and reason.
type Drops = BTreeMap<(Arc<str>, &'static str), u64>;

/// The log store and all that is done before something comes into it. Cheap to clone.
#[derive(Clone)]
pub struct Logs {
    /// The store.
    pub(super) store: LogStore,
    pub(super) doors: Doors,
    shared: Arc<Shared>,
}

struct Shared {
    redaction: Redaction,
    rate: f64,
    state: Mutex<State>,
    /// Who follows what comes in.
    tails: OnceLock<LogQueries>,
    /// Who follows lines on the live stream.
    following: Tails,
    /// That an event came.
    events: Notify,
}

#[derive(Default)]
struct State {
    buckets: HashMap<Arc<str>, (f64, Time)>,
    counts: Counts,
    drops: Drops,
    /// Lines of files that are not kept as they were.
    altered: Drops,
}

impl Logs {
    /// Around a store.
    ///
    /// # Errors
    /// When a pattern does not parse.
    pub fn new(store: LogStore, rules: &LogRules) -> Result<Self, LogRulesError> {
        let redaction = Redaction::new(rules)?;
        let rate = f64::from(rules.entries_per_second);
        let shared = Arc::new(Shared {
            redaction,
            rate,
            state: Mutex::default(),
            tails: OnceLock::new(),
            following: Tails::default(),
            events: Notify::new(),
        });
        Ok(Self { store, doors: Doors::default(), shared })
    }

    /// The store: to be looked after, and asked.
    #[must_use]
    pub fn store(&self) -> &LogStore {
        &self.store
    }

    /// Tells these queries of each entry from now on, for those who follow them. The first call counts.
    pub fn tell(&self, queries: LogQueries) {
        let _ = self.shared.tails.set(queries);
    }

    /// Its places for bodies that come in.
    pub(crate) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Who follows lines on the live stream.
    pub(crate) fn tails(&self) -> &Tails {
        &self.shared.following
    }

    /// Waits until events came, by whatever door; those that came since the last call count. There is one who waits.
    pub(crate) async fn events_came(&self) {
        self.shared.events.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes entries in, and with them how far their reader has come. The answer comes once they are on the disk. There is no
    /// rate here: what Vigie reads itself would be lost by it.
    ///
    /// # Errors
    /// As [`LogStore::append`] has them.
    pub async fn take_in(
        &self,
        mut entries: Vec<LogEntry>,
        position: Option<Position>,
    ) -> Result<LogAppended, LogAppendError> {
        let logs = self.clone();
        let (send, receive) = oneshot::channel();
        // Redaction reads every byte, and the store's lock may be waited for: not on the server's own threads.
        let work = tokio::task::spawn_blocking(move || {
            for entry in &mut entries {
                if logs.shared.redaction.entry(entry) {
                    logs.altered(&entry.source, "depth", 1);
                }
            }
            let counts = count(&entries);
            let store = logs.store.clone();
            let wanted = logs.shared.following.wanted(&entries);
            let tails = logs.shared.tails.get().filter(|tails| tails.tailed()).cloned();
            let copies = tails.as_ref().map(|_| entries.clone()).unwrap_or_default();
            store.append(entries, position, move |result| {
                let has_events = counts.keys().any(|(_, _, kind)| &**kind == EVENT_KIND);
                logs.note(&result, counts);
                if has_events {
                    logs.shared.events.notify_one();
                }
                if let Some(LogAppended { refused, .. }) = taken(&result) {
                    wanted.give(refused);
                    let kept = copies.into_iter().enumerate();
                    let kept = kept.filter(|(place, _)| !is_refused(*place, refused));
                    if let Some(tails) = tails {
                        kept.for_each(|(_, entry)| tails.publish(Arc::new(entry)));
                    }
                }
                // Whoever asked may have gone.
                let _ = send.send(result);
            });
        });
        work.await.map_err(|_| LogAppendError::Closed)?;
        receive.await.unwrap_or(Err(LogAppendError::Closed))
    }

    /// Holds what one request brings to the rates of its sources: all of it, or nothing, so that a sender may send the same
    /// again. A full allowance lets any request through, however large, and is paid back before the next one.
    fn hold(&self, entries: &[LogEntry], now: Time) -> Result<(), Refusal> {
        let (rate, most) = (self.shared.rate, self.shared.rate * BURST_SECONDS);
        let mut state = self.state();
        let State { buckets, drops, .. } = &mut *state;
        let mut brought: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for run in entries.chunk_by(|one, two| one.source == two.source) {
            let Some(first) = run.first() else { continue };
            let source = known(&first.source, buckets);
            buckets.entry(source.clone()).or_insert((most, now));
            *brought.entry(source).or_default() += run.len();
        }
        let mut over: Option<(&str, f64)> = None;
        for (source, count) in &brought {
            let Some(bucket) = buckets.get_mut(source) else { continue };
            let passed = (now.micros() - bucket.1.micros()).max(0) as f64 / 1e6;
            *bucket = ((bucket.0 + passed * rate).min(most), now);
            let lacks = (*count as f64).min(most) - bucket.0;
            if lacks > 0.0 {
                *drops.entry((source.clone(), "rate")).or_default() += *count as u64;
                let wait = lacks / rate;
                over = over.filter(|before| before.1 >= wait).or(Some((source, wait)));
            }
        }
        if let Some((source, wait)) = over {
            return Err(Refusal::TooFast {
                why: format!(
                    "the source {source:?} is over its rate of {rate} entries a second (logs.entries_per_second): nothing \
                     of this request is kept, send it again later"
                ),
                seconds: wait.ceil() as u64,
            });
        }
        for (source, count) in brought {
            if let Some(bucket) = buckets.get_mut(&source) {
                bucket.0 -= count as f64;
            }
        }
        Ok(())
    }

    fn note(&self, result: &Result<LogAppended, LogAppendError>, mut counts: Counts) {
        let mut state = self.state();
        let mut drop = |source: &Arc<str>, reason: &'static str, count: u64| {
            let room = state.drops.len() < MOST_COUNTS;
            let key = (if room { source.clone() } else { Arc::from("other") }, reason);
            *state.drops.entry(key).or_default() += count;
        };
        let Some(LogAppended { refused, .. }) = taken(result) else {
            counts.into_iter().for_each(|((source, ..), count)| drop(&source, "refused", count));
            return;
        };
        for LogRefused { source, level, kind, why, .. } in refused {
            drop(source, why.as_str(), 1);
            if let Some(count) = counts.get_mut(&(source.clone(), *level, kind.clone())) {
                *count -= 1;
            }
        }
        for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let room = state.counts.len() < MOST_COUNTS || state.counts.contains_key(&key);
            let key = if room { key } else { (Arc::from("other"), key.1, Arc::from("other")) };
            *state.counts.entry(key).or_default() += count;
        }
    }

    /// Counts entries that are not kept, by reason.
    pub(super) fn dropped(&self, source: &str, reason: &'static str, count: usize) {
        let mut state = self.state();
        *state.drops.entry((Arc::from(source), reason)).or_default() += count as u64;
    }

    /// Entries since the start, by source, level and type.
    pub(crate) fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Entries that were not kept, by source and reason.
    pub(crate) fn drops(&self) -> Drops {
        self.state().drops.clone()
    }

    /// Counts lines of a source that are not kept as they were, by reason.
    pub fn altered(&self, source: &str, reason: &'static str, lines: u64) {
        let altered = &mut self.state().altered;
        let room = altered.len() < MOST_COUNTS;
        let source = if room { source } else { "other" };
        *altered.entry((Arc::from(source), reason)).or_default() += lines;
    }

    /// Lines that are not kept as they were, by source and reason.
    pub(crate) fn altered_lines(&self) -> Drops {
        self.state().altered.clone()
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let status = self.store.status();
        status.block_bytes + status.wal_bytes
    }
}

fn known(source: &Arc<str>, buckets: &HashMap<Arc<str>, (f64, Time)>) -> Arc<str> {
    if buckets.len() < MOST_SOURCES || buckets.contains_key(source) {
        source.clone()
    } else {
        Arc::from("other")
    }
}

/// What the store took of an append, whether it is on the disk or will be; none when nothing was taken.
fn taken(result: &Result<LogAppended, LogAppendError>) -> Option<&LogAppended> {
    match result {
        Ok(appended) | Err(LogAppendError::NotWritten { appended, .. }) => Some(appended),
        Err(_) => None,
    }
}

fn count(entries: &[LogEntry]) -> Counts {
    let mut counts = Counts::new();
    for entry in entries {
        *counts.entry((entry.source.clone(), entry.level, entry.kind.clone())).or_default() += 1;
    }
    counts
}

/// Entries in as many appends as they need.
pub(crate) fn appends(entries: Vec<LogEntry>) -> Vec<Vec<LogEntry>> {
    let mut all = vec![Vec::new()];
    let mut bytes = 0;
    for entry in entries {
        let labels: usize =
            entry.labels.iter().map(|label| label.name.len() + label.value.len() + 16).sum();
        let length = entry.message.len() + entry.fields.len() + labels + 4096;
        if bytes + length > LARGEST_APPEND / 2 {
            all.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        if let Some(last) = all.last_mut() {
            last.push(entry);
        }
    }
    all
}

/// Takes in what a door has read.
pub(crate) async fn push(
    logs: &Logs,
    entries: Vec<LogEntry>,
    now: Time,
) -> Result<LogAppended, Refusal> {
    logs.hold(&entries, now)?;
    let (mut all, mut before) = (LogAppended::default(), 0);
    for part in appends(entries) {
        let given = part.len();
        let taken = match logs.take_in(part, None).await {
            Ok(taken) => taken,
            Err(error @ (LogAppendError::TooLarge { .. } | LogAppendError::Position(_))) => {
                return Err(Refusal::TooLarge(error.to_string()));
            }
            Err(error) => return Err(Refusal::NotNow(error.to_string())),
        };
        all.accepted += taken.accepted;
        all.refused.extend(
            taken.refused.into_iter().map(|one| LogRefused { index: before + one.index, ..one }),
        );
        before += given;
    }
    Ok(all)
}

/// What is said of entries that are refused for good, of which `of` were given; none when there are none.
pub(crate) fn refused(refused: &[LogRefused], of: usize) -> Option<String> {
    let first = refused.first()?;
    Some(format!(
        "{} of {of} entries are refused for good, all others are kept; the first, number {}, of the source {:?}: {}",
        refused.len(),
        first.index + 1,
        first.source,
        first.why
    ))
}

#[cfg(test)]
mod tests {
    use vigie_store::logs::LogOptions;

    use super::*;

    #[test]
    fn a_request_is_held_whole_and_what_it_took_too_much_is_paid_back() {
        let dir = tempfile::tempdir().unwrap();
        let start = Time::from_seconds(1_800_000_000);
        let (store, _) = LogStore::open(LogOptions::new(dir.path()), start.millis()).unwrap();
        let rules = LogRules { entries_per_second: 2, ..LogRules::default() };
        let logs = Logs::new(store, &rules).unwrap();
        let hold = |sources: &[(&str, usize)], second: i64| {
            let entries = sources.iter().flat_map(|(source, count)| {
                std::iter::repeat_n(LogEntry::blank(source, start), *count)
            });
            let now = Time::from_seconds(1_800_000_000 + second);
            match logs.hold(&entries.collect::<Vec<_>>(), now) {
                Ok(()) => 0,
                Err(Refusal::TooFast { seconds, .. }) => seconds,
                Err(other) => panic!("{other:?}"),
            }
        };
        // The allowance is 20; any request passes while it is full.
        assert_eq!((hold(&[("a", 50)], 0), hold(&[("a", 1)], 0)), (0, 16));
        assert_eq!((hold(&[("a", 1)], 15), hold(&[("a", 1)], 16)), (1, 0));
        // What one source has too much of, the others of the request wait for; by itself each passes.
        assert_eq!((hold(&[("b", 20), ("a", 20)], 16), hold(&[("b", 20)], 16)), (10, 0));
        assert_eq!(logs.drops().into_values().sum::<u64>(), 1 + 1 + 20);
        // A clock that goes back gives nothing.
        assert_eq!(hold(&[("b", 1)], 0), 1);
    }
}
