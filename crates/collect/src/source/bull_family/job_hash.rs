//! What the hash of one job says. Only fields that carry no payload are read.

use redis::Value;
use serde::Deserialize;
use vigie_model::{Name, Time};

/// Longer options than this are not parsed: nothing that is looked for in them is that long.
const MAX_OPTIONS_BYTES: usize = 64 * 1024;

/// How long a failed job has to wait for its next attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Backoff {
    /// Always so many milliseconds.
    Fixed(f64),
    /// So many milliseconds · (2^attempts − 1), rounded (Bull).
    Exponential(f64),
}

impl Backoff {
    /// Seconds after this many failed attempts.
    pub fn seconds(self, failures: u32) -> f64 {
        match self {
            Self::Fixed(ms) => ms / 1e3,
            Self::Exponential(ms) => ((f64::from(failures).exp2() - 1.0) * ms).round() / 1e3,
        }
    }
}

/// A job as its hash describes it; times are on the clocks of whoever added it and of its workers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct JobHash {
    /// Its type.
    pub name: Option<Name>,
    /// When it was added.
    pub added: Option<Time>,
    /// Seconds after which it was to become eligible.
    pub delay: f64,
    /// After a failure it goes back to the waiting jobs at once, which Bull does without a word.
    pub retries_at_once: bool,
    /// How long it waits after a failure, if that is one of the library's own ways.
    pub backoff: Option<Backoff>,
    /// When its newest attempt started.
    pub processed_on: Option<Time>,
    /// When it ended for good.
    pub finished_on: Option<Time>,
    /// Attempts that ended (BullMQ counts a success too, Bull only failures).
    pub attempts_made: u32,
    /// Attempts that started; only BullMQ tells.
    pub attempts_started: Option<u32>,
    /// How often its worker vanished.
    pub stalled: u32,
    /// Somebody retried it by hand after it had ended.
    pub retried: bool,
    /// The name of the worker of its newest attempt; only BullMQ tells.
    pub worker: Option<Name>,
    /// The workflow that it executes; only of n8n.
    pub workflow: Option<String>,
}

/// The fields of a job's hash that both libraries have and that are read, and further ones.
macro_rules! job_fields {
    ($($more:literal),*) => {
        &["name", "timestamp", "opts", "processedOn", "finishedOn", "attemptsMade", $($more),*]
    };
}
pub(crate) use job_fields;

/// The fields of a job of n8n that are read: Bull's, and `data`, of which only the workflow's id is taken.
pub(crate) const WITH_DATA: &[&str] = job_fields!["stalledCounter", "retriedOn", "data"];

impl JobHash {
    /// From the values of `fields` in the order of `HMGET`; `None` when there is no such job (any more).
    pub fn decode(fields: &[&str], values: &[Value]) -> Option<Self> {
        let mut job = Self::default();
        let mut exists = false;
        for (field, value) in fields.iter().zip(values) {
            let Some(raw) = bytes_of(value) else { continue };
            exists = true;
            match *field {
                "name" => job.name = Some(Name::from_bytes(raw)),
                "timestamp" => job.added = millis(raw),
                "opts" => job.read_options(raw),
                "processedOn" => job.processed_on = millis(raw),
                "finishedOn" => job.finished_on = millis(raw),
                // BullMQ before 5 said attemptsMade, like Bull.
                "atm" | "attemptsMade" => job.attempts_made = job.attempts_made.max(small(raw)),
                "ats" => job.attempts_started = Some(small(raw)),
                "stc" | "stalledCounter" => job.stalled = small(raw),
                "retriedOn" => job.retried = true,
                "data" => job.workflow = workflow(raw),
                "pb" => job.worker = Some(Name::from_bytes(raw)),
                _ => {}
            }
        }
        exists.then_some(job)
    }

    fn read_options(&mut self, raw: &[u8]) {
        #[derive(Deserialize)]
        struct Options {
            delay: Option<serde_json::Value>,
            attempts: Option<serde_json::Value>,
            backoff: Option<serde_json::Value>,
        }
        if raw.len() > MAX_OPTIONS_BYTES {
            return;
        }
        let Ok(options) = serde_json::from_slice::<Options>(raw) else { return };
        let number = |value: Option<serde_json::Value>| value.and_then(|value| value.as_f64());
        self.delay = number(options.delay).filter(|delay| *delay > 0.0).unwrap_or(0.0) / 1_000.0;
        let kind = |backoff: &serde_json::Value| match backoff.get("type").map(|kind| kind.as_str())
        {
            None => backoff.as_f64().map(Backoff::Fixed),
            Some(Some("fixed")) => backoff.get("delay")?.as_f64().map(Backoff::Fixed),
            Some(Some("exponential")) => backoff.get("delay")?.as_f64().map(Backoff::Exponential),
            Some(_) => None,
        };
        let backoff = options.backoff.filter(|backoff| !backoff.is_null());
        self.backoff = backoff.as_ref().and_then(kind);
        let pauses = match (&backoff, self.backoff) {
            (_, Some(Backoff::Fixed(ms) | Backoff::Exponential(ms))) => ms > 0.0,
            // A way of the application's own: most pause, and one that does not is found out by the next start.
            (other, None) => other.is_some(),
        };
        self.retries_at_once =
            !pauses && number(options.attempts).is_some_and(|attempts| attempts > 1.0);
    }

