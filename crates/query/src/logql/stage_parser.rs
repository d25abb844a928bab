//! Tokens to the stages of a pipeline.

use vigie_store::{MatchOp, Matcher};

use super::ast::{
    Compare, Conversion, Extraction, FormatValue, LabelFilter, LabelFormat, LineFilter, LineOp,
    LineText, NamedMatcher, Quantity, Stage, Unwrap,
};
use super::error::ParseError;
use super::lexer::Token;
use super::parser::Parser;

impl Parser<'_> {
    /// Whether a stage begins here; `unwrap` is none.
    pub(super) fn sees_stage(&self) -> bool {
        match self.peek() {
            Token::Sign("|") => !self.sees_unwrap(),
            Token::Sign(sign) => LineOp::ALL.iter().any(|(name, _)| name == sign),
            _ => false,
        }
    }

    pub(super) fn sees_unwrap(&self) -> bool {
        self.sees("|")
            && matches!(self.ahead(1), Token::Name(name) if name.eq_ignore_ascii_case("unwrap"))
    }

    pub(super) fn stage(&mut self) -> Result<Stage, ParseError> {
        if !self.takes("|") {
            return self.line_filter();
        }
        let word = match self.peek() {
            Token::Name(name) if !self.sees_label() => name.to_ascii_lowercase(),
            _ => return Ok(Stage::Label(self.label_filter(0)?)),
        };
        self.take();
        Ok(match word.as_str() {
            "json" => Stage::Json(self.extractions()?),
            "logfmt" => self.logfmt()?,
            "regexp" => Stage::Regexp(self.string()?),
            "pattern" => Stage::Pattern(self.string()?),
            "unpack" => Stage::Unpack,
            "line_format" => Stage::LineFormat(self.string()?),
            "label_format" => self.label_format()?,
            "decolorize" => Stage::Decolorize,
            "drop" => Stage::Drop(self.named_matchers()?),
            "keep" => Stage::Keep(self.named_matchers()?),
            _ => return Err(self.error(format!("syntax error: unexpected {word}"))),
        })
    }

    fn line_filter(&mut self) -> Result<Stage, ParseError> {
        let Token::Sign(sign) = self.take() else { return Err(self.unexpected("|")) };
        let op = LineOp::ALL.iter().find(|(name, _)| *name == sign).map(|(_, op)| *op);
        let op = op.ok_or_else(|| self.unexpected("a line filter"))?;
        let mut texts = vec![self.line_text(op)?];
        while self.sees_word("or") && !matches!(self.ahead(1), Token::Sign(_)) {
            self.take();
            texts.push(self.line_text(op)?);
        }
        Ok(Stage::Line(LineFilter { op, texts }))
    }

    fn line_text(&mut self, op: LineOp) -> Result<LineText, ParseError> {
        if !self.sees_word("ip") {
            return Ok(LineText::Plain(self.string()?));
        }
        if !matches!(op, LineOp::Contains | LineOp::NotContains) {
            return Err(self.error("ip: invalid operation"));
        }
        Ok(LineText::Ip(self.ip()?))
    }

    /// `ip("…")`.
    fn ip(&mut self) -> Result<String, ParseError> {
        self.take();
        self.wants("(")?;
        let pattern = self.string()?;
        self.wants(")")?;
        Ok(pattern)
    }

    fn logfmt(&mut self) -> Result<Stage, ParseError> {
        let (mut strict, mut keep_empty) = (false, false);
        while let Token::Flag(flag) = self.peek() {
            strict |= *flag == "--strict";
            keep_empty |= *flag == "--keep-empty";
            self.take();
        }
        Ok(Stage::Logfmt { strict, keep_empty, only: self.extractions()? })
    }

    /// `label="path", label`; none where no label follows.
    fn extractions(&mut self) -> Result<Vec<Extraction>, ParseError> {
        let mut found = Vec::new();
        if !self.sees_label() {
            return Ok(found);
        }
        loop {
            let label = self.label()?;
            let path = if self.takes("=") { self.string()? } else { label.clone() };
            found.push(Extraction { label, path });
            if !self.takes(",") {
                return Ok(found);
            }
        }
    }

    fn label_format(&mut self) -> Result<Stage, ParseError> {
        let mut formats: Vec<LabelFormat> = Vec::new();
        loop {
            let at = self.at();
            let name = self.label()?;
            self.wants("=")?;
            let value = match self.peek() {
                Token::Text(_) => FormatValue::Template(self.string()?),
                _ => FormatValue::Label(self.label()?),
            };
            if name == super::ERROR {
                return Err(self.error_at(at, format!("{name} cannot be formatted")));
            }
            if formats.iter().any(|format| format.name == name) {
                return Err(self.error_at(
                    at,
                    format!(
                        "multiple label name '{name}' not allowed in a single format operation"
                    ),
                ));
            }
            formats.push(LabelFormat { name, value });
            if !self.takes(",") {
                return Ok(Stage::LabelFormat(formats));
            }
        }
    }

    fn named_matchers(&mut self) -> Result<Vec<NamedMatcher>, ParseError> {
        let mut found = Vec::new();
        loop {
            let compared = matches!(self.ahead(1), Token::Sign("=" | "!=" | "=~" | "!~"))
                && matches!(self.ahead(2), Token::Text(_));
            found.push(if compared {
                NamedMatcher::Matcher(self.matcher()?)
            } else {
                NamedMatcher::Name(self.label()?)
            });
            if !self.takes(",") {
                return Ok(found);
            }
        }
    }

    pub(super) fn measured(&mut self) -> Result<Unwrap, ParseError> {
        self.take();
        self.take();
        let conversion = match (self.peek(), self.ahead(1)) {
            (Token::Name(name), Token::Sign("(")) => match name.to_ascii_lowercase().as_str() {
                "bytes" => Conversion::Bytes,
                "duration" => Conversion::Duration,
                "duration_seconds" => Conversion::DurationSeconds,
                _ => return Err(self.unexpected("bytes, duration or duration_seconds")),
            },
            _ => Conversion::Number,
        };
        let converted = conversion != Conversion::Number;
        if converted {
            self.take();
            self.wants("(")?;
        }
        let label = self.label()?;
        if converted {
            self.wants(")")?;
        }
        let mut filters = Vec::new();
        while self.sees("|") {
            self.take();
            self.operator_counts()?;
            filters.push(self.label_filter(0)?);
        }
        Ok(Unwrap { label, conversion, filters })
    }

    /// A condition on labels: `and` binds stronger than `or`; a comma, or nothing at all, joins with everything that
    /// follows.
    fn label_filter(&mut self, floor: u8) -> Result<LabelFilter, ParseError> {
        self.enter()?;
        let mut left = self.one_label_filter()?;
        loop {
            let (strength, both, sign) = if self.sees(",") {
                (0, true, true)
            } else if self.sees_word("and") {
                (2, true, true)
            } else if self.sees_word("or") {
                (1, false, true)
            } else if self.sees("(") || self.sees_label() {
                (0, true, false)
            } else {
                break;
            };
            if strength > 0 && strength <= floor {
                break;
            }
            self.operator_counts()?;
            if sign {
                self.take();
            }
            let right = self.label_filter(strength)?;
            let sides = Box::new((left, right));
            left = if both { LabelFilter::And(sides) } else { LabelFilter::Or(sides) };
        }
        self.leave();
        Ok(left)
    }

    fn one_label_filter(&mut self) -> Result<LabelFilter, ParseError> {
        if self.takes("(") {
            let inner = self.label_filter(0)?;
            self.wants(")")?;
            return Ok(inner);
        }
        let name = self.label()?;
        let Token::Sign(sign) = self.peek().clone() else {
            return Err(self.unexpected("a comparison"));
        };
        self.take();
        let at = self.at();
        let compare = match sign {
            "=" => Some(Compare::Equal),
            _ => Compare::ALL.iter().find(|(name, _)| *name == sign).map(|(_, compare)| *compare),
        };
        if let Token::Text(_) = self.peek() {
            let op = match sign {
                "=" => MatchOp::Equal,
                "!=" => MatchOp::NotEqual,
                "=~" => MatchOp::Regex,
                "!~" => MatchOp::NotRegex,
                _ => return Err(self.unexpected("NUMBER, DURATION or BYTES")),
            };
            let value = self.string()?;
            let matcher = Matcher::new(name, op, value);
            return matcher
                .map(LabelFilter::Text)
                .map_err(|error| self.error_at(at, error.to_string()));
        }
        if self.sees_word("ip") && matches!(sign, "=" | "!=") {
            let pattern = self.ip()?;
            return Ok(LabelFilter::Ip { name, negative: sign == "!=", pattern });
        }
        let compare = compare.ok_or_else(|| self.unexpected("STRING"))?;
        Ok(LabelFilter::Quantity(name, compare, self.quantity()?))
    }

    fn quantity(&mut self) -> Result<Quantity, ParseError> {
        let quantity = match *self.peek() {
            Token::Duration(nanos) => Quantity::Duration(nanos),
            Token::Bytes(size) => Quantity::Bytes(size),
            _ => {
                let minus = self.takes("-");
                if !minus {
                    self.takes("+");
                }
                let value = self.number()?;
                return Ok(Quantity::Number(if minus { -value } else { value }));
            }
        };
        self.take();
        Ok(quantity)
    }
}
