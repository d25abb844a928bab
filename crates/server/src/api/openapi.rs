//! The OpenAPI document, generated from the handlers.

use axum::Json;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    failed, forwarding, health, history, instances, kpis, queues, sources, verdict, workers,
};
use crate::state::AppState;
use crate::{events, exposition, live};

#[derive(OpenApi)]
#[openapi(
    info(title = "Vigie", description = "Every queue, job and worker of a team's Redis, now. Times are RFC 3339 with \
        milliseconds, durations float seconds ending in _seconds; what is absent is null, never 0. Errors are RFC 9457 \
        problem documents.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags((name = "queues"), (name = "workers"), (name = "instances"), (name = "sources"), (name = "metrics"), (name = "events"),
        (name = "logs", description = "Log entries, in and out."),
        (name = "prometheus", description = "Prometheus's HTTP API, with Prometheus's errors."),
        (name = "loki", description = "Loki's HTTP API for reading, with Loki's errors."),
        (name = "live", description = "Server-sent events."), (name = "health")),
    components(schemas(live::wire::NowDocument, live::wire::QueuesDocument, live::wire::WorkersDocument,
        live::wire::SourcesDocument, live::wire::InstancesDocument, live::wire::EventsDocument, live::wire::QueueDocument,
        live::wire::Snapshot, live::wire::Patch, live::wire::Lines))
)]
struct Document;

/// Vigie's own routes, each with its handler.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(verdict::show))
        .routes(routes!(queues::status))
        .routes(routes!(queues::detail))
        .routes(routes!(failed::list))
        .routes(routes!(workers::list))
        .routes(routes!(instances::list))
        .routes(routes!(sources::list))
        .routes(routes!(forwarding::list))
        .routes(routes!(kpis::show))
        .routes(routes!(events::list::list))
        .routes(routes!(events::list::list_at_root))
        .routes(routes!(history::history))
        .routes(routes!(history::heatmap))
        .routes(routes!(history::sparks))
        .routes(routes!(live::stream))
        .routes(routes!(exposition::metrics))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
}

/// The document as JSON text, as `/api/openapi.json` serves it.
#[must_use]
pub fn openapi_json() -> String {
    let all = routes()
        .merge(crate::prometheus::routes())
        .merge(crate::logs::routes())
        .merge(crate::loki::routes());
    let (_, document) = all.split_for_parts();
    document.to_pretty_json().unwrap_or_default()
}

/// Serves the document.
pub(crate) async fn document(document: utoipa::openapi::OpenApi) -> impl IntoResponse {
    Json(document)
}
