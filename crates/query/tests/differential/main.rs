//! Vigie's PromQL beside Prometheus's, over series and queries made by chance: thousands of them, to 1e-9.
//!
//! `VIGIE_DIFFERENTIAL=50000` asks more questions than usual, with a seed of the moment that is printed;
//! `VIGIE_DIFFERENTIAL_SEED=7` repeats a run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../support/mod.rs"]
mod support;

mod chance;
mod difference;
mod expression;
mod functions;
mod grammar;
mod harness;
mod operators;
mod oracle;
mod outcome;
mod parsing;
mod prometheus2;
mod report;
mod shrink;
mod witness;
mod world;

use std::collections::BTreeMap;

use chance::Chance;
use difference::Difference;
use expression::Expr;
use grammar::Grammar;
use oracle::Oracle;
use outcome::Dialect;
use outcome::{Aspect, Outcome, Question, Strictness, When, ask_vigie, compare};
use report::Case;
use support::MemoryStorage;
use vigie_testkit::Prometheus;
use world::World;

/// Questions of an ordinary run.
const QUESTIONS: usize = 3_000;
/// Questions over the same series.
const PER_WORLD: usize = 60;
/// Failing cases of each aspect that are made small and shown.
const SHOWN_OF_EACH: usize = 2;

/// How much is asked, and by which seed.
fn extent() -> (usize, u64) {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number: {text:?}")))
    };
    let questions = number("VIGIE_DIFFERENTIAL");
    let moment = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_secs()
    };
    let seed = number("VIGIE_DIFFERENTIAL_SEED").or(questions.map(|_| moment())).unwrap_or(1);
    (questions.map_or(QUESTIONS, |questions| questions as usize), seed)
}

/// A query and when, over a world.
fn question(chance: &mut Chance, world: &World) -> (Expr, Question) {
    let query = Grammar::new(chance, world).query();
    let (text, kind) = (query.to_string(), query.kind);
    let aligned = world.dialect == Dialect::Three && chance.percent(50);
    let late = if chance.percent(10) { 7 * 60_000 } else { 30_000 };
    let mut start = chance.between(world.start + 30_000, world.end + late);
    if aligned {
        start -= start.rem_euclid(world.interval);
    } else if world.dialect == Dialect::Two {
        // Half a second after a whole one: there is no sample, and no step of a subquery.
        start += 500 - start.rem_euclid(1_000);
    }
    let range =
        !matches!(kind, expression::Kind::Matrix | expression::Kind::Text) && chance.percent(40);
    if !range {
        return (query, Question { text, when: When::Instant(start) });
    }
    let steps = [15_000, 30_000, 60_000, 37_000, 120_000, 1_000];
    let step = chance.one(&steps);
    let end = start + step * chance.between(0, 14) + if aligned { 0 } else { 7_000 };
    (query, Question { text, when: When::Range { start, end, step } })
}

/// What Vigie is compared with.
trait Peer {
    /// Holds these series and no others from now on.
    fn load(&mut self, storage: &MemoryStorage);
    fn ask(&mut self, question: &Question) -> Outcome;
    /// The difference that explains a case.
    fn explains(&mut self, case: &Case) -> Option<Difference>;
}

impl Peer for Oracle {
    fn load(&mut self, storage: &MemoryStorage) {
        Self::load(self, storage);
    }

    fn ask(&mut self, question: &Question) -> Outcome {
        Self::ask(self, question)
    }

    fn explains(&mut self, case: &Case) -> Option<Difference> {
        if undecided(self, case) {
            return Some(Difference::Undecided);
        }
        Difference::from_three(case).find(|known| witness::confirms(*known, case, self))
    }
}

/// A Prometheus 2 that is started anew where series change, and Prometheus 3's engine as a witness: where they differ
/// Vigie must be with the latter.
struct Two {
    server: Option<(u64, Prometheus)>,
    three: Oracle,
}

impl Peer for Two {
    fn load(&mut self, storage: &MemoryStorage) {
        let digest = prometheus2::digest(storage);
        if self.server.as_ref().is_none_or(|(held, _)| *held != digest) {
            self.server = Some((digest, prometheus2::holding(storage)));
            self.three.load(storage);
        }
    }

    fn ask(&mut self, question: &Question) -> Outcome {
        let (_, server) = self.server.as_ref().expect("series are loaded first");
        prometheus2::ask(server, question)
    }

    fn explains(&mut self, case: &Case) -> Option<Difference> {
        if undecided(&mut self.three, case) {
            return Some(Difference::Undecided);
        }
        let three = &mut self.three;
        let known = Difference::from_three(case).find(|one| witness::confirms(*one, case, three));
        if known.is_some() {
            return known;
        }
        let three = self.three.ask(&case.question);
        let how = Strictness::of(&case.question, Dialect::Two);
        compare(&case.vigie, &three, how).ok().and_then(|()| Difference::from_two(case))
    }
}

/// Whether Prometheus 3 answers otherwise when asked again.
fn undecided(three: &mut Oracle, case: &Case) -> bool {
    let first = three.ask(&case.question);
    let how = Strictness::of(&case.question, Dialect::Three);
    (0..6).any(|_| compare(&three.ask(&case.question), &first, how).is_err())
}

