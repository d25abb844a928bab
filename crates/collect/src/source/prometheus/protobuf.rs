//! Delimited messages `io.prometheus.client.MetricFamily`: the one format with native histograms.

use std::sync::Arc;

use prost::Message;
use vigie_model::{
    Label, Labels, METRIC_NAME, NativeHistogram, ResetHint, ScrapedFamily, ScrapedSample,
    ScrapedValue, SpannedCounts, spanned_buckets,
};

use super::decode::{DecodeError, Decoded, Limits, bound_text};

/// The schemas of native histograms that there are; finer ones are not sent by any library.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricFamily {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub help: String,
    #[prost(int32, tag = "3")]
    pub kind: i32,
    #[prost(message, repeated, tag = "4")]
    pub metrics: Vec<Metric>,
    #[prost(string, tag = "5")]
    pub unit: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Pair>,
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Single>,
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Single>,
    #[prost(message, optional, tag = "4")]
    pub summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    pub untyped: Option<Single>,
    #[prost(int64, optional, tag = "6")]
    pub timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Pair {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A gauge, a counter or something untyped: its value is field 1 of each.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Single {
    #[prost(double, tag = "1")]
    pub value: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(uint64, tag = "1")]
    pub count: u64,
    #[prost(double, tag = "2")]
    pub sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub quantiles: Vec<Quantile>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Quantile {
    #[prost(double, tag = "1")]
    pub quantile: f64,
    #[prost(double, tag = "2")]
    pub value: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Histogram {
    #[prost(uint64, tag = "1")]
    pub count: u64,
    #[prost(double, tag = "2")]
    pub sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub buckets: Vec<Bucket>,
    #[prost(double, tag = "4")]
    pub count_float: f64,
    #[prost(sint32, optional, tag = "5")]
    pub schema: Option<i32>,
    #[prost(double, tag = "6")]
    pub zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    pub zero_count: u64,
    #[prost(double, tag = "8")]
    pub zero_count_float: f64,
    #[prost(message, repeated, tag = "9")]
    pub negative_spans: Vec<Span>,
    #[prost(sint64, repeated, packed = "false", tag = "10")]
    pub negative_deltas: Vec<i64>,
    #[prost(double, repeated, packed = "false", tag = "11")]
    pub negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "12")]
    pub positive_spans: Vec<Span>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    pub positive_deltas: Vec<i64>,
    #[prost(double, repeated, packed = "false", tag = "14")]
    pub positive_counts: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Bucket {
    #[prost(uint64, tag = "1")]
    pub cumulative_count: u64,
    #[prost(double, tag = "2")]
    pub upper_bound: f64,
    #[prost(double, tag = "4")]
    pub cumulative_count_float: f64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Span {
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

pub(super) fn decode(mut body: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded::default();
    let mut number = 0;
    while !body.is_empty() {
        number += 1;
        let at = |what: String| DecodeError::Message { number, what };
        let family = MetricFamily::decode_length_delimited(&mut body)
            .map_err(|error| at(error.to_string()))?;
        if family.name.is_empty() {
            return Err(at("a family without a name".to_owned()));
        }
        let kind = kind_of(family.kind);
        for metric in &family.metrics {
            read(&family.name, metric, &mut decoded, limits, &at)?;
        }
        decoded.families.push(ScrapedFamily {
            name: family.name,
            kind: kind.to_owned(),
            unit: family.unit,
            help: family.help,
        });
    }
    Ok(decoded)
}

fn kind_of(number: i32) -> &'static str {
    match number {
        0 => "counter",
        1 => "gauge",
        2 => "summary",
        4 => "histogram",
        5 => "gaugehistogram",
        _ => "unknown",
    }
}

/// One metric, which is one series or, as a summary or classic histogram, several.
fn read(
    name: &str,
    metric: &Metric,
    decoded: &mut Decoded,
    limits: &Limits,
    at: &impl Fn(String) -> DecodeError,
) -> Result<(), DecodeError> {
    limits.count(metric.labels.len())?;
    limits.value(name)?;
    let mut labels = Vec::with_capacity(metric.labels.len());
    for pair in &metric.labels {
        limits.name(&pair.name)?;
        limits.value(&pair.value)?;
        labels.push(Label::new(pair.name.as_str(), pair.value.as_str()));
    }
    let mut push = |name: &str, more: Option<(&str, f64)>, value: ScrapedValue| {
        decoded.room(limits)?;
        let mut all = labels.clone();
        all.push(Label::new(METRIC_NAME, name));
        all.extend(more.map(|(name, bound)| Label::new(name, bound_text(bound))));
        let labels = Labels::new(all);
        decoded.samples.push(ScrapedSample { labels, time_millis: metric.timestamp_ms, value });
        Ok::<(), DecodeError>(())
    };
    for single in [&metric.gauge, &metric.counter, &metric.untyped].into_iter().flatten() {
        push(name, None, ScrapedValue::Float(single.value))?;
    }
    if let Some(summary) = &metric.summary {
        for one in &summary.quantiles {
            push(name, Some(("quantile", one.quantile)), ScrapedValue::Float(one.value))?;
        }
        push(&format!("{name}_sum"), None, ScrapedValue::Float(summary.sum))?;
        push(&format!("{name}_count"), None, ScrapedValue::Float(summary.count as f64))?;
    }
    if let Some(histogram) = &metric.histogram {
        if let Some(native) = native(histogram).map_err(|what| at(format!("{name}: {what}")))? {
            return push(name, None, ScrapedValue::Histogram(Arc::new(native)));
        }
        let bucket = format!("{name}_bucket");
        let count = either(histogram.count, histogram.count_float);
        for one in &histogram.buckets {
            let count = either(one.cumulative_count, one.cumulative_count_float);
            push(&bucket, Some(("le", one.upper_bound)), ScrapedValue::Float(count))?;
        }
        if histogram.buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
            push(&bucket, Some(("le", f64::INFINITY)), ScrapedValue::Float(count))?;
        }
        push(&format!("{name}_sum"), None, ScrapedValue::Float(histogram.sum))?;
        push(&format!("{name}_count"), None, ScrapedValue::Float(count))?;
    }
    Ok(())
}

/// A count is whole or, where it is that, a float.
fn either(whole: u64, float: f64) -> f64 {
    if float > 0.0 { float } else { whole as f64 }
}

/// The native histogram of a message, if it has one beside its classic buckets.
fn native(from: &Histogram) -> Result<Option<NativeHistogram>, String> {
    let spanned = !from.positive_spans.is_empty() || !from.negative_spans.is_empty();
    let Some(schema) = from.schema.filter(|_| spanned || from.zero_threshold > 0.0) else {
        return Ok(None);
    };
    if !SCHEMAS.contains(&schema) {
        return Err(format!("its schema {schema} is not between -4 and 8"));
    }
    let is_float = from.count_float > 0.0 || from.zero_count_float > 0.0;
    let positive = (&from.positive_spans, &from.positive_deltas, &from.positive_counts);
    let negative = (&from.negative_spans, &from.negative_deltas, &from.negative_counts);
    let buckets = |(spans, deltas, counts): (&Vec<Span>, &Vec<i64>, &Vec<f64>)| {
        let counts = match is_float {
            true => SpannedCounts::Absolute(counts),
            false => SpannedCounts::Deltas(deltas),
        };
        spanned_buckets(spans.iter().map(|span| (span.offset, span.length)), counts)
    };
    Ok(Some(NativeHistogram {
        schema: schema as i8,
        zero_threshold: from.zero_threshold,
        zero_count: either(from.zero_count, from.zero_count_float),
        count: either(from.count, from.count_float),
        sum: from.sum,
        positive: buckets(positive)?,
        negative: buckets(negative)?,
        custom_bounds: Arc::new([]),
        reset_hint: ResetHint::Unknown,
    }))
}
