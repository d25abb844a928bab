//! Sums and means that lose little: Kahan's way with Neumaier's improvement, as Prometheus has it.

/// A sum and what was lost of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    pub sum: f64,
    pub lost: f64,
}

impl Sum {
    pub(crate) fn add(self, value: f64) -> Self {
        let Self { sum, lost } = self;
        let total = sum + value;
        let lost = if total.is_infinite() {
            0.0
        } else if sum.abs() >= value.abs() {
            lost + ((sum - total) + value)
        } else {
            lost + ((value - total) + sum)
        };
        Self { sum: total, lost }
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// The mean of values; of none it is NaN.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values = values.into_iter();
    let Some(first) = values.next() else { return f64::NAN };
    let (mut sum, mut count, mut incremental) = (Sum { sum: first, lost: 0.0 }, 1.0, false);
    for value in values {
        count += 1.0;
        if !incremental {
            let next = sum.add(value);
            if !next.sum.is_infinite() {
                sum = next;
                continue;
            }
            // The sum is too large for a number, the mean is not.
            incremental = true;
            sum = Sum { sum: sum.sum / (count - 1.0), lost: sum.lost / (count - 1.0) };
        }
        let share = (count - 1.0) / count;
        sum = Sum { sum: share * sum.sum, lost: share * sum.lost }.add(value / count);
    }
    if incremental { sum.sum + sum.lost } else { sum.sum / count + sum.lost / count }
}

/// The variance of values; of none it is NaN.
pub(crate) fn variance(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut total) = (0.0, Sum::default(), Sum::default());
    for value in values {
        count += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean = mean.add(delta / count);
        total = total.add(delta * (value - (mean.sum + mean.lost)));
    }
    (total.sum + total.lost) / count
}
