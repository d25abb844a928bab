//! `make test-peers`: clients of Vigie's doors whose building takes too long for every run of the tests.

use anyhow::Result;

use crate::command;
use crate::project::Project;
use crate::setup::{self, Need};

/// The Go module with such a client, which the tests of every day leave out.
pub const MODULE: &str = "testkit/collector";

/// Builds the OpenTelemetry Collector, and has it export to the built Vigie.
pub fn start(project: &Project) -> Result<()> {
    setup::ensure(project, &[Need::Go])?;
    let mut vet = project.command("go");
    command::show(vet.args(["vet", "./..."]).current_dir(project.path(MODULE)))?;
    command::show(project.command("cargo").args([
        "test",
        "--package",
        "vigie",
        "--test",
        "collector",
    ]))
}
