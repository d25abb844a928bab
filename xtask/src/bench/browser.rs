//! The parts that the scripts of `bench/` measure, with a browser or a client of the stream; figures come as JSON.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cast::{Broker, Cast, Watcher, Who, url};
use super::redis::{RATE, rest};
use super::report::{Section, Table, count, kept};
use crate::servers::free_port;

const SAMPLES: usize = 100;
const QUEUES: usize = 500;
const SOAK_QUEUES: usize = 20;
const SOAK_HOURS: u32 = 8;
const SOAK_SECONDS: u32 = 270;
/// What shows that a page has its data.
const NOW_READY: &str = ".kpi strong:not(:has(.skeleton))";
const QUEUES_READY: &str = "table.queues a[data-row]";
const BULL_BOARD_READY: &str = "a[href*='bench-0000']";
const ASYNQMON_READY: &str = "a[href*='bench-0000']";

/// From a change in Redis to the stream and to the pixel.
pub fn live(cast: &Cast<'_>) -> Result<Section> {
    println!("live: {SAMPLES} changes of each kind ...");
    let (_redis, port) = cast.redis("redis")?;
    let _bullmq = cast.fill(Broker::BullMq, (20, 100), port, RATE)?;
    let _asynq = cast.fill(Broker::Asynq, (20, 100), port, RATE)?;
    let api_port = free_port()?;
    let mut api = cast.command(&cast.path("examples/go-asynq/bin/api").to_string_lossy());
    api.args(["--ledger", &cast.file("api.jsonl").to_string_lossy()]);
    api.args(["--jobs", "100000", "--rate", "0.001"]);
    api.arg("--listen").arg(format!("127.0.0.1:{api_port}")).env("REDIS_URL", url(port));
    let mut api = cast.start(&api, "api")?;
    api.wait(|text| text.contains("/enqueue"))?;
    let vigie = cast.watch(Who::Vigie, 0, port)?;
    let mut node = cast.command("node");
    node.args(["bench/live.mjs", &SAMPLES.to_string()]);
    node.env("VIGIE_URL", address(&vigie)).env("REDIS_URL", url(port));
    node.env("ASYNQ_API", format!("http://127.0.0.1:{api_port}"));
    Ok(live_section(&json(&mut node)?))
}

fn live_section(found: &Value) -> Section {
    let mut section = Section::new("Live");
    section.say(&format!(
        "Milliseconds from the call that adds a job (the real `Queue.add` of BullMQ; asynq's `Enqueue` behind a local HTTP \
         request) until the client of `/api/v1/stream` has the new count, and until Chromium has painted it in the row of the page Queues \
         (seen by a MutationObserver, a frame and a task later). {SAMPLES} changes of each kind at random moments, in 40 queues \
         where {RATE} jobs/s of each broker come and go; all on this one machine, the browser too. BullMQ's events are pushed to Vigie, asynq is polled each second."
    ));
    let head =
        ["change", "to", "samples", "p50 ms", "p95 ms", "max ms", "lost", "budget p50 ms", ""];
    let mut table = Table::new(&head);
    for (kind, name, budget) in
        [("bullmq", "BullMQ (events)", 250.0), ("asynq", "asynq (polled)", 1000.0)]
    {
        for to in ["stream", "pixel"] {
            let figures = &found[kind][to];
            let seen = number(&figures["count"]);
            let median = number(&figures["p50"]);
            table.row(vec![
                name.to_owned(),
                to.to_owned(),
                format!("{seen:.0}"),
                format!("{median:.0}"),
                format!("{:.0}", number(&figures["p95"])),
                format!("{:.0}", number(&figures["max"])),
                format!("{:.0}", number(&found[kind]["samples"]) - seen),
                format!("≤ {budget:.0}"),
                kept(median <= budget).to_owned(),
            ]);
        }
    }
    section.table(&table);
    section.say(&format!(
        "Adding itself takes {:.0} ms (BullMQ) and {:.0} ms (asynq) at the median, which is included.",
        number(&found["bullmq"]["add"]),
        number(&found["asynq"]["add"])
    ));
    section
}

