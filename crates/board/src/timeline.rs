//! The timeline: the last events, newest last.

use std::collections::VecDeque;

use vigie_model::{Broker, Event, EventKind, Name, SourceName, Time, WorkerId};

/// How many events are kept until the store takes over.
const KEPT: usize = 2_000;

/// The last events of this run.
#[derive(Debug, Default)]
pub struct Timeline {
    events: VecDeque<Event>,
    last_id: u64,
}

/// Which events are asked for; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only this kind.
    pub kind: Option<EventKind>,
    /// Only of this source.
    pub source: Option<SourceName>,
    /// Only about queues of this broker.
    pub broker: Option<Broker>,
    /// Only about this queue.
    pub queue: Option<Name>,
    /// Only those older than this id.
    pub before: Option<u64>,
}

impl EventFilter {
    fn wants(&self, event: &Event) -> bool {
        self.kind.is_none_or(|kind| kind == event.kind)
            && self.source.as_ref().is_none_or(|source| *source == event.source)
            && self.broker.is_none_or(|broker| event.broker == Some(broker))
            && self.queue.as_ref().is_none_or(|queue| event.queue.as_ref() == Some(queue))
            && self.before.is_none_or(|before| event.id < before)
    }
}

/// What an event is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub broker: Option<Broker>,
    pub queue: Option<Name>,
    pub worker: Option<WorkerId>,
    pub detail: Option<String>,
}

impl Timeline {
    pub(crate) fn note(&mut self, at: Time, kind: EventKind, source: &SourceName, about: About) {
        self.last_id += 1;
        let About { broker, queue, worker, detail } = about;
        let event = Event {
            id: self.last_id,
            at,
            kind,
            source: source.clone(),
            broker,
            queue,
            worker,
            detail,
        };
        self.events.push_back(event);
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// The newest events that the filter wants, newest first.
    pub fn newest<'a>(&'a self, filter: &'a EventFilter) -> impl Iterator<Item = &'a Event> {
        self.events.iter().rev().filter(|event| filter.wants(event))
    }

    /// The id of the newest event; 0 before the first.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }
}
