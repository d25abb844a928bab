//! Calls of functions: each that Prometheus has is in one of these lists.

use crate::expression::{Expr, Kind};
use crate::grammar::Grammar;
use crate::world;

/// Range vector in, instant vector out; those after the bar only in Prometheus 3.
const OVER_RANGE: [&str; 21] = [
    "rate",
    "rate",
    "rate",
    "increase",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "resets",
    "changes",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "present_over_time",
    "absent_over_time",
];
const OVER_RANGE_THREE: [&str; 7] = [
    "first_over_time",
    "mad_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "integral",
];
/// Instant vector in and out.
const PLAIN: [&str; 26] = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sgn",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "deg",
    "rad",
    "absent",
    "sort",
    "sort_desc",
];
/// Those that are parts of a date.
pub const DATES: [&str; 8] = [
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
];
const HISTOGRAMS: [&str; 5] =
    ["histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev", "histogram_stdvar"];

impl Grammar<'_> {
    pub(crate) fn over_range(&mut self, depth: usize) -> Expr {
        let three = self.three();
        let inner = depth.saturating_sub(1);
        match self.chance.below(if three { 34 } else { 26 }) {
            0 | 1 => {
                let arguments = vec![self.scalar(inner.min(1)), self.matrix(inner)];
                Expr::call(Kind::Vector, "quantile_over_time", arguments)
            }
            2 | 3 => {
                let arguments = vec![self.matrix(inner), self.scalar(inner.min(1))];
                Expr::call(Kind::Vector, "predict_linear", arguments)
            }
            4 => {
                let name = "double_exponential_smoothing";
                let factor = |grammar: &mut Self| {
                    let factors = ["0.5", "0.1", "0.9", "0.3"];
                    Expr::leaf(Kind::Scalar, grammar.chance.one(&factors))
                };
                let arguments = vec![self.matrix(inner), factor(self), factor(self)];
                Expr::call(Kind::Vector, name, arguments)
            }
            26..=31 => {
                let name = self.chance.one(&OVER_RANGE_THREE);
                let mut arguments = vec![self.matrix(inner)];
                if name == "integral" && self.chance.percent(50) {
                    let strategy = self.chance.one(&["0", "1", "2", "3"]);
                    arguments.push(Expr::leaf(Kind::Scalar, strategy));
                }
                Expr::call(Kind::Vector, name, arguments)
            }
            // What is made for counters, of one.
            5..=9 => {
                if three && self.chance.percent(20) {
                    return self.extended();
                }
                let name = self.chance.one(&["rate", "increase", "irate", "resets", "changes"]);
                Expr::call(Kind::Vector, name, vec![self.matrix(inner)])
            }
            _ => {
                let name = self.chance.one(&OVER_RANGE);
                Expr::call(Kind::Vector, name, vec![self.matrix(inner)])
            }
        }
    }

    /// A range that is extended to its bounds.
    fn extended(&mut self) -> Expr {
        if self.chance.percent(50) {
            let name = self.chance.one(&["changes", "delta", "increase", "rate", "resets"]);
            return Expr::call(Kind::Vector, name, vec![self.extended_selector(" anchored")]);
        }
        let name = self.chance.one(&["delta", "increase", "rate"]);
        Expr::call(Kind::Vector, name, vec![self.extended_selector(" smoothed")])
    }

    pub(crate) fn of_vector(&mut self, depth: usize) -> Expr {
        let inner = depth - 1;
        let three = self.three();
        match self.chance.below(if three { 60 } else { 36 }) {
            0..=15 => {
                let name = self.chance.one(&PLAIN);
                Expr::call(Kind::Vector, name, vec![self.vector(inner)])
            }
            16..=18 => {
                let arguments =
                    if self.chance.percent(20) { vec![] } else { vec![self.vector(inner)] };
                let name = self.chance.one(&DATES);
                Expr::call(Kind::Vector, name, arguments)
            }
            19..=21 => {
                let mut arguments = vec![self.vector(inner)];
                if self.chance.percent(50) {
                    arguments.push(self.scalar(inner.min(1)));
                }
                Expr::call(Kind::Vector, "round", arguments)
            }
            22..=24 => self.clamped(inner),
            25..=28 => self.replaced(inner),
            29 | 30 => self.joined(inner),
            31..=33 => Expr::call(Kind::Vector, "timestamp", vec![self.vector(inner)]),
            34 | 35 => self.quantile_of_histogram(depth),
            36..=46 => {
                let name = self.chance.one(&HISTOGRAMS);
                let argument = self.histograms(inner);
                Expr::call(Kind::Vector, name, vec![argument])
            }
            47..=50 => {
                let name = self.chance.one(&["sort_by_label", "sort_by_label_desc"]);
                let labels = self.chance.one(&[
                    "\"job\"",
                    "\"instance\", \"job\"",
                    "\"code\"",
                    "\"no such\"",
                ]);
                Expr::of(Kind::Vector, &format!("{name}(§, {labels})"), vec![self.vector(inner)])
            }
            51 => Expr::call(Kind::Vector, "start_timestamp", vec![self.vector(inner)]),
            52..=55 => self.informed(inner),
            _ => self.several_quantiles(inner),
        }
    }

    fn clamped(&mut self, inner: usize) -> Expr {
        let bound = inner.min(1);
        let vector = self.vector(inner);
        if self.chance.percent(50) {
            let arguments = vec![vector, self.scalar(bound), self.scalar(bound)];
            return Expr::call(Kind::Vector, "clamp", arguments);
        }
        let name = self.chance.one(&["clamp_min", "clamp_max"]);
        let arguments = vec![vector, self.scalar(bound)];
        Expr::call(Kind::Vector, name, arguments)
    }

    fn replaced(&mut self, inner: usize) -> Expr {
        let rest = self.chance.one(&[
            r#""place", "$1", "instance", "(.*):.*""#,
            r#""job", "", "job", "a.*""#,
            r#""job", "all", "", "","#,
            r#""name", "${one}-$2", "job", "(?P<one>.)(.*)""#,
            r#""__name__", "renamed_$1", "job", "(.+)""#,
            r#""x", "$1", "no_such", "(.*)""#,
            r#""x", "$1y", "code", "2(.*)|5..""#,
            r#""1bad", "$1", "job", "(.*)""#,
            r#""x", "$1", "job", "(""#,
        ]);
        let rest = rest.trim_end_matches(',');
        Expr::of(Kind::Vector, &format!("label_replace(§, {rest})"), vec![self.vector(inner)])
    }

    fn joined(&mut self, inner: usize) -> Expr {
        let rest = self.chance.one(&[
            r#""both", "-", "job", "instance""#,
            r#""job", ",", "job", "code", "no_such""#,
            r#""job", "/""#,
            r#""__name__", "_", "__name__", "job""#,
            r#""both", "", "instance""#,
        ]);
        Expr::of(Kind::Vector, &format!("label_join(§, {rest})"), vec![self.vector(inner)])
    }

    fn informed(&mut self, inner: usize) -> Expr {
        let vector = self.vector(inner);
        let selector = self.chance.one(&[
            "",
            ", {version=~\".+\"}",
            ", {__name__=\"build_info\"}",
            ", {__name__=~\".+_info\"}",
            ", {data=\"none\"}",
            ", {__name__!=\"target_info\", version=\"1.0\"}",
            ", {version=~\".*\"}",
        ]);
        Expr::of(Kind::Vector, &format!("info(§{selector})"), vec![vector])
    }

    fn several_quantiles(&mut self, inner: usize) -> Expr {
        let vector = self.histograms(inner);
        let quantiles = self.chance.one(&["0.5", "0.1, 0.9", "0, 1, 2", "0.25, 0.25"]);
        let pattern = format!("histogram_quantiles(§, \"q\", {quantiles})");
        Expr::of(Kind::Vector, &pattern, vec![vector])
    }

    pub(crate) fn quantile_of_histogram(&mut self, depth: usize) -> Expr {
        let inner = depth - 1;
        let quantile = if self.chance.percent(70) {
            let often = ["0.5", "0.9", "0.99", "0", "1", "0.01"];
            Expr::leaf(Kind::Scalar, self.chance.one(&often))
        } else {
            self.scalar(inner.min(1))
        };
        let vector = self.histograms(inner);
        if self.three() && self.chance.percent(35) {
            let other = self.scalar(0);
            return Expr::call(Kind::Vector, "histogram_fraction", vec![quantile, other, vector]);
        }
        Expr::call(Kind::Vector, "histogram_quantile", vec![quantile, vector])
    }

    /// Something with histograms in it, mostly.
    pub(crate) fn histograms(&mut self, depth: usize) -> Expr {
        let range = self.duration();
        let classic = !self.three() || self.chance.percent(30);
        let native = self.chance.one(&[
            world::HISTOGRAMS[0],
            world::HISTOGRAMS[1],
            world::HISTOGRAMS[2],
            world::GAUGE_HISTOGRAM,
            world::CUSTOM_HISTOGRAM,
            world::MIXED,
        ]);
        match self.chance.below(8) {
            0 if depth > 0 => self.vector(depth),
            1 if !classic => {
                Expr::leaf(Kind::Vector, format!("{{__name__=~\"{}(_bucket)?\"}}", world::CLASSIC))
            }
            2..=4 if classic => {
                let by =
                    self.chance.one(&["by (le)", "by (job, le)", "without (instance)", "by (job)"]);
                let pattern = format!("sum {by} (rate({}_bucket[{range}]))", world::CLASSIC);
                Expr::leaf(Kind::Vector, pattern)
            }
            _ if classic => self.selector_of("latency_seconds_bucket"),
            2 => Expr::leaf(Kind::Vector, format!("rate({native}[{range}])")),
            3 | 4 => {
                let by = self.chance.one(&["", "by (job) ", "without (instance) "]);
                Expr::leaf(Kind::Vector, format!("sum {by}(rate({native}[{range}]))"))
            }
            5 => Expr::leaf(Kind::Vector, format!("avg_over_time({native}[{range}])")),
            _ => self.selector_of(native),
        }
    }
}
