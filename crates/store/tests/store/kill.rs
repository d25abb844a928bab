//! The store's process is killed at random moments; what it acknowledged is there afterwards, and nothing else.
//!
//! The test starts its own program again as the writer, which says on its standard output what was acknowledged. It offers
//! 100,000 samples a second, and does not wait for one write before the next. The test says how many were acknowledged a
//! second, and how long the starts took. What it insists on is counted in processor time, as the machine may be busy: that
//! the rate needs no more than one core, and that no start takes more than two seconds. CONTRIBUTING.md has the command for
//! 200 kills with 10,000 series.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use vigie_store::{AppendError, Appended, Sample, Store, StoreOptions};

use crate::support::*;

/// The folder that the writer is to write to.
const WRITER: &str = "VIGIE_STORE_WRITER";
/// How much longer each sync of its disk takes, in milliseconds.
const WRITER_SLOW: &str = "VIGIE_STORE_WRITER_SLOW";
/// Samples a second that it offers.
const RATE: f64 = 100_000.0;
/// A start takes at most so long.
const START: Duration = Duration::from_secs(2);
/// What may wait for a slow disk, in bytes: about what is offered in an eighth of a second.
const BACKLOG: usize = 128 << 10;

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

/// The other process: not a test of its own, it does nothing unless a test below has started it.
#[test]
fn writer_that_is_killed() {
    let Ok(dir) = std::env::var(WRITER) else { return };
    let slow: u64 = std::env::var(WRITER_SLOW).map_or(0, |text| text.parse().unwrap());
    let mut options = options(Path::new(&dir));
    if slow > 0 {
        options.disk.slow(Duration::from_millis(slow));
        options.backlog_bytes = BACKLOG;
    }
    let (store, recovery) = Store::open(options, T0).unwrap();
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    println!("open");
    let handles: Vec<_> =
        (0..all_series()).map(|n| series(&store, &format!("series_{n}"))).collect();
    // The last write that is there was perhaps not acknowledged, and then may be there in part: it is written again.
    let last = read(&store, "series_0").float_times.last().map_or(0, |time| (time - T0) / STEP);
    let mut n = last.cast_unsigned();
    let (out, refused) =
        (Arc::new(Mutex::new(std::io::stdout())), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    for turn in 0_u32.. {
        // One that is late is written at once.
        let due = Duration::from_secs_f64(all_series() as f64 / RATE) * turn;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let time = T0 + STEP * n.cast_signed();
        // The clock goes on before the sample does, else it is from the future.
        store.maintain(time).unwrap();
        let samples: Vec<Sample> =
            (0..).zip(&handles).map(|(one, series)| float(*series, time, value(n, one))).collect();
        let (told, none, count) = (out.clone(), refused.clone(), samples.len());
        let asked = Instant::now();
        let done = move |result: Result<Appended, _>| match result {
            Ok(appended) => {
                assert_eq!(appended.accepted, count);
                let millis = asked.elapsed().as_millis();
                // What was there already waits for nothing more.
                let took =
                    if appended.repeated < count { format!(" {millis}") } else { String::new() };
                writeln!(told.lock().unwrap(), "acknowledged {n}{took}").unwrap();
            }
            // Said before `append` returns.
            Err(AppendError::Backlog { .. }) => none.store(true, Ordering::Relaxed),
            Err(other) => panic!("{other}"),
        };
        store.append(samples, done);
        if slow > 0 {
            let waiting = store.status().waiting_bytes;
            writeln!(out.lock().unwrap(), "waiting {waiting}").unwrap();
        }
        n += u64::from(!refused.swap(false, Ordering::Relaxed));
    }
}

/// What the writer said.
#[derive(Default)]
struct Told {
    /// The last write that was acknowledged.
    last: Option<u64>,
    /// How many were.
    writes: u64,
    /// From the first acknowledgement to the last.
    time: Duration,
    /// How long the quickest acknowledgement took, in milliseconds.
    quickest: Option<u64>,
    /// The most bytes that waited for the disk.
    most_waiting: usize,
    /// What it took of the processor.
    processor: Duration,
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
fn run_and_kill(dir: &Path, moment: Moment, slow: Duration) -> Told {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(WRITER, dir)
        .env(WRITER_SLOW, slow.as_millis().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let (tell, said) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut told, mut begun) = (Told::default(), None);
        for line in lines.map_while(Result::ok) {
            // Of what is cut off by the kill nothing is taken.
            let words: Vec<&str> = line.split_whitespace().collect();
            match *words.as_slice() {
                ["acknowledged", number, ref millis @ ..] => {
                    let begun = *begun.get_or_insert_with(Instant::now);
                    told.last = told.last.max(Some(number.parse().unwrap()));
                    let millis = millis.first().map(|millis| millis.parse::<u64>().unwrap());
                    told.quickest = told.quickest.into_iter().chain(millis).min();
                    (told.writes, told.time) = (told.writes + 1, begun.elapsed());
                }
                ["waiting", bytes] => {
                    told.most_waiting = told.most_waiting.max(bytes.parse().unwrap());
                    continue;
                }
                // The harness begins that line.
                [.., "open"] => {}
                _ => continue,
            }
            // Nobody listens any more once it is killed.
            let _ = tell.send(());
        }
        told
    });
    for _ in 0..moment.said {
        said.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    std::thread::sleep(moment.after);
    let processor = processor_time_of(writer.id());
    writer.kill().unwrap();
    writer.wait().unwrap();
    Told { processor, ..reader.join().unwrap() }
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

/// Of all threads of a process, in user mode and in the system; nothing where the system does not say it.
fn processor_time_of(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = text.rsplit_once(") ").map_or("", |parts| parts.1);
    let ticks = after_name.split(' ').skip(11).take(2).filter_map(|one| one.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// A start after a kill: how long it took, by the clock and of the processor, how many blocks there were, and samples in the log.
#[derive(Debug, Clone, Copy, Default)]
struct Start {
    took: Duration,
    processor: Duration,
    blocks: usize,
    replayed: u64,
}

/// Pseudo-random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let (kills, series) = (kills(), all_series());
    let mut dir = folder();
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let (mut acknowledged, mut most) = (None, 0);
    let (mut writes, mut time, mut processor, mut starts) =
        (0, Duration::ZERO, Duration::ZERO, Vec::new());
    for kill in 0..kills {
        if kill % PER_FOLDER == PER_FOLDER - 1 {
            (dir, acknowledged) = (folder(), None);
        }
        let moment = Moment::random(random.next(), kill);
        let told = run_and_kill(dir.path(), moment, Duration::ZERO);
        acknowledged = acknowledged.max(told.last);
        (writes, time) = (writes + told.writes, time + told.time);
        processor += told.processor;
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
    let rate = |time: Duration| (writes * series) as f64 / time.as_secs_f64().max(1e-9);
    starts.sort_by_key(|start| start.took);
    let (median, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    println!(
        "{kills} kills under {:.0} samples a second of {series} series ({:.0} a second of the processor, starts included); \
         the median start took {:?}, the slowest {:?} ({:?} of the processor) with {} blocks and {} samples in the log",
        rate(time),
        rate(processor),
        median.took,
        slowest.took,
        slowest.processor,
        slowest.blocks,
        slowest.replayed
    );
    assert!(most > 30, "the writer hardly wrote: {most}");
    assert!(starts.iter().any(|start| start.blocks > 0), "no block was made while it was killed");
    assert!(rate(processor) > RATE, "{RATE} samples a second need more than one core");
    let start = starts.iter().map(|start| start.processor).max().unwrap_or_default();
    assert!(start < START, "a start took {start:?} of the processor");
}

#[test]
fn an_acknowledgement_waits_for_a_slow_disk_and_holds_when_the_process_is_killed() {
    const SLOW: Duration = Duration::from_millis(200);
    let dir = folder();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut acknowledged, mut writes) = (None, 0);
    // A write in bytes: its samples, each with its value and where it belongs.
    let one_write = 12 * usize::try_from(all_series()).unwrap() + 256;
    for kill in 0..(kills() / 3) {
        let random = random.next();
        let after = Duration::from_micros((random >> 32) % 400_000);
        let moment = Moment {
            said: 1 + random % 120.min(BACKLOG as u64 / 4 / one_write as u64).max(2),
            after,
        };
        let told = run_and_kill(dir.path(), moment, SLOW);
        (acknowledged, writes) = (acknowledged.max(told.last), writes + told.writes);
        println!(
            "kill {kill}, {moment:?}: the quickest after {:?} ms, at most {} bytes waited",
            told.quickest, told.most_waiting
        );
        let slow = u64::try_from(SLOW.as_millis()).unwrap();
        assert!(told.quickest.is_none_or(|millis| millis >= slow), "{:?} ms", told.quickest);
        assert!(told.most_waiting <= BACKLOG + one_write, "{} bytes wait", told.most_waiting);
        if let Some(acknowledged) = acknowledged {
            check(dir.path(), acknowledged);
        }
    }
    assert!(writes > 0, "nothing was acknowledged");
}
