//! Listens to what Bull publishes, looks up what the messages leave out, and tells what happened.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Cmd, ErrorKind, Msg, RedisError, RedisResult, Value};
use tokio::time::Instant;
use vigie_model::{Broker, Observation};

use super::decode::{Due, decode};
use super::follow::{Check, Follower, Questions, is_new, prefixes};
use super::keys;
use crate::source::ReaderContext;
use crate::source::bull_family::base::{Base, job_key, key};
use crate::source::bull_family::connections::Connections;
use crate::source::bull_family::dialect::Reader;
use crate::source::bull_family::facts::{Hashes, Pendings, batch};
use crate::source::bull_family::job_hash::texts_of;
use crate::source::bull_family::rate::{LookupBudget, Nudges};
use crate::source::bull_family::shared::{ReaderState, Shared, State};
use crate::source::bull_family::tracker::JobId;

/// From the first message to the look-up of what it leaves out: jobs that are removed when they end live short.
const GATHER: Duration = Duration::from_millis(2);
/// From one look-up to the next.
const SPACING: Duration = Duration::from_millis(10);
/// From one telling to the next.
const TELL_SPACING: Duration = Duration::from_millis(50);
/// A job is looked up when it enters the queue (its type), when it starts and when it ends (the library's times).
const LOOK_UPS_A_JOB: u32 = 3;
/// Jobs of one due time that are looked up.
const MAX_DUE: usize = 1_000;
/// A score is milliseconds · this.
const SCORE: i64 = 4_096;

/// Reads until that fails.
pub(super) fn follow(shared: Arc<Shared>, context: ReaderContext) -> Reader {
    Box::pin(async move {
        let mut listening = Listening::new(&shared, &context);
        let Err(error) = listening.listen().await;
        listening.tell_rest();
        shared.lock().reader_ended(&error);
        error
    })
}

/// What an answer to questions is put together from.
struct Asked {
    due: Vec<(Base, Due, vigie_model::Time)>,
    checks: Vec<((Base, JobId), Check)>,
    jobs: Vec<(Base, JobId)>,
}

struct Answered {
    connections: Connections,
    asked: Asked,
    answers: RedisResult<Vec<Value>>,
}

/// Questions under way, if any.
type Asking = Option<Pin<Box<dyn Future<Output = Answered> + Send>>>;

struct Listening<'a> {
    shared: &'a Shared,
    context: &'a ReaderContext,
    follower: Follower,
    budget: LookupBudget,
    nudges: Nudges,
    subscribed: HashSet<Vec<u8>>,
    subscribed_progress: HashSet<Base>,
    /// What the questions under way are about.
    asked: Pendings,
    /// What is known completely and not told yet, and the hashes that were read for it.
    ready: Pendings,
    hashes: Hashes,
    /// Here while no question is under way.
    connections: Option<Connections>,
}

impl<'a> Listening<'a> {
    fn new(shared: &'a Shared, context: &'a ReaderContext) -> Self {
        Self {
            shared,
            context,
            follower: Follower::default(),
            budget: LookupBudget::new(shared.exact_jobs_per_second.saturating_mul(LOOK_UPS_A_JOB)),
            nudges: Nudges::default(),
            subscribed: HashSet::new(),
            subscribed_progress: HashSet::new(),
            asked: Pendings::default(),
            ready: Pendings::default(),
            hashes: Hashes::new(),
            connections: Some(Connections::new(context.link.clone())),
        }
    }