    /// When it became eligible to run, as far as the hash tells: when it was added or its delay was over, and not
    /// before the attempt that it is retried after.
    pub fn eligible(&self) -> Option<Time> {
        let first = self.added? + self.delay;
        Some(self.processed_on.map_or(first, |started| first.max(started)))
    }

    /// Seconds from eligible to started, when the newest attempt is also the first: both times are then the
    /// library's own. Later attempts leave no trace of when they became eligible.
    pub fn first_wait(&self) -> Option<f64> {
        let first = match self.attempts_started {
            Some(started) => started <= 1,
            None => self.attempts_made == 0,
        };
        if !first || self.stalled > 0 || self.retried {
            return None;
        }
        Some(self.processed_on?.age(self.added? + self.delay))
    }

    /// Attempts that failed, as far as the broker counts them: it counts a success as an attempt too.
    pub fn failures(&self) -> u32 {
        self.attempts_made.saturating_sub(u32::from(self.finished_on.is_some()))
    }

    /// Seconds that the last attempt ran, once the job has ended.
    pub fn run(&self) -> Option<f64> {
        Some(self.finished_on?.age(self.processed_on?))
    }
}

/// The id in `{"workflowId":"…","executionId":"…",…}`. Everything else, the owner's name and address among it, is passed over.
fn workflow(raw: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Data {
        #[serde(rename = "workflowId")]
        workflow: String,
    }
    if raw.len() > MAX_OPTIONS_BYTES {
        return None;
    }
    let data: Data = serde_json::from_slice(raw).ok()?;
    (!data.workflow.is_empty()).then_some(data.workflow)
}

/// The text of an answer.
pub(crate) fn bytes_of(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// The texts of an answer that is a list of them.
pub(crate) fn texts_of(value: &Value) -> Vec<&[u8]> {
    match value {
        Value::Array(items) => items.iter().filter_map(bytes_of).collect(),
        _ => Vec::new(),
    }
}

/// A time from a decimal text of milliseconds, possibly with a fraction; `None` for what cannot be a time.
pub(crate) fn millis(raw: &[u8]) -> Option<Time> {
    let number: f64 = std::str::from_utf8(raw).ok()?.trim().parse().ok()?;
    // Until the year 9999: later "times" are something else.
    (0.0..253_402_300_800_000.0).contains(&number).then(|| Time::from_micros((number * 1e3) as i64))
}

fn small(raw: &[u8]) -> u32 {
    std::str::from_utf8(raw).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: [&str; 8] =
        ["name", "timestamp", "opts", "processedOn", "finishedOn", "ats", "atm", "pb"];

    fn values(texts: [Option<&str>; 8]) -> Vec<Value> {
        texts
            .map(|text| text.map_or(Value::Nil, |text| Value::BulkString(text.as_bytes().to_vec())))
            .to_vec()
    }

    #[test]
    fn a_finished_job_of_a_real_capture() {
        let opts = r#"{"attempts":3,"delay":50}"#;
        let raw = values([
            Some("ok"),
            Some("1795442619978"),
            Some(opts),
            Some("1795442621899"),
            Some("1795442622060"),
            Some("1"),
            Some("1"),
            Some("w-6038"),
        ]);
        let job = JobHash::decode(&FIELDS, &raw).unwrap();
        assert_eq!(job.name.as_ref().unwrap().as_str(), "ok");
        assert!(job.retries_at_once);
        assert!((job.first_wait().unwrap() - 1.871).abs() < 1e-9);
        assert!((job.run().unwrap() - 0.161).abs() < 1e-9);
    }

    #[test]
    fn later_attempts_have_no_first_wait_and_absent_jobs_are_none() {
        let raw = values([
            None,
            Some("1795442619978"),
            None,
            Some("1795442621899"),
            None,
            Some("2"),
            None,
            None,
        ]);
        let job = JobHash::decode(&FIELDS, &raw).unwrap();
        assert_eq!(job.first_wait(), None);
        assert_eq!(job.eligible(), Some(Time::from_millis(1_795_442_621_899)));
        assert_eq!(JobHash::decode(&FIELDS, &values([None; 8])), None);
    }

    #[test]
    fn backoffs_are_those_of_the_library() {
        let read = |options: &str| {
            let mut job = JobHash::default();
            job.read_options(options.as_bytes());
            (job.retries_at_once, job.backoff.map(|backoff| backoff.seconds(2)))
        };
        assert_eq!(
            read(r#"{"attempts":3,"backoff":{"type":"exponential","delay":600}}"#),
            (false, Some(1.8))
        );
        assert_eq!(
            read(r#"{"attempts":3,"backoff":{"type":"fixed","delay":600}}"#),
            (false, Some(0.6))
        );
        assert_eq!(read(r#"{"attempts":3,"backoff":200}"#), (false, Some(0.2)));
        assert_eq!(read(r#"{"attempts":3,"backoff":{"type":"mine"}}"#), (false, None));
        assert_eq!(read(r#"{"attempts":3}"#), (true, None));
        assert_eq!(read(r#"{"attempts":3,"backoff":0}"#), (true, Some(0.0)));
        assert_eq!(read(r#"{"attempts":1,"backoff":null}"#), (false, None));
        assert_eq!(read("[]"), (false, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            for field in FIELDS {
                let _ = JobHash::decode(&[field], &[Value::BulkString(raw.clone())]);
            }
            let _ = millis(&raw);
        }
    }
}
