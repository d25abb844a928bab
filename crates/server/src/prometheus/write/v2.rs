//! `io.prometheus.write.v2.Request`, version 2.0: texts once, in a table, and numbers that mean them.

use std::sync::Arc;

use vigie_model::{Label, Labels};

use super::batch::{MetricMetadata, MetricType, Received, WriteError, limited};
use super::labels::{MAX_LABELS, checked};
use super::wire::{Field, Fields};
use super::{histogram, v1};

/// Texts of one request.
const MAX_SYMBOLS: usize = 1_000_000;

/// The table of texts. A text becomes shared when it is first used.
struct Symbols<'a>(Vec<(&'a [u8], Option<Arc<str>>)>);

impl Symbols<'_> {
    fn get(&mut self, reference: u64) -> Result<Arc<str>, String> {
        let count = self.0.len();
        let found = usize::try_from(reference).ok().and_then(|place| self.0.get_mut(place));
        let (bytes, shared) = found
            .ok_or_else(|| format!("a reference to text {reference} of a table of {count}"))?;
        if let Some(shared) = shared {
            return Ok(Arc::clone(shared));
        }
        let text: Arc<str> = std::str::from_utf8(bytes)
            .map_err(|_| format!("text {reference} is not UTF-8"))?
            .into();
        *shared = Some(Arc::clone(&text));
        Ok(text)
    }
}

/// Reads a whole request. What is wrong with one series is refused alone; what is no protobuf is refused as a whole.
pub(crate) fn decode(message: &[u8]) -> Result<Received, WriteError> {
    const WHAT: &str = "Request";
    let mut symbols = Symbols(Vec::new());
    for field in Fields::of(WHAT, message) {
        if let (4, symbol) = field? {
            limited(
                symbols.0.len() + 1,
                MAX_SYMBOLS,
                "symbols a request",
                "send fewer series at once",
            )?;
            symbols.0.push((symbol.bytes(WHAT)?, None));
        }
    }
    let mut received = Received::default();
    for field in Fields::of(WHAT, message) {
        if let (5, series) = field? {
            read_series(series.bytes("TimeSeries")?, &mut symbols, &mut received)?;
        }
    }
    // Each series says what its metric is: a histogram's many series say the same.
    let metadata = &mut received.batch.metadata;
    metadata.sort_unstable();
    metadata.dedup();
    Ok(received)
}

fn read_series(
    message: &[u8],
    symbols: &mut Symbols<'_>,
    received: &mut Received,
) -> Result<(), WriteError> {
    const WHAT: &str = "TimeSeries";
    let (mut references, mut samples, mut metadata) = (Vec::new(), 0, None);
    for field in Fields::of(WHAT, message) {
        match field? {
            (1, field) => field.each_varint(WHAT, |reference| {
                // One label more than allowed is enough to be told of.
                if references.len() <= 2 * MAX_LABELS + 1 {
                    references.push(reference);
                }
                Ok(())
            })?,
            (2 | 3, _) => samples += 1,
            (4, _) => received.exemplars += 1,
            (5, message) => metadata = Some(message),
            _ => {}
        }
    }
    let labels = match labels(&references, symbols) {
        Ok(labels) if samples > 0 => labels,
        Ok(labels) => {
            received.refuse(0, || format!("the series {labels} has no sample"));
            return Ok(());
        }
        Err(why) => {
            received.refuse(samples, || why);
            return Ok(());
        }
    };
    let name = labels.metric_name().to_owned();
    if let Some(message) = metadata {
        match read_metadata(message, &name, symbols)? {
            Ok(Some(metadata)) => received.metadata(metadata)?,
            Ok(None) => {}
            Err(why) => {
                received.refuse(samples, || format!("metadata of {name}: {why}"));
                return Ok(());
            }
        }
    }
    let series = received.series(labels)?;
    for field in Fields::of(WHAT, message) {
        match field? {
            (2, sample) => {
                let (time, value) = v1::read_sample(sample)?;
                received.float(series, time, value)?;
            }
            (3, message) => match histogram::decode(message.bytes(WHAT)?)? {
                Ok((time, value)) => received.histogram(series, time, value)?,
                Err(why) => received.refuse(1, || format!("a histogram of {name}: {why}")),
            },
            _ => {}
        }
    }
    Ok(())
}

fn labels(references: &[u64], symbols: &mut Symbols<'_>) -> Result<Labels, String> {
    let (pairs, []) = references.as_chunks::<2>() else {
        return Err(format!("a series has {} label references, which are pairs", references.len()));
    };
    let read = pairs
        .iter()
        .map(|[name, value]| Ok(Label { name: symbols.get(*name)?, value: symbols.get(*value)? }));
    checked(read.collect::<Result<_, String>>()?)
}

fn read_metadata(
    field: Field<'_>,
    name: &str,
    symbols: &mut Symbols<'_>,
) -> Result<Result<Option<MetricMetadata>, String>, WriteError> {
    const WHAT: &str = "Metadata";
    let (mut kind, mut help, mut unit) = (0, 0, 0);
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        match field? {
            (1, value) => kind = value.unsigned(WHAT)?,
            (3, value) => help = value.unsigned(WHAT)?,
            (4, value) => unit = value.unsigned(WHAT)?,
            _ => {}
        }
    }
    if (kind, help, unit) == (0, 0, 0) {
        return Ok(Ok(None));
    }
    let kind = MetricType::from_number(kind);
    Ok((|| {
        let (help, unit) = (symbols.get(help)?, symbols.get(unit)?);
        let name = family(name, kind).to_owned();
        Ok(Some(MetricMetadata { name, kind, help: help.to_string(), unit: unit.to_string() }))
    })())
}

/// A histogram's or summary's own name, of which those of its classic series are made.
fn family(name: &str, kind: MetricType) -> &str {
    let suffixes: &[&str] = match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => &["_bucket", "_sum", "_count"],
        MetricType::Summary => &["_sum", "_count"],
        _ => &[],
    };
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}
