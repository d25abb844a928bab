//! Times: where the distance to the next changes, and how often it does not.

use crate::bytes::{Bytes, Corrupt, put_signed, put_varint};

/// Appends `times`, which are by ascending time. The count is kept elsewhere.
pub fn encode(times: &[i64], out: &mut Vec<u8>) {
    let [first, rest @ ..] = times else { return };
    put_signed(out, *first);
    let Some(second) = rest.first() else { return };
    let mut distance = second.wrapping_sub(*first);
    put_signed(out, distance);
    let mut run = 0u64;
    for pair in rest.windows(2) {
        let next = pair[1].wrapping_sub(pair[0]);
        if next == distance {
            run += 1;
            continue;
        }
        put_varint(out, run);
        put_signed(out, next.wrapping_sub(distance));
        distance = next;
        run = 0;
    }
    put_varint(out, run);
}

/// `count` times.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<i64>, Corrupt> {
    let mut bytes = Bytes(bytes);
    let mut times = Vec::with_capacity(count);
    if count == 0 {
        return Ok(times);
    }
    let mut time = bytes.signed()?;
    times.push(time);
    if count == 1 {
        return Ok(times);
    }
    let mut distance = bytes.signed()?;
    let mut run = 1usize;
    loop {
        run = bytes.length()?.saturating_add(run);
        if run > count - times.len() {
            return Err(Corrupt("more times than the chunk says"));
        }
        for _ in 0..run {
            time = time.wrapping_add(distance);
            times.push(time);
        }
        if times.len() == count {
            return Ok(times);
        }
        distance = distance.wrapping_add(bytes.signed()?);
        run = 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_come_back(mut times in prop::collection::vec(any::<i64>(), 0..50)) {
            times.sort_unstable();
            let mut out = Vec::new();
            encode(&times, &mut out);
            prop_assert_eq!(decode(&out, times.len()), Ok(times));
        }

        #[test]
        fn any_bytes_are_an_error_or_times(bytes: Vec<u8>, count in 0usize..2000) {
            if let Ok(times) = decode(&bytes, count) {
                prop_assert_eq!(times.len(), count);
            }
        }
    }

    #[test]
    fn a_steady_scrape_takes_next_to_nothing() {
        let times: Vec<i64> = (0..1440).map(|n| 1_795_348_800_000 + n * 10_000).collect();
        let mut out = Vec::new();
        encode(&times, &mut out);
        assert!(out.len() < 16, "{}", out.len());
    }
}
