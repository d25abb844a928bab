//! Series and their values: `name{label="value"} 1 2+3x4 _ stale {{schema:0 count:2 sum:3 buckets:[1 1]}}x2`.

use vigie_model::{Label, Labels, NativeHistogram, ResetHint};
use vigie_query::promql::parse_selector;
use vigie_store::{MatchOp, STALE_BITS};

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    Float(f64),
    /// A histogram, and whether its reset hint was written, too: one that was not may be any.
    Histogram(Box<NativeHistogram>, bool),
}

/// Values by step; none where a sample is left out.
pub type Values = Vec<Option<Value>>;

/// What is wrong with a text.
pub type Result<T> = std::result::Result<T, String>;

/// A label that no series has: with it, a selector of nothing can be read.
const STAND_IN: &str = "__of_a_series__";

/// Milliseconds of a duration such as `1h30m`.
pub fn duration(text: &str) -> Result<i64> {
    if text == "0" {
        return Ok(0);
    }
    let (mut total, mut rest) = (0, text);
    while !rest.is_empty() {
        let wrong = || format!("{text:?} is no duration");
        let digits = rest.find(|one: char| !one.is_ascii_digit()).ok_or_else(wrong)?;
        let count: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let length = rest.find(|one: char| one.is_ascii_digit()).unwrap_or(rest.len());
        total += count
            * match &rest[..length] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 7 * 86_400_000,
                "y" => 365 * 86_400_000,
                _ => return Err(wrong()),
            };
        rest = &rest[length..];
    }
    Ok(total)
}

/// Labels and values of a line.
pub fn series(line: &str) -> Result<(Labels, Values)> {
    let (text, rest) = line.split_at(end_of_labels(line));
    Ok((labels(text)?, values(rest)?))
}

/// Whether a line says when the samples of a series began.
pub fn is_start(line: &str) -> bool {
    let (text, rest) = line.split_at(end_of_labels(line));
    text.ends_with("@st") || rest.starts_with("@st")
}

/// Where the values begin.
fn end_of_labels(line: &str) -> usize {
    let (mut quote, mut escaped, mut braces) = (None, false, false);
    for (place, one) in line.char_indices() {
        match (quote, one) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), _) if open == one => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') if braces => quote = Some(one),
            (None, '{') if !braces => braces = true,
            (None, '}') if braces => return place + 1,
            (None, ' ' | '\t') if !braces => {
                // A blank may be between a name and its labels, and begin the values as well.
                let behind = line[place..].trim_start();
                if !behind.starts_with('{') || behind.starts_with("{{") {
                    return place;
                }
            }
            _ => {}
        }
    }
    line.len()
}

fn labels(text: &str) -> Result<Labels> {
    let text = match text.split_once('{') {
        Some((name, rest)) if rest.trim() == "}" => format!("{name}{{{STAND_IN}=\"x\"}}"),
        Some((name, rest)) => format!("{name}{{{STAND_IN}=\"x\",{rest}"),
        None => text.to_owned(),
    };
    let matchers = parse_selector(&text).map_err(|error| format!("{text:?}: {error}"))?;
    if matchers.iter().any(|one| one.op() != MatchOp::Equal) {
        return Err(format!("{text:?} is no series"));
    }
    let meant = matchers.iter().filter(|one| one.name() != STAND_IN && !one.value().is_empty());
    Ok(Labels::new(meant.map(|one| Label::new(one.name(), one.value())).collect()))
}

fn values(text: &str) -> Result<Values> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if rest.starts_with("{{") {
            rest = histograms(rest, &mut all)?;
            continue;
        }
        let (word, behind) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        rest = behind.trim_start();
        word_values(word, &mut all)?;
    }
    Ok(all)
}

/// A number as PromQL has it.
pub fn number(text: &str) -> Result<f64> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn times(text: &str) -> Result<usize> {
    text.parse().map_err(|_| format!("{text:?} is not how often"))
}

