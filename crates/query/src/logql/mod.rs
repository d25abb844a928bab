//! LogQL: text to a tree, and over whatever implements a store of lines to lines or numbers. All times are nanoseconds since
//! the Unix epoch.

pub mod ast;
mod engine;
mod error;
mod fold;
mod lexer;
mod metric;
mod parser;
pub(crate) mod pipeline;
mod print;
mod source;
mod stage_parser;
mod tail;
mod template;
mod units;

use vigie_store::Matcher;

use ast::{LogExpr, Metric};

pub use ast::Expr;
pub use engine::{
    Line, LogAnswer, LogEngine, LogLimits, LogQueryError, LogRangeQuery, LogStats, LogValue,
    Stream, StreamFigures,
};
pub use error::ParseError;
pub use source::{
    Direction, EachLines, LinesOf, LogSource, MemoryLog, Required, Selection, Sought, metadata,
    stream_labels,
};
pub use tail::LogTail;

/// The label that says that a stage failed on a line, and how.
pub const ERROR: &str = "__error__";
/// The label with the details of it.
pub const ERROR_DETAILS: &str = "__error_details__";

/// Parses a query and checks that its parts fit together.
///
/// # Errors
/// Where it is no LogQL, with line and column.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let expr = parser::Parser::new(text)?.whole()?;
    check(&expr).map_err(|message| ParseError::at(text, 0, message))?;
    Ok(expr)
}

/// That every stage can be compiled.
fn check(expr: &Expr) -> Result<(), String> {
    let compiles = |log: &LogExpr| pipeline::Pipeline::new(&log.stages, 0).map(drop);
    let mut metrics = match expr {
        Expr::Log(log) => return compiles(log),
        Expr::Metric(metric) => vec![metric],
    };
    while let Some(metric) = metrics.pop() {
        match metric {
            Metric::Number(_) | Metric::Vector(_) => {}
            Metric::Range { of, .. } => {
                compiles(&of.log)?;
                for filter in of.unwrap.iter().flat_map(|unwrap| &unwrap.filters) {
                    pipeline::LabelTest::new(filter)?;
                }
            }
            Metric::Aggregate { of, .. } => metrics.push(of),
            Metric::Binary { sides, .. } => metrics.extend([&sides.0, &sides.1]),
            Metric::Replace { of, regex, .. } => {
                pipeline::regex::compile(&format!("^(?:{regex})$"))
                    .map_err(|why| format!("invalid regex in label_replace: {why}"))?;
                metrics.push(of);
            }
        }
    }
    Ok(())
}

/// Nanoseconds of a duration such as `1h30m` or `1.5s`; `None` where it is none.
#[must_use]
pub fn duration_nanos(text: &str) -> Option<i64> {
    units::query_duration(text)
}

/// Parses a stream selector alone, such as `{level="error"}`.
///
/// # Errors
/// Where it is none, or one that matches every stream.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    match parse(text)? {
        Expr::Log(log) if log.stages.is_empty() => Ok(log.matchers),
        _ => Err(ParseError::at(text, 0, "only label matchers are supported")),
    }
}
