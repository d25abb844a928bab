//! Vigie's answer beside what really happened.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use vigie_testkit::{Ledger, LedgerAttempt, duration_tolerance, rate_agrees};

use crate::scene::{Status, seconds, totals};
use crate::truth::{Bounds, Counts, Heard, How, Truth};

/// Sums over the types.
pub fn by_queue(counts: &Counts) -> BTreeMap<&str, (u64, u64, u64)> {
    let mut sums: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for ((queue, _), (enqueued, succeeded, failed)) in counts {
        let sum = sums.entry(queue).or_default();
        *sum = (sum.0 + enqueued, sum.1 + succeeded, sum.2 + failed);
    }
    sums
}

/// The totals of each queue, and what succeeded and failed of each type, are these.
pub fn equal(status: &Status, kind: &str, real: &Counts) {
    let sums = by_queue(real);
    println!("{kind}: enqueued, succeeded, failed: {sums:?}");
    assert_eq!(status.of(kind).len(), sums.len(), "{kind}: all queues and no others");
    for (name, sum) in &sums {
        assert_eq!(
            totals(status.queue(kind, name)),
            *sum,
            "{kind} {name}: enqueued, succeeded, failed"
        );
    }
    let mut types = BTreeMap::new();
    for queue in status.of(kind) {
        for one in queue["types"].as_array().unwrap() {
            let key = (text(&queue["queue"]), text(&one["type"]));
            types
                .insert(key, (one["succeeded"].as_u64().unwrap(), one["failed"].as_u64().unwrap()));
        }
    }
    let real: BTreeMap<_, _> =
        real.iter().map(|(key, own)| (key.clone(), (own.1, own.2))).collect();
    assert_eq!(types, real, "{kind}: succeeded and failed of each type");
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What listening adds to 1 ms or 1 %, in ms.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// To the mean and the median.
    middle: f64,
    /// To what a few attempts decide: the least, the greatest, and the percentiles near it.
    extreme: f64,
}

impl Listening {
    /// The broker writes down the time itself.
    pub const EXACT: Self = Self { middle: 0.0, extreme: 0.0 };

    /// As a listener of the test's own was off: 19 of 20 attempts by less than `middle`.
    pub fn measured(truth: &Truth) -> Self {
        let jitter = truth.jitter();
        println!("a listener is off by, in ms: {:.3?}", jitter.figures());
        Self { middle: jitter.quantile(0.95), extreme: jitter.quantile(1.0) }
    }
}

/// Which figure came nearest to what is allowed, and how near.
#[derive(Default)]
pub struct Worst(f64, String);

impl Worst {
    pub fn see(&mut self, other: Self) {
        if other.0 > self.0 {
            *self = other;
        }
    }

    pub fn print(&self, kind: &str) {
        let Self(share, words) = self;
        println!(
            "{kind}: the figure nearest to its tolerance: {words} ({:.0} % of it)",
            share * 100.0
        );
    }
}

/// A queue, and each of its types by name.
pub fn with_types(queue: &Value) -> impl Iterator<Item = (Option<&str>, &Value)> {
    let types = queue["types"].as_array().unwrap().iter();
    std::iter::once((None, queue)).chain(types.map(|one| (one["type"].as_str(), one)))
}

/// The durations of each queue and of each type are those of the broker, as far as they were heard of.
pub fn durations(
    status: &Status,
    kind: &str,
    truth: &Truth,
    listening: Listening,
    heard: (usize, usize),
) {
    let mut worst = Worst::default();
    for queue in status.of(kind) {
        let name = queue["queue"].as_str().unwrap();
        for (job_type, seen) in with_types(queue) {
            let what = format!("{kind} {name}/{}", job_type.unwrap_or("all"));
            let [waits, runs] = truth.durations(name, job_type, heard);
            worst.see(some_of(&format!("{what} wait"), &seen["wait"], &waits, listening));
            worst.see(some_of(&format!("{what} run"), &seen["run"], &runs, listening));
        }
    }
    worst.print(kind);
}

/// Checks figures of which some durations may be a part.
pub fn some_of(what: &str, seen: &Value, heard: &Heard, listening: Listening) -> Worst {
    let count = seen["count"].as_u64().unwrap() as usize;
    let (whole, part) = (heard.whole.longest.count(), heard.part.longest.count());
    if part > 0 {
        println!("{what}: {count} durations of {whole} heard whole and {part} others");
    }
    let real = heard.of_so_many(count).unwrap_or_else(|| {
        panic!("{what}: {count} durations for {whole} heard whole and {part} others")
    });
    figures(what, seen, &real, listening)
}

/// How long the workers' SDK says each attempt of a job ran, in ms.
pub type Records = HashMap<(String, u32), f64>;

