//! `GET /api/v1/instances`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_board::InstanceView;
use vigie_model::Name;

use super::queues::check_source;
use super::wire::micros;
use crate::access::Query;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// The statuses there are.
const STATUSES: [&str; 4] = ["up", "down", "degraded", "unknown"];

/// Which instances are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstanceFilter {
    /// Only of this source.
    source: Option<String>,
    /// Only of this role.
    role: Option<String>,
    /// Only with this status: `up`, `down`, `degraded` or `unknown`.
    status: Option<String>,
}

/// The answer of `/instances`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Instances {
    /// The instances, by source, role and name.
    instances: Vec<Instance>,
}

/// How long an instance took to answer, in seconds, over the last five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Latency {
    /// The median; null when it did not answer.
    pub p50: Option<f64>,
    /// The 95th percentile; null when it did not answer.
    pub p95: Option<f64>,
}

/// An instance: a running process behind a service, as one source sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Instance {
    /// The source that sees it.
    pub source: String,
    /// Its name: what the load balancer calls it, or its address.
    pub instance: String,
    /// What it calls itself, as its log entries do; null where nobody tells.
    pub name: Option<String>,
    /// What it is there for: a load balancer's backend, `api`, `probe`, …
    pub role: String,
    /// `up`, `down`, `degraded` or `unknown`. A load balancer and a probe that contradict each other are `degraded`,
    /// and `error` says both.
    pub status: &'static str,
    /// Since when its source sees it so.
    pub since: String,
    /// How long it took to answer.
    pub latency: Latency,
    /// Requests in flight or sessions; null where nobody tells.
    pub load: Option<f64>,
    /// The version that it runs; null where nobody tells.
    pub version: Option<String>,
    /// The load balancer's word, such as `UP` or `DOWN`; null when it is behind none that Vigie watches.
    pub balancer: Option<String>,
    /// The probe's word: `ok`, or what went wrong; null when nobody probes it.
    pub probe: Option<String>,
    /// What is wrong, in the words of who found it.
    pub error: Option<String>,
}

impl Instance {
    pub(crate) fn new(view: &InstanceView<'_>) -> Self {
        let text = |name: Option<&Name>| name.map(ToString::to_string);
        Self {
            source: view.source.to_string(),
            instance: view.instance.key.instance.to_string(),
            name: text(view.name),
            role: view.instance.key.role.to_string(),
            status: view.status.as_str(),
            since: rfc3339(view.since),
            latency: Latency {
                p50: view.latency.p50.map(micros),
                p95: view.latency.p95.map(micros),
            },
            load: view.instance.load.filter(|_| !view.stale),
            version: text(view.instance.version.as_ref()),
            balancer: text(view.balancer),
            probe: text(view.probe),
            error: view.error.clone(),
        }
    }
}

/// The running processes behind services, as load balancers, probes and they themselves say.
#[utoipa::path(get, path = "/api/v1/instances", tag = "instances", params(InstanceFilter),
    responses((status = 200, body = Instances), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<InstanceFilter>,
) -> Result<Json<Instances>, Problem> {
    if let Some(status) = filter.status.as_deref().filter(|status| !STATUSES.contains(status)) {
        return Err(Problem::bad_parameter(format!(
            "status is {status:?}; it is one of {}.",
            STATUSES.join(", ")
        )));
    }
    let now = app.time();
    let board = app.board.read();
    check_source(&board, filter.source.as_deref(), now)?;
    let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|text| text == own);
    let wanted = board.instances(now).filter(|view| {
        is(&filter.source, view.source.as_str())
            && is(&filter.role, view.instance.key.role.as_str())
            && is(&filter.status, view.status.as_str())
    });
    let instances = wanted.map(|view| Instance::new(&view)).collect();
    Ok(Json(Instances { instances }))
}