/// Asks both sides.
fn case(
    storage: &MemoryStorage,
    question: &Question,
    peer: &mut dyn Peer,
    how: Strictness,
) -> Option<Case> {
    let (vigie, peer) = (ask_vigie(storage, question), peer.ask(question));
    let mismatch = compare(&vigie, &peer, how).err()?;
    Some(Case { storage: storage.clone(), question: question.clone(), vigie, peer, mismatch })
}

/// What a run found.
#[derive(Default)]
struct Found {
    asked: usize,
    samples: usize,
    /// How many are explained, and the shortest question of them.
    explained: BTreeMap<Difference, (usize, String)>,
    failing: BTreeMap<Aspect, usize>,
    shown: Vec<Case>,
}

/// How many questions over how many worlds, and by which seed.
#[derive(Clone, Copy)]
struct Extent {
    questions: usize,
    per_world: usize,
    seed: u64,
    dialect: Dialect,
}

fn run(extent: Extent, peer: &mut dyn Peer) -> Found {
    let mut found = Found::default();
    for part in 0.. {
        if found.asked >= extent.questions {
            break;
        }
        let mut chance = Chance::new(extent.seed, part);
        let world = World::new(&mut chance, extent.dialect);
        found.samples += world.samples();
        peer.load(&world.storage);
        for _ in 0..extent.per_world.min(extent.questions - found.asked) {
            found.asked += 1;
            let (query, question) = question(&mut chance, &world);
            let how = Strictness::of(&question, extent.dialect);
            let Some(case) = case(&world.storage, &question, peer, how) else { continue };
            if let Some(known) = peer.explains(&case) {
                let (count, shortest) = found.explained.entry(known).or_default();
                *count += 1;
                if shortest.is_empty() || shortest.len() > question.text.len() {
                    *shortest = question.text;
                }
                continue;
            }
            let alike = found.failing.entry(case.mismatch.aspect).or_default();
            *alike += 1;
            // Some of each aspect say more than many of one.
            if *alike <= SHOWN_OF_EACH {
                found.shown.push(small(case, query, peer, how));
                peer.load(&world.storage);
            }
        }
    }
    found
}

/// The same failure of a smaller case.
fn small(found: Case, query: Expr, peer: &mut dyn Peer, how: Strictness) -> Case {
    let aspect = found.mismatch.aspect;
    shrink::shrink(found, query, &mut |storage, question| {
        peer.load(storage);
        let smaller = case(storage, question, peer, how)?;
        (smaller.mismatch.aspect == aspect && peer.explains(&smaller).is_none()).then_some(smaller)
    })
}

impl Found {
    /// Says what was explained, and fails where something was not.
    fn settle(&self, seed: u64) {
        println!("seed {seed}: {} questions over {} samples", self.asked, self.samples);
        for (difference, (count, shortest)) in &self.explained {
            println!("{count} × {difference:?}: {}; such as {shortest}", difference.reason());
        }
        let all = self.shown.iter().map(Case::report).collect::<Vec<_>>().join("\n----\n");
        let failing: usize = self.failing.values().sum();
        assert_eq!(
            failing, 0,
            "seed {seed}: of {} questions; {:?}\n{all}",
            self.asked, self.failing
        );
    }
}

#[test]
fn prometheus_3_answers_the_same() {
    let (questions, seed) = extent();
    let extent = Extent { questions, per_world: PER_WORLD, seed, dialect: Dialect::Three };
    run(extent, &mut Oracle::start()).settle(seed);
}

#[test]
fn prometheus_2_answers_the_same() {
    let (questions, seed) = extent();
    let (questions, per_world) = (questions / 3, PER_WORLD * 4);
    let extent = Extent { questions, per_world, seed, dialect: Dialect::Two };
    run(extent, &mut Two { server: None, three: Oracle::start() }).settle(seed);
}

#[test]
fn every_function_is_asked_for_and_most_answers_say_something() {
    let mut oracle = Oracle::start();
    let (mut missing, mut good, mut full) = (oracle.functions(), 0, 0);
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for part in 0..(QUESTIONS / PER_WORLD) as u64 {
        let mut chance = Chance::new(1, part);
        let world = World::new(&mut chance, Dialect::Three);
        oracle.load(&world.storage);
        for _ in 0..PER_WORLD {
            let (_, question) = question(&mut chance, &world);
            match oracle.ask(&question) {
                Ok((value, _)) => {
                    good += 1;
                    full += usize::from(!is_empty(&value));
                    missing.retain(|name| !question.text.contains(&format!("{name}(")));
                }
                Err(failure) => {
                    *errors
                        .entry(
                            failure.text.chars().filter(|c| !c.is_ascii_digit()).take(60).collect(),
                        )
                        .or_default() += 1
                }
            }
        }
    }
    println!("{good} good, {full} full of {QUESTIONS}; {errors:#?}");
    assert_eq!(missing, Vec::<String>::new(), "functions that no good query calls");
    assert!(good * 10 > QUESTIONS * 8, "only {good} of {QUESTIONS} queries are good: {errors:#?}");
    assert!(full * 10 > good * 6, "only {full} of {good} answers have a value");
}

fn is_empty(value: &vigie_query::QueryValue) -> bool {
    match value {
        vigie_query::QueryValue::Vector(all) => all.is_empty(),
        vigie_query::QueryValue::Matrix(all) => all.is_empty(),
        _ => false,
    }
}
