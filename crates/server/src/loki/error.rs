//! Errors as Loki's API gives them: a plain text with a status.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use vigie_query::StopReason;
use vigie_query::logql::{LogQueryError, ParseError};

/// An error of a compatible path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LokiError {
    status: StatusCode,
    message: String,
}

impl LokiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The request is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no log store.
    pub(crate) fn no_store() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the log store is not open; Vigie's log and /api/v1/sources say why",
        )
    }
}

impl From<ParseError> for LokiError {
    fn from(error: ParseError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<LogQueryError> for LokiError {
    fn from(error: LogQueryError) -> Self {
        let status = match &error {
            LogQueryError::Invalid(_)
            | LogQueryError::Execution(_)
            | LogQueryError::Limit { .. } => StatusCode::BAD_REQUEST,
            LogQueryError::Stopped(StopReason::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            // nginx's code for a client that has gone.
            LogQueryError::Stopped(StopReason::Canceled) => {
                StatusCode::from_u16(499).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
            LogQueryError::Source(error) => {
                tracing::error!(%error, "a query for logs could not read");
                return Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the log store could not be read; the cause is in Vigie's log",
                );
            }
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for LokiError {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (self.status, kind, self.message).into_response()
    }
}