    async fn listen(&mut self) -> Result<Infallible, RedisError> {
        let (mut sink, mut stream) = self.context.link.pubsub().await?.split();
        if let Some(connections) = &mut self.connections {
            let (_, offset) = connections.server_time(&*self.context.clock).await?;
            self.shared.lock().server_offset.get_or_insert(offset);
        }
        self.subscribe(&mut sink).await?;
        self.begin();
        let mut asking: Asking = None;
        let mut ask_at: Option<Instant> = None;
        let mut last_asked = Instant::now();
        let mut last_told = last_asked;
        loop {
            let tell_at = (!self.ready.is_empty()).then_some(last_told + TELL_SPACING);
            tokio::select! {
                biased;
                message = stream.next() => {
                    self.hear(&message.ok_or_else(cut)?);
                    self.hear_more(&mut stream)?;
                }
                answered = under_way(&mut asking) => {
                    asking = None;
                    self.answered(answered)?;
                }
                () = self.shared.changed.notified() => self.subscribe(&mut sink).await?,
                () = until(ask_at), if asking.is_none() => {
                    asking = self.ask();
                    last_asked = Instant::now();
                    ask_at = None;
                }
                () = until(tell_at) => {
                    self.tell();
                    last_told = Instant::now();
                }
            }
            ask_at = match ask_at {
                _ if self.follower.is_idle() => None,
                _ if self.follower.has_suspects() => Some(Instant::now()),
                None => Some((Instant::now() + GATHER).max(last_asked + SPACING)),
                set => set,
            };
        }
    }

    /// Subscribes to the channels of prefixes that are new, and says since when their queues are counted.
    async fn subscribe(&mut self, sink: &mut PubSubSink) -> RedisResult<()> {
        let wanted = prefixes(&self.shared.lock());
        for prefix in wanted {
            if !self.subscribed.contains(&prefix) {
                let now = self.context.clock.now();
                self.shared.lock().heard_some_since.entry(prefix.clone()).or_insert(now);
                for channel in keys::CHANNELS {
                    sink.psubscribe(pattern(&prefix, channel.pattern)).await?;
                }
                self.subscribed.insert(prefix);
            }
        }
        // How an execution of n8n ended stands in its progress, which is listened to in n8n's own queues only.
        let executions: Vec<Base> = self.shared.lock().executions.keys().cloned().collect();
        for base in executions {
            if self.subscribed_progress.insert(base.clone()) {
                sink.psubscribe([&escaped(&base)[..], b":", keys::PROGRESS.as_bytes()].concat())
                    .await?;
            }
        }
        let now = self.context.clock.now();
        let mut state = self.shared.lock();
        for prefix in &self.subscribed {
            state.heard_since.entry(prefix.clone()).or_insert(now);
        }
        let known: Vec<Base> = state.queues.keys().cloned().collect();
        for base in known {
            state.count_since(&base);
        }
        Ok(())
    }

    /// After a connection was lost, a stretch is missing in every queue: said at once, and what ran then is
    /// forgotten.
    fn begin(&mut self) {
        let now = self.context.clock.now();
        self.follower.hears_since = Some(now);
        let mut state = self.shared.lock();
        state.reader = ReaderState::Running;
        if std::mem::replace(&mut state.heard_before, true) {
            let known: Vec<Base> = state.queues.keys().cloned().collect();
            for base in known {
                state.tracker.forget_active(&base);
                state.torn.insert(base.clone());
                if let Some(batch) = batch(&base, &mut state, now, false, Vec::new()) {
                    self.context.out.send(Observation::Jobs(batch));
                }
            }
        }
    }

    fn hear(&mut self, message: &Msg) {
        let now = self.context.clock.now();
        let channel: Vec<u8> = message.get_channel().unwrap_or_default();
        match decode(&channel, message.get_payload_bytes()) {
            Ok(heard) => self.follower.hear(heard, now, &mut self.shared.lock()),
            Err(reason) => tracing::debug!(
                channel = %String::from_utf8_lossy(&channel), %reason, "a message is none of Bull's"
            ),
        }
    }

    /// Takes what has arrived already, so that it is stamped now.
    fn hear_more(&mut self, stream: &mut PubSubStream) -> RedisResult<()> {
        use futures_util::FutureExt;
        for _ in 0..1_000 {
            match stream.next().now_or_never() {
                Some(Some(message)) => {
                    self.hear(&message);
                }
                Some(None) => return Err(cut()),
                None => break,
            }
        }
        Ok(())
    }

