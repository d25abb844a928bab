use proptest::prelude::*;
use prost::Message as _;
use vigie_model::{Labels, ScrapedValue};

use super::*;

fn text(body: &str) -> Result<Decoded, DecodeError> {
    decode(Format::Text, body.as_bytes(), &Limits::default())
}

fn open(body: &str) -> Result<Decoded, DecodeError> {
    decode(Format::OpenMetrics, body.as_bytes(), &Limits::default())
}

/// As one would write it: series, value, and the time where there is one.
fn lines(decoded: &Decoded) -> Vec<String> {
    let line = |sample: &vigie_model::ScrapedSample| {
        let value = match &sample.value {
            ScrapedValue::Float(value) => value.to_string(),
            ScrapedValue::Histogram(histogram) => {
                format!("{:?} of {}", histogram.positive, histogram.count)
            }
        };
        let time = sample.time_millis.map_or(String::new(), |time| format!(" @{time}"));
        format!("{} {value}{time}", sample.labels)
    };
    decoded.samples.iter().map(line).collect()
}

#[test]
fn the_text_format_is_read() {
    let body = "# HELP http_requests_total How many\\nrequests \\\\ all.\n\
                # TYPE http_requests_total counter\n\
                http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\
                http_requests_total {method = \"po\\\"st\\n\\\\\" , code=\"400\", }   3\n\
                # just a comment\n\n\
                \tsomething_weird{problem=\"division by zero\"} +Inf -3982045\r\n\
                {\"a.b/c\",\"größe\"=\"1\"} NaN\n\
                minimal 12.5e-3";
    let decoded = text(body).unwrap();
    assert_eq!(
        lines(&decoded),
        [
            r#"http_requests_total{code="200", method="post"} 1027 @1395066363000"#,
            r#"http_requests_total{code="400", method="po\"st\n\\"} 3"#,
            r#"something_weird{problem="division by zero"} inf @-3982045"#,
            r#"a.b/c{größe="1"} NaN"#,
            "minimal 0.0125",
        ]
    );
    assert_eq!(decoded.families.len(), 1);
    assert_eq!(decoded.families[0].help, "How many\nrequests \\ all.");
    assert_eq!(decoded.families[0].kind, "counter");
    // A NaN that is told is a value, not the end of the series.
    let ScrapedValue::Float(nan) = decoded.samples[3].value else { panic!("a float") };
    assert_eq!(nan.to_bits(), 0x7ff8_0000_0000_0001);
}

