//! Labels as they come from elsewhere: each is checked before it is a series.

use vigie_model::catalogue::{self, COPY_LABEL};
use vigie_model::{Label, Labels, METRIC_NAME};

/// Labels of one series.
pub(super) const MAX_LABELS: usize = 128;
/// Bytes of a label's name.
const MAX_NAME: usize = 1_024;
/// Bytes of a label's value.
const MAX_VALUE: usize = 8_192;
/// What is shown of a name or a value that is refused.
const SHOWN: usize = 60;

/// The labels of a series, sorted, or why it is none. An empty value is no label, as everywhere in Prometheus.
pub(crate) fn checked(mut labels: Vec<Label>) -> Result<Labels, String> {
    if labels.len() > MAX_LABELS {
        return Err(format!(
            "a series has more labels than the limit labels a series of {MAX_LABELS}"
        ));
    }
    labels.retain(|label| !label.value.is_empty());
    labels.sort_unstable_by(|one, two| one.name.cmp(&two.name));
    if let Some(pair) = labels.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(format!("a series has the label {:?} twice", shown(&pair[0].name)));
    }
    for Label { name, value } in &labels {
        if name.is_empty() {
            return Err(format!(
                "a series has a label without a name, with the value {:?}",
                shown(value)
            ));
        }
        if name.len() > MAX_NAME {
            return Err(format!(
                "the label name {:?}… is over the limit label name bytes of {MAX_NAME}",
                shown(name)
            ));
        }
        if value.len() > MAX_VALUE {
            return Err(format!(
                "the value {:?}… of label {:?} is over the limit label value bytes of {MAX_VALUE}",
                shown(value),
                shown(name)
            ));
        }
    }
    if !labels.iter().any(|label| &*label.name == METRIC_NAME) {
        let first = labels.first().map_or("", |label| &label.value);
        return Err(format!(
            "a series has no {METRIC_NAME}; its first label has the value {:?}",
            shown(first)
        ));
    }
    let labels = Labels::new(labels);
    match catalogue::claimed(&labels) {
        None => Ok(labels),
        Some(metric) => Err(format!(
            "{} is a metric of Vigie's own: a series of it from elsewhere has the label {COPY_LABEL}",
            metric.name
        )),
    }
}

fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Labels, String> {
        checked(pairs.iter().map(|(name, value)| Label::new(*name, *value)).collect())
    }

    #[test]
    fn labels_are_sorted_and_empty_ones_are_none() {
        let labels = of(&[("b", "2"), ("a", ""), ("__name__", "up")]).unwrap();
        assert_eq!(labels.to_string(), r#"up{b="2"}"#);
        // A copy says so, and a name that only begins like one of Vigie's is none.
        of(&[("__name__", "vigie_queue_jobs"), ("job", "vigie")]).unwrap();
        of(&[("__name__", "vigie_queue_jobs_sum")]).unwrap();
    }

    #[test]
    fn what_is_no_series_is_named() {
        let long = "é".repeat(1_000);
        let longer = "x".repeat(10_000);
        for (pairs, word) in [
            (&[("a", "1")][..], "has no __name__"),
            (&[], "has no __name__"),
            (&[("__name__", "up"), ("a", "1"), ("a", "2")], "\"a\" twice"),
            (&[("__name__", "up"), ("", "1")], "without a name"),
            (&[("__name__", "up"), (&long, "1")], "label name bytes"),
            (&[("__name__", "up"), ("a", &longer)], "label value bytes"),
            (&[("__name__", "vigie_queue_jobs"), ("queue", "a")], "has the label job"),
            (&[("__name__", "vigie_job_run_seconds_sum"), ("job", "")], "has the label job"),
        ] {
            assert!(of(pairs).unwrap_err().contains(word), "{pairs:?}");
        }
        let many: Vec<_> = (0..200).map(|number| Label::new(format!("l{number}"), "x")).collect();
        assert!(checked(many).unwrap_err().contains("the limit labels a series"));
    }
}
