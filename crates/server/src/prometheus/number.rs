//! Numbers, times and texts as Prometheus writes them into JSON, straight into a buffer.

use std::io::Write;

/// Appends a float in quotes: the shortest digits that mean the same number, with an exponent of at least two digits
/// below 1e-6 and from 1e21 on, and `NaN`, `+Inf`, `-Inf`.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    bare_float(out, value);
    out.push(b'"');
}

fn bare_float(out: &mut Vec<u8>, value: f64) {
    /// Beyond this not every integer is a float.
    const WHOLE: f64 = 9e15;
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.fract() == 0.0 && size < WHOLE && (value != 0.0 || value.is_sign_positive()) {
        integer(out, value as i64);
    } else if (1e-5..1e15).contains(&size) {
        // As the branch below, and faster: nearly all numbers that are no integers are within these bounds.
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let start = out.len();
        text(out, format_args!("{value:e}"));
        two_digit_exponent(out, start);
    } else {
        text(out, format_args!("{value}"));
    }
}

/// `1e-7` becomes `1e-07`, and `1e21` becomes `1e+21`.
fn two_digit_exponent(out: &mut Vec<u8>, start: usize) {
    let Some(place) = out[start..].iter().position(|byte| *byte == b'e') else { return };
    let exponent = out.split_off(start + place + 1);
    let (sign, digits) = match exponent.strip_prefix(b"-") {
        Some(digits) => (b'-', digits),
        None => (b'+', &*exponent),
    };
    out.push(sign);
    if digits.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(digits);
}

/// Appends a time of Unix milliseconds as seconds, with three digits after the point where it is not a whole second.
pub(crate) fn seconds(out: &mut Vec<u8>, millis: i64) {
    if millis < 0 {
        out.push(b'-');
    }
    let millis = millis.unsigned_abs();
    let (whole, rest) = (millis / 1_000, millis % 1_000);
    unsigned(out, whole);
    if rest != 0 {
        out.push(b'.');
        out.extend([rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8));
    }
}

/// Appends an integer.
pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

fn unsigned(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a JSON string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let mut rest = value.as_bytes();
    while let Some(place) = rest.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
        out.extend_from_slice(&rest[..place]);
        match rest[place] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => text(out, format_args!("\\u{control:04x}")),
        }
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a vector takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_prometheus_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (0.1, "0.1"),
            (1.5e-6, "0.0000015"),
            (1e-6, "0.000001"),
            (1e-7, "1e-07"),
            (-2.5e-10, "-2.5e-10"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.25e300, "1.25e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (123_456.789, "123456.789"),
            (26_896_599_599_734.25 / 8.0, "3362074949966.7812"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(written(|out| float(out, value)), format!("\"{expected}\""), "{value}");
        }
    }

    #[test]
    fn times_are_seconds_with_milliseconds_where_there_are_some() {
        for (millis, expected) in [
            (0, "0"),
            (1_435_781_451_781, "1435781451.781"),
            (1_000, "1"),
            (1_001, "1.001"),
            (1_010, "1.010"),
            (-1_500, "-1.500"),
            (-1, "-0.001"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(written(|out| seconds(out, millis)), expected);
        }
    }

    proptest! {
        #[test]
        fn floats_read_back_as_themselves(value in proptest::num::f64::ANY) {
            let text = written(|out| float(out, value));
            let read: f64 = text.trim_matches('"').parse().unwrap();
            prop_assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()), "{text}");
        }

        #[test]
        fn floats_without_an_exponent_are_the_shortest(value in -1e7f64..1e7, scale in -12i32..12) {
            let value = value * 10f64.powi(scale);
            prop_assume!((1e-6..1e15).contains(&value.abs()));
            let text = written(|out| float(out, value));
            let text = text.trim_matches('"');
            // Where two shortest texts are equally near, Rust takes the upper one, and Go (so Prometheus) the even one.
            prop_assert_eq!(text.len(), value.to_string().len(), "{}", text);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            prop_assert!(!text.contains('e'), "{}", text);
        }

        #[test]
        fn strings_read_back_as_themselves(value in any::<String>()) {
            let text = written(|out| string(out, &value));
            prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        }
    }
}
