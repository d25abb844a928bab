//! A TCP proxy that can misbehave.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What a proxy does with connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyMode {
    /// Passes everything on.
    Forward,
    /// Accepts, and never answers.
    Hang,
    /// Closes at once.
    Refuse,
    /// Answers everything with these bytes.
    Answer(Arc<[u8]>),
}

/// A TCP proxy on a free port of 127.0.0.1; ends when dropped.
pub struct Proxy {
    port: u16,
    mode: watch::Sender<(ProxyMode, u64)>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Passes on to a port of 127.0.0.1.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (mode, modes) = watch::channel((ProxyMode::Forward, 0));
        let task = tokio::spawn(accept(listener, target, modes));
        Self { port, mode, task }
    }

    /// One that answers everything with `bytes`.
    pub async fn answering(bytes: &[u8]) -> Self {
        let proxy = Self::start(0).await;
        proxy.set(ProxyMode::Answer(bytes.into()));
        proxy
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does something else from now on; open connections are cut.
    pub fn set(&self, mode: ProxyMode) {
        self.mode.send_modify(|(now, change)| {
            *now = mode;
            *change += 1;
        });
    }

    /// Cuts all open connections; new ones are served as before.
    pub fn cut(&self) {
        self.mode.send_modify(|(_, change)| *change += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: u16, modes: watch::Receiver<(ProxyMode, u64)>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let mut modes = modes.clone();
        let mode = modes.borrow_and_update().0.clone();
        connections.spawn(async move {
            tokio::select! {
                () = serve(client, target, mode) => {}
                _ = modes.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, target: u16, mode: ProxyMode) {
    match mode {
        ProxyMode::Refuse => {}
        ProxyMode::Hang => std::future::pending().await,
        ProxyMode::Answer(bytes) => {
            let mut buffer = [0; 4_096];
            while client.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                if client.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
        ProxyMode::Forward => {
            if let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await {
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
        }
    }
}
