//! Instances on the board in virtual time: statuses, disagreement, events, restarts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use vigie_board::{Board, InstanceView, SourceSettings};
use vigie_model::{
    Broker, Instance, InstanceStatus, InstancesReading, Limits, Name, Observation, PollCost,
    PollReport, Severity, SourceFault, SourceName, Time, Worker, WorkerId, WorkersReading,
};

const START: Time = Time::from_seconds(1_000_000);

fn at(seconds: f64) -> Time {
    START + seconds
}

fn board() -> Board {
    let settings = ["lb", "probes", "api"].map(|name| SourceSettings {
        name: SourceName::new(name),
        kind: "probe",
        url: "http://h/".to_owned(),
        poll_interval_seconds: 5.0,
    });
    Board::new(settings.into(), Limits::default(), START)
}

fn told(board: &mut Board, source: &str, seconds: f64, instances: Vec<Instance>) {
    let source = SourceName::new(source);
    let reading = InstancesReading { source: source.clone(), at: at(seconds), instances };
    board.observe(Observation::Instances(reading));
    polled(board, source, seconds, Ok(PollCost::default()));
}

fn polled(
    board: &mut Board,
    source: SourceName,
    seconds: f64,
    outcome: Result<PollCost, SourceFault>,
) {
    board.observe(Observation::Polled(PollReport {
        source,
        at: at(seconds),
        outcome,
        server: None,
        found: vec![],
        checks: vec![],
    }));
}

fn behind(name: &str, status: InstanceStatus, word: &str) -> Instance {
    Instance {
        address: Some(Name::from("10.0.0.1:80")),
        status,
        balancer: Some(Name::from(word)),
        ..Instance::unknown(Name::from("be_app"), Name::from(name))
    }
}

fn probed(status: InstanceStatus, word: &str) -> Instance {
    let error =
        (status == InstanceStatus::Down).then(|| "10.0.0.1:80: connection refused".to_owned());
    Instance {
        address: Some(Name::from("10.0.0.1:80")),
        status,
        probe: Some(Name::from(word)),
        error,
        ..Instance::unknown(Name::from("probe"), Name::from("10.0.0.1:80"))
    }
}

fn view<'a>(board: &'a Board, source: &str, seconds: f64) -> InstanceView<'a> {
    board.instances(at(seconds)).find(|view| view.source.as_str() == source).unwrap()
}

fn events(board: &Board) -> Vec<String> {
    let mut kinds: Vec<_> = board.timeline().noted().map(|event| event.kind.to_string()).collect();
    kinds.retain(|kind| kind.starts_with("instance"));
    kinds
}

#[test]
fn a_balancer_and_a_probe_that_disagree_are_seen_on_both_rows() {
    use InstanceStatus::{Degraded, Down, Up};
    let mut board = board();
    told(&mut board, "lb", 1.0, vec![behind("app1", Up, "UP")]);
    told(&mut board, "probes", 1.0, vec![probed(Down, "refused")]);
    for source in ["lb", "probes"] {
        let row = view(&board, source, 2.0);
        assert_eq!((row.status, row.disagree), (Degraded, true));
        assert_eq!(row.balancer.map(Name::as_str), Some("UP"));
        assert_eq!(row.probe.map(Name::as_str), Some("refused"));
        assert_eq!(
            row.error.as_deref(),
            Some(
                "balancer lb says UP, probe probes says refused (10.0.0.1:80: connection refused)"
            )
        );
    }
    // The reverse; then they agree.
    told(&mut board, "lb", 3.0, vec![behind("app1", Down, "DOWN")]);
    told(&mut board, "probes", 3.0, vec![probed(Up, "ok")]);
    assert_eq!(
        view(&board, "lb", 4.0).error.as_deref(),
        Some("balancer lb says DOWN, probe probes says ok")
    );
    told(&mut board, "lb", 5.0, vec![behind("app1", Up, "UP")]);
    let row = view(&board, "lb", 5.0);
    assert_eq!((row.status, row.disagree, row.error), (Up, false, None));
}

#[test]
fn one_address_in_two_backends_and_one_that_was_taken_out_is_no_disagreement() {
    use InstanceStatus::{Down, Up};
    let mut board = board();
    let maint = behind("m1", Down, "MAINT");
    told(&mut board, "lb", 1.0, vec![behind("app1", Up, "UP"), maint]);
    told(&mut board, "probes", 1.0, vec![probed(Up, "ok")]);
    let rows: Vec<_> = board.instances(at(1.0)).map(|row| (row.status, row.disagree)).collect();
    assert_eq!(rows, [(Up, false), (Down, false), (Up, false)]);
}

