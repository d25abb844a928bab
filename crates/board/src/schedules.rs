//! What should begin by itself, and whether it has.

use std::collections::BTreeMap;

use vigie_model::{Schedule, SchedulesReading, SourceName, Time};

use crate::board::Board;

/// The schedules of all sources, as they were read last.
pub(crate) type Schedules = BTreeMap<SourceName, SchedulesReading>;

impl Board {
    /// Every schedule of the sources that answer, with its source and when it was read.
    pub fn schedules(&self, now: Time) -> impl Iterator<Item = (&SourceName, &Schedule, Time)> {
        let fresh = self.sources(now).filter(|view| !view.stale);
        let read = fresh.filter_map(|view| self.schedules.get_key_value(view.name()));
        read.flat_map(|(source, reading)| {
            reading.schedules.iter().map(move |one| (source, one, reading.at))
        })
    }
}
