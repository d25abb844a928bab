//! `io.prometheus.write.v2.Request`, version 2.0: texts once, in a table, and numbers that mean them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use vigie_model::{Label, Labels, METRIC_NAME};

use super::batch::{LONGEST_NAME, MetricMetadata, MetricType, Received, WriteError, limited};
use super::labels::{MAX_LABELS, checked};
use super::wire::{Field, Fields};
use super::{histogram, v1};

/// Texts of one request.
const MAX_SYMBOLS: usize = 500_000;
/// Texts that are shared once they were used; few are used often.
const SHARED: usize = 8_192;
/// A longer text is not shared.
const SHARED_BYTES: usize = 256;

/// The table of texts.
#[derive(Default)]
struct Symbols<'a> {
    texts: Vec<&'a [u8]>,
    shared: HashMap<u64, Arc<str>>,
}

impl<'a> Symbols<'a> {
    fn bytes(&self, reference: u64) -> Option<&'a [u8]> {
        self.texts.get(usize::try_from(reference).ok()?).copied()
    }

    fn get(&mut self, reference: u64) -> Result<Arc<str>, String> {
        if let Some(shared) = self.shared.get(&reference) {
            return Ok(Arc::clone(shared));
        }
        let count = self.texts.len();
        let bytes = self
            .bytes(reference)
            .ok_or_else(|| format!("a reference to text {reference} of a table of {count}"))?;
        let text: Arc<str> = std::str::from_utf8(bytes)
            .map_err(|_| format!("text {reference} is not UTF-8"))?
            .into();
        if bytes.len() <= SHARED_BYTES && self.shared.len() < SHARED {
            self.shared.insert(reference, Arc::clone(&text));
        }
        Ok(text)
    }
}

/// What is kept from one series to the next.
struct Reading<'a> {
    symbols: Symbols<'a>,
    references: Vec<u64>,
    /// The bytes by which the series is known.
    name: Vec<u8>,
    /// Metadata that was told already: a histogram's many series say the same. Of which metric, kind, help, unit.
    told: HashSet<[u64; 4]>,
}

/// Reads a whole request. What is wrong with one series is refused alone; what is no protobuf is refused as a whole.
pub(crate) fn decode<'t>(
    message: &[u8],
    mut received: Received<'t>,
) -> Result<Received<'t>, WriteError> {
    const WHAT: &str = "Request";
    let mut symbols = Symbols::default();
    for field in Fields::of(WHAT, message) {
        if let (4, symbol) = field? {
            limited(
                symbols.texts.len() + 1,
                MAX_SYMBOLS,
                "symbols a request",
                "send fewer series at once",
            )?;
            symbols.texts.push(symbol.bytes(WHAT)?);
        }
    }
    let (references, name, told) = (Vec::new(), Vec::new(), HashSet::new());
    let mut reading = Reading { symbols, references, name, told };
    for field in Fields::of(WHAT, message) {
        if let (5, series) = field? {
            read_series(series.bytes("TimeSeries")?, &mut reading, &mut received)?;
        }
    }
    Ok(received)
}

