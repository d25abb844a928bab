//! Which crate may know which: data flows one way, and the places where it meets the world are few.

use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::project::list;

/// Each crate with the crates that it may know. `app` wires all of them, so it is not here.
const MAY_KNOW: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("tls", &[]),
    ("collect", &["model", "tls"]),
    ("board", &["model"]),
    ("store", &["model"]),
    ("query", &["model", "store"]),
    ("remote", &["model", "store", "tls"]),
    ("diagnose", &["model"]),
    ("alert", &["model", "query"]),
    ("notify", &["model"]),
    ("server", &["model", "board", "store", "query", "remote", "diagnose", "alert"]),
];

/// Foreign crates that only some may use, and why.
const RESERVED: [(&[&str], &[&str], &str); 2] = [
    (
        &["axum", "axum-core", "axum-extra", "tower-http", "utoipa", "http"],
        &["server"],
        "only crates/server knows HTTP as a server: status codes and response bodies",
    ),
    (&["clap", "clap_complete"], &["app"], "only crates/app knows the command line"),
];

/// Crates that do no input or output, and what would bring it in.
const PURE: [&str; 3] = ["model", "diagnose", "alert"];
const INPUT_OUTPUT: [&str; 8] =
    ["tokio", "async-std", "reqwest", "hyper", "redis", "fred", "rusqlite", "sqlx"];

/// Reads `cargo metadata --no-deps`.
pub fn check(root: &Path, metadata: &Value, found: &mut Vec<Finding>) {
    for package in list(&metadata["packages"]) {
        let Some(manifest) = package["manifest_path"]
            .as_str()
            .and_then(|path| Path::new(path).strip_prefix(root).ok())
        else {
            continue;
        };
        let Some(folder) = manifest
            .parent()
            .and_then(|dir| dir.strip_prefix("crates").ok())
            .and_then(Path::to_str)
        else {
            continue;
        };
        let text = std::fs::read_to_string(root.join(manifest)).unwrap_or_default();
        let mut report = |name: &str, says: String| {
            let line = text
                .lines()
                .position(|line| line.trim_start().starts_with(name))
                .map_or(1, |index| index + 1);
            found.push(Finding { file: manifest.display().to_string(), line, says });
        };
        for dependency in
            list(&package["dependencies"]).filter(|dependency| dependency["kind"] != "dev")
        {
            let name = dependency["name"].as_str().unwrap_or_default();
            let says = match dependency["path"].as_str() {
                Some(path) => inner(folder, &relative(root, path)),
                None => outer(folder, name),
            };
            if let Some(says) = says {
                report(name, says);
            }
        }
    }
}

fn relative(root: &Path, path: &str) -> String {
    Path::new(path).strip_prefix(root).unwrap_or(Path::new(path)).display().to_string()
}

/// What is wrong with one of our crates knowing another.
fn inner(folder: &str, known: &str) -> Option<String> {
    let Some(other) = known.strip_prefix("crates/") else {
        return Some(format!("{known}/ is for development only: put it under [dev-dependencies]"));
    };
    if folder == "app" {
        return None;
    }
    let Some((_, may)) = MAY_KNOW.iter().find(|(name, _)| *name == folder) else {
        return Some(format!(
            "crates/{folder} is new: say in xtask/src/tidy/crates.rs and in ARCHITECTURE.md what it may know"
        ));
    };
    if may.contains(&other) {
        return None;
    }
    let may = if may.is_empty() { "none of ours".to_owned() } else { may.join(", ") };
    Some(format!(
        "crates/{folder} never sees crates/{other} (it may know {may}): let them meet in crates/app"
    ))
}

/// What is wrong with one of our crates using a foreign one.
fn outer(folder: &str, name: &str) -> Option<String> {
    let reserved =
        RESERVED.iter().find(|(names, who, _)| names.contains(&name) && !who.contains(&folder));
    if let Some((_, _, why)) = reserved {
        return Some((*why).to_owned());
    }
    let pure = PURE.contains(&folder) && INPUT_OUTPUT.contains(&name);
    pure.then(|| format!("crates/{folder} does no input or output, so it has no use for {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(folder: &str, dependency: &str) -> Vec<String> {
        let text = format!(
            r#"{{"packages": [{{"manifest_path": "/p/crates/{folder}/Cargo.toml", "dependencies": [{dependency}]}}]}}"#
        );
        let mut found = Vec::new();
        check(Path::new("/p"), &serde_json::from_str(&text).unwrap(), &mut found);
        found.into_iter().map(|finding| finding.says).collect()
    }

    fn ours(folder: &str) -> String {
        format!(r#"{{"name": "vigie-x", "kind": null, "path": "/p/{folder}"}}"#)
    }

    #[test]
    fn collect_never_sees_the_store() {
        let said = said("collect", &ours("crates/store"));
        assert_eq!(
            said,
            [
                "crates/collect never sees crates/store (it may know model, tls): let them meet in crates/app"
            ]
        );
    }

    #[test]
    fn alert_never_sees_notify_and_app_sees_all() {
        assert_eq!(said("alert", &ours("crates/notify")).len(), 1);
        assert!(said("alert", &ours("crates/query")).is_empty());
        assert!(said("app", &ours("crates/notify")).is_empty());
    }

    #[test]
    fn only_the_server_knows_http_and_tests_know_what_they_like() {
        let axum = r#"{"name": "axum", "kind": null}"#;
        assert_eq!(said("collect", axum).len(), 1);
        assert!(said("server", axum).is_empty());
        assert!(said("collect", r#"{"name": "axum", "kind": "dev"}"#).is_empty());
    }

    #[test]
    fn the_product_does_not_ship_the_testkit() {
        assert_eq!(said("app", &ours("testkit")).len(), 1);
    }

    #[test]
    fn a_pure_crate_brings_in_no_runtime() {
        assert_eq!(said("diagnose", r#"{"name": "tokio", "kind": null}"#).len(), 1);
    }

    #[test]
    fn a_new_crate_is_asked_for_its_place() {
        assert!(said("forecast", &ours("crates/model"))[0].starts_with("crates/forecast is new"));
    }
}
