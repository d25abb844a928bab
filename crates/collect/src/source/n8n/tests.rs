use super::config::{N8nConfig, RawN8nConfig};
use super::decode::{Execution, Page, QueueFigures, Workflow, failure, list, metrics};
use super::failures::{Failures, Place, Position};
use super::link::FailedRun;
use proptest::prelude::*;
use vigie_model::{SourceName, Time};

const MAIN: &[u8] = include_bytes!("fixtures/main_backlog.prom");
const STALLED: &[u8] = include_bytes!("fixtures/main_after_stalled.prom");
const PLAIN: &[u8] = include_bytes!("fixtures/main_default_flags.prom");
const WORKER: &[u8] = include_bytes!("fixtures/worker_load.prom");
const WEBHOOK: &[u8] = include_bytes!("fixtures/webhook.prom");
const VERSION_1: &[u8] = include_bytes!("fixtures/v1_main.prom");
pub(super) const WORKFLOWS: &[u8] = include_bytes!("fixtures/workflows.json");
const FAILED: &[u8] = include_bytes!("fixtures/execution_error_data.json");

fn executions(body: &[u8]) -> Vec<Execution> {
    let page: Page<Execution> = list(body).unwrap();
    page.data
}

#[test]
fn the_main_process_says_what_it_has_under_way() {
    let main = metrics(MAIN).unwrap();
    assert_eq!(main.version.as_deref(), Some("2.40.7"));
    assert_eq!(main.boot.as_deref(), Some("1795442765"));
    assert_eq!((main.leader, main.counts_events), (Some(true), true));
    // 105 begun; 64 ended well, 9 failed, the worker of 4 vanished. The gauges lag behind by their interval.
    assert_eq!(main.in_flight, Some(28.0));
    assert_eq!(main.queue, Some(QueueFigures { waiting: Some(32), active: Some(5) }));
    assert_eq!(main.started["wfWaitWebhook001"], 61.0);
    assert_eq!(main.names["wfFailWebhook001"], "Failing webhook");
    assert_eq!(metrics(STALLED).unwrap().in_flight, Some(0.0));
    let old = metrics(VERSION_1).unwrap();
    assert_eq!((old.version.as_deref(), old.in_flight), (Some("1.123.81"), Some(0.0)));
}

#[test]
fn workers_and_webhook_processors_too() {
    let worker = metrics(WORKER).unwrap();
    assert_eq!((worker.leader, worker.queue), (None, None));
    assert_eq!(worker.in_flight, Some(5.0), "its concurrency is 5, and the queue was full");
    let webhook = metrics(WEBHOOK).unwrap();
    assert_eq!((webhook.in_flight, webhook.started.len()), (Some(0.0), 2));
}

#[test]
fn without_the_flags_there_is_less_and_absent_is_not_0() {
    let plain = metrics(PLAIN).unwrap();
    assert_eq!(plain.version.as_deref(), Some("2.40.7"));
    assert_eq!((plain.in_flight, plain.queue, plain.counts_events), (None, None, false));
    let empty = metrics(b"").unwrap();
    assert_eq!((empty.version, empty.leader), (None, None));
    assert!(metrics(b"<html>n8n is starting up").is_err());
}

#[test]
fn workflows_have_names_and_nothing_of_their_nodes_is_kept() {
    let page: Page<Workflow> = list(WORKFLOWS).unwrap();
    let names: Vec<&str> = page.data.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["Failing webhook", "OK webhook", "Wait 2s webhook"]);
    let first = &page.data[0];
    assert!(first.active && !first.is_archived && first.keeps_successes());
    assert_eq!(first.updated(), Some(Time::from_millis(1_795_442_850_871)));
    assert_eq!(first.timezone(), None);
    assert!(!format!("{page:?}").contains("deliberate failure"), "parameters are passed over");
}

