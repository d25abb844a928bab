//! What every request passes: whose host it names, what a browser may do with the answer, and how parameters are
//! read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
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

    /// The host that a request names, where it is none of these.
    fn refused(&self, request: &Request) -> Option<String> {
        let named = match request.uri().host() {
            // An absolute-form target overrides the header (RFC 9112, 3.2.2).
            Some(host) => Cow::Borrowed(host),
            None => {
                let mut headers = request.headers().get_all(header::HOST).iter();
                match (headers.next(), headers.next()) {
                    (Some(one), None) => String::from_utf8_lossy(one.as_bytes()),
                    _ => Cow::Borrowed(""),
                }
            }
        };
        (!self.allows(&named)).then(|| named.into_owned())
    }
}

/// Whether a request is none of a page of another site. Such a page may send to here what needs no permission; its browser says whose
/// it is, by a header that no page can set, or else by the name of the site, which a proxy before Vigie may not know it by.
pub(crate) fn is_own_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host))
}

/// What every request passes: refuses those that were made for another host, and what a page of another site wants to change here;
/// adds to each answer the headers that protect a browser, and forbids storing what has no caching of its own.
pub(crate) async fn guard(
    State(hosts): State<AllowedHosts>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = if let Some(named) = hosts.refused(&request) {
        Problem::wrong_host(&named).into_response()
    } else if request.method().is_safe() || is_own_origin(request.headers()) {
        next.run(request).await
    } else {
        Problem::other_origin().into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    let (name, value) = NOT_STORED;
    headers.entry(name).or_insert(value);
    response
}

/// A sender has this long for a form.
const FORM_WITHIN: Duration = Duration::from_secs(30);

/// The parameters of a request as Prometheus and Loki take them: those of the form in its body, then those in its address.
///
/// # Errors
/// Why the form cannot be read.
pub(crate) async fn form_and_query(request: Request) -> Result<Vec<(String, String)>, String> {
    let read = |encoded: &[u8]| form_urlencoded::parse(encoded).into_owned().collect::<Vec<_>>();
    let mut in_url = read(request.uri().query().unwrap_or_default().as_bytes());
    let kind = request.headers().get(header::CONTENT_TYPE);
    let form = kind.is_some_and(|kind| {
        kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
    });
    if !form {
        return Ok(in_url);
    }
    let body = tokio::time::timeout(FORM_WITHIN, request.extract::<Bytes, _>()).await;
    let body = body
        .map_err(|_| format!("it did not come within {} s", FORM_WITHIN.as_secs()))?
        .map_err(|rejection| rejection.to_string())?;
    let mut all = read(&body);
    all.append(&mut in_url);
    Ok(all)
}

/// What a browser may do with any answer: nothing from elsewhere, nothing inline, in no frame.
pub(crate) const HEADERS: [(HeaderName, HeaderValue); 6] = [
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

/// What has no caching of its own is stored nowhere.
pub(crate) const NOT_STORED: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

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

/// The names within a path, with errors that say which one is wrong.
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| Problem::bad_parameter(rejection.body_text()))
    }
}

/// That a request has no query parameters, of a resource that knows none: one that is misspelled is not passed over.
pub(crate) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match parts.uri.query().filter(|query| !query.is_empty()) {
            None => Ok(Self),
            Some(query) => {
                let first: String = query.chars().take_while(|one| !"=&".contains(*one)).collect();
                Err(Problem::bad_parameter(format!(
                    "unknown field `{first}`: there is no parameter here"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites_are_told_by_their_origin() {
        let mut fetched = HeaderMap::new();
        fetched.insert(header::HOST, HeaderValue::from_static("127.0.0.1:1"));
        fetched.insert(header::ORIGIN, HeaderValue::from_static("https://vigie.example"));
        for (site, expected) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            fetched.insert("sec-fetch-site", HeaderValue::from_static(site));
            assert_eq!(is_own_origin(&fetched), expected, "{site}");
        }
        let own = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:4780"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            is_own_origin(&headers)
        };
        assert!(
            own(None) && own(Some("http://localhost:4780")) && own(Some("https://LOCALHOST:4780"))
        );
        for origin in ["null", "", "http://evil.example", "http://localhost", "localhost:4780"] {
            assert!(!own(Some(origin)), "{origin}");
        }
    }

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
