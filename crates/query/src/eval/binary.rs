//! Operators between two operands.

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::element::{compute, drops_name, of_floats};
use super::series::{Row, merged, of_metric, twice, without_name};
use super::{Context, Evaluated, Grid, Series};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{At, Binary, BinaryOp, Cardinality, Matching};

/// The labels by which two sides find each other.
fn signature(labels: &Labels, matching: &Matching) -> Labels {
    let named = |label: &&Label| matching.labels.iter().any(|name| **name == *label.name);
    let wanted = |label: &&Label| {
        if matching.on { named(label) } else { !named(label) && !of_metric(&label.name) }
    };
    labels.only(wanted)
}

/// What an operator answers of a value that a filter keeps or does not keep.
fn result(binary: &Binary, value: SampleValue, keep: bool) -> Option<SampleValue> {
    if binary.bool_result {
        return Some(SampleValue::Float(f64::from(u8::from(keep))));
    }
    keep.then_some(value)
}

impl Context<'_> {
    /// An operator between two operands.
    pub(crate) fn binary(&self, binary: &Binary, grid: Grid) -> Result<Evaluated, QueryError> {
        let left = self.eval(&binary.left, grid)?;
        let right = self.eval(&binary.right, grid)?;
        let at = binary.left.at;
        match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                let both = left.into_iter().zip(right);
                Ok(Evaluated::Scalar(both.map(|(one, two)| compute(binary.op, one, two)).collect()))
            }
            (Evaluated::Vector(series), Evaluated::Scalar(values)) => {
                self.with_scalar(binary, series, &values, (false, at))
            }
            (Evaluated::Scalar(values), Evaluated::Vector(series)) => {
                self.with_scalar(binary, series, &values, (true, at))
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => match binary.op {
                BinaryOp::And => Ok(Evaluated::Vector(self.filtered(binary, left, &right, true)?)),
                BinaryOp::Unless => {
                    Ok(Evaluated::Vector(self.filtered(binary, left, &right, false)?))
                }
                BinaryOp::Or => {
                    let right = self.filtered(binary, right, &left, false)?;
                    Ok(Evaluated::Vector(merged(left.into_iter().chain(right).collect())?))
                }
                _ => Matcher { context: self, binary, grid, at }.matched(left, right),
            },
            _ => Err(QueryError::Execution("an operator needs scalars or vectors".to_owned())),
        }
    }

    fn with_scalar(
        &self,
        binary: &Binary,
        series: Vec<Series>,
        values: &[f64],
        (swapped, at): (bool, At),
    ) -> Result<Evaluated, QueryError> {
        let op = binary.op;
        let mut computed = Vec::with_capacity(series.len());
        for mut one in series {
            self.check()?;
            for (value, scalar) in one.row.iter_mut().zip(values) {
                let Some(element) = value.take() else { continue };
                if let SampleValue::Float(one) = element {
                    let (left, right) = if swapped { (*scalar, one) } else { (one, *scalar) };
                    if let Some((found, keep)) = of_floats(op, left, right) {
                        // A filter keeps the element, wherever it stands.
                        let found = if op.compares() { one } else { found };
                        *value = result(binary, SampleValue::Float(found), keep);
                        continue;
                    }
                }
                let scalar = SampleValue::Float(*scalar);
                let both = if swapped { (&scalar, &element) } else { (&element, &scalar) };
                let Some((found, keep)) = self.element(op, both, at) else { continue };
                let found = if op.compares() { element } else { found };
                *value = result(binary, found, keep);
            }
            if drops_name(op) || binary.bool_result {
                one.labels = without_name(&one.labels);
            }
            computed.push(one);
        }
        Ok(Evaluated::Vector(merged(computed)?))
    }

    /// Those of `series` that have (or have not) a counterpart in `other` at the same step.
    fn filtered(
        &self,
        binary: &Binary,
        series: Vec<Series>,
        other: &[Series],
        wanted: bool,
    ) -> Result<Vec<Series>, QueryError> {
        let mut there: HashMap<Labels, Vec<bool>> = HashMap::new();
        for one in other {
            let steps = there.entry(signature(&one.labels, &binary.matching)).or_default();
            steps.resize(one.row.len(), false);
            for (step, value) in steps.iter_mut().zip(&one.row) {
                *step |= value.is_some();
            }
        }
        let mut kept = Vec::with_capacity(series.len());
        for mut one in series {
            self.check()?;
            let steps = there.get(&signature(&one.labels, &binary.matching));
            for (place, value) in one.row.iter_mut().enumerate() {
                let found = steps.is_some_and(|steps| steps.get(place) == Some(&true));
                if found != wanted {
                    *value = None;
                }
            }
            if one.has_values() {
                kept.push(one);
            }
        }
        Ok(kept)
    }
}

