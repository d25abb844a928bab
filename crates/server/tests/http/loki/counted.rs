//! Numbers made of lines of the store on disk: what it hands out by labels gives the answers that its entries give.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use vigie_model::{Labels, Level, LogEntry};
use vigie_query::Control;
use vigie_query::logql::{
    Direction, EachLines, LinesOf, LogEngine, LogRangeQuery, LogSource, Selection,
};
use vigie_server::StoredLogs;
use vigie_store::ReadError;
use vigie_store::logs::{LogOptions, LogStore};

use super::{NOW, SECOND, entry};

/// How far back lines are, in seconds.
const AGE: i64 = 600;

/// Counts how often lines were handed out, and how often they could not be.
#[derive(Default)]
struct Told {
    handed: AtomicUsize,
    refused: AtomicUsize,
}

/// The store; without somebody to tell it hands out entries alone.
struct Asked<'a>(&'a StoredLogs, Option<&'a Told>);

impl LogSource for Asked<'_> {
    fn read(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.0.read(selection, visit)
    }

    fn lines(
        &self,
        selection: &Selection<'_>,
        of: LinesOf<'_>,
        each: EachLines<'_>,
    ) -> Result<bool, ReadError> {
        let Some(told) = self.1 else { return Ok(false) };
        let handed = self.0.lines(selection, of, each)?;
        let count = if handed { &told.handed } else { &told.refused };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(handed)
    }
}

/// With and without parsers; lines are handed out for sixteen of them, where their fields allow it, and never for the last three.
const QUERIES: [&str; 19] = [
    r#"sum(count_over_time({app=~".+"} | logfmt | bytes > 50 [1m]))"#,
    r#"sum(count_over_time({app=~".+"} | logfmt | bytes > 50 | __error__="" [1m]))"#,
    r#"sum by (status) (rate({app=~".+"} | logfmt | bytes > 50 | __error__="" [2m]))"#,
    r#"sum by (app, status) (count_over_time({app="a"} |= "job" | logfmt [1m]))"#,
    r#"sum by (level, status) (sum_over_time({app=~".+"} | logfmt | unwrap bytes | __error__="" [1m]))"#,
    r#"max_over_time({app=~".+"} | logfmt | unwrap bytes(bytes) | __error__="" [1m]) by (app)"#,
    r#"avg_over_time({app=~".+"} |~ "job [0-9a-f]+" | logfmt | unwrap bytes [1m]) by (queue)"#,
    r#"sum by (bytes_extracted) (count_over_time({app=~".+"} | logfmt | bytes_extracted="17" [1m]))"#,
    r#"sum(bytes_over_time({app=~".+"} | logfmt | status="ok" or bytes > 2 | __error__="" [1m]))"#,
    r#"sum by (status) (count_over_time({app=~".+"} | json | status="ok" | drop __error__ [1m]))"#,
    r#"sum by (word) (count_over_time({app=~".+"} | regexp "took (?P<n>\\d+)ms for (?P<word>\\w+)" | n > 500 [1m]))"#,
    r#"sum by (n) (count_over_time({app=~".+"} != "status" | pattern "job <id> took <n>ms" [5m]))"#,
    r#"absent_over_time({app="a"} | logfmt | bytes > 95 | __error__="" [20s])"#,
    r#"sum by (level, queue) (count_over_time({app=~".+"} |= "job" != "ok" [1m]))"#,
    r#"sum(bytes_over_time({app=~".+"} |~ "[a-f]{2}\\d|é" [1m]))"#,
    r#"sum by (bytes) (count_over_time({app=~".+"} [1m]))"#,
    r#"count_over_time({app=~".+"} | logfmt | bytes > 50 [1m])"#,
    r#"last_over_time({app=~".+"} | logfmt | unwrap bytes | __error__="" [1m]) by (app)"#,
    r#"sum by (app) (count_over_time({app=~".+"} | line_format "{{.bytes}}" |= "7" [1m]))"#,
];

