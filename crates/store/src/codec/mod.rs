//! Columns of numbers as few bytes: [`times`], [`floats`], [`histograms`] and, for what is still written to, [`head`].

pub mod floats;
pub mod histogram;
pub mod histograms;
pub mod times;

/// Samples a chunk has at most. More hardly compresses better, fewer is cheaper for narrow reads (ADR 10).
pub const CHUNK: usize = 1440;
