//! Events: the timeline that people read.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Broker, EVENT_KIND, Labels, Level, LogEntry, Name, SourceName, Time, WorkerId};

/// Something that happened, whoever says so: Vigie's own look at what it watches, or others (a deploy, a workflow). It is kept
/// as a log entry of type [`EVENT_KIND`], and both say the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When: nanoseconds since the Unix epoch, on the clock of who says it.
    pub time_nanos: i64,
    /// What, for example `queue_paused` or `deploy`: the `type` on the wire. Not empty.
    pub kind: Arc<str>,
    /// How loud it is.
    pub severity: Severity,
    /// The source it happened in, or by which it came; empty when nobody said.
    pub source: Arc<str>,
    /// What it is about: a queue, a worker, a service; empty when nobody said.
    pub subject: Arc<str>,
    /// What happened, in a sentence.
    pub message: String,
    /// Everything else. `queue`, `instance`, `job` and `trace` are what they are in a log entry, where they are texts.
    pub fields: Map<String, Value>,
}

/// The type that stands for all that [`Event::is_alert`] when events are asked for by it.
pub const ALERT: &str = "alert";
/// What is not critical and must be seen nevertheless.
const ALERTING: [&str; 1] = ["workflow_overdue"];

/// Names an event, and says where it stands: events are ordered by it. No two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// When it happened.
    pub time_nanos: i64,
    /// Its place in the order of arrival.
    pub number: u64,
}

impl fmt::Display for EventId {
    /// As the cursor of a log entry is written.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}-{:x}", self.time_nanos, self.number)
    }
}

/// A text that names no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEventId;

impl fmt::Display for NoEventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("this is no cursor: take it from the answer before as it is")
    }
}

impl std::error::Error for NoEventId {}

impl FromStr for EventId {
    type Err = NoEventId;

    fn from_str(text: &str) -> Result<Self, NoEventId> {
        let (time, number) = text.split_once('-').ok_or(NoEventId)?;
        let hex = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().ok_or(NoEventId)
        };
        Ok(Self { time_nanos: hex(time)?.cast_signed(), number: hex(number)? })
    }
}

/// What Vigie itself saw happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When, on Vigie's clock.
    pub at: Time,
    /// What.
    pub kind: EventKind,
    /// The source it happened in; none when it happened to Vigie itself.
    pub source: Option<SourceName>,
    /// The queue, worker or instance it is about; none when it is about the source, or about Vigie.
    pub subject: Option<String>,
    /// The broker, when it is about a queue or a worker.
    pub broker: Option<Broker>,
    /// The queue, when it is about one.
    pub queue: Option<Name>,
    /// The worker, when it is about one.
    pub worker: Option<WorkerId>,
    /// More words, for example the error.
    pub detail: Option<String>,
}

impl From<Noted> for Event {
    fn from(noted: Noted) -> Self {
        let Noted { at, kind, source, subject, broker, queue, worker, detail } = noted;
        let source = source.as_ref().map_or("", SourceName::as_str);
        let subject = subject.as_deref().unwrap_or(source);
        let words = [kind.thing(), subject, kind.did()].into_iter().filter(|word| !word.is_empty());
        let mut message = words.collect::<Vec<_>>().join(" ");
        if let Some(detail) = &detail {
            message = format!("{message}: {detail}");
        }
        let fields = [
            ("kind", broker.map(|broker| broker.as_str().to_owned())),
            ("queue", queue.map(|queue| queue.to_string())),
            ("worker", worker.map(|worker| worker.to_string())),
            ("detail", detail),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Self {
            time_nanos: at.micros().saturating_mul(1_000),
            kind: kind.as_str().into(),
            severity: kind.severity(),
            source: source.into(),
            subject: subject.into(),
            message,
            fields: fields.map(|(name, value)| (name.to_owned(), value.into())).collect(),
        }
    }
}

impl Event {
    /// The event that a log entry tells; none where it tells none.
    #[must_use]
    pub fn of_entry(entry: &LogEntry) -> Option<Self> {
        if &*entry.kind != EVENT_KIND {
            return None;
        }
        let mut fields: Map<String, Value> =
            serde_json::from_str(&entry.fields).unwrap_or_default();
        let mut word = |name: &str| match fields.remove(name) {
            Some(Value::String(word)) => word,
            Some(other) => {
                fields.insert(name.to_owned(), other);
                String::new()
            }
            None => String::new(),
        };
        let (kind, severity, subject) = (word("event"), word("severity"), word("subject"));
        for label in &entry.labels {
            fields.entry(label.name.to_string()).or_insert_with(|| (*label.value).into());
        }
        let more = [
            ("queue", &entry.queue),
            ("instance", &entry.instance),
            ("job", &entry.job),
            ("trace", &entry.trace),
        ];
        for (name, value) in more.into_iter().filter(|(_, value)| !value.is_empty()) {
            fields.insert(name.to_owned(), (**value).into());
        }
        Some(Self {
            time_nanos: entry.time_nanos,
            kind: if kind.is_empty() { EVENT_KIND.into() } else { kind.into() },
            severity: Severity::parse(&severity).unwrap_or(Severity::of_level(entry.level)),
            source: entry.source.clone(),
            subject: subject.into(),
            message: entry.message.clone(),
            fields,
        })
    }

