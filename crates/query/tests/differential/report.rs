//! A failing case, written so that it can be pasted into a scenario: promqltest's `load` where samples lie on a grid.

use std::fmt::Write as _;

use vigie_model::{CUSTOM_SCHEMA, Labels, NativeHistogram, ResetHint};
use vigie_query::{QueryValue, RangeSeries, SampleValue};
use vigie_store::{Samples, is_stale};

use crate::outcome::{Mismatch, Outcome, Question};
use crate::support::MemoryStorage;

/// One difference between the answers to one question.
#[derive(Debug, Clone)]
pub struct Case {
    pub storage: MemoryStorage,
    pub question: Question,
    pub vigie: Outcome,
    pub peer: Outcome,
    pub mismatch: Mismatch,
}

impl Case {
    /// Everything needed to see it again.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for (labels, samples) in &self.storage.0 {
            text.push_str(&series(labels, samples));
        }
        let Mismatch { aspect, detail } = &self.mismatch;
        let (vigie, peer) = (outcome(&self.vigie), outcome(&self.peer));
        write!(
            text,
            "{}\n{aspect:?}: {detail:.600}\nVigie:\n{vigie}Prometheus:\n{peer}",
            self.question
        )
        .expect("a string takes everything");
        text
    }
}

/// One series' samples by time, as promqltest writes them.
fn series(labels: &Labels, samples: &Samples) -> String {
    let floats = samples.float_times.iter().zip(&samples.floats);
    let histograms = samples.histogram_times.iter().zip(&samples.histograms);
    let mut all: Vec<(i64, String)> = floats
        .map(|(time, value)| (*time, float(*value)))
        .chain(histograms.map(|(time, value)| (*time, histogram(value))))
        .collect();
    all.sort_by_key(|(time, _)| *time);
    let Some(first) = all.first().map(|(time, _)| *time) else { return String::new() };
    let gap = all.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(0, greatest_divisor);
    let step = if first > 86_400_000 { gap } else { greatest_divisor(gap, first) };
    let slots = all.last().map_or(0, |(last, _)| last / step.max(1));
    if step >= 1_000 && first < 86_400_000 && slots < 500 {
        let mut line = format!("load {}s\n  {labels}", step / 1_000);
        let mut next = 0;
        for (time, value) in all {
            let missing = (time - next) / step;
            if missing > 0 {
                line.push_str(
                    if missing == 1 { " _".to_owned() } else { format!(" _x{missing}") }.as_str(),
                );
            }
            line.push(' ');
            line.push_str(&value);
            next = time + step;
        }
        return line + "\n";
    }
    let points = all.into_iter().map(|(time, value)| format!("{value} @{time}"));
    format!("# off the grid, in ms: {labels} {}\n", points.collect::<Vec<_>>().join(", "))
}

fn greatest_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { greatest_divisor(other, one % other) }
}

fn float(value: f64) -> String {
    if is_stale(value) { "stale".to_owned() } else { format!("{value:?}") }
}

fn histogram(of: &NativeHistogram) -> String {
    let mut parts = vec![
        format!("schema:{}", of.schema),
        format!("count:{:?}", of.count),
        format!("sum:{:?}", of.sum),
    ];
    if of.schema == CUSTOM_SCHEMA {
        parts.push(format!("custom_values:{:?}", of.custom_bounds));
    } else {
        parts.push(format!("z_bucket:{:?} z_bucket_w:{:?}", of.zero_count, of.zero_threshold));
    }
    for (name, buckets) in [("", &of.positive), ("n_", &of.negative)] {
        if let (Some((first, _)), Some((last, _))) = (buckets.first(), buckets.last()) {
            let count = |index| buckets.iter().find(|one| one.0 == index).map_or(0.0, |one| one.1);
            let counts = (*first..=*last).map(|index| format!("{:?}", count(index)));
            let counts = counts.collect::<Vec<_>>().join(" ");
            parts.push(format!("{name}offset:{first} {name}buckets:[{counts}]"));
        }
    }
    match of.reset_hint {
        ResetHint::Unknown => {}
        ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
        ResetHint::NoReset => parts.push("counter_reset_hint:not_reset".to_owned()),
        ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    format!("{{{{{}}}}}", parts.join(" ")).replace(',', "")
}

fn outcome(of: &Outcome) -> String {
    let (value, notes) = match of {
        Err(failure) => return format!("  {:?} error: {}\n", failure.kind, failure.text),
        Ok(answer) => answer,
    };
    let mut lines = match value {
        QueryValue::Scalar(_, value) => vec![format!("scalar {value:?}")],
        QueryValue::Text(_, text) => vec![format!("string {text:?}")],
        QueryValue::Vector(samples) => samples
            .iter()
            .map(|sample| match &sample.value {
                SampleValue::Float(value) => format!("{} {value:?}", sample.labels),
                SampleValue::Histogram(value) => format!("{} {}", sample.labels, histogram(value)),
            })
            .collect(),
        QueryValue::Matrix(all) => all.iter().map(points).collect(),
    };
    let more = lines.len().saturating_sub(12);
    lines.truncate(12);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.extend(notes.warnings.iter().chain(&notes.infos).cloned());
    lines.into_iter().fold(String::new(), |all, line| format!("{all}  {line:.800}\n"))
}

fn points(of: &RangeSeries) -> String {
    let floats = of.floats.iter().map(|(time, value)| format!("{value:?} @{time}"));
    let histograms =
        of.histograms.iter().map(|(time, value)| format!("{} @{time}", histogram(value)));
    format!("{} {}", of.labels, floats.chain(histograms).collect::<Vec<_>>().join(", "))
}
