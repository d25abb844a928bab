//! Queries made by chance, along the grammar; which functions there are is in `functions.rs`.

use crate::chance::Chance;
use crate::expression::{Expr, Kind};
use crate::outcome::Dialect;
use crate::world::{self, World};

/// Makes queries over one world.
pub struct Grammar<'a> {
    pub(crate) chance: &'a mut Chance,
    pub(crate) world: &'a World,
    /// Whether a subquery is around: Prometheus 2 and 3 differ where two of them meet.
    within_subquery: bool,
}

impl<'a> Grammar<'a> {
    pub fn new(chance: &'a mut Chance, world: &'a World) -> Self {
        Self { chance, world, within_subquery: false }
    }

    pub(crate) fn three(&self) -> bool {
        self.world.dialect == Dialect::Three
    }

    /// A whole query.
    pub fn query(&mut self) -> Expr {
        let depth = 1 + self.chance.below(4);
        match self.chance.below(40) {
            0 => Expr::leaf(Kind::Text, self.text()),
            1 | 2 => self.scalar(depth),
            3 => self.matrix(depth),
            4 if self.three() => self.spoiled(depth),
            _ => self.vector(depth),
        }
    }

    /// A query that probably is none: a wrong argument, a lost character.
    pub(crate) fn spoiled(&mut self, depth: usize) -> Expr {
        let good = self.vector(depth);
        if self.chance.percent(40) {
            let pattern = self.chance.one(&[
                "rate(§)",
                "§[5m]",
                "topk(§)",
                "sum by (§",
                "§ offset 5",
                "abs(§, 1)",
                "§ @ x",
                "-(§",
                "unknown(§)",
                "§ and 1",
                "1 or §",
                "§ + on(job) group_left() group_right() §",
                "§ == bool",
                "histogram_quantile(§, 1)",
                "vector(§)",
                "§{job=\"a\"}",
                "§ offset 5m offset 5m",
                "label_join(§, \"0\")",
                "§[5m:1m] > 1",
                "§ and on(job) group_left() §",
                "\"a\" + §",
                "count_values(1, §)",
                "sum(§) by",
                "§ </ 5",
                "- §[1m]",
                "quantile_over_time(0.5, §)",
                "absent_over_time(§)",
                "round(§, 1, 2)",
                "§ > bool §",
                "1 > §",
                "§ unless bool §",
            ]);
            let children = pattern.matches('§').map(|_| good.clone()).collect();
            return Expr::of(Kind::Vector, pattern, children);
        }
        let mut letters: Vec<char> = good.to_string().chars().collect();
        let place = self.chance.below(letters.len());
        match self.chance.below(3) {
            0 => drop(letters.remove(place)),
            1 => letters.insert(
                place,
                self.chance.one(&['(', ')', '{', '[', '"', ',', '-', '0', 'x', '!', '=', ':', ' ']),
            ),
            _ => letters.truncate(place.max(1)),
        }
        Expr::leaf(Kind::Vector, letters.into_iter().collect::<String>())
    }

    pub(crate) fn text(&mut self) -> String {
        self.chance.one(&["\"a\"", "'b \"c\"'", "`d\\e`", "\"\\u00e9\\n\\x41\"", "\"\""]).to_owned()
    }

    pub(crate) fn number(&mut self) -> String {
        let plain = ["0", "1", "2", "0.5", "-1", "3.7", "10", "100", "1e3", "0.9", "300"];
        let odd = ["NaN", "Inf", "-Inf", "0x1F", "1e-3", ".5", "1e300", "5m", "1m30s", "1_000"];
        if self.three() && self.chance.percent(15) {
            self.chance.one(&odd).to_owned()
        } else {
            self.chance.one(&plain).to_owned()
        }
    }

    pub(crate) fn scalar(&mut self, depth: usize) -> Expr {
        let three = self.three();
        match self.chance.below(if depth == 0 { 8 } else { 20 }) {
            0 => Expr::leaf(Kind::Scalar, "time()"),
            1 => Expr::leaf(Kind::Scalar, "pi()"),
            2 if three => Expr::leaf(
                Kind::Scalar,
                self.chance.one(&["start()", "end()", "range()", "step()"]),
            ),
            8..=10 => Expr::call(Kind::Scalar, "scalar", vec![self.vector(depth - 1)]),
            11 | 12 if three => {
                let name = self.chance.one(&["min_of", "max_of"]);
                let both = vec![self.scalar(depth - 1), self.scalar(depth - 1)];
                Expr::call(Kind::Scalar, name, both)
            }
            13..=15 => {
                let operator = self
                    .chance
                    .one(&["+", "-", "*", "/", "%", "^", "== bool", "< bool", ">= bool"]);
                let both = vec![self.scalar(depth - 1), self.scalar(depth - 1)];
                Expr::of(Kind::Scalar, &format!("(§ {operator} §)"), both)
            }
            16 => Expr::of(Kind::Scalar, "-§", vec![self.scalar(depth - 1)]),
            _ => Expr::leaf(Kind::Scalar, self.number()),
        }
    }

