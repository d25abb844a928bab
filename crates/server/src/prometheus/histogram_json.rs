//! Native histograms in JSON: `{"count","sum","buckets":[[rule,lower,upper,count],…]}`.

use std::sync::LazyLock;

use vigie_model::{CUSTOM_SCHEMA, NativeHistogram};

use super::number::{float, integer};

/// Which ends of a bucket belong to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// The upper one.
    Upper = 0,
    /// The lower one.
    Lower = 1,
    /// Both.
    Both = 3,
}

/// Appends a histogram; buckets ascend, and empty ones are left out, as the whole list is when all are empty.
pub(super) fn histogram(out: &mut Vec<u8>, histogram: &NativeHistogram) {
    out.extend_from_slice(b"{\"count\":");
    float(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    float(out, histogram.sum);
    let mut buckets = 0;
    each_bucket(histogram, |ends, lower, upper, count| {
        out.extend_from_slice(if buckets == 0 { b",\"buckets\":[[" } else { b",[" });
        buckets += 1;
        integer(out, ends as i64);
        for value in [lower, upper, count] {
            out.push(b',');
            float(out, value);
        }
        out.push(b']');
    });
    out.extend_from_slice(if buckets == 0 { b"}" } else { b"]}" });
}

fn each_bucket(histogram: &NativeHistogram, mut tell: impl FnMut(Ends, f64, f64, f64)) {
    let (schema, zero) = (histogram.schema, histogram.zero_threshold);
    if schema == CUSTOM_SCHEMA {
        let bounds = &histogram.custom_bounds;
        for &(index, count) in histogram.positive.iter().filter(|(_, count)| *count != 0.0) {
            let Ok(place) = usize::try_from(index) else { continue };
            let lower = place.checked_sub(1).and_then(|below| bounds.get(below).copied());
            let upper = bounds.get(place).copied().unwrap_or(f64::INFINITY);
            let ends = if place == 0 { Ends::Both } else { Ends::Upper };
            tell(ends, lower.unwrap_or(f64::NEG_INFINITY), upper, count);
        }
        return;
    }
    // The zero bucket may be wider than the first of the others: these then begin where it ends.
    let lower = |index: i32| {
        let bound = bound(schema, index.saturating_sub(1));
        if bound < zero { zero } else { bound }
    };
    for &(index, count) in histogram.negative.iter().rev().filter(|(_, count)| *count != 0.0) {
        tell(Ends::Lower, -bound(schema, index), -lower(index), count);
    }
    if histogram.zero_count > 0.0 {
        tell(Ends::Both, -zero, zero, histogram.zero_count);
    }
    for &(index, count) in histogram.positive.iter().filter(|(_, count)| *count != 0.0) {
        tell(Ends::Upper, lower(index), bound(schema, index), count);
    }
}

/// Schema 8's bounds between 0.5 and 1, of which those of all wider ones are a part. A bound is made of square roots
/// of square roots of 2, which gives the very bits that Prometheus has in its table.
static FRACTIONS: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let mut root = std::f64::consts::SQRT_2;
        let mut fraction = if index & 0x80 == 0 { 0.5 } else { 1.0 / root };
        for bit in (0..7).rev() {
            root = root.sqrt();
            if index >> bit & 1 == 1 {
                fraction *= root;
            }
        }
        fraction
    })
});

/// The upper bound of bucket `index` of an exponential schema. The last bucket of finite numbers ends at the largest
/// of them: what is above counts infinities.
fn bound(schema: i8, index: i32) -> f64 {
    const OVERFLOW: i64 = 1_024;
    let index = i64::from(index);
    if schema < 0 {
        let exponent = index << schema.unsigned_abs().min(8);
        return if exponent == OVERFLOW { f64::MAX } else { power_of_two(exponent) };
    }
    let schema = u32::from(schema.unsigned_abs()).min(8);
    let fraction = index & ((1 << schema) - 1);
    let exponent = (index >> schema) + 1;
    if fraction == 0 && exponent == OVERFLOW + 1 {
        return f64::MAX;
    }
    let fraction = FRACTIONS[usize::try_from(fraction << (8 - schema)).unwrap_or_default()];
    // In two steps, since 2^1024 is no float while half of it is.
    fraction * 2.0 * power_of_two(exponent - 1)
}

fn power_of_two(exponent: i64) -> f64 {
    let exponent = exponent.clamp(-1_100, 1_100) as i32;
    // `powi` may come to a subnormal number by way of an infinite one.
    if exponent < -1_000 {
        2_f64.powi(-1_000) * 2_f64.powi(exponent + 1_000)
    } else {
        2_f64.powi(exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &NativeHistogram) -> String {
        let mut out = Vec::new();
        histogram(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn buckets_ascend_from_negative_over_zero_to_positive() {
        let value = NativeHistogram {
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 12.0,
            sum: 18.4,
            positive: vec![(0, 1.0), (1, 2.0), (2, 0.0), (3, 1.0)],
            negative: vec![(0, 3.0), (2, 3.0)],
            ..NativeHistogram::default()
        };
        assert_eq!(
            json(&value),
            r#"{"count":"12","sum":"18.4","buckets":[[1,"-4","-2","3"],[1,"-1","-0.5","3"],[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"1","2","2"],[0,"4","8","1"]]}"#
        );
    }

    #[test]
    fn custom_buckets_reach_from_infinity_to_infinity() {
        let value = NativeHistogram {
            schema: CUSTOM_SCHEMA,
            count: 6.0,
            sum: f64::NAN,
            positive: vec![(0, 1.0), (1, 2.0), (2, 3.0)],
            custom_bounds: [5.0, 10.0].into(),
            ..NativeHistogram::default()
        };
        assert_eq!(
            json(&value),
            r#"{"count":"6","sum":"NaN","buckets":[[3,"-Inf","5","1"],[0,"5","10","2"],[0,"10","+Inf","3"]]}"#
        );
        assert_eq!(json(&NativeHistogram::default()), r#"{"count":"0","sum":"0"}"#);
    }

    #[test]
    fn a_wide_zero_bucket_cuts_its_neighbours() {
        let value = NativeHistogram {
            zero_threshold: 0.75,
            zero_count: 1.0,
            positive: vec![(0, 1.0)],
            negative: vec![(0, 1.0)],
            ..NativeHistogram::default()
        };
        assert!(
            json(&value)
                .contains(r#"[[1,"-1","-0.75","1"],[3,"-0.75","0.75","1"],[0,"0.75","1","1"]]"#)
        );
    }

    #[test]
    fn bounds_are_those_of_prometheus_to_the_bit() {
        for (schema, index, expected) in [
            (0, 0, 1.0),
            (0, -1, 0.5),
            (1, 1, 2.0 * (1.0 / std::f64::consts::SQRT_2)),
            (2, 1, 1.189_207_115_002_721),
            (2, 3, 1.681_792_830_507_428_8),
            (3, 40, 32.0),
            (-1, 1, 4.0),
            (-4, 1, 65_536.0),
            (-4, 64, f64::MAX),
            (-4, 65, f64::INFINITY),
            (0, 1_024, f64::MAX),
            (0, 1_025, f64::INFINITY),
            (8, 1_024 * 256, f64::MAX),
            (0, -1_074, 5e-324),
            (0, i32::MIN, 0.0),
        ] {
            assert_eq!(bound(schema, index), expected, "{schema} {index}");
        }
    }
}
