//! The store's process is killed at random moments; every line that was acknowledged is there afterwards, once.
//!
//! The test starts its own program again as the writer. It reads its lines from where its position says, as a reader of a
//! file does, so that a line is lost or doubled unless position and lines are written together. `VIGIE_KILLS=200` makes
//! it more.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vigie_model::Level;
use vigie_store::logs::{LogAppendError, LogAppended, LogOptions, LogStore, Position};

use crate::support::*;

const WRITER: &str = "VIGIE_LOG_WRITER";
const EACH: u64 = 20;

fn options(dir: &Path) -> LogOptions {
    LogOptions { head_rows: 500, retention_ms: 10_000 * DAY, ..LogOptions::new(dir) }
}

fn text(n: u64) -> String {
    format!("line {n} of {}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// The other process: not a test of its own, it does nothing unless the test below has started it.
#[test]
fn writer_that_is_killed() {
    let Ok(dir) = std::env::var(WRITER) else { return };
    let (store, recovery) = LogStore::open(options(Path::new(&dir)), T0).unwrap();
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    let out = Arc::new(Mutex::new(std::io::stdout()));
    let next =
        store.position("file").map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    for batch in next / EACH.. {
        let first = batch * EACH;
        let lines =
            (first..first + EACH).map(|n| entry(T0 + (n / 7) as i64, Level::Info, &text(n)));
        let bytes = (first + EACH).to_le_bytes().to_vec();
        let position = Position { reader: "file".into(), bytes };
        let told = out.clone();
        let done = move |result: Result<LogAppended, LogAppendError>| {
            assert_eq!(result.unwrap().accepted, EACH as usize);
            writeln!(told.lock().unwrap(), "acknowledged {}", first + EACH).unwrap();
        };
        store.append(lines.collect(), Some(position), done);
        if batch % 8 == 0 {
            store.append_wait(Vec::new(), None).unwrap();
        }
        store.maintain(T0).unwrap();
    }
}

/// Starts the writer, kills it after a while, and returns the last line that it said was acknowledged.
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

#[test]
fn every_line_is_there_once_however_often_the_process_is_killed() {
    let kills: u64 =
        std::env::var("VIGIE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let dir = folder();
    let mut pseudo_random = 0x2545_F491_4F6C_DD1Du64;
    let (mut acknowledged, mut blocks) = (0, 0);
    for kill in 0..kills {
        pseudo_random ^= pseudo_random << 13;
        pseudo_random ^= pseudo_random >> 7;
        pseudo_random ^= pseudo_random << 17;
        let after = Duration::from_millis(150 + pseudo_random % 500);
        acknowledged = acknowledged.max(run_and_kill(dir.path(), after).unwrap_or(0));
        let (store, recovery) = LogStore::open(options(dir.path()), T0).unwrap();
        assert!(recovery.damaged.is_empty(), "{recovery:?}");
        let found = messages(&store);
        assert!(found.len() as u64 >= acknowledged, "{} of {acknowledged}", found.len());
        for (n, message) in (0..).zip(&found) {
            assert_eq!(*message, text(n), "kill {kill}: lost, doubled or in disorder");
        }
        let position = store.position("file").unwrap_or(vec![0; 8]);
        assert_eq!(u64::from_le_bytes(position.try_into().unwrap()), found.len() as u64);
        blocks = blocks.max(recovery.blocks);
        println!(
            "kill {kill} after {after:?}: {acknowledged} acknowledged, {} there, {} blocks",
            found.len(),
            recovery.blocks
        );
    }
    assert!(acknowledged > 500 && blocks > 0, "hardly anything was written: {acknowledged}");
}
