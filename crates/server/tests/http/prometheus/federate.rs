//! What another Prometheus is told: `/federate`, what targets and features there are.

use std::time::Duration;

use serde_json::{Value, json};
use vigie_model::Labels;
use vigie_store::{STALE_BITS, Sample};
use vigie_testkit::{MetricsServer as _, Prometheus};

use super::metered::Metered;
use super::stored::{Stored, now};
use crate::filled::text;
use crate::security::listening;

fn written(stored: &Stored, pairs: &[(&str, &str)], samples: &[(i64, f64)]) {
    let series = stored.store.series(&Labels::from_pairs(pairs.iter().copied())).unwrap();
    let of = |(time, value): &(i64, f64)| Sample {
        series,
        time: *time,
        value: vigie_store::Value::Float(*value),
    };
    stored.store.append_wait(samples.iter().map(of).collect()).unwrap();
}

/// A store with the newest sample of `fed` at `time`, and with what is not told: what has ended and what is old.
fn filled(time: i64) -> Stored {
    let stored = Stored::federated(Labels::from_pairs([("dc", "eu")]));
    let fed = [("__name__", "fed"), ("job", "a"), ("instance", "h:1")];
    written(&stored, &fed, &[(time - 20_000, 1.0), (time, 2.5)]);
    // Names that are written alike, and not as this scraper takes them.
    let odd = [("__name__", "fed"), ("job", "b"), ("x.y", "1"), ("x:y", "2")];
    written(&stored, &odd, &[(time - 1_000, 1e9)]);
    written(&stored, &[("__name__", "other"), ("job", "c")], &[(time, 1.0)]);
    let ended = [(time - 5_000, 1.0), (time - 2_000, f64::from_bits(STALE_BITS))];
    written(&stored, &[("__name__", "ended"), ("job", "a")], &ended);
    written(&stored, &[("__name__", "old"), ("job", "a")], &[(time - 400_000, 1.0)]);
    stored
}

#[tokio::test]
async fn the_newest_sample_of_each_series_is_told_once() {
    let time = now();
    let stored = filled(time);
    let path = "/federate?match%5B%5D=%7Bjob%3D%22a%22%7D&match%5B%5D=fed&match%5B%5D=%7Bjob%3D~%22a%7Cb%22%7D";
    let response = stored.filled.get_with(path, &[]).await;
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let expected = format!(
        "# TYPE fed untyped\n\
         fed{{dc=\"eu\",instance=\"h:1\",job=\"a\"}} 2.5 {time}\n\
         fed{{dc=\"eu\",instance=\"\",job=\"b\",x_y=\"1\"}} 1000000000 {}\n",
        time - 1_000
    );
    assert_eq!(text(response).await, expected);
    assert_eq!(text(stored.filled.get_with("/federate", &[]).await).await, "");
    for wrong in ["%7B%7D", "sum(up)", "up%5B5m%5D"] {
        let (status, answer) = stored.filled.json(&format!("/federate?match%5B%5D={wrong}")).await;
        assert_eq!((status, &answer["errorType"]), (400, &json!("bad_data")), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_it() {
    let time = now();
    let stored = filled(time);
    let (address, _guard) = listening(&stored.filled).await;
    let start = move || {
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: vigie\n  honor_labels: true\n  \
             metrics_path: /federate\n  params: {{'match[]': ['{{job=~\"a|b\"}}']}}\n  \
             static_configs: [{{targets: [\"{address}\"]}}]\n"
        );
        Prometheus::builder().config(&config).start()
    };
    let prometheus = tokio::task::spawn_blocking(start).await.unwrap();
    let ask = |query: &str| prometheus.json(&format!("/api/v1/query?query={query}"));
    // Its own `up` is of the second scrape: that of the first is whole.
    let scrapes = || {
        let answer = ask("count_over_time(up%7Bjob%3D%22vigie%22%7D%5B5m%5D)");
        let count = answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned);
        count.and_then(|count| count.parse::<u32>().ok()).unwrap_or(0)
    };
    let mut waited = 0;
    while scrapes() < 2 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        waited += 1;
        assert!(waited < 300, "it scraped {} times", scrapes());
    }
    let answer = ask("%7Bdc%3D%22eu%22%7D%5B10m%5D");
    let mut found: Vec<Value> = answer["data"]["result"].as_array().unwrap().clone();
    found.sort_by_key(|one| one["metric"]["job"].to_string());
    let seconds = |millis: i64| json!(millis as f64 / 1_000.0);
    let expected = json!([
        {
            "metric": { "__name__": "fed", "job": "a", "instance": "h:1", "dc": "eu" },
            "values": [[seconds(time), "2.5"]],
        },
        {
            "metric": { "__name__": "fed", "job": "b", "dc": "eu", "x_y": "1" },
            "values": [[seconds(time - 1_000), "1000000000"]],
        },
    ]);
    assert_eq!(Value::Array(found), expected);
}

#[tokio::test]
async fn features_are_groups_of_names() {
    let (status, answer) = Metered::new().json("/api/v1/features").await;
    assert_eq!((status, &answer["status"]), (200, &json!("success")));
    for (group, name, there) in [
        ("api", "remote_write_receiver", true),
        ("api", "admin", false),
        ("promql", "subqueries", true),
        ("promql_functions", "rate", true),
        ("promql_operators", "topk", true),
        ("tsdb", "native_histograms", true),
    ] {
        assert_eq!(answer["data"][group][name], there, "{group} {name}");
    }
    assert_eq!(answer["data"]["promql_functions"]["topk"], Value::Null);
}

#[tokio::test]
async fn a_target_has_the_metrics_of_which_it_has_series() {
    let stored = Stored::federated(Labels::default());
    let now = stored.filled.now().millis();
    let of_main = [("__name__", "vigie_queue_jobs"), ("source", "main"), ("queue", "emails")];
    written(&stored, &of_main, &[(now, 1.0)]);
    let of_other = [("__name__", "vigie_source_up"), ("source", "other")];
    written(&stored, &of_other, &[(now, 1.0)]);
    let ask =
        async |more: &str| stored.filled.json(&format!("/api/v1/targets/metadata{more}")).await;
    let (status, answer) = ask("").await;
    let told = answer["data"].as_array().unwrap();
    assert_eq!((status, told.len()), (200, 1), "{answer}");
    assert_eq!(told[0]["target"]["source"], "main");
    assert_eq!(
        (&told[0]["metric"], &told[0]["type"]),
        (&json!("vigie_queue_jobs"), &json!("gauge"))
    );
    let (_, named) = ask("?metric=vigie_queue_jobs&match_target=%7Bsource%3D%22main%22%7D").await;
    assert_eq!(
        (&named["data"][0]["metric"], &named["data"][0]["help"]),
        (&Value::Null, &told[0]["help"])
    );
    for (more, count) in [
        ("?metric=vigie_source_up", 0),
        ("?match_target=%7Bsource%3D%22nobody%22%7D", 0),
        ("?limit=1", 1),
    ] {
        assert_eq!(ask(more).await.1["data"].as_array().unwrap().len(), count, "{more}");
    }
    let (status, answer) = ask("?match_target=%7B").await;
    assert_eq!((status, &answer["errorType"]), (400, &json!("bad_data")));
}
