//! Follows files that others write: every line once, over rotation (by renaming, or by copying and truncating), deletion, a
//! crash and a stop of Vigie.
//!
//! How far each file was read is kept with the lines, in one step, by a [`crate::LineKeeper`]. A file is known again by device and
//! inode, and by what was read of it: its first bytes and the last ones before the place. So a file that was truncated, or
//! another one under an old inode, begins anew, and a copy of a truncated one goes on where that one was.
//!
//! [`follow`] does it all; a [`LineParser`] makes entries of lines; [`Tail`] is the same step by step, without a clock and a task.

mod files;
mod follow;
mod followed;
mod mark;
mod paths;
mod scan;
mod status;

#[cfg(test)]
mod schedule_tests;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use vigie_model::{LogEntry, Time};

pub use files::{Batch, Tail};
pub use follow::follow;
pub use paths::{PathFault, PathPatterns};
pub use status::{TailStatus, TailWatch};

/// Bytes of a line that are kept by default, and at most.
pub const LONGEST_LINE: usize = 256 << 10;

/// A line of a file.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// What it says, without its line break. Invalid UTF-8 is replaced; it may be empty.
    pub text: &'a str,
    /// Its length in bytes, where `text` is only its beginning.
    pub cut: Option<u64>,
    /// When it was read.
    pub now: Time,
}

/// Makes entries of the lines of one file. It is asked off the async threads, so it may take its time.
pub trait LineParser: Send {
    /// Takes the next line and puts out the entries that are complete. Every line must come out in some entry sooner or later.
    fn take(&mut self, line: Line<'_>, out: &mut Vec<LogEntry>);

    /// How many of the last lines that were taken are in no entry yet, because the next ones may belong to them: after a crash
    /// those are read again.
    fn held(&self) -> usize {
        0
    }

    /// Puts out what is held: nothing came for a second, or the file has ended.
    fn flush(&mut self, _now: Time, _out: &mut Vec<LogEntry>) {}
}

/// Makes the parser of a file, by the path under which it was found first.
pub type MakeParser = Box<dyn Fn(&Path) -> Box<dyn LineParser> + Send>;

/// Where a file begins that was there before anything was ever read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// With its first line.
    #[default]
    Start,
    /// With the line that is written next. Files that appear later begin with their first.
    End,
}

/// What is followed, and how.
#[derive(Debug, Clone)]
pub struct TailOptions {
    /// The name under which the position is kept, such as `app/files`: the same after each start, at most 512 bytes.
    pub reader: String,
    /// Which files.
    pub paths: PathPatterns,
    /// Where files begin at the very first start.
    pub begin: Begin,
    /// Bytes of a line that are kept: what is longer is cut, and counted. At most [`LONGEST_LINE`].
    pub longest_line: usize,
    /// Time between two looks.
    pub poll: Duration,
}

impl TailOptions {
    /// With the usual values.
    #[must_use]
    pub fn new(reader: impl Into<String>, paths: PathPatterns) -> Self {
        Self {
            reader: reader.into(),
            paths,
            begin: Begin::Start,
            longest_line: LONGEST_LINE,
            poll: Duration::from_millis(250),
        }
    }
}
