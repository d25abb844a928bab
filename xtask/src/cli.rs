//! The command line of `cargo xtask`.

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt};

use crate::bench;
use crate::setup::Need;
use crate::test::{Options, Part};

/// What `cargo xtask --help` prints.
pub const HELP: &str = "\
The project's chores.

  cargo xtask run              build what is out of date, then start the demo; with REDIS_URL set, watch that Redis
  cargo xtask test [PART...]   every check and test in order, or only the parts named; see `cargo xtask test --help`
  cargo xtask tidy             the house rules that a program can check, in about a second
  cargo xtask fmt              format Rust and Go
  cargo xtask dev              hot reload of the web against a running vigie (starts one if none answers)
  cargo xtask e2e [ARG...]     the browser tests against real servers; ARGs go to the test runner (a file, -t NAME)
  cargo xtask bench [PART...]  measure redis, live, web, memory beside the peers, into bench/RESULTS.md
  cargo xtask n8n              Vigie beside a real n8n, which is installed into .tools/n8n first (2 GB; some minutes)
  cargo xtask shippers         Vigie's doors with promtail, Filebeat, logcli and others, built first (7 GB; some minutes)
  cargo xtask grafana          write Grafana's dashboards in deploy/grafana from the metric catalogue
  cargo xtask setup [run|test] only install what is missing for that; safe to repeat

Everything is installed into .tools/, node_modules/ and, by apt-get, the machine; nothing is installed twice.";

const TEST_HELP: &str = "\
cargo xtask test [--verbose] [--strict] [PART...]

  fmt     rustfmt and gofmt would change nothing
  clippy  the workspace, all targets, no warning
  tidy    the house rules
  deny    licences, sources and bans of crates; known vulnerabilities where their database can be had
  build   the tests and the fuzz targets compile
  fuzz    each fuzz target for a moment, beside the parts after it: 10 s, in CI a minute (or VIGIE_FUZZ_SECONDS)
  rust    unit and integration tests (cargo nextest)
  doc     the examples in the documentation
  go      vet and tests of each Go module
  web     types, lint and unit tests of the dashboard
  node    tests of the examples' JavaScript
  audit   known vulnerabilities of npm packages, where the registry answers that question
  e2e     the dashboard in a real browser against real servers

A part's output is in target/test-logs/PART.log; it is printed when the part fails, or all along with --verbose.
A failing part does not stop the rest. What could not be checked for want of a network is said at the end;
--strict makes it a failure. The last line is `N passed, N failed`.

One test of one crate:  cargo nextest run -p vigie-model NAME      One browser test:  cargo xtask e2e -- -t NAME";

/// One chore, as asked for.
pub enum Chore {
    Help(&'static str),
    Setup(Vec<Need>),
    Run,
    Dev,
    Fmt,
    Tidy,
    Test(Options),
    Bench(Vec<bench::Part>),
    Grafana,
    N8n,
    Shippers,
    E2e(Vec<OsString>),
}

/// Reads the arguments, the program's own name first.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Chore, lexopt::Error> {
    let mut parser = Parser::from_iter(arguments);
    let name = match parser.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Chore::Help(HELP)),
        Some(Arg::Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected()),
    };
    match name.as_str() {
        "help" => Ok(Chore::Help(HELP)),
        "setup" => setup(&mut parser),
        "test" => test(&mut parser),
        "bench" => benches(&mut parser),
        "e2e" => Ok(Chore::E2e(rest(&mut parser)?)),
        "grafana" => alone(&mut parser, Chore::Grafana),
        "n8n" => alone(&mut parser, Chore::N8n),
        "shippers" => alone(&mut parser, Chore::Shippers),
        "run" => alone(&mut parser, Chore::Run),
        "dev" => alone(&mut parser, Chore::Dev),
        "fmt" => alone(&mut parser, Chore::Fmt),
        "tidy" => alone(&mut parser, Chore::Tidy),
        other => Err(format!("there is no chore called '{other}'").into()),
    }
}

fn alone(parser: &mut Parser, chore: Chore) -> Result<Chore, lexopt::Error> {
    match parser.next()? {
        None => Ok(chore),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Chore::Help(HELP)),
        Some(other) => Err(other.unexpected()),
    }
}

fn setup(parser: &mut Parser) -> Result<Chore, lexopt::Error> {
    match parser.next()? {
        None => Ok(Chore::Setup(Need::ALL.to_vec())),
        Some(Arg::Value(what)) if what == "run" => alone(parser, Chore::Setup(Need::DEMO.to_vec())),
        Some(Arg::Value(what)) if what == "test" => alone(parser, Chore::Setup(Need::ALL.to_vec())),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Chore::Help(HELP)),
        Some(other) => Err(other.unexpected()),
    }
}

fn test(parser: &mut Parser) -> Result<Chore, lexopt::Error> {
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(TEST_HELP)),
            Arg::Short('v') | Arg::Long("verbose") => options.verbose = true,
            Arg::Long("strict") => options.strict = true,
            Arg::Value(name) => options.parts.push(name.parse_with(Part::parse)?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Chore::Test(options))
}

fn benches(parser: &mut Parser) -> Result<Chore, lexopt::Error> {
    let mut parts = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(bench::HELP)),
            Arg::Value(name) => parts.push(name.parse_with(bench::Part::parse)?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Chore::Bench(parts))
}

fn rest(parser: &mut Parser) -> Result<Vec<OsString>, lexopt::Error> {
    let mut all: Vec<OsString> = parser.raw_args()?.collect();
    if all.first().is_some_and(|first| first == "--") {
        all.remove(0);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Chore, String> {
        let all = std::iter::once("xtask").chain(words.iter().copied()).map(OsString::from);
        parse(all).map_err(|problem| problem.to_string())
    }

    #[test]
    fn parts_of_the_tests_are_named_in_any_order() {
        let Ok(Chore::Test(options)) = read(&["test", "rust", "--verbose", "tidy"]) else {
            panic!("test is a chore")
        };
        assert_eq!(options.parts, [Part::Rust, Part::Tidy]);
        assert!(options.verbose && !options.strict);
    }

    #[test]
    fn a_mistyped_part_is_answered_with_the_list() {
        let problem = read(&["test", "rst"]).err().unwrap();
        assert!(problem.contains("fmt, clippy, tidy"), "{problem}");
    }

    #[test]
    fn what_follows_e2e_is_handed_on() {
        let Ok(Chore::E2e(rest)) = read(&["e2e", "--", "-t", "stale"]) else {
            panic!("e2e is a chore")
        };
        assert_eq!(rest, ["-t", "stale"]);
    }

    #[test]
    fn an_unknown_chore_is_an_error_and_none_is_help() {
        assert!(read(&["fly"]).is_err());
        assert!(matches!(read(&[]), Ok(Chore::Help(_))));
    }
}