/// Some have shapes, some too few like them, some nothing in common; and parsers fail on some.
fn message() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => (any::<u64>(), 0u32..100, "(ok|bad)")
            .prop_map(|(id, n, word)| format!("job {id:016x} bytes={n} status={word}")),
        10 => (any::<u64>(), 0u32..2000, "(mail|report)")
            .prop_map(|(id, ms, word)| format!("job {id:016x} took {ms}ms for {word}")),
        4 => (0u32..100, "(ok|bad)")
            .prop_map(|(n, word)| format!(r#"{{"bytes": {n}, "status": "{word}"}}"#)),
        1 => Just(r#"msg="a b" a.b=xy bytes="17" é"#.to_owned()),
        1 => Just("bytes=5KB a-b=x =3 status=ok".to_owned()),
        1 => Just("bytes status bytesx=4 xbytes=300".to_owned()),
        // Escapes of which a shape says nothing, and keys of which it says a part.
        4 => (0u32..100, 1000u32..1020)
            .prop_map(|(n, code)| format!(r#"bytes={n} status="a\u{code}" rest"#)),
        2 => (0u32..100, "(beef|cafe)", 1000u32..1020)
            .prop_map(|(n, id, code)| format!(r#"msg="\{id}{code}"status=ok bytes={n}"#)),
        4 => (0u32..100, "[0-9a-f]{8}").prop_map(|(n, id)| format!("{id}=1 n{n}=2 _{n}={n} bytes={n} {n}ms")),
        2 => "[a-z ]{0,30}",
    ]
}

/// Lines that have one of these fields each, by ascending time but for some that come late.
fn lines(fields: &'static [&'static str]) -> impl Strategy<Value = Vec<LogEntry>> {
    let line = (message(), "(a|b)", 0usize..40, 0usize..6, any::<prop::sample::Index>());
    prop::collection::vec(line, 200..700).prop_map(move |lines| {
        let all = lines.len() as i64;
        let made = (0i64..).zip(lines).map(|(place, (message, app, chance, level, field))| {
            let late = if chance % 10 == 0 { 60 } else { 0 };
            let bytes = ["150", "many", ""].get(chance).copied().unwrap_or("");
            let labels = [("app", app.as_str()), ("bytes", bytes)];
            let ago = AGE - place * AGE / all + late;
            let level = Level::ALL.get(level).copied().unwrap_or_default();
            LogEntry {
                job: "".into(),
                queue: if chance < 20 { "mails".into() } else { "".into() },
                labels: Labels::from_pairs(labels),
                fields: (*field.get(fields)).to_owned(),
                ..entry(ago, level, &[], &message)
            }
        });
        made.collect()
    })
}

/// The same in the three places where lines are: in blocks, merged or not, and in the head.
fn check(lines: &[LogEntry], told: &Told) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let now = NOW / 1_000_000;
    let options = LogOptions { head_rows: 120, ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options, now).unwrap();
    let (settled, fresh) = lines.split_at(lines.len() * 9 / 10);
    for some in settled.chunks(150) {
        store.append_wait(some.to_vec(), None).unwrap();
        while store.maintain(now).unwrap().more {}
    }
    store.append_wait(fresh.to_vec(), None).unwrap();
    prop_assert!(store.status().block_entries > 0);
    prop_assert!(store.status().block_entries < lines.len() as u64);
    let (engine, control) = (LogEngine::default(), Control::default());
    let stored = StoredLogs::new(store.clone());
    let asked = LogRangeQuery {
        start: NOW - AGE * SECOND,
        end: NOW,
        step: 23 * SECOND,
        direction: Direction::Forward,
        limit: 100,
        interval: 0,
        now: NOW,
    };
    for query in QUERIES {
        let ask = |source: &dyn LogSource| {
            engine.range(source, query, &asked, &control).map(|answer| answer.value)
        };
        prop_assert_eq!(ask(&Asked(&stored, Some(told))), ask(&Asked(&stored, None)), "{}", query);
    }
    store.close();
    Ok(())
}

#[test]
fn what_the_store_hands_out_is_what_its_entries_say() {
    // The last have metadata of names that queries ask for: whose lines these are cannot be told by labels.
    for (fields, handed) in [
        (&[""][..], 16),
        (&[r#"{"host":"h1"}"#], 16),
        (&["", "", "", r#"{"status":"x","bytes":5}"#], 4),
    ] {
        let (told, cases) = (Told::default(), 5);
        let mut runner = TestRunner::new(Config {
            failure_persistence: None,
            ..Config::with_cases(cases as u32)
        });
        runner.run(&lines(fields), |lines| check(&lines, &told)).unwrap();
        let found = [told.handed, told.refused].map(AtomicUsize::into_inner);
        assert_eq!(found, [handed * cases, (16 - handed) * cases], "{fields:?}");
    }
}
