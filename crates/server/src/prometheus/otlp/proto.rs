//! OTLP in protobuf, field by field: points become samples one by one, and no message is held as a whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::convert::Converter;
use super::message::{
    AnyValue, Attribute, Buckets, ExponentialPoint, Head, HistogramPoint, ListOf, NumberPoint,
    Point, PointExemplar, Quantile, Shape, SummaryPoint, Temporality,
};
use super::{Field, Fields, Received, WriteError, limited};

const WHAT: &str = "OTLP metrics";
/// Attributes of one point or resource.
const MAX_ATTRIBUTES: usize = 256;
/// How deep an attribute's value goes.
const MAX_DEPTH: usize = 8;
/// Buckets of one histogram, or quantiles of one summary.
const MAX_EXEMPLARS: usize = 100;
const MAX_PARTS: usize = 65_536;

/// Reads a whole request.
pub(crate) fn decode<'t>(
    message: &[u8],
    received: Received<'t>,
) -> Result<Received<'t>, WriteError> {
    let mut converter = Converter::new(received);
    for field in Fields::of(WHAT, message) {
        if let (1, resource) = field? {
            read_resource(resource.bytes(WHAT)?, &mut converter)?;
        }
    }
    Ok(converter.received)
}

fn read_resource(message: &[u8], converter: &mut Converter<'_>) -> Result<(), WriteError> {
    let mut attributes = Vec::new();
    for field in Fields::of(WHAT, message) {
        if let (1, resource) = field? {
            for field in Fields::of(WHAT, resource.bytes(WHAT)?) {
                if let (1, attribute) = field? {
                    add_attribute(&mut attributes, attribute)?;
                }
            }
        }
    }
    converter.resource(attributes);
    for field in Fields::of(WHAT, message) {
        if let (2, scope) = field? {
            for field in Fields::of(WHAT, scope.bytes(WHAT)?) {
                if let (2, metric) = field? {
                    read_metric(metric.bytes(WHAT)?, converter)?;
                }
            }
        }
    }
    converter.end_of_resource()
}

fn read_metric(message: &[u8], converter: &mut Converter<'_>) -> Result<(), WriteError> {
    let mut head = Head::default();
    let mut data: Option<&[u8]> = None;
    for field in Fields::of(WHAT, message) {
        let (number, field) = field?;
        match number {
            1 => head.name = field.text(WHAT)?.to_owned(),
            2 => head.description = field.text(WHAT)?.to_owned(),
            3 => head.unit = field.text(WHAT)?.to_owned(),
            5 | 7 | 9..=11 => {
                data = Some(field.bytes(WHAT)?);
                head.shape = match number {
                    5 => Shape::Gauge,
                    7 => Shape::Sum,
                    9 => Shape::Histogram,
                    10 => Shape::Exponential,
                    _ => Shape::Summary,
                };
            }
            _ => {}
        }
    }
    let Some(data) = data else { return Ok(()) };
    for field in Fields::of(WHAT, data) {
        match field? {
            (2, value) => head.temporality = Temporality::from_number(value.unsigned(WHAT)?),
            (3, value) => head.monotonic = value.unsigned(WHAT)? != 0,
            _ => {}
        }
    }
    let shape = head.shape;
    converter.metric(head)?;
    for field in Fields::of(WHAT, data) {
        if let (1, point) = field? {
            let point = point.bytes(WHAT)?;
            match shape {
                Shape::Gauge | Shape::Sum => converter.number(number(point)?)?,
                Shape::Histogram => converter.histogram(histogram(point)?)?,
                Shape::Exponential => converter.exponential(exponential(point)?)?,
                Shape::Summary => converter.summary(summary(point)?)?,
            }
        }
    }
    Ok(())
}

fn number(message: &[u8]) -> Result<NumberPoint, WriteError> {
    let mut point = NumberPoint::default();
    for field in Fields::of(WHAT, message) {
        match field? {
            (7, field) => add_attribute(&mut point.point.attributes, field)?,
            (3, field) => point.point.time_unix_nano = field.fixed(WHAT)?,
            (4, field) => point.as_double = field.double(WHAT)?,
            (6, field) => point.as_int = Some(field.fixed(WHAT)?.cast_signed()),
            (8, field) => point.point.flags = field.unsigned(WHAT)?,
            (5, field) => add_exemplar(&mut point.point, field)?,
            _ => {}
        }
    }
    Ok(point)
}

fn histogram(message: &[u8]) -> Result<HistogramPoint, WriteError> {
    let mut point = HistogramPoint::default();
    for field in Fields::of(WHAT, message) {
        match field? {
            (9, field) => add_attribute(&mut point.point.attributes, field)?,
            (3, field) => point.point.time_unix_nano = field.fixed(WHAT)?,
            (4, field) => point.count = field.fixed(WHAT)?,
            (5, field) => point.sum = Some(field.double(WHAT)?),
            (6, field) => field.each_fixed(WHAT, |count| add(&mut point.bucket_counts, count))?,
            (7, field) => field
                .each_fixed(WHAT, |bits| add(&mut point.explicit_bounds, f64::from_bits(bits)))?,
            (10, field) => point.point.flags = field.unsigned(WHAT)?,
            (8, field) => add_exemplar(&mut point.point, field)?,
            _ => {}
        }
    }
    Ok(point)
}