    pub(crate) fn vector(&mut self, depth: usize) -> Expr {
        if depth == 0 {
            return self.instant_selector();
        }
        match self.chance.below(100) {
            0..=11 => self.instant_selector(),
            12..=37 => self.over_range(depth),
            38..=51 => self.of_vector(depth),
            52..=73 => self.aggregation(depth),
            74..=91 => self.binary(depth),
            92 | 93 => Expr::of(Kind::Vector, "-§", vec![self.vector(depth - 1)]),
            94..=96 => Expr::of(Kind::Vector, "(§)", vec![self.vector(depth - 1)]),
            97 => Expr::call(Kind::Vector, "vector", vec![self.scalar(depth - 1)]),
            _ => self.quantile_of_histogram(depth),
        }
    }

    pub(crate) fn matrix(&mut self, depth: usize) -> Expr {
        let nested_too_deep = self.within_subquery && !self.three();
        if depth == 0 || nested_too_deep || !self.chance.percent(22) {
            return self.range_selector();
        }
        let outer = std::mem::replace(&mut self.within_subquery, true);
        let (inner, parentheses) = match self.chance.below(4) {
            0 => (self.instant_selector(), false),
            1 => (self.over_range(depth - 1), false),
            _ => (self.vector(depth - 1), true),
        };
        self.within_subquery = outer;
        let (range, place) = (self.duration(), self.place_in_time());
        let step = if self.chance.percent(30) { String::new() } else { self.duration() };
        let inner_pattern = if parentheses { "(§)" } else { "§" };
        Expr::of(Kind::Matrix, &format!("{inner_pattern}[{range}:{step}]{place}"), vec![inner])
    }

    fn range_selector(&mut self) -> Expr {
        let extended = if self.three() && self.chance.percent(2) {
            self.chance.one(&[" anchored", " smoothed"])
        } else {
            ""
        };
        self.extended_selector(extended)
    }

    /// A range selector with ` anchored`, ` smoothed` or neither.
    pub(crate) fn extended_selector(&mut self, extended: &str) -> Expr {
        let name = self.metric();
        let selector = self.selector(name);
        let (range, place) = (self.duration(), self.place_in_time());
        Expr::leaf(Kind::Matrix, format!("{selector}[{range}]{extended}{place}"))
    }

    pub(crate) fn instant_selector(&mut self) -> Expr {
        let name = self.metric();
        self.selector_of(name)
    }

    /// An instant selector of this metric.
    pub(crate) fn selector_of(&mut self, name: &str) -> Expr {
        let (selector, place) = (self.selector(name), self.place_in_time());
        let smoothed = if self.three() && self.chance.percent(2) { " smoothed" } else { "" };
        Expr::leaf(Kind::Vector, format!("{selector}{smoothed}{place}"))
    }

