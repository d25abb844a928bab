//! What a query is, as a tree.

use vigie_store::Matcher;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Lines.
    Log(LogExpr),
    /// Numbers made of lines.
    Metric(Metric),
}

/// Streams, and what is done with each of their lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LogExpr {
    /// Which streams.
    pub matchers: Vec<Matcher>,
    /// The stages that each line passes, in order.
    pub stages: Vec<Stage>,
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Keeps lines by their text.
    Line(LineFilter),
    /// `json`: labels of a JSON object; of the named paths alone where there are some.
    Json(Vec<Extraction>),
    /// `logfmt`: labels of `key=value` pairs.
    Logfmt {
        /// A malformed pair ends the parsing with an error.
        strict: bool,
        /// Keys without a value become labels, too.
        keep_empty: bool,
        /// The named keys alone, where there are some.
        only: Vec<Extraction>,
    },
    /// `regexp`: labels of the named groups.
    Regexp(String),
    /// `pattern`: labels of the named captures.
    Pattern(String),
    /// `unpack`: labels and line of what Promtail packed.
    Unpack,
    /// Keeps lines by their labels.
    Label(LabelFilter),
    /// `line_format`: makes a new line of a template.
    LineFormat(String),
    /// `label_format`: makes labels of others, or of templates.
    LabelFormat(Vec<LabelFormat>),
    /// `decolorize`: takes the colour codes of terminals away.
    Decolorize,
    /// `drop`: takes labels away.
    Drop(Vec<NamedMatcher>),
    /// `keep`: takes all other labels away.
    Keep(Vec<NamedMatcher>),
}

/// A label and the expression that finds its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The label.
    pub label: String,
    /// The path or key.
    pub path: String,
}

/// How a line's text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOp {
    /// `|=`
    Contains,
    /// `!=`
    NotContains,
    /// `|~`
    Regex,
    /// `!~`
    NotRegex,
    /// `|>`
    Pattern,
    /// `!>`
    NotPattern,
}

impl LineOp {
    /// All, and how they are written.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("|=", Self::Contains),
        ("!=", Self::NotContains),
        ("|~", Self::Regex),
        ("!~", Self::NotRegex),
        ("|>", Self::Pattern),
        ("!>", Self::NotPattern),
    ];

    /// Whether lines are kept that do not match.
    #[must_use]
    pub fn negative(self) -> bool {
        matches!(self, Self::NotContains | Self::NotRegex | Self::NotPattern)
    }
}

/// A line filter: a positive one keeps a line that matches any of the texts, a negative one a line that matches none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFilter {
    /// How.
    pub op: LineOp,
    /// With what: one text, or several joined by `or`.
    pub texts: Vec<LineText>,
}

/// One text of a line filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineText {
    /// As it is.
    Plain(String),
    /// `ip("…")`: an address, a range or a network that stands anywhere in the line.
    Ip(String),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Compare {
    /// All, and how they are written.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
    ];

    /// Whether it holds.
    pub(super) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(sign, _)| sign)
    }
}

/// What a label filter compares with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A number.
    Number(f64),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A size in bytes.
    Bytes(u64),
}

/// A condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    /// As in a stream selector.
    Text(Matcher),
    /// By size.
    Quantity(String, Compare, Quantity),
    /// `name = ip("…")`, or `!=` where it is negative.
    Ip {
        /// The label.
        name: String,
        /// Whether it must not match.
        negative: bool,
        /// The address, range or network.
        pattern: String,
    },
    /// Both.
    And(Box<(LabelFilter, LabelFilter)>),
    /// Any.
    Or(Box<(LabelFilter, LabelFilter)>),
}

/// One label of `label_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFormat {
    /// The label that is made.
    pub name: String,
    /// Of what.
    pub value: FormatValue,
}

/// What a label is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatValue {
    /// Another label, which is renamed.
    Label(String),
    /// A template.
    Template(String),
}

/// A label of `drop` or `keep`, perhaps only where it has some value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedMatcher {
    /// Whatever its value.
    Name(String),
    /// Where its value matches.
    Matcher(Matcher),
}

/// `by (…)` or `without (…)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grouping {
    /// Whether the labels are those that fall away.
    pub without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// How a label's value becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// A number as it is.
    Number,
    /// `bytes(…)`.
    Bytes,
    /// `duration(…)` or `duration_seconds(…)`: seconds.
    Duration,
    /// The same by its longer name.
    DurationSeconds,
}

/// `| unwrap …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    /// The label whose value is the sample.
    pub label: String,
    /// How it becomes a number.
    pub conversion: Conversion,
    /// Filters after it.
    pub filters: Vec<LabelFilter>,
}

/// Lines within a range of time.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRange {
    /// The lines.
    pub log: LogExpr,
    /// How many nanoseconds each window is long.
    pub range: i64,
    /// How many nanoseconds earlier it ends.
    pub offset: i64,
    /// The label that is measured, where it is not the lines themselves.
    pub unwrap: Option<Unwrap>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// How it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Which one a word is, in any case.
            pub(super) fn of(word: &str) -> Option<Self> {
                [$(($word, Self::$variant)),+]
                    .into_iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(word))
                    .map(|(_, one)| one)
            }
        }
    };
}

