//! Caddy's list of upstreams, and the gauge that says which are healthy. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use vigie_model::{Instance, InstanceStatus, Name};

use super::routes::HEALTHY;
use crate::source::prometheus::{DecodeError, figures};

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaddyFault {
    /// The list is none.
    #[error("this is not Caddy's list of upstreams: {0}")]
    Upstreams(String),
    /// The metrics are none.
    #[error("{0}")]
    Metrics(#[from] DecodeError),
}

/// One upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Upstream {
    /// Where it listens, as Caddy dials it.
    pub address: String,
    /// Requests in flight.
    pub num_requests: Option<u64>,
    /// Failures that Caddy remembers (passive health checks).
    pub fails: Option<u64>,
}

/// The upstreams, by address; Caddy lists one once for each proxy that uses it, in any order.
///
/// # Errors
/// [`CaddyFault::Upstreams`] when it is something else.
pub fn upstreams(body: &[u8]) -> Result<Vec<Upstream>, CaddyFault> {
    let list: Option<Vec<Upstream>> =
        serde_json::from_slice(body).map_err(|error| CaddyFault::Upstreams(error.to_string()))?;
    let mut by_address = BTreeMap::new();
    for upstream in list.unwrap_or_default() {
        by_address.entry(upstream.address.clone()).or_insert(upstream);
    }
    Ok(by_address.into_values().collect())
}

/// Which upstreams are healthy in Caddy's eyes.
///
/// # Errors
/// [`CaddyFault::Metrics`] with the line that is wrong.
pub fn healthy(body: &[u8]) -> Result<BTreeMap<String, bool>, CaddyFault> {
    let found = figures(body, |name| name == HEALTHY)?.into_iter();
    Ok(found
        .filter_map(|(labels, value)| Some((labels.get("upstream")?.to_owned(), value > 0.0)))
        .collect())
}

/// What Caddy says of an upstream, as an instance. Without its gauge nothing is known of how it is.
#[must_use]
pub fn instance(upstream: &Upstream, healthy: Option<bool>, role: &Name) -> Instance {
    let fails = upstream.fails.filter(|fails| *fails > 0);
    let counted = fails.map(|fails| format!("Caddy counts {fails} failed requests lately"));
    let (status, word, error) = match (healthy, counted) {
        (Some(false), counted) => {
            let says = "Caddy's health check says unhealthy".to_owned();
            let error = counted.map_or(says.clone(), |counted| format!("{says}; {counted}"));
            (InstanceStatus::Down, Some("unhealthy"), Some(error))
        }
        (Some(true), Some(counted)) => (InstanceStatus::Degraded, Some("healthy"), Some(counted)),
        (Some(true), None) => (InstanceStatus::Up, Some("healthy"), None),
        (None, counted) => (InstanceStatus::Unknown, None, counted),
    };
    let address = Name::from(upstream.address.as_str());
    Instance {
        address: Some(Name::from(upstream.address.to_ascii_lowercase().as_str())),
        status,
        load: upstream.num_requests.map(|requests| requests as f64),
        balancer: word.map(Name::from),
        error,
        ..Instance::unknown(role.clone(), address)
    }
}