#[test]
fn a_balancer_that_does_not_answer_contradicts_nobody() {
    use InstanceStatus::{Down, Unknown, Up};
    let mut board = board();
    told(&mut board, "lb", 1.0, vec![behind("app1", Up, "UP")]);
    told(&mut board, "probes", 1.0, vec![probed(Down, "refused")]);
    let fault = SourceFault { error: "refused".to_owned(), hint: None };
    polled(&mut board, SourceName::new("lb"), 2.0, Err(fault));
    assert_eq!(view(&board, "lb", 2.0).status, Unknown);
    let row = view(&board, "probes", 2.0);
    assert_eq!((row.status, row.disagree, row.balancer), (Down, false, None));
}

#[test]
fn what_happens_to_instances_is_on_the_timeline() {
    use InstanceStatus::{Down, Up};
    let mut board = board();
    told(&mut board, "lb", 1.0, vec![behind("app1", Up, "UP")]);
    assert!(events(&board).is_empty(), "who was there before Vigie did not join");
    told(&mut board, "lb", 2.0, vec![behind("app1", Down, "DOWN"), behind("app2", Up, "UP")]);
    told(&mut board, "lb", 3.0, vec![behind("app1", Up, "UP"), behind("app2", Up, "UP")]);
    told(&mut board, "lb", 4.0, vec![behind("app1", Up, "UP")]);
    let expected = ["instance_joined", "instance_down", "instance_up", "instance_left"];
    assert_eq!(events(&board), expected);
    assert_eq!(view(&board, "lb", 4.0).since, at(3.0));
}

#[test]
fn who_tells_its_name_is_called_so_by_all_who_know_its_address() {
    let mut board = board();
    let at_address = |role: &str, name: Option<&str>| Instance {
        address: Some(Name::from("10.0.0.1:80")),
        name: name.map(Name::from),
        status: InstanceStatus::Up,
        ..Instance::unknown(Name::from(role), Name::from("10.0.0.1:80"))
    };
    let name = |board: &Board, source: &str| view(board, source, 1.0).name.cloned();
    told(&mut board, "probe", 1.0, vec![at_address("probe", None)]);
    assert_eq!(name(&board, "probe"), None);
    told(&mut board, "api", 1.0, vec![at_address("api", Some("shop-1"))]);
    assert_eq!(
        (name(&board, "probe"), name(&board, "api")),
        (Some("shop-1".into()), Some("shop-1".into()))
    );
    // It is away, and cannot say who it is.
    told(&mut board, "api", 2.0, vec![at_address("api", None)]);
    assert_eq!(name(&board, "api"), Some("shop-1".into()));
    // Its events and what is wrong with it say that name, too.
    let gone = Instance { status: InstanceStatus::Down, ..at_address("probe", None) };
    told(&mut board, "probe", 3.0, vec![gone]);
    assert_eq!(view(&board, "probe", 3.0).known_as().as_str(), "shop-1");
    let noted = board.timeline().noted().last().unwrap();
    assert_eq!((&*noted.kind, &*noted.subject), ("instance_down", "probe/shop-1"));
}

#[test]
fn restarts_and_latencies_are_those_of_the_time_it_was_watched() {
    let mut board = board();
    let api = |boot: Option<&str>, latency: Option<f64>| Instance {
        status: InstanceStatus::Up,
        boot: boot.map(Name::from),
        version: boot.map(|_| Name::from("1.2")),
        latency,
        ..Instance::unknown(Name::from("api"), Name::from("a"))
    };
    told(&mut board, "api", 1.0, vec![api(None, None)]);
    let row = view(&board, "api", 1.0);
    assert_eq!((row.restarts, row.latency.p50), (None, None), "absent is not 0");
    told(&mut board, "api", 2.0, vec![api(Some("x"), Some(0.010))]);
    // It is away, and cannot say who it is; then it is another one.
    told(&mut board, "api", 3.0, vec![api(None, None)]);
    told(&mut board, "api", 4.0, vec![api(Some("x"), Some(0.010))]);
    assert_eq!(view(&board, "api", 4.0).restarts, Some(0));
    let begun = |board: &Board| -> Vec<String> {
        let noted = board.timeline().noted().filter(|event| &*event.kind == "instance_restarted");
        noted.map(|event| event.message.clone()).collect()
    };
    assert!(begun(&board).is_empty(), "{:?}", begun(&board));
    told(&mut board, "api", 5.0, vec![api(Some("y"), Some(0.030))]);
    assert_eq!(begun(&board), ["instance api/a began anew: 1.2"]);
    assert_eq!(board.timeline().noted().last().unwrap().severity, Severity::Warning);
    // Two processes that answer by turns began once each.
    for (second, boot) in [(5.1, "x"), (5.2, "y"), (5.3, "x")] {
        told(&mut board, "api", second, vec![api(Some(boot), None)]);
    }
    let other = Instance { version: Some(Name::from("1.3")), ..api(Some("z"), None) };
    assert_eq!(view(&board, "api", 5.3).restarts, Some(1));
    told(&mut board, "api", 5.4, vec![other]);
    assert_eq!(begun(&board)[1..], ["instance api/a began anew: 1.2 → 1.3"]);
    assert_eq!(view(&board, "api", 5.4).restarts, Some(2));
    let row = view(&board, "api", 5.0);
    assert_eq!((row.restarts, row.latency.count), (Some(2), 3));
    assert!((row.latency.p95.unwrap() - 0.030).abs() < 0.002, "{:?}", row.latency);
    assert_eq!(view(&board, "api", 400.0).latency.count, 0, "older than the window");
}

