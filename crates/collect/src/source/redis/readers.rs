//! The readers of job events that run beside the polls: started, started again after a failure, and stopped.

use std::pin::Pin;
use std::time::{Duration, Instant};

use redis::RedisError;
use tokio::task::JoinSet;
use vigie_model::Broker;

use super::jitter::{Backoff, Jitter};
use super::systems::Systems;
use crate::source::ReaderContext;

/// A reader that ran this long was well; its next failure is a first one.
const WELL: Duration = Duration::from_secs(30);

/// All readers of one source. Dropping it stops them.
pub(super) struct Readers {
    running: JoinSet<(Broker, RedisError)>,
    states: Vec<State>,
}

struct State {
    broker: Broker,
    backoff: Backoff,
    started: Instant,
    /// When to start again; `None` while it runs, or when there is none.
    due: Option<Instant>,
}

impl Readers {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let state =
            |broker| State { broker, backoff: Backoff::new(), started: now, due: Some(now) };
        Self { running: JoinSet::new(), states: Broker::IN_REDIS.into_iter().map(state).collect() }
    }

    /// Starts those that are due.
    pub(super) fn start_due(&mut self, systems: &Systems, context: &ReaderContext) {
        let now = Instant::now();
        for system in systems.all() {
            let broker = system.broker();
            let Some(state) = self.states.iter_mut().find(|state| state.broker == broker) else {
                continue;
            };
            if state.due.is_none_or(|due| due > now) {
                continue;
            }
            state.due = None;
            state.started = now;
            if let Some(reader) = system.reader(context.clone()) {
                self.running.spawn(named(broker, reader));
            }
        }
    }

    /// Waits until one ends, and notes when to start it again. Never returns while none runs.
    pub(super) async fn ended(&mut self, jitter: &mut Jitter) {
        let (broker, error) = match self.running.join_next().await {
            Some(Ok((broker, error))) => (broker, error),
            Some(Err(failure)) => {
                tracing::error!(%failure, "a reader of job events broke down");
                return self.restart_lost(jitter);
            }
            None => return std::future::pending().await,
        };
        tracing::debug!(%broker, %error, "the reader of job events ended and starts again");
        if let Some(state) = self.states.iter_mut().find(|state| state.broker == broker) {
            state.end(jitter);
        }
    }

    /// After a panic nobody knows whose reader it was: all that run are stopped and started again.
    fn restart_lost(&mut self, jitter: &mut Jitter) {
        self.running.abort_all();
        self.running = JoinSet::new();
        for state in &mut self.states {
            state.end(jitter);
        }
    }
}

impl State {
    fn end(&mut self, jitter: &mut Jitter) {
        if self.started.elapsed() >= WELL {
            self.backoff.reset();
        }
        self.due = Some(Instant::now() + self.backoff.wait(jitter));
    }
}

async fn named(
    broker: Broker,
    reader: Pin<Box<dyn Future<Output = RedisError> + Send>>,
) -> (Broker, RedisError) {
    (broker, reader.await)
}
