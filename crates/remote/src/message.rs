//! Samples as remote write 1.0 has them: `prometheus.WriteRequest`, compressed by snappy.

use std::collections::HashMap;

use prost::Message;
use vigie_model::{Labels, NativeHistogram, ResetHint};
use vigie_store::{Metadata, Samples, Value};

use crate::describe::Described;
use crate::outbox::Pushed;

/// 2^53: whole counts beyond it are floats.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<WireMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct WireMetadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    metric: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

/// What remote write calls the types of metrics, by their numbers.
const KINDS: [&str; 8] =
    ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<WireLabel>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<WireSample>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<WireHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct WireLabel {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct WireSample {
    // Optional on both: a zero that is left out would lose its sign.
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct WireHistogram {
    #[prost(uint64, optional, tag = "1")]
    count_int: Option<u64>,
    #[prost(double, optional, tag = "2")]
    count_float: Option<f64>,
    #[prost(double, optional, tag = "3")]
    sum: Option<f64>,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, optional, tag = "6")]
    zero_count_int: Option<u64>,
    #[prost(double, optional, tag = "7")]
    zero_count_float: Option<f64>,
    #[prost(message, repeated, tag = "8")]
    negative_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "9")]
    negative_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "10")]
    negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "13")]
    positive_counts: Vec<f64>,
    #[prost(int32, tag = "14")]
    reset_hint: i32,
    #[prost(int64, tag = "15")]
    timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    custom_values: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

/// The body of a request with these samples, each series once, its samples in their order. A series gets those of the
/// `external` labels that it has not.
pub(crate) fn encode(samples: &[Pushed], external: &Labels) -> Vec<u8> {
    let mut places: HashMap<&Labels, usize> = HashMap::new();
    let mut request = WriteRequest::default();
    for (labels, time, value) in samples {
        let place = *places.entry(labels).or_insert_with(|| {
            request
                .timeseries
                .push(TimeSeries { labels: labelled(labels, external), ..TimeSeries::default() });
            request.timeseries.len() - 1
        });
        let series = &mut request.timeseries[place];
        match value {
            Value::Float(value) => {
                series.samples.push(WireSample { value: Some(*value), timestamp: *time });
            }
            Value::Histogram(histogram) => series.histograms.push(wire(histogram, *time)),
        }
    }
    compressed(&request)
}

#[derive(Clone, PartialEq, Message)]
struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, Message)]
struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// The body of an answer to remote read: for each of its queries, the samples of the series that were found.
#[must_use]
pub fn read_response(results: Vec<Vec<(Labels, Samples)>>) -> Vec<u8> {
    let series = |(labels, samples): (Labels, Samples)| {
        let floats = samples.float_times.iter().zip(samples.floats);
        let histograms = samples.histogram_times.iter().zip(&samples.histograms);
        TimeSeries {
            labels: wire_labels(&labels),
            samples: floats
                .map(|(timestamp, value)| WireSample { value: Some(value), timestamp: *timestamp })
                .collect(),
            histograms: histograms.map(|(time, one)| wire(one, *time)).collect(),
        }
    };
    let result = |found: Vec<(Labels, Samples)>| QueryResult {
        timeseries: found.into_iter().map(series).collect(),
    };
    compressed(&ReadResponse { results: results.into_iter().map(result).collect() })
}

/// The body of a request that says what metrics are.
pub(crate) fn encode_metadata(metrics: &[Described]) -> Vec<u8> {
    let metadata = metrics.iter().map(|(metric, Metadata { kind, unit, help })| WireMetadata {
        kind: KINDS.iter().position(|one| one == kind).unwrap_or_default() as i32,
        metric: metric.clone(),
        help: help.clone(),
        unit: unit.clone(),
    });
    compressed(&WriteRequest { metadata: metadata.collect(), ..WriteRequest::default() })
}

/// A series' own labels count before external ones.
fn labelled(labels: &Labels, external: &Labels) -> Vec<WireLabel> {
    wire_labels(&Labels::new(external.iter().chain(labels).cloned().collect()))
}

fn compressed(message: &impl Message) -> Vec<u8> {
    let plain = message.encode_to_vec();
    // It fails only for more than 4 GiB, which no batch has.
    snap::raw::Encoder::new().compress_vec(&plain).unwrap_or_default()
}

fn wire_labels(labels: &Labels) -> Vec<WireLabel> {
    let label = |label: &vigie_model::Label| WireLabel {
        name: label.name.to_string(),
        value: label.value.to_string(),
    };
    labels.iter().map(label).collect()
}

