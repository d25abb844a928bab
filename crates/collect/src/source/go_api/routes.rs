//! All that is read of a service, and why.

/// The service's own figures: which process it is, how long it runs, its requests and jobs.
pub(super) const METRICS: &str = "/api/v1/metrics";
/// The part of [`METRICS`] in whose place a feed has its own name: `logs` for the lines the service wrote, `events` for deploys and
/// the like, `jobs` for each attempt at a job that has ended (only where `asynq` says whose jobs they are).
pub(super) const LAST: &str = "metrics";
/// JSON is asked for first; who has only Prometheus's text may send that.
pub(super) const ACCEPT: &str =
    "application/json, text/plain;q=0.5, application/openmetrics-text;q=0.4";
/// What may come.
pub(super) const TYPES: [&str; 3] =
    ["application/json", "text/plain", "application/openmetrics-text"];
/// Bytes of a page of figures.
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// What the instances are there for when nothing is said.
pub(super) const ROLE: &str = "api";

/// Entries of a page of a feed.
pub(super) const PAGE_ENTRIES: usize = 2_000;
/// The least that is asked for when larger pages are larger than an answer may be.
pub(super) const FEWEST_ENTRIES: usize = 20;
/// Pages of one feed of one replica that are read before its other feeds have their turn.
pub(super) const PAGES_A_TURN: usize = 10;
/// Cursors that are sent: replicas behind one address.
pub(super) const CURSORS: usize = 64;
/// Pages that are under way at once, of all replicas: what bounds the memory.
pub(super) const PAGES_AT_ONCE: usize = 8;
