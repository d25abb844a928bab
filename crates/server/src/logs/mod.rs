//! Log entries, in and out: the doors by which they come, what is done to them before they are kept, and how they are
//! asked for.

pub(crate) mod bulk;
mod decode;
mod events;
mod loki;
mod ndjson;
mod read;
mod redact;
mod tails;
mod taking;

pub(crate) use decode::without_mark;
pub(crate) use read::{LogLine, LogQuery, check_range, search};
pub use redact::{LogRules, LogRulesError};
pub(crate) use tails::Tail;
pub use taking::Logs;
pub(crate) use taking::{
    appends as entries_in_appends, push as push_entries, refused as refused_entries,
};

use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Every path of logs. Bodies have limits of their own.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read::list, ndjson::push))
        .routes(routes!(read::list_at_root))
        .routes(routes!(read::histogram))
        .routes(routes!(read::facets))
        .routes(routes!(loki::push))
        .routes(routes!(bulk::bulk))
        .routes(routes!(bulk::bulk_of_index))
        .routes(routes!(bulk::document))
        .routes(routes!(bulk::document_with_id))
        .routes(routes!(bulk::new_document))
        .routes(routes!(events::push))
        .route("/_license", get(bulk::license))
        .route("/_xpack", get(bulk::features))
        .route("/_nodes/http", get(bulk::nodes))
        .route("/_cluster/health", get(bulk::health))
        .route("/_ilm/policy/{name}", any(bulk::set_up))
        .route("/_alias/{name}", any(bulk::set_up))
        .route("/_index_template/{name}", any(bulk::set_up))
        .route("/_component_template/{name}", any(bulk::set_up))
        .route("/_template/{name}", any(bulk::set_up))
        .route("/_data_stream/{name}", any(bulk::set_up))
        .route("/_ingest/pipeline/{name}", any(bulk::set_up))
}
