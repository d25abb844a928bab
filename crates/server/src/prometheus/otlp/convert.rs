//! OTLP's points as Prometheus's samples, by the rules that Prometheus has by default.

use std::collections::BTreeMap;

use vigie_model::{Label, METRIC_NAME, NativeHistogram};
use vigie_store::STALE_BITS;

use super::super::exemplars::MOST;
use super::message::{
    Attribute, ExponentialPoint, Head, HistogramPoint, NumberPoint, Point, Shape, SummaryPoint,
    Temporality,
};
use super::names::{self, Kind};
use super::{MetricMetadata, MetricType, Received, WriteError, checked, reduced};

/// A zero bucket as wide as Prometheus makes it where none is told.
const ZERO_THRESHOLD: f64 = 1e-128;
const FINEST: i32 = 8;
const COARSEST: i32 = -4;
/// What describes a resource is told at least this often, in milliseconds: half of what a query looks back.
const INFO_EVERY: i64 = 150_000;
/// ... but not more often than this: a request that spans years is a mistake.
const INFOS: i64 = 100;
/// The attributes that identify a resource: they become `job` and `instance`.
const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

type Pairs = BTreeMap<String, String>;

/// Takes points one by one.
pub(crate) struct Converter<'t> {
    /// What became of them.
    pub(crate) received: Received<'t>,
    resource: Vec<Attribute>,
    /// `job` and `instance`.
    identity: Vec<(&'static str, String)>,
    /// The earliest and the latest point of the resource, in Unix milliseconds.
    span: Option<(i64, i64)>,
    head: Head,
    /// The metric's name; why its points are refused where they are.
    name: Result<String, String>,
}

impl<'t> Converter<'t> {
    /// A converter that adds to what was received.
    pub(crate) fn new(received: Received<'t>) -> Self {
        Self {
            received,
            resource: Vec::new(),
            identity: Vec::new(),
            span: None,
            head: Head::default(),
            name: Err("a point without a metric".to_owned()),
        }
    }

