//! What a source of exporters is configured with: the words of Prometheus's `scrape_config`.

use std::collections::BTreeMap;

use vigie_model::{Labels, SourceName};

use super::decode::Limits;
use super::relabel::{Action, Anchored, RelabelError, Relabeling};
use super::routes;
use super::scrape::SampleSettings;
use super::target::{Target, TargetSettings};
use crate::http::{Access, HttpConfigError, raw_http, source_name};

/// Targets that one source may list.
const MAX_TARGETS: usize = 1_000;

raw_http! {
    /// Exporters as a configuration file says them.
    RawPrometheusConfig {
        /// Who is asked, each as `host:port`.
        #[serde(default)]
        targets: Vec<String>,
        /// Labels that the series of all `targets` get.
        #[serde(default)]
        labels: BTreeMap<String, String>,
        /// Several lists, each with labels of its own.
        #[serde(default)]
        static_configs: Vec<RawTargets>,
        /// As one of `targets`, but each address of its host is a target.
        dns: Option<String>,
        /// The label `job`; the source's name by default.
        job_name: Option<String>,
        /// `http` (the default) or `https`.
        scheme: Option<String>,
        /// The path; `/metrics` by default.
        metrics_path: Option<String>,
        /// Parameters of the URL.
        #[serde(default)]
        params: BTreeMap<String, Vec<String>>,
        /// Whether the labels of an exporter count where its target has the same.
        #[serde(default)]
        honor_labels: bool,
        /// Whether the times of an exporter count; true by default.
        honor_timestamps: Option<bool>,
        /// What is done with the labels of targets.
        #[serde(default)]
        relabel_configs: Vec<RawRelabeling>,
        /// What is done with series.
        #[serde(default)]
        metric_relabel_configs: Vec<RawRelabeling>,
        /// Samples of one scrape; 100,000 by default.
        sample_limit: Option<usize>,
        /// Labels of one series; 64 by default.
        label_limit: Option<usize>,
        /// Bytes of a label's name; 256 by default.
        label_name_length_limit: Option<usize>,
        /// Bytes of a label's value; 4,096 by default.
        label_value_length_limit: Option<usize>,
    }
}

/// Targets with labels of their own.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTargets {
    /// Who is asked, each as `host:port`.
    pub targets: Vec<String>,
    /// Labels that their series get.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// One rule of relabelling as a file says it.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRelabeling {
    /// Labels whose values are put together.
    #[serde(default)]
    pub source_labels: Vec<String>,
    /// What is in between; `;` by default.
    pub separator: Option<String>,
    /// The label that is written.
    pub target_label: Option<String>,
    /// What must match as a whole; `(.*)` by default.
    pub regex: Option<String>,
    /// What the hash is divided by.
    pub modulus: Option<u64>,
    /// What is written; `$1` by default.
    pub replacement: Option<String>,
    /// What is done; `replace` by default.
    pub action: Option<String>,
}

/// A source of exporters, checked.
#[derive(Debug, Clone)]
pub struct PrometheusConfig {
    /// Its name.
    pub name: SourceName,
    /// How its targets are reached.
    pub access: Access,
    /// The targets of the lists.
    pub targets: Vec<Target>,
    /// A host whose addresses are targets, with its port.
    pub dns: Option<(String, u16)>,
    /// The labels of those, and how any target is made.
    pub making: (Labels, TargetSettings),
    /// What is done with samples.
    pub samples: SampleSettings,
}

impl PrometheusConfig {
    /// Its address for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        let first = self.targets.first().map(|target| target.url.as_str());
        match (first, &self.dns, self.targets.len()) {
            (Some(url), None, 1) => url.to_owned(),
            (Some(url), None, many) => format!("{url} and {} more", many - 1),
            (Some(url), Some((host, port)), _) => {
                format!("{url} and the addresses of {host}:{port}")
            }
            (None, Some((host, port)), _) => format!("the addresses of {host}:{port}"),
            (None, None, _) => String::new(),
        }
    }
}

impl TryFrom<RawPrometheusConfig> for PrometheusConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawPrometheusConfig) -> Result<Self, HttpConfigError> {
        let name = source_name(&raw.name)?;
        let access = raw.access()?;
        let making = TargetSettings {
            job: raw.job_name.unwrap_or_else(|| name.as_str().to_owned()),
            scheme: raw.scheme.unwrap_or_else(|| "http".to_owned()),
            path: raw.metrics_path.unwrap_or_else(|| routes::METRICS.to_owned()),
            parameters: raw.params.into_iter().collect(),
            relabeling: rules("relabel_configs", raw.relabel_configs)?,
        };
        let own = Labels::from_pairs(raw.labels);
        let mut targets = Vec::new();
        let lists = raw.static_configs.into_iter();
        let lists = lists.map(|list| (list.targets, Labels::from_pairs(list.labels)));
        for (addresses, labels) in std::iter::once((raw.targets, own.clone())).chain(lists) {
            for address in addresses {
                let wrong = |error: super::target::TargetError| {
                    HttpConfigError::Wrong("targets", error.to_string())
                };
                targets.extend(making.target(&address, &labels).map_err(wrong)?);
            }
        }
        let dns = match raw.dns {
            None => None,
            Some(text) => {
                let parts = crate::source::targets::host_and_port(&text);
                Some(parts.ok_or(HttpConfigError::Address("dns", text))?)
            }
        };
        if targets.is_empty() && dns.is_none() {
            return Err(HttpConfigError::Missing(
                "targets, static_configs or dns: at least one target is needed that relabel_configs do not drop",
            ));
        }
        if targets.len() > MAX_TARGETS {
            return Err(HttpConfigError::Range {
                key: "targets",
                value: targets.len().to_string(),
                allowed: format!("at most {MAX_TARGETS}"),
            });
        }
        let usual = Limits::default();
        let samples = SampleSettings {
            honor_labels: raw.honor_labels,
            ignore_timestamps: !raw.honor_timestamps.unwrap_or(true),
            relabeling: rules("metric_relabel_configs", raw.metric_relabel_configs)?,
            limits: Limits {
                samples: raw.sample_limit.unwrap_or(usual.samples),
                labels: raw.label_limit.unwrap_or(usual.labels),
                label_name: raw.label_name_length_limit.unwrap_or(usual.label_name),
                label_value: raw.label_value_length_limit.unwrap_or(usual.label_value),
            },
        };
        Ok(Self { name, access, targets, dns, making: (own, making), samples })
    }
}

fn rules(key: &'static str, raw: Vec<RawRelabeling>) -> Result<Vec<Relabeling>, HttpConfigError> {
    let wrong = |error: RelabelError| HttpConfigError::Wrong(key, error.to_string());
    raw.into_iter().map(|rule| rule.checked().map_err(wrong)).collect()
}

impl RawRelabeling {
    fn checked(self) -> Result<Relabeling, RelabelError> {
        let usual = Relabeling::default();
        let action = self.action.as_deref().unwrap_or(Action::Replace.as_str()).parse()?;
        Relabeling {
            source_labels: self.source_labels,
            separator: self.separator.unwrap_or(usual.separator),
            target_label: self.target_label.unwrap_or_default(),
            regex: self.regex.map_or(Ok(Anchored::default()), |regex| regex.parse())?,
            modulus: self.modulus.unwrap_or(0),
            replacement: self.replacement.unwrap_or(usual.replacement),
            action,
        }
        .checked()
    }
}
