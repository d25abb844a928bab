//! Reads the log after a start.

use std::fs;
use std::io;
use std::path::Path;

use super::record::{self, LogSample, MAGIC};
use super::{FOLDER, segment_path};
use crate::frame;
use crate::status::Damage;

/// A segment on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its number, which is its file's name.
    pub number: u64,
    /// The newest generation in it.
    pub generation: u64,
    /// How long it is.
    pub bytes: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Segments that are there.
    pub segments: Vec<Segment>,
    /// Samples that were handed on.
    pub samples: u64,
    /// Bytes at the ends of segments that are no whole record: writes that were cut off, never acknowledged.
    pub torn: u64,
    /// What is damaged.
    pub damaged: Vec<Damage>,
}

/// What one segment's bytes hold.
#[derive(Debug, Default)]
pub struct Content {
    /// The newest generation.
    pub generation: u64,
    /// Samples that were handed on.
    pub samples: u64,
    /// Bytes after the last whole record.
    pub torn: u64,
    /// Where bytes are no records though records follow, and what is wrong with them.
    pub damaged: Vec<(usize, String)>,
}

/// Reads one segment's bytes; hands on the samples of generations above `covered`.
pub fn read(bytes: &[u8], covered: u64, mut each: impl FnMut(LogSample)) -> Content {
    let mut content = Content::default();
    let magic = bytes.get(..MAGIC.len()).unwrap_or(bytes);
    if magic != MAGIC && bytes.len() >= MAGIC.len() {
        content.damaged.push((0, "it does not begin like a log".into()));
    }
    let found = frame::scan(bytes, MAGIC.len().min(bytes.len()));
    content.torn = (bytes.len() - found.end) as u64;
    for gap in found.damaged {
        content.damaged.push((gap.start, format!("{} bytes are damaged", gap.len())));
    }
    for body in found.bodies {
        let at = body.start;
        let Some(body) = bytes.get(body) else { continue };
        let read = record::generation(body).and_then(|generation| {
            content.generation = content.generation.max(generation);
            if generation <= covered {
                return Ok(());
            }
            record::read(body, |sample| {
                content.samples += 1;
                each(sample);
            })
        });
        if let Err(error) = read {
            content.damaged.push((at, error.to_string()));
        }
    }
    content
}

/// Reads all segments of the store in `dir`, the oldest first.
///
/// # Errors
/// When the disk cannot be read.
pub fn replay(dir: &Path, covered: u64, mut each: impl FnMut(LogSample)) -> io::Result<Replayed> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir.join(FOLDER))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".wal")?.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    let mut replayed = Replayed::default();
    for number in numbers {
        let path = segment_path(dir, number);
        let bytes = fs::read(&path)?;
        let content = read(&bytes, covered, &mut each);
        replayed.samples += content.samples;
        replayed.torn += content.torn;
        if !content.damaged.is_empty() {
            keep_a_copy(&path);
        }
        for (at, what) in content.damaged {
            let what = format!("byte {at}: {what}; the rest was read");
            replayed.damaged.push(Damage { file: format!("{FOLDER}/{number:08}.wal"), what });
        }
        let (generation, bytes) = (content.generation, bytes.len() as u64);
        replayed.segments.push(Segment { number, generation, bytes });
    }
    Ok(replayed)
}

/// What is damaged stays to be looked at after the log has no more need of it.
pub fn keep_a_copy(path: &Path) {
    let copy = path.with_extension("wal.damaged");
    if !copy.exists()
        && let Err(error) = fs::copy(path, &copy)
    {
        tracing::warn!(path = %path.display(), %error, "a damaged log segment could not be copied");
    }
}
