//! Tokens to a tree, by the operators' precedence.

use vigie_store::{MatchOp, Matcher};

use super::ast::{
    AggregateOp, At, BinaryOp, Card, DurationExpr, Expr, ExprKind, Extent, Matching, Selector,
};
use super::lexer::{Token, lex};
use super::typing;

/// Levels that an expression may have: evaluation follows them on the stack.
pub(super) const MAX_DEPTH: usize = 200;

/// Why a text is not a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    pub(super) fn at(text: &str, place: usize, message: String) -> Self {
        let before = text.get(..place).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// Parses a query and checks its types.
///
/// # Errors
/// What is wrong, and where.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser { text, tokens: lex(text)?, at: 0, depth: 0 };
    if *parser.peek() == Token::End {
        return Err(parser.error("no expression found in input"));
    }
    let expr = parser.expr(0)?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected("after the expression"));
    }
    typing::check(&expr).map_err(|(place, message)| ParseError::at(text, place, message))?;
    Ok(expr)
}

/// Parses a selector alone, as `/api/v1/series` takes it.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    match parse(text)?.kind {
        ExprKind::Instant(Selector { matchers, offset: None, at: None, .. }) => Ok(matchers),
        _ => Err(ParseError::at(text, 0, "a series selector is expected".to_owned())),
    }
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    pub(super) at: usize,
    depth: usize,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl Parser<'_> {
    pub(super) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.text.len(), |(_, place)| *place)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.place(), message.into())
    }

    pub(super) fn unexpected(&self, context: &str) -> ParseError {
        let found = match self.peek() {
            Token::End => "end of input".to_owned(),
            Token::Ident(name) => format!("identifier {name:?}"),
            Token::Number(number) => format!("number {number}"),
            Token::Text(text) => format!("string {text:?}"),
            Token::Sign(sign) => format!("{sign:?}"),
        };
        self.error(format!("unexpected {found} {context}"))
    }

    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, sign: &str, context: &str) -> Parsed<()> {
        if self.sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("{context}, expected {sign:?}")))
        }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Ident(found) if found.eq_ignore_ascii_case(word))
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn node(&self, kind: ExprKind, start: usize) -> Parsed<Expr> {
        let mut expr = Expr { kind, start, depth: 0 };
        expr.depth = 1 + expr.children().iter().map(|part| part.depth).max().unwrap_or(0);
        if expr.depth > MAX_DEPTH { Err(self.too_deep()) } else { Ok(expr) }
    }

    pub(super) fn too_deep(&self) -> ParseError {
        self.error(format!("the expression is nested deeper than max_depth {MAX_DEPTH}"))
    }

    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep());
        }
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn expr(&mut self, least: u8) -> Parsed<Expr> {
        self.deeper(|parser| parser.binary(least))
    }

    pub(super) fn operator(&self) -> Option<BinaryOp> {
        use BinaryOp as Op;
        const ALL: [Op; 18] = [
            Op::Add,
            Op::Sub,
            Op::Mul,
            Op::Div,
            Op::Mod,
            Op::Pow,
            Op::Atan2,
            Op::Eq,
            Op::Ne,
            Op::Gt,
            Op::Lt,
            Op::Ge,
            Op::Le,
            Op::TrimUpper,
            Op::TrimLower,
            Op::And,
            Op::Or,
            Op::Unless,
        ];
        ALL.into_iter().find(|op| match self.peek() {
            Token::Sign(sign) => op.as_str() == *sign,
            Token::Ident(word) => op.as_str().eq_ignore_ascii_case(word),
            _ => false,
        })
    }

    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Some(op) = self.operator().filter(|op| op.precedence() >= least) {
            self.at += 1;
            let bool = self.word("bool");
            let matching = self.matching()?;
            let right =
                self.expr(if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 })?;
            let start = left.start;
            let (left_side, right) = (Box::new(left), Box::new(right));
            left =
                self.node(ExprKind::Binary { op, left: left_side, right, bool, matching }, start)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.place();
        if self.sign("-") {
            // Binds like a multiplication, weaker than a power.
            let inner = self.expr(BinaryOp::Pow.precedence())?;
            return match inner.kind {
                ExprKind::Number(number) => self.node(ExprKind::Number(-number), start),
                _ => self.node(ExprKind::Negate(Box::new(inner)), start),
            };
        }
        if self.sign("+") {
            return self.expr(BinaryOp::Pow.precedence());
        }
        let primary = self.primary()?;
        self.postfix(primary)
    }

    fn matching(&mut self) -> Parsed<Matching> {
        let mut matching = Matching::default();
        let on = self.is_word("on");
        if on || self.is_word("ignoring") {
            self.at += 1;
            matching.on = on;
            matching.labels = self.label_list()?;
            let left = self.is_word("group_left");
            if left || self.is_word("group_right") {
                self.at += 1;
                matching.card = if left { Card::ManyToOne } else { Card::OneToMany };
                if matches!(self.peek(), Token::Sign("(")) {
                    matching.include = self.label_list()?;
                }
            }
        }
        for (word, left, right) in
            [("fill", true, true), ("fill_left", true, false), ("fill_right", false, true)]
        {
            if self.is_word(word) && *self.peek_at(1) == Token::Sign("(") {
                self.at += 2;
                let value = self.signed_number()?;
                self.expect(")", "in fill modifier")?;
                matching.fill_left = if left { Some(value) } else { matching.fill_left };
                matching.fill_right = if right { Some(value) } else { matching.fill_right };
            }
        }
        Ok(matching)
    }

    fn signed_number(&mut self) -> Parsed<f64> {
        let sign = if self.sign("-") { -1.0 } else { 1.0 };
        let _ = sign > 0.0 && self.sign("+");
        match self.peek().clone() {
            Token::Number(number) => {
                self.at += 1;
                Ok(sign * number)
            }
            Token::Ident(word) if named_number(&word).is_some() => {
                self.at += 1;
                Ok(sign * named_number(&word).unwrap_or_default())
            }
            _ => Err(self.unexpected("where a number is expected")),
        }
    }

    fn label_list(&mut self) -> Parsed<Vec<String>> {
        self.expect("(", "in grouping opts")?;
        let mut labels = Vec::new();
        while !self.sign(")") {
            match self.next() {
                Token::Ident(name) if !name.contains(':') => labels.push(name),
                Token::Text(name) if !name.is_empty() => labels.push(name),
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected("in grouping opts, expected label"));
                }
            }
            if !self.sign(",") {
                self.expect(")", "in grouping opts")?;
                break;
            }
        }
        Ok(labels)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.place();
        match self.peek().clone() {
            Token::Number(number) => {
                self.at += 1;
                self.node(ExprKind::Number(number), start)
            }
            Token::Text(text) => {
                self.at += 1;
                self.node(ExprKind::Text(text), start)
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expr(0)?;
                self.expect(")", "in parentheses")?;
                self.node(ExprKind::Paren(Box::new(inner)), start)
            }
            Token::Sign("{") => self.selector(None, start),
            Token::Ident(name) => self.named(name, start),
            _ => Err(self.unexpected("where an expression is expected")),
        }
    }

    fn named(&mut self, name: String, start: usize) -> Parsed<Expr> {
        self.at += 1;
        if let Some((op, _)) =
            AggregateOp::ALL.into_iter().find(|(_, word)| word.eq_ignore_ascii_case(&name))
        {
            if matches!(self.peek(), Token::Sign("("))
                || self.is_word("by")
                || self.is_word("without")
            {
                return self.aggregate(op, start);
            }
        } else if matches!(self.peek(), Token::Sign("(")) {
            let Some(function) = super::catalogue::function(&name) else {
                self.at -= 1;
                return Err(self.error(format!("unknown function with name {name:?}")));
            };
            let parts = self.arguments()?;
            return self.node(ExprKind::Call(function.name, parts), start);
        } else if let Some(number) = named_number(&name) {
            return self.node(ExprKind::Number(number), start);
        }
        self.selector(Some(name), start)
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(", "in a call")?;
        let mut parts = Vec::new();
        if self.sign(")") {
            return Ok(parts);
        }
        loop {
            parts.push(self.expr(0)?);
            if self.sign(")") {
                return Ok(parts);
            }
            self.expect(",", "in a call")?;
        }
    }

    fn grouping(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = self.is_word("without");
        if !without && !self.is_word("by") {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some((without, self.label_list()?)))
    }

    fn aggregate(&mut self, op: AggregateOp, start: usize) -> Parsed<Expr> {
        let before = self.grouping()?;
        let mut parts = self.arguments()?;
        let after = if before.is_none() { self.grouping()? } else { None };
        let (without, labels) = before.or(after).unwrap_or_default();
        let wanted = 1 + usize::from(op.parameter().is_some());
        if parts.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                parts.len()
            );
            return Err(ParseError::at(self.text, start, message));
        }
        let inner = Box::new(parts.pop().ok_or_else(|| self.error("no arguments"))?);
        let parameter = parts.pop().map(Box::new);
        self.node(ExprKind::Aggregate { op, parameter, inner, without, labels }, start)
    }

    fn selector(&mut self, name: Option<String>, start: usize) -> Parsed<Expr> {
        let mut matchers = Vec::new();
        let mut named = name.is_some();
        if let Some(name) = name {
            matchers.push(self.matcher("__name__", MatchOp::Equal, &name)?);
        }
        if self.sign("{") {
            while !self.sign("}") {
                let label = match self.next() {
                    Token::Ident(label) if !label.contains(':') => label,
                    Token::Text(label) if !self.is_match_op() => {
                        if std::mem::replace(&mut named, true) {
                            return Err(self.error("metric name must not be set twice"));
                        }
                        matchers.push(self.matcher("__name__", MatchOp::Equal, &label)?);
                        self.end_of_matcher()?;
                        continue;
                    }
                    Token::Text(label) => label,
                    _ => {
                        self.at -= 1;
                        return Err(self.unexpected("in label matching, expected label name"));
                    }
                };
                let op = match self.next() {
                    Token::Sign("=") => MatchOp::Equal,
                    Token::Sign("!=") => MatchOp::NotEqual,
                    Token::Sign("=~") => MatchOp::Regex,
                    Token::Sign("!~") => MatchOp::NotRegex,
                    _ => {
                        self.at -= 1;
                        return Err(self.unexpected("in label matching, expected a matcher"));
                    }
                };
                let Token::Text(value) = self.next() else {
                    self.at -= 1;
                    return Err(self.unexpected("in label matching, expected string"));
                };
                matchers.push(self.matcher(&label, op, &value)?);
                self.end_of_matcher()?;
            }
        }
        let selector = Selector { matchers, offset: None, at: None, extent: Extent::Plain };
        self.node(ExprKind::Instant(selector), start)
    }

    fn is_match_op(&self) -> bool {
        matches!(self.peek(), Token::Sign("=" | "!=" | "=~" | "!~"))
    }

    fn end_of_matcher(&mut self) -> Parsed<()> {
        if self.sign(",") || matches!(self.peek(), Token::Sign("}")) {
            return Ok(());
        }
        Err(self.unexpected("in label matching, expected \",\" or \"}\""))
    }

    fn matcher(&self, name: &str, op: MatchOp, value: &str) -> Parsed<Matcher> {
        Matcher::new(name, op, value).map_err(|error| self.error(error.to_string()))
    }

    fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let start = expr.start;
            if self.sign("[") {
                expr = self.brackets(expr)?;
            } else if self.is_word("offset") {
                self.at += 1;
                let found = self.duration(false)?;
                match &mut expr.kind {
                    ExprKind::Instant(selector) | ExprKind::Range(selector, _) if selector.offset.is_none() => {
                        selector.offset = Some(found);
                    }
                    ExprKind::Subquery { offset, .. } if offset.is_none() => *offset = Some(found),
                    _ => return Err(ParseError::at(self.text, start, "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery, once".to_owned())),
                }
            } else if self.sign("@") {
                let found = self.at_time()?;
                match &mut expr.kind {
                    ExprKind::Instant(Selector { at, .. })
                    | ExprKind::Range(Selector { at, .. }, _)
                    | ExprKind::Subquery { at, .. }
                        if at.is_none() => *at = Some(found),
                    _ => return Err(ParseError::at(self.text, start, "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery, once".to_owned())),
                }
            } else if self.is_word("anchored") || self.is_word("smoothed") {
                let found =
                    if self.is_word("anchored") { Extent::Anchored } else { Extent::Smoothed };
                match &mut expr.kind {
                    ExprKind::Instant(Selector { extent, .. })
                    | ExprKind::Range(Selector { extent, .. }, _)
                        if *extent == Extent::Plain =>
                    {
                        *extent = found
                    }
                    _ => return Err(self.unexpected("after what is not a selector")),
                }
                self.at += 1;
            } else {
                return Ok(expr);
            }
        }
    }

    fn at_time(&mut self) -> Parsed<At> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.word(word) {
                self.expect("(", "in @")?;
                self.expect(")", "in @")?;
                return Ok(at);
            }
        }
        let millis = self.signed_number()? * 1e3;
        if !millis.is_finite() || millis.abs() > 9e15 {
            return Err(self.error("timestamp out of bounds for @ modifier"));
        }
        Ok(At::Time(millis.round() as i64))
    }

    fn brackets(&mut self, expr: Expr) -> Parsed<Expr> {
        let start = expr.start;
        let range = self.duration(true)?;
        let subquery = self.sign(":");
        let step = if subquery && !matches!(self.peek(), Token::Sign("]")) {
            Some(self.duration(true)?)
        } else {
            None
        };
        self.expect("]", "in a range")?;
        for length in [Some(&range), step.as_ref()].into_iter().flatten() {
            if matches!(length, DurationExpr::Seconds(seconds) if *seconds < 0.001) {
                return Err(ParseError::at(
                    self.text,
                    start,
                    "duration must be greater than 0".to_owned(),
                ));
            }
        }
        if subquery {
            let inner = Box::new(expr);
            return self
                .node(ExprKind::Subquery { inner, range, step, offset: None, at: None }, start);
        }
        match expr.kind {
            ExprKind::Instant(selector) if selector.offset.is_none() && selector.at.is_none() => {
                self.node(ExprKind::Range(selector, range), start)
            }
            ExprKind::Instant(_) => {
                Err(self.error("no offset or @ modifiers allowed before range"))
            }
            _ => Err(self.error("ranges only allowed for vector selectors")),
        }
    }
}

fn named_number(word: &str) -> Option<f64> {
    if word.eq_ignore_ascii_case("inf") {
        Some(f64::INFINITY)
    } else if word.eq_ignore_ascii_case("nan") {
        Some(f64::NAN)
    } else {
        None
    }
}
