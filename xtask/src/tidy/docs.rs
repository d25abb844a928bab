//! A map that shows what is there: every path in backticks and every link in our pages leads somewhere.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::{Finding, Source};

/// Pages whose paths in backticks are checked; links are checked in every page.
const MAPS: [&str; 3] = ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"];

/// Folders of the project: a word in backticks that begins with one of these is a path.
const FOLDERS: [&str; 13] = [
    "crates", "web", "sdk", "xtask", "testkit", "examples", "deploy", "docs", "bench", "fuzz",
    ".ci", ".cargo", ".config",
];

static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"`([^`\s]+)`").ok());
static LINKED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").ok());

pub fn check(sources: &[Source], files: &[String], found: &mut Vec<Finding>) {
    for source in sources.iter().filter(|source| source.extension() == "md") {
        for (number, line) in source.lines() {
            if MAPS.contains(&source.path.as_str()) {
                for path in
                    matches(&QUOTED, line).filter(|word| is_path(word) && !exists(word, files))
                {
                    found.push(source.finding(number, format!("`{path}` is not in the tree")));
                }
            }
            for link in matches(&LINKED, line) {
                if let Some(path) = target(&source.path, link)
                    && !exists(&path, files)
                {
                    found.push(source.finding(number, format!("the link to {link} leads nowhere")));
                }
            }
        }
    }
}

fn matches<'a>(
    regex: &'static LazyLock<Option<Regex>>,
    line: &'a str,
) -> impl Iterator<Item = &'a str> {
    let all = regex.iter().flat_map(|regex| regex.captures_iter(line));
    all.filter_map(|found| Some(found.get(1)?.as_str()))
}

/// Whether a word in backticks means a file or folder of ours; one with a placeholder means many.
fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    FOLDERS.contains(&first)
        && word.contains('/')
        && !word.contains(['<', '*', '{', '…'])
        && !word.contains("NNNN")
}

fn exists(path: &str, files: &[String]) -> bool {
    // A place within a file, as `a.rs:12` or `a.md#part`.
    let path = path.split(['#', ':']).next().unwrap_or_default().trim_end_matches('/');
    let inside = format!("{path}/");
    files.iter().any(|file| file == path || file.starts_with(&inside))
}

/// The file that a page's link means, relative to the root; none for one that leads out of the project or within the page.
fn target(page: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with(['#', '/']) || link.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('#').next()?.split('/') {
        match part {
            "." | "" => {}
            // Above the root: another place, as a badge's.
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::source;

    fn said(path: &str, text: &str) -> Vec<String> {
        let files = ["crates/model/src/lib.rs", "docs/start.md", "README.md"].map(str::to_owned);
        let mut found = Vec::new();
        check(&[source(path, text)], &files, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_path_that_is_not_there_is_named() {
        let text = "see `crates/model/` and `crates/model/src/lib.rs:12`,\nnot `crates/gone/` or `make run`\n";
        assert_eq!(
            said("ARCHITECTURE.md", text),
            ["ARCHITECTURE.md:2: `crates/gone/` is not in the tree"]
        );
    }

    #[test]
    fn placeholders_other_pages_and_other_words_are_left_alone() {
        assert!(
            said("ARCHITECTURE.md", "`crates/collect/src/source/<name>/` `sources/x` `docs`")
                .is_empty()
        );
        assert!(said("docs/start.md", "`crates/gone/`").is_empty());
    }

    #[test]
    fn links_are_followed_from_the_page_that_has_them() {
        let text = "[a](../README.md) [b](gone.md#x) [c](https://example.org/x) [d](#here) ![e](../docs/start.md)";
        assert_eq!(
            said("docs/start.md", text),
            ["docs/start.md:1: the link to gone.md#x leads nowhere"]
        );
    }
}
