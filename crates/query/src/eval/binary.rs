//! Operators between two operands.

use std::collections::{HashMap, HashSet};

use vigie_model::{Label, Labels};

use super::element::{compute, drops_name};
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
    Labels::new(labels.iter().filter(wanted).cloned().collect())
}

fn empty() -> Row {
    Vec::new()
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
                let scalar = SampleValue::Float(*scalar);
                let both = if swapped { (&scalar, &element) } else { (&element, &scalar) };
                let Some((found, keep)) = self.element(op, both, at) else { continue };
                if binary.bool_result {
                    *value = Some(SampleValue::Float(f64::from(u8::from(keep))));
                } else if keep {
                    // A filter keeps the element, wherever it stands.
                    *value = Some(if op.compares() { element } else { found });
                }
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

/// Results by labels.
#[derive(Default)]
struct Results {
    places: HashMap<Labels, usize>,
    series: Vec<Series>,
}

impl Results {
    fn set(
        &mut self,
        labels: &Labels,
        (step, steps): (usize, usize),
        value: SampleValue,
    ) -> Result<(), QueryError> {
        let place = match self.places.get(labels) {
            Some(place) => *place,
            None => {
                self.places.insert(labels.clone(), self.series.len());
                self.series.push(Series { labels: labels.clone(), row: vec![None; steps] });
                self.series.len() - 1
            }
        };
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
        let (mut many, mut one) = if swapped { (right, left) } else { (left, right) };
        let (fill_many, fill_one) = match swapped {
            true => (matching.fill_right, matching.fill_left),
            false => (matching.fill_left, matching.fill_right),
        };
        let (many_count, one_count) = (many.len(), one.len());
        let groups = groups_of(&many, &one, matching);
        let steps = self.grid.count;
        let some = |series: &[Series]| -> Vec<bool> {
            (0..steps).map(|step| series.iter().any(|one| one.row[step].is_some())).collect()
        };
        let fills = fill_many.is_some() || fill_one.is_some();
        let (there_many, there_one) = (some(&many), some(&one));
        // Filled values stand behind the others; their labels are those of the group.
        for (labels, _) in groups.iter().filter(|_| fills) {
            many.push(Series { labels: labels.clone(), row: empty() });
            one.push(Series { labels: labels.clone(), row: empty() });
        }
        let mut results = Results::default();
        for (place, (_, group)) in groups.iter().enumerate() {
            self.context.check()?;
            let mut names: HashMap<(usize, usize), Labels> = HashMap::new();
            for step in 0..steps {
                let both = there_many[step] && there_one[step];
                if !fills && !both {
                    continue;
                }
                let of_one = self.only(group, &one, step)?;
                let mut seen: HashSet<Labels> = HashSet::new();
                let mut pairs: Vec<(usize, usize, SampleValue, SampleValue)> = Vec::new();
                for member in &group.many {
                    let Some(value) = &many[*member].row[step] else { continue };
                    let other = match (of_one, fill_one) {
                        (Some(found), _) => one[found].row[step].clone().map(|one| (found, one)),
                        (None, Some(fill)) => Some((one_count + place, SampleValue::Float(fill))),
                        (None, None) => None,
                    };
                    pairs
                        .extend(other.map(|(found, other)| (*member, found, value.clone(), other)));
                }
                for (of_many, of_one, value, other) in pairs {
                    let labels = names.entry((of_many, of_one)).or_insert_with(|| {
                        self.result_labels(&many[of_many].labels, &one[of_one].labels)
                    });
                    let values = (&value, &other);
                    self.pair(&mut results, labels, &mut seen, (step, values))?;
                }
                // Filled where nothing went together with it.
                let lonely = of_one.filter(|_| seen.is_empty());
                let (Some(found), Some(fill)) = (lonely, fill_many) else { continue };
                let Some(value) = &one[found].row[step] else { continue };
                let labels =
                    self.result_labels(&many[many_count + place].labels, &one[found].labels);
                let filled = SampleValue::Float(fill);
                self.pair(&mut results, &labels, &mut seen, (step, (&filled, value)))?;
            }
        }
        let points = results.series.iter().map(|one| one.row.len()).sum();
        self.context.hold(points)?;
        results.series.retain(Series::has_values);
        Ok(Evaluated::Vector(results.series))
    }

    fn pair(
        &self,
        results: &mut Results,
        labels: &Labels,
        seen: &mut HashSet<Labels>,
        (step, (many, one)): (usize, (&SampleValue, &SampleValue)),
    ) -> Result<(), QueryError> {
        let cardinality = self.binary.matching.cardinality;
        let both = if cardinality == Cardinality::OneToMany { (one, many) } else { (many, one) };
        let Some((value, keep)) = self.context.element(self.binary.op, both, self.at) else {
            return Ok(());
        };
        if cardinality == Cardinality::OneToOne {
            if !seen.is_empty() {
                return Err(multiple(
                    "many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
            seen.insert(labels.clone());
        } else if !seen.insert(labels.clone()) {
            return Err(multiple("grouping labels must ensure unique matches"));
        }
        let value = if self.binary.bool_result {
            SampleValue::Float(f64::from(u8::from(keep)))
        } else if keep {
            value
        } else {
            return Ok(());
        };
        results.set(labels, (step, self.grid.count), value)
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
