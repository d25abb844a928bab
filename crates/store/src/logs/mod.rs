//! Log entries on disk: columns in immutable blocks, found by time, level, fields and text.
//!
//! [`LogStore`] is the store. An append goes to the log (the same that metrics have: `wal`) and to the head in memory at
//! once; the head becomes a block (`block`) of parts (`part`): columns compressed by zstd, a bloom filter of whole words and a
//! bitmap of runs of three bytes (`words`), and counts by minute and level. [`LogFilter`] says what is wanted, [`Scan`] hands
//! it out by time, a page at a time or all of it. `docs/store-format.md` has the bytes.

mod arrivals;
mod backup;
mod block;
mod columns;
mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod lines;
mod maintain;
mod numbers;
mod open;
mod part;
mod positions;
mod record;
mod rows;
mod scan;
mod shape;
mod shaped;
mod status;
mod store;
mod stretch;
mod summary;
#[cfg(test)]
mod testing;
mod text;
mod verdict;
mod words;

pub use arrivals::{Arrivals, ArrivalsError};
pub use filter::{Condition, FilterError, LogField, LogFilter};
pub use lines::{DECIMAL_HERE, EachLines, HEX_HERE, LinesOf, Messages, Parts, WORD_HERE};
pub use scan::{Cursor, CursorError, Found, LogReadError, Order, Page, Scan};
pub use status::{
    LogAppendError, LogAppended, LogMaintenance, LogOptions, LogRecovery, LogRefusal, LogRefused,
    LogStatus, Position,
};
pub use store::{LARGEST_APPEND, LONGEST_ENTRY, LogStore};
pub use summary::{Facet, Facets, HistogramStep};
pub use text::{TextMatch, TextScope};
