//! Against a real OpenSearch node: the template, the data stream, ids, and what its mappings refuse.

use serde_json::{Value, json};
use vigie_model::{Labels, LogEntry, Time, event_from_object};
use vigie_testkit::OpenSearch;

use crate::support::*;

const STREAM: &str = "logs-vigie-default";

fn found(node: &OpenSearch, query: Value) -> Vec<Value> {
    let answer = node.post(&format!("/{STREAM}/_search"), &json!({"size": 20, "query": query}));
    let hits = answer["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
    hits.iter().map(|hit| hit["_source"].clone()).collect()
}

/// Entries with all that may be in one.
fn rich() -> Vec<LogEntry> {
    let mut full = entry(0);
    full.time_nanos += 1;
    full.set_level("WARNING");
    full.message = "the mail to Ada bounced\nwith two lines".into();
    (full.instance, full.job, full.trace) = ("api-1:8080".into(), "17".into(), "4bf92f".into());
    full.labels = Labels::from_pairs([("env.name", "prod"), ("env", "x")]);
    full.fields = r#"{"http":{"status":502},"user":"Ada"}"#.into();
    // The same name with another type, twice; more than a term may have; deeper than an index goes.
    let other = LogEntry { fields: r#"{"http":"no object","user":{"id":1}}"#.into(), ..entry(1) };
    let long =
        LogEntry { fields: format!(r#"{{"stack":"needle {}"}}"#, "x".repeat(40_000)), ..entry(2) };
    let deep =
        LogEntry { fields: format!("{}1{}", r#"{"d":"#.repeat(60), "}".repeat(60)), ..entry(3) };
    let wide = LogEntry { message: "m".repeat(200_000), ..entry(4) };
    let Value::Object(map) = json!({"message": "api 1.4.2 is out", "subject": "api"}) else {
        panic!()
    };
    let event = event_from_object(map, "ci", Time::from_millis(now())).unwrap();
    vec![full, other, long, deep, wide, event]
}

#[tokio::test]
async fn a_real_node_takes_everything_once_and_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut node = tokio::task::spawn_blocking(OpenSearch::start).await.unwrap();
    let with = || config(&node.url(), json!({"kind": "opensearch", "setup": true}));
    let running = Running::start(&store, with(), options(dir.path()));
    store.append_wait(rich(), None).unwrap();
    fill(&store, 100..2_100);
    running.emptied().await;
    let status = running.status();
    assert_eq!((status.sent, status.refused), (2_006, 0), "{status:?}");
    running.stop().await;
    assert_eq!(node.count(STREAM), Some(2_006));
    let stream = &node.json(&format!("/_data_stream/{STREAM}"))["data_streams"][0];
    assert_eq!(stream["template"], format!("vigie-{STREAM}"));
    for (query, count) in [
        (json!({"match": {"message": "bounced"}}), 1),
        (json!({"term": {"log.level": "warn"}}), 1),
        (json!({"term": {"vigie.level": "WARNING"}}), 1),
        (json!({"term": {"vigie.job": "17"}}), 1),
        (json!({"term": {"trace.id": "4bf92f"}}), 1),
        (json!({"term": {"host.name": "api-1"}}), 1),
        (json!({"term": {"service.node.name": "api-1:8080"}}), 1),
        (json!({"term": {"labels.env.name": "prod"}}), 1),
        (json!({"term": {"vigie.fields.user": "Ada"}}), 1),
        (json!({"term": {"vigie.fields.n": "150"}}), 1),
        (json!({"match": {"vigie.fields_text": "needle"}}), 1),
        (json!({"term": {"event.dataset": "vigie.event"}}), 1),
        (json!({"term": {"event.action": "deploy"}}), 1),
        (json!({"term": {"service.name": "api"}}), 20),
    ] {
        assert_eq!(found(&node, query.clone()).len(), count, "{query}");
    }
    let order = json!({"size": 1, "sort": [{"event.sequence": "desc"}]});
    let last = node.post(&format!("/{STREAM}/_search"), &order);
    assert_eq!(last["hits"]["hits"][0]["_source"]["message"], "line 2099");

    for field in kibana_terms() {
        let aggregation = json!({"size": 0, "aggs": {"by": {"terms": {"field": field}}}});
        let answer = node.post(&format!("/{STREAM}/_search"), &aggregation);
        assert!(answer["aggregations"]["by"]["buckets"].is_array(), "{field}: {answer}");
    }

    // Everything once more, as after a lost position: the node has it all.
    let position =
        vigie_store::logs::Position { reader: "forward:there".into(), bytes: position_of(&store) };
    store.append_wait(Vec::new(), Some(position)).unwrap();
    let running = Running::start(&store, with(), options(dir.path()));
    running.emptied().await;
    assert_eq!((running.status().sent, running.status().repeated), (0, 2_006));

    // It dies and comes back.
    node.kill();
    fill(&store, 3_000..3_500);
    running.until("it is away", |status| status.up == Some(false) && status.pending == 500).await;
    let node = tokio::task::spawn_blocking(move || {
        node.boot();
        node
    });
    let node = node.await.unwrap();
    running.emptied().await;
    running.stop().await;
    assert_eq!(node.count(STREAM), Some(2_506));
    mapping_conflict(&node, dir.path(), &store).await;
}

/// What the visualizations of Kibana's saved objects group by.
fn kibana_terms() -> Vec<String> {
    let file = include_str!("../../../../deploy/kibana/vigie.ndjson");
    let objects = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let states = objects.filter_map(|object| {
        serde_json::from_str::<Value>(object["attributes"]["visState"].as_str()?).ok()
    });
    let fields: Vec<String> = states
        .flat_map(|state| state["aggs"].as_array().unwrap().clone())
        .filter_map(|one| Some(one["params"]["field"].as_str()?.to_owned()))
        .collect();
    assert!(fields.len() > 4, "{fields:?}");
    fields
}

/// The kept position, but from the first entry on: the salt stays.
fn position_of(store: &vigie_store::logs::LogStore) -> Vec<u8> {
    let mut bytes = store.position("forward:there").unwrap();
    bytes[9..17].copy_from_slice(&1u64.to_le_bytes());
    bytes
}

/// An index of somebody else's with another mind of what a message is: what does not fit is a dead letter, the rest arrives.
async fn mapping_conflict(
    node: &OpenSearch,
    dir: &std::path::Path,
    store: &vigie_store::logs::LogStore,
) {
    let template = json!({"index_patterns": ["strange"], "template": {"mappings": {"properties": {"message": {"type": "long"}}}}});
    assert_eq!(node.post("/_index_template/strange", &template)["acknowledged"], true);
    let with = config(&node.url(), json!({"name": "strange", "index": "strange"}));
    let running = Running::start(store, with, options(&dir.join("strange")));
    let number = LogEntry { message: "42".into(), ..entry(0) };
    store.append_wait(vec![number.clone(), entry(7), number], None).unwrap();
    running.emptied().await;
    let status = running.status();
    running.stop().await;
    assert_eq!((status.sent, status.refused, node.count("strange")), (2, 1, Some(2)));
    let letters = letters(&dir.join("strange"));
    assert_eq!(letters[0]["entry"]["message"], "line 7");
    assert!(
        letters[0]["reason"].as_str().unwrap().starts_with("400: mapper_parsing_exception"),
        "{}",
        letters[0]
    );
}
