//! Where Vigie and Prometheus are known and meant to differ: each by name, with its reason.

use crate::outcome::Aspect;
use crate::report::Case;

/// A known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Vigie's regular expressions are Rust's, Prometheus's are Go's.
    RegularExpressions,
}

impl Difference {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 1] = [Self::RegularExpressions];

    /// Why they differ, and why that is right.
    pub fn reason(self) -> &'static str {
        match self {
            Self::RegularExpressions => {
                "each names its own library's reason when a regular expression does not compile"
            }
        }
    }

    /// Whether it is what makes this case differ.
    pub fn explains(self, case: &Case) -> bool {
        match self {
            Self::RegularExpressions => {
                case.mismatch.aspect == Aspect::FailureKind
                    && case.mismatch.detail.contains("regex")
            }
        }
    }
}