    /// The log entry that tells it.
    #[must_use]
    pub fn into_entry(self) -> LogEntry {
        let Self { time_nanos, kind, severity, source, subject, message, mut fields } = self;
        let mut taken = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) => text.into(),
            Some(other) => {
                fields.insert(name.to_owned(), other);
                "".into()
            }
            None => "".into(),
        };
        let (queue, instance, job, trace) =
            (taken("queue"), taken("instance"), taken("job"), taken("trace"));
        fields.insert("event".to_owned(), (*kind).into());
        fields.insert("severity".to_owned(), severity.as_str().into());
        if !subject.is_empty() {
            fields.insert("subject".to_owned(), (*subject).into());
        }
        LogEntry {
            time_nanos,
            level: severity.level(),
            level_text: "".into(),
            kind: EVENT_KIND.into(),
            source,
            instance,
            queue,
            job,
            trace,
            labels: Labels::default(),
            message,
            fields: Value::Object(fields).to_string(),
        }
    }

    /// Whether it is one of those that somebody should be alerted to: it is critical, others call it an alert, or a workflow
    /// did not run when it should have.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.severity == Severity::Critical
            || *self.kind == *ALERT
            || ALERTING.contains(&&*self.kind)
    }

    /// A field that is a text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A source answered for the first time.
    SourceFound,
    /// A source stopped answering.
    SourceLost,
    /// A source answers again.
    SourceRecovered,
    /// A queue was seen for the first time.
    QueueAppeared,
    /// A queue is no longer there.
    QueueGone,
    /// A queue was paused.
    QueuePaused,
    /// A queue goes on.
    QueueResumed,
    /// A worker was seen for the first time.
    WorkerJoined,
    /// A worker is no longer there.
    WorkerLeft,
    /// An instance was seen for the first time.
    InstanceJoined,
    /// An instance is no longer listed.
    InstanceLeft,
    /// An instance went down.
    InstanceDown,
    /// An instance that was down is up again.
    InstanceUp,
    /// An instance says that it began anew.
    InstanceRestarted,
    /// Vigie began.
    VigieStarted,
    /// Vigie began with another configuration than before.
    ConfigChanged,
}

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing to see.
    Ok,
    /// Good to know.
    Info,
    /// It cannot be said, because the data is stale or absent.
    Unknown,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// From the word of an event: `ok`, `info`, `warning` or `critical`; none for others.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ok, Self::Info, Self::Warning, Self::Critical]
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }

    /// The level of a log entry that tells an event of this severity.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Ok | Self::Info => Level::Info,
            Self::Unknown => Level::Unknown,
            Self::Warning => Level::Warn,
            Self::Critical => Level::Fatal,
        }
    }

    /// How loud an event is of which a log entry says only the level.
    #[must_use]
    pub const fn of_level(level: Level) -> Self {
        match level {
            Level::Unknown | Level::Trace | Level::Debug | Level::Info => Self::Info,
            Level::Warn => Self::Warning,
            Level::Error | Level::Fatal => Self::Critical,
        }
    }
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::SourceFound,
        Self::SourceLost,
        Self::SourceRecovered,
        Self::QueueAppeared,
        Self::QueueGone,
        Self::QueuePaused,
        Self::QueueResumed,
        Self::WorkerJoined,
        Self::WorkerLeft,
        Self::InstanceJoined,
        Self::InstanceLeft,
        Self::InstanceDown,
        Self::InstanceUp,
        Self::InstanceRestarted,
        Self::VigieStarted,
        Self::ConfigChanged,
    ];

    /// The word on the wire: the `type` of an event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceFound => "source_found",
            Self::SourceLost => "source_lost",
            Self::SourceRecovered => "source_recovered",
            Self::QueueAppeared => "queue_appeared",
            Self::QueueGone => "queue_gone",
            Self::QueuePaused => "queue_paused",
            Self::QueueResumed => "queue_resumed",
            Self::WorkerJoined => "worker_joined",
            Self::WorkerLeft => "worker_left",
            Self::InstanceJoined => "instance_joined",
            Self::InstanceLeft => "instance_left",
            Self::InstanceDown => "instance_down",
            Self::InstanceUp => "instance_up",
            Self::InstanceRestarted => "instance_restarted",
            Self::VigieStarted => "vigie_started",
            Self::ConfigChanged => "config_changed",
        }
    }

    /// What sort of thing it happens to.
    const fn thing(self) -> &'static str {
        match self {
            Self::SourceFound | Self::SourceLost | Self::SourceRecovered => "source",
            Self::QueueAppeared | Self::QueueGone | Self::QueuePaused | Self::QueueResumed => {
                "queue"
            }
            Self::WorkerJoined | Self::WorkerLeft => "worker",
            Self::InstanceJoined
            | Self::InstanceLeft
            | Self::InstanceDown
            | Self::InstanceUp
            | Self::InstanceRestarted => "instance",
            Self::VigieStarted => "Vigie",
            Self::ConfigChanged => "the configuration",
        }
    }

    /// What that thing did.
    const fn did(self) -> &'static str {
        match self {
            Self::SourceFound => "is watched",
            Self::SourceLost => "does not answer",
            Self::SourceRecovered => "answers again",
            Self::QueueAppeared => "appeared",
            Self::QueueGone => "is gone",
            Self::QueuePaused => "was paused",
            Self::QueueResumed => "goes on",
            Self::WorkerJoined | Self::InstanceJoined => "joined",
            Self::WorkerLeft | Self::InstanceLeft => "left",
            Self::InstanceDown => "is down",
            Self::InstanceUp => "is up again",
            Self::InstanceRestarted => "began anew",
            Self::VigieStarted => "started",
            Self::ConfigChanged => "changed",
        }
    }

    /// How loud it is by itself.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::SourceLost | Self::InstanceDown => Severity::Critical,
            Self::QueuePaused
            | Self::WorkerLeft
            | Self::QueueGone
            | Self::InstanceLeft
            | Self::InstanceRestarted => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_from_object;

    fn paused() -> Noted {
        Noted {
            at: Time::from_millis(1_795_442_619_000),
            kind: EventKind::QueuePaused,
            source: Some(SourceName::new("main")),
            subject: Some("emails".to_owned()),
            broker: Some(Broker::BullMq),
            queue: Some(Name::from("emails")),
            worker: None,
            detail: None,
        }
    }

    #[test]
    fn an_event_and_its_log_entry_say_the_same() {
        let event = Event::from(paused());
        assert_eq!(event.message, "queue emails was paused");
        let entry = event.clone().into_entry();
        assert_eq!((&*entry.queue, entry.level, &*entry.kind), ("emails", Level::Warn, "event"));
        assert_eq!(
            entry.fields,
            r#"{"event":"queue_paused","kind":"bullmq","severity":"warning","subject":"emails"}"#
        );
        assert_eq!(Event::of_entry(&entry), Some(event));
        let lost = Noted {
            kind: EventKind::SourceLost,
            subject: None,
            detail: Some("refused".to_owned()),
            ..paused()
        };
        assert_eq!(Event::from(lost).message, "source main does not answer: refused");
        let started = Noted {
            kind: EventKind::VigieStarted,
            source: None,
            subject: None,
            queue: None,
            broker: None,
            detail: Some("0.1.0".to_owned()),
            ..paused()
        };
        let event = Event::from(started);
        assert_eq!(
            (&*event.message, &*event.source, &*event.subject),
            ("Vigie started: 0.1.0", "", "")
        );
        assert_eq!(Event::of_entry(&event.clone().into_entry()), Some(event));
    }

    #[test]
    fn what_others_say_is_understood_whatever_door_it_came_by() {
        let now = Time::from_millis(1_795_442_619_000);
        let object = r#"{"message":"api 1.4.2 is out","subject":"api","fields":{"commit":"abc"},"queue":"emails"}"#;
        let pushed = event_from_object(serde_json::from_str(object).unwrap(), "ci", now).unwrap();
        let event = Event::of_entry(&pushed).unwrap();
        assert_eq!(
            (&*event.kind, event.severity, &*event.subject),
            ("deploy", Severity::Info, "api")
        );
        assert_eq!((event.field("commit"), event.field("queue")), (Some("abc"), Some("emails")));
        assert_eq!(event.fields.len(), 2, "{:?}", event.fields);
        // A line of type event that says nothing more, or says it wrongly.
        let mut line = LogEntry::blank("file", now);
        assert_eq!(Event::of_entry(&line), None);
        line.kind = EVENT_KIND.into();
        line.level = Level::Error;
        line.fields = r#"{"event":17,"severity":"loud"}"#.to_owned();
        let event = Event::of_entry(&line).unwrap();
        assert_eq!((&*event.kind, event.severity), ("event", Severity::Critical));
        assert_eq!(event.fields["event"], 17);
        line.fields = "no json".to_owned();
        assert!(Event::of_entry(&line).unwrap().fields.is_empty());
    }
}