/// What the dashboard costs a browser and the wire, beside the peers' pages.
pub fn web(cast: &Cast<'_>) -> Result<Section> {
    println!("web: {QUEUES} queues ...");
    let (_redis, port) = cast.redis("redis")?;
    let _fill = cast.fill(Broker::BullMq, (QUEUES, 100), port, RATE)?;
    let vigie = cast.watch(Who::Vigie, QUEUES, port)?;
    let (now, queues) = (address(&vigie) + "/", address(&vigie) + "/queues");
    let mut cold = vec![("Vigie `/`", visit(cast, "cold", 3, &now, NOW_READY)?)];
    cold.push(("Vigie `/queues`", visit(cast, "cold", 1, &queues, QUEUES_READY)?));
    let mut steady = vec![("Vigie `/`", visit(cast, "steady", 15, &now, NOW_READY)?)];
    steady.push(("Vigie `/queues`", visit(cast, "steady", 15, &queues, QUEUES_READY)?));
    {
        let mut node = cast.command("node");
        node.args(["bench/tick.mjs", &QUEUES.to_string()]).env("REDIS_URL", url(port));
        let mut tick = cast.start(&node, "tick")?;
        tick.wait(|text| text.contains("ticking"))?;
        rest(Duration::from_secs(2))?;
        steady.push((
            "Vigie `/queues`, every queue changes each second",
            visit(cast, "steady", 15, &queues, QUEUES_READY)?,
        ));
    }
    drop(vigie);
    let board = cast.watch(Who::BullBoard, QUEUES, port)?;
    let page = address(&board) + "/";
    cold.push(("bull-board", visit(cast, "cold", 2, &page, BULL_BOARD_READY)?));
    steady.push(("bull-board (each 5 s)", visit(cast, "steady", 15, &page, BULL_BOARD_READY)?));
    drop((board, _fill, _redis));

    let (_redis, port) = cast.redis("redis")?;
    let _fill = cast.fill(Broker::Asynq, (QUEUES, 100), port, RATE)?;
    let mon = cast.watch(Who::Asynqmon, QUEUES, port)?;
    let page = address(&mon) + "/";
    cold.push(("asynqmon", visit(cast, "cold", 2, &page, ASYNQMON_READY)?));
    steady.push(("asynqmon (each 8 s)", visit(cast, "steady", 16, &page, ASYNQMON_READY)?));
    Ok(web_section(&cold, &steady))
}

pub fn visit(cast: &Cast<'_>, mode: &str, amount: u32, page: &str, ready: &str) -> Result<Value> {
    println!("web: {mode} {page}");
    let mut node = cast.command("node");
    json(node.args(["bench/web.mjs", mode, &amount.to_string(), page, ready]))
}

/// The heap of pages that stay open for hours of data, replayed as fast as the pages draw.
pub fn soak(cast: &Cast<'_>) -> Result<Section> {
    println!("soak: {SOAK_HOURS} h in at most {SOAK_SECONDS} s ...");
    let (_redis, port) = cast.redis("redis")?;
    let _fill = cast.fill(Broker::BullMq, (SOAK_QUEUES, 100), port, RATE)?;
    let vigie = cast.watch(Who::Vigie, SOAK_QUEUES, port)?;
    let mut node = cast.command("node");
    node.args(["bench/soak.mjs", &SOAK_HOURS.to_string(), &SOAK_SECONDS.to_string()]);
    node.env("VIGIE_URL", address(&vigie));
    Ok(soak_section(&json(&mut node)?))
}