/// `3`, `_`, `stale`, `_x3`, `1x3`, `1+2x3` or `1-2x3`.
fn word_values(word: &str, all: &mut Values) -> Result<()> {
    let (first, more) = match word.rsplit_once('x') {
        Some((first, more)) => (first, times(more)?),
        None => (word, 0_usize),
    };
    if first == "_" {
        // Unlike others, `_x3` is three of them.
        all.extend(std::iter::repeat_n(None, more.max(1)));
        return Ok(());
    }
    if first == "stale" {
        all.push(Some(Value::Float(f64::from_bits(STALE_BITS))));
        return Ok(());
    }
    let sign = first
        .char_indices()
        .skip(1)
        .find(|(place, one)| matches!(one, '+' | '-') && !first[..*place].ends_with(['e', 'E']));
    let (mut value, step) = match sign {
        Some((place, _)) => (number(&first[..place])?, number(&first[place..])?),
        None => (number(first)?, 0.0),
    };
    for _ in 0..=more {
        all.push(Some(Value::Float(value)));
        value += step;
    }
    Ok(())
}

/// `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3` or `{{…}}-{{…}}x3`; what is behind it.
fn histograms<'a>(text: &'a str, all: &mut Values) -> Result<&'a str> {
    let (mut value, hinted, mut rest) = histogram(text)?;
    let mut by = None;
    if let Some(behind) = rest.strip_prefix(['+', '-']) {
        let sign = if rest.starts_with('+') { 1.0 } else { -1.0 };
        let (step, _, behind) = histogram(behind)?;
        by = Some((step, sign));
        rest = behind;
    }
    let end = rest.find([' ', '\t']).unwrap_or(rest.len());
    let more = match &rest[..end] {
        "" if by.is_none() => 0,
        word => times(word.strip_prefix('x').ok_or_else(|| format!("{word:?} behind }}}}"))?)?,
    };
    for place in 0..=more {
        if let Some((step, sign)) = by.as_ref().filter(|_| place > 0) {
            value = stepped(value, step.clone(), *sign);
        }
        all.push(Some(Value::Histogram(Box::new(value.clone()), hinted)));
    }
    Ok(rest[end..].trim_start())
}

/// With buckets as wide as those of a lower schema.
fn coarser(mut of: NativeHistogram, schema: i8) -> NativeHistogram {
    let by = 1 << (of.schema - schema);
    for side in [&mut of.positive, &mut of.negative] {
        let mut wider = std::collections::BTreeMap::new();
        for (index, count) in side.iter() {
            *wider.entry((index - 1).div_euclid(by) + 1).or_default() += count;
        }
        *side = wider.into_iter().collect();
    }
    of.schema = schema;
    of
}

/// One more step of a sequence of histograms.
fn stepped(value: NativeHistogram, step: NativeHistogram, sign: f64) -> NativeHistogram {
    let schema = value.schema.min(step.schema);
    let (value, step) = (coarser(value, schema), coarser(step, schema));
    let buckets = |one: &[(i32, f64)], two: &[(i32, f64)]| {
        let mut sums: std::collections::BTreeMap<i32, f64> = one.iter().copied().collect();
        for (index, count) in two {
            *sums.entry(*index).or_default() += sign * count;
        }
        sums.into_iter().collect()
    };
    NativeHistogram {
        count: value.count + sign * step.count,
        sum: value.sum + sign * step.sum,
        zero_count: value.zero_count + sign * step.zero_count,
        positive: buckets(&value.positive, &step.positive),
        negative: buckets(&value.negative, &step.negative),
        ..value
    }
}

