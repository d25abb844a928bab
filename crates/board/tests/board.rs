//! The board in virtual time: what it answers after what it was told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use vigie_board::{Board, Drain, SourceSettings, Span};
use vigie_model::{
    ActiveJob, Broker, Check, CheckState, Counts, EventKind, JobBatch, JobEvent, JobFact, Limits,
    Name, Observation, Outcome, PollCost, PollReport, Quality, QueueId, QueueReading, SourceFault,
    SourceName, Time, Worker, WorkerId, WorkersReading,
};

const START: Time = Time::from_seconds(1_000_000);

fn at(seconds: f64) -> Time {
    START + seconds
}

fn source() -> SourceName {
    SourceName::new("main")
}

fn emails() -> QueueId {
    QueueId { source: source(), broker: Broker::BullMq, name: Name::from("emails") }
}

struct Told(Board);

impl Told {
    fn nothing() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        let settings = SourceSettings {
            name: source(),
            kind: "redis",
            url: "redis://h".to_owned(),
            poll_interval_seconds: 1.0,
        };
        Self(Board::new(vec![settings], limits, START))
    }

    fn polled(mut self, seconds: f64, outcome: Result<(), &str>) -> Self {
        let outcome = outcome
            .map(|()| PollCost { seconds: 0.002, ..PollCost::default() })
            .map_err(|error| SourceFault { error: error.to_owned(), hint: None });
        let report = PollReport {
            source: source(),
            at: at(seconds),
            outcome,
            server: None,
            found: vec![],
            checks: vec![],
        };
        self.0.observe(Observation::Polled(report));
        self
    }

    fn read(mut self, seconds: f64, change: impl FnOnce(&mut QueueReading)) -> Self {
        let mut reading = QueueReading {
            queue: emails(),
            at: at(seconds),
            since: START,
            counts: Counts { waiting: Some(0), active: Some(0), ..Counts::default() },
            raw: vec![],
            paused: false,
            oldest: None,
            active_jobs: vec![],
            quality: Quality::Exact,
        };
        change(&mut reading);
        self.0.observe(Observation::Queue(reading));
        self
    }

    fn waiting(self, seconds: f64, count: u64) -> Self {
        self.read(seconds, |reading| reading.counts.waiting = Some(count))
    }

    fn jobs(mut self, seconds: f64, gap: bool, facts: Vec<(Option<&str>, JobFact)>) -> Self {
        let events = facts
            .into_iter()
            .map(|(job_type, fact)| JobEvent {
                at: at(seconds),
                job_type: job_type.map(Name::from),
                fact,
            })
            .collect();
        let batch =
            JobBatch { queue: emails(), at: at(seconds), gap, types_sampled: false, events };
        self.0.observe(Observation::Jobs(batch));
        self
    }

    fn workers(mut self, seconds: f64, workers: &[&str]) -> Self {
        let worker = |name: &&str| Worker {
            id: WorkerId::new(&source(), Broker::BullMq, name),
            broker: Broker::BullMq,
            name: Name::from(*name),
            host: None,
            pid: None,
            address: None,
            queues: vec![Name::from("emails")],
            capacity: None,
            busy: None,
            status: None,
            started: None,
            heartbeat: None,
            jobs: None,
        };
        let workers = Some(workers.iter().map(worker).collect());
        let reading =
            WorkersReading { source: source(), broker: Broker::BullMq, at: at(seconds), workers };
        self.0.observe(Observation::Workers(reading));
        self
    }

    fn events(&self) -> Vec<String> {
        self.0.timeline().noted().map(|event| event.kind.to_string()).collect()
    }
}

fn finished(run: f64) -> JobFact {
    JobFact::Finished { outcome: Outcome::Succeeded, wait: Some(0.5), run: Some(run) }
}

fn failed() -> JobFact {
    JobFact::Finished { outcome: Outcome::Failed, wait: None, run: Some(1.0) }
}

