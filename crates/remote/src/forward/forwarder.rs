//! One destination: what is read for it from the log store, and how far it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vigie_model::{EVENT_KIND, LogEntry};
use vigie_store::logs::{Arrivals, LogAppendError, LogStore};

use super::config::ForwardConfig;
use super::dead::DeadLetters;
use super::deliver::{Delivery, Stopped};
use super::elastic::id;
use super::item::Item;
use super::progress::{Marks, Place, reader};
use super::status::{ForwardError, ForwardOptions, ForwardStatus};
use crate::http::Client;
use crate::patience::Pauses;

/// Tells Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// After so many failures of the disk in a row, what it does not give is passed over and counted.
const PASS_OVER_AFTER: u32 = 8;

/// So many times nothing was there, although something has come.
const NUDGE_EVERY: u32 = 20;

/// What serves one destination. Clones are handles to the same.
#[derive(Clone)]
pub struct Forwarder(Arc<Shared>);

pub(super) struct Shared {
    pub config: ForwardConfig,
    pub options: ForwardOptions,
    pub client: Client,
    pub now: Clock,
    pub letters: Mutex<DeadLetters>,
    store: LogStore,
    state: Mutex<State>,
}

pub(super) struct State {
    pub status: ForwardStatus,
    place: Place,
    marks: Marks,
}

impl Shared {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that these entries have come by now.
    pub fn mark(&self) {
        let (number, now) = (self.store.durable_number(), (self.now)());
        let mut state = self.state();
        let done = state.place.next;
        state.marks.set(number, now, done);
    }
}

impl Forwarder {
    /// Finds out how far the destination is; one that is new begins with what comes from now on, or, where its configuration
    /// says so, with the oldest entry that there is. What comes after this call is not left out.
    ///
    /// # Errors
    /// When the log store does not keep how far it is.
    pub fn open(
        store: LogStore,
        config: ForwardConfig,
        options: ForwardOptions,
        now: Clock,
    ) -> Result<Self, ForwardError> {
        let name = config.name.clone();
        let client = Client::new(&config.headers, &config.tls);
        let unkept = |why: String| ForwardError::Position { name: name.clone(), why };
        let known = options.dir.exists();
        let kept = store.position(&reader(&name)).and_then(|bytes| Place::read(&bytes));
        let (next, at) = (store.next_number(), now());
        let place = match kept {
            Some(place) if place.next > next => {
                tracing::warn!(
                    destination = name,
                    "the log store has lost entries that were sent already"
                );
                Place { next, ..place }
            }
            Some(place) => place,
            None if known => {
                tracing::warn!(
                    destination = name,
                    "how far this destination is was lost: it gets everything from the oldest entry on"
                );
                Place::new(0, at)
            }
            None => Place::new(if config.history { 0 } else { next }, at),
        };
        // The position first: where only the folder is there, it was lost.
        match store.append_wait(Vec::new(), Some(place.position(&name))) {
            // It is kept once the disk works again.
            Ok(_) | Err(LogAppendError::NotWritten { .. }) => {}
            Err(error) => return Err(unkept(error.to_string())),
        }
        std::fs::create_dir_all(&options.dir).map_err(|error| unkept(error.to_string()))?;
        let mut marks = Marks::default();
        marks.set(place.next, place.at, place.next);
        let letters = Mutex::new(DeadLetters::new(&options.dir, config.dead_letter_bytes));
        let state = Mutex::new(State { status: ForwardStatus::default(), place, marks });
        Ok(Self(Arc::new(Shared { config, options, client, now, letters, store, state })))
    }

    /// What its figures are called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// `elasticsearch` or `loki`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.0.config.kind()
    }

    /// Where it is, without what may be secret.
    #[must_use]
    pub fn display_url(&self) -> &str {
        self.0.config.display_url()
    }

    /// Its figures.
    #[must_use]
    pub fn status(&self) -> ForwardStatus {
        let (durable, now) = (self.0.store.durable_number(), (self.0.now)());
        let state = self.0.state();
        let pending = durable.saturating_sub(state.place.next);
        let waited = state.marks.waited(state.place.next, now).filter(|_| pending > 0);
        ForwardStatus { pending, oldest_pending_seconds: waited, ..state.status.clone() }
    }

    /// Sends until `stop`. What is being sent then has a moment to arrive; what does not is sent with the next start.
    pub async fn run(self, stop: CancellationToken) {
        let pauses = Pauses::new(self.0.options.first_pause, self.0.options.longest_pause);
        let delivery = Delivery { shared: Arc::clone(&self.0), stop: stop.clone(), pauses };
        let mut task = Task { shared: self.0, stop, delivery };
        // The only way in which it ends is that it was stopped.
        let Err(Stopped) = task.run().await else { return };
    }
}

