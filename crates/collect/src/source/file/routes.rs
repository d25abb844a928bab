//! All that is read of a machine's disk: the ordinary files that `paths` name, and beside one that was renamed, truncated or copied
//! those whose names are related to its own (see `crate::tail`). They are opened to be read; none is locked or written to.

/// The label that says which file a line is of, by the path under which it was found first.
pub(super) const FILE_LABEL: &str = "filename";

/// The name under which it is kept how far the files of a source were read.
pub(super) fn reader(source: &str) -> String {
    format!("{source}/files")
}
