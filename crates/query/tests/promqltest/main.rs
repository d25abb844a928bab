//! Runs scripts in the language of Prometheus's `promqltest`: ours of `tests/scenarios`, which Prometheus's engine must
//! answer as they say, too, and those of the Prometheus that `testkit/promql-oracle` is made of.
//!
//! `VIGIE_PROMQLTEST_DIR=FOLDER` runs the scripts of that folder instead of Prometheus's. `VIGIE_PROMQLTEST_WRITE=NAME` has
//! Prometheus's engine write its answers below the questions of our script of that name (`all`: of every one).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a test may fail loudly, and of the differential test only a part is used"
)]

#[path = "../differential/oracle.rs"]
mod oracle;
#[path = "../differential/outcome.rs"]
mod outcome;
#[path = "../support/mod.rs"]
mod support;

mod check;
mod known;
mod nhcb;
mod notation;
mod script;
mod suite;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use check::{OWN, PUBLIC};
use known::Known;
use oracle::Oracle;
use outcome::Question;
use script::{Command, script};
use suite::{load, run, scripts};
use support::MemoryStorage;

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// What in our scripts is not as written.
fn problems(mut oracle: Option<&mut Oracle>) -> Vec<String> {
    let (mut asked, mut problems) = (0, Vec::new());
    for file in scripts(&own()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = run(&text, OWN, oracle.as_deref_mut());
        let (name, here) = (name(&file), found.passed + found.failed.len());
        assert!(here > 0, "{name} asks nothing");
        asked += here;
        for one in found.failed.into_iter().chain(found.unsupported) {
            problems.push(format!("{name}:{}: {}: {:.700}", one.line, one.query, one.problem));
        }
    }
    println!("our scripts: {asked} questions, {} problems", problems.len());
    assert!(asked >= 1_000, "only {asked} questions");
    problems
}

#[test]
fn vigie_answers_as_our_scripts_say() {
    let problems = problems(None);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn prometheus_answers_as_our_scripts_say() {
    let mut oracle = Oracle::start();
    if let Ok(wanted) = std::env::var("VIGIE_PROMQLTEST_WRITE") {
        for file in scripts(&own()) {
            if wanted == "all" || wanted == file.file_stem().unwrap().to_string_lossy() {
                rewrite(&file, &mut oracle);
            }
        }
    }
    let problems = problems(Some(&mut oracle));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Writes the oracle's answers below the questions.
fn rewrite(file: &Path, oracle: &mut Oracle) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut storage = MemoryStorage::default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut answers = Vec::new();
    for placed in script(&text) {
        match placed.command.unwrap() {
            Command::Clear => storage = MemoryStorage::default(),
            Command::Load(step, series) => load(&mut storage, step, series),
            Command::Eval(eval) => {
                oracle.load(&storage);
                let question = Question { text: eval.query.clone(), when: eval.when() };
                let below = placed.line..placed.line + placed.lines - 1;
                answers.push((below, write::answer(&eval, &oracle.ask(&question))));
            }
        }
    }
    for (below, answer) in answers.into_iter().rev() {
        lines.splice(below, answer);
    }
    std::fs::write(file, lines.join("\n") + "\n").unwrap();
}

/// The scripts of the Prometheus that the oracle is made of, as Go's module cache has them.
fn public() -> PathBuf {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/promql-oracle");
    let mut list = Process::new("go");
    list.args(["list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus"]);
    let listed = list.current_dir(oracle).output().expect("go is installed");
    let folder = String::from_utf8(listed.stdout).unwrap();
    assert!(!folder.trim().is_empty(), "{}", String::from_utf8_lossy(&listed.stderr));
    Path::new(folder.trim()).join("promql/promqltest/testdata")
}

/// How often each known difference is seen in the scripts of the Prometheus that the oracle is made of: where one is seen
/// less often, this is to be lowered, or it is to be struck off.
const SEEN: [(Known, usize); 4] = [
    (Known::DelayedNameRemoval, 41),
    (Known::StartTimestamps, 102),
    (Known::StatisticsWithoutBuckets, 9),
    (Known::InvalidUtf8, 1),
];

#[test]
fn prometheus_own_scripts() {
    let given = std::env::var_os("VIGIE_PROMQLTEST_DIR").map(PathBuf::from);
    let folder = given.clone().unwrap_or_else(|| {
        // Building it loads the module.
        drop(Oracle::start());
        public()
    });
    let (mut sums, mut unexplained) = ([0; 3], Vec::new());
    let mut seen: BTreeMap<Known, usize> = BTreeMap::new();
    for file in scripts(&folder) {
        let found = run(&std::fs::read_to_string(&file).unwrap(), PUBLIC, None);
        let name = name(&file);
        let counts = [found.passed, found.failed.len(), found.unsupported.len()];
        println!("{name}: {} passed, {} failed, {} unsupported", counts[0], counts[1], counts[2]);
        sums = [sums[0] + counts[0], sums[1] + counts[1], sums[2] + counts[2]];
        for one in found.failed.iter().chain(&found.unsupported) {
            match Known::of(&name, one) {
                Some(known) => *seen.entry(known).or_default() += 1,
                None => unexplained
                    .push(format!("{name}:{}: {}: {:.700}", one.line, one.query, one.problem)),
            }
        }
    }
    println!("{} passed, {} failed, {} unsupported; known:", sums[0], sums[1], sums[2]);
    for (known, count) in &seen {
        println!("  {count} × {}: {}", known.name(), known.reason());
    }
    let count = unexplained.len();
    assert!(unexplained.is_empty(), "{count} not as written:\n{}", unexplained.join("\n"));
    assert!(sums[0] > 0, "{} has no scripts", folder.display());
    if given.is_none() {
        assert_eq!(seen, BTreeMap::from(SEEN));
    }
}

#[test]
fn known_differences_are_in_the_documentation() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/promql.md");
    let page = std::fs::read_to_string(page).unwrap();
    for known in Known::ALL {
        assert!(
            page.contains(&format!("**{}**", known.name())),
            "{known:?} is not in docs/promql.md"
        );
    }
}

