//! Cargo's companions, as pinned in `xtask/tools.txt`, installed into `.tools/`.

use anyhow::{Context, Result};

use super::step;
use crate::command;
use crate::project::Project;
use crate::stamp::{Digest, Stamp};

/// What comes before the tool's own name in the file of pins.
const PREFIX: &str = "astral-dev-toolchain-";

/// One pinned tool.
#[derive(Debug, PartialEq, Eq)]
struct Pin {
    name: String,
    version: String,
}

/// Installs all tools when the pins have changed since the last time.
pub fn install(project: &Project) -> Result<()> {
    let file = project.path("xtask/tools.txt");
    let stamp = Stamp::new(project.path(".tools/tools-stamp"), Digest::default().path(&file)?);
    if stamp.current() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&file).context("reading xtask/tools.txt")?;
    let pins = pins(&text);
    let names: Vec<_> = pins.iter().map(|pin| format!("{} {}", pin.name, pin.version)).collect();
    let names = names.join(", ");
    if let Err(problem) = step(&format!("{names} into .tools/py"), || prebuilt(project)) {
        println!("setup: no prebuilt tools here ({problem:#}): building them, some minutes, once");
        for pin in &pins {
            step(&format!("building {} {}", pin.name, pin.version), || build(project, pin))?;
        }
    }
    stamp.leave()
}

fn pins(text: &str) -> Vec<Pin> {
    let pin = |line: &str| {
        let (name, rest) = line.strip_prefix(PREFIX)?.split_once("==")?;
        let version = rest.split_whitespace().next()?;
        Some(Pin { name: name.to_owned(), version: version.to_owned() })
    };
    text.lines().filter_map(pin).collect()
}

/// The wheels with the programs in them; their content must have the pinned hash.
fn prebuilt(project: &Project) -> Result<()> {
    let mut pip = project.command("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    ]);
    pip.args(["--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade"]);
    command::show(pip.args(["--target", ".tools/py", "--requirement", "xtask/tools.txt"]))
}

/// The same version from source, with a profile that builds quickly: these programs wait for others most of the time.
fn build(project: &Project, pin: &Pin) -> Result<()> {
    let mut cargo = project.command("cargo");
    cargo.args([
        "install",
        "--quiet",
        "--locked",
        "--root",
        ".tools/cargo",
        &pin.name,
        "--version",
        &pin.version,
    ]);
    for (key, value) in
        [("OPT_LEVEL", "1"), ("DEBUG", "false"), ("LTO", "off"), ("CODEGEN_UNITS", "16")]
    {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    command::show(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_are_read_from_the_file_that_pip_reads() {
        let pins = pins(include_str!("../../tools.txt"));
        let names: Vec<_> = pins.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(names, ["cargo-nextest", "cargo-deny", "cargo-fuzz"]);
        assert!(pins.iter().all(|pin| pin.version.starts_with("0.")), "{pins:?}");
    }
}
