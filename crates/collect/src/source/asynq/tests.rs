//! asynq's own keys, captured, and what Vigie makes of them.

use proptest::prelude::*;
use prost::Message as _;
use vigie_model::{
    Broker, JobEvent, JobFact, Limits, Name, Observation, Outcome, Quality, QueueReading,
    SourceName, Time, Worker,
};

use super::AsynqSystem;
use super::decode;
use super::flow::{Flow, Level, Totals};
use super::testing::{Dump, Held};
use crate::source::{Plan, PollContext, QueueSystem, ToldJob, ToldJobs, Which};

const LIVE: &str = include_str!("fixtures/keys.jsonl");
const KILLED: &str = include_str!("fixtures/keys_killed_12s.jsonl");
const ORPHANS: &str = include_str!("fixtures/keys_killed_37s_lease_expired.jsonl");
const RECOVERED: &str = include_str!("fixtures/keys_recovered_strict_server.jsonl");
const STRICT: &str = include_str!("fixtures/keys_strict_server_and_scheduler.jsonl");
const REQUEUED: &str = include_str!("fixtures/keys_requeued_at_shutdown.jsonl");

/// A system, a Redis, and a clock that goes only when told.
struct Scene {
    system: AsynqSystem,
    redis: Dump,
    now: Time,
    commands: usize,
}

impl Scene {
    fn new(capture: &str) -> Self {
        Self::limited(capture, Limits::default())
    }

    fn limited(capture: &str, limits: Limits) -> Self {
        let system = AsynqSystem::new(SourceName::new("main"), limits);
        // The first capture was made at this time.
        Self {
            system,
            redis: Dump::load(capture),
            now: Time::from_seconds(1_795_450_706),
            commands: 0,
        }
    }

    /// One poll, `seconds` after the last.
    fn poll(&mut self, seconds: f64) -> Vec<Observation> {
        self.now = self.now + seconds;
        let context = PollContext {
            source: SourceName::new("main"),
            now: self.now,
            server_offset: 0.0,
            clients: None,
            limits: Limits::default(),
        };
        let mut plan = Plan::default();
        self.system.ask(&Which::All, &mut plan);
        self.commands = plan.len();
        let mut first = self.redis.answer(plan);
        let mut plan = Plan::default();
        self.system.ask_more(&Which::All, &mut first, &mut plan, &context);
        assert!(first.next_value().is_err(), "an answer was left over");
        self.commands += plan.len();
        let mut second = self.redis.answer(plan);
        let mut out = Vec::new();
        self.system.tell(&Which::All, &mut second, &context, &mut out);
        assert!(second.next_value().is_err(), "an answer was left over");
        out
    }
}

fn queue<'a>(out: &'a [Observation], name: &str) -> &'a QueueReading {
    let find = |one: &'a Observation| match one {
        Observation::Queue(reading) if reading.queue.name.as_str() == name => Some(reading),
        _ => None,
    };
    out.iter().find_map(find).unwrap_or_else(|| panic!("no queue {name} in {out:#?}"))
}

fn workers(out: &[Observation]) -> Vec<Worker> {
    let find = |one: &Observation| match one {
        Observation::Workers(reading) => reading.workers.clone(),
        _ => None,
    };
    out.iter().find_map(find).unwrap()
}

fn events(out: &[Observation], name: &str) -> Vec<JobEvent> {
    let find = |one: &Observation| match one {
        Observation::Jobs(batch) if batch.queue.name.as_str() == name => Some(batch.events.clone()),
        _ => None,
    };
    out.iter().find_map(find).unwrap_or_default()
}

