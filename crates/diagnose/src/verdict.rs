//! The verdict: what a person should read first.

use std::collections::BTreeMap;

use vigie_model::{InstanceStatus, Severity, Time};

use crate::cause::{Cause, Instances, Place, QueueFacts, of_queue};

/// How many more things are named beside the worst.
const ALSO: usize = 4;

/// What is known of a source.
#[derive(Debug, Clone)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// Queues may be there.
    pub has_queues: bool,
    /// A poll of it has ended, well or not.
    pub polled: bool,
    /// Why it is down; `None` when it is up.
    pub error: Option<String>,
    /// Since when it is up, or down.
    pub since: Option<Time>,
}

/// What is known of an instance.
#[derive(Debug, Clone)]
pub struct InstanceFacts {
    /// Its source.
    pub source: String,
    /// What it is there for.
    pub role: String,
    /// Its name.
    pub name: String,
    /// Where it listens, by which one that several sources see is known; `None` where its source does not say.
    pub address: Option<String>,
    /// Its source knows it by more than its address.
    pub is_named: bool,
    /// How it is.
    pub status: InstanceStatus,
    /// Since when.
    pub since: Time,
    /// What is wrong, where somebody says.
    pub error: Option<String>,
}

/// Something that a schedule should have started and did not.
#[derive(Debug, Clone)]
pub struct OverdueFacts {
    /// Its source.
    pub source: String,
    /// What people call it.
    pub schedule: String,
    /// When it should have begun.
    pub since: Time,
}

/// Something that is not kept.
#[derive(Debug, Clone)]
pub struct NotKeptFacts {
    /// `metrics` or `logs`.
    pub what: &'static str,
    /// What the disk says.
    pub error: String,
    /// Since when.
    pub since: Time,
}

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Every source.
    pub sources: Vec<SourceFacts>,
    /// Every queue, with the seconds in which it is empty, if it drains.
    pub queues: Vec<(Place, QueueFacts, Option<f64>)>,
    /// Every instance of which it is known how it is, by source, role and name.
    pub instances: Vec<InstanceFacts>,
    /// What is overdue.
    pub overdue: Vec<OverdueFacts>,
    /// What the disk does not take.
    pub not_kept: Vec<NotKeptFacts>,
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

