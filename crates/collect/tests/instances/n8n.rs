//! The processes of an n8n, as its captures say they answer.

use serde_json::json;
use vigie_model::InstanceStatus::{Degraded, Down, Up};
use vigie_model::{
    Check, CheckState, JobFact, Level, LogEntry, Observation, Outcome, PollReport, Quality,
};
use vigie_testkit::{WebAnswer, WebServer, free_port};

use crate::watch::{Kept, n8n, n8n_with};

const MAIN: &str = include_str!("../../src/source/n8n/fixtures/main_backlog.prom");
const PLAIN: &str = include_str!("../../src/source/n8n/fixtures/main_default_flags.prom");
const WORKER: &str = include_str!("../../src/source/n8n/fixtures/worker_load.prom");
const WORKFLOWS: &str = include_str!("../../src/source/n8n/fixtures/workflows.json");
const TEXT: &str = "text/plain; charset=utf-8; version=0.0.4";
const JSON: &str = "application/json; charset=utf-8";
const STARTING: &str = "n8n is starting up. Please wait";

/// What n8n answers where there is nothing.
fn nothing() -> WebAnswer {
    let headers = vec!["Content-Type: text/html; charset=utf-8".to_owned()];
    WebAnswer::Plain { status: 404, headers, body: b"<pre>Cannot GET</pre>".to_vec() }
}

