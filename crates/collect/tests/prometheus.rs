//! Exporters, scraped by Vigie and by a real Prometheus with the same words of configuration: what both have is the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use vigie_collect::source::RunContext;
use vigie_collect::source::prometheus::{self, PrometheusConfig, RawPrometheusConfig};
use vigie_collect::{SystemClock, observations, samples};
use vigie_model::{Instance, InstanceStatus, Observation, ScrapeReading, ScrapedValue};
use vigie_testkit::{
    Exporter, MetricsServer as _, NameServer, Postgres, Prometheus, RedisServer, TextServer,
    form_encoded,
};

/// The bits of the value that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A source that runs until dropped, and what came of it.
struct Scraping {
    readings: Arc<Mutex<Vec<ScrapeReading>>>,
    instances: Arc<Mutex<Vec<Instance>>>,
    stop: CancellationToken,
}

impl Drop for Scraping {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scraping {
    fn start(config: Value) -> Self {
        let raw: RawPrometheusConfig = serde_json::from_value(config).unwrap();
        let config = PrometheusConfig::try_from(raw).unwrap();
        let (out, seen) = observations(10_000);
        let (sender, receiver) = samples(1_000_000);
        let stop = CancellationToken::new();
        let context = RunContext { clock: Arc::new(SystemClock::start()), out, stop: stop.clone() };
        tokio::spawn(prometheus::run(config, sender, context));
        let (readings, instances) = (Arc::default(), Arc::default());
        let scraping =
            Self { readings: Arc::clone(&readings), instances: Arc::clone(&instances), stop };
        tokio::spawn(async move {
            loop {
                let reading = receiver.receive().await;
                readings.lock().unwrap().push(reading);
            }
        });
        tokio::spawn(async move {
            loop {
                for one in seen.receive().await {
                    if let Observation::Instances(reading) = one {
                        *instances.lock().unwrap() = reading.instances;
                    }
                }
            }
        });
        scraping
    }

