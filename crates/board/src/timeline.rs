//! The timeline: the last events, whoever says them.

use std::collections::VecDeque;
use std::sync::Arc;

use vigie_model::{
    ALERT, Broker, Event, EventId, EventKind, Instance, Name, Noted, QueueId, SourceName, Time,
    Worker,
};

/// How many events are at hand; more are in the store.
const KEPT: usize = 2_000;
/// How many of the board's own wait to be kept; of more, the oldest are dropped.
const NOTED: usize = 100_000;

/// The last events, and what the board itself saw and nobody has kept yet.
///
/// What the board sees is [noted](Self::take_noted) first and stands on the timeline once whoever keeps events has
/// [told](Self::tell) it, together with what others say.
#[derive(Debug, Default)]
pub struct Timeline {
    events: VecDeque<(EventId, Event)>,
    noted: VecDeque<Event>,
    dropped: u64,
    version: u64,
}

/// Which events are asked for; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only of these types; [`ALERT`] is every [alert](Event::is_alert), whatever its type.
    pub kinds: Option<Vec<String>>,
    /// Only of these severities, by their words.
    pub severities: Option<Vec<String>>,
    /// Only of this source.
    pub source: Option<Arc<str>>,
    /// Only about queues and workers of this broker.
    pub broker: Option<Broker>,
    /// Only about this queue.
    pub queue: Option<String>,
    /// With a queue: what is about no queue, too, such as a deploy; then whatever its source and broker.
    pub general: bool,
    /// From this time on, nanoseconds since the Unix epoch.
    pub from_nanos: Option<i64>,
    /// Up to this time.
    pub to_nanos: Option<i64>,
}

impl EventFilter {
    /// What is about one queue.
    #[must_use]
    pub fn of_queue(id: &QueueId) -> Self {
        Self {
            source: Some(id.source.as_str().into()),
            broker: Some(id.broker),
            queue: Some(id.name.to_string()),
            ..Self::default()
        }
    }

    /// Whether it is one of those.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let among = |words: &Option<Vec<String>>, word: &str| {
            words.as_ref().is_none_or(|words| words.iter().any(|one| one == word))
        };
        (among(&self.kinds, &event.kind) || (event.is_alert() && among(&self.kinds, ALERT)))
            && among(&self.severities, event.severity.as_str())
            && self.from_nanos.is_none_or(|from| event.time_nanos >= from)
            && self.to_nanos.is_none_or(|to| event.time_nanos <= to)
            && self.is_about(event)
    }

    fn is_about(&self, event: &Event) -> bool {
        let queue = event.field("queue");
        if self.general && self.queue.is_some() && queue.is_none() {
            return true;
        }
        self.source.as_ref().is_none_or(|source| *source == event.source)
            && self.broker.is_none_or(|broker| event.field("kind") == Some(broker.as_str()))
            && self.queue.as_deref().is_none_or(|wanted| queue == Some(wanted))
    }
}

/// What an event is about.
#[derive(Debug, Default)]
pub(crate) struct About {
    subject: Option<String>,
    broker: Option<Broker>,
    queue: Option<Name>,
    worker: Option<vigie_model::WorkerId>,
    detail: Option<String>,
}

impl About {
    /// The source itself.
    pub(crate) fn source(detail: String) -> Self {
        Self { detail: Some(detail), ..Self::default() }
    }

    pub(crate) fn queue(queue: &QueueId) -> Self {
        Self {
            subject: Some(queue.name.to_string()),
            broker: Some(queue.broker),
            queue: Some(queue.name.clone()),
            ..Self::default()
        }
    }

    pub(crate) fn worker(worker: Worker) -> Self {
        let queues: Vec<&str> = worker.queues.iter().map(Name::as_str).collect();
        Self {
            subject: Some(worker.name.to_string()),
            broker: Some(worker.broker),
            detail: (!queues.is_empty()).then(|| queues.join(", ")),
            queue: (worker.queues.len() == 1).then(|| worker.queues[0].clone()),
            worker: Some(worker.id),
        }
    }

    pub(crate) fn instance(instance: &Instance, name: &Name, detail: Option<String>) -> Self {
        Self { subject: Some(format!("{}/{name}", instance.key.role)), detail, ..Self::default() }
    }
}

impl Timeline {
    pub(crate) fn note(&mut self, at: Time, kind: EventKind, source: &SourceName, about: About) {
        let About { subject, broker, queue, worker, detail } = about;
        let source = Some(source.clone());
        self.push(Noted { at, kind, source, subject, broker, queue, worker, detail });
    }

