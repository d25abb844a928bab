//! Real captures and scenarios, message by message.

use proptest::prelude::*;
use redis::Value;
use vigie_model::{Broker, JobBatch, JobEvent, Outcome, Time};

use super::decode::{DecodeError, Due, What, decode};
use super::follow::{Follower, is_new};
use super::poll::Bull;
use crate::source::bull_family::dialect::{Dialect, Seen};
use crate::source::bull_family::facts::Hashes;
use crate::source::bull_family::job_hash::{JobHash, WITH_DATA};
use crate::source::bull_family::rate::Nudges;
use crate::source::bull_family::testing::{Stage, adopt, base, brief, totals};
use crate::source::bull_family::tracker::JobId;
use crate::source::n8n::N8nLink;
use crate::source::{Plan, Replies};

const CAPTURE: &str = include_str!("fixtures/bull_pubsub_psubscribe_raw.txt");
const N8N: &str = include_str!("fixtures/n8n_psubscribe_raw.txt");
const N8N_2: &str = include_str!("fixtures/n8n_2_psubscribe_raw.txt");
const QUEUE: &str = "bull:mail";

/// The messages of a capture of `redis-cli psubscribe`.
fn messages(capture: &'static str) -> Vec<(&'static str, &'static str)> {
    let lines: Vec<&str> = capture.lines().skip(3).collect();
    lines.chunks(4).map(|lines| (lines[2], lines.get(3).copied().unwrap_or(""))).collect()
}

/// A queue whose messages a test writes; times in milliseconds.
struct Play {
    stage: Stage,
    follower: Follower,
}

fn at(ms: i64) -> Time {
    Time::from_millis(1_800_000_000_000 + ms)
}

impl Play {
    fn new() -> Self {
        let stage = Stage::new(Broker::Bull, at(0));
        adopt(&mut stage.shared.lock(), QUEUE, at(0));
        stage.shared.lock().server_offset = Some(0.0);
        Self { stage, follower: Follower::default() }
    }

    fn hear(&mut self, ms: i64, event: &str, payload: &str) -> &mut Self {
        let channel = format!("{QUEUE}:{event}");
        let heard = decode(channel.as_bytes(), payload.as_bytes()).unwrap();
        self.follower.hear(heard, at(ms), &mut self.stage.shared.lock());
        self
    }

    /// Asks and answers; returns the ids that were asked for.
    async fn answer(
        &mut self,
        jobs: &[(&str, JobHash)],
        due: &[(i64, &[&str])],
    ) -> (Vec<String>, Vec<JobBatch>) {
        let pendings = self.follower.pendings.take();
        let questions = self.follower.questions(self.stage.context.clock.now());
        let mut asked = Vec::new();
        let mut hashes = Hashes::new();
        {
            let mut state = self.stage.shared.lock();
            for (queue, wanted, at) in questions.due {
                let ids =
                    due.iter().find(|(ms, _)| *ms == wanted.millis).map_or(&[][..], |(_, ids)| ids);
                let ids = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
                asked.push(format!("due {}", wanted.millis - at_zero()));
                self.follower.found_due(&queue, wanted, at, ids, &mut state);
            }
            let wanted = pendings.wanted(&state, false);
            Follower::asked(&wanted, &mut state);
            for (queue, id) in questions.checks.iter().map(|(job, _)| job.clone()).chain(wanted) {
                let name = String::from_utf8_lossy(&id).into_owned();
                let hash = jobs.iter().find(|(id, _)| *id == name).map(|(_, hash)| hash.clone());
                asked.push(name);
                hashes.insert((queue, id), hash);
            }
            self.follower.learn(&hashes, &mut state);
            self.follower.checked(questions.checks, &hashes, &mut state);
            let context = &self.stage.context;
            pendings.tell(
                Broker::Bull,
                &mut state,
                &hashes,
                is_new,
                &mut Nudges::default(),
                context,
            );
        }
        asked.sort();
        (asked, self.stage.batches().await)
    }

