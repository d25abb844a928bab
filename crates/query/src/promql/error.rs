//! What is wrong with a query's text, and where.

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// What is wrong, in Prometheus's words where it has some.
    pub message: String,
}

impl ParseError {
    /// An error at a byte of a text.
    pub(super) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let (line, column) = place(text, byte);
        Self { line, column, message: message.into() }
    }
}

/// Line and column, both from 1, of a byte of a text.
pub(crate) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
    (line, before.len() - start + 1)
}
