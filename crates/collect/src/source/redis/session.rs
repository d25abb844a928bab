//! A connection to every node, and round trips over them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};
use vigie_model::ServerFacts;

use super::acl::Forbidden;
use super::cluster::SlotMap;
use super::link::Place;
use super::{Fault, Link};
use crate::source::{Plan, Reply, ReplyError};

/// Commands that are sent as one write; more are sent right behind, without waiting.
const CHUNK: usize = 10_000;

/// How long a refusal is told: not every poll asks everything.
const REMEMBERED: Duration = Duration::from_secs(40);

/// One node with a connection to it.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    /// How long an answer may take.
    pub(super) patience: Duration,
    pub(super) connection: MultiplexedConnection,
    /// What was refused when logging in.
    pub(super) forbidden: Vec<Forbidden>,
}

impl Node {
    /// One command and its answer; an error reply is a fault.
    pub(super) async fn ask_one(&self, command: &Cmd) -> Result<Value, Fault> {
        match self.ask_one_raw(command).await? {
            Value::ServerError(error) => Err(Fault::of_reply(
                error.code(),
                error.details().unwrap_or_default(),
                &self.place.to_string(),
            )),
            answer => Ok(answer),
        }
    }

    /// One command and its answer, which may be an error reply.
    pub(super) async fn ask_one_raw(&self, command: &Cmd) -> Result<Value, Fault> {
        let answers = self.send(vec![command.clone()]).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| Fault::Unexpected(self.place.to_string(), "no answer"))
    }

    async fn send(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, Fault> {
        let mut pipelines = Vec::with_capacity(commands.len() / CHUNK + 1);
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let mut pipeline = redis::Pipeline::with_capacity(CHUNK.min(commands.len()));
            for command in commands.by_ref().take(CHUNK) {
                pipeline.add_command(command);
            }
            pipelines.push(pipeline);
        }
        let sent = pipelines.iter().map(|pipeline| async move {
            let mut connection = self.connection.clone();
            connection.send_packed_commands(pipeline, 0, pipeline.len()).await
        });
        match tokio::time::timeout(self.patience, try_join_all(sent)).await {
            Ok(Ok(answers)) => Ok(answers.into_iter().flatten().collect()),
            Ok(Err(error)) => Err(Fault::of(&error, &self.place.to_string(), self.patience)),
            Err(_) => Err(Fault::Timeout { place: self.place.to_string(), after: self.patience }),
        }
    }
}

/// Connections to every node that has data.
pub struct Session {
    link: Link,
    nodes: Vec<Node>,
    slots: Option<SlotMap>,
    facts: ServerFacts,
    /// Somebody else holds a slot now.
    moved: bool,
    /// What was refused and can be done without; when that was, or `None` for what was refused when logging in.
    forbidden: BTreeMap<Forbidden, Option<Instant>>,
}

/// What came back from one round trip.
pub struct Round {
    /// The answers to the plan, in its order.
    pub answers: Vec<Reply>,
    /// The answers to what was sent to each node, in the nodes' order: what went first, then what went last.
    pub by_node: Vec<Vec<Reply>>,
    /// Commands sent.
    pub commands: u32,
    /// Bytes of names and values received.
    pub bytes: u64,
}

/// What one node is asked beside the plan.
#[derive(Default)]
pub(super) struct Beside {
    /// Sent before the plan's commands.
    pub(super) first: Vec<Cmd>,
    /// Sent behind them.
    pub(super) last: Vec<Cmd>,
}

/// Where an answer belongs.
enum Asked {
    Plan(usize),
    Node,
}

impl Session {
    pub(super) fn new(
        link: Link,
        nodes: Vec<Node>,
        slots: Option<SlotMap>,
        facts: ServerFacts,
    ) -> Self {
        let forbidden = nodes
            .iter()
            .flat_map(|node| node.forbidden.iter().map(|what| (what.clone(), None)))
            .collect();
        Self { link, nodes, slots, facts, moved: false, forbidden }
    }

    /// How many nodes there are; 1 outside of a cluster.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// What the server says of itself.
    #[must_use]
    pub fn facts(&self) -> &ServerFacts {
        &self.facts
    }

