//! Reads the event streams of all queues, looks up what the entries leave out, and tells what happened.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value};
use tokio::time::Instant;
use vigie_model::{Broker, Observation, Time};

use super::decode::{EntryId, StreamPart, decode};
use super::follow::{Follower, is_new};
use super::keys;
use crate::source::ReaderContext;
use crate::source::bull_family::base::{Base, job_key, key};
use crate::source::bull_family::connections::Connections;
use crate::source::bull_family::dialect::Reader;
use crate::source::bull_family::facts::{Hashes, batch};
use crate::source::bull_family::job_hash::JobHash;
use crate::source::bull_family::rate::{LookupBudget, Nudges};
use crate::source::bull_family::shared::{Position, ReaderState, Shared};
use crate::source::bull_family::tracker::JobId;

/// A reader that starts reads so much of the past, where the streams still have it.
const PAST_MS: u64 = 900_000;
/// Entries of one stream in one read.
const MAX_COUNT: usize = 500;
/// Entries of all streams in one read, about: they hold the results of jobs, which may be large.
const READ_ENTRIES: usize = 20_000;
/// Entries that are read in a second, about: catching up must not keep the server busy.
const ENTRIES_PER_SECOND: f64 = 25_000.0;
/// From one read of the lively streams to the next; longer where there are many, of which each read names all.
const SPACING: Duration = Duration::from_millis(100);
/// Streams that are read every [`SPACING`].
const STREAMS_A_SPACING: usize = 100;
/// A stream is lively for so long after its last entry.
const LIVELY: Duration = Duration::from_secs(10);
/// The blocking read of the quiet streams returns after this, so that streams fallen quiet are taken up.
const BLOCK_MS: usize = 5_000;
/// From one blocking read to the next: each names all quiet streams, at about 3 µs of the server's time a stream.
const BLOCK_SPACING: Duration = Duration::from_millis(300);
/// No answer takes longer on a server that is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads until that fails.
pub(super) fn follow(shared: Arc<Shared>, context: ReaderContext) -> Reader {
    Box::pin(async move {
        let reading = Reading {
            connections: Connections::new(context.link.clone()),
            shared: &shared,
            context: &context,
            follower: Follower::default(),
            budget: LookupBudget::new(shared.exact_jobs_per_second),
            nudges: Nudges::default(),
            offset: 0.0,
            lively: HashMap::new(),
            foreign: HashSet::new(),
        };
        let Err(error) = reading.read().await;
        shared.lock().reader_ended(&error);
        error
    })
}

/// A read of the quiet streams that waits until something happens in one of them.
type Waiting =
    Option<Pin<Box<dyn Future<Output = (MultiplexedConnection, RedisResult<Value>)> + Send>>>;

struct Reading<'a> {
    shared: &'a Shared,
    context: &'a ReaderContext,
    connections: Connections,
    follower: Follower,
    budget: LookupBudget,
    nudges: Nudges,
    /// Seconds to add to the server's clock to get Vigie's.
    offset: f64,
    /// Streams that are read again and again, each with the time of its last entry. All others are quiet, and one
    /// blocking read waits for all of them: naming hundreds of streams ten times a second would cost the server
    /// more than everything else.
    lively: HashMap<Base, Instant>,
    /// Keys that should be streams and are not.
    foreign: HashSet<Base>,
}

/// What was read of one stream.
struct Part {
    base: Base,
    part: StreamPart,
}

