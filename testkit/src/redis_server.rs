//! A real `redis-server`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::process::{Process, eventually};
use crate::{Certificates, free_port};

/// What a server is to be like.
#[derive(Default)]
pub struct RedisServerBuilder {
    password: Option<String>,
    tls: Option<(PathBuf, PathBuf, PathBuf)>,
    tls_clients: bool,
    lines: String,
    sentinel: bool,
}

impl RedisServerBuilder {
    /// Asks for a password (`requirepass`).
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Speaks TLS on its port; `clients`: asks for a client certificate.
    #[must_use]
    pub fn tls(mut self, certificates: &Certificates, clients: bool) -> Self {
        let (certificate, key) = certificates.server();
        self.tls = Some((certificates.ca(), certificate, key));
        self.tls_clients = clients;
        self
    }

    /// Adds a line to its configuration.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.lines.push_str(line);
        self.lines.push('\n');
        self
    }

    pub(crate) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Starts it and waits until it answers.
    #[must_use]
    pub fn start(self) -> RedisServer {
        let mut server = self.prepare();
        server.boot();
        server
    }

    /// Chooses a port and writes the configuration, but starts nothing: nobody answers yet.
    #[must_use]
    pub fn prepare(self) -> RedisServer {
        let dir = TempDir::new().expect("a temporary directory");
        let port = free_port();
        let mut text =
            format!("bind 127.0.0.1\ndir {0}\nunixsocket {0}/redis.sock\n", dir.path().display());
        match &self.tls {
            None => text.push_str(&format!("port {port}\n")),
            Some((ca, certificate, key)) => {
                let clients = if self.tls_clients { "yes" } else { "no" };
                text.push_str(&format!(
                    "port 0\ntls-port {port}\ntls-ca-cert-file {}\ntls-cert-file {}\ntls-key-file {}\ntls-auth-clients {clients}\n",
                    ca.display(),
                    certificate.display(),
                    key.display(),
                ));
            }
        }
        if !self.sentinel {
            text.push_str("save \"\"\nappendonly no\nenable-debug-command yes\n");
        }
        if let Some(password) = &self.password {
            text.push_str(&format!("requirepass \"{password}\"\n"));
        }
        text.push_str(&self.lines);
        std::fs::write(dir.path().join("redis.conf"), text)
            .expect("a file in a temporary directory");
        RedisServer {
            dir,
            port,
            tls: self.tls.is_some(),
            password: self.password,
            sentinel: self.sentinel,
            process: None,
        }
    }
}

/// A real `redis-server`, killed when dropped. It can always be reached by [`Self::admin`], whatever its port speaks.
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    tls: bool,
    password: Option<String>,
    sentinel: bool,
    process: Option<Process>,
}

impl RedisServer {
    /// A plain one.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One with options.
    #[must_use]
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// Starts the process (again) on the same port and waits until it answers.
    pub fn boot(&mut self) {
        let mut command = Command::new("redis-server");
        command.arg(self.dir.path().join("redis.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        if self.sentinel {
            command.arg("--sentinel");
        }
        let mut process = Process::start(&mut command);
        // Its configuration is all that there is to read.
        let config = self.dir.path().join("redis.conf");
        process.get_ready("redis-server", &config, || self.try_admin().map(drop));
        self.process = Some(process);
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Its URL without credentials; `rediss://localhost:…` when it speaks TLS.
    #[must_use]
    pub fn url(&self) -> String {
        if self.tls {
            format!("rediss://localhost:{}", self.port)
        } else {
            format!("redis://127.0.0.1:{}", self.port)
        }
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn try_admin(&self) -> redis::RedisResult<redis::Connection> {
        use redis::IntoConnectionInfo;
        let mut settings = redis::RedisConnectionInfo::default();
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let address = redis::ConnectionAddr::Unix(self.socket());
        let info = address.into_connection_info()?.set_redis_settings(settings);
        redis::Client::open(info)?.get_connection()
    }

    /// A connection as the default user, through the unix socket.
    #[must_use]
    pub fn admin(&self) -> redis::Connection {
        eventually("redis-server does not answer", || self.try_admin())
    }

    /// Runs one command, given as words, as the default user.
    pub fn run(&self, words: &[&str]) -> redis::Value {
        let answer = redis::cmd(words[0]).arg(&words[1..]).query(&mut self.admin());
        answer.unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")))
    }

    /// Runs one command and returns its answer as text.
    pub fn text(&self, words: &[&str]) -> String {
        redis::from_redis_value(self.run(words))
            .unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")))
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            process.wait();
        }
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops its clock (SIGSTOP): connections stay, answers do not come.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`Self::pause`].
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.process.as_ref().expect("the server was started").signal(name);
    }
}