fn exponential(message: &[u8]) -> Result<ExponentialPoint, WriteError> {
    let mut point = ExponentialPoint::default();
    for field in Fields::of(WHAT, message) {
        match field? {
            (1, field) => add_attribute(&mut point.point.attributes, field)?,
            (3, field) => point.point.time_unix_nano = field.fixed(WHAT)?,
            (4, field) => point.count = field.fixed(WHAT)?,
            (5, field) => point.sum = Some(field.double(WHAT)?),
            (6, field) => point.scale = field.zigzag32(WHAT)?,
            (7, field) => point.zero_count = field.fixed(WHAT)?,
            (8, field) => point.positive = buckets(field.bytes(WHAT)?)?,
            (9, field) => point.negative = buckets(field.bytes(WHAT)?)?,
            (10, field) => point.point.flags = field.unsigned(WHAT)?,
            (11, field) => add_exemplar(&mut point.point, field)?,
            (14, field) => point.zero_threshold = field.double(WHAT)?,
            _ => {}
        }
    }
    Ok(point)
}

fn buckets(message: &[u8]) -> Result<Buckets, WriteError> {
    let mut buckets = Buckets::default();
    for field in Fields::of(WHAT, message) {
        match field? {
            (1, field) => buckets.offset = field.zigzag32(WHAT)?,
            (2, field) => {
                field.each_varint(WHAT, |count| add(&mut buckets.bucket_counts, count))?
            }
            _ => {}
        }
    }
    Ok(buckets)
}

fn summary(message: &[u8]) -> Result<SummaryPoint, WriteError> {
    let mut point = SummaryPoint::default();
    for field in Fields::of(WHAT, message) {
        match field? {
            (7, field) => add_attribute(&mut point.point.attributes, field)?,
            (3, field) => point.point.time_unix_nano = field.fixed(WHAT)?,
            (4, field) => point.count = field.fixed(WHAT)?,
            (5, field) => point.sum = field.double(WHAT)?,
            (6, field) => {
                let mut quantile = Quantile::default();
                for field in Fields::of(WHAT, field.bytes(WHAT)?) {
                    match field? {
                        (1, field) => quantile.quantile = field.double(WHAT)?,
                        (2, field) => quantile.value = field.double(WHAT)?,
                        _ => {}
                    }
                }
                add(&mut point.quantile_values, quantile)?;
            }
            (8, field) => point.point.flags = field.unsigned(WHAT)?,
            _ => {}
        }
    }
    Ok(point)
}

fn add<T>(list: &mut Vec<T>, value: T) -> Result<(), WriteError> {
    limited(list.len() + 1, MAX_PARTS, "buckets a histogram", "use fewer")?;
    list.push(value);
    Ok(())
}

fn add_attribute(list: &mut Vec<Attribute>, field: Field<'_>) -> Result<(), WriteError> {
    limited(list.len() + 1, MAX_ATTRIBUTES, "attributes a point", "leave some out")?;
    list.push(attribute(field, 0)?);
    Ok(())
}

/// As many as are read of one point: an empty one takes two bytes of a request, and many more here.
fn add_exemplar(point: &mut Point, field: Field<'_>) -> Result<(), WriteError> {
    if point.exemplars.len() == MAX_EXEMPLARS {
        point.more_exemplars += 1;
        return Ok(());
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut exemplar = PointExemplar::default();
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        match field? {
            (2, field) => exemplar.time_unix_nano = field.fixed(WHAT)?,
            (3, field) => exemplar.as_double = field.double(WHAT)?,
            (4, field) => exemplar.span_id = hex(id(field)?),
            (5, field) => exemplar.trace_id = hex(id(field)?),
            (6, field) => exemplar.as_int = Some(field.fixed(WHAT)?.cast_signed()),
            (7, field) => add_attribute(&mut exemplar.filtered_attributes, field)?,
            _ => {}
        }
    }
    point.exemplars.push(exemplar);
    Ok(())
}

/// At most the sixteen bytes that an id has.
fn id(field: Field<'_>) -> Result<&[u8], WriteError> {
    let bytes = field.bytes(WHAT)?;
    Ok(bytes.get(..16).unwrap_or(bytes))
}

pub(super) fn attribute(field: Field<'_>, depth: usize) -> Result<Attribute, WriteError> {
    let mut attribute = Attribute::default();
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        match field? {
            (1, key) => attribute.key = key.text(WHAT)?.to_owned(),
            (2, value) => attribute.value = any_value(value.bytes(WHAT)?, depth)?,
            _ => {}
        }
    }
    Ok(attribute)
}

pub(super) fn any_value(message: &[u8], depth: usize) -> Result<Option<AnyValue>, WriteError> {
    limited(depth, MAX_DEPTH, "depth of an attribute", "use plainer values")?;
    let mut value = None;
    for field in Fields::of(WHAT, message) {
        let (number, field) = field?;
        value = Some(match number {
            1 => AnyValue::Text(field.text(WHAT)?.to_owned()),
            2 => AnyValue::Bool(field.unsigned(WHAT)? != 0),
            3 => AnyValue::Int(field.signed(WHAT)?),
            4 => AnyValue::Double(field.double(WHAT)?),
            5 => AnyValue::Array(list(field, |field| {
                // An element without a value is an empty text.
                let value = any_value(field.bytes(WHAT)?, depth + 1)?;
                Ok(value.unwrap_or_else(|| AnyValue::Text(String::new())))
            })?),
            6 => AnyValue::Map(list(field, |field| attribute(field, depth + 1))?),
            7 => AnyValue::Bytes(STANDARD.encode(field.bytes(WHAT)?)),
            _ => continue,
        });
    }
    Ok(value)
}

fn list<'a, T>(
    field: Field<'a>,
    read: impl Fn(Field<'a>) -> Result<T, WriteError>,
) -> Result<ListOf<T>, WriteError> {
    let mut values = Vec::new();
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        if let (1, field) = field? {
            limited(values.len() + 1, MAX_ATTRIBUTES, "values of an attribute", "leave some out")?;
            values.push(read(field)?);
        }
    }
    Ok(ListOf { values })
}
