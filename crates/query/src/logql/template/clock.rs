//! Times in Go's layouts, in UTC.

use crate::eval::date::{Date, days_in_month};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Parts of a layout, longer ones before those that they begin with.
const PARTS: [&str; 29] = [
    "January", "Jan", "Monday", "Mon", "MST", "2006", "-07:00", "-0700", "-07", "Z07:00", "Z0700",
    "01", "02", "03", "04", "05", "06", "15", "_2", "PM", "pm", "1", "2", "3", "4", "5", ".0",
    ".9", ",0",
];

/// What a layout begins with: a part and how long it is, or nothing known.
fn part(layout: &str) -> Option<(&'static str, usize)> {
    let found = PARTS.iter().find(|part| layout.starts_with(**part))?;
    if !matches!(*found, ".0" | ".9" | ",0") {
        return Some((found, found.len()));
    }
    // A fraction: the same digit again and again, and no digit after it.
    let digit = found.as_bytes()[1];
    let count = layout.bytes().skip(1).take_while(|byte| *byte == digit).count();
    let more = layout.as_bytes().get(1 + count).is_some_and(u8::is_ascii_digit);
    (!more).then_some((found, 1 + count))
}

/// A time in a layout.
pub(super) fn format(layout: &str, nanos: i64) -> String {
    let date = Date::of(nanos.div_euclid(1_000_000_000));
    let fraction = nanos.rem_euclid(1_000_000_000);
    let (hour, minute, second) = (date.seconds / 3_600, date.seconds / 60 % 60, date.seconds % 60);
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let month = MONTHS.get(date.month as usize - 1).copied().unwrap_or_default();
    let day = DAYS.get(date.weekday as usize).copied().unwrap_or_default();
    let mut out = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let Some((found, length)) = part(rest) else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        match found {
            "January" => out.push_str(month),
            "Jan" => out.push_str(&month[..3]),
            "Monday" => out.push_str(day),
            "Mon" => out.push_str(&day[..3]),
            "MST" => out.push_str("UTC"),
            "2006" => out.push_str(&format!("{:04}", date.year)),
            "06" => out.push_str(&format!("{:02}", date.year.rem_euclid(100))),
            "01" => out.push_str(&format!("{:02}", date.month)),
            "1" => out.push_str(&date.month.to_string()),
            "02" => out.push_str(&format!("{:02}", date.day)),
            "_2" => out.push_str(&format!("{:>2}", date.day)),
            "2" => out.push_str(&date.day.to_string()),
            "15" => out.push_str(&format!("{hour:02}")),
            "03" => out.push_str(&format!("{half:02}")),
            "3" => out.push_str(&half.to_string()),
            "04" => out.push_str(&format!("{minute:02}")),
            "4" => out.push_str(&minute.to_string()),
            "05" => out.push_str(&format!("{second:02}")),
            "5" => out.push_str(&second.to_string()),
            "PM" => out.push_str(if hour < 12 { "AM" } else { "PM" }),
            "pm" => out.push_str(if hour < 12 { "am" } else { "pm" }),
            "-07:00" => out.push_str("+00:00"),
            "-0700" => out.push_str("+0000"),
            "-07" => out.push_str("+00"),
            "Z07:00" | "Z0700" => out.push('Z'),
            _ => {
                let digits = format!("{fraction:09}");
                let digits = &digits[..(length - 1).min(9)];
                let digits = if found == ".9" { digits.trim_end_matches('0') } else { digits };
                if !digits.is_empty() {
                    out.push_str(&found[..1]);
                    out.push_str(digits);
                }
            }
        }
        rest = &rest[length..];
    }
    out
}

/// What is known of a time that is being read.
#[derive(Default)]
struct Read {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    east: i64,
}

/// The time that a text is in a layout; `None` where it is none. What a layout does not name is the first of its kind.
pub(super) fn parse(layout: &str, text: &str) -> Option<i64> {
    let mut read = Read { month: 1, day: 1, ..Read::default() };
    let (mut layout, mut text) = (layout, text);
    while let Some(first) = layout.chars().next() {
        let Some((found, length)) = part(layout) else {
            text = text.strip_prefix(first)?;
            layout = &layout[first.len_utf8()..];
            continue;
        };
        text = read.take(found, text)?;
        // A fraction may follow the seconds without being named.
        layout = &layout[length..];
        if matches!(found, "05" | "5") && text.starts_with('.') && !layout.starts_with(['.', ',']) {
            text = read.take(".9", text)?;
        }
    }
    text.is_empty().then(|| read.time()).flatten()
}

