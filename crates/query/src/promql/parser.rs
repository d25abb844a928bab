//! Tokens to a tree: a Pratt parser.

use vigie_store::{MatchOp, Matcher};

use super::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Cardinality, Ends, Expr, Fixed, Grouping, Kind,
    Matching, Selector, Span, Subquery,
};
use super::error::ParseError;
use super::functions::function;
use super::lexer::{Placed, Token, tokens};
use crate::nesting::deeper;

/// How high a tree may be: chains of operators need no stack to parse, but to walk.
const MAX_HEIGHT: usize = 250;

/// An expression and its height.
type Built = (Expr, usize);

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, ParseError> {
        Ok(Self { text, tokens: tokens(text)?, next: 0, depth: 0 })
    }

    pub(super) fn whole(&mut self) -> Result<Expr, ParseError> {
        if *self.peek() == Token::End {
            return Err(self.error("no expression found in input"));
        }
        let (expr, _) = self.expr(0)?;
        self.end()?;
        Ok(expr)
    }

    pub(super) fn end(&self) -> Result<(), ParseError> {
        match self.peek() {
            Token::End => Ok(()),
            _ => Err(self.unexpected("", "")),
        }
    }

    pub(super) fn peek(&self) -> &Token {
        // The last token is the end, which `take` never goes beyond.
        self.tokens.get(self.next).map_or(&Token::End, |placed| &placed.token)
    }

    fn peek_second(&self) -> &Token {
        self.tokens.get(self.next + 1).map_or(&Token::End, |placed| &placed.token)
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

    pub(super) fn sees_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case(word))
    }

    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let seen = self.sees(sign);
        self.next += usize::from(seen);
        seen
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let seen = self.sees_word(word);
        self.next += usize::from(seen);
        seen
    }

    pub(super) fn wants(&mut self, sign: &str, context: &str) -> Result<(), ParseError> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(context, &format!("{sign:?}"))) }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.at(), message)
    }

    pub(super) fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let found = match self.peek() {
            Token::Name(name) => format!("identifier {name:?}"),
            Token::Number(value) => format!("number \"{value}\""),
            Token::Duration(value) => format!("duration \"{value}s\""),
            Token::Text(value) => format!("string {value:?}"),
            Token::Sign(sign) => format!("<op:{sign}>").replace("<op:", "\"").replace('>', "\""),
            Token::End => "end of input".to_owned(),
        };
        let context = if context.is_empty() { String::new() } else { format!(" in {context}") };
        let wanted =
            if expected.is_empty() { String::new() } else { format!(", expected {expected}") };
        self.error(format!("unexpected {found}{context}{wanted}"))
    }

    pub(super) fn enter(&mut self) -> Result<(), ParseError> {
        self.depth = deeper(self.depth).map_err(|why| self.error(why))?;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    fn height(&self, height: usize) -> Result<usize, ParseError> {
        if height <= MAX_HEIGHT {
            return Ok(height);
        }
        Err(self.error(format!("the query has more than {MAX_HEIGHT} levels: split it")))
    }

    /// An expression whose operators bind stronger than `floor`.
    fn expr(&mut self, floor: u8) -> Result<Built, ParseError> {
        self.enter()?;
        let mut left = self.unary()?;
        while let Some((op, strength)) = self.operator().filter(|(_, strength)| *strength > floor) {
            self.take();
            let (bool_result, matching) = self.modifiers()?;
            // Only the power binds to its right.
            let right = self.expr(if op == BinaryOp::Pow { strength - 1 } else { strength })?;
            let height = self.height(left.1.max(right.1) + 1)?;
            let at = left.0.at;
            let binary = Binary { op, left: left.0, right: right.0, bool_result, matching };
            left = (Expr { at, kind: Kind::Binary(Box::new(binary)) }, height);
        }
        self.leave();
        Ok(left)
    }

    fn operator(&self) -> Option<(BinaryOp, u8)> {
        let found = BinaryOp::ALL.iter().find(|(_, text, _)| match self.peek() {
            Token::Sign(sign) => sign == text,
            Token::Name(name) => name.eq_ignore_ascii_case(text),
            _ => false,
        });
        found.map(|(op, _, strength)| (*op, *strength))
    }

    fn modifiers(&mut self) -> Result<(bool, Matching), ParseError> {
        let bool_result = self.takes_word("bool");
        let mut matching = Matching::default();
        let on = self.takes_word("on");
        if on || self.takes_word("ignoring") {
            matching.on = on;
            matching.labels = self.labels()?;
            let many = self.takes_word("group_left");
            if many || self.takes_word("group_right") {
                matching.cardinality =
                    if many { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.sees("(") {
                    matching.include = self.labels()?;
                }
            }
        }
        if self.takes_fill("fill") {
            let value = self.fill_value()?;
            (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            return Ok((bool_result, matching));
        }
        for _ in 0..2 {
            if matching.fill_left.is_none() && self.takes_fill("fill_left") {
                matching.fill_left = Some(self.fill_value()?);
            } else if matching.fill_right.is_none() && self.takes_fill("fill_right") {
                matching.fill_right = Some(self.fill_value()?);
            }
        }
        Ok((bool_result, matching))
    }

    /// The words for filling are metrics where no parenthesis follows.
    fn takes_fill(&mut self, word: &str) -> bool {
        *self.peek_second() == Token::Sign("(") && self.takes_word(word)
    }

    fn fill_value(&mut self) -> Result<f64, ParseError> {
        self.wants("(", "fill")?;
        let value = self.signed_number("fill")?;
        self.wants(")", "fill")?;
        Ok(value)
    }

    fn signed_number(&mut self, context: &str) -> Result<f64, ParseError> {
        let minus = self.takes("-");
        if !minus {
            self.takes("+");
        }
        let value = self.plain_number().ok_or_else(|| self.unexpected(context, "number"))?;
        Ok(if minus { -value } else { value })
    }

    /// A number or a duration's seconds, if there is one.
    fn plain_number(&mut self) -> Option<f64> {
        let value = match self.peek() {
            Token::Number(value) | Token::Duration(value) => *value,
            Token::Name(name) => super::number::number(name)?,
            _ => return None,
        };
        self.next += 1;
        Some(value)
    }

    fn labels(&mut self) -> Result<Vec<String>, ParseError> {
        self.wants("(", "grouping opts")?;
        let mut labels = Vec::new();
        while !self.sees(")") {
            match self.peek().clone() {
                Token::Name(name) => labels.push(name),
                Token::Text(name) if !name.is_empty() => labels.push(name),
                Token::Text(name) => {
                    return Err(self.error(format!("invalid label name for grouping: {name:?}")));
                }
                _ => return Err(self.unexpected("grouping opts", "label")),
            }
            self.take();
            if !self.takes(",") && !self.sees(")") {
                return Err(self.unexpected("grouping opts", "\",\" or \")\""));
            }
        }
        self.take();
        Ok(labels)
    }

    fn unary(&mut self) -> Result<Built, ParseError> {
        let at = At(self.at());
        let minus = self.sees("-");
        if !minus && !self.sees("+") {
            return self.postfix();
        }
        self.take();
        // As strong as a product, so that -1 ^ 2 is -(1 ^ 2).
        let (inner, height) = self.expr(BinaryOp::Mul.strength())?;
        if let Kind::Number { value, duration } = inner.kind {
            let value = if minus { -value } else { value };
            return Ok((Expr { at, kind: Kind::Number { value, duration } }, height));
        }
        Ok((Expr { at, kind: Kind::Unary(minus, Box::new(inner)) }, self.height(height + 1)?))
    }

    fn postfix(&mut self) -> Result<Built, ParseError> {
        let mut built = self.primary()?;
        loop {
            if self.takes_word("offset") {
                let offset = self.offset()?;
                let shift = self.shift_of(&mut built.0, "offset modifier")?;
                if shift.offset.is_some() {
                    return Err(self.error("offset may not be set multiple times"));
                }
                shift.offset = Some(offset).filter(|offset| *offset != Span::Seconds(0.0));
            } else if self.takes("@") {
                let fixed = self.fixed()?;
                let shift = self.shift_of(&mut built.0, "@ modifier")?;
                if shift.fixed.is_some() {
                    return Err(self.error("@ <timestamp> may not be set multiple times"));
                }
                shift.fixed = Some(fixed);
            } else if self.takes_word("anchored") {
                self.set_ends(&mut built.0, Ends::Anchored, "anchored")?;
            } else if self.takes_word("smoothed") {
                self.set_ends(&mut built.0, Ends::Smoothed, "smoothed")?;
            } else if self.sees("[") {
                built = self.range(built)?;
            } else {
                return Ok(built);
            }
        }
    }

    fn shift_of<'e>(
        &self,
        expr: &'e mut Expr,
        what: &str,
    ) -> Result<&'e mut super::ast::Shift, ParseError> {
        match &mut expr.kind {
            Kind::Selector(selector) | Kind::Matrix(selector, _) => Ok(&mut selector.shift),
            Kind::Subquery(subquery) => Ok(&mut subquery.shift),
            _ => Err(self.error(format!(
                "{what} must be preceded by an instant vector selector or range vector selector or a subquery"
            ))),
        }
    }

    fn set_ends(&self, expr: &mut Expr, ends: Ends, word: &str) -> Result<(), ParseError> {
        let selector = match &mut expr.kind {
            Kind::Selector(selector) | Kind::Matrix(selector, _) => selector,
            Kind::Subquery(_) => {
                return Err(self.error(format!("{word} modifier is not supported for subqueries")));
            }
            _ => return Err(self.error(format!("{word} modifier not implemented"))),
        };
        if selector.ends != Ends::Plain && selector.ends != ends {
            return Err(self.error("anchored and smoothed modifiers cannot be used together"));
        }
        selector.ends = ends;
        Ok(())
    }

    fn fixed(&mut self) -> Result<Fixed, ParseError> {
        for (word, fixed) in [("start", Fixed::Start), ("end", Fixed::End)] {
            if self.takes_word(word) {
                self.wants("(", "@")?;
                self.wants(")", "@")?;
                return Ok(fixed);
            }
        }
        let at = self.at();
        let seconds = self.signed_number("@").map_err(|_| self.unexpected("@", "timestamp"))?;
        if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
            let message = format!("timestamp out of bounds for @ modifier: {seconds:.6}");
            return Err(ParseError::at(self.text, at, message));
        }
        Ok(Fixed::Time((seconds * 1000.0).round() as i64))
    }

    fn range(&mut self, (expr, height): Built) -> Result<Built, ParseError> {
        let at = self.at();
        self.take();
        let range = self.positive_span("subquery or range selector")?;
        if self.takes(":") {
            let step =
                if self.sees("]") { None } else { Some(self.positive_span("subquery selector")?) };
            self.wants("]", "subquery selector")?;
            let at = expr.at;
            let subquery = Subquery { expr, range, step, shift: super::ast::Shift::default() };
            let kind = Kind::Subquery(Box::new(subquery));
            return Ok((Expr { at, kind }, self.height(height + 1)?));
        }
        if !self.takes("]") {
            return Err(self.unexpected("subquery or range", "\":\" or \"]\""));
        }
        let message = match expr.kind {
            Kind::Selector(selector) if selector.shift == super::ast::Shift::default() => {
                return Ok((Expr { at: expr.at, kind: Kind::Matrix(selector, range) }, height));
            }
            Kind::Selector(selector) if selector.shift.offset.is_some() => {
                "no offset modifiers allowed before range"
            }
            Kind::Selector(_) => "no @ modifiers allowed before range",
            _ => "ranges only allowed for vector selectors",
        };
        Err(ParseError::at(self.text, at, message))
    }

    fn primary(&mut self) -> Result<Built, ParseError> {
        let at = At(self.at());
        let leaf = |kind| Ok((Expr { at, kind }, 1));
        match self.peek().clone() {
            Token::Number(value) => {
                self.take();
                leaf(Kind::Number { value, duration: false })
            }
            Token::Duration(value) => {
                self.take();
                leaf(Kind::Number { value, duration: true })
            }
            Token::Text(text) => {
                self.take();
                leaf(Kind::Text(text))
            }
            Token::Sign("(") => {
                self.take();
                let (inner, height) = self.expr(0)?;
                self.wants(")", "")?;
                let kind = Kind::Paren(Box::new(inner));
                Ok((Expr { at, kind }, self.height(height + 1)?))
            }
            Token::Sign("{") => leaf(Kind::Selector(self.selector(None)?)),
            Token::Name(name) => self.named(at, name),
            _ => Err(self.unexpected("", "")),
        }
    }

    fn named(&mut self, at: At, name: String) -> Result<Built, ParseError> {
        if let Some(value) = super::number::number(&name) {
            self.take();
            return Ok((Expr { at, kind: Kind::Number { value, duration: false } }, 1));
        }
        let follows = self.peek_second().clone();
        let grouped = matches!(&follows, Token::Name(word)
            if word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without"));
        let called = follows == Token::Sign("(");
        if let Some(op) = AggregateOp::named(&name).filter(|_| called || grouped) {
            self.take();
            return self.aggregate(at, op);
        }
        if called {
            // Words of the language that are also functions may be written in any case.
            let lower = name.to_ascii_lowercase();
            let word = ["start", "end", "step", "range", "min_of", "max_of"].contains(&&*lower);
            let Some(function) = function(if word { &lower } else { &name }) else {
                return Err(self.error(format!("unknown function with name {name:?}")));
            };
            self.take();
            let (arguments, height) = self.arguments()?;
            return Ok((Expr { at, kind: Kind::Call(function, arguments) }, height));
        }
        let reserved = ["on", "ignoring", "group_left", "group_right", "bool", "atan2"];
        if reserved.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Err(self.unexpected("", ""));
        }
        self.take();
        Ok((Expr { at, kind: Kind::Selector(self.selector(Some(name))?) }, 1))
    }

    fn arguments(&mut self) -> Result<(Vec<Expr>, usize), ParseError> {
        self.wants("(", "")?;
        let (mut arguments, mut height) = (Vec::new(), 1);
        while !self.sees(")") {
            let (argument, its) = self.expr(0)?;
            arguments.push(argument);
            height = self.height(height.max(its + 1))?;
            if !self.sees(")") {
                self.wants(",", "")?;
                if self.sees(")") {
                    return Err(self.error("trailing commas not allowed in function call args"));
                }
            }
        }
        self.take();
        Ok((arguments, height))
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        Ok(if self.takes_word("by") {
            Some(Grouping::By(self.labels()?))
        } else if self.takes_word("without") {
            Some(Grouping::Without(self.labels()?))
        } else {
            None
        })
    }

    fn aggregate(&mut self, at: At, op: AggregateOp) -> Result<Built, ParseError> {
        let before = self.grouping()?;
        if !self.sees("(") {
            return Err(self.unexpected("aggregation", ""));
        }
        let (mut arguments, height) = self.arguments()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or(Grouping::By(Vec::new())),
        };
        let wanted = 1 + usize::from(op.takes_parameter());
        let error = |message: String| Err(ParseError::at(self.text, at.0, message));
        if arguments.len() != wanted && !arguments.is_empty() {
            return error(format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                arguments.len()
            ));
        }
        let Some(expr) = arguments.pop() else {
            return error("no arguments for aggregate expression provided".to_owned());
        };
        let aggregate = Aggregate { at, op, parameter: arguments.pop(), expr, grouping };
        Ok((Expr { at, kind: Kind::Aggregate(Box::new(aggregate)) }, height))
    }

    /// A selector behind its name.
    pub(super) fn selector(&mut self, name: Option<String>) -> Result<Selector, ParseError> {
        let mut selector = Selector { name, ..Selector::default() };
        if !self.takes("{") {
            return Ok(selector);
        }
        while !self.sees("}") {
            selector.braces.push(self.matcher()?);
            if !self.takes(",") && !self.sees("}") {
                return Err(self.unexpected("label matching", "\",\" or \"}\""));
            }
        }
        self.take();
        Ok(selector)
    }

    fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let at = self.at();
        let (name, quoted) = match self.peek().clone() {
            Token::Name(name) => (name, false),
            Token::Text(name) => (name, true),
            _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
        };
        self.take();
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            _ if quoted => {
                // A quoted name alone is the metric's.
                return Matcher::new(vigie_model::METRIC_NAME, MatchOp::Equal, name)
                    .map_err(|error| ParseError::at(self.text, at, error.to_string()));
            }
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.take();
        let Token::Text(value) = self.peek().clone() else {
            return Err(self.unexpected("label matching", "string"));
        };
        self.take();
        Matcher::new(name, op, value)
            .map_err(|error| ParseError::at(self.text, at, error.to_string()))
    }
}
