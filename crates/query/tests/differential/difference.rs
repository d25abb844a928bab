//! Where Vigie and a Prometheus are known and meant to differ: each by name, with its reason.

use std::collections::BTreeMap;

use vigie_model::Labels;
use vigie_query::{InstantSample, QueryValue, RangeSeries, SampleValue};

use crate::outcome::{Aspect, Outcome, Strictness, When, compare};
use crate::report::Case;

/// A known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Prometheus itself does not answer the same each time.
    Undecided,
    /// `count_values` makes a label of a value's last digit.
    LastDigitAsLabel,
    /// Which of values that differ in their last digit is the least, and whether it changed.
    LastDigitDecides,
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
    /// `timestamp` of a selector with both `@` and `offset`.
    TimestampWithoutOffset,
    /// A warning of sorting within a subquery of one step.
    SortOfOneStep,
    /// Which of several equal values `topk` and `bottomk` keep of what was limited.
    TiesOfLimited,
    /// The parameter of an aggregation, fixed by `@`.
    ParameterNotFixed,
    /// `sort_by_label` of series that lack the label.
    SortOfMissingLabel,
    /// Of Prometheus 2, as all that follow: label names had to be letters, digits and underscores.
    AnyLabelName,
    /// `rate` and `increase` are not extrapolated to below zero, and by how much they are has changed.
    ExtrapolationToZero,
    /// The deviation of one value that is not finite.
    DeviationOfNotFinite,
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
    /// `count_values` by labels.
    CountValuesByLabels,
    /// A name that `group_left` or `group_right` brought.
    NameByGroup,
}

impl Difference {
    const OF_BOTH: [Self; 12] = [
        Self::LastDigitAsLabel,
        Self::LastDigitDecides,
        Self::StatisticsWithoutBuckets,
        Self::NanByLastDigit,
        Self::DateOfNotFinite,
        Self::QuantilesOfEqualBounds,
        Self::ColonInGroup,
        Self::SortOfOneStep,
        Self::TiesOfLimited,
        Self::ParameterNotFixed,
        Self::SortOfMissingLabel,
        Self::TimestampWithoutOffset,
    ];

    const OF_PROMETHEUS_2: [Self; 12] = [
        Self::AnyLabelName,
        Self::ExtrapolationToZero,
        Self::DeviationOfNotFinite,
        Self::TiesOfTopk,
        Self::NameKeptByAtan2,
        Self::ParameterBesideFixedRange,
        Self::QuantileOfInfinity,
        Self::SubqueryOfFixed,
        Self::FilteredMatches,
        Self::Cancellation,
        Self::NameByGroup,
        Self::CountValuesByLabels,
    ];

