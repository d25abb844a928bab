//! The sources of a configuration: one type for all kinds, and how a list of different kinds is read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use vigie_collect::source::caddy::{CaddyConfig, RawCaddyConfig};
use vigie_collect::source::file::{FileConfig, RawFileConfig};
use vigie_collect::source::go_api::{GoApiConfig, RawGoApiConfig};
use vigie_collect::source::haproxy::{HaproxyConfig, RawHaproxyConfig};
use vigie_collect::source::n8n::{ExecutionQueue, N8nConfig, N8nQueue, RawN8nConfig};
use vigie_collect::source::nginx::{NginxConfig, RawNginxConfig};
use vigie_collect::source::probe::{ProbeConfig, RawProbeConfig};
use vigie_collect::source::prometheus::{PrometheusConfig, RawPrometheusConfig};
use vigie_collect::source::redis::{RawRedisConfig, RedisConfig};
use vigie_collect::source::{
    Backends, FailedJobs, RunContext, ToldJobs, caddy, file, go_api, haproxy, n8n, nginx, probe,
    prometheus, redis,
};
use vigie_collect::{LineKeeper, SampleSender};
use vigie_model::{Limits, SourceName};

/// What the sources of one Vigie share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Who is behind the balancers.
    pub(crate) backends: Backends,
    /// What workers tell of their jobs.
    pub(crate) told: ToldJobs,
    /// Who asks for jobs that failed.
    pub(crate) failed: FailedJobs,
    /// Where samples go.
    pub(crate) samples: SampleSender,
    /// Who keeps lines.
    pub(crate) lines: Arc<dyn LineKeeper>,
}

/// Declares the kinds: the word in the file, the variant, its raw and its checked form.
macro_rules! kinds {
    ($($word:literal, $variant:ident, $raw:ty, $config:ty;)*) => {
        /// Every kind of source that this version knows.
        pub(super) const KINDS: &[&str] = &[$($word),*];

        /// A source, checked.
        #[derive(Debug, Clone)]
        #[allow(clippy::large_enum_variant, reason = "there is one a source, and nobody moves many of them")]
        pub(crate) enum SourceConfig {
            $(#[doc = concat!("Of kind `", $word, "`.")] $variant($config),)*
        }

        /// A source as the file says it.
        pub(super) enum RawSource {
            $($variant(Box<$raw>),)*
        }

        impl<'de> DeserializeSeed<'de> for Kind<'_> {
            type Value = RawSource;

            fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<RawSource, D::Error> {
                match self.0 {
                    $($word => <$raw>::deserialize(from).map(|raw| RawSource::$variant(Box::new(raw))),)*
                    other => Err(serde::de::Error::custom(format!("there is no kind {other:?}"))),
                }
            }
        }

        impl TryFrom<RawSource> for SourceConfig {
            type Error = String;

            fn try_from(raw: RawSource) -> Result<Self, String> {
                match raw {
                    $(RawSource::$variant(raw) => {
                        <$config>::try_from(*raw).map(Self::$variant).map_err(|error| error.to_string())
                    })*
                }
            }
        }

        impl SourceConfig {
            /// The word for its kind.
            pub(crate) fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $word,)*
                }
            }

            /// Its name.
            pub(crate) fn name(&self) -> &SourceName {
                match self {
                    $(Self::$variant(config) => &config.name,)*
                }
            }
        }
    };
}

kinds! {
    "redis", Redis, RawRedisConfig, RedisConfig;
    "haproxy", Haproxy, RawHaproxyConfig, HaproxyConfig;
    "nginx", Nginx, RawNginxConfig, NginxConfig;
    "caddy", Caddy, RawCaddyConfig, CaddyConfig;
    "probe", Probe, RawProbeConfig, ProbeConfig;
    "go_api", GoApi, RawGoApiConfig, GoApiConfig;
    "n8n", N8n, RawN8nConfig, N8nConfig;
    "prometheus", Prometheus, RawPrometheusConfig, PrometheusConfig;
    "file", File, RawFileConfig, FileConfig;
}

/// The kind of the next source in the list.
struct Kind<'a>(&'a str);

impl SourceConfig {
    /// Its address for people, without secrets.
    pub(crate) fn display_url(&self) -> String {
        match self {
            Self::Redis(config) => config.display_url(),
            Self::Haproxy(config) => config.display_url(),
            Self::Nginx(config) => config.url.to_string(),
            Self::Caddy(config) => config.url.to_string(),
            Self::Probe(config) => config.display_url(),
            Self::GoApi(config) => config.display_url(),
            Self::N8n(config) => config.display_url(),
            Self::Prometheus(config) => config.display_url(),
            Self::File(config) => config.display_url(),
        }
    }

