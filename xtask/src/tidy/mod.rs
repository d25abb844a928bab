//! The house rules that a program can check. Each rule is a function from the tree to findings; each has tests that
//! show it a tree that breaks it. What a compiler checks better is left to it: warnings, undocumented items and long
//! functions to clippy (`clippy.toml`), long functions of the web to oxlint.

mod crates;
mod docs;
mod layout;
mod locks;
mod names;
mod rust;
mod size;
mod words;

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::project::Project;

/// Folders whose files a program wrote: nobody reads them as a room.
const GENERATED: [&str; 3] = ["generated", "gen", "vendor"];

/// Larger files are data, not text that someone wrote.
const LARGEST: u64 = 2 << 20;

/// A file of the project.
pub struct Source {
    /// Relative to the project's root.
    pub path: String,
    pub text: String,
}

impl Source {
    /// The path's parts.
    fn parts(&self) -> impl Iterator<Item = &str> {
        self.path.split('/')
    }

    /// What follows the last dot of the name; "" where there is none.
    fn extension(&self) -> &str {
        self.path
            .rsplit('/')
            .next()
            .and_then(|name| name.rsplit_once('.'))
            .map_or("", |(_, extension)| extension)
    }

    fn generated(&self) -> bool {
        self.parts().any(|part| GENERATED.contains(&part))
    }

    /// Each line with its number, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    fn finding(&self, line: usize, says: impl Into<String>) -> Finding {
        Finding { file: self.path.clone(), line, says: says.into() }
    }
}

/// A place that breaks a rule, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    file: String,
    line: usize,
    says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.says)
    }
}

/// All findings, in the order of files and lines.
pub fn check(project: &Project) -> Result<Vec<Finding>> {
    let files = project.files()?;
    let sources = read(project, &files)?;
    let mut found = Vec::new();
    for source in &sources {
        size::check(source, &mut found);
        words::check(source, &mut found);
        rust::check(source, &mut found);
    }
    names::check(&files, &mut found);
    layout::check(&sources, &mut found);
    locks::check(&sources, &mut found);
    docs::check(&sources, &files, &mut found);
    crates::check(project.root(), &project.metadata()?, &mut found);
    found.sort();
    Ok(found)
}

/// `cargo xtask tidy`: prints the findings, and answers whether there are none.
pub fn report(project: &Project) -> Result<bool> {
    let start = Instant::now();
    let found = check(project)?;
    for finding in &found {
        println!("{finding}");
    }
    println!("tidy: {} to put right ({:.1} s)", found.len(), start.elapsed().as_secs_f64());
    Ok(found.is_empty())
}

/// The files that are text.
fn read(project: &Project, files: &[String]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in files {
        let place = project.path(path);
        let size = std::fs::metadata(&place).with_context(|| format!("reading {path}"))?.len();
        if size > LARGEST || place.is_dir() {
            continue;
        }
        let bytes = std::fs::read(&place).with_context(|| format!("reading {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source { path: path.clone(), text });
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod testing {
    use super::{Finding, Source};

    pub fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    /// What a rule says about one made-up file, as `line: message`.
    pub fn said(rule: fn(&Source, &mut Vec<Finding>), path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        rule(&source(path, text), &mut found);
        found.iter().map(|finding| format!("{}: {}", finding.line, finding.says)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_itself_is_tidy_where_this_program_lives() {
        let project = Project::find().unwrap();
        let own: Vec<_> = check(&project)
            .unwrap()
            .into_iter()
            .filter(|found| found.file.starts_with("xtask/"))
            .collect();
        assert_eq!(own, []);
    }

    #[test]
    fn a_finding_says_where() {
        let finding = testing::source("a/b.rs", "").finding(7, "split it");
        assert_eq!(finding.to_string(), "a/b.rs:7: split it");
    }
}
