//! Dates in UTC, by the Gregorian calendar.

/// A day, and the seconds since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// From 1.
    pub day_of_year: i64,
    /// 0 is Sunday.
    pub weekday: i64,
    pub seconds: i64,
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days before a year, counted from the year 1.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

impl Date {
    /// The date of seconds since 1970.
    pub(crate) fn of(seconds: i64) -> Self {
        // The lowest number stands for what is no time, such as NaN; Go counts on over the highest one there.
        let wide = if seconds == i64::MIN { 1_i128 << 63 } else { i128::from(seconds) };
        let (days, seconds) = (wide.div_euclid(86_400), wide.rem_euclid(86_400));
        // 64 bits of seconds are 47 bits of days.
        let days = i64::try_from(days).unwrap_or_default();
        let seconds = i64::try_from(seconds).unwrap_or_default();
        let since_one = days + days_before(1970);
        // At most one too small, as 146097 days are 400 years.
        let mut year = (since_one * 400).div_euclid(146_097) + 1;
        while days_before(year) > since_one {
            year -= 1;
        }
        while days_before(year + 1) <= since_one {
            year += 1;
        }
        let day_of_year = since_one - days_before(year) + 1;
        let (mut month, mut day) = (1, day_of_year);
        while day > days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        let weekday = (days + 4).rem_euclid(7);
        Self { year, month, day, day_of_year, weekday, seconds }
    }
}

/// Milliseconds since 1970 as a date and a time, without their fraction.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    let date = Date::of(milliseconds / 1000);
    let (hour, minute, second) = (date.seconds / 3600, date.seconds / 60 % 60, date.seconds % 60);
    let Date { year, month, day, .. } = date;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_210_096_000), "2024-02-29T12:34:56Z");
        assert_eq!(rfc3339(-86_400_000), "1969-12-31T00:00:00Z");
        let date = Date::of(1_735_603_200);
        assert_eq!((date.year, date.day_of_year, date.weekday), (2024, 366, 2));
        assert_eq!(days_in_month(1900, 2), 28);
        let never = Date::of(i64::MIN);
        assert_eq!((never.year, never.month, never.day), (292_277_026_596, 12, 4));
    }
}
