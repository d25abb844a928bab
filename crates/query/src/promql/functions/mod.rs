//! Every function and aggregation: its arguments, what it answers, and one sentence of help.

mod calls;
mod groups;

use super::ast::ValueType::{self, Matrix, Vector};
use calls::CALLS;
use groups::GROUPS;

/// Whether something is called with values or groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// `name(arguments)`
    Function,
    /// `name by (labels) (parameter, operand)`
    Aggregation,
}

/// How often the last argument may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// Not at all, or up to this many times.
    UpTo(usize),
    /// Not at all, or any number of times.
    Any,
}

/// A function or an aggregation.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called, such as `rate(v range-vector)`.
    pub signature: &'static str,
    /// The types of its arguments, by place.
    pub arguments: &'static [ValueType],
    /// How often the last argument may be given.
    pub repeat: Repeat,
    /// What it answers.
    pub returns: ValueType,
    /// One sentence on what it does.
    pub help: &'static str,
    /// Function or aggregation.
    pub kind: FunctionKind,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.kind) == (other.name, other.kind)
    }
}

const fn call(
    name: &'static str,
    signature: &'static str,
    (arguments, repeat): (&'static [ValueType], Repeat),
    returns: ValueType,
    help: &'static str,
) -> Function {
    Function { name, signature, arguments, repeat, returns, help, kind: FunctionKind::Function }
}

const fn group(
    name: &'static str,
    signature: &'static str,
    arguments: &'static [ValueType],
    help: &'static str,
) -> Function {
    let (repeat, kind) = (Repeat::Once, FunctionKind::Aggregation);
    Function { name, signature, arguments, repeat, returns: Vector, help, kind }
}

type Arguments = (&'static [ValueType], Repeat);

const NONE: Arguments = (&[], Repeat::Once);
const ONE: Arguments = (&[Vector], Repeat::Once);
const MAYBE: Arguments = (&[Vector], Repeat::UpTo(1));
const RANGE: Arguments = (&[Matrix], Repeat::Once);

/// The function of this name.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    CALLS.iter().find(|one| one.name == name)
}

/// All of them, functions first, each kind by ascending name.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    CALLS.iter().chain(GROUPS)
}
