//! `GET /api/v1/forwarding`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::NoQuery;
use crate::problem::Problem;
use crate::state::AppState;

/// The answer of `/forwarding`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Forwarding {
    /// The destinations, in the order of the configuration.
    destinations: Vec<Destination>,
}

/// Where log entries are forwarded to, and how that goes. Counts are since Vigie's start.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Destination {
    /// Its name.
    name: String,
    /// `elasticsearch` or `loki`.
    kind: &'static str,
    /// Its address, without secrets.
    url: String,
    /// It took what was last sent; null before the first request.
    up: Option<bool>,
    /// Why it did not.
    error: Option<String>,
    /// Entries that are still to be sent.
    pending: u64,
    /// How long the oldest of them has waited, at the most; null when nothing waits.
    oldest_pending_seconds: Option<f64>,
    /// Entries that it has taken.
    sent: u64,
    /// Entries that it had already when they were sent again.
    repeated: u64,
    /// Entries that it refused for good: they are in its dead letters.
    dead_letters: u64,
    /// Why it refused the last of those.
    dead_letter_reason: Option<String>,
    /// Entries that retention or damage took before they were sent.
    lost: u64,
    /// Entries below its `min_level`.
    skipped: u64,
    /// Requests that had to be sent again.
    retries: u64,
}

/// Where log entries are forwarded to: health, what waits, and what was refused.
#[utoipa::path(get, path = "/api/v1/forwarding", tag = "sources", responses((status = 200, body = Forwarding), (status = 400, body = Problem, description = "a parameter: there are none")))]
pub(crate) async fn list(_: NoQuery, State(app): State<AppState>) -> Json<Forwarding> {
    let destinations = app.forwarders.iter().map(|forwarder| {
        let status = forwarder.status();
        Destination {
            name: forwarder.name().to_owned(),
            kind: forwarder.kind(),
            url: forwarder.display_url().to_owned(),
            up: status.up,
            error: status.error,
            pending: status.pending,
            oldest_pending_seconds: status.oldest_pending_seconds,
            sent: status.sent,
            repeated: status.repeated,
            dead_letters: status.refused,
            dead_letter_reason: status.refused_reason,
            lost: status.lost,
            skipped: status.skipped,
            retries: status.retries,
        }
    });
    Json(Forwarding { destinations: destinations.collect() })
}
