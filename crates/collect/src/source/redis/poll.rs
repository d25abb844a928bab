//! One Redis, polled: the loop, what a poll is, and what happens when it fails.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use redis::Cmd;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use vigie_model::{Broker, Check, Observation, PollCost, PollReport, ServerFacts, SourceFault};

use super::checks;
use super::config::{Deployment, RedisConfig};
use super::discover::Discovery;
use super::failed::{self, Answers};
use super::jitter::{Backoff, Jitter};
use super::offset::{Offset, server_time};
use super::readers::Readers;
use super::session::{Beside, Round, Session};
use super::systems::{Looks, Parts, Systems};
use super::{Fault, Link, clients, info};
use crate::source::{
    ClientLine, FailedJobs, NoFailedJobs, Plan, PollContext, Question, Questions, ReaderContext,
    Reply, ReplyError, RunContext, ToldJobs, Which,
};
use crate::{Clock, ObservationSender};

/// Round trips of the search right after connecting, so that the first report names the queues.
const BURST: usize = 20;
/// Above this, `CLIENT LIST` is not asked at each poll.
const LARGE_CLIENT_LIST: u64 = 64 << 10;
/// How long nudges are gathered before an early look.
const GATHER: Duration = Duration::from_millis(40);
/// The least time between two early looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Queues of one early look.
const QUEUES_A_LOOK: usize = 20;
/// Nudges that may wait.
const NUDGES: usize = 1_024;

/// Watches a Redis until told to stop: with what workers tell of its jobs by `told`, and an answer to whoever asks for jobs that
/// `failed`. Nothing of it outlives the call.
pub async fn run(config: RedisConfig, told: ToldJobs, failed: FailedJobs, context: RunContext) {
    let stop = context.stop.clone();
    let questions = failed.open(&config.name);
    let mut source = RedisSource::new(config, told, questions, context);
    tokio::select! {
        () = stop.cancelled() => {}
        () = source.poll_forever() => {}
    }
}

struct RedisSource {
    link: Link,
    clock: Arc<dyn Clock>,
    out: ObservationSender,
    polls: Polls,
    readers: Readers,
    reader_context: ReaderContext,
    nudges: mpsc::Receiver<(Broker, Vec<u8>)>,
    questions: Questions,
    jitter: Jitter,
}

/// What polls remember.
struct Polls {
    systems: Systems,
    discovery: Discovery,
    session: Option<Session>,
    offset: Offset,
    cpu_seconds: Option<f64>,
    /// What early looks cost since the last poll.
    looks: PollCost,
    /// Polls until `CLIENT LIST` is asked again.
    client_list_pause: u64,
    server: Option<ServerFacts>,
    checks: Vec<Check>,
    connected_before: bool,
    watches_role: bool,
    /// What was told of failed jobs.
    failed: Answers,
}

impl RedisSource {
    fn new(config: RedisConfig, told: ToldJobs, questions: Questions, context: RunContext) -> Self {
        let RunContext { clock, out, .. } = context;
        let (nudge, nudges) = mpsc::channel(NUDGES);
        let polls = Polls {
            systems: Systems::new(&config).with_told_jobs(told),
            discovery: Discovery::new(config.prefix.as_deref()),
            session: None,
            offset: Offset::default(),
            cpu_seconds: None,
            looks: PollCost::default(),
            client_list_pause: 0,
            server: None,
            checks: Vec::new(),
            connected_before: false,
            watches_role: matches!(config.deployment, Deployment::Sentinel(_)),
            failed: Answers::default(),
        };
        let (source, limits) = (config.name.clone(), config.limits);
        let exact_jobs_per_second = config.exact_jobs_per_second;
        let link = Link::new(config);
        let reader_context = ReaderContext {
            source,
            link: link.clone(),
            clock: Arc::clone(&clock),
            out: out.clone(),
            nudge,
            exact_jobs_per_second,
            limits,
        };
        Self {
            link,
            clock,
            out,
            polls,
            readers: Readers::new(),
            reader_context,
            nudges,
            questions,
            jitter: Jitter::new(),
        }
    }