    /// Sends what is to be asked, as much of it as may be.
    fn ask(&mut self) -> Asking {
        let mut connections = self.connections.take()?;
        let now = self.context.clock.now();
        let pendings = self.follower.pendings.take();
        let mut questions = self.follower.questions(now);
        let mut jobs = pendings.wanted(&self.shared.lock(), true);
        let total = questions.due.len() + questions.checks.len() + jobs.len();
        let granted = self.budget.take(now, total);
        // What the counts need goes first.
        questions.due.truncate(granted);
        questions.checks.truncate(granted - questions.due.len());
        jobs.truncate(granted - questions.due.len() - questions.checks.len());
        Follower::asked(&jobs, &mut self.shared.lock());
        let commands = commands(&questions, &jobs, &self.shared.lock());
        self.asked = pendings;
        let asked = Asked { due: questions.due, checks: questions.checks, jobs };
        Some(Box::pin(async move {
            let answers = connections.ask(commands).await;
            Answered { connections, asked, answers }
        }))
    }

    fn answered(&mut self, answered: Answered) -> RedisResult<()> {
        let Answered { connections, asked, answers } = answered;
        let mut answers = answers?.into_iter();
        self.connections = Some(connections);
        let mut state = self.shared.lock();
        for (base, due, at) in asked.due {
            let ids = answers.next().unwrap_or(Value::Nil);
            let ids = texts_of(&ids).into_iter().map(<[u8]>::to_vec).collect();
            self.follower.found_due(&base, due, at, ids, &mut state);
        }
        let mut hashes = Hashes::new();
        let asked_jobs = asked.checks.iter().map(|(job, _)| job).chain(&asked.jobs);
        for job in asked_jobs {
            let hash = match answers.next() {
                Some(Value::Array(values)) => state.read_hash(&job.0, keys::JOB_FIELDS, &values),
                _ => None,
            };
            hashes.insert(job.clone(), hash);
        }
        self.follower.learn(&hashes, &mut state);
        self.follower.checked(asked.checks, &hashes, &mut state);
        self.ready.append(self.asked.take());
        for (job, hash) in hashes {
            // A hash that is gone now was perhaps read before.
            if hash.is_some() || !self.hashes.contains_key(&job) {
                self.hashes.insert(job, hash);
            }
        }
        Ok(())
    }

    /// What was heard before the connection broke is told, although nothing more can be asked about it.
    fn tell_rest(&mut self) {
        self.ready.append(self.asked.take());
        self.ready.append(self.follower.pendings.take());
        self.tell();
    }

    fn tell(&mut self) {
        let hashes = std::mem::take(&mut self.hashes);
        let mut state = self.shared.lock();
        let nudges = &mut self.nudges;
        self.ready.take().tell(Broker::Bull, &mut state, &hashes, is_new, nudges, self.context);
    }
}

fn commands(questions: &Questions, jobs: &[(Base, JobId)], state: &State) -> Vec<(Vec<u8>, Cmd)> {
    let due = questions.due.iter().map(|(base, due, _)| {
        let key = key(base, keys::DELAYED);
        let first = due.millis.saturating_mul(SCORE);
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(&key).arg(first).arg(first.saturating_add(SCORE - 1));
        command.arg("LIMIT").arg(0).arg(MAX_DUE);
        (key, command)
    });
    let jobs = questions.checks.iter().map(|(job, _)| job).chain(jobs).map(|(base, id)| {
        let key = job_key(base, id);
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg(state.job_fields(base, keys::JOB_FIELDS));
        (key, command)
    });
    due.chain(jobs).collect()
}

async fn under_way(asking: &mut Asking) -> Answered {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn cut() -> RedisError {
    RedisError::from((ErrorKind::Io, "the connection for messages was closed"))
}

/// The pattern of one kind of channel of all queues with `prefix`.
fn pattern(prefix: &[u8], channel: &str) -> Vec<u8> {
    [&escaped(prefix)[..], b":*:", channel.as_bytes()].concat()
}

/// A text as a pattern that means just that text.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len() + 3);
    for byte in text {
        if b"*?[]\\^".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}
