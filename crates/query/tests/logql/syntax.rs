//! What is a query prints as one that is the same; what is none says where.

use proptest::prelude::*;
use vigie_query::logql::parse;

fn queries() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("queries.txt").lines();
    lines
        .filter_map(|line| line.split_once(' ').filter(|(kind, _)| *kind != "//"))
        .map(|(_, query)| query)
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
