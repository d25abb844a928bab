//! Where Vigie does not answer as a script of Prometheus says: each by name, with its reason. `docs/promql.md` has them for
//! users.

use crate::suite::Failed;

/// A known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The feature flag `promql-delayed-name-removal`.
    DelayedNameRemoval,
    /// The feature flags around the times at which counters began.
    StartTimestamps,
    /// Prometheus does not decode the buckets where only count or sum are asked for.
    StatisticsWithoutBuckets,
    /// Bytes that are no text.
    InvalidUtf8,
}

impl Known {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::DelayedNameRemoval,
        Self::StartTimestamps,
        Self::StatisticsWithoutBuckets,
        Self::InvalidUtf8,
    ];

    /// As the documentation calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DelayedNameRemoval => "Delayed name removal",
            Self::StartTimestamps => "Start timestamps",
            Self::StatisticsWithoutBuckets => "Statistics without buckets",
            Self::InvalidUtf8 => "Invalid UTF-8",
        }
    }

    /// Why they differ.
    pub fn reason(self) -> &'static str {
        match self {
            Self::DelayedNameRemoval => {
                "the suite runs with the feature flag promql-delayed-name-removal; Vigie takes names away where they are \
                 no longer right, as a Prometheus without that flag, and its messages do not know them then"
            }
            Self::StartTimestamps => {
                "the suite runs with the feature flags that store when a counter began; no sample of Vigie says so"
            }
            Self::StatisticsWithoutBuckets => {
                "below histogram_count, histogram_sum and histogram_avg Prometheus skips the buckets and finds resets \
                 otherwise; Vigie always looks at all buckets (ADR 0011)"
            }
            Self::InvalidUtf8 => "a text is UTF-8 in Vigie: other bytes are refused by the parser",
        }
    }

    /// The one that explains a failure.
    pub fn of(file: &str, failed: &Failed) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.explains(file, failed))
    }

    fn explains(self, file: &str, Failed { query, problem, .. }: &Failed) -> bool {
        match self {
            Self::DelayedNameRemoval => {
                file == "name_label_dropping.test"
                    || (query.starts_with("histogram_")
                        && problem.contains("without Exactly")
                        && names_only(problem))
            }
            Self::StartTimestamps => {
                let counting = ["rate(", "increase(", "resets(", "start_timestamp("];
                problem == "a start timestamp"
                    || (file == "start_timestamps.test"
                        && counting.iter().any(|name| query.contains(name)))
            }
            Self::StatisticsWithoutBuckets => {
                query.starts_with("histogram_count(")
                    && problem.contains("without Exactly")
                    && problem.contains("conflicting counter resets during histogram aggregation")
            }
            Self::InvalidUtf8 => query.contains("\\x") && problem.contains("invalid UTF-8"),
        }
    }
}

/// Whether a message is there but for the name of its metric.
fn names_only(problem: &str) -> bool {
    let Some((found, wanted)) = problem.split_once(", without Exactly(\"") else { return false };
    let Some((before, behind)) = wanted.split_once(" for metric name ") else { return false };
    let place = behind.rsplit_once(" (").map_or("", |(_, place)| place.trim_end_matches(')'));
    found.contains(&format!("{before} ({}", place.trim_end_matches("\")")))
}
