//! Where sources that read log lines and events put them, and how far each reader has come.

use std::fmt;

use futures_util::future::BoxFuture;
use vigie_model::LogEntry;

/// How far a reader of a foreign log has come, in its own notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePosition {
    /// Which reader, for example `api/http://10.0.0.3:8080/logs`: at most 512 bytes, the same after each start.
    pub reader: String,
    /// How far: at most 64 KiB.
    pub bytes: Vec<u8>,
}

/// Keeps lines. One is given to each source that reads some.
pub trait LineKeeper: Send + Sync {
    /// How far `reader` had come with the lines that are on the disk; `None` where it has never kept any.
    fn position(&self, reader: &str) -> Option<Vec<u8>>;

    /// Keeps entries, and with them, in one step, how far their reader has come. It returns once they are on the disk: only then
    /// may the reader go on, and what it read after the last success it reads again after a start. So no line is lost or
    /// kept twice. After an error the disk may get them yet: the reader gives the same entries and position again, or goes on from
    /// what [`Self::position`] says then. Entries that are too long or outside of the retention are left out and counted.
    fn keep(
        &self,
        entries: Vec<LogEntry>,
        position: LinePosition,
    ) -> BoxFuture<'_, Result<(), LinesNotKept>>;

    /// Counts lines of a reader that are not kept as they were: `why` is `cut` or `encoding`.
    fn altered(&self, _reader: &str, _why: &'static str, _lines: u64) {}
}

/// Why lines were not kept: the disk is full, or there is no log store. To be tried again, slower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesNotKept(pub String);

impl fmt::Display for LinesNotKept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "lines are not kept: {}", self.0)
    }
}

impl std::error::Error for LinesNotKept {}
