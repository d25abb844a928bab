//! All that is read of a service, and why.

/// The service's own figures: which process it is, how long it runs, its requests and jobs.
pub(super) const METRICS: &str = "/api/v1/metrics";
/// JSON is asked for first; who has only Prometheus's text may send that.
pub(super) const ACCEPT: &str =
    "application/json, text/plain;q=0.5, application/openmetrics-text;q=0.4";
/// What may come.
pub(super) const TYPES: [&str; 3] =
    ["application/json", "text/plain", "application/openmetrics-text"];
/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// What the instances are there for when nothing is said.
pub(super) const ROLE: &str = "api";
