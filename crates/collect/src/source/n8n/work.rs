//! What an n8n works at: its workflows, executions and schedules, by the public API and by what the reader of its queue tells.

use std::sync::Arc;

use vigie_model::{
    Broker, Check, CheckState, Counts, JobBatch, JobEvent, LogEntry, Name, Observation, Quality,
    QueueId, QueueReading, SchedulesReading, SourceFault, SourceName, Time,
};

use super::api::{Api, Reading};
use super::config::N8nConfig;
use super::decode::{self, Execution, QueueFigures, Workflow};
use super::executions::{Executions, Told};
use super::failures::{Failures, Place, Position};
use super::lines;
use super::link::N8nLink;
use super::overdue::Timetable;
use super::routes;
use crate::http::{HttpClient, HttpFault, HttpUrl};
use crate::source::poller::{check, counted};
use crate::{LineKeeper, LinePosition, ObservationSender};

/// Workflows are read again after so many seconds.
const WORKFLOWS_SECONDS: f64 = 60.0;
/// The queue of executions that are the jobs of no queue in a watched Redis.
const QUEUE: &str = "executions";
/// n8n's queue in Redis.
const JOBS: &str = "jobs";
/// Workflows whose newest execution is asked for in one look.
const ASKED: usize = 10;

pub(super) struct Work {
    source: SourceName,
    /// Whether executions are jobs of a queue that is watched.
    queued: bool,
    link: N8nLink,
    api: Option<Api>,
    workflows: Vec<Workflow>,
    reading: Reading,
    workflows_read: Option<Time>,
    executions: Executions,
    since: Option<Time>,
    failures: Failures,
    timetable: Timetable,
    position: Option<Position>,
    /// Where log lines are looked for, and how that went.
    logs: Option<(HttpUrl, HttpClient)>,
    logs_found: Option<Result<usize, HttpFault>>,
    new_lines: Vec<LogEntry>,
    /// Why lines were not kept at the last attempt.
    not_kept: Option<String>,
    dropped: u64,
    out: ObservationSender,
    lines: Arc<dyn LineKeeper>,
}

impl Work {
    pub fn new(config: &N8nConfig, out: ObservationSender, lines: Arc<dyn LineKeeper>) -> Self {
        let link = config.queue.as_ref().map(|queue| queue.link.clone());
        Self {
            source: config.name.clone(),
            queued: link.is_some(),
            link: link.unwrap_or_default(),
            api: None,
            workflows: Vec::new(),
            reading: Reading::default(),
            workflows_read: None,
            executions: Executions::default(),
            since: None,
            failures: Failures::default(),
            timetable: Timetable::new(&config.timezone),
            position: None,
            logs: None,
            logs_found: None,
            new_lines: Vec::new(),
            not_kept: None,
            dropped: 0,
            out,
            lines,
        }
    }

    /// What workflows are called.
    pub fn name(&self, names: impl IntoIterator<Item = (String, Name)>) {
        self.link.name(names);
    }

    /// How many workflows the API has told of.
    pub fn workflows(&self) -> usize {
        self.workflows.len()
    }

    /// Questions and bytes since this was asked last.
    pub fn take_cost(&mut self) -> (u32, u64) {
        self.api.as_mut().map(Api::take_cost).unwrap_or_default()
    }

    /// One look; `None` where there is no key to ask with. What workers said is told in any case.
    pub async fn look(
        &mut self,
        config: &N8nConfig,
        queue: Option<QueueFigures>,
        now: Time,
    ) -> Result<Option<Result<(), HttpFault>>, SourceFault> {
        if let (None, Some(access), Some(main)) = (&self.api, &config.api, config.mains.first()) {
            let client = HttpClient::new(access)?.limited(routes::PAGE_BYTES);
            self.api = Some(Api::new(client, main.clone()));
        }
        let reader = self.reader();
        let position = self.position.get_or_insert_with(|| {
            self.lines.position(&reader).map(|bytes| Position::read(&bytes)).unwrap_or_default()
        });
        let (heard, dropped) = self.link.take_failed();
        self.dropped += dropped;
        for run in heard {
            self.failures.heard(run, position, now);
        }
        let asked = match self.api.is_some() {
            true => Some(self.ask(queue, now).await),
            false => None,
        };
        if asked.as_ref().is_some_and(Result::is_err) {
            self.reading = Reading::default();
        }
        self.read_logs(config, now).await?;
        self.tell_schedules(now);
        self.tell_lines(now).await;
        Ok(asked)
    }

    /// Looks for log lines where the configuration says.
    async fn read_logs(&mut self, config: &N8nConfig, now: Time) -> Result<(), SourceFault> {
        let (Some(path), Some(main)) = (&config.logs_path, config.mains.first()) else {
            return Ok(());
        };
        if self.logs.is_none() {
            let client = HttpClient::new(&config.access)?.limited(routes::PAGE_BYTES);
            self.logs = main.with_path(path).map(|url| (url, client));
        }
        let Some((url, client)) = &self.logs else { return Ok(()) };
        let answer = client.fetch(url, routes::LOG_ACCEPT, &routes::LOG_TYPES, "log lines").await;
        self.logs_found = Some(answer.map(|answer| {
            self.new_lines = lines::page(&answer.body, self.source.as_str(), now);
            self.new_lines.len()
        }));
        Ok(())
    }

