//! The language: text to tree and back. A parser of our own, see ADR 0011.

mod ast;
mod catalogue;
mod durations;
mod lexer;
mod parser;
mod print;
mod typing;

pub use ast::{
    AggregateOp, At, BinaryOp, Card, DurationExpr, Expr, ExprKind, Extent, Matching, Selector,
    ValueType, selectors,
};
pub use catalogue::{AGGREGATIONS, FUNCTIONS, FunctionInfo, function};
pub use parser::{ParseError, parse, parse_selector};
