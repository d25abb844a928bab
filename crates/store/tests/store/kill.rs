//! The store's process is killed at random moments; what it acknowledged is there afterwards, and nothing else.
//!
//! The test starts its own program again as the writer, which says on its standard output what was acknowledged.
//! `VIGIE_KILLS=200` makes it as many as issue 4 asks for.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vigie_store::{Sample, Store, StoreOptions};

use crate::support::*;

const WRITER: &str = "VIGIE_STORE_WRITER";
const SERIES: u64 = 40;
/// Milliseconds between two writes, in the store's time: heads are cut and blocks merged while it runs.
const STEP: i64 = 20 * SECOND;

/// Now and then a new folder: with a large one the writer is killed before it has read what is there.
const PER_FOLDER: u64 = 25;

/// What is written as the `n`th to a series: anybody can tell whether it is right.
fn value(n: u64, series: u64) -> f64 {
    match series % 4 {
        0 => (n * 7 + series) as f64,
        1 => (n % 1000) as f64 / 10.0,
        2 => f64::from_bits(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 << 62),
        _ => series as f64,
    }
}

fn options(dir: &Path) -> StoreOptions {
    // Small pieces, so that a kill meets every state of a job.
    let days = 10_000;
    StoreOptions { maintenance_samples: 2000, retention_ms: days * DAY, ..StoreOptions::new(dir) }
}

/// The other process: not a test of its own, it does nothing unless the test below has started it.
#[test]
fn writer_that_is_killed() {
    let Ok(dir) = std::env::var(WRITER) else { return };
    let (store, recovery) = Store::open(options(Path::new(&dir)), T0).unwrap();
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    let handles: Vec<_> = (0..SERIES).map(|n| series(&store, &format!("series_{n}"))).collect();
    let out = Arc::new(Mutex::new(std::io::stdout()));
    let first =
        read(&store, "series_0").float_times.last().map_or(0, |time| (time - T0) / STEP + 1);
    for n in first.cast_unsigned().. {
        let time = T0 + STEP * n.cast_signed();
        // The clock goes on before the sample does, else it is from the future.
        store.maintain(time).unwrap();
        let samples: Vec<Sample> =
            (0..).zip(&handles).map(|(one, series)| float(*series, time, value(n, one))).collect();
        let told = out.clone();
        let count = samples.len();
        let done = move |result: Result<vigie_store::Appended, _>| {
            assert_eq!(result.unwrap().accepted, count);
            writeln!(told.lock().unwrap(), "acknowledged {n}").unwrap();
        };
        store.append(samples, done);
        if n % 16 == 0 {
            store.append_wait(Vec::new()).unwrap();
        }
    }
}

/// Starts the writer, kills it after a while, and returns the last write that it said was acknowledged.
fn run_and_kill(dir: &Path, after: Duration) -> Option<u64> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(WRITER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let number = |line: String| line.rsplit_once("acknowledged ")?.1.parse().ok();
        lines.map_while(Result::ok).filter_map(number).max()
    });
    std::thread::sleep(after);
    writer.kill().unwrap();
    writer.wait().unwrap();
    reader.join().unwrap()
}

/// Everything up to `acknowledged` is there, and every value that is there is right.
fn check(dir: &Path, acknowledged: u64) -> (u64, u64) {
    let (store, recovery) = Store::open(options(dir), T0).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
    let mut newest = 0;
    for one in 0..SERIES {
        let found: BTreeMap<i64, u64> = floats(&read(&store, &format!("series_{one}")))
            .into_iter()
            .map(|(time, value)| (time, value.to_bits()))
            .collect();
        for (time, bits) in &found {
            let n = ((time - T0) / STEP).cast_unsigned();
            assert_eq!(*bits, value(n, one).to_bits(), "a wrong value of series {one} at {n}");
            newest = newest.max(n);
        }
        for n in 0..=acknowledged {
            let time = T0 + STEP * n.cast_signed();
            assert!(
                found.contains_key(&time),
                "write {n} of series {one} is lost ({acknowledged} acknowledged)"
            );
        }
    }
    (newest, recovery.blocks as u64)
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let kills: u64 =
        std::env::var("VIGIE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let mut dir = folder();
    let mut pseudo_random = 0x2545_F491_4F6C_DD1Du64;
    let (mut acknowledged, mut blocks, mut most) = (None, 0, 0);
    for kill in 0..kills {
        if kill % PER_FOLDER == PER_FOLDER - 1 {
            (dir, acknowledged) = (folder(), None);
        }
        pseudo_random ^= pseudo_random << 13;
        pseudo_random ^= pseudo_random >> 7;
        pseudo_random ^= pseudo_random << 17;
        let after = Duration::from_millis(150 + pseudo_random % 700);
        let told = run_and_kill(dir.path(), after);
        acknowledged = acknowledged.max(told);
        if let Some(acknowledged) = acknowledged {
            let (newest, there) = check(dir.path(), acknowledged);
            (blocks, most) = (blocks.max(there), most.max(acknowledged));
            println!(
                "kill {kill} after {after:?}: {acknowledged} acknowledged, {newest} there, {there} blocks"
            );
        }
    }
    assert!(most > 100, "the writer hardly wrote: {most}");
    assert!(blocks > 0, "no block was made while it was killed");
}
