//! `make run`: from a clone to the first screen.

use std::os::unix::process::CommandExt;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::command;
use crate::examples::Examples;
use crate::project::Project;
use crate::setup::{self, Need};

/// Installs and builds what is out of date, then becomes `vigie demo`, or, with `REDIS_URL` set, `vigie`.
pub fn start(project: &Project) -> Result<()> {
    let watches_own = std::env::var_os("REDIS_URL").is_some_and(|url| !url.is_empty());
    if watches_own {
        setup::ensure(project, &[Need::Web])?;
    } else {
        setup::ensure(project, &Need::DEMO)?;
    }
    let vigie = project.vigie()?;
    let program = project.target("quick").join(&vigie.name);
    let mut cargo = project.command("cargo");
    cargo.args(["build", "--profile", "quick", "--package", &vigie.package]);
    if program.exists() {
        cargo.arg("--quiet");
    } else {
        println!("building vigie with its dashboard: the first time takes some minutes ...");
    }
    let start = Instant::now();
    command::show(&mut cargo)?;
    println!("vigie is built ({:.1} s)", start.elapsed().as_secs_f64());
    if !watches_own {
        Examples::read(project)?.build(project, command::show)?;
    }
    let mut vigie = project.command(&program.to_string_lossy());
    if !watches_own {
        vigie.arg("demo");
    }
    // It takes this process' place, so that Ctrl-C and signals reach it alone.
    Err(vigie.exec()).with_context(|| format!("starting {}", program.display()))
}
