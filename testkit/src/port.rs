//! Free ports.

use std::net::TcpListener;

/// A TCP port of 127.0.0.1 on which nobody listens at this moment.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