fn soak_section(found: &Value) -> Section {
    let mut section = Section::new("Soak");
    section.say(&format!(
        "The heap after a collection of pages that stay open for {:.1} h of data at a message a topic each second, {SOAK_QUEUES} queues. The data is \
         a replay: seconds of the real stream, recorded and said over and over with the times moved on, as fast as every page draws a frame of each ten \
         (`soak.mjs`); from the bytes of the stream on all is the real code. The first sample is after 20 min, when the pages' quarter of an hour is full; those \
         are drawn second by second, because V8 compiles what is drawn often, and its code would pass for growth later. *Objects* is what scripts made \
         (objects, arrays, strings, numbers, functions), *code* what V8 made of the scripts (machine code, bytecode, feedback, shapes), both by heap snapshot: a leak \
         is in the former. Budget: ≤ 10 % growth of the whole in 8 h.",
        number(&found["hours"])
    ));
    let head = [
        "page",
        "first MB",
        "last MB",
        "most MB",
        "growth %",
        "objects MB",
        "at the end",
        "code MB",
        "at the end",
        "",
    ];
    let mut table = Table::new(&head);
    let megabytes = |bytes: f64| format!("{:.2}", bytes / 1024.0 / 1024.0);
    for page in found["pages"].as_array().into_iter().flatten() {
        let samples: Vec<f64> =
            page["samples"].as_array().into_iter().flatten().map(number).collect();
        let growth = number(&page["growth"]) * 100.0;
        let mut row = vec![format!("`{}`", page["name"].as_str().unwrap_or_default())];
        row.extend(
            [samples.first(), samples.last()]
                .map(|sample| megabytes(sample.copied().unwrap_or(f64::NAN))),
        );
        row.push(megabytes(samples.iter().copied().fold(f64::NAN, f64::max)));
        row.push(format!("{growth:.1}"));
        for part in ["objects", "code"] {
            row.extend([0, 1].map(|at| megabytes(number(&page["parts"][at][part]))));
        }
        row.push(kept(growth <= 10.0).to_owned());
        table.row(row);
    }
    section.table(&table);
    section
}

fn web_section(cold: &[(&str, Value)], steady: &[(&str, Value)]) -> Section {
    let mut section = Section::new("Web");
    section.say(&format!(
        "Each page in Debian's Chromium (headless, no GPU) on the same machine as the servers, {QUEUES} queues of 100 jobs, \
         {RATE} jobs/s come and go in ten of them. *Cold*: a fresh profile, the median of the runs; *data* is the first frame with figures of queues in it. \
         Scripts are what the page loads before that, gzipped at level 9; *sent* is what came over the wire. Requests beyond this machine (bull-board asks for \
         Google's fonts) are refused. Budgets: script ≤ 170 KB on `/`, first paint ≤ 500 ms, data ≤ 1 s."
    ));
    section.table(&cold_table(cold));
    section.say(
        "*Steady*: the page stays open. The shares are those of the page's main thread (DevTools' `TaskDuration` and its parts, which run \
         on while other programs have the processor; *its CPU* is `ThreadTime`, which does not); heap after a collection, at the start and the end. *Stream* is what the browser received, *gzip* and *plain* the same \
         stream read beside it. Budgets: main thread ≤ 3 %, no long task, ≤ 5 KB/s a client.",
    );
    section.table(&steady_table(steady));
    section.say(&verdict(&cold[0].1, steady));
    for (name, found) in steady.iter().filter(|(_, found)| found["plain"].is_number()) {
        section.say(&format!(
            "**{name}**, stream of `{}`, plain bytes a second: {}. Of the rows' fields: {}.",
            found["topics"].as_str().unwrap_or_default(),
            shares(found, |name| name == "messages"
                || name == "rows"
                || name.starts_with("topic ")),
            shares(found, |name| name.starts_with("row.")),
        ));
    }
    section
}

