//! Free ports.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Below those that the kernel gives to whoever asks for any port, and to every outgoing connection: a server that is killed in a test
/// finds its port free when it comes back.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The ports of this process, each held by a locked file until the process ends.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A TCP port of 127.0.0.1 on which nobody listens at this moment. No other test is given it while this process lives.
///
/// # Panics
/// When no file can be made in the folder for temporary ones, or all ports are taken.
#[must_use]
pub fn free_port() -> u16 {
    let folder = folder();
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    // Each process begins elsewhere, so that they seldom look at the same ones.
    let (first, count) = (usize::from(PORTS.start), PORTS.len());
    let begin = std::process::id() as usize * 97 + held.len();
    for step in 0..count {
        let port = (first + (begin + step) % count) as u16;
        let path = folder.join(port.to_string());
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Also of another thread of this process, for a lock belongs to the open file.
        if file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            held.push(file);
            return port;
        }
    }
    panic!("all ports of {PORTS:?} are taken")
}

/// Where the locks are, for all processes of this user.
fn folder() -> PathBuf {
    let user = std::fs::metadata("/proc/self").map_or(0, |own| own.uid());
    let folder = std::env::temp_dir().join(format!("vigie-test-ports-{user}"));
    let made = std::fs::create_dir_all(&folder);
    made.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }
}
