//! The process is killed at random moments; what it acknowledged reaches the receiver, and little of it twice.
//!
//! The test starts its own program again as the one that is killed, which says on its standard output what was
//! acknowledged. `VIGIE_KILLS` makes it more than ten.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use vigie_remote::{Outbox, OutboxOptions, Sender};
use vigie_store::Value;

use crate::receiver::Receiver;
use crate::support::*;

const WRITER: &str = "VIGIE_REMOTE_WRITER";
const SERIES: i64 = 40;
const BATCH: u64 = 2_000;

fn small(dir: &Path) -> OutboxOptions {
    // Small segments, so that a kill meets every state of one.
    OutboxOptions { shards: 2, queue_bytes: 64 << 20, ..options(dir) }
}

fn value(n: i64, of: i64) -> f64 {
    (n * 7 + of) as f64 / 10.0
}

/// The other process: not a test of its own, it does nothing unless the test below has started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_that_is_killed() {
    let Ok(told) = std::env::var(WRITER) else { return };
    let [dir, url, first] = &*told.split('|').collect::<Vec<_>>() else { panic!("{told}") };
    let outbox = Outbox::open(&small(Path::new(dir))).unwrap();
    let own = vigie_remote::SenderOptions { batch_samples: BATCH as usize, ..quick() };
    let _sender = Sender::start(&outbox, &config(url, &json!({})), &own).unwrap();
    let out = Arc::new(Mutex::new(std::io::stdout()));
    for n in first.parse::<i64>().unwrap().. {
        let sample = |of| (labels("n", of), n, Value::Float(value(n, of)));
        let out = Arc::clone(&out);
        outbox.push((0..SERIES).map(sample).collect(), move |result| {
            result.unwrap();
            writeln!(out.lock().unwrap(), "acknowledged {n}").unwrap();
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Starts the writer, kills it after a while, and returns the last number that it said was acknowledged.
fn run_and_kill(dir: &Path, url: &str, first: i64, after: Duration) -> Option<i64> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(WRITER, format!("{}|{url}|{first}", dir.display()))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_arrives_through_kills() {
    let kills: u64 = std::env::var("VIGIE_KILLS").map_or(10, |text| text.parse().unwrap());
    // Now and then it fails, so that kills meet requests under way as well.
    let receiver = Receiver::start(|number, _| match number % 5 {
        4 => ("503 Service Unavailable", String::new()),
        _ => ("200 OK", String::new()),
    });
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut acknowledged) = (0, Vec::new());
    for kill in 0..kills {
        let after = Duration::from_millis(150 + kill * 7_919 % 350);
        let last = run_and_kill(dir.path(), &receiver.url(), first, after);
        if let Some(last) = last {
            acknowledged.push(first..=last);
        }
        // Numbers that a killed one has perhaps pushed are not used again.
        first = last.unwrap_or(first) + 1_000_000;
    }
    assert!(!acknowledged.is_empty(), "no writer lived long enough");
    let outbox = Outbox::open(&small(dir.path())).unwrap();
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    let mut found: BTreeMap<(i64, i64), u64> = BTreeMap::new();
    for (labels, n, got) in receiver.samples() {
        let of: i64 = labels.rsplit_once("of=").unwrap().1.trim_end_matches(';').parse().unwrap();
        assert!((got - value(n, of)).abs() < 1e-9, "a wrong value of {of} at {n}: {got}");
        *found.entry((n, of)).or_default() += 1;
    }
    let mut wanted = 0;
    for n in acknowledged.into_iter().flatten() {
        for of in 0..SERIES {
            wanted += 1;
            assert!(found.contains_key(&(n, of)), "{n} of {of} was acknowledged and is lost");
        }
    }
    // It goes on where it was: after each kill at most what each of the two shards was sending comes again.
    let twice: u64 = found.values().map(|count| count - 1).sum();
    assert!(twice <= kills * 2 * (BATCH + 256), "{twice} of {wanted} came twice");
    let damaged = outbox.status().total(|shard| shard.damaged);
    assert_eq!(damaged, 0);
    eprintln!("{kills} kills, {wanted} acknowledged samples, 0 lost, {twice} came twice");
}