fn read_series(
    message: &[u8],
    reading: &mut Reading<'_>,
    received: &mut Received<'_>,
) -> Result<(), WriteError> {
    const WHAT: &str = "TimeSeries";
    let (mut samples, mut metadata) = (0, None);
    let references = &mut reading.references;
    references.clear();
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
    let named = samples > 0 && reading.put_name();
    if named && received.known(&reading.name, reading.references.len() / 2)? {
        return match reading.read_metadata(metadata, None, received)? {
            Ok(()) => read_samples(message, reading, received),
            Err(why) => {
                received.refuse(samples, || why);
                Ok(())
            }
        };
    }
    let labels = match labels(&reading.references, &mut reading.symbols) {
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
    if let Err(why) = reading.read_metadata(metadata, Some(labels.metric_name()), received)? {
        received.refuse(samples, || why);
        return Ok(());
    }
    received.series(labels, named.then_some(&reading.name))?;
    read_samples(message, reading, received)
}

fn read_samples(
    message: &[u8],
    reading: &mut Reading<'_>,
    received: &mut Received<'_>,
) -> Result<(), WriteError> {
    const WHAT: &str = "TimeSeries";
    for field in Fields::of(WHAT, message) {
        match field? {
            (2, sample) => {
                let (time, value) = v1::read_sample(sample)?;
                received.float(time, value)?;
            }
            (3, message) => match histogram::decode(message.bytes(WHAT)?)? {
                Ok((time, value)) => received.histogram(time, value)?,
                Err(why) => {
                    let name = reading.metric();
                    received.refuse(1, || format!("a histogram of {name}: {why}"));
                }
            },
            _ => {}
        }
    }
    Ok(())
}

impl Reading<'_> {
    /// Puts the labels together as version 1.0 has them, so that a series is known in both. Not when they are none, or
    /// too long.
    fn put_name(&mut self) -> bool {
        self.name.clear();
        let (pairs, []) = self.references.as_chunks::<2>() else { return false };
        for pair in pairs {
            let [name, value] = pair.map(|reference| self.symbols.bytes(reference));
            let (Some(name), Some(value)) = (name, value) else { return false };
            if self.name.len() + name.len() + value.len() > LONGEST_NAME {
                return false;
            }
            v1::put_label(&mut self.name, name, value);
        }
        true
    }

    /// The metric's name, of a series whose labels are.
    fn metric(&mut self) -> String {
        let read = labels(&self.references, &mut self.symbols);
        read.map(|labels| labels.metric_name().to_owned()).unwrap_or_default()
    }

    /// Reads what the metric is, once a request. `metric` is its name; where there is none it is asked for.
    fn read_metadata(
        &mut self,
        field: Option<Field<'_>>,
        metric: Option<&str>,
        received: &mut Received<'_>,
    ) -> Result<Result<(), String>, WriteError> {
        const WHAT: &str = "Metadata";
        let Some(field) = field else { return Ok(Ok(())) };
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
            return Ok(Ok(()));
        }
        let pairs = self.references.as_chunks::<2>().0;
        let named =
            pairs.iter().find(|pair| self.symbols.bytes(pair[0]) == Some(METRIC_NAME.as_bytes()));
        let this = [named.map_or(0, |pair| pair[1]), kind, help, unit];
        if self.told.contains(&this) {
            return Ok(Ok(()));
        }
        let metric = metric.map_or_else(|| self.metric(), ToOwned::to_owned);
        let kind = MetricType::from_number(kind);
        let texts = self.symbols.get(help).and_then(|help| Ok((help, self.symbols.get(unit)?)));
        match texts {
            Ok((help, unit)) => {
                let name = family(&metric, kind).to_owned();
                let (help, unit) = (help.to_string(), unit.to_string());
                self.told.insert(this);
                received.metadata(MetricMetadata { name, kind, help, unit }).map(Ok)
            }
            Err(why) => Ok(Err(format!("metadata of {metric}: {why}"))),
        }
    }
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

/// A histogram's or summary's own name, of which those of its classic series are made.
fn family(name: &str, kind: MetricType) -> &str {
    let suffixes: &[&str] = match kind {
        MetricType::Histogram | MetricType::GaugeHistogram => &["_bucket", "_sum", "_count"],
        MetricType::Summary => &["_sum", "_count"],
        _ => &[],
    };
    let own = |suffix: &&str| name.strip_suffix(suffix).filter(|own| !own.is_empty());
    suffixes.iter().find_map(own).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_of_the_family_and_a_metric_that_is_called_sum_is_its_own() {
        let of = |name| family(name, MetricType::Summary).to_owned();
        assert_eq!([of("size_sum"), of("size"), of("_sum")], ["size", "size", "_sum"]);
        assert_eq!(family("size_sum", MetricType::Counter), "size_sum");
    }
}
