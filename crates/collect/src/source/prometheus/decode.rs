//! From an answer's bytes to its samples, in whichever format it is.

use vigie_model::{Labels, ScrapedFamily, ScrapedSample, ScrapedValue};

use super::{protobuf, text};

/// The formats of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text, version 0.0.4 or 1.0.0.
    Text,
    /// OpenMetrics' text.
    OpenMetrics,
    /// Delimited protobuf messages `io.prometheus.client.MetricFamily`.
    Protobuf,
}

impl Format {
    /// What is asked for, the most telling first: only protobuf has native histograms.
    pub const ACCEPT: &'static str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
         application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2";

    /// The format of an answer with this `Content-Type`; none is taken for text.
    ///
    /// # Errors
    /// When it is another sort of document: an exporter that is not up yet may answer 200 with a page for people.
    pub fn of(content_type: Option<&str>) -> Result<Self, DecodeError> {
        let whole = content_type.unwrap_or("text/plain");
        let kind = whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "" | "text/plain" => Ok(Self::Text),
            "application/openmetrics-text" => Ok(Self::OpenMetrics),
            "application/vnd.google.protobuf" => Ok(Self::Protobuf),
            _ => Err(DecodeError::ContentType(whole.chars().take(100).collect())),
        }
    }
}

/// What one answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Samples.
    pub samples: usize,
    /// Labels of one series, its name not included.
    pub labels: usize,
    /// Bytes of a label's name.
    pub label_name: usize,
    /// Bytes of a label's value.
    pub label_value: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { samples: 100_000, labels: 64, label_name: 256, label_value: 4_096 }
    }
}

/// Why an answer could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is no exposition.
    #[error(
        "the answer is {0:?}, not metrics: is metrics_path the right one, and has the service started?"
    )]
    ContentType(String),
    /// A line says nothing that can be understood.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// OpenMetrics ends with `# EOF`.
    #[error("the answer ends without `# EOF`: it was cut short")]
    NoEnd,
    /// A message is no such message.
    #[error("message {number}: {what}")]
    Message {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Something is over a limit.
    #[error("more than {most} {what}: raise {setting} or drop series with metric_relabel_configs")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: usize,
        /// The setting that says so.
        setting: &'static str,
    },
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// Its samples, as they come.
    pub samples: Vec<ScrapedSample>,
    /// What it says of its metrics.
    pub families: Vec<ScrapedFamily>,
    /// Exemplars, which are not kept.
    pub exemplars: usize,
}

/// Reads an answer.
///
/// # Errors
/// When a part of it cannot be understood, or is over a limit: nothing of it counts then, as with Prometheus.
pub fn decode(format: Format, body: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    match format {
        Format::Text => text::decode(body, false, limits),
        Format::OpenMetrics => text::decode(body, true, limits),
        Format::Protobuf => protobuf::decode(body, limits),
    }
}

/// The floats of a page in one of the text formats whose names `wanted` takes: for who knows what there is to find.
///
/// # Errors
/// As [`decode`].
pub fn figures(
    body: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(Labels, f64)>, DecodeError> {
    let open = body.trim_ascii_end().ends_with(b"# EOF");
    let format = if open { Format::OpenMetrics } else { Format::Text };
    let found = decode(format, body, &Limits::default())?.samples.into_iter();
    let figure = |sample: ScrapedSample| match sample.value {
        ScrapedValue::Float(value) if wanted(sample.labels.metric_name()) => {
            Some((sample.labels, value))
        }
        _ => None,
    };
    Ok(found.filter_map(figure).collect())
}

impl Decoded {
    pub(super) fn room(&self, limits: &Limits) -> Result<(), DecodeError> {
        if self.samples.len() < limits.samples {
            return Ok(());
        }
        Err(DecodeError::Limit { what: "samples", most: limits.samples, setting: "sample_limit" })
    }
}

impl Limits {
    pub(super) fn name(&self, name: &str) -> Result<(), DecodeError> {
        let (most, setting) = (self.label_name, "label_name_length_limit");
        match name.len() <= most {
            true => Ok(()),
            false => Err(DecodeError::Limit { what: "bytes in a label's name", most, setting }),
        }
    }

    pub(super) fn value(&self, value: &str) -> Result<(), DecodeError> {
        let (most, setting) = (self.label_value, "label_value_length_limit");
        match value.len() <= most {
            true => Ok(()),
            false => Err(DecodeError::Limit { what: "bytes in a label's value", most, setting }),
        }
    }

    pub(super) fn count(&self, labels: usize) -> Result<(), DecodeError> {
        let (most, setting) = (self.labels, "label_limit");
        match labels <= most {
            true => Ok(()),
            false => Err(DecodeError::Limit { what: "labels in a series", most, setting }),
        }
    }
}

/// As Prometheus writes the bounds of buckets and quantiles, so that the same series comes of each format: `1.0`, `0.25`,
/// `1e+06`, `+Inf`.
pub(super) fn bound_text(bound: f64) -> String {
    match bound {
        f64::INFINITY => return "+Inf".to_owned(),
        f64::NEG_INFINITY => return "-Inf".to_owned(),
        _ => {}
    }
    let scientific = format!("{bound:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        small @ ..-4 => format!("{digits}e-{:02}", -small),
        large @ 6.. => format!("{digits}e+{large:02}"),
        _ => format!("{bound:?}"),
    }
}
