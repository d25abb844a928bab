//! What n8n's answers say. Pure, and tolerant: what is absent is `None`. Only what is named here is taken out of an answer;
//! node parameters, pinned data, webhook bodies and who owns a project are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use vigie_model::{Labels, Time, log_time};

use crate::source::prometheus::{DecodeError, figures};

/// What one process says of itself at `/metrics`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Its version, without the `v`.
    pub version: Option<String>,
    /// The second of its start.
    pub boot: Option<String>,
    /// Whether it leads the main processes; only those say so.
    pub leader: Option<bool>,
    /// Executions that it has under way: of a main or webhook process those that it has started, waiting ones included; of a
    /// worker those of which a node runs. `None` before the first, or without the counters of events.
    pub in_flight: Option<f64>,
    /// Whether there are counters of events.
    pub counts_events: bool,
    /// Jobs of the queue, where this process tells.
    pub queue: Option<QueueFigures>,
    /// Executions that it has started, by workflow id.
    pub started: BTreeMap<String, f64>,
    /// Names of workflows by their ids, where it tells.
    pub names: BTreeMap<String, String>,
}

/// The queue of a cluster, as its leader counts it every 20 s.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QueueFigures {
    /// Jobs that wait.
    pub waiting: Option<u64>,
    /// Jobs that run.
    pub active: Option<u64>,
}

/// Executions that began, ended well, failed, or whose worker vanished; a process has those that it started.
const STARTED: &str = "n8n_workflow_started_total";
const ENDED: [&str; 3] =
    ["n8n_workflow_success_total", "n8n_workflow_failed_total", "n8n_queue_job_stalled_total"];
/// Nodes that began and ended, on the process that runs them.
const NODE_STARTED: &str = "n8n_node_started_total";
const NODE_FINISHED: &str = "n8n_node_finished_total";
const WAITING: &str = "n8n_scaling_mode_queue_jobs_waiting";
const ACTIVE: &str = "n8n_scaling_mode_queue_jobs_active";

/// Reads `/metrics`.
///
/// # Errors
/// When it is no Prometheus text.
pub fn metrics(body: &[u8]) -> Result<Figures, DecodeError> {
    let wanted = |name: &str| {
        ENDED.contains(&name)
            || [STARTED, NODE_STARTED, NODE_FINISHED, WAITING, ACTIVE].contains(&name)
            || name.starts_with("n8n_queue_job_")
            || ["n8n_version_info", "n8n_process_start_time_seconds", "n8n_instance_role_leader"]
                .contains(&name)
    };
    let found = figures(body, wanted)?;
    let all =
        |name: &'static str| found.iter().filter(move |(labels, _)| labels.metric_name() == name);
    let one = |name: &'static str| all(name).next().map(|(_, value)| *value);
    let sum = |name: &'static str| all(name).map(|(_, value)| *value).reduce(|one, two| one + two);
    let version = all("n8n_version_info").find_map(|(labels, _)| labels.get("version"));
    let mut read = Figures {
        version: version.map(|version| version.trim_start_matches('v').to_owned()),
        boot: one("n8n_process_start_time_seconds").map(|start| format!("{start:.0}")),
        leader: one("n8n_instance_role_leader").map(|leads| leads > 0.0),
        counts_events: found.iter().any(|(labels, _)| is_event(labels)),
        ..Figures::default()
    };
    let nodes = sum(NODE_STARTED).map(|began| began - sum(NODE_FINISHED).unwrap_or(0.0));
    let ended: f64 = ENDED.into_iter().filter_map(sum).sum();
    let own = sum(STARTED).map(|began| began - ended);
    // A main that runs its workflows itself has both, and both are about the same executions.
    read.in_flight = own.or(nodes).map(|flying| flying.max(0.0));
    let (waiting, active) = (one(WAITING).and_then(count), one(ACTIVE).and_then(count));
    if waiting.is_some() || active.is_some() {
        read.queue = Some(QueueFigures { waiting, active });
    }
    for (labels, value) in all(STARTED) {
        let Some(id) = labels.get("workflow_id").filter(|id| !id.is_empty()) else { continue };
        *read.started.entry(id.to_owned()).or_default() += value;
        if let Some(name) = labels.get("workflow_name").filter(|name| !name.is_empty()) {
            read.names.insert(id.to_owned(), name.to_owned());
        }
    }
    Ok(read)
}