/// Everything that the SDK of the process at this port has recorded.
pub fn records(port: u16) -> Records {
    let answer = vigie_testkit::http_get(port, "/api/v1/jobs?limit=10000").unwrap();
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&page["gap"], &page["more"]), (&false.into(), &false.into()), "{}", answer.body);
    let record = |one: &Value| {
        let attempt = one["attempt"].as_u64().unwrap() as u32;
        ((text(&one["id"]), attempt), one["run_seconds"].as_f64().unwrap() * 1e3)
    };
    page["jobs"].as_array().unwrap().iter().map(record).collect()
}

/// asynq's workers wait so long before a retry in the ledger mode of the examples, and asynq counts in whole seconds.
const RETRY_DELAY: f64 = 1_000.0;
/// From the end of a handler to asynq's question when the retry is to be, on a busy machine.
const ASKED_WITHIN: f64 = 25.0;

/// From when on a task could run that was to wait so long from `now` on, as asynq keeps it: in whole seconds, and not before now.
fn eligible(now: f64, delay: f64) -> f64 {
    if delay > 0.0 { now.max(((now + delay) / 1e3).floor() * 1e3) } else { now }
}

/// The shortest and the longest wait that an attempt can have had, by the ledger alone: between its enqueue and that one's answer it could
/// run, or so long after its last failure. A retry counts where it runs in the process of the attempt before it, for nobody else knows
/// when it was due.
fn wait_of(attempt: &LedgerAttempt, ledger: &Ledger) -> Option<(f64, f64)> {
    let (earliest, latest) = match attempt.attempt {
        1 => {
            let put = ledger.enqueues.iter().find(|one| one.job == attempt.job)?;
            let (delay, took) = (put.delay_ms.unwrap_or(0.0), put.took_ms.unwrap_or(0.0));
            (eligible(put.t, delay), eligible(put.t + took, delay))
        }
        number => {
            let mut attempts = ledger.attempts.iter();
            let before =
                attempts.find(|one| one.job == attempt.job && one.attempt == number - 1)?;
            let end = before.finish.filter(|_| before.pid == attempt.pid)?.0;
            (eligible(end, RETRY_DELAY), eligible(end + ASKED_WITHIN, RETRY_DELAY))
        }
    };
    Some(((attempt.start - latest).max(0.0), (attempt.start - earliest).max(0.0)))
}

/// From a handler's end until Redis has counted it, on a busy machine, in ms: of what ended so shortly before or after Vigie's first look, the
/// ledger cannot say on which side of it that was.
const LOOKING: f64 = 500.0;

/// The attempts of each type, their waits and their runs are those of the ledger that ended since Vigie first looked at their queue (Unix
/// milliseconds); a run lies between that of the handler, which the ledger has, and that of the worker's record, which has the way there and back in it.
pub fn told(status: &Status, records: &Records, ledger: &Ledger, looked: impl Fn(&str) -> f64) {
    let mut worst = Worst::default();
    for queue in status.of("asynq") {
        let name = queue["queue"].as_str().unwrap();
        let looked = looked(name);
        for (job_type, seen) in with_types(queue) {
            let mut ended = [[0, 0], [0, 0]];
            let mut heard = [(); 2].map(|()| (Vec::new(), Vec::new()));
            for one in &ledger.attempts {
                let own = one.queue == name && job_type.is_none_or(|of| one.job_type == of);
                let Some((finish, well)) = one.finish.filter(|_| own) else { continue };
                let whole = finish >= looked + LOOKING;
                if finish < looked - LOOKING {
                    continue;
                }
                ended[usize::from(!whole)][usize::from(!well)] += 1;
                let run = (finish - one.start, records[&(one.job.clone(), one.attempt)]);
                for ((surely, perhaps), pair) in
                    heard.iter_mut().zip([wait_of(one, ledger), Some(run)])
                {
                    if whole { surely } else { perhaps }.extend(pair);
                }
            }
            let what = format!("asynq {name}/{}", job_type.unwrap_or("all"));
            let counted = job_type.map_or(&seen["totals"], |_| seen);
            for (outcome, name) in ["succeeded", "failed"].into_iter().enumerate() {
                let (least, perhaps) = (ended[0][outcome], ended[1][outcome]);
                let count = counted[name].as_u64().unwrap();
                assert!((least..=least + perhaps).contains(&count), "{what} {name}: {seen}");
            }
            let heard = heard.map(|(surely, perhaps)| Heard {
                whole: Bounds::new(surely),
                part: Bounds::new(perhaps),
            });
            for (heard, of) in heard.iter().zip(["wait", "run"]) {
                worst.see(some_of(&format!("{what} {of}"), &seen[of], heard, Listening::EXACT));
            }
        }
    }
    worst.print("asynq");
}

