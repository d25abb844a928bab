//! How many tests passed and failed, read from what each test runner says of itself.

use regex_lite::Regex;
use serde_json::Value;

use crate::command::Finished;
use crate::project::list;

/// What came of one part.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    /// What could not be checked, and why.
    pub unchecked: Vec<String>,
    /// A word on the part's line.
    pub note: Option<String>,
}

impl Tally {
    /// A check that is not a number of tests.
    pub fn one(good: bool) -> Self {
        Self { passed: usize::from(good), failed: usize::from(!good), ..Self::default() }
    }

    /// A part that could not be carried out.
    pub fn broken(why: &str) -> Self {
        Self { failed: 1, note: Some(why.to_owned()), ..Self::default() }
    }

    /// A part that has nothing to look at yet.
    pub fn nothing(what: &str) -> Self {
        Self { note: Some(format!("nothing to do: {what}")), ..Self::default() }
    }

    pub fn unchecked(what: String) -> Self {
        Self {
            unchecked: vec![what],
            note: Some("NOT CHECKED, see below".to_owned()),
            ..Self::default()
        }
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.unchecked.extend(other.unchecked);
        self.note = match (self.note.take(), other.note) {
            (Some(mine), Some(its)) if mine != its => Some(format!("{mine}; {its}")),
            (mine, its) => mine.or(its),
        };
    }

    /// A runner that failed without naming a failed test has not run them all.
    fn and_status(mut self, finished: &Finished) -> Self {
        if !finished.good && self.failed == 0 {
            self.failed = 1;
            self.note = Some("did not run to its end".to_owned());
        }
        self
    }
}

/// nextest's closing line: `Summary [ 1.2s] 5 tests run: 3 passed (1 leaky), 1 failed, 1 timed out, 2 skipped`.
pub fn nextest(finished: &Finished) -> Tally {
    let text = plain(&finished.text);
    let line = text.lines().rev().find(|line| line.contains(" run: ") && line.contains("Summary"));
    let line = line.unwrap_or_default();
    let count = |word| number_before(line, word);
    let failed = count("failed") + count("timed out") + count("exec failed");
    Tally { passed: count("passed"), failed, ..Tally::default() }.and_status(finished)
}

/// cargo test's `test result: ok. 3 passed; 0 failed; ...`, one for each crate.
pub fn cargo_test(finished: &Finished) -> Tally {
    let text = plain(&finished.text);
    let mut tally = Tally::default();
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        tally.passed += number_before(line, "passed");
        tally.failed += number_before(line, "failed");
    }
    tally.and_status(finished)
}

/// `go test -json`: an event a line.
pub fn go(finished: &Finished) -> Tally {
    let mut tally = Tally::default();
    for line in finished.text.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        if event["Test"].is_string() {
            tally.passed += usize::from(event["Action"] == "pass");
            tally.failed += usize::from(event["Action"] == "fail");
        }
    }
    tally.and_status(finished)
}

/// Vitest's report: `{"numPassedTests": …, "testResults": […]}`; a file that does not load has no tests and counts as one.
pub fn vitest(report: Option<&str>, finished: &Finished) -> Tally {
    let report =
        report.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let number =
        |key: &str| report[key].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let empty = |file: &&Value| {
        file["status"] == "failed" && list(&file["assertionResults"]).next().is_none()
    };
    let unloaded = list(&report["testResults"]).filter(empty).count();
    let failed = number("numFailedTests") + unloaded;
    Tally { passed: number("numPassedTests"), failed, ..Tally::default() }.and_status(finished)
}

/// The closing lines of Node's own test runner: `# pass 3`, `# fail 0`, `# cancelled 0`.
pub fn tap(finished: &Finished) -> Tally {
    let count = |word: &str| {
        let lines =
            finished.text.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(word));
        lines.filter_map(|number| number.trim().parse::<usize>().ok()).sum::<usize>()
    };
    let failed = count("fail ") + count("cancelled ");
    Tally { passed: count("pass "), failed, ..Tally::default() }.and_status(finished)
}

/// The number in front of a word; 0 where the word is not there.
fn number_before(line: &str, word: &str) -> usize {
    let found = Regex::new(&format!(r"(\d+) {word}\b")).ok().and_then(|regex| regex.captures(line));
    found.and_then(|found| found[1].parse().ok()).unwrap_or(0)
}

/// The text without a terminal's colours.
fn plain(text: &str) -> String {
    Regex::new("\u{1b}\\[[0-9;]*m")
        .map_or_else(|_| text.to_owned(), |codes| codes.replace_all(text, "").into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(good: bool, text: &str) -> Finished {
        Finished { good, text: text.to_owned() }
    }

    fn counts(tally: &Tally) -> (usize, usize) {
        (tally.passed, tally.failed)
    }

    #[test]
    fn nextest_is_counted_with_those_that_hang() {
        let line = "     Summary [   1.204s] 9 tests run: 6 passed (1 leaky), 1 failed, 1 timed out, 1 exec failed, 2 skipped\n";
        assert_eq!(counts(&nextest(&ended(false, line))), (6, 2 + 1));
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m412\u{1b}[0m tests run: \u{1b}[1m412\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped\n";
        assert_eq!(counts(&nextest(&ended(true, coloured))), (412, 0));
    }

    #[test]
    fn a_build_that_fails_is_a_failure_although_no_test_ran() {
        let tally = nextest(&ended(false, "error: could not compile `vigie-model`\n"));
        assert_eq!(counts(&tally), (0, 1));
        assert_eq!(tally.note.as_deref(), Some("did not run to its end"));
    }

    #[test]
    fn documentation_tests_of_all_crates_are_added_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored\n...\ntest result: FAILED. 1 passed; 2 failed;\n";
        assert_eq!(counts(&cargo_test(&ended(false, text))), (4, 2));
    }

    #[test]
    fn go_counts_tests_and_not_packages() {
        let text = r#"{"Action":"run","Package":"x","Test":"TestA"}
{"Action":"pass","Package":"x","Test":"TestA"}
{"Action":"fail","Package":"x","Test":"TestB/deep"}
{"Action":"fail","Package":"x"}
FAIL
"#;
        assert_eq!(counts(&go(&ended(false, text))), (1, 1));
    }

    #[test]
    fn tests_that_node_cancels_have_failed() {
        let text = "1..4\n# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n";
        assert_eq!(counts(&tap(&ended(false, text))), (2, 2));
    }

    #[test]
    fn vitest_counts_a_file_that_does_not_load() {
        let report = r#"{"numPassedTests":7,"numFailedTests":1,"testResults":[
            {"status":"failed","assertionResults":[]},{"status":"failed","assertionResults":[{"status":"failed"}]}]}"#;
        assert_eq!(counts(&vitest(Some(report), &ended(false, ""))), (7, 2));
        assert_eq!(counts(&vitest(None, &ended(false, ""))), (0, 1));
    }
}
