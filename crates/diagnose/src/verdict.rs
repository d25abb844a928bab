//! The verdict: what a person should read first.

use vigie_model::{Severity, Time};

use crate::cause::{Cause, Place, QueueFacts, of_queue};

/// How many more things are named beside the worst.
const ALSO: usize = 4;

/// What is known of a source.
#[derive(Debug, Clone)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// A poll of it has ended, well or not.
    pub polled: bool,
    /// Why it is down; `None` when it is up.
    pub error: Option<String>,
    /// Since when it is up, or down.
    pub since: Option<Time>,
}

/// What is the matter, where, and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What.
    pub cause: Cause,
    /// Where.
    pub place: Place,
    /// Since when, if that is known.
    pub since: Option<Time>,
    /// What else is the matter, worst first; at most four.
    pub also: Vec<Verdict>,
    /// How many things are the matter beyond those.
    pub more: usize,
}

impl Verdict {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.cause.severity()
    }

    fn new(cause: Cause, place: Place, since: Option<Time>) -> Self {
        Self { cause, place, since, also: Vec::new(), more: 0 }
    }
}

/// The verdict on everything. `queues` are all queues with the seconds in which each is empty, if it drains.
#[must_use]
pub fn verdict(
    sources: &[SourceFacts],
    queues: &[(Place, QueueFacts, Option<f64>)],
    now: Time,
) -> Verdict {
    let mut found = wrong(sources, queues, now);
    if found.is_empty() {
        return Verdict::new(when_nothing_is_wrong(sources, queues), Place::default(), None);
    }
    found.sort_by(|one, other| {
        other.severity().cmp(&one.severity()).then(rank(one).cmp(&rank(other)))
    });
    let mut rest = found.split_off(1);
    let more = rest.len().saturating_sub(ALSO);
    rest.truncate(ALSO);
    let worst = found.swap_remove(0);
    Verdict { also: rest, more, ..worst }
}

fn wrong(
    sources: &[SourceFacts],
    queues: &[(Place, QueueFacts, Option<f64>)],
    now: Time,
) -> Vec<Verdict> {
    let down = sources.iter().filter_map(|source| {
        let error = source.error.clone()?;
        let place = Place { source: Some(source.name.clone()), ..Place::default() };
        Some(Verdict::new(Cause::SourceDown { error }, place, source.since))
    });
    let queues = queues.iter().filter_map(|(place, facts, _)| {
        let (cause, since) = of_queue(facts, now)?;
        Some(Verdict::new(cause, place.clone(), since))
    });
    down.chain(queues).collect()
}

/// Among equals: a source before its queues, then what has lasted longest, then by name so that the order holds
/// still.
fn rank(verdict: &Verdict) -> (u8, i64, Option<String>) {
    let first = match verdict.cause {
        Cause::SourceDown { .. } => 0,
        Cause::StuckWorkersIdle { .. } | Cause::StuckJobsHang { .. } => 1,
        Cause::NoWorkers { .. } => 2,
        Cause::DoesNotDrain { .. } => 3,
        Cause::Failing { .. } => 4,
        _ => 5,
    };
    (first, verdict.since.map_or(i64::MAX, Time::micros), verdict.place.queue.clone())
}

fn when_nothing_is_wrong(
    sources: &[SourceFacts],
    queues: &[(Place, QueueFacts, Option<f64>)],
) -> Cause {
    if sources.is_empty() {
        return Cause::NoSource;
    }
    if !sources.iter().any(|source| source.polled) {
        return Cause::Starting;
    }
    if queues.is_empty() {
        return Cause::NoQueues { sources: sources.len() };
    }
    let waits = queues.iter().any(|(_, facts, _)| facts.waiting.unwrap_or(0) > 0);
    let flows = queues.iter().any(|(_, facts, _)| facts.net_rate.is_some_and(|net| net != 0.0));
    if !waits && !flows {
        return Cause::Idle { queues: queues.len() };
    }
    let slowest = queues
        .iter()
        .filter_map(|(place, _, drain)| Some((place.queue.clone()?, (*drain)?)))
        .filter(|(_, drain)| *drain > 0.0)
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    let (slowest_queue, slowest_drain_seconds) = slowest.unzip();
    Cause::Flowing { queues: queues.len(), slowest_queue, slowest_drain_seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_000);

    fn source(error: Option<&str>) -> SourceFacts {
        SourceFacts {
            name: "main".into(),
            polled: true,
            error: error.map(Into::into),
            since: Some(NOW - 5.0),
        }
    }

    fn queue(name: &str, facts: QueueFacts) -> (Place, QueueFacts, Option<f64>) {
        let place =
            Place { source: Some("main".into()), queue: Some(name.into()), ..Place::default() };
        (place, facts, None)
    }

    #[test]
    fn the_worst_comes_first_and_the_rest_is_named() {
        let paused = QueueFacts { paused: true, waiting: Some(3), ..QueueFacts::default() };
        let stuck =
            QueueFacts { idle_since: Some(NOW - 8.0), waiting: Some(3), ..QueueFacts::default() };
        let verdict = verdict(&[source(None)], &[queue("a", paused), queue("b", stuck)], NOW);
        assert_eq!(verdict.cause.code(), "stuck_workers_idle");
        assert_eq!(verdict.place.queue.as_deref(), Some("b"));
        assert_eq!(verdict.also.len(), 1);
        assert_eq!(
            verdict.sentence(NOW),
            "b is stuck for 8 s: 0 workers are alive but consume nothing; 3 jobs wait."
        );
    }

    #[test]
    fn a_source_that_is_down_comes_before_everything() {
        let verdict = verdict(&[source(Some("connection refused"))], &[], NOW);
        assert_eq!(verdict.cause, Cause::SourceDown { error: "connection refused".into() });
        assert_eq!(verdict.sentence(NOW), "main does not answer for 5 s: connection refused.");
    }

    #[test]
    fn nothing_is_claimed_before_there_is_anything_to_claim() {
        let silent = SourceFacts { polled: false, since: None, ..source(None) };
        assert_eq!(verdict(&[silent], &[], NOW).cause, Cause::Starting);
        assert_eq!(verdict(&[], &[], NOW).cause, Cause::NoSource);
        assert_eq!(verdict(&[source(None)], &[], NOW).cause, Cause::NoQueues { sources: 1 });
    }

    #[test]
    fn the_slowest_queue_is_named_when_all_flows() {
        let facts = QueueFacts {
            waiting: Some(4),
            net_rate: Some(-1.0),
            drains: Some(true),
            ..QueueFacts::default()
        };
        let mut one = queue("a", facts.clone());
        one.2 = Some(4.0);
        let mut two = queue("b", facts);
        two.2 = Some(40.0);
        let verdict = verdict(&[source(None)], &[one, two], NOW);
        assert_eq!(
            verdict.sentence(NOW),
            "All 2 queues are flowing; the slowest, b, is empty in 40 s."
        );
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let paused = QueueFacts { paused: true, waiting: Some(3), ..QueueFacts::default() };
        let queues: Vec<_> =
            (0..9).map(|number| queue(&format!("q{number}"), paused.clone())).collect();
        let verdict = verdict(&[source(None)], &queues, NOW);
        assert_eq!((verdict.also.len(), verdict.more), (4, 4));
    }
}
