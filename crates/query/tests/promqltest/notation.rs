//! Series and their values: `name{label="value"} 1 2+3x4 _ stale {{schema:0 count:2 sum:3 buckets:[1 1]}}x2`.

use vigie_model::{Label, Labels, METRIC_NAME, NativeHistogram, ResetHint};
use vigie_query::promql::parse_selector;
use vigie_store::{MatchOp, STALE_BITS};

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    Float(f64),
    Histogram(Box<NativeHistogram>),
}

/// Values by step; none where a sample is left out.
pub type Values = Vec<Option<Value>>;

/// Milliseconds of a duration, or of seconds.
pub fn duration(text: &str) -> i64 {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds * 1000.0) as i64;
    }
    let (mut total, mut rest) = (0, text);
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit()).unwrap();
        let count: i64 = rest[..digits].parse().unwrap();
        rest = &rest[digits..];
        let length = rest.find(|one: char| one.is_ascii_digit()).unwrap_or(rest.len());
        total += count
            * match &rest[..length] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                unit => panic!("{unit}"),
            };
        rest = &rest[length..];
    }
    total
}

/// Labels and values of a line; a line without labels is a scalar.
pub fn series(line: &str) -> (Labels, Values) {
    let end = match line.find('{') {
        Some(open) if !line[..open].contains(' ') => open + line[open..].find('}').unwrap() + 1,
        _ => line.find(' ').unwrap_or(0),
    };
    let (name, rest) = line.split_at(end);
    if name.parse::<f64>().is_ok() || end == 0 {
        return (Labels::default(), values(line));
    }
    (labels(name), values(rest))
}

fn labels(text: &str) -> Labels {
    if text == "{}" {
        return Labels::default();
    }
    let matchers = parse_selector(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(matchers.iter().all(|one| one.op() == MatchOp::Equal), "{text}");
    Labels::new(matchers.iter().map(|one| Label::new(one.name(), one.value())).collect())
}

fn values(text: &str) -> Values {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("{{") {
            let (inner, behind) = inner.split_once("}}").unwrap();
            let end = behind.find(' ').unwrap_or(behind.len());
            let times = behind[..end].strip_prefix('x').map_or(0, |times| times.parse().unwrap());
            let value = Value::Histogram(Box::new(histogram(inner)));
            all.extend(std::iter::repeat_n(Some(value), times + 1));
            rest = behind[end..].trim_start();
            continue;
        }
        let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = behind.trim_start();
        word_values(word, &mut all);
    }
    all
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// `3`, `_`, `stale`, `_x3`, `1x3`, `1+2x3` or `1-2x3`.
fn word_values(word: &str, all: &mut Values) {
    let (first, times) = match word.rsplit_once('x') {
        Some((first, times)) => (first, times.parse().unwrap()),
        None => (word, 0_usize),
    };
    if first == "_" {
        // Unlike others, `_x3` is three of them.
        return all.extend(std::iter::repeat_n(None, times.max(1)));
    }
    if first == "stale" {
        return all.push(Some(Value::Float(f64::from_bits(STALE_BITS))));
    }
    let sign = first
        .char_indices()
        .skip(1)
        .find(|(place, one)| matches!(one, '+' | '-') && !first[..*place].ends_with(['e', 'E']));
    let (start, step) = match sign {
        Some((place, _)) => (number(&first[..place]), number(&first[place..])),
        None => (number(first), 0.0),
    };
    all.extend((0..=times).map(|time| Some(Value::Float(start + step * time as f64))));
}

/// `schema:0 count:3 sum:4 z_bucket:1 offset:1 buckets:[1 1]` and so on.
fn histogram(text: &str) -> NativeHistogram {
    let mut one = NativeHistogram::default();
    let (mut offset, mut negative) = (0, 0);
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    let mut rest = text.trim();
    while let Some((name, behind)) = rest.split_once(':') {
        let end = match behind.strip_prefix('[') {
            Some(list) => list.find(']').unwrap() + 2,
            None => behind.find(' ').unwrap_or(behind.len()),
        };
        let word = &behind[..end];
        let list =
            || word.trim_matches(['[', ']']).split_whitespace().map(number).collect::<Vec<_>>();
        match name {
            "schema" => one.schema = word.parse().unwrap(),
            "count" => one.count = number(word),
            "sum" => one.sum = number(word),
            "z_bucket" => one.zero_count = number(word),
            "z_bucket_w" => one.zero_threshold = number(word),
            "offset" => offset = word.parse().unwrap(),
            "n_offset" => negative = word.parse().unwrap(),
            "buckets" => positives = list(),
            "n_buckets" => negatives = list(),
            "custom_values" => one.custom_bounds = list().into(),
            "counter_reset_hint" => {
                one.reset_hint = match word {
                    "gauge" => ResetHint::Gauge,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NoReset,
                    _ => ResetHint::Unknown,
                }
            }
            _ => panic!("{name}"),
        }
        rest = behind[end..].trim_start();
    }
    let placed = |counts: Vec<f64>, first: i32| (first..).zip(counts).collect();
    one.positive = placed(positives, offset);
    one.negative = placed(negatives, negative);
    one
}

#[test]
fn notation_is_read() {
    let (labels, values) = series(r#"up{job="a"} 1 2+3x2 _x2 stale -1"#);
    assert_eq!(labels.get(METRIC_NAME), Some("up"));
    let written: Vec<String> = values
        .iter()
        .map(|one| match one {
            Some(Value::Float(value)) if value.is_nan() => "stale".to_owned(),
            Some(Value::Float(value)) => value.to_string(),
            Some(Value::Histogram(_)) => "histogram".to_owned(),
            None => "_".to_owned(),
        })
        .collect();
    assert_eq!(written, ["1", "2", "5", "8", "_", "_", "stale", "-1"]);
    assert_eq!(duration("1h30m"), 5_400_000);
}
