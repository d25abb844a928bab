//! Immutable files of chunks. [`layout`] says what is where, [`writer`] makes one, [`reader`] reads it at places.

pub mod chunk;
pub mod layout;
pub mod reader;
pub mod writer;

pub use chunk::{Aggregates, Downsampled, Kind, Values};
pub use layout::{Meta, Resolution};
pub use reader::{Block, Cache, rows_of};
pub use writer::BlockWriter;
