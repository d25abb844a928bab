//! What is true now. The board consumes observations and answers questions about this moment and the last
//! 15 minutes; every derived figure (rates, drain, oldest, percentiles) is computed here and nowhere else.
//!
//! It reads no clock: time comes with the observations and with each question.

mod activity;
mod answers;
mod board;
mod history;
mod instances;
mod job_types;
mod kept;
mod overall;
mod queue;
mod schedules;
mod source;
mod standstill;
mod timeline;
mod view;
mod window;
mod workers;

pub use board::{Board, Folds, SourceSettings};
pub use history::{Columns, HISTORY_SECONDS, Point, Span};
pub use instances::InstanceView;
pub use job_types::DurationTotals;
pub use kept::{Keeping, NotKept};
pub use overall::OverallTotals;
pub use source::SourceView;
pub use timeline::{EventFilter, Timeline};
pub use view::{
    Drain, LatencyView, OutcomeHistogram, OverviewView, QueueView, Rates, Stat, Totals, TypeView,
};
pub use window::WINDOW_SECONDS;
pub use workers::WorkerView;
