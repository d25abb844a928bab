//! Errors as RFC 9457 problem documents: what was wrong, where, and what to do.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::listener::{HEAD_BYTES, HEADERS};

/// The content type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that says what was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// A name for this kind of problem, stable for programs: `/problems/<kind>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What was wrong this time and what to do.
    pub detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// 400: a parameter is not what it should be.
    pub fn bad_parameter(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", "A parameter is not valid", detail)
    }

    /// 400: a part of what was sent is not kept.
    pub fn partly_refused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "partly-refused", "A part of it is refused", detail)
    }

    /// 403: a page of another site asks for a change.
    pub fn other_origin() -> Self {
        let detail = "The Origin header names another site than this Vigie: pages elsewhere may not change anything here.";
        Self::new(StatusCode::FORBIDDEN, "other-origin", "Not for pages of other sites", detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// 405: the path exists, the method does not.
    pub fn method_not_allowed() -> Self {
        let detail = "This path does not answer to this method; most answer to GET and HEAD only. See /api/openapi.json.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This method is not allowed",
            detail,
        )
    }

    /// 409: the name is that of several things.
    pub fn ambiguous(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "ambiguous", "The name is that of several things", detail)
    }

    /// A door of Vigie's own does not take what was sent.
    pub fn refused(status: StatusCode, detail: impl Into<String>) -> Self {
        let (kind, title) = match status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported", "It is not known how to read this")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "It is over a limit"),
            StatusCode::BAD_REQUEST => ("malformed", "It is not what is taken here"),
            StatusCode::REQUEST_TIMEOUT => ("too-slow", "The body did not come in time"),
            StatusCode::TOO_MANY_REQUESTS => ("too-fast", "It is more than may come at once"),
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "It cannot be had now"),
            _ => ("internal", "Vigie's own fault"),
        };
        Self::new(status, kind, title, detail)
    }

    /// 400, 414, 431: the head of a request cannot be read. The connection is closed behind it.
    pub(crate) fn unreadable(status: StatusCode) -> Self {
        let longest = HEAD_BYTES / 1024;
        let (kind, title, detail) = match status {
            StatusCode::URI_TOO_LONG => (
                "address-too-long",
                "The address is too long",
                format!("An address and its parameters may take {longest} KB less the headers; long queries can be sent as a form by POST."),
            ),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
                "headers-too-large",
                "The headers are too large",
                format!("A request may have {HEADERS} headers, and they and its address may take {longest} KB together: send fewer or shorter ones (cookies of other programs on this host are sent here, too)."),
            ),
            _ => (
                "no-http",
                "This is no HTTP request",
                "What came is no HTTP/1.1 request: speak plain HTTP here (no TLS, no HTTP/2), and encode quotes, spaces and what is not ASCII in the address as %XX, as curl -G --data-urlencode does.".to_owned(),
            ),
        };
        Self::new(status, kind, title, detail)
    }

    /// 421: the request was made for another host.
    pub fn wrong_host(host: &str) -> Self {
        let shown: String = host.chars().take(100).collect();
        let detail = format!(
            "The Host header says {shown:?}, and that is not this Vigie: use 127.0.0.1 or localhost, or add the name to `hosts` in vigie.yaml."
        );
        Self::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", "Not this host", detail)
    }

    /// 500: Vigie's own fault; the cause is in the log under the same words.
    pub fn internal() -> Self {
        let detail = "Vigie failed to answer; the cause is in its log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Vigie's own fault", detail)
    }

    /// 502: the backend elsewhere does not answer as it should.
    pub fn bad_gateway(detail: impl Into<String>) -> Self {
        let title = "The metrics backend does not answer";
        Self::new(StatusCode::BAD_GATEWAY, "backend", title, detail)
    }

    /// 503: it cannot be had now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        let title = "It cannot be had now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail)
    }

    /// 503: not ready yet.
    pub fn not_ready(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready yet", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, PROBLEM_JSON)];
        (status, kind, Json(self)).into_response()
    }
}
