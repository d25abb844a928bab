//! Bytes on disk: metrics, kept for weeks in one small folder, with crash safety, compression and retention.
//!
//! [`Store`] is the store. A sample goes to the log (`wal`) and the head at once; about every half hour the head becomes
//! immutable blocks, which are merged, downsampled and removed as they age (`maintain`). `docs/store-format.md` has the
//! bytes. [`read`] is what a query language needs of a storage; [`matcher`] is how it says which series it wants.

mod append;
mod backup;
mod block;
mod block_file;
pub mod bytes;
mod codec;
pub mod disk;
pub mod error;
mod folder;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod held;
mod index;
pub mod logs;
mod maintain;
pub mod matcher;
mod merge;
mod metadata;
mod names;
mod open;
mod options;
pub mod read;
mod registry;
mod repeat;
mod resolution;
mod sample;
mod select;
mod status;
mod store;
mod wal;

pub use backup::{BackupReport, restore};
pub use codec::histogram as histogram_bytes;
pub use error::{AppendError, OpenError, StoreError};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use metadata::Metadata;
pub use names::KnownNames;
pub use options::StoreOptions;
pub use read::{
    Coarse, FoundSeries, Hints, ReadError, Samples, SeriesReader, Storage, Stretch, TimeRange,
    Windows,
};
pub use sample::{Appended, Sample, SeriesHandle, Value};
pub use status::{Damage, Maintenance, Recovery, Refusals, StoreStatus};
pub use store::Store;

/// The bits of the NaN that marks a series as ended (stale), as Prometheus defines them.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether a value is the staleness marker, and not a value.
#[must_use]
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}
