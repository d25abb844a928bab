//! Times as text.

use vigie_model::Time;

/// RFC 3339 in UTC with milliseconds, as everywhere in the JSON. A time that no calendar has is clamped to one.
pub(crate) fn rfc3339(time: Time) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(time.millis())
        .unwrap_or(if time.micros() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX });
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_z() {
        assert_eq!(rfc3339(Time::from_millis(1_795_442_619_007)), "2026-11-23T14:03:39.007Z");
        assert!(rfc3339(Time::from_micros(i64::MAX)).ends_with('Z'));
        assert!(rfc3339(Time::from_micros(i64::MIN)).ends_with('Z'));
    }
}
