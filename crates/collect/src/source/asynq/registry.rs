//! asynq's registry of servers: which processes there are, and what each of them runs.
//!
//! A server writes all of this anew every 5 s and lets it expire after 10, so it is read when its score says that
//! it was written, and when it should have been and was not.

use std::collections::{BTreeMap, HashMap};

use redis::Value;
use vigie_model::{ActiveJob, Broker, Name, Time, Worker, WorkerId};

use super::decode::{self, Server};
use super::keys;
use super::watch::Watch;
use crate::source::{Plan, PollContext, Replies};

/// Servers that are read at each poll.
const READS_A_POLL: usize = 500;
/// Running tasks of one server that are kept.
const MOST_JOBS: usize = 2_000;
/// A server that says nothing for this long may be gone: whether its key still exists is looked at.
const SILENCE_SECONDS: f64 = 9.0;
/// Dead servers whose last score is kept, so that they are not read again.
const MOST_DEAD: usize = 5_000;

/// A task that a server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) queue: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) kind: Name,
    /// On Vigie's clock.
    pub(super) started: Option<Time>,
    /// On the worker's.
    stamp: Option<Time>,
    /// It was seen to have ended since.
    over: bool,
}

#[derive(Debug)]
struct Entry {
    score: f64,
    /// When it was last heard of, on Vigie's clock.
    beat: Time,
    /// Reads still to do: the score is written before the rest, so the first may come too early.
    reads: u8,
    server: Option<Server>,
    jobs: Vec<Job>,
    /// How many tasks it ran when it was last heard of.
    busy: u32,
}

/// All servers that are alive.
#[derive(Debug, Default)]
pub(super) struct Registry {
    servers: BTreeMap<Vec<u8>, Entry>,
    dead: HashMap<Vec<u8>, f64>,
    reading: Vec<Vec<u8>>,
    /// Whether the registry could be read at all.
    readable: bool,
    /// Servers over the limit.
    pub(super) over: usize,
    /// What servers ran that are gone.
    left: Vec<Job>,
}

impl Registry {
    /// Adds the command of the first round trip.
    pub(super) fn ask(&self, limit: usize, plan: &mut Plan) {
        // The latest to expire are the ones that are alive.
        let last = isize::try_from(limit).unwrap_or(isize::MAX - 1) + 1;
        plan.ask("ZRANGE", keys::SERVERS).arg(-last).arg(-1).arg("WITHSCORES");
    }

    /// Reads its answer. Returns what could not be read, for people.
    pub(super) fn read(
        &mut self,
        replies: &mut Replies,
        limit: usize,
        context: &PollContext,
    ) -> Option<String> {
        let scores: Vec<(Vec<u8>, f64)> = match replies.next_as() {
            Ok(scores) => scores,
            Err(error) => {
                self.readable = false;
                self.servers.clear();
                return Some(format!("asynq:servers: {error}"));
            }
        };
        self.readable = true;
        let mut before = std::mem::take(&mut self.servers);
        self.over = 0;
        for (key, score) in scores.into_iter().rev() {
            if keys::server_identity(&key).is_none() || self.dead.get(&key) == Some(&score) {
                continue;
            }
            if self.servers.len() >= limit {
                self.over += 1;
                continue;
            }
            let entry = match before.remove(&key) {
                Some(mut entry) if entry.score != score => {
                    (entry.score, entry.beat, entry.reads) = (score, context.now, 2);
                    entry
                }
                Some(mut entry) => {
                    if context.now.age(entry.beat) >= SILENCE_SECONDS {
                        entry.reads = entry.reads.max(1);
                    }
                    entry
                }
                None => Entry {
                    score,
                    beat: first_beat(score, context),
                    reads: 2,
                    server: None,
                    jobs: Vec::new(),
                    busy: 0,
                },
            };
            self.servers.insert(key, entry);
        }
        // One that is over the limit now may be alive.
        if self.over == 0 {
            before.into_values().for_each(|entry| self.leave(entry));
        }
        None
    }

    fn leave(&mut self, entry: Entry) {
        self.left.extend(entry.jobs.into_iter().filter(|job| !job.over));
    }

