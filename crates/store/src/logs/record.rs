//! What one append leaves in the log, and reading it back after a start.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use vigie_model::LogEntry;

use super::Position;
use super::columns::{labels_of, labels_text, level};
use crate::bytes::{Bytes, Corrupt, put_signed, put_text, put_varint};
use crate::frame;
use crate::status::Damage;
use crate::wal::replay::Segment;
use crate::wal::{FOLDER, segment_path};

/// What a segment begins with; the last two bytes are the format's number.
pub const MAGIC: &[u8; 8] = b"VIGLWL\0\x01";

/// One append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub generation: u64,
    /// The number of the first entry; the others follow.
    pub first: u64,
    pub position: Option<Position>,
    pub entries: Vec<LogEntry>,
}

fn empty() -> LogEntry {
    let none: Arc<str> = Arc::from("");
    LogEntry {
        time_nanos: 0,
        level: vigie_model::Level::Unknown,
        level_text: none.clone(),
        kind: none.clone(),
        source: none.clone(),
        instance: none.clone(),
        queue: none.clone(),
        job: none.clone(),
        trace: none,
        labels: vigie_model::Labels::default(),
        message: String::new(),
        fields: String::new(),
    }
}

fn shared(entry: &LogEntry) -> [&Arc<str>; 7] {
    let LogEntry { level_text, kind, source, instance, queue, job, trace, .. } = entry;
    [level_text, kind, source, instance, queue, job, trace]
}

/// The body of a record. Of each entry only what is unlike the one before is written.
pub fn body(
    generation: u64,
    first: u64,
    position: Option<&Position>,
    entries: &[LogEntry],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(
        64 + entries
            .iter()
            .map(|entry| entry.message.len() + entry.fields.len() + 32)
            .sum::<usize>(),
    );
    put_varint(&mut out, generation);
    put_varint(&mut out, first);
    out.push(u8::from(position.is_some()));
    if let Some(Position { reader, bytes }) = position {
        put_text(&mut out, reader);
        put_varint(&mut out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
    put_varint(&mut out, entries.len() as u64);
    let start = empty();
    let mut before = &start;
    for entry in entries {
        let same = shared(before)
            .into_iter()
            .zip(shared(entry))
            .map(|(one, two)| Arc::ptr_eq(one, two) || one == two);
        let mut bits =
            same.enumerate().fold(0, |bits, (place, same)| bits | u64::from(!same) << place);
        bits |= u64::from(before.labels != entry.labels) << 7;
        bits |= u64::from(!entry.fields.is_empty()) << 8;
        put_varint(&mut out, bits);
        put_signed(&mut out, entry.time_nanos.wrapping_sub(before.time_nanos));
        out.push(entry.level as u8);
        for (place, text) in shared(entry).into_iter().enumerate() {
            if bits >> place & 1 == 1 {
                put_text(&mut out, text);
            }
        }
        if bits >> 7 & 1 == 1 {
            put_text(&mut out, &labels_text(&entry.labels));
        }
        put_text(&mut out, &entry.message);
        if !entry.fields.is_empty() {
            put_text(&mut out, &entry.fields);
        }
        before = entry;
    }
    out
}

/// Reads a body.
pub fn read(body: &[u8]) -> Result<Record, Corrupt> {
    let mut bytes = Bytes(body);
    let (generation, first) = (bytes.varint()?, bytes.varint()?);
    let position = match bytes.byte()? {
        0 => None,
        1 => {
            let reader = bytes.text()?.to_owned();
            let length = bytes.length()?;
            Some(Position { reader, bytes: bytes.take(length)?.to_vec() })
        }
        _ => return Err(Corrupt("a record of a kind that is not known")),
    };
    let count = bytes.count()?;
    let mut entries = Vec::with_capacity(count.min(body.len() / 4));
    let mut entry = empty();
    for _ in 0..count {
        let bits = bytes.varint()?;
        if bits >> 9 != 0 {
            return Err(Corrupt("an entry with fields that are not known"));
        }
        entry.time_nanos = entry.time_nanos.wrapping_add(bytes.signed()?);
        entry.level = level(bytes.byte()?);
        let LogEntry { level_text, kind, source, instance, queue, job, trace, .. } = &mut entry;
        let all = [level_text, kind, source, instance, queue, job, trace];
        for (place, text) in all.into_iter().enumerate() {
            if bits >> place & 1 == 1 {
                *text = bytes.text()?.into();
            }
        }
        if bits >> 7 & 1 == 1 {
            entry.labels = labels_of(bytes.text()?)?;
        }
        entry.message = bytes.text()?.to_owned();
        entry.fields = if bits >> 8 & 1 == 1 { bytes.text()?.to_owned() } else { String::new() };
        entries.push(entry.clone());
    }
    if bytes.is_empty() {
        Ok(Record { generation, first, position, entries })
    } else {
        Err(Corrupt("a record that is longer than it says"))
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Segments that are there.
    pub segments: Vec<Segment>,
    /// Bytes at the ends of segments that are no whole record.
    pub torn: u64,
    /// What is damaged.
    pub damaged: Vec<Damage>,
}

/// Reads all segments, the oldest first; hands on each record of a generation above `covered` once.
///
/// # Errors
/// When the disk cannot be read.
pub fn replay(dir: &Path, covered: u64, mut each: impl FnMut(Record)) -> io::Result<Replayed> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir.join(FOLDER))? {
        let name = entry?.file_name();
        numbers
            .extend(name.to_str().and_then(|name| name.strip_suffix(".wal")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    let mut replayed = Replayed::default();
    // After a failed sync records are written again: a number that was there is the same record.
    let mut seen = HashSet::new();
    for number in numbers {
        let path = segment_path(dir, number);
        let bytes = fs::read(&path)?;
        let mut damaged = Vec::new();
        let (generation, torn) = segment(&bytes, &mut damaged, |record| {
            if record.generation > covered
                && (record.entries.is_empty() || seen.insert(record.first))
            {
                each(record);
            }
        });
        replayed.torn += torn;
        if !damaged.is_empty() {
            crate::wal::replay::keep_a_copy(&path);
        }
        for (at, what) in damaged {
            let what = format!("byte {at}: {what}; the rest was read");
            replayed.damaged.push(Damage { file: format!("{FOLDER}/{number:08}.wal"), what });
        }
        replayed.segments.push(Segment { number, generation, bytes: bytes.len() as u64 });
    }
    Ok(replayed)
}

/// Reads one segment's bytes: the newest generation, bytes after the last whole record, and what is damaged.
pub fn segment(
    bytes: &[u8],
    damaged: &mut Vec<(usize, String)>,
    mut each: impl FnMut(Record),
) -> (u64, u64) {
    if bytes.len() >= MAGIC.len() && !bytes.starts_with(MAGIC) {
        damaged.push((0, "it does not begin like a log of entries".into()));
    }
    let found = frame::scan(bytes, MAGIC.len().min(bytes.len()));
    damaged.extend(
        found.damaged.iter().map(|gap| (gap.start, format!("{} bytes are damaged", gap.len()))),
    );
    let mut newest = 0;
    for body in found.bodies {
        let at = body.start;
        match bytes.get(body).map(read) {
            Some(Ok(record)) => {
                newest = newest.max(record.generation);
                each(record);
            }
            Some(Err(error)) => damaged.push((at, error.to_string())),
            None => {}
        }
    }
    (newest, (bytes.len() - found.end) as u64)
}
