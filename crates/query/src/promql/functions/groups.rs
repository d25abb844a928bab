//! The aggregations.

use super::{Function, group};
use crate::promql::ast::ValueType::{Scalar, Text, Vector};

/// Every aggregation, by ascending name.
pub static GROUPS: &[Function] = &[
    group(
        "avg",
        "avg [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The mean of each group.",
    ),
    group(
        "bottomk",
        "bottomk [by|without (label, ...)] (k scalar, v instant-vector)",
        &[Scalar, Vector],
        "The k smallest elements of each group.",
    ),
    group(
        "count",
        "count [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "How many elements each group has.",
    ),
    group(
        "count_values",
        "count_values [by|without (label, ...)] (label string, v instant-vector)",
        &[Text, Vector],
        "How many elements of each group have the same value, told apart by a label.",
    ),
    group(
        "group",
        "group [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "Answers 1 for each group.",
    ),
    group(
        "limit_ratio",
        "limit_ratio [by|without (label, ...)] (r scalar, v instant-vector)",
        &[Scalar, Vector],
        "A share of the elements of each group, the same ones each time.",
    ),
    group(
        "limitk",
        "limitk [by|without (label, ...)] (k scalar, v instant-vector)",
        &[Scalar, Vector],
        "Any k elements of each group.",
    ),
    group(
        "max",
        "max [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The largest value of each group.",
    ),
    group(
        "min",
        "min [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The smallest value of each group.",
    ),
    group(
        "quantile",
        "quantile [by|without (label, ...)] (q scalar, v instant-vector)",
        &[Scalar, Vector],
        "The q-quantile of each group.",
    ),
    group(
        "stddev",
        "stddev [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The standard deviation of each group.",
    ),
    group(
        "stdvar",
        "stdvar [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The variance of each group.",
    ),
    group(
        "sum",
        "sum [by|without (label, ...)] (v instant-vector)",
        &[Vector],
        "The sum of each group.",
    ),
    group(
        "topk",
        "topk [by|without (label, ...)] (k scalar, v instant-vector)",
        &[Scalar, Vector],
        "The k largest elements of each group.",
    ),
];