#[test]
fn a_live_capture_at_the_first_poll() {
    let mut scene = Scene::new(LIVE);
    let out = scene.poll(0.0);
    let names: Vec<&str> = out
        .iter()
        .filter_map(|one| match one {
            Observation::Queue(reading) => Some(reading.queue.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["cap", "cap-idle", "cap-low", "cap-paused-only"]);
    let cap = queue(&out, "cap");
    let counts = cap.counts;
    assert_eq!(
        (counts.waiting, counts.active, counts.scheduled, counts.retry),
        (Some(0), Some(1), Some(2), Some(1))
    );
    assert_eq!(
        (counts.failed, cap.quality, cap.queue.broker),
        (Some(2), Quality::Sampled, Broker::Asynq)
    );
    assert_eq!(cap.oldest, None);
    assert_eq!(cap.raw.iter().find(|(word, _)| *word == "archived"), Some(&("archived", 2)));
    assert!(!cap.paused && queue(&out, "cap-paused-only").paused);
    assert_eq!(
        queue(&out, "cap-paused-only").counts.waiting,
        Some(1),
        "what is paused still waits"
    );
    assert_eq!(scene.system.troubles(), &[] as &[String]);

    let all = workers(&out);
    let [server] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!(server.name.as_str(), "vm:2707");
    assert_eq!(server.id.as_str(), "main/asynq/vm:2707:744cb274-2b04-4dee-a69a-51d4c04debd4");
    assert_eq!((server.capacity, server.busy, server.pid), (Some(7), Some(2), Some(2_707)));
    assert_eq!(server.queues, ["cap", "cap-low", "cap-paused"].map(Name::from));
    assert_eq!(server.status, Some(Name::from("active")));
    assert_eq!(server.heartbeat, Some(Time::from_seconds(1_795_450_703)), "10 s before its score");
    assert_eq!(server.started.unwrap().seconds(), 1_795_450_698);
    let jobs = server.jobs.as_ref().unwrap();
    assert_eq!(jobs.len(), 2);
    let [active] = cap.active_jobs.as_slice() else { panic!("{:#?}", cap.active_jobs) };
    assert_eq!(
        (active.id.as_str(), active.job_type.as_ref().unwrap().as_str()),
        ("active-1", "cap:hang")
    );
    assert_eq!(active.since.unwrap().seconds(), 1_795_450_699);
    assert_eq!(active.worker, Some(server.id.clone()));
}

#[test]
fn groups_and_the_oldest_come_with_the_second_poll() {
    let mut scene = Scene::new(LIVE);
    scene.poll(0.0);
    scene.poll(1.0);
    let out = scene.poll(1.0);
    let idle = queue(&out, "cap-idle");
    assert_eq!((idle.counts.blocked, idle.counts.waiting), (Some(3), Some(6)));
    assert_eq!(idle.oldest, Some(Time::from_micros(1_795_450_699_706_542)), "pending-plain");
    assert_eq!(queue(&out, "cap").counts.blocked, Some(0));
    assert!(
        events(&out, "cap-idle").is_empty(),
        "groups that are counted for the first time are not new jobs"
    );
}

#[test]
fn a_killed_server_goes_with_its_key() {
    let mut scene = Scene::new(LIVE);
    assert_eq!(workers(&scene.poll(0.0)).len(), 1);
    scene.redis = Dump::load(KILLED);
    // Its score has not changed, so nobody asks yet.
    assert_eq!(
        workers(&scene.poll(1.0)).len(),
        0,
        "the second read after a change finds the key gone"
    );
    // The member stays in the set of servers; it is not asked for again.
    for _ in 0..8 {
        scene.poll(1.0);
    }
    let before = scene.commands;
    for _ in 0..30 {
        scene.poll(1.0);
    }
    assert_eq!(scene.commands, before);
    assert_eq!(workers(&scene.poll(20.0)).len(), 0);
    assert_eq!(workers(&Scene::new(KILLED).poll(0.0)).len(), 0);
    assert_eq!(
        queue(&Scene::new(ORPHANS).poll(0.0), "cap").counts.active,
        Some(1),
        "its task is still called active"
    );
}

#[test]
fn a_silent_server_is_looked_for() {
    let mut scene = Scene::new(LIVE);
    for _ in 0..4 {
        scene.poll(1.0);
    }
    scene.redis.remove("asynq:servers:{vm:2707:744cb274-2b04-4dee-a69a-51d4c04debd4}");
    assert_eq!(workers(&scene.poll(1.0)).len(), 1, "nothing says that it is gone");
    assert_eq!(workers(&scene.poll(8.0)).len(), 0, "its heartbeat is overdue, and its key is gone");
}

#[test]
fn a_second_server_and_a_recovered_queue() {
    let out = Scene::new(STRICT).poll(126.0);
    let all = workers(&out);
    assert_eq!(all.len(), 1, "the dead one is still in the set, and is not shown");
    assert_eq!((all[0].busy, all[0].pid), (Some(2), Some(4_620)));
    let mut scene = Scene::new(LIVE);
    scene.poll(0.0);
    scene.redis = Dump::load(RECOVERED);
    let out = scene.poll(90.0);
    let low = events(&out, "cap-low");
    let counted = low.iter().find(|event| matches!(event.fact, JobFact::Counted { .. })).unwrap();
    assert_eq!(
        counted.fact,
        JobFact::Counted { enqueued: 0, succeeded: 0, failed: 1 },
        "taken back, to be tried again"
    );
    let seen = low.iter().find(|event| matches!(event.fact, JobFact::Seen { .. })).unwrap();
    assert_eq!(seen.job_type, Some(Name::from("cap:hang")));
    assert!(matches!(seen.fact, JobFact::Seen { outcome: Outcome::Failed, .. }), "{seen:?}");
}

#[test]
fn a_lease_that_ran_out_is_told_with_its_type_and_is_no_gap() {
    let mut scene = Scene::new(LIVE);
    let (source, jobs) = (SourceName::new("main"), ToldJobs::default());
    scene.system = AsynqSystem::new(source.clone(), Limits::default()).with_told_jobs(jobs.clone());
    let teller = jobs.teller(&source);
    let poll = |scene: &mut Scene, seconds: f64, told: Vec<ToldJob>| {
        teller.tell(told, Some(scene.now + seconds + 1.0), false);
        scene.poll(seconds)
    };
    poll(&mut scene, 0.0, Vec::new());
    // Of another attempt, long ago: from now on somebody tells of the queue.
    let before = ToldJob {
        queue: b"cap-low"[..].into(),
        job_type: Name::from("cap:other"),
        started: scene.now + -20.0,
        finished: scene.now + -10.0,
        outcome: Outcome::Succeeded,
        wait: None,
        run: None,
    };
    poll(&mut scene, 1.0, vec![before]);
    scene.redis = Dump::load(ORPHANS);
    poll(&mut scene, 37.0, Vec::new());
    poll(&mut scene, 1.0, Vec::new());
    scene.redis = Dump::load(RECOVERED);
    let mut low: Vec<JobEvent> = Vec::new();
    let mut gaps = 0;
    for second in 0..12 {
        let out = poll(&mut scene, if second == 0 { 52.0 } else { 1.0 }, Vec::new());
        let batches = out.iter().filter_map(|one| match one {
            Observation::Jobs(batch) if batch.queue.name.as_str() == "cap-low" => Some(batch),
            _ => None,
        });
        for batch in batches {
            gaps += usize::from(batch.gap);
            low.extend(batch.events.iter().cloned());
        }
    }
    let ended: Vec<&JobEvent> = low
        .iter()
        .filter(|event| matches!(event.fact, JobFact::Finished { .. } | JobFact::Counted { .. }))
        .collect();
    assert_eq!(ended.len(), 1, "{low:#?}");
    assert_eq!(ended[0].job_type, Some(Name::from("cap:hang")));
    assert_eq!(
        ended[0].fact,
        JobFact::Finished { outcome: Outcome::Failed, wait: None, run: None }
    );
    assert_eq!(gaps, 0);
}

#[test]
fn tasks_that_were_put_back_do_not_say_since_when() {
    let mut scene = Scene::new(REQUEUED);
    for _ in 0..5 {
        scene.poll(1.0);
    }
    let out = scene.poll(1.0);
    let cap = queue(&out, "cap");
    assert_eq!((cap.counts.waiting.is_some_and(|count| count > 0), cap.oldest), (true, None));
    assert_eq!(scene.system.troubles(), &[] as &[String]);
}

#[test]
fn a_task_is_counted_and_sampled_on_its_way() {
    let mut scene = Scene::new(LIVE);
    scene.poll(0.0);
    let start = scene.now;
    let pending_since = format!("{}", (start + 0.5).micros() * 1_000);
    let message = [&[0x0a, 4][..], b"mail"].concat();
    let hash = |state: &str, since: Option<&str>| {
        let mut fields = vec![
            (b"msg".to_vec(), message.clone()),
            (b"state".to_vec(), state.as_bytes().to_vec()),
        ];
        fields.extend(since.map(|since| (b"pending_since".to_vec(), since.as_bytes().to_vec())));
        Held::Hash(fields)
    };
    scene.redis.set("asynq:{cap}:pending", Held::List(vec![b"new".to_vec()]));
    scene.redis.set("asynq:{cap}:t:new", hash("pending", Some(&pending_since)));
    let out = scene.poll(1.0);
    assert_eq!(
        events(&out, "cap")[0].fact,
        JobFact::Counted { enqueued: 1, succeeded: 0, failed: 0 }
    );
    scene.poll(1.0);
    assert_eq!(queue(&scene.poll(4.0), "cap").oldest, Some(start + 0.5));
    // It starts between 6 and 7 s, and ends between 12 and 13 s.
    scene.redis.remove("asynq:{cap}:pending");
    scene.redis.set("asynq:{cap}:active", Held::List(vec![b"active-1".to_vec(), b"new".to_vec()]));
    scene.redis.set("asynq:{cap}:t:new", hash("active", None));
    let out = scene.poll(1.0);
    assert_eq!(queue(&out, "cap").oldest, None);
    scene.poll(5.0);
    scene.redis.set("asynq:{cap}:active", Held::List(vec![b"active-1".to_vec()]));
    scene.redis.remove("asynq:{cap}:t:new");
    let Held::Text(processed) = scene.redis.get_mut("asynq:{cap}:processed") else {
        panic!("no text")
    };
    let next = std::str::from_utf8(processed).unwrap().parse::<u64>().unwrap() + 1;
    *processed = next.to_string().into_bytes();
    let out = scene.poll(1.0);
    let told = events(&out, "cap");
    assert_eq!(told[0].fact, JobFact::Counted { enqueued: 0, succeeded: 1, failed: 0 });
    assert_eq!(told[1].job_type, Some(Name::from("mail")));
    let JobFact::Seen { outcome: Outcome::Succeeded, wait: Some(wait), run: Some(run) } =
        told[1].fact
    else {
        panic!("{told:#?}")
    };
    assert!((wait - 6.0).abs() < 0.01 && (run - 6.0).abs() < 0.01, "wait {wait}, run {run}");
}

#[test]
fn a_queue_that_is_removed_is_gone() {
    let mut scene = Scene::new(LIVE);
    scene.poll(0.0);
    let Held::Set(names) = scene.redis.get_mut("asynq:queues") else { panic!("no set") };
    names.retain(|name| name != b"cap-low");
    let out = scene.poll(1.0);
    assert!(out.iter().any(|one| matches!(one, Observation::QueueGone { queue, .. } if queue.name.as_str() == "cap-low")));
    assert_eq!(scene.system.queues(), 3);
}

#[test]
fn of_a_queue_that_appears_nothing_is_missed() {
    let mut scene = Scene::new("");
    scene.redis.set("asynq:queues", Held::Set(vec![b"old".to_vec()]));
    scene.redis.set("asynq:{old}:processed", Held::Text(b"7".to_vec()));
    assert!(
        events(&scene.poll(0.0), "old").is_empty(),
        "what was before Vigie came does not count"
    );
    scene
        .redis
        .set("asynq:queues", Held::Set(vec![b"old".to_vec(), b"new".to_vec(), b"back".to_vec()]));
    scene.redis.set("asynq:{new}:processed", Held::Text(b"5".to_vec()));
    scene.redis.set("asynq:{new}:failed", Held::Text(b"1".to_vec()));
    scene.redis.set("asynq:{new}:retry", Held::Sorted(vec![(b"x".to_vec(), 1.0)]));
    scene.redis.set("asynq:{back}:processed", Held::Text(b"5000000".to_vec()));
    let out = scene.poll(1.0);
    assert_eq!(
        events(&out, "new")[0].fact,
        JobFact::Counted { enqueued: 5, succeeded: 4, failed: 1 }
    );
    assert!(events(&out, "back").is_empty(), "five million in a second: it is not new");
}

#[test]
fn queues_over_the_limit_are_counted_together() {
    let limits = Limits { queues: 2, ..Limits::default() };
    let mut scene = Scene::limited(LIVE, limits);
    let out = scene.poll(0.0);
    assert!(out.contains(&Observation::Folded {
        source: SourceName::new("main"),
        what: "queues",
        count: 2
    }));
    let out = scene.poll(1.0);
    let other = queue(&out, "other");
    assert_eq!(
        (other.counts.waiting, other.counts.active),
        (Some(1), Some(1)),
        "cap-low and cap-paused-only"
    );
    assert_eq!(other.raw, [("queues", 2)]);
    assert!(!out.iter().any(|one| matches!(one, Observation::Folded { .. })), "told once");
}

#[test]
fn malicious_messages_are_named_and_do_no_harm() {
    let mut scene = Scene::new(LIVE);
    let server = "asynq:servers:{vm:2707:744cb274-2b04-4dee-a69a-51d4c04debd4}";
    let workers_key = "asynq:workers:{vm:2707:744cb274-2b04-4dee-a69a-51d4c04debd4}";
    // A length that lies, and a group that never ends.
    scene.redis.set(server, Held::Text(vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    scene.redis.set(workers_key, Held::Hash(vec![(b"x".to_vec(), vec![0x0b; 100_000])]));
    scene.redis.set(
        "asynq:{cap-idle}:t:pending-plain",
        Held::Hash(vec![
            (b"state".to_vec(), b"pending".to_vec()),
            (b"pending_since".to_vec(), b"soon".to_vec()),
            (b"msg".to_vec(), vec![0x0a, 0x7f]),
        ]),
    );
    let out = scene.poll(0.0);
    assert_eq!(workers(&out).len(), 1, "it is there, whatever it says");
    assert_eq!(workers(&out)[0].capacity, None);
    let said = scene.system.troubles().join("\n");
    assert!(
        said.contains(&format!("{server}: server info: failed to decode Protobuf message")),
        "{said}"
    );
    assert!(said.contains("worker info: failed to decode Protobuf message"), "{said}");
    let out = scene.poll(1.0);
    let said = format!("{said}\n{}", scene.system.troubles().join("\n"));
    assert!(said.contains("asynq queue cap-idle: task pending-plain: task message"), "{said}");
    assert_eq!(queue(&out, "cap-idle").counts.waiting, Some(6));
}

#[test]
fn names_from_hell() {
    let mut scene = Scene::new("");
    let long = vec![b'x'; 65_536];
    let names = [
        &b"<script>"[..],
        b"a\"b\r\nc",
        b"",
        b"..",
        "\u{202e}emoji\u{1f600}".as_bytes(),
        &[0xff, 0xfe],
        &long,
    ];
    scene.redis.set("asynq:queues", Held::Set(names.iter().map(|name| name.to_vec()).collect()));
    let out = scene.poll(0.0);
    let shown: Vec<&str> = out
        .iter()
        .filter_map(|one| match one {
            Observation::Queue(reading) => Some(reading.queue.name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(shown.len(), names.len());
    assert!(shown.iter().all(|name| name.len() <= Name::MAX_BYTES));
}

/// What one poll makes of these figures: added, succeeded, failed.
fn step(flow: &mut Flow, processed: u64, failed: u64, live: u64) -> Option<(u64, u64, u64)> {
    let totals = Totals { processed, failed };
    let ended = flow.ended(totals);
    // One in three of what failed is archived, in these figures.
    let added = flow.added(Level { totals, live, blocked: Some(0), archived: failed / 3 });
    let (succeeded, failed) = ended?;
    Some((added?, succeeded, failed))
}

#[test]
fn counters_are_differences_and_resets_begin_anew() {
    let mut flow = Flow::default();
    assert_eq!(step(&mut flow, 100, 11, 5), None, "the first is the beginning");
    let one = step(&mut flow, 103, 12, 6);
    assert_eq!(one, Some((4, 2, 1)), "2 left, 1 was archived, 1 more is there");
    assert_eq!(step(&mut flow, 1, 0, 6), None, "reset");
    assert_eq!(step(&mut flow, 2, 0, 6), Some((1, 1, 0)));
    // Read a moment too early: one task is seen in two places, and then not.
    assert_eq!(step(&mut flow, 3, 0, 6), Some((1, 1, 0)));
    assert_eq!(step(&mut flow, 3, 0, 5), Some((0, 0, 0)));
    assert_eq!(step(&mut flow, 3, 0, 8), Some((2, 0, 0)), "3 more, 1 of which was counted before");
    // Somebody deletes a thousand: that is forgotten, not held against the next thousand.
    step(&mut flow, 3, 0, 1_008);
    for _ in 0..5 {
        assert_eq!(step(&mut flow, 3, 0, 8), Some((0, 0, 0)));
    }
    assert_eq!(step(&mut flow, 3, 0, 9), Some((1, 0, 0)));
}

#[derive(Clone, PartialEq, prost::Message)]
struct Whole {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(map = "string, string", tag = "15")]
    headers: std::collections::HashMap<String, String>,
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = decode::task_type(&bytes);
        let _ = decode::server(&bytes);
        let _ = decode::running(&bytes);
        let _ = decode::nanoseconds(&bytes);
        let _ = decode::count(&bytes);
    }

    #[test]
    fn a_type_survives_whatever_stands_beside_it(kind in "[^\u{0}]{1,60}", payload in proptest::collection::vec(any::<u8>(), 0..500)) {
        let whole = Whole { kind: kind.clone(), payload, id: "1".into(), headers: [("a".to_owned(), "b".to_owned())].into() };
        prop_assert_eq!(decode::task_type(&whole.encode_to_vec()).unwrap(), Name::from(kind.as_str()));
    }

    #[test]
    fn a_truncated_message_is_an_error_or_shorter(cut in 0_usize..40) {
        let whole = Whole { kind: "mail".into(), payload: vec![7; 20], id: "12345".into(), headers: Default::default() };
        let bytes = whole.encode_to_vec();
        let _ = decode::task_type(&bytes[..cut.min(bytes.len())]);
    }

    #[test]
    fn whatever_the_counters_do_nothing_overflows(levels in proptest::collection::vec(any::<[u64; 5]>(), 1..20)) {
        let mut flow = Flow::default();
        for [processed, failed, live, blocked, archived] in levels {
            let totals = Totals { processed, failed };
            let _ = flow.ended(totals);
            let _ = flow.added(Level { totals, live, blocked: Some(blocked), archived });
        }
    }
}
