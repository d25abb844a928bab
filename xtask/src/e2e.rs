//! The dashboard in a real browser, against a real Redis, the real examples and a real vigie.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{Finished, Group, Log};
use crate::examples::Examples;
use crate::project::Project;
use crate::servers::{Redis, Vigie, into_file};
use crate::setup::{self, Need};

/// What must be installed.
pub const NEEDS: [Need; 5] = [Need::Redis, Need::Chromium, Need::Balancer, Need::Go, Need::Web];

/// `cargo xtask e2e`: with these arguments for the test runner; the answer is whether all passed.
pub fn start(project: &Project, arguments: &[OsString]) -> Result<bool> {
    setup::ensure(project, &NEEDS)?;
    let mut log = Log::create(&project.target("test-logs/e2e.log"), true)?;
    Ok(run(project, &mut log, arguments)?.good)
}

/// Starts everything, runs the tests, ends everything, whatever happens in between.
pub fn run(project: &Project, log: &mut Log, arguments: &[OsString]) -> Result<Finished> {
    let vigie = project.vigie()?;
    let built = log.run(&mut project.build_as_tested(&vigie))?;
    if !built.good {
        return Ok(built);
    }
    let program = project.target("debug").join(&vigie.name);
    let examples = Examples::read(project)?;
    examples.build_logged(project, log)?;

    // The servers' own output stays here for a look after a failure.
    let dir = empty(&project.target("e2e"))?;
    let redis = Redis::start(project, &dir)?;
    let _examples = examples
        .processes(project, &redis.url())?
        .iter_mut()
        .map(|(name, command)| into_file(command, name, &dir))
        .collect::<Result<Vec<Group>>>()?;
    let vigie = Vigie::start(project, &program, &dir, &redis.url())?;
    log.say(&format!("vigie at {}, the servers' output in {}", vigie.url(), dir.display()))?;

    let (start_redis, stop_redis) = redis.commands();
    let mut tests = project.command("npm");
    tests.args(["run", "e2e", "--"]).args(arguments).current_dir(project.path("web"));
    tests.env("VIGIE_URL", vigie.url()).env("VIGIE_E2E_REDIS_URL", redis.url());
    tests.env("VIGIE_E2E_START_REDIS", start_redis).env("VIGIE_E2E_STOP_REDIS", stop_redis);
    if let Some(chromium) = project.which("chromium") {
        tests.env("CHROMIUM", chromium);
    }
    log.run(&mut tests)
}

fn empty(dir: &Path) -> Result<PathBuf> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("emptying {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    Ok(dir.to_path_buf())
}
