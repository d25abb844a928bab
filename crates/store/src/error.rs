//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

use vigie_model::io_words;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error(
        "the store in {path} cannot be opened: {}; check that the folder exists, is ours and may be written to",
        io_words(.error)
    )]
    Disk {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Another process has it open.
    #[error(
        "the store in {0} is in use by another process: stop that one, or choose another folder"
    )]
    Locked(PathBuf),
    /// It was written by a newer Vigie.
    #[error(
        "the store in {path} has format {found}, this Vigie knows formats up to {known}: use the newer Vigie, or another folder"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The file that says the format says something else.
    #[error(
        "{0} does not say which format the store has: restore it from a backup, or take it away if the folder holds no store"
    )]
    Format(PathBuf),
}

/// Why nothing of what was to be appended, or no series, was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk did not take it. The samples are in memory, are answered by queries, and are written when the disk works.
    #[error(
        "the samples could not be written to the disk ({0}): they are kept in memory and written when it works again"
    )]
    NotWritten(String),
    /// So much waits for the disk that nothing more is taken.
    #[error(
        "the samples are refused: more than {limit} bytes already wait for the disk ({reason})"
    )]
    Backlog {
        /// Why the disk does not take them.
        reason: String,
        /// How many bytes may wait.
        limit: usize,
    },
    /// There are as many series as there may be.
    #[error("the series is refused: there are {limit} already, which is the limit on series")]
    TooManySeries {
        /// The limit.
        limit: usize,
    },
    /// The series has more labels than a series may have.
    #[error("the series is refused: it has {found} labels, the limit is {limit}")]
    TooManyLabels {
        /// How many it has.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A label's name or value is longer than it may be.
    #[error(
        "the series is refused: the {part} of label {name:?} has {found} bytes, the limit is {limit}"
    )]
    LabelTooLong {
        /// The label's name, shortened.
        name: String,
        /// `name` or `value`.
        part: &'static str,
        /// How long it is.
        found: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A series without labels.
    #[error("the series is refused: it has no labels")]
    NoLabels,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// Why maintenance or a backup did not succeed. It is tried again with the next call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk failed.
    #[error("{doing}: {}", io_words(.error))]
    Disk {
        /// What was being done.
        doing: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// The log could not be written.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// What a backup is to be written to or read from is not fit for that.
    #[error("{path}: {what}")]
    Backup {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        what: String,
    },
}

impl StoreError {
    pub(crate) fn disk(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |error| Self::Disk { doing, error }
    }
}
