//! How far a figure can be trusted.

/// How a figure was come by. Ordered from best to worst, so the quality of a sum is the worst of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Quality {
    /// Every transition was seen.
    #[default]
    Exact,
    /// Exact, but a stretch is missing: the connection was cut, or the broker trimmed what was not yet read.
    Gap,
    /// Seen by polling: short-lived things may have been missed.
    Sampled,
}

impl Quality {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Gap => "gap",
            Self::Sampled => "sampled",
        }
    }

    /// The worse of two: what a figure made of both deserves.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }
}
