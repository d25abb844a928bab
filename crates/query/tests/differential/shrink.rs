//! Makes a failing case small: a smaller query, an instant instead of a range, fewer series, fewer samples.

use vigie_model::Labels;
use vigie_store::Samples;

use crate::expression::Expr;
use crate::outcome::{Question, When};
use crate::report::Case;
use crate::support::MemoryStorage;

/// Evaluates on both sides, and says whether they still differ.
pub type Differ<'a> = dyn FnMut(&MemoryStorage, &Question) -> Option<Case> + 'a;

/// How many questions one case may cost.
const ATTEMPTS: usize = 400;

/// The smallest case found that still differs.
pub fn shrink(mut case: Case, mut query: Expr, differ: &mut Differ) -> Case {
    let mut left = ATTEMPTS;
    let mut attempt = |storage: &MemoryStorage, question: &Question| {
        left = left.checked_sub(1)?;
        differ(storage, question)
    };
    if let When::Range { start, end, step } = case.question.when {
        let mut times = (start..=end).step_by(usize::try_from(step).expect("a step is above 0"));
        let found = times.find_map(|time| {
            let question = Question { when: When::Instant(time), ..case.question.clone() };
            attempt(&case.storage, &question)
        });
        case = found.unwrap_or(case);
    }
    while let Some((smaller, found)) = query.smaller().into_iter().find_map(|smaller| {
        let question = Question { text: smaller.to_string(), when: case.question.when };
        attempt(&case.storage, &question).map(|found| (smaller, found))
    }) {
        (query, case) = (smaller, found);
    }
    while let Some(found) = fewer_series(&case, &mut attempt) {
        case = found;
    }
    while let Some(found) = fewer_samples(&case, &mut attempt) {
        case = found;
    }
    case
}

/// Without a half, a quarter, … of the series.
fn fewer_series(case: &Case, attempt: &mut Differ) -> Option<Case> {
    let all: Vec<(&Labels, &Samples)> = case.storage.0.iter().collect();
    let without = |from: usize, to: usize| {
        let kept = all.iter().enumerate().filter(|(place, _)| !(from..to).contains(place));
        MemoryStorage(
            kept.map(|(_, (labels, samples))| ((*labels).clone(), (*samples).clone())).collect(),
        )
    };
    pieces(all.len()).find_map(|(from, to)| attempt(&without(from, to), &case.question))
}

/// Without a half, a quarter, … of one series' samples.
fn fewer_samples(case: &Case, attempt: &mut Differ) -> Option<Case> {
    for (labels, samples) in &case.storage.0 {
        for (from, to) in pieces(samples.len()) {
            let mut storage = case.storage.clone();
            storage.0.insert(labels.clone(), cut(samples, from, to));
            if let Some(found) = attempt(&storage, &case.question) {
                return Some(found);
            }
        }
    }
    None
}

/// Floats first, then histograms: as the places of one list.
fn cut(samples: &Samples, from: usize, to: usize) -> Samples {
    let kept = |place: usize| !(from..to).contains(&place);
    let floats = samples.floats.len();
    let mut left = Samples::default();
    for place in (0..floats).filter(|place| kept(*place)) {
        left.float_times.push(samples.float_times[place]);
        left.floats.push(samples.floats[place]);
    }
    for place in (0..samples.histograms.len()).filter(|place| kept(floats + *place)) {
        left.histogram_times.push(samples.histogram_times[place]);
        left.histograms.push(samples.histograms[place].clone());
    }
    left
}

fn pieces(length: usize) -> impl Iterator<Item = (usize, usize)> {
    let sizes = std::iter::successors(Some(length.div_ceil(2)), |size| {
        (*size > 1).then(|| size.div_ceil(2))
    });
    sizes.filter(|size| *size > 0).flat_map(move |size| {
        (0..length).step_by(size).map(move |from| (from, (from + size).min(length)))
    })
}
