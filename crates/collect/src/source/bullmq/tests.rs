//! Real captures and scenarios, entry by entry.

use proptest::prelude::*;
use redis::Value;
use vigie_model::{Broker, JobBatch, JobEvent, Time};

use super::decode::{DecodeError, Entry, What, decode, entry_id};
use super::follow::{Follower, is_new};
use super::poll::BullMq;
use crate::source::bull_family::dialect::{Dialect, Seen};
use crate::source::bull_family::facts::Hashes;
use crate::source::bull_family::job_hash::JobHash;
use crate::source::bull_family::rate::Nudges;
use crate::source::bull_family::testing::{Stage, adopt, base, brief, totals};
use crate::source::{Plan, Replies};

const MAIL: &str = include_str!("fixtures/events_xrange_mail.txt");
const CHILD: &str = include_str!("fixtures/events_xrange_child.txt");
const PARENT: &str = include_str!("fixtures/events_xrange_parent.txt");
const PAUSED: &str = include_str!("fixtures/events_xrange_paused.txt");
const QUEUE: &str = "bull:mail";

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

/// An entry as `XREAD` answers it.
fn raw_entry(id: &str, fields: &[&str]) -> Value {
    Value::Array(vec![text(id), Value::Array(fields.iter().map(|field| text(field)).collect())])
}

/// An answer of `XREAD` with the entries of one stream.
fn answer(entries: Vec<Value>) -> Value {
    Value::Array(vec![Value::Array(vec![text("bull:mail:events"), Value::Array(entries)])])
}

/// A capture of `redis-cli xrange`, which prints ids and fields line by line.
fn capture(lines: &str) -> Value {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines.lines() {
        let is_id = line.len() >= 15 && entry_id(line.as_bytes()).is_some();
        match entries.last_mut() {
            Some((_, fields)) if !is_id => fields.push(line),
            _ => entries.push((line, Vec::new())),
        }
    }
    answer(entries.into_iter().map(|(id, fields)| raw_entry(id, &fields)).collect())
}

fn entries(answer: &Value) -> Vec<Entry> {
    decode(answer).unwrap().into_iter().flat_map(|part| part.entries).collect()
}

/// A queue whose entries a test writes; times in milliseconds.
struct Play {
    stage: Stage,
    follower: Follower,
    sequence: u64,
}

const ZERO: i64 = 1_800_000_000_000;

fn at(ms: i64) -> Time {
    Time::from_millis(ZERO + ms)
}

impl Play {
    fn new() -> Self {
        let stage = Stage::new(Broker::BullMq, at(0));
        adopt(&mut stage.shared.lock(), QUEUE, at(0));
        Self { stage, follower: Follower::default(), sequence: 0 }
    }

    fn read(&mut self, ms: i64, event: &str, job: &str, more: &[&str]) -> &mut Self {
        self.sequence += 1;
        let id = format!("{}-{}", ZERO + ms, self.sequence);
        let fields = [&["event", event, "jobId", job][..], more].concat();
        for entry in entries(&answer(vec![raw_entry(&id, &fields)])) {
            self.follower.read(&base(QUEUE), entry, 0.0, &mut self.stage.shared.lock());
        }
        self
    }

    async fn answer(&mut self, jobs: &[(&str, JobHash)]) -> (Vec<String>, Vec<JobBatch>) {
        let pendings = self.follower.pendings.take();
        let mut asked = Vec::new();
        {
            let mut state = self.stage.shared.lock();
            let mut hashes = Hashes::new();
            for (queue, id) in pendings.wanted(&state, false) {
                let name = String::from_utf8_lossy(&id).into_owned();
                let hash = jobs.iter().find(|(id, _)| *id == name).map(|(_, hash)| hash.clone());
                asked.push(name);
                hashes.insert((queue, id), hash);
            }
            let context = &self.stage.context;
            pendings.tell(
                Broker::BullMq,
                &mut state,
                &hashes,
                is_new,
                &mut Nudges::default(),
                context,
            );
        }
        (asked, self.stage.batches().await)
    }

    async fn told(&mut self, jobs: &[(&str, JobHash)]) -> Vec<String> {
        brief(&events(&self.answer(jobs).await.1))
    }

    /// Adds a job of type `mail` that starts after 10 ms.
    fn start(&mut self, job: &str) -> &mut Self {
        self.read(0, "added", job, &["name", "mail"]).read(0, "waiting", job, &[]).read(
            10,
            "active",
            job,
            &[],
        )
    }
}

