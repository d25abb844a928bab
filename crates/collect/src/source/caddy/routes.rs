//! All that is read of Caddy's admin API, and why.

/// The upstreams of all reverse proxies with their requests in flight and their recent failures. It does not say how
/// they are.
pub(super) const UPSTREAMS: &str = "/reverse_proxy/upstreams";
/// Whether the upstreams are healthy: a gauge of 1 or 0 each, some seconds late.
pub(super) const METRICS: &str = "/metrics";
/// The name of that gauge.
pub(super) const HEALTHY: &str = "caddy_reverse_proxy_upstreams_healthy";
/// The content types of the first, and of the second.
pub(super) const JSON: [&str; 1] = ["application/json"];
pub(super) const TEXT: [&str; 2] = ["text/plain", "application/openmetrics-text"];
