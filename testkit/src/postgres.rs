//! A real PostgreSQL, Debian's.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::free_port;
use crate::process::{Process, logged, started};

/// Where Debian keeps its programs, which are not on the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A real PostgreSQL with an empty database, whose user `postgres` needs no password; killed when dropped.
pub struct Postgres {
    port: u16,
    _process: Process,
    _dir: TempDir,
}

impl Postgres {
    /// Starts one and waits until it takes connections.
    #[must_use]
    pub fn start() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let (data, port) = (dir.path().join("data"), free_port());
        std::fs::create_dir(&data).expect("a folder in a temporary one");
        let owner = owner();
        let program = |name: &str| {
            let mut command = Command::new(programs().join(name));
            command.current_dir(&data).arg("-D").arg(&data);
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        if let Some((user, group)) = owner {
            for folder in [dir.path(), &data] {
                chown(folder, Some(user), Some(group)).expect("root may give a folder away");
            }
        }
        let log = dir.path().join("log");
        let mut make = program("initdb");
        make.args(["--auth=trust", "--username=postgres", "--no-sync"]);
        let made = logged(&mut make, &log).status();
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(made.is_ok_and(|status| status.success()), "initdb: {}", said());
        let mut serve = program("postgres");
        serve.args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
        ]);
        let (process, ()) = started(serve.arg("-k").arg(&data), &log, || {
            if said().contains("ready to accept connections") {
                Ok(())
            } else {
                Err("it is not ready")
            }
        });
        Self { port, _process: process, _dir: dir }
    }

    /// Its URL, of the database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(number);
    let newest = newest.expect("PostgreSQL is installed; `cargo xtask setup` does that");
    newest.join("bin")
}

/// Whom Debian's package made for it, as user and group: PostgreSQL does not run as root. Nobody where we are not root ourselves.
fn owner() -> Option<(u32, u32)> {
    let own = std::fs::metadata("/proc/self").expect("Linux tells of processes");
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find_map(|line| line.strip_prefix("postgres:"))?;
    let mut ids = line.split(':').skip(1).map(str::parse);
    let (user, group) = (ids.next()?.ok()?, ids.next()?.ok()?);
    (own.uid() == 0).then_some((user, group))
}
