//! Parameters as Loki reads them: from the query string and from the form in the body.

use axum::extract::{FromRequest, Request};
use vigie_query::logql::{Direction, duration_nanos};

use super::error::LokiError;
use crate::access::form_and_query;

const SECOND: i64 = 1_000_000_000;
/// How far back is looked where nobody says.
const SINCE: i64 = 3_600 * SECOND;

/// The parameters of a request.
pub(super) struct Params {
    given: Vec<(String, String)>,
    /// What `X-Loki-Response-Encoding-Flags` asks for.
    pub(super) categorize: bool,
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = LokiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, LokiError> {
        let flags = request.headers().get("x-loki-response-encoding-flags");
        let flags = flags.and_then(|flags| flags.to_str().ok()).unwrap_or_default();
        let categorize = flags.split(',').any(|flag| flag.trim() == "categorize-labels");
        let given = form_and_query(request).await;
        let given =
            given.map_err(|why| LokiError::bad(format!("the form cannot be read: {why}")))?;
        Ok(Self { given, categorize })
    }
}

impl Params {
    /// The first value of a parameter; empty when it is not given.
    pub(super) fn get(&self, name: &str) -> &str {
        self.given.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter, under its name with or without brackets.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |key: &str| key.strip_suffix("[]").unwrap_or(key) == name;
        self.given.iter().filter(move |(key, _)| named(key)).map(|(_, value)| value.as_str())
    }

    /// The query, which must be given.
    pub(super) fn query(&self) -> Result<&str, LokiError> {
        match self.get("query") {
            "" => Err(LokiError::bad("parameter `query` is missing")),
            query => Ok(query),
        }
    }

    /// A time in nanoseconds since the Unix epoch; `default` where it is not given.
    pub(super) fn time(&self, name: &str, default: i64) -> Result<i64, LokiError> {
        match self.get(name) {
            "" => Ok(default),
            given => time(given).ok_or_else(|| {
                LokiError::bad(format!(
                    "could not parse '{name}' parameter: {given:?} is neither nanoseconds, seconds nor RFC 3339"
                ))
            }),
        }
    }

    /// `start` and `end`, in nanoseconds: the last hour, or `since`, where they are not given.
    pub(super) fn range(&self, now: i64) -> Result<(i64, i64), LokiError> {
        let since = match self.get("since") {
            "" => SINCE,
            given => duration_nanos(given).ok_or_else(|| {
                LokiError::bad(format!("could not parse 'since' parameter: {given:?}"))
            })?,
        };
        let end = self.time("end", now)?;
        let start = self.time("start", end.min(now).saturating_sub(since))?;
        if end < start {
            return Err(LokiError::bad("end timestamp must not be before or equal to start time"));
        }
        Ok((start, end))
    }

    /// `step` in nanoseconds: a 250th of the range by default.
    pub(super) fn step(&self, (start, end): (i64, i64)) -> Result<i64, LokiError> {
        match self.nanos("step")? {
            None => Ok((end.saturating_sub(start) / 250 / SECOND).max(1) * SECOND),
            Some(nanos) if nanos > 0 => Ok(nanos),
            Some(_) => Err(LokiError::bad(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            )),
        }
    }

    /// `interval` in nanoseconds: how far lines are apart at least.
    pub(super) fn interval(&self) -> Result<i64, LokiError> {
        match self.nanos("interval")?.unwrap_or(0) {
            nanos if nanos >= 0 => Ok(nanos),
            _ => Err(LokiError::bad("interval must be >= 0")),
        }
    }

    /// Seconds, or a duration, in nanoseconds.
    fn nanos(&self, name: &str) -> Result<Option<i64>, LokiError> {
        let given = self.get(name);
        if given.is_empty() {
            return Ok(None);
        }
        let nanos = match given.parse::<f64>().ok().map(|seconds| seconds * 1e9) {
            Some(nanos) if nanos.abs() < i64::MAX as f64 => Some(nanos as i64),
            Some(_) => None,
            None => duration_nanos(given),
        };
        let wrong = || LokiError::bad(format!("cannot parse {given:?} to a valid duration"));
        nanos.map(Some).ok_or_else(wrong)
    }

    /// `limit`, or another parameter for a number that is more than 0 and at most `most`.
    pub(super) fn limit(
        &self,
        name: &str,
        default: usize,
        most: usize,
    ) -> Result<usize, LokiError> {
        let given = self.get(name);
        if given.is_empty() {
            return Ok(default);
        }
        match given.parse::<i64>() {
            Ok(limit) if limit > 0 => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                if limit <= most {
                    return Ok(limit);
                }
                Err(LokiError::bad(format!(
                    "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {most})"
                )))
            }
            Ok(_) => Err(LokiError::bad(format!("{name} must be a positive value"))),
            Err(_) => Err(LokiError::bad(format!("parameter `{name}`: {given:?} is no number"))),
        }
    }

    /// `direction`: backward by default.
    pub(super) fn direction(&self) -> Result<Direction, LokiError> {
        match self.get("direction").to_ascii_lowercase().as_str() {
            "" | "backward" => Ok(Direction::Backward),
            "forward" => Ok(Direction::Forward),
            other => Err(LokiError::bad(format!("invalid direction '{other}'"))),
        }
    }
}

/// Nanoseconds since the Unix epoch; of up to ten digits seconds, with a point seconds, else RFC 3339.
fn time(given: &str) -> Option<i64> {
    if given.contains('.')
        && let Ok(seconds) = given.parse::<f64>()
    {
        let millis = seconds.trunc() * 1_000.0 + (seconds.fract() * 1_000.0).round();
        return (millis.abs() < 9e12).then_some(millis as i64 * 1_000_000);
    }
    if let Ok(number) = given.parse::<i64>() {
        return Some(if given.len() <= 10 { number * SECOND } else { number });
    }
    let time: jiff::Timestamp = given.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_four_forms() {
        for (given, nanos) in [
            ("1700000000", 1_700_000_000_000_000_000),
            ("1700000000123456789", 1_700_000_000_123_456_789),
            ("1700000000.5", 1_700_000_000_500_000_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
            ("2023-11-14T23:13:20.25+01:00", 1_700_000_000_250_000_000),
            ("0", 0),
        ] {
            assert_eq!(time(given), Some(nanos), "{given}");
        }
        for given in [
            "",
            "now",
            "1e300.",
            "99999999999999999999",
            "2023-11-14",
            "9999-01-01T00:00:00Z",
            "NaN.",
        ] {
            assert_eq!(time(given), None, "{given}");
        }
    }
}
