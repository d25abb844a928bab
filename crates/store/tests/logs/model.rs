//! Any entries, in any order, with blocks made and merged at any moment: every question has the answer of a plain list.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use vigie_model::{Labels, Level, LogEntry};
use vigie_store::logs::{
    Condition, Cursor, LinesOf, LogField, LogFilter, LogOptions, LogRefusal, LogStore, Messages,
    Order, Parts, Position, TextMatch, TextScope,
};
use vigie_store::{MatchOp, Matcher};

use crate::support::*;

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(from)
}

fn any_entry() -> impl Strategy<Value = LogEntry> {
    let names = (
        pick(&["", "access", "job"]),
        pick(&["api", "n8n"]),
        pick(&["", "one", "two"]),
        pick(&["", "emails", "Thumbs"]),
    );
    let ids = (pick(&["", "17", "job-9"]), pick(&["", "abc", "ABC"]));
    let labels = (pick(&["", "eu", "us"]), pick(&["", "", "emails", "x"]));
    let words = prop_oneof![
        3 => "(Error|job|failed|17|in|été|x_y|zq9x| |=|\n|\\.){0,8}",
        // Many of one shape, which is how parts are kept.
        7 => "(job|failed) [1-9][0-9]{0,2} in 17ms( été)?",
        2 => "Error 0[0-9a-f]{7} x_y",
    ];
    let fields = pick(&["", "{}", r#"{"failed":"Job 17"}"#]);
    let time = (0i64..3, 0i64..100, pick(&["1", "1000", "1000003"]));
    (time, 0usize..7, names, ids, labels, words, fields).prop_map(
        |((day, n, unit), level, names, ids, labels, message, fields)| LogEntry {
            time_nanos: (T0 + day * DAY) * NANOS + n * 600_000 * unit.parse::<i64>().unwrap(),
            level: Level::ALL[level],
            level_text: if level == 4 { "WARNING".into() } else { "".into() },
            kind: names.0.into(),
            source: names.1.into(),
            instance: names.2.into(),
            queue: names.3.into(),
            job: ids.0.into(),
            trace: ids.1.into(),
            labels: Labels::from_pairs([("region", labels.0), ("queue", labels.1)]),
            message,
            fields: fields.into(),
        },
    )
}

#[derive(Debug, Clone)]
enum Text {
    Contains(String, bool),
    Pattern(&'static str),
}

#[derive(Debug, Clone)]
struct Question {
    from: i64,
    to: i64,
    level: usize,
    field: Option<(usize, &'static str, MatchOp)>,
    text: Option<(Text, bool, bool)>,
    newest_first: bool,
    page: usize,
}

fn question() -> impl Strategy<Value = Question> {
    let op = prop::sample::select(vec![
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ]);
    let value = pick(&["", "emails", "17", "job", "api", "abc", "eu|us", "error|info", "one"]);
    let text = prop_oneof![
        ("(Error|error|job|failed 1|17|été|ÉTÉ|Q9|\n| in |x_y){1,2}", any::<bool>())
            .prop_map(|(text, ignore)| Text::Contains(text, ignore)),
        pick(&[
            "^job",
            "1.$",
            "(?i)ERROR",
            "a*",
            "job.*7",
            "(?s)failed.+o",
            r"\bjob\b",
            "[a-f]o",
            "(?i)e.*R",
            "err|17",
            "o[^ ]*b",
            "(job ?)+",
        ])
        .prop_map(Text::Pattern),
    ];
    (
        (-1i64..3, 1i64..5),
        0usize..7,
        prop::option::of((0usize..9, value, op)),
        prop::option::of((text, any::<bool>(), prop::bool::weighted(0.2))),
        any::<bool>(),
        1usize..40,
    )
        .prop_map(|((from, days), level, field, text, newest_first, page)| Question {
            from: (T0 + from * DAY + HOUR) * NANOS,
            to: (T0 + (from + days) * DAY) * NANOS,
            level,
            field,
            text,
            newest_first,
            page,
        })
}

const FIELDS: [LogField; 9] = [
    LogField::Level,
    LogField::Kind,
    LogField::Source,
    LogField::Instance,
    LogField::Queue,
    LogField::Job,
    LogField::Trace,
    LogField::Label,
    LogField::Label,
];

impl Question {
    fn label(&self) -> &'static str {
        if self.field.as_ref().is_some_and(|field| field.0 == 8) { "queue" } else { "region" }
    }

    fn filter(&self) -> LogFilter {
        let conditions = self.field.iter().map(|(field, value, op)| Condition {
            field: FIELDS[*field],
            matcher: Matcher::new(self.label(), *op, *value).unwrap(),
        });
        let texts = self.text.iter().map(|(text, fields, absent)| {
            let made = match text {
                Text::Contains(text, ignore) => TextMatch::contains(text, *ignore),
                Text::Pattern(pattern) => TextMatch::regex(pattern),
            };
            let scope = if *fields { TextScope::MessageAndFields } else { TextScope::Message };
            let made = made.unwrap().within(scope);
            if *absent { made.absent() } else { made }
        });
        LogFilter {
            start_nanos: self.from,
            end_nanos: self.to,
            min_level: Level::ALL[self.level],
            conditions: conditions.collect(),
            texts: texts.collect(),
            from_number: 0,
        }
    }

    /// The plain way.
    fn wants(&self, entry: &LogEntry) -> bool {
        let in_range = entry.time_nanos >= self.from && entry.time_nanos <= self.to;
        let field = self.field.as_ref().is_none_or(|(field, value, op)| {
            let found = match FIELDS[*field] {
                LogField::Level => entry.level.as_str(),
                LogField::Kind => &*entry.kind,
                LogField::Source => &*entry.source,
                LogField::Instance => &*entry.instance,
                LogField::Queue => &*entry.queue,
                LogField::Job => &*entry.job,
                LogField::Trace => &*entry.trace,
                LogField::Label if *field == 8 => entry.labels.get("queue").unwrap_or(&entry.queue),
                LogField::Label => entry.labels.get("region").unwrap_or_default(),
            };
            Matcher::new("", *op, *value).unwrap().matches(found)
        });
        let text = self.text.as_ref().is_none_or(|(text, fields, absent)| {
            let is_in = |within: &str| match text {
                Text::Contains(text, false) => within.contains(text.as_str()),
                Text::Contains(text, true) => {
                    within.to_lowercase().contains(text.to_lowercase().as_str())
                }
                Text::Pattern(pattern) => regex::Regex::new(pattern).unwrap().is_match(within),
            };
            let there = is_in(&entry.message) || (*fields && is_in(&entry.fields));
            there != *absent
        });
        in_range && entry.level >= Level::ALL[self.level] && field && text
    }
}

/// Pages until the end, as a client would ask for them.
fn ask(store: &LogStore, question: &Question) -> Vec<LogEntry> {
    let order = if question.newest_first { Order::NewestFirst } else { Order::OldestFirst };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.search(question.filter(), order, after, question.page, &|| false).unwrap();
        assert!(page.entries.len() <= question.page && page.unreadable == 0);
        all.extend(page.entries.into_iter().map(|found| found.entry));
        match page.next {
            Some(next) => after = Some(next.to_string().parse::<Cursor>().unwrap()),
            None => return all,
        }
    }
}

fn check(store: &LogStore, given: &[LogEntry], question: &Question) -> Result<(), TestCaseError> {
    let mut expected: Vec<&LogEntry> = given.iter().filter(|entry| question.wants(entry)).collect();
    // Who follows lines as they come gets the same as who asks later.
    let filter = question.filter();
    let followed: Vec<&LogEntry> = given.iter().filter(|entry| filter.wants(entry)).collect();
    prop_assert_eq!(&followed, &expected);
    // Stable: of one time, in the order of arrival.
    expected.sort_by_key(|entry| entry.time_nanos);
    if question.newest_first {
        expected.reverse();
    }
    let found = ask(store, question);
    prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected.clone(), "{:?}", question);
    let step = 60_000 * NANOS * 30;
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for entry in &expected {
        *counts.entry(entry.time_nanos.div_euclid(step) * step).or_default() += 1;
    }
    let histogram = store.histogram(question.filter(), step, &|| false).unwrap();
    let histogram: BTreeMap<i64, u64> =
        histogram.iter().map(|one| (one.start_nanos, one.counts.iter().sum())).collect();
    prop_assert_eq!(histogram, counts, "{:?}", question);
    let facets = store.facets(question.filter(), 10, &|| false).unwrap();
    prop_assert_eq!(facets.total, expected.len() as u64);
    let mut queues: BTreeMap<&str, u64> = BTreeMap::new();
    expected.iter().for_each(|entry| *queues.entry(&entry.queue).or_default() += 1);
    queues.remove("");
    let found: BTreeMap<&str, u64> =
        facets.queues.iter().map(|one| (&*one.value, one.count)).collect();
    prop_assert_eq!(found, queues);
    for labels in [
        &[][..],
        &["level"],
        &["queue", "level"],
        &["region"],
        &["source", "nothing"],
        &["failed"],
        &["trace_id"],
    ] {
        check_by_labels(store, question, &expected, labels)?;
    }
    Ok(())
}

/// What was found, by labels.
fn check_by_labels(
    store: &LogStore,
    question: &Question,
    expected: &[&LogEntry],
    labels: &[&str],
) -> Result<(), TestCaseError> {
    let value = |entry: &LogEntry, name: &str| {
        let field = match name {
            "level" => entry.level.as_str(),
            "queue" => &entry.queue,
            "source" => &entry.source,
            _ => "",
        };
        entry.labels.get(name).unwrap_or(field).to_owned()
    };
    let names: Vec<String> = labels.iter().map(|name| (*name).to_owned()).collect();
    // What may be a field as well is not told.
    let told = !expected.iter().any(|entry| match labels {
        ["failed"] => entry.fields.contains("failed"),
        ["trace_id"] => {
            !(entry.trace.is_empty() && entry.job.is_empty() && entry.level_text.is_empty())
        }
        _ => false,
    });
    let key = |entry: &LogEntry| labels.iter().map(|name| value(entry, name)).collect();
    check_lines(store, question, expected, (&names, told), key)
}

/// Times and messages of what was found, by labels; the same without messages, and without those that have neither the first label nor
/// a text.
fn check_lines(
    store: &LogStore,
    question: &Question,
    expected: &[&LogEntry],
    (names, told): (&[String], bool),
    key: impl Fn(&LogEntry) -> Vec<String>,
) -> Result<(), TestCaseError> {
    type Found = BTreeMap<Vec<String>, Vec<(i64, String)>>;
    let text = TextMatch::contains("job", false).unwrap().within(TextScope::Message);
    let parts: Parts<'_> = &|line| line.find('=').map(|at| at..at + 1).into_iter().collect();
    // Where parts are wanted all may come.
    let of = |messages, message: &str| match messages {
        Messages::Nothing => String::new(),
        Messages::Whole => message.to_owned(),
        Messages::Parts(parts) => parts(message).into_iter().map(|place| &message[place]).collect(),
    };
    for (messages, without) in [
        (Messages::Whole, None),
        (Messages::Nothing, None),
        (Messages::Parts(parts), None),
        (Messages::Whole, Some((0, &text))),
    ] {
        if without.is_some() && names.is_empty() {
            continue;
        }
        let (mut found, wants) = (Found::new(), LinesOf { labels: names, messages, without });
        let all = store.lines(question.filter(), wants, &|| false, &mut |values, lines| {
            assert!(!lines.is_empty() && lines.is_sorted_by_key(|line| line.0));
            let key = values.iter().map(|value| (**value).to_owned()).collect();
            let lines = lines.iter().map(|(time, line)| (*time, of(messages, line)));
            found.entry(key).or_default().extend(lines);
            ControlFlow::Continue(())
        });
        prop_assert_eq!(all.unwrap(), told, "{:?} by {:?}", question, names);
        let mut wanted = Found::new();
        for entry in expected {
            let key = key(entry);
            if without.is_none() || !key[0].is_empty() || entry.message.contains("job") {
                let line = (entry.time_nanos, of(messages, &entry.message));
                wanted.entry(key).or_default().push(line);
            }
        }
        if told {
            wanted.values_mut().chain(found.values_mut()).for_each(|lines| lines.sort_unstable());
            prop_assert_eq!(found, wanted, "{:?} by {:?}", question, names);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_question_has_the_answer_of_a_plain_list(
        batches in prop::collection::vec((prop::collection::vec(any_entry(), 0..60), 0u8..4), 1..10),
        questions in prop::collection::vec(question(), 1..6),
    ) {
        let dir = quick_folder();
        let now = T0 + 5 * DAY;
        let options = || LogOptions { head_rows: 50, ..LogOptions::new(dir.path()) };
        let (mut store, _) = LogStore::open(options(), now).unwrap();
        let mut given = Vec::new();
        for (n, (batch, then)) in batches.into_iter().enumerate() {
            given.extend(batch.iter().cloned());
            let position = Position { reader: "file".into(), bytes: vec![n as u8] };
            let done = store.append_wait(batch.clone(), Some(position)).unwrap();
            prop_assert_eq!(done.accepted, batch.len());
            match then {
                1 => drop(store.maintain(now).unwrap()),
                2 => settle(&store, now + 2 * HOUR),
                3 => {
                    drop(store);
                    let (again, recovery) = LogStore::open(options(), now).unwrap();
                    prop_assert!(recovery.damaged.is_empty());
                    store = again;
                }
                _ => {}
            }
            prop_assert_eq!(store.position("file"), Some(vec![n as u8]));
        }
        for question in &questions {
            check(&store, &given, question)?;
        }
    }
}

#[test]
fn a_cursor_stays_right_while_new_lines_arrive() {
    let dir = quick_folder();
    let (store, _) = open(dir.path(), T0 + DAY);
    for n in 0..10 {
        store.append_wait(vec![entry(T0 + n, Level::Info, &n.to_string())], None).unwrap();
    }
    let search = |after| {
        store.search(LogFilter::default(), Order::NewestFirst, after, 4, &|| false).unwrap()
    };
    let text = |page: &vigie_store::logs::Page| {
        page.entries.iter().map(|found| found.entry.message.clone()).collect::<Vec<_>>()
    };
    let first = search(None);
    assert_eq!(text(&first), ["9", "8", "7", "6"]);
    // Newer ones, and one among those that were handed out.
    let more = [T0 + 100, T0 + 7].map(|time| entry(time, Level::Info, "late"));
    store.append_wait(more.to_vec(), None).unwrap();
    let second = search(first.next);
    assert_eq!(text(&second), ["5", "4", "3", "2"]);
    let third = search(second.next);
    assert_eq!((text(&third), third.next), (vec!["1".to_owned(), "0".to_owned()], None));
    // What arrived since is found by its number.
    let since = LogFilter { from_number: store.next_number() - 2, ..LogFilter::default() };
    let page = store.search(since, Order::OldestFirst, None, 10, &|| false).unwrap();
    assert_eq!(text(&page), ["late", "late"]);
    assert!("zz-1".parse::<Cursor>().is_err() && "".parse::<Cursor>().is_err());
    let cancelled = store.search(LogFilter::default(), Order::NewestFirst, None, 4, &|| true);
    assert!(cancelled.is_err());
}

#[test]
fn what_is_too_old_or_too_much_goes_and_what_is_too_long_is_refused() {
    let dir = quick_folder();
    let now = T0 + 30 * DAY;
    let options =
        LogOptions { head_rows: 1, retention_bytes: Some(3_000), ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options, now).unwrap();
    let done = store.append_wait(
        vec![
            entry(now - 15 * DAY, Level::Info, "too old"),
            entry(now + 2 * DAY, Level::Info, "too new"),
            entry(now, Level::Info, &"x".repeat(1 << 20)),
            entry(now, Level::Info, "right"),
        ],
        None,
    );
    let done = done.unwrap();
    let refused: Vec<_> = done.refused.iter().map(|one| (one.index, one.why)).collect();
    let expected = [(0, LogRefusal::TooOld), (1, LogRefusal::TooNew), (2, LogRefusal::TooLong)];
    assert_eq!((done.accepted, refused), (1, expected.to_vec()));
    for n in 0..20 {
        store.append_wait(vec![entry(now + n, Level::Info, &format!("{n}"))], None).unwrap();
        settle(&store, now);
    }
    let status = store.status();
    assert!(status.block_bytes < 5_000, "{status:?}");
    assert_eq!(messages(&store).last().map(String::as_str), Some("19"));
    // What is too old is out of sight at once, and gone when something newer is there.
    let later = now + 20 * DAY;
    store.maintain(later).unwrap();
    assert!(messages(&store).is_empty());
    store.append_wait(vec![entry(later, Level::Info, "next")], None).unwrap();
    settle(&store, later);
    assert_eq!((messages(&store), store.status().blocks), (vec!["next".to_owned()], 1));
}

#[test]
fn labels_and_streams_are_those_of_loki() {
    let dir = quick_folder();
    let (store, _) = open(dir.path(), T0);
    let labels = Labels::from_pairs([("app", "shop"), ("queue", "mine")]);
    let one = LogEntry { labels, queue: "emails".into(), ..entry(T0, Level::Warn, "x") };
    store.append_wait(vec![one, entry(T0, Level::Unknown, "y")], None).unwrap();
    let none = || false;
    let all = LogFilter::default;
    assert_eq!(store.labels(all(), None, &none).unwrap(), ["app", "level", "queue", "source"]);
    assert_eq!(store.labels(all(), Some("app"), &none).unwrap(), ["shop"]);
    assert_eq!(store.labels(all(), Some("level"), &none).unwrap(), ["warn"]);
    let streams = store.streams(all(), 10, &none).unwrap();
    let streams: Vec<String> = streams.iter().map(ToString::to_string).collect();
    assert_eq!(
        streams,
        [r#"{app="shop", level="warn", queue="mine", source="test"}"#, r#"{source="test"}"#]
    );
}
