//! What a tail tells of itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Figures since the start, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TailStatus {
    /// Files that are followed now.
    pub files: usize,
    /// Files that are meant but over the limit of those that are followed at once.
    pub over_limit: usize,
    /// Lines that were read.
    pub lines: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Lines that were too long, and were cut.
    pub cut: u64,
    /// Lines that are not UTF-8: a mark stands for what could not be read.
    pub mangled: u64,
    /// Bytes that are there and not read yet.
    pub behind_bytes: u64,
    /// What cannot be read, and why.
    pub troubles: BTreeMap<String, String>,
    /// Why the last lines are not kept yet, if they were tried more than once; they are tried again.
    pub not_kept: Option<String>,
}

/// The status of a tail that runs, for whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct TailWatch(Arc<Mutex<Option<TailStatus>>>);

impl TailWatch {
    /// How it stands; `None` before the first look at the files.
    #[must_use]
    pub fn status(&self) -> Option<TailStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, status: TailStatus) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }
}
