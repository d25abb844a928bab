//! Parts of dates in UTC.

const DAY: i64 = 86_400;

/// Year, month from 1, and day from 1 of a number of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day - first + 1)
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date function of seconds since 1970; `None` when there is no such function.
pub(super) fn part(name: &str, seconds: f64) -> Option<f64> {
    let known = matches!(
        name,
        "minute"
            | "hour"
            | "day_of_week"
            | "day_of_month"
            | "day_of_year"
            | "days_in_month"
            | "month"
            | "year"
    );
    if !known || !seconds.is_finite() || seconds.abs() > 1e15 {
        return known.then_some(f64::NAN);
    }
    let whole = seconds as i64;
    let days = whole.div_euclid(DAY);
    let (year, month, day) = civil(days);
    let found = match name {
        "minute" => whole.rem_euclid(3_600) / 60,
        "hour" => whole.rem_euclid(DAY) / 3_600,
        "day_of_week" => (days + 4).rem_euclid(7),
        "day_of_month" => day,
        "day_of_year" => (1..month).map(|month| days_in(year, month)).sum::<i64>() + day,
        "days_in_month" => days_in(year, month),
        "month" => month,
        _ => year,
    };
    Some(found as f64)
}
