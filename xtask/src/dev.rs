//! Hot reload of the dashboard against a running vigie.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Result;

use crate::command::{self, Group};
use crate::project::Project;
use crate::setup::{self, Need};

/// Where vigie listens when nothing else is said.
const VIGIE: ([u8; 4], u16) = ([127, 0, 0, 1], 4780);

/// Starts Vite, which hands `/api` and `/metrics` on to vigie; starts vigie too where none answers.
pub fn start(project: &Project) -> Result<()> {
    setup::ensure(project, &[Need::Web])?;
    let address = SocketAddr::from(VIGIE);
    let answers = TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok();
    let _vigie = if answers {
        println!("the dashboard uses the vigie at http://{address}");
        None
    } else {
        let vigie = project.vigie()?;
        println!("no vigie at http://{address}: starting one");
        command::show(&mut project.build_as_tested(&vigie))?;
        let program = project.target("debug").join(&vigie.name);
        Some(Group::start(&mut project.command(&program.to_string_lossy()), "vigie")?)
    };
    let mut vite = project.command("npm");
    vite.args(["run", "dev"]).current_dir(project.path("web"));
    command::show(vite.env("VIGIE_URL", format!("http://{address}")))
}