/// `{{schema:0 count:3 sum:4 z_bucket:1 offset:1 buckets:[1 1]}}` and so on, whether it has a hint, and what follows.
fn histogram(text: &str) -> Result<(NativeHistogram, bool, &str)> {
    let unclosed = || format!("{text:?} is no histogram");
    let inner = text.strip_prefix("{{").ok_or_else(unclosed)?;
    let (inner, behind) = inner.split_once("}}").ok_or_else(unclosed)?;
    let mut one = NativeHistogram::default();
    let (mut offset, mut negative, mut hinted) = (0, 0, false);
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    let mut rest = inner.trim();
    while let Some((name, behind)) = rest.split_once(':') {
        let end = match behind.strip_prefix('[') {
            Some(list) => list.find(']').ok_or_else(unclosed)? + 2,
            None => behind.find([' ', '\t']).unwrap_or(behind.len()),
        };
        let word = &behind[..end];
        let list = || -> Result<Vec<f64>> {
            word.trim_matches(['[', ']']).split_whitespace().map(number).collect()
        };
        let integer = || word.parse::<i32>().map_err(|_| format!("{name}:{word}"));
        match name {
            "schema" => one.schema = i8::try_from(integer()?).map_err(|_| unclosed())?,
            "count" => one.count = number(word)?,
            "sum" => one.sum = number(word)?,
            "z_bucket" => one.zero_count = number(word)?,
            "z_bucket_w" => one.zero_threshold = number(word)?,
            "offset" => offset = integer()?,
            "n_offset" => negative = integer()?,
            "buckets" => positives = list()?,
            "n_buckets" => negatives = list()?,
            "custom_values" => one.custom_bounds = list()?.into(),
            "counter_reset_hint" => {
                hinted = true;
                one.reset_hint = match word {
                    "gauge" => ResetHint::Gauge,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NoReset,
                    "unknown" => ResetHint::Unknown,
                    _ => return Err(format!("{name}:{word}")),
                }
            }
            _ => return Err(format!("a histogram has no {name:?}")),
        }
        rest = behind[end..].trim_start();
    }
    let placed = |counts: Vec<f64>, first: i32| (first..).zip(counts).collect();
    one.positive = placed(positives, offset);
    one.negative = placed(negatives, negative);
    Ok((one, hinted, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_model::METRIC_NAME;

    fn written(line: &str) -> Vec<String> {
        let (_, values) = series(line).unwrap();
        let text = values.iter().map(|one| match one {
            Some(Value::Float(value)) if value.is_nan() => "stale".to_owned(),
            Some(Value::Float(value)) => value.to_string(),
            Some(Value::Histogram(value, hinted)) => format!("{}{hinted}", value.count),
            None => "_".to_owned(),
        });
        text.collect()
    }

    #[test]
    fn notation_is_read() {
        let (labels, _) = series(r#"up{job="a}", gone=""} 1"#).unwrap();
        assert_eq!(labels.get(METRIC_NAME), Some("up"));
        assert_eq!((labels.get("job"), labels.get("gone")), (Some("a}"), None));
        assert_eq!(series("{} 1").unwrap().0, Labels::default());
        let (labels, _) = series(r#"{"two words", a="b"} 1"#).unwrap();
        assert_eq!(labels.get(METRIC_NAME), Some("two words"));
        assert_eq!(
            written("up 1 2+3x2 _x2 stale -1 0x2 1e-3"),
            ["1", "2", "5", "8", "_", "_", "stale", "-1", "0", "0", "0", "0.001"]
        );
        assert_eq!(written("up {{count:1}}x1 _ {{}}"), ["1false", "1false", "_", "0false"]);
        assert_eq!(written("up {{count:1}}+{{count:2}}x2"), ["1false", "3false", "5false"]);
        assert_eq!(written("up {{count:4}}-{{count:2}}x1"), ["4false", "2false"]);
        assert_eq!(written("up {{count:1 counter_reset_hint:gauge}}"), ["1true"]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for wrong in ["up 1y", "up {{count:1", "up {{size:1}}", "up 1x", "up{a=~\"b\"} 1"] {
            assert!(series(wrong).is_err(), "{wrong}");
        }
        assert!(is_start("up@st -1s") && is_start("up{a=\"b\"}@st -1s") && !is_start("up 1"));
        assert_eq!(duration("1h30m"), Ok(5_400_000));
        assert!(duration("1x").is_err());
        assert!(duration("5").is_err());
    }
}
