//! What metrics mean, for those who choose one: a type, a unit, a sentence.

/// A metric's type, unit and help, as its source declares them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset`, `unknown`.
    pub kind: String,
    /// `seconds`, `bytes`; empty when there is none.
    pub unit: String,
    /// A sentence.
    pub help: String,
}
