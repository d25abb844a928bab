//! The hub: keeps the documents that somebody listens to, and sends what changed.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use vigie_model::Time;

use super::document::{changed_rows, document};
use super::frame::Frame;
use super::patch::difference;
use super::topic::Topic;
use crate::state::{Now, SharedBoard};
use crate::time_text::rfc3339;

/// How often the hub looks for changes: what brokers tell by events is on the screen that fast.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between two full looks a topic has at most a message in this time: one change is shown at once, many together.
const APART_SECONDS: f64 = 0.1;
/// A client that is this many messages behind is cut.
const BEHIND: usize = 256;
/// A topic nobody listens to is kept up for this long, so that who comes back misses nothing.
const KEPT_UP_SECONDS: f64 = 30.0;
/// What is kept for those who come back: so many messages, and so many bytes.
const KEPT_MESSAGES: usize = 2_000;
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The live stream's hub; cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    board: SharedBoard,
    now: Now,
    boot: String,
    counters: Counters,
    state: Mutex<State>,
}

/// What the hub counts of itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) clients: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

struct State {
    last_number: u64,
    topics: HashMap<Topic, Watched>,
    kept: VecDeque<Arc<Frame>>,
    kept_bytes: usize,
    sender: Option<broadcast::Sender<Arc<Frame>>>,
    board_version: u64,
    last_full: Time,
    /// The timeline's version that the topic `events` has told.
    events_told: Option<u64>,
}

/// A topic that somebody listens to, or did until a moment ago.
struct Watched {
    /// As the first listener spelled it.
    name: String,
    document: Value,
    /// The version of each queue at the last look; topic `queues` only.
    versions: HashMap<u32, u64>,
    listeners: usize,
    left: Time,
    /// When its newest message was made.
    sent: Time,
    /// Every change after this message was sent.
    whole_since: u64,
    snapshot: Option<Arc<Frame>>,
}

/// What a new listener gets: what it lacks, then everything as it comes.
pub(crate) struct Subscription {
    pub(crate) first: Vec<Arc<Frame>>,
    pub(crate) receiver: broadcast::Receiver<Arc<Frame>>,
    pub(crate) topics: Vec<Topic>,
}

impl Hub {
    pub(crate) fn new(board: SharedBoard, now: Now) -> Self {
        let started = now();
        let state = State {
            last_number: 0,
            topics: HashMap::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            sender: Some(broadcast::Sender::new(BEHIND)),
            board_version: 0,
            last_full: started,
            events_told: None,
        };
        let boot = format!("{:x}", started.micros());
        Self(Arc::new(Shared {
            board,
            now,
            boot,
            counters: Counters::default(),
            state: Mutex::new(state),
        }))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in here can at worst leave a document behind its patches; the next snapshot mends that.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to listen. `last_id` is the id of the last message that the client has: when everything since is
    /// still kept, it gets that instead of snapshots. `None` when the hub is closed.
    pub(crate) fn subscribe(
        &self,
        topics: Vec<(String, Topic)>,
        last_id: Option<&str>,
    ) -> Option<Subscription> {
        let now = (self.0.now)();
        let board = self.0.board.read();
        let mut state = self.state();
        let receiver = state.sender.as_ref()?.subscribe();
        let seen = last_id.and_then(|id| self.number_of(id));
        let resumable = seen.filter(|seen| state.keeps_after(*seen));
        let mut first = Vec::new();
        for (name, topic) in &topics {
            state.watch(name, topic, || document(topic, &board, now));
            let whole = resumable
                .filter(|seen| state.topics.get(topic).is_some_and(|own| own.whole_since <= *seen));
            match whole {
                Some(seen) => {
                    let missed = state
                        .kept
                        .iter()
                        .filter(|frame| frame.number > seen && frame.topic == *topic);
                    first.extend(missed.cloned());
                }
                None => first.extend(state.snapshot(topic, &self.0.boot, now)),
            }
        }
        first.sort_by_key(|frame| frame.number);
        self.0.counters.clients.fetch_add(1, Ordering::Relaxed);
        Some(Subscription {
            first,
            receiver,
            topics: topics.into_iter().map(|(_, topic)| topic).collect(),
        })
    }

    /// Ends to listen; `cut` when the client did not keep up.
    pub(crate) fn unsubscribe(&self, topics: &[Topic], cut: bool) {
        let now = (self.0.now)();
        let mut state = self.state();
        for topic in topics {
            if let Some(watched) = state.topics.get_mut(topic) {
                watched.listeners = watched.listeners.saturating_sub(1);
                watched.left = now;
            }
        }
        drop(state);
        self.0.counters.clients.fetch_sub(1, Ordering::Relaxed);
        if cut {
            self.0.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn number_of(&self, id: &str) -> Option<u64> {
        let (boot, number) = id.rsplit_once('-')?;
        (boot == self.0.boot).then(|| number.parse().ok())?
    }

    /// Looks for changes until `stop`, then ends every stream.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick() => self.look(),
            }
        }
        self.state().sender = None;
    }

