//! Accepts connections, and cuts those that do not behave.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::unreadable::Explaining;

/// More connections than this wait in the kernel's queue.
const CONNECTIONS: usize = 4_096;
/// A client has this long to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A client that reads nothing for this long is cut.
const READ_SOMETHING_WITHIN: Duration = Duration::from_secs(10);
/// What the kernel holds for a client that is slow to read. Its own default grows to megabytes, which would be
/// minutes of updates that nobody wants any more.
const UNSENT_BYTES: usize = 256 * 1024;
/// The longest head of a request.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
/// More headers than this no request may have: hyper's own limit.
pub(crate) const HEADERS: usize = 100;
/// Requests that run when the server stops have this long to end.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until `stop`, then waits shortly for what is under way.
///
/// # Errors
/// When the listener itself fails; a connection that fails is only that connection's end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    // Connections inherit these. Updates are small and urgent.
    let socket = socket2::SockRef::from(&listener);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(UNSENT_BYTES);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_connection(&error) => continue,
                Err(error) => {
                    // Out of file descriptors, most likely: others must close before the next can come.
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let connection = connection(stream, peer, router.clone(), stop.clone());
        connections.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!(left = connections.len(), "cut the connections that were still open");
    }
    Ok(())
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READ_SOMETHING_WITHIN));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    // A tail of logs goes on as a WebSocket.
    let stream = Explaining::new(Box::pin(stream));
    let serving = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            // Streams end with the hub; whatever else runs past the grace is dropped with the process.
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
