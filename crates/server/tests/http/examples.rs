//! The examples of the document: there is one for each `POST`, and each is taken.

use std::sync::Arc;

use serde_json::Value;
use vigie_query::EngineLimits;
use vigie_query::logql::LogLimits;
use vigie_server::{LogQueries, LogQueryLimits, LogRules, Logs, Metrics, QueryLimits, StoredLogs};
use vigie_store::logs::{LogOptions, LogStore};
use vigie_store::{Store, StoreOptions};

use crate::filled::{Filled, START};
use crate::logs::Server;

#[tokio::test]
async fn each_example_of_the_document_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::new(dir.path().join("metrics"));
    let store = Arc::new(Store::open(options, START.millis()).unwrap().0);
    let limits = (EngineLimits::default(), QueryLimits::default());
    let metrics = Metrics::new(store.clone(), store.clone(), limits.0, limits.1);
    let options = LogOptions::new(dir.path().join("logs"));
    let (lines, _) = LogStore::open(options, START.millis()).unwrap();
    let queries = LogQueries::new(
        Arc::new(StoredLogs::new(lines.clone())),
        LogLimits::default(),
        LogQueryLimits::default(),
    );
    let filled = Filled::new();
    let logs = Logs::new(lines, &LogRules::default()).unwrap();
    let state = filled.state.with_metrics(metrics).with_logs(logs).with_loki(queries);
    let server = Server::of(state, dir);
    let document = server.get("/api/openapi.json").await;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("post") else { continue };
        let content = operation["requestBody"]["content"].as_object();
        let example = content.and_then(|content| {
            content.iter().find_map(|(kind, media)| Some((kind, media["example"].as_str()?)))
        });
        let (kind, body) = example.unwrap_or_else(|| panic!("{path} has no example"));
        let asked =
            path.replace("{index}", "shop").replace("{name}", "source").replace("{id}", "17");
        let headers = [("content-type", kind.as_str())];
        let (status, text) = server.send("POST", &asked, &headers, body.to_owned()).await;
        assert!(status.is_success(), "{path}: {status} {text}");
        let says: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(says.get("partialSuccess").filter(|part| **part != serde_json::json!({})), None);
        assert_ne!(says["errors"], true, "{path}: {text}");
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
    assert_eq!(server.messages("type=event").await, ["api 1.4.2 is out"]);
}