    async fn poll_forever(&mut self) {
        let mut backoff = Backoff::new();
        let mut last_fault: Option<SourceFault> = None;
        loop {
            let begun = Instant::now();
            let next = begun + self.jitter.around(self.link.config().poll, 0.1);
            match self.connect_and_poll(last_fault.as_ref()).await {
                Ok(cost) => {
                    backoff.reset();
                    last_fault = None;
                    self.report(Ok(cost));
                    self.readers.start_due(&self.polls.systems, &self.reader_context);
                    if let Err(fault) = self.rest_until(next).await {
                        last_fault = Some(self.fail(&fault));
                        let retry = Instant::now() + backoff.wait(&mut self.jitter);
                        self.rest_failing(retry, last_fault.as_ref()).await;
                    }
                }
                Err(fault) => {
                    last_fault = Some(self.fail(&fault));
                    let retry = Instant::now() + backoff.wait(&mut self.jitter);
                    self.rest_failing(retry, last_fault.as_ref()).await;
                }
            }
        }
    }

    /// Drops the connection and says why, at once.
    fn fail(&mut self, fault: &Fault) -> SourceFault {
        self.polls.session = None;
        self.polls.cpu_seconds = None;
        let fault = SourceFault::from(fault);
        self.report(Err(fault.clone()));
        fault
    }

    /// One poll, after connecting if need be. While it takes long to connect, the last fault is repeated, so that
    /// everybody downstream knows how old things are.
    async fn connect_and_poll(
        &mut self,
        last_fault: Option<&SourceFault>,
    ) -> Result<PollCost, Fault> {
        if self.polls.session.is_none() {
            let interval = self.link.config().poll;
            let link = self.link.clone();
            let connecting = link.connect();
            tokio::pin!(connecting);
            let session = loop {
                tokio::select! {
                    session = &mut connecting => break session?,
                    () = tokio::time::sleep(interval), if last_fault.is_some() => {
                        if let Some(fault) = last_fault {
                            self.report(Err(fault.clone()));
                        }
                    }
                }
            };
            self.polls.begin(session).await?;
        }
        self.polls.poll(&self.link, &*self.clock, &self.out).await
    }

    /// Waits for the next poll; meanwhile takes early looks, tells of failed jobs, and restarts readers that ended.
    async fn rest_until(&mut self, next: Instant) -> Result<(), Fault> {
        let mut wanted: HashSet<(Broker, Vec<u8>)> = HashSet::new();
        let mut look_at: Option<Instant> = None;
        let mut looked = Instant::now();
        loop {
            let due = look_at.unwrap_or(next);
            tokio::select! {
                () = sleep_until(next) => return Ok(()),
                () = sleep_until(due), if look_at.is_some() => {
                    let some = std::mem::take(&mut wanted);
                    self.polls.look(some, &self.link, &*self.clock, &self.out).await?;
                    (look_at, looked) = (None, Instant::now());
                }
                nudge = self.nudges.recv() => {
                    if let Some(nudge) = nudge && wanted.len() < QUEUES_A_LOOK {
                        wanted.insert(nudge);
                    }
                    look_at.get_or_insert((Instant::now() + GATHER).max(looked + BETWEEN_LOOKS));
                }
                question = self.questions.next() => self.polls.tell_failed(question).await?,
                () = self.readers.ended(&mut self.jitter) => {}
            }
        }
    }

