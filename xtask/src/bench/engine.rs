//! The engines that are compared as stores of metrics: started, asked to write their blocks, left out when they hang.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::ask;
use super::cast::Cast;
use super::program::Program;
use crate::interrupt;
use crate::servers::free_port;

/// A folder that has not changed for so long is written.
const SETTLED: Duration = Duration::from_secs(3);
/// An engine has so long to write its blocks.
const SEAL_WITHIN: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Vigie,
    Prometheus,
    VictoriaMetrics,
}

impl Engine {
    pub const ALL: [Self; 3] = [Self::Vigie, Self::Prometheus, Self::VictoriaMetrics];
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vigie => "Vigie",
            Self::Prometheus => "Prometheus",
            Self::VictoriaMetrics => "VictoriaMetrics",
        })
    }
}

/// An engine that runs, and what was measured of it.
pub struct Running {
    pub engine: Engine,
    pub port: u16,
    /// Processor seconds of all that is written in bulk.
    pub bulk_cpu: f64,
    /// Processor seconds of the requests that come as if scraped.
    pub live_cpu: f64,
    /// Bytes of memory after writing, of which no file backs, and the most so far.
    pub resident: f64,
    pub anonymous: f64,
    pub peak: f64,
    /// Bytes on the disk once all is in blocks.
    pub bytes: f64,
    /// Of them, bytes of Vigie's log: what came less than half an hour before is not in a block yet.
    pub logged: f64,
    /// Of them, bytes of five-minute and hourly values: only Vigie makes some.
    pub downsampled: Option<f64>,
    /// What each query took.
    pub queries: Vec<Asked>,
    /// How long it has been written to.
    pub writing: Duration,
    /// Why it is left out.
    pub lost: Option<String>,
    program: Option<Program>,
    data: PathBuf,
}

/// How often a query was asked, and processor seconds that it took.
#[derive(Default)]
pub struct Asked {
    pub seconds: f64,
    pub times: f64,
}

impl Asked {
    /// Processor seconds of one; none before there is one.
    pub fn each(&self) -> Option<f64> {
        (self.times > 0.0).then(|| self.seconds / self.times)
    }
}

impl Running {
    /// Starts an engine with an empty folder.
    pub fn start(cast: &Cast<'_>, engine: Engine) -> Result<Self> {
        let data = cast.file(&format!("store-{engine}"));
        if data.exists() {
            std::fs::remove_dir_all(&data)
                .with_context(|| format!("emptying {}", data.display()))?;
        }
        std::fs::create_dir_all(&data).with_context(|| format!("creating {}", data.display()))?;
        let mut one = Self {
            engine,
            port: free_port()?,
            bulk_cpu: 0.0,
            live_cpu: 0.0,
            resident: 0.0,
            anonymous: 0.0,
            peak: 0.0,
            bytes: 0.0,
            logged: 0.0,
            downsampled: None,
            queries: Vec::new(),
            writing: Duration::ZERO,
            lost: None,
            program: None,
            data,
        };
        one.go(cast)?;
        Ok(one)
    }

    fn go(&mut self, cast: &Cast<'_>) -> Result<()> {
        let (port, data) = (self.port, self.data.display());
        let (command, ready) = match self.engine {
            Engine::Vigie => {
                // A Redis that is not there: Vigie starts all the same, and keeps little but what is pushed.
                let config = cast.file("store.yaml");
                let text = format!(
                    "listen: 127.0.0.1:{port}\ndata_dir: {data}\nsources:\n  - {{name: none, kind: redis, url: \"redis://127.0.0.1:1\"}}\n",
                );
                std::fs::write(&config, text).context("writing a configuration")?;
                let mut command = cast.command(&cast.vigie().to_string_lossy());
                command.arg("--config").arg(config);
                (command, "/readyz")
            }
            Engine::Prometheus => {
                let config = cast.file("store-prometheus.yml");
                std::fs::write(&config, "global: {}\n").context("writing a configuration")?;
                let mut command = cast.command("prometheus");
                command.arg(format!("--config.file={}", config.display()));
                command.arg(format!("--storage.tsdb.path={data}"));
                command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
                command.args(["--web.enable-remote-write-receiver", "--web.enable-admin-api"]);
                command.arg("--log.level=warn");
                (command, "/-/ready")
            }
            Engine::VictoriaMetrics => {
                let mut command = cast.command("victoria-metrics");
                command.arg(format!("-storageDataPath={data}"));
                command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
                command.args(["-retentionPeriod=12", "-search.latencyOffset=0s"]);
                (command, "/health")
            }
        };
        self.program = Some(cast.start(&command, &format!("store-{}", self.engine))?);
        cast.answering(port, ready)
    }

