//! Queries made by chance, and trees without parentheses.

use vigie_query::promql::ast::{Expr, Kind};

/// A valid query for each seed.
pub fn query(seed: u64) -> String {
    let mut chance = Chance(seed | 1);
    chance.vector(4)
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    fn selector(&mut self) -> &'static str {
        self.one(&["a", "sum", "{\"x.y\"}", "b{c=\"\\\"\",d!~`\\d`}", "{__name__=~\"q.+\"}", "c:d"])
    }

    fn shift(&mut self) -> &'static str {
        self.one(&[
            "",
            "",
            " offset 5m",
            " offset -1h30m @ 1.5",
            " @ end()",
            " offset -(1m + step())",
        ])
    }

    fn scalar(&mut self, depth: u32) -> String {
        match self.below(if depth == 0 { 3 } else { 6 }) {
            0 => self.one(&["1", "0x1f", "1_000.5", "5m", "Inf", "1e300"]).to_owned(),
            1 => "time()".to_owned(),
            2 => "-1".to_owned(),
            3 => format!("scalar({})", self.vector(depth - 1)),
            4 => format!("({} + {})", self.scalar(depth - 1), self.scalar(depth - 1)),
            _ => format!("-{}", self.scalar(depth - 1)),
        }
    }

    fn matrix(&mut self, depth: u32) -> String {
        let range =
            self.one(&["5m", "1h30m", "300", "5m + step()", "max_of(1m, range() * 2)", "-(-1m)"]);
        if depth == 0 || self.below(2) == 0 {
            let ends = self.one(&["", "", " anchored", " smoothed"]);
            return format!("{}[{range}]{ends}{}", self.selector(), self.shift());
        }
        let step = self.one(&["", "1m", "step()"]);
        format!("({})[{range}:{step}]{}", self.vector(depth - 1), self.shift())
    }

    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            return format!("{}{}", self.selector(), self.shift());
        }
        let depth = depth - 1;
        match self.below(9) {
            0 => format!("{}{}", self.selector(), self.shift()),
            1 => format!("rate({})", self.matrix(depth)),
            2 => format!("quantile_over_time({}, {})", self.scalar(depth), self.matrix(depth)),
            3 => {
                let by = self.one(&["", "by (a, \"b.c\")", "without ()", "without (d,)"]);
                format!("topk {by} ({}, {})", self.scalar(depth), self.vector(depth))
            }
            4 => format!("sum({}) by (a)", self.vector(depth)),
            5 => format!("-{}", self.vector(depth)),
            6 => {
                let op = self.one(&["+", "-", "*", "/", "%", "^", "atan2", "== bool", "<", "</"]);
                let how = self.one(&[
                    "",
                    "on (a)",
                    "ignoring (a) group_left (b)",
                    "on () group_right ()",
                    "fill (-1)",
                    "fill_right (2)",
                ]);
                format!("{} {op} {how} {}", self.vector(depth), self.vector(depth))
            }
            7 => {
                let op = self.one(&["and", "or on (a)", "unless ignoring (b)"]);
                format!("{} {op} {}", self.vector(depth), self.vector(depth))
            }
            _ => format!("({} * {})", self.scalar(depth), self.vector(depth)),
        }
    }
}

/// A tree without its parentheses.
pub fn without_parens(expr: Expr) -> Expr {
    let at = expr.at;
    let kind = match expr.kind {
        Kind::Paren(inner) => return without_parens(*inner),
        Kind::Unary(minus, inner) => Kind::Unary(minus, Box::new(without_parens(*inner))),
        Kind::Binary(mut binary) => {
            binary.left = without_parens(binary.left);
            binary.right = without_parens(binary.right);
            Kind::Binary(binary)
        }
        other => other,
    };
    Expr { at, kind }
}
