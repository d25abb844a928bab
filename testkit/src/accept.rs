//! What the servers that tests play have in common: a listener with a thread for each of its connections, and requests.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Listens on this port of the loopback, any for 0, and serves each connection in a thread of its own, until `ended` is true when another
/// one comes. Such a thread ends by itself: with its client, with the server, or after a time. The port, and the listening thread.
///
/// # Panics
/// When the port is taken.
pub fn each<S: Send + Sync + 'static>(
    port: u16,
    server: &Arc<S>,
    ended: fn(&S) -> bool,
    serve: fn(&S, TcpStream) -> io::Result<()>,
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

/// Head and body of the next request of a connection; none at its end.
///
/// # Errors
/// When the connection breaks, or the length of the body is no number.
pub fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((head, body)))
}