fn events(batches: &[JobBatch]) -> Vec<JobEvent> {
    batches.iter().flat_map(|batch| batch.events.clone()).collect()
}

fn failed(times: u32) -> JobHash {
    JobHash { attempts_made: times, ..JobHash::default() }
}

const STARTED: [&str; 2] = ["mail enqueued", "mail started wait=10"];

#[tokio::test]
async fn the_captures_add_up() {
    for (lines, expected) in [
        // 7 failed twice before the last time; 15 stalled twice and was failed for it, which is not a third.
        (MAIL, (21, 15, 6)),
        (CHILD, (5, 2, 1)),
        (PARENT, (3, 1, 1)),
        (PAUSED, (3, 0, 0)),
    ] {
        let mut play = Play::new();
        for entry in entries(&capture(lines)) {
            assert!(entry.what.is_ok(), "{entry:?}");
            play.follower.read(&base(QUEUE), entry, 0.0, &mut play.stage.shared.lock());
        }
        let later = [("7", JobHash { finished_on: Some(at(0)), ..failed(3) }), ("15", failed(0))];
        let (asked, batches) = play.answer(&later).await;
        assert!(
            asked.iter().all(|id| id == "7" || id == "15"),
            "{asked:?}: types are in the stream"
        );
        assert_eq!(totals(&events(&batches)), expected);
        assert!(batches.iter().all(|batch| !batch.types_sampled));
    }
}

#[tokio::test]
async fn times_are_those_of_the_entries() {
    let mut play = Play::new();
    play.start("1").read(110, "completed", "1", &["returnvalue", "{}", "prev", "active"]);
    assert_eq!(play.told(&[]).await, [&STARTED[..], &["mail succeeded wait=10 run=100"]].concat());
    assert_eq!(play.stage.shared.lock().tracker.len(), 0, "what has ended is forgotten");
}

#[tokio::test]
async fn a_job_for_later_is_eligible_when_it_is_due() {
    let mut play = Play::new();
    let due = (ZERO + 1_000).to_string();
    play.read(0, "added", "1", &["name", "mail"]).read(0, "delayed", "1", &["delay", &due]);
    play.read(1_200, "waiting", "1", &["prev", "delayed"]).read(1_250, "active", "1", &[]);
    assert_eq!(play.told(&[]).await, ["mail enqueued", "mail started wait=250"]);
}

#[tokio::test]
async fn a_retry_is_a_failure_and_a_step_back_is_none() {
    let mut play = Play::new();
    let due = (ZERO + 500).to_string();
    play.start("1").read(60, "delayed", "1", &["delay", &due]);
    let (asked, batches) = play.answer(&[("1", failed(1))]).await;
    assert_eq!(asked, ["1"]);
    let told = [&STARTED[..], &["mail failed wait=10 run=50"]].concat();
    assert_eq!(brief(&events(&batches)), told);
    // The job moves itself to later: the broker counts no further failure.
    play.read(500, "waiting", "1", &["prev", "delayed"]).read(520, "active", "1", &[]);
    play.read(530, "delayed", "1", &["delay", &(ZERO + 900).to_string()]);
    assert_eq!(play.told(&[("1", failed(1))]).await, ["mail started wait=20"]);
    // Retried at once.
    play.read(900, "waiting", "1", &["prev", "delayed"]).read(905, "active", "1", &[]);
    play.read(915, "waiting", "1", &["prev", "active"]);
    assert_eq!(
        play.told(&[("1", failed(2))]).await,
        ["mail started wait=5", "mail failed wait=5 run=10"]
    );
    play.read(925, "active", "1", &[]).read(945, "failed", "1", &["failedReason", "boom"]);
    play.read(945, "retries-exhausted", "1", &["attemptsMade", "3"]);
    assert_eq!(play.told(&[]).await, ["mail started wait=10", "mail failed wait=10 run=20"]);
}

#[tokio::test]
async fn many_attempts_in_one_read_are_all_counted() {
    let mut play = Play::new();
    play.start("1");
    for attempt in 1..=3 {
        let ms = attempt * 100;
        play.read(ms, "waiting", "1", &["prev", "active"]).read(ms + 10, "active", "1", &[]);
    }
    play.read(400, "completed", "1", &[]);
    let hash = JobHash { finished_on: Some(at(400)), ..failed(4) };
    let (_, batches) = play.answer(&[("1", hash)]).await;
    assert_eq!(totals(&events(&batches)), (1, 1, 3));
}

