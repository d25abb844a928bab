//! Times in lines: at their beginning, or as a configured format says.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use vigie_model::{Time, log_time};

/// A day that no time of a log is ahead of now.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Why a format of times cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeFormatFault {
    /// It is none.
    #[error("{format:?} is no format of a time: {why}")]
    Format {
        /// What it is.
        format: String,
        /// Why not.
        why: String,
    },
    /// An offset is none.
    #[error("{0:?} is no offset from UTC such as +02:00")]
    Offset(String),
}

/// How a time is written, in the notation of `strftime`, and where, if it does not say its offset from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    format: String,
    offset: Offset,
}

impl TimeFormat {
    /// From a format such as `%d/%b/%Y:%H:%M:%S %z` and an offset such as `+02:00`; UTC where there is none.
    ///
    /// # Errors
    /// [`TimeFormatFault`] when one of them cannot be used.
    pub fn new(format: &str, offset: Option<&str>) -> Result<Self, TimeFormatFault> {
        let wrong = |why: String| TimeFormatFault::Format {
            format: format.chars().take(100).collect(),
            why,
        };
        let offset = match offset {
            None => Offset::UTC,
            Some(text) => offset_of(text)
                .ok_or_else(|| TimeFormatFault::Offset(text.chars().take(20).collect()))?,
        };
        let made = Self { format: format.to_owned(), offset };
        // What it writes it must be able to read.
        let sample = jiff::Timestamp::UNIX_EPOCH;
        let sample = sample.to_zoned_datetime(offset.to_time_zone());
        let written = jiff::fmt::strtime::format(format, &sample)
            .map_err(|error| wrong(error.to_string()))?;
        made.parse(&written, Time::from_seconds(0)).map_err(wrong)?;
        Ok(made)
    }

    /// A time in nanoseconds since the Unix epoch. Where it has no year, it is the last such time before `now`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(&self, text: &str, now: Time) -> Result<i64, String> {
        let wrong = |why: String| {
            let shown: String = text.chars().take(60).collect();
            format!("{shown:?} is no time as {:?}: {why}", self.format)
        };
        let mut parts = BrokenDownTime::parse(&self.format, text.trim())
            .map_err(|error| wrong(error.to_string()))?;
        if let Some(stamp) = parts.timestamp() {
            return nanos(stamp).ok_or_else(|| wrong("it is out of range".to_owned()));
        }
        if parts.year().is_some() || parts.iso_week_year().is_some() {
            return self.whole(&parts).map_err(wrong);
        }
        let now = now.micros().saturating_mul(1_000);
        let year = jiff::Timestamp::from_nanosecond(i128::from(now))
            .map(|stamp| self.offset.to_datetime(stamp).year())
            .map_err(|error| wrong(error.to_string()))?;
        let mut in_year = |year: i16| {
            parts.set_year(Some(year)).map_err(|error| error.to_string())?;
            self.whole(&parts)
        };
        match in_year(year) {
            Ok(found) if found <= now.saturating_add(DAY_NANOS) => Ok(found),
            // New Year's Eve, read in the new year; or the 29th of February.
            this => in_year(year - 1).or(this).map_err(wrong),
        }
    }

    fn whole(&self, parts: &BrokenDownTime) -> Result<i64, String> {
        let date = parts.to_datetime().map_err(|error| error.to_string())?;
        let offset = parts.offset().unwrap_or(self.offset);
        let stamp = offset.to_timestamp(date).map_err(|error| error.to_string())?;
        nanos(stamp).ok_or_else(|| "it is out of range".to_owned())
    }
}

fn nanos(stamp: jiff::Timestamp) -> Option<i64> {
    i64::try_from(stamp.as_nanosecond()).ok()
}

fn offset_of(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let number = |text: &str| text.parse::<i32>().ok().filter(|number| (0..60).contains(number));
    Offset::from_seconds(sign * (number(hours)? * 3600 + number(minutes)? * 60)).ok()
}

/// The time that a line begins with, in nanoseconds since the Unix epoch, and what follows it: RFC 3339, or a date and a time
/// without an offset, which then are UTC's.
pub fn leading(text: &str) -> (Option<i64>, &str) {
    let begun = text.trim_start_matches(['[', '(', ' ']);
    if !begun.starts_with(|letter: char| letter.is_ascii_digit()) {
        return (None, text);
    }
    let ends = begun.char_indices().filter(|(place, letter)| {
        (10..=40).contains(place) && (letter.is_whitespace() || matches!(letter, ']' | ')'))
    });
    // The longest of one or two words that is a time.
    let places: Vec<usize> = ends.map(|(place, _)| place).take(2).collect();
    for end in places.into_iter().rev() {
        let Some((stamp, rest)) = begun.split_at_checked(end) else { continue };
        if let Some(nanos) = moment(stamp) {
            return (Some(nanos), rest);
        }
    }
    (None, text)
}

fn moment(text: &str) -> Option<i64> {
    let dotted = text.replacen(',', ".", 1).replace('/', "-");
    if dotted.len() < 19 {
        return None;
    }
    if let Ok(stamp) = dotted.parse::<jiff::Timestamp>() {
        return nanos(stamp);
    }
    let date = dotted.parse::<DateTime>().ok()?;
    Offset::UTC.to_timestamp(date).ok().and_then(nanos)
}

/// As [`log_time`], of a text.
pub fn any(text: &str) -> Option<i64> {
    log_time(&text.into())
}
