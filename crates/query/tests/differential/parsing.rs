//! Which texts are queries at all: Vigie's parser and Prometheus 3's take and refuse the same.

use std::fmt::Write as _;

use vigie_query::promql::parse;

use crate::chance::Chance;
use crate::extent;
use crate::grammar::Grammar;
use crate::oracle::Oracle;
use crate::outcome::Dialect;
use crate::outcome::{FailureKind, Question, When};
use crate::support::MemoryStorage;
use crate::world::World;

/// Whether Prometheus refuses a text, and why.
fn refused(oracle: &mut Oracle, text: &str) -> Option<String> {
    let question = Question { text: text.to_owned(), when: When::Instant(60_000) };
    let failure = oracle.ask(&question).err()?;
    (failure.kind == FailureKind::Invalid).then_some(failure.text)
}

fn colon_in_group(why: &str) -> bool {
    why.split_once("invalid label name for grouping: ").is_some_and(|(_, name)| name.contains(':'))
}

#[test]
fn the_same_texts_are_queries() {
    let (questions, seed) = extent();
    let mut oracle = Oracle::start();
    oracle.load(&MemoryStorage::default());
    let mut chance = Chance::new(seed, 0x70a5e);
    let world = World::new(&mut chance, Dialect::Three);
    let (mut differing, mut refusals, mut shown) = (0, 0, String::new());
    for _ in 0..questions {
        let depth = 1 + chance.below(3);
        let mut grammar = Grammar::new(&mut chance, &world);
        let query =
            if grammar.chance.percent(60) { grammar.spoiled(depth) } else { grammar.query() };
        let text = query.to_string();
        let (theirs, ours) = (refused(&mut oracle, &text), parse(&text));
        refusals += usize::from(theirs.is_some());
        let difference = match (&theirs, &ours) {
            (None, Err(error)) => format!("{text}\n  only Vigie refuses it: {error}"),
            // Durations are calculated when a query is evaluated.
            (Some(why), Ok(_)) if why.contains("duration") => continue,
            // Only with names of dots a Prometheus refuses a colon there: Vigie takes both.
            (Some(why), Ok(_)) if colon_in_group(why) => continue,
            (Some(why), Ok(_)) => format!("{text}\n  only Prometheus refuses it: {why}"),
            (None, Ok(tree)) => {
                let printed = tree.to_string();
                match (parse(&printed), refused(&mut oracle, &printed)) {
                    (Ok(again), None) if again.to_string() == printed => continue,
                    (Ok(again), None) => format!("{text}\n  is printed {printed}, then {again}"),
                    (again, why) => {
                        format!("{text}\n  is printed {printed}: {:?}, {why:?}", again.err())
                    }
                }
            }
            (Some(_), Err(_)) => continue,
        };
        differing += 1;
        if differing <= 15 {
            writeln!(shown, "{difference}").unwrap();
        }
    }
    println!("seed {seed}: {questions} texts, of which {refusals} are no queries");
    assert!(refusals * 5 > questions, "only {refusals} of {questions} texts are refused");
    assert_eq!(differing, 0, "seed {seed}: of {questions} texts\n{shown}");
}
