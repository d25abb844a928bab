//! A source that runs, and what it observed last.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use vigie_collect::source::{Backends, RunContext, ToldJobs};
use vigie_collect::{LineKeeper, LinePosition, LinesNotKept, SystemClock, observations};
use vigie_model::{Instance, InstanceStatus, LogEntry, Observation, PollReport};

/// How long a busy machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A source that runs until dropped.
pub struct Watch {
    last: Arc<Mutex<Last>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Default)]
struct Last {
    instances: Vec<Instance>,
    report: Option<PollReport>,
    /// Queues, jobs and schedules, in order.
    work: Vec<Observation>,
}

impl Watch {
    /// Runs what `start` makes.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        start: impl FnOnce(RunContext) -> F,
    ) -> Self {
        let (sender, receiver) = observations(10_000);
        let context = RunContext {
            clock: Arc::new(SystemClock::start()),
            out: sender,
            stop: CancellationToken::new(),
        };
        let running = tokio::spawn(start(context));
        let last: Arc<Mutex<Last>> = Arc::default();
        let own = Arc::clone(&last);
        let listening = tokio::spawn(async move {
            loop {
                for one in receiver.receive().await {
                    let mut last = own.lock().unwrap();
                    match one {
                        Observation::Instances(reading) => last.instances = reading.instances,
                        Observation::Polled(report) => last.report = Some(report),
                        Observation::Queue(_)
                        | Observation::Jobs(_)
                        | Observation::Schedules(_) => {
                            last.work.push(one);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        });
        Self { last, tasks: vec![running, listening] }
    }

    /// Waits until the last observation is as wanted.
    pub async fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&[Instance], &PollReport) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let last = self.last.lock().unwrap();
                let found = last.report.as_ref().and_then(|report| look(&last.instances, report));
                if let Some(found) = found {
                    return found;
                }
                assert!(
                    Instant::now() < deadline,
                    "{what}: {:#?}\n{:#?}",
                    last.instances,
                    last.report
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until something is said of queues, jobs or schedules; it gets all of that so far.
    pub async fn work<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&[Observation]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let last = self.last.lock().unwrap();
                if let Some(found) = look(&last.work) {
                    return found;
                }
                assert!(Instant::now() < deadline, "{what}: {:#?}", last.work);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until each instance has the status that is said, in their order; returns them.
    pub async fn statuses(&self, expected: &[(&str, InstanceStatus)]) -> Vec<Instance> {
        let what = format!("{expected:?}");
        self.until(&what, |instances, _| {
            let same = instances.len() == expected.len()
                && instances.iter().zip(expected).all(|(one, (name, status))| {
                    one.key.instance.as_str() == *name && one.status == *status
                });
            same.then(|| instances.to_vec())
        })
        .await
    }

    /// Waits until the source fails; its error and hint.
    pub async fn fault(&self) -> (String, Option<String>) {
        self.until("a fault", |_, report| {
            let fault = report.outcome.as_ref().err()?;
            Some((fault.error.clone(), fault.hint.clone()))
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// A configuration from JSON, checked; polls five times a second.
pub fn config<R: DeserializeOwned, C: TryFrom<R>>(mut json: Value) -> C
where
    C::Error: std::fmt::Debug,
{
    let defaults = [("poll_seconds", Value::from(0.5)), ("name", Value::from("s"))];
    for (key, value) in defaults {
        if json.get(key).is_none() {
            json[key] = value;
        }
    }
    C::try_from(serde_json::from_value(json).unwrap()).unwrap()
}

/// A HAProxy's source.
pub fn haproxy(json: Value, backends: &Backends) -> Watch {
    use vigie_collect::source::haproxy::{self, RawHaproxyConfig};
    let (config, backends) = (config::<RawHaproxyConfig, _>(json), backends.clone());
    Watch::start(|context| haproxy::run(config, backends, context))
}

/// A probe's source.
pub fn probe(json: Value, backends: &Backends) -> Watch {
    use vigie_collect::source::probe::{self, RawProbeConfig};
    let (config, backends) = (config::<RawProbeConfig, _>(json), backends.clone());
    Watch::start(|context| probe::run(config, backends, context))
}

/// A service's source; its lines are kept nowhere else.
pub fn go_api(json: Value) -> Watch {
    go_api_with(json, Arc::new(crate::feeds::Lines::default()))
}

/// A service's source, whose lines are kept there.
pub fn go_api_with(json: Value, lines: Arc<dyn LineKeeper>) -> Watch {
    use vigie_collect::source::go_api::{self, RawGoApiConfig};
    let (config, told) = (config::<RawGoApiConfig, _>(json), ToldJobs::default());
    Watch::start(|context| go_api::run(config, lines, told, context))
}

/// An n8n's source, whose lines are nobody's.
pub fn n8n(json: Value) -> Watch {
    n8n_with(json, Kept::default())
}

/// An n8n's source that keeps its lines here.
pub fn n8n_with(json: Value, lines: Kept) -> Watch {
    use vigie_collect::source::n8n::{self, RawN8nConfig};
    let config = config::<RawN8nConfig, _>(json);
    let lines = Arc::new(lines);
    Watch::start(|context| n8n::run(config, lines, context))
}

/// Lines that were kept, with the position of their reader; shared by its clones, as a disk is by two runs.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<KeptLines>>);

#[derive(Default)]
struct KeptLines {
    entries: Vec<LogEntry>,
    position: Option<LinePosition>,
    full: bool,
}

impl Kept {
    /// All entries so far.
    pub fn entries(&self) -> Vec<LogEntry> {
        self.0.lock().unwrap().entries.clone()
    }

    /// Whether the disk is full.
    pub fn set_full(&self, full: bool) {
        self.0.lock().unwrap().full = full;
    }
}

impl LineKeeper for Kept {
    fn position(&self, reader: &str) -> Option<Vec<u8>> {
        let kept = self.0.lock().unwrap();
        kept.position.as_ref().filter(|one| one.reader == reader).map(|one| one.bytes.clone())
    }

    fn keep(
        &self,
        entries: Vec<LogEntry>,
        position: LinePosition,
    ) -> BoxFuture<'_, Result<(), LinesNotKept>> {
        Box::pin(async move {
            let mut kept = self.0.lock().unwrap();
            if kept.full {
                return Err(LinesNotKept("the disk is full".to_owned()));
            }
            kept.entries.extend(entries);
            kept.position = Some(position);
            Ok(())
        })
    }
}
