//! Schedules: work that should begin by itself at known times.

use crate::{Name, SourceName, Time};

/// Something that a schedule starts, such as a workflow of n8n.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The source's own id of it.
    pub id: Name,
    /// What people call it.
    pub name: Name,
    /// Seconds since the first start that should have been and was not, 0 while none is missing; `None` when nobody knows.
    pub overdue: Option<f64>,
}

/// All schedules of one source, as of now: what is not listed is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulesReading {
    /// The source.
    pub source: SourceName,
    /// When they were looked at, on Vigie's clock.
    pub at: Time,
    /// The schedules.
    pub schedules: Vec<Schedule>,
}
