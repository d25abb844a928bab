//! `match[]`: which series are meant, as PromQL writes it: `up`, `up{job="api"}`, `{"http.requests", job!~'a|b'}`.

use vigie_query::promql::parse_selector;
use vigie_store::Matcher;

use super::error::ApiError;
use super::params::Params;

/// Every `match[]`; each must name something, or all series would be meant by mistake.
pub(super) fn matcher_sets(params: &Params) -> Result<Vec<Vec<Matcher>>, String> {
    params.all("match[]").map(selector).collect()
}

/// The same, as an error without the parameter's name, as labels and their values have it.
pub(super) fn matcher_sets_or_bad_data(params: &Params) -> Result<Vec<Vec<Matcher>>, ApiError> {
    matcher_sets(params).map_err(ApiError::bad_data)
}

/// How the parser's error ends about a selector that would match everything.
const NOTHING_NAMED: &str = " at least one non-empty matcher";

/// Reads a selector of an instant vector, without offset and `@`, which have no meaning here.
pub(super) fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    parse_selector(text).map_err(|error| {
        let error = error.to_string();
        match error.ends_with(NOTHING_NAMED) {
            true => format!("match[] must contain {}", NOTHING_NAMED.trim_start()),
            false => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let matchers = selector(text)?;
        let shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        Ok(shown.join(","))
    }

    #[test]
    fn selectors_are_read_as_promql_writes_them() {
        assert_eq!(read("up").as_deref(), Ok("__name__=\"up\""));
        assert_eq!(
            read(r#"{"http.requests", job!~'a|b'}"#).as_deref(),
            Ok("__name__=\"http.requests\",job!~\"a|b\"")
        );
        for (text, says) in [
            ("{}", "match[] must contain at least one non-empty matcher"),
            ("up{", "parse error"),
            ("sum(up)", "parse error"),
            ("up[5m]", "parse error"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
