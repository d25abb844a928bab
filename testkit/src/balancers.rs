//! Real load balancers, Debian's: each in front of servers of the test's own, with a configuration and a directory of
//! its own, on free ports; killed when dropped.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, started};
use crate::{free_port, http};

/// What the balancers have in common.
struct Running {
    dir: TempDir,
    /// Where clients come in.
    port: u16,
    process: Process,
}

impl Running {
    /// Writes `file` and starts `command` beside it; ready when `path` at `ready` answers.
    fn start(dir: TempDir, port: u16, command: &mut Command, ready: (u16, &str)) -> Self {
        let log = dir.path().join("log");
        command.current_dir(dir.path());
        let (process, ()) = started(command, &log, || http::ready(ready.0, ready.1));
        Self { dir, port, process }
    }
}

fn dir_with(file: &str, text: &str) -> TempDir {
    let dir = TempDir::new().expect("a temporary directory");
    std::fs::write(dir.path().join(file), text).expect("a file in a temporary directory");
    dir
}

/// A real `haproxy` with one backend `be_app`, whose servers it checks five times a second at `/lb`.
pub struct Haproxy {
    running: Running,
    stats: u16,
    closed: u16,
}

impl Haproxy {
    /// In front of these servers, by name and port.
    #[must_use]
    pub fn start(servers: &[(&str, u16)]) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let socket = dir.path().join("admin.sock").display().to_string();
        let (port, stats, closed) = (free_port(), free_port(), free_port());
        let lines: String = servers
            .iter()
            .map(|(name, port)| {
                format!("  server {name} 127.0.0.1:{port} check inter 200ms fall 2 rise 1\n")
            })
            .collect();
        let config = format!(
            "global\n  stats socket {socket} mode 600 level admin\n  stats timeout 10s\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n  timeout check 1s\n\
             frontend fe_app\n  bind 127.0.0.1:{port}\n  default_backend be_app\n\
             backend be_app\n  balance roundrobin\n  option httpchk GET /lb\n{lines}\
             listen stats\n  bind 127.0.0.1:{stats}\n  stats enable\n  stats uri /stats\n  stats show-legends\n\
             \x20 http-request use-service prometheus-exporter if {{ path /metrics }}\n\
             listen closed\n  bind 127.0.0.1:{closed}\n  stats enable\n  stats uri /stats\n  stats auth vigie:s3cret\n"
        );
        std::fs::write(dir.path().join("haproxy.cfg"), config)
            .expect("a file in a temporary directory");
        let mut command = Command::new(sbin("haproxy"));
        command.args(["-db", "-f", "haproxy.cfg"]);
        let running = Running::start(dir, port, &mut command, (stats, "/stats;csv"));
        Self { running, stats, closed }
    }

    /// The page of statistics.
    #[must_use]
    pub fn stats_url(&self) -> String {
        format!("http://127.0.0.1:{}/stats", self.stats)
    }

    /// The page of the Prometheus exporter.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.stats)
    }

    /// The page for user `vigie` with password `s3cret`; it tells no addresses.
    #[must_use]
    pub fn closed_url(&self) -> String {
        format!("http://127.0.0.1:{}/stats", self.closed)
    }

    /// The admin socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.running.dir.path().join("admin.sock")
    }

    /// Where clients come in.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.running.port
    }

    /// Says something over the admin socket, such as `set server be_app/app1 state maint`.
    pub fn say(&self, command: &str) {
        use std::io::{Read as _, Write as _};
        let mut stream = std::os::unix::net::UnixStream::connect(self.socket())
            .expect("HAProxy listens at its socket");
        stream.write_all(format!("{command}\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.trim().is_empty(), "{command}: {answer}");
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running.process.signal("KILL");
        self.running.process.wait();
    }
}

/// A real `nginx` with `stub_status`.
pub struct Nginx {
    running: Running,
}

impl Nginx {
    /// In front of these ports.
    #[must_use]
    pub fn start(upstreams: &[u16]) -> Self {
        let port = free_port();
        let servers: String =
            upstreams.iter().map(|port| format!("server 127.0.0.1:{port}; ")).collect();
        let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("  {name}_temp_path {name};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{ worker_connections 64; }}\n\
             http {{\n  access_log off;\n{places}  upstream app {{ {servers} }}\n  server {{\n    listen 127.0.0.1:{port};\n\
             \x20   location / {{ proxy_pass http://app; }}\n    location = /nginx_status {{ stub_status; }}\n  }}\n}}\n"
        );
        let dir = dir_with("nginx.conf", &config);
        let mut command = Command::new(sbin("nginx"));
        command.arg("-p").arg(dir.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        Self { running: Running::start(dir, port, &mut command, (port, "/nginx_status")) }
    }

    /// The page of `stub_status`.
    #[must_use]
    pub fn status_url(&self) -> String {
        format!("http://127.0.0.1:{}/nginx_status", self.running.port)
    }
}

/// A real `caddy`, which checks its upstreams five times a second at `/lb`.
pub struct Caddy {
    _running: Running,
    admin: u16,
}

impl Caddy {
    /// In front of these ports.
    #[must_use]
    pub fn start(upstreams: &[u16]) -> Self {
        let (port, admin) = (free_port(), free_port());
        let to: String = upstreams.iter().map(|port| format!(" 127.0.0.1:{port}")).collect();
        let config = format!(
            "{{\n  admin 127.0.0.1:{admin}\n  auto_https off\n}}\n\
             http://127.0.0.1:{port} {{\n  reverse_proxy{to} {{\n    health_uri /lb\n    health_interval 200ms\n    health_timeout 1s\n  }}\n}}\n"
        );
        let dir = dir_with("Caddyfile", &config);
        let mut command = Command::new("caddy");
        command
            .args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"])
            .env("HOME", dir.path())
            .env("XDG_DATA_HOME", dir.path())
            .env("XDG_CONFIG_HOME", dir.path());
        let running = Running::start(dir, port, &mut command, (admin, "/reverse_proxy/upstreams"));
        Self { _running: running, admin }
    }

    /// The admin API.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }
}

/// Debian keeps servers where the path of plain users does not lead.
fn sbin(program: &str) -> PathBuf {
    let there = Path::new("/usr/sbin").join(program);
    if there.exists() { there } else { PathBuf::from(program) }
}

/// A real `haproxy` that ends TLS in front of a server without.
pub struct TlsFront {
    running: Running,
}

impl TlsFront {
    /// In front of this port, with the server's certificate of `certificates`.
    #[must_use]
    pub fn start(certificates: &crate::Certificates, to: u16) -> Self {
        Self::asking(certificates, to, "")
    }

    /// The same, for clients alone that show a certificate of that authority.
    #[must_use]
    pub fn with_clients(certificates: &crate::Certificates, to: u16) -> Self {
        let authority = certificates.ca();
        Self::asking(certificates, to, &format!(" verify required ca-file {}", authority.display()))
    }

    fn asking(certificates: &crate::Certificates, to: u16, of_clients: &str) -> Self {
        let (certificate, key) = certificates.server();
        let read = |path: &Path| std::fs::read_to_string(path).expect("the testkit's own file");
        let (port, ready) = (free_port(), free_port());
        let config = format!(
            "global\n  maxconn 100\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 30s\n\
             frontend tls\n  bind 127.0.0.1:{port} ssl crt server.pem{of_clients}\n  default_backend plain\n\
             backend plain\n  server one 127.0.0.1:{to}\n\
             listen ready\n  bind 127.0.0.1:{ready}\n  stats enable\n  stats uri /stats\n"
        );
        let dir = dir_with("haproxy.cfg", &config);
        std::fs::write(dir.path().join("server.pem"), read(&certificate) + &read(&key))
            .expect("a file in a temporary directory");
        let mut command = Command::new(sbin("haproxy"));
        command.args(["-db", "-f", "haproxy.cfg"]);
        Self { running: Running::start(dir, port, &mut command, (ready, "/stats;csv")) }
    }

    /// `https://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.running.port)
    }
}
