//! `info()`: labels of info series, such as `target_info`, joined by `instance` and `job`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vigie_model::{Label, Labels, METRIC_NAME};
use vigie_store::{MatchOp, Matcher};

use super::binary::braced;
use super::series::{of_metric, twice};
use super::{Context, Evaluated, Grid, Series};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{Expr, Fixed, Kind, Selector, Shift, Span, ValueType};

/// The labels by which info series belong to others.
const IDENTITY: [&str; 2] = ["instance", "job"];

/// When the selectors of an expression look: fixed to a time, and how far back in milliseconds.
type Reference = (Option<Fixed>, i64);

fn matcher(name: &str, op: MatchOp, value: &str) -> Result<Matcher, QueryError> {
    Matcher::new(name, op, value).map_err(|error| QueryError::Execution(error.to_string()))
}

/// Conditions on the names of info series.
fn names(given: Vec<Matcher>) -> Result<Vec<Matcher>, QueryError> {
    let positive = |one: &Matcher| matches!(one.op(), MatchOp::Equal | MatchOp::Regex);
    if given.is_empty() {
        return Ok(vec![matcher(METRIC_NAME, MatchOp::Equal, "target_info")?]);
    }
    let mut all = given;
    if !all.iter().any(positive) {
        all.insert(0, matcher(METRIC_NAME, MatchOp::Regex, ".+_info")?);
    }
    Ok(all)
}

/// What an info series has at its newest sample, for the others.
struct Info<'a> {
    labels: &'a Labels,
    time: f64,
}

/// The name and the identity of info series.
type Key = (String, [String; 2]);

fn identity(labels: &Labels) -> [String; 2] {
    IDENTITY.map(|name| labels.get(name).unwrap_or_default().to_owned())
}

impl Context<'_> {
    /// `info(v, {selector})`
    pub(crate) fn info(&self, arguments: &[Expr], grid: Grid) -> Result<Evaluated, QueryError> {
        let series = self.vector(&arguments[0], grid)?;
        let given = match arguments.get(1).map(|one| &one.bare().kind) {
            Some(Kind::Selector(selector)) => selector.braces.clone(),
            _ => Vec::new(),
        };
        let (of_name, data): (Vec<_>, Vec<_>) =
            given.into_iter().partition(|one| one.name() == METRIC_NAME);
        let of_name = names(of_name)?;
        let ignored = |labels: &Labels| of_name.iter().all(|one| one.matches(labels.metric_name()));
        let wanted: Vec<&Labels> =
            series.iter().map(|one| &one.labels).filter(|labels| !ignored(labels)).collect();
        let mut infos = Vec::new();
        for conditions in identities(&wanted)? {
            let braces = conditions.into_iter().chain(data.clone()).chain(of_name.clone());
            let selector = Selector { braces: braces.collect(), ..Selector::default() };
            let ends = self.info_ends(&arguments[0], grid)?;
            let time = |time: i64, value: SampleValue| match value {
                SampleValue::Float(_) => SampleValue::Float(time as f64),
                histogram => histogram,
            };
            if let Evaluated::Vector(found) =
                self.select_with(&selector, ("", arguments[0].at), ends, time)?
            {
                infos.extend(found);
            }
        }
        let mut joined: Vec<Series> = Vec::new();
        let mut places: HashMap<Labels, usize> = HashMap::new();
        for step in 0..grid.count {
            self.check()?;
            let there = newest(&infos, step)?;
            for one in &series {
                let Some(value) = &one.row[step] else { continue };
                let labels = if ignored(&one.labels) {
                    Some(one.labels.clone())
                } else {
                    with_info(&one.labels, &there, &data)?
                };
                let Some(labels) = labels else { continue };
                let place = match places.get(&labels) {
                    Some(place) => *place,
                    None => {
                        places.insert(labels.clone(), joined.len());
                        joined.push(Series { labels, row: vec![None; grid.count] });
                        joined.len() - 1
                    }
                };
                if joined[place].row[step].replace(value.clone()).is_some() {
                    return Err(twice());
                }
            }
        }
        Ok(Evaluated::Vector(joined))
    }

    /// When info series are looked at: as the selectors of the first argument, where they agree.
    fn info_ends(&self, expr: &Expr, grid: Grid) -> Result<Grid, QueryError> {
        let (mut found, mut free) = (Vec::new(), false);
        self.references(expr, (None, 0), (&mut found, &mut free))?;
        let time = |one: &Reference| self.fixed_time(one.0).map(|time| time - one.1);
        let same = |one: &Reference, two: &Reference| match (time(one), time(two)) {
            (None, None) => one.1 == two.1,
            (one, two) => one == two,
        };
        let Some(first) = found.first().filter(|_| !free) else { return Ok(grid) };
        if !found.iter().all(|one| same(one, first)) {
            return Ok(grid);
        }
        let offset = Some(Span::Seconds(first.1 as f64 / 1000.0));
        self.shifted(&Shift { offset, fixed: first.0 }, grid)
    }

    fn fixed_time(&self, fixed: Option<Fixed>) -> Option<i64> {
        Some(match fixed? {
            Fixed::Time(time) => time,
            Fixed::Start => self.start,
            Fixed::End => self.end,
        })
    }

    /// Collects when selectors look; says whether there are any, and whether a part has none.
    fn references(
        &self,
        expr: &Expr,
        outer: Reference,
        (found, free): (&mut Vec<Reference>, &mut bool),
    ) -> Result<bool, QueryError> {
        if !matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix) {
            return Ok(false);
        }
        let within = |shift: &Shift| -> Result<Reference, QueryError> {
            let offset = shift.offset.as_ref().map_or(Ok(0), |span| self.span(span))?;
            Ok(if shift.fixed.is_some() {
                (shift.fixed, offset)
            } else {
                (outer.0, outer.1 + offset)
            })
        };
        let parts: Vec<(&Expr, Reference)> = match &expr.kind {
            Kind::Selector(selector) | Kind::Matrix(selector, _) => {
                found.push(within(&selector.shift)?);
                return Ok(true);
            }
            Kind::Subquery(subquery) => vec![(&subquery.expr, within(&subquery.shift)?)],
            Kind::Call(function, arguments) if function.name == "info" => {
                vec![(&arguments[0], outer)]
            }
            Kind::Call(_, arguments) => arguments.iter().map(|one| (one, outer)).collect(),
            Kind::Aggregate(aggregate) => vec![(&aggregate.expr, outer)],
            Kind::Binary(binary) => vec![(&binary.left, outer), (&binary.right, outer)],
            Kind::Unary(_, inner) | Kind::Paren(inner) => vec![(&**inner, outer)],
            Kind::Number { .. } | Kind::Text(_) => Vec::new(),
        };
        let mut any = false;
        for (part, reference) in parts {
            any |= self.references(part, reference, (&mut *found, &mut *free))?;
        }
        *free |= !any;
        Ok(any)
    }
}

