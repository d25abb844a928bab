//! Passwords, ACLs and TLS, against real servers; each with its message.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod watching;

use serde_json::json;
use vigie_collect::source::redis::acl_line;
use vigie_model::{Broker, CheckState, Observation, PollReport};
use vigie_testkit::{Certificates, RedisServer};
use watching::{Watching, check, fill_asynq};

fn place(server: &RedisServer) -> String {
    format!("127.0.0.1:{}", server.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords() {
    let server = RedisServer::builder().password("s3cret word").start();
    let fault = Watching::url(&server.url()).fault(2.0).await;
    assert_eq!(fault.error, format!("{}: a password is required", place(&server)));
    assert!(fault.hint.unwrap().starts_with("put it in the url"));

    let wrong = Watching::url(&format!("redis://:wr0ng@127.0.0.1:{}", server.port()));
    let fault = wrong.fault(2.0).await;
    assert_eq!(fault.error, format!("{}: wrong user or password", place(&server)));
    assert!(!format!("{:?}", wrong.all()).contains("wr0ng"), "a secret is in what was observed");

    let right = Watching::url(&format!("redis://:s3cret%20word@127.0.0.1:{}", server.port()));
    let report = right.good().await;
    assert!(!format!("{report:?}").contains("s3cret"), "{report:?}");
    Watching::json(json!({"name": "main", "url": server.url(), "password": "s3cret word"}))
        .good()
        .await;

    let open = RedisServer::start();
    let fault =
        Watching::url(&format!("redis://:needless@127.0.0.1:{}", open.port())).fault(2.0).await;
    assert_eq!(
        fault.error,
        format!("{}: a password is configured for Vigie, but the server has none", place(&open))
    );
}

/// A server with a little of everything, and a user with the rights of `line`.
fn with_user(line: &str) -> RedisServer {
    let server = RedisServer::builder().start();
    let mut admin = server.admin();
    let _: () = redis::cmd("SELECT").arg(1).query(&mut admin).unwrap();
    fill_asynq(&mut admin, "default", 3);
    let info = [0x0a, 1, b'h', 0x10, 7, 0x20, 5];
    let pipeline = |words: &[&str]| {
        let _: redis::Value =
            redis::cmd(words[0]).arg(&words[1..]).query(&mut server_db1(&server)).unwrap();
    };
    let _: () =
        redis::cmd("SET").arg("asynq:servers:{h:7:x}").arg(&info).query(&mut admin).unwrap();
    for words in [
        &["ZADD", "asynq:servers", "9999999999", "asynq:servers:{h:7:x}"][..],
        &["SADD", "asynq:{default}:groups", "g"],
        &["ZADD", "asynq:{default}:g:g", "1", "t"],
        &["SET", "bull:plain:id", "2"],
        &[
            "HSET",
            "bull:plain:1",
            "name",
            "n",
            "timestamp",
            "1700000000000",
            "data",
            "{}",
            "opts",
            "{}",
        ],
        &["LPUSH", "bull:plain:wait", "1"],
        &["LPUSH", "bull:plain:active", "2"],
        &[
            "HSET",
            "bull:plain:2",
            "name",
            "n",
            "timestamp",
            "1700000000000",
            "processedOn",
            "1700000001000",
        ],
        &["ZADD", "bull:plain:delayed", "7000000000000000", "3"],
        &["ZADD", "bull:plain:priority", "1", "1"],
        &["HSET", "bull:mail:meta", "opts.maxLenEvents", "10000"],
        &["XADD", "bull:mail:events", "*", "event", "added", "jobId", "1", "name", "n"],
        &["LPUSH", "bull:mail:wait", "1"],
        &["HSET", "bull:mail:1", "name", "n", "timestamp", "1700000000000"],
        &["ZADD", "bull:mail:failed", "1700000002000", "5"],
        &["HSET", "bull:mail:5", "name", "n", "failedReason", "no"],
        &["ZADD", "bull:mail:prioritized", "4294967297", "4"],
        &["HSET", "bull:mail:4", "name", "n", "timestamp", "1700000000000", "priority", "1"],
    ] {
        pipeline(words);
    }
    let line: Vec<&str> = line.split(' ').collect();
    server.run(&line);
    server
}

fn server_db1(server: &RedisServer) -> redis::Connection {
    let mut admin = server.admin();
    let _: () = redis::cmd("SELECT").arg(1).query(&mut admin).unwrap();
    admin
}

fn as_user(server: &RedisServer) -> Watching {
    Watching::json(json!({
        "name": "main", "url": format!("redis://vigie:PASSWORD@127.0.0.1:{}/1", server.port()), "poll_seconds": 0.2,
    }))
}

/// What a source says of an ACL: its fault, or the lines of its checklist that are not well.
async fn verdict(server: &RedisServer) -> Vec<String> {
    let watching = as_user(server);
    let mut said = Vec::new();
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        // Some commands are for who asks.
        let _answer = watching.failed(Broker::BullMq, "mail").await;
        for (_, report) in watching.reports() {
            if let Err(fault) = &report.outcome {
                said.push(format!("{} -> {}", fault.error, fault.hint.clone().unwrap_or_default()));
            }
        }
        if let Some((_, report)) = watching.reports().last() {
            let bad = report.checks.iter().filter(|check| check.state == CheckState::Warning);
            said.extend(bad.map(|check| {
                format!(
                    "{}: {} -> {}",
                    check.id,
                    check.detail,
                    check.fix.clone().unwrap_or_default()
                )
            }));
        }
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_acl_line_that_is_suggested_is_enough() {
    let server = with_user(&acl_line("vigie", false));
    let watching = as_user(&server);
    watching
        .queue("default", |reading| reading.counts.waiting == Some(3) && reading.oldest.is_some())
        .await;
    watching.queue("plain", |reading| reading.counts.waiting == Some(1)).await;
    watching.queue("mail", |_| true).await;
    assert_eq!(verdict(&server).await, Vec::<String>::new());
    // Every command was used: nothing in the line is there for nothing.
    let stats = server.text(&["INFO", "commandstats"]);
    let line = acl_line("vigie", false);
    let unused: Vec<&str> = line
        .split(" +")
        .skip(1)
        .filter(|command| !stats.contains(&format!("cmdstat_{command}:")))
        .collect();
    assert!(unused.is_empty(), "allowed for nothing: {unused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_command_that_is_missing_is_named() {
    let line = acl_line("vigie", false);
    let commands: Vec<String> = line.split(" +").skip(1).map(str::to_owned).collect();
    let mut verdicts = tokio::task::JoinSet::new();
    for command in commands {
        let server = with_user(&format!("{} -{command}", acl_line("vigie", false)));
        verdicts.spawn(async move { (command, verdict(&server).await) });
    }
    while let Some(done) = verdicts.join_next().await {
        let (command, said) = done.unwrap();
        let shown = command.replace('|', " ").to_uppercase();
        let named =
            said.iter().any(|line| line.contains(&shown) || line.contains(&format!("'{command}'")));
        assert!(named, "{command} is missing, and all that is said is {said:#?}");
        let mended = said.iter().any(|line| line.contains(&format!("+{command}")));
        assert!(mended, "{command} is missing, and nothing tells how to allow it: {said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_read_lists_is_told_the_whole_line() {
    let server = RedisServer::start();
    server.run(&[
        "ACL",
        "SETUSER",
        "vigie",
        "on",
        ">PASSWORD",
        "~*",
        "&*",
        "+@connection",
        "+info",
        "+time",
    ]);
    server.run(&["SADD", "asynq:queues", "q"]);
    let watching = Watching::url(&format!("redis://vigie:PASSWORD@127.0.0.1:{}", server.port()));
    let fault = watching.fault(2.0).await;
    assert_eq!(
        fault.error,
        format!("{}: user vigie may not use the command SMEMBERS", place(&server))
    );
    // The same rights as those of a new user, and no word of its password, which it has.
    let line = fault.hint.unwrap();
    assert_eq!(line, acl_line("vigie", false).replace("on >PASSWORD ", ""));
    // As soon as it is allowed, it goes on.
    server.run(&line.split(' ').collect::<Vec<_>>());
    watching.good().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_may_not_be_read_leave_the_rest_alone() {
    let server = with_user("ACL SETUSER vigie on >PASSWORD ~bull:* &* +@all");
    let watching = as_user(&server);
    watching.queue("plain", |reading| reading.counts.waiting == Some(1)).await;
    let report = watching.good().await;
    let acl = check(&report, "acl");
    assert_eq!(
        (acl.detail.as_str(), acl.fix.as_deref()),
        (
            "user vigie may not use some keys: queues under the keys that this user may not read are missing",
            Some("ACL SETUSER vigie ~*")
        )
    );
    assert!(check(&report, "asynq").detail.starts_with("asynq:queues: NOPERM"), "{report:?}");
}

fn tls(server: &RedisServer, extra: serde_json::Value) -> Watching {
    Watching::json(json!({"name": "main", "url": server.url(), "poll_seconds": 0.2, "tls": extra}))
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_an_authority_of_ones_own_and_a_client_certificate() {
    let certificates = Certificates::new();
    let (certificate, key) = certificates.client();
    let ca = certificates.ca();
    let place = |server: &RedisServer| format!("localhost:{}", server.port());

    let server = RedisServer::builder().tls(&certificates, false).start();
    let fault = Watching::url(&server.url()).fault(3.0).await;
    let unknown =
        "TLS: the server's certificate is signed by an authority that is not trusted here";
    assert_eq!(fault.error, format!("{}: {unknown}", place(&server)));
    assert_eq!(
        fault.hint.unwrap(),
        "set tls.ca_file to the certificate of the authority that signed it"
    );
    tls(&server, json!({"ca_file": ca})).good().await;

    let strict = RedisServer::builder().tls(&certificates, true).start();
    let fault = tls(&strict, json!({"ca_file": ca})).fault(3.0).await;
    assert_eq!(
        fault.error,
        format!("{}: TLS: the server asks for a client certificate", place(&strict))
    );
    assert_eq!(fault.hint.unwrap(), "set tls.cert_file and tls.key_file");
    tls(&strict, json!({"ca_file": ca, "cert_file": certificate, "key_file": key})).good().await;

    let other = Certificates::new();
    let (certificate, key) = other.client();
    let refused = format!("{}: TLS: the server refuses Vigie's client certificate", place(&strict));
    // A server that refuses says so and hangs up; on a busy machine the second may be noticed before the first is
    // read, so that it takes another try to learn why.
    tls(&strict, json!({"ca_file": ca, "cert_file": certificate, "key_file": key}))
        .until("the refusal", 20.0, |all| {
            all.iter().find_map(|one| match one {
                Observation::Polled(PollReport { outcome: Err(fault), .. }) => {
                    (fault.error == refused).then_some(())
                }
                _ => None,
            })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_that_does_not_work_says_why() {
    let expired = Certificates::expired();
    let server = RedisServer::builder().tls(&expired, false).start();
    let fault = tls(&server, json!({"ca_file": expired.ca()})).fault(3.0).await;
    assert!(fault.error.ends_with("TLS: the server's certificate has expired"), "{fault}");

    let elsewhere = Certificates::for_host("redis.example.org");
    let server = RedisServer::builder().tls(&elsewhere, false).start();
    let fault = tls(&server, json!({"ca_file": elsewhere.ca()})).fault(3.0).await;
    assert!(fault.error.ends_with("TLS: the server's certificate is for another name"), "{fault}");

    // TLS to a server without, and the other way round.
    let plain = RedisServer::start();
    let fault = Watching::url(&format!("rediss://localhost:{}", plain.port())).fault(3.0).await;
    assert!(fault.error.ends_with("TLS: the server does not speak TLS on this port"), "{fault}");
    assert_eq!(fault.hint.unwrap(), "use a URL without TLS, or the port that speaks it");
    let fault = Watching::url(&format!("redis://127.0.0.1:{}", server.port())).fault(3.0).await;
    assert!(
        fault.error.ends_with("the server closed the connection before its first answer"),
        "{fault}"
    );
    assert!(fault.hint.unwrap().starts_with("a Redis with TLS needs rediss://"));

    // Files that are not there, or are none.
    let fault = tls(&server, json!({"ca_file": "/no/such/ca.crt"})).fault(3.0).await;
    assert_eq!(fault.error, "/no/such/ca.crt: cannot be read: there is no such file or folder");
    let fault = tls(&server, json!({"ca_file": "/etc/hostname"})).fault(3.0).await;
    assert_eq!(fault.error, "/etc/hostname: is no PEM file: it has no -----BEGIN line");
}
