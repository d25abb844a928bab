//! Asks a running Vigie.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use vigie_model::io_words;

/// An answer larger than this is none of Vigie's.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// A longer line is none of its stream.
const MAX_LINE: usize = 64 * 1024 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The address is none.
    #[error("{0:?} is no address of a Vigie, such as http://127.0.0.1:4780")]
    Address(String),
    /// Nobody answers.
    #[error("no Vigie answers at {url}: {error}; is it running? (`vigie` starts it)")]
    Unreachable { url: String, error: String },
    /// It answers that something is wrong.
    #[error("{url}: {status}: {detail}")]
    Refused { url: String, status: StatusCode, detail: String },
}

/// `GET base + path`.
pub(crate) async fn get(base: &str, path: &str) -> Result<Bytes, ClientError> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let wrong = || ClientError::Address(base.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority =
        uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?.clone();
    let answer = tokio::time::timeout(ANSWER_WITHIN, request(&uri, authority.as_str()))
        .await
        .unwrap_or_else(|_| Err("no answer within 10 s".into()));
    let (status, body) = answer.map_err(|error| ClientError::Unreachable {
        url: base.to_owned(),
        error: error.to_string(),
    })?;
    if status.is_success() {
        return Ok(body);
    }
    Err(refused(url, status, &body))
}

/// The lines of an answer that goes on.
pub(crate) struct Lines {
    body: hyper::body::Incoming,
    /// What came and was not handed out yet.
    rest: Vec<u8>,
    /// How far that was looked through.
    looked: usize,
    /// Serves the connection; ends with this.
    _connection: AbortOnDrop,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Lines {
    /// The next line without its end; none when the answer ended.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, AnyError> {
        loop {
            let new = self.rest.get(self.looked..).unwrap_or_default();
            if let Some(end) = new.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=self.looked + end).collect();
                self.looked = 0;
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            self.looked = self.rest.len();
            if self.rest.len() > MAX_LINE {
                return Err("a line of the answer is too long".into());
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => self.rest.extend_from_slice(&frame?.into_data().unwrap_or_default()),
            }
        }
    }
}

/// `GET base + path`, whose answer goes on.
pub(crate) async fn lines(base: &str, path: &str) -> Result<Lines, ClientError> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let wrong = || ClientError::Address(base.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority =
        uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?.clone();
    let asked = async {
        let (mut sender, connection) = connect(&uri).await?;
        let connection = AbortOnDrop(tokio::spawn(async move {
            // That it broke is seen by whoever reads the body.
            let _ = connection.await;
        }));
        let request = ask(&uri, authority.as_str(), "text/event-stream")?;
        Ok::<_, AnyError>((sender.send_request(request).await?, connection))
    };
    let answer = tokio::time::timeout(ANSWER_WITHIN, asked)
        .await
        .unwrap_or_else(|_| Err("no answer within 10 s".into()));
    let (response, connection) = answer.map_err(|error| ClientError::Unreachable {
        url: base.to_owned(),
        error: error.to_string(),
    })?;
    let status = response.status();
    if status.is_success() {
        let body = response.into_body();
        return Ok(Lines { body, rest: Vec::new(), looked: 0, _connection: connection });
    }
    let body = Limited::new(response.into_body(), MAX_LINE).collect();
    let body = tokio::time::timeout(ANSWER_WITHIN, body).await;
    let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    Err(refused(url, status, &body))
}

fn refused(url: String, status: StatusCode, body: &[u8]) -> ClientError {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("it is not a Vigie, perhaps").to_owned();
    ClientError::Refused { url, status, detail }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

type Body = Empty<Bytes>;
type Sender = SendRequest<Body>;
type Served = Connection<TokioIo<TcpStream>, Body>;

async fn connect(uri: &Uri) -> Result<(Sender, Served), AnyError> {
    let port = uri.port_u16().unwrap_or(80);
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await.map_err(|error| io_words(&error))?;
    Ok(hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?)
}

fn ask(uri: &Uri, authority: &str, accept: &str) -> Result<Request<Body>, AnyError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(header::HOST, authority).header(header::ACCEPT, accept);
    Ok(request.body(Body::new())?)
}

async fn request(uri: &Uri, authority: &str) -> Result<(StatusCode, Bytes), AnyError> {
    let (mut sender, connection) = connect(uri).await?;
    let request = ask(uri, authority, "application/json")?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await?.to_bytes();
        Ok::<_, AnyError>((status, body))
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let mut ended = false;
    loop {
        tokio::select! {
            answer = exchange.as_mut() => return answer,
            result = connection.as_mut(), if !ended => {
                result?;
                ended = true;
            }
        }
    }
}