/// Conditions that select the info series of all of these, one set for each choice of identifying labels they have.
fn identities(series: &[&Labels]) -> Result<Vec<Vec<Matcher>>, QueryError> {
    let mut groups: BTreeMap<[bool; 2], [BTreeSet<String>; 2]> = BTreeMap::new();
    for labels in series {
        let values = identity(labels);
        let present = values.clone().map(|value| !value.is_empty());
        if present != [false; 2] {
            let group = groups.entry(present).or_default();
            for (set, value) in group.iter_mut().zip(values) {
                set.insert(value);
            }
        }
    }
    let conditions = |(present, sets): ([bool; 2], [BTreeSet<String>; 2])| {
        let mut all = Vec::new();
        for ((name, present), values) in IDENTITY.iter().zip(present).zip(sets) {
            let pattern: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
            all.push(match present {
                true => matcher(name, MatchOp::Regex, &pattern.join("|"))?,
                false => matcher(name, MatchOp::Equal, "")?,
            });
        }
        Ok(all)
    };
    groups.into_iter().map(conditions).collect()
}

/// The info series of a step: of several with one name and identity, the one with the newest sample.
fn newest(infos: &[Series], step: usize) -> Result<BTreeMap<Key, Info<'_>>, QueryError> {
    let mut there: BTreeMap<Key, Info<'_>> = BTreeMap::new();
    for one in infos {
        let time = match &one.row[step] {
            None => continue,
            Some(SampleValue::Float(time)) => *time,
            Some(SampleValue::Histogram(_)) => {
                return Err(QueryError::Execution("info sample should be float".to_owned()));
            }
        };
        let key = (one.labels.metric_name().to_owned(), identity(&one.labels));
        match there.get(&key) {
            Some(known) if known.time > time => {}
            #[allow(clippy::float_cmp, reason = "they are whole milliseconds")]
            Some(known) if known.time == time => {
                return Err(QueryError::Execution(format!(
                    "found duplicate series for info metric: existing {} @ {time}, new {} @ {time}",
                    braced(known.labels),
                    braced(&one.labels)
                )));
            }
            _ => {
                there.insert(key, Info { labels: &one.labels, time });
            }
        }
    }
    Ok(there)
}

/// Labels and those of their info series; nothing where a condition asks for one that is not there.
fn with_info(
    labels: &Labels,
    there: &BTreeMap<Key, Info<'_>>,
    data: &[Matcher],
) -> Result<Option<Labels>, QueryError> {
    let own = identity(labels);
    let mut added: Vec<Label> = Vec::new();
    let mut any = false;
    for (_, info) in there.iter().filter(|((_, identity), _)| *identity == own) {
        any = true;
        for label in info.labels {
            let asked = data.is_empty() || data.iter().any(|one| one.name() == &*label.name);
            if of_metric(&label.name) || !asked {
                continue;
            }
            let known = added.iter().find(|one| one.name == label.name);
            if known.is_some_and(|one| one.value != label.value) {
                return Err(QueryError::Execution(format!("conflicting label: {}", label.name)));
            }
            if labels.get(&label.name).is_none() {
                added.push(label.clone());
            }
        }
    }
    if !any && !data.iter().all(|one| one.matches("")) {
        return Ok(None);
    }
    Ok(Some(Labels::new(labels.iter().cloned().chain(added).collect())))
}
