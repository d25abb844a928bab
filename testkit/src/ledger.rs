//! What the example workloads say has really happened, and how closely a figure must agree with it.
//!
//! The format is that of `examples/README.md`: one file a process, one JSON line a fact. Times here are Unix
//! milliseconds, durations milliseconds.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

/// One line of a ledger.
#[derive(Debug, Clone, Deserialize)]
pub struct LedgerLine {
    /// When.
    pub t: f64,
    /// `enqueue`, `start` or `finish`.
    pub what: String,
    /// `asynq`, `bull` or `bullmq`.
    pub broker: String,
    /// The queue.
    pub queue: String,
    /// The job's type.
    #[serde(rename = "type")]
    pub job_type: String,
    /// The job's id.
    pub job: String,
    /// From 1; 0 for `enqueue`.
    pub attempt: u32,
    /// `succeeded` or `failed`, of a finish.
    pub outcome: Option<String>,
    /// Of an enqueue: how long the job has to wait before it may run.
    pub delay_ms: Option<f64>,
    /// Of an enqueue: the broker took the job between `t` and so much later.
    pub took_ms: Option<f64>,
    /// Who wrote it.
    pub pid: u32,
}

/// An attempt as its handler saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerAttempt {
    /// The queue.
    pub queue: String,
    /// The job's type.
    pub job_type: String,
    /// The job's id.
    pub job: String,
    /// From 1.
    pub attempt: u32,
    /// The process that it ran in.
    pub pid: u32,
    /// When the handler began.
    pub start: f64,
    /// When it ended, and whether well; `None`: its worker was killed.
    pub finish: Option<(f64, bool)>,
}

/// Everything that the processes of one broker wrote down.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The enqueues, by time.
    pub enqueues: Vec<LedgerLine>,
    /// The attempts, by the time of their start.
    pub attempts: Vec<LedgerAttempt>,
}

impl Ledger {
    /// Reads every file `*.jsonl` of a folder, and keeps what one broker's processes wrote. A last line without its
    /// end is still being written.
    ///
    /// # Panics
    /// When the folder or a line of it cannot be read, or a finish has no start.
    #[must_use]
    pub fn read(dir: &Path, broker: &str) -> Self {
        let files =
            std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut lines = Vec::new();
        for file in files {
            let path = file.expect("an entry of a folder").path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                lines.extend(lines_of(&text).filter(|line| line.broker == broker));
            }
        }
        Self::from_lines(lines)
    }

    fn from_lines(mut lines: Vec<LedgerLine>) -> Self {
        lines.sort_by(|one, two| one.t.total_cmp(&two.t));
        let mut ledger = Self::default();
        let mut running: HashMap<(u32, String, u32), usize> = HashMap::new();
        for line in lines {
            let key = (line.pid, line.job.clone(), line.attempt);
            match &*line.what {
                "enqueue" => ledger.enqueues.push(line),
                "start" => {
                    running.insert(key, ledger.attempts.len());
                    ledger.attempts.push(LedgerAttempt {
                        queue: line.queue,
                        job_type: line.job_type,
                        job: line.job,
                        attempt: line.attempt,
                        pid: line.pid,
                        start: line.t,
                        finish: None,
                    });
                }
                "finish" => {
                    let place =
                        running.remove(&key).unwrap_or_else(|| panic!("no start: {line:?}"));
                    let well = line.outcome.as_deref() == Some("succeeded");
                    ledger.attempts[place].finish = Some((line.t, well));
                }
                other => panic!("a ledger says {other:?}"),
            }
        }
        ledger
    }

    /// Attempts that ended as asked for: well or not.
    #[must_use]
    pub fn finished(&self, well: bool) -> usize {
        self.attempts.iter().filter(|one| one.finish.is_some_and(|finish| finish.1 == well)).count()
    }

    /// Attempts whose worker was killed.
    #[must_use]
    pub fn interrupted(&self) -> usize {
        self.attempts.iter().filter(|one| one.finish.is_none()).count()
    }

    /// What was enqueued and what ended from `from` until `to`, in Unix milliseconds.
    #[must_use]
    pub fn between(&self, from: f64, to: f64) -> Self {
        let within = |time: f64| (from..to).contains(&time);
        let ended = |one: &&LedgerAttempt| one.finish.is_some_and(|(time, _)| within(time));
        Self {
            enqueues: self.enqueues.iter().filter(|one| within(one.t)).cloned().collect(),
            attempts: self.attempts.iter().filter(ended).cloned().collect(),
        }
    }

    /// Enqueued, succeeded and failed attempts by queue and type.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(String, String), (u64, u64, u64)> {
        let mut counts: BTreeMap<_, (u64, u64, u64)> = BTreeMap::new();
        for line in &self.enqueues {
            counts.entry((line.queue.clone(), line.job_type.clone())).or_default().0 += 1;
        }
        for attempt in &self.attempts {
            let own = counts.entry((attempt.queue.clone(), attempt.job_type.clone())).or_default();
            match attempt.finish {
                Some((_, true)) => own.1 += 1,
                Some((_, false)) => own.2 += 1,
                None => {}
            }
        }
        counts
    }
}