fn wire(histogram: &NativeHistogram, timestamp: i64) -> WireHistogram {
    let is_whole = |count: &f64| count.fract() == 0.0 && (0.0..LARGEST_WHOLE).contains(count);
    let buckets = || histogram.positive.iter().chain(&histogram.negative).map(|bucket| &bucket.1);
    let whole = buckets().chain([&histogram.count, &histogram.zero_count]).all(is_whole);
    let (positive_spans, positive_deltas, positive_counts) = side(&histogram.positive, whole);
    let (negative_spans, negative_deltas, negative_counts) = side(&histogram.negative, whole);
    WireHistogram {
        count_int: whole.then_some(histogram.count as u64),
        count_float: (!whole).then_some(histogram.count),
        sum: Some(histogram.sum),
        schema: i32::from(histogram.schema),
        zero_threshold: histogram.zero_threshold,
        zero_count_int: whole.then_some(histogram.zero_count as u64),
        zero_count_float: (!whole).then_some(histogram.zero_count),
        negative_spans,
        negative_deltas,
        negative_counts,
        positive_spans,
        positive_deltas,
        positive_counts,
        reset_hint: match histogram.reset_hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NoReset => 2,
            ResetHint::Gauge => 3,
        },
        timestamp,
        custom_values: histogram.custom_bounds.to_vec(),
    }
}

/// Spans of neighbours, and their counts: differences where all are whole.
fn side(buckets: &[(i32, f64)], whole: bool) -> (Vec<Span>, Vec<i64>, Vec<f64>) {
    let (mut spans, mut deltas, mut counts): (Vec<Span>, _, _) = (vec![], vec![], vec![]);
    // Where the last span ends: the first offset is from 0, later ones from there.
    let (mut end, mut before) = (0i32, 0i64);
    for (index, count) in buckets {
        match spans.last_mut().filter(|_| *index == end) {
            Some(span) => span.length += 1,
            None => spans.push(Span { offset: index.wrapping_sub(end), length: 1 }),
        }
        end = index.wrapping_add(1);
        if whole {
            deltas.push(*count as i64 - before);
            before = *count as i64;
        } else {
            counts.push(*count);
        }
    }
    (spans, deltas, counts)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn decoded(samples: &[Pushed]) -> WriteRequest {
        let plain =
            snap::raw::Decoder::new().decompress_vec(&encode(samples, &Labels::default())).unwrap();
        WriteRequest::decode(&*plain).unwrap()
    }

    #[test]
    fn series_are_told_once_and_bits_stay() {
        let (one, two) = (Labels::from_pairs([("a", "1")]), Labels::from_pairs([("a", "2")]));
        let stale = f64::from_bits(vigie_store::STALE_BITS);
        let request = decoded(&[
            (one.clone(), 1, Value::Float(0.1)),
            (two, 1, Value::Float(-0.0)),
            (one, 2, Value::Float(stale)),
        ]);
        assert_eq!(request.timeseries.len(), 2);
        let bits = |place: usize| -> Vec<u64> {
            let samples = request.timeseries[place].samples.iter();
            samples.map(|sample| sample.value.unwrap().to_bits()).collect()
        };
        assert_eq!(bits(0), [0.1f64.to_bits(), vigie_store::STALE_BITS]);
        assert_eq!(bits(1), [(-0.0f64).to_bits()]);
    }

    #[test]
    fn external_labels_are_those_that_a_series_has_not() {
        let external = Labels::from_pairs([("b", "external"), ("vigie", "one")]);
        let sample = |labels: &[(&str, &str)]| {
            (Labels::from_pairs(labels.iter().copied()), 1, Value::Float(1.0))
        };
        let samples = [sample(&[("a", "1"), ("b", "own")]), sample(&[("z", "2")])];
        let plain = snap::raw::Decoder::new().decompress_vec(&encode(&samples, &external)).unwrap();
        let request = WriteRequest::decode(&*plain).unwrap();
        let sent: Vec<String> = request
            .timeseries
            .iter()
            .map(|series| {
                let pairs = series.labels.iter().map(|one| format!("{}={}", one.name, one.value));
                pairs.collect::<Vec<_>>().join(",")
            })
            .collect();
        assert_eq!(sent, ["a=1,b=own,vigie=one", "b=external,vigie=one,z=2"]);
    }

    #[test]
    fn histograms_are_spans_of_differences() {
        let histogram = NativeHistogram {
            schema: 3,
            count: 10.0,
            positive: vec![(-2, 2.0), (-1, 5.0), (3, 1.0)],
            negative: vec![(1, 2.0)],
            ..NativeHistogram::default()
        };
        let labels = Labels::from_pairs([("a", "1")]);
        let whole = (labels.clone(), 1, Value::Histogram(Arc::new(histogram.clone())));
        let found = decoded(&[whole]).timeseries[0].histograms[0].clone();
        let spans: Vec<_> =
            found.positive_spans.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!((spans, found.positive_deltas), (vec![(-2, 2), (3, 1)], vec![2, 3, -4]));
        assert_eq!((found.count_int, found.count_float), (Some(10), None));
        let half = NativeHistogram { zero_count: 0.5, ..histogram };
        let found = decoded(&[(labels, 1, Value::Histogram(Arc::new(half)))]);
        let found = &found.timeseries[0].histograms[0];
        assert_eq!(found.positive_counts, [2.0, 5.0, 1.0]);
        assert_eq!((found.count_int, found.zero_count_float), (None, Some(0.5)));
    }
}
