//! `prometheus.WriteRequest`, version 1.0.

use vigie_model::Label;

use super::batch::{MetricMetadata, MetricType, Received, WriteError};
use super::histogram;
use super::labels::{MAX_LABELS, checked};
use super::wire::{Field, Fields};

/// Reads a whole request. What is wrong with one series is refused alone; what is no protobuf is refused as a whole.
pub(crate) fn decode(message: &[u8]) -> Result<Received, WriteError> {
    let mut received = Received::default();
    for field in Fields::of("WriteRequest", message) {
        match field? {
            (1, series) => read_series(series.bytes("TimeSeries")?, &mut received)?,
            (3, metadata) => read_metadata(metadata.bytes("MetricMetadata")?, &mut received)?,
            _ => {}
        }
    }
    Ok(received)
}

fn read_series(message: &[u8], received: &mut Received) -> Result<(), WriteError> {
    const WHAT: &str = "TimeSeries";
    let (mut labels, mut samples, mut unreadable) = (Vec::new(), 0, None);
    for field in Fields::of(WHAT, message) {
        match field? {
            (1, label) => match read_label(label)? {
                // One more than allowed is enough to be told of.
                Ok(label) if labels.len() <= MAX_LABELS => labels.push(label),
                Ok(_) => {}
                Err(why) => unreadable = Some(why),
            },
            (2 | 4, _) => samples += 1,
            (3, _) => received.exemplars += 1,
            _ => {}
        }
    }
    if samples == 0 {
        return Ok(());
    }
    let labels = match unreadable.map_or_else(|| checked(labels), Err) {
        Ok(labels) => labels,
        Err(why) => {
            received.refuse(samples, || why);
            return Ok(());
        }
    };
    let name = labels.metric_name().to_owned();
    let series = received.series(labels)?;
    for field in Fields::of(WHAT, message) {
        match field? {
            (2, sample) => {
                let (time, value) = read_sample(sample)?;
                received.float(series, time, value)?;
            }
            (4, message) => match histogram::decode(message.bytes(WHAT)?)? {
                Ok((time, value)) => received.histogram(series, time, value)?,
                Err(why) => received.refuse(1, || format!("a histogram of {name}: {why}")),
            },
            _ => {}
        }
    }
    Ok(())
}

fn read_label(field: Field<'_>) -> Result<Result<Label, String>, WriteError> {
    const WHAT: &str = "Label";
    let (mut name, mut value): (&[u8], &[u8]) = (b"", b"");
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        match field? {
            (1, text) => name = text.bytes(WHAT)?,
            (2, text) => value = text.bytes(WHAT)?,
            _ => {}
        }
    }
    Ok(match (std::str::from_utf8(name), std::str::from_utf8(value)) {
        (Ok(name), Ok(value)) => Ok(Label::new(name, value)),
        _ => Err("a label is not UTF-8".to_owned()),
    })
}

/// A time in Unix milliseconds and a value; the same in both versions.
pub(super) fn read_sample(field: Field<'_>) -> Result<(i64, f64), WriteError> {
    const WHAT: &str = "Sample";
    let (mut time, mut value) = (0, 0.0);
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        match field? {
            (1, field) => value = field.double(WHAT)?,
            (2, field) => time = field.signed(WHAT)?,
            _ => {}
        }
    }
    Ok((time, value))
}

fn read_metadata(message: &[u8], received: &mut Received) -> Result<(), WriteError> {
    const WHAT: &str = "MetricMetadata";
    let mut metadata = MetricMetadata::default();
    for field in Fields::of(WHAT, message) {
        match field? {
            (1, kind) => metadata.kind = MetricType::from_number(kind.unsigned(WHAT)?),
            (2, name) => metadata.name = name.text(WHAT)?.to_owned(),
            (4, help) => metadata.help = help.text(WHAT)?.to_owned(),
            (5, unit) => metadata.unit = unit.text(WHAT)?.to_owned(),
            _ => {}
        }
    }
    if metadata.name.is_empty() { Ok(()) } else { received.metadata(metadata) }
}
