//! Where Vigie and a Prometheus are known and meant to differ: each by name, with its reason.

use vigie_model::Labels;
use vigie_query::QueryValue;

use crate::outcome::{Aspect, Mismatch, Outcome, Strictness, compare};
use crate::report::Case;

/// A known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Prometheus itself does not answer the same each time.
    Undecided,
    /// `count_values` makes a label of a value's last digit.
    LastDigitAsLabel,
    /// Prometheus decodes only count and sum for `histogram_avg` and its kin.
    StatisticsWithoutBuckets,
    /// Whether a histogram holds NaN is told by sums that differ in their last digit.
    NanByLastDigit,
    /// The date of what is no number.
    DateOfNotFinite,
    /// `histogram_quantiles` of classic buckets, some of which have the same bound.
    QuantilesOfEqualBounds,
    /// A colon in the name of a label to group by.
    ColonInGroup,
    /// A warning of sorting within a subquery of one step.
    SortOfOneStep,
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
    /// A parameter that changes beside a range with `@` that does not.
    ParameterBesideFixedRange,
    /// Infinity at the very rank of a quantile.
    QuantileOfInfinity,
    /// A subquery of what `@` fixes.
    SubqueryOfFixed,
    /// Several series on the side of one, where a comparison keeps at most one.
    FilteredMatches,
    /// Sums that cancel each other, added up without compensation.
    Cancellation,
    /// `timestamp` of a selector with both `@` and `offset`.
    TimestampWithoutOffset,
}

impl Difference {
    const OF_BOTH: [Self; 7] = [
        Self::LastDigitAsLabel,
        Self::StatisticsWithoutBuckets,
        Self::NanByLastDigit,
        Self::DateOfNotFinite,
        Self::QuantilesOfEqualBounds,
        Self::ColonInGroup,
        Self::SortOfOneStep,
    ];

    const OF_PROMETHEUS_2: [Self; 12] = [
        Self::AnyLabelName,
        Self::ExtrapolationToZero,
        Self::DeviationOfNotFinite,
        Self::NegativeZero,
        Self::TiesOfTopk,
        Self::NameKeptByAtan2,
        Self::ParameterBesideFixedRange,
        Self::QuantileOfInfinity,
        Self::SubqueryOfFixed,
        Self::FilteredMatches,
        Self::Cancellation,
        Self::TimestampWithoutOffset,
    ];

