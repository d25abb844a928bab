//! `match[]`: which series are meant.

use vigie_store::{MatchOp, Matcher};

use super::error::ApiError;
use super::params::Params;

/// Every `match[]`; each must name something, or all series would be meant by mistake.
pub(super) fn matcher_sets(params: &Params) -> Result<Vec<Vec<Matcher>>, String> {
    let mut sets = Vec::new();
    for given in params.all("match[]") {
        let set = selector(given)?;
        if set.iter().all(|matcher| matcher.matches("")) {
            return Err("match[] must contain at least one non-empty matcher".to_owned());
        }
        sets.push(set);
    }
    Ok(sets)
}

/// The same, as an error without the parameter's name, as labels and their values have it.
pub(super) fn matcher_sets_or_bad_data(params: &Params) -> Result<Vec<Vec<Matcher>>, ApiError> {
    matcher_sets(params).map_err(ApiError::bad_data)
}

fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    let (name, rest) = text.split_once('{').unwrap_or((text, "}"));
    let mut set = Vec::new();
    if !name.is_empty() {
        set.push(
            Matcher::new("__name__", MatchOp::Equal, name).map_err(|error| error.to_string())?,
        );
    }
    let inner = rest.strip_suffix('}').ok_or("1:1: parse error: unexpected end of input")?;
    for part in inner.split(',').filter(|part| !part.is_empty()) {
        let (op, place) = [
            (MatchOp::Regex, "=~"),
            (MatchOp::NotRegex, "!~"),
            (MatchOp::NotEqual, "!="),
            (MatchOp::Equal, "="),
        ]
        .into_iter()
        .find_map(|(op, text)| part.find(text).map(|place| (op, place)))
        .ok_or("1:1: parse error: no operator")?;
        let value = part[place + op.as_str().len()..].trim_matches('"');
        set.push(Matcher::new(&part[..place], op, value).map_err(|error| error.to_string())?);
    }
    Ok(set)
}

/// A query as its printer writes it.
pub(super) fn pretty(query: &str) -> Result<String, String> {
    selector(query).map(|_| query.to_owned())
}
