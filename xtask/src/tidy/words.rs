//! Words that have no place in a finished tree.
//!
//! The patterns are spelled with one-letter classes where they would otherwise find themselves.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::{Finding, Source};

/// Where a rule looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Code,
    Everything,
}

/// A pattern, where it is looked for, and what to do when it is found.
const RULES: [(&str, Scope, &str); 5] = [
    (
        r"\b(todo!|unimplemented!|dbg!)\s*\(|\bT[O]DO\b|\bFI[X]ME\b|\bX[X]X\b",
        Scope::Code,
        "left undone: do it, or write an issue and take this out",
    ),
    (
        r"#\[igno[r]e|\b(it|test|describe)\.(ski[p]|onl[y])\b|\bt\.Ski[p](Now|f)?\(",
        Scope::Code,
        "a test that does not run proves nothing: repair it or remove it",
    ),
    (
        r"(^|[^A-Za-z0-9_.~-])(/w[o]rk/[a-z]|/t[m]p/bash_jobs|/r[o]ot/\.)",
        Scope::Everything,
        "a path of one machine: make it relative, or take it from the environment",
    ),
    (
        r"registry\.npmj[s]\.org|(index|static)\.crates\.i[o]|://crates\.i[o]|files\.pythonhoste[d]\.org|\bpyp[i]\.org|(proxy|sum)\.golan[g]\.org|deb\.debia[n]\.org|repo1?\.maven\.(apache\.)?or[g]",
        Scope::Everything,
        "the host of a package registry: which one is used is each machine's own setting (npm: omit-lockfile-registry-resolved)",
    ),
    (r"^(<{7}|>{7}) ", Scope::Everything, "a merge was left half done"),
];

static COMPILED: LazyLock<Vec<(Regex, Scope, &str)>> = LazyLock::new(|| {
    let compile = |(pattern, scope, says)| Some((Regex::new(pattern).ok()?, scope, says));
    RULES.into_iter().filter_map(compile).collect()
});

pub fn check(source: &Source, found: &mut Vec<Finding>) {
    let code =
        matches!(source.extension(), "rs" | "ts" | "tsx" | "go" | "js" | "mjs" | "sh" | "py");
    for (pattern, scope, says) in
        COMPILED.iter().filter(|(_, scope, _)| code || *scope == Scope::Everything)
    {
        // Most files hold none of the words: look at the whole before the lines.
        if *scope == Scope::Code && !pattern.is_match(&source.text) {
            continue;
        }
        for (number, line) in source.lines() {
            if pattern.is_match(line) {
                found.push(source.finding(number, *says));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::said;

    #[test]
    fn every_pattern_is_a_regular_expression() {
        assert_eq!(COMPILED.len(), RULES.len());
    }

    #[test]
    fn work_left_undone_is_found_in_code_and_not_in_prose() {
        let text =
            format!("fn f() {{\n    {}!()\n}}\n// {}: later\n", "todo", ["FIX", "ME"].concat());
        let lines: Vec<_> = said(check, "crates/a/src/lib.rs", &text)
            .iter()
            .map(|one| one[..2].to_owned())
            .collect();
        assert_eq!(lines, ["2:", "4:"]);
        assert!(said(check, "docs/a.md", &text).is_empty());
    }

    #[test]
    fn tests_that_do_not_run_are_found_in_each_language() {
        for (path, text) in [
            ("crates/a/src/lib.rs", ["#[", "ignore]"].concat()),
            ("web/src/a.test.ts", ["it.", "skip('x')"].concat()),
            ("web/src/a.test.ts", ["describe.", "only('x')"].concat()),
            ("sdk/go/a_test.go", ["t.", "Skip(1)"].concat()),
        ] {
            assert_eq!(said(check, path, &text).len(), 1, "{text}");
        }
        assert!(said(check, "web/src/a.test.ts", "split.skipped()").is_empty());
    }

    #[test]
    fn places_of_one_machine_are_found_everywhere() {
        for text in [
            ["see /wo", "rk/main"].concat(),
            ["`/ro", "ot/.cargo`"].concat(),
            ["registry.npm", "js.org/x"].concat(),
        ] {
            assert_eq!(said(check, "docs/a.md", &text).len(), 1, "{text}");
        }
        assert!(said(check, "docs/a.md", &["net/wo", "rk/main"].concat()).is_empty());
    }

    #[test]
    fn a_half_done_merge_is_found() {
        assert_eq!(said(check, "README.md", &format!("{} HEAD\n", "<".repeat(7))).len(), 1);
    }
}
