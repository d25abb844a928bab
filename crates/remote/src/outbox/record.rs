//! The records of a segment, each in a frame of the store's (`vigie_store::frame`).
//!
//! A segment begins with the number of its first sample; a series is told before its first sample in that segment, so
//! that each segment can be read alone; samples say their number, so that what damage took is known to the sample.

use std::collections::HashMap;
use std::sync::Arc;

use vigie_model::{Label, Labels};
use vigie_store::bytes::{Bytes, Corrupt, put_signed, put_text, put_varint, unzigzag, zigzag};
use vigie_store::{Value, frame, histogram_bytes};

use super::Pushed;

/// The first bytes of a segment; the last two are the format's version.
pub(super) const MAGIC: &[u8; frame::MAGIC] = b"VIGOUT\x00\x01";

const BEGIN: u8 = 0;
const SERIES: u8 = 1;
const SAMPLES: u8 = 2;
/// Samples a record: what damage of one byte takes at the most.
pub(super) const MOST_SAMPLES: usize = 256;

/// Appends the record that a segment begins with: the number of its first sample.
pub(super) fn put_begin(out: &mut Vec<u8>, ordinal: u64) {
    let mut body = vec![BEGIN];
    put_varint(&mut body, ordinal);
    frame::put(out, &body);
}

/// Appends at most [`MOST_SAMPLES`] samples, the first of which has the number `ordinal`, and before them the series that
/// `ids` does not know yet. `pushed_at` is in Unix milliseconds.
pub(super) fn put_samples(
    out: &mut Vec<u8>,
    ids: &mut HashMap<Labels, u32>,
    samples: &[&Pushed],
    ordinal: u64,
    pushed_at: i64,
) {
    let mut series = vec![SERIES];
    let mut body = vec![SAMPLES];
    put_varint(&mut body, ordinal);
    put_signed(&mut body, pushed_at);
    put_varint(&mut body, samples.len() as u64);
    let (mut id_before, mut time_before) = (0i64, 0i64);
    for (labels, time, value) in samples {
        let next = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let id = *ids.entry(labels.clone()).or_insert_with(|| {
            put_series(&mut series, next, labels);
            next
        });
        let step = zigzag(i64::from(id) - id_before) << 1;
        put_varint(&mut body, step | u64::from(matches!(value, Value::Histogram(_))));
        put_signed(&mut body, time.wrapping_sub(time_before));
        (id_before, time_before) = (i64::from(id), *time);
        match value {
            Value::Float(value) => body.extend_from_slice(&value.to_bits().to_le_bytes()),
            Value::Histogram(value) => histogram_bytes::encode(value, None, &mut body),
        }
    }
    if series.len() > 1 {
        frame::put(out, &series);
    }
    frame::put(out, &body);
}

fn put_series(body: &mut Vec<u8>, id: u32, labels: &Labels) {
    put_varint(body, u64::from(id));
    put_varint(body, labels.len() as u64);
    for label in labels {
        put_text(body, &label.name);
        put_text(body, &label.value);
    }
}

/// What a record says.
#[derive(Debug)]
pub(super) enum Record {
    /// A segment begins; the number of its first sample.
    Begin(u64),
    /// Series were told.
    Series,
    /// Samples.
    Samples(SamplesRecord),
}

/// A record of samples.
#[derive(Debug)]
pub(super) struct SamplesRecord {
    /// The number of the first.
    pub ordinal: u64,
    /// When they were pushed, in Unix milliseconds.
    pub pushed_at: i64,
    /// How many there are.
    pub count: u64,
    /// Those whose series is known.
    pub samples: Vec<Pushed>,
}

impl SamplesRecord {
    /// The number after that of the last.
    pub fn end(&self) -> u64 {
        self.ordinal + self.count
    }
}