fn cold_table(cold: &[(&str, Value)]) -> Table {
    let head = [
        "page",
        "files",
        "script KB",
        "gzip KB",
        "sent KB",
        "first paint ms",
        "worst",
        "data ms",
        "worst data ms",
    ];
    let mut table = Table::new(&head);
    for (name, found) in cold {
        let scripts = &found["scripts"];
        let mut row = vec![(*name).to_owned(), format!("{:.0}", number(&scripts["files"]))];
        row.extend(
            ["plain", "gzip", "sent"].map(|key| format!("{:.1}", number(&scripts[key]) / 1024.0)),
        );
        row.extend(
            ["paint", "worstPaint", "data", "worstData"]
                .map(|key| format!("{:.0}", number(&found[key]))),
        );
        table.row(row);
    }
    table
}

fn steady_table(steady: &[(&str, Value)]) -> Table {
    let mut table = Table::new(&[
        "page",
        "main thread %",
        "its CPU %",
        "script %",
        "layout %",
        "style %",
        "long tasks",
        "longest ms",
        "heap MB",
        "after",
        "stream KB/s",
        "gzip KB/s",
        "plain KB/s",
        "other KB/s",
    ]);
    for (name, found) in steady {
        let scaled = |key: &str, scale: f64, digits: usize| match found[key].as_f64() {
            Some(value) => format!("{:.digits$}", value * scale),
            None => "–".to_owned(),
        };
        let mut row = vec![(*name).to_owned()];
        row.extend(["main", "cpu", "script", "layout", "style"].map(|key| scaled(key, 100.0, 2)));
        row.push(scaled("longTasks", 1.0, 0));
        row.push(scaled("longest", 1.0, 0));
        row.extend(["heapBefore", "heapAfter"].map(|key| scaled(key, 1.0 / 1_048_576.0, 1)));
        row.extend(["stream", "packed", "plain", "rest"].map(|key| scaled(key, 1.0 / 1024.0, 2)));
        table.row(row);
    }
    table
}

fn verdict(first: &Value, steady: &[(&str, Value)]) -> String {
    let mut lines = vec![format!(
        "- First route: {:.1} KB of script, {}; first paint {:.0} ms, {}; data {:.0} ms, {}.",
        number(&first["scripts"]["gzip"]) / 1024.0,
        kept(number(&first["scripts"]["gzip"]) <= 170.0 * 1024.0),
        number(&first["paint"]),
        kept(number(&first["paint"]) <= 500.0),
        number(&first["data"]),
        kept(number(&first["data"]) <= 1000.0),
    )];
    for (name, found) in steady.iter().filter(|(name, _)| name.starts_with("Vigie")) {
        let (main, wire) = (number(&found["main"]) * 100.0, number(&found["packed"]) / 1024.0);
        lines.push(format!(
            "- {name}: main thread {main:.2} % ({:.2} % of processor time), {}; {:.0} long tasks, {}; {wire:.2} KB/s, {}.",
            number(&found["cpu"]) * 100.0,
            kept(main <= 3.0),
            number(&found["longTasks"]),
            kept(number(&found["longTasks"]) == 0.0),
            kept(wire <= 5.0),
        ));
    }
    lines.join("\n")
}

/// The largest of the parts of a stream, a second.
fn shares(found: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let parts = found["parts"].as_object();
    let mut parts: Vec<_> = parts
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.trim_start_matches("row."), number(value)))
        .collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let word = |(name, value): &(&str, f64)| format!("{name} {}", count(*value));
    parts.iter().take(12).map(word).collect::<Vec<_>>().join(", ")
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

pub fn address(watcher: &Watcher) -> String {
    format!("http://127.0.0.1:{}", watcher.port)
}

/// Runs a script to its end; its last line is the answer. What it says beside that is shown as it comes.
pub fn json(command: &mut std::process::Command) -> Result<Value> {
    let out = command.stderr(Stdio::inherit()).output().context("starting node")?;
    let text = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() {
        bail!("{} failed: see above", crate::command::line(command));
    }
    serde_json::from_str(text.lines().last().unwrap_or_default())
        .with_context(|| format!("{} prints JSON", crate::command::line(command)))
}
