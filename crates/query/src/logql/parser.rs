//! Tokens to a tree.

use vigie_store::{MatchOp, Matcher};

use super::ast::{
    BinaryOp, Cardinality, Expr, Grouping, LogExpr, LogRange, Matching, Metric, RangeOp, VectorOp,
};
use super::error::ParseError;
use super::fold::fold;
use super::lexer::{Placed, Token, tokens};
use super::units::number_of;
use crate::nesting::deeper;

/// The longest query, in bytes; Loki has the same limit.
const MAX_BYTES: usize = 131_072;
/// How many operators a query may have: chains of them make high trees.
const MAX_OPERATORS: usize = 250;

/// Words that are no labels.
const KEYWORDS: [&str; 22] = [
    "unwrap",
    "by",
    "without",
    "bool",
    "offset",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "or",
    "and",
    "unless",
    "json",
    "regexp",
    "logfmt",
    "unpack",
    "pattern",
    "label_format",
    "line_format",
    "decolorize",
    "drop",
    "keep",
];

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    operators: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, ParseError> {
        if text.len() > MAX_BYTES {
            let message = format!("input size too long ({} > {MAX_BYTES})", text.len());
            return Err(ParseError::at(text, 0, message));
        }
        Ok(Self { text, tokens: tokens(text)?, next: 0, depth: 0, operators: 0 })
    }

    pub(super) fn whole(&mut self) -> Result<Expr, ParseError> {
        let expr = self.expr(0)?;
        match self.peek() {
            Token::End => Ok(expr),
            _ => Err(self.unexpected("")),
        }
    }

    pub(super) fn peek(&self) -> &Token {
        self.ahead(0)
    }

    pub(super) fn ahead(&self, count: usize) -> &Token {
        self.tokens.get(self.next + count).map_or(&Token::End, |placed| &placed.token)
    }

    pub(super) fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |placed| placed.at)
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    pub(super) fn sees(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let seen = self.sees(sign);
        self.next += usize::from(seen);
        seen
    }

    pub(super) fn wants(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    pub(super) fn sees_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case(word))
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let seen = self.sees_word(word);
        self.next += usize::from(seen);
        seen
    }

    /// A word that may be a label.
    pub(super) fn sees_label(&self) -> bool {
        matches!(self.peek(), Token::Name(name)
            if !KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(name)))
    }

    pub(super) fn label(&mut self) -> Result<String, ParseError> {
        if !self.sees_label() {
            return Err(self.unexpected("IDENTIFIER"));
        }
        match self.take() {
            Token::Name(name) => Ok(name),
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        match self.peek() {
            Token::Text(_) => match self.take() {
                Token::Text(text) => Ok(text),
                _ => Err(self.unexpected("STRING")),
            },
            _ => Err(self.unexpected("STRING")),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.at(), message)
    }

    pub(super) fn error_at(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, at, message)
    }

    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let found = match self.peek() {
            Token::Name(name) if self.sees_label() => format!("IDENTIFIER {name:?}"),
            Token::Name(name) => name.clone(),
            Token::Number(text) => format!("NUMBER {text}"),
            Token::Duration(_) => "DURATION".to_owned(),
            Token::Bytes(_) => "BYTES".to_owned(),
            Token::Range(_) => "RANGE".to_owned(),
            Token::Text(text) => format!("STRING {text:?}"),
            Token::Flag(flag) => (*flag).to_owned(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "$end".to_owned(),
        };
        let wanted =
            if expected.is_empty() { String::new() } else { format!(", expecting {expected}") };
        self.error(format!("syntax error: unexpected {found}{wanted}"))
    }

    pub(super) fn enter(&mut self) -> Result<(), ParseError> {
        self.depth = deeper(self.depth).map_err(|why| self.error(why))?;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Counts an operator, each of which makes a tree higher.
    pub(super) fn operator_counts(&mut self) -> Result<(), ParseError> {
        self.operators += 1;
        if self.operators <= MAX_OPERATORS {
            return Ok(());
        }
        Err(self.error(format!("the query has more than {MAX_OPERATORS} operators: split it")))
    }

    /// An expression whose operators bind stronger than `floor`.
    fn expr(&mut self, floor: u8) -> Result<Expr, ParseError> {
        self.enter()?;
        let mut left = self.operand()?;
        while let Some(op) = self.operator().filter(|op| op.strength() > floor) {
            let at = self.at();
            self.operator_counts()?;
            self.take();
            let matching = self.matching()?;
            // Only the power binds to its right.
            let strength = op.strength() - u8::from(op == BinaryOp::Pow);
            let right = self.expr(strength)?;
            let (Expr::Metric(left_side), Expr::Metric(right_side)) = (left, right) else {
                let message =
                    format!("unexpected type for a leg of binary operation ({})", op.as_str());
                return Err(self.error_at(at, message));
            };
            let literal =
                matches!(left_side, Metric::Number(_)) || matches!(right_side, Metric::Number(_));
            if op.of_sets() && literal {
                let message = format!(
                    "unexpected literal for a leg of logical/set binary operation ({})",
                    op.as_str()
                );
                return Err(self.error_at(at, message));
            }
            left = Expr::Metric(fold(op, matching, left_side, right_side));
        }
        self.leave();
        Ok(left)
    }

    fn operator(&self) -> Option<BinaryOp> {
        match self.peek() {
            Token::Sign(sign) => BinaryOp::of(sign),
            Token::Name(name) => BinaryOp::of(name),
            _ => None,
        }
    }

    fn matching(&mut self) -> Result<Matching, ParseError> {
        let mut matching = Matching { bool_result: self.takes_word("bool"), ..Matching::default() };
        matching.on = self.sees_word("on");
        if !matching.on && !self.sees_word("ignoring") {
            return Ok(matching);
        }
        self.take();
        matching.labels = self.labels()?;
        matching.cardinality = if self.takes_word("group_left") {
            Cardinality::ManyToOne
        } else if self.takes_word("group_right") {
            Cardinality::OneToMany
        } else {
            return Ok(matching);
        };
        // What follows in brackets may also be the other side.
        let list = self.sees("(")
            && match self.ahead(1) {
                Token::Sign(")") => true,
                Token::Name(_) => matches!(self.ahead(2), Token::Sign("," | ")")),
                _ => false,
            };
        if list {
            matching.include = self.labels()?;
        }
        Ok(matching)
    }

    /// Labels in brackets.
    fn labels(&mut self) -> Result<Vec<String>, ParseError> {
        self.wants("(")?;
        let mut labels = Vec::new();
        if self.takes(")") {
            return Ok(labels);
        }
        loop {
            labels.push(self.label()?);
            if !self.takes(",") {
                break;
            }
        }
        self.wants(")")?;
        Ok(labels)
    }

    fn operand(&mut self) -> Result<Expr, ParseError> {
        match self.peek().clone() {
            Token::Sign("(") => {
                self.take();
                let inner = self.expr(0)?;
                self.wants(")")?;
                Ok(inner)
            }
            Token::Sign("{") => Ok(Expr::Log(self.log()?)),
            Token::Sign(sign @ ("+" | "-")) => {
                self.take();
                let value = self.number()?;
                Ok(Expr::Metric(Metric::Number(if sign == "-" { -value } else { value })))
            }
            Token::Number(_) => Ok(Expr::Metric(Metric::Number(self.number()?))),
            Token::Name(name) => Ok(Expr::Metric(self.function(&name)?)),
            _ => Err(self.unexpected("a query")),
        }
    }

    pub(super) fn number(&mut self) -> Result<f64, ParseError> {
        let Token::Number(text) = self.peek().clone() else {
            return Err(self.unexpected("NUMBER"));
        };
        let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let value = match hexadecimal {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(|value| value as f64),
            None => number_of(&text).ok(),
        };
        let value = value.ok_or_else(|| self.error(format!("{text} is no number")))?;
        self.take();
        Ok(value)
    }

    fn function(&mut self, name: &str) -> Result<Metric, ParseError> {
        let at = self.at();
        if let Some(op) = RangeOp::of(name) {
            self.take();
            return self.range_aggregation(op, at);
        }
        if let Some(op) = VectorOp::of(name) {
            self.take();
            return self.vector_aggregation(op, at);
        }
        match name.to_ascii_lowercase().as_str() {
            "vector" => {
                self.take();
                self.wants("(")?;
                let value = self.number()?;
                self.wants(")")?;
                Ok(Metric::Vector(value))
            }
            "label_replace" => {
                self.take();
                self.replace()
            }
            "variants" => Err(self.error("variants is not supported here: use several queries")),
            _ => Err(self.unexpected("a query")),
        }
    }

    fn replace(&mut self) -> Result<Metric, ParseError> {
        self.wants("(")?;
        let of = Box::new(self.metric()?);
        let mut texts = Vec::with_capacity(4);
        for _ in 0..4 {
            self.wants(",")?;
            texts.push(self.string()?);
        }
        self.wants(")")?;
        let mut texts = texts.into_iter();
        let mut text = || texts.next().unwrap_or_default();
        Ok(Metric::Replace {
            of,
            target: text(),
            replacement: text(),
            source: text(),
            regex: text(),
        })
    }

    /// An expression of numbers.
    fn metric(&mut self) -> Result<Metric, ParseError> {
        let at = self.at();
        match self.expr(0)? {
            Expr::Metric(metric) => Ok(metric),
            Expr::Log(_) => Err(self
                .error_at(at, "syntax error: expected numbers, such as rate(… [5m]), found lines")),
        }
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let without = self.sees_word("without");
        if !without && !self.sees_word("by") {
            return Ok(None);
        }
        self.take();
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    /// A number and a comma, and how the number is written.
    fn parameter(&mut self) -> Result<Option<(f64, String)>, ParseError> {
        let text = match (self.peek(), self.ahead(1)) {
            (Token::Number(text), Token::Sign(",")) => text.clone(),
            _ => return Ok(None),
        };
        let value = self.number()?;
        self.wants(",")?;
        Ok(Some((value, text)))
    }

    fn range_aggregation(&mut self, op: RangeOp, at: usize) -> Result<Metric, ParseError> {
        self.wants("(")?;
        let parameter = self.parameter()?;
        let of = Box::new(self.log_range()?);
        self.wants(")")?;
        let grouping = self.grouping()?;
        let name = op.as_str();
        let wrong = match (&parameter, op == RangeOp::Quantile) {
            (Some((_, text)), false) => {
                Some(format!("parameter {text} not supported for operation {name}"))
            }
            (None, true) => Some(format!("parameter required for operation {name}")),
            _ => may_not(op, &of, grouping.is_some()),
        };
        if let Some(message) = wrong {
            return Err(self.error_at(at, message));
        }
        Ok(Metric::Range { op, parameter: parameter.map(|(value, _)| value), of, grouping })
    }

    fn vector_aggregation(&mut self, op: VectorOp, at: usize) -> Result<Metric, ParseError> {
        let mut grouping = self.grouping()?;
        self.wants("(")?;
        let parameter = self.parameter()?;
        let of = Box::new(self.metric()?);
        self.wants(")")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let name = op.as_str();
        let wants = matches!(op, VectorOp::TopK | VectorOp::ApproxTopK | VectorOp::BottomK);
        let sorts = matches!(op, VectorOp::Sort | VectorOp::SortDesc);
        let wrong = match &parameter {
            None if wants => Some(format!("parameter required for operation {name}")),
            Some((_, text)) if !wants => {
                Some(format!("unsupported parameter for operation {name}({text},"))
            }
            Some((value, text)) if value.fract() != 0.0 => {
                Some(format!("invalid parameter {name}({text},"))
            }
            Some((value, text)) if *value < 1.0 => {
                Some(format!("invalid parameter (must be greater than 0) {name}({text}"))
            }
            _ if sorts && grouping.is_some() => {
                Some("sort and sort_desc doesn't allow grouping by ".to_owned())
            }
            _ if op == VectorOp::ApproxTopK && grouping.is_some() => {
                Some(format!("grouping not allowed for {name} aggregation"))
            }
            _ => None,
        };
        if let Some(message) = wrong {
            return Err(self.error_at(at, message));
        }
        let count = parameter.map_or(0, |(value, _)| value as usize);
        Ok(Metric::Aggregate { op, count, of, grouping })
    }

    /// A stream selector and its pipeline.
    pub(super) fn log(&mut self) -> Result<LogExpr, ParseError> {
        let matchers = self.selector()?;
        let mut stages = Vec::new();
        while self.sees_stage() {
            stages.push(self.stage()?);
        }
        Ok(LogExpr { matchers, stages })
    }

    pub(super) fn selector(&mut self) -> Result<Vec<Matcher>, ParseError> {
        let at = self.at();
        self.wants("{")?;
        let mut matchers = Vec::new();
        while !self.takes("}") {
            if !matchers.is_empty() {
                self.wants(",")?;
            }
            matchers.push(self.matcher()?);
        }
        let narrow = |matcher: &Matcher| {
            matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex) && !matcher.matches("")
        };
        if !matchers.iter().any(narrow) {
            return Err(self.error_at(
                at,
                "queries require at least one regexp or equality matcher that does not have an empty-compatible \
                 value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will",
            ));
        }
        Ok(matchers)
    }

    pub(super) fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let name = self.label()?;
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected("= or != or =~ or !~")),
        };
        self.take();
        let at = self.at();
        let value = self.string()?;
        Matcher::new(name, op, value).map_err(|error| self.error_at(at, error.to_string()))
    }

    /// Lines, their window and what is measured, in any of the orders that Loki takes.
    fn log_range(&mut self) -> Result<LogRange, ParseError> {
        let found = self.part_of_range()?;
        if found.range > 0 { Ok(found) } else { Err(self.unexpected("RANGE")) }
    }

    /// The same, perhaps in brackets; the window may still be missing.
    fn part_of_range(&mut self) -> Result<LogRange, ParseError> {
        self.enter()?;
        let mut found = if self.takes("(") {
            let inner = self.part_of_range()?;
            self.wants(")")?;
            inner
        } else {
            let log = LogExpr { matchers: self.selector()?, stages: Vec::new() };
            LogRange { log, range: 0, offset: 0, unwrap: None }
        };
        self.rest_of_range(&mut found)?;
        self.leave();
        Ok(found)
    }

    fn rest_of_range(&mut self, found: &mut LogRange) -> Result<(), ParseError> {
        loop {
            match self.peek() {
                Token::Range(nanos) if found.range == 0 => {
                    found.range = *nanos;
                    if found.range <= 0 {
                        return Err(self.error("a range must be longer than nothing"));
                    }
                    self.take();
                    if self.takes_word("offset") {
                        let Token::Duration(nanos) = *self.peek() else {
                            return Err(self.unexpected("DURATION"));
                        };
                        self.take();
                        found.offset = nanos;
                    }
                }
                _ if self.sees_unwrap() && found.unwrap.is_none() => {
                    found.unwrap = Some(self.measured()?);
                }
                _ if self.sees_stage() && found.unwrap.is_none() => {
                    let stage = self.stage()?;
                    found.log.stages.push(stage);
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Why an aggregation does not fit what it is made of.
fn may_not(op: RangeOp, of: &LogRange, grouped: bool) -> Option<String> {
    use RangeOp::{
        Absent, Avg, Bytes, BytesRate, Count, First, Last, Max, Min, Quantile, Rate, Stddev, Stdvar,
    };
    let name = op.as_str();
    let groups = matches!(op, Avg | Stddev | Stdvar | Quantile | Max | Min | First | Last);
    if grouped && !groups {
        return Some(format!("grouping not allowed for {name} aggregation"));
    }
    let of_lines = matches!(op, Bytes | BytesRate | Count);
    if of.unwrap.is_some() {
        return of_lines.then(|| format!("invalid aggregation {name} with unwrap"));
    }
    (!of_lines && !matches!(op, Rate | Absent))
        .then(|| format!("invalid aggregation {name} without unwrap"))
}