/// The verdict on everything.
#[must_use]
pub fn verdict(facts: &Facts, now: Time) -> Verdict {
    let mut found = wrong(facts, now);
    if found.is_empty() {
        return Verdict::new(when_nothing_is_wrong(facts), Place::default(), None);
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

fn wrong(facts: &Facts, now: Time) -> Vec<Verdict> {
    let of = |source: &str| Place { source: Some(source.to_owned()), ..Place::default() };
    // Where each instance is known to be down, those say what is wrong with their source.
    let told = |source: &str| facts.instances.iter().any(|one| one.source == source);
    let down = facts.sources.iter().filter(|source| !told(&source.name)).filter_map(|source| {
        let error = source.error.clone()?;
        Some(Verdict::new(Cause::SourceDown { error }, of(&source.name), source.since))
    });
    let queues = facts.queues.iter().filter_map(|(place, facts, _)| {
        let (cause, since) = of_queue(facts, now)?;
        Some(Verdict::new(cause, place.clone(), since))
    });
    let instances = of_instances(&facts.instances)
        .into_iter()
        .map(|(source, cause, since)| Verdict::new(cause, of(source), Some(since)));
    let overdue = facts.overdue.iter().map(|one| {
        let cause = Cause::Overdue { schedule: one.schedule.clone() };
        Verdict::new(cause, of(&one.source), Some(one.since))
    });
    let not_kept = facts.not_kept.iter().map(|one| {
        let cause = Cause::NotKept { what: one.what, error: one.error.clone() };
        Verdict::new(cause, Place::default(), Some(one.since))
    });
    down.chain(queues).chain(instances).chain(overdue).chain(not_kept).collect()
}

/// What is the matter with instances, by source and role. One that several sources see in the same way is told of once: by the
/// source that knows it best.
fn of_instances(all: &[InstanceFacts]) -> Vec<(&str, Cause, Time)> {
    let mut best: BTreeMap<(&str, InstanceStatus), &InstanceFacts> = BTreeMap::new();
    for instance in all {
        let Some(address) = &instance.address else { continue };
        let known = best.entry((address, instance.status)).or_insert(instance);
        if instance.is_named && !known.is_named {
            *known = instance;
        }
    }
    let mut roles: BTreeMap<(&str, &str), Vec<&InstanceFacts>> = BTreeMap::new();
    for instance in all {
        roles.entry((&instance.source, &instance.role)).or_default().push(instance);
    }
    let told = |one: &InstanceFacts| {
        let best = one.address.as_ref().and_then(|address| best.get(&(&**address, one.status)));
        best.is_none_or(|best| (&best.source, &best.role) == (&one.source, &one.role))
    };
    let causes = roles.iter().flat_map(|((source, _), all)| {
        let down = of_role(all, InstanceStatus::Down, told, Cause::InstancesDown);
        let degraded = of_role(all, InstanceStatus::Degraded, told, Cause::InstancesDegraded);
        let found = [down, degraded].into_iter().flatten();
        found.map(|(cause, since)| (*source, cause, since))
    });
    causes.collect()
}

/// What is the matter with the instances of a role that have a status, and since when; `None` when none has.
fn of_role(
    all: &[&InstanceFacts],
    status: InstanceStatus,
    told: impl Fn(&InstanceFacts) -> bool,
    cause: fn(Instances) -> Cause,
) -> Option<(Cause, Time)> {
    let with = |status| all.iter().filter(move |one| one.status == status);
    let first = with(status).min_by_key(|one| one.since)?;
    if !with(status).any(|one| told(one)) {
        return None;
    }
    let instances = Instances {
        role: first.role.clone(),
        instance: first.name.clone(),
        affected: with(status).count(),
        up: with(InstanceStatus::Up).count(),
        all: all.len(),
        error: first.error.clone(),
    };
    Some((cause(instances), first.since))
}

/// Among equals: a source before its queues, then what has lasted longest, then by name so that the order holds
/// still.
fn rank(verdict: &Verdict) -> (u8, i64, Option<String>) {
    let first = match verdict.cause {
        Cause::SourceDown { .. } => 0,
        Cause::StuckWorkersIdle { .. } | Cause::StuckJobsHang { .. } => 1,
        Cause::NoWorkers { .. } => 2,
        Cause::InstancesDown(_) => 3,
        Cause::NotKept { .. } => 4,
        Cause::DoesNotDrain { .. } => 5,
        Cause::Failing { .. } => 6,
        Cause::Overdue { .. } => 7,
        _ => 8,
    };
    (first, verdict.since.map_or(i64::MAX, Time::micros), verdict.place.queue.clone())
}

fn when_nothing_is_wrong(facts: &Facts) -> Cause {
    let Facts { sources, queues, instances, .. } = facts;
    if sources.is_empty() {
        return Cause::NoSource;
    }
    // Of all is said only what all have said.
    if !sources.iter().all(|source| source.polled) {
        return Cause::Starting;
    }
    if queues.is_empty() {
        return match sources.iter().filter(|source| source.has_queues).count() {
            0 => Cause::AllUp { sources: sources.len(), instances: instances.len() },
            sources => Cause::NoQueues { sources },
        };
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
    use std::collections::BTreeSet;

    use super::*;

    const NOW: Time = Time::from_seconds(1_000);

    fn source(error: Option<&str>) -> SourceFacts {
        SourceFacts {
            name: "main".into(),
            has_queues: true,
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

    fn verdict(
        sources: &[SourceFacts],
        queues: &[(Place, QueueFacts, Option<f64>)],
        now: Time,
    ) -> Verdict {
        let (sources, queues) = (sources.to_vec(), queues.to_vec());
        super::verdict(&Facts { sources, queues, ..Facts::default() }, now)
    }

    fn instance(name: &str, status: InstanceStatus, ago: f64) -> InstanceFacts {
        InstanceFacts {
            source: "edge".into(),
            role: "api".into(),
            name: name.into(),
            address: None,
            is_named: true,
            status,
            since: NOW - ago,
            error: (status != InstanceStatus::Up).then(|| format!("{name} refuses")),
        }
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
            "b is stuck for 8 s: workers are alive but consume nothing; 3 jobs wait."
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
        assert_eq!(verdict(std::slice::from_ref(&silent), &[], NOW).cause, Cause::Starting);
        assert_eq!(verdict(&[source(None), silent], &[], NOW).cause, Cause::Starting, "not all");
        assert_eq!(verdict(&[], &[], NOW).cause, Cause::NoSource);
        assert_eq!(verdict(&[source(None)], &[], NOW).cause, Cause::NoQueues { sources: 1 });
    }

    #[test]
    fn instances_are_told_of_by_role_and_badly_when_none_is_left() {
        use InstanceStatus::{Degraded, Down, Up};
        let facts = |instances: Vec<InstanceFacts>| Facts {
            sources: vec![SourceFacts { has_queues: false, ..source(None) }],
            instances,
            ..Facts::default()
        };
        let two = facts(vec![
            instance("a", Up, 900.0),
            instance("b", Down, 60.0),
            instance("c", Down, 90.0),
        ]);
        let verdict = super::verdict(&two, NOW);
        assert_eq!(verdict.severity(), Severity::Warning);
        let expected = "2 of 3 api instances are down for 1 min 30 s: c refuses.";
        assert_eq!(verdict.sentence(NOW), expected);
        let none_left = facts(vec![instance("b", Down, 60.0), instance("c", Degraded, 9.0)]);
        let verdict = super::verdict(&none_left, NOW);
        assert_eq!(verdict.severity(), Severity::Critical);
        assert_eq!(
            verdict.sentence(NOW),
            "b, 1 of 2 api instances, is down for 1 min 0 s: b refuses."
        );
        assert_eq!(verdict.also[0].cause.code(), "instances_degraded");
        let fine = super::verdict(&facts(vec![instance("a", Up, 9.0)]), NOW);
        assert_eq!(fine.sentence(NOW), "The instance is up.");
        assert_eq!(fine.severity(), Severity::Ok);
    }

    #[test]
    fn an_instance_that_several_sources_see_is_one_cause() {
        use InstanceStatus::{Down, Up};
        let seen = |source: &str, number: u8, status| InstanceFacts {
            source: source.into(),
            address: Some(format!("h:{number}")),
            is_named: source == "n8n",
            ..instance(&format!("main-{number}"), status, 60.0)
        };
        let mut facts = Facts {
            instances: vec![
                seen("edge", 1, Down),
                seen("edge", 2, Up),
                seen("n8n", 1, Down),
                seen("n8n", 2, Up),
                seen("probe", 1, Down),
            ],
            ..Facts::default()
        };
        let said = super::verdict(&facts, NOW);
        assert_eq!((said.place.source.as_deref(), said.also.len()), (Some("n8n"), 0));
        assert_eq!(
            said.sentence(NOW),
            "main-1, 1 of 2 api instances, is down for 1 min 0 s: main-1 refuses."
        );
        // One that the other source sees differently, or alone, is its own cause.
        facts.instances[1].status = Down;
        let said = super::verdict(&facts, NOW);
        let sources: BTreeSet<_> =
            said.also.iter().chain([&said]).map(|one| one.place.source.as_deref()).collect();
        assert_eq!(sources, BTreeSet::from([Some("edge"), Some("n8n")]));
    }

    #[test]
    fn what_is_overdue_is_said() {
        let overdue = OverdueFacts {
            source: "n8n".into(),
            schedule: "Nightly sync".into(),
            since: NOW - 30.0,
        };
        let facts = Facts { overdue: vec![overdue], ..Facts::default() };
        let expected = "Nightly sync (n8n) should have been started and was not for 30 s.";
        assert_eq!(super::verdict(&facts, NOW).sentence(NOW), expected);
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

    #[test]
    fn instances_that_are_all_down_speak_for_their_source() {
        let instance = InstanceFacts {
            source: "main".into(),
            role: "api".into(),
            name: "h:1".into(),
            address: Some("h:1".into()),
            is_named: false,
            status: InstanceStatus::Down,
            since: NOW - 5.0,
            error: Some("h:1: connection refused".into()),
        };
        let sources = vec![source(Some("h:1: connection refused"))];
        let facts = Facts { sources, instances: vec![instance], ..Facts::default() };
        let said = super::verdict(&facts, NOW);
        assert_eq!((said.cause.code(), said.also.len()), ("instances_down", 0));
        assert_eq!(said.sentence(NOW), "h:1 (api) is down for 5 s: h:1: connection refused.");
        let unknown = Facts { instances: Vec::new(), ..facts };
        assert_eq!(super::verdict(&unknown, NOW).cause.code(), "source_down");
    }

    #[test]
    fn what_is_not_kept_is_critical_and_comes_after_queues_that_stand() {
        let one = NotKeptFacts { what: "logs", error: "the disk is full".into(), since: NOW - 7.0 };
        let other = NotKeptFacts { what: "metrics", ..one.clone() };
        let sources = vec![source(None)];
        let mut facts = Facts { sources, not_kept: vec![one, other], ..Facts::default() };
        let said = super::verdict(&facts, NOW);
        assert_eq!((said.cause.code(), said.severity()), ("not_kept", Severity::Critical));
        let says = "Log entries and events are not kept for 7 s: the disk is full.";
        assert_eq!(said.sentence(NOW), says);
        let says = "The history of all figures is not kept for 7 s: the disk is full.";
        assert_eq!(said.also[0].sentence(NOW), says);
        let stuck = QueueFacts { idle_since: Some(NOW - 9.0), ..QueueFacts::default() };
        facts.queues.push(queue("a", stuck));
        let said = super::verdict(&facts, NOW);
        assert_eq!((said.cause.code(), said.also.len()), ("stuck_workers_idle", 2));
    }
}
