//! Who is on the stage of the demo: what `examples/demo.json` lists, where each listens, and the configuration that
//! watches them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::free_addresses;
use crate::exit::Failure;

/// The source that the demo's Redis is.
const REDIS: &str = "demo";
/// HAProxy's page of statistics, at its only port.
const STATS: &str = "/haproxy-stats";
/// A health check that takes longer is a slow one, in seconds.
const SLOW: f64 = 0.25;

/// What `examples/demo.json` says.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    /// Who enqueues jobs and works on them.
    processes: Vec<Process>,
    /// Who serves requests, and who sends them.
    #[serde(default)]
    services: Vec<Process>,
    /// What must be built before.
    #[serde(default)]
    install: Vec<Built>,
}

/// What a step of `make run` makes.
#[derive(Debug, Deserialize)]
struct Built {
    /// Below the examples.
    dir: PathBuf,
    /// Below that.
    outputs: Vec<PathBuf>,
}

/// A process to start.
#[derive(Debug, Deserialize)]
pub(super) struct Process {
    /// What it is called.
    pub(super) name: String,
    /// Where it is started, below the examples.
    pub(super) dir: PathBuf,
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// What to look at.
    pub(super) what: String,
    /// The source of kind `go_api` that it is a replica of: it listens where `VIGIE_LISTEN` says.
    source: Option<String>,
    /// The source whose replicas it sends requests to, as `VIGIE_VISIT` says.
    visits: Option<String>,
}

/// Everybody with an address.
pub(super) struct Scene {
    manifest: Manifest,
    /// Where a process listens, by its name.
    addresses: BTreeMap<String, SocketAddr>,
    /// The load balancer in front of the services, if there is one on this machine.
    pub(super) balancer: Option<Balancer>,
}

/// HAProxy.
pub(super) struct Balancer {
    /// The program.
    pub(super) program: PathBuf,
    /// Its only port: requests and statistics.
    pub(super) address: SocketAddr,
}

impl Scene {
    /// Finds a free address for everybody who listens.
    pub(super) async fn lay(manifest: Manifest) -> Result<Self, Failure> {
        let listening: Vec<String> =
            manifest.tellers().map(|(process, _)| process.name.clone()).collect();
        let mut free = free_addresses(listening.len() + 1).await?.into_iter();
        let door = free.next();
        let serves = manifest.services.iter().any(|service| service.source.is_some());
        let balancer = haproxy()
            .filter(|_| serves)
            .zip(door)
            .map(|(program, address)| Balancer { program, address });
        Ok(Self { addresses: listening.into_iter().zip(free).collect(), manifest, balancer })
    }

    /// All processes, in the order of their start: who listens first.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.manifest.services.iter().chain(&self.manifest.processes)
    }

    /// Where a process listens, if it does.
    pub(super) fn address(&self, process: &Process) -> Option<SocketAddr> {
        self.addresses.get(&process.name).copied()
    }

    /// All addresses where somebody listens.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses
            .values()
            .copied()
            .chain(self.balancer.as_ref().map(|balancer| balancer.address))
    }

    /// Where a visitor goes, with commas between: through the balancer, or to each replica.
    pub(super) fn visits(&self, process: &Process) -> Option<String> {
        let source = process.visits.as_deref()?;
        let urls = match &self.balancer {
            Some(balancer) => vec![format!("http://{}", balancer.address)],
            None => self.replicas(source).map(|(_, address)| format!("http://{address}")).collect(),
        };
        Some(urls.join(","))
    }

    /// One line of what to look at for each process, and for the balancer.
    pub(super) fn lines(&self) -> Vec<(&str, String)> {
        let mut lines: Vec<_> =
            self.processes().map(|process| (process.name.as_str(), process.what.clone())).collect();
        let serves = self.manifest.services.iter().any(|service| service.source.is_some());
        match &self.balancer {
            Some(balancer) => lines.push((
                "haproxy",
                format!("stands in front of them at http://{}; page Instances has its view beside the probe's", balancer.address),
            )),
            None if serves => lines.push((
                "haproxy",
                "is not installed, so nothing stands in front of them: apt-get install haproxy".to_owned(),
            )),
            None => {}
        }
        lines
    }

    /// HAProxy's configuration.
    pub(super) fn haproxy_config(&self, balancer: &Balancer) -> String {
        let servers: String = self
            .served()
            .map(|(name, address)| {
                format!("  server {name} {address} check inter 1s fall 2 rise 2\n")
            })
            .collect();
        format!(
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n  timeout check 1s\n\
             frontend door\n  bind {}\n  stats enable\n  stats uri {STATS}\n  stats show-legends\n  default_backend shop\n\
             backend shop\n  balance roundrobin\n  option httpchk GET /healthz\n{servers}",
            balancer.address
        )
    }

    /// Vigie's configuration: as a user would write it.
    pub(super) fn config(&self, listen: SocketAddr, redis: &str, folder: &Path) -> Value {
        let mut sources = vec![json!({"name": REDIS, "kind": "redis", "url": redis})];
        let mut services: BTreeMap<&str, (bool, Vec<String>)> = BTreeMap::new();
        for (process, source) in self.manifest.tellers() {
            let works = self.manifest.processes.iter().any(|other| other.name == process.name);
            let urls = &mut services.entry(source).or_insert((works, Vec::new())).1;
            urls.extend(self.address(process).map(|address| format!("http://{address}")));
        }
        for (name, (works, urls)) in services {
            let mut source = json!({"name": name, "kind": "go_api", "urls": urls, "role": name, "poll_seconds": 2});
            if works {
                // What its workers tell of their jobs is about the queues of that Redis.
                source["asynq"] = json!(REDIS);
            }
            sources.push(source);
        }
        if let Some(balancer) = &self.balancer {
            let url = format!("http://{}{STATS}", balancer.address);
            sources
                .push(json!({"name": "haproxy", "kind": "haproxy", "url": url, "poll_seconds": 2}));
        }
        let targets: Vec<String> =
            self.served().map(|(_, address)| format!("http://{address}/healthz")).collect();
        if !targets.is_empty() {
            sources.push(json!({
                "name": "health", "kind": "probe", "targets": targets, "slow_seconds": SLOW, "poll_seconds": 2
            }));
        }
        let output = folder.join("*.log");
        let instance = r"(?P<instance>[^/]+)\.log$";
        sources.push(
            json!({"name": "output", "kind": "file", "paths": [output], "path_pattern": instance}),
        );
        json!({"listen": listen, "data_dir": folder.join("vigie-data"), "sources": sources})
    }

    /// The replicas of a source.
    fn replicas(&self, source: &str) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.manifest
            .tellers()
            .filter(move |(_, of)| *of == source)
            .filter_map(|(process, _)| Some((process.name.as_str(), self.address(process)?)))
    }

    /// Who serves requests, and where.
    fn served(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.manifest
            .services
            .iter()
            .filter_map(|process| Some((process.name.as_str(), self.address(process)?)))
    }
}