    /// A metric's name, of floats more often than of histograms.
    pub(crate) fn metric(&mut self) -> &'static str {
        match self.chance.below(if self.three() { 60 } else { 46 }) {
            0..=16 => self.chance.one(&world::COUNTERS),
            17..=34 => self.chance.one(&world::GAUGES),
            35..=39 => self.chance.one(&[
                "latency_seconds_bucket",
                "latency_seconds_count",
                "latency_seconds_sum",
            ]),
            40..=44 => self.chance.one(&world::INFOS),
            45 => "nothing",
            46..=52 => self.chance.one(&world::HISTOGRAMS),
            53 | 54 => world::GAUGE_HISTOGRAM,
            55 | 56 => world::CUSTOM_HISTOGRAM,
            57 | 58 => world::MIXED,
            _ => world::DOTTED,
        }
    }

    fn selector(&mut self, name: &str) -> String {
        let mut matchers = Vec::new();
        let mut before = String::new();
        match self.chance.below(12) {
            _ if name == world::DOTTED => matchers.push(format!("\"{name}\"")),
            0 => matchers.push(format!("__name__=\"{name}\"")),
            1 if self.three() => matchers.push(format!("\"{name}\"")),
            2 => {
                let pattern = [
                    "re.*|up",
                    ".+_total",
                    "latency_seconds.*",
                    "depth|temperature",
                    ".*(info|seconds)",
                ];
                matchers.push(format!("__name__=~\"{}\"", self.chance.one(&pattern)));
            }
            _ => before = name.to_owned(),
        }
        for _ in 0..self.chance.one(&[0, 0, 0, 1, 1, 1, 2]) {
            let coded = world::COUNTERS.contains(&name);
            matchers.push(self.matcher(coded));
        }
        if name == world::DOTTED && self.chance.percent(50) {
            matchers.push(format!("\"{}\"!~\"h.*\"", world::DOTTED_LABEL));
        }
        let after = if self.chance.percent(3) { "," } else { "" };
        match matchers.is_empty() {
            true => before,
            false => format!("{before}{{{}{after}}}", matchers.join(", ")),
        }
    }

    fn matcher(&mut self, coded: bool) -> String {
        let (label, values): (_, &[&str]) = match self.chance.below(20) {
            0..=7 => ("job", &world::JOBS),
            8..=14 => ("instance", &world::INSTANCES),
            15..=18 if coded => ("code", &world::CODES),
            19 => ("absent_label", &["", "x"]),
            _ => ("instance", &world::INSTANCES),
        };
        let value = self.chance.one(values);
        let other = self.chance.one(values);
        match self.chance.below(12) {
            0..=5 => format!("{label}=\"{value}\""),
            6 | 7 => format!("{label}!='{value}'"),
            8 => format!("{label}=~\"{value}|{other}\""),
            9 => format!("{label}!~\"{value}\""),
            10 => format!(
                "{label}=~\"{}\"",
                self.chance.one(&[".*", ".+", "a.*", "[a-d].*", "(?i:API)|4\\\\d\\\\d", ""])
            ),
            _ => {
                format!("{label}!~\"{}\"", self.chance.one(&["w.*", "w.*", "x|y", "x|y", ".+", ""]))
            }
        }
    }

    pub(crate) fn duration(&mut self) -> String {
        if self.three() && self.chance.percent(8) {
            let odd = [
                "1ms",
                "(1m + 30s)",
                "2 * 1m",
                "step() + 1m",
                "max_of(step(), 45s)",
                "min_of(2m, 1m)",
                "90",
                "1h",
                "range() + 2m",
                "1.5e2",
                "1m * 2 - 7s",
                "-1m",
                "300 / 2",
                "5m % 2m",
                "2 ^ 3 * 10s",
            ];
            return self.chance.one(&odd).to_owned();
        }
        if self.chance.percent(70) {
            let steps = self.chance.one(&[2, 3, 4, 5, 8, 20]);
            return format!("{}s", steps * self.world.interval / 1_000);
        }
        self.chance.one(&["15s", "30s", "1m", "2m", "5m", "10m", "17s", "1m30s", "1h"]).to_owned()
    }

    /// Offset and `@`, mostly neither.
    fn place_in_time(&mut self) -> String {
        let offset = if self.chance.percent(12) {
            let more: &[&str] = if self.three() {
                &["1ms", "-(30s)", "step()", "0s", "-3m * 2", "(1m + 5)"]
            } else {
                &[]
            };
            let plain = ["1m", "30s", "5m", "-1m", "-15s"];
            let odd = !more.is_empty() && self.chance.percent(20);
            format!(" offset {}", if odd { self.chance.one(more) } else { self.chance.one(&plain) })
        } else {
            String::new()
        };
        let at = if self.chance.percent(10) {
            match self.chance.below(4) {
                0 => " @ start()".to_owned(),
                1 => " @ end()".to_owned(),
                _ => {
                    // Never at a whole second in the dialect of Prometheus 2: no sample is half a second later.
                    let seconds =
                        self.chance.between(self.world.start / 1_000, self.world.end / 1_000);
                    let part =
                        if self.three() { self.chance.one(&["", "", ".5", ".123"]) } else { ".5" };
                    format!(" @ {seconds}{part}")
                }
            }
        } else {
            String::new()
        };
        if self.chance.percent(50) { format!("{offset}{at}") } else { format!("{at}{offset}") }
    }
}
