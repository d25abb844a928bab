//! The OpenAPI document, generated from the handlers.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodRouter, get};
use utoipa::OpenApi as _;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{Content, OpenApi, RefOr};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    examples, failed, forwarding, health, history, instances, kpis, queues, sources, storage,
    verdict, workers,
};
use crate::problem::PROBLEM_JSON;
use crate::state::AppState;
use crate::{events, exposition, live};

#[derive(utoipa::OpenApi)]
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
        .routes(routes!(storage::list))
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

/// Adds what the attributes of handlers do not say: examples of bodies, and of every problem that it is one.
pub(crate) fn complete(document: &mut OpenApi) {
    examples::add(document);
    name_problems(document);
}

/// Of a problem attributes know its shape only.
fn name_problems(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let PathItem { get, put, post, delete, .. } = item;
        for operation in [get, put, post, delete].into_iter().flatten() {
            for response in operation.responses.responses.values_mut() {
                let RefOr::T(response) = response else { continue };
                let content = std::mem::take(&mut response.content);
                response.content = content
                    .into_iter()
                    .map(|(kind, content)| match is_problem(&content) {
                        true => (PROBLEM_JSON.to_owned(), content),
                        false => (kind, content),
                    })
                    .collect();
            }
        }
    }
}

fn is_problem(content: &RefOr<Content>) -> bool {
    matches!(content, RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. })
        if schema.ref_location.ends_with("Problem"))
}

/// The document as JSON text, as `/api/openapi.json` serves it.
#[must_use]
pub fn openapi_json() -> String {
    let all = routes()
        .merge(crate::prometheus::routes())
        .merge(crate::logs::routes())
        .merge(crate::loki::routes());
    let (_, mut document) = all.split_for_parts();
    complete(&mut document);
    document.to_pretty_json().unwrap_or_default()
}

/// Serves the document. It is kept as text: in memory it takes forty times as much.
pub(crate) fn serve(document: &OpenApi) -> MethodRouter<AppState> {
    let text = Bytes::from(serde_json::to_vec(document).expect("a document is made of text"));
    get(async move || ([(CONTENT_TYPE, "application/json")], text))
}
