//! Every function and aggregation, with its arguments and what it does.

use super::ast::ValueType;

/// A function or an aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its name.
    pub name: &'static str,
    /// Its arguments, one letter each: `v` instant vector, `m` range vector, `s` scalar, `t` text. What follows `?`
    /// may be left out; what follows `*` may come any number of times.
    pub arguments: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
}

impl FunctionInfo {
    /// How many arguments it takes, at least and at most.
    #[must_use]
    pub fn arity(&self) -> (usize, Option<usize>) {
        let letters = self.arguments.bytes().filter(u8::is_ascii_lowercase).count();
        let least = self.arguments.find(['?', '*']).unwrap_or(letters);
        // Nothing after the star: the last one may come again, or not at all.
        let least = least - usize::from(self.arguments.ends_with('*'));
        (least, (!self.arguments.contains('*')).then_some(letters))
    }

    /// The type of an argument, from 0.
    #[must_use]
    pub fn argument(&self, place: usize) -> Option<ValueType> {
        let mut letters = self.arguments.bytes().filter(u8::is_ascii_lowercase);
        let found = letters.nth(place).or_else(|| {
            let repeated = self.arguments.contains('*');
            self.arguments.bytes().rfind(|one| repeated && one.is_ascii_lowercase())
        })?;
        Some(match found {
            b's' => ValueType::Scalar,
            b't' => ValueType::Text,
            b'm' => ValueType::Matrix,
            _ => ValueType::Vector,
        })
    }
}

const fn f(name: &'static str, arguments: &'static str, help: &'static str) -> FunctionInfo {
    FunctionInfo { name, arguments, help }
}

/// A function by its name.
#[must_use]
pub fn function(name: &str) -> Option<&'static FunctionInfo> {
    FUNCTIONS.iter().find(|one| one.name == name)
}

/// All aggregations.
pub const AGGREGATIONS: &[FunctionInfo] = &[
    f("sum", "v", "The sum of the group."),
    f("avg", "v", "The mean of the group."),
    f("min", "v", "The smallest value of the group."),
    f("max", "v", "The greatest value of the group."),
    f("count", "v", "How many elements the group has."),
    f("group", "v", "1 for each group."),
    f("stddev", "v", "The standard deviation of the group."),
    f("stdvar", "v", "The variance of the group."),
    f("topk", "sv", "The k greatest elements of the group."),
    f("bottomk", "sv", "The k smallest elements of the group."),
    f("limitk", "sv", "Any k elements of the group."),
    f("limit_ratio", "sv", "About this share of the elements of the group."),
    f("quantile", "sv", "The quantile of the group."),
    f("count_values", "tv", "How often each value occurs, with the value as a label."),
];