    /// Waits for the next attempt; meanwhile repeats the fault at each interval, and lets readers end.
    async fn rest_failing(&mut self, retry: Instant, fault: Option<&SourceFault>) {
        let interval = self.link.config().poll;
        let mut repeat = Instant::now() + interval;
        loop {
            tokio::select! {
                () = sleep_until(retry) => return,
                () = sleep_until(repeat) => {
                    repeat += interval;
                    if let Some(fault) = fault {
                        self.report(Err(fault.clone()));
                    }
                }
                _ = self.nudges.recv() => {}
                question = self.questions.next() => {
                    let why = fault.map_or_else(String::new, ToString::to_string);
                    let _ = question.answer.send(Err(NoFailedJobs::Source(why)));
                }
                () = self.readers.ended(&mut self.jitter) => {}
            }
        }
    }

    fn report(&mut self, outcome: Result<PollCost, SourceFault>) {
        let config = self.link.config();
        let polls = &mut self.polls;
        polls.checks = match (&outcome, &polls.session) {
            (Ok(_), Some(session)) => {
                checks::answering(config, session, &polls.systems, &polls.discovery)
            }
            (Err(fault), _) => checks::failing(&polls.checks, config, fault),
            (Ok(_), None) => std::mem::take(&mut polls.checks),
        };
        if let Some(session) = &polls.session {
            polls.server = Some(session.facts().clone());
        }
        self.out.send(Observation::Polled(PollReport {
            source: config.name.clone(),
            at: self.clock.now(),
            outcome,
            server: polls.server.clone(),
            found: polls.systems.found(),
            checks: polls.checks.clone(),
        }));
    }
}

impl Polls {
    /// Takes a new connection, and looks for queues before the first poll.
    async fn begin(&mut self, mut session: Session) -> Result<(), Fault> {
        if self.connected_before {
            self.systems.reconnected();
        }
        self.connected_before = true;
        self.client_list_pause = 0;
        self.discovery.restart(session.nodes());
        for _ in 0..BURST {
            let scans = self.discovery.scans(session.nodes());
            if scans.iter().all(Option::is_none) && !self.discovery.is_busy() {
                break;
            }
            let mut plan = Plan::default();
            self.discovery.ask_types(&mut plan);
            let (beside, scanned) = beside_scans(scans);
            let round = session.round(plan, beside).await?;
            self.take_scans(round.by_node, &scanned);
            let candidates =
                self.discovery.candidates(&mut Parts::new(round.answers, Vec::new()).rest());
            self.systems.offer(&candidates);
        }
        self.session = Some(session);
        Ok(())
    }

    fn take_scans(&mut self, by_node: Vec<Vec<Reply>>, scanned: &[bool]) {
        for (node, (answers, scanned)) in by_node.into_iter().zip(scanned).enumerate() {
            if let Some(answer) = answers.into_iter().next().filter(|_| *scanned) {
                self.discovery.scanned(node, answer);
            }
        }
    }

    /// Asks everything, and sends what was observed.
    async fn poll(
        &mut self,
        link: &Link,
        clock: &dyn Clock,
        out: &ObservationSender,
    ) -> Result<PollCost, Fault> {
        let Some(mut session) = self.session.take() else {
            return Err(Fault::Closed(link.config().display_url()));
        };
        let looks = Systems::everything();
        let mut cost = Cost::new(std::mem::take(&mut self.looks), session.refresh().await?);
        let mut plan = Plan::default();
        let counts = self.systems.ask(&looks, &mut plan);
        let with_clients = self.client_list_pause == 0;
        self.client_list_pause = self.client_list_pause.saturating_sub(1);
        let (beside, scanned) = self.ask_beside(session.nodes(), with_clients);
        let sent = clock.now();
        let round = cost.time(session.round(plan, beside)).await?;
        let received = clock.now();
        let seen = Seen::parse(round.by_node, with_clients, self.watches_role);
        if let (Some(first), Some(last)) = (seen.first_time, seen.last_time) {
            self.offset.measure(sent, first, last, received);
        }
        if seen.is_replica {
            return Err(Fault::NotMaster(link.config().display_url()));
        }
        self.client_list_pause = if with_clients {
            (seen.client_bytes / LARGE_CLIENT_LIST).min(30)
        } else {
            self.client_list_pause
        };
        cost.total.server_cpu_seconds = self.cpu_since(seen.cpu_seconds);
        for (node, answer) in seen.scans.into_iter().enumerate() {
            if let Some(answer) = answer.filter(|_| scanned.get(node) == Some(&true)) {
                self.discovery.scanned(node, answer);
            }
        }

        let context = self.context(link, received, seen.clients.map(Arc::new));
        let mut plan = Plan::default();
        let counts = self.systems.ask_more(
            &looks,
            &mut Parts::new(round.answers, counts),
            &mut plan,
            &context,
        );
        self.discovery.ask_types(&mut plan);
        let (beside, scanned) = beside_scans(self.discovery.scans(session.nodes()));
        let mut answers = Vec::new();
        if !plan.is_empty() || scanned.contains(&true) {
            let round = cost.time(session.round(plan, beside)).await?;
            self.take_scans(round.by_node, &scanned);
            answers = round.answers;
        }
        let mut parts = Parts::new(answers, counts);
        let observations = self.systems.tell(&looks, &mut parts, &context);
        let candidates = self.discovery.candidates(&mut parts.rest());
        self.systems.offer(&candidates);
        for observation in observations {
            out.send(observation);
        }
        self.session = Some(session);
        Ok(cost.total)
    }