#[tokio::test]
async fn a_vanished_worker_fails_its_attempt() {
    let mut play = Play::new();
    play.start("1").read(5_010, "waiting", "1", &["prev", "active"]).read(
        5_010,
        "stalled",
        "1",
        &[],
    );
    let told = [&STARTED[..], &["mail failed wait=10 run=5000"]].concat();
    assert_eq!(play.told(&[("1", failed(0))]).await, told);
    // The second time, and the broker's own attempt that only fails it.
    play.read(5_020, "active", "1", &[]).read(10_020, "waiting", "1", &["prev", "active"]);
    // The read ends between two entries of one script: the hash says that this is no failure …
    assert_eq!(play.told(&[("1", failed(0))]).await, ["mail started wait=10"]);
    // … and the next entry that it is.
    play.read(10_020, "stalled", "1", &[]);
    play.read(10_030, "active", "1", &[]);
    play.read(10_032, "failed", "1", &["failedReason", "job stalled more than allowable limit"]);
    assert_eq!(play.told(&[]).await, ["mail failed wait=10 run=5000", "mail started wait=10"]);
}

#[tokio::test]
async fn parents_wait_for_their_children_without_failing() {
    let mut play = Play::new();
    play.read(0, "added", "1", &["name", "sum"]).read(0, "waiting-children", "1", &[]);
    play.read(1_000, "waiting", "1", &["prev", "waiting-children"]).read(1_010, "active", "1", &[]);
    play.read(1_020, "waiting-children", "1", &["prev", "active"]);
    play.read(2_000, "waiting", "1", &["prev", "waiting-children"]).read(2_005, "active", "1", &[]);
    let told = play.told(&[]).await;
    assert_eq!(told, ["sum enqueued", "sum started wait=10", "sum started wait=5"]);
}

#[tokio::test]
async fn jobs_from_before_are_looked_up_once() {
    let mut play = Play::new();
    let hash = JobHash {
        name: Some("old".into()),
        added: Some(at(-500)),
        processed_on: Some(at(20)),
        attempts_started: Some(1),
        ..JobHash::default()
    };
    play.read(20, "active", "1", &[]);
    let (asked, batches) = play.answer(&[("1", hash)]).await;
    assert_eq!(
        (asked, brief(&events(&batches))),
        (vec!["1".into()], vec!["old started wait=520".into()])
    );
    play.read(50, "completed", "1", &[]);
    let (asked, batches) = play.answer(&[]).await;
    assert!(asked.is_empty());
    assert_eq!(brief(&events(&batches)), ["old succeeded wait=520 run=30"]);
    // Gone already: it counts, without type and times.
    play.read(60, "completed", "2", &[]);
    let (_, batches) = play.answer(&[]).await;
    assert_eq!(brief(&events(&batches)), ["? succeeded wait=? run=?"]);
    assert!(batches[0].types_sampled);
}

#[test]
fn answers_of_other_shapes_are_refused_and_odd_entries_passed_over() {
    assert_eq!(decode(&Value::Nil), Ok(Vec::new()));
    for odd in [Value::Int(1), Value::Array(vec![Value::Nil]), answer(vec![Value::Int(7)])] {
        assert_eq!(decode(&odd), Err(DecodeError::Shape));
    }
    assert_eq!(decode(&answer(vec![raw_entry("now", &[])])), Err(DecodeError::EntryId));
    let odd = entries(&answer(vec![
        raw_entry("1-0", &["event", "completed"]),
        raw_entry("1-1", &["event", "something new", "jobId", "1"]),
        raw_entry("1-2", &["event"]),
        raw_entry("1-3", &["event", "added", "jobId", "repeat:a:1", "name", "<script>"]),
    ]));
    assert_eq!(odd[0].what, Err(DecodeError::NoJob("completed")));
    assert_eq!((&odd[1].what, &odd[2].what), (&Ok(What::Other), &Ok(What::Other)));
    let added = What::Added { job: b"repeat:a:1".to_vec(), name: b"<script>".to_vec() };
    assert_eq!(odd[3].what, Ok(added));
}