    async fn told(&mut self, jobs: &[(&str, JobHash)], due: &[(i64, &[&str])]) -> Vec<String> {
        let (_, batches) = self.answer(jobs, due).await;
        let mut told = brief(&events(&batches));
        // What the answers brought to light is told with the next.
        let (_, batches) = self.answer(jobs, due).await;
        told.extend(brief(&events(&batches)));
        told
    }
}

fn at_zero() -> i64 {
    at(0).millis()
}

fn events(batches: &[JobBatch]) -> Vec<JobEvent> {
    batches.iter().flat_map(|batch| batch.events.clone()).collect()
}

fn job(name: &str, added: i64) -> JobHash {
    JobHash { name: Some(name.into()), added: Some(at(added)), ..JobHash::default() }
}

#[test]
fn every_message_of_the_captures_is_read() {
    for capture in [CAPTURE, N8N, N8N_2] {
        for (channel, payload) in messages(capture) {
            let heard = decode(channel.as_bytes(), payload.as_bytes());
            assert!(heard.is_ok(), "{channel} {payload}: {heard:?}");
        }
    }
}

#[test]
fn messages_of_all_shapes() {
    let what = |channel: &str, payload: &str| {
        decode(channel.as_bytes(), payload.as_bytes()).map(|heard| heard.what)
    };
    let stalled = r#"{"jobId":"13", "val": "job stalled more than maxStalledCount"}"#;
    assert_eq!(what("bull:orders:failed", stalled), Ok(What::Failed(b"13".to_vec())));
    let odd = r#"{"jobId":"a"b", "val": "job stalled more than maxStalledCount"}"#;
    assert_eq!(what("bull:orders:failed", odd), Ok(What::Failed(b"a\"b".to_vec())));
    let due = Due { millis: 1_795_442_531_216, rest: 7 };
    assert_eq!(what("bull:orders:delayed", "1795442531216.0017"), Ok(What::Delayed(due)));
    assert!(due.may_be_of(b"7") && due.may_be_of(b"4103") && !due.may_be_of(b"custom"));
    let nested = decode(b"bull:a:b:waiting@t", b"repeat:1:2").unwrap();
    assert_eq!(nested.base, b"bull:a:b");
    assert_eq!(what("bull:orders:stalled@", "1"), Ok(What::Stalled(b"1".to_vec())));
    for (channel, payload, error) in [
        ("waiting@x", "1", DecodeError::Channel),
        ("bull:waiting@x", "1", DecodeError::Channel),
        ("bull:orders:waiting@x", "", DecodeError::NoId),
        ("bull:orders:completed", "[]", DecodeError::NoId),
        ("bull:orders:completed", "{\"jobId\":{}}", DecodeError::NoId),
        ("bull:orders:delayed", "NaN", DecodeError::NoTime),
        ("bull:orders:delayed", "1e400", DecodeError::NoTime),
        ("bull:orders:delayed", "-1", DecodeError::NoTime),
    ] {
        assert_eq!(what(channel, payload), Err(error), "{channel} {payload}");
    }
}

#[tokio::test]
async fn the_capture_adds_up() {
    let mut play = Play::new();
    play.follower = Follower::default();
    for (index, (channel, payload)) in messages(CAPTURE).into_iter().enumerate() {
        if let Ok(heard) = decode(channel.as_bytes(), payload.as_bytes()) {
            let now = at(index as i64);
            play.follower.hear(heard, now, &mut play.stage.shared.lock());
        }
    }
    let (_, batches) = play.answer(&[], &[]).await;
    let orders: Vec<JobEvent> = events(
        &batches.into_iter().filter(|one| one.queue.name.as_str() == "orders").collect::<Vec<_>>(),
    );
    // Jobs 1 to 7, 9, 13, custom-id-1 and five of the repeated one became eligible (8 and the next one are delayed:
    // nobody was asked); 13 stalled once and failed for good then; 7 failed twice before the last time.
    assert_eq!(totals(&orders), (15, 12, 6));
}

