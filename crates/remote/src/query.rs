//! Queries are the backend's to answer: they are passed to it as they are, and its answers back as they are.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Request, StatusCode, Uri};

use crate::answer::{self, RemoteMatrix};
use crate::config::{RemoteConfig, origin};
use crate::http::{Client, Cut, body, line};

/// Paths that are passed on; those below `/label/` as well.
const PATHS: [&str; 8] = [
    FEDERATE,
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/query_exemplars",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/metadata",
    "/api/v1/status/tsdb",
];
/// Its answer is text, errors too.
const FEDERATE: &str = "/federate";
const FORM: &str = "application/x-www-form-urlencoded";
/// What is read of an answer that is no answer, to say what it is.
const SHOWN_BYTES: usize = 4 << 10;

/// Limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryOptions {
    /// An answer begins within this time; one of [`RemoteQuery::range`] is whole by then.
    pub timeout: Duration,
    /// Bytes of an answer of [`RemoteQuery::range`]. What is passed on is not held, and has no bound.
    pub answer_bytes: usize,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), answer_bytes: 32 << 20 }
    }
}

/// Why a query has no answer. The texts name the backend and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It cannot be reached, or the connection broke.
    #[error("the metrics backend {url}: {why}")]
    Unreachable {
        /// Scheme, host and port.
        url: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("the metrics backend {url}: no answer within {limit:?}")]
    Slow {
        /// Scheme, host and port.
        url: String,
        /// The limit.
        limit: Duration,
    },
    /// It refused the query.
    #[error("the metrics backend {url} refused the query ({status}): {says}")]
    Refused {
        /// Scheme, host and port.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        says: String,
    },
    /// Its answer is not what it should be.
    #[error("the metrics backend {url}: {why}")]
    Nonsense {
        /// Scheme, host and port.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The path is none that is passed on.
    #[error("{0} is not passed on to the metrics backend")]
    Path(String),
}

/// An answer that is passed on.
#[derive(Debug)]
pub struct Passed {
    /// The HTTP status: 200, or an error that is the query's own fault or a limit's.
    pub status: u16,
    /// What it is: JSON, or the text of `/federate`.
    pub content_type: HeaderValue,
    /// As it comes; reading it slowly slows the backend down.
    pub body: Incoming,
}

/// Asks a backend.
#[derive(Clone)]
pub struct RemoteQuery {
    client: Client,
    /// Ends without a slash.
    base: String,
    url: String,
    options: QueryOptions,
}

impl std::fmt::Debug for RemoteQuery {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RemoteQuery").field("url", &self.url).finish_non_exhaustive()
    }
}

impl RemoteQuery {
    /// For the `query_url` of `config`; none where there is none.
    #[must_use]
    pub fn new(config: &RemoteConfig, options: QueryOptions) -> Option<Self> {
        let url = config.query_url.as_ref()?;
        Some(Self {
            client: Client::new(&config.headers, &config.tls),
            base: url.to_string().trim_end_matches('/').to_owned(),
            url: origin(url),
            options,
        })
    }

    /// Scheme, host and port of the backend.
    #[must_use]
    pub fn display_url(&self) -> &str {
        &self.url
    }

    /// Passes a request on: `path` with its query string, and the form where it is posted.
    ///
    /// # Errors
    /// When there is no answer, or one that no Prometheus gives: then what it said is in the error.
    pub async fn forward(&self, path: &str, form: Option<Bytes>) -> Result<Passed, QueryError> {
        let bare = path.split(['?', '#']).next().unwrap_or_default();
        let known = PATHS.contains(&bare) || bare.starts_with("/api/v1/label/");
        if !known || bare.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(QueryError::Path(bare.to_owned()));
        }
        let within = tokio::time::timeout(self.options.timeout, self.ask(path, form));
        within.await.unwrap_or_else(|_| Err(self.slow()))
    }

    /// PromQL at each step from `start` to `end`, all in milliseconds.
    ///
    /// # Errors
    /// When there is no answer, or one that cannot be used.
    pub async fn range(
        &self,
        query: &str,
        start: i64,
        end: i64,
        step: i64,
    ) -> Result<RemoteMatrix, QueryError> {
        let seconds = |millis: i64| millis as f64 / 1e3;
        let form = format!(
            "query={}&start={}&end={}&step={}",
            encoded(query),
            seconds(start),
            seconds(end),
            seconds(step)
        );
        let whole = async {
            let passed = self.ask("/api/v1/query_range", Some(Bytes::from(form))).await?;
            let read = body(passed.body, self.options.answer_bytes).await;
            let bytes = read.map_err(|cut| match cut {
                Cut::Broken(why) => QueryError::Unreachable { url: self.url.clone(), why },
                Cut::TooLong(_) => self.nonsense(format!(
                    "its answer has more than {} bytes: ask for less",
                    self.options.answer_bytes
                )),
            })?;
            if passed.status != 200 {
                let says = answer::error(&bytes).unwrap_or_else(|| line(&bytes));
                return Err(self.refused(passed.status, says));
            }
            answer::matrix(&bytes).map_err(|why| self.nonsense(why))
        };
        tokio::time::timeout(self.options.timeout, whole).await.unwrap_or_else(|_| Err(self.slow()))
    }

    async fn ask(&self, path: &str, form: Option<Bytes>) -> Result<Passed, QueryError> {
        let url: Uri = format!("{}{path}", self.base)
            .parse()
            .map_err(|_| QueryError::Path(path.chars().take(100).collect()))?;
        let federates = path.split('?').next() == Some(FEDERATE);
        let wanted = if federates { "text/plain" } else { "application/json" };
        let request = Request::builder().uri(url).header(ACCEPT, wanted);
        let request = match form {
            None => request.method("GET").body(Full::default()),
            Some(form) => request.method("POST").header(CONTENT_TYPE, FORM).body(Full::new(form)),
        };
        let request = request.map_err(|error| self.nonsense(error.to_string()))?;
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|why| QueryError::Unreachable { url: self.url.clone(), why })?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(self.nonsense(format!(
                "it answers {status}: redirects are not followed; query_url is to be what it points to"
            )));
        }
        let kind = answer.headers().get(CONTENT_TYPE).cloned();
        let kind = kind.filter(|kind| kind.as_bytes().starts_with(wanted.as_bytes()));
        // Others are not about the query: who may ask, or what is between.
        let own = match status.as_u16() {
            200 | 400 => true,
            // The errors of what is between are text, too.
            422 | 429 | 499 | 500 | 503 | 504 => !federates,
            _ => false,
        };
        if let Some(content_type) = kind.filter(|_| own) {
            let (status, body) = (status.as_u16(), answer.into_body());
            return Ok(Passed { status, content_type, body });
        }
        let says = match body(answer.into_body(), SHOWN_BYTES).await {
            Ok(says) | Err(Cut::TooLong(says)) => line(&says),
            Err(Cut::Broken(why)) => why,
        };
        if status == StatusCode::OK {
            return Err(self.nonsense(format!(
                "it answers, but not as Prometheus does; is query_url right? It says: {says}"
            )));
        }
        Err(self.refused(status.as_u16(), says))
    }

    fn refused(&self, status: u16, says: String) -> QueryError {
        QueryError::Refused { url: self.url.clone(), status, says }
    }

    fn nonsense(&self, why: String) -> QueryError {
        QueryError::Nonsense { url: self.url.clone(), why }
    }

    fn slow(&self) -> QueryError {
        QueryError::Slow { url: self.url.clone(), limit: self.options.timeout }
    }
}

/// As a form has it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
