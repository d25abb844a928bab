//! Expressions, and functions of instant vectors and scalars.

use super::date::{Date, days_in_month};
use super::series::{merged, without_name};
use super::{Context, Evaluated, Grid, Series, native, order};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::Function;
use crate::promql::ast::{At, Expr, Kind, ValueType};

/// A function of one number.
fn of_number(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |value| value * (std::f64::consts::PI / 180.0),
        "deg" => |value| value * (180.0 / std::f64::consts::PI),
        "sgn" => |value| {
            if value > 0.0 {
                1.0
            } else if value < 0.0 {
                -1.0
            } else {
                value
            }
        },
        _ => return None,
    })
}

/// A part of a date.
fn of_date(name: &str) -> Option<fn(Date) -> i64> {
    Some(match name {
        "minute" => |date| date.seconds / 60 % 60,
        "hour" => |date| date.seconds / 3600,
        "day_of_week" => |date| date.weekday,
        "day_of_month" => |date| date.day,
        "day_of_year" => |date| date.day_of_year,
        "days_in_month" => |date| days_in_month(date.year, date.month),
        "month" => |date| date.month,
        "year" => |date| date.year,
        _ => return None,
    })
}

/// The larger or smaller of two; NaN when one of them is, unless the other is beyond everything.
fn extreme(larger: bool, one: f64, two: f64) -> f64 {
    let beyond = if larger { f64::INFINITY } else { f64::NEG_INFINITY };
    if [one, two].contains(&beyond) {
        return beyond;
    }
    if one.is_nan() || two.is_nan() {
        return f64::NAN;
    }
    if larger { one.max(two) } else { one.min(two) }
}

