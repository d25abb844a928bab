//! `make test-shippers`: real shippers at Vigie's doors, whose building takes too long for every run of the tests.

use anyhow::Result;

use crate::command;
use crate::project::Project;
use crate::setup::{self, Need};

/// The Go modules with them, which the tests of every day leave out; those inside it have programs of others alone.
pub const MODULES: &str = "testkit/shippers";

/// Checks and builds them, and has them send to the built Vigie.
pub fn start(project: &Project) -> Result<()> {
    setup::ensure(project, &[Need::Go])?;
    let mut vet = project.command("go");
    command::show(vet.args(["vet", "./..."]).current_dir(project.path(MODULES)))?;
    let cargo = |words: &[&str], more: &[&str]| {
        let mut cargo = project.command("cargo");
        // Of the workspace, for then its dependencies are compiled as for the other tests.
        cargo.args(words).args(["--workspace", "--test", "shippers", "--"]).args(more);
        command::show(&mut cargo)
    };
    cargo(&["clippy"], &["--deny", "warnings"])?;
    cargo(&["test"], &["--nocapture"])
}
