//! Values: decimals as integers where that loses no bit, else floats as they are.
//!
//! Most metrics are counts or rounded decimals. `v = i / 10^k` with the smallest `k` that holds bit for bit for the whole
//! chunk turns them into integers, which compress to a fraction of what floats need. Staleness markers and other special
//! values are kept beside them, so that one of them does not cost the whole chunk its integers.

use pco::standalone::{simple_compress_into, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use crate::bytes::{Bytes, Corrupt, put_signed, put_varint, zigzag};

const CONSTANT: u8 = 0;
const CONSTANT_DECIMAL: u8 = 1;
const FLOATS: u8 = 2;
const DECIMALS: u8 = 3;
const SMALL_DECIMALS: u8 = 4;
/// Added to a tag: special values come first.
const WITH_SPECIAL: u8 = 16;

/// Up to this many values the plain differences are tried too: pco's own header weighs more there.
const SMALL: usize = 256;

/// A common step of at least this is told to pco, which then compresses multiples of it; a shorter one saves less than it takes.
const SHORTEST_STEP: u64 = 8;

/// The powers of ten that decimals are looked for with.
pub const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Integers stay below this, where floats still have them all.
pub const LARGEST: f64 = 9e15;

/// The integer that `value` is at this power of ten, if that loses nothing.
#[inline]
#[must_use]
pub fn decimal(value: f64, power: f64) -> Option<i64> {
    let rounded = (value * power).round();
    if rounded.is_nan() || rounded.abs() >= LARGEST {
        return None;
    }
    // Through the integer, as when it is read: it has no negative zero.
    let integer = rounded as i64;
    ((integer as f64 / power).to_bits() == value.to_bits()).then_some(integer)
}

/// How much time to spend on fewer bytes: pco's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For what will be merged soon.
    Quick,
    /// For what stays.
    Thorough,
}

impl Effort {
    fn level(self) -> usize {
        match self {
            Self::Quick => 4,
            Self::Thorough => 6,
        }
    }
}

/// Appends `values`. The count is kept elsewhere.
pub fn encode(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        return constant(*first, out);
    }
    let special: Vec<usize> = (0..values.len()).filter(|&at| is_special(values[at])).collect();
    let mut plain: Option<Vec<f64>> = None;
    if !special.is_empty() && special.len() * 4 <= values.len() {
        plain = Some(without_special(values));
    }
    let Some(plain) = plain else {
        return columns(values, 0, None, effort, out);
    };
    let mut exceptions = Vec::new();
    put_varint(&mut exceptions, special.len() as u64);
    let mut before = 0;
    for at in special {
        put_varint(&mut exceptions, (at - before) as u64);
        exceptions.extend_from_slice(&values[at].to_bits().to_le_bytes());
        before = at;
    }
    columns(&plain, WITH_SPECIAL, Some(&exceptions), effort, out);
}

fn is_special(value: f64) -> bool {
    !value.is_finite() || value.to_bits() == (-0.0f64).to_bits()
}

/// The value before in place of each special one, and the first that is none at the beginning.
fn without_special(values: &[f64]) -> Vec<f64> {
    let first = values.iter().copied().find(|value| !is_special(*value)).unwrap_or_default();
    let mut before = first;
    let plain = values.iter().map(|&value| {
        if !is_special(value) {
            before = value;
        }
        before
    });
    plain.collect()
}