#[test]
fn executions_are_read_as_the_api_lists_them() {
    let failed = executions(include_bytes!("fixtures/executions_error.json"));
    assert!(failed.iter().all(|one| one.status.as_deref() == Some("error")));
    let one = &failed[0];
    assert_eq!(one.workflow_id, "wfFailWebhook001");
    assert!(one.stopped().unwrap() > one.started().unwrap() && !one.is_retry());
    let crashed = executions(include_bytes!("fixtures/executions_crashed.json"));
    assert_eq!(crashed[0].status.as_deref(), Some("crashed"));
    let waiting = executions(include_bytes!("fixtures/executions_waiting.json"));
    assert_eq!(waiting[0].wait_till(), Some(Time::from_millis(1_795_443_326_249)));
    let running = executions(include_bytes!("fixtures/executions_running.json"));
    assert!(running.len() == 5 && running.iter().all(|one| one.stopped().is_none()));
    let old = executions(br#"{"data":[{"id":7,"workflowId":"w","retryOf":"6"}]}"#);
    assert!(old[0].id == "7" && old[0].is_retry() && old[0].started().is_none());
}

#[test]
fn of_a_failed_execution_only_the_error_is_taken() {
    let why = failure(FAILED).unwrap();
    assert_eq!(why.message.as_deref(), Some("deliberate failure"));
    assert_eq!(why.node.as_deref(), Some("Stop and Error"));
    assert_eq!(failure(br#"{"id":"1"}"#).unwrap().message, None);
    assert!(failure(b"[").is_err());
}

#[test]
fn a_failure_that_is_listed_first_waits_for_its_workers_word() {
    let listed = executions(br#"{"data":[{"id":"13","workflowId":"w","status":"error"}]}"#);
    let name = |_: &str| vigie_model::Name::from("Fails");
    let place = Place { source: "n8n", queue: "jobs", name: &name };
    let at = |seconds: f64| Time::from_millis(1_795_442_619_000) + seconds;
    let mut position = Position::default();
    let told = |failures: &Failures, seconds| {
        failures.lines(&place, true, &mut Position::default(), at(seconds)).lines
    };
    let mut failures = Failures::default();
    failures.listed(&listed, &position, at(0.0));
    assert!(failures.to_ask(at(1.0)).is_empty() && told(&failures, 1.0).is_empty());
    let run = FailedRun {
        execution: "13".to_owned(),
        job: "7".to_owned(),
        status: "error".to_owned(),
        message: Some("no disk".to_owned()),
        node: None,
        worker: Some("worker-a".to_owned()),
    };
    failures.heard(run, &position, at(1.5));
    let lines = failures.lines(&place, true, &mut position, at(2.0)).lines;
    assert_eq!(lines[0].message, "Fails: execution 13 failed: no disk");
    assert!(&*lines[0].job == "7" && lines[0].fields.contains("worker-a"), "{lines:?}");

    // Nobody heard a worker: the API is asked, and its word is the last.
    let mut failures = Failures::default();
    failures.listed(&listed, &Position::default(), at(0.0));
    assert_eq!(failures.to_ask(at(3.0)), ["13"]);
    failures.asked("13", Default::default());
    let lines = told(&failures, 3.0);
    assert_eq!(lines[0].message, "Fails: execution 13 ended as error");
}

#[test]
fn what_is_no_list_is_an_error() {
    for body in [&b""[..], b"[]", b"{}", b"{\"data\":{}}", b"<html>", b"{\"data\":[{}]}"] {
        assert!(list::<Workflow>(body).is_err() && list::<Execution>(body).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = metrics(&body);
        let _ = list::<Workflow>(&body);
        let _ = list::<Execution>(&body);
        let _ = failure(&body);
    }
}

pub(super) fn config(text: &str) -> Result<N8nConfig, String> {
    let raw: RawN8nConfig = serde_json::from_str(text).map_err(|error| error.to_string())?;
    N8nConfig::try_from(raw).map_err(|error| error.to_string())
}

#[test]
fn the_configuration_is_checked() {
    let found = config(
        r#"{"name":"n8n","url":"http://a:5678/","workers":["http://w:5678"],"api_key":"s3cret",
            "redis":"main","prefix":"shop:","metrics_path":"/rest/metrics"}"#,
    )
    .unwrap();
    assert_eq!(found.display_url(), "http://a:5678/ and 1 more");
    let queue = found.queue.as_ref().unwrap();
    assert_eq!((&queue.redis, &*queue.base), (&SourceName::new("main"), "shop:jobs"));
    assert!(found.api.is_some() && !format!("{found:?}").contains("s3cret"));
    for (text, says) in [
        (r#"{"name":"n"}"#, "set url to n8n's main process"),
        (r#"{"name":"n","url":"a:5678"}"#, "url: it must begin with http"),
        (r#"{"name":"n","url":"http://a/rest"}"#, "leave the path out"),
        (r#"{"name":"n","url":"http://a","prefix":"x"}"#, "redis is missing beside prefix"),
        (r#"{"name":"n","url":"http://a","metrics_path":"rest"}"#, "\"rest\" is no path"),
        (r#"{"name":"n","url":"http://a","metrics_path":"//evil/x y"}"#, "is no path"),
        (r#"{"name":"n","url":"http://a","api_key":"a","api_key_file":"b"}"#, "exclude each other"),
        (r#"{"name":"n","url":"http://a","api_key":"a\nb"}"#, "cannot be sent"),
        (r#"{"name":"n","url":"http://a","log_files":["["]}"#, "log_files: "),
        (r#"{"name":"n","url":"http://a","apikey":"a"}"#, "unknown field"),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_cursor_cannot_break_out_of_its_place() {
    assert_eq!(super::api::in_query("eyJs=="), "eyJs%3D%3D");
    assert_eq!(super::api::in_query("a&b#c d/é"), "a%26b%23c%20d%2F%C3%A9");
}
