//! An n8n in queue mode beside a real Redis: what n8n keeps and publishes there, as its captures have it.

use std::time::Duration;

use redis::Commands as _;
use serde_json::json;
use vigie_collect::source::n8n::{self, ExecutionQueue, N8nConfig, RawN8nConfig};
use vigie_collect::source::redis::RedisConfig;
use vigie_model::{InstanceStatus, JobFact, Observation, Outcome};
use vigie_testkit::{RedisServer, WebAnswer, WebServer};

use crate::watch::{Kept, Watch, config};
use crate::watching::Watching;

const MAIN: &str = include_str!("../../src/source/n8n/fixtures/main_backlog.prom");

/// A job of n8n from its queue to its end, as a worker and the main process do it between them.
fn execute(redis: &mut redis::Connection, id: u32, workflow: &str, end: &str) {
    let key = format!("bull:jobs:{id}");
    let data = format!(
        r#"{{"workflowId":"{workflow}","executionId":"{}","projectName":"A B <a@example.com>"}}"#,
        id + 1
    );
    let opts = r#"{"priority":50,"removeOnComplete":0,"removeOnFail":0,"attempts":1,"delay":0}"#;
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
            as u64;
    let _: () = redis.set("bull:jobs:id", id).unwrap();
    let _: () = redis
        .hset_multiple(
            &key,
            &[("name", "job"), ("data", &data), ("opts", opts), ("timestamp", &now.to_string())],
        )
        .unwrap();
    let mut publish = |event: &str, message: &str| {
        let _: () = redis.publish(format!("bull:jobs:{event}"), message).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    };
    publish("waiting@1ed591d4", &id.to_string());
    publish("active@1494d362", &id.to_string());
    let body = format!(
        r#"{{"jobId":"{id}","progress":{{"kind":"respond-to-webhook","response":{{"body":"s3cret"}}}}}}"#
    );
    publish("progress", &body);
    publish(
        "progress",
        &format!(
            r#"{{"jobId":"{id}","progress":{{"kind":"job-finished","version":2,"executionId":"{}","workerId":"worker-vm",{end}}}}}"#,
            id + 1
        ),
    );
    publish("completed", &format!(r#"{{"jobId":"{id}"}}"#));
    // n8n removes the hash now; here it stays, so that a busy machine has time to look the job up.
}

/// The ends of jobs: what they are called, how they ended, and whether wait and run are known.
fn ends(all: &[Observation]) -> Vec<(String, Outcome, bool)> {
    let events = all.iter().filter_map(|one| match one {
        Observation::Jobs(batch) => Some(&batch.events),
        _ => None,
    });
    let ends = events.flatten().filter_map(|event| match event.fact {
        JobFact::Finished { outcome, wait, run } => {
            let name = event.job_type.as_ref().map(ToString::to_string);
            Some((name.unwrap_or_default(), outcome, wait.is_some() && run.is_some()))
        }
        _ => None,
    });
    ends.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_named_and_judged_and_processes_are_found_by_their_registration() {
    let server = RedisServer::start();
    let main = WebServer::start();
    main.set("/metrics", WebAnswer::ok("text/plain", MAIN));
    let mut own: N8nConfig =
        config::<RawN8nConfig, _>(json!({"url": main.url(""), "redis": "main"}));
    let queue = own.queue.clone().unwrap();
    let mut redis = RedisConfig::from_url("main", &server.url()).unwrap();
    redis.poll = Duration::from_millis(200);
    own.registry = Some(Box::new(redis.clone()));
    redis.executions = vec![ExecutionQueue { base: queue.base, link: queue.link }];
    let mut admin = server.admin();
    let _: () = admin.set("bull:jobs:id", 6).unwrap();
    let member = "n8n:{instance:}dd55fa88-0fc1-4782-b509-08dbeb50213d";
    let seen =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let registered = format!(
        r#"{{"schemaVersion":1,"instanceKey":"dd55fa88-0fc1-4782-b509-08dbeb50213d","hostId":"worker-vm","instanceType":"worker","instanceRole":"unset","version":"2.40.7","lastSeen":{seen}}}"#
    );
    let _: () =
        admin.sadd("n8n:{instance:}members", &[member, "nonsense", "n8n:{instance:}gone"]).unwrap();
    let _: () = admin.set(member, registered).unwrap();

    let kept = Kept::default();
    let lines = std::sync::Arc::new(kept.clone());
    let n8n = Watch::start(|context| n8n::run(own, lines, context));
    let found = n8n.until("two processes", |all, _| (all.len() == 2).then(|| all.to_vec())).await;
    let worker = found.iter().find(|one| one.key.role.as_str() == "worker").unwrap();
    assert_eq!(
        (worker.key.instance.as_str(), worker.status),
        ("worker-vm/dd55fa88", InstanceStatus::Up)
    );
    let jobs = Watching::config(redis);
    jobs.queue("jobs", |_| true).await;
    jobs.good_keeping().await;

    let work = tokio::task::spawn_blocking(move || {
        let well = r#""success":true,"status":"success""#;
        let badly = r#""success":false,"status":"error","error":{"message":"no such customer","node":{"parameters":{"k":"s3cret"}}}"#;
        execute(&mut admin, 7, "wfOkWebhook00001", well);
        execute(&mut admin, 8, "wfFailWebhook001", badly);
        execute(&mut admin, 9, "wfOkWebhook00001", r#""success":true,"status":"waiting""#);
    });
    work.await.unwrap();
    let ends = jobs
        .until("three that ended", 20.0, |all| Some(ends(all)).filter(|ends| ends.len() == 3))
        .await;
    let end = |name: &str, outcome| (name.to_owned(), outcome, true);
    assert_eq!(
        ends,
        [
            end("OK webhook", Outcome::Succeeded),
            end("Failing webhook", Outcome::Failed),
            end("OK webhook", Outcome::Succeeded)
        ]
    );
    // Without a key of the API, what the worker said is all there is to tell.
    let told = n8n.until("a line", |_, _| Some(kept.entries()).filter(|all| !all.is_empty())).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&*told[0].queue, &*told[0].job), ("jobs", "8"));
    assert!(
        told[0].message.ends_with("execution 9 failed: no such customer"),
        "{}",
        told[0].message
    );
    assert!(told[0].fields.contains("worker-vm"), "{}", told[0].fields);
    let all = format!("{:?} {told:?}", jobs.all());
    assert!(!all.contains("s3cret") && !all.contains("example.com"));
}
