//! `make test`: every check and test in order, one line each, and the sum at the end.

mod counts;
mod parts;

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::command::Log;
use crate::project::Project;
use crate::setup::{self, Need};
use crate::{command, interrupt};
use counts::Tally;

/// How the tests were asked for.
#[derive(Default)]
pub struct Options {
    /// In the order given; all where none is.
    pub parts: Vec<Part>,
    pub verbose: bool,
    /// What could not be checked fails.
    pub strict: bool,
}

/// One part of the whole, in the order in which they begin: what is quick and often wrong comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Fmt,
    Clippy,
    Tidy,
    Deny,
    Build,
    Fuzz,
    Rust,
    Doc,
    Go,
    Web,
    Node,
    Audit,
    E2e,
}

impl Part {
    const ALL: [Self; 13] = [
        Self::Fmt,
        Self::Clippy,
        Self::Tidy,
        Self::Deny,
        Self::Build,
        Self::Fuzz,
        Self::Rust,
        Self::Doc,
        Self::Go,
        Self::Web,
        Self::Node,
        Self::Audit,
        Self::E2e,
    ];

    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.ok_or_else(|| {
            anyhow!("there is no part '{name}': {}", Self::ALL.map(Self::name).join(", "))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Tidy => "tidy",
            Self::Deny => "deny",
            Self::Build => "build",
            Self::Fuzz => "fuzz",
            Self::Rust => "rust",
            Self::Doc => "doc",
            Self::Go => "go",
            Self::Web => "web",
            Self::Node => "node",
            Self::Audit => "audit",
            Self::E2e => "e2e",
        }
    }

    /// What must be installed. The web's packages go wherever the workspace is compiled: its files are built into it.
    fn needs(self) -> &'static [Need] {
        match self {
            Self::Fmt | Self::Tidy => &[],
            Self::Deny | Self::Fuzz => &[Need::CargoTools],
            Self::Build => &[Need::CargoTools, Need::Web],
            Self::Clippy | Self::Doc | Self::Web | Self::Node | Self::Audit => &[Need::Web],
            Self::Go => &[Need::Go, Need::Redis],
            Self::Rust => {
                &[Need::CargoTools, Need::Redis, Need::Balancer, Need::Peers, Need::Go, Need::Web]
            }
            Self::E2e => &crate::e2e::NEEDS,
        }
    }

    fn run(self, project: &Project, log: &mut Log) -> Result<Tally> {
        setup::ensure(project, self.needs())?;
        match self {
            Self::Fmt => parts::fmt(project, log),
            Self::Clippy => parts::clippy(project, log),
            Self::Tidy => parts::tidy(project, log),
            Self::Deny => parts::deny(project, log),
            Self::Build => parts::build(project, log),
            Self::Fuzz => parts::fuzz(project, log),
            Self::Rust => parts::rust(project, log),
            Self::Doc => parts::doc(project, log),
            Self::Go => parts::go(project, log),
            Self::Web => parts::web(project, log),
            Self::Node => parts::node(project, log),
            Self::Audit => parts::audit(project, log),
            Self::E2e => parts::e2e(project, log),
        }
    }
}

/// Runs the parts asked for, prints the sum, and answers whether nothing failed.
pub fn start(project: &Project, options: &Options) -> Result<bool> {
    let parts = if options.parts.is_empty() { &Part::ALL[..] } else { &options.parts };
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        let mut beside = None;
        for &part in parts {
            let run = move || told(project, part, options);
            // The others wait more than they compute: what they leave of the processor is enough for this one.
            if part == Part::Fuzz {
                beside = Some(scope.spawn(run));
            } else {
                sum.add(run()?);
            }
        }
        if let Some(running) = beside {
            let ended = running.join().map_err(|_panic| anyhow!("the fuzz part broke off"));
            sum.add(ended??);
        }
        Ok::<(), anyhow::Error>(())
    })?;
    println!();
    for unchecked in &sum.unchecked {
        println!("NOT CHECKED: {unchecked}");
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(sum.failed == 0)
}

/// Runs one part and prints its line; after a failure the end of its log as well.
fn told(project: &Project, part: Part, options: &Options) -> Result<Tally> {
    let start = Instant::now();
    let path = project.target(&format!("test-logs/{}.log", part.name()));
    let mut log = Log::create(&path, options.verbose)?;
    let mut tally = part
        .run(project, &mut log)
        .unwrap_or_else(|problem| Tally::broken(&format!("{problem:#}")));
    interrupt::check()?;
    if options.strict {
        tally.failed += tally.unchecked.len();
    }
    if tally.failed > 0 && !options.verbose {
        print!("{}", last(&std::fs::read_to_string(&path)?, 200));
    }
    let note = tally.note.as_deref().unwrap_or_default();
    let seconds = start.elapsed().as_secs_f64();
    let name = part.name();
    println!(
        "{name:<8}{:>6} passed{:>5} failed{seconds:>9.1} s  {note}",
        tally.passed, tally.failed
    );
    Ok(tally)
}

/// `cargo xtask fmt`.
pub fn format(project: &Project) -> Result<()> {
    command::show(project.command("cargo").args(["fmt", "--all"]))?;
    for dir in project.folders_with("go.mod")? {
        command::show(
            project.command("gofmt").args(["-l", "-w", "."]).current_dir(project.path(&dir)),
        )?;
    }
    Ok(())
}

/// The last lines of a long text.
fn last(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let kept = &lines[lines.len().saturating_sub(count)..];
    let cut = lines.len() - kept.len();
    let head = if cut > 0 {
        format!("... {cut} lines before these are in the log\n")
    } else {
        String::new()
    };
    format!("{head}{}\n", kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        assert_eq!(last("a\nb\nc\n", 2), "... 1 lines before these are in the log\nb\nc\n");
        assert_eq!(last("a\n", 2), "a\n");
    }

    #[test]
    fn every_part_is_found_by_its_name() {
        for part in Part::ALL {
            assert_eq!(Part::parse(part.name()).ok(), Some(part));
        }
    }
}
