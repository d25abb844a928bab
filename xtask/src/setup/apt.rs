//! Debian's packages, for the servers and the browser that tests and the demo start.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Need, step};
use crate::command;
use crate::project::Project;
use crate::stamp::{Digest, Stamp};

/// The program that shows a package to be there, the package, and who needs it.
const PACKAGES: [(&str, &str, Need); 16] = [
    // Sentinel is this same program: `redis-server FILE --sentinel`.
    ("redis-server", "redis-server", Need::Redis),
    ("redis-cli", "redis-tools", Need::Redis),
    ("chromium", "chromium", Need::Chromium),
    // With promtool.
    ("prometheus", "prometheus", Need::Peers),
    ("victoria-metrics", "victoria-metrics", Need::Peers),
    // The load balancers that the tests of their sources start; the demo has the first in front of its services.
    ("haproxy", "haproxy", Need::Balancer),
    ("nginx", "nginx-light", Need::Peers),
    ("caddy", "caddy", Need::Peers),
    // Exporters that many have: they are scraped.
    ("prometheus-node-exporter", "prometheus-node-exporter", Need::Peers),
    ("prometheus-redis-exporter", "prometheus-redis-exporter", Need::Peers),
    // A sender of logs. Many have it without its way to Elasticsearch: this is dpkg's note that the package is there.
    ("/var/lib/dpkg/info/rsyslog-elasticsearch.list", "rsyslog-elasticsearch", Need::Peers),
    // Its server is not on the path; this is.
    ("pg_ctlcluster", "postgresql", Need::Peers),
    ("pg_ctlcluster", "postgresql", Need::N8n),
    ("prometheus-postgres-exporter", "prometheus-postgres-exporter", Need::Peers),
    // For OpenSearch, whose packages are on Maven Central.
    ("javac", "default-jdk-headless", Need::Peers),
    ("mvn", "maven", Need::Peers),
];

/// syslog-ng with its way to Elasticsearch. Debian has one logger of the system at a time, and another may be in use here: it is unpacked
/// into a folder, with the libraries that it needs and the machine lacks, and nothing is installed.
const UNPACKED: [&str; 3] = ["syslog-ng-core", "syslog-ng-mod-http", "syslog-ng-scl"];
const UNPACKED_INTO: &str = ".tools/debian";

/// Installs the packages that these needs ask for and whose programs are not found.
pub fn install(project: &Project, needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(program, _, need)| needs.contains(need) && project.which(program).is_none())
        .map(|(_, package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if project.which("apt-get").is_none() {
        bail!(
            "these programs are missing, and this machine has no apt-get: install {names} with its own packager"
        );
    }
    step(&format!("Debian packages {names}"), || {
        let _quiet = ServicesStayStopped::new()?;
        command::show(apt(project).args(["update", "-qq"]))?;
        // What another package would push off this machine stays, and that is said.
        let options = ["install", "-y", "-qq", "--no-install-recommends", "--no-remove"];
        command::show(apt(project).args(options).args(&missing))
            .with_context(|| format!("installing {names}"))
    })
}

/// Unpacks what is not to be installed.
pub fn unpack(project: &Project) -> Result<()> {
    let digest = UNPACKED.iter().fold(Digest::default(), |digest, name| digest.word(name));
    let stamp = Stamp::new(project.path(UNPACKED_INTO).join("stamp"), digest);
    // A machine with another packager has said so before.
    if stamp.current() || project.which("apt-get").is_none() {
        return Ok(());
    }
    let inside = |program: &str| {
        let mut command = project.command(program);
        command.current_dir(project.path(UNPACKED_INTO));
        command
    };
    step(&format!("{} into {UNPACKED_INTO}", UNPACKED.join(" ")), || {
        std::fs::create_dir_all(project.path(UNPACKED_INTO)).context("making the folder")?;
        command::show(apt(project).args(["update", "-qq"]))?;
        let mut plan = inside("apt-get");
        plan.args(["install", "--simulate", "--reinstall", "--no-install-recommends"]);
        let plan = plan.args(UNPACKED).output().context("asking apt-get what is needed")?;
        let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
        let names = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        command::show(inside("apt-get").args(["download", "-qq"]).args(names))?;
        for file in std::fs::read_dir(project.path(UNPACKED_INTO)).context("reading the folder")? {
            let file = file.context("reading the folder")?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                command::show(inside("dpkg").arg("--extract").arg(&file).arg("."))?;
                std::fs::remove_file(&file).context("removing a package that is unpacked")?;
            }
        }
        Ok(())
    })?;
    stamp.leave()
}

/// `apt-get` with the rights it needs.
fn apt(project: &Project) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        project.command("apt-get")
    } else {
        let mut sudo = project.command("sudo");
        sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While this lives, installing a package does not start the services in it: the tests start their own servers, on
/// free ports. An existing policy of the machine is left alone; without root's rights there is none of ours.
struct ServicesStayStopped {
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl ServicesStayStopped {
    fn new() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let ours = rustix::process::geteuid().is_root() && !Path::new(POLICY).exists();
        if ours {
            std::fs::write(POLICY, "#!/bin/sh\nexit 101\n")
                .with_context(|| format!("writing {POLICY}"))?;
            std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755))
                .with_context(|| format!("making {POLICY} executable"))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for ServicesStayStopped {
    fn drop(&mut self) {
        if self.ours && std::fs::remove_file(POLICY).is_err() {
            eprintln!(
                "setup: {POLICY} could not be removed: while it is there, installed services do not start"
            );
        }
    }
}
