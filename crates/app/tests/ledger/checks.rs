//! Vigie's answer beside what really happened.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use vigie_testkit::{Durations, Ledger, duration_tolerance, rate_agrees};

use crate::ASYNQ;
use crate::scene::{Status, seconds, totals};
use crate::tape::{Entry, What};
use crate::truth::{Bounds, Counts, How, Truth};

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

fn text(value: &Value) -> String {
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

/// The durations of each queue and of each type are those of the broker.
pub fn durations(status: &Status, kind: &str, truth: &Truth, listening: Listening) {
    let mut worst = (0.0, String::new());
    for queue in status.of(kind) {
        let name = queue["queue"].as_str().unwrap();
        let (waits, runs) = truth.durations(name, None);
        let mut pairs = vec![
            (format!("{name} wait"), &queue["wait"], waits),
            (format!("{name} run"), &queue["run"], runs),
        ];
        for one in queue["types"].as_array().unwrap() {
            let job_type = one["type"].as_str().unwrap();
            let (waits, runs) = truth.durations(name, Some(job_type));
            pairs.push((format!("{name}/{job_type} wait"), &one["wait"], waits));
            pairs.push((format!("{name}/{job_type} run"), &one["run"], runs));
        }
        for (what, seen, real) in pairs {
            let share = figures(&format!("{kind} {what}"), seen, &real, listening);
            if share.0 > worst.0 {
                worst = share;
            }
        }
    }
    println!(
        "{kind}: the figure nearest to its tolerance: {} ({:.0} % of it)",
        worst.1,
        worst.0 * 100.0
    );
}

/// What a worker's SDK says of its jobs.
pub struct Record {
    pub queue: String,
    pub job_type: String,
    /// In ms.
    pub run: f64,
}

/// Everything that the SDK of the process at this port has recorded.
pub fn records(port: u16) -> Vec<Record> {
    let answer = vigie_testkit::http_get(port, "/api/v1/jobs?limit=10000").unwrap();
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&page["gap"], &page["more"]), (&false.into(), &false.into()), "{}", answer.body);
    let record = |one: &Value| Record {
        queue: text(&one["queue"]),
        job_type: text(&one["type"]),
        run: one["run_seconds"].as_f64().unwrap() * 1e3,
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

/// The shortest and the longest wait that each attempt of a queue and type can have had, by the ledger alone: between its enqueue and
/// that one's answer it could run, or so long after its last failure. A retry counts where it runs in the process of the attempt before it, for
/// nobody else knows when it was due.
fn waits(ledger: &Ledger, own: impl Fn(&str, &str) -> bool) -> Bounds {
    let enqueued: HashMap<&str, _> =
        ledger.enqueues.iter().map(|one| (one.job.as_str(), one)).collect();
    let mut attempts = HashMap::new();
    for one in &ledger.attempts {
        attempts.insert((one.job.as_str(), one.attempt), one);
    }
    let bounds = attempts.values().filter(|one| own(&one.queue, &one.job_type)).filter_map(|one| {
        let (earliest, latest) = match one.attempt {
            1 => {
                let put = enqueued[one.job.as_str()];
                let (delay, took) = (put.delay_ms.unwrap_or(0.0), put.took_ms.unwrap_or(0.0));
                (eligible(put.t, delay), eligible(put.t + took, delay))
            }
            _ => {
                let before = attempts[&(one.job.as_str(), one.attempt - 1)];
                let end = before.finish.filter(|_| before.pid == one.pid)?.0;
                (eligible(end, RETRY_DELAY), eligible(end + ASKED_WITHIN, RETRY_DELAY))
            }
        };
        Some(((one.start - latest).max(0.0), (one.start - earliest).max(0.0)))
    });
    let (shortest, longest) = bounds.unzip();
    Bounds { shortest: Durations::new(shortest), longest: Durations::new(longest) }
}

/// The waits of each queue and type are those of the ledger; and a run lies between that of the handler, which the ledger has, and that
/// of the worker's record, which has the way there and back in it.
pub fn told(status: &Status, records: &[Record], ledger: &Ledger) {
    let mut worst = (0.0, String::new());
    for queue in status.of("asynq") {
        let name = queue["queue"].as_str().unwrap();
        let types = queue["types"].as_array().unwrap().iter();
        let types = types.map(|one| (one["type"].as_str(), one));
        for (job_type, seen) in std::iter::once((None, queue)).chain(types) {
            let own = |queue: &str, one: &str| queue == name && job_type.is_none_or(|of| of == one);
            let of = || records.iter().filter(|one| own(&one.queue, &one.job_type));
            let handlers = ledger.attempts.iter().filter(|one| own(&one.queue, &one.job_type));
            let handlers = handlers.filter_map(|one| Some(one.finish?.0 - one.start)).collect();
            let runs = Durations::new(of().map(|one| one.run).collect());
            let handlers = Durations::new(handlers);
            assert_eq!(runs.count(), handlers.count(), "{name} {job_type:?}: records and ledger");
            let what = format!("asynq {name}/{}", job_type.unwrap_or("all"));
            let wait = waits(ledger, own);
            let run = Bounds { shortest: handlers, longest: runs };
            for (what, seen, real) in [
                (format!("{what} wait"), &seen["wait"], wait),
                (format!("{what} run"), &seen["run"], run),
            ] {
                let share = figures(&what, seen, &real, Listening::EXACT);
                if share.0 > worst.0 {
                    worst = share;
                }
            }
        }
    }
    println!(
        "asynq: the figure nearest to its tolerance: {} ({:.0} % of it)",
        worst.1,
        worst.0 * 100.0
    );
}

/// Checks all figures of some durations; tells which came nearest to what is allowed, and how near.
fn figures(what: &str, seen: &Value, real: &Bounds, listening: Listening) -> (f64, String) {
    assert_eq!(seen["count"].as_u64().unwrap() as usize, real.longest.count(), "{what}: count");
    let mut worst = (0.0, String::new());
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
        if off / allowed > worst.0 {
            worst = (off / allowed, words);
        }
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

/// Rates of the last minute, or since watching began, are those of the ledger over the same seconds.
pub fn rates(status: &Status, kind: &str, ledger: &Ledger) {
    for queue in status.of(kind) {
        let name = queue["queue"].as_str().unwrap();
        let to = status.at().floor();
        let from = (to - 60.0).max(seconds(&queue["totals"]["since"]).floor() + 1.0);
        let within = |t: f64| (from * 1e3..to * 1e3).contains(&t);
        let attempts =
            || ledger.attempts.iter().filter(|one| one.queue == name).filter_map(|one| one.finish);
        let real = [
            (
                "enqueued",
                ledger.enqueues.iter().filter(|one| one.queue == name && within(one.t)).count(),
            ),
            ("processed", attempts().filter(|(t, _)| within(*t)).count()),
            ("failed", attempts().filter(|(t, well)| within(*t) && !well).count()),
        ];
        for (what, count) in real {
            let (seen, real) = (queue["rates"][what].as_f64().unwrap(), count as f64 / (to - from));
            println!("{kind} {name}: {what} {seen:.4}/s, really {real:.4}/s in {:.0} s", to - from);
            // One event may fall on the other side of the edge of a second.
            let edge = 1.0 / (to - from);
            assert!(
                rate_agrees(seen, real) || (seen - real).abs() <= edge,
                "{kind} {name}: {what} {seen} for {real}"
            );
        }
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

/// From the cut of the connection at `cut` (Unix milliseconds) until the place `listens` on the tape Vigie heard
/// nothing of Bull: it counts everything else and nothing that did not happen.
pub fn bull_between(status: &Status, entries: &[Entry], truth: &Truth, cut: f64, listens: usize) {
    // What was published just before the cut may not have arrived, and what was last may not be told yet.
    let before = |time: f64| entries.partition_point(|one| one.at < time);
    let (heard_until, told_until) = (before(cut - 500.0), before(status.at() * 1e3 - 2_000.0));
    let heard = |index| index < heard_until || (index > listens && index < told_until);
    let least = truth.counts(heard, true);
    let mut most = truth.counts(|_| true, false);
    truth.add_unstarted(&mut most, |_| true, heard);
    between(status, &least, &most);
}

/// After a restart Bull's totals are those of what was published from then on. Vigie subscribes to one pattern
/// after the other: what is published from the first to the last of them may be heard or not.
pub fn bull_since(status: &Status, truth: &Truth, (begins, listens): (usize, usize)) {
    let least = truth.counts(|index| index > listens, true);
    // Whose start was not heard may be found out all the same.
    let mut most = truth.counts(|index| index > begins, false);
    truth.add_unstarted(&mut most, |index| index > begins, |index| index > listens);
    between(status, &least, &most);
    for queue in status.of("bull") {
        for one in queue["types"].as_array().unwrap() {
            let key = (text(&queue["queue"]), text(&one["type"]));
            let (least, most) = (least[&key], most[&key]);
            let count = |what: &str| one[what].as_u64().unwrap();
            assert!(
                (least.1..=most.1).contains(&count("succeeded")),
                "{one}: {least:?} to {most:?}"
            );
            assert!((least.2..=most.2).contains(&count("failed")), "{one}: {least:?} to {most:?}");
        }
    }
}

fn between(status: &Status, least: &Counts, most: &Counts) {
    let (least, most) = (by_queue(least), by_queue(most));
    for queue in status.of("bull") {
        let name = queue["queue"].as_str().unwrap();
        let (seen, least, most) = (totals(queue), least[name], most[name]);
        println!("bull {name}: {least:?} <= {seen:?} <= {most:?}");
        let between = |seen: u64, least: u64, most: u64| (least..=most).contains(&seen);
        assert!(between(seen.0, least.0, most.0), "{name}: enqueued {seen:?}");
        assert!(between(seen.1, least.1, most.1), "{name}: succeeded {seen:?}");
        assert!(between(seen.2, least.2, most.2), "{name}: failed {seen:?}");
    }
}

/// asynq's totals are those of its counters from Vigie's first look at them on.
pub fn asynq_since(status: &Status, entries: &[Entry], restart: usize, ledger: &Ledger) {
    let mut all = 0;
    for name in ASYNQ {
        let is = |what: fn(String) -> What| {
            let what = what(name.to_owned());
            move |one: &&Entry| one.what == what
        };
        let looked =
            entries.iter().skip(restart).position(|one| is(What::VigieCounts)(&one)).unwrap()
                + restart;
        let count = |what| entries.iter().skip(looked).filter(is(what)).count() as u64;
        let (processed, failed) = (count(What::AsynqProcessed), count(What::AsynqFailed));
        let real = (count(What::AsynqNew), processed - failed, failed);
        all += real.0 + processed;
        println!("asynq {name} since the restart: {real:?}");
        assert_eq!(
            totals(status.queue("asynq", name)),
            real,
            "asynq {name}: enqueued, succeeded, failed"
        );
    }
    assert!(all > 0, "something happened after the restart");
    let processed =
        entries.iter().filter(|one| matches!(one.what, What::AsynqProcessed(_))).count();
    let finished = ledger.finished(true) + ledger.finished(false);
    println!(
        "asynq: {finished} attempts finished, {processed} counted, {} interrupted",
        ledger.interrupted()
    );
    // A worker may be killed after a handler ended and before it said so.
    assert!((processed..=processed + 2).contains(&finished) && ledger.interrupted() > 0);
}