/// What a source whose kind is no Redis is found with.
fn found_with(kind: &'static str, checks: Vec<Check>) -> Option<String> {
    let settings =
        SourceSettings { kind, name: source(), url: String::new(), poll_interval_seconds: 1.0 };
    let mut board = Board::new(vec![settings], Limits::default(), START);
    let outcome = Ok(PollCost::default());
    let report =
        PollReport { source: source(), at: at(1.0), outcome, server: None, found: vec![], checks };
    board.observe(Observation::Polled(report));
    let found = board.timeline().noted().next().expect("it is found");
    found.field("detail").map(str::to_owned)
}

#[test]
fn a_source_is_found_with_what_its_kind_has() {
    let check = |detail: &str| Check {
        id: "files",
        state: CheckState::Ok,
        detail: detail.to_owned(),
        fix: None,
    };
    assert_eq!(
        found_with("file", vec![check("2 files, 7 lines read")]).as_deref(),
        Some("2 files, 7 lines read")
    );
    assert_eq!(found_with("redis", vec![check("Redis 7")]).as_deref(), Some("no queues yet"));
    assert_eq!(found_with("file", vec![]).as_deref(), Some("no queues yet"));
}

#[test]
fn exact_events_make_totals_types_and_durations() {
    let told = Told::nothing().waiting(0.0, 1).polled(0.0, Ok(())).jobs(
        1.0,
        false,
        vec![
            (Some("send"), JobFact::Enqueued),
            (Some("send"), JobFact::Started { wait: Some(0.5) }),
            (Some("send"), finished(2.0)),
            (Some("send"), failed()),
            (None, failed()),
        ],
    );
    let view = told.0.queue_view(&emails(), at(2.0)).unwrap();
    let totals = view.totals;
    assert_eq!(
        (totals.enqueued, totals.succeeded, totals.failed, totals.processed()),
        (1, 1, 2, 3)
    );
    assert_eq!(totals.quality, Quality::Exact);
    assert_eq!((view.wait.summary.count, view.wait.summary.avg), (1, Some(0.5)));
    assert_eq!((view.run.summary.count, view.run.summary.max), (3, Some(2.0)));
    let id = emails();
    let types: Vec<_> = told.0.types(&id, at(2.0)).collect();
    assert_eq!(
        (types.len(), types[0].name, types[0].succeeded, types[0].failed),
        (1, "send", 1, 1)
    );
    let untyped: u64 = told
        .0
        .outcomes(&id, at(2.0))
        .iter()
        .filter(|row| row.job_type.is_empty())
        .map(|row| row.finished)
        .sum();
    assert_eq!(untyped, 1, "what has no type is not lost from the sum over types");
}

#[test]
fn samples_add_to_their_type_but_not_to_the_totals() {
    let counted = JobFact::Counted { enqueued: 10, succeeded: 8, failed: 2 };
    let seen = JobFact::Seen { outcome: Outcome::Succeeded, wait: None, run: Some(3.0) };
    let idle = Told::nothing().read(0.0, |reading| reading.quality = Quality::Sampled);
    let overall = |told: &Told| {
        (told.0.overview(at(2.0)).run.quality, told.0.latency(&[1.0], at(2.0)).stat.quality)
    };
    let (none, some) = ((Quality::Exact, Quality::Exact), (Quality::Sampled, Quality::Sampled));
    assert_eq!(overall(&idle), none, "a queue without an attempt makes no sum a sampled one");
    let told = idle.jobs(1.0, false, vec![(None, counted), (Some("resize"), seen)]);
    assert_eq!(overall(&told), some);
    let view = told.0.queue_view(&emails(), at(2.0)).unwrap();
    assert_eq!((view.totals.processed(), view.totals.quality), (10, Quality::Sampled));
    assert_eq!((view.run.summary.count, view.run.quality), (1, Quality::Sampled));
    let metrics: u64 = told.0.outcomes(&emails(), at(2.0)).iter().map(|row| row.finished).sum();
    assert_eq!(metrics, 10, "the series add up to the totals");
}

