//! Taking entries in: rates, redaction, counting, and waiting until they are on the disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{Notify, oneshot};
use vigie_model::{EVENT_KIND, Level, LogEntry, Time};
use vigie_store::logs::{LARGEST_APPEND, LogAppendError, LogStore, Position};

use super::redact::{LogRules, LogRulesError, Redaction};
use super::tails::Tails;
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
}

/// What became of entries that were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogTaken {
    /// They are on the disk.
    pub accepted: usize,
    /// Over their source's rate.
    pub over_rate: usize,
    /// Outside of the retention, or from the future.
    pub out_of_time: usize,
    /// Longer than an entry may be.
    pub too_long: usize,
}

impl LogTaken {
    /// Entries that were not kept.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.over_rate + self.out_of_time + self.too_long
    }
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

    /// Takes entries in, and with them how far their reader has come. The answer comes once they are on the disk. What is
    /// pushed comes with `now`, and is held to its source's rate; what Vigie reads itself comes without, for it would be lost.
    ///
    /// # Errors
    /// As [`LogStore::append`] has them.
    pub async fn take_in(
        &self,
        mut entries: Vec<LogEntry>,
        position: Option<Position>,
        now: Option<Time>,
    ) -> Result<LogTaken, LogAppendError> {
        let mut taken = LogTaken::default();
        if let Some(now) = now {
            taken.over_rate = self.hold(&mut entries, now);
        }
        let logs = self.clone();
        let (send, receive) = oneshot::channel();
        // Redaction reads every byte, and the store's lock may be waited for: not on the server's own threads.
        let work = tokio::task::spawn_blocking(move || {
            entries.iter_mut().for_each(|entry| logs.shared.redaction.entry(entry));
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
                if matches!(result, Ok(_) | Err(LogAppendError::NotWritten(_))) {
                    wanted.give();
                }
                if let (Ok(_), Some(tails)) = (&result, tails) {
                    copies.into_iter().for_each(|entry| tails.publish(Arc::new(entry)));
                }
                // Whoever asked may have gone.
                let _ = send.send(result);
            });
        });
        work.await.map_err(|_| LogAppendError::Closed)?;
        let appended = receive.await.unwrap_or(Err(LogAppendError::Closed))?;
        taken.accepted = appended.accepted;
        taken.out_of_time = appended.too_old + appended.too_new;
        taken.too_long = appended.too_long;
        Ok(taken)
    }

    /// Leaves out what is over its source's rate. How many.
    fn hold(&self, entries: &mut Vec<LogEntry>, now: Time) -> usize {
        let (rate, before) = (self.shared.rate, entries.len());
        let mut state = self.state();
        let State { buckets, drops, .. } = &mut *state;
        entries.retain(|entry| {
            let source = known(&entry.source, buckets);
            let bucket = buckets.entry(source.clone()).or_insert((rate * BURST_SECONDS, now));
            let passed = (now.micros() - bucket.1.micros()).max(0) as f64 / 1e6;
            *bucket = ((bucket.0 + passed * rate).min(rate * BURST_SECONDS), now);
            if bucket.0 >= 1.0 {
                bucket.0 -= 1.0;
                return true;
            }
            *drops.entry((source, "rate")).or_default() += 1;
            false
        });
        before - entries.len()
    }

    fn note(
        &self,
        result: &Result<vigie_store::logs::LogAppended, LogAppendError>,
        counts: Counts,
    ) {
        let mut state = self.state();
        let mut drop = |reason, count: usize| {
            if count > 0 {
                // The store does not say whose they were.
                *state.drops.entry((Arc::from(""), reason)).or_default() += count as u64;
            }
        };
        match result {
            Ok(appended) => {
                drop("too_old", appended.too_old);
                drop("too_new", appended.too_new);
                drop("too_long", appended.too_long);
            }
            // They are kept, and written later.
            Err(LogAppendError::NotWritten(_)) => {}
            Err(_) => {
                let all: u64 = counts.values().sum();
                return drop("refused", usize::try_from(all).unwrap_or(usize::MAX));
            }
        }
        for (key, count) in counts {
            let room = state.counts.len() < MOST_COUNTS || state.counts.contains_key(&key);
            let key = if room { key } else { (Arc::from("other"), key.1, Arc::from("other")) };
            *state.counts.entry(key).or_default() += count;
        }
    }

    /// Entries since the start, by source, level and type.
    pub(crate) fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Entries that were not kept, by source and reason.
    pub(crate) fn drops(&self) -> Drops {
        self.state().drops.clone()
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
) -> Result<LogTaken, Refusal> {
    let mut all = LogTaken::default();
    for part in appends(entries) {
        let taken = match logs.take_in(part, None, Some(now)).await {
            Ok(taken) => taken,
            Err(error @ (LogAppendError::TooLarge { .. } | LogAppendError::Position(_))) => {
                return Err(Refusal::TooLarge(error.to_string()));
            }
            Err(error) => return Err(Refusal::NotNow(error.to_string())),
        };
        all.accepted += taken.accepted;
        all.over_rate += taken.over_rate;
        all.out_of_time += taken.out_of_time;
        all.too_long += taken.too_long;
    }
    Ok(all)
}