    /// Why they differ, and why that is right.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Undecided => "which of equal values it keeps depends on the order of a Go map",
            Self::LastDigitAsLabel => {
                "Go's and Rust's mathematics differ in the last digit, which count_values shows"
            }
            Self::LastDigitDecides => {
                "where Go's and Rust's mathematics differ in the last digit, another of two values is the least, they are equal, \
                 or a large angle is quite another"
            }
            Self::StatisticsWithoutBuckets => {
                "Prometheus 3 does not decode the buckets for a mean, a count or a sum: it misses resets of gauges \
                 and bounds that differ, which the same rate alone does not"
            }
            Self::NanByLastDigit => {
                "a count that is larger than its buckets in its last digit is taken for NaN observations"
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
            Self::TiesOfLimited => {
                "which of equal values topk keeps depends on the order in which they come, and that of what limitk keeps is \
                 nowhere promised"
            }
            Self::ParameterNotFixed => {
                "a Prometheus does not hold an aggregation's parameter fixed that has an @: from step to step it looks a step \
                 further on"
            }
            Self::SortOfMissingLabel => {
                "its natural order says of no text and some text that neither comes first, so that they stay as the storage \
                 had them; Vigie's has what lacks the label first"
            }
            Self::TimestampWithoutOffset => {
                "a Prometheus's timestamp forgets the offset of a selector that has an @, too, which the selector alone does not"
            }
            _ => self.reason_of_two(),
        }
    }

    fn reason_of_two(self) -> &'static str {
        match self {
            Self::AnyLabelName => "since Prometheus 3 any UTF-8 is a label's name",
            Self::ExtrapolationToZero => {
                "Prometheus 3 limits extrapolation towards zero otherwise than 2.42"
            }
            Self::DeviationOfNotFinite => {
                "stddev and stdvar of one NaN or infinity are NaN since Prometheus 3, 0 before"
            }
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
            Self::FilteredMatches => "2.42 looks for duplicates only among what a comparison keeps",
            Self::CountValuesByLabels => {
                "2.42 adds count_values' own label to those of `by` without sorting them, and loses labels by that"
            }
            Self::NameByGroup => {
                "2.42 takes the name away again that group_left(__name__) brought, where the comparison has bool"
            }
            Self::Cancellation => "2.42 adds up fewer digits where sums cancel each other",
            _ => "",
        }
    }

    /// What may make Prometheus 3 answer otherwise, by the looks of it.
    pub fn from_three(case: &Case) -> impl Iterator<Item = Self> {
        Self::OF_BOTH.into_iter().filter(|one| one.explains(case))
    }

    /// What makes Prometheus 2 answer otherwise, where Prometheus 3 answers as Vigie does.
    pub fn from_two(case: &Case) -> Option<Self> {
        Self::OF_PROMETHEUS_2.into_iter().find(|one| one.explains(case))
    }

    fn explains(self, case: &Case) -> bool {
        let calls = |names: &[&str]| names.iter().any(|name| case.question.text.contains(name));
        match self {
            Self::Undecided => false, // Prometheus 3 is asked again for that.
            Self::LastDigitAsLabel => {
                let how = Strictness { annotations: false, order: false, tolerance: 1e-9 };
                // What limit_ratio keeps goes by the labels: then the witness tells.
                let same = compare(&rounded(&case.vigie), &rounded(&case.peer), how).is_ok();
                calls(&["count_values"]) && (same || calls(&["limit_ratio("]))
            }
            Self::LastDigitDecides => {
                let angles = ["sin", "cos", "tan"];
                let others = ["atan2", "^", "exp(", "ln(", "log"];
                let decides = calls(&["ts_of_m", "changes(", "resets("]);
                case.mismatch.aspect == Aspect::Floats
                    && (calls(&others) && (decides || calls(&angles)) || calls(&angles) && decides)
            }
            Self::StatisticsWithoutBuckets => calls(&BUCKETLESS),
            Self::NanByLastDigit => nan_differs(case),
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
            Self::TiesOfLimited => {
                case.mismatch.aspect == Aspect::LabelSets
                    && calls(&["topk", "bottomk"])
                    && calls(&["limitk", "limit_ratio"])
            }
            Self::ParameterNotFixed => {
                let with_parameter = [
                    "quantile (",
                    "quantile(",
                    "quantile by",
                    "quantile without",
                    "topk",
                    "bottomk",
                    "limit",
                ];
                matches!(case.question.when, When::Range { .. })
                    && calls(&with_parameter)
                    && calls(&["@"])
            }
            Self::SortOfMissingLabel => {
                case.mismatch.aspect == Aspect::Order
                    && calls(&["sort_by_label"])
                    && lacks_labels(&case.vigie)
            }
            Self::TimestampWithoutOffset => {
                calls(&["timestamp("]) && calls(&["@"]) && calls(&["offset"])
            }
            _ => self.explains_two(case),
        }
    }

    /// The same for those of Prometheus 2.
    fn explains_two(self, case: &Case) -> bool {
        let calls = |names: &[&str]| names.iter().any(|name| case.question.text.contains(name));
        match self {
            Self::AnyLabelName => {
                case.mismatch.aspect == Aspect::OnlyPeerFails
                    && case.mismatch.detail.contains("label name")
            }
            Self::ExtrapolationToZero => calls(&["rate(", "increase("]),
            Self::DeviationOfNotFinite => calls(&["stddev", "stdvar"]),
            Self::TiesOfTopk => calls(&["topk", "bottomk"]),
            Self::NameKeptByAtan2 => calls(&["atan2"]),
            Self::ParameterBesideFixedRange => {
                calls(&["predict_linear", "quantile_over_time"]) && calls(&["@"])
            }
            Self::QuantileOfInfinity => calls(&["quantile"]),
            Self::SubqueryOfFixed => calls(&["@"]) && calls(&[":"]),
            Self::FilteredMatches => {
                case.mismatch.aspect == Aspect::OnlyVigieFails
                    && case.mismatch.detail.starts_with("multiple matches")
            }
            Self::CountValuesByLabels => {
                case.mismatch.aspect == Aspect::LabelSets
                    && calls(&["count_values"])
                    && calls(&["by"])
            }
            Self::NameByGroup => {
                case.mismatch.aspect == Aspect::LabelSets
                    && calls(&["(__name__)"])
                    && calls(&["bool"])
            }
            Self::Cancellation => {
                case.mismatch.aspect == Aspect::Floats
                    && calls(&["sum", "avg", "stddev", "stdvar", "deriv"])
            }
            _ => false,
        }
    }
}

