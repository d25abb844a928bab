//! A shipper that follows a file, and a Vigie that it sends to, both of which are killed (SIGKILL) while they are at it.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use vigie_testkit::{Shipper, Vigie, until};

use crate::lines::{Line, assert_each};

/// Lines of the file; each of six parts meets another mishap.
const LINES: usize = 6_000;
const PART: usize = LINES / 6;

/// A file with lines, and who follows it.
pub struct Followed {
    lines: Vec<Line>,
    path: PathBuf,
    file: File,
}

impl Followed {
    pub fn new(dir: &Path) -> Self {
        let path = dir.join("shop.json");
        let file = File::create(&path).unwrap();
        Self { lines: Line::some(LINES), path, file }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, part: usize) {
        let lines = &self.lines[part * PART..][..PART];
        let text: String = lines.iter().map(|line| line.json() + "\n").collect();
        self.file.write_all(text.as_bytes()).unwrap();
    }

    /// Has it shipped, with all that may happen, where `survives` says whether the shipper knows after a SIGKILL how far it was; asserts
    /// that each line is there, and that what nothing happened to is there once.
    pub fn shipped(
        mut self,
        who: &str,
        vigie: &mut Vigie,
        shipper: &mut Shipper,
        survives: bool,
        same: impl Fn(&Line, &Value),
    ) {
        let count = |vigie: &Vigie| vigie.count("source=shop").unwrap_or_default();
        let more_than = |vigie: &Vigie, shipper: &mut Shipper, wanted: usize| {
            until(format!("more than {wanted} lines by {who}"), || {
                shipper.assert_runs();
                (count(vigie) > wanted as u64).then_some(())
            });
        };
        shipper.launch();
        self.write(0);
        more_than(vigie, shipper, PART - 1);
        // Vigie dies while it takes lines, and comes back.
        self.write(1);
        more_than(vigie, shipper, PART);
        vigie.kill();
        self.write(2);
        if survives {
            // The shipper dies while nobody takes what it has, and lines come while it is dead.
            std::thread::sleep(Duration::from_millis(500));
            shipper.kill();
            self.write(3);
            shipper.launch();
        } else {
            self.write(3);
        }
        vigie.boot();
        more_than(vigie, shipper, 3 * PART);
        self.write(4);
        if survives {
            more_than(vigie, shipper, 4 * PART);
            shipper.kill();
            shipper.launch();
        }
        self.write(5);
        let all = || {
            let entries = (count(vigie) >= LINES as u64).then(|| vigie.entries("source=shop"))?;
            let jobs: HashSet<_> = entries.iter().map(|entry| entry["job"].as_str()).collect();
            (jobs.len() >= LINES).then_some(())
        };
        until(format!("all lines by {who}"), all);
        // What would come twice would come with the next batch.
        std::thread::sleep(Duration::from_millis(1_500));
        let twice = assert_each(who, &self.lines, &vigie.entries("source=shop"), same);
        let first = twice.iter().find(|number| **number < PART);
        assert!(first.is_none(), "{who}: nothing happened while these were sent: {twice:?}");
        println!("{who}: {LINES} lines, {} of them twice", twice.len());
    }
}
