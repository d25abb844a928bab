//! From native histograms to the rows of a heat map.

use vigie_model::NativeHistogram;

/// The rows' schema: bounds are powers of the square root of 2.
const ROWS_SCHEMA: i8 = 1;
/// More rows than this are no longer told apart.
const MOST_ROWS: usize = 64;

/// Bounds and counts of a heat map.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Heat {
    /// Upper bounds in seconds, ascending.
    pub bounds: Vec<f64>,
    /// A list a step, one count more than bounds; `None` where nobody looked.
    pub counts: Vec<Option<Vec<f64>>>,
}

/// Puts the histogram of each step into rows that fit all of them.
pub(crate) fn heat(steps: &[Option<&NativeHistogram>]) -> Heat {
    let coarse: Vec<Option<Vec<(i32, f64)>>> = steps.iter().map(|step| step.map(coarser)).collect();
    let indices = || coarse.iter().flatten().flatten().map(|(index, _)| *index);
    let Some((first, last)) = indices().min().zip(indices().max()) else {
        // Steps in which nothing ended, or nobody looked.
        let nothing = |step: &Option<&NativeHistogram>| step.map(|step| vec![step.zero_count]);
        return Heat { bounds: Vec::new(), counts: steps.iter().map(nothing).collect() };
    };
    let first = first.max(last - MOST_ROWS as i32 + 1);
    let bound = |index: i32| 2_f64.powf(f64::from(index) / f64::from(1 << ROWS_SCHEMA));
    // The lowest row also holds what is shorter still; there is nothing above the last.
    let bounds: Vec<f64> = (first..=last).map(bound).collect();
    let row = |step: &NativeHistogram, buckets: &[(i32, f64)]| {
        let mut counts = vec![0.0; bounds.len() + 1];
        counts[0] += step.zero_count;
        for (index, count) in buckets {
            counts[(index - first).max(0) as usize] += count;
        }
        counts
    };
    let counts = steps
        .iter()
        .zip(&coarse)
        .map(|(step, buckets)| Some(row((*step)?, buckets.as_ref()?)))
        .collect();
    Heat { bounds, counts }
}

/// The positive buckets at [`ROWS_SCHEMA`], by ascending index: each of them holds 2^n whole finer ones.
fn coarser(histogram: &NativeHistogram) -> Vec<(i32, f64)> {
    let shift = (histogram.schema - ROWS_SCHEMA).max(0);
    let mut buckets: Vec<(i32, f64)> = Vec::new();
    for (index, count) in &histogram.positive {
        let index = ((index - 1) >> shift) + 1;
        match buckets.last_mut() {
            Some((last, sum)) if *last == index => *sum += count,
            _ => buckets.push((index, *count)),
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(positive: &[(i32, f64)], zero_count: f64) -> NativeHistogram {
        NativeHistogram {
            schema: 4,
            zero_count,
            positive: positive.to_vec(),
            ..NativeHistogram::default()
        }
    }

    #[test]
    fn fine_buckets_fall_into_the_row_that_holds_them() {
        // Schema 4: bucket 0 ends at 1 s, 1 to 8 end at up to √2 s, 16 ends at 2 s.
        let one = histogram(&[(0, 1.0), (1, 2.0), (8, 3.0), (9, 4.0), (16, 5.0)], 6.0);
        let other = histogram(&[], 0.0);
        let heat = heat(&[Some(&one), None, Some(&other)]);
        assert_eq!(heat.bounds.len(), 3);
        assert_eq!((heat.bounds[0], heat.bounds[2]), (1.0, 2.0));
        assert_eq!(heat.counts[0], Some(vec![7.0, 5.0, 9.0, 0.0]));
        assert_eq!((heat.counts[1].clone(), heat.counts[2].clone()), (None, Some(vec![0.0; 4])));
    }

    #[test]
    fn nothing_is_no_row() {
        assert_eq!(heat(&[None]), Heat { bounds: vec![], counts: vec![None] });
    }

    #[test]
    fn rows_are_bounded() {
        let wide = histogram(&[(-2_000, 1.0), (0, 1.0)], 0.0);
        let heat = heat(&[Some(&wide)]);
        assert_eq!(heat.bounds.len(), MOST_ROWS);
        assert_eq!(heat.counts[0].as_ref().unwrap().iter().sum::<f64>(), 2.0);
    }
}
