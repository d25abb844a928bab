//! What the bodies of the doors say. Pure: bytes in, entries or what is wrong with them out; the fuzz targets drive these.

pub(super) mod bulk;
pub(super) mod loki;
pub(super) mod ndjson;

/// A body in JSON without the mark of its byte order, with which some editors and shells begin a file.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}
