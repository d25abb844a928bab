//! The readers of the stores' files. The store itself says what must hold.

use std::path::PathBuf;
use std::sync::LazyLock;

/// A file of this process for the reader of blocks, which reads at places.
static SCRATCH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("vigie-fuzz-block-{}", std::process::id())));

/// A block.
pub fn store_block(data: &[u8]) {
    vigie_store::fuzzing::block(data, &SCRATCH);
}

/// A segment of the log.
pub fn store_log(data: &[u8]) {
    vigie_store::fuzzing::log(data);
}

/// The registry.
pub fn store_registry(data: &[u8]) {
    vigie_store::fuzzing::registry(data);
}

/// A block of log entries.
pub fn log_block(data: &[u8]) {
    vigie_store::logs::fuzzing::block(data, &SCRATCH);
}

/// A segment of the log ahead of them.
pub fn log_segment(data: &[u8]) {
    vigie_store::logs::fuzzing::log(data);
}
