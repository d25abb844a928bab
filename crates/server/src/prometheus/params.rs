//! Parameters as Prometheus reads them: from the query string and from the form in the body, which comes first.

use std::time::Duration;

use axum::extract::{FromRequest, Request};

use vigie_query::promql::duration_millis;

use super::error::ApiError;
use crate::access::form_and_query;

/// The earliest time, in Unix milliseconds, and how clients write it when they mean it.
const MIN_TIME: (i64, &str) =
    (i64::MIN / 1_000 * 1_000 + 62_135_596_801_000, "-292273086-05-16T16:47:06Z");
/// The latest time.
const MAX_TIME: (i64, &str) =
    (i64::MAX / 1_000 * 1_000 - 62_135_596_801_000 + 999, "292277025-08-18T07:12:54.999999999Z");

/// The parameters of a request.
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let read = form_and_query(request).await;
        read.map(Self)
            .map_err(|why| ApiError::bad_data(format!("error parsing form values: {why}")))
    }
}

impl Params {
    /// The first value of a parameter; empty when it is not given.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A time that must be given, in Unix milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<i64, ApiError> {
        time(self.get(name)).map_err(|why| ApiError::parameter(name, why))
    }

    /// A time that may be left out.
    pub(super) fn time_or(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            given => time(given).map_err(|why| {
                ApiError::parameter(name, format!("invalid time value for '{name}': {why}"))
            }),
        }
    }

    /// `start` and `end`, all of time by default.
    pub(super) fn range(&self) -> Result<(i64, i64), ApiError> {
        Ok((self.time_or("start", MIN_TIME.0)?, self.time_or("end", MAX_TIME.0)?))
    }

    /// `limit`; none when it is left out or 0.
    pub(super) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let given = self.get("limit");
        if given.is_empty() {
            return Ok(None);
        }
        let why = match given.parse::<i64>() {
            Ok(limit) if limit >= 0 => {
                return Ok((limit > 0).then_some(usize::try_from(limit).unwrap_or(usize::MAX)));
            }
            Ok(_) => "limit must be non-negative".to_owned(),
            Err(_) => format!("{given:?} is not a number"),
        };
        Err(ApiError::parameter("limit", why))
    }

    /// `timeout`, which must be positive where it is given.
    pub(super) fn timeout(&self) -> Result<Option<Duration>, ApiError> {
        match self.get("timeout") {
            "" => Ok(None),
            given => {
                let millis = duration(given).map_err(|why| ApiError::parameter("timeout", why))?;
                let positive = u64::try_from(millis).ok().filter(|millis| *millis > 0);
                let positive = positive.ok_or_else(|| {
                    ApiError::parameter("timeout", format!("timeout must be positive, got {given}"))
                })?;
                Ok(Some(Duration::from_millis(positive)))
            }
        }
    }
}

/// A time as seconds since the epoch, or as RFC 3339; in Unix milliseconds.
fn time(given: &str) -> Result<i64, String> {
    let no = || format!("cannot parse {given:?} to a valid timestamp");
    if let Ok(seconds) = given.parse::<f64>() {
        let millis = seconds.trunc() * 1_000.0 + (seconds.fract() * 1_000.0).round();
        let known = MIN_TIME.0 as f64..=MAX_TIME.0 as f64;
        return if known.contains(&millis) { Ok(millis as i64) } else { Err(no()) };
    }
    for (millis, written) in [MIN_TIME, MAX_TIME] {
        if given == written {
            return Ok(millis);
        }
    }
    given.parse().map(|time: jiff::Timestamp| time.as_millisecond()).map_err(|_| no())
}

/// A duration as seconds, or as Prometheus writes durations (`1h30m`); in milliseconds.
pub(super) fn duration(given: &str) -> Result<i64, String> {
    if let Ok(seconds) = given.parse::<f64>() {
        let nanos = seconds * 1e9;
        if nanos.is_nan() || nanos >= i64::MAX as f64 || nanos < i64::MIN as f64 {
            return Err(format!("cannot parse {given:?} to a valid duration. It overflows int64"));
        }
        return Ok((seconds * 1_000.0) as i64);
    }
    duration_millis(given).ok_or_else(|| format!("cannot parse {given:?} to a valid duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        for (given, expected) in [
            ("0", 0),
            ("1435781451.781", 1_435_781_451_781),
            ("-1.5", -1_500),
            ("1e3", 1_000_000),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2015-07-01T22:10:51.781+02:00", 1_435_781_451_781),
            (MIN_TIME.1, MIN_TIME.0),
            (MAX_TIME.1, MAX_TIME.0),
        ] {
            assert_eq!(time(given), Ok(expected), "{given}");
        }
        for given in ["", "yesterday", "NaN", "inf", "1e400", "1e300", "2015-07-01", "12:00"] {
            assert_eq!(
                time(given),
                Err(format!("cannot parse {given:?} to a valid timestamp")),
                "{given}"
            );
        }
    }

    #[test]
    fn durations_are_seconds_or_units() {
        for (given, expected) in [
            ("15", 15_000),
            ("0.25", 250),
            ("15s", 15_000),
            ("1h30m", 5_400_000),
            ("1y2w3d4h5m6s7ms", 33_019_506_007),
            ("0", 0),
            ("-5", -5_000),
        ] {
            assert_eq!(duration(given), Ok(expected), "{given}");
        }
        for given in ["", "m", "5x", "1m1h", "1m1m", "1.5h", "300y", "é1s", "1é", "-5m"] {
            assert!(duration(given).is_err(), "{given}");
        }
        assert!(duration("1e300").unwrap_err().ends_with("It overflows int64"));
    }

    #[test]
    fn the_ends_of_time_are_what_the_texts_say() {
        // Unix seconds -9223309901257974 and 9223309901257974, and the last millisecond of it.
        assert_eq!(MIN_TIME.0, -9_223_309_901_257_974_000);
        assert_eq!(MAX_TIME.0, 9_223_309_901_257_974_999);
    }
}
