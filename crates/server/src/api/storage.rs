//! `GET /api/v1/storage`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use vigie_board::Keeping;

use crate::access::NoQuery;
use crate::problem::Problem;
use crate::prometheus::Metrics;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// The answer of `/storage`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Storage {
    /// Metrics, unless they are kept elsewhere, and logs.
    stores: Vec<KeptStore>,
    /// What tells Vigie's own series from copies of them and from those of another Vigie, in matchers of PromQL; an empty
    /// value is that of a label that they do not have. Null where no metrics are kept.
    own_labels: Option<BTreeMap<String, String>>,
}

/// What is kept in `data_dir`, and whether the disk takes it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct KeptStore {
    /// `metrics` or `logs`.
    what: &'static str,
    /// The disk takes it. What it does not take waits in memory, as far as it fits, and is lost with it.
    kept: bool,
    /// Why it is not kept.
    error: Option<String>,
    /// Since when it is not.
    since: Option<String>,
    /// Bytes on the disk; null while the store is not open.
    bytes: Option<u64>,
}

/// What is kept on the disk of `data_dir`, how large it is, and why not, if it is not.
#[utoipa::path(get, path = "/api/v1/storage", tag = "sources", responses((status = 200, body = Storage), (status = 400, body = Problem, description = "a parameter: there are none")))]
pub(crate) async fn list(_: NoQuery, State(app): State<AppState>) -> Json<Storage> {
    let metrics = app.metrics.as_ref().map(Metrics::figures);
    let own_labels = app.metrics.as_ref().map(|metrics| metrics.own().clone());
    let logs = app.logs.as_ref().map(|logs| logs.bytes());
    let board = app.board.read();
    let store = |what: Keeping, bytes: Option<u64>| {
        let not_kept = board.why_not_kept(what);
        KeptStore {
            what: what.as_str(),
            kept: not_kept.is_none() && bytes.is_some(),
            error: not_kept.map(|not_kept| not_kept.why.clone()),
            since: not_kept.map(|not_kept| rfc3339(not_kept.since)),
            bytes,
        }
    };
    let metrics = match metrics {
        // They are kept by a backend elsewhere.
        Some(None) => None,
        here => Some(store(Keeping::Metrics, here.flatten().map(|figures| figures.bytes))),
    };
    let logs = store(Keeping::Logs, logs);
    Json(Storage { stores: metrics.into_iter().chain([logs]).collect(), own_labels })
}
