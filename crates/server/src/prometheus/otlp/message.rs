//! OTLP's metric points, as both of its encodings bring them.

use serde::Deserialize;
use vigie_model::{Label, Labels};

use super::super::exemplars::{Exemplar, fits};
use super::json::{double, doubles, integer, signed, temporality, whole, wholes};

/// The flag of a point that says that there is no value any more.
const NO_RECORDED_VALUE: u64 = 1;

/// Whether values count from the start or from the point before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Temporality {
    /// Not told.
    #[default]
    Unspecified,
    /// From the point before.
    Delta,
    /// From the start.
    Cumulative,
}

impl Temporality {
    pub(crate) fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attribute {
    pub(crate) key: String,
    pub(crate) value: Option<AnyValue>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum AnyValue {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "intValue")]
    Int(#[serde(deserialize_with = "integer")] i64),
    #[serde(rename = "doubleValue")]
    Double(#[serde(deserialize_with = "double")] f64),
    #[serde(rename = "arrayValue")]
    Array(ListOf<AnyValue>),
    #[serde(rename = "kvlistValue")]
    Map(ListOf<Attribute>),
    /// In base64.
    #[serde(rename = "bytesValue")]
    Bytes(String),
}

/// A list in a message of its own.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct ListOf<T> {
    #[serde(default = "Vec::new")]
    pub(crate) values: Vec<T>,
}

impl Attribute {
    /// The value as a label has it: lists and maps as JSON.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            None => String::new(),
            Some(AnyValue::Text(text) | AnyValue::Bytes(text)) => text.clone(),
            Some(value) => value.json().to_string(),
        }
    }
}

impl AnyValue {
    /// As the text of a message: a text as it is, all else as JSON.
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.json().to_string(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Bytes(text) => text.as_str().into(),
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            // A whole number is shown without a point, as in Go.
            Self::Double(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                (*value as i64).into()
            }
            Self::Double(value) => (*value).into(),
            Self::Array(list) => list.values.iter().map(Self::json).collect(),
            Self::Map(list) => {
                let pairs = list.values.iter();
                pairs
                    .map(|one| {
                        let value = one.value.as_ref().map_or(serde_json::Value::Null, Self::json);
                        (one.key.clone(), value)
                    })
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
        }
    }
}

/// What every point has.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Point {
    pub(crate) attributes: Vec<Attribute>,
    #[serde(deserialize_with = "whole")]
    pub(crate) time_unix_nano: u64,
    #[serde(deserialize_with = "whole")]
    pub(crate) flags: u64,
    pub(crate) exemplars: Vec<PointExemplar>,
    /// How many more came along than are read of one point.
    #[serde(skip)]
    pub(crate) more_exemplars: u64,
}

/// One observation of a point.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PointExemplar {
    pub(crate) filtered_attributes: Vec<Attribute>,
    #[serde(deserialize_with = "whole")]
    pub(crate) time_unix_nano: u64,
    #[serde(deserialize_with = "double")]
    pub(crate) as_double: f64,
    #[serde(deserialize_with = "signed")]
    pub(crate) as_int: Option<i64>,
    /// Hexadecimal.
    pub(crate) span_id: String,
    /// Hexadecimal.
    pub(crate) trace_id: String,
}

impl PointExemplar {
    pub(crate) fn value(&self) -> f64 {
        self.as_int.map_or(self.as_double, |value| value as f64)
    }

    /// With the ids, and with the attributes where there is room for them, as in Prometheus.
    pub(crate) fn exemplar(&self) -> Exemplar {
        let ids = [("trace_id", self.trace_id.as_str()), ("span_id", self.span_id.as_str())];
        let ids = ids.map(|(name, id)| Label::new(name, id));
        let attributes = self.filtered_attributes.iter().filter(|one| !one.key.is_empty());
        let attributes = attributes.map(|one| Label::new(one.key.as_str(), one.text()));
        let all = Labels::new(attributes.chain(ids.clone()).collect());
        let labels = if fits(&all) { all } else { Labels::new(ids.to_vec()) };
        let time = (self.time_unix_nano / 1_000_000).cast_signed();
        Exemplar { labels, value: self.value(), time }
    }
}

impl Point {
    /// Whether it says that there is no value any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }

    /// Unix milliseconds.
    pub(crate) fn millis(&self) -> i64 {
        (self.time_unix_nano / 1_000_000).cast_signed()
    }
}

/// A number.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NumberPoint {
    #[serde(flatten)]
    pub(crate) point: Point,
    #[serde(deserialize_with = "double")]
    pub(crate) as_double: f64,
    #[serde(deserialize_with = "signed")]
    pub(crate) as_int: Option<i64>,
}

impl NumberPoint {
    pub(crate) fn value(&self) -> f64 {
        self.as_int.map_or(self.as_double, |value| value as f64)
    }
}

/// A histogram with bounds.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HistogramPoint {
    #[serde(flatten)]
    pub(crate) point: Point,
    #[serde(deserialize_with = "whole")]
    pub(crate) count: u64,
    #[serde(deserialize_with = "super::json::maybe_double")]
    pub(crate) sum: Option<f64>,
    #[serde(deserialize_with = "wholes")]
    pub(crate) bucket_counts: Vec<u64>,
    #[serde(deserialize_with = "doubles")]
    pub(crate) explicit_bounds: Vec<f64>,
}

/// One side of an exponential histogram.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Buckets {
    pub(crate) offset: i32,
    #[serde(deserialize_with = "wholes")]
    pub(crate) bucket_counts: Vec<u64>,
}

/// An exponential histogram.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExponentialPoint {
    #[serde(flatten)]
    pub(crate) point: Point,
    #[serde(deserialize_with = "whole")]
    pub(crate) count: u64,
    #[serde(deserialize_with = "super::json::maybe_double")]
    pub(crate) sum: Option<f64>,
    pub(crate) scale: i32,
    #[serde(deserialize_with = "whole")]
    pub(crate) zero_count: u64,
    #[serde(deserialize_with = "double")]
    pub(crate) zero_threshold: f64,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
}

/// A quantile of a summary.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quantile {
    #[serde(deserialize_with = "double")]
    pub(crate) quantile: f64,
    #[serde(deserialize_with = "double")]
    pub(crate) value: f64,
}

/// A summary.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SummaryPoint {
    #[serde(flatten)]
    pub(crate) point: Point,
    #[serde(deserialize_with = "whole")]
    pub(crate) count: u64,
    #[serde(deserialize_with = "double")]
    pub(crate) sum: f64,
    pub(crate) quantile_values: Vec<Quantile>,
}

/// What a metric is: its points come apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) unit: String,
    pub(crate) temporality: Temporality,
    pub(crate) monotonic: bool,
    pub(crate) shape: Shape,
}

/// What kind of points a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    #[default]
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

/// Points of a sum or a histogram, in JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Points<T> {
    #[serde(default = "Vec::new")]
    pub(super) data_points: Vec<T>,
    #[serde(default, deserialize_with = "temporality")]
    pub(super) aggregation_temporality: Temporality,
    #[serde(default)]
    pub(super) is_monotonic: bool,
}
