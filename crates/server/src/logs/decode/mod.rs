//! What the bodies of the doors say. Pure: bytes in, entries or what is wrong with them out; the fuzz targets drive these.

pub(super) mod bulk;
pub(super) mod loki;
pub(super) mod ndjson;