impl Reading<'_> {
    async fn read(mut self) -> Result<Infallible, RedisError> {
        self.begin().await?;
        // A cluster's streams are on several nodes, and none can be waited for with the others.
        let mut idle = match self.context.link.is_cluster() {
            true => None,
            false => Some(self.context.link.blocking(b"").await?),
        };
        let mut waiting: Waiting = None;
        let mut wait_at = Instant::now();
        let mut read_at = Instant::now();
        loop {
            self.join().await?;
            self.clear_doubts().await?;
            if waiting.is_none() && Instant::now() >= wait_at {
                waiting = self.wait_for_quiet(&mut idle);
            }
            tokio::select! {
                (connection, answer) = under_way(&mut waiting) => {
                    (waiting, idle) = (None, Some(connection));
                    wait_at = Instant::now() + BLOCK_SPACING;
                    self.take_answer(&answer?, MAX_COUNT).await?;
                }
                () = tokio::time::sleep_until(read_at) => {
                    let begun = Instant::now();
                    let entries = self.read_lively().await?;
                    let pace = Duration::from_secs_f64(entries as f64 / ENTRIES_PER_SECOND);
                    let many = self.lively.len().div_ceil(STREAMS_A_SPACING).max(1);
                    let many = u32::try_from(many).unwrap_or(u32::MAX);
                    read_at = begun + (SPACING * many).max(pace);
                }
            }
        }
    }

    async fn begin(&mut self) -> RedisResult<()> {
        let (_, offset) = self.connections.server_time(&*self.context.clock).await?;
        self.offset = offset;
        let mut state = self.shared.lock();
        state.server_offset.get_or_insert(offset);
        self.follower.pendings = state.untold.take();
        for position in state.positions.values_mut() {
            position.doubtful = true;
        }
        if state.queues.is_empty() {
            state.reader = ReaderState::Running;
        }
        // Until one is known to be quiet, all are lively.
        let now = Instant::now();
        self.lively.extend(state.positions.keys().map(|base| (base.clone(), now)));
        Ok(())
    }

    /// Starts to wait for the streams that have fallen quiet, if there are any.
    fn wait_for_quiet(&mut self, idle: &mut Option<MultiplexedConnection>) -> Waiting {
        let now = Instant::now();
        self.lively.retain(|_, last| now - *last < LIVELY);
        let quiet = self.streams(|base| !self.lively.contains_key(base));
        if quiet.is_empty() {
            return None;
        }
        let Some(mut connection) = idle.take() else {
            self.lively.extend(quiet.into_iter().map(|(base, _)| (base, now)));
            return None;
        };
        Some(Box::pin(async move {
            let answer = blocking_read(&mut connection, &quiet).await;
            (connection, answer)
        }))
    }

    async fn read_lively(&mut self) -> RedisResult<usize> {
        let streams = self.streams(|base| self.lively.contains_key(base));
        if streams.is_empty() {
            return Ok(0);
        }
        for (base, _) in &streams {
            if let Some(position) = self.shared.lock().positions.get_mut(base) {
                position.behind = false;
            }
        }
        let count = (READ_ENTRIES / streams.len()).clamp(20, MAX_COUNT);
        let commands = match self.context.link.is_cluster() {
            true => streams
                .iter()
                .map(|stream| xread(std::slice::from_ref(stream), count, None))
                .collect(),
            false => vec![xread(&streams, count, None)],
        };
        let mut entries = 0;
        for answer in self.connections.ask(commands).await? {
            entries += self.take_answer(&answer, count).await?;
        }
        Ok(entries)
    }

    /// The streams that are meant, each from behind its newest entry that was read.
    fn streams(&self, which: impl Fn(&Base) -> bool) -> Vec<(Base, EntryId)> {
        let state = self.shared.lock();
        let meant =
            state.positions.iter().filter(|(base, _)| which(base) && !self.foreign.contains(*base));
        let mut streams: Vec<(Base, EntryId)> =
            meant.map(|(base, at)| (base.clone(), at.read)).collect();
        streams.sort_unstable();
        streams
    }

    /// Takes in an answer to `XREAD`, and tells what happened. Returns how many entries it had.
    async fn take_answer(&mut self, answer: &Value, count: usize) -> RedisResult<usize> {
        if let Value::ServerError(error) = answer
            && error.code() == "WRONGTYPE"
        {
            // It does not say which; the others are to be read all the same.
            let all: Vec<Base> = self.shared.lock().positions.keys().cloned().collect();
            self.first_entries(&all).await?;
            return Ok(0);
        }
        let suffix = format!(":{}", keys::EVENTS);
        let with_base = |part: StreamPart| {
            let base = Base::from(part.key.strip_suffix(suffix.as_bytes())?);
            Some(Part { base, part })
        };
        let parts: Vec<Part> = read_answer(answer)?.into_iter().filter_map(with_base).collect();
        let entries = parts.iter().map(|part| part.part.entries.len()).sum();
        self.take_in(parts, count);
        self.tell().await?;
        Ok(entries)
    }

    /// Takes up the streams of queues that are new, from 15 minutes ago on.
    async fn join(&mut self) -> RedisResult<()> {
        let new: Vec<Base> = {
            let state = self.shared.lock();
            let known = |base: &&Base| !state.positions.contains_key(*base);
            state.queues.keys().filter(known).cloned().collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let (server, offset) = self.connections.server_time(&*self.context.clock).await?;
        self.offset = offset;
        let firsts = self.first_entries(&new).await?;
        let now = u64::try_from(server.millis()).unwrap_or(0);
        let start = (now.saturating_sub(PAST_MS), 0);
        let mut state = self.shared.lock();
        for (base, first) in new.into_iter().zip(firsts) {
            // What the stream no longer has is not counted; a queue without entries has had no job yet.
            let since = first.map_or(now, |first| first.0.max(start.0));
            let since = Time::from_millis(i64::try_from(since).unwrap_or(i64::MAX)) + offset;
            if state.queues.contains_key(&base) {
                state.since.insert(base.clone(), since.min(self.context.clock.now()));
                let first = first.unwrap_or((0, 0));
                self.lively.insert(base.clone(), Instant::now());
                state
                    .positions
                    .insert(base, Position { read: start, first, doubtful: false, behind: false });
            }
        }
        Ok(())
    }

    /// The oldest entry of each stream, from one short read of it.
    async fn first_entries(&mut self, bases: &[Base]) -> RedisResult<Vec<Option<EntryId>>> {
        let commands = bases.iter().map(|base| xread(&[(base.clone(), (0, 0))], 1, None)).collect();
        let answers = self.connections.ask(commands).await?;
        let mut firsts = Vec::with_capacity(bases.len());
        for (base, answer) in bases.iter().zip(answers) {
            let wrong = matches!(&answer, Value::ServerError(error) if error.code() == "WRONGTYPE");
            if wrong {
                self.foreign.insert(base.clone());
            }
            let parts = if wrong { Vec::new() } else { read_answer(&answer)? };
            firsts.push(parts.first().and_then(|part| part.entries.first()).map(|entry| entry.id));
        }
        Ok(firsts)
    }

    /// Where much came at once, or after a connection was lost, entries may have been trimmed before they were
    /// read: then the oldest entry is younger than the newest that was read. An oldest entry that is older than
    /// before is that of another stream, begun anew on a clock that was set back.
    async fn clear_doubts(&mut self) -> RedisResult<()> {
        let doubtful: Vec<Base> = {
            let state = self.shared.lock();
            let doubtful = state.positions.iter().filter(|(_, position)| position.doubtful);
            doubtful.map(|(base, _)| base.clone()).collect()
        };
        if doubtful.is_empty() {
            return Ok(());
        }
        let firsts = self.first_entries(&doubtful).await?;
        let now = self.context.clock.now();
        let mut state = self.shared.lock();
        for (base, first) in doubtful.into_iter().zip(firsts) {
            let Some(position) = state.positions.get_mut(&base) else { continue };
            position.doubtful = false;
            let Some(first) = first else { continue };
            let renewed = first < position.first;
            let trimmed =
                first > position.read && first > position.first && position.first != (0, 0);
            if renewed {
                position.read = (0, 0);
            }
            position.first = first;
            if renewed || trimmed {
                state.tracker.forget_active(&base);
                state.torn.insert(base.clone());
                if let Some(batch) = batch(&base, &mut state, now, false, Vec::new()) {
                    self.context.out.send(Observation::Jobs(batch));
                }
            }
        }
        Ok(())
    }

    fn take_in(&mut self, parts: Vec<Part>, count: usize) {
        let mut state = self.shared.lock();
        state.reader = ReaderState::Running;
        let now = Instant::now();
        for Part { base, part } in parts {
            let full = part.entries.len() >= count;
            if state.positions.contains_key(&base) {
                self.lively.insert(base.clone(), now);
            }
            for entry in part.entries {
                if let Some(position) = state.positions.get_mut(&base) {
                    position.read = entry.id;
                    position.doubtful |= full;
                    position.behind = full;
                    if position.first == (0, 0) {
                        position.first = entry.id;
                    }
                    self.follower.read(&base, entry, self.offset, &mut state);
                }
            }
        }
    }

    async fn tell(&mut self) -> RedisResult<()> {
        if self.follower.pendings.is_empty() {
            return Ok(());
        }
        let pendings = self.follower.pendings.take();
        let mut jobs: Vec<(Base, JobId)> = pendings.wanted(&self.shared.lock(), false);
        jobs.truncate(self.budget.take(self.context.clock.now(), jobs.len()));
        let commands = jobs.iter().map(|(base, id)| {
            let key = job_key(base, id);
            let mut command = redis::cmd("HMGET");
            command.arg(&key).arg(keys::JOB_FIELDS);
            (key, command)
        });
        let answers = match self.connections.ask(commands.collect()).await {
            Ok(answers) => answers,
            Err(error) => {
                // The streams will not be read there again: the next reader tells it.
                self.shared.lock().untold.append(pendings);
                return Err(error);
            }
        };
        let hashes: Hashes = jobs
            .into_iter()
            .zip(answers)
            .map(|(job, answer)| match answer {
                Value::Array(values) => (job, JobHash::decode(keys::JOB_FIELDS, &values)),
                _ => (job, None),
            })
            .collect();
        let mut state = self.shared.lock();
        pendings.tell(Broker::BullMq, &mut state, &hashes, is_new, &mut self.nudges, self.context);
        Ok(())
    }
}

