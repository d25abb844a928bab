//! Numbers and durations, as PromQL writes them.

/// The number that a word is; `None` when it is none.
pub(super) fn number(word: &str) -> Option<f64> {
    match word.to_ascii_lowercase().as_str() {
        "inf" => return Some(f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return hexadecimal(digits);
    }
    let digits = without_separators(word)?;
    let octal = digits.len() > 1 && digits.starts_with('0');
    if octal && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return i64::from_str_radix(&digits, 8).ok().map(|value| value as f64);
    }
    // Words such as `infinity` are numbers to Rust, but not here.
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !digits.bytes().all(plain) {
        return None;
    }
    digits.parse().ok().filter(|value: &f64| value.is_finite())
}

fn hexadecimal(digits: &str) -> Option<f64> {
    let digits = without_separators(digits.strip_prefix('_').unwrap_or(digits))?;
    i64::from_str_radix(&digits, 16).ok().map(|value| value as f64)
}

/// Takes the underscores away, each of which must stand between two digits.
fn without_separators(word: &str) -> Option<String> {
    let bytes = word.as_bytes();
    let digit = |place: Option<&u8>| place.is_some_and(u8::is_ascii_hexdigit);
    for (place, byte) in bytes.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| bytes.get(place));
        if *byte == b'_' && !(digit(before) && digit(bytes.get(place + 1))) {
            return None;
        }
    }
    Some(word.replace('_', ""))
}

/// Units by descending size, in milliseconds: the order in which a duration names them.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The seconds of a duration such as `1h30m`; or what is wrong with it.
pub(crate) fn duration(word: &str) -> Result<f64, String> {
    let wrong = || format!("bad number or duration syntax: {word:?}");
    let (mut rest, mut total, mut next) = (word, 0_i64, 0);
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit()).unwrap_or(rest.len());
        let count: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let length = rest.find(|one: char| one.is_ascii_digit()).unwrap_or(rest.len());
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..length]);
        // Each unit once, and the larger ones first.
        let unit = unit.filter(|unit| *unit >= next).ok_or_else(wrong)?;
        let part = count.checked_mul(UNITS[unit].1);
        total = part.and_then(|part| total.checked_add(part)).ok_or("duration out of range")?;
        next = unit + 1;
        rest = &rest[length..];
    }
    if total > i64::MAX / 1_000_000 {
        return Err("duration out of range".to_owned());
    }
    Ok(total as f64 / 1000.0)
}

/// Milliseconds as a duration such as `1h30m`; `0s` for nothing.
pub(crate) fn write_duration(milliseconds: i64) -> String {
    let mut written = String::new();
    let mut rest = milliseconds.unsigned_abs();
    // Weeks and years only where they come out even, as they are rarely meant otherwise.
    for (name, size) in UNITS {
        let size = size.unsigned_abs();
        let whole = matches!(name, "y" | "w");
        if rest >= size && (!whole || rest.is_multiple_of(size)) {
            written.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    if written.is_empty() {
        written.push_str("0s");
    }
    if milliseconds < 0 { format!("-{written}") } else { written }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (word, value) in [
            ("1", 1.0),
            ("1_000", 1000.0),
            ("0x1F", 31.0),
            ("0x_1f", 31.0),
            ("010", 8.0),
            ("09", 9.0),
            (".5", 0.5),
            ("1.5e-3", 0.0015),
            ("5.", 5.0),
            ("iNf", f64::INFINITY),
        ] {
            assert_eq!(number(word), Some(value), "{word}");
        }
        for word in ["1__0", "1_", "_1", "0x", "1e", "5m", "infinity", "0x1.5", "1.2.3"] {
            assert_eq!(number(word), None, "{word}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("1h30m"), Ok(5400.0));
        assert_eq!(duration("5m30s500ms"), Ok(330.5));
        assert_eq!(duration("1y1w1d"), Ok(373.0 * 86400.0));
        for word in ["1m1h", "5m5m", "5", "m", "5x", "1.5h", "300y", ""] {
            assert!(duration(word).is_err(), "{word}");
        }
        for (value, text) in
            [(5_400_000, "1h30m"), (0, "0s"), (-500, "-500ms"), (604_800_000, "1w")]
        {
            assert_eq!(write_duration(value), text);
        }
    }
}
