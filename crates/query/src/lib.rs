//! PromQL over whatever implements [`vigie_store::Storage`], and LogQL over whatever implements [`logql::LogSource`].
//! Pure: time is an argument, and no clock is read.

mod answer;
mod control;
mod engine;
mod eval;
pub mod logql;
mod nesting;
pub mod promql;

pub use answer::{Annotations, Answer, InstantSample, QueryValue, RangeSeries, SampleValue, Stats};
pub use control::{Control, StopReason};
pub use engine::{Engine, EngineLimits, QueryError};
