//! All that is read of an nginx.

/// The content types of `stub_status`: its own, and what a location may make of it.
pub(super) const TYPES: [&str; 2] = ["text/plain", "application/octet-stream"];
/// The role of nginx itself.
pub(super) const ROLE: &str = "nginx";
/// The role of its upstreams when none is said.
pub(super) const UPSTREAM_ROLE: &str = "upstream";
