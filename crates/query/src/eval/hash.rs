//! The hash by which `limit_ratio` chooses, the same that Prometheus has: xxHash64 of a series' labels.

use vigie_model::Labels;

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

fn round(state: u64, input: u64) -> u64 {
    state.wrapping_add(input.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// xxHash64 with the seed 0.
fn xxhash(bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    let mut hash = if rest.len() >= 32 {
        let mut lanes = [P1.wrapping_add(P2), P2, 0, 0_u64.wrapping_sub(P1)];
        while rest.len() >= 32 {
            for (lane, chunk) in lanes.iter_mut().zip(rest.chunks(8)) {
                *lane = round(*lane, word(chunk));
            }
            rest = &rest[32..];
        }
        let turns = [1, 7, 12, 18];
        let sum = lanes.iter().zip(turns).map(|(lane, turn)| lane.rotate_left(turn));
        let sum = sum.fold(0_u64, u64::wrapping_add);
        lanes
            .iter()
            .fold(sum, |sum, lane| (sum ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4))
    } else {
        P5
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    while rest.len() >= 8 {
        hash = (hash ^ round(0, word(&rest[..8]))).rotate_left(27).wrapping_mul(P1);
        hash = hash.wrapping_add(P4);
        rest = &rest[8..];
    }
    if rest.len() >= 4 {
        hash = (hash ^ word(&rest[..4]).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2);
        hash = hash.wrapping_add(P3);
        rest = &rest[4..];
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
    hash ^ (hash >> 32)
}

/// Where labels stand between 0 and 1.
pub(crate) fn offset(labels: &Labels) -> f64 {
    let mut bytes = Vec::new();
    for label in labels {
        for text in [&label.name, &label.value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < 255 => bytes.push(length),
                _ => {
                    bytes.push(255);
                    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    xxhash(&bytes) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        assert_eq!(xxhash(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxhash(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(xxhash(b"abc"), 0x44BC_2CF5_AD77_0999);
    }
}
