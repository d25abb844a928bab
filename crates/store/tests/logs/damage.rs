//! One flipped bit, or a file cut short: found, named, the rest served.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vigie_model::Level;
use vigie_store::logs::{LogOptions, LogStore, Position};

use crate::support::*;

const LINES: i64 = 600;
const IN_LOG: i64 = 100;

/// A store with a block of three parts (one a day), positions, and a log of ten records.
fn filled(dir: &Path) {
    let (store, _) = LogStore::open(options(dir), T0 + 3 * DAY).unwrap();
    let lines = |from: i64, to: i64| {
        (from..to)
            .map(|n| entry(T0 + n * DAY / 200, Level::Info, &format!("line {n} {}", n * n)))
            .collect()
    };
    let position = Position { reader: "file".into(), bytes: b"here".to_vec() };
    store.append_wait(lines(0, LINES - IN_LOG), Some(position)).unwrap();
    settle(&store, T0 + 3 * DAY);
    for n in 0..10 {
        let from = LINES - IN_LOG + n * IN_LOG / 10;
        store.append_wait(lines(from, from + IN_LOG / 10), None).unwrap();
    }
    store.close();
}

fn options(dir: &Path) -> LogOptions {
    LogOptions { head_rows: 200, ..LogOptions::new(dir) }
}

fn files(dir: &Path) -> [PathBuf; 3] {
    let only =
        |folder: &str| fs::read_dir(dir.join(folder)).unwrap().next().unwrap().unwrap().path();
    [only("blocks"), only("wal"), dir.join("positions")]
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = quick_folder();
    for folder in ["blocks", "wal"] {
        fs::create_dir(to.path().join(folder)).unwrap();
    }
    for file in files(from).into_iter().chain([from.join("format")]) {
        fs::copy(&file, to.path().join(file.strip_prefix(from).unwrap())).unwrap();
    }
    to
}

/// How many lines are there, each right and once; and what was named.
fn survives(dir: &Path, what: &str) -> (usize, usize) {
    let (store, _) = LogStore::open(options(dir), T0 + 3 * DAY).unwrap();
    let found = messages(&store);
    let right: BTreeSet<String> = (0..LINES).map(|n| format!("line {n} {}", n * n)).collect();
    assert!(found.iter().all(|line| right.contains(line)), "{what}");
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "{what}");
    let named = store.status().damaged.len();
    settle(&store, T0 + 3 * DAY);
    assert_eq!(messages(&store), found, "{what}: mending loses nothing more");
    store.append_wait(vec![entry(T0 + 3 * DAY, Level::Info, "line 0 0")], None).unwrap();
    drop(store);
    let (store, recovery) = LogStore::open(options(dir), T0 + 3 * DAY).unwrap();
    assert!(
        recovery
            .damaged
            .iter()
            .all(|one| one.file.ends_with(".damaged") || one.file.starts_with("wal")),
        "{what}: {recovery:?}"
    );
    assert_eq!(messages(&store).len(), found.len() + 1, "{what}");
    (found.len(), named)
}

#[test]
fn a_flipped_bit_is_found_and_named_and_the_rest_is_served() {
    let dir = quick_folder();
    filled(dir.path());
    for (which, count, least) in [(0, 60, 0), (1, 40, LINES - IN_LOG / 10), (2, 10, LINES)] {
        let length = fs::metadata(&files(dir.path())[which]).unwrap().len() as usize;
        let (mut most, mut partly) = (0, 0);
        for n in 0..count {
            let (copy, place) = (copy(dir.path()), (n * length / count + n * 7) % length);
            let path = &files(copy.path())[which];
            let mut bytes = fs::read(path).unwrap();
            bytes[place] ^= 1 << (n % 8);
            fs::write(path, bytes).unwrap();
            let (there, named) =
                survives(copy.path(), &format!("file {which}, byte {place} of {length}"));
            assert!(there as i64 >= least, "file {which}, byte {place}: {there}");
            assert!(
                named > 0 || there as i64 == LINES || which == 1,
                "file {which}, byte {place}: {there}, unnamed"
            );
            most = most.max(there);
            partly += usize::from(there as i64 >= LINES - 200 && (there as i64) < LINES);
        }
        assert!(most as i64 >= LINES - 200, "file {which}: {most}");
        assert!(which > 0 || partly > 10, "a damaged part leaves the others: {partly}");
    }
}

#[test]
fn a_file_that_was_cut_short_costs_what_was_cut_off() {
    let dir = quick_folder();
    filled(dir.path());
    for which in 0..3 {
        let length = fs::metadata(&files(dir.path())[which]).unwrap().len() as usize;
        for n in 0..15 {
            let copy = copy(dir.path());
            let path = &files(copy.path())[which];
            let bytes = fs::read(path).unwrap();
            let place = n * length / 15;
            fs::write(path, &bytes[..place]).unwrap();
            let (there, named) =
                survives(copy.path(), &format!("file {which} cut at {place} of {length}"));
            assert!(there as i64 >= if which == 2 { LINES } else { IN_LOG }, "{there}");
            assert!(which == 1 || named > 0, "file {which} cut at {place}");
        }
    }
}

#[test]
fn a_block_that_was_half_written_is_no_block_and_costs_nothing() {
    let dir = quick_folder();
    filled(dir.path());
    let [block, _, positions] = files(dir.path());
    let bytes = fs::read(&block).unwrap();
    // What a kill leaves of the next block, and of the positions.
    let half = dir.path().join("blocks/00000009.tmp");
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(positions.with_extension("tmp"), b"VIGLPS").unwrap();
    assert_eq!(survives(dir.path(), "half a block"), (LINES as usize, 0));
    assert!(!half.exists(), "it is removed");
    let (store, _) = LogStore::open(options(dir.path()), T0 + 3 * DAY).unwrap();
    assert_eq!(store.position("file"), Some(b"here".to_vec()));
}

#[test]
fn a_damaged_block_that_is_too_old_goes_as_others_do() {
    let dir = quick_folder();
    filled(dir.path());
    let [block, ..] = files(dir.path());
    let mut bytes = fs::read(&block).unwrap();
    // All but what says of what it is made: a length in the last 16 bytes says how long that is.
    let trailer = bytes.len() - 16;
    let meta = u32::from_le_bytes(*bytes[trailer..].first_chunk().unwrap()) as usize;
    bytes[8..trailer - meta].iter_mut().for_each(|byte| *byte ^= 1);
    fs::write(&block, bytes).unwrap();
    let options = LogOptions { retention_ms: DAY, ..options(dir.path()) };
    let (store, _) = LogStore::open(options, T0 + 3 * DAY).unwrap();
    assert_eq!(messages(&store).len() as i64, IN_LOG, "of the block nothing is whole");
    assert!(!store.status().damaged.is_empty());
    // So many that they are the next block, before the damaged one is looked after.
    let more = (0..IN_LOG).map(|n| entry(T0 + 3 * DAY, Level::Info, &format!("more {n}")));
    store.append_wait(more.collect(), None).unwrap();
    settle(&store, T0 + 5 * DAY);
    let names = fs::read_dir(dir.path().join("blocks")).unwrap();
    let names: Vec<_> = names.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["00000002.block"]);
}
