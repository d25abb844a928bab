//! The dashboard's files, embedded in the binary and compressed when it was built.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::logs::bulk;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct WebFiles;

/// Compressed variants, best first, with their suffix on disk.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Serves a file, or the page itself for paths that the dashboard routes; everything else is a 404, which the dashboard puts into
/// words for browsers.
pub(crate) async fn serve(request: Request) -> Response {
    // Filebeat and its like begin so.
    if request.uri().path() == "/" && bulk::asks_what_this_is(request.headers()) {
        return bulk::what_this_is();
    }
    if bulk::asks_for_an_index(&request) {
        return bulk::set_up().await;
    }
    let path = request.uri().path().trim_start_matches('/');
    let is_file = WebFiles::get(path).is_some();
    // As Loki says it: Grafana takes this for a server that has no such feature.
    if path.starts_with("loki/") {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    }
    if !is_file && !is_page(path) && wants_page(&request) {
        // The dashboard says it to people.
        return (StatusCode::NOT_FOUND, file("index.html", request.headers())).into_response();
    }
    if !is_file && !is_page(path) {
        let shown: String = path.chars().take(200).collect();
        return Problem::not_found(format!("There is nothing at /{shown}; see /api/docs."))
            .into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::method_not_allowed().into_response();
    }
    let name = if is_file { path } else { "index.html" };
    file(name, request.headers())
}

/// What the paths of pages begin with (`web/src/routes/router.tsx`).
const PAGES: [&str; 7] =
    ["queues", "workers", "instances", "logs", "events", "explore", "settings"];

/// Whether the dashboard has a page there.
fn is_page(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    path.is_empty() || path == "api/docs" || PAGES.contains(&first)
}

/// Paths that are a page to a browser that is sent there and an answer in JSON to everything else.
const PAGES_AND_ANSWERS: [&str; 2] = ["/logs", "/events"];

/// Whether a browser was sent there to show it.
fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get_all(header::ACCEPT).iter();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && accept
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|one| accepts(one, "text/html"))
}

/// Gives browsers the page where the same path is an answer of the API: who asks for HTML wants to look at it.
pub(crate) async fn page_first(request: Request, next: Next) -> Response {
    if !PAGES_AND_ANSWERS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let mut response = if wants_page(&request) {
        file("index.html", request.headers())
    } else {
        next.run(request).await
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn file(name: &str, request: &HeaderMap) -> Response {
    let accepted = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let encoded = ENCODINGS.iter().find_map(|(encoding, suffix)| {
        let wanted = accepted.split(',').any(|one| accepts(one, encoding));
        wanted
            .then(|| WebFiles::get(&format!("{name}{suffix}")))?
            .map(|file| (Some(*encoding), file))
    });
    let Some((encoding, file)) = encoded.or_else(|| WebFiles::get(name).map(|file| (None, file)))
    else {
        return Problem::not_found("The dashboard was not built into this binary.").into_response();
    };
    answer(name, encoding, &file, request)
}

fn accepts(offer: &str, encoding: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let refused = parts.any(|weight| weight.trim_start_matches("q=").parse() == Ok(0.0));
    name.eq_ignore_ascii_case(encoding) && !refused
}

fn answer(
    name: &str,
    encoding: Option<&'static str>,
    file: &EmbeddedFile,
    request: &HeaderMap,
) -> Response {
    let tag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let mut headers = HeaderMap::new();
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let kind =
        if kind.type_() == "text" { format!("{kind}; charset=utf-8") } else { kind.to_string() };
    // Hashed names never change their content; everything else is asked for again each time.
    let caching = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    for (key, value) in [(header::CONTENT_TYPE, &kind), (header::ETAG, &tag)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(key, value);
        }
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, Body::from(file.data.clone().into_owned())).into_response()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_those_of_the_dashboard() {
        let router = include_str!("../../../web/src/routes/router.tsx");
        let paths = router.split("path: '/").skip(1).filter_map(|rest| rest.split('\'').next());
        let paths: Vec<&str> = paths.collect();
        assert!(paths.len() > 8, "{paths:?}");
        assert!(paths.iter().all(|path| is_page(path)), "{paths:?}");
        let begins = |page: &str| paths.iter().any(|path| path.split('/').next() == Some(page));
        assert!(PAGES.iter().all(|page| begins(page)));
        for path in
            ["readyz/", "metrics/", "loki/api/v1/rules", "_search", "federate", "assets/x.js"]
        {
            assert!(!is_page(path), "{path}");
        }
    }
}