#[test]
fn a_source_of_which_nobody_answers_is_down_and_its_instances_are_known_to_be() {
    let mut board = board();
    let down = Instance {
        status: InstanceStatus::Down,
        error: Some("10.0.0.1:80: connection refused".to_owned()),
        ..behind("app", InstanceStatus::Down, "DOWN")
    };
    let reading =
        InstancesReading { source: SourceName::new("api"), at: at(1.0), instances: vec![down] };
    board.observe(Observation::Instances(reading));
    let fault = SourceFault { error: "10.0.0.1:80: connection refused".to_owned(), hint: None };
    polled(&mut board, SourceName::new("api"), 1.0, Err(fault.clone()));
    let status = |board: &Board, seconds| board.instances(at(seconds)).next().unwrap().status;
    let source = board.sources(at(2.0)).find(|one| one.name().as_str() == "api").unwrap();
    assert!(!source.up && source.error().as_deref() == Some("10.0.0.1:80: connection refused"));
    assert_eq!(status(&board, 2.0), InstanceStatus::Down, "it was asked and did not answer");
    let (events, _) = board.timeline_mut().take_noted();
    let messages: Vec<&str> = events.iter().map(|event| &*event.message).collect();
    assert_eq!(
        messages,
        [
            "instance be_app/app is down: 10.0.0.1:80: connection refused",
            "source api does not answer: 10.0.0.1:80: connection refused"
        ]
    );
    assert_eq!(status(&board, 60.0), InstanceStatus::Unknown, "nobody has asked since");
    // A poll that does not get so far as to ask says nothing of it.
    polled(&mut board, SourceName::new("api"), 6.0, Err(fault));
    assert_eq!(status(&board, 6.5), InstanceStatus::Unknown);
}

#[test]
fn a_worker_is_the_instance_that_its_process_is() {
    let mut board = board();
    let instance = |name: &str, process: Option<&str>| Instance {
        name: Some(Name::from(name)),
        process: process.map(Name::from),
        ..Instance::unknown(Name::from("api"), Name::from(name))
    };
    let worker = |host: Option<&str>, name: &str| Worker {
        id: WorkerId::new(&SourceName::new("main"), Broker::Asynq, name),
        broker: Broker::Asynq,
        name: Name::from(name),
        host: host.map(Name::from),
        pid: None,
        address: None,
        queues: Vec::new(),
        capacity: None,
        busy: None,
        status: None,
        started: None,
        heartbeat: None,
        jobs: None,
    };
    let workers = vec![
        worker(Some("web-1"), "web-1:17"),
        worker(Some("web-2"), "web-2:18"),
        worker(Some("web-3"), "web-3:19"),
        worker(Some("web-4"), "web-4:20"),
        worker(None, "10.0.0.9:5000"),
    ];
    let reading = WorkersReading {
        source: SourceName::new("main"),
        broker: Broker::Asynq,
        at: at(1.0),
        workers: Some(workers),
    };
    board.observe(Observation::Workers(reading));
    let known = vec![
        instance("mailer-1", Some("web-1:17")),
        instance("web-2:18", None),
        instance("web-3", None),
    ];
    told(&mut board, "api", 1.0, known);
    let mut names: Vec<_> = board
        .workers(at(1.0))
        .map(|view| (view.worker.name.to_string(), view.instance.map(ToString::to_string)))
        .collect();
    names.sort();
    let expected = [
        ("10.0.0.9:5000", None),
        ("web-1:17", Some("mailer-1")),
        ("web-2:18", Some("web-2:18")),
        ("web-3:19", Some("web-3")),
        ("web-4:20", Some("web-4")),
    ];
    let expected = expected.map(|(worker, name)| (worker.to_owned(), name.map(str::to_owned)));
    assert_eq!(names, expected);
}
