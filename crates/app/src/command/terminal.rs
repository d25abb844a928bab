//! What the tables in the terminal have in common: the window, and texts that come from outside.

use serde_json::Value;

/// Characters and lines of the terminal that is written to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Characters of a line.
    pub(super) columns: usize,
    /// Lines.
    pub(super) lines: usize,
}

impl Window {
    /// That of standard output, if that is a terminal.
    pub(super) fn of_stdout() -> Option<Self> {
        let stdout = std::io::stdout();
        let (width, height) = terminal_size::terminal_size_of(&stdout)?;
        Some(Self { columns: width.0.into(), lines: height.0.into() })
    }
}

/// A byte as it stands in a query string.
pub(super) fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// What is too long says so.
pub(super) fn cut(text: String, width: usize) -> String {
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The elements of a list; of anything else there are none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text from outside, safe to print.
pub(super) fn printable(value: &Value) -> String {
    safe(value.as_str().unwrap_or_default())
}

/// Names come from outside: what would move the cursor or change colours is shown, not done.
pub(super) fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|one| if moves(one) { one.escape_default().collect() } else { vec![one] })
        .collect()
}

/// Whether a character moves the cursor, or turns the text around (the bidirectional marks of Unicode).
fn moves(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A duration, or a dash where there is none.
pub(super) fn seconds(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), duration)
}

/// Seconds in at most seven characters.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        ..60.0 => format!("{seconds:.1} s"),
        ..3_600.0 => format!("{}m{:02}s", seconds as u64 / 60, seconds as u64 % 60),
        ..172_800.0 => format!("{}h{:02}m", seconds as u64 / 3_600, seconds as u64 % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds as u64 / 86_400, seconds as u64 % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_stay_short() {
        let shown = [0.012, 3.2, 75.0, 7_260.0, 95_620_000.0].map(duration);
        assert_eq!(shown, ["12 ms", "3.2 s", "1m15s", "2h01m", "1106d17h"]);
    }
}
