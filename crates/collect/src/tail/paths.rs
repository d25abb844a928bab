//! Which files are meant: paths and patterns, what is there of them, and which names belong to one log.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use glob::{MatchOptions, Pattern};

use super::mark::FileId;

/// Files that are followed at once for one list of patterns: the newest.
pub(super) const MOST_FILES: usize = 1000;
/// Paths that are looked at.
const MOST_PATHS: usize = 50_000;
/// Of a folder, so many names are looked at when a file's copy is looked for.
const MOST_SIBLINGS: usize = 10_000;
/// Rotated files that were compressed: they hold what was read before.
const COMPRESSED: [&str; 6] = ["gz", "zst", "bz2", "xz", "lz4", "zip"];

/// How `*` and `?` match: not a `/`, and no hidden file unless the pattern says the dot.
const MATCH: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Why a list of patterns cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// There is none.
    #[error("no path is named: set paths, for example [/var/log/app/*.log]")]
    None,
    /// One is empty.
    #[error("a path is empty")]
    Empty,
    /// A pattern is wrong.
    #[error("{pattern:?} is no pattern: {error}")]
    Pattern {
        /// What it is.
        pattern: String,
        /// Why.
        error: String,
    },
}

/// Paths and patterns of files, and those that are not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPatterns {
    include: Vec<String>,
    exclude: Vec<Pattern>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    pub id: FileId,
    pub bytes: u64,
    pub modified: SystemTime,
}

/// What a look brought.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The newest files, at most [`MOST_FILES`].
    pub found: Vec<Found>,
    /// How many more there are.
    pub over: usize,
    /// What could not be looked at, and why.
    pub trouble: BTreeMap<String, String>,
}

impl PathPatterns {
    /// From paths and patterns with `*`, `?`, `[a-z]` and `**`. Files whose names end in `.gz` and the like are never meant.
    ///
    /// # Errors
    /// [`PathFault`] when there is none, or one is no pattern.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, PathFault> {
        if include.is_empty() {
            return Err(PathFault::None);
        }
        let pattern = |text: &String| {
            if text.is_empty() {
                return Err(PathFault::Empty);
            }
            Pattern::new(text).map_err(|error| PathFault::Pattern {
                pattern: text.clone(),
                error: error.to_string(),
            })
        };
        include.iter().try_for_each(|text| pattern(text).map(drop))?;
        let exclude = exclude.iter().map(pattern).collect::<Result<_, _>>()?;
        Ok(Self { include: include.to_vec(), exclude })
    }

    /// For people.
    #[must_use]
    pub fn display(&self) -> String {
        let mut shown = self.include.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        if self.include.len() > 3 {
            shown.push_str(&format!(", {} more", self.include.len() - 3));
        }
        shown
    }

    /// The files that are there now.
    pub(super) fn look(&self) -> Look {
        let mut look = Look::default();
        let mut by_id = BTreeMap::new();
        for text in &self.include {
            let literal = Path::new(text);
            // A file may have `[` in its name.
            if fs::symlink_metadata(literal).is_ok() {
                self.add(literal.to_owned(), &mut by_id, &mut look);
                continue;
            }
            let Ok(paths) = glob::glob_with(text, MATCH) else { continue };
            for path in paths.take(MOST_PATHS) {
                match path {
                    Ok(path) => self.add(path, &mut by_id, &mut look),
                    Err(error) => {
                        let (path, why) = (error.path().display().to_string(), error.error());
                        look.trouble.insert(path, why.to_string());
                    }
                }
            }
        }
        look.found = by_id.into_values().collect();
        look.found.sort_by(|one, other| {
            other.modified.cmp(&one.modified).then_with(|| one.path.cmp(&other.path))
        });
        look.over = look.found.len().saturating_sub(MOST_FILES);
        look.found.truncate(MOST_FILES);
        look
    }

    fn add(&self, path: PathBuf, by_id: &mut BTreeMap<FileId, Found>, look: &mut Look) {
        if is_compressed(&path)
            || self.exclude.iter().any(|pattern| pattern.matches_path_with(&path, MATCH))
        {
            return;
        }
        match found(&path) {
            Ok(Some(found)) => {
                by_id.entry(found.id).or_insert(found);
            }
            // A folder, a pipe, a device.
            Ok(None) => {}
            // Rotated away between the look at the folder and that at the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                look.trouble.insert(path.display().to_string(), error.to_string());
            }
        }
    }
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| COMPRESSED.iter().any(|one| ending == *one))
}