struct Task {
    shared: Arc<Shared>,
    stop: CancellationToken,
    delivery: Delivery,
}

impl Task {
    async fn run(&mut self) -> Result<(), Stopped> {
        self.delivery.setup().await?;
        let (first, longest) = (self.shared.options.first_pause, self.shared.options.longest_pause);
        let (mut failures, mut pauses) = (0, Pauses::new(first, longest));
        let mut idle = 0;
        loop {
            self.shared.mark();
            let from = self.shared.state().place.next;
            match self.read(from, failures >= PASS_OVER_AFTER).await {
                Ok(arrivals) if arrivals.next == from => {
                    self.wait(self.shared.options.linger).await?;
                    idle += 1;
                    // What a disk took later than it should have is known to be there with the next append: this is one.
                    if idle % NUDGE_EVERY == 0 && self.shared.store.next_number() > from {
                        self.done(from).await;
                    }
                }
                Ok(arrivals) => {
                    self.forward(from, arrivals).await?;
                    (failures, pauses) = (0, Pauses::new(first, longest));
                }
                Err(why) => {
                    failures += 1;
                    tracing::warn!(destination = self.shared.config.name, %why, "nothing is forwarded");
                    self.shared.state().status.error = Some(why);
                    self.wait(pauses.next()).await?;
                }
            }
        }
    }

    /// The disk may be slow: nobody else waits for it.
    async fn read(&self, from: u64, pass_over: bool) -> Result<Arrivals, String> {
        let (store, options) = (self.shared.store.clone(), &self.shared.options);
        let (most, bytes) = (options.read_entries, options.read_bytes);
        let read =
            tokio::task::spawn_blocking(move || store.arrivals(from, most, bytes, pass_over));
        match read.await {
            Ok(arrivals) => arrivals.map_err(|error| error.to_string()),
            Err(error) => Err(format!("log entries could not be read: {error}")),
        }
    }

    async fn forward(&mut self, from: u64, arrivals: Arrivals) -> Result<(), Stopped> {
        let Arrivals { entries, next, gone } = arrivals;
        let min_level = self.shared.config.min_level;
        let read = entries.len();
        let salt = {
            let mut state = self.shared.state();
            // Who begins with the oldest entry has lost none of those before it.
            state.status.lost += if from == 0 { 0 } else { gone };
            state.place.salt
        };
        if from > 0 && gone > 0 {
            let destination = &self.shared.config.name;
            tracing::warn!(
                destination,
                gone,
                "log entries were gone before they were forwarded: see logs.retention_days"
            );
        }
        let wanted = |entry: &LogEntry| entry.level >= min_level || &*entry.kind == EVENT_KIND;
        let mut items: Vec<Item> = entries
            .into_iter()
            .filter(|(_, entry)| wanted(entry))
            .map(|(number, entry)| Item { number, id: id(salt, number, &entry), entry })
            .collect();
        self.shared.state().status.skipped += (read - items.len()) as u64;
        let mut full = true;
        while !items.is_empty() {
            let rest = items.split_off(self.batch(&items));
            let batch = std::mem::replace(&mut items, rest);
            full = batch.len() == self.shared.config.batch_entries || !items.is_empty();
            self.delivery.deliver(batch).await?;
            if let Some(first) = items.first() {
                self.done(first.number).await;
            }
        }
        self.done(next).await;
        // A moment for more to come, so that requests are not many and small.
        if full { Ok(()) } else { self.wait(self.shared.options.linger).await }
    }

    /// How many of these make a request; one at least.
    fn batch(&self, items: &[Item]) -> usize {
        let config = &self.shared.config;
        let mut bytes = 0;
        let fitting = items.iter().take(config.batch_entries).take_while(|item| {
            bytes += item.entry.message.len() + item.entry.fields.len() + 256;
            bytes <= config.batch_bytes
        });
        fitting.count().max(1)
    }

    /// Keeps that what is before this number is done with.
    async fn done(&self, next: u64) {
        let at = (self.shared.now)();
        let place = {
            let mut state = self.shared.state();
            state.place = Place { next, at, ..state.place };
            state.place
        };
        let (store, position) =
            (self.shared.store.clone(), place.position(&self.shared.config.name));
        let kept =
            tokio::task::spawn_blocking(move || store.append_wait(Vec::new(), Some(position)));
        if let Ok(Err(error)) = kept.await {
            // After a kill it is sent again: that is all.
            let destination = &self.shared.config.name;
            tracing::debug!(destination, %error, "how far this destination is was not kept");
        }
    }

    async fn wait(&self, time: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }
}