#[test]
fn openmetrics_has_seconds_exemplars_and_an_end() {
    let body = "# TYPE foo histogram\n# UNIT foo seconds\n\
                foo_bucket{le=\"0.5\"} 4 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879607.789\n\
                foo_count 17\n# EOF\n";
    let decoded = open(body).unwrap();
    assert_eq!(lines(&decoded), [r#"foo_bucket{le="0.5"} 4 @1520879607789"#, "foo_count 17"]);
    assert_eq!((decoded.exemplars, decoded.families[0].unit.as_str()), (1, "seconds"));
    assert_eq!(open("foo 1\n"), Err(DecodeError::NoEnd));
    let late = open("# EOF\nfoo 1\n").unwrap_err();
    assert_eq!(late.to_string(), "line 2: something follows `# EOF`");
    // In the other format it is a comment.
    assert_eq!(text("# EOF\nfoo 1\n").unwrap().samples.len(), 1);
}

#[test]
fn bounds_are_written_in_one_way() {
    let body = "# TYPE s summary\ns{quantile=\"1\"} 1\ns_sum{quantile=\"1\"} 1\n\
                # TYPE h histogram\nh_bucket{le=\"1000000\"} 1\nh_bucket{le=\"5e-05\"} 1\nh_bucket{le=\"+Inf\"} 2\n\
                # TYPE g gauge\ng{le=\"1\"} 1\n";
    assert_eq!(
        lines(&text(body).unwrap()),
        [
            r#"s{quantile="1.0"} 1"#,
            r#"s_sum{quantile="1"} 1"#,
            r#"h_bucket{le="1e+06"} 1"#,
            r#"h_bucket{le="5e-05"} 1"#,
            r#"h_bucket{le="+Inf"} 2"#,
            r#"g{le="1"} 1"#,
        ]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (line, says) in [
        ("foo", "\"\" is no number"),
        ("foo bar", "\"bar\" is no number"),
        ("1foo 1", "\"1foo\" is no name of a metric"),
        ("{a=\"b\"} 1", "a sample without a name"),
        ("{\"\"} 1", "a sample without a name"),
        ("foo{a=b} 1", "`\"` is missing before \"b} 1\""),
        ("foo{a=\"b} 1", "a text in quotes does not end"),
        ("foo{a\"b\"} 1", "\"a\\\"b\\\"\" is no name of a label"),
        ("foo{a=\"1\" b=\"2\"} 1", "`,` or `}` is missing behind a label"),
        ("foo{a=\"1\",a=\"2\"} 1", "a label comes twice"),
        ("foo{__name__=\"bar\"} 1", "a label comes twice"),
        ("foo 1 1.5", "\"1.5\" is no time in milliseconds"),
        ("foo 1 99999999999999999999", "\"99999999999999999999\" is no time in milliseconds"),
        ("foo 1 2 3", "\"3\" follows the value"),
        ("foo{", "\"\" is no name of a label"),
    ] {
        let error = text(&format!("good 1\n{line}\n")).unwrap_err();
        assert_eq!(error.to_string(), format!("line 2: {says}"), "{line}");
    }
    let broken = decode(Format::Text, b"good 1\nfoo{a=\"\xff\"} 1\n", &Limits::default());
    assert_eq!(broken.unwrap_err().to_string(), "line 2: it is not UTF-8");
}

#[test]
fn limits_are_named() {
    let limits = Limits { samples: 2, labels: 2, label_name: 8, label_value: 8 };
    let says = |body: &str| decode(Format::Text, body.as_bytes(), &limits).unwrap_err().to_string();
    assert!(says("a 1\nb 1\nc 1\n").contains("more than 2 samples: raise sample_limit"));
    assert!(says("a{x=\"1\",y=\"2\",z=\"3\"} 1").contains("label_limit"));
    assert!(says("a{x=\"123456789\"} 1").contains("label_value_length_limit"));
    assert!(says("a{x23456789=\"1\"} 1").contains("label_name_length_limit"));
}

#[test]
fn a_page_for_people_is_no_exposition() {
    assert_eq!(Format::of(None), Ok(Format::Text));
    assert_eq!(Format::of(Some("text/plain; version=0.0.4; charset=utf-8")), Ok(Format::Text));
    assert_eq!(
        Format::of(Some("application/openmetrics-text; version=1.0.0")),
        Ok(Format::OpenMetrics)
    );
    let protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    assert_eq!(Format::of(Some(protobuf)), Ok(Format::Protobuf));
    let page = Format::of(Some("text/html; charset=utf-8")).unwrap_err();
    assert!(page.to_string().contains("\"text/html; charset=utf-8\", not metrics"), "{page}");
}

/// A gauge, a classic histogram, a native one and a summary.
fn families() -> Vec<u8> {
    let mut body = Vec::new();
    let pair = |name: &str, value: &str| protobuf::Pair { name: name.into(), value: value.into() };
    let classic = protobuf::Histogram {
        count: 5,
        sum: 2.5,
        buckets: vec![
            protobuf::Bucket { cumulative_count: 3, upper_bound: 1.0, ..Default::default() },
            protobuf::Bucket { cumulative_count: 4, upper_bound: 1e6, ..Default::default() },
        ],
        ..Default::default()
    };
    let native = protobuf::Histogram {
        count: 6,
        sum: 9.0,
        schema: Some(3),
        zero_threshold: 1e-128,
        positive_spans: vec![
            protobuf::Span { offset: -2, length: 2 },
            protobuf::Span { offset: 1, length: 1 },
        ],
        positive_deltas: vec![1, 2, -1],
        ..Default::default()
    };
    for (name, kind, metric) in [
        (
            "jobs",
            1,
            protobuf::Metric {
                gauge: Some(protobuf::Single { value: 4.5 }),
                labels: vec![pair("queue", "a")],
                ..Default::default()
            },
        ),
        (
            "seconds",
            4,
            protobuf::Metric {
                histogram: Some(classic),
                timestamp_ms: Some(7),
                ..Default::default()
            },
        ),
        ("exact_seconds", 4, protobuf::Metric { histogram: Some(native), ..Default::default() }),
        (
            "size",
            2,
            protobuf::Metric {
                summary: Some(protobuf::Summary {
                    count: 2,
                    sum: 8.0,
                    quantiles: vec![protobuf::Quantile { quantile: 0.5, value: 4.0 }],
                }),
                ..Default::default()
            },
        ),
    ] {
        let family = protobuf::MetricFamily {
            name: name.into(),
            kind,
            metrics: vec![metric],
            help: "Words.".into(),
            unit: String::new(),
        };
        body.extend(family.encode_length_delimited_to_vec());
    }
    body
}

#[test]
fn protobuf_has_native_histograms_and_the_same_names_as_text() {
    let body = families();
    let decoded = decode(Format::Protobuf, &body, &Limits::default()).unwrap();
    assert_eq!(
        lines(&decoded),
        [
            r#"jobs{queue="a"} 4.5"#,
            r#"seconds_bucket{le="1.0"} 3 @7"#,
            r#"seconds_bucket{le="1e+06"} 4 @7"#,
            r#"seconds_bucket{le="+Inf"} 5 @7"#,
            "seconds_sum 2.5 @7",
            "seconds_count 5 @7",
            "exact_seconds [(-2, 1.0), (-1, 3.0), (1, 2.0)] of 6",
            r#"size{quantile="0.5"} 4"#,
            "size_sum 8",
            "size_count 2",
        ]
    );
    let kinds: Vec<&str> = decoded.families.iter().map(|family| family.kind.as_str()).collect();
    assert_eq!(kinds, ["gauge", "histogram", "histogram", "summary"]);
    for cut in 1..body.len() {
        // Between two messages it is a whole answer.
        if let Err(error) = decode(Format::Protobuf, &body[..cut], &Limits::default()) {
            assert!(matches!(error, DecodeError::Message { .. }), "{error}");
        }
    }
}

#[test]
fn a_histogram_that_lies_is_refused() {
    let lies = |histogram: protobuf::Histogram| {
        let metric = protobuf::Metric { histogram: Some(histogram), ..Default::default() };
        let family = protobuf::MetricFamily {
            name: "h".into(),
            kind: 4,
            metrics: vec![metric],
            help: String::new(),
            unit: String::new(),
        };
        decode(Format::Protobuf, &family.encode_length_delimited_to_vec(), &Limits::default())
            .unwrap_err()
            .to_string()
    };
    let span = |length| vec![protobuf::Span { offset: 0, length }];
    let most = protobuf::Histogram {
        schema: Some(0),
        positive_spans: span(u32::MAX),
        positive_deltas: vec![1],
        ..Default::default()
    };
    assert_eq!(
        lies(most),
        "message 1: h: its spans have 4294967295 buckets, and 1 counts are given"
    );
    let fine = protobuf::Histogram {
        schema: Some(77),
        positive_spans: span(1),
        positive_deltas: vec![1],
        ..Default::default()
    };
    assert_eq!(lies(fine), "message 1: h: its schema 77 is not between -4 and 8");
    let negative = protobuf::Histogram {
        schema: Some(1),
        positive_spans: span(1),
        positive_deltas: vec![-1],
        ..Default::default()
    };
    assert_eq!(lies(negative), "message 1: h: bucket 0 has the count -1");
}

fn rule(
    action: Action,
    sources: &[&str],
    target: &str,
    regex: &str,
    replacement: &str,
) -> Relabeling {
    let rule = Relabeling {
        action,
        source_labels: sources.iter().map(|name| (*name).to_owned()).collect(),
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        modulus: 8,
        regex: regex.parse().unwrap(),
        ..Relabeling::default()
    };
    rule.checked().unwrap()
}

fn after(rules: &[Relabeling]) -> Option<String> {
    let labels =
        Labels::from_pairs([("a", "foo"), ("b", "bar"), ("c", "baz"), ("__meta_team", "Ops")]);
    relabel(&labels, rules).map(|labels| labels.to_string())
}

#[test]
fn every_action_does_what_prometheus_does() {
    use Action::*;
    let all = r#"{__meta_team="Ops", a="foo", b="bar", c="baz"}"#;
    for (given, expected) in [
        (
            rule(Replace, &["a"], "d", "f(.*)", "ch${1}-ch${1}"),
            Some(all.replace("\"baz\"}", "\"baz\", d=\"choo-choo\"}")),
        ),
        (
            rule(Replace, &["a", "b"], "a", "f(.*);(.*)r", "b${1}${2}m"),
            Some(all.replace("foo", "boobam")),
        ),
        // No match, nothing happens; an empty value takes the label away.
        (rule(Replace, &["a"], "b", "o", "x"), Some(all.to_owned())),
        (rule(Replace, &["a"], "b", "foo", ""), Some(all.replace(" b=\"bar\",", ""))),
        // The target may be made of the match.
        (
            rule(Replace, &["a"], "${1}_x", "(f)oo", "${1}"),
            Some(all.replace("\"baz\"}", "\"baz\", f_x=\"f\"}")),
        ),
        (rule(Keep, &["a"], "", "foo|x", ""), Some(all.to_owned())),
        (rule(Keep, &["a"], "", "oo", ""), None),
        (rule(Drop, &["a"], "", ".*o.*", ""), None),
        (rule(Drop, &["nowhere"], "", "", ""), None),
        (rule(KeepEqual, &["a"], "b", "(.*)", ""), None),
        (rule(DropEqual, &["a"], "b", "(.*)", ""), Some(all.to_owned())),
        (
            rule(LabelMap, &[], "", "__meta_(.+)", "own_$1"),
            Some(all.replace("\"baz\"}", "\"baz\", own_team=\"Ops\"}")),
        ),
        (rule(LabelDrop, &[], "", "__meta_.*|b", ""), Some(r#"{a="foo", c="baz"}"#.to_owned())),
        (rule(LabelKeep, &[], "", "[ab]", ""), Some(r#"{a="foo", b="bar"}"#.to_owned())),
        (rule(Lowercase, &["__meta_team"], "a", "(.*)", ""), Some(all.replace("foo", "ops"))),
        (rule(Uppercase, &["b"], "b", "(.*)", ""), Some(all.replace("bar", "BAR"))),
        // md5("baz") is 73feffa4b7f6bb68e44cf984c85f6e88: the low 64 bits modulo 8.
        (
            rule(HashMod, &["c"], "d", "(.*)", ""),
            Some(all.replace("\"baz\"}", "\"baz\", d=\"0\"}")),
        ),
    ] {
        assert_eq!(after(std::slice::from_ref(&given)), expected, "{given:?}");
    }
}

#[test]
fn rules_that_cannot_be_are_refused() {
    assert!(
        "explode"
            .parse::<Action>()
            .unwrap_err()
            .to_string()
            .contains("unknown action \"explode\": replace, keep")
    );
    assert_eq!("LabelDrop".parse::<Action>(), Ok(Action::LabelDrop));
    let none = "(".parse::<Anchored>().unwrap_err().to_string();
    assert!(none.starts_with("regex \"(\": "), "{none}");
    let large = "((a{0,1000}){0,1000}){0,1000}".parse::<Anchored>().unwrap_err().to_string();
    assert!(large.contains("size limit") || large.contains("exceed"), "{large}");
    assert_eq!(
        Relabeling::default().checked().unwrap_err().to_string(),
        "the action replace needs target_label"
    );
    let zero =
        Relabeling { action: Action::HashMod, target_label: "a".into(), ..Relabeling::default() };
    assert_eq!(
        zero.checked().unwrap_err().to_string(),
        "the action hashmod needs a modulus above 0"
    );
}

fn scraping(body: &str) -> Decoded {
    text(body).unwrap()
}

const COST: ScrapeCost = ScrapeCost { seconds: 0.25, at_millis: 1_000 };

fn told(samples: &[vigie_model::ScrapedSample]) -> Vec<String> {
    let line = |sample: &vigie_model::ScrapedSample| {
        let value = match &sample.value {
            ScrapedValue::Float(value) if value.to_bits() == 0x7ff0_0000_0000_0002 => {
                "ends".to_owned()
            }
            ScrapedValue::Float(value) => value.to_string(),
            ScrapedValue::Histogram(_) => "histogram".to_owned(),
        };
        format!("{} {value} @{}", sample.labels, sample.time_millis.unwrap())
    };
    samples.iter().map(line).collect()
}

#[test]
fn what_is_kept_has_the_targets_labels_and_ends_when_it_is_gone() {
    let target = Labels::from_pairs([("instance", "api:80"), ("job", "api")]);
    let settings = SampleSettings::default();
    let mut state = Scraping::default();
    let body =
        "a{job=\"own\",exported_job=\"x\"} 1\na{job=\"own\",exported_job=\"x\"} 2\nb 3\nc 4 77\n";
    let first = state.scraped(scraping(body), &target, &settings, COST).unwrap();
    assert_eq!(
        told(&first),
        [
            r#"a{exported_exported_job="own", exported_job="x", instance="api:80", job="api"} 1 @1000"#,
            r#"b{instance="api:80", job="api"} 3 @1000"#,
            r#"c{instance="api:80", job="api"} 4 @77"#,
            r#"up{instance="api:80", job="api"} 1 @1000"#,
            r#"scrape_duration_seconds{instance="api:80", job="api"} 0.25 @1000"#,
            r#"scrape_samples_scraped{instance="api:80", job="api"} 4 @1000"#,
            r#"scrape_samples_post_metric_relabeling{instance="api:80", job="api"} 3 @1000"#,
            r#"scrape_series_added{instance="api:80", job="api"} 2 @1000"#,
        ]
    );
    // `c` has times of its own: whether it has ended only they can say.
    let honest = SampleSettings { honor_labels: true, ..SampleSettings::default() };
    let second = state.scraped(scraping("b{job=\"own\"} 5\n"), &target, &honest, COST).unwrap();
    assert_eq!(told(&second)[0], r#"b{instance="api:80", job="own"} 5 @1000"#);
    let ends: Vec<String> =
        told(&second).into_iter().filter(|line| line.contains("ends")).collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
    let down = told(&state.failed(&target, COST));
    assert!(down[0].contains("b{instance=\"api:80\", job=\"own\"} ends"), "{down:?}");
    assert!(down[1].starts_with("up{") && down[1].ends_with("} 0 @1000"), "{down:?}");
    let gone = told(&state.forgotten(&target, COST));
    assert!(gone.len() == 5 && gone.iter().all(|line| line.contains("ends")), "{gone:?}");
}

#[test]
fn relabelling_drops_series_before_the_limit_counts_them() {
    let target = Labels::from_pairs([("instance", "x"), ("job", "y")]);
    let drop = rule(Action::Drop, &["__name__"], "", "go_.*", "");
    let limits = Limits { samples: 1, ..Limits::default() };
    let settings = SampleSettings { relabeling: vec![drop], limits, ..SampleSettings::default() };
    let body = "go_goroutines 1\ngo_threads 2\nmine 3\n";
    let kept = Scraping::default().scraped(scraping(body), &target, &settings, COST).unwrap();
    assert_eq!(kept.len(), 1 + 5);
    let over = SampleSettings { relabeling: Vec::new(), ..settings };
    let error = Scraping::default().scraped(scraping(body), &target, &over, COST).unwrap_err();
    assert!(error.to_string().contains("sample_limit"), "{error}");
}

#[test]
fn targets_are_relabelled_too() {
    let settings = TargetSettings {
        job: "blackbox".into(),
        scheme: "http".into(),
        path: "/probe".into(),
        parameters: vec![("module".into(), vec!["http 2xx".into(), "second".into()])],
        relabeling: vec![
            rule(Action::Replace, &["__address__"], "__param_target", "(.*)", "$1"),
            rule(Action::Replace, &["__param_target"], "instance", "(.*)", "$1"),
            rule(Action::Replace, &[], "__address__", "(.*)", "127.0.0.1:9115"),
        ],
    };
    let own = Labels::from_pairs([("team", "ops")]);
    let target = settings.target("example.test", &own).unwrap().unwrap();
    assert_eq!(
        target.url,
        "http://127.0.0.1:9115/probe?module=http%202xx&module=second&target=example.test"
    );
    assert_eq!(
        target.labels.to_string(),
        r#"{instance="example.test", job="blackbox", team="ops"}"#
    );
    let plain = TargetSettings {
        relabeling: Vec::new(),
        parameters: Vec::new(),
        scheme: "https".into(),
        ..settings
    };
    let url = |address: &str| plain.target(address, &own).unwrap().unwrap().url;
    assert_eq!(url("a.test"), "https://a.test:443/probe");
    assert_eq!(url("[::1]:90"), "https://[::1]:90/probe");
    assert_eq!(url("[::1]"), "https://[::1]:443/probe");
    for (address, says) in
        [("http://a.test", "no address"), ("", "no address"), ("a b", "no address")]
    {
        assert!(plain.target(address, &own).unwrap_err().to_string().contains(says), "{address}");
    }
    let ftp = TargetSettings { scheme: "ftp".into(), ..plain };
    assert!(
        ftp.target("a", &own)
            .unwrap_err()
            .to_string()
            .contains("\"ftp\" is neither http nor https")
    );
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let _ = decode(format, &bytes, &Limits::default());
        }
    }

    #[test]
    fn what_is_written_is_read(
        name in "[a-z_:][a-z0-9_:]{0,9}",
        values in proptest::collection::btree_map("[a-z]{1,5}", "\\PC{1,12}|[\n\"\\\\]{1,4}", 0..4),
        value in any::<f64>().prop_filter("NaN", |value| !value.is_nan()),
        time in any::<i64>(),
    ) {
        let labels: Vec<String> = values
            .iter()
            .map(|(name, value)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{name}=\"{value}\"")
            })
            .collect();
        let decoded = text(&format!("{name}{{{}}} {value:?} {time}\n", labels.join(","))).unwrap();
        let pairs = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let expected = Labels::from_pairs(pairs.chain([("__name__", name.as_str())]));
        prop_assert_eq!(&decoded.samples[0].labels, &expected);
        prop_assert_eq!(&decoded.samples[0].value, &ScrapedValue::Float(value));
        prop_assert_eq!(decoded.samples[0].time_millis, Some(time));
    }
}

#[test]
fn parameters_may_be_secrets_and_are_shown_nowhere() {
    let raw = r#"{"name": "n", "targets": ["h:1"], "params": {"token": ["hunter2"]}}"#;
    let raw: super::RawPrometheusConfig = serde_json::from_str(raw).unwrap();
    let config = super::PrometheusConfig::try_from(raw).unwrap();
    assert_eq!(config.targets[0].url, "http://h:1/metrics?token=hunter2");
    assert_eq!(config.targets[0].shown(), "http://h:1/metrics");
    assert_eq!(config.display_url(), "http://h:1/metrics");
}