#[test]
fn a_wrong_expectation_is_seen() {
    let passes = |text: &str| {
        let found = run(text, OWN, None);
        assert_eq!(found.passed + found.failed.len() + found.unsupported.len(), 1, "{text}");
        found.passed == 1
    };
    assert!(passes("eval instant at 0 vector(1)\n  {} 1"));
    assert!(!passes("eval instant at 0 vector(1)\n  {} 2"));
    assert!(!passes("eval instant at 0 vector(1)\n  {a=\"b\"} 1"));
    assert!(!passes("eval instant at 0 vector(1)"));
    assert!(!passes("eval instant at 0 vector(1)\n  1"));
    assert!(!passes("eval instant at 0 vector(1)\n  expect fail"));
    assert!(!passes("eval instant at 0 vector(1)\n  expect warn\n  {} 1"));
    assert!(passes("eval instant at 0 1\n  1"));
    assert!(!passes("eval instant at 0 1\n  2"));
    assert!(!passes("eval instant at 0 1\n  {} 1"));
    assert!(!passes("eval instant at 0 \"a\"\n  expect string \"b\""));
    assert!(passes("eval range from 0 to 1m step 30s vector(time())\n  {} 0 30 60"));
    assert!(!passes("eval range from 0 to 1m step 30s vector(time())\n  {} 0 30 _"));
    assert!(!passes("eval instant at 0 sum("));
    assert!(passes("eval_fail instant at 0 sum("));
    assert!(!passes("eval_warn instant at 0 1\n  1"));
    let sorted = "load 1m\n  x{a=\"1\"} 2\n  x{a=\"2\"} 1\n\n";
    let ordered = format!("{sorted}eval instant at 0 sort(x)\n  expect ordered\n");
    let (one, two) = ("  x{a=\"1\"} 2\n", "  x{a=\"2\"} 1\n");
    assert!(passes(&format!("{ordered}{two}{one}")));
    assert!(!passes(&format!("{ordered}{one}{two}")));
    // Nothing of a value that a message is about.
    let warned = "eval instant at 0 quantile(2, vector(1))\n  {} +Inf";
    assert!(!passes(warned));
    assert_eq!(run(warned, PUBLIC, None).passed, 1);
}
