//! One flipped bit, or a file cut short: found, named, the rest served.

use std::fs;
use std::path::{Path, PathBuf};

use vigie_store::{Storage, Store};

use crate::support::*;

const SERIES: usize = 30;
const SAMPLES: i64 = 20;

/// A store with a block, a log and a registry: each series has samples in both.
fn filled(dir: &Path) {
    let (store, _) = open(dir, T0 + HOUR);
    for part in [0, HOUR] {
        let samples = (0..SERIES).flat_map(|one| {
            let series = series(&store, &format!("series_{one}"));
            (0..SAMPLES).map(move |n| float(series, T0 + part + n * SECOND, value(one, part + n)))
        });
        // Records of their own, so that damage to one leaves others.
        let samples: Vec<_> = samples.collect();
        for part in samples.chunks(SAMPLES as usize) {
            store.append_wait(part.to_vec()).unwrap();
        }
        if part == 0 {
            settle(&store, T0 + 2 * HOUR);
            store.maintain(T0 + HOUR).unwrap();
        }
    }
    store.close();
}

fn value(series: usize, n: i64) -> f64 {
    (series as i64 * 1000 + n * n % 777) as f64
}

/// Every value that is read is right; how many there are.
fn right(store: &Store) -> usize {
    let mut count = 0;
    for found in store.select(&[], ALL, 0).unwrap() {
        let one: usize =
            found.labels.metric_name().strip_prefix("series_").unwrap().parse().unwrap();
        for (time, read) in floats(&found.reader.read().unwrap()) {
            let part = if time >= T0 + HOUR { HOUR } else { 0 };
            assert_eq!(
                read,
                value(one, part + (time - T0 - part) / SECOND),
                "series {one} at {time}"
            );
            count += 1;
        }
    }
    count
}

fn only_file(dir: &Path, folder: &str) -> PathBuf {
    let mut all = fs::read_dir(dir.join(folder)).unwrap();
    all.next().unwrap().unwrap().path()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = quick_folder();
    for folder in ["blocks", "wal"] {
        fs::create_dir(to.path().join(folder)).unwrap();
        let file = only_file(from, folder);
        fs::copy(&file, to.path().join(folder).join(file.file_name().unwrap())).unwrap();
    }
    for file in ["registry", "format"] {
        fs::copy(from.join(file), to.path().join(file)).unwrap();
    }
    to
}

const TOTAL: usize = SERIES * SAMPLES as usize * 2;

/// Opens the damaged store, reads all, has it repaired, and opens it again: from then on it is whole.
fn survives(dir: &Path, what: &str) -> (usize, Vec<String>) {
    let (store, _) = open(dir, T0 + HOUR);
    let before = right(&store);
    let named: Vec<String> =
        store.status().damaged.iter().map(|one| format!("{}: {}", one.file, one.what)).collect();
    settle(&store, T0 + HOUR);
    assert_eq!(right(&store), before, "{what}: repairing loses nothing more");
    write(&store, "series_0", &[(T0 + HOUR + 30 * SECOND, value(0, HOUR + 30))]);
    settle(&store, T0 + 2 * HOUR);
    drop(store);
    let (store, recovery) = open(dir, T0 + 2 * HOUR);
    let set_aside = |one: &vigie_store::Damage| one.file.ends_with(".damaged");
    assert!(recovery.damaged.iter().all(set_aside), "{what}: {recovery:?}");
    assert_eq!(right(&store), before + 1, "{what}");
    (before, named)
}

/// Places all over a file, without taking each.
fn places(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |n| (n * length / count + n * 7) % length)
}

#[test]
fn a_flipped_bit_is_found_and_named_and_the_rest_is_served() {
    let dir = quick_folder();
    filled(dir.path());
    for (file, count) in [("blocks", 60), ("wal", 40), ("registry", 40)] {
        let path =
            |dir: &Path| if file == "registry" { dir.join(file) } else { only_file(dir, file) };
        let length = fs::metadata(path(dir.path())).unwrap().len() as usize;
        let mut least = TOTAL;
        for (n, place) in places(length, count).enumerate() {
            let copy = copy(dir.path());
            let mut bytes = fs::read(path(copy.path())).unwrap();
            bytes[place] ^= 1 << (n % 8);
            fs::write(path(copy.path()), bytes).unwrap();
            let (there, named) =
                survives(copy.path(), &format!("{file}, byte {place} of {length}"));
            least = least.min(there);
            // The last record of a log cannot be told from one that was being written.
            assert!(
                there == TOTAL || !named.is_empty() || file != "blocks",
                "{file}, byte {place}"
            );
        }
        // A block whose meta is damaged is lost as a whole; of log and registry one record is.
        let expected = match file {
            "blocks" => TOTAL / 2,
            "wal" => TOTAL - SAMPLES as usize,
            _ => TOTAL - 2 * SAMPLES as usize,
        };
        assert!(least >= expected, "{file}: {least} of {TOTAL}");
    }
}