    async fn ask(&mut self, queue: Option<QueueFigures>, now: Time) -> Result<(), HttpFault> {
        let Some(api) = &mut self.api else { return Ok(()) };
        let due = self.workflows_read.is_none_or(|read| now.since(read) >= WORKFLOWS_SECONDS);
        if due && api.workflows(&mut self.reading).await? {
            self.workflows = std::mem::take(&mut self.reading).workflows;
            self.workflows_read = Some(now);
            let name = |one: &Workflow| (one.id.clone(), Name::from(one.name.as_str()));
            self.link.name(self.workflows.iter().map(name));
            self.timetable.plan(&self.workflows);
        }
        let listed = api.executions(routes::EXECUTIONS).await?;
        let running = api.executions(routes::RUNNING).await?;
        self.timetable.ran(listed.iter().chain(&running));
        for id in self.timetable.doubtful(now, ASKED) {
            let path = format!("{}&workflowId={}", routes::EXECUTIONS, super::api::in_query(&id));
            let own = api.executions(&path).await?;
            self.timetable.asked(&id, &own, now);
        }
        if let Some(position) = &self.position {
            self.failures.listed(&listed, position, now);
        }
        for id in self.failures.to_ask(now) {
            let body = api.execution(&id, true).await;
            // One that is too large, or gone, is told without its words.
            let failure = body.ok().flatten().and_then(|body| decode::failure(&body).ok());
            self.failures.asked(&id, failure.unwrap_or_default());
        }
        if !self.queued {
            self.tell_executions(&listed, &running, queue, now).await?;
        }
        Ok(())
    }

    /// Executions as the jobs of a queue of this source.
    async fn tell_executions(
        &mut self,
        listed: &[Execution],
        running: &[Execution],
        queue: Option<QueueFigures>,
        now: Time,
    ) -> Result<(), HttpFault> {
        let link = self.link.clone();
        let name = |id: &str| link.name_of(id);
        let since = *self.since.get_or_insert(now);
        let Told { mut events, active, gap, vanished } =
            self.executions.look(listed, running, name, now);
        if let Some(api) = &mut self.api {
            for id in vanished {
                let body = api.execution(&id, false).await?;
                let one: Option<Execution> =
                    body.and_then(|body| serde_json::from_slice(&body).ok());
                events.extend(self.executions.found(&id, one.as_ref(), name, now));
            }
        }
        let active_now = queue.and_then(|queue| queue.active).unwrap_or(running.len() as u64);
        let waiting = queue.and_then(|queue| queue.waiting);
        let counts = Counts { waiting, active: Some(active_now), ..Counts::default() };
        let id =
            QueueId { source: self.source.clone(), broker: Broker::N8n, name: Name::from(QUEUE) };
        self.out.send(Observation::Queue(QueueReading {
            queue: id.clone(),
            at: now,
            since,
            counts,
            raw: Vec::new(),
            paused: false,
            oldest: None,
            active_jobs: active,
            quality: Quality::Sampled,
        }));
        self.tell_jobs(id, events, gap, now);
        Ok(())
    }

    fn tell_jobs(&self, queue: QueueId, events: Vec<JobEvent>, gap: bool, now: Time) {
        if gap || !events.is_empty() {
            let batch = JobBatch { queue, at: now, gap, types_sampled: false, events };
            self.out.send(Observation::Jobs(batch));
        }
    }

    fn tell_schedules(&self, now: Time) {
        if self.workflows_read.is_some() {
            self.out.send(Observation::Schedules(SchedulesReading {
                source: self.source.clone(),
                at: now,
                schedules: self.timetable.schedules(now),
            }));
        }
    }

    /// Keeps what is to be kept: the executions that failed, and the workflows that began to be overdue or ceased to be.
    async fn tell_lines(&mut self, now: Time) {
        let Some(before) = self.position.clone() else { return };
        let mut position = before.clone();
        let mut entries: Vec<LogEntry> =
            self.timetable.events(&mut position.overdue, &self.source, now);
        let link = self.link.clone();
        let place = Place {
            source: self.source.as_str(),
            queue: if self.queued { JOBS } else { QUEUE },
            name: &|id| link.name_of(id),
        };
        let ready = self.failures.lines(&place, self.api.is_some(), &mut position, now);
        entries.extend(ready.lines);
        entries.extend(lines::newer(std::mem::take(&mut self.new_lines), &mut position.logs));
        if entries.is_empty() && position == before {
            return;
        }
        let bytes = position.bytes();
        let kept = self.lines.keep(entries, LinePosition { reader: self.reader(), bytes }).await;
        match kept {
            Ok(()) => {
                self.position = Some(position);
                self.failures.kept(ready.ids);
                self.not_kept = None;
            }
            Err(error) => self.not_kept = Some(error.to_string()),
        }
    }

    fn reader(&self) -> String {
        format!("{}/n8n", self.source)
    }

    /// What is to be said about schedules and lines.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        if self.workflows_read.is_some() {
            checks.push(self.timetable.check());
        }
        checks.extend(self.logs_found.as_ref().map(|found| match found {
            Ok(lines) => check("logs_path", CheckState::Ok, counted(*lines as u64, "line"), None),
            Err(fault) => {
                let fix =
                    "leave logs_path out, and set log_files: n8n has no log over HTTP".to_owned();
                check("logs_path", CheckState::Missing, fault.to_string(), Some(fix))
            }
        }));
        if let Some(error) = &self.not_kept {
            let detail = format!("failed executions are not told: {error}");
            checks.push(check("lines", CheckState::Warning, detail, None));
        }
        let dropped = self.dropped + self.failures.dropped;
        if dropped > 0 {
            let detail = format!("{dropped} failed executions came too fast to be told");
            checks.push(check("lines", CheckState::Warning, detail, None));
        }
        checks
    }
}
