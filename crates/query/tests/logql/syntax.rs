//! What is a query prints as one that is the same, and runs over any lines; what is none says where.

use proptest::prelude::*;
use vigie_model::Labels;
use vigie_query::Control;
use vigie_query::logql::{Direction, LogEngine, LogQueryError, LogRangeQuery, MemoryLog, parse};

use crate::entry;

fn queries() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("queries.txt").lines();
    lines
        .filter_map(|line| line.split_once(' ').filter(|(kind, _)| *kind != "//"))
        .map(|(_, query)| query)
}

/// Lines of logs, and what looks like them.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[{}\\[\\]\":,a-c0-2\\\\ é]{0,40}",
        "[a-c=\" \\\\0-9é.]{0,40}",
        "\\{\"(msg|status|took|size|n)\": ?(\"[a-zé 0-9]{0,8}\"|-?[0-9.]{1,5}|null|\\[1\\])(,\"b\":\\{\"c\":\"[0-9]\"\\})?\\}",
    ]
}

#[test]
fn what_is_printed_is_the_same_query() {
    let mut parsed = 0;
    for query in queries() {
        let Ok(expr) = parse(query) else { continue };
        let printed = expr.to_string();
        let again = parse(&printed).unwrap_or_else(|error| panic!("{query} -> {printed}: {error}"));
        assert_eq!(again.to_string(), printed, "{query}");
        parsed += 1;
    }
    assert!(parsed > 150, "{parsed}");
}

#[test]
fn height_and_length_are_bounded() {
    let rate = "rate({a=\"b\"}[5m])";
    let deep = format!("{}{rate}{}", "(".repeat(10_000), ")".repeat(10_000));
    let sums = format!("{}{rate}{}", "sum(".repeat(10_000), ")".repeat(10_000));
    let chain = vec![rate; 10_000].join(" + ");
    let powers = vec![rate; 1_000].join(" ^ ");
    let filters = format!("{{a=\"b\"}} | {}", vec!["x > 1"; 5_000].join(" or "));
    let brackets = format!("{{a=\"b\"}} | {}x > 1{}", "(".repeat(5_000), ")".repeat(5_000));
    let ranges = format!("rate({}{{a=\"b\"}}{}[5m])", "(".repeat(5_000), ")".repeat(5_000));
    let long = format!("{{a=\"{}\"}}", "x".repeat(200_000));
    for query in [deep, sums, chain, powers, filters, brackets, ranges, long] {
        let error = parse(&query).unwrap_err();
        assert!(error.message.len() < 300, "{}", error.message);
    }
}

#[test]
fn large_expressions_are_refused() {
    for query in [
        r#"{a="b"} |~ "(x{1000}){1000}""#,
        r#"{a=~"(x{1000}){1000}"}"#,
        r#"{a="b"} | regexp "(?P<x>(y{1000}){1000})""#,
        r#"{a="b"} | x =~ "(y{1000}){1000}""#,
    ] {
        assert!(parse(query).is_err(), "{query}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_query_or_says_where_not(text in ".{0,80}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
        }
    }

    #[test]
    fn any_query_runs_over_any_lines(which in 0_usize..1_000, lines in prop::collection::vec(line(), 1..6), from in 0_usize..200) {
        let all: Vec<_> = queries().collect();
        let query = all[which % all.len()];
        let from = query.floor_char_boundary(from.min(query.len()));
        // Every query, and what is left of it without one character.
        let cut = format!("{}{}", &query[..from], query[from..].chars().skip(1).collect::<String>());
        let entries = lines.iter().flat_map(|line| ["api", "web", "nginx", "pack", "color", "a"].map(|app| (app, line)));
        let entries = entries.zip(1..).map(|((app, line), place)| {
            let labels = Labels::from_pairs([("app", app), ("env", "prod")]);
            let mut entry = entry(labels, place * 1_000_000_000, line);
            entry.fields.clone_from(line);
            entry
        });
        let source = MemoryLog::new(entries.collect());
        let range = LogRangeQuery {
            start: 0, end: 40_000_000_000, step: 7_000_000_000, direction: Direction::Backward, limit: 100, now: 0,
            interval: 0,
        };
        for query in [query, cut.as_str()] {
            let (engine, control) = (LogEngine::default(), Control::default());
            let answers = [
                engine.range(&source, query, &range, &control),
                engine.instant(&source, query, (20_000_000_000, 0), &control),
            ];
            for answer in answers {
                let failed = matches!(answer, Err(LogQueryError::Source(_) | LogQueryError::Stopped(_)));
                prop_assert!(!failed, "{query}");
            }
        }
    }

    #[test]
    fn a_query_with_a_piece_missing_or_twice_does_not_panic(
        which in 0_usize..1_000, from in 0_usize..200, length in 0_usize..30, twice: bool,
    ) {
        let all: Vec<_> = queries().collect();
        let query = all[which % all.len()];
        let from = query.floor_char_boundary(from.min(query.len()));
        let to = query.floor_char_boundary((from + length).min(query.len()));
        let changed = if twice {
            format!("{}{}{}", &query[..to], &query[from..to], &query[to..])
        } else {
            format!("{}{}", &query[..from], &query[to..])
        };
        if let Ok(expr) = parse(&changed) {
            let printed = expr.to_string();
            let again = parse(&printed).map(|expr| expr.to_string());
            prop_assert_eq!(again.ok(), Some(printed));
        }
    }
}
