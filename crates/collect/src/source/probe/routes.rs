//! What a probe asks for. It is a `GET` of the path that is configured; nothing else is sent.

/// What a probe says it wants: anything, as it is the status that counts.
pub(super) const ACCEPT: &str = "*/*";
/// Bytes of the answer that are read to match the body; more is a fault.
pub(super) const BODY_BYTES: usize = 1024 * 1024;
/// Where a backend is asked when nothing is configured.
pub(super) const PATH: &str = "/";
