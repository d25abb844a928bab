//! `make test-n8n`: Vigie beside a real n8n. Too slow, and too large to install, for every run of the tests.

use anyhow::Result;

use crate::command;
use crate::project::Project;
use crate::setup::{self, Need};

/// Installs n8n where it is missing, builds Vigie, and runs the test of `examples/n8n`.
pub fn start(project: &Project) -> Result<()> {
    setup::ensure(project, &[Need::Redis, Need::Web, Need::N8n])?;
    let vigie = project.vigie()?;
    command::show(&mut project.build_as_tested(&vigie))?;
    let program = project.target("debug").join(&vigie.name);
    command::show(project.command("node").arg("examples/n8n/test.js").env("VIGIE", program))
}