/// Series that have one signature: those of the side of many, and those of the side of one.
#[derive(Default)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// Groups by signature, in the order in which they appear.
fn groups_of(many: &[Series], one: &[Series], matching: &Matching) -> Vec<(Labels, Group)> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Group)> = Vec::new();
    for (side, series) in [(false, one), (true, many)] {
        for (member, found) in series.iter().enumerate() {
            let labels = signature(&found.labels, matching);
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                groups.push((labels.clone(), Group::default()));
                groups.len() - 1
            });
            let group = &mut groups[place].1;
            if side { group.many.push(member) } else { group.one.push(member) }
        }
    }
    groups
}

struct Matcher<'a> {
    context: &'a Context<'a>,
    binary: &'a Binary,
    grid: Grid,
    at: At,
}

/// A group and the series that its members are places of.
#[derive(Clone, Copy)]
struct Sides<'a> {
    number: usize,
    labels: &'a Labels,
    group: &'a Group,
    many: &'a [Series],
    one: &'a [Series],
}

/// One result: its labels, its place among the series once it has a value, and where it was last the result of a pair: in
/// which group at which step.
struct Named {
    labels: Labels,
    place: Option<usize>,
    seen: Option<(usize, usize)>,
}

/// Results by labels. Labels are looked up once a pair of series, not at each step.
#[derive(Default)]
struct Results {
    numbers: HashMap<Labels, usize>,
    named: Vec<Named>,
    series: Vec<Series>,
}

impl Results {
    /// The number of the result with these labels.
    fn number(&mut self, labels: Labels) -> usize {
        if let Some(number) = self.numbers.get(&labels) {
            return *number;
        }
        let number = self.named.len();
        self.numbers.insert(labels.clone(), number);
        self.named.push(Named { labels, place: None, seen: None });
        number
    }

    /// The values of a result that has none yet.
    fn put(&mut self, number: usize, row: Row) {
        let Named { labels, place, .. } = &mut self.named[number];
        *place = Some(self.series.len());
        self.series.push(Series { labels: labels.clone(), row });
    }

    fn set(
        &mut self,
        number: usize,
        (step, steps): (usize, usize),
        value: SampleValue,
    ) -> Result<(), QueryError> {
        let Named { labels, place, .. } = &mut self.named[number];
        let place = *place.get_or_insert_with(|| {
            self.series.push(Series { labels: labels.clone(), row: vec![None; steps] });
            self.series.len() - 1
        });
        let cell = &mut self.series[place].row[step];
        if cell.is_some() {
            return Err(twice());
        }
        *cell = Some(value);
        Ok(())
    }
}