impl Read {
    fn take<'a>(&mut self, part: &str, text: &'a str) -> Option<&'a str> {
        let number = |most: usize| {
            let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let value: i64 = text.get(..digits)?.parse().ok()?;
            Some((value, &text[digits..]))
        };
        let name = |names: &[&str], whole: bool| {
            names.iter().enumerate().find_map(|(place, name)| {
                let name = if whole { name } else { name.get(..3)? };
                let found = text.get(..name.len())?;
                found.eq_ignore_ascii_case(name).then(|| (place as i64, &text[name.len()..]))
            })
        };
        let (target, (value, rest)) = match part {
            "January" | "Jan" => {
                let (place, rest) = name(&MONTHS, part == "January")?;
                (&mut self.month, (place + 1, rest))
            }
            "Monday" | "Mon" => return name(&DAYS, part == "Monday").map(|(_, rest)| rest),
            "MST" => {
                return text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT"));
            }
            "2006" => (&mut self.year, number(4)?),
            "06" => {
                let (value, rest) = number(2)?;
                (&mut self.year, (if value < 69 { 2_000 + value } else { 1_900 + value }, rest))
            }
            "01" | "1" => (&mut self.month, number(2)?),
            "02" | "2" => (&mut self.day, number(2)?),
            "_2" => {
                let text = text.trim_start_matches(' ');
                let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
                (&mut self.day, (text.get(..digits)?.parse().ok()?, &text[digits..]))
            }
            "15" | "03" | "3" => (&mut self.hour, number(2)?),
            "04" | "4" => (&mut self.minute, number(2)?),
            "05" | "5" => (&mut self.second, number(2)?),
            "PM" | "pm" => {
                let half = text.get(..2)?.to_ascii_uppercase();
                self.afternoon = Some(match half.as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                return Some(&text[2..]);
            }
            "-07:00" | "-0700" | "-07" | "Z07:00" | "Z0700" => return self.zone(part, text),
            _ => {
                let digits = text.get(1..)?.bytes().take_while(u8::is_ascii_digit).count();
                let written = text.get(1..=digits)?;
                self.nanos = format!("{written:0<9}").get(..9)?.parse().ok()?;
                return Some(&text[1 + digits..]);
            }
        };
        *target = value;
        Some(rest)
    }

    fn zone<'a>(&mut self, part: &str, text: &'a str) -> Option<&'a str> {
        if let (true, Some(rest)) = (part.starts_with('Z'), text.strip_prefix('Z')) {
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours: i64 = text.get(1..3)?.parse().ok()?;
        let (minutes, rest) = match part {
            "-07" => (0, text.get(3..)?),
            "-07:00" | "Z07:00" => {
                (text.get(3..)?.strip_prefix(':')?.get(..2)?.parse().ok()?, text.get(6..)?)
            }
            _ => (text.get(3..5)?.parse().ok()?, text.get(5..)?),
        };
        let minutes: i64 = minutes;
        self.east = sign * (hours * 3_600 + minutes * 60);
        Some(rest)
    }

    fn time(self) -> Option<i64> {
        let known = (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second);
        if !known {
            return None;
        }
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        // Days since 1970 by a calendar that begins in March.
        let (year, month) = if self.month > 2 {
            (self.year, self.month - 3)
        } else {
            (self.year - 1, self.month + 9)
        };
        let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (month * 153 + 2) / 5
            + self.day
            - 719_469;
        let seconds = days * 86_400 + hour * 3_600 + self.minute * 60 + self.second - self.east;
        seconds.checked_mul(1_000_000_000)?.checked_add(self.nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: i64 = 1_700_000_000_123_456_789;

    #[test]
    fn layouts_are_those_of_go() {
        for (layout, text) in [
            ("2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20Z"),
            ("2006-01-02 15:04:05.000", "2023-11-14 22:13:20.123"),
            ("Mon, 02 Jan 2006 03:04:05PM -0700", "Tue, 14 Nov 2023 10:13:20PM +0000"),
            (
                "Monday January _2 06 3:4:5.999999999 MST",
                "Tuesday November 14 23 10:13:20.123456789 UTC",
            ),
        ] {
            assert_eq!(format(layout, TIME), text);
        }
    }

    #[test]
    fn what_was_written_can_be_read() {
        for (layout, text, nanos) in [
            ("2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
            ("2006-01-02T15:04:05Z07:00", "2023-11-15T00:13:20.5+02:00", 1_700_000_000_500_000_000),
            ("02/Jan/2006:15:04:05 -0700", "14/Nov/2023:22:13:20 +0000", 1_700_000_000_000_000_000),
            ("2006-01-02", "1970-01-02", 86_400_000_000_000),
            ("3:04 PM 2 Jan 2006", "12:30 AM 29 Feb 2024", 1_709_166_600_000_000_000),
        ] {
            assert_eq!(parse(layout, text), Some(nanos), "{text}");
        }
        for (layout, text) in [
            ("2006-01-02", "2023-02-30"),
            ("2006-01-02", "x"),
            ("15:04", "25:00"),
            ("2006", "2023x"),
            ("Jan", "é"),
        ] {
            assert_eq!(parse(layout, text), None, "{text}");
        }
    }
}