    /// Begins a resource.
    pub(crate) fn resource(&mut self, attributes: Vec<Attribute>) {
        let [namespace, name, id] = IDENTIFYING.map(|key| {
            let found = attributes.iter().find(|attribute| attribute.key == key);
            found.map(Attribute::text).filter(|text| !text.is_empty())
        });
        let job = match (namespace, name) {
            (Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
            (_, name) => name,
        };
        self.identity.clear();
        self.identity.extend(job.map(|job| ("job", job)));
        self.identity.extend(id.map(|id| ("instance", id)));
        self.resource = attributes;
        self.span = None;
    }

    /// Begins a metric.
    pub(crate) fn metric(&mut self, head: Head) -> Result<(), WriteError> {
        let kind = match head.shape {
            Shape::Gauge => Kind::Gauge,
            Shape::Sum if head.monotonic => Kind::Counter,
            _ => Kind::Other,
        };
        let counted = matches!(head.shape, Shape::Sum | Shape::Histogram | Shape::Exponential);
        self.name = if counted && head.temporality != Temporality::Cumulative {
            let temporality = match head.temporality {
                Temporality::Delta => "delta temporality",
                _ => "no temporality",
            };
            Err(format!(
                "metric {:?} has {temporality}, and only cumulative is taken: set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative where it is sent",
                head.name
            ))
        } else {
            names::metric(&head.name, &head.unit, kind)
                .ok_or_else(|| format!("metric {:?} has a name without letters", head.name))
        };
        self.head = head;
        if let Ok(name) = &self.name {
            let kind = match (self.head.shape, kind) {
                (Shape::Sum, Kind::Counter) => MetricType::Counter,
                (Shape::Gauge | Shape::Sum, _) => MetricType::Gauge,
                (Shape::Histogram | Shape::Exponential, _) => MetricType::Histogram,
                (Shape::Summary, _) => MetricType::Summary,
            };
            self.received.metadata(MetricMetadata {
                name: name.clone(),
                kind,
                help: self.head.description.clone(),
                unit: names::unit(&self.head.unit),
            })?;
        }
        Ok(())
    }

    /// Takes a number.
    pub(crate) fn number(&mut self, number: NumberPoint) -> Result<(), WriteError> {
        let Some((name, labels)) = self.begin(&number.point) else { return Ok(()) };
        self.exemplars(&name, &labels, &number.point, |_| None);
        self.float(&name, &labels, &[], &number.point, number.value())
    }

    /// Takes a histogram with bounds, as the series that a classic one has.
    pub(crate) fn histogram(&mut self, histogram: HistogramPoint) -> Result<(), WriteError> {
        let point = &histogram.point;
        let Some((name, labels)) = self.begin(point) else { return Ok(()) };
        if let Some(sum) = histogram.sum {
            self.float(&format!("{name}_sum"), &labels, &[], point, sum)?;
        }
        let count = histogram.count as f64;
        self.float(&format!("{name}_count"), &labels, &[], point, count)?;
        let bucket = format!("{name}_bucket");
        self.exemplars(&bucket, &labels, point, |value| {
            let bound = histogram.explicit_bounds.iter().find(|bound| value <= **bound);
            let bound = bound.filter(|bound| **bound != f64::INFINITY);
            Some(("le", bound.map_or("+Inf".to_owned(), f64::to_string)))
        });
        let mut below = 0_u64;
        for (bound, count) in histogram.explicit_bounds.iter().zip(&histogram.bucket_counts) {
            below = below.saturating_add(*count);
            // The bucket of everything is made of the count.
            if *bound != f64::INFINITY {
                self.float(&bucket, &labels, &[("le", bound.to_string())], point, below as f64)?;
            }
        }
        self.float(&bucket, &labels, &[("le", "+Inf".to_owned())], point, count)
    }

    /// Takes a summary.
    pub(crate) fn summary(&mut self, summary: SummaryPoint) -> Result<(), WriteError> {
        let point = &summary.point;
        let Some((name, labels)) = self.begin(point) else { return Ok(()) };
        self.float(&format!("{name}_sum"), &labels, &[], point, summary.sum)?;
        self.float(&format!("{name}_count"), &labels, &[], point, summary.count as f64)?;
        for quantile in &summary.quantile_values {
            let label = [("quantile", quantile.quantile.to_string())];
            self.float(&name, &labels, &label, point, quantile.value)?;
        }
        Ok(())
    }

    /// Takes an exponential histogram, as a native one.
    pub(crate) fn exponential(&mut self, given: ExponentialPoint) -> Result<(), WriteError> {
        let Some((name, labels)) = self.begin(&given.point) else { return Ok(()) };
        let native = match native(&given) {
            Ok(native) => native,
            Err(why) => {
                self.received.refuse(1, || format!("a histogram of {name}: {why}"));
                return Ok(());
            }
        };
        self.exemplars(&name, &labels, &given.point, |_| None);
        match series(&name, &labels, &[]) {
            Ok(labels) => {
                self.received.series(labels, None)?;
                self.received.histogram(given.point.millis(), native)
            }
            Err(why) => {
                self.received.refuse(1, || why);
                Ok(())
            }
        }
    }

    /// The metric's name and the labels of a point; `None` when it is refused.
    fn begin(&mut self, point: &Point) -> Option<(String, Pairs)> {
        self.received.exemplars += point.exemplars.len() as u64 + point.more_exemplars;
        let time = point.millis();
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        let read = self.name.clone().and_then(|name| {
            Ok((name, with_identity(&point.attributes, &[METRIC_NAME], &self.identity)?))
        });
        read.map_err(|why| self.received.refuse(1, || why)).ok()
    }

    /// Takes the exemplars of a point; `more` is the label that the series of a value has besides.
    fn exemplars(
        &mut self,
        name: &str,
        labels: &Pairs,
        point: &Point,
        more: impl Fn(f64) -> Option<(&'static str, String)>,
    ) {
        for one in &point.exemplars {
            if self.received.of_series.len() == MOST {
                return;
            }
            let more: Vec<_> = more(one.value()).into_iter().collect();
            // What is wrong with the labels is told where the samples are taken.
            if let Ok(labels) = series(name, labels, &more) {
                self.received.of_series.push((labels, vec![one.exemplar()]));
            }
        }
    }

    fn float(
        &mut self,
        name: &str,
        labels: &Pairs,
        more: &[(&str, String)],
        point: &Point,
        value: f64,
    ) -> Result<(), WriteError> {
        let value = if point.is_gone() { f64::from_bits(STALE_BITS) } else { value };
        match series(name, labels, more) {
            Ok(labels) => {
                self.received.series(labels, None)?;
                self.received.float(point.millis(), value)
            }
            Err(why) => {
                self.received.refuse(1, || why);
                Ok(())
            }
        }
    }

    /// Ends a resource: what describes it beyond its identity is told as `target_info`.
    pub(crate) fn end_of_resource(&mut self) -> Result<(), WriteError> {
        let Some((first, last)) = self.span.take() else { return Ok(()) };
        let tells = self.resource.iter().any(|one| !IDENTIFYING.contains(&&*one.key));
        if !tells || self.identity.is_empty() {
            return Ok(());
        }
        let described = with_identity(&self.resource, &IDENTIFYING, &self.identity)
            .and_then(|labels| series("target_info", &labels, &[]));
        let labels = match described {
            Ok(labels) => labels,
            Err(why) => {
                self.received.refuse(1, || why);
                return Ok(());
            }
        };
        self.received.series(labels, None)?;
        if (last - first) / INFO_EVERY < INFOS {
            let mut time = first;
            while time < last {
                self.received.float(time, 1.0)?;
                time += INFO_EVERY;
            }
        }
        self.received.float(last, 1.0)?;
        self.received.metadata(MetricMetadata {
            name: "target_info".to_owned(),
            kind: MetricType::Gauge,
            help: "Target metadata".to_owned(),
            unit: String::new(),
        })
    }
}

/// Attributes as labels; those that are called the same then are joined.
fn with_identity(
    attributes: &[Attribute],
    without: &[&str],
    identity: &[(&'static str, String)],
) -> Result<Pairs, String> {
    let mut sorted: Vec<&Attribute> =
        attributes.iter().filter(|one| !without.contains(&&*one.key)).collect();
    sorted.sort_by(|one, two| one.key.cmp(&two.key));
    let mut labels = Pairs::new();
    for attribute in sorted {
        let name = names::label(&attribute.key).ok_or_else(|| {
            format!("an attribute has the name {:?}, which has no letters", attribute.key)
        })?;
        let text = attribute.text();
        match labels.get_mut(&name) {
            Some(held) if !held.is_empty() => {
                held.push(';');
                held.push_str(&text);
            }
            _ => drop(labels.insert(name, text)),
        }
    }
    labels.extend(identity.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Ok(labels)
}

fn series(
    name: &str,
    labels: &Pairs,
    more: &[(&str, String)],
) -> Result<vigie_model::Labels, String> {
    let told = labels.iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
    let mut all: Vec<Label> =
        told.map(|(name, value)| Label::new(name.as_str(), value.as_str())).collect();
    all.extend(more.iter().map(|(name, value)| Label::new(*name, value.as_str())));
    all.push(Label::new(METRIC_NAME, name));
    checked(all)
}

fn native(given: &ExponentialPoint) -> Result<NativeHistogram, String> {
    if given.scale < COARSEST {
        return Err(format!("its scale {} is below {COARSEST}", given.scale));
    }
    let by = u32::try_from(given.scale - FINEST).unwrap_or_default();
    let side = |buckets: &super::message::Buckets| {
        // OTLP's bucket 0 begins at 1, Prometheus's ends there.
        let first = i64::from(buckets.offset) + 1;
        let last = first + buckets.bucket_counts.len() as i64;
        if i32::try_from(last).is_err() {
            return Err(format!("its buckets end at {last}, beyond 32 bits"));
        }
        let counted = (first..).zip(&buckets.bucket_counts).filter(|(_, count)| **count > 0);
        let absolute: Vec<_> =
            counted.map(|(index, count)| (index as i32, *count as f64)).collect();
        Ok(reduced(&absolute, by))
    };
    let (positive, negative) = (side(&given.positive)?, side(&given.negative)?);
    let told = given.zero_threshold;
    let gone = given.point.is_gone();
    Ok(NativeHistogram {
        schema: given.scale.min(FINEST) as i8,
        zero_threshold: if told > 0.0 && told.is_finite() { told } else { ZERO_THRESHOLD },
        zero_count: given.zero_count as f64,
        count: given.count as f64,
        sum: if gone { f64::from_bits(STALE_BITS) } else { given.sum.unwrap_or_default() },
        positive,
        negative,
        ..NativeHistogram::default()
    })
}
