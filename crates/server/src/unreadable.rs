//! Words for the answers that hyper gives by itself.
//!
//! A request whose head cannot be read never reaches the router: hyper answers with a bare status and closes. Its answer is found
//! where it is written, and goes out as a problem document like all others.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::http::StatusCode;
use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::access::{HEADERS, NOT_STORED};
use crate::problem::{PROBLEM_JSON, Problem};

/// What follows the status line in an answer of hyper's own, up to the date. The router's have headers that protect a browser.
const BARE: &[u8] = b"\r\nconnection: close\r\ncontent-length: 0\r\ndate: ";

/// A connection on which hyper's own answers have a body.
pub(crate) struct Explaining<S> {
    stream: S,
    /// What is still to be written in place of a bare answer.
    instead: Bytes,
}

impl<S> Explaining<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, instead: Bytes::new() }
    }
}

/// The whole answer that `written` should have been, if it is one of hyper's own.
fn explained(written: &[u8]) -> Option<Vec<u8>> {
    let code = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = StatusCode::from_bytes(code).ok().filter(StatusCode::is_client_error)?;
    let line = written.windows(2).position(|two| two == b"\r\n")?;
    let date = written[line..].strip_prefix(BARE)?.strip_suffix(b"\r\n\r\n")?;
    let body = serde_json::to_vec(&Problem::unreadable(status)).ok()?;
    let mut answer = written[..line].to_vec();
    answer.extend_from_slice(b"\r\nconnection: close\r\ndate: ");
    answer.extend_from_slice(date);
    let (kind, length) = (PROBLEM_JSON, body.len());
    let mut header = |name: &str, value: &[u8]| {
        answer.extend_from_slice(b"\r\n");
        answer.extend_from_slice(name.as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value);
    };
    header("content-type", kind.as_bytes());
    header("content-length", length.to_string().as_bytes());
    for (name, value) in HEADERS.iter().chain([&NOT_STORED]) {
        header(name.as_str(), value.as_bytes());
    }
    answer.extend_from_slice(b"\r\n\r\n");
    answer.extend_from_slice(&body);
    Some(answer)
}

impl<S: AsyncWrite + Unpin> Explaining<S> {
    /// Writes what takes the place of `written`, to its end; `None` where nothing does.
    fn poll_instead(
        &mut self,
        cx: &mut Context<'_>,
        written: &[u8],
    ) -> Option<Poll<io::Result<usize>>> {
        if self.instead.is_empty() {
            self.instead = explained(written)?.into();
        }
        Some(self.poll_rest(cx).map_ok(|()| written.len()))
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.instead.has_remaining() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.instead))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.instead.advance(bytes),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explaining<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explaining<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.poll_instead(cx, bytes) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // An answer of hyper's own is a head alone.
        match slices.first().and_then(|head| self.poll_instead(cx, head)) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const BARE_414: &str = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: Thu, 26 Nov 2026 10:35:21 GMT\r\n\r\n";

    #[tokio::test]
    async fn a_bare_answer_is_explained_and_all_else_goes_through() {
        let of_router = "HTTP/1.1 404 Not Found\r\nx-frame-options: DENY\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        for through in [of_router, "data: HTTP/1.1 414", &BARE_414[..BARE_414.len() - 1], ""] {
            assert_eq!(explained(through.as_bytes()), None, "{through}");
        }
        // One byte at a time: the reader is slow.
        let (near, mut far) = tokio::io::duplex(1);
        let writing = tokio::spawn(async move {
            let mut near = Explaining::new(near);
            near.write_all(BARE_414.as_bytes()).await.unwrap();
            near.write_all(b"!").await.unwrap();
        });
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.unwrap();
        writing.await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ndate: Thu"));
        let body = body.strip_suffix('!').unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], 414);
    }
}