fn lines_of(text: &str) -> impl Iterator<Item = LedgerLine> {
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
}

/// Real durations in milliseconds, all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations(Vec<f64>);

impl Durations {
    /// Of these values.
    #[must_use]
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// These and those.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self::new([&self.0[..], &others.0].concat())
    }

    /// The `count` shortest; `None` if there are not so many.
    #[must_use]
    pub fn least(&self, count: usize) -> Option<Self> {
        Some(Self(self.0.get(..count)?.to_vec()))
    }

    /// The `count` longest; `None` if there are not so many.
    #[must_use]
    pub fn greatest(&self, count: usize) -> Option<Self> {
        Some(Self(self.0.get(self.0.len().checked_sub(count)?..)?.to_vec()))
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Their mean; 0 of none.
    #[must_use]
    pub fn avg(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// The one that a share `q` of all is at or below, by nearest rank; 0 of none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = ((q * self.0.len() as f64).ceil() as usize).clamp(1, self.0.len().max(1));
        self.0.get(rank - 1).copied().unwrap_or(0.0)
    }

    /// Every figure that Vigie shows of durations, by its name on the wire.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, f64); 6] {
        [
            ("avg", self.avg()),
            ("min", self.quantile(0.0)),
            ("max", self.quantile(1.0)),
            ("p50", self.quantile(0.5)),
            ("p95", self.quantile(0.95)),
            ("p99", self.quantile(0.99)),
        ]
    }
}

/// How far an exact duration may be off: 1 ms or 1 %.
#[must_use]
pub fn duration_tolerance(real_ms: f64) -> f64 {
    (real_ms * 0.01).max(1.0)
}

/// Whether a rate is within 2 %.
#[must_use]
pub fn rate_agrees(seen: f64, real: f64) -> bool {
    (seen - real).abs() <= real * 0.02
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_put_together_and_interrupted_ones_have_no_finish() {
        let text = r#"{"t":1.5,"what":"enqueue","broker":"bull","queue":"q","type":"a","job":"1","attempt":0,"took_ms":0.4,"pid":1}
{"t":2,"what":"start","broker":"bull","queue":"q","type":"a","job":"1","attempt":1,"pid":2}
{"t":5,"what":"start","broker":"bull","queue":"q","type":"a","job":"1","attempt":1,"pid":3}
{"t":9,"what":"finish","broker":"bull","queue":"q","type":"a","job":"1","attempt":1,"outcome":"failed","pid":3}
{"t":10,"what":"sta"#;
        let ledger = Ledger::from_lines(lines_of(text).collect());
        assert_eq!(ledger.attempts[0].finish, None);
        assert_eq!(ledger.attempts[1].finish, Some((9.0, false)));
        assert_eq!(
            (ledger.finished(true), ledger.finished(false), ledger.interrupted()),
            (0, 1, 1)
        );
        assert_eq!(ledger.counts()[&("q".into(), "a".into())], (1, 0, 1));
    }

    #[test]
    fn figures_are_by_nearest_rank() {
        let durations = Durations::new(vec![4.0, 1.0, 3.0, 2.0]);
        let [avg, min, max, p50, p95, _] = durations.figures().map(|(_, value)| value);
        assert_eq!((avg, min, max, p50, p95), (2.5, 1.0, 4.0, 2.0, 4.0));
        assert_eq!(Durations::default().quantile(0.5), 0.0);
    }

    #[test]
    fn tolerances_are_those_of_the_specification() {
        assert_eq!(duration_tolerance(20.0), 1.0);
        assert_eq!(duration_tolerance(500.0), 5.0);
        assert!(rate_agrees(10.2, 10.0) && !rate_agrees(10.21, 10.0));
    }
}