#[test]
fn rates_are_over_the_last_whole_minute_or_what_was_watched_of_it() {
    let mut told = Told::nothing().waiting(0.0, 0);
    for second in 1..=90 {
        told = told.jobs(
            f64::from(second) + 0.5,
            false,
            vec![(None, finished(0.1)), (None, JobFact::Enqueued)],
        );
    }
    let early = Told::nothing().waiting(0.0, 0).jobs(1.5, false, vec![(None, finished(0.1))]);
    assert_eq!(early.0.queue_view(&emails(), at(1.9)).unwrap().rates, None, "too early to say");
    let view = told.0.queue_view(&emails(), at(91.2)).unwrap();
    let rates = view.rates.unwrap();
    assert_eq!((rates.enqueued, rates.processed, rates.failed), (1.0, 1.0, 0.0));
    let later = told.0.queue_view(&emails(), at(121.0)).unwrap().rates.unwrap();
    assert_eq!(later.processed, 0.5, "half a minute of silence");
}

#[test]
fn a_queue_that_grows_does_not_drain() {
    let counted =
        |enqueued, succeeded| vec![(None, JobFact::Counted { enqueued, succeeded, failed: 0 })];
    let shrinks = Told::nothing().jobs(5.0, false, counted(0, 60)).waiting(10.0, 30);
    let drain = shrinks.0.queue_view(&emails(), at(61.0)).unwrap().drain;
    assert_eq!((drain.drains(), drain.seconds()), (Some(true), Some(30.0)));
    let grows = Told::nothing().jobs(5.0, false, counted(60, 0)).waiting(10.0, 30);
    let drain = grows.0.queue_view(&emails(), at(61.0)).unwrap().drain;
    assert_eq!((drain.drains(), drain.seconds()), (Some(false), Some(-30.0)));
    let empty = Told::nothing().waiting(10.0, 0);
    assert_eq!(empty.0.queue_view(&emails(), at(61.0)).unwrap().drain, Drain::Unknown);
}

#[test]
fn a_queue_from_which_nothing_is_taken_does_not_drain_whatever_the_last_minute_was() {
    let shrank = || {
        let counted = JobFact::Counted { enqueued: 0, succeeded: 60, failed: 0 };
        Told::nothing().jobs(5.0, false, vec![(None, counted)])
    };
    let drain = |told: Told| {
        let drain = told.0.queue_view(&emails(), at(61.0)).unwrap().drain;
        (drain.drains(), drain.seconds())
    };
    assert_eq!(drain(shrank().workers(10.0, &["w"]).waiting(10.0, 30)), (Some(true), Some(30.0)));
    assert_eq!(drain(shrank().workers(10.0, &[]).waiting(10.0, 30)), (Some(false), None));
    let paused = shrank().read(10.0, |reading| {
        reading.counts.waiting = Some(30);
        reading.paused = true;
    });
    assert_eq!(drain(paused), (Some(false), None));
}

#[test]
fn a_gap_marks_totals_for_good_and_durations_while_it_is_in_their_window() {
    let told = Told::nothing().waiting(0.0, 0).jobs(10.0, true, vec![(None, finished(0.1))]);
    let soon = told.0.queue_view(&emails(), at(20.0)).unwrap();
    assert_eq!((soon.totals.quality, soon.wait.quality), (Quality::Gap, Quality::Gap));
    let later = told.0.queue_view(&emails(), at(400.0)).unwrap();
    assert_eq!((later.totals.quality, later.wait.quality), (Quality::Gap, Quality::Exact));
}

#[test]
fn what_a_silent_source_said_is_stale_at_once_when_it_errs_and_soon_when_it_hangs() {
    let fine = Told::nothing().waiting(0.0, 3).polled(0.0, Ok(()));
    assert!(!fine.0.queue_view(&emails(), at(1.2)).unwrap().stale);
    assert!(fine.0.queue_view(&emails(), at(2.1)).unwrap().stale, "overdue");
    let failed = fine.polled(1.0, Err("connection refused"));
    let view = failed.0.queue_view(&emails(), at(1.0)).unwrap();
    assert!(view.stale);
    assert_eq!(
        (view.counts.waiting, view.age_seconds),
        (Some(3), Some(1.0)),
        "the last figures, with their age"
    );
    assert_eq!(
        failed.0.overview(at(1.0)).counts.waiting,
        None,
        "what is stale is no part of a sum that is now"
    );
    assert_eq!(
        failed.0.sources(at(1.0)).next().unwrap().error().as_deref(),
        Some("connection refused")
    );
}

