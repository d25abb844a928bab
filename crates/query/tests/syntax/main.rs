//! What is PromQL and what is not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod chance;

use proptest::prelude::*;
use vigie_query::promql::{parse, parse_selector};

#[test]
fn valid_queries_are_accepted_and_others_not() {
    let text = include_str!("queries.txt");
    let mut counted = 0;
    for line in text.lines() {
        let (wanted, query) = line.split_once('\t').unwrap();
        let parsed = parse(query);
        assert_eq!(parsed.is_ok(), wanted == "ok", "{query}: {parsed:?}");
        if let Ok(expr) = parsed {
            let printed = expr.to_string();
            let again = parse(&printed).map_err(|error| format!("{query} -> {printed}: {error}"));
            // NaN is not equal to itself.
            assert!(query == "NaN" || again == Ok(expr), "{query} -> {printed}");
        }
        counted += 1;
    }
    assert_eq!(counted, 153);
}

#[test]
fn errors_say_where_and_what() {
    for (query, error) in [
        ("", "1:1: parse error: no expression found in input"),
        (
            "rate(x)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        ("sum(\n  foo(1))", "2:3: parse error: unknown function with name \"foo\""),
        ("1 == 1", "1:1: parse error: comparisons between scalars must use BOOL modifier"),
        ("x[5m", "1:5: parse error: unclosed left bracket"),
        (
            "x and 2",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
        ),
        (
            "{q=\"\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        ("rate(x, 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
        ("x[5m] offset 1h offset 2h", "1:26: parse error: offset may not be set multiple times"),
    ] {
        assert_eq!(parse(query).unwrap_err().to_string(), error, "{query}");
    }
}

#[test]
fn precedence_is_that_of_prometheus() {
    for (query, bracketed) in [
        ("a or b and c", "a or (b and c)"),
        ("a + b * c ^ d ^ e", "a + (b * (c ^ (d ^ e)))"),
        ("-a ^ b", "-(a ^ b)"),
        ("-a * b", "(-a) * b"),
        ("a - b - c", "(a - b) - c"),
        ("a unless b and c", "(a unless b) and c"),
        ("a == b < c", "(a == b) < c"),
        ("x offset -2 ^ 2", "(x offset -2) ^ 2"),
    ] {
        let strip = |text: &str| chance::without_parens(parse(text).unwrap());
        assert_eq!(strip(query), strip(bracketed), "{query}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    for query in [
        format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        "-".repeat(100_000) + "x",
        "x".to_owned() + &" or x".repeat(100_000),
        format!("x[{}1", "(".repeat(100_000)) + &")".repeat(100_000) + "]",
        "abs(".repeat(100_000) + "x" + &")".repeat(100_000),
    ] {
        assert!(parse(&query).is_err(), "{}", &query[..20]);
    }
    assert!(parse(&("x".to_owned() + &" or x".repeat(150))).is_ok());
}

#[test]
fn selectors_alone() {
    let found = parse_selector(r#"up{job=~"a.*", "b.c"!="d"}"#).unwrap();
    let written: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(written, [r#"job=~"a.*""#, r#"b.c!="d""#, r#"__name__="up""#]);
    for wrong in ["rate(x[5m])", "x[5m]", "x offset 5m", "{}", "1"] {
        assert!(parse_selector(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn printed_trees_parse_to_themselves(seed in any::<u64>()) {
        let text = chance::query(seed);
        let expr = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let printed = expr.to_string();
        let again = parse(&printed);
        prop_assert_eq!(again.as_ref(), Ok(&expr), "{} -> {}", text, printed);
    }

    #[test]
    fn no_text_crashes_the_parser(text in "[a-z0-9{}()\\[\\]\"'`\\\\,.:=~!<>+*/%^@ _-]{0,40}") {
        let _ = parse(&text);
    }
}
