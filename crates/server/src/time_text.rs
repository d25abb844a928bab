//! Times as text.

use serde_json::Value;
use vigie_model::{Time, log_time};
use vigie_query::promql::duration_millis;

use crate::problem::Problem;

/// RFC 3339 in UTC with milliseconds, as everywhere in the JSON. A time that no calendar has is clamped to one.
pub(crate) fn rfc3339(time: Time) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(time.millis())
        .unwrap_or(if time.micros() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX });
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A time that a parameter asks by, in nanoseconds since the Unix epoch: RFC 3339, a number since 1970, `now`, or so long
/// before that, such as `now-15m`.
pub(crate) fn parse_time(name: &str, text: &str, now: Time) -> Result<i64, Problem> {
    let asked = match text.strip_prefix("now") {
        Some(rest) => before(rest, now),
        None => log_time(&Value::from(text)),
    };
    asked.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        Problem::bad_parameter(format!(
            "{name} is {shown:?}; it is RFC 3339, such as 2026-11-23T14:03:39Z, Unix seconds, or like now-15m."
        ))
    })
}

fn before(ago: &str, now: Time) -> Option<i64> {
    let millis = match ago.strip_prefix('-') {
        Some(duration) => duration_millis(duration)?,
        None if ago.is_empty() => 0,
        None => return None,
    };
    Some(now.micros().saturating_mul(1_000).saturating_sub(millis.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_asked_by_date_number_or_distance() {
        let now = Time::from_seconds(1_795_442_619);
        let nanos = |text| parse_time("from", text, now).ok();
        let second = 1_000_000_000;
        for same in ["now", "2026-11-23T14:03:39Z", "1795442619", "1795442619.0", "1795442619000"] {
            assert_eq!(nanos(same), Some(1_795_442_619 * second), "{same}");
        }
        assert_eq!(nanos("now-1h30m"), Some((1_795_442_619 - 5_400) * second));
        for wrong in ["", "now-", "now+5m", "nowhere", "now-5", "-5m", "yesterday", "NaN", "1e300"]
        {
            assert_eq!(nanos(wrong), None, "{wrong}");
        }
        assert!(nanos("now-9000000000y").is_none_or(|nanos| nanos < 0));
    }

    #[test]
    fn times_have_milliseconds_and_a_z() {
        assert_eq!(rfc3339(Time::from_millis(1_795_442_619_007)), "2026-11-23T14:03:39.007Z");
        assert!(rfc3339(Time::from_micros(i64::MAX)).ends_with('Z'));
        assert!(rfc3339(Time::from_micros(i64::MIN)).ends_with('Z'));
    }
}