fn process(metrics: &str) -> WebServer {
    let server = WebServer::start();
    server.set("*", nothing());
    server.set("/healthz", WebAnswer::ok(JSON, r#"{"status":"ok"}"#));
    server.set("/healthz/readiness", WebAnswer::ok(JSON, r#"{"status":"ok"}"#));
    server.set("/metrics", WebAnswer::ok(TEXT, metrics));
    server
}

fn unready(server: &WebServer) {
    let headers = vec![format!("Content-Type: {JSON}")];
    let body = br#"{"status":"error"}"#.to_vec();
    server.set("/healthz/readiness", WebAnswer::Plain { status: 503, headers, body });
}

fn check<'a>(report: &'a PollReport, id: &str) -> &'a Check {
    report.checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no check {id}"))
}

#[tokio::test]
async fn main_worker_and_webhook_processors_are_instances() {
    let (main, worker, gone) = (process(MAIN), process(WORKER), free_port());
    unready(&worker);
    let watch = n8n(json!({
        "url": main.url(""),
        "workers": [worker.url("")],
        "webhooks": [format!("http://127.0.0.1:{gone}")],
    }));
    let gone = format!("127.0.0.1:{gone}");
    let expected = [(&*main.address(), Up), (&*worker.address(), Degraded), (&*gone, Down)];
    let found = watch.statuses(&expected).await;
    let [main_one, worker_one, webhook] = &found[..] else { panic!("{found:?}") };
    assert_eq!(main_one.key.role.as_str(), "main");
    assert_eq!(main_one.version.as_ref().unwrap().as_str(), "2.40.7");
    assert_eq!((main_one.leader, main_one.load), (Some(true), Some(28.0)));
    assert_eq!((worker_one.leader, worker_one.load), (None, Some(5.0)));
    let error = worker_one.error.as_deref().unwrap();
    assert!(error.contains("HTTP 503") && error.contains("database or Redis is away"), "{error}");
    assert_eq!(webhook.key.role.as_str(), "webhook");
    assert_eq!((webhook.version.as_ref(), webhook.load), (None, None), "absent is not 0");

    // A worker that is well again is up at the next look.
    worker.set("/healthz/readiness", WebAnswer::ok(JSON, r#"{"status":"ok"}"#));
    watch.statuses(&[(&*main.address(), Up), (&*worker.address(), Up), (&*gone, Down)]).await;
    drop(main);
}

#[tokio::test]
async fn the_checks_name_what_is_missing_and_the_variable_that_turns_it_on() {
    let main = process(PLAIN);
    let watch = n8n(json!({"url": main.url(""), "metrics_path": "/rest/metrics"}));
    let report = watch.until("a report", |_, report| Some(report.clone())).await;
    for (id, state, says) in [
        ("connect", CheckState::Ok, ""),
        ("metrics_path", CheckState::Missing, "leave metrics_path out"),
        ("metrics", CheckState::Ok, ""),
        (
            "event_metrics",
            CheckState::Unknown,
            "N8N_METRICS_INCLUDE_MESSAGE_EVENT_BUS_METRICS=true",
        ),
        ("api", CheckState::Missing, "set api_key"),
        ("queue", CheckState::Unknown, "EXECUTIONS_MODE=queue"),
        ("workers", CheckState::Unknown, "QUEUE_HEALTH_CHECK_ACTIVE=true"),
    ] {
        let check = check(&report, id);
        assert_eq!(check.state, state, "{check:?}");
        assert!(check.fix.as_deref().unwrap_or_default().contains(says), "{check:?}");
    }
    assert_eq!(report.server.as_ref().unwrap().version, "2.40.7");

    // Without N8N_METRICS there is no such page; while n8n starts there is a page for people.
    main.set("/metrics", nothing());
    let fix = watch.until("no figures", |_, report| check(report, "metrics").fix.clone()).await;
    assert!(fix.contains("N8N_METRICS=true"), "{fix}");
    main.set("/metrics", WebAnswer::ok("text/html; charset=utf-8", STARTING));
    watch
        .until("it starts", |_, report| {
            let metrics = check(report, "metrics");
            (metrics.detail.contains("is starting") && metrics.fix.is_none()).then_some(())
        })
        .await;
    main.set("/rest/metrics", WebAnswer::ok(TEXT, MAIN));
    watch
        .until("figures where the configuration says", |instances, report| {
            let state = check(report, "metrics_path").state == CheckState::Ok;
            (state && instances[0].load == Some(28.0)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn the_key_goes_to_the_api_alone_and_is_never_shown() {
    let main = process(MAIN);
    let page = r#"{"data":[],"nextCursor":null}"#;
    main.set("/api/v1/workflows", WebAnswer::ok(JSON, WORKFLOWS));
    main.set("/api/v1/executions", WebAnswer::ok(JSON, page));
    let watch = n8n(json!({"url": main.url(""), "api_key": "s3cret"}));
    let report = watch.until("a report", |_, report| Some(report.clone())).await;
    let api = check(&report, "api");
    assert_eq!((api.state, api.detail.starts_with("3 workflows")), (CheckState::Ok, true));
    for head in main.heads() {
        let to_api = head.starts_with("GET /api/v1/");
        assert_eq!(head.contains("x-n8n-api-key: s3cret"), to_api, "{head}");
    }

    let refused = WebServer::start();
    refused.set("*", WebAnswer::status(401, "no"));
    let watch = n8n(json!({"url": refused.url(""), "api_key": "s3cret"}));
    let report = watch.until("a report", |_, report| Some(report.clone())).await;
    assert!(check(&report, "api").fix.as_deref().unwrap().contains("make a new one"));
    assert!(!format!("{report:?}").contains("s3cret"));
}

#[tokio::test]
async fn an_api_that_means_no_good_has_an_end() {
    let main = process(MAIN);
    for (answer, says) in [
        (WebAnswer::ok(JSON, r#"{"data":[{"id":"#), "EOF"),
        (WebAnswer::ok("text/html", "<html>"), "the answer is text/html, not JSON"),
        (WebAnswer::Endless, "the answer"),
        (WebAnswer::redirect("http://127.0.0.1:1/api/v1/workflows"), "another server"),
    ] {
        main.set("/api/v1/workflows", answer);
        let watch = n8n(json!({"url": main.url(""), "api_key": "k"}));
        watch
            .until(says, |instances, report| {
                let api = check(report, "api");
                let well = instances.iter().all(|one| one.status == Up);
                (api.state == CheckState::Missing && api.detail.contains(says) && well)
                    .then_some(())
            })
            .await;
    }
    // A cursor that leads back to its own page ends, too.
    let circle = r#"{"data":[],"nextCursor":"again"}"#;
    main.set("/api/v1/workflows", WebAnswer::ok(JSON, circle));
    main.set("/api/v1/executions", WebAnswer::ok(JSON, r#"{"data":[],"nextCursor":null}"#));
    let watch = n8n(json!({"url": main.url(""), "api_key": "k"}));
    watch
        .until("an end", |_, report| (check(report, "api").state == CheckState::Ok).then_some(()))
        .await;
}

const RUNNING: &str = "/api/v1/executions?limit=100&status=running";

fn list(entries: &[String]) -> WebAnswer {
    WebAnswer::ok(JSON, &format!(r#"{{"data":[{}],"nextCursor":null}}"#, entries.join(",")))
}

/// An execution that began so many seconds ago, and has taken one if it has ended.
fn execution(id: u32, workflow: &str, status: &str, ago: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    // The API writes RFC 3339; a number of milliseconds is read as well.
    let at = |ago: i64| (i64::try_from(now.as_millis()).unwrap() - ago * 1_000).to_string();
    let stopped =
        if status == "running" { "null".to_owned() } else { format!("\"{}\"", at(ago - 1)) };
    format!(
        r#"{{"id":"{id}","workflowId":"{workflow}","status":"{status}","mode":"trigger","startedAt":"{}","stoppedAt":{stopped}}}"#,
        at(ago)
    )
}

#[tokio::test]
async fn without_its_redis_executions_are_jobs_of_a_queue_of_its_own() {
    let main = process(MAIN);
    main.set("/api/v1/workflows", WebAnswer::ok(JSON, WORKFLOWS));
    let (ok, fail) = ("wfOkWebhook00001", "wfFailWebhook001");
    main.set("/api/v1/executions", list(&[execution(1, ok, "success", 100)]));
    main.set(RUNNING, list(&[execution(2, ok, "running", 3)]));
    let failed = include_str!("../../src/source/n8n/fixtures/execution_error_data.json");
    main.set("/api/v1/executions/3", WebAnswer::ok(JSON, failed));
    let kept = Kept::default();
    let json = json!({"url": main.url(""), "api_key": "k"});
    let watch = n8n_with(json.clone(), kept.clone());
    let reading = watch
        .work("a queue", |work| {
            work.iter().rev().find_map(|one| match one {
                Observation::Queue(reading) => Some(reading.clone()),
                _ => None,
            })
        })
        .await;
    assert_eq!(reading.queue.to_string(), "s/n8n/executions");
    assert_eq!((reading.counts.waiting, reading.counts.active), (Some(32), Some(5)));
    assert_eq!(reading.quality, Quality::Sampled);
    assert_eq!(reading.active_jobs[0].job_type.as_ref().unwrap().as_str(), "OK webhook");

    main.set(RUNNING, list(&[]));
    let (two, three) = (execution(2, ok, "success", 3), execution(3, fail, "error", 2));
    main.set("/api/v1/executions", list(&[three, two, execution(1, ok, "success", 100)]));
    let ended = watch
        .work("two that ended", |work| {
            let jobs = work.iter().filter_map(|one| match one {
                Observation::Jobs(batch) => Some(&batch.events),
                _ => None,
            });
            let ends: Vec<_> = jobs
                .flatten()
                .filter_map(|event| match event.fact {
                    JobFact::Finished { outcome, wait, run } => {
                        let name = event.job_type.as_ref().unwrap().to_string();
                        Some((name, outcome, wait, run))
                    }
                    _ => None,
                })
                .collect();
            (ends.len() == 2).then_some(ends)
        })
        .await;
    let one = |name: &str, outcome| (name.to_owned(), outcome, None, Some(1.0));
    let expected = [one("OK webhook", Outcome::Succeeded), one("Failing webhook", Outcome::Failed)];
    assert_eq!(ended, expected);

    // The one that failed is a line, once, also when Vigie starts again.
    let lines = watch
        .until("a line", |_, _| Some(kept.entries()).filter(|entries| !entries.is_empty()))
        .await;
    assert_eq!(lines[0].message, "Failing webhook: execution 3 failed: deliberate failure");
    assert_eq!(
        (&*lines[0].queue, &*lines[0].job, lines[0].level),
        ("executions", "3", Level::Error)
    );
    assert!(lines[0].fields.contains("Stop and Error"), "{}", lines[0].fields);
    drop(watch);
    let again = n8n_with(json, kept.clone());
    again.until("a report", |_, report| report.outcome.is_ok().then_some(())).await;
    let answered = main.answered();
    again.until("more looks", |_, _| (main.answered() > answered + 20).then_some(())).await;
    assert_eq!(kept.entries().len(), 1);
}

/// A workflow that should run every five minutes, as it was left by somebody an hour ago.
fn scheduled() -> WebAnswer {
    let hour = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    let hour = hour.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let body = format!(
        r#"{{"data":[{{"id":"wfNight","name":"Nightly","active":true,"updatedAt":"{hour}","settings":{{"timezone":"Europe/Paris"}},
            "nodes":[{{"type":"n8n-nodes-base.scheduleTrigger","parameters":{{"rule":{{"interval":[{{"field":"minutes","minutesInterval":5}}]}}}}}}]}}],
            "nextCursor":null}}"#
    );
    WebAnswer::ok(JSON, &body)
}

#[tokio::test]
async fn a_workflow_that_did_not_run_by_its_schedule_is_an_event_and_a_figure() {
    let main = process(MAIN);
    main.set("/api/v1/workflows", scheduled());
    main.set(RUNNING, list(&[]));
    // It ran half an hour ago. By hand it ran just now, which is no proof that its schedule works.
    let by_hand = execution(8, "wfNight", "success", 5).replace("trigger", "manual");
    main.set("/api/v1/executions", list(&[by_hand, execution(7, "wfNight", "success", 1_800)]));
    let kept = Kept::default();
    kept.set_full(true);
    let watch = n8n_with(json!({"url": main.url(""), "api_key": "k"}), kept.clone());
    let overdue = |work: &[Observation]| {
        work.iter().rev().find_map(|one| match one {
            Observation::Schedules(reading) => reading.schedules[0].overdue,
            _ => None,
        })
    };
    let late = watch.work("it is late", |work| overdue(work).filter(|late| *late > 0.0)).await;
    // Due within five minutes of its last start and one of spreading, and late ever since.
    assert!((1_430.0..1_830.0).contains(&late), "{late}");
    watch
        .until("a full disk is said", |_, report| {
            report
                .checks
                .iter()
                .any(|check| check.id == "lines" && check.detail.contains("disk is full"))
                .then_some(())
        })
        .await;
    kept.set_full(false);
    let events =
        watch.until("an event", |_, _| Some(kept.entries()).filter(|all| !all.is_empty())).await;
    assert_eq!(events[0].kind.as_ref(), "event");
    assert!(events[0].fields.contains("\"event\":\"workflow_overdue\""), "{}", events[0].fields);
    assert!(events[0].fields.contains("\"late_seconds\":"), "{}", events[0].fields);
    assert!(events[0].message.starts_with("Nightly should have run"), "{}", events[0].message);

    main.set("/api/v1/executions", list(&[execution(9, "wfNight", "success", 1)]));
    watch.work("it is on time", |work| overdue(work).filter(|late| *late == 0.0)).await;
    let events =
        watch.until("another event", |_, _| Some(kept.entries()).filter(|all| all.len() > 1)).await;
    assert!(events[1].fields.contains("workflow_on_time"), "{}", events[1].fields);
    assert_eq!(events.len(), 2, "each is told once");
}

const EVENTS: &str = include_str!("../../src/source/n8n/fixtures/event_log_main.jsonl");
const LOG: &str = include_str!("../../src/source/n8n/fixtures/log_main.jsonl");

#[tokio::test]
async fn its_logs_are_read_from_files_over_their_rotation_and_where_the_configuration_says() {
    let main = process(MAIN);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("n8nEventLog.log");
    let (first, rest) = EVENTS.split_at(EVENTS.lines().take(10).map(|line| line.len() + 1).sum());
    std::fs::write(&file, first).unwrap();
    let kept = Kept::default();
    let json = json!({
        "url": main.url(""),
        "logs_path": "/rest/logs",
        "log_files": [dir.path().join("n8nEventLog*.log")],
    });
    let watch = n8n_with(json, kept.clone());
    let report = watch
        .until("no log over HTTP", |_, report| {
            (check(report, "logs_path").state == CheckState::Missing).then(|| report.clone())
        })
        .await;
    assert!(check(&report, "logs_path").fix.as_deref().unwrap().contains("log_files"));
    let events =
        |text: &str| text.lines().filter(|line| !line.contains("EventMessageConfirm")).count();
    let read = |wanted: usize| move |entries: &Vec<LogEntry>| entries.len() >= wanted;
    let of = |kept: &Kept| Some(kept.entries());
    watch.until("what was there", |_, _| of(&kept).filter(read(events(first)))).await;
    // n8n renames it at each start, and begins another.
    std::fs::rename(&file, dir.path().join("n8nEventLog-1.log")).unwrap();
    std::fs::write(&file, rest).unwrap();
    let all = watch.until("all of it", |_, _| of(&kept).filter(read(events(EVENTS)))).await;
    assert_eq!(all.len(), events(EVENTS), "each once");
    assert!(all.iter().any(|one| one.message.contains("deliberate failure")));
    watch
        .until("the check counts them", |_, report| {
            let check = check(report, "log_files");
            (check.state == CheckState::Ok && check.detail.starts_with("2 files, 29 lines"))
                .then_some(())
        })
        .await;

    // A version or a proxy that has the log of the specification is read, too; each line once.
    main.set("/rest/logs", WebAnswer::ok("application/x-ndjson", LOG));
    let json_lines = LOG.lines().filter(|line| line.starts_with('{')).count();
    let wanted = events(EVENTS) + json_lines;
    watch.until("lines over HTTP", |_, _| of(&kept).filter(read(wanted))).await;
    let answered = main.answered();
    watch.until("more looks", |_, _| (main.answered() > answered + 12).then_some(())).await;
    assert_eq!(
        kept.entries().len(),
        wanted,
        "each once; those without a time of their own are none"
    );
}