#[test]
fn a_file_that_was_cut_short_costs_what_was_cut_off() {
    let dir = quick_folder();
    filled(dir.path());
    for (file, least) in [("blocks", TOTAL / 2), ("wal", TOTAL / 2), ("registry", 0)] {
        let path =
            |dir: &Path| if file == "registry" { dir.join(file) } else { only_file(dir, file) };
        let length = fs::metadata(path(dir.path())).unwrap().len() as usize;
        for place in places(length, 25) {
            let copy = copy(dir.path());
            let bytes = fs::read(path(copy.path())).unwrap();
            fs::write(path(copy.path()), &bytes[..place]).unwrap();
            let (there, named) =
                survives(copy.path(), &format!("{file} cut at {place} of {length}"));
            assert!(there >= least, "{file} cut at {place}: {there}");
            if file == "blocks" {
                assert!(named.iter().any(|one| one.contains("set aside as")), "{named:?}");
            }
        }
    }
}

#[test]
fn a_block_that_is_damaged_within_keeps_the_rest_and_is_set_aside() {
    let dir = quick_folder();
    filled(dir.path());
    let block = only_file(dir.path(), "blocks");
    let mut bytes = fs::read(&block).unwrap();
    bytes[60] ^= 4;
    fs::write(&block, bytes).unwrap();
    let (store, recovery) = open(dir.path(), T0 + HOUR);
    assert!(recovery.damaged.is_empty(), "not read yet");
    let there = right(&store);
    assert!(there < TOTAL && there >= TOTAL - 2 * SAMPLES as usize, "{there}");
    settle(&store, T0 + HOUR);
    assert_eq!(right(&store), there);
    let damaged = store.status().damaged;
    assert!(damaged.iter().any(|one| one.what.contains("a checksum does not hold")), "{damaged:?}");
    assert!(
        damaged.iter().any(|one| one.what.contains("set aside as 00000001.block.damaged")),
        "{damaged:?}"
    );
    assert!(!block.exists() && block.with_extension("block.damaged").exists());
}

#[test]
fn a_flipped_bit_in_a_group_of_series_costs_that_group_and_is_named() {
    const MANY: usize = 1500;
    let dir = quick_folder();
    let name = |one: usize| format!("series_with_a_name_of_some_length_{one}");
    let (store, _) = open(dir.path(), T0);
    let samples = (0..MANY).map(|one| float(series(&store, &name(one)), T0, one as f64)).collect();
    store.append_wait(samples).unwrap();
    store.close();
    let path = dir.path().join("registry");
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() < MANY * name(0).len() / 4, "{} bytes: compressed in groups", bytes.len());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    fs::write(&path, bytes).unwrap();
    let (store, recovery) = open(dir.path(), T0);
    let lost = recovery.lost_series as usize;
    assert!(lost > 0 && lost < MANY * 2 / 3, "{recovery:?}");
    assert!(recovery.damaged.iter().any(|one| one.file == "registry"), "{recovery:?}");
    let there = |store: &Store| {
        let right = |one: &usize| floats(&read(store, &name(*one))) == [(T0, *one as f64)];
        (0..MANY).filter(right).count()
    };
    assert_eq!(there(&store), MANY - lost);
    // Their numbers are not given to others: what blocks have of them would be theirs.
    write(&store, "new", &[(T0, 7.0)]);
    settle(&store, T0 + 2 * HOUR);
    drop(store);
    let (store, recovery) = open(dir.path(), T0 + 2 * HOUR);
    assert!(recovery.damaged.is_empty(), "what was lost was said once: {recovery:?}");
    assert_eq!((there(&store), floats(&read(&store, "new"))), (MANY - lost, vec![(T0, 7.0)]));
}
