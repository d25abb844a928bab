//! Executions that failed, as log lines: each once, also over a restart of Vigie.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vigie_model::{LogEntry, Name, Time, log_entry_from_object};

use super::decode::{Execution, Failure};
use super::link::FailedRun;

/// Failures that are remembered as told. With ids of at most 64 bytes, they and the workflows fit into a position of 64 KiB.
const REMEMBERED: usize = 500;
/// Failures that may wait for more to be known of them.
const PENDING: usize = 500;
/// A failure is told after so many seconds, whatever is known of it by then.
const PATIENCE: f64 = 30.0;
/// So many seconds a worker's word may be behind what the API lists, and the API's own words behind its list.
const SETTLED: f64 = 3.0;
/// Lines that are kept in one step.
const AT_ONCE: usize = 200;
/// Executions whose error is asked for in one look.
const ASKED: usize = 5;

/// What must not be told again, kept with the lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// Ids of executions that failed, the newest last.
    told: VecDeque<String>,
    /// Ids of workflows that are overdue, and that this was told.
    #[serde(default)]
    pub overdue: Vec<String>,
    /// The time of the newest line of `logs_path`, in nanoseconds, and how many lines of that time were kept.
    #[serde(default)]
    pub logs: (i64, usize),
}

impl Position {
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// One that failed, and what is known of it.
#[derive(Debug, Default)]
struct Failed {
    seen: Time,
    run: Option<FailedRun>,
    listed: Option<Execution>,
    asked: Option<Failure>,
}

/// Failures that are not told yet.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pending: BTreeMap<String, Failed>,
    /// Those that there was no room for.
    pub dropped: u64,
}

impl Failures {
    /// A worker said so.
    pub fn heard(&mut self, run: FailedRun, position: &Position, now: Time) {
        if let Some(failed) = self.of(&run.execution, position, now) {
            failed.run = Some(run);
        }
    }

    /// The API lists it.
    pub fn listed(&mut self, listed: &[Execution], position: &Position, now: Time) {
        for one in
            listed.iter().filter(|one| matches!(one.status.as_deref(), Some("error" | "crashed")))
        {
            if let Some(failed) = self.of(&one.id, position, now) {
                failed.listed.get_or_insert_with(|| one.clone());
            }
        }
    }

    fn of(&mut self, id: &str, position: &Position, now: Time) -> Option<&mut Failed> {
        if position.told.iter().any(|told| told == id) {
            return None;
        }
        if self.pending.len() >= PENDING && !self.pending.contains_key(id) {
            self.dropped += 1;
            return None;
        }
        Some(
            self.pending
                .entry(id.to_owned())
                .or_insert_with(|| Failed { seen: now, ..Failed::default() }),
        )
    }

    /// Those whose error is known to nobody but the API; a few at a time.
    pub fn to_ask(&self, now: Time) -> Vec<String> {
        let wanted = self.pending.iter().filter(|(_, failed)| {
            failed.asked.is_none()
                && failed.listed.is_some()
                && failed.run.as_ref().is_none_or(|run| run.message.is_none())
                && now.since(failed.seen) >= SETTLED
        });
        wanted.map(|(id, _)| id.clone()).take(ASKED).collect()
    }

    /// What the API says of one; nothing where it does not tell.
    pub fn asked(&mut self, id: &str, failure: Failure) {
        if let Some(failed) = self.pending.get_mut(id) {
            failed.asked = Some(failure);
        }
    }

    /// The lines of those of which all is known that will be; `position` is told of them. They stay until [`Self::kept`]. `api`:
    /// whether there is one that may still tell more.
    pub fn lines(&self, place: &Place<'_>, api: bool, position: &mut Position, now: Time) -> Ready {
        let ready = self.pending.iter().filter(|(_, failed)| {
            let heard = failed.run.as_ref().is_some_and(|run| run.message.is_some());
            let whole = failed.listed.is_some() && (heard || failed.asked.is_some());
            !api || whole || now.since(failed.seen) > PATIENCE
        });
        let mut told = Ready::default();
        for (id, failed) in ready.take(AT_ONCE) {
            told.lines.extend(line(place, id, failed, now));
            told.ids.push(id.clone());
            if position.told.len() >= REMEMBERED {
                position.told.pop_front();
            }
            position.told.push_back(id.clone());
        }
        told
    }

    /// They are kept.
    pub fn kept(&mut self, ids: Vec<String>) {
        for id in ids {
            self.pending.remove(&id);
        }
    }
}

/// Lines that are to be kept, and the executions that they are about.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub lines: Vec<LogEntry>,
    pub ids: Vec<String>,
}

/// Where failures are told.
pub(super) struct Place<'a> {
    /// The source of the n8n.
    pub source: &'a str,
    /// The queue in which the executions are jobs.
    pub queue: &'a str,
    /// What a workflow is called.
    pub name: &'a (dyn Fn(&str) -> Name + Sync),
}

fn line(place: &Place<'_>, id: &str, failed: &Failed, now: Time) -> Option<LogEntry> {
    let (run, listed) = (failed.run.as_ref(), failed.listed.as_ref());
    let asked = failed.asked.as_ref();
    let status = listed.and_then(|one| one.status.as_deref());
    let status = status.or(run.map(|run| run.status.as_str())).unwrap_or("error");
    let workflow = listed.map(|one| (place.name)(&one.workflow_id));
    let words = run.and_then(|run| run.message.clone());
    let words = words.or_else(|| asked.and_then(|failure| failure.message.clone()));
    let shown = workflow.as_ref().map_or_else(|| "a workflow".to_owned(), ToString::to_string);
    let message = match words {
        Some(words) => format!("{shown}: execution {id} failed: {words}"),
        None => format!("{shown}: execution {id} ended as {status}"),
    };
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), Value::String(value));
        }
    };
    put("level", Some("error".to_owned()));
    put("type", Some("execution".to_owned()));
    put("message", Some(message));
    put("queue", Some(place.queue.to_owned()));
    // In a queue of Bull the job has an id of its own.
    put("job", Some(run.map_or(id, |run| run.job.as_str()).to_owned()));
    put("executionId", Some(id.to_owned()));
    put("status", Some(status.to_owned()));
    put("workflow", workflow.map(|name| name.to_string()));
    put("workflowId", listed.map(|one| one.workflow_id.clone()));
    put("mode", listed.and_then(|one| one.mode.clone()));
    put("retry", listed.filter(|one| one.is_retry()).map(|_| "true".to_owned()));
    put(
        "node",
        run.and_then(|run| run.node.clone()).or_else(|| asked.and_then(|one| one.node.clone())),
    );
    put("worker", run.and_then(|run| run.worker.clone()));
    let stopped = listed.and_then(Execution::stopped);
    let mut entry = log_entry_from_object(map, place.source, now).ok()?;
    if let Some(stopped) = stopped {
        entry.time_nanos = stopped.micros().saturating_mul(1_000);
    }
    Some(entry)
}
