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
mod operators;
mod oracle;
mod outcome;
mod report;
mod shrink;
mod world;

use std::collections::BTreeMap;

use chance::Chance;
use difference::Difference;
use expression::Expr;
use grammar::Grammar;
use oracle::Oracle;
use outcome::{Aspect, Outcome, Question, Strictness, When, ask_vigie, compare};
use report::Case;
use support::MemoryStorage;
use world::{Dialect, World};

/// Questions of an ordinary run.
const QUESTIONS: usize = 3_000;
/// Questions over the same series.
const PER_WORLD: usize = 60;
/// Failing cases that are made small and shown.
const SHOWN: usize = 8;

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

/// Asks both sides.
fn case(
    storage: &MemoryStorage,
    question: &Question,
    oracle: &mut Oracle,
) -> (Outcome, Option<Case>) {
    let (vigie, peer) = (ask_vigie(storage, question), oracle.ask(question));
    let found = compare(&vigie, &peer, Strictness::of(question)).err().map(|mismatch| Case {
        storage: storage.clone(),
        question: question.clone(),
        vigie,
        peer: peer.clone(),
        mismatch,
    });
    (peer, found)
}

#[test]
fn prometheus_3_answers_the_same() {
    let (questions, seed) = extent();
    let mut oracle = Oracle::start();
    let (mut asked, mut failing) = (0, 0);
    let mut explained: BTreeMap<Difference, usize> = BTreeMap::new();
    let mut aspects: BTreeMap<Aspect, usize> = BTreeMap::new();
    let mut shown = Vec::new();
    let mut samples = 0;
    for part in 0.. {
        if asked >= questions {
            break;
        }
        let mut chance = Chance::new(seed, part);
        let world = World::new(&mut chance, Dialect::Three);
        samples += world.samples();
        oracle.load(&world.storage);
        for _ in 0..PER_WORLD.min(questions - asked) {
            asked += 1;
            let (query, question) = question(&mut chance, &world);
            let (_, Some(found)) = case(&world.storage, &question, &mut oracle) else { continue };
            if let Some(known) = Difference::ALL.into_iter().find(|one| one.explains(&found)) {
                *explained.entry(known).or_default() += 1;
                continue;
            }
            failing += 1;
            *aspects.entry(found.mismatch.aspect).or_default() += 1;
            if shown.len() < SHOWN {
                shown.push(small(found, query, &mut oracle));
                oracle.load(&world.storage);
            }
        }
    }
    println!("seed {seed}: {asked} questions over {samples} samples");
    for (difference, count) in explained {
        println!("{count} × {difference:?}: {}", difference.reason());
    }
    let all = shown.iter().map(Case::report).collect::<Vec<_>>().join("\n----\n");
    assert_eq!(failing, 0, "seed {seed}: of {asked} questions; {aspects:?}\n{all}");
}

/// The same failure of a smaller case.
fn small(found: Case, query: Expr, oracle: &mut Oracle) -> Case {
    let aspect = found.mismatch.aspect;
    shrink::shrink(found, query, &mut |storage, question| {
        oracle.load(storage);
        let (_, smaller) = case(storage, question, oracle);
        let known = |case: &Case| Difference::ALL.into_iter().any(|one| one.explains(case));
        smaller.filter(|case| case.mismatch.aspect == aspect && !known(case))
    })
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