words! {
    /// What is made of the lines of a range.
    RangeOp {
        /// Lines, or the unwrapped sum, a second.
        Rate = "rate",
        /// The increase a second of an unwrapped counter.
        RateCounter = "rate_counter",
        /// Lines.
        Count = "count_over_time",
        /// Bytes a second.
        BytesRate = "bytes_rate",
        /// Bytes.
        Bytes = "bytes_over_time",
        /// The mean.
        Avg = "avg_over_time",
        /// The sum.
        Sum = "sum_over_time",
        /// The smallest.
        Min = "min_over_time",
        /// The largest.
        Max = "max_over_time",
        /// The variance.
        Stdvar = "stdvar_over_time",
        /// The standard deviation.
        Stddev = "stddev_over_time",
        /// A quantile.
        Quantile = "quantile_over_time",
        /// The first.
        First = "first_over_time",
        /// The last.
        Last = "last_over_time",
        /// 1 where there is nothing.
        Absent = "absent_over_time",
    }
}

words! {
    /// What is made of several series.
    VectorOp {
        /// The sum.
        Sum = "sum",
        /// The mean.
        Avg = "avg",
        /// How many.
        Count = "count",
        /// The largest.
        Max = "max",
        /// The smallest.
        Min = "min",
        /// The standard deviation.
        Stddev = "stddev",
        /// The variance.
        Stdvar = "stdvar",
        /// The largest few.
        TopK = "topk",
        /// The same: here nothing is approximate.
        ApproxTopK = "approx_topk",
        /// The smallest few.
        BottomK = "bottomk",
        /// Sorted, smallest first.
        Sort = "sort",
        /// Sorted, largest first.
        SortDesc = "sort_desc",
    }
}

words! {
    /// An operator between two sides.
    BinaryOp {
        /// The union.
        Or = "or",
        /// The intersection.
        And = "and",
        /// The difference.
        Unless = "unless",
        /// A sum.
        Add = "+",
        /// A difference.
        Sub = "-",
        /// A product.
        Mul = "*",
        /// A quotient.
        Div = "/",
        /// A remainder.
        Mod = "%",
        /// A power.
        Pow = "^",
        /// Equality.
        Equal = "==",
        /// Inequality.
        NotEqual = "!=",
        /// Order.
        Greater = ">",
        /// Order.
        GreaterOrEqual = ">=",
        /// Order.
        Less = "<",
        /// Order.
        LessOrEqual = "<=",
    }
}

impl BinaryOp {
    /// How strongly it binds.
    pub(super) fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod => 5,
            Self::Pow => 6,
            _ => 3,
        }
    }

    /// Whether it is one of sets.
    pub(super) fn of_sets(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }

    /// The comparison that it is.
    pub(super) fn comparison(self) -> Option<Compare> {
        Some(match self {
            Self::Equal => Compare::Equal,
            Self::NotEqual => Compare::NotEqual,
            Self::Greater => Compare::Greater,
            Self::GreaterOrEqual => Compare::GreaterOrEqual,
            Self::Less => Compare::Less,
            Self::LessOrEqual => Compare::LessOrEqual,
            _ => return None,
        })
    }
}

/// How many series of one side meet how many of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// One and one.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
}

/// How the series of two sides find each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matching {
    /// Comparisons give 0 or 1.
    pub bool_result: bool,
    /// By the labels named (`on`), else by all but them (`ignoring`).
    pub on: bool,
    /// The labels.
    pub labels: Vec<String>,
    /// How many meet how many.
    pub cardinality: Cardinality,
    /// Labels that are taken over from the one side.
    pub include: Vec<String>,
}

/// Numbers made of lines.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// A number.
    Number(f64),
    /// `vector(…)`: a number as a series without labels.
    Vector(f64),
    /// An aggregation over time.
    Range {
        /// Which.
        op: RangeOp,
        /// The quantile.
        parameter: Option<f64>,
        /// Of which lines.
        of: Box<LogRange>,
        /// The labels that are left.
        grouping: Option<Grouping>,
    },
    /// An aggregation over series.
    Aggregate {
        /// Which.
        op: VectorOp,
        /// How many series; 0 where that means nothing.
        count: usize,
        /// Of what.
        of: Box<Metric>,
        /// The labels that are left.
        grouping: Option<Grouping>,
    },
    /// Two sides.
    Binary {
        /// How they are joined.
        op: BinaryOp,
        /// How their series find each other.
        matching: Matching,
        /// Both sides.
        sides: Box<(Metric, Metric)>,
    },
    /// `label_replace(…)`.
    Replace {
        /// Of what.
        of: Box<Metric>,
        /// The label that is written.
        target: String,
        /// What is written, with `$1` for groups.
        replacement: String,
        /// The label that is read.
        source: String,
        /// What must match all of it.
        regex: String,
    },
}
