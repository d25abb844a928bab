//! The client: one `GET` at a time, each with an end.

use std::time::{Duration, Instant};

use base64::Engine as _;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body;
use super::config::{Access, HttpLogin};
use super::{BODY_LIMIT, HttpFault, HttpUrl};

/// Redirects to the same server that are followed.
const REDIRECTS: usize = 3;
/// Headers of an answer; more is no answer.
const HEADERS: usize = 100;
/// Bytes of them.
const HEADER_BYTES: usize = 64 * 1024;
/// What is shown of a body that explains a status.
const SHOWN_CHARACTERS: usize = 160;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type as it was sent; empty when there is none.
    pub content_type: String,
    /// Where it leads, with a redirect.
    pub location: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// From the question until the answer was whole.
    pub seconds: f64,
}

impl Answer {
    /// What the server says about its status, if it says it in text and not in a page.
    #[must_use]
    pub fn says(&self) -> String {
        let kind = self.content_type.to_ascii_lowercase();
        if !(kind.starts_with("text/plain") || kind.contains("json")) {
            return String::new();
        }
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(4_096)]);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        line.chars().filter(|one| !one.is_control()).take(SHOWN_CHARACTERS).collect()
    }
}

/// A client for the servers of one source; cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, String>,
    authorization: Option<(HeaderName, HeaderValue)>,
    timeout: Duration,
    limit: usize,
}

impl HttpClient {
    /// A client that keeps connections open between questions.
    ///
    /// # Errors
    /// [`HttpFault::File`] or [`HttpFault::Tls`] when the certificates cannot be used.
    pub fn new(access: &Access) -> Result<Self, HttpFault> {
        Self::with(access, 2)
    }

    /// A client that connects anew for each question, as a probe should.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn connecting(access: &Access) -> Result<Self, HttpFault> {
        Self::with(access, 0)
    }

    fn with(access: &Access, idle: usize) -> Result<Self, HttpFault> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Sooner than the whole, so that people learn that it is the connection.
        tcp.set_connect_timeout(Some(access.timeout.mul_f64(0.9)));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(access.tls.client()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .pool_max_idle_per_host(idle)
            .http1_max_headers(HEADERS)
            .http1_max_buf_size(HEADER_BYTES)
            .build(https);
        Ok(Self {
            client,
            authorization: authorization(&access.login),
            timeout: access.timeout,
            limit: BODY_LIMIT,
        })
    }

    /// The same, which takes no more than so many bytes.
    #[must_use]
    pub fn limited(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Asks once: whatever the status is, it is the answer.
    ///
    /// # Errors
    /// [`HttpFault`] when there is no whole answer in time.
    pub async fn ask(&self, url: &HttpUrl, accept: &str) -> Result<Answer, HttpFault> {
        let begun = Instant::now();
        let place = url.to_string();
        let deadline = tokio::time::Instant::now() + self.timeout;
        let answering = self.client.request(self.request(url, accept, &place)?);
        let response = match tokio::time::timeout_at(deadline, answering).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(HttpFault::of(&error, &place, self.timeout)),
            Err(_) => return Err(HttpFault::Timeout { place, after: self.timeout }),
        };
        let head = |name| text(&response, name);
        let (content_type, encoding) = (head(header::CONTENT_TYPE), head(header::CONTENT_ENCODING));
        let location = head(header::LOCATION);
        let status = response.status().as_u16();
        let mut packed = Vec::new();
        let reading = body::read(response.into_body(), self.limit, &mut packed);
        let read = tokio::time::timeout_at(deadline, reading).await;
        let wrong = |fault| HttpFault::of_body(fault, &place, self.limit);
        match read {
            Ok(read) => read.map_err(wrong)?,
            Err(_) => {
                return Err(HttpFault::Slow { got: packed.len(), place, after: self.timeout });
            }
        }
        let body = body::decode(&encoding, packed, self.limit).map_err(wrong)?;
        let location = (!location.is_empty()).then_some(location);
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Answer { status, content_type, location, body, seconds })
    }

    /// Asks for something that is there: follows redirects on the same server, and takes only status 200 and one of
    /// these content types (`wanted` says them in words).
    ///
    /// # Errors
    /// [`HttpFault`] when it is not there or is something else.
    pub async fn fetch(
        &self,
        url: &HttpUrl,
        accept: &str,
        types: &[&str],
        wanted: &'static str,
    ) -> Result<Answer, HttpFault> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.ask(&at, accept).await?;
            let place = at.to_string();
            if let (300..=399, Some(location)) = (answer.status, &answer.location) {
                let to = || HttpFault::Redirect {
                    place: place.clone(),
                    status: answer.status,
                    to: without_query(location),
                };
                at = at.on_same_server(location).ok_or_else(to)?;
                continue;
            }
            if answer.status != 200 {
                let says = answer.says();
                return Err(HttpFault::Status { place, status: answer.status, says });
            }
            let kind = answer.content_type.split(';').next().unwrap_or_default().trim();
            if !types.iter().any(|one| one.eq_ignore_ascii_case(kind)) {
                let found = if kind.is_empty() { "of no content type" } else { kind };
                let found = found.chars().take(80).collect();
                return Err(HttpFault::ContentType { place, found, wanted });
            }
            return Ok(answer);
        }
        Err(HttpFault::RedirectLoop(url.to_string()))
    }

    fn request(
        &self,
        url: &HttpUrl,
        accept: &str,
        place: &str,
    ) -> Result<Request<String>, HttpFault> {
        let mut request = Request::get(url.uri().clone())
            .header(header::USER_AGENT, concat!("vigie/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, accept)
            .header(header::ACCEPT_ENCODING, "gzip, zstd");
        if let Some((name, value)) = &self.authorization {
            request = request.header(name, value);
        }
        request
            .body(String::new())
            .map_err(|error| HttpFault::Network(place.to_owned(), error.to_string()))
    }
}

fn text(response: &Response<Incoming>, name: header::HeaderName) -> String {
    let value = response.headers().get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn authorization(login: &HttpLogin) -> Option<(HeaderName, HeaderValue)> {
    let mut name = header::AUTHORIZATION;
    let text = match login {
        HttpLogin::Nobody => return None,
        HttpLogin::Basic { username, password } => {
            let pair = format!("{username}:{}", password.reveal());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
        HttpLogin::Bearer(token) => format!("Bearer {}", token.reveal()),
        HttpLogin::Key { header, key } => {
            name = HeaderName::from_static(header);
            key.reveal().to_owned()
        }
    };
    // The configuration has seen to it that it fits into a header.
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn without_query(location: &str) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let shown = location[..end].chars().filter(|one| !one.is_control());
    // What stands before an @ may be a password.
    let shown: String = shown.take(SHOWN_CHARACTERS).collect();
    shown.rsplit_once('@').map_or(shown.clone(), |(_, rest)| rest.to_owned())
}