#[test]
fn the_timeline_tells_what_changed_and_not_what_was_there_before() {
    let told = Told::nothing()
        .waiting(0.0, 0)
        .workers(0.0, &["a"])
        .polled(0.0, Ok(()))
        .read(1.0, |reading| reading.paused = true)
        .workers(1.0, &["b"])
        .polled(1.0, Err("refused"))
        .polled(2.0, Err("refused"))
        .polled(3.0, Ok(()))
        .waiting(4.0, 0);
    use EventKind::{
        QueuePaused, QueueResumed, SourceFound, SourceLost, SourceRecovered, WorkerJoined,
        WorkerLeft,
    };
    assert_eq!(
        told.events(),
        [
            SourceFound,
            QueuePaused,
            WorkerJoined,
            WorkerLeft,
            SourceLost,
            SourceRecovered,
            QueueResumed
        ]
        .map(EventKind::as_str)
    );
    let mut told = told;
    told.0.observe(Observation::QueueGone { queue: emails(), at: at(5.0) });
    let told = told.waiting(6.0, 0);
    assert_eq!(told.events()[7..], ["queue_gone", "queue_appeared"]);
}

#[test]
fn workers_that_start_nothing_are_idle_since_the_last_progress() {
    let told = Told::nothing()
        .workers(0.0, &["a", "b"])
        .waiting(0.0, 5)
        .jobs(2.0, false, vec![(None, JobFact::Started { wait: None })])
        .waiting(3.0, 4)
        .polled(3.0, Ok(()));
    assert_eq!(told.0.queue_view(&emails(), at(6.0)).unwrap().idle_since, None, "for 4 s only");
    let view = told.0.queue_view(&emails(), at(9.0)).unwrap();
    assert_eq!((view.idle_since, view.workers), (Some(at(2.0)), Some(2)));
    let busy = told.read(8.0, |reading| {
        reading.counts = Counts { waiting: Some(4), active: Some(1), ..Counts::default() };
        reading.active_jobs = vec![ActiveJob {
            id: Name::from("1"),
            job_type: None,
            since: Some(at(2.0)),
            worker: None,
        }];
    });
    assert_eq!(busy.0.queue_view(&emails(), at(20.0)).unwrap().idle_since, None, "a job runs");
}

#[test]
fn jobs_that_run_far_longer_than_usual_while_others_wait_are_hung() {
    let running = |reading: &mut QueueReading| {
        reading.counts = Counts { waiting: Some(4), active: Some(2), ..Counts::default() };
    };
    let ended = |run| JobFact::Finished { outcome: Outcome::Succeeded, wait: None, run: Some(run) };
    let hung_at =
        |told: &Told, seconds| told.0.queue_view(&emails(), at(seconds)).unwrap().hung_since;
    let told = Told::nothing()
        .workers(0.0, &["a"])
        .waiting(0.0, 5)
        .jobs(2.0, false, vec![(Some("mail"), ended(1.0)), (Some("mail"), ended(3.0))])
        .read(3.0, running)
        .polled(3.0, Ok(()));
    assert_eq!(hung_at(&told, 61.0), None, "59 s");
    assert_eq!(hung_at(&told, 62.0), Some(at(2.0)), "twenty times 2 s is less than a minute");
    // Attempts of this queue take long.
    let told = told.jobs(100.0, false, vec![(Some("report"), ended(58.0))]).read(101.0, running);
    assert_eq!(hung_at(&told, 490.0), None, "the mean is 20.7 s");
    assert_eq!(hung_at(&told, 520.0), Some(at(100.0)));
    // Nothing has ended yet, so nothing is known.
    let told = Told::nothing().waiting(0.0, 5).read(1.0, running);
    assert_eq!((hung_at(&told, 600.0), hung_at(&told, 905.0).is_some()), (None, true));
    let told = told.read(901.0, |reading| reading.counts.active = Some(2));
    assert_eq!(hung_at(&told, 2_000.0), None, "nothing waits");
}

