//! LogQL against what Loki itself answered: `recorded.jsonl` holds its answers to the queries of `queries.txt` over the
//! lines of `world.json`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod handed;
mod limits;
mod syntax;

use std::collections::BTreeMap;

use serde_json::Value;
use vigie_model::{Labels, Level, LogEntry};
use vigie_query::logql::{
    Direction, LogEngine, LogLimits, LogRangeQuery, LogValue, MemoryLog, parse, parse_selector,
};
use vigie_query::{Control, QueryValue, SampleValue};

/// An entry of a stream with these labels.
pub fn entry(labels: Labels, time_nanos: i64, message: &str) -> LogEntry {
    LogEntry {
        time_nanos,
        level: Level::Unknown,
        level_text: "".into(),
        kind: "".into(),
        source: "".into(),
        instance: "".into(),
        queue: "".into(),
        job: "".into(),
        trace: "".into(),
        labels,
        message: message.to_owned(),
        fields: String::new(),
    }
}

fn world() -> MemoryLog {
    let streams: Value = serde_json::from_str(include_str!("world.json")).unwrap();
    let mut entries = Vec::new();
    for stream in streams.as_array().unwrap() {
        let matchers = parse_selector(stream["labels"].as_str().unwrap()).unwrap();
        let labels = Labels::from_pairs(matchers.iter().map(|one| (one.name(), one.value())));
        for line in stream["entries"].as_array().unwrap() {
            let (time, text) = (line["time"].as_i64().unwrap(), line["line"].as_str().unwrap());
            entries.push(entry(labels.clone(), time, text));
        }
    }
    MemoryLog::new(entries)
}

/// Series by their labels: times and values, or times and lines.
type Series = BTreeMap<String, Vec<(i64, String)>>;

/// Details of errors are in words of our own, and Loki keeps labels that are empty.
fn named<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let kept = labels.filter(|(name, value)| *name != "__error_details__" && !value.is_empty());
    kept.map(|(name, value)| format!("{name}={value};")).collect()
}

fn expected(answer: &Value) -> Series {
    let mut found = Series::new();
    for series in answer["series"].as_array().into_iter().flatten() {
        let none = serde_json::Map::new();
        let labels: BTreeMap<&str, &str> = series["labels"]
            .as_object()
            .unwrap_or(&none)
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let points = series["points"].as_array().into_iter().flatten();
        let points = points
            .map(|one| (one["time"].as_i64().unwrap(), one["value"].as_str().unwrap().to_owned()));
        let lines = series["entries"].as_array().into_iter().flatten();
        let lines = lines
            .map(|one| (one["time"].as_i64().unwrap(), one["line"].as_str().unwrap().to_owned()));
        let name = named(labels.into_iter());
        found.entry(name).or_default().extend(points.chain(lines));
    }
    found
}

fn of_labels(labels: &Labels) -> String {
    named(labels.iter().map(|label| (&*label.name, &*label.value)))
}

fn ours(value: LogValue) -> (&'static str, Series) {
    let mut found = Series::new();
    let kind = match value {
        LogValue::Streams(streams) => {
            for stream in streams {
                let lines = stream.lines.into_iter().map(|line| (line.time, line.text));
                found.entry(of_labels(&stream.labels)).or_default().extend(lines);
            }
            "streams"
        }
        LogValue::Metric(QueryValue::Scalar(time, value)) => {
            found.insert(String::new(), vec![(time, value.to_string())]);
            "scalar"
        }
        LogValue::Metric(QueryValue::Vector(samples)) => {
            for sample in samples {
                let SampleValue::Float(value) = sample.value else {
                    panic!("a histogram of lines")
                };
                let points = found.entry(of_labels(&sample.labels)).or_default();
                points.push((sample.time, value.to_string()));
            }
            "vector"
        }
        LogValue::Metric(QueryValue::Matrix(list)) => {
            for series in list {
                let points =
                    series.floats.into_iter().map(|(time, value)| (time, value.to_string()));
                found.insert(of_labels(&series.labels), points.collect());
            }
            "matrix"
        }
        LogValue::Metric(other) => panic!("{other:?}"),
    };
    (kind, found)
}

/// Equal texts, or numbers that differ by no more than the order of additions makes them.
fn same(one: &str, two: &str) -> bool {
    if one == two {
        return true;
    }
    let (Ok(one), Ok(two)) = (one.parse::<f64>(), two.parse::<f64>()) else { return false };
    (one.is_nan() && two.is_nan())
        || one == two
        || (one - two).abs() <= 1e-9 * one.abs().max(two.abs())
}

fn difference(expected: &Series, ours: &Series) -> Option<String> {
    if !expected.keys().eq(ours.keys()) {
        return Some(format!("series\n  {:?}\nours\n  {:?}", expected.keys(), ours.keys()));
    }
    for (name, wanted) in expected {
        let mut wanted = wanted.clone();
        let mut found = ours[name].clone();
        wanted.sort();
        found.sort();
        let equal = wanted.len() == found.len()
            && wanted.iter().zip(&found).all(|(one, two)| one.0 == two.0 && same(&one.1, &two.1));
        if !equal {
            let odd = wanted
                .iter()
                .zip(&found)
                .find(|(one, two)| one.0 != two.0 || !same(&one.1, &two.1));
            return Some(format!(
                "{name}: {} and {} points, first {odd:?}",
                wanted.len(),
                found.len()
            ));
        }
    }
    None
}

fn evaluate(world: &MemoryLog, asked: &Value) -> Result<(&'static str, Series), String> {
    let engine = LogEngine::new(LogLimits { max_series: 10_000, ..LogLimits::default() });
    let query = asked["query"].as_str().unwrap();
    let time = |name: &str| asked[name].as_i64().unwrap_or_default();
    let control = Control::default();
    let answer = if time("start") == time("end") {
        engine.instant(world, query, (time("start"), 0), &control)
    } else {
        let backward = asked["direction"] == "backward";
        let range = LogRangeQuery {
            start: time("start"),
            end: time("end"),
            step: time("step"),
            direction: if backward { Direction::Backward } else { Direction::Forward },
            limit: usize::try_from(time("limit")).unwrap(),
            interval: 0,
            now: 0,
        };
        engine.range(world, query, &range, &control)
    };
    answer.map(|answer| ours(answer.value)).map_err(|error| error.to_string())
}

#[test]
fn loki_answers_the_same() {
    let world = world();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in include_str!("recorded.jsonl").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let (asked, answer) = (&record["asked"], &record["answer"]);
        let refused = answer["error"].as_str();
        compared += 1;
        if let Some(query) = asked["parse"].as_str() {
            let parsed = parse(query).err().map(|error| error.to_string());
            if parsed.is_some() != refused.is_some() {
                wrong.push(format!("{query}\n  loki {refused:?}\n  ours {parsed:?}"));
            }
            continue;
        }
        let problem = match (evaluate(&world, asked), refused) {
            (Err(_), Some(_)) => None,
            (Err(ours), None) => Some(format!("ours failed: {ours}")),
            (Ok(ours), Some(loki)) => Some(format!("loki failed: {loki}, ours {}", ours.0)),
            (Ok((kind, _)), None) if answer["kind"] != kind => {
                Some(format!("{} or {kind}", answer["kind"]))
            }
            (Ok((_, ours)), None) => difference(&expected(answer), &ours),
        };
        if let Some(problem) = problem {
            wrong.push(format!("{asked}\n  {problem}"));
        }
    }
    assert!(compared > 300, "{compared} answers of Loki");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}
