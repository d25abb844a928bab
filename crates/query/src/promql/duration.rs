//! Durations within brackets and behind `offset`: parsing and computing them.

use super::ast::{Span, SpanOp};
use super::error::ParseError;
use super::lexer::Token;
use super::parser::Parser;

/// Seconds beyond which a duration has no nanoseconds in 64 bits.
const MAX_SECONDS: f64 = (1_u64 << 63) as f64 / 1e9;

impl Parser<'_> {
    /// A duration within brackets.
    pub(super) fn positive_span(&mut self, context: &str) -> Result<Span, ParseError> {
        let at = self.at();
        let span = self.span(0, context)?;
        match span {
            Span::Seconds(seconds) if seconds <= 0.0 => {
                Err(ParseError::at(self.text, at, "duration must be greater than 0"))
            }
            _ => Ok(span),
        }
    }

    /// What follows `offset`: a sign and one operand, so that what comes behind belongs to the expression; arithmetic
    /// goes into parentheses.
    pub(super) fn offset(&mut self) -> Result<Span, ParseError> {
        // Behind parentheses arithmetic goes on, as Prometheus has it.
        if self.sees("(") {
            return self.span(0, "offset");
        }
        let minus = self.takes("-");
        if !minus {
            self.takes("+");
        }
        let span = self.span_operand("offset")?;
        Ok(if minus { negative(span) } else { span })
    }

    fn span(&mut self, floor: u8, context: &str) -> Result<Span, ParseError> {
        self.enter()?;
        let minus = self.takes("-");
        let mut left = if minus || self.takes("+") {
            let inner = self.span(2, context)?;
            if minus { negative(inner) } else { inner }
        } else {
            self.span_operand(context)?
        };
        let mut length = 0;
        while let Some((op, strength)) = self.span_operator().filter(|(_, one)| *one > floor) {
            length += 1;
            if length > crate::nesting::DEEPEST {
                return Err(self.error("a duration of so many parts is too long"));
            }
            let at = self.at();
            self.take();
            let right =
                self.span(if op == SpanOp::Pow { strength - 1 } else { strength }, context)?;
            let wrong = match op {
                SpanOp::Div => "division by zero",
                SpanOp::Mod => "modulo by zero",
                _ => "",
            };
            if !wrong.is_empty() && right == Span::Seconds(0.0) {
                return Err(ParseError::at(self.text, at, wrong));
            }
            left = Span::Binary(op, Box::new((left, right)));
        }
        self.leave();
        Ok(left)
    }

    fn span_operator(&self) -> Option<(SpanOp, u8)> {
        Some(match self.peek() {
            Token::Sign("+") => (SpanOp::Add, 1),
            Token::Sign("-") => (SpanOp::Sub, 1),
            Token::Sign("*") => (SpanOp::Mul, 2),
            Token::Sign("/") => (SpanOp::Div, 2),
            Token::Sign("%") => (SpanOp::Mod, 2),
            Token::Sign("^") => (SpanOp::Pow, 3),
            _ => return None,
        })
    }

    fn span_operand(&mut self, context: &str) -> Result<Span, ParseError> {
        match self.peek().clone() {
            Token::Number(value) | Token::Duration(value) => {
                if value.abs() > MAX_SECONDS {
                    return Err(self.error("duration out of range"));
                }
                self.take();
                return Ok(Span::Seconds(value));
            }
            Token::Sign("(") => {
                self.take();
                let inner = self.span(0, context)?;
                self.wants(")", context)?;
                return Ok(Span::Paren(Box::new(inner)));
            }
            _ => {}
        }
        for (word, span) in [("step", Span::Step), ("range", Span::Range)] {
            if self.takes_word(word) {
                self.wants("(", context)?;
                self.wants(")", context)?;
                return Ok(span);
            }
        }
        // Prometheus called them `min` and `max` before it released them.
        let words = [
            ("min_of", SpanOp::Min),
            ("max_of", SpanOp::Max),
            ("min", SpanOp::Min),
            ("max", SpanOp::Max),
        ];
        for (word, op) in words {
            if self.takes_word(word) {
                self.wants("(", context)?;
                let left = self.span(0, context)?;
                self.wants(",", context)?;
                let right = self.span(0, context)?;
                self.wants(")", context)?;
                return Ok(Span::Binary(op, Box::new((left, right))));
            }
        }
        Err(self.unexpected(context, "number, duration, step(), or range()"))
    }
}

fn negative(span: Span) -> Span {
    match span {
        Span::Seconds(seconds) => Span::Seconds(-seconds),
        other => Span::Minus(Box::new(other)),
    }
}

impl Span {
    /// Its milliseconds in a query with this step and range, both in milliseconds; or what is wrong with it.
    pub(crate) fn milliseconds(&self, step: i64, range: i64) -> Result<i64, String> {
        if let Self::Seconds(seconds) = self {
            // As nanoseconds, of which whole milliseconds count.
            return Ok((seconds * 1e9).round() as i64 / 1_000_000);
        }
        let seconds = self.seconds(step as f64 / 1000.0, range as f64 / 1000.0)?;
        if !seconds.is_finite() {
            return Err("duration is NaN or infinite".to_owned());
        }
        if seconds.abs() > MAX_SECONDS {
            return Err("duration is out of range".to_owned());
        }
        Ok((seconds * 1000.0) as i64)
    }

    /// The same, for what must be more than nothing.
    pub(crate) fn positive_milliseconds(&self, step: i64, range: i64) -> Result<i64, String> {
        let found = self.milliseconds(step, range)?;
        let literal = matches!(self, Self::Seconds(_));
        if found <= 0 && !(literal && found == 0) {
            let seconds = self.seconds(step as f64 / 1000.0, range as f64 / 1000.0)?;
            if seconds <= 0.0 {
                return Err("duration must be greater than 0".to_owned());
            }
        }
        Ok(found)
    }

    fn seconds(&self, step: f64, range: f64) -> Result<f64, String> {
        Ok(match self {
            Self::Seconds(seconds) => *seconds,
            Self::Step => step,
            Self::Range => range,
            Self::Minus(inner) => -inner.seconds(step, range)?,
            Self::Paren(inner) => inner.seconds(step, range)?,
            Self::Binary(op, both) => {
                let (left, right) = (both.0.seconds(step, range)?, both.1.seconds(step, range)?);
                match op {
                    SpanOp::Add => left + right,
                    SpanOp::Sub => left - right,
                    SpanOp::Mul => left * right,
                    SpanOp::Div if right == 0.0 => return Err("division by zero".to_owned()),
                    SpanOp::Div => left / right,
                    SpanOp::Mod if right == 0.0 => return Err("modulo by zero".to_owned()),
                    SpanOp::Mod => left % right,
                    SpanOp::Pow => left.powf(right),
                    SpanOp::Min => left.min(right),
                    SpanOp::Max => left.max(right),
                }
            }
        })
    }
}