impl Matcher<'_> {
    fn matched(&self, left: Vec<Series>, right: Vec<Series>) -> Result<Evaluated, QueryError> {
        let matching = &self.binary.matching;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let (fill_many, fill_one) = match swapped {
            true => (matching.fill_right, matching.fill_left),
            false => (matching.fill_left, matching.fill_right),
        };
        let fills = (fill_many.map(SampleValue::Float), fill_one.map(SampleValue::Float));
        let filled = fills.0.is_some() || fills.1.is_some();
        let steps = self.grid.count;
        let some = |series: &[Series]| -> Vec<bool> {
            (0..steps).map(|step| series.iter().any(|one| one.row[step].is_some())).collect()
        };
        let (there_many, there_one) = (some(&many), some(&one));
        let wanted: Vec<usize> =
            (0..steps).filter(|step| filled || (there_many[*step] && there_one[*step])).collect();
        let mut results = Results::default();
        let groups = groups_of(&many, &one, matching);
        for (number, (labels, group)) in groups.iter().enumerate() {
            self.context.check()?;
            if let ([only_many], [only_one], false) = (&*group.many, &*group.one, filled) {
                self.couple(&many[*only_many], &one[*only_one], &mut results)?;
                continue;
            }
            let sides = Sides { number, labels, group, many: &many, one: &one };
            self.group(&sides, &wanted, &fills, &mut results)?;
        }
        let points = results.series.iter().map(|one| one.row.len()).sum();
        self.context.hold(points)?;
        results.series.retain(Series::has_values);
        Ok(Evaluated::Vector(results.series))
    }

    /// The pairs of one group.
    fn group(
        &self,
        sides: &Sides<'_>,
        steps: &[usize],
        (fill_many, fill_one): &(Option<SampleValue>, Option<SampleValue>),
        results: &mut Results,
    ) -> Result<(), QueryError> {
        let Sides { number, labels, group, many, one } = *sides;
        // For each of the many, with which of the one its result was named last.
        let mut names: Vec<Option<(Option<usize>, usize)>> = vec![None; group.many.len()];
        for step in steps.iter().copied() {
            let found = self.only(group, one, step)?;
            // Filled values have the labels of the group.
            let other_labels = found.map_or(labels, |found| &one[found].labels);
            let other = match found {
                Some(found) => one[found].row[step].as_ref(),
                None => fill_one.as_ref(),
            };
            let mut any = false;
            for (member, name) in group.many.iter().zip(&mut names) {
                let (Some(value), Some(other)) = (&many[*member].row[step], other) else {
                    continue;
                };
                let result = match name {
                    Some((with, result)) if *with == found => *result,
                    _ => {
                        let labels = self.result_labels(&many[*member].labels, other_labels);
                        name.insert((found, results.number(labels))).1
                    }
                };
                any |= self.pair(results, result, (number, step), any, (value, other))?;
            }
            // Filled where nothing went together with it.
            let (false, Some(found), Some(fill)) = (any, found, fill_many) else { continue };
            let Some(value) = &one[found].row[step] else { continue };
            let result = results.number(self.result_labels(labels, &one[found].labels));
            self.pair(results, result, (number, step), false, (fill, value))?;
        }
        Ok(())
    }

    /// Whether the two make a pair; `any` says whether others of the group did at this step.
    fn pair(
        &self,
        results: &mut Results,
        result: usize,
        (group, step): (usize, usize),
        any: bool,
        (many, one): (&SampleValue, &SampleValue),
    ) -> Result<bool, QueryError> {
        let cardinality = self.binary.matching.cardinality;
        let both = if cardinality == Cardinality::OneToMany { (one, many) } else { (many, one) };
        let Some((value, keep)) = self.context.element(self.binary.op, both, self.at) else {
            return Ok(false);
        };
        let seen = &mut results.named[result].seen;
        if cardinality == Cardinality::OneToOne {
            if any {
                return Err(multiple(
                    "many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
        } else if *seen == Some((group, step)) {
            return Err(multiple("grouping labels must ensure unique matches"));
        }
        *seen = Some((group, step));
        if let Some(value) = self::result(self.binary, value, keep) {
            results.set(result, (step, self.grid.count), value)?;
        }
        Ok(true)
    }

    /// The results of two series that are alone in their group: nothing else can go together with one of them.
    fn couple(&self, many: &Series, one: &Series, results: &mut Results) -> Result<(), QueryError> {
        let swapped = self.binary.matching.cardinality == Cardinality::OneToMany;
        let op = self.binary.op;
        let value = |(many, one): (&Option<SampleValue>, &Option<SampleValue>)| {
            let (many, one) = (many.as_ref()?, one.as_ref()?);
            let (left, right) = if swapped { (one, many) } else { (many, one) };
            let (value, keep) = self.context.element(op, (left, right), self.at)?;
            result(self.binary, value, keep)
        };
        let row: Row = many.row.iter().zip(&one.row).map(value).collect();
        if !row.iter().any(Option::is_some) {
            return Ok(());
        }
        let number = results.number(self.result_labels(&many.labels, &one.labels));
        if results.named[number].place.is_none() {
            results.put(number, row);
            return Ok(());
        }
        let steps = row.len();
        let values = row.into_iter().enumerate();
        values
            .filter_map(|(step, value)| Some((step, value?)))
            .try_for_each(|(step, value)| results.set(number, (step, steps), value))
    }

    /// The only series of the side of one at a step.
    fn only(
        &self,
        group: &Group,
        one: &[Series],
        step: usize,
    ) -> Result<Option<usize>, QueryError> {
        let mut there = group.one.iter().copied().filter(|place| one[*place].row[step].is_some());
        let (first, second) = (there.next(), there.next());
        let (Some(a), Some(b)) = (first, second) else { return Ok(first) };
        let matching = &self.binary.matching;
        let side = if matching.cardinality == Cardinality::OneToMany { "left" } else { "right" };
        let matched = braced(&signature(&one[b].labels, matching));
        let mut both = [braced(&one[a].labels), braced(&one[b].labels)];
        both.sort();
        let [a, b] = both;
        Err(QueryError::Execution(format!(
            "found duplicate series for the match group {matched} on the {side} hand-side of the operation: [{a}, {b}];many-to-many matching not allowed: matching labels must be unique on one side"
        )))
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let (matching, op) = (&self.binary.matching, self.binary.op);
        let nameless = drops_name(op) || self.binary.bool_result;
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let wanted = |label: &&Label| {
            let named = matching.labels.iter().any(|name| **name == *label.name);
            let included = matching.include.iter().any(|name| **name == *label.name);
            let dropped = nameless && of_metric(&label.name);
            !dropped && !included && (!one_to_one || named == matching.on)
        };
        if matching.include.is_empty() {
            return many.only(wanted);
        }
        let mut labels: Vec<Label> = many.iter().filter(wanted).cloned().collect();
        for name in &matching.include {
            labels.extend(one.get(name).map(|value| Label::new(name.as_str(), value)));
        }
        Labels::new(labels)
    }
}

fn multiple(why: &str) -> QueryError {
    QueryError::Execution(format!("multiple matches for labels: {why}"))
}

/// Labels as Prometheus writes them in its errors: the name among the others.
pub(crate) fn braced(labels: &Labels) -> String {
    let written: Vec<String> =
        labels.iter().map(|one| format!("{}={:?}", one.name, one.value)).collect();
    format!("{{{}}}", written.join(", "))
}
