//! What the commands have in common that print lines as they come: queries, times, and an end when nobody reads.

use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstyle::Style;

use super::terminal::percent_encoded;
use crate::exit::Failure;

/// Parameters as they stand in an address.
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        let encoded: String = value.bytes().map(percent_encoded).collect();
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&encoded);
    }
}

impl fmt::Display for Query {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Prints one line. False when nobody reads any more, as after `| head`.
pub(super) fn print(line: &str) -> Result<bool, Failure> {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(format!("cannot print: {error}"))),
    }
}

/// What is beside the point.
pub(super) fn dim() -> Style {
    Style::new().dimmed()
}

/// Reads `90s`, `15m`, `2h` or `7d` as that long ago, in Unix seconds; a time as RFC 3339 or in Unix seconds stays as it is.
pub(crate) fn since(text: &str) -> Result<String, String> {
    let units = [('s', 1.0), ('m', 60.0), ('h', 3_600.0), ('d', 86_400.0)];
    let ago = units.into_iter().find_map(|(unit, seconds)| {
        let count: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(count * seconds)
    });
    match ago {
        Some(ago) => {
            let ago = Duration::try_from_secs_f64(ago).map_err(|_| "this is too long ago".to_owned())?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(format!("{:.3}", now.saturating_sub(ago).as_secs_f64()))
        }
        None if text.starts_with(|first: char| first.is_ascii_digit()) => Ok(text.to_owned()),
        None => Err("it is how long ago, such as 90s, 15m, 2h or 7d, or a time such as 2026-11-23T14:03:39Z".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_how_long_ago_or_a_time() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let ago: f64 = since("1.5h").unwrap().parse().unwrap();
        assert!((now - ago - 5_400.0).abs() < 60.0, "{ago}");
        for time in ["2026-11-23T14:03:39Z", "1795442619"] {
            assert_eq!(since(time).unwrap(), time);
        }
        for wrong in ["yesterday", "h", "-5m", "", "1e300d"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_encoded() {
        let mut query = Query::default();
        query.push("q", "a&b c");
        query.push("level", "warn");
        assert_eq!(query.to_string(), "q=a%26b%20c&level=warn");
    }
}
