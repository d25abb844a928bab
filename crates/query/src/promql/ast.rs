//! The tree of a query.

use vigie_store::Matcher;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// A text.
    Text,
    /// One value a series.
    Vector,
    /// Many values a series.
    Matrix,
}

impl ValueType {
    /// As Prometheus names it in errors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Text => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// Binary operators, in the order of the language's reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
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
    Gt,
    Lt,
    Ge,
    Le,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Lt => "<",
            Self::Ge => ">=",
            Self::Le => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Whether it compares.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Gt | Self::Lt | Self::Ge | Self::Le)
    }

    /// Whether it works on sets of series.
    #[must_use]
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// How strongly it binds: more is stronger.
    #[must_use]
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 7,
            _ => 3,
        }
    }
}

/// Aggregations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Limitk,
    LimitRatio,
    Quantile,
    CountValues,
}

impl AggregateOp {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Sum, "sum"),
        (Self::Avg, "avg"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::Count, "count"),
        (Self::Group, "group"),
        (Self::Stddev, "stddev"),
        (Self::Stdvar, "stdvar"),
        (Self::Topk, "topk"),
        (Self::Bottomk, "bottomk"),
        (Self::Limitk, "limitk"),
        (Self::LimitRatio, "limit_ratio"),
        (Self::Quantile, "quantile"),
        (Self::CountValues, "count_values"),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// The type of its parameter, if it has one.
    #[must_use]
    pub const fn parameter(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Limitk | Self::LimitRatio | Self::Quantile => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::Text),
            _ => None,
        }
    }
}

/// A duration, which may depend on the query's step and range. In seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// Seconds.
    Seconds(f64),
    /// `step()`
    Step,
    /// `range()`
    Range,
    /// A sign.
    Neg(Box<DurationExpr>),
    /// Arithmetic.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    /// The smaller of two.
    Min(Box<DurationExpr>, Box<DurationExpr>),
    /// The greater of two.
    Max(Box<DurationExpr>, Box<DurationExpr>),
}

/// The `@` modifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// A time in milliseconds.
    Time(i64),
    /// The query's start.
    Start,
    /// The query's end.
    End,
}

/// How the ends of a window are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// As always.
    #[default]
    Plain,
    /// With the sample before the window.
    Anchored,
    /// Interpolated at both ends.
    Smoothed,
}

/// Which series, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// All must match, the metric's name among them.
    pub matchers: Vec<Matcher>,
    /// `offset`
    pub offset: Option<DurationExpr>,
    /// `@`
    pub at: Option<At>,
    /// `anchored`, `smoothed`
    pub extent: Extent,
}

/// Which side has how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Card {
    /// One to one.
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

/// How series of two sides find each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// Whether it is `on` (else `ignoring`).
    pub on: bool,
    /// Labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Which side has many.
    pub card: Card,
    /// Labels taken from the side with one.
    pub include: Vec<String>,
    /// A value for what is missing at the left.
    pub fill_left: Option<f64>,
    /// A value for what is missing at the right.
    pub fill_right: Option<f64>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Series.
    Instant(Selector),
    /// Series over a window.
    Range(Selector, DurationExpr),
    /// An expression over a window.
    Subquery {
        /// What is evaluated.
        inner: Box<Expr>,
        /// The window.
        range: DurationExpr,
        /// Its step.
        step: Option<DurationExpr>,
        /// `offset`
        offset: Option<DurationExpr>,
        /// `@`
        at: Option<At>,
    },
    /// In parentheses.
    Paren(Box<Expr>),
    /// A minus before it.
    Negate(Box<Expr>),
    /// Two sides.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
        /// `bool`
        bool: bool,
        /// How they match.
        matching: Matching,
    },
    /// A function's name and its arguments.
    Call(&'static str, Vec<Expr>),
    /// An aggregation.
    Aggregate {
        /// Which.
        op: AggregateOp,
        /// Its parameter.
        parameter: Option<Box<Expr>>,
        /// What is aggregated.
        inner: Box<Expr>,
        /// `without` (else `by`).
        without: bool,
        /// Labels of `by` or `without`.
        labels: Vec<String>,
    },
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it starts, in bytes.
    pub start: usize,
    /// How many levels it has.
    pub(crate) depth: usize,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expr {
    /// Its direct parts.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Subquery { inner, .. } | ExprKind::Paren(inner) | ExprKind::Negate(inner) => {
                vec![inner]
            }
            ExprKind::Binary { left, right, .. } => vec![left, right],
            ExprKind::Call(_, parts) => parts.iter().collect(),
            ExprKind::Aggregate { parameter, inner, .. } => {
                parameter.iter().chain([inner]).map(|part| &**part).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// All selectors of an expression, from left to right.
#[must_use]
pub fn selectors(expr: &Expr) -> Vec<&Selector> {
    match &expr.kind {
        ExprKind::Instant(selector) | ExprKind::Range(selector, _) => vec![selector],
        _ => expr.children().into_iter().flat_map(selectors).collect(),
    }
}
