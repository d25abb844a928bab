//! PromQL's syntax: text to a tree whose types fit together, and back.

pub mod ast;
mod check;
mod duration;
pub(crate) mod error;
mod functions;
mod lexer;
pub(crate) mod number;
mod parser;
mod print;
pub(crate) mod quoted;

use vigie_model::METRIC_NAME;
use vigie_store::{MatchOp, Matcher};

pub use ast::Expr;
pub use error::ParseError;
pub use functions::{Function, FunctionKind, Repeat, function, functions};

/// Parses a query and checks its types.
///
/// # Errors
/// Where it is no PromQL, with line and column.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let expr = parser::Parser::new(text)?.whole()?;
    check::check(text, &expr)?;
    Ok(expr)
}

/// Parses a selector alone, such as `up{job="api"}`, as the API's `match[]` has it.
///
/// # Errors
/// Where it is no selector, or one that matches everything.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let expr = parse(text)?;
    match expr.kind {
        ast::Kind::Selector(selector) if selector.shift == ast::Shift::default() => {
            Ok(selector.matchers())
        }
        _ => Err(ParseError::at(text, expr.at.0, "expected a selector of series alone")),
    }
}

/// Milliseconds of a duration such as `1h30m`; `None` where it is none.
#[must_use]
pub fn duration_millis(text: &str) -> Option<i64> {
    number::duration(text).ok().map(|seconds| (seconds * 1_000.0).round() as i64)
}

impl ast::Selector {
    /// All conditions, the name's last.
    #[must_use]
    pub fn matchers(&self) -> Vec<Matcher> {
        let mut matchers = self.braces.clone();
        let named =
            self.name.as_deref().map(|name| Matcher::new(METRIC_NAME, MatchOp::Equal, name));
        matchers.extend(named.into_iter().flatten());
        matchers
    }

    /// The name before the braces or quoted within them; empty when it is not given so.
    #[must_use]
    pub fn metric_name(&self) -> &str {
        let within = self
            .braces
            .iter()
            .find(|one| one.name() == METRIC_NAME && one.op() == MatchOp::Equal)
            .map(Matcher::value);
        self.name.as_deref().or(within).unwrap_or_default()
    }
}
