//! `prometheus.WriteRequest`, version 1.0.

use prost::encoding::{encode_varint, encoded_len_varint};
use vigie_model::{Label, Labels};

use super::batch::{MetricMetadata, MetricType, Received, WriteError};
use super::labels::{MAX_LABELS, checked};
use super::wire::{Field, Fields};
use super::{histogram, wire};

/// Field 1 of a series, as bytes.
const LABEL: u8 = 0x0a;

/// Reads a whole request. What is wrong with one series is refused alone; what is no protobuf is refused as a whole.
pub(crate) fn decode<'t>(
    message: &[u8],
    mut received: Received<'t>,
) -> Result<Received<'t>, WriteError> {
    for field in Fields::of("WriteRequest", message) {
        match field? {
            (1, series) => read_series(series.bytes("TimeSeries")?, &mut received)?,
            (3, metadata) => read_metadata(metadata.bytes("MetricMetadata")?, &mut received)?,
            _ => {}
        }
    }
    Ok(received)
}

fn read_series(message: &[u8], received: &mut Received<'_>) -> Result<(), WriteError> {
    const WHAT: &str = "TimeSeries";
    // As all senders write it: labels, then the rest. The labels' bytes are what a series is known by.
    let (name, labels) = wire::leading(message, LABEL);
    let (name, rest) = message.split_at(name);
    let (mut samples, mut elsewhere) = (0, false);
    for field in Fields::of(WHAT, rest) {
        match field? {
            (1, _) => elsewhere = true,
            (2 | 4, _) => samples += 1,
            (3, _) => received.exemplars += 1,
            _ => {}
        }
    }
    if samples == 0 {
        return Ok(());
    }
    if !elsewhere && received.known(name, labels)? {
        let metric = || Some(read_labels(name).ok()?.ok()?.metric_name().to_owned());
        return read_samples(rest, received, || metric().unwrap_or_default());
    }
    let labels = match read_labels(message)? {
        Ok(labels) => labels,
        Err(why) => {
            received.refuse(samples, || why);
            return Ok(());
        }
    };
    let metric = labels.metric_name().to_owned();
    received.series(labels, (!elsewhere).then_some(name))?;
    read_samples(rest, received, || metric.clone())
}

fn read_samples(
    message: &[u8],
    received: &mut Received<'_>,
    name: impl Fn() -> String,
) -> Result<(), WriteError> {
    for field in Fields::of("TimeSeries", message) {
        match field? {
            (2, sample) => {
                let (time, value) = read_sample(sample)?;
                received.float(time, value)?;
            }
            (4, message) => match histogram::decode(message.bytes("TimeSeries")?)? {
                Ok((time, value)) => received.histogram(time, value)?,
                Err(why) => received.refuse(1, || format!("a histogram of {}: {why}", name())),
            },
            _ => {}
        }
    }
    Ok(())
}

fn read_labels(message: &[u8]) -> Result<Result<Labels, String>, WriteError> {
    let (mut labels, mut unreadable) = (Vec::new(), None);
    for field in Fields::of("TimeSeries", message) {
        if let (1, label) = field? {
            match read_label(label)? {
                // One more than allowed is enough to be told of.
                Ok(label) if labels.len() <= MAX_LABELS => labels.push(label),
                Ok(_) => {}
                Err(why) => unreadable = Some(why),
            }
        }
    }
    Ok(unreadable.map_or_else(|| checked(labels), Err))
}

/// Appends a label as [`read_label`] reads it.
pub(super) fn put_label(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let length = |bytes: &[u8]| 1 + encoded_len_varint(bytes.len() as u64) + bytes.len();
    out.push(LABEL);
    encode_varint((length(name) + length(value)) as u64, out);
    for (tag, text) in [(0x0a, name), (0x12, value)] {
        out.push(tag);
        encode_varint(text.len() as u64, out);
        out.extend_from_slice(text);
    }
}

/// A label; why not, where it is no text.
pub(in crate::prometheus) fn read_label(
    field: Field<'_>,
) -> Result<Result<Label, String>, WriteError> {
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
    let message = field.bytes(WHAT)?;
    // As all senders write it.
    if let [0x09, rest @ ..] = message
        && let Some((bits, [0x10, rest @ ..])) = rest.split_first_chunk::<8>()
        && let Some((time, [])) = wire::varint(rest)
    {
        return Ok((time.cast_signed(), f64::from_le_bytes(*bits)));
    }
    for field in Fields::of(WHAT, message) {
        match field? {
            (1, field) => value = field.double(WHAT)?,
            (2, field) => time = field.signed(WHAT)?,
            _ => {}
        }
    }
    Ok((time, value))
}

fn read_metadata(message: &[u8], received: &mut Received<'_>) -> Result<(), WriteError> {
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
