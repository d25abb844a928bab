//! Damage, limits and faults of the queue on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use serde_json::json;
use vigie_remote::{Outbox, OutboxError, OutboxOptions, Pushed, Sender};
use vigie_store::Value;
use vigie_store::disk::{Disk, Fault};

use crate::receiver::Receiver;
use crate::support::*;

fn samples(range: std::ops::Range<i64>) -> Vec<Pushed> {
    range.map(|n| (labels("n", n % 50), n, Value::Float(n as f64))).collect()
}

fn one_shard(dir: &Path) -> OutboxOptions {
    OutboxOptions { shards: 1, ..options(dir) }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir.join("0-of-1")).unwrap() {
        let path = entry.unwrap().path();
        found.extend(Some(path).filter(|path| path.extension().is_some_and(|ext| ext == "queue")));
    }
    found.sort();
    found
}

async fn sent(options: &OutboxOptions) -> (Vec<i64>, vigie_remote::RemoteStatus) {
    let receiver = Receiver::obliging();
    let outbox = Outbox::open(options).unwrap();
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    let found = receiver.samples();
    for (name, time, value) in &found {
        assert_eq!(*name, format!("__name__=n;of={};", time % 50));
        assert!((*value - *time as f64).abs() < f64::EPSILON);
    }
    let mut times: Vec<i64> = found.into_iter().map(|sample| sample.1).collect();
    times.sort_unstable();
    (times, outbox.status())
}

#[tokio::test]
async fn a_flipped_byte_costs_one_record_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let options = one_shard(dir.path());
    let outbox = Outbox::open(&options).unwrap();
    for n in 0..20 {
        push(&outbox, samples(n * 100..n * 100 + 100));
    }
    drop(outbox);
    let file = segments(dir.path()).pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    // Anywhere but in the last record, whose loss cannot be told from a write that never ended.
    for at in (20..bytes.len() - 2_000).step_by(bytes.len() / 7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("0-of-1")).unwrap();
        fs::copy(&file, copy.path().join("0-of-1").join(file.file_name().unwrap())).unwrap();
        let (found, status) = sent(&one_shard(copy.path())).await;
        let lost = status.total(|shard| shard.damaged);
        assert_eq!(found.len() as u64 + lost, 2_000, "at {at}: {status:?}");
        // The record that tells the first 50 series is that of all.
        assert!(
            found.is_sorted_by(|one, two| one < two) && (lost <= 100 || at < 2_000),
            "at {at}: {lost}"
        );
    }
}

#[tokio::test]
async fn a_torn_end_costs_what_was_torn() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&one_shard(dir.path())).unwrap();
    for n in 0..20 {
        push(&outbox, samples(n * 100..n * 100 + 100));
    }
    drop(outbox);
    let file = segments(dir.path()).pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 7]).unwrap();
    // What comes after it is in a segment of its own.
    let outbox = Outbox::open(&one_shard(dir.path())).unwrap();
    assert_eq!(outbox.status().total(|shard| shard.pending), 1_900);
    push(&outbox, samples(3_000..3_100));
    drop(outbox);
    let (found, status) = sent(&one_shard(dir.path())).await;
    assert!(found.iter().copied().eq((0..1_900).chain(3_000..3_100)), "{} are found", found.len());
    assert_eq!(status.total(|shard| shard.damaged), 0);
}

#[tokio::test]
async fn over_the_limit_the_oldest_go_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let options = OutboxOptions { queue_bytes: 1 << 20, ..one_shard(dir.path()) };
    let outbox = Outbox::open(&options).unwrap();
    for n in 0..200 {
        push(&outbox, samples(n * 1_000..n * 1_000 + 1_000));
    }
    let status = outbox.status();
    let (dropped, pending) =
        (status.total(|shard| shard.dropped), status.total(|shard| shard.pending));
    assert!(dropped > 0 && dropped + pending == 200_000, "{status:?}");
    let bytes: u64 =
        segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 1 << 20, "{bytes}");
    drop(outbox);
    let (found, _) = sent(&options).await;
    assert!(found.iter().copied().eq(dropped as i64..200_000), "{} are found", found.len());
    assert_eq!(segments(dir.path()).len(), 1, "what is sent goes");
    // The next start finds nothing that is needed.
    drop(Outbox::open(&options).unwrap());
    assert!(segments(dir.path()).is_empty());
}

#[tokio::test]
async fn dropping_while_it_is_sent_counts_each_sample_once() {
    let receiver = Receiver::start(|number, _| match number {
        0..8 => ("503 Service Unavailable", String::new()),
        _ => ("200 OK", String::new()),
    });
    let dir = tempfile::tempdir().unwrap();
    let options = OutboxOptions { queue_bytes: 1 << 20, ..one_shard(dir.path()) };
    let outbox = Outbox::open(&options).unwrap();
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    for n in 0..300 {
        push(&outbox, samples(n * 1_000..n * 1_000 + 1_000));
    }
    emptied(&outbox).await;
    sender.stop().await;
    let status = outbox.status();
    let (dropped, taken) = (status.total(|shard| shard.dropped), status.total(|shard| shard.sent));
    assert_eq!(dropped + taken, 300_000, "{status:?}");
    assert_eq!(receiver.samples().len() as u64, taken);
}

#[tokio::test]
async fn a_queue_that_is_not_empty_keeps_its_shards() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&one_shard(dir.path())).unwrap();
    push(&outbox, samples(0..500));
    drop(outbox);
    let four = OutboxOptions { shards: 4, ..one_shard(dir.path()) };
    let outbox = Outbox::open(&four).unwrap();
    push(&outbox, samples(500..1_000));
    assert_eq!(outbox.status().shards.len(), 1);
    let again = Outbox::open(&four).unwrap_err();
    assert!(matches!(again, OutboxError::Locked(_)), "{again}");
    drop(outbox);
    let (found, _) = sent(&four).await;
    assert!(found.iter().copied().eq(0..1_000), "{} are found", found.len());
    assert_eq!(Outbox::open(&four).unwrap().status().shards.len(), 4);
}

#[tokio::test]
async fn a_disk_that_fails_is_told_and_what_was_acknowledged_stays() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let options = OutboxOptions { disk: disk.clone(), ..one_shard(dir.path()) };
    let outbox = Outbox::open(&options).unwrap();
    push(&outbox, samples(0..100));
    for fault in [Fault::Full, Fault::Broken, Fault::ReadOnly, Fault::NoSync] {
        disk.set(fault);
        let (tell, told) = mpsc::channel();
        outbox.push(samples(100..200), move |result| tell.send(result).unwrap());
        let error = told.recv().unwrap().unwrap_err();
        assert!(matches!(error, OutboxError::Disk { .. }), "{error}");
    }
    disk.set(Fault::None);
    disk.full_after(700);
    let (tell, told) = mpsc::channel();
    outbox.push(samples(200..400), move |result| tell.send(result).unwrap());
    told.recv().unwrap().unwrap_err();
    disk.set(Fault::None);
    push(&outbox, samples(400..500));
    drop(outbox);
    let (found, _) = sent(&one_shard(dir.path())).await;
    // What was told not to be there may be there or not; what was acknowledged is.
    for time in (0..100).chain(400..500) {
        assert!(found.contains(&time), "{time} is lost");
    }
}
