//! How each foreign system speaks: one folder a source, and what comes out is [`vigie_model::Observation`]s.
//!
//! A source is read only: it never writes, and what a poll may cost is bounded. It knows nothing of who consumes
//! its observations; they leave through an [`ObservationSender`], which never blocks.

mod channel;
mod clock;
pub mod http;
mod lines;
mod samples;
pub mod source;
pub mod tail;

pub use channel::{ObservationReceiver, ObservationSender, observations};
pub use clock::{Clock, SystemClock};
pub use lines::{LineKeeper, LinePosition, LinesNotKept};
pub use samples::{SampleReceiver, SampleSender, samples};