impl Context<'_> {
    /// Evaluates what an expression is.
    pub(crate) fn eval_kind(&self, expr: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        match &expr.kind {
            Kind::Number { value, .. } => Ok(Evaluated::Scalar(vec![*value; grid.count])),
            Kind::Text(text) => Ok(Evaluated::Text(text.clone())),
            Kind::Selector(selector) => self.select(selector, expr.at, grid),
            Kind::Matrix(..) | Kind::Subquery(_) => {
                Err(QueryError::Execution("a range vector cannot be evaluated here".to_owned()))
            }
            Kind::Call(function, arguments) => self.call(function, arguments, expr.at, grid),
            Kind::Aggregate(aggregate) => self.aggregate(aggregate, grid),
            Kind::Binary(binary) => self.binary(binary, grid),
            Kind::Paren(inner) => self.eval_kind(inner, grid),
            Kind::Unary(minus, inner) => {
                let value = self.eval_kind(inner, grid)?;
                if *minus { negative(value) } else { Ok(value) }
            }
        }
    }

    pub(crate) fn vector(&self, expr: &Expr, grid: Grid) -> Result<Vec<Series>, QueryError> {
        match self.eval(expr, grid)? {
            Evaluated::Vector(series) => Ok(series),
            _ => Err(QueryError::Execution("an instant vector is needed here".to_owned())),
        }
    }

    pub(crate) fn scalar(&self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, QueryError> {
        match self.eval(expr, grid)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(QueryError::Execution("a scalar is needed here".to_owned())),
        }
    }

    fn call(
        &self,
        function: &Function,
        arguments: &[Expr],
        at: At,
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let constant = |value: f64| Ok(Evaluated::Scalar(vec![value; grid.count]));
        match function.name {
            "pi" => return constant(std::f64::consts::PI),
            "start" => return constant(self.start as f64 / 1000.0),
            "end" => return constant(self.end as f64 / 1000.0),
            // One step alone has no distance to the next one.
            "step" if self.start == self.end => return constant(0.0),
            "step" => return constant(self.step as f64 / 1000.0),
            "range" => return constant((self.end - self.start) as f64 / 1000.0),
            "time" => {
                return Ok(Evaluated::Scalar(
                    grid.times().map(|time| time as f64 / 1000.0).collect(),
                ));
            }
            "max_of" | "min_of" => {
                let one = self.scalar(&arguments[0], grid)?;
                let two = self.scalar(&arguments[1], grid)?;
                let larger = function.name == "max_of";
                let both = one.into_iter().zip(two);
                return Ok(Evaluated::Scalar(
                    both.map(|(one, two)| extreme(larger, one, two)).collect(),
                ));
            }
            "vector" => {
                let row = self.scalar(&arguments[0], grid)?;
                let row = row.into_iter().map(|value| Some(SampleValue::Float(value))).collect();
                return Ok(Evaluated::Vector(vec![Series { labels: Default::default(), row }]));
            }
            "scalar" => return self.single(&arguments[0], grid),
            "histogram_quantile" | "histogram_fraction" | "histogram_quantiles" => {
                return self.classic(function.name, arguments, grid);
            }
            "info" => return self.info(arguments, grid),
            "timestamp" => {
                let found = self.timestamps(&arguments[0], grid)?;
                let Evaluated::Vector(series) = found else { return Ok(found) };
                return mapped(series, |_, value| float(value));
            }
            "start_timestamp" => {
                // No storage says when a counter began; what the argument has to say still counts.
                self.timestamps(&arguments[0], grid)?;
                return Ok(Evaluated::Vector(Vec::new()));
            }
            _ => {}
        }
        if function.arguments.contains(&ValueType::Matrix) {
            return self.range_call(function.name, arguments, grid);
        }
        self.of_vector(function.name, arguments, at, grid)
    }

    /// Functions of one vector.
    fn of_vector(
        &self,
        name: &str,
        arguments: &[Expr],
        at: At,
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        if let Some(part) = of_date(name) {
            return self.date_part(part, arguments, grid);
        }
        let argument = &arguments[0];
        let series = self.vector(argument, grid)?;
        if let Some(compute) = of_number(name) {
            return mapped(series, |_, value| float(value).map(compute));
        }
        // A range of one step is a range nevertheless.
        let ranged = self.start != self.end && grid.step > 0 && grid.step == self.step;
        if name.starts_with("sort") && (grid.count > 1 || ranged) {
            let message =
                "sort is ineffective for range queries since results are always ordered by labels";
            self.notes.warn(at, message);
        }
        let texts = || -> Vec<String> {
            let text = |one: &Expr| match &one.bare().kind {
                Kind::Text(text) => Some(text.clone()),
                _ => None,
            };
            arguments[1..].iter().filter_map(text).collect()
        };
        match name {
            "absent" => self.absent(argument, &series, grid),
            "sort" | "sort_desc" if grid.count == 1 => {
                Ok(Evaluated::Vector(order::by_value(series, name == "sort_desc")))
            }
            "sort" | "sort_desc" => {
                let floats = |_: usize, value: &SampleValue| float(value);
                Ok(Evaluated::Vector(with_values(series, floats)))
            }
            "sort_by_label" | "sort_by_label_desc" => {
                let mut series = series;
                order::by_labels(&mut series, &texts(), name == "sort_by_label_desc");
                Ok(Evaluated::Vector(series))
            }
            "label_replace" => Ok(Evaluated::Vector(self.label_replace(series, &texts())?)),
            "label_join" => Ok(Evaluated::Vector(self.label_join(series, &texts())?)),
            "clamp" | "clamp_min" | "clamp_max" => self.clamp(name, series, &arguments[1..], grid),
            "round" => {
                let to = match arguments.get(1) {
                    Some(to) => self.scalar(to, grid)?,
                    None => vec![1.0; grid.count],
                };
                mapped(series, |step, value| {
                    let inverse = 1.0 / to[step];
                    float(value).map(|value| (value * inverse + 0.5).floor() / inverse)
                })
            }
            _ => mapped(series, |_, value| match value {
                SampleValue::Histogram(one) => native::statistics::of(name, one),
                SampleValue::Float(_) => None,
            }),
        }
    }

    fn clamp(
        &self,
        name: &str,
        series: Vec<Series>,
        bounds: &[Expr],
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let first = self.scalar(&bounds[0], grid)?;
        let (low, high) = match name {
            "clamp" => (first, self.scalar(&bounds[1], grid)?),
            "clamp_min" => (first, vec![f64::INFINITY; grid.count]),
            _ => (vec![f64::NEG_INFINITY; grid.count], first),
        };
        mapped(series, |step, value| {
            let (low, high) = (low[step], high[step]);
            let within = |value| extreme(true, low, extreme(false, high, value));
            if high < low { None } else { float(value).map(within) }
        })
    }

    fn date_part(
        &self,
        part: fn(Date) -> i64,
        arguments: &[Expr],
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        if let Some(argument) = arguments.first() {
            let of = |value: f64| {
                // As Go turns a NaN or what is too large into an integer.
                let seconds = if value.abs() < 9.3e18 { value as i64 } else { i64::MIN };
                part(Date::of(seconds)) as f64
            };
            return mapped(self.vector(argument, grid)?, |_, value| float(value).map(of));
        }
        let value = |time: i64| SampleValue::Float(part(Date::of(time / 1000)) as f64);
        let row = grid.times().map(|time| Some(value(time))).collect();
        Ok(Evaluated::Vector(vec![Series { labels: Default::default(), row }]))
    }

    fn single(&self, argument: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        let series = self.vector(argument, grid)?;
        let value = |step: usize| {
            let mut floats = series.iter().filter_map(|one| float(one.row[step].as_ref()?));
            match (floats.next(), floats.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok(Evaluated::Scalar((0..grid.count).map(value).collect()))
    }

    /// When the values of a vector were: of those of a selector the time of the sample, of others that of the step.
    fn timestamps(&self, argument: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        match &argument.bare().kind {
            Kind::Selector(selector) => {
                let ends = self.shifted(&selector.shift, grid)?;
                self.select_with(selector, ("timestamp", argument.at), ends, |time, _| {
                    SampleValue::Float(time as f64 / 1000.0)
                })
            }
            _ => {
                let series = self.vector(argument, grid)?;
                let time = |step: usize, _: &SampleValue| Some(grid.time(step) as f64 / 1000.0);
                Ok(Evaluated::Vector(with_values(series, time)))
            }
        }
    }
}

pub(crate) fn float(value: &SampleValue) -> Option<f64> {
    match value {
        SampleValue::Float(value) => Some(*value),
        SampleValue::Histogram(_) => None,
    }
}

fn with_values(
    mut series: Vec<Series>,
    compute: impl Fn(usize, &SampleValue) -> Option<f64>,
) -> Vec<Series> {
    for one in &mut series {
        for (step, cell) in one.row.iter_mut().enumerate() {
            let found = cell.as_ref().and_then(|value| compute(step, value));
            *cell = found.map(SampleValue::Float);
        }
    }
    series.retain(Series::has_values);
    series
}

/// A number from each value, and no longer the metric's name.
pub(crate) fn mapped(
    series: Vec<Series>,
    compute: impl Fn(usize, &SampleValue) -> Option<f64>,
) -> Result<Evaluated, QueryError> {
    let mut series = with_values(series, compute);
    for one in &mut series {
        one.labels = without_name(&one.labels);
    }
    Ok(Evaluated::Vector(merged(series)?))
}

fn negative(value: Evaluated) -> Result<Evaluated, QueryError> {
    Ok(match value {
        Evaluated::Scalar(values) => {
            Evaluated::Scalar(values.into_iter().map(|one| -one).collect())
        }
        Evaluated::Text(text) => Evaluated::Text(text),
        Evaluated::Vector(mut series) => {
            for one in &mut series {
                one.labels = without_name(&one.labels);
                for value in one.row.iter_mut().flatten() {
                    *value = match value {
                        SampleValue::Float(value) => SampleValue::Float(-*value),
                        SampleValue::Histogram(value) => {
                            SampleValue::Histogram(native::math::scaled(value, -1.0).into())
                        }
                    };
                }
            }
            Evaluated::Vector(merged(series)?)
        }
    })
}
