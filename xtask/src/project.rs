//! Where the project is and what is in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The checked-out project.
pub struct Project {
    root: PathBuf,
    target: PathBuf,
}

/// A program of the workspace: its package, and where cargo puts it within a profile's folder.
pub struct Binary {
    pub package: String,
    pub name: String,
}

impl Project {
    /// The project whose `cargo xtask` this is.
    pub fn find() -> Result<Self> {
        // Cargo says it anew at each start; the place of the build may be another, where target folders are shared.
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask.parent().context("xtask lies in a folder of the project")?.to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder of the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A file or folder among what was built.
    pub fn target(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }

    pub fn has(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }

    /// Every file that is, or would be, committed; relative to the root, in git's order.
    pub fn files(&self) -> Result<Vec<String>> {
        let out = self
            .command("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
            .output()
            .context("git lists the project's files: is git installed?")?;
        if !out.status.success() {
            bail!("git ls-files: {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        let text = String::from_utf8(out.stdout).context("a file name is not UTF-8: rename it")?;
        Ok(text
            .split('\0')
            .filter(|name| !name.is_empty() && self.has(name))
            .map(str::to_owned)
            .collect())
    }

    /// The folders with this file in them, relative to the root ("" is the root itself).
    pub fn folders_with(&self, name: &str) -> Result<Vec<String>> {
        let found = self.files()?.into_iter().filter_map(|file| {
            let (dir, last) = file.rsplit_once('/').unwrap_or(("", &file));
            (last == name).then(|| dir.to_owned())
        });
        Ok(found.collect())
    }

    /// `cargo metadata` of the workspace's own packages.
    pub fn metadata(&self) -> Result<Value> {
        let out = self
            .command("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps", "--quiet"])
            .output()
            .context("cargo metadata")?;
        if !out.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        serde_json::from_slice(&out.stdout).context("cargo metadata prints JSON")
    }

    /// The program `vigie`, wherever in the workspace it is.
    pub fn vigie(&self) -> Result<Binary> {
        let metadata = self.metadata()?;
        let builds = |package: &Value| {
            list(&package["targets"]).any(|target| {
                target["name"] == "vigie" && list(&target["kind"]).any(|kind| kind == "bin")
            })
        };
        let package = list(&metadata["packages"]).find(|package| builds(package));
        let package =
            package.context("no crate of the workspace builds the program `vigie` yet")?;
        let package = package["name"].as_str().context("a package has a name")?.to_owned();
        Ok(Binary { package, name: "vigie".to_owned() })
    }

    /// Builds `vigie` as the workspace's tests have it, into the folder `debug` of the target, without building it again after
    /// them: alone, its package would have its dependencies with fewer features, and they would all be compiled twice. It
    /// takes one test beside, because only then do features count that tests alone ask for.
    pub fn build_as_tested(&self, vigie: &Binary) -> Command {
        let mut cargo = self.command("cargo");
        cargo.args(["build", "--workspace", "--bin", &vigie.name, "--test", "cli"]);
        cargo
    }

    /// A program started at the project's root, that finds what `cargo xtask setup` installed before the machine's own.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.search_path());
        // `cargo run` adds its own; a server or browser has no use for them.
        command.env_remove("LD_LIBRARY_PATH");
        command
    }

    /// Whether this program can be started, and where it is.
    pub fn which(&self, program: &str) -> Option<PathBuf> {
        // Debian keeps servers where the path of plain users does not lead.
        std::env::split_paths(&self.search_path())
            .chain([PathBuf::from("/usr/sbin")])
            .map(|dir| dir.join(program))
            .find(|path| path.is_file())
    }

    fn search_path(&self) -> std::ffi::OsString {
        let own = [".tools/node_modules/.bin", ".tools/py/bin", ".tools/cargo/bin"];
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let all = own.iter().map(|dir| self.path(dir)).chain(std::env::split_paths(&machine));
        std::env::join_paths(all).unwrap_or(machine.clone())
    }
}

/// The elements of a JSON array, none where it is something else.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
