//! The tree of a query.

use vigie_store::Matcher;

use super::functions::Function;

/// Where an expression begins in its text, in bytes. Equal to any other: where something stands does not make it
/// another thing.
#[derive(Debug, Clone, Copy, Default)]
pub struct At(pub usize);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Where it begins.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A number.
    Number {
        /// Its value; seconds of a duration.
        value: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// A string.
    Text(String),
    /// An instant selector.
    Selector(Selector),
    /// A range selector.
    Matrix(Selector, Span),
    /// A subquery.
    Subquery(Box<Subquery>),
    /// A function's call.
    Call(&'static Function, Vec<Expr>),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// Two operands.
    Binary(Box<Binary>),
    /// A sign before its operand; `true` for minus.
    Unary(bool, Box<Expr>),
    /// Parentheses.
    Paren(Box<Expr>),
}

/// A duration: known, or computed when the query runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Span {
    /// Seconds.
    Seconds(f64),
    /// `step()`
    Step,
    /// `range()`: end minus start of the query.
    Range,
    /// A minus before it.
    Minus(Box<Span>),
    /// Parentheses.
    Paren(Box<Span>),
    /// Two operands.
    Binary(SpanOp, Box<(Span, Span)>),
}

/// How two durations become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `min_of`
    Min,
    /// `max_of`
    Max,
}

impl SpanOp {
    /// As it is written: a sign between both, or the name of a function of both.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Min => "min_of",
            Self::Max => "max_of",
        }
    }
}

/// What `@` fixes an expression to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    /// A time, in milliseconds.
    Time(i64),
    /// The query's start.
    Start,
    /// The query's end.
    End,
}

/// `offset` and `@`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shift {
    /// How far back.
    pub offset: Option<Span>,
    /// Fixed to a time.
    pub fixed: Option<Fixed>,
}

/// How a selector's ends are completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ends {
    /// As they are.
    #[default]
    Plain,
    /// `anchored`
    Anchored,
    /// `smoothed`
    Smoothed,
}

/// A selector of series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selector {
    /// The name before the braces.
    pub name: Option<String>,
    /// What is within the braces; the name is not repeated here.
    pub braces: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// `anchored` or `smoothed`.
    pub ends: Ends,
}

/// `expr[range:step]`
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated at each of its steps.
    pub expr: Expr,
    /// How far back.
    pub range: Span,
    /// Its step; the default one without.
    pub step: Option<Span>,
    /// `offset` and `@`.
    pub shift: Shift,
}

/// What an aggregation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are called so in PromQL")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    LimitK,
    LimitRatio,
}

impl AggregateOp {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Sum, "sum"),
        (Self::Avg, "avg"),
        (Self::Count, "count"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::Group, "group"),
        (Self::Stddev, "stddev"),
        (Self::Stdvar, "stdvar"),
        (Self::TopK, "topk"),
        (Self::BottomK, "bottomk"),
        (Self::CountValues, "count_values"),
        (Self::Quantile, "quantile"),
        (Self::LimitK, "limitk"),
        (Self::LimitRatio, "limit_ratio"),
    ];

    /// The aggregation of this name, in any case of letters.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, one)| one.eq_ignore_ascii_case(name)).map(|(op, _)| *op)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// Whether a parameter comes before its operand.
    #[must_use]
    pub fn takes_parameter(self) -> bool {
        matches!(
            self,
            Self::TopK
                | Self::BottomK
                | Self::CountValues
                | Self::Quantile
                | Self::LimitK
                | Self::LimitRatio
        )
    }
}