/// Reads a record's body; series go into `series`. Without `whole`, samples are counted and not read.
pub(super) fn read(
    body: &[u8],
    series: &mut HashMap<u32, Labels>,
    whole: bool,
) -> Result<Record, Corrupt> {
    let mut bytes = Bytes(body);
    match bytes.byte()? {
        BEGIN => Ok(Record::Begin(bytes.varint()?)),
        SERIES => {
            while !bytes.is_empty() {
                let id = bytes.small()?;
                let label = |bytes: &mut Bytes<'_>| Ok(Label::new(bytes.text()?, bytes.text()?));
                let count = bytes.count()?;
                let labels: Result<Vec<Label>, Corrupt> =
                    (0..count).map(|_| label(&mut bytes)).collect();
                series.insert(id, Labels::new(labels?));
            }
            Ok(Record::Series)
        }
        SAMPLES => {
            let (ordinal, pushed_at) = (bytes.varint()?, bytes.signed()?);
            let count = bytes.count()? as u64;
            let samples = if whole { read_samples(&mut bytes, count, series)? } else { Vec::new() };
            Ok(Record::Samples(SamplesRecord { ordinal, pushed_at, count, samples }))
        }
        _ => Err(Corrupt("a record of an unknown kind")),
    }
}

fn read_samples(
    bytes: &mut Bytes<'_>,
    count: u64,
    series: &HashMap<u32, Labels>,
) -> Result<Vec<Pushed>, Corrupt> {
    let mut samples = Vec::with_capacity(count.min(MOST_SAMPLES as u64) as usize);
    let (mut id, mut time) = (0i64, 0i64);
    for _ in 0..count {
        let step = bytes.varint()?;
        id = id.wrapping_add(unzigzag(step >> 1));
        time = time.wrapping_add(bytes.signed()?);
        let value = match step & 1 {
            0 => Value::Float(bytes.float()?),
            _ => Value::Histogram(Arc::new(histogram_bytes::decode(bytes, None)?)),
        };
        let known = u32::try_from(id).ok().and_then(|id| series.get(&id));
        samples.extend(known.map(|labels| (labels.clone(), time, value)));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vigie_model::NativeHistogram;

    use super::*;

    proptest! {
        #[test]
        fn samples_come_back(
            ordinal: u64, pushed_at: i64,
            of in prop::collection::vec((0u32..5, any::<i64>(), any::<u64>(), any::<bool>()), 0..40),
        ) {
            let pushed: Vec<Pushed> = of.into_iter().map(|(of, time, bits, histogram)| {
                let labels = Labels::from_pairs([("of", of.to_string())]);
                let value = match histogram {
                    false => Value::Float(f64::from_bits(bits)),
                    true => Value::Histogram(Arc::new(NativeHistogram {
                        count: f64::from(of), sum: f64::from_bits(bits), positive: vec![(7, 2.5)],
                        ..NativeHistogram::default()
                    })),
                };
                (labels, time, value)
            }).collect();
            let mut out = MAGIC.to_vec();
            let mut ids = HashMap::new();
            put_begin(&mut out, ordinal);
            let ordinal = ordinal / 2;
            for one in [&pushed, &pushed] {
                let samples: Vec<&Pushed> = one.iter().collect();
                put_samples(&mut out, &mut ids, &samples, ordinal, pushed_at);
            }
            let found = frame::scan(&out, MAGIC.len());
            prop_assert_eq!(found.end, out.len());
            let mut series = HashMap::new();
            let mut back = Vec::new();
            for body in found.bodies {
                if let Record::Samples(record) = read(&out[body], &mut series, true).unwrap() {
                    prop_assert_eq!((record.ordinal, record.pushed_at), (ordinal, pushed_at));
                    prop_assert_eq!(record.count, pushed.len() as u64);
                    back.extend(record.samples);
                }
            }
            prop_assert_eq!(back.len(), 2 * pushed.len());
            for (one, two) in back.iter().zip(pushed.iter().chain(&pushed)) {
                prop_assert_eq!((&one.0, one.1), (&two.0, two.1));
                prop_assert!(one.2.same(&two.2));
            }
        }

        #[test]
        fn any_bytes_are_an_error_or_a_record(kind in 0u8..4, mut bytes: Vec<u8>) {
            bytes.insert(0, kind);
            let mut series = HashMap::from([(0, Labels::default())]);
            let _ = read(&bytes, &mut series, true);
        }
    }
}
