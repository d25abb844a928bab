//! Where Vigie and a Prometheus are known and meant to differ: each by name, with its reason.

use crate::outcome::Aspect;
use crate::report::Case;

/// A known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Of Prometheus 2, as all that follow: label names had to be letters, digits and underscores.
    AnyLabelName,
    /// `rate` and `increase` are not extrapolated to below zero, and by how much they are has changed.
    ExtrapolationToZero,
    /// The deviation of one value that is not finite.
    DeviationOfNotFinite,
    /// `count_values` of -0.
    NegativeZero,
    /// Which of several equal values `topk` and `bottomk` keep.
    TiesOfTopk,
    /// `atan2` kept the metric's name.
    NameKeptByAtan2,
    /// `predict_linear` over a range with `@`.
    PredictionAtFixedTime,
}

impl Difference {
    const OF_PROMETHEUS_2: [Self; 7] = [
        Self::AnyLabelName,
        Self::ExtrapolationToZero,
        Self::DeviationOfNotFinite,
        Self::NegativeZero,
        Self::TiesOfTopk,
        Self::NameKeptByAtan2,
        Self::PredictionAtFixedTime,
    ];

    /// Why they differ, and why that is right.
    pub fn reason(self) -> &'static str {
        match self {
            Self::AnyLabelName => "since Prometheus 3 any UTF-8 is a label's name",
            Self::ExtrapolationToZero => {
                "Prometheus 3 limits extrapolation towards zero otherwise than 2.42"
            }
            Self::DeviationOfNotFinite => {
                "stddev and stdvar of one NaN or infinity are NaN since Prometheus 3, 0 before"
            }
            Self::NegativeZero => "count_values writes -0 with its sign since Prometheus 3",
            Self::TiesOfTopk => {
                "which of equal values topk keeps is nowhere promised, and changed with Prometheus 3"
            }
            Self::NameKeptByAtan2 => {
                "atan2 drops the metric's name like other operators; 2.42 forgot to"
            }
            Self::PredictionAtFixedTime => {
                "2.42 evaluates predict_linear with @ at the first step only"
            }
        }
    }

    /// What makes Prometheus 3 answer otherwise: nothing is known that would.
    pub fn from_three(_case: &Case) -> Option<Self> {
        None
    }

    /// What makes Prometheus 2 answer otherwise, where Prometheus 3 answers as Vigie does.
    pub fn from_two(case: &Case) -> Option<Self> {
        Self::OF_PROMETHEUS_2.into_iter().find(|one| one.explains(case))
    }

    fn explains(self, case: &Case) -> bool {
        let calls = |names: &[&str]| names.iter().any(|name| case.question.text.contains(name));
        match self {
            Self::AnyLabelName => {
                case.mismatch.aspect == Aspect::OnlyPeerFails
                    && case.mismatch.detail.contains("label name")
            }
            Self::ExtrapolationToZero => calls(&["rate(", "increase("]),
            Self::DeviationOfNotFinite => calls(&["stddev", "stdvar"]),
            Self::NegativeZero => calls(&["count_values"]),
            Self::TiesOfTopk => calls(&["topk", "bottomk"]),
            Self::NameKeptByAtan2 => calls(&["atan2"]),
            Self::PredictionAtFixedTime => calls(&["predict_linear"]) && calls(&["@"]),
        }
    }
}
