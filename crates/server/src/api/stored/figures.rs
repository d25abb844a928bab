//! Which PromQL is behind each column of a chart.

use std::collections::BTreeMap;

use vigie_model::QueueId;
use vigie_model::catalogue::{self, Metric};

/// What is looked at: one queue, or all together.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// All queues together, by the series that the catalogue has for that.
    Overall,
    /// One queue.
    Queue(&'a QueueId),
}

/// Rates look at so many samples at least, so that one that is late makes no gap.
const SAMPLES_OF_A_RATE: i64 = 4;
/// Percentiles of less than a minute jump about.
const SECONDS_OF_A_PERCENTILE: i64 = 60;

/// Each column with its query, for steps of `step` seconds of a source that is polled every `interval` seconds.
///
/// Gauges are averages over each step, rates are over each step or over four polls if that is longer, percentiles over
/// each step or over a minute.
pub(crate) fn queries(
    subject: Subject<'_>,
    own: &Own,
    step: i64,
    interval: i64,
) -> Vec<(&'static str, String)> {
    let gauges = step.max(2 * interval);
    let rates = step.max(SAMPLES_OF_A_RATE * interval);
    let percentiles = rates.max(SECONDS_OF_A_PERCENTILE);
    let metric = |of_queue: &Metric, overall: &Metric, more: &[(&str, &str)]| match subject {
        Subject::Overall => selector(overall, own, None, more),
        Subject::Queue(id) => selector(of_queue, own, Some(id), more),
    };
    let gauge = |of_queue, overall, more: &[(&str, &str)]| {
        format!("sum(avg_over_time({}[{gauges}s]))", metric(of_queue, overall, more))
    };
    let jobs = |state| gauge(&catalogue::QUEUE_JOBS, &catalogue::OVERALL_JOBS, &[("state", state)]);
    let finished = |more: &[(&str, &str)]| {
        let series = metric(&catalogue::JOBS_FINISHED, &catalogue::OVERALL_FINISHED, more);
        format!("sum(rate({series}[{rates}s]))")
    };
    let enqueued = metric(&catalogue::JOBS_ENQUEUED, &catalogue::OVERALL_ENQUEUED, &[]);
    let percentile = |quantile, of_queue, overall| {
        let series = metric(of_queue, overall, &[]);
        format!("histogram_quantile({quantile}, sum(rate({series}[{percentiles}s])))")
    };
    let wait = |quantile| percentile(quantile, &catalogue::JOB_WAIT, &catalogue::OVERALL_WAIT);
    let run = |quantile| percentile(quantile, &catalogue::JOB_RUN, &catalogue::OVERALL_RUN);
    vec![
        ("waiting", jobs("waiting")),
        ("active", jobs("active")),
        ("scheduled", jobs("scheduled")),
        ("retry", jobs("retry")),
        ("workers", gauge(&catalogue::QUEUE_WORKERS, &catalogue::OVERALL_WORKERS, &[])),
        ("capacity", gauge(&catalogue::QUEUE_CAPACITY, &catalogue::OVERALL_CAPACITY, &[])),
        ("busy", gauge(&catalogue::QUEUE_BUSY, &catalogue::OVERALL_BUSY, &[])),
        ("in_rate", format!("sum(rate({enqueued}[{rates}s]))")),
        ("out_rate", finished(&[])),
        ("failed_rate", finished(&[("outcome", "failed")])),
        ("wait_p50", wait("0.5")),
        ("wait_p95", wait("0.95")),
        ("run_p50", run("0.5")),
        ("run_p95", run("0.95")),
    ]
}

/// How many attempts fell into which bucket in each step: a native histogram a step.
pub(crate) fn heat_query(
    subject: Subject<'_>,
    own: &Own,
    figure: HeatFigure,
    job_type: Option<&str>,
    window: i64,
) -> String {
    let (of_queue, overall) = match figure {
        HeatFigure::Wait => (&catalogue::JOB_WAIT, &catalogue::OVERALL_WAIT),
        HeatFigure::Run => (&catalogue::JOB_RUN, &catalogue::OVERALL_RUN),
    };
    let more: Vec<(&str, &str)> = job_type.map(|name| ("type", name)).into_iter().collect();
    let series = match subject {
        Subject::Overall => selector(overall, own, None, &[]),
        Subject::Queue(id) => selector(of_queue, own, Some(id), &more),
    };
    format!("sum(increase({series}[{window}s]))")
}

/// Whose durations a heat map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeatFigure {
    /// From eligible to started.
    Wait,
    /// From started to finished.
    Run,
}

/// What tells Vigie's own series from copies and from those of another Vigie: see `Metrics::own`.
type Own = BTreeMap<String, String>;

fn selector(metric: &Metric, own: &Own, queue: Option<&QueueId>, more: &[(&str, &str)]) -> String {
    let of_queue = queue.map(|id| {
        [("source", id.source.as_str()), ("kind", id.broker.as_str()), ("queue", id.name.as_str())]
    });
    let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let matchers: Vec<String> = of_queue
        .into_iter()
        .flatten()
        .chain(more.iter().copied())
        .chain(own)
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    format!("{}{{{}}}", metric.name, matchers.join(","))
}

/// A string of PromQL.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_model::{Broker, Name, SourceName};

    #[test]
    fn names_with_quotes_stay_one_string() {
        let id = QueueId {
            source: SourceName::new("main"),
            broker: Broker::Bull,
            name: Name::from("a\"}\\\nb"),
        };
        let own = |pairs: &[(&str, &str)]| -> Own {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let of_queue = queries(Subject::Queue(&id), &own(&[("job", "")]), 300, 1);
        assert_eq!(
            of_queue[0].1,
            r#"sum(avg_over_time(vigie_queue_jobs{source="main",kind="bull",queue="a\"}\\\nb",state="waiting",job=""}[300s]))"#
        );
        let overall = queries(Subject::Overall, &own(&[("job", ""), ("vigie", "a")]), 1, 1);
        assert_eq!(
            overall[7],
            (
                "in_rate",
                "sum(rate(vigie_overall_enqueued_total{job=\"\",vigie=\"a\"}[4s]))".to_owned()
            )
        );
        assert_eq!(
            overall[11].1,
            "histogram_quantile(0.95, sum(rate(vigie_overall_wait_seconds{job=\"\",vigie=\"a\"}[60s])))"
        );
    }

    #[test]
    fn every_column_of_the_live_history_has_a_query() {
        let names: Vec<&str> =
            queries(Subject::Overall, &Own::new(), 1, 1).iter().map(|(name, _)| *name).collect();
        let live = crate::api::figures(&vigie_board::Point::default()).map(|(name, _)| name);
        assert_eq!(names, live);
    }
}
