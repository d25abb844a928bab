//! Installs what a chore needs and the machine lacks, and nothing else; when nothing is missing it takes no time.

mod apt;
mod node;
mod tools;

use std::time::Instant;

use anyhow::Result;

use crate::project::Project;

/// Something that a chore cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A Redis server and its command line.
    Redis,
    /// Debian's Chromium, which the browser tests drive.
    Chromium,
    /// HAProxy, which stands in front of the demo's services.
    Balancer,
    /// Prometheus with its checker of expositions and rules, VictoriaMetrics, OpenSearch, other load balancers, exporters, clients of
    /// its doors: what Vigie is compared with or speaks to.
    Peers,
    /// The Go compiler.
    Go,
    /// A Node recent enough for the web's tool chain, and the web's packages.
    Web,
    /// n8n itself, some 2 GB, with a Node that it runs on and the PostgreSQL that it keeps its data in.
    N8n,
    /// The test runner, the dependency checker and the fuzzer of Rust.
    CargoTools,
}

impl Need {
    /// Everything that the whole of the tests needs; n8n is only installed for its own.
    pub const ALL: [Self; 7] = [
        Self::Redis,
        Self::Chromium,
        Self::Balancer,
        Self::Peers,
        Self::Go,
        Self::Web,
        Self::CargoTools,
    ];

    /// What the demo needs: its own Redis, a load balancer, and the examples' tool chains.
    pub const DEMO: [Self; 4] = [Self::Redis, Self::Balancer, Self::Go, Self::Web];
}

/// Installs what is missing of these; prints only what it does.
pub fn ensure(project: &Project, needs: &[Need]) -> Result<()> {
    let has = |need| needs.contains(&need);
    apt::install(project, needs)?;
    if has(Need::Go) && project.which("go").is_none() {
        anyhow::bail!(
            "Go is not installed: the examples and the SDK are built with it (Go 1.24 or later)"
        );
    }
    if has(Need::Web) {
        node::install(project)?;
        node::packages(project, "web")?;
    }
    if has(Need::Peers) {
        apt::unpack(project)?;
        node::install(project)?;
        node::packages(project, "testkit/node-clients")?;
    }
    if has(Need::N8n) {
        node::n8n(project)?;
    }
    if has(Need::CargoTools) {
        tools::install(project)?;
    }
    Ok(())
}

/// `cargo xtask setup`: the same, with a word at the end.
pub fn announce(project: &Project, needs: &[Need]) -> Result<()> {
    let start = Instant::now();
    ensure(project, needs)?;
    println!("Everything needed is installed ({:.1} s).", start.elapsed().as_secs_f64());
    Ok(())
}

/// Says what is being installed, does it, and says how long that took.
fn step(what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("setup: {what} ...");
    let start = Instant::now();
    act()?;
    println!("setup: {what}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
