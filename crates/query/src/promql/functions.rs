//! Every function and aggregation: its arguments, what it answers, and one sentence of help.

use super::ast::ValueType::{self, Matrix, Scalar, Text, Vector};

/// Whether something is called with values or groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// `name(arguments)`
    Function,
    /// `name by (labels) (parameter, operand)`
    Aggregation,
}

/// How often the last argument may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// Not at all, or up to this many times.
    UpTo(usize),
    /// Not at all, or any number of times.
    Any,
}

/// A function or an aggregation.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called, such as `rate(v range-vector)`.
    pub signature: &'static str,
    /// The types of its arguments, by place.
    pub arguments: &'static [ValueType],
    /// How often the last argument may be given.
    pub repeat: Repeat,
    /// What it answers.
    pub returns: ValueType,
    /// One sentence on what it does.
    pub help: &'static str,
    /// Function or aggregation.
    pub kind: FunctionKind,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.kind) == (other.name, other.kind)
    }
}

const fn call(
    name: &'static str,
    signature: &'static str,
    (arguments, repeat): (&'static [ValueType], Repeat),
    returns: ValueType,
    help: &'static str,
) -> Function {
    Function { name, signature, arguments, repeat, returns, help, kind: FunctionKind::Function }
}

const fn group(
    name: &'static str,
    signature: &'static str,
    arguments: &'static [ValueType],
    help: &'static str,
) -> Function {
    let (repeat, kind) = (Repeat::Once, FunctionKind::Aggregation);
    Function { name, signature, arguments, repeat, returns: Vector, help, kind }
}

type Arguments = (&'static [ValueType], Repeat);

const NONE: Arguments = (&[], Repeat::Once);
const ONE: Arguments = (&[Vector], Repeat::Once);
const MAYBE: Arguments = (&[Vector], Repeat::UpTo(1));
const RANGE: Arguments = (&[Matrix], Repeat::Once);

/// The function of this name.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|one| one.kind == FunctionKind::Function && one.name == name)
}

/// All of them, functions first, each kind by ascending name.
pub static FUNCTIONS: &[Function] = &[
    call("abs", "abs(v instant-vector)", ONE, Vector, "Turns negative values into positive ones."),
    call(
        "absent",
        "absent(v instant-vector)",
        ONE,
        Vector,
        "Answers 1 when nothing was selected, else nothing.",
    ),
    call(
        "absent_over_time",
        "absent_over_time(v range-vector)",
        RANGE,
        Vector,
        "Answers 1 when the range holds no sample at all, else nothing.",
    ),
    call(
        "acos",
        "acos(v instant-vector)",
        ONE,
        Vector,
        "The arc cosine of each value, in radians.",
    ),
    call(
        "acosh",
        "acosh(v instant-vector)",
        ONE,
        Vector,
        "The inverse hyperbolic cosine of each value.",
    ),
    call("asin", "asin(v instant-vector)", ONE, Vector, "The arc sine of each value, in radians."),
    call(
        "asinh",
        "asinh(v instant-vector)",
        ONE,
        Vector,
        "The inverse hyperbolic sine of each value.",
    ),
    call(
        "atan",
        "atan(v instant-vector)",
        ONE,
        Vector,
        "The arc tangent of each value, in radians.",
    ),
    call(
        "atanh",
        "atanh(v instant-vector)",
        ONE,
        Vector,
        "The inverse hyperbolic tangent of each value.",
    ),
    call(
        "avg_over_time",
        "avg_over_time(v range-vector)",
        RANGE,
        Vector,
        "The mean of the samples in the range.",
    ),
    call("ceil", "ceil(v instant-vector)", ONE, Vector, "Rounds each value up to an integer."),
    call(
        "changes",
        "changes(v range-vector)",
        RANGE,
        Vector,
        "How often the value changed within the range.",
    ),
    call(
        "clamp",
        "clamp(v instant-vector, min scalar, max scalar)",
        (&[Vector, Scalar, Scalar], Repeat::Once),
        Vector,
        "Keeps each value between two bounds.",
    ),
    call(
        "clamp_max",
        "clamp_max(v instant-vector, max scalar)",
        (&[Vector, Scalar], Repeat::Once),
        Vector,
        "Keeps each value at or below a bound.",
    ),
    call(
        "clamp_min",
        "clamp_min(v instant-vector, min scalar)",
        (&[Vector, Scalar], Repeat::Once),
        Vector,
        "Keeps each value at or above a bound.",
    ),
    call("cos", "cos(v instant-vector)", ONE, Vector, "The cosine of each value in radians."),
    call("cosh", "cosh(v instant-vector)", ONE, Vector, "The hyperbolic cosine of each value."),
    call(
        "count_over_time",
        "count_over_time(v range-vector)",
        RANGE,
        Vector,
        "How many samples the range holds.",
    ),
    call(
        "day_of_month",
        "day_of_month(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "The day of the month in UTC, from 1 to 31.",
    ),
    call(
        "day_of_week",
        "day_of_week(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "The day of the week in UTC, 0 being Sunday.",
    ),
    call(
        "day_of_year",
        "day_of_year(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "The day of the year in UTC, from 1 to 366.",
    ),
    call(
        "days_in_month",
        "days_in_month(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "How many days the month has, from 28 to 31.",
    ),
    call("deg", "deg(v instant-vector)", ONE, Vector, "Turns radians into degrees."),
    call(
        "delta",
        "delta(v range-vector)",
        RANGE,
        Vector,
        "How much a gauge changed over the range, extended to its ends.",
    ),
    call(
        "deriv",
        "deriv(v range-vector)",
        RANGE,
        Vector,
        "The slope of a line fitted to the range, per second.",
    ),
    call(
        "double_exponential_smoothing",
        "double_exponential_smoothing(v range-vector, smoothing scalar, trend scalar)",
        (&[Matrix, Scalar, Scalar], Repeat::Once),
        Vector,
        "A smoothed last value of the range, following its level and its trend.",
    ),
    call("end", "end()", NONE, Scalar, "The end of the query, in seconds since 1970."),
    call("exp", "exp(v instant-vector)", ONE, Vector, "The exponential function of each value."),
    call(
        "first_over_time",
        "first_over_time(v range-vector)",
        RANGE,
        Vector,
        "The oldest sample of the range.",
    ),
    call("floor", "floor(v instant-vector)", ONE, Vector, "Rounds each value down to an integer."),
    call(
        "histogram_avg",
        "histogram_avg(v instant-vector)",
        ONE,
        Vector,
        "The mean observation of each native histogram.",
    ),
    call(
        "histogram_count",
        "histogram_count(v instant-vector)",
        ONE,
        Vector,
        "How many observations each native histogram holds.",
    ),
    call(
        "histogram_fraction",
        "histogram_fraction(lower scalar, upper scalar, v instant-vector)",
        (&[Scalar, Scalar, Vector], Repeat::Once),
        Vector,
        "The estimated share of observations between two bounds.",
    ),
    call(
        "histogram_quantile",
        "histogram_quantile(q scalar, v instant-vector)",
        (&[Scalar, Vector], Repeat::Once),
        Vector,
        "The estimated q-quantile of a histogram, native or of buckets with le.",
    ),
    call(
        "histogram_quantiles",
        "histogram_quantiles(v instant-vector, label string, q scalar, ...)",
        (&[Vector, Text, Scalar, Scalar], Repeat::UpTo(9)),
        Vector,
        "Several estimated quantiles at once, told apart by a label.",
    ),
    call(
        "histogram_stddev",
        "histogram_stddev(v instant-vector)",
        ONE,
        Vector,
        "The estimated standard deviation of the observations of each native histogram.",
    ),
    call(
        "histogram_stdvar",
        "histogram_stdvar(v instant-vector)",
        ONE,
        Vector,
        "The estimated variance of the observations of each native histogram.",
    ),
    call(
        "histogram_sum",
        "histogram_sum(v instant-vector)",
        ONE,
        Vector,
        "The sum of the observations of each native histogram.",
    ),
    call(
        "hour",
        "hour(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "The hour of the day in UTC, from 0 to 23.",
    ),
    call(
        "idelta",
        "idelta(v range-vector)",
        RANGE,
        Vector,
        "The difference between the last two samples of the range.",
    ),
    call(
        "increase",
        "increase(v range-vector)",
        RANGE,
        Vector,
        "How much a counter grew over the range, extended to its ends and resets included.",
    ),
    call(
        "info",
        "info(v instant-vector, selector=target_info instant-vector)",
        (&[Vector, Vector], Repeat::UpTo(1)),
        Vector,
        "Adds labels of the info series that belong to each series.",
    ),
    call(
        "integral",
        "integral(v range-vector, order scalar)",
        (&[Matrix, Scalar], Repeat::UpTo(1)),
        Vector,
        "The area below the samples of the range, in value times seconds.",
    ),
    call(
        "irate",
        "irate(v range-vector)",
        RANGE,
        Vector,
        "The growth of a counter per second between the last two samples of the range.",
    ),
    call(
        "label_join",
        "label_join(v instant-vector, target string, separator string, source string, ...)",
        (&[Vector, Text, Text, Text], Repeat::Any),
        Vector,
        "Joins the values of labels into another label.",
    ),
    call(
        "label_replace",
        "label_replace(v instant-vector, target string, replacement string, source string, regex string)",
        (&[Vector, Text, Text, Text, Text], Repeat::Once),
        Vector,
        "Sets a label from another one by a regular expression.",
    ),
    call(
        "last_over_time",
        "last_over_time(v range-vector)",
        RANGE,
        Vector,
        "The newest sample of the range.",
    ),
    call("ln", "ln(v instant-vector)", ONE, Vector, "The natural logarithm of each value."),
    call(
        "log10",
        "log10(v instant-vector)",
        ONE,
        Vector,
        "The logarithm to base 10 of each value.",
    ),
    call("log2", "log2(v instant-vector)", ONE, Vector, "The logarithm to base 2 of each value."),
    call(
        "mad_over_time",
        "mad_over_time(v range-vector)",
        RANGE,
        Vector,
        "The median absolute deviation of the samples in the range.",
    ),
    call(
        "max_of",
        "max_of(a scalar, b scalar)",
        (&[Scalar, Scalar], Repeat::Once),
        Scalar,
        "The larger of two numbers.",
    ),
    call(
        "max_over_time",
        "max_over_time(v range-vector)",
        RANGE,
        Vector,
        "The largest sample of the range.",
    ),
    call(
        "min_of",
        "min_of(a scalar, b scalar)",
        (&[Scalar, Scalar], Repeat::Once),
        Scalar,
        "The smaller of two numbers.",
    ),
    call(
        "min_over_time",
        "min_over_time(v range-vector)",
        RANGE,
        Vector,
        "The smallest sample of the range.",
    ),
    call(
        "minute",
        "minute(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "The minute of the hour in UTC, from 0 to 59.",
    ),
    call(
        "month",
        "month(v=vector(time()) instant-vector)",
        MAYBE,
        Vector,
        "The month of the year in UTC, from 1 to 12.",
    ),
    call("pi", "pi()", NONE, Scalar, "The number pi."),
    call(
        "predict_linear",
        "predict_linear(v range-vector, t scalar)",
        (&[Matrix, Scalar], Repeat::Once),
        Vector,
        "Where a line fitted to the range will be in so many seconds.",
    ),
    call(
        "present_over_time",
        "present_over_time(v range-vector)",
        RANGE,
        Vector,
        "Answers 1 for each series with a sample in the range.",
    ),
    call(
        "quantile_over_time",
        "quantile_over_time(q scalar, v range-vector)",
        (&[Scalar, Matrix], Repeat::Once),
        Vector,
        "The q-quantile of the samples in the range.",
    ),
    call("rad", "rad(v instant-vector)", ONE, Vector, "Turns degrees into radians."),
    call("range", "range()", NONE, Scalar, "The seconds from the start of the query to its end."),
    call(
        "rate",
        "rate(v range-vector)",
        RANGE,
        Vector,
        "The growth of a counter per second over the range, extended to its ends and resets included.",
    ),
    call(
        "resets",
        "resets(v range-vector)",
        RANGE,
        Vector,
        "How often a counter began anew within the range.",
    ),
    call(
        "round",
        "round(v instant-vector, to_nearest=1 scalar)",
        (&[Vector, Scalar], Repeat::UpTo(1)),
        Vector,
        "Rounds each value to the nearest multiple of a number.",
    ),
    call(
        "scalar",
        "scalar(v instant-vector)",
        ONE,
        Scalar,
        "The value of the only series, or NaN when there is not exactly one.",
    ),
    call("sgn", "sgn(v instant-vector)", ONE, Vector, "The sign of each value: 1, -1 or 0."),
    call("sin", "sin(v instant-vector)", ONE, Vector, "The sine of each value in radians."),
    call("sinh", "sinh(v instant-vector)", ONE, Vector, "The hyperbolic sine of each value."),
    call("sort", "sort(v instant-vector)", ONE, Vector, "Sorts by value, the smallest first."),
    call(
        "sort_by_label",
        "sort_by_label(v instant-vector, label string, ...)",
        (&[Vector, Text], Repeat::Any),
        Vector,
        "Sorts by the values of labels, as a human would.",
    ),
    call(
        "sort_by_label_desc",
        "sort_by_label_desc(v instant-vector, label string, ...)",
        (&[Vector, Text], Repeat::Any),
        Vector,
        "Sorts by the values of labels, the other way around.",
    ),
    call(
        "sort_desc",
        "sort_desc(v instant-vector)",
        ONE,
        Vector,
        "Sorts by value, the largest first.",
    ),
    call("sqrt", "sqrt(v instant-vector)", ONE, Vector, "The square root of each value."),
    call("start", "start()", NONE, Scalar, "The start of the query, in seconds since 1970."),
    call(
        "start_timestamp",
        "start_timestamp(v instant-vector)",
        ONE,
        Vector,
        "When the counter of each sample began, in seconds since 1970; 0 where it is not known.",
    ),
    call(
        "stddev_over_time",
        "stddev_over_time(v range-vector)",
        RANGE,
        Vector,
        "The standard deviation of the samples in the range.",
    ),
    call(
        "stdvar_over_time",
        "stdvar_over_time(v range-vector)",
        RANGE,
        Vector,
        "The variance of the samples in the range.",
    ),
    call("step", "step()", NONE, Scalar, "The step of the query, in seconds."),
    call(
        "sum_over_time",
        "sum_over_time(v range-vector)",
        RANGE,
        Vector,
        "The sum of the samples in the range.",
    ),
    call("tan", "tan(v instant-vector)", ONE, Vector, "The tangent of each value in radians."),
    call("tanh", "tanh(v instant-vector)", ONE, Vector, "The hyperbolic tangent of each value."),
    call("time", "time()", NONE, Scalar, "The time of evaluation, in seconds since 1970."),
    call(
        "timestamp",
        "timestamp(v instant-vector)",
        ONE,
        Vector,
        "The time of each sample, in seconds since 1970.",
    ),
    call(
        "ts_of_first_over_time",
        "ts_of_first_over_time(v range-vector)",
        RANGE,
        Vector,
        "When the oldest sample of the range was taken, in seconds since 1970.",
    ),
    call(
        "ts_of_last_over_time",
        "ts_of_last_over_time(v range-vector)",
        RANGE,
        Vector,
        "When the newest sample of the range was taken, in seconds since 1970.",
    ),
    call(
        "ts_of_max_over_time",
        "ts_of_max_over_time(v range-vector)",
        RANGE,
        Vector,
        "When the largest sample of the range was taken, in seconds since 1970.",
    ),
    call(
        "ts_of_min_over_time",
        "ts_of_min_over_time(v range-vector)",
        RANGE,
        Vector,
        "When the smallest sample of the range was taken, in seconds since 1970.",
    ),
    call(
        "vector",
        "vector(s scalar)",
        (&[Scalar], Repeat::Once),
        Vector,
        "A vector with one element without labels.",
    ),
    call("year", "year(v=vector(time()) instant-vector)", MAYBE, Vector, "The year in UTC."),
    group(
        "avg",
        "avg [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The mean of each group.",
    ),
    group(
        "bottomk",
        "bottomk [by|without (label, ...)] (k scalar, v instant-vector)",
        &[Scalar, Vector],
        "The k smallest elements of each group.",
    ),
    group(
        "count",
        "count [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "How many elements each group has.",
    ),
    group(
        "count_values",
        "count_values [by|without (label, ...)] (label string, v instant-vector)",
        &[Text, Vector],
        "How many elements of each group have the same value, told apart by a label.",
    ),
    group(
        "group",
        "group [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "Answers 1 for each group.",
    ),
    group(
        "limit_ratio",
        "limit_ratio [by|without (label, ...)] (r scalar, v instant-vector)",
        &[Scalar, Vector],
        "A share of the elements of each group, the same ones each time.",
    ),
    group(
        "limitk",
        "limitk [by|without (label, ...)] (k scalar, v instant-vector)",
        &[Scalar, Vector],
        "Any k elements of each group.",
    ),
    group(
        "max",
        "max [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The largest value of each group.",
    ),
    group(
        "min",
        "min [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The smallest value of each group.",
    ),
    group(
        "quantile",
        "quantile [by|without (label, ...)] (q scalar, v instant-vector)",
        &[Scalar, Vector],
        "The q-quantile of each group.",
    ),
    group(
        "stddev",
        "stddev [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The standard deviation of each group.",
    ),
    group(
        "stdvar",
        "stdvar [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The variance of each group.",
    ),
    group(
        "sum",
        "sum [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The sum of each group.",
    ),
    group(
        "topk",
        "topk [by|without (label, ...)] (k scalar, v instant-vector)",
        &[Scalar, Vector],
        "The k largest elements of each group.",
    ),
];
