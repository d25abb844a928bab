//! OTLP in JSON, by protobuf's rules: integers of 64 bits may be texts, floats may be `"NaN"` and `"Infinity"`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::convert::Converter;
use super::message::{
    Attribute, ExponentialPoint, Head, HistogramPoint, NumberPoint, Points, Shape, SummaryPoint,
    Temporality,
};
use super::{Received, WriteError, limited};
use crate::logs::without_mark;

/// Objects of one request: each is a value of a hundred bytes, and `{}` in it takes three.
const MAX_OBJECTS: usize = 200_000;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceMetrics {
    resource: Resource,
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ScopeMetrics {
    metrics: Vec<Metric>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    name: String,
    description: String,
    unit: String,
    gauge: Option<Points<NumberPoint>>,
    sum: Option<Points<NumberPoint>>,
    histogram: Option<Points<HistogramPoint>>,
    exponential_histogram: Option<Points<ExponentialPoint>>,
    summary: Option<Points<SummaryPoint>>,
}

/// Reads a whole request.
pub(crate) fn decode<'t>(body: &[u8], received: Received<'t>) -> Result<Received<'t>, WriteError> {
    let objects = body.iter().filter(|byte| **byte == b'{').count();
    limited(objects, MAX_OBJECTS, "JSON objects a request", "send fewer points at once")?;
    let request: Request = serde_json::from_slice(without_mark(body))
        .map_err(|error| WriteError::malformed("OTLP JSON", error))?;
    let mut converter = Converter::new(received);
    for resource in request.resource_metrics {
        converter.resource(resource.resource.attributes);
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            read_metric(metric, &mut converter)?;
        }
        converter.end_of_resource()?;
    }
    Ok(converter.received)
}

fn read_metric<'t>(metric: Metric, converter: &mut Converter<'t>) -> Result<(), WriteError> {
    let Metric { name, description, unit, .. } = metric;
    let head = Head { name, description, unit, ..Head::default() };
    if let Some(points) = metric.gauge {
        each(head, Shape::Gauge, points, converter, Converter::number)
    } else if let Some(points) = metric.sum {
        each(head, Shape::Sum, points, converter, Converter::number)
    } else if let Some(points) = metric.histogram {
        each(head, Shape::Histogram, points, converter, Converter::histogram)
    } else if let Some(points) = metric.exponential_histogram {
        each(head, Shape::Exponential, points, converter, Converter::exponential)
    } else if let Some(points) = metric.summary {
        each(head, Shape::Summary, points, converter, Converter::summary)
    } else {
        Ok(())
    }
}

fn each<'t, T>(
    head: Head,
    shape: Shape,
    points: Points<T>,
    converter: &mut Converter<'t>,
    take: impl Fn(&mut Converter<'t>, T) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let temporality = points.aggregation_temporality;
    converter.metric(Head { shape, temporality, monotonic: points.is_monotonic, ..head })?;
    points.data_points.into_iter().try_for_each(|point| take(converter, point))
}

/// A number, or a text that is one.
struct NumberOrText<T>(PhantomData<T>);

impl<T: FromStr + TryFrom<i64> + TryFrom<u64>> Visitor<'_> for NumberOrText<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a whole number, or a text that is one")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::custom(format!("{value} is out of range")))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::custom(format!("{value} is out of range")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::custom(format!("{text:?} is no whole number in range")))
    }
}

struct Float;

impl Visitor<'_> for Float {
    type Value = f64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        text.parse().map_err(|_| E::custom(format!("{text:?} is no number")))
    }
}

/// A list whose elements one of these reads.
struct ListOf<V: Clone>(V);

impl<'de, V: Visitor<'de> + Clone> Visitor<'de> for ListOf<V> {
    type Value = Vec<V::Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Seed(self.0.clone()))? {
            values.push(value);
        }
        Ok(values)
    }
}

struct Seed<V>(V);

impl<'de, V: Visitor<'de>> serde::de::DeserializeSeed<'de> for Seed<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        from.deserialize_any(self.0)
    }
}

impl<T> Clone for NumberOrText<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl Clone for Float {
    fn clone(&self) -> Self {
        Self
    }
}

pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(NumberOrText(PhantomData))
}

pub(super) fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    from.deserialize_any(NumberOrText(PhantomData))
}

pub(super) fn signed<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    integer(from).map(Some)
}

pub(super) fn double<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    from.deserialize_any(Float)
}

pub(super) fn maybe_double<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    double(from).map(Some)
}

pub(super) fn wholes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    from.deserialize_seq(ListOf(NumberOrText(PhantomData)))
}

pub(super) fn doubles<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    from.deserialize_seq(ListOf(Float))
}

/// By number, as the specification has it, or by name.
pub(super) fn temporality<'de, D: Deserializer<'de>>(from: D) -> Result<Temporality, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Name(String),
    }
    Ok(match Given::deserialize(from)? {
        Given::Number(number) => Temporality::from_number(number),
        Given::Name(name) => match &*name {
            "AGGREGATION_TEMPORALITY_DELTA" => Temporality::Delta,
            "AGGREGATION_TEMPORALITY_CUMULATIVE" => Temporality::Cumulative,
            _ => Temporality::Unspecified,
        },
    })
}