impl Manifest {
    /// Reads it from the folder of the examples.
    pub(super) fn read(examples: &Path) -> Result<Self, Failure> {
        let path = examples.join("demo.json");
        let wrong = |error: String| Failure::failed(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let read: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let built = |step: &Built| {
            let folder = examples.join(&step.dir);
            step.outputs.iter().map(|output| folder.join(output)).collect::<Vec<_>>()
        };
        match read.install.iter().flat_map(built).find(|output| !output.exists()) {
            Some(output) => Err(Failure::failed(format!(
                "{} is not there: `make run` builds what the demo needs",
                output.display()
            ))),
            None => Ok(read),
        }
    }

    /// Who tells Vigie of itself, and as which source.
    fn tellers(&self) -> impl Iterator<Item = (&Process, &str)> {
        let all = self.services.iter().chain(&self.processes);
        all.filter_map(|process| Some((process, process.source.as_deref()?)))
    }
}

/// The program, which Debian keeps where only root looks.
fn haproxy() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join("haproxy"))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn manifest() -> Manifest {
        let text = r#"{
            "processes": [
                {"name": "worker", "dir": "w", "command": ["./w"], "what": "works", "source": "asynq"},
                {"name": "silent", "dir": "w", "command": ["./w"], "what": "works"}
            ],
            "services": [
                {"name": "shop-1", "dir": "s", "command": ["./s"], "what": "serves", "source": "shop"},
                {"name": "shop-2", "dir": "s", "command": ["./s"], "what": "serves", "source": "shop"},
                {"name": "visitors", "dir": "s", "command": ["./s"], "what": "asks", "visits": "shop"}
            ]
        }"#;
        serde_json::from_str(text).unwrap()
    }

    async fn scene(balancer: bool) -> Scene {
        let mut scene = Scene::lay(manifest()).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        scene.balancer = balancer.then(|| Balancer { program: "haproxy".into(), address });
        scene
    }

    #[tokio::test]
    async fn what_is_written_is_a_configuration_with_everybody_in_it() {
        let folder = tempfile::tempdir().unwrap();
        for (balancer, kinds) in [
            (true, vec!["redis", "go_api", "go_api", "haproxy", "probe", "file"]),
            (false, vec!["redis", "go_api", "go_api", "probe", "file"]),
        ] {
            let scene = scene(balancer).await;
            let listen = SocketAddr::from(([127, 0, 0, 1], 1));
            let config = scene.config(listen, "redis://127.0.0.1:2", folder.path());
            let file = folder.path().join("vigie.yaml");
            std::fs::write(&file, config.to_string()).unwrap();
            let read = Config::load(Some(&file)).unwrap();
            assert_eq!(read.sources.iter().map(|source| source.kind()).collect::<Vec<_>>(), kinds);
            assert_eq!(config["sources"][1]["asynq"], "demo", "its workers tell of jobs: {config}");
            assert_eq!(config["sources"][2]["urls"].as_array().unwrap().len(), 2);
            assert_eq!(config["sources"][2]["asynq"], Value::Null);
        }
    }

    #[tokio::test]
    async fn visitors_come_by_the_balancer_or_to_each_replica() {
        let visitors = |scene: &Scene| {
            let process = scene.processes().find(|process| process.name == "visitors").unwrap();
            scene.visits(process).unwrap()
        };
        let with = scene(true).await;
        assert_eq!(visitors(&with), "http://127.0.0.1:9");
        let config = with.haproxy_config(with.balancer.as_ref().unwrap());
        assert!(
            config.contains("server shop-1 127.0.0.1:") && !config.contains("worker"),
            "{config}"
        );
        let without = scene(false).await;
        assert_eq!(visitors(&without).split(',').count(), 2);
        let lines = without.lines();
        assert!(
            lines.iter().any(|(name, line)| *name == "haproxy" && line.contains("not installed"))
        );
        assert!(without.addresses().count() == 3, "the worker and two replicas");
    }

    #[tokio::test]
    async fn who_serves_nothing_needs_no_balancer() {
        let scene =
            Scene::lay(serde_json::from_str(r#"{"processes": []}"#).unwrap()).await.unwrap();
        assert!(scene.balancer.is_none() && scene.lines().is_empty());
    }
}
