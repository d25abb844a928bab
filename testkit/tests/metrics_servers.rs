//! The servers that Vigie is compared with start, take samples and answer.

use serde_json::{Value, json};
use vigie_testkit::{MetricsServer, Prometheus, RemoteSeries, VictoriaMetrics};

/// Three samples, the last of which ends the series.
fn series() -> Vec<RemoteSeries> {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let samples = vec![(BASE, 1.5), (BASE + 15_000, 4.0), (BASE + 30_000, stale)];
    vec![
        RemoteSeries::new(&[("__name__", "jobs"), ("queue", "mail")], samples),
        RemoteSeries::new(&[("queue", "mail"), ("__name__", "other")], vec![(BASE, 7.0)]),
    ]
}

const BASE: i64 = 1_700_000_000_000;

fn results(answer: &Value) -> &Value {
    assert_eq!(answer["status"], "success", "{answer}");
    &answer["data"]["result"]
}

#[test]
fn prometheus_takes_samples_answers_and_keeps_them() {
    let mut server = Prometheus::start();
    server.write(&series());
    let answered = |server: &Prometheus| {
        let answer = server.query_range("jobs", BASE, BASE + 30_000, 7_500);
        assert_eq!(
            results(&answer)[0]["values"],
            json!([
                [1_700_000_000, "1.5"],
                [1_700_000_007.5, "1.5"],
                [1_700_000_015, "4"],
                [1_700_000_022.5, "4"]
            ])
        );
    };
    answered(&server);
    assert_eq!(results(&server.query("sum(other)", BASE))[0]["value"][1], "7");
    assert_eq!(server.query("sum(", BASE)["errorType"], "bad_data");

    let (_, memory) = server.used();
    assert!(memory > 1 << 20, "{memory}");
    server.kill();
    server.boot();
    answered(&server);
    server.stop();
    assert!(server.log().contains("See you next time!"), "{}", server.log());
}

#[test]
fn victoria_metrics_takes_samples_answers_and_keeps_them() {
    let mut server = VictoriaMetrics::start();
    server.write(&series());
    assert_eq!(results(&server.query("jobs", BASE + 20_000))[0]["value"][1], "4");
    assert_eq!(results(&server.query("sum(other)", BASE))[0]["value"][1], "7");
    server.stop();
    server.boot();
    assert_eq!(results(&server.query("jobs", BASE + 20_000))[0]["value"][1], "4");
    assert!(server.log().contains("started"), "{}", server.log());
}
