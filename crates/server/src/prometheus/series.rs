//! `/api/v1/series`, `/labels` and `/label/{name}/values`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use vigie_query::Annotations;
use vigie_store::{Matcher, ReadError, Storage, TimeRange};

use super::error::{ApiError, ErrorShape};
use super::escaping::unescape;
use super::evaluate::evaluate;
use super::number::string;
use super::params::Params;
use super::query::TRUNCATED;
use super::selectors::{matcher_sets, matcher_sets_or_bad_data};
use super::success::{labels, list, success_with};
use crate::access::Path;
use crate::state::AppState;

/// The series that match.
#[utoipa::path(method(get, post), path = "/api/v1/series", tag = "prometheus",
    params(("match[]" = Vec<String>, Query, description = "Selectors."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("limit" = Option<u64>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn series(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = params.limit()?;
    let range = range(&params)?;
    let sets = matcher_sets(&params).map_err(|why| ApiError::parameter("match[]", why))?;
    let found = all_of(&app, sets, move |storage, matchers| storage.series(matchers, range));
    Ok(limited(found.await?, limit, |out, one| labels(out, &one)))
}

/// The names of all labels.
#[utoipa::path(method(get, post), path = "/api/v1/labels", tag = "prometheus",
    params(("match[]" = Option<Vec<String>>, Query, description = "Selectors."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("limit" = Option<u64>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn names(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let range = range(&params)?;
    let sets = matcher_sets_or_bad_data(&params)?;
    let found = all_of(&app, sets, move |storage, matchers| storage.label_names(matchers, range));
    Ok(limited(found.await?, limit, |out, name| string(out, &name)))
}

/// The values of a label. A name that is more than letters, digits and underscores is written as `U__…`, with
/// `_hex_` for each other character.
#[utoipa::path(get, path = "/api/v1/label/{name}/values", tag = "prometheus",
    params(("name" = String, Path), ("match[]" = Option<Vec<String>>, Query, description = "Selectors."),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<u64>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn values(
    State(app): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = unescape(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {name:?}")));
    }
    let limit = params.limit()?;
    let range = range(&params)?;
    let sets = matcher_sets_or_bad_data(&params)?;
    let found =
        all_of(&app, sets, move |storage, matchers| storage.label_values(&name, matchers, range));
    Ok(limited(found.await?, limit, |out, value| string(out, &value)))
}

fn range(params: &Params) -> Result<TimeRange, ApiError> {
    let (start, end) = params.range()?;
    Ok(TimeRange { start, end })
}

/// What `ask` finds for each set of matchers, each thing once, ascending.
async fn all_of<T: Ord + Send + 'static>(
    app: &AppState,
    sets: Vec<Vec<Matcher>>,
    ask: impl Fn(&dyn Storage, &[Matcher]) -> Result<Vec<T>, ReadError> + Send + 'static,
) -> Result<Vec<T>, ApiError> {
    let evaluated = evaluate(app.metrics()?, None, move |storage, _| {
        if let [] | [_] = &*sets {
            return Ok(ask(storage, sets.first().map_or(&[], |set| set))?);
        }
        let mut all = BTreeSet::new();
        for set in &sets {
            all.extend(ask(storage, set)?);
        }
        Ok(all.into_iter().collect())
    });
    Ok(evaluated.await?.value)
}

fn limited<T>(
    mut found: Vec<T>,
    limit: Option<usize>,
    write: impl FnMut(&mut Vec<u8>, T),
) -> Response {
    let mut annotations = Annotations::default();
    if limit.is_some_and(|limit| found.len() > limit) {
        found.truncate(limit.unwrap_or(usize::MAX));
        annotations.warnings.push(TRUNCATED.to_owned());
    }
    success_with(|out| list(out, found, write), &annotations)
}
