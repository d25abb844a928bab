//! What a source of exporters is configured with: the words of Prometheus's `scrape_config`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use vigie_model::{Labels, SourceName};

use super::decode::Limits;
use super::discover::{Lookup, RawDns, lookups};
use super::relabel::{Action, Anchored, RelabelError, Relabeling};
use super::routes;
use super::scrape::SampleSettings;
use super::target::{Target, TargetSettings};
use crate::http::{Access, BODY_LIMIT, HttpConfigError, raw_http, source_name};
use crate::source::services;

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
        /// As one of `targets`, but each address of its host is a target; or a service (SRV), each server of which is one.
        dns: Option<String>,
        /// The same for several names.
        #[serde(default)]
        dns_sd_configs: Vec<RawDns>,
        /// Who is asked for services, instead of the name servers of this machine.
        dns_server: Option<String>,
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
        /// Bytes of one answer, also after it was decompressed; 16 MiB by default, which is the most.
        body_size_limit: Option<usize>,
        /// Targets that relabelling leaves; over it, none is asked. 1,000 by default.
        target_limit: Option<usize>,
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
    /// Names whose addresses or servers are targets.
    pub lookups: Vec<Lookup>,
    /// Who is asked for services.
    pub dns_server: Option<SocketAddr>,
    /// Targets at the most.
    pub target_limit: usize,
    /// Bytes of one answer at the most.
    pub body_limit: usize,
    /// The labels of those, and how any target is made.
    pub making: (Labels, TargetSettings),
    /// What is done with samples.
    pub samples: SampleSettings,
}

impl PrometheusConfig {
    /// Its address for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        let first = self.targets.first().map(Target::shown);
        match (first, self.lookups.first(), self.targets.len()) {
            (Some(url), None, 1) => url.to_owned(),
            (Some(url), None, many) => format!("{url} and {} more", many - 1),
            (Some(url), Some(lookup), _) => format!("{url} and {lookup}"),
            (None, Some(lookup), _) => lookup.to_string(),
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
        let lookups = lookups(raw.dns, raw.dns_sd_configs)?;
        let dns_server = raw.dns_server.as_deref().map(name_server).transpose()?;
        if targets.is_empty() && lookups.is_empty() {
            return Err(HttpConfigError::Missing(
                "targets, static_configs, dns or dns_sd_configs: at least one target is needed that relabel_configs do not drop",
            ));
        }
        let target_limit = within("target_limit", raw.target_limit, MAX_TARGETS)?;
        let body_limit = within("body_size_limit", raw.body_size_limit, BODY_LIMIT)?;
        within("targets", Some(targets.len().max(1)), target_limit)?;
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
        let making = (own, making);
        Ok(Self {
            name,
            access,
            targets,
            lookups,
            dns_server,
            target_limit,
            body_limit,
            making,
            samples,
        })
    }
}

/// A limit that is set, or the most that may be.
fn within(key: &'static str, given: Option<usize>, most: usize) -> Result<usize, HttpConfigError> {
    match given {
        Some(value) if !(1..=most).contains(&value) => {
            let allowed = format!("1 to {most}");
            Err(HttpConfigError::Range { key, value: value.to_string(), allowed })
        }
        given => Ok(given.unwrap_or(most)),
    }
}

fn name_server(text: &str) -> Result<SocketAddr, HttpConfigError> {
    services::name_server(text)
        .ok_or_else(|| HttpConfigError::Address("dns_server", text.chars().take(100).collect()))
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