    /// Its process.
    pub fn program(&self) -> Result<&Program> {
        self.program.as_ref().context("it does not run")
    }

    /// A figure, unless it was left out before it was measured.
    pub fn told(&self, figure: f64) -> Option<f64> {
        (self.lost.is_none() && figure > 0.0).then_some(figure)
    }

    /// Does something with it; when that fails or takes too long, it is left out from then on, and the others go on.
    pub fn attempt(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if self.lost.is_some() {
            return Ok(());
        }
        if let Err(error) = work(self) {
            interrupt::check()?;
            println!("store: {} is left out: {what}: {error:#}", self.engine);
            self.lost = Some(format!("{what}: {error:#}"));
            self.program = None;
        }
        Ok(())
    }

    /// Has what is in memory and in the log written as blocks, and measures what all of it takes.
    pub fn seal(&mut self, cast: &Cast<'_>) -> Result<()> {
        let folder = match self.engine {
            Engine::Vigie => {
                // What is left of an earlier half hour is made blocks at the start.
                self.program = None;
                self.go(cast)?;
                self.data.clone()
            }
            Engine::Prometheus => {
                ask::post(self.port, "/api/v1/admin/tsdb/snapshot", &[], &[Vec::new()])?;
                self.data.join("snapshots")
            }
            Engine::VictoriaMetrics => {
                ask::page(self.port, "/internal/force_flush")?;
                ask::page(self.port, "/internal/force_merge")?;
                self.data.clone()
            }
        };
        self.bytes = settled_bytes(&folder)?;
        if self.engine == Engine::Vigie {
            self.logged = folder_bytes(&folder.join("metrics/wal"))?;
            let (figures, _) = ask::page(self.port, "/metrics")?;
            let line =
                figures.lines().find_map(|one| one.strip_prefix("vigie_store_downsampled_bytes "));
            self.downsampled =
                Some(line.context("it does not say what is downsampled")?.trim().parse()?);
        }
        Ok(())
    }
}

/// The bytes of a folder once they change no more, but for what goes into a log that is just kept.
pub fn settled_bytes(folder: &Path) -> Result<f64> {
    let begin = Instant::now();
    let (mut before, mut since) = (0.0_f64, Instant::now());
    while begin.elapsed() < SEAL_WITHIN {
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(200));
        let bytes = folder_bytes(folder)?;
        if (bytes - before).abs() > before / 200.0 {
            (before, since) = (bytes, Instant::now());
        } else if since.elapsed() > SETTLED && begin.elapsed() > 2 * SETTLED {
            return Ok(bytes);
        }
    }
    bail!("{} still changes after {} s", folder.display(), SEAL_WITHIN.as_secs())
}

fn folder_bytes(folder: &Path) -> Result<f64> {
    let mut sum = 0.0;
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("reading the folder {}", folder.display()))?;
    for entry in entries {
        // A file, or a whole folder, may be merged away meanwhile.
        let Ok(entry) = entry else { continue };
        let Ok(kind) = entry.metadata() else { continue };
        sum += if kind.is_dir() {
            folder_bytes(&entry.path()).unwrap_or_default()
        } else {
            kind.len() as f64
        };
    }
    Ok(sum)
}