fn is_event(labels: &Labels) -> bool {
    let name = labels.metric_name();
    name.starts_with("n8n_queue_job_") || [STARTED, NODE_STARTED].contains(&name)
}

fn count(value: f64) -> Option<u64> {
    (0.0..1e15).contains(&value).then_some(value as u64)
}

/// A page of a list of the public API.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page<T> {
    /// Its entries.
    pub data: Vec<T>,
    /// Where the next page begins.
    #[serde(rename = "nextCursor", default)]
    pub next: Option<String>,
}

/// Reads a page. An entry that cannot be read makes the whole page an error: n8n's API is typed.
///
/// # Errors
/// What is wrong with it.
pub fn list<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<Page<T>, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// Its id.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether its triggers are on.
    #[serde(default)]
    pub active: bool,
    /// Whether it was put aside.
    #[serde(default)]
    pub is_archived: bool,
    /// When it was last changed or turned on.
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    settings: Option<Settings>,
    #[serde(default)]
    nodes: Vec<Node>,
    /// What is published (2.x); `nodes` is the draft then.
    #[serde(default)]
    active_version: Option<ActiveVersion>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    timezone: Option<String>,
    save_data_success_execution: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct ActiveVersion {
    #[serde(default)]
    nodes: Vec<Node>,
}

/// A node of a workflow: only what says when it is triggered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Node {
    /// Its type, such as `n8n-nodes-base.scheduleTrigger`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it was switched off.
    #[serde(default)]
    pub disabled: bool,
    /// Its parameters that say when.
    #[serde(default)]
    pub parameters: Timing,
}

/// The parameters of triggers by time; those of all other nodes are passed over.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// Of a schedule trigger.
    #[serde(default)]
    pub rule: Value,
}

impl Workflow {
    /// When it was last changed or turned on.
    #[must_use]
    pub fn updated(&self) -> Option<Time> {
        time(self.updated_at.as_deref()?)
    }

    /// Its own time zone; `DEFAULT` stands for n8n's.
    #[must_use]
    pub fn timezone(&self) -> Option<&str> {
        let zone = self.settings.as_ref()?.timezone.as_deref()?;
        (!zone.is_empty() && zone != "DEFAULT").then_some(zone)
    }

    /// Whether executions of it that end well are kept, as far as the workflow itself says.
    #[must_use]
    pub fn keeps_successes(&self) -> bool {
        let saves =
            self.settings.as_ref().and_then(|one| one.save_data_success_execution.as_deref());
        saves != Some("none")
    }

    /// The nodes that run.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        self.active_version.as_ref().map_or(&self.nodes, |version| &version.nodes)
    }
}

/// An execution, as a list of the public API has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its id; a text of a number. Version 1 sent the number.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// The workflow's id.
    #[serde(deserialize_with = "id")]
    pub workflow_id: String,
    /// How it stands: `success`, `error`, `crashed`, `canceled`, `waiting`, `running`, `new`, `unknown`.
    #[serde(default)]
    pub status: Option<String>,
    /// How it was started: `trigger`, `webhook`, `manual`, `retry`, …
    #[serde(default)]
    pub mode: Option<String>,
    /// The execution that this one repeats.
    #[serde(default)]
    pub retry_of: Option<Value>,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    stopped_at: Option<String>,
    #[serde(default)]
    wait_till: Option<String>,
}

