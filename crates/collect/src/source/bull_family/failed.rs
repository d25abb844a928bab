//! The failed jobs of a queue: those that are kept because they failed for good, and those that wait for their next attempt
//! among all that waits or is for later.

use serde::Deserialize;
use vigie_model::{FailedJob, FailedState, Time};

use super::base::{Base, job_key, key};
use super::job_hash::{JobHash, bytes_of, job_fields};
use crate::source::{FailedEntry, FailedFields, FailedPlace, FailedRead, MixedPlace};

/// ZSET of the ids of jobs that failed for good, by when, in milliseconds.
const FAILED: &str = "failed";
/// ZSET of the ids of jobs that are for later, by when they are due, in milliseconds · 4096, with something in the lower bits.
const DELAYED: &str = "delayed";
const MILLISECOND: f64 = 4_096.0;
/// ZSET of the ids of waiting jobs with a priority (BullMQ).
const PRIORITIZED: &str = "prioritized";
/// LISTs of the ids of waiting jobs, what was added last first; one of them while the queue is paused.
const WAITING: [&str; 2] = ["wait", "paused"];
/// What is read of each; never `data` and `returnvalue`.
const FIELDS: &[&str] =
    job_fields!["atm", "ats", "stc", "pb", "stalledCounter", "retriedOn", "delay", "failedReason"];
const LONG: &[&str] = &["name", "opts", "failedReason"];

/// Where those of the queue with this key prefix are.
pub(crate) fn place(base: &Base) -> FailedPlace {
    let jobs = base.clone();
    FailedPlace {
        lists: vec![(key(base, FAILED), FailedState::Failed)],
        mixed: Some(MixedPlace {
            sets: [DELAYED, PRIORITIZED].map(|name| key(base, name)).into(),
            lists: WAITING.map(|name| key(base, name)).into(),
            attempts: &["atm", "attemptsMade"],
        }),
        key: Box::new(move |id| job_key(&jobs, id)),
        fields: FIELDS,
        long: LONG,
        decode,
    }
}

fn decode(entry: &FailedEntry, read: &FailedFields<'_>) -> Option<FailedRead> {
    let hash = JobHash::decode(read.names, read.values)?;
    let value = |wanted: &str| {
        let found = read.names.iter().zip(read.values).find(|(name, _)| **name == wanted);
        found.and_then(|(_, value)| bytes_of(value))
    };
    let options = value("opts").map(Options::read).unwrap_or_default();
    // Bull counts failures alone, and this one is among them already.
    let before = JobHash { attempts_made: hash.attempts_made.saturating_sub(1), ..hash.clone() };
    let delay = value("delay").and_then(|raw| std::str::from_utf8(raw).ok()?.parse::<f64>().ok());
    let at = match entry.state {
        FailedState::Failed => hash.finished_on.or(entry.score.map(millis)),
        FailedState::Retry => {
            entry.score.and_then(|due| failed_at(due / MILLISECOND, &hash, delay))
        }
    };
    let run = hash.run().or_else(|| {
        let started = hash.processed_on.filter(|_| entry.state == FailedState::Retry)?;
        at.map(|at| at.age(started))
    });
    let wait = before.first_wait();
    let job = FailedJob {
        at,
        attempt: Some(hash.attempts_made),
        attempts: options.attempts,
        error: value("failedReason").and_then(FailedJob::error_text),
        trace: options.trace(),
        job_type: hash.name,
        worker: hash.worker,
        wait,
        run,
        ..entry.job()
    };
    Some(FailedRead { by: at.or(hash.processed_on), job })
}

fn millis(millis: f64) -> Time {
    Time::from_micros((millis * 1e3) as i64)
}

/// When the attempt failed after which a job is due at `due`, in milliseconds. BullMQ keeps its `delay`, in milliseconds; of Bull
/// it is known where the pause is one of its own ways.
fn failed_at(due: f64, hash: &JobHash, delay: Option<f64>) -> Option<Time> {
    let pause = match hash.attempts_started {
        Some(_) => delay?,
        None => hash.backoff?.seconds(hash.attempts_made) * 1e3,
    };
    // The lower bits of the score are no time.
    let at = millis(due.floor() - pause);
    hash.processed_on.is_none_or(|started| at >= started).then_some(at)
}

/// What of a job's options is told; everything else, and what has another shape, is passed over.
#[derive(Debug, Default)]
struct Options {
    attempts: Option<u32>,
    /// What the producer's telemetry gave it on its way: JSON with a `traceparent` (BullMQ).
    telemetry: Option<String>,
}

