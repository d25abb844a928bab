//! What the source of an n8n and the reader of its queue tell each other: the one knows what workflows are called, the other
//! how executions ended.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vigie_model::Name;

/// Executions that ended and that the source has not fetched yet; over that, the oldest are dropped and counted.
const PENDING: usize = 2_000;
/// Workflows whose names are known.
const WORKFLOWS: usize = 20_000;

/// How one execution failed, in the words of the worker that ran it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRun {
    /// Its id.
    pub execution: String,
    /// The id of its job in the queue; another one.
    pub job: String,
    /// n8n's word for its end: `error`, `crashed`, `canceled`.
    pub status: String,
    /// The error's own words.
    pub message: Option<String>,
    /// The node that ran last.
    pub node: Option<String>,
    /// The worker, `worker-<host>`.
    pub worker: Option<String>,
}

#[derive(Default)]
struct State {
    names: HashMap<String, Name>,
    failed: VecDeque<FailedRun>,
    dropped: u64,
}

/// The way between the two; cheap to clone.
#[derive(Clone, Default)]
pub struct N8nLink(Arc<Mutex<State>>);

impl N8nLink {
    /// What workflows are called, by their ids.
    pub(crate) fn name(&self, names: impl IntoIterator<Item = (String, Name)>) {
        let mut state = self.state();
        for (id, name) in names {
            if state.names.len() < WORKFLOWS || state.names.contains_key(&id) {
                state.names.insert(id, name);
            }
        }
    }

    /// What a workflow is called: its id, as long as nobody has told its name.
    pub(crate) fn name_of(&self, workflow: &str) -> Name {
        self.state().names.get(workflow).cloned().unwrap_or_else(|| Name::from(workflow))
    }

    /// An execution failed.
    pub(crate) fn failed(&self, run: FailedRun) {
        let mut state = self.state();
        if state.failed.len() >= PENDING {
            state.failed.pop_front();
            state.dropped += 1;
        }
        state.failed.push_back(run);
    }

    /// All that failed since this was asked last, and how many more were dropped.
    pub(crate) fn take_failed(&self) -> (Vec<FailedRun>, u64) {
        let mut state = self.state();
        (state.failed.drain(..).collect(), std::mem::take(&mut state.dropped))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave the maps half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for N8nLink {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for N8nLink {}

impl fmt::Debug for N8nLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("N8nLink")
    }
}

/// A queue of a Redis whose jobs are executions of an n8n.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionQueue {
    /// What its keys begin with, without a colon at its end: `bull:jobs`.
    pub base: String,
    /// The way to the source of that n8n.
    pub link: N8nLink,
}
