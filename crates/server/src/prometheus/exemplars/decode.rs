//! Exemplars in requests of remote write: read in a pass of their own, as few requests have any.

use std::sync::Arc;

use vigie_model::{Label, Labels};

use super::{Exemplar, MOST};
use crate::prometheus::write::{Field, Fields, WriteError, checked, read_label};

/// Labels that are read of one series or exemplar: one more than are allowed is enough to refuse it.
const MOST_LABELS: usize = 129;

/// The exemplars of one series.
pub(in crate::prometheus) type OfSeries = (Labels, Vec<Exemplar>);

/// What was found. More than are kept are not read: an empty one takes two bytes of a request, and many more here.
#[derive(Default)]
struct Found {
    of_series: Vec<OfSeries>,
    count: usize,
}

/// Those of `prometheus.WriteRequest`; of series that are none, nothing.
pub(in crate::prometheus) fn of_version_1(message: &[u8]) -> Result<Vec<OfSeries>, WriteError> {
    let mut all = Found::default();
    for field in Fields::of("WriteRequest", message) {
        if let (1, series) = field? {
            read_series(series, 1, 3, &mut all, |field, into| {
                into.extend(read_label(field)?);
                Ok(())
            })?;
        }
    }
    Ok(all.of_series)
}

/// Those of `io.prometheus.write.v2.Request`.
pub(in crate::prometheus) fn of_version_2(message: &[u8]) -> Result<Vec<OfSeries>, WriteError> {
    let (mut symbols, mut all) = (Vec::new(), Found::default());
    for field in Fields::of("Request", message) {
        if let (4, symbol) = field? {
            symbols.push(symbol.bytes("Request")?);
        }
    }
    let text = |reference: u64| -> Option<Arc<str>> {
        let bytes = symbols.get(usize::try_from(reference).ok()?)?;
        std::str::from_utf8(bytes).ok().map(Arc::from)
    };
    for field in Fields::of("Request", message) {
        if let (5, series) = field? {
            read_series(series, 1, 4, &mut all, |field, into| {
                let mut references = Vec::new();
                field.each_varint("TimeSeries", |reference| {
                    if references.len() < 2 * MOST_LABELS {
                        references.push(reference);
                    }
                    Ok(())
                })?;
                let pairs = references.as_chunks::<2>().0.iter();
                into.extend(pairs.map(|[name, value]| {
                    let (name, value) = (text(*name), text(*value));
                    // A reference to nothing makes a label that no series may have.
                    Label::new(name.unwrap_or_default(), value.unwrap_or_else(|| "?".into()))
                }));
                Ok(())
            })?;
        }
    }
    Ok(all.of_series)
}

/// A series or an exemplar: labels by the way of its version.
fn read_series(
    series: Field<'_>,
    labels_at: u32,
    exemplars_at: u32,
    all: &mut Found,
    read: impl Fn(Field<'_>, &mut Vec<Label>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    const WHAT: &str = "TimeSeries";
    let message = series.bytes(WHAT)?;
    let (mut labels, mut exemplars) = (Vec::new(), Vec::new());
    for field in Fields::of(WHAT, message) {
        let (number, field) = field?;
        if number == exemplars_at && all.count < MOST {
            all.count += 1;
            exemplars.extend(exemplar(field, &read)?);
        }
    }
    if exemplars.is_empty() {
        return Ok(());
    }
    for field in Fields::of(WHAT, message) {
        let (number, field) = field?;
        if number == labels_at && labels.len() < MOST_LABELS {
            read(field, &mut labels)?;
        }
    }
    // A series that is none is told of where its samples are read.
    if let Ok(labels) = checked(labels) {
        all.of_series.push((labels, exemplars));
    }
    Ok(())
}

fn exemplar(
    field: Field<'_>,
    read: &impl Fn(Field<'_>, &mut Vec<Label>) -> Result<(), WriteError>,
) -> Result<Option<Exemplar>, WriteError> {
    const WHAT: &str = "Exemplar";
    let (mut labels, mut value, mut time) = (Vec::new(), 0.0, 0);
    for field in Fields::of(WHAT, field.bytes(WHAT)?) {
        match field? {
            (1, label) if labels.len() < MOST_LABELS => read(label, &mut labels)?,
            (2, field) => value = field.double(WHAT)?,
            (3, field) => time = field.signed(WHAT)?,
            _ => {}
        }
    }
    let named = labels.iter().all(|one| !one.name.is_empty());
    Ok(named.then(|| Exemplar { labels: Labels::new(labels), value, time }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bomb_of_exemplars_is_not_read_to_its_end() {
        // A series of one label and a million empty exemplars.
        let mut series = b"\x0a\x0e\x0a\x08__name__\x12\x02up".to_vec();
        series.extend(std::iter::repeat_n([0x1a, 0], 1_000_000).flatten());
        let mut message = vec![0x0a];
        prost::encoding::encode_varint(series.len() as u64, &mut message);
        message.extend(series);
        let found = of_version_1(&message).unwrap();
        assert_eq!((found.len(), found[0].1.len()), (1, MOST));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_exemplars(bytes: Vec<u8>) {
            let _ = of_version_1(&bytes);
            let _ = of_version_2(&bytes);
        }
    }
}