/// All functions, by name.
pub const FUNCTIONS: &[FunctionInfo] = &[
    f("abs", "v", "The absolute value of each sample."),
    f("absent", "v", "One element of value 1 when the vector is empty."),
    f("absent_over_time", "m", "One element of value 1 when no series has a sample in the range."),
    f("acos", "v", "The arc cosine, in radians."),
    f("acosh", "v", "The inverse hyperbolic cosine."),
    f("asin", "v", "The arc sine, in radians."),
    f("asinh", "v", "The inverse hyperbolic sine."),
    f("atan", "v", "The arc tangent, in radians."),
    f("atanh", "v", "The inverse hyperbolic tangent."),
    f("avg_over_time", "m", "The mean of all samples in the range."),
    f("ceil", "v", "Rounds up to a whole number."),
    f("changes", "m", "How often the value changed in the range."),
    f("clamp", "vss", "Limits values to between a minimum and a maximum."),
    f("clamp_max", "vs", "Limits values from above."),
    f("clamp_min", "vs", "Limits values from below."),
    f("cos", "v", "The cosine of an angle in radians."),
    f("cosh", "v", "The hyperbolic cosine."),
    f("count_over_time", "m", "How many samples are in the range."),
    f("day_of_month", "?v", "The day of the month in UTC, from 1."),
    f("day_of_week", "?v", "The day of the week in UTC, 0 is Sunday."),
    f("day_of_year", "?v", "The day of the year in UTC, from 1."),
    f("days_in_month", "?v", "How many days the month has, in UTC."),
    f("deg", "v", "Radians to degrees."),
    f("delta", "m", "How much a gauge changed over the range, extrapolated to its ends."),
    f("deriv", "m", "The slope of a gauge per second, by linear regression."),
    f(
        "double_exponential_smoothing",
        "mss",
        "A smoothed value that follows the level and the trend.",
    ),
    f("exp", "v", "e to the power of each sample."),
    f("first_over_time", "m", "The oldest sample in the range."),
    f("floor", "v", "Rounds down to a whole number."),
    f("histogram_avg", "v", "The mean of the observations of native histograms."),
    f("histogram_count", "v", "How many observations native histograms hold."),
    f("histogram_fraction", "ssv", "Which share of observations lies between two bounds."),
    f("histogram_quantile", "sv", "The quantile of classic or native histograms."),
    f("histogram_quantiles", "vts*", "Several quantiles at once, each with a label that names it."),
    f("histogram_stddev", "v", "The estimated standard deviation of the observations."),
    f("histogram_stdvar", "v", "The estimated variance of the observations."),
    f("histogram_sum", "v", "The sum of the observations of native histograms."),
    f("holt_winters", "mss", "The older name of double_exponential_smoothing."),
    f("hour", "?v", "The hour of the day in UTC."),
    f("idelta", "m", "The difference of the last two samples in the range."),
    f("increase", "m", "How much a counter grew over the range, extrapolated to its ends."),
    f("info", "v?v", "Adds labels of matching info metrics."),
    f("irate", "m", "The rate per second of the last two samples in the range."),
    f("label_join", "vtt*t", "Joins the values of several labels into one label."),
    f("label_replace", "vtttt", "Sets a label from a match of a regular expression on another."),
    f("last_over_time", "m", "The newest sample in the range."),
    f("ln", "v", "The natural logarithm."),
    f("log10", "v", "The decimal logarithm."),
    f("log2", "v", "The binary logarithm."),
    f("mad_over_time", "m", "The median absolute deviation of the samples in the range."),
    f("max_over_time", "m", "The greatest sample in the range."),
    f("min_over_time", "m", "The smallest sample in the range."),
    f("minute", "?v", "The minute of the hour in UTC."),
    f("month", "?v", "The month of the year in UTC, from 1."),
    f("pi", "", "The number pi."),
    f("predict_linear", "ms", "The value expected some seconds from now, by linear regression."),
    f("present_over_time", "m", "1 for each series that has a sample in the range."),
    f("quantile_over_time", "sm", "The quantile of the samples in the range."),
    f("rad", "v", "Degrees to radians."),
    f("rate", "m", "How fast a counter grew per second, extrapolated to the ends of the range."),
    f("resets", "m", "How often a counter began anew in the range."),
    f("round", "v?s", "Rounds to the nearest whole number or multiple."),
    f("scalar", "v", "The value of a vector that has one element, else NaN."),
    f("sgn", "v", "The sign: -1, 0 or 1."),
    f("sin", "v", "The sine of an angle in radians."),
    f("sinh", "v", "The hyperbolic sine."),
    f("sort", "v", "Sorts by ascending value."),
    f("sort_by_label", "vt*", "Sorts by the values of labels."),
    f("sort_by_label_desc", "vt*", "Sorts by the values of labels, in reverse."),
    f("sort_desc", "v", "Sorts by descending value."),
    f("sqrt", "v", "The square root."),
    f("stddev_over_time", "m", "The standard deviation of the samples in the range."),
    f("stdvar_over_time", "m", "The variance of the samples in the range."),
    f("sum_over_time", "m", "The sum of the samples in the range."),
    f("tan", "v", "The tangent of an angle in radians."),
    f("tanh", "v", "The hyperbolic tangent."),
    f("time", "", "The time of evaluation, in seconds since 1970."),
    f("timestamp", "v", "When each sample was taken, in seconds since 1970."),
    f("ts_of_first_over_time", "m", "When the oldest sample in the range was taken."),
    f("ts_of_last_over_time", "m", "When the newest sample in the range was taken."),
    f(
        "ts_of_max_over_time",
        "m",
        "When the greatest sample in the range was taken, the last of equals.",
    ),
    f(
        "ts_of_min_over_time",
        "m",
        "When the smallest sample in the range was taken, the last of equals.",
    ),
    f("vector", "s", "A scalar as a vector of one element without labels."),
    f("year", "?v", "The year in UTC."),
];