/// What is at a path; `None` where it is no ordinary file.
pub(super) fn found(path: &Path) -> io::Result<Option<Found>> {
    let meta = fs::metadata(path)?;
    let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let (id, bytes, path) = (FileId::of(&meta), meta.len(), path.to_owned());
    Ok(meta.is_file().then_some(Found { path, id, bytes, modified }))
}

/// Opens a file to read it, if it is still the one that is meant. A pipe in its place does not hang us.
pub(super) fn open(path: &Path, id: FileId) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    Ok((meta.is_file() && FileId::of(&meta) == id).then_some(file))
}

/// The files in a file's folder, itself included, newest first. A folder that cannot be read has none.
pub(super) fn siblings(path: &Path) -> Vec<Found> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.take(MOST_SIBLINGS).flatten().map(|entry| entry.path());
    let mut all: Vec<Found> = paths
        .filter(|path| !is_compressed(path))
        .filter_map(|path| found(&path).ok().flatten())
        .collect();
    all.sort_by_key(|found| Reverse(found.modified));
    all
}

/// Whether two files can be one log before and after a rotation, by their names: `app.log` and `app.log.1`,
/// `app-20261126.log`, `app.log.old`.
pub(super) fn related(one: &Path, other: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (first, second) = (name(one), name(other));
    one.parent() == other.parent()
        && (first.starts_with(&second)
            || second.starts_with(&first)
            || stem(&first) == stem(&second))
}

/// The words of a name: without numbers, dates and what separates them.
fn stem(name: &str) -> Vec<&str> {
    name.split(|letter: char| !letter.is_alphabetic())
        .filter(|word| word.chars().nth(1).is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_log_are_related() {
        let are = |one: &str, other: &str| related(Path::new(one), Path::new(other));
        for other in
            ["/l/app.log.1", "/l/app-20261126.log", "/l/app.log-2026-11-26T10Z", "/l/app.log.old"]
        {
            assert!(are("/l/app.log", other), "{other}");
        }
        for other in ["/l/web.log", "/m/app.log.1", "/l/apps.log"] {
            assert!(!are("/l/app.log", other), "{other}");
        }
    }

    #[test]
    fn files_are_found_once_and_by_pattern() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.log", "b.log", "b.log.gz", ".hidden.log", "skip.log", "[x].log"] {
            fs::write(path(name), name).unwrap();
        }
        fs::create_dir(path("folder.log")).unwrap();
        fs::create_dir(path("deep")).unwrap();
        fs::write(path("deep/c.log"), "c").unwrap();
        std::os::unix::fs::symlink(path("a.log"), path("link.log")).unwrap();
        let text = |name: &str| path(name).display().to_string();
        let look = |include: &[&str]| {
            let include: Vec<String> = include.iter().map(|name| text(name)).collect();
            let look = PathPatterns::new(&include, &[text("skip*")]).unwrap().look();
            assert_eq!((look.over, look.trouble.len()), (0, 0));
            let mut names: Vec<String> = look
                .found
                .iter()
                .map(|found| found.path.strip_prefix(folder.path()).unwrap().display().to_string())
                .collect();
            names.sort();
            names
        };
        assert_eq!(look(&["*.log"]), ["[x].log", "a.log", "b.log"]);
        assert_eq!(look(&["a.log", "link.log"]), ["a.log"]);
        assert_eq!(look(&["**/*.log"]), ["[x].log", "a.log", "b.log", "deep/c.log"]);
        assert_eq!(look(&["[x].log"]), ["[x].log"]);
        assert!(look(&["none.log", "skip.log"]).is_empty());
    }

    #[test]
    fn wrong_patterns_are_refused() {
        let new = |include: &[&str]| {
            let include: Vec<String> = include.iter().map(|text| (*text).to_owned()).collect();
            PathPatterns::new(&include, &[])
        };
        assert_eq!(new(&[]), Err(PathFault::None));
        assert_eq!(new(&[""]), Err(PathFault::Empty));
        let error = new(&["/var/***/x"]).unwrap_err().to_string();
        assert!(error.starts_with("\"/var/***/x\" is no pattern: "), "{error}");
    }
}
