//! Durations, sizes and numbers as Loki reads them: in a query and in the lines.

use crate::promql::number;

/// Units of Go's durations, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Units of sizes, in bytes; compared in lower case.
const SIZES: [(&str, u64); 21] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("ti", 1 << 40),
    ("tib", 1 << 40),
    ("p", 1_000_000_000_000_000),
    ("pb", 1_000_000_000_000_000),
    ("pib", 1 << 50),
];

/// Nanoseconds of a duration within a query: as PromQL writes them (`1d12h`), else as Go does (`1.5h`, `10us`).
pub(super) fn query_duration(text: &str) -> Option<i64> {
    prometheus_duration(text).or_else(|| duration(text).ok())
}

/// Nanoseconds of a duration such as `1d12h`.
pub(super) fn prometheus_duration(text: &str) -> Option<i64> {
    let seconds = number::duration(text).ok()?;
    ((seconds * 1_000.0).round() as i64).checked_mul(1_000_000)
}

/// Nanoseconds of a duration such as `-1h30m` or `1.5s`, in Go's notation; or what is wrong with it, in Go's words.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits =
            rest.find(|one: char| !one.is_ascii_digit() && one != '.').unwrap_or(rest.len());
        let (whole, part) = rest[..digits].split_once('.').unwrap_or((&rest[..digits], ""));
        if part.contains('.') || (whole.is_empty() && part.is_empty()) {
            return Err(invalid());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: f64 =
            if part.is_empty() { 0.0 } else { format!("0.{part}").parse().unwrap_or(0.0) };
        rest = &rest[digits..];
        let length =
            rest.find(|one: char| one.is_ascii_digit() || one == '.').unwrap_or(rest.len());
        let unit = &rest[..length];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let size = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
        let size =
            size.ok_or_else(|| format!("time: unknown unit {unit:?} in duration {text:?}"))?;
        total = whole
            .checked_mul(size)
            .and_then(|nanos| nanos.checked_add((part * size as f64) as u64))
            .and_then(|nanos| total.checked_add(nanos))
            .ok_or_else(invalid)?;
        rest = &rest[length..];
    }
    match i64::try_from(total) {
        Ok(nanos) => Ok(if negative { -nanos } else { nanos }),
        Err(_) if negative && total == 1 << 63 => Ok(i64::MIN),
        Err(_) => Err(invalid()),
    }
}

/// Bytes of a size such as `5KB` or `1.5 MiB`; or what is wrong with it.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|one: char| !one.is_ascii_digit() && !matches!(one, '.' | ','))
        .unwrap_or(text.len());
    let count = number_of(&text[..digits].replace(',', ""))?;
    let unit = text[digits..].trim().to_lowercase();
    let size = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    let size = size.ok_or_else(|| format!("unhandled size name: {unit}"))?;
    let total = count * size as f64;
    if total >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(total as u64)
}

/// A number as Go's `strconv.ParseFloat` reads it; or what is wrong with it.
pub(super) fn number_of(text: &str) -> Result<f64, String> {
    // Most are counts: of so few digits each is a float.
    if (1..16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.bytes().map(|byte| u64::from(byte - b'0'));
        return Ok(digits.fold(0, |sum, digit| sum * 10 + digit) as f64);
    }
    let wrong = |why| {
        let quoted = crate::promql::quoted::quote(text);
        Err(format!("strconv.ParseFloat: parsing {quoted}: {why}"))
    };
    match text.parse::<f64>() {
        Ok(value) if value.is_infinite() && text.contains(|one: char| one.is_ascii_digit()) => {
            wrong("value out of range")
        }
        Ok(value) => Ok(value),
        Err(_) => wrong("invalid syntax"),
    }
}

/// Nanoseconds in Go's notation, such as `1m30s` or `1.5ms`.
pub(super) fn write_duration(nanos: i64) -> String {
    let size = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let text = match size {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{size}ns"),
        1_000..1_000_000 => format!("{}µs", size as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{}ms", size as f64 / 1e6),
        _ => {
            let (minutes, rest) = (size / 60_000_000_000, size % 60_000_000_000);
            let seconds = rest as f64 / 1e9;
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, nanos) in [
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            ("-10ms", -10_000_000),
            ("250us", 250_000),
            ("3µs", 3_000),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(nanos), "{text}");
        }
        for text in ["", "-", "5", "1d", "x", "1h-5m", "9999999999h", "1.2.3s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(query_duration("1d"), Some(86_400_000_000_000));
        assert_eq!(query_duration("1.5h"), Some(5_400_000_000_000));
    }

    #[test]
    fn durations_are_written_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1_500_000, "1.5ms"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-2_000, "-2µs"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(write_duration(nanos), text);
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, size) in
            [("5KB", 5_000), ("5 KiB", 5_120), ("1.5mb", 1_500_000), ("42", 42), ("1,024B", 1_024)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "KB", "5XB", "1e30", "99999999PB", "-5KB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
