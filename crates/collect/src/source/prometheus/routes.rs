//! What is asked of an exporter, and what it may answer.

/// The path, unless the configuration says another.
pub(super) const METRICS: &str = "/metrics";

/// What an exposition may be called; some exporters call it nothing.
pub(super) const TYPES: [&str; 4] =
    ["", "text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"];

/// The same for people.
pub(super) const WANTED: &str = "metrics (Prometheus text, OpenMetrics or protobuf)";