    /// Time between two looks.
    pub(crate) fn poll(&self) -> Duration {
        match self {
            Self::Redis(config) => config.poll,
            Self::Haproxy(config) => config.access.poll,
            Self::Nginx(config) => config.access.poll,
            Self::Caddy(config) => config.access.poll,
            Self::Probe(config) => config.access.poll,
            Self::GoApi(config) => config.access.poll,
            Self::N8n(config) => config.access.poll,
            Self::Prometheus(config) => config.access.poll,
            Self::File(config) => config.report,
        }
    }

    /// What may be remembered of it.
    pub(crate) fn limits(&self) -> Limits {
        match self {
            Self::Redis(config) => config.limits,
            _ => Limits::default(),
        }
    }

    /// Whose backends it asks, if it follows a load balancer.
    pub(super) fn follows(&self) -> Option<&SourceName> {
        match self {
            Self::Probe(config) => config.follow.as_ref().map(|follow| &follow.source),
            _ => None,
        }
    }

    /// Whose jobs it tells of, if it does.
    pub(super) fn tells_of(&self) -> Option<&SourceName> {
        match self {
            Self::GoApi(config) => config.asynq.as_ref(),
            _ => None,
        }
    }

    /// Joins each n8n with the Redis in which its queue is, so that the jobs there are called by their workflows.
    ///
    /// # Errors
    /// The place of the source whose Redis is not there, and what is wrong.
    pub(super) fn join(sources: &mut [Self]) -> Result<(), (usize, String)> {
        let queues: Vec<_> = sources
            .iter()
            .enumerate()
            .filter_map(|(place, source)| match source {
                Self::N8n(config) => Some((place, config.queue.clone()?)),
                _ => None,
            })
            .collect();
        for (place, queue) in queues {
            let redis = sources.iter_mut().find_map(|source| match source {
                Self::Redis(config) if config.name == queue.redis => Some(config),
                _ => None,
            });
            let Some(redis) = redis else {
                let error =
                    format!("redis: there is no source {:?} of kind redis", queue.redis.as_str());
                return Err((place, error));
            };
            let N8nQueue { base, link, .. } = queue;
            if redis.executions.iter().any(|other| other.base == base) {
                let error = format!(
                    "redis: the queue {base} in source {} is another n8n's already",
                    redis.name
                );
                return Err((place, error));
            }
            redis.executions.push(ExecutionQueue { base, link });
            let registry = redis.clone();
            if let Some(Self::N8n(n8n)) = sources.get_mut(place) {
                n8n.registry = Some(Box::new(registry));
            }
        }
        Ok(())
    }

    /// Whether it tells who is behind it.
    pub(crate) fn is_balancer(&self) -> bool {
        matches!(self, Self::Haproxy(_) | Self::Caddy(_) | Self::Nginx(_))
    }

    /// Watches it until `stop`.
    pub(crate) async fn run(
        self,
        context: RunContext,
        Shared { backends, told, failed, samples, lines }: Shared,
    ) {
        match self {
            Self::Redis(config) => redis::run(config, told, failed, context).await,
            Self::Haproxy(config) => haproxy::run(config, backends, context).await,
            Self::Nginx(config) => nginx::run(config, backends, context).await,
            Self::Caddy(config) => caddy::run(config, backends, context).await,
            Self::Probe(config) => probe::run(config, backends, context).await,
            Self::GoApi(config) => go_api::run(config, lines, told, context).await,
            Self::N8n(config) => n8n::run(config, lines, context).await,
            Self::Prometheus(config) => prometheus::run(config, samples, context).await,
            Self::File(config) => file::run(config, lines, context).await,
        }
    }
}

/// Reads the list under `sources` of a whole file; `kinds` are those of its entries, in order.
pub(super) struct Sources<'a>(pub(super) &'a [String]);

impl<'de> DeserializeSeed<'de> for Sources<'_> {
    type Value = Vec<RawSource>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Sources<'_> {
    type Value = Vec<RawSource>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a configuration")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut sources = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "sources" {
                sources = map.next_value_seed(List(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(sources)
    }
}

struct List<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Vec<RawSource>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<RawSource>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of sources")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut sources = Vec::new();
        for kind in self.0 {
            let Some(source) = list.next_element_seed(Kind(kind))? else { break };
            sources.push(source);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(sources)
    }
}
