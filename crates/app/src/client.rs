//! Asks a running Vigie.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer larger than this is none of Vigie's.
const MAX_BYTES: usize = 256 * 1024 * 1024;
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
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("it is not a Vigie, perhaps").to_owned();
    Err(ClientError::Refused { url, status, detail })
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn request(uri: &Uri, authority: &str) -> Result<(StatusCode, Bytes), AnyError> {
    let port = uri.port_u16().unwrap_or(80);
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
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