    /// Sends what changed. Once a second everything is looked at, because rates and ages change by themselves;
    /// in between only what was observed.
    fn look(&self) {
        let now = (self.0.now)();
        let board = self.0.board.read();
        let mut state = self.state();
        let full = now.since(state.last_full) >= 1.0;
        if !full && state.board_version == board.version() {
            return;
        }
        if full {
            // Keeps the beat of whole seconds after a late look.
            state.last_full =
                if now.since(state.last_full) < 2.0 { state.last_full + 1.0 } else { now };
            state
                .topics
                .retain(|_, own| own.listeners > 0 || now.since(own.left) < KEPT_UP_SECONDS);
        }
        let (due, early): (Vec<&Topic>, Vec<&Topic>) = state
            .topics
            .keys()
            .partition(|topic| full || now.since(state.topics[*topic].sent) >= APART_SECONDS);
        let due: Vec<Topic> = due.into_iter().cloned().collect();
        if early.is_empty() {
            state.board_version = board.version();
        }
        for topic in due {
            let patch = match (&topic, full) {
                (Topic::Queues, _) => state.patch_rows(&board, now, full),
                // Sums over everything change with everything: once a second is as often as they can be read.
                (Topic::Events, _) => state.patch_events(&board, now),
                (Topic::Now | Topic::Workers | Topic::Sources | Topic::Instances, false) => None,
                _ => state.patch(&topic, document(&topic, &board, now)),
            };
            if let Some(patch) = patch {
                self.send(&mut state, &topic, &patch, now);
            }
        }
    }

    fn send(&self, state: &mut State, topic: &Topic, patch: &Value, now: Time) {
        let Some(watched) = state.topics.get_mut(topic) else { return };
        watched.snapshot = None;
        watched.sent = now;
        state.last_number += 1;
        let number = state.last_number;
        let data = json!({ "topic": watched.name, "at": rfc3339(now), "patch": patch }).to_string();
        let frame =
            Frame::new(number, topic.clone(), &format!("{}-{number}", self.0.boot), "patch", &data);
        self.0.counters.messages.fetch_add(1, Ordering::Relaxed);
        self.0.counters.bytes.fetch_add(frame.len() as u64, Ordering::Relaxed);
        state.keep(Arc::new(frame));
    }
}

impl State {
    /// Everything after message `number` is still kept.
    fn keeps_after(&self, number: u64) -> bool {
        number <= self.last_number
            && self.kept.front().is_none_or(|oldest| oldest.number <= number + 1)
    }

    fn watch(&mut self, name: &str, topic: &Topic, make: impl FnOnce() -> Value) {
        let number = self.last_number;
        let watched = self.topics.entry(topic.clone()).or_insert_with(|| Watched {
            name: name.to_owned(),
            document: make(),
            versions: HashMap::new(),
            listeners: 0,
            left: Time::default(),
            sent: Time::default(),
            whole_since: number,
            snapshot: None,
        });
        watched.listeners += 1;
    }

    fn snapshot(&mut self, topic: &Topic, boot: &str, now: Time) -> Option<Arc<Frame>> {
        let number = self.last_number;
        let watched = self.topics.get_mut(topic)?;
        let frame = watched.snapshot.get_or_insert_with(|| {
            let data =
                json!({ "topic": watched.name, "at": rfc3339(now), "doc": watched.document })
                    .to_string();
            Arc::new(Frame::new(
                number,
                topic.clone(),
                &format!("{boot}-{number}"),
                "snapshot",
                &data,
            ))
        });
        Some(Arc::clone(frame))
    }

    fn patch(&mut self, topic: &Topic, new: Value) -> Option<Value> {
        let watched = self.topics.get_mut(topic)?;
        let patch = difference(&watched.document, &new)?;
        watched.document = new;
        Some(patch)
    }

    /// Events come seldom, and what they say never changes: nothing is compared while none came.
    fn patch_events(&mut self, board: &vigie_board::Board, now: Time) -> Option<Value> {
        let version = Some(board.timeline().version());
        if std::mem::replace(&mut self.events_told, version) == version {
            return None;
        }
        self.patch(&Topic::Events, document(&Topic::Events, board, now))
    }

    /// The topic `queues` has the most to say, so only rows of queues that were observed are made anew between
    /// two full looks.
    fn patch_rows(&mut self, board: &vigie_board::Board, now: Time, full: bool) -> Option<Value> {
        let watched = self.topics.get_mut(&Topic::Queues)?;
        if full {
            watched.versions = board.queues(now).map(|view| (view.row, view.version)).collect();
            let new = document(&Topic::Queues, board, now);
            return self.patch(&Topic::Queues, new);
        }
        let versions = &mut watched.versions;
        let before = versions.clone();
        let changed: Vec<(String, Value)> =
            changed_rows(board, now, |row, version| before.get(&row) != Some(&version)).collect();
        for view in board.queues(now) {
            versions.insert(view.row, view.version);
        }
        let rows = watched.document.get_mut("rows")?.as_object_mut()?;
        let mut patch = Map::new();
        for (id, row) in changed {
            let change = match rows.get(&id) {
                Some(old) => difference(old, &row),
                None => Some(row.clone()),
            };
            if let Some(change) = change {
                patch.insert(id.clone(), change);
                rows.insert(id, row);
            }
        }
        (!patch.is_empty()).then(|| json!({ "rows": patch }))
    }

    fn keep(&mut self, frame: Arc<Frame>) {
        if let Some(sender) = &self.sender {
            // No receiver is no error: a topic may be kept up for those who come back.
            let _ = sender.send(Arc::clone(&frame));
        }
        self.kept_bytes += frame.len();
        self.kept.push_back(frame);
        while self.kept.len() > KEPT_MESSAGES || self.kept_bytes > KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.len();
        }
    }
}