    /// Reads some queues between two polls.
    async fn look(
        &mut self,
        wanted: HashSet<(Broker, Vec<u8>)>,
        link: &Link,
        clock: &dyn Clock,
        out: &ObservationSender,
    ) -> Result<(), Fault> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let mut by_broker: HashMap<Broker, HashSet<Vec<u8>>> = HashMap::new();
        for (broker, queue) in wanted {
            by_broker.entry(broker).or_default().insert(queue);
        }
        let looks: Looks =
            by_broker.into_iter().map(|(broker, some)| (broker, Which::These(some))).collect();
        let mut cost = Cost::new(self.looks, 0);
        let mut plan = Plan::default();
        let counts = self.systems.ask(&looks, &mut plan);
        let mut answers = Vec::new();
        if !plan.is_empty() {
            answers = cost.time(session.round(plan, Vec::new())).await?.answers;
        }
        let context = self.context(link, clock.now(), None);
        let mut plan = Plan::default();
        let counts =
            self.systems.ask_more(&looks, &mut Parts::new(answers, counts), &mut plan, &context);
        let mut answers = Vec::new();
        if !plan.is_empty() {
            answers = cost.time(session.round(plan, Vec::new())).await?.answers;
        }
        for observation in self.systems.tell(&looks, &mut Parts::new(answers, counts), &context) {
            out.send(observation);
        }
        // Early looks are no polls: their round trips are not those of one.
        self.looks = PollCost { round_trips: 0, seconds: 0.0, ..cost.total };
        self.session = Some(session);
        Ok(())
    }

    /// Tells of the failed jobs of a queue; who has left meanwhile hears nothing.
    async fn tell_failed(&mut self, Question { queue, answer }: Question) -> Result<(), Fault> {
        if let Some(failed) = self.failed.of(&queue) {
            let _ = answer.send(failed);
            return Ok(());
        }
        let (Some(session), Some(place)) = (&mut self.session, self.systems.failed(&queue)) else {
            let _ = answer.send(Err(NoFailedJobs::Unknown));
            return Ok(());
        };
        let read = failed::read(session, &place).await;
        let failed = read.as_ref().map_or_else(
            |fault| Err(NoFailedJobs::Source(fault.to_string())),
            |failed| failed.clone(),
        );
        let _ = answer.send(failed.clone());
        self.failed.keep(queue, failed);
        read.map(drop)
    }

    fn context(
        &self,
        link: &Link,
        now: vigie_model::Time,
        clients: Option<Arc<Vec<ClientLine>>>,
    ) -> PollContext {
        let config = link.config();
        PollContext {
            source: config.name.clone(),
            now,
            server_offset: self.offset.seconds(),
            clients,
            limits: config.limits,
        }
    }

    /// What is asked of each node beside the queues.
    fn ask_beside(&mut self, nodes: usize, with_clients: bool) -> (Vec<Beside>, Vec<bool>) {
        let mut scans = self.discovery.scans(nodes);
        let scanned = scans.iter().map(Option::is_some).collect();
        let ask = |node: usize| {
            let mut first = vec![redis::cmd("TIME"), command(&["INFO", "cpu"])];
            if self.watches_role {
                first.push(command(&["INFO", "replication"]));
            }
            if with_clients {
                first.push(command(&["CLIENT", "LIST", "TYPE", "normal"]));
            }
            let mut last = vec![redis::cmd("TIME")];
            last.extend(scans.get_mut(node).and_then(Option::take));
            Beside { first, last }
        };
        ((0..nodes).map(ask).collect(), scanned)
    }

    fn cpu_since(&mut self, now: Option<f64>) -> Option<f64> {
        let before = std::mem::replace(&mut self.cpu_seconds, now)?;
        // A restarted server begins at 0.
        Some(now? - before).filter(|spent| *spent >= 0.0)
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}

