//! Any order of writing, rotating, copying and truncating, deleting, reading and crashing: each line comes exactly once.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;

use proptest::prelude::*;

use super::tests::{World, copy, truncate};

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// So many whole lines are written.
    Write(u8),
    /// Half a line is written; the rest comes with what is written next.
    Half,
    /// The file gets another name and a new one takes its place; the writer first goes on with the old one for so many lines.
    Rename(u8),
    /// The file is copied and truncated; Vigie looks meanwhile or not.
    CopyTruncate(bool),
    /// Vigie reads and keeps one batch.
    Step,
    /// Vigie reads until there is nothing more.
    Read,
    /// Vigie reads one batch, and is killed before it is kept.
    Lose,
    /// Vigie is killed.
    Kill,
    /// So many seconds pass.
    Pass(u8),
    /// The oldest file is deleted once it is read.
    Delete,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (1..20_u8).prop_map(Act::Write),
        2 => Just(Act::Half),
        2 => (0..3_u8).prop_map(Act::Rename),
        2 => any::<bool>().prop_map(Act::CopyTruncate),
        4 => Just(Act::Step),
        2 => Just(Act::Read),
        2 => Just(Act::Lose),
        2 => Just(Act::Kill),
        1 => (1..90_u8).prop_map(Act::Pass),
        1 => Just(Act::Delete),
    ];
    proptest::collection::vec(act, 1..60)
}

struct Play {
    world: World,
    file: File,
    written: usize,
    half: Option<String>,
    oldest: usize,
}

impl Play {
    fn new(hold: usize, small: bool) -> Self {
        let mut world = World::new("app.log*", hold);
        world.small = small;
        world.restart();
        let file = Self::open(&world);
        Self { world, file, written: 0, half: None, oldest: 1 }
    }

    fn open(world: &World) -> File {
        OpenOptions::new().create(true).append(true).open(world.path("app.log")).unwrap()
    }

    fn line(&mut self) -> String {
        // As with a time at the beginning, no two files begin alike.
        let stamp = (self.written as u32).wrapping_mul(0x9e37_79b9);
        let line = format!("{stamp:08x} {} {}", self.written, "x".repeat(self.written * 37 % 90));
        self.written += 1;
        line
    }

    fn write(&mut self, lines: u8) {
        let mut text = self.half.take().map(|rest| format!("{rest}\n")).unwrap_or_default();
        for _ in 0..lines {
            text.push_str(&self.line());
            text.push('\n');
        }
        self.file.write_all(text.as_bytes()).unwrap();
    }

    fn shift(&mut self) {
        for number in (1..self.oldest).rev() {
            let name = |number: usize| self.world.path(&format!("app.log.{number}"));
            fs::rename(name(number), name(number + 1)).unwrap();
        }
        self.oldest += 1;
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Write(lines) => self.write(lines),
            Act::Half if self.half.is_none() => {
                let line = self.line();
                let (now, later) = line.split_at(line.len() / 2);
                self.file.write_all(now.as_bytes()).unwrap();
                self.half = Some(later.to_owned());
            }
            Act::Half => {}
            Act::Rename(lines) => {
                self.shift();
                fs::rename(self.world.path("app.log"), self.world.path("app.log.1")).unwrap();
                self.write(lines);
                self.file = Self::open(&self.world);
            }
            Act::CopyTruncate(look) => {
                // A line that is cut in two by it nobody can mend.
                self.write(0);
                self.shift();
                copy(&self.world.path("app.log"), &self.world.path("app.log.1"));
                if look {
                    self.world.pass(0.25);
                    self.world.step();
                }
                truncate(&self.world.path("app.log"));
            }
            Act::Step => {
                self.world.pass(0.25);
                self.world.step();
            }
            Act::Read => self.world.read(),
            Act::Lose => {
                self.world.pass(0.25);
                self.world.tail.gather(self.world.now);
                self.world.restart();
            }
            Act::Kill => self.world.restart(),
            // Half a line that is not gone on with for that long counts as whole.
            Act::Pass(seconds) if self.half.is_none() => self.world.pass(f64::from(seconds)),
            Act::Pass(_) => {}
            Act::Delete => {
                self.write(0);
                self.world.read_all();
                if self.oldest > 1 {
                    self.oldest -= 1;
                    fs::remove_file(self.world.path(&format!("app.log.{}", self.oldest))).unwrap();
                }
            }
        }
    }
}

fn play(hold: usize, small: bool, acts: &[Act]) -> (Vec<String>, Vec<String>) {
    let mut play = Play::new(hold, small);
    acts.iter().for_each(|act| play.act(*act));
    play.write(1);
    play.world.read_all();
    let number = |line: &String| {
        line.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)
    };
    let mut kept = play.world.take();
    kept.sort_by_key(number);
    let written = play.written;
    play.written = 0;
    let expected = (0..written).map(|_| play.line()).collect();
    (kept, expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn each_line_comes_once(hold in 0..3_usize, small: bool, acts in acts()) {
        let (kept, expected) = play(hold, small, &acts);
        prop_assert_eq!(kept, expected);
    }
}
