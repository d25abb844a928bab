//! The same over the store on disk.

use std::sync::Arc;

use serde_json::json;
use vigie_query::logql::LogLimits;
use vigie_server::{LogQueries, LogQueryLimits, StoredLogs};
use vigie_store::logs::{LogOptions, LogStore};

use super::{NOW, SECOND, filled, lines};
use crate::filled::Filled;

fn encoded(query: &str) -> String {
    form_urlencoded::byte_serialize(query.as_bytes()).collect()
}

#[tokio::test]
async fn the_store_answers_as_memory_does() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = LogStore::open(LogOptions::new(dir.path()), NOW / 1_000_000).unwrap();
    // Out of order, as lines of several writers come.
    let mut entries = lines();
    entries.reverse();
    store.append_wait(entries, None).unwrap();
    let logs = LogQueries::new(
        Arc::new(StoredLogs::new(store.clone())),
        LogLimits::default(),
        LogQueryLimits::default(),
    );
    let mut stored = Filled::empty();
    stored.state = stored.state.clone().with_loki(logs);
    let (memory, _) = filled(LogQueryLimits::default());
    for path in [
        r#"query_range?query={app="web"}"#,
        r#"query_range?query={app="web"}&direction=forward&limit=2&since=3h"#,
        r#"query_range?query={service_name="api-1",level="error"} |= "plain""#,
        r#"query_range?query={source="go",level!="error",type=""} |~ "n=." | logfmt | n=1"#,
        r#"query_range?query={app=~"w.*|d.*"} |> "<_>size<_>""#,
        r#"query_range?query={app="nope"}"#,
        r#"query?query=sum by (level) (count_over_time({app="web"}[3h]))"#,
        r#"query?query=count_over_time({level="unknown"}[3h])"#,
        // Counted by the store, and read where it cannot.
        r#"query_range?query=sum by (level) (count_over_time({app=~".+"} |= "n" != "7" [5m]))&since=3h&step=60"#,
        r#"query_range?query=sum by (app,level) (bytes_over_time({app=~".+"} |= "plain" or "size" [7m] offset 3m))&since=3h&step=300"#,
        r#"query_range?query=sum(rate({app="web"} !~ "n=[0-4]" [1h]))&since=3h&step=1h"#,
        r#"query?query=sum(bytes_rate({app="web"} | logfmt [3h]))"#,
        r#"query?query=absent_over_time({app="web"} |~ "(?i)NOTHING like it" [3h])"#,
        r#"query?query=sum by (n) (count_over_time({app=~".+"}[3h]))"#,
        r#"query_range?query=sum by (level, detected_level) (count_over_time({app=~".+"} |= "n" | drop __error__ [5m]))&since=3h&step=60"#,
        r#"query?query=approx_topk(1, sum by (app) (count_over_time({app=~".+"}[3h])))"#,
        r#"query?query=sum by (service_name) (count_over_time({service_name=~".+"}[3h]))"#,
        r#"query?query=sum without (app) (count_over_time({app=~".+"} |= "n" [3h]))"#,
        "labels?since=3h",
        r#"label/app/values?query={level="info"}"#,
        r#"series?match[]={app="db"}"#,
        r#"index/stats?query={level=~".+"}"#,
        r#"index/volume?query={app=~".+"}"#,
        r#"detected_fields?query={app=~".+"}"#,
    ] {
        let (head, tail) = path.split_once("?query=").unwrap_or((path, ""));
        let (query, rest) = tail.split_once('&').unwrap_or((tail, ""));
        let path = match query {
            "" => head.replace("={app=\"db\"}", "=%7Bapp%3D%22db%22%7D"),
            query => format!("{head}?query={}&{rest}", encoded(query)),
        };
        let path = format!("/loki/api/v1/{path}");
        let (mut ours, mut expected) = (stored.json(&path).await, memory.json(&path).await);
        assert_eq!(ours.0, 200, "{path}");
        for answer in [&mut ours, &mut expected] {
            // How long it took, and how much was looked at.
            if let Some(data) = answer.1["data"].as_object_mut() {
                data.remove("stats");
            }
        }
        assert_eq!(ours, expected, "{path}");
    }
    let found = stored
        .json(&format!("/loki/api/v1/query_range?query={}&limit=1", encoded(r#"{app="web"}"#)))
        .await
        .1;
    assert_eq!(found["data"]["result"][0]["values"][0][0], json!((NOW - 10 * SECOND).to_string()));
    store.close();
}