impl Options {
    fn read(raw: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Raw {
            attempts: Option<serde_json::Value>,
            tm: Option<serde_json::Value>,
        }
        let Ok(raw) = serde_json::from_slice::<Raw>(raw) else { return Self::default() };
        let attempts = raw.attempts.and_then(|value| value.as_u64());
        Self {
            // Without any, there is one.
            attempts: Some(
                attempts.map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX).max(1)),
            ),
            telemetry: raw.tm.and_then(|value| value.as_str().map(str::to_owned)),
        }
    }

    fn trace(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Context {
            traceparent: String,
        }
        let context: Context = serde_json::from_str(self.telemetry.as_deref()?).ok()?;
        FailedJob::trace_of(&context.traceparent)
    }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn entry() -> FailedEntry {
        FailedEntry {
            id: b"17".to_vec(),
            score: Some(1_795_442_622_060.0),
            state: FailedState::Failed,
        }
    }

    fn read(pairs: &[(&'static str, &str)]) -> Option<FailedJob> {
        let names: Vec<&'static str> = pairs.iter().map(|(name, _)| *name).collect();
        let values: Vec<Value> =
            pairs.iter().map(|(_, text)| Value::BulkString(text.as_bytes().to_vec())).collect();
        decode(&entry(), &FailedFields { names: &names, values: &values }).map(|read| read.job)
    }

    #[test]
    fn a_job_tells_what_it_failed_of_and_how_long_it_took() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let options = format!(
            r#"{{"attempts":3,"tm":"{{\"traceparent\":\"00-{trace}-00f067aa0ba902b7-01\"}}"}}"#
        );
        let job = read(&[
            ("name", "send"),
            ("timestamp", "1795442619978"),
            ("opts", &options),
            ("processedOn", "1795442621899"),
            ("finishedOn", "1795442622060"),
            ("ats", "1"),
            ("atm", "1"),
            ("pb", "w-1"),
            ("failedReason", "no such <b>user</b>"),
        ])
        .unwrap();
        assert_eq!(job.error.as_deref(), Some("no such <b>user</b>"));
        assert_eq!((job.attempt, job.attempts), (Some(1), Some(3)));
        assert_eq!(job.trace.as_deref(), Some(trace));
        assert_eq!(job.at, Some(Time::from_millis(1_795_442_622_060)));
        assert!(
            (job.wait.unwrap() - 1.921).abs() < 1e-9 && (job.run.unwrap() - 0.161).abs() < 1e-9
        );
        assert_eq!(job.worker.unwrap().as_str(), "w-1");
    }

    #[test]
    fn when_an_attempt_failed_after_which_another_waits_is_told_where_it_can_be() {
        let due = 1_795_442_630_000.0_f64;
        let entry =
            FailedEntry { score: Some(due * 4_096.0 + 17.0), state: FailedState::Retry, ..entry() };
        let read = |pairs: &[(&'static str, &str)]| {
            let names: Vec<&'static str> = pairs.iter().map(|(name, _)| *name).collect();
            let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
            let values: Vec<Value> = pairs.iter().map(|(_, value)| text(value)).collect();
            decode(&entry, &FailedFields { names: &names, values: &values }).unwrap().job
        };
        let started = [("timestamp", "1795442619000"), ("processedOn", "1795442619500")];
        // BullMQ says how long it waits.
        let job = read(&[&started[..], &[("ats", "1"), ("atm", "1"), ("delay", "10000")]].concat());
        assert_eq!(job.at, Some(Time::from_millis(1_795_442_620_000)));
        assert_eq!((job.run, job.wait, job.attempt), (Some(0.5), Some(0.5), Some(1)));
        assert_eq!(job.state, FailedState::Retry);
        // Bull does not: 4 s · (2² − 1) after the second attempt.
        let options = r#"{"attempts":5,"backoff":{"type":"exponential","delay":4000}}"#;
        let two = [("attemptsMade", "2"), ("opts", options), ("delay", "7")];
        let at = Some(Time::from_millis(1_795_442_618_000));
        assert_eq!(read(&two).at, at);
        assert_eq!(
            read(&[&started[..], &two[..]].concat()).at,
            None,
            "before its start: it waits for other reasons"
        );
        let own = [("attemptsMade", "1"), ("opts", r#"{"backoff":{"type":"mine"}}"#)];
        assert_eq!((read(&own).at, read(&own).run), (None, None));
    }

    #[test]
    fn the_wait_of_a_later_attempt_is_not_known() {
        let waits = |attempts: &str| {
            let times = [("timestamp", "1000"), ("processedOn", "1500"), ("finishedOn", "1600")];
            read(&[&times[..], &[("attemptsMade", attempts)]].concat()).unwrap().wait
        };
        assert_eq!((waits("1"), waits("2")), (Some(0.5), None));
    }

    #[test]
    fn what_is_not_said_is_absent_and_nonsense_is_passed_over() {
        assert!(decode(&entry(), &FailedFields { names: FIELDS, values: &[] }).is_none(), "gone");
        let job = read(&[("name", "send"), ("opts", "[")]).unwrap();
        assert_eq!((job.error, job.attempts, job.run, job.trace), (None, None, None, None));
        assert_eq!(job.at, Some(Time::from_millis(1_795_442_622_060)), "from its place");
        let job = read(&[("opts", r#"{"tm":"{\"traceparent\":7}","attempts":"x"}"#)]).unwrap();
        assert_eq!((job.attempts, job.trace), (Some(1), None));
    }
}
