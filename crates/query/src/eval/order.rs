//! Orders: by value, and of labels as a human would sort them.

use std::cmp::Ordering;

use super::Series;
use super::quantile::nan_first;
use crate::answer::SampleValue;

fn first_float(one: &Series) -> Option<f64> {
    match one.row.first() {
        Some(Some(SampleValue::Float(value))) => Some(*value),
        _ => None,
    }
}

/// Sorts the only step by value, NaN last; histograms fall away.
pub(crate) fn by_value(series: Vec<Series>, descending: bool) -> Vec<Series> {
    let with = series.into_iter().filter_map(|one| first_float(&one).map(|value| (value, one)));
    let mut with: Vec<(f64, Series)> = with.collect();
    with.sort_by(|(one, _), (two, _)| match (one.is_nan(), two.is_nan()) {
        (false, false) if descending => nan_first(two, one),
        (false, false) => nan_first(one, two),
        (one, two) => one.cmp(&two),
    });
    with.into_iter().map(|(_, one)| one).collect()
}

/// Sorts by the values of labels, and by all labels where those are equal.
pub(crate) fn by_labels(series: &mut [Series], names: &[String], descending: bool) {
    series.sort_by(|one, two| {
        let values = |name: &String| {
            let value = |one: &Series| one.labels.get(name).unwrap_or_default().to_owned();
            (value(one), value(two))
        };
        let different = names.iter().map(values).find(|(one, two)| one != two);
        let order = match different {
            Some((one, two)) => natural(&one, &two),
            None => one.labels.cmp(&two.labels),
        };
        if descending { order.reverse() } else { order }
    });
}

/// Runs of digits compare as numbers, everything between them as text.
fn natural(one: &str, two: &str) -> Ordering {
    let (mut one, mut two) = (one, two);
    loop {
        if one.is_empty() || two.is_empty() {
            return one.len().cmp(&two.len());
        }
        let (part_one, rest_one) = part(one);
        let (part_two, rest_two) = part(two);
        if part_one != part_two {
            let digits = |text: &str| text.starts_with(|one: char| one.is_ascii_digit());
            if digits(part_one) && digits(part_two) {
                let number = |text: &str| {
                    let plain = text.trim_start_matches('0').to_owned();
                    (plain.len(), plain)
                };
                return number(part_one)
                    .cmp(&number(part_two))
                    .then(part_one.len().cmp(&part_two.len()));
            }
            return part_one.cmp(part_two);
        }
        (one, two) = (rest_one, rest_two);
    }
}

fn part(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|one: char| one.is_ascii_digit());
    let end = text.find(|one: char| one.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}
