//! Numbers made of lines: a source that hands them out by the labels that matter gets the answers of one that knows nothing
//! but how to read entries.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use vigie_model::{Labels, LogEntry};
use vigie_query::Control;
use vigie_query::logql::{
    Direction, EachLines, LinesOf, LogEngine, LogRangeQuery, LogSource, MemoryLog, Selection,
    metadata, stream_labels,
};
use vigie_store::ReadError;
use vigie_store::logs::{DECIMAL_HERE, HEX_HERE, Messages, WORD_HERE};

use crate::entry;

/// A minute and more, each seven seconds.
const ASKED: LogRangeQuery = LogRangeQuery {
    start: 0,
    end: 70_000_000_000,
    step: 7_000_000_000,
    direction: Direction::Forward,
    limit: 100,
    interval: 0,
    now: 0,
};

/// Hands out texts; counts how often it could.
struct ByLabels(MemoryLog, AtomicUsize);

impl LogSource for ByLabels {
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
        let mut groups: BTreeMap<Vec<Arc<str>>, Vec<(i64, String)>> = BTreeMap::new();
        let mut told = true;
        self.0.read(selection, &mut |entry| {
            let (stream, more) = (stream_labels(entry), metadata(entry));
            let held = selection.matchers.iter();
            if !held.clone().all(|one| one.matches(stream.get(one.name()).unwrap_or_default())) {
                return ControlFlow::Continue(());
            }
            let value = |name: &String| stream.get(name).unwrap_or_default().into();
            let values: Vec<Arc<str>> = of.labels.iter().map(value).collect();
            let lacks = |name: &&String| stream.get(name).is_none() && more.get(name).is_some();
            told &= !of.labels.iter().any(|name| lacks(&name));
            let needed = of.without.filter(|(label, _)| values[*label].is_empty());
            if needed.is_none_or(|(_, text)| entry.message.contains(text)) {
                let line = (entry.time_nanos, text_of(&entry.message, of.texts));
                groups.entry(values).or_default().push(line);
            }
            ControlFlow::Continue(())
        })?;
        if !told {
            return Ok(false);
        }
        self.1.fetch_add(1, Ordering::Relaxed);
        for (values, lines) in &groups {
            // As from two parts of a store.
            for lines in [&lines[..lines.len() / 2], &lines[lines.len() / 2..]] {
                let lines: Vec<_> = lines.iter().map(|(time, line)| (*time, &**line)).collect();
                if !lines.is_empty() && each(values, &lines).is_break() {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }
}

/// What is wanted of a text, as a store gives it that keeps apart what lines of one shape have of their own.
fn text_of(text: &str, wanted: Messages<'_>) -> String {
    let parts = match wanted {
        Messages::Nothing => return String::new(),
        Messages::Whole => return text.to_owned(),
        Messages::Parts(parts) => parts,
    };
    // Where each piece is: in what is told, and in the text.
    let (mut told, mut pieces) = (String::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let start = text.len() - rest.len();
        let run = rest.find(|one: char| !one.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let all = |kind: fn(&char) -> bool| rest[..run].chars().all(|one| kind(&one));
        let own = match rest[..run].contains(|one: char| one.is_ascii_digit()) {
            false => None,
            true if all(char::is_ascii_digit) => Some(DECIMAL_HERE),
            true if all(|one| matches!(one, '0'..='9' | 'a'..='f')) => Some(HEX_HERE),
            true => Some(WORD_HERE),
        };
        let letter = rest.chars().next().unwrap_or_default();
        let length = if own.is_some() { run } else { letter.len_utf8() };
        pieces.push((told.len(), start..start + length));
        told.push(own.unwrap_or(letter));
        rest = &rest[length..];
    }
    let part = |part: Range<usize>| {
        let within = pieces.iter().filter(|(place, _)| part.contains(place));
        within.map(|(_, place)| &text[place.clone()]).collect::<String>()
    };
    parts(&told).into_iter().map(part).collect::<Vec<_>>().join(" ")
}

/// Of these lines are handed out.
const HANDED: [&str; 19] = [
    r#"sum(count_over_time({app=~".+"} | logfmt | bytes > 100 [20s]))"#,
    r#"sum(count_over_time({app=~".+"} | logfmt | bytes > 100 | __error__="" [20s]))"#,
    r#"sum by (status) (rate({app=~".+"} | logfmt | bytes > 100 | __error__="" [10s]))"#,
    r#"sum by (app, status) (count_over_time({app="a"} | logfmt [1m]))"#,
    r#"sum by (status) (sum_over_time({app=~".+"} | logfmt | unwrap bytes | __error__="" [20s]))"#,
    r#"max_over_time({app=~".+"} | logfmt | unwrap bytes(bytes) | __error__="" [20s]) by (app)"#,
    r#"avg_over_time({app=~".+"} |= "job" | logfmt | status!="" | unwrap bytes [20s]) by (status)"#,
    r#"sum by (bytes_extracted) (count_over_time({app=~".+"} | logfmt | bytes_extracted="17" [20s]))"#,
    r#"sum(bytes_over_time({app=~".+"} | logfmt | status="ok" or bytes > 2 | __error__="" [20s]))"#,
    r#"sum by (a_b) (count_over_time({app=~".+"} | logfmt | a_b=~"x.*" [20s]))"#,
    r#"sum by (status) (count_over_time({app=~".+"} | json | status="ok" | drop __error__ [20s]))"#,
    r#"sum(count_over_time({app=~".+"} | logfmt --strict | bytes > 2 [20s]))"#,
    r#"sum(count_over_time({app=~".+"} | regexp "bytes=(?P<n>\\d+)" | n > 5 [20s]))"#,
    r#"sum(count_over_time({app=~".+"} | logfmt b="bytes" | b > 5 | __error__="" [20s]))"#,
    r#"absent_over_time({app="a"} | logfmt | bytes > 150 | __error__="" [7s])"#,
    // Nobody looks at their texts, but for the lengths.
    r#"sum by (app, bytes) (count_over_time({app=~".+"} |= "job" [20s]))"#,
    r#"sum by (app, bytes_extracted) (rate({app=~".+"} != "job" | drop __error__ [1m]))"#,
    r#"sum(bytes_over_time({app=~".+"} |~ "[0-9]{3}" [20s]))"#,
    r#"absent_over_time({app="a"} |= "nothing" [7s])"#,
];

/// Of these all labels matter, or the order.
const READ: [&str; 3] = [
    r#"count_over_time({app=~".+"} | logfmt | bytes > 100 [20s])"#,
    r#"last_over_time({app=~".+"} | logfmt | unwrap bytes | __error__="" [20s]) by (app)"#,
    r#"sum by (app) (count_over_time({app=~".+"} | logfmt | label_format x=bytes | x > 5 [20s]))"#,
];

fn line() -> impl Strategy<Value = LogEntry> {
    let message = prop_oneof![
        4 => (0u32..200, "(ok|bad|)").prop_map(|(n, word)| format!("job x bytes={n} status={word}")),
        1 => Just(r#"msg="a b" a.b=xy bytes="17""#.to_owned()),
        1 => Just("bytes=5KB a-b=x =3 status=ok".to_owned()),
        1 => Just("bytes status bytesx=4 xbytes=300".to_owned()),
        1 => Just(r#"x="1 " y2" status="a	7b" by7es=3 bytes=1e3 status=o"k bytes="8"#.to_owned()),
        1 => Just(r#"{"bytes": 5, "status": "ok"}"#.to_owned()),
        1 => Just("nothing".to_owned()),
    ];
    let labels = ("(a|b)", prop_oneof![6 => Just(""), 1 => Just("150"), 1 => Just("many")]);
    let fields = prop_oneof![40 => Just(""), 1 => Just(r#"{"status":"x"}"#)];
    (0i64..60, message, labels, fields).prop_map(|(second, message, (app, bytes), fields)| {
        LogEntry {
            fields: fields.to_owned(),
            ..entry(
                Labels::from_pairs([("app", app.as_str()), ("bytes", bytes)]),
                second * 1_000_000_000,
                &message,
            )
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn lines_by_labels_are_counted_as_entries_are(lines in prop::collection::vec(line(), 0..60)) {
        let (engine, control) = (LogEngine::default(), Control::default());
        let plain = MemoryLog::new(lines);
        let source = ByLabels(plain.clone(), AtomicUsize::new(0));
        for query in HANDED.iter().chain(&READ) {
            let ask = |source: &dyn LogSource| {
                engine.range(source, query, &ASKED, &control).map(|answer| answer.value)
            };
            prop_assert_eq!(ask(&source), ask(&plain), "{}", query);
        }
    }
}

#[test]
fn lines_are_asked_for_where_few_labels_matter() {
    let (engine, control) = (LogEngine::default(), Control::default());
    for (query, handed) in HANDED.iter().map(|one| (one, 1)).chain(READ.iter().map(|one| (one, 0)))
    {
        let labels = Labels::from_pairs([("app", "a")]);
        let source = MemoryLog::new(vec![entry(
            labels,
            1_000_000_000,
            "job bytes=300 status=ok n=1 nothing",
        )]);
        let source = ByLabels(source, AtomicUsize::new(0));
        assert!(engine.range(&source, query, &ASKED, &control).is_ok(), "{query}");
        assert_eq!(source.1.into_inner(), handed, "{query}");
    }
}
