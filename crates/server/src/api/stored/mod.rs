//! Charts from the store: which stretch of time, which PromQL, and what is made of the answers.

mod figures;
mod heat;
mod stretch;

pub use figures::HeatFigure;
pub(crate) use figures::{Subject, heat_query, queries};
pub(crate) use heat::heat;
pub(crate) use stretch::Stretch;
