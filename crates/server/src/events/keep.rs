//! Keeps what the board notes, and fills the timeline from what is kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vigie_model::{EVENT_KIND, Event, EventId};
use vigie_store::logs::{Condition, Found, LogAppendError, LogField, LogFilter, LogStore, Order};

use crate::logs::{Logs, entries_in_appends};
use crate::state::AppState;

/// As many as the timeline holds.
const NEWEST: usize = 2_000;
/// Events that come within this time are read together.
const TOGETHER: Duration = Duration::from_millis(50);
/// What the store refused is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);
/// So many wait for the store; of more, the oldest are dropped and counted.
const MOST_WAITING: usize = 100_000;
/// Numbers of events that are in no store come after all that are in one.
const UNKEPT: u64 = 1 << 63;

/// Has the log store keep what the board notes, until `fed` says that the board notes nothing more; `noted` says when to look.
/// An event is on the timeline only once it is on the disk, so that none that was shown is missing after a restart. Without a
/// store, or while it refuses, the timeline has them nevertheless; what was refused is kept later.
pub async fn keep_events(app: AppState, noted: Arc<Notify>, fed: CancellationToken) {
    let mut keeper = Keeper { app, next: UNKEPT, waiting: VecDeque::new() };
    loop {
        let retry = !keeper.waiting.is_empty();
        let over = tokio::select! {
            () = fed.cancelled() => true,
            () = noted.notified() => false,
            () = tokio::time::sleep(AGAIN), if retry => false,
        };
        keeper.keep().await;
        if over {
            if !keeper.waiting.is_empty() {
                tracing::warn!(
                    events = keeper.waiting.len(),
                    "events are lost: the log store refused them to the end"
                );
            }
            return;
        }
    }
}

struct Keeper {
    app: AppState,
    /// The next number of an event that no store has.
    next: u64,
    /// What the store refused, with its name on the timeline meanwhile.
    waiting: VecDeque<(EventId, Event)>,
}

impl Keeper {
    async fn keep(&mut self) {
        let (events, mut dropped) = self.app.board.write().timeline_mut().take_noted();
        match self.app.logs.clone() {
            None => drop(self.show(events)),
            Some(logs) => {
                self.keep_again(&logs).await;
                for part in entries_in_appends(events.into_iter().map(Event::into_entry).collect())
                {
                    let kept = part.clone();
                    if let Err(error) = append(&logs, part).await {
                        tracing::warn!(%error, "events are not kept yet");
                        let events = kept.iter().filter_map(Event::of_entry).collect();
                        let shown = self.show(events);
                        self.waiting.extend(shown);
                    }
                }
            }
        }
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
            dropped += 1;
        }
        if dropped > 0 {
            tracing::warn!(dropped, "events came faster than they could be kept");
        }
    }

    /// Tries what was refused; what is kept now comes to the timeline from the store.
    async fn keep_again(&mut self, logs: &Logs) {
        let waiting = std::mem::take(&mut self.waiting);
        let mut events = waiting.iter().map(|(_, event)| event.clone().into_entry());
        let mut done = 0;
        for part in entries_in_appends(events.by_ref().collect()) {
            let count = part.len();
            if append(logs, part).await.is_err() {
                break;
            }
            done += count;
        }
        let mut board = self.app.board.write();
        for (place, (id, event)) in waiting.into_iter().enumerate() {
            if place < done {
                board.timeline_mut().take_back(id);
            } else {
                self.waiting.push_back((id, event));
            }
        }
    }

    /// Puts events on the timeline that are in no store.
    fn show(&mut self, events: Vec<Event>) -> Vec<(EventId, Event)> {
        let first = self.next;
        self.next += events.len() as u64;
        let named = events
            .into_iter()
            .zip(first..)
            .map(|(event, number)| (EventId { time_nanos: event.time_nanos, number }, event));
        let shown: Vec<(EventId, Event)> = named.collect();
        let mut board = self.app.board.write();
        for (id, event) in &shown {
            board.timeline_mut().tell(*id, event.clone());
        }
        shown
    }
}

async fn append(logs: &Logs, entries: Vec<vigie_model::LogEntry>) -> Result<(), LogAppendError> {
    if entries.is_empty() {
        return Ok(());
    }
    // Without a time there is no rate: what Vigie itself saw is not asked for again.
    match logs.take_in(entries, None).await {
        // It is found, and is written when the disk works.
        Ok(_) | Err(LogAppendError::NotWritten { .. }) => Ok(()),
        // It is found, and nothing is written any more.
        Err(error @ LogAppendError::Closed) => {
            tracing::warn!(%error, "events are lost");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Fills the timeline from the store, and puts there what comes into the store by any door, until `stop`.
pub async fn follow_events(app: AppState, stop: CancellationToken) {
    let Some(logs) = app.logs.clone() else { return stop.cancelled().await };
    let given_up = Arc::new(AtomicBool::new(false));
    let mut from = 0;
    loop {
        let (store, gone) = (logs.store().clone(), Arc::clone(&given_up));
        let mut reading = tokio::task::spawn_blocking(move || newest(&store, from, &gone));
        let read = tokio::select! {
            () = stop.cancelled() => {
                given_up.store(true, Ordering::Relaxed);
                // It ends now, and with it its hold on the store.
                let _ = reading.await;
                return;
            }
            read = &mut reading => read,
        };
        match read {
            Ok((events, next)) => {
                from = next;
                let mut board = app.board.write();
                for (id, event) in events {
                    board.timeline_mut().tell(id, event);
                }
            }
            Err(error) => tracing::error!(%error, "reading events failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = logs.events_came() => {}
        }
        tokio::time::sleep(TOGETHER).await;
    }
}

/// The name that the store gives an event.
pub(super) fn id(found: &Found) -> EventId {
    EventId { time_nanos: found.entry.time_nanos, number: found.number }
}

/// The newest of those that arrived as number `from` or later, and the number of what comes after them.
fn newest(store: &LogStore, from: u64, gone: &AtomicBool) -> (Vec<(EventId, Event)>, u64) {
    // What arrives from here on is read the next time, and told once nevertheless.
    let next = store.next_number();
    let filter = LogFilter {
        conditions: vec![Condition::equal(LogField::Kind, EVENT_KIND)],
        from_number: from,
        ..LogFilter::default()
    };
    let page =
        store.search(filter, Order::NewestFirst, None, NEWEST, &|| gone.load(Ordering::Relaxed));
    let found = page.map(|page| page.entries).unwrap_or_default();
    let events = found.iter().filter_map(|found| Some((id(found), Event::of_entry(&found.entry)?)));
    (events.collect(), next)
}
