//! Vigie's answer beside what happened since it listens again.

use vigie_testkit::Ledger;

use crate::ASYNQ;
use crate::checks::{by_queue, text};
use crate::scene::{Status, totals};
use crate::tape::{Entry, What};
use crate::truth::{Counts, Truth};

/// From the cut of the connection at `cut` (Unix milliseconds) until the place `listens` on the tape Vigie heard
/// nothing of Bull: it counts everything else and nothing that did not happen.
pub fn bull_between(status: &Status, entries: &[Entry], truth: &Truth, cut: f64, listens: usize) {
    // What was published just before the cut may not have arrived, and what was last may not be told yet.
    let before = |time: f64| entries.partition_point(|one| one.at < time);
    let (heard_until, told_until) = (before(cut - 500.0), before(status.at() * 1e3 - 2_000.0));
    let heard = |index| index < heard_until || (index >= listens && index < told_until);
    let least = truth.counts(heard, true);
    let mut most = truth.counts(|_| true, false);
    truth.add_unstarted(&mut most, |_| true, heard);
    between(status, &least, &most);
}

/// After a restart Bull's totals are those of what was published from then on. Vigie subscribes to one pattern
/// after the other: what is published from the first to the last of them may be heard or not.
pub fn bull_since(status: &Status, truth: &Truth, (begins, listens): (usize, usize)) {
    let least = truth.counts(|index| index >= listens, true);
    // Whose start was not heard may be found out all the same.
    let mut most = truth.counts(|index| index >= begins, false);
    truth.add_unstarted(&mut most, |index| index >= begins, |index| index >= listens);
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

/// What happened of what a restarted Vigie may have heard and must have heard of Bull, between two times.
pub fn heard_of_bull<'a>(
    truth: &'a Truth,
    entries: &'a [Entry],
    (begins, listens): (usize, usize),
) -> impl Fn(f64, f64) -> (Counts, Counts) + 'a {
    move |from, to| {
        let within = places(entries, from, to);
        let least = truth.counts(|index| index >= listens && within.contains(&index), true);
        let perhaps = |index| index >= begins && within.contains(&index);
        let mut most = truth.counts(perhaps, false);
        truth.add_unstarted(&mut most, perhaps, |index| index >= listens);
        (least, most)
    }
}

/// What BullMQ's streams say happened between two times.
pub fn in_streams<'a>(
    truth: &'a Truth,
    entries: &'a [Entry],
) -> impl Fn(f64, f64) -> (Counts, Counts) + 'a {
    |from, to| {
        let within = places(entries, from, to);
        let counts = truth.counts(|index| within.contains(&index), false);
        (counts.clone(), counts)
    }
}

/// The places between two times on a tape.
fn places(entries: &[Entry], from: f64, to: f64) -> std::ops::Range<usize> {
    let place = |time: f64| entries.partition_point(|one| one.at < time);
    place(from)..place(to)
}

/// The place on the tape where Vigie first looked at the counters of this queue after `restart`.
pub fn looked(entries: &[Entry], restart: usize, queue: &str) -> usize {
    let look = What::VigieCounts(queue.to_owned());
    let place = entries.iter().skip(restart).position(|one| one.what == look);
    restart + place.expect("vigie looks again")
}

/// asynq's totals are those of its counters from Vigie's first look at them on.
pub fn asynq_since(status: &Status, entries: &[Entry], restart: usize) {
    let mut all = 0;
    for name in ASYNQ {
        let looked = looked(entries, restart, name);
        let count = |what: fn(String) -> What| {
            let what = what(name.to_owned());
            entries.iter().skip(looked).filter(|one| one.what == what).count() as u64
        };
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
}

/// Of an asynq of which a worker was killed, the counters agree with the ledger.
pub fn asynq_with_interrupted(entries: &[Entry], ledger: &Ledger) {
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
