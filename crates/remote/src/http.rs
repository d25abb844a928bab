//! The HTTP client: HTTP/1.1, TLS by rustls, no redirects, answers within bounds.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use vigie_tls::TlsFault;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Connections that nobody uses are kept for so long.
const IDLE: Duration = Duration::from_secs(60);
const AGENT: &str = concat!("vigie/", env!("CARGO_PKG_VERSION"));

/// A client of one backend.
#[derive(Clone)]
pub(crate) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Client {
    /// A client that sends these headers with each request.
    pub(crate) fn new(headers: &[(HeaderName, HeaderValue)], trust: &ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_WITHIN));
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(trust.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(tls);
        Self { pool, headers: headers.to_vec() }
    }

    /// Sends a request; the answer's body is still to be read.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, String> {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        self.pool.request(request).await.map_err(|error| causes(&error))
    }
}

/// An error in one line, with what it comes from: the outermost says the least. Of TLS, with what to do.
fn causes(error: &(dyn Error + 'static)) -> String {
    if let Some(fault) = TlsFault::within(error) {
        return format!("TLS: {fault}: {}", fault.hint());
    }
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        let says = cause.to_string();
        if !text.contains(&says) {
            text = format!("{text}: {says}");
        }
        inner = cause.source();
    }
    text
}

/// Why a body is not whole.
pub(crate) enum Cut {
    /// It has more bytes than it may have; what it began with.
    TooLong(Bytes),
    /// The connection broke.
    Broken(String),
}

/// Reads at most `limit` bytes.
pub(crate) async fn body(mut body: Incoming, limit: usize) -> Result<Bytes, Cut> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Cut::Broken(causes(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            let room = limit.saturating_sub(bytes.len());
            bytes.extend_from_slice(&data[..room]);
            return Err(Cut::TooLong(bytes.freeze()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// What a server says, in one line and not too long.
pub(crate) fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    let shown: String = words.join(" ").chars().filter(|one| !one.is_control()).collect();
    match shown.char_indices().nth(300) {
        Some((place, _)) => format!("{}…", &shown[..place]),
        None => shown,
    }
}
