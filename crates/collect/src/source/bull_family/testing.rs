//! What the tests of both libraries share: a clock that stands still and a place where observations go.

use std::sync::Arc;

use tokio::sync::mpsc;
use vigie_model::{
    Broker, JobBatch, JobEvent, JobFact, Limits, Observation, Outcome, SourceName, Time,
};

use super::base::Base;
use super::shared::{Shared, State};
use crate::source::ReaderContext;
use crate::source::redis::{Link, RedisConfig};
use crate::{Clock, ObservationReceiver, observations};

/// A clock that stands still.
pub(crate) struct StillClock(Time);

impl Clock for StillClock {
    fn now(&self) -> Time {
        self.0
    }
}

/// Everything around a follower.
pub(crate) struct Stage {
    pub shared: Shared,
    pub context: ReaderContext,
    pub received: ObservationReceiver,
    _nudges: mpsc::Receiver<(Broker, Vec<u8>)>,
}

impl Stage {
    pub fn new(broker: Broker, start: Time) -> Self {
        let clock = Arc::new(StillClock(start));
        let (out, received) = observations(10_000);
        let (nudge, nudges) = mpsc::channel(16);
        let context = ReaderContext {
            source: SourceName::new("main"),
            link: Link::new(RedisConfig::from_url("main", "redis://127.0.0.1:1").unwrap()),
            clock,
            out,
            nudge,
            exact_jobs_per_second: 1_000,
            limits: Limits::default(),
        };
        let shared = Shared::new(SourceName::new("main"), broker, Limits::default(), 1_000);
        Self { shared, context, received, _nudges: nudges }
    }

    pub async fn batches(&self) -> Vec<JobBatch> {
        // There is always something to receive after this.
        let id = vigie_model::QueueId {
            source: SourceName::new("main"),
            broker: Broker::Asynq,
            name: "end".into(),
        };
        self.context.out.send(Observation::QueueGone { queue: id, at: Time::default() });
        let all = self.received.receive().await;
        all.into_iter()
            .filter_map(|one| match one {
                Observation::Jobs(batch) => Some(batch),
                _ => None,
            })
            .collect()
    }
}

pub(crate) fn base(text: &str) -> Base {
    text.as_bytes().to_vec().into()
}

/// Makes a queue known, counted since `since`.
pub(crate) fn adopt(state: &mut State, queue: &str, since: Time) {
    state.adopt(&base(queue)).unwrap();
    state.since.insert(base(queue), since);
}

/// Events in a form that is easy to compare: type, fact, wait and run in milliseconds.
pub(crate) fn brief(events: &[JobEvent]) -> Vec<String> {
    events.iter().map(brief_one).collect()
}

fn brief_one(event: &JobEvent) -> String {
    let job_type = event.job_type.as_ref().map_or("?", |name| name.as_str());
    let ms = |seconds: Option<f64>| seconds.map_or("?".into(), |s| format!("{:.0}", s * 1e3));
    match event.fact {
        JobFact::Enqueued => format!("{job_type} enqueued"),
        JobFact::Started { wait } => format!("{job_type} started wait={}", ms(wait)),
        JobFact::Finished { outcome, wait, run } => {
            let word = outcome.as_str();
            format!("{job_type} {word} wait={} run={}", ms(wait), ms(run))
        }
        ref other => format!("{other:?}"),
    }
}

/// How many were enqueued, succeeded and failed.
pub(crate) fn totals(events: &[JobEvent]) -> (usize, usize, usize) {
    let count =
        |wanted: fn(&JobFact) -> bool| events.iter().filter(|one| wanted(&one.fact)).count();
    (
        count(|fact| matches!(fact, JobFact::Enqueued)),
        count(|fact| matches!(fact, JobFact::Finished { outcome: Outcome::Succeeded, .. })),
        count(|fact| matches!(fact, JobFact::Finished { outcome: Outcome::Failed, .. })),
    )
}
