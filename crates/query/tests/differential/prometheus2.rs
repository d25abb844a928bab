//! A real Prometheus 2.42, asked over HTTP.

use std::hash::{Hash as _, Hasher as _};

use serde_json::Value;
use vigie_model::Labels;
use vigie_query::{Annotations, InstantSample, QueryValue, RangeSeries, SampleValue};
use vigie_testkit::{MetricsServer as _, Prometheus, RemoteSeries};

use crate::outcome::{Failure, FailureKind, Outcome, Question, When};
use crate::support::MemoryStorage;

/// A server that holds one world.
pub fn holding(storage: &MemoryStorage) -> Prometheus {
    let server = Prometheus::start();
    let series: Vec<RemoteSeries> = storage
        .0
        .iter()
        .map(|(labels, samples)| {
            assert!(samples.histograms.is_empty(), "this Prometheus has floats alone");
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|one| (&*one.name, &*one.value)).collect();
            let times = samples.float_times.iter().copied();
            RemoteSeries::new(&labels, times.zip(samples.floats.iter().copied()).collect())
        })
        .collect();
    server.write(&series);
    server
}

/// Tells storages apart.
pub fn digest(storage: &MemoryStorage) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for (labels, samples) in &storage.0 {
        (labels, &samples.float_times).hash(&mut hasher);
        samples.floats.iter().for_each(|value| value.to_bits().hash(&mut hasher));
    }
    hasher.finish()
}

/// Evaluates there.
pub fn ask(server: &Prometheus, question: &Question) -> Outcome {
    // The function's name of that time.
    let text = question.text.replace("double_exponential_smoothing(", "holt_winters(");
    let answer = match question.when {
        When::Instant(time) => server.query(&text, time),
        When::Range { start, end, step } => server.query_range(&text, start, end, step),
    };
    if answer["status"] != "success" {
        let kind = match answer["errorType"].as_str().unwrap() {
            "bad_data" => FailureKind::Invalid,
            "execution" => FailureKind::Execution,
            _ => FailureKind::Other,
        };
        return Err(Failure { kind, text: answer["error"].as_str().unwrap().to_owned() });
    }
    let result = &answer["data"]["result"];
    let value = match answer["data"]["resultType"].as_str().unwrap() {
        "scalar" => {
            let (time, value) = point(result);
            QueryValue::Scalar(time, value)
        }
        "string" => QueryValue::Text(0, result[1].as_str().unwrap().to_owned()),
        "vector" => QueryValue::Vector(list(result).map(sample).collect()),
        _ => QueryValue::Matrix(list(result).map(series).collect()),
    };
    Ok((value, Annotations::default()))
}

fn sample(from: &Value) -> InstantSample {
    let (time, value) = point(&from["value"]);
    InstantSample { labels: labels(from), time, value: SampleValue::Float(value) }
}

fn series(from: &Value) -> RangeSeries {
    let floats = list(&from["values"]).map(point).collect();
    RangeSeries { labels: labels(from), floats, histograms: Vec::new() }
}

fn labels(from: &Value) -> Labels {
    let pairs = from["metric"].as_object().unwrap().iter();
    Labels::from_pairs(pairs.map(|(name, value)| (name, value.as_str().unwrap())))
}

/// [seconds, "value"]
fn point(pair: &Value) -> (i64, f64) {
    let time = (pair[0].as_f64().unwrap() * 1_000.0).round() as i64;
    (time, pair[1].as_str().unwrap().parse().unwrap())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