/// Asks for what is behind these entries of these streams, waiting for it if need be.
fn xread(streams: &[(Base, EntryId)], count: usize, block: Option<usize>) -> (Vec<u8>, Cmd) {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(count);
    if let Some(block) = block {
        command.arg("BLOCK").arg(block);
    }
    command.arg("STREAMS");
    for (base, _) in streams {
        command.arg(key(base, keys::EVENTS));
    }
    for (_, (ms, sequence)) in streams {
        command.arg(format!("{ms}-{sequence}"));
    }
    let first = streams.first().map(|(base, _)| key(base, keys::EVENTS));
    (first.unwrap_or_default(), command)
}

async fn blocking_read(
    connection: &mut MultiplexedConnection,
    streams: &[(Base, EntryId)],
) -> RedisResult<Value> {
    let (_, command) = xread(streams, MAX_COUNT, Some(BLOCK_MS));
    let mut pipeline = redis::Pipeline::with_capacity(1);
    pipeline.add_command(command);
    // As a pipeline, an error of the command is an answer.
    let answers = tokio::time::timeout(PATIENCE, connection.send_packed_commands(&pipeline, 0, 1));
    let mut answers = answers.await.map_err(|_| {
        RedisError::from((ErrorKind::Io, "no answer to a read that waits no longer than 5 s"))
    })??;
    Ok(answers.pop().unwrap_or(Value::Nil))
}

async fn under_way(waiting: &mut Waiting) -> (MultiplexedConnection, RedisResult<Value>) {
    match waiting {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
}

/// Reads an answer; one that refuses or makes no sense ends the reader.
fn read_answer(answer: &Value) -> RedisResult<Vec<StreamPart>> {
    if let Value::ServerError(error) = answer {
        return Err(error.clone().into());
    }
    decode(answer).map_err(|error| {
        RedisError::from((ErrorKind::UnexpectedReturnType, "XREAD", error.to_string()))
    })
}