/// Checks all figures of some durations; tells which came nearest to what is allowed, and how near.
fn figures(what: &str, seen: &Value, real: &Bounds, listening: Listening) -> Worst {
    assert_eq!(seen["count"].as_u64().unwrap() as usize, real.longest.count(), "{what}: count");
    let mut worst = Worst::default();
    if real.longest.count() == 0 {
        return worst;
    }
    for ((name, least), (_, most)) in
        real.shortest.figures().into_iter().zip(real.longest.figures())
    {
        let ours =
            seen[name].as_f64().unwrap_or_else(|| panic!("{what}: no {name} in {seen}")) * 1e3;
        let extra =
            if !matches!(name, "avg" | "p50") { listening.extreme } else { listening.middle };
        let allowed = duration_tolerance(most) + extra;
        let off = (least - ours).max(ours - most).max(0.0);
        let words = format!("{what} {name}: {ours:.3} ms for {least:.3} to {most:.3} ms");
        // Vigie's answer is in whole microseconds.
        assert!(off <= allowed + 0.001, "{words}; {allowed:.3} off is allowed: {seen}");
        worst.see(Worst(off / allowed, words));
    }
    worst
}

/// How the totals and the durations of each queue of a broker are marked.
pub fn quality(status: &Status, kind: &str, of_totals: &str, of_durations: &[&str]) {
    for queue in status.of(kind) {
        assert_eq!(queue["totals"]["quality"], of_totals, "{queue}");
        let types = queue["types"].as_array().unwrap().iter().map(|one| &one["run"]);
        for durations in [&queue["wait"], &queue["run"]].into_iter().chain(types) {
            let quality = durations["quality"].as_str().unwrap();
            assert!(of_durations.contains(&quality), "{quality}, not {of_durations:?}: {queue}");
        }
    }
}

/// Rates of the last minute, or since watching began, are those of what happened in the same seconds: `real` says what did between two
/// times in Unix milliseconds, at least and at most.
pub fn rates(status: &Status, kind: &str, real: impl Fn(f64, f64) -> (Counts, Counts)) {
    for queue in status.of(kind) {
        let name = queue["queue"].as_str().unwrap();
        let to = status.at().floor();
        let from = (to - 60.0).max(seconds(&queue["totals"]["since"]).floor() + 1.0);
        let (least, most) = real(from * 1e3, to * 1e3);
        let sums = |counts| {
            let (enqueued, succeeded, failed) =
                by_queue(counts).get(name).copied().unwrap_or_default();
            [enqueued, succeeded + failed, failed].map(|count| count as f64 / (to - from))
        };
        let (least, most) = (sums(&least), sums(&most));
        for (place, what) in ["enqueued", "processed", "failed"].into_iter().enumerate() {
            let (seen, least, most) =
                (queue["rates"][what].as_f64().unwrap(), least[place], most[place]);
            println!(
                "{kind} {name}: {what} {seen:.4}/s, really {least:.4} to {most:.4}/s in {:.0} s",
                to - from
            );
            // One event may fall on the other side of the edge of a second.
            let edge = 1.000_001 / (to - from);
            let nearest = seen.clamp(least, most);
            assert!(
                rate_agrees(seen, nearest) || (seen - nearest).abs() <= edge,
                "{kind} {name}: {what} {seen} for {least} to {most}"
            );
        }
    }
}

/// What happened between two times, by the ledger.
pub fn by_ledger(ledger: &Ledger) -> impl Fn(f64, f64) -> (Counts, Counts) {
    |from, to| {
        let counts = ledger.between(from, to).counts();
        (counts.clone(), counts)
    }
}

/// What was sampled of asynq's types really happened: names are real, and nothing is counted that was not there.
pub fn samples(status: &Status, ledger: &Ledger) {
    let real = ledger.counts();
    let mut seen = 0;
    for queue in status.of("asynq") {
        for one in queue["types"].as_array().unwrap() {
            let own = real.get(&(text(&queue["queue"]), text(&one["type"]))).expect("a real type");
            let (succeeded, failed) =
                (one["succeeded"].as_u64().unwrap(), one["failed"].as_u64().unwrap());
            assert!(succeeded <= own.1 && failed <= own.2, "{one}: {own:?}");
            seen += succeeded + failed;
        }
    }
    println!("asynq: {seen} of {} attempts were sampled", ledger.attempts.len());
    assert!(seen > 0, "some tasks are followed");
}

/// The tape agrees with a ledger of which a worker was killed: `examples/README.md` says what follows.
pub fn with_interrupted(truth: &Truth, ledger: &Ledger) {
    let ended = |how: How| {
        truth.attempts.iter().filter(|one| one.end.is_some_and(|end| end.how == how)).count()
    };
    let stalled = ended(How::Stalled);
    println!(
        "interrupted attempts: {} in the ledger, {stalled} noticed by the broker",
        ledger.interrupted()
    );
    assert!(ledger.interrupted() > 0, "the killed worker was busy");
    // A worker may also be killed just before its handler begins, or after it ended and before it said so.
    let unsaid = stalled - ledger.interrupted();
    let over = (ledger.finished(true) + ledger.finished(false))
        - (ended(How::Succeeded) + ended(How::Failed) + ended(How::Retried));
    assert!(
        over <= unsaid && unsaid <= 2,
        "{over} finishes were not heard, {unsaid} stalls have a finish or no start"
    );
}
