//! Columns of numbers: their differences, packed, or plain bytes, whichever is smallest.

use pco::standalone::{simple_compress_into, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use crate::bytes::{Bytes, Corrupt, put_signed};

/// Of at most so many numbers the differences are kept: pco's own header weighs more.
const FEW_NUMBERS: usize = 32;

/// How numbers are kept.
const DIFFERENCES: u8 = 0;
const PACKED: u8 = 1;
/// As they are, in so many bytes each: added to the number of bytes.
const PLAIN: u8 = 8;

/// Appends them; `digits`: of so many each if they are hexadecimal.
pub fn put(digits: usize, values: &[u64], out: &mut Vec<u8>) {
    let difference = |pair: &[u64]| match pair {
        [one, two] => two.wrapping_sub(*one).cast_signed(),
        _ => 0,
    };
    if values.len() <= FEW_NUMBERS {
        out.push(DIFFERENCES);
        let mut before = 0;
        for value in values {
            put_signed(out, difference(&[before, *value]));
            before = *value;
        }
        return;
    }
    let bits = |number: u64| u64::from(64 - number.leading_zeros());
    let lowest = values.iter().copied().min().unwrap_or_default();
    let plain: u64 = values.iter().map(|one| bits(one - lowest)).sum();
    let differences: u64 =
        values.windows(2).map(|pair| bits(difference(pair).unsigned_abs()) + 1).sum();
    let all = 4 * digits as u64 * values.len() as u64;
    // The digits of an id are like dice: there is nothing to pack.
    if digits > 0
        && digits.is_multiple_of(2)
        && plain <= differences
        && plain + 2 * values.len() as u64 >= all
    {
        let bytes = digits / 2;
        out.push(PLAIN + bytes as u8);
        for value in values {
            out.extend_from_slice(value.to_le_bytes().get(..bytes).unwrap_or_default());
        }
        return;
    }
    out.push(PACKED);
    let delta = if differences < plain { DeltaSpec::TryConsecutive(1) } else { DeltaSpec::NoOp };
    let config = ChunkConfig::default()
        .with_compression_level(4)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(delta);
    simple_compress_into(values, &config, out)
        .expect("pco refuses only invalid configurations and full destinations, and a Vec grows");
}

/// So many, which are all that there is.
pub fn read(bytes: &[u8], count: usize) -> Result<Vec<u64>, Corrupt> {
    let (kind, rest) = bytes.split_first().ok_or(Corrupt("numbers of no kind"))?;
    let mut bytes = Bytes(rest);
    match *kind {
        DIFFERENCES => {
            let mut number = 0u64;
            let next = |_| {
                number = number.wrapping_add(bytes.signed()?.cast_unsigned());
                Ok(number)
            };
            (0..count).map(next).collect()
        }
        PACKED => {
            let mut values = vec![0; count];
            match simple_decompress_into(rest, &mut values) {
                Ok(progress) if progress.n_processed == count => Ok(values),
                _ => Err(Corrupt("numbers that do not decompress")),
            }
        }
        kind => {
            let width = usize::from(kind.wrapping_sub(PLAIN));
            if !(1..=8).contains(&width) || rest.len() != width * count {
                return Err(Corrupt("numbers of an unknown kind"));
            }
            let number = |bytes: &[u8]| {
                let mut all = [0; 8];
                all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                u64::from_le_bytes(all)
            };
            Ok(match width {
                8 => {
                    rest.as_chunks::<8>().0.iter().map(|eight| u64::from_le_bytes(*eight)).collect()
                }
                4 => rest
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|four| u64::from(u32::from_le_bytes(*four)))
                    .collect(),
                _ => rest.chunks_exact(width).map(number).collect(),
            })
        }
    }
}