#[test]
fn unknown_workers_are_absent_and_known_absence_is_zero() {
    let unknown = Told::nothing().waiting(0.0, 1);
    assert_eq!(unknown.0.queue_view(&emails(), at(1.0)).unwrap().workers, None);
    let none = unknown.workers(1.0, &[]);
    let view = none.0.queue_view(&emails(), at(1.0)).unwrap();
    assert_eq!((view.workers, view.capacity), (Some(0), None));
}

#[test]
fn types_over_the_limit_fold_into_other_and_are_counted() {
    let limits = Limits { types: 3, ..Limits::default() };
    let names: Vec<String> = (0..10).map(|number| format!("type-{number}")).collect();
    let facts = names.iter().map(|name| (Some(name.as_str()), finished(0.1))).collect();
    let told = Told::with_limits(limits).waiting(0.0, 0).jobs(1.0, false, facts);
    let types: Vec<_> = told
        .0
        .types(&emails(), at(1.0))
        .map(|view| (view.name.to_owned(), view.succeeded))
        .collect();
    assert_eq!(types.len(), 4, "three and `other`: {types:?}");
    assert!(types.contains(&("other".to_owned(), 7)));
    assert_eq!(told.0.folds().get(&(source(), "types")), Some(&7));
    assert_eq!(
        told.0.queue_view(&emails(), at(1.0)).unwrap().totals.succeeded,
        10,
        "nothing is lost"
    );
}

#[test]
fn history_has_gaps_where_there_was_nothing_to_know() {
    let mut told = Told::nothing().waiting(0.0, 7).polled(0.0, Ok(()));
    told.0.tick(at(0.0));
    let mut told = told.polled(1.0, Err("refused"));
    told.0.tick(at(1.0));
    let mut told = told.waiting(2.0, 9).polled(2.0, Ok(()));
    told.0.tick(at(2.0));
    let span = Span { start: START.seconds(), step: 1, points: 3 };
    let waiting = |columns: vigie_board::Columns| {
        columns.points.iter().map(|point| point.waiting).collect::<Vec<_>>()
    };
    assert_eq!(waiting(told.0.history(&emails(), span).unwrap()), [Some(7), None, Some(9)]);
    assert_eq!(waiting(told.0.overall_history(span)), [Some(7), None, Some(9)]);
}

#[test]
fn five_thousand_queues_of_five_hundred_types_stay_within_the_bound_of_the_source() {
    let limits = Limits::default();
    let mut board = Told::with_limits(limits).0;
    let types: Vec<Name> =
        (0..500).map(|number| Name::from(format!("t{number}").as_str())).collect();
    for queue in 0..5_000 {
        let id = QueueId { name: Name::from(format!("q{queue}").as_str()), ..emails() };
        let event = |name: &Name| JobEvent {
            at: at(1.0),
            job_type: Some(name.clone()),
            fact: finished(0.1),
        };
        let events = types.iter().map(event).collect();
        let batch = JobBatch { queue: id, at: at(1.0), gap: false, types_sampled: false, events };
        board.observe(Observation::Jobs(batch));
    }
    let types: usize =
        board.queues(at(2.0)).map(|view| board.types(view.id, at(2.0)).count()).sum();
    let most = limits.types_of_source + limits.queues;
    assert!(types <= most, "{types}: each queue may add its own `other`");
    assert_eq!(board.overview(at(2.0)).totals.unwrap().succeeded, 2_500_000);
}

#[test]
fn what_happened_before_the_start_is_in_the_totals_and_not_in_the_counters() {
    let one = || vec![(Some("send"), finished(1.0))];
    let told = Told::nothing().waiting(0.0, 0).jobs(-60.0, false, one()).jobs(2.0, false, one());
    let id = emails();
    assert_eq!(told.0.queue_view(&id, at(3.0)).unwrap().totals.succeeded, 2);
    let outcomes = told.0.outcomes(&id, at(3.0));
    let succeeded = outcomes.iter().find(|row| row.finished > 0).unwrap();
    assert_eq!((succeeded.job_type, succeeded.finished), ("send", 1));
    assert_eq!(succeeded.run().unwrap().native().count, 1.0);
}
