//! `GET /metrics`: every series of the catalogue in Prometheus's text format, or OpenMetrics where asked for.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use vigie_board::DurationTotals;
use vigie_model::catalogue::{DURATION_BUCKETS, Metric, MetricKind};

use crate::series::{SeriesValue, SeriesVisitor, visit_series};
use crate::state::AppState;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every series of the catalogue. Absent figures have no series; a stale source's queues keep their last counts
/// out of sight, so that an alert on them cannot be quiet for the wrong reason.
#[utoipa::path(get, path = "/metrics", tag = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text, or OpenMetrics by Accept")))]
pub(crate) async fn metrics(State(app): State<AppState>, headers: HeaderMap) -> impl IntoResponse {
    let accepts =
        headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let open = accepts.contains("application/openmetrics-text");
    let kind = if open { OPENMETRICS } else { PROMETHEUS };
    ([(header::CONTENT_TYPE, kind), (header::VARY, "accept")], text(&app, open))
}

fn text(app: &AppState, open: bool) -> String {
    let mut out = Exposition { text: String::with_capacity(64 * 1024), open };
    visit_series(app, &mut out);
    if open {
        out.text.push_str("# EOF\n");
    }
    out.text
}

/// Writes series family by family.
struct Exposition {
    text: String,
    open: bool,
}

impl SeriesVisitor for Exposition {
    /// Begins a family. OpenMetrics names counters and infos without their suffix here.
    fn family(&mut self, metric: &'static Metric) {
        let (kind, suffix) = match metric.kind {
            MetricKind::Gauge => ("gauge", ""),
            MetricKind::Counter => ("counter", "_total"),
            MetricKind::Histogram => ("histogram", ""),
            MetricKind::Info if self.open => ("info", "_info"),
            MetricKind::Info => ("gauge", ""),
        };
        let name = if self.open { metric.name.trim_end_matches(suffix) } else { metric.name };
        let _ = writeln!(self.text, "# HELP {name} {}", metric.help);
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if self.open && !metric.unit.is_empty() && name.ends_with(metric.unit) {
            let _ = writeln!(self.text, "# UNIT {name} {}", metric.unit);
        }
    }

    fn series(&mut self, metric: &'static Metric, values: &[&str], value: SeriesValue<'_>) {
        match value {
            SeriesValue::Number(value) => self.sample(metric, "", values, None, value),
            SeriesValue::Durations(durations) => self.histogram(metric, values, durations),
        }
    }
}

impl Exposition {
    fn sample(
        &mut self,
        metric: &Metric,
        suffix: &str,
        values: &[&str],
        extra: Option<(&str, &str)>,
        value: f64,
    ) {
        debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
        self.text.push_str(metric.name);
        self.text.push_str(suffix);
        let own = metric.labels.iter().copied().zip(values.iter().copied());
        for (place, (label, value)) in own.chain(extra).enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        if !values.is_empty() || extra.is_some() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn histogram(&mut self, metric: &Metric, values: &[&str], durations: &DurationTotals) {
        let (counts, mut cumulative) = (durations.counts(), 0);
        for (count, bound) in counts.iter().zip(DURATION_BUCKETS) {
            cumulative += count;
            let bound = if self.open { format!("{bound:?}") } else { bound.to_string() };
            self.sample(metric, "_bucket", values, Some(("le", &bound)), cumulative as f64);
        }
        cumulative += counts.last().copied().unwrap_or(0);
        self.sample(metric, "_bucket", values, Some(("le", "+Inf")), cumulative as f64);
        self.sample(metric, "_sum", values, None, durations.sum());
        self.sample(metric, "_count", values, None, cumulative as f64);
    }
}

/// Puts what stands within quotes in a text of this format.
pub(crate) fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}
