//! Errors as Prometheus's API gives them: `{"status":"error","errorType","error"}` with its status codes.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use vigie_query::{QueryError, StopReason};
use vigie_store::ReadError;

use super::number::string;
use crate::problem::Problem;

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The request is wrong.
    BadData,
    /// Evaluating failed.
    Execution,
    /// It took too long, or there was no place for it.
    Timeout,
    /// The client left.
    Canceled,
    /// Vigie's own fault.
    Internal,
    /// What it needs is not there now.
    Unavailable,
    /// The backend elsewhere does not answer, or not as it should.
    Backend,
}

impl ErrorKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Internal => "internal",
            Self::Unavailable | Self::Backend => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            // nginx's code for a client that has gone.
            Self::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Backend => StatusCode::BAD_GATEWAY,
        }
    }
}

/// An error of a compatible path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    kind: ErrorKind,
    message: String,
}

impl ApiError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadData, message)
    }

    /// A parameter is wrong.
    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {why}"))
    }

    /// The same on one of Vigie's own paths, which asked the query by itself: whatever is wrong is not the client's
    /// fault.
    pub(crate) fn into_problem(self) -> Problem {
        match self.kind {
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Canceled => {
                Problem::unavailable(self.message)
            }
            ErrorKind::Execution => Problem::unavailable(format!(
                "{}; ask for a shorter stretch of time or fewer points.",
                self.message
            )),
            ErrorKind::Backend => Problem::bad_gateway(format!("{}.", self.message)),
            ErrorKind::BadData | ErrorKind::Internal => {
                tracing::error!(error = self.message, "a query of Vigie's own failed");
                Problem::internal()
            }
        }
    }

    /// There is no metric store.
    pub(crate) fn no_store() -> Self {
        Self::new(
            ErrorKind::Unavailable,
            "the metric store is not open; Vigie's log and /api/v1/sources say why",
        )
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(why) => Self::parameter("query", why),
            QueryError::Stopped(StopReason::Timeout) => {
                Self::new(ErrorKind::Timeout, "query timed out in expression evaluation")
            }
            QueryError::Stopped(StopReason::Canceled) => {
                Self::new(ErrorKind::Canceled, "query was canceled in expression evaluation")
            }
            QueryError::Storage(error) => error.into(),
            other => Self::new(ErrorKind::Execution, other.to_string()),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::new(ErrorKind::Internal, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = b"{\"status\":\"error\",\"errorType\":\"".to_vec();
        body.extend_from_slice(self.kind.as_str().as_bytes());
        body.extend_from_slice(b"\",\"error\":");
        string(&mut body, &self.message);
        body.push(b'}');
        (self.kind.status(), [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// An error of Prometheus's API.
#[derive(ToSchema)]
#[schema(as = PrometheusError)]
#[allow(dead_code, reason = "it is only described; the text is written directly")]
pub(crate) struct ErrorShape {
    /// `error`.
    status: String,
    /// `bad_data`, `execution`, `timeout`, `canceled`, `internal` or `unavailable`.
    #[schema(rename = "errorType")]
    error_type: String,
    /// What was wrong.
    error: String,
}
