//! A Node that the web's tool chain accepts, and the packages of a folder with a `package.json`.

use anyhow::{Context, Result};

use super::step;
use crate::command;
use crate::project::Project;
use crate::stamp::{Digest, Stamp};

/// The oldest Node that Vite and the tests run on, and the one installed where the machine's is older.
const OLDEST: (u32, u32) = (22, 19);
const PINNED: &str = "24.21.0";
/// npm 10 does not install Vite 8's optional native packages.
const OLDEST_NPM: (u32, u32) = (11, 0);
const PINNED_NPM: &str = "11.19.1";

/// Installs Node into `.tools/` (the npm package `node` carries the program) where the machine's is missing or too old.
pub fn install(project: &Project) -> Result<()> {
    if project.has(".tools/node_modules/.bin/node") {
        return Ok(());
    }
    if version(project, "node").is_some_and(|found| found >= OLDEST) {
        return Ok(());
    }
    if project.which("npm").is_none() {
        anyhow::bail!(
            "Node is not installed: the dashboard is built with it (Node 20 or later, with npm)"
        );
    }
    step(&format!("Node {PINNED} into .tools/"), || add(project, &format!("node@{PINNED}")))
}

/// The n8n that the example runs, and the oldest Node that it runs on.
const N8N: &str = "2.40.7";
const N8N_NODE: (u32, u32) = (24, 0);

/// Installs n8n into `.tools/n8n`, and Node into `.tools/` where the machine's is too old for it. No package's own installation
/// script runs: with PostgreSQL, n8n needs nothing that is built here.
pub fn n8n(project: &Project) -> Result<()> {
    if version(project, "node").is_none_or(|found| found < N8N_NODE) {
        step(&format!("Node {PINNED} into .tools/"), || add(project, &format!("node@{PINNED}")))?;
    }
    let digest = Digest::default().word(N8N);
    let stamp = Stamp::new(project.path(".tools/n8n/stamp"), digest);
    if stamp.current() {
        return Ok(());
    }
    step(&format!("n8n {N8N} into .tools/n8n (2 GB, some minutes)"), || {
        let dir = project.path(".tools/n8n");
        std::fs::create_dir_all(&dir).context("making .tools/n8n")?;
        let mut npm = project.command("npm");
        npm.args(["install", "--prefix", ".tools/n8n", "--ignore-scripts", "--no-audit"]);
        npm.args(["--no-fund", "--loglevel=error", &format!("n8n@{N8N}")]);
        command::show(&mut npm).with_context(|| format!("installing n8n {N8N}"))
    })?;
    stamp.leave()
}

/// Installs the packages that a folder's lock file names, when the lock file has changed since the last time.
pub fn packages(project: &Project, folder: &str) -> Result<()> {
    let dir = project.path(folder);
    if !dir.join("package-lock.json").exists() {
        return Ok(());
    }
    let digest = Digest::default()
        .path(&dir.join("package.json"))?
        .path(&dir.join("package-lock.json"))?
        .path(&dir.join(".npmrc"))?;
    // It lies among what it vouches for: whoever removes the packages removes the stamp.
    let stamp = Stamp::new(dir.join("node_modules/.vigie-stamp"), digest);
    if stamp.current() {
        return Ok(());
    }
    if version(project, "npm").is_none_or(|found| found < OLDEST_NPM) {
        step(&format!("npm {PINNED_NPM} into .tools/"), || {
            add(project, &format!("npm@{PINNED_NPM}"))
        })?;
    }
    step(&format!("npm packages of {folder}/"), || {
        // Not `npm ci`: it refuses a lock file without the packages of other platforms where a registry lacks them
        // (npm/cli#9846). This installs what is locked too, and changes no file; that the lock file fits the
        // package.json is a rule of `cargo xtask tidy`.
        let mut npm = project.command("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
        command::show(npm.current_dir(&dir))
            .with_context(|| format!("installing the packages of {folder}/"))
    })?;
    stamp.leave()
}

fn add(project: &Project, package: &str) -> Result<()> {
    let mut npm = project.command("npm");
    npm.args([
        "install",
        "--prefix",
        ".tools",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        package,
    ]);
    command::show(&mut npm).with_context(|| format!("installing {package}"))
}

/// Major and minor of what `PROGRAM --version` prints.
fn version(project: &Project, program: &str) -> Option<(u32, u32)> {
    let out = project.command(program).arg("--version").output().ok()?;
    parse(&String::from_utf8(out.stdout).ok()?)
}

fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(parse("v20.20.2\n"), Some((20, 20)));
        assert!(parse("v22.9.0") < Some(OLDEST) && parse("v24.0.1") > Some(OLDEST));
        assert_eq!(parse("command not found"), None);
    }
}
