//! Durations and their arithmetic.

use super::ast::{BinaryOp, DurationExpr};
use super::lexer::Token;
use super::parser::{MAX_DEPTH, Parsed, Parser};

impl Parser<'_> {
    /// Arithmetic only within brackets or parentheses: after `offset` the operator is the query's.
    pub(super) fn duration(&mut self, arithmetic: bool) -> Parsed<DurationExpr> {
        if arithmetic {
            self.deeper(|parser| parser.duration_binary(0))
        } else {
            self.deeper(Self::duration_unary)
        }
    }

    fn duration_binary(&mut self, least: u8) -> Parsed<DurationExpr> {
        let mut left = self.duration_unary()?;
        let mut count = 0;
        while let Some(op) = self.operator().filter(|op| {
            matches!(op.precedence(), 4 | 5 | 7)
                && *op != BinaryOp::Atan2
                && op.precedence() >= least
        }) {
            self.at += 1;
            count += 1;
            if count > MAX_DEPTH {
                return Err(self.too_deep());
            }
            let least = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.deeper(|parser| parser.duration_binary(least))?;
            left = DurationExpr::Binary(op, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn duration_unary(&mut self) -> Parsed<DurationExpr> {
        if self.sign("-") {
            return Ok(match self.deeper(Self::duration_unary)? {
                DurationExpr::Seconds(seconds) => DurationExpr::Seconds(-seconds),
                inner => DurationExpr::Neg(Box::new(inner)),
            });
        }
        if self.sign("+") {
            return self.deeper(Self::duration_unary);
        }
        if self.sign("(") {
            let inner = self.duration(true)?;
            self.expect(")", "in a duration")?;
            return Ok(inner);
        }
        if let Token::Number(seconds) = *self.peek() {
            self.at += 1;
            return Ok(DurationExpr::Seconds(seconds));
        }
        for (word, found) in [("step", DurationExpr::Step), ("range", DurationExpr::Range)] {
            if self.word(word) {
                self.expect("(", "in a duration")?;
                self.expect(")", "in a duration")?;
                return Ok(found);
            }
        }
        let smaller = self.is_word("min");
        if smaller || self.is_word("max") {
            self.at += 1;
            self.expect("(", "in a duration")?;
            let one = Box::new(self.duration(true)?);
            self.expect(",", "in a duration")?;
            let two = Box::new(self.duration(true)?);
            self.expect(")", "in a duration")?;
            return Ok(if smaller {
                DurationExpr::Min(one, two)
            } else {
                DurationExpr::Max(one, two)
            });
        }
        Err(self.unexpected("where a duration is expected"))
    }
}
