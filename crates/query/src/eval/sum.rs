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

/// The mean of values, one added after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    /// The sum would be too large for a number, the mean is not: `sum` is the mean so far.
    incremental: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let count = self.count;
        if count == 1.0 {
            self.sum.sum = value;
            return;
        }
        if !self.incremental {
            let next = self.sum.add(value);
            if !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum =
                Sum { sum: self.sum.sum / (count - 1.0), lost: self.sum.lost / (count - 1.0) };
        }
        let share = (count - 1.0) / count;
        self.sum =
            Sum { sum: share * self.sum.sum, lost: share * self.sum.lost }.add(value / count);
    }

    /// Whether anything was added.
    pub(crate) fn is_of_some(&self) -> bool {
        self.count > 0.0
    }

    /// Of no values it is NaN.
    pub(crate) fn value(&self) -> f64 {
        let Self { sum, count, incremental } = *self;
        if incremental { sum.sum + sum.lost } else { sum.sum / count + sum.lost / count }
    }
}

/// The mean of values; of none it is NaN.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut mean = Mean::default();
    values.into_iter().for_each(|value| mean.add(value));
    mean.value()
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