impl Execution {
    /// When it began.
    #[must_use]
    pub fn started(&self) -> Option<Time> {
        time(self.started_at.as_deref()?)
    }

    /// When it ended.
    #[must_use]
    pub fn stopped(&self) -> Option<Time> {
        time(self.stopped_at.as_deref()?)
    }

    /// Until when it waits.
    #[must_use]
    pub fn wait_till(&self) -> Option<Time> {
        time(self.wait_till.as_deref()?)
    }

    /// Whether it repeats another one.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.retry_of.as_ref().is_some_and(|of| !of.is_null())
    }
}

/// Longer ids are nobody's: they are kept, and sent back.
pub(crate) const LONGEST_ID: usize = 64;

fn id<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let id = match Value::deserialize(from)? {
        Value::String(id) => id,
        Value::Number(id) => id.to_string(),
        _ => return Err(serde::de::Error::custom("an id is a text or a number")),
    };
    match id.len() {
        1..=LONGEST_ID => Ok(id),
        _ => Err(serde::de::Error::custom(format!("an id has 1 to {LONGEST_ID} bytes"))),
    }
}

fn time(text: &str) -> Option<Time> {
    let nanos = log_time(&Value::from(text))?;
    Some(Time::from_micros(nanos.div_euclid(1_000)))
}

/// Why an execution failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The error's own words.
    pub message: Option<String>,
    /// The node that ran last.
    pub node: Option<String>,
}

/// Reads one execution with its data: only its error's message and the name of its last node are taken out.
///
/// # Errors
/// When it is no execution.
pub fn failure(body: &[u8]) -> Result<Failure, String> {
    #[derive(Deserialize)]
    struct Whole {
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        result_data: Option<Outcome>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Outcome {
        error: Option<Message>,
        last_node_executed: Option<String>,
    }
    #[derive(Deserialize)]
    struct Message {
        message: Option<String>,
    }
    let whole: Whole = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Some(outcome) = whole.data.and_then(|data| data.result_data) else {
        return Ok(Failure::default());
    };
    let message = outcome.error.and_then(|error| error.message).map(|text| short(&text));
    Ok(Failure { message, node: outcome.last_node_executed.map(|node| short(&node)) })
}

/// Longer words of others are cut.
const SHOWN_CHARACTERS: usize = 2_000;

fn short(text: &str) -> String {
    text.trim().chars().take(SHOWN_CHARACTERS).collect()
}

/// A process, as it registers itself in Redis.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// What tells it from every other; another one after each start.
    pub key: String,
    /// Its host, `worker-<hostname>`.
    pub host: String,
    /// `main`, `worker` or `webhook`.
    pub role: String,
    /// Whether it leads the main processes; only of those.
    pub leader: Option<bool>,
    /// Its version.
    pub version: Option<String>,
    /// When it registered last, on its own clock.
    pub seen: Option<Time>,
}

/// Reads a registration.
///
/// # Errors
/// When it is none.
pub fn member(text: &[u8]) -> Result<Member, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Raw {
        instance_key: String,
        host_id: String,
        instance_type: String,
        instance_role: Option<String>,
        version: Option<String>,
        last_seen: Option<i64>,
    }
    let raw: Raw = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if !(1..=LONGEST_ID).contains(&raw.instance_key.len()) {
        return Err("it has no key".to_owned());
    }
    if !["main", "worker", "webhook"].contains(&raw.instance_type.as_str()) {
        return Err(format!("{:?} is no type of a process", short(&raw.instance_type)));
    }
    let role = raw.instance_role.filter(|_| raw.instance_type == "main");
    let leader = match role.as_deref() {
        Some("leader") => Some(true),
        Some("follower") => Some(false),
        _ => None,
    };
    Ok(Member {
        key: raw.instance_key,
        host: raw.host_id,
        role: raw.instance_type,
        leader,
        version: raw.version,
        seen: raw.last_seen.map(Time::from_millis),
    })
}
