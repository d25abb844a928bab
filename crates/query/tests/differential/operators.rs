//! Aggregations and binary operators, with how their sides are matched.

use crate::expression::{Expr, Kind};
use crate::grammar::Grammar;
use crate::world;

const LABELS: [&str; 5] = ["job", "instance", "code", "le", "no_such"];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];
const SETS: [&str; 3] = ["and", "or", "unless"];

impl Grammar<'_> {
    fn labels(&mut self, percent: u64) -> String {
        let mut some: Vec<String> =
            self.chance.some(&LABELS, percent).into_iter().map(|one| (*one).to_owned()).collect();
        if self.three() && self.chance.percent(4) {
            some.push(format!("\"{}\"", world::DOTTED_LABEL));
        }
        if self.chance.percent(3) {
            some.push("__name__".to_owned());
        }
        some.join(", ")
    }

    pub(crate) fn aggregation(&mut self, depth: usize) -> Expr {
        let inner = depth - 1;
        let grouping = match self.chance.below(10) {
            0..=3 => String::new(),
            4..=7 => format!("by ({})", self.labels(40)),
            _ => format!("without ({})", self.labels(40)),
        };
        let three = self.three();
        let vector = self.vector(inner);
        let (name, parameter) = match self.chance.below(if three { 24 } else { 20 }) {
            0..=11 => {
                let plain = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];
                (self.chance.one(&plain), None)
            }
            12..=14 => (self.chance.one(&["topk", "bottomk"]), Some(self.count_of_series())),
            15..=17 => ("quantile", Some(self.scalar(inner.min(1)))),
            18 | 19 => {
                let label = self.chance.one(&["\"value\"", "'value'", "\"job\"", "\"code\""]);
                ("count_values", Some(Expr::leaf(Kind::Text, label)))
            }
            20..=21 => ("limitk", Some(self.count_of_series())),
            _ => {
                let ratio = self.chance.one(&["0.5", "-0.5", "0.2", "1", "0", "-1.5", "2"]);
                ("limit_ratio", Some(Expr::leaf(Kind::Scalar, ratio)))
            }
        };
        let space = if grouping.is_empty() { "" } else { " " };
        let arguments = if parameter.is_some() { "(§, §)" } else { "(§)" };
        let pattern = if self.chance.percent(70) {
            format!("{name}{space}{grouping}{space}{arguments}")
        } else {
            format!("{name}{arguments}{space}{grouping}")
        };
        Expr::of(Kind::Vector, &pattern, parameter.into_iter().chain([vector]).collect())
    }

    fn count_of_series(&mut self) -> Expr {
        match self.chance.below(10) {
            0 => self.scalar(1),
            _ => Expr::leaf(
                Kind::Scalar,
                self.chance
                    .one(&["1", "2", "2", "3", "3", "5", "5", "4", "10", "0", "-1", "2.7", "100"]),
            ),
        }
    }

    pub(crate) fn binary(&mut self, depth: usize) -> Expr {
        let inner = depth - 1;
        match self.chance.below(20) {
            0..=4 => self.with_scalar(inner),
            5..=8 => {
                let operator = self.chance.one(&SETS);
                let matching = self.matching();
                let both = vec![self.vector(inner), self.vector(inner)];
                Expr::of(Kind::Vector, &format!("(§ {operator}{matching} §)"), both)
            }
            9..=14 => self.of_one_metric(inner),
            15..=17 => self.many_to_one(inner),
            18 if self.three() => self.trimmed(inner),
            _ => {
                let operator = self.operator();
                let (matching, fill) = (self.matching(), self.fill());
                let both = vec![self.vector(inner), self.vector(inner)];
                Expr::of(Kind::Vector, &format!("(§ {operator}{matching}{fill} §)"), both)
            }
        }
    }

    fn operator(&mut self) -> String {
        if self.chance.percent(60) {
            return self.chance.one(&ARITHMETIC).to_owned();
        }
        let boolean = if self.chance.percent(40) { " bool" } else { "" };
        format!("{}{boolean}", self.chance.one(&COMPARISONS))
    }

    fn with_scalar(&mut self, inner: usize) -> Expr {
        let operator = self.operator();
        let (scalar, vector) = (self.scalar(inner.min(1)), self.vector(inner));
        let both =
            if self.chance.percent(50) { vec![scalar, vector] } else { vec![vector, scalar] };
        Expr::of(Kind::Vector, &format!("(§ {operator} §)"), both)
    }

    fn trimmed(&mut self, inner: usize) -> Expr {
        let operator = self.chance.one(&["</", ">/"]);
        let both = vec![self.histograms(inner), self.scalar(inner.min(1))];
        Expr::of(Kind::Vector, &format!("(§ {operator} §)"), both)
    }

    fn matching(&mut self) -> String {
        match self.chance.below(6) {
            0 => format!(" on({})", self.labels(50)),
            1 => format!(" ignoring({})", self.labels(40)),
            _ => String::new(),
        }
    }

    fn fill(&mut self) -> String {
        if !self.three() || !self.chance.percent(15) {
            return String::new();
        }
        self.chance
            .one(&[
                " fill(0)",
                " fill_left(1)",
                " fill_right(2.5)",
                " fill_left(0) fill_right(NaN)",
                " fill(-1)",
            ])
            .to_owned()
    }

    /// Both sides from one metric, so that they match.
    fn of_one_metric(&mut self, inner: usize) -> Expr {
        let name = self.metric();
        let operator = self.operator();
        let range = self.duration();
        let side = |grammar: &mut Self| match grammar.chance.below(6) {
            0 | 1 if name != world::DOTTED => {
                Expr::leaf(Kind::Vector, format!("rate({name}[{range}])"))
            }
            2 if name != world::DOTTED => {
                Expr::leaf(Kind::Vector, format!("avg_over_time({name}[{range}])"))
            }
            3 if inner > 0 => {
                let selector = grammar.selector_of(name);
                Expr::call(Kind::Vector, "abs", vec![selector])
            }
            _ => grammar.selector_of(name),
        };
        let both = vec![side(self), side(self)];
        let (matching, fill) = (self.matching(), self.fill());
        Expr::of(Kind::Vector, &format!("(§ {operator}{matching}{fill} §)"), both)
    }

    /// Many series with code beside one without.
    fn many_to_one(&mut self, inner: usize) -> Expr {
        let operator = self.operator();
        let many = match self.chance.below(4) {
            0 => self.vector(inner),
            1 => self.over_range(inner),
            _ => {
                let name = self.chance.one(&world::COUNTERS);
                self.selector_of(name)
            }
        };
        let one = match self.chance.below(4) {
            0 => self.vector(inner),
            1 => {
                let name = self.chance.one(&["sum", "max", "count", "avg"]);
                Expr::of(
                    Kind::Vector,
                    &format!("{name} by (job, instance) (§)"),
                    vec![self.vector(inner)],
                )
            }
            _ => {
                let name = self.chance.one(&["up", "target_info", "build_info", "temperature"]);
                self.selector_of(name)
            }
        };
        let left = self.chance.percent(60);
        let side = if left { "left" } else { "right" };
        let on = self.chance.one(&[
            "on(job, instance)",
            "ignoring(code)",
            "ignoring(code, version, data)",
            "on(job)",
            "on()",
        ]);
        let carried = self.chance.one(&["", "", "version", "data, version", "__name__", "job"]);
        let fill = self.fill();
        let pattern = format!("(§ {operator} {on} group_{side}({carried}){fill} §)");
        Expr::of(Kind::Vector, &pattern, if left { vec![many, one] } else { vec![one, many] })
    }
}