    /// Why they differ, and why that is right.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Undecided => "which of equal values it keeps depends on the order of a Go map",
            Self::LastDigitAsLabel => {
                "Go's and Rust's mathematics differ in the last digit, which count_values shows"
            }
            Self::StatisticsWithoutBuckets => {
                "Prometheus 3 does not decode the buckets for a mean, a count or a sum: it misses resets of gauges \
                 and bounds that differ, which the same rate alone does not"
            }
            Self::NanByLastDigit => {
                "a count that is larger than its buckets in its last digit is taken for NaN observations"
            }
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
            Self::ParameterBesideFixedRange => "2.42 evaluates such a call at the first step only",
            Self::QuantileOfInfinity => {
                "2.42 interpolates infinity with a weight of 0, which is NaN"
            }
            Self::SubqueryOfFixed => {
                "2.42 gives a subquery with @ inside a step that is beyond its end"
            }
            Self::DateOfNotFinite => {
                "infinity and NaN have no date; Go makes one of what its conversion to an integer leaves undefined"
            }
            Self::QuantilesOfEqualBounds => {
                "Prometheus merges buckets of the same bound in place for the first quantile and reads the rest of them \
                 again for the next: its second quantile is another than histogram_quantile's"
            }
            Self::ColonInGroup => {
                "a Prometheus refuses it where names may have dots without quotes, which Vigie's may: it takes both"
            }
            Self::SortOfOneStep => {
                "a subquery of one step is a range to Prometheus when its end is no multiple of its step: only a warning"
            }
            Self::FilteredMatches => "2.42 looks for duplicates only among what a comparison keeps",
            Self::TimestampWithoutOffset => {
                "2.42's timestamp forgets the offset of a selector that has an @, too"
            }
            Self::Cancellation => "2.42 adds up fewer digits where sums cancel each other",
        }
    }

    /// What makes Prometheus 3 answer otherwise.
    pub fn from_three(case: &Case) -> Option<Self> {
        Self::OF_BOTH.into_iter().find(|one| one.explains(case))
    }

    /// What makes Prometheus 2 answer otherwise, where Prometheus 3 answers as Vigie does.
    pub fn from_two(case: &Case) -> Option<Self> {
        Self::OF_BOTH.into_iter().chain(Self::OF_PROMETHEUS_2).find(|one| one.explains(case))
    }

    fn explains(self, case: &Case) -> bool {
        let calls = |names: &[&str]| names.iter().any(|name| case.question.text.contains(name));
        match self {
            // Prometheus 3 is asked again for that.
            Self::Undecided => false,
            Self::LastDigitAsLabel => {
                let how = Strictness { annotations: false, order: false, tolerance: 1e-9 };
                calls(&["count_values"])
                    && compare(&rounded(&case.vigie), &rounded(&case.peer), how).is_ok()
            }
            Self::StatisticsWithoutBuckets => without_buckets(case),
            Self::NanByLastDigit => {
                case.mismatch.aspect == Aspect::Infos
                    && case.mismatch.detail.contains("NaN observations")
            }
            Self::AnyLabelName => {
                case.mismatch.aspect == Aspect::OnlyPeerFails
                    && case.mismatch.detail.contains("label name")
            }
            Self::ExtrapolationToZero => calls(&["rate(", "increase("]),
            Self::DeviationOfNotFinite => calls(&["stddev", "stdvar"]),
            Self::NegativeZero => calls(&["count_values"]),
            Self::TiesOfTopk => calls(&["topk", "bottomk"]),
            Self::NameKeptByAtan2 => calls(&["atan2"]),
            Self::ParameterBesideFixedRange => {
                calls(&["predict_linear", "quantile_over_time"]) && calls(&["@"])
            }
            Self::QuantileOfInfinity => calls(&["quantile"]),
            Self::SubqueryOfFixed => calls(&["@"]) && calls(&[":"]),
            Self::DateOfNotFinite => {
                let dates = ["hour(", "minute(", "month(", "year(", "day_of", "days_in_month("];
                case.mismatch.aspect == Aspect::Floats && calls(&dates)
            }
            Self::QuantilesOfEqualBounds => {
                case.mismatch.aspect == Aspect::Floats && calls(&["histogram_quantiles("])
            }
            Self::ColonInGroup => {
                case.mismatch.aspect == Aspect::OnlyPeerFails
                    && case.mismatch.detail.contains("invalid label name for grouping")
                    && case.mismatch.detail.contains(':')
            }
            Self::SortOfOneStep => {
                case.mismatch.aspect == Aspect::Warnings
                    && case.mismatch.detail.contains("sort is ineffective")
                    && calls(&[":"])
            }
            Self::FilteredMatches => {
                case.mismatch.aspect == Aspect::OnlyVigieFails
                    && case.mismatch.detail.starts_with("multiple matches")
            }
            Self::TimestampWithoutOffset => {
                calls(&["timestamp("]) && calls(&["@"]) && calls(&["offset"])
            }
            Self::Cancellation => {
                case.mismatch.aspect == Aspect::Floats
                    && calls(&["sum", "avg", "stddev", "stdvar", "deriv"])
            }
        }
    }
}

/// Whether only count and sum are asked for, and the answers differ in what buckets say of resets and bounds.
fn without_buckets(case: &Case) -> bool {
    let calls = |names: &[&str]| names.iter().any(|name| case.question.text.contains(name));
    let Mismatch { aspect, detail } = &case.mismatch;
    let conflicting = *aspect == Aspect::Warnings
        && detail.starts_with("[], not")
        && detail.contains("conflicting counter resets");
    if conflicting && calls(&["timestamp(", "count(", "group("]) {
        return true;
    }
    let of_gauges = || {
        case.vigie
            .as_ref()
            .is_ok_and(|(_, said)| said.warnings.iter().any(|one| one.contains("is not a counter")))
    };
    calls(&["histogram_avg(", "histogram_count(", "histogram_sum("])
        && match aspect {
            Aspect::Infos => detail.contains("reconciled"),
            Aspect::Floats => of_gauges(),
            _ => conflicting,
        }
}

/// With numbers in labels to ten digits.
fn rounded(outcome: &Outcome) -> Outcome {
    let shorter = |labels: &Labels| {
        Labels::from_pairs(labels.iter().map(|label| {
            let number = label.value.parse::<f64>();
            let value = number.map_or(label.value.to_string(), |number| format!("{number:.9e}"));
            (label.name.to_string(), value)
        }))
    };
    let (mut value, annotations) = outcome.clone()?;
    match &mut value {
        QueryValue::Vector(all) => all.iter_mut().for_each(|one| one.labels = shorter(&one.labels)),
        QueryValue::Matrix(all) => all.iter_mut().for_each(|one| one.labels = shorter(&one.labels)),
        QueryValue::Scalar(..) | QueryValue::Text(..) => {}
    }
    Ok((value, annotations))
}
