//! Prometheus 3's own engine: the Go program of `testkit/promql-oracle`, asked over pipes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use vigie_model::{Labels, NativeHistogram, ResetHint};
use vigie_query::{Annotations, InstantSample, QueryValue, RangeSeries, SampleValue};
use vigie_store::{STALE_BITS, is_stale};

use crate::outcome::{Failure, FailureKind, Outcome, Question, When};
use crate::support::MemoryStorage;

/// A running oracle; killed, by its id, when dropped.
pub struct Oracle {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Builds the program where it is out of date, and starts it.
    pub fn start() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/promql-oracle");
        // A file of its own, gone once it runs: another test process may build at the same time.
        let own = (std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let program =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{}-{}", own.0, own.1));
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(source);
        assert!(build.status().expect("go is installed").success(), "go build failed");
        let mut command = Command::new(&program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::fs::remove_file(program).unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, asks, answers: BufReader::new(answers) }
    }

    /// Holds these series and no others from now on.
    pub fn load(&mut self, storage: &MemoryStorage) {
        let series: Vec<Value> = storage
            .0
            .iter()
            .map(|(labels, samples)| {
                let floats = samples.float_times.iter().zip(&samples.floats);
                let histograms = samples.histogram_times.iter().zip(&samples.histograms);
                json!({
                    "labels": labels.iter().map(|one| (one.name.to_string(), json!(&*one.value))).collect::<serde_json::Map<_, _>>(),
                    "floats": floats.map(|(time, value)| json!([time, float_text(*value)])).collect::<Vec<_>>(),
                    "histograms": histograms.map(|(time, value)| json!([time, histogram_json(value)])).collect::<Vec<_>>(),
                })
            })
            .collect();
        let answer = self.exchange(&json!({ "load": series }));
        assert_eq!(answer["loaded"], storage.0.len());
    }

    /// The functions that there are, by name.
    pub fn functions(&mut self) -> Vec<String> {
        let answer = self.exchange(&json!({ "functions": true }));
        answer["functions"].as_object().unwrap().keys().cloned().collect()
    }

    /// Evaluates.
    pub fn ask(&mut self, question: &Question) -> Outcome {
        let answer = self.exchange(&match question.when {
            When::Instant(time) => json!({ "query": question.text, "time": time }),
            When::Range { start, end, step } => {
                json!({ "query": question.text, "start": start, "end": end, "step": step })
            }
        });
        let kind = answer["kind"].as_str().unwrap();
        if answer["failed"] == true {
            return Err(Failure { kind: failure_kind(kind), text: text(&answer["text"]) });
        }
        let annotations =
            Annotations { warnings: texts(&answer["warnings"]), infos: texts(&answer["infos"]) };
        Ok((value(kind, &answer), annotations))
    }

    fn exchange(&mut self, request: &Value) -> Value {
        let mut line = request.to_string();
        line.push('\n');
        self.asks.write_all(line.as_bytes()).expect("the oracle reads");
        self.asks.flush().expect("the oracle reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the oracle writes");
        serde_json::from_str(&answer).unwrap_or_else(|error| {
            panic!("the oracle answers {answer:?} to {line:.300}: {error}; what it said is above")
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn failure_kind(word: &str) -> FailureKind {
    match word {
        "parse" => FailureKind::Invalid,
        "execution" => FailureKind::Execution,
        _ => FailureKind::Other,
    }
}

fn float_text(value: f64) -> String {
    if is_stale(value) { "stale".to_owned() } else { format!("{value:?}") }
}

fn histogram_json(of: &NativeHistogram) -> Value {
    let buckets = |all: &[(i32, f64)]| {
        all.iter().map(|(index, count)| json!([index, float_text(*count)])).collect::<Vec<_>>()
    };
    json!({
        "schema": of.schema,
        "zero_threshold": float_text(of.zero_threshold),
        "zero_count": float_text(of.zero_count),
        "count": float_text(of.count),
        "sum": float_text(of.sum),
        "positive": buckets(&of.positive),
        "negative": buckets(&of.negative),
        "bounds": of.custom_bounds.iter().map(|bound| float_text(*bound)).collect::<Vec<_>>(),
        "hint": match of.reset_hint {
            ResetHint::Unknown => "unknown",
            ResetHint::Reset => "reset",
            ResetHint::NoReset => "continues",
            ResetHint::Gauge => "gauge",
        },
    })
}

fn value(kind: &str, answer: &Value) -> QueryValue {
    let series = list(&answer["series"]).map(range_series);
    match kind {
        "scalar" => {
            let (time, value) = series.flat_map(|one| one.floats).next().unwrap();
            QueryValue::Scalar(time, value)
        }
        "string" => QueryValue::Text(0, text(&answer["text"])),
        "vector" => QueryValue::Vector(series.map(instant_sample).collect()),
        "matrix" => QueryValue::Matrix(series.collect()),
        _ => panic!("the oracle answers a {kind}"),
    }
}

fn range_series(from: &Value) -> RangeSeries {
    let labels = from["labels"].as_object().into_iter().flatten();
    let floats = list(&from["floats"]).map(|pair| (time(pair), float(&pair[1])));
    let histograms =
        list(&from["histograms"]).map(|pair| (time(pair), Arc::new(histogram(&pair[1]))));
    RangeSeries {
        labels: Labels::from_pairs(labels.map(|(name, value)| (name, value.as_str().unwrap()))),
        floats: floats.collect(),
        histograms: histograms.collect(),
    }
}

fn instant_sample(series: RangeSeries) -> InstantSample {
    let RangeSeries { labels, floats, histograms } = series;
    let float = floats.into_iter().map(|(time, value)| (time, SampleValue::Float(value)));
    let histogram =
        histograms.into_iter().map(|(time, value)| (time, SampleValue::Histogram(value)));
    let (time, value) = float.chain(histogram).next().expect("an element has a value");
    InstantSample { labels, time, value }
}

fn histogram(from: &Value) -> NativeHistogram {
    let buckets = |name: &str| {
        let pairs = list(&from[name]);
        pairs.map(|pair| (pair[0].as_i64().unwrap() as i32, float(&pair[1]))).collect()
    };
    NativeHistogram {
        schema: i8::try_from(from["schema"].as_i64().unwrap()).unwrap(),
        zero_threshold: float(&from["zero_threshold"]),
        zero_count: float(&from["zero_count"]),
        count: float(&from["count"]),
        sum: float(&from["sum"]),
        positive: buckets("positive"),
        negative: buckets("negative"),
        custom_bounds: list(&from["bounds"]).map(float).collect(),
        reset_hint: match from["hint"].as_str().unwrap() {
            "reset" => ResetHint::Reset,
            "continues" => ResetHint::NoReset,
            "gauge" => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        },
    }
}

fn time(pair: &Value) -> i64 {
    pair[0].as_i64().unwrap()
}

fn float(text: &Value) -> f64 {
    match text.as_str().unwrap() {
        "stale" => f64::from_bits(STALE_BITS),
        number => number.parse().unwrap(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let mut all: Vec<String> = list(value).map(text).collect();
    all.sort();
    all
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
