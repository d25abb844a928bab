//! A listener with a thread for each of its connections: what the servers that tests play have in common.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Listens on this port of the loopback, any for 0, and serves each connection in a thread of its own, until `ended` is true when another
/// one comes. Such a thread ends by itself: with its client, with the server, or after a time. The port, and the listening thread.
pub(crate) fn each<S: Send + Sync + 'static>(
    port: u16,
    server: &Arc<S>,
    ended: fn(&S) -> bool,
    serve: fn(&S, TcpStream) -> std::io::Result<()>,
) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let server = Arc::clone(server);
    let thread = std::thread::spawn(move || {
        for stream in listener.incoming() {
            if ended(&server) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let server = Arc::clone(&server);
            std::thread::spawn(move || drop(serve(&server, stream)));
        }
    });
    (port, thread)
}
