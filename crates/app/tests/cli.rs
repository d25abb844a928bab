//! The command line as a person or a script uses it: output, exit codes, colours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::path::Path;
use std::process::Command;

fn vigie(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command
        .args(arguments)
        .env_remove("REDIS_URL")
        .env_remove("VIGIE_CONFIG")
        .env_remove("VIGIE_URL");
    command
}

fn run(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let run = vigie(arguments).current_dir(folder).output().expect("vigie was built for this test");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (run.status.code().expect("it ends by itself"), text(&run.stdout), text(&run.stderr))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a temporary folder")
}

#[test]
fn what_needs_no_vigie_works_without_one() {
    let folder = folder();
    let (code, version, _) = run(&["version"], folder.path());
    assert_eq!((code, version.trim()), (0, concat!("vigie ", env!("CARGO_PKG_VERSION"))));
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell], folder.path());
        assert!(code == 0 && script.contains("vigie"), "{shell}");
    }
    let (code, help, _) = run(&["--help"], folder.path());
    assert!(code == 0 && help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
    assert!(!help.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn the_printed_default_configuration_can_be_used() {
    let folder = folder();
    let (code, yaml, _) = run(&["config", "init"], folder.path());
    assert_eq!(code, 0);
    // The default Redis need not run here; the configuration is found valid all the same.
    std::fs::write(folder.path().join("vigie.yaml"), yaml).unwrap();
    let (_, report, _) = run(&["check"], folder.path());
    assert!(report.starts_with("configuration: vigie.yaml is valid"), "{report}");
}

#[test]
fn wrong_input_is_exit_code_2_with_the_place_and_what_to_do() {
    let folder = folder();
    let file = folder.path().join("vigie.yaml");
    for (text, expected) in [
        ("sources: []", "there is no source"),
        ("lisen: 127.0.0.1:1\nsources: []", "did you mean \"listen\"?"),
        (
            "listen: 0.0.0.0:4780\nsources: [{name: a, kind: redis, url: redis://h}]",
            "not a loopback address",
        ),
        ("sources: [{name: a, kind: redis, url: 'http://h'}]", "sources[0]"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, _, error) = run(&[], folder.path());
        assert_eq!(code, 2, "{text}: {error}");
        assert!(error.contains(expected), "{text}: {error}");
    }
    let (code, _, error) = run(&["--config", "nowhere.yaml"], folder.path());
    assert!(code == 2 && error.contains("vigie config init"), "{error}");
    let (code, _, error) = run(&["--listen", "192.0.2.1:80"], folder.path());
    assert!(code == 2, "{error}");
    assert_eq!(run(&["no-such-command"], folder.path()).0, 2);
}

#[test]
fn checking_a_redis_that_is_not_there_says_so_and_fails() {
    let folder = folder();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = vigie(&["check"])
        .current_dir(folder.path())
        .env("REDIS_URL", format!("redis://:s3cret@127.0.0.1:{port}"))
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(report.contains("refused"), "{report}");
    assert!(!report.contains("s3cret"), "secrets are never printed: {report}");
}

#[test]
fn what_may_not_be_read_is_named_also_when_it_shows_late() {
    let folder = folder();
    let server = vigie_testkit::RedisServer::start();
    server.run(&["HSET", "bull:mail:meta", "opts.maxLenEvents", "10000"]);
    server.run(&["XADD", "bull:mail:events", "*", "event", "added", "jobId", "1", "name", "n"]);
    let check = |url: &str| {
        let run = vigie(&["check"]).current_dir(folder.path()).env("REDIS_URL", url).output();
        let run = run.expect("vigie was built for this test");
        (run.status.code(), String::from_utf8_lossy(&run.stdout).into_owned())
    };
    let line = vigie_collect::source::redis::acl_line("vigie", false);
    let (code, report) = check(&server.url());
    assert!(code == Some(0) && report.contains(&line), "the default user is told: {report}");

    server.run(&line.split(' ').collect::<Vec<_>>());
    let url = format!("redis://vigie:PASSWORD@127.0.0.1:{}", server.port());
    let (code, report) = check(&url);
    assert!(code == Some(0) && !report.contains("ACL SETUSER"), "that is enough: {report}");

    // The reader of events finds out only after the first poll.
    server.run(&["ACL", "SETUSER", "vigie", "-xread"]);
    let (code, report) = check(&url);
    let named = report.contains("user vigie may not use the command XREAD");
    assert!(code == Some(1) && named, "{report}");
    assert!(report.contains("-> ACL SETUSER vigie +xread\n"), "what is missing alone: {report}");
    assert!(!report.contains("PASSWORD"), "secrets are never printed: {report}");
}

/// Starts `vigie demo` with a temporary folder of its own and ends it after a moment; returns what it left there.
fn demo_interrupted_after(milliseconds: u64, signal: &str) -> Vec<std::path::PathBuf> {
    let folder = folder();
    let examples = folder.path().join("examples");
    std::fs::create_dir(&examples).unwrap();
    // A service, so that there is a load balancer, too, where one is installed.
    let pid_file = folder.path().join("pid");
    let script = format!("echo $$ > '{}'; exec sleep 600", pid_file.display());
    let manifest = serde_json::json!({"processes": [], "services": [
        {"name": "s", "dir": ".", "command": ["sh", "-c", script], "what": "", "source": "shop"}
    ]});
    std::fs::write(examples.join("demo.json"), manifest.to_string()).unwrap();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = vigie(&["demo", "--listen", "127.0.0.1:0", "--examples"])
        .arg(&examples)
        .current_dir(folder.path())
        .env("TMPDIR", &temporary)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let made = || std::fs::read_dir(&temporary).unwrap().count() > 0;
    while !made() {
        assert!(demo.try_wait().unwrap().is_none(), "the demo ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
    let kill = Command::new("kill").args([signal, &demo.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert!(demo.wait().unwrap().success(), "it ends in order");
    if let Ok(pid) = std::fs::read_to_string(&pid_file) {
        let alive = Command::new("kill")
            .args(["-0", pid.trim()])
            .stderr(std::process::Stdio::null())
            .status();
        assert!(!alive.unwrap().success(), "its service is still there: {pid}");
    }
    std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_demo_leaves_nothing_behind_whenever_it_is_interrupted() {
    for (milliseconds, signal) in [(0, "-INT"), (20, "-TERM"), (1_000, "-INT"), (4_000, "-HUP")] {
        let left = demo_interrupted_after(milliseconds, signal);
        assert!(left.is_empty(), "{signal} after {milliseconds} ms: {left:?}");
    }
}

#[test]
fn a_demo_of_which_something_is_not_built_says_what() {
    let folder = folder();
    let manifest = r#"{"processes": [], "install": [{"dir": "go", "outputs": ["bin/worker"]}]}"#;
    std::fs::write(folder.path().join("demo.json"), manifest).unwrap();
    let (code, _, error) = run(&["demo", "--examples", "."], folder.path());
    assert!(code == 1 && error.contains("go/bin/worker is not there: `make run`"), "{error}");
}

#[test]
fn no_vigie_to_ask_is_exit_code_3() {
    let folder = folder();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, _, error) =
        run(&["queues", "--url", &format!("http://127.0.0.1:{port}")], folder.path());
    assert!(code == 3 && error.contains("is it running?"), "{error}");
    assert_eq!(run(&["queues", "--url", "nonsense"], folder.path()).0, 2);
}

#[test]
fn a_word_that_is_no_value_is_exit_code_2_with_those_that_are() {
    let folder = folder();
    for (args, known) in [
        (["logs", "--level", "bogus"], "trace, debug, info, warn, error, fatal"),
        (["events", "--severity", "info,loud"], "ok, info, warning, critical"),
        (["instances", "--status", "gone"], "up, down, degraded, unknown"),
        (["queues", "--kind", "sidekiq"], "asynq, bull, bullmq"),
        (["logs", "--limit", "0"], "1..=5000"),
        (["events", "--limit", "2000"], "1..=1000"),
        (["events", "--since", "yesterday"], "90s, 15m, 2h or 7d"),
    ] {
        let (code, _, error) = run(&args, folder.path());
        assert!(code == 2 && error.contains(known), "{args:?}: {code} {error}");
    }
}

#[test]
fn a_port_that_is_taken_is_a_clear_failure() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, error) = run(&["--listen", &address], folder.path());
    assert!(code == 1 && error.contains(&address) && error.contains("--listen"), "{error}");
}

#[test]
fn a_shell_that_allows_few_files_is_no_limit_to_its_clients() {
    let folder = folder();
    std::fs::write(
        folder.path().join("vigie.yaml"),
        "listen: 127.0.0.1:0\ndata_dir: data\nsources: [{name: none, kind: redis, url: redis://127.0.0.1:1}]\n",
    )
    .unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 128; exec \"$0\" --config vigie.yaml"]);
    shell.arg(env!("CARGO_BIN_EXE_vigie")).current_dir(folder.path());
    let mut child = shell.stdout(std::process::Stdio::null()).spawn().unwrap();
    // Soft and hard limit of what the shell has become.
    let limits = || -> Option<(u64, u64)> {
        let read = |file| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).ok();
        let text = read("limits").filter(|_| read("comm").as_deref() == Some("vigie\n"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        let mut words = line.split_whitespace().map(|word| word.parse().unwrap_or(u64::MAX));
        Some((words.next()?, words.next()?))
    };
    let raised = vigie_testkit::until("the limit is raised", || {
        limits().filter(|(soft, hard)| *soft >= (*hard).min(8_192))
    });
    assert!(raised.0 > 128);
    child.kill().unwrap();
    child.wait().unwrap();
}
