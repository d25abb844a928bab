//! Docker's part towards a driver for logs: the daemon that hands over what a container says.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use vigie_testkit::until;

/// Where a driver listens, under the folder that it takes for `/run`.
const SOCKET: &str = "docker/plugins/loki.sock";

/// A daemon with a container `shop` that writes what is in a file; it hands each line over with the time that the line says.
pub struct Daemon {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    /// One for the driver whose `/run` is this folder, with the log options of its configuration.
    pub fn start(run: &Path, options: Value, output: PathBuf) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (run, told) = (run.to_owned(), Arc::clone(&ended));
        let work = move || serve(&run, &options, &output, &told);
        Self { ended, thread: Some(std::thread::spawn(work)) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the daemon has panicked");
        }
    }
}

fn serve(run: &Path, options: &Value, output: &Path, ended: &AtomicBool) {
    let pipe = run.join("shop.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // The driver waits for somebody at the other end before it answers.
    let both = File::options().read(true).write(true).open(&pipe).unwrap();
    let info = json!({"Config": options, "ContainerID": "0c5hop", "ContainerName": "/shop"});
    let start = json!({"File": pipe, "Info": info}).to_string();
    let answer = until("the driver listens", || ask(run, "/LogDriver.StartLogging", &start).ok());
    assert!(answer.contains(r#"{"Err":""}"#), "{answer}");
    let mut to = File::options().write(true).open(&pipe).unwrap();
    drop(both);
    let mut from = File::open(output).unwrap();
    let mut rest = String::new();
    while !ended.load(Ordering::Relaxed) {
        from.read_to_string(&mut rest).unwrap();
        let whole = rest.rfind('\n').map_or(0, |end| end + 1);
        let messages: Vec<u8> = rest.drain(..whole).as_str().lines().flat_map(message).collect();
        // The driver is killed at the end.
        if to.write_all(&messages).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ask(run: &Path, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(run.join(SOCKET))?;
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A line in Docker's own protobuf (`source`, `time_nano`, `line`), after its length.
fn message(line: &str) -> Vec<u8> {
    let said: Value = serde_json::from_str(line).unwrap();
    let time: jiff::Timestamp = said["time"].as_str().unwrap().parse().unwrap();
    let mut message = vec![0x0a, 6];
    message.extend(b"stdout");
    message.push(0x10);
    varint(&mut message, time.as_nanosecond() as u64);
    message.push(0x1a);
    varint(&mut message, line.len() as u64);
    message.extend(line.as_bytes());
    [&(message.len() as u32).to_be_bytes()[..], &message].concat()
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
