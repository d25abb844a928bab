//! The way from the command line to a running Vigie: a socket in its data folder. Whoever may open the folder's files
//! may use it, and nobody else: no port, no password.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::copies::{self, Kept};
use crate::exit::Failure;

const SOCKET: &str = "control.sock";
/// A request longer than this is none.
const REQUEST_BYTES: u64 = 16 * 1024;
/// Whoever connects and says nothing is left after this.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// What may be asked for: one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// A copy of everything that is kept, into a folder that does not exist yet or is empty.
    Backup {
        /// The folder, absolute.
        dir: PathBuf,
    },
}

/// What was done, in words, or why it was not: one line of JSON.
type Reply = Result<String, String>;

/// Answers requests until `stop`. A socket left by a Vigie that was killed is replaced: the store's lock says that
/// no other one runs.
///
/// Without a socket (the folder's path may be too long for one, or on a disk that has none) everything else works:
/// backups are then made while Vigie does not run.
pub(crate) async fn serve(data_dir: PathBuf, kept: Kept, stop: CancellationToken) {
    if let Err(error) = listen(&data_dir, kept, &stop).await {
        tracing::warn!(%error, "no control socket: `vigie backup` works only while Vigie does not run");
        stop.cancelled().await;
    }
}

async fn listen(data_dir: &Path, kept: Kept, stop: &CancellationToken) -> std::io::Result<()> {
    let path = data_dir.join(SOCKET);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                // One at a time: each is a person at a command line.
                if let Err(error) = answer(stream, &kept).await {
                    tracing::debug!(%error, "a control connection broke");
                }
            }
        }
    }
    std::fs::remove_file(&path)
}

async fn answer(stream: UnixStream, kept: &Kept) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(REQUEST_BYTES));
    let read = tokio::time::timeout(REQUEST_WITHIN, reader.read_line(&mut line));
    read.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => act(request, kept.clone()).await,
        Err(error) => Err(format!("the request is not understood: {error}")),
    };
    let mut text = serde_json::to_string(&reply).map_err(std::io::Error::other)?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await
}

async fn act(request: Request, kept: Kept) -> Reply {
    let Request::Backup { dir } = request;
    let copied = tokio::task::spawn_blocking(move || copies::backup(&kept, &dir));
    copied.await.map_err(|error| error.to_string())?
}

/// Asks the Vigie that runs with this data folder; `None` when none does.
pub(crate) async fn ask(data_dir: &Path, request: &Request) -> Result<Option<String>, Failure> {
    let Ok(stream) = UnixStream::connect(data_dir.join(SOCKET)).await else { return Ok(None) };
    let broken = |error: std::io::Error| {
        Failure::failed(format!("the running Vigie did not answer: {error}"))
    };
    let (reader, mut writer) = stream.into_split();
    let mut text = serde_json::to_string(request).map_err(|error| broken(error.into()))?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await.map_err(broken)?;
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).await.map_err(broken)?;
    match serde_json::from_str::<Reply>(&line).map_err(|error| broken(error.into()))? {
        Ok(done) => Ok(Some(done)),
        Err(why) => Err(Failure::failed(why)),
    }
}