    /// The last value of each series, by its labels as they are written; those that ended are not there.
    fn last(&self) -> BTreeMap<String, f64> {
        let mut last = BTreeMap::new();
        for sample in self.readings.lock().unwrap().iter().flat_map(|reading| &reading.samples) {
            let series = sample.labels.to_string();
            match &sample.value {
                ScrapedValue::Float(value) if value.to_bits() == STALE => {
                    last.remove(&series);
                }
                ScrapedValue::Float(value) => {
                    last.insert(series, *value);
                }
                ScrapedValue::Histogram(histogram) => {
                    last.insert(series, histogram.count);
                }
            }
        }
        last
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "{what} {:?}",
                self.instances.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn is_up(scraping: &Scraping, targets: usize) -> bool {
    let instances = scraping.instances.lock().unwrap();
    instances.len() == targets && instances.iter().all(|one| one.status == InstanceStatus::Up)
}

/// Series of a real Prometheus, by their labels, with their values. Debian's is older than 3, which writes bounds in one
/// way: that is made up for here.
fn theirs(prometheus: &Prometheus, selector: &str) -> BTreeMap<String, f64> {
    let answer = prometheus.json(&format!("/api/v1/query?query={}", form_encoded(selector)));
    let series = answer["data"]["result"].as_array().unwrap().iter();
    series
        .map(|one| {
            let pairs = one["metric"].as_object().unwrap().iter();
            let labels = vigie_model::Labels::from_pairs(
                pairs.map(|(name, value)| (name, value.as_str().unwrap())),
            );
            (labels.to_string(), one["value"][1].as_str().unwrap().parse().unwrap())
        })
        .collect()
}

/// Debian's Prometheus is older than 3, which writes bounds in one way: whole ones without `.0` are as good.
fn evened(series: &str) -> String {
    let mut all = series.to_owned();
    for name in ["le", "quantile"] {
        let Some((before, rest)) = series.split_once(&format!("{name}=\"")) else { continue };
        let Some((bound, after)) = rest.split_once('"') else { continue };
        if let Ok(number) = bound.parse::<f64>() {
            all = format!("{before}{name}=\"{number}\"{after}");
        }
    }
    all
}

const TEXT: &str = "# HELP jobs_total How many.\n# TYPE jobs_total counter\n\
    jobs_total{queue=\"a\",job=\"mine\"} 10\njobs_total{queue=\"b\\n\\\"\\\\\",instance=\"there\"} 2.5e3\n\
    jobs_total{queue=\"drop-me\"} 1\nodd NaN\nlarge +Inf\nsmall -0\n\
    seconds_bucket{le=\"1\"} 3\nseconds_bucket{le=\"+Inf\"} 4\nseconds_sum 7.25\nseconds_count 4\n\
    go_goroutines 12\n";

/// The same rules for both; JSON is YAML.
fn rules() -> Value {
    json!({
        "metric_relabel_configs": [
            {"source_labels": ["queue"], "regex": "drop-.*", "action": "drop"},
            {"source_labels": ["__name__"], "regex": "go_(.*)", "target_label": "__name__", "replacement": "runtime_$1"},
            {"regex": "exported_(.+)", "action": "labelmap", "replacement": "own_$1"},
            {"source_labels": ["__name__", "queue"], "modulus": 7, "action": "hashmod", "target_label": "shard"},
        ],
        "relabel_configs": [
            {"source_labels": ["__address__"], "regex": "(.*):.*", "target_label": "host"},
            {"source_labels": ["job"], "action": "uppercase", "target_label": "job"},
        ],
        "params": {"only": ["a b", "c"]},
        "static_configs": [],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_gives_what_prometheus_makes_of_it() {
    let server = TextServer::start("text/plain; version=0.0.4", TEXT);
    let address = format!("127.0.0.1:{}", server.port());
    let mut own = rules();
    own["static_configs"] = json!([{"targets": [address], "labels": {"team": "ops"}}]);
    let mut scrape = own.clone();
    scrape["job_name"] = "x".into();
    let config =
        json!({"global": {"scrape_interval": "5s", "scrape_timeout": "4s"}, "scrape_configs": [scrape]}).to_string();
    let prometheus =
        tokio::task::spawn_blocking(move || Prometheus::builder().config(&config).start())
            .await
            .unwrap();
    own["name"] = "x".into();
    own["poll_seconds"] = 0.5.into();
    let scraping = Scraping::start(own);
    scraping.until("the text is not scraped", |all| is_up(all, 1)).await;
    let begin = Instant::now();
    let mut known = BTreeMap::new();
    while known.len() < 10 {
        assert!(begin.elapsed() < Duration::from_secs(60), "{known:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        known = theirs(&prometheus, "{job=\"X\"}");
    }
    let changing = |name: &String| {
        name.starts_with("scrape_duration") || name.starts_with("scrape_series_added")
    };
    let bits = |all: BTreeMap<String, f64>| -> BTreeMap<String, u64> {
        let bits = |value: f64| if value.is_nan() { 1 } else { value.to_bits() };
        all.into_iter()
            .filter(|(name, _)| !changing(name))
            .map(|(name, value)| (name, bits(value)))
            .collect()
    };
    assert_eq!(bits(scraping.last()), bits(known));
    let families = scraping.readings.lock().unwrap()[0].families.clone();
    assert_eq!((families[0].kind.as_str(), families[0].help.as_str()), ("counter", "How many."));

    // What is gone ends, and so does everything when it is no exposition any more.
    server.set("odd 5\n");
    scraping.until("series do not end", |all| all.last().len() == 1 + 5).await;
    server.set("<html>");
    scraping.until("a page for people is taken for metrics", |all| !is_up(all, 1)).await;
    let error = scraping.instances.lock().unwrap()[0].error.clone().unwrap();
    assert!(error.ends_with("line 1: \"<html>\" is no name of a metric"), "{error}");
    let last = scraping.last();
    assert!(
        last.len() == 5 && last.iter().any(|(name, up)| name.starts_with("up{") && *up == 0.0),
        "{last:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exporters_that_many_have_just_work() {
    let redis = RedisServer::start();
    redis.run(&["SET", "a", "1"]);
    let database = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let (node, own, postgres) =
        (Exporter::node(), Exporter::redis(redis.port()), Exporter::postgres(&database.url()));
    let targets = [node.address(), own.address(), postgres.address()];
    let scrape = json!({"job_name": "all", "static_configs": [{"targets": targets}]});
    let config =
        json!({"global": {"scrape_interval": "5s", "scrape_timeout": "4s"}, "scrape_configs": [scrape]}).to_string();
    let prometheus =
        tokio::task::spawn_blocking(move || Prometheus::builder().config(&config).start())
            .await
            .unwrap();
    let scraping = Scraping::start(
        json!({"name": "all", "targets": targets, "poll_seconds": 8, "timeout_seconds": 4}),
    );
    scraping.until("an exporter is not scraped", |all| is_up(all, 3)).await;
    let begin = Instant::now();
    loop {
        // Series come and go on a machine that works: those of every device, say. Most stay.
        let even = |all: BTreeMap<String, f64>| -> BTreeSet<String> {
            all.into_keys().map(|series| evened(&series)).collect()
        };
        let ours = even(scraping.last());
        let known = even(theirs(&prometheus, "{job=\"all\"}"));
        let differ = ours.symmetric_difference(&known).count();
        if ours.len() > 500 && differ * 100 < ours.len() {
            break;
        }
        let few: Vec<_> = ours.symmetric_difference(&known).take(10).collect();
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{} and {}: {few:?}",
            ours.len(),
            known.len()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let value = |all: &Scraping, name: &str| {
        let last = all.last();
        last.iter().find(|(series, _)| series.starts_with(name)).map(|(_, value)| *value)
    };
    scraping.until("pg_up is not there", |all| value(all, "pg_up{") == Some(1.0)).await;
    let size = |all: &Scraping| value(all, "pg_database_size_bytes{");
    scraping.until("no database", |all| size(all).is_some_and(|bytes| bytes > 1e6)).await;
    scraping.until("redis_up is not there", |all| value(all, "redis_up{") == Some(1.0)).await;
    let memory = |all: &Scraping| value(all, "node_memory_MemTotal_bytes{");
    scraping.until("no memory", |all| memory(all).is_some_and(|bytes| bytes > 1e6)).await;
    let keys = |all: &Scraping| value(all, "redis_db_keys{db=\"db0\"");
    scraping.until("no keys", |all| keys(all) == Some(1.0)).await;
}

#[test]
fn a_configuration_that_cannot_be_says_why() {
    let says = |config: Value| {
        let raw: Result<RawPrometheusConfig, _> = serde_json::from_value(config);
        match raw {
            Ok(raw) => PrometheusConfig::try_from(raw).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    };
    let with = |key: &str, value: Value| says(json!({"name": "x", "targets": ["a:1"], key: value}));
    assert!(
        says(json!({"name": "x"}))
            .starts_with("targets, static_configs, dns or dns_sd_configs: at least one target")
    );
    assert!(says(json!({"name": "x", "targets": ["http://a/"]})).contains("no address"));
    assert!(with("scheme", "ftp".into()).contains("neither http nor https"));
    assert!(with("dns", "nobody".into()).contains("dns: \"nobody\" is no host:port"));
    assert!(with("scrape_interval", "5s".into()).contains("unknown field `scrape_interval`"));
    let rule = |rule: Value| with("metric_relabel_configs", json!([rule]));
    assert_eq!(
        rule(json!({"action": "x"})).split(':').nth(1).map(str::trim),
        Some("unknown action \"x\"")
    );
    assert!(rule(json!({"regex": "("})).starts_with("metric_relabel_configs: regex \"(\": "));
    assert!(rule(json!({})).contains("the action replace needs target_label"));
    let drops = json!({"source_labels": ["job"], "action": "drop"});
    assert!(with("relabel_configs", json!([drops])).starts_with("targets, static_configs, dns or"));
    let dns = |one: Value| with("dns_sd_configs", json!([one]));
    assert!(dns(json!({"names": []})).contains("names has no name"));
    assert!(dns(json!({"names": ["a"], "type": "A"})).contains("a port is needed"));
    assert!(dns(json!({"names": ["a"], "type": "MX"})).contains("none of SRV, A, AAAA"));
    assert!(with("dns_server", "consul".into()).contains("dns_server"));
    assert!(with("body_size_limit", 0.into()).contains("use 1 to 16777216"));
}

const PLAIN: &str = "text/plain; version=0.0.4";

fn address(server: &TextServer) -> String {
    format!("127.0.0.1:{}", server.port())
}

/// A source whose targets a name server of the test's own knows by SRV.
fn by_name(names: &NameServer, names_of: Value, more: Value) -> Value {
    let mut config = json!({
        "name": "shop", "poll_seconds": 1, "dns_server": format!("127.0.0.1:{}", names.port()),
        "dns_sd_configs": [{"names": names_of}],
        "relabel_configs": [
            {"source_labels": ["__meta_dns_srv_record_port"], "target_label": "__address__", "replacement": "127.0.0.1:$1",
             "regex": "(.+)"},
            {"source_labels": ["__meta_dns_srv_record_target"], "target_label": "host"},
            {"source_labels": ["__meta_dns_name"], "target_label": "service"},
        ],
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_those_that_the_dns_lists_and_the_last_known_while_it_is_silent() {
    let (one, two) = (TextServer::start(PLAIN, "asked 1\n"), TextServer::start(PLAIN, "asked 2\n"));
    let names = NameServer::start(&[one.port()]);
    let service = json!(["_http._tcp.shop.test"]);
    let scraping = Scraping::start(by_name(&names, service.clone(), json!({})));
    scraping.until("the first is not scraped", |all| is_up(all, 1)).await;
    names.set(&[one.port(), two.port()]);
    scraping.until("the second is not scraped", |all| is_up(all, 2)).await;
    let asked = |server: &TextServer, value: f64| {
        let labels = format!(
            r#"asked{{host="host.test", instance="{}", job="shop", service="_http._tcp.shop.test"}}"#,
            address(server)
        );
        (labels, value)
    };
    let last = scraping.last();
    for (series, value) in [asked(&one, 1.0), asked(&two, 2.0)] {
        assert_eq!(last.get(&series), Some(&value), "{last:?}");
    }
    names.set(&[two.port()]);
    scraping.until("the first is still scraped", |all| is_up(all, 1)).await;
    scraping.until("its series go on", |all| !all.last().contains_key(&asked(&one, 1.0).0)).await;
    // A name server that answers no more takes no target away.
    drop(names);
    let before = scraping.readings.lock().unwrap().len();
    let more = |all: &Scraping| all.readings.lock().unwrap().len() > before + 2;
    scraping.until("nobody is scraped without a name server", more).await;
    assert!(scraping.last().contains_key(&asked(&two, 2.0).0));

    // Beside a service that nobody knows, the others are asked.
    let names = NameServer::start(&[two.port()]);
    let unknown = json!(["_http._tcp.nobody.test"]);
    let more = json!({"static_configs": [{"targets": [address(&one)]}]});
    let scraping = Scraping::start(by_name(&names, unknown, more));
    scraping.until("the listed one is not scraped", |all| is_up(all, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_bytes_and_targets_are_kept() {
    let server = TextServer::start(PLAIN, &"a_metric{of=\"a value\"} 1\n".repeat(100));
    let target = address(&server);
    let config = |more: Value| {
        let mut config = json!({"name": "x", "poll_seconds": 1, "targets": [target]});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let failed = |says: &'static str| {
        move |all: &Scraping| {
            let instances = all.instances.lock().unwrap();
            instances.iter().any(|one| one.error.as_ref().is_some_and(|error| error.contains(says)))
        }
    };
    let scraping = Scraping::start(config(json!({"body_size_limit": 1000})));
    scraping.until("it is read", failed("larger than 1000 bytes")).await;
    let raw: RawPrometheusConfig =
        serde_json::from_value(config(json!({"target_limit": 1, "targets": ["a:1", "b:1"]})))
            .unwrap();
    let error = PrometheusConfig::try_from(raw).unwrap_err().to_string();
    assert_eq!(error, "targets: 2 is out of range; use 1 to 1");
}
