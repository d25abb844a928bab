//! From what a target says to what is kept: its labels, its limits, what has ended, and how the scrape went.

use std::collections::HashSet;

use vigie_model::{Label, Labels, METRIC_NAME, ScrapedSample, ScrapedValue};

use super::decode::{DecodeError, Decoded, Limits};
use super::relabel::{Relabeling, relabel};

/// The value that ends a series, as Prometheus defines it.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
/// What the label of a target is called where the exporter has one of that name.
const EXPORTED: &str = "exported_";

/// What is done with samples.
#[derive(Debug, Clone, Default)]
pub struct SampleSettings {
    /// Where both have a label, the exporter's counts; otherwise its is renamed to `exported_…`.
    pub honor_labels: bool,
    /// The exporter's own times are ignored.
    pub ignore_timestamps: bool,
    /// What is done with series.
    pub relabeling: Vec<Relabeling>,
    /// What one scrape may have, after relabelling.
    pub limits: Limits,
}

/// How a scrape went, beside what it said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScrapeCost {
    /// Wall-clock seconds from first byte out to last byte in.
    pub seconds: f64,
    /// When it began: Unix milliseconds. Samples without a time are of then.
    pub at_millis: i64,
}

/// What is remembered of a target from scrape to scrape.
#[derive(Debug, Default)]
pub struct Scraping {
    /// The series of the last scrape that have no time of their own: they end when they are not there any more.
    last: HashSet<Labels>,
}

impl Scraping {
    /// What is kept of an answer: its samples, an end for each series that is gone, and `up` and its kin.
    ///
    /// # Errors
    /// When it has more samples than allowed once relabelled: then [`Self::failed`] says the rest.
    pub fn scraped(
        &mut self,
        decoded: Decoded,
        target: &Labels,
        settings: &SampleSettings,
        cost: ScrapeCost,
    ) -> Result<Vec<ScrapedSample>, DecodeError> {
        let found = decoded.samples.len();
        let mut samples: Vec<ScrapedSample> = Vec::with_capacity(found + 8);
        let mut seen: HashSet<Labels> = HashSet::with_capacity(found);
        for sample in decoded.samples {
            let labels = labelled(&sample.labels, target, settings.honor_labels);
            let Some(labels) = relabel(&labels, &settings.relabeling) else { continue };
            // A series without a name is none.
            if labels.metric_name().is_empty() {
                continue;
            }
            if samples.len() >= settings.limits.samples {
                return Err(DecodeError::Limit {
                    what: "samples",
                    most: settings.limits.samples,
                    setting: "sample_limit",
                });
            }
            let own = sample.time_millis.filter(|_| !settings.ignore_timestamps);
            if own.is_none() && !seen.insert(labels.clone()) {
                // The same series twice: the first counts, as with Prometheus.
                continue;
            }
            samples.push(ScrapedSample {
                labels,
                time_millis: Some(own.unwrap_or(cost.at_millis)),
                value: sample.value,
            });
        }
        let kept = samples.len();
        let added = seen.iter().filter(|labels| !self.last.contains(*labels)).count();
        samples.extend(ended(self.last.difference(&seen), cost));
        self.last = seen;
        samples.extend(report(target, cost, [1.0, found as f64, kept as f64, added as f64]));
        Ok(samples)
    }

    /// What is kept of a scrape that failed: every series ends, and `up` is 0.
    pub fn failed(&mut self, target: &Labels, cost: ScrapeCost) -> Vec<ScrapedSample> {
        let last = std::mem::take(&mut self.last);
        let mut samples: Vec<ScrapedSample> = ended(last.iter(), cost).collect();
        samples.extend(report(target, cost, [0.0; 4]));
        samples
    }

    /// What is kept when a target is asked no more: every series ends, `up` as well.
    #[must_use]
    pub fn forgotten(self, target: &Labels, cost: ScrapeCost) -> Vec<ScrapedSample> {
        let mut samples: Vec<ScrapedSample> = ended(self.last.iter(), cost).collect();
        samples.extend(report(target, cost, [f64::from_bits(STALE_BITS); 4]).map(|mut sample| {
            sample.value = ScrapedValue::Float(f64::from_bits(STALE_BITS));
            sample
        }));
        samples
    }
}

fn ended<'a>(
    series: impl Iterator<Item = &'a Labels> + 'a,
    cost: ScrapeCost,
) -> impl Iterator<Item = ScrapedSample> + 'a {
    series.map(move |labels| ScrapedSample {
        labels: labels.clone(),
        time_millis: Some(cost.at_millis),
        value: ScrapedValue::Float(f64::from_bits(STALE_BITS)),
    })
}

/// The series that Prometheus adds to each scrape.
fn report(
    target: &Labels,
    cost: ScrapeCost,
    [up, found, kept, added]: [f64; 4],
) -> impl Iterator<Item = ScrapedSample> + use<> {
    let target = target.clone();
    let all = [
        ("up", up),
        ("scrape_duration_seconds", cost.seconds),
        ("scrape_samples_scraped", found),
        ("scrape_samples_post_metric_relabeling", kept),
        ("scrape_series_added", added),
    ];
    all.into_iter().map(move |(name, value)| {
        let labels = target.iter().cloned().chain([Label::new(METRIC_NAME, name)]);
        ScrapedSample {
            labels: Labels::new(labels.collect()),
            time_millis: Some(cost.at_millis),
            value: ScrapedValue::Float(value),
        }
    })
}

/// The labels of a series with those of its target.
fn labelled(own: &Labels, target: &Labels, honor: bool) -> Labels {
    let mut all: Vec<Label> = Vec::with_capacity(own.len() + target.len());
    for label in own.iter() {
        if honor || target.get(&label.name).is_none() {
            all.push(label.clone());
            continue;
        }
        let mut name = format!("{EXPORTED}{}", label.name);
        while own.get(&name).is_some() || target.get(&name).is_some() {
            name.insert_str(0, EXPORTED);
        }
        all.push(Label::new(name, label.value.clone()));
    }
    let missing = target.iter().filter(|label| !honor || own.get(&label.name).is_none());
    all.extend(missing.cloned());
    Labels::new(all)
}
