//! What every request passes: whose host it names, what a browser may do with the answer, and how parameters are
//! read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The names under which this Vigie answers. A web page of another site that points its own name at 127.0.0.1
/// (DNS rebinding) sends that name, and gets nothing.
#[derive(Debug, Clone)]
pub struct AllowedHosts(Arc<BTreeSet<String>>);

impl AllowedHosts {
    /// Loopback's own names, and `more` from the configuration.
    #[must_use]
    pub fn new(more: &[String]) -> Self {
        let own = ["127.0.0.1", "localhost", "[::1]"].map(str::to_owned);
        Self(Arc::new(
            own.into_iter().chain(more.iter().map(|host| host.to_ascii_lowercase())).collect(),
        ))
    }

    fn allows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port))
                if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() =>
            {
                name
            }
            _ => host,
        };
        self.0.contains(&name.to_ascii_lowercase())
    }
}

/// Refuses requests that were made for another host.
pub(crate) async fn check_host(
    State(hosts): State<AllowedHosts>,
    request: Request,
    next: Next,
) -> Response {
    let named = match request.uri().host() {
        // An absolute-form target overrides the header (RFC 9112, 3.2.2).
        Some(host) => host.to_owned(),
        None => {
            let mut headers = request.headers().get_all(header::HOST).iter();
            match (headers.next(), headers.next()) {
                (Some(one), None) => String::from_utf8_lossy(one.as_bytes()).into_owned(),
                _ => String::new(),
            }
        }
    };
    if hosts.allows(&named) {
        next.run(request).await
    } else {
        Problem::wrong_host(&named).into_response()
    }
}

/// What a browser may do with any answer: nothing from elsewhere, nothing inline, in no frame.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
             connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Adds the headers that protect a browser, and forbids storing what has no caching of its own.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Query parameters, with errors that say which one is wrong.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| Problem::bad_parameter(rejection.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_answered() {
        let hosts = AllowedHosts::new(&["Vigie.example".to_owned()]);
        for host in [
            "127.0.0.1:4780",
            "localhost",
            "LOCALHOST:80",
            "[::1]:4780",
            "[::1]",
            "vigie.example:443",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost:80:80",
            "127.0.0.1@evil",
            ":4780",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
    }
}