/// Which labels make a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Only these; none at all without `by` and `without`.
    By(Vec<String>),
    /// All but these.
    Without(Vec<String>),
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Where it begins.
    pub at: At,
    /// What it does.
    pub op: AggregateOp,
    /// The parameter of those that take one.
    pub parameter: Option<Expr>,
    /// The operand.
    pub expr: Expr,
    /// The groups.
    pub grouping: Grouping,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "see `ALL`")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// Operators as they are written, and how strongly they bind.
    pub const ALL: [(Self, &'static str, u8); 18] = [
        (Self::Or, "or", 1),
        (Self::And, "and", 2),
        (Self::Unless, "unless", 2),
        (Self::Eq, "==", 3),
        (Self::Ne, "!=", 3),
        (Self::Lt, "<", 3),
        (Self::Le, "<=", 3),
        (Self::Gt, ">", 3),
        (Self::Ge, ">=", 3),
        (Self::TrimUpper, "</", 3),
        (Self::TrimLower, ">/", 3),
        (Self::Add, "+", 4),
        (Self::Sub, "-", 4),
        (Self::Mul, "*", 5),
        (Self::Div, "/", 5),
        (Self::Mod, "%", 5),
        (Self::Atan2, "atan2", 5),
        (Self::Pow, "^", 6),
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(op, ..)| *op == self).map_or("", |(_, text, _)| text)
    }

    /// How strongly it binds, from 1.
    #[must_use]
    pub fn strength(self) -> u8 {
        Self::ALL.iter().find(|(op, ..)| *op == self).map_or(0, |(.., strength)| *strength)
    }

    /// Whether it compares.
    #[must_use]
    pub fn compares(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Whether it is about which series there are, not about values.
    #[must_use]
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How many series of each side belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// One of each.
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

/// Which series of two sides belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// Whether only [`Matching::labels`] count (`on`), else all others do.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// How many of each side.
    pub cardinality: Cardinality,
    /// Labels taken from the side of one.
    pub include: Vec<String>,
    /// What stands for a series that the left side lacks.
    pub fill_left: Option<f64>,
    /// What stands for a series that the right side lacks.
    pub fill_right: Option<f64>,
}

/// Two operands.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Before it.
    pub left: Expr,
    /// Behind it.
    pub right: Expr,
    /// Whether a comparison answers 0 or 1 (`bool`).
    pub bool_result: bool,
    /// Which series belong together.
    pub matching: Matching,
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number a step.
    Scalar,
    /// A string.
    Text,
    /// One value a series and step.
    Vector,
    /// Several values a series and step.
    Matrix,
}

impl ValueType {
    /// What Prometheus calls it in its messages.
    #[must_use]
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Text => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

impl Expr {
    /// What it evaluates to.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number { .. } => ValueType::Scalar,
            Kind::Text(_) => ValueType::Text,
            Kind::Selector(_) | Kind::Aggregate(_) => ValueType::Vector,
            Kind::Matrix(..) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Call(function, _) => function.returns,
            Kind::Binary(binary) => {
                let both = [binary.left.value_type(), binary.right.value_type()];
                if both == [ValueType::Scalar; 2] { ValueType::Scalar } else { ValueType::Vector }
            }
            Kind::Unary(_, inner) | Kind::Paren(inner) => inner.value_type(),
        }
    }

    /// Every selector in it, from left to right.
    #[must_use]
    pub fn selectors(&self) -> Vec<&Selector> {
        match &self.kind {
            Kind::Number { .. } | Kind::Text(_) => Vec::new(),
            Kind::Selector(one) | Kind::Matrix(one, _) => vec![one],
            Kind::Subquery(subquery) => subquery.expr.selectors(),
            Kind::Call(_, arguments) => arguments.iter().flat_map(Self::selectors).collect(),
            Kind::Aggregate(aggregate) => {
                let parts = aggregate.parameter.iter().chain([&aggregate.expr]);
                parts.flat_map(Self::selectors).collect()
            }
            Kind::Binary(binary) => {
                [&binary.left, &binary.right].into_iter().flat_map(Self::selectors).collect()
            }
            Kind::Paren(inner) | Kind::Unary(_, inner) => inner.selectors(),
        }
    }

    /// Itself without parentheses around it.
    #[must_use]
    pub fn bare(&self) -> &Self {
        match &self.kind {
            Kind::Paren(inner) => inner.bare(),
            _ => self,
        }
    }
}
