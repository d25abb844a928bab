//! The store's process is killed at random moments; what it acknowledged is there afterwards, and nothing else.
//!
//! The test starts its own program again as the writer, which says on its standard output what was acknowledged.
//! The writer offers samples as fast as they are taken. The test says how many a second that were, and how long the starts
//! took, which no assertion looks at: the machine may be busy. CONTRIBUTING.md has the command for 200 kills with 10,000 series.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use vigie_store::{Sample, Store, StoreOptions};

use crate::support::*;

const WRITER: &str = "VIGIE_STORE_WRITER";

/// `VIGIE_KILLS`: how often the writer is killed.
fn kills() -> u64 {
    std::env::var("VIGIE_KILLS").map_or(12, |text| text.parse().unwrap())
}

/// `VIGIE_KILL_SERIES`: how many series it writes.
fn all_series() -> u64 {
    std::env::var("VIGIE_KILL_SERIES").map_or(400, |text| text.parse().unwrap())
}

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
    let maintenance_samples = 2000.max(20 * all_series());
    StoreOptions { maintenance_samples, retention_ms: days * DAY, ..StoreOptions::new(dir) }
}

/// The other process: not a test of its own, it does nothing unless the test below has started it.
#[test]
fn writer_that_is_killed() {
    let Ok(dir) = std::env::var(WRITER) else { return };
    let (store, recovery) = Store::open(options(Path::new(&dir)), T0).unwrap();
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    println!("open");
    let handles: Vec<_> =
        (0..all_series()).map(|n| series(&store, &format!("series_{n}"))).collect();
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

/// What the writer said: the last write that was acknowledged, and how many were in how much time.
#[derive(Default)]
struct Told {
    last: Option<u64>,
    writes: u64,
    time: Duration,
}

/// When the writer is killed: after it said so many things, the first of them that the store is open, and so long.
#[derive(Debug, Clone, Copy)]
struct Moment {
    said: u64,
    after: Duration,
}

impl Moment {
    /// One in eight is at any moment of the start, the others between two things that it does. How much it writes does
    /// not depend on how fast the machine is.
    fn random(random: u64, kill: u64) -> Self {
        if kill % 8 == 7 {
            return Self { said: 0, after: Duration::from_millis(random % 700) };
        }
        let most = (80_000 / all_series()).max(60);
        Self { said: 1 + random % most, after: Duration::from_micros((random >> 32) % 20_000) }
    }
}

/// Starts the writer, and kills it.
fn run_and_kill(dir: &Path, moment: Moment) -> Told {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(WRITER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let (tell, said) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let number = |line: String| {
            let number =
                line.rsplit_once("acknowledged ").and_then(|one| one.1.parse::<u64>().ok());
            if number.is_some() || line.ends_with("open") {
                // Nobody listens any more once it is killed.
                let _ = tell.send(());
            }
            number
        };
        let (mut told, mut begun) = (Told::default(), None);
        for number in lines.map_while(Result::ok).filter_map(number) {
            let begun = *begun.get_or_insert_with(Instant::now);
            told.last = told.last.max(Some(number));
            (told.writes, told.time) = (told.writes + 1, begun.elapsed());
        }
        told
    });
    for _ in 0..moment.said {
        said.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    std::thread::sleep(moment.after);
    writer.kill().unwrap();
    writer.wait().unwrap();
    reader.join().unwrap()
}

/// Everything up to `acknowledged` is there, and every value that is there is right. The newest write that is there,
/// and the start.
fn check(dir: &Path, acknowledged: u64) -> (u64, Start) {
    let (opening, before) = (Instant::now(), processor_time());
    let (store, recovery) = Store::open(options(dir), T0).unwrap();
    let (took, processor) = (opening.elapsed(), processor_time().saturating_sub(before));
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
    let mut newest = 0;
    for one in 0..all_series() {
        let mut missing = 0;
        for (time, found) in floats(&read(&store, &format!("series_{one}"))) {
            let n = ((time - T0) / STEP).cast_unsigned();
            assert_eq!(time, T0 + STEP * n.cast_signed(), "a time that was never written");
            let right = value(n, one).to_bits();
            assert_eq!(found.to_bits(), right, "a wrong value of series {one} at {n}");
            // They ascend, so that the next one is the next write unless that is lost.
            assert!(
                n == missing || missing > acknowledged,
                "write {missing} of series {one} is lost"
            );
            missing = n + 1;
            newest = newest.max(n);
        }
        assert!(
            missing > acknowledged,
            "write {missing} of series {one} is lost ({acknowledged} acknowledged)"
        );
    }
    let (blocks, replayed) = (recovery.blocks, recovery.replayed);
    (newest, Start { took, processor, blocks, replayed })
}

/// Of this thread; nothing where the system does not say it.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// A start after a kill: how long it took, by the clock and of the processor, how many blocks there were, and samples in the log.
#[derive(Debug, Clone, Copy, Default)]
struct Start {
    took: Duration,
    processor: Duration,
    blocks: usize,
    replayed: u64,
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let (kills, series) = (kills(), all_series());
    let mut dir = folder();
    let mut pseudo_random = 0x2545_F491_4F6C_DD1Du64;
    let (mut acknowledged, mut most) = (None, 0);
    let (mut writes, mut time, mut starts) = (0, Duration::ZERO, Vec::new());
    for kill in 0..kills {
        if kill % PER_FOLDER == PER_FOLDER - 1 {
            (dir, acknowledged) = (folder(), None);
        }
        pseudo_random ^= pseudo_random << 13;
        pseudo_random ^= pseudo_random >> 7;
        pseudo_random ^= pseudo_random << 17;
        let moment = Moment::random(pseudo_random, kill);
        let told = run_and_kill(dir.path(), moment);
        acknowledged = acknowledged.max(told.last);
        (writes, time) = (writes + told.writes, time + told.time);
        if let Some(acknowledged) = acknowledged {
            let (newest, start) = check(dir.path(), acknowledged);
            most = most.max(acknowledged);
            starts.push(start);
            println!(
                "kill {kill}, {moment:?}: {acknowledged} acknowledged, {newest} there, open in {:?}",
                start.took
            );
        }
    }
    let rate = (writes * series) as f64 / time.as_secs_f64().max(1e-9);
    starts.sort_by_key(|start| start.took);
    let (median, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    println!(
        "{kills} kills under {rate:.0} samples a second of {series} series; the median start took {:?}, the slowest {:?} \
         ({:?} of the processor) with {} blocks and {} samples in the log",
        median.took, slowest.took, slowest.processor, slowest.blocks, slowest.replayed
    );
    assert!(most > 30, "the writer hardly wrote: {most}");
    assert!(starts.iter().any(|start| start.blocks > 0), "no block was made while it was killed");
}