fn constant(value: f64, out: &mut Vec<u8>) {
    let found = (0u8..).zip(POWERS).find_map(|(k, power)| Some((k, decimal(value, power)?)));
    match found {
        Some((k, integer)) if integer.abs() < 1 << 40 => {
            out.extend_from_slice(&[CONSTANT_DECIMAL, k]);
            put_signed(out, integer);
        }
        _ => {
            out.push(CONSTANT);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

fn columns(values: &[f64], flag: u8, special: Option<&[u8]>, effort: Effort, out: &mut Vec<u8>) {
    let start = out.len();
    let special = special.unwrap_or_default();
    let config = ChunkConfig::default().with_compression_level(effort.level());
    let mut integers = Vec::with_capacity(values.len());
    let Some(k) = scale(values, &mut integers) else {
        out.push(FLOATS + flag);
        out.extend_from_slice(special);
        compress(values, &config, out);
        return;
    };
    out.extend_from_slice(&[DECIMALS + flag, k]);
    out.extend_from_slice(special);
    let body = out.len();
    // Which differences are shorter is seen cheaply from the numbers' lengths; pco would find out by sampling.
    let bits = |number: i64| u64::from(64 - zigzag(number).leading_zeros());
    let lowest = integers.iter().copied().min().unwrap_or_default();
    let plain: u64 = integers.iter().map(|one| bits(one - lowest)).sum();
    let differences: u64 = integers.windows(2).map(|pair| bits(pair[1] - pair[0])).sum();
    let delta = if differences < plain { DeltaSpec::TryConsecutive(1) } else { DeltaSpec::NoOp };
    let mode = match common_step(&integers) {
        step if step >= SHORTEST_STEP => ModeSpec::TryIntMult(step),
        _ => ModeSpec::Classic,
    };
    compress(&integers, &config.with_mode_spec(mode).with_delta_spec(delta), out);
    if integers.len() <= SMALL {
        let mut short = Vec::with_capacity(out.len() - body);
        let mut before = 0i64;
        for &integer in &integers {
            put_signed(&mut short, integer - before);
            before = integer;
        }
        if short.len() < out.len() - body {
            out[start] = SMALL_DECIMALS + flag;
            out.truncate(body);
            out.extend_from_slice(&short);
        }
    }
}

/// The largest number of which all differences are multiples: pages of memory, durations of a coarse clock, bytes of
/// messages that are all as long. Of most columns it is found to be 1 within a few samples.
fn common_step(integers: &[i64]) -> u64 {
    let mut step = 0u64;
    for pair in integers.windows(2) {
        let mut rest = pair[1].abs_diff(pair[0]);
        while rest != 0 {
            (step, rest) = (rest, step % rest);
        }
        if step == 1 {
            break;
        }
    }
    step
}

fn compress<T: pco::data_types::Number>(numbers: &[T], config: &ChunkConfig, out: &mut Vec<u8>) {
    simple_compress_into(numbers, config, out)
        .expect("pco refuses only invalid configurations and full destinations, and a Vec grows");
}

/// The smallest power of ten at which all values are integers, and those integers.
fn scale(values: &[f64], integers: &mut Vec<i64>) -> Option<u8> {
    let mut k = 0;
    'powers: loop {
        integers.clear();
        let power = *POWERS.get(usize::from(k))?;
        for &value in values {
            match decimal(value, power) {
                Some(integer) => integers.push(integer),
                None => {
                    k += 1;
                    continue 'powers;
                }
            }
        }
        return Some(k);
    }
}

/// `count` values.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<f64>, Corrupt> {
    let mut values = Vec::with_capacity(count);
    decode_into(bytes, count, &mut Vec::new(), &mut values)?;
    Ok(values)
}

/// Appends `count` values to `out`; after an error there may be anything behind what was there. `integers` is room that is
/// used again: what is in it does not matter.
pub fn decode_into(
    bytes: &[u8],
    count: usize,
    integers: &mut Vec<i64>,
    out: &mut Vec<f64>,
) -> Result<(), Corrupt> {
    let mut bytes = Bytes(bytes);
    let first = out.len();
    if count == 0 {
        return Ok(());
    }
    let tag = bytes.byte()?;
    let constant = match tag {
        CONSTANT => Some(bytes.float()?),
        CONSTANT_DECIMAL => {
            let power = power(bytes.byte()?)?;
            Some(bytes.signed()? as f64 / power)
        }
        _ => None,
    };
    if let Some(constant) = constant {
        out.resize(first + count, constant);
        return Ok(());
    }
    let (special, tag) =
        if tag >= WITH_SPECIAL { (true, tag - WITH_SPECIAL) } else { (false, tag) };
    let power = match tag {
        FLOATS => 1.0,
        DECIMALS | SMALL_DECIMALS => power(bytes.byte()?)?,
        _ => return Err(Corrupt("a chunk of values of an unknown kind")),
    };
    let mut exceptions = Vec::new();
    if special {
        let mut at = 0usize;
        for _ in 0..bytes.count()? {
            at = at.saturating_add(bytes.length()?);
            if at >= count {
                return Err(Corrupt("a special value beyond the chunk"));
            }
            exceptions.push((at, bytes.float()?));
        }
    }
    match tag {
        FLOATS => {
            out.resize(first + count, 0.0);
            decompress(bytes.0, &mut out[first..])?;
        }
        SMALL_DECIMALS => {
            let mut integer = 0i64;
            for _ in 0..count {
                integer = integer.wrapping_add(bytes.signed()?);
                out.push(integer as f64 / power);
            }
        }
        _ => {
            integers.resize(count, 0);
            decompress(bytes.0, integers)?;
            // Most are integers: no need to divide them.
            match power {
                1.0 => out.extend(integers.iter().map(|integer| *integer as f64)),
                power => out.extend(integers.iter().map(|integer| *integer as f64 / power)),
            }
        }
    }
    for (at, value) in exceptions {
        out[first + at] = value;
    }
    Ok(())
}

fn power(k: u8) -> Result<f64, Corrupt> {
    POWERS.get(usize::from(k)).copied().ok_or(Corrupt("an unknown power of ten"))
}

fn decompress<T: pco::data_types::Number>(bytes: &[u8], into: &mut [T]) -> Result<(), Corrupt> {
    match simple_decompress_into(bytes, into) {
        Ok(progress) if progress.n_processed == into.len() => Ok(()),
        Ok(_) => Err(Corrupt("fewer values than the chunk says")),
        Err(_) => Err(Corrupt("values that do not decompress")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::STALE_BITS;

    fn encoded(values: &[f64]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, Effort::Thorough, &mut out);
        out
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-1000i32..1000).prop_map(f64::from),
            (-1_000_000i32..1_000_000).prop_map(|value| f64::from(value) / 1000.0),
            Just(f64::from_bits(STALE_BITS)),
            Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back_bit_for_bit(values in prop::collection::vec(any_value(), 0..300)) {
            let back = decode(&encoded(&values), values.len()).unwrap();
            prop_assert_eq!(bits(&back), bits(&values));
        }

        #[test]
        fn decimals_with_markers_come_back(
            values in prop::collection::vec((-50_000i64..50_000, 0u8..20), 0..400),
        ) {
            let values: Vec<f64> = values.into_iter().map(|(number, kind)| match kind {
                0 => f64::from_bits(STALE_BITS),
                1 => f64::NAN,
                _ => number as f64 / 100.0,
            }).collect();
            let back = decode(&encoded(&values), values.len()).unwrap();
            prop_assert_eq!(bits(&back), bits(&values));
        }

        #[test]
        fn any_bytes_are_an_error_or_values(mut bytes: Vec<u8>, tag in 0u8..24, count in 0usize..2000) {
            if let Some(first) = bytes.first_mut() {
                *first = tag;
            }
            if let Ok(values) = decode(&bytes, count) {
                prop_assert_eq!(values.len(), count);
            }
        }
    }

    #[test]
    fn a_marker_does_not_cost_the_chunk_its_integers() {
        let mut values: Vec<f64> = (0..1440).map(|n| f64::from(n * 7 % 100) / 10.0).collect();
        let without = encoded(&values).len();
        values[700] = f64::from_bits(STALE_BITS);
        assert!(encoded(&values).len() < without + 30, "{} {without}", encoded(&values).len());
    }

    #[test]
    fn what_all_differences_are_multiples_of_takes_no_bytes() {
        let noise = |n: i64| (n * n * 7919 + n * 104_729) % 1009;
        let column = |step: i64| {
            let mut sum = 3;
            let next = |n| {
                sum += noise(n) * step;
                sum as f64 / 1000.0
            };
            encoded(&(0..1440).map(next).collect::<Vec<f64>>()).len()
        };
        assert!(column(1850) < column(1) + 30, "{} {}", column(1850), column(1));
        assert_eq!(common_step(&[7, 7, 7]), 0);
        assert_eq!(common_step(&[i64::MIN, i64::MAX]), u64::MAX);
        assert_eq!(common_step(&[10, 4, 16, 16]), 6);
    }

    #[test]
    fn constants_and_counters_are_short() {
        assert!(encoded(&[1.0; 1440]).len() <= 4);
        let counter: Vec<f64> = (0..1440).map(|n| f64::from(n * 3)).collect();
        assert!(encoded(&counter).len() < 60, "{}", encoded(&counter).len());
    }
}
