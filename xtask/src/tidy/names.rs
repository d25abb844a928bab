//! Names that say nothing: a file or folder is called after what it knows.

use super::Finding;

/// Names that any code could carry.
pub const EMPTY: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "types"];

pub fn check(files: &[String], found: &mut Vec<Finding>) {
    for file in files {
        let mut parts: Vec<&str> = file.split('/').collect();
        let Some((stem, extension)) = parts.pop().and_then(|name| name.split_once('.')) else {
            continue;
        };
        // In a Vite project only a declaration file describes types, and it has two extensions.
        if !matches!(extension, "rs" | "ts" | "tsx" | "go" | "js" | "mjs") {
            continue;
        }
        if let Some(name) = parts.into_iter().chain([stem]).find(|name| EMPTY.contains(name)) {
            let says = format!("'{name}' says nothing: call it after the one thing it knows");
            found.push(Finding { file: file.clone(), line: 1, says });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_both_looked_at() {
        let files = [
            "crates/a/src/utils.rs",
            "web/src/common/x.ts",
            "sdk/go/types.go",
            "crates/a/src/utility_bill.rs",
            "docs/common.md",
        ];
        let mut found = Vec::new();
        check(&files.map(str::to_owned), &mut found);
        let files: Vec<_> = found.iter().map(|finding| finding.file.as_str()).collect();
        assert_eq!(files, ["crates/a/src/utils.rs", "web/src/common/x.ts", "sdk/go/types.go"]);
        assert_eq!(found[1].says, "'common' says nothing: call it after the one thing it knows");
    }
}
