//! All routes and what wraps them.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::access::{AllowedHosts, guard};
use crate::api;
use crate::problem::Problem;
use crate::prometheus::{self, Metrics};
use crate::state::AppState;
use crate::web_files;
use crate::{logs, loki};

/// No answer of Vigie's own paths takes longer to begin; the live stream begins at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// None of them takes a body of any size.
const BODY_BYTES: usize = 64 * 1024;

/// Everything that Vigie answers.
pub fn router(state: AppState, hosts: AllowedHosts) -> Router {
    // Prometheus's and Loki's paths are merged after these layers: they have limits of their own.
    let own = api::routes()
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn(in_time));
    let (routes, mut document) = own
        .merge(prometheus::routes())
        .merge(logs::routes())
        .merge(loki::routes())
        .split_for_parts();
    api::complete(&mut document);
    // The stream is compressed by the hub, once for all clients; small answers are not worth it.
    let compressible = SizeAbove::new(1_024).and(NotForContentType::const_new("text/event-stream"));
    // A fourth larger than at the usual level, in a fifth of the time, which large answers would mostly take. The quickest
    // level is twice as large for little.
    let compression = CompressionLayer::new().gzip(true).quality(CompressionLevel::Precise(2));
    let elsewhere = state.metrics.clone().filter(Metrics::is_elsewhere);
    let mut routes = routes
        .route("/api/openapi.json", api::serve(&document))
        .fallback(web_files::serve)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(state);
    if let Some(metrics) = elsewhere {
        routes = routes.layer(axum::middleware::from_fn_with_state(metrics, prometheus::pass_on));
    }
    // One stack of layers, outermost first: each that is put on by itself is one more service that every request clones.
    routes.layer((
        axum::middleware::from_fn_with_state(hosts, guard),
        CatchPanicLayer::custom(after_panic),
        compression.compress_when(compressible),
        axum::middleware::from_fn(web_files::page_first),
    ))
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        let within = ANSWER_WITHIN.as_secs();
        Problem::unavailable(format!("There was no answer within {within} s.")).into_response()
    })
}

/// A panic is Vigie's own fault: it is logged, and the client learns no more than that.
fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = words, "a request handler panicked");
    Problem::internal().into_response()
}