    /// Reads the map of the cluster again if an answer said that it is old. Returns the round trips that it took.
    pub(super) async fn refresh(&mut self) -> Result<u32, Fault> {
        if !std::mem::take(&mut self.moved) {
            return Ok(0);
        }
        let (nodes, slots) = self.link.reconnect_cluster(&self.nodes).await?;
        (self.nodes, self.slots) = (nodes, Some(slots));
        Ok(1)
    }

    /// What was refused of late and can be done without.
    pub(super) fn forbidden(&self) -> impl Iterator<Item = &Forbidden> {
        let late = |at: &Option<Instant>| at.is_none_or(|at| at.elapsed() < REMEMBERED);
        self.forbidden.iter().filter(move |(_, at)| late(at)).map(|(what, _)| what)
    }

    /// Sends a plan, and to each node what it is asked beside it, and waits for all answers.
    ///
    /// # Errors
    /// When a connection failed, or when an answer says that the server cannot be read at all. Errors of single
    /// commands are in the answers.
    pub(super) async fn round(&mut self, plan: Plan, beside: Vec<Beside>) -> Result<Round, Fault> {
        let mut answers: Vec<Reply> =
            vec![Err(ReplyError::Shape("no node serves this key")); plan.len()];
        let mut asked: Vec<(Vec<Asked>, Vec<Cmd>)> =
            self.nodes.iter().map(|_| (Vec::new(), Vec::new())).collect();
        let mut lasts = Vec::with_capacity(asked.len());
        for ((targets, commands), Beside { first, last }) in asked.iter_mut().zip(beside) {
            targets.extend(first.iter().map(|_| Asked::Node));
            commands.extend(first);
            lasts.push(last);
        }
        for (index, (key, command)) in plan.into_commands().into_iter().enumerate() {
            let node = match &self.slots {
                None => Some(0),
                Some(slots) => slots.master_of(&key),
            };
            if let Some((targets, commands)) = node.and_then(|node| asked.get_mut(node)) {
                targets.push(Asked::Plan(index));
                commands.push(command);
            }
        }
        for ((targets, commands), last) in asked.iter_mut().zip(lasts) {
            targets.extend(last.iter().map(|_| Asked::Node));
            commands.extend(last);
        }
        let commands = asked.iter().map(|(_, commands)| commands.len()).sum::<usize>() as u32;
        let sent = self.nodes.iter().zip(asked);
        let received = try_join_all(sent.map(|(node, (targets, commands))| async move {
            Ok::<_, Fault>((node.place.clone(), targets, node.send(commands).await?))
        }))
        .await?;
        let mut by_node = Vec::with_capacity(received.len());
        let mut bytes = 0;
        for (place, targets, values) in received {
            let mut own = Vec::new();
            for (target, value) in targets.into_iter().zip(values) {
                bytes += size(&value);
                let reply = self.judge(value, &place)?;
                match target {
                    Asked::Plan(index) => answers[index] = reply,
                    Asked::Node => own.push(reply),
                }
            }
            by_node.push(own);
        }
        Ok(Round { answers, by_node, commands, bytes })
    }

    /// Tells apart what concerns one command and what concerns the whole source.
    fn judge(&mut self, value: Value, place: &Place) -> Result<Reply, Fault> {
        let Value::ServerError(error) = value else { return Ok(Ok(value)) };
        let (code, words) = (error.code(), error.details().unwrap_or_default());
        if Fault::concerns_all(code) {
            return Err(Fault::of_reply(code, words, &place.to_string()));
        }
        match code {
            "MOVED" | "ASK" => self.moved = true,
            "NOPERM" => {
                let what = Forbidden::parse(words);
                if what.loss().is_none() {
                    let user = self.link.config().login.username.as_deref();
                    return Err(Fault::forbidden(
                        &place.to_string(),
                        user,
                        &what,
                        self.slots.is_some(),
                    ));
                }
                self.forbidden.insert(what, Some(Instant::now()));
            }
            _ => {}
        }
        Ok(Err(ReplyError::from_server(code, words)))
    }
}

/// Bytes of names and values.
fn size(value: &Value) -> u64 {
    match value {
        Value::BulkString(bytes) => bytes.len() as u64,
        Value::SimpleString(text) => text.len() as u64,
        Value::Array(items) | Value::Set(items) => items.iter().map(size).sum(),
        Value::Map(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
        Value::Int(_) | Value::Double(_) => 8,
        _ => 1,
    }
}
