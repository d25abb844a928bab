//! What was made from what: a step is done again only when what it reads has changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A digest of all that a step depends on.
#[derive(Default)]
pub struct Digest(DefaultHasher);

impl Digest {
    /// Adds a word: a version, a command.
    pub fn word(mut self, word: &str) -> Self {
        word.hash(&mut self.0);
        self
    }

    /// Adds a file, or every file below a folder, by name and content; one that is not there counts as such.
    pub fn path(mut self, path: &Path) -> Result<Self> {
        self.add(path)?;
        Ok(self)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        path.hash(&mut self.0);
        if path.is_dir() {
            let entries =
                std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
            let mut inner = Vec::new();
            for entry in entries {
                inner.push(entry.with_context(|| format!("reading {}", path.display()))?.path());
            }
            inner.sort();
            let made = |path: &PathBuf| {
                path.file_name()
                    .is_some_and(|name| name == "node_modules" || name == "dist" || name == "bin")
            };
            for path in inner.iter().filter(|path| !made(path)) {
                self.add(path)?;
            }
        } else if path.exists() {
            std::fs::read(path)
                .with_context(|| format!("reading {}", path.display()))?
                .hash(&mut self.0);
        }
        Ok(())
    }

    fn text(self) -> String {
        format!("{:016x}\n", self.0.finish())
    }
}

/// The mark that a step leaves when it has succeeded.
pub struct Stamp {
    file: PathBuf,
    text: String,
}

impl Stamp {
    pub fn new(file: PathBuf, digest: Digest) -> Self {
        Self { file, text: digest.text() }
    }

    /// Whether the step was done with exactly this.
    pub fn current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|text| text == self.text)
    }

    /// Notes that the step is done.
    pub fn leave(&self) -> Result<()> {
        let dir = self.file.parent().context("a stamp lies in a folder")?;
        std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        std::fs::write(&self.file, &self.text)
            .with_context(|| format!("writing {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_due_again_when_a_file_below_changes() {
        let dir = std::env::temp_dir().join(format!("xtask-{}-stamp", std::process::id()));
        std::fs::create_dir_all(dir.join("in/deep")).unwrap();
        std::fs::write(dir.join("in/deep/a"), "1").unwrap();
        let stamp = || {
            let digest = Digest::default().word("build").path(&dir.join("in")).unwrap();
            Stamp::new(dir.join("out/stamp"), digest)
        };
        assert!(!stamp().current());
        stamp().leave().unwrap();
        assert!(stamp().current());
        std::fs::write(dir.join("in/deep/a"), "2").unwrap();
        assert!(!stamp().current());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
