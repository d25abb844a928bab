//! What must be where: the files a stranger looks for, a source's files, an ADR's headings.

use std::collections::BTreeMap;

use super::{Finding, Source};

/// What a repository is expected to have.
const EXPECTED: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "deny.toml",
    ".ci/run",
];

/// Where the sources are, and what each has; a `|` stands between names of which one is there.
const SOURCES: &str = "crates/collect/src/source/";
/// Sources by name, so that one whose files are all elsewhere is noticed too; any other folder with a `poll.rs` is one.
const NAMED: [&str; 3] = ["asynq", "bull", "bullmq"];
const OF_A_SOURCE: [&str; 4] =
    ["keys.rs|routes.rs|parser.rs", "decode.rs|decode/mod.rs", "poll.rs", "tests.rs"];

const ADRS: &str = "docs/adr/";
const OF_AN_ADR: [&str; 3] = ["Context", "Decision", "Consequences"];

pub fn check(sources: &[Source], found: &mut Vec<Finding>) {
    let has = |path: &str| sources.iter().any(|source| source.path == path);
    for path in EXPECTED.iter().filter(|path| !has(path)) {
        found.push(Finding {
            file: (*path).to_owned(),
            line: 1,
            says: "it is missing: a stranger looks for it".to_owned(),
        });
    }
    each_source(sources, found);
    each_adr(sources, found);
}

fn each_source(sources: &[Source], found: &mut Vec<Finding>) {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in sources.iter().filter_map(|source| source.path.strip_prefix(SOURCES)) {
        if let Some((folder, file)) = path.split_once('/') {
            folders.entry(folder).or_default().push(file);
        }
    }
    // `redis` is what the queue systems of one Redis share: the connection and the poll that asks for all of them.
    folders.retain(|folder, files| {
        NAMED.contains(folder) || (*folder != "redis" && files.contains(&"poll.rs"))
    });
    for (folder, files) in folders {
        for wanted in
            OF_A_SOURCE.iter().filter(|wanted| !wanted.split('|').any(|name| files.contains(&name)))
        {
            let says = format!(
                "a source is a folder with the same files in each: {} is missing",
                wanted.replace('|', " or ")
            );
            found.push(Finding { file: format!("{SOURCES}{folder}"), line: 1, says });
        }
    }
}

fn each_adr(sources: &[Source], found: &mut Vec<Finding>) {
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for source in sources {
        let Some(name) = source.path.strip_prefix(ADRS).and_then(|name| name.strip_suffix(".md"))
        else {
            continue;
        };
        let Some((number, _)) = name
            .split_once('-')
            .filter(|(number, _)| number.len() == 4 && number.parse::<u16>().is_ok())
        else {
            found.push(source.finding(1, "a decision's file is called NNNN-title.md"));
            continue;
        };
        if let Some(other) = numbers.insert(number, name) {
            found.push(
                source
                    .finding(1, format!("{other}.md has this number too: take the next free one")),
            );
        }
        for heading in OF_AN_ADR {
            let there = source.text.lines().any(|line| {
                line.starts_with('#') && line.trim_start_matches(['#', ' ']) == heading
            });
            if !there {
                found.push(source.finding(1, format!("a decision has the heading `## {heading}`")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::source;

    fn said(rule: fn(&[Source], &mut Vec<Finding>), files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<_> = files.iter().map(|(path, text)| source(path, text)).collect();
        let mut found = Vec::new();
        rule(&sources, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_missing_readme_is_named() {
        let said = said(check, &[("Makefile", "")]);
        assert_eq!(said[0], "README.md:1: it is missing: a stranger looks for it");
        assert_eq!(said.len(), EXPECTED.len() - 1);
    }

    #[test]
    fn a_source_without_its_tests_is_named() {
        let path = |name: &str| format!("{SOURCES}asynq/{name}");
        let (keys, decode, poll) = (path("keys.rs"), path("decode.rs"), path("poll.rs"));
        let one = said(
            each_source,
            &[
                (&keys, ""),
                (&decode, ""),
                (&poll, ""),
                ("crates/collect/src/source/registry.rs", ""),
                ("crates/collect/src/source/redis/connect.rs", ""),
            ],
        );
        assert_eq!(
            one,
            [
                "crates/collect/src/source/asynq:1: a source is a folder with the same files in each: tests.rs is missing"
            ]
        );
    }

    #[test]
    fn a_decision_has_its_headings_and_its_own_number() {
        let whole = "# 1. Title\n\n## Context\n\n## Decision\n\n## Consequences\n";
        let said = said(
            each_adr,
            &[
                ("docs/adr/0001-a.md", whole),
                ("docs/adr/0001-b.md", whole),
                ("docs/adr/0002-c.md", "## Context\n## Decision\n"),
                ("docs/adr/late.md", whole),
            ],
        );
        assert_eq!(
            said,
            [
                "docs/adr/0001-b.md:1: 0001-a.md has this number too: take the next free one",
                "docs/adr/0002-c.md:1: a decision has the heading `## Consequences`",
                "docs/adr/late.md:1: a decision's file is called NNNN-title.md",
            ]
        );
    }
}
