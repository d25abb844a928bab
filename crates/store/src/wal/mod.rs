//! The log ahead of the head: what is acknowledged is in it, on the disk.
//!
//! [`queue`] is where appenders leave records and wait; [`writer`] is the thread that takes what is there, writes it, syncs
//! once, and lets all of them go (group commit); [`replay`] reads it after a start; [`record`] is the bytes.

pub mod queue;
pub mod record;
pub mod replay;
mod writer;

pub use queue::Wal;

use std::path::{Path, PathBuf};

/// The folder of segments within a store's folder.
pub const FOLDER: &str = "wal";
/// A segment is not added to beyond this.
const SEGMENT_BYTES: u64 = 64 << 20;

/// A segment's file.
pub fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(FOLDER).join(format!("{number:08}.wal"))
}
