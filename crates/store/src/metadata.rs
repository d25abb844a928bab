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

/// Longer texts are cut.
const LONGEST: usize = 4096;

impl Metadata {
    pub(crate) fn shortened(mut self) -> Self {
        for text in [&mut self.kind, &mut self.unit, &mut self.help] {
            text.truncate(text.floor_char_boundary(LONGEST));
        }
        self
    }
}