    /// What the servers ran, when they were last heard of, that are gone since the last call.
    pub(super) fn take_left(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.left)
    }

    /// Adds the commands of the second round trip.
    pub(super) fn ask_servers(&mut self, plan: &mut Plan) {
        self.reading.clear();
        let due = self.servers.iter_mut().filter(|(_, entry)| entry.reads > 0).take(READS_A_POLL);
        for (key, entry) in due {
            entry.reads -= 1;
            if let Some(workers) = keys::workers(key) {
                plan.ask("GET", key);
                plan.ask("HGETALL", &workers);
                self.reading.push(key.clone());
            }
        }
    }

    /// Reads their answers; running tasks that are new are followed from now on.
    pub(super) fn read_servers(
        &mut self,
        replies: &mut Replies,
        watch: &mut Watch,
        context: &PollContext,
        wrong: &mut Vec<String>,
    ) {
        for key in std::mem::take(&mut self.reading) {
            let (info, running) = (replies.next_as::<Option<Vec<u8>>>(), replies.next_value());
            let Some(entry) = self.servers.get_mut(&key) else { continue };
            match info {
                Ok(Some(bytes)) => match decode::server(&bytes) {
                    Ok(server) => entry.server = Some(server),
                    Err(error) => wrong.push(format!("{}: {error}", Name::from_bytes(&key))),
                },
                Ok(None) => {
                    let score = entry.score;
                    if let Some(entry) = self.servers.remove(&key) {
                        self.leave(entry);
                    }
                    if self.dead.len() >= MOST_DEAD {
                        self.dead.clear();
                    }
                    self.dead.insert(key, score);
                    continue;
                }
                Err(error) => wrong.push(format!("{}: {error}", Name::from_bytes(&key))),
            }
            match running {
                Ok(answer) => entry.take_jobs(&answer, watch, context, wrong),
                Err(error) => {
                    wrong.push(format!("asynq:workers of {}: {error}", Name::from_bytes(&key)))
                }
            }
        }
    }

    /// Notes that a task was seen to have ended.
    pub(super) fn ended(&mut self, queue: &[u8], id: &[u8]) {
        for entry in self.servers.values_mut() {
            for job in &mut entry.jobs {
                job.over |= job.id == id && job.queue == queue;
            }
        }
    }

    /// All servers for people, or `None` when they may not be seen.
    pub(super) fn workers(&self, context: &PollContext) -> Option<Vec<Worker>> {
        let describe = |(key, entry): (&Vec<u8>, &Entry)| entry.describe(key, context);
        self.readable.then(|| self.servers.iter().map(describe).collect())
    }

    /// The tasks that run, by queue, the longest-running first, at most `most` of each.
    pub(super) fn active(
        &self,
        context: &PollContext,
        most: usize,
    ) -> HashMap<Vec<u8>, Vec<ActiveJob>> {
        let mut by_queue: HashMap<Vec<u8>, Vec<ActiveJob>> = HashMap::new();
        for (key, entry) in &self.servers {
            let worker = worker_id(key, context);
            for job in entry.jobs.iter().filter(|job| !job.over) {
                by_queue.entry(job.queue.clone()).or_default().push(job.active(worker.clone()));
            }
        }
        for jobs in by_queue.values_mut() {
            jobs.sort_by_key(|job| job.since);
            jobs.truncate(most);
        }
        by_queue
    }

    /// Reads everything again at the next poll.
    pub(super) fn reread(&mut self) {
        for entry in self.servers.values_mut() {
            entry.reads = 2;
        }
    }
}

impl Entry {
    fn take_jobs(
        &mut self,
        answer: &Value,
        watch: &mut Watch,
        context: &PollContext,
        wrong: &mut Vec<String>,
    ) {
        let before = std::mem::take(&mut self.jobs);
        let values: Vec<&Value> = match answer {
            Value::Array(flat) => flat.iter().skip(1).step_by(2).collect(),
            Value::Map(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        };
        self.busy = u32::try_from(values.len()).unwrap_or(u32::MAX);
        for value in values.into_iter().take(MOST_JOBS) {
            let Value::BulkString(bytes) = value else { continue };
            let running = match decode::running(bytes) {
                Ok(running) => running,
                Err(error) => {
                    wrong.push(error.to_string());
                    continue;
                }
            };
            let known =
                before.iter().find(|job| job.id == running.id && job.stamp == running.started);
            let started = running.started.map(|started| context.local(started).min(context.now));
            if let (None, Some(started)) = (known, started) {
                watch.running(&running.queue, &running.id, &running.kind, started, context.now);
            }
            let over = known.is_some_and(|job| job.over);
            let (queue, id, kind, stamp) =
                (running.queue, running.id, running.kind, running.started);
            self.jobs.push(Job { queue, id, kind, started, stamp, over });
        }
    }

    fn describe(&self, key: &[u8], context: &PollContext) -> Worker {
        let own = Name::from_bytes(keys::server_identity(key).unwrap_or(key));
        let server = self.server.as_ref();
        let jobs = self.jobs.iter().filter(|job| !job.over);
        let id = worker_id(key, context);
        Worker {
            broker: Broker::Asynq,
            name: match server {
                Some(Server { host, pid: Some(pid), .. }) => {
                    Name::from(format!("{host}:{pid}").as_str())
                }
                _ => own,
            },
            host: server.map(|server| server.host.clone()),
            pid: server.and_then(|server| server.pid),
            address: None,
            queues: server.map(|server| server.queues.clone()).unwrap_or_default(),
            capacity: server.and_then(|server| server.concurrency),
            busy: server.map(|_| self.busy),
            status: server.map(|server| server.status.clone()),
            started: server
                .and_then(|server| server.started)
                .map(|started| context.local(started).min(context.now)),
            heartbeat: Some(self.beat),
            jobs: Some(
                jobs.map(|job| (Name::from_bytes(&job.queue), job.active(id.clone()))).collect(),
            ),
            id,
        }
    }
}

impl Job {
    fn active(&self, worker: WorkerId) -> ActiveJob {
        ActiveJob {
            id: Name::from_bytes(&self.id),
            job_type: Some(self.kind.clone()),
            since: self.started,
            worker: Some(worker),
        }
    }
}

fn worker_id(key: &[u8], context: &PollContext) -> WorkerId {
    let own = Name::from_bytes(keys::server_identity(key).unwrap_or(key));
    WorkerId::new(&context.source, Broker::Asynq, own.as_str())
}

/// When a server that is seen for the first time last wrote: its score is 10 s later, in whole seconds of its own
/// clock.
fn first_beat(score: f64, context: &PollContext) -> Time {
    let written = Time::from_micros(((score - 10.0) * 1e6) as i64);
    context.local(written).min(context.now)
}
