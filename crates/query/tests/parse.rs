//! Texts to trees and back.

use proptest::prelude::*;
use vigie_query::promql::parse;

#[test]
fn printing_and_parsing_again_is_the_same() {
    for text in [
        "sum by (queue) (rate(x{a=\"b\"}[5m]))",
        "-x ^ 2",
        "2 ^ 3 ^ 2",
        "a / on (q) group_left (t) b",
        "max_over_time(rate(x[5m])[1h:1m] @ end() offset 5m)",
        "x offset (5m + 1h)",
        "{\"my.metric\", \"a.b\"=\"c\"}",
        "a + fill_left (0) b",
        "rate(x[max(step(), 1m)])",
    ] {
        let tree = parse(text).unwrap();
        assert_eq!(parse(&tree.to_string()).unwrap(), tree, "{text}: {tree}");
    }
}

#[test]
fn what_is_not_a_query_is_refused_with_its_place() {
    for text in [
        "rate(x)",
        "sum(",
        "x[5m",
        "x{a=b}",
        "foo(1)",
        "x[5m] + 1",
        "{}",
        "{q=\"\"}",
        "rate(x[0s])",
        "topk(x)",
        "1 and 2",
        "sum by (x",
        "x @ foo",
        "a + bool b",
        "\"a\" + 1",
        "a and on(x) group_left b",
        "label_replace(x)",
        "histogram_quantile(x)",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse("a +\n  )").unwrap_err().to_string().starts_with("2:3: parse error: "));
}

#[test]
fn deep_nesting_is_an_error_and_not_the_end() {
    for text in [
        "(".repeat(100_000),
        "-".repeat(100_000),
        "1+".repeat(100_000) + "1",
        "x".to_owned() + &"[1m:]".repeat(10_000),
        format!("x[{}1", "(".repeat(100_000)),
    ] {
        assert!(parse(&text).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"([a-z0-9 (){}\[\]"'`,:@=!~<>+*/^.\\-]|sum|by|rate|offset|[0-9]m|é){0,40}"#) {
        if let Ok(tree) = parse(&text) {
            prop_assert!(parse(&tree.to_string()).is_ok(), "{}", tree);
        }
    }
}

#[test]
fn the_list_of_queries_is_told_apart() {
    let wrong: Vec<&str> = include_str!("queries.txt")
        .lines()
        .filter(|line| {
            let (kind, query) = line.split_once('\t').unwrap();
            parse(query).is_ok() != (kind == "ok")
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
