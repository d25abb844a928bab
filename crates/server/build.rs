//! Builds the dashboard before it is embedded, when its sources changed.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let web = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("../../web");
    for watched in [
        "src",
        "public",
        "build",
        "index.html",
        "package-lock.json",
        "vite.config.ts",
        "tsconfig.json",
    ] {
        println!("cargo::rerun-if-changed={}", web.join(watched).display());
    }
    println!("cargo::rerun-if-changed={}", web.join("dist/index.html").display());
    if let Err(error) = build(&web) {
        println!("cargo::error=the dashboard was not built: {error}");
        std::process::exit(1);
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Installs what the lock file says if that changed since, then builds.
fn build(web: &Path) -> Result<(), String> {
    if newest(web)? <= modified(&web.join("dist/index.html")) {
        return Ok(());
    }
    let installed = web.join("node_modules/.package-lock.json");
    if modified(&installed) < modified(&web.join("package-lock.json")) {
        npm(web, &["install", "--no-save", "--no-audit", "--no-fund"])?;
    }
    npm(web, &["run", "build"])
}

fn newest(web: &Path) -> Result<u64, String> {
    let mut newest = 0;
    let mut folders = vec![web.join("src"), web.join("public"), web.join("build")];
    for file in ["index.html", "package-lock.json", "vite.config.ts", "tsconfig.json"] {
        newest = newest.max(modified(&web.join(file)));
    }
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                newest = newest.max(modified(&path));
            }
        }
    }
    Ok(newest)
}

fn modified(path: &Path) -> u64 {
    let time = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Runs npm with the project's own Node first in the path, if `cargo xtask setup` installed one.
fn npm(web: &Path, arguments: &[&str]) -> Result<(), String> {
    let own = web.join("../.tools/node_modules/node/bin");
    let path = format!("{}:{}", own.display(), env("PATH"));
    let output = Command::new("npm")
        .args(arguments)
        .current_dir(web)
        .env("PATH", path)
        .output()
        .map_err(|error| format!("npm: {error}; run `cargo xtask setup` first"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("npm {}: {}", arguments.join(" "), String::from_utf8_lossy(&said)))
}
