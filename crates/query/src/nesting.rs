//! How deep a query may be nested: its parser goes as deep on the stack, and so does everything that walks its tree.

/// The most levels.
pub(crate) const DEEPEST: usize = 80;

/// One level deeper than this, or why not.
pub(crate) fn deeper(depth: usize) -> Result<usize, String> {
    match depth {
        ..DEEPEST => Ok(depth + 1),
        _ => Err(format!("the query is nested deeper than {DEEPEST} levels: split it")),
    }
}