/// For these Prometheus 3 decodes only count and sum of histograms.
const BUCKETLESS: [&str; 5] =
    ["histogram_avg(", "histogram_count(", "histogram_sum(", "timestamp(", "absent("];

/// Whether one side alone found NaN among the observations of a histogram, in one step of a range at least.
fn nan_differs(case: &Case) -> bool {
    let (ours, theirs) = (speaks_of_nan(&case.vigie), speaks_of_nan(&case.peer));
    let of_a_step = case.mismatch.aspect == Aspect::Floats && case.mismatch.detail.contains("NaN");
    ours != theirs || ours && of_a_step
}

/// Whether NaN was found among the observations of a histogram.
fn speaks_of_nan(outcome: &Outcome) -> bool {
    let mut infos = outcome.iter().flat_map(|(_, said)| &said.infos);
    infos.any(|one| one.contains("NaN observations"))
}

/// Whether some series have a label that others lack.
fn lacks_labels(outcome: &Outcome) -> bool {
    let Ok((QueryValue::Vector(all), _)) = outcome else { return false };
    let names = |one: &InstantSample| -> Vec<String> {
        one.labels.iter().map(|label| label.name.to_string()).collect()
    };
    all.windows(2).any(|pair| names(&pair[0]) != names(&pair[1]))
}

/// With the numbers in a text to ten digits.
fn rounded_text(text: &str) -> String {
    let part = |one: char| !(one.is_ascii_alphanumeric() || "+-.".contains(one));
    let number = |word: &str| match word.trim_end_matches(part).parse::<f64>() {
        Ok(number) => format!("{number:.9e}{}", &word[word.trim_end_matches(part).len()..]),
        Err(_) => word.to_owned(),
    };
    text.split_inclusive(part).map(number).collect()
}

/// With numbers in labels to ten digits; what is one series then is added up.
pub fn rounded(outcome: &Outcome) -> Outcome {
    let shorter = |labels: &Labels| {
        Labels::from_pairs(
            labels.iter().map(|label| (label.name.to_string(), rounded_text(&label.value))),
        )
    };
    let (mut value, annotations) = outcome.clone()?;
    match &mut value {
        QueryValue::Vector(all) => {
            all.iter_mut().for_each(|one| one.labels = shorter(&one.labels));
            all.sort_by(|one, two| one.labels.cmp(&two.labels));
            all.dedup_by(|two, one| {
                let same = one.labels == two.labels;
                if let (true, SampleValue::Float(sum), SampleValue::Float(more)) =
                    (same, &mut one.value, &two.value)
                {
                    *sum += more;
                }
                same
            });
        }
        QueryValue::Matrix(all) => {
            let mut sums: BTreeMap<Labels, BTreeMap<i64, f64>> = BTreeMap::new();
            for one in all.drain(..) {
                let sums = sums.entry(shorter(&one.labels)).or_default();
                for (time, value) in one.floats {
                    *sums.entry(time).or_default() += value;
                }
            }
            all.extend(sums.into_iter().map(|(labels, sums)| RangeSeries {
                labels,
                floats: sums.into_iter().collect(),
                histograms: Vec::new(),
            }));
        }
        QueryValue::Scalar(..) | QueryValue::Text(..) => {}
    }
    Ok((value, annotations))
}