#[tokio::test]
async fn one_good_job_of_n8n() {
    let mut play = Play::new();
    play.hear(0, "waiting@p", "1").hear(40, "active@w", "1");
    // The library's own times are better than those of arrival.
    let hash = JobHash { processed_on: Some(at(38)), ..job("job", 0) };
    assert_eq!(play.told(&[("1", hash)], &[]).await, ["job enqueued", "job started wait=38"]);
    play.hear(140, "completed", r#"{"jobId":"1"}"#);
    assert_eq!(play.told(&[], &[]).await, ["job succeeded wait=38 run=100"]);
    assert_eq!(play.stage.shared.lock().tracker.len(), 0, "what has ended is forgotten");
}

/// What a real n8n published while five executions ran, one of which failed on purpose.
#[tokio::test]
async fn executions_are_called_by_their_workflows_and_end_as_n8n_says() {
    let link = N8nLink::default();
    link.name([("wfOk".to_owned(), "OK webhook".into()), ("wfFail".to_owned(), "Failing".into())]);
    let mut play = Play::new();
    let base = base("bull:jobs");
    {
        let mut state = play.stage.shared.lock();
        state.executions.insert(base.clone(), link.clone());
    }
    adopt(&mut play.stage.shared.lock(), "bull:jobs", at(0));
    for (place, (channel, payload)) in messages(N8N_2).into_iter().enumerate() {
        let heard = decode(channel.as_bytes(), payload.as_bytes()).unwrap();
        let mut state = play.stage.shared.lock();
        play.follower.hear(heard, at(place as i64), &mut state);
    }
    let hash = |workflow: &str| {
        let data = format!(r#"{{"workflowId":"{workflow}","projectName":"A B <a@example.com>"}}"#);
        let mut values = vec![Value::Nil; WITH_DATA.len()];
        values[0] = Value::BulkString(b"job".to_vec());
        values[8] = Value::BulkString(data.into_bytes());
        let state = play.stage.shared.lock();
        let hash = state.read_hash(&base, super::keys::JOB_FIELDS, &values).unwrap();
        assert!(!format!("{hash:?}").contains("example.com"));
        hash
    };
    let (ok, fail, strange) = (hash("wfOk"), hash("wfFail"), hash("wfNew"));
    let jobs = [("2", ok.clone()), ("3", ok.clone()), ("4", ok), ("5", fail), ("6", strange)];
    let (_, batches) = play.answer(&jobs, &[]).await;
    let told = brief(&events(&batches));
    let ends: Vec<&str> = told
        .iter()
        .filter(|line| line.contains("ed wait=") && !line.contains("started"))
        .map(|line| line.split(" wait").next().unwrap())
        .collect();
    assert_eq!(
        ends,
        [
            "OK webhook succeeded",
            "OK webhook succeeded",
            "OK webhook succeeded",
            "Failing failed",
            "wfNew succeeded"
        ]
    );
    let (failed, dropped) = link.take_failed();
    assert_eq!((failed.len(), dropped), (1, 0));
    assert_eq!(failed[0].execution, "5");
    assert_eq!(failed[0].message.as_deref(), Some("deliberate failure"));
    assert_eq!(failed[0].worker.as_deref(), Some("worker-vm"));
    assert_eq!(failed[0].node.as_deref(), Some("Stop and Error"));
}

#[tokio::test]
async fn what_else_n8n_says_while_it_runs_is_passed_over() {
    let heard = |payload: &str| decode(b"bull:jobs:progress", payload.as_bytes()).unwrap().what;
    let verdict = |outcome| What::Verdict { id: b"7".to_vec(), outcome, failed: None };
    for (payload, what) in [
        (
            r#"{"jobId":"7","progress":{"kind":"respond-to-webhook","response":{"body":{"secret":1}}}}"#,
            What::Progress,
        ),
        (r#"{"jobId":"7","progress":42}"#, What::Progress),
        ("not json", What::Progress),
        (r#"{"jobId":"7","progress":{"kind":"job-finished"}}"#, What::Progress),
        (
            r#"{"jobId":"7","progress":{"kind":"job-finished","status":"waiting","success":true}}"#,
            verdict(Outcome::Succeeded),
        ),
        (
            r#"{"jobId":7,"progress":{"kind":"job-finished","success":true}}"#,
            verdict(Outcome::Succeeded),
        ),
        (
            r#"{"jobId":"7","progress":{"kind":"job-finished","success":false}}"#,
            verdict(Outcome::Failed),
        ),
    ] {
        assert_eq!(heard(payload), what, "{payload}");
    }
    // In a queue that is none of n8n's it says nothing of an outcome.
    let mut play = Play::new();
    play.hear(0, "waiting@p", "7").hear(1, "active@w", "7");
    play.hear(2, "progress", r#"{"jobId":"7","progress":{"kind":"job-finished","success":false}}"#);
    play.hear(3, "completed", r#"{"jobId":"7"}"#);
    assert_eq!(
        play.told(&[("7", job("mail", 0))], &[]).await.last().unwrap(),
        "mail succeeded wait=1 run=2"
    );
}

#[tokio::test]
async fn a_job_that_is_gone_before_it_was_looked_up_counts_but_has_no_type() {
    let mut play = Play::new();
    play.hear(0, "waiting@p", "1").hear(1, "active@w", "1").hear(
        2,
        "completed",
        r#"{"jobId":"1"}"#,
    );
    let (asked, batches) = play.answer(&[], &[]).await;
    assert_eq!(asked, ["1"]);
    assert_eq!(
        brief(&events(&batches)),
        ["? enqueued", "? started wait=1", "? succeeded wait=1 run=1"]
    );
    assert!(batches[0].types_sampled && !batches[0].gap);
}

#[tokio::test]
async fn a_delayed_retry_is_found_by_its_due_time() {
    let mut play = Play::new();
    play.hear(0, "waiting@p", "7").hear(10, "active@w", "7");
    play.told(&[("7", job("mail", 0))], &[]).await;
    let due = at_zero() + 5_000;
    play.hear(60, "delayed", &format!("{due}.0017"));
    assert_eq!(play.told(&[], &[(due, &["7"])]).await, ["mail failed wait=10 run=50"]);
    // The announcement of the next one is not another failure.
    play.hear(70, "delayed", &format!("{due}.0017"));
    assert!(play.told(&[], &[(due, &["7"])]).await.is_empty());
    play.hear(5_020, "waiting@w", "7").hear(5_030, "active@w", "7");
    assert_eq!(play.told(&[], &[]).await, ["mail started wait=30"]);
    play.hear(5_100, "failed", r#"{"jobId":"7","val":"boom"}"#);
    assert_eq!(play.told(&[], &[]).await, ["mail failed wait=30 run=70"]);
}

#[tokio::test]
async fn the_end_of_a_failed_attempt_is_its_next_ones_time_without_the_pause() {
    use crate::source::bull_family::job_hash::Backoff;
    let mut play = Play::new();
    play.hear(0, "waiting@p", "7").hear(10, "active@w", "7");
    let hash = JobHash {
        processed_on: Some(at(9)),
        backoff: Some(Backoff::Exponential(1_000.0)),
        ..job("mail", 0)
    };
    play.told(&[("7", hash)], &[]).await;
    // Heard late: this machine is busy.
    let due = at_zero() + 1_049;
    play.hear(95, "delayed", &format!("{due}.0017"));
    assert_eq!(play.told(&[], &[(due, &["7"])]).await, ["mail failed wait=9 run=40"]);
}

#[tokio::test]
async fn a_retry_that_is_due_at_once_ends_at_its_announcement() {
    let mut play = Play::new();
    play.hear(0, "waiting@p", "7").hear(10, "active@w", "7");
    play.told(&[("7", job("mail", 0))], &[]).await;
    let due = at_zero() + 65;
    play.hear(60, "delayed", &format!("{due}.0017"))
        .hear(66, "waiting@w", "7")
        .hear(68, "active@w", "7");
    let told = play.told(&[], &[]).await;
    assert_eq!(told, ["mail failed wait=10 run=50", "mail started wait=3"]);
}

#[tokio::test]
async fn a_silent_retry_is_found_by_asking_after_the_slot_looked_for_its_next_job() {
    let mut play = Play::new();
    let hash = JobHash { retries_at_once: true, ..job("mail", 0) };
    play.hear(0, "waiting@p", "1").hear(0, "waiting@p", "2").hear(10, "active@w", "1");
    play.told(&[("1", hash.clone()), ("2", job("other", 0))], &[]).await;
    // Job 1 fails without a word; its slot takes job 2.
    play.hear(60, "active@w", "2");
    let failed = JobHash { attempts_made: 1, ..hash.clone() };
    let (asked, batches) = play.answer(&[("1", failed.clone())], &[]).await;
    assert_eq!(asked, ["1"]);
    assert_eq!(brief(&events(&batches)), ["other started wait=60"]);
    let (asked, batches) = play.answer(&[("1", failed.clone())], &[]).await;
    assert!(asked.is_empty());
    assert_eq!(brief(&events(&batches)), ["mail failed wait=10 run=50"]);
    play.hear(90, "completed", r#"{"jobId":"2"}"#).hear(90, "active@w", "1");
    let told = play.told(&[("1", failed)], &[]).await;
    assert_eq!(told, ["other succeeded wait=60 run=30", "mail started wait=30"]);
    // A slot that completed a job took this one: nothing to ask.
    let (asked, _) = play.answer(&[], &[]).await;
    assert!(asked.is_empty());
}

#[tokio::test]
async fn a_silent_retry_that_starts_at_once_needs_no_question() {
    let mut play = Play::new();
    let hash = JobHash { retries_at_once: true, ..job("mail", 0) };
    play.hear(0, "waiting@p", "1").hear(10, "active@w", "1");
    play.told(&[("1", hash)], &[]).await;
    play.hear(60, "active@w", "1");
    let told = play.told(&[], &[]).await;
    assert_eq!(told, ["mail failed wait=10 run=50", "mail started wait=0"]);
    // Taken by another worker: when it ended is not known, that it did is.
    play.hear(200, "active@other", "1");
    let told = play.told(&[], &[]).await;
    assert_eq!(told, ["mail failed wait=0 run=?", "mail started wait=?"]);
}

#[tokio::test]
async fn a_vanished_worker_fails_its_attempt_when_the_job_stalls() {
    let mut play = Play::new();
    play.hear(0, "waiting@p", "1").hear(10, "active@w", "1");
    play.told(&[("1", job("mail", 0))], &[]).await;
    play.hear(3_010, "stalled@", "1").hear(3_020, "active@x", "1");
    let told = play.told(&[], &[]).await;
    assert_eq!(told, ["mail failed wait=10 run=3000", "mail started wait=10"]);
    play.hear(9_020, "failed", r#"{"jobId":"1", "val": "job stalled more than maxStalledCount"}"#);
    assert_eq!(play.told(&[], &[]).await, ["mail failed wait=10 run=6000"]);
}

#[tokio::test]
async fn a_job_that_stalls_before_it_starts_was_no_attempt() {
    let mut play = Play::new();
    play.follower.hears_since = Some(at(0));
    play.hear(10, "waiting@p", "1").hear(5_000, "stalled@", "1").hear(5_010, "active@x", "1");
    let told = play.told(&[("1", job("mail", 0))], &[]).await;
    assert_eq!(told, ["mail enqueued", "mail started wait=10"]);

    // Before this connection it may have started unheard.
    play.hear(6_000, "waiting@p", "2");
    play.follower.hears_since = Some(at(7_000));
    play.hear(9_000, "stalled@", "2");
    let told = play.told(&[("2", job("mail", 0))], &[]).await;
    assert_eq!(told, ["mail enqueued", "mail failed wait=? run=?"]);
}

#[tokio::test]
async fn a_job_for_later_is_enqueued_once() {
    let mut play = Play::new();
    let due = at_zero() + 1_000;
    let hash = JobHash { delay: 1.0, ..job("mail", 1) };
    play.hear(1, "delayed", &due.to_string());
    let (asked, _) = play.answer(&[], &[(due, &["5"])]).await;
    assert_eq!(asked, ["due 1000"]);
    let told = play.told(&[("5", hash)], &[]).await;
    assert_eq!(told, ["mail enqueued"]);
    play.hear(1_005, "waiting@w", "5").hear(1_007, "active@w", "5");
    assert_eq!(play.told(&[], &[]).await, ["mail started wait=7"]);
}

/// Its producer looked at its clock before Vigie listened, and Redis took it after that.
#[tokio::test]
async fn a_job_for_later_is_enqueued_when_its_announcement_was_heard() {
    let mut play = Play::new();
    let due = at_zero() + 999;
    let hash = JobHash { delay: 1.0, ..job("mail", -1) };
    let failed = JobHash { attempts_made: 1, ..hash.clone() };
    play.hear(1, "delayed", &due.to_string());
    let jobs = [("5", hash), ("4096", failed)];
    assert_eq!(play.told(&jobs, &[(due, &["5", "4096"])]).await, ["mail enqueued"]);
}

#[tokio::test]
async fn jobs_that_were_there_before_are_not_enqueued() {
    let mut play = Play::new();
    let delayed = JobHash { delay: 60.0, ..job("mail", -59_000) };
    let retried = JobHash { retried: true, ..job("mail", 10) };
    let failed = JobHash { attempts_made: 1, ..job("mail", -10) };
    play.hear(1_000, "waiting@w", "1").hear(1_000, "waiting@w", "2").hear(1_000, "waiting@w", "3");
    let jobs = [("1", delayed), ("2", retried), ("3", failed)];
    assert!(play.told(&jobs, &[]).await.is_empty());
    // Its hash was read when it had ended well, after a failure before Vigie came: Bull counts failures alone.
    let again = JobHash { attempts_made: 1, finished_on: Some(at(1_040)), ..job("mail", -10) };
    play.hear(1_010, "waiting@w", "5").hear(1_011, "active@w", "5");
    play.hear(1_041, "completed", r#"{"jobId":"5","val":"null"}"#);
    assert_eq!(play.told(&[("5", again)], &[]).await[0], "mail started wait=1");
    // Seen first when it starts: its own times tell how long it has waited.
    let old = JobHash { processed_on: Some(at(2_000)), ..job("mail", -500) };
    play.hear(2_001, "active@w", "4");
    assert_eq!(play.told(&[("4", old)], &[]).await, ["mail started wait=2500"]);
}

/// Added between Redis' answer to the subscription and Vigie's reading of it, on a busy machine.
#[tokio::test]
async fn a_job_that_failed_before_its_hash_was_read_is_new_where_all_its_failures_were_heard() {
    let failed = JobHash { attempts_made: 1, ..job("mail", -1) };
    // The failure was heard, then the hash read.
    let mut play = Play::new();
    play.hear(0, "waiting@p", "7").hear(1, "active@w", "7").hear(3, "active@w", "7");
    let told = play.told(&[("7", failed.clone())], &[]).await;
    assert_eq!(told[0], "mail enqueued");
    // One that had failed before it was heard is not.
    play.hear(50, "waiting@w", "9").hear(51, "active@w", "9").hear(53, "active@w", "9");
    let twice = JobHash { attempts_made: 2, ..failed };
    let told = play.told(&[("9", twice)], &[]).await;
    assert_eq!(told[0], "mail started wait=1");
}

#[tokio::test]
async fn names_and_queues_over_the_top() {
    let mut play = Play::new();
    let long = "x".repeat(64 * 1024);
    let channel = format!("bull:<script>\"\n{long}:waiting@p");
    let heard = decode(channel.as_bytes(), b"1").unwrap();
    play.follower.hear(heard, at(0), &mut play.stage.shared.lock());
    let (_, batches) = play.answer(&[("1", job(&long, 0))], &[]).await;
    assert!(batches[0].queue.name.as_str().starts_with("<script>"));
    assert!(batches[0].queue.name.as_str().len() <= 256);
    let id: JobId = b"1".to_vec().into();
    assert_eq!(play.stage.shared.lock().tracker.stage(&base(QUEUE), &id), None);
}

#[test]
fn a_paused_queue_keeps_its_jobs_in_another_list() {
    let mut plan = Plan::default();
    Bull::ask(b"bull:pausedq", &Seen::default(), &mut plan);
    assert_eq!(plan.len(), 6, "an idle queue costs 6 commands, and one more when it is empty");
    let text = |text: &str| Ok(Value::BulkString(text.as_bytes().to_vec()));
    let answers = vec![
        Ok(Value::Int(0)),
        Ok(Value::Int(0)),
        Ok(Value::Int(1)),
        Err(crate::source::ReplyError::WrongType),
        Ok(Value::Int(0)),
        text("1"),
    ];
    let mut seen = Bull::read(&Seen::default(), &mut Replies::new(answers));
    assert!(seen.paused && seen.present);
    assert_eq!((seen.counts.waiting, seen.counts.scheduled), (Some(0), Some(1)));
    assert_eq!(seen.counts.completed, None, "a key of another type is no count");
    let mut plan = Plan::default();
    Bull::ask_more(b"bull:pausedq", &Seen::default(), &seen, &mut plan);
    let asked: Vec<Vec<u8>> = plan.into_commands().into_iter().map(|(key, _)| key).collect();
    assert_eq!(asked, [b"bull:pausedq:paused".to_vec()]);
    Bull::read_more(&Seen::default(), &mut seen, &mut Replies::new(vec![Ok(Value::Int(2))]));
    assert_eq!(seen.counts.waiting, Some(2));
    let mut plan = Plan::default();
    Bull::ask(b"bull:pausedq", &seen, &mut plan);
    assert_eq!(plan.len(), 8, "its length and its right end");
    let gone = (0..5).map(|_| Ok(Value::Int(0))).chain([Ok(Value::Nil)]).collect();
    let mut seen = Bull::read(&Seen::default(), &mut Replies::new(gone));
    assert!(!seen.present);
    // n8n, idle: its counter is all there is.
    Bull::read_more(&Seen::default(), &mut seen, &mut Replies::new(vec![text("3")]));
    assert!(seen.present);
}

proptest! {
    #[test]
    fn any_message_is_read_without_panic(
        channel in proptest::collection::vec(any::<u8>(), 0..60),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        event in prop::sample::select(vec!["waiting@", "active@a", "completed", "failed", "delayed", "stalled@", "drained"]),
    ) {
        let _ = decode(&channel, &payload);
        let channel = [&b"bull:q:"[..], event.as_bytes()].concat();
        let _ = decode(&channel, &payload);
    }

    #[test]
    fn any_order_of_messages_is_followed(
        steps in proptest::collection::vec((0u8..7, 0u8..5, 0i64..3), 0..200)
    ) {
        let mut play = Play::new();
        let mut now = 0;
        for (event, id, pause) in steps {
            now += pause;
            let (id, due) = (id.to_string(), (at_zero() + now).to_string());
            let json = format!(r#"{{"jobId":"{id}"}}"#);
            let (event, payload) = match event {
                0 => ("waiting@p", &id),
                1 => ("active@w", &id),
                2 => ("completed", &json),
                3 => ("failed", &json),
                4 => ("delayed", &due),
                5 => ("stalled@", &id),
                _ => ("active@x", &id),
            };
            play.hear(now, event, payload);
        }
        let _ = play.follower.questions(at(now));
    }
}
