//! Reads the event streams of all queues, looks up what the entries leave out, and tells what happened.

use std::convert::Infallible;
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
/// From one read to the next; longer for many streams, of which each read names all.
const SPACING: Duration = Duration::from_millis(100);
/// Streams that are read every [`SPACING`].
const STREAMS_A_SPACING: u32 = 125;
/// A blocking read returns after this, so that queues that are new are noticed.
const BLOCK_MS: usize = 1_000;
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
            blocking: None,
        };
        let Err(error) = reading.read().await;
        shared.lock().reader_ended(&error);
        error
    })
}

struct Reading<'a> {
    shared: &'a Shared,
    context: &'a ReaderContext,
    connections: Connections,
    /// Only for blocking reads, so only outside of a cluster.
    blocking: Option<MultiplexedConnection>,
    follower: Follower,
    budget: LookupBudget,
    nudges: Nudges,
    /// Seconds to add to the server's clock to get Vigie's.
    offset: f64,
}

/// What was read of one stream, and whether the stream may have lost entries before that.
struct Part {
    base: Base,
    part: StreamPart,
}

impl Reading<'_> {
    async fn read(mut self) -> Result<Infallible, RedisError> {
        let (_, offset) = self.connections.server_time(&*self.context.clock).await?;
        self.offset = offset;
        if !self.context.link.is_cluster() {
            self.blocking = Some(self.context.link.blocking(b"").await?);
        }
        {
            let mut state = self.shared.lock();
            state.server_offset.get_or_insert(offset);
            self.follower.pendings = state.untold.take();
            for position in state.positions.values_mut() {
                position.doubtful = true;
            }
        }
        loop {
            self.join().await?;
            let streams = self.streams();
            if streams.is_empty() {
                self.probe().await?;
                let _ =
                    tokio::time::timeout(Duration::from_secs(1), self.shared.changed.notified())
                        .await;
                continue;
            }
            self.clear_doubts().await?;
            let started = Instant::now();
            let count = (READ_ENTRIES / streams.len()).clamp(20, MAX_COUNT);
            let parts = self.read_streams(&streams, count).await?;
            let entries: usize = parts.iter().map(|part| part.part.entries.len()).sum();
            self.take_in(parts, count);
            self.tell().await?;
            let many = u32::try_from(streams.len()).unwrap_or(u32::MAX).div_ceil(STREAMS_A_SPACING);
            let pace = Duration::from_secs_f64(entries as f64 / ENTRIES_PER_SECOND);
            // Whoever waited for the first entry has the others of that moment in the next read.
            let woken = Instant::now();
            tokio::time::sleep_until(
                (started.max(woken - SPACING) + (SPACING * many)).max(started + pace),
            )
            .await;
        }
    }

    /// The streams to read, each from behind its newest entry that was read.
    fn streams(&self) -> Vec<(Base, EntryId)> {
        let state = self.shared.lock();
        let mut streams: Vec<(Base, EntryId)> =
            state.positions.iter().map(|(base, at)| (base.clone(), at.read)).collect();
        streams.sort_unstable();
        streams
    }

    /// Finds out whether streams may be read at all while there is none to read.
    async fn probe(&mut self) -> RedisResult<()> {
        self.shared.lock().reader = ReaderState::Running;
        Ok(())
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
                state
                    .positions
                    .insert(base, Position { read: start, first, doubtful: false, behind: false });
            }
        }
        Ok(())
    }

    /// The oldest entry of each stream, from one short read of it.
    async fn first_entries(&mut self, bases: &[Base]) -> RedisResult<Vec<Option<EntryId>>> {
        let commands = bases.iter().map(|base| xread(base, (0, 0), 1)).collect();
        let answers = self.connections.ask(commands).await?;
        answers
            .iter()
            .map(|answer| {
                let parts = read_answer(answer)?;
                Ok(parts.first().and_then(|part| part.entries.first()).map(|entry| entry.id))
            })
            .collect()
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

    async fn read_streams(
        &mut self,
        streams: &[(Base, EntryId)],
        count: usize,
    ) -> RedisResult<Vec<Part>> {
        let mut parts = Vec::new();
        match &mut self.blocking {
            Some(connection) => {
                let answer = blocking_read(connection, streams, count).await?;
                parts.extend(read_answer(&answer)?);
            }
            None => {
                let commands =
                    streams.iter().map(|(base, read)| xread(base, *read, count)).collect();
                for answer in self.connections.ask(commands).await? {
                    parts.extend(read_answer(&answer)?);
                }
            }
        }
        let suffix = format!(":{}", keys::EVENTS);
        let with_base = |part: StreamPart| {
            let base = Base::from(part.key.strip_suffix(suffix.as_bytes())?);
            Some(Part { base, part })
        };
        Ok(parts.into_iter().filter_map(with_base).collect())
    }

    fn take_in(&mut self, parts: Vec<Part>, count: usize) {
        let mut state = self.shared.lock();
        state.reader = ReaderState::Running;
        for position in state.positions.values_mut() {
            position.behind = false;
        }
        for Part { base, part } in parts {
            let full = part.entries.len() >= count;
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

fn xread(base: &Base, after: EntryId, count: usize) -> (Vec<u8>, Cmd) {
    let key = key(base, keys::EVENTS);
    let mut command = redis::cmd("XREAD");
    command
        .arg("COUNT")
        .arg(count)
        .arg("STREAMS")
        .arg(&key)
        .arg(format!("{}-{}", after.0, after.1));
    (key, command)
}

async fn blocking_read(
    connection: &mut MultiplexedConnection,
    streams: &[(Base, EntryId)],
    count: usize,
) -> RedisResult<Value> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(count).arg("BLOCK").arg(BLOCK_MS).arg("STREAMS");
    for (base, _) in streams {
        command.arg(key(base, keys::EVENTS));
    }
    for (_, (ms, sequence)) in streams {
        command.arg(format!("{ms}-{sequence}"));
    }
    let answer = tokio::time::timeout(PATIENCE, command.query_async(connection)).await;
    answer.map_err(|_| RedisError::from((ErrorKind::Io, "no answer to a read that waits 1 s")))?
}

/// Reads an answer; one that refuses or makes no sense ends the reader.
fn read_answer(answer: &Value) -> RedisResult<Vec<StreamPart>> {
    if let Value::ServerError(error) = answer {
        // Another type of value at the key of one queue is no reason to stop reading the others.
        if error.code() == "WRONGTYPE" {
            return Ok(Vec::new());
        }
        return Err(error.clone().into());
    }
    decode(answer).map_err(|error| {
        RedisError::from((ErrorKind::UnexpectedReturnType, "XREAD", error.to_string()))
    })
}
