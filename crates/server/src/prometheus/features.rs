//! `/api/v1/features`: what of Prometheus there is, for clients that ask before they use it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use vigie_query::promql::{self, FunctionKind};

use super::success::success_of;
use crate::state::AppState;

/// Of the whole language everything is there, what Prometheus has behind flags included.
const LANGUAGE: [&str; 18] = [
    "anchored",
    "at_modifier",
    "bool",
    "by",
    "duration_expr",
    "fill",
    "fill_left",
    "fill_right",
    "group_left",
    "group_right",
    "ignoring",
    "negative_offset",
    "offset",
    "on",
    "per_query_lookback_delta",
    "smoothed",
    "subqueries",
    "without",
];
const OPERATORS: [&str; 19] = [
    "!=", "!~", "%", "*", "+", "-", "/", "<", "<=", "==", "=~", ">", ">=", "@", "^", "and",
    "atan2", "or", "unless",
];

/// What there is of Prometheus's features, by its names and in its groups; what Vigie does not have is false.
#[utoipa::path(get, path = "/api/v1/features", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer: groups of names, each true or false", content_type = "application/json")))]
pub(crate) async fn features(State(app): State<AppState>) -> Response {
    success_of(&all(app.metrics.is_some()))
}

fn all(has_metrics: bool) -> BTreeMap<&'static str, BTreeMap<&'static str, bool>> {
    let of = |wanted: FunctionKind| {
        promql::functions().filter(move |one| one.kind == wanted).map(|one| (one.name, true))
    };
    let operators = OPERATORS.map(|name| (name, true)).into_iter();
    BTreeMap::from([
        (
            "api",
            BTreeMap::from([
                ("admin", false),
                ("exclude_alerts", false),
                ("label_values_match", true),
                ("lifecycle", false),
                ("otlp_write_receiver", has_metrics),
                ("query_stats", true),
                ("query_warnings", true),
                ("remote_write_receiver", has_metrics),
                ("time_range_labels", true),
                ("time_range_series", true),
            ]),
        ),
        ("promql", LANGUAGE.map(|name| (name, true)).into()),
        ("promql_functions", of(FunctionKind::Function).collect()),
        ("promql_operators", operators.chain(of(FunctionKind::Aggregation)).collect()),
        (
            "tsdb",
            BTreeMap::from([("exemplar_storage", has_metrics), ("native_histograms", has_metrics)]),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use vigie_query::promql::parse;

    use super::*;

    #[test]
    fn what_is_said_to_be_there_is_there() {
        let all = all(true);
        for (query, group, name) in [
            ("rate(a[5m] anchored)", "promql", "anchored"),
            ("rate(a[5m] smoothed)", "promql", "smoothed"),
            ("a[5m + 1m]", "promql", "duration_expr"),
            ("a + fill(0) b", "promql", "fill"),
            ("a + fill_left(0) b", "promql", "fill_left"),
            ("a + fill_right(0) b", "promql", "fill_right"),
            ("a offset -5m", "promql", "negative_offset"),
            ("a @ 5", "promql_operators", "@"),
            ("a atan2 b", "promql_operators", "atan2"),
            ("limit_ratio(0.5, a)", "promql_operators", "limit_ratio"),
            ("info(a)", "promql_functions", "info"),
            ("mad_over_time(a[5m])", "promql_functions", "mad_over_time"),
        ] {
            assert_eq!(all[group].get(name), Some(&true), "{name}");
            assert!(parse(query).is_ok(), "{query}");
        }
    }
}