#[test]
fn a_quiet_queue_is_not_asked_for_what_only_events_change() {
    let ask = |before: &Seen| {
        let mut plan = Plan::default();
        BullMq::ask(b"bull:q", before, &mut plan);
        plan.len()
    };
    let read = |before: &Seen, counts: &[i64], meta: Value| {
        let counts = counts.iter().map(|count| Ok(Value::Int(*count)));
        BullMq::read(before, &mut Replies::new(counts.chain([Ok(meta)]).collect()))
    };
    let meta = || Value::Array(vec![Value::Nil, text("10000")]);
    // Nothing waits; 5 jobs are kept that are complete and 6 that failed.
    let first = read(&Seen::default(), &[0, 0, 0, 0, 4, 5, 6], meta());
    assert!(first.stands);
    let before = Seen { quiet: true, ..first };
    assert_eq!(ask(&before), 2);
    let seen = read(&before, &[0], meta());
    assert_eq!((seen.counts, &seen.raw), (before.counts, &before.raw));
    assert_eq!(seen.counts.completed, Some(5));
    // A job has begun to wait before its event was read.
    let mut seen = read(&before, &[1], meta());
    let mut plan = Plan::default();
    BullMq::ask_more(b"bull:q", &before, &seen, &mut plan);
    assert_eq!(plan.len(), 3 + 1, "the three, and the end of the list");
    let mut answers: Vec<_> = [4, 7, 6].map(|count| Ok(Value::Int(count))).into();
    answers.push(Ok(Value::Array(vec![text("9")])));
    BullMq::read_more(&before, &mut seen, &mut Replies::new(answers));
    assert_eq!((seen.counts.completed, seen.raw(super::keys::COMPLETED)), (Some(7), 7));
    assert_eq!(seen.heads, [b"9".to_vec()]);
    // All of it was removed: the counts that were carried over do not say that it is there.
    let seen = read(&before, &[0], Value::Array(vec![Value::Nil, Value::Nil]));
    assert!(!seen.present && !seen.stands);
}

#[test]
fn prioritized_jobs_wait_too_and_the_oldest_of_each_end_is_asked() {
    // In one of five polls the left end is looked at.
    let before = Seen { turn: 4, ..Seen::default() };
    let mut plan = Plan::default();
    BullMq::ask(b"bull:q", &before, &mut plan);
    assert_eq!(plan.len(), 8, "an idle queue costs 8 commands");
    let counts = [2, 1, 3, 0, 4, 5, 6].map(|count| Ok(Value::Int(count)));
    let meta = Value::Array(vec![text("1"), text("10000")]);
    let answers = counts.into_iter().chain([Ok(meta)]).collect();
    let seen = BullMq::read(&before, &mut Replies::new(answers));
    assert!(seen.paused && seen.present);
    assert_eq!((seen.counts.waiting, seen.counts.blocked), (Some(5), Some(4)));
    let mut plan = Plan::default();
    BullMq::ask_more(b"bull:q", &before, &seen, &mut plan);
    assert_eq!(plan.len(), 7, "a paused list of an old version, both ends of both, the active");
    let mut late = seen.clone();
    let ids = |ids: &[&str]| Ok(Value::Array(ids.iter().map(|id| text(id)).collect()));
    let answers = vec![
        Ok(Value::Int(1)),
        ids(&["9"]),
        ids(&["1"]),
        ids(&["2"]),
        ids(&["3"]),
        ids(&["4", "42949672960"]),
        ids(&["6", "5"]),
    ];
    BullMq::read_more(&before, &mut late, &mut Replies::new(answers));
    assert_eq!(late.counts.waiting, Some(6));
    assert_eq!(late.heads, [b"1".to_vec(), b"2".to_vec(), b"3".to_vec(), b"9".to_vec()]);
    assert_eq!(late.active, [b"5".to_vec(), b"6".to_vec()], "the longest running first");
    assert_eq!(late.last_class, Some(42_949_672_960.0));
}

proptest! {
    #[test]
    fn any_entry_is_read_without_panic(
        id in proptest::collection::vec(any::<u8>(), 0..40),
        fields in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
    ) {
        let fields = fields.into_iter().map(Value::BulkString).collect();
        let entry = Value::Array(vec![Value::BulkString(id), Value::Array(fields)]);
        let _ = decode(&answer(vec![entry]));
    }

    #[test]
    fn any_order_of_entries_is_followed(
        steps in proptest::collection::vec((0usize..9, 0u8..5, 0i64..3), 0..200)
    ) {
        const EVENTS: [&str; 9] = [
            "added", "waiting", "active", "completed", "failed", "delayed", "stalled", "waiting-children", "removed",
        ];
        let mut play = Play::new();
        let mut now = 0;
        for (event, job, pause) in steps {
            now += pause;
            play.read(now, EVENTS[event], &job.to_string(), &["prev", "active", "name", "t"]);
        }
    }
}
