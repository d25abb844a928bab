//! The loop of every source that is asked at an interval over HTTP or a socket: when, what is reported, and its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use vigie_model::{
    Check, CheckState, Instance, InstancesReading, MAX_INSTANCES, Observation, PollCost,
    PollReport, ServerFacts, SourceFault, SourceName, Time,
};

use super::redis::Jitter;
use crate::{Clock, ObservationSender};

/// What every source runs with.
#[derive(Clone)]
pub struct RunContext {
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where observations go.
    pub out: ObservationSender,
    /// Ends it.
    pub stop: CancellationToken,
}

/// What one look brought.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Every instance, or `None` when they could not be read: then the last ones stay as they were.
    pub instances: Option<Vec<Instance>>,
    /// What the server says of itself.
    pub server: Option<ServerFacts>,
    /// What was looked for and what it would take to get what is missing.
    pub checks: Vec<Check>,
    /// Why nobody of those who were asked answers: then the look has failed, although it knows of each instance that it is down.
    pub nobody: Option<SourceFault>,
    /// Requests that were made.
    pub requests: u32,
    /// Bytes of their answers.
    pub bytes: u64,
}

/// A source that is asked at an interval.
pub(crate) trait Poll: Send {
    /// One look; it ends by itself. A fault is one of the source as a whole: one instance that is down is none.
    fn look(&mut self, now: Time) -> impl Future<Output = Result<Look, SourceFault>> + Send;
}

/// Looks until told to stop, so often, at what has this name. Nothing of it outlives the call.
pub(crate) async fn run(
    name: SourceName,
    interval: Duration,
    mut source: impl Poll,
    context: RunContext,
) {
    let RunContext { clock, out, stop } = context;
    tokio::select! {
        () = stop.cancelled() => {}
        () = poll_forever((&name, interval), &mut source, &*clock, &out) => {}
    }
}

async fn poll_forever(
    (name, interval): (&SourceName, Duration),
    source: &mut impl Poll,
    clock: &dyn Clock,
    out: &ObservationSender,
) {
    let mut jitter = Jitter::new();
    let mut last = (None, Vec::new());
    loop {
        let begun = Instant::now();
        let next = begun + jitter.around(interval, 0.1);
        let looked = source.look(clock.now()).await;
        report(name, looked, begun.elapsed(), clock.now(), &mut last, out);
        sleep_until(next).await;
    }
}

/// What is kept from the last good look: the server's facts and the checks.
type Last = (Option<ServerFacts>, Vec<Check>);

fn report(
    source: &SourceName,
    looked: Result<Look, SourceFault>,
    took: Duration,
    at: Time,
    last: &mut Last,
    out: &ObservationSender,
) {
    let looked = looked.map(|look| {
        if let Some(mut instances) = look.instances {
            let over = instances.len().saturating_sub(MAX_INSTANCES);
            if over > 0 {
                instances.truncate(MAX_INSTANCES);
                let (source, count) = (source.clone(), over as u64);
                out.send(Observation::Folded { source, what: "instances", count });
            }
            let source = source.clone();
            out.send(Observation::Instances(InstancesReading { source, at, instances }));
        }
        *last = (look.server.or_else(|| last.0.take()), look.checks);
        let cost = PollCost {
            seconds: took.as_secs_f64(),
            round_trips: look.requests,
            commands: look.requests,
            bytes: look.bytes,
            server_cpu_seconds: None,
        };
        look.nobody.map_or(Ok(cost), Err)
    });
    let checks = match &looked {
        Ok(_) => last.1.clone(),
        Err(fault) => vec![check("connect", CheckState::Warning, &fault.error, fault.hint.clone())],
    };
    let outcome = looked.and_then(|outcome| outcome);
    out.send(Observation::Polled(PollReport {
        source: source.clone(),
        at,
        outcome,
        server: last.0.clone(),
        found: Vec::new(),
        checks,
    }));
}

/// What is wrong with the first of those who were asked, if there are some and none answers.
pub(crate) fn nobody<T: Into<SourceFault>>(
    mut faults: impl Iterator<Item = Option<T>>,
) -> Option<SourceFault> {
    let first = faults.next()??;
    faults.all(|fault| fault.is_some()).then(|| first.into())
}

/// A count and what is counted, by its name for one; more have an `s`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// How many of those who were asked answer; `one` is what one is called.
pub(crate) fn answering(well: usize, asked: usize, one: &str) -> String {
    match asked {
        1 => format!("{well} of 1 {one} answers"),
        many => format!("{well} of {many} {one}s answer"),
    }
}

/// One line of a checklist.
pub(crate) fn check(
    id: &'static str,
    state: CheckState,
    detail: impl Into<String>,
    fix: Option<String>,
) -> Check {
    Check { id, state, detail: detail.into(), fix }
}