    /// Notes what happened to Vigie itself.
    pub fn note_own(&mut self, at: Time, kind: EventKind, detail: String) {
        let About { subject, broker, queue, worker, .. } = About::default();
        let detail = Some(detail);
        self.push(Noted { at, kind, source: None, subject, broker, queue, worker, detail });
    }

    fn push(&mut self, noted: Noted) {
        self.noted.push_back(noted.into());
        if self.noted.len() > NOTED {
            self.noted.pop_front();
            self.dropped += 1;
        }
    }

    /// What the board saw and nobody has taken yet, oldest first.
    pub fn noted(&self) -> impl Iterator<Item = &Event> {
        self.noted.iter()
    }

    /// What the board saw since the last call, oldest first, and how much of it was dropped because nobody took it.
    pub fn take_noted(&mut self) -> (Vec<Event>, u64) {
        (std::mem::take(&mut self.noted).into(), std::mem::take(&mut self.dropped))
    }

    /// Puts an event in its place. One that is there already, and one older than all of a full timeline, is left out.
    pub fn tell(&mut self, id: EventId, event: Event) {
        let place = self.events.partition_point(|(known, _)| *known < id);
        let is_known = self.events.get(place).is_some_and(|(known, _)| *known == id);
        if is_known || (place == 0 && self.events.len() >= KEPT) {
            return;
        }
        self.version += 1;
        self.events.insert(place, (id, event));
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// Takes an event away again.
    pub fn take_back(&mut self, id: EventId) {
        self.version += 1;
        self.events.retain(|(known, _)| *known != id);
    }

    /// Another number whenever something on it changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The newest events that the filter wants, newest first.
    pub fn newest<'a>(
        &'a self,
        filter: &'a EventFilter,
    ) -> impl Iterator<Item = &'a (EventId, Event)> {
        self.events.iter().rev().filter(|(_, event)| filter.wants(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_model::Severity;

    fn event(time_nanos: i64, fields: &[(&str, &str)]) -> Event {
        Event {
            time_nanos,
            kind: "deploy".into(),
            severity: Severity::Info,
            source: "ci".into(),
            subject: "api".into(),
            message: String::new(),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                .collect(),
        }
    }

    fn times(timeline: &Timeline, filter: &EventFilter) -> Vec<i64> {
        timeline.newest(filter).map(|(id, _)| id.time_nanos).collect()
    }

    #[test]
    fn events_stand_in_the_order_of_their_times_once_each_and_the_oldest_go() {
        let mut timeline = Timeline::default();
        let mut tell = |time_nanos: i64, number: u64| {
            timeline.tell(EventId { time_nanos, number }, event(time_nanos, &[]));
        };
        [(3, 1), (1, 2), (2, 3), (2, 3)].into_iter().for_each(|(time, number)| tell(time, number));
        assert_eq!(times(&timeline, &EventFilter::default()), [3, 2, 1]);
        timeline.take_back(EventId { time_nanos: 2, number: 3 });
        assert_eq!(times(&timeline, &EventFilter::default()), [3, 1]);
        for time in 10..10 + KEPT as i64 {
            timeline.tell(EventId { time_nanos: time, number: 9 }, event(time, &[]));
        }
        timeline.tell(EventId { time_nanos: 4, number: 9 }, event(4, &[]));
        let version = timeline.version();
        timeline.tell(EventId { time_nanos: 10, number: 9 }, event(10, &[]));
        assert_eq!(timeline.version(), version, "it is there already");
        let kept = times(&timeline, &EventFilter::default());
        assert_eq!((kept.len(), kept.last()), (KEPT, Some(&10)));
    }

    #[test]
    fn a_queue_is_told_what_is_about_it_and_on_request_what_is_about_none() {
        let mut timeline = Timeline::default();
        let main =
            |time, fields: &[(&str, &str)]| Event { source: "main".into(), ..event(time, fields) };
        let events = [
            main(1, &[("queue", "emails"), ("kind", "bullmq")]),
            main(2, &[("queue", "emails"), ("kind", "asynq")]),
            main(3, &[("queue", "other"), ("kind", "bullmq")]),
            event(4, &[]),
        ];
        for one in events {
            timeline.tell(EventId { time_nanos: one.time_nanos, number: 0 }, one);
        }
        let id = QueueId {
            source: SourceName::new("main"),
            broker: Broker::BullMq,
            name: Name::from("emails"),
        };
        let own = EventFilter::of_queue(&id);
        assert_eq!(times(&timeline, &own), [1]);
        assert_eq!(times(&timeline, &EventFilter { general: true, ..own }), [4, 1]);
        let some = EventFilter { from_nanos: Some(2), to_nanos: Some(3), ..EventFilter::default() };
        assert_eq!(times(&timeline, &some), [3, 2]);
    }
}