/// What the nodes said beside the queues.
#[derive(Default)]
struct Seen {
    first_time: Option<vigie_model::Time>,
    last_time: Option<vigie_model::Time>,
    cpu_seconds: Option<f64>,
    is_replica: bool,
    clients: Option<Vec<ClientLine>>,
    client_bytes: u64,
    /// By node.
    scans: Vec<Option<Reply>>,
}

impl Seen {
    /// Reads the answers to [`Polls::ask_beside`].
    fn parse(by_node: Vec<Vec<Reply>>, with_clients: bool, with_role: bool) -> Self {
        let mut seen = Self::default();
        for (node, answers) in by_node.into_iter().enumerate() {
            let mut answers = answers.into_iter();
            let mut next = || answers.next().unwrap_or(Err(ReplyError::Shape("no answer")));
            let first = next().ok().and_then(|answer| server_time(&answer));
            if let Some(cpu) =
                next().ok().and_then(|answer| info::cpu_seconds(&info::text(&answer)))
            {
                *seen.cpu_seconds.get_or_insert(0.0) += cpu;
            }
            if with_role {
                seen.is_replica |=
                    next().is_ok_and(|answer| info::says_replica(&info::text(&answer)));
            }
            if with_clients && let Ok(answer) = next() {
                seen.client_bytes += info::text(&answer).len() as u64;
                seen.clients.get_or_insert_default().extend(clients::parse(&answer));
            }
            let last = next().ok().and_then(|answer| server_time(&answer));
            if node == 0 {
                (seen.first_time, seen.last_time) = (first, last);
            }
            seen.scans.push(answers.next());
        }
        seen
    }
}

/// Adds up what round trips cost.
struct Cost {
    total: PollCost,
}

impl Cost {
    fn new(before: PollCost, round_trips: u32) -> Self {
        Self { total: PollCost { round_trips, ..before } }
    }

    async fn time(
        &mut self,
        round: impl Future<Output = Result<Round, Fault>>,
    ) -> Result<Round, Fault> {
        let begun = Instant::now();
        let round = round.await?;
        self.total.seconds += begun.elapsed().as_secs_f64();
        self.total.round_trips += 1;
        self.total.commands += round.commands;
        self.total.bytes += round.bytes;
        Ok(round)
    }
}

/// One scan for each node that has one, and which have.
fn beside_scans(scans: Vec<Option<Cmd>>) -> (Vec<Beside>, Vec<bool>) {
    let scanned = scans.iter().map(Option::is_some).collect();
    let beside = scans
        .into_iter()
        .map(|scan| Beside { first: scan.into_iter().collect(), last: Vec::new() });
    (beside.collect(), scanned)
}
